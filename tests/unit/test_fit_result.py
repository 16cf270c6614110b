"""Results of all laws: intervals, predictions, warnings, storage."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares
from scipy.stats import t as student

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit import (
    BrokenPowerLaw,
    ExponentialLaw,
    FitResult,
    FlooredPowerLaw,
    Huber,
    LeastAbsolute,
    LossSurface,
    Pinball,
    PowerLaw,
    Sigmoid,
)
from scalelaw.fit.resample import bca_interval


def runs(n=48, groups=12, sd=0.02, floor=0.4, seed=0):
    rng = np.random.default_rng(seed)
    x, group = 10 ** rng.uniform(16, 22, n), np.arange(n) % groups
    scatter = sd * (rng.normal(size=groups)[group] + rng.normal(size=n)) / np.sqrt(2)
    return pd.DataFrame(
        {
            "flop": x,
            "loss": (floor + (x / 1e17) ** -0.25) * np.exp(scatter),
            "run": [f"r{i}" for i in group],
            "w": rng.uniform(0.5, 2, n),
        }
    )


def surface_runs(n=40, seed=0):
    rng = np.random.default_rng(seed)
    size, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 12, n)
    loss = (1.7 + 400 / size**0.34 + 410 / tokens**0.28) * np.exp(0.005 * rng.normal(size=n))
    return pd.DataFrame({"n": size, "d": tokens, "loss": loss})


FLOOR = FlooredPowerLaw("flop", "loss", replicates=300)


@pytest.fixture(scope="module")
def result():
    return FLOOR.fit(runs(), "run")


def refit(data, residuals="log"):
    """Return floor, log10 scale and exponent by scipy."""
    x, y = np.log10(data["flop"].to_numpy()), data["loss"].to_numpy()

    def residual(p):
        fitted = p[0] + 10 ** (p[1] - p[2] * (x - 17))
        return np.log(y) - np.log(fitted) if residuals == "log" else y - fitted

    found = least_squares(residual, [0.4, 0, 0.25], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    floor, scale, exponent = found.x
    return np.array([floor, scale + 17 * exponent, exponent]), (found.fun**2).sum()


def response(params, x):
    return params[..., 0] + 10 ** (params[..., 1] - params[..., 2] * np.log10(x))


@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_the_jackknife_is_that_of_refits_without_each_run(residuals):
    data = runs()
    found = dataclasses.replace(FLOOR, residuals=residuals).fit(data, "run")
    whole, square = refit(data, residuals)
    assert found.estimates == pytest.approx(whole, rel=1e-5)
    assert found.loss == pytest.approx(square, rel=1e-8)
    assert found.residual_sd == pytest.approx(np.sqrt(square / 45), rel=1e-8)
    without = np.array([refit(data[data["run"] != run], residuals)[0] for run in found.groups])
    assert found.left_out == pytest.approx(without, rel=1e-4)
    table = found.left_out_params().set_index("group")
    assert table.loc["r3"].tolist() == pytest.approx(without[3], rel=1e-4)
    # On the working scale the exponent is a logarithm.
    change = without - whole
    change[:, 2] = np.log(without[:, 2] / whole[2])
    assert found.covariance.to_numpy() == pytest.approx(change.T @ change, rel=1e-3)
    errors = np.sqrt((change**2).sum(axis=0)) * [1, 1, whole[2]]
    assert found.std_errors.to_numpy() == pytest.approx(errors, rel=1e-3)
    # Cook's distance by group: squared length of the change over the number of parameters.
    cook = np.einsum("gi,ij,gj->g", change, np.linalg.inv(change.T @ change), change) / 3
    assert found.cooks_distance().to_numpy() == pytest.approx(cook, rel=2e-3)
    assert found.cooks_distance().index.tolist() == list(found.groups)
    half = student.ppf(0.95, 11) * np.sqrt((change[:, 2] ** 2).sum())
    bounds = found.conf_int(0.9, "jackknife").loc["exponent"]
    assert bounds.tolist() == pytest.approx(whole[2] * np.exp([-half, half]), rel=1e-3)
    # Any quantity: its own changes without each run, on its logarithm.
    at = 1e23
    moved = np.log(response(without, at) / response(whole, at))
    half = student.ppf(0.975, 11) * np.sqrt((moved**2).sum())
    got = found.derive("y", lambda p: response(p, at))
    assert (got.value, got.method) == (pytest.approx(response(whole, at), rel=1e-6), "jackknife")
    assert got.lower == pytest.approx(response(whole, at) * np.exp(-half), rel=1e-3)
    assert got.upper == pytest.approx(response(whole, at) * np.exp(half), rel=1e-3)


def test_delta_has_the_analytic_gradient(result):
    floor, scale, exponent = result.estimates
    x = 3e20
    term = 10 ** (scale - exponent * np.log10(x))
    log10 = np.log(10)
    # By floor, log10 scale and the logarithm of the exponent.
    gradient = np.array([1, term * log10, -term * log10 * exponent * np.log10(x)])
    covariance = result.covariance.to_numpy()
    t = student.ppf(0.95, 11)
    half = t * np.sqrt(gradient @ covariance @ gradient)
    found = result.derive("y", lambda p: response(p, x), 0.9, "delta", log=False)
    assert [found.lower, found.upper] == pytest.approx(floor + term + np.array([-half, half]))
    log_half = half / (floor + term)
    found = result.derive("y", lambda p: response(p, x), 0.9, "delta")
    assert [found.lower, found.upper] == pytest.approx(
        (floor + term) * np.exp([-log_half, log_half])
    )
    # ln x = ln 10 (log10 scale - log10(y - floor)) / exponent.
    y = floor + term
    back = np.array([1 / (term * exponent), log10 / exponent, -np.log(x)])
    half = t * np.sqrt(back @ covariance @ back)
    found = result.x_for(y, 0.9, "delta")
    assert [found.lower, found.value, found.upper] == pytest.approx(
        x * np.exp([-half, 0, half]), rel=1e-6
    )


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_delta_does_not_depend_on_the_unit_of_the_response(result, factor):
    other = FLOOR.fit(runs().assign(loss=lambda d: d["loss"] * factor), "run")
    one, two = result.x_for(0.7, method="delta"), other.x_for(0.7 * factor, method="delta")
    assert (two.lower, two.upper) == pytest.approx((one.lower, one.upper), rel=1e-6)


def test_percentile_and_bca_read_the_draws(result):
    def quantity(params):
        return response(params, 1e19)

    draws = np.log(quantity(result.draws))
    found = result.derive("y", quantity, 0.9, "percentile")
    assert np.log([found.lower, found.upper]) == pytest.approx(np.quantile(draws, [0.05, 0.95]))
    expected = bca_interval(
        float(np.log(quantity(result.estimates))), draws, np.log(quantity(result.left_out)), 0.9
    )
    found = result.derive("y", quantity, 0.9, "bca")
    assert np.log([found.lower, found.upper]) == pytest.approx(expected)
    found = result.derive("difference", lambda p: p[:, 0] - 0.4, 0.9, "percentile", log=False)
    assert found.value == result.params["floor"] - 0.4
    assert [found.lower, found.upper] == pytest.approx(
        np.quantile(result.draws[:, 0] - 0.4, [0.05, 0.95])
    )
    with pytest.raises(ValueError, match="method must be one of jackknife"):
        result.derive("y", quantity, method="magic")


def test_least_squares_use_the_jackknife_and_other_losses_the_draws(result):
    assert result.default_method == "jackknife"
    robust = dataclasses.replace(FLOOR, estimator=LeastAbsolute(), replicates=60).fit(runs(), "run")
    assert robust.default_method == "percentile"
    found = robust.param("exponent")
    assert found.method == "percentile"
    assert [found.lower, found.upper] == pytest.approx(
        np.exp(np.quantile(np.log(robust.draws[:, 2]), [0.025, 0.975]))
    )
    # So do standard errors: leaving out a run moves a median by jumps, or not at all.
    spread = np.std(robust.draws, axis=0, ddof=1)[:2]
    assert robust.std_errors.to_numpy()[:2] == pytest.approx(spread)
    assert result.param("floor").method == "profile score"
    light = FitResult.from_json(result.to_json(data=False))
    assert light.param("floor").method == "percentile"


@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_prediction_intervals_add_the_variance_of_a_record(residuals):
    found = dataclasses.replace(FLOOR, residuals=residuals).fit(runs(), "run")
    table = found.predict([1e17, 1e21, 1e24], 0.9)
    scale = np.log if residuals == "log" else np.asarray
    columns = ["predicted", "lower", "upper", "prediction_lower", "prediction_upper"]
    centre, low, high, new_low, new_high = (scale(table[c].to_numpy()) for c in columns)
    assert table["predicted"].to_numpy() == pytest.approx(
        response(found.estimates, table["flop"].to_numpy())
    )
    noise = student.ppf(0.95, 11) * found.residual_sd
    assert centre - new_low == pytest.approx(np.hypot(centre - low, noise))
    assert new_high - centre == pytest.approx(np.hypot(high - centre, noise))
    moved = scale(response(found.left_out[:, None], np.array([1e17, 1e21, 1e24]))) - centre
    half = student.ppf(0.95, 11) * np.sqrt((moved**2).sum(axis=0))
    assert high - centre == pytest.approx(half)
    assert table["extrapolated"].tolist() == [False, False, True]
    beyond = np.log10(1e24 / runs()["flop"].max())
    assert table["decades_beyond"].tolist() == pytest.approx([0, 0, beyond])
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="positive and finite"):
            found.predict([wrong])


def test_a_surface_predicts_at_rows_and_at_tables():
    data = surface_runs()
    law = LossSurface("n", "d", "loss", replicates=20)
    found = law.fit(data)
    at = np.array([[1e9, 1e11], [1e13, 1e10]])
    rows = found.predict(at, method="percentile")
    named = pd.DataFrame({"d": at[:, 1], "other": 0, "n": at[:, 0]})
    pd.testing.assert_frame_equal(rows, found.predict(named, method="percentile"))
    assert rows["extrapolated"].tolist() == [False, True]
    assert rows["decades_beyond"][1] == pytest.approx(np.log10(1e13 / data["n"].max()))
    with pytest.raises(NotIdentifiedError, match="one predictor"):
        found.x_for(2.0)
    with pytest.raises(NotIdentifiedError, match="one predictor"):
        found.gain_per_decade(1e9)


@pytest.mark.parametrize("kind", [FlooredPowerLaw, PowerLaw, ExponentialLaw])
def test_x_for_inverts_the_prediction(kind):
    found = kind("flop", "loss", replicates=2).fit(runs(), "run")
    y = found.predict([2e20])["predicted"][0]
    for method in (None, "jackknife"):
        answer = found.x_for(y, method=method)
        assert answer.value == pytest.approx(2e20)
        assert answer.lower < 2e20 < answer.upper


def test_a_response_below_the_floor_is_refused_and_resamples_below_it_are_infinite(result):
    with pytest.raises(NotIdentifiedError, match=r"never reaches loss = 0\.2"):
        result.x_for(0.2)
    near = result.params["floor"] + 0.001
    found = result.x_for(near, method="percentile")
    assert found.upper == np.inf
    assert np.isfinite(found.lower)


def test_the_gain_per_decade_is_a_ratio_of_responses(result):
    x = 1e18
    expected = response(result.estimates, 10 * x) / response(result.estimates, x)
    found = result.gain_per_decade(x)
    assert found.value == pytest.approx(expected)
    moved = np.log(response(result.left_out, 10 * x) / response(result.left_out, x) / expected)
    half = student.ppf(0.975, 11) * np.sqrt((moved**2).sum())
    assert found.upper == pytest.approx(expected * np.exp(half))
    line = PowerLaw("flop", "loss", replicates=2).fit(runs(), "run")
    assert line.gain_per_decade(x).value == pytest.approx(10 ** -line.params["exponent"])
    assert line.gain_per_decade(x).value == pytest.approx(line.gain_per_decade(1e30).value)


def codes(found):
    return {note.code: note for note in found.warnings}


def test_few_groups_are_noted():
    law = dataclasses.replace(FLOOR, replicates=20)
    assert codes(law.fit(runs(groups=9), "run"))["few_groups"].details == {"groups": 9}
    assert "few_groups" not in codes(law.fit(runs(groups=10), "run"))


def test_a_large_group_is_noted():
    data = runs()
    data.loc[:24, "run"] = "big"
    note = codes(dataclasses.replace(FLOOR, replicates=20).fit(data, "run"))["one_large_group"]
    assert note.details["share"] == pytest.approx(25 / 48)
    assert "52%" in note.message
    half = runs()
    half.loc[:23, "run"] = "big"
    assert "one_large_group" not in codes(
        dataclasses.replace(FLOOR, replicates=20).fit(half, "run")
    )


def built(draws=None, left_out=None, starts=1, agree=1, law=FLOOR):
    """Return a result of the same data with other draws."""
    from scalelaw.fit.model import Solutions

    sample = law.read(runs(), "run", None)
    best = law.solve(sample, sample.y, sample.weights[None])
    best = Solutions(best.params, best.loss, best.gradient_norm, starts, np.array([agree]))
    p = len(law.param_names)
    rng = np.random.default_rng(0)
    if draws is None:
        draws = best.params[0] * (1 + 0.01 * rng.normal(size=(200, p)))
    if left_out is None:
        left_out = best.params[0] * (1 + 0.01 * rng.normal(size=(12, p)))
    return FitResult.build(law, sample, best, left_out, draws)


def test_failed_resamplings_are_noted():
    draws = np.random.default_rng(1).uniform(1, 2, (200, 3))
    draws[:2] = np.nan
    assert "failed_replicates" not in codes(built(draws.copy()))
    draws[2, 1] = np.nan
    note = codes(built(draws.copy()))["failed_replicates"]
    assert note.details == {"failed": 3, "replicates": 200}


def test_a_law_that_rests_on_a_group_is_noted():
    left_out = np.random.default_rng(1).uniform(1, 2, (12, 3))
    assert "rests_on_one_group" not in codes(built(left_out=left_out.copy()))
    left_out[[4, 7], 1] = np.nan
    note = codes(built(left_out=left_out))["rests_on_one_group"]
    assert note.severity == "error"
    assert note.details == {"positions": [4, 7]}


def test_starts_that_disagree_are_noted():
    assert codes(built(starts=8, agree=1))["starts_disagree"].details == {"starts": 8, "agree": 1}
    assert "starts_disagree" not in codes(built(starts=8, agree=2))
    assert "starts_disagree" not in codes(built(starts=1, agree=1))


def test_parameters_that_go_together_are_noted():
    rng = np.random.default_rng(1)
    free = rng.uniform(0.1, 0.2, (200, 3))
    assert "weakly_identified" not in codes(built(free.copy()))
    # At the middle of the data, floor and power-law term move together.
    data = runs()
    middle = np.log10(data["flop"].min() * data["flop"].max()) / 2
    tied = free.copy()
    tied[:, 1] = 3 * tied[:, 0] + tied[:, 2] * middle + 1e-6 * rng.normal(size=200)
    note = codes(built(tied))["weakly_identified"]
    assert note.details["condition"] > 1e5
    # The scale at x = 1 goes with the exponent in any fit: that alone is no weakness.
    usual = free.copy()
    usual[:, 1] = free[:, 1] + usual[:, 2] * middle
    assert "weakly_identified" not in codes(built(usual))


def share(data):
    """Return a share that rises from 0.1 to 0.9."""
    noise = 0.005 * np.random.default_rng(3).normal(size=len(data))
    return 0.1 + 0.8 / (1 + (data["flop"] / 1e19) ** -0.8) + noise


LAWS = [
    (FlooredPowerLaw("flop", "loss", replicates=12), "flop"),
    (FlooredPowerLaw("flop", "loss", replicates=12, residuals="linear", min_floor=0.1), "flop"),
    (FlooredPowerLaw("flop", "loss", replicates=12, estimator=Huber(0.01)), "flop"),
    (BrokenPowerLaw("flop", "loss", replicates=8), "flop"),
    (Sigmoid("flop", "share", replicates=8), "flop"),
    (PowerLaw("flop", "loss", "x_on_y", replicates=12), "flop"),
    (PowerLaw("flop", "loss", covariates=("w",), effects="kind", replicates=12), "flop"),
    (PowerLaw("flop", "loss", "york", x_sd="w", y_sd=0.1, replicates=0), "flop"),
    (PowerLaw("flop", "loss", estimator=Pinball(0.3), replicates=12), "flop"),
    (ExponentialLaw("flop", "loss", estimator=LeastAbsolute(), replicates=12), "flop"),
    (LossSurface("n", "d", "loss", replicates=8), "n"),
]


@pytest.mark.parametrize(("law", "first"), LAWS, ids=lambda v: type(v).__name__)
def test_results_survive_json(law, first):
    data = (
        surface_runs() if first == "n" else runs().assign(kind=lambda d: d.index % 3, share=share)
    )
    found = law.fit(data, None if first == "n" else "run")

    def refuse(literal):
        raise AssertionError(literal)

    json.loads(found.to_json(), parse_constant=refuse)
    again = FitResult.from_json(found.to_json())
    assert again == found
    assert type(again) is type(found)
    assert again.model == law
    for field in dataclasses.fields(found):
        if field.name not in ("model", "sample", "warnings"):
            one, two = getattr(found, field.name), getattr(again, field.name)
            assert type(one) is type(two), field.name
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two), field.name)
    for name in ("x", "y", "weights", "index"):
        one, two = (getattr(r.sample, name) for r in (found, again))
        assert one.dtype == two.dtype
        assert (one == two).all()
    assert set(again.sample.extra) == set(found.sample.extra)
    table = found.conf_int()
    pd.testing.assert_frame_equal(again.conf_int(), table)
    assert again.summary() == found.summary()
    light = FitResult.from_json(found.to_json(draws=False, data=False))
    assert light.sample is None
    assert light.draws.shape == (0, len(law.param_names))
    assert light.params.tolist() == found.params.tolist()
    lean = found.std_errors if found.default_method == "jackknife" else None
    if lean is not None:
        pd.testing.assert_series_equal(light.std_errors, lean)
    assert np.isnan(light.derive("a", lambda p: p[:, -1] ** 2, method="percentile").lower)


def test_infinite_and_missing_values_survive_json(result):
    draws = result.draws.copy()
    draws[0], draws[1, 2] = np.nan, np.inf
    odd = dataclasses.replace(result, draws=draws, gradient_norm=np.nan, loss=np.inf)
    again = FitResult.from_json(odd.to_json())
    assert np.isnan(again.gradient_norm)
    assert again.loss == np.inf
    assert np.isnan(again.draws[0]).all()
    assert again.draws[1, 2] == np.inf


@pytest.mark.parametrize(
    "text", ["[]", "3", "not json", '{"format": 1}', '{"format": 1, "model": "Huber"}']
)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"not a stored fit|Expecting value"):
        FitResult.from_json(text)


def test_a_stored_fit_with_other_fields_is_refused(result):
    content = json.loads(result.to_json())
    content["surprise"] = content.pop("starts")
    with pytest.raises(ValueError, match=r"\['starts', 'surprise'\] differ"):
        FitResult.from_json(json.dumps(content))


def test_results_cannot_be_changed_from_outside():
    data = runs()
    found = FLOOR.fit(data, "run")
    before = found.to_json()
    for array in (found.estimates, found.left_out, found.draws, found.sample.x, found.sample.y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.loss = 0.0
    for table in (found.params, found.covariance, found.conf_int()):
        table.iloc[0] = 0
    data.loc[:, "loss"] = 1.0
    data["flop"] *= 2
    assert found.to_json() == before
    with pytest.raises(TypeError, match="unhashable"):
        hash(found)


def test_an_estimate_reads_as_a_line(result):
    text = str(result.derive("loss", lambda p: p[:, 0], 0.999))
    assert text.startswith("loss 0.")
    assert text.endswith("(99.9%, jackknife)")
    assert "99.9% interval" in result.summary(0.999)


def test_a_huber_loss_without_a_bound_is_refused():
    for delta in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="positive and finite"):
            Huber(delta)


def test_what_has_no_logarithm_has_no_bounds(result):
    found = result.derive("negative", lambda p: -p[:, 0])
    assert (found.lower, found.upper) == (0.0, np.inf)
    found = result.derive("infinite", lambda p: p[:, 0] * np.inf)
    assert (found.value, found.upper) == (np.inf, np.inf)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, float("nan")])
def test_impossible_levels_are_refused(result, level):
    line = PowerLaw("flop", "loss", replicates=10).fit(runs(), "run")
    for ask in (result.conf_int, result.predict, line.conf_int, line.cost_exponent):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            ask(*([[1e20]] if ask == result.predict else []), level=level)
