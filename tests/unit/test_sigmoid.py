"""The sigmoid against planted laws, other solvers and its own symmetries."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares, linprog

from scalelaw.errors import NotIdentifiedError, NoVariationError, TooFewRecordsError
from scalelaw.fit import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.resample import resampled_groups
from scalelaw.fit.sigmoid import Sigmoid

ESTIMATORS = (LeastSquares(), Huber(0.01), LeastAbsolute(), Pinball(0.3))
TRUTH = (0.1, 0.9, 19.0, 0.4)


def noisy(n=30, seed=0, truth=TRUTH, sd=0.05, x_range=(15, 24)):
    rng = np.random.default_rng(seed)
    x = 10 ** rng.uniform(*x_range, n)
    y = Sigmoid().evaluate(np.array(truth), x[:, None])
    return pd.DataFrame({"compute": x, "error": y * np.exp(sd * rng.normal(size=n))})


def solve(law, data, weights=None, start=None):
    sample = law.read(data, None, None)
    if weights is None:
        weights = sample.weights[None, :]
    return law.solve(sample, sample.y, weights, start)


def drawn(n, rows, seed=3):
    return resampled_groups(n, rows, np.random.SeedSequence(seed))


def shares(u, midpoint, slope):
    return 1 / (1 + np.exp(np.minimum(slope * (u - midpoint), 700)))


def scipy_best(data, w, log, delta=None):
    u = np.log10(data["compute"].to_numpy())
    u = (u - u.min()) / np.ptp(u)
    y = data["error"].to_numpy()
    u, y, w = u[w > 0], y[w > 0], w[w > 0].astype(int)
    u, y = np.repeat(u, w), np.repeat(y, w)

    def residual(theta):
        fitted = theta[0] + np.exp(theta[1]) * shares(u, theta[2], theta[3])
        return np.log(y / fitted) if log else y - fitted

    best = np.inf
    for midpoint in (0.0, 0.35, 0.65, 1.0):
        for slope in (2.0, 6.0, 20.0):
            found = least_squares(
                residual,
                [0.9 * y.min(), np.log(np.ptp(y)), midpoint, slope],
                bounds=([0, -30, -2, 0.05], [np.inf, 30, 3, 1000]),
                loss="huber" if delta else "linear",
                f_scale=delta or 1.0,
                xtol=1e-13,
                ftol=1e-14,
                gtol=1e-14,
                max_nfev=400,
            )
            r = residual(found.x)
            best = min(best, float(Huber(delta).value(r).sum() if delta else r @ r))
    return best


@pytest.mark.parametrize("truth", [TRUTH, (0.2, 0.7, 20.0, -0.6), (0.0, 3.0, 17.0, 0.8)])
@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_a_planted_law_is_recovered(estimator, residuals, truth):
    law = Sigmoid(estimator=estimator, residuals=residuals)
    params = solve(law, noisy(n=14, truth=truth, sd=0.0)).params[0]
    assert params == pytest.approx(truth, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("delta", [None, 0.02])
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_no_resampling_is_worse_than_the_best_of_scipy(seed, residuals, delta):
    data = noisy(seed=seed, n=(16, 30)[seed], sd=(0.03, 0.1)[seed])
    law = Sigmoid(residuals=residuals, estimator=Huber(delta) if delta else LeastSquares())
    weights = np.concatenate([np.ones((1, len(data))), drawn(len(data), 2)])
    point = solve(law, data).params[0]
    found = solve(law, data, weights, point)
    assert np.isfinite(found.loss).all()
    for w, loss in zip(weights, found.loss, strict=True):
        assert loss <= scipy_best(data, w, residuals == "log", delta) * (1 + 1e-9)


def test_absolute_residuals_agree_with_linear_programs_over_midpoint_and_slope():
    """Given midpoint and slope the law is linear, so a linear program is exact."""
    data = noisy(seed=6, n=16, sd=0.08)
    u = np.log10(data["compute"].to_numpy())
    y = data["error"].to_numpy()
    n = len(y)

    def lowest(midpoint, slope):
        g = shares(u, midpoint, slope)
        a_eq = np.column_stack([1 - g, g, np.eye(n), -np.eye(n)])
        return linprog(np.repeat([0, 1], [2, 2 * n]), A_eq=a_eq, b_eq=y, method="highs").fun

    law = Sigmoid(estimator=LeastAbsolute(), residuals="linear")
    found = solve(law, data)
    _, _, midpoint, slope = found.params[0]
    assert found.loss[0] == pytest.approx(lowest(midpoint, slope * np.log(10)), rel=1e-9)
    around = [
        lowest(m, s)
        for m in (*np.linspace(15, 23, 12), midpoint - 0.01, midpoint + 0.01)
        for s in np.log(10) * np.array([0.1, 0.2, 0.4, 0.8, 2.0, 0.98 * slope, 1.02 * slope])
    ]
    assert found.loss[0] <= min(around) * (1 + 1e-9)


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_weights_are_repeated_records(estimator, residuals):
    data = noisy(seed=7, n=16)
    counts = np.random.default_rng(0).integers(1, 4, len(data))
    law = Sigmoid(estimator=estimator, residuals=residuals)
    weighted = solve(law, data, counts[None, :].astype(float))
    repeated = solve(law, data.loc[np.repeat(data.index, counts)].reset_index(drop=True))
    assert weighted.loss == pytest.approx(repeated.loss, rel=1e-9)
    assert weighted.params == pytest.approx(repeated.params, rel=1e-5)


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", [LeastSquares(), LeastAbsolute()], ids=lambda e: e.name)
def test_units_direction_and_order_of_records_do_not_matter(estimator, residuals):
    data = noisy(seed=8, n=16)
    other = data.sample(frac=1, random_state=1).reset_index(drop=True)
    other["compute"] = 1e5 / other["compute"]
    other["error"] *= 1000.0
    law = Sigmoid(estimator=estimator, residuals=residuals)
    floor, ceiling, midpoint, slope = solve(law, data).params[0]
    expected = [1000 * floor, 1000 * ceiling, 5 - midpoint, -slope]
    assert solve(law, other).params[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_a_row_does_not_depend_on_the_others(estimator):
    data = noisy(seed=9, n=14)
    law = Sigmoid(estimator=estimator)
    weights = drawn(len(data), 20)
    point = solve(law, data).params[0]
    together = solve(law, data, weights, point).params
    alone = [solve(law, data, weights[i : i + 1], point).params[0] for i in (0, 7, 19)]
    assert np.array_equal(together[[0, 7, 19]], alone, equal_nan=True)


def test_weights_that_leave_too_little_give_nan():
    data = noisy(n=8)
    weights = np.array([[1, 1, 1, 0, 0, 0, 0, 0], [1] * 8, [0] * 8], dtype=float)
    params = solve(Sigmoid(), data, weights, np.array(TRUTH)).params
    assert np.isnan(params).all(axis=1).tolist() == [True, False, True]


def test_data_that_cannot_hold_the_law_are_refused():
    three = pd.DataFrame({"compute": [1.0, 1, 2, 2, 3, 3], "error": [3.0, 2, 1, 1.5, 1, 1]})
    with pytest.raises(NoVariationError, match="at least 4"):
        Sigmoid().fit(three)
    with pytest.raises(TooFewRecordsError):
        Sigmoid().fit(noisy(n=4))
    x = np.geomspace(1, 1e6, 10)
    step = pd.DataFrame({"compute": x, "error": np.where(x < 1e3, 2.0, 1.0)})
    step["error"] += 0.01 * np.array([0, -1, 0, -1, 1, -1, 1, 0, 1, 0])
    with pytest.raises(NotIdentifiedError):
        Sigmoid(replicates=5).fit(step)


def test_inversion_is_the_inverse_between_the_plateaus():
    law = Sigmoid()
    params = np.array([[*TRUTH], [0.2, 0.7, 20.0, -0.6]])
    for y in (0.25, 0.6):
        x = law.invert(params, y)
        assert law.evaluate(params[:1], x[:1, None])[0, 0] == pytest.approx(y)
        assert law.evaluate(params[1:], x[1:, None])[0, 0] == pytest.approx(y)
    assert np.isinf(law.invert(params, 0.95)).all()
    assert np.isinf(law.invert(params, 0.1)).all()


def test_a_plateau_outside_the_data_is_noted():
    seen = Sigmoid(replicates=20).fit(noisy())
    assert "no_saturation_seen" not in {note.code for note in seen.warnings}
    unseen = Sigmoid(replicates=20).fit(
        noisy(truth=(0.1, 0.9, 14.0, 0.4), sd=0.003, x_range=(15, 22))
    )
    note = next(note for note in unseen.warnings if note.code == "no_saturation_seen")
    assert note.details["plateau"] == "ceiling"
    assert note.details["decades"] == pytest.approx(1.0, abs=0.9)


@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_nearly_all_starts_reach_the_minimum(residuals):
    found = solve(Sigmoid(estimator=Huber(0.01), residuals=residuals), noisy(seed=1))
    assert found.starts >= 10
    assert found.agree[0] >= 0.8 * found.starts


def test_a_plateau_that_would_be_negative_is_held_at_zero():
    """Rising and falling alike; the other three parameters are then those of a free fit."""
    data = noisy(n=20, truth=(0.0, 0.9, 19.0, 0.4), sd=0.0)
    data["error"] = data["error"] ** 1.3 - 0.5 * data["error"].min() ** 1.3
    flipped = data.assign(compute=1 / data["compute"])
    law = Sigmoid(residuals="linear")
    floor, ceiling, midpoint, slope = solve(law, data).params[0]
    assert floor == 0.0

    def residual(theta):
        return data["error"] - theta[0] * shares(
            np.log10(data["compute"].to_numpy()), theta[1], theta[2]
        )

    free = least_squares(residual, [0.9, 19, 1.0], xtol=1e-13, ftol=1e-14, gtol=1e-14).x
    expected = [free[0], free[1], free[2] / np.log(10)]
    assert [ceiling, midpoint, slope] == pytest.approx(expected, rel=1e-6)
    turned = solve(law, flipped).params[0]
    assert turned == pytest.approx([0.0, ceiling, -midpoint, -slope], rel=1e-6)
