"""Commands that check and add data: validate, add, import."""

import argparse
import sys
from pathlib import Path

from scalelaw.cli.common import Commands, add_corpus_options
from scalelaw.errors import ScalelawError, UsageError
from scalelaw.shipped import here_or_shipped


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    validate = commands.add_parser(
        "validate",
        help="check corpus files and print every problem",
        description="Check corpus files and print every problem with file, line, column and "
        "remedy.",
        example="scalelaw validate mine.csv",
    )
    validate.add_argument("papers", nargs="+", type=Path, metavar="FILE")
    add_corpus_options(validate)
    validate.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="json for programs, github for annotations on a pull request",
    )
    validate.add_argument("--strict", action="store_true", help="warnings count as errors")
    validate.set_defaults(run=_validate)

    add = commands.add_parser(
        "add",
        help="ask for a new record, check it and append it",
        description="Ask for each cell of a new record with hints, check it and append it.",
        example="scalelaw add --papers mine.csv",
    )
    add.add_argument("--papers", type=Path, default=Path("data/papers.csv"), metavar="FILE")
    add_corpus_options(add)
    add.add_argument(
        "--fits", type=Path, default=Path("results/fits/models"), metavar="FOLDER",
        help="stored fits that show where the record falls; they need not exist",
    )  # fmt: skip
    add.set_defaults(run=_add)

    imports = commands.add_parser(
        "import",
        help="draft rows for review from another database",
        description="Draft rows for review from another database.",
        example="scalelaw import epoch all_ml_systems.csv --output review.csv",
    )
    sources = imports.add_subparsers(title="sources", required=True, metavar="SOURCE")
    for name, summary in (
        ("epoch", 'Epoch AI\'s "All ML Systems" CSV'),
        ("timm", "results-imagenet.csv of timm"),
    ):
        source = sources.add_parser(
            name,
            help=summary,
            description=summary,
            example=f"scalelaw import {name} FILE --output review.csv",
        )
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
            hardware = here_or_shipped("data/hardware.csv")
            source.add_argument("--hardware", type=Path, default=hardware, metavar="FILE")
        source.set_defaults(run=_import, source=name)


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
    if parsed.format == "text" and not parsed.quiet:
        named = {str(path) for path in parsed.papers}
        waived = sum(problem.file in named for problem in corpus.waived)
        print(f"{len(corpus.records)} record(s), {waived} warning(s) waived")
    return 1 if parsed.strict and corpus.problems else 0


def _import(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus import importers
    from scalelaw.corpus.hardware import read_hardware
    from scalelaw.inputs import check_input

    outputs = (parsed.output, parsed.unmapped)
    if len({path.resolve() for path in (parsed.file, *outputs)}) < 3:
        raise UsageError("FILE, --output and --unmapped must be three different files")
    check_input(parsed.file)
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
    if not parsed.quiet:
        print(
            "The rows are for review and never go straight into the corpus: check each figure at "
            "its primary source, fill what is empty, then run `scalelaw validate`."
        )
    return 0


def _add(parsed: argparse.Namespace) -> int:
    from scalelaw.corpus.add import add_record, open_corpus

    corpus = open_corpus(parsed.papers, parsed.hardware, parsed.benchmarks)
    try:
        return 0 if add_record(corpus, parsed.fits, input, print) else 1
    except (EOFError, KeyboardInterrupt) as stop:
        print("\nStopped; nothing was changed.", file=sys.stderr)
        return 1 if isinstance(stop, EOFError) else 130
