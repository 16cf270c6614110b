"""Read one CSV table as text, cell by cell, collecting every problem with its line and column."""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from scalelaw.corpus.problems import Problem, Severity
from scalelaw.corpus.schema import Column
from scalelaw.errors import did_you_mean

_NUMBER = re.compile(r"\+?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\+?\.[0-9]+([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_URL = re.compile(r"https?://[^\s<>\"']+")


class CellError(ValueError):
    """A cell that cannot be read: message and remedy."""

    def __str__(self) -> str:
        message, remedy = self.args
        return f"{message} ({remedy})"


def _slug(text: str, _: Column) -> str:
    if not _SLUG.fullmatch(text):
        raise CellError(
            f'"{text}" is not a name', "use small letters, digits, dots, dashes and underscores"
        )
    return text


def _url(text: str, _: Column) -> str:
    if not _URL.fullmatch(text):
        raise CellError(f'"{text}" is not a web address', "write the full address, https://...")
    return text


def _number(text: str, column: Column) -> float:
    if not _NUMBER.fullmatch(text):
        raise CellError(
            f'"{text}" is not a positive number',
            "write digits with a decimal point and no unit, such as 1281167 or 1.2e18",
        )
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise CellError(
            f'"{text}" is not a positive finite number', "leave the cell empty if unknown"
        )
    if column.kind == "count" and value != int(value):
        raise CellError(f'"{text}" is not a whole number', "write how many devices ran at a time")
    return value


def parse_date(text: str) -> date:
    """Return the day that YYYY-MM-DD names, or the first of the month for YYYY-MM.

    Raises
    ------
    ValueError
        If the text has another form or names no real day.
    """
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day = match.groups()
    return date(int(year), int(month), int(day or 1))


def _date(text: str, _: Column) -> str:
    try:
        parse_date(text)
    except ValueError:
        raise CellError(f'"{text}" is not a date', "write YYYY-MM or YYYY-MM-DD") from None
    return text


def _choice(text: str, column: Column) -> str:
    if text not in column.choices:
        near = did_you_mean(text, list(column.choices))
        raise CellError(
            f'"{text}" is not one of {", ".join(column.choices)}', near or "use one of these words"
        )
    return text


_PARSERS: dict[str, Callable[[str, Column], Any]] = {
    "slug": _slug,
    "text": lambda text, _: text,
    "url": _url,
    "number": _number,
    "count": _number,
    "date": _date,
    "choice": _choice,
}


def read_cell(text: str, column: Column) -> Any:
    """Return the value of a cell, None if it is empty.

    Raises
    ------
    CellError
        If the cell cannot be read as its column demands, or is empty although required.
    """
    if text:
        return _PARSERS[column.kind](text, column)
    if column.required:
        raise CellError("the cell is empty", "this column is required")
    return None


def is_readable(text: str, column: Column) -> bool:
    """Return whether a cell that is not empty can be read as its column demands."""
    try:
        read_cell(text, column)
    except CellError:
        return False
    return True


@dataclass(frozen=True)
class Row:
    """One row: its place, and its cells by column name; an empty or broken cell is None."""

    file: str
    line: int
    values: dict[str, Any]
    broken: frozenset[str] = frozenset()

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    @property
    def place(self) -> tuple[str, int]:
        """File and line, which tell rows apart."""
        return self.file, self.line

    def problem(
        self, column: str, severity: Severity, check: str, message: str, remedy: str
    ) -> Problem:
        """Return a problem of this row."""
        return Problem(self.file, self.line, column, severity, check, message, remedy)


@dataclass
class Table:
    """The rows of one or more files, and the problems met on the way.

    ``complete`` is False if a file, or a row as a whole, could not be read, so that a name may be
    missing for that reason alone.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True


def read_table(path: Path, columns: Sequence[Column]) -> Table:
    """Read a CSV file, reporting every cell that cannot be read.

    Parameters
    ----------
    path : Path
        UTF-8 file with a header, comma separated; a byte-order mark is tolerated.
    columns : sequence of Column
        The table's schema. Optional columns may be missing from the file.

    Returns
    -------
    Table
        All rows of the right length, and all problems, each of them an error. A row keeps the
        cells that could be read and names those that could not in ``broken``.
    """
    table = Table()
    name = str(path)

    def report(line: int, column: str, check: str, message: str, remedy: str) -> None:
        table.complete = table.complete and check == "bad-cell"
        table.problems.append(Problem(name, line, column, "error", check, message, remedy))

    try:
        raw = path.read_bytes()
    except OSError as error:
        report(1, "-", "unreadable-file", error.strerror or "cannot be read", "check the path")
        return table
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report(
            raw.count(b"\n", 0, error.start) + 1,
            "-",
            "wrong-encoding",
            f"byte 0x{raw[error.start]:02x} is not UTF-8",
            "save the file as UTF-8",
        )
        return table
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        report(line, "-", "nul-byte", "the line holds a NUL byte", "save the file as plain text")
        return table
    if not text.strip():
        report(1, "-", "empty-file", "the file is empty", "write a header and at least one row")
        return table

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader)]
        known = {column.name: column for column in columns}
        header_ok = _check_header(header, columns, report)
        if not header_ok:
            return table
        line = reader.line_num + 1
        schema = [known[column_name] for column_name in header]
        # Most cells of a large table stand in many rows; one value serves them all.
        met: list[dict[str, Any]] = [{} for _ in header]
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                report(
                    start,
                    "-",
                    "ragged-row",
                    f"{len(cells)} cells, but the header has {len(header)}",
                    "check commas and quotes",
                )
                continue
            values: dict[str, Any] = dict.fromkeys(known)
            broken = set()
            for column, cell, seen in zip(schema, cells, met, strict=True):
                if cell in seen:
                    values[column.name] = seen[cell]
                    continue
                try:
                    values[column.name] = seen[cell] = read_cell(cell.strip(), column)
                except CellError as bad:
                    broken.add(column.name)
                    report(start, column.name, "bad-cell", *bad.args)
            table.rows.append(Row(name, start, values, frozenset(broken)))
    except csv.Error as error:
        report(reader.line_num, "-", "bad-csv", str(error), "check the quotes of this line")
        return table
    if not table.rows and not table.problems:
        report(1, "-", "no-rows", "the file has a header but no rows", "add a row")
    return table


def _check_header(
    header: list[str], columns: Sequence[Column], report: Callable[[int, str, str, str, str], None]
) -> bool:
    known = [column.name for column in columns]
    good = True
    for name in sorted({n for n in header if header.count(n) > 1}):
        good = False
        report(1, name or "-", "duplicate-column", "the column stands twice", "keep one of them")
    for name in header:
        if name not in known:
            good = False
            near = did_you_mean(name, known)
            remedy = near or "remove it"
            report(1, name or "-", "unknown-column", "the schema has no such column", remedy)
    for column in columns:
        if column.required and column.name not in header:
            good = False
            report(
                1, column.name, "missing-column", "a required column is missing", "add the column"
            )
    return good
