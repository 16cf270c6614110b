"""Simulate the study's theory and say what comes out."""

from pathlib import Path

from scalelaw.tables import write_table
from scalelaw.theory import Simulation, find_overtaking, fit_exponents, summarise_curves


def simulate_theory(
    *,
    variables: int,
    relevant: int,
    noise_sds: list[float],
    sample_sizes: list[int],
    replicates: int,
    folds: int,
    growing_ratio: float,
    growing_sizes: list[int],
    level: float,
    bootstrap_replicates: int,
    seed: int,
    learning_curves: Path,
    overtaking: Path,
    exponents: Path,
    threads: int = 1,
) -> str:
    """Write learning curves of the four models, where they overtake the expert, and exponents.

    Parameters
    ----------
    variables, relevant, noise_sds, sample_sizes, replicates, folds, growing_ratio, growing_sizes
        As for :class:`scalelaw.theory.Simulation`.
    level : float
        Level of all intervals.
    bootstrap_replicates : int
        Resamplings of the replicates, for overtaking points and exponents.
    seed : int
        Seed of the whole run; each data set draws from a stream of its own.
    learning_curves, overtaking, exponents : path
        CSV files to write.
    threads : int
        Processes that simulate at the same time; the files do not depend on it.
    """
    simulation = Simulation(
        variables, relevant, noise_sds, sample_sizes, replicates, folds, growing_ratio,
        growing_sizes, seed,
    )  # fmt: skip
    runs = simulation.run(threads)
    write_table(summarise_curves(runs, level), learning_curves)
    crossings = find_overtaking(runs, bootstrap_replicates, level, seed)
    write_table(crossings, overtaking)
    slopes = fit_exponents(runs, bootstrap_replicates, level, seed)
    write_table(slopes, exponents)
    overtaken = int(crossings["sample_size"].notna().sum())
    fitted = int((slopes["status"] == "fitted").sum())
    return (
        f"{len(runs)} fits; {overtaken} of {len(crossings)} challengers overtake the expert; "
        f"{fitted} of {len(slopes)} exponents fitted"
    )
