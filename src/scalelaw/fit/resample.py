"""Resampling of groups, and the intervals that are read from it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scalelaw.fit.sample import Array

RADEMACHER = "rademacher"
WEBB = "webb"

MAX_LEFT_OUT = 500

_ROWS, _DRAWS = 32, 131_072


def resampled_groups(n_groups: int, replicates: int, seed: np.random.SeedSequence) -> Array:
    """Return group weights of a pairs-cluster bootstrap, shape (replicates, n_groups)."""
    blocks = [weights for _, weights in resampled_blocks(n_groups, replicates, seed)]
    return np.concatenate([np.empty((0, n_groups)), *blocks])


def resampled_blocks(
    n_groups: int, replicates: int, seed: np.random.SeedSequence
) -> Iterator[tuple[int, Array]]:
    """Yield the group weights of a pairs-cluster bootstrap a few replicates at a time.

    Groups are drawn one by one and counted, several times faster than the multinomial where groups
    are many. A replicate is the same however many follow it.

    Parameters
    ----------
    n_groups, replicates : int
        Groups and draws.
    seed : SeedSequence
        Seed of the draws.

    Yields
    ------
    start : int
        Number of the first replicate of the block.
    weights : array, shape (rows, n_groups)
        How often each group was drawn.
    """
    rng = np.random.default_rng(seed)
    rows = _ROWS * max(1, _DRAWS // (_ROWS * n_groups))
    for start in range(0, replicates, rows):
        count = min(rows, replicates - start)
        drawn = rng.integers(n_groups, size=(count, n_groups))
        if n_groups < 4096:
            drawn += n_groups * np.arange(count)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=count * n_groups)
            yield start, counts.reshape(count, n_groups).astype(np.float64)
        else:
            weights = np.empty((count, n_groups))
            for row, groups in zip(weights, drawn, strict=True):
                row[:] = np.bincount(groups, minlength=n_groups)
            yield start, weights


def leave_out_weights(n_groups: int) -> Array:
    """Return group weights that leave out each group in turn, shape (n_groups, n_groups).

    Above `MAX_LEFT_OUT` groups, that many blocks of groups are left out instead, which is as
    valid for the covariance, since blocks are as independent as their groups.
    """
    blocks = np.arange(n_groups) % min(n_groups, MAX_LEFT_OUT)
    return np.where(blocks == np.arange(blocks.max() + 1)[:, None], 0.0, 1.0)


def wild_weights(
    n_groups: int, replicates: int, seed: np.random.SeedSequence, kind: str = RADEMACHER
) -> Array:
    """Return multipliers of a wild cluster bootstrap, shape (replicates, n_groups).

    Parameters
    ----------
    n_groups, replicates : int
        Groups and draws.
    seed : SeedSequence
        Seed of the draws.
    kind : {"rademacher", "webb"}
        Signs, or Webb's six points, which give more distinct samples where groups are few.

    References
    ----------
    Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors",
    Review of Economics and Statistics 90 (2008); Webb, "Reworking wild bootstrap-based inference
    for clustered errors", Canadian Journal of Economics 56 (2023).
    """
    points = {
        RADEMACHER: np.array([-1.0, 1.0]),
        WEBB: np.sqrt(np.array([0.5, 1.0, 1.5, 0.5, 1.0, 1.5])) * np.array([-1, -1, -1, 1, 1, 1]),
    }
    if kind not in points:
        raise ValueError(f"kind must be one of {', '.join(points)}")
    values: Array = points[kind]
    chosen = np.random.default_rng(seed).integers(len(values), size=(replicates, n_groups))
    return np.asarray(values[chosen])


def percentile_interval(draws: Array, level: float) -> tuple[float, float]:
    """Return the percentile interval of draws, those that are NaN left out; NaN without any."""
    if np.isnan(draws).all():
        return np.nan, np.nan
    tail = (1 - level) / 2
    low, high = _quantiles(draws[~np.isnan(draws)], [tail, 1 - tail])
    return low, high


def _quantiles(values: Array, shares: Sequence[float] | Array) -> list[float]:
    # Between a finite value and an infinite one there is nothing to interpolate.
    method: Any = "linear" if np.isfinite(values).all() else "inverted_cdf"
    return [float(v) for v in np.quantile(values, shares, method=method)]


def bca_interval(point: float, draws: Array, left_out: Array, level: float) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval.

    Parameters
    ----------
    point : float
        Estimate.
    draws : array, shape (B,)
        Bootstrap estimates; NaN ones are left out.
    left_out : array, shape (G,)
        Estimates without each group, for the acceleration.
    level : float
        Level of the interval.

    References
    ----------
    Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association
    82 (1987).
    """
    from scipy.special import ndtr, ndtri

    good = np.sort(draws[~np.isnan(draws)])
    if not len(good):
        return np.nan, np.nan
    below = (np.sum(good < point) + 0.5 * np.sum(good == point)) / len(good)
    if not 0 < below < 1:
        return percentile_interval(good, level)
    bias = ndtri(below)
    known = left_out[np.isfinite(left_out)]
    change = known.mean() - known if len(known) else np.zeros(1)
    spread = float((change**2).sum())
    acceleration = float((change**3).sum() / (6 * spread**1.5)) if spread else 0.0
    tail = (1 - level) / 2
    z = bias + ndtri(np.array([tail, 1 - tail]))
    shares = ndtr(bias + z / (1 - acceleration * z))
    low, high = _quantiles(good, shares)
    return low, high


def jackknife_covariance(point: Array, left_out: Array) -> Array:
    """Return the covariance of estimates from their changes when each group is left out.

    For least squares, the sum over groups of the outer products of the changes equals the CR3
    sandwich, with residuals scaled by ``(I - H_gg)^-1`` (Bell and McCaffrey 2002; MacKinnon,
    Nielsen and Webb 2023); with groups of one it is HC3. For other estimators it is the
    delete-a-group jackknife without the factor (G - 1)/G.

    Parameters
    ----------
    point : array, shape (p,)
        Estimates.
    left_out : array, shape (G, p)
        Estimates without each group.

    Returns
    -------
    array, shape (p, p)
    """
    change = left_out - point
    return np.asarray(change.T @ change)
