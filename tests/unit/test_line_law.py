"""Straight lines in all directions, against statsmodels, scipy, HiGHS and their definitions."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog, minimize
from scipy.stats import t as student
from statsmodels.tools.eval_measures import aicc

from scalelaw.errors import (
    FitError,
    InvalidValueError,
    MissingColumnError,
    NotIdentifiedError,
    TooFewGroupsError,
    TooFewRecordsError,
)
from scalelaw.fit import (
    ExponentialLaw,
    Huber,
    LeastAbsolute,
    LeastSquares,
    LineResult,
    Pinball,
    PowerLaw,
    york,
)
from scalelaw.fit.covariance import sandwich, wild_bootstrap
from scalelaw.fit.york import York


def runs(n=48, groups=12, sd=0.05, halving=1.5, seed=0):
    """Return records of log10 loss = 1.2 - 0.06 (log10 flop + year / halving * log10 2)."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % groups
    x, year = rng.uniform(16, 22, n), rng.uniform(0, 10, n)
    scatter = sd * (rng.normal(size=groups)[group] + rng.normal(size=n)) / np.sqrt(2)
    log_loss = 1.2 - 0.06 * (x + year / halving * np.log10(2)) + scatter
    return pd.DataFrame(
        {
            "flop": 10**x,
            "loss": 10**log_loss,
            "year": year,
            "data": rng.choice(["a", "b", "c", "d"], n),
            "run": [f"r{i}" for i in group],
            "w": rng.uniform(0.3, 3, n),
        }
    )


def regressors(data, inverted, covariates=(), dummies=False):
    """Return the design and response of the fitted line."""
    log_x, log_y = np.log10(data["flop"]), np.log10(data["loss"])
    first, response = (log_y, log_x) if inverted else (log_x, log_y)
    columns = [np.ones(len(data)), first, *(data[name] for name in covariates)]
    if dummies:
        columns += [data["data"] == name for name in data["data"].unique()[1:]]
    return np.column_stack(columns).astype(float), response.to_numpy()


@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y"])
@pytest.mark.parametrize("covariates", [(), ("year",)])
@pytest.mark.parametrize("effects", [None, "data"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_lines_are_those_of_statsmodels(direction, covariates, effects, weights):
    data = runs()
    law = PowerLaw("flop", "loss", direction, covariates=covariates, effects=effects, replicates=3)
    result = law.fit(data, "run", weights)
    design, response = regressors(data, direction == "x_on_y", covariates, effects is not None)
    w = np.ones(len(data)) if weights is None else data[weights].to_numpy()
    ols = sm.WLS(response, design, w).fit()
    k = 2 + len(covariates)
    assert result.line[1:] == pytest.approx(ols.params[1:k], rel=1e-8)
    # With entities, the intercept is that of the average record.
    average = np.average(ols.fittedvalues - design[:, 1:k] @ ols.params[1:k], weights=w)
    assert result.line[0] == pytest.approx(average, rel=1e-8)
    residual = law.sample_residual(result.sample, result.estimates)
    assert residual == pytest.approx(ols.resid, abs=1e-10)
    assert result.loss == pytest.approx(ols.ssr, rel=1e-8)
    assert result.residual_sd == pytest.approx(np.sqrt(ols.scale / w.mean()), rel=1e-8)
    assert result.aicc == pytest.approx(aicc(ols.llf, len(data), design.shape[1] + 1), rel=1e-8)
    # CR3, from refits without each run.
    changes = []
    for run in data["run"].unique():
        rest = (data["run"] != run).to_numpy()
        kept = design[rest][:, design[rest].any(axis=0)]
        changes.append(sm.WLS(response[rest], kept, w[rest]).fit().params[1:k] - ols.params[1:k])
    expected = np.array(changes).T @ np.array(changes)
    assert result.line_covariance[1:, 1:] == pytest.approx(expected, rel=1e-7)
    half = student.ppf(0.95, 11) * np.sqrt(expected[0, 0])
    slope = result.fitted_slope(0.9)
    assert (slope.upper - slope.lower) / 2 == pytest.approx(half, rel=1e-7)


def test_a_weight_of_two_is_a_record_twice():
    data = runs().assign(w=1.0)
    data.loc[5, "w"] = 2.0
    twice = pd.concat([data, data.loc[[5]]]).assign(w=1.0)
    for settings in (
        {},
        {"direction": "rma"},
        {"direction": "york", "x_sd": 0.3, "y_sd": 0.03},
        {"effects": "data"},
        {"estimator": Pinball(0.3)},
        {"estimator": Huber(0.02)},
    ):
        law = PowerLaw("flop", "loss", replicates=4, **settings)
        one, other = law.fit(data, "run", "w"), law.fit(twice, "run", "w")
        assert one.estimates == pytest.approx(other.estimates, rel=1e-7), settings
        assert one.left_out == pytest.approx(other.left_out, rel=1e-6), settings
        assert one.draws == pytest.approx(other.draws, rel=1e-6), settings


def full_york(x, y, sd_x, sd_y, correlation):
    """Minimise the objective of Williamson and York over the line and all true points."""

    def inner(line):
        total = 0.0
        for xi, yi, sx, sy, r in zip(x, y, sd_x, sd_y, correlation, strict=True):
            precision = np.linalg.inv([[sx**2, r * sx * sy], [r * sx * sy, sy**2]])
            direction = np.array([1.0, line[1]])
            offset = np.array([xi, yi - line[0]])
            at = direction @ precision @ offset / (direction @ precision @ direction)
            miss = offset - at * direction
            total += miss @ precision @ miss
        return total

    start = np.polyfit(x, y, 1)[::-1]
    options = {"xatol": 1e-11, "fatol": 1e-14, "maxiter": 4000}
    best = minimize(inner, start, method="Nelder-Mead", options=options)
    return best.x, best.fun


@pytest.mark.parametrize("seed", [0, 1])
def test_york_with_correlated_errors_minimises_the_distance_to_the_points(seed):
    rng = np.random.default_rng(seed)
    n = 14
    true = rng.uniform(0, 6, n)
    sd_x, sd_y = rng.uniform(0.1, 0.6, n), rng.uniform(0.1, 0.6, n)
    correlation = rng.uniform(-0.9, 0.9, n)
    u, v = rng.normal(size=(2, n))
    x = true + sd_x * u
    y = 1 - 0.8 * true + sd_y * (correlation * u + np.sqrt(1 - correlation**2) * v)
    expected, square = full_york(x, y, sd_x, sd_y, correlation)
    made = York(x, y, sd_x, sd_y, np.arange(n), correlation)
    line = made.estimate(np.ones((1, n)))[0]
    assert line == pytest.approx(expected, abs=2e-6)
    assert made.chi_square(line) == pytest.approx(square, rel=1e-9)
    assert made.reduced_chi_square(line) == pytest.approx(square / (n - 2), rel=1e-9)
    ignored = York(x, y, sd_x, sd_y, np.arange(n)).estimate(np.ones((1, n)))[0]
    assert np.abs(ignored - line).max() > 1e-3


def test_the_york_law_takes_errors_from_columns():
    rng = np.random.default_rng(3)
    data = runs(24, 8, sd=0.02, halving=np.inf).assign(sx=rng.uniform(0.1, 0.4, 24), r=0.5)
    law = PowerLaw("flop", "loss", "york", x_sd="sx", y_sd=0.02, correlation="r", replicates=20)
    result = law.fit(data, "run")
    log_x, log_y = np.log10(data["flop"]), np.log10(data["loss"])
    (a, b), square = full_york(log_x, log_y, data["sx"], np.full(24, 0.02), data["r"])
    assert result.params.tolist() == pytest.approx([a, -b], abs=1e-5)
    assert result.reduced_chi_square == pytest.approx(square / 22, rel=1e-7)
    assert result.loss == pytest.approx(square, rel=1e-7)
    for wrong in (1.0, np.nan):
        with pytest.raises(InvalidValueError, match="between -1 and 1"):
            PowerLaw("flop", "loss", "york", x_sd=0.1, y_sd=0.1, correlation=wrong).fit(data)


def test_york_does_not_depend_on_its_batch_or_on_how_sums_are_kept(monkeypatch):
    rng = np.random.default_rng(4)
    n, groups = 90, 15
    x = rng.uniform(0, 5, n)
    y = 2 * x + rng.normal(size=n)
    index = np.arange(n) % groups
    # A few standard deviations that occur in all groups, and one for each record.
    for sd_x in (rng.choice([0.2, 0.5], n), rng.uniform(0.1, 0.6, n)):
        sd_y = np.full(n, 0.4)
        weights = rng.integers(0, 3, (40, groups)).astype(float)
        made = York(x, y, sd_x, sd_y, index)
        together = made.estimate(weights)
        alone = np.concatenate([made.estimate(weights[i : i + 1]) for i in range(40)])
        assert (together == alone).all()
        monkeypatch.setattr(york, "_CHUNK", 1000)
        assert (made.estimate(weights) == together).all()
        monkeypatch.setattr(york, "_DENSE", 0)
        assert York(x, y, sd_x, sd_y, index).estimate(weights) == pytest.approx(together)
        monkeypatch.undo()


def test_york_of_many_records_takes_memory_in_proportion():
    n = 20_000
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 5, n)
    made = York(x, 2 * x + rng.normal(size=n), rng.uniform(0.1, 0.2, n), np.ones(n), np.arange(n))
    # The table of groups and standard deviations would have 2.4e9 elements.
    assert made.estimate(np.ones((2, n)))[1] == pytest.approx([0, 2], abs=0.1)


def test_deming_is_its_closed_form():
    data = runs(halving=np.inf)
    u, v = np.log10(data["flop"]).to_numpy(), np.log10(data["loss"]).to_numpy()
    for ratio in (0.01, 0.3):
        law = PowerLaw("flop", "loss", "deming", variance_ratio=ratio, replicates=20)
        result = law.fit(data, "run")
        suu, suv, svv = np.var(u), np.cov(u, v, ddof=0)[0, 1], np.var(v)
        gap = svv - ratio * suu
        slope = (gap + np.sqrt(gap**2 + 4 * ratio * suv**2)) / (2 * suv)
        assert -result.params["exponent"] == pytest.approx(slope, rel=1e-9)
        assert result.params["log10_scale"] == pytest.approx(v.mean() - slope * u.mean(), rel=1e-9)
        # Only the ratio of the errors is stated, not their size.
        assert np.isnan(result.reduced_chi_square)
    for ratio in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="variance_ratio must be positive"):
            PowerLaw(direction="deming", variance_ratio=ratio)


def test_the_reduced_major_axis_has_the_ratio_of_standard_deviations():
    data = runs(halving=np.inf)
    u, v, w = np.log10(data["flop"]), np.log10(data["loss"]), data["w"]
    result = PowerLaw("flop", "loss", "rma", replicates=20).fit(data, "run", "w")
    moments = np.cov(u, v, aweights=w)
    slope = -np.sqrt(moments[1, 1] / moments[0, 0])
    assert -result.params["exponent"] == pytest.approx(slope, rel=1e-10)
    scale = np.average(v, weights=w) - slope * np.average(u, weights=w)
    assert result.params["log10_scale"] == pytest.approx(scale, rel=1e-10)
    forward, back = (
        PowerLaw("flop", "loss", d, replicates=2).fit(data, "run", "w").params["exponent"]
        for d in ("y_on_x", "x_on_y")
    )
    assert result.params["exponent"] == pytest.approx(np.sqrt(forward * back))
    # Its slope is not zero however little the variables have to do with each other.
    assert np.isnan(result.p_value)
    assert " p " not in result.summary()


def pinball_by_linear_program(design, response, tau):
    n, k = design.shape
    cost = np.concatenate([np.zeros(k), np.full(n, tau), np.full(n, 1 - tau)])
    found = linprog(
        cost,
        A_eq=np.hstack([design, np.eye(n), -np.eye(n)]),
        b_eq=response,
        bounds=[(None, None)] * k + [(0, None)] * (2 * n),
    )
    return found.x[:k], found.fun


@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y"])
@pytest.mark.parametrize("covariates", [(), ("year",)])
def test_quantile_lines_are_optima_of_their_linear_program(direction, covariates):
    data = runs()
    design, response = regressors(data, direction == "x_on_y", covariates)
    for loss, tau, factor in ((Pinball(0.1), 0.1, 1), (LeastAbsolute(), 0.5, 2)):
        law = PowerLaw(
            "flop", "loss", direction, estimator=loss, covariates=covariates, replicates=60
        )
        result = law.fit(data, "run")
        line, least = pinball_by_linear_program(design, response, tau)
        assert result.loss == pytest.approx(factor * least, rel=1e-9)
        assert result.line == pytest.approx(line, rel=1e-6)
        # The spread of a quantile is that of the bootstrap.
        draws = law.to_line(result.draws)
        assert result.line_covariance == pytest.approx(np.cov(draws.T))
        assert result.param("exponent").method == "bootstrap"


def test_huber_lines_minimise_their_loss():
    data = runs()
    design, response = regressors(data, False)
    for delta in (0.01, 0.05, 10.0):

        def total(line, delta=delta):
            size = np.abs(response - design @ line)
            return np.where(size < delta, size**2 / 2, delta * (size - delta / 2)).sum()

        result = PowerLaw("flop", "loss", estimator=Huber(delta), replicates=5).fit(data, "run")
        options = {"xatol": 1e-12, "fatol": 1e-16, "maxiter": 4000}
        shift = np.array([0.1, -0.005])
        best = minimize(total, result.line + shift, method="Nelder-Mead", options=options)
        assert result.loss == pytest.approx(best.fun, rel=1e-9)
        assert result.line == pytest.approx(best.x, rel=1e-5)
    wide = PowerLaw("flop", "loss", replicates=5).fit(data, "run")
    assert result.line == pytest.approx(wide.line, rel=1e-9)


@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y"])
def test_the_halving_time_is_planted_and_fiellers(direction):
    exact = PowerLaw("flop", "loss", direction, covariates=("year",), replicates=2)
    assert exact.fit(runs(sd=0), "run").halving_time().value == pytest.approx(1.5)
    data = runs(sd=0.02)
    found = exact.fit(data, "run").halving_time(level=0.9)
    assert found.lower < 1.5 < found.upper
    # A bound is the halving time at which the t test just rejects.
    design, response = regressors(data, direction == "x_on_y", ("year",))
    line = np.linalg.lstsq(design, response)[0]
    changes = [
        np.linalg.lstsq(design[data["run"] != run], response[data["run"] != run])[0] - line
        for run in data["run"].unique()
    ]
    covariance = np.array(changes).T @ np.array(changes)
    for bound in (found.lower, found.upper):
        rate = np.log10(2) / bound
        # y on x: year's coefficient is rate times the slope; x on y: it is minus the rate.
        c = np.array([0, 0, 1.0] if direction == "x_on_y" else [0, -rate, 1.0])
        miss = c @ line + (rate if direction == "x_on_y" else 0)
        assert abs(miss) == pytest.approx(
            student.ppf(0.95, 11) * np.sqrt(c @ covariance @ c), rel=1e-6
        )
    with pytest.raises(NotIdentifiedError, match='no covariate "month"'):
        exact.fit(data, "run").halving_time("month")


def test_a_halving_time_without_progress_has_no_bounds():
    result = PowerLaw("flop", "loss", covariates=("year",), replicates=2).fit(
        runs(sd=0.3, halving=np.inf), "run"
    )
    assert (result.halving_time().lower, result.halving_time().upper) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"direction": "x_on_y"},
        {"direction": "rma"},
        {"direction": "deming", "variance_ratio": 0.01},
        {"direction": "york", "x_sd": 0.3, "y_sd": 0.03},
        {"estimator": Pinball(0.2)},
        {"estimator": Huber(0.02), "direction": "x_on_y"},
        {"effects": "data"},
    ],
    ids=str,
)
def test_units_of_x_and_y_change_the_scale_only(settings):
    data = runs()
    law = PowerLaw("flop", "loss", replicates=30, **settings)
    one = law.fit(data, "run")
    other = law.fit(data.assign(flop=data["flop"] * 1e-18, loss=data["loss"] * 1e4), "run")
    assert other.params["exponent"] == pytest.approx(one.params["exponent"], rel=1e-7)
    shift = 4 - 18 * one.params["exponent"]
    assert other.params["log10_scale"] == pytest.approx(one.params["log10_scale"] + shift)
    assert other.conf_int().loc["exponent"].tolist() == pytest.approx(
        one.conf_int().loc["exponent"].tolist(), rel=1e-6
    )
    if "effects" not in settings:
        columns = ["predicted", "lower", "upper", "prediction_lower", "prediction_upper"]
        for method in (None, "percentile"):
            assert other.predict([1e2], method=method)[columns].to_numpy() == pytest.approx(
                1e4 * one.predict([1e20], method=method)[columns].to_numpy(), rel=1e-6, nan_ok=True
            )


def test_standard_errors_do_not_depend_on_the_unit_of_the_response():
    data = runs()
    law = ExponentialLaw("flop", "loss", "x_on_y", replicates=2)
    for factor in (1e-7, 1e7):
        other = law.fit(data.assign(loss=data["loss"] * factor), "run")
        scaled = other.std_errors.to_numpy() * factor
        expected = law.fit(data, "run").std_errors.to_numpy()
        assert scaled == pytest.approx(expected, rel=1e-5)


def test_robust_intervals_of_the_slope_are_those_of_the_regression():
    data = runs(groups=8)
    result = PowerLaw("flop", "loss", "x_on_y", covariates=("year",), replicates=400).fit(
        data, "run", "w"
    )
    fit = result.linear_fit()
    contrast = np.array([0, 1.0, 0])
    half = {}
    for kind in ("HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR2", "CR3"):
        found = result.fitted_slope(0.9, kind)
        assert (found.lower, found.upper) == sandwich(fit, kind).interval(contrast, 0.9)
        half[kind] = (found.upper - found.lower) / 2
    design, response = regressors(data, True, ("year",))
    ols = sm.WLS(response, design, data["w"])
    codes = pd.factorize(data["run"])[0]
    cr1 = ols.fit(cov_type="cluster", cov_kwds={"groups": codes}).bse[1]
    assert half["CR1"] == pytest.approx(student.ppf(0.95, 7) * cr1, rel=1e-8)
    hc1 = ols.fit(cov_type="HC1").bse[1]
    assert half["HC1"] == pytest.approx(student.ppf(0.95, len(data) - 3) * hc1, rel=1e-8)
    # The default is CR3 of refits, which the sandwich equals.
    default = result.fitted_slope(0.9)
    assert (default.upper - default.lower) / 2 == pytest.approx(half["CR3"], rel=1e-8)
    for kind, multipliers in (("wild-rademacher", "rademacher"), ("wild-webb", "webb")):
        found = result.fitted_slope(0.9, kind)
        test = wild_bootstrap(fit, contrast, multipliers=multipliers, level=0.9)
        assert (found.lower, found.upper) == (test.lower, test.upper)
        assert found.lower < found.value < found.upper
    draws = result.law.to_line(result.draws)[:, 1]
    found = result.fitted_slope(0.9, "percentile")
    assert (found.lower, found.upper) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))
    with pytest.raises(ValueError, match="method must be one of HC0"):
        result.fitted_slope(method="CR9")
    with pytest.raises(NotIdentifiedError, match="not a least-squares regression"):
        PowerLaw("flop", "loss", "rma", replicates=2).fit(data, "run").fitted_slope(method="CR2")


def test_predictions_with_covariates_follow_their_definition():
    data = runs()
    at = pd.DataFrame({"flop": [1e18, 1e21], "year": [3.0, 12.0]})
    result = PowerLaw("flop", "loss", covariates=("year",), replicates=2).fit(data, "run")
    found = result.predict(at)
    design, response = regressors(data, False, ("year",))
    ols = sm.OLS(response, design).fit()
    rows = np.column_stack([np.ones(2), np.log10(at["flop"]), at["year"]])
    assert np.log10(found["predicted"].to_numpy()) == pytest.approx(rows @ ols.params)
    t = student.ppf(0.975, 11)
    variance = np.einsum("ij,jk,ik->i", rows, result.line_covariance, rows)
    for column, extra in (("upper", 0.0), ("prediction_upper", ols.scale)):
        half = t * np.sqrt(variance + extra)
        assert np.log10(found[column].to_numpy()) == pytest.approx(rows @ ols.params + half)
    back = result.predict_x(found["predicted"], year=3.0)
    assert back["flop"][0] == pytest.approx(1e18)
    with pytest.raises(ValueError, match="give each covariate a value: year"):
        result.predict_x(1.0)
    with pytest.raises(NotIdentifiedError, match="depends on the covariates"):
        result.gain_per_decade(1e20)


@pytest.mark.parametrize("kind", [PowerLaw, ExponentialLaw])
@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y"])
def test_bands_of_all_methods_agree_where_the_data_fix_the_line(kind, direction):
    data = runs(n=400, groups=100, halving=np.inf)
    result = kind("flop", "loss", direction, replicates=1500).fit(data, "run")
    columns = ["lower", "upper", "prediction_lower", "prediction_upper"]
    exact = result.predict([1e17, 1e20, 1e24])
    for method in ("jackknife", "percentile", "bca", "delta"):
        other = result.predict([1e17, 1e20, 1e24], method=method)
        for end in columns:
            width = np.log(exact[end] / exact["predicted"]).to_numpy()
            found = np.log(other[end] / other["predicted"]).to_numpy()
            assert found == pytest.approx(width, rel=0.25), (method, end)
        assert other["predicted"].tolist() == exact["predicted"].tolist()


def test_lines_that_make_no_sense_are_refused():
    data = runs()
    for settings, message in (
        ({"direction": "york", "x_sd": 0.1}, "york needs"),
        ({"direction": "rma", "covariates": ("year",)}, "neither covariates nor effects"),
        ({"direction": "rma", "estimator": Huber(0.1)}, "by least squares only"),
        ({"effects": "data", "estimator": Huber(0.1)}, "by least squares only"),
        ({"residuals": "linear"}, "transformed variables"),
    ):
        with pytest.raises(ValueError, match=message):
            PowerLaw("flop", "loss", **settings)
    with pytest.raises(FitError, match="standard deviations must be positive"):
        PowerLaw("flop", "loss", "york", x_sd=-0.1, y_sd=0.1).fit(data)
    with pytest.raises(TooFewGroupsError, match="3 group"):
        PowerLaw("flop", "loss", covariates=("year",)).fit(runs(groups=3), "run")
    with pytest.raises(TooFewRecordsError, match="4 record"):
        PowerLaw("flop", "loss", covariates=("year",)).fit(runs(4, 4), "run")
    with pytest.raises(NotIdentifiedError, match=r"linear combination of .*year"):
        PowerLaw("flop", "loss", covariates=("year", "again")).fit(
            data.assign(again=data["year"] * 2 + 1), "run"
        )
    with pytest.raises(InvalidValueError, match='"year" holds dates'):
        PowerLaw("flop", "loss", covariates=("year",)).fit(
            data.assign(year=pd.Timestamp("2020-01-01")), "run"
        )
    with pytest.raises(InvalidValueError, match='several columns "flop"; rename all but one'):
        PowerLaw("flop", "loss").fit(data.rename(columns={"year": "flop"}))
    with pytest.raises(InvalidValueError, match='"data" is empty in row 3'):
        PowerLaw("flop", "loss", effects="data").fit(
            data.assign(data=data["data"].where(data.index != 3))
        )


def test_the_group_on_which_a_covariate_rests_is_named_if_it_is_known():
    for n, alone, named in ((30, 7, 'without "r7"'), (1200, 1199, "without a few of the groups")):
        data = runs(n, n)
        law = PowerLaw("flop", "loss", covariates=("new",), estimator=Huber(0.5), replicates=0)
        with pytest.raises(NotIdentifiedError, match=named):
            law.fit(data.assign(new=(data["run"] == f"r{alone}") * 1.0), "run")


def test_an_estimator_of_least_squares_is_the_default():
    assert PowerLaw().estimator == LeastSquares()
    assert isinstance(PowerLaw("flop", "loss", replicates=0).fit(runs(), "run"), LineResult)


def test_an_exponential_law_is_infinite_where_its_inverse_is_not_positive():
    law = ExponentialLaw("flop", "loss", replicates=2)
    result = law.fit(runs(sd=0.001, halving=np.inf), "run")
    end = 10 ** -(result.params["intercept"] / result.params["slope"])
    table = result.predict([end / 10, end * 10])
    assert table["predicted"].tolist() == pytest.approx([np.inf, 1 / result.params["slope"]])
    assert (table["upper"] == np.inf).tolist()[0]
    assert not table.isna().any().any()


def test_a_quantile_has_no_band_for_new_records():
    result = PowerLaw("flop", "loss", estimator=Pinball(0.1), replicates=50).fit(
        runs(40, 40), "run"
    )
    table = result.predict([1e20])
    assert table["lower"][0] < table["predicted"][0] < table["upper"][0]
    assert np.isnan(table["prediction_lower"][0])
    assert np.isnan(result.predict_x(float(table["predicted"][0]))["prediction_upper"][0])
    with pytest.raises(MissingColumnError, match='no column "flop"'):
        result.predict(pd.DataFrame({"flops": [1e20]}))


def test_york_without_each_group_is_york_of_the_others(monkeypatch):
    rng = np.random.default_rng(6)
    n, groups = 90, 15
    x = rng.uniform(0, 5, n)
    y = 2 * x + rng.normal(size=n)
    index = np.arange(n) % groups
    sd_x, sd_y = rng.choice([0.2, 0.5], n), np.full(n, 0.4)
    left_out = York(x, y, sd_x, sd_y, index).leave_one_group_out()
    for group in range(groups):
        kept = index != group
        alone = York(x[kept], y[kept], sd_x[kept], sd_y[kept], np.arange(kept.sum()))
        assert left_out[group] == pytest.approx(alone.estimate(np.ones((1, kept.sum())))[0])
    monkeypatch.setattr(york, "_DENSE", 0)
    own = rng.uniform(0.1, 0.6, n)
    sparse = York(x, y, own, sd_y, index)
    assert sparse.leave_one_group_out() == pytest.approx(sparse.estimate(1 - np.eye(groups)))


@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y", "york"])
def test_each_of_many_groups_is_left_out_by_itself(direction):
    rng = np.random.default_rng(7)
    n = 1300
    flop = 10 ** rng.uniform(15, 22, n)
    data = pd.DataFrame({"flop": flop, "loss": flop**-0.1 * np.exp(0.1 * rng.normal(size=n))})
    data["paper"] = [f"p{i % 650}" for i in range(n)]
    law = PowerLaw("flop", "loss", direction, x_sd=0.1, y_sd=0.04, replicates=0)
    result = law.fit(data, "paper")
    assert len(result.left_out) == len(result.groups) == 650
    alone = law.fit(data[data["paper"] != "p17"], "paper")
    assert result.left_out[result.groups.index("p17")] == pytest.approx(alone.estimates)
