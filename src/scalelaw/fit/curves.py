"""Competing forms of compute against error, each as a straight line, drawn many times.

Every form is a line of log10 C on a regressor of the error, so one estimator serves all:

power
    ``log C = a + b log(1/e)``
exponential
    ``log C = a + b / e``
floored
    ``log C = a + b log(1/(e - c))``, that is ``e = c + A C^(-1/b)``, with a floor ``c`` below every
    error in the data
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import FitError
from scalelaw.fit.moments import LineMoments, Lines
from scalelaw.fit.resample import resampled_blocks
from scalelaw.fit.sample import Array, group_index
from scalelaw.fit.york import York

if TYPE_CHECKING:
    import pandas as pd

DIRECTIONS: Mapping[str, str] = {
    "compute_on_error": "x_on_y",
    "error_on_compute": "y_on_x",
    "york": "york",
}
"""Directions of compute (x) and error (y), as the general laws call them."""

FORMS = ("power", "exponential", "floored")
CURVE_DIRECTIONS: Mapping[str, tuple[str, ...]] = {
    "power": ("compute_on_error", "error_on_compute", "york"),
    "exponential": ("compute_on_error", "error_on_compute"),
    "floored": ("compute_on_error", "error_on_compute"),
}
"""Directions of each form. York needs an error of the regressor, which only log(1/e) has here."""

_ALLOWED = "form and direction must be one of " + "; ".join(
    f"{name}: {', '.join(ways)}" for name, ways in CURVE_DIRECTIONS.items()
)
_FLOOR_SHARES = np.concatenate([[0.0], np.linspace(0.02, 0.98, 49)])
"""Floors that are tried, as shares of the lowest error."""


def regressor(form: str, error: Array, floor: Array | float = 0.0) -> Array:
    """Return what log10 compute is a straight line of; infinite at or below a floor.

    Parameters
    ----------
    form : {"power", "exponential", "floored"}
        The form.
    error : array of float
        Errors as fractions.
    floor : array of float
        Floors, broadcast against the errors; only the floored form uses them.
    """
    error = np.asarray(error, dtype=np.float64)
    if form == "exponential":
        return 1 / error
    above = error - floor if form == "floored" else error
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above > 0, -np.log10(above), np.inf)


def error_of(form: str, value: Array, floor: Array | float = 0.0) -> Array:
    """Return the error at a value of the regressor, the inverse of :func:`regressor`."""
    if form == "exponential":
        with np.errstate(divide="ignore"):
            return np.where(value > 0, 1 / value, np.inf)
    with np.errstate(over="ignore"):
        above = 10.0 ** -np.asarray(value, dtype=np.float64)
    return above + floor if form == "floored" else above


@dataclass(frozen=True)
class Curves:
    """One form in one direction: the fitted line and bootstrap draws of it.

    Parameters
    ----------
    form, direction : str
        Form, and direction of the regression.
    lines : array, shape (1 + B, 3)
        Intercept, slope and floor of ``log10 C`` on the regressor: as fitted, then one row for each
        bootstrap draw. A draw that its papers do not identify is NaN.
    spread : float
        Standard deviation of log10 C of a new paper's record about the line, in decades: the root
        of the mean over papers of the mean squared residual from the line without that paper.
    r_squared : array, shape (1 + B,)
        Of log10 C and the regressor, for each of `lines`.
    n_records, n_groups : int
        Records and papers.
    """

    form: str
    direction: str
    lines: Array
    spread: float
    r_squared: Array
    n_records: int
    n_groups: int

    @property
    def draws(self) -> Array:
        """The bootstrap draws, shape (B, 3)."""
        return self.lines[1:]

    @property
    def fitted(self) -> tuple[float, float, float]:
        """Intercept, slope and floor as fitted."""
        intercept, slope, floor = self.lines[0]
        return float(intercept), float(slope), float(floor)


def log_compute(form: str, lines: Array, error: Array | float) -> Array:
    """Return the log10 compute at which lines reach an error; infinite where they never do.

    Parameters
    ----------
    form : str
        The form of the lines.
    lines : array, shape (B, 3)
        Intercept, slope and floor.
    error : float, or array of shape (m, 1)
        Errors as fractions.

    Returns
    -------
    array, shape (B,) or (m, B)
        log10 FLOP; infinite at or below the floor, or where error does not fall with compute.
    """
    intercept, slope, floor = lines.T
    value = regressor(form, np.asarray(error), floor)
    with np.errstate(invalid="ignore"):
        return np.where(slope > 0, intercept + slope * value, np.inf)


def log_error(form: str, lines: Array, log_flop: Array) -> Array:
    """Return the log10 of the error that lines reach with a given log10 compute; NaN where none."""
    intercept, slope, floor = lines.T
    with np.errstate(divide="ignore", invalid="ignore"):
        error = error_of(form, (log_flop - intercept) / slope, floor)
        return np.where((slope > 0) & (error < 1), np.log10(error), np.nan)


def fit_curves(
    data: "pd.DataFrame",
    compute: str,
    form: str,
    direction: str,
    replicates: int,
    seed: np.random.SeedSequence,
    compute_sd: str = "compute_sd_decades",
    error_sd_decades: float = 0.02,
    min_groups: int = 5,
) -> Curves:
    """Fit a form in a direction and draw it again with resampled papers.

    The floor is the one of the highest R2, which both regressions share; each draw looks for its
    own among 50 shares of the lowest error.

    Parameters
    ----------
    data : pandas.DataFrame
        Records with columns ``error``, ``paper``, that of the compute, and for York `compute_sd`.
    compute : str
        Column of training compute in FLOP.
    form, direction : str
        One of `FORMS` and of its `CURVE_DIRECTIONS`.
    replicates : int
        Draws.
    seed : SeedSequence
        The same seed resamples the same papers for every form and direction.
    compute_sd : str
        Column with the standard deviation of log10 compute.
    error_sd_decades : float
        Standard deviation of log10(1/e).
    min_groups : int
        Fewest papers.

    Returns
    -------
    Curves

    Raises
    ------
    FitError
        If there are too few papers, or, once a paper is left out, nothing varies or error does not
        fall with compute.
    ValueError
        If there is no such form, or the form has no such direction.
    """
    fit = FormFit(data, compute, form, replicates, seed, min_groups)
    return fit.curves(direction, compute_sd, error_sd_decades)


class FormFit:
    """One form under all weightings of the papers; each of its directions follows from that.

    Parameters
    ----------
    data, compute, form, replicates, seed, min_groups
        As for :func:`fit_curves`.

    Raises
    ------
    FitError
        If there are too few papers, or a figure is out of range.
    ValueError
        If there is no such form.
    """

    def __init__(
        self,
        data: "pd.DataFrame",
        compute: str,
        form: str,
        replicates: int,
        seed: np.random.SeedSequence,
        min_groups: int = 5,
    ):
        if form not in FORMS:
            raise ValueError(f"{_ALLOWED}; there is no form {form}")
        index, names = group_index(data["paper"])
        if len(names) < min_groups:
            raise FitError(f"{len(names)} paper(s) with compute, at least {min_groups} are needed")
        error = data["error"].to_numpy(dtype=np.float64)
        flop = data[compute].to_numpy(dtype=np.float64)
        if not (np.isfinite(flop).all() and (flop > 0).all() and ((error > 0) & (error < 1)).all()):
            raise FitError("compute must be positive and finite, and errors between 0 and 1")
        self._data, self._form, self._replicates, self._seed = data, form, replicates, seed
        self._error, self._log_c, self._index = error, np.log10(flop), index
        self._floors = (_FLOOR_SHARES if form == "floored" else np.zeros(1)) * error.min()
        regressors = (regressor(form, error, floor) for floor in self._floors)
        moments = LineMoments(regressors, self._log_c, index)
        whole = moments.whole()
        parts = [self._at_best_floor(whole, whole)]
        for _, weights in resampled_blocks(len(names), replicates, seed):
            parts.append(self._at_best_floor(moments.weighted(weights), whole))
        parts.append(self._at_best_floor(moments.leave_one_group_out(), whole))
        self._rows = np.concatenate(parts)

    def curves(
        self,
        direction: str,
        compute_sd: str = "compute_sd_decades",
        error_sd_decades: float = 0.02,
    ) -> Curves:
        """Return the lines of a direction, as :func:`fit_curves`."""
        if direction not in CURVE_DIRECTIONS[self._form]:
            raise ValueError(f"{_ALLOWED}; {self._form} has no {direction}")
        floor, r_squared, x_mean, y_mean, sxx, sxy, syy = self._rows.T
        if direction == "york":
            lines = self._york(compute_sd, error_sd_decades)
            # As nothing varies for York's line either.
            lines[np.isnan(r_squared)] = np.nan
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = sxy / sxx if direction == "compute_on_error" else syy / sxy
                lines = np.stack([y_mean - slope * x_mean, slope], axis=1)
        lines = np.column_stack([lines, floor])
        error, index = self._error, self._index
        kept, left_out = lines[: 1 + self._replicates], lines[1 + self._replicates :]
        if not (np.isfinite(kept[0]).all() and np.isfinite(left_out).all()):
            raise FitError("without one of the papers nothing varies any more")
        if not np.isfinite(kept[1:]).all(axis=1).any():
            raise FitError("no resampling of the papers identifies a line")
        if (left_out[:, 1] <= 0).any():
            raise FitError("without one of the papers error no longer falls with compute")
        own = left_out[index]
        at = regressor(self._form, error, own[:, 2])
        residual = self._log_c - own[:, 0] - own[:, 1] * at
        by_paper = np.bincount(index, weights=residual**2) / np.bincount(index)
        return Curves(
            self._form,
            direction,
            kept,
            float(np.sqrt(by_paper.mean())),
            r_squared[: 1 + self._replicates],
            len(error),
            len(left_out),
        )

    def _at_best_floor(self, moments: Lines, whole: Lines) -> Array:
        """Return floor, R2 and moments at the floor of the highest R2 for each weighting."""
        # What is left by rounding, where all of a row's points are equal, is no variation.
        varies = (moments.sxx > 1e-12 * whole.sxx) & (moments.syy > 1e-12 * whole.syy)
        with np.errstate(divide="ignore", invalid="ignore"):
            r_squared = np.where(varies, moments.sxy**2 / (moments.sxx * moments.syy), np.nan)
        rows = np.arange(len(r_squared))
        best = np.argmax(np.where(np.isnan(r_squared), -np.inf, r_squared), axis=1)
        found = np.column_stack(
            [
                self._floors[best],
                r_squared[rows, best],
                *(m[rows, best] if m.shape[1] > 1 else m[:, 0] for m in moments),
            ]
        )
        found[np.isnan(found[:, 1])] = np.nan
        return found

    def _york(self, compute_sd: str, error_sd_decades: float) -> Array:
        """Return intercepts and slopes of York's lines for all weightings, without a floor."""
        x = regressor(self._form, self._error)
        sd_x = np.full_like(x, error_sd_decades)
        sd_y = self._data[compute_sd].to_numpy(np.float64)
        york = York(x, self._log_c, sd_x, sd_y, self._index)
        return np.concatenate(
            [
                york.estimate(np.ones((1, york.n_groups))),
                york.bootstrap(self._replicates, self._seed),
                york.leave_one_group_out(),
            ]
        )
