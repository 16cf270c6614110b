"""Fit scaling laws to any table, with groups of records as the unit of uncertainty."""

from scalelaw.fit.broken import BrokenPowerLaw
from scalelaw.fit.covariance import diagnose, sandwich, wild_bootstrap
from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.floored import FlooredPowerLaw
from scalelaw.fit.form_comparison import FormComparison, compare_forms
from scalelaw.fit.joint import (
    BoundedSurface,
    CoupledSurface,
    KaplanSurface,
    MultiplicativePowerLaw,
    SeparablePowerLaw,
    ShiftedPowerLaw,
    lack_of_fit,
)
from scalelaw.fit.line_result import LineResult
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Curve, Model
from scalelaw.fit.power_law import ExponentialLaw, PowerLaw
from scalelaw.fit.sigmoid import Sigmoid
from scalelaw.fit.surface import LossSurface
from scalelaw.fit.system_comparison import SystemComparison, compare_systems, fit_paired

__all__ = [
    "BoundedSurface",
    "BrokenPowerLaw",
    "CoupledSurface",
    "Curve",
    "Estimate",
    "ExponentialLaw",
    "FitResult",
    "FlooredPowerLaw",
    "FormComparison",
    "Huber",
    "KaplanSurface",
    "LeastAbsolute",
    "LeastSquares",
    "LineResult",
    "Loss",
    "LossSurface",
    "Model",
    "MultiplicativePowerLaw",
    "Note",
    "Pinball",
    "PowerLaw",
    "SeparablePowerLaw",
    "ShiftedPowerLaw",
    "Sigmoid",
    "SystemComparison",
    "compare_forms",
    "compare_systems",
    "diagnose",
    "fit_paired",
    "lack_of_fit",
    "sandwich",
    "wild_bootstrap",
]
