"""The fitting engine beside its peers, each pair in one run; prints a Markdown table.

Usage: python benchmarks/engine.py [linear quantile floored broken surface cold]

Peers are optional: ``pip install lmfit chinchilla`` beside the project's environment. A peer that
would take long runs on the part of the work that its row states.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PEERS = ("numpy", "scipy", "statsmodels", "scikit-learn", "lmfit", "chinchilla")
PARTS = ("linear", "quantile", "floored", "broken", "surface", "cold")

_COLD = """
import resource, sys
import pandas as pd
from scalelaw import PowerLaw
law = PowerLaw("flop", "error", replicates=4000).fit(pd.read_csv(sys.argv[1]), "paper")
law.cost_exponent(), law.cost_exponent(method="percentile")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def cold() -> list[dict]:
    """Return time and memory of a fresh process that reads, fits and resamples."""
    import numpy as np

    rng = np.random.default_rng(0)
    flop = 10 ** rng.uniform(16, 24, 400)
    error = 15 * flop**-0.1 * np.exp(0.1 * rng.normal(size=400))
    best, memory = np.inf, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        rows = zip(flop, error, rng.integers(0, 70, 400), strict=True)
        path.write_text("flop,error,paper\n" + "".join(f"{x},{y},{p}\n" for x, y, p in rows))
        for _ in range(5):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _COLD, str(path)], capture_output=True, text=True, check=True
            )
            best, memory = min(best, time.perf_counter() - start), float(done.stdout)
    work = "cold process: import, read CSV, fit, 4,000 replicates"
    check = f"{memory:.0f} MB at most"
    return [{"work": work, "peer": "-", "peer_seconds": None, "ours_seconds": best, "check": check}]


def main() -> int:
    chosen = sys.argv[1:] or PARTS
    if unknown := set(chosen) - set(PARTS):
        print(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    sys.path.insert(0, str(Path(__file__).parent))
    versions = []
    for name in PEERS:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    print(f"Python {platform.python_version()}, {', '.join(versions)}; {os.cpu_count()} cores, "
          f"BLAS threads {threads or 'as the library chooses'}.\n")  # fmt: skip
    print("| work | peer | peer, s | scalelaw, s | ratio | check |")
    print("| --- | --- | ---: | ---: | ---: | --- |")
    for part in chosen:
        rows = cold() if part == "cold" else import_module(f"peers.{part}").run()
        for row in rows:
            theirs, ours = row["peer_seconds"], row["ours_seconds"]
            # A row without a peer has none or NaN.
            known = bool(theirs) and theirs == theirs
            both = (
                f"{theirs:.3g} | {ours:.3g} | {theirs / ours:,.0f}"
                if known
                else f"- | {ours:.3g} | -"
            )
            print(f"| {row['work']} | {row['peer']} | {both} | {row['check']} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
