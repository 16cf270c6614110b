"""Data of the report's charts."""

import numpy as np
import pandas as pd
import pytest

from scalelaw import PowerLaw
from scalelaw.report.charts import (
    BASES,
    MOST_POINTS,
    _gain_shares,
    columns_of,
    coverage_rows,
    device_lines,
    device_points,
    line_points,
    projection_rows,
    record_points,
    refusals,
    safe,
)

NAMES = {"a": "Benchmark A"}


def corpus(n, **columns):
    flop = {f"flop_{basis}": np.full(n, np.nan) for basis in BASES}
    return pd.DataFrame(
        {
            "benchmark": "a",
            "model": [f"m{i}" for i in range(n)],
            "paper": "p",
            "title": "A paper",
            "date": "2020-03-01",
            "device": "",
            "url": "https://example.org/p",
            "error": 0.1,
            "excluded": "",
            **flop,
            "flop_hardware": 1e20,
            **columns,
        }
    )


def test_points_are_records_in_fits_with_compute():
    records = corpus(4, excluded=["", "out", "", ""], benchmark=["a", "a", "a", "other"])
    records.loc[2, "flop_hardware"] = np.nan
    points, n = record_points(records, NAMES)
    assert n == 1
    assert list(points["model"]) == ["m0"]


def test_large_corpora_are_cut_to_evenly_spaced_records():
    points, n = record_points(corpus(3 * MOST_POINTS), NAMES)
    assert n == 3 * MOST_POINTS
    assert len(points) == MOST_POINTS == points["model"].nunique()
    assert [points["model"].iloc[0], points["model"].iloc[-1]] == ["m0", f"m{n - 1}"]


def test_points_have_the_title_of_their_paper_or_else_its_key_and_their_month():
    points, _ = record_points(corpus(2, title=["", "A paper"], date=["2012", "2013-11-12"]), NAMES)
    assert list(points["paper"]) == ["p", "A paper"]
    assert list(points["date"]) == ["2012", "2013-11"]


def test_addresses_that_are_not_of_the_web_are_left_out():
    points, _ = record_points(corpus(2, url=["javascript:alert(1)", "http://example.org"]), NAMES)
    assert list(points["url"]) == ["", "http://example.org"]
    assert not safe("data:text/html,x")


def test_lines_are_those_of_the_stored_fits(tmp_path):
    rng = np.random.default_rng(1)
    flop = 10.0 ** np.linspace(18, 22, 40)
    error = 0.3 * (flop / 1e18) ** -0.1 * 10 ** rng.normal(0, 0.03, 40)
    table = pd.DataFrame({"flop_hardware": flop, "error": error, "paper": np.arange(40) % 10})
    fit = PowerLaw(x="flop_hardware", y="error", direction="y_on_x").fit(table, groups="paper")
    (tmp_path / "a.hardware.error_on_compute.json").write_text(fit.to_json())
    points = pd.DataFrame({"benchmark": "a", "error": error})
    lines = line_points(tmp_path, points, 0.95)
    assert set(lines["direction"]) == {"error_on_compute"}
    expected = fit.predict(lines["flop"].to_numpy(), 0.95)["predicted"]
    assert np.allclose(lines["error"], expected)
    assert (lines["lower"] <= lines["error"]).all()
    assert (lines["error"] <= lines["upper"]).all()


def two_devices():
    return pd.DataFrame(
        {
            "device": ["x", "y"],
            "kind": "GPU",
            "year": [2010.0, 2020.0],
            "release_date": ["2010-01", "2020-01-01"],
            "url": "",
            "peak_fp32_flop_per_s": [1e12, 1e14],
            "price_usd": np.nan,
            "tdp_w": np.nan,
        }
    )


def test_devices_have_their_month_of_release():
    assert list(device_points(two_devices())["released"]) == ["2010-01", "2020-01"]


def test_trends_of_devices_pass_through_their_mean():
    trends = pd.DataFrame(
        {
            "quantity": ["FP32 rate"],
            "kind": ["GPU"],
            "status": ["fitted"],
            "slope": [0.1],
            "doubling_upper": [4.0],
        }
    )
    lines = device_lines(two_devices(), trends)
    assert np.log10(lines["value"]).tolist() == pytest.approx([12.5, 13.5])


def test_coverage_has_a_row_for_each_interval():
    scores = pd.DataFrame(
        {"benchmark": ["a"], "model": ["power"], "covered_50": [0.4], "covered_80": [0.7],
         "covered_95": [np.nan]}
    )  # fmt: skip
    rows = coverage_rows(scores, NAMES)
    assert list(zip(rows["nominal"], rows["held"], strict=True)) == [(0.5, 0.4), (0.8, 0.7)]


def test_projections_beyond_the_scale_are_left_out_and_intervals_cut():
    table = pd.DataFrame(
        {"benchmark": "a", "quantity": ["usd", "usd", "kwh"], "error": 0.05, "form": "power",
         "known_floor": "ignored", "median": [1e6, 1e20, 1.0], "lower": 1.0, "upper": np.inf}
    )  # fmt: skip
    rows = projection_rows(table, NAMES)
    assert list(rows["median"]) == [1e6]
    assert list(rows["form"]) == ["power, no floor"]
    assert np.isfinite(rows["to_usd"]).all()


def test_data_are_columns_without_what_json_has_no_word_for():
    frame = pd.DataFrame({"value": [1.23456789, np.inf, np.nan], "model": ["a", "b", "c"]})
    assert columns_of(frame) == {"value": [1.2346, None, None], "model": ["a", "b", "c"]}


def test_refusals_are_those_of_benchmarks_shown():
    table = pd.DataFrame(
        {"benchmark": ["a", "a", "b"], "basis": "hardware", "direction": ["york", "x", "york"],
         "status": ["not fitted: why", "fitted", "not fitted: other"]}
    )  # fmt: skip
    assert refusals(table, NAMES).to_dict("records") == [
        {"benchmark": "a", "basis": "hardware", "direction": "york", "status": "not fitted: why"}
    ]


def test_shares_beyond_the_scale_have_an_arrow():
    rows = pd.DataFrame(
        {"name": ["A"], "sample": "all", "effect": "compute_on_error", "part": "hardware",
         "share": 2.6, "share_lower": 1.0, "share_upper": 3.0}
    )  # fmt: skip
    layers = _gain_shares({"gains": rows}, 0.95).spec["layer"]
    arrows = {
        layer["mark"]["shape"]: (layer["transform"][-1]["filter"], layer["encoding"]["x"]["datum"])
        for layer in layers
        if "shape" in layer["mark"]
    }
    assert arrows == {
        "triangle-left": ("datum.share < -1.0", -1.0),
        "triangle-right": ("datum.share > 2.0", 2.0),
    }
