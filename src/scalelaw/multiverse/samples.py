"""The records of each benchmark, basis and sample."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.decompose.gains import state_of_the_art
from scalelaw.multiverse.grid import RULES, UNTIL, WITHOUT, Grid, excluded_by

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Unit:
    """A benchmark, basis and sample: what all specifications on the same records share.

    Parameters
    ----------
    benchmark, basis, sample : str
        The choices.
    records : DataFrame
        The records, with ``log_flop``.
    same_as : str
        An earlier unit of the same benchmark with the same errors and compute, whose fits these
        would only repeat; empty if there is none.
    """

    benchmark: str
    basis: str
    sample: str
    records: "pd.DataFrame"
    same_as: str = ""


def units(records: "pd.DataFrame", grid: Grid) -> Iterator[Unit]:
    """Yield the units of a grid, in the order of its results.

    Parameters
    ----------
    records : DataFrame
        Table of records; those that enter no fit are left out.
    grid : Grid
        The choices.
    """
    used = records[records["excluded"] == ""]
    for benchmark in grid.benchmarks:
        mine = used[used["benchmark"] == benchmark]
        seen: dict[tuple[str, bool], str] = {}
        for basis in grid.bases:
            flop = mine[f"flop_{basis}"]
            known = mine[flop.notna()].assign(log_flop=np.log10(flop[flop.notna()]))
            for unit in _of_basis(known, benchmark, basis, grid):
                # With the year as a covariate the same records give other fits.
                key = _digest(unit.records), unit.sample == "year_control"
                first = seen.setdefault(key, f"{basis}, {unit.sample}")
                repeats = first if first != f"{basis}, {unit.sample}" else ""
                yield replace(unit, same_as=repeats)


def count_excluded(
    records: "pd.DataFrame", grid: Grid, benchmarks: Mapping[str, Benchmark]
) -> "pd.DataFrame":
    """Return how many combinations each rule excludes: ``rule``, ``reason``, ``n_excluded``."""
    import pandas as pd

    counts = dict.fromkeys((rule.name for rule in RULES), 0)
    for unit in units(records, grid):
        has_floor = benchmarks[unit.benchmark].label_floor is not None
        for specification in grid.specifications(unit.benchmark, unit.basis, unit.sample):
            if rule := excluded_by(specification, has_floor):
                counts[rule.name] += 1
    rows = [(rule.name, rule.reason, counts[rule.name]) for rule in RULES]
    return pd.DataFrame(rows, columns=["rule", "reason", "n_excluded"])


def _of_basis(records: "pd.DataFrame", benchmark: str, basis: str, grid: Grid) -> Iterator[Unit]:
    for sample in grid.samples:
        yield Unit(benchmark, basis, sample, _select(records, sample))
    for year in grid.until:
        kept = records[records["year"] < year + 1]
        yield Unit(benchmark, basis, f"{UNTIL}{year}", kept)
    counts = records["paper"].value_counts()
    largest = sorted(counts.index, key=lambda paper: (-counts[paper], paper))
    for paper in largest[: grid.leave_out]:
        kept = records[records["paper"] != paper]
        yield Unit(benchmark, basis, f"{WITHOUT}{paper}", kept)


def _select(records: "pd.DataFrame", sample: str) -> "pd.DataFrame":
    match sample:
        case "all" | "year_control":
            return records
        case "best_per_paper":
            ordered = records.sort_values(["error", "log_flop", "record_id"], kind="stable")
            return ordered.drop_duplicates("paper").sort_index()
        case "state_of_the_art":
            return state_of_the_art(records)
        case "no_extra_data":
            return records[records["extra_data"] == ""]
        case "confident":
            return records[records["confidence"].isin(["confident", "likely"])]
        case "unwaived":
            return records[records["waived"] == ""]
        case "nothing_left_out":
            return records[records["compute_scope"] == "total"]
        case "format_stated":
            return records[records["peak_precision_basis"] == "stated"]
    raise ValueError(f"no sample {sample}")


def _digest(records: "pd.DataFrame") -> str:
    """Return a hash of what a fit uses, whatever the order of the records."""
    ordered = records.sort_values("record_id")
    digest = hashlib.sha256("\n".join(ordered["record_id"]).encode())
    digest.update(ordered["log_flop"].to_numpy(dtype=np.float64).tobytes())
    return digest.hexdigest()
