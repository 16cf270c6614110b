"""Split training compute exactly into peak rate, devices and hours.

``log C = log(peak rate) + log(devices) + log(seconds)``, so ratios of two records split without a
rest, and regressions of the parts on one regressor have slopes that add up to the slope of the
whole.
"""

from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import FitError, did_you_mean
from scalelaw.fit.linear import fit_linear
from scalelaw.fit.resample import jackknife_covariance, resampled_blocks
from scalelaw.fit.sample import Array, group_index

if TYPE_CHECKING:
    import pandas as pd

PARTS = {"peak_rate": "peak_flop_per_s", "devices": "n_devices", "hours": "training_hours"}
"""The three parts and their columns."""

COMPONENTS = {
    "hardware": ("peak_rate",),
    "scale": ("devices", "hours"),
    "total": ("peak_rate", "devices", "hours"),
}
"""Sums of parts: faster devices, more of them for longer, and the whole."""

REGRESSORS = {"year": "decades per year", "log10_inverse_error": "decades per decade of 1/error"}


def splittable(records: "pd.DataFrame") -> "pd.DataFrame":
    """Return the records whose compute splits into all three parts."""
    return records[records[list(PARTS.values())].notna().all(axis=1)]


def log_parts(records: "pd.DataFrame") -> "pd.DataFrame":
    """Return log10 of each part and component, hours in seconds so that they sum to log10 FLOP.

    Parameters
    ----------
    records : pandas.DataFrame
        Records for which :func:`splittable` holds.

    Returns
    -------
    pandas.DataFrame
        One column per name of `PARTS` and `COMPONENTS`, index as `records`.
    """
    import pandas as pd

    parts = pd.DataFrame({name: np.log10(records[column]) for name, column in PARTS.items()})
    parts["hours"] += np.log10(3600.0)
    for name, members in COMPONENTS.items():
        parts[name] = parts[list(members)].sum(axis=1)
    return parts


def decompose_pair(records: "pd.DataFrame", before: str, after: str) -> "pd.DataFrame":
    """Split the ratio of two records' hardware burden.

    Parameters
    ----------
    records : pandas.DataFrame
        Records of a corpus.
    before, after : str
        Identifiers of the two records.

    Returns
    -------
    pandas.DataFrame
        One row per part and component: ``before``, ``after`` (record ids), ``component``,
        ``ratio`` (after over before) and ``share`` of the log ratio of the whole.

    Raises
    ------
    FitError
        If a record is missing or its compute does not split.
    """
    import pandas as pd

    logs = log_parts(splittable(records).set_index("record_id"))
    for record_id in (before, after):
        if record_id not in logs.index:
            known = records["record_id"].tolist()
            lacks = (
                "lacks a device, their number or hours" if record_id in known else "is not known"
            )
            near = did_you_mean(record_id, logs.index.tolist()) or "choose another record"
            raise FitError(
                f'the record "{record_id}" of the pair {before} to {after} {lacks} ({near})'
            )
    change = logs.loc[after] - logs.loc[before]
    whole = change["total"]
    return pd.DataFrame(
        {
            "before": before,
            "after": after,
            "component": change.index,
            "ratio": 10 ** change.to_numpy(),
            "share": change.to_numpy() / whole if whole else np.nan,
        }
    )


def decompose_trend(
    records: "pd.DataFrame",
    regressor: str,
    min_groups: int = 5,
    replicates: int = 2000,
    level: float = 0.95,
    seed: "int | np.random.SeedSequence" = 0,
) -> "pd.DataFrame":
    """Split the growth of compute with time, or with falling error, into its parts.

    Parameters
    ----------
    records : pandas.DataFrame
        Records of one benchmark for which :func:`splittable` holds; columns of `PARTS`, ``year``,
        ``error`` and ``paper``.
    regressor : {"year", "log10_inverse_error"}
        What the parts are regressed on.
    min_groups : int
        Fewest papers.
    replicates, level, seed
        Pairs-cluster bootstrap of the shares, and level of all intervals.

    Returns
    -------
    pandas.DataFrame
        One row per part and component: ``component``, ``slope`` in decades per unit of the
        regressor with ``lower`` and ``upper`` (CR3 by paper, t with papers - 1 degrees of
        freedom), ``share`` of the slope of the whole with ``share_lower`` and ``share_upper``
        (bootstrap), all three empty where the whole may not grow at all, ``n_records``,
        ``n_papers``.

    Raises
    ------
    FitError
        If there are too few papers or the regressor does not vary.
    ValueError
        If the regressor is none of these.
    """
    if regressor not in REGRESSORS:
        raise ValueError(f"regressor must be one of {', '.join(REGRESSORS)}")
    import pandas as pd
    from scipy.special import stdtrit

    index, names = group_index(records["paper"])
    if len(names) < min_groups:
        raise FitError(f"{len(names)} paper(s) with a split, at least {min_groups} are needed")
    x: Array = (
        records["year"].to_numpy(dtype=np.float64)
        if regressor == "year"
        else -np.log10(records["error"].to_numpy(dtype=np.float64))
    )
    if np.ptp(x) < 1e-9:
        raise FitError(f"{regressor} is the same for all records")
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    logs = log_parts(records)
    t = float(stdtrit(len(names) - 1, (1 + level) / 2))
    design = np.column_stack([np.ones_like(x), x])
    rows, lines = [], {}
    for component in logs.columns:
        fit = fit_linear(design, logs[component].to_numpy(), index=index)
        point, left_out = fit.estimates, fit.grouped.leave_one_group_out()
        if not np.isfinite(left_out).all():
            raise FitError(f"{regressor} varies only through one paper")
        half = t * float(np.sqrt(jackknife_covariance(point, left_out)[1, 1]))
        lines[component] = fit.grouped
        rows.append((component, point[1], point[1] - half, point[1] + half))
    draws = {component: np.empty(replicates) for component in lines}
    # The same resampled papers for every part, so shares are coherent.
    for start, weights in resampled_blocks(len(names), replicates, seed):
        for component, line in lines.items():
            slopes = line.estimate(weights)[:, 1]
            draws[component][start : start + len(weights)] = slopes
    frame = pd.DataFrame(rows, columns=["component", "slope", "lower", "upper"])
    whole = frame.set_index("component").loc["total"]
    frame["share"] = frame["share_lower"] = frame["share_upper"] = np.nan
    if whole["lower"] > 0:
        frame["share"] = frame["slope"] / whole["slope"]
        tail = (1 - level) / 2
        for i, component in enumerate(frame["component"]):
            with np.errstate(invalid="ignore", divide="ignore"):
                share = draws[component] / draws["total"]
            frame.loc[i, ["share_lower", "share_upper"]] = np.nanquantile(share, [tail, 1 - tail])
    frame["n_records"], frame["n_papers"] = len(records), len(names)
    return frame
