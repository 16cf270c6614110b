"""The specification curve, from the table of specifications alone."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator

from scalelaw.fit.sample import Array
from scalelaw.multiverse.grid import OPTIONS, WITHOUT, in_words
from scalelaw.plotting.style import ACCENT, GREY, HARDWARE, INK, READABLE, say_empty

_BINS = 120
_HALO = [withStroke(linewidth=2.5, foreground="white")]
_TICKS = (0.5, 1, 2, 3, 4, 6, 9, 12, 20, 30, 50, 100, 200)
_SHADE = LinearSegmentedColormap.from_list("share", ["white", HARDWARE])


def draw_specification_curve(specifications: pd.DataFrame, name: str) -> Figure:
    """Draw all exponents of a benchmark in rising order, and below them the choices behind them.

    Parameters
    ----------
    specifications : pandas.DataFrame
        Fitted specifications: ``exponent`` with ``exponent_lower`` and ``exponent_upper``, and a
        column for each choice.
    name : str
        Name of the benchmark.

    Returns
    -------
    Figure
    """
    value = specifications["exponent"].to_numpy(dtype=np.float64)
    drawn = (value > 0) & np.isfinite(value)
    table = specifications[drawn].sort_values("exponent", kind="stable")
    sample = table["sample"].astype("str")
    table["sample"] = sample.where(~sample.str.startswith(WITHOUT), WITHOUT)
    rows = [(choice, option) for choice in OPTIONS for option in _in_order(choice, table[choice])]
    height = 3.2 + 0.17 * len(rows) + 0.5
    figure, (top, strip) = plt.subplots(
        2, 1, figsize=(8.4, height), layout="constrained", sharex=True,
        height_ratios=[3.0, 0.17 * len(rows) + 0.3],
    )  # fmt: skip
    top.set_title(f"{name}: {len(value):,} combinations of choices")
    if table.empty:
        say_empty(top, "no combination could be fitted")
        say_empty(strip, "")
        return figure
    exponent = table["exponent"].to_numpy(dtype=np.float64)
    below = int((value <= 0).sum())
    rank = np.arange(len(table)) + 0.5
    lower, upper = (
        np.clip(table[f"exponent_{end}"].to_numpy(dtype=np.float64), *_limits(exponent))
        for end in ("lower", "upper")
    )
    # Thousands of lines one pixel apart are drawn as an image.
    top.vlines(rank, lower, upper, color=GREY, lw=0.4, alpha=0.35, rasterized=True)
    top.plot(rank, exponent, color=INK, lw=1.8)
    top.grid(visible=False, axis="x")
    top.set_yscale("log")
    top.set_ylim(*_limits(exponent))
    top.yaxis.set_major_locator(FixedLocator([t for t in _TICKS if _inside(t, exponent)]))
    top.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    top.yaxis.set_minor_locator(NullLocator())
    top.set_ylabel("exponent of compute in 1/error")
    for quantile, words in ((0.05, "5%"), (0.5, "half"), (0.95, "95%")):
        # Of all combinations, as in the tables, not of those that are drawn.
        at = int(np.ceil(quantile * len(value))) - 1 - below
        if not 0 <= at < len(table):
            continue
        top.plot(rank[at], exponent[at], "o", ms=5, color=ACCENT, zorder=4)
        top.annotate(
            f"{words} below {exponent[at]:.1f}", (rank[at], exponent[at]),
            (0, -14) if quantile < 0.5 else (0, 9), textcoords="offset points",
            ha="left" if quantile < 0.5 else "right", fontsize=8, color=READABLE[ACCENT],
            path_effects=_HALO, zorder=5,
        )  # fmt: skip
    _draw_choices(strip, table, rows)
    strip.set_xlim(0, len(table))
    left_out = len(value) - len(table)
    told = (
        f" {left_out:,} more, whose law never reaches the lower errors or does not fall, are not "
        "drawn." if left_out else ""
    )  # fmt: skip
    figure.supxlabel(
        "Combinations in the order of their exponents; grey: the interval of each. Blue below: "
        f"which combinations take\nan option, the darker the more of them.{told}",
        fontsize=8, color=INK, x=0.01, ha="left",
    )  # fmt: skip
    return figure


def _in_order(choice: str, column: pd.Series) -> list[str]:
    present = set(column.astype("str"))
    return [o for o in OPTIONS[choice] if o in present] + sorted(present - set(OPTIONS[choice]))


def _limits(exponent: Array) -> tuple[float, float]:
    low, high = np.quantile(exponent, [0.005, 0.995])
    return float(low) / 1.8, float(high) * 1.8


def _inside(tick: float, exponent: Array) -> bool:
    low, high = _limits(exponent)
    return low <= tick <= high


def _draw_choices(ax: Axes, table: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    """Shade for each option the share of the combinations near a rank that take it."""
    bins = min(_BINS, len(table))
    place = np.arange(len(table)) * bins // len(table)
    size = np.bincount(place, minlength=bins)
    shares = np.empty((len(rows), bins))
    for i, (choice, option) in enumerate(rows):
        taken = (table[choice].astype("str") == option).to_numpy(dtype=np.float64)
        shares[i] = np.bincount(place, taken, bins) / size
    # A choice of few options would be dark throughout, one of many pale.
    shares /= np.maximum(shares.max(axis=1, keepdims=True), 1e-9)
    ax.imshow(
        shares, cmap=_SHADE, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
        extent=(0, len(table), len(rows) - 0.5, -0.5),
    )  # fmt: skip
    ax.set_yticks(range(len(rows)), [in_words(*row) for row in rows], fontsize=7)
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.grid(visible=False)
    for i in range(1, len(rows)):
        if rows[i][0] != rows[i - 1][0]:
            ax.axhline(i - 0.5, color=INK, lw=0.8)
    for spine in ax.spines.values():
        spine.set_visible(False)
