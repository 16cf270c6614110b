"""Project what a lower error costs to train and to run."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.cost import QUANTITIES, Chain, Scenario, read_cost_tables
from scalelaw.cost.project import (
    IGNORED,
    RESPECTED,
    Estimate,
    RefusedTargetError,
    decades_beyond,
    forms_of,
    home_device,
    project,
    refuse,
    running_costs,
)
from scalelaw.cost.run import Run
from scalelaw.errors import ConfigError, ScalelawError
from scalelaw.forecast.ensemble import ALL_FORMS, FORWARD, Ensemble, read_ensembles
from scalelaw.streams import stream
from scalelaw.tables import read_result, write_table

_UNFLOORED = ("power", "exponential")


def project_costs(
    *,
    curves: Path,
    draws: Path,
    benchmark_files: list[Path],
    hardware: list[Path],
    prices: Path,
    grid: Path,
    constants: Path,
    benchmarks: list[str],
    basis: str,
    level: float,
    device: str,
    year: int,
    places: list[str],
    home: str,
    predictions_per_day: float,
    seed: int,
    projections: Path,
    running: Path,
    scenario: Path,
) -> str:
    """Write what each benchmark's targets cost.

    Parameters
    ----------
    curves, draws : path
        Tables of ``fit_curves``.
    benchmark_files, hardware : list of path
        Benchmarks with their targets, and devices.
    prices, grid, constants : path
        ``prices.csv``, ``grid.csv`` and ``costs.yaml``.
    benchmarks : list of str
        Benchmarks to project, in order.
    basis : str
        Basis of training compute.
    level : float
        Level of the intervals.
    device, year, places
        Scenario of the costs; with several places each draw takes one.
    home : str
        Device of the equivalent "years of one at home".
    predictions_per_day : float
        Predictions a day, for running costs.
    seed : int
        Seed of the whole run.
    projections, running : path
        CSV files to write.
    scenario : path
        JSON file to write: these settings and input files, from which `scalelaw afford` starts.
    """
    defined = read_benchmarks(benchmark_files)
    tables = read_cost_tables(hardware, prices, grid, constants)
    stored = pd.read_parquet(draws)
    fitted = read_result(curves)
    ensembles = read_ensembles(stored, fitted)
    n = max((len(d) for e in ensembles.values() for d in e.draws.values()), default=1)
    try:
        chain = Chain.draw(tables, Scenario(device, year, tuple(places)), n, stream(seed, "cost"))
        at_home = home_device(tables, home)
    except ScalelawError as wrong:
        raise ConfigError(f"in the settings under cost: {wrong}") from None
    told = {"device": chain.device.name, "year": year, "places": "; ".join(chain.places)}
    units = {**QUANTITIES, "home_years": f"years of one {at_home.name}"}
    units |= {name: e.name for name, e in tables.constants.equivalents.items()}
    rows: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    for key in benchmarks:
        training, forward = ensembles.get((key, basis)), ensembles.get((key, FORWARD))
        for error in defined[key].targets:
            target = {"benchmark": key, "basis": basis, "error": error, **told}
            if training is None:
                rows.append(target | {"status": _why(fitted, key, basis)})
            else:
                of_basis = fitted[fitted["basis"] == basis]
                for form, floor, status in _cases(training, of_basis, defined[key], error):
                    case = target | {"form": form, "known_floor": floor, "status": status}
                    case["lowest_error"] = training.error_range[0]
                    if status != "projected":
                        rows.append(case)
                        continue
                    found = project(
                        training, chain, error, basis, form, level,
                        tables.constants.equivalents, at_home,
                    )  # fmt: skip
                    beyond = decades_beyond(training, found["flop"].median)
                    rows += [case | {"decades_beyond": beyond} | row for row in _rows(found, units)]
            run = {"benchmark": key, "error": error, **told}
            run["predictions_per_day"] = predictions_per_day
            try:
                refuse(defined[key], error)
            except RefusedTargetError as refusal:
                runs.append(run | {"status": f"refused: {refusal}"})
                continue
            if forward is None:
                runs.append(run | {"status": _why(fitted, key, FORWARD)})
                continue
            found = running_costs(forward, chain, error, predictions_per_day, level)
            run |= {"status": "projected", "lowest_error": forward.error_range[0]}
            runs += [run | row for row in _rows(found, QUANTITIES)]
    values = ["quantity", "unit", *(field.name for field in fields(Estimate))]
    last = [*values, "device", "year", "places"]
    columns = ["benchmark", "basis", "error", "form", "known_floor", "status", "decades_beyond"]
    write_table(pd.DataFrame(rows, columns=[*columns, "lowest_error", *last]), projections)
    columns = ["benchmark", "error", "predictions_per_day", "status", "lowest_error", *last]
    write_table(pd.DataFrame(runs, columns=columns), running)
    Run(
        basis, level, seed, chain.device.name, year, list(chain.places), at_home.name,
        predictions_per_day, benchmark_files, hardware, prices, grid, constants,
    ).write(scenario)  # fmt: skip
    refused = sum(row["status"] != "projected" for row in rows)
    notes = "".join(f"\nnote: {note}" for note in chain.notes)
    return f"{len(rows) - refused} rows projected, {refused} cases refused{notes}"


def _why(fitted: pd.DataFrame, benchmark: str, basis: str) -> str:
    """Return why a benchmark has no draws."""
    mine = fitted[(fitted["benchmark"] == benchmark) & (fitted["basis"] == basis)]
    return str(mine["status"].iloc[0]) if len(mine) else "not fitted"


def _cases(
    ensemble: Ensemble, fitted: pd.DataFrame, benchmark: Benchmark, error: float
) -> Iterator[tuple[str, str, str]]:
    """Yield form, treatment of the floor, and "projected" or why not."""
    mine = fitted[(fitted["benchmark"] == benchmark.key) & (fitted["form"] == "floored")]
    try:
        refuse(benchmark, error)
    except RefusedTargetError as refusal:
        yield ALL_FORMS, RESPECTED, f"refused: {refusal}"
        # As the study does, which knows no floor.
        for form in _UNFLOORED:
            if form in ensemble.draws:
                yield form, IGNORED, "projected"
        return
    for form in forms_of(ensemble):
        status = "projected"
        if form == "floored":
            try:
                refuse(benchmark, error, float(mine["floor"].iloc[0]))
            except RefusedTargetError as refusal:
                status = f"refused: {refusal}"
        yield form, RESPECTED, status


def _rows(found: dict[str, Estimate], units: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, estimate in found.items():
        yield {"quantity": name, "unit": units[name], **asdict(estimate)}
