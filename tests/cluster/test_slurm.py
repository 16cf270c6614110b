"""The workflow on a Slurm cluster that loses a node in mid-run."""

import subprocess
import sys

import pytest
from toy_slurm import obstacle, run, toy_slurm, wait_for

from small_corpus import ROOT
from small_project import make_project

OBSTACLE = obstacle()
pytestmark = pytest.mark.skipif(OBSTACLE is not None, reason=OBSTACLE or "")

LOST = "multiverse"
"""The group of profiles/slurm whose node dies once a member is done and while another runs."""

JOBS = {"check_corpus": 1, "steps": 1, "multiverse": 2, "last": 1}
"""How many Slurm jobs a run takes for each group, or rule without one."""

TOY = [
    "--set-scatter=multiverse=4",
    "--slurm-init-seconds-before-status-checks=2",
    "--seconds-between-status-checks=2",
    "--latency-wait=10",
]
"""Other pieces than in the run on this machine; the rest only shortens waits."""


@pytest.fixture
def cluster(tmp_path_factory):
    """Return a running cluster with two nodes."""
    with toy_slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def python(cluster, tmp_path_factory):
    """Return the Python of an environment with the locked packages and the extra for Slurm."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--quiet", "--python", sys.executable, str(venv), timeout=60)
    wanted = ["-r", str(ROOT / "pyproject.toml"), "--extra", "slurm"]
    # The lock limits versions; its hashes cover nothing of the extra.
    locked = ["--constraint", str(ROOT / "requirements.lock"), "--no-verify-hashes"]
    install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv)]
    run(*uv, *install, *wanted, *locked, timeout=300)
    return str(venv / "bin/python")


def results(project):
    """Return a hash of each result but the pieces of scattered work and the list that names them.

    In these two runs there are different numbers of pieces.
    """
    return {
        name: each
        for name, each in project.hashes().items()
        if "/chunks/" not in name and name != "manifest.json"
    }


def test_a_run_outlives_a_node(finished, cluster, python, tmp_path):
    project = make_project(tmp_path)
    said = cluster.folder / "snakemake.log"

    def jobs_of(group):
        return [job for job in cluster.jobs() if job["Comment"].startswith(f"rule_{group}")]

    def member_after_another():
        """Return the job of the group, once its second member runs."""
        assert workflow.poll() is None, "the run has ended"
        running = (job for job in jobs_of(LOST) if "1" in cluster.steps(job["JobId"]))
        return next(running, None)

    def fate_of(lost):
        return next(job for job in cluster.jobs() if job["JobId"] == lost["JobId"])

    def runs_elsewhere(lost):
        assert workflow.poll() is None, "the run has ended"
        job = fate_of(lost)
        return job["JobState"] == "RUNNING" and job["BatchHost"] != lost["BatchHost"]

    with said.open("w") as log:
        workflow = subprocess.Popen(
            [python, "-m", "snakemake", "--workflow-profile", "slurm", *TOY],
            cwd=project.path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        lost = wait_for("a member after another", member_after_another, 240)
        cluster.crash(lost["BatchHost"])
        wait_for("the lost job elsewhere", lambda: runs_elsewhere(lost), 120)
        cluster.start_node(lost["BatchHost"])
        assert workflow.wait(400) == 0
    finally:
        # On SIGTERM it would wait for its jobs.
        workflow.kill()
        workflow.wait(10)

    assert results(project) == results(finished)
    fate = fate_of(lost)
    assert (fate["JobState"], fate["Restarts"]) == ("COMPLETED", "1")
    assert cluster.is_up(lost["BatchHost"])
    assert {group: len(jobs_of(group)) for group in JOBS} == JOBS
    assert len(cluster.jobs()) == sum(JOBS.values())
    # Members run one after the other: no group asks for the CPUs of all.
    assert max(int(job["NumCPUs"]) for job in cluster.jobs()) == 2
