"""Plan training runs from fitted laws: what they cost, how to divide a budget, what to run next."""

from scalelaw.plan.allocation import Allocation, allocate
from scalelaw.plan.design import isoflop_grid, score_design, suggest_runs
from scalelaw.plan.isoflop import IsoFlopComparison, IsoFlopResult, fit_isoflop
from scalelaw.plan.run_cost import (
    CostFit,
    PerExampleCost,
    PowerCost,
    RunCost,
    fit_per_example_cost,
    fit_power_cost,
)

__all__ = [
    "Allocation",
    "CostFit",
    "IsoFlopComparison",
    "IsoFlopResult",
    "PerExampleCost",
    "PowerCost",
    "RunCost",
    "allocate",
    "fit_isoflop",
    "fit_per_example_cost",
    "fit_power_cost",
    "isoflop_grid",
    "score_design",
    "suggest_runs",
]
