"""Fits against other implementations, published values and planted laws."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.stats import t as student
from statsmodels.tools.eval_measures import aicc

from scalelaw.errors import (
    FitError,
    InvalidValueError,
    MissingColumnError,
    NoVariationError,
    TooFewGroupsError,
    TooFewRecordsError,
)
from scalelaw.fit import ExponentialLaw, LineResult, PowerLaw
from scalelaw.fit.curves import DIRECTIONS
from scalelaw.fit.linear import GroupedLeastSquares
from scalelaw.fit.resample import jackknife_covariance, resampled_groups
from scalelaw.fit.sample import group_index
from scalelaw.fit.york import York


def noisy(n=60, papers=12, exponent=8.0, sd=0.5, seed=0):
    """Records of a planted law, with scatter shared by the records of a paper."""
    rng = np.random.default_rng(seed)
    paper = rng.integers(0, papers, n)
    paper[:papers] = np.arange(papers)
    log_inverse_error = rng.uniform(0.2, 1.2, n)
    scatter = sd * (rng.normal(size=papers)[paper] + rng.normal(size=n)) / np.sqrt(2)
    return pd.DataFrame(
        {
            "compute": 10 ** (15 + exponent * log_inverse_error + scatter),
            "error": 10**-log_inverse_error,
            "paper": [f"p{i}" for i in paper],
            "sd": 0.3,
        }
    )


def fitted(data, direction="compute_on_error", seed=0, replicates=100, **settings):
    """Fit the power law of error and compute in one of the pipeline's directions."""
    if direction == "york":
        settings = {"x_sd": "sd", "y_sd": 0.02} | settings
    law = PowerLaw("compute", "error", DIRECTIONS[direction], replicates=replicates, **settings)
    return law.fit(data, "paper", seed=seed)


TURNED = np.array([[1, -1], [-1, 1]])
"""Signs of the covariance of a line in log(1/e) where the line is one in log e."""


def exponent(result):
    return result.cost_exponent().value


def bounds(estimate):
    return estimate.lower, estimate.upper


def xy(data):
    return -np.log10(data["error"].to_numpy()), np.log10(data["compute"].to_numpy())


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_law_without_scatter_is_recovered(direction):
    data = noisy(sd=0.0)
    result = fitted(data, direction)
    assert exponent(result) == pytest.approx(8.0, abs=1e-9)
    assert result.x_for(1.0).value == pytest.approx(1e15, rel=1e-8)
    assert result.r_squared == pytest.approx(1.0)
    assert result.predict_x(0.1)["compute"][0] == pytest.approx(1e23, rel=1e-8)


def test_point_and_r_squared_agree_with_statsmodels_both_ways():
    data = noisy()
    x, y = xy(data)
    ols = sm.OLS(y, sm.add_constant(x)).fit()
    forward = fitted(data)
    assert exponent(forward) == pytest.approx(ols.params[1], rel=1e-12)
    assert forward.r_squared == pytest.approx(ols.rsquared, rel=1e-10)
    back = sm.OLS(x, sm.add_constant(y)).fit()
    inverse = fitted(data, "error_on_compute")
    assert exponent(inverse) == pytest.approx(1 / back.params[1], rel=1e-12)
    # The product of the two slopes is R2, so the inverse fit is steeper by exactly that.
    assert exponent(forward) / exponent(inverse) == pytest.approx(ols.rsquared, rel=1e-10)


def test_cr3_with_a_paper_for_each_record_is_hc3():
    data = noisy().assign(paper=lambda d: [str(i) for i in range(len(d))])
    x, y = xy(data)
    hc3 = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3")
    result = fitted(data)
    assert result.line_covariance * TURNED == pytest.approx(hc3.cov_params(), rel=1e-9)


def test_cr3_equals_its_definition_with_adjusted_residuals():
    """Bell and McCaffrey (2002): residuals of a cluster times (I - H_gg)^-1."""
    data = noisy()
    x, y = xy(data)
    design = np.column_stack([np.ones_like(x), x])
    bread = np.linalg.inv(design.T @ design)
    residual = y - design @ bread @ design.T @ y
    meat = np.zeros((2, 2))
    for paper in data["paper"].unique():
        mine = (data["paper"] == paper).to_numpy()
        xg = design[mine]
        score = xg.T @ np.linalg.solve(np.eye(len(xg)) - xg @ bread @ xg.T, residual[mine])
        meat += np.outer(score, score)
    result = fitted(data)
    assert result.line_covariance * TURNED == pytest.approx(bread @ meat @ bread, rel=1e-9)
    low, high = bounds(result.cost_exponent(0.9))
    half = student.ppf(0.95, 11) * np.sqrt((bread @ meat @ bread)[1, 1])
    assert (high - low) / 2 == pytest.approx(half, rel=1e-9)


def test_york_gives_the_published_line():
    """Pearson's data with York's weights; York et al. (2004), Table II."""
    x = np.array([0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
    y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
    weight_x = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1])
    weight_y = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    york = York(x, y, weight_x**-0.5, weight_y**-0.5, np.arange(10))
    line = york.estimate(np.ones((1, 10)))[0]
    assert line == pytest.approx([5.47991022, -0.480533407], rel=1e-8)
    assert york.reduced_chi_square(line) == pytest.approx(1.4833, abs=5e-5)


def test_york_minimises_the_weighted_distance():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 5, 40)
    y = 2 * x + 1 + rng.normal(size=40)
    sd_x, sd_y = rng.choice([0.2, 0.5], 40), rng.choice([0.3, 0.6, 1.0], 40)

    def chi_square(line):
        return ((y - line[0] - line[1] * x) ** 2 / (sd_y**2 + line[1] ** 2 * sd_x**2)).sum()

    best = minimize(
        chi_square, [1.0, 2.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13}
    )
    line = York(x, y, sd_x, sd_y, np.arange(40)).estimate(np.ones((1, 40)))[0]
    assert line == pytest.approx(best.x, rel=1e-6)


def test_york_lies_between_the_regressions_and_tends_to_them():
    data = noisy()
    x, y = xy(data)
    index = np.arange(len(x))
    one = np.ones((1, len(x)))

    def slope(sd_x, sd_y):
        return York(x, y, np.full_like(x, sd_x), np.full_like(x, sd_y), index).estimate(one)[0, 1]

    forward = np.polyfit(x, y, 1)[0]
    inverse = 1 / np.polyfit(y, x, 1)[0]
    assert forward < slope(0.05, 0.3) < inverse
    assert slope(1e-6, 1.0) == pytest.approx(forward, rel=1e-6)
    assert slope(1.0, 1e-4) == pytest.approx(inverse, rel=1e-4)


@pytest.mark.parametrize("kind", ["ols", "york"])
def test_a_weight_of_two_is_a_paper_twice(kind):
    data = noisy()
    index = np.array([int(p[1:]) for p in data["paper"]])
    x, y = xy(data)
    sd = np.where(index % 2, 0.3, 0.6)

    def make(x, y, sd, index):
        if kind == "ols":
            return line_of(x, y, index)
        return York(x, y, np.full_like(x, 0.05), sd, index)

    weights = np.ones((1, 12))
    weights[0, 4] = 2
    again = index == 4
    doubled = [np.concatenate([a, a[again]]) for a in (x, y, sd, index)]
    doubled[3][len(index) :] = 12
    assert make(x, y, sd, index).estimate(weights) == pytest.approx(
        make(*doubled).estimate(np.ones((1, 13))), rel=1e-9
    )


def test_leaving_out_is_fitting_the_rest():
    data = noisy()
    result = fitted(data)
    without = dict(zip(result.groups, result.left_out_cost_exponents(), strict=True))
    rest = data[data["paper"] != "p3"]
    assert without["p3"] == pytest.approx(exponent(fitted(rest)), rel=1e-10)
    table = result.left_out_params().set_index("group")
    assert 1 / table.loc["p3", "exponent"] == pytest.approx(without["p3"])


def test_bootstrap_spread_agrees_with_an_explicit_loop():
    data = noisy()
    x, y = xy(data)
    index = np.array([int(p[1:]) for p in data["paper"]])
    weights = resampled_groups(12, 4000, np.random.SeedSequence(1))
    fast = line_of(x, y, index).estimate(weights)[:, 1]
    rng = np.random.default_rng(2)
    slow = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(index == g) for g in rng.integers(0, 12, 12)])
        slow.append(np.polyfit(x[rows], y[rows], 1)[0])
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.08)
    assert np.mean(fast) == pytest.approx(np.mean(slow), abs=0.1)


def test_intervals_by_paper_cover_the_truth():
    """Nominal 95% over 400 data sets with scatter shared within papers; binomial error is 1.1%."""
    hits = 0
    for seed in range(400):
        data = noisy(n=60, papers=15, seed=seed)
        index = np.array([int(p[1:]) for p in data["paper"]])
        estimator = line_of(*xy(data), index)
        point = estimator.estimate(np.ones((1, 15)))[0]
        covariance = jackknife_covariance(point, estimator.leave_one_group_out())
        hits += abs(point[1] - 8.0) < student.ppf(0.975, 14) * np.sqrt(covariance[1, 1])
    assert 0.92 <= hits / 400 <= 0.985


def test_equal_seeds_give_equal_results_and_others_do_not():
    data = noisy()
    assert fitted(data, seed=1) == fitted(data, seed=1)
    assert fitted(data, seed=1) != fitted(data, seed=2)


def test_an_exponential_is_told_from_a_power_law():
    law, other = (kind("compute", "error", "x_on_y") for kind in (PowerLaw, ExponentialLaw))
    data = noisy(sd=0.1)
    assert law.fit(data, "paper").aicc < other.fit(data, "paper").aicc
    curved = data.assign(compute=10 ** (12 + 0.8 / data["error"]))
    exponential = other.fit(curved, "paper")
    assert exponential.r_squared == pytest.approx(1.0)
    assert exponential.cost_exponent().value == pytest.approx(0.8)
    assert exponential.x_for(0.1).value == pytest.approx(1e20)


def test_aicc_is_that_of_statsmodels():
    data = noisy()
    x, y = xy(data)
    ols = sm.OLS(y, sm.add_constant(x)).fit()
    assert fitted(data).aicc == pytest.approx(aicc(ols.llf, len(y), 3))
    assert np.isnan(fitted(data, "york").aicc)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_results_survive_json_and_cannot_be_changed(direction):
    result = fitted(noisy(), direction)
    text = result.to_json()
    again = LineResult.from_json(text)
    assert again == result
    assert bounds(again.cost_exponent(0.9)) == bounds(result.cost_exponent(0.9))
    assert json.loads(text)["settings"]["direction"] == DIRECTIONS[direction]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.loss = 0.0
    with pytest.raises(ValueError, match="read-only"):
        result.estimates[0] = 0.0
    copy = result.params
    copy["exponent"] = 0.0
    assert result.params["exponent"] != 0.0


def test_a_result_without_draws_keeps_what_does_not_need_them():
    result = fitted(noisy())
    light = LineResult.from_json(result.to_json(draws=False, data=False))
    assert bounds(light.cost_exponent()) == bounds(result.cost_exponent())
    assert np.isnan(light.cost_exponent(method="percentile").lower)


@pytest.mark.parametrize("text", ["{}", '{"format": 99}', '{"format": 1, "line": [0, 1]}'])
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="not a stored fit"):
        LineResult.from_json(text)


def test_predictions_say_when_they_leave_the_data():
    result = fitted(noisy())
    table = result.predict_x([0.3, 0.01])
    assert table["extrapolated"].tolist() == [False, True]
    assert table["decades_beyond"][0] == 0
    assert table["decades_beyond"][1] > 3
    inside = table.iloc[0]
    assert inside["prediction_lower"] < inside["lower"] < inside["compute"] < inside["upper"]
    assert inside["upper"] < inside["prediction_upper"]
    with pytest.raises(ValueError, match="must be positive"):
        result.predict_x(-0.1)
    forward = result.predict([1e20, 1e40])
    assert forward["extrapolated"].tolist() == [False, True]
    assert result.predict_x(forward["predicted"])["compute"].tolist() == pytest.approx([1e20, 1e40])


def test_an_uncertain_inverse_slope_has_no_upper_bound():
    data = noisy(n=16, papers=6, sd=12.0, seed=5)
    result = fitted(data, "error_on_compute", replicates=200)
    low, high = bounds(result.cost_exponent())
    assert np.isinf(high) or np.isinf(low)
    assert result.to_json()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"paper": "one"}, TooFewGroupsError, "1 group"),
        ({"paper": np.nan}, InvalidValueError, "each record needs one"),
        ({"error": 0.2}, NoVariationError, '"error" is the same in all records'),
        ({"compute": 1e20}, NoVariationError, '"compute" is the same in all records'),
        ({"compute": -1.0}, InvalidValueError, '"compute" is -1 in row 0, and in 59 more'),
        ({"error": 0.0}, InvalidValueError, '"error" is 0 in row 0'),
        ({"compute": np.inf}, InvalidValueError, '"compute" is inf in row 0'),
        ({"compute": np.nan}, InvalidValueError, '"compute" is empty'),
        ({"error": "high"}, InvalidValueError, '"error" must hold numbers'),
    ],
)
def test_data_that_cannot_identify_a_law_are_refused(change, kind, message):
    with pytest.raises(kind, match=message):
        fitted(noisy().assign(**change))


def test_what_is_no_table_and_a_column_for_two_variables_are_refused():
    with pytest.raises(InvalidValueError, match=r"must be a pandas\.DataFrame, not list"):
        fitted([1, 2])
    with pytest.raises(InvalidValueError, match='the column "error" is named twice'):
        PowerLaw("error", "error").fit(noisy())
    with pytest.raises(InvalidValueError, match='the column "compute" is named twice'):
        PowerLaw("compute", "error", covariates=["compute"]).fit(noisy())


def test_few_records_and_missing_columns_are_refused_by_name():
    with pytest.raises(TooFewRecordsError, match="3 record"):
        fitted(noisy(n=3, papers=3))
    with pytest.raises(MissingColumnError, match='no column "paper"'):
        fitted(noisy().drop(columns="paper"))
    with pytest.raises(MissingColumnError, match='did you mean "compute"'):
        PowerLaw("computer", "error").fit(noisy())


def test_a_law_that_rests_on_one_paper_is_refused():
    data = noisy(n=12, papers=12)
    data.loc[1:, "error"] = 0.2
    with pytest.raises(FitError, match='without "p0" nothing varies'):
        fitted(data)


def test_york_needs_the_scatter_of_compute():
    with pytest.raises(ValueError, match="york needs x_sd and y_sd"):
        PowerLaw("compute", "error", "york")


def test_unknown_direction():
    with pytest.raises(ValueError, match="direction must be one of"):
        PowerLaw("compute", "error", "sideways")


def test_summary_names_what_an_exponent_needs():
    text = fitted(noisy()).summary()
    assert "records 60, groups 12" in text
    assert "exponent of compute in 1/error" in text
    assert "95% interval" in text


def line_of(x, y, index):
    return GroupedLeastSquares(np.column_stack([np.ones_like(x), x]), y, index=index)


def reference(direction, data):
    """Return line, CR3 covariance, residual variance and t, from their definitions."""
    x, y = xy(data)
    if direction == "error_on_compute":
        x, y = y, x
    design = np.column_stack([np.ones_like(x), x])
    line = np.linalg.lstsq(design, y, rcond=None)[0]
    changes = []
    for paper in data["paper"].unique():
        rest = (data["paper"] != paper).to_numpy()
        changes.append(np.linalg.lstsq(design[rest], y[rest], rcond=None)[0] - line)
    covariance = np.array(changes).T @ np.array(changes)
    residual = y - design @ line
    return line, covariance, residual @ residual / (len(y) - 2), student.ppf(0.975, 11)


def test_bands_follow_their_definition():
    data = noisy()
    line, covariance, variance, t = reference("compute_on_error", data)
    table = fitted(data).predict_x([0.3, 0.1, 0.02])
    for _, row in table.iterrows():
        c = np.array([1.0, -np.log10(row["error"])])
        half = t * np.sqrt(c @ covariance @ c)
        half_new = t * np.sqrt(c @ covariance @ c + variance)
        names = ["compute", "lower", "upper", "prediction_lower", "prediction_upper"]
        assert np.log10(row[names].astype(float)).tolist() == pytest.approx(
            [c @ line + offset for offset in (0, -half, half, -half_new, half_new)]
        )


def test_bands_of_the_inverted_fit_are_fiellers():
    """The ends are the compute whose fitted error lies exactly t standard errors away."""
    data = noisy()
    (a, b), v, variance, t = reference("error_on_compute", data)
    result = fitted(data, "error_on_compute")
    line_ends, new_ends = ("lower", "upper"), ("prediction_lower", "prediction_upper")
    for _, row in result.predict_x([0.3, 0.1]).iterrows():
        x = -np.log10(row["error"])
        assert np.log10(row["compute"]) == pytest.approx((x - a) / b)
        for ends, extra in ((line_ends, 0.0), (new_ends, variance)):
            for end in ends:
                c = np.array([1.0, np.log10(row[end])])
                distance = abs(x - a - b * c[1])
                assert distance == pytest.approx(t * np.sqrt(c @ v @ c + extra), rel=1e-6)
        assert row["prediction_lower"] < row["lower"] < row["compute"] < row["upper"]
    low, high = bounds(result.cost_exponent())
    half = t * np.sqrt(v[1, 1])
    assert (low, high) == pytest.approx((1 / (b + half), 1 / (b - half)))
    # The line is direct in its own direction.
    scale, slope = (result.conf_int().loc[name] for name in ("log10_scale", "exponent"))
    assert slope.tolist() == pytest.approx([b - half, b + half])
    half = t * np.sqrt(v[0, 0])
    assert scale.tolist() == pytest.approx([-a - half, -a + half])


def test_the_parameters_of_a_line_of_compute_on_error_are_fiellers():
    data = noisy()
    (a, b), v, _, t = reference("compute_on_error", data)
    table = fitted(data).conf_int()
    half = t * np.sqrt(v[1, 1])
    assert table.loc["exponent"].tolist() == pytest.approx([1 / (b + half), 1 / (b - half)])
    for end in table.loc["log10_scale"]:
        # At compute 1 the law gives error 10^end: the line is t standard errors from log C = 0.
        c = np.array([1.0, -end])
        assert abs(c @ (a, b)) == pytest.approx(t * np.sqrt(c @ v @ c), rel=1e-6)


def test_bands_of_error_for_compute_are_fiellers_of_the_line_of_compute_on_error():
    data = noisy()
    (a, b), v, variance, t = reference("compute_on_error", data)
    row = fitted(data).predict([1e20]).iloc[0]
    assert row["predicted"] == pytest.approx(10 ** -((20 - a) / b))
    for ends, extra in (
        (("lower", "upper"), 0.0),
        (("prediction_lower", "prediction_upper"), variance),
    ):
        for end in ends:
            c = np.array([1.0, -np.log10(row[end])])
            assert abs(20 - c @ (a, b)) == pytest.approx(t * np.sqrt(c @ v @ c + extra), rel=1e-6)


def test_an_inverse_slope_that_may_be_zero_bounds_nothing():
    data = noisy(n=16, papers=6, sd=12.0, seed=5)
    result = fitted(data, "error_on_compute", replicates=200)
    assert [*bounds(result.cost_exponent())] == [-np.inf, np.inf]
    assert result.predict_x(0.2)[["lower", "upper"]].to_numpy().tolist() == [[0.0, np.inf]]


def test_standard_errors_follow_the_delta_method():
    data = noisy()
    (a, b), v, _, _ = reference("compute_on_error", data)
    # log10 error = a / b - log10 C / b.
    gradient = np.array([[1 / b, -a / b**2], [0.0, -1 / b**2]])
    expected = np.sqrt(np.diag(gradient @ v @ gradient.T))
    assert fitted(data).std_errors.to_numpy() == pytest.approx(expected, rel=1e-6)
    _, v, _, _ = reference("error_on_compute", data)
    errors = fitted(data, "error_on_compute").std_errors.to_numpy()
    assert errors == pytest.approx(np.sqrt(np.diag(v)), rel=1e-6)


def test_the_p_value_is_two_sided_with_one_degree_less_than_papers():
    data = noisy(sd=8.0)
    line, covariance, _, _ = reference("compute_on_error", data)
    t = line[1] / np.sqrt(covariance[1, 1])
    p = fitted(data).p_value
    assert p == pytest.approx(2 * student.sf(abs(t), 11))


def test_the_bootstrap_interval_is_that_of_the_draws():
    data = noisy()
    index = np.array([list(data["paper"].unique()).index(p) for p in data["paper"]])
    weights = resampled_groups(12, 500, np.random.SeedSequence(7))
    draws = line_of(*xy(data), index).estimate(weights)[:, 1]
    found = fitted(data, seed=7, replicates=500).cost_exponent(0.9, "percentile")
    assert bounds(found) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))


def test_four_records_and_exact_laws_do_not_break_anything():
    four = noisy(n=4, papers=4)
    result = fitted(four)
    assert np.isnan(result.aicc)
    assert LineResult.from_json(result.to_json()) == result
    exact = fitted(noisy(sd=0.0), "error_on_compute")
    assert exact.p_value < 1e-12
    assert exact.summary()


def test_a_york_line_that_turns_vertical_is_refused():
    data = noisy(n=14, papers=7, exponent=0.5, sd=4.0, seed=2)
    with pytest.raises(FitError, match="turns vertical"):
        fitted(data, "york", replicates=300, y_sd=0.5)


def test_scatter_of_compute_must_be_known_for_every_record():
    data = noisy()
    data.loc[3, "sd"] = 0.0
    with pytest.raises(InvalidValueError, match='"sd" is 0 in row 3; it must be positive'):
        fitted(data, "york")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_law_draws_itself_over_its_data(direction):
    data = noisy()
    result = fitted(data, direction)
    points, law = result.plot().lines
    assert sorted(points.get_xdata()) == sorted(data["compute"])
    x, y = law.get_xdata(), law.get_ydata()
    assert x.min() < data["compute"].min() < data["compute"].max() < x.max()
    assert y == pytest.approx(10 ** result.params["log10_scale"] * x ** -result.params["exponent"])
    light = LineResult.from_json(result.to_json(data=False))
    assert len(light.plot().lines) == 1


def test_text_columns_are_numbered_as_any_other():
    names = ["b", "a", "b", "c", "a"]
    for column in (names, pd.Series(names, dtype="str"), pd.Series(names, dtype="object")):
        index, found = group_index(column)
        assert (index.tolist(), found) == ([0, 1, 0, 2, 1], ["b", "a", "c"])
    assert group_index(pd.Series([3, 1, 3]))[1] == ["3", "1"]
