"""Numbers and codes as a reader wants to see them."""

import math

from scalelaw.typography import superscript

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


def number(value: float, digits: int = 2) -> str:
    """Return a number with so many significant digits, ``–`` for none, ∞ for infinity."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if power >= 6 or power < -4:
        mantissa = f"{value / 10.0**power:.{digits - 1}f}"
        return f"{mantissa} × 10{superscript(power)}".replace("-", "−")
    return f"{round(value, digits - 1 - power):,.{max(0, digits - 1 - power)}f}".replace("-", "−")


def interval(low: float, high: float, digits: int = 2) -> str:
    """Return ``low to high``."""
    return f"{number(low, digits)} to {number(high, digits)}"


def fixed(value: float, decimals: int = 1) -> str:
    """Return a number with so many decimals."""
    if math.isnan(value) or math.isinf(value):
        return number(value)
    return f"{value:.{decimals}f}".replace("-", "−")


def fixed_interval(low: float, high: float, decimals: int = 1) -> str:
    """Return ``low to high`` with so many decimals."""
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def percent(value: float) -> str:
    """Return a share as a whole percentage."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p value, small ones as a bound."""
    if math.isnan(value):
        return "–"
    return "< 10⁻⁴" if value < 1e-4 else f"{value:.2g}"
