"""Figures of projections and of how forecasts have fared."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from scalelaw.plotting.style import ACCENT, DEVICES, GREY, HARDWARE, HOURS, INK
from scalelaw.typography import number, superscript

_FORM_COLOURS = {
    "power": HARDWARE,
    "exponential": DEVICES,
    "floored": HOURS,
    "all": INK,
}
_MODEL_COLOURS = {**_FORM_COLOURS, "last value": GREY, "trend in year": ACCENT}
_FORM_LABELS = {
    "power": "power law",
    "exponential": "exponential",
    "floored": "power law above a floor",
    "all": "all forms and directions",
}
_MODEL_LABELS = {
    **_FORM_LABELS,
    "last value": "last paper (naive)",
    "trend in year": "line in the year (naive)",
}
# Shapes tell a row's three shares apart: they lie close, and change places.
_NOMINAL = {50: "o", 80: "s", 95: "D"}
_CUT = 20
"""Power of ten of US$ beyond which a projection is only hinted at."""


def draw_projections(projections: pd.DataFrame, titles: Mapping[str, str], level: float) -> Figure:
    """Draw what each target costs in US$, by form, with prediction intervals.

    Parameters
    ----------
    projections : pandas.DataFrame
        Table written by ``project_costs``.
    titles : mapping of str to str
        Names of the benchmarks, in the order to draw.
    level : float
        Level of the intervals in the table.

    Returns
    -------
    Figure
    """
    shown = projections[projections["benchmark"].isin(list(titles))]
    cases = list(shown.groupby(["benchmark", "error"], sort=False))
    cases = [
        (key, part) for key, part in cases if not part["status"].str.startswith("not fitted").all()
    ]
    height = 1.3 + 0.85 * max(1, len(cases))
    figure, ax = plt.subplots(figsize=(7.2, height), layout="constrained")
    if not cases:
        ax.text(0.5, 0.5, "nothing could be projected", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
        return figure
    labels = []
    for row, ((benchmark, error), part) in enumerate(cases):
        labels.append(f"{titles[str(benchmark)]}\n{number(100 * float(error))}% error")
        _draw_case(ax, row, part)
    ax.set_yticks(range(len(cases)), labels)
    ax.set_ylim(len(cases) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    for edge in np.arange(0.5, len(cases) - 1):
        ax.axhline(edge, color="#e6e6e6", lw=0.6)
    ax.set_xlim(0, _CUT + 0.6)
    ax.xaxis.set_major_locator(FixedLocator(list(range(0, _CUT + 1, 3))))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"10{superscript(round(x))}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(
        f"US$ to train ({level:.0%} prediction intervals; an arrow goes on beyond, or never ends)"
    )
    handles = [
        ax.plot([], [], "o-", ms=4, color=colour, label=_FORM_LABELS[form])[0]
        for form, colour in _FORM_COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=8)
    return figure


def _draw_case(ax: Axes, row: int, part: pd.DataFrame) -> None:
    usd = part[part["quantity"] == "usd"].set_index("form")
    ignored = (part["known_floor"] == "ignored").any()
    for i, (form, colour) in enumerate(_FORM_COLOURS.items()):
        y = row + 0.19 * (i - 1.5)
        if form not in usd.index:
            refused = part[(part["form"] == form) & (part["status"] != "projected")]
            if len(refused):
                known = "known" in refused["status"].iloc[0]
                why = "refused: under the known floor" if known else "refused: under its floor"
                ax.plot(0.3, y, "x", ms=4, color=colour)
                ax.text(0.6, y, why, color=INK, fontsize=7, va="center_baseline")
            continue
        low, middle, high = (
            float(np.log10(usd.loc[form, name])) for name in ("lower", "median", "upper")
        )
        if low < _CUT:
            ax.plot([max(low, 0), min(high, _CUT)], [y, y], color=colour, lw=1.3, alpha=0.8)
        if high > _CUT:
            ax.plot(_CUT, y, ">", ms=4, color=colour, label="beyond")
        if middle <= _CUT:
            face = "white" if ignored else colour
            ax.plot(max(middle, 0), y, "o", ms=5, color=colour, mfc=face)
    if ignored:
        ax.text(
            _CUT + 0.5, row + 0.36, "open dots: as if there were no floor", fontsize=7, ha="right",
            va="center", color=INK,
        )  # fmt: skip


def draw_backtest(scores: pd.DataFrame, by_year: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw how far forecasts were off, and how often their intervals held.

    Thin bars span the medians of the single years that were fitted to.

    Parameters
    ----------
    scores, by_year : pandas.DataFrame
        Scores by benchmark and model, and by year fitted to as well, written by
        ``backtest_forecasts``.
    titles : mapping of str to str
        Names of the benchmarks, in the order to draw.

    Returns
    -------
    Figure
    """
    shown = [b for b in titles if (scores["benchmark"] == b).any()]
    rows = max(1, len(shown))
    figure, grid = plt.subplots(
        rows, 2, figsize=(7.2, 0.7 + 1.75 * rows), layout="constrained", squeeze=False,
        sharex="col", width_ratios=(1, 1.15),
    )  # fmt: skip
    if not shown:
        grid[0, 0].text(0, 0.5, "no benchmark has years with enough papers before and after")
        for ax in grid.flat:
            ax.set_axis_off()
        return figure
    for (left, right), benchmark in zip(grid, shown, strict=True):
        mine = scores[scores["benchmark"] == benchmark].set_index("model")
        models = [m for m in _MODEL_COLOURS if m in mine.index]
        size = f"{mine['n_records'].iloc[0]:.0f} records, {mine['n_papers'].iloc[0]:.0f} papers"
        left.set_title(f"{titles[benchmark]} ({size})", fontsize=9)
        for y, model in enumerate(models):
            colour = _MODEL_COLOURS[model]
            off = mine.loc[model, "median_abs_error_decades"]
            single = by_year[(by_year["benchmark"] == benchmark) & (by_year["model"] == model)]
            years = single["median_abs_error_decades"]
            left.plot([years.min(), years.max()], [y, y], color=colour, lw=1.2, alpha=0.7)
            left.plot(off, y, "o", ms=5, color=colour)
            left.annotate(
                f"{number(10**off)} ×", (max(off, years.max()), y), (6, 0),
                textcoords="offset points", fontsize=7.5, va="center", color=INK,
            )  # fmt: skip
            for nominal, marker in _NOMINAL.items():
                held = 100 * mine.loc[model, f"covered_{nominal}"]
                right.plot([nominal, held], [y, y], color=colour, lw=0.9, alpha=0.6)
                right.plot(held, y, marker, ms=4, color=colour)
        for ax in (left, right):
            ax.set_ylim(len(models) - 0.4, -0.6)
            ax.grid(visible=False, axis="y")
        left.set_yticks(range(len(models)), [_MODEL_LABELS[m] for m in models], fontsize=7.5)
        right.set_yticks([])
        for nominal in _NOMINAL:
            right.axvline(nominal, color=INK, lw=0.8, ls=(0, (2, 2)), zorder=0)
        right.set_xlim(0, 104)
        right.xaxis.set_major_locator(FixedLocator([0, 20, 50, 80, 95]))
    widest = max(float(by_year["median_abs_error_decades"].max()), 0.5)
    grid[-1, 0].set_xlim(0, widest * 1.25)
    grid[-1, 0].set_xlabel(
        "median error (decades of compute;\nbars: lowest to highest year fitted to)", fontsize=8
    )
    grid[-1, 1].set_xlabel(
        "% of later records inside 50%, 80%, 95%\nintervals (dashed: as it should be)",
        fontsize=8,
    )
    handles = [
        Line2D([], [], marker=marker, ls="", ms=4, color=INK, label=f"{nominal}% interval")
        for nominal, marker in _NOMINAL.items()
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=8)
    return figure
