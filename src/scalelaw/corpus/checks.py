"""Checks of readable rows. Each has a name, a severity and a docstring that says what it is for.

A check takes a row and the context and yields problems; it never changes the row.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from scalelaw.compute import training_flop
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.problems import Problem, Severity
from scalelaw.corpus.table import Row, parse_date
from scalelaw.errors import did_you_mean


@dataclass(frozen=True)
class Context:
    """What a row is checked against."""

    benchmarks: dict[str, Benchmark]
    hardware: Hardware
    today: date


Finding = tuple[str, str, str]
"""Column, message and remedy."""


@dataclass(frozen=True)
class Check:
    """A named check of one row."""

    name: str
    severity: Severity
    find: Callable[[Row, Context], Iterator[Finding]]

    def __call__(self, row: Row, context: Context) -> Iterator[Problem]:
        """Yield the problems of a row."""
        for column, message, remedy in self.find(row, context):
            yield row.problem(column, self.severity, self.name, message, remedy)


ROW_CHECKS: list[Check] = []


def check(severity: Severity) -> Callable[[Callable[[Row, Context], Iterator[Finding]]], Check]:
    """Register a function as a row check; its name with dashes is the check's name."""

    def register(find: Callable[[Row, Context], Iterator[Finding]]) -> Check:
        made = Check(find.__name__.replace("_", "-"), severity, find)
        ROW_CHECKS.append(made)
        return made

    return register


@check("error")
def unknown_benchmark(row: Row, context: Context) -> Iterator[Finding]:
    """The benchmark must be defined, or its metric cannot be turned into an error."""
    if row["benchmark"] not in context.benchmarks:
        known = sorted(context.benchmarks)
        yield (
            "benchmark",
            f'unknown benchmark "{row["benchmark"]}"',
            did_you_mean(row["benchmark"], known) or "define it in the benchmarks file",
        )


@check("error")
def unknown_metric(row: Row, context: Context) -> Iterator[Finding]:
    """The metric must be one that the benchmark defines."""
    benchmark = context.benchmarks.get(row["benchmark"])
    if benchmark and row["metric"] not in benchmark.metrics:
        known = sorted(benchmark.metrics)
        yield (
            "metric",
            f'"{row["metric"]}" is not a metric of {benchmark.key}',
            did_you_mean(row["metric"], known) or "use one of " + ", ".join(known),
        )


@check("error")
def value_out_of_range(row: Row, context: Context) -> Iterator[Finding]:
    """An error lies strictly between 0 and 1: its logarithm is what is fitted."""
    benchmark = context.benchmarks.get(row["benchmark"])
    metric = benchmark.metrics.get(row["metric"]) if benchmark else None
    if metric:
        error = metric.to_error(row["value"])
        if not 0 < error < 1:
            yield (
                "value",
                f"{row['value']:g} as {metric.label} gives an error of {error:g}, outside 0 to 1",
                f"a {metric.label} lies between 0 and {metric.scale:g}",
            )


@check("error")
def unknown_hardware(row: Row, context: Context) -> Iterator[Finding]:
    """A device must be in the hardware table, or its peak rate is unknown."""
    name = row["hardware"]
    if name and context.hardware.find(name) is None:
        near = did_you_mean(name, context.hardware.names())
        yield (
            "hardware",
            f'unknown hardware "{name}"',
            near or "add the device to the hardware table",
        )


@check("warning")
def no_peak_rate(row: Row, context: Context) -> Iterator[Finding]:
    """Without a peak rate at the stated precision there is no hardware burden."""
    device = context.hardware.find(row["hardware"]) if row["hardware"] else None
    if device and row["precision"] and device.peak(row["precision"]) is None:
        known = [p for p, rate in device.peaks.items() if rate]
        yield (
            "precision",
            f'no {row["precision"]} peak rate is known for "{device.name}", so no hardware burden',
            f"it has {', '.join(known) or 'none'}; add the rate to the hardware table",
        )


@check("warning")
def format_slower_than_fp32(row: Row, context: Context) -> Iterator[Finding]:
    """Chips without fast half precision store FP16 but calculate in FP32."""
    device = context.hardware.find(row["hardware"]) if row["hardware"] else None
    if device:
        stated, fp32 = device.peak(row["precision"] or ""), device.peak("fp32")
        if stated and fp32 and stated < fp32:
            yield (
                "precision",
                f'{row["precision"]} on "{device.name}" is slower than FP32',
                "write fp32 if FP16 was only the storage format",
            )


@check("error")
def future_date(row: Row, context: Context) -> Iterator[Finding]:
    """A result cannot have been published after today."""
    if parse_date(row["date"]) > context.today:
        yield "date", f"{row['date']} is in the future", "write the date of publication"


@check("warning")
def hours_without_device(row: Row, _: Context) -> Iterator[Finding]:
    """A number of devices or device-hours says nothing without the device."""
    for column in ("n_devices", "device_hours"):
        if row[column] and not row["hardware"]:
            yield column, "given without hardware, so no hardware burden", "name the device"


@check("error")
def device_hours_given_twice(row: Row, _: Context) -> Iterator[Finding]:
    """Device-hours are for sources that do not split them, so that one figure cannot disagree."""
    if row["device_hours"] and row["n_devices"] and row["training_hours"]:
        yield (
            "device_hours",
            "given besides n_devices and training_hours",
            "leave device_hours empty where the split is known",
        )


@check("error")
def reported_flop_without_method(row: Row, _: Context) -> Iterator[Finding]:
    """A reported figure means nothing without the way it was obtained."""
    if row["reported_flop"] and not row["reported_flop_method"]:
        yield (
            "reported_flop_method",
            "reported_flop has no method",
            "write hardware, operations, mixed, comparison or paper",
        )


@check("error")
def compute_without_source(row: Row, _: Context) -> Iterator[Finding]:
    """Whoever states compute says where it stands."""
    figures = ("training_hours", "device_hours", "reported_flop", "forward_flop")
    if any(row[c] for c in figures) and not row["compute_source"]:
        yield (
            "compute_source",
            "compute figures without a source",
            "say where devices, time or FLOP stand: table, section, page or address",
        )


@check("warning")
def device_newer_than_result(row: Row, context: Context) -> Iterator[Finding]:
    """A device released after the result cannot have trained it; often a name clash."""
    device = context.hardware.find(row["hardware"]) if row["hardware"] else None
    if device and device.release_date[:7] > row["date"][:7]:
        yield (
            "hardware",
            f'"{device.name}" was released in {device.release_date[:7]}, '
            f"after the result ({row['date']})",
            "check for an older device of the same name",
        )


@check("warning")
def training_over_a_year(row: Row, _: Context) -> Iterator[Finding]:
    """More than a year of wall-clock time is usually device-hours in the wrong column."""
    if row["training_hours"] and row["training_hours"] > 8766:
        yield (
            "training_hours",
            f"{row['training_hours']:g} hours are more than a year",
            "if these are device-hours, move them to device_hours",
        )


@check("warning")
def forward_flop_below_params(row: Row, _: Context) -> Iterator[Finding]:
    """A forward pass uses each parameter at least once; less is usually GFLOP written as FLOP."""
    if row["forward_flop"] and row["forward_flop"] < max(row["params"] or 0.0, 1e6):
        yield (
            "forward_flop",
            f"{row['forward_flop']:g} FLOP a forward pass is less than one per parameter",
            "write FLOP, not GFLOP or multiply-adds in billions",
        )


@check("warning")
def more_operations_than_peak(row: Row, context: Context) -> Iterator[Finding]:
    """Counted operations above devices x peak rate x time mean that one of the two is wrong."""
    device = context.hardware.find(row["hardware"]) if row["hardware"] else None
    # With no stated precision the fastest format of the device is the only safe bound.
    precision = row["precision"] or (device.fastest() if device else "")
    flop = training_flop(row.values, device.peak(precision) if device else None)
    if flop.hardware and flop.operations and flop.operations > flop.hardware:
        yield (
            "forward_flop",
            f"{flop.operations:.3g} operations exceed the {flop.hardware:.3g} FLOP that the "
            "devices could do in that time",
            "check multiply-adds, epochs, devices and hours",
        )


def duplicate_ids(rows: list[Row], column: str) -> Iterator[Problem]:
    """Yield a problem for each row whose identifier was used before, in this file or another."""
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row[column], row)
        if first is not row:
            yield row.problem(
                column,
                "error",
                "duplicate-id",
                f'"{row[column]}" is already used at {first.file}:{first.line}',
                "give each row a name of its own",
            )


def duplicate_results(rows: list[Row]) -> Iterator[Problem]:
    """Yield a warning where one paper gives the same model, metric, value and cost twice."""

    def key(row: Row) -> tuple[Any, ...]:
        model = re.sub(r"[^a-z0-9]+", "", row["model"].casefold())
        cost = tuple(row[c] for c in ("training_hours", "device_hours", "reported_flop", "epochs"))
        return (row["paper"], row["benchmark"], model, row["metric"], row["value"], *cost)

    seen: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first = seen.setdefault(key(row), row)
        if first is not row:
            yield row.problem(
                "model",
                "warning",
                "duplicate-result",
                f"the same result as {first.file}:{first.line}",
                "remove one of the two, or say in the model name what differs",
            )
