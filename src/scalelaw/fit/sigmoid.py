"""The sigmoid in log x, for responses with two plateaus."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NoVariationError
from scalelaw.fit.floored import LN10, dot, in_units, present_values, products
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.model import Curve, Solutions
from scalelaw.fit.newton import Evaluation, law_evaluation, minimise
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

_MIDPOINTS = np.linspace(-0.9, 1.9, 29)
_SLOPES = np.geomspace(0.7, 300.0, 17)
"""Grid of starts, in units of the range of ln x and its inverse."""

_BEYOND = 2.0
"""How many ranges of ln x the midpoint may lie outside the data."""

_SLOPE_BOUNDS = (0.02, 3000.0)
_CHUNK = 32_000


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Curve):
    """Sigmoid in log x, ``y = floor + (ceiling - floor) / (1 + (x / 10^log10_midpoint)^slope)``.

    It falls from ceiling to floor where the slope is positive and rises where it is negative; the
    floor is not negative. Given midpoint and slope the law is linear in both plateaus, so starts
    are the valleys of a loss that is known on a grid of midpoints and slopes for every
    resampling; Newton's method descends from them. A law whose midpoint lies more than twice the
    range of ln x outside the data, or with fewer than two values of x between its plateaus, is not
    identified.

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

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"compute": [10.0**k for k in range(15, 25)]})
    >>> data["error"] = 0.1 + 0.8 / (1 + (data["compute"] / 1e19) ** 0.5)
    >>> law = Sigmoid(replicates=20).fit(data)
    >>> law.params[["ceiling", "log10_midpoint"]].round(4).tolist()
    [0.9, 19.0]
    """

    @property
    def param_names(self) -> tuple[str, ...]:
        """``floor``, ``ceiling``, ``log10_midpoint`` and ``slope``."""
        return ("floor", "ceiling", "log10_midpoint", "slope")

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """Only the ceiling's intervals are built on its logarithm."""
        return (False, True, False, False)

    @property
    def profiled(self) -> tuple[str, ...]:
        """Both plateaus."""
        return ("floor", "ceiling")

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of the working parameters: the floor is at least zero."""
        return ((0.0, np.inf), *super().bounds(sample)[1:])

    def check(self, sample: Sample) -> None:
        """Raise a FitError if there are too few values of x."""
        values = len(np.unique(sample.x))
        if values < 4:
            raise NoVariationError(
                f'"{self.x}" takes only {values} values; a sigmoid needs at least 4: add records, '
                "or fit a PowerLaw"
            )

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response at predictors, see :meth:`scalelaw.fit.model.Model.evaluate`."""
        floor, ceiling, midpoint, slope = (params[..., i, None] for i in range(4))
        with np.errstate(over="ignore", invalid="ignore"):
            share = 1 / (1 + np.exp(slope * (np.log(x[:, 0]) - LN10 * midpoint)))
            return np.asarray(floor + (ceiling - floor) * share)

    def invert(self, params: Array, y: float) -> Array:
        """Return ``10^log10_midpoint * ((ceiling - y) / (y - floor))^(1/slope)``.

        It is infinite at and outside the plateaus.
        """
        floor, ceiling, midpoint, slope = params.T
        with np.errstate(all="ignore"):
            found = np.exp(LN10 * midpoint + np.log((ceiling - y) / (y - floor)) / slope)
            between = (y > floor) & (y < ceiling)
        return np.where(np.isnan(floor), np.nan, np.where(between, found, np.inf))

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights."""
        return _Rows.of(self, sample, y, weights).search(start)

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings about plateaus that the data do not show."""
        from scalelaw.fit.fit_result import Note

        floor, ceiling, midpoint, slope = result.estimates
        low, high = np.log10(result.x_range[0])
        found = []
        if floor <= 0:
            found.append(
                Note(
                    "floor_at_bound",
                    "info",
                    f"the floor is at its bound of 0: the data do not show where {self.y} ends",
                    {"floor": 0.0},
                )
            )
        outside = low - midpoint if midpoint < low else midpoint - high
        if outside > 0:
            plateau = "ceiling" if (midpoint < low) == (slope > 0) else "floor"
            found.append(
                Note(
                    "no_saturation_seen",
                    "warning",
                    f"the midpoint lies {outside:.2g} decades outside the data, so the {plateau} "
                    "rests on the form of the law alone; compare it with a FlooredPowerLaw",
                    {"decades": float(outside), "plateau": plateau, "ceiling": float(ceiling)},
                )
            )
        return found


@dataclass(frozen=True)
class _Rows:
    """Rows of weights in working units: ln x from 0 to 1 in order, y with a median of one."""

    law: Sigmoid
    u: Array
    y: Array
    weights: Array
    known: NDArray[np.bool_]
    origin: float
    span: float
    unit: float

    @classmethod
    def of(cls, law: Sigmoid, sample: Sample, y: Array, weights: Array) -> "_Rows":
        log_x = np.log(sample.x[:, 0])
        order = np.argsort(log_x, kind="stable")
        log_x = log_x[order]
        origin, span = float(log_x[0]), float(np.ptp(log_x))
        u = (log_x - origin) / span
        unit = float(np.median(sample.y))
        w = weights[:, order]
        known = present_values(u, w > 0)[1].sum(axis=1) >= 4
        return cls(law, u, np.atleast_2d(y)[:, order] / unit, w, known, origin, span, unit)

    @property
    def log(self) -> bool:
        return self.law.residuals == "log"

    def response(self, rows: NDArray[np.intp] | slice) -> Array:
        return self.y if len(self.y) == 1 else self.y[rows]

    def search(self, start: Array | None) -> Solutions:
        """Minimise the loss from starts on the grid, and from the estimate for all records."""
        b = len(self.weights)
        # Least squares tells less about where the valleys of robust losses are.
        robust = not isinstance(self.law.estimator, LeastSquares)
        count = 24 if start is None else 8 if robust else 3
        theta, usable, side = self._seeds(count, start is None or robust)
        if start is not None:
            mine = np.empty((b, 1, 4))
            mine[:, 0, 0] = start[0] / self.unit
            mine[:, 0, 1] = np.log((start[1] - start[0]) / self.unit)
            mine[:, 0, 2] = (start[2] * LN10 - self.origin) / self.span
            mine[:, 0, 3] = np.log(np.abs(start[3]) * self.span)
            theta = np.concatenate([mine, theta], axis=1)
            usable = np.concatenate([self.known[:, None], usable], axis=1)
            side = np.concatenate([np.full((b, 1), np.sign(start[3])), side], axis=1)
        estimator, unit = in_units(self.law.estimator, 1.0 if self.log else self.unit)
        row, column = np.nonzero(usable)
        sign = side[row, column]
        found = minimise(
            lambda params, at: self.evaluation(params, row[at], sign[at]),
            theta[row, column],
            self.weights[row],
            estimator,
            (0.0, -np.inf, -_BEYOND, np.log(_SLOPE_BOUNDS[0])),
            (np.inf, np.inf, 1 + _BEYOND, np.log(_SLOPE_BOUNDS[1])),
        )
        values, norms = np.full(usable.shape, np.inf), np.full(usable.shape, np.nan)
        values[row, column], norms[row, column] = found.loss, found.gradient_norm
        ends = np.full((*usable.shape, 4), np.nan)
        ends[row, column] = found.params
        best = values.argmin(axis=1)[:, None]
        value = np.take_along_axis(values, best, axis=1)
        params = np.take_along_axis(ends, best[:, :, None], axis=1)[:, 0]
        sides = np.take_along_axis(side, best, axis=1)[:, 0]
        bad = ~np.isfinite(value[:, 0]) | ~self._identified(params, sides)
        params[bad] = np.nan
        with np.errstate(invalid="ignore"):
            agree = (values <= value * (1 + 1e-6)).sum(axis=1).astype(np.float64)
        return Solutions(
            self.natural(params, sides),
            np.where(bad, np.nan, value[:, 0] * unit),
            np.take_along_axis(norms, best, axis=1)[:, 0],
            int(usable.sum(axis=1).max(initial=0)),
            agree,
        )

    def _identified(self, params: Array, sides: Array) -> NDArray[np.bool_]:
        slope = np.exp(params[:, 3])
        with np.errstate(all="ignore"):
            share = 1 / (1 + np.exp(slope[:, None] * (self.u - params[:, 2, None])))
        between = (share > 1e-7) & (share < 1 - 1e-7) & (self.weights > 0)
        values = present_values(self.u, between)[1].sum(axis=1)
        inside = (params[:, 2] > -_BEYOND) & (params[:, 2] < 1 + _BEYOND)
        inside &= (slope > 1.01 * _SLOPE_BOUNDS[0]) & (slope < 0.99 * _SLOPE_BOUNDS[1])
        # A height that rounding hides beside the floor is a constant, not a law.
        high = np.exp(params[:, 1]) > 1e-13 * np.maximum(params[:, 0], 1e-3)
        return np.asarray((values >= 2) & inside & high & (sides != 0))

    def _seeds(self, count: int, everywhere: bool) -> tuple[Array, NDArray[np.bool_], Array]:
        """Return `count` starts of each row, which of them exist, and the signs of their slopes.

        They are the lowest valleys of least squares on the grid and, if `everywhere`, a coarse
        part of the grid besides.
        """
        b, shape = len(self.weights), (len(_MIDPOINTS), len(_SLOPES))
        midpoint, slope = (v.ravel() for v in np.meshgrid(_MIDPOINTS, _SLOPES, indexing="ij"))
        share = 1 / (1 + np.exp(slope * (self.u[:, None] - midpoint)))
        share = np.minimum(share, 1.0)
        coarse = np.arange(share.shape[1]).reshape(shape)[3::7, 2::6].ravel()[: count // 2]
        theta = np.full((b, count, 4), np.nan)
        usable, side = np.zeros((b, count), dtype=bool), np.zeros((b, count))
        rows = np.flatnonzero(self.known)
        size = max(1, _CHUNK // max(share.shape[1], len(self.u)))
        for i in range(0, len(rows), size):
            part = rows[i : i + size]
            with np.errstate(all="ignore"):
                loss, floor, height = self._table(part, share)
            places = _lowest(loss.reshape(-1, *shape), count)
            if everywhere:
                places[:, -len(coarse) :] = coarse
            exists = (places >= 0) & np.isfinite(np.take_along_axis(loss, places, axis=1))
            f, h = (np.take_along_axis(v, places, axis=1) for v in (floor, height))
            h = np.where(exists, h, 1.0)
            bottom = np.maximum(np.minimum(f, f + h), 0.0)
            log = (np.log(np.abs(h)), midpoint[places], np.log(slope[places]))
            theta[part] = np.stack([bottom, *log], axis=2)
            usable[part], side[part] = exists, np.sign(h)
        return theta, usable, side

    def _table(self, rows: NDArray[np.intp], share: Array) -> tuple[Array, Array, Array]:
        """Return loss, end at high x and signed height of least squares on the grid."""
        y, w = self.response(rows), self.weights[rows]
        if self.log:
            w = w / (y * y)
        total = w.sum(axis=1, keepdims=True)
        middle = dot(w, y)[:, None] / total
        v = y - middle
        wv = w * v
        first = products(w, share)
        squares = products(w, share * share)
        cross = products(wv, share)
        square = dot(wv, v)[:, None]
        spread = squares - first * first / total
        height = cross / spread
        loss = square - height * cross
        end = middle - height * first / total
        # Where a plateau would be negative it is held at zero, and one amplitude remains.
        above = cross + middle * first
        whole = square + middle * middle * total
        falling = above / squares
        low = (end < 0) & (height > 0)
        rest = total - 2 * first + squares
        rising = (middle * total - above) / rest
        under = (end + height < 0) & (height < 0)
        loss = np.where(low, whole - falling * above, loss)
        loss = np.where(under, whole - rising * (middle * total - above), loss)
        end = np.where(low, 0.0, np.where(under, rising, end))
        height = np.where(low, falling, np.where(under, -rising, height))
        good = (spread > 1e-12 * total) & np.isfinite(loss) & (height != 0)
        return np.where(good, np.maximum(loss, 0.0), np.inf), end, height

    def evaluation(self, theta: Array, rows: NDArray[np.intp], sign: Array) -> Evaluation:
        """Return residuals at floor, log height, midpoint and log slope, with derivatives."""
        slope = (sign * np.exp(theta[:, 3]))[:, None]
        z = slope * (self.u - theta[:, 2, None])
        share = 1 / (1 + np.exp(z))
        part = np.exp(theta[:, 1, None]) * share
        fitted = theta[:, 0, None] + part
        p = part * (1 - share)
        bend = p * (1 - 2 * share)
        first = (np.ones(len(self.u)), part, p * slope, -p * z)
        bz = bend * z
        second = {
            (1, 1): part,
            (1, 2): first[2],
            (1, 3): first[3],
            (2, 2): bend * slope * slope,
            (2, 3): slope * (p - bz),
            (3, 3): z * (bz - p),
        }
        return law_evaluation(self.response(rows), fitted, first, second, self.log)

    def natural(self, theta: Array, sign: Array) -> Array:
        """Return floor, ceiling, log10 midpoint and slope in the units of the data."""
        with np.errstate(over="ignore", invalid="ignore"):
            ceiling = (theta[:, 0] + np.exp(theta[:, 1])) * self.unit
            midpoint = (theta[:, 2] * self.span + self.origin) / LN10
            slope = sign * np.exp(theta[:, 3]) / self.span
        return np.stack([theta[:, 0] * self.unit, ceiling, midpoint, slope], axis=1)


def _lowest(loss: Array, count: int) -> NDArray[np.intp]:
    """Return the flat positions of the lowest local minima on grids of shape (b, g, h).

    Shape (b, count), the lowest first; -1 where there are no more.
    """
    padded = np.pad(loss, ((0, 0), (1, 1), (1, 1)), constant_values=np.inf)
    valley = np.isfinite(loss)
    g, h = loss.shape[1:]
    for i in range(3):
        for j in range(3):
            if i != 1 or j != 1:
                valley &= loss <= padded[:, i : i + g, j : j + h]
    ranked = np.where(valley, loss, np.inf).reshape(len(loss), -1)
    order = np.argsort(ranked, axis=1, kind="stable")[:, :count]
    return np.where(np.isfinite(np.take_along_axis(ranked, order, axis=1)), order, -1)
