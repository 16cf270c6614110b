"""The laws of several predictors in working parameters, with their derivatives."""

from collections.abc import Sequence

import numpy as np

from scalelaw.fit.joint_terms import DEEPEST, ONE, STEEPEST, Combined, Shape, Terms, spread_slopes
from scalelaw.fit.sample import Array

_LEVEL = (-DEEPEST, DEEPEST)
_SLOPE = (-STEEPEST, STEEPEST)
COUPLING = (0.02, 20.0)
"""Bounds of the coupling."""
_LOG_COUPLING = (float(np.log(COUPLING[0])), float(np.log(COUPLING[1])))
_LOG_2 = float(np.log(2.0))
PLATEAU = 1e6
"""Largest distance of a plateau from the offset, in ranges of the response."""


class Separable(Shape):
    """``e + sum_i exp(a_i - g_i u_i)``, with u_i the standardised ln x_i."""

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of a_i and g_i."""
        return [_LEVEL, _SLOPE] * self.q

    @property
    def amplitudes(self) -> list[int]:
        """Positions of a_i."""
        return list(range(1, 2 * self.q, 2))

    def terms(self, theta: Array) -> Terms:
        """Return one term for each predictor."""
        values, slopes = [], []
        for i, u in enumerate(self.frame.log_x):
            a = 1 + 2 * i
            values.append(theta[:, a, None] - theta[:, a + 1, None] * u)
            slopes.append([(a, ONE), (a + 1, -u)])
        return Terms(values, slopes)

    def combine(self, values: Sequence[Array]) -> Combined:
        """Return their sum."""
        return _total([np.exp(value) for value in values])

    @property
    def seed_dimensions(self) -> int:
        """The exponents."""
        return self.q

    def seeds(self, points: Array) -> Array:
        """Return seeds at exponents."""
        theta = np.zeros((len(points), 1 + 2 * self.q))
        theta[:, 2::2] = spread_slopes(points)
        return theta

    def columns(self, theta: Array) -> Array:
        """Return the terms."""
        return np.stack([np.exp(value) for value in self.terms(theta).values], axis=1)

    def to_params(self, theta: Array) -> Array:
        """Return E, then A and alpha of each predictor."""
        found = theta.copy()
        frame = self.frame
        found[:, 2::2] /= frame.unit
        found[:, 0] *= frame.scale
        found[:, 1::2] = _exp(theta[:, 1::2] + found[:, 2::2] * frame.centre, frame.scale)
        return found

    def to_working(self, params: Array) -> Array:
        """Return e, then a and g of each predictor."""
        found = params.copy()
        frame = self.frame
        found[:, 0] /= frame.scale
        found[:, 1::2] = np.log(params[:, 1::2] / frame.scale) - params[:, 2::2] * frame.centre
        found[:, 2::2] *= frame.unit
        return found


class Shifted(Shape):
    """``e + sum_i exp(a_i - g_i w_i)``, with w_i the standardised ln(x_i + s_i).

    The shift is (exp(r_i) - 1) times the smallest x_i: r_i is how far it moves the smallest
    logarithm.
    """

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of a_i, g_i and r_i."""
        spans = np.log(self.frame.multiple.max(axis=1))
        return [bound for span in spans for bound in (_LEVEL, _SLOPE, (0.0, float(span)))]

    @property
    def amplitudes(self) -> list[int]:
        """Positions of a_i."""
        return list(range(1, 3 * self.q, 3))

    def terms(self, theta: Array) -> Terms:
        """Return one term for each predictor."""
        frame = self.frame
        found = Terms([], [])
        for i, multiple in enumerate(frame.multiple):
            a = 1 + 3 * i
            slope, factor = theta[:, a + 1, None], np.exp(theta[:, a + 2, None])
            shifted = multiple + (factor - 1)
            offset = frame.centre[i] - np.log(frame.smallest[i])
            w = (np.log(shifted) - offset) / frame.unit[i]
            share = factor / shifted
            w_first = share / frame.unit[i]
            found.values.append(theta[:, a, None] - slope * w)
            found.slopes.append([(a, ONE), (a + 1, -w), (a + 2, -slope * w_first)])
            found.bends.append((i, a + 1, a + 2, -w_first))
            found.bends.append((i, a + 2, a + 2, -slope * w_first * (1 - share)))
        return found

    def combine(self, values: Sequence[Array]) -> Combined:
        """Return their sum."""
        return _total([np.exp(value) for value in values])

    @property
    def seed_dimensions(self) -> int:
        """Exponents and shifts."""
        return 2 * self.q

    def seeds(self, points: Array) -> Array:
        """Return seeds at exponents and shifts, small ones more often."""
        theta = np.zeros((len(points), 1 + 3 * self.q))
        spans = np.log(self.frame.multiple.max(axis=1))
        theta[:, 2::3] = spread_slopes(points[:, : self.q])
        theta[:, 3::3] = spans * points[:, self.q :] ** 2
        return theta

    def columns(self, theta: Array) -> Array:
        """Return the terms."""
        return np.stack([np.exp(value) for value in self.terms(theta).values], axis=1)

    def to_params(self, theta: Array) -> Array:
        """Return E, then A, alpha and s of each predictor."""
        found = theta.copy()
        frame = self.frame
        found[:, 0] *= frame.scale
        found[:, 2::3] /= frame.unit
        found[:, 1::3] = _exp(theta[:, 1::3] + found[:, 2::3] * frame.centre, frame.scale)
        found[:, 3::3] = frame.smallest * np.expm1(theta[:, 3::3])
        return found

    def to_working(self, params: Array) -> Array:
        """Return e, then a, g and r of each predictor."""
        found = params.copy()
        frame = self.frame
        found[:, 0] /= frame.scale
        found[:, 1::3] = np.log(params[:, 1::3] / frame.scale) - params[:, 2::3] * frame.centre
        found[:, 2::3] *= frame.unit
        found[:, 3::3] = np.log1p(params[:, 3::3] / frame.smallest)
        return found


class Multiplicative(Shape):
    """``e + exp(a - sum_i g_i u_i)``."""

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of a and g_i."""
        return [_LEVEL, *[_SLOPE] * self.q]

    @property
    def amplitudes(self) -> list[int]:
        """Position of a."""
        return [1]

    def terms(self, theta: Array) -> Terms:
        """Return the one term."""
        frame = self.frame
        value = np.broadcast_to(theta[:, 1, None], (len(theta), frame.log_x.shape[1])).copy()
        slopes = [(1, ONE)]
        for i, u in enumerate(frame.log_x):
            value -= theta[:, 2 + i, None] * u
            slopes.append((2 + i, -u))
        return Terms([value], [slopes])

    def combine(self, values: Sequence[Array]) -> Combined:
        """Return the term itself."""
        return _total([np.exp(values[0])])

    @property
    def seed_dimensions(self) -> int:
        """The exponents."""
        return self.q

    def seeds(self, points: Array) -> Array:
        """Return seeds at exponents."""
        zeros = np.zeros((len(points), 2))
        return np.concatenate([zeros, spread_slopes(points)], axis=1)

    def to_params(self, theta: Array) -> Array:
        """Return E, A and the exponents."""
        found = theta.copy()
        frame = self.frame
        found[:, 0] *= frame.scale
        found[:, 2:] /= frame.unit
        found[:, 1] = _exp(theta[:, 1] + (found[:, 2:] * frame.centre).sum(axis=1), frame.scale)
        return found

    def to_working(self, params: Array) -> Array:
        """Return e, a and the working exponents."""
        found = params.copy()
        frame = self.frame
        found[:, 0] /= frame.scale
        moved = (params[:, 2:] * frame.centre).sum(axis=1)
        found[:, 1] = np.log(params[:, 1] / frame.scale) - moved
        found[:, 2:] *= frame.unit
        return found


class Coupled(Shape):
    """``e + (mean_i exp(z_i / k))^k`` with z_i = a_i - g_i u_i and k = exp(c), of two predictors.

    z_i is what the law tends to where the other resource abounds; the mean keeps large k, where the
    law becomes the product of powers, well conditioned.
    """

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of a_1, g_1, a_2, g_2 and c."""
        return [_LEVEL, _SLOPE, _LEVEL, _SLOPE, _LOG_COUPLING]

    @property
    def amplitudes(self) -> list[int]:
        """Positions of a_1 and a_2, which grow together."""
        return [1, 3]

    def terms(self, theta: Array) -> Terms:
        """Return z_1, z_2 and c."""
        u, v = self.frame.log_x
        first = theta[:, 1, None] - theta[:, 2, None] * u
        second = theta[:, 3, None] - theta[:, 4, None] * v
        slopes = [[(1, ONE), (2, -u)], [(3, ONE), (4, -v)], [(5, ONE)]]
        return Terms([first, second, theta[:, 5, None]], slopes)

    def combine(self, values: Sequence[Array]) -> Combined:
        """Return the power mean of exponentials."""
        first, second, log_k = values
        k = np.exp(log_k)
        gap = (first - second) / k
        share = 1 / (1 + np.exp(-gap))
        other = 1 - share
        log_value = k * (np.logaddexp(first / k, second / k) - _LOG_2)
        value = np.exp(log_value)
        # Derivatives of the logarithm.
        mean = share * first + other * second
        by_log_k = log_value - mean
        spread = share * other
        own = spread / k
        turn = spread * gap
        first_log = [share, other, by_log_k]
        second_log = {
            (0, 0): own,
            (1, 1): own,
            (0, 1): -own,
            (0, 2): -turn,
            (1, 2): turn,
            (2, 2): by_log_k + turn * gap * k,
        }
        derivatives = {
            pair: value * (first_log[pair[0]] * first_log[pair[1]] + bend)
            for pair, bend in second_log.items()
        }
        return Combined(value, [value * each for each in first_log], derivatives)

    @property
    def seed_dimensions(self) -> int:
        """Two exponents, the ratio of the terms and the coupling."""
        return 4

    def seeds(self, points: Array) -> Array:
        """Return seeds of all but the common amplitude."""
        theta = np.zeros((len(points), 6))
        theta[:, 2] = spread_slopes(points[:, 0])
        theta[:, 4] = spread_slopes(points[:, 1])
        theta[:, 3] = 8 * points[:, 2] - 4
        theta[:, 5] = np.log(0.1) + points[:, 3] * np.log(40.0)
        return theta

    def with_amplitudes(self, theta: Array, factor: Array) -> Array:
        """Return working parameters with both terms multiplied by a factor."""
        found = theta.copy()
        found[..., self.amplitudes] += np.log(factor[..., :1])
        return found

    def without_amplitudes(self, theta: Array) -> Array:
        """Return working parameters with the first term's amplitude one."""
        found = theta.copy()
        found[:, self.amplitudes] -= theta[:, 1:2]
        return found

    def to_params(self, theta: Array) -> Array:
        """Return E, A, alpha, R, beta and k."""
        frame = self.frame
        k = _exp(theta[:, 5])
        slopes = theta[:, 2::2][:, :2] / frame.unit
        levels = theta[:, 1:4:2] + slopes * frame.centre
        amplitude = _exp(levels[:, 0] - k * _LOG_2, frame.scale)
        ratio = _exp((levels[:, 1] - levels[:, 0]) / k)
        offset = theta[:, 0] * frame.scale
        return np.stack([offset, amplitude, slopes[:, 0] / k, ratio, slopes[:, 1] / k, k], axis=1)

    def to_working(self, params: Array) -> Array:
        """Return e, a_1, g_1, a_2, g_2 and c."""
        frame = self.frame
        offset, amplitude, alpha, ratio, beta, k = params.T
        level = np.log(amplitude / frame.scale) + k * _LOG_2
        return np.stack(
            [
                offset / frame.scale,
                level - alpha * k * frame.centre[0],
                alpha * k * frame.unit[0],
                level + k * np.log(ratio) - beta * k * frame.centre[1],
                beta * k * frame.unit[1],
                np.log(k),
            ],
            axis=1,
        )


class Kaplan(Coupled):
    """The coupled law whose second term falls as 1 / D inside the power, so that g_2 follows k."""

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of a_1, g_1, a_2 and c."""
        return [_LEVEL, _SLOPE, _LEVEL, (float(np.log(1e-3)), float(np.log(20.0)))]

    def terms(self, theta: Array) -> Terms:
        """Return z_1, z_2 and c."""
        u, v = self.frame.log_x
        fall = np.exp(theta[:, 4, None]) * self.frame.unit[1] * v
        first = theta[:, 1, None] - theta[:, 2, None] * u
        slopes = [[(1, ONE), (2, -u)], [(3, ONE), (4, -fall)], [(4, ONE)]]
        values = [first, theta[:, 3, None] - fall, theta[:, 4, None]]
        return Terms(values, slopes, [(1, 4, 4, -fall)])

    @property
    def seed_dimensions(self) -> int:
        """The exponents and the ratio of the terms."""
        return 3

    def seeds(self, points: Array) -> Array:
        """Return seeds of all but the common amplitude."""
        theta = np.zeros((len(points), 5))
        theta[:, 2] = spread_slopes(points[:, 0])
        theta[:, 4] = np.log(0.03 * 250.0 ** points[:, 1] / self.frame.unit[1])
        theta[:, 3] = 8 * points[:, 2] - 4
        return theta

    def to_params(self, theta: Array) -> Array:
        """Return E, A, rho, R and beta."""
        slope = _exp(theta[:, 4:]) * self.frame.unit[1]
        coupled = np.concatenate([theta[:, :4], slope, theta[:, 4:]], axis=1)
        return np.asarray(super().to_params(coupled)[:, [0, 1, 2, 3, 5]])

    def to_working(self, params: Array) -> Array:
        """Return e, a_1, g_1, a_2 and c."""
        coupled = np.insert(params, 4, 1.0, axis=1)
        return np.asarray(super().to_working(coupled)[:, [0, 1, 2, 3, 5]])


class Bounded(Shape):
    """``e + G / (1 + h G)`` with G the sum of exp(b_i - g_i u_i) and 1/h the height of a plateau.

    In this form the law without a plateau, where the height and the weights run away together, is
    at the ordinary point h = 0.
    """

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of b_i and g_i, and of h."""
        width = self.frame.width
        return [*[_LEVEL, _SLOPE] * self.q, (1 / (PLATEAU * width), np.inf)]

    @property
    def amplitudes(self) -> list[int]:
        """Positions of b_i."""
        return list(range(1, 2 * self.q, 2))

    def terms(self, theta: Array) -> Terms:
        """Return one term for each predictor, and h."""
        values, slopes = [], []
        for i, u in enumerate(self.frame.log_x):
            a = 1 + 2 * i
            values.append(theta[:, a, None] - theta[:, a + 1, None] * u)
            slopes.append([(a, ONE), (a + 1, -u)])
        last = 1 + 2 * self.q
        return Terms([*values, theta[:, last, None]], [*slopes, [(last, ONE)]])

    def combine(self, values: Sequence[Array]) -> Combined:
        """Return G / (1 + h G)."""
        *logs, h = values
        each = [np.exp(value) for value in logs]
        total = sum(each[1:], each[0])
        v = 1 / (1 + h * total)
        squared = v * v
        first = [term * squared for term in each]
        saturated = total * v
        bend = -2 * h * squared * v
        second = {
            (i, j): each[i] * each[j] * bend + (first[i] if i == j else 0.0)
            for i in range(len(each))
            for j in range(i, len(each))
        }
        last = len(each)
        for i, term in enumerate(first):
            second[i, last] = -2 * saturated * term
        square = saturated * saturated
        second[last, last] = 2 * square * saturated
        return Combined(saturated, [*first, -square], second)

    @property
    def seed_dimensions(self) -> int:
        """Weights and exponents."""
        return 2 * self.q

    def seeds(self, points: Array) -> Array:
        """Return seeds of all but the height."""
        theta = np.zeros((len(points), 2 + 2 * self.q))
        theta[:, 1:-1:2] = 8 * points[:, : self.q] - 5
        theta[:, 2:-1:2] = spread_slopes(points[:, self.q :])
        theta[:, -1] = 1.0
        return theta

    def with_amplitudes(self, theta: Array, factor: Array) -> Array:
        """Return working parameters with the height multiplied by a factor."""
        found = theta.copy()
        found[..., self.amplitudes] += np.log(factor[..., :1])
        found[..., -1] /= factor[..., 0]
        return found

    def without_amplitudes(self, theta: Array) -> Array:
        """Return working parameters with a plateau of height one."""
        found = theta.copy()
        found[:, self.amplitudes] += np.log(theta[:, -1:])
        found[:, -1] = 1.0
        return found

    def to_params(self, theta: Array) -> Array:
        """Return E, I, then A and alpha of each predictor."""
        frame = self.frame
        h = theta[:, -1:]
        offset = theta[:, :1] * frame.scale
        found = np.concatenate([offset, offset + self.sign * frame.scale / h, theta[:, 1:-1]], 1)
        found[:, 3::2] /= frame.unit
        found[:, 2::2] = h * _exp(theta[:, 1:-1:2] + found[:, 3::2] * frame.centre)
        return found

    def to_working(self, params: Array) -> Array:
        """Return e, then b and g of each predictor, and h."""
        frame = self.frame
        h = self.sign * frame.scale / (params[:, 1:2] - params[:, :1])
        found = np.concatenate([params[:, :1] / frame.scale, params[:, 2:], h], axis=1)
        found[:, 1:-1:2] = np.log(params[:, 2::2] / h) - params[:, 3::2] * frame.centre
        found[:, 2:-1:2] *= frame.unit
        return found


def _total(each: list[Array]) -> Combined:
    return Combined(sum(each[1:], each[0]), each, {(i, i): term for i, term in enumerate(each)})


def _exp(log: Array, scale: float = 1.0) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(scale * np.exp(log))
