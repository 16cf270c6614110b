"""Kill runs of the workflow, give the same command again, and look at what stands there."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scalelaw.provenance import file_hash

KINDS = ("run", "job", "group")
"""What is killed: Snakemake alone, one process of a job, or the run with all that it started."""

UNCOMPARED = ("logs", "benchmarks")
"""Folders of results that hold times."""

TIMEOUT_S = 600


@dataclass
class Trial:
    """What a killed run left, and how the same command ended."""

    kind: str
    moment: float
    ended_before: bool
    jobs: int
    incomplete: int
    parts: int
    damaged: list[str]
    status: int
    said: str
    survivors: int
    left_over: list[str]
    results: dict[str, str]


def whole_files(project: Path) -> dict[str, str]:
    """Return the hashes of all results under their final names."""
    root = project / "results"
    return {
        path.relative_to(root).as_posix(): file_hash(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.relative_to(root).parts[0] not in UNCOMPARED
        and not path.name.endswith(".part")
    }


def temporary_files(project: Path) -> list[str]:
    """Return what lies in the folder of results under a temporary name."""
    root = project / "results"
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*.part"))


def job_processes(project: Path) -> list[int]:
    """Return the processes of jobs, their workers included, that run for a project."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    )
    mark = f"{project}/.snakemake/scripts/"
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [
        int(pid)
        for pid, state, arguments in (row for row in rows if len(row) == 3)
        if arguments.partition(mark)[1] and "python" in arguments and not state.startswith("Z")
    ]


def start(project: Path, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    with log.open("wb") as said:
        return subprocess.Popen(
            command, cwd=project, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )


def snakemake(*arguments: str) -> list[str]:
    """Return the command that runs the workflow."""
    return [sys.executable, "-m", "snakemake", *arguments]


def wait_for_job(run: subprocess.Popen[bytes], project: Path) -> bool:
    """Wait until a job runs; False if the run ends without one."""
    while run.poll() is None:
        if job_processes(project):
            return True
        time.sleep(0.02)
    return False


def _kill(run: subprocess.Popen[bytes], project: Path, kind: str, chance: random.Random) -> bool:
    """Kill what the kind says; False if the run ended before that."""
    if kind != "job":
        if run.poll() is not None:
            return False
        os.kill(run.pid if kind == "run" else -run.pid, signal.SIGKILL)
        return True
    while wait_for_job(run, project):
        with suppress(IndexError, ProcessLookupError):  # it may have just ended
            os.kill(chance.choice(job_processes(project)), signal.SIGKILL)
            return True
    return False


def trial(
    project: Path,
    command: Sequence[str],
    kind: str,
    moment: float,
    whole: Mapping[str, str],
    chance: random.Random,
    since_first_job: bool = False,
) -> Trial:
    """Kill a run after some seconds, give the same command again, and compare.

    Parameters
    ----------
    project : path
        A project without results.
    command : sequence of str
        What makes them.
    kind : str
        One of `KINDS`.
    moment : float
        Seconds to the kill; a job is waited for if a job is to be killed.
    whole : mapping
        Hashes of the results of a run that nobody disturbed.
    chance : random.Random
        Chooses among the processes of jobs.
    since_first_job : bool
        Count the seconds from the start of the first job, not from that of the run.
    """
    run = start(project, command, project / "killed.log")
    try:
        if since_first_job:
            wait_for_job(run, project)
        with suppress(subprocess.TimeoutExpired):
            run.wait(moment)
        jobs = job_processes(project)
        killed = _kill(run, project, kind, chance)
        run.wait(TIMEOUT_S)
        standing = whole_files(project)
        incomplete = sum(1 for p in (project / ".snakemake/incomplete").rglob("*") if p.is_file())
        parts = len(temporary_files(project))
        with (project / "again.log").open("wb") as said:
            again = subprocess.run(
                command, cwd=project, stdout=said, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
            )
        return Trial(
            kind=kind,
            moment=moment,
            ended_before=not killed,
            jobs=len(jobs),
            incomplete=incomplete,
            parts=parts,
            damaged=[name for name, digest in standing.items() if whole.get(name) != digest],
            status=again.returncode,
            said=(project / "again.log").read_text(errors="replace"),
            survivors=len(job_processes(project)),
            left_over=temporary_files(project),
            results=whole_files(project),
        )
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
