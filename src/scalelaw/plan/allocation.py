"""How to divide a budget between parameters and tokens, by a fitted law of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.model import Model
from scalelaw.fit.sample import Array
from scalelaw.plan.run_cost import PowerCost, RunCost

if TYPE_CHECKING:
    import pandas as pd

_REACH = 3.0
"""Decades beyond the observed sizes that are searched."""

_COARSE, _FINE = 61, 65


@dataclass(frozen=True)
class Allocation:
    """The best runs for some budgets.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per budget and quantity (parameters, tokens, tokens per parameter, loss, by the
        names of their columns): ``budget``, ``quantity``, ``value``, ``lower``, ``upper``,
        ``method``.
    exponents : pandas.DataFrame
        How the optimal parameters and tokens grow with the budget, between the smallest and the
        largest: ``quantity``, ``value``, ``lower``, ``upper``, ``method``. Empty for one budget.
    warnings : tuple of Note
        ``no_interior_optimum``, ``optimum_outside_data``.
    """

    table: "pd.DataFrame"
    exponents: "pd.DataFrame"
    warnings: tuple[Note, ...]


def allocate(
    result: FitResult,
    budgets: Sequence[float],
    cost: RunCost | None = None,
    level: float = 0.95,
    method: str | None = None,
) -> Allocation:
    """Return the parameters and tokens of least loss for budgets, with intervals.

    Every estimate without a group, and every bootstrap draw, is minimised along the curve of equal
    cost, so the intervals hold whatever the law and the cost.

    Parameters
    ----------
    result : FitResult
        Fit of a law of parameters and tokens, in this order, such as
        :class:`scalelaw.fit.LossSurface`.
    budgets : sequence of float
        Costs, in the unit of `cost`: training FLOP by default.
    cost : RunCost, optional
        Law of the cost; 6 N D by default.
    level : float
        Level of the intervals.
    method : {"jackknife", "percentile", "bca", "delta"}
        See :meth:`FitResult.derive`.

    Returns
    -------
    Allocation

    Raises
    ------
    NotIdentifiedError
        If the law has no optimum for a budget within three decades of the observed sizes, or of as
        many more as the budget lies beyond their cost.

    References
    ----------
    Hoffmann et al., "Training compute-optimal large language models", arXiv:2203.15556 (2022),
    section 3.3.
    """
    import pandas as pd

    if len(result.model.x_names) != 2:
        raise ValueError("an allocation needs a law of two predictors, parameters and tokens")
    if not len(budgets) or min(budgets) <= 0:
        raise ValueError("budgets must be positive")
    law = PowerCost() if cost is None else cost
    n_name, d_name = result.model.x_names
    names = (n_name, d_name, f"{d_name} per {n_name}", result.model.y_name)
    rows: list[dict[str, object]] = []
    notes: list[Note] = []
    for budget in budgets:
        _, interior, _ = optimum(result, result.estimates[None, :], budget, law)
        if not interior[0]:
            raise NotIdentifiedError(
                f"the law has no best {n_name} for a budget of {budget:.3g}: its loss still falls "
                f"more than {_REACH:.0f} decades beyond the observed sizes; fit another law"
            )
        good = result.draws[np.isfinite(result.draws).all(axis=1)]
        edge = 1 - float(np.mean(optimum(result, good, budget, law)[1])) if len(good) else 0.0
        if edge > (1 - level) / 2:
            notes.append(_at_edge(budget, edge))

        found = [
            result.derive(name, partial(_quantity, result, budget, law, kind), level, method)
            for kind, name in enumerate(names)
        ]
        rows += [{"budget": budget, **_row(estimate)} for estimate in found]
        notes += _outside(result, budget, found[0].value, found[1].value)
    return Allocation(
        pd.DataFrame(rows), _exponents(result, budgets, law, level, method), tuple(notes)
    )


def optimum(
    result: FitResult, params: Array, budget: float, cost: RunCost, reach: float = _REACH
) -> tuple[Array, Array, Array]:
    """Return the sizes of least loss along the curve of equal cost.

    Parameters
    ----------
    result : FitResult
        Fit of a law of parameters and tokens, in this order.
    params : array, shape (B, p)
        Parameters, such as bootstrap draws.
    budget : float
        Cost of the run.
    cost : RunCost
        Law of the cost.
    reach : float
        Decades beyond the observed sizes that are searched, besides those by which the budget lies
        beyond the cost of the observed runs.

    Returns
    -------
    log_n : array, shape (B,)
        Natural logarithm of N; NaN where the loss is not finite.
    interior : array of bool, shape (B,)
        False where the loss still falls at an end of the search.
    loss : array, shape (B,)
        Loss there.
    """
    return best_size(result.model, params, np.array(result.x_range).T, budget, cost, reach)


def best_size(
    model: Model, params: Array, x: Array, budget: float, cost: RunCost, reach: float = _REACH
) -> tuple[Array, Array, Array]:
    """Return the sizes of least loss along the curve of equal cost; see :func:`optimum`.

    Parameters
    ----------
    model : Model
        Law of parameters and tokens, in this order.
    params : array, shape (B, p)
        Parameters of the law.
    x : array, shape (m, 2)
        Parameters and tokens of runs, or the smallest and largest of both.
    budget, cost, reach
        See :func:`optimum`.
    """
    (low, d_low), (high, d_high) = np.log([x.min(axis=0), x.max(axis=0)])
    # No best size moves farther than the budget does, by which the search is widened.
    up = np.log(budget / cost.cost(np.exp(high), np.exp(d_high)))
    down = np.log(cost.cost(np.exp(low), np.exp(d_low)) / budget)
    margin = reach * np.log(10)
    low, high = low - margin - max(float(down), 0.0), high + margin + max(float(up), 0.0)

    def losses(rows: Array, grid: Array) -> Array:
        n = np.exp(grid)
        with np.errstate(all="ignore"):
            at = np.stack([n, cost.d_for(budget, n)], axis=1)
            values = np.asarray(model.evaluate(rows, at))
        # Where the budget allows no tokens, or next to none, nothing is learnt.
        return np.where(np.isnan(at).any(axis=1), np.inf, values)

    grid = np.linspace(low, high, _COARSE)
    coarse = losses(params, grid)
    usable = np.asarray(~np.isnan(coarse).any(axis=1) & np.isfinite(coarse).any(axis=1))
    best = np.argmin(np.where(usable[:, None], coarse, 0.0), axis=1)
    interior = np.asarray(usable & (best > 0) & (best < _COARSE - 1))
    log_n = np.where(usable, grid[best], np.nan)
    loss = np.where(usable, coarse[np.arange(len(params)), best], np.nan)
    for cell in np.unique(best[interior]):
        mine = np.flatnonzero(interior & (best == cell))
        fine = np.linspace(grid[cell - 1], grid[cell + 1], _FINE)
        values = losses(params[mine], fine)
        at = np.clip(np.argmin(values, axis=1), 1, _FINE - 2)
        before, here, after = (values[np.arange(len(mine)), at + i] for i in (-1, 0, 1))
        # The vertex of the parabola through the three lowest points.
        with np.errstate(invalid="ignore", divide="ignore"):
            bend = before - 2 * here + after
            smooth = np.isfinite(bend) & (bend > 0)
            shift = np.where(smooth, 0.5 * (before - after) / bend, 0.0)
            slope = np.where(smooth, before - after, 0.0)
        log_n[mine] = fine[at] + shift * (fine[1] - fine[0])
        loss[mine] = here - 0.25 * slope * shift
    return log_n, interior, loss


def _quantity(result: FitResult, budget: float, cost: RunCost, kind: int, params: Array) -> Array:
    """Return the optimal parameters, tokens, their ratio, or the loss (kinds 0 to 3)."""
    log_n, _, loss = optimum(result, params, budget, cost)
    n = np.exp(log_n)
    d = cost.d_for(budget, n)
    return (n, d, d / n, loss)[kind]


def _exponents(
    result: FitResult, budgets: Sequence[float], cost: RunCost, level: float, method: str | None
) -> "pd.DataFrame":
    import pandas as pd

    columns = ["quantity", "value", "lower", "upper", "method"]
    ends = min(budgets), max(budgets)
    if ends[0] == ends[1]:
        return pd.DataFrame(columns=columns)
    decades = float(np.log(ends[1] / ends[0]))

    def grows(kind: int, params: Array) -> Array:
        first, last = (_quantity(result, budget, cost, kind, params) for budget in ends)
        return np.asarray(np.log(last / first) / decades)

    rows = [
        _row(result.derive(name, partial(grows, kind), level, method, log=False))
        for kind, name in enumerate(result.model.x_names)
    ]
    return pd.DataFrame(rows, columns=columns)


def _row(found: Estimate) -> dict[str, object]:
    return {
        "quantity": found.name,
        "value": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "method": found.method,
    }


def _at_edge(budget: float, share: float) -> Note:
    return Note(
        "no_interior_optimum",
        "warning",
        f"for a budget of {budget:.3g}, {share:.0%} of the resampled laws have no best size: they "
        "do not limit what is spent on one of the two",
        {"budget": budget, "share": share},
    )


def _outside(result: FitResult, budget: float, n: float, d: float) -> list[Note]:
    """Return a note if the optimum lies outside the observed sizes."""
    beyond = max(
        max(np.log10(value / high), np.log10(low / value))
        for value, (low, high) in zip((n, d), result.x_range, strict=True)
    )
    if beyond <= 0:
        return []
    return [
        Note(
            "optimum_outside_data",
            "warning",
            f"for a budget of {budget:.3g} the optimum lies {beyond:.1f} decades outside the "
            "observed sizes: it rests on the shape of the law there",
            {"budget": budget, "decades": float(beyond)},
        )
    ]
