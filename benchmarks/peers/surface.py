"""Fit of L(N, D) against many starts of L-BFGS, a bootstrap of it, and the package `chinchilla`.

``python benchmarks/peers/surface.py`` prints a Markdown table; ``--share 0.02`` runs that part of
each peer and multiplies its time. The data are drawn as the 240 training runs that Besiroglu et al.
(2024) read from a figure of Hoffmann et al. (2022), with heavy-tailed errors.
"""

import argparse
import contextlib
import io
import itertools
import tempfile
import time

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from scalelaw.fit.losses import Huber
from scalelaw.fit.resample import resampled_groups
from scalelaw.fit.surface import LossSurface

RECORDS, REPLICATES, DELTA = 240, 4_000, 1e-3
TRUTH = (1.8172, 482.01, 0.3478, 2085.43, 0.3658)
STARTS = list(
    itertools.product(
        np.arange(0, 30, 5),
        np.arange(0, 30, 5),
        np.arange(-1, 1.5, 0.5),
        np.arange(0, 2.5, 0.5),
        np.arange(0, 2.5, 0.5),
    )
)
"""ln A, ln B, ln E, alpha and beta of Hoffmann et al.'s grid of 4,500."""


def sample() -> pd.DataFrame:
    """Return 240 runs over four decades of compute, with t errors of two degrees of freedom."""
    rng = np.random.default_rng(2024)
    n = np.exp(rng.uniform(np.log(5e7), np.log(1.6e10), RECORDS))
    d = np.exp(rng.uniform(np.log(1e18), np.log(1e22), RECORDS)) / (6 * n)
    e, a, alpha, b, beta = TRUTH
    loss = e + a / n**alpha + b / d**beta
    errors = np.exp(0.005 * rng.standard_t(2, RECORDS))
    return pd.DataFrame({"params": n, "tokens": d, "loss": loss * errors})


def objective(theta, ln_n, ln_d, ln_loss, weights):
    """Return Hoffmann et al.'s objective, a weighted sum of Huber's loss, and no derivatives."""
    a, b, e, alpha, beta = theta
    with np.errstate(all="ignore"):
        fitted = np.log(np.exp(a - alpha * ln_n) + np.exp(b - beta * ln_d) + np.exp(e))
        size = np.abs(ln_loss - fitted)
        each = np.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA))
        value = float(weights @ each)
    return value if np.isfinite(value) else 1e10


def peer_grid(data, share):
    """Return the seconds of all starts of the grid, the least loss, and how many were run."""
    from scipy.optimize import minimize

    columns = [np.log(data[name].to_numpy()) for name in ("params", "tokens", "loss")]
    chosen = STARTS[:: max(1, round(1 / share))]
    start = time.perf_counter()
    best = min(
        minimize(objective, at, (*columns, np.ones(len(data))), method="L-BFGS-B").fun
        for at in chosen
    )
    return (time.perf_counter() - start) * len(STARTS) / len(chosen), best, len(chosen)


def peer_bootstrap(data, weights, estimate, share):
    """Return the seconds of all replicates and the losses of those that were run."""
    from scipy.optimize import minimize

    columns = [np.log(data[name].to_numpy()) for name in ("params", "tokens", "loss")]
    e, a, alpha, b, beta = estimate
    at = np.array([np.log(a), np.log(b), np.log(e), alpha, beta])
    chosen = weights[: max(1, round(len(weights) * share))]
    start = time.perf_counter()
    losses = [minimize(objective, at, (*columns, row), method="L-BFGS-B").fun for row in chosen]
    return (time.perf_counter() - start) * len(weights) / len(chosen), np.array(losses)


def peer_package(data, share):
    """Return the seconds of the package `chinchilla` on two processes, its loss, and the starts."""
    from chinchilla import Chinchilla
    from chinchilla._metrics import log_huber

    def loss(true, fitted):
        # The mean that it takes would otherwise be too flat for its stopping rule.
        return 1e3 * log_huber(true, fitted, DELTA)

    points = 2 if share < 0.1 else 3
    grid = {
        "e": tuple(np.linspace(-1, 1, points)),
        "a": tuple(np.linspace(0, 25, points)),
        "b": tuple(np.linspace(0, 25, points)),
        "alpha": tuple(np.linspace(0, 2, points)),
        "beta": tuple(np.linspace(0, 2, points)),
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        package = Chinchilla(folder, param_grid=grid, loss_fn=loss, log_level=50)
        for row in data.itertuples():
            package.database.append(
                C=6 * row.params * row.tokens, N=row.params, D=row.tokens, loss=row.loss
            )
        start = time.perf_counter()
        package.fit()
        seconds = time.perf_counter() - start
    found = package.get_params()
    theta = [np.log(found["A"]), np.log(found["B"]), np.log(found["E"])]
    columns = [np.log(data[name].to_numpy()) for name in ("params", "tokens", "loss")]
    value = objective([*theta, found["alpha"], found["beta"]], *columns, np.ones(len(data)))
    return seconds * len(STARTS) / points**5, value, points**5


def fastest(function, repeats):
    """Return the least seconds of some runs, and the result."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - start)
    return best, result


# Threads of a linear algebra library only slow the small problems of both down.
@threadpool_limits.wrap(limits=1, user_api="blas")
def run(share: float = 1.0, package: bool = True) -> list[dict]:
    """Return one row for each comparison."""
    data = sample()
    model = LossSurface(estimator=Huber(DELTA))
    records = model.read(data, None, None)
    whole = records.weights[None, :]
    seconds, point = fastest(lambda: model.solve(records, records.y, whole), 20)
    ours = float(point.loss[0])

    def losses_of(theirs: float) -> str:
        return f"loss {ours:.12g}, peer {theirs:.12g}{'' if ours <= theirs else ': ABOVE'}"

    peer_seconds, theirs, count = peer_grid(data, share)
    rows = [
        {
            "work": f"L(N, D) of {RECORDS} runs, Huber 1e-3, global minimum",
            "peer": f"scipy L-BFGS-B from {len(STARTS):,} starts ({count:,} run)",
            "peer_seconds": peer_seconds,
            "ours_seconds": seconds,
            "check": f"{losses_of(theirs)}; {point.agree[0]:.0f} of {point.starts} starts agree, "
            f"gradient {point.gradient_norm[0]:.0e}",
        }
    ]
    weights = resampled_groups(RECORDS, REPLICATES, np.random.SeedSequence(1))
    seconds_drawn, drawn = fastest(
        lambda: model.solve(records, records.y, weights, point.params[0]), 3
    )
    peer_seconds, losses = peer_bootstrap(data, weights, point.params[0], share)
    above = int((drawn.loss[: len(losses)] > losses).sum())
    rows.append(
        {
            "work": f"the same, bootstrap of {REPLICATES:,} replicates",
            "peer": f"scipy L-BFGS-B from the estimate, each replicate ({len(losses):,} run)",
            "peer_seconds": peer_seconds,
            "ours_seconds": seconds_drawn,
            "check": f"{above} replicates above the peer's loss, which is above ours by up to "
            f"{(losses / drawn.loss[: len(losses)]).max() - 1:.1g}",
        }
    )
    if package:
        peer_seconds, theirs, count = peer_package(data, share)
        rows.append(
            {
                "work": rows[0]["work"],
                "peer": f"chinchilla 0.2.0, {len(STARTS):,} starts, two processes ({count} run)",
                "peer_seconds": peer_seconds,
                "ours_seconds": seconds,
                "check": losses_of(theirs),
            }
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="part of each peer that is run")
    parser.add_argument("--no-package", action="store_true", help="leave out `chinchilla`")
    options = parser.parse_args()
    print("| work | peer | peer, s | ours, s | times | check |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in run(options.share, not options.no_package):
        ratio = row["peer_seconds"] / row["ours_seconds"]
        print(
            f"| {row['work']} | {row['peer']} | {row['peer_seconds']:.2f} | "
            f"{row['ours_seconds']:.3f} | {ratio:,.0f} | {row['check']} |"
        )


if __name__ == "__main__":
    main()
