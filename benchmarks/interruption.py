"""Kill the workflow at random moments, give the same command again, and compare the results.

``./run exec python benchmarks/interruption.py [TRIALS [TARGET ...]]`` prints a Markdown table of
so many seeded trials of each kind (10 if not said) on a small corpus, of all results or those
named. Where file systems can be mounted (as root on Linux), it also lets the disk be full or
read-only.
"""

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "src")]

from interruption import (  # noqa: E402
    KINDS,
    Trial,
    snakemake,
    temporary_files,
    trial,
    whole_files,
)
from small_project import Project, make_project  # noqa: E402

SEED = 2026
TRIALS = 10
COMMAND = snakemake("--cores", "2", *sys.argv[2:])
SHORT_OF_ROOM = (
    ("results", "size=4k"),
    ("results", "size=20k"),
    ("results", "size=1000k"),
    ("results", "ro"),
    (".snakemake", "size=40k"),
    (".snakemake", "size=200k"),
    (".snakemake", "ro"),
)
NAMES = {"run": "Snakemake alone", "job": "one process of a job", "group": "all of them"}


def make_light(project: Project) -> None:
    """Shorten steps that take long; every rule still runs."""
    overlay = yaml.safe_load((project.path / "config/local.yaml").read_text(encoding="utf-8"))
    overlay["theory"] |= {"sample_sizes": [30, 100], "replicates": 2}
    overlay |= {"benchmarks": ["imagenet"], "decompose": {"pairs": []}}
    project.edit("config/local.yaml", lambda _: yaml.safe_dump(overlay))


def clear(project: Project) -> None:
    for folder in ("results", ".snakemake"):
        shutil.rmtree(project.path / folder, ignore_errors=True)


def run_trials(
    project: Project, number: int, duration: float, whole: dict[str, str]
) -> list[Trial]:
    done = []
    for i in range(number * len(KINDS)):
        kind, chance = KINDS[i % len(KINDS)], random.Random(f"{SEED}-{i}")
        moment = chance.uniform(0, duration)
        clear(project)
        # A run that ends before its moment is tried again at half of it.
        while (
            found := trial(project.path, COMMAND, kind, moment, whole, chance)
        ).ended_before and found.results == whole:
            moment /= 2
            clear(project)
        same = found.results == whole
        print(
            f"{i + 1} {kind}: killed after {found.moment:.1f} s, {found.jobs} processes of jobs, "
            f"{'same' if same else 'OTHER'} results, status {found.status}",
            file=sys.stderr,
            flush=True,
        )
        if not same or found.status:
            print(found.said, file=sys.stderr)
        done.append(found)
    return done


def row(name: str, trials: list[Trial], whole: dict[str, str]) -> str:
    moments = [t.moment for t in trials]
    cells = [
        name,
        len(trials),
        f"{min(moments):.1f} to {max(moments):.1f}",
        f"{statistics.mean(t.jobs for t in trials):.1f}",
        sum(t.incomplete for t in trials),
        sum(t.parts for t in trials),
        sum(len(t.damaged) for t in trials),
        sum(len(t.left_over) + t.survivors for t in trials),
        sum(t.status == 0 and t.results == whole for t in trials),
    ]
    return f"| {' | '.join(map(str, cells))} |"


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount an empty file system in memory at a folder."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount() -> bool:
    try:
        with tempfile.TemporaryDirectory() as folder, mounted(Path(folder), "size=1m"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def said(output: str) -> str:
    """Return what a failed run says about it."""
    lines = [line for line in output.splitlines() if "cannot be written" in line]
    lines += [line for line in output.splitlines() if "No space left" in line]
    return f"`{lines[0].strip()}`" if lines else "nothing clear"


def short_of_room(project: Project, place: str, options: str, whole: dict[str, str]) -> str:
    """Run where a folder has too little room or is read-only, then again with room."""
    clear(project)
    folder = project.path / place
    with mounted(folder, options):
        first = project.snakemake(*COMMAND[3:])
        standing = whole_files(project.path)
        faults = [name for name, digest in standing.items() if whole.get(name) != digest]
        faults += temporary_files(project.path)
        subprocess.run(["mount", "-o", "remount,rw,size=200m", str(folder)], check=True)
        again = project.snakemake(*COMMAND[3:])
        same = again.returncode == 0 and whole_files(project.path) == whole
    cells = [
        f"`{place}`: {options}",
        first.returncode,
        said(first.stdout.replace(str(project.path), "...")),
        "yes" if "Traceback" in first.stdout else "no",
        len(faults),
        "same" if same else "OTHER",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder).resolve())
        make_light(project)
        subprocess.run(COMMAND, cwd=project.path, check=True, capture_output=True)  # bytecode
        clear(project)
        begin = time.monotonic()
        subprocess.run(COMMAND, cwd=project.path, check=True, capture_output=True)
        duration = time.monotonic() - begin
        whole = whole_files(project.path)
        print(f"undisturbed: {duration:.1f} s, {len(whole)} files", file=sys.stderr, flush=True)
        trials = run_trials(project, number, duration, whole)
        print(
            "| killed | trials | moment, s | processes of jobs then | outputs marked incomplete "
            "| temporary files | damaged files | left over at the end | same results |\n"
            "| --- " + "| ---: " * 8 + "|"
        )
        for kind, name in NAMES.items():
            print(row(name, [t for t in trials if t.kind == kind], whole))
        print(f"\nAn undisturbed run takes {duration:.0f} s and makes {len(whole)} files.")
        if not can_mount():
            print("\nThe disk was not made full or read-only: mounting needs root on Linux.")
            return
        print(
            "\n| folder | status | message | traceback | damaged or temporary files | then |\n"
            "| --- | ---: | --- | --- | ---: | --- |"
        )
        for place, options in SHORT_OF_ROOM:
            print(short_of_room(project, place, options, whole), flush=True)


if __name__ == "__main__":
    main()
