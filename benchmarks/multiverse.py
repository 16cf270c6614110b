"""Cost of a specification, and memory against the number of specifications.

Needs the results of a run: ``./run`` first, then ``./run exec python benchmarks/multiverse.py``.
Each row is one process that fits a grid as one part, and one that joins and summarises it. Larger
grids have more samples: records up to each year, and without each of more papers.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results/corpus/records.csv"
GRIDS = {
    "half the default": {"until": [], "leave_out": 0, "error_transforms": ["complement"]},
    "default": {},
    "2 times the samples": {"until": list(range(2014, 2026)), "leave_out": 7},
    "4 times the samples": {"until": list(range(2014, 2026)), "leave_out": 40},
}
FAR = 10_000_000


def measure(task: str, settings: dict[str, object]) -> tuple[float, float]:
    """Run a task in a process of its own and return seconds and peak memory in MB."""
    code = (
        "import json, sys; from scalelaw import tasks;"
        "sys.exit(tasks.run(sys.argv[1], None, **json.loads(sys.argv[2])))"
    )
    before = time.perf_counter()
    words = [sys.executable, "-c", code, task, json.dumps(settings)]
    with subprocess.Popen(words, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{task} failed")
    return time.perf_counter() - before, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    if not RECORDS.is_file():
        raise SystemExit(f"{RECORDS} is not there; run ./run first")
    import pyarrow.parquet as pq

    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    base = {k: v for k, v in config["multiverse"].items() if k not in ("chunks", "replicates")}
    base |= {"records": str(RECORDS), "benchmarks": config["benchmarks"]}
    base["benchmark_files"] = [str(ROOT / config["corpus"]["benchmarks"])]
    fit = {"replicates": config["multiverse"]["replicates"], "seed": config["seed"]}
    fit |= {k: config["fit"][k] for k in ("level", "min_papers", "error_sd_decades")}
    print("| grid | specifications | fitted | fit, s | ms each fitted | fit, peak MB "
          "| join, s | join, peak MB |")  # fmt: skip
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    cost = []
    for name, change in GRIDS.items():
        with tempfile.TemporaryDirectory() as folder:
            chunk = str(Path(folder, "1-of-1.parquet"))
            grid = base | change
            took, peak = measure("fit_multiverse", grid | fit | {"part": "1-of-1", "chunk": chunk})
            tables = ("specifications", "exclusions", "spread", "choices", "options", "polled")
            out = {table: str(Path(folder, f"{table}.out")) for table in tables}
            out["claims"] = str(ROOT / config["claims"])
            joined, joined_peak = measure("gather_multiverse", grid | {"chunks": [chunk]} | out)
            status = pq.read_table(out["specifications"], columns=["status"]).column(0).to_pylist()
        fitted = status.count("fitted")
        cost.append(took / fitted)
        print(f"| {name} | {len(status):,} | {fitted:,} | {took:.0f} | {1000 * took / fitted:.1f} "
              f"| {peak:.0f} | {joined:.1f} | {joined_peak:.0f} |")  # fmt: skip
    hours = cost[-1] * FAR / 3600
    print(f"\nAt the last cost {FAR:,} fitted specifications take {hours:.0f} core hours.")
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")


if __name__ == "__main__":
    main()
