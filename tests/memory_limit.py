"""Commands that may hold little memory: a control group of Linux, version 1, made by root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup/memory")
POSSIBLE = (GROUPS / "memory.limit_in_bytes").exists() and os.access(GROUPS, os.W_OK)
MIB = 1 << 20


class Group:
    """Processes that share a limit of memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]
        """Words before a command that put it and what it starts into the group."""

    def peak_mib(self) -> float:
        """Return the most that the group held, files in the system's cache included."""
        return int((self.folder / "memory.max_usage_in_bytes").read_text()) / MIB

    def kills(self) -> int:
        """Return how many of its processes the system killed for want of memory."""
        lines = (self.folder / "memory.oom_control").read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])


@contextmanager
def limit(mib: int) -> Iterator[Group]:
    """Make a group that may hold so many MiB."""
    folder = GROUPS / f"scalelaw-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(mib * MIB))
        yield Group(folder)
    finally:
        folder.rmdir()
