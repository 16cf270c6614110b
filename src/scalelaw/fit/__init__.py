"""Fit compute against error, with papers as the unit of uncertainty."""

from scalelaw.fit.power_law import DIRECTIONS, PowerLaw
from scalelaw.fit.result import PowerLawResult

__all__ = ["DIRECTIONS", "PowerLaw", "PowerLawResult"]
