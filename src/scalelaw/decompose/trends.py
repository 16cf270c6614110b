"""Trends of hardware, and of the compute that reaches a fixed level."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import FitError
from scalelaw.fit.covariance import sandwich
from scalelaw.fit.linear import fit_linear

if TYPE_CHECKING:
    import pandas as pd

    from scalelaw.fit.sample import Array

HARDWARE_TRENDS: Mapping[str, tuple[str, str | None, str]] = {
    "FP32 rate": ("peak_fp32_flop_per_s", None, "FLOP/s"),
    "FP32 rate per dollar": ("peak_fp32_flop_per_s", "price_usd", "FLOP/s per US$"),
    "FP32 rate per watt": ("peak_fp32_flop_per_s", "tdp_w", "FLOP/s per W"),
    "16-bit matrix rate": ("peak_tensor_flop_per_s", None, "FLOP/s"),
    "16-bit matrix rate per dollar": ("peak_tensor_flop_per_s", "price_usd", "FLOP/s per US$"),
    "16-bit matrix rate per watt": ("peak_tensor_flop_per_s", "tdp_w", "FLOP/s per W"),
}
"""Quantity: column, the column it is divided by, unit. Prices are not adjusted for inflation."""


def doubling_trend(year: "Array", log10_value: "Array", level: float = 0.95) -> dict[str, float]:
    """Fit a line of log10 of a quantity on the year, and give its doubling time.

    Parameters
    ----------
    year, log10_value : array, shape (n,)
        Decimal years, and log10 of the quantity.
    level : float
        Level of the intervals, from HC3 standard errors and Student's t.

    Returns
    -------
    dict of str to float
        ``slope`` in decades a year with ``lower`` and ``upper``; ``doubling_years`` with
        ``doubling_lower`` and ``doubling_upper``, bounds in order of size: negative for a halving
        time, infinite where the slope's interval includes zero; ``r_squared``.

    Raises
    ------
    FitError
        With fewer than four points, no variation, or all of that in time due to one point.
    """
    if len(year) < 4 or np.ptp(year) < 0.5:
        raise FitError(f"{len(year)} point(s) over {np.ptp(year) if len(year) else 0:.1f} years")
    ordered = np.sort(year)
    if min(np.ptp(ordered[1:]), np.ptp(ordered[:-1])) < 1e-9:
        # Such a point has a leverage of 1, for which HC3 divides by zero.
        raise FitError("all but one point have the same date")
    if np.ptp(log10_value) < 1e-9:
        raise FitError("the quantity is the same at every date")
    centred = log10_value - log10_value.mean()
    line = fit_linear(np.column_stack([np.ones_like(year), year - year.mean()]), log10_value)
    slope = float(line.estimates[1])
    low, high = sandwich(line, "HC3").interval(np.array([0.0, 1.0]), level)
    two = float(np.log10(2))
    crosses = low <= 0 <= high
    return {
        "slope": slope,
        "lower": low,
        "upper": high,
        "doubling_years": two / slope if slope else np.inf,
        "doubling_lower": np.inf if crosses else two / (high if slope > 0 else low),
        "doubling_upper": np.inf if crosses else two / (low if slope > 0 else high),
        "r_squared": 1 - float(line.residuals @ line.residuals / (centred @ centred)),
    }


def hardware_trends(devices: "pd.DataFrame", level: float = 0.95) -> "pd.DataFrame":
    """Return how fast devices have become better.

    Parameters
    ----------
    devices : pandas.DataFrame
        Columns of ``hardware.csv`` and a decimal ``year``.
    level : float
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per quantity of `HARDWARE_TRENDS` and selection of devices:
        ``quantity``, ``kind``, ``unit``, ``status``, the columns of :func:`doubling_trend`,
        ``first_year``, ``last_year``, ``n_devices``.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    gpu = devices["kind"] == "GPU"
    selections = {
        "GPU": gpu,
        # Prices of cards for consumers and for data centres differ by an order of magnitude.
        "GeForce": gpu & devices["device"].str.contains("GeForce"),
        "GPU, TPU and NPU": devices["kind"] != "CPU",
    }
    for quantity, (column, divisor, unit) in HARDWARE_TRENDS.items():
        for kind, chosen in selections.items():
            mine = devices[chosen & devices[column].notna()]
            value = np.log10(mine[column])
            if divisor:
                mine = mine[mine[divisor].notna()]
                value = np.log10(mine[column] / mine[divisor])
            row: dict[str, Any] = {"quantity": quantity, "kind": kind, "unit": unit}
            row |= {
                "status": "fitted",
                "n_devices": len(mine),
                "first_year": mine["year"].min(),
                "last_year": mine["year"].max(),
            }
            try:
                row |= doubling_trend(mine["year"].to_numpy(), value.to_numpy(), level=level)
            except FitError as error:
                row["status"] = f"not fitted: {error}"
            rows.append(row)
    return pd.DataFrame(rows)


def efficiency_points(records: "pd.DataFrame", bases: tuple[str, ...]) -> "pd.DataFrame":
    """Return the compute that reached a fixed level, series by series.

    Parameters
    ----------
    records : pandas.DataFrame
        Records with ``fixed_target``: ``benchmark``, ``paper``, ``method_year`` and
        ``flop_<basis>``.
    bases : tuple of str
        Bases of compute, each on its own.

    Returns
    -------
    pandas.DataFrame
        One row per record and basis: ``benchmark``, ``fixed_target``, ``series`` (a source, or a
        contest, whose rules its results share), ``basis``, ``year`` of the method and ``flop``.
    """
    import pandas as pd

    parts = []
    for basis in bases:
        known = records[records[f"flop_{basis}"].notna()]
        series = known["paper"].str.replace(r"^mlperf.*", "mlperf", regex=True)
        parts.append(
            pd.DataFrame(
                {
                    "benchmark": known["benchmark"],
                    "fixed_target": known["fixed_target"],
                    "series": series,
                    "basis": basis,
                    "year": known["method_year"],
                    "flop": known[f"flop_{basis}"],
                }
            )
        )
    keys = ["benchmark", "fixed_target", "series", "basis", "year", "flop"]
    return pd.concat(parts).sort_values(keys, kind="stable", ignore_index=True)


def efficiency_trends(points: "pd.DataFrame", level: float = 0.95) -> "pd.DataFrame":
    """Return how the compute that reaches a fixed level has fallen.

    Parameters
    ----------
    points : pandas.DataFrame
        As :func:`efficiency_points` returns them.
    level : float
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per series: ``benchmark``, ``fixed_target``, ``series``, ``basis``, ``status``,
        ``n_records``, ``first_year``, ``last_year``; ``gain``, the least compute of the first date
        over the least of all, and ``frontier_halving_years`` between the two; and the columns of
        :func:`doubling_trend` through all records, where a negative doubling time is a halving.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = ["benchmark", "fixed_target", "series", "basis"]
    for key, mine in points.groupby(keys, sort=True):
        year, flop = mine["year"].to_numpy(), mine["flop"].to_numpy()
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row |= {
            "status": "fitted",
            "n_records": len(mine),
            "first_year": year.min(),
            "last_year": year.max(),
        }
        try:
            row |= doubling_trend(year, np.log10(flop), level=level)
        except FitError as error:
            row["status"] = f"not fitted: {error}"
        else:
            row |= _frontier(year, flop)
        rows.append(row)
    return pd.DataFrame(rows, columns=_EFFICIENCY_COLUMNS)


_EFFICIENCY_COLUMNS = [
    "benchmark", "fixed_target", "series", "basis", "status", "n_records", "first_year",
    "last_year", "gain", "frontier_halving_years", "slope", "lower", "upper", "doubling_years",
    "doubling_lower", "doubling_upper", "r_squared",
]  # fmt: skip


def _frontier(year: "Array", flop: "Array") -> dict[str, float]:
    """Return the fall from the least compute of the first date to the least of all."""
    start = flop[year == year.min()].min()
    best = int(np.argmin(flop))
    gain, years = start / flop[best], year[best] - year.min()
    return {
        "gain": float(gain),
        "frontier_halving_years": float(years / np.log2(gain)) if gain > 1 else np.inf,
    }
