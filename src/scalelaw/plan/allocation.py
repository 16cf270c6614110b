"""How to divide a budget between parameters and tokens, by a fitted law of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.model import Model
from scalelaw.fit.sample import Array
from scalelaw.fit.surface import LossSurface
from scalelaw.plan.run_cost import PowerCost, RunCost

if TYPE_CHECKING:
    import pandas as pd

_REACH = 3.0
"""Decades beyond the observed sizes that are searched."""

_COARSE, _FINE = 61, 65

_ROWS = 4096
"""Laws that are searched at a time, which bounds the memory."""


@dataclass(frozen=True)
class Allocation:
    """The best runs for some budgets.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per budget and quantity (parameters, tokens, tokens per parameter, loss, by the
        names of their columns): ``budget``, ``quantity``, ``value``, ``lower``, ``upper``,
        ``method``. A resampled law without a best size counts as one that is infinitely far on the
        side to which its loss falls.
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
    ValueError
        If a budget or the level is impossible, or the law has not two predictors.
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
    if not len(budgets) or not all(0 < budget < np.inf for budget in budgets):
        raise ValueError("budgets must be positive and finite")
    if not 0 < level < 1:
        raise ValueError("level must lie between 0 and 1")
    optima = _Optima(result, PowerCost() if cost is None else cost)
    n_name, d_name = result.model.x_names
    names = (n_name, d_name, f"{d_name} per {n_name}", result.model.y_name)
    rows: list[dict[str, object]] = []
    notes: list[Note] = []
    for budget in budgets:
        if not optima.interior(result.estimates[None, :], budget)[0]:
            raise NotIdentifiedError(
                f"the law has no best {n_name} for a budget of {budget:.3g}: its loss still falls "
                f"more than {_REACH:.0f} decades beyond the observed sizes; fit another law"
            )
        notes += _no_interior(optima, budget, level)
        found = [
            result.derive(name, partial(optima.quantity, budget, kind), level, method)
            for kind, name in enumerate(names)
        ]
        rows += [{"budget": budget, **_row(estimate)} for estimate in found]
        notes += _outside(result, budget, found[0].value, found[1].value)
    return Allocation(pd.DataFrame(rows), _exponents(optima, budgets, level, method), tuple(notes))


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

    log_n, loss = _closed_form(model, params, budget, cost)
    interior = np.asarray((log_n > low) & (log_n < high))
    rest = np.flatnonzero(~interior)
    for start in range(0, len(rest), _ROWS):
        some = rest[start : start + _ROWS]
        log_n[some], interior[some], loss[some] = _search(
            model, params[some], budget, cost, low, high
        )
    return log_n, interior, loss


def _closed_form(model: Model, params: Array, budget: float, cost: RunCost) -> tuple[Array, Array]:
    """Return ln N* and the loss there; NaN for other laws than a surface and a power of N and D.

    The slopes of A / N^alpha and B / D^beta along the curve balance (Hoffmann et al. 2022, eq. 4,
    for any exponents of the cost).
    """
    if not (isinstance(model, LossSurface) and isinstance(cost, PowerCost)):
        return np.full(len(params), np.nan), np.full(len(params), np.nan)
    with np.errstate(all="ignore"):
        falls = np.all(params[:, 1:] > 0, axis=1, keepdims=True)
        e, a, alpha, b, beta = np.where(falls, params, np.nan).T
        log_d = (np.log(budget) - np.log(cost.k)) / cost.b
        power = cost.a / cost.b
        log_n = np.log(a) + np.log(alpha) - np.log(b) - np.log(beta) - np.log(power) + beta * log_d
        log_n /= alpha + beta * power
        loss = e + a * np.exp(-alpha * log_n) + b * np.exp(-beta * (log_d - power * log_n))
    return log_n, loss


def _search(
    model: Model, params: Array, budget: float, cost: RunCost, low: float, high: float
) -> tuple[Array, Array, Array]:
    """Return ln N*, whether it is inside the range of ln N, and the loss; see :func:`optimum`."""

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


@dataclass(frozen=True, eq=False)
class _Optima:
    """The best runs by a fitted law and its resamplings, each found once for a budget."""

    result: FitResult
    cost: RunCost
    found: dict[tuple[float, str], tuple[Array, Array, Array]] = field(default_factory=dict)

    def at(self, params: Array, budget: float) -> tuple[Array, Array, Array]:
        """Return ln N*, whether it is interior, and the loss; see :func:`optimum`."""
        for name in ("draws", "left_out"):
            if params is getattr(self.result, name):
                if (budget, name) not in self.found:
                    found = optimum(self.result, params, budget, self.cost)
                    self.found[budget, name] = found
                return self.found[budget, name]
        return optimum(self.result, params, budget, self.cost)

    def interior(self, params: Array, budget: float) -> NDArray[np.bool_]:
        """Return which of the laws that are known have a best size."""
        interior = self.at(params, budget)[1]
        return np.asarray(interior[np.isfinite(params).all(axis=1)], dtype=np.bool_)

    def quantity(self, budget: float, kind: int, params: Array) -> Array:
        """Return the optimal parameters, tokens, their ratio, or the loss (kinds 0 to 3)."""
        log_n, interior, loss = self.at(params, budget)
        if kind == 3:
            return loss
        middle = float(np.log(self.result.x_range[0]).mean())
        beyond = np.where(np.isnan(log_n), np.nan, np.copysign(np.inf, log_n - middle))
        with np.errstate(all="ignore"):
            n = np.exp(np.where(interior, log_n, beyond))
            d = self.cost.d_for(budget, n)
            return (n, d, d / n)[kind]


def _exponents(
    optima: _Optima, budgets: Sequence[float], level: float, method: str | None
) -> "pd.DataFrame":
    import pandas as pd

    columns = ["quantity", "value", "lower", "upper", "method"]
    ends = min(budgets), max(budgets)
    if ends[0] == ends[1]:
        return pd.DataFrame(columns=columns)
    result, log_ratio = optima.result, float(np.log(ends[1] / ends[0]))

    def grows(kind: int, params: Array) -> Array:
        first, last = (optima.quantity(budget, kind, params) for budget in ends)
        with np.errstate(all="ignore"):
            return np.asarray(np.log(last / first) / log_ratio)

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


def _no_interior(optima: _Optima, budget: float, level: float) -> list[Note]:
    """Return a note if laws without a best size decide an end of the intervals."""
    drawn = optima.interior(optima.result.draws, budget)
    without = optima.interior(optima.result.left_out, budget)
    share, groups = 1 - float(drawn.mean()) if len(drawn) else 0.0, int((~without).sum())
    if share <= (1 - level) / 2 and not groups:
        return []
    return [
        Note(
            "no_interior_optimum",
            "warning",
            f"for a budget of {budget:.3g}, {share:.0%} of the resampled laws and {groups} of "
            f"{len(without)} without a group have no best size: they do not limit what is spent on "
            "one of the two",
            {"budget": budget, "share": share, "left_out": groups},
        )
    ]


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
