"""What all commands share: their parser, its common options, and where data lie."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from scalelaw.shipped import here_or_shipped

Commands: TypeAlias = "argparse._SubParsersAction[Any]"


class _Formatter(argparse.HelpFormatter):
    """Help whose example keeps its lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("Example"):
            return text
        return super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser whose help may be a text of its own, and may end with an example."""

    def __init__(self, *, story: str = "", example: str = "", **settings: Any):
        if example:
            settings["epilog"] = f"Example:\n  {example}"
        super().__init__(**settings, formatter_class=_Formatter)
        self.story = story

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is unknown here, lest the parser above shows its own usage."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def format_help(self) -> str:
        """Return the help."""
        return self.story or super().format_help()


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Give the options that every command has to all commands of a parser."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for action in nested:
        for child in action.choices.values():
            add_common_options(child)
    if not nested:
        parser.add_argument("--quiet", action="store_true", help="print results and errors only")
        parser.add_argument("--debug", action="store_true", help="show the traceback of a bug")


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Add the tables that a corpus file refers to: those that lie here, else the shipped ones."""
    for option, file, what in (
        ("--hardware", "data/hardware.csv", "devices"),
        ("--benchmarks", "data/benchmarks.yaml", "benchmarks"),
    ):
        parser.add_argument(
            option,
            nargs="+",
            type=Path,
            default=[here_or_shipped(file)],
            metavar="FILE",
            help=f"{what}; {file} here, or that of the package, by default",
        )


def default_results() -> Path:
    """Return the folder of results: of a run here, else of a report made here."""
    made = Path("scalelaw-report/results")
    return made if made.is_dir() and not Path("results").is_dir() else Path("results")


def results_in(folder: Path) -> Path:
    """Return a folder of results: the one named, or that within the folder of a report."""
    inner = folder / "results"
    return inner if inner.is_dir() else folder
