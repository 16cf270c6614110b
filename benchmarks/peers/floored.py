"""Time the bootstrap of a power law with a floor against loops over scipy and lmfit.

``python benchmarks/peers/floored.py`` prints a Markdown table; lmfit is left out where it is not
installed. The peers start each replicate at the estimate for all records, as a user would, and
their loops are timed on a stated share of the replicates.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit

from scalelaw.fit.floored import FlooredPowerLaw
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares
from scalelaw.fit.resample import resampled_groups

RECORDS, REPLICATES, SEED, REPEATS = 30, 10_000, 20261122, 5
SCIPY_SHARE, LMFIT_SHARE = 0.1, 0.02

Array = np.ndarray


def make_data() -> pd.DataFrame:
    """Return records of a planted law with 5% scatter."""
    rng = np.random.default_rng(SEED)
    x = 10 ** rng.uniform(17, 23, RECORDS)
    y = 0.08 + 0.6 * (x / 1e17) ** -0.25
    return pd.DataFrame({"compute": x, "error": y * np.exp(0.05 * rng.normal(size=RECORDS))})


def law(v: Array, floor: float, amplitude: float, exponent: float) -> Array:
    """Return the law in x over its smallest value, so that the peers' steps are well scaled."""
    return floor + amplitude * v**-exponent


def by_scipy(v: Array, y: Array, weights: Array, start: Array, bounded: bool = True) -> Array:
    """Return sums of squares of curve_fit, one call per row of weights.

    Unbounded it is MINPACK's Levenberg-Marquardt, its fastest, which floors below zero do not stop.
    """
    lower = 0.0 if bounded else -np.inf
    found = np.full(len(weights), np.nan)
    for i, w in enumerate(weights):
        kept = w > 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            try:
                params, _ = curve_fit(
                    law,
                    v[kept],
                    y[kept],
                    start,
                    1 / np.sqrt(w[kept]),
                    bounds=(lower, np.inf),
                )
            except RuntimeError:
                continue
        found[i] = w @ (y - law(v, *params)) ** 2
    return found


def by_lmfit(v: Array, y: Array, weights: Array, start: Array) -> Array:
    """Return sums of squares of lmfit, one call per row of weights."""
    import lmfit

    model = lmfit.Model(law)
    found = np.full(len(weights), np.nan)
    for i, w in enumerate(weights):
        params = model.make_params(
            **dict(zip(("floor", "amplitude", "exponent"), start, strict=True))
        )
        for parameter in params.values():
            parameter.min = 0.0
        fit = model.fit(y, params, v=v, weights=np.sqrt(w))
        found[i] = w @ (y - law(v, **fit.best_values)) ** 2
    return found


def seconds(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest of several times, and what the work gave."""
    shortest, result = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, result


def run() -> list[dict[str, Any]]:
    """Return rows of work, peer, both times in seconds and what was checked."""
    data = make_data()
    v = (data["compute"] / data["compute"].min()).to_numpy()
    y = data["error"].to_numpy()
    weights = resampled_groups(RECORDS, REPLICATES, np.random.SeedSequence(SEED))
    model = FlooredPowerLaw(residuals="linear")
    sample = model.read(data, None, None)
    point = model.solve(sample, sample.y, sample.weights[None, :]).params[0]
    ours, solved = seconds(lambda: model.solve(sample, sample.y, weights, point), REPEATS)
    amplitude = 10 ** point[1] * data["compute"].min() ** -point[2]
    start = np.array([point[0], amplitude, point[2]])
    work = f"{REPLICATES:,} bootstrap fits, n = {RECORDS}, least squares"
    rows = []
    peers: list[tuple[str, Callable[..., Array], float]] = [
        ("scipy curve_fit with bounds", by_scipy, SCIPY_SHARE),
        ("scipy curve_fit without", partial(by_scipy, bounded=False), SCIPY_SHARE),
    ]
    if find_spec("lmfit"):
        peers.append(("lmfit", by_lmfit, LMFIT_SHARE))
    for name, peer, share in peers:
        count = int(share * REPLICATES)
        some = weights[:count]
        theirs, loss = seconds(lambda p=peer, w=some: p(v, y, w, start), 1)
        excess = solved.loss[:count] / loss - 1
        worse = int((excess > 1e-10).sum())
        behind = int((excess < -1e-8).sum() + np.isnan(loss).sum())
        rows.append(
            {
                "work": work,
                "peer": f"{name}, {share:.0%} of them timed",
                "peer_seconds": theirs / share,
                "ours_seconds": ours,
                "check": f"of {count}: ours worse {worse}, peer worse {behind}",
            }
        )
    for estimator in (LeastSquares(), Huber(1e-3), LeastAbsolute()):
        other = FlooredPowerLaw(estimator=estimator)
        first = other.solve(sample, sample.y, sample.weights[None, :]).params[0]
        took, found = seconds(lambda m=other, p=first: m.solve(sample, sample.y, weights, p), 2)
        rows.append(
            {
                "work": f"{REPLICATES:,} bootstrap fits, {estimator.name} of log residuals",
                "peer": "none",
                "peer_seconds": float("nan"),
                "ours_seconds": took,
                "check": f"{int(np.isnan(found.loss).sum())} not identified",
            }
        )
    return rows


def main() -> None:
    """Print the Markdown table."""
    print("| work | peer | peer, s | ours, s | ratio | check |")
    print("| --- | --- | ---: | ---: | ---: | --- |")
    for row in run():
        ratio = row["peer_seconds"] / row["ours_seconds"]
        theirs, times = (
            ("", "") if np.isnan(ratio) else (f"{row['peer_seconds']:.3g}", f"{ratio:.0f}")
        )
        print(
            f"| {row['work']} | {row['peer']} | {theirs} | {row['ours_seconds']:.3g} | {times} | "
            f"{row['check']} |"
        )


if __name__ == "__main__":
    main()
