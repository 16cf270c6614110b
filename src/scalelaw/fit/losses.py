"""Named estimators: what a fit minimises, summed (not averaged) over the records."""

from dataclasses import dataclass

import numpy as np

from scalelaw.fit.sample import Array


@dataclass(frozen=True)
class LeastSquares:
    """Sum of squared residuals."""

    name = "lsq"

    def value(self, residual: Array) -> Array:
        """Return the loss of each residual."""
        return residual * residual


@dataclass(frozen=True)
class LeastAbsolute:
    """Sum of absolute residuals (LAD)."""

    name = "lad"

    def value(self, residual: Array) -> Array:
        """Return the loss of each residual."""
        return np.abs(residual)


@dataclass(frozen=True)
class Huber:
    """Sum of Huber's loss: half the square up to `delta`, then linear.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964).
    Hoffmann et al., "Training compute-optimal large language models" (2022) use delta 1e-3 on logs.
    """

    delta: float = 1e-3
    name = "huber"

    def __post_init__(self) -> None:
        if not 0 < self.delta < np.inf:
            raise ValueError("delta must be positive and finite")

    def value(self, residual: Array) -> Array:
        """Return the loss of each residual."""
        size = np.abs(residual)
        inside = np.minimum(size, self.delta)
        return inside * (size - 0.5 * inside)


@dataclass(frozen=True)
class Pinball:
    """Sum of the pinball loss, whose minimum is the conditional quantile `tau`.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978).
    """

    tau: float = 0.5
    name = "pinball"

    def __post_init__(self) -> None:
        if not 0 < self.tau < 1:
            raise ValueError("tau must lie between 0 and 1")

    def value(self, residual: Array) -> Array:
        """Return the loss of each residual."""
        return np.maximum(self.tau * residual, (self.tau - 1) * residual)


Loss = LeastSquares | LeastAbsolute | Huber | Pinball
