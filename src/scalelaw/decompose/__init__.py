"""Split compute, and gains in error, into hardware, scale and algorithms."""

from scalelaw.decompose.gains import (
    decompose_gains,
    gains_by_year,
    gains_of_pair,
    gains_of_pair_with_bounds,
    shapley,
)
from scalelaw.decompose.parts import (
    REGRESSORS,
    decompose_pair,
    decompose_trend,
    log_parts,
    splittable,
)

__all__ = [
    "REGRESSORS",
    "decompose_gains",
    "decompose_pair",
    "decompose_trend",
    "gains_by_year",
    "gains_of_pair",
    "gains_of_pair_with_bounds",
    "log_parts",
    "shapley",
    "splittable",
]
