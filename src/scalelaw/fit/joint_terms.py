"""How a law of several predictors is made of terms, and its residuals and their derivatives.

Every law here is an offset plus or less a positive function of a few terms, each the exponential of
something nearly linear in its own parameters. A law says how its terms depend on the parameters and
how they combine; the rest is the same for all.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.newton import Evaluation
from scalelaw.fit.sample import Array, Sample

Indices = NDArray[np.intp]

STEEPEST = 25.0
"""Largest exponent per standard deviation of log x; what runs further is a step, not a power."""
DEEPEST = 60.0
"""Largest logarithm of an amplitude in working units."""


@dataclass(frozen=True)
class Frame:
    """Centre and unit of the data, so that working parameters are of order one.

    Parameters
    ----------
    log_x : array, shape (q, n)
        Logarithms of the predictors, centred and in units of their standard deviation.
    centre, unit : array, shape (q,)
        Mean and standard deviation of the logarithms.
    multiple : array, shape (q, n)
        Predictors over their smallest value.
    smallest : array, shape (q,)
        That value.
    target : array, shape (B or 1, n)
        Response on the scale of the residuals.
    scale : float
        Unit of the law's value.
    log : bool
        Whether residuals are logarithms of the law's value.
    width : float
        Range of the law's value over the data, in that unit.
    """

    log_x: Array
    centre: Array
    unit: Array
    multiple: Array
    smallest: Array
    target: Array
    scale: float
    log: bool
    width: float

    @classmethod
    def of(cls, sample: Sample, target: Array, scale: float, log: bool, width: float) -> "Frame":
        """Return the frame of a sample; that of a resample is that of the whole."""
        logs = np.log(sample.x.T)
        centre, unit = logs.mean(axis=1), logs.std(axis=1)
        smallest = sample.x.min(axis=0)
        return cls(
            (logs - centre[:, None]) / unit[:, None],
            centre,
            unit,
            sample.x.T / smallest[:, None],
            smallest,
            np.atleast_2d(target),
            scale,
            log,
            width,
        )

    def thinned(self, most: int) -> "tuple[Frame, slice]":
        """Return the frame of evenly spaced records, few enough to rank seeds on, and which."""
        keep = slice(None, None, -(-self.target.shape[1] // most))
        part = replace(
            self,
            log_x=self.log_x[:, keep],
            multiple=self.multiple[:, keep],
            target=self.target[:, keep],
        )
        return part, keep


@dataclass
class Terms:
    """What a law combines, and how that depends on the working parameters.

    Parameters
    ----------
    values : list of arrays, shape (b, n) or (b, 1)
        The terms' logarithms, and any parameter that the combination itself has.
    slopes : list, one for each value
        Pairs of a parameter's position and the derivative with respect to it.
    bends : list
        Second derivatives that are not zero: number of the value, two positions, the derivative.
    """

    values: list[Array]
    slopes: list[list[tuple[int, Array]]]
    bends: list[tuple[int, int, int, Array]] = field(default_factory=list)


@dataclass(frozen=True)
class Combined:
    """A positive function of the values of `Terms`, with first and second derivatives."""

    value: Array
    first: Sequence[Array]
    second: Mapping[tuple[int, int], Array]


ONE = np.ones(1)


@dataclass(frozen=True)
class Shape(ABC):
    """A law in working parameters; the first is the offset.

    Parameters
    ----------
    frame : Frame
        Units.
    sign : float
        1 if the law falls to its offset, -1 if it rises to it.
    """

    frame: Frame
    sign: float = 1.0

    @property
    def q(self) -> int:
        """Number of predictors."""
        return len(self.frame.centre)

    @property
    @abstractmethod
    def ranges(self) -> list[tuple[float, float]]:
        """Bounds of the working parameters but the offset."""

    @property
    @abstractmethod
    def amplitudes(self) -> list[int]:
        """Positions of the logarithms of amplitudes, each of which multiplies a column."""

    @abstractmethod
    def terms(self, theta: Array) -> Terms:
        """Return the terms at working parameters of shape (b, p)."""

    @abstractmethod
    def combine(self, values: Sequence[Array]) -> Combined:
        """Return the combination of the terms."""

    @property
    @abstractmethod
    def seed_dimensions(self) -> int:
        """Number of parameters in which the law is not linear."""

    @abstractmethod
    def seeds(self, points: Array) -> Array:
        """Return working parameters with unit amplitudes from points of the unit cube, (K, d)."""

    def columns(self, theta: Array) -> Array:
        """Return what amplitudes multiply, shape (K, m, n)."""
        return self.combine(self.terms(theta).values).value[:, None]

    def with_amplitudes(self, theta: Array, factor: Array) -> Array:
        """Return working parameters (..., p) with amplitudes multiplied by factors (..., m)."""
        found = theta.copy()
        found[..., self.amplitudes] += np.log(factor)
        return found

    def without_amplitudes(self, theta: Array) -> Array:
        """Return working parameters with unit amplitudes, as of seeds."""
        found = theta.copy()
        found[:, self.amplitudes] = 0.0
        return found

    @abstractmethod
    def to_params(self, theta: Array) -> Array:
        """Return parameters in the units of the data."""

    @abstractmethod
    def to_working(self, params: Array) -> Array:
        """Return working parameters."""

    @property
    def bounds(self) -> Array:
        """Bounds of all working parameters, shape (2, p)."""
        return np.array([(0.0, np.inf), *self.ranges]).T

    @property
    def walls(self) -> Array:
        """Lower bounds that an estimate may well lie at, others -inf; shape (p,)."""
        lower = self.bounds[0]
        return np.where(lower > -STEEPEST, lower, -np.inf)

    def evaluate(self, theta: Array, rows: Indices) -> Evaluation:
        """Return residuals and derivatives for :func:`scalelaw.fit.newton.minimise`."""
        frame, p = self.frame, theta.shape[1]
        terms = self.terms(theta)
        combined = self.combine(terms.values)
        value = theta[:, :1] + self.sign * combined.value
        target = frame.target if len(frame.target) == 1 else frame.target[rows]
        if frame.log:
            residual = target - np.log(value) - np.log(frame.scale)
            factor = -1 / value
        else:
            residual = target - frame.scale * value
            factor = np.full((1, 1), -frame.scale)
        moved = self.sign * factor
        jacobian: list[Array] = [np.broadcast_to(factor, residual.shape)]
        jacobian += [np.zeros(1)] * (p - 1)
        for first, slopes in zip(combined.first, terms.slopes, strict=True):
            own = moved * first
            for a, d in slopes:
                jacobian[a] = jacobian[a] + (own if d is ONE else own * d)

        def curvature(pull: Array) -> Array:
            found = np.zeros((len(theta), p, p))
            bent = pull * moved
            for (i, j), second in combined.second.items():
                own = bent * second
                for a, d in terms.slopes[i]:
                    left = own if d is ONE else own * d
                    for b, e in terms.slopes[j]:
                        if i == j and b < a:
                            continue
                        total = left.sum(axis=1) if e is ONE else record_sum(left, e)
                        found[:, a, b] += total
                        if i != j or a != b:
                            found[:, b, a] += total
            for i, a, b, d in terms.bends:
                total = record_sum(bent * combined.first[i], d)
                found[:, a, b] += total
                if a != b:
                    found[:, b, a] += total
            if frame.log:
                for a in range(p):
                    pulled = pull * jacobian[a]
                    for b in range(a, p):
                        total = record_sum(pulled, jacobian[b])
                        found[:, a, b] += total
                        if a != b:
                            found[:, b, a] += total
            return found

        return Evaluation(residual, jacobian, curvature)


def record_sum(factor: Array, column: Array) -> Array:
    """Return sums over records of products of shape (b, n), the second broadcast to it."""
    if column.ndim == 1:
        return np.asarray(np.einsum("bn,n->b", factor, column))
    return np.asarray(np.einsum("bn,bn->b", factor, np.broadcast_to(column, factor.shape)))


def spread_slopes(points: Array) -> Array:
    """Return exponents per standard deviation of log x from numbers between 0 and 1."""
    rising = 0.12
    share = (points - rising) / (1 - rising)
    return np.where(points < rising, -0.03 - 1.5 * points / rising, 0.03 * 250.0**share)
