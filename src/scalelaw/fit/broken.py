"""Power laws that change their exponent: smoothly broken, with one or two breaks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import TooFewRecordsError
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Curve, Solutions
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

Indices = NDArray[np.intp]

_LN10 = float(np.log(10.0))
_CHUNK = 24_000
"""Records times rows that are worked on at once, so that they stay in the processor's cache."""
_SEED_CHUNK = 1_000_000
_MAX_BINS = 64
"""Most distinct predictors on which seeds are searched for; more are put into bins."""
_REACH_DECADES = 60.0
_FEW_POINTS = 3
_STAGES = 8
"""Tenfold reductions of the width within which a kink of the loss is rounded."""
_LAST, _SPLIT = 4, 5
"""Minima that are descended from once more; laws with one break from which two are searched for."""
_SEEDS, _SHORT, _KEPT = 3, 6, 2
"""Alternative starts of a resampled row, iterations after which they compete, and survivors; for
losses with a kink, twice as many and one more."""


@dataclass(frozen=True)
class _Grid:
    """Where seeds are looked for: shares of the lowest response, smoothness, breaks per gap."""

    floors: tuple[float, ...]
    smoothness: tuple[float, ...]
    per_gap: int
    outside: tuple[float, ...]
    gaps: int


_GLOBAL = {
    1: _Grid(
        (0.0, 0.3, 0.55, 0.75, 0.88, 0.95, 0.98, 0.995),
        (0.03, 0.12, 0.4, 1.0, 2.5),
        2,
        (0.25, 0.8, 1.6),
        40,
    ),
    2: _Grid((0.0, 0.4, 0.7, 0.9, 0.97, 0.995), (0.03, 0.25, 1.2), 1, (0.3, 1.2), 24),
}
_LOCAL = {
    1: _Grid((0.0, 0.5, 0.8, 0.95, 0.99), (0.05, 0.4, 1.5), 1, (0.3, 1.2), 20),
    2: _Grid((0.0, 0.6, 0.95), (0.05, 0.6), 1, (0.6,), 12),
}


@dataclass(frozen=True)
class _Problem:
    """The loss in working units, with derivatives, for rows of weights.

    With u = ln x less its mid-range and y over its geometric mean, the working parameters are the
    floor, the logarithm of the level that the first segment has at u = 0, the local exponents, the
    places of the breaks in u, and the logarithms of their smoothness.

    Parameters
    ----------
    u : array, shape (n,)
        Centred logarithm of the predictor.
    y : array, shape (B or 1, n)
        Scaled response.
    weights : array, shape (B, n)
        Weights.
    log : bool
        Whether residuals are logarithmic.
    loss : Loss
        In scaled units.
    breaks : int
        Number of breaks.
    floor : bool
        Whether there is one.
    smoothness : float or None
        Its logarithm where it is fixed.
    lower, upper, cap : array, shape (p,)
        Bounds, and longest steps.
    """

    u: Array
    y: Array
    weights: Array
    log: bool
    loss: Loss
    breaks: int
    floor: bool
    smoothness: float | None
    lower: Array
    upper: Array
    cap: Array

    def response(self, rows: Indices) -> Array:
        return self.y if len(self.y) == 1 else self.y[rows]

    def parts(self, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Return floor, level, exponents, breaks and log smoothness of rows of parameters."""
        k, first = self.breaks, int(self.floor)
        floor = theta[:, :1] if self.floor else np.zeros((len(theta), 1))
        level = theta[:, first : first + 1]
        exponents = theta[:, first + 1 : first + 2 + k]
        at = theta[:, first + 2 + k : first + 2 + 2 * k]
        if self.smoothness is None:
            width = theta[:, first + 2 + 2 * k :]
        else:
            width = np.full_like(at, self.smoothness)
        return floor, level, exponents, at, width

    def residual(self, theta: Array, rows: Indices) -> Array:
        floor, level, exponents, at, width = self.parts(theta)
        m = level - exponents[:, :1] * self.u
        for i in range(self.breaks):
            f = np.exp(width[:, i : i + 1])
            z = (self.u - at[:, i : i + 1]) / f
            m -= (exponents[:, i + 1 : i + 2] - exponents[:, i : i + 1]) * f * _softplus(z)
        y = self.response(rows)
        if not self.log:
            return np.asarray(y - floor - np.exp(m))
        return np.asarray(np.log(y) - (np.log(floor + np.exp(m)) if self.floor else m))

    def ordered(self, theta: Array) -> Array:
        """Return parameters, shape (p, R), with two breaks numbered from left to right."""
        j = int(self.floor) + 1
        order = np.arange(len(theta))
        order[[j + 3, j + 4]] = j + 4, j + 3
        if self.smoothness is None:
            order[[j + 5, j + 6]] = j + 6, j + 5
        turned = theta[order]
        turned[j + 1] = theta[j] + theta[j + 2] - theta[j + 1]
        turned = np.clip(turned, self.lower[:, None], self.upper[:, None])
        return np.where(theta[j + 3] > theta[j + 4], turned, theta)

    def loss_at(self, theta: Array, rows: Indices) -> Array:
        """Return the weighted loss itself, infinite where there is none."""
        found = np.empty(len(theta))
        size = max(1, _CHUNK // len(self.u))
        with np.errstate(all="ignore"):
            for i in range(0, len(theta), size):
                part = slice(i, i + size)
                value = self.loss.value(self.residual(theta[part], rows[part]))
                found[part] = np.einsum("rn,rn->r", self.weights[rows[part]], value)
        return np.where(np.isfinite(found), found, np.inf)

    def expand(
        self, theta: Array, rows: Indices, delta: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        """Return smoothed loss, gradient, sum of its absolute terms, and both Hessians.

        The second of the Hessians is Gauss and Newton's with the curvature of a parabola above the
        loss, which is never indefinite.
        """
        r, p = theta.shape
        value, gradient, absolute = np.empty(r), np.empty((p, r)), np.empty((p, r))
        newton, gauss = np.empty((p, p, r)), np.empty((p, p, r))
        size = max(1, _CHUNK // len(self.u))
        with np.errstate(all="ignore"):
            for i in range(0, r, size):
                part = slice(i, i + size)
                found = self._expand(theta[part], rows[part], delta[part, None])
                value[part], gradient[:, part], absolute[:, part] = found[:3]
                newton[:, :, part], gauss[:, :, part] = found[3:]
        return value, gradient, absolute, newton, gauss

    def _expand(
        self, theta: Array, rows: Indices, delta: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        k, u, n = self.breaks, self.u, len(self.u)
        floor, level, exponents, at, width = self.parts(theta)
        free = self.smoothness is None
        slopes = np.zeros((len(theta), 2 + k + k + k * free, n))
        slopes[:, 0] = 1.0
        slopes[:, 1] = -u
        m = level - exponents[:, :1] * u
        shapes = []
        for i in range(k):
            f = np.exp(width[:, i : i + 1])
            c = exponents[:, i + 1 : i + 2] - exponents[:, i : i + 1]
            z = (u - at[:, i : i + 1]) / f
            size = np.abs(z)
            decay = np.exp(-size)
            share = 1 / (1 + decay)
            rest = np.log1p(decay)
            h = f * (np.maximum(z, 0.0) + rest)
            h_width = f * (rest + size * decay * share)
            sigmoid = np.where(z >= 0, share, decay * share)
            bell = decay * share * share
            m -= c * h
            slopes[:, 1 + i] += h
            slopes[:, 2 + i] -= h
            slopes[:, 2 + k + i] = c * sigmoid
            if free:
                slopes[:, 2 + 2 * k + i] = -c * h_width
            shapes.append((f, c, z, sigmoid, bell, h_width))
        y, w = self.response(rows), self.weights[rows]
        power = np.exp(m) if self.floor or not self.log else m
        if self.log:
            total = floor + power if self.floor else power
            residual = np.log(y) - (np.log(total) if self.floor else m)
            s: Array = power / total if self.floor else np.ones_like(m)
            s_floor = 1 / total
        else:
            residual = y - floor - power
            s, s_floor = power, np.ones_like(m)
        loss, first, second, above = _smoothed(self.loss, residual, delta)
        first, second, above = w * first, w * second, w * above
        # Derivatives of the loss by m, the logarithm of the power-law part, and by the floor.
        by_m = -first * s
        gauss_m = above * s * s
        # What the Hessian has less than the other: curvature of the loss, and of the law.
        bend = (above - second) * s * s + (first * s * (1 - s) if self.log else first * s)
        j = int(self.floor)
        p = theta.shape[1]
        gradient, absolute = np.empty((len(theta), p)), np.empty((len(theta), p))
        newton, gauss = np.empty((len(theta), p, p)), np.empty((len(theta), p, p))
        gradient[:, j:] = np.einsum("rpn,rn->rp", slopes, by_m)
        absolute[:, j:] = np.einsum("rpn,rn->rp", np.abs(slopes), np.abs(by_m))
        gauss[:, j:, j:] = np.einsum("rpn,rqn->rpq", slopes * gauss_m[:, None], slopes)
        newton[:, j:, j:] = gauss[:, j:, j:] - np.einsum(
            "rpn,rqn->rpq", slopes * bend[:, None], slopes
        )
        if self.floor:
            by_floor = first * s_floor
            gradient[:, 0] = -by_floor.sum(axis=1)
            absolute[:, 0] = np.abs(by_floor).sum(axis=1)
            gauss[:, 0, 0] = (above * s_floor * s_floor).sum(axis=1)
            gauss[:, 0, 1:] = np.einsum("rpn,rn->rp", slopes, above * s * s_floor)
            newton[:, 0, 0] = (second * s_floor * s_floor).sum(axis=1)
            newton[:, 0, 1:] = np.einsum("rpn,rn->rp", slopes, second * s * s_floor)
            if self.log:
                newton[:, 0, 0] += (first * s_floor * s_floor).sum(axis=1)
                newton[:, 0, 1:] += np.einsum("rpn,rn->rp", slopes, by_floor * s)
            gauss[:, 1:, 0], newton[:, 1:, 0] = gauss[:, 0, 1:], newton[:, 0, 1:]
        for i, (f, c, z, sigmoid, bell, h_width) in enumerate(shapes):
            before, place = j + 1 + i, j + 2 + k + i
            by_c = np.einsum("rn,rn->r", by_m, sigmoid)
            newton[:, place, place] -= np.einsum("rn,rn->r", by_m, c * bell / f)
            pairs = [(place, by_c)]
            if free:
                sharp = place + k
                pairs.append((sharp, -np.einsum("rn,rn->r", by_m, h_width)))
                cross = np.einsum("rn,rn->r", by_m, c * bell * z)
                newton[:, place, sharp] -= cross
                newton[:, sharp, place] -= cross
                newton[:, sharp, sharp] -= np.einsum(
                    "rn,rn->r", by_m, c * (h_width + f * z * z * bell)
                )
            for other, term in pairs:
                for e, sign in ((before, -1.0), (before + 1, 1.0)):
                    newton[:, e, other] += sign * term
                    newton[:, other, e] += sign * term
        return (
            np.einsum("rn,rn->r", w, loss),
            gradient.T,
            absolute.T,
            newton.transpose(1, 2, 0),
            gauss.transpose(1, 2, 0),
        )

    def descend(
        self, theta: Array, rows: Indices, delta: Array, iterations: int
    ) -> tuple[Array, Array]:
        """Minimise the smoothed loss from each row of parameters; return them and the loss.

        Newton's method with Levenberg's damping; rows whose Hessian is indefinite take that of
        Gauss and Newton. Parameters at a bound stay there while the gradient points outwards.
        """
        lower, upper, cap = self.lower[:, None], self.upper[:, None], self.cap[:, None]
        best = np.clip(theta, self.lower, self.upper)
        if self.breaks == 2:
            best = self.ordered(best.T).T
        loss = np.empty(len(theta))
        live = np.arange(len(theta))
        at, row, width = np.ascontiguousarray(best.T), rows, delta
        value, gradient, _, newton, gauss = self.expand(at.T, row, width)
        value = np.where(np.isfinite(value), value, np.inf)
        damping = np.full(len(live), 1e-3)
        total = self.weights.sum(axis=1)[rows]
        for _ in range(iterations):
            with np.errstate(all="ignore"):
                room = lower - at, upper - at
                step, used = _damped_step(gradient, newton, gauss, room, damping)
                step *= 1 / np.maximum(1.0, np.abs(step / cap).max(axis=0))
                trial = np.clip(at + step, lower, upper)
                moved = trial - at
                expected = -(gradient * moved).sum(axis=0) - 0.5 * np.einsum(
                    "pqr,pr,qr->r", used, moved, moved
                )
                if self.breaks == 2:
                    trial = self.ordered(trial)
            finite = np.isfinite(expected) & np.isfinite(value)
            small = expected <= 1e-13 * np.abs(value) + 1e-26 * total[live]
            done = ~finite | (small & (damping < 1.0)) | (damping > 1e9)
            if done.any():
                best[live[done]] = at[:, done].T
                loss[live[done]] = value[done]
                keep = ~done
                live, row, width = live[keep], row[keep], width[keep]
                at, value, gradient = at[:, keep], value[keep], gradient[:, keep]
                newton, gauss = newton[:, :, keep], gauss[:, :, keep]
                damping, trial, expected = damping[keep], trial[:, keep], expected[keep]
                if not len(live):
                    return best, loss
            new = self.expand(trial.T, row, width)
            with np.errstate(all="ignore"):
                gain = np.where(np.isfinite(new[0]), (value - new[0]) / expected, -1.0)
            better = (gain > 1e-4) & (new[0] < value)
            damping *= np.where(
                better, np.where(gain > 0.7, 0.1, np.where(gain < 0.2, 2.0, 0.5)), 8.0
            )
            damping = np.maximum(damping, 1e-12)
            at = np.where(better, trial, at)
            value = np.where(better, new[0], value)
            gradient = np.where(better, new[1], gradient)
            newton = np.where(better, new[3], newton)
            gauss = np.where(better, new[4], gauss)
        best[live], loss[live] = at.T, value
        return best, loss


def _softplus(z: Array) -> Array:
    """Return ln(1 + exp z) without overflow."""
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


def _smoothed(loss: Loss, residual: Array, delta: Array) -> tuple[Array, Array, Array, Array]:
    """Return the loss of residuals, two derivatives, and the curvature of a parabola above it.

    Losses with a kink are rounded within about delta of it; so is Huber's where delta exceeds its
    own, with the slope that it has far from zero.
    """
    if isinstance(loss, LeastSquares):
        two = np.full_like(residual, 2.0)
        return residual * residual, 2 * residual, two, two
    root = np.sqrt(residual * residual + delta * delta)
    value, first, above = root - delta, residual / root, 1 / root
    second = delta * delta / (root * root * root)
    if isinstance(loss, LeastAbsolute):
        return value, first, second, above
    if isinstance(loss, Pinball):
        tilt = loss.tau - 0.5
        return tilt * residual + 0.5 * value, tilt + 0.5 * first, 0.5 * second, 0.5 * above
    d = loss.delta
    exact = delta <= d
    size = np.abs(residual)
    return (
        np.where(exact, loss.value(residual), d * value),
        np.where(exact, np.clip(residual, -d, d), d * first),
        np.where(exact, (size < d) * 1.0, d * second),
        np.where(exact, d / np.maximum(size, d), d * above),
    )


def _damped_step(
    gradient: Array, newton: Array, gauss: Array, room: tuple[Array, Array], damping: Array
) -> tuple[Array, Array]:
    """Return steps, shape (p, R), and the Hessian that each row used.

    A parameter whose step would pass a bound goes as far as the bound, its `room`, and the others
    are solved for again with it there; clipped alone, it would leave a step that does not descend.
    """
    p = len(gradient)
    down, up = room
    diagonal = np.arange(p)
    scale = gauss[diagonal, diagonal]
    scale = damping * (scale + 1e-9 * scale.max(axis=0) + 1e-300)
    held = ((down >= 0) & (gradient > 0)) | ((up <= 0) & (gradient < 0))
    shift = np.zeros_like(gradient)
    step, good = _solve(newton, -gradient, held, shift, scale)
    bad = np.flatnonzero(~good)
    if len(bad):
        newton = np.where(good, newton, gauss)
        step[:, bad], _ = _solve(
            gauss[:, :, bad], -gradient[:, bad], held[:, bad], shift[:, bad], scale[:, bad]
        )
    rows = np.arange(len(damping))
    for _ in range(p):
        low, high = step[:, rows] < down[:, rows], step[:, rows] > up[:, rows]
        beyond = (low | high) & ~held[:, rows]
        some = beyond.any(axis=0)
        if not some.any():
            break
        rows, beyond, low = rows[some], beyond[:, some], low[:, some]
        held[:, rows] |= beyond
        bound = np.where(low, down[:, rows], up[:, rows])
        shift[:, rows] = np.where(beyond, bound, shift[:, rows])
        step[:, rows], _ = _solve(
            newton[:, :, rows], -gradient[:, rows], held[:, rows], shift[:, rows], scale[:, rows]
        )
    return step, newton


def _solve(
    matrix: Array, right: Array, held: NDArray[np.bool_], shift: Array, add: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Solve symmetric systems of shape (p, p, R) by L D L'; say which are positive definite.

    Unknowns that are held equal `shift`.
    """
    p = len(right)
    fixed = np.where(held, shift, 0.0)
    if fixed.any():
        right = right - np.einsum("pqr,qr->pr", matrix, fixed)
    right = np.where(held, fixed, right)
    lower: list[list[Array]] = [[] for _ in range(p)]
    pivots: list[Array] = []
    good = np.ones(right.shape[1], dtype=bool)
    for j in range(p):
        scaled = [lower[j][i] * pivots[i] for i in range(j)]
        start = np.where(held[j], 1.0, matrix[j, j] + add[j])
        pivot = start.copy()
        for i in range(j):
            pivot -= lower[j][i] * scaled[i]
        good &= pivot > 1e-14 * start
        pivots.append(pivot)
        for k in range(j + 1, p):
            entry = np.where(held[j] | held[k], 0.0, matrix[k, j])
            for i in range(j):
                entry -= lower[k][i] * scaled[i]
            lower[k].append(entry / pivot)
    x = right.copy()
    for j in range(p):
        for i in range(j):
            x[j] -= lower[j][i] * x[i]
    for j in range(p):
        x[j] /= pivots[j]
    for j in reversed(range(p)):
        for i in range(j + 1, p):
            x[j] -= lower[i][j] * x[i]
    return x, good & np.isfinite(x).all(axis=0)


@dataclass(frozen=True)
class _Bins:
    """Records sorted by predictor and put into bins: each distinct one, unless they are many."""

    order: Indices
    starts: Indices
    centres: Array

    @classmethod
    def of(cls, u: Array) -> "_Bins":
        order = np.argsort(u, kind="stable")
        new = _distinct(u[order])
        if len(new) > _MAX_BINS:
            new = new[np.linspace(0, len(new), _MAX_BINS, endpoint=False).astype(np.intp)]
        counts = np.diff(np.append(new, len(u)))
        return cls(order, new, np.add.reduceat(u[order], new) / counts)

    def sums(self, values: Array) -> Array:
        return np.asarray(np.add.reduceat(values[:, self.order], self.starts, axis=1))

    def breaks(self, grid: _Grid, lower: float, upper: float) -> Array:
        """Return the places of breaks that are tried: in each gap, and outside the data."""
        edges = self.centres
        if len(edges) > grid.gaps + 1:
            edges = edges[np.linspace(0, len(edges) - 1, grid.gaps + 1).round().astype(np.intp)]
        share = (np.arange(grid.per_gap) + 0.5) / grid.per_gap
        inside = (edges[:-1, None] + share * np.diff(edges)[:, None]).ravel()
        beyond = np.array(grid.outside) * _LN10
        places = np.concatenate([edges[0] - beyond[::-1], inside, edges[-1] + beyond])
        places = places[(places > lower) & (places < upper)]
        return np.concatenate([[lower], places, [upper]])


def _distinct(ordered: Array) -> Indices:
    """Return where new values start in sorted ones, apart from rounding."""
    if not len(ordered):
        return np.zeros(0, dtype=np.intp)
    least = 1e-12 * max(1.0, float(np.abs(ordered).max()))
    return np.flatnonzero(np.concatenate([[True], np.diff(ordered) > least]))


def _seeds(
    problem: _Problem, weights: Array, rows: Indices, grid: _Grid, count: int, one_floor: bool
) -> Array:
    """Return the best local minima on a grid, shape (R, count, p); NaN where there are fewer.

    For given floor, breaks and smoothness the logarithm of the rest is linear in level and
    exponents, so each node is a small linear regression on sums over bins. With `one_floor`, each
    place of the breaks is returned with its best floor and smoothness only.

    References
    ----------
    Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
    whose variables separate", SIAM Journal on Numerical Analysis 10 (1973).
    """
    bins = _Bins.of(problem.u)
    floors = np.array(grid.floors if problem.floor else (0.0,))
    places_at = int(problem.floor) + 2 + problem.breaks
    widths = (
        np.log(grid.smoothness) if problem.smoothness is None else np.array([problem.smoothness])
    )
    if problem.smoothness is None:
        widths = np.unique(np.clip(widths, problem.lower[-1], problem.upper[-1]))
    places = bins.breaks(grid, problem.lower[places_at], problem.upper[places_at])
    basis = _Basis.of(bins.centres, places, widths)
    nodes = len(floors) * basis.nodes(problem.breaks)
    size = max(1, _SEED_CHUNK // nodes)
    parts = []
    for i in range(0, max(1, len(rows)), size):
        part = slice(i, i + size)
        with np.errstate(all="ignore"):
            parts.append(
                _seed_chunk(
                    problem, weights[part], rows[part], bins, basis, floors, count, one_floor
                )
            )
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Basis:
    """Bends at bin centres, straightened: less their own line, and of unit length."""

    centres: Array
    places: Array
    widths: Array
    bends: Array
    line: Array
    length: Array

    @classmethod
    def of(cls, centres: Array, places: Array, widths: Array) -> "_Basis":
        f = np.exp(widths)[:, None, None]
        h = (f * _softplus((centres - places[:, None]) / f)).reshape(-1, len(centres))
        middle = centres.mean()
        v = centres - middle
        slope = np.einsum("gn,n->g", h, v) / (v @ v)
        level = h.mean(axis=1) - slope * middle
        rest = h - level[:, None] - slope[:, None] * centres
        length = np.sqrt(np.einsum("gn,gn->g", rest, rest))
        bent = length > 1e-7 * np.sqrt(np.einsum("gn,gn->g", h, h))
        length = np.where(bent, length, np.inf)
        return cls(
            centres, places, widths, rest / length[:, None], np.stack([level, slope]), length
        )

    def nodes(self, breaks: int) -> int:
        return len(self.length) if breaks == 1 else len(self.length) ** 2 // 2

    def pairs(self) -> tuple[Indices, Indices]:
        """Return the bends of each pair, over two widths and two places, the second later."""
        t = len(self.places)
        number = np.arange(len(self.length)).reshape(len(self.widths), t)
        early, late = np.triu_indices(t, 1)
        first = np.broadcast_to(number[:, None, early], (len(number), len(number), len(early)))
        second = np.broadcast_to(number[None, :, late], first.shape)
        return first.reshape(-1), second.reshape(-1)


def _seed_chunk(
    problem: _Problem,
    weights: Array,
    rows: Indices,
    bins: _Bins,
    basis: _Basis,
    floors: Array,
    count: int,
    one_floor: bool,
) -> Array:
    y, u, bends = problem.response(rows), basis.centres, basis.bends
    lowest = np.where(weights > 0, y, np.inf).min(axis=1, keepdims=True)
    pairs = basis.pairs() if problem.breaks == 2 else None
    products = bends[pairs[0]] * bends[pairs[1]] if pairs is not None else bends
    scores, coefficients = [], []
    for share in floors:
        above = y - share * lowest
        # To first order, what a change of ln(y - floor) does to the residual.
        above = np.where(above > 0, above, np.inf)
        q = np.where(np.isfinite(above), weights * (above / y if problem.log else above) ** 2, 0.0)
        v = np.where(np.isfinite(above), np.log(above), 0.0)
        w, wv, vv = bins.sums(q), bins.sums(q * v), np.einsum("rn,rn->r", q * v, v)[:, None]
        n, total = w.sum(axis=1)[:, None], wv.sum(axis=1)[:, None]
        mean = np.einsum("rn,n->r", w, u)[:, None] / n
        spread = np.einsum("rn,n->r", w, u * u)[:, None] - n * mean * mean
        tilt = np.einsum("rn,n->r", wv, u)[:, None] - mean * total
        plain = np.einsum("rn,gn->rg", w, bends)
        along = np.einsum("rn,gn->rg", w, bends * u) - mean * plain
        square = np.einsum("rn,gn->rg", w, bends * bends)
        own = square - plain**2 / n - along**2 / spread
        own = np.where(own > 1e-9 * square, own, np.nan)
        explains = np.einsum("rn,gn->rg", wv, bends) - plain * total / n - along * tilt / spread
        left = vv - total**2 / n - tilt**2 / spread
        if pairs is None:
            betas = [explains / own]
            chosen = [np.arange(bends.shape[0])]
            score = left - betas[0] * explains
        else:
            i, j = chosen = list(pairs)
            shared = np.einsum("rn,gn->rg", w, products)
            shared -= plain[:, i] * plain[:, j] / n + along[:, i] * along[:, j] / spread
            determinant = own[:, i] * own[:, j] - shared**2
            determinant = np.where(determinant > 1e-9 * own[:, i] * own[:, j], determinant, np.nan)
            betas = [
                (explains[:, i] * own[:, j] - explains[:, j] * shared) / determinant,
                (explains[:, j] * own[:, i] - explains[:, i] * shared) / determinant,
            ]
            score = left - betas[0] * explains[:, i] - betas[1] * explains[:, j]
        slope, level = tilt, total
        for beta, g in zip(betas, chosen, strict=True):
            slope, level = slope - beta * along[:, g], level - beta * plain[:, g]
        slope = slope / spread
        level = level / n - slope * mean
        steps = [-beta / basis.length[g] for beta, g in zip(betas, chosen, strict=True)]
        for step, g in zip(steps, chosen, strict=True):
            level = level + step * basis.line[0, g]
            slope = slope + step * basis.line[1, g]
        scores.append(np.where(np.isfinite(score), score, np.inf))
        coefficients.append(np.stack([level, -slope, *steps]))
    nodes = np.stack(scores, axis=1)
    picked = _local_minima(nodes, basis, problem.breaks, count, one_floor)
    values = np.stack(coefficients, axis=2)
    floor_of, node = np.divmod(picked, nodes.shape[2])
    line = np.arange(len(rows))[:, None]
    missing = ~np.isfinite(nodes[line, floor_of, node])
    level, exponent, *steps = values[:, line, floor_of, node]
    columns = [floors[floor_of] * lowest] if problem.floor else []
    columns += [level, exponent]
    for step in steps:
        exponent = exponent + step
        columns.append(exponent)
    which = [node] if pairs is None else [pairs[0][node], pairs[1][node]]
    width, place = zip(*(np.divmod(g, len(basis.places)) for g in which), strict=True)
    columns += [basis.places[t] for t in place]
    if problem.smoothness is None:
        columns += [basis.widths[f] for f in width]
    found = np.stack(columns, axis=2)
    found[missing] = np.nan
    return np.asarray(found)


def _local_minima(nodes: Array, basis: _Basis, breaks: int, count: int, one_floor: bool) -> Indices:
    """Return the numbers of the best nodes that no neighbouring place of a break betters."""
    r, floors, _ = nodes.shape
    t, widths = len(basis.places), len(basis.widths)
    if breaks == 1:
        shaped = nodes.reshape(r, floors * widths, t)
    else:
        early, late = np.triu_indices(t, 1)
        shaped = np.full((r, floors * widths * widths, t, t), np.inf)
        shaped[:, :, early, late] = nodes.reshape(r, floors * widths * widths, -1)
    if one_floor:
        shaped = np.where(
            np.arange(shaped.shape[1]).reshape(-1, *[1] * breaks) == shaped.argmin(axis=1)[:, None],
            shaped,
            np.inf,
        )
    compared = shaped.min(axis=1, keepdims=True) if one_floor else shaped
    lowest = np.ones(compared.shape, dtype=bool)
    for axis in range(2, 2 + breaks):
        there, here = np.roll(compared, 1, axis), np.roll(compared, -1, axis)
        first = tuple(0 if a == axis else slice(None) for a in range(compared.ndim))
        last = tuple(-1 if a == axis else slice(None) for a in range(compared.ndim))
        there[first], here[last] = np.inf, np.inf
        lowest &= (compared <= there) & (compared <= here)
    kept = np.where(lowest, shaped, np.inf)
    if breaks == 2:
        kept = kept[:, :, early, late]
    flat = kept.reshape(r, -1)
    count = min(count, flat.shape[1])
    return np.argsort(flat, axis=1, kind="stable")[:, :count]


def _steep_seeds(problem: _Problem, row: int) -> Array:
    """Return seeds of one break of which a segment is as steep as allowed, shape (S, p).

    A law that drops to its floor, or leaves it, between two records, or for one record alone, is
    often the minimum where there is scatter, and no regression of logarithms finds it.
    """
    bins = _Bins.of(problem.u)
    weights = problem.weights[row : row + 1]
    w = bins.sums(weights)[0]
    y = bins.sums(weights * problem.response(np.array([row])))[0]
    u, kept = bins.centres[w > 0], w > 0
    w, y = w[kept], y[kept] / w[kept]
    gap = np.arange(len(u) - 1)
    before = np.arange(len(u)) <= gap[:, None]
    at = (u[1:] + u[:-1]) / 2
    j = int(problem.floor)
    steep = float(problem.upper[j + 1])
    width = np.log(0.05) if problem.smoothness is None else problem.smoothness
    found = []

    def add(floor: Array, level: Array, first: Array, last: Array, place: Array) -> None:
        columns = [floor] if problem.floor else []
        columns += [level, first, last, place]
        columns += [np.full_like(place, width)] if problem.smoothness is None else []
        found.append(np.stack(columns, axis=1))

    for side, mask in ((1, before), (-1, ~before)):
        rest = np.where(mask, 0.0, w)
        outside = np.einsum("gn,n->g", rest, y) / rest.sum(axis=1)
        lowest = np.where(mask, y, np.inf).min(axis=1)
        for floor in (0 * at, 0.9 * lowest, outside) if problem.floor else (0 * at,):
            above = y - floor[:, None]
            used = mask & (above > 0)
            v = np.log(np.where(used, above, 1.0))
            q = np.where(used, w * (above / y if problem.log else above) ** 2, 0.0)
            total = q.sum(axis=1)
            middle, height = (np.einsum("gn,gn->g", q, z + 0 * q) / total for z in (u, v))
            away = u - middle[:, None]
            slope = np.einsum("gn,gn->g", q * away, v) / np.einsum("gn,gn->g", q * away, away)
            slope = np.where(used.sum(axis=1) > 1, slope, 0.0)
            exponent = np.clip(-slope, -steep, steep)
            level = height + exponent * middle
            for sign in (-steep, steep):
                other = np.full_like(at, sign)
                if side == 1:
                    add(floor, level, exponent, other, at)
                else:
                    add(floor, level - (exponent - sign) * at, other, exponent, at)
    if problem.floor:
        floor = (w @ y - w * y) / (w.sum() - w)
        top = np.log(np.where(y > floor, y - floor, np.nan))
        level = top - steep * u + 2 * steep * np.exp(width) * np.log(2.0)
        add(floor, level, np.full_like(u, -steep), np.full_like(u, steep), u)
    seeds = np.concatenate(found)
    return np.asarray(seeds[np.isfinite(seeds).all(axis=1)])


def _without_break(problem: _Problem) -> _Problem:
    """Return the problem of a law with two breaks for one break."""
    j = int(problem.floor) + 1
    drop = [j + 2, j + 4, j + 6] if problem.smoothness is None else [j + 2, j + 4]
    lower, upper, cap = (np.delete(a, drop) for a in (problem.lower, problem.upper, problem.cap))
    return replace(problem, breaks=1, lower=lower, upper=upper, cap=cap)


def _split_seeds(problem: _Problem, row: int) -> Array:
    """Return seeds of two breaks at which a law with one is the best, shape (S, p)."""
    one, _ = _search(_without_break(problem), row, 1)
    if not len(one):
        return np.empty((0, len(problem.lower)))
    new = one[:1]
    for theta in one[1:]:
        if len(new) < _SPLIT and np.abs(theta - new).max(axis=1).min() > 1e-3:
            new = np.concatenate([new, theta[None]])
    j = int(problem.floor) + 1
    places = _Bins.of(problem.u).breaks(
        _GLOBAL[2], float(problem.lower[j + 3]), float(problem.upper[j + 3])
    )
    new, place = np.repeat(new, len(places), axis=0), np.tile(places, len(new))
    old = new[:, j + 2]
    second = np.where(place < old, new[:, j], new[:, j + 1])
    columns = [new[:, : j + 1], second[:, None], new[:, j + 1 : j + 2]]
    swap = (place < old)[:, None]
    pair = np.stack([old, place], axis=1)
    columns.append(np.where(swap, pair[:, ::-1], pair))
    if problem.smoothness is None:
        widths = np.stack([new[:, j + 3], np.full(len(new), np.log(0.3))], axis=1)
        columns.append(np.where(swap, widths[:, ::-1], widths))
    return np.concatenate(columns, axis=1)


def _scale(problem: _Problem, theta: Array, rows: Indices) -> Array:
    """Return the weighted mean absolute residual of each row."""
    w = problem.weights[rows]
    with np.errstate(all="ignore"):
        size = np.einsum("rn,rn->r", w, np.abs(problem.residual(theta, rows)))
        size = size / w.sum(axis=1)
    return np.where(np.isfinite(size), np.maximum(size, 1e-10), 1.0)


def _finish(problem: _Problem, theta: Array, rows: Indices, delta: Array) -> tuple[Array, Array]:
    """Minimise the loss to the end from each row of parameters; return them and the loss."""
    if isinstance(problem.loss, LeastSquares):
        theta, _ = problem.descend(theta, rows, delta, 200)
    else:
        least = problem.loss.delta if isinstance(problem.loss, Huber) else 0.0
        for stage in range(1, _STAGES + 1):
            width = np.maximum(delta * 0.1**stage, least)
            last = bool((width == least).all())
            theta, _ = problem.descend(theta, rows, width, 100 if last else 30)
            if last:
                break
    return theta, problem.loss_at(theta, rows)


def _search(problem: _Problem, row: int, breaks: int) -> tuple[Array, Array]:
    """Return the minima, and their losses, that a global search finds for one row of weights."""
    weights = problem.weights[row : row + 1]
    count = 100 if breaks == 1 else 150
    kept = np.empty((0, len(problem.lower)))
    kinked = not isinstance(problem.loss, LeastSquares)
    delta = 1.0
    with np.errstate(all="ignore"):
        more = _steep_seeds(problem, row) if breaks == 1 else _split_seeds(problem, row)
    for again in range(1 + kinked):
        theta = _seeds(problem, weights, np.array([row]), _GLOBAL[breaks], count, False)[0]
        theta = theta if again else np.concatenate([theta, more])
        theta = theta[np.isfinite(theta).all(axis=1)]
        if len(theta):
            rows = np.full(len(theta), row)
            width = _scale(problem, theta, rows).min()
            theta, _ = problem.descend(theta, rows, np.full(len(theta), width), 8)
            kept = np.concatenate([kept, theta])
        rows = np.full(len(kept), row)
        loss = problem.loss_at(kept, rows)
        kept = kept[np.argsort(loss, kind="stable")[:40]]
        if not len(kept):
            return kept, np.empty(0)
        one = np.array([row])
        delta = float(_scale(problem, kept[:1], one)[0])
        # Records far off count in a regression as they do in the loss.
        with np.errstate(all="ignore"):
            size = np.abs(problem.residual(kept[:1], one))
            weights = problem.weights[row : row + 1] / np.maximum(size, 0.1 * delta)
    rows = np.full(len(kept), row)
    theta, loss = _finish(problem, kept, rows, np.full(len(kept), delta))
    order = np.argsort(loss, kind="stable")
    theta, loss = theta[order], loss[order]
    if not kinked:
        # The few in a long flat valley are the ones that are not yet at its end.
        theta[:_LAST], _ = problem.descend(theta[:_LAST], rows[:_LAST], loss[:_LAST], 1000)
        loss[:_LAST] = problem.loss_at(theta[:_LAST], rows[:_LAST])
        order = np.argsort(loss, kind="stable")
        theta, loss = theta[order], loss[order]
    return theta, loss


@dataclass(frozen=True, kw_only=True)
class BrokenPowerLaw(Curve):
    """Power law whose exponent changes smoothly at one or two breaks.

    ``y = floor + 10^log10_scale x^-e_0 prod_i (1 + (x / d_i)^(1 / f_i))^(-(e_i - e_(i-1)) f_i)``,
    with breaks at ``d_i = 10^log10_break_i``. The exponents are local: y less its floor falls as
    x^-e_0 well before the first break, as x^-e_1 well after it, and so on, where the original
    formulation has their increments; a negative one is a rise, so that the law need not be
    monotone. The scale belongs to the first segment. Nine tenths of a change of exponent, from 5%
    to 95% of it, take 2.6 ``smoothness`` decades of x.

    The minimum is searched for between bounds: breaks within `break_margin` decades of the data,
    smoothness within `smoothness_range`, exponents within `max_exponent` of zero, and the floor
    not below zero.

    Parameters
    ----------
    x, y : str
        Columns of predictor and response.
    breaks : {1, 2}
        Number of breaks.
    with_floor : bool
        Whether there is a floor; without it, it is 0 and no parameter.
    sharpness : float, optional
        Smoothness f of every break where it is to be fixed; small values are sharp breaks.
    break_margin : float
        Decades by which a break may lie outside the data.
    smoothness_range : pair of float
        Bounds of the smoothness where it is fitted.
    max_exponent : float
        Largest size of a local exponent.

    References
    ----------
    Caballero, Gupta, Rish and Krueger, "Broken neural scaling laws" (2022), equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> flop = np.logspace(16, 24, 14)
    >>> error = 30 * flop**-0.1 * (1 + (flop / 1e20) ** 2) ** (-0.2 * 0.5)
    >>> data = pd.DataFrame({"compute": flop, "error": error})
    >>> law = BrokenPowerLaw(with_floor=False, replicates=50).fit(data)
    >>> law.params[["exponent_0", "exponent_1", "log10_break_1"]].round(3).tolist()
    [0.1, 0.3, 20.0]
    """

    breaks: int = 1
    with_floor: bool = True
    sharpness: float | None = None
    break_margin: float = 2.0
    smoothness_range: tuple[float, float] = (0.02, 3.0)
    max_exponent: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.breaks not in (1, 2):
            raise ValueError("breaks must be 1 or 2")
        if self.sharpness is not None and not 0 < self.sharpness < np.inf:
            raise ValueError("sharpness must be positive and finite")
        low, high = self.smoothness_range
        if not 0 < low < high < np.inf:
            raise ValueError("smoothness_range must be two positive numbers, the lower one first")
        if not 0 <= self.break_margin <= 30:
            raise ValueError("break_margin must lie between 0 and 30 decades")
        if not 0 < self.max_exponent < np.inf:
            raise ValueError("max_exponent must be positive and finite")

    @property
    def param_names(self) -> tuple[str, ...]:
        """``floor``, ``log10_scale``, the exponents, the breaks and their smoothness."""
        numbers = range(1, self.breaks + 1)
        return (
            *(("floor",) if self.with_floor else ()),
            "log10_scale",
            *(f"exponent_{i}" for i in range(self.breaks + 1)),
            *(f"log10_break_{i}" for i in numbers),
            *(() if self.sharpness else (f"smoothness_{i}" for i in numbers)),
        )

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """Whether intervals of each parameter are built on its logarithm: only smoothness."""
        return tuple(name.startswith("smoothness") for name in self.param_names)

    def check(self, sample: Sample) -> None:
        """Raise TooFewRecordsError unless there are as many distinct predictors as parameters."""
        distinct = len(_distinct(np.sort(np.log(sample.x[:, 0]))))
        needed = len(self.param_names)
        if distinct < needed:
            fewer = ["with_floor=False"] if self.with_floor else []
            fewer += ["a fixed sharpness"] if self.sharpness is None else []
            fewer += ["one break"] if self.breaks == 2 else []
            raise TooFewRecordsError(
                f'{distinct} distinct values of "{self.x}", at least {needed} are needed: add '
                f"records at others, or fit with {', or '.join(fewer) or 'a plain power law'}"
            )

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights; see the base class."""
        problem, shift, height = self._problem(sample, y, weights)
        b, p = len(weights), len(self.param_names)
        theta, loss = np.full((b, p), np.nan), np.full(b, np.inf)
        agree = np.zeros(b)
        rows = np.flatnonzero(self._identified(problem))
        if start is None:
            starts = 0
            for row in rows:
                found, losses = _search(problem, int(row), self.breaks)
                if len(losses) and np.isfinite(losses[0]):
                    theta[row], loss[row] = found[0], losses[0]
                    agree[row] = self._count(problem, losses[None, :], rows=np.array([row]))[0]
                starts = max(starts, len(losses))
        else:
            first = self._to_working(start[None, :], shift, height)[0]
            theta[rows], loss[rows], agree[rows], starts = self._nearby(problem, rows, first)
        return self._solutions(problem, theta, loss, agree, starts, shift, height)

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response, shape (..., m), at predictors of shape (m, 1)."""
        params = np.asarray(params, dtype=np.float64)[..., None, :]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            law = self._law(params, np.log(np.asarray(x, dtype=np.float64)[:, 0]))
            return np.asarray(self._floor(params) + np.exp(law))

    def invert(self, params: Array, y: float) -> Array:
        """Return the smallest x at which the law falls to y.

        The law need not be monotone, so it may rise above y again beyond. Infinite where it never
        falls to y within 60 decades of its breaks; a law that starts below y counts once it has
        risen and falls again.

        Parameters
        ----------
        params : array, shape (B, p)
            Parameters.
        y : float
            Response.

        Returns
        -------
        array, shape (B,)
        """
        params = np.asarray(params, dtype=np.float64)
        found = np.full(len(params), np.inf)
        if not len(params):
            return found
        with np.errstate(all="ignore"):
            target = np.log(y - self._floor(params))
            good = np.flatnonzero(np.isfinite(target) & np.isfinite(params).all(axis=1))
            if len(good):
                found[good] = np.exp(self._first_fall(params[good], target[good]))
        found[~np.isfinite(params).all(axis=1)] = np.nan
        return found

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings about breaks, smoothness and exponents."""
        from scalelaw.fit.fit_result import Note

        params = result.params
        low, high = (float(np.log10(end)) for end in result.x_range[0])
        # Only a result that has just been fitted has its data; the notes are stored with it.
        x = np.log10(result.sample.x[:, 0]) if result.sample is not None else np.empty(0)
        x = np.sort(x)[_distinct(np.sort(x))]
        found = []
        for i in range(1, self.breaks + 1):
            place = float(params[f"log10_break_{i}"])
            if not low <= place <= high:
                side = "below" if place < low else "above"
                beyond = low - place if place < low else place - high
                found.append(
                    Note(
                        "break_outside_data",
                        "warning",
                        f"break {i} lies {beyond:.2g} decades {side} the data: it is inferred from "
                        "their curvature, not observed, and so is the exponent beyond it",
                        {"break": i, "log10_break": place, "decades": beyond},
                    )
                )
            elif len(x):
                fewest = int(min((x < place).sum(), (x > place).sum()))
                if fewest < _FEW_POINTS:
                    found.append(
                        Note(
                            "break_rests_on_few_points",
                            "warning",
                            f"break {i} has only {fewest} distinct {self.x} on one side: add "
                            "records there, or fit fewer breaks",
                            {"break": i, "points": fewest},
                        )
                    )
            change = f"exponent_{i - 1}", f"exponent_{i}"
            before, after = (self.param_names.index(name) for name in change)

            def difference(values: Array, before: int = before, after: int = after) -> Array:
                return values[:, after] - values[:, before]

            interval = result.derive("change", difference, log=False)
            if not (interval.lower > 0 or interval.upper < 0):
                found.append(
                    Note(
                        "break_uncertain",
                        "info",
                        f"the exponent may be the same on both sides of break {i}: the interval of "
                        "its change includes zero; compare a law with fewer breaks",
                        {"break": i, "lower": interval.lower, "upper": interval.upper},
                    )
                )
            if self.sharpness is None:
                width = float(params[f"smoothness_{i}"])
                ends = self.smoothness_range
                if min(abs(np.log(width / end)) for end in ends) < 1e-6:
                    kind = "sharper" if width < np.sqrt(ends[0] * ends[1]) else "smoother"
                    found.append(
                        Note(
                            "smoothness_at_bound",
                            "info",
                            f"the smoothness of break {i} is at its bound {width:g}: the data "
                            f"would have it {kind}; fix it by sharpness, or widen smoothness_range",
                            {"break": i, "smoothness": width},
                        )
                    )
        for i in range(self.breaks + 1):
            size = float(params[f"exponent_{i}"])
            if abs(size) >= self.max_exponent * (1 - 1e-9):
                found.append(
                    Note(
                        "exponent_at_bound",
                        "warning",
                        f"exponent {i} is at its bound {size:g}: few records, or one that is far "
                        "off, make the law drop or rise abruptly; read no exponent from it",
                        {"exponent": i, "value": size},
                    )
                )
        return found

    def _floor(self, params: Array) -> Array:
        return params[..., 0] if self.with_floor else np.zeros(params.shape[:-1])

    def _split(self, params: Array) -> tuple[Array, Array, Array, Array]:
        """Return ln scale, and exponents, ln breaks and smoothness along the last axis."""
        j, k = int(self.with_floor), self.breaks
        at = params[..., j + 2 + k : j + 2 + 2 * k] * _LN10
        if self.sharpness is None:
            width = params[..., j + 2 + 2 * k :]
        else:
            width = np.full_like(at, self.sharpness)
        return params[..., j] * _LN10, params[..., j + 1 : j + 2 + k], at, width

    def _law(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the law less its floor."""
        scale, exponents, at, width = self._split(params)
        law = scale - exponents[..., 0] * log_x
        for i in range(self.breaks):
            f = width[..., i]
            bend = f * _softplus((log_x - at[..., i]) / f)
            law = law - (exponents[..., i + 1] - exponents[..., i]) * bend
        return np.asarray(law)

    def _slope(self, params: Array, log_x: Array) -> Array:
        """Return the derivative of :meth:`_law`."""
        _, exponents, at, width = self._split(params)
        slope = -exponents[..., 0] + 0 * log_x
        for i in range(self.breaks):
            z = (log_x - at[..., i]) / width[..., i]
            change = exponents[..., i + 1] - exponents[..., i]
            slope = slope - change * np.exp(-_softplus(-z))
        return np.asarray(slope)

    def _first_fall(self, params: Array, target: Array) -> Array:
        """Return the smallest ln x at which each law falls to a target; infinite where none."""
        scale, exponents, at, width = self._split(params)
        wide = params[:, None, :]
        steps = np.linspace(-40, 40, 161)
        nodes = [at[:, i : i + 1] + width[:, i : i + 1] * steps for i in range(self.breaks)]
        reach = _REACH_DECADES * _LN10
        first = at.min(axis=1, keepdims=True) - reach
        last = at.max(axis=1, keepdims=True) + reach
        grid = np.sort(np.clip(np.concatenate([first, *nodes, last], axis=1), first, last), axis=1)
        # With the turning points as nodes the law is monotone between neighbours.
        slope = self._slope(wide, grid)
        row, cell = np.nonzero(slope[:, :-1] * slope[:, 1:] < 0)
        if len(row):
            rising = slope[row, cell] > 0

            def before(log_x: Array) -> Array:
                return np.asarray((self._slope(params[row], log_x) > 0) == rising)

            turns = np.full(grid.shape, np.inf)
            turns[row, cell] = _bisect(before, grid[row, cell], grid[row, cell + 1])
            grid = np.sort(np.concatenate([grid, np.where(np.isinf(turns), last, turns)], 1), 1)
        above = self._law(wide, grid) > target[:, None]
        falls = above[:, :-1] & ~above[:, 1:]
        found = np.full(len(params), np.inf)
        rows = np.flatnonzero(falls.any(axis=1))
        cell = falls[rows].argmax(axis=1)

        def higher(log_x: Array) -> Array:
            return np.asarray(self._law(params[rows], log_x) > target[rows])

        found[rows] = _bisect(higher, grid[rows, cell], grid[rows, cell + 1])
        early = ~above[:, 0] & (exponents[:, 0] > 0)
        found[early] = ((scale - target) / exponents[:, 0])[early]
        return found

    def _problem(self, sample: Sample, y: Array, weights: Array) -> tuple[_Problem, float, float]:
        """Return the problem in working units, the shift of ln x and the unit of y."""
        log_x = np.log(sample.x[:, 0])
        low, high = float(log_x.min()), float(log_x.max())
        shift, half = (low + high) / 2, (high - low) / 2
        height = float(np.exp(np.log(sample.y).mean()))
        loss = self.estimator
        if isinstance(loss, Huber) and self.residuals == "linear":
            loss = Huber(loss.delta / height)
        k, edge = self.breaks, half + self.break_margin * _LN10
        free = self.sharpness is None
        widths = np.log(self.smoothness_range)
        floor = [[0.0, np.inf, 1.0]] if self.with_floor else []
        bounds = [*floor, [-np.inf, np.inf, 5.0]]
        bounds += [[-self.max_exponent, self.max_exponent, 2.0]] * (k + 1)
        bounds += [[-edge, edge, max(1.0, half / 2)]] * k
        bounds += [[widths[0], widths[1], 1.5]] * (k * free)
        lower, upper, cap = np.array(bounds).T
        problem = _Problem(
            u=log_x - shift,
            y=np.atleast_2d(y) / height,
            weights=weights,
            log=self.residuals == "log",
            loss=loss,
            breaks=k,
            floor=self.with_floor,
            smoothness=None if self.sharpness is None else float(np.log(self.sharpness)),
            lower=lower,
            upper=upper,
            cap=cap,
        )
        return problem, shift, height

    def _to_working(self, params: Array, shift: float, height: float) -> Array:
        scale, exponents, at, width = self._split(params)
        level = scale - exponents[:, 0] * shift - np.log(height)
        columns = [params[:, :1] / height] if self.with_floor else []
        columns += [level[:, None], exponents, at - shift]
        return np.concatenate(columns + ([np.log(width)] if self.sharpness is None else []), axis=1)

    def _to_params(self, theta: Array, problem: _Problem, shift: float, height: float) -> Array:
        floor, level, exponents, at, width = problem.parts(theta)
        scale = (level + exponents[:, :1] * shift + np.log(height)) / _LN10
        columns = [floor * height] if self.with_floor else []
        columns += [scale, exponents, (at + shift) / _LN10]
        return np.concatenate(columns + ([np.exp(width)] if self.sharpness is None else []), axis=1)

    def _identified(self, problem: _Problem) -> "NDArray[np.bool_]":
        """Return which rows have as many distinct predictors as parameters."""
        order = np.argsort(problem.u, kind="stable")
        present = np.add.reduceat(
            problem.weights[:, order] > 0, _distinct(problem.u[order]), axis=1, dtype=np.intp
        )
        return np.asarray((present > 0).sum(axis=1) >= len(self.param_names))

    def _nearby(
        self, problem: _Problem, rows: Indices, first: Array
    ) -> tuple[Array, Array, Array, int]:
        """Return the best minima from the estimate for all records and from seeds of each row."""
        p = len(first)
        weights = problem.weights[rows]
        one = np.broadcast_to(first, (len(rows), p))
        delta = _scale(problem, one, rows) if len(rows) else np.empty(0)
        grid, kept = _LOCAL[self.breaks], _KEPT
        seeds = _seeds(problem, weights, rows, grid, _SEEDS, True)
        if not isinstance(problem.loss, LeastSquares) and len(rows):
            with np.errstate(all="ignore"):
                size = np.abs(problem.residual(one, rows))
            weights = weights / np.maximum(size, 0.1 * delta[:, None])
            robust = _seeds(problem, weights, rows, grid, _SEEDS, True)
            seeds, kept = np.concatenate([seeds, robust], axis=1), _KEPT + 1
        starts = np.concatenate([one[:, None], seeds], axis=1)
        count = starts.shape[1]
        line, column = np.nonzero(np.isfinite(starts).all(axis=2))
        theta, _ = problem.descend(starts[line, column], rows[line], delta[line], _SHORT)
        losses = np.full((len(rows), count), np.inf)
        losses[line, column] = problem.loss_at(theta, rows[line])
        starts[line, column] = theta
        best = np.argsort(losses, axis=1, kind="stable")[:, :kept]
        line, column = np.repeat(np.arange(len(rows)), best.shape[1]), best.reshape(-1)
        good = np.isfinite(losses[line, column])
        line, column = line[good], column[good]
        theta, loss = _finish(problem, starts[line, column], rows[line], delta[line])
        losses = np.full((len(rows), count), np.inf)
        losses[line, column] = loss
        starts[line, column] = theta
        pick = losses.argmin(axis=1) if len(rows) else np.empty(0, dtype=np.intp)
        every = np.arange(len(rows))
        value = losses[every, pick]
        estimate = np.where(np.isfinite(value)[:, None], starts[every, pick], np.nan)
        return estimate, value, self._count(problem, losses, rows), kept

    @staticmethod
    def _count(problem: _Problem, losses: Array, rows: Indices) -> Array:
        """Return how many of the losses of each row are the lowest one."""
        best = losses.min(axis=1, keepdims=True)
        total = problem.weights[rows].sum(axis=1, keepdims=True)
        return np.asarray((losses <= best * (1 + 1e-6) + 1e-20 * total).sum(axis=1), np.float64)

    def _solutions(
        self,
        problem: _Problem,
        theta: Array,
        loss: Array,
        agree: Array,
        starts: int,
        shift: float,
        height: float,
    ) -> Solutions:
        solved = np.flatnonzero(np.isfinite(loss))
        norm = np.full(len(theta), np.nan)
        if len(solved) and isinstance(self.estimator, LeastSquares | Huber):
            at = theta[solved].T
            _, gradient, absolute, _, _ = problem.expand(at.T, solved, np.zeros(len(solved)))
            lower, upper = problem.lower[:, None], problem.upper[:, None]
            held = ((at <= lower) & (gradient > 0)) | ((at >= upper) & (gradient < 0))
            with np.errstate(invalid="ignore", divide="ignore"):
                # A parameter that moves no fitted value has nothing but rounding in its gradient.
                least = 1e-10 * problem.weights[solved].sum(axis=1)
                share = np.where(held, 0.0, np.abs(gradient) / (absolute + least))
            norm[solved] = share.max(axis=0)
        unit = 1.0
        if self.residuals == "linear":
            unit = height**2 if isinstance(self.estimator, LeastSquares | Huber) else height
        return Solutions(
            self._to_params(theta, problem, shift, height),
            np.where(np.isfinite(loss), loss * unit, np.nan),
            norm,
            starts,
            agree,
        )


def _bisect(before: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where a condition that holds at `low` and not at `high` ceases to hold."""
    for _ in range(100):
        middle = (low + high) / 2
        holds = before(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.asarray((low + high) / 2)
