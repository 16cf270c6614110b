"""What the figures of gains and projections show."""

from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.records import decimal_year
from scalelaw.decompose import decompose_gains, gains_by_year, gains_of_pair
from scalelaw.plotting import style
from scalelaw.plotting.forecasts import draw_projections
from scalelaw.plotting.gains import (
    _doubling,
    draw_contributions,
    draw_efficiency,
    draw_gain_shares,
    draw_hardware_trends,
    draw_waterfall,
)

TITLES = {"imagenet": "ImageNet", "squad_1_1": "SQuAD 1.1", "cifar10_generation": "CIFAR-10"}
DATA = Path(__file__).parents[2] / "data"
PARTS = ["peak_rate", "devices", "hours", "algorithms"]


@pytest.fixture(autouse=True)
def _styled():
    with style():
        yield
        plt.close("all")


def records(seed, hours_per_year):
    rng = np.random.default_rng(seed)
    year = np.sort(rng.uniform(2012, 2022, 24))
    since = year - 2012
    parts = {
        "peak_flop_per_s": 12 + 0.15 * since,
        "n_devices": 0.1 * since,
        "training_hours": 2 + hours_per_year * since,
    }
    logs = {name: value + 0.2 * rng.normal(size=24) for name, value in parts.items()}
    gain = 0.5 + 0.05 * sum(logs.values()) - 0.6 + 0.02 * since + 0.02 * rng.normal(size=24)
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(24)],
            "paper": [f"p{i // 2}" for i in range(24)],
            "year": year,
            "error": 10**-gain,
            **{name: 10**value for name, value in logs.items()},
        }
    )


@pytest.fixture(scope="module")
def tables():
    gains, yearly = [], []
    # Runs that become shorter raise the error: a part below zero.
    for seed, (benchmark, trend) in enumerate([("imagenet", 0.05), ("squad_1_1", -0.15)]):
        data = records(seed, trend)
        for sample in ("state of the art", "all"):
            for effect in ("error_on_compute", "compute_on_error"):
                key = {"benchmark": benchmark, "sample": sample, "effect": effect}
                split = decompose_gains(data, effect, replicates=200)
                gains.append(split.assign(**key, status="fitted"))
                yearly.append(gains_by_year(data, split).assign(**key))
    few = {"benchmark": "cifar10_generation", "sample": "all", "effect": "error_on_compute"}
    few |= {"status": "not fitted: 2 paper(s)", "component": "", "n_records": 3, "n_papers": 2}
    return pd.concat([*gains, pd.DataFrame([few])], ignore_index=True), pd.concat(yearly)


@pytest.fixture(scope="module")
def devices():
    table = read_hardware([DATA / "hardware.csv"]).table()
    return table.assign(year=table["release_date"].map(decimal_year))


def hardware_trends(doubling_upper=4.0):
    quantities = [f"{q}{d}" for q in ("FP32 rate", "16-bit matrix rate")
                  for d in ("", " per dollar", " per watt")]  # fmt: skip
    return pd.DataFrame(
        [
            {"quantity": q, "kind": kind, "status": "fitted", "slope": 0.1, "doubling_years": 3.0,
             "doubling_lower": 2.5, "doubling_upper": doubling_upper}
            for q in quantities for kind in ("GPU", "GeForce")
        ]
    )  # fmt: skip


def efficiency(n=8):
    keys = {"benchmark": "imagenet", "series": "mlperf", "basis": "hardware"}
    points, trends = [], []
    for target in ("top1_accuracy>=75.9", "top5_accuracy>=93", "box_ap>=37.7 and mask_ap>=33.9"):
        year = np.linspace(2016, 2020, n)
        flop = 10 ** (19 - 0.3 * (year - 2016) + 0.2 * np.cos(5 * year))
        points.append(pd.DataFrame({**keys, "fixed_target": target, "year": year, "flop": flop}))
        trends.append({**keys, "fixed_target": target, "status": "fitted", "doubling_years": -1.0,
                       "doubling_lower": -0.8, "doubling_upper": -1.5})  # fmt: skip
    table = pd.concat(points)
    return table.assign(label="ImageNet, " + table["fixed_target"]), pd.DataFrame(trends)


def projections(upper=np.inf, median=1e8):
    case = {"benchmark": "imagenet", "error": 0.1, "known_floor": "respected", "quantity": "usd"}
    case |= {"form": "power", "status": "projected", "lower": 1e4, "median": median}
    return pd.DataFrame([case | {"upper": upper}])


def words(figure):
    """Return the texts that are seen, with their boxes."""
    figure.draw_without_rendering()
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = {id(label) for tick in axis._update_ticks() for label in (tick.label1,)}
            labels = {id(t.label1): t for t in [*axis.get_major_ticks(), *axis.get_minor_ticks()]}
            hidden |= set(labels) - seen
            if not (ax.axison and ax.get_visible()):
                hidden |= set(labels)
    renderer = figure.canvas.get_renderer()
    return [
        (text.get_text(), Text.get_window_extent(text, renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def figures(tables, devices):
    gains, yearly = tables
    points, trends = efficiency()
    yield draw_contributions(yearly, gains, TITLES)
    yield draw_gain_shares(gains, TITLES)
    yield waterfall()[0]
    yield draw_hardware_trends(devices, hardware_trends())
    yield draw_efficiency(points, trends)


def waterfall():
    data = records(0, 0.05)
    split = gains_of_pair(data, "r0", "r23", 0.05)
    pair = split.assign(share_lower=split["share"] - 0.1, share_upper=split["share"] + 0.1)
    before, after = data["error"].iloc[0], data["error"].iloc[-1]
    label = "A result with a long name (fine-tuned)"
    return draw_waterfall(pair, "AlexNet", label, "top-1 error", before, after), before, after


def test_texts_lie_inside_the_figure_and_apart_from_each_other(tables, devices):
    for figure in figures(tables, devices):
        seen = words(figure)
        assert len(seen) > 10
        over = [
            (a, b) for (a, first), (b, second) in combinations(seen, 2)
            if first.padded(-1).overlaps(second.padded(-1))
        ]  # fmt: skip
        assert over == []
        page = figure.bbox.padded(1)
        assert [
            t for t, box in seen if not (page.contains(*box.p0) and page.contains(*box.p1))
        ] == []


def test_stacked_parts_end_at_the_total(tables):
    gains, yearly = tables
    figure = draw_contributions(yearly, gains, TITLES)
    assert len(figure.axes) == 2
    for ax, benchmark in zip(figure.axes, ("imagenet", "squad_1_1"), strict=True):
        ends = [area.get_paths()[0].vertices for area in ax.collections]
        assert len(ends) == len(PARTS)
        last = [v[np.isclose(v[:, 0], v[:, 0].max()), 1] for v in ends]
        top, bottom = max(0, *(y.max() for y in last)), min(0, *(y.min() for y in last))
        (total,) = [line for line in ax.lines if line.get_label() == "sum of all parts"]
        assert total.get_ydata()[-1] == pytest.approx(top + bottom, abs=1e-9)
        mine = gains[(gains["benchmark"] == benchmark) & (gains["component"] == "total")]
        expected = mine.loc[mine["effect"] == "error_on_compute", "points"].iloc[0]
        assert total.get_ydata()[-1] == pytest.approx(expected, rel=1e-6)
        assert (bottom < -0.1) == (benchmark == "squad_1_1")


def test_a_benchmark_whose_gain_is_not_certain_is_left_out(tables):
    gains, yearly = tables
    doubtful = gains["benchmark"] == "squad_1_1"
    shares = ["share", "share_lower", "share_upper"]
    gains = gains.assign(**{c: gains[c].mask(doubtful) for c in shares})
    assert len(draw_contributions(yearly, gains, TITLES).axes) == 1
    assert "not certain that the error fell" in [
        t for t, _ in words(draw_gain_shares(gains, TITLES))
    ]


def test_a_waterfall_goes_from_the_first_error_to_the_last():
    figure, before, after = waterfall()
    (ax,) = figure.axes
    assert ax.get_title(loc="left") == "From AlexNet to A result with a long name (fine-tuned)"
    assert "error on compute" in ax.get_xlabel()
    first, *steps, last = [container.patches[0] for container in ax.containers]
    at = first.get_height()
    assert at == pytest.approx(100 * before)
    for step in steps:
        assert step.get_y() == pytest.approx(at)
        at = step.get_y() + step.get_height()
    assert len(steps) == len(PARTS)
    assert at == pytest.approx(100 * after)
    assert last.get_height() == pytest.approx(100 * after)


@pytest.mark.parametrize(("share", "high", "arrows"), [(0.5, 0.9, 0), (0.5, 9.0, 1), (4.0, 9.0, 1)])
def test_a_share_beyond_the_axis_has_an_arrow_and_its_numbers_in_words(tables, share, high, arrows):
    gains = tables[0]
    one = gains[(gains["benchmark"] == "imagenet") & (gains["component"] == "hardware")].head(1)
    one = one.assign(share=share, share_lower=0.2, share_upper=high)
    figure = draw_gain_shares(one, TITLES)
    found = [line for ax in figure.axes for line in ax.lines if line.get_label() == "beyond"]
    assert len(found) == arrows
    assert ("400% (20.0 to 900)" in [t for t, _ in words(figure)]) == (share > 2)


@pytest.mark.parametrize(("upper", "arrows"), [(1e12, 0), (1e24, 1), (np.inf, 1)])
def test_a_cost_without_bound_has_an_arrow(upper, arrows):
    (ax,) = draw_projections(projections(upper), TITLES, 0.95).axes
    assert sum(line.get_label() == "beyond" for line in ax.lines) == arrows


def test_no_doubling_time_without_a_bounded_interval():
    trend = {"doubling_years": 3.0, "doubling_lower": 2.0, "doubling_upper": 4.0}
    assert _doubling(pd.Series(trend)) == "doubles in 3.0 years (2.0 to 4.0)"
    fall = {"doubling_years": -0.5, "doubling_lower": -0.4, "doubling_upper": -1.0}
    assert _doubling(pd.Series(fall)) == "halves in 0.50 years (0.40 to 1.0)"
    unsure = {**trend, "doubling_lower": np.inf, "doubling_upper": np.inf}
    assert _doubling(pd.Series(unsure)) == "no certain trend"


def test_trend_lines_have_their_slope_and_pass_through_the_mean(devices):
    ax = draw_hardware_trends(devices, hardware_trends()).axes[0]
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert len(solid) == 2
    (x0, x1), (y0, y1) = solid[0].get_xdata(), np.log10(solid[0].get_ydata())
    assert (y1 - y0) / (x1 - x0) == pytest.approx(0.1)
    gpus = devices[(devices["kind"] == "GPU") & devices["peak_fp32_flop_per_s"].notna()]
    expected = np.log10(gpus["peak_fp32_flop_per_s"]).mean()
    assert y0 + 0.1 * (gpus["year"].mean() - x0) == pytest.approx(expected)


def test_devices_at_the_extremes_are_named(devices):
    names = [t for t, _ in words(draw_hardware_trends(devices, hardware_trends()))]
    assert "GeForce GTX 280" in names


def test_the_least_compute_so_far_never_rises_and_ends_with_its_series():
    points, trends = efficiency()
    points.loc[points["fixed_target"] == "top5_accuracy>=93", "year"] -= 2
    figure = draw_efficiency(points, trends)
    for ax, target in zip(figure.axes, points["fixed_target"].unique(), strict=True):
        (line,) = [line for line in ax.lines if line.get_label() == "least so far"]
        mine = points[points["fixed_target"] == target]
        assert (np.diff(line.get_ydata()) <= 0).all()
        assert line.get_ydata()[-1] == mine["flop"].min()
        assert line.get_xdata()[-1] == mine["year"].max()


def test_empty_tables_give_a_figure_that_says_so(tables, devices):
    gains, yearly = tables
    points, trends = efficiency()
    empty = [
        draw_contributions(yearly.head(0), gains.head(0), TITLES),
        draw_gain_shares(gains.head(0), TITLES),
        draw_waterfall(pd.DataFrame(), "a", "b", "error", 0.4, 0.1),
        draw_hardware_trends(devices.head(0), hardware_trends()),
        draw_efficiency(points, trends.assign(status="not fitted: 2 point(s)")),
    ]
    for figure in empty:
        (text,) = [text for text, _ in words(figure)]
        assert text.startswith(("no ", "no\n"))


def test_of_many_series_the_largest_are_drawn_and_the_rest_counted():
    parts = []
    for number in range(5):
        points, trends = efficiency(n=5 if number == 2 else 8)
        parts.append((points.assign(series=f"s{number}"), trends.assign(series=f"s{number}")))
    points, trends = (pd.concat(tables) for tables in zip(*parts, strict=True))
    figure = draw_efficiency(points, trends)
    drawn = [ax for ax in figure.axes if ax.get_visible()]
    assert len(drawn) == 12
    assert {len(ax.lines[0].get_xdata()) for ax in drawn} == {8}
    assert "the 12 largest of 15 series" in figure.get_supxlabel()
