"""Time the workflow on a copy of this checkout: a clean run, one with nothing to do, one added row.

Run it in an environment that has the dependencies: ``./run exec python benchmarks/pipeline.py``.
Prints a Markdown table with the median of three.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEAVE_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".snakemake", "results", "__pycache__", ".*_cache", "_build", "local.yaml"
)
REPEATS = 3


def seconds(folder: Path) -> float:
    """Run the workflow on two cores and return the wall-clock time."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def add_row(folder: Path, number: int) -> None:
    """Append a copy of the last record under a name of its own."""
    papers = folder / "data/papers.csv"
    last = papers.read_text(encoding="utf-8").splitlines()[-1]
    with papers.open("a", encoding="utf-8") as handle:
        handle.write(f"added-{number}.{last}\n")


def main() -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {"clean run": [], "nothing to do": [], "one added row": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "checkout")
        shutil.copytree(ROOT, folder, ignore=LEAVE_OUT)
        for number in range(REPEATS):
            shutil.rmtree(folder / "results", ignore_errors=True)
            times["clean run"].append(seconds(folder))
            times["nothing to do"].append(seconds(folder))
            add_row(folder, number)
            times["one added row"].append(seconds(folder))
    print("| run | median, s | smallest | largest |\n| --- | --- | --- | --- |")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.1f} | {min(values):.1f} | {max(values):.1f} |")
    print(f"\nPython {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")


if __name__ == "__main__":
    main()
