"""The parts of compute add up to the whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from scalelaw.decompose import decompose_pair, decompose_trend, log_parts
from scalelaw.errors import FitError
from scalelaw.fit.linear import GroupedLeastSquares
from scalelaw.fit.resample import resampled_groups

positive = st.floats(1e-3, 1e15)


def records(n=40, papers=10, seed=0):
    rng = np.random.default_rng(seed)
    year = rng.uniform(2012, 2024, n)
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(n)],
            "paper": [f"p{i % papers}" for i in range(n)],
            "year": year,
            "error": 10 ** -(0.3 + 0.05 * (year - 2012) + 0.05 * rng.normal(size=n)),
            "peak_flop_per_s": 10 ** (12 + 0.2 * (year - 2012) + 0.1 * rng.normal(size=n)),
            "n_devices": 2.0 ** rng.integers(0, 8, n),
            "training_hours": 10 ** rng.uniform(0, 3, n),
        }
    )


@given(st.lists(st.tuples(positive, positive, positive), min_size=2, max_size=2))
def test_the_parts_of_a_pair_multiply_to_the_whole(parts):
    table = pd.DataFrame(parts, columns=["peak_flop_per_s", "n_devices", "training_hours"])
    table["record_id"] = ["a", "b"]
    split = decompose_pair(table, "a", "b").set_index("component")
    ratio = split["ratio"]
    burden = table[["peak_flop_per_s", "n_devices", "training_hours"]].prod(axis=1)
    assert ratio["total"] == pytest.approx(burden[1] / burden[0], rel=1e-9)
    product = ratio["peak_rate"] * ratio["devices"] * ratio["hours"]
    assert product == pytest.approx(ratio["total"], rel=1e-9)
    if abs(np.log10(ratio["total"])) > 1e-6:
        assert split["share"][["peak_rate", "devices", "hours"]].sum() == pytest.approx(1, abs=1e-9)
        assert split["share"][["hardware", "scale"]].sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("regressor", ["year", "log10_inverse_error"])
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_slopes_of_the_parts_add_up(regressor, seed):
    trend = decompose_trend(records(seed=seed), regressor, replicates=100).set_index("component")
    slope = trend["slope"]
    total = slope["total"]
    assert slope[["peak_rate", "devices", "hours"]].sum() == pytest.approx(total, abs=1e-9)
    assert slope[["hardware", "scale"]].sum() == pytest.approx(total, abs=1e-9)


def test_parts_sum_to_the_burden():
    table = records()
    logs = log_parts(table)
    burden = table["peak_flop_per_s"] * table["n_devices"] * table["training_hours"] * 3600
    assert logs["total"].to_numpy() == pytest.approx(np.log10(burden).to_numpy(), abs=1e-9)


def test_planted_growth_is_recovered():
    trend = decompose_trend(records(n=300, papers=30), "year", replicates=200)
    hardware = trend.set_index("component").loc["hardware"]
    assert hardware["lower"] < 0.2 < hardware["upper"]
    assert hardware["upper"] - hardware["lower"] < 0.02


def test_shares_of_nothing_have_no_interval():
    flat = records().assign(peak_flop_per_s=1e13)
    trend = decompose_trend(flat, "year", replicates=100).set_index("component")
    assert trend.loc["total", "lower"] < 0 < trend.loc["total", "upper"]
    assert trend[["share", "share_lower", "share_upper"]].isna().all(axis=None)


def test_too_few_papers_and_unknown_pairs_are_refused():
    with pytest.raises(FitError, match="2 paper"):
        decompose_trend(records(papers=2), "year")
    with pytest.raises(FitError, match="same for all"):
        decompose_trend(records().assign(year=2020.0), "year")
    with pytest.raises(FitError, match='record "nobody" of the pair r0 to nobody is not known'):
        decompose_pair(records(), "r0", "nobody")


def test_intervals_and_shares_follow_their_definitions():
    table = records(n=80, papers=12)
    trend = decompose_trend(table, "year", replicates=400, level=0.9, seed=3)
    trend = trend.set_index("component")
    logs, x = log_parts(table), table["year"].to_numpy()
    papers = list(table["paper"].unique())
    full = {part: np.polyfit(x, logs[part], 1)[0] for part in logs}
    change = []
    for paper in papers:
        rest = (table["paper"] != paper).to_numpy()
        change.append(np.polyfit(x[rest], logs["hardware"][rest], 1)[0] - full["hardware"])
    half = student.ppf(0.95, 11) * np.sqrt(np.sum(np.square(change)))
    assert trend.loc["hardware", "upper"] == pytest.approx(full["hardware"] + half)
    assert trend.loc["hardware", "share"] == pytest.approx(full["hardware"] / full["total"])
    index = np.array([papers.index(p) for p in table["paper"]])
    draws = {}
    for part in ("hardware", "total"):
        line = GroupedLeastSquares(
            np.column_stack([np.ones_like(x), x]), logs[part].to_numpy(), index=index
        )
        weights = resampled_groups(line.n_groups, 400, np.random.SeedSequence(3))
        draws[part] = line.estimate(weights)[:, 1]
    expected = np.quantile(draws["hardware"] / draws["total"], [0.05, 0.95])
    shares = trend.loc["hardware", ["share_lower", "share_upper"]]
    assert shares.tolist() == pytest.approx(list(expected))


def test_an_unknown_regressor_is_refused():
    with pytest.raises(ValueError, match="regressor must be one of year"):
        decompose_trend(records(), "yaer")
