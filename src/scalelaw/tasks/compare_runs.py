"""Say what has changed since the run before."""

from pathlib import Path

from scalelaw.history import compare, remember, state_of
from scalelaw.tables import read_records, read_result, write_table


def compare_runs(
    *,
    records: Path,
    exponents: Path,
    counts: Path,
    changed_records: Path,
    moved_exponents: Path,
    history: Path,
) -> str:
    """Compare records and exponents with those of the last run that had others.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    exponents : path
        Table of ``fit_power_laws``.
    counts, changed_records, moved_exponents : path
        CSV files to write: numbers of records and fits, records that came, went or changed, and
        exponents that moved.
    history : path
        Parquet file that holds this run and the one before, and is brought up to date.
    """
    state = state_of(read_records(records), read_result(exponents))
    changes = compare(*remember(state, history))
    write_table(changes.counts, counts)
    write_table(changes.records, changed_records)
    write_table(changes.exponents, moved_exponents)
    return f"{len(changes.records)} records and {len(changes.exponents)} exponents changed"
