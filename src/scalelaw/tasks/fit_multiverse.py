"""Fit one part of the grid of specifications."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.errors import ScalelawError
from scalelaw.multiverse.grid import Grid
from scalelaw.multiverse.run import Scale, Settings, fit_unit
from scalelaw.multiverse.samples import units
from scalelaw.multiverse.table import write_units
from scalelaw.streams import stream
from scalelaw.tables import read_records


def fit_multiverse(
    *,
    records: Path,
    benchmark_files: list[Path],
    benchmarks: list[str],
    bases: list[str],
    samples: list[str],
    error_transforms: list[str],
    forms: list[str],
    directions: list[str],
    estimators: list[str],
    until: list[int],
    leave_out: int,
    replicates: int,
    level: float,
    min_papers: int,
    error_sd_decades: float,
    seed: int,
    part: str,
    chunk: Path,
) -> str:
    """Write the specifications of some of the units of the grid.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    benchmark_files : list of path
        Files that name the benchmarks.
    benchmarks, bases, samples, error_transforms, forms, directions, estimators : list of str
        Options of each choice.
    until : list of int
        Years up to whose end records are taken, as further samples.
    leave_out : int
        Papers with the most records that are left out, one by one, as further samples.
    replicates : int
        Bootstrap replicates of each specification.
    level : float
        Level of the intervals.
    min_papers : int
        Fewest papers that are fitted.
    error_sd_decades : float
        Standard deviation of log10(1/e), for York.
    seed : int
        Seed of the whole run.
    part : str
        ``i-of-N``: the i-th of N parts, among which units are dealt in turn.
    chunk : path
        Parquet file to write.
    """
    number, count = _numbers(part)
    grid = Grid(
        tuple(benchmarks), tuple(bases), tuple(samples), tuple(error_transforms), tuple(forms),
        tuple(directions), tuple(estimators), tuple(until), leave_out,
    )  # fmt: skip
    table = read_records(records)
    defined = read_benchmarks(benchmark_files)
    settings = Settings(replicates, level, min_papers, error_sd_decades)

    @cache
    def scale(benchmark: str) -> Scale:
        mine = (table["benchmark"] == benchmark) & (table["excluded"] == "")
        return Scale.of(table[mine], defined[benchmark])

    def mine() -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
        for i, unit in enumerate(units(table, grid)):
            if i % count == number - 1:
                own = stream(seed, "multiverse", unit.benchmark, unit.basis, unit.sample)
                yield i, fit_unit(unit, grid, scale(unit.benchmark), settings, own)

    return f"{write_units(mine(), chunk)} specifications"


def _numbers(part: str) -> tuple[int, int]:
    number, _, count = part.partition("-of-")
    if number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise ScalelawError(f'part "{part}" is not of the form i-of-N, such as 1-of-4')
