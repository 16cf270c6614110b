"""What a run of the workflow leaves for later questions: settings, input files and draws."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from scalelaw.errors import ScalelawError, UnreadableError
from scalelaw.files import writing
from scalelaw.forecast.ensemble import Ensemble, read_ensembles
from scalelaw.tables import read_result

if TYPE_CHECKING:
    import pandas as pd

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "minItems": 1, "items": _TEXT}
_TYPES: dict[str, dict[str, Any]] = {
    "basis": _TEXT,
    "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "seed": {"type": "integer", "minimum": 0},
    "device": _TEXT,
    "year": {"type": "integer"},
    "places": _TEXTS,
    "home": _TEXT,
    "predictions_per_day": {"type": "number", "exclusiveMinimum": 0},
    "benchmark_files": _TEXTS,
    "hardware": _TEXTS,
    "prices": _TEXT,
    "grid": _TEXT,
    "constants": _TEXT,
}
_SCHEMA = {"type": "object", "required": list(_TYPES), "properties": _TYPES}

_CURVES = dict.fromkeys(("benchmark", "basis", "form", "status"), "str") | dict.fromkeys(
    ("error_min", "error_max", "compute_min", "compute_max", "floor"), "float64"
)
"""Columns that the table of curves must have."""

_UNREADABLE = (OSError, ValueError, KeyError, IndexError, TypeError, NotImplementedError)
"""What pandas raises for a table that is damaged or lacks a column."""


@dataclass(frozen=True)
class Run:
    """Settings and input files of a run.

    Parameters
    ----------
    basis, level, seed
        Basis of training compute, level of the intervals, seed of the run.
    device, year, places
        Scenario, see :class:`scalelaw.cost.Scenario`.
    home : str
        Device of the equivalent "years of one at home".
    predictions_per_day : float
        For running costs.
    benchmark_files, hardware : list of path
        Benchmarks, and devices.
    prices, grid, constants : path
        ``prices.csv``, ``grid.csv`` and ``costs.yaml``.
    """

    basis: str
    level: float
    seed: int
    device: str
    year: int
    places: list[str]
    home: str
    predictions_per_day: float
    benchmark_files: list[Path]
    hardware: list[Path]
    prices: Path
    grid: Path
    constants: Path

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, default=str)
        with writing(path) as part:
            part.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Read what :meth:`write` has written.

        Raises
        ------
        ScalelawError
            If the file is damaged or of another version, or an input file is gone.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _unusable(path, error) from None
        fault = next(Draft202012Validator(_SCHEMA).iter_errors(content), None)
        if fault is not None:
            raise _unusable(path, fault.message)
        files = {name: Path(content[name]) for name in ("prices", "grid", "constants")}
        lists = {name: [Path(p) for p in content[name]] for name in ("benchmark_files", "hardware")}
        for file in (*lists["benchmark_files"], *lists["hardware"], *files.values()):
            if not file.is_file():
                raise UnreadableError(
                    f"{file}, an input of the run that wrote {path}, is not there (ask from the "
                    "folder of that run, or run `snakemake` again)"
                )
        return cls(**{name: content[name] for name in _TYPES} | lists | files)


def read_curves(path: Path) -> "pd.DataFrame":
    """Read the table of curves.

    Raises
    ------
    ScalelawError
        If it is damaged or of another version.
    """
    try:
        return read_result(path).astype(_CURVES)
    except _UNREADABLE as error:
        raise _unusable(path, error) from None


def read_draws(path: Path, curves: "pd.DataFrame") -> dict[tuple[str, str], Ensemble]:
    """Read the draws by benchmark and basis.

    Raises
    ------
    ScalelawError
        If they are damaged or do not belong to the curves.
    """
    import pandas as pd

    try:
        ensembles = read_ensembles(pd.read_parquet(path), curves)
    except _UNREADABLE as error:
        raise _unusable(path, error) from None
    if len({len(draws) for e in ensembles.values() for draws in e.draws.values()}) > 1:
        raise _unusable(path, "forms have different numbers of draws")
    return ensembles


def _unusable(path: Path, why: object) -> ScalelawError:
    """Return the error that says of a result that it cannot be used, and what to do."""
    return ScalelawError(
        f"{path}: damaged, or written by another version: {why} (run `snakemake` again)"
    )
