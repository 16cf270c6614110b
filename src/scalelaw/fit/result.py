"""What a fit gives: labelled, immutable, and stored as JSON."""

import json
import math
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from scalelaw.fit.estimators import Array

FORMAT = 1

Pair = tuple[float, float]


@dataclass(frozen=True)
class Bootstrap:
    """Percentile interval of the slope over pairs-cluster bootstrap replicates."""

    level: float
    replicates: int
    failed: int
    slope_lower: float
    slope_upper: float


@dataclass(frozen=True)
class Forms:
    """AICc of ``log C`` linear in ``log 1/e`` (power) and in ``1/e`` (exponential)."""

    power_aicc: float
    exponential_aicc: float
    exponential_r_squared: float

    @property
    def preferred(self) -> str:
        """The form of lower AICc."""
        return "power" if self.power_aicc <= self.exponential_aicc else "exponential"


@dataclass(frozen=True)
class PowerLawResult:
    """A fitted power law of compute in error, ``C = A * (1/e)^exponent``.

    Parameters
    ----------
    direction : str
        Direction of the fit, see :class:`scalelaw.fit.PowerLaw`.
    line : pair of float
        Intercept and slope as fitted: of log10 C on log10(1/e), or, in the direction
        ``error_on_compute``, of log10(1/e) on log10 C.
    line_covariance : 2 x 2 floats
        CR3 covariance of `line`, clustered by group.
    n_records : int
        Records fitted.
    groups : tuple of str
        Groups (papers), in order of appearance.
    records_by_group : tuple of int
        Records of each group.
    left_out_slopes : tuple of float
        Slope without each group.
    residual_sd : float
        Standard deviation of the residuals of the fitted variable, in decades.
    r_squared : float
        Squared correlation of log10 C and log10(1/e).
    error_range, compute_range : pair of float
        Smallest and largest value in the data.
    bootstrap : Bootstrap
        Pairs-cluster bootstrap interval of the slope.
    forms : Forms or None
        Power against exponential form, in the direction ``compute_on_error``.
    reduced_chi_square : float or None
        Of a York fit; far above 1 means scatter beyond the stated errors.
    """

    direction: str
    line: Pair
    line_covariance: tuple[Pair, Pair]
    n_records: int
    groups: tuple[str, ...]
    records_by_group: tuple[int, ...]
    left_out_slopes: tuple[float, ...]
    residual_sd: float
    r_squared: float
    error_range: Pair
    compute_range: Pair
    bootstrap: Bootstrap
    forms: Forms | None = None
    reduced_chi_square: float | None = None

    @property
    def inverted(self) -> bool:
        """Whether the fitted slope is one over the exponent."""
        return self.direction == "error_on_compute"

    @property
    def exponent(self) -> float:
        """Exponent of compute in 1/error."""
        return 1 / self.line[1] if self.inverted else self.line[1]

    @property
    def intercept(self) -> float:
        """log10 of the compute at error 1, in log10 FLOP."""
        return -self.line[0] / self.line[1] if self.inverted else self.line[0]

    @property
    def df(self) -> int:
        """Degrees of freedom of intervals: groups less one."""
        return len(self.groups) - 1

    @property
    def decades_compute(self) -> float:
        """Decades of compute that the data span."""
        return math.log10(self.compute_range[1] / self.compute_range[0])

    @property
    def params(self) -> "pd.Series[float]":
        """Intercept (log10 FLOP at error 1) and exponent."""
        import pandas as pd

        return pd.Series({"intercept": self.intercept, "exponent": self.exponent})

    @property
    def std_errors(self) -> "pd.Series[float]":
        """Standard errors of `params`; by the delta method where the fit is inverted."""
        import pandas as pd

        v = np.array(self.line_covariance)
        if self.inverted:
            a, b = self.line
            jacobian = np.array([[-1 / b, a / b**2], [0.0, -1 / b**2]])
            v = jacobian @ v @ jacobian.T
        return pd.Series(np.sqrt(np.diag(v)), index=["intercept", "exponent"])

    @property
    def p_value(self) -> float:
        """Two-sided p value of a slope of zero, t with `df` degrees of freedom."""
        from scipy.special import stdtr

        variance = self.line_covariance[1][1]
        if variance == 0:
            return 0.0
        t = abs(self.line[1]) / math.sqrt(variance)
        return float(2 * stdtr(self.df, -t))

    def conf_int(self, level: float = 0.95) -> "pd.DataFrame":
        """Return intervals of `params`, columns ``lower`` and ``upper``.

        The exponent of an inverted fit has the inverted interval of its slope; if that slope may
        be zero, the exponent has no bounds. Its intercept has Fieller's interval, likewise.
        """
        import pandas as pd

        t = self._t(level)
        slope_se = math.sqrt(self.line_covariance[1][1])
        exponent = self._to_exponent(self.line[1] - t * slope_se, self.line[1] + t * slope_se)
        half = t * self.std_errors["intercept"]
        intercept = (self.intercept - half, self.intercept + half)
        if self.inverted:
            lower, upper = self._inverse_interval(np.zeros(1), t, 0.0)
            intercept = float(lower[0]), float(upper[0])
        return pd.DataFrame(
            [intercept, exponent], index=["intercept", "exponent"], columns=["lower", "upper"]
        )

    def bootstrap_interval(self) -> Pair:
        """Return the pairs-cluster bootstrap interval of the exponent, at its stored level."""
        return self._to_exponent(self.bootstrap.slope_lower, self.bootstrap.slope_upper)

    def left_out_exponents(self) -> "pd.DataFrame":
        """Return the exponent without each group: columns ``group, n_records, exponent``."""
        import pandas as pd

        slopes = np.array(self.left_out_slopes)
        return pd.DataFrame(
            {
                "group": self.groups,
                "n_records": [self.n_records - n for n in self.records_by_group],
                "exponent": 1 / slopes if self.inverted else slopes,
            }
        )

    def predict(self, error: "ArrayLike", level: float = 0.95) -> "pd.DataFrame":
        """Return the compute at which the fitted line reaches given errors.

        Parameters
        ----------
        error : float or array of float
            Errors as fractions.
        level : float
            Level of both intervals.

        Returns
        -------
        pandas.DataFrame
            Columns ``error``; ``compute`` in FLOP; ``lower``, ``upper`` (of the line);
            ``prediction_lower``, ``prediction_upper`` (of a new record); an inverted fit has
            Fieller's intervals, 0 to infinity where its slope may be zero; ``extrapolated``
            (whether the error lies outside the data); ``decades_beyond`` (of compute, above the
            largest or below the smallest in the data; 0 within).
        """
        import pandas as pd

        e = np.atleast_1d(np.asarray(error, dtype=np.float64))
        if not ((e > 0) & (e < 1)).all():
            raise ValueError("errors must lie between 0 and 1; divide percentages by 100")
        x = -np.log10(e)
        log_c = self.intercept + self.exponent * x
        t = self._t(level)
        interval = self._inverse_interval if self.inverted else self._direct_interval
        lower, upper = interval(x, t, 0.0)
        new_lower, new_upper = interval(x, t, self.residual_sd**2)
        low, high = np.log10(self.compute_range)
        with np.errstate(over="ignore"):
            return pd.DataFrame(
                {
                    "error": e,
                    "compute": 10**log_c,
                    "lower": 10**lower,
                    "upper": 10**upper,
                    "prediction_lower": 10**new_lower,
                    "prediction_upper": 10**new_upper,
                    "extrapolated": (e < self.error_range[0]) | (e > self.error_range[1]),
                    "decades_beyond": np.maximum(0, np.maximum(log_c - high, low - log_c)),
                }
            )

    def summary(self, level: float = 0.95) -> str:
        """Return a short text table of the fit."""
        low, high = self.conf_int(level).loc["exponent"]
        boot_low, boot_high = self.bootstrap_interval()
        return "\n".join(
            [
                f"power law, {self.direction.replace('_', ' ')}",
                f"  records {self.n_records}, papers {len(self.groups)}, "
                f"{self.decades_compute:.1f} decades of compute",
                f"  exponent {self.exponent:.2f}, {level:.0%} interval [{low:.2f}, {high:.2f}] "
                f"(CR3 by paper, t with {self.df} df)",
                f"  bootstrap {self.bootstrap.level:.0%} interval "
                f"[{boot_low:.2f}, {boot_high:.2f}] ({self.bootstrap.replicates} replicates, "
                f"{self.bootstrap.failed} degenerate)",
                f"  R2 {self.r_squared:.2f}, p {self.p_value:.2g}",
            ]
        )

    def plot(self, ax: "Axes | None" = None, level: float = 0.95) -> "Axes":
        """Draw the line and its band, error against compute on logarithmic axes."""
        # Not an import statement: a change of the figures must not make fits out of date.
        plotting = import_module("scalelaw.plotting")
        axes: Axes = plotting.draw_law(self, ax, level)
        return axes

    def to_json(self) -> str:
        """Return the result as JSON that any later version can read."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "PowerLawResult":
        """Return the result stored by :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is not such a result, or comes from a newer version.
        """
        content: dict[str, Any] = json.loads(text)
        if content.pop("format", None) != FORMAT:
            raise ValueError(f"not a stored fit of format {FORMAT}")
        names = {f.name for f in fields(cls)}
        if set(content) != names:
            raise ValueError(f"not a stored fit: {sorted(set(content) ^ names)} differ")
        content["bootstrap"] = Bootstrap(**content["bootstrap"])
        if content["forms"]:
            content["forms"] = Forms(**content["forms"])
        return cls(**{key: _freeze(value) for key, value in content.items()})

    def _direct_interval(self, x: "Array", t: float, extra: float) -> "tuple[Array, Array]":
        (v00, v01), (_, v11) = self.line_covariance
        half = t * np.sqrt(v00 + 2 * x * v01 + x * x * v11 + extra)
        centre = self.line[0] + self.line[1] * x
        return centre - half, centre + half

    def _inverse_interval(self, x: "Array", t: float, extra: float) -> "tuple[Array, Array]":
        """Return the log10 C whose fitted log10(1/e) is compatible with x (Fieller)."""
        (v00, v01), (_, v11) = self.line_covariance
        a, b = self.line
        # The compatible values solve p L^2 + 2 q L + r <= 0.
        p = b * b - t * t * v11
        if p <= 0:
            return np.full_like(x, -np.inf), np.full_like(x, np.inf)
        q = b * (a - x) - t * t * v01
        r = (a - x) ** 2 - t * t * (v00 + extra)
        half = np.sqrt(np.maximum(q * q - p * r, 0.0)) / p
        return -q / p - half, -q / p + half

    def _to_exponent(self, low: float, high: float) -> Pair:
        if not self.inverted:
            return low, high
        if low <= 0 <= high:
            return -math.inf, math.inf
        return 1 / high, 1 / low

    def _t(self, level: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(self.df, (1 + level) / 2))


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list) else value
