"""Intervals of one parameter by testing its values, for floors and breaks that data hardly fix.

Near a bound, or where a parameter is weakly identified, its estimate is far from normal and no
standard error describes it. Each value is therefore held, the other parameters are fitted anew, and
the value is kept if the data do not object: by the score, whose sums over groups are studentised,
or by the likelihood of independent records.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import Estimate, FitResult
    from scalelaw.fit.model import Model

METHODS = ("score", "likelihood")
_STEPS = 60
_DOUBLINGS = 40


@dataclass(frozen=True)
class _Held:
    """The sample with one parameter held at a value and the others fitted.

    Parameters
    ----------
    params : array, shape (p,)
        Parameters, the held one among them.
    square : float
        Weighted sum of squared residuals.
    statistic : float
        Signed t statistic of the score of the held parameter, summed by group.
    information : float
        Weighted sum of squares of its derivative, cleaned of the other parameters.
    """

    params: Array
    square: float
    statistic: float
    information: float


def profile_interval(
    result: "FitResult", parameter: str, level: float = 0.95, method: str = "score"
) -> "Estimate":
    """Return the interval of a parameter by test inversion.

    Parameters
    ----------
    result : FitResult
        A fit by least squares that still has its sample.
    parameter : str
        One of its parameters.
    level : float
        Level of the interval.
    method : {"score", "likelihood"}
        ``score`` studentises the sum over groups of the score of the held parameter, cleaned of
        the other parameters, with t on groups - 1 degrees of freedom: valid with dependent records
        of a group and with a parameter that is weakly identified. Values that the likelihood,
        widened for dependence, rejects at a hundredth of the level are left out as well.
        ``likelihood`` is the profile likelihood (as an F ratio) of independent records.

    Returns
    -------
    Estimate
        Bounds may be those of the model (a floor of 0) or infinite.

    Raises
    ------
    NotIdentifiedError
        If the result has no sample or was not fitted by least squares.

    References
    ----------
    Boos, "On generalized score tests", The American Statistician 46 (1992); Kline and Santos, "A
    score based approach to wild bootstrap inference", Journal of Econometric Methods 1 (2012);
    Bates and Watts, "Nonlinear regression analysis and its applications" (1988), section 6.1.
    """
    from scipy.special import fdtri, stdtrit

    from scalelaw.fit.fit_result import Estimate

    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}")
    if not isinstance(result.model.estimator, LeastSquares):
        raise NotIdentifiedError("values are tested for fits by least squares; use percentiles")
    if result.sample is None:
        raise NotIdentifiedError(
            "the result was stored without data to test values with; fit again"
        )
    names = list(result.model.param_names)
    if parameter not in names:
        raise ValueError(f"parameter must be one of {', '.join(names)}")
    position = names.index(parameter)
    if getattr(result.model, "errors_in_both", False):
        raise NotIdentifiedError(
            "errors in both variables leave no residuals to test; use a regression"
        )
    sample, n = result.sample, result.n_records
    p = len(names) + result.model.n_effects(sample)
    if method == "score":
        critical = float(stdtrit(result.n_groups - 1, (1 + level) / 2))
    else:
        critical = float(np.sqrt(fdtri(1, max(1, n - p), level)))
    best = result.model.sample_residual(sample, result.estimates)
    least = float(sample.weights @ best**2)

    lower_bound, upper_bound = result.model.bounds(sample)[position]
    working, steps = result.model.working(result.estimates), result.steps
    spread = float(np.sqrt(result.covariance.to_numpy()[position, position]))
    variance = least / max(1, n - p)
    # How much wider dependent records make the interval than the likelihood has it.
    held = hold(result.model, sample, working, position, float(working[position]), steps)
    widening = max(1.0, spread**2 * held.information / variance) if variance > 0 else 1.0
    absurd = float(stdtrit(result.n_groups - 1, 1 - (1 - level) / 100))

    def distance(held: _Held) -> float:
        likelihood = np.sqrt(max(0.0, held.square - least) / variance) if variance > 0 else np.inf
        if method == "likelihood":
            return float(likelihood)
        # Far away residuals are all large and the score studentises them to nothing.
        if likelihood > absurd * np.sqrt(widening):
            return np.inf
        return abs(held.statistic)

    first = spread if np.isfinite(spread) and spread > 0 else 0.1 * max(1.0, abs(working[position]))

    def fit(value: float, start: Array) -> _Held:
        return hold(result.model, sample, start, position, value, steps)

    ends = [
        _end(fit, distance, working, position, step, bound, critical)
        for step, bound in ((-first, lower_bound), (first, upper_bound))
    ]
    if result.model.log_scale[position]:
        with np.errstate(over="ignore"):
            ends = [float(np.exp(end)) for end in ends]
    value = float(result.estimates[position])
    return Estimate(parameter, value, ends[0], ends[1], level, f"profile {method}")


def hold(
    model: "Model", sample: Sample, start: Array, position: int, value: float, steps: Array
) -> _Held:
    """Fit the other parameters by least squares with one held at a value, on the working scale.

    Parameters
    ----------
    model : Model
        Law.
    sample : Sample
        Data.
    start : array, shape (p,)
        Working parameters to start from.
    position : int
        Which parameter is held.
    value : float
        Its value.
    steps : array, shape (p,)
        Steps of the differences that derivatives are taken by.
    """
    free = np.arange(len(start)) != position
    low, high = np.array(model.bounds(sample)).T
    params = start.copy()
    params[position] = value
    weights = sample.weights

    def residual(working: Array) -> Array:
        return model.sample_residual(sample, model.natural(working))

    current, damping = residual(params), 1e-4
    square = float(weights @ current**2)
    jacobian = _jacobian(residual, params, steps)
    for _ in range(_STEPS):
        if not (np.isfinite(square) and np.isfinite(jacobian).all()):
            return _Held(params, np.inf, np.nan, np.nan)
        own = jacobian[:, free] * weights[:, None]
        gram, gradient = own.T @ jacobian[:, free], own.T @ current
        scale = np.maximum(np.diag(gram), 1e-300)
        step = np.linalg.lstsq(gram + np.diag(damping * scale), -gradient, rcond=None)[0]
        trial = params.copy()
        trial[free] = np.clip(params[free] + step, low[free], high[free])
        found = residual(trial)
        reached = float(weights @ found**2)
        if not reached < square:
            damping = max(10 * damping, 1e-8)
            if damping > 1e8:
                break
            continue
        gained, size = square - reached, float(np.abs(trial - params).max())
        params, current, square = trial, found, reached
        jacobian = _jacobian(residual, params, steps)
        damping /= 10
        if gained <= 1e-13 * square and size <= 1e-8 * (1 + float(np.abs(params).max())):
            break
    return _Held(params, square, *_score(sample, current, jacobian, position, free))


def _jacobian(residual: Callable[[Array], Array], params: Array, steps: Array) -> Array:
    shifts = np.diag(steps)
    columns = [(residual(params + h) - residual(params - h)) / (2 * h.sum()) for h in shifts]
    return np.stack(columns, axis=1)


def _score(
    sample: Sample, residual: Array, jacobian: Array, position: int, free: "np.ndarray"
) -> tuple[float, float]:
    """Return the t statistic of the group sums of the cleaned score, and the information."""
    root = np.sqrt(sample.weights)
    others = jacobian[:, free] * root[:, None]
    own = jacobian[:, position] * root
    cleaned = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
    sums = np.bincount(sample.index, -cleaned * root * residual, sample.n_groups)
    count = len(sums)
    spread = count / (count - 1) * float(((sums - sums.mean()) ** 2).sum())
    statistic = float(sums.sum() / np.sqrt(spread)) if spread > 0 else 0.0
    return statistic, float(cleaned @ cleaned)


def _end(
    fit: Callable[[float, Array], _Held],
    distance: Callable[[_Held], float],
    start: Array,
    position: int,
    step: float,
    bound: float,
    critical: float,
) -> float:
    """Walk from the estimate until a value is rejected, then halve."""
    inside, params, first = float(start[position]), start, abs(step)
    outside = None
    for _ in range(_DOUBLINGS):
        value = inside + step
        beyond = value <= bound if step < 0 else value >= bound
        value = bound if beyond else value
        held = fit(value, params)
        if not distance(held) <= critical:
            outside = value
            break
        if beyond:
            return bound
        inside, params, step = value, held.params, 1.6 * step
    if outside is None:
        return float(np.sign(step) * np.inf)
    for _ in range(_STEPS):
        middle = 0.5 * (inside + outside)
        if abs(outside - inside) <= max(1e-6 * first, 1e-9 * abs(middle)):
            break
        held = fit(middle, params)
        if distance(held) <= critical:
            inside, params = middle, held.params
        else:
            outside = middle
    return 0.5 * (inside + outside)
