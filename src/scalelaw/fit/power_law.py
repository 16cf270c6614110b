"""The power law of compute in error, ``C = A * (1/e)^beta``, in three directions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import FitError
from scalelaw.fit.estimators import (
    Array,
    LineEstimator,
    OrdinaryLeastSquares,
    York,
    bootstrap,
    cr3_covariance,
    group_index,
    leave_one_group_out,
)
from scalelaw.fit.result import Bootstrap, Forms, PowerLawResult

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

DIRECTIONS = ("compute_on_error", "error_on_compute", "york")


@dataclass(frozen=True)
class PowerLaw:
    """Specification of a power law of training compute in error.

    Parameters
    ----------
    direction : {"compute_on_error", "error_on_compute", "york"}
        Which variable carries the scatter. ``compute_on_error`` is least squares of log10 C on
        log10(1/e); ``error_on_compute`` the reverse, inverted; ``york`` allows for stated errors
        in both.
    min_groups : int
        Fewest groups (papers) that are fitted.
    replicates : int
        Pairs-cluster bootstrap replicates.
    level : float
        Level of the bootstrap interval that is kept.
    error_sd_decades : float
        Standard deviation of log10(1/e), used by ``york``.
    """

    direction: str = "compute_on_error"
    min_groups: int = 5
    replicates: int = 2000
    level: float = 0.95
    error_sd_decades: float = 0.02

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}")

    def fit(
        self,
        data: "pd.DataFrame",
        compute: str = "compute",
        error: str = "error",
        groups: str = "paper",
        compute_sd: str | None = None,
        seed: int | np.random.SeedSequence = 0,
    ) -> PowerLawResult:
        """Fit the law to records.

        Parameters
        ----------
        data : pandas.DataFrame
            One row per record.
        compute, error, groups : str
            Columns with training compute in FLOP (positive), error as a fraction (0 to 1), and
            the unit that is independent of the others, usually the paper.
        compute_sd : str, optional
            Column with the standard deviation of log10 compute; ``york`` needs it.
        seed : int or SeedSequence
            Seed of the bootstrap.

        Returns
        -------
        PowerLawResult

        Raises
        ------
        FitError
            If the data cannot identify the law: too few groups, values out of range, no variation
            in error or in compute, or variation that comes from one group alone.

        Examples
        --------
        >>> import pandas as pd
        >>> data = pd.DataFrame({
        ...     "compute": [1e16, 1e18, 2e20, 1e22, 3e23, 1e20],
        ...     "error": [0.40, 0.25, 0.16, 0.10, 0.06, 0.15],
        ...     "paper": ["a", "b", "c", "d", "e", "f"],
        ... })
        >>> law = PowerLaw(replicates=200).fit(data)
        >>> round(law.exponent, 1)
        8.8
        """
        from statsmodels.regression.linear_model import OLS
        from statsmodels.tools.eval_measures import aicc
        from statsmodels.tools.tools import add_constant

        for column in filter(None, (compute, error, groups, compute_sd)):
            if column not in data:
                raise FitError(
                    f'the data have no column "{column}"; they have {list(data.columns)}'
                )
        flop, err = (_numbers(data, column) for column in (compute, error))
        index, names = group_index(data[groups])
        _check(flop, err, names, self.min_groups)
        log_compute, log_inverse_error = np.log10(flop), -np.log10(err)

        x, y = log_inverse_error, log_compute
        if self.direction == "error_on_compute":
            x, y = y, x
        ols = OLS(y, add_constant(x, has_constant="add")).fit()
        point: Array = np.asarray(ols.params, dtype=np.float64)
        estimator: LineEstimator = OrdinaryLeastSquares(x, y, index)
        chi_square = None
        if self.direction == "york":
            if compute_sd is None:
                raise FitError("york needs compute_sd: name the column with its standard deviation")
            sd_y = _numbers(data, compute_sd)
            if not (np.isfinite(sd_y).all() and (sd_y > 0).all()):
                raise FitError(f"{compute_sd} must be positive and finite in every record")
            estimator = york = York(x, y, np.full_like(x, self.error_sd_decades), sd_y, index)
            point = york.estimate(np.ones((1, len(names))))[0]
            chi_square = york.reduced_chi_square(point)

        left_out = leave_one_group_out(estimator)
        for name, line in zip(names, left_out, strict=True):
            if not np.isfinite(line).all():
                raise FitError(
                    f'without "{name}" nothing varies any more: the exponent would rest on it '
                    "alone; add records of other papers"
                )
        covariance = cr3_covariance(point, left_out)
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        draws = bootstrap(estimator, self.replicates, seed)[:, 1]
        good = draws[np.isfinite(draws)]
        tail = (1 - self.level) / 2
        if self.direction == "york":
            _refuse_vertical(float(point[1]), left_out[:, 1], good, tail)
        residual = y - point[0] - point[1] * x

        forms = None
        if self.direction == "compute_on_error" and len(y) > 4:  # below, AICc is not defined
            exponential = OLS(y, add_constant(1 / err, has_constant="add")).fit()
            # Two coefficients and the residual variance.
            power_aicc, exponential_aicc = (
                float(aicc(fit.llf, len(y), 3)) for fit in (ols, exponential)
            )
            forms = Forms(power_aicc, exponential_aicc, float(exponential.rsquared))

        return PowerLawResult(
            direction=self.direction,
            line=(float(point[0]), float(point[1])),
            line_covariance=(
                (float(covariance[0, 0]), float(covariance[0, 1])),
                (float(covariance[1, 0]), float(covariance[1, 1])),
            ),
            n_records=len(y),
            groups=tuple(names),
            records_by_group=tuple(int(n) for n in np.bincount(index)),
            left_out_slopes=tuple(float(slope) for slope in left_out[:, 1]),
            residual_sd=float(np.sqrt(residual @ residual / (len(y) - 2))),
            r_squared=float(np.corrcoef(x, y)[0, 1] ** 2),
            error_range=(float(err.min()), float(err.max())),
            compute_range=(float(flop.min()), float(flop.max())),
            bootstrap=Bootstrap(
                self.level,
                self.replicates,
                int(self.replicates - len(good)),
                float(np.quantile(good, tail)),
                float(np.quantile(good, 1 - tail)),
            ),
            forms=forms,
            reduced_chi_square=chi_square,
        )


def _refuse_vertical(slope: float, left_out: Array, draws: Array, tail: float) -> None:
    """Refuse a York line that turns past the vertical when papers are left out or resampled."""

    def turned(slopes: Array) -> "NDArray[np.bool_]":
        opposite: NDArray[np.bool_] = np.sign(slopes) != np.sign(slope)
        return np.logical_and(opposite, np.abs(slopes) > abs(slope))

    if turned(left_out).any() or turned(draws).mean() > tail:
        raise FitError(
            "the errors-in-variables line is not identified: it turns vertical when papers are "
            "left out or resampled"
        )


def _numbers(data: "pd.DataFrame", column: str) -> Array:
    try:
        values = np.asarray(data[column], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FitError(f'column "{column}" must hold numbers: {error}') from None
    if np.isnan(values).any():
        raise FitError(f'column "{column}" has empty cells; remove these rows')
    return values


def _check(flop: Array, err: Array, names: list[str], min_groups: int) -> None:
    if len(names) < min_groups:
        raise FitError(f"{len(names)} paper(s) with compute, at least {min_groups} are needed")
    if len(flop) < 4:
        raise FitError(f"{len(flop)} record(s), at least 4 are needed")
    if not (np.isfinite(flop).all() and (flop > 0).all()):
        raise FitError("compute must be positive and finite; remove or mend such records")
    if not ((err > 0).all() and (err < 1).all()):
        raise FitError("errors must lie between 0 and 1; divide percentages by 100")
    if np.ptp(np.log10(err)) < 1e-9:
        raise FitError("all errors are equal; an exponent needs records of different error")
    if np.ptp(np.log10(flop)) < 1e-9:
        raise FitError("all compute is equal; an exponent needs records of different compute")
