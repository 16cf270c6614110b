"""Laws that are linear in their parameters: least squares, once and under many weightings.

Everything rests on an orthonormal basis of the weighted design. In its coordinates the normal
equations of all records are the identity, so the sums of squares and products of a group are small
numbers about the fit itself, and nothing is lost by adding, weighting and solving them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import (
    InvalidValueError,
    NotIdentifiedError,
    TooFewGroupsError,
    TooFewRecordsError,
)
from scalelaw.fit.resample import resampled_blocks
from scalelaw.fit.sample import Array

COLLINEAR = 1e-13
"""A column is a combination of others if no more than this share of its length is its own."""

_SINGULAR = 1e-12
"""Share of a parameter's information that must be left when the others are known."""

_ROWS, _GROUPS, _SUMS = 32, 256, 32
# A product of these sizes is below what OpenBLAS divides among threads, and always the same size,
# so that its bits depend neither on the number of threads nor on what else is in the batch.

_CHUNK = 2_000_000


@dataclass(frozen=True)
class LinearFit:
    """Weighted least squares of a response on the columns of a design.

    Made by :func:`fit_linear`.

    Parameters
    ----------
    names : tuple of str
        Names of the k columns and their parameters.
    estimates : array, shape (k,)
        Estimates.
    design : array, shape (n, k)
        Design.
    y : array, shape (n,)
        Response.
    weights : array, shape (n,)
        Weights; an error variance is taken to be inversely proportional to them.
    index : array of int, shape (n,)
        Group of each record, from 0 to `n_groups` - 1.
    n_groups : int
        Number of groups.
    residuals : array, shape (n,)
        Response minus fitted values.
    leverages : array, shape (n,)
        Diagonal of the hat matrix.
    condition : float
        Condition number of the design with weighted columns scaled to one length.
    basis : array, shape (n, k)
        Orthonormal basis of the design, each row times the root of its weight.
    to_params : array, shape (k, k)
        Matrix from coordinates in the basis to parameters, upper triangular.

    Examples
    --------
    >>> import numpy as np
    >>> from scalelaw.fit.linear import fit_linear
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> fit = fit_linear(np.stack([np.ones(4), x], axis=1), 1 + 2 * x, names=["start", "slope"])
    >>> fit.estimates.round(6).tolist()
    [1.0, 2.0]
    """

    names: tuple[str, ...]
    estimates: Array
    design: Array
    y: Array
    weights: Array
    index: NDArray[np.intp]
    n_groups: int
    residuals: Array
    leverages: Array
    condition: float
    basis: Array
    to_params: Array

    @property
    def n_records(self) -> int:
        """Number of records."""
        return len(self.y)

    @property
    def n_params(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def df_residual(self) -> int:
        """Records less parameters."""
        return self.n_records - self.n_params

    @property
    def scaled_residuals(self) -> Array:
        """Residuals times the roots of the weights, shape (n,)."""
        return self.residuals * np.sqrt(self.weights)

    @property
    def residual_variance(self) -> float:
        """Weighted squares of the residuals over `df_residual`; NaN without any."""
        squares = float((self.weights * self.residuals**2).sum())
        return squares / self.df_residual if self.df_residual else float("nan")

    @property
    def classical_covariance(self) -> Array:
        """Covariance of the estimates if errors are independent, shape (k, k)."""
        return self.residual_variance * (self.to_params @ self.to_params.T)

    @cached_property
    def grouped(self) -> "GroupedLeastSquares":
        """The same regression under weightings of its groups."""
        return GroupedLeastSquares.of(self)


def fit_linear(
    design: Array,
    y: Array,
    weights: Array | None = None,
    index: NDArray[np.intp] | None = None,
    names: Sequence[str] | None = None,
    min_groups: int | None = None,
) -> LinearFit:
    """Fit a linear law by weighted least squares.

    The design, its columns scaled to one length, is orthogonalised by the Gram-Schmidt process,
    each column twice, which is as accurate as Householder's QR. Sums are pairwise and in a fixed
    order, so the result does not depend on the number of BLAS threads.

    Parameters
    ----------
    design : array, shape (n, k)
        Columns that the law is linear in; a constant is one of them.
    y : array, shape (n,)
        Response.
    weights : array, shape (n,), optional
        Positive weights; one for all without.
    index : array of int, shape (n,), optional
        Group of each record, from 0; each record its own without.
    names : sequence of str, optional
        Names of the columns, for messages and results.
    min_groups : int, optional
        Fewest groups; the number of columns without. Columns that differ only between groups, such
        as an effect of each, need no group for themselves; leave them out of the count.

    Raises
    ------
    InvalidValueError
        If a value is not finite or a weight not positive.
    TooFewRecordsError, TooFewGroupsError
        If there are fewer records or groups than parameters.
    NotIdentifiedError
        If columns are collinear, with their names.

    References
    ----------
    Giraud, Langou, Rozloznik and van den Eshof, "Rounding error analysis of the classical
    Gram-Schmidt orthogonalization process", Numerische Mathematik 101 (2005).
    """
    design, y = np.asarray(design, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n, k = design.shape
    names = tuple(names) if names is not None else tuple(f"x{j}" for j in range(k))
    index = np.arange(n) if index is None else np.asarray(index, dtype=np.intp)
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(names) != k or y.shape != (n,) or index.shape != (n,) or weights.shape != (n,):
        raise ValueError("design, y, weights, index and names must be of matching lengths")
    _check(design, y, weights, names)
    if n < k:
        raise TooFewRecordsError(
            f"{n} record(s) for {k} parameters: add records, or leave out some of {_list(names)}"
        )
    n_groups = int(index.max()) + 1
    needed = k if min_groups is None else min_groups
    if n_groups < needed:
        raise TooFewGroupsError(
            f"{n_groups} group(s), at least {needed} are needed for {k} parameters: add records of "
            f"other groups, or leave out some of {_list(names)}"
        )
    root = np.sqrt(weights)
    columns = np.ascontiguousarray((design * root[:, None]).T)
    scale = np.sqrt((columns * columns).sum(axis=1))
    basis, upper = _orthonormal(columns / np.where(scale > 0, scale, 1.0)[:, None], names)
    coordinates, rest = _project(basis, k, y * root)
    to_params = _back_substitute(upper, np.eye(k)) / scale[:, None]
    return LinearFit(
        names=names,
        estimates=_back_substitute(upper, coordinates[:, None])[:, 0] / scale,
        design=design,
        y=y,
        weights=weights,
        index=index,
        n_groups=n_groups,
        residuals=rest / root,
        leverages=(basis * basis).sum(axis=0),
        condition=float(np.linalg.cond(upper)),
        basis=np.ascontiguousarray(basis.T),
        to_params=to_params,
    )


class GroupedLeastSquares:
    """Weighted least squares under many weightings of the groups, from the sums of each group.

    The cost of `estimate` depends on the number of groups and not on that of records. Results do
    not depend on how the weightings are divided into batches.

    Parameters
    ----------
    design : array, shape (n, k)
        Columns that the law is linear in.
    y : array, shape (n,)
        Response.
    weights : array, shape (n,), optional
        Positive weights of the records, by which those of the groups are multiplied.
    index : array of int, shape (n,), optional
        Group of each record, from 0; each record its own without.

    Raises
    ------
    FitError
        As :func:`fit_linear`, except for too few groups.

    Examples
    --------
    >>> import numpy as np
    >>> from scalelaw.fit.linear import GroupedLeastSquares
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> lines = GroupedLeastSquares(np.stack([np.ones(4), x], axis=1), 1 + x**2)
    >>> lines.estimate(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])).round(6).tolist()
    [[1.0, 1.0], [-5.0, 5.0]]
    """

    n_groups: int

    def __init__(
        self,
        design: Array,
        y: Array,
        weights: Array | None = None,
        index: NDArray[np.intp] | None = None,
    ):
        self._prepare(fit_linear(design, y, weights, index, min_groups=1))

    @classmethod
    def of(cls, fit: LinearFit) -> "GroupedLeastSquares":
        """Return the regression of a fit."""
        made = cls.__new__(cls)
        made._prepare(fit)
        return made

    def _prepare(self, fit: LinearFit) -> None:
        self.n_groups, self._k = fit.n_groups, fit.n_params
        self._point, self._to_params = fit.estimates, fit.to_params
        self._triangle = np.tril_indices(self._k)
        u, e = fit.basis.T, fit.scaled_residuals
        products = [
            *((u[i], u[j]) for i, j in zip(*self._triangle, strict=True)),
            *((column, e) for column in u),
        ]
        self._sums = np.empty((self.n_groups, len(products)))
        for column, (left, right) in enumerate(products):
            self._sums[:, column] = np.bincount(
                fit.index, weights=left * right, minlength=self.n_groups
            )

    def estimate(self, group_weights: Array) -> Array:
        """Return the estimates under each row of weights of the groups.

        Parameters
        ----------
        group_weights : array, shape (B, n_groups)
            Weights, not negative: how often a group was drawn, or 0 for one that is left out.

        Returns
        -------
        array, shape (B, k)
            Estimates; NaN for each parameter that the weights do not identify.
        """
        group_weights = np.asarray(group_weights, dtype=np.float64)
        out = np.empty((len(group_weights), self._k))
        rows = _ROWS * max(1, _CHUNK // (_ROWS * max(self.n_groups, self._k**2)))
        for start in range(0, len(group_weights), rows):
            part = group_weights[start : start + rows]
            out[start : start + rows] = self._solve(weighted_sums(part, self._sums))
        return out

    def bootstrap(self, replicates: int, seed: np.random.SeedSequence) -> Array:
        """Return the estimates of a pairs-cluster bootstrap, shape (replicates, k).

        The weights are those of :func:`resampled_blocks`, and are never held all at once.
        """
        out = np.empty((replicates, self._k))
        for start, drawn in resampled_blocks(self.n_groups, replicates, seed):
            out[start : start + len(drawn)] = self.estimate(drawn)
        return out

    def leave_one_group_out(self) -> Array:
        """Return the estimates without each group in turn, shape (n_groups, k).

        The cost grows as the number of groups, where weights of 0 and 1 would need its square.
        """
        out = np.empty((self.n_groups, self._k))
        whole = np.zeros(self._sums.shape[1])
        whole[: len(self._triangle[0])] = self._triangle[0] == self._triangle[1]
        rows = _ROWS * max(1, _CHUNK // (_ROWS * self._k**2))
        for start in range(0, self.n_groups, rows):
            out[start : start + rows] = self._solve(whole - self._sums[start : start + rows])
        return out

    def _solve(self, sums: Array) -> Array:
        """Return the estimates for sums of shape (B, k (k + 1) / 2 + k)."""
        if len(sums) == 1:
            # An axis of one is dropped by einsum, which then adds in another order.
            return self._solve(np.concatenate([sums, sums]))[:1]
        k, low = self._k, len(self._triangle[0])
        matrix = np.zeros((len(sums), k, k))
        matrix[:, self._triangle[0], self._triangle[1]] = sums[:, :low]
        vector = sums[:, low:]
        diagonal = np.einsum("bii->bi", matrix).copy()
        regular = np.ones(len(sums), dtype=bool)
        # Cholesky's factors, a column of all matrices at a time.
        lower = matrix.copy()
        for j in range(k):
            column = lower[:, j:, j]
            if j:
                column = column - np.einsum("bij,bj->bi", lower[:, j:, :j], lower[:, j, :j])
            regular &= column[:, 0] > _SINGULAR * diagonal[:, j]
            pivot = np.sqrt(np.where(regular, column[:, 0], 1.0))
            lower[:, j:, j] = column / pivot[:, None]
            lower[~regular, j, j] = 1.0
        change = np.empty((len(sums), k))
        for j in range(k):
            known = np.einsum("bj,bj->b", lower[:, j, :j], change[:, :j])
            change[:, j] = (vector[:, j] - known) / lower[:, j, j]
        for j in reversed(range(k)):
            known = np.einsum("bj,bj->b", lower[:, j + 1 :, j], change[:, j + 1 :])
            change[:, j] = (change[:, j] - known) / lower[:, j, j]
        estimates: Array = self._point + np.einsum("ij,bj->bi", self._to_params, change)
        singular = np.flatnonzero(~regular)
        if len(singular):
            estimates[singular] = self._solve_singular(matrix[singular], vector[singular])
        return estimates

    def _solve_singular(self, lower: Array, vector: Array) -> Array:
        """Return the estimates where not all are identified, the others NaN."""
        values, vectors = np.linalg.eigh(lower)
        known = values > _SINGULAR * np.maximum(values[:, -1:], 0.0)
        inverse = np.where(known, 1.0, 0.0) / np.where(known, values, 1.0)
        inside = np.einsum("bij,bi->bj", vectors, vector) * inverse
        estimates = self._point + np.einsum("pi,bij,bj->bp", self._to_params, vectors, inside)
        # A parameter is identified if it is the same all along the directions without information.
        reach = np.einsum("pi,bij->bpj", self._to_params, vectors)
        length = (self._to_params**2).sum(axis=1)
        unknown = (reach**2 * ~known[:, None, :]).sum(axis=2) > 1e-12 * length
        return np.asarray(np.where(unknown, np.nan, estimates))


def weighted_sums(weights: Array, sums: Array) -> Array:
    """Return the product of two matrices, the bits of each row independent of all others.

    Parameters
    ----------
    weights : array, shape (B, G)
        Weights of groups, one row per replicate.
    sums : array, shape (G, q)
        Sums of each group.

    Returns
    -------
    array, shape (B, q)
    """
    count, groups = weights.shape
    if count % _ROWS:
        weights = np.concatenate([weights, np.zeros((-count % _ROWS, groups))])
    rows, blocks = len(weights) // _ROWS, groups // _GROUPS
    cut, whole = weights.reshape(rows, _ROWS, groups), blocks * _GROUPS
    left = cut[:, :, :whole].reshape(rows, _ROWS, blocks, _GROUPS).transpose(0, 2, 1, 3)
    out = np.empty((len(weights), sums.shape[1]))
    for start in range(0, sums.shape[1], _SUMS):
        part = np.ascontiguousarray(sums[:, start : start + _SUMS])
        total = np.matmul(cut[:, :, whole:], part[whole:])
        if blocks:
            right = part[:whole].reshape(blocks, _GROUPS, -1)
            total = total + np.matmul(left, right).sum(axis=1)
        out[:, start : start + _SUMS] = total.reshape(len(weights), -1)
    return out[:count]


def _orthonormal(columns: Array, names: tuple[str, ...]) -> tuple[Array, Array]:
    """Return an orthonormal basis (k, n) of columns (k, n) of length 1, and the triangle (k, k)."""
    k = len(columns)
    basis, upper = np.empty_like(columns), np.zeros((k, k))
    for j, column in enumerate(columns):
        upper[:j, j], rest = _project(basis, j, column)
        length = float(np.sqrt((rest * rest).sum()))
        if length <= COLLINEAR:
            raise NotIdentifiedError(_collinear(upper, j, names))
        upper[j, j] = length
        basis[j] = rest / length
    return basis, upper


def _project(basis: Array, count: int, column: Array) -> tuple[Array, Array]:
    """Return the coordinates of a column in the first vectors of a basis, and what is left."""
    coordinates, rest = np.zeros(count), column
    for _ in range(2):
        found = np.array([(basis[i] * rest).sum() for i in range(count)])
        coordinates += found
        rest = rest.copy()
        for i in range(count):
            rest -= found[i] * basis[i]
    return coordinates, rest


def _back_substitute(upper: Array, right: Array) -> Array:
    """Return the solution of an upper triangular system for right sides of shape (k, m)."""
    solution = np.empty_like(right)
    for j in reversed(range(len(upper))):
        known = (upper[j, j + 1 :, None] * solution[j + 1 :]).sum(axis=0)
        solution[j] = (right[j] - known) / upper[j, j]
    return solution


def _collinear(upper: Array, j: int, names: tuple[str, ...]) -> str:
    """Return the message that column j is a combination of some before it."""
    parts = _back_substitute(upper[:j, :j], upper[:j, j : j + 1])[:, 0]
    others = [name for name, part in zip(names, parts, strict=False) if abs(part) > 1e-8]
    if not others:
        return f'column "{names[j]}" is zero in all records; leave it out'
    return (
        f'column "{names[j]}" is a linear combination of {_list(others)}: leave one of them out, '
        "or add records in which they do not go together"
    )


def _check(design: Array, y: Array, weights: Array, names: tuple[str, ...]) -> None:
    """Raise unless all values can be used."""
    for name, column in (*zip(names, design.T, strict=True), ("y", y), ("weights", weights)):
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise InvalidValueError(
                f'"{name}" is not a finite number in record {bad[0]}; remove or mend the record'
            )
    if not (weights > 0).all():
        raise InvalidValueError("weights must be positive; remove records that have none")


def _list(names: Sequence[str]) -> str:
    shown = [f'"{name}"' for name in names[:6]]
    if len(names) > 6:
        shown.append(f"{len(names) - 6} more")
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
