"""What is wrong with the input, with its place and remedy."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from scalelaw.errors import ScalelawError, visible

Severity = Literal["error", "warning"]

MAX_ERRORS = 1_000
"""Errors of one file, or of one check, that are listed: nobody mends more at a time."""


@dataclass(frozen=True, order=True)
class Problem:
    """One problem of one cell, row or file.

    Parameters
    ----------
    file : str
        Path as the user gave it.
    line : int
        Line of the file, counted from 1; the header is line 1.
    column : str
        Header of the cell's column, ``-`` where the whole row or file is meant.
    severity : {"error", "warning"}
        An error stops the run; a warning is written out and shown in the report.
    check : str
        Name of the check that found it.
    message, remedy : str
        What is wrong, and what to do about it.
    """

    file: str
    line: int
    column: str
    severity: Severity
    check: str
    message: str
    remedy: str

    def __post_init__(self) -> None:
        # They quote cells, which may hold anything.
        for name in ("column", "message", "remedy"):
            object.__setattr__(self, name, visible(getattr(self, name)))

    def __str__(self) -> str:
        return (
            f"{visible(self.file)}:{self.line}: {self.column}: "
            f"{self.severity}: {self.message} ({self.remedy})"
        )


class CorpusError(ScalelawError):
    """The corpus has errors; the message lists every one of them.

    Parameters
    ----------
    problems : iterable of Problem
        All problems found, warnings included.
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems)
        super().__init__(describe(self.problems))


def at_most(problems: Iterable[Problem], most: int = MAX_ERRORS) -> Iterator[Problem]:
    """Yield problems up to so many errors, and say so where there are more."""
    errors = 0
    for problem in problems:
        errors += problem.severity == "error"
        if errors > most:
            message = f"more than {most:,} errors; no further ones of their kind are listed"
            yield replace(
                problem, check="too-many-errors", message=message, remedy="mend the others first"
            )
            return
        yield problem


def describe(problems: Sequence[Problem]) -> str:
    """Return the problems, one a line, errors last where they are seen, and their counts."""
    errors = [p for p in problems if p.severity == "error"]
    warnings = [p for p in problems if p.severity == "warning"]
    count = f"{len(errors)} error(s), {len(warnings)} warning(s)"
    return "\n".join([*map(str, warnings), *map(str, errors), count])


def as_json(problems: Sequence[Problem]) -> str:
    """Return the problems as a JSON list of objects."""
    return json.dumps([asdict(problem) for problem in problems], indent=1)


def as_github(problems: Sequence[Problem]) -> str:
    """Return the problems as commands that GitHub shows at the lines of a pull request."""

    def escape(text: str) -> str:
        # A problem's words have no line ends, which would need it too.
        return text.replace("%", "%25")

    def escape_property(text: str) -> str:
        return escape(text).replace(":", "%3A").replace(",", "%2C")

    return "\n".join(
        f"::{p.severity} file={escape_property(visible(p.file))},line={p.line},"
        f"title={escape_property(p.check)}::{escape(f'{p.column}: {p.message} ({p.remedy})')}"
        for p in problems
    )


FORMATS = {"text": describe, "json": as_json, "github": as_github}
