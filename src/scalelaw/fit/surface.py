"""Loss as a function of parameters and tokens, and what follows for the allocation of compute."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NoVariationError, NotIdentifiedError
from scalelaw.fit.losses import Huber, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Model, Solutions
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

_CHUNK = 24_000
"""Records times rows that are worked on at once, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class _Problem:
    """The loss in working units, with derivatives.

    The working parameters are E / scale, ln(A / scale) - alpha mean(ln N), alpha sd(ln N) and the
    same two for D, so that all are of order one whatever the units of the data.
    """

    u: Array
    v: Array
    monomials: Array
    target: Array
    log: bool
    low: float
    high: float
    slope: float

    def evaluate(
        self, theta: Array, weights: Array, rows: NDArray[np.intp], slope: Array
    ) -> tuple[Array, Array, Array]:
        m, n = len(rows), len(self.u)
        value, gradient, hessian = np.empty(m), np.empty((5, m)), np.empty((5, 5, m))
        size = max(1, _CHUNK // n)
        for i in range(0, m, size):
            part = slice(i, i + size)
            target = self.target if len(self.target) == 1 else self.target[rows[part]]
            with np.errstate(all="ignore"):
                found = self._chunk(theta[:, part, None], target, weights[rows[part]], slope[part])
            value[part], gradient[:, part], hessian[:, :, part] = found
        return value, gradient, hessian

    def _chunk(
        self, theta: Array, target: Array, weights: Array, slope: Array
    ) -> tuple[Array, Array, Array]:
        first = np.exp(theta[1] - theta[2] * self.u)
        second = np.exp(theta[3] - theta[4] * self.v)
        total = first + second
        total += theta[0]
        products = np.empty((len(weights), 9, len(self.u)))
        if self.log:
            residual = target - np.log(total)
            zeroth = 1 / total
            first *= zeroth
            second *= zeroth
        else:
            residual = target - total
            zeroth = np.ones_like(total)
        k = slope[:, None]
        raw = k * residual
        psi = np.clip(raw, self.low, self.high)
        bend = np.where(psi == raw, weights * k, 0.0)
        residual -= psi / (2 * k)
        pull = weights * psi
        value = np.einsum("bn,bn->b", pull, residual)
        if self.log:
            bend += pull
        np.multiply(pull, zeroth, out=products[:, 6])
        np.multiply(pull, first, out=products[:, 7])
        np.multiply(pull, second, out=products[:, 8])
        zeroth *= bend
        np.multiply(zeroth, first, out=products[:, 1])
        np.multiply(zeroth, second, out=products[:, 2])
        if self.log:
            np.divide(zeroth, total, out=products[:, 0])
        else:
            products[:, 0] = zeroth
        bend_first = bend * first
        np.multiply(bend_first, second, out=products[:, 4])
        bend_first *= first
        np.subtract(bend_first, products[:, 7], out=products[:, 3])
        bend *= second
        bend *= second
        np.subtract(bend, products[:, 8], out=products[:, 5])
        sums = np.moveaxis(products @ self.monomials, 0, -1)
        one, u, v, uu, vv, uv = range(6)
        g = np.stack([-sums[6, one], -sums[7, one], sums[7, u], -sums[8, one], sums[8, v]])
        h = np.empty((5, 5, len(weights)))
        h[0, 0], h[0, 1], h[0, 2] = sums[0, one], sums[1, one], -sums[1, u]
        h[0, 3], h[0, 4] = sums[2, one], -sums[2, v]
        h[1, 1], h[1, 2], h[2, 2] = sums[3, one], -sums[3, u], sums[3, uu]
        h[1, 3], h[1, 4], h[2, 3], h[2, 4] = sums[4, one], -sums[4, v], -sums[4, u], sums[4, uv]
        h[3, 3], h[3, 4], h[4, 4] = sums[5, one], -sums[5, v], sums[5, vv]
        for i in range(5):
            for j in range(i):
                h[i, j] = h[j, i]
        return value, g, h


def _newton_step(gradient: Array, hessian: Array, damping: Array) -> Array:
    """Return damped Newton steps, from factorisations whose pivots are kept positive."""
    p = len(gradient)
    diagonal = np.abs(hessian[np.arange(p), np.arange(p)])
    scale = np.sqrt(np.maximum(diagonal, 1e-14 * diagonal.max(axis=0)) + 1e-300)
    matrix = hessian / (scale[:, None] * scale[None])
    matrix[np.arange(p), np.arange(p)] += damping
    step = -gradient / scale
    pivots, ratios = [], []
    for j in range(p):
        pivot = np.maximum(np.abs(matrix[j, j]), 1e-14)
        column = matrix[j + 1 :, j].copy()
        ratio = column / pivot
        matrix[j + 1 :, j + 1 :] -= ratio[:, None] * column[None]
        step[j + 1 :] -= ratio * step[j]
        pivots.append(pivot)
        ratios.append(ratio)
    for j in range(p - 1, -1, -1):
        step[j] /= pivots[j]
        if j < p - 1:
            step[j] -= (ratios[j] * step[j + 1 :]).sum(axis=0)
    step /= scale
    return step


def _descend(
    problem: _Problem,
    theta: Array,
    weights: Array,
    rows: NDArray[np.intp],
    slope: Array,
    most: int = 200,
) -> tuple[Array, Array, Array, int]:
    """Minimise from starting points, each for its row of weights, by damped Newton steps.

    The corner of the loss is first rounded, to `slope`, and sharpened as a row settles.
    """
    theta, slope = theta.copy(), slope.copy()
    value, gradient, hessian = problem.evaluate(theta, weights, rows, slope)
    damping = np.full(len(rows), 0.0)
    stalls = np.zeros(len(rows), dtype=int)
    active = np.arange(len(rows))
    count = 0
    for _ in range(most):
        count += len(active)
        here, g, h = theta[:, active], gradient[:, active].copy(), hessian[:, :, active].copy()
        step = _newton_step(g, h, damping[active])
        beyond = np.flatnonzero(here[0] + step[0] < 0)
        if len(beyond):
            # The quadratic model's minimum under E >= 0 then has E = 0.
            fixed = -here[0, beyond]
            reduced = h[1:, 1:, beyond]
            step[1:, beyond] = _newton_step(
                g[1:, beyond] + h[1:, 0, beyond] * fixed, reduced, damping[active][beyond]
            )
            step[0, beyond] = fixed
        at_zero = here[0] <= 0
        held = at_zero & (g[0] >= 0) & (step[0] <= 0)
        freed = np.flatnonzero(at_zero & (g[0] < 0) & (step[0] <= 0))
        if len(freed):
            # Only the indefinite part of the matrix keeps E at zero: move it alone.
            step[:, freed] = 0.0
            step[0, freed] = -g[0, freed] / (np.abs(h[0, 0, freed]) * (1 + damping[active][freed]))
        step /= np.maximum(1.0, np.abs(step).max(axis=0) / 2.0)
        trial = here + step
        np.maximum(trial[0], 0.0, out=trial[0])
        g[0, held] = 0.0
        expected = -(g * (trial - here)).sum(axis=0)
        old = value[active]
        final = slope[active] >= problem.slope
        sharpen = ~final & (expected <= 0.1 * np.abs(old))
        k = np.where(sharpen, np.minimum(slope[active] * 4, problem.slope), slope[active])
        v, tg, th = problem.evaluate(trial, weights, rows[active], k)
        settled = (expected >= 0) & (expected <= 1e-11 * old)
        tested = tg.copy()
        tested[0, (trial[0] <= 0) & (tg[0] > 0)] = 0.0
        smaller = np.abs(tested).max(axis=0) < np.abs(g).max(axis=0)
        good = (v < old) | ((v <= old * (1 + 1e-12)) & settled & smaller) | sharpen
        good &= np.isfinite(v)
        taken = active[good]
        theta[:, taken], value[taken] = trial[:, good], v[good]
        gradient[:, taken], hessian[:, :, taken] = tg[:, good], th[:, :, good]
        slope[taken] = k[good]
        before = damping[active]
        damping[active] = np.where(
            good, np.where(before < 1e-6, 0.0, before / 10), np.maximum(before * 6, 1e-3)
        )
        done = final & ((~good & settled) | (settled & (expected <= 1e-26 * old)) | (before > 1e8))
        active = active[~done]
        if not len(active):
            break
    return theta, value, gradient, count


_EXPONENTS = np.concatenate([[-1.0, -0.3], np.geomspace(0.05, 8.0, 14)])
"""Exponents of the seeds, in units of one over the standard deviation of the logarithm."""

_SUBSETS = np.array([[i >> j & 1 for j in range(3)] for i in range(1, 8)], dtype=np.float64)


def _seeds(problem: _Problem, target: Array, weights: Array) -> tuple[Array, Array]:
    """Return the working parameters at a grid of exponents, shape (5, g, g), and their loss.

    Given the exponents the law is linear in E, A and B: a weighted least-squares problem with
    nonnegative solutions, here reweighted four times for logarithms and robust losses (variable
    projection, Golub and Pereyra 1973).
    """
    g = len(_EXPONENTS)
    n = len(problem.u)
    y = np.exp(target) if problem.log else target
    basis = np.ones((g * g, 4, n))
    shape = (g, g, n)
    first, second = (np.exp(-_EXPONENTS[:, None] * z) for z in (problem.u, problem.v))
    basis[:, 1] = np.broadcast_to(first[:, None], shape).reshape(-1, n)
    basis[:, 2] = np.broadcast_to(second, shape).reshape(-1, n)
    basis[:, 3] = y
    size = np.abs(basis).max(axis=2)
    basis /= size[:, :, None]
    share = weights / y**2 if problem.log else weights
    reweighted = np.broadcast_to(share, (g * g, n))
    robust = np.isfinite(problem.high)
    for _ in range(4 if robust else 1):
        gram = (basis * reweighted[:, None]) @ basis.transpose(0, 2, 1)
        scaled = _nonnegative(gram[:, :3, :3], gram[:, :3, 3])
        fitted = np.einsum("gj,gjn->gn", scaled, basis[:, :3])
        fitted *= size[:, 3, None]
        residual = target - (np.log(fitted) if problem.log else fitted)
        if robust:
            middle = np.median(np.abs(residual), axis=1, keepdims=True)
            k = np.minimum(problem.slope, 3 / (middle + 1e-300))
            psi = np.clip(k * residual, problem.low, problem.high)
            reweighted = share * psi / np.where(residual == 0, 1.0, residual)
            reweighted = np.where(residual == 0, share * k, reweighted)
    psi = np.clip(problem.slope * residual, problem.low, problem.high)
    loss = (weights * psi * (residual - psi / (2 * problem.slope))).sum(axis=1)
    linear = scaled * size[:, 3, None] / size[:, :3]
    a, b = np.log(np.maximum(linear[:, 1:], 1e-12)).T
    theta = np.stack(
        [linear[:, 0], a, np.repeat(_EXPONENTS, g), b, np.tile(_EXPONENTS, g)]
    ).reshape(5, g, g)
    return theta, loss.reshape(g, g)


def _nonnegative(gram: Array, moment: Array) -> Array:
    """Solve nonnegative least squares in three unknowns by trying each set of positive ones."""
    kept = _SUBSETS[:, None, :, None] * _SUBSETS[:, None, None, :]
    tiny = 1e-13 * np.einsum("gjj->g", gram)[:, None, None] * np.eye(3)
    matrix = kept * (gram + tiny) + np.eye(3) * (1 - _SUBSETS[:, None, None, :])
    right = _SUBSETS[:, None] * moment
    solution = np.linalg.solve(matrix, right[..., None])[..., 0]
    gain = np.where((solution >= 0).all(axis=2), (solution * right).sum(axis=2), -np.inf)
    return np.take_along_axis(solution, gain.argmax(axis=0)[None, :, None], axis=0)[0]


def _valleys(loss: Array, most: int) -> NDArray[np.intp]:
    """Return the positions of the lowest local minima of a loss on a grid, flattened."""
    padded = np.pad(loss, 1, constant_values=np.inf)
    around = [
        padded[1 + i : 1 + i + loss.shape[0], 1 + j : 1 + j + loss.shape[1]]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if i or j
    ]
    lowest = loss <= np.min(around, axis=0)
    order = np.argsort(np.where(lowest, loss, np.inf).ravel(), kind="stable")
    return order[: min(most, int(lowest.sum()))]
