"""What a run of the workflow leaves for later questions: its settings and input files."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from scalelaw.errors import ScalelawError

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
SCHEMA = {"type": "object", "required": list(_TYPES), "properties": _TYPES}


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
        path.write_text(f"{text}\n", encoding="utf-8")

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
            raise unusable(path, error) from None
        fault = next(Draft202012Validator(SCHEMA).iter_errors(content), None)
        if fault is not None:
            raise unusable(path, fault.message)
        files = {name: Path(content[name]) for name in ("prices", "grid", "constants")}
        lists = {name: [Path(p) for p in content[name]] for name in ("benchmark_files", "hardware")}
        for file in (*lists["benchmark_files"], *lists["hardware"], *files.values()):
            if not file.is_file():
                raise ScalelawError(
                    f"{file}, an input of the run that wrote {path}, is not there (ask from the "
                    "folder of that run, or run `snakemake` again)"
                )
        return cls(**{name: content[name] for name in _TYPES} | lists | files)


def unusable(path: Path, why: object) -> ScalelawError:
    """Return the error that says of a result that it cannot be used, and what to do."""
    return ScalelawError(
        f"{path}: damaged, or written by another version: {why} (run `snakemake` again)"
    )
