"""Run the whole workflow on one core with little memory: time, peaks, and what a lower limit does.

``./run exec python benchmarks/memory.py [MIB ...]`` as root on Linux with control groups of version
1; without limits named, 1024, 512 and 384 MiB. Prints a Markdown table.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from pipeline import LEAVE_OUT, ROOT

sys.path.insert(0, str(ROOT / "tests"))

from memory_limit import POSSIBLE, limit

LIMITS = (1024, 512, 384)


def main() -> None:
    """Measure and print."""
    if not POSSIBLE:
        raise SystemExit("needs root and control groups of version 1 (/sys/fs/cgroup/memory)")
    print("| limit, MiB | ended | s | largest job, MiB | processes killed |")
    print("| ---: | --- | ---: | --- | ---: |")
    for mib in map(int, sys.argv[1:] or LIMITS):
        with tempfile.TemporaryDirectory() as scratch, limit(mib) as group:
            folder = Path(scratch, "checkout")
            shutil.copytree(ROOT, folder, ignore=LEAVE_OUT)
            start = time.perf_counter()
            done = subprocess.run(
                [*group.before, sys.executable, "-m", "snakemake", "--cores", "1"],
                cwd=folder,
                capture_output=True,
            )
            took = time.perf_counter() - start
            timings = sorted((folder / "results/benchmarks").rglob("*.tsv"))
            held = {path.stem: pd.read_table(path)["max_rss"].max() for path in timings}
            largest = max(held, key=lambda name: held[name])
            ended = "well" if done.returncode == 0 else "with an error"
            print(
                f"| {mib:,} | {ended} | {took:.0f} | {held[largest]:.0f} ({largest}) | "
                f"{group.kills()} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
