"""Split gains in error into hardware, scale and algorithms."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from scalelaw.decompose import decompose_gains as split_gains
from scalelaw.decompose import (
    decompose_pair,
    gains_by_year,
    gains_of_pair_with_bounds,
    splittable,
)
from scalelaw.decompose.gains import EFFECTS, SAMPLES
from scalelaw.errors import FitError
from scalelaw.streams import stream
from scalelaw.tables import read_records, write_table


def decompose_gains(
    *,
    records: Path,
    benchmarks: list[str],
    pairs: list[str],
    min_papers: int,
    replicates: int,
    level: float,
    seed: int,
    gains: Path,
    yearly: Path,
    gain_pairs: Path,
) -> str:
    """Write the split of each benchmark's gain in error, year by year, and of named pairs.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    benchmarks : list of str
        Benchmarks to split, in order.
    pairs : list of str
        Pairs of record ids, each written ``before..after``.
    min_papers, replicates, level, seed
        As for ``fit_power_laws``.
    gains, yearly, gain_pairs : path
        CSV files to write.
    """
    table = read_records(records)
    used = splittable(table[table["excluded"] == ""])
    splits: dict[tuple[str, str], pd.DataFrame] = {}
    parts, years = [], []
    for benchmark, (sample, choose), effect in product(benchmarks, SAMPLES.items(), EFFECTS):
        data = choose(used[used["benchmark"] == benchmark])
        key = {"benchmark": benchmark, "sample": sample, "effect": effect}
        try:
            own = stream(seed, benchmark, sample, "gains")
            split = split_gains(data, effect, min_papers, replicates, level, own)
        except FitError as error:
            size = {"n_records": len(data), "n_papers": data["paper"].nunique()}
            parts.append(pd.DataFrame([{**key, "status": f"not fitted: {error}", **size}]))
            continue
        if sample == "all":
            splits[(benchmark, effect)] = split
        elif splits.get((benchmark, effect), split)["share"].isna().all():
            # Records that led have fallen in error by definition; all records must have, too.
            split[["share", "share_lower", "share_upper"]] = np.nan
        parts.append(split.assign(**key, status="fitted"))
        years.append(gains_by_year(data, split).assign(**key))
    write_table(pd.concat(parts).reindex(columns=_GAINS), gains)
    empty = pd.DataFrame(columns=_YEARLY)
    write_table(pd.concat(years)[_YEARLY] if years else empty, yearly)
    write_table(_pairs(table, pairs, splits), gain_pairs)
    return f"{len(years)} of {len(parts)} gains split"


_GAINS = [
    "benchmark", "sample", "effect", "status", "component", "gain", "lower", "upper", "share",
    "share_lower", "share_upper", "points", "years", "effect_per_decade", "effect_lower",
    "effect_upper", "halving_years", "halving_lower", "halving_upper", "r_squared",
    "r_squared_added", "r_squared_added_lower", "r_squared_added_upper", "n_records", "n_papers",
]  # fmt: skip
_YEARLY = ["benchmark", "sample", "effect", "year", "component", "points", "error"]


def _pairs(
    table: pd.DataFrame, pairs: list[str], splits: dict[tuple[str, str], pd.DataFrame]
) -> pd.DataFrame:
    """Split pairs of one benchmark, with the benchmark's worth of compute and its bounds."""
    columns = ["before", "after", "effect", "component", "gain", "share", "share_lower"]
    columns += ["share_upper", "points"]
    found = []
    benchmark_of = table.set_index("record_id")["benchmark"]
    for pair, effect in product(pairs, EFFECTS):
        before, after = pair.split("..", 1)
        decompose_pair(table, before, after)  # refuses unknown records and those without a split
        benchmark = benchmark_of[before]
        split = splits.get((benchmark, effect))
        if split is None or benchmark_of[after] != benchmark:
            # The pair stays in the table, without parts, so that its figure can say so.
            found.append(pd.DataFrame([{"before": before, "after": after, "effect": effect}]))
            continue
        middle = gains_of_pair_with_bounds(table, before, after, split)
        found.append(middle.assign(before=before, after=after, effect=effect)[columns])
    return pd.concat(found).reindex(columns=columns) if found else pd.DataFrame(columns=columns)
