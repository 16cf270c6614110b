"""The workflow and the data that come with the package, wherever it is installed."""

from pathlib import Path

from scalelaw.errors import UnreadableError
from scalelaw.provenance import PACKAGE


def shipped(name: str = "") -> Path:
    """Return a file or folder of the project, such as ``data/papers.csv``.

    A wheel carries them beside the modules; in a checkout they are its own.

    Raises
    ------
    UnreadableError
        If the package came without them.
    """
    for root in (PACKAGE / "project", PACKAGE.parents[1]):
        if (root / "workflow/Snakefile").is_file():
            return root / name
    raise UnreadableError(
        f"{PACKAGE / 'project'}: the workflow and the data are missing (install scalelaw again)"
    )


def here_or_shipped(name: str) -> Path:
    """Return a file of the working directory if it is there, else the one that is shipped."""
    if Path(name).exists():
        return Path(name)
    try:
        found = shipped(name)
    except UnreadableError:
        return Path(name)
    return found if found.exists() else Path(name)
