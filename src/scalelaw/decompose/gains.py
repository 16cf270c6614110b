"""Split gains in error over time into hardware, scale and algorithms.

A gain is a rise of ``log10(1/error)``. Compute explains ``effect`` times the rise of log10 compute,
which is the sum of faster devices, more devices and longer runs; the rest, at given compute, is
ascribed to algorithms (with data and all else that changed). In logarithms the parts add up and no
order of theirs matters; in percentage points of error it does, and Shapley values average over it.
"""

from collections.abc import Callable, Mapping
from itertools import permutations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.decompose.parts import PARTS, log_parts
from scalelaw.errors import FitError
from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.sample import Array, group_index

if TYPE_CHECKING:
    import pandas as pd

GAIN_PARTS = (*PARTS, "algorithms")
"""The parts that add up to the whole gain."""

GAIN_SUMS: Mapping[str, tuple[str, ...]] = {
    **{part: (part,) for part in GAIN_PARTS},
    "hardware": ("peak_rate",),
    "scale": ("devices", "hours"),
    "compute": tuple(PARTS),
    "total": GAIN_PARTS,
}
"""Parts and sums of parts, in the order of tables."""

EFFECTS = {
    "error_on_compute": "error regressed on compute and year",
    "compute_on_error": "compute regressed on error and year, inverted",
}
"""How much error a decade of compute is worth: as with the exponent, the direction is a choice."""


def state_of_the_art(records: "pd.DataFrame") -> "pd.DataFrame":
    """Return the records whose error was the lowest among these records at their date."""
    ordered = records.sort_values(["year", "error"], kind="stable")
    return ordered[ordered["error"] <= ordered["error"].cummin()]


SAMPLES: Mapping[str, Callable[["pd.DataFrame"], "pd.DataFrame"]] = {
    "all": lambda records: records,
    "state of the art": state_of_the_art,
}
"""Which records are split: all, many of which aim at small models, or those that led."""

# Variables whose moments are kept: gain, year, and the parts of compute.
_GAIN, _YEAR, _FIRST_PART = 0, 1, 2


def decompose_gains(
    records: "pd.DataFrame",
    effect: str,
    min_groups: int = 5,
    replicates: int = 2000,
    level: float = 0.95,
    seed: "int | np.random.SeedSequence" = 0,
) -> "pd.DataFrame":
    """Split the yearly gain in error of one benchmark.

    Parameters
    ----------
    records : pandas.DataFrame
        Records for which :func:`scalelaw.decompose.splittable` holds, with ``year``, ``error`` and
        ``paper``.
    effect : {"error_on_compute", "compute_on_error"}
        Regression, with the year in it, that says what compute is worth.
    min_groups : int
        Fewest papers.
    replicates, level, seed
        Pairs-cluster bootstrap, and level of its percentile intervals.

    Returns
    -------
    pandas.DataFrame
        One row for each name of `GAIN_SUMS`: ``component``, ``gain`` in decades of 1/error a year
        with ``lower`` and ``upper``, ``share`` of the total with ``share_lower`` and
        ``share_upper`` (all three empty where the total may not be a gain at all), ``points``, its
        Shapley value in percentage points of error over the years of the data, ``years`` and
        ``effect_per_decade`` (decades of 1/error for a decade of compute, with ``effect_lower`` and
        ``effect_upper``), ``halving_years`` (of
        algorithms: years in which the compute for a given error halves, with ``halving_lower`` and
        ``halving_upper``, infinite where it may not fall), ``r_squared`` of 1/error and
        compute, ``r_squared_added`` by the year with its bounds, ``n_records`` and ``n_papers``.

    Raises
    ------
    FitError
        If there are too few papers, or year, error and compute do not vary apart from each other.
    """
    import pandas as pd

    if effect not in EFFECTS:
        raise ValueError(f"effect must be one of {', '.join(EFFECTS)}")
    index, names = group_index(records["paper"])
    if len(names) < min_groups:
        raise FitError(f"{len(names)} paper(s) with a split, at least {min_groups} are needed")
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    variables = _variables(records)
    varying = {"error": variables[_GAIN], "year": variables[_YEAR]}
    varying["compute"] = variables[_FIRST_PART:].sum(axis=0)
    for name, values in varying.items():
        if np.ptp(values) < 1e-9:
            raise FitError(f"{name} is the same for all records")
    groups = GroupMoments(variables, index)
    whole = groups.moments(np.ones((1, len(names))))[2]
    moments = np.concatenate([whole, groups.bootstrap(replicates, seed)[2]])
    gains, worth = _split(moments, effect)
    if not np.isfinite(gains[0]).all():
        raise FitError("year, error and compute do not vary apart from each other")
    draws = gains[1:][np.isfinite(gains[1:]).all(axis=1)]
    sums = {name: [GAIN_PARTS.index(part) for part in parts] for name, parts in GAIN_SUMS.items()}
    tail = (1 - level) / 2
    year = records["year"].to_numpy(dtype=np.float64)
    span = float(np.ptp(year))
    points = _points(_first_error(records, gains[0].sum()), gains[0] * span)
    total = draws.sum(axis=1)
    grows = float(np.quantile(total, tail)) > 0
    rows = []
    for name, parts in sums.items():
        drawn = draws[:, parts].sum(axis=1)
        low, high = np.quantile(drawn, [tail, 1 - tail])
        row = {
            "component": name,
            "gain": gains[0, parts].sum(),
            "lower": low,
            "upper": high,
            "points": np.sum([points[part] for part in GAIN_SUMS[name]]),
        }
        if grows:
            share_low, share_high = np.quantile(drawn / total, [tail, 1 - tail])
            row["share"] = gains[0, parts].sum() / gains[0].sum()
            row |= {"share_lower": share_low, "share_upper": share_high}
        rows.append(row)
    columns = [
        "component",
        "gain",
        "lower",
        "upper",
        "share",
        "share_lower",
        "share_upper",
        "points",
    ]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    frame["effect_per_decade"], frame["years"] = worth[0], span
    frame["effect_lower"], frame["effect_upper"] = np.nanquantile(worth[1:], [tail, 1 - tail])
    frame["n_records"], frame["n_papers"] = len(records), len(names)
    explained, with_year = _r_squared(moments)
    with np.errstate(invalid="ignore"):
        added = with_year - explained
    frame["r_squared"], frame["r_squared_added"] = explained[0], added[0]
    bounds = np.nanquantile(added[1:], [tail, 1 - tail])
    frame["r_squared_added_lower"], frame["r_squared_added_upper"] = bounds
    # Decades of compute that a year of algorithms is worth.
    with np.errstate(divide="ignore", invalid="ignore"):
        saved = np.where(worth > 0, gains[:, -1] / worth, np.nan)
    saved_draws = saved[1:][np.isfinite(saved[1:])]
    low, high = -np.inf, np.inf
    # Where compute may be worth nothing, its equivalent in algorithms has no bounds.
    if len(saved_draws) >= (1 - tail) * replicates:
        low, high = np.quantile(saved_draws, [tail, 1 - tail])
    for column, value in zip(
        ("halving_years", "halving_lower", "halving_upper"), (saved[0], high, low), strict=True
    ):
        years = np.log10(2) / value if value > 0 else np.inf
        frame[column] = np.where(frame["component"] == "algorithms", years, np.nan)
    return frame


def gains_by_year(records: "pd.DataFrame", gains: "pd.DataFrame") -> "pd.DataFrame":
    """Return the Shapley values since the first year of the data, year by year.

    Parameters
    ----------
    records : pandas.DataFrame
        Records that were split.
    gains : pandas.DataFrame
        Their split, from :func:`decompose_gains`.

    Returns
    -------
    pandas.DataFrame
        ``year``, ``component`` (of `GAIN_PARTS`), ``points`` of error since the first year, and
        ``error``, the trend's error in that year as a fraction.
    """
    import pandas as pd

    by_part = gains.set_index("component")["gain"]
    rates = by_part[list(GAIN_PARTS)].to_numpy(dtype=np.float64)
    start = _first_error(records, float(rates.sum()))
    first, last = records["year"].min(), records["year"].max()
    rows = []
    for year in np.append(np.arange(first, last, 1.0), last):
        points = _points(start, rates * (year - first))
        error = start * 10 ** -(rates.sum() * (year - first))
        rows += [(year, part, points[part], error) for part in GAIN_PARTS]
    return pd.DataFrame(rows, columns=["year", "component", "points", "error"])


def gains_of_pair(
    records: "pd.DataFrame", before: str, after: str, effect_per_decade: float
) -> "pd.DataFrame":
    """Split the gain from one record to another.

    Parameters
    ----------
    records : pandas.DataFrame
        Records with devices and hours.
    before, after : str
        Identifiers of two of them.
    effect_per_decade : float
        Decades of 1/error that a decade of compute is worth.

    Returns
    -------
    pandas.DataFrame
        One row for each name of `GAIN_SUMS`: ``component``, ``gain`` in decades of 1/error,
        ``share`` of the whole, ``points``, the Shapley value in percentage points of error.
    """
    import pandas as pd

    by_id = records.set_index("record_id").loc[[before, after]]
    logs = log_parts(by_id)
    change = (logs.loc[after] - logs.loc[before])[list(PARTS)].to_numpy() * effect_per_decade
    error = by_id["error"].to_numpy(dtype=np.float64)
    whole = float(np.log10(error[0] / error[1]))
    parts = np.append(change, whole - change.sum())
    points = _points(float(error[0]), parts)
    rows = []
    for name, members in GAIN_SUMS.items():
        gain = parts[[GAIN_PARTS.index(part) for part in members]].sum()
        share = gain / whole if whole else np.nan
        rows.append((name, gain, share, np.sum([points[part] for part in members])))
    return pd.DataFrame(rows, columns=["component", "gain", "share", "points"])


def gains_of_pair_with_bounds(
    records: "pd.DataFrame", before: str, after: str, gains: "pd.DataFrame"
) -> "pd.DataFrame":
    """Split the gain from one record to another, with bounds from what compute is worth.

    Parameters
    ----------
    records, before, after
        As for :func:`gains_of_pair`.
    gains : pandas.DataFrame
        Split of their benchmark, from :func:`decompose_gains`.

    Returns
    -------
    pandas.DataFrame
        As :func:`gains_of_pair`, with ``share_lower`` and ``share_upper``.
    """
    import pandas as pd

    worth = gains[["effect_per_decade", "effect_lower", "effect_upper"]].iloc[0]
    middle, low, high = (gains_of_pair(records, before, after, float(w)) for w in worth)
    bounds = pd.concat([low["share"], high["share"]], axis=1)
    middle["share_lower"], middle["share_upper"] = bounds.min(axis=1), bounds.max(axis=1)
    return middle


def shapley(names: tuple[str, ...], worth: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Return each name's Shapley value: what it adds, averaged over all orders.

    Parameters
    ----------
    names : tuple of str
        The players.
    worth : callable
        Value of a coalition.

    References
    ----------
    Shapley, "A value for n-person games", Contributions to the Theory of Games II (1953).
    """
    value = dict.fromkeys(names, 0.0)
    for order in permutations(names):
        present: frozenset[str] = frozenset()
        for name in order:
            joined = present | {name}
            value[name] += worth(joined) - worth(present)
            present = joined
    return {name: total / factorial(len(names)) for name, total in value.items()}


def _points(start: float, parts: Array) -> dict[str, float]:
    """Return the fall of error in percentage points that each part brings from a start."""
    by_name = dict(zip(GAIN_PARTS, parts, strict=True))

    def fall(present: frozenset[str]) -> float:
        # In a fixed order, which a set has not, so that the last digit is the same in every run.
        gain = np.sum([by_name[name] for name in GAIN_PARTS if name in present])
        # Parts without bounds, as of errors that do not fall, are told as such.
        with np.errstate(over="ignore"):
            return float(-100 * start * np.float64(10) ** -gain)

    return shapley(GAIN_PARTS, fall)


def _first_error(records: "pd.DataFrame", gain_per_year: float) -> float:
    """Return the trend's error in the first year."""
    year = records["year"].to_numpy(dtype=np.float64)
    gain = -np.log10(records["error"].to_numpy(dtype=np.float64))
    return float(10 ** -(gain.mean() - gain_per_year * (year.mean() - year.min())))


def _variables(records: "pd.DataFrame") -> Array:
    """Return gain, year and the parts of compute, shape (5, n)."""
    logs = log_parts(records)
    columns = [
        -np.log10(records["error"].to_numpy(dtype=np.float64)),
        records["year"].to_numpy(dtype=np.float64),
        *(logs[part].to_numpy() for part in PARTS),
    ]
    return np.stack(columns)


def _split(s: Array, effect: str) -> tuple[Array, Array]:
    """Return the gains of `GAIN_PARTS`, shape (B, 4), and what a decade of compute is worth."""
    compute = s[:, _FIRST_PART:, :].sum(axis=1)
    cy, ct, cc = compute[:, _GAIN], compute[:, _YEAR], compute[:, _FIRST_PART:].sum(axis=1)
    yy, yt, tt = s[:, _GAIN, _GAIN], s[:, _GAIN, _YEAR], s[:, _YEAR, _YEAR]
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = cy * tt - yt * ct
        apart = _apart(cc, tt, ct)
        worth = (
            joint / apart
            if effect == "error_on_compute"
            else np.where(np.isfinite(apart), _apart(yy, tt, yt) / joint, np.nan)
        )
        growth = s[:, _FIRST_PART:, _YEAR] / tt[:, None]
        explained = worth[:, None] * growth
        rest = yt / tt - explained.sum(axis=1)
    return np.column_stack([explained, rest]), worth


def _apart(aa: Array, bb: Array, ab: Array) -> Array:
    """Return the determinant of two variables' moments, NaN where rounding is all of it.

    The first row, of all records, says how large the moments are.
    """
    determinant = aa * bb - ab**2
    return np.where(determinant > 1e-12 * aa[0] * bb[0], determinant, np.nan)


def _r_squared(s: Array) -> tuple[Array, Array]:
    """Return R2 of the gain by compute, and by compute and the year."""
    compute = s[:, _FIRST_PART:, :].sum(axis=1)
    cy, ct, cc = compute[:, _GAIN], compute[:, _YEAR], compute[:, _FIRST_PART:].sum(axis=1)
    yy, yt, tt = s[:, _GAIN, _GAIN], s[:, _GAIN, _YEAR], s[:, _YEAR, _YEAR]
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (cy**2 * tt - 2 * cy * yt * ct + yt**2 * cc) / _apart(cc, tt, ct)
        return cy**2 / (cc * yy), both / yy
