"""How often nominal 95% intervals hold the truth, on simulated clusters; prints Markdown tables.

Usage: python benchmarks/coverage.py [--sets 2000] [--cores 2]

Clusters have 2 to 13 records (1 plus a geometric number, cut). Half of the variance of the scatter
is shared by a cluster, and so is most of the spread of compute. 400 bootstrap replicates each.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from scalelaw import PowerLaw
from scalelaw.errors import FitError, NotIdentifiedError
from scalelaw.fit.floored import FlooredPowerLaw
from scalelaw.fit.profile import profile_interval

CLUSTERS = (10, 20, 60)
REPLICATES = 400
SLOPE, SCALE, TARGET = 0.1, 1.2, 25.5
FLOOR, FLOORED_SLOPE, FLOORED_SCALE, FLOORED_TARGET = 0.01, 0.2, 2.5, 23.0

Interval = tuple[str, str, float, float, float]


def simulate(clusters: int, seed: list[int], law: Callable, sd: float) -> pd.DataFrame:
    """Return records of a law with scatter and compute shared within clusters."""
    rng = np.random.default_rng(seed)
    size = 1 + rng.geometric(0.3, clusters).clip(max=12)
    paper = np.repeat(np.arange(clusters), size)
    log_x = rng.uniform(16, 24, clusters)[paper] + rng.normal(0, 0.7, len(paper))
    scatter = sd * (rng.normal(size=clusters)[paper] + rng.normal(size=len(paper))) / np.sqrt(2)
    return law(log_x, scatter).assign(paper=paper)


def errors(log_x, scatter):
    """Scatter in error: y on x."""
    return pd.DataFrame({"compute": 10**log_x, "error": 10 ** (SCALE - SLOPE * log_x + scatter)})


def computes(log_x, scatter):
    """Scatter in compute: x on y."""
    log_y = SCALE - SLOPE * log_x
    return pd.DataFrame({"compute": 10 ** (log_x + scatter / SLOPE), "error": 10**log_y})


def levelling(log_x, scatter):
    """A floor, and proportional scatter."""
    law = FLOOR + 10 ** (FLOORED_SCALE - FLOORED_SLOPE * log_x)
    return pd.DataFrame({"compute": 10**log_x, "error": law * np.exp(scatter)})


def line_intervals(clusters: int, seed: list[int]) -> Iterator[Interval]:
    """Yield quantity, method, bounds and truth of the power law."""
    result = PowerLaw(replicates=REPLICATES).fit(simulate(clusters, seed, errors, 0.07), "paper")
    methods = (None, "CR1", "CR2", "wild-rademacher", "wild-webb", "percentile", "bca")
    for method in methods:
        found = result.fitted_slope(0.95, method)
        yield "slope, y on x", found.method, found.lower, found.upper, -SLOPE
    target = 10 ** (SCALE - SLOPE * TARGET)
    for method in (None, "percentile", "bca"):
        found = result.x_for(target, method=method)
        yield "target compute, y on x", found.method, found.lower, found.upper, 10**TARGET
    law = PowerLaw(direction="x_on_y", replicates=REPLICATES)
    result = law.fit(simulate(clusters, [*seed, 1], computes, 0.07), "paper")
    for method in (None, "percentile", "bca"):
        found = result.x_for(target, method=method)
        yield "target compute, x on y", found.method, found.lower, found.upper, 10**TARGET


def floor_intervals(clusters: int, seed: list[int]) -> Iterator[Interval]:
    """Yield quantity, method, bounds and truth of the power law with a floor."""
    law = FlooredPowerLaw(replicates=REPLICATES)
    try:
        result = law.fit(simulate(clusters, seed, levelling, 0.05), "paper")
    except FitError:
        return
    for method in ("score", "likelihood"):
        found = profile_interval(result, "floor", 0.95, method)
        yield "floor", found.method, found.lower, found.upper, FLOOR
    for method in ("jackknife", "percentile", "bca"):
        found = result.param("floor", 0.95, method)
        yield "floor", method, found.lower, found.upper, FLOOR
        found = result.param("exponent", 0.95, method)
        yield "exponent above the floor", method, found.lower, found.upper, FLOORED_SLOPE
    target = FLOOR + 10 ** (FLOORED_SCALE - FLOORED_SLOPE * FLOORED_TARGET)
    for method in ("jackknife", "delta", "percentile", "bca"):
        try:
            found = result.x_for(target, method=method)
        except NotIdentifiedError:
            # Below the fitted floor: refused, so there is no interval.
            return
        quantity = "target compute, with a floor"
        yield quantity, method, found.lower, found.upper, 10**FLOORED_TARGET


def count(intervals: Callable, clusters: int, first: int, last: int) -> dict:
    """Return how many of the data sets held the truth, and how many were fitted."""
    hits: dict = defaultdict(lambda: [0, 0])
    for number in range(first, last):
        for quantity, method, low, high, truth in intervals(clusters, [clusters, number]):
            cell = hits[quantity, method]
            cell[0] += low <= truth <= high
            cell[1] += 1
    return dict(hits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    table: dict = defaultdict(dict)
    edges = np.linspace(0, chosen.sets, 4 * chosen.cores + 1).astype(int)
    with ProcessPoolExecutor(chosen.cores) as pool:
        for clusters in CLUSTERS:
            for intervals in (line_intervals, floor_intervals):
                work = partial(count, intervals, clusters)
                total: dict = defaultdict(lambda: [0, 0])
                for part in pool.map(work, edges[:-1], edges[1:]):
                    for key, (hits, fitted) in part.items():
                        total[key][0] += hits
                        total[key][1] += fitted
                for key, (hits, fitted) in total.items():
                    table[key][clusters] = 100 * hits / fitted
    print(f"{chosen.sets} data sets; binomial standard error "
          f"{100 * np.sqrt(0.95 * 0.05 / chosen.sets):.1f} points.\n")  # fmt: skip
    print("| quantity | method |" + "".join(f" {c} clusters |" for c in CLUSTERS))
    print("| --- | --- |" + " --- |" * len(CLUSTERS))
    for (quantity, method), cells in table.items():
        print(f"| {quantity} | {method} |" + "".join(f" {cells[c]:.1f} |" for c in CLUSTERS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
