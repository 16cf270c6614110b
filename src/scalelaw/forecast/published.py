"""Forecasts that others have published, scored against what came."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.fit.sample import Array
from scalelaw.inputs import read_valid_yaml

if TYPE_CHECKING:
    import pandas as pd

_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_ERROR = {**_POSITIVE, "exclusiveMaximum": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "benchmark", "published", "source", "url"],
        "anyOf": [{"required": [name]} for name in ("points", "line", "dated")],
        "not": {"required": ["points", "line"]},
        "properties": {
            "name": {"type": "string"},
            "benchmark": {"type": "string"},
            "published": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
            "source": {"type": "string", "minLength": 1},
            "url": {"type": "string", "pattern": "^https?://"},
            "points": {
                "type": "array",
                "minItems": 2,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["error", "flop"],
                    "properties": {"error": _ERROR, "flop": _POSITIVE},
                },
            },
            "line": {
                "type": "object",
                "additionalProperties": False,
                "required": ["slope", "intercept"],
                "properties": {"slope": _POSITIVE, "intercept": {"type": "number"}},
            },
            "dated": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["error", "year"],
                    "properties": {"error": _ERROR, "year": {"type": "number"}},
                },
            },
        },
    },
}


@dataclass(frozen=True)
class PublishedForecast:
    """A forecast of compute for an error, of the year of an error, or both.

    Parameters
    ----------
    key, name, benchmark, source : str
        What it is.
    published : float
        Decimal year of publication.
    knots : tuple of pairs
        ``log10(1/error)`` and log10 FLOP, rising; empty if it names no compute.
    dated : tuple of pairs
        Error and the year by which it was forecast.
    """

    key: str
    name: str
    benchmark: str
    source: str
    published: float
    knots: tuple[tuple[float, float], ...]
    dated: tuple[tuple[float, float], ...]

    def log_flop(self, error: Array) -> Array:
        """Return the forecast log10 FLOP for errors, on straight lines through the knots."""
        x, y = np.array(self.knots).T
        at = -np.log10(error)
        piece = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
        slope = np.diff(y) / np.diff(x)
        return np.asarray(y[piece] + slope[piece] * (at - x[piece]))


def read_forecasts(path: Path) -> list[PublishedForecast]:
    """Read ``forecasts.yaml``.

    Raises
    ------
    ScalelawError
        If the file cannot be read or does not fit its schema; lists every fault.
    """
    content = read_valid_yaml(path, SCHEMA)
    return [_forecast(key, entry) for key, entry in content.items()]


def _forecast(key: str, entry: dict[str, Any]) -> PublishedForecast:
    knots = [(-np.log10(p["error"]), np.log10(p["flop"])) for p in entry.get("points", ())]
    if line := entry.get("line"):
        knots = [(x, (x - line["intercept"]) / line["slope"]) for x in (0.0, 1.0)]
    year, month = entry["published"].split("-")
    return PublishedForecast(
        key,
        entry["name"],
        entry["benchmark"],
        entry["source"],
        int(year) + int(month) / 12,
        tuple(sorted((float(x), float(y)) for x, y in knots)),
        tuple((d["error"], d["year"]) for d in entry.get("dated", ())),
    )


def score_published(
    forecasts: Sequence[PublishedForecast],
    fitted: "pd.DataFrame",
    all_records: "pd.DataFrame",
    compute: str,
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Hold published forecasts against the records that came after them.

    Parameters
    ----------
    forecasts : sequence of PublishedForecast
        The forecasts.
    fitted : pandas.DataFrame
        Records that fits use: ``benchmark``, ``year``, ``error``, ``paper``, the column `compute`.
    all_records : pandas.DataFrame
        Records of the fitted error with or without compute, for the lowest error by a year.
    compute : str
        Column of training compute in FLOP.

    Returns
    -------
    pandas.DataFrame
        Forecasts of compute: ``forecast``, ``published``, ``n_records``, ``n_papers`` that came
        after it, ``median_error_decades`` (forecast less actual),
        ``median_abs_error_decades``, ``mean_abs_error_decades``, papers with equal weight.
    pandas.DataFrame
        Dated forecasts: ``forecast``, ``published``, ``error``, ``by_year``, ``lowest_error`` in
        the corpus by then, ``lowest_model``, ``corpus_until`` (the newest record) and ``outcome``:
        reached, not reached, or not yet reached where the corpus ends before the date.
    """
    import pandas as pd

    scores: list[dict[str, Any]] = []
    dates: list[dict[str, Any]] = []
    for forecast in forecasts:
        name: dict[str, Any] = {
            "forecast": forecast.name,
            "benchmark": forecast.benchmark,
            "published": forecast.published,
        }
        if forecast.knots:
            known = fitted[(fitted["benchmark"] == forecast.benchmark) & fitted[compute].notna()]
            later = known["year"] > forecast.published
            # As in our own backtest, papers with earlier results are not predicted.
            later = known[later & ~known["paper"].isin(known.loc[~later, "paper"])]
            miss = forecast.log_flop(later["error"].to_numpy(dtype=np.float64))
            miss -= np.log10(later[compute].to_numpy(dtype=np.float64))
            errors = pd.DataFrame({"paper": later["paper"], "miss": miss, "size": np.abs(miss)})
            each = errors.groupby("paper")[["miss", "size"]].mean()
            scores.append(
                {
                    **name,
                    "n_records": len(later),
                    "n_papers": len(each),
                    "median_error_decades": each["miss"].median(),
                    "median_abs_error_decades": each["size"].median(),
                    "mean_abs_error_decades": each["size"].mean(),
                }
            )
        mine = all_records[all_records["benchmark"] == forecast.benchmark]
        newest = mine["year"].max()
        for error, year in forecast.dated:
            # "By 2025" lasts until the year is over.
            whole = 1 if year == int(year) else 0
            by_then = mine[mine["year"] < year + whole]
            best = by_then.loc[by_then["error"].idxmin()] if len(by_then) else None
            lowest = np.nan if best is None else float(best["error"])
            outcome = "not reached" if newest >= year + whole else "not yet reached"
            if lowest <= error:
                outcome = "reached"
            dates.append(
                {
                    **name,
                    "error": error,
                    "by_year": year,
                    "lowest_error": lowest,
                    "lowest_model": "" if best is None else best["model"],
                    "corpus_until": newest,
                    "outcome": outcome,
                }
            )
    head = ["forecast", "benchmark", "published"]
    return (
        pd.DataFrame(
            scores,
            columns=[
                *head, "n_records", "n_papers", "median_error_decades", "median_abs_error_decades",
                "mean_abs_error_decades",
            ],
        ),
        pd.DataFrame(
            dates,
            columns=[
                *head, "error", "by_year", "lowest_error", "lowest_model", "corpus_until",
                "outcome",
            ],
        ),
    )  # fmt: skip
