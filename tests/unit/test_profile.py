"""Intervals by testing values of a parameter, against their definitions and planted truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import least_squares, minimize_scalar
from scipy.stats import f as fisher
from scipy.stats import t as student

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit import FitResult, FlooredPowerLaw, Huber, LeastSquares, LossSurface, PowerLaw
from scalelaw.fit.profile import profile_interval


def floored(n=60, groups=12, sd=0.01, floor=0.5, seed=0):
    rng = np.random.default_rng(seed)
    x, group = 10 ** rng.uniform(16, 22, n), np.arange(n) % groups
    scatter = sd * (rng.normal(size=groups)[group] + rng.normal(size=n)) / np.sqrt(2)
    return pd.DataFrame(
        {
            "flop": x,
            "loss": (floor + (x / 1e17) ** -0.3) * np.exp(scatter),
            "run": group,
            "w": rng.uniform(0.5, 2, n),
        }
    )


def held_fit(data, floor, weights=None):
    """Return the working residuals and their derivatives with the floor held."""
    x = np.log(data["flop"].to_numpy() / 1e17)
    y = np.log(data["loss"].to_numpy())
    root = np.sqrt(np.ones(len(x)) if weights is None else data[weights].to_numpy())

    def residual(p):
        return root * (y - np.log(floor + np.exp(p[0] - p[1] * x)))

    best = least_squares(residual, [0.0, 0.3], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    term = np.exp(best.x[0] - best.x[1] * x)
    total = floor + term
    others = -np.stack([term, -term * x], axis=1) / total[:, None] * root[:, None]
    own = -root / total
    return residual(best.x), own, others


@pytest.mark.parametrize("weights", [None, "w"])
def test_likelihood_bounds_lie_where_the_f_ratio_does(weights):
    data = floored()
    result = FlooredPowerLaw("flop", "loss", replicates=0).fit(data, "run", weights)
    found = result.param("floor", 0.9, "likelihood")
    least = minimize_scalar(
        lambda floor: (held_fit(data, floor, weights)[0] ** 2).sum(),
        bounds=(0.4, 0.6),
        options={"xatol": 1e-12},
        method="bounded",
    )
    assert found.value == pytest.approx(least.x, rel=1e-5)
    for end in (found.lower, found.upper):
        square = (held_fit(data, end, weights)[0] ** 2).sum()
        ratio = (square - least.fun) / (least.fun / (len(data) - 3))
        assert ratio == pytest.approx(fisher.ppf(0.9, 1, len(data) - 3), rel=1e-4)
    assert found.lower < found.value < found.upper


@pytest.mark.parametrize("weights", [None, "w"])
def test_score_bounds_lie_where_the_t_of_the_scores_of_the_runs_does(weights):
    data = floored()
    result = FlooredPowerLaw("flop", "loss", replicates=0).fit(data, "run", weights)
    found = result.param("floor", 0.9)
    assert found.method == "profile score"
    for end in (found.lower, found.upper):
        residual, own, others = held_fit(data, end, weights)
        clean = own - others @ np.linalg.lstsq(others, own)[0]
        sums = pd.Series(clean * residual).groupby(data["run"]).sum()
        t = sums.mean() / (sums.std(ddof=1) / np.sqrt(len(sums)))
        assert abs(t) == pytest.approx(student.ppf(0.95, 11), rel=1e-4)


@pytest.mark.parametrize("direction", ["y_on_x", "x_on_y"])
@pytest.mark.parametrize("effects", [None, "system"])
def test_the_likelihood_interval_of_a_line_is_the_t_interval_of_its_slope(direction, effects):
    rng = np.random.default_rng(1)
    data = floored(floor=0.0, sd=0.05).assign(system=lambda d: rng.integers(0, 3, len(d)))
    data["loss"] *= 1 + 0.2 * data["system"]
    law = PowerLaw("flop", "loss", direction, effects=effects, replicates=0)
    result = law.fit(data, "run", "w")
    found = profile_interval(result, "exponent", 0.9, "likelihood")
    u, v = np.log10(data["flop"]), np.log10(data["loss"])
    first, response = (v, u) if direction == "x_on_y" else (u, v)
    design = np.column_stack([np.ones(60), first])
    if effects:
        design = np.column_stack([design, data["system"] == 1, data["system"] == 2])
    low, high = sm.WLS(response, design.astype(float), data["w"]).fit().conf_int(0.1).loc["x1"]
    ends = sorted(-1 / np.array([low, high]) if direction == "x_on_y" else [-low, -high])
    assert [found.lower, found.upper] == pytest.approx(ends, rel=1e-6)


def test_the_score_interval_of_a_line_is_near_that_of_the_jackknife():
    data = floored(n=400, groups=100, floor=0.0, sd=0.05)
    result = PowerLaw("flop", "loss", replicates=0).fit(data, "run")
    score, exact = result.param("exponent", method="score"), result.param("exponent")
    assert score.upper - score.lower == pytest.approx(exact.upper - exact.lower, rel=0.1)
    assert score.lower < exact.value < score.upper


@pytest.mark.parametrize("factor", [1e-8, 1e6])
@pytest.mark.parametrize("method", ["score", "likelihood"])
def test_the_unit_of_the_response_does_not_matter(factor, method):
    data = floored()
    law = FlooredPowerLaw("flop", "loss", replicates=0)
    one = law.fit(data, "run").param("floor", method=method)
    other = law.fit(data.assign(loss=data["loss"] * factor), "run").param("floor", method=method)
    expected = (factor * one.lower, factor * one.upper)
    assert (other.lower, other.upper) == pytest.approx(expected, rel=1e-5)


def test_the_score_covers_a_planted_floor_and_a_floor_of_zero():
    hits = {0.5: 0, 0.0: 0}
    for floor in hits:
        for seed in range(25):
            law = FlooredPowerLaw("flop", "loss", replicates=0)
            found = law.fit(floored(40, 20, 0.03, floor, seed), "run").param("floor")
            assert found.lower >= 0
            hits[floor] += found.lower <= floor <= found.upper
    # A binomial of 95% falls below 20 of 25 in one of 800.
    assert min(hits.values()) >= 20, hits


def test_bounds_of_the_model_and_infinity_end_an_interval():
    none = floored(floor=0.0, sd=0.05)
    found = FlooredPowerLaw("flop", "loss", replicates=0).fit(none, "run").param("floor")
    assert found.lower == 0.0
    held = FlooredPowerLaw("flop", "loss", replicates=0, min_floor=0.49).fit(floored(), "run")
    wide = held.param("floor", 0.999999, "likelihood")
    assert wide.lower == 0.49
    # The exponent is positive, its interval is walked on the logarithm and stays so.
    exponent = held.param("exponent", method="likelihood")
    assert 0 < exponent.lower < exponent.value < exponent.upper


def test_higher_levels_contain_lower_ones():
    result = FlooredPowerLaw("flop", "loss", replicates=0).fit(floored(), "run")
    for method in ("score", "likelihood"):
        found = [result.param("floor", level, method) for level in (0.5, 0.9, 0.99)]
        lowers, uppers = [e.lower for e in found], [e.upper for e in found]
        assert lowers == sorted(lowers, reverse=True)
        assert uppers == sorted(uppers)


def test_what_cannot_be_tested_is_refused():
    data = floored()
    result = FlooredPowerLaw("flop", "loss", replicates=0).fit(data, "run")
    with pytest.raises(ValueError, match="method must be one of score, likelihood"):
        profile_interval(result, "floor", method="wald")
    with pytest.raises(ValueError, match="parameter must be one of floor"):
        profile_interval(result, "ceiling")
    light = FitResult.from_json(result.to_json(data=False))
    with pytest.raises(NotIdentifiedError, match="stored without data"):
        profile_interval(light, "floor")
    huber = FlooredPowerLaw("flop", "loss", estimator=Huber(0.01), replicates=0)
    with pytest.raises(NotIdentifiedError, match="by least squares"):
        profile_interval(huber.fit(data, "run"), "floor")
    rma = PowerLaw("flop", "loss", "rma", replicates=0).fit(floored(floor=0.0), "run")
    with pytest.raises(NotIdentifiedError, match="errors in both variables"):
        profile_interval(rma, "exponent")


def test_a_surface_of_two_predictors_is_profiled_too():
    rng = np.random.default_rng(3)
    n, d = 10 ** rng.uniform(7, 10, 40), 10 ** rng.uniform(9, 12, 40)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.003 * rng.normal(size=40))
    data = pd.DataFrame({"n": n, "d": d, "loss": loss})
    law = LossSurface("n", "d", "loss", estimator=LeastSquares(), replicates=0)
    result = law.fit(data)
    found = profile_interval(result, "E", 0.95, "likelihood")

    def square(floor):
        def residual(p):
            fitted = floor + np.exp(p[0] - p[1] * np.log(n)) + np.exp(p[2] - p[3] * np.log(d))
            return np.log(loss / fitted)

        start = [np.log(400), 0.34, np.log(410), 0.28]
        best = least_squares(residual, start, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
        return 2 * best.cost

    least = square(result.params["E"])
    assert least == pytest.approx(result.loss, rel=1e-6)
    for end in (found.lower, found.upper):
        ratio = (square(end) - least) / (least / 35)
        assert ratio == pytest.approx(fisher.ppf(0.95, 1, 35), rel=1e-3)
