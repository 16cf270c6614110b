"""The command line: the tasks of the workflow, for people."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalelaw import __version__, tasks
from scalelaw.errors import ScalelawError, UnreadableError
from scalelaw.fit_csv import ESTIMATORS, FORMS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0; 1 where the input has errors; 2 for bad usage or a file that cannot be read.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(with_steps=words[:1] == ["task"]).parse_args(words)
    try:
        status: int = parsed.run(parsed)
    except ScalelawError as error:
        print(f"scalelaw stopped:\n{error}", file=sys.stderr)
        return 2 if isinstance(error, UnreadableError) else 1
    return status


def _parser(with_steps: bool) -> argparse.ArgumentParser:
    """Return the parser; the workflow's steps are loaded only where they are asked for."""
    parser = argparse.ArgumentParser(
        prog="scalelaw",
        description="Empirical scaling laws from published deep-learning results. "
        "To make every result, run `snakemake` in a checkout.",
    )
    parser.add_argument("--version", action="version", version=f"scalelaw {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    validate = commands.add_parser("validate", help="check corpus files and print every problem")
    validate.add_argument("papers", nargs="+", type=Path, metavar="FILE")
    data = Path("data")
    validate.add_argument("--hardware", nargs="+", type=Path, default=[data / "hardware.csv"])
    validate.add_argument("--benchmarks", nargs="+", type=Path, default=[data / "benchmarks.yaml"])
    validate.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="json for programs, github for annotations on a pull request",
    )
    validate.add_argument("--strict", action="store_true", help="warnings count as errors")
    validate.set_defaults(run=_validate)

    imports = commands.add_parser("import", help="draft rows for review from another database")
    sources = imports.add_subparsers(title="sources", required=True, metavar="SOURCE")
    for name, summary in (
        ("epoch", 'Epoch AI\'s "All ML Systems" CSV'),
        ("timm", "results-imagenet.csv of timm"),
    ):
        source = sources.add_parser(name, help=summary, description=summary)
        source.add_argument("file", type=Path, metavar="FILE")
        for option, file, what in (
            ("--output", "review.csv", "the rows, for review"),
            ("--unmapped", "unmapped.csv", "what could not be mapped, and why"),
        ):
            source.add_argument(
                option, type=Path, default=Path(file), help=f"{what} (default: {file})"
            )
        source.add_argument("--force", action="store_true", help="overwrite existing files")
        if name == "epoch":
            source.add_argument("--hardware", type=Path, default=data / "hardware.csv")
        source.set_defaults(run=_import, source=name)

    add = commands.add_parser("add", help="ask for a new record, check it and append it")
    add.add_argument("--papers", type=Path, default=data / "papers.csv")
    add.add_argument("--hardware", nargs="+", type=Path, default=[data / "hardware.csv"])
    add.add_argument("--benchmarks", nargs="+", type=Path, default=[data / "benchmarks.yaml"])
    add.add_argument("--fits", type=Path, default=Path("results/fits/models"))
    add.set_defaults(run=_add)

    _add_fit(commands)
    _add_fit_surface(commands)

    afford = commands.add_parser(
        "afford",
        help="what an error costs, or what a budget reaches",
        description="What a target error costs to train and run, or which error a budget reaches, "
        "from the draws of the last run of the workflow.",
        epilog="Settings that are not given are those of the last run.",
    )
    afford.add_argument("--benchmark", required=True, help="such as imagenet")
    asked = afford.add_mutually_exclusive_group(required=True)
    asked.add_argument("--error", help="target, written 5%% or 0.05")
    asked.add_argument("--budget", type=float, metavar="USD", help="US$ to spend on training")
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
    afford.add_argument("--predictions-per-day", type=float, metavar="N", help="for running costs")
    afford.add_argument(
        "--preset", help="another study's constants, such as study; only with --error"
    )
    afford.add_argument("--json", action="store_true", help="for programs")
    afford.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    afford.set_defaults(run=_afford)

    task = commands.add_parser("task", help="run one step of the workflow on files you name")
    names = task.add_subparsers(title="steps", required=True, metavar="STEP")
    for name in tasks.NAMES if with_steps else ():
        summary = (tasks.get(name).__doc__ or "").splitlines()[0]
        step = names.add_parser(name.replace("_", "-"), help=summary, description=summary)
        step.add_argument("--log", type=Path)
        for key, (kind, many, required) in tasks.parameters(name).items():
            step.add_argument(
                f"--{key.replace('_', '-')}",
                type=kind,
                nargs="*" if many else None,
                required=required and not many,
                default=[] if many else None,
                metavar=kind.__name__.upper(),
            )
        step.set_defaults(run=_task, task=name)
    return parser


def _add_fit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fit = commands.add_parser(
        "fit",
        help="fit a law of two columns of your own CSV file",
        description="Fit a law of one predictor to a CSV file, in every direction that it has. "
        "Values are taken as they stand in the file.",
    )
    fit.add_argument("file", type=Path, metavar="FILE")
    fit.add_argument("--x", required=True, metavar="COLUMN", help="predictor, such as flop")
    fit.add_argument("--y", required=True, metavar="COLUMN", help="response, such as error or loss")
    fit.add_argument("--form", choices=FORMS, default="power", help="power by default")
    fit.add_argument(
        "--covariate",
        action="append",
        default=[],
        metavar="COLUMN",
        help="such as year; repeatable",
    )
    fit.add_argument("--effects", metavar="COLUMN", help="entities with an intercept each")
    for name, variable in (("--x-sd", "log10 x"), ("--y-sd", "log10 y")):
        fit.add_argument(
            name, type=_number_or_name, metavar="SD",
            help=f"error of {variable} for York's line: a number or a column",
        )  # fmt: skip
    fit.add_argument(
        "--target", action="append", default=[], type=float, metavar="Y",
        help="response whose x is asked for; repeatable",
    )  # fmt: skip
    _add_fit_options(fit, "lsq")
    fit.set_defaults(run=_fit, command="fit")


def _add_fit_surface(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    surface = commands.add_parser(
        "fit-surface",
        help="fit loss against parameters and tokens of your own training runs",
        description="Fit E + A/N^alpha + B/D^beta to a CSV file of training runs, and say how to "
        "spend a budget. Values are taken as they stand in the file.",
    )
    surface.add_argument("file", type=Path, metavar="FILE")
    for name, what in (("--n", "parameters"), ("--d", "tokens"), ("--y", "loss")):
        surface.add_argument(name, required=True, metavar="COLUMN", help=what)
    surface.add_argument(
        "--budget", action="append", default=[], type=float, metavar="FLOP",
        help="training compute to allocate; repeatable",
    )  # fmt: skip
    surface.add_argument(
        "--flop-per-param-token", type=float, default=6.0, metavar="K",
        help="compute is K x parameters x tokens; 6 by default",
    )  # fmt: skip
    _add_fit_options(surface, "huber")
    surface.set_defaults(run=_fit_surface, command="fit-surface")


def _add_fit_options(parser: argparse.ArgumentParser, estimator: str) -> None:
    parser.add_argument(
        "--group", metavar="COLUMN", help="what belongs together, such as paper or run"
    )
    parser.add_argument("--weights", metavar="COLUMN", help="positive weights of the records")
    parser.add_argument(
        "--estimator", choices=ESTIMATORS, default=estimator, help=f"{estimator} by default"
    )
    parser.add_argument("--delta", type=float, default=1e-3, help="of huber, on logs; 1e-3")
    parser.add_argument("--tau", type=float, default=0.5, help="of pinball; 0.1 is a frontier")
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals; 0.95")
    parser.add_argument("--replicates", type=int, default=2000, help="of the bootstrap; 2000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="for programs")


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _validate(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus import CorpusError, load_corpus
    from scalelaw.corpus.problems import FORMATS

    try:
        corpus = load_corpus(parsed.papers, parsed.hardware, parsed.benchmarks)
    except CorpusError as error:
        print(FORMATS[parsed.format](error.problems))
        unreadable = any(problem.check == "unreadable-file" for problem in error.problems)
        return 2 if unreadable else 1
    print(FORMATS[parsed.format](corpus.problems))
    if parsed.format == "text":
        print(f"{len(corpus.records)} records, {len(corpus.waived)} warning(s) waived")
    return 1 if parsed.strict and corpus.problems else 0


def _import(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus import importers
    from scalelaw.corpus.hardware import read_hardware

    outputs = (parsed.output, parsed.unmapped)
    if len({path.resolve() for path in (parsed.file, *outputs)}) < 3:
        raise ScalelawError("FILE, --output and --unmapped must be three different files")
    for path in outputs:
        if path.exists() and not parsed.force:
            raise ScalelawError(f"{path}: exists already (name another file, or add --force)")
    if parsed.source == "epoch":
        imported = importers.import_epoch(parsed.file, read_hardware([parsed.hardware]))
    else:
        imported = importers.import_timm(parsed.file)
    importers.write_for_review(imported, *outputs)
    print(importers.summarise(imported))
    print(f"Rows: {parsed.output}\nNot mapped: {parsed.unmapped}")
    print(
        "The rows are for review and never go straight into the corpus: check each figure at its "
        "primary source, fill what is empty, then run `scalelaw validate`."
    )
    return 0


def _add(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus.add import add_record, open_corpus

    corpus = open_corpus(parsed.papers, parsed.hardware, parsed.benchmarks)
    try:
        return 0 if add_record(corpus, parsed.fits, input, print) else 1
    except (EOFError, KeyboardInterrupt):
        print("\nStopped; nothing was changed.", file=sys.stderr)
        return 1


def _fit(parsed: argparse.Namespace) -> int:
    from scalelaw.fit_csv import fit_curve_file

    answer = fit_curve_file(
        parsed.file,
        parsed.x,
        parsed.y,
        form=parsed.form,
        covariates=parsed.covariate,
        effects=parsed.effects,
        x_sd=parsed.x_sd,
        y_sd=parsed.y_sd,
        targets=parsed.target,
        **_fit_options(parsed),
    )
    print(answer.to_json() if parsed.json else answer.to_text())
    return 0


def _fit_surface(parsed: argparse.Namespace) -> int:
    from scalelaw.fit_csv import fit_surface_file

    answer = fit_surface_file(
        parsed.file,
        parsed.n,
        parsed.d,
        parsed.y,
        budgets=parsed.budget,
        flop_per_param_token=parsed.flop_per_param_token,
        **_fit_options(parsed),
    )
    print(answer.to_json() if parsed.json else answer.to_text())
    return 0


def _fit_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return what both fits take, or refuse settings out of range."""
    from scalelaw.fit_csv import estimator

    for name, value, fine in (
        ("--level", parsed.level, 0 < parsed.level < 1),
        ("--tau", parsed.tau, 0 < parsed.tau < 1),
        ("--delta", parsed.delta, parsed.delta > 0),
        ("--replicates", parsed.replicates, 0 <= parsed.replicates <= 1_000_000),
        ("--seed", parsed.seed, parsed.seed >= 0),
        *(("--target", y, 0 < y < math.inf) for y in getattr(parsed, "target", ())),
        *(("--budget", flop, 0 < flop < math.inf) for flop in getattr(parsed, "budget", ())),
        *(
            (f"--{name.replace('_', '-')}", value, 0 < value < math.inf)
            for name in ("flop_per_param_token", "x_sd", "y_sd")
            if isinstance(value := getattr(parsed, name, None), float)
        ),
    ):
        if not fine:
            raise ScalelawError(f"{name} {value} is out of range; see scalelaw {parsed.command} -h")
    return {
        "groups": parsed.group,
        "weights": parsed.weights,
        "loss": estimator(parsed.estimator, parsed.delta, parsed.tau),
        "level": parsed.level,
        "replicates": parsed.replicates,
        "seed": parsed.seed,
    }


def _afford(parsed: argparse.Namespace) -> int:
    from scalelaw.cost.afford import Desk
    from scalelaw.cost.question import Question, parse_error

    question = Question(
        parsed.benchmark,
        None if parsed.error is None else parse_error(parsed.error),
        parsed.budget,
        parsed.device,
        parsed.year,
        tuple(parsed.place),
        parsed.own,
        parsed.form,
        parsed.ignore_floor,
        parsed.preset,
        parsed.predictions_per_day,
    )
    answer = Desk(parsed.results).answer(question)
    print(answer.to_json() if parsed.json else answer.to_text())
    return 0


def _task(parsed: argparse.Namespace) -> int:
    settings = {key: getattr(parsed, key) for key in tasks.parameters(parsed.task)}
    settings = {key: value for key, value in settings.items() if value is not None}
    return tasks.run(parsed.task, parsed.log, **settings)
