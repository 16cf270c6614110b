"""Fit the power law for each benchmark, basis and direction."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalelaw.compute import BEST
from scalelaw.errors import FitError
from scalelaw.files import writing
from scalelaw.fit.curves import DIRECTIONS
from scalelaw.fit.line_result import LineResult
from scalelaw.fit.power_law import ExponentialLaw, PowerLaw
from scalelaw.streams import stream
from scalelaw.tables import read_records, write_table


def fit_power_laws(
    *,
    records: Path,
    benchmarks: list[str],
    bases: list[str],
    min_papers: int,
    replicates: int,
    level: float,
    error_sd_decades: float,
    seed: int,
    exponents: Path,
    left_out: Path,
    sensitivity: Path,
    fits: Path,
) -> str:
    """Write tables of exponents, of their sensitivity, without each paper, and one JSON per fit.

    Parameters
    ----------
    records : path
        Table written by ``check_corpus``.
    benchmarks, bases : list of str
        What to fit; every combination gets a row, fitted or not.
    min_papers : int
        Fewest papers that are fitted.
    replicates : int
        Bootstrap replicates.
    level : float
        Level of all intervals.
    error_sd_decades : float
        Standard deviation of log10(1/e) for the errors-in-variables direction.
    seed : int
        Seed of the whole run; each fit draws from a stream of its own.
    exponents, left_out, sensitivity : path
        CSV files to write; the last holds the fits of compute on error with other choices of
        records and peak rate.
    fits : path
        Folder of ``<benchmark>.<basis>.<direction>.json``.
    """
    table = read_records(records)
    table = table[table["excluded"] == ""]
    rows: list[dict[str, Any]] = []
    without: list[pd.DataFrame] = []
    fits.mkdir(parents=True, exist_ok=True)
    for stale in fits.glob("*.json"):
        stale.unlink()
    for benchmark in benchmarks:
        for basis in bases:
            column = f"flop_{basis}"
            data = table[(table["benchmark"] == benchmark) & table[column].notna()]
            for direction, way in DIRECTIONS.items():
                key = {"benchmark": benchmark, "basis": basis, "direction": direction}
                size = {"n_records": len(data), "n_papers": data["paper"].nunique()}
                law = PowerLaw(
                    column,
                    "error",
                    way,
                    x_sd="compute_sd_decades",
                    y_sd=error_sd_decades,
                    min_groups=min_papers,
                    replicates=replicates,
                )
                try:
                    _need_papers(data, min_papers)
                    # All directions of a fit resample the same papers.
                    result = law.fit(data, "paper", seed=stream(seed, benchmark, basis))
                except FitError as error:
                    rows.append({**key, "status": f"not fitted: {error}", **size})
                    continue
                exponential = _aicc_of_exponential(data, column) if way == "x_on_y" else math.nan
                rows.append({**key, "status": "fitted", **size, **_row(result, exponential, level)})
                others = _left_out(result)
                without.append(others.assign(**key)[[*key, *others.columns]])
                # They fill megabytes, and whoever reads these files needs neither.
                stored = result.to_json(draws=False, data=False)
                with writing(fits / f"{benchmark}.{basis}.{direction}.json") as part:
                    part.write_text(stored)
    frame = pd.DataFrame(rows, columns=[*key, "status", *size, *_COLUMNS])
    write_table(frame, exponents)
    empty = pd.DataFrame(columns=[*key, "paper_left_out", "n_records", "exponent"])
    write_table(pd.concat(without) if without else empty, left_out)
    choices = _sensitivity(table, benchmarks, min_papers, level)
    write_table(choices, sensitivity)
    mixed = " (best mixes bases)" if BEST in bases else ""
    return f"{sum(r['status'] == 'fitted' for r in rows)} of {len(rows)} fits made{mixed}"


def _sensitivity(
    table: pd.DataFrame, benchmarks: list[str], min_papers: int, level: float
) -> pd.DataFrame:
    """Fit the hardware basis with other choices of records and peak rate, to show what decides."""
    stated = table["peak_precision_basis"] == "stated"
    samples = {
        "all, as used": (table, "flop_hardware"),
        "number format stated": (table[stated], "flop_hardware"),
        "number format not stated": (table[~stated], "flop_hardware"),
        "all at the FP32 peak": (table, "flop_hardware_fp32"),
        "nothing left out of compute": (table[table["compute_scope"] == "total"], "flop_hardware"),
    }
    rows: list[dict[str, Any]] = []
    for benchmark in benchmarks:
        for sample, (records, column) in samples.items():
            data = records[(records["benchmark"] == benchmark) & records[column].notna()]
            row: dict[str, Any] = {"benchmark": benchmark, "sample": sample, "status": "fitted"}
            row |= {"n_records": len(data), "n_papers": data["paper"].nunique()}
            law = PowerLaw(column, "error", "x_on_y", min_groups=min_papers, replicates=0)
            try:
                _need_papers(data, min_papers)
                found = law.fit(data, "paper").cost_exponent(level)
            except FitError as error:
                rows.append(row | {"status": f"not fitted: {error}"})
                continue
            rows.append(
                row | {"exponent": found.value, "ci_lower": found.lower, "ci_upper": found.upper}
            )
    columns = ["benchmark", "sample", "status", "n_records", "n_papers", "exponent", "ci_lower"]
    return pd.DataFrame(rows, columns=[*columns, "ci_upper"])


_COLUMNS = (
    "decades_compute", "exponent", "std_error", "ci_lower", "ci_upper", "boot_lower", "boot_upper",
    "p_value", "r_squared", "intercept", "residual_sd_decades", "halving_factor",
    "halving_lower", "halving_upper", "left_out_min", "left_out_max", "most_influential_paper",
    "largest_paper_share", "aicc_power", "aicc_exponential", "form", "reduced_chi_square",
)  # fmt: skip


def _need_papers(data: pd.DataFrame, least: int) -> None:
    papers = data["paper"].nunique()
    if papers < least:
        raise FitError(f"{papers} paper(s) with compute, at least {least} are needed")


def _aicc_of_exponential(data: pd.DataFrame, column: str) -> float:
    try:
        return ExponentialLaw(column, "error", "x_on_y", replicates=0).fit(data, "paper").aicc
    except FitError:
        return math.nan


def _left_out(result: LineResult) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "paper_left_out": result.groups,
            "n_records": result.n_records - np.array(result.records_by_group),
            "exponent": result.left_out_cost_exponents(),
        }
    )


def _row(result: LineResult, aicc_exponential: float, level: float) -> dict[str, Any]:
    exponent = result.cost_exponent(level)
    drawn = result.cost_exponent(level, "percentile")
    others = result.left_out_cost_exponents()
    law = result.law.to_law(result.estimates)
    aicc = math.nan if math.isnan(aicc_exponential) else result.aicc
    form = ""
    if not math.isnan(aicc):
        form = "power" if aicc <= aicc_exponential else "exponential"
    return {
        "decades_compute": result.decades,
        "exponent": exponent.value,
        "std_error": result.cost_exponent_sd,
        "ci_lower": exponent.lower,
        "ci_upper": exponent.upper,
        "boot_lower": drawn.lower,
        "boot_upper": drawn.upper,
        "p_value": result.p_value,
        "r_squared": result.r_squared,
        # log10 of the compute at error 1.
        "intercept": -law[0] / law[1],
        "residual_sd_decades": result.residual_sd,
        "halving_factor": _power_of_two(exponent.value),
        "halving_lower": _power_of_two(exponent.lower),
        "halving_upper": _power_of_two(exponent.upper),
        "left_out_min": others.min(),
        "left_out_max": others.max(),
        "most_influential_paper": result.groups[int(np.argmax(np.abs(others - exponent.value)))],
        "largest_paper_share": max(result.records_by_group) / result.n_records,
        "aicc_power": aicc,
        "aicc_exponential": aicc_exponential,
        "form": form,
        "reduced_chi_square": result.reduced_chi_square,
    }


def _power_of_two(exponent: float) -> float:
    return math.inf if exponent > 1000 else 2.0**exponent
