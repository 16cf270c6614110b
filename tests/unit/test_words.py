"""Numbers as a reader sees them."""

import math

import pytest

from scalelaw.report.words import bound, bounds, p_value, percent
from scalelaw.typography import fixed, number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (512, "510"),
        (73.4, "73"),
        (0.0123, "0.012"),
        (9.99, "10"),
        (123456, "120,000"),
        (3.2e18, "3.2 × 10¹⁸"),
        (9.99e9, "1.0 × 10¹⁰"),
        (2e-7, "2.0 × 10⁻⁷"),
        (-1.5, "−1.5"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
    ],
)
def test_number(value, shown):
    assert number(value) == shown


def test_other_forms():
    assert fixed(-0.04, 1) == "−0.0"
    assert fixed(math.inf) == "∞"
    assert percent(0.376) == "38%"
    assert p_value(1e-9) == "< 10⁻⁴"
    assert p_value(0.034) == "0.034"
    assert bound(9.9e39) == "9.9 × 10³⁹"
    assert bound(6.2e81) == "over 1 × 10⁴⁰"
    assert bound(math.inf) == "no limit"
    assert bounds(2e5, 6.2e81) == "200,000 to over 1 × 10⁴⁰"
    assert bounds(6.6e45, math.inf) == "over 1 × 10⁴⁰"
