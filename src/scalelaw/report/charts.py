"""The report's interactive charts: their data, once for all, and their specifications."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.report import words
from scalelaw.typography import number

if TYPE_CHECKING:
    import altair as alt

MOST_POINTS = 5000
"""Records of all benchmarks together that charts show; beyond, every so many-th is taken."""

BASES = tuple(words.BASIS_WORDS)
_LINE_POINTS = 24
_MOST_USD = 1e15
_SHARES = (-1.0, 2.0)
_INK = "var(--ink)"
_POWERS = (
    "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) > 1e-6 ? '' : "
    "'10' + (datum.value < 1 ? '⁻' : '') + "
    "(abs(log(datum.value) / LN10) > 9.5 ? slice('⁰¹²³⁴⁵⁶⁷⁸⁹',"
    " floor(abs(round(log(datum.value) / LN10)) / 10) % 10,"
    " floor(abs(round(log(datum.value) / LN10)) / 10) % 10 + 1) : '') + "
    "slice('⁰¹²³⁴⁵⁶⁷⁸⁹', abs(round(log(datum.value) / LN10)) % 10,"
    " abs(round(log(datum.value) / LN10)) % 10 + 1)"
)
"""Vega expression of a tick of a logarithmic axis: powers of ten up to 99, others empty."""

_MEASURES = {
    "FP32 rate": (None, "FP32 rate (FLOP/s)"),
    "FP32 rate per dollar": ("price_usd", "FP32 rate per dollar (FLOP/s per US$ of the day)"),
    "FP32 rate per watt": ("tdp_w", "FP32 rate per watt (FLOP/s per W)"),
}

Rows = dict[str, list[Any]]


@dataclass(frozen=True)
class Control:
    """A choice of the reader that a signal of the chart follows."""

    signal: str
    label: str
    kind: str
    options: list[tuple[str, str]] = field(default_factory=list)
    value: str | bool = True


@dataclass(frozen=True)
class Chart:
    """A chart, what it says in words, its controls, and which data stand in its table."""

    key: str
    title: str
    text: str
    controls: list[Control]
    spec: dict[str, Any]
    dataset: str
    columns: list[tuple[str, str]]


@dataclass(frozen=True)
class Charts:
    """All charts by key, and the data that they share by name, as columns."""

    charts: dict[str, Chart]
    datasets: dict[str, Rows]

    def data(self) -> dict[str, Any]:
        """Return what the script of the page reads."""
        return {
            "datasets": self.datasets,
            "charts": {key: asdict(chart) for key, chart in self.charts.items()},
        }


def build_charts(
    records: pd.DataFrame,
    fits: Path,
    devices: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    benchmarks: Mapping[str, Benchmark],
    basis: str,
    level: float,
) -> Charts:
    """Return the charts of the results; a chart without data is left out.

    Parameters
    ----------
    records : pandas.DataFrame
        Records of the corpus.
    fits : path
        Folder of stored fits.
    devices : pandas.DataFrame
        Columns of the table of hardware and a decimal ``year`` of release.
    tables : mapping of str to DataFrame
        Result tables of the report.
    benchmarks : mapping of str to Benchmark
        Benchmarks shown, in order.
    basis : str
        Basis shown at first.
    level : float
        Level of the bands.
    """
    names = {key: benchmark.name for key, benchmark in benchmarks.items()}
    shown, n_records = record_points(records, names)
    lines = line_points(fits, shown, level)
    datasets = {
        "records": shown,
        "lines": lines,
        "refused": refusals(tables["exponents"], names),
        "trends": trend_rows(tables["trends"], names),
        "gains": gain_rows(tables["gains"], names),
        "devices": device_points(devices),
        "device_lines": device_lines(devices, tables["hardware_trends"]),
        "scores": score_rows(tables["scores"], names),
        "coverage": coverage_rows(tables["scores"], names),
        "curves": curve_rows(tables["learning_curves"]),
        "projections": projection_rows(tables["projections"], names),
    }
    makers: dict[str, Callable[[], Chart]] = {
        "records": lambda: _compute_error(datasets, benchmarks, basis, level, n_records),
        "trends": lambda: _growth(datasets, level),
        "gains": lambda: _gain_shares(datasets, level),
        "devices": lambda: _hardware(datasets),
        "scores": lambda: _off_by(datasets),
        "coverage": lambda: _coverage(datasets, names),
        "curves": lambda: _theory(datasets),
        "projections": lambda: _projections(datasets, names, level),
    }
    found = [make() for name, make in makers.items() if len(datasets[name])]
    charts = {chart.key: chart for chart in found}
    used = {*(chart.dataset for chart in charts.values()), "lines", "refused", "device_lines"}
    packed = {name: columns_of(frame) for name, frame in datasets.items() if name in used}
    return Charts(charts, packed)


def record_points(records: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """Return the records in fits that have compute, at most `MOST_POINTS`, and how many there are.

    The first and the last record and evenly spaced ones between stay, in the order of the corpus.
    """
    flop = [f"flop_{basis}" for basis in BASES]
    with_compute = records[flop].notna().any(axis=1) & records["benchmark"].isin(names)
    used = records[(records["excluded"] == "") & with_compute]
    found = len(used)
    if found > MOST_POINTS:
        used = used.iloc[np.linspace(0, found - 1, MOST_POINTS).round().astype(int)]
    used = used.assign(
        paper=used["title"].where(used["title"] != "", used["paper"]),
        date=used["date"].str[:7],
        url=used["url"].where(used["url"].map(safe), ""),
    )
    columns = ["benchmark", "model", "paper", "date", "device", "url", "error", *flop]
    return used[columns].rename(columns={f"flop_{basis}": basis for basis in BASES}), found


def safe(url: str) -> bool:
    """Return whether an address may be opened from the page."""
    return url.startswith(("https://", "http://"))


def line_points(fits: Path, points: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return points along the stored fits with their bands, cut to the errors that are shown."""
    from scalelaw.fit.line_result import LineResult

    rows = []
    for benchmark, mine in points.groupby("benchmark", sort=False):
        low, high = mine["error"].min() / 1.1, mine["error"].max() * 1.1
        for basis in BASES:
            for direction in words.DIRECTION_WORDS:
                path = fits / f"{benchmark}.{basis}.{direction}.json"
                if not path.is_file():
                    continue
                result = LineResult.from_json(path.read_text(encoding="utf-8"))
                first, last = np.log10(result.x_range[0])
                grid = result.predict(np.logspace(first, last, _LINE_POINTS), level)
                rows.append(
                    pd.DataFrame(
                        {
                            "benchmark": benchmark,
                            "basis": basis,
                            "direction": direction,
                            "flop": grid[result.law.x],
                            "error": grid["predicted"].where(grid["predicted"].between(low, high)),
                            "lower": grid["lower"].clip(low, high),
                            "upper": grid["upper"].clip(low, high),
                        }
                    )
                )
    columns = ["benchmark", "basis", "direction", "flop", "error", "lower", "upper"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def refusals(exponents: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return why lines are missing."""
    mine = exponents[(exponents["status"] != "fitted") & exponents["benchmark"].isin(names)]
    return mine[["benchmark", "basis", "direction", "status"]]


def _named(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    frame = frame[frame["benchmark"].isin(names)]
    return frame.assign(name=frame["benchmark"].map(names))


def _floats(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a table whose columns are numbers also where it is empty."""
    return frame.astype(dict.fromkeys(columns, "float64"))


def trend_rows(trends: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the growth of compute a year by its parts."""
    mine = trends[(trends["status"] == "fitted") & (trends["regressor"] == "year")]
    mine = mine[mine["component"].isin(["peak_rate", "devices", "hours", "total"])]
    mine = mine.assign(part=mine["component"].map(words.COMPONENT_WORDS))
    mine = _floats(mine, "slope", "lower", "upper")
    return _named(mine, names)[["name", "rates", "part", "slope", "lower", "upper"]]


def gain_rows(gains: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the shares of hardware, scale and algorithms in gains that are certain."""
    mine = gains[(gains["status"] == "fitted") & gains["share"].notna()]
    mine = mine[mine["component"].isin(["hardware", "scale", "algorithms"])]
    mine = _floats(mine, "share", "share_lower", "share_upper")
    mine = mine.assign(
        part=mine["component"],
        from_share=mine["share_lower"].clip(*_SHARES),
        to_share=mine["share_upper"].clip(*_SHARES),
    )
    columns = ["name", "sample", "effect", "part", "share", "share_lower", "share_upper"]
    return _named(mine, names)[[*columns, "from_share", "to_share"]]


def device_points(devices: pd.DataFrame) -> pd.DataFrame:
    """Return the rate of each device, by itself, per dollar and per watt."""
    known = devices[(devices["kind"] != "CPU") & devices["peak_fp32_flop_per_s"].notna()]
    parts = []
    for measure, (divisor, _) in _MEASURES.items():
        value = known["peak_fp32_flop_per_s"] / (known[divisor] if divisor else 1.0)
        part = known[["device", "kind", "year", "url"]].assign(
            released=known["release_date"].str[:7], measure=measure, value=value
        )
        parts.append(part[value.notna()])
    frame = pd.concat(parts, ignore_index=True)
    url = frame["url"].fillna("").astype("str")
    return frame.assign(url=url.where(url.map(safe), ""))


def device_lines(devices: pd.DataFrame, trends: pd.DataFrame) -> pd.DataFrame:
    """Return both ends of the trends of GPUs: of their slope, through the mean of the devices."""
    points = device_points(devices)
    rows = []
    fitted = trends[(trends["status"] == "fitted") & trends["kind"].isin(["GPU", "GeForce"])]
    for trend in fitted.itertuples(index=False):
        mine = points[(points["measure"] == trend.quantity) & (points["kind"] == "GPU")]
        if trend.kind == "GeForce":
            mine = mine[mine["device"].str.contains("GeForce")]
        if mine.empty or not math.isfinite(float(trend.doubling_upper)):
            continue
        middle, log = mine["year"].mean(), np.log10(mine["value"]).mean()
        rows += [
            {
                "measure": trend.quantity,
                "trend": "all GPUs" if trend.kind == "GPU" else "GeForce cards",
                "year": year,
                "value": 10 ** (log + float(trend.slope) * (year - middle)),
            }
            for year in (mine["year"].min(), mine["year"].max())
        ]
    return pd.DataFrame(rows, columns=["measure", "trend", "year", "value"])


def score_rows(scores: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return by what factor the middle prediction of each model was off."""
    off_by = 10 ** scores["median_abs_error_decades"].astype("float64")
    columns = ["name", "model", "off_by", "n_records", "n_papers"]
    return _named(scores.assign(off_by=off_by), names)[columns]


def coverage_rows(scores: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the share of later records that intervals held, by what they should hold."""
    parts = [
        _named(scores, names)[["benchmark", "model", f"covered_{nominal}"]]
        .rename(columns={f"covered_{nominal}": "held"})
        .assign(nominal=nominal / 100)
        for nominal in (50, 80, 95)
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame[frame["held"].notna()]


def curve_rows(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the simulated learning curves of a fixed number of candidates."""
    fixed = curves[curves["design"] == "fixed"]
    noise = fixed["noise_sd"].map("{:g}".format)
    columns = ["noise", "model", "sample_size", "flop", "performance", "lower", "upper"]
    return fixed.assign(noise=noise)[columns]


def projection_rows(projections: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the dollars of each target and form, as far as the scale goes."""
    usd = projections[projections["quantity"] == "usd"]
    usd = _floats(usd, "error", "median", "lower", "upper")
    usd = usd[usd["median"] < _MOST_USD]
    target = usd["error"].map(lambda error: f"{number(100 * error)}%")
    form = usd["form"] + usd["known_floor"].map(lambda f: ", no floor" if f == "ignored" else "")
    usd = usd.assign(target=target, form=form, to_usd=usd["upper"].clip(upper=_MOST_USD))
    columns = ["benchmark", "target", "form", "median", "lower", "upper", "to_usd"]
    return _named(usd, names)[columns]


def columns_of(frame: pd.DataFrame) -> Rows:
    """Return columns as lists; numbers of five digits, and nothing where they are not finite."""
    return {str(name): list(_plain(frame[name])) for name in frame.columns}


def _plain(values: pd.Series) -> Iterator[Any]:
    if not pd.api.types.is_numeric_dtype(values.dtype):
        yield from (str(value) for value in values)
        return
    for value in values:
        digits = 7 if values.name == "year" else 5
        yield float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _data(name: str) -> "alt.NamedData":
    import altair as alt

    return alt.NamedData(name=name)


def _log(title: Any, powers: bool = True) -> dict[str, Any]:
    import altair as alt

    axis = alt.Axis(labelExpr=_POWERS, tickCount=8, grid=False) if powers else alt.Axis(tickCount=6)
    return {
        "title": title,
        "scale": alt.Scale(type="log", nice=False, padding=10),
        "axis": axis,
    }


def _from_zero(**properties: Any) -> Any:
    """Return an axis with few lines, of which that at zero stands out."""
    import altair as alt

    colour = alt.when("datum.value === 0").then(alt.value(_INK)).otherwise(alt.value("var(--line)"))
    return alt.Axis(grid=True, tickCount=6, gridColor=colour, **properties)


def _words() -> Any:
    """Return an axis whose labels are a word a line where the page is narrow."""
    import altair as alt

    return alt.Axis(labelExpr="narrow ? split(datum.label, ' ') : datum.label")


def _following(signal: str, titles: Mapping[str, str]) -> str:
    """Return the title of an axis that follows a choice, for the script to make a signal of."""
    return f"signal:{json.dumps(titles, ensure_ascii=False)}[{signal}]"


def _spec(chart: Any, controls: Sequence[Control], height: int) -> dict[str, Any]:
    """Return a chart as wide as its place, with a signal for each control."""
    import altair as alt

    signals = [alt.param(name=c.signal, value=c.value) for c in controls]
    spec: dict[str, Any] = (
        chart.add_params(*signals).properties(width="container", height=height).to_dict()
    )
    del spec["config"]
    return spec


def _intervals(
    dataset: str,
    x: Any,
    ends: tuple[str, str],
    y: Any,
    part: str,
    parts: Sequence[str],
    tooltip: list[Any],
    where: str,
    limits: tuple[float, float] | None = None,
) -> Any:
    """Return dots with their intervals, side by side for the parts of each row.

    Of dots beyond limits an arrow at the edge tells.
    """
    import altair as alt

    # Colours and shapes have the same scale, so that they share a legend.
    same: dict[str, Any] = {"title": None, "sort": None, "scale": alt.Scale(domain=list(parts))}
    base = (
        alt.Chart(_data(dataset))
        .transform_filter(where)
        .encode(y=y, yOffset=alt.YOffset(part, sort=None), color=alt.Color(part, **same))
    )
    rule = base.mark_rule(strokeWidth=2, opacity=0.6, clip=True).encode(
        x=alt.X(f"{ends[0]}:Q"), x2=alt.X2(ends[1])
    )
    dots = base.mark_point(filled=True, size=55, opacity=1, clip=True).encode(
        x=x, shape=alt.Shape(part, **same), tooltip=tooltip
    )
    layers = [rule, dots]
    if limits:
        field = x.shorthand.split(":")[0]
        sides = (f"< {limits[0]}", "left", limits[0]), (f"> {limits[1]}", "right", limits[1])
        layers += [
            base.transform_filter(f"datum.{field} {beyond}")
            .mark_point(filled=True, size=90, opacity=1, shape=f"triangle-{side}")
            .encode(x=alt.datum(edge), tooltip=tooltip)
            for beyond, side, edge in sides
        ]
    return alt.layer(*layers)


def _benchmark_control(frame: pd.DataFrame, names: Mapping[str, str]) -> Control:
    present = [(key, name) for key, name in names.items() if (frame["benchmark"] == key).any()]
    first = present[0][0] if present else ""
    return Control("benchmark", "Benchmark", "select", present, first)


def _compute_error(
    datasets: Mapping[str, pd.DataFrame],
    benchmarks: Mapping[str, Benchmark],
    basis: str,
    level: float,
    n_records: int,
) -> Chart:
    import altair as alt

    points = datasets["records"]
    names = {key: benchmark.name for key, benchmark in benchmarks.items()}
    controls = [
        _benchmark_control(points, names),
        Control("basis", "Compute", "radio", [(b, b) for b in BASES], basis),
        *(Control(d, text, "check") for d, text in words.DIRECTION_WORDS.items()),
    ]
    directions = list(words.DIRECTION_WORDS)
    colour = alt.Color(
        "direction:N",
        title=None,
        legend=None,
        scale=alt.Scale(domain=directions, range=["var(--c1)", "var(--c2)", "var(--c3)"]),
    )
    x = alt.X("flop:Q", **_log("training compute (FLOP)"))
    shown = " || ".join(f"(datum.direction === '{d}' && {d})" for d in directions)
    fits = (
        alt.Chart(_data("lines"))
        .transform_filter("datum.benchmark === benchmark && datum.basis === basis")
        .transform_filter(shown)
    )
    labels = {key: benchmark.error_label for key, benchmark in benchmarks.items()}
    log = _log(_following("benchmark", labels), powers=False) | {
        "axis": alt.Axis(format="~%", tickCount=6)
    }
    y = alt.Y("error:Q", **log)
    band = fits.mark_area(opacity=0.16).encode(
        x=x, y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"), color=colour
    )
    lines = fits.mark_line(strokeWidth=2.5).encode(
        x=x,
        y=y,
        color=colour,
        strokeDash=alt.StrokeDash(
            "direction:N",
            legend=None,
            scale=alt.Scale(domain=directions, range=[[1, 0], [7, 4], [2, 3]]),
        ),
    )
    dots = (
        alt.Chart(_data("records"))
        .transform_filter("datum.benchmark === benchmark")
        .transform_calculate(flop="datum[basis]")
        .transform_filter("isValid(datum.flop)")
        .mark_circle(size=42, opacity=0.65, color=_INK, cursor="pointer")
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("paper:N", title="Paper"),
                alt.Tooltip("date:N", title="Date"),
                alt.Tooltip("device:N", title="Device"),
                alt.Tooltip("error:Q", title="Error", format=".3~%"),
                alt.Tooltip("flop:Q", title="FLOP", formatType="shown"),
            ],
        )
    )
    capped = (
        f" Of {n_records:,} records {len(points):,} are shown, evenly taken."
        if n_records > len(points)
        else ""
    )
    return Chart(
        "compute-error",
        "Compute against error",
        f"Each of the {len(points):,} dots over all benchmarks is one published result: point at "
        "it for its model, click it (or tap it twice) for its paper. Lines are the stored fits in "
        f"three directions, bands their {level:.0%} intervals, cut where no result lies.{capped}",
        controls,
        _spec(alt.layer(band, lines, dots), controls, 400),
        "records",
        [("model", "Model"), ("paper", "Paper"), ("date", "Date"), ("device", "Device"),
         ("error", "Error"), ("=basis", "FLOP")],
    )  # fmt: skip


def _growth(datasets: Mapping[str, pd.DataFrame], level: float) -> Chart:
    import altair as alt

    rows = datasets["trends"]
    controls = [
        Control(
            "rates", "Devices counted", "radio",
            [("as used", "at the rate used"), ("all FP32", "all at FP32")], "as used",
        )
    ]  # fmt: skip
    parts = [words.COMPONENT_WORDS[c] for c in ("peak_rate", "devices", "hours", "total")]
    chart = _intervals(
        "trends",
        alt.X("slope:Q", title="powers of ten of compute a year", axis=_from_zero()),
        ("lower", "upper"),
        alt.Y("name:N", title=None, sort=None, axis=_words()),
        "part:N",
        parts,
        [
            alt.Tooltip("name:N", title="Benchmark"),
            alt.Tooltip("part:N", title="Part"),
            alt.Tooltip("slope:Q", title="Decades a year", format=".2f"),
            alt.Tooltip("lower:Q", title="From", format=".2f"),
            alt.Tooltip("upper:Q", title="To", format=".2f"),
        ],
        "datum.rates === rates",
    )
    total = rows[rows["part"] == parts[-1]]
    certain = (total["lower"] > 0).groupby(total["rates"]).agg(["sum", "size"])
    told = " and ".join(
        f"on {certain['sum'][rates]} of {certain['size'][rates]} benchmarks {at}"
        for rates, at in controls[0].options
        if rates in certain.index
    )
    return Chart(
        "growth",
        "What made training runs bigger",
        "Faster devices, more devices and longer runs add up to the growth of compute in all, "
        f"with {level:.0%} intervals. Compute certainly grew {told}.",
        controls,
        _spec(chart, controls, max(160, 62 * rows["name"].nunique())),
        "trends",
        [("name", "Benchmark"), ("part", "Part"), ("slope", "Decades a year"), ("lower", "From"),
         ("upper", "To")],
    )  # fmt: skip


def _gain_shares(datasets: Mapping[str, pd.DataFrame], level: float) -> Chart:
    import altair as alt

    rows = datasets["gains"]
    samples = [
        s for s in ("state of the art", "all") if not len(rows) or (rows["sample"] == s).any()
    ]
    effects = [e for e in ("error_on_compute", "compute_on_error") if e in set(rows["effect"])]
    controls = [
        Control("sample", "Records", "radio", [(s, s) for s in samples], samples[0]),
        Control(
            "effect", "Compute valued by", "radio",
            [(e, words.DIRECTION_WORDS[e]) for e in effects], effects[0] if effects else "",
        ),
    ]  # fmt: skip
    chart = _intervals(
        "gains",
        alt.X(
            "share:Q",
            title="share of the gain",
            axis=_from_zero(format="%"),
            scale=alt.Scale(domain=list(_SHARES), nice=False),
        ),
        ("from_share", "to_share"),
        alt.Y("name:N", title=None, sort=None, axis=_words()),
        "part:N",
        ["hardware", "scale", "algorithms"],
        [
            alt.Tooltip("name:N", title="Benchmark"),
            alt.Tooltip("part:N", title="Part"),
            alt.Tooltip("share:Q", title="Share", format=".0%"),
            alt.Tooltip("share_lower:Q", title="From", format=".0%"),
            alt.Tooltip("share_upper:Q", title="To", format=".0%"),
        ],
        "datum.sample === sample && datum.effect === effect",
        limits=_SHARES,
    )
    return Chart(
        "gain-shares",
        "What made errors fall",
        f"Shares of hardware, scale and algorithms in the fall of error, with {level:.0%} "
        f"intervals cut at {_SHARES[0]:.0%} and {_SHARES[1]:.0%}, where arrows stand for shares "
        "beyond; "
        f"{rows['name'].nunique()} benchmarks have a gain that is certain. A negative "
        "share means that the part alone would have raised the error.".replace("-1", "−1"),
        controls,
        _spec(chart, controls, max(160, 60 * rows["name"].nunique())),
        "gains",
        [("name", "Benchmark"), ("part", "Part"), ("share", "Share"), ("share_lower", "From"),
         ("share_upper", "To")],
    )  # fmt: skip


def _hardware(datasets: Mapping[str, pd.DataFrame]) -> Chart:
    import altair as alt

    points = datasets["devices"]
    present = [(m, t) for m, (_, t) in _MEASURES.items() if (points["measure"] == m).any()]
    first = next((m for m, _ in present if m == "FP32 rate per dollar"), "FP32 rate")
    controls = [Control("measure", "Show", "select", present, first)]
    x = alt.X("year:Q", title="date of release", scale=alt.Scale(zero=False, nice=False),
              axis=alt.Axis(format="d", tickCount=8))  # fmt: skip
    y = alt.Y("value:Q", **_log(_following("measure", dict(present))))
    # Long enough that dashes show.
    legend = alt.Legend(symbolType="stroke", symbolSize=900)
    lines = (
        alt.Chart(_data("device_lines"))
        .transform_filter("datum.measure === measure")
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x, y=y,
            color=alt.Color("trend:N", title="Trend", scale=alt.Scale(
                domain=["all GPUs", "GeForce cards"], range=["var(--c1)", "var(--c2)"]),
                legend=legend),
            strokeDash=alt.StrokeDash("trend:N", title="Trend", scale=alt.Scale(
                domain=["all GPUs", "GeForce cards"], range=[[1, 0], [7, 4]]), legend=legend),
        )
    )  # fmt: skip
    dots = (
        alt.Chart(_data("devices"))
        .transform_filter("datum.measure === measure")
        .mark_point(filled=True, size=42, opacity=0.7, color=_INK, cursor="pointer")
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("kind:N", title="Device"),
            tooltip=[
                alt.Tooltip("device:N", title="Device"),
                alt.Tooltip("released:N", title="Released"),
                alt.Tooltip("value:Q", title="Value", formatType="shown"),
            ],
        )
    )
    n = points.groupby("measure")["device"].nunique()
    return Chart(
        "hardware-trends",
        "How fast devices have become better",
        f"{int(n.get('FP32 rate', 0))} devices at their release, "
        f"{int(n.get('FP32 rate per dollar', 0))} of them with a price at launch, which is not "
        "corrected for inflation. Lines have the slopes of the table below.",
        controls,
        _spec(alt.layer(lines, dots), controls, 360),
        "devices",
        [("device", "Device"), ("kind", "Kind"), ("released", "Released"), ("value", "Value")],
    )


def _off_by(datasets: Mapping[str, pd.DataFrame]) -> Chart:
    import altair as alt

    rows = datasets["scores"]
    chart = (
        alt.Chart(_data("scores"))
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=alt.X("off_by:Q", **_log(["half of the predictions:", "off by less (times)"],
                                       powers=False)),
            y=alt.Y("name:N", title=None, sort=None, axis=_words()),
            yOffset=alt.YOffset("model:N", sort=None),
            color=alt.Color("model:N", title=None, sort=None),
            shape=alt.Shape("model:N", title=None, sort=None),
            tooltip=[
                alt.Tooltip("name:N", title="Benchmark"),
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("off_by:Q", title="Off by (times)", format=".3~r"),
                alt.Tooltip("n_papers:Q", title="Papers"),
            ],
        )
    )  # fmt: skip
    best = rows.loc[rows.groupby("name", sort=False)["off_by"].idxmin()] if len(rows) else rows
    text = "; ".join(f"{r.name_}: {r.model}, {number(float(r.off_by))} times"
                     for r in best.rename(columns={"name": "name_"}).itertuples())  # fmt: skip
    return Chart(
        "off-by",
        "How far forecasts were off",
        "Further left is better. The least far off: " + text + ".",
        [],
        _spec(chart, [], max(160, 66 * rows["name"].nunique())),
        "scores",
        [("name", "Benchmark"), ("model", "Model"), ("off_by", "Off by (times)"),
         ("n_papers", "Papers")],
    )  # fmt: skip


def _coverage(datasets: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Chart:
    import altair as alt

    rows = datasets["coverage"]
    controls = [_benchmark_control(rows, names)]
    axis, scale = alt.Axis(format="%"), alt.Scale(domain=[0, 1])
    models = alt.Scale(domain=list(dict.fromkeys(rows["model"])))
    base = (
        alt.Chart(_data("coverage"))
        .transform_filter("datum.benchmark === benchmark")
        .encode(
            x=alt.X("nominal:Q", title="should hold",
                    axis=alt.Axis(format="%", values=[0.5, 0.8, 0.95]),
                    scale=alt.Scale(domain=[0.4, 1])),
            y=alt.Y("held:Q", title="held", axis=axis, scale=scale),
            color=alt.Color("model:N", title=None, sort=None, scale=models),
        )
    )  # fmt: skip
    ideal = base.mark_line(strokeDash=[5, 4], color=_INK, strokeWidth=1.5).encode(
        y=alt.Y("nominal:Q", title="held"), color=alt.value(_INK)
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape("model:N", title=None, sort=None, scale=models),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("nominal:Q", title="Should hold", format=".0%"),
            alt.Tooltip("held:Q", title="Held", format=".0%"),
        ],
    )
    most = rows[rows["nominal"] == 0.95]
    low, high = (float(v) for v in (most["held"].min(), most["held"].max()))
    return Chart(
        "coverage",
        "What intervals held",
        "Share of later records inside the intervals of earlier forecasts; on the dashed line it "
        "is what it should be. Over benchmarks and models the 95% intervals held "
        f"{words.percent(low)} to {words.percent(high)}.",
        controls,
        _spec(alt.layer(ideal, base.mark_line(opacity=0.6), dots), controls, 300),
        "coverage",
        [("model", "Model"), ("nominal", "Should hold"), ("held", "Held")],
    )


def _theory(datasets: Mapping[str, pd.DataFrame]) -> Chart:
    import altair as alt

    rows = datasets["curves"]
    levels = list(dict.fromkeys(rows["noise"]))
    controls = [
        Control("noise", "Noise", "radio", [(v, v) for v in levels],
                levels[len(levels) // 2] if levels else ""),
        Control("over", "Over", "radio",
                [("sample_size", "examples"), ("flop", "computation")], "sample_size"),
    ]  # fmt: skip
    titles = {"sample_size": "examples", "flop": "computation (FLOP)"}
    base = (
        alt.Chart(_data("curves"))
        .transform_filter("datum.noise === noise")
        .transform_calculate(size="datum[over]")
        .encode(
            x=alt.X("size:Q", **_log(_following("over", titles))),
            color=alt.Color("model:N", title=None, sort=None),
        )
    )
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"))
    lines = base.mark_line(point=alt.OverlayMarkDef(size=36)).encode(
        y=alt.Y("performance:Q", title="performance"),
        tooltip=[
            alt.Tooltip("model:N", title="Model"),
            alt.Tooltip("sample_size:Q", title="Examples", format=",.0f"),
            alt.Tooltip("flop:Q", title="FLOP", formatType="shown"),
            alt.Tooltip("performance:Q", title="Performance", format=".2f"),
        ],
    )
    ends = rows[rows["sample_size"] == rows["sample_size"].max()]
    mine = ends[ends["noise"] == controls[0].value]
    told = ", ".join(f"{r.model} {number(float(r.performance))}"
                     for r in mine.itertuples())  # fmt: skip
    return Chart(
        "theory-curves",
        "Experts against flexible models",
        f"At a noise of {controls[0].value} and the most examples the performances are: {told}.",
        controls,
        _spec(alt.layer(band, lines), controls, 340),
        "curves",
        [("model", "Model"), ("sample_size", "Examples"), ("flop", "FLOP"),
         ("performance", "Performance"), ("lower", "From"), ("upper", "To")],
    )  # fmt: skip


def _projections(
    datasets: Mapping[str, pd.DataFrame], names: Mapping[str, str], level: float
) -> Chart:
    import altair as alt

    rows = datasets["projections"]
    controls = [_benchmark_control(rows, names)]
    chart = _intervals(
        "projections",
        alt.X("median:Q", **_log("cost of the training run (US$)")),
        ("lower", "to_usd"),
        alt.Y("target:N", title="error", sort=None),
        "form:N",
        list(dict.fromkeys(rows["form"])),
        [
            alt.Tooltip("target:N", title="Error"),
            alt.Tooltip("form:N", title="Form"),
            alt.Tooltip("median:Q", title="US$", formatType="shown"),
            alt.Tooltip("lower:Q", title="From", formatType="shown"),
            alt.Tooltip("upper:Q", title="To", formatType="shown"),
        ],
        "datum.benchmark === benchmark",
    )
    return Chart(
        "projected-costs",
        "What a lower error would cost",
        f"Dots are medians, lines {level:.0%} prediction intervals by form, cut at 10¹⁵ US$; "
        "medians beyond that stand only in the table below.",
        controls,
        _spec(chart, controls, 260),
        "projections",
        [("target", "Error"), ("form", "Form"), ("median", "US$"), ("lower", "From"),
         ("upper", "To")],
    )  # fmt: skip
