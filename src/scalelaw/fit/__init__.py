"""Fit scaling laws to any table, with groups of records as the unit of uncertainty."""

from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.line_result import LineResult
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.power_law import ExponentialLaw, PowerLaw

__all__ = [
    "Estimate",
    "ExponentialLaw",
    "FitResult",
    "Huber",
    "LeastAbsolute",
    "LeastSquares",
    "LineResult",
    "Note",
    "Pinball",
    "PowerLaw",
]
