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
_ROUNDING = 1e-12
_AS_GOOD = 1e-9
"""Forms whose correlations differ by less are taken as equal, whatever the order of summation."""


def sweep(products: Array, count: int, spread: Array) -> tuple[Array, Array]:
    """Regress the last variable on those before it.

    Parameters
    ----------
    products : array, shape (B, k, k)
        Sums of squares and products about the means.
    count : int
        How many variables are regressors; ``k - 1`` for all.
    spread : array, shape (k,) or (B, k)
        Sums of squares of all records, by which variation is told from rounding.

    Returns
    -------
    slopes : array, shape (B, count)
        Coefficients; NaN where the regressors do not vary on their own.
    r_squared : array, shape (B,)
        Share of the last variable's sum of squares that is explained.
    """
    p = products.copy()
    diagonal = np.einsum("bii->bi", products)
    least = np.maximum(_SINGULAR * diagonal, _ROUNDING * spread)
    total = np.where(diagonal[:, -1] > least[:, -1], diagonal[:, -1], np.nan)
    # Each regressor is eliminated in turn; the coefficients are left in the last column.
    with np.errstate(divide="ignore", invalid="ignore"):
        for j in range(count):
            pivot = np.where(p[:, j, j] > least[:, j], p[:, j, j], np.nan)
            row = p[:, j] / pivot[:, None]
            column = p[:, :, j].copy()
            p -= column[:, :, None] * row[:, None, :]
            p[:, j] = row
        # The slopes of what does not vary are zero, not rounding.
        slopes = p[:, :count, -1] * np.isfinite(total)[:, None]
        return slopes, 1 - p[:, -1, -1] / total


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
        self._fixed_spread, self._spread = (centred**2).sum(axis=1), (v * v).sum(axis=1)
        columns = np.concatenate([v, v * v, *(v * f for f in centred)])
        order = np.argsort(index, kind="stable")
        starts = np.searchsorted(index[order], np.arange(index.max() + 1))
        self._sums: Array = np.add.reduceat(columns[:, order], starts, axis=1).T
        self._fixed_centre = fixed.mean(axis=1)

    def best(self, weights: Array) -> tuple[NDArray[np.intp], Array, Array, Array]:
        """Return for each weighting the form of the highest partial correlation with the target.

        Of equals the first is taken: breaks beyond which a resampling has one record only, say.

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
        spread : array, shape (B, m + 2)
            Sums of squares of all records, in that order.
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
        chosen = np.argmax(score >= score.max(axis=1)[:, None] - _AS_GOOD, axis=1)
        rows, last = np.arange(len(weights)), self._n_fixed - 1
        k = self._n_fixed + 1
        order = [*range(last), k - 1, last]
        whole = np.empty((len(weights), k, k))
        whole[:, :-1, :-1] = products
        whole[:, -1, -1] = vv[rows, chosen]
        whole[:, -1, :-1] = whole[:, :-1, -1] = vf[rows, :, chosen]
        centre = v_mean[rows, chosen] + self._centre[chosen]
        every = np.concatenate([means, centre[:, None]], axis=1)
        fixed = np.broadcast_to(self._fixed_spread, means.shape)
        spread = np.concatenate([fixed, self._spread[chosen, None]], axis=1)
        return chosen, every[:, order], whole[:, order][:, :, order], spread[:, order]

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
        varies = vv > np.maximum(_SINGULAR * own, _ROUNDING * self._spread)
        return np.where(varies & np.isfinite(score), score, -1.0)
