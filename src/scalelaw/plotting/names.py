"""Names beside points, where they cover neither points nor lines nor other words."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import cos, radians, sin
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from scalelaw.fit.sample import Array

_HALO = [withStroke(linewidth=2.2, foreground="white")]
_NEAR = 6
"""Points between a dot and a name that needs no line to it."""
_CLEAR = 2.5
"""Points around a name that stay free: a dot has about this radius."""
# To the right or left and a little up or down reads best.
_ANGLES = (35, -35, 145, -145, 0, 180, 90, -90, 65, -65, 115, -115, 15, -15, 165, -165)


def name_points(
    ax: Axes, names: Sequence[tuple[str, float, float, str]], fontsize: float = 7
) -> None:
    """Name points of axes that are laid out; a name that fits nowhere is left out.

    Parameters
    ----------
    ax : Axes
        Axes with all that names must not cover.
    names : sequence of (words, x, y, colour)
        Names in the order of their importance, and where their points are.
    fontsize : float
        Size of the names.
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        return
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    point = figure.dpi / 72
    frame = ax.get_window_extent(renderer)
    taken = [text.get_window_extent(renderer) for text in ax.texts]
    dots, lines = _drawn(ax)
    for words, x, y, colour in names:
        look: dict[str, Any] = {"fontsize": fontsize, "linespacing": 1.05, "zorder": 5}
        measured = ax.text(x, y, words, **look)
        size = np.asarray(measured.get_window_extent(renderer).size)
        measured.remove()
        at = ax.transData.transform((x, y))
        # A line to the name runs over other dots only if there is no way around them.
        for over, (far, (dx, dy), beside) in product((False, True), _places()):
            end = at + point * np.array([dx, dy])
            corner = end - size * beside
            box = Bbox([corner, corner + size])
            around = box.padded(_CLEAR * point)
            if (
                all(frame.containsx(v) for v in box.intervalx)
                and all(frame.containsy(v) for v in box.intervaly)
                and not around.count_contains(dots)
                and not any(around.overlaps(other) for other in taken)
                and not any(line.intersects_bbox(around, filled=False) for line in lines)
                and (far or not _nearer(end, at, dots))
                and not (far and any(Path([at, end]).intersects_bbox(other) for other in taken))
                and (over or not far or not _crosses(at, end, dots, _CLEAR * point))
            ):
                line = {"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 2.5}
                ax.annotate(
                    words, (x, y), (dx, dy), textcoords="offset points", color=colour,
                    ha=("left", "center", "right")[round(2 * beside[0])],
                    va=("bottom", "center", "top")[round(2 * beside[1])],
                    arrowprops={**line, "relpos": beside} if far else None,
                    path_effects=_HALO, **look,
                )  # fmt: skip
                taken.append(box)
                lines += [Path([at, end])] if far else []
                break


def _places() -> Iterator[tuple[bool, tuple[float, float], tuple[float, float]]]:
    """Return whether a place is far, its offset, and which part of a name's box comes there."""
    for distance in (_NEAR, 13, 20, 28, 38, 50, 64):
        for angle in _ANGLES:
            x, y = cos(radians(angle)), sin(radians(angle))
            beside = tuple(0.5 if abs(v) < 0.3 else 0.0 if v > 0 else 1.0 for v in (x, y))
            yield distance > _NEAR, (distance * x, distance * y), (beside[0], beside[1])


def _drawn(ax: Axes) -> tuple[Array, list[Path]]:
    """Return the dots and the lines of axes where they are on the page."""
    dots = [ax.transData.transform(np.asarray(c.get_offsets())) for c in ax.collections]
    dots += [
        line.get_transform().transform(line.get_xydata())
        for line in ax.lines
        if line.get_linestyle() == "None"
    ]
    lines = [
        line.get_transform().transform_path(line.get_path())
        for line in ax.lines
        if line.get_linestyle() != "None"
    ]
    return np.vstack([np.empty((0, 2)), *dots]), lines


def _nearer(end: Array, at: Array, dots: Array) -> bool:
    """Tell whether another dot is nearer to a name than its own."""
    own = float(np.hypot(*(at - end)))
    return bool((np.hypot(*(dots - end).T) < own - 1e-6).any())


def _crosses(at: Array, end: Array, dots: Array, clear: float) -> bool:
    """Tell whether the line from a point to its name runs over other dots."""
    along = at + np.linspace(0, 1, 24)[:, None] * (end - at)
    others = dots[np.hypot(*(dots - at).T) > clear]
    near = np.hypot(*(along[:, None] - others[None]).transpose(2, 0, 1)) < clear
    return bool(near.any())
