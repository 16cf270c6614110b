"""The figures of the report, each from result tables and stored fits alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import TextWrapper
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from scalelaw.fit.line_result import LineResult
from scalelaw.plotting.names import name_points
from scalelaw.plotting.style import (
    ACCENT,
    DEVICES,
    GREY,
    HARDWARE,
    HOURS,
    INK,
    MOST_VECTOR_POINTS,
    TOTAL,
    compute_axis,
    draw_interval,
    error_axis,
    say_empty,
    whole_years,
    year_scale,
)
from scalelaw.typography import fixed, fixed_interval

DIRECTION_LABELS = {
    "compute_on_error": "compute on error",
    "error_on_compute": "error on compute",
    "york": "errors in both (York)",
}
_DASHES: dict[str, Any] = {
    "compute_on_error": "-",
    "error_on_compute": (0, (5, 2)),
    "york": (0, (1, 1.5)),
}


@dataclass(frozen=True)
class Panel:
    """What one panel of compute against error shows.

    Parameters
    ----------
    title : str
        Name of the benchmark.
    error_label : str
        Words for its error.
    basis : str
        Basis of the compute shown.
    records : pandas.DataFrame
        Records that the fit uses; columns ``compute, error, year, model, paper``.
    fits : mapping of str to LineResult
        Fits by direction, empty where there are none.
    status : str
        Why there is no fit.
    scale : float
        What an error of one is on the axis: 100 for percent.
    """

    title: str
    error_label: str
    basis: str
    records: pd.DataFrame
    fits: Mapping[str, LineResult]
    status: str = ""
    scale: float = 100


def draw_law(result: LineResult, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """Draw a law's line and band over the range of its data, response against predictor.

    Parameters
    ----------
    result : LineResult
        The fit.
    ax : Axes, optional
        Axes to draw on; new ones by default.
    level : float
        Level of the band.

    Returns
    -------
    Axes
    """
    own = ax is None
    if ax is None:
        ax = plt.subplots(layout="constrained")[1]
        compute_axis(ax)
        error_axis(ax, result.y_range)
        ax.set(xlabel=result.law.x, ylabel=result.law.y)
    x, y = result.law.x, result.law.y
    grid = result.predict_x(np.geomspace(*result.y_range, 80), level)
    # Axes that were handed in belong to their data; a wide band must not stretch them.
    limits = ax.get_xlim()
    ax.fill_betweenx(grid[y], grid["lower"], grid["upper"], color=ACCENT, alpha=0.18, lw=0)
    ax.plot(grid[x], grid[y], color=ACCENT, lw=1.8)
    if not own:
        ax.set_xlim(limits)
    return ax


def draw_compute_against_error(panel: Panel, level: float) -> Figure:
    """Draw one benchmark: records coloured by year, the headline fit, and the other directions."""
    figure, ax = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
    points = _draw_panel(ax, panel, level)
    if points is not None:
        bar = figure.colorbar(points, ax=ax, shrink=0.7, pad=0.01, ticks=whole_years())
        bar.set_label("year of the result")
        bar.outline.set_visible(False)
    ax.set_ylabel(f"{panel.error_label} (logarithmic)")
    ax.set_xlabel(f"training compute, {panel.basis} basis (FLOP, logarithmic)")
    if panel.fits:
        handles = [
            _line_handle(d, f"{DIRECTION_LABELS[d]}:\n{_exponent(fit, level)}")
            for d, fit in panel.fits.items()
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=8)
    elif not panel.records.empty:
        ax.set_title(f"{panel.title}: {panel.status}", fontsize=9, fontweight="normal")
    _label_extremes(ax, panel.records)
    return figure


def draw_overview(panels: Sequence[Panel], level: float) -> Figure:
    """Draw all benchmarks as small multiples."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 2.7 * rows), layout="constrained", squeeze=False
    )
    dates = pd.concat([panel.records["year"] for panel in panels])
    years = year_scale(dates) if len(dates) else None
    for ax, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(ax, panel, level, size=9, years=years)
        fit = panel.fits.get("compute_on_error")
        note = _exponent(fit, level) if fit else "not fitted"
        papers = panel.records["paper"].nunique()
        ax.set_title(f"{panel.title}\n", fontsize=9)
        ax.text(
            0, 1.02, f"{note} · n {len(panel.records)}, {papers} papers",
            transform=ax.transAxes, fontsize=7, color=INK,
        )  # fmt: skip
        ax.set_ylabel(panel.error_label, fontsize=8)
        if not panel.records.empty:
            ax.xaxis.set_major_locator(LogLocator(numticks=5))  # more would touch
    for ax in list(grid.flat)[len(panels) :]:
        ax.set_visible(False)
    figure.supxlabel("training compute (FLOP, logarithmic)", fontsize=9)
    drawn = [d for d in DIRECTION_LABELS if any(d in panel.fits for panel in panels)]
    if drawn:
        handles = [_line_handle(d, DIRECTION_LABELS[d]) for d in drawn]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8)
    if years:
        bar = figure.colorbar(
            ScalarMappable(years, "viridis"), ax=grid, shrink=1 / rows, aspect=15, pad=0.01,
            ticks=whole_years(),
        )  # fmt: skip
        bar.set_label("year of the result", fontsize=8)
        bar.outline.set_visible(False)
    return figure


def draw_error_by_year(groups: Sequence[tuple[str, str, float, pd.DataFrame]]) -> Figure:
    """Draw error against year per benchmark, with the lowest error reached by each date.

    Parameters
    ----------
    groups : sequence of (title, error label, scale, records)
        The scale is what an error of one is on the axis: 100 for percent. Records have columns
        ``year``, ``error`` and ``has_compute``.
    """
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 2.6 * rows), layout="constrained", squeeze=False
    )
    for ax, (title, label, scale, records) in zip(grid.flat, groups, strict=False):
        ax.set_title(title, fontsize=9)
        ax.set_ylabel(label, fontsize=8)
        if records.empty:
            say_empty(ax, "no records")
            continue
        error_axis(ax, records["error"].tolist(), scale)
        for has, colour in ((False, GREY), (True, HARDWARE)):
            part = records[records["has_compute"] == has]
            ax.plot(
                part["year"], part["error"], "o", ms=3, alpha=0.55, mew=0, color=colour,
                rasterized=len(part) > MOST_VECTOR_POINTS,
            )  # fmt: skip
        ordered = records.sort_values(["year", "error"])
        ax.step(ordered["year"], ordered["error"].cummin(), where="post", color=ACCENT, lw=1.4,
                rasterized=len(ordered) > MOST_VECTOR_POINTS)  # fmt: skip
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for ax in list(grid.flat)[len(groups) :]:
        ax.set_visible(False)
    figure.legend(
        handles=[
            Line2D([], [], marker="o", ls="", ms=4, mew=0, color=HARDWARE, label="with compute"),
            Line2D([], [], marker="o", ls="", ms=4, mew=0, color=GREY, label="without compute"),
            Line2D([], [], color=ACCENT, label="lowest error in the corpus so far"),
        ],
        loc="outside lower center", ncols=3, fontsize=8,
    )  # fmt: skip
    return figure


def draw_compute_growth(trends: pd.DataFrame, titles: Mapping[str, str], level: float) -> Figure:
    """Draw the yearly growth of hardware burden per benchmark, split into its parts.

    Parameters
    ----------
    trends : pandas.DataFrame
        Table written by ``decompose_compute``.
    titles : mapping of str to str
        Names of the benchmarks, in the order to draw.
    level : float
        Level of the intervals in the table.
    """
    yearly = trends[
        (trends["regressor"] == "year")
        & (trends["status"] == "fitted")
        & (trends["rates"] == "as used")
    ]
    shown = [b for b in titles if (yearly["benchmark"] == b).any()]
    figure, ax = plt.subplots(figsize=(7.2, 1.3 + 1.05 * max(1, len(shown))), layout="constrained")
    if not shown:
        say_empty(ax, "no benchmark has enough papers with devices and hours")
        return figure
    parts: list[tuple[str, str, str]] = [
        ("total", TOTAL, "all compute"),
        ("peak_rate", HARDWARE, "faster devices (hardware)"),
        ("devices", DEVICES, "more devices (scale)"),
        ("hours", HOURS, "longer runs (scale)"),
    ]
    slopes = yearly.set_index(["benchmark", "component"]).loc[shown, ["lower", "upper"]]
    bound = min(float(np.abs(slopes.to_numpy()).max()) * 1.05, 2.5)
    for row, benchmark in enumerate(shown):
        table = yearly[yearly["benchmark"] == benchmark].set_index("component")
        for i, (component, colour, _) in enumerate(parts):
            line = table.loc[component]
            y = row + 0.18 * (i - 1.5)
            draw_interval(ax, line["lower"], line["upper"], y, colour, (-bound, bound))
            ax.plot(line["slope"], y, "o", ms=5, color=colour)
    ax.axvline(0, color=GREY, lw=0.8)
    ax.set_yticks(range(len(shown)), [
        f"{titles[b]}\n{yearly.loc[yearly['benchmark'] == b, 'n_records'].iloc[0]:.0f} records, "
        f"{yearly.loc[yearly['benchmark'] == b, 'n_papers'].iloc[0]:.0f} papers"
        for b in shown
    ])  # fmt: skip
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(-bound, bound)
    ax.set_xlabel(
        f"growth of hardware burden, decades a year\n"
        f"({level:.0%} intervals; a triangle: goes on beyond the axis)"
    )
    figure.legend(
        handles=[Line2D([], [], marker="o", ms=5, color=c, label=text) for _, c, text in parts],
        loc="outside upper left", ncols=4, fontsize=8,
    )  # fmt: skip
    return figure


def _line_handle(direction: str, label: str) -> Line2D:
    colour = ACCENT if direction == "compute_on_error" else INK
    return Line2D([], [], color=colour, lw=1.6, linestyle=_DASHES[direction], label=label)


def _draw_panel(
    ax: Axes, panel: Panel, level: float, size: float = 16, years: Normalize | None = None
) -> Any:
    ax.set_title(panel.title)
    records = panel.records
    if records.empty:
        say_empty(ax, f"no records with compute\non the {panel.basis} basis")
        return None
    compute_axis(ax)
    error_axis(ax, records["error"].tolist(), panel.scale)
    low, high = records["compute"].min(), records["compute"].max()
    ax.set_xlim(low / 3, high * 3)
    many = len(records) > MOST_VECTOR_POINTS
    points = ax.scatter(
        records["compute"], records["error"], c=records["year"], cmap="viridis", s=size,
        norm=years or year_scale(records["year"]),
        alpha=0.85, linewidths=0 if many else 0.3, edgecolors="white", zorder=3, rasterized=many,
    )  # fmt: skip
    limits = ax.get_xlim()
    for direction, fit in panel.fits.items():
        if direction == "compute_on_error":
            draw_law(fit, ax, level)
        else:
            error = np.geomspace(*fit.y_range, 80)
            flop = fit.predict_x(error, level)[fit.law.x]
            ax.plot(flop, error, color=INK, lw=1.1, ls=_DASHES[direction], alpha=0.8)
    ax.set_xlim(limits)
    return points


def _label_extremes(ax: Axes, records: pd.DataFrame) -> None:
    """Name a few telling models."""
    figure = ax.get_figure(root=True)
    if records.empty or figure is None:
        return
    wanted = [
        records["error"].idxmin(),
        records["year"].idxmin(),
        records["compute"].idxmax(),
        records["compute"].idxmin(),
        records["error"].idxmax(),
    ]
    told = records.loc[list(dict.fromkeys(wanted))]
    lines = TextWrapper(28, max_lines=2, placeholder="…")
    words = [lines.fill(model) for model in told["model"]]
    figure.draw_without_rendering()
    name_points(
        ax,
        [(w, x, y, INK) for w, x, y in zip(words, told["compute"], told["error"], strict=True)],
        fontsize=7.5,
    )


def _exponent(fit: LineResult, level: float) -> str:
    exponent = fit.cost_exponent(level)
    return f"exponent {fixed(exponent.value)} ({fixed_interval(exponent.lower, exponent.upper)})"
