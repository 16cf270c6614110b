"""Straight lines under many weightings of the clusters at once.

Every inference here re-estimates a line with each cluster weighted anew: leaving one out is a
weight of 0, a pairs-cluster bootstrap draws weights from a multinomial. An estimator therefore
takes a matrix of cluster weights and returns one line per row.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.resample import resampled_groups
from scalelaw.fit.sample import Array

_YORK_ITERATIONS = 500


class LineEstimator(Protocol):
    """Estimate ``y = intercept + slope * x`` under cluster weights."""

    n_groups: int

    def estimate(self, weights: Array) -> Array:
        """Return lines of shape (B, 2), intercept and slope, for weights of shape (B, n_groups).

        A line that its weights do not identify is NaN.
        """
        ...


class OrdinaryLeastSquares:
    """Least squares of y on x from the sums of each cluster, so that cost does not grow with rows.

    Parameters
    ----------
    x, y : array, shape (n,)
        Data.
    index : array of int, shape (n,)
        Cluster number of each point.
    weights : array, shape (n,), optional
        Weights of the points; 1 by default.
    """

    def __init__(self, x: Array, y: Array, index: NDArray[np.intp], weights: Array | None = None):
        self.n_groups = int(index.max()) + 1
        # Centring keeps the cross products small against the rounding of their sums.
        self._centre = float(x.mean()), float(y.mean())
        u, v = x - self._centre[0], y - self._centre[1]
        w = np.ones_like(u) if weights is None else weights
        columns = (w, w * u, w * v, w * u * u, w * u * v, w * v * v)
        self._sums = np.stack(
            [np.bincount(index, weights=c, minlength=self.n_groups) for c in columns], axis=1
        )
        self._spread = float(w @ (u * u))

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
    """Errors in both variables, each with a stated standard deviation.

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
    correlation : array, shape (n,), optional
        Correlation of the two errors of a point; 0 by default.
    weights : array, shape (n,), optional
        Weights of the points; 1 by default.

    References
    ----------
    York, Evensen, Martinez and Delgado, "Unified equations for the slope, intercept, and standard
    errors of the best straight line", American Journal of Physics 72 (2004), equations 13.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        sd_x: Array,
        sd_y: Array,
        index: NDArray[np.intp],
        correlation: Array | None = None,
        weights: Array | None = None,
    ):
        self.n_groups = int(index.max()) + 1
        self._x, self._y = x, y
        self._weights = w = np.ones_like(x) if weights is None else weights
        shared = np.zeros_like(x) if correlation is None else correlation * sd_x * sd_y
        self._variances = sd_x**2, sd_y**2, shared
        self._start = OrdinaryLeastSquares(x, y, index, weights)
        kinds, kind = np.unique(np.stack(self._variances, axis=1), axis=0, return_inverse=True)
        self._kind_variances = kinds[:, 0], kinds[:, 1], kinds[:, 2]
        self._centre = float(x.mean()), float(y.mean())
        u, v = x - self._centre[0], y - self._centre[1]
        cell = index * len(kinds) + kind.ravel()
        cells = self.n_groups * len(kinds)
        columns = (w, w * u, w * v, w * u * u, w * u * v, w * v * v)
        self._sums = np.stack(
            [np.bincount(cell, weights=c, minlength=cells) for c in columns], axis=1
        ).reshape(self.n_groups, -1)

    def estimate(self, weights: Array) -> Array:
        """Return intercept and slope for each row of cluster weights."""
        variance_x, variance_y, shared = self._kind_variances
        sums = (weights @ self._sums).reshape(len(weights), -1, 6)
        n, su, sv, suu, suv, svv = np.moveaxis(sums, 2, 0)
        slope = self._start.estimate(weights)[:, 1]
        u_bar = v_bar = np.full(len(weights), np.nan)
        for _ in range(_YORK_ITERATIONS):
            previous = slope
            b = slope[:, None]
            w = 1 / (variance_y + b * b * variance_x - 2 * b * shared)
            total = (w * n).sum(axis=1)
            u_bar, v_bar = (w * su).sum(axis=1) / total, (w * sv).sum(axis=1) / total
            p, q = u_bar[:, None], v_bar[:, None]
            uu = suu - 2 * p * su + n * p * p
            uv = suv - p * sv - q * su + n * p * q
            vv = svv - 2 * q * sv + n * q * q
            # Each point's share in both sums, York's beta times its weight.
            against_v = uv * variance_y + b * vv * variance_x - (b * uv + vv) * shared
            against_u = uu * variance_y + b * uv * variance_x - (b * uu + uv) * shared
            with np.errstate(invalid="ignore", divide="ignore"):
                slope = (w * w * against_v).sum(axis=1) / (w * w * against_u).sum(axis=1)
            moved = np.abs(slope - previous) > 1e-13 * np.abs(slope)
            if not np.any(moved & np.isfinite(slope)):
                break
        intercept = v_bar + self._centre[1] - slope * (u_bar + self._centre[0])
        return np.stack([intercept, slope], axis=1)

    def chi_square(self, line: Array) -> float:
        """Return the squared residuals over their variances, as minimised."""
        a, b = line
        variance_x, variance_y, shared = self._variances
        variance = variance_y + b * b * variance_x - 2 * b * shared
        return float((self._weights * (self._y - a - b * self._x) ** 2 / variance).sum())

    def reduced_chi_square(self, line: Array) -> float:
        """Return chi square over n - 2: about 1 if the errors explain the scatter."""
        return self.chi_square(line) / (len(self._x) - 2)


def leave_one_group_out(estimator: LineEstimator) -> Array:
    """Return the lines without each group in turn, shape (n_groups, 2)."""
    return estimator.estimate(1.0 - np.eye(estimator.n_groups))


def bootstrap(estimator: LineEstimator, replicates: int, seed: np.random.SeedSequence) -> Array:
    """Return lines of a pairs-cluster bootstrap, shape (replicates, 2); NaN where degenerate."""
    return estimator.estimate(resampled_groups(estimator.n_groups, replicates, seed))
