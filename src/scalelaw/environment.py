"""Environment variables for processes that a workflow starts."""

import os

from scalelaw.provenance import PACKAGE


def prepare_child_processes() -> None:
    """Let child processes import this very package, and keep each to one thread.

    A job's interpreter need not have the package installed; and jobs run side by side, where
    threads of linear algebra would only get in each other's way.
    """
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
