"""Score forecasts, ours at each earlier year and published ones, against what came."""

from pathlib import Path

import pandas as pd

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.forecast.backtest import backtest, summarise
from scalelaw.forecast.published import read_forecasts, score_published
from scalelaw.streams import stream
from scalelaw.tables import read_records, write_table


def backtest_forecasts(
    *,
    records: Path,
    benchmark_files: list[Path],
    published: Path,
    benchmarks: list[str],
    basis: str,
    min_papers: int,
    min_later_papers: int,
    error_sd_decades: float,
    n_draws: int,
    seed: int,
    predictions: Path,
    scores: Path,
    scores_by_year: Path,
    published_scores: Path,
    published_dates: Path,
) -> str:
    """Write predictions of later records, their scores, and those of published forecasts.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    benchmark_files : list of path
        Files that name the benchmarks.
    published : path
        ``forecasts.yaml``.
    benchmarks : list of str
        Benchmarks to score, in order.
    basis : str
        Basis of training compute.
    min_papers, min_later_papers : int
        Fewest papers up to a year that is fitted to, and after it.
    error_sd_decades : float
        Standard deviation of log10(1/e), for York.
    n_draws : int
        Draws of each form.
    seed : int
        Seed of the whole run.
    predictions, scores, scores_by_year, published_scores, published_dates : path
        CSV files to write.
    """
    table = read_records(records)
    defined = read_benchmarks(benchmark_files)
    column = f"flop_{basis}"
    used = table[(table["excluded"] == "") & table[column].notna()]
    parts = []
    for key in benchmarks:
        data = used[used["benchmark"] == key]
        if data.empty:
            continue
        part = backtest(
            data,
            column,
            n_draws,
            stream(seed, "backtest", key),
            min_papers,
            min_later_papers,
            error_sd_decades,
        )
        parts.append(part.assign(benchmark=key))
    frame = pd.concat(parts) if parts else backtest(used, column, 1, stream(seed))
    columns = ["benchmark", *(c for c in frame.columns if c != "benchmark")]
    frame = frame.reindex(columns=columns)
    write_table(frame, predictions)
    write_table(summarise(frame, ["benchmark", "model"]), scores)
    write_table(summarise(frame, ["benchmark", "fitted_to", "model"]), scores_by_year)
    kinds = {key: benchmark.fitted for key, benchmark in defined.items()}
    comparable = table[
        (table["error_kind"] == table["benchmark"].map(kinds)) & (table["fixed_target"] == "")
    ]
    forecasts = [f for f in read_forecasts(published) if f.benchmark in benchmarks]
    compute_scores, dates = score_published(forecasts, used, comparable, column)
    write_table(compute_scores, published_scores)
    write_table(dates, published_dates)
    years = frame.groupby("benchmark")["fitted_to"].nunique()
    return (
        f"{int(years.sum())} years of {len(years)} benchmarks fitted to, {len(frame)} predictions"
    )
