"""Linear laws under any of the named losses, for many weightings of the records at once."""

import numpy as np

from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.quantile import (
    orthonormal_columns,
    quantile_regression,
    residual_rows,
    row_sums,
    solve_rows,
)
from scalelaw.fit.sample import Array

_CHUNK = 60_000
"""Elements of a temporary: several of them fit in the cache of a core."""
_MAX_STEPS = 100
_MAX_TRIALS = 60
_FEW_INSIDE = 8
_SINGULAR = 1e-12
_ROUNDING = 4e-16
_SLOPE = 0.25
_VALLEY = 0.01


def estimate_linear(
    design: Array, y: Array, weights: Array, loss: Loss, start: Array | None = None
) -> Array:
    """Minimise the weighted sum of a loss of ``y - design @ params``, exactly.

    Pinball and least absolute losses are minimised to the optimum of their linear program, see
    :func:`scalelaw.fit.quantile.quantile_regression`; Huber's to a stationary point at rounding
    level, see :func:`huber_regression`. A row of the result depends on its own weights alone.

    Parameters
    ----------
    design : array, shape (n, k)
        Predictors, usually with a column of ones.
    y : array, shape (n,)
        Response.
    weights : array, shape (B, n)
        Weights of the records, none negative, such as how often each is drawn; one fit per row.
    loss : LeastSquares, LeastAbsolute, Huber or Pinball
        What is minimised.
    start : array, shape (k,), optional
        Estimate for all records; saves finding it.

    Returns
    -------
    array, shape (B, k)
        Parameters; NaN where records of positive weight do not identify them.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(5.0)
    >>> y = np.array([0.0, 1.0, 2.0, 3.0, 10.0])
    >>> design = np.stack([np.ones(5), x], axis=1)
    >>> estimate_linear(design, y, np.ones((1, 5)), Huber(0.3)).round(6)
    array([[-0.15,  1.15]])
    """
    design, y = np.asarray(design, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    n, k = design.shape
    if y.shape != (n,) or weights.ndim != 2 or weights.shape[1] != n:
        raise ValueError(
            f"design {design.shape}, y {y.shape} and weights {weights.shape} disagree; they must "
            "be (n, k), (n,) and (B, n)"
        )
    if start is not None and start.shape != (k,):
        raise ValueError(f"start has shape {start.shape}, it must be ({k},)")
    if not (np.isfinite(design).all() and np.isfinite(y).all()):
        raise ValueError("design and y must be finite")
    if weights.size and not (weights.min() >= 0 and weights.max() < np.inf):
        raise ValueError("weights must be finite and not negative")
    if start is not None and not np.isfinite(start).all():
        start = None
    match loss:
        case Pinball(tau):
            return quantile_regression(design, y, weights, tau, start)
        case LeastAbsolute():
            return quantile_regression(design, y, weights, 0.5, start)
        case Huber(delta):
            return huber_regression(design, y, weights, delta, start)
        case LeastSquares():
            return huber_regression(design, y, weights, np.inf, start)


def huber_regression(
    design: Array, y: Array, weights: Array, delta: float, start: Array | None = None
) -> Array:
    """Minimise the weighted sum of Huber's loss by Newton's method.

    It ends in finitely many steps, because the loss is piecewise quadratic. Where few records lie
    within `delta` of the law, each row starts from its law of least absolute residuals, which is
    near and passes through records enough for the Hessian to have full rank. Where several laws
    minimise the loss, which one is returned depends on `start`, but not on other rows.

    Parameters
    ----------
    design, y, weights, start
        As in :func:`estimate_linear`.
    delta : float
        Where the loss turns from quadratic to linear; infinite for least squares.

    Returns
    -------
    array, shape (B, k)
        Parameters; NaN where records of positive weight do not identify them.

    References
    ----------
    Madsen and Nielsen, "Finite algorithms for robust linear regression", BIT 30 (1990).
    """
    n, k = design.shape
    found = np.full((len(weights), k), np.nan)
    q = orthonormal_columns(design)
    if q is None or not len(weights):
        return found
    if start is None:
        whole = np.ones((1, n))
        if np.isfinite(delta):
            median = quantile_regression(design, y, whole, 0.5)[0]
        else:
            median = np.zeros(k)
        start = huber_regression(design, y, whole, delta, median)[0]
    to_q = np.einsum("ni,nj->ij", q, design) / n
    from_q = np.linalg.inv(to_q)
    residual = y - np.einsum("nk,k->n", design, start)
    height = np.abs(y) + np.abs(residual)

    def medians(weights: Array) -> Array:
        return _times(to_q, quantile_regression(design, y, weights, 0.5, start) - start)

    few = np.sum(np.abs(residual) <= delta) < _FEW_INSIDE * k
    first = medians(weights) if few else np.zeros((len(weights), k))
    rows = max(1, _CHUNK // n)
    for i in range(0, len(weights), rows):
        part = slice(i, i + rows)
        found[part] = _newton(
            q, residual, np.ascontiguousarray(weights[part]), delta, first[part], height
        )
    lost = np.flatnonzero(np.isnan(found).any(axis=1))
    if len(lost) and not few:
        again = medians(weights[lost])
        for row, at in zip(lost, again, strict=True):
            if np.isfinite(at).all():
                some = np.ascontiguousarray(weights[row])[None]
                found[row] = _newton(q, residual, some, delta, at[None], height)[0]
    return np.asarray(start + _times(from_q, found))


def _newton(q: Array, y: Array, weights: Array, delta: float, start: Array, height: Array) -> Array:
    """Return minima in coordinates about the given ones; NaN where Newton's method finds none."""
    found = np.full_like(start, np.nan)
    rows = np.flatnonzero(_identified(q, weights) & np.isfinite(start).all(axis=1))
    weights, at = weights[rows], start[rows]
    length = np.sqrt((q * q).sum(axis=1))
    whole = _gram(q, weights)
    residual = residual_rows(y, q, at)
    # Whether the last step was a whole one of Newton's, and the pieces before it.
    full = np.zeros(len(rows), dtype=bool)
    before = np.zeros(residual.shape, dtype=np.int8)
    for _ in range(_MAX_STEPS):
        size = np.abs(residual)
        # 0 within delta, else the sign: which of the quadratic pieces this is.
        piece = np.sign(residual).astype(np.int8)
        piece[size <= delta] = 0
        force = np.clip(residual, -delta, delta) * weights
        gradient = np.stack([row_sums(force, column) for column in q.T], axis=1)
        scale = row_sums(np.abs(force), length)
        # Residuals near the turning points of the loss carry the rounding of their response.
        scale += row_sums(weights * (size <= 2 * delta), height * length)
        done = np.abs(gradient).max(axis=1) <= _ROUNDING * scale
        # A full step that stays on its piece has reached the minimum of it.
        done |= full & (piece == before).all(axis=1)
        if done.any():
            found[rows[done]] = at[done]
            go = ~done
            if not go.any():
                break
            rows, weights, at, whole = rows[go], weights[go], at[go], whole[go]
            residual, size, piece, gradient = residual[go], size[go], piece[go], gradient[go]
        hessian = _gram(q, weights * (piece == 0))
        bound = _SINGULAR * whole.trace(axis1=1, axis2=2)
        flat = np.linalg.eigvalsh(hessian)[:, 0] <= bound
        if flat.any():
            # Where the piece is a valley of even slope, go along it until other records rise.
            value, vector = np.linalg.eigh(hessian[flat])
            factor = delta / np.maximum(size[flat], delta)
            least = _VALLEY * row_sums(weights[flat], factor)[:, None]
            value = np.where(value > bound[flat, None], value, least)
            hessian[flat] = np.einsum("bij,bj,bkj->bik", vector, value, vector)
        step = solve_rows(hessian, gradient)
        speed = residual_rows(0.0, q, -step)
        slope = -(step * gradient).sum(axis=1)
        length_of_step = _line_search(residual, speed, weights, delta, slope)
        at = at + length_of_step[:, None] * step
        full = (length_of_step == 1.0) & ~flat
        before = piece
        residual = residual_rows(y, q, at)
    return found


def _line_search(
    residual: Array, speed: Array, weights: Array, delta: float, start: Array
) -> Array:
    """Return step lengths at which the slope of the loss is small beside that at the start."""
    chosen = np.ones(len(residual))
    rows = np.arange(len(residual))
    low, high = np.zeros(len(rows)), np.full(len(rows), np.inf)
    low_slope, high_slope = start.copy(), np.full(len(rows), np.nan)
    t = np.ones(len(rows))
    for _ in range(_MAX_TRIALS):
        force = np.clip(residual - t[:, None] * speed, -delta, delta)
        force *= weights
        slope = -row_sums(force, speed)
        chosen[rows] = t
        go = np.abs(slope) > _SLOPE * np.abs(start)
        if not go.any():
            break
        short = slope < 0
        low, low_slope = np.where(short, t, low), np.where(short, slope, low_slope)
        high, high_slope = np.where(short, high, t), np.where(short, high_slope, slope)
        rows, residual, speed, weights = rows[go], residual[go], speed[go], weights[go]
        low, high, start = low[go], high[go], start[go]
        low_slope, high_slope = low_slope[go], high_slope[go]
        share = low_slope / (low_slope - high_slope)
        inside = low + (high - low) * np.clip(share, 0.1, 0.9)
        t = np.where(np.isinf(high), 4 * low, inside)
    return chosen


def _times(matrix: Array, vectors: Array) -> Array:
    """Return ``matrix @ vector`` for each row of vectors, with the same bits however many."""
    return np.asarray((matrix * vectors[:, None, :]).sum(axis=2))


def _identified(q: Array, weights: Array) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return whether the records of positive weight identify the law."""
    spread = np.linalg.eigvalsh(_gram(q, weights))
    return spread[:, 0] > _SINGULAR * spread[:, -1]


def _gram(q: Array, weights: Array) -> Array:
    """Return ``q' diag(w) q`` for each row of weights."""
    k = q.shape[1]
    gram = np.empty((len(weights), k, k))
    for i in range(k):
        for j in range(i + 1):
            gram[:, i, j] = gram[:, j, i] = row_sums(weights, q[:, i] * q[:, j])
    return gram
