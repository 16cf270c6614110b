"""Power laws that change their exponent: smoothly broken, with one or two breaks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import TooFewRecordsError
from scalelaw.fit.floored import LN10, dot, in_units, present_values
from scalelaw.fit.losses import Huber, LeastSquares, Loss
from scalelaw.fit.model import Curve, Solutions
from scalelaw.fit.newton import Evaluation, exact_loss, minimise
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

_CHUNK = 1_000_000
"""Nodes of the grid of seeds times rows that are worked on at once."""
_LAST = 4
"""Minima of a global search that are descended from once more."""
_SPLIT = 5
"""Laws with one break from which laws with two are searched for."""
_ROUNDING = (0.1, 0.01, 0.001, 0.0001)
"""Widths within which a corner of a loss is rounded, in turn, so that it traps no descent."""
_REACH = 60.0 * LN10
_FEW_POINTS = 3


@dataclass(frozen=True)
class _Plan:
    """A search: its grid of seeds, the iterations after which they compete, how many survive.

    The grid is one of shares of the lowest response, smoothness, and breaks: in so many `gaps`
    between predictors, and some decades outside the data.
    """

    floors: tuple[float, ...]
    smoothness: tuple[float, ...]
    gaps: int
    outside: tuple[float, ...]
    seeds: int
    short: int
    kept: int

    def places(self, u: Array, lower: float, upper: float) -> Array:
        """Return the breaks that are tried, bounds included."""
        edges = np.unique(u)
        number = np.linspace(0, len(edges) - 1, min(len(edges), self.gaps + 1))
        edges = edges[number.round().astype(int)]
        beyond = LN10 * np.array(self.outside)
        inner = [edges[0] - beyond, (edges[1:] + edges[:-1]) / 2, edges[-1] + beyond]
        return np.unique(np.clip(np.concatenate([[lower], *inner, [upper]]), lower, upper))

    def nodes(self, breaks: int) -> int:
        place = self.gaps + 2 * len(self.outside) + 2
        return int(len(self.floors) * (len(self.smoothness) * place) ** breaks)


_FLOORS = (0.0, 0.3, 0.55, 0.75, 0.88, 0.95, 0.98, 0.995)
_GLOBAL = {
    1: _Plan(_FLOORS, (0.03, 0.12, 0.4, 1.0, 2.5), 60, (0.25, 0.8, 1.6), 100, 8, 40),
    2: _Plan(_FLOORS[::2], (0.03, 0.25, 1.2), 24, (0.3, 1.2), 150, 8, 40),
}
_LOCAL = {
    1: _Plan((0.0, 0.5, 0.8, 0.95, 0.99), (0.05, 0.4, 1.5), 20, (0.3, 1.2), 3, 6, 2),
    2: _Plan((0.0, 0.6, 0.95), (0.05, 0.6), 12, (0.6,), 5, 6, 2),
}


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
    smoothness : float, optional
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
    smoothness: float | None = None
    break_margin: float = 2.0
    smoothness_range: tuple[float, float] = (0.02, 3.0)
    max_exponent: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.breaks not in (1, 2):
            raise ValueError("breaks must be 1 or 2")
        if self.smoothness is not None and not 0 < self.smoothness < np.inf:
            raise ValueError("smoothness must be positive and finite")
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
            *(() if self.smoothness else (f"smoothness_{i}" for i in numbers)),
        )

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """Whether intervals of each parameter are built on its logarithm: only smoothness."""
        return tuple(name.startswith("smoothness") for name in self.param_names)

    @property
    def profiled(self) -> tuple[str, ...]:
        """Floor and breaks."""
        return tuple(name for name in self.param_names if name.startswith(("floor", "log10_break")))

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of the working parameters, between which the minimum is searched."""
        x = np.log10(sample.x[:, 0])
        steep, margin, (sharp, smooth) = (
            self.max_exponent,
            self.break_margin,
            self.smoothness_range,
        )
        return (
            *([(0.0, np.inf)] if self.with_floor else []),
            (-np.inf, np.inf),
            *[(-steep, steep)] * (self.breaks + 1),
            *[(float(x.min()) - margin, float(x.max()) + margin)] * self.breaks,
            *[(float(np.log(sharp)), float(np.log(smooth)))]
            * (self.breaks * (not self.smoothness)),
        )

    def centred(self, params: Array, x: Array) -> Array:
        """Return working parameters with the power-law term at a point amid the data."""
        working = self.working(params)
        working[:, int(self.with_floor)] = self._law(params, np.log(x[0])) / LN10
        return working

    def check(self, sample: Sample) -> None:
        """Raise TooFewRecordsError unless there are as many distinct predictors as parameters."""
        distinct, needed = len(np.unique(sample.x)), len(self.param_names)
        if distinct < needed:
            fewer = ["with_floor=False"] if self.with_floor else []
            fewer += ["a fixed smoothness"] if self.smoothness is None else []
            fewer += ["one break"] if self.breaks == 2 else []
            raise TooFewRecordsError(
                f'{distinct} distinct values of "{self.x}", at least {needed} are needed: add '
                f"records at others, or fit with {', or '.join(fewer) or 'a plain power law'}"
            )

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights; see the base class."""
        rows = _Rows.of(self, sample, y, weights)
        theta, losses, norm = rows.search(start)
        best = losses[:, :1]
        bad = ~np.isfinite(best[:, 0])
        unit = 1.0 if self.residuals == "log" else in_units(self.estimator, rows.height)[1]
        least = 1e-20 * weights.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            agree = (losses <= best * (1 + 1e-6) + least).sum(axis=1).astype(np.float64)
        return Solutions(
            rows.natural(theta),
            np.where(bad, np.nan, best[:, 0] * unit),
            norm,
            losses.shape[1],
            agree * ~bad,
        )

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response, shape (..., m), at predictors of shape (m, 1)."""
        params = np.asarray(params, dtype=np.float64)[..., None, :]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            law = self._law(params, np.log(np.asarray(x, dtype=np.float64)[:, 0]))
            return np.asarray(self.split(params)[0] + np.exp(law))

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
        whole = np.isfinite(params).all(axis=1)
        found = np.where(whole, np.inf, np.nan)
        with np.errstate(all="ignore"):
            target = np.log(y - self.split(params)[0])
            good = np.flatnonzero(np.isfinite(target) & whole)
            if len(good):
                found[good] = np.exp(self._first_fall(params[good], target[good]))
        return found

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings about breaks, smoothness and exponents."""
        from scalelaw.fit.fit_result import Note

        params, found = result.params, []

        def add(code: str, severity: str, message: str, **details: Any) -> None:
            found.append(Note(code, severity, message, details))

        low, high = (float(np.log10(end)) for end in result.x_range[0])
        # Only a result that has just been fitted has its data; the notes are stored with it.
        x = np.log10(np.unique(result.sample.x)) if result.sample is not None else np.empty(0)
        for i in range(1, self.breaks + 1):
            place = float(params[f"log10_break_{i}"])
            beyond = max(low - place, place - high)
            fewest = int(min((x < place).sum(), (x > place).sum()))
            if beyond > 0:
                add(
                    "break_outside_data",
                    "warning",
                    f"break {i} lies {beyond:.2g} decades {'below' if place < low else 'above'} "
                    "the data: it is inferred from their curvature, not observed, and so is the "
                    "exponent beyond it",
                    **{"break": i, "log10_break": place, "decades": beyond},
                )
            elif len(x) and fewest < _FEW_POINTS:
                add(
                    "break_rests_on_few_points",
                    "warning",
                    f"break {i} has only {fewest} distinct {self.x} on one side: add records "
                    "there, or fit fewer breaks",
                    **{"break": i, "points": fewest},
                )
            at = self.param_names.index(f"exponent_{i}")
            change = result.derive("change", partial(_difference, at=at), log=False)
            if not (change.lower > 0 or change.upper < 0):
                add(
                    "break_uncertain",
                    "info",
                    f"the exponent may be the same on both sides of break {i}: the interval of "
                    "its change includes zero; compare a law with fewer breaks",
                    **{"break": i, "lower": change.lower, "upper": change.upper},
                )
            width = self.smoothness or float(params[f"smoothness_{i}"])
            sharp, smooth = (abs(np.log(width / end)) < 1e-6 for end in self.smoothness_range)
            if (sharp or smooth) and self.smoothness is None:
                add(
                    "smoothness_at_bound",
                    "info",
                    f"the smoothness of break {i} is at its bound {width:g}: the data would have "
                    f"it {'sharper' if sharp else 'smoother'}; fix it, or widen smoothness_range",
                    **{"break": i, "smoothness": width},
                )
        for i in range(self.breaks + 1):
            size = float(params[f"exponent_{i}"])
            if abs(size) >= self.max_exponent * (1 - 1e-9):
                add(
                    "exponent_at_bound",
                    "warning",
                    f"exponent {i} is at its bound {size:g}: few records, or one that is far off, "
                    "make the law drop or rise abruptly; read no exponent from it",
                    exponent=i,
                    value=size,
                )
        return found

    def split(self, params: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Return floor, scale, exponents, breaks and smoothness along the last axis.

        In the units of the parameters, except that a fixed smoothness is what it is.
        """
        j, k = int(self.with_floor), self.breaks
        at = params[..., j + 2 + k : j + 2 + 2 * k]
        width = (
            np.full_like(at, self.smoothness) if self.smoothness else params[..., j + 2 + 2 * k :]
        )
        floor = params[..., 0] if j else np.zeros(params.shape[:-1])
        return floor, params[..., j], params[..., j + 1 : j + 2 + k], at, width

    def join(self, floor: Array, scale: Array, exponents: Array, at: Array, width: Array) -> Array:
        """Return parameters from their parts, the reverse of `split`."""
        columns = [floor[..., None]] if self.with_floor else []
        columns += [scale[..., None], exponents, at]
        return np.concatenate(columns if self.smoothness else [*columns, width], axis=-1)

    def _law(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the law less its floor."""
        _, scale, exponents, at, width = self.split(params)
        law = scale * LN10 - exponents[..., 0] * log_x
        for i in range(self.breaks):
            bend = width[..., i] * _softplus((log_x - LN10 * at[..., i]) / width[..., i])
            law = law - (exponents[..., i + 1] - exponents[..., i]) * bend
        return np.asarray(law)

    def _slope(self, params: Array, log_x: Array) -> Array:
        """Return the derivative of :meth:`_law`."""
        _, _, exponents, at, width = self.split(params)
        slope = -exponents[..., 0] + 0 * log_x
        for i in range(self.breaks):
            z = (log_x - LN10 * at[..., i]) / width[..., i]
            slope = slope - (exponents[..., i + 1] - exponents[..., i]) * np.exp(-_softplus(-z))
        return np.asarray(slope)

    def _first_fall(self, params: Array, target: Array) -> Array:
        """Return the smallest ln x at which each law falls to a target; infinite where none."""
        _, scale, exponents, at, width = self.split(params)
        at = at * LN10
        nodes = at[:, :, None] + width[:, :, None] * np.linspace(-40, 40, 161)
        ends = [at.min(axis=1, keepdims=True) - _REACH, at.max(axis=1, keepdims=True) + _REACH]
        grid = np.sort(np.clip(np.concatenate([*ends, nodes.reshape(len(at), -1)], 1), *ends), 1)
        # With the turning points as nodes the law is monotone between neighbours.
        wide, one = params[:, None, :], np.arange(len(at))[:, None]
        rises = self._slope(wide, grid) > 0
        turns = np.argsort(rises[:, :-1] == rises[:, 1:], axis=1, kind="stable")[:, :3]
        before = rises[one, turns]
        inner = _bisect(lambda at: (self._slope(wide, at) > 0) == before, grid, turns)
        grid = np.sort(np.concatenate([grid, inner], axis=1), axis=1)
        above = self._law(wide, grid) > target[:, None]
        falls = above[:, :-1] & ~above[:, 1:]
        cell = falls.argmax(axis=1)[:, None]
        place = _bisect(lambda at: self._law(wide, at) > target[:, None], grid, cell)[:, 0]
        found = np.where(falls.any(axis=1), place, np.inf)
        early = ~above[:, 0] & (exponents[:, 0] > 0)
        return np.where(early, (scale * LN10 - target) / exponents[:, 0], found)


@dataclass(frozen=True)
class _Rows:
    """Rows of weights in working units: ln x less its mid-range, y over its geometric mean.

    The working parameters are the floor, the logarithm of the level that the first segment has at
    the mid-range, the local exponents, the places of the breaks, and the logarithms of their
    smoothness.
    """

    law: BrokenPowerLaw
    u: Array
    y: Array
    weights: Array
    known: NDArray[np.bool_]
    loss: Loss
    middle: float
    height: float
    lower: Array
    upper: Array

    @classmethod
    def of(cls, law: BrokenPowerLaw, sample: Sample, y: Array, weights: Array) -> "_Rows":
        log_x = np.log(sample.x[:, 0])
        order = np.argsort(log_x, kind="stable")
        log_x, w = log_x[order], weights[:, order]
        middle = float(log_x[0] + log_x[-1]) / 2
        height = float(np.exp(np.log(sample.y).mean()))
        known = present_values(log_x, w > 0)[1].sum(axis=1) >= len(law.param_names)
        loss = law.estimator if law.residuals == "log" else in_units(law.estimator, height)[0]
        lower, upper = np.array(law.bounds(sample)).T
        for bound in (lower, upper):
            at = law.split(bound)[3]
            at[:] = at * LN10 - middle
        y = np.broadcast_to(np.atleast_2d(y)[:, order] / height, w.shape)
        return cls(law, log_x - middle, y, w, known, loss, middle, height, lower, upper)

    @property
    def log(self) -> bool:
        return self.law.residuals == "log"

    def working(self, params: Array) -> Array:
        floor, scale, exponents, at, width = self.law.split(self.law.working(params))
        level = scale * LN10 - exponents[..., 0] * self.middle - np.log(self.height)
        return self.law.join(floor / self.height, level, exponents, at * LN10 - self.middle, width)

    def natural(self, theta: Array) -> Array:
        floor, level, exponents, at, width = self.law.split(theta)
        scale = (level + exponents[..., 0] * self.middle + np.log(self.height)) / LN10
        at = (at + self.middle) / LN10
        return self.law.natural(self.law.join(floor * self.height, scale, exponents, at, width))

    def ordered(self, theta: Array) -> Array:
        """Return parameters within bounds with two breaks numbered from left to right."""
        if self.law.breaks == 2:
            floor, level, exponents, at, width = self.law.split(theta)
            turned = exponents.copy()
            turned[..., 1] = exponents[..., 0] + exponents[..., 2] - exponents[..., 1]
            turned = self.law.join(floor, level, turned, at[..., ::-1], width[..., ::-1])
            theta = np.where(at[..., :1] > at[..., 1:], turned, theta)
        return np.asarray(np.clip(theta, self.lower, self.upper))

    def evaluation(self, theta: Array, rows: NDArray[np.intp]) -> Evaluation:
        """Return residuals and their derivatives, by way of those of the log of the power law."""
        u, k, j, p = self.u, self.law.breaks, int(self.law.with_floor), theta.shape[1]
        floor, level, exponents, at, width = self.law.split(theta)
        width = np.log(width) if self.law.smoothness else width
        slopes = np.zeros((len(theta), p - j, len(u)))
        slopes[:, 0] = 1.0
        slopes[:, 1] = -u
        log_power = level[:, None] - exponents[:, :1] * u
        second: dict[tuple[int, int], Array] = {}
        for i in range(k):
            f = np.exp(width[:, i, None])
            c = exponents[:, i + 1, None] - exponents[:, i, None]
            z = (u - at[:, i, None]) / f
            size = np.abs(z)
            decay = np.exp(-size)
            share = 1 / (1 + decay)
            rest = np.log1p(decay)
            bend = f * (np.maximum(z, 0.0) + rest)
            by_width = f * (rest + size * decay * share)
            sigmoid = np.where(z >= 0, share, decay * share)
            bell = c * decay * share * share
            log_power -= c * bend
            slopes[:, 1 + i] += bend
            slopes[:, 2 + i] -= bend
            e, place, wide = 1 + i, 2 + k + i, 2 + 2 * k + i
            slopes[:, place] = c * sigmoid
            second |= {(e, place): -sigmoid, (e + 1, place): sigmoid, (place, place): -bell / f}
            if not self.law.smoothness:
                slopes[:, wide] = -c * by_width
                second |= {(e, wide): by_width, (e + 1, wide): -by_width, (place, wide): -bell * z}
                second[wide, wide] = -c * by_width - f * z * z * bell
        y, power = self.y[rows], np.exp(log_power)
        fitted = floor[:, None] + power
        # Derivatives of the residual by the log of the power law.
        first = -power / fitted if self.log else -power
        twice = first * (1 + first) if self.log else first
        jacobian = first[:, None] * slopes
        by_floor = -1 / fitted if self.log else np.full_like(fitted, -1.0)

        def curvature(pull: Array) -> Array:
            found = np.zeros((len(pull), p, p))
            part = found[:, j:, j:]
            part[:] = np.einsum("bin,bjn->bij", slopes * (pull * twice)[:, None], slopes)
            side = pull * first
            for (a, b), term in second.items():
                part[:, a, b] += dot(side, term)
                part[:, b, a] = part[:, a, b]
            if j and self.log:
                tilt = pull * by_floor
                found[:, 0, 0] = dot(tilt, by_floor)
                found[:, 0, 1:] = found[:, 1:, 0] = np.einsum("bn,bin->bi", tilt, jacobian)
            return found

        residual = np.log(y) - np.log(fitted) if self.log else y - fitted
        columns = [by_floor] * j + [jacobian[:, i] for i in range(p - j)]
        return Evaluation(residual, columns, curvature)

    def search(self, start: Array | None) -> tuple[Array, Array, Array]:
        """Return each row's parameters, losses of its minima, lowest first, and gradient norm."""
        plan = (_GLOBAL if start is None else _LOCAL)[self.law.breaks]
        size = max(1, _CHUNK // plan.nodes(self.law.breaks))
        parts = []
        for i in range(0, len(self.weights), size):
            part = slice(i, i + size)
            w, known = self.weights[part], self.known[part]
            rows = replace(self, y=self.y[part], weights=w, known=known)
            theta, losses, norms = rows.minima(plan, start)
            parts.append((theta[:, 0], losses, norms[:, 0]))
        theta, losses, norm = map(np.concatenate, zip(*parts, strict=True))
        return theta, losses, norm

    def minima(self, plan: _Plan, start: Array | None) -> tuple[Array, Array, Array]:
        """Return minima, shape (B, S, p), lowest first, with their losses and gradient norms.

        Seeds descend for some iterations, and the best go on to the end. For a loss that is not of
        squares, later rounds weigh records by their residuals from the best law so far.
        """
        w = weights = self.weights
        squares = isinstance(self.loss, LeastSquares)
        with np.errstate(all="ignore"):
            if start is not None:
                mine = np.tile(self.working(start), (len(w), 1, 1))
            else:
                mine = self._steps() if self.law.breaks == 1 else self._splits()
            theta = mine if start is not None and not squares else mine[:, :0]
            for i in range(1 if squares else 3):
                seeds = self._seeds(weights, plan, start is None)
                seeds = seeds if i else np.concatenate([mine, seeds], axis=1)
                found, _, _ = self._descend(seeds, weights, LeastSquares(), plan.short, plan.kept)
                theta = np.concatenate([theta, found], axis=1)
                if not squares:
                    best = self._descend(theta, w, self.loss, 0, 1)[0][:, 0]
                    far = np.abs(self.evaluation(best, np.arange(len(w))).residual)
                    least = 0.1 * dot(w, far) / w.sum(axis=1)
                    if isinstance(self.loss, Huber):
                        least = np.maximum(least, self.loss.delta)
                    weights = w / np.maximum(far, least[:, None])
            if not squares and not isinstance(self.loss, Huber):
                for width in _ROUNDING:
                    found, _, _ = self._descend(theta, w, Huber(width), 50, plan.kept)
                    theta = np.concatenate([theta[:, : plan.kept], found], axis=1)
            theta, losses, norms = self._descend(theta, w, self.loss, 100, plan.kept)
            if start is None:
                # The few in a long flat valley are the ones that are not yet at its end.
                last, few = slice(_LAST), self._descend(theta[:, :_LAST], w, self.loss, 1000, _LAST)
                theta[:, last], losses[:, last], norms[:, last] = few
            return theta, losses, norms

    def _descend(
        self, starts: Array, weights: Array, loss: Loss, most: int, kept: int
    ) -> tuple[Array, Array, Array]:
        """Descend from starts by any weights and loss, and keep the best by those of the fit."""
        row, column = np.nonzero(np.isfinite(starts).all(axis=2) & self.known[:, None])
        theta, norm = self.ordered(starts[row, column]), np.full(len(row), np.nan)

        def evaluate(theta: Array, at: NDArray[np.intp]) -> Evaluation:
            return self.evaluation(theta, row[at])

        if most:
            bounds = self.lower.tolist(), self.upper.tolist()
            found = minimise(evaluate, theta, weights[row], loss, *bounds, most)
            ends, norm = self.ordered(found.params), found.gradient_norm
            w = self.weights[row]
            before, after = (exact_loss(evaluate, each, w, self.loss) for each in (theta, ends))
            # The rounding of a corner can lead a little uphill.
            theta = np.where((after <= before)[:, None], ends, theta) if loss == self.loss else ends
        params, norms = np.full(starts.shape, np.nan), np.full(starts.shape[:2], np.nan)
        losses = np.full(starts.shape[:2], np.inf)
        params[row, column], norms[row, column] = theta, norm
        losses[row, column] = exact_loss(evaluate, theta, self.weights[row], self.loss)
        best = np.argsort(losses, axis=1, kind="stable")[:, :kept]
        params = np.take_along_axis(params, best[:, :, None], axis=1)
        losses, norms = (np.take_along_axis(each, best, axis=1) for each in (losses, norms))
        return params, losses, norms

    def _seeds(self, weights: Array, plan: _Plan, floors_apart: bool) -> Array:
        """Return the best local minima on a grid, shape (B, S, p); NaN where there are fewer.

        For given floor, breaks and smoothness the logarithm of the rest is linear in level and
        exponents, so each node is a small linear regression. Breaks compete with their neighbours
        on the grid, each with its best smoothness and, unless `floors_apart`, floor.

        References
        ----------
        Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
        problems whose variables separate", SIAM Journal on Numerical Analysis 10 (1973).
        """
        u, k, law = self.u, self.law.breaks, self.law
        places = plan.places(u, *(law.split(bound)[3][0] for bound in (self.lower, self.upper)))
        widths = np.unique(law.smoothness or np.clip(plan.smoothness, *law.smoothness_range))
        bends = [f * _softplus((u - place) / f) for f in widths for place in places]
        bend, t = np.array(bends), len(places)
        # Bends of each node, shape (breaks, smoothness, place of the first, of the second).
        number = np.arange(len(bend)).reshape(-1, t)
        if k == 1:
            node = number[None, :, :, None]
        else:
            pair = np.broadcast_arrays(number[:, None, :, None], number[None, :, None, :])
            node = np.stack(pair).reshape(2, -1, t, t)
        shares = np.array(plan.floors if law.with_floor else (0.0,))
        lowest = np.where(weights > 0, self.y, np.inf).min(axis=1)
        floors = shares * lowest[:, None]
        left = [
            _left(u, *self._logs(weights[:, None], floor[:, None, None]), bend, node.reshape(k, -1))
            for floor in floors.T
        ]
        loss = np.stack(left, axis=1).reshape(len(weights), -1, *node.shape[1:])
        if k == 2:
            loss = np.where(node[0] % t < node[1] % t, loss, np.inf)
        groups = len(shares) if floors_apart else 1
        loss = loss.reshape(len(weights), groups, -1, node[0, 0].size)
        variant, value = loss.argmin(axis=2), loss.min(axis=2)
        best = _lowest(value.reshape(-1, groups, *node.shape[2:]), plan.seeds)
        group, place = np.divmod(best, node[0, 0].size)
        variant = np.take_along_axis(variant.reshape(len(weights), -1), best, axis=1)
        share, variant = np.divmod(group * loss.shape[2] + variant, node.shape[1])
        chosen = node.reshape(k, node.shape[1], -1)[:, variant, place]
        floor = np.take_along_axis(floors, share, axis=1)
        q, v = self._logs(weights[:, None], floor[:, :, None])
        design = np.stack([np.ones_like(v), -u + 0 * v, *(-bend[each] for each in chosen)], axis=2)
        gram = np.einsum("rsin,rsjn->rsij", design * q[:, :, None], design)
        scale = np.sqrt(np.einsum("rsii->rsi", gram)) + 1e-300
        gram = gram / scale[..., None] / scale[..., None, :] + 1e-13 * np.eye(2 + k)
        right = np.einsum("rsin,rsn->rsi", design, q * v) / scale
        answer = np.linalg.solve(gram, right[..., None])[..., 0] / scale
        exists = np.isfinite(np.take_along_axis(value.reshape(len(weights), -1), best, axis=1))
        level = np.where(exists, answer[..., 0], np.nan)
        exponents = np.cumsum(answer[..., 1:], axis=-1)
        at, width = places[chosen % t], np.log(widths[chosen // t])
        return law.join(floor, level, exponents, *(np.moveaxis(v, 0, -1) for v in (at, width)))

    def _logs(self, weights: Array, floor: Array) -> tuple[Array, Array]:
        """Return weights and values of ln(y - floor), with what its change does to residuals."""
        y = self.y[:, None]
        above = np.where(y > floor, y - floor, np.nan)
        q = weights * (above / y if self.log else above) ** 2
        return np.nan_to_num(q), np.nan_to_num(np.log(above))

    def _steps(self) -> Array:
        """Return seeds of one break of which a segment is as steep as allowed, shape (B, S, p).

        A law that drops to its floor, or leaves it, between two records, or for one record alone,
        is often the minimum where there is scatter, and no regression of logarithms finds it.
        """
        edges = np.unique(self.u)
        gaps = (edges[1:] + edges[:-1]) / 2
        steep = float(self.law.split(self.upper)[2][0])
        f = self.law.smoothness or float(np.clip(0.05, *self.law.smoothness_range))
        found = []

        def means(side: NDArray[np.bool_]) -> Array:
            sums = (
                np.einsum("rn,gn->rg", v, side * 1.0) for v in (self.weights * self.y, self.weights)
            )
            return np.asarray(np.divide(*sums))

        def add(floor: Array, level: Array, first: float, last: float, place: Array) -> None:
            flat = np.ones((*level.shape, 1))
            exponents = flat * np.array([first, last])
            found.append(
                self.law.join(floor, level, exponents, place[:, None] * flat, np.log(f) * flat)
            )

        before = self.u < gaps[:, None]
        one = self.u == edges[:, None]
        for floor_share in (0.0, 1.0) if self.law.with_floor else (0.0,):
            for sign in (-steep, steep):
                floor = floor_share * means(~before)
                add(floor, np.log(means(before) - floor), 0.0, sign, gaps)
                floor = floor_share * means(before)
                add(floor, np.log(means(~before) - floor) + sign * gaps, sign, 0.0, gaps)
        if self.law.with_floor:
            floor = means(~one)
            top = np.log(means(one) - floor) + 2 * steep * f * np.log(2.0)
            add(floor, top - steep * edges, -steep, steep, edges)
        return np.concatenate(found, axis=1)

    def _splits(self) -> Array:
        """Return seeds of two breaks, one without effect, at which laws with one are the best."""
        law = self.law
        single = replace(law, breaks=1)
        lower, upper = (
            single.join(floor, level, exponents[:2], at[:1], width[:1])
            for floor, level, exponents, at, width in map(law.split, (self.lower, self.upper))
        )
        one = replace(self, law=single, lower=lower, upper=upper)
        theta, losses, _ = one.minima(_GLOBAL[1], None)
        again = np.diff(losses, axis=1, prepend=-1.0) <= 1e-6 * losses
        order = np.argsort(again, axis=1, kind="stable")[:, :_SPLIT, None]
        theta = np.take_along_axis(theta, order, axis=1)[:, :, None]
        places = _GLOBAL[2].places(self.u, *(law.split(b)[3][0] for b in (self.lower, self.upper)))
        theta = np.repeat(theta, len(places), axis=2)
        floor, level, exponents, at, width = single.split(theta)
        exponents = np.concatenate([exponents, exponents[..., 1:]], axis=-1)
        at = np.concatenate([at, np.broadcast_to(places[:, None], at.shape)], axis=-1)
        width = np.concatenate([width, np.full_like(width, np.log(0.3))], axis=-1)
        found = self.ordered(law.join(floor, level, exponents, at, width))
        return found.reshape(len(theta), -1, found.shape[-1])


def _difference(params: Array, at: int) -> Array:
    return np.asarray(params[:, at] - params[:, at - 1])


def _softplus(z: Array) -> Array:
    """Return ln(1 + exp z) without overflow."""
    return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


def _bisect(
    before: Callable[[Array], NDArray[np.bool_]], grid: Array, cell: NDArray[np.intp]
) -> Array:
    """Return where in cells of a grid, shape (B, m), a condition ceases to hold."""
    low, high = (np.take_along_axis(grid, at, axis=1) for at in (cell, cell + 1))
    for _ in range(100):
        middle = (low + high) / 2
        holds = before(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.asarray((low + high) / 2)


def _left(u: Array, q: Array, v: Array, bends: Array, node: NDArray[np.intp]) -> Array:
    """Return the squares, weighted by q, that a line and the bends of nodes leave of v.

    Shapes are (B, 1, n) of q and v, (breaks, N) of the nodes, and (B, N) of what is returned.
    """
    q, v = q[:, 0], v[:, 0]
    # Less their own line and of unit length, for the sake of rounding.
    line = np.linalg.qr(np.stack([np.ones_like(u), u], axis=1))[0]
    straight = bends - np.einsum("gn,nj,mj->gm", bends, line, line)
    length = np.sqrt(np.einsum("gn,gn->g", straight, straight))
    bent = length > 1e-7 * np.sqrt(np.einsum("gn,gn->g", bends, bends))
    straight = straight * np.where(bent, 1 / length, 0.0)[:, None]
    total = q.sum(axis=1, keepdims=True)
    away = u - np.einsum("rn,n->r", q, u)[:, None] / total
    spread = dot(q * away, away)[:, None]
    rest = v - dot(q, v)[:, None] / total
    rest = rest - away * dot(q * away, rest)[:, None] / spread
    plain, along, explains = (
        np.einsum("rn,gn->rg", each, straight) for each in (q, q * away, q * rest)
    )
    square = np.einsum("rn,gn->rg", q, straight * straight)
    own = square - plain**2 / total - along**2 / spread
    own = np.where(own > 1e-9 * square, own, np.nan)
    left = dot(q * rest, rest)[:, None]
    i, j = node[0], node[-1]
    if len(node) == 1:
        left = left - explains[:, i] ** 2 / own[:, i]
    else:
        shared = np.einsum("rn,gn->rg", q, straight[i] * straight[j])
        shared -= plain[:, i] * plain[:, j] / total + along[:, i] * along[:, j] / spread
        both = own[:, i] * own[:, j]
        determinant = np.where(both - shared**2 > 1e-9 * both, both - shared**2, np.nan)
        explained = explains[:, i] ** 2 * own[:, j] + explains[:, j] ** 2 * own[:, i]
        explained -= 2 * explains[:, i] * explains[:, j] * shared
        left = left - explained / determinant
    return np.where(np.isfinite(left), left, np.inf)


def _lowest(loss: Array, count: int) -> NDArray[np.intp]:
    """Return the flat positions of the lowest local minima over the last two axes."""
    padded = np.pad(loss, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.inf)
    valley = np.isfinite(loss)
    for near in (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:]):
        valley &= loss <= padded[(..., *near)]
    ranked = np.where(valley, loss, np.inf).reshape(len(loss), -1)
    return np.argsort(ranked, axis=1, kind="stable")[:, :count]
