"""Figures of gains in error and of what brought them: hardware, scale and algorithms."""

from collections.abc import Mapping, Sequence
from math import isfinite, log10
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from scalelaw.plotting.names import name_points
from scalelaw.plotting.style import (
    ACCENT,
    DEVICES,
    GREY,
    HARDWARE,
    HOURS,
    INK,
    MOST_VECTOR_POINTS,
    READABLE,
    TOTAL,
    draw_interval,
    say_empty,
    short,
)
from scalelaw.typography import fixed, interval, number, superscript

_MOST_PANELS = 12
"""Series of efficiency that are drawn, those of most results."""

_PARTS: dict[str, tuple[str, str]] = {
    "peak_rate": (HARDWARE, "faster devices (hardware)"),
    "devices": (DEVICES, "more devices (scale)"),
    "hours": (HOURS, "longer runs (scale)"),
    "algorithms": (ACCENT, "algorithms and all else"),
}
# Shapes tell the sums apart where orange and vermilion look alike.
_SUMS: dict[str, tuple[str, str, str]] = {
    "hardware": (HARDWARE, "o", "hardware"),
    "scale": (DEVICES, "s", "scale (devices and hours)"),
    "algorithms": (ACCENT, "D", "algorithms and all else"),
}
_EFFECTS = {
    "error_on_compute": "error on compute",
    "compute_on_error": "compute on error, inverted",
}
_SAMPLES = {"state of the art": "state of the art", "all": "all records"}
_STEPS: dict[str, tuple[str, str]] = {
    "peak_rate": (HARDWARE, "faster\ndevices"),
    "devices": (DEVICES, "more\ndevices"),
    "hours": (HOURS, "longer\nruns"),
    "algorithms": (ACCENT, "algorithms\nand all else"),
}
_VALUED = (
    "Compute is valued by the law of error on compute; the other direction gives other shares."
)
_SHARE_RANGE = (-1.0, 2.0)
_HALO = [withStroke(linewidth=2.2, foreground="white")]


def draw_contributions(
    yearly: pd.DataFrame, gains: pd.DataFrame, titles: Mapping[str, str]
) -> Figure:
    """Draw what brought the fall of error since the first year, in percentage points.

    Only benchmarks are drawn whose gain at the state of the art is certain; parts that raised the
    error are stacked below zero, and the line is the sum of all parts.

    Parameters
    ----------
    yearly, gains : pandas.DataFrame
        Tables written by ``decompose_gains``.
    titles : mapping of str to str
        Names of the benchmarks, in the order to draw.

    Returns
    -------
    Figure
    """
    sample, effect = "state of the art", "error_on_compute"
    mine = gains[(gains["sample"] == sample) & (gains["effect"] == effect)]
    total = mine[(mine["status"] == "fitted") & (mine["component"] == "total")]
    certain = total[total["share"].notna()].set_index("benchmark")
    chosen = yearly[(yearly["sample"] == sample) & (yearly["effect"] == effect)]
    shown = [b for b in titles if b in certain.index and (chosen["benchmark"] == b).any()]
    if not shown:
        return _empty_figure("no benchmark has a gain at the state of the art that is certain")
    figure, grid = _small_multiples(len(shown), 2.45)
    for ax, benchmark in zip(grid, shown, strict=False):
        table = chosen[chosen["benchmark"] == benchmark]
        points = table.pivot_table(index="year", columns="component", values="points")
        _stack(ax, points[list(_PARTS)])
        row = certain.loc[benchmark]
        rate, low, high = (100 * (1 - 10 ** -row[c]) for c in ("gain", "lower", "upper"))
        _head(
            ax,
            titles[benchmark],
            f"{row['n_records']:.0f} records, {row['n_papers']:.0f} papers\n"
            f"error falls by a relative {number(rate)}% a year\n({interval(low, high)})",
        )
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.tick_params(labelsize=7.5)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
    figure.supylabel("fall of error since the first year\n(percentage points)", fontsize=8.5)
    figure.supxlabel(_VALUED, fontsize=8.5)
    return figure


def _stack(ax: Axes, points: pd.DataFrame) -> None:
    """Stack parts above and below zero, with their sum as a line."""
    year = points.index.to_numpy(dtype=np.float64)
    above, below = np.zeros(len(year)), np.zeros(len(year))
    for part, (colour, label) in _PARTS.items():
        values = points[part].to_numpy(dtype=np.float64)
        base = np.where(values >= 0, above, below)
        ax.fill_between(
            year, base, base + values, color=colour, label=label, lw=0.5, edgecolor="white"
        )
        above, below = above + np.clip(values, 0, None), below + np.clip(values, None, 0)
    ax.plot(year, points.sum(axis=1), color=TOTAL, lw=1.6, label="sum of all parts")
    ax.axhline(0, color=GREY, lw=0.8)
    ax.margins(x=0)


def draw_gain_shares(gains: pd.DataFrame, titles: Mapping[str, str], level: float = 0.95) -> Figure:
    """Draw the shares of hardware, scale and algorithms in the gain of each benchmark.

    Parameters
    ----------
    gains : pandas.DataFrame
        Table written by ``decompose_gains``.
    titles : mapping of str to str
        Names of the benchmarks, in the order to draw.
    level : float
        Level of the intervals in the table.

    Returns
    -------
    Figure
    """
    fitted = gains[gains["status"] == "fitted"]
    shown = [b for b in titles if (fitted["benchmark"] == b).any()]
    if not shown:
        return _empty_figure("no benchmark has enough papers to split its gain")
    figure, axes = plt.subplots(
        1, 2, figsize=(7.2, 1.35 + 0.78 * len(shown)), layout="constrained", sharey=True
    )
    slots = [(component, effect) for component in _SUMS for effect in _EFFECTS]
    for ax, (sample, title) in zip(axes, _SAMPLES.items(), strict=True):
        ax.set_title(title, fontsize=9.5)
        mine = gains[gains["sample"] == sample].set_index(["benchmark", "effect", "component"])
        for row, benchmark in enumerate(shown):
            if row:
                ax.axhline(row - 0.5, color=GREY, lw=0.5)
            part = gains[(gains["sample"] == sample) & (gains["benchmark"] == benchmark)]
            why = _why_no_share(part)
            if why:
                ax.text(
                    sum(_SHARE_RANGE) / 2, row, why, ha="center", va="center", fontsize=7.5,
                    color=INK, path_effects=_HALO, zorder=4,
                )  # fmt: skip
                continue
            for i, (component, effect) in enumerate(slots):
                if (benchmark, effect, component) in mine.index:
                    y = row + 0.145 * (i - (len(slots) - 1) / 2)
                    _share(ax, mine.loc[(benchmark, effect, component)], y, component, effect)
        ax.axvline(0, color=GREY, lw=0.8)
        ax.axvline(1, color=GREY, lw=0.8, ls=(0, (2, 2)))
        ax.set_xlim(_SHARE_RANGE)
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda x, _: f"{100 * x:.0f}%".replace("-", "−"))
        )
        ax.xaxis.set_major_locator(FixedLocator([-1, 0, 1, 2]))
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.tick_params(labelsize=7.5)
    first, second = axes
    first.set_yticks(range(len(shown)), [
        f"{titles[b]}\n{_size(gains, b, 'state of the art')}" for b in shown
    ], fontsize=7.5)  # fmt: skip
    first.set_ylim(len(shown) - 0.5, -0.5)
    second.tick_params(axis="y", labelleft=False)
    for row, benchmark in enumerate(shown):
        second.text(
            1.03, row, _size(gains, benchmark, "all").replace(", ", "\n"), va="center",
            transform=second.get_yaxis_transform(), fontsize=7.5,
        )  # fmt: skip
    figure.supxlabel(
        f"share of the gain in log(1/error), {level:.0%} intervals "
        "(a triangle: goes on beyond the axis)",
        fontsize=8.5,
    )
    handles = [
        Line2D([], [], marker=marker, color=colour, ms=5, lw=1.2, label=label)
        for colour, marker, label in _SUMS.values()
    ]
    handles += [
        Line2D([], [], marker="o", ls="", ms=5, color=INK, label=label, mfc=_face(INK, effect))
        for effect, label in _EFFECTS.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8)
    return figure


def _share(ax: Axes, row: pd.Series, y: float, component: str, effect: str) -> None:
    """Draw one share with its interval, and say in words what lies outside the axis."""
    colour, marker, _ = _SUMS[component]
    left, right = _SHARE_RANGE
    value, low, high = float(row["share"]), float(row["share_lower"]), float(row["share_upper"])
    draw_interval(ax, low, high, y, colour, _SHARE_RANGE)
    if left <= value <= right:
        face = _face(colour, effect)
        ax.plot(value, y, marker, ms=4, color=colour, mfc=face, mew=1, zorder=3)
        return
    words = f"{number(100 * value, 3)}% ({interval(100 * low, 100 * high, 3)})"
    inside = max(low, left) - 0.05 if value > right else min(high, right) + 0.05
    ax.text(
        inside, y, words, fontsize=6, color=INK, va="center_baseline", path_effects=_HALO,
        zorder=4, ha="right" if value > right else "left",
    )  # fmt: skip


def _face(colour: str, effect: str) -> str:
    return colour if effect == "error_on_compute" else "white"


def _size(gains: pd.DataFrame, benchmark: str, sample: str) -> str:
    mine = gains[(gains["benchmark"] == benchmark) & (gains["sample"] == sample)]
    if mine.empty:
        return "no records"
    return f"{mine['n_records'].iloc[0]:.0f} records, {mine['n_papers'].iloc[0]:.0f} papers"


def _why_no_share(part: pd.DataFrame) -> str:
    fitted = part[part["status"] == "fitted"]
    if fitted.empty:
        return "too few papers"
    return "" if fitted["share"].notna().any() else "not certain that the error fell"


def draw_waterfall(
    pair: pd.DataFrame,
    before_label: str,
    after_label: str,
    error_label: str,
    before_error: float,
    after_error: float,
    level: float = 0.95,
    note: str = "",
) -> Figure:
    """Draw the way from one result to a later one: from error to error by what brought it down.

    Parameters
    ----------
    pair : pandas.DataFrame
        Rows of one pair, with the effect of error on compute, in the table of pairs written by
        ``decompose_gains``.
    before_label, after_label : str
        Names of the two results.
    error_label : str
        Words for the error.
    before_error, after_error : float
        Their errors, as fractions.
    level : float
        Level of the intervals in the table.
    note : str
        What else a reader has to know of the compute.

    Returns
    -------
    Figure
    """
    if pair.empty:
        return _empty_figure("no split of this pair")
    rows = pair.set_index("component")
    figure, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    ax.set_title(f"From {short(before_label, 40)} to {short(after_label, 40)}")
    start, end = 100 * before_error, 100 * after_error
    names = [_wrap(before_label)]
    ax.bar(0, start, color=GREY, width=0.66, label="before")
    levels, at = [start], start
    for x, (part, (colour, name)) in enumerate(_STEPS.items(), start=1):
        row = rows.loc[part]
        fall = float(row["points"])
        ax.bar(x, -fall, bottom=at, color=colour, width=0.66, label=part)
        ax.plot([x - 1.33, x + 0.33], [at, at], color=INK, lw=0.8)
        _bar_label(ax, x, max(at, at - fall), f"{'−' if fall >= 0 else '+'}{fixed(abs(fall))}")
        at -= fall
        levels.append(at)
        low, high = 100 * row["share_lower"], 100 * row["share_upper"]
        names.append(f"{name}\n{number(100 * row['share'])}%\n({interval(low, high)})")
    last = len(_STEPS) + 1
    ax.bar(last, end, color=GREY, width=0.66, label="after")
    ax.plot([last - 1.33, last + 0.33], [at, at], color=INK, lw=0.8)
    _bar_label(ax, 0, start, f"{fixed(start)}%")
    _bar_label(ax, last, max(end, at), f"{fixed(end)}%")
    names.append(_wrap(after_label))
    ax.set_xticks(range(last + 1), names, fontsize=8)
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(min(0.0, *levels) * 1.1, max(levels) * 1.1)
    ax.set_ylabel(f"{error_label} (%); steps in percentage points", fontsize=8.5)
    ax.set_xlabel(
        f"under each step: share of the gain in log(1/error), {level:.0%} interval\n{_VALUED}"
        + f"\n{note}" * bool(note),
        fontsize=8.5,
    )
    ax.grid(visible=False, axis="x")
    ax.axhline(0, color=GREY, lw=0.8)
    return figure


def _bar_label(ax: Axes, x: float, y: float, text: str) -> None:
    ax.annotate(
        text, (x, y), (0, 3), textcoords="offset points", ha="center", fontsize=8.5,
        fontweight="bold", color=INK, path_effects=_HALO,
    )  # fmt: skip


def _wrap(label: str, width: int = 15, most: int = 3) -> str:
    """Break a label at spaces into lines of about so many characters."""
    lines = [""]
    for word in label.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(short(line, width + 2) for line in lines[:most])


_FP32 = ("FP32 rate", "peak_fp32_flop_per_s", HARDWARE, "FP32")
_MATRIX = ("16-bit matrix rate", "peak_tensor_flop_per_s", ACCENT, "16-bit matrix")
_HARDWARE_PANELS: tuple[tuple[str, str, str, str], ...] = (
    ("per device", "", "", "FLOP/s"),
    ("per dollar", " per dollar", "price_usd", "FLOP/s per US$ of the day"),
    ("per watt", " per watt", "tdp_w", "FLOP/s per W"),
)


def draw_hardware_trends(
    devices: pd.DataFrame, trends: pd.DataFrame, level: float = 0.95
) -> Figure:
    """Draw rates of devices, per dollar and per watt, against their date of release.

    Lines have the slope of their trend and pass through the mean of its devices, as lines of
    least squares do.

    Parameters
    ----------
    devices : pandas.DataFrame
        Columns of ``hardware.csv`` and a decimal ``year``.
    trends : pandas.DataFrame
        Table of hardware written by ``fit_trends``.
    level : float
        Level of the intervals in the table.

    Returns
    -------
    Figure
    """
    known = devices[devices["kind"] != "CPU"]
    if known.empty:
        return _empty_figure("no devices")
    figure, grid = plt.subplots(2, 2, figsize=(7.2, 6.6), layout="constrained")
    panels = list(grid.flat)
    fitted = trends[trends["status"] == "fitted"].set_index(["quantity", "kind"])
    first, last = known["year"].min(), known["year"].max()
    marked: list[tuple[Axes, pd.DataFrame]] = []
    for ax, (title, suffix, divisor, unit) in zip(panels, _HARDWARE_PANELS, strict=False):
        ax.set_title(f"Rate {title}", fontsize=9)
        ax.set_yscale("log")
        notes: list[tuple[str, str]] = []
        extremes = []
        for quantity, column, colour, name in (_FP32, _MATRIX):
            rates = known[known[column].notna()]
            value = rates[column]
            if divisor:
                value = value / rates[divisor]
            rates = rates.assign(value=value)[value.notna()]
            if rates.empty:
                continue
            gpu = rates["kind"] == "GPU"
            for own, face in ((gpu, colour), (~gpu, "white")):
                ax.plot(
                    rates.loc[own, "year"], rates.loc[own, "value"], "o" if face == colour else "s",
                    ms=3, mfc=face, mec=colour, mew=0.7 if face == "white" else 0,
                    alpha=0.75, zorder=2,
                )  # fmt: skip
            geforce = gpu & rates["device"].str.contains("GeForce")
            kinds: list[tuple[str, Any, Any, str]] = [("GPU", gpu, "-", "GPUs")]
            if divisor == "price_usd":
                kinds.append(("GeForce", geforce, (0, (4, 2)), "GeForce"))
            for kind, chosen, dash, words in kinds:
                if (quantity + suffix, kind) not in fitted.index:
                    continue
                trend = fitted.loc[(quantity + suffix, kind)]
                if kind == "GeForce" and not isfinite(trend["doubling_upper"]):
                    continue
                _trend_line(ax, rates[chosen], float(trend["slope"]), colour, dash)
                notes.append((f"{name}, {words}: {_doubling(trend)}", colour))
            extremes.append(rates.loc[_extremes(rates)].assign(colour=colour))
        for i, (note, colour) in enumerate(notes):
            ax.text(
                0.02, 0.985 - 0.062 * i, note, transform=ax.transAxes, fontsize=7,
                color=READABLE[colour], va="top", path_effects=_HALO, zorder=4,
            )  # fmt: skip
        _power_axis(ax.yaxis, *_padded(ax, 0.10 + 0.062 * len(notes)))
        ax.set_ylabel(unit, fontsize=8)
        ax.set_xlim(first - 0.6, last + 0.9)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.tick_params(labelsize=7.5)
        marked += [(ax, pd.concat(extremes))] if extremes else []
    key = panels[-1]
    key.axis("off")
    handles = [
        Line2D([], [], marker="o", ls="", ms=4, mew=0, color=c, label=f"{n}, GPU")
        for _, _, c, n in (_FP32, _MATRIX)
    ] + [
        Line2D([], [], marker="s", ls="", ms=4, mfc="white", color=c, label=f"{n}, TPU or NPU")
        for _, _, c, n in (_FP32, _MATRIX)
    ]
    handles += [
        Line2D([], [], color=INK, lw=1.3, label="trend of GPUs"),
        Line2D([], [], color=INK, lw=1.3, ls=(0, (4, 2)), label="trend of GeForce cards"),
    ]
    key.legend(
        handles=handles, loc="center", fontsize=8, alignment="left", labelspacing=0.7,
        title=f"Doubling times in years, with {level:.0%} intervals\n", title_fontsize=8,
    )  # fmt: skip
    for ax in panels[:-1]:
        ax.set_xlabel("date of release", fontsize=8)
    figure.draw_without_rendering()
    for ax, table in marked:
        name_points(ax, _named(table))
    return figure


def _doubling(trend: pd.Series) -> str:
    low, high = float(trend["doubling_lower"]), float(trend["doubling_upper"])
    if not (isfinite(low) and isfinite(high)):
        return "no certain trend"
    word = "doubles in" if trend["doubling_years"] > 0 else "halves in"
    low, high = sorted((abs(low), abs(high)))
    return f"{word} {number(abs(trend['doubling_years']))} years ({interval(low, high)})"


def _trend_line(ax: Axes, rates: pd.DataFrame, slope: float, colour: str, dash: Any) -> None:
    year, log = rates["year"].to_numpy(), np.log10(rates["value"].to_numpy())
    ends = np.array([year.min(), year.max()])
    line = 10 ** (log.mean() + slope * (ends - year.mean()))
    ax.plot(ends, line, color=colour, lw=1.3, ls=dash, zorder=3)


def _extremes(rates: pd.DataFrame) -> list[object]:
    """Return the earliest device and the one of the highest rate."""
    return list(dict.fromkeys([rates["year"].idxmin(), rates["value"].idxmax()]))


def _padded(ax: Axes, headroom: float) -> tuple[float, float]:
    """Return limits of a logarithmic axis with room for notes above the data."""
    low, high = np.log10(ax.dataLim.intervaly)
    span = (high - low) / (1 - headroom)
    return float(10 ** (low - 0.09 * span)), float(10 ** (low + 1.02 * span))


def _power_axis(axis: Axis, low: float, high: float) -> None:
    """Give a logarithmic axis limits and ticks at powers of ten."""
    axis.set_view_interval(low, high, ignore=True)
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})  # type: ignore[attr-defined]
    powers = list(range(int(np.ceil(log10(low))), int(np.floor(log10(high))) + 1))
    axis.set_major_locator(FixedLocator([10.0**p for p in powers[:: -(-len(powers) // 8)]]))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"10{superscript(round(log10(v)))}"))
    few = len(powers) < 4
    axis.set_minor_locator(LogLocator(subs=range(2, 10)) if few else NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _named(table: pd.DataFrame) -> list[tuple[str, float, float, str]]:
    """Return the names of devices, their places and colours."""
    words = table["device"].str.replace(r" \((chip|per GPU)\)$", "", regex=True)
    words = words.str.replace(r"^(NVIDIA|Google|AMD) ", "", regex=True)
    return list(
        zip(words, table["year"], table["value"], table["colour"].map(READABLE), strict=True)
    )


def draw_efficiency(points: pd.DataFrame, trends: pd.DataFrame, level: float = 0.95) -> Figure:
    """Draw the compute that reaches a fixed level, and the least of it by each date.

    All panels span as many years and decades as each other, so that slopes can be compared.

    Parameters
    ----------
    points : pandas.DataFrame
        Columns ``benchmark``, ``fixed_target``, ``series`` and ``basis`` as in `trends`; ``label``
        (words for the series), ``year`` of the method and ``flop``.
    trends : pandas.DataFrame
        Table of efficiency written by ``fit_trends``; series that it has not fitted are left out.
    level : float
        Level of the intervals in the table.

    Returns
    -------
    Figure
    """
    keys = ["benchmark", "fixed_target", "series", "basis"]
    fitted = trends[trends["status"] == "fitted"].set_index(keys)
    groups = [
        (fitted.loc[key], mine.sort_values(["year", "flop"]))
        for key, mine in points.groupby(keys, sort=False)
        if key in fitted.index
    ]
    found = len(groups)
    largest = sorted(range(found), key=lambda i: -len(groups[i][1]))[:_MOST_PANELS]
    groups = [groups[i] for i in sorted(largest)]
    if not groups:
        return _empty_figure("no series at a fixed level spans enough years")
    figure, grid = _small_multiples(len(groups), 2.25)
    first = min(mine["year"].min() for _, mine in groups)
    last = max(mine["year"].max() for _, mine in groups)
    spans = [log10(mine["flop"].max() / mine["flop"].min()) for _, mine in groups]
    # Two decades show at least two powers of ten.
    span = max(2.0, 1.1 * max(spans))
    for ax, (trend, mine) in zip(grid, groups, strict=False):
        year, flop = mine["year"].to_numpy(), mine["flop"].to_numpy()
        ax.set_yscale("log")
        best = np.minimum.accumulate(flop)
        many = len(mine) > MOST_VECTOR_POINTS
        ax.plot(year, flop, "o", ms=3, mew=0, color=HARDWARE, alpha=0.6, rasterized=many)
        ax.step(
            year, best, where="post", color=ACCENT, lw=1.4, label="least so far", rasterized=many
        )
        middle = (log10(flop.min()) + log10(flop.max())) / 2
        _power_axis(ax.yaxis, 10 ** (middle - span / 2), 10 ** (middle + span / 2))
        margin = 0.04 * (last - first)
        ax.set_xlim(first - margin, last + margin)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.tick_params(labelsize=7.5)
        title = _wrap(str(mine["label"].iloc[0]), 24, 2)
        _head(ax, title, f"{len(mine)} results\n{_doubling(trend)}", size=8)
    figure.legend(
        handles=[
            Line2D([], [], marker="o", ls="", ms=4, mew=0, color=HARDWARE, label="result"),
            Line2D([], [], color=ACCENT, lw=1.4, label="least compute so far"),
        ],
        loc="outside upper center", ncols=2, fontsize=8,
    )  # fmt: skip
    figure.supylabel("compute to reach the level (FLOP, logarithmic)", fontsize=8.5)
    largest_of = f", the {len(groups)} largest of {found} series" if found > len(groups) else ""
    figure.supxlabel(
        f"year of the method ({level:.0%} intervals of trends){largest_of}", fontsize=8.5
    )
    return figure


def _small_multiples(n: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    columns = min(3, n)
    rows = -(-n // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(7.2 if columns > 1 else 4.2, height * rows + 0.6),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    axes = list(grid.flat)
    for ax in axes[n:]:
        ax.set_visible(False)
    return figure, axes


def _head(ax: Axes, title: str, note: str, size: float = 9) -> None:
    """Write a title and a note below it, above the axes."""
    ax.set_title(title, fontsize=size, pad=3 + 9 * (note.count("\n") + 1))
    ax.text(0, 1.02, note, transform=ax.transAxes, fontsize=7, color=INK, linespacing=1.15)


def _empty_figure(text: str) -> Figure:
    figure, ax = plt.subplots(figsize=(7.2, 2.35), layout="constrained")
    say_empty(ax, text)
    return figure
