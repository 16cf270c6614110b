"""Straight lines with errors in both variables, under many weightings of the groups at once."""

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.sample import Array

_YORK_ITERATIONS = 500


class York:
    """Errors in both variables, each with a stated standard deviation.

    Points of equal standard deviations enter through the sums of their group, so that cost does
    not grow with rows where few standard deviations occur.

    Parameters
    ----------
    x, y : array, shape (n,)
        Data.
    sd_x, sd_y : array, shape (n,)
        Standard deviations of the errors.
    index : array of int, shape (n,)
        Group number of each point.
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
        self._start = GroupMoments(np.stack([x, y]), index, weights)
        self._spread = float(self._weights @ (x - x.mean()) ** 2)
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
        """Return intercept and slope for each row of group weights."""
        variance_x, variance_y, shared = self._kind_variances
        sums = (weights @ self._sums).reshape(len(weights), -1, 6)
        n, su, sv, suu, suv, svv = np.moveaxis(sums, 2, 0)
        products = self._start.moments(weights)[2]
        sxx, sxy = products[:, 0, 0], products[:, 0, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(sxx > 1e-12 * self._spread, sxy / sxx, np.nan)
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
