"""Fit scaling laws to any table, with groups of records as the unit of uncertainty."""

from scalelaw.fit.broken import BrokenPowerLaw
from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.floored import FlooredPowerLaw
from scalelaw.fit.line_result import LineResult
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Curve, Model
from scalelaw.fit.power_law import ExponentialLaw, PowerLaw
from scalelaw.fit.surface import LossSurface

__all__ = [
    "BrokenPowerLaw",
    "Curve",
    "Estimate",
    "ExponentialLaw",
    "FitResult",
    "FlooredPowerLaw",
    "Huber",
    "LeastAbsolute",
    "LeastSquares",
    "LineResult",
    "Loss",
    "LossSurface",
    "Model",
    "Note",
    "Pinball",
    "PowerLaw",
]
