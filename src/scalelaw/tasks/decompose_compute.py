"""Split compute into hardware and scale, for pairs of records and as trends."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalelaw.decompose import REGRESSORS, decompose_pair, decompose_trend, splittable
from scalelaw.errors import FitError
from scalelaw.streams import stream
from scalelaw.tables import read_records, write_table


def decompose_compute(
    *,
    records: Path,
    benchmarks: list[str],
    pairs: list[str],
    min_papers: int,
    replicates: int,
    level: float,
    seed: int,
    pair_table: Path,
    trend_table: Path,
) -> str:
    """Write the split of named pairs and the split of each benchmark's trends.

    Parameters
    ----------
    records : path
        Table written by ``check_corpus``.
    benchmarks : list of str
        Benchmarks whose trends are split.
    pairs : list of str
        Pairs of record ids, each written ``before..after``.
    min_papers, replicates, level, seed
        As for ``fit_power_laws``.
    pair_table, trend_table : path
        CSV files to write.
    """
    table = read_records(records)
    split = [decompose_pair(table, *pair.split("..", 1)) for pair in pairs]
    columns = ["before", "after", "component", "ratio", "share"]
    write_table(pd.concat(split) if split else pd.DataFrame(columns=columns), pair_table)

    rows: list[pd.DataFrame] = []
    used = table[table["excluded"] == ""]
    at_fp32 = used.assign(peak_flop_per_s=used["peak_fp32_flop_per_s"])
    variants = {"as used": splittable(used), "all FP32": splittable(at_fp32)}
    for benchmark, (regressor, unit), (rates, eligible) in product(
        benchmarks, REGRESSORS.items(), variants.items()
    ):
        data = eligible[eligible["benchmark"] == benchmark]
        key: dict[str, Any] = {
            "benchmark": benchmark,
            "regressor": regressor,
            "unit": unit,
            "rates": rates,
        }
        try:
            own_stream = stream(seed, benchmark, regressor, rates)
            trend = decompose_trend(data, regressor, min_papers, replicates, level, own_stream)
        except FitError as error:
            size = {"n_records": len(data), "n_papers": data["paper"].nunique()}
            rows.append(pd.DataFrame([{**key, "status": f"not fitted: {error}", **size}]))
            continue
        if regressor == "year":
            grows = trend["slope"].where(trend["lower"] > 0)
            trend["doubling_years"] = np.log10(2) / grows
        rows.append(trend.assign(**key, status="fitted"))
    columns = [
        "benchmark", "regressor", "unit", "rates", "status", "component", "slope", "lower", "upper",
        "doubling_years", "share", "share_lower", "share_upper", "n_records", "n_papers",
    ]  # fmt: skip
    write_table(pd.concat(rows).reindex(columns=columns), trend_table)
    return f"{len(split)} pair(s), {sum(len(r) > 1 for r in rows)} of {len(rows)} trends split"
