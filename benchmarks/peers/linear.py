"""Bootstrap of a straight line against a loop over statsmodels, on the same draws.

``python benchmarks/peers/linear.py`` prints a Markdown table. Ours is the best of three runs; the
loop is run once, for the largest samples on the stated part of the replicates, its time multiplied.
"""

import subprocess
import sys
import time

import numpy as np

from scalelaw.fit.linear import GroupedLeastSquares
from scalelaw.fit.resample import resampled_blocks

REPLICATES = 10_000
CASES = ((100, 10_000), (1_000, 10_000), (100_000, 200))
CLUSTERED_RECORDS, CLUSTERS, CLUSTERED_REFITS = 1_000_000, 5_000, 20


def sample(n: int, groups: int | None = None):
    """Return design, response and groups of records about a line in natural logs."""
    rng = np.random.default_rng(20261122)
    x = rng.uniform(40, 60, n)
    index = np.arange(n) if groups is None else np.sort(rng.integers(groups, size=n))
    y = 3 - 0.1 * x + 0.2 * rng.normal(size=n)
    if groups is not None:
        y += 0.2 * rng.normal(size=groups)[index]
    return np.column_stack([np.ones(n), x]), y, index


def ours(n: int, groups: int | None = None):
    """Return the seconds and the draws of the bootstrap, the preparation included."""
    design, y, index = sample(n, groups)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        lines = GroupedLeastSquares(design, y, index=index)
        draws = lines.bootstrap(REPLICATES, np.random.SeedSequence(1))
        best = min(best, time.perf_counter() - start)
    return best, draws


def peer(n: int, replicates: int, groups: int | None = None):
    """Return the seconds of all replicates, from some of them, and their estimates."""
    from statsmodels.api import OLS, WLS

    design, y, index = sample(n, groups)
    drawn = first_draws(n if groups is None else groups, replicates)
    estimates = np.empty((replicates, 2))
    start = time.perf_counter()
    for row, counts in enumerate(drawn):
        if groups is None:
            records = np.repeat(index, counts.astype(np.intp))
            estimates[row] = OLS(y[records], design[records]).fit().params
        else:
            estimates[row] = WLS(y, design, counts[index]).fit().params
    return (time.perf_counter() - start) * REPLICATES / replicates, estimates


def first_draws(groups: int, replicates: int):
    """Yield the weights of the first replicates."""
    for _, block in resampled_blocks(groups, replicates, np.random.SeedSequence(1)):
        yield from block


def peak_megabytes(n: int, groups: int) -> float:
    """Return the peak memory of a process that does nothing but the bootstrap."""
    command = [sys.executable, __file__, "--memory", str(n), str(groups)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def run() -> list[dict]:
    """Return one row per case."""
    rows = []
    for n, refits in CASES:
        peer_seconds, expected = peer(n, refits)
        ours_seconds, draws = ours(n)
        rows.append(
            {
                "work": f"{REPLICATES:,} bootstrap replicates of {n:,} records",
                "peer": f"loop over statsmodels OLS{part(refits)}",
                "peer_seconds": peer_seconds,
                "ours_seconds": ours_seconds,
                "check": agreement(draws[:refits], expected),
            }
        )
    peer_seconds, expected = peer(CLUSTERED_RECORDS, CLUSTERED_REFITS, CLUSTERS)
    ours_seconds, draws = ours(CLUSTERED_RECORDS, CLUSTERS)
    peak = peak_megabytes(CLUSTERED_RECORDS, CLUSTERS)
    rows.append(
        {
            "work": f"{REPLICATES:,} replicates of {CLUSTERED_RECORDS:,} records in "
            f"{CLUSTERS:,} clusters",
            "peer": f"loop over statsmodels WLS{part(CLUSTERED_REFITS)}",
            "peer_seconds": peer_seconds,
            "ours_seconds": ours_seconds,
            "check": f"{agreement(draws[:CLUSTERED_REFITS], expected)}; peak {peak:.0f} MB",
        }
    )
    return rows


def part(refits: int) -> str:
    """Return how many replicates were run, if not all."""
    return "" if refits == REPLICATES else f" (time of {refits} replicates, multiplied)"


def agreement(found, expected) -> str:
    """Return the largest relative difference."""
    return f"equal to {np.abs(found / expected - 1).max():.0e}"


def main() -> None:
    """Print the table, or the peak memory of one case."""
    if sys.argv[1:2] == ["--memory"]:
        import resource

        design, y, index = sample(int(sys.argv[2]), int(sys.argv[3]))
        lines = GroupedLeastSquares(design, y, index=index)
        lines.bootstrap(REPLICATES, np.random.SeedSequence(1))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
        return
    print("| Work | Peer | Peer, s | scalelaw, s | Ratio | Check |")
    print("| --- | --- | ---: | ---: | ---: | --- |")
    for row in run():
        ratio = row["peer_seconds"] / row["ours_seconds"]
        print(
            f"| {row['work']} | {row['peer']} | {row['peer_seconds']:.3g} | "
            f"{row['ours_seconds']:.3g} | {ratio:,.0f} | {row['check']} |"
        )


if __name__ == "__main__":
    main()
