"""How checks are registered, run and waived."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from scalelaw.compute import TrainingFlop, hardware_flop, training_flop
from scalelaw.corpus.benchmarks import Benchmark, Metric
from scalelaw.corpus.hardware import Device, Hardware
from scalelaw.corpus.problems import Problem, Severity, at_most
from scalelaw.corpus.table import Row
from scalelaw.errors import did_you_mean

Table = Literal["papers", "hardware"]


@dataclass(frozen=True)
class Context:
    """What rows are checked against."""

    benchmarks: dict[str, Benchmark]
    hardware: Hardware
    today: date
    hardware_complete: bool = True


@dataclass(frozen=True)
class Entry:
    """A row of ``papers.csv`` with what follows from it; a part that is wrong is None."""

    row: Row
    benchmark: Benchmark | None
    metric: Metric | None
    device: Device | None
    precision: str | None
    flop: TrainingFlop

    def __getitem__(self, column: str) -> Any:
        return self.row.values[column]

    @property
    def error(self) -> float | None:
        """The metric as an error."""
        return self.metric.to_error(self["value"]) if self.metric and self["value"] else None

    @property
    def fastest_flop(self) -> float | None:
        """What the devices could do in their time in the fastest format they have.

        None where the rate of the stated format is not known: it might be the fastest.
        """
        if self.device is None or self.flop.hardware is None:
            return None
        return hardware_flop(self.row.values, self.device.fastest_rate())


def make_entry(row: Row, context: Context) -> Entry:
    """Derive benchmark, metric, device and training compute of a row."""
    benchmark = context.benchmarks.get(row["benchmark"] or "")
    device = context.hardware.find(row["hardware"]) if row["hardware"] else None
    precision = row["precision"] or (device.default_precision() if device else None)
    peak = device.peak(precision) if device and precision else None
    return Entry(
        row,
        benchmark,
        benchmark.metrics.get(row["metric"] or "") if benchmark else None,
        device,
        precision,
        training_flop(row.values, peak),
    )


@dataclass(frozen=True)
class Finding:
    """What a check found in a row: the column, what is wrong, and what to do."""

    row: Row
    column: str
    message: str
    remedy: str


Find = Callable[[Any, Context], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """A named check.

    Parameters
    ----------
    name : str
        Name used in reports and waivers.
    severity : {"error", "warning"}
        An error stops the run and cannot be waived.
    table : {"papers", "hardware"}
        Table that it checks.
    each : bool
        Whether it takes one entry at a time or all of them.
    needs : tuple of str
        Columns without which it says nothing: rows where one of them is broken are passed over.
    find : callable
        The check; its docstring says why it exists.
    """

    name: str
    severity: Severity
    table: Table
    each: bool
    needs: tuple[str, ...]
    find: Find

    @property
    def reason(self) -> str:
        """First line of the docstring."""
        return (self.find.__doc__ or "").strip().splitlines()[0]


CATALOGUE: dict[str, Check] = {}


def check(
    severity: Severity, *needs: str, table: Table = "papers", each: bool = True
) -> Callable[[Find], Check]:
    """Register a function as a check; its name with dashes is the check's name."""

    def register(find: Find) -> Check:
        name = find.__name__.replace("_", "-")
        CATALOGUE[name] = Check(name, severity, table, each, needs, find)
        return CATALOGUE[name]

    return register


def run_checks(
    entries: Sequence[Entry], devices: Sequence[Row], context: Context
) -> tuple[list[Problem], list[Problem]]:
    """Run the whole catalogue.

    Parameters
    ----------
    entries : sequence of Entry
        Rows of ``papers.csv`` that could be read.
    devices : sequence of Row
        Rows of ``hardware.csv`` that could be read.
    context : Context
        What they are checked against.

    Returns
    -------
    problems, waived : lists of Problem
        Problems that stand, and warnings waived in their row, each with the reason as remedy.
    """
    rows = [*(entry.row for entry in entries), *devices]
    waivers = {row.place: named for row in rows if (named := read_waivers(row))}
    needed: dict[tuple[str, int], set[str]] = {}
    problems: list[Problem] = []
    waived: list[Problem] = []

    def stand(findings: Iterable[Finding], one: Check) -> Iterator[Problem]:
        for finding in findings:
            row, what = finding.row, (finding.column, one.severity, one.name, finding.message)
            reason = waivers.get(row.place, {}).get(one.name)
            if reason and one.severity == "warning":
                needed.setdefault(row.place, set()).add(one.name)
                waived.append(row.problem(*what, reason))
            else:
                yield row.problem(*what, finding.remedy)

    for one in CATALOGUE.values():
        subjects: Sequence[Any] = (
            [entry for entry in entries if entry.row.broken.isdisjoint(one.needs)]
            if one.table == "papers"
            else [row for row in devices if row.broken.isdisjoint(one.needs)]
        )
        batches: Iterable[Any] = subjects if one.each else [subjects]
        findings = (finding for batch in batches for finding in one.find(batch, context))
        problems += at_most(stand(findings, one))
    doubts = (
        doubt
        for row in rows
        if row.place in waivers
        for doubt in _doubt_waivers(row, waivers[row.place], needed.get(row.place, set()))
    )
    return [*problems, *at_most(doubts)], waived


def read_waivers(row: Row) -> dict[str, str]:
    """Return the reasons of a row's waivers by check, as written ``check: reason; check: ...``."""
    named = {}
    for part in filter(None, map(str.strip, (row["waived"] or "").split(";"))):
        name, _, reason = part.partition(":")
        named[name.strip()] = reason.strip()
    return named


def _doubt_waivers(row: Row, named: dict[str, str], needed: set[str]) -> Iterator[Problem]:
    known = [name for name, one in CATALOGUE.items() if one.severity == "warning"]
    for name, reason in named.items():
        if name not in known:
            near = did_you_mean(name, known) or "write check: reason; warnings can be waived"
            message = f'"{name}" is not a check that can be waived'
            yield row.problem("waived", "error", "unknown-waiver", message, near)
        elif not reason:
            message, remedy = f'the waiver of "{name}" gives no reason', f"write {name}: reason"
            yield row.problem("waived", "error", "unknown-waiver", message, remedy)
        elif name not in needed:
            message = f'the waiver of "{name}" is not needed'
            yield row.problem("waived", "warning", "unused-waiver", message, "remove it")
