"""Fit competing forms of compute against error and draw them many times."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.errors import FitError
from scalelaw.fit.curves import Curves
from scalelaw.forecast.ensemble import FORWARD, Ensemble, draws_table, fit_ensemble, refuse_flat
from scalelaw.streams import stream
from scalelaw.tables import read_records, write_parquet, write_table


def fit_curves(
    *,
    records: Path,
    benchmark_files: list[Path],
    benchmarks: list[str],
    basis: str,
    min_papers: int,
    level: float,
    error_sd_decades: float,
    n_draws: int,
    seed: int,
    curves: Path,
    draws: Path,
) -> str:
    """Write the curves of training compute and of forward FLOP, and draws of them.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    benchmark_files : list of path
        Files that name the benchmarks.
    benchmarks : list of str
        Benchmarks to fit, in order.
    basis : str
        Basis of training compute.
    min_papers : int
        Fewest papers that are fitted.
    level : float
        Level of the intervals. A benchmark on which more draws than lie below such an interval say
        that compute does not rise as error falls is not fitted.
    error_sd_decades : float
        Standard deviation of log10(1/e), for York.
    n_draws : int
        Draws of each form.
    seed : int
        Seed of the whole run.
    curves : path
        CSV file to write: one row for each form and direction.
    draws : path
        Parquet file to write: the draws of each form.
    """
    table = read_records(records)
    defined = read_benchmarks(benchmark_files)
    ensembles: dict[tuple[str, str], Ensemble] = {}
    rows: list[dict[str, Any]] = []
    for key in benchmarks:
        mine = table[table["benchmark"] == key]
        for name, data, column in (
            (basis, mine[mine["excluded"] == ""], f"flop_{basis}"),
            (FORWARD, _forward(mine, defined[key]), "forward_flop"),
        ):
            data = data[data[column].notna()]
            row = {"benchmark": key, "basis": name}
            fitted: list[Curves] = []
            try:
                ensemble, fitted = fit_ensemble(
                    data,
                    column,
                    n_draws,
                    stream(seed, "curves", key, name),
                    error_sd_decades=error_sd_decades,
                    min_groups=min_papers,
                )
                refuse_flat(fitted, level)
            except FitError as error:
                size = {"n_records": len(data), "n_papers": data["paper"].nunique()}
                why = (
                    str(error).replace("with compute", "with forward FLOP")
                    if (name == FORWARD)
                    else str(error)
                )
                rows.append(row | {"status": f"not fitted: {why}"} | size)
                if fitted:
                    # What is not projected still has an R2 to tell.
                    rows[-1] |= _explained(fitted[0], level)
                continue
            ensembles[(key, name)] = ensemble
            rows += [row | _row(curve, ensemble, level) for curve in fitted]
            _compare_forms(rows[-len(fitted) :], fitted, level)
    write_table(pd.DataFrame(rows, columns=_COLUMNS), curves)
    write_parquet(draws_table(ensembles), draws)
    return f"{len(ensembles)} of {2 * len(benchmarks)} sets of curves fitted"


def _forward(records: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """Return the records whose model's forward FLOP are known, each model once."""
    has = records["forward_flop"].notna() & (records["error_kind"] == benchmark.fitted)
    kept = records[has & (records["fixed_target"] == "")]
    # The confidence word speaks of training compute, so there is no York fit.
    return kept.drop_duplicates(["paper", "forward_flop", "error"]).drop(
        columns="compute_sd_decades"
    )


_COLUMNS = [
    "benchmark", "basis", "form", "direction", "status", "n_records", "n_papers", "intercept",
    "slope", "slope_lower", "slope_upper", "floor", "floor_lower", "floor_upper",
    "spread_decades", "r_squared", "r_squared_lower", "r_squared_upper",
    "aicc_over_power", "aicc_over_power_lower", "aicc_over_power_upper",
    "error_min", "error_max", "compute_min", "compute_max",
]  # fmt: skip


def _explained(curve: Curves, level: float) -> dict[str, Any]:
    """Return R2 with its interval over the resampled papers."""
    tail = (1 - level) / 2
    good = curve.r_squared[1:][np.isfinite(curve.r_squared[1:])]
    low, high = np.quantile(good, [tail, 1 - tail])
    return {
        "r_squared": curve.r_squared[0],
        "r_squared_lower": low,
        "r_squared_upper": high,
    }


def _compare_forms(rows: list[dict[str, Any]], curves: list[Curves], level: float) -> None:
    """Add to the exponential's row its AICc less that of the power law.

    Both have two coefficients and one variance and explain log compute, so the difference is that
    of n times the logarithm of the unexplained share; its interval resamples papers.
    """
    direct = {c.form: i for i, c in enumerate(curves) if c.direction == "compute_on_error"}
    if not {"power", "exponential"} <= direct.keys():
        return
    power, other = (1 - curves[direct[form]].r_squared for form in ("power", "exponential"))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = curves[0].n_records * np.log(other / power)
    tail = (1 - level) / 2
    drawn = gain[1:][np.isfinite(gain[1:])]
    if np.isfinite(gain[0]) and len(drawn):
        low, high = np.quantile(drawn, [tail, 1 - tail])
        rows[direct["exponential"]] |= {
            "aicc_over_power": gain[0],
            "aicc_over_power_lower": low,
            "aicc_over_power_upper": high,
        }


def _row(curve: Curves, ensemble: Ensemble, level: float) -> dict[str, Any]:
    intercept, slope, floor = curve.fitted
    tail = (1 - level) / 2
    bounds = np.nanquantile(curve.draws, [tail, 1 - tail], axis=0)
    floors = (floor, bounds[0, 2], bounds[1, 2]) if curve.form == "floored" else (np.nan,) * 3
    return {
        "form": curve.form,
        "direction": curve.direction,
        "status": "fitted",
        "n_records": curve.n_records,
        "n_papers": curve.n_groups,
        "intercept": intercept,
        "slope": slope,
        "slope_lower": bounds[0, 1],
        "slope_upper": bounds[1, 1],
        "floor": floors[0],
        "floor_lower": floors[1],
        "floor_upper": floors[2],
        "spread_decades": curve.spread,
        **_explained(curve, level),
        "error_min": ensemble.error_range[0],
        "error_max": ensemble.error_range[1],
        "compute_min": ensemble.compute_range[0],
        "compute_max": ensemble.compute_range[1],
    }
