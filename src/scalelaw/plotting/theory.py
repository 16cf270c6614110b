"""The figure of the simulated theory, from its result tables alone."""

from math import floor

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator

from scalelaw.plotting.style import ACCENT, GREY, HARDWARE, HOURS, INK, READABLE, compute_axis
from scalelaw.typography import number

MODEL_COLOURS = {
    "oracle": INK,
    "expert": ACCENT,
    "flexible": HARDWARE,
    "regularised": HOURS,
}
_FLOOR = -1.6
_AXES = {
    "sample_size": "sample size",
    "flop": "computation (FLOP)",
}
_HALO = [withStroke(linewidth=2.5, foreground="white")]


def draw_theory(curves: pd.DataFrame, overtaking: pd.DataFrame) -> Figure:
    """Draw the models' performance against sample size and against computation.

    Parameters
    ----------
    curves, overtaking : pandas.DataFrame
        Tables ``learning_curves`` and ``overtaking`` written by ``simulate_theory``. Of the curves
        those of the fixed design are drawn, one row of panels per noise level.

    Returns
    -------
    Figure
    """
    fixed = curves[curves["design"] == "fixed"]
    levels = sorted(fixed["noise_sd"].unique())
    figure, grid = plt.subplots(
        len(levels), 2, figsize=(8.4, 0.7 + 2.75 * len(levels)), layout="constrained",
        squeeze=False, sharex="col", sharey=True,
    )  # fmt: skip
    top = fixed["upper"].max() + 0.3
    bottom = max(_FLOOR, floor(fixed["lower"].min()))
    for axes, noise_sd in zip(grid, levels, strict=True):
        mine = fixed[fixed["noise_sd"] == noise_sd]
        crossings = overtaking[overtaking["noise_sd"] == noise_sd]
        for ax, x in zip(axes, _AXES, strict=True):
            _draw_curves(ax, mine, x)
            _mark_crossings(ax, crossings, x)
            ax.set_ylim(bottom, top)
        axes[0].set_title(f"Noise {noise_sd:g} × signal")
        axes[0].set_ylabel("performance")
    for ax, (x, label) in zip(grid[-1], _AXES.items(), strict=True):
        low, high = fixed[x].min(), fixed[x].max()
        # Room for the names of the models at the end of their lines.
        ax.set_xlim(low / 1.5, high * (high / low) ** 0.24)
        ax.set_xlabel(f"{label}, logarithmic")
    fails = (
        ""
        if bottom > _FLOOR
        else (
            "\nWith about as many samples as variables, "
            f"{fixed['variables'].max():,.0f}, the flexible model fails and leaves the panel."
        )
    )
    figure.supxlabel(
        "Performance is −log₁₀ of mean squared error against the optimal predictor; predicting "
        "nothing has 0.\nCircles: where a model of all variables overtakes the expert for good. "
        f"Bands: intervals of the mean over replicates.{fails}",
        fontsize=8, color=INK, x=0.01, ha="left",
    )  # fmt: skip
    return figure


def _draw_curves(ax: Axes, curves: pd.DataFrame, x: str) -> None:
    compute_axis(ax)
    ax.yaxis.set_major_locator(MultipleLocator(1))
    ax.axhline(0, color=GREY, lw=0.8)
    for model, colour in MODEL_COLOURS.items():
        line = curves[curves["model"] == model].sort_values("sample_size")
        if line.empty:
            continue
        ax.fill_between(line[x], line["lower"], line["upper"], color=colour, alpha=0.2, lw=0)
        ax.plot(line[x], line["performance"], color=colour, lw=1.6)
        end = line.iloc[-1]
        last, most = float(end[x]), float(curves[x].max())
        if model == "expert" and last < most:
            # It has levelled off; more computation would not help it.
            ax.plot([last, most], [end["performance"]] * 2, color=colour, lw=1, ls=(0, (2, 2)))
            last = most
        ax.annotate(
            model, (last, end["performance"]), (5, 0), textcoords="offset points",
            va="center", fontsize=8, color=READABLE[colour], path_effects=_HALO, zorder=5,
        )  # fmt: skip


def _mark_crossings(ax: Axes, crossings: pd.DataFrame, x: str) -> None:
    height = "performance" if x == "sample_size" else "flop_performance"
    found = crossings[crossings[x].notna()].sort_values(x)
    for row in found.to_dict("records"):
        colour = MODEL_COLOURS[str(row["challenger"])]
        # Over computation the other model's line comes close to the right.
        left = x == "flop" and row["challenger"] == "regularised"
        ax.plot(row[x], row[height], "o", ms=6, mfc="white", mec=colour, mew=1.6, zorder=4)
        ax.annotate(
            number(float(row[x])), (row[x], row[height]), (-5, 4) if left else (5, -4),
            textcoords="offset points", ha="right" if left else "left",
            va="bottom" if left else "top", fontsize=7.5, color=READABLE[colour],
            path_effects=_HALO, zorder=5,
        )  # fmt: skip
