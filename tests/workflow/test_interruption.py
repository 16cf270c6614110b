"""Runs that are killed, that meet another run, or that cannot write."""

import random
import resource
import shutil
import signal
import subprocess
import time

import pytest

import interruption
from interruption import job_processes, snakemake, start, wait_for_job, whole_files

TARGETS = ["results/projections/draws.parquet", "results/theory/exponents.csv"]
"""Some of the results, for time; benchmarks/interruption.py makes all of them."""

COMMAND = snakemake("--cores", "2", *TARGETS)


@pytest.fixture
def empty(project):
    """Return a project without results and without Snakemake's memory of any."""
    for folder in ("results", ".snakemake"):
        shutil.rmtree(project.path / folder)
    return project


@pytest.fixture(scope="module")
def whole(finished):
    return whole_files(finished.path)


def of_targets(whole):
    names = ("corpus/", "theory/", "projections/curves", "projections/draws")
    return {name: digest for name, digest in whole.items() if name.startswith(names)}


@pytest.mark.parametrize("kind", interruption.KINDS)
def test_the_same_command_after_a_kill_ends_in_the_same_results(empty, whole, kind):
    chance = random.Random(kind)
    done = interruption.trial(
        empty.path, COMMAND, kind, chance.uniform(0, 2), whole, chance, since_first_job=True
    )
    assert not done.ended_before
    assert done.status == 0, done.said
    assert done.damaged == []
    assert done.results == of_targets(whole)
    assert done.left_over == []
    assert done.survivors == 0


def test_jobs_end_with_the_run_that_started_them(empty):
    run = start(empty.path, COMMAND, empty.path / "first.log")
    assert wait_for_job(run, empty.path)
    run.kill()
    run.wait()
    end = time.monotonic() + 20
    while (left := job_processes(empty.path)) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []
    assert whole_files(empty.path) == {}


def test_a_second_run_is_refused_and_told_how_to_go_on(empty):
    run = start(empty.path, COMMAND, empty.path / "first.log")
    try:
        assert wait_for_job(run, empty.path)
        run.send_signal(signal.SIGSTOP)  # lest it ends too early on a fast machine
        second = empty.snakemake(*TARGETS)
        # Not even after somebody removed Snakemake's lock.
        assert empty.snakemake("--unlock").returncode == 0
        third = empty.snakemake(*TARGETS)
        for refused in (second, third):
            assert refused.returncode != 0
            assert (
                f"another run is at work in {empty.path}, as process {run.pid}: wait until it "
                f"has ended, or stop it (kill {run.pid})" in refused.stdout
            )
            assert "Traceback" not in refused.stdout
    finally:
        run.kill()
        run.wait()


def test_without_room_the_run_says_so_and_goes_on_when_there_is_some(empty, whole):
    target = "results/corpus/records.parquet"
    short = subprocess.run(
        snakemake(target),
        cwd=empty.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=interruption.TIMEOUT_S,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert short.returncode != 0
    assert f"{target}: cannot be written: File too large (make room there, then" in short.stdout
    assert "Traceback" not in short.stdout
    assert interruption.temporary_files(empty.path) == []
    again = empty.snakemake(target)
    assert again.returncode == 0, again.stdout
    assert whole_files(empty.path).items() <= whole.items()


@pytest.mark.parametrize("results", ["CITATION.cff", "CITATION.cff/results"])
def test_a_folder_of_results_that_cannot_be_is_refused(empty, results):
    run = empty.snakemake("--config", f"results={results}")
    assert run.returncode != 0
    assert f"{results}: cannot be a folder, because CITATION.cff is a file" in run.stdout
    assert "Traceback" not in run.stdout
