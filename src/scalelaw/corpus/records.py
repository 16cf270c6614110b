"""Derive error, compute and eligibility of each record from its checked cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scalelaw.compute import BASES, BEST, CONFIDENCE_SD_DECADES, hardware_flop
from scalelaw.corpus.checks.catalogue import Entry
from scalelaw.corpus.schema import DERIVED, PAPERS
from scalelaw.corpus.table import parse_date

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Selection:
    """Which records enter fits.

    Parameters
    ----------
    benchmarks : tuple of str
        Benchmarks that are analysed; empty for all.
    bases : tuple of str
        Bases of compute that are fitted.
    exclude_scopes : tuple of str
        Values of ``compute_scope`` that keep a record out.
    """

    benchmarks: tuple[str, ...] = ()
    bases: tuple[str, ...] = (BEST,)
    exclude_scopes: tuple[str, ...] = ()


def derive_records(entries: Sequence[Entry], selection: Selection) -> "pd.DataFrame":
    """Return the records with their derived columns.

    Parameters
    ----------
    entries : sequence of Entry
        Rows without errors, with what follows from them.
    selection : Selection
        What enters fits.

    Returns
    -------
    pandas.DataFrame
        One row per record in the order given; columns `PAPERS` then `DERIVED`.
    """
    import pandas as pd

    columns = (*PAPERS, *DERIVED)
    # Column by column, for rows of Python objects would take several times the memory.
    cells: dict[str, list[Any]] = {column.name: [] for column in columns}
    for entry in entries:
        for name, cell in (entry.row.values | _derive(entry, selection)).items():
            cells[name].append(cell)
    series: dict[str, pd.Series[Any]] = {}
    for column in columns:
        own = cells.pop(column.name)
        if column.kind in ("number", "count"):
            kind = "float64" if column.kind == "number" else "Int64"
            series[column.name] = pd.Series(own, dtype="float64").astype(kind)
        else:
            series[column.name] = pd.Series(own, dtype="str").fillna("")
    return pd.DataFrame(series)


def _derive(entry: Entry, selection: Selection) -> dict[str, Any]:
    device, flop = entry.device, entry.flop
    best, basis = flop.best()
    stated = "stated" if entry["precision"] else "default"
    fp32 = device.peak("fp32") if device else None
    return {
        "file": entry.row.file,
        "line": entry.row.line,
        "year": decimal_year(entry["date"]),
        "method_year": decimal_year(entry["method_date"] or entry["date"]),
        "error_kind": entry.metric.error if entry.metric else None,
        "error": entry.error,
        "device": device.name if device else None,
        "peak_precision": entry.precision if device else None,
        "peak_precision_basis": stated if device else None,
        "peak_fp32_flop_per_s": fp32,
        "peak_flop_per_s": device.peak(entry.precision) if device and entry.precision else None,
        "flop_hardware": flop.hardware,
        "flop_hardware_fp32": hardware_flop(entry.row.values, fp32),
        "flop_operations": flop.operations,
        "flop_reported": flop.reported,
        "flop_best": best,
        "basis_best": basis,
        "basis_reason": _basis_reason(basis),
        "compute_sd_decades": CONFIDENCE_SD_DECADES[entry["confidence"]],
        "excluded": _why_excluded(entry, selection),
    }


def _basis_reason(basis: str | None) -> str:
    if basis is None:
        return "no basis: devices and time, operations and a reported figure are all incomplete"
    skipped = BASES[: BASES.index(basis)]
    return f"first of {', '.join(BASES)} that is complete" + (
        f" ({' and '.join(skipped)} incomplete)" if skipped else ""
    )


def _why_excluded(entry: Entry, selection: Selection) -> str:
    flop, wanted = entry.flop, selection.bases
    reasons = []
    if flop.best()[0] is None:
        reasons.append("no computable compute")
    elif BEST not in wanted and all(getattr(flop, basis) is None for basis in wanted):
        reasons.append(f"no compute on the bases fitted ({', '.join(wanted)})")
    if selection.benchmarks and entry["benchmark"] not in selection.benchmarks:
        reasons.append("benchmark not analysed")
    if entry.metric and entry.benchmark and entry.metric.error != entry.benchmark.fitted:
        reasons.append(f"measures {entry.metric.error}, the fit uses {entry.benchmark.fitted}")
    if entry["fixed_target"]:
        reasons.append(f"timed to a fixed target ({entry['fixed_target']})")
    if entry["compute_scope"] in selection.exclude_scopes:
        reasons.append(f"compute scope {entry['compute_scope']}")
    return "; ".join(reasons)


def decimal_year(text: str) -> float:
    """Return a date, YYYY-MM or YYYY-MM-DD, as a decimal year; a month counts by its 15th."""
    day = parse_date(text if len(text) > 7 else f"{text}-15")
    start, end = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return round(day.year + (day - start).days / (end - start).days, 3)
