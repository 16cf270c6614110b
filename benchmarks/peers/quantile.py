"""Time bootstraps of a 10% quantile line against loops over statsmodels and scikit-learn.

Run it in an environment that has them and scalelaw: ``python benchmarks/peers/quantile.py``.
Prints a Markdown table.
"""

import time
import warnings

import numpy as np

from scalelaw.fit.losses import Pinball
from scalelaw.fit.quantile import linear_program
from scalelaw.fit.robust import estimate_linear

TAU = 0.1
REPLICATES = 10_000
PEER_REPLICATES = 200
REPEATS = 5


def records(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a design and a response whose spread grows with the predictor."""
    rng = np.random.default_rng(1978)
    x = rng.uniform(0, 10, n)
    y = 1 + 2 * x + (1 + 0.2 * x) * rng.normal(size=n)
    return np.column_stack([np.ones(n), x]), y


def peer(design: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit each replicate with QuantReg, on records repeated as often as they were drawn."""
    from statsmodels.regression.quantile_regression import QuantReg

    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for weight in weights:
            rows = np.repeat(np.arange(len(y)), weight.astype(int))
            fits.append(QuantReg(y[rows], design[rows]).fit(q=TAU).params)
    return np.array(fits)


def linear_program_peer(design: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit each replicate with scikit-learn's linear program."""
    from sklearn.linear_model import QuantileRegressor

    model = QuantileRegressor(quantile=TAU, alpha=0.0, solver="highs")
    fits = []
    for weight in weights:
        found = model.fit(design[:, 1:], y, sample_weight=weight)
        fits.append((found.intercept_, found.coef_[0]))
    return np.array(fits)


def excess(
    design: np.ndarray, y: np.ndarray, weights: np.ndarray, params: np.ndarray
) -> np.ndarray:
    """Return the loss over that of the linear program, less one."""
    least = np.array([linear_program(design, y, weight, TAU)[1] for weight in weights])
    return (weights * Pinball(TAU).value(y - params @ design.T)).sum(axis=1) / least - 1


def compare(n: int) -> list[dict]:
    """Return one row of the table for each peer."""
    design, y = records(n)
    drawn = np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), size=REPLICATES)
    weights = drawn.astype(np.float64)
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        start = estimate_linear(design, y, np.ones((1, n)), Pinball(TAU))[0]
        ours = estimate_linear(design, y, weights, Pinball(TAU), start)
        seconds.append(time.perf_counter() - begin)
    some = weights[:PEER_REPLICATES]
    largest = float(np.abs(excess(design, y, some, ours[:PEER_REPLICATES])).max())
    rows = []
    for name, loop in (
        ("statsmodels QuantReg", peer),
        ("scikit-learn QuantileRegressor", linear_program_peer),
    ):
        loop(design, y, some[:2])
        begin = time.perf_counter()
        theirs = loop(design, y, some)
        peer_seconds = (time.perf_counter() - begin) * REPLICATES / PEER_REPLICATES
        above = excess(design, y, some, theirs)
        rows.append(
            {
                "work": f"quantile line, tau {TAU}, {n:,} records, {REPLICATES:,} replicates",
                "peer": f"{name} in a loop ({PEER_REPLICATES} replicates, time scaled)",
                "peer_seconds": peer_seconds,
                "ours_seconds": min(seconds),
                "check": f"of {PEER_REPLICATES}: our loss within {largest:.0e} of the linear "
                f"program's; the peer's above it by more than 1e-10 in "
                f"{np.mean(above > 1e-10):.0%}, by up to {above.max():.0e}",
            }
        )
    return rows


def run() -> list[dict]:
    """Return the rows of the comparison."""
    return [row for n in (100, 1000) for row in compare(n)]


def main() -> None:
    """Measure and print."""
    print("| work | peer | peer, s | scalelaw, s | times faster | check |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in run():
        ratio = row["peer_seconds"] / row["ours_seconds"]
        print(
            f"| {row['work']} | {row['peer']} | {row['peer_seconds']:.3g} | "
            f"{row['ours_seconds']:.3g} | {ratio:,.0f} | {row['check']} |"
        )


if __name__ == "__main__":
    main()
