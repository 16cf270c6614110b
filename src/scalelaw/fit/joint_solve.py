"""Minimise the loss of a law of several predictors for many weightings of the records at once."""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.joint_terms import STEEPEST, Frame, Indices, Shape, record_sum
from scalelaw.fit.losses import LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Solutions
from scalelaw.fit.newton import Evaluation, Minima, exact_loss, minimise
from scalelaw.fit.sample import Array

_SQUARES = LeastSquares()
_SEEDS = 1024
_THINNED = 1000
"""Most records on which seeds are ranked."""
_STARTS = 16
"""Seeds from which a search descends."""
_POOL = 24
_TRIALS = 24
"""Random weights whose minima join the seeds that resampled rows may start from."""
_OTHERS = 3
"""Starts of a resampled row besides the estimate."""
_CHUNK = 24_000
_SEED_CHUNK = 1_000_000
_SWEEPS = 40
_FLAT = 1e-7
"""Gradient norm above which a search has stalled."""


def search(shape: Shape, weights: Array, loss: Loss) -> Solutions:
    """Search the minimum for each row of weights from many seeds."""
    thin, keep = shape.frame.thinned(_THINNED)
    small = replace(shape, frame=thin)
    points = shape.seeds(_cube(_SEEDS, shape.seed_dimensions))
    found = []
    for row in range(len(weights)):
        target = thin.target[row % len(thin.target)]
        theta, value = _project(small, points, target, weights[row, keep], loss)
        found.append(theta[_apart(points, value, _STARTS)])
    starts = np.stack(found)
    if not isinstance(loss, LeastSquares):
        settled = _descend(shape, starts, weights, _SQUARES)[0]
        if isinstance(loss, LeastAbsolute | Pinball):
            # To finish these takes long, and starts that matter are few.
            settled = _lowest(shape, settled, weights, loss, 2)
            starts = _lowest(shape, starts, weights, loss, 6)
        starts = np.concatenate([settled, starts], axis=1)
    return _best(shape, starts, weights, loss)


def follow(shape: Shape, weights: Array, loss: Loss, start: Array) -> Solutions:
    """Minimise for rows of weights not far from those of a known minimum.

    Each row starts there and, lest it stay in a local minimum, at the best for its weights of a
    fixed set: seeds, and minima for some random weights. Each of the set is given offset and
    amplitudes of the row's own first.
    """
    thin, keep = shape.frame.thinned(_THINNED)
    small = replace(shape, frame=thin)
    points = shape.seeds(_cube(_SEEDS, shape.seed_dimensions))
    middle = thin.target.mean(axis=0)
    whole = replace(small, frame=replace(thin, target=middle[None]))
    value = _project(small, points, middle, np.ones(len(middle)), loss)[1]
    pool = points[_apart(points, value, _POOL)]
    trials = np.random.default_rng(0).exponential(size=(_TRIALS, len(middle)))
    first = _choose(whole, pool, trials, loss, start, 4)
    minima, _ = _descend(whole, first, trials, _SQUARES)
    minima = minima.reshape(-1, len(start))
    pool = np.concatenate([pool, shape.without_amplitudes(minima[np.isfinite(minima).all(axis=1)])])
    others = _choose(small, pool, weights[:, keep], loss, start, _OTHERS)
    if not isinstance(loss, LeastSquares):
        others, _ = _descend(shape, others, weights, _SQUARES)
    alone = np.broadcast_to(start, (len(weights), 1, len(start)))
    if isinstance(loss, LeastAbsolute | Pinball):
        others = _lowest(shape, others, weights, loss, 1)
    return _best(shape, np.concatenate([alone, others], axis=1), weights, loss)


def _lowest(shape: Shape, starts: Array, weights: Array, loss: Loss, most: int) -> Array:
    """Return the starts of each row that have the lowest loss as they are."""
    rows, count, p = starts.shape
    owner = np.repeat(np.arange(rows), count)

    def evaluate(theta: Array, at: Indices) -> Evaluation:
        return shape.evaluate(theta, owner[at])

    value = exact_loss(evaluate, starts.reshape(-1, p), weights[owner], loss)
    order = np.argsort(value.reshape(rows, count), axis=1, kind="stable")[:, :most]
    return np.take_along_axis(starts, order[:, :, None], axis=1)


def _descend(shape: Shape, starts: Array, weights: Array, loss: Loss) -> tuple[Array, Minima]:
    """Minimise from starts of shape (B, S, p), S for each row of weights."""
    rows, count, p = starts.shape
    owner = np.repeat(np.arange(rows), count)
    params = starts.reshape(-1, p)
    with np.errstate(all="ignore"):
        minima = _minimise(shape, params, weights, owner, loss)
        for i, bound in enumerate(shape.walls):
            # A search can stall beside a bound that lies across its way: put it there.
            steep = ~minima.converged | (minima.gradient_norm > _FLAT)
            stalled = np.flatnonzero(steep & np.isfinite(minima.loss))
            if np.isfinite(bound) and len(stalled):
                params = minima.params[stalled]
                params[:, i] = bound
                again = _minimise(shape, params, weights, owner[stalled], loss)
                lower = again.loss < minima.loss[stalled]
                for f in fields(Minima):
                    getattr(minima, f.name)[stalled[lower]] = getattr(again, f.name)[lower]
    return minima.params.reshape(starts.shape), minima


def _minimise(shape: Shape, params: Array, weights: Array, owner: Indices, loss: Loss) -> Minima:
    lower, upper = shape.bounds
    tiled = weights if len(owner) == len(weights) == owner[-1] + 1 else weights[owner]

    def evaluate(theta: Array, at: Indices) -> Evaluation:
        return shape.evaluate(theta, owner[at])

    minima = minimise(evaluate, params, tiled, loss, list(lower), list(upper))
    if isinstance(loss, LeastSquares):
        return minima
    # Of a row that did not settle, the loss is that of a rounded corner.
    return replace(minima, loss=exact_loss(evaluate, minima.params, tiled, loss))


def _best(shape: Shape, starts: Array, weights: Array, loss: Loss) -> Solutions:
    """Minimise from starts of shape (B, S, p) and keep the lowest of each row."""
    rows, count, _ = starts.shape
    found, minima = _descend(shape, starts, weights, loss)
    value = minima.loss.reshape(rows, count)
    best = value.argmin(axis=1)
    pick = np.arange(rows) * count + best
    lowest = value[np.arange(rows), best]
    tiny = 1e-24 * weights.sum(axis=1) * (1.0 if shape.frame.log else shape.frame.scale**2)
    agree = (value <= (lowest * (1 + 1e-6) + tiny)[:, None]).sum(axis=1)
    theta = found[np.arange(rows), best]
    theta[~np.isfinite(lowest) | ~_identified(shape, theta, weights)] = np.nan
    params = shape.to_params(theta)
    params[~np.isfinite(params).all(axis=1)] = np.nan
    bad = np.isnan(params[:, 0])
    norm = np.where(bad, np.nan, minima.gradient_norm[pick])
    return Solutions(params, np.where(bad, np.nan, lowest), norm, count, agree)


def _identified(shape: Shape, theta: Array, weights: Array) -> NDArray[np.bool_]:
    """Return whether the columns of the Jacobian differ, those held by a bound left out."""
    lower, upper = shape.bounds
    at_bound = (theta <= lower) | (theta >= upper)
    rows, p = theta.shape
    found = np.empty(rows, dtype=bool)
    size = max(1, _CHUNK // weights.shape[1])
    unbounded = np.abs(lower) < STEEPEST
    for i in range(0, rows, size):
        part = slice(i, i + size)
        at = np.arange(rows)[part]
        with np.errstate(all="ignore"):
            columns = shape.evaluate(theta[part], at).jacobian
            gram = np.empty((len(at), p, p))
            for a in range(p):
                own = weights[part] * columns[a]
                for b in range(a, p):
                    gram[:, a, b] = gram[:, b, a] = record_sum(own, columns[b])
            length = np.sqrt(np.einsum("bii->bi", gram))
            held = at_bound[part] & unbounded
            gram /= length[:, :, None] * length[:, None]
        gram[held[:, :, None] | held[:, None]] = 0.0
        gram[:, np.arange(p), np.arange(p)] = 1.0
        finite = np.isfinite(gram).all(axis=(1, 2))
        gram[~finite] = 0.0
        longest = length.max(axis=1, keepdims=True)
        alive = ((length > 1e-8 * longest) | held).all(axis=1)
        running = (at_bound[part] & ~unbounded).any(axis=1)
        found[part] = (np.linalg.eigvalsh(gram)[:, 0] > 1e-13) & finite & alive & ~running
    return found


def _cube(count: int, dimensions: int) -> Array:
    """Return evenly scattered points of the unit cube, shape (count, dimensions).

    Multiples of powers of the generalised golden ratio, a Kronecker sequence.
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0


def _apart(points: Array, value: Array, most: int) -> Indices:
    """Return the positions of the lowest values whose points are not near a lower one."""
    order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")
    order = order[: 20 * most]
    unit = points[:, points.std(axis=0) > 0]
    unit = unit / unit.std(axis=0)
    kept: list[int] = []
    for i in order:
        near = 0.3 * np.sqrt(unit.shape[1])
        if all(np.linalg.norm(unit[i] - unit[j]) > near for j in kept):
            kept.append(int(i))
        if len(kept) == most:
            break
    spare = [int(i) for i in order if int(i) not in kept]
    return np.array((kept + spare)[:most], dtype=np.intp)


def _linear(frame: Frame, target: Array, weights: Array) -> tuple[Array, Array]:
    """Return the response in units of the scale, and weights of its residuals."""
    if not frame.log:
        return target / frame.scale, weights
    y = np.exp(target - np.log(frame.scale))
    return y, weights / y**2


def _project(
    shape: Shape, theta: Array, target: Array, weights: Array, loss: Loss
) -> tuple[Array, Array]:
    """Fit offset and amplitudes at each seed; return the working parameters and their loss.

    Given the other parameters the law is linear (variable projection, Golub and Pereyra 1973);
    robust losses are approached by reweighting.
    """
    frame = shape.frame
    y, share = _linear(frame, target, weights)
    floor = 1e-3 * float(y.std())
    found, values = [], []
    size = max(1, _SEED_CHUNK // (4 * len(y)))
    for i in range(0, len(theta), size):
        part = theta[i : i + size]
        with np.errstate(all="ignore"):
            columns = _basis(shape, part)
            own = np.broadcast_to(share, (len(part), len(y)))
            for _ in range(1 if isinstance(loss, LeastSquares) else 4):
                weighted = columns * own[:, None]
                gram = np.einsum("kin,kjn->kij", weighted, columns)
                moment = np.einsum("kin,n->ki", weighted, y)
                linear = _nonnegative(gram, moment)
                residual = np.abs(y - np.einsum("ki,kin->kn", linear, columns)) * np.sqrt(share)
                middle = np.median(residual, axis=1, keepdims=True)
                own = share / np.maximum(residual, middle + 1e-300)
        filled = part.copy()
        filled[:, 0] = linear[:, 0]
        found.append(shape.with_amplitudes(filled, np.maximum(linear[:, 1:], floor)))
        tiled = np.broadcast_to(weights, (len(part), len(y)))
        framed = replace(shape, frame=replace(frame, target=target[None]))
        values.append(exact_loss(framed.evaluate, found[-1], tiled, loss))
    return np.concatenate(found), np.concatenate(values)


def _choose(
    shape: Shape, pool: Array, weights: Array, loss: Loss, start: Array, most: int
) -> Array:
    """Return for each row of weights the best of a pool of seeds, with amplitudes of its own.

    Of shape (B, most, p).
    """
    frame = shape.frame
    y, share = _linear(frame, frame.target, weights)
    if not isinstance(loss, LeastSquares):
        with np.errstate(all="ignore"):
            residual = np.abs(shape.evaluate(start[None], np.zeros(1, dtype=np.intp)).residual)
            residual = np.where(np.isfinite(residual), residual, 0.0)
            share = share / np.maximum(residual, np.median(residual) + 1e-300)
    with np.errstate(all="ignore"):
        columns = _basis(shape, pool)
        count, m, _ = columns.shape
        rows = len(weights)
        gram = np.empty((rows, count, m, m))
        for a in range(m):
            for b in range(a, m):
                product = columns[:, a] * columns[:, b]
                gram[:, :, a, b] = np.einsum("bn,kn->bk", share, product)
                gram[:, :, b, a] = gram[:, :, a, b]
        weighted = share * y
        moment = np.stack(
            [np.einsum("bn,kn->bk", weighted, columns[:, a]) for a in range(m)], axis=2
        )
        flat = (rows * count, m)
        linear = _nonnegative(gram.reshape(*flat, m), moment.reshape(flat))
        linear = linear.reshape(rows, count, m)
        value = np.einsum("bki,bkij,bkj->bk", linear, gram, linear)
        value -= 2 * np.einsum("bki,bki->bk", linear, moment)
    order = np.argsort(np.where(np.isfinite(value), value, np.inf), axis=1, kind="stable")
    best = order[:, :most]
    chosen = np.take_along_axis(linear, best[:, :, None], axis=1)
    theta = pool[best]
    theta[..., 0] = chosen[..., 0]
    floor = 1e-3 * float(y.std())
    return shape.with_amplitudes(theta, np.maximum(chosen[..., 1:], floor))


def _basis(shape: Shape, theta: Array) -> Array:
    columns = shape.columns(theta)
    ones = np.ones((len(theta), 1, columns.shape[2]))
    return np.concatenate([ones, shape.sign * columns], axis=1)


def _nonnegative(gram: Array, moment: Array) -> Array:
    """Solve least squares with nonnegative unknowns.

    Solutions with negative ones are mended by cyclic descent, which is close enough for seeds.
    """
    m = moment.shape[1]
    length = np.sqrt(np.maximum(np.einsum("kii->ki", gram), 1e-300))
    gram = np.nan_to_num(gram / (length[:, :, None] * length[:, None]), posinf=0, neginf=0)
    moment = np.nan_to_num(moment / length, posinf=0, neginf=0)
    gram[:, np.arange(m), np.arange(m)] = 1 + 1e-12
    solution = np.linalg.solve(gram, moment[..., None])[..., 0]
    wrong = np.flatnonzero((solution < 0).any(axis=1))
    part, g, b = np.maximum(solution[wrong], 0), gram[wrong], moment[wrong]
    for _ in range(_SWEEPS):
        for i in range(m):
            rest = np.einsum("kj,kj->k", g[:, i], part) - part[:, i] * g[:, i, i]
            part[:, i] = np.maximum((b[:, i] - rest) / g[:, i, i], 0)
    solution[wrong] = part
    return np.asarray(solution / length)
