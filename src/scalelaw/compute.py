"""Training compute of a record under three bases that are never mixed silently."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BASES = ("hardware", "operations", "reported")
BEST = "best"
"""The first of `BASES` that a record has; a mixture, and labelled as one."""

CONFIDENCE_SD_DECADES = {"confident": 0.3, "likely": 0.6, "speculative": 1.0}
"""Standard deviation of log10 compute by stated confidence.

Half of a 95% range of about a factor of 4, 16 and 100. A convention of this project, used only by
the errors-in-variables fit, and shown beside its results.
"""

PASSES_PER_TRAINING_STEP = 3.0
"""Forward and backward pass together, in forward passes: the backward pass costs about twice the
forward one (Hobbhahn and Sevilla, "What's the backward-forward FLOP ratio for neural networks?",
Epoch AI, 2021)."""


@dataclass(frozen=True)
class TrainingFlop:
    """Training compute in FLOP under each basis, None where a record does not allow it."""

    hardware: float | None
    operations: float | None
    reported: float | None

    def best(self) -> tuple[float | None, str | None]:
        """Return the figure of the first basis available, and that basis."""
        for basis in BASES:
            value = getattr(self, basis)
            if value is not None:
                return value, basis
        return None, None


def device_hours(record: Mapping[str, Any]) -> float | None:
    """Return device-hours from the split figures, else from the total, else None."""
    if record["n_devices"] and record["training_hours"]:
        return float(record["n_devices"] * record["training_hours"])
    total: float | None = record["device_hours"]
    return total


def hardware_flop(record: Mapping[str, Any], peak_flop_per_s: float | None) -> float | None:
    """Return devices x peak rate x seconds, None where one of them is not known."""
    hours = device_hours(record)
    return hours * 3600.0 * peak_flop_per_s if hours and peak_flop_per_s else None


def training_flop(record: Mapping[str, Any], peak_flop_per_s: float | None) -> TrainingFlop:
    """Compute a record's training compute under each basis.

    Parameters
    ----------
    record : mapping
        Cells of a corpus row; empty cells are None.
    peak_flop_per_s : float or None
        Peak rate of its device at the precision used.

    Returns
    -------
    TrainingFlop
        ``hardware`` = devices x peak rate x seconds, without utilisation (the "hardware burden" of
        Thompson et al., arXiv:2007.05558); ``operations`` = 3 x forward FLOP x examples x epochs;
        ``reported`` = the source's own figure.
    """
    counts = [record[c] for c in ("forward_flop", "train_examples", "epochs")]
    operations = None
    if all(counts):
        operations = PASSES_PER_TRAINING_STEP * counts[0] * counts[1] * counts[2]
    hardware = hardware_flop(record, peak_flop_per_s)
    return TrainingFlop(hardware, operations, record["reported_flop"])
