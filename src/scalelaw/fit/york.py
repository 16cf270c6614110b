"""Straight lines with errors in both variables, under many weightings of the groups at once."""

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.linear import weighted_sums
from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.resample import leave_out_weights, resampled_blocks
from scalelaw.fit.sample import Array

_YORK_ITERATIONS = 500
_CHUNK = 2_000_000
_DENSE = 1_000_000


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
        self._centre = float(x.mean()), float(y.mean())
        u, v = x - self._centre[0], y - self._centre[1]
        columns = (w, w * u, w * v, w * u * u, w * u * v, w * v * v)
        cell = index * len(kinds) + kind.ravel()
        occupied, number = np.unique(cell, return_inverse=True)
        # Where nearly every point has standard deviations of its own, groups times kinds would grow
        # as the square of the points.
        self._sparse = self.n_groups * len(kinds) > max(_DENSE, 4 * len(occupied))
        if self._sparse:
            self._group, kinds = occupied // len(kinds), kinds[occupied % len(kinds)]
            self._sums: Array = np.stack([np.bincount(number, weights=c) for c in columns])
        else:
            cells = self.n_groups * len(kinds)
            sums = np.stack([np.bincount(cell, weights=c, minlength=cells) for c in columns])
            self._sums = np.stack(list(sums.reshape(6, self.n_groups, -1)), axis=1)
        self._kind_variances = kinds[:, 0], kinds[:, 1], kinds[:, 2]

    def estimate(self, weights: Array) -> Array:
        """Return intercept and slope for each row of group weights.

        Parameters
        ----------
        weights : array, shape (B, G)
            Group weights.

        Returns
        -------
        array, shape (B, 2)
            NaN where the weights identify no line, or the iteration does not settle on one. A row
            does not depend on the others.
        """
        out = np.empty((len(weights), 2))
        rows = max(1, _CHUNK // (6 * len(self._kind_variances[0])))
        for start in range(0, len(weights), rows):
            out[start : start + rows] = self._estimate(weights[start : start + rows])
        return out

    def bootstrap(self, replicates: int, seed: np.random.SeedSequence) -> Array:
        """Return the estimates of a pairs-cluster bootstrap, shape (replicates, 2)."""
        blocks = resampled_blocks(self.n_groups, replicates, seed)
        parts = [self.estimate(weights) for _, weights in blocks]
        return np.concatenate([np.empty((0, 2)), *parts])

    def leave_one_group_out(self) -> Array:
        """Return the estimates without each group in turn, shape (G, 2).

        Where nearly every point has standard deviations of its own, and groups are many, those
        without each of some blocks of groups, as :func:`leave_out_weights` forms them.
        """
        if self._sparse:
            return self.estimate(leave_out_weights(self.n_groups))
        left = self._sums.sum(axis=0) - self._sums
        return self._solve(
            np.ascontiguousarray(left.transpose(1, 0, 2)), self._start.leave_one_group_out()[2]
        )

    def _estimate(self, weights: Array) -> Array:
        if self._sparse:
            sums = weights[:, self._group] * self._sums[:, None]
        else:
            flat = weighted_sums(weights, self._sums.reshape(self.n_groups, -1))
            sums = np.ascontiguousarray(flat.reshape(len(weights), 6, -1).transpose(1, 0, 2))
        return self._solve(sums, self._start.moments(weights)[2])

    def _solve(self, sums: Array, products: Array) -> Array:
        """Return the estimates for sums of points, shape (6, B, points), and moments to start."""
        sxx, sxy = products[:, 0, 0], products[:, 0, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(sxx > 1e-12 * self._spread, sxy / sxx, np.nan)
        rows = np.flatnonzero(np.isfinite(slope))
        left, moved = sums[:, rows], np.empty(0)
        for _ in range(_YORK_ITERATIONS):
            found = self._step(slope[rows], left)
            with np.errstate(invalid="ignore", divide="ignore"):
                moved = np.abs(found - slope[rows]) / np.abs(found)
            slope[rows] = found
            going = moved > 1e-13
            if not going.all():
                rows, left, moved = rows[going], left[:, going], moved[going]
            if not len(rows):
                break
        # What still moves within rounding has settled.
        slope[rows[moved > 1e-8]] = np.nan
        u_bar, v_bar = self._means(slope, sums)
        intercept = v_bar + self._centre[1] - slope * (u_bar + self._centre[0])
        return np.stack([intercept, slope], axis=1)

    def _point_weights(self, slope: Array) -> Array:
        variance_x, variance_y, shared = self._kind_variances
        b = slope[:, None]
        return np.asarray(1 / (variance_y + b * b * variance_x - 2 * b * shared))

    def _means(self, slope: Array, sums: Array) -> tuple[Array, Array]:
        """Return the means of both variables, weighted as the slope weights the points."""
        n, su, sv = sums[:3]
        w = self._point_weights(slope)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = (w * n).sum(axis=1)
            return (w * su).sum(axis=1) / total, (w * sv).sum(axis=1) / total

    def _step(self, slope: Array, sums: Array) -> Array:
        """Return the next slopes."""
        variance_x, variance_y, shared = self._kind_variances
        n, su, sv, suu, suv, svv = sums
        b, w = slope[:, None], self._point_weights(slope)
        p, q = (mean[:, None] for mean in self._means(slope, sums))
        uu = suu - 2 * p * su + n * p * p
        uv = suv - p * sv - q * su + n * p * q
        vv = svv - 2 * q * sv + n * q * q
        # Each point's share in both sums, York's beta times its weight.
        against_v = uv * variance_y + b * vv * variance_x - (b * uv + vv) * shared
        against_u = uu * variance_y + b * uv * variance_x - (b * uu + uv) * shared
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((w * w * against_v).sum(axis=1) / (w * w * against_u).sum(axis=1))

    def chi_square(self, line: Array) -> float:
        """Return the squared residuals over their variances, as minimised."""
        a, b = line
        variance_x, variance_y, shared = self._variances
        variance = variance_y + b * b * variance_x - 2 * b * shared
        return float((self._weights * (self._y - a - b * self._x) ** 2 / variance).sum())

    def reduced_chi_square(self, line: Array) -> float:
        """Return chi square over n - 2: about 1 if the errors explain the scatter."""
        return self.chi_square(line) / (len(self._x) - 2)
