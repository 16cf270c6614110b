"""What all nonlinear models share: a specification, and the inference about its estimates.

A model says how to minimise its loss under many weightings of the records at once (`solve`). From
that follow leaving groups out, the bootstrap and everything that rests on them, so no model has
inference of its own.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.losses import LeastSquares, Loss
from scalelaw.fit.resample import leave_out_weights, resampled_blocks
from scalelaw.fit.sample import Array, Sample, read_sample

if TYPE_CHECKING:
    import pandas as pd

    from scalelaw.fit.fit_result import FitResult, Note

_LEAST_SQUARES = LeastSquares()
_CHUNK = 2_000_000
"""Weights (replicates times records) that are held at once."""


@dataclass(frozen=True)
class Solutions:
    """Minima of a loss, one for each row of weights.

    Parameters
    ----------
    params : array, shape (B, p)
        Estimates; NaN where the weights do not identify them.
    loss : array, shape (B,)
        Weighted sum of the loss at the minimum.
    gradient_norm : array, shape (B,)
        Largest component of the gradient of the loss with respect to the working parameters
        (those on a log scale by their logs), over the weighted sum of absolute contributions to it;
        components held by a bound do not count. Of the least subgradient, or NaN, for losses with
        corners.
    starts : int
        Starting points tried for each row.
    agree : array, shape (B,)
        How many of them reached the minimum within 1e-6 of its loss.
    """

    params: Array
    loss: Array
    gradient_norm: Array
    starts: int
    agree: Array


@dataclass(frozen=True, kw_only=True)
class Model(ABC):
    """Specification of a law of a response in positive predictors.

    Parameters
    ----------
    estimator : LeastSquares, LeastAbsolute, Huber or Pinball
        What is minimised, see :mod:`scalelaw.fit.losses`.
    residuals : {"log", "linear"}
        Whether residuals are differences of natural logarithms, for errors that are proportional,
        or of the response itself.
    replicates : int
        Pairs-cluster bootstrap replicates.
    """

    estimator: Loss = _LEAST_SQUARES
    residuals: str = "log"
    replicates: int = 2000

    def __post_init__(self) -> None:
        if self.residuals not in ("log", "linear"):
            raise ValueError('residuals must be "log" or "linear"')

    @property
    @abstractmethod
    def x_names(self) -> tuple[str, ...]:
        """Columns of the predictors."""

    @property
    @abstractmethod
    def y_name(self) -> str:
        """Column of the response."""

    @property
    @abstractmethod
    def param_names(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    @abstractmethod
    def log_scale(self) -> tuple[bool, ...]:
        """Whether intervals of each parameter are built on its logarithm."""

    @property
    def positive_x(self) -> tuple[bool, ...]:
        """Whether each predictor is positive and enters by its logarithm."""
        return (True,) * len(self.x_names)

    @abstractmethod
    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights.

        Parameters
        ----------
        sample : Sample
            The data; its weights are already part of `weights`.
        y : array, shape (n,) or (B, n)
            Response.
        weights : array, shape (B, n)
            Weights of the records.
        start : array, shape (p,), optional
            Estimates for all records, from which resampled ones are not far; without it the
            minimum is searched for globally.
        """

    @abstractmethod
    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response at predictors.

        Parameters
        ----------
        params : array, shape (..., p)
            Parameters.
        x : array, shape (m, q)
            Predictors.

        Returns
        -------
        array, shape (..., m)
        """

    @property
    def profiled(self) -> tuple[str, ...]:
        """Parameters whose intervals are found by testing their values; see `fit.profile`."""
        return ()

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of each working parameter; most have none."""
        return ((-np.inf, np.inf),) * len(self.param_names)

    def n_effects(self, sample: Sample) -> int:
        """Return how many intercepts are fitted besides the parameters; most models have none."""
        return 0

    def working(self, params: Array) -> Array:
        """Return parameters as intervals are built on them: the logarithm where `log_scale`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.log_scale, np.log(params), params))

    def natural(self, working: Array) -> Array:
        """Return parameters of working ones."""
        with np.errstate(over="ignore"):
            return np.asarray(np.where(self.log_scale, np.exp(working), working))

    def centred(self, params: Array, x: Array) -> Array:
        """Return working parameters with amplitudes taken at a point amid the data.

        An amplitude at x = 1, far outside the data, goes together with the exponent in any fit;
        only what remains at the centre tells whether the data separate the parameters.

        Parameters
        ----------
        params : array, shape (B, p)
            Parameters.
        x : array, shape (q,)
            The point.
        """
        return self.working(params)

    def check(self, sample: Sample) -> None:  # noqa: B027
        """Raise a FitError if the sample cannot identify the model; most need no more."""

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings that only this model can give."""
        return []

    def fit(
        self,
        data: "pd.DataFrame",
        groups: str | None = None,
        weights: str | None = None,
        seed: int | np.random.SeedSequence = 0,
    ) -> "FitResult":
        """Fit the law.

        Parameters
        ----------
        data : pandas.DataFrame
            One row per record.
        groups : str, optional
            Column with the unit that is independent of the others, such as the paper or the
            training run; without it every record is.
        weights : str, optional
            Column of positive weights of the records.
        seed : int or SeedSequence
            Seed of the bootstrap.

        Returns
        -------
        FitResult

        Raises
        ------
        FitError
            One of its kinds in :mod:`scalelaw.errors`, with what to do.
        """
        sample = self.read(data, groups, weights)
        self.check(sample)
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        best = self.solve(sample, sample.y, sample.weights[None, :])
        point = best.params[0]
        if not np.isfinite(point).all():
            raise NotIdentifiedError(
                "no parameters minimise the loss: the data do not bend as this model does; fit one "
                "with fewer parameters"
            )
        left_out = self.leave_groups_out(sample, point)
        return self.result(sample, best, left_out, self.bootstrap(sample, point, seed))

    def leave_groups_out(self, sample: Sample, start: Array) -> Array:
        """Return the estimates without each group, or each of many blocks of groups."""
        return self.resolve(sample, leave_out_weights(sample.n_groups), start)

    def bootstrap(self, sample: Sample, start: Array, seed: np.random.SeedSequence) -> Array:
        """Return the estimates of a pairs-cluster bootstrap, shape (replicates, p)."""
        blocks = resampled_blocks(sample.n_groups, self.replicates, seed)
        parts = [self.resolve(sample, weights, start) for _, weights in blocks]
        return np.concatenate([np.empty((0, len(start))), *parts])

    def read(self, data: "pd.DataFrame", groups: str | None, weights: str | None) -> Sample:
        """Return the columns that the model needs, or raise a FitError."""
        p = len(self.param_names)
        return read_sample(data, self.x_names, self.y_name, groups, weights, p + 1, p + 1)

    @staticmethod
    def result_type() -> "type[FitResult]":
        """Return the class of the results of this model."""
        from scalelaw.fit.fit_result import FitResult

        return FitResult

    def result(self, sample: Sample, best: Solutions, left_out: Array, draws: Array) -> "FitResult":
        """Return the result of a fit, or raise a FitError if it means nothing."""
        return self.result_type().build(self, sample, best, left_out, draws)

    def resolve(self, sample: Sample, group_weights: Array, start: Array) -> Array:
        """Return the estimates, shape (B, p), under each row of group weights, shape (B, G)."""
        rows = max(1, _CHUNK // sample.n_records)
        parts = [np.empty((0, len(start)))]
        parts += [
            self.solve(
                sample,
                sample.y,
                group_weights[i : i + rows][:, sample.index] * sample.weights,
                start,
            ).params
            for i in range(0, len(group_weights), rows)
        ]
        return np.concatenate(parts)

    def sample_residual(self, sample: Sample, params: Array) -> Array:
        """Return the residuals of a sample, as they are minimised, for parameters of shape (p,)."""
        return self.residual(sample.y, self.evaluate(params, sample.x))

    def residual(self, y: Array, fitted: Array) -> Array:
        """Return residuals on the scale on which they are minimised."""
        if self.residuals == "linear":
            return y - fitted
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(y) - np.log(fitted)


@dataclass(frozen=True)
class Curve(Model):
    """A law of a response in one predictor.

    Parameters
    ----------
    x, y : str
        Columns of predictor (such as training FLOP) and response (such as error or loss).
    """

    x: str = "compute"
    y: str = "error"

    @property
    def x_names(self) -> tuple[str, ...]:
        """Columns of the predictors."""
        return (self.x,)

    @property
    def y_name(self) -> str:
        """Column of the response."""
        return self.y

    @abstractmethod
    def invert(self, params: Array, y: float) -> Array:
        """Return the predictor at which the law reaches a response; infinite where it never does.

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
