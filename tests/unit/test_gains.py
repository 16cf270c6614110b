"""Gains split into hardware, scale and algorithms; trends of hardware and of efficiency."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.load import load_corpus
from scalelaw.corpus.records import decimal_year
from scalelaw.decompose import decompose_gains, gains_by_year, gains_of_pair, shapley
from scalelaw.decompose.gains import EFFECTS, GAIN_PARTS, state_of_the_art
from scalelaw.decompose.trends import (
    doubling_trend,
    efficiency_points,
    efficiency_trends,
    hardware_trends,
)
from scalelaw.errors import FitError
from scalelaw.fit.resample import resampled_groups
from small_corpus import ROOT

PARTS = ("peak_rate", "devices", "hours")


def records(n=60, papers=15, sd=0.05, worth=0.1, algorithms=0.03, seed=0):
    """Records of a planted split: hardware 0.2 and devices 0.15 decades a year, hours not at all.

    The hours scatter evenly about the same mean in every year, so that compute and year part.
    """
    rng = np.random.default_rng(seed)
    year = 2012 + np.repeat(np.linspace(0, 10, n // 2), 2)
    age = year - 2012
    peak, devices, hours = 0.2 * age + 12, 0.15 * age, np.tile([1.0, 3.0], n // 2)
    compute = peak + devices + hours + np.log10(3600)
    gain = worth * (compute - 17) + algorithms * age + sd * rng.normal(size=n)
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(n)],
            "paper": [f"p{i}" for i in np.arange(n) // 2 % papers],
            "year": year,
            "error": 0.5 * 10**-gain,
            "peak_flop_per_s": 10**peak,
            "n_devices": 10**devices,
            "training_hours": 10**hours,
        }
    )


def rough(**options):
    """As `records`, with scatter in every part of compute and in the dates."""
    data = records(**options)
    rng = np.random.default_rng(99)
    for column in ("peak_flop_per_s", "n_devices", "training_hours"):
        data[column] *= 10 ** (0.3 * rng.normal(size=len(data)))
    data["year"] += rng.uniform(-0.5, 0.5, len(data))
    return data


def split(data, effect="error_on_compute", **options):
    return decompose_gains(data, effect, replicates=200, **options).set_index("component")


# Shapley values


def glove_game(present):
    """One left glove and two right ones; a pair is worth one."""
    return float("left" in present and bool(present & {"right", "other"}))


def test_the_glove_game_has_its_known_values():
    value = shapley(("left", "right", "other"), glove_game)
    assert value == pytest.approx({"left": 2 / 3, "right": 1 / 6, "other": 1 / 6})


def test_the_airport_game_has_its_known_values():
    """Runways of 1, 2 and 3: each shares the piece that it needs (Littlechild and Owen 1973)."""
    need = {"a": 1.0, "b": 2.0, "c": 3.0}
    value = shapley(tuple(need), lambda present: max((need[p] for p in present), default=0.0))
    assert value == pytest.approx({"a": 1 / 3, "b": 1 / 3 + 1 / 2, "c": 1 / 3 + 1 / 2 + 1})


games = st.lists(st.floats(-100, 100), min_size=16, max_size=16)
COALITIONS = [frozenset(c) for size in range(5) for c in combinations("abcd", size)]


@given(games, games)
def test_shapley_values_obey_their_axioms(first, second):
    one = dict(zip(COALITIONS, first, strict=True))
    two = dict(zip(COALITIONS, second, strict=True))
    value = shapley(tuple("abcd"), one.__getitem__)
    assert sum(value.values()) == pytest.approx(one[frozenset("abcd")] - one[frozenset()], abs=1e-9)
    both = shapley(tuple("abcd"), lambda c: one[c] + two[c])
    other = shapley(tuple("abcd"), two.__getitem__)
    assert both == pytest.approx({p: value[p] + other[p] for p in "abcd"}, abs=1e-9)
    dummy = shapley(tuple("abcd"), lambda c: one[c - {"d"}] + 7 * ("d" in c))
    assert dummy["d"] == pytest.approx(7.0)
    swap = {"a": "b", "b": "a"}
    symmetric = shapley(tuple("abcd"), lambda c: one[c] + one[frozenset(swap.get(p, p) for p in c)])
    assert symmetric["a"] == pytest.approx(symmetric["b"], abs=1e-9)
    assert shapley(tuple("dcba"), one.__getitem__) == pytest.approx(value, abs=1e-9)


# The yearly split


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_planted_split_without_scatter_is_recovered(effect):
    parts = split(records(sd=0.0), effect)
    assert parts["gain"].to_dict() == pytest.approx(
        {
            "peak_rate": 0.02, "devices": 0.015, "hours": 0.0, "algorithms": 0.03,
            "hardware": 0.02, "scale": 0.015, "compute": 0.035, "total": 0.065,
        },
        abs=1e-9,
    )  # fmt: skip
    assert parts.loc["hardware", "share"] == pytest.approx(20 / 65)
    assert parts["effect_per_decade"].tolist() == pytest.approx([0.1] * 8)
    # A year of algorithms is worth 0.3 decades of compute.
    assert parts.loc["algorithms", "halving_years"] == pytest.approx(np.log10(2) / 0.3)
    assert parts["halving_years"].drop("algorithms").isna().all()
    assert parts["years"].tolist() == pytest.approx([10.0] * 8)
    assert (parts["n_records"].iloc[0], parts["n_papers"].iloc[0]) == (60, 15)


@pytest.mark.parametrize(
    ("effect", "worth"), [("error_on_compute", 0.1), ("compute_on_error", 0.125)]
)
def test_intervals_cover_a_planted_split(effect, worth):
    """Nominal 95% over 100 data sets of 40 papers; binomial error is 2.2%.

    At a given date log compute has a variance of 1, so 1/error has 0.1^2 from it and 0.05^2 of
    scatter. The inverted regression takes all of it for compute's: 0.1 x (1 + 0.25).
    """
    algorithms = 0.065 - 0.35 * worth
    truth = {
        "hardware": 0.2 * worth, "scale": 0.15 * worth, "algorithms": algorithms, "total": 0.065,
        "share": algorithms / 0.065, "effect": worth, "halving": np.log10(2) * worth / algorithms,
    }  # fmt: skip
    hits = dict.fromkeys(truth, 0)
    for seed in range(100):
        parts = split(records(n=160, papers=40, seed=seed), effect, seed=seed)
        for name, value in truth.items():
            of_algorithms = name in ("share", "effect", "halving")
            row = parts.loc["algorithms" if of_algorithms else name]
            prefix = f"{name}_" if of_algorithms else ""
            hits[name] += bool(row[f"{prefix}lower"] < value < row[f"{prefix}upper"])
    assert all(87 <= count <= 100 for count in hits.values()), hits


def columns(data):
    """Return gain, year and each part of log10 compute."""
    gain = -np.log10(data["error"].to_numpy())
    parts = {
        "peak_rate": np.log10(data["peak_flop_per_s"].to_numpy()),
        "devices": np.log10(data["n_devices"].to_numpy()),
        "hours": np.log10(3600 * data["training_hours"].to_numpy()),
    }
    return gain, data["year"].to_numpy(), parts


def by_statsmodels(data, effect, weights=None):
    """Return the gains of each part and the worth of compute, from regressions."""
    gain, year, parts = columns(data)
    weights = np.ones(len(data)) if weights is None else weights
    compute = sum(parts.values())

    def ols(y, *x):
        return sm.WLS(y, sm.add_constant(np.column_stack(x)), weights=weights).fit()

    if effect == "error_on_compute":
        worth = ols(gain, compute, year).params[1]
    else:
        worth = 1 / ols(compute, gain, year).params[1]
    found = {name: worth * ols(part, year).params[1] for name, part in parts.items()}
    # What compute at its growth leaves of the gain: with the first effect this is the
    # coefficient of the year itself (the omitted-variable identity).
    found["algorithms"] = ols(gain - worth * compute, year).params[1]
    return found, worth, ols(gain, year).params[1]


@pytest.mark.parametrize("effect", EFFECTS)
def test_parts_agree_with_regressions_in_statsmodels(effect):
    data = rough()
    parts = split(data, effect)
    expected, worth, total = by_statsmodels(data, effect)
    assert parts.loc[list(GAIN_PARTS), "gain"].to_dict() == pytest.approx(expected)
    assert parts["effect_per_decade"].iloc[0] == pytest.approx(worth)
    assert parts.loc["total", "gain"] == pytest.approx(total)
    if effect == "error_on_compute":
        gain, year, logs = columns(data)
        design = sm.add_constant(np.column_stack([sum(logs.values()), year]))
        assert parts.loc["algorithms", "gain"] == pytest.approx(
            sm.OLS(gain, design).fit().params[2]
        )


def test_inverting_makes_compute_worth_more():
    data = rough()
    forward, inverse = (split(data, effect)["effect_per_decade"].iloc[0] for effect in EFFECTS)
    gain, year, logs = columns(data)
    both = [sm.OLS(v, sm.add_constant(year)).fit().resid for v in (gain, sum(logs.values()))]
    # The two regressions of the residuals on each other differ by their squared correlation.
    assert forward / inverse == pytest.approx(np.corrcoef(*both)[0, 1] ** 2)


@pytest.mark.parametrize("effect", EFFECTS)
def test_parts_sums_and_shares_add_up(effect):
    parts = split(rough(), effect)
    for column, whole in (("gain", None), ("share", 1.0), ("points", None)):
        value = parts[column]
        whole = value["total"] if whole is None else whole
        assert value[list(GAIN_PARTS)].sum() == pytest.approx(whole)
        assert value[["hardware", "scale", "algorithms"]].sum() == pytest.approx(whole)
        assert value["compute"] == pytest.approx(value["hardware"] + value["scale"])


@pytest.mark.parametrize("effect", EFFECTS)
def test_intervals_are_those_of_a_bootstrap_of_whole_papers(effect):
    data = rough()
    parts = decompose_gains(data, effect, replicates=150, level=0.8, seed=5)
    parts = parts.set_index("component")
    names = list(data["paper"].unique())
    counts = resampled_groups(len(names), 150, np.random.SeedSequence(5))
    draws = []
    for count in counts:
        weights = data["paper"].map(dict(zip(names, count, strict=True))).to_numpy()
        found, worth, total = by_statsmodels(data, effect, weights)
        saved = found["algorithms"] / worth
        draws.append([found["peak_rate"], found["algorithms"] / total, worth, np.log10(2) / saved])
    assert min(draw[3] for draw in draws) > 0
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    bounds = [
        parts.loc["hardware", ["lower", "upper"]],
        parts.loc["algorithms", ["share_lower", "share_upper"]],
        parts.loc["total", ["effect_lower", "effect_upper"]],
    ]
    for i, (lower, upper) in enumerate(bounds):
        assert (lower, upper) == pytest.approx((low[i], high[i]))
    # Quantiles of the rate and of its inverse differ a little, between draws.
    halving = parts.loc["algorithms", ["halving_lower", "halving_upper"]]
    assert halving.tolist() == pytest.approx([low[3], high[3]], rel=0.02)


def test_r_squared_added_is_the_difference_of_two_regressions():
    data = rough(sd=0.15)
    gain, year, logs = columns(data)
    compute = sum(logs.values())
    alone = sm.OLS(gain, sm.add_constant(compute)).fit().rsquared
    both = sm.OLS(gain, sm.add_constant(np.column_stack([compute, year]))).fit().rsquared
    row = split(data).iloc[0]
    assert row["r_squared"] == pytest.approx(alone)
    assert row["r_squared_added"] == pytest.approx(both - alone)
    assert 0 <= row["r_squared_added_lower"] < both - alone < row["r_squared_added_upper"]


def test_points_are_the_fall_of_the_trend_from_its_first_to_its_last_year():
    data = rough(sd=0.1)
    gain, year, _ = columns(data)
    trend = sm.OLS(gain, sm.add_constant(year)).fit()
    first, last = 10 ** -trend.predict(sm.add_constant(np.array([year.min(), year.max()])))
    assert split(data).loc["total", "points"] == pytest.approx(100 * (first - last))


def test_parts_with_equal_gains_have_equal_points_and_none_has_none():
    # Hardware 0.2 x 0.1 and algorithms 0.02; hours do not grow.
    points = split(records(sd=0.0, algorithms=0.02))["points"]
    assert points["algorithms"] == pytest.approx(points["hardware"])
    assert points["hours"] == pytest.approx(0.0, abs=1e-9)
    assert points["hardware"] > points["scale"] > 0


@pytest.mark.parametrize("effect", EFFECTS)
def test_years_start_at_nothing_and_end_at_the_points_of_the_split(effect):
    data = rough(sd=0.1)
    gains = decompose_gains(data, effect, replicates=50)
    yearly = gains_by_year(data, gains)
    wide = yearly.pivot_table(index="year", columns="component", values="points")
    assert set(wide.columns) == set(GAIN_PARTS)
    assert (wide.index[0], wide.index[-1]) == (data["year"].min(), data["year"].max())
    assert wide.iloc[0].tolist() == pytest.approx([0.0] * 4)
    ends = gains.set_index("component")["points"]
    assert wide.iloc[-1].to_dict() == pytest.approx(ends[list(GAIN_PARTS)].to_dict())
    error = yearly.groupby("year")["error"].first()
    assert (100 * (error.iloc[0] - error)).tolist() == pytest.approx(wide.sum(axis=1).tolist())


def test_a_gain_that_may_be_none_has_no_shares():
    data = rough(sd=1.0, worth=0.0, algorithms=0.0)
    parts = split(data)
    assert parts.loc["total", "lower"] < 0 < parts.loc["total", "upper"]
    assert parts[["share", "share_lower", "share_upper"]].isna().all(axis=None)
    assert parts.loc["algorithms", "halving_upper"] == np.inf


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("algorithms", [0.3, -0.3])
def test_algorithms_have_no_bounds_in_compute_that_is_worth_nothing(effect, algorithms):
    parts = split(records(worth=-0.1, algorithms=algorithms, sd=0.01), effect)
    assert parts["effect_upper"].iloc[0] < 0
    halving = parts.loc["algorithms", ["halving_years", "halving_lower", "halving_upper"]]
    assert halving.tolist() == [np.inf, 0, np.inf]


def test_algorithms_that_fall_back_never_halve_compute():
    row = split(records(algorithms=-0.02, sd=0.01)).loc["algorithms"]
    assert row["gain"] < 0
    assert row["halving_years"] == np.inf


def test_equal_seeds_give_equal_splits():
    data = rough()
    once, again = (decompose_gains(data, "error_on_compute", replicates=80, seed=3) for _ in "ab")
    pd.testing.assert_frame_equal(once, again)
    other = decompose_gains(data, "error_on_compute", replicates=80, seed=4)
    assert (other["gain"] == once["gain"]).all()
    assert (other["lower"] != once["lower"]).any()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paper": [f"p{i % 4}" for i in range(60)]}, r"4 paper\(s\) with a split, at least 5"),
        ({"error": 0.13}, "error is the same"),
        ({"year": 2020.31}, "year is the same"),
        ({"peak_flop_per_s": 3.1e13, "n_devices": 7, "training_hours": 0.3}, "compute is the same"),
        ({"training_hours": 31.0}, "do not vary apart"),
    ],
)
def test_records_that_cannot_be_split_are_refused(effect, change, message):
    for seed in range(5):
        with pytest.raises(FitError, match=message):
            split(records(seed=seed).assign(**change), effect)


@pytest.mark.parametrize("effect", EFFECTS)
def test_rounding_does_not_tell_compute_from_the_year(effect):
    for seed in range(10):
        data = rough(seed=seed).assign(n_devices=8.0, training_hours=24.0)
        data["year"] += np.random.default_rng(seed).uniform(0, 1, len(data))
        data["peak_flop_per_s"] = 10 ** (12 + 0.2 * (data["year"] - 2012))
        with pytest.raises(FitError, match="do not vary apart"):
            split(data, effect)


def test_an_unknown_effect_is_refused():
    with pytest.raises(ValueError, match="effect must be one of error_on_compute"):
        decompose_gains(records(), "sideways")


# Pairs, and records that led


def pair(peak, devices, hours, errors):
    return pd.DataFrame(
        {
            "record_id": ["before", "after"],
            "peak_flop_per_s": peak,
            "n_devices": devices,
            "training_hours": hours,
            "error": errors,
        }
    )


def test_a_pair_by_hand():
    """Error 80% to 10%, three halvings: one of compute, by ten times the devices, two of the rest.

    First compute, then the rest: 40 and 30 points; the other way round 60 and 10.
    """
    table = pair([1e13, 1e13], [1.0, 10.0], [5.0, 5.0], [0.8, 0.1])
    parts = gains_of_pair(table, "before", "after", np.log10(2)).set_index("component")
    assert parts.loc["devices", ["gain", "share", "points"]].tolist() == pytest.approx(
        [np.log10(2), 1 / 3, 25.0]
    )
    assert parts.loc["algorithms", ["gain", "share", "points"]].tolist() == pytest.approx(
        [2 * np.log10(2), 2 / 3, 45.0]
    )
    assert parts.loc["hardware", ["gain", "points"]].tolist() == pytest.approx([0.0, 0.0])
    assert parts.loc["scale", "points"] == pytest.approx(25.0)


positive = st.floats(1e-3, 1e12)
error = st.floats(0.001, 0.999)


@given(*(st.tuples(positive, positive) for _ in PARTS), st.tuples(error, error), st.floats(0, 0.5))
def test_the_parts_of_a_pair_add_up(peak, devices, hours, errors, worth):
    table = pair(peak, devices, hours, errors)
    parts = gains_of_pair(table, "before", "after", worth).set_index("component")
    four = parts.loc[list(GAIN_PARTS)].sum()
    whole = np.log10(errors[0] / errors[1])
    assert parts.loc["total", "gain"] == pytest.approx(whole, abs=1e-9)
    assert four["gain"] == pytest.approx(whole, abs=1e-9)
    points = 100 * (errors[0] - errors[1])
    scale = 1 + np.abs(parts["points"]).max()
    assert four["points"] == pytest.approx(points, abs=1e-9 * scale)
    if abs(whole) > 1e-6:
        assert parts.loc["total", "share"] == pytest.approx(1.0)
    back = gains_of_pair(table[::-1], "after", "before", worth).set_index("component")
    assert back["gain"].to_numpy() == pytest.approx(-parts["gain"].to_numpy(), abs=1e-9)


def test_equal_errors_have_no_shares():
    parts = gains_of_pair(pair([1e12, 1e13], [1, 1], [1, 1], [0.2, 0.2]), "before", "after", 0.1)
    assert parts["share"].isna().all()
    parts = parts.set_index("component")
    assert parts.loc["hardware", "gain"] == pytest.approx(0.1)
    assert parts.loc["algorithms", "gain"] == pytest.approx(-0.1)


def test_state_of_the_art_are_those_that_led_at_their_date():
    table = pd.DataFrame(
        [
            ("later and better", 2016.0, 0.20),
            ("first", 2012.0, 0.40),
            ("behind", 2013.0, 0.45),
            ("same day, second", 2014.0, 0.31),
            ("same day, best", 2014.0, 0.30),
            ("equals the best", 2015.0, 0.30),
            ("not quite", 2017.0, 0.2001),
        ],
        columns=["record_id", "year", "error"],
    )
    led = ["first", "same day, best", "equals the best", "later and better"]
    assert state_of_the_art(table)["record_id"].tolist() == led
    assert state_of_the_art(table[::-1])["record_id"].tolist() == led


# Trends


def test_exact_exponential_growth_has_its_doubling_time():
    year = np.array([2010.0, 2011.5, 2013.0, 2017.25, 2020.0])
    trend = doubling_trend(year, np.log10(3 * 2 ** ((year - 2010) / 2.5)))
    for name in ("doubling_years", "doubling_lower", "doubling_upper"):
        assert trend[name] == pytest.approx(2.5)
    assert trend["slope"] == pytest.approx(np.log10(2) / 2.5)
    assert trend["r_squared"] == pytest.approx(1.0)
    halving = doubling_trend(year, np.log10(3 * 2 ** (-(year - 2010) / 2.5)))
    assert halving["doubling_years"] == pytest.approx(-2.5)


def test_trends_agree_with_white_s_formula():
    """HC3 by its definition: residuals over one less leverage, t with n - 2 degrees of freedom."""
    from scipy.stats import t as student

    rng = np.random.default_rng(1)
    year = rng.uniform(2008, 2024, 30)
    value = 0.12 * year + rng.normal(0, 0.3, 30)
    design = np.column_stack([np.ones(30), year - 2016])
    bread = np.linalg.inv(design.T @ design)
    line = bread @ design.T @ value
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    scores = design * ((value - design @ line) / (1 - leverage))[:, None]
    sd = np.sqrt((bread @ scores.T @ scores @ bread)[1, 1])
    trend = doubling_trend(year, value, level=0.9)
    half = student.ppf(0.95, 28) * sd
    assert trend["slope"] == pytest.approx(line[1])
    assert (trend["lower"], trend["upper"]) == pytest.approx((line[1] - half, line[1] + half))
    assert trend["doubling_lower"] == pytest.approx(np.log10(2) / (line[1] + half))
    assert trend["doubling_upper"] == pytest.approx(np.log10(2) / (line[1] - half))


def test_a_trend_that_may_be_flat_has_no_bounds():
    trend = doubling_trend(np.arange(6.0), np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]))
    assert trend["lower"] < 0 < trend["upper"]
    assert (trend["doubling_lower"], trend["doubling_upper"]) == (np.inf, np.inf)


@pytest.mark.parametrize(
    ("year", "message"),
    [
        ([2010.0, 2012.0, 2014.0], "3 point"),
        ([2010.0, 2010.1, 2010.2, 2010.4], "0.4 years"),
        ([], "0 point"),
        ([2010.0, 2010.0, 2010.0, 2012.0], "all but one point have the same date"),
        ([2014.0, 2010.0, 2014.0, 2014.0, 2014.0], "all but one point have the same date"),
    ],
)
def test_too_little_for_a_trend_is_refused(year, message):
    with pytest.raises(FitError, match=message):
        doubling_trend(np.array(year), np.arange(float(len(year))))


def devices(**columns):
    year = np.arange(2010.0, 2020.0)
    table = {
        "device": "Card",
        "kind": "GPU",
        "year": year,
        "peak_fp32_flop_per_s": 1e12 * 2 ** ((year - 2010) / 2),
        "peak_tensor_flop_per_s": np.nan,
        "price_usd": np.nan,
        "tdp_w": 100 * 2 ** ((year - 2010) / 6),
    }
    return pd.DataFrame(table | columns)


def test_planted_devices_grow_per_piece_and_per_watt():
    trends = hardware_trends(devices()).set_index(["quantity", "kind"])
    assert trends.loc[("FP32 rate", "GPU"), "doubling_years"] == pytest.approx(2.0)
    # A doubling in 2 years less one of the power in 6.
    assert trends.loc[("FP32 rate per watt", "GPU"), "doubling_years"] == pytest.approx(3.0)
    none = trends.loc[("FP32 rate per dollar", "GPU")]
    assert none["status"].startswith("not fitted: 0 point(s)")
    assert none["n_devices"] == 0
    assert np.isnan(none["doubling_years"])


def test_selections_of_devices():
    table = pd.concat(
        [
            devices(),
            devices(device="GeForce GTX"),
            devices(device="TPU v9", kind="TPU", peak_fp32_flop_per_s=3e12),
            devices(device="Xeon", kind="CPU"),
        ],
        ignore_index=True,
    )
    trends = hardware_trends(table).set_index(["quantity", "kind"])
    count = trends["n_devices"]["FP32 rate"]
    assert count.to_dict() == {"GPU": 20, "GeForce": 10, "GPU, TPU and NPU": 30}
    # The TPU's rate stands still.
    slope = trends["slope"]["FP32 rate"]
    assert slope["GPU, TPU and NPU"] == pytest.approx(slope["GPU"] * 2 / 3)


@pytest.fixture(scope="module")
def hardware():
    table = read_hardware([ROOT / "data/hardware.csv"]).table()
    table["year"] = table["release_date"].map(decimal_year)
    return hardware_trends(table).set_index(["quantity", "kind"])


def test_the_project_s_devices_double_as_published(hardware):
    """Epoch AI: FP32 of processors for machine learning doubles every 2.3 years."""
    rate = hardware.loc[("FP32 rate", "GPU")]
    assert 2.0 < rate["doubling_years"] < 2.8
    assert rate["doubling_lower"] < rate["doubling_years"] < rate["doubling_upper"]
    assert rate["doubling_lower"] < 2.3 < rate["doubling_upper"]
    assert rate["n_devices"] > 80


def test_what_a_dollar_or_a_watt_buys_grows_slower_than_the_rate(hardware):
    """Prices and powers have risen, so the doubling of either ratio takes longer."""
    for kind in ("GPU", "GeForce"):
        rate = hardware.loc[("FP32 rate", kind), "doubling_years"]
        for per in ("dollar", "watt"):
            assert hardware.loc[(f"FP32 rate per {per}", kind), "doubling_years"] > rate


@pytest.fixture(scope="module")
def published():
    corpus = load_corpus(
        [ROOT / "data/papers.csv"], [ROOT / "data/hardware.csv"], [ROOT / "data/benchmarks.yaml"]
    )
    timed = corpus.records[corpus.records["fixed_target"] != ""]
    return efficiency_points(timed, ("hardware", "operations", "reported"))


def test_hernandez_and_brown_find_their_44_fold_gain(published):
    """44 times less compute for AlexNet's level in seven years, a halving every 16 months."""
    trends = efficiency_trends(published[published["series"] == "hernandez2020measuring"])
    row = trends[trends["fixed_target"] == "top5_accuracy>=79.1"].iloc[0]
    assert row["gain"] == pytest.approx(44.9, abs=0.05)
    assert 12 < 12 * row["frontier_halving_years"] < 17
    # As a trend through all six: halvings are negative doublings, the short bound first.
    assert -row["doubling_lower"] < -row["doubling_years"] < -row["doubling_upper"]
    assert -12 * row["doubling_lower"] < 16 < -12 * row["doubling_upper"]
    assert (row["n_records"], row["basis"]) == (6, "reported")
    two = trends[trends["fixed_target"] == "top5_accuracy>=92.9"].iloc[0]
    assert two["status"].startswith("not fitted: 2 point(s)")
    assert np.isnan(two["gain"])


def test_rounds_of_a_contest_are_one_series(published):
    contest = published[published["series"].str.startswith("mlperf")]
    assert len(contest) > 100
    assert set(contest["series"]) == {"mlperf"}


def test_efficiency_of_series_by_hand():
    timed = pd.DataFrame(
        {
            "benchmark": "imagenet",
            "fixed_target": ["t"] * 5 + ["u"],
            "paper": [
                "mlperf2019a",
                "mlperf2019a",
                "mlperf2021b",
                "mlperf2023c",
                "mlperf2022",
                "x",
            ],
            "method_year": [2019.0, 2019.0, 2021.0, 2023.0, 2022.0, 2020.0],
            "flop_hardware": [8e20, 1.6e21, 5e20, 1e20, 2e20, 1e18],
            "flop_reported": [np.nan] * 5 + [2e18],
        }
    )
    points = efficiency_points(timed, ("hardware", "reported"))
    assert len(points) == 7
    assert points[points["basis"] == "reported"]["flop"].tolist() == [2e18]
    trends = efficiency_trends(points).set_index(["fixed_target", "series", "basis"])
    row = trends.loc[("t", "mlperf", "hardware")]
    # From the least of 2019 to the least of all, four years later: three halvings.
    assert row["gain"] == pytest.approx(8.0)
    assert row["frontier_halving_years"] == pytest.approx(4 / 3)
    assert (row["first_year"], row["last_year"], row["n_records"]) == (2019.0, 2023.0, 5)
    assert len(trends) == 3


def test_compute_that_has_not_fallen_has_no_halving_time():
    timed = pd.DataFrame(
        {
            "benchmark": "imagenet",
            "fixed_target": "t",
            "paper": "a",
            "method_year": [2015.0, 2016.0, 2017.0, 2018.0],
            "flop_reported": [1e18, 2e18, 4e18, 8e18],
        }
    )
    row = efficiency_trends(efficiency_points(timed, ("reported",))).iloc[0]
    assert (row["gain"], row["frontier_halving_years"]) == (1.0, np.inf)
    assert row["doubling_years"] == pytest.approx(1.0)
