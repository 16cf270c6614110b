"""First and second moments of variables under many weightings of the groups at once."""

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.linear import weighted_sums
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
        sums = weighted_sums(weights, self._sums)
        n, first, second = sums[:, 0], sums[:, 1 : 1 + self._k], sums[:, 1 + self._k :]
        products = np.empty((len(sums), self._k, self._k))
        i, j = self._triangle
        with np.errstate(invalid="ignore", divide="ignore"):
            products[:, i, j] = second - first[:, i] * first[:, j] / n[:, None]
            means = first / n[:, None] + self._centre
        products[:, j, i] = products[:, i, j]
        return n, means, products
