"""What the simulated runs say: learning curves, overtaking points and exponents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.fit.sample import Array
from scalelaw.streams import stream
from scalelaw.theory.simulation import FIXED, GROWING

if TYPE_CHECKING:
    import pandas as pd

CHALLENGERS = ("flexible", "regularised")

MIN_PERFORMANCE = 1.0
MIN_SAMPLES_PER_VARIABLE = 10
MIN_SIZES = 3

REFERENCES = {
    (FIXED, "data"): 2,
    (FIXED, "compute"): 2,
    (GROWING, "data"): 2,
    (GROWING, "compute"): 4,
}
"""The study's exponents; at a fixed number of variables compute grows as data does."""


def summarise_curves(runs: "pd.DataFrame", level: float = 0.95) -> "pd.DataFrame":
    """Average the replicates of each design, noise level, model and sample size.

    Parameters
    ----------
    runs : pandas.DataFrame
        Result of :meth:`Simulation.run`.
    level : float
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        ``design, noise_sd, model, sample_size, variables, replicates``; mean ``performance`` with
        ``std_error``, ``lower`` and ``upper`` (t, replicates - 1 degrees of freedom); mean ``flop``
        and ``passes``.
    """
    from scipy.special import stdtrit

    key = ["design", "noise_sd", "model", "sample_size", "variables"]
    groups = runs.groupby(key, sort=False)
    table = groups["performance"].agg(replicates="size", performance="mean", std_error="sem")
    half = stdtrit(table["replicates"] - 1, (1 + level) / 2) * table["std_error"]
    table["lower"], table["upper"] = table["performance"] - half, table["performance"] + half
    table[["flop", "passes"]] = groups[["flop", "passes"]].mean()
    return table.reset_index()


def find_overtaking(
    runs: "pd.DataFrame", bootstrap_replicates: int = 2000, level: float = 0.95, seed: int = 0
) -> "pd.DataFrame":
    """Find where the flexible models pass the expert for good.

    At equal sample size, the mean performances are compared; at equal computation, the
    challenger's mean performance with that which the expert has for the same FLOP, its curve
    continued level to either side (it has levelled off by then). A crossing lies after the last
    size at which the challenger is not ahead, interpolated linearly in the logarithms.

    Parameters
    ----------
    runs : pandas.DataFrame
        Result of :meth:`Simulation.run`.
    bootstrap_replicates, level, seed
        Intervals: replicates resampled within each sample size, models of one data set together.

    Returns
    -------
    pandas.DataFrame
        One row per noise level and challenger: ``noise_sd``, ``challenger``, ``status``; of the
        crossing at equal sample size its ``sample_size`` and ``performance``, of that at equal
        computation its ``flop`` and ``flop_performance``. ``_lower`` and ``_upper`` are empty
        where a bound lies beyond the sizes simulated.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for noise_sd, part in runs[runs["design"] == FIXED].groupby("noise_sd"):
        curves = {m: _Curve.of(part, m) for m in ("expert", *CHALLENGERS)}
        n_sizes, n_replicates = curves["expert"].performance.shape
        weights = _resample(
            n_sizes, n_replicates, bootstrap_replicates, seed, "overtaking", f"{noise_sd:g}"
        )
        expert = curves["expert"].means(weights)
        for name in CHALLENGERS:
            log_n = curves[name].log_size
            performance, log_flop = curves[name].means(weights)
            lead = performance - expert[0]
            at = np.stack([_crossing(x) for x in lead])
            sizes = np.exp(_interpolate(np.broadcast_to(log_n, lead.shape), at))
            height = {"performance": _interpolate(performance, at)[0]}
            same = [np.interp(x, *e) for x, *e in zip(log_flop, expert[1], expert[0], strict=True)]
            at = np.stack([_crossing(x) for x in performance - np.array(same)])
            flop = np.exp(_interpolate(log_flop, at))
            height["flop_performance"] = _interpolate(performance, at)[0]
            row = {"noise_sd": noise_sd, "challenger": name, "status": _overtaking_status(lead[0])}
            for quantity, values in (("sample_size", sizes), ("flop", flop)):
                row[quantity] = values[0]
                row |= _interval(quantity, values, level)
            rows.append(row | height)
    columns = [
        "noise_sd", "challenger", "status", "sample_size", "sample_size_lower",
        "sample_size_upper", "performance", "flop", "flop_lower", "flop_upper",
        "flop_performance",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def fit_exponents(
    runs: "pd.DataFrame", bootstrap_replicates: int = 2000, level: float = 0.95, seed: int = 0
) -> "pd.DataFrame":
    """Fit how data and computation grow as the error falls.

    The error is the root mean squared error, 10^(-performance / 2) of the mean performance;
    "better by k" divides it by k. The exponent is the least-squares slope of log n, or of the log
    of mean FLOP, on log(1/error).

    A sample size enters if the mean performance is at least 1 there, that is, if the model makes
    less than a tenth of the squared error of predicting nothing, and, for least squares, if there
    are ten samples or more per variable, because its error falls with n - p - 1 and not with n. At
    least three sizes are needed. The bootstrap keeps the sizes so chosen.

    One pass over the data costs samples times variables, so its exponent is that of data in the
    fixed design and twice that in the growing one; what ``compute`` differs from it is the change
    in the number of passes.

    Parameters
    ----------
    runs : pandas.DataFrame
        Result of :meth:`Simulation.run`.
    bootstrap_replicates, level, seed
        Intervals: replicates resampled within each sample size.

    Returns
    -------
    pandas.DataFrame
        One row per design, noise level, model and ``quantity`` (``data`` or ``compute``):
        ``status``, ``exponent`` with ``lower`` and ``upper``, ``reference`` (the study's),
        ``n_sizes``, ``smallest_size`` and ``largest_size``.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    # The expert's error does not fall for ever, so it has no exponent.
    eligible = runs[runs["model"] != "expert"]
    for (design, noise_sd, model), part in eligible.groupby(
        ["design", "noise_sd", "model"], sort=False
    ):
        curve = _Curve.of(part, str(model))
        n_sizes, n_replicates = curve.performance.shape
        names = ("exponents", design, f"{noise_sd:g}", model)
        performance, log_flop = curve.means(
            _resample(n_sizes, n_replicates, bootstrap_replicates, seed, *names)
        )
        used = performance[0] >= MIN_PERFORMANCE
        if model != "regularised":
            used &= np.exp(curve.log_size) > MIN_SAMPLES_PER_VARIABLE * curve.variables * (1 - 1e-9)
        chosen = np.exp(curve.log_size[used]).round()
        log_inverse_error = performance[:, used] / 2 * np.log(10)
        for quantity, y in (("data", curve.log_size[None, used]), ("compute", log_flop[:, used])):
            row = {"design": design, "noise_sd": noise_sd, "model": model, "quantity": quantity}
            row |= {"reference": REFERENCES[str(design), quantity], "n_sizes": len(chosen)}
            if len(chosen) < MIN_SIZES:
                few = f"not fitted: {len(chosen)} size(s) qualify, {MIN_SIZES} are needed"
                rows.append(row | {"status": few})
                continue
            x = log_inverse_error - log_inverse_error.mean(axis=1, keepdims=True)
            slopes = (x * y).sum(axis=1) / (x * x).sum(axis=1)
            row |= {"status": "fitted", "exponent": slopes[0], **_interval("", slopes, level)}
            rows.append(row | {"smallest_size": chosen[0], "largest_size": chosen[-1]})
    columns = [
        "design", "noise_sd", "model", "quantity", "status", "exponent", "lower", "upper",
        "reference", "n_sizes", "smallest_size", "largest_size",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class _Curve:
    """Replicates of one model, in order of sample size; arrays of shape (sizes, replicates)."""

    log_size: Array
    variables: Array
    performance: Array
    flop: Array

    @classmethod
    def of(cls, runs: "pd.DataFrame", model: str) -> "_Curve":
        mine = runs[runs["model"] == model].sort_values(["sample_size", "replicate"])
        sizes = mine.drop_duplicates("sample_size")
        shape = (len(sizes), -1)
        return cls(
            np.log(sizes["sample_size"].to_numpy(dtype=np.float64)),
            sizes["variables"].to_numpy(dtype=np.float64),
            mine["performance"].to_numpy(dtype=np.float64).reshape(shape),
            mine["flop"].to_numpy(dtype=np.float64).reshape(shape),
        )

    def means(self, weights: Array) -> tuple[Array, Array]:
        """Return mean performance and log of mean FLOP, shape (B, sizes), for replicate weights."""
        return (
            np.einsum("bsr,sr->bs", weights, self.performance),
            np.log(np.einsum("bsr,sr->bs", weights, self.flop)),
        )


def _resample(sizes: int, replicates: int, draws: int, seed: int, *names: Any) -> Array:
    """Return weights of shape (1 + draws, sizes, replicates); the first are all equal."""
    rng = np.random.default_rng(stream(seed, "theory", *map(str, names)))
    share = np.full(replicates, 1 / replicates)
    drawn = rng.multinomial(replicates, share, size=(draws, sizes))
    return np.concatenate([np.ones((1, sizes, replicates)), drawn]) / replicates


def _crossing(lead: Array) -> float:
    """Return the position, in steps of the grid, from which a lead stays positive; NaN if none."""
    behind = np.flatnonzero(~(lead > 0))
    if len(behind) == 0 or behind[-1] == len(lead) - 1:
        return float("nan") if len(behind) else 0.0
    i = behind[-1]
    return float(i + lead[i] / (lead[i] - lead[i + 1]))


def _interpolate(curves: Array, positions: Array) -> Array:
    """Read curves of shape (B, sizes) at one position each."""
    grid = np.arange(curves.shape[1])
    return np.array([np.interp(at, grid, c) for at, c in zip(positions, curves, strict=True)])


def _overtaking_status(lead: Array) -> str:
    if np.isnan(_crossing(lead)):
        return "not overtaken: behind the expert at the largest sample size"
    return "overtaken" if (lead <= 0).any() else "ahead from the smallest sample size"


def _interval(name: str, draws: Array, level: float) -> dict[str, float]:
    """Return the percentile interval of all but the first; never crossing counts as infinity."""
    values = np.where(np.isnan(draws[1:]), np.inf, draws[1:])
    tail = (1 - level) / 2
    bounds = np.quantile(values, [tail, 1 - tail], method="nearest")
    prefix = f"{name}_" if name else ""
    bounds[np.isinf(bounds) | np.isnan(draws[0])] = np.nan
    return dict(zip((f"{prefix}lower", f"{prefix}upper"), bounds.tolist(), strict=True))
