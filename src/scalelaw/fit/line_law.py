"""Laws that are straight lines once both variables are transformed, in several directions."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import FitError, InvalidValueError, NotIdentifiedError
from scalelaw.fit.line_result import LineResult
from scalelaw.fit.linear import GroupedLeastSquares, LinearFit, fit_linear
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.model import Curve, Solutions
from scalelaw.fit.moments import GroupMoments
from scalelaw.fit.sample import (
    Array,
    Sample,
    need_groups,
    numeric_column,
    positive_column,
    read_groups,
    read_sample,
    refuse_twice,
)
from scalelaw.fit.york import York

if TYPE_CHECKING:
    import pandas as pd

    from scalelaw.fit.fit_result import FitResult

DIRECTIONS = ("y_on_x", "x_on_y", "york", "deming", "rma")
_ENTITY = "entity"
_VERTICAL_SHARE = 0.025


@dataclass(frozen=True)
class LineLaw(Curve):
    """A law ``g(y) = intercept + slope * log10 x``, and possibly covariates.

    Parameters
    ----------
    x, y : str
        Columns of predictor and response, both positive.
    direction : {"y_on_x", "x_on_y", "york", "deming", "rma"}
        Which variable carries the scatter. ``y_on_x`` regresses g(y) on log10 x, for predicting y;
        ``x_on_y`` the reverse, for predicting the x that a y needs; ``york`` allows for errors in
        both with stated standard deviations, ``deming`` with a stated ratio of their variances,
        ``rma`` (reduced major axis) with errors in proportion to the spread of each variable, which
        gives the geometric mean of the two regressions.
    covariates : sequence of str
        Columns that enter linearly, such as the year.
    effects : str, optional
        Column of entities (data sets, laboratories) each of which has its own intercept; the
        intercept that is reported is then that of the average record.
    x_sd, y_sd : str or float, optional
        For ``york``: standard deviations of log10 x and of g(y), columns or one value for all.
    correlation : str or float
        For ``york``: correlation of the two errors.
    variance_ratio : float
        For ``deming``: variance of the error of g(y) over that of log10 x.
    min_groups : int
        Fewest groups that are fitted; at least one more than there are parameters.
    """

    direction: str = "y_on_x"
    covariates: tuple[str, ...] = ()
    effects: str | None = None
    x_sd: str | float | None = None
    y_sd: str | float | None = None
    correlation: str | float = 0.0
    variance_ratio: float = 1.0
    min_groups: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")
        object.__setattr__(self, "covariates", tuple(self.covariates))
        if self.residuals != "log":
            raise ValueError("a straight line is fitted to transformed variables")
        if self.errors_in_both and (self.covariates or self.effects):
            raise ValueError("errors in both variables allow neither covariates nor effects")
        if self.effects and not isinstance(self.estimator, LeastSquares):
            raise ValueError("effects are fitted by least squares only")
        if self.errors_in_both and not isinstance(self.estimator, LeastSquares):
            raise ValueError("errors in both variables are fitted by least squares only")
        if not 0 < self.variance_ratio < np.inf:
            raise ValueError("variance_ratio must be positive and finite")
        if self.direction == "york" and (self.x_sd is None or self.y_sd is None):
            raise ValueError("york needs x_sd and y_sd, the standard deviations of the two errors")

    @property
    def errors_in_both(self) -> bool:
        """Whether both variables have errors."""
        return self.direction in ("york", "deming", "rma")

    @property
    def inverted(self) -> bool:
        """Whether the fitted line is that of log10 x on g(y)."""
        return self.direction != "y_on_x"

    @property
    def x_names(self) -> tuple[str, ...]:
        """Columns of the predictor and the covariates."""
        return (self.x, *self.covariates)

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """No parameter has its interval built on a logarithm."""
        return (False,) * len(self.param_names)

    @property
    def positive_x(self) -> tuple[bool, ...]:
        """Covariates may have any sign."""
        return (True, *(False for _ in self.covariates))

    @property
    def minimises_log_y(self) -> bool:
        """Whether least squares of the line are least squares of ln y."""
        return False

    @abstractmethod
    def transform(self, y: Array) -> Array:
        """Return g(y)."""

    @abstractmethod
    def untransform(self, value: Array) -> Array:
        """Return the y of a value of g(y)."""

    @abstractmethod
    def to_params(self, law: Array) -> Array:
        """Return parameters of coefficients of g(y), shape (..., p), as they are reported."""

    @abstractmethod
    def to_law(self, params: Array) -> Array:
        """Return coefficients of g(y): intercept, slope of log10 x, and covariates."""

    def to_line(self, params: Array) -> Array:
        """Return the coefficients of the line as fitted, shape (..., p)."""
        law = self.to_law(params)
        return _swap(law) if self.inverted else law

    def from_line(self, line: Array) -> Array:
        """Return the parameters of a fitted line, shape (..., p)."""
        return self.to_params(_swap(line) if self.inverted else line)

    def n_effects(self, sample: Sample) -> int:
        """Return the number of entities beyond the first."""
        return int(sample.extra[_ENTITY].max()) if _ENTITY in sample.extra else 0

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the response at predictors and covariates, shape (m, 1 + covariates)."""
        law = self.to_law(params)
        design = np.concatenate([np.ones((len(x), 1)), np.log10(x[:, :1]), x[:, 1:]], axis=1)
        return self.untransform(np.einsum("...p,mp->...m", law, design))

    def centred(self, params: Array, x: Array) -> Array:
        """Return the coefficients of g(y) with the intercept at a point amid the data."""
        law = self.to_law(params).copy()
        law[:, 0] += law[:, 1] * np.log10(x[0]) + law[:, 2:] @ x[1:]
        return law

    def invert(self, params: Array, y: float) -> Array:
        """Return the predictor at which the law reaches a response, covariates being 0."""
        law = self.to_law(params)
        with np.errstate(all="ignore"):
            log_x = (self.transform(np.asarray(y)) - law[:, 0]) / law[:, 1]
            return np.where(np.isfinite(log_x), 10.0**log_x, np.inf)

    def fit(
        self,
        data: "pd.DataFrame",
        groups: str | None = None,
        weights: str | None = None,
        seed: int | np.random.SeedSequence = 0,
    ) -> LineResult:
        """Fit the law, see :meth:`scalelaw.fit.model.Model.fit`."""
        return cast(LineResult, super().fit(data, groups, weights, seed))

    def read(self, data: "pd.DataFrame", groups: str | None, weights: str | None) -> Sample:
        """Return the columns that the law needs, or raise a FitError."""
        p = len(self.param_names)
        refuse_twice((*self.x_names, self.y))
        sample = read_sample(data, (self.x,), self.y, groups, weights, 1, max(4, p + 2))
        need_groups(sample.n_groups, max(self.min_groups, p + 1))
        columns = [sample.x[:, 0], *(numeric_column(data, name) for name in self.covariates)]
        extra: dict[str, Array] = {}
        if self.effects is not None:
            extra[_ENTITY] = read_groups(data, self.effects)[0].astype(np.float64)
        if self.direction == "york":
            extra["x_sd"] = _deviation(data, self.x_sd)
            extra["y_sd"] = _deviation(data, self.y_sd)
            shared = self.correlation
            extra["correlation"] = (
                numeric_column(data, shared)
                if isinstance(shared, str)
                else np.full(len(data), float(shared))
            )
            if not (np.abs(extra["correlation"]) < 1).all():
                raise InvalidValueError("correlations must lie between -1 and 1")
        return replace(sample, x=np.stack(columns, axis=1), x_names=self.x_names, extra=extra)

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Fit the line for each row of weights of the records; see :meth:`Model.solve`."""
        if isinstance(self.estimator, LeastSquares):
            alone = replace(sample, index=np.arange(sample.n_records), y=y)
            # Weights of the records are part of `weights` already.
            unweighted = replace(alone, weights=np.ones(sample.n_records))
            return self._solutions(sample, self._lines(unweighted, weights))
        from scalelaw.fit.robust import estimate_linear

        design, response = self._design(sample, y)
        line = None if start is None else self.to_line(start)
        lines = estimate_linear(design, response, weights, self.estimator, line)
        return self._solutions(sample, lines)

    def resolve(self, sample: Sample, group_weights: Array, start: Array) -> Array:
        """Return the estimates under each row of group weights, from the sums of each group."""
        if isinstance(self.estimator, LeastSquares):
            return self.from_line(self._lines(sample, group_weights))
        return super().resolve(sample, group_weights, start)

    def leave_groups_out(self, sample: Sample, start: Array) -> Array:
        """Return the estimates without each group."""
        grouped = self._grouped(sample)
        if grouped is None:
            return super().leave_groups_out(sample, start)
        return self.from_line(grouped.leave_one_group_out())

    def bootstrap(self, sample: Sample, start: Array, seed: np.random.SeedSequence) -> Array:
        """Return the estimates of a pairs-cluster bootstrap, shape (replicates, p)."""
        grouped = self._grouped(sample)
        if grouped is None:
            return super().bootstrap(sample, start, seed)
        return self.from_line(grouped.bootstrap(self.replicates, seed))

    def _grouped(self, sample: Sample) -> GroupedLeastSquares | York | None:
        """Return what estimates all reported parameters from sums of groups, if anything does."""
        if self.direction in ("york", "deming"):
            return self.york(sample)
        least_squares = isinstance(self.estimator, LeastSquares)
        if least_squares and not self.errors_in_both and self.effects is None:
            return self.regression(sample).grouped
        return None

    def sample_residual(self, sample: Sample, params: Array) -> Array:
        """Return the residuals of the fitted line, in its own direction."""
        design, response = self._design(sample, sample.y)
        residual = response - design @ self.to_line(params)
        if _ENTITY in sample.extra:
            entity = sample.extra[_ENTITY].astype(np.intp)
            total = np.bincount(entity, sample.weights * residual)
            residual = residual - (total / np.bincount(entity, sample.weights))[entity]
        return residual

    def result(self, sample: Sample, best: Solutions, left_out: Array, draws: Array) -> "FitResult":
        """Return the result, or refuse a line that rests on one group or turns vertical."""
        lost = np.flatnonzero(~np.isfinite(left_out).all(axis=1))
        if len(lost):
            # Of many groups, blocks of them are left out.
            alone = len(left_out) == sample.n_groups
            name = f'"{sample.groups[lost[0]]}"' if alone else "a few of the groups"
            raise NotIdentifiedError(
                f"without {name} nothing varies any more: the law would rest on it alone; "
                "add records of other groups"
            )
        if self.errors_in_both:
            self._refuse_vertical(best.params[0], left_out, draws)
        return super().result(sample, best, left_out, draws)

    @staticmethod
    def result_type() -> type[LineResult]:
        """Return the class of the results of this model."""
        return LineResult

    def regression(self, sample: Sample) -> LinearFit:
        """Return the least-squares regression behind the law.

        Raises
        ------
        NotIdentifiedError
            If there is none: errors in both variables, or another loss.
        """
        if self.errors_in_both or not isinstance(self.estimator, LeastSquares):
            raise NotIdentifiedError("the line is not a least-squares regression")
        design, response = self._design(sample, sample.y)
        entities = self._dummies(sample)
        names = ["constant", "slope", *self.covariates]
        names += [f"entity {i + 1}" for i in range(entities.shape[1])]
        columns = np.column_stack([design, entities])
        return fit_linear(columns, response, sample.weights, sample.index, names, min_groups=1)

    def york(self, sample: Sample) -> York:
        """Return the estimator of errors in both variables."""
        design, response = self._design(sample, sample.y)
        n = sample.n_records
        if self.direction == "deming":
            sd_x, sd_y = np.ones(n), np.full(n, np.sqrt(self.variance_ratio))
            correlation = np.zeros(n)
        else:
            sd_x, sd_y = sample.extra["x_sd"], sample.extra["y_sd"]
            correlation = sample.extra["correlation"]
        # The fitted line is that of log10 x on g(y).
        return York(design[:, 1], response, sd_y, sd_x, sample.index, correlation, sample.weights)

    def _lines(self, sample: Sample, group_weights: Array) -> Array:
        design, response = self._design(sample, sample.y)
        if self.direction == "rma":
            return _reduced_major_axis(design[:, 1], response, sample, group_weights)
        if self.errors_in_both:
            return self.york(sample).estimate(group_weights)
        grouped = GroupedLeastSquares.of(self.regression(sample))
        lines = grouped.estimate(group_weights)[:, : design.shape[1]]
        if self.effects:
            # The intercept of the average record, known also where an entity was not drawn.
            w, count = sample.weights, sample.n_groups
            sums = [
                np.bincount(sample.index, w * v, count)
                for v in (np.ones_like(response), response, *design[:, 1:].T)
            ]
            totals = group_weights @ np.stack(sums, axis=1)
            means = totals[:, 1:] / totals[:, :1]
            lines[:, 0] = means[:, 0] - (lines[:, 1:] * means[:, 1:]).sum(axis=1)
        return np.asarray(lines)

    def _dummies(self, sample: Sample) -> Array:
        """Return a column for each entity beyond the first."""
        if _ENTITY not in sample.extra:
            return np.empty((sample.n_records, 0))
        entities = np.arange(1, 1 + self.n_effects(sample))
        return np.asarray((sample.extra[_ENTITY][:, None] == entities).astype(np.float64))

    def _design(self, sample: Sample, y: Array) -> tuple[Array, Array]:
        """Return regressors with a constant, shape (n, p), and response of the fitted line."""
        log_x, value = np.log10(sample.x[:, 0]), self.transform(y)
        first, response = (value, log_x) if self.inverted else (log_x, value)
        return np.column_stack([np.ones_like(first), first, sample.x[:, 1:]]), response

    def _solutions(self, sample: Sample, lines: Array) -> Solutions:
        params = self.from_line(lines)
        unknown = np.full(len(params), np.nan)
        loss = unknown
        if len(params) == 1 and np.isfinite(params).all():
            if self.direction in ("york", "deming"):
                loss = np.array([self.york(sample).chi_square(lines[0])])
            else:
                residual = self.sample_residual(sample, params[0])
                loss = np.array([sample.weights @ self.estimator.value(residual)])
        return Solutions(params, loss, np.where(np.isnan(loss), np.nan, 0.0), 1, np.ones_like(loss))

    def _refuse_vertical(self, point: Array, left_out: Array, draws: Array) -> None:
        """Refuse a line that turns past the vertical when groups are left out or resampled."""
        slope = self.to_line(point)[1]

        def turned(params: Array) -> "NDArray[np.bool_]":
            slopes = self.to_line(params[np.isfinite(params).all(axis=1)])[:, 1]
            return np.asarray((np.sign(slopes) != np.sign(slope)) & (np.abs(slopes) > abs(slope)))

        if turned(left_out).any() or (len(draws) and turned(draws).mean() > _VERTICAL_SHARE):
            raise NotIdentifiedError(
                "the errors-in-variables line is not identified: it turns vertical when groups are "
                "left out or resampled; use one of the regressions"
            )


def _reduced_major_axis(u: Array, v: Array, sample: Sample, group_weights: Array) -> Array:
    """Return lines of v on u whose slope is the ratio of the standard deviations."""
    moments = GroupMoments(np.stack([u, v]), sample.index, sample.weights)
    _, means, products = moments.moments(group_weights)
    uu, uv, vv = products[:, 0, 0], products[:, 0, 1], products[:, 1, 1]
    varies = uu > 1e-12 * float(sample.weights @ (u - u.mean()) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(varies, np.sign(uv) * np.sqrt(vv / uu), np.nan)
    return np.stack([means[:, 1] - slope * means[:, 0], slope], axis=1)


def _swap(line: Array) -> Array:
    """Return the line ``u = a + b v + c z`` as one of v; shape (..., p), and back again."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = 1 / line[..., 1:2]
        rest = np.concatenate([line[..., :1], line[..., 2:]], axis=-1) * -slope
    return np.concatenate([rest[..., :1], slope, rest[..., 1:]], axis=-1)


def _deviation(data: "pd.DataFrame", given: str | float | None) -> Array:
    if isinstance(given, str):
        return positive_column(data, given)
    value = float(given or 0.0)
    if not (np.isfinite(value) and value > 0):
        raise FitError("standard deviations must be positive")
    return np.full(len(data), value)
