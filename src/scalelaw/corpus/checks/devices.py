"""Checks of the hardware table."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from scalelaw.corpus.checks.catalogue import Context, Finding, check
from scalelaw.corpus.checks.records import ROBUST_SIGMAS
from scalelaw.corpus.hardware import PEAK_COLUMNS, device_names, fold_name
from scalelaw.corpus.table import Row, parse_date

MOST_ON_TREND = 1_000


@check("error", "device", table="hardware", each=False)
def alias_of_two_devices(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """A name or alias must lead to one device."""
    seen: dict[str, Row] = {}
    for row in rows:
        for name in dict.fromkeys(map(fold_name, device_names(row))):
            first = seen.setdefault(name, row)
            if first is not row:
                yield Finding(
                    row,
                    "aliases",
                    f'"{name}" already names "{first["device"]}" at {first.file}:{first.line}',
                    "keep the name at one device",
                )


@check("warning", table="hardware")
def sparse_peak(row: Row, context: Context) -> Iterator[Finding]:
    """Dense 16-bit matrix rates are twice those of TF32; four times is the sparse figure."""
    tensor, tf32 = row["peak_tensor_flop_per_s"], row["peak_tf32_flop_per_s"]
    wider, most = (tf32, 3) if tf32 else (row["peak_fp32_flop_per_s"], 20)
    if tensor and wider and tensor > most * wider:
        yield Finding(
            row,
            "peak_tensor_flop_per_s",
            f"{tensor:.3g} looks like the rate with structured sparsity",
            "write the dense rate, usually half",
        )


@check("warning", table="hardware")
def rates_out_of_order(row: Row, context: Context) -> Iterator[Finding]:
    """A narrower format on the same units is never slower on chips made for it."""
    fp32, tf32 = row["peak_fp32_flop_per_s"], row["peak_tf32_flop_per_s"]
    fp16, tensor = row["peak_fp16_flop_per_s"], row["peak_tensor_flop_per_s"]
    for low, high, column in (
        (fp32, tf32, "peak_tf32_flop_per_s"),
        (fp16, tensor, "peak_tensor_flop_per_s"),
        (tf32, tensor, "peak_tensor_flop_per_s"),
    ):
        if low and high and high < 0.99 * low:
            message = f"{high:.3g} is below the rate of a wider format, {low:.3g}"
            yield Finding(row, column, message, "check the columns and sparse or board figures")


@check("warning", "release_date", table="hardware", each=False)
def board_for_chip(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """FLOP/s per watt far off the trend of release dates: a board's rate with a chip's power."""
    yield from _off_trend(rows, "tdp_w", "watt", lambda row: row["tdp_w"])


@check("warning", "release_date", table="hardware", each=False)
def price_off_trend(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """FLOP/s per dollar far off the trend of release dates: a price of something else."""
    yield from _off_trend(rows, "price_usd", "dollar", lambda row: row["price_usd"])


def _off_trend(
    rows: Sequence[Row], column: str, unit: str, cost: Callable[[Row], float | None]
) -> Iterator[Finding]:
    points = []
    for row in rows:
        rate = max((row[c] or 0.0 for c in PEAK_COLUMNS.values()), default=0.0)
        if rate and (per := cost(row)):
            points.append((parse_date(row["release_date"]).toordinal(), np.log10(rate / per), row))
    if len(points) < 10:
        return
    x, y = np.array([p[0] for p in points], dtype=float), np.array([p[1] for p in points])
    # Of more devices some, evenly over the years: there are as many slopes as pairs.
    some = np.argsort(x, kind="stable")[:: -(-len(x) // MOST_ON_TREND)]
    i, j = np.triu_indices(len(some), 1)
    i, j = some[i], some[j]
    apart = x[i] != x[j]
    # Theil and Sen's line: the median of all slopes, which outliers do not move.
    slopes = (y[j] - y[i])[apart] / (x[j] - x[i])[apart]
    slope = np.median(slopes) if len(slopes) else 0.0
    residual = y - slope * x
    residual -= np.median(residual)
    sigma = max(1.4826 * float(np.median(np.abs(residual))), 0.1)
    for (_, log, row), off in zip(points, residual / sigma, strict=True):
        if abs(off) > ROBUST_SIGMAS:
            yield Finding(
                row,
                column,
                f"10^{log:.1f} FLOP/s per {unit} is {off:+.1f} robust sigmas off the trend",
                "check rate and figure: one chip, dense, its own",
            )
