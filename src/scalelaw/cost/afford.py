"""Answer "can I pay?" from the stored draws: what an error costs, or what a budget reaches."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.cost.answer import Answer, Row, money, share_in_words
from scalelaw.cost.chain import PEAK_BASES, QUANTITIES, Chain, Scenario
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
from scalelaw.cost.question import Question
from scalelaw.cost.run import Run, read_curves, read_draws
from scalelaw.cost.tables import read_cost_tables
from scalelaw.errors import ScalelawError, UnreadableError, did_you_mean
from scalelaw.forecast.ensemble import ALL_FORMS, FORWARD, Ensemble
from scalelaw.streams import stream
from scalelaw.typography import number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Case:
    """What a question is about, looked up, and what is said of it already."""

    question: Question
    benchmark: Benchmark
    ensemble: Ensemble
    form: str
    chain: Chain
    setting: tuple[str, str]
    """Lines of the heading that tell scenario and method."""


class Desk:
    """Stored results and tables, ready for questions.

    Parameters
    ----------
    results : path
        Folder of results of a run, whose input files are read again.

    Raises
    ------
    ScalelawError
        If there are no results yet, if they are damaged, or if an input file cannot be read.
    """

    def __init__(self, results: Path):
        folder = results / "projections"
        paths = [folder / name for name in ("draws.parquet", "curves.csv", "scenario.json")]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise UnreadableError(
                f"{missing[0]} is not there: run `snakemake` first, or name the folder of its "
                "results with --results"
            )
        self.curves = read_curves(paths[1])
        self.ensembles = read_draws(paths[0], self.curves)
        self.run = Run.read(paths[2])
        self.benchmarks = read_benchmarks(self.run.benchmark_files)
        self.tables = read_cost_tables(
            self.run.hardware, self.run.prices, self.run.grid, self.run.constants
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
        if question.preset is not None:
            return self._preset_answer(question, benchmark)
        case = self._case(question, benchmark)
        return self._error_answer(case) if question.budget is None else self._budget_answer(case)

    def _case(self, question: Question, benchmark: Benchmark) -> _Case:
        run, form = self.run, question.form or ALL_FORMS
        ensemble = self._ensemble(benchmark)
        if form != ALL_FORMS and form not in ensemble.draws:
            raise ScalelawError(f"{benchmark.name}: the form {form} could not be fitted")
        scenario = Scenario(
            run.device if question.device is None else question.device,
            run.year if question.year is None else question.year,
            question.places or tuple(run.places),
            question.own,
        )
        n = len(next(iter(ensemble.draws.values())))
        chain = Chain.draw(self.tables, scenario, n, stream(run.seed, "cost"))
        places = ", ".join(chain.places)
        if len(chain.places) > 1:
            places = f"one of {places}, drawn equally"
        counted = (
            "compute at peak rate, no utilisation"
            if run.basis in PEAK_BASES
            else "operations, over peak rate and utilisation"
        )
        forms = "all forms" if form == ALL_FORMS else f"{form} form"
        setting = (
            f"{chain.device.name}, {'owned' if scenario.own else 'rented'}, {scenario.year}; "
            f"electricity of {places}",
            f"{run.basis} basis ({counted}); {forms}{' and' if form == ALL_FORMS else ', all'} "
            f"directions; {run.level:.0%} prediction intervals",
        )
        return _Case(question, benchmark, ensemble, form, chain, setting)

    def _error_answer(self, case: _Case) -> Answer:
        error = float(case.question.error or 0)
        if not case.question.ignore_floor:
            self._refuse(case, error)
        home = home_device(self.tables, self.run.home)
        equivalents = self.tables.constants.equivalents
        found = project(
            case.ensemble, case.chain, error, self.run.basis, case.form, self.run.level,
            equivalents, home,
        )  # fmt: skip
        units = {**QUANTITIES, "home_years": f"years of one {home.name} at full load"}
        units |= {name: e.name for name, e in equivalents.items()}
        warnings = [*case.chain.notes, *_beyond(case.ensemble, found["flop"], error)]
        if case.form == ALL_FORMS and set(case.ensemble.draws) > set(
            case.ensemble.forms(ALL_FORMS, error)
        ):
            warnings.append(
                "the power law above a floor is left out: it says that no compute reaches an error "
                f"under {number(100 * case.ensemble.floor)}%"
            )
        if share := found["flop"].share_unreachable:
            warnings.append(f"{share_in_words(share)} of the draws never reach this error")
        per_day = case.question.predictions_per_day or self.run.predictions_per_day
        running, said = self._running(case, error, per_day)
        scenario, method = case.setting
        return Answer(
            (
                _target(case.benchmark, error),
                scenario,
                f"{method}; {per_day:,.15g} predictions a day",
            ),
            [Row(name, units[name], e, name not in QUANTITIES) for name, e in found.items()],
            running,
            warnings + said,
            self.run.level,
        )

    def _refuse(self, case: _Case, error: float) -> None:
        """Refuse a target at or below a floor, with a remedy."""
        try:
            refuse(case.benchmark, error)
        except RefusedTargetError as refusal:
            raise RefusedTargetError(
                f"{refusal}\n(ask for a higher error, or add --ignore-floor to project as if "
                "there were none)"
            ) from None
        if case.form != "floored":
            return
        try:
            refuse(case.benchmark, error, self._fitted_floor(case.benchmark))
        except RefusedTargetError as refusal:
            raise RefusedTargetError(
                f"{refusal}\n(ask for a higher error, or for another --form)"
            ) from None

    def _running(self, case: _Case, error: float, per_day: float) -> tuple[list[Row], list[str]]:
        """Return what a day of predictions costs, and what must be said of it."""
        forward = self.ensembles.get((case.benchmark.key, FORWARD))
        if forward is None:
            return [], ["no running costs: too few papers state forward FLOP"]
        said, form = [], case.form
        if form != ALL_FORMS and form not in forward.draws:
            said.append(f"running costs are of all forms: {form} could not be fitted to them")
            form = ALL_FORMS
        if error < forward.error_range[0]:
            said.append(
                "running costs are extrapolated: no record that states forward FLOP has an "
                f"error under {number(100 * forward.error_range[0])}%"
            )
        units = QUANTITIES | {"flop": "FLOP of one prediction"}
        day = running_costs(forward, case.chain, error, per_day, self.run.level, form)
        return [Row(name, units[name], estimate) for name, estimate in day.items()], said

    def _budget_answer(self, case: _Case) -> Answer:
        usd, ensemble, benchmark = float(case.question.budget or 0), case.ensemble, case.benchmark
        found = reachable_error(
            ensemble, case.chain, usd, self.run.basis, case.form, self.run.level
        )
        units = QUANTITIES | {"error": benchmark.error_label}
        flop, error = found["flop"], found["error"]
        warnings = list(case.chain.notes)
        least = ensemble.compute_range[0]
        if flop.median < least:
            warnings.append(
                f"{number(flop.median)} FLOP are less than any run in the data ({number(least)})"
            )
        warnings += _beyond(ensemble, flop, error.median)
        known = benchmark.label_floor
        if known is not None and error.lower < known:
            warnings.append(
                f"errors under {number(100 * known)}% cannot be told from "
                f"wrong labels: so many of the test set are wrong ({benchmark.label_floor_source})"
            )
        if share := error.share_unreachable:
            warnings.append(f"{share_in_words(share)} of the draws give no error below 100%")
        heading = (f"{benchmark.name} with {money(usd)}", *case.setting)
        rows = [Row(name, units[name], estimate) for name, estimate in found.items()]
        return Answer(heading, rows, [], warnings, self.run.level)

    def _preset_answer(self, question: Question, benchmark: Benchmark) -> Answer:
        presets = self.tables.constants.presets
        name, error = str(question.preset), float(question.error or 0)
        if name not in presets:
            near = did_you_mean(name, list(presets)) or f"known: {', '.join(presets)}"
            raise ScalelawError(f'no preset "{name}" ({near})')
        preset = presets[name]
        if benchmark.key != preset.benchmark:
            raise ScalelawError(f'the preset "{name}" knows only {preset.benchmark}')
        log_flop = preset.log_flop(error)
        if log_flop >= sys.float_info.max_10_exp:
            raise ScalelawError(
                f'the line of the preset "{name}" asks for 10^{log_flop:.0f} FLOP, beyond any '
                "number (ask for a higher error)"
            )
        units = {**QUANTITIES, "nyc_months": "months of New York City's CO2"}
        rows = [
            Row(k, units[k], Estimate(v, v, v, 0.0), k not in QUANTITIES)
            for k, v in preset.costs(log_flop).items()
        ]
        heading = (
            _target(benchmark, error),
            f'preset "{name}", which knows no uncertainty',
            preset.what,
        )
        return Answer(heading, rows, [], [], self.run.level)

    def _benchmark(self, key: str) -> Benchmark:
        by_name = {b.name.casefold(): b for b in self.benchmarks.values()}
        found = self.benchmarks.get(key) or by_name.get(key.casefold())
        if found is None:
            known = list(self.benchmarks)
            near = did_you_mean(key, known) or f"known: {', '.join(known)}"
            raise ScalelawError(f'no benchmark "{key}" ({near})')
        return found

    def _ensemble(self, benchmark: Benchmark) -> Ensemble:
        found = self.ensembles.get((benchmark.key, self.run.basis))
        if found is None:
            mine = self._curves_of(benchmark)
            why = mine["status"].iloc[0] if len(mine) else "not among the benchmarks of the run"
            fitted = ", ".join(sorted(k for k, b in self.ensembles if b == self.run.basis))
            raise ScalelawError(f"{benchmark.name}: {why} (fitted are {fitted or 'none'})")
        return found

    def _fitted_floor(self, benchmark: Benchmark) -> float:
        mine = self._curves_of(benchmark)
        return float(mine.loc[mine["form"] == "floored", "floor"].iloc[0])

    def _curves_of(self, benchmark: Benchmark) -> "pd.DataFrame":
        c = self.curves
        return c[(c["benchmark"] == benchmark.key) & (c["basis"] == self.run.basis)]


def _target(benchmark: Benchmark, error: float) -> str:
    return f"{benchmark.name}, {benchmark.error_label} of {number(100 * error)}%"


def _beyond(ensemble: Ensemble, flop: Estimate, error: float) -> list[str]:
    """Return what must be said of compute and error beyond the data."""
    said = []
    lowest, most = ensemble.error_range[0], ensemble.compute_range[1]
    if error < lowest:
        said.append(f"no record of the data has an error under {number(100 * lowest)}%")
    beyond = decades_beyond(ensemble, flop.median)
    if math.isinf(beyond) and flop.never(0.5):
        said.append(f"most draws never get there (the data reach {number(most)} FLOP)")
    elif math.isinf(beyond):
        said.append(f"the compute is beyond any number (the data reach {number(most)} FLOP)")
    elif beyond > 0:
        said.append(
            f"the compute lies {number(beyond)} decades beyond the data, which reach "
            f"{number(most)} FLOP"
        )
    return said
