"""The power law with a floor, such as irreducible error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NotIdentifiedError, NoVariationError
from scalelaw.fit.losses import Huber, LeastSquares, Loss
from scalelaw.fit.model import Curve, Solutions
from scalelaw.fit.newton import Evaluation, law_evaluation, minimise
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

LN10 = float(np.log(10.0))

_GRID = 72
"""Exponents at which every row's loss is known before any descent."""

_STARTS = 20
_VALLEYS = 3

_LEAST = 1e-5
"""Least exponent times the range of ln x: the response then falls by less than 1 in 100,000."""

_STEEPEST = 20.0
"""Largest exponent times the step of ln x from the smallest x to the next. Beyond it the law is a
step to rounding, whatever its exponent."""

_NEAREST = 0.01
"""Step, as a share of the range, below which neighbours count as this far apart."""

_CHUNK = 32_000


@dataclass(frozen=True, kw_only=True)
class FlooredPowerLaw(Curve):
    """Power law that falls to a floor, ``y = floor + 10^log10_scale * x^-exponent``.

    The exponent is positive, for a law that rises has no floor, and the floor is at least
    `min_floor`; fits and resampled fits at that bound are legitimate and noted. Given the exponent
    the law is linear in floor and scale, so least squares of linear residuals is a search along one
    line: its loss is known at 72 exponents for every resampling, and the lowest valleys are
    descended by Newton's method, so that the minimum found is the global one. Other losses and
    residuals descend from starts on that grid.

    Parameters
    ----------
    x, y : str
        Columns of predictor and response, both positive.
    estimator : LeastSquares, LeastAbsolute, Huber or Pinball
        What is minimised.
    residuals : {"log", "linear"}
        Scale of the residuals.
    replicates : int
        Bootstrap replicates.
    min_floor : float
        Lower bound of the floor, not negative, in the units of y.

    References
    ----------
    Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
    whose variables separate", SIAM Journal on Numerical Analysis 10 (1973).

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"compute": [1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22]})
    >>> data["error"] = 0.05 + 0.5 * (data["compute"] / 1e16) ** -0.3
    >>> law = FlooredPowerLaw(replicates=50).fit(data)
    >>> law.params[["floor", "exponent"]].round(4).tolist()
    [0.05, 0.3]
    """

    min_floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.min_floor >= 0 and np.isfinite(self.min_floor)):
            raise ValueError("min_floor must be finite and not negative")

    @property
    def param_names(self) -> tuple[str, ...]:
        """``floor``, ``log10_scale`` and ``exponent``."""
        return ("floor", "log10_scale", "exponent")

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """Only the exponent's intervals are built on its logarithm; the floor can be zero."""
        return (False, False, True)

    @property
    def profiled(self) -> tuple[str, ...]:
        """The floor."""
        return ("floor",)

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of the working parameters: the floor is at least `min_floor`."""
        return ((self.min_floor, np.inf), *super().bounds(sample)[1:])

    def centred(self, params: Array, x: Array) -> Array:
        """Return working parameters with the power-law term at a point amid the data."""
        working = self.working(params)
        working[:, 1] -= params[:, 2] * np.log10(x[0])
        return working

    def check(self, sample: Sample) -> None:
        """Raise a FitError if the response does not fall, or only in one step."""
        values = len(np.unique(sample.x))
        if values < 3:
            raise NoVariationError(
                f'"{self.x}" takes only {values} values; a floor needs at least 3: add records, or '
                "fit a PowerLaw"
            )
        rows = _Rows.of(self, sample, sample.y, sample.weights[None, :])
        if not np.isfinite(next(rows.grid()).loss).any():
            raise NotIdentifiedError(
                f"{self.y} does not fall as {self.x} grows, so it has no floor to fall to; fit a "
                "PowerLaw, or check the columns"
            )

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response at predictors, see :meth:`scalelaw.fit.model.Model.evaluate`."""
        floor, log10_scale, exponent = (params[..., i, None] for i in range(3))
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(floor + np.exp(LN10 * log10_scale - exponent * np.log(x[:, 0])))

    def invert(self, params: Array, y: float) -> Array:
        """Return ``((y - floor) / scale)^(-1/exponent)``, infinite at or below the floor."""
        floor, log10_scale, exponent = params.T
        with np.errstate(all="ignore"):
            found = np.exp((LN10 * log10_scale - np.log(y - floor)) / exponent)
        return np.where(np.isnan(floor), np.nan, np.where(y > floor, found, np.inf))

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights."""
        rows = _Rows.of(self, sample, y, weights)
        if isinstance(self.estimator, LeastSquares) and self.residuals == "linear":
            return rows.project(start is None)
        return rows.search(start)

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings about the floor."""
        from scalelaw.fit.fit_result import Note

        bound, lowest = self.min_floor, result.y_range[0]
        room = lowest - bound
        found = []
        if result.estimates[0] <= bound:
            found.append(
                Note(
                    "floor_at_bound",
                    "info",
                    f"the floor is at its bound of {bound:g}: the data do not bend towards one, "
                    "and the law is the power law above that bound",
                    {"floor": bound},
                )
            )
        good = result.draws[np.isfinite(result.draws).all(axis=1), 0]
        if len(good) and room > 0:
            low, high = np.quantile(good, [0.025, 0.975])
            if low <= bound + 0.01 * room and high >= bound + 0.75 * room:
                found.append(
                    Note(
                        "floor_not_identified",
                        "warning",
                        f"resampled floors reach from {low:.3g} to {high:.3g}, from the bound to "
                        f"near the lowest {self.y}: any floor fits; extrapolate with both a law "
                        "with and one without a floor",
                        {"lower": float(low), "upper": float(high), "lowest": lowest},
                    )
                )
        return found


@dataclass(frozen=True)
class _Table:
    """Least squares at each exponent for some rows; the loss is infinite where no law falls."""

    rows: NDArray[np.intp]
    loss: Array
    exponents: Array
    c: Array
    a: Array

    def seeds(self, places: NDArray[np.intp]) -> tuple[Array, NDArray[np.bool_]]:
        """Return parameters at places of the grid, shape (b, s, 3), and which are usable."""
        places = np.broadcast_to(places, (len(self.rows), places.shape[1]))
        c, a, loss = (np.take_along_axis(v, places, axis=1) for v in (self.c, self.a, self.loss))
        usable = np.isfinite(loss)
        log_a = np.log(np.where(usable, a, 1.0))
        return np.stack([c, log_a, np.log(self.exponents[places])], axis=2), usable


@dataclass(frozen=True)
class _Rows:
    """Rows of weights, with the records in order of x.

    Logarithms of x are scaled to a range of one and y to a median of one. Each row has its
    zero at its own first record of positive weight, where the scale is told most sharply.
    """

    law: FlooredPowerLaw
    u: Array
    y: Array
    weights: Array
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    known: NDArray[np.bool_]
    origin: float
    span: float
    unit: float

    @classmethod
    def of(cls, law: FlooredPowerLaw, sample: Sample, y: Array, weights: Array) -> "_Rows":
        log_x = np.log(sample.x[:, 0])
        order = np.argsort(log_x, kind="stable")
        log_x = log_x[order]
        origin, span = float(log_x[0]), float(np.ptp(log_x))
        u = (log_x - origin) / span
        unit = float(np.median(sample.y))
        w = weights[:, order]
        first, second, known = _first_values(u, w)
        return cls(
            law, u, np.atleast_2d(y)[:, order] / unit, w, first, second, known, origin, span, unit
        )

    @property
    def floor(self) -> float:
        return self.law.min_floor / self.unit

    @property
    def log(self) -> bool:
        return self.law.residuals == "log"

    def response(self, rows: NDArray[np.intp] | slice) -> Array:
        return self.y if len(self.y) == 1 else self.y[rows]

    def grid(self) -> Iterator[_Table]:
        """Yield least squares on a grid of exponents, for some rows at a time.

        Residuals are linear, or for logarithmic ones relative to y.
        """
        size = max(1, _CHUNK // max(_GRID, len(self.u)))
        for first in np.unique(self.first[self.known]):
            rows = np.flatnonzero((self.first == first) & self.known)
            step = self.u[np.searchsorted(self.u, self.u[first], "right")] - self.u[first]
            exponents = np.geomspace(_LEAST, _STEEPEST / max(step, _NEAREST), _GRID)
            fall = np.expm1(-exponents * np.maximum(self.u - self.u[first], 0.0)[:, None])
            shift = float(self.y.mean())
            tables = [fall, fall * fall]
            if len(self.y) == 1:
                v = (self.y[0] - shift)[:, None]
                tables += [v * fall, v, v * v]
            columns = np.concatenate(tables, axis=1)
            for i in range(0, len(rows), size):
                with np.errstate(all="ignore"):
                    yield self._table(rows[i : i + size], exponents, fall, columns, shift)

    def _table(
        self, rows: NDArray[np.intp], exponents: Array, fall: Array, columns: Array, shift: float
    ) -> _Table:
        w = self.weights[rows]
        if self.log:
            y = self.response(rows)
            w = w / (y * y)
        total = w.sum(axis=1, keepdims=True)
        sums = products(w, columns)
        first, squares = sums[:, :_GRID], sums[:, _GRID : 2 * _GRID]
        if len(self.y) == 1:
            cross, mean_v, square = sums[:, 2 * _GRID : -2], sums[:, -2:-1], sums[:, -1:]
        else:
            v = self.y[rows] - shift
            wv = w * v
            cross, mean_v = products(wv, fall), wv.sum(axis=1, keepdims=True)
            square = dot(wv, v)[:, None]
        mean_v = mean_v / total
        cross = cross - mean_v * first
        square = square - mean_v * mean_v * total
        middle = mean_v + shift
        least = self.floor - middle
        mean = first / total
        a = cross / (squares - first * mean)
        loss = square - a * cross
        c = -a * (mean + 1)
        low = (c < least) & (a > 0)
        if low.any():
            # At the bound one amplitude remains, of exp(-k u) = fall + 1.
            whole = squares + 2 * first + total
            against = cross - least * (total + first)
            b = against / whole
            held = square + least * least * total - b * against
            a, c = np.where(low, b, a), np.where(low, least, c)
            loss = np.where(low, held, loss)
        falls = (a > 0) & (loss < square * (1 - 1e-13))
        loss = np.where(falls, np.maximum(loss, 0.0), np.inf)
        return _Table(rows, loss, exponents, c + middle, a)

    def project(self, count: bool) -> Solutions:
        """Minimise squares of linear residuals over the exponent, the linear parameters solved."""
        b = len(self.weights)
        agree = np.ones(b)
        last = np.full(b, np.inf)
        rows, starts, reach = [], [], []
        tables = list(self.grid()) if count else self.grid()
        for table in tables:
            row, place = valleys(table.loss, _VALLEYS)
            rows.append(table.rows[row])
            starts.append(np.log(table.exponents[place]))
            reach.append(np.full(len(row), np.log(table.exponents[1] / table.exponents[0])))
            last[table.rows] = table.loss[:, -1]
        best = np.full((b, 5), np.nan)
        best[:, 3] = np.inf
        row = np.concatenate([np.empty(0, dtype=np.intp), *rows])
        found = self._roots(
            row,
            np.concatenate([np.empty(0), *starts]),
            np.concatenate([np.empty(0), *reach]),
            1e-13 if count else 1e-9,
        )
        # A row's valleys stand together, so its n-th ones are at most one per row.
        nth = _occurrence(row)
        for i in range(_VALLEYS):
            here = np.flatnonzero(nth == i)
            better = here[found[here, 3] < best[row[here], 3]]
            best[row[better]] = found[better]
        best[~(last >= best[:, 3] * (1 - 1e-12)) | np.isinf(best[:, 3])] = np.nan
        if count:
            for table in tables:
                agree[table.rows] = _basin(table, np.exp(best[table.rows, 2]))
        params = self.natural(best[:, :3])
        return Solutions(params, best[:, 3] * self.unit**2, best[:, 4], _GRID, agree)

    def _roots(self, rows: NDArray[np.intp], log_k: Array, reach: Array, tolerance: float) -> Array:
        """Return floor, log amplitude, log exponent, loss, gradient norm at minima near a grid's.

        Newton's method for the derivative of the projected loss, kept between the neighbours on
        the grid by bisection.
        """
        found = np.full((len(rows), 5), np.nan)
        size = max(1, _CHUNK // len(self.u))
        for i in range(0, len(rows), size):
            part = slice(i, i + size)
            with np.errstate(all="ignore"):
                found[part] = self._chunk_roots(
                    rows[part], log_k[part], 1.5 * reach[part], tolerance
                )
        return found

    def _chunk_roots(
        self, rows: NDArray[np.intp], t: Array, reach: Array, tolerance: float
    ) -> Array:
        found = np.full((len(rows), 5), np.nan)
        t = t.copy()
        low, high = t - reach, t + reach
        todo = np.arange(len(rows))
        for _ in range(80):
            here = rows[todo]
            c, a, loss, slope, bend, norm = self._projected(here, t[todo])
            found[todo] = np.stack([c, np.log(a), t[todo], loss, norm], axis=1)
            up = slope > 0
            high[todo[up]] = t[todo[up]]
            low[todo[~up]] = t[todo[~up]]
            step = -slope / bend
            aim = t[todo] + step
            outside = ~((bend > 0) & (aim > low[todo]) & (aim < high[todo]))
            # A Newton step leaves an error of about its square.
            end = (~outside & (np.abs(step) <= tolerance)) | (high[todo] - low[todo] <= 1e-12)
            aim = np.where(outside, (low[todo] + high[todo]) / 2, aim)
            todo = todo[~end]
            t[todo] = aim[~end]
            if not len(todo):
                break
        return found

    def _projected(
        self, rows: NDArray[np.intp], t: Array
    ) -> tuple[Array, Array, Array, Array, Array, Array]:
        """Return floor, amplitude, loss, its two derivatives by log k, and the gradient's norm."""
        w, y = self.weights[rows], self.response(rows)
        z = np.maximum(self.u - self.u[self.first[rows], None], 0.0)
        z *= np.exp(t)[:, None]
        fall = np.expm1(-z)
        total = w.sum(axis=1)
        wf = w * fall
        f_mean = wf.sum(axis=1) / total
        y_mean = dot(w, y) / total
        d = fall - f_mean[:, None]
        wd = w * d
        dd = dot(wd, d)
        a = dot(wd, y) / dd
        c = y_mean - a * (1 + f_mean)
        held = (c < self.floor) & (a > 0)
        e = fall + 1
        if held.any():
            we = wf[held] + w[held]
            above = y - self.floor if len(y) == 1 else y[held] - self.floor
            a[held] = dot(we, above) / dot(we, e[held])
            c[held] = self.floor
        r = y - c[:, None] - a[:, None] * e
        wr = w * r
        loss = dot(wr, r)
        # The law's derivative by log k is -a q, its second -a (q - z q).
        q = z * e
        wq = w * q
        rq = dot(wr, q)
        slope = 2 * a * rq
        qq = dot(wq, q)
        rzq = dot(wr, q * z)
        eq = dot(wq, e)
        q_sum = wq.sum(axis=1)
        second = a * a * qq + a * (rq - rzq)
        # Less what floor and amplitude take up: the Schur complement of their block.
        mixed_c, mixed_a = -a * q_sum, rq - a * eq
        tied = mixed_a - mixed_c * (1 + f_mean)
        free = mixed_c * mixed_c / total + tied * tied / dd
        ee = dd + total * (1 + f_mean) ** 2
        second -= np.where(held, mixed_a * mixed_a / ee, free)
        size = np.abs(wr)
        sums = [np.abs(rq) / dot(size, q), np.abs(dot(wr, e)) / dot(size, e)]
        sums.append(np.where(held, 0.0, np.abs(wr.sum(axis=1)) / size.sum(axis=1)))
        norm = np.nan_to_num(np.max(sums, axis=0), nan=0.0)
        return c, a, loss, slope, 2 * second, norm

    def search(self, start: Array | None) -> Solutions:
        """Minimise any loss from starts on the grid, and from the estimate for all records."""
        b = len(self.weights)
        estimator, unit = in_units(self.law.estimator, 1.0 if self.log else self.unit)
        few = {LeastSquares: 1, Huber: 3}.get(type(estimator), 5)
        count = _STARTS if start is None else few
        usable = np.zeros((b, count), dtype=bool)
        seeds = np.full((b, count, 3), np.nan)
        for table in self.grid():
            if start is None:
                places = np.linspace(0, _GRID - 1, count).astype(int)[None, :]
            else:
                places = table.loss.argmin(axis=1)[:, None] + np.array([0, -4, 4, -9, 9])[:count]
                places = np.clip(places, 0, _GRID - 1)
            seeds[table.rows], usable[table.rows] = table.seeds(places)
        if start is not None:
            anchor = self.u[self.first] * self.span + self.origin
            mine = np.empty((b, 1, 3))
            mine[:, 0, 0] = start[0] / self.unit
            mine[:, 0, 1] = LN10 * start[1] - start[2] * anchor - np.log(self.unit)
            mine[:, 0, 2] = np.log(start[2] * self.span)
            seeds = np.concatenate([mine, seeds], axis=1)
            usable = np.concatenate([self.known[:, None], usable], axis=1)
        row, column = np.nonzero(usable)
        found = minimise(
            lambda theta, at: self.evaluation(theta, row[at]),
            seeds[row, column],
            self.weights[row],
            estimator,
            (self.floor, -np.inf, np.log(_LEAST)),
            (np.inf, np.inf, np.log(_STEEPEST / _NEAREST)),
        )
        values = np.full(usable.shape, np.inf)
        values[row, column] = found.loss
        norms = np.full(usable.shape, np.nan)
        norms[row, column] = found.gradient_norm
        theta = np.full((*usable.shape, 3), np.nan)
        theta[row, column] = found.params
        best = values.argmin(axis=1)[:, None]
        value = np.take_along_axis(values, best, axis=1)
        params = np.take_along_axis(theta, best[:, :, None], axis=1)[:, 0]
        with np.errstate(invalid="ignore"):
            gap = self.u[self.second] - self.u[self.first]
            exponent = np.exp(params[:, 2])
            bad = (exponent * gap >= _STEEPEST) | (exponent <= _LEAST * (1 + 1e-9))
            # An amplitude that rounding hides beside the floor is a constant, not a law.
            bad |= np.exp(params[:, 1]) <= 1e-13 * np.maximum(params[:, 0], 1e-3)
            agree = (values <= value * (1 + 1e-6)).sum(axis=1).astype(np.float64)
        bad |= ~np.isfinite(value[:, 0])
        params[bad] = np.nan
        return Solutions(
            self.natural(params),
            np.where(bad, np.nan, value[:, 0] * unit),
            np.take_along_axis(norms, best, axis=1)[:, 0],
            usable.shape[1],
            agree,
        )

    def evaluation(self, theta: Array, rows: NDArray[np.intp]) -> Evaluation:
        """Return residuals at floor, log amplitude and log exponent, with their derivatives."""
        z = np.maximum(self.u - self.u[self.first[rows], None], 0.0)
        z *= np.exp(theta[:, 2])[:, None]
        fall = np.exp(theta[:, 1, None] - z)
        fitted = theta[:, 0, None] + fall
        y = self.response(rows)
        zf = z * fall
        first = (np.ones(len(self.u)), fall, -zf)
        second = {(1, 1): fall, (1, 2): -zf, (2, 2): z * zf - zf}
        return law_evaluation(y, fitted, first, second, self.log)

    def natural(self, theta: Array) -> Array:
        """Return floor, log10 scale and exponent in the units of the data."""
        with np.errstate(all="ignore"):
            exponent = np.exp(theta[:, 2]) / self.span
            anchor = self.u[self.first] * self.span + self.origin
            scale = (theta[:, 1] + np.log(self.unit) + exponent * anchor) / LN10
            at_bound = theta[:, 0] <= self.floor
            floor = np.where(at_bound, self.law.min_floor, theta[:, 0] * self.unit)
        return np.stack([floor, scale, exponent], axis=1)


def in_units(loss: Loss, unit: float) -> tuple[Loss, float]:
    """Return a loss of residuals that are divided by a unit, and what its values are worth."""
    if isinstance(loss, Huber):
        return Huber(loss.delta / unit), unit * unit
    return loss, unit * unit if isinstance(loss, LeastSquares) else unit


def products(left: Array, right: Array) -> Array:
    """Return a matrix product in equal blocks, so small that no threads are started for them."""
    size = max(1, 250_000 // right.size)
    blocks = -(-len(left) // size)
    padded = left
    if blocks * size > len(left):
        padded = np.concatenate([left, np.zeros((blocks * size - len(left), left.shape[1]))])
    found = padded.reshape(blocks, size, left.shape[1]) @ right
    return np.asarray(found.reshape(-1, right.shape[1])[: len(left)])


def dot(left: Array, right: Array) -> Array:
    """Return the sums over records of products, shape (b,); `right` may have a single row."""
    if right.shape[0] == 1:
        return np.asarray(np.einsum("bn,n->b", left, right[0]))
    return np.asarray(np.einsum("bn,bn->b", left, right))


def _first_values(
    u: Array, weights: Array
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return the positions of the two lowest distinct u of positive weight; whether 3 exist."""
    start, present = present_values(u, weights > 0)
    first = present.argmax(axis=1)
    rest = present & (np.arange(len(start)) > first[:, None])
    second = rest.argmax(axis=1)
    return start[first], start[second], present.sum(axis=1) >= 3


def present_values(
    u: Array, chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each distinct value of sorted u starts, and whether rows have chosen it."""
    start = np.flatnonzero(np.insert(np.diff(u) > 0, 0, True))
    return start, np.add.reduceat(chosen, start, axis=1, dtype=np.intp) > 0


def valleys(loss: Array, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the `most` lowest local minima of each row, row by row.

    The last column is no valley, only its neighbour's wall.
    """
    before = np.full_like(loss, np.inf)
    before[:, 1:] = loss[:, :-1]
    after = np.full_like(loss, -np.inf)
    after[:, :-1] = loss[:, 1:]
    lowest = (loss <= before) & (loss < after) & np.isfinite(loss)
    rows, columns = np.nonzero(lowest)
    if (lowest.sum(axis=1) > most).any():
        order = np.lexsort((loss[rows, columns], rows))
        rows, columns = rows[order], columns[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        rows, columns = rows[rank < most], columns[rank < most]
    return rows, columns


def _occurrence(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many equal row numbers stand directly before each."""
    new = np.concatenate([[True], rows[1:] != rows[:-1]])[: len(rows)]
    place = np.arange(len(rows))
    return place - np.maximum.accumulate(np.where(new, place, 0))


def _basin(table: _Table, exponent: Array) -> Array:
    """Return how many points of the grid lead downhill to each row's exponent."""
    agree = np.zeros(len(exponent))
    places = np.clip(np.searchsorted(table.exponents, exponent), 1, _GRID - 1)
    for row in np.flatnonzero(np.isfinite(exponent)):
        loss, place = table.loss[row], places[row]
        for side in (loss[place:], loss[place - 1 :: -1]):
            with np.errstate(invalid="ignore"):
                agree[row] += 1 + np.argmin(np.append(np.diff(side) >= 0, False))
    return agree
