"""Files that appear whole or not at all, and plain words where they cannot be written."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from scalelaw.errors import ScalelawError

_FULL = "make room there, then give the same command again"
_CLOSED = "make it writable or choose another folder, then give the same command again"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _CLOSED,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.ENOTDIR: _CLOSED,
    errno.EEXIST: _CLOSED,
    errno.EISDIR: _CLOSED,
}


class UnwritableError(ScalelawError):
    """A file cannot be written, for want of room or of permission."""


def explain(error: OSError, path: Path | str) -> UnwritableError | None:
    """Return the error for users that an error of the system stands for.

    Parameters
    ----------
    error : OSError
        What the system said while `path` was written.
    path : path
        Named in the message, unless the system names another one.

    Returns
    -------
    UnwritableError or None
        None if the error is not about room or permission.
    """
    if error.errno not in _REMEDIES:
        return None
    place = error.filename or path
    return UnwritableError(
        f"{place}: cannot be written: {os.strerror(error.errno)} ({_REMEDIES[error.errno]})"
    )


@contextmanager
def explaining(path: Path | str) -> Iterator[None]:
    """Turn errors about room or permission in a block that writes `path` into UnwritableError."""
    try:
        yield
    except OSError as error:
        explained = explain(error, path)
        if explained is None:
            raise
        raise explained from error


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path to write to, which takes the place of `path` when all is written.

    The temporary file lies in the same folder, so an interruption at any moment leaves the old
    file or the new one, and never a part under the name of the whole. What killed processes left
    of the same file is removed. Folders are made if need be.

    Parameters
    ----------
    path : path
        File to write. What is no regular file, such as ``/dev/stdout``, is written to directly.

    Yields
    ------
    Path
        Where to write. Its suffix is not that of `path`, so name the format where it matters.

    Raises
    ------
    UnwritableError
        If there is no room, or no permission.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with writing(folder / "answer.txt") as part:
    ...     _ = part.write_text("42")
    ...     (folder / "answer.txt").exists()
    False
    >>> (folder / "answer.txt").read_text()
    '42'
    """
    target = Path(os.path.realpath(path))
    special = target.exists() and not target.is_file() and not target.is_dir()
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        if special:
            yield target
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        for stale in target.parent.glob(f".{escape(target.name)}.*.part"):
            stale.unlink(missing_ok=True)
        yield part
        _sync(part)
        part.replace(target)
    except OSError as error:
        if error.filename in (str(part), part):
            error.filename = str(path)
        explained = explain(error, path)
        if explained is None:
            raise
        raise explained from error
    finally:
        # Where it was not finished; a folder that cannot be written has none.
        with suppress(OSError):
            part.unlink()


def check_folder(folder: Path | str) -> None:
    """Raise UnwritableError where a file is in the way of a folder."""
    for place in (Path(folder), *Path(folder).parents):
        if place.is_dir():
            return
        if place.exists():
            raise UnwritableError(f"{folder}: cannot be a folder, because {place} is a file")


def _sync(path: Path) -> None:
    """Wait until a file's content is on the disk, lest a power cut leave only its name there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
