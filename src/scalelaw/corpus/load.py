"""Load corpus files into one checked table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.corpus.checks import Context, make_entry, run_checks
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.problems import CorpusError, Problem
from scalelaw.corpus.records import Selection, derive_records
from scalelaw.corpus.schema import HARDWARE, PAPERS, Column
from scalelaw.corpus.table import Table, read_table

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
        Warnings that stand, sorted by file and line.
    waived : list of Problem
        Warnings that their row waives; the remedy is the reason given there.
    """

    records: "pd.DataFrame"
    benchmarks: dict[str, Benchmark]
    hardware: Hardware
    problems: list[Problem]
    waived: list[Problem]


def load_corpus(
    papers: Sequence[Path | str],
    hardware: Sequence[Path | str],
    benchmarks: Sequence[Path | str],
    selection: Selection | None = None,
    today: date | None = None,
) -> Corpus:
    """Read and check corpus files.

    Parameters
    ----------
    papers, hardware, benchmarks : sequence of path
        Files of each kind; several are merged. Identifiers must be unique over all of them.
    selection : Selection, optional
        What enters fits; everything with computable compute by default.
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
    complete = device_table.complete and devices.complete
    context = Context(bench, devices, today or date.today(), complete)
    entries = [make_entry(row, context) for row in record_table.rows]
    found, waived = run_checks(entries, device_table.rows, context)
    problems = sorted([*device_table.problems, *record_table.problems, *found])
    if any(problem.severity == "error" for problem in problems):
        raise CorpusError(problems)
    records = derive_records(entries, selection or Selection())
    return Corpus(records, bench, devices, problems, sorted(waived))


def _read_all(paths: Sequence[Path | str], columns: Sequence[Column]) -> Table:
    table = Table()
    for path in paths:
        part = read_table(Path(path), columns)
        table.rows += part.rows
        table.problems += part.problems
        table.complete = table.complete and part.complete
    return table
