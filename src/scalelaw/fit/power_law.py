"""The power law and the exponential, as straight lines."""

from dataclasses import dataclass

import numpy as np

from scalelaw.fit.line_law import LineLaw
from scalelaw.fit.sample import Array


@dataclass(frozen=True)
class PowerLaw(LineLaw):
    """Power law ``y = 10^log10_scale * x^-exponent``, a line of log10 y in log10 x.

    See :class:`scalelaw.fit.line_law.LineLaw` for the parameters. A covariate multiplies y by
    10^(coefficient * covariate). With ``Pinball(tau)`` as the estimator it is a quantile
    regression: with tau = 0.1, the frontier of low error.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "compute": [1e16, 1e18, 2e20, 1e22, 3e23, 1e20],
    ...     "error": [0.40, 0.25, 0.16, 0.10, 0.06, 0.15],
    ...     "paper": ["a", "b", "c", "d", "e", "f"],
    ... })
    >>> law = PowerLaw("compute", "error", direction="x_on_y").fit(data, groups="paper")
    >>> round(law.cost_exponent().value, 1)
    9.2
    """

    @property
    def param_names(self) -> tuple[str, ...]:
        """``log10_scale``, ``exponent`` and the covariates."""
        return ("log10_scale", "exponent", *self.covariates)

    @property
    def minimises_log_y(self) -> bool:
        """Of y on x, without entities."""
        return self.direction == "y_on_x" and self.effects is None

    def transform(self, y: Array) -> Array:
        """Return log10 y."""
        return np.log10(y)

    def untransform(self, value: Array) -> Array:
        """Return 10 to the value."""
        with np.errstate(over="ignore"):
            return np.asarray(10.0**value)

    def to_params(self, law: Array) -> Array:
        """Return the coefficients with the sign of the slope turned."""
        return law * np.where(np.arange(law.shape[-1]) == 1, -1.0, 1.0)

    def to_law(self, params: Array) -> Array:
        """Return the coefficients with the sign of the exponent turned."""
        return self.to_params(params)


@dataclass(frozen=True)
class ExponentialLaw(LineLaw):
    """Compute exponential in 1/y: ``1/y = intercept + slope * log10 x``.

    Every decade of x lowers the response by the same step of 1/y, so that x grows as
    10^(1 / (slope y)): the exponential alternative of Thompson et al. (2020). See
    :class:`scalelaw.fit.line_law.LineLaw` for the parameters.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"compute": [1e16, 1e17, 1e18, 1e19, 1e20, 1e21]})
    >>> data["error"] = 1 / (2.0 + 0.5 * (data.index + [0.01, 0, -0.01, 0, 0.01, 0]))
    >>> law = ExponentialLaw().fit(data)
    >>> round(float(law.params["slope"]), 2)
    0.5
    """

    @property
    def param_names(self) -> tuple[str, ...]:
        """``intercept``, ``slope`` and the covariates."""
        return ("intercept", "slope", *self.covariates)

    def transform(self, y: Array) -> Array:
        """Return 1 / y."""
        return 1 / np.asarray(y, dtype=np.float64)

    def untransform(self, value: Array) -> Array:
        """Return 1 / value, infinite where the law gives none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(value > 0, 1 / value, np.inf)

    def to_params(self, law: Array) -> Array:
        """Return the coefficients."""
        return law

    def to_law(self, params: Array) -> Array:
        """Return the coefficients."""
        return params
