"""Figures drawn from results; nothing here fits anything."""

from scalelaw.plotting.figures import (
    draw_compute_against_error,
    draw_compute_growth,
    draw_error_by_year,
    draw_law,
    draw_overview,
)
from scalelaw.plotting.laws import draw_curve
from scalelaw.plotting.style import save, style

__all__ = [
    "draw_compute_against_error",
    "draw_compute_growth",
    "draw_curve",
    "draw_error_by_year",
    "draw_law",
    "draw_overview",
    "save",
    "style",
]
