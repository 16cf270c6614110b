"""Codes as a reader wants to see them."""

import math

from scalelaw.typography import number

BASIS_WORDS = {
    "hardware": "devices × peak rate × time",
    "operations": "3 × forward FLOP × examples × epochs",
    "reported": "as stated by the paper or a database",
    "best": "first of hardware, operations, reported that a record has (mixed)",
}

DIRECTION_WORDS = {
    "compute_on_error": "compute on error",
    "error_on_compute": "error on compute",
    "york": "York (errors in both)",
}

COMPONENT_WORDS = {
    "peak_rate": "faster devices",
    "devices": "more devices",
    "hours": "longer runs",
    "hardware": "hardware in all",
    "scale": "scale in all",
    "total": "compute in all",
}

GAIN_WORDS = {**COMPONENT_WORDS, "algorithms": "algorithms", "total": "gain in all"}
GAIN_WORDS["compute"] = "compute in all"

FORM_WORDS = {
    "power": "a power law",
    "exponential": "an exponential",
    "floored": "a power law above a floor",
}

VERDICT_WORDS = {
    "supported": "supported",
    "not supported": "not supported",
    "cannot be told": "beyond what the data can tell",
    "superseded": "superseded by newer facts",
}

RELATION_WORDS = {"at_least": "at least", "at_most": "at most", "about": "about", "between": ""}


MOST = 1e40
"""A larger amount is only said to be over it: there is not as much of anything to be paid for."""


def bound(value: float, digits: int = 2) -> str:
    """Return an amount that may have no limit, or be absurd."""
    if math.isinf(value):
        return "no limit"
    return f"over {number(MOST, 1)}" if value > MOST else number(value, digits)


def bounds(low: float, high: float) -> str:
    """Return ``low to high`` of amounts, or one bound where even the lower is absurd."""
    return bound(low) if low > MOST else f"{number(low)} to {bound(high)}"


_LARGE = {12: "trillion", 9: "billion", 6: "million"}


def spoken(value: float) -> str:
    """Return a number with two digits as prose has it: 470,000, 1.2 billion, no limit."""
    if math.isinf(value):
        return "no limit"
    power = math.floor(math.log10(value)) if value > 0 else 0
    for size, name in _LARGE.items():
        if size <= power < size + 3:
            return f"{number(value / 10.0**size)} {name}"
    return number(value)


def plain(value: float) -> str:
    """Return a published figure as it would be printed, without zeros that it did not have."""
    return f"{value:,.10g}" if 1e-4 <= abs(value) < 1e7 or value == 0 else number(value, 2)


def percent(value: float) -> str:
    """Return a share as a whole percentage."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p value, small ones as a bound."""
    if math.isnan(value):
        return "–"
    return "< 10⁻⁴" if value < 1e-4 else f"{value:.2g}"
