"""Fits against other implementations, published values and planted laws."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.stats import t as student

from scalelaw.errors import FitError
from scalelaw.fit import DIRECTIONS, PowerLaw, PowerLawResult
from scalelaw.fit.estimators import (
    OrdinaryLeastSquares,
    York,
    bootstrap,
    cr3_covariance,
    leave_one_group_out,
)


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


def xy(data):
    return -np.log10(data["error"].to_numpy()), np.log10(data["compute"].to_numpy())


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_law_without_scatter_is_recovered(direction):
    data = noisy(sd=0.0)
    result = PowerLaw(direction, replicates=100).fit(data, compute_sd="sd")
    assert result.exponent == pytest.approx(8.0, abs=1e-9)
    assert result.intercept == pytest.approx(15.0, abs=1e-9)
    assert result.r_squared == pytest.approx(1.0)
    assert result.predict(0.1)["compute"][0] == pytest.approx(1e23, rel=1e-8)


def test_point_and_r_squared_agree_with_statsmodels_both_ways():
    data = noisy()
    x, y = xy(data)
    ols = sm.OLS(y, sm.add_constant(x)).fit()
    forward = PowerLaw(replicates=100).fit(data)
    assert forward.exponent == pytest.approx(ols.params[1], rel=1e-12)
    assert forward.r_squared == pytest.approx(ols.rsquared, rel=1e-10)
    back = sm.OLS(x, sm.add_constant(y)).fit()
    inverse = PowerLaw("error_on_compute", replicates=100).fit(data)
    assert inverse.exponent == pytest.approx(1 / back.params[1], rel=1e-12)
    # The product of the two slopes is R2, so the inverse fit is steeper by exactly that.
    assert forward.exponent / inverse.exponent == pytest.approx(ols.rsquared, rel=1e-10)


def test_cr3_with_a_paper_for_each_record_is_hc3():
    data = noisy().assign(paper=lambda d: [str(i) for i in range(len(d))])
    x, y = xy(data)
    hc3 = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3")
    result = PowerLaw(replicates=100).fit(data)
    assert np.array(result.line_covariance) == pytest.approx(hc3.cov_params(), rel=1e-9)


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
    result = PowerLaw(replicates=100).fit(data)
    assert np.array(result.line_covariance) == pytest.approx(bread @ meat @ bread, rel=1e-9)
    low, high = result.conf_int(0.9).loc["exponent"]
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
            return OrdinaryLeastSquares(x, y, index)
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
    result = PowerLaw(replicates=100).fit(data)
    left_out = result.left_out_exponents().set_index("group")
    rest = data[data["paper"] != "p3"]
    assert left_out.loc["p3", "exponent"] == pytest.approx(
        PowerLaw(replicates=100).fit(rest).exponent, rel=1e-10
    )
    assert left_out.loc["p3", "n_records"] == len(rest)


def test_bootstrap_spread_agrees_with_an_explicit_loop():
    data = noisy()
    x, y = xy(data)
    index = np.array([int(p[1:]) for p in data["paper"]])
    estimator = OrdinaryLeastSquares(x, y, index)
    fast = bootstrap(estimator, 4000, np.random.SeedSequence(1))[:, 1]
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
        estimator = OrdinaryLeastSquares(*xy(data), index)
        point = estimator.estimate(np.ones((1, 15)))[0]
        covariance = cr3_covariance(point, leave_one_group_out(estimator))
        hits += abs(point[1] - 8.0) < student.ppf(0.975, 14) * np.sqrt(covariance[1, 1])
    assert 0.92 <= hits / 400 <= 0.985


def test_equal_seeds_give_equal_results_and_others_do_not():
    data = noisy()
    law = PowerLaw(replicates=300)
    assert law.fit(data, seed=1) == law.fit(data, seed=1)
    assert law.fit(data, seed=1).bootstrap != law.fit(data, seed=2).bootstrap


def test_an_exponential_is_told_from_a_power_law():
    data = noisy(sd=0.1)
    assert PowerLaw(replicates=100).fit(data).forms.preferred == "power"
    curved = data.assign(compute=10 ** (12 + 0.8 / data["error"]))
    forms = PowerLaw(replicates=100).fit(curved).forms
    assert forms.preferred == "exponential"
    assert forms.exponential_r_squared == pytest.approx(1.0)


def test_aicc_follows_its_definition():
    data = noisy()
    x, y = xy(data)
    n, k = len(y), 3
    rss = np.sum((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2)
    log_likelihood = -n / 2 * (np.log(2 * np.pi * rss / n) + 1)
    expected = 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / (n - k - 1)
    assert PowerLaw(replicates=100).fit(data).forms.power_aicc == pytest.approx(expected)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_results_survive_json_and_cannot_be_changed(direction):
    result = PowerLaw(direction, replicates=100).fit(noisy(), compute_sd="sd")
    text = result.to_json()
    assert PowerLawResult.from_json(text) == result
    assert json.loads(text)["direction"] == direction
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.line = (0.0, 0.0)
    copy = result.params
    copy["exponent"] = 0.0
    assert result.exponent != 0.0


@pytest.mark.parametrize("text", ["{}", '{"format": 99}', '{"format": 1, "line": [0, 1]}'])
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="not a stored fit"):
        PowerLawResult.from_json(text)


def test_predictions_say_when_they_leave_the_data():
    result = PowerLaw(replicates=100).fit(noisy())
    table = result.predict([0.3, 0.01])
    assert table["extrapolated"].tolist() == [False, True]
    assert table["decades_beyond"][0] == 0
    assert table["decades_beyond"][1] > 3
    inside = table.iloc[0]
    assert inside["prediction_lower"] < inside["lower"] < inside["compute"] < inside["upper"]
    assert inside["upper"] < inside["prediction_upper"]
    with pytest.raises(ValueError, match="divide percentages by 100"):
        result.predict(30)


def test_an_uncertain_inverse_slope_has_no_upper_bound():
    data = noisy(n=16, papers=6, sd=12.0, seed=5)
    result = PowerLaw("error_on_compute", replicates=200).fit(data)
    low, high = result.conf_int().loc["exponent"]
    assert np.isinf(high) or np.isinf(low)
    assert result.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paper": "one"}, "1 paper"),
        ({"error": 0.2}, "all errors are equal"),
        ({"compute": 1e20}, "all compute is equal"),
        ({"error": 20.0}, "divide percentages by 100"),
        ({"compute": -1.0}, "compute must be positive"),
    ],
)
def test_data_that_cannot_identify_a_law_are_refused(change, message):
    with pytest.raises(FitError, match=message):
        PowerLaw(replicates=100).fit(noisy().assign(**change))


def test_a_law_that_rests_on_one_paper_is_refused():
    data = noisy(n=12, papers=12)
    data.loc[1:, "error"] = 0.2
    with pytest.raises(FitError, match='without "p0" nothing varies'):
        PowerLaw(replicates=100).fit(data)


def test_york_needs_the_scatter_of_compute():
    with pytest.raises(FitError, match="york needs compute_sd"):
        PowerLaw("york", replicates=100).fit(noisy())


def test_unknown_direction():
    with pytest.raises(ValueError, match="direction must be one of"):
        PowerLaw("sideways")


def test_summary_names_what_an_exponent_needs():
    text = PowerLaw(replicates=100).fit(noisy()).summary()
    assert "records 60, papers 12" in text
    assert "95% interval" in text


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
    table = PowerLaw(replicates=100).fit(data).predict([0.3, 0.1, 0.02])
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
    result = PowerLaw("error_on_compute", replicates=100).fit(data)
    line_ends, new_ends = ("lower", "upper"), ("prediction_lower", "prediction_upper")
    for _, row in result.predict([0.3, 0.1]).iterrows():
        x = -np.log10(row["error"])
        assert np.log10(row["compute"]) == pytest.approx((x - a) / b)
        for ends, extra in ((line_ends, 0.0), (new_ends, variance)):
            for end in ends:
                c = np.array([1.0, np.log10(row[end])])
                distance = abs(x - a - b * c[1])
                assert distance == pytest.approx(t * np.sqrt(c @ v @ c + extra), rel=1e-6)
        assert row["prediction_lower"] < row["lower"] < row["compute"] < row["upper"]
    low, high = result.conf_int().loc["exponent"]
    half = t * np.sqrt(v[1, 1])
    assert (low, high) == pytest.approx((1 / (b + half), 1 / (b - half)))
    low, high = result.conf_int().loc["intercept"]
    at_one = result.predict(1 - 1e-12).iloc[0]
    assert (10**low, 10**high) == pytest.approx((at_one["lower"], at_one["upper"]), rel=1e-6)


def test_an_inverse_slope_that_may_be_zero_bounds_nothing():
    data = noisy(n=16, papers=6, sd=12.0, seed=5)
    result = PowerLaw("error_on_compute", replicates=200).fit(data)
    assert result.conf_int().loc["exponent"].tolist() == [-np.inf, np.inf]
    assert result.predict(0.2)[["lower", "upper"]].to_numpy().tolist() == [[0.0, np.inf]]


def test_standard_errors_of_the_inverted_fit_are_those_of_the_delta_method():
    data = noisy()
    (a, b), v, _, _ = reference("error_on_compute", data)
    step = 1e-7
    gradient = np.array(
        [
            [(-(a + step) / b + a / b) / step, (-a / (b + step) + a / b) / step],
            [0.0, (1 / (b + step) - 1 / b) / step],
        ]
    )
    expected = np.sqrt(np.diag(gradient @ v @ gradient.T))
    errors = PowerLaw("error_on_compute", replicates=100).fit(data).std_errors
    assert errors.to_numpy() == pytest.approx(expected, rel=1e-4)


def test_the_p_value_is_two_sided_with_one_degree_less_than_papers():
    data = noisy(sd=8.0)
    line, covariance, _, _ = reference("compute_on_error", data)
    t = line[1] / np.sqrt(covariance[1, 1])
    p = PowerLaw(replicates=100).fit(data).p_value
    assert p == pytest.approx(2 * student.sf(abs(t), 11))


def test_the_bootstrap_interval_is_that_of_the_draws():
    data = noisy()
    index = np.array([list(data["paper"].unique()).index(p) for p in data["paper"]])
    draws = bootstrap(OrdinaryLeastSquares(*xy(data), index), 500, np.random.SeedSequence(7))[:, 1]
    result = PowerLaw(replicates=500, level=0.9).fit(data, seed=7)
    assert result.bootstrap_interval() == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))


def test_four_records_and_exact_laws_do_not_break_anything():
    four = noisy(n=4, papers=4)
    result = PowerLaw(min_groups=3, replicates=100).fit(four)
    assert result.forms is None
    assert PowerLawResult.from_json(result.to_json()) == result
    exact = PowerLaw("error_on_compute", replicates=100).fit(noisy(sd=0.0))
    assert exact.p_value < 1e-12
    assert exact.summary()


def test_a_york_line_that_turns_vertical_is_refused():
    data = noisy(n=14, papers=7, exponent=0.5, sd=4.0, seed=2)
    with pytest.raises(FitError, match="turns vertical"):
        PowerLaw("york", replicates=300, error_sd_decades=0.5).fit(data, compute_sd="sd")


def test_scatter_of_compute_must_be_known_for_every_record():
    data = noisy()
    data.loc[3, "sd"] = 0.0
    with pytest.raises(FitError, match="sd must be positive and finite"):
        PowerLaw("york", replicates=100).fit(data, compute_sd="sd")


def test_a_law_draws_itself_over_its_data():
    result = PowerLaw(replicates=100).fit(noisy())
    ax = result.plot()
    low, high = ax.get_xlim()
    assert low <= result.compute_range[0] * 10
    assert high >= result.compute_range[1] / 10
    xs = ax.lines[0].get_xdata()
    assert xs.min() == pytest.approx(result.predict(result.error_range[1])["compute"][0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (noisy().drop(columns="paper"), 'no column "paper"'),
        (noisy().assign(error="high"), 'column "error" must hold numbers'),
        (noisy().assign(compute=np.nan), 'column "compute" has empty cells'),
    ],
)
def test_wrong_columns_are_named(data, message):
    with pytest.raises(FitError, match=message):
        PowerLaw(replicates=100).fit(data)
