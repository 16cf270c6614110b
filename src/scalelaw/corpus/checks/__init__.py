"""The catalogue of checks: each has a name, a severity and a reason, and never changes a row."""

from scalelaw.corpus.checks import devices, records, rows
from scalelaw.corpus.checks.catalogue import (
    CATALOGUE,
    Check,
    Context,
    Entry,
    make_entry,
    run_checks,
)

__all__ = [
    "CATALOGUE",
    "Check",
    "Context",
    "Entry",
    "devices",
    "make_entry",
    "records",
    "rows",
    "run_checks",
]
