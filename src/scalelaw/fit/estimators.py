"""Straight lines under many weightings of the clusters at once.

Every inference here re-estimates a line with each cluster weighted anew: leaving one out is a
weight of 0, a pairs-cluster bootstrap draws weights from a multinomial. An estimator therefore
takes a matrix of cluster weights and returns one line per row.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_YORK_ITERATIONS = 500


class LineEstimator(Protocol):
    """Estimate ``y = intercept + slope * x`` under cluster weights."""

    n_groups: int

    def estimate(self, weights: Array) -> Array:
        """Return lines of shape (B, 2), intercept and slope, for weights of shape (B, n_groups).

        A line that its weights do not identify is NaN.
        """
        ...


def group_index(groups: Iterable[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return each record's group number, and the group names in order of first appearance."""
    number: dict[str, int] = {}
    index = np.array([number.setdefault(str(g), len(number)) for g in groups], dtype=np.intp)
    return index, list(number)


class OrdinaryLeastSquares:
    """Least squares of y on x from the sums of each cluster, so that cost does not grow with rows.

    Parameters
    ----------
    x, y : array, shape (n,)
        Data.
    index : array of int, shape (n,)
        Cluster number of each point.
    """

    def __init__(self, x: Array, y: Array, index: NDArray[np.intp]):
        self.n_groups = int(index.max()) + 1
        # Centring keeps the cross products small against the rounding of their sums.
        self._centre = float(x.mean()), float(y.mean())
        u, v = x - self._centre[0], y - self._centre[1]
        columns = (np.ones_like(u), u, v, u * u, u * v, v * v)
        self._sums = np.stack(
            [np.bincount(index, weights=c, minlength=self.n_groups) for c in columns], axis=1
        )
        self._spread = float(u @ u)

    def estimate(self, weights: Array) -> Array:
        """Return intercept and slope for each row of cluster weights."""
        _, x_mean, y_mean, sxx, sxy, _ = self.moments(weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(sxx > 1e-12 * self._spread, sxy / sxx, np.nan)
        return np.stack([y_mean - slope * x_mean, slope], axis=1)

    def moments(self, weights: Array) -> Array:
        """Return for each row of cluster weights the number of points and their moments.

        Parameters
        ----------
        weights : array, shape (B, n_groups)
            Cluster weights.

        Returns
        -------
        array, shape (6, B)
            Points n, means of x and y, and the sums of squares and products about the means:
            of x, of x and y, of y.
        """
        n, su, sv, suu, suv, svv = (weights @ self._sums).T
        with np.errstate(invalid="ignore", divide="ignore"):
            sxx, sxy, syy = suu - su * su / n, suv - su * sv / n, svv - sv * sv / n
            return np.stack([n, su / n + self._centre[0], sv / n + self._centre[1], sxx, sxy, syy])


class York:
    """Errors in both variables, each with a stated standard deviation, uncorrelated.

    Points of equal standard deviations enter through the sums of their cluster, so that cost does
    not grow with rows where few standard deviations occur.

    Parameters
    ----------
    x, y : array, shape (n,)
        Data.
    sd_x, sd_y : array, shape (n,)
        Standard deviations of the errors.
    index : array of int, shape (n,)
        Cluster number of each point.

    References
    ----------
    York, Evensen, Martinez and Delgado, "Unified equations for the slope, intercept, and standard
    errors of the best straight line", American Journal of Physics 72 (2004), equations 13.
    """

    def __init__(self, x: Array, y: Array, sd_x: Array, sd_y: Array, index: NDArray[np.intp]):
        self.n_groups = int(index.max()) + 1
        self._x, self._y = x, y
        self._variance_x, self._variance_y = sd_x**2, sd_y**2
        self._start = OrdinaryLeastSquares(x, y, index)
        kinds, kind = np.unique(np.stack([sd_x, sd_y], axis=1) ** 2, axis=0, return_inverse=True)
        self._kind_variances = kinds[:, 0], kinds[:, 1]
        self._centre = float(x.mean()), float(y.mean())
        u, v = x - self._centre[0], y - self._centre[1]
        cell = index * len(kinds) + kind.ravel()
        cells = self.n_groups * len(kinds)
        columns = (np.ones_like(u), u, v, u * u, u * v, v * v)
        self._sums = np.stack(
            [np.bincount(cell, weights=c, minlength=cells) for c in columns], axis=1
        ).reshape(self.n_groups, -1)

    def estimate(self, weights: Array) -> Array:
        """Return intercept and slope for each row of cluster weights."""
        variance_x, variance_y = self._kind_variances
        sums = (weights @ self._sums).reshape(len(weights), -1, 6)
        n, su, sv, suu, suv, svv = np.moveaxis(sums, 2, 0)
        slope = self._start.estimate(weights)[:, 1]
        u_bar = v_bar = np.full(len(weights), np.nan)
        for _ in range(_YORK_ITERATIONS):
            previous = slope
            b = slope[:, None]
            w = 1 / (variance_y + b * b * variance_x)
            total = (w * n).sum(axis=1)
            u_bar, v_bar = (w * su).sum(axis=1) / total, (w * sv).sum(axis=1) / total
            p, q = u_bar[:, None], v_bar[:, None]
            spread_uu = suu - 2 * p * su + n * p * p
            spread_uv = suv - p * sv - q * su + n * p * q
            spread_vv = svv - 2 * q * sv + n * q * q
            with np.errstate(invalid="ignore", divide="ignore"):
                slope = (w * w * (spread_uv * variance_y + b * spread_vv * variance_x)).sum(axis=1)
                slope /= (w * w * (spread_uu * variance_y + b * spread_uv * variance_x)).sum(axis=1)
            moved = np.abs(slope - previous) > 1e-13 * np.abs(slope)
            if not np.any(moved & np.isfinite(slope)):
                break
        intercept = v_bar + self._centre[1] - slope * (u_bar + self._centre[0])
        return np.stack([intercept, slope], axis=1)

    def reduced_chi_square(self, line: Array) -> float:
        """Return the weighted squares over n - 2: about 1 if the errors explain the scatter."""
        a, b = line
        variance = self._variance_y + b * b * self._variance_x
        residual = self._y - a - b * self._x
        return float((residual**2 / variance).sum() / (len(self._x) - 2))


def leave_one_group_out(estimator: LineEstimator) -> Array:
    """Return the lines without each group in turn, shape (n_groups, 2)."""
    return estimator.estimate(1.0 - np.eye(estimator.n_groups))


def cr3_covariance(point: Array, left_out: Array) -> Array:
    """Return the CR3 covariance of a line from its leave-one-group-out estimates.

    For least squares, the sum over groups of the outer products of the changes equals the
    sandwich with residuals scaled by ``(I - H_gg)^-1`` (Bell and McCaffrey 2002; MacKinnon,
    Nielsen and Webb 2023); with groups of one it is HC3. For other estimators it is the
    delete-a-group jackknife without the factor (G - 1)/G.
    """
    change = left_out - point
    return np.asarray(change.T @ change)


def resampled_groups(n_groups: int, replicates: int, seed: np.random.SeedSequence) -> Array:
    """Return cluster weights of a pairs-cluster bootstrap, shape (replicates, n_groups)."""
    share = np.full(n_groups, 1.0 / n_groups)
    draws = np.random.default_rng(seed).multinomial(n_groups, share, size=replicates)
    return draws.astype(np.float64)


def bootstrap(estimator: LineEstimator, replicates: int, seed: np.random.SeedSequence) -> Array:
    """Return lines of a pairs-cluster bootstrap, shape (replicates, 2); NaN where degenerate."""
    return estimator.estimate(resampled_groups(estimator.n_groups, replicates, seed))
