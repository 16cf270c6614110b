"""One run at a time in a folder, and no job that outlives its run.

A run holds a lock of the operating system, which ends with the process however it ends. So a lock
of Snakemake that is found while nobody holds ours was left behind by a killed run. Jobs look
whether the run that started them still holds it, and stop if it does not.
"""

import errno
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from scalelaw.errors import ScalelawError
from scalelaw.files import explaining, writing

if sys.platform != "win32":
    import fcntl

VARIABLE = "SCALELAW_RUN"
"""Environment variable that tells jobs of their run: its mark and the path of its lock."""

KILLED = (
    "a process of this step was killed, perhaps for want of memory; give the same command again, "
    "with fewer --cores if memory is short"
)
"""What is said when a process of a pool was killed."""

_NAME = "scalelaw.lock"
_LOOK_EVERY_S = 0.2
_GLANCE_S = 1.0
_PATIENCE_S = 5.0


class RunningError(ScalelawError):
    """Another run is at work in the same folder."""


def clear_stale_locks(state: Path) -> str:
    """Remove the locks of Snakemake that a killed run has left behind.

    Parameters
    ----------
    state : path
        Snakemake's folder, ``.snakemake``.

    Returns
    -------
    str
        Empty, or that another run is at work; its locks are left alone.

    Raises
    ------
    UnwritableError
        If the folder cannot be written.
    """
    handle = _open(state)
    try:
        taken = _take_within(_GLANCE_S, handle)
        if taken:
            for stale in (state / "locks").glob("*.lock"):
                stale.unlink(missing_ok=True)
        return _at_work(handle) if taken is False else ""
    finally:
        os.close(handle)


def hold_run(state: Path) -> None:
    """Hold the lock until this process ends, and tell its jobs.

    Where the file system knows no locks, nothing is held, and Snakemake's own lock stands alone.

    Parameters
    ----------
    state : path
        Snakemake's folder, ``.snakemake``.

    Raises
    ------
    RunningError
        If another run holds it.
    UnwritableError
        If the folder cannot be written.
    """
    handle = _open(state)
    taken = _take_within(_PATIENCE_S, handle)
    if not taken:
        said = _at_work(handle)
        os.close(handle)
        if taken is None:
            return
        raise RunningError(said)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    with explaining(state / _NAME):
        os.ftruncate(handle, 0)
        os.pwrite(handle, mark.encode(), 0)
    os.environ[VARIABLE] = f"{mark} {(state / _NAME).resolve()}"


def check_writable(folder: Path | str) -> None:
    """Raise UnwritableError unless a file can be written in a folder, which is made if need be."""
    with writing(Path(folder, ".writable")) as part:
        part.write_bytes(bytes(4096))
    Path(folder, ".writable").unlink()


def stop_with_run() -> None:
    """End this process soon after the run that started it, if a run did."""
    mark, _, path = os.environ.get(VARIABLE, "").partition(" ")
    if mark:
        threading.Thread(target=_watch, args=(mark, path), daemon=True).start()


def forget_run() -> None:
    """Let the jobs of this process go on whatever becomes of the run."""
    os.environ.pop(VARIABLE, None)


@contextmanager
def process_pool(threads: int) -> Iterator[ProcessPoolExecutor]:
    """Open an executor whose processes end with this one, even if it is killed.

    If one of them is killed, `concurrent.futures.process.BrokenProcessPool` is raised. An executor
    whose process was killed half-way through sending a result would wait for the rest for ever;
    then this process ends, with `KILLED` on standard error.
    """
    closed = threading.Event()
    threading.Thread(target=_stop_if_stuck, args=(closed,), daemon=True).start()
    try:
        with ProcessPoolExecutor(threads, initializer=_stop_with_parent) as pool:
            try:
                yield pool
            except KeyboardInterrupt:
                for worker in multiprocessing.active_children():
                    worker.kill()
                raise
    finally:
        closed.set()


def _stop_if_stuck(closed: threading.Event) -> None:
    workers: set[multiprocessing.process.BaseProcess] = set()
    while not any(worker.exitcode for worker in workers):
        if closed.wait(_LOOK_EVERY_S):
            return
        workers.update(multiprocessing.active_children())
    if not closed.wait(_PATIENCE_S):
        print(KILLED, file=sys.stderr, flush=True)
        os._exit(1)


def _stop_with_parent() -> None:
    # Ctrl-C reaches every process of a terminal; it is the parent's to tell of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _watch(mark: str, path: str) -> None:
    while _is_held(mark, path):
        time.sleep(_LOOK_EVERY_S)
    # What is half written has no name that counts, and the next writer removes it.
    os._exit(1)


def _is_held(mark: str, path: str) -> bool:
    """Tell whether the run of this mark holds the lock, as far as can be seen."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        # A run that came after ours holds the lock, but under a mark of its own.
        return os.pread(handle, 99, 0).decode() == mark and not _take(handle)
    finally:
        os.close(handle)


def _open(state: Path) -> int:
    path = state / _NAME
    with explaining(path):
        state.mkdir(exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _take(handle: int) -> bool | None:
    """Lock an open file; False if another process has it, None if there are no locks here."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _take_within(seconds: float, handle: int) -> bool | None:
    """Try for a while, since others hold the lock for a moment when they look."""
    end = time.monotonic() + seconds
    while (taken := _take(handle)) is False and time.monotonic() < end:
        time.sleep(_LOOK_EVERY_S)
    return taken


def _at_work(handle: int) -> str:
    process = os.pread(handle, 99, 0).decode().partition("-")[0]
    return (
        f"another run is at work in {Path.cwd()}, as process {process}: wait until it has ended, "
        f"or stop it (kill {process}), then give the same command again"
    )
