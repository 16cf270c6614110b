"""Layers of many points are images within the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from scalelaw.plotting import draw_compute_against_error, draw_error_by_year, save, style
from scalelaw.plotting.figures import Panel
from scalelaw.plotting.style import MOST_VECTOR_POINTS


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


@pytest.mark.parametrize("more", [0, 1])
def test_points_are_vectors_up_to_the_limit_and_an_image_above(more, tmp_path):
    table = records(MOST_VECTOR_POINTS + more)
    panel = Panel("Benchmark", "error", "hardware", table, {})
    figure = draw_compute_against_error(panel, 0.95)
    (points,) = (c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    assert points.get_rasterized() == bool(more)
    by_year = draw_error_by_year([("Benchmark", "error", table)])
    assert [line.get_rasterized() for line in by_year.axes[0].lines if len(line.get_xdata())] == [
        bool(more), bool(more)
    ]  # fmt: skip
    save(by_year, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert ("<image" in text) == bool(more)
    # Axes and words are vectors all the same.
    assert 'id="text_1"' in text
