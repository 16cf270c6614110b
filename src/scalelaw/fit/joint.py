"""Laws of a response in several predictors: how parameters and data, or more, act together."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit import joint_shapes as shapes
from scalelaw.fit.joint_solve import follow, search
from scalelaw.fit.joint_terms import Frame, Shape
from scalelaw.fit.model import Model, Solutions
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

_LACK_OF_FIT = 0.01
_ALMOST = 1e-6


@dataclass(frozen=True)
class JointLaw(Model):
    """A law ``E + f(x_1, ..., x_q)`` with an offset E and a positive f.

    The minimum is searched for over E >= 0 and exponents of either sign. Least squares, Huber's,
    absolute and pinball losses are all minimised exactly, by :mod:`scalelaw.fit.newton`.

    Parameters
    ----------
    x : tuple of str
        Columns of the predictors, such as model parameters and training tokens.
    y : str
        Column of the response.
    rising : bool
        For a response that rises towards E, such as accuracy: the law is then ``E - f``.
    """

    x: tuple[str, ...] = ("params", "tokens")
    y: str = "loss"
    rising: bool = False

    shape_type: ClassVar[type[Shape]]
    min_levels: ClassVar[int] = 2
    predictors: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.x, str):  # type: ignore[unreachable]
            raise ValueError("x must be a tuple of columns")
        object.__setattr__(self, "x", tuple(self.x))
        if not self.x or len(set(self.x)) < len(self.x):
            raise ValueError("x must be one or more columns, each once")
        if self.predictors not in (None, len(self.x)):
            raise ValueError(
                f"{type(self).__name__} is a law of {self.predictors} predictors, not {len(self.x)}"
            )

    @property
    def x_names(self) -> tuple[str, ...]:
        """Columns of the predictors."""
        return self.x

    @property
    def y_name(self) -> str:
        """Column of the response."""
        return self.y

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """True for amplitudes and ratios, which are positive."""
        return tuple(name.split("_")[0] in ("A", "R", "k") for name in self.param_names)

    @property
    def sign(self) -> float:
        """1 if the law falls to E, -1 if it rises to it."""
        return -1.0 if self.rising else 1.0

    @abstractmethod
    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return ln f, shape (..., m), at logarithms of predictors of shape (m, q)."""

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response at predictors."""
        with np.errstate(all="ignore"):
            above = np.exp(self.log_function(params, np.log(x)))
            return np.asarray(params[..., :1] + self.sign * above)

    @property
    def profiled(self) -> tuple[str, ...]:
        """The offset."""
        return ("E",)

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of each working parameter: E is not negative."""
        return ((0.0, np.inf), *((-np.inf, np.inf),) * (len(self.param_names) - 1))

    def centred(self, params: Array, x: Array) -> Array:
        """Return working parameters with amplitudes taken at a point amid the data."""
        with np.errstate(all="ignore"):
            return self._shape_at(x).to_working(params)

    def check(self, sample: Sample) -> None:
        """Raise a FitError if predictors have too few values or move together."""
        p = len(self.param_names)
        for name, values in zip(self.x, sample.x.T, strict=True):
            levels = len(np.unique(values))
            if levels < self.min_levels:
                raise NotIdentifiedError(
                    f'"{name}" has {levels} distinct values and {type(self).__name__} needs at '
                    f"least {self.min_levels}; add records at others, or fit a law with fewer "
                    "parameters in it"
                )
        points = len(np.unique(sample.x, axis=0))
        if points < p:
            raise NotIdentifiedError(
                f"the records lie at {points} distinct points and {type(self).__name__} has {p} "
                "parameters; add records at others, or fit a law with fewer parameters"
            )
        if len(self.x) > 1:
            size = np.linalg.eigvalsh(np.corrcoef(np.log(sample.x.T)))
            if size[0] < 1e-9:
                raise NotIdentifiedError(
                    f"the logarithms of {', '.join(self.x)} lie on a line or plane, so their "
                    "effects cannot be told apart; add records off it, or leave a predictor out"
                )

    def shape(self, sample: Sample, y: Array) -> Shape:
        """Return the law in working units of a sample."""
        log = self.residuals == "log"
        target = np.log(y) if log else y
        scale = float(np.exp(np.log(sample.y).mean()))
        width = float(np.ptp(sample.y)) / scale
        return self.shape_type(Frame.of(sample, target, scale, log, width), self.sign)

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights."""
        shape = self.shape(sample, y)
        if start is None:
            return search(shape, weights, self.estimator)
        found = follow(shape, weights, self.estimator, shape.to_working(start[None])[0])
        found.params[~self._determined(sample, weights)] = np.nan
        return found

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return notes on estimates at a bound and on lack of fit."""
        from scalelaw.fit.fit_result import Note

        found = []
        for name, remedy in self.at_bound(result).items():
            found.append(Note("parameter_at_bound", "info", remedy, {"parameter": name}))
        lack = lack_of_fit(result)
        if lack is not None and lack["p_value"] < _LACK_OF_FIT:
            found.append(
                Note(
                    "lack_of_fit",
                    "warning",
                    "records at equal predictors agree better with each other than with the law "
                    f"(p = {lack['p_value']:.1g}): it lacks something, so try one with more "
                    "parameters",
                    lack,
                )
            )
        return found

    def at_bound(self, result: "FitResult") -> dict[str, str]:
        """Return the parameters at a bound, each with what that means."""
        if result.estimates[0] > _ALMOST * result.y_range[0]:
            return {}
        return {"E": "E is at its bound 0: the data show no irreducible part"}

    def _determined(self, sample: Sample, weights: Array) -> NDArray[np.bool_]:
        """Return whether the records with weight have enough distinct points and values."""
        enough = _levels(sample.x, weights) >= len(self.param_names)
        for column in sample.x.T:
            enough &= _levels(column[:, None], weights) >= self.min_levels
        return enough

    def _shape_at(self, x: Array) -> Shape:
        """Return the law in working units about one point."""
        one = np.ones((len(x), 1))
        frame = Frame(0 * one, np.log(x), one[:, 0], one, x, one[:1], 1.0, True, 1.0)
        return self.shape_type(frame, self.sign)

    def _names(self, *letters: str) -> tuple[str, ...]:
        if len(self.x) == 1:
            return letters
        return tuple(f"{letter}_{name}" for name in self.x for letter in letters)


@dataclass(frozen=True)
class SeparablePowerLaw(JointLaw):
    """``E + sum_i A_i x_i^-alpha_i``: each resource lowers the response by itself.

    See :class:`JointLaw` for the parameters. With model parameters and tokens it is the law of
    Hoffmann et al. (2022).

    References
    ----------
    Hoffmann et al., "Training compute-optimal large language models" (2022), section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> n, d = np.meshgrid(np.logspace(7, 10, 4), np.logspace(9, 12, 4))
    >>> data = pd.DataFrame({"params": n.ravel(), "tokens": d.ravel()})
    >>> data["loss"] = 1.7 + 400 * data.params**-0.34 + 410 * data.tokens**-0.28
    >>> law = SeparablePowerLaw(replicates=50).fit(data)
    >>> law.params[["E", "alpha_params", "alpha_tokens"]].round(3).tolist()
    [1.7, 0.34, 0.28]
    """

    shape_type = shapes.Separable
    min_levels = 3

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, then ``A`` and ``alpha`` of each predictor."""
        return ("E", *self._names("A", "alpha"))

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the sum of powers."""
        terms = np.log(params[..., None, 1::2]) - params[..., None, 2::2] * log_x
        return _log_sum(terms)


@dataclass(frozen=True)
class ShiftedPowerLaw(JointLaw):
    """``E + sum_i A_i (x_i + s_i)^-alpha_i``: powers with a finite limit at small scale.

    A shift lies between 0, where the law is separable, and the range of its predictor. See
    :class:`JointLaw` for the parameters.

    References
    ----------
    Zhai, Kolesnikov, Houlsby and Beyer, "Scaling vision transformers" (2022), section 2, for one
    predictor.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> data = pd.DataFrame({"compute": np.logspace(0, 5, 12)})
    >>> data["error"] = 0.1 + 0.8 * (data.compute + 3) ** -0.4
    >>> law = ShiftedPowerLaw(("compute",), "error", replicates=50).fit(data)
    >>> law.params.round(3).tolist()
    [0.1, 0.8, 0.4, 3.0]
    """

    shape_type = shapes.Shifted
    min_levels = 4

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, then ``A``, ``alpha`` and ``s`` of each predictor."""
        return ("E", *self._names("A", "alpha", "s"))

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the sum of powers."""
        log_shifted = np.logaddexp(log_x, np.log(params[..., None, 3::3]))
        terms = np.log(params[..., None, 1::3]) - params[..., None, 2::3] * log_shifted
        return _log_sum(terms)

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of each working parameter."""
        free = (-np.inf, np.inf)
        low, high = sample.x.min(axis=0), sample.x.max(axis=0)
        spans = [(free, free, (0.0, float(b - a))) for a, b in zip(low, high, strict=True)]
        return ((0.0, np.inf), *(bound for each in spans for bound in each))

    def at_bound(self, result: "FitResult") -> dict[str, str]:
        """Return the parameters at a bound, each with what that means."""
        found = super().at_bound(result)
        names = self.param_names[3::3]
        for name, s, (low, high) in zip(names, result.estimates[3::3], result.x_range, strict=True):
            if s <= _ALMOST * low:
                found[name] = f"{name} is at its bound 0, where the law is a plain power of it"
            elif s >= (1 - _ALMOST) * (high - low):
                found[name] = (
                    f"{name} is at its bound, the range of the predictor: the data do not reach "
                    "the power law's own range"
                )
        return found


@dataclass(frozen=True)
class MultiplicativePowerLaw(JointLaw):
    """``E + A prod_i x_i^-alpha_i``: each resource multiplies what the others leave.

    See :class:`JointLaw` for the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> n, d = np.meshgrid(np.logspace(7, 10, 4), np.logspace(9, 12, 4))
    >>> data = pd.DataFrame({"params": n.ravel(), "tokens": d.ravel()})
    >>> data["loss"] = 1.5 + 900 * data.params**-0.1 * data.tokens**-0.2
    >>> law = MultiplicativePowerLaw(replicates=50).fit(data)
    >>> law.params.round(3).tolist()
    [1.5, 900.0, 0.1, 0.2]
    """

    shape_type = shapes.Multiplicative

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, ``A`` and the exponents."""
        return ("E", "A", *self._names("alpha"))

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the product."""
        each = params[..., None, 2:] * log_x
        return np.asarray(np.log(params[..., 1:2]) - each.sum(axis=-1))


@dataclass(frozen=True)
class CoupledSurface(JointLaw):
    """``E + A (N^-alpha + R D^-beta)^k``: two terms coupled by k.

    At k = 1 the law is separable, as k tends to 0 only the scarcer resource counts, and as it grows
    the law becomes a product of powers; k is searched for between 0.02 and 20. With ample data the
    response falls as N^-(alpha k), with an ample model as D^-(beta k). `x` names N, then D; see
    :class:`JointLaw` for the other parameters.

    References
    ----------
    Known to us from the package simple-scaling-laws 0.2.0, which names it after Videau,
    Youbi-Idrissi, Lopez-Paz and Ahuja (2026), "Skaling"; their paper was not seen.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> n, d = np.meshgrid(np.logspace(7, 10, 4), np.logspace(9, 12, 4))
    >>> data = pd.DataFrame({"params": n.ravel(), "tokens": d.ravel()})
    >>> inner = data.params**-0.6 + 2 * data.tokens**-0.5
    >>> data["loss"] = 1.5 + 80 * inner**0.5
    >>> law = CoupledSurface(replicates=50).fit(data)
    >>> law.params.round(3).tolist()
    [1.5, 80.0, 0.6, 2.0, 0.5, 0.5]
    """

    shape_type = shapes.Coupled
    predictors = 2

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, ``A``, ``alpha``, ``R``, ``beta`` and ``k``."""
        return ("E", "A", "alpha", "R", "beta", "k")

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the power of the sum."""
        _, amplitude, alpha, ratio, beta, k = np.moveaxis(params[..., None, :], -1, 0)
        inner = np.logaddexp(-alpha * log_x[:, 0], np.log(ratio) - beta * log_x[:, 1])
        return np.asarray(np.log(amplitude) + k * inner)

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of each working parameter: of E, and of ln k."""
        low, high = shapes.COUPLING
        return (*super().bounds(sample)[:-1], (float(np.log(low)), float(np.log(high))))

    def at_bound(self, result: "FitResult") -> dict[str, str]:
        """Return the parameters at a bound, each with what that means."""
        found = super().at_bound(result)
        k = float(result.estimates[5])
        low, high = shapes.COUPLING
        if k <= low * (1 + _ALMOST):
            found["k"] = f"k is at its bound {low:g}: only the scarcer resource counts"
        if k >= high * (1 - _ALMOST):
            found["k"] = (
                f"k is at its bound {high:g}: the terms multiply, so fit MultiplicativePowerLaw"
            )
        return found


@dataclass(frozen=True)
class KaplanSurface(JointLaw):
    """``E + A (N^-rho + R / D)^beta``: the scarcer resource limits what the other can do.

    The law of Kaplan et al. with a floor: with ample data the response falls as N^-(rho beta), with
    an ample model as D^-beta. `x` names N, then D; see :class:`JointLaw` for the other parameters.

    References
    ----------
    Kaplan et al., "Scaling laws for neural language models" (2020), equation 1.5.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> n, d = np.meshgrid(np.logspace(6, 9, 4), np.logspace(8, 11, 4))
    >>> data = pd.DataFrame({"params": n.ravel(), "tokens": d.ravel()})
    >>> inner = data.params**-0.74 + 300 / data.tokens
    >>> data["loss"] = 0.5 + 30 * inner**0.2
    >>> law = KaplanSurface(replicates=50).fit(data)
    >>> law.params.round(3).tolist()
    [0.5, 30.0, 0.74, 300.0, 0.2]
    """

    shape_type = shapes.Kaplan
    predictors = 2

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, ``A``, ``rho``, ``R`` and ``beta``."""
        return ("E", "A", "rho", "R", "beta")

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the power of the sum."""
        _, amplitude, rho, ratio, beta = np.moveaxis(params[..., None, :], -1, 0)
        inner = np.logaddexp(-rho * log_x[:, 0], np.log(ratio) - log_x[:, 1])
        return np.asarray(np.log(amplitude) + beta * inner)


@dataclass(frozen=True)
class BoundedSurface(JointLaw):
    """``(E + I g) / (1 + g)`` with ``g = sum_i A_i x_i^-alpha_i``: a plateau I at small scale.

    The response moves from I, such as that of chance, to E. The plateau is searched for within a
    million ranges of the data; one that far away is none, and the law separable. See
    :class:`JointLaw` for the parameters.

    References
    ----------
    Alabdulmohsin, Neyshabur and Zhai, "Revisiting neural scaling laws in language and vision"
    (2022), estimator M4, with its shape parameter one.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> n, d = np.meshgrid(np.logspace(-3, 3, 5), np.logspace(-3, 3, 5))
    >>> data = pd.DataFrame({"params": n.ravel(), "tokens": d.ravel()})
    >>> g = data.params**-0.5 + 0.8 * data.tokens**-0.4
    >>> data["loss"] = (1 + 4 * g) / (1 + g)
    >>> law = BoundedSurface(replicates=50).fit(data)
    >>> law.params.round(3).tolist()
    [1.0, 4.0, 1.0, 0.5, 0.8, 0.4]
    """

    shape_type = shapes.Bounded

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, ``I``, then ``A`` and ``alpha`` of each predictor."""
        return ("E", "I", *self._names("A", "alpha"))

    def log_function(self, params: Array, log_x: Array) -> Array:
        """Return the logarithm of the distance from E, ``|I - E| g / (1 + g)``."""
        terms = np.log(params[..., None, 2::2]) - params[..., None, 3::2] * log_x
        log_g = _log_sum(terms)
        height = np.log(self.sign * (params[..., 1:2] - params[..., :1]))
        return np.asarray(height - np.logaddexp(0.0, -log_g))

    def at_bound(self, result: "FitResult") -> dict[str, str]:
        """Return the parameters at a bound, each with what that means."""
        found = super().at_bound(result)
        height = abs(float(result.estimates[1] - result.estimates[0]))
        if height >= (1 - _ALMOST) * shapes.PLATEAU * (result.y_range[1] - result.y_range[0]):
            found["I"] = (
                "I is at its bound: the data do not bend towards a plateau, so fit "
                "SeparablePowerLaw"
            )
        return found


def lack_of_fit(result: "FitResult") -> Mapping[str, float] | None:
    """Test a law against the scatter of independent records at equal predictors.

    Records of one group at one point are averaged, so that only differences between groups count
    as error. The ratio is exact for least squares of a linear law with normal errors and equal
    weights of the averages, and approximate otherwise.

    Parameters
    ----------
    result : FitResult
        A fit of any model that still has its sample.

    Returns
    -------
    mapping or None
        ``f``, the mean square of lack of fit over that of pure error; ``df_lack``, ``df_error``;
        ``p_value``; ``sd_error``, the standard deviation of pure error on the scale of the
        residuals. None where no two groups share a point, there are no more points than
        parameters, or groups at a point agree exactly.

    References
    ----------
    Draper and Smith, "Applied regression analysis" (1998), section 2.1; Neill, "Testing for lack of
    fit in nonlinear regression", Annals of Statistics 16 (1988).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> data = pd.DataFrame({"compute": np.repeat(np.logspace(0, 5, 6), 2)})
    >>> data["error"] = 0.3 + data.compute**-0.5 + 0.01 * np.tile([1, -1], 6)
    >>> law = MultiplicativePowerLaw(("compute",), "error", replicates=50, residuals="linear")
    >>> lack_of_fit(law.fit(data))["df_lack"]
    3.0
    """
    from scipy.special import fdtrc

    sample = result.sample
    if sample is None:
        return None
    residual = result.model.sample_residual(sample, result.estimates)
    _, point = np.unique(sample.x, axis=0, return_inverse=True)
    point = point.ravel()
    cells, cell = np.unique(np.stack([point, sample.index]), axis=1, return_inverse=True)
    cell = cell.ravel()
    weight = np.bincount(cell, sample.weights)
    average = np.bincount(cell, sample.weights * residual) / weight
    at = cells[0]
    total = np.bincount(at, weight)
    mean = np.bincount(at, weight * average) / total
    df_lack = len(total) - len(result.estimates)
    df_error = len(average) - len(total)
    if df_lack < 1 or df_error < 1:
        return None
    error = float(weight @ (average - mean[at]) ** 2) / df_error
    unit = float(weight.mean())
    if not error > 1e-24 * float(weight @ average**2):
        return None
    ratio = float(total @ mean**2) / df_lack / error
    return {
        "f": ratio,
        "df_lack": float(df_lack),
        "df_error": float(df_error),
        "p_value": float(fdtrc(df_lack, df_error, ratio)),
        "sd_error": float(np.sqrt(error / unit)),
    }


def _log_sum(terms: Array) -> Array:
    return np.asarray(np.logaddexp.reduce(terms, axis=-1))


def _levels(x: Array, weights: Array) -> NDArray[np.intp]:
    """Return how many distinct rows of x have weight, for each row of weights."""
    _, point = np.unique(x, axis=0, return_inverse=True)
    order = np.argsort(point.ravel(), kind="stable")
    starts = np.flatnonzero(np.diff(point.ravel()[order], prepend=-1))
    largest = np.maximum.reduceat(weights[:, order], starts, axis=1)
    return np.asarray(np.count_nonzero(largest > 0, axis=1))
