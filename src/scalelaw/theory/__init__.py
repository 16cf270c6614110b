"""The study's simulation: what flexibility costs in linear regression, where everything is known.

A modeller may know which variables matter (oracle), nearly know it (expert), or leave all
candidates to the data (flexible, with or without a penalty). Nothing here reads the corpus.
"""

from scalelaw.theory.laws import find_overtaking, fit_exponents, summarise_curves
from scalelaw.theory.simulation import FIXED, GROWING, MODELS, Simulation

__all__ = [
    "FIXED",
    "GROWING",
    "MODELS",
    "Simulation",
    "find_overtaking",
    "fit_exponents",
    "summarise_curves",
]
