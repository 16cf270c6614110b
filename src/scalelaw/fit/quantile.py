"""Quantile regression under many weightings of the records at once, to the exact optimum.

The pinball loss of a linear law is piecewise linear, so its minimum lies at a vertex: a law that
passes through k records. Resampling changes the weights but not the records, so each weighting
starts from the vertex of the full sample and exchanges one record at a time along the steepest
edge, going on past vertices for as long as the loss falls (Barrodale and Roberts 1973). Records
far from the full-sample law keep their side under almost any weighting and enter only through the
sum of their gradients (Portnoy and Koenker 1997). What is found is certified by its duality gap;
a row that is not goes to more records, and at last to a linear program.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.sample import Array

Indices = NDArray[np.intp]

_CHUNK = 60_000
"""Elements of a temporary: several of them fit in the cache of a core."""
_CORE = 7.0
"""Records kept apart, in units of their expected number within one standard error of the law."""
_GROWTH = 4
_BLOCK = 4096
_MAX_EXCHANGES = 100
_WEIGHT_JITTER = 1e-11
_RESPONSE_JITTER = 1e-10
_TOLERANCE = 1e-14
_COLLINEAR = 1e-10
_GAP = 1e-11


def quantile_regression(
    design: Array, y: Array, weights: Array, tau: float, start: Array | None = None
) -> Array:
    """Minimise the weighted sum of the pinball loss of ``y - design @ params``.

    The loss that is reached is that of the linear program, to 4e-11 of it. Where several laws
    minimise it, the one returned is optimal also for weights that are changed by fixed relative
    amounts of up to 1e-11, drawn once for records in sorted order: the choice depends on the data
    and weights, not on the order of records, `start` or other rows.

    Parameters
    ----------
    design : array, shape (n, k)
        Predictors, usually with a column of ones.
    y : array, shape (n,)
        Response.
    weights : array, shape (B, n)
        Weights of the records, none negative; one fit for each row.
    tau : float
        Quantile, between 0 and 1.
    start : array, shape (k,), optional
        Estimate for all records, near which those under `weights` are searched for first.

    Returns
    -------
    array, shape (B, k)
        Parameters; NaN where records of positive weight do not identify them.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978). Barrodale and Roberts, "An
    improved algorithm for discrete L1 linear approximation", SIAM Journal on Numerical Analysis 10
    (1973). Portnoy and Koenker, "The Gaussian hare and the Laplacian tortoise: computability of
    squared-error versus absolute-error estimators", Statistical Science 12 (1997).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(5.0)
    >>> y = np.array([0.0, 1.0, 2.0, 3.0, 10.0])
    >>> quantile_regression(np.stack([np.ones(5), x], axis=1), y, np.ones((1, 5)), 0.5)
    array([[0., 1.]])
    """
    n, k = design.shape
    found = np.full((len(weights), k), np.nan)
    directions = orthonormal_columns(design)
    if directions is None or not len(weights):
        return found
    if start is None:
        means = np.einsum("nk,n->k", directions, y) / n
        about = y - np.einsum("nk,k->n", directions, means)
        whole = _Search.of(design, y, directions, about, tau)
        start = whole.minimise(np.ones((1, n)))[0]
        if not np.isfinite(start).all():
            return found
    residual = y - np.einsum("nk,k->n", design, start)
    search = _Search.of(design, y, directions, residual, tau)
    rows = max(1, _CHUNK // max(search.first_core, n // 4))
    for i in range(0, len(weights), rows):
        found[i : i + rows] = search.minimise(np.ascontiguousarray(weights[i : i + rows]))
    return found


def linear_program(design: Array, y: Array, weights: Array, tau: float) -> tuple[Array, float]:
    """Minimise the weighted pinball loss by linear programming (HiGHS), one weighting at a time.

    Parameters
    ----------
    design : array, shape (n, k)
        Predictors.
    y : array, shape (n,)
        Response.
    weights : array, shape (n,)
        Weights of the records, none negative.
    tau : float
        Quantile, between 0 and 1.

    Returns
    -------
    params : array, shape (k,)
        A minimum; NaN if HiGHS finds none.
    value : float
        Weighted sum of the loss there.
    """
    from scipy.optimize import linprog

    k = design.shape[1]
    kept = weights > 0
    x, response, weight = design[kept], y[kept], weights[kept]
    missing = np.full(k, np.nan), float("nan")
    directions = orthonormal_columns(x)
    if directions is None:
        return missing

    # The dual has k constraints instead of n; units of order one suit the absolute tolerances.
    means = np.einsum("nk,n->k", directions, response) / len(x)
    centred = response - np.einsum("nk,k->n", directions, means)
    height = float(np.median(np.abs(centred))) or 1.0
    share = weight / weight.mean()
    solved = linprog(
        -centred / height,
        A_eq=directions.T,
        b_eq=np.zeros(k),
        bounds=[((tau - 1) * largest, tau * largest) for largest in share.tolist()],
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.status != 0:
        return missing
    marginals = np.asarray(solved.eqlin.marginals) * height
    residual = centred + np.einsum("nk,k->n", directions, marginals)
    # Marginals are rounded; the records that they pass through give the vertex exactly.
    vertex = _independent(directions, np.argsort(np.abs(residual), kind="stable"))
    params = solve_rows(x[vertex][None], response[vertex][None])[0]
    residual = response - np.einsum("nk,k->n", x, params)
    return params, float(np.sum(weight * np.maximum(tau * residual, (tau - 1) * residual)))


def orthonormal_columns(design: Array) -> Array | None:
    """Return a basis of the columns with mean squares of one, or None if they are dependent.

    Gram-Schmidt, twice, with sums whose order does not depend on the number of threads.
    """
    n, k = design.shape
    if n < k:
        return None
    basis = np.empty((n, k))
    for j in range(k):
        column = design[:, j] / (np.abs(design[:, j]).max() or 1.0)
        before = np.sqrt(np.mean(column**2))
        for _ in range(2):
            for i in range(j):
                column = column - np.mean(column * basis[:, i]) * basis[:, i]
        size = np.sqrt(np.mean(column**2))
        if not size > 1e-13 * before:
            return None
        basis[:, j] = column / size
    return basis


@dataclass(frozen=True)
class _Search:
    """What all weightings share.

    `directions` are the orthonormal columns, `residual` those of the full-sample law, `jittered`
    the same with ties broken, `basis` the records of the vertex to start from, `by_distance` the
    records from the nearest to the law to the farthest.
    """

    design: Array
    y: Array
    tau: float
    directions: Array
    residual: Array
    jittered: Array
    weight_factor: Array
    by_distance: Indices
    basis: Indices
    first_core: int

    @classmethod
    def of(
        cls, design: Array, y: Array, directions: Array, residual: Array, tau: float
    ) -> "_Search":
        n, k = design.shape
        order = np.lexsort((*design.T, y))
        noise = np.empty((2, n))
        noise[:, order] = np.random.default_rng(1978).uniform(-1.0, 1.0, (2, n))
        # Equal records share a factor, lest the choice between laws depend on their order.
        records = np.column_stack([design, y])[order]
        first = np.insert((np.diff(records, axis=0) != 0).any(axis=1), 0, True)
        noise[1, order] = noise[1, order][np.flatnonzero(first)[np.cumsum(first) - 1]]
        # Far above the rounding of residuals, far below what tells records apart.
        spread = _RESPONSE_JITTER * np.median(np.abs(residual))
        rounding = 1e-14 * (np.median(np.abs(y)) or np.abs(y).max() or 1.0)
        jittered = residual + (spread + rounding) * noise[0]
        # Distances in units that grow with the standard error of the law at the record.
        distance = np.abs(residual) / _lengths(directions)
        by_distance = np.argsort(distance, kind="stable")
        core = int(_CORE * np.sqrt(n * k * tau * (1 - tau))) + 4 * k
        return cls(
            design,
            y,
            tau,
            directions,
            residual,
            jittered,
            1.0 + _WEIGHT_JITTER * noise[1],
            by_distance,
            _independent(directions, by_distance),
            core if core < 0.7 * n else n,
        )

    def minimise(self, weights: Array) -> Array:
        """Return params of shape (B, k)."""
        n, k = self.directions.shape
        found = np.full((len(weights), k), np.nan)
        basis = np.tile(self.basis, (len(weights), 1))
        rows = np.arange(len(weights))
        core = self.first_core
        while len(rows):
            kept = np.sort(np.concatenate([self.basis, self.by_distance[:core]]))
            kept = kept[np.insert(np.diff(kept) > 0, 0, True)] if core < n else np.arange(n)
            some = weights if len(rows) == len(weights) else weights[rows]
            basis[rows], certified, unidentified = self._minimise(some, basis[rows], kept)
            good = rows[certified]
            vertex = np.sort(basis[good], axis=1)
            found[good] = solve_rows(self.design[vertex], self.y[vertex])
            rows = rows[~(certified | unidentified)]
            if core >= n:
                break
            core = core * _GROWTH if core * _GROWTH < 0.7 * n else n
        for row in rows:
            found[row], _ = linear_program(self.design, self.y, weights[row], self.tau)
        return found

    def _minimise(
        self, weights: Array, basis: Indices, kept: Indices
    ) -> tuple[Indices, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return bases, whether they are optimal, and whether the law is not identified.

        Records that are not `kept` stay on the side of the full-sample law.
        """
        n = len(self.y)
        side = np.where(self.jittered < 0, -1.0, 1.0)
        side[kept] = 0.0
        slope = np.where(side < 0, self.tau - 1, self.tau) * np.abs(side) * self.weight_factor
        pull = np.stack([row_sums(weights, slope * d) for d in self.directions.T], axis=1)
        total = weights.sum(axis=1)
        if len(kept) == n:
            near = weights * self.weight_factor
        else:
            near = weights[:, kept] * self.weight_factor[kept]
        place = np.zeros(n, dtype=np.intp)
        place[kept] = np.arange(len(kept))
        local, below, state = _exchange(
            self.directions[kept], self.jittered[kept], near, pull, total, place[basis], self.tau
        )
        stopped = np.flatnonzero(state == _OPTIMAL)
        certified = np.zeros(len(weights), dtype=bool)
        if len(stopped):
            vertex = local[stopped]
            q, r = self.directions[kept], self.residual[kept]
            coordinates = solve_rows(q[vertex], r[vertex])
            residual = residual_rows(r, q, coordinates)
            np.put_along_axis(residual, vertex, 0.0, axis=1)
            # Duality gap: what records lose that are not on the side that the dual has them on.
            wrong = np.where(below[stopped] == (residual < 0), 0.0, np.abs(residual))
            near = near[stopped]
            gap = row_sums(near, wrong)
            rough = np.maximum(self.tau * residual, (self.tau - 1) * residual)
            least = row_sums(near, rough)
            if len(kept) < n:
                outside = residual_rows(self.residual, self.directions, coordinates)
                outside *= side
                np.minimum(outside, 0.0, out=outside)
                some = weights if len(stopped) == len(weights) else weights[stopped]
                gap -= row_sums(some, outside)
            height = max(float(np.abs(self.y).max()), float(np.abs(self.residual).max()))
            rounding = _TOLERANCE * total[stopped] * height
            certified[stopped] = gap <= _GAP * least + rounding
        unidentified = (total == 0) | ((state == _FLAT) & (len(kept) == n))
        certified &= ~unidentified
        return kept[local], certified, unidentified


_RUNNING, _OPTIMAL, _FLAT, _OPEN = range(4)


def _exchange(
    q: Array, y: Array, weights: Array, pull: Array, total: Array, basis: Indices, tau: float
) -> tuple[Indices, NDArray[np.bool_], NDArray[np.int8]]:
    """Walk from vertex to vertex down to the minimum of the pinball loss less ``pull @ params``.

    Returns the last basis of each row, which residuals are negative there, and why it stopped:
    optimal; flat, if a record of weight 0 could not be exchanged for any other; open, if the loss
    falls without end or the walk is too long.
    """
    count = len(basis)
    last_basis, last_below = basis.copy(), np.zeros((count, len(y)), dtype=bool)
    state = np.zeros(count, dtype=np.int8)
    rows = np.arange(count)
    collinear = _COLLINEAR * _lengths(q)
    tolerance = _TOLERANCE * total
    inverse = np.linalg.inv(q[basis])
    for _ in range(_MAX_EXCHANGES):
        at = np.arange(len(rows))
        residual = residual_rows(y, q, np.einsum("bij,bj->bi", inverse, y[basis]))
        below = residual < 0
        np.put_along_axis(below, basis, False, axis=1)
        slopes = (tau - below) * weights
        np.put_along_axis(slopes, basis, 0.0, axis=1)
        gradient = pull + np.stack([row_sums(slopes, d) for d in q.T], axis=1)
        dual = np.einsum("bij,bi->bj", inverse, gradient)
        own = np.take_along_axis(weights, basis, axis=1)
        length = np.sqrt(np.einsum("bij,bij->bj", inverse, inverse))
        up, down = -(dual + tau * own) / length, (dual - (1 - tau) * own) / length
        descent = np.maximum(up, down)
        # A record of weight 0 must leave the basis even if the loss is level: it is no evidence.
        urge = np.where(own > 0, descent, np.maximum(descent, 2 * tolerance[:, None]))
        leaving = np.argmax(urge, axis=1)
        done = urge[at, leaving] <= tolerance
        if done.any():
            ended = rows[done]
            last_basis[ended], last_below[ended], state[ended] = basis[done], below[done], _OPTIMAL
            go = ~done
            rows, at = rows[go], np.arange(int(go.sum()))
            if not len(rows):
                break
            residual, below, weights, pull = residual[go], below[go], weights[go], pull[go]
            tolerance, basis, inverse, leaving = tolerance[go], basis[go], inverse[go], leaving[go]
            descent, up, down, length = descent[go], up[go], down[go], length[go]
        falls = descent[at, leaving]
        sign = np.where(down[at, leaving] > up[at, leaving], 1.0, -1.0) / length[at, leaving]
        edge = inverse[at, :, leaving] * sign[:, None]
        speed = -residual_rows(0.0, q, edge)
        level = falls <= tolerance
        with np.errstate(divide="ignore", invalid="ignore"):
            step = residual / speed
        ahead = np.abs(speed) > collinear
        ahead &= np.where(below, speed < 0, speed > 0) | level[:, None]
        np.put_along_axis(ahead, basis, False, axis=1)
        step = np.where(ahead, np.abs(step), np.inf)
        rise = np.abs(speed) * weights
        rise *= ahead
        order = np.argsort(step, axis=1)
        slope = np.cumsum(np.take_along_axis(rise, order, axis=1), axis=1)
        crossed = slope > np.where(level, 0.0, falls)[:, None]
        entering = order[at, np.argmax(crossed, axis=1)]
        stuck = ~crossed[:, -1]
        if stuck.any():
            ended = rows[stuck]
            last_basis[ended], state[ended] = basis[stuck], np.where(level[stuck], _FLAT, _OPEN)
            go = ~stuck
            rows, at = rows[go], np.arange(int(go.sum()))
            if not len(rows):
                break
            weights, pull, tolerance = weights[go], pull[go], tolerance[go]
            basis, inverse = basis[go], inverse[go]
            leaving, entering = leaving[go], entering[go]
        basis = basis.copy()
        basis[at, leaving] = entering
        row = np.einsum("bi,bij->bj", q[entering], inverse)
        pivot = row[at, leaving]
        row[at, leaving] -= 1.0
        inverse = inverse - inverse[at, :, leaving][:, :, None] * (row / pivot[:, None])[:, None, :]
    else:
        last_basis[rows], state[rows] = basis, _OPEN
    return last_basis, last_below, state


def solve_rows(matrices: Array, vectors: Array) -> Array:
    """Return the solutions of one set of linear equations per row."""
    solved: Array = np.linalg.solve(matrices, vectors[:, :, None]).astype(np.float64)
    return solved[:, :, 0]


def residual_rows(y: Array | float, q: Array, coordinates: Array) -> Array:
    """Return ``y - q @ coordinates`` for each row of coordinates, shape (B, n)."""
    residual = y - coordinates[:, :1] * q[:, 0]
    for j in range(1, q.shape[1]):
        residual -= coordinates[:, j : j + 1] * q[:, j]
    return residual


def row_sums(values: Array, factors: Array) -> Array:
    """Return the sums over each row of values times factors, shape (B,).

    Bits do not depend on the number of rows or threads: einsum sums in one go what fits in its
    buffer, and calls no BLAS.

    Parameters
    ----------
    values : array, shape (B, n)
        One set of values per row, contiguous.
    factors : array, shape (n,) or (B, n)
        Factors.
    """
    form = "bn,n->b" if factors.ndim == 1 else "bn,bn->b"
    total = np.zeros(len(values))
    for i in range(0, values.shape[1], _BLOCK):
        part = slice(i, i + _BLOCK)
        total += np.einsum(form, values[:, part], factors[..., part])
    return total


def _lengths(vectors: Array) -> Array:
    """Return the lengths of rows, and 1 for rows of zeros, by which they can be divided."""
    length = np.sqrt((vectors**2).sum(axis=1))
    return np.asarray(np.where(length > 0, length, 1.0))


def _independent(directions: Array, order: Indices) -> Indices:
    """Return the first k records of an order that are linearly independent."""
    k = directions.shape[1]
    chosen: list[int] = []
    left = directions / _lengths(directions)[:, None]
    for _ in range(k):
        size = np.sqrt((left**2).sum(axis=1))
        # Near dependence makes a poor vertex to start from, so a little more than none is asked.
        fit = order[size[order] > min(1e-3, 0.5 * float(size.max()))]
        chosen.append(int(fit[0]))
        unit = left[fit[0]] / size[fit[0]]
        left = left - np.einsum("nk,k->n", left, unit)[:, None] * unit
    return np.array(chosen, dtype=np.intp)
