"""The command line: the tasks of the workflow, for people."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scalelaw import __version__, tasks
from scalelaw.errors import ScalelawError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for bad input, 2 for bad usage."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except ScalelawError as error:
        print(f"scalelaw stopped:\n{error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
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
    validate.set_defaults(run=_validate)

    task = commands.add_parser("task", help="run one step of the workflow on files you name")
    names = task.add_subparsers(title="steps", required=True, metavar="STEP")
    for name in tasks.NAMES:
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


def _validate(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus import load_corpus
    from scalelaw.corpus.problems import describe

    corpus = load_corpus(parsed.papers, parsed.hardware, parsed.benchmarks)
    print(describe(corpus.problems))
    print(f"{len(corpus.records)} records")
    return 0


def _task(parsed: argparse.Namespace) -> int:
    settings = {key: getattr(parsed, key) for key in tasks.parameters(parsed.task)}
    settings = {key: value for key, value in settings.items() if value is not None}
    return tasks.run(parsed.task, parsed.log, **settings)
