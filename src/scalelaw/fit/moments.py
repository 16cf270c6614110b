"""First and second moments of variables under many weightings of the groups at once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.linear import weighted_sums
from scalelaw.fit.resample import resampled_blocks
from scalelaw.fit.sample import Array


class GroupMoments:
    """Moments from the sums of each group, so that cost does not grow with records.

    Parameters
    ----------
    variables : array, shape (k, n)
        Data.
    index : array of int, shape (n,)
        Group number of each record.
    weights : array, shape (n,), optional
        Weights of the records; 1 by default.
    """

    def __init__(self, variables: Array, index: NDArray[np.intp], weights: Array | None = None):
        self._k, n = variables.shape
        groups = int(index.max()) + 1
        # Centring keeps the products small against the rounding of their sums.
        self._centre = variables.mean(axis=1)
        u = variables - self._centre[:, None]
        w = np.ones(n) if weights is None else weights
        self._triangle = np.tril_indices(self._k)
        columns = [
            w,
            *(w * a for a in u),
            *(w * u[i] * u[j] for i, j in zip(*self._triangle, strict=True)),
        ]
        self._sums: Array = np.stack(
            [np.bincount(index, weights=c, minlength=groups) for c in columns], 1
        )

    def moments(self, weights: Array) -> tuple[Array, Array, Array]:
        """Return the moments for each row of group weights.

        Parameters
        ----------
        weights : array, shape (B, G)
            Group weights.

        Returns
        -------
        n : array, shape (B,)
            Sum of the weights of the records.
        means : array, shape (B, k)
            Means.
        products : array, shape (B, k, k)
            Sums of squares and products about the means.
        """
        return self._of(weighted_sums(weights, self._sums))

    def bootstrap(
        self, replicates: int, seed: np.random.SeedSequence
    ) -> tuple[Array, Array, Array]:
        """Return the moments of a pairs-cluster bootstrap, the weights never held all at once."""
        blocks = resampled_blocks(len(self._sums), replicates, seed)
        sums = [weighted_sums(weights, self._sums) for _, weights in blocks]
        return self._of(np.concatenate([np.empty((0, self._sums.shape[1])), *sums]))

    def leave_one_group_out(self) -> tuple[Array, Array, Array]:
        """Return the moments without each group in turn, from those of all less its own."""
        return self._of(self._sums.sum(axis=0) - self._sums)

    def _of(self, sums: Array) -> tuple[Array, Array, Array]:
        n, first, second = sums[:, 0], sums[:, 1 : 1 + self._k], sums[:, 1 + self._k :]
        products = np.empty((len(sums), self._k, self._k))
        i, j = self._triangle
        with np.errstate(invalid="ignore", divide="ignore"):
            products[:, i, j] = second - first[:, i] * first[:, j] / n[:, None]
            means = first / n[:, None] + self._centre
        products[:, j, i] = products[:, i, j]
        return n, means, products


class LineMoments:
    """Moments of one variable and each of several regressors, from the sums of each group.

    As :class:`GroupMoments` for each regressor, but what does not depend on the regressor is summed
    once.

    Parameters
    ----------
    regressors : iterable of array, shape (n,)
        The K regressors.
    y : array, shape (n,)
        The variable that they share.
    index : array of int, shape (n,)
        Group number of each record.
    """

    def __init__(self, regressors: Iterable[Array], y: Array, index: NDArray[np.intp]):
        groups = int(index.max()) + 1

        def total(values: Array) -> Array:
            return np.asarray(np.bincount(index, values, groups), dtype=np.float64)

        self._y_centre = float(y.mean())
        v = y - self._y_centre
        columns = [total(np.ones_like(v)), total(v), total(v * v)]
        centres = []
        for x in regressors:
            centres.append(float(x.mean()))
            u = x - centres[-1]
            columns += [total(u), total(u * u), total(u * v)]
        self._x_centres = np.array(centres)
        self._sums: Array = np.stack(columns, axis=1)

    def whole(self) -> "Lines":
        """Return the moments of all records, one row."""
        return self._of(self._sums.sum(axis=0, keepdims=True))

    def weighted(self, weights: Array) -> "Lines":
        """Return the moments for each row of group weights, shape (B, G)."""
        return self._of(weighted_sums(weights, self._sums))

    def leave_one_group_out(self) -> "Lines":
        """Return the moments without each group in turn, from those of all less its own."""
        return self._of(self._sums.sum(axis=0) - self._sums)

    def _of(self, sums: Array) -> "Lines":
        n, y, yy = (sums[:, i, None] for i in range(3))
        x, xx, xy = (sums[:, 3 + i :: 3] for i in range(3))
        with np.errstate(invalid="ignore", divide="ignore"):
            return Lines(
                x / n + self._x_centres,
                y / n + self._y_centre,
                xx - x * x / n,
                xy - x * y / n,
                yy - y * y / n,
            )


class Lines(NamedTuple):
    """Moments of B weightings and K regressors, shape (B, K), those of y alone (B, 1)."""

    x_mean: Array
    y_mean: Array
    sxx: Array
    sxy: Array
    syy: Array
