"""Laws of several predictors against planted truths, each other and scipy."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import least_squares
from statsmodels.stats.anova import anova_lm

import scalelaw.fit
from scalelaw.errors import NotIdentifiedError, NoVariationError, TooFewRecordsError
from scalelaw.fit.fit_result import FitResult
from scalelaw.fit.joint import (
    BoundedSurface,
    CoupledSurface,
    KaplanSurface,
    MultiplicativePowerLaw,
    SeparablePowerLaw,
    ShiftedPowerLaw,
    lack_of_fit,
)
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.resample import resampled_groups
from scalelaw.fit.sample import read_sample
from scalelaw.fit.surface import LossSurface

TRUTHS = {
    SeparablePowerLaw: [1.0, 2.0, 0.3, 1.5, 0.25],
    MultiplicativePowerLaw: [1.0, 2.0, 0.3, 0.25],
    ShiftedPowerLaw: [1.0, 2.0, 0.5, 0.3, 1.5, 0.4, 0.2],
    KaplanSurface: [1.0, 2.0, 0.5, 1.0, 0.6],
    CoupledSurface: [1.0, 2.0, 0.5, 1.0, 0.4, 0.5],
    BoundedSurface: [1.0, 4.0, 1.0, 0.5, 0.8, 0.4],
}
LAWS = list(TRUTHS)


def grid(model_sizes=4, data_sizes=4, runs=1):
    """Sizes three decades apart in all, about one in the middle."""
    n = 10.0 ** np.linspace(-1.5, 1.5, model_sizes)
    d = 10.0 ** np.linspace(-1.5, 1.5, data_sizes)
    n, d = (np.tile(v.ravel(), runs) for v in np.meshgrid(n, d))
    return pd.DataFrame({"params": n, "tokens": d})


def planted(law, params, runs=1, sd=0.0, seed=0, relative=False):
    data = grid(runs=runs)
    y = law.evaluate(np.array(params), data[list(law.x)].to_numpy())
    scatter = sd * np.random.default_rng(seed).normal(size=len(y))
    data[law.y] = y * np.exp(scatter) if relative else y + scatter
    return data


def solved(law, data):
    """Estimates and loss without resampling."""
    sample = read_sample(data, law.x_names, law.y_name)
    found = law.solve(sample, sample.y, sample.weights[None])
    return SimpleNamespace(estimates=found.params[0], loss=found.loss[0], agree=found.agree[0])


def loss_of(law, data, params):
    x, y = data[list(law.x)].to_numpy(), data[law.y].to_numpy()
    residual = law.residual(y, law.evaluate(np.asarray(params), x))
    return float(law.estimator.value(residual).sum())


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("kind", LAWS)
def test_a_law_without_scatter_is_recovered(kind, residuals):
    law = kind(residuals=residuals)
    result = solved(law, planted(law, TRUTHS[kind]))
    assert result.estimates == pytest.approx(TRUTHS[kind], rel=1e-5)
    assert result.agree >= 2


@pytest.mark.parametrize("estimator", [Huber(1e-3), LeastAbsolute(), Pinball(0.3)])
@pytest.mark.parametrize("kind", [SeparablePowerLaw])
def test_one_wrong_record_does_not_move_a_robust_fit(kind, estimator):
    law = kind(estimator=estimator)
    data = planted(law, TRUTHS[kind])
    data.loc[5, "loss"] *= 1.5
    assert solved(law, data).estimates == pytest.approx(TRUTHS[kind], rel=2e-2)
    squares = solved(kind(), data)
    assert squares.estimates != pytest.approx(TRUTHS[kind], rel=2e-2)


@pytest.mark.parametrize("kind", LAWS)
def test_intervals_hold_the_planted_truth(kind):
    law = kind(residuals="linear", replicates=100)
    result = law.fit(planted(law, TRUTHS[kind], runs=2, sd=0.0141, seed=1))
    interval = result.conf_int(0.998)
    assert (interval["lower"] < TRUTHS[kind]).all()
    assert (interval["upper"] > TRUTHS[kind]).all()
    assert np.isfinite(result.draws).all(axis=1).mean() > 0.98
    far = result.predict([[1e3, 1e3]], level=0.998)
    truth = law.evaluate(np.array(TRUTHS[kind]), np.array([[1e3, 1e3]]))[0]
    assert far["lower"][0] < truth < far["upper"][0]
    assert "lack_of_fit" not in [note.code for note in result.warnings]


def scipy_multistart(law, data, starts, seed=0):
    """Lowest loss that scipy finds from random starts around what made the data and elsewhere."""
    x, y = data[list(law.x)].to_numpy(), data[law.y].to_numpy()
    logs = np.array(law.log_scale)
    lower = np.where(logs, -12.0, -5.0)
    lower[0] = 0.0
    upper = np.where(logs, 8.0, 5.0)
    upper[0] = y.min()
    for i, name in enumerate(law.param_names):
        if name.startswith("s_"):
            lower[i], upper[i] = 0.0, np.ptp(x[:, 0])
        if name == "I":
            lower[i], upper[i] = y.max(), 1e3
        if name == "k":
            lower[i] = np.log(0.02)

    def residual(working):
        params = np.where(logs, np.exp(working), working)
        return np.nan_to_num(law.residual(y, law.evaluate(params, x)), nan=1e3)

    rng = np.random.default_rng(seed)
    robust = isinstance(law.estimator, Huber)
    settings = {"loss": "huber", "f_scale": law.estimator.delta} if robust else {}
    found = []
    for _ in range(starts):
        start = rng.uniform(np.maximum(lower, -2), np.minimum(upper, np.maximum(lower, -2) + 5))
        end = least_squares(residual, start, bounds=(lower, upper), x_scale="jac", **settings)
        found.append(float(law.estimator.value(residual(end.x)).sum()))
    return min(found)


@pytest.mark.parametrize(
    ("kind", "estimator"),
    [*((kind, LeastSquares()) for kind in LAWS), (CoupledSurface, Huber(0.02))],
)
def test_the_minimum_is_never_above_what_scipy_finds_from_many_starts(kind, estimator):
    law = kind(estimator=estimator)
    data = planted(law, TRUTHS[kind], sd=0.05, seed=2, relative=True)
    result = solved(law, data)
    assert result.loss == pytest.approx(loss_of(law, data, result.estimates), rel=1e-9)
    assert result.loss <= scipy_multistart(law, data, 4) * (1 + 1e-9)


@pytest.mark.parametrize("estimator", [LeastAbsolute(), Pinball(0.2)])
def test_no_nearby_parameters_have_a_lower_loss_with_a_corner(estimator):
    law = KaplanSurface(estimator=estimator)
    data = planted(law, TRUTHS[KaplanSurface], sd=0.05, seed=3, relative=True)
    result = solved(law, data)
    rng = np.random.default_rng(0)
    size = 10 ** rng.uniform(-6, -0.5, (20_000, 1))
    near = result.estimates * np.exp(size * rng.normal(size=(20_000, 5)))
    x, y = data[list(law.x)].to_numpy(), data.loss.to_numpy()
    value = estimator.value(law.residual(y, law.evaluate(near, x))).sum(axis=1)
    assert (value >= result.loss * (1 - 1e-12)).all()
    residual = law.residual(y, law.evaluate(result.estimates, x))
    assert (np.abs(residual) < 1e-9).sum() == 5


@pytest.mark.parametrize("kind", [SeparablePowerLaw, KaplanSurface, CoupledSurface])
def test_resampled_rows_reach_the_minimum_of_a_search_of_their_own(kind):
    law = kind()
    data = planted(law, TRUTHS[kind], runs=2, sd=0.1, seed=4, relative=True)
    sample = read_sample(data, law.x_names, law.y_name)
    weights = resampled_groups(32, 12, np.random.SeedSequence(5))
    start = law.solve(sample, sample.y, sample.weights[None]).params[0]
    local = law.solve(sample, sample.y, weights, start)
    wide = law.solve(sample, sample.y, weights)
    assert local.loss == pytest.approx(wide.loss, rel=1e-6)
    assert local.params == pytest.approx(wide.params, rel=1e-3, abs=1e-6)


def test_resampled_rows_leave_a_local_minimum_of_the_whole_sample():
    law = ShiftedPowerLaw()
    data = planted(law, TRUTHS[ShiftedPowerLaw], runs=2, sd=0.1, seed=3)
    sample = read_sample(data, law.x_names, law.y_name)
    weights = resampled_groups(32, 20, np.random.SeedSequence(1))
    start = law.solve(sample, sample.y, sample.weights[None]).params[0]
    local = law.solve(sample, sample.y, weights, start)
    assert local.loss == pytest.approx(law.solve(sample, sample.y, weights).loss, rel=1e-6)


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("kind", LAWS)
def test_derivatives_of_residuals_are_those_of_differences(kind, residuals):
    law = kind(residuals=residuals)
    data = planted(law, TRUTHS[kind], sd=0.05, seed=1, relative=True)
    sample = read_sample(data, law.x_names, law.y_name)
    shape = law.shape(sample, sample.y)
    rng = np.random.default_rng(2)
    p = len(TRUTHS[kind])
    theta = np.abs(rng.normal(0, 0.2, (3, p)))
    rows, pull, h = np.arange(3), rng.normal(size=(3, 16)), 1e-5
    found = shape.evaluate(theta, rows)
    fitted = law.evaluate(shape.to_params(theta), sample.x)
    assert found.residual == pytest.approx(law.residual(sample.y, fitted), abs=1e-10)
    assert shape.to_working(shape.to_params(theta)) == pytest.approx(theta, rel=1e-8)
    curvature = found.curvature(pull)
    for i, step in enumerate(h * np.eye(p)):
        up, down = (shape.evaluate(theta + s, rows) for s in (step, -step))
        slope = (up.residual - down.residual) / (2 * h)
        assert np.broadcast_to(found.jacobian[i], (3, 16)) == pytest.approx(
            slope, rel=1e-6, abs=1e-6
        )
        for j in range(p):
            bend = (pull * (up.jacobian[j] - down.jacobian[j])).sum(axis=1) / (2 * h)
            assert curvature[:, i, j] == pytest.approx(bend, rel=1e-5, abs=1e-4)


POINTS = np.random.default_rng(0).uniform(0.1, 10, (6, 2))


def test_coupled_with_one_is_separable():
    e, a, alpha, r, beta = 1.2, 2.0, 0.4, 0.7, 0.3
    coupled = CoupledSurface().evaluate(np.array([e, a, alpha, r, beta, 1.0]), POINTS)
    separable = SeparablePowerLaw().evaluate(np.array([e, a, alpha, a * r, beta]), POINTS)
    assert coupled == pytest.approx(separable, rel=1e-13)


def test_coupled_with_data_exponent_one_is_kaplan():
    e, a, rho, r, beta = 1.2, 2.0, 0.4, 0.7, 0.3
    coupled = CoupledSurface().evaluate(np.array([e, a, rho, r, 1.0, beta]), POINTS)
    kaplan = KaplanSurface().evaluate(np.array([e, a, rho, r, beta]), POINTS)
    assert coupled == pytest.approx(kaplan, rel=1e-13)
    n, d = POINTS.T
    assert kaplan == pytest.approx(e + a * (n**-rho + r / d) ** beta, rel=1e-13)


def test_without_shifts_the_shifted_law_is_separable():
    shifted = ShiftedPowerLaw().evaluate(np.array([1.2, 2.0, 0.4, 0.0, 0.7, 0.3, 0.0]), POINTS)
    separable = SeparablePowerLaw().evaluate(np.array([1.2, 2.0, 0.4, 0.7, 0.3]), POINTS)
    assert shifted == pytest.approx(separable, rel=1e-13)


def test_of_one_predictor_multiplicative_and_separable_are_one():
    data = planted(SeparablePowerLaw(), TRUTHS[SeparablePowerLaw], sd=0.01)
    first = SeparablePowerLaw(("params",), replicates=20).fit(data)
    second = MultiplicativePowerLaw(("params",), replicates=20).fit(data)
    assert first.model.param_names == second.model.param_names == ("E", "A", "alpha")
    assert first.estimates == pytest.approx(second.estimates, rel=1e-6)
    assert first.draws == pytest.approx(second.draws, rel=1e-4)


def test_with_a_far_plateau_the_bounded_law_is_separable():
    params = np.array([1.0, 1e9, 2e-9, 0.4, 1e-9, 0.3])
    separable = SeparablePowerLaw().evaluate(np.array([1.0, 2.0, 0.4, 1.0, 0.3]), POINTS)
    assert BoundedSurface().evaluate(params, POINTS) == pytest.approx(separable, rel=1e-7)


@pytest.mark.parametrize("estimator", [LeastSquares(), Huber(1e-3)])
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_of_two_predictors_the_separable_law_is_the_loss_surface(residuals, estimator):
    data = planted(SeparablePowerLaw(), TRUTHS[SeparablePowerLaw], runs=2, sd=0.02, seed=6)
    settings = {"estimator": estimator, "residuals": residuals}
    ours = solved(SeparablePowerLaw(**settings), data)
    theirs = solved(LossSurface("params", "tokens", "loss", **settings), data)
    assert ours.estimates == pytest.approx(theirs.estimates, rel=1e-5)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-8)


def test_more_predictors_than_two_are_recovered():
    rng = np.random.default_rng(7)
    data = pd.DataFrame(10 ** rng.uniform(-2, 2, (60, 3)), columns=["n", "d", "steps"])
    law = SeparablePowerLaw(("n", "d", "steps"))
    truth = [0.8, 1.0, 0.5, 0.6, 0.35, 0.3, 0.8]
    data["loss"] = law.evaluate(np.array(truth), data.to_numpy())
    assert law.param_names[-2:] == ("A_steps", "alpha_steps")
    assert solved(law, data).estimates == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("kind", LAWS)
def test_units_of_the_data_change_amplitudes_only(kind):
    law = kind()
    data = planted(law, TRUTHS[kind], runs=2, sd=0.02, seed=8, relative=True)
    scaled = data.assign(params=data.params * 1e24, tokens=data.tokens * 1e9, loss=data.loss * 1e-3)
    first, second = solved(law, data), solved(law, scaled)
    assert second.loss == pytest.approx(first.loss, rel=1e-8)
    assert second.estimates[0] == pytest.approx(1e-3 * first.estimates[0], rel=1e-5)
    exponents = [name[:3] in ("alp", "bet", "rho", "k") for name in law.param_names]
    assert second.estimates[exponents] == pytest.approx(first.estimates[exponents], rel=1e-5)
    at = np.array([[5.0, 0.3], [1e3, 1e-3]])
    moved = law.evaluate(second.estimates, at * [1e24, 1e9])
    assert moved == pytest.approx(1e-3 * law.evaluate(first.estimates, at), rel=1e-5)


@pytest.mark.parametrize("kind", [ShiftedPowerLaw, KaplanSurface])
def test_weights_are_repeated_records_and_their_order_does_not_matter(kind):
    law = kind(replicates=1)
    data = planted(law, TRUTHS[kind], sd=0.02, seed=9)
    data["times"] = np.random.default_rng(1).integers(1, 4, len(data))
    repeated = data.loc[data.index.repeat(data["times"])].sample(frac=1, random_state=0)
    expected = solved(law, repeated)
    assert law.fit(data, weights="times").estimates == pytest.approx(expected.estimates, rel=1e-6)
    sample = read_sample(data, law.x_names, law.y_name)
    row = law.solve(sample, sample.y, data[["times"]].to_numpy(float).T, expected.estimates)
    assert row.params[0] == pytest.approx(expected.estimates, rel=1e-6)


@pytest.mark.parametrize("kind", [CoupledSurface, ShiftedPowerLaw])
def test_a_row_of_weights_is_solved_the_same_beside_any_others(kind):
    law = kind()
    data = planted(law, TRUTHS[kind], sd=0.02, seed=10)
    sample = read_sample(data, law.x_names, law.y_name)
    start = law.solve(sample, sample.y, sample.weights[None]).params[0]
    weights = resampled_groups(16, 20, np.random.SeedSequence(0))
    together = law.solve(sample, sample.y, weights, start).params
    apart = np.concatenate([law.solve(sample, sample.y, w, start).params for w in
                            np.split(weights, [1, 7])])  # fmt: skip
    assert np.array_equal(together, apart, equal_nan=True)


@pytest.mark.parametrize("kind", LAWS)
def test_weights_that_do_not_identify_the_law_give_nan_without_a_warning(kind):
    law = kind()
    data = planted(law, TRUTHS[kind], sd=0.02)
    sample = read_sample(data, law.x_names, law.y_name)
    few = np.zeros((3, 16))
    few[0, :3] = 1.0
    few[1, data.params == data.params[0]] = 1.0
    few[2] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = law.solve(sample, sample.y, few, np.array(TRUTHS[kind]))
    assert np.isnan(found.params).all(axis=1).tolist() == [True, True, False]


def test_a_predictor_with_too_few_values_is_refused_with_the_number():
    data = planted(SeparablePowerLaw(), TRUTHS[SeparablePowerLaw], runs=2, sd=0.01)
    two = data[data.tokens.isin(np.unique(data.tokens)[:2])]
    with pytest.raises(NotIdentifiedError, match=r'"tokens" has 2 distinct values.*at least 3'):
        SeparablePowerLaw().fit(two)
    three = data[data.tokens.isin(np.unique(data.tokens)[:3])]
    assert SeparablePowerLaw(replicates=1).fit(three).params["E"] > 0
    with pytest.raises(NotIdentifiedError, match=r"has 3 distinct values.*at least 4"):
        ShiftedPowerLaw().fit(three)
    with pytest.raises(NoVariationError, match="tokens"):
        SeparablePowerLaw().fit(data[data.tokens == data.tokens[0]])


@pytest.mark.parametrize("kind", [SeparablePowerLaw, MultiplicativePowerLaw, BoundedSurface])
def test_predictors_that_move_together_are_refused(kind):
    law = kind()
    data = planted(law, TRUTHS[kind], sd=0.01)
    data["params"] = np.logspace(0, 3, 16)
    data["tokens"] = 20 * data.params**1.5
    with pytest.raises(NotIdentifiedError, match="leave a predictor out"):
        law.fit(data)


def test_too_few_points_or_records_are_refused():
    law = CoupledSurface()
    data = planted(law, TRUTHS[CoupledSurface], runs=4, sd=0.01)
    corner = data[(data.params < 0.5) & (data.tokens < 0.5)]
    with pytest.raises(NotIdentifiedError, match="4 distinct points and CoupledSurface has 6"):
        law.fit(corner)
    with pytest.raises(TooFewRecordsError):
        law.fit(data[:6])


def test_specifications_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="2 predictors, not 3"):
        KaplanSurface(("n", "d", "steps"))
    with pytest.raises(ValueError, match="each once"):
        SeparablePowerLaw(("n", "n"))
    with pytest.raises(ValueError, match="tuple of columns"):
        SeparablePowerLaw("n")


def notes_of(result):
    return {note.details.get("parameter", note.code): note for note in result.warnings}


def test_richer_laws_say_when_separable_data_do_not_need_them():
    data = planted(SeparablePowerLaw(), TRUTHS[SeparablePowerLaw], runs=2, sd=0.01, seed=11)
    separable = SeparablePowerLaw(replicates=50).fit(data)
    assert not notes_of(separable)
    coupled = CoupledSurface(replicates=50).fit(data)
    assert coupled.params["k"] == pytest.approx(1, abs=0.1)
    shifted = ShiftedPowerLaw(replicates=50).fit(data)
    assert {"s_params", "s_tokens"} & set(notes_of(shifted))
    bounded = BoundedSurface(replicates=50).fit(data)
    assert bounded.params["I"] > 100
    for richer in (coupled, shifted, bounded):
        assert richer.loss <= separable.loss * (1 + 1e-4)


def test_a_floor_at_zero_and_a_coupling_at_its_bound_are_noted():
    law = MultiplicativePowerLaw(replicates=20)
    data = planted(law, [0.0, 2.0, 0.3, 0.25], sd=0.05, seed=5, relative=True)
    result = law.fit(data)
    assert result.params["E"] == 0
    assert notes_of(result)["E"].code == "parameter_at_bound"
    coupled = CoupledSurface(replicates=5).fit(data)
    assert "MultiplicativePowerLaw" in notes_of(coupled)["k"].message


@pytest.mark.parametrize("kind", [SeparablePowerLaw, KaplanSurface, BoundedSurface])
def test_a_rising_response_approaches_its_offset_from_below(kind):
    law = kind(y="accuracy", rising=True, residuals="linear")
    truth = {
        SeparablePowerLaw: [0.92, 0.15, 0.4, 0.08, 0.3],
        KaplanSurface: [0.92, 0.1, 0.5, 1.0, 0.3],
        BoundedSurface: [0.92, 0.1, 1.0, 0.5, 0.8, 0.4],
    }[kind]
    data = planted(law, truth)
    assert np.corrcoef(np.log(data.params), data.accuracy)[0, 1] > 0
    assert solved(law, data).estimates == pytest.approx(truth, rel=1e-5)


def test_a_curve_that_flattens_at_small_scale_lacks_fit_as_a_plain_power():
    law = ShiftedPowerLaw(residuals="linear", replicates=20)
    data = planted(law, TRUTHS[ShiftedPowerLaw], runs=2, sd=0.014, seed=12)
    plain = SeparablePowerLaw(residuals="linear", replicates=20).fit(data)
    assert notes_of(plain)["lack_of_fit"].details["df_lack"] == 16 - 5
    assert "lack_of_fit" not in notes_of(law.fit(data))


def line_result(data, weights, groups):
    """Fit of a straight line in the form that the test of a law reads."""
    line = smf.wls("y ~ x", data, weights=weights).fit()
    sample = SimpleNamespace(
        x=data[["x"]].to_numpy(), weights=np.asarray(weights, float), index=np.asarray(groups)
    )
    model = SimpleNamespace(sample_residual=lambda sample, params: line.resid.to_numpy())
    return SimpleNamespace(sample=sample, model=model, estimates=line.params.to_numpy())


@pytest.mark.parametrize("weighted", [False, True])
def test_lack_of_fit_is_the_f_test_of_a_law_within_one_mean_per_point(weighted):
    rng = np.random.default_rng(13)
    data = pd.DataFrame({"x": np.repeat([1.0, 2.0, 3.0, 5.0, 8.0], [3, 1, 4, 2, 2])})
    data["y"] = 1 + data.x + 0.1 * data.x**2 + 0.3 * rng.normal(size=12)
    weights = rng.uniform(0.5, 2, 12) if weighted else np.ones(12)
    found = lack_of_fit(line_result(data, weights, np.arange(12)))
    line = smf.wls("y ~ x", data, weights=weights).fit()
    table = anova_lm(line, smf.wls("y ~ C(x)", data, weights=weights).fit())
    assert found["f"] == pytest.approx(table["F"][1])
    assert found["p_value"] == pytest.approx(table["Pr(>F)"][1])
    assert (found["df_lack"], found["df_error"]) == (3, 7)


def test_records_of_one_group_at_a_point_count_once():
    data = pd.DataFrame({"x": np.repeat([1.0, 2.0, 4.0, 8.0], 4)})
    rng = np.random.default_rng(14)
    runs = np.repeat(np.arange(8), 2)
    data["y"] = data.x + rng.normal(size=8)[runs] + 0.01 * rng.normal(size=16)
    found = lack_of_fit(line_result(data, np.ones(16), runs))
    averages = data.groupby(runs).mean()
    direct = lack_of_fit(line_result(averages, np.ones(8), np.arange(8)))
    assert found["df_error"] == 4
    assert found["f"] == pytest.approx(direct["f"])
    assert lack_of_fit(line_result(data, np.ones(16), runs // 2)) is None


@pytest.mark.parametrize("kind", [ShiftedPowerLaw, KaplanSurface])
def test_a_result_survives_json(kind, monkeypatch):
    monkeypatch.setattr(scalelaw.fit, kind.__name__, kind, raising=False)
    law = kind(replicates=3)
    result = law.fit(planted(law, TRUTHS[kind], sd=0.01))
    again = FitResult.from_json(result.to_json())
    assert again == result
    assert again.predict([[2.0, 3.0]]).equals(result.predict([[2.0, 3.0]]))
