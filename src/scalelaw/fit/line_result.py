"""What a straight-line law gives beyond other laws: exact intervals in both directions."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.fit_result import Estimate, FitResult
from scalelaw.fit.linear import LinearFit
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.model import Model, Solutions
from scalelaw.fit.resample import (
    RADEMACHER,
    WEBB,
    bca_interval,
    jackknife_covariance,
    percentile_interval,
)
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    import pandas as pd
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
        Of York's line; far above 1 means scatter beyond the stated errors. Else NaN.
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
        if law.direction == "york":
            line = law.to_line(best.params[0])
            set_(result, "reduced_chi_square", law.york(sample).reduced_chi_square(line))
        elif not law.errors_in_both and isinstance(law.estimator, LeastSquares):
            residual = law.sample_residual(sample, best.params[0])
            k = len(best.params[0]) + law.n_effects(sample) + 1
            set_(result, "aicc", gaussian_aicc(residual, sample.weights, k))
        return result  # type: ignore[no-any-return]

    @property
    def line(self) -> Array:
        """Coefficients of the line as fitted: intercept, slope, covariates."""
        return self.law.to_line(self.estimates)

    @property
    def line_covariance(self) -> Array:
        """Covariance of `line` by group."""
        if isinstance(self.model.estimator, LeastSquares):
            return jackknife_covariance(self.line, self.law.to_line(self.left_out))
        # The jackknife does not find the spread of quantiles and robust lines.
        lines = self.law.to_line(self.draws[np.isfinite(self.draws).all(axis=1)])
        if len(lines) < 2:
            return np.full((len(self.estimates),) * 2, np.nan)
        return np.cov(lines, rowvar=False)

    @property
    def covariance_kind(self) -> str:
        """How `line_covariance` was found."""
        return "cr3" if isinstance(self.model.estimator, LeastSquares) else "bootstrap"

    @property
    def decades(self) -> float:
        """Decades of the predictor that the data span."""
        low, high = self.x_range[0]
        return math.log10(high / low)

    @property
    def p_value(self) -> float:
        """Two-sided p value of a slope of zero, t with `df` degrees of freedom.

        NaN for the reduced major axis, whose slope is the ratio of two standard deviations: it is
        not zero however little the variables have to do with each other.
        """
        from scipy.special import stdtr

        if self.law.direction == "rma":
            return math.nan
        variance = self.line_covariance[1, 1]
        if variance == 0:
            return 0.0
        return float(2 * stdtr(self.df, -abs(self.line[1]) / math.sqrt(variance)))

    @property
    def std_errors(self) -> "pd.Series[float]":
        """Standard errors of `params`; by the delta method where the fit is inverted."""
        law = self.law
        line = self.line
        shifts = np.diag(1e-6 * np.where(line == 0, 1.0, np.abs(line)))
        back = law.from_line(np.concatenate([line + shifts, line - shifts]))
        jacobian = (back[: len(line)] - back[len(line) :]) / (2 * np.diag(shifts)[:, None])
        variance = jacobian.T @ self.line_covariance @ jacobian
        return self.params * 0 + np.sqrt(np.diag(variance))

    def param(self, name: str, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return one parameter with its interval.

        Parameters
        ----------
        name : str
            One of ``model.param_names``.
        level : float
            Level of the interval.
        method : str, optional
            One of the methods of :meth:`FitResult.param`. By default the interval is exact for
            what was fitted; that of a slope that was fitted inverted is the inverted interval of
            the fitted slope, without bounds if that may be zero, and that of the intercept then is
            Fieller's.
        """
        if method is not None:
            return super().param(name, level, method)
        if name not in self.model.param_names:
            raise ValueError(f"name must be one of {', '.join(self.model.param_names)}")
        position, t = self.model.param_names.index(name), self._t(level)
        value, kind = float(self.estimates[position]), self.covariance_kind
        half = t * math.sqrt(self.line_covariance[position, position])
        low, high = float(self.line[position]) - half, float(self.line[position]) + half
        if self.law.inverted:
            if position > 1:
                return super().param(name, level, "jackknife")
            if position == 1:
                low, high = _reciprocal(low, high)
            else:
                # Where log10 x is 0, covariates being 0.
                others = np.zeros((1, len(self.line) - 2))
                ends = self._inverse_interval(np.zeros(1), others, t, 0.0)
                low, high, kind = float(ends[0][0]), float(ends[1][0]), f"fieller, {kind}"
        # The reported parameters differ from the law's coefficients in sign at most.
        sign = self.law.to_params(np.ones(len(self.line)))[position]
        low, high = sorted((sign * low, sign * high))
        return Estimate(name, value, low, high, level, kind)

    def linear_fit(self) -> LinearFit:
        """Return the regression behind a line of y on x or x on y.

        :func:`scalelaw.fit.covariance.sandwich`, :func:`~scalelaw.fit.covariance.wild_bootstrap`
        and :func:`~scalelaw.fit.covariance.diagnose` take it; its second column is the slope.

        Raises
        ------
        NotIdentifiedError
            If the result was stored without data, or the line is no least-squares regression.
        """
        if self.sample is None:
            raise NotIdentifiedError("the result was stored without data; fit again")
        return self.law.regression(self.sample)

    def fitted_slope(self, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return the slope of the line as fitted, in its own direction.

        Parameters
        ----------
        level : float
            Level.
        method : str, optional
            By default CR3 with t on groups - 1 degrees of freedom (the covariance of the bootstrap
            for losses other than least squares). Others: ``HC0`` to ``HC3``; ``CR0`` to ``CR3``
            (CR2 with Bell and McCaffrey's degrees of freedom); ``wild-rademacher`` and
            ``wild-webb`` (wild cluster bootstrap, restricted); ``percentile`` or ``bca``
            (pairs-cluster bootstrap).
        """
        slope = float(self.line[1])
        kind = method or self.covariance_kind
        if method is None:
            half = self._t(level) * math.sqrt(self.line_covariance[1, 1])
            low, high = slope - half, slope + half
        elif method == "percentile":
            low, high = percentile_interval(self.law.to_line(self.draws)[:, 1], level)
        elif method == "bca":
            draws, left_out = (self.law.to_line(v)[:, 1] for v in (self.draws, self.left_out))
            low, high = bca_interval(slope, draws, left_out, level)
        else:
            low, high = self._robust_interval(level, method)
        return Estimate("slope", slope, low, high, level, kind)

    def cost_exponent(self, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return the exponent of x in 1/y: to divide y by K takes K to this power times x.

        For an exponential law, the decades of x for a unit of 1/y.

        Parameters
        ----------
        level : float
            Level.
        method : str, optional
            One of the methods of :meth:`fitted_slope`, whose interval it is for a line of x on y;
            for one of y on x it is the inverse of that, without bounds if the slope may be zero.
        """
        law, slope = self.law, self.fitted_slope(level, method)
        sign = law.to_params(np.ones(len(self.estimates)))[1]
        low, high, value = slope.lower, slope.upper, slope.value
        if not law.inverted:
            (low, high), value = _reciprocal(low, high), 1 / value
        low, high = sorted((sign * low, sign * high))
        name = f"exponent of {law.x} in 1/{law.y}"
        return Estimate(name, float(sign * value), low, high, level, slope.method)

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
        self, x: "ArrayLike | pd.DataFrame", level: float = 0.95, method: str | None = None
    ) -> "pd.DataFrame":
        """Return the response at predictors, as :meth:`FitResult.predict`.

        By default intervals are exact for a line of y on x and Fieller's for one of x on y: all
        responses that are compatible with the predictor, without bounds where the slope may be
        zero.
        """
        frame = super().predict(x, level, method or "jackknife")
        law, t = self.law, self._t(level)
        if method is not None:
            # Residuals are those of the line, whose scale is neither ln y nor always g(y).
            sd = self.new_record_sd / (abs(self.line[1]) if law.inverted else 1.0)
            with np.errstate(divide="ignore"):
                rises = np.sign(law.transform(np.array(2.0)) - law.transform(np.array(1.0)))
                centre = law.transform(frame["predicted"].to_numpy())
                for end, turn in (("lower", -rises), ("upper", rises)):
                    width = np.hypot(law.transform(frame[end].to_numpy()) - centre, t * sd)
                    frame[f"prediction_{end}"] = law.untransform(centre + turn * width)
            return frame
        at = frame[list(law.x_names)].to_numpy()
        log_x, others = np.log10(at[:, 0]), at[:, 1:]
        interval = self._inverse_interval if law.inverted else self._direct_interval
        for ends, extra in (("", 0.0), ("prediction_", self.new_record_sd**2)):
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
        new_lower, new_upper = interval(value, others, t, self.new_record_sd**2)
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
        self, y: float, level: float = 0.95, method: str | None = None, **covariates: float
    ) -> Estimate:
        """Return the predictor at which the law reaches a response; see :meth:`predict_x`."""
        law = self.law
        if method is not None:
            if covariates or law.covariates:
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
            f"{self.law.x}, R2 {self.r_squared:.2f}"
            + ("" if math.isnan(self.p_value) else f", p {self.p_value:.2g}"),
            *(
                f"  {name:<{wide}} {value:>11.4g}  {100 * level:.4g}% interval "
                f"[{low:.4g}, {high:.4g}]"
                for (name, value), (low, high) in zip(values, ends, strict=True)
            ),
            f"  intervals: {found.method} by group, t with {self.df} degrees of freedom",
        ]
        lines += [f"  {note.severity}: {note.message}" for note in self.warnings]
        return "\n".join(lines)

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

    def _robust_interval(self, level: float, method: str) -> Pair:
        from scalelaw.fit.covariance import KINDS, sandwich, wild_bootstrap

        wild = {"wild-rademacher": RADEMACHER, "wild-webb": WEBB}
        if method not in (*KINDS, *wild):
            known = (*KINDS, *wild, "percentile", "bca")
            raise ValueError(f"method must be one of {', '.join(known)}")
        fit = self.linear_fit()
        slope = np.eye(fit.n_params)[1]
        if method in wild:
            test = wild_bootstrap(fit, slope, multipliers=wild[method], level=level)
            return test.lower, test.upper
        return sandwich(fit, method).interval(slope, level)

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


def gaussian_aicc(residual: Array, weights: Array, k: int) -> float:
    """Return AICc of Gaussian residuals of variance inverse to weights, of k parameters in all."""
    n = len(residual)
    # The geometric mean of the weights is what their logarithms add to the likelihood.
    square = float(weights @ residual**2 / np.exp(np.log(weights).mean()))
    if n <= k + 1 or square <= 0:
        return math.nan
    log_likelihood = -n / 2 * (math.log(2 * math.pi * square / n) + 1)
    return 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / (n - k - 1)
