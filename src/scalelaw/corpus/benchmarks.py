"""Benchmarks: how a printed metric becomes an error to be driven to zero."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalelaw.errors import ScalelawError, did_you_mean, visible
from scalelaw.inputs import read_valid_yaml

_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*\\Z"}
_SHARE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": _NAME,
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "task", "test_set", "fitted", "error_label", "metrics"],
        "properties": {
            "name": {"type": "string"},
            "task": {"type": "string"},
            "test_set": {"type": "string"},
            "test_examples": {"type": "integer", "minimum": 1},
            "fitted": {"type": "string"},
            "error_label": {"type": "string"},
            "metrics": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": _NAME,
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["label", "error", "transform", "scale"],
                    "properties": {
                        "label": {"type": "string"},
                        "error": {"type": "string"},
                        "transform": {"enum": ["complement", "identity"]},
                        "scale": {"type": "number", "exclusiveMinimum": 0},
                    },
                },
            },
            "label_floor": {
                "type": "object",
                "additionalProperties": False,
                "required": ["error", "source"],
                "properties": {"error": _SHARE, "source": {"type": "string"}},
            },
            "targets": {"type": "array", "items": _SHARE},
            "source": {"type": "string"},
        },
    },
}


@dataclass(frozen=True)
class Metric:
    """A printed metric: ``error = value / scale``, or one minus that for a complement."""

    name: str
    label: str
    error: str
    transform: str
    scale: float

    def to_error(self, value: float) -> float:
        """Return the error as a fraction for a value as printed."""
        share = value / self.scale
        return 1.0 - share if self.transform == "complement" else share


@dataclass(frozen=True)
class Benchmark:
    """A benchmark and the error quantity on which it is fitted.

    Parameters
    ----------
    key, name, task, test_set : str
        Identifier used in the tables, and words for people.
    fitted : str
        The error quantity that fits use; metrics of another quantity are kept but not fitted.
    error_label : str
        Words for that error.
    metrics : dict of str to Metric
        Metrics by name.
    test_examples : int or None
        Size of the test set, from which the sampling error of a metric follows.
    label_floor : float or None
        Published estimate of the share of wrong labels in the test set.
    label_floor_source : str
        Where that estimate stands.
    targets : tuple of float
        Errors of interest, as fractions.
    """

    key: str
    name: str
    task: str
    test_set: str
    fitted: str
    error_label: str
    metrics: dict[str, Metric]
    test_examples: int | None = None
    label_floor: float | None = None
    label_floor_source: str = ""
    targets: tuple[float, ...] = ()

    def shown_error(self) -> tuple[str, float]:
        """Return words for the error and its scale: in percent, or as a metric that is no share."""
        for metric in self.metrics.values():
            fitted = metric.error == self.fitted and metric.transform == "identity"
            if fitted and metric.scale != 100:
                return metric.label, metric.scale
        return self.error_label, 100

    def level_in_words(self, target: str) -> str:
        """Return a level such as ``top1_accuracy>=75.9`` in words and with its unit."""
        parts, unit = [], ""
        for part in target.split(" and "):
            name, at_least, value = part.partition(">=")
            # A level may be stated for an error whose metrics differ in their test set.
            known = (m for m in self.metrics.values() if name in (m.name, m.error))
            metric = next(known, None)
            words = metric.label if metric else name.replace("_", " ").replace(" ap", " AP")
            if metric:
                unit = "%" if metric.scale == 100 else ""
            parts.append(f"{words} ≥ {value}{unit}" if at_least else part)
        return " and ".join(parts)


def read_benchmarks(paths: list[Path]) -> dict[str, Benchmark]:
    """Read one or more benchmark files; later files add benchmarks and may not redefine any.

    Raises
    ------
    ScalelawError
        If a file is not valid, with file and key.
    """
    benchmarks: dict[str, Benchmark] = {}
    for path in paths:
        content = read_valid_yaml(path, SCHEMA)
        for key, entry in content.items():
            if key in benchmarks:
                raise ScalelawError(f"{path}: {key}: the benchmark is defined twice (rename it)")
            metrics = {name: Metric(name, **m) for name, m in entry.pop("metrics").items()}
            floor = entry.pop("label_floor", {})
            entry.pop("source", None)
            quantities = {m.error for m in metrics.values()}
            if entry["fitted"] not in quantities:
                near = did_you_mean(entry["fitted"], sorted(quantities))
                remedy = near or "use one of " + ", ".join(sorted(quantities))
                message = f'no metric gives the error "{entry["fitted"]}" ({remedy})'
                raise ScalelawError(f"{path}: {key}.fitted: {visible(message)}")
            benchmarks[key] = Benchmark(
                key=key,
                metrics=metrics,
                label_floor=floor.get("error"),
                label_floor_source=floor.get("source", ""),
                targets=tuple(entry.pop("targets", ())),
                **entry,
            )
    return benchmarks
