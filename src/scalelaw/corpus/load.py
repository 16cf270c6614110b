"""Load corpus files into one checked table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.corpus.checks import ROW_CHECKS, Context, duplicate_ids, duplicate_results
from scalelaw.corpus.hardware import Hardware, duplicate_names
from scalelaw.corpus.problems import CorpusError, Problem
from scalelaw.corpus.records import derive_records
from scalelaw.corpus.schema import HARDWARE, PAPERS, Column
from scalelaw.corpus.table import Row, Table, read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Corpus:
    """Checked records and what was noticed about them.

    Parameters
    ----------
    records : pandas.DataFrame
        One row per record: the columns of ``papers.csv``, then the derived ones (see
        :func:`scalelaw.corpus.records.derive_records`).
    benchmarks : dict of str to Benchmark
        Benchmarks by key.
    hardware : Hardware
        Devices by name or alias.
    problems : list of Problem
        Warnings, sorted by file and line.
    """

    records: "pd.DataFrame"
    benchmarks: dict[str, Benchmark]
    hardware: Hardware
    problems: list[Problem]


def load_corpus(
    papers: Sequence[Path | str],
    hardware: Sequence[Path | str],
    benchmarks: Sequence[Path | str],
    exclude_scopes: Sequence[str] = (),
    today: date | None = None,
) -> Corpus:
    """Read and check corpus files.

    Parameters
    ----------
    papers, hardware, benchmarks : sequence of path
        Files of each kind; several are merged. Identifiers must be unique over all of them.
    exclude_scopes : sequence of str
        Values of ``compute_scope`` that keep a record out of fits.
    today : date, optional
        Day after which a date counts as future; the current day by default.

    Returns
    -------
    Corpus

    Raises
    ------
    CorpusError
        If any cell, row or file has an error; it lists every problem at once.
    ScalelawError
        If a benchmark file is not valid.

    Examples
    --------
    >>> corpus = load_corpus(
    ...     ["data/papers.csv"], ["data/hardware.csv"], ["data/benchmarks.yaml"]
    ... )
    >>> "flop_hardware" in corpus.records
    True
    """
    bench = read_benchmarks([Path(path) for path in benchmarks])
    device_table = _read_all(hardware, HARDWARE)
    devices = Hardware(device_table.rows)
    record_table = _read_all(papers, PAPERS)
    problems = [*device_table.problems, *record_table.problems]
    problems += duplicate_names(device_table.rows)
    problems += check_rows(record_table.rows, Context(bench, devices, today or date.today()))
    problems.sort()
    if any(problem.severity == "error" for problem in problems):
        raise CorpusError(problems)
    return Corpus(
        derive_records(record_table.rows, devices, bench, exclude_scopes), bench, devices, problems
    )


def check_rows(rows: list[Row], context: Context) -> Iterable[Problem]:
    """Yield the problems of rows that could be read: row checks first, then those over all rows."""
    for row in rows:
        for row_check in ROW_CHECKS:
            yield from row_check(row, context)
    yield from duplicate_ids(rows, "record_id")
    yield from duplicate_results(rows)


def _read_all(paths: Sequence[Path | str], columns: Sequence[Column]) -> Table:
    table = Table()
    for path in paths:
        part = read_table(Path(path), columns)
        table.rows += part.rows
        table.problems += part.problems
    return table
