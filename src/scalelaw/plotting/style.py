"""One look for all figures, and files that come out byte for byte the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from scalelaw.files import writing
from scalelaw.typography import superscript

_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}

# Okabe and Ito's colours, told apart in all common forms of colour blindness.
INK = "#222222"
GREY = "#8a8a8a"
HARDWARE = "#0072B2"
DEVICES = "#E69F00"
HOURS = "#009E73"
TOTAL = INK
ACCENT = "#D55E00"
# The same hues dark enough for words on white: at least 4.5 to 1.
READABLE = {
    INK: INK,
    GREY: "#6b6b6b",
    HARDWARE: HARDWARE,
    DEVICES: "#8f6200",
    HOURS: "#007a59",
    ACCENT: "#b34e00",
}

_RC: dict[Any, Any] = {
    # Equal, because the layout is made for the first and text does not scale exactly.
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "scalelaw",
    "svg.fonttype": "path",
    "pdf.fonttype": 3,
}


MOST_VECTOR_POINTS = 5000
"""Above so many points a layer of them is an image within the figure, else files would be huge."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in this project's style, on a canvas that needs no screen."""
    mpl.use("Agg")
    with mpl.rc_context(rc={**mpl.rcParamsDefault, **_RC, "backend": "Agg"}):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure without dates, so that equal figures are equal bytes.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : Path
        File to write; its suffix, ``.svg``, ``.png`` or ``.pdf``, is the format.
    """
    if figure.get_layout_engine() is not None:
        # Lay out once: it takes longer than drawing, and all formats shall look the same.
        figure.draw_without_rendering()
        # With "none" an empty engine would remain, for which each format draws once more in vain.
        figure.set_layout_engine(None)
    with writing(path) as part:
        figure.savefig(part, format=path.suffix[1:], metadata=_METADATA[path.suffix])


def compute_axis(axes: Axes) -> None:
    """Make x a logarithmic axis in powers of ten of FLOP."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=7))
    # Superscripts of the font: mathematical text takes long to lay out.
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"10{superscript(round(log10(x)))}"))
    axes.xaxis.set_minor_locator(NullLocator())


def error_axis(axes: Axes, errors: Sequence[float], scale: float = 100) -> None:
    """Make y a logarithmic axis of error with a few ticks, in percent or as `scale` times it."""
    low, high = min(errors), max(errors)
    margin = max(0.05 * log10(high / low), 0.005)
    low, high = low / 10**margin, high * 10**margin
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(
        FixedLocator([t / scale for t in _ticks(scale * low, scale * high)])
    )
    unit = "%" if scale == 100 else ""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda e, _: f"{scale * e:g}{unit}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _ticks(low: float, high: float) -> list[float]:
    """Return ticks at 1, 2 and 5 of each decade, or evenly spaced ones where those are few."""
    decades = [m * 10.0**e for e in range(-4, 4) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    even = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return decades if len(decades) >= 4 else [float(t) for t in even if low <= t <= high]


def year_scale(years: pd.Series) -> Normalize:
    """Return a scale of colours from one whole year to another."""
    return Normalize(floor(years.min()), ceil(years.max()))


def whole_years() -> MaxNLocator:
    """Return a choice of ticks that are whole years."""
    return MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])


def draw_interval(
    ax: Axes, low: float, high: float, y: float, colour: str, edges: tuple[float, float]
) -> None:
    """Draw an interval, with a triangle where it goes on beyond an edge of the axes."""
    left, right = edges
    ax.plot([max(low, left), min(high, right)], [y, y], color=colour, lw=1.2, alpha=0.75)
    for beyond, edge, arrow in ((low < left, left, 8), (high > right, right, 9)):
        if beyond:
            # CARETLEFTBASE and CARETRIGHTBASE: their base sits on the edge.
            ax.plot(edge, y, marker=arrow, ms=4, color=colour, clip_on=False, mew=0, label="beyond")


def short(name: str, length: int = 28) -> str:
    """Return a name cut to so many characters."""
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"


def say_empty(ax: Axes, text: str) -> None:
    """Say in the middle of empty axes why nothing is drawn."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=READABLE[GREY])
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
