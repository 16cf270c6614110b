"""Regressions with one column that depends on a parameter, for many weightings and values at once.

A floor or a break makes a law a straight line once its value is known. All values that are tried
share every other column, so their moments come from one product of group sums, and the value that
explains most is chosen for each weighting.
"""

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.linear import weighted_sums
from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.sample import Array

_SINGULAR = 1e-10


def sweep(products: Array, count: int) -> tuple[Array, Array]:
    """Regress the last variable on those before it, all swept of each other.

    Parameters
    ----------
    products : array, shape (B, k, k)
        Sums of squares and products about the means.
    count : int
        How many variables are regressors; ``k - 1`` for all.

    Returns
    -------
    slopes : array, shape (B, count)
        Coefficients; NaN where the regressors do not vary on their own.
    r_squared : array, shape (B,)
        Share of the last variable's sum of squares that is explained.
    """
    p = products.copy()
    diagonal = np.einsum("bii->bi", products)
    total = diagonal[:, -1]
    # The regressors are swept in; what stands in their columns then are the coefficients.
    with np.errstate(divide="ignore", invalid="ignore"):
        for j in range(count):
            pivot = np.where(p[:, j, j] > _SINGULAR * diagonal[:, j], p[:, j, j], np.nan)
            row = p[:, j] / pivot[:, None]
            column = p[:, :, j].copy()
            p -= column[:, :, None] * row[:, None, :]
            p[:, j], p[:, :, j] = row, -column / pivot[:, None]
            p[:, j, j] = 1 / pivot
        return p[:, :count, -1], np.where(total > 0, 1 - p[:, -1, -1] / total, np.nan)


class Profile:
    """Moments of fixed variables and of one that takes several forms.

    Parameters
    ----------
    common : array, shape (m, n)
        Regressors besides the one that varies.
    target : array, shape (n,)
        The variable that it should go with.
    varying : array, shape (F, n)
        The forms.
    index : array of int, shape (n,)
        Group number of each record.
    """

    def __init__(self, common: Array, target: Array, varying: Array, index: NDArray[np.intp]):
        fixed = np.concatenate([common, target[None]])
        self._fixed = GroupMoments(fixed, index)
        self._n_fixed, self._n_forms = len(fixed), len(varying)
        centred = fixed - fixed.mean(axis=1)[:, None]
        self._centre = varying.mean(axis=1)
        v = varying - self._centre[:, None]
        columns = np.concatenate([v, v * v, *(v * f for f in centred)])
        order = np.argsort(index, kind="stable")
        starts = np.searchsorted(index[order], np.arange(index.max() + 1))
        self._sums: Array = np.add.reduceat(columns[:, order], starts, axis=1).T
        self._fixed_centre = fixed.mean(axis=1)

    def best(self, weights: Array) -> tuple[NDArray[np.intp], Array, Array]:
        """Return for each weighting the form of the highest partial correlation with the target.

        Parameters
        ----------
        weights : array, shape (B, G)
            Group weights.

        Returns
        -------
        chosen : array of int, shape (B,)
            Number of the form.
        means : array, shape (B, m + 2)
            Means of the common variables, the chosen form and the target.
        products : array, shape (B, m + 2, m + 2)
            Sums of squares and products about the means, in that order.
        """
        n, means, products = self._fixed.moments(weights)
        count = self._n_forms
        sums = weighted_sums(weights, self._sums).reshape(len(weights), -1, count)
        first = (means - self._fixed_centre) * n[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            v_mean = sums[:, 0] / n[:, None]
            vv = sums[:, 1] - sums[:, 0] * v_mean
            vf = sums[:, 2:] - first[:, :, None] * v_mean[:, None]
            score = self._partial(products, vf.copy(), vv.copy())
        # Where no form varies the first is as good as any; its coefficients are NaN.
        chosen = np.argmax(score, axis=1)
        rows, last = np.arange(len(weights)), self._n_fixed - 1
        k = self._n_fixed + 1
        order = [*range(last), k - 1, last]
        whole = np.empty((len(weights), k, k))
        whole[:, :-1, :-1] = products
        whole[:, -1, -1] = vv[rows, chosen]
        whole[:, -1, :-1] = whole[:, :-1, -1] = vf[rows, :, chosen]
        centre = v_mean[rows, chosen] + self._centre[chosen]
        every = np.concatenate([means, centre[:, None]], axis=1)
        return chosen, every[:, order], whole[:, order][:, :, order]

    def _partial(self, products: Array, vf: Array, vv: Array) -> Array:
        """Return squared partial correlations, shape (B, F); -1 where a form does not vary."""
        p, last, own = products.copy(), self._n_fixed - 1, vv.copy()
        for j in range(last):
            row = p[:, j] / p[:, j, j][:, None]
            with_j = vf[:, j].copy()
            vv -= with_j**2 / p[:, j, j][:, None]
            vf -= with_j[:, None] * row[:, :, None]
            p -= p[:, :, j][:, :, None] * row[:, None, :]
        score = vf[:, last] ** 2 / (vv * p[:, last, last][:, None])
        return np.where((vv > _SINGULAR * own) & np.isfinite(score), score, -1.0)
