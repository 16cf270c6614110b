"""The columns of the corpus tables: the one description that reading, code book and docs share."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["slug", "text", "url", "number", "count", "date", "choice"]


@dataclass(frozen=True)
class Column:
    """One column of a corpus table.

    Parameters
    ----------
    name : str
        Header of the column.
    kind : {"slug", "text", "url", "number", "count", "date", "choice"}
        How a cell is read; numbers are positive and finite, a count is a whole number.
    description : str
        What the column holds, as printed in the code book.
    unit : str
        Unit of a number, empty where it has none.
    required : bool
        Whether an empty cell is an error.
    choices : tuple of str
        Allowed cells of a column of kind "choice".
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()


SCOPES = ("total", "pretraining_missing", "fine_tune_only", "search")
CONFIDENCES = ("confident", "likely", "speculative")
PRECISIONS = ("fp32", "fp16", "tf32", "tensor")
REPORTED_METHODS = ("hardware", "operations", "mixed", "comparison", "paper")

PAPERS: tuple[Column, ...] = (
    Column(
        "record_id",
        "slug",
        "Unique name of the record: one trained model's result on one benchmark.",
        required=True,
    ),
    Column(
        "paper",
        "slug",
        "Key of the publication in which this result appeared (first author, "
        "year, first word of the title; a model zoo is one publication). Records that share "
        "it are not independent.",
        required=True,
    ),
    Column("title", "text", "Title of the publication.", required=True),
    Column("url", "url", "Address at which the publication can be read.", required=True),
    Column("benchmark", "slug", "Benchmark, as named in `benchmarks.yaml`.", required=True),
    Column("model", "text", "Model as the publication names it.", required=True),
    Column(
        "date", "date", "First publication of the result, YYYY-MM or YYYY-MM-DD.", required=True
    ),
    Column(
        "method_date",
        "date",
        "First publication of the method, where the result appeared later: a known network "
        "measured or trained again.",
    ),
    Column("metric", "slug", "Metric of the value, as named in `benchmarks.yaml`.", required=True),
    Column("value", "number", "Metric as printed in the source.", "as the metric", required=True),
    Column("params", "number", "Parameters of the model.", "parameters"),
    Column("train_examples", "number", "Examples seen in one epoch.", "examples"),
    Column("epochs", "number", "Passes over `train_examples`.", "epochs"),
    Column(
        "forward_flop",
        "number",
        "FLOP of one forward pass of one example at training "
        "resolution; a multiply-add counts as 2.",
        "FLOP",
    ),
    Column("hardware", "text", "Training device: a `device` or alias of `hardware.csv`."),
    Column(
        "n_devices",
        "count",
        "Devices used at the same time; chips, not boards or cores.",
        "devices",
    ),
    Column("training_hours", "number", "Wall-clock time of the training run.", "h"),
    Column(
        "device_hours",
        "number",
        "Total device-hours, where the source does not split them into devices and hours.",
        "device h",
    ),
    Column(
        "precision",
        "choice",
        "Number format of the training run, where stated: selects the "
        "peak rate of the device. `tensor` is a 16-bit format on matrix units.",
        choices=PRECISIONS,
    ),
    Column(
        "reported_flop",
        "number",
        "Training compute as reported by the source or a database.",
        "FLOP",
    ),
    Column(
        "reported_flop_method",
        "choice",
        "How the reporter obtained `reported_flop`.",
        choices=REPORTED_METHODS,
    ),
    Column("extra_data", "text", "Training data beyond the benchmark's own training set."),
    Column("base_model", "text", "Pretrained model from which training started."),
    Column(
        "compute_scope",
        "choice",
        "What the compute figures cover: `total`; "
        "`pretraining_missing` (a pretrained start is not counted); `fine_tune_only`; `search` "
        "(an architecture search, not a training run).",
        required=True,
        choices=SCOPES,
    ),
    Column(
        "fixed_target",
        "text",
        "Level that the run was timed to reach, for results of the "
        'form "time to X"; such records never enter a fit of compute on error.',
    ),
    Column(
        "confidence",
        "choice",
        "Confidence in the compute figures: `confident` (plainly "
        "stated), `likely` (one quantity inferred), `speculative`.",
        required=True,
        choices=CONFIDENCES,
    ),
    Column("value_source", "text", "Where exactly the value stands.", required=True),
    Column("compute_source", "text", "Where exactly devices, time, operations or FLOP stand."),
    Column("note", "text", "Conversions and doubts."),
    Column(
        "waived",
        "text",
        "Warnings that are right about this row but no error, each with its reason: "
        "`check: reason; check: reason`.",
    ),
)

HARDWARE: tuple[Column, ...] = (
    Column("device", "text", "Unique name of the device; one chip.", required=True),
    Column("aliases", "text", "Other names, separated by `; `. An alias stands at one device."),
    Column("manufacturer", "text", "Maker of the device.", required=True),
    Column(
        "kind", "choice", "Kind of device.", required=True, choices=("GPU", "TPU", "NPU", "CPU")
    ),
    Column("release_date", "date", "Release, YYYY-MM or YYYY-MM-DD.", required=True),
    Column("peak_fp32_flop_per_s", "number", "Peak rate in FP32 outside matrix units.", "FLOP/s"),
    Column("peak_fp16_flop_per_s", "number", "Peak rate in FP16 outside matrix units.", "FLOP/s"),
    Column("peak_tf32_flop_per_s", "number", "Dense peak rate in TF32 on matrix units.", "FLOP/s"),
    Column(
        "peak_tensor_flop_per_s",
        "number",
        "Dense peak rate in FP16 or BF16 on matrix units; never the rate with structured sparsity.",
        "FLOP/s",
    ),
    Column("tdp_w", "number", "Thermal design power of one device.", "W"),
    Column("price_usd", "number", "Price of one device; see `price_kind`.", "US$"),
    Column("price_date", "date", "Date of the price."),
    Column(
        "price_kind",
        "choice",
        "Launch or list price, first quote found, or an estimate.",
        choices=("launch", "first_quote", "estimate"),
    ),
    Column("memory_gb", "number", "Memory of one device.", "GB"),
    Column("source", "text", "Who states the figures.", required=True),
    Column("url", "url", "Address of a datasheet or table."),
    Column("note", "text", "Conversions and doubts."),
    Column(
        "waived",
        "text",
        "Warnings that are right about this row but no error, each with its reason: "
        "`check: reason; check: reason`.",
    ),
)

PRICE_KINDS = ("on_demand", "one_year", "three_year", "purchase")

PRICES: tuple[Column, ...] = (
    Column(
        "device", "text", "Device: a `device` or alias of `hardware.csv`; one chip.", required=True
    ),
    Column("date", "date", "Day or month of the quote.", required=True),
    Column(
        "kind",
        "choice",
        "Rent per device-hour on demand or with a commitment of one or three years, or the price "
        "of one device.",
        required=True,
        choices=PRICE_KINDS,
    ),
    Column(
        "price_usd",
        "number",
        "Price as quoted, not adjusted for inflation.",
        "US$ per device-hour, or US$",
        required=True,
    ),
    Column("vendor", "text", "Who asked that price."),
    Column("source", "text", "Who collected the quote.", required=True),
    Column("url", "url", "Address at which the quote can be read.", required=True),
    Column("note", "text", "Conversions and doubts."),
)

GRID: tuple[Column, ...] = (
    Column("place", "text", "Country, group of countries, state or cloud region.", required=True),
    Column("code", "text", "ISO code of a country."),
    Column("year", "count", "Year of the figure.", required=True),
    Column(
        "g_co2e_per_kwh",
        "number",
        "Carbon intensity of the electricity generated there.",
        "g CO2e/kWh",
        required=True,
    ),
    Column("source", "text", "Who states the figure.", required=True),
    Column("url", "url", "Address at which it can be read.", required=True),
)

# Columns that checking adds to those of papers.csv.
DERIVED: tuple[Column, ...] = (
    Column("file", "text", "Corpus file of the record."),
    Column("line", "count", "Line of the record in that file."),
    Column("year", "number", "Date as a decimal year.", "years"),
    Column("method_year", "number", "`method_date`, else `date`, as a decimal year.", "years"),
    Column("error_kind", "text", "Error quantity that the metric measures."),
    Column("error", "number", "The metric as an error, a fraction."),
    Column("device", "text", "Device of `hardware.csv` that `hardware` names."),
    Column("peak_precision", "text", "Precision of the peak rate used."),
    Column("peak_precision_basis", "text", "`stated` by the record, or `default` of the device."),
    Column("peak_flop_per_s", "number", "Peak rate used.", "FLOP/s"),
    Column("peak_fp32_flop_per_s", "number", "FP32 peak rate of the device.", "FLOP/s"),
    Column("flop_hardware", "number", "Devices x peak rate x time.", "FLOP"),
    Column(
        "flop_hardware_fp32",
        "number",
        "Devices x FP32 peak rate x time, whatever the format of the run: shows how much the "
        "choice of the peak matters.",
        "FLOP",
    ),
    Column("flop_operations", "number", "3 x forward FLOP x examples x epochs.", "FLOP"),
    Column("flop_reported", "number", "The source's own figure.", "FLOP"),
    Column("flop_best", "number", "The first of these three that there is.", "FLOP"),
    Column("basis_best", "text", "Basis of `flop_best`."),
    Column("basis_reason", "text", "Why that basis."),
    Column(
        "compute_sd_decades",
        "number",
        "Standard deviation of log10 compute that the stated confidence stands for.",
        "decades",
    ),
    Column("excluded", "text", "Why the record enters no fit; empty if it does."),
)
