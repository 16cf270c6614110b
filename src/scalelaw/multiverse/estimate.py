"""Fit one specification under many weightings of its papers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalelaw.fit.losses import Huber, LeastAbsolute, Loss, Pinball
from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.robust import estimate_linear
from scalelaw.fit.sample import Array
from scalelaw.fit.york import York
from scalelaw.multiverse.grid import Specification
from scalelaw.multiverse.moments import Profile, sweep

FRONTIER_QUANTILE = 0.1
_HUBER = 1.345
"""In robust standard deviations: 95% as efficient as least squares if errors are normal."""
_MAD_TO_SD = 1.4826

_FLOOR_SHARES = np.concatenate([[0.0], np.linspace(0.02, 0.98, 25)])
"""Floors that are tried, as shares of the lowest error."""
_BREAK_SHARES = np.linspace(0.2, 0.8, 13)
"""Breaks that are tried, as quantiles of the records."""


@dataclass(frozen=True)
class Sample:
    """What a fit uses.

    Parameters
    ----------
    error : array, shape (n,)
        Transformed errors, all positive.
    log_flop : array, shape (n,)
        log10 of the compute.
    year : array, shape (n,), or None
        Covariate, or None for none.
    index : array of int, shape (n,)
        Number of each record's paper.
    error_sd, compute_sd : array, shape (n,)
        Standard deviations of log10(1/error) and of log10 of the compute, for York.
    """

    error: Array
    log_flop: Array
    year: Array | None
    index: NDArray[np.intp]
    error_sd: Array
    compute_sd: Array

    @property
    def n_groups(self) -> int:
        """Number of papers."""
        return int(self.index.max()) + 1


@dataclass(frozen=True)
class Laws:
    """Fits of one specification, one for each weighting; NaN where it identifies none.

    Parameters
    ----------
    form, direction : str
        Of the specification.
    lines : array, shape (B, 5)
        Intercept, slope, coefficient of the year, change of slope at a break, and floor or break,
        of the line as fitted: log10 compute on the regressor of the error, or the reverse.
    r_squared : array, shape (B,)
        Of the line; NaN for other losses than least squares.
    """

    form: str
    direction: str
    lines: Array
    r_squared: Array

    def log_compute(self, error: Array, year: float | Array = 0.0) -> Array:
        """Return log10 compute at errors, shape (B, m).

        Infinite at or below a floor, and where the law of error on compute does not fall to the
        error at any compute; NaN where there is no law.

        Parameters
        ----------
        error : array, shape (m,)
            Transformed errors; those at or below zero are never reached.
        year : float or array, shape (m,)
            Value of the covariate.
        """
        a, b, per_year, change, special = (column[:, None] for column in self.lines.T)
        value = regressor(self.form, error, special)
        shift = per_year * year
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.direction != "error_on_compute":
                found = a + b * value + shift
                if self.form == "broken":
                    found = found + change * np.maximum(value - special, 0)
                never = np.isposinf(value) | np.isposinf(b)
            else:
                rest = value - a - shift
                found = rest / b
                slope = b
                if self.form == "broken":
                    # Beyond the break the law goes on with the changed slope.
                    beyond = rest - b * special
                    slope = np.where(beyond > 0, b + change, b)
                    found = np.where(beyond > 0, special + beyond / slope, found)
                never = np.isposinf(value) | (slope <= 0)
            return np.where(never & np.isfinite(a), np.inf, found)

    def exponent(self, low: float, high: float, scale: float) -> Array:
        """Return the exponent between two errors, shape (B,).

        Parameters
        ----------
        low, high : float
            The errors, transformed.
        scale : float
            log10 of the ratio of the errors before they were transformed.

        Returns
        -------
        array
            Decades of compute for each decade of error; infinite where one of the errors is never
            reached.
        """
        found = self.log_compute(np.array([low, high]))
        with np.errstate(invalid="ignore"):
            never = np.isposinf(found).any(axis=1)
            return np.where(never, np.inf, (found[:, 0] - found[:, 1]) / scale)


def regressor(form: str, error: Array, floor: Array | float = 0.0) -> Array:
    """Return what log10 compute is a line of; infinite at or below a floor or zero."""
    above = error - floor if form == "floored" else np.asarray(error, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1 / above if form == "exponential" else -np.log10(above)
        return np.where(above > 0, value, np.where(np.isnan(above), np.nan, np.inf))


def fit_laws(specification: Specification, sample: Sample, weights: Array) -> Laws:
    """Fit a specification for each row of weights of the papers, shape (B, G)."""
    form, direction = specification.form, specification.direction
    if form in ("floored", "broken"):
        lines, r_squared = _curved(form, direction, sample, weights)
    else:
        lines, r_squared = _straight(specification, sample, weights)
    return Laws(form, direction, lines, r_squared)


def _straight(specification: Specification, sample: Sample, weights: Array) -> tuple[Array, Array]:
    value = regressor(specification.form, sample.error)
    direction, index = specification.direction, sample.index
    lines = np.zeros((len(weights), 5))
    r_squared = np.full(len(weights), np.nan)
    if direction == "york":
        york = York(value, sample.log_flop, sample.error_sd, sample.compute_sd, index)
        lines[:, :2] = york.estimate(weights)
        products = GroupMoments(np.stack([value, sample.log_flop]), index).moments(weights)[2]
        # Past the vertical no compute lowers the error.
        lines[lines[:, 1] * products[:, 0, 1] < 0, 1] = np.inf
        return lines, r_squared
    first, response = value, sample.log_flop
    if direction == "error_on_compute":
        first, response = response, first
    covariates = [] if sample.year is None else [sample.year]
    if specification.estimator == "least_squares":
        variables = np.stack([first, *covariates, response])
        _, means, products = GroupMoments(variables, index).moments(weights)
        spread = len(first) * variables.var(axis=1)
        slopes, r_squared = sweep(products, 1 + len(covariates), spread)
        lines[:, 0] = means[:, -1] - (slopes * means[:, :-1]).sum(axis=1)
        lines[:, 1 : 1 + slopes.shape[1]] = slopes
        return lines, r_squared
    design = np.stack([np.ones_like(first), first, *covariates], axis=1)
    # Low error and low compute are both the frontier.
    tau = FRONTIER_QUANTILE if direction == "compute_on_error" else 1 - FRONTIER_QUANTILE
    by_record = weights[:, index]
    loss: Loss = LeastAbsolute() if specification.estimator != "frontier" else Pinball(tau)
    if specification.estimator == "huber":
        start = estimate_linear(design, response, np.ones((1, len(index))), loss)[0]
        residual = response - design @ start
        scale = float(np.median(np.abs(residual))) * _MAD_TO_SD
        if scale > 0:
            loss = Huber(_HUBER * scale)
    lines[:, : design.shape[1]] = estimate_linear(design, response, by_record, loss)
    return lines, r_squared


def _curved(form: str, direction: str, sample: Sample, weights: Array) -> tuple[Array, Array]:
    forward = direction == "compute_on_error"
    covariates = [] if sample.year is None else [sample.year]
    if form == "floored":
        tried = _FLOOR_SHARES * sample.error.min()
        varying = regressor(form, sample.error, tried[:, None])
        common, target = covariates, sample.log_flop
    else:
        value = regressor(form, sample.error)
        first, target = (value, sample.log_flop) if forward else (sample.log_flop, value)
        # Records of a log-log line may repeat a value; equal breaks would be tried twice.
        tried = np.unique(np.quantile(first, _BREAK_SHARES))
        varying = np.maximum(first - tried[:, None], 0)
        common = [first, *covariates]
    shape = (len(common), len(target))
    profile = Profile(np.reshape(common, shape), target, varying, sample.index)
    chosen, means, products, spread = profile.best(weights)
    if form == "floored" and not forward:
        # The floor is the one of the highest correlation, which both regressions share.
        order = [*range(len(common)), len(common) + 1, len(common)]
        means, spread = means[:, order], spread[:, order]
        products = products[:, order][:, :, order]
    slopes, r_squared = sweep(products, len(common) + 1, spread)
    lines = np.zeros((len(weights), 5))
    lines[:, 0] = means[:, -1] - (slopes * means[:, :-1]).sum(axis=1)
    if form == "floored":
        lines[:, 1] = slopes[:, -1]
    else:
        lines[:, 1], lines[:, 3] = slopes[:, 0], slopes[:, -1]
    if covariates:
        lines[:, 2] = slopes[:, len(common) - 1]
    lines[:, 4] = tried[chosen]
    return lines, r_squared
