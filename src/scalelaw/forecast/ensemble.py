"""All forms and directions of a benchmark's fit as one set of draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import FitError
from scalelaw.fit.curves import (
    CURVE_DIRECTIONS,
    FORMS,
    Curves,
    FormFit,
    log_compute,
    log_error,
)
from scalelaw.fit.sample import Array

if TYPE_CHECKING:
    import pandas as pd

ALL_FORMS = "all"
"""All forms with equal weight, but for an error those whose fitted floor lies below it."""

FORWARD = "forward"
"""In place of a basis: forward FLOP of one prediction instead of training compute."""

_DRAW_COLUMNS = ("intercept", "slope", "floor", "scatter")


@dataclass(frozen=True)
class Ensemble:
    """Draws of how compute depends on error on one benchmark.

    Parameters
    ----------
    draws : dict of str to array, shape (N, 4)
        For each form: intercept, slope, floor, and the scatter of a new paper about the line in
        decades. The directions of a form have equal shares of its draws.
    error_range, compute_range : pair of float
        Smallest and largest value in the data.
    floor : float
        Fitted floor of the floored form, 0 without one.
    """

    draws: dict[str, Array]
    error_range: tuple[float, float]
    compute_range: tuple[float, float]
    floor: float = 0.0

    def forms(self, form: str, error: float = 1.0) -> tuple[str, ...]:
        """Return the forms that a name stands for, for a target error."""
        if form != ALL_FORMS:
            return (form,)
        above = tuple(f for f in self.draws if f != "floored" or error > self.floor)
        return above or tuple(self.draws)

    def log_compute(self, error: float, form: str = ALL_FORMS) -> Array:
        """Return draws of the log10 FLOP at which a new model reaches an error, inf where never."""
        return np.concatenate(
            [log_compute(f, d[:, :3], error) + d[:, 3] for f, d in self._of(form, error)]
        )

    def log_error(self, log_flop: Array, form: str = ALL_FORMS) -> Array:
        """Return draws of the log10 error that a new model reaches; NaN where a draw gives none.

        Parameters
        ----------
        log_flop : array, shape (N,)
            log10 FLOP for each draw of a form.
        form : str
            A form, or `ALL_FORMS`.
        """
        return np.concatenate(
            [log_error(f, d[:, :3], log_flop - d[:, 3]) for f, d in self._of(form)]
        )

    def _of(self, form: str, error: float = 1.0) -> Iterable[tuple[str, Array]]:
        return ((f, self.draws[f]) for f in self.forms(form, error))


def fit_ensemble(
    data: "pd.DataFrame",
    compute: str,
    draws: int,
    seed: np.random.SeedSequence,
    forms: Sequence[str] = FORMS,
    error_sd_decades: float = 0.02,
    min_groups: int = 5,
) -> tuple[Ensemble, list[Curves]]:
    """Fit every form in every direction and mix their bootstrap draws.

    Each draw resamples papers, takes one direction, and adds the scatter of a new paper: Student's
    t with papers - 1 degrees of freedom, times the spread of that fit. Forms have equal weight, and
    so have the directions of a form; a convention, since no statistic of these data tells which
    direction is right. A fit whose slope is not positive once a paper is left out takes no part.

    Parameters
    ----------
    data : pandas.DataFrame
        Records with ``error``, ``paper``, the column `compute`, and ``compute_sd_decades``, without
        which there is no York fit.
    compute : str
        Column of compute in FLOP.
    draws : int
        Draws of each form.
    seed : SeedSequence
        Seed of all draws.
    forms : sequence of str
        Forms to fit.
    error_sd_decades : float
        Standard deviation of log10(1/e) for York.
    min_groups : int
        Fewest papers.

    Returns
    -------
    Ensemble, list of Curves

    Raises
    ------
    FitError
        If no form can be fitted.
    """
    # As seed.spawn(2), which would give others at the next call.
    papers, scatter = (
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in range(2)
    )
    mixed: dict[str, Array] = {}
    fitted: list[Curves] = []
    refused: list[str] = []
    for form in forms:
        curves = []
        try:
            fit = FormFit(data, compute, form, draws, papers, min_groups)
        except FitError as refusal:
            refused.append(str(refusal))
            continue
        for direction in CURVE_DIRECTIONS[form]:
            if direction == "york" and "compute_sd_decades" not in data:
                continue
            try:
                curves.append(fit.curves(direction, error_sd_decades=error_sd_decades))
            except FitError as refusal:
                refused.append(str(refusal))
        if curves:
            noise = np.random.default_rng(scatter).standard_t(curves[0].n_groups - 1, draws)
            mixed[form] = _mix(curves, noise)
            fitted += curves
    if not mixed:
        raise FitError(refused[0])
    error, flop = data["error"], data[compute]
    return (
        Ensemble(
            mixed,
            (float(error.min()), float(error.max())),
            (float(flop.min()), float(flop.max())),
            max((curve.fitted[2] for curve in fitted), default=0.0),
        ),
        fitted,
    )


def refuse_flat(curves: Sequence[Curves], level: float) -> None:
    """Refuse fits in which compute may not rise as error falls.

    Parameters
    ----------
    curves : sequence of Curves
        As :func:`fit_ensemble` returns them.
    level : float
        Level of the interval of the slope of the first, which must lie above zero.

    Raises
    ------
    FitError
        With the share of resampled fits in which compute does not rise.
    """
    flat = float((curves[0].draws[:, 1] <= 0).mean())
    if flat > (1 - level) / 2:
        raise FitError(
            f"compute may not rise at all as error falls (so say {100 * flat:.0f}% of the "
            "resampled fits)"
        )


def _mix(curves: list[Curves], noise: Array) -> Array:
    """Give each direction its share of the draws, in turn."""
    mixed = np.empty((len(noise), 4))
    for i, fit in enumerate(curves):
        mine = np.arange(i, len(noise), len(curves))
        lines = fit.draws[mine]
        # A resample that identifies no line, such as one of equal errors, is drawn anew.
        good = fit.draws[np.isfinite(fit.draws).all(axis=1)]
        bad = ~np.isfinite(lines).all(axis=1)
        lines[bad] = good[np.linspace(0, len(good) - 1, int(bad.sum())).astype(int)]
        mixed[mine, :3] = lines
        mixed[mine, 3] = fit.spread * noise[mine]
    return mixed


def draws_table(ensembles: dict[tuple[str, str], Ensemble]) -> "pd.DataFrame":
    """Return the draws of benchmarks and bases as one table, for storage."""
    import pandas as pd

    parts = []
    for (benchmark, basis), ensemble in ensembles.items():
        for form, draws in ensemble.draws.items():
            part = pd.DataFrame(draws, columns=list(_DRAW_COLUMNS))
            parts.append(part.assign(benchmark=benchmark, basis=basis, form=form))
    columns = ["benchmark", "basis", "form", *_DRAW_COLUMNS]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def read_ensembles(
    draws: "pd.DataFrame", curves: "pd.DataFrame"
) -> dict[tuple[str, str], Ensemble]:
    """Return the ensembles by benchmark and basis from the stored tables of draws and curves."""
    ensembles: dict[tuple[str, str], Ensemble] = {}
    for (benchmark, basis), table in draws.groupby(["benchmark", "basis"], sort=False):
        mine = curves[(curves["benchmark"] == benchmark) & (curves["basis"] == basis)]
        row: Any = mine.iloc[0]
        ensembles[(str(benchmark), str(basis))] = Ensemble(
            {
                str(form): part[list(_DRAW_COLUMNS)].to_numpy(dtype=np.float64)
                for form, part in table.groupby("form", sort=False)
            },
            (row["error_min"], row["error_max"]),
            (row["compute_min"], row["compute_max"]),
            float(np.nan_to_num(mine["floor"]).max()),
        )
    return ensembles
