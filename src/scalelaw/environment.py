"""Environment variables for processes that a workflow starts."""

import os
from pathlib import Path

from scalelaw.provenance import PACKAGE


def prepare_child_processes() -> None:
    """Let child processes import this very package, and compute alike on all machines.

    A job's interpreter need not have the package installed; and jobs run side by side, where
    threads of linear algebra would only get in each other's way. OpenBLAS chooses its kernels by
    the processor, and the last digits with them: on every x86-64 with AVX2 it takes the same ones.
    """
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if _has_avx2():
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
