"""Broken power laws against planted truths, scipy's optimisers and properties of the loss."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, least_squares, minimize

from scalelaw.errors import FitError, MissingColumnError, NoVariationError, TooFewRecordsError
from scalelaw.fit import FitResult, Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.broken import BrokenPowerLaw

ONE = {
    "floor": 0.1,
    "log10_scale": 1.5,
    "exponent_0": 0.1,
    "exponent_1": 0.3,
    "log10_break_1": 20.0,
    "smoothness_1": 0.5,
}
TWO = {
    "floor": 0.1,
    "log10_scale": 1.5,
    "exponent_0": 0.1,
    "exponent_1": -0.05,
    "exponent_2": 0.4,
    "log10_break_1": 18.5,
    "log10_break_2": 21.5,
    "smoothness_1": 0.3,
    "smoothness_2": 0.4,
}


def published(x, truth):
    """The law as published, by powers and increments of the exponents, in long doubles."""
    x = np.asarray(x, dtype=np.longdouble)
    k = sum(name.startswith("log10_break") for name in truth)
    law = 10 ** np.longdouble(truth["log10_scale"]) * x ** -truth["exponent_0"]
    for i in range(1, k + 1):
        c = truth[f"exponent_{i}"] - truth[f"exponent_{i - 1}"]
        f = truth[f"smoothness_{i}"]
        law *= (1 + (x / 10 ** np.longdouble(truth[f"log10_break_{i}"])) ** (1 / f)) ** (-c * f)
    return np.asarray(truth["floor"] + law, dtype=np.float64)


def records(truth=ONE, n=14, sd=0.0, seed=0, low=16, high=24):
    x = np.logspace(low, high, n)
    scatter = np.exp(sd * np.random.default_rng(seed).normal(size=n))
    return pd.DataFrame({"compute": x, "error": published(x, truth) * scatter})


def point(model, data):
    """The estimate without its inference."""
    sample = model.read(data, None, None)
    return model.solve(sample, sample.y, sample.weights[None, :])


def named(model, data):
    return dict(zip(model.param_names, point(model, data).params[0], strict=True))


@pytest.mark.parametrize("truth", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_a_law_without_scatter_is_recovered(truth, residuals):
    model = BrokenPowerLaw(breaks=len(truth) // 3 - 1, residuals=residuals)
    assert named(model, records(truth)) == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("estimator", [LeastAbsolute(), Huber(1e-3), Pinball(0.3)])
def test_robust_estimators_pass_by_gross_outliers(estimator):
    data = records(n=20)
    data.loc[[5, 13], "error"] *= 1.5
    found = named(BrokenPowerLaw(estimator=estimator), data)
    near = 1e-4 if not isinstance(estimator, Huber) else 0.02
    assert found == pytest.approx(ONE, rel=near)


def test_noisy_laws_lie_within_their_standard_errors():
    truth = ONE | {"floor": 0.0}
    misses = []
    for seed in range(8):
        data = records(truth, n=40, sd=0.03, seed=seed)
        result = BrokenPowerLaw(with_floor=False, replicates=20).fit(data)
        for name in ("exponent_0", "exponent_1", "log10_break_1"):
            misses.append((result.params[name] - truth[name]) / result.std_errors[name])
    assert np.abs(misses).max() < 5
    assert 0.4 < np.sqrt(np.mean(np.square(misses))) < 1.6


def scipy_optimum(x, y, with_floor, starts, rng):
    """The lowest sum of squared log residuals that scipy finds from random starts."""
    u = np.log(x) - np.log(x).mean()
    v = np.log(y / np.exp(np.log(y).mean()))
    half, reach = np.abs(u).max(), 2 * np.log(10)
    low = [-np.inf, -10, -10, u.min() - reach, np.log(0.02)]
    high = [np.inf, 10, 10, u.max() + reach, np.log(3.0)]
    low, high = ([0.0, *low], [np.inf, *high]) if with_floor else (low, high)

    def residual(theta):
        floor, (a, first, last, at, width) = theta[0] if with_floor else 0.0, theta[-5:]
        f = np.exp(width)
        m = a - first * u - (last - first) * f * np.logaddexp(0, (u - at) / f)
        return v - (np.logaddexp(np.log(floor), m) if floor > 0 else m)

    best = np.inf
    for _ in range(starts):
        theta = [0.3 * rng.normal(), *rng.normal(0.3, 0.3, 2), rng.uniform(-half, half)]
        theta += [rng.uniform(np.log(0.03), np.log(2))]
        theta = [rng.uniform(0.01, 1) * np.exp(v.min()), *theta] if with_floor else theta
        found = least_squares(residual, theta, bounds=(low, high), max_nfev=60)
        best = min(best, 2 * found.cost)
    return best


@pytest.mark.parametrize("with_floor", [True, False])
def test_no_optimum_of_scipy_is_lower(with_floor):
    rng = np.random.default_rng(5)
    for _ in range(6):
        x = 10 ** np.sort(rng.uniform(16, 24, 14))
        first, last = rng.uniform(-0.1, 0.5, 2)
        truth = ONE | {"exponent_0": first, "exponent_1": last, "log10_scale": 20 * first}
        truth |= {"floor": rng.uniform(0, 0.5), "log10_break_1": rng.uniform(17, 23)}
        y = published(x, truth) * np.exp(rng.choice([0.01, 0.05]) * rng.normal(size=14))
        data = pd.DataFrame({"compute": x, "error": y})
        ours = point(BrokenPowerLaw(with_floor=with_floor), data).loss[0]
        assert ours <= scipy_optimum(x, y, with_floor, 4, rng) * (1 + 1e-6)


@pytest.mark.parametrize("estimator", [LeastAbsolute(), Huber(1e-3), Pinball(0.2)])
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_nelder_and_mead_do_not_lower_a_robust_loss(estimator, residuals):
    data = records(n=16, sd=0.05, seed=3)
    if residuals == "linear":
        data["error"] *= 40
        estimator = Huber(0.3) if isinstance(estimator, Huber) else estimator
    model = BrokenPowerLaw(estimator=estimator, with_floor=False, residuals=residuals)
    best = point(model, data)
    x, y = data[["compute"]].to_numpy(), data["error"].to_numpy()

    def loss(params):
        if not 0.02 <= params[-1] <= 3 or not 14 <= params[3] <= 26:
            return np.inf
        return estimator.value(model.residual(y, model.evaluate(params, x))).sum()

    assert loss(best.params[0]) == pytest.approx(best.loss[0], rel=1e-9)
    for shift in np.random.default_rng(0).normal(size=(4, 5)):
        begin = best.params[0] * (1 + 0.03 * shift)
        begin[-1] = np.clip(begin[-1], 0.021, 2.9)
        lower = minimize(loss, begin, method="Nelder-Mead", options={"maxiter": 3000}).fun
        assert best.loss[0] <= lower * (1 + 1e-6)


@pytest.mark.parametrize("shape", ["one high record", "drop to a floor", "rise to a plateau"])
def test_abrupt_laws_are_found(shape):
    data = records(n=14)
    x = np.log10(data["compute"].to_numpy())
    level = 1 + 0.05 * np.cos(7 * np.arange(14))
    law = np.array([1.0, 0.0, 0.0, 10.0, 0.0, 0.02])
    if shape == "one high record":
        data["error"] = np.where(np.arange(14) == 6, 3.0, level)
        law[[2, 4]] = -10, x[6]
        law[1] = np.log10(2) - 10 * x[6] + 20 * 0.02 * np.log10(2)
    elif shape == "drop to a floor":
        data["error"] = np.where(np.arange(14) < 8, 3.0 * level, level)
        law[[1, 4]] = np.log10(2), (x[7] + x[8]) / 2
    else:
        data["error"] = np.where(np.arange(14) < 5, level, 3.0 * level)
        law[[2, 3, 4]] = -10, 0, (x[4] + x[5]) / 2
        law[1] = np.log10(2) - 10 * law[4]
    model = BrokenPowerLaw()
    residual = np.log(data["error"]) - np.log(model.evaluate(law, data[["compute"]].to_numpy()))
    assert (residual**2).sum() < 0.05
    assert point(model, data).loss[0] <= (residual**2).sum()


def test_two_breaks_fit_no_worse_than_one():
    for seed in range(2):
        data = records(n=14, sd=0.1, seed=seed)
        one, two = (point(BrokenPowerLaw(breaks=k), data).loss[0] for k in (1, 2))
        assert two <= one * (1 + 1e-9)


def test_a_straight_law_has_equal_exponents_on_both_sides():
    truth = ONE | {"floor": 0.0, "exponent_1": 0.1}
    result = BrokenPowerLaw(with_floor=False, smoothness=0.5, replicates=20).fit(
        records(truth, sd=0.01)
    )
    line = np.polyfit(*np.log(records(truth, sd=0.01).to_numpy()).T, 1)
    grid = np.logspace(16, 24, 9)
    fitted = result.predict(grid)["predicted"].to_numpy()
    np.testing.assert_allclose(np.log(fitted), np.polyval(line, np.log(grid)), atol=0.02)
    assert "break_uncertain" in {note.code for note in result.warnings}
    assert BrokenPowerLaw().evaluate(
        np.array([0, 1.5, 0.1, 0.1, 20, 0.5]), grid[:, None]
    ) == pytest.approx(10**1.5 * grid**-0.1, rel=1e-12)


def test_units_of_x_and_y_move_only_scale_floor_and_break():
    data = records(sd=0.03, seed=2)
    model = BrokenPowerLaw()
    plain = named(model, data)
    scaled = named(model, data.assign(compute=data["compute"] * 1e-9, error=data["error"] * 50))
    assert scaled["floor"] == pytest.approx(50 * plain["floor"], rel=1e-5)
    assert scaled["log10_break_1"] == pytest.approx(plain["log10_break_1"] - 9, abs=1e-5)
    for name in ("exponent_0", "exponent_1", "smoothness_1"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-5)
    shift = np.log10(50) - 9 * plain["exponent_0"]
    assert scaled["log10_scale"] == pytest.approx(plain["log10_scale"] + shift, abs=1e-5)


def test_order_of_records_does_not_matter():
    data = records(sd=0.03, seed=2)
    model = BrokenPowerLaw()
    assert named(model, data.sample(frac=1, random_state=1)) == pytest.approx(
        named(model, data), rel=1e-6
    )


@pytest.mark.parametrize("estimator", [LeastSquares(), Huber(0.01)])
def test_weights_are_repeated_records(estimator):
    data = records(sd=0.05, seed=4)
    times = np.random.default_rng(1).integers(1, 4, len(data))
    model = BrokenPowerLaw(estimator=estimator)
    sample = model.read(data, None, None)
    weighted = model.solve(sample, sample.y, times[None, :].astype(float))
    repeated = point(model, data.loc[np.repeat(data.index, times)].reset_index(drop=True))
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-5)
    assert weighted.loss[0] == pytest.approx(repeated.loss[0], rel=1e-9)


@pytest.mark.parametrize("breaks", [1, 2])
def test_a_resampled_row_does_not_depend_on_its_batch(breaks):
    data = records(TWO if breaks == 2 else ONE, n=20, sd=0.03)
    model = BrokenPowerLaw(breaks=breaks)
    sample = model.read(data, None, None)
    start = point(model, data).params[0]
    weights = np.random.default_rng(0).multinomial(20, [0.05] * 20, 8).astype(float)
    together = model.solve(sample, sample.y, weights, start).params
    for i in (0, 3, 7):
        alone = model.solve(sample, sample.y, weights[i : i + 1], start).params
        np.testing.assert_array_equal(alone[0], together[i])


def test_resampled_rows_reach_what_a_global_search_reaches():
    data = records(n=20, sd=0.03)
    model = BrokenPowerLaw()
    sample = model.read(data, None, None)
    start = point(model, data).params[0]
    weights = np.random.default_rng(2).multinomial(20, [0.05] * 20, 12).astype(float)
    near = model.solve(sample, sample.y, weights, start).loss
    far = model.solve(sample, sample.y, weights).loss
    assert (near <= far * 1.001).mean() >= 0.9


def test_rows_with_too_few_distinct_predictors_are_nan():
    data = records(sd=0.02)
    model = BrokenPowerLaw()
    sample = model.read(data, None, None)
    weights = np.ones((3, 14))
    weights[0, 5:] = 0
    weights[2] = 0
    found = model.solve(sample, sample.y, weights, point(model, data).params[0])
    assert np.isnan(found.params).any(axis=1).tolist() == [True, False, True]
    assert np.isnan(found.loss).tolist() == [True, False, True]


def test_a_law_that_rises_and_falls_is_recovered_and_inverted():
    truth = ONE | {"exponent_0": -0.2, "exponent_1": 0.3, "log10_scale": -4.0}
    data = records(truth)
    model = BrokenPowerLaw()
    found = point(model, data).params
    assert dict(zip(model.param_names, found[0], strict=True)) == pytest.approx(truth, rel=1e-4)
    peak = data["error"].max()
    x = model.invert(found, 0.5 * peak)[0]
    assert x > data["compute"][data["error"].idxmax()]
    assert published(x, truth) == pytest.approx(0.5 * peak, rel=1e-6)


def test_inversion_returns_the_smallest_x_at_which_the_law_falls():
    model = BrokenPowerLaw(breaks=2)
    params = np.array(list(TWO.values()))
    names = dict(zip(model.param_names, params, strict=True))
    assert names == TWO
    x = np.logspace(10, 30, 200_001)
    y = model.evaluate(params, x[:, None])
    dip = y[(x > 1e17) & (x < 1e20)].min()
    for target in (1.2 * dip, 1.000001 * dip, 0.999 * dip, 0.5 * dip, 0.11):
        found = model.invert(params[None, :], target)[0]
        first = np.flatnonzero(y <= target)[0]
        assert x[first - 1] <= found <= x[first]

        def excess(log_x, target=target):
            return published(np.exp(log_x), TWO) - target

        root = brentq(excess, *np.log(x[[first - 1, first]]))
        assert np.log(found) == pytest.approx(root, abs=1e-9)


def test_inversion_is_infinite_at_the_floor_and_beyond_reach():
    model = BrokenPowerLaw()
    laws = np.array([list(ONE.values())] * 4)
    laws[1, 3] = -0.3
    laws[2, 3] = 1e-4
    laws[3, 0] = np.nan
    found = model.invert(laws, 0.11)
    assert np.isfinite(found[0])
    assert np.isinf(found[1:3]).all()
    assert np.isnan(found[3])
    assert np.isinf(model.invert(laws[:1], 0.1)[0])
    far = model.invert(laws[:1], 1e8)[0]
    assert model.evaluate(laws[0], np.array([[far]]))[0] == pytest.approx(1e8, rel=1e-9)


@pytest.mark.parametrize("truth", [ONE, TWO], ids=["one", "two"])
def test_the_law_is_the_published_one_at_extreme_predictors(truth):
    model = BrokenPowerLaw(breaks=len(truth) // 3 - 1)
    params = np.array([truth[name] for name in model.param_names])
    x = np.logspace(-5, 40, 46)
    np.testing.assert_allclose(model.evaluate(params, x[:, None]), published(x, truth), rtol=1e-11)
    sharp = np.where([name.startswith("smooth") for name in model.param_names], 0.02, params)
    assert np.isfinite(model.evaluate(sharp, np.logspace(-300, 300, 9)[:, None])[1:]).all()


def test_predictors_from_1e15_to_1e26_are_fitted():
    found = named(BrokenPowerLaw(), records(low=15, high=26, sd=1e-4))
    assert found == pytest.approx(ONE, rel=0.02)


def test_a_break_outside_the_data_is_noted():
    truth = ONE | {"floor": 0.0, "log10_break_1": 24.6, "smoothness_1": 1.0}
    result = BrokenPowerLaw(with_floor=False, smoothness=1.0, replicates=20).fit(
        records(truth, sd=1e-4)
    )
    note = next(n for n in result.warnings if n.code == "break_outside_data")
    assert note.details["decades"] == pytest.approx(0.6, abs=0.2)


def test_a_break_before_the_last_record_is_noted():
    data = records(ONE | {"exponent_1": 0.1, "floor": 0.0}, sd=0.001)
    data.loc[13, "error"] *= 0.5
    result = BrokenPowerLaw(with_floor=False, replicates=20).fit(data)
    assert "break_rests_on_few_points" in {note.code for note in result.warnings}


def test_a_smoothness_at_its_bound_is_noted():
    truth = ONE | {"floor": 0.0, "smoothness_1": 0.5}
    law = BrokenPowerLaw(with_floor=False, smoothness_range=(0.8, 3.0), replicates=20)
    result = law.fit(records(truth, sd=1e-4))
    note = next(n for n in result.warnings if n.code == "smoothness_at_bound")
    assert note.details["smoothness"] == pytest.approx(0.8)
    assert "sharper" in note.message


def test_fixed_settings_bound_what_is_searched():
    data = records(sd=0.03)
    fixed = BrokenPowerLaw(smoothness=0.5)
    assert fixed.param_names[-1] == "log10_break_1"
    assert point(fixed, data).loss[0] >= point(BrokenPowerLaw(), data).loss[0]
    assert named(fixed, records()) == pytest.approx(
        {name: ONE[name] for name in fixed.param_names}, rel=1e-5
    )
    narrow = BrokenPowerLaw(max_exponent=0.2, smoothness_range=(0.9, 1.1), break_margin=0)
    found = named(narrow, data)
    assert max(abs(found["exponent_0"]), abs(found["exponent_1"])) <= 0.2
    assert 0.9 * (1 - 1e-12) <= found["smoothness_1"] <= 1.1 * (1 + 1e-12)
    assert 16 - 1e-9 <= found["log10_break_1"] <= 24 + 1e-9


def test_degenerate_data_are_refused_with_a_remedy():
    data = records()
    same_x = data.assign(compute=np.repeat(data["compute"].iloc[:2].to_numpy(), 7))
    with pytest.raises(TooFewRecordsError, match="fixed smoothness"):
        BrokenPowerLaw().fit(same_x)
    with pytest.raises(TooFewRecordsError, match="one break"):
        BrokenPowerLaw(breaks=2).fit(records(n=14).assign(compute=[*[1e20] * 7, *range(1, 8)]))
    with pytest.raises(NoVariationError, match="compute"):
        BrokenPowerLaw().fit(data.assign(compute=1e20))
    with pytest.raises(FitError, match="at least"):
        BrokenPowerLaw().fit(data.head(5))
    with pytest.raises(MissingColumnError, match="flop"):
        BrokenPowerLaw(x="flop").fit(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"breaks": 3},
        {"smoothness": -1.0},
        {"smoothness_range": (1.0, 0.5)},
        {"break_margin": -1.0},
        {"max_exponent": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BrokenPowerLaw(**wrong)


def test_a_fit_gives_intervals_and_the_same_numbers_twice():
    data = records(n=20, sd=0.02)
    model = BrokenPowerLaw(replicates=60)
    first, second = model.fit(data, seed=3), model.fit(data, seed=3)
    assert first == second
    assert first.gradient_norm < 1e-6
    bounds = first.conf_int(method="percentile")
    assert (bounds["lower"] <= first.params).all()
    assert (first.params <= bounds["upper"]).all()
    other = dataclasses.replace(model, estimator=LeastAbsolute()).fit(data)
    assert np.isnan(other.gradient_norm)


def test_a_stored_result_keeps_its_law_and_its_tested_break():
    model = BrokenPowerLaw(with_floor=False, smoothness=0.5, replicates=20)
    result = model.fit(records(ONE | {"floor": 0.0}, n=20, sd=0.02))
    again = FitResult.from_json(result.to_json())
    assert again == result
    assert again.model == model
    assert model.profiled == ("log10_break_1",)
    interval = again.param("log10_break_1")
    assert interval.method == "profile score"
    assert interval.lower < 20 < interval.upper
    assert interval.upper - interval.lower < 2


def test_a_break_that_the_data_lack_is_bounded_by_the_margin_only():
    model = BrokenPowerLaw(with_floor=False, smoothness=0.5, replicates=20, break_margin=1)
    data = records(ONE | {"floor": 0.0, "exponent_1": 0.1}, n=20, sd=0.02, seed=1)
    result = model.fit(data)
    bounds = dict(zip(model.param_names, model.bounds(result.sample), strict=True))
    assert bounds["log10_break_1"] == pytest.approx((15, 25))
    interval = result.param("log10_break_1")
    assert 15 - 1e-9 <= interval.lower <= interval.upper <= 25 + 1e-9
    assert interval.upper - interval.lower > 5


@pytest.mark.parametrize("truth", [ONE, TWO], ids=["one", "two"])
def test_the_centred_scale_is_the_power_law_at_the_point(truth):
    model = BrokenPowerLaw(breaks=len(truth) // 3 - 1)
    params = np.array([list(truth.values())])
    centred = model.centred(params, np.array([1e21]))[0]
    assert 10 ** centred[1] == pytest.approx(published([1e21], truth | {"floor": 0.0})[0])
    np.testing.assert_array_equal(centred[2:], model.working(params)[0, 2:])
