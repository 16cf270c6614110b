"""Figures of benchmarks, their names, ticks and words."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.plotting import (
    draw_compute_against_error,
    draw_compute_growth,
    draw_error_by_year,
    save,
    style,
)
from scalelaw.plotting.figures import Panel
from scalelaw.plotting.names import name_points
from scalelaw.plotting.style import MOST_VECTOR_POINTS, READABLE, _ticks
from scalelaw.tasks.draw_figures import _of_a_search

BENCHMARKS = read_benchmarks([Path(__file__).parents[2] / "data/benchmarks.yaml"])


@pytest.fixture(autouse=True)
def _styled():
    with style():
        yield
        plt.close("all")


def records(n):
    rng = np.random.default_rng(0)
    error = rng.uniform(0.1, 0.5, n)
    return pd.DataFrame(
        {
            "error": error,
            "compute": 1e15 * error**-8,
            "year": rng.uniform(2012, 2022, n),
            "model": "M",
            "paper": [f"p{i}" for i in range(n)],
            "has_compute": True,
        }
    )


def test_a_figure_in_three_formats_is_laid_out_once(tmp_path, monkeypatch):
    figure = draw_compute_against_error(
        Panel("Benchmark", "error", "hardware", records(20), {}), 0.95
    )
    draw, drawn = Figure.draw, []
    monkeypatch.setattr(Figure, "draw", lambda *args: (drawn.append(1), draw(*args))[1])
    for suffix in ("svg", "png", "pdf"):
        save(figure, tmp_path / f"figure.{suffix}")
    assert len(drawn) == 1 + 3


@pytest.mark.parametrize("more", [0, 1])
def test_points_are_vectors_up_to_the_limit_and_an_image_above(more, tmp_path):
    table = records(MOST_VECTOR_POINTS + more)
    panel = Panel("Benchmark", "error", "hardware", table, {})
    figure = draw_compute_against_error(panel, 0.95)
    (points,) = (c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    assert points.get_rasterized() == bool(more)
    by_year = draw_error_by_year([("Benchmark", "error", 100, table)])
    assert [line.get_rasterized() for line in by_year.axes[0].lines if len(line.get_xdata())] == [
        bool(more), bool(more)
    ]  # fmt: skip
    save(by_year, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert ("<image" in text) == bool(more)
    # Axes and words are vectors all the same.
    assert 'id="text_1"' in text


def test_names_cover_neither_points_nor_lines_nor_each_other():
    figure, ax = plt.subplots()
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 1, (2, 150))
    ax.scatter(x, y)
    (line,) = ax.plot([0, 1], [1, 0])
    figure.draw_without_rendering()
    name_points(ax, [(f"model {i}", x[i], y[i], "black") for i in range(40)])
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    assert len(boxes) > 5
    on_page = line.get_transform().transform_path(line.get_path())
    for i, box in enumerate(boxes):
        assert box.count_contains(ax.transData.transform(np.column_stack([x, y]))) == 0
        assert not on_page.intersects_bbox(box, filled=False)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_name_away_from_its_point_has_a_line_to_it_and_one_without_room_is_left_out():
    figure, ax = plt.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.scatter(0.5, 0.5)
    ring = np.linspace(0, 2 * np.pi, 24)
    ax.scatter(0.5 + 0.03 * np.cos(ring), 0.5 + 0.04 * np.sin(ring))
    figure.draw_without_rendering()
    name_points(ax, [("inside", 0.5, 0.5, "black"), ("long " * 40, 0.5, 0.5, "black")])
    (text,) = ax.texts
    assert text.get_text() == "inside"
    assert text.arrow_patch is not None


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (7.2, 12.2, [8, 9, 10, 11, 12]),
        (8.9, 11.9, [9, 9.5, 10, 10.5, 11, 11.5]),
        (8.5, 45, [10, 20, 30, 40]),
        (0.3, 30, [0.5, 1, 2, 5, 10, 20]),
    ],
)
def test_ticks_are_even_or_at_1_2_5(low, high, expected):
    assert _ticks(low, high) == pytest.approx(expected)


def test_colours_of_words_can_be_read_on_white():
    for shade in READABLE.values():
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(shade)
        ]
        luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
        assert 1.05 / (luminance + 0.05) >= 4.5


def test_fid_is_shown_as_fid():
    label, scale = BENCHMARKS["cifar10_generation"].shown_error()
    table = records(20).assign(error=np.linspace(0.002, 0.02, 20))
    ax = draw_compute_against_error(Panel("C", label, "hardware", table, {}, "", scale), 0.95).axes[
        0
    ]
    assert ax.get_ylabel() == "FID (logarithmic)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["2", "5", "10", "20"]
    assert BENCHMARKS["imagenet"].shown_error() == ("top-1 error", 100)


def test_growth_beyond_the_axis_has_triangles():
    parts = ["total", "peak_rate", "devices", "hours"]
    trends = pd.DataFrame(
        {
            "benchmark": "b", "component": parts, "regressor": "year", "status": "fitted",
            "rates": "as used", "slope": 0.1, "lower": [-2.7, 0, 0, 0], "upper": [2.6, 1, 1, 1],
            "n_records": 9, "n_papers": 5,
        }
    )  # fmt: skip
    (ax,) = draw_compute_growth(trends, {"b": "B"}, 0.95).axes
    beyond = [line.get_xdata()[0] for line in ax.lines if line.get_label() == "beyond"]
    assert beyond == [-2.5, 2.5]


@pytest.mark.parametrize(
    ("benchmark", "target", "words"),
    [
        ("imagenet", "top1_accuracy>=75.9", "top-1 accuracy ≥ 75.9%"),
        ("squad_1_1", "f1_dev>=75", "F1 ≥ 75%"),
        ("ms_coco", "box_ap>=37.7 and mask_ap>=33.9", "box AP ≥ 37.7% and mask AP ≥ 33.9%"),
        ("imagenet", "some_score>=3", "some score ≥ 3"),
        ("imagenet", "a level in words", "a level in words"),
    ],
)
def test_levels_are_told_in_words(benchmark, target, words):
    assert BENCHMARKS[benchmark].level_in_words(target) == words


def test_compute_of_a_search_is_told():
    rows = pd.DataFrame({"model": ["A", "B"], "compute_scope": ["total", "search"]})
    assert "of B is that of an architecture search" in _of_a_search(
        [row for _, row in rows.iterrows()]
    )
    assert _of_a_search([rows.loc[0]]) == ""
