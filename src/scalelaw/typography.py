"""Numbers as readers of figures and the report want to see them."""

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def superscript(number: int) -> str:
    """Return a whole number in superscript characters."""
    return str(number).translate(_SUPERSCRIPT)


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


def percent(share: float) -> str:
    """Return a share in percent as somebody would give it, with every digit up to six."""
    return f"{100 * share:g}"


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
