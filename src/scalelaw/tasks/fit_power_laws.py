"""Fit the power law for each benchmark, basis and direction."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from scalelaw.compute import BEST
from scalelaw.errors import FitError
from scalelaw.fit import DIRECTIONS, PowerLaw, PowerLawResult
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
            for direction in DIRECTIONS:
                key = {"benchmark": benchmark, "basis": basis, "direction": direction}
                size = {"n_records": len(data), "n_papers": data["paper"].nunique()}
                law = PowerLaw(direction, min_papers, replicates, level, error_sd_decades)
                try:
                    result = law.fit(
                        data,
                        compute=column,
                        compute_sd="compute_sd_decades",
                        # All directions of a fit resample the same papers.
                        seed=stream(seed, benchmark, basis),
                    )
                except FitError as error:
                    rows.append({**key, "status": f"not fitted: {error}", **size})
                    continue
                rows.append({**key, "status": "fitted", **size, **_row(result, level)})
                lines = result.left_out_exponents().rename(columns={"group": "paper_left_out"})
                without.append(lines.assign(**key)[[*key, *lines.columns]])
                (fits / f"{benchmark}.{basis}.{direction}.json").write_text(result.to_json())
    frame = pd.DataFrame(rows, columns=[*key, "status", *size, *_COLUMNS])
    write_table(frame, exponents)
    empty = pd.DataFrame(columns=[*key, "paper_left_out", "n_records", "exponent"])
    write_table(pd.concat(without) if without else empty, left_out)
    choices = _sensitivity(table, benchmarks, min_papers, replicates, level, seed)
    write_table(choices, sensitivity)
    mixed = " (best mixes bases)" if BEST in bases else ""
    return f"{sum(r['status'] == 'fitted' for r in rows)} of {len(rows)} fits made{mixed}"


def _sensitivity(
    table: pd.DataFrame,
    benchmarks: list[str],
    min_papers: int,
    replicates: int,
    level: float,
    seed: int,
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
            law = PowerLaw(min_groups=min_papers, replicates=replicates, level=level)
            try:
                result = law.fit(data, column, seed=stream(seed, benchmark, sample))
            except FitError as error:
                rows.append(row | {"status": f"not fitted: {error}"})
                continue
            low, high = result.conf_int(level).loc["exponent"]
            rows.append(row | {"exponent": result.exponent, "ci_lower": low, "ci_upper": high})
    columns = ["benchmark", "sample", "status", "n_records", "n_papers", "exponent", "ci_lower"]
    return pd.DataFrame(rows, columns=[*columns, "ci_upper"])


_COLUMNS = (
    "decades_compute", "exponent", "std_error", "ci_lower", "ci_upper", "boot_lower", "boot_upper",
    "p_value", "r_squared", "intercept", "residual_sd_decades", "halving_factor",
    "halving_lower", "halving_upper", "left_out_min", "left_out_max", "most_influential_paper",
    "largest_paper_share", "aicc_power", "aicc_exponential", "form", "reduced_chi_square",
)  # fmt: skip


def _row(result: PowerLawResult, level: float) -> dict[str, Any]:
    low, high = result.conf_int(level).loc["exponent"]
    boot_low, boot_high = result.bootstrap_interval()
    others = result.left_out_exponents()
    influence = (others["exponent"] - result.exponent).abs()
    forms = result.forms
    return {
        "decades_compute": result.decades_compute,
        "exponent": result.exponent,
        "std_error": result.std_errors["exponent"],
        "ci_lower": low,
        "ci_upper": high,
        "boot_lower": boot_low,
        "boot_upper": boot_high,
        "p_value": result.p_value,
        "r_squared": result.r_squared,
        "intercept": result.intercept,
        "residual_sd_decades": result.residual_sd,
        "halving_factor": _power_of_two(result.exponent),
        "halving_lower": _power_of_two(low),
        "halving_upper": _power_of_two(high),
        "left_out_min": others["exponent"].min(),
        "left_out_max": others["exponent"].max(),
        "most_influential_paper": others["group"][influence.idxmax()],
        "largest_paper_share": max(result.records_by_group) / result.n_records,
        "aicc_power": forms.power_aicc if forms else math.nan,
        "aicc_exponential": forms.exponential_aicc if forms else math.nan,
        "form": forms.preferred if forms else "",
        "reduced_chi_square": result.reduced_chi_square or math.nan,
    }


def _power_of_two(exponent: float) -> float:
    return math.inf if exponent > 1000 else 2.0**exponent
