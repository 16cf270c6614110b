"""What a straight-line law gives beyond other laws: exact intervals in both directions."""

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.fit_result import Estimate, FitResult
from scalelaw.fit.losses import Huber, LeastSquares
from scalelaw.fit.model import Model, Solutions
from scalelaw.fit.resample import bca_interval, jackknife_covariance, percentile_interval
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from scalelaw.fit.line_law import LineLaw

Pair = tuple[float, float]


@dataclass(frozen=True, eq=False)
class LineResult(FitResult):
    """A fitted straight-line law.

    Intervals are exact for what is linear in the fitted line, and Fieller's for what is the
    inverse of it; both rest on the covariance of the line by group (CR3; of the bootstrap for
    quantiles) with t on groups - 1 degrees of freedom. Parameters beyond those of
    :class:`FitResult`:

    Parameters
    ----------
    r_squared : float
        Squared correlation of the two transformed variables.
    aicc : float
        Corrected Akaike criterion of the fitted direction, Gaussian; the residual variance counts
        as a parameter. NaN where it is not defined. Comparable between laws of one direction.
    reduced_chi_square : float
        Of errors in both variables; far above 1 means scatter beyond the stated errors. Else NaN.
    """

    r_squared: float = math.nan
    aicc: float = math.nan
    reduced_chi_square: float = math.nan

    @classmethod
    def build(
        cls, model: Model, sample: Sample, best: Solutions, left_out: Array, draws: Array
    ) -> "LineResult":
        """Assemble the result of a fit."""
        result: Any = super().build(model, sample, best, left_out, draws)
        law: LineLaw = result.law
        value, log_x = law.transform(sample.y), np.log10(sample.x[:, 0])
        moments = np.cov(log_x, value, aweights=sample.weights)
        set_ = object.__setattr__
        set_(result, "r_squared", float(moments[0, 1] ** 2 / (moments[0, 0] * moments[1, 1])))
        if law.direction in ("york", "deming"):
            line = law.to_line(best.params[0])
            set_(result, "reduced_chi_square", law.york(sample).reduced_chi_square(line))
        elif not law.errors_in_both and isinstance(law.estimator, LeastSquares):
            square = float(sample.weights @ law.sample_residual(sample, best.params[0]) ** 2)
            effects = law.n_effects(sample)
            set_(result, "aicc", _aicc(square, sample.n_records, len(best.params[0]) + effects + 1))
        return result  # type: ignore[no-any-return]

    @property
    def line(self) -> Array:
        """Coefficients of the line as fitted: intercept, slope, covariates."""
        return self.law.to_line(self.estimates)

    @property
    def line_covariance(self) -> Array:
        """Covariance of `line` by group."""
        if isinstance(self.model.estimator, LeastSquares | Huber):
            return jackknife_covariance(self.line, self.law.to_line(self.left_out))
        # The jackknife does not find the spread of quantiles.
        lines = self.law.to_line(self.draws[np.isfinite(self.draws).all(axis=1)])
        return np.cov(lines, rowvar=False)

    @property
    def covariance_kind(self) -> str:
        """How `line_covariance` was found."""
        return "cr3" if isinstance(self.model.estimator, LeastSquares | Huber) else "bootstrap"

    @property
    def interval_method(self) -> str:
        """How the default intervals are found."""
        return self.covariance_kind

    @property
    def decades(self) -> float:
        """Decades of the predictor that the data span."""
        low, high = self.x_range[0]
        return math.log10(high / low)

    @property
    def p_value(self) -> float:
        """Two-sided p value of a slope of zero, t with `df` degrees of freedom."""
        from scipy.special import stdtr

        variance = self.line_covariance[1, 1]
        if variance == 0:
            return 0.0
        return float(2 * stdtr(self.df, -abs(self.line[1]) / math.sqrt(variance)))

    @property
    def std_errors(self) -> "pd.Series[float]":
        """Standard errors of `params`; by the delta method where the fit is inverted."""
        law = self.law
        line, step = self.line, 1e-6
        shifts = np.diag(step * np.maximum(1.0, np.abs(line)))
        back = law.from_line(np.concatenate([line + shifts, line - shifts]))
        jacobian = (back[: len(line)] - back[len(line) :]) / (2 * np.diag(shifts)[:, None])
        variance = jacobian.T @ self.line_covariance @ jacobian
        return self.params * 0 + np.sqrt(np.diag(variance))

    def conf_int(self, level: float = 0.95, method: str = "analytic") -> "pd.DataFrame":
        """Return intervals of `params`, columns ``lower`` and ``upper``.

        Parameters
        ----------
        level : float
            Level.
        method : str
            ``analytic``, or one of the methods of :meth:`FitResult.conf_int`. Analytic intervals
            of a slope that was fitted inverted are the inverted interval of the fitted slope, and
            unbounded if that may be zero; those of the intercept then are Fieller's.
        """
        import pandas as pd

        if method != "analytic":
            return super().conf_int(level, method)
        t = self._t(level)
        covariance = self.line_covariance
        half = t * np.sqrt(np.diag(covariance))
        bounds = np.stack([self.line - half, self.line + half], axis=1)
        if self.law.inverted:
            bounds[1] = _reciprocal(*bounds[1])
            # Where log10 x is 0, covariates being 0.
            low, high = self._inverse_interval(np.zeros(1), np.zeros((1, len(half) - 2)), t, 0.0)
            bounds[0] = low[0], high[0]
            if len(half) > 2:
                others = super().conf_int(level, "jackknife").to_numpy()
                bounds[2:] = others[2:]
        # The reported parameters differ from the law's coefficients in sign at most.
        signs = self.law.to_params(np.ones(len(half)))
        ordered = np.sort(bounds * signs[:, None], axis=1)
        names = list(self.model.param_names)
        return pd.DataFrame(ordered, index=names, columns=["lower", "upper"])

    def cost_exponent(self, level: float = 0.95, method: str = "analytic") -> Estimate:
        """Return the exponent of x in 1/y: to divide y by K takes K to this power times x.

        For an exponential law, the decades of x for a unit of 1/y.

        Parameters
        ----------
        level : float
            Level.
        method : {"analytic", "percentile", "bca"}
            ``analytic`` is exact for a line of x on y; the inverse of the slope's interval, without
            bounds if the slope may be zero, for one of y on x.
        """
        law = self.law
        sign = law.to_params(np.ones(len(self.estimates)))[1]
        slope = float(self.line[1])

        def bounds(low: float, high: float) -> Pair:
            if not law.inverted:
                low, high = _reciprocal(low, high)
            pair = sorted((sign * low, sign * high))
            return pair[0], pair[1]

        value = sign * (slope if law.inverted else 1 / slope)
        if method == "analytic":
            half = self._t(level) * math.sqrt(self.line_covariance[1, 1])
            low, high = bounds(slope - half, slope + half)
        elif method in ("percentile", "bca"):
            draws = law.to_line(self.draws)[:, 1]
            left_out = law.to_line(self.left_out)[:, 1]
            low, high = bounds(
                *(
                    percentile_interval(draws, level)
                    if method == "percentile"
                    else bca_interval(slope, draws, left_out, level)
                )
            )
        else:
            raise ValueError("method must be one of analytic, percentile, bca")
        name = f"exponent of {law.x} in 1/{law.y}"
        kind = self.covariance_kind if method == "analytic" else method
        return Estimate(name, float(value), low, high, level, kind)

    @property
    def cost_exponent_sd(self) -> float:
        """Standard error of :meth:`cost_exponent`; by the delta method for a line of y on x."""
        sd = math.sqrt(self.line_covariance[1, 1])
        return sd if self.law.inverted else sd / float(self.line[1]) ** 2

    def left_out_cost_exponents(self) -> Array:
        """Return :meth:`cost_exponent` without each group, shape (G,)."""
        sign = self.law.to_params(np.ones(len(self.estimates)))[1]
        slopes = self.law.to_line(self.left_out)[:, 1]
        return np.asarray(sign * (slopes if self.law.inverted else 1 / slopes))

    def predict(
        self, x: "ArrayLike | pd.DataFrame", level: float = 0.95, method: str = "analytic"
    ) -> "pd.DataFrame":
        """Return the response at predictors, as :meth:`FitResult.predict`.

        Analytic intervals are exact for a line of y on x and Fieller's for one of x on y: all
        responses that are compatible with the predictor, without bounds where the slope may be
        zero.
        """
        if method != "analytic":
            return super().predict(x, level, method)
        frame = super().predict(x, level, "jackknife")
        law = self.law
        at = frame[list(law.x_names)].to_numpy()
        log_x, others = np.log10(at[:, 0]), at[:, 1:]
        interval = self._inverse_interval if law.inverted else self._direct_interval
        t = self._t(level)
        for ends, extra in (("", 0.0), ("prediction_", self.residual_sd**2)):
            pair = [law.untransform(v) for v in interval(log_x, others, t, extra)]
            frame[f"{ends}lower"], frame[f"{ends}upper"] = np.minimum(*pair), np.maximum(*pair)
        return frame

    def predict_x(self, y: "ArrayLike", level: float = 0.95, **covariates: float) -> "pd.DataFrame":
        """Return the predictor at which the line reaches responses, such as compute for an error.

        Parameters
        ----------
        y : float or array of float
            Responses.
        level : float
            Level of both intervals.
        **covariates
            Values of the covariates, each of which is needed.

        Returns
        -------
        pandas.DataFrame
            Columns of y and x; ``lower``, ``upper`` (of the line); ``prediction_lower``,
            ``prediction_upper`` (of a new record); a line of y on x has Fieller's intervals, 0 to
            infinity where its slope may be zero; ``extrapolated`` (whether y lies outside the
            data); ``decades_beyond`` (of x; 0 within its range).
        """
        import pandas as pd

        law = self.law
        if set(covariates) != set(law.covariates):
            raise ValueError(f"give each covariate a value: {', '.join(law.covariates) or 'none'}")
        response = np.atleast_1d(np.asarray(y, dtype=np.float64))
        if not (np.isfinite(response).all() and (response > 0).all()):
            raise ValueError("responses must be positive and finite")
        at = np.array([covariates[name] for name in law.covariates], dtype=np.float64)
        others = np.broadcast_to(at, (len(response), len(at)))
        value = law.transform(response)
        coefficients = law.to_law(self.estimates)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_x = (value - coefficients[0] - others @ coefficients[2:]) / coefficients[1]
        t = self._t(level)
        interval = self._direct_interval if law.inverted else self._inverse_interval
        lower, upper = interval(value, others, t, 0.0)
        new_lower, new_upper = interval(value, others, t, self.residual_sd**2)
        low, high = np.log10(self.x_range[0])
        with np.errstate(over="ignore"):
            return pd.DataFrame(
                {
                    law.y: response,
                    law.x: 10**log_x,
                    "lower": 10**lower,
                    "upper": 10**upper,
                    "prediction_lower": 10**new_lower,
                    "prediction_upper": 10**new_upper,
                    "extrapolated": (response < self.y_range[0]) | (response > self.y_range[1]),
                    "decades_beyond": np.maximum(0, np.maximum(log_x - high, low - log_x)),
                }
            )

    def x_for(
        self, y: float, level: float = 0.95, method: str = "analytic", **covariates: float
    ) -> Estimate:
        """Return the predictor at which the law reaches a response; see :meth:`predict_x`."""
        law = self.law
        if method != "analytic":
            if covariates:
                raise ValueError("with covariates only the analytic interval is known")
            return super().x_for(y, level, method)
        row = self.predict_x(y, level, **covariates).iloc[0]
        kind = self.covariance_kind if law.inverted else f"fieller, {self.covariance_kind}"
        name = f"{law.x} for {law.y} = {y:g}"
        return Estimate(
            name, float(row[law.x]), float(row["lower"]), float(row["upper"]), level, kind
        )

    def summary(self, level: float = 0.95) -> str:
        """Return a short text table of the fit."""
        bounds = self.conf_int(level)
        found = self.cost_exponent(level)
        values = [*self.params.items(), (found.name, found.value)]
        ends = [*bounds.itertuples(index=False), (found.lower, found.upper)]
        wide = max(len(str(name)) for name, _ in values)
        lines = [
            f"{type(self.model).__name__}, {self.law.direction}: {self.law.y} and {self.law.x}",
            f"  records {self.n_records}, groups {self.n_groups}, {self.decades:.1f} decades of "
            f"{self.law.x}, R2 {self.r_squared:.2f}, p {self.p_value:.2g}",
            *(
                f"  {name:<{wide}} {value:>11.4g}  {level:.0%} interval [{low:.4g}, {high:.4g}]"
                for (name, value), (low, high) in zip(values, ends, strict=True)
            ),
            f"  intervals: {found.method} by group, t with {self.df} degrees of freedom",
        ]
        lines += [f"  {note.severity}: {note.message}" for note in self.warnings]
        return "\n".join(lines)

    def plot(self, ax: "Axes | None" = None, level: float = 0.95) -> "Axes":
        """Draw the line and its band, response against predictor on logarithmic axes."""
        # Not an import statement: a change of the figures must not make fits out of date.
        axes: Axes = import_module("scalelaw.plotting").draw_law(self, ax, level)
        return axes

    def halving_time(self, year: str = "year", level: float = 0.95) -> Estimate:
        """Return the years in which the x that a given y needs halves, by a covariate of time.

        Parameters
        ----------
        year : str
            The covariate.
        level : float
            Level of the interval: of the ratio of the two coefficients by Fieller, inverted.

        Raises
        ------
        NotIdentifiedError
            If the law has no such covariate.
        """
        law = self.law
        if year not in law.covariates:
            raise NotIdentifiedError(f'the law has no covariate "{year}"; add it to covariates')
        position = 2 + law.covariates.index(year)
        line, covariance = self.line, self.line_covariance
        t, two = self._t(level), math.log10(2)
        rate = line[position] if law.inverted else -line[position] / line[1]
        if law.inverted:
            half = t * math.sqrt(covariance[position, position])
            ends = (rate - half, rate + half)
        else:
            chosen = np.ix_([position, 1], [position, 1])
            ends = _fieller(-line[position], line[1], covariance[chosen] * [[1, -1], [-1, 1]], t)
        low, high = _reciprocal(*sorted((-ends[0] / two, -ends[1] / two)))
        name = f"{year}s in which the {law.x} for a given {law.y} halves"
        kind = self.covariance_kind if law.inverted else f"fieller, {self.covariance_kind}"
        return Estimate(name, float(-two / rate), low, high, level, kind)

    @classmethod
    def from_json(cls, text: str) -> "LineResult":
        """Return the result of a straight-line law stored by :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is not such a result.
        """
        result = FitResult.from_json(text)
        if not isinstance(result, cls):
            raise ValueError("not a stored fit of a straight-line law")
        return result

    @property
    def law(self) -> "LineLaw":
        """The specification, `model`."""
        return self.model  # type: ignore[return-value]

    def _direct_interval(
        self, regressor: Array, others: Array, t: float, extra: float
    ) -> tuple[Array, Array]:
        row = np.column_stack([np.ones_like(regressor), regressor, others])
        variance = np.einsum("mp,pq,mq->m", row, self.line_covariance, row)
        half = t * np.sqrt(variance + extra)
        centre = row @ self.line
        return centre - half, centre + half

    def _inverse_interval(
        self, response: Array, others: Array, t: float, extra: float
    ) -> tuple[Array, Array]:
        """Return the regressor whose fitted response is compatible with a response (Fieller)."""
        covariance, line = self.line_covariance, self.line
        row = np.column_stack([np.ones_like(response), np.zeros_like(response), others])
        a, b = row @ line, line[1]
        v00 = np.einsum("mp,pq,mq->m", row, covariance, row)
        v01, v11 = row @ covariance[:, 1], covariance[1, 1]
        # The compatible values solve p L^2 + 2 q L + r <= 0.
        p = b * b - t * t * v11
        if p <= 0:
            return np.full_like(response, -np.inf), np.full_like(response, np.inf)
        q = b * (a - response) - t * t * v01
        r = (a - response) ** 2 - t * t * (v00 + extra)
        half = np.sqrt(np.maximum(q * q - p * r, 0.0)) / p
        return -q / p - half, -q / p + half


def _reciprocal(low: float, high: float) -> Pair:
    """Return the interval of 1/value, unbounded if the value may be zero."""
    if low <= 0 <= high:
        return -math.inf, math.inf
    return 1 / high, 1 / low


def _fieller(a: float, b: float, covariance: Array, t: float) -> Pair:
    """Return Fieller's interval of a/b, unbounded if b may be zero."""
    p = b * b - t * t * covariance[1, 1]
    if p <= 0:
        return -math.inf, math.inf
    q = -(a * b - t * t * covariance[0, 1])
    r = a * a - t * t * covariance[0, 0]
    half = math.sqrt(max(q * q - p * r, 0.0)) / p
    return -q / p - half, -q / p + half


def _aicc(square: float, n: int, k: int) -> float:
    """Return AICc of Gaussian residuals with a sum of squares, of k parameters in all."""
    if n <= k + 1 or square <= 0:
        return math.nan
    log_likelihood = -n / 2 * (math.log(2 * math.pi * square / n) + 1)
    return 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / (n - k - 1)
