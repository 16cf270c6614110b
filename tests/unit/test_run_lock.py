"""One run at a time, jobs that end with their run, and errors of tasks without a traceback."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from scalelaw import interruption, tasks
from scalelaw.files import UnwritableError, writing
from scalelaw.interruption import (
    VARIABLE,
    RunningError,
    check_writable,
    clear_stale_locks,
    hold_run,
)
from small_corpus import ROOT

HOLD = """
import os, sys, time
from pathlib import Path
from scalelaw.interruption import VARIABLE, hold_run
hold_run(Path(sys.argv[1]))
print(os.environ[VARIABLE], flush=True)
time.sleep(120)
"""

JOB = """
import time
from scalelaw.interruption import stop_with_run
stop_with_run()
print("begun", flush=True)
time.sleep(120)
"""

POOL = """
import multiprocessing, os, sys, time
from scalelaw.interruption import process_pool

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with process_pool(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        list(pool.map(time.sleep, [120, 120]))
"""

STUCK = """
import multiprocessing, os, signal, subprocess, sys, time
from scalelaw.interruption import process_pool

def send_half():
    time.sleep(0.5)  # workers are looked after from a fifth of a second on
    parent, worker = multiprocessing.parent_process().pid, os.getpid()
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {worker}; kill -CONT {parent}"])
    os.kill(parent, signal.SIGSTOP)
    return bytes(10_000_000)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with process_pool(2) as pool:
        pool.submit(send_half).result()
"""

START_METHODS = multiprocessing.get_all_start_methods()
"""Versions and systems differ in how they start processes."""


class Started:
    """A process whose first line of output has been read."""

    def __init__(self, code, *arguments, **variables):
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        self.line = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def begin():
    started = []

    def start(*arguments, **variables):
        started.append(Started(*arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.process.stdout.close()


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Return Snakemake's folder with a lock in it; waiting is short."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/0.output.lock").write_text("results/report.html\n")
    monkeypatch.setattr(interruption, "_PATIENCE_S", 0.5)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_lock_is_stale_only_after_the_run_has_ended(state, begin):
    run = begin(HOLD, state)
    assert f"as process {run.process.pid}: wait" in clear_stale_locks(state)
    assert names(state / "locks") == ["0.output.lock"]
    with pytest.raises(RunningError, match=f"stop it .kill {run.process.pid}., then give the same"):
        hold_run(state)
    run.kill()
    assert clear_stale_locks(state) == ""
    assert names(state / "locks") == []


def test_a_job_ends_with_its_run(state, begin):
    run = begin(HOLD, state)
    job = begin(JOB, **{VARIABLE: run.line})
    time.sleep(0.5)
    assert job.process.poll() is None
    run.kill()
    assert job.process.wait(20) == 1


def test_a_job_that_begins_after_another_run_ends_too(state, begin):
    first = begin(HOLD, state)
    first.kill()
    begin(HOLD, state)
    job = begin(JOB, **{VARIABLE: first.line})
    assert job.process.wait(20) == 1


def test_a_job_of_no_run_goes_on(state, begin):
    job = begin(JOB)
    time.sleep(0.5)
    assert job.process.poll() is None


@pytest.mark.parametrize("method", START_METHODS)
def test_workers_end_with_a_killed_task(begin, method):
    task = begin(POOL, method)
    worker = psutil.Process(int(task.line))
    assert _runs(worker)
    task.kill()
    end = time.monotonic() + 20
    while time.monotonic() < end and _runs(worker):
        time.sleep(0.05)
    assert not _runs(worker)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_worker_killed_while_it_sends_a_result_does_not_keep_the_job_waiting(tmp_path, method):
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    ended = subprocess.run(
        [sys.executable, str(script), method], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{interruption.KILLED}\n")


@pytest.mark.parametrize("method", START_METHODS)
def test_only_the_task_itself_tells_of_an_interruption(method):
    task = subprocess.Popen(
        [sys.executable, "-c", POOL, method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in the background of a shell are to ignore it, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert task.stdout.readline()
    os.killpg(task.pid, signal.SIGINT)  # as Ctrl-C does
    _, said = task.communicate(timeout=20)
    assert said.count("KeyboardInterrupt") == 1
    assert task.returncode == -signal.SIGINT


def test_a_task_that_is_interrupted_leaves_a_line_in_its_log(tmp_path, monkeypatch, capfd):
    def interrupted(**settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "get", lambda name: interrupted)
    monkeypatch.setattr(tasks, "_coerce", lambda name, settings: settings)
    assert tasks.run("fit_curves", tmp_path / "log") == 130
    assert (tmp_path / "log").read_text() == "$ scalelaw task fit-curves\ninterrupted\n"
    assert capfd.readouterr() == ("", "")


def _runs(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_without_locks_of_the_system_snakemakes_own_stands_alone(state, monkeypatch):
    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(interruption.fcntl, "flock", refuse)
    hold_run(state)
    assert VARIABLE not in os.environ
    assert clear_stale_locks(state) == ""
    assert names(state / "locks") == ["0.output.lock"]


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    check_writable(tmp_path / "results")
    assert names(tmp_path / "results") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="file"):
        check_writable(tmp_path / "file")


def fake(work):
    def task(*, out: Path) -> str:
        work(out)
        return "made"

    return lambda name: task


def test_a_task_without_room_stops_without_traceback(tmp_path, monkeypatch, capsys):
    def work(out):
        with writing(out):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tasks, "get", fake(work))
    assert tasks.run("fit_curves", tmp_path / "log", out=tmp_path / "table.csv") == 1
    said = capsys.readouterr().err
    assert said.startswith("scalelaw fit_curves stopped:\n")
    assert f"{tmp_path / 'table.csv'}: cannot be written: No space left on device (make" in said
    assert "table.csv: cannot be written" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tasks, "get", fake(lambda out: None))
    (tmp_path / "log").mkdir()
    assert tasks.run("fit_curves", tmp_path / "log", out="x") == 1
    assert f"{tmp_path / 'log'}: cannot be written: Is a directory" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_log_without_room_is_named(monkeypatch, capsys):
    monkeypatch.setattr(tasks, "get", fake(lambda out: None))
    assert tasks.run("fit_curves", "/dev/full", out="x") == 1
    assert "/dev/full: cannot be written: No space left on device" in capsys.readouterr().err


def test_a_killed_worker_is_said_in_words(monkeypatch, capsys):
    def work(out):
        raise BrokenProcessPool("terminated abruptly")

    monkeypatch.setattr(tasks, "get", fake(work))
    assert tasks.run("fit_curves", out="x") == 1
    assert "a process of this step was killed" in capsys.readouterr().err


def bootstrap(folder):
    """Return the names of a copy of the bootstrap in a folder."""
    names = {"__name__": "run", "__file__": str(folder / "run")}
    exec((ROOT / "run").read_text(encoding="utf-8"), names)  # it has no suffix to import it by
    return names


def test_an_environment_is_judged_by_its_own_python(tmp_path, monkeypatch):
    run = bootstrap(tmp_path)
    (tmp_path / "requirements.lock").write_text("a==1\n")
    (tmp_path / "pyproject.toml").write_text("")
    venv.create(tmp_path / ".venv")
    assert not run["is_ready"]()
    (packages,) = (tmp_path / ".venv/lib").glob("python*/site-packages")
    (packages / "scalelaw.py").write_text("")
    run["STAMP"].write_text(run["recipe"]())
    assert run["is_ready"]()
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    assert run["is_ready"]()
    (tmp_path / "requirements.lock").write_text("a==2\n")
    assert not run["is_ready"]()
    run["STAMP"].write_text(run["recipe"]())
    run["PYTHON"].unlink()
    assert not run["is_ready"]()


def test_a_second_set_up_waits_for_the_first(tmp_path):
    run = bootstrap(tmp_path)
    (tmp_path / "requirements.lock").write_text("")
    made = []
    run["is_ready"] = lambda: bool(made)
    run["set_up"] = lambda: (time.sleep(0.2), made.append(1))
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: run["main"](["setup"]), range(3))) == [0, 0, 0]
    assert made == [1]


def test_the_bootstrap_becomes_the_command():
    code = (
        "import sys; from pathlib import Path\n"
        "run = {'__name__': 'run', '__file__': sys.argv[1]}\n"
        "exec(Path(sys.argv[1]).read_text(), run)\n"
        "run['is_ready'] = lambda: True\n"
        "run['main'](['exec', sys.executable, '-c', 'import os; print(os.getpid())'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.communicate(timeout=60)[0].strip() == str(process.pid)
