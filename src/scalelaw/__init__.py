"""Empirical scaling laws from published deep-learning results.

The names below are loaded on first use, so that ``import scalelaw`` stays fast and never pulls in
statsmodels or matplotlib by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from scalelaw.corpus import Corpus, load_corpus
    from scalelaw.fit import PowerLaw, PowerLawResult

_HOME = {
    "Corpus": "scalelaw.corpus",
    "load_corpus": "scalelaw.corpus",
    "PowerLaw": "scalelaw.fit",
    "PowerLawResult": "scalelaw.fit",
}

__all__ = ["Corpus", "PowerLaw", "PowerLawResult", "__version__", "load_corpus"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
