"""Our figures that answer claims, under every choice that matters."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.corpus.records import decimal_year
from scalelaw.cost.chain import Chain, Scenario
from scalelaw.cost.project import Estimate
from scalelaw.cost.tables import CostTables
from scalelaw.forecast.ensemble import ALL_FORMS
from scalelaw.streams import stream
from scalelaw.typography import number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Answer:
    """A figure of ours under one choice.

    Parameters
    ----------
    choice : str
        The choice in words, such as the direction of a regression.
    value, lower, upper : float
        Figure and interval; equal where there is no uncertainty, as in a count.
    how : str
        What it was read from, with the number of records and papers.
    refused : str
        Why there is no figure, empty if there is one.
    """

    choice: str
    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    how: str = ""
    refused: str = ""

    @classmethod
    def exact(cls, choice: str, value: float, how: str) -> "Answer":
        """Return a figure without uncertainty."""
        return cls(choice, value, value, value, how)


@dataclass(frozen=True)
class Results:
    """What quantities read.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Result tables by name of their file.
    benchmarks : mapping of str to Benchmark
        Benchmarks by key.
    costs : CostTables
        Devices, prices, grid and constants.
    basis : str
        Headline basis.
    level : float
        Level of the intervals.
    seed : int
        Seed of the run.
    """

    tables: Mapping[str, "pd.DataFrame"]
    benchmarks: Mapping[str, Benchmark]
    costs: CostTables
    basis: str
    level: float
    seed: int

    def rows(self, table: str, **wanted: Any) -> "pd.DataFrame":
        """Return the rows of a table whose columns have the wanted values."""
        frame = self.tables[table]
        for column, value in wanted.items():
            frame = frame[frame[column] == value]
        return frame


Quantity = Callable[..., Iterator[Answer]]
QUANTITIES: dict[str, Quantity] = {}
"""Quantities by name: each takes the results and the arguments of a claim."""

_DIRECTIONS = {
    "compute_on_error": "compute on error",
    "error_on_compute": "error on compute",
    "york": "York",
}


_REFUSED = {"": "every form", ALL_FORMS: "with the known floor"}
"""Choices for which a projection is refused where it is not one form that is."""


_SAMPLES = {"all": "all records", "state of the art": "leading records"}


def _quantity(function: Quantity) -> Quantity:
    QUANTITIES[function.__name__] = function
    return function


def _fitted_or_why(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Leave out choices that could not be fitted, which say nothing, unless none could be."""
    found = list(answers)
    yield from [answer for answer in found if not answer.refused] or found[:1]


def _doubling(slope: float, lower: float, upper: float) -> tuple[float, float, float]:
    """Return doubling time and interval in years for a slope in decades a year and its interval.

    Where the slope may be zero, the doubling time has no upper end; where it is negative for
    certain, the times are negative.
    """
    two = math.log10(2)
    if lower <= 0 < upper:
        return two / slope if slope > 0 else math.inf, two / upper, math.inf
    if upper == 0:
        return math.inf, math.inf, math.inf
    return two / slope, two / upper, two / lower


def _size(row: "pd.Series") -> str:
    return f"{row['n_records']:.0f} records, {row['n_papers']:.0f} papers"


@_quantity
def exponent(results: Results, benchmark: str) -> Iterator[Answer]:
    """Exponent of compute in 1/error: every direction, and every choice of records and rates."""
    yield from _fitted_or_why(_exponents(results, benchmark))


def _exponents(results: Results, benchmark: str) -> Iterator[Answer]:
    rows = results.rows("exponents", benchmark=benchmark, basis=results.basis)
    for _, row in rows.iterrows():
        choice = _DIRECTIONS[row["direction"]]
        if row["status"] != "fitted":
            yield Answer(choice, refused=row["status"])
            continue
        how = f"exponents.csv, {results.basis} basis, {_size(row)}"
        yield Answer(choice, row["exponent"], row["ci_lower"], row["ci_upper"], how)
    sensitivity = results.rows("sensitivity", benchmark=benchmark)
    for _, row in sensitivity.iterrows() if results.basis == "hardware" else ():
        # The first repeats the headline; a choice with too few papers says nothing.
        if row["status"] == "fitted" and row["sample"] != "all, as used":
            how = f"sensitivity.csv, hardware basis, {_size(row)}"
            yield Answer(row["sample"], row["exponent"], row["ci_lower"], row["ci_upper"], how)


@_quantity
def halving_factor(results: Results, benchmark: str) -> Iterator[Answer]:
    """Factor of compute for half the error: two to the power of each exponent."""
    for answer in exponent(results, benchmark):
        if answer.refused:
            yield answer
            continue
        with np.errstate(over="ignore"):
            value, low, high = np.exp2([answer.value, answer.lower, answer.upper])
        yield Answer(answer.choice, float(value), float(low), float(high), answer.how)


@_quantity
def theoretical_exponent(
    results: Results, design: str, quantity: str, model: str
) -> Iterator[Answer]:
    """Exponent of the simulation, for every level of noise."""
    yield from _fitted_or_why(_theoretical_exponents(results, design, quantity, model))


def _theoretical_exponents(
    results: Results, design: str, quantity: str, model: str
) -> Iterator[Answer]:
    found = results.rows("theory_exponents", design=design, quantity=quantity, model=model)
    for _, row in found.iterrows():
        choice = f"noise {row['noise_sd']:g}"
        if row["status"] != "fitted":
            yield Answer(choice, refused=row["status"])
        else:
            how = f"theory/exponents.csv, {row['n_sizes']:.0f} sample sizes"
            yield Answer(choice, row["exponent"], row["lower"], row["upper"], how)


@_quantity
def overtaking(results: Results) -> Iterator[Answer]:
    """Whether the flexible models overtake the expert: 1 where they do, 0 where not."""
    for _, row in results.tables["overtaking"].iterrows():
        reached = not math.isnan(row["sample_size"]) and not math.isnan(row["flop"])
        how = f"theory/overtaking.csv: {row['status']}"
        if reached:
            how = (
                f"theory/overtaking.csv: from {row['sample_size']:,.0f} samples, "
                f"{number(row['flop'])} FLOP"
            )
        yield Answer.exact(f"{row['challenger']}, noise {row['noise_sd']:g}", float(reached), how)


@_quantity
def pair_ratio(
    results: Results, before: str, after: str, component: str, shortest_hours: float = math.nan
) -> Iterator[Answer]:
    """Ratio of a part of the compute of two records.

    Where the paper of the first prints a range of hours, its shortest bounds the ratio.
    """
    hours = results.tables["records"].set_index("record_id")["training_hours"]
    for _, row in results.rows("pairs", before=before, after=after, component=component).iterrows():
        ratio, how = row["ratio"], "decomposition/pairs.csv"
        if math.isnan(shortest_hours):
            yield Answer.exact("the two records", ratio, how)
        else:
            most = ratio * hours[before] / shortest_hours
            yield Answer("the two records", ratio, ratio, most, how)


@_quantity
def pair_error_ratio(results: Results, before: str, after: str) -> Iterator[Answer]:
    """Ratio of the errors of two records."""
    error = results.tables["records"].set_index("record_id")["error"]
    if before in error.index and after in error.index:
        yield Answer.exact("the two records", error[before] / error[after], "records.csv")


@_quantity
def hardware_ratio(
    results: Results, reference_flop_per_s: float, from_year: int, to_year: int, reference: str
) -> Iterator[Answer]:
    """FP32 peak rate of devices of some years over a reference rate: slowest to fastest."""
    devices = results.costs.hardware.table()
    year = devices["release_date"].map(decimal_year)
    rate = devices["peak_fp32_flop_per_s"]
    mine = rate[(year >= from_year) & (year < to_year + 1) & rate.notna()] / reference_flop_per_s
    if len(mine):
        how = f"hardware.csv, {len(mine)} devices of {from_year} to {to_year}, over the {reference}"
        yield Answer("slowest to fastest device", mine.median(), mine.min(), mine.max(), how)


@_quantity
def parameters_per_example(
    results: Results, benchmark: str, record: str, examples: float
) -> Iterator[Answer]:
    """Parameters of a record's model over a number of training examples."""
    mine = results.rows("records", benchmark=benchmark, record_id=record)
    for _, row in mine.iterrows():
        how = f"records.csv: {row['model']}, {number(row['params'])} parameters"
        yield Answer.exact(row["model"], row["params"] / examples, how)


@_quantity
def lowest_error(results: Results, benchmark: str, until: str) -> Iterator[Answer]:
    """Lowest error of the corpus on a benchmark up to a date, with or without compute."""
    definition = results.benchmarks[benchmark]
    records = results.rows(
        "records", benchmark=benchmark, error_kind=definition.fitted, fixed_target=""
    )
    mine = records[records["year"] < decimal_year(until)]
    if len(mine):
        best = mine.loc[mine["error"].idxmin()]
        how = f"records.csv: {best['model']} ({best['date'][:4]}), of {len(mine)} records"
        choice = f"lowest before {until}"
        newest = float(records["year"].max())
        if newest < decimal_year(until):
            # What came later may be lower.
            how += f"; the corpus ends in {int(newest)}"
            yield Answer(choice, best["error"], 0.0, best["error"], how)
        else:
            yield Answer.exact(choice, best["error"], how)


@_quantity
def projection(results: Results, benchmark: str, error: float, quantity: str) -> Iterator[Answer]:
    """A projected quantity under each form, or why there is none.

    Where the known floor refuses the target, power law and exponential are told as if there were no
    floor, beside the refusal.
    """
    rows = results.rows("projections", benchmark=benchmark, error=error)
    for _, row in rows.iterrows():
        if row["status"] != "projected":
            yield Answer(_REFUSED.get(row["form"], f"{row['form']} form"), refused=row["status"])
        elif row["quantity"] == quantity and row["form"] != ALL_FORMS:
            beyond = row["decades_beyond"]
            how = f"projections.csv, {row['device']}, {beyond:.1f} decades beyond the data"
            ignored = (
                " form, as if there were no floor" if row["known_floor"] == "ignored" else " form"
            )
            choice = f"{row['form']}{ignored}"
            yield Answer(choice, row["median"], row["lower"], row["upper"], how)


@_quantity
def cost_of_flop(
    results: Results, flop: float, device: str, year: int, places: list[str]
) -> Iterator[Answer]:
    """Dollars that operations cost on a rented device of a year, utilisation allowed for."""
    scenario = Scenario(device, year, tuple(places))
    chain = Chain.draw(results.costs, scenario, 4000, stream(results.seed, "claims", device))
    logs = chain.log_costs(np.full(4000, math.log10(flop)), "operations")
    found = Estimate.of(logs["usd"], results.level)
    how = f"{chain.device.name}, rents of {year}, prices.csv and costs.yaml"
    yield Answer("rented", found.median, found.lower, found.upper, how)


@_quantity
def form_preference(results: Results) -> Iterator[Answer]:
    """AICc of the exponential less that of the power law, over resampled papers.

    A difference of two or less is none, however narrow the interval.
    """
    rows = results.rows("curves", basis=results.basis, form="exponential")
    for _, row in rows[rows["aicc_over_power"].notna()].iterrows():
        gain = row["aicc_over_power"]
        low = min(row["aicc_over_power_lower"], gain - 2)
        high = max(row["aicc_over_power_upper"], gain + 2)
        name = results.benchmarks[row["benchmark"]].name
        yield Answer(name, gain, low, high, f"curves.csv, {_size(row)}")


@_quantity
def r_squared(results: Results, benchmark: str = "") -> Iterator[Answer]:
    """R2 of log compute and log 1/error, of one benchmark or of each."""
    rows = results.rows("curves", basis=results.basis)
    # The power law's line of compute on error, or the benchmark's only row where it is not fitted.
    first = rows[rows["r_squared"].notna()].drop_duplicates("benchmark")
    for _, row in first.iterrows():
        if benchmark in ("", row["benchmark"]):
            name = results.benchmarks[row["benchmark"]].name
            low, high = row["r_squared_lower"], row["r_squared_upper"]
            yield Answer(name, row["r_squared"], low, high, f"curves.csv, {_size(row)}")


@_quantity
def r_squared_added_by_year(results: Results, benchmark: str) -> Iterator[Answer]:
    """Points of R2 that the year adds to compute."""
    rows = results.rows(
        "gains", benchmark=benchmark, component="total", effect="error_on_compute", sample="all"
    )
    for _, row in rows.iterrows():
        names = ("r_squared_added", "r_squared_added_lower", "r_squared_added_upper")
        value, low, high = (100 * row[name] for name in names)
        yield Answer("all records", value, low, high, f"decomposition/gains.csv, {_size(row)}")


@_quantity
def algorithmic_halving_months(results: Results, benchmark: str) -> Iterator[Answer]:
    """Months in which better algorithms halve the compute for a given error."""
    for _, row in results.rows("gains", benchmark=benchmark, component="algorithms").iterrows():
        choice = f"{_SAMPLES[row['sample']]}, {_DIRECTIONS[row['effect']]}"
        how = f"decomposition/gains.csv, {_size(row)}"
        value, low, high = (12 * row[f"halving_{name}"] for name in ("years", "lower", "upper"))
        yield Answer(choice, value, low, high, how)


@_quantity
def algorithmic_factor(results: Results, benchmark: str, years: float) -> Iterator[Answer]:
    """Factor of compute that so many years of better algorithms are worth."""
    for answer in algorithmic_halving_months(results, benchmark):
        # The shortest halving time is the largest factor; one of zero has no limit.
        months = np.array([answer.value, answer.upper, answer.lower])
        with np.errstate(divide="ignore"):
            value, low, high = np.exp2(12 * years / months)
        yield Answer(answer.choice, float(value), float(low), float(high), answer.how)


@_quantity
def efficiency_halving_months(
    results: Results, benchmark: str, fixed_target: str, series: str
) -> Iterator[Answer]:
    """Months in which the compute that reaches a fixed level halves: trend and frontier."""
    rows = results.rows(
        "efficiency", benchmark=benchmark, fixed_target=fixed_target, series=series, status="fitted"
    )
    for _, row in rows.iterrows():
        how = f"efficiency.csv, {row['n_records']:.0f} records"
        value, low, high = (
            12 * years for years in _doubling(-row["slope"], -row["upper"], -row["lower"])
        )
        yield Answer("trend through all records", value, low, high, how)
        frontier = 12 * row["frontier_halving_years"]
        yield Answer.exact("first to best record", frontier, how)


@_quantity
def efficiency_gain(
    results: Results, benchmark: str, fixed_target: str, series: str
) -> Iterator[Answer]:
    """Compute of the first method that reached a level over the least of all."""
    rows = results.rows(
        "efficiency", benchmark=benchmark, fixed_target=fixed_target, series=series, status="fitted"
    )
    for _, row in rows.iterrows():
        how = f"efficiency.csv, {row['n_records']:.0f} records"
        yield Answer.exact("first to best record", row["gain"], how)


@_quantity
def gain_share(results: Results, benchmark: str, component: str) -> Iterator[Answer]:
    """Percent of the gain in error that a part explains, for records that led at their date."""
    rows = results.rows(
        "gains", benchmark=benchmark, component=component, sample="state of the art"
    )
    for _, row in rows[rows["share"].notna()].iterrows():
        value, low, high = (100 * row[f"share{end}"] for end in ("", "_lower", "_upper"))
        how = f"decomposition/gains.csv, {_size(row)}"
        yield Answer(_DIRECTIONS[row["effect"]], value, low, high, how)


@_quantity
def hardware_doubling_years(results: Results, trend: str, kinds: list[str]) -> Iterator[Answer]:
    """Years in which a quantity of devices doubles, for each selection of devices."""
    for kind in kinds:
        for _, row in results.rows("hardware_trends", quantity=trend, kind=kind).iterrows():
            if row["status"] == "fitted":
                how = f"hardware_trends.csv, {row['n_devices']:.0f} devices"
                value, low, high = _doubling(row["slope"], row["lower"], row["upper"])
                yield Answer(kind, value, low, high, how)


@_quantity
def compute_growth_per_year(results: Results, benchmark: str) -> Iterator[Answer]:
    """Factor by which training compute has grown a year, as used and at FP32 rates."""
    rows = results.rows(
        "trends", benchmark=benchmark, regressor="year", component="total", status="fitted"
    )
    for _, row in rows.iterrows():
        value, low, high = (10.0 ** row[name] for name in ("slope", "lower", "upper"))
        yield Answer(f"rates {row['rates']}", value, low, high, f"trends.csv, {_size(row)}")
