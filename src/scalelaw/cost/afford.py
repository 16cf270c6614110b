"""Answer "can I pay?" from the stored draws: what an error costs, or what a budget reaches."""

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.cost.chain import QUANTITIES, Chain, Scenario
from scalelaw.cost.project import (
    Estimate,
    RefusedTargetError,
    decades_beyond,
    home_device,
    project,
    reachable_error,
    refuse,
    running_costs,
)
from scalelaw.cost.tables import CostTables, read_cost_tables
from scalelaw.errors import ScalelawError, did_you_mean
from scalelaw.fit.curves import FORMS
from scalelaw.forecast.ensemble import ALL_FORMS, FORWARD, Ensemble, read_ensembles
from scalelaw.streams import stream
from scalelaw.tables import read_result
from scalelaw.typography import interval, number

FORM_CHOICES = (ALL_FORMS, *FORMS)

MAX_10_EXP = sys.float_info.max_10_exp
"""Largest power of ten that a number can hold."""


@dataclass(frozen=True)
class Question:
    """What somebody wants to know; None takes the setting of the last run.

    Parameters
    ----------
    benchmark : str
        Benchmark.
    error : float or None
        Target as a fraction.
    budget : float or None
        US$ to spend, instead of an error.
    device, year, places, own
        Scenario, see :class:`scalelaw.cost.Scenario`.
    form : str
        A form, or all.
    ignore_floor : bool
        Whether a target below the known floor is projected all the same.
    preset : str or None
        Another study's constants instead of ours.
    predictions_per_day : float or None
        For running costs.
    """

    benchmark: str
    error: float | None = None
    budget: float | None = None
    device: str | None = None
    year: int | None = None
    places: tuple[str, ...] = ()
    own: bool = False
    form: str = ALL_FORMS
    ignore_floor: bool = False
    preset: str | None = None
    predictions_per_day: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of an answer: an estimate with its unit, or a plain figure without interval."""

    name: str
    unit: str
    estimate: Estimate


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Parameters
    ----------
    heading : tuple of str
        What was asked and under which assumptions.
    training, running : list of Row
        Estimates of training the model, and of a day of its predictions.
    warnings : list of str
        What a reader must know.
    level : float
        Level of the intervals.
    """

    heading: tuple[str, ...]
    training: list[Row]
    running: list[Row]
    warnings: list[str]
    level: float

    def to_json(self) -> str:
        """Return the answer for programs; infinite values are null."""

        def rows(items: Iterable[Row]) -> list[dict[str, Any]]:
            return [
                {"quantity": row.name, "unit": row.unit}
                | {k: v if math.isfinite(v) else None for k, v in asdict(row.estimate).items()}
                for row in items
            ]

        content = {
            "heading": self.heading,
            "level": self.level,
            "training": rows(self.training),
            "running_per_day": rows(self.running),
            "warnings": self.warnings,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)

    def to_text(self) -> str:
        """Return the answer as a table for people."""
        lines = [*self.heading, ""]
        shown = [("to train", self.training), ("a day of predictions", self.running)]
        names = [f"  {row.unit}" for _, rows in shown for row in rows]
        width = max(map(len, names), default=0) + 2
        for title, rows in shown:
            if not rows:
                continue
            exact = all(row.estimate.lower == row.estimate.upper for row in rows)
            columns = "" if exact else f"{'median':>14}   {self.level:.0%} interval"
            lines.append(f"{title:<{width}}{columns}".rstrip())
            for row in rows:
                value = _shown(row.estimate.median, row.name)
                span = "" if exact else f"   {_span(row.estimate, row.name)}"
                lines.append(f"{'  ' + row.unit:<{width}}{value:>14}{span}")
            lines.append("")
        lines += [f"! {warning}" for warning in self.warnings]
        return "\n".join(lines).rstrip()


def _shown(value: float, name: str) -> str:
    if math.isinf(value):
        return "never"
    return f"{number(100 * value)}%" if name == "error" else number(value)


def _span(estimate: Estimate, name: str) -> str:
    low, high = estimate.lower, estimate.upper
    if math.isinf(high):
        return f"{_shown(low, name)} to {_shown(high, name)}"
    if name == "error":
        return f"{number(100 * low)}% to {number(100 * high)}%"
    return interval(low, high)


class Desk:
    """Stored results and tables, ready for questions.

    Parameters
    ----------
    results : path
        Folder of results of a run.
    data : path
        Folder of ``benchmarks.yaml``, ``hardware.csv``, ``prices.csv``, ``grid.csv`` and
        ``costs.yaml``.

    Raises
    ------
    ScalelawError
        If there are no results yet, or a table cannot be read.
    """

    def __init__(self, results: Path, data: Path):
        folder = results / "projections"
        paths = [folder / name for name in ("draws.parquet", "curves.csv", "scenario.json")]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise ScalelawError(
                f"{missing[0]} is not there: run `snakemake` first, or name the folder of its "
                "results with --results"
            )
        import pandas as pd

        self.curves = read_result(paths[1])
        self.ensembles = read_ensembles(pd.read_parquet(paths[0]), self.curves)
        self.run: dict[str, Any] = json.loads(paths[2].read_text(encoding="utf-8"))
        self.benchmarks = read_benchmarks([data / "benchmarks.yaml"])
        self.tables: CostTables = read_cost_tables(
            [data / "hardware.csv"], data / "prices.csv", data / "grid.csv", data / "costs.yaml"
        )

    def answer(self, question: Question) -> Answer:
        """Answer a question.

        Raises
        ------
        ScalelawError
            If benchmark, device, place or preset is not known, with the nearest name; if the
            benchmark could not be fitted; or if the target lies under a floor.
        """
        benchmark = self._benchmark(question.benchmark)
        if question.preset:
            return self._preset_answer(question, benchmark)
        basis, level = self.run["basis"], self.run["level"]
        ensemble = self._ensemble(benchmark, basis)
        if question.form != ALL_FORMS and question.form not in ensemble.draws:
            raise ScalelawError(f"{benchmark.name}: the form {question.form} could not be fitted")
        scenario = Scenario(
            question.device or self.run["device"],
            question.year or self.run["year"],
            question.places or tuple(self.run["places"]),
            question.own,
        )
        n = len(next(iter(ensemble.draws.values())))
        chain = Chain.draw(self.tables, scenario, n, stream(self.run["seed"], "cost"))
        setting = (
            f"{chain.device.name}, {'owned' if scenario.own else 'rented'}, {scenario.year}; "
            f"electricity of {', '.join(scenario.places)}"
        )
        forms = (
            "all forms and directions" if question.form == ALL_FORMS else f"{question.form} form"
        )
        method = f"{basis} basis, {forms}, {level:.0%} prediction intervals"
        warnings = list(chain.notes)
        if question.error is None:
            return self._budget_answer(
                question, benchmark, ensemble, chain, setting, method, warnings
            )
        return self._error_answer(question, benchmark, ensemble, chain, setting, method, warnings)

    def _error_answer(
        self,
        question: Question,
        benchmark: Benchmark,
        ensemble: Ensemble,
        chain: Chain,
        setting: str,
        method: str,
        warnings: list[str],
    ) -> Answer:
        error = float(question.error or 0)
        basis, level = self.run["basis"], self.run["level"]
        form = question.form
        if not question.ignore_floor:
            try:
                refuse(benchmark, error)
            except RefusedTargetError as refusal:
                raise RefusedTargetError(
                    f"{refusal}\n(ask for a higher error, or add --ignore-floor to project as if "
                    "there were none)"
                ) from None
            if form == "floored":
                refuse(benchmark, error, self._fitted_floor(benchmark, basis))
        home = home_device(self.tables, self.run["home"])
        equivalents = self.tables.constants.equivalents
        found = project(ensemble, chain, error, basis, form, level, equivalents, home)
        units = {**QUANTITIES, "home_years": f"years of one {home.name} at full load"}
        units |= {name: e.name for name, e in equivalents.items()}
        warnings += _beyond(ensemble, found["flop"], error)
        forward = self.ensembles.get((benchmark.key, FORWARD))
        running: list[Row] = []
        per_day = question.predictions_per_day or self.run["predictions_per_day"]
        if forward is None:
            warnings.append("no running costs: too few papers state forward FLOP")
        else:
            if error < forward.error_range[0]:
                warnings.append(
                    "running costs are extrapolated: no record that states forward FLOP has an "
                    f"error under {number(100 * forward.error_range[0])}%"
                )
            day = running_costs(forward, chain, error, per_day, level)
            running = [
                Row(k, "FLOP of one prediction" if k == "flop" else QUANTITIES[k], v)
                for k, v in day.items()
            ]
        heading = (
            f"{benchmark.name}, {benchmark.error_label} of {number(100 * error)}%",
            setting,
            f"{method}; {per_day:,.0f} predictions a day",
        )
        rows = [Row(name, units[name], estimate) for name, estimate in found.items()]
        return Answer(heading, rows, running, warnings, level)

    def _budget_answer(
        self,
        question: Question,
        benchmark: Benchmark,
        ensemble: Ensemble,
        chain: Chain,
        setting: str,
        method: str,
        warnings: list[str],
    ) -> Answer:
        basis, level = self.run["basis"], self.run["level"]
        usd = float(question.budget or 0)
        found = reachable_error(ensemble, chain, usd, basis, question.form, level)
        units = {"flop": "FLOP", "device_hours": "device-hours", "error": benchmark.error_label}
        flop, error = found["flop"].median, found["error"]
        low, high = ensemble.compute_range
        if flop < low:
            warnings.append(
                f"{number(flop)} FLOP are less than any run in the data ({number(low)})"
            )
        beyond = decades_beyond(ensemble, flop)
        if beyond > 0:
            warnings.append(f"{number(beyond)} decades of compute beyond the data ({number(high)})")
        if error.median < ensemble.error_range[0]:
            warnings.append(
                f"no record of the data has an error under {number(100 * ensemble.error_range[0])}%"
            )
        known = benchmark.label_floor
        if known is not None and error.lower < known:
            warnings.append(
                f"errors under {number(100 * known)}% are not to be had: so many labels of the "
                f"test set are wrong ({benchmark.label_floor_source})"
            )
        if error.share_unreachable > 0:
            warnings.append(f"{error.share_unreachable:.0%} of the draws give no error below 100%")
        heading = (f"{benchmark.name} with US$ {number(usd, 3)}", setting, method)
        rows = [Row(name, units[name], estimate) for name, estimate in found.items()]
        return Answer(heading, rows, [], warnings, level)

    def _preset_answer(self, question: Question, benchmark: Benchmark) -> Answer:
        presets = self.tables.constants.presets
        name = str(question.preset)
        if name not in presets:
            near = did_you_mean(name, list(presets)) or f"known: {', '.join(presets)}"
            raise ScalelawError(f'no preset "{name}" ({near})')
        preset = presets[name]
        if question.error is None:
            raise ScalelawError("a preset answers for an error, not for a budget (give --error)")
        if benchmark.key != preset.benchmark:
            raise ScalelawError(f'the preset "{name}" knows only {preset.benchmark}')
        log_flop = preset.log_flop(question.error)
        if log_flop >= MAX_10_EXP:
            raise ScalelawError(
                f'the line of the preset "{name}" asks for 10^{log_flop:.0f} FLOP, beyond any '
                "number (ask for a higher error)"
            )
        found = {"flop": 10**log_flop, **preset.costs(log_flop)}
        units = {**QUANTITIES, "nyc_months": "months of New York City's CO2"}
        rows = [Row(k, units[k], Estimate(v, v, v, 0.0)) for k, v in found.items()]
        heading = (
            f"{benchmark.name}, {benchmark.error_label} of {number(100 * question.error)}%",
            f'constants of the preset "{name}", which knows no uncertainty',
        )
        return Answer(heading, rows, [], [], self.run["level"])

    def _benchmark(self, key: str) -> Benchmark:
        by_name = {b.name.casefold(): b for b in self.benchmarks.values()}
        found = self.benchmarks.get(key) or by_name.get(key.casefold())
        if found is None:
            known = list(self.benchmarks)
            near = did_you_mean(key, known) or f"known: {', '.join(known)}"
            raise ScalelawError(f'no benchmark "{key}" ({near})')
        return found

    def _ensemble(self, benchmark: Benchmark, basis: str) -> Ensemble:
        found = self.ensembles.get((benchmark.key, basis))
        if found is None:
            mine = self.curves[
                (self.curves["benchmark"] == benchmark.key) & (self.curves["basis"] == basis)
            ]
            why = mine["status"].iloc[0] if len(mine) else "not among the benchmarks of the run"
            fitted = ", ".join(sorted(k for k, b in self.ensembles if b == basis))
            raise ScalelawError(f"{benchmark.name}: {why} (fitted are {fitted or 'none'})")
        return found

    def _fitted_floor(self, benchmark: Benchmark, basis: str) -> float:
        c = self.curves
        mine = c[(c["benchmark"] == benchmark.key) & (c["basis"] == basis)]
        return float(mine.loc[mine["form"] == "floored", "floor"].iloc[0])


def _beyond(ensemble: Ensemble, flop: Estimate, error: float) -> list[str]:
    """Return what must be said of a projection beyond the data."""
    said = []
    low_error, high = ensemble.error_range[0], ensemble.compute_range[1]
    if error < low_error:
        said.append(f"no record of the data has an error under {number(100 * low_error)}%")
    beyond = decades_beyond(ensemble, flop.median)
    if np.isinf(beyond):
        said.append(f"most draws never get there (the data reach {number(high)} FLOP)")
    elif beyond > 0:
        said.append(
            f"the median lies {number(beyond)} decades of compute beyond the data, which reach "
            f"{number(high)} FLOP"
        )
    if flop.share_unreachable > 0:
        said.append(f"{flop.share_unreachable:.0%} of the draws never reach this error")
    return said


def parse_error(text: str) -> float:
    """Return an error written as ``5%`` or ``0.05``.

    Raises
    ------
    ScalelawError
        If it is neither, or not between 0 and 100%.
    """
    bare = text.strip()
    try:
        value = float(bare.removesuffix("%")) / (100 if bare.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise ScalelawError(f'"{text}" is not an error between 0 and 100% (write 5% or 0.05)')
    return value
