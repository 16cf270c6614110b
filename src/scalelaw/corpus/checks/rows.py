"""Checks of one record by itself."""

import re
from collections.abc import Iterator

from scalelaw.corpus.checks.catalogue import Context, Entry, Finding, check
from scalelaw.corpus.table import parse_date
from scalelaw.errors import did_you_mean, visible

_FORMULA = re.compile(r"[=@]|[+-].*[|(!]")

LEAST_UTILISATION = 1 / 500
"""Counted operations over peak burden below this are taken for an error in time or devices."""


@check("error", "benchmark")
def unknown_benchmark(entry: Entry, context: Context) -> Iterator[Finding]:
    """The benchmark must be defined, or its metric cannot be turned into an error."""
    if entry.benchmark is None:
        name, known = entry["benchmark"], sorted(context.benchmarks)
        yield Finding(
            entry.row,
            "benchmark",
            f'unknown benchmark "{name}"',
            did_you_mean(name, known) or "define it in the benchmarks file",
        )


@check("error", "metric")
def unknown_metric(entry: Entry, context: Context) -> Iterator[Finding]:
    """The metric must be one that the benchmark defines."""
    if entry.benchmark and entry.metric is None:
        name, known = entry["metric"], sorted(entry.benchmark.metrics)
        yield Finding(
            entry.row,
            "metric",
            f'"{name}" is not a metric of {entry.benchmark.key}',
            did_you_mean(name, known) or "use one of " + ", ".join(known),
        )


@check("error", "value")
def value_out_of_range(entry: Entry, context: Context) -> Iterator[Finding]:
    """An error lies strictly between 0 and 1: its logarithm is what is fitted."""
    if entry.metric and entry.error is not None and not 0 < entry.error < 1:
        label = entry.metric.label
        yield Finding(
            entry.row,
            "value",
            f"{entry['value']:g} as {label} gives an error of {entry.error:g}, outside 0 to 1",
            f"a {label} lies between 0 and {entry.metric.scale:g}",
        )


@check("warning", "value")
def percent_for_share(entry: Entry, context: Context) -> Iterator[Finding]:
    """A metric in percent below 1 is usually a share."""
    if entry.metric and entry.metric.scale == 100 and entry["value"] < 1:
        yield Finding(
            entry.row,
            "value",
            f"{entry['value']:g} reads as a share, but {entry.metric.label} is in percent",
            f"write {100 * entry['value']:g} and say so in the note",
        )


@check("error")
def unknown_hardware(entry: Entry, context: Context) -> Iterator[Finding]:
    """A device must be in the hardware table, or its peak rate is unknown."""
    if entry["hardware"] and entry.device is None and context.hardware_complete:
        name = entry["hardware"]
        near = did_you_mean(name, context.hardware.names())
        remedy = near or "add the device to the hardware table"
        yield Finding(entry.row, "hardware", f'unknown hardware "{name}"', remedy)


@check("warning")
def ambiguous_device(entry: Entry, context: Context) -> Iterator[Finding]:
    """A name that is part of several devices' names may mean one of very different speed."""
    if entry.device and entry.precision:
        rates = {
            device.name: device.peak(entry.precision)
            for device in context.hardware.containing(entry["hardware"])
        }
        known = {name: rate for name, rate in rates.items() if rate}
        if known and max(known.values()) > 1.5 * min(known.values()):
            yield Finding(
                entry.row,
                "hardware",
                f'"{entry["hardware"]}" is taken as "{entry.device.name}" but could be one of '
                f"{', '.join(sorted(known))}",
                "write the full name",
            )


@check("warning")
def no_peak_rate(entry: Entry, context: Context) -> Iterator[Finding]:
    """Without a peak rate at the stated precision there is no hardware burden."""
    device, precision = entry.device, entry["precision"]
    if device and precision and device.peak(precision) is None:
        known = [name for name, rate in device.peaks.items() if rate]
        yield Finding(
            entry.row,
            "precision",
            f'no {precision} peak rate is known for "{device.name}", so no hardware burden',
            f"it has {', '.join(known) or 'none'}; add the rate to the hardware table",
        )


@check("warning")
def format_slower_than_fp32(entry: Entry, context: Context) -> Iterator[Finding]:
    """Chips without fast half precision store FP16 but calculate in FP32."""
    if entry.device and entry["precision"]:
        stated, fp32 = entry.device.peak(entry["precision"]), entry.device.peak("fp32")
        if stated and fp32 and stated < fp32:
            yield Finding(
                entry.row,
                "precision",
                f'{entry["precision"]} on "{entry.device.name}" is slower than FP32',
                "write fp32 if FP16 was only the storage format",
            )


@check("error", "date")
def future_date(entry: Entry, context: Context) -> Iterator[Finding]:
    """A result cannot have been published after today."""
    if parse_date(entry["date"]) > context.today:
        message = f"{entry['date']} is in the future"
        yield Finding(entry.row, "date", message, "write the date of publication")


@check("warning", "date")
def device_newer_than_result(entry: Entry, context: Context) -> Iterator[Finding]:
    """A device released after the result cannot have trained it; often a name clash."""
    if entry.device and entry.device.release_date[:7] > entry["date"][:7]:
        yield Finding(
            entry.row,
            "hardware",
            f'"{entry.device.name}" was released in {entry.device.release_date[:7]}, '
            f"after the result ({entry['date']})",
            "check for an older device of the same name",
        )


@check("warning", "hardware")
def hours_without_device(entry: Entry, context: Context) -> Iterator[Finding]:
    """A number of devices or device-hours says nothing without the device."""
    for column in ("n_devices", "device_hours"):
        if entry[column] and not entry["hardware"]:
            message = "given without hardware, so no hardware burden"
            yield Finding(entry.row, column, message, "name the device")


@check("error")
def device_hours_given_twice(entry: Entry, context: Context) -> Iterator[Finding]:
    """Device-hours are for sources that do not split them, so that one figure cannot disagree."""
    if entry["device_hours"] and entry["n_devices"] and entry["training_hours"]:
        yield Finding(
            entry.row,
            "device_hours",
            "given besides n_devices and training_hours",
            "leave device_hours empty where the split is known",
        )


@check("warning")
def training_over_a_year(entry: Entry, context: Context) -> Iterator[Finding]:
    """More than a year of wall-clock time is usually device-hours in the wrong column."""
    if entry["training_hours"] and entry["training_hours"] > 8766:
        yield Finding(
            entry.row,
            "training_hours",
            f"{entry['training_hours']:g} hours are more than a year",
            "if these are device-hours, move them to device_hours",
        )


@check("warning")
def device_days_as_days(entry: Entry, context: Context) -> Iterator[Finding]:
    """Peak burden hundreds of times the counted operations: GPU-days were multiplied by GPUs."""
    flop = entry.flop
    if flop.hardware and flop.operations:
        utilisation = flop.operations / flop.hardware
        if utilisation < LEAST_UTILISATION:
            yield Finding(
                entry.row,
                "training_hours",
                f"the devices could do {flop.hardware:.3g} FLOP in that time but needed "
                f"{flop.operations:.3g}, a utilisation of {utilisation:.2%}",
                "check whether the time is already summed over devices",
            )


@check("warning")
def more_operations_than_peak(entry: Entry, context: Context) -> Iterator[Finding]:
    """Counted operations above devices x peak rate x time mean that one of the two is wrong."""
    counted = entry.flop.operations
    # With no stated precision the fastest format of the device is the only safe bound.
    bound = entry.flop.hardware if entry["precision"] else entry.fastest_flop
    if bound and counted and counted > bound:
        yield Finding(
            entry.row,
            "forward_flop",
            f"{counted:.3g} operations exceed the {bound:.3g} FLOP that the devices could do in "
            "that time",
            "check multiply-adds, epochs, devices and hours",
        )


@check("warning")
def cores_as_chips(entry: Entry, context: Context) -> Iterator[Finding]:
    """A TPU "v3-512" has 512 cores on 256 chips on 128 boards; devices are chips."""
    if entry["n_devices"] and entry["hardware"] and "TPU" in entry["hardware"]:
        said = f"{entry['compute_source']} {entry['model']}"
        slices = re.findall(r"\bv([234])-([0-9]{1,6})\b", said)
        for version, cores in slices:
            chips = int(cores) / 2
            if entry["n_devices"] != chips:
                yield Finding(
                    entry.row,
                    "n_devices",
                    f"a v{version}-{cores} has {chips:g} chips, not {entry['n_devices']:g}",
                    "count chips: two cores each, four chips a board",
                )


@check("error")
def reported_flop_without_method(entry: Entry, context: Context) -> Iterator[Finding]:
    """A reported figure means nothing without the way it was obtained."""
    if entry["reported_flop"] and not entry["reported_flop_method"]:
        yield Finding(
            entry.row,
            "reported_flop_method",
            "reported_flop has no method",
            "write hardware, operations, mixed, comparison or paper",
        )


@check("error", "compute_source")
def compute_without_source(entry: Entry, context: Context) -> Iterator[Finding]:
    """Whoever states compute says where it stands."""
    figures = ("training_hours", "device_hours", "reported_flop", "forward_flop")
    if any(entry[c] for c in figures) and not entry["compute_source"]:
        yield Finding(
            entry.row,
            "compute_source",
            "compute figures without a source",
            "say where devices, time or FLOP stand: table, section, page or address",
        )


@check("warning")
def reported_flop_disagrees(entry: Entry, context: Context) -> Iterator[Finding]:
    """Two sources of one model's compute that differ by more than a factor of three."""
    reported, counted = entry.flop.reported, entry.flop.operations
    if reported and counted and not 1 / 3 <= reported / counted <= 3:
        yield Finding(
            entry.row,
            "reported_flop",
            f"{reported:.3g} is {reported / counted:.2g} times the counted {counted:.3g}",
            "check multiply-adds, epochs, passes and pretraining on both sides",
        )


@check("warning")
def reported_flop_above_peak(entry: Entry, context: Context) -> Iterator[Finding]:
    """A reported total above the peak burden counts something that these devices did not do."""
    reported, bound = entry.flop.reported, entry.fastest_flop
    if reported and bound and reported > 1.05 * bound:
        yield Finding(
            entry.row,
            "reported_flop",
            f"{reported:.3g} exceeds the {bound:.3g} FLOP that the devices could do in that time "
            "at their fastest",
            "check sparse peaks, boards, and what the total includes",
        )


@check("warning")
def samples_as_tokens(entry: Entry, context: Context) -> Iterator[Finding]:
    """Six FLOP per parameter and image counts images as tokens; an image has hundreds."""
    counts = [entry[c] for c in ("params", "train_examples", "epochs")]
    if all(counts) and entry.flop.reported:
        naive = 6 * counts[0] * counts[1] * counts[2]
        if 0.5 < entry.flop.reported / naive < 2:
            yield Finding(
                entry.row,
                "reported_flop",
                f"{entry.flop.reported:.3g} is about 6 x parameters x examples",
                "count tokens or patches, not samples",
            )


@check("warning")
def forward_flop_below_params(entry: Entry, context: Context) -> Iterator[Finding]:
    """A forward pass uses each parameter at least once; less is usually GFLOP written as FLOP."""
    if entry["forward_flop"] and entry["forward_flop"] < max(entry["params"] or 0.0, 1e6):
        yield Finding(
            entry.row,
            "forward_flop",
            f"{entry['forward_flop']:g} FLOP a forward pass is less than one per parameter",
            "write FLOP, not GFLOP or multiply-adds in billions",
        )


@check("warning", "compute_scope")
def search_booked_as_training(entry: Entry, context: Context) -> Iterator[Finding]:
    """The cost of an architecture search is not that of training the model."""
    text = f"{entry['compute_source'] or ''} {entry['note'] or ''}"
    denied = (
        r"(not|no|without|excluding|separate from)[^.;]{0,40}search|search[^.;]{0,40}\b(not|no)\b"
    )
    if (
        entry["compute_scope"] != "search"
        and re.search(r"\bsearch(es|ed)?\b", text, re.IGNORECASE)
        and not re.search(denied, text, re.IGNORECASE)
    ):
        yield Finding(
            entry.row,
            "compute_scope",
            "source or note speak of a search",
            "write the scope search, or say in the note that the search is not included",
        )


@check("warning", "compute_scope")
def pretraining_left_out(entry: Entry, context: Context) -> Iterator[Finding]:
    """A model that starts from a pretrained one has not been paid for in full by its training."""
    if entry["compute_scope"] == "total" and entry["base_model"]:
        yield Finding(
            entry.row,
            "compute_scope",
            f'scope total, but it starts from "{entry["base_model"]}"',
            "write pretraining_missing, or leave base_model empty if the compute includes it",
        )
    elif entry["compute_scope"] == "pretraining_missing" and not entry["base_model"]:
        yield Finding(
            entry.row,
            "base_model",
            "pretraining is missing, but of what is not said",
            "name the pretrained model",
        )


@check("warning")
def formula_in_cell(entry: Entry, context: Context) -> Iterator[Finding]:
    """A text that begins like a formula is run by spreadsheets in which the file is opened."""
    for column, cell in entry.row.values.items():
        if isinstance(cell, str) and _FORMULA.match(cell):
            message = f'"{visible(cell, 40)}" would be run as a formula'
            yield Finding(entry.row, column, message, "begin with a letter or a digit")


@check("warning")
def invisible_characters(entry: Entry, context: Context) -> Iterator[Finding]:
    """Characters that cannot be seen make two names out of one, or turn the text beside them."""
    for column, cell in entry.row.values.items():
        if isinstance(cell, str) and not cell.isprintable():
            hidden = sorted({c for c in cell if not (c.isprintable() or c.isspace())})
            if hidden:
                names = ", ".join(f"U+{ord(c):04X}" for c in hidden)
                message = f"characters that cannot be seen: {names}"
                yield Finding(entry.row, column, message, "remove them")
