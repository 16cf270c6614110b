"""One module per workflow rule, each with one function of the same name.

A task takes paths and plain settings by keyword and writes files; workflow scripts and the command
line call nothing else. :func:`run` adds what every caller needs: the log, whose first line is the
equivalent command, errors without a traceback, and an end together with the run that started it.
"""

import inspect
import os
import shlex
import sys
import time
import traceback
import types
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, get_args, get_origin

from scalelaw.errors import ScalelawError
from scalelaw.files import explain
from scalelaw.interruption import KILLED, stop_with_run

NAMES = (
    "check_corpus",
    "fit_power_laws",
    "decompose_compute",
    "decompose_gains",
    "fit_trends",
    "simulate_theory",
    "fit_curves",
    "backtest_forecasts",
    "project_costs",
    "check_claims",
    "fit_multiverse",
    "gather_multiverse",
    "compare_runs",
    "draw_figures",
    "write_report",
    "write_manifest",
)

Task = Callable[..., Any]


def get(name: str) -> Task:
    """Return the task of that name."""
    task: Task = getattr(import_module(f"scalelaw.tasks.{name}"), name)
    return task


def run(name: str, log: Path | str | None = None, **settings: Any) -> int:
    """Run a task, with a log, and return its exit status.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    log : path, optional
        File that receives the command, the messages and any traceback.
    **settings
        The task's arguments.

    Returns
    -------
    int
        0, or 1 after an error that is the user's to mend; its message goes to standard error.
        130 after an interruption. Any other exception is written to the log and raised.
    """
    stop_with_run()
    settings = _coerce(name, settings)
    try:
        with open(log or os.devnull, "w", encoding="utf-8") as handle:  # noqa: PTH123
            return _run(name, settings, handle)
    except OSError as error:
        explained = explain(error, log or os.devnull)
        if explained is None:
            raise
        return _stop(name, explained)


def _run(name: str, settings: dict[str, Any], log: TextIO) -> int:
    _say(log, f"$ {command(name, settings)}")
    start = time.monotonic()
    try:
        message = get(name)(**settings)
    except KeyboardInterrupt:
        _say(log, "interrupted")
        return 130
    except Exception as error:
        known = _known(error)
        if known is None:
            _say(log, traceback.format_exc())
            print(
                f"scalelaw {name} failed: if a file of the results was changed by hand, "
                "`scalelaw verify` names it; delete it and run again",
                file=sys.stderr,
            )
            raise
        status = _stop(name, known)
        _say(log, str(known))
        return status
    if message:
        _say(log, message)
    _say(log, f"done in {time.monotonic() - start:.1f} s")
    return 0


def _known(error: Exception) -> ScalelawError | None:
    """Return the error for users that an exception stands for, if it is theirs to mend."""
    if isinstance(error, OSError):
        return explain(error, "a file")
    if isinstance(error, BrokenProcessPool):
        return ScalelawError(KILLED)
    return error if isinstance(error, ScalelawError) else None


def _stop(name: str, error: ScalelawError) -> int:
    print(f"scalelaw {name} stopped:\n{error}", file=sys.stderr)
    return 1


def command(name: str, settings: dict[str, Any]) -> str:
    """Return the command line that runs a task with these settings."""
    words = ["scalelaw", "task", name.replace("_", "-")]
    for key, value in settings.items():
        option = f"--{key.replace('_', '-')}"
        if value is None or value == [] or value == ():
            continue
        items = value if isinstance(value, list | tuple) else [value]
        words += [option, *map(str, items)]
    return shlex.join(words)


def parameters(name: str) -> dict[str, tuple[type, bool, bool]]:
    """Return for each argument of a task its type, whether it is a list, and if it is required."""
    found = {}
    for parameter in inspect.signature(get(name)).parameters.values():
        kind, many = parameter.annotation, False
        if get_origin(kind) in (types.UnionType,):
            kind = next(k for k in get_args(kind) if k is not types.NoneType)
        if get_origin(kind) is list:
            kind, many = get_args(kind)[0], True
        found[parameter.name] = (kind, many, parameter.default is inspect.Parameter.empty)
    return found


def _coerce(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Turn strings into the types that the task declares."""
    known = parameters(name)
    coerced = {}
    for key, value in settings.items():
        kind, many, _ = known[key]
        if value is not None:
            value = [kind(item) for item in value] if many else kind(value)
        coerced[key] = value
    return coerced


def _say(log: TextIO, text: str) -> None:
    log.write(text.rstrip("\n") + "\n")
    log.flush()
