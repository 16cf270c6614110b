"""Draw every figure from result files."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.records import decimal_year
from scalelaw.fit.curves import DIRECTIONS
from scalelaw.fit.line_result import LineResult
from scalelaw.interruption import process_pool
from scalelaw.multiverse.grid import CHOICES
from scalelaw.multiverse.table import fitted_columns
from scalelaw.plotting import (
    draw_compute_against_error,
    draw_compute_growth,
    draw_error_by_year,
    draw_overview,
    save,
    style,
)
from scalelaw.plotting.figures import Panel
from scalelaw.plotting.forecasts import draw_backtest, draw_projections
from scalelaw.plotting.gains import (
    draw_contributions,
    draw_efficiency,
    draw_gain_shares,
    draw_hardware_trends,
    draw_waterfall,
)
from scalelaw.plotting.multiverse import draw_specification_curve
from scalelaw.plotting.theory import draw_theory
from scalelaw.tables import read_records, read_result

# What is drawn of the records: they are handed to other processes.
_DRAWN = ["compute", "error", "year", "model", "paper"]
_DATED = ["year", "error", "has_compute"]


def draw_figures(
    *,
    records: Path,
    exponents: Path,
    fits: Path,
    trend_table: Path,
    gains: Path,
    gains_by_year: Path,
    gain_pairs: Path,
    hardware_trends: Path,
    efficiency: Path,
    efficiency_points: Path,
    projections: Path,
    scores: Path,
    scores_by_year: Path,
    learning_curves: Path,
    overtaking: Path,
    specifications: Path,
    benchmark_files: list[Path],
    hardware: list[Path],
    benchmarks: list[str],
    basis: str,
    level: float,
    figures: list[Path],
    threads: int = 1,
) -> str:
    """Write each figure as SVG, PNG and PDF.

    Parameters
    ----------
    records, exponents, fits, trend_table : path
        Results of ``check_corpus``, ``fit_power_laws`` and ``decompose_compute``.
    gains, gains_by_year, gain_pairs, hardware_trends, efficiency, efficiency_points : path
        Results of ``decompose_gains`` and ``fit_trends``.
    projections, scores, scores_by_year, learning_curves, overtaking : path
        Results of ``project_costs``, ``backtest_forecasts`` and ``simulate_theory``.
    benchmark_files, hardware : list of path
        Files that name the benchmarks, and tables of devices.
    benchmarks : list of str
        Benchmarks to draw, in order.
    basis : str
        Basis of the compute shown.
    level : float
        Level of bands and intervals.
    figures : list of path
        Files to write; name and suffix choose figure and format.
    threads : int
        Processes that draw at the same time; the files do not depend on it.
    """
    defined = read_benchmarks(benchmark_files)
    table = read_records(records)
    status = read_result(exponents).set_index(["benchmark", "basis", "direction"])["status"]
    panels, by_year, titles = [], [], {}
    for key in benchmarks:
        benchmark = defined[key]
        titles[key] = benchmark.name
        error_label, scale = benchmark.shown_error()
        mine = table[table["benchmark"] == key]
        used = mine[(mine["excluded"] == "") & mine[f"flop_{basis}"].notna()]
        stored = {d: fits / f"{key}.{basis}.{d}.json" for d in DIRECTIONS}
        panels.append(
            Panel(
                title=benchmark.name,
                error_label=error_label,
                scale=scale,
                basis=basis,
                records=used.assign(compute=used[f"flop_{basis}"])[_DRAWN],
                fits={
                    d: LineResult.from_json(path.read_text())
                    for d, path in stored.items()
                    if path.is_file()
                },
                status=status[(key, basis, "compute_on_error")],
            )
        )
        shown = mine[(mine["error_kind"] == benchmark.fitted) & (mine["fixed_target"] == "")]
        by_year.append(
            (
                benchmark.name,
                error_label,
                scale,
                shown.assign(has_compute=shown["flop_best"].notna())[_DATED],
            )
        )
    makers: dict[str, Callable[[], Figure]] = {
        **{
            f"compute_error_{key}": partial(draw_compute_against_error, panel, level)
            for key, panel in zip(benchmarks, panels, strict=True)
        },
        "overview": partial(draw_overview, panels, level),
        "error_by_year": partial(draw_error_by_year, by_year),
        "compute_growth": partial(draw_compute_growth, read_result(trend_table), titles, level),
        "contributions": partial(
            draw_contributions, read_result(gains_by_year), read_result(gains), titles
        ),
        "gain_shares": partial(draw_gain_shares, read_result(gains), titles, level),
        **_waterfalls(read_result(gain_pairs), table, defined, level),
        "hardware_trends": partial(
            draw_hardware_trends, _devices(hardware), read_result(hardware_trends), level
        ),
        "efficiency": partial(
            draw_efficiency,
            _with_labels(read_result(efficiency_points), defined),
            read_result(efficiency),
            level,
        ),
        "projections": partial(draw_projections, read_result(projections), titles, level),
        "backtest": partial(
            draw_backtest, read_result(scores), read_result(scores_by_year), titles
        ),
        "multiverse": partial(_specification_curve, specifications, titles),
        "theory": partial(draw_theory, read_result(learning_curves), read_result(overtaking)),
    }
    jobs = [
        (make, paths)
        for name, make in makers.items()
        if (paths := [path for path in figures if path.stem == name])
    ]
    if threads == 1:
        for make, paths in jobs:
            _draw(make, paths)
    else:
        with process_pool(threads) as pool:
            for done in [pool.submit(_draw, make, paths) for make, paths in jobs]:
                done.result()
    return f"{len(figures)} files of {len(jobs)} figures"


def _waterfalls(
    pairs: pd.DataFrame, records: pd.DataFrame, benchmarks: dict[str, Benchmark], level: float
) -> dict[str, Callable[[], Figure]]:
    """Return a figure for each pair, numbered in the order of the table."""
    by_id = records.set_index("record_id")
    makers: dict[str, Callable[[], Figure]] = {}
    split = pairs[pairs["effect"] == "error_on_compute"]
    for (before, after), part in split.groupby(["before", "after"], sort=False):
        first, last = by_id.loc[before], by_id.loc[after]
        makers[f"waterfall_{len(makers) + 1}"] = partial(
            draw_waterfall,
            part[part["component"] != ""],
            first["model"],
            last["model"],
            benchmarks[first["benchmark"]].error_label,
            first["error"],
            last["error"],
            level,
            _of_a_search([first, last]),
        )
    return makers


def _of_a_search(records: list[pd.Series]) -> str:
    searched = [str(record["model"]) for record in records if record["compute_scope"] == "search"]
    names = " and ".join(searched)
    return f"The compute of {names} is that of an architecture search." if searched else ""


def _specification_curve(path: Path, titles: Mapping[str, str]) -> Figure:
    """Return the figure of the first benchmark that has fitted specifications."""
    ends = ["exponent", "exponent_lower", "exponent_upper"]
    table = fitted_columns(path, ["benchmark", *CHOICES, *ends])
    present = set(table["benchmark"].astype("str"))
    key = next((key for key in titles if key in present), next(iter(titles)))
    return draw_specification_curve(table[table["benchmark"] == key], titles[key])


def _devices(hardware: list[Path]) -> pd.DataFrame:
    devices = read_hardware(hardware).table()
    return devices.assign(year=devices["release_date"].map(decimal_year))


def _with_labels(points: pd.DataFrame, benchmarks: dict[str, Benchmark]) -> pd.DataFrame:
    names = points["benchmark"].map(lambda key: benchmarks[key].name if key in benchmarks else key)
    levels = [
        benchmarks[key].level_in_words(target) if key in benchmarks else target
        for key, target in zip(points["benchmark"], points["fixed_target"], strict=True)
    ]
    return points.assign(label=names + ", " + pd.Series(levels, points.index, dtype="str"))


def _draw(make: Callable[[], Figure], paths: list[Path]) -> None:
    import matplotlib.pyplot as plt

    with style():
        figure = make()
        for path in paths:
            save(figure, path)
        plt.close(figure)
