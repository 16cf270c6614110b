"""Draw every figure from result files."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.fit import DIRECTIONS, PowerLawResult
from scalelaw.plotting import (
    draw_compute_against_error,
    draw_compute_growth,
    draw_error_by_year,
    draw_overview,
    save,
    style,
)
from scalelaw.plotting.figures import Panel
from scalelaw.tables import read_records, read_result


def draw_figures(
    *,
    records: Path,
    exponents: Path,
    fits: Path,
    trend_table: Path,
    benchmark_files: list[Path],
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
    benchmark_files : list of path
        Files that name the benchmarks.
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
        mine = table[table["benchmark"] == key]
        used = mine[(mine["excluded"] == "") & mine[f"flop_{basis}"].notna()]
        stored = {d: fits / f"{key}.{basis}.{d}.json" for d in DIRECTIONS}
        panels.append(
            Panel(
                title=benchmark.name,
                error_label=benchmark.error_label,
                basis=basis,
                records=used.assign(compute=used[f"flop_{basis}"]),
                fits={
                    d: PowerLawResult.from_json(path.read_text())
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
                benchmark.error_label,
                shown.assign(has_compute=shown["flop_best"].notna()),
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
        with ProcessPoolExecutor(threads) as pool:
            for done in [pool.submit(_draw, make, paths) for make, paths in jobs]:
                done.result()
    return f"{len(figures)} files of {len(jobs)} figures"


def _draw(make: Callable[[], Figure], paths: list[Path]) -> None:
    import matplotlib.pyplot as plt

    with style():
        figure = make()
        for path in paths:
            save(figure, path)
        plt.close(figure)
