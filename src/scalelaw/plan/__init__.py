"""Plan training runs from fitted laws: what they cost, how to divide a budget, what to run next."""

from scalelaw.plan.allocation import Allocation, allocate
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
    "PerExampleCost",
    "PowerCost",
    "RunCost",
    "allocate",
    "fit_per_example_cost",
    "fit_power_cost",
]
