"""Grow the corpus by resampling papers, run the whole workflow on it, and report time and memory.

Run it in an environment that has the dependencies, on Linux:
``./run exec python benchmarks/scale.py 10000 100000 1000000``. Prints a Markdown table with a row
for each size, from one run each on two cores: wall time of the jobs of each step and the most
memory that one of them held; of the whole run (the simulation of the theory included, which does
not depend on the corpus) wall time, the most that all processes held together, and processor time,
which tells more than wall time where other work has the cores too. Of the grid of specifications
only the part in `GRID` is fitted; what each specification costs grows with papers and records, and
``benchmarks/multiverse.py`` measures it on the corpus itself.

The grown corpus is synthetic and goes into a scratch folder only. It starts with the corpus itself.
Then papers are drawn with replacement, as many as the corpus has, again and again, until there are
rows enough. Each drawn paper gets a key and a title of its own, its records get identifiers, and
the models of each round get its number, as the models of a larger literature would have names of
their own. Values, hours and device-hours move within half a unit of their last printed digit, hours
of one paper all alike, so that records of a paper that share a time still do.
"""

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
SEED = 20200710
GRID = {
    "bases": ["hardware"],
    "samples": ["all"],
    "until": [],
    "leave_out": 0,
    "error_transforms": ["complement"],
    "estimators": ["least_squares"],
    "chunks": 2,
}
"""All forms and directions by least squares, on the records of each benchmark."""
STEPS = {
    "ingest": ("check_corpus",),
    "power laws": ("fit_power_laws",),
    "curves": ("fit_curves",),
    "splits and trends": ("decompose_compute", "decompose_gains", "fit_trends"),
    "backtest": ("backtest_forecasts",),
    "costs and claims": ("project_costs", "check_claims"),
    "multiverse": ("fit_multiverse", "gather_multiverse"),
    "figures": ("draw_figures",),
    "report": ("write_report",),
}


def move(printed: str, share: float) -> str:
    """Return a printed number moved by a share of the unit of its last digit."""
    if not printed:
        return printed
    number = Decimal(printed)
    unit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return f"{number + (unit * Decimal(share)).quantize(unit / 10):f}"


def grow(source: Path, target: Path, n_rows: int) -> int:
    """Write a corpus of so many rows and return how many papers it has."""
    with source.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    papers: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        papers[row["paper"]].append(row)
    keys = set()
    with target.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0], lineterminator="\n")
        writer.writeheader()
        for row, _ in zip(drawn_rows(rows, papers), range(n_rows), strict=False):
            writer.writerow(row)
            keys.add(row["paper"])
    return len(keys)


def drawn_rows(
    rows: list[dict[str, str]], papers: dict[str, list[dict[str, str]]]
) -> Iterator[dict[str, str]]:
    """Yield the rows of the corpus, then those of papers drawn from it without end."""
    yield from rows
    rng = random.Random(SEED)
    names = list(papers)
    draw = 0
    while True:
        draw += 1
        round_number = draw // len(names) + 2
        share = rng.uniform(-0.5, 0.5)
        for row in papers[rng.choice(names)]:
            copy = dict(row)
            copy["record_id"] += f".{draw}"
            copy["paper"] += f".{draw}"
            copy["title"] += f" ({draw})"
            copy["model"] += f" [{round_number}]"
            if copy["base_model"]:
                copy["base_model"] += f" [{round_number}]"
            copy["value"] = move(row["value"], rng.uniform(-0.5, 0.5))
            for column in ("training_hours", "device_hours"):
                copy[column] = move(row[column], share)
            yield copy


class Processes:
    """What the processes under one process hold, as Linux tells it."""

    def __init__(self, root: int):
        self._root = root
        self.total = 0
        """Most that all held together, in kB, of the samples taken."""
        self.peaks: dict[str, int] = {}
        """Most that all processes of a rule have held, in kB."""
        self._own: dict[tuple[str, int], int] = {}

    def sample(self) -> None:
        """Look at all processes once."""
        children, held = defaultdict(list), {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                status = (folder / "status").read_text()
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue  # It has ended.
            fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if "VmRSS" in fields:
                sizes = [int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM")]
                held[int(folder.name)] = (*sizes, command)
                children[int(fields["PPid"])].append(int(folder.name))
        below, found = [self._root], []
        while below:
            pid = below.pop()
            found += [pid] if pid in held else []
            below += children[pid]
        self.total = max(self.total, sum(held[pid][0] for pid in found))
        now: dict[str, int] = defaultdict(int)
        for pid in found:
            now_held, most, command = held[pid]
            for rule in (rule for rules in STEPS.values() for rule in rules):
                if f".{rule}.py" in command:
                    # What the kernel calls the most is exact, but each process has its own.
                    self.peaks[rule] = max(self.peaks.get(rule, 0), most)
                    now[rule] += now_held
        for rule, size in now.items():
            self.peaks[rule] = max(self.peaks.get(rule, 0), size)


def run(folder: Path) -> tuple[float, float, Processes]:
    """Run the workflow in a folder; return its wall and processor time and what it held."""
    start, worked = time.perf_counter(), processor_seconds()
    with (folder / "run.log").open("w") as log:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        job = subprocess.Popen(
            [*command, "--cores", str(CORES), "--configfile", "large.yaml"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        found = Processes(job.pid)
        while job.poll() is None:
            found.sample()
            time.sleep(0.2)
    if job.returncode:
        raise SystemExit((folder / "run.log").read_text())
    return time.perf_counter() - start, processor_seconds() - worked, found


def processor_seconds() -> float:
    """Return the processor time of all child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of(folder: Path, rule: str) -> float:
    """Return the wall time of a rule's job, or of its jobs together."""
    found = folder / "results/benchmarks"
    tables = [*found.glob(f"{rule}.tsv"), *found.glob(f"{rule}/*.tsv")]
    return sum(float(table.read_text().splitlines()[1].split("\t")[0]) for table in tables)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="folder that keeps corpora and results")
    arguments = parser.parse_args()
    print(f"| rows | papers | warnings | {' | '.join(STEPS)} | whole run | processors |")
    print("| ---: " * (len(STEPS) + 5) + "|")
    with tempfile.TemporaryDirectory() as scratch:
        for n_rows in arguments.rows:
            folder = (arguments.keep or Path(scratch)) / str(n_rows)
            folder.mkdir(parents=True)
            n_papers = grow(ROOT / "data/papers.csv", folder / "papers.csv", n_rows)
            # Beside the project's configuration, as a user's own would be.
            settings = {"corpus": {"papers": "papers.csv"}, "multiverse": GRID}
            (folder / "large.yaml").write_text(yaml.safe_dump(settings))
            wall, worked, found = run(folder)
            with (folder / "results/corpus/problems.csv").open(encoding="utf-8") as handle:
                n_warnings = sum(1 for _ in csv.DictReader(handle))
            cells = []
            for rules in STEPS.values():
                spent = sum(seconds_of(folder, rule) for rule in rules)
                most = max(found.peaks.get(rule, 0) for rule in rules)
                cells.append(f"{spent:.0f} s, {most / 2**20:.1f} GiB")
            cells.append(f"{wall:.0f} s, {found.total / 2**20:.1f} GiB")
            counts = [f"{n:,}" for n in (n_rows, n_papers, n_warnings)]
            print(f"| {' | '.join([*counts, *cells, f'{worked:.0f} s'])} |", flush=True)
    print(f"\n{CORES} cores of {os.cpu_count()}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
