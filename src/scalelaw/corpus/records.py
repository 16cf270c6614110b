"""Derive error, compute and eligibility of each record from its checked cells."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelaw.compute import BASES, CONFIDENCE_SD_DECADES, training_flop
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.corpus.hardware import Device, Hardware
from scalelaw.corpus.schema import PAPERS, Column
from scalelaw.corpus.table import Row, parse_date
from scalelaw.tables import read_result

if TYPE_CHECKING:
    import pandas as pd

DERIVED: tuple[Column, ...] = (
    Column("file", "text", "Corpus file of the record."),
    Column("line", "count", "Line of the record in that file."),
    Column("year", "number", "Date as a decimal year.", "years"),
    Column("error_kind", "text", "Error quantity that the metric measures."),
    Column("error", "number", "The metric as an error, a fraction."),
    Column("device", "text", "Device of `hardware.csv` that `hardware` names."),
    Column("peak_precision", "text", "Precision of the peak rate used."),
    Column("peak_precision_basis", "text", "`stated` by the record, or `default` of the device."),
    Column("peak_flop_per_s", "number", "Peak rate used.", "FLOP/s"),
    Column("flop_hardware", "number", "Devices x peak rate x time.", "FLOP"),
    Column("flop_operations", "number", "3 x forward FLOP x examples x epochs.", "FLOP"),
    Column("flop_reported", "number", "The source's own figure.", "FLOP"),
    Column("flop_best", "number", "The first of these three that there is.", "FLOP"),
    Column("basis_best", "text", "Basis of `flop_best`."),
    Column("basis_reason", "text", "Why that basis."),
    Column(
        "compute_sd_decades",
        "number",
        "Standard deviation of log10 compute that the stated confidence stands for.",
        "decades",
    ),
    Column("excluded", "text", "Why the record enters no fit; empty if it does."),
)


def derive_records(
    rows: Sequence[Row],
    hardware: Hardware,
    benchmarks: Mapping[str, Benchmark],
    exclude_scopes: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return the records with their derived columns.

    Parameters
    ----------
    rows : sequence of Row
        Rows without errors.
    hardware : Hardware
        Devices.
    benchmarks : mapping of str to Benchmark
        Benchmarks.
    exclude_scopes : sequence of str
        Values of ``compute_scope`` that keep a record out of fits.

    Returns
    -------
    pandas.DataFrame
        One row per record in the order given; columns `PAPERS` then `DERIVED`.
    """
    import pandas as pd

    frame = pd.DataFrame(
        [
            {
                **row.values,
                **_derive(row, hardware, benchmarks[row["benchmark"]], exclude_scopes),
            }
            for row in rows
        ],
        columns=[column.name for column in (*PAPERS, *DERIVED)],
    )
    for column in (*PAPERS, *DERIVED):
        numeric = column.kind in ("number", "count")
        frame[column.name] = (
            frame[column.name].astype("float64")
            if numeric
            else frame[column.name].astype("str").where(frame[column.name].notna(), "")
        )
    return frame


def read_records(path: Path | str) -> "pd.DataFrame":
    """Read the table of :func:`derive_records` as ``check_corpus`` has written it."""
    columns = (*PAPERS, *DERIVED)
    return read_result(path, [c.name for c in columns if c.kind not in ("number", "count")])


def _derive(
    row: Row, hardware: Hardware, benchmark: Benchmark, exclude_scopes: Sequence[str]
) -> dict[str, Any]:
    metric = benchmark.metrics[row["metric"]]
    device = hardware.find(row["hardware"]) if row["hardware"] else None
    precision, precision_basis = _peak_precision(row, device)
    peak = device.peak(precision) if device and precision else None
    flop = training_flop(row.values, peak)
    best, basis = flop.best()
    return {
        "file": row.file,
        "line": row.line,
        "year": _decimal_year(row["date"]),
        "error_kind": metric.error,
        "error": metric.to_error(row["value"]),
        "device": device.name if device else None,
        "peak_precision": precision,
        "peak_precision_basis": precision_basis,
        "peak_flop_per_s": peak,
        "flop_hardware": flop.hardware,
        "flop_operations": flop.operations,
        "flop_reported": flop.reported,
        "flop_best": best,
        "basis_best": basis,
        "basis_reason": _basis_reason(basis),
        "compute_sd_decades": CONFIDENCE_SD_DECADES[row["confidence"]],
        "excluded": _why_excluded(row, metric.error, benchmark, best, exclude_scopes),
    }


def _peak_precision(row: Row, device: Device | None) -> tuple[str | None, str | None]:
    if device is None:
        return None, None
    if row["precision"]:
        return row["precision"], "stated"
    return device.default_precision(), "default"


def _basis_reason(basis: str | None) -> str:
    if basis is None:
        return "no basis: devices and time, operations and a reported figure are all incomplete"
    skipped = BASES[: BASES.index(basis)]
    return f"first of {', '.join(BASES)} that is complete" + (
        f" ({' and '.join(skipped)} incomplete)" if skipped else ""
    )


def _why_excluded(
    row: Row, kind: str, benchmark: Benchmark, flop: float | None, exclude_scopes: Sequence[str]
) -> str:
    reasons = []
    if flop is None:
        reasons.append("no computable compute")
    if kind != benchmark.fitted:
        reasons.append(f"measures {kind}, the fit uses {benchmark.fitted}")
    if row["fixed_target"]:
        reasons.append(f"timed to a fixed target ({row['fixed_target']})")
    if row["compute_scope"] in exclude_scopes:
        reasons.append(f"compute scope {row['compute_scope']}")
    return "; ".join(reasons)


def _decimal_year(text: str) -> float:
    day = parse_date(text if len(text) > 7 else f"{text}-15")
    start, end = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return round(day.year + (day - start).days / (end - start).days, 3)
