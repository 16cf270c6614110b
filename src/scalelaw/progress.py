"""Progress of long work: who does the work tells, who watches decides how to show it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Watch = Callable[[int, int], None]

_watches: list[Watch] = []

_WAIT_S = 0.5
"""Work that is done sooner shows no bar."""

_EVERY_S = 0.1
_WIDTH = 30


def tell(done: int, total: int) -> None:
    """Tell whoever watches how much is done; nothing happens if no one does."""
    if _watches:
        _watches[-1](done, total)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Pass on what is told within the block."""
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.pop()


@contextmanager
def bar(what: str, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Watch]:
    """Show a bar of what is told within the block, if standard error is a terminal.

    The bar is plain characters on one line, which is empty again afterwards.

    Parameters
    ----------
    what : str
        Stands before the bar.
    quiet : bool
        Show nothing.
    stream : file, optional
        Standard error by default.

    Yields
    ------
    callable
        Moves the bar: takes what is done and the total.
    """
    stream = stream or sys.stderr
    if quiet or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda done, total: None
        return
    shown = 0
    start = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal shown, last
        now = time.monotonic()
        if now - start < _WAIT_S or now - last < _EVERY_S or not total:
            return
        last = now
        full = _WIDTH * done // total
        line = f"{what} [{'#' * full}{' ' * (_WIDTH - full)}] {100 * done // total:3d}%"
        stream.write(f"\r{line:<{shown}}")
        stream.flush()
        shown = len(line)

    try:
        with watching(show):
            yield show
    finally:
        if shown:
            stream.write(f"\r{'':<{shown}}\r")
            stream.flush()
