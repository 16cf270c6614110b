"""Forecasts made with the data up to a year, held against what came later."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import FitError, NotIdentifiedError
from scalelaw.fit.curves import FORMS, log_compute
from scalelaw.fit.linear import fit_linear
from scalelaw.fit.sample import Array, group_index
from scalelaw.forecast.ensemble import ALL_FORMS, Ensemble, fit_ensemble, refuse_flat

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.8, 0.95)
"""Levels of the prediction intervals whose coverage is scored."""

BASELINES = ("last value", "trend in year")
MODELS = (*FORMS, ALL_FORMS, *BASELINES)

_QUANTILES = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
"""The median, and around it the ends of the intervals of `LEVELS`."""

_CHUNK = 4_000_000
"""Draws that are held at once."""

_FAR = 30.0
"""Decades beyond the data at which a prediction is cut, so that "never" can be averaged."""


def backtest(
    data: "pd.DataFrame",
    compute: str,
    draws: int,
    seed: np.random.SeedSequence,
    min_papers: int = 8,
    min_later_papers: int = 3,
    error_sd_decades: float = 0.02,
) -> "pd.DataFrame":
    """Fit to each year, predict the compute of later records from their error, and score it.

    Parameters
    ----------
    data : pandas.DataFrame
        Records of one benchmark: ``error``, ``year`` (decimal), ``paper``, ``record_id``,
        ``compute_sd_decades`` and the column `compute`.
    compute : str
        Column of training compute in FLOP.
    draws : int
        Draws of each form.
    seed : SeedSequence
        Seed of all draws.
    min_papers : int
        Fewest papers up to the year.
    min_later_papers : int
        Fewest papers that appear only after it; records of papers already seen are not predicted.
    error_sd_decades : float
        Standard deviation of log10(1/e), for York.

    Returns
    -------
    pandas.DataFrame
        One row per year fitted to (``fitted_to``), ``model`` (see `MODELS`) and later record:
        ``record_id``, ``paper``, ``predicted`` and ``actual`` log10 FLOP, ``error_decades``
        (predicted less actual), ``covered_50``, ``covered_80``, ``covered_95`` (0 or 1) and
        ``pinball`` (mean over seven quantiles, in decades). Empty if no year has enough papers.
    """
    import pandas as pd

    parts: list[pd.DataFrame] = []
    years = np.floor(data["year"].to_numpy()).astype(int)
    for fitted_to in range(int(years.min()), int(years.max())):
        past = data[years <= fitted_to]
        later = data[(years > fitted_to) & ~data["paper"].isin(past["paper"])]
        if past["paper"].nunique() < min_papers or later["paper"].nunique() < min_later_papers:
            continue
        own = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, fitted_to))
        actual = np.log10(later[compute].to_numpy(dtype=np.float64))
        limit = float(np.log10(past[compute].max())) + _FAR
        for model, predicted in _predictions(
            past, later, compute, draws, own, error_sd_decades, min_papers
        ):
            parts.append(
                pd.DataFrame(
                    {
                        "fitted_to": fitted_to,
                        "model": model,
                        "record_id": later["record_id"].array,
                        "paper": later["paper"].array,
                        **_score(predicted.quantiles(limit), actual),
                    }
                )
            )
    columns = ["fitted_to", "model", "record_id", "paper", *_SCORES]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


_SCORES = (
    "predicted", "actual", "error_decades", *(f"covered_{100 * v:.0f}" for v in LEVELS), "pinball",
)  # fmt: skip


def summarise(predictions: "pd.DataFrame", by: Sequence[str]) -> "pd.DataFrame":
    """Average scores, each paper of each year with equal weight.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As :func:`backtest` returns them.
    by : sequence of str
        Columns to keep apart.

    Returns
    -------
    pandas.DataFrame
        `by`, then ``n_records``, ``n_papers``, ``median_error_decades``,
        ``median_abs_error_decades``, ``mean_abs_error_decades``, coverages and ``pinball``.
    """
    import pandas as pd

    frame = predictions.assign(abs_error=predictions["error_decades"].abs())
    scores = [name for name in _SCORES if name.startswith("covered") or name == "pinball"]
    papers = frame.groupby([*by, "fitted_to", "paper"] if "fitted_to" not in by
                           else [*by, "paper"], sort=False)  # fmt: skip
    each = papers[["error_decades", "abs_error", *scores]].mean().reset_index()
    groups = each.groupby(list(by), sort=False)
    table = pd.DataFrame(
        {
            "n_records": frame.groupby(list(by), sort=False)["record_id"].nunique(),
            "n_papers": groups["paper"].nunique(),
            "median_error_decades": groups["error_decades"].median(),
            "median_abs_error_decades": groups["abs_error"].median(),
            "mean_abs_error_decades": groups["abs_error"].mean(),
            **{name: groups[name].mean() for name in scores},
        }
    )
    return table.reset_index()


def _predictions(
    past: "pd.DataFrame",
    later: "pd.DataFrame",
    compute: str,
    draws: int,
    seed: np.random.SeedSequence,
    error_sd_decades: float,
    min_papers: int,
) -> "Iterator[tuple[str, _Predicted]]":
    """Yield each model's predictions of the later records."""
    try:
        ensemble, curves = fit_ensemble(
            past,
            compute,
            draws,
            seed,
            error_sd_decades=error_sd_decades,
            min_groups=min_papers,
        )
        refuse_flat(curves, max(LEVELS))
    except FitError:
        ensemble = None
    error = later["error"].to_numpy(dtype=np.float64)
    if ensemble:
        for form in (*ensemble.draws, ALL_FORMS):
            yield form, _Predicted(error, draws, partial(_of_forms, ensemble, form, draws))
    log_c = np.log10(past[compute].to_numpy(dtype=np.float64))
    index, names = group_index(past["paper"])
    papers, scatter = seed.spawn(2)
    noise = np.random.default_rng(scatter).standard_t(len(names) - 1, (draws, 1))

    by_paper = np.bincount(index, weights=log_c) / np.bincount(index)
    when = np.bincount(index, weights=past["year"].to_numpy()) / np.bincount(index)
    in_order = by_paper[np.argsort(when, kind="stable")]
    spread = float(np.sqrt(np.mean(np.diff(in_order) ** 2)))
    last = in_order[-1] + spread * noise
    yield "last value", _Predicted(np.zeros(len(later)), draws, lambda at: last + at)

    design = np.column_stack([np.ones_like(log_c), past["year"].to_numpy(dtype=np.float64)])
    try:
        trend = fit_linear(design, log_c, index=index).grouped
    except NotIdentifiedError:
        return  # All of one date.
    residual = log_c - (design * trend.leave_one_group_out()[index]).sum(axis=1)
    spread = float(np.sqrt(np.mean(np.bincount(index, weights=residual**2) / np.bincount(index))))
    lines = trend.bootstrap(draws, papers)
    lines = lines[np.isfinite(lines).all(axis=1)]
    if len(lines) and np.isfinite(spread):
        start = lines[:, :1] + spread * noise[: len(lines)]
        slope = lines[:, 1:]
        year = later["year"].to_numpy(dtype=np.float64)
        yield "trend in year", _Predicted(year, draws, lambda at: start + slope * at)


@dataclass(frozen=True)
class _Predicted:
    """Draws of log10 compute of later records, made a few distinct predictors at a time.

    Results are printed to a few digits and dates are days, so many records have the same predictor
    and thus the same draws.

    Parameters
    ----------
    predictor : array, shape (records,)
        What each record is predicted from.
    n_draws : int
        Draws.
    draw : callable
        From predictors of shape (m,) to draws of shape (N, m).
    """

    predictor: Array
    n_draws: int
    draw: Callable[[Array], Array]

    def quantiles(self, limit: float) -> Array:
        """Return `_QUANTILES` of the draws, cut at a limit, shape (quantiles, records)."""
        distinct, which = np.unique(self.predictor, return_inverse=True)
        size = max(1, _CHUNK // self.n_draws)
        parts = []
        for start in range(0, len(distinct), size):
            drawn = self.draw(distinct[start : start + size])
            cut = np.clip(np.nan_to_num(drawn, nan=limit, posinf=limit), None, limit)
            parts.append(np.quantile(cut, _QUANTILES, axis=0))
        return np.concatenate(parts, axis=1)[:, which]


def _of_forms(ensemble: Ensemble, form: str, draws: int, error: Array) -> Array:
    """Return an ensemble's draws of log10 compute at errors, shape (draws, errors)."""
    found = np.empty((draws, len(error)))
    above = error > ensemble.floor
    for mine in (above, ~above):
        if not mine.any():
            continue
        at = error[mine]
        forms = ensemble.forms(form, float(at[0]))
        values = np.concatenate(
            [
                log_compute(f, ensemble.draws[f][:, :3], at[:, None]) + ensemble.draws[f][:, 3]
                for f in forms
            ],
            axis=1,
        )
        # The forms that take part differ between errors, so equally spaced draws of them all stand
        # for the draws.
        chosen = np.ceil(len(forms) * (np.arange(draws) + 0.5)).astype(int) - 1
        found[:, mine] = np.sort(values, axis=1)[:, chosen].T
    return found


def _score(points: Array, actual: Array) -> dict[str, Array]:
    """Return each of `_SCORES` for `_QUANTILES` of the draws, shape (quantiles, records)."""
    middle = len(_QUANTILES) // 2
    below = actual - points
    tau = _QUANTILES[:, None]
    scores = {
        "predicted": points[middle],
        "actual": actual,
        "error_decades": points[middle] - actual,
    }
    for i, level in enumerate(LEVELS, start=1):
        low, high = points[middle - i], points[middle + i]
        scores[f"covered_{100 * level:.0f}"] = ((low <= actual) & (actual <= high)).astype(float)
    scores["pinball"] = np.maximum(tau * below, (tau - 1) * below).mean(axis=0)
    return scores
