"""Competing forms against planted laws, statsmodels and the headline fit."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from scalelaw.errors import FitError
from scalelaw.fit import PowerLaw
from scalelaw.fit.curves import (
    CURVE_DIRECTIONS,
    DIRECTIONS,
    FORMS,
    fit_curves,
    log_compute,
    log_error,
)
from scalelaw.fit.resample import resampled_groups

WAYS = [(form, way) for form in FORMS for way in CURVE_DIRECTIONS[form]]
SLOPE = {"power": 8.0, "exponential": 0.6, "floored": 5.0}


def planted(form, sd=0.0, n=40, papers=10, share=0.5, seed=0):
    """Records of a law; half its scatter is a paper's. The floor is a share of the least error."""
    rng = np.random.default_rng(seed)
    error = rng.uniform(0.05, 0.5, n)
    paper = rng.integers(0, papers, n)
    paper[:papers] = np.arange(papers)
    if form == "exponential":
        line = 15 + SLOPE[form] / error
    else:
        floor = share * error.min() if form == "floored" else 0.0
        line = 15 - SLOPE[form] * np.log10(error - floor)
    scatter = sd * (rng.normal(size=papers)[paper] + rng.normal(size=n)) / np.sqrt(2)
    return pd.DataFrame(
        {
            "error": error,
            "compute": 10 ** (line + scatter),
            "paper": [f"p{i}" for i in paper],
            "compute_sd_decades": np.where(paper % 2, 0.1, 0.3),
        }
    )


def fit(data, form, direction, replicates=50, seed=1, **options):
    seeds = np.random.SeedSequence(seed)
    return fit_curves(data, "compute", form, direction, replicates, seeds, **options)


@pytest.mark.parametrize(("form", "direction"), WAYS)
def test_a_planted_law_is_recovered_with_every_draw(form, direction):
    data = planted(form)
    curves = fit(data, form, direction)
    floor = 0.5 * data["error"].min() if form == "floored" else 0.0
    assert curves.fitted == pytest.approx((15.0, SLOPE[form], floor), rel=1e-8, abs=1e-12)
    assert curves.draws == pytest.approx(np.tile(curves.fitted, (50, 1)), rel=1e-6, abs=1e-12)
    assert curves.r_squared == pytest.approx(np.ones(51))
    assert curves.spread == pytest.approx(0.0, abs=1e-6)
    assert (curves.n_records, curves.n_groups) == (40, 10)


@pytest.mark.parametrize("share", [0.0, 0.313, 0.87])
def test_any_planted_floor_is_found_to_a_step_of_the_search(share):
    data = planted("floored", share=share)
    lowest = data["error"].min()
    for direction in CURVE_DIRECTIONS["floored"]:
        floor = fit(data, "floored", direction).fitted[2]
        assert floor == pytest.approx(share * lowest, abs=0.02 * lowest)


def test_a_planted_floor_is_in_the_interval_of_noisy_data():
    data = planted("floored", sd=0.2, n=120, papers=30)
    floors = fit(data, "floored", "compute_on_error", replicates=400).draws[:, 2]
    low, high = np.quantile(floors, [0.025, 0.975]) / data["error"].min()
    assert low < 0.5 < high
    assert low > 0.2
    assert high < 0.8


@pytest.mark.parametrize("form", FORMS)
def test_the_form_that_made_the_data_fits_best(form):
    data = planted(form, sd=0.05, n=80)
    r_squared = {f: fit(data, f, "compute_on_error").r_squared[0] for f in FORMS}
    if form == "power":
        # A floor of nothing is the power law, so the two can only tie or nearly so.
        assert r_squared["power"] > r_squared["exponential"]
        assert r_squared["floored"] == pytest.approx(r_squared["power"], abs=1e-3)
    else:
        assert max(r_squared, key=r_squared.get) == form


def regressor(form, error, floor):
    return 1 / error if form == "exponential" else -np.log10(error - floor)


def statsmodels_line(form, direction, data):
    """Return intercept, slope, floor and R2 of the best floor, by OLS of either kind."""
    best = None
    shares = [0.0, *np.linspace(0.02, 0.98, 49)] if form == "floored" else [0.0]
    y = np.log10(data["compute"].to_numpy())
    for floor in np.array(shares) * data.attrs["lowest"]:
        x = regressor(form, data["error"].to_numpy(), floor)
        if direction == "compute_on_error":
            result = sm.OLS(y, sm.add_constant(x)).fit()
            line = tuple(result.params)
        else:
            result = sm.OLS(x, sm.add_constant(y)).fit()
            a, b = result.params
            line = (-a / b, 1 / b)
        if best is None or result.rsquared > best[3]:
            best = (*line, floor, result.rsquared)
    return best


@pytest.mark.parametrize(
    ("form", "direction"), [(f, d) for f, d in WAYS if d != "york"], ids=lambda v: v
)
def test_line_and_spread_agree_with_a_loop_over_papers_in_statsmodels(form, direction):
    data = planted(form, sd=0.4)
    lowest = data["error"].min()
    data.attrs["lowest"] = lowest
    curves = fit(data, form, direction)
    *line, r_squared = statsmodels_line(form, direction, data)
    assert curves.fitted == pytest.approx(tuple(line), rel=1e-8)
    assert curves.r_squared[0] == pytest.approx(r_squared)
    squares = []
    for paper in data["paper"].unique():
        own, rest = data[data["paper"] == paper], data[data["paper"] != paper].copy()
        rest.attrs["lowest"] = lowest
        a, b, floor, _ = statsmodels_line(form, direction, rest)
        left = np.log10(own["compute"]) - a - b * regressor(form, own["error"], floor)
        squares.append((left**2).mean())
    assert curves.spread == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-8)


@pytest.mark.parametrize("direction", CURVE_DIRECTIONS["power"])
def test_power_curves_are_those_of_the_headline_fit(direction):
    data = planted("power", sd=0.5)
    curves = fit(data, "power", direction, replicates=200)
    law = PowerLaw(
        "compute", "error", DIRECTIONS[direction], x_sd="compute_sd_decades", y_sd=0.02
    ).fit(data, "paper")
    line = np.log10(law.x_for(1.0).value), law.cost_exponent().value
    assert curves.fitted[:2] == pytest.approx(line, rel=1e-9)
    if direction != "york":
        assert curves.r_squared[0] == pytest.approx(law.r_squared)
    error = np.array([0.3, 0.1, 0.01])
    ours = [log_compute("power", curves.lines[:1], e)[0] for e in error]
    assert 10.0 ** np.array(ours) == pytest.approx(law.predict_x(error)["compute"].to_numpy())


def test_equal_seeds_resample_the_same_papers_for_every_form_and_direction():
    """With two errors, a draw has no line exactly if its papers share one, whatever is fitted."""
    rng = np.random.default_rng(0)
    two = pd.DataFrame({"error": [0.4, 0.4, 0.4, 0.1, 0.1, 0.1], "paper": list("abcdef")})
    two["compute"] = 10 ** (15 - 8 * np.log10(two["error"]) + 0.1 * rng.normal(size=6))
    two["compute_sd_decades"] = 0.3
    unknown = [np.isnan(fit(two, *way, replicates=300).draws).any(axis=1) for way in WAYS]
    assert 0 < unknown[0].sum() < 30
    for other in unknown[1:]:
        assert (other == unknown[0]).all()
    elsewhere = fit(two, "power", "york", replicates=300, seed=2)
    assert (np.isnan(elsewhere.draws).any(axis=1) != unknown[0]).any()


def test_equal_seeds_give_equal_draws_and_the_seed_is_not_used_up():
    data, seed = planted("power", sd=0.5), np.random.SeedSequence(3)
    first, again = (fit_curves(data, "compute", "power", "york", 100, seed).draws for _ in range(2))
    assert (first == again).all()
    assert (fit(data, "power", "york", replicates=100, seed=4).draws != first).any()


@pytest.mark.parametrize(("form", "direction"), WAYS)
def test_draws_that_papers_do_not_identify_are_nan_and_r_squared_never_exceeds_one(form, direction):
    """A resample that holds one paper of one error has no line, though rounding leaves a little."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        own = np.round(10 ** -rng.uniform(0.2, 1.2, 5), 3)
        paper = np.append(np.arange(5), rng.integers(0, 5, 8))
        error = own[paper]
        compute = 10 ** (15 - 8 * np.log10(error) + 0.2 * rng.normal(size=13))
        data = pd.DataFrame(
            {"error": error, "compute": compute, "paper": paper, "compute_sd_decades": 0.3}
        )
        try:
            curves = fit(data, form, direction, replicates=3000)
        except FitError:
            continue
        # Which papers each draw holds.
        counts = resampled_groups(5, 3000, np.random.SeedSequence(1))
        alone = (counts > 0).sum(axis=1) == 1
        assert np.isnan(curves.draws[alone]).all(axis=None)
        assert np.nanmax(curves.r_squared) < 1 + 1e-9
        found.append(alone.sum())
    assert sum(found) > 5


lines = st.tuples(st.floats(5, 20), st.floats(0.5, 15), st.floats(0.001, 0.04))


@given(lines, st.sampled_from(FORMS), st.floats(0.05, 0.95))
def test_log_error_undoes_log_compute(line, form, error):
    line = np.array([line])
    flop = log_compute(form, line, error)
    assert np.isfinite(flop).all()
    assert 10 ** log_error(form, line, flop) == pytest.approx([error], rel=1e-6)


def test_compute_of_known_lines():
    line = np.array([[15.0, 8.0, 0.02]])
    assert log_compute("power", line, 0.1) == pytest.approx([23.0])
    assert log_compute("exponential", line, 0.1) == pytest.approx([95.0])
    assert log_compute("floored", line, 0.12) == pytest.approx([23.0])
    assert 10 ** log_error("floored", line, np.array([31.0])) == pytest.approx([0.03])
    assert 10 ** log_error("exponential", line, np.array([95.0])) == pytest.approx([0.1])


def test_a_floor_is_never_reached():
    below = np.array([[15.0, 5.0, 0.04], [15.0, 5.0, 0.05], [15.0, 5.0, 0.06]])
    assert np.isfinite(log_compute("floored", below, 0.05)).tolist() == [True, False, False]
    assert (log_compute("floored", below, 0.05)[1:] == np.inf).all()
    assert 10 ** log_error("floored", below, np.array([300.0] * 3)) == pytest.approx(below[:, 2])
    assert np.isfinite(log_compute("power", below, 0.05)).all()


@pytest.mark.parametrize("form", FORMS)
def test_lines_that_do_not_rise_reach_nothing(form):
    down = np.array([[15.0, -2.0, 0.0], [15.0, 0.0, 0.0]])
    assert log_compute(form, down, 0.1).tolist() == [np.inf, np.inf]
    assert np.isnan(log_error(form, down, np.array([20.0, 20.0]))).all()


@pytest.mark.parametrize("form", FORMS)
def test_too_little_compute_reaches_no_error_below_one(form):
    line = np.array([[15.0, 5.0, 0.01]])
    assert np.isnan(log_error(form, line, np.array([14.0]))).all()


def single():
    return planted("power", sd=0.2, n=8, papers=8)


def test_too_few_papers_are_refused():
    with pytest.raises(FitError, match=r"4 paper\(s\) with compute, at least 5"):
        fit(planted("power", papers=4), "power", "york")
    fit(planted("power", papers=4), "power", "york", min_groups=4)


@pytest.mark.parametrize(("form", "direction"), WAYS)
def test_variation_that_one_paper_alone_brings_is_refused(form, direction):
    data = single()
    data.loc[1:, "error"] = 0.3
    with pytest.raises(FitError, match="nothing varies"):
        fit(data, form, direction)


@pytest.mark.parametrize("direction", CURVE_DIRECTIONS["power"])
def test_a_fall_of_error_that_one_paper_alone_brings_is_refused(direction):
    data = single()
    x = -np.log10(data["error"])
    far = x.idxmax()
    data["compute"] = 10 ** (20 - 2 * x)
    data.loc[far, "error"], data.loc[far, "compute"] = 0.001, 1e40
    with pytest.raises(FitError, match="no longer falls"):
        fit(data, "power", direction)


@pytest.mark.parametrize("way", [("cubic", "york"), ("power", "sideways"), ("floored", "york")])
def test_unknown_forms_and_directions_are_refused(way):
    with pytest.raises(ValueError, match="form and direction must be one of power: compute_on"):
        fit(single(), *way)


@pytest.mark.parametrize(("form", "direction"), WAYS)
def test_memory_does_not_grow_with_the_square_of_papers(form, direction):
    data = planted(form, sd=0.1, n=4000, papers=4000)
    tracemalloc.start()
    try:
        fit(data, form, direction, replicates=10)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A weight for each pair of papers would take 128 MB.
    assert most < 40e6
