"""Constants of the cost chain with their sources, read from ``costs.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scalelaw.errors import ScalelawError
from scalelaw.fit.sample import Array
from scalelaw.inputs import read_valid_yaml

PARAMETERS = (
    "utilisation",
    "server_power_over_tdp_gpu",
    "server_power_over_tdp_tpu",
    "mean_load_gpu",
    "mean_load_tpu",
    "pue",
    "hardware_replacement_per_year",
    "home_electricity_usd_per_kwh",
)

_ORDERED = (("low", "high"), ("lower_quartile", "median"), ("median", "upper_quartile"))
_NORMAL_QUARTILE = 0.6744897501960817
_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_SOURCED = {
    "what": {"type": "string"},
    "where": {"type": "string"},
    "source": {"type": "string", "minLength": 1},
    "url": {"type": "string", "pattern": "^https?://"},
    "note": {"type": "string"},
    "year": {"type": "integer"},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["parameters", "equivalents", "presets"],
    "properties": {
        "parameters": {
            "type": "object",
            "required": list(PARAMETERS),
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["what", "source", "url"],
                "oneOf": [
                    {"required": ["central"]},
                    {"required": ["low", "high"]},
                    {"required": ["median", "lower_quartile", "upper_quartile"]},
                ],
                "properties": {
                    **_SOURCED,
                    **dict.fromkeys(
                        ("central", "low", "high", "median", "lower_quartile", "upper_quartile"),
                        _POSITIVE,
                    ),
                },
            },
        },
        "equivalents": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "quantity", "value", "source", "url"],
                "properties": {
                    **_SOURCED,
                    "name": {"type": "string"},
                    "quantity": {"enum": ["t_co2", "kwh"]},
                    "value": _POSITIVE,
                },
            },
        },
        "presets": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "what", "flop_per_usd", "flop_per_lb_co2", "nyc_t_co2_per_year", "line",
                    "source", "url",
                ],
                "properties": {
                    **_SOURCED,
                    "benchmark": {"type": "string"},
                    "flop_per_usd": _POSITIVE,
                    "flop_per_lb_co2": _POSITIVE,
                    "nyc_t_co2_per_year": _POSITIVE,
                    "line": {
                        "type": "object",
                        "required": ["slope", "intercept"],
                        "properties": {
                            "slope": {"type": "number"},
                            "intercept": {"type": "number"},
                            "what": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A constant or a distribution of one.

    Parameters
    ----------
    low, high : float
        Bounds of a uniform distribution; equal for a constant.
    median, log_sd : float or None
        Median and standard deviation of the natural logarithm of a lognormal one, cut at 1.
    """

    low: float
    high: float
    median: float | None = None
    log_sd: float = 0.0

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return n draws."""
        if self.median is not None:
            return np.minimum(1.0, self.median * np.exp(self.log_sd * rng.standard_normal(n)))
        return rng.uniform(self.low, self.high, n)

    @property
    def central(self) -> float:
        """The median."""
        return self.median if self.median is not None else (self.low + self.high) / 2


@dataclass(frozen=True)
class Equivalent:
    """A quantity that people grasp: so much CO2 or energy."""

    name: str
    quantity: str
    value: float


@dataclass(frozen=True)
class Preset:
    """Another study's constants, so that its published numbers can be recomputed.

    Parameters
    ----------
    what : str
        Whose constants, of when.
    benchmark : str
        Benchmark of its line.
    flop_per_usd, flop_per_lb_co2 : float
        FLOP for a dollar and for a pound of CO2.
    nyc_t_co2_per_year : float
        Tonnes of CO2 that the preset ascribes to New York City a year.
    slope, intercept : float
        ``log10(1/error) = slope * log10 C + intercept``.
    """

    what: str
    benchmark: str
    flop_per_usd: float
    flop_per_lb_co2: float
    nyc_t_co2_per_year: float
    slope: float
    intercept: float

    def log_flop(self, error: float) -> float:
        """Return the log10 FLOP at which the preset's line reaches an error."""
        return float((-np.log10(error) - self.intercept) / self.slope)

    def costs(self, log_flop: float) -> dict[str, float]:
        """Return dollars, FLOP, tonnes of CO2, and months of New York City's emissions."""
        flop = 10.0**log_flop
        tonnes = flop / self.flop_per_lb_co2 * KG_PER_LB / 1000
        return {
            "usd": flop / self.flop_per_usd,
            "flop": flop,
            "t_co2": tonnes,
            "nyc_months": tonnes / (self.nyc_t_co2_per_year / 12),
        }


KG_PER_LB = 0.45359237
"""The international pound, exact by definition."""


@dataclass(frozen=True)
class Constants:
    """Content of ``costs.yaml``."""

    parameters: Mapping[str, Parameter]
    equivalents: Mapping[str, Equivalent]
    presets: Mapping[str, Preset]


def read_constants(path: Path) -> Constants:
    """Read ``costs.yaml``.

    Raises
    ------
    ScalelawError
        If the file cannot be read or does not fit its schema; lists every fault.
    """
    content = read_valid_yaml(path, SCHEMA)
    faults = [
        f"{path}: parameters.{name}: {low} lies above {high}"
        for name, entry in content["parameters"].items()
        for low, high in _ORDERED
        if low in entry and high in entry and entry[low] > entry[high]
    ]
    if faults:
        raise ScalelawError("\n".join(sorted(faults)))
    return Constants(
        {name: _parameter(entry) for name, entry in content["parameters"].items()},
        {
            name: Equivalent(entry["name"], entry["quantity"], entry["value"])
            for name, entry in content["equivalents"].items()
        },
        {
            name: Preset(
                entry["what"],
                entry.get("benchmark", "imagenet"),
                entry["flop_per_usd"],
                entry["flop_per_lb_co2"],
                entry["nyc_t_co2_per_year"],
                entry["line"]["slope"],
                entry["line"]["intercept"],
            )
            for name, entry in content["presets"].items()
        },
    )


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    if "median" in entry:
        # Half of a normal distribution lies between its quartiles.
        width = np.log(entry["upper_quartile"] / entry["lower_quartile"])
        log_sd = float(width / (2 * _NORMAL_QUARTILE))
        return Parameter(entry["lower_quartile"], entry["upper_quartile"], entry["median"], log_sd)
    if "low" in entry:
        return Parameter(entry["low"], entry["high"])
    return Parameter(entry["central"], entry["central"])
