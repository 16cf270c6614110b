"""Forecasts made with the data up to a year, held against what came later."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import FitError, NotIdentifiedError
from scalelaw.fit.curves import FORMS
from scalelaw.fit.linear import fit_linear
from scalelaw.fit.resample import resampled_groups
from scalelaw.fit.sample import Array, group_index
from scalelaw.forecast.ensemble import ALL_FORMS, fit_ensemble, refuse_flat

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.5, 0.8, 0.95)
"""Levels of the prediction intervals whose coverage is scored."""

BASELINES = ("last value", "trend in year")
MODELS = (*FORMS, ALL_FORMS, *BASELINES)

_QUANTILES = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
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

    rows: list[dict[str, Any]] = []
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
            drawn = np.clip(np.nan_to_num(predicted, nan=limit, posinf=limit), None, limit)
            scores = _score(drawn, actual)
            for i, (record, paper) in enumerate(
                zip(later["record_id"], later["paper"], strict=True)
            ):
                rows.append(
                    {"fitted_to": fitted_to, "model": model, "record_id": record, "paper": paper}
                    | {name: values[i] for name, values in scores.items()}
                )
    return pd.DataFrame(rows, columns=["fitted_to", "model", "record_id", "paper", *_SCORES])


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
) -> Iterator[tuple[str, Array]]:
    """Yield each model's draws of log10 compute, shape (N, later records)."""
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
    if ensemble:
        for form in (*ensemble.draws, ALL_FORMS):
            # The forms that take part differ between errors, so equally spaced quantiles stand for
            # the draws.
            at = (np.arange(draws) + 0.5) / draws
            columns = [
                np.quantile(ensemble.log_compute(float(e), form), at, method="inverted_cdf")
                for e in later["error"]
            ]
            yield form, np.stack(columns, axis=1)
    log_c = np.log10(past[compute].to_numpy(dtype=np.float64))
    index, names = group_index(past["paper"])
    papers, scatter = seed.spawn(2)
    noise = np.random.default_rng(scatter).standard_t(len(names) - 1, (draws, 1))

    by_paper = np.bincount(index, weights=log_c) / np.bincount(index)
    when = np.bincount(index, weights=past["year"].to_numpy()) / np.bincount(index)
    in_order = by_paper[np.argsort(when, kind="stable")]
    spread = float(np.sqrt(np.mean(np.diff(in_order) ** 2)))
    yield "last value", np.repeat(in_order[-1] + spread * noise, len(later), axis=1)

    design = np.column_stack([np.ones_like(log_c), past["year"].to_numpy(dtype=np.float64)])
    try:
        trend = fit_linear(design, log_c, index=index).grouped
    except NotIdentifiedError:
        return  # All of one date.
    residual = log_c - (design * trend.leave_one_group_out()[index]).sum(axis=1)
    spread = float(np.sqrt(np.mean(np.bincount(index, weights=residual**2) / np.bincount(index))))
    lines = trend.estimate(resampled_groups(len(names), draws, papers))
    lines = lines[np.isfinite(lines).all(axis=1)]
    year = later["year"].to_numpy(dtype=np.float64)
    if len(lines) and np.isfinite(spread):
        centre = lines[:, :1] + lines[:, 1:] * year
        yield "trend in year", centre + spread * noise[: len(lines)]


def _score(drawn: Array, actual: Array) -> dict[str, Array]:
    """Return each of `_SCORES` for draws of shape (N, records)."""
    points = np.quantile(drawn, _QUANTILES, axis=0)
    below = actual - points
    tau = _QUANTILES[:, None]
    scores = {
        "predicted": points[3],
        "actual": actual,
        "error_decades": points[3] - actual,
        "pinball": np.maximum(tau * below, (tau - 1) * below).mean(axis=0),
    }
    for level in LEVELS:
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        scores[f"covered_{100 * level:.0f}"] = ((low <= actual) & (actual <= high)).astype(float)
    return scores
