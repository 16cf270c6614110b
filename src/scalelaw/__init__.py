"""Empirical scaling laws from published deep-learning results.

The names below are loaded on first use, so that ``import scalelaw`` stays fast and never pulls in
statsmodels or matplotlib by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from scalelaw.corpus import Corpus, load_corpus
    from scalelaw.fit import (
        Estimate,
        ExponentialLaw,
        FitResult,
        Huber,
        LeastAbsolute,
        LeastSquares,
        LineResult,
        Note,
        Pinball,
        PowerLaw,
    )

_HOME = {
    "scalelaw.corpus": ("Corpus", "load_corpus"),
    "scalelaw.fit": (
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
    ),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Corpus",
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
    "__version__",
    "load_corpus",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE:
        return getattr(import_module(_MODULE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE])
