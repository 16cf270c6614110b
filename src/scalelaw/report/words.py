"""Codes as a reader wants to see them."""

import math

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


def percent(value: float) -> str:
    """Return a share as a whole percentage."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p value, small ones as a bound."""
    if math.isnan(value):
        return "–"
    return "< 10⁻⁴" if value < 1e-4 else f"{value:.2g}"
