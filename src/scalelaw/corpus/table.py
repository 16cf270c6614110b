"""Read one CSV table as text, cell by cell, collecting every problem with its line and column."""

import codecs
import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from scalelaw.corpus.problems import MAX_ERRORS, Problem, Severity, at_most
from scalelaw.corpus.schema import Column
from scalelaw.errors import did_you_mean, visible
from scalelaw.inputs import MAX_TABLE_BYTES, bounded_lines, refusal

MAX_CELL = 10_000
"""Characters of a cell; the longest of the project's corpus has 630."""

MAX_COLUMNS = 200
"""The widest table of the project has 40."""

MAX_LINES = 10_000_000
"""A corpus of a million records has a tenth of that."""

NUMBERS = (1e-30, 1e45)
"""Numbers lie between these; products of several of them are then finite and not 0."""

MAX_COUNT = 1e15
"""Counts up to this are exact."""

YEARS = (1900, 2100)

_SHOWN = 80
"""Characters of a cell that a message quotes."""

_CHUNK = 2**20

_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
}
"""How files begin that people name .csv although they are none."""

_NUMBER = re.compile(r"\+?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\+?\.[0-9]+([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_URL = re.compile(r"https?://[^\s<>\"']+")


class CellError(ValueError):
    """A cell that cannot be read: message and remedy."""

    def __str__(self) -> str:
        message, remedy = self.args
        return f"{message} ({remedy})"


def _quoted(text: str) -> str:
    return f'"{visible(text, _SHOWN)}"'


def _slug(text: str, _: Column) -> str:
    if not _SLUG.fullmatch(text):
        small = text.lower().replace(" ", "-")
        remedy = "use small letters, digits, dots, dashes and underscores"
        if len(small) <= _SHOWN and _SLUG.fullmatch(small):
            remedy = f'write "{small}"'
        raise CellError(f"{_quoted(text)} is not a name", remedy)
    return text


def _url(text: str, _: Column) -> str:
    if not _URL.fullmatch(text):
        raise CellError(
            f"{_quoted(text)} is not a web address", "write the full address, https://..."
        )
    return text


def _number(text: str, column: Column) -> float:
    if not _NUMBER.fullmatch(text):
        raise CellError(
            f"{_quoted(text)} is not a positive number",
            "write digits with a decimal point and no unit, such as 1281167 or 1.2e18",
        )
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise CellError(
            f"{_quoted(text)} is not a positive finite number", "leave the cell empty if unknown"
        )
    least, most = NUMBERS
    if not least <= value <= most:
        raise CellError(f"{_quoted(text)} is out of range", f"write {least:g} to {most:g}")
    if column.kind == "count" and (value != int(value) or value > MAX_COUNT):
        raise CellError(
            f"{_quoted(text)} is not a whole number", "write how many devices ran at a time"
        )
    return value


def parse_date(text: str) -> date:
    """Return the day that YYYY-MM-DD names, or the first of the month for YYYY-MM.

    Raises
    ------
    ValueError
        If the text has another form, names no real day, or none within `YEARS`.
    """
    match = _DATE.fullmatch(text)
    if not match or not YEARS[0] <= int(match[1]) <= YEARS[1]:
        raise ValueError(text)
    year, month, day = match.groups()
    return date(int(year), int(month), int(day or 1))


def _date(text: str, _: Column) -> str:
    try:
        parse_date(text)
    except ValueError:
        known = _DATE.fullmatch(text) and not YEARS[0] <= int(text[:4]) <= YEARS[1]
        remedy = f"years are {YEARS[0]} to {YEARS[1]}" if known else "write YYYY-MM or YYYY-MM-DD"
        raise CellError(f"{_quoted(text)} is not a date", remedy) from None
    return text


def _choice(text: str, column: Column) -> str:
    if text not in column.choices:
        near = did_you_mean(text, list(column.choices))
        choices = ", ".join(column.choices)
        raise CellError(
            f"{_quoted(text)} is not one of {choices}", near or "use one of these words"
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
    if len(text) > MAX_CELL:
        raise CellError(f"{len(text):,} characters", f"a cell holds {MAX_CELL:,} at most")
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

    if refused := refusal(path, MAX_TABLE_BYTES):
        report(1, "-", "unreadable-file", *refused)
        return table
    try:
        with path.open("rb") as raw:
            if fault := _fault_of_bytes(raw):
                report(fault[0], "-", *fault[1:])
                return table
            raw.seek(0)
            with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
                _read_rows(text, name, table, columns, report)
    except OSError as error:
        report(1, "-", "unreadable-file", error.strerror or "cannot be read", "check the path")
    except UnicodeDecodeError:
        report(1, "-", "unreadable-file", "the file changed while it was read", "try again")
    table.problems = list(at_most(table.problems))
    return table


def _fault_of_bytes(raw: BinaryIO) -> tuple[int, str, str, str] | None:
    """Return why a file is no text that could be a table: line, check, message and remedy.

    It is read in pieces, so that no content makes it take much memory.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line, size, ends, blank = 1, 0, 0, True
    while True:
        piece = raw.read(_CHUNK)
        for start, kind in _ARCHIVES.items() if size == 0 else ():
            if piece.startswith(start):
                return 1, "wrong-encoding", f"this is {kind}, not text", "export it as CSV"
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
            return line, "wrong-encoding", message, "save the file as UTF-8"
        if (nul := piece.find(b"\0")) >= 0:
            line += piece.count(b"\n", 0, nul)
            return line, "nul-byte", "the line holds a NUL byte", "save the file as plain text"
        if not piece:
            break
        size += len(piece)
        line += piece.count(b"\n")
        ends += max(piece.count(b"\n"), piece.count(b"\r"))
        if size > MAX_TABLE_BYTES or ends > MAX_LINES:
            message = f"more than {MAX_TABLE_BYTES:,} bytes or {MAX_LINES:,} lines"
            return line, "unreadable-file", message, "split the file"
        blank = blank and not text.strip()
    if blank:
        return 1, "empty-file", "the file is empty", "write a header and at least one row"
    return None


Report = Callable[[int, str, str, str, str], None]


def _read_rows(
    text: TextIO, name: str, table: Table, columns: Sequence[Column], report: Report
) -> None:
    reader = csv.reader(bounded_lines(text), strict=True)
    line = 1
    try:
        header = [cell.strip() for cell in next(reader)]
        known = {column.name: column for column in columns}
        if not _check_header(header, columns, report):
            return
        line = reader.line_num + 1
        schema = [known[column_name] for column_name in header]
        # Most cells of a large table stand in many rows; one value serves them all.
        met: list[dict[str, Any]] = [{} for _ in header]
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if len(table.problems) > MAX_ERRORS:
                return
            if len(cells) != len(header):
                report(
                    start,
                    "-",
                    "ragged-row",
                    f"{len(cells):,} cells, but the header has {len(header)}",
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
        limit = "field limit" in str(error)
        message = f"a cell of more than {csv.field_size_limit():,} characters" if limit else error
        report(line, "-", "bad-csv", str(message), "check the quotes of the row that begins here")
        return
    if not table.rows and not table.problems:
        report(1, "-", "no-rows", "the file has a header but no rows", "add a row")


def _check_header(header: list[str], columns: Sequence[Column], report: Report) -> bool:
    known = [column.name for column in columns]
    if len(header) > MAX_COLUMNS:
        message = f"{len(header):,} columns"
        report(1, "-", "too-many-columns", message, f"a table has {MAX_COLUMNS} at most")
        return False
    if known[0] not in header and 2 * len(set(header).intersection(known)) < len(header):
        # Nothing of it is quoted: it may be a file of quite another kind.
        separator = next((s for s in ";\t|" if s in "".join(header)), None)
        remedy = "separate cells with commas" if separator else "check that it is the right file"
        message = f"the header is not that of this table, which begins with {known[0]}"
        report(1, "-", "unknown-header", message, remedy)
        return False
    good = True
    for name in sorted({n for n in header if header.count(n) > 1}):
        good = False
        report(1, _shown(name), "duplicate-column", "the column stands twice", "keep one of them")
    for name in header:
        if name not in known:
            good = False
            near = did_you_mean(name, known)
            remedy = near or "remove it"
            message = "the schema has no such column"
            report(1, _shown(name), "unknown-column", message, remedy)
    for column in columns:
        if column.required and column.name not in header:
            good = False
            report(
                1, column.name, "missing-column", "a required column is missing", "add the column"
            )
    return good


def _shown(name: str) -> str:
    return visible(name, _SHOWN) or "-"
