"""Empirical scaling laws from published deep-learning results.

The names below are loaded on first use, so that ``import scalelaw`` stays fast and never pulls in
statsmodels or matplotlib by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from scalelaw.corpus import (
        Corpus,
        load_corpus,
    )
    from scalelaw.fit import (
        BoundedSurface,
        BrokenPowerLaw,
        CoupledSurface,
        Curve,
        Estimate,
        ExponentialLaw,
        FitResult,
        FlooredPowerLaw,
        FormComparison,
        Huber,
        KaplanSurface,
        LeastAbsolute,
        LeastSquares,
        LineResult,
        Loss,
        LossSurface,
        Model,
        MultiplicativePowerLaw,
        Note,
        Pinball,
        PowerLaw,
        SeparablePowerLaw,
        ShiftedPowerLaw,
        Sigmoid,
        SystemComparison,
        compare_forms,
        compare_systems,
        diagnose,
        fit_paired,
        lack_of_fit,
        sandwich,
        wild_bootstrap,
    )

_HOME = {
    "scalelaw.corpus": (
        "Corpus",
        "load_corpus",
    ),
    "scalelaw.fit": (
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
    ),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "BoundedSurface",
    "BrokenPowerLaw",
    "Corpus",
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
    "__version__",
    "compare_forms",
    "compare_systems",
    "diagnose",
    "fit_paired",
    "lack_of_fit",
    "load_corpus",
    "sandwich",
    "wild_bootstrap",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE:
        return getattr(import_module(_MODULE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE])
