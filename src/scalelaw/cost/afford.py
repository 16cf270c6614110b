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
from scalelaw.cost.wording import say
from scalelaw.errors import ScalelawError, UnreadableError, did_you_mean
from scalelaw.forecast.ensemble import ALL_FORMS, FORWARD, Ensemble
from scalelaw.streams import stream
from scalelaw.typography import number, percent

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
    notes: tuple[str, ...]
    """What must be said of the scenario."""


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
                f"{missing[0]} is not there: run `snakemake` or `scalelaw report` first, or name "
                "the folder of its results with --results"
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
            raise ScalelawError(say("no_form", benchmark=benchmark.name, form=form))
        scenario = Scenario(
            run.device if question.device is None else question.device,
            run.year if question.year is None else question.year,
            question.places or tuple(run.places),
            question.own,
            question.utilisation,
        )
        n = len(next(iter(ensemble.draws.values())))
        chain = Chain.draw(self.tables, scenario, n, stream(run.seed, "cost"))
        places = ", ".join(chain.places)
        if len(chain.places) > 1:
            places = say("one_of", places=places)
        notes, given = chain.notes, question.utilisation
        if run.basis in PEAK_BASES:
            counted = say("at_peak")
            if given is not None:
                notes = (*notes, say("utilisation_idle", basis=run.basis))
        elif given is None:
            counted = say("over_utilisation")
        else:
            counted = say("over_fixed", share=percent(given))
        forms = say("all_forms") if form == ALL_FORMS else say("one_form", form=form)
        holding = "owned" if scenario.own else "rented"
        setting = (
            say(
                "scenario",
                device=chain.device.name, holding=holding, year=scenario.year, places=places,
            ),
            say(
                "method", basis=run.basis, counted=counted, forms=forms, level=f"{run.level:.0%}"
            ),
        )  # fmt: skip
        return _Case(question, benchmark, ensemble, form, chain, setting, notes)

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
        units = {**QUANTITIES, "home_years": say("home_years", device=home.name)}
        units |= {name: e.name for name, e in equivalents.items()}
        warnings = [*case.notes, *_beyond(case.ensemble, found["flop"], error)]
        if case.form == ALL_FORMS and set(case.ensemble.draws) > set(
            case.ensemble.forms(ALL_FORMS, error)
        ):
            warnings.append(say("floor_left_out", floor=number(100 * case.ensemble.floor)))
        if share := found["flop"].share_unreachable:
            warnings.append(say("never_reach", share=share_in_words(share)))
        per_day = case.question.predictions_per_day or self.run.predictions_per_day
        running, said = self._running(case, error, per_day)
        scenario, method = case.setting
        return Answer(
            (
                _target(case.benchmark, error),
                scenario,
                say("per_day", method=method, predictions=f"{per_day:,.15g}"),
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
            ignore = say("add_option", option="--ignore-floor")
            raise RefusedTargetError(say("refused_known", refusal=refusal, ignore=ignore)) from None
        if case.form != "floored":
            return
        try:
            refuse(case.benchmark, error, self._fitted_floor(case.benchmark))
        except RefusedTargetError as refusal:
            raise RefusedTargetError(
                say("refused_fitted", refusal=refusal, form="--form")
            ) from None

    def _running(self, case: _Case, error: float, per_day: float) -> tuple[list[Row], list[str]]:
        """Return what a day of predictions costs, and what must be said of it."""
        forward = self.ensembles.get((case.benchmark.key, FORWARD))
        if forward is None:
            return [], [say("no_running")]
        said, form = [], case.form
        if form != ALL_FORMS and form not in forward.draws:
            said.append(say("running_all_forms", form=form))
            form = ALL_FORMS
        said += _error_beyond("running_beyond", forward, error)
        units = QUANTITIES | {"flop": say("forward")}
        day = running_costs(forward, case.chain, error, per_day, self.run.level, form)
        return [Row(name, units[name], estimate) for name, estimate in day.items()], said

    def _budget_answer(self, case: _Case) -> Answer:
        usd, ensemble, benchmark = float(case.question.budget or 0), case.ensemble, case.benchmark
        found = reachable_error(
            ensemble, case.chain, usd, self.run.basis, case.form, self.run.level
        )
        units = QUANTITIES | {"error": benchmark.error_label}
        flop, error = found["flop"], found["error"]
        warnings = list(case.notes)
        least = ensemble.compute_range[0]
        if flop.median < least:
            warnings.append(say("compute_below", flop=number(flop.median), least=number(least)))
        warnings += _beyond(ensemble, flop, error.median)
        warnings += _under_labels(benchmark, error.lower)
        if share := error.share_unreachable:
            warnings.append(say("no_error", share=share_in_words(share)))
        heading = (say("budget", benchmark=benchmark.name, money=money(usd)), *case.setting)
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
            Row(k, units[k], Estimate(v, v, v, v, v, 0.0), k not in QUANTITIES)
            for k, v in preset.costs(log_flop).items()
        ]
        heading = (
            _target(benchmark, error),
            f'preset "{name}", which knows no uncertainty',
            preset.what,
        )
        return Answer(heading, rows, [], _under_labels(benchmark, error), self.run.level)

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
    error_label = benchmark.error_label
    return say("target", benchmark=benchmark.name, label=error_label, error=percent(error))


def _under_labels(benchmark: Benchmark, error: float) -> list[str]:
    """Return what must be said of an error that may lie under the share of wrong labels."""
    known = benchmark.label_floor
    if known is None or error >= known:
        return []
    return [say("labels", floor=number(100 * known), source=benchmark.label_floor_source)]


def _beyond(ensemble: Ensemble, flop: Estimate, error: float) -> list[str]:
    """Return what must be said of compute and error beyond the data."""
    said, most = _error_beyond("error_beyond", ensemble, error), ensemble.compute_range[1]
    beyond = decades_beyond(ensemble, flop.median)
    if math.isinf(beyond) and flop.never(0.5):
        said.append(say("most_never", most=number(most)))
    elif math.isinf(beyond):
        said.append(say("beyond_numbers", most=number(most)))
    elif beyond > 0:
        said.append(say("compute_beyond", decades=number(beyond), most=number(most)))
    return said


def _error_beyond(words: str, ensemble: Ensemble, error: float) -> list[str]:
    """Return what must be said of an error that no record of the data has on one side."""
    lowest, highest = ensemble.error_range
    if lowest <= error <= highest:
        return []
    side, nearest = ("under", lowest) if error < lowest else ("over", highest)
    return [say(words, side=side, error=number(100 * nearest))]
