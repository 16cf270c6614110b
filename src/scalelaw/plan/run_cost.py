"""What a training run costs, as a law of its parameters N and tokens D."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from scalelaw.errors import NotIdentifiedError, TooFewRecordsError
from scalelaw.fit.fit_result import Note
from scalelaw.fit.linear import fit_linear
from scalelaw.fit.sample import Array, positive_column, read_groups

if TYPE_CHECKING:
    import pandas as pd

_POOR = 0.1
"""Standard deviation of ln cost about a fitted law from which it is told."""


class RunCost(Protocol):
    """Cost of a run, such as its training FLOP, that rises with N and with D."""

    def cost(self, n: ArrayLike, d: ArrayLike) -> Array:
        """Return the cost of N parameters and D tokens."""
        ...

    def d_for(self, budget: ArrayLike, n: ArrayLike) -> Array:
        """Return the tokens that a budget allows with N parameters; NaN where none."""
        ...


@dataclass(frozen=True)
class PowerCost:
    """Cost ``k N^a D^b``; with the defaults, training FLOP of a dense transformer.

    Parameters
    ----------
    k : float
        Cost of one parameter and token: 6 FLOP, a forward pass and one of twice its cost back.
    a, b : float
        Exponents of N and D.

    References
    ----------
    Kaplan et al., "Scaling laws for neural language models", arXiv:2001.08361 (2020), section 2.1.

    Examples
    --------
    >>> float(PowerCost().d_for(6e21, 1e9))
    1000000000000.0
    """

    k: float = 6.0
    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        if not (self.k > 0 and self.a > 0 and self.b > 0):
            raise ValueError("k, a and b must be positive")

    def cost(self, n: ArrayLike, d: ArrayLike) -> Array:
        """Return the cost of N parameters and D tokens."""
        return np.asarray(self.k * np.asarray(n) ** self.a * np.asarray(d) ** self.b)

    def d_for(self, budget: ArrayLike, n: ArrayLike) -> Array:
        """Return the tokens that a budget allows with N parameters."""
        return np.asarray((np.asarray(budget) / (self.k * np.asarray(n) ** self.a)) ** (1 / self.b))

    def n_for(self, budget: ArrayLike, d: ArrayLike) -> Array:
        """Return the parameters that a budget allows with D tokens."""
        return np.asarray((np.asarray(budget) / (self.k * np.asarray(d) ** self.b)) ** (1 / self.a))


@dataclass(frozen=True)
class PerExampleCost:
    """Cost ``D (k N^a + c)``: each token or example also costs something that N does not change.

    Parameters
    ----------
    k, a : float
        Cost of an example that grows with N.
    c : float
        Cost of an example that does not, such as of embeddings or loading.
    """

    k: float = 6.0
    a: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        if not (self.k > 0 and self.a > 0 and self.c >= 0):
            raise ValueError("k and a must be positive, and c at least zero")

    def cost(self, n: ArrayLike, d: ArrayLike) -> Array:
        """Return the cost of N parameters and D examples."""
        return np.asarray(np.asarray(d) * (self.k * np.asarray(n) ** self.a + self.c))

    def d_for(self, budget: ArrayLike, n: ArrayLike) -> Array:
        """Return the examples that a budget allows with N parameters."""
        return np.asarray(np.asarray(budget) / (self.k * np.asarray(n) ** self.a + self.c))

    def n_for(self, budget: ArrayLike, d: ArrayLike) -> Array:
        """Return the parameters that a budget allows with D examples; NaN where none."""
        each = np.asarray(budget) / np.asarray(d) - self.c
        return np.asarray((np.where(each > 0, each, np.nan) / self.k) ** (1 / self.a))


@dataclass(frozen=True)
class CostFit:
    """A cost law fitted to runs that recorded their cost.

    Parameters
    ----------
    law : PowerCost or PerExampleCost
        The fitted law.
    residual_sd : float
        Standard deviation of ln cost about it.
    n_records : int
        Runs.
    warnings : tuple of Note
        ``poor_cost_fit``.
    """

    law: PowerCost | PerExampleCost
    residual_sd: float
    n_records: int
    warnings: tuple[Note, ...] = ()


def fit_power_cost(
    data: "pd.DataFrame",
    compute: str = "compute",
    n: str = "params",
    d: str = "tokens",
    fixed: dict[str, float] | None = None,
) -> CostFit:
    """Fit ``k N^a D^b`` to recorded costs by least squares of logarithms.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per run.
    compute, n, d : str
        Columns of cost, parameters and tokens, all positive.
    fixed : dict, optional
        Values of some of ``k``, ``a``, ``b`` that are known; the others are fitted.

    Raises
    ------
    FitError
        If the runs cannot identify the parameters, or an exponent comes out negative.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"params": [1e7, 1e8, 1e9], "tokens": [1e9, 4e9, 1e10]})
    >>> runs["compute"] = 8 * runs["params"] * runs["tokens"]
    >>> round(fit_power_cost(runs, fixed={"a": 1.0, "b": 1.0}).law.k, 3)
    8.0
    """
    cost, size, tokens = (np.log(positive_column(data, name)) for name in (compute, n, d))
    columns = {"k": np.ones_like(cost), "a": size, "b": tokens}
    known = _known(fixed, columns)
    rest = cost - sum((np.log(v) if p == "k" else v) * columns[p] for p, v in known.items())
    free = [name for name in columns if name not in known]
    values = dict(known)
    residuals = rest
    if free:
        design = np.stack([columns[name] for name in free], axis=1)
        fit = fit_linear(design, rest, index=read_groups(data, None)[0], names=free)
        residuals = fit.residuals
        for name, value in zip(free, fit.estimates, strict=True):
            values[name] = float(np.exp(value) if name == "k" else value)
    try:
        law = PowerCost(**values)
    except ValueError:
        raise NotIdentifiedError(
            "the recorded costs do not rise with parameters and tokens; hold an exponent fixed"
        ) from None
    return _cost_fit(law, residuals, len(free))


def fit_per_example_cost(
    data: "pd.DataFrame",
    compute: str = "compute",
    n: str = "params",
    d: str = "tokens",
    fixed: dict[str, float] | None = None,
) -> CostFit:
    """Fit ``D (k N^a + c)`` to recorded costs by least squares of logarithms.

    Parameters and errors as in :func:`fit_power_cost`, with ``k``, ``a`` and ``c``. The cost per
    example is a power law of N with a floor.
    """
    from scipy.optimize import least_squares

    cost, size, tokens = (positive_column(data, name) for name in (compute, n, d))
    each = np.log(cost / tokens)
    log_n = np.log(size)
    middle = float(log_n.mean())
    known = _known(fixed, ("k", "a", "c"))
    free = [name for name in ("k", "a", "c") if name not in known]
    if len(cost) < len(free):
        raise TooFewRecordsError(
            f"{len(cost)} run(s) for {len(free)} parameters; add runs or fix some"
        )
    sizes = len(np.unique(size))
    if sizes < len(free):
        raise NotIdentifiedError(
            f"{len(free)} parameters need as many sizes, and the runs have {sizes}; add runs of "
            "other sizes or fix some"
        )

    def values(working: Array) -> tuple[float, float, float]:
        found = dict(zip(free, working, strict=True))
        a = known.get("a", found.get("a", 1.0))
        # k by its logarithm amid the data, and c as a share of the least cost of an example.
        k = known.get("k") or float(np.exp(found.get("k", 0.0) - a * middle))
        c = known.get("c", found.get("c", 0.0) * float(np.exp(each.min())))
        return k, a, c

    def residual(working: Array) -> Array:
        k, a, c = values(working)
        return np.asarray(np.log(k * size**a + c) - each)

    starts = {"k": float(each.mean()), "a": 1.0, "c": 0.1}
    lows, highs = {"k": -np.inf, "a": 1e-3, "c": 0.0}, {"k": np.inf, "a": 5.0, "c": 1.0}
    if free:
        found = least_squares(
            residual,
            [starts[name] for name in free],
            bounds=([lows[name] for name in free], [highs[name] for name in free]),
            xtol=1e-14, ftol=1e-14, gtol=1e-14,
        )  # fmt: skip
        working = np.asarray(found.x)
    else:
        working = np.empty(0)
    k, a, c = values(working)
    if "a" in free and not 1.01 * lows["a"] < a < 0.999 * highs["a"]:
        raise NotIdentifiedError(
            f"the recorded costs per unit of {d} do not rise as a power of {n} between 0 and 5; "
            "hold the exponent fixed"
        )
    return _cost_fit(PerExampleCost(k, a, c), residual(working), len(free))


def _known(fixed: dict[str, float] | None, names: Iterable[str]) -> dict[str, float]:
    known = dict(fixed or {})
    unknown = sorted(set(known) - set(names))
    if unknown:
        raise ValueError(f"no parameter {', '.join(unknown)}; there are {', '.join(names)}")
    for name, value in known.items():
        if not (value > 0 or (name == "c" and value == 0)):
            raise ValueError(f"{name} must be positive, not {value:g}")
    return known


def _cost_fit(law: PowerCost | PerExampleCost, residuals: Array, free: int) -> CostFit:
    spread = float(np.sqrt(residuals @ residuals / max(1, len(residuals) - free)))
    notes: tuple[Note, ...] = ()
    if spread > _POOR:
        notes = (
            Note(
                "poor_cost_fit",
                "warning",
                f"recorded costs scatter about the law by {np.expm1(spread):.0%}, and what is "
                "planned with it errs as much: check their unit, and that they are of whole runs, "
                "or fit another law",
                {"residual_sd": spread},
            ),
        )
    return CostFit(law, spread, len(residuals), notes)
