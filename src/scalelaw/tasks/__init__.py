"""One module per workflow rule, each with one function of the same name.

A task takes paths and plain settings by keyword and writes files; workflow scripts and the command
line call nothing else. :func:`run` adds what every caller needs: the log, whose first line is the
equivalent command, and errors without a traceback.
"""

import inspect
import shlex
import sys
import time
import traceback
import types
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, get_args, get_origin

from scalelaw.errors import ScalelawError

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
    "draw_figures",
    "write_report",
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
        Any other exception is written to the log and raised.
    """
    settings = _coerce(name, settings)
    handle = open(log, "w", encoding="utf-8") if log else None  # noqa: SIM115, PTH123
    try:
        _say(handle, f"$ {command(name, settings)}")
        start = time.monotonic()
        message = get(name)(**settings)
        if message:
            _say(handle, message)
        _say(handle, f"done in {time.monotonic() - start:.1f} s")
    except ScalelawError as error:
        _say(handle, str(error))
        print(f"scalelaw {name} stopped:\n{error}", file=sys.stderr)
        return 1
    except Exception:
        _say(handle, traceback.format_exc())
        raise
    finally:
        if handle:
            handle.close()
    return 0


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


def _say(handle: TextIO | None, text: str) -> None:
    if handle:
        handle.write(text.rstrip("\n") + "\n")
        handle.flush()
