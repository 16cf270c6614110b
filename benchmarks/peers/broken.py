"""Compare the fit of a broken power law with a grid of starts polished by scipy.

Run with an interpreter that has both packages; prints a Markdown table. The peer starts
``scipy.optimize.curve_fit`` with bounds from each node of a grid of floor, break, smoothness and
both exponents, which is what is done where no better search is at hand. `check` is the loss that
we reach over that of the peer, less one: negative where ours is lower.
"""

import time
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from scalelaw.fit.broken import BrokenPowerLaw

REPEATS = 5
REPLICATES = 2000
FLOORS = (0.0, 0.6, 0.95)
BREAKS = 6
SMOOTHNESS = (0.05, 0.3, 1.5)
EXPONENTS = (0.05, 0.3)


def run() -> list[dict[str, Any]]:
    """Return one row for each piece of work."""
    data = records(14)
    ours, loss = best_time(lambda: estimate(BrokenPowerLaw(), data).loss[0])
    peer, brute = best_time(lambda: polished_grid(data), 1)
    starts = len(FLOORS) * BREAKS * len(SMOOTHNESS) * len(EXPONENTS) ** 2
    rows = [
        {
            "work": "14 records, one break and a floor",
            "peer": f"scipy curve_fit from {starts} starts",
            "peer_seconds": peer,
            "ours_seconds": ours,
            "check": f"loss {loss / brute - 1:+.0e} of the peer's",
        }
    ]
    two, both = best_time(lambda: estimate(BrokenPowerLaw(breaks=2), data).loss[0])
    rows.append(
        {
            "work": "14 records, two breaks and a floor",
            "peer": "none; check against one break",
            "peer_seconds": float("nan"),
            "ours_seconds": two,
            "check": f"loss {both / loss - 1:+.0%} of that with one break",
        }
    )
    for n in (14, 60):
        data = records(n)
        seconds, worst = best_time(lambda data=data, n=n: resampled(data, n), 2)
        rows.append(
            {
                "work": f"{REPLICATES} resamplings of {n} records",
                "peer": "none; check against our global search of 20",
                "peer_seconds": float("nan"),
                "ours_seconds": seconds,
                "check": f"median of 20 losses {global_gap(data, n, worst):+.0e} of those of a "
                "global search",
            }
        )
    return rows


def records(n: int) -> pd.DataFrame:
    """Return records of a planted law with 3% scatter."""
    x = np.logspace(16, 24, n)
    law = BrokenPowerLaw().evaluate(np.array([0.1, 1.5, 0.1, 0.3, 20.0, 0.5]), x[:, None])
    scatter = np.exp(0.03 * np.random.default_rng(1).normal(size=n))
    return pd.DataFrame({"compute": x, "error": law * scatter})


def estimate(model: BrokenPowerLaw, data: pd.DataFrame) -> Any:
    """Return our minimum for all records."""
    sample = model.read(data, None, None)
    return model.solve(sample, sample.y, sample.weights[None, :])


def weights(n: int) -> Any:
    """Return weights of resampled records."""
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), REPLICATES)
    return drawn.astype(float)


def resampled(data: pd.DataFrame, n: int) -> Any:
    """Return the losses of resamplings from the estimate for all records."""
    model = BrokenPowerLaw()
    sample = model.read(data, None, None)
    return model.solve(sample, sample.y, weights(n), estimate(model, data).params[0]).loss


def global_gap(data: pd.DataFrame, n: int, losses: Any, rows: int = 20) -> float:
    """Return by how much the losses of some rows exceed a global search's, in the median."""
    model = BrokenPowerLaw()
    sample = model.read(data, None, None)
    best = model.solve(sample, sample.y, weights(n)[:rows]).loss
    return float(np.nanmedian(losses[:rows] / best - 1))


def polished_grid(data: pd.DataFrame) -> float:
    """Return the lowest sum of squared log residuals from all nodes of the grid."""
    u = np.log(data["compute"].to_numpy())
    u = u - u.mean()
    y = data["error"].to_numpy() / np.exp(np.log(data["error"]).mean())

    def law(
        u: Any, floor: float, level: float, first: float, last: float, at: float, width: float
    ) -> Any:
        f = np.exp(width)
        m = level - first * u - (last - first) * f * np.logaddexp(0, (u - at) / f)
        return np.log(floor + np.exp(m))

    margin = 2 * np.log(10)
    lower = [0, -np.inf, -10, -10, u.min() - margin, np.log(0.02)]
    upper = [np.inf, np.inf, 10, 10, u.max() + margin, np.log(3.0)]
    places = np.linspace(u.min(), u.max(), BREAKS + 2)[1:-1]
    best = np.inf
    for share, at, f, first, last in product(FLOORS, places, SMOOTHNESS, EXPONENTS, EXPONENTS):
        start = [share * y.min(), np.log(1 - share / 2), first, last, at, np.log(f)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found, _ = curve_fit(law, u, np.log(y), p0=start, bounds=(lower, upper))
        except RuntimeError:
            continue
        best = min(best, float(((np.log(y) - law(u, *found)) ** 2).sum()))
    return best


def best_time(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Return the shortest of several times, and the result."""
    seconds, result = [], None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


if __name__ == "__main__":
    print("| work | peer | peer seconds | our seconds | check |")
    print("| --- | --- | --- | --- | --- |")
    for row in run():
        print(
            f"| {row['work']} | {row['peer']} | {row['peer_seconds']:.3g} | "
            f"{row['ours_seconds']:.3g} | {row['check']:.1e} |"
        )
