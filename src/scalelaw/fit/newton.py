"""Damped Newton minimisation of a loss summed over records, for many weightings at once.

All losses here are Huber's with a slope at zero and two flat ends: least squares has no ends, and
the absolute and pinball losses have an infinite slope, which is approached from below.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.sample import Array
from scalelaw.progress import tell

_CHUNK = 48_000
"""Records times rows that are worked on at once, so that they stay in the processor's cache."""

_EXCHANGES = 100
_JITTER = 1e-12
_ROUNDED = 20.0
"""Sharpest corner, in typical residuals, before the walk from vertex to vertex."""


@dataclass(frozen=True)
class Evaluation:
    """Residuals of b rows and their derivatives.

    Parameters
    ----------
    residual : array, shape (b, n)
        Residuals.
    jacobian : sequence of p arrays, broadcastable to (b, n)
        Derivative of the residuals with respect to each parameter.
    curvature : callable, optional
        From factors of shape (b, n) to the sums over records of factor times second derivatives of
        the residual, shape (b, p, p). Without it steps are Gauss-Newton's.
    """

    residual: Array
    jacobian: Sequence[Array]
    curvature: Callable[[Array], Array] | None = None


def law_evaluation(
    y: Array,
    fitted: Array,
    first: Sequence[Array],
    second: Mapping[tuple[int, int], Array],
    log: bool,
) -> Evaluation:
    """Return the residuals of a law, linear or of logarithms, with their derivatives.

    Parameters
    ----------
    y : array, broadcastable to (b, n)
        Response.
    fitted : array, shape (b, n)
        The law's.
    first : sequence of p arrays, broadcastable to (b, n)
        Its derivative with respect to each parameter.
    second : mapping of pair to array of shape (b, n)
        Its second derivatives that are not zero, by the numbers of both parameters, the lower
        first.
    log : bool
        Whether residuals are differences of logarithms.
    """
    p = len(first)
    inverse = 1 / fitted if log else np.ones_like(fitted)
    jacobian = [-column * inverse for column in first]

    def curvature(pull: Array) -> Array:
        found = np.zeros((len(pull), p, p))
        scaled = pull * inverse
        for (i, j), term in second.items():
            found[:, i, j] = -_sum(scaled, term)
        for i in range(p if log else 0):
            side = pull * jacobian[i]
            for j in range(i, p):
                found[:, i, j] += _sum(side, jacobian[j])
        for i in range(p):
            found[:, i + 1 :, i] = found[:, i, i + 1 :]
        return found

    residual = np.log(y) - np.log(fitted) if log else y - fitted
    return Evaluation(residual, jacobian, curvature)


Evaluate = Callable[[Array, NDArray[np.intp]], Evaluation]


@dataclass(frozen=True)
class Minima:
    """Local minima, one per row.

    Parameters
    ----------
    params : array, shape (B, p)
        Parameters.
    loss : array, shape (B,)
        Weighted sum of the loss; infinite where it was not finite at the start.
    gradient_norm : array, shape (B,)
        Largest component of the gradient, less those held by a bound, over the weighted sum of the
        sizes of its terms; NaN for absolute and pinball losses.
    converged : array of bool, shape (B,)
        Whether first-order conditions hold: a gradient that rounding hides or, for losses with a
        corner, residuals at zero with multipliers within their range.
    """

    params: Array
    loss: Array
    gradient_norm: Array
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class _Shape:
    """A loss by its slope at zero and its derivative at both ends."""

    slope: float
    low: float
    high: float

    @staticmethod
    def of(loss: Loss) -> "_Shape":
        match loss:
            case LeastSquares():
                return _Shape(2.0, -np.inf, np.inf)
            case Huber():
                return _Shape(1.0, -loss.delta, loss.delta)
            case LeastAbsolute():
                return _Shape(np.inf, -1.0, 1.0)
            case Pinball():
                return _Shape(np.inf, loss.tau - 1, loss.tau)

    @property
    def sharp(self) -> bool:
        return bool(np.isinf(self.slope))

    @property
    def end(self) -> float:
        return min(-self.low, self.high)


@dataclass(frozen=True)
class _Bounds:
    lower: Array
    upper: Array

    def clip(self, params: Array) -> Array:
        return np.clip(params, self.lower, self.upper)

    def held(self, params: Array, gradient: Array) -> NDArray[np.bool_]:
        return ((params <= self.lower) & (gradient > 0)) | ((params >= self.upper) & (gradient < 0))


@dataclass
class _State:
    """Loss and derivatives of some rows; `newton` equals `gauss` without second derivatives."""

    loss: Array
    gradient: Array
    gauss: Array
    newton: Array
    residual: Array

    def put(
        self, where: NDArray[np.intp], other: "_State", chosen: NDArray[np.bool_] | slice
    ) -> None:
        self.loss[where] = other.loss[chosen]
        self.gradient[where] = other.gradient[chosen]
        self.gauss[where] = other.gauss[chosen]
        self.newton[where] = other.newton[chosen]
        if len(self.residual):
            self.residual[where] = other.residual[chosen]


def minimise(
    evaluate: Evaluate,
    start: Array,
    weights: Array,
    loss: Loss,
    lower: Sequence[float] | None = None,
    upper: Sequence[float] | None = None,
    most: int = 200,
) -> Minima:
    """Minimise a weighted sum of losses of residuals from one start for each row of weights.

    Steps are Newton's where the second derivatives are positive definite and Gauss-Newton's with
    Levenberg and Marquardt's damping elsewhere. A row's iterates depend on no other row. Corners
    of a loss are rounded at first and sharpened as a row settles. Absolute and pinball losses are
    then finished exactly: a walk over points where p residuals (or bounds) vanish ends where their
    multipliers lie within the slopes of the loss, or, where the curvature of the law puts the
    minimum between such points, Newton's method solves the first-order conditions. Parameters at
    which neither holds to rounding are the lowest that were met, and not `converged`.

    Parameters
    ----------
    evaluate : callable
        From parameters of shape (b, p) and the numbers (b,) of their rows to an
        :class:`Evaluation`. Values that are not finite count as an infinite loss.
    start : array, shape (B, p)
        Starting points. Parameters should be of order one.
    weights : array, shape (B, n)
        Weights of the records.
    loss : LeastSquares, LeastAbsolute, Huber or Pinball
        Loss of a residual.
    lower, upper : sequence of p floats, optional
        Bounds. A parameter at a bound stays there while the gradient pushes it outwards.
    most : int
        Iterations.

    Returns
    -------
    Minima

    References
    ----------
    Nocedal and Wright, "Numerical Optimization" (2006), chapters 10 and 18.
    """
    p = start.shape[1]
    bounds = _Bounds(
        np.full(p, -np.inf) if lower is None else np.asarray(lower, dtype=np.float64),
        np.full(p, np.inf) if upper is None else np.asarray(upper, dtype=np.float64),
    )
    shape = _Shape.of(loss)
    params = bounds.clip(start)
    slope, last = _slopes(evaluate, params, weights, shape)
    params, converged = _descend(evaluate, params, weights, shape, bounds, slope, last, most)
    norm = np.full(len(params), np.nan)
    if shape.sharp:
        params, converged = _sharpen(evaluate, params, weights, shape, bounds)
    else:
        norm = _gradient_norm(evaluate, params, weights, shape, bounds)
    # A row that ran out of iterations may still have a rounded corner.
    value = exact_loss(evaluate, params, weights, loss)
    return Minima(params, value, norm, converged)


def exact_loss(evaluate: Evaluate, params: Array, weights: Array, loss: Loss) -> Array:
    """Return the weighted sum of the loss at parameters of shape (B, p), infinite if undefined."""
    found = np.empty(len(params))
    for part in _parts(len(params), weights.shape[1]):
        rows = np.arange(len(params))[part]
        with np.errstate(all="ignore"):
            residual = evaluate(params[part], rows).residual
            found[part] = np.einsum("bn,bn->b", weights[part], loss.value(residual))
    return np.where(np.isfinite(found), found, np.inf)


def _parts(rows: int, n: int) -> list[slice]:
    size = max(1, _CHUNK // n)
    return [slice(i, i + size) for i in range(0, rows, size)]


def _slopes(
    evaluate: Evaluate, params: Array, weights: Array, shape: _Shape
) -> tuple[Array, Array]:
    """Return each row's first and last slope at zero of its loss.

    At first half of the residuals lie where the loss is curved.
    """
    size = np.ones(len(params))
    if np.isfinite(shape.end):
        for part in _parts(len(params), weights.shape[1]):
            with np.errstate(all="ignore"):
                residual = evaluate(params[part], np.arange(len(params))[part]).residual
            size[part] = np.median(np.abs(residual), axis=1)
    size = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    last = _ROUNDED * shape.end / size if shape.sharp else np.full(len(params), shape.slope)
    return np.minimum(last, shape.end / size), last


def _state(
    evaluate: Evaluate,
    params: Array,
    weights: Array,
    shape: _Shape,
    rows: NDArray[np.intp],
    slope: Array,
) -> _State:
    b, p = params.shape
    kept = np.empty((b, weights.shape[1]) if np.isfinite(shape.end) else (0, 0))
    state = _State(np.empty(b), np.empty((b, p)), np.empty((b, p, p)), np.empty((b, p, p)), kept)
    for part in _parts(b, weights.shape[1]):
        with np.errstate(all="ignore"):
            found = evaluate(params[part], rows[part])
            w = weights[rows[part]]
            residual = found.residual
            if len(kept):
                kept[part] = residual
            k = slope[part, None]
            raw = k * residual
            psi = np.clip(raw, shape.low, shape.high)
            pull = w * psi
            state.loss[part] = np.einsum("bn,bn->b", pull, residual - psi / (2 * k))
            inside = psi == raw
            bend = w * np.where(inside, k, 0.0)
            # Weights of the quadratic that touches the loss and lies above it.
            above = bend if inside.all() else w * np.where(inside, k, psi / residual)
            for i in range(p):
                state.gradient[part, i] = _sum(pull, found.jacobian[i])
                bent = bend * found.jacobian[i]
                raised = bent if above is bend else above * found.jacobian[i]
                for j in range(i, p):
                    term = _sum(bent, found.jacobian[j])
                    state.newton[part, i, j] = state.newton[part, j, i] = term
                    if raised is not bent:
                        term = _sum(raised, found.jacobian[j])
                    state.gauss[part, i, j] = state.gauss[part, j, i] = term
            if found.curvature is None:
                state.newton[part] = state.gauss[part]
            else:
                state.newton[part] += found.curvature(pull)
    finite = np.isfinite(state.loss) & np.isfinite(state.newton).all(axis=(1, 2))
    state.loss[~finite | ~np.isfinite(state.gradient).all(axis=1)] = np.inf
    return state


def _sum(factor: Array, column: Array) -> Array:
    if column.ndim == 1:
        return np.asarray(np.einsum("bn,n->b", factor, column))
    return np.asarray(np.einsum("bn,bn->b", factor, column))


def _descend(
    evaluate: Evaluate,
    params: Array,
    weights: Array,
    shape: _Shape,
    bounds: _Bounds,
    slope: Array,
    last: Array,
    most: int,
) -> tuple[Array, NDArray[np.bool_]]:
    params, slope = params.copy(), slope.copy()
    rows = len(params)
    state = _state(evaluate, params, weights, shape, np.arange(rows), slope)
    damping = np.zeros(rows)
    converged = np.zeros(rows, dtype=bool)
    mean_weight = weights.mean(axis=1)
    active = np.flatnonzero(np.isfinite(state.loss))
    for _ in range(most):
        tell(rows - len(active), rows)
        if not len(active):
            break
        here, g = params[active], state.gradient[active]
        old = state.loss[active]
        held = bounds.held(here, g)
        step = _step(g, state.newton[active], state.gauss[active], damping[active], held)
        step /= np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True) / 2.0)
        trial = bounds.clip(here + step)
        # Not of the step as cut short by a bound, which may well lead uphill.
        expected = -np.einsum("bp,bp->b", g, step)
        rough = slope[active] < last[active]
        # What rounding the corner of p residuals is worth.
        corner = mean_weight[active] * params.shape[1] * shape.end**2 / slope[active]
        sharper = rough & (expected <= 0.2 * corner)
        k = np.where(sharper, np.minimum(slope[active] * 6, last[active]), slope[active])
        new = _state(evaluate, trial, weights, shape, active, k)
        # A rounded corner is only a start for the walk along the sharp ones.
        settled = expected <= (1e-2 * corner if shape.sharp else 1e-11 * old)
        lower = (new.loss < old) | sharper
        retry = np.flatnonzero(~lower & ~settled & np.isfinite(new.loss))
        short = np.zeros(len(active), dtype=bool)
        if len(retry) and np.isfinite(shape.end):
            share = _line_search(
                state.residual[active[retry]],
                new.residual[retry],
                weights[active[retry]],
                shape,
                k[retry],
            )
            short[retry] = share < 0.25
            trial[retry] = here[retry] + share[:, None] * (trial[retry] - here[retry])
            new.put(
                retry,
                _state(evaluate, trial[retry], weights, shape, active[retry], k[retry]),
                slice(None),
            )
        free = ~bounds.held(trial, new.gradient)
        smaller = np.abs(new.gradient * free).max(axis=1) < np.abs(g * ~held).max(axis=1)
        good = (new.loss < old) | ((new.loss <= old * (1 + 1e-12)) & settled & smaller)
        good = (good | sharper) & np.isfinite(new.loss)
        taken = active[good]
        params[taken], slope[taken] = trial[good], k[good]
        state.put(taken, new, good)
        before = damping[active]
        damping[active] = np.where(
            good & ~short,
            np.where(before < 1e-6, 0.0, before / 10),
            np.maximum(before * np.where(good, 3.0, 8.0), 1e-3),
        )
        still = np.abs(trial - here).max(axis=1) <= 1e-16
        end = ~rough & (
            (settled & (~good | shape.sharp)) | (expected <= 1e-26 * old) | (still & good)
        )
        converged[active[end]] = True
        active = active[~(end | (before > 1e9))]
    return params, converged


def _line_search(
    residual: Array, trial: Array, weights: Array, shape: _Shape, slope: Array
) -> Array:
    """Return the shares of steps at which the loss is least if residuals change evenly.

    A step of Newton's for the residuals at the corner is too long where others cross theirs.
    """
    change = trial - residual
    low, high = np.zeros(len(slope)), np.ones(len(slope))
    for _ in range(16):
        share = (low + high) / 2
        raw = slope[:, None] * (residual + share[:, None] * change)
        uphill = _sum(weights * np.clip(raw, shape.low, shape.high), change) > 0
        high, low = np.where(uphill, share, high), np.where(uphill, low, share)
    return np.where(low > 0, (low + high) / 2, high)


def _step(
    gradient: Array, newton: Array, gauss: Array, damping: Array, held: NDArray[np.bool_]
) -> Array:
    """Return damped steps of shape (b, p), by Newton's matrix where it is positive definite."""
    step, definite = _solve(gradient, newton, gauss, damping, held)
    poor = np.flatnonzero(~definite)
    if len(poor):
        # Where Newton's matrix is not usable the quadratic above the loss is close to it only
        # within limits, hence some damping.
        step[poor], _ = _solve(
            gradient[poor], gauss[poor], gauss[poor], np.maximum(damping[poor], 1e-6), held[poor]
        )
    return step


def _solve(
    gradient: Array, matrix: Array, gauss: Array, damping: Array, held: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Solve damped systems by Cholesky's elimination, column by column for all rows at once.

    The units of the damping are those of the Gauss-Newton matrix, which no corner makes small.
    """
    p = gradient.shape[1]
    diagonal = np.abs(np.einsum("bii->ib", gauss))
    largest = diagonal.max(axis=0)
    scale = np.sqrt(np.maximum(diagonal, 1e-14 * largest) + 1e-300)
    m = np.moveaxis(matrix, 0, -1) / (scale[:, None] * scale[None])
    fixed = held.T
    m = np.where(fixed[:, None] | fixed[None], 0.0, m)
    step = np.where(fixed, 0.0, -gradient.T / scale)
    for j in range(p):
        m[j, j] = np.where(fixed[j], 1.0, m[j, j] + damping)
    definite = np.ones(len(gradient), dtype=bool)
    for j in range(p):
        definite &= m[j, j] > 1e-13
        m[j, j] = np.maximum(m[j, j], 1e-13)
        ratio = m[j + 1 :, j] / m[j, j]
        m[j + 1 :, j + 1 :] -= ratio[:, None] * m[j, j + 1 :][None]
        step[j + 1 :] -= ratio * step[j]
    for j in range(p - 1, -1, -1):
        for i in range(j + 1, p):
            step[j] -= m[j, i] * step[i]
        step[j] /= m[j, j]
    return (step / scale).T, definite


def _gradient_norm(
    evaluate: Evaluate, params: Array, weights: Array, shape: _Shape, bounds: _Bounds
) -> Array:
    norm = np.empty(len(params))
    for part in _parts(len(params), weights.shape[1]):
        with np.errstate(all="ignore"):
            found = evaluate(params[part], np.arange(len(params))[part])
            pull = weights[part] * np.clip(shape.slope * found.residual, shape.low, shape.high)
            gradient = np.stack([_sum(pull, column) for column in found.jacobian], axis=1)
            size = np.stack([_sum(np.abs(pull), np.abs(c)) for c in found.jacobian], axis=1)
            share = np.abs(gradient) / np.where(size > 0, size, 1.0)
        share[bounds.held(params[part], gradient)] = 0.0
        norm[part] = share.max(axis=1)
    return norm


@dataclass(frozen=True)
class _Corners:
    """A loss with a corner at every residual, bounds included, for some rows.

    A lower bound is a residual, parameter less bound, that costs nothing above zero and infinitely
    much below; `low` and `high` are the slopes of the loss of each on both sides. Ties are broken
    by changes of the residuals far below what matters.
    """

    evaluate: Evaluate
    rows: NDArray[np.intp]
    weights: Array
    low: Array
    high: Array
    shift: Array
    signs: Array
    ends: Array

    @classmethod
    def of(
        cls,
        evaluate: Evaluate,
        params: Array,
        weights: Array,
        shape: _Shape,
        bounds: _Bounds,
        rows: NDArray[np.intp],
    ) -> "_Corners":
        w = weights[rows]
        eye = np.eye(params.shape[1])
        signs = np.concatenate([eye[np.isfinite(bounds.lower)], -eye[np.isfinite(bounds.upper)]])
        ends = np.concatenate(
            [bounds.lower[np.isfinite(bounds.lower)], -bounds.upper[np.isfinite(bounds.upper)]]
        )
        none = np.zeros((len(rows), len(ends)))
        with np.errstate(all="ignore"):
            size = np.median(np.abs(evaluate(params, rows).residual), axis=1)
        noise = np.random.default_rng(1973).uniform(-_JITTER, _JITTER, w.shape[1])
        return cls(
            evaluate,
            rows,
            w,
            np.concatenate([shape.low * w, none - np.inf], axis=1),
            np.concatenate([shape.high * w, none], axis=1),
            size[:, None] * noise,
            signs,
            ends,
        )

    def at(self, params: Array, some: NDArray[np.intp]) -> tuple[Array, Array, Evaluation]:
        """Return the residuals of some rows, bounds last, with their derivatives."""
        with np.errstate(all="ignore"):
            found = self.evaluate(params, self.rows[some])
        residual = found.residual + self.shift[some]
        b, n = residual.shape
        jacobian = np.empty((b, n + len(self.ends), params.shape[1]))
        for i, column in enumerate(found.jacobian):
            jacobian[:, :n, i] = column
        jacobian[:, n:] = self.signs
        beyond = np.einsum("bp,mp->bm", params, self.signs) - self.ends
        return np.concatenate([residual, beyond], axis=1), jacobian, found

    def loss(self, residual: Array, some: NDArray[np.intp]) -> Array:
        """Return the loss of residuals, of which those held at zero are zero to rounding."""
        n = self.weights.shape[1]
        records = residual[:, :n]
        slope = np.where(records > 0, self.high[some][:, :n], self.low[some][:, :n])
        found = np.einsum("bn,bn->b", slope, records)
        outside = (residual[:, n:] < -1e-9).any(axis=1)
        return np.where(np.isfinite(found) & ~outside, found, np.inf)

    def corrected(
        self, params: Array, basis: NDArray[np.intp], some: NDArray[np.intp]
    ) -> tuple[Array, Array, Array, Evaluation]:
        """Return the points near `params` at which the residuals of a basis vanish."""
        params = params.copy()
        moving = np.ones((len(params), 1), dtype=bool)
        for _ in range(8):
            residual, jacobian, found = self.at(params, some)
            step = _solve_rows(_take(jacobian, basis), -_take(residual, basis))
            step = np.where(moving, np.clip(np.nan_to_num(step), -0.5, 0.5), 0.0)
            params += step
            moving = np.abs(step).max(axis=1, keepdims=True) > 1e-13
            if not moving.any():
                break
        residual, jacobian, found = self.at(params, some)
        np.put_along_axis(residual, basis, 0.0, axis=1)
        return params, residual, jacobian, found


def _sharpen(
    evaluate: Evaluate, params: Array, weights: Array, shape: _Shape, bounds: _Bounds
) -> tuple[Array, NDArray[np.bool_]]:
    """Finish losses with a corner exactly, from a minimum of the rounded loss.

    A walk from vertex to vertex, each a point where p residuals vanish, along edges on which the
    loss falls (Barrodale and Roberts's exchange, with the edges straightened at each step). It
    ends where all multipliers lie within their range. Where the law's curvature puts the minimum
    on an edge or a face, a Newton iteration on the first-order conditions finds it.
    """
    best = params.copy()
    converged = np.zeros(len(params), dtype=bool)
    for part in _parts(len(params), weights.shape[1]):
        rows = np.arange(len(params))[part]
        corners = _Corners.of(evaluate, params[part], weights, shape, bounds, rows)
        best[part], converged[part] = _walk(corners, params[part])
    return np.asarray(bounds.clip(best)), converged


def _walk(corners: _Corners, start: Array) -> tuple[Array, NDArray[np.bool_]]:
    b, p = start.shape
    some = np.arange(b)
    residual, jacobian, _ = corners.at(start, some)
    best, least = start.copy(), corners.loss(residual, some)
    converged = np.zeros(b, dtype=bool)
    some = np.flatnonzero(np.isfinite(least))
    basis = _first_basis(residual[some], jacobian[some], corners.weights[some])
    here, residual, jacobian, _ = corners.corrected(start[some], basis, some)
    value = corners.loss(residual, some)
    for _ in range(_EXCHANGES):
        good = np.isfinite(value)
        some, here, value = some[good], here[good], value[good]
        residual, jacobian, basis = residual[good], jacobian[good], basis[good]
        if not len(some):
            break
        low, high = corners.low[some], corners.high[some]
        others = np.where(residual > 0, high, low)
        np.put_along_axis(others, basis, 0.0, axis=1)
        # Only bounds that are held can pull.
        others[:, corners.weights.shape[1] :] = 0.0
        edges = _take(jacobian, basis)
        gradient = np.einsum("bn,bnp->bp", others, jacobian)
        multiplier = _solve_rows(np.swapaxes(edges, 1, 2), -gradient)
        own_low, own_high = _take(low, basis), _take(high, basis)
        slack = 1e-10 * (np.abs(multiplier) + own_high)
        over, under = multiplier - own_high - slack, own_low - multiplier - slack
        inverse = _solve_rows(edges, np.broadcast_to(np.eye(p), edges.shape))
        length = np.sqrt(np.einsum("bij,bij->bj", inverse, inverse))
        fall = np.maximum(over, under) / np.where(length > 0, length, 1.0)
        leaving = fall.argmax(axis=1)
        at = np.arange(len(some))
        end = ~(fall[at, leaving] > 0)
        lower = value <= least[some] * (1 + 1e-13)
        best[some[lower]], least[some[lower]] = here[lower], value[lower]
        converged[some] = end & lower
        sign = np.where(over > under, 1.0, -1.0)[at, leaving]
        edge = inverse[at, :, leaving] * sign[:, None]
        excess = np.maximum(over, under)[at, leaving]
        entering, share = _cross(residual, jacobian, edge, basis, high - low, excess)
        new_basis = basis.copy()
        new_basis[at, leaving] = entering
        go = ~end & np.isfinite(share)
        share = np.where(go, share, 0.0)
        trial = here + np.clip(share[:, None] * edge, -2.0, 2.0)
        moved, r, j, _ = corners.corrected(trial, np.where(go[:, None], new_basis, basis), some)
        v = corners.loss(r, some)
        better = go & (v < value * (1 - 1e-14))
        stuck = np.flatnonzero(~end & ~better)
        if len(stuck):
            rows = some[stuck]
            zone = np.ones((len(stuck), p), dtype=bool)
            zone[np.arange(len(stuck)), leaving[stuck]] = False
            side = np.where(residual[stuck] > 0, 1.0, -1.0)
            freed = np.where(zone, 0.0, sign[stuck, None])
            np.put_along_axis(side, basis[stuck], freed, axis=1)
            found, fine = _face(corners, rows, here[stuck], basis[stuck], zone, side)
            v_found = corners.loss(corners.at(found, rows)[0], rows)
            lower = np.isfinite(v_found) & (v_found <= least[rows] * (1 + 1e-13))
            best[rows[lower]], least[rows[lower]] = found[lower], v_found[lower]
            converged[rows] = fine & lower
        some, here, value, residual = some[better], moved[better], v[better], r[better]
        jacobian, basis = j[better], new_basis[better]
    return best, converged


def _cross(
    residual: Array,
    jacobian: Array,
    edge: Array,
    basis: NDArray[np.intp],
    rise: Array,
    excess: Array,
) -> tuple[NDArray[np.intp], Array]:
    """Return at which residual's zero the loss stops falling along an edge, and how far that is."""
    speed = np.einsum("bnp,bp->bn", jacobian, edge)
    with np.errstate(all="ignore"):
        share = -residual / speed
    ahead = (share > 0) & (rise > 0) & np.isfinite(share)
    np.put_along_axis(ahead, basis, False, axis=1)
    share = np.where(ahead, share, np.inf)
    steeper = np.where(ahead, np.abs(speed) * np.where(ahead, rise, 0.0), 0.0)
    order = np.argsort(share, axis=1, kind="stable")
    crossed = np.cumsum(np.take_along_axis(steeper, order, axis=1), axis=1) >= excess[:, None]
    at = np.arange(len(edge))
    entering = order[at, crossed.argmax(axis=1)]
    return entering, np.where(crossed[:, -1], share[at, entering], np.inf)


def _first_basis(residual: Array, jacobian: Array, weights: Array) -> NDArray[np.intp]:
    """Return p residuals of independent derivatives, from the smallest on."""
    b, total, p = jacobian.shape
    size = np.abs(residual)
    size[:, : weights.shape[1]][weights <= 0] = np.inf
    order = np.argsort(size, axis=1, kind="stable")[:, : min(total, 4 * p + 8)]
    rows = np.nan_to_num(np.take_along_axis(jacobian, order[:, :, None], axis=1))
    length = np.sqrt(np.einsum("bcp,bcp->bc", rows, rows))
    rows = rows / np.where(length > 0, length, 1.0)[:, :, None]
    chosen = np.empty((b, p), dtype=np.intp)
    at = np.arange(b)
    for j in range(p):
        norm = np.sqrt(np.einsum("bcp,bcp->bc", rows, rows))
        free = norm > 1e-5
        pick = np.where(free.any(axis=1), free.argmax(axis=1), norm.argmax(axis=1))
        chosen[:, j] = order[at, pick]
        axis = rows[at, pick] / np.maximum(norm[at, pick], 1e-300)[:, None]
        rows = rows - np.einsum("bcp,bp->bc", rows, axis)[:, :, None] * axis[:, None, :]
        rows[at, pick] = 0.0
    return chosen


def _take(values: Array, places: NDArray[np.intp]) -> Array:
    if values.ndim == 3:
        places = places[:, :, None]
    return np.take_along_axis(values, places, axis=1)


def _solve_rows(matrix: Array, right: Array) -> Array:
    """Solve one system for each row; a singular one gives a huge or a NaN solution."""
    size = np.abs(matrix).max(axis=2, keepdims=True)
    fine = np.isfinite(size).all(axis=(1, 2), keepdims=True)
    scale = np.where(fine & (size > 0), size, 1.0)
    eye = np.eye(matrix.shape[1])
    scaled = np.where(fine, matrix / scale, eye) + 1e-16 * (1 + np.arange(len(eye))) * eye
    vector = right.ndim == 2
    sides = (right[:, :, None] if vector else right) / scale
    try:
        answer = np.linalg.solve(scaled, sides)
    except np.linalg.LinAlgError:
        answer = np.linalg.pinv(scaled) @ sides
    answer = np.where(fine, answer, np.nan)
    return np.asarray(answer[:, :, 0] if vector else answer)


def _face(
    corners: _Corners,
    rows: NDArray[np.intp],
    start: Array,
    chosen: NDArray[np.intp],
    zone: NDArray[np.bool_],
    side: Array,
) -> tuple[Array, NDArray[np.bool_]]:
    """Solve the first-order conditions with the residuals of a zone held at zero.

    Unknown are the step d and the multipliers of the zone: the Lagrangian's second derivatives
    times d plus Jacobian' multipliers are minus the gradient of the others, and Jacobian d is
    minus the residuals of the zone.
    """
    b, p = start.shape
    n = corners.weights.shape[1]
    here = start.copy()
    low, high = corners.low[rows], corners.high[rows]
    pull = np.where(side > 0, high, low)
    pull[:, n:] = 0.0
    held = _take(side, chosen) == 0
    np.put_along_axis(pull, chosen, np.where(held, 0.0, _take(pull, chosen)), axis=1)
    multiplier = np.zeros((b, p))
    fine = np.zeros(b, dtype=bool)
    for _ in range(15):
        residual, jacobian, found = corners.at(here, rows)
        gradient = np.einsum("bn,bnp->bp", pull, np.nan_to_num(jacobian))
        factor = pull.copy()
        np.put_along_axis(factor, chosen, np.where(zone, multiplier, _take(pull, chosen)), axis=1)
        if found.curvature is None:
            break
        with np.errstate(all="ignore"):
            hessian = found.curvature(factor[:, :n])
        edges = _take(jacobian, chosen) * zone[:, :, None]
        system = np.zeros((b, 2 * p, 2 * p))
        system[:, :p, :p] = hessian
        system[:, p:, :p] = edges
        system[:, :p, p:] = np.swapaxes(edges, 1, 2)
        index = np.arange(p, 2 * p)
        system[:, index, index] = np.where(zone, 0.0, 1.0)
        right = np.concatenate([-gradient, -_take(residual, chosen) * zone], axis=1)
        answer = _solve_rows(system, right)
        step = np.clip(np.nan_to_num(answer[:, :p]), -0.5, 0.5)
        step[fine] = 0.0
        new = np.where(zone, np.nan_to_num(answer[:, p:]), 0.0)
        multiplier = np.where(fine[:, None], multiplier, new)
        here = here + step
        fine |= np.isfinite(answer).all(axis=1) & (np.abs(step).max(axis=1) <= 1e-10)
        if fine.all():
            break
    residual, _, _ = corners.at(here, rows)
    slack = 1e-9 * (1 + np.abs(multiplier))
    within = (multiplier >= _take(low, chosen) - slack) & (
        multiplier <= _take(high, chosen) + slack
    )
    steady = (np.where(residual > 0, 1.0, -1.0) == side) | (side == 0)
    steady[:, :n] |= corners.weights[rows] == 0
    return here, fine & steady.all(axis=1) & (within | ~zone).all(axis=1)


@dataclass(frozen=True)
class SquaresMinimum:
    """A least-squares estimate.

    Parameters
    ----------
    params : array, shape (p,)
        Estimates.
    sum_of_squares : float
        Sum of squared residuals.
    gradient_norm : float
        Largest cosine between the residuals and a column of the Jacobian.
    iterations : int
        Jacobians evaluated.
    """

    params: Array
    sum_of_squares: float
    gradient_norm: float
    iterations: int


def minimise_squares(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array] | None,
    start: Sequence[float] | Array,
    most: int = 2000,
) -> SquaresMinimum:
    """Minimise a sum of squares of any residuals from one start.

    Levenberg and Marquardt's method with the columns of the Jacobian scaled by their largest
    length so far (Moré 1978), steps by orthogonal decomposition, and at the end plain Gauss-Newton
    steps for as long as the gradient falls, down to rounding.

    Parameters
    ----------
    residual : callable
        From parameters of shape (p,) to residuals of shape (n,).
    jacobian : callable or None
        From parameters to the derivatives of the residuals, shape (n, p); without it they are
        central differences.
    start : array, shape (p,)
        Starting point.
    most : int
        Iterations.

    References
    ----------
    Moré, "The Levenberg-Marquardt algorithm: implementation and theory", Lecture Notes in
    Mathematics 630 (1978).

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> found = minimise_squares(lambda b: np.exp(b[0] * x) - [2.0, 4.0, 8.0], None, [1.0])
    >>> round(float(found.params[0]), 6)
    0.693147
    """
    here = np.array(start, dtype=np.float64)
    slope = _differences(residual) if jacobian is None else jacobian
    # A first step that is too long can end on a plateau, one too short in a nearer valley.
    found = [
        _levenberg_marquardt(residual, slope, here, damping, most)
        for damping in (1e-3, 1.0, 1e2, 1e-8)
    ]
    least = np.nanmin([each.sum_of_squares for each in found])
    equal = [each for each in found if each.sum_of_squares <= least * (1 + 1e-12)]
    return min(equal or found, key=lambda each: each.gradient_norm)


def _differences(residual: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def jacobian(params: Array) -> Array:
        step = 6e-6 * np.maximum(np.abs(params), 1e-8)
        ends = [(params + h, params - h) for h in np.diag(step)]
        return np.stack([(residual(a) - residual(b)) / (a - b).sum() for a, b in ends], axis=1)

    return jacobian


def _levenberg_marquardt(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    here: Array,
    damping: float,
    most: int,
) -> SquaresMinimum:
    with np.errstate(all="ignore"):
        r = residual(here)
        value = float(r @ r)
        scale = np.zeros_like(here)
        count = 0
        grow = 2.0
        while count < most:
            count += 1
            j = jacobian(here)
            length = np.sqrt((j * j).sum(axis=0))
            scale = np.maximum(scale, length)
            scale[scale == 0] = 1.0
            moved = False
            for _ in range(40):
                step = _damped(j, r, scale, damping)
                trial = here + step
                rt = residual(trial)
                new = float(rt @ rt)
                expected = float(
                    np.sum((j @ step) ** 2) + 2 * damping * np.sum((scale * step) ** 2)
                )
                if np.isfinite(new) and new < value:
                    moved = True
                    break
                damping = max(damping * grow, 1e-16)
                grow *= 2.0
                if expected <= 1e-30 * value:
                    break
            if not moved:
                break
            ratio = (value - new) / expected if expected > 0 else 1.0
            damping *= max(0.1, 1 - (2 * ratio - 1) ** 3)
            grow = 2.0
            here, r, value = trial, rt, new
            if expected <= 1e-28 * value:
                break
        here, r = _polish(residual, jacobian, here, r)
    j = jacobian(here)
    size = np.linalg.norm(r) * np.sqrt((j * j).sum(axis=0))
    norm = float(np.max(np.abs(j.T @ r) / np.where(size > 0, size, 1.0)))
    return SquaresMinimum(here, float(r @ r), norm, count)


def _damped(j: Array, r: Array, scale: Array, damping: float) -> Array:
    p = len(scale)
    scaled = np.concatenate([j / scale, np.sqrt(damping) * np.eye(p)])
    if not np.isfinite(scaled).all():
        return np.full(p, np.nan)
    right = np.concatenate([-r, np.zeros(p)])
    return np.asarray(np.linalg.lstsq(scaled, right, rcond=None)[0] / scale)


def _polish(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    here: Array,
    r: Array,
) -> tuple[Array, Array]:
    """Take undamped steps while they bring the residuals closer to a right angle with the law.

    Gauss-Newton's come first. Where residuals are large these creep, and Newton's follow, with
    second derivatives from differences of the gradient.
    """
    j = jacobian(here)
    slope = _tangent(j, r)
    for newton in (False, True):
        for _ in range(20):
            step = _newton_step(jacobian, here, r, j) if newton else None
            if step is None:
                step = _damped(j, r, _lengths(j), 0.0)
            trial = here + step
            rt = residual(trial)
            if not float(rt @ rt) <= float(r @ r) * (1 + 1e-10):
                break
            jt = jacobian(trial)
            new = _tangent(jt, rt)
            if not new < 0.5 * slope:
                break
            here, r, j, slope = trial, rt, jt, new
    return here, r


def _lengths(j: Array) -> Array:
    length = np.sqrt((j * j).sum(axis=0))
    return np.where(length > 0, length, 1.0)


def _tangent(j: Array, r: Array) -> float:
    """Return the length of the part of the residuals that the parameters could take away."""
    if not np.isfinite(j).all():
        return float("nan")
    basis = np.linalg.qr(j / _lengths(j))[0]
    return float(np.linalg.norm(basis.T @ r))


def _newton_step(
    jacobian: Callable[[Array], Array],
    here: Array,
    r: Array,
    j: Array,
) -> Array | None:
    scale = _lengths(j)
    rows = []
    for h in np.diag(1e-5 * np.maximum(np.abs(here), 1e-8)):
        # Of the gradient's change only the part through the Jacobian; the rest is Gauss-Newton's.
        change = (jacobian(here + h) - jacobian(here - h)) / (2 * h.sum())
        rows.append(change.T @ r)
    second = np.array(rows) / np.outer(scale, scale)
    scaled = j / scale
    matrix = scaled.T @ scaled + (second + second.T) / 2
    if not np.isfinite(matrix).all() or np.linalg.eigvalsh(matrix)[0] <= 0:
        return None
    return np.asarray(-np.linalg.solve(matrix, scaled.T @ r) / scale)
