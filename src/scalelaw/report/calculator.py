"""Everything that the report's calculator needs to answer as `scalelaw afford` does."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.cost.chain import (
    FAMILIES,
    HOURS_PER_YEAR,
    PEAK_BASES,
    QUANTITIES,
    Links,
    family,
    owning_rates,
    peak_rate,
    with_rent,
)
from scalelaw.cost.project import home_device
from scalelaw.cost.question import MOST_PREDICTIONS, PATTERNS, POWERS, YEARS
from scalelaw.cost.run import Run, read_curves, read_draws
from scalelaw.cost.tables import CostTables, read_cost_tables
from scalelaw.cost.wording import LABELS, WORDS
from scalelaw.errors import ScalelawError
from scalelaw.fit.curves import FORMS, regressor
from scalelaw.fit.sample import Array
from scalelaw.forecast.ensemble import ALL_FORMS, FORWARD, Ensemble
from scalelaw.report.arrays import packed
from scalelaw.streams import stream

if TYPE_CHECKING:
    import pandas as pd


def calculator_data(
    curves: Path, draws: Path, scenario: Path, benchmarks: Mapping[str, Benchmark]
) -> dict[str, Any]:
    """Return the data of the calculator, which can be written as JSON.

    Draws are float64 in base64, as with float32 one figure in some hundreds had another third digit
    than the command gives. A line is told by its height at a *pivot* in the middle of the data
    instead of its intercept, which may lie thousands of decades away and would lose digits; floors,
    which decide whether a draw ever reaches an error, are numbers of a list of exact values.

    Parameters
    ----------
    curves, draws : path
        Tables of ``fit_curves``.
    scenario : path
        Settings and input files that ``project_costs`` has written.
    benchmarks : mapping of str to Benchmark
        Benchmarks shown, in order; those that were not fitted are only named.
    """
    run, fitted = Run.read(scenario), read_curves(curves)
    ensembles = read_draws(draws, fitted)
    shown = {key: b for key, b in benchmarks.items() if (key, run.basis) in ensembles}
    if not shown:
        return {"benchmarks": []}
    tables = read_cost_tables(run.hardware, run.prices, run.grid, run.constants)
    n = len(next(iter(ensembles[next(iter(shown)), run.basis].draws.values())))
    home = home_device(tables, run.home)
    lost, electricity = owning_rates(tables.constants)
    return {
        "benchmarks": [
            _benchmark(key, benchmark, ensembles, fitted, run.basis)
            for key, benchmark in shown.items()
        ],
        "basis": run.basis,
        "at_peak": run.basis in PEAK_BASES,
        "level": run.level,
        "level_words": f"{run.level:.0%}",
        "device": run.device,
        "year": run.year,
        "places": run.places,
        "predictions_per_day": run.predictions_per_day,
        "years": YEARS,
        "most_predictions": MOST_PREDICTIONS,
        "forms": [ALL_FORMS, *FORMS],
        # Lists, since the template sorts the keys of mappings.
        "quantities": list(QUANTITIES.items()),
        "equivalents": [
            [name, e.name, e.quantity, e.value]
            for name, e in tables.constants.equivalents.items()
        ],
        "home": {
            "name": home.name, "peak": home.peak_flop_per_s, "hours_per_year": HOURS_PER_YEAR,
        },
        "owning": {"lost_per_hour": lost, "usd_per_kwh": electricity},
        "devices": list(_devices(tables)),
        "with_rent": with_rent(tables),
        "grid": dict(sorted(tables.grid.items())),
        "links": _links(Links.draw(tables.constants, n, stream(run.seed, "cost"))),
        "patterns": PATTERNS,
        "powers": POWERS,
        "labels": LABELS,
        "words": WORDS,
    }  # fmt: skip


def _benchmark(
    key: str,
    benchmark: Benchmark,
    ensembles: Mapping[tuple[str, str], Ensemble],
    curves: "pd.DataFrame",
    basis: str,
) -> dict[str, Any]:
    mine = curves[(curves["benchmark"] == key) & (curves["basis"] == basis)]
    floored = mine.loc[mine["form"] == "floored", "floor"].dropna()
    forward = ensembles.get((key, FORWARD))
    return {
        "key": key,
        "name": benchmark.name,
        "error_label": benchmark.error_label,
        "label_floor": benchmark.label_floor,
        "label_floor_source": benchmark.label_floor_source,
        "fitted_floor": float(floored.iloc[0]) if len(floored) else None,
        "targets": list(benchmark.targets),
        "training": _ensemble(ensembles[key, basis]),
        "forward": None if forward is None else _ensemble(forward),
    }


def _ensemble(ensemble: Ensemble) -> dict[str, Any]:
    return {
        "error_range": [float(e) for e in ensemble.error_range],
        "compute_range": [float(c) for c in ensemble.compute_range],
        "floor": ensemble.floor,
        "forms": {
            form: _lines(form, draws, float(np.sqrt(np.prod(ensemble.error_range))))
            for form, draws in ensemble.draws.items()
        },
    }


def _lines(form: str, draws: Array, middle: float) -> dict[str, Any]:
    intercept, slope, floor, scatter = draws.T
    pivot = float(regressor("power" if form == "floored" else form, np.array(middle)))
    columns = {"height": intercept + slope * pivot, "slope": slope, "scatter": scatter}
    lines: dict[str, Any] = {name: packed(values, "<f8") for name, values in columns.items()}
    lines["pivot"] = pivot
    if form == "floored":
        floors, codes = np.unique(floor, return_inverse=True)
        lines |= {"floors": floors.tolist(), "floor": packed(codes, "<u2")}
    return lines


def _devices(tables: CostTables) -> Iterator[dict[str, Any]]:
    """Yield the devices that can be rented or owned."""
    for device in sorted(tables.hardware.devices(), key=lambda d: d.name.casefold()):
        quotes = tables.quotes.get(device.name)
        try:
            peak = peak_rate(device)
        except ScalelawError:
            continue
        if device.tdp_w is None or (quotes is None and device.price_usd is None):
            continue
        yield {
            "name": device.name,
            "peak": peak,
            "tdp_w": device.tdp_w,
            "family": family(device),
            "price_usd": device.price_usd,
            "quotes": quotes or {},
        }


def _links(links: Links) -> dict[str, Any]:
    return {
        "power_over_tdp": {kind: packed(links.power_over_tdp[kind], "<f8") for kind in FAMILIES},
        "pue": packed(links.pue, "<f8"),
        "utilisation": packed(links.utilisation, "<f8"),
        "rent": packed(links.rent, "<u4"),
        "place": packed(links.place, "<u4"),
    }
