"""A fitted law over its data, for anybody's columns."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from scalelaw.fit.fit_result import FitResult
from scalelaw.plotting.style import ACCENT, INK, MOST_VECTOR_POINTS, compute_axis

_WIDE = 30
"""Ratio of responses above which powers of ten are ticks enough."""

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
        compute_axis(ax)
        ax.set_yscale("log")
        wide = result.y_range[1] > _WIDE * result.y_range[0]
        ax.yaxis.set_major_locator(LogLocator() if wide else MaxNLocator(6))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set(xlabel=model.x_names[0], ylabel=model.y_name)
    low, high = np.log10(result.x_range[0])
    margin = _BEYOND * (high - low)
    grid = result.predict(np.logspace(low - margin, high + margin, 80), level)
    if result.sample is not None:
        ax.plot(result.sample.x[:, 0], result.sample.y, "o", ms=3.5, mew=0, alpha=0.6, color=INK,
            rasterized=len(result.sample.y) > MOST_VECTOR_POINTS)  # fmt: skip
        ax.set_ylim(*(f * v for f, v in zip((0.8, 1.25), result.y_range, strict=True)))
    x = grid[model.x_names[0]]
    ax.fill_between(x, grid["lower"], grid["upper"], color=ACCENT, alpha=0.18, lw=0)
    ax.plot(x, grid["predicted"], color=ACCENT, lw=1.8)
    return ax
