"""From FLOP to device-hours, dollars, energy and carbon, with one propagated interval."""

from scalelaw.cost.chain import QUANTITIES, Chain, Scenario
from scalelaw.cost.tables import CostTables, read_cost_tables

__all__ = ["QUANTITIES", "Chain", "CostTables", "Scenario", "read_cost_tables"]
