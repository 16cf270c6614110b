"""Join the parts of the grid of specifications and say what it shows."""

from pathlib import Path

from scalelaw.claims import QUANTITIES, read_claims
from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.multiverse.grid import Grid
from scalelaw.multiverse.samples import count_excluded
from scalelaw.multiverse.summary import by_option, poll_claims, spread_by_benchmark, weigh_choices
from scalelaw.multiverse.table import join_chunks
from scalelaw.tables import read_records, write_table


def gather_multiverse(
    *,
    chunks: list[Path],
    records: Path,
    claims: Path,
    benchmark_files: list[Path],
    benchmarks: list[str],
    bases: list[str],
    samples: list[str],
    error_transforms: list[str],
    forms: list[str],
    directions: list[str],
    estimators: list[str],
    until: list[int],
    leave_out: int,
    specifications: Path,
    exclusions: Path,
    spread: Path,
    choices: Path,
    options: Path,
    polled: Path,
) -> str:
    """Write one table of all specifications, and what follows from it.

    Parameters
    ----------
    chunks : list of path
        Files of ``fit_multiverse``, in any order.
    records : path
        Table of ``check_corpus``.
    claims : path
        ``claims.yaml``.
    benchmark_files : list of path
        Files that name the benchmarks.
    benchmarks, bases, samples, error_transforms, forms, directions, estimators, until, leave_out
        The grid, see ``fit_multiverse``.
    specifications : path
        Parquet file to write: one row for each specification.
    exclusions, spread, choices, options, polled : path
        CSV files to write: how many combinations each rule excludes; how far exponents lie apart;
        how much each choice moves them; exponents under each option; and the share of
        specifications that support each claim.
    """
    n = join_chunks(chunks, specifications)
    grid = Grid(
        tuple(benchmarks), tuple(bases), tuple(samples), tuple(error_transforms), tuple(forms),
        tuple(directions), tuple(estimators), tuple(until), leave_out,
    )  # fmt: skip
    defined = read_benchmarks(benchmark_files)
    write_table(count_excluded(read_records(records), grid, defined), exclusions)
    found = spread_by_benchmark(specifications, benchmarks)
    write_table(found, spread)
    write_table(weigh_choices(specifications, benchmarks), choices)
    write_table(by_option(specifications, benchmarks), options)
    stated = read_claims(claims, QUANTITIES, defined)
    write_table(poll_claims(specifications, stated), polled)
    return f"{n} specifications, {found['n_fitted'].sum()} of them fitted"
