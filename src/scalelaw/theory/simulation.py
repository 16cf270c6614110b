"""Replicates of four ways to model the same data, over sample size and noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import ConfigError
from scalelaw.fit.sample import Array
from scalelaw.interruption import process_pool
from scalelaw.streams import stream
from scalelaw.theory.estimators import (
    Statistics,
    cross_validated_lasso,
    draw_sample,
    least_squares,
    merge,
    observe,
)

if TYPE_CHECKING:
    import pandas as pd

FIXED, GROWING = "fixed", "growing"
"""Designs: the same candidates at every sample size, or candidates in proportion to samples."""

MODELS = ("oracle", "expert", "flexible", "regularised")


@dataclass(frozen=True)
class Simulation:
    """Linear regression with many candidate variables of which few matter.

    y is the sum of the relevant variables, each with coefficient 1/sqrt(relevant), plus noise. The
    variables are independent and standard normal, so the signal has standard deviation 1, and the
    mean squared error of coefficients b against the optimal predictor is ``|b - beta|^2`` exactly:
    there is no test set. Performance is -log10 of that error; predicting nothing has error 1.

    Models: ``oracle``, least squares on exactly the relevant variables; ``expert``, on all but one
    of them and one that does not matter; ``flexible``, on all candidates (minimum norm where they
    outnumber samples); ``regularised``, all candidates with a lasso whose penalty is chosen by
    cross-validation.

    Parameters
    ----------
    variables : int
        Candidate variables of the fixed design.
    relevant : int
        Variables that matter, in both designs.
    noise_sds : sequence of float
        Standard deviations of the noise, in units of that of the signal.
    sample_sizes : sequence of int
        Sample sizes of the fixed design.
    replicates : int
        Independent data sets of each size. All models and noise levels see the same ones.
    folds : int
        Folds of the cross-validation.
    growing_ratio : float
        Candidate variables per sample in the growing design, which fits the lasso only.
    growing_sizes : sequence of int
        Sample sizes of the growing design; may be empty.
    seed : int
        Seed of the whole run.

    Raises
    ------
    ConfigError
        If settings contradict each other.

    References
    ----------
    Thompson, Greenewald, Lee and Manso, "The Computational Limits of Deep Learning",
    arXiv:2007.05558. Noise, sample sizes, replicates, coefficients and penalty are our choices.

    Examples
    --------
    >>> world = Simulation(50, 5, [1.0], [20, 100], 2, 3, 1.0, [])
    >>> runs = world.run()
    >>> sorted(runs["model"].unique())
    ['expert', 'flexible', 'oracle', 'regularised']
    """

    variables: int
    relevant: int
    noise_sds: Sequence[float]
    sample_sizes: Sequence[int]
    replicates: int
    folds: int
    growing_ratio: float
    growing_sizes: Sequence[int]
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be simulated, all at once."""
        least = 2 * self.folds
        growing = {n: self._candidates(GROWING, n) for n in self.growing_sizes}
        wrong = [
            message
            for is_wrong, message in (
                (self.relevant < 2, f"relevant: {self.relevant}, at least 2 are needed"),
                (
                    self.variables <= self.relevant,
                    f"variables: {self.variables} candidates must be more than the "
                    f"{self.relevant} relevant ones",
                ),
                (self.folds < 2, f"folds: {self.folds}, at least 2 are needed"),
                (self.replicates < 2, f"replicates: {self.replicates}, at least 2 are needed"),
                (not self.noise_sds, "noise_sds: at least one is needed"),
                (any(sd <= 0 for sd in self.noise_sds), "noise_sds: each must be above 0"),
                (not self.sample_sizes, "sample_sizes: at least one is needed"),
                *(
                    (len(set(values)) < len(values), f"{name}: a value occurs twice")
                    for name, values in (
                        ("noise_sds", self.noise_sds),
                        ("sample_sizes", self.sample_sizes),
                        ("growing_sizes", self.growing_sizes),
                    )
                ),
                *(
                    (n < least, f"sample size {n}: {self.folds} folds need at least {least}")
                    for n in (*self.sample_sizes, *self.growing_sizes)
                ),
                *(
                    (
                        p <= self.relevant,
                        f"growing_sizes: {n} samples have {p} candidates at growing_ratio "
                        f"{self.growing_ratio:g}, which must be more than the {self.relevant} "
                        "relevant ones",
                    )
                    for n, p in growing.items()
                ),
            )
            if is_wrong
        ]
        if wrong:
            raise ConfigError("theory: " + "\n  ".join(wrong))

    def run(self, threads: int = 1) -> "pd.DataFrame":
        """Simulate everything.

        Parameters
        ----------
        threads : int
            Processes that work at the same time; the numbers do not depend on it. A script that
            asks for several keeps its work under ``if __name__ == "__main__"``, since processes
            may import it.

        Returns
        -------
        pandas.DataFrame
            One row per data set, noise level and model: ``design``, ``noise_sd``, ``model``,
            ``sample_size``, ``variables`` (in the model), ``replicate``, ``performance``, ``flop``
            and ``passes`` of coordinate descent over all the data (NaN for least squares).

        Notes
        -----
        Computation is counted by formula. Least squares of p variables on n samples by Householder
        QR: 2np^2 + 2p^3/3 FLOP for p <= n and 2n^2p + 2n^3/3 for the minimum norm. Lasso: 4np per
        pass of coordinate descent, an inner product with the residual (2n) and its update (2n) per
        variable, times the passes made over the path of penalties, in all folds and the final fit.
        The passes are counted, not assumed; that they are made here on X'X is a short cut of the
        simulation with the same iterates. So one definition serves both designs, and one pass over
        the data costs in proportion to samples times variables, as in the study's argument.
        Variables that stay at zero could be skipped; they are counted.
        """
        import pandas as pd

        # The longest first, so that processes end at about the same time.
        sizes = [(GROWING, n) for n in sorted(self.growing_sizes, reverse=True)]
        sizes += [(FIXED, n) for n in sorted(self.sample_sizes, reverse=True)]
        units = [(design, n, i) for design, n in sizes for i in range(self.replicates)]
        work = partial(_run_one, self)
        if threads == 1:
            done = [work(unit) for unit in units]
        else:
            with process_pool(threads) as pool:
                done = list(pool.map(work, units))
        runs = pd.DataFrame([row for rows in done for row in rows])
        order = pd.Series({model: i for i, model in enumerate(MODELS)})
        return runs.sort_values(
            ["design", "noise_sd", "model", "sample_size", "replicate"],
            key=lambda column: column.map(order) if column.name == "model" else column,
            ignore_index=True,
        )

    def _candidates(self, design: str, n: int) -> int:
        return self.variables if design == FIXED else round(self.growing_ratio * n)


def _run_one(plan: Simulation, unit: tuple[str, int, int]) -> list[dict[str, Any]]:
    """Fit all models of one data set at all noise levels."""
    from threadpoolctl import threadpool_limits

    # Sums over one thread come out the same whatever the number of processes.
    with threadpool_limits(1):
        return _fit_models(plan, *unit)


def _fit_models(plan: Simulation, design: str, n: int, replicate: int) -> list[dict[str, Any]]:
    p, s = plan._candidates(design, n), plan.relevant
    rng = np.random.default_rng(stream(plan.seed, "theory", design, str(n), str(replicate)))
    beta = np.zeros(p)
    beta[:s] = s**-0.5
    sizes = [len(part) for part in np.array_split(np.arange(n), plan.folds)]
    folds = [draw_sample(size, p, rng) for size in sizes]
    whole = merge(folds)
    rows: list[dict[str, Any]] = []

    def add(model: str, noise_sd: float, b: Array, cost: dict[str, float]) -> None:
        error = float(((b - beta) ** 2).sum())
        row = {"design": design, "noise_sd": noise_sd, "model": model, "sample_size": n}
        rows.append(row | cost | {"replicate": replicate, "performance": -np.log10(error)})

    if design == FIXED:
        known = list(range(s))
        models = {"oracle": known, "expert": [*known[:-1], s], "flexible": list(range(p))}
        for model, columns in models.items():
            size = len(columns)
            signal, noise = least_squares(whole, beta, columns)
            cost = {"variables": size, "flop": least_squares_flop(n, size), "passes": np.nan}
            for sd in plan.noise_sds:
                add(model, sd, signal + sd * noise, cost)

    # X'X without each fold is the same at all noise levels, and large.
    grams = [whole.gram - fold.gram for fold in folds]
    for sd in plan.noise_sds:
        every = observe(whole, beta, sd)
        parts = [observe(fold, beta, sd) for fold in folds]
        rests = [
            Statistics(n - part.n, gram, every.xy - part.xy, every.yy - part.yy)
            for part, gram in zip(parts, grams, strict=True)
        ]
        b, _, passes = cross_validated_lasso(every, parts, rests)
        add("regularised", sd, b, {"variables": p, "flop": 4.0 * n * p * passes, "passes": passes})
    return rows


def least_squares_flop(n: int, p: int) -> float:
    """Return the FLOP of least squares of p variables on n samples, as :meth:`Simulation.run`."""
    small, large = sorted((n, p))
    return 2.0 * large * small**2 + 2 / 3 * small**3
