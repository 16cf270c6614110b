"""The command afford."""

import argparse
from collections.abc import Callable
from pathlib import Path

from scalelaw.cli.common import Commands, default_results, results_in


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    afford = commands.add_parser(
        "afford",
        help="what an error costs, or what a budget reaches",
        description="What a target error costs to train and run, or which error a budget reaches, "
        "from the draws of the last run of the workflow. Settings that are not given are those of "
        "that run.",
        example="scalelaw afford --benchmark imagenet --error 7% --device 'RTX 4090'",
    )
    afford.add_argument("--benchmark", required=True, help="such as imagenet")
    asked = afford.add_mutually_exclusive_group(required=True)
    asked.add_argument("--error", help="target, written 5%% or 0.05")
    asked.add_argument(
        "--budget", metavar="USD", help="US$ to spend on training, such as 1000 or '2.5 million'"
    )
    afford.add_argument("--device", help='such as "RTX 4090"')
    afford.add_argument("--year", type=int, help="year of prices and electricity, 1990 to 2100")
    afford.add_argument(
        "--place",
        action="append",
        default=[],
        help="where the electricity comes from; several are drawn from with equal chance",
    )
    afford.add_argument("--own", action="store_true", help="reckon with owning the device")
    afford.add_argument(
        "--form", choices=("all", "power", "exponential", "floored"), help="all by default"
    )
    afford.add_argument(
        "--ignore-floor", action="store_true", help="project below the known floor all the same"
    )
    afford.add_argument("--predictions-per-day", metavar="N", help="for running costs")
    afford.add_argument(
        "--utilisation",
        metavar="SHARE",
        help="of the peak rate, such as 0.4 or 40%%; drawn from published values by default",
    )
    afford.add_argument(
        "--preset", help="another study's constants, such as study; only with --error"
    )
    afford.add_argument("--json", action="store_true", help="for programs")
    afford.add_argument("--results", type=Path, default=default_results(), help="results of a run")
    afford.set_defaults(run=_afford)


def _afford(parsed: argparse.Namespace) -> int:
    from scalelaw.cost.afford import Desk
    from scalelaw.cost.question import (
        Question,
        parse_budget,
        parse_error,
        parse_predictions,
        parse_utilisation,
    )

    def given(parse: Callable[[str], float], text: str | None) -> float | None:
        return None if text is None else parse(text)

    question = Question(
        parsed.benchmark,
        given(parse_error, parsed.error),
        given(parse_budget, parsed.budget),
        parsed.device,
        parsed.year,
        tuple(parsed.place),
        parsed.own,
        parsed.form,
        parsed.ignore_floor,
        parsed.preset,
        given(parse_predictions, parsed.predictions_per_day),
        given(parse_utilisation, parsed.utilisation),
    )
    answer = Desk(results_in(parsed.results)).answer(question)
    print(answer.to_json() if parsed.json else answer.to_text())
    return 0
