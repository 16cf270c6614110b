"""Fitted laws over their data, for anybody's columns."""

from collections.abc import Mapping
from math import log10
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from scalelaw.fit.fit_result import FitResult
from scalelaw.plotting.style import (
    ACCENT,
    HARDWARE,
    HOURS,
    INK,
    MOST_VECTOR_POINTS,
    compute_axis,
    save,
    style,
)
from scalelaw.typography import superscript

_WIDE = 30
"""Ratio of responses above which powers of ten are ticks enough."""

_LOOKS = ((ACCENT, "-"), (HARDWARE, "--"), (HOURS, ":"))
"""Colour and dashes of each law: lines that lie on each other show through."""

_BEYOND = 0.05
"""Share of the data's decades that the law is drawn beyond them."""


def draw_curve(result: FitResult, ax: Axes | None = None, level: float = 0.95) -> Axes:
    """Draw data, law and its band on logarithmic axes.

    Parameters
    ----------
    result : FitResult
        Fit of a law of one predictor. Without data in the result only the law is drawn.
    ax : Axes, optional
        Axes to draw on; new ones by default.
    level : float
        Level of the band.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the law has several predictors.
    """
    model = result.model
    if len(model.x_names) != 1:
        raise ValueError("a law of several predictors has no curve; draw its predictions instead")
    if ax is None:
        ax = plt.subplots(layout="constrained")[1]
        _set_axes(ax, result)
        ax.set(xlabel=model.x_names[0], ylabel=model.y_name)
    if result.sample is not None:
        ax.plot(result.sample.x[:, 0], result.sample.y, "o", ms=3.5, mew=0, alpha=0.6, color=INK,
            rasterized=len(result.sample.y) > MOST_VECTOR_POINTS)  # fmt: skip
        ax.set_ylim(*(f * v for f, v in zip((0.8, 1.25), result.y_range, strict=True)))
    _draw_law(ax, result, level, *_LOOKS[0])
    return ax


def save_laws(
    results: Mapping[str, FitResult],
    path: Path,
    x_unit: str | None = None,
    y_unit: str | None = None,
    level: float = 0.95,
) -> None:
    """Draw the laws that were fitted to one sample, with bands, and write the figure.

    Parameters
    ----------
    results : mapping of str to FitResult
        Fits of one predictor by title; their data are the same.
    path : path
        File to write; its suffix, ``.svg``, ``.png`` or ``.pdf``, is the format.
    x_unit, y_unit : str, optional
        Units of the axes.
    level : float
        Level of the bands.
    """
    first, *_ = results.values()
    with style():
        figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        try:
            _set_axes(ax, first)
            names = (first.model.x_names[0], first.model.y_name)
            for axis, name, unit in zip((ax.xaxis, ax.yaxis), names, (x_unit, y_unit), strict=True):
                axis.set_label_text(f"{name} ({unit})" if unit else name)
            sample = first.sample
            if sample is not None:
                ax.plot(sample.x[:, 0], sample.y, "o", ms=3.5, mew=0, alpha=0.6, color=INK,
                    label="data", rasterized=len(sample.y) > MOST_VECTOR_POINTS)  # fmt: skip
            for (title, result), look in zip(results.items(), _LOOKS, strict=False):
                _draw_law(ax, result, level, *look, title)
            ax.set_ylim(*(f * v for f, v in zip((0.8, 1.25), first.y_range, strict=True)))
            ax.set_title(f"{names[1]} and {names[0]}, bands of {100 * level:.4g}%")
            ax.legend(loc="best", fontsize=8)
            save(figure, path)
        finally:
            plt.close(figure)


def _set_axes(ax: Axes, result: FitResult) -> None:
    """Make both axes logarithmic, in powers of ten where they are wide enough."""
    compute_axis(ax)
    low, high = result.x_range[0]
    if high < _WIDE * low:
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_yscale("log")
    if result.y_range[1] > _WIDE * result.y_range[0]:
        ax.yaxis.set_major_locator(LogLocator())
        ax.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"10{superscript(round(log10(value)))}")
        )
    else:
        ax.yaxis.set_major_locator(MaxNLocator(6))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _draw_law(
    ax: Axes, result: FitResult, level: float, colour: str, dashes: str, label: str | None = None
) -> None:
    low, high = np.log10(result.x_range[0])
    margin = _BEYOND * (high - low)
    grid = result.predict(np.logspace(low - margin, high + margin, 80), level)
    x = grid[result.model.x_names[0]]
    ax.fill_between(x, grid["lower"], grid["upper"], color=colour, alpha=0.15, lw=0)
    ax.plot(x, grid["predicted"], color=colour, ls=dashes, lw=1.8, label=label)
