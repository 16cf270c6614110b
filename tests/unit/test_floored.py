"""The power law with a floor against planted laws, other solvers and its own symmetries."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import OptimizeWarning, curve_fit, least_squares, linprog, minimize

from scalelaw.errors import NotIdentifiedError, NoVariationError, TooFewRecordsError
from scalelaw.fit import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.floored import FlooredPowerLaw
from scalelaw.fit.resample import resampled_groups

ESTIMATORS = (LeastSquares(), Huber(0.01), LeastAbsolute(), Pinball(0.2))


def noisy(n=30, seed=0, floor=0.08, exponent=0.25, sd=0.05, x_range=(17, 23)):
    rng = np.random.default_rng(seed)
    x = 10 ** rng.uniform(*x_range, n)
    y = floor + 0.6 * (x / 10.0 ** x_range[0]) ** -exponent
    return pd.DataFrame({"compute": x, "error": y * np.exp(sd * rng.normal(size=n))})


def solve(law, data, weights=None, start=None):
    sample = law.read(data, None, None)
    if weights is None:
        weights = sample.weights[None, :]
    return law.solve(sample, sample.y, weights, start)


def drawn(n, rows, seed=3):
    return resampled_groups(n, rows, np.random.SeedSequence(seed))


def curve(u, floor, log_scale, log_exponent):
    return floor + np.exp(log_scale - np.exp(log_exponent) * u)


def scipy_best(data, weights, log=False, delta=None):
    """Return the least loss that scipy finds from 18 starts."""
    u = np.log(data["compute"].to_numpy())
    u = (u - u.min()) / np.ptp(u)
    y = data["error"].to_numpy()
    kept = weights > 0
    u, y, w = u[kept], y[kept], weights[kept]
    best = np.inf
    for share in (0.0, 0.5, 0.95):
        for k in np.geomspace(0.1, 50, 6):
            floor = share * y.min()
            start = [floor, np.log(np.ptp(y) + 0.1 * y.min()), np.log(k)]
            if delta is None and not log:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", OptimizeWarning)
                        found = curve_fit(
                            curve,
                            u,
                            y,
                            start,
                            1 / np.sqrt(w),
                            bounds=([0, -50, -8], [np.inf, 50, 5]),
                            xtol=1e-14,
                            ftol=1e-14,
                            gtol=1e-14,
                        )[0]
                except RuntimeError:
                    continue
                r = y - curve(u, *found)
                best = min(best, float(w @ r**2))
                continue

            def residual(theta):
                fitted = curve(u, *theta)
                return np.repeat(np.log(y / fitted) if log else y - fitted, w.astype(int))

            found = least_squares(
                residual,
                start,
                bounds=([0, -50, -8], [np.inf, 50, 5]),
                loss="huber" if delta else "linear",
                f_scale=delta or 1.0,
                xtol=1e-14,
                ftol=1e-14,
                gtol=1e-14,
            )
            r = residual(found.x)
            best = min(best, float(Huber(delta).value(r).sum() if delta else r @ r))
    return best


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_a_planted_law_is_recovered(estimator, residuals):
    data = noisy(n=12, sd=0.0)
    law = FlooredPowerLaw(estimator=estimator, residuals=residuals)
    params = solve(law, data).params[0]
    assert params == pytest.approx([0.08, np.log10(0.6) + 17 * 0.25, 0.25], rel=1e-7)


@pytest.mark.parametrize("x_range", [(15, 26), (3, 4), (-12, -9)])
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_scales_of_x_do_not_matter(x_range, residuals):
    data = noisy(n=15, sd=0.0, floor=1.7, exponent=0.4, x_range=x_range)
    found = solve(FlooredPowerLaw(residuals=residuals), data)
    scale = np.log10(0.6) + 0.4 * x_range[0]
    assert found.params[0] == pytest.approx([1.7, scale, 0.4], rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_no_resampling_is_worse_than_the_best_of_scipy(seed):
    data = noisy(seed=seed, n=(8, 30, 14)[seed], sd=(0.25, 0.1, 0.05)[seed])
    law = FlooredPowerLaw(residuals="linear")
    weights = drawn(len(data), 6)
    point = solve(law, data).params[0]
    found = solve(law, data, weights, point)
    identified = np.isfinite(found.loss)
    assert identified.sum() >= 4
    for w, loss in zip(weights[identified], found.loss[identified], strict=True):
        # Draws of three different records are met exactly.
        assert loss <= scipy_best(data, w) * (1 + 1e-10) + 1e-20


@pytest.mark.parametrize("delta", [None, 0.02])
def test_log_residuals_are_not_worse_than_the_best_of_scipy(delta):
    data = noisy(seed=5, n=20, sd=0.1)
    law = FlooredPowerLaw(estimator=Huber(delta) if delta else LeastSquares())
    weights = drawn(len(data), 3)
    point = solve(law, data).params[0]
    found = solve(law, data, weights, point)
    for w, loss in zip(weights, found.loss, strict=True):
        assert loss <= scipy_best(data, w, True, delta) * (1 + 1e-9)
    assert (found.gradient_norm < 1e-10).all()


@pytest.mark.parametrize("estimator", [LeastSquares(), Huber(0.01)], ids=lambda e: e.name)
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_every_resampling_ends_where_its_gradient_vanishes(estimator, residuals):
    data = noisy(n=35, seed=203, sd=0.1)
    law = FlooredPowerLaw(estimator=estimator, residuals=residuals)
    found = solve(law, data, drawn(35, 60), solve(law, data).params[0])
    assert np.isfinite(found.loss).all()
    assert (found.gradient_norm < 1e-7).all()


@pytest.mark.parametrize("tau", [0.5, 0.2])
def test_quantiles_agree_with_linear_programs_along_the_exponent(tau):
    """Given the exponent the law is linear, so a linear program is exact for linear residuals."""
    data = noisy(seed=2, n=16, sd=0.1)
    u = np.log(data["compute"].to_numpy())
    u = (u - u.min()) / np.ptp(u)
    y = data["error"].to_numpy()
    n = len(y)
    weights = np.concatenate([np.ones((1, n)), drawn(n, 3)])

    def lowest(log_k, w):
        e = np.exp(-np.exp(log_k) * u)
        a_eq = np.column_stack([np.ones(n), e, np.eye(n), -np.eye(n)])
        cost = np.concatenate([[0, 0], tau * w, (1 - tau) * w])
        return linprog(cost, A_eq=a_eq, b_eq=y, method="highs").fun

    estimator = LeastAbsolute() if tau == 0.5 else Pinball(tau)
    law = FlooredPowerLaw(residuals="linear", estimator=estimator)
    point = solve(law, data).params[0]
    found = solve(law, data, weights, point).loss / (2 if tau == 0.5 else 1)
    for w, loss in zip(weights, found, strict=True):
        grid = np.linspace(-2, 4, 61)
        at = grid[np.argmin([lowest(t, w) for t in grid])]
        for width in (0.1, 0.02, 0.004, 0.0008):
            near = np.linspace(at - width, at + width, 9)
            values = [lowest(t, w) for t in near]
            at = near[np.argmin(values)]
        assert loss <= min(values) * (1 + 1e-9)
        assert loss == pytest.approx(min(values), rel=2e-3)


def test_log_absolute_residuals_are_not_worse_than_a_simplex_search():
    data = noisy(seed=4, n=18, sd=0.1)
    found = solve(FlooredPowerLaw(estimator=LeastAbsolute()), data)
    u = np.log(data["compute"] / data["compute"].min())
    u, y = (u / u.max()).to_numpy(), data["error"].to_numpy()

    def loss(theta):
        if theta[0] < 0:
            return np.inf
        return np.abs(np.log(y / curve(u, *theta))).sum()

    options = {"xatol": 1e-12, "fatol": 1e-13, "maxiter": 4000, "maxfev": 4000}
    best = min(
        minimize(loss, [f, a, k], method="Nelder-Mead", options=options).fun
        for f in (0.01, 0.06, 0.1)
        for a in (-1.5, -0.5)
        for k in (0.0, 1.0, 2.0)
    )
    assert found.loss[0] <= best * (1 + 1e-10)


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_weights_are_repeated_records(estimator, residuals):
    data = noisy(seed=7, n=14, sd=0.1)
    counts = np.random.default_rng(0).integers(1, 4, len(data))
    law = FlooredPowerLaw(estimator=estimator, residuals=residuals)
    weighted = solve(law, data, counts[None, :].astype(float))
    repeated = solve(law, data.loc[np.repeat(data.index, counts)].reset_index(drop=True))
    assert weighted.loss == pytest.approx(repeated.loss, rel=1e-9)
    assert weighted.params == pytest.approx(repeated.params, rel=1e-5)


@pytest.mark.parametrize("residuals", ["log", "linear"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
def test_units_and_order_of_records_do_not_matter(estimator, residuals):
    data = noisy(seed=8, n=15, sd=0.1)
    other = data.sample(frac=1, random_state=1).reset_index(drop=True)
    other["compute"] *= 1e-9
    other["error"] *= 1000.0
    if isinstance(estimator, Huber) and residuals == "linear":
        scaled = Huber(estimator.delta * 1000)
    else:
        scaled = estimator
    one = solve(FlooredPowerLaw(estimator=estimator, residuals=residuals), data).params[0]
    two = solve(FlooredPowerLaw(estimator=scaled, residuals=residuals), other).params[0]
    assert two[0] == pytest.approx(1000 * one[0], rel=1e-6)
    assert two[2] == pytest.approx(one[2], rel=1e-6)
    assert two[1] == pytest.approx(one[1] + 3 - 9 * one[2], rel=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.name)
@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_a_row_does_not_depend_on_the_others(estimator, residuals):
    data = noisy(seed=9, n=12, sd=0.1)
    law = FlooredPowerLaw(estimator=estimator, residuals=residuals)
    weights = drawn(len(data), 40)
    point = solve(law, data).params[0]
    together = solve(law, data, weights, point).params
    alone = [solve(law, data, weights[i : i + 1], point).params[0] for i in (0, 7, 39)]
    assert np.array_equal(together[[0, 7, 39]], alone, equal_nan=True)


def test_replicates_at_the_bound_are_the_power_law():
    """Data that bend the other way put the floor at zero, where the law has two parameters."""
    x = np.geomspace(1e10, 1e14, 12)
    y = (x / 1e10) ** -0.1 * np.exp(-0.02 * np.log(x / 1e10) ** 1.2)
    data = pd.DataFrame({"compute": x, "error": y})
    found = solve(FlooredPowerLaw(residuals="linear"), data).params[0]
    (scale, exponent), _ = curve_fit(lambda u, a, k: np.exp(a - k * u), np.log(x), y, [1, 0.1])
    assert found[0] == 0.0
    assert found[1:] == pytest.approx([scale / np.log(10), exponent], rel=1e-6)
    higher = solve(FlooredPowerLaw(residuals="linear", min_floor=0.2), data).params[0]
    assert higher[0] == 0.2


def test_weights_that_leave_too_little_give_nan():
    data = noisy(n=6)
    weights = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0] * 6], dtype=float)
    for residuals in ("log", "linear"):
        law = FlooredPowerLaw(residuals=residuals)
        params = solve(law, data, weights, solve(law, data).params[0]).params
        assert np.isnan(params).all(axis=1).tolist() == [True, False, True]


def test_a_step_has_no_exponent():
    data = pd.DataFrame({"compute": [1.0, 2, 3, 4, 5, 6], "error": [5.0, 0.9, 1.2, 0.8, 1.1, 1]})
    for residuals in ("log", "linear"):
        assert np.isnan(solve(FlooredPowerLaw(residuals=residuals), data).params).all()


def test_data_that_cannot_hold_the_law_are_refused():
    law = FlooredPowerLaw(replicates=10)
    rising = pd.DataFrame({"compute": [1.0, 2, 3, 4, 5], "error": [1.0, 2, 3, 4, 5]})
    with pytest.raises(NotIdentifiedError, match="does not fall"):
        law.fit(rising)
    two = pd.DataFrame({"compute": [1.0, 1, 2, 2, 2], "error": [3.0, 2, 1, 1.5, 1]})
    with pytest.raises(NoVariationError, match="at least 3"):
        law.fit(two)
    with pytest.raises(TooFewRecordsError):
        law.fit(noisy(n=3))
    with pytest.raises(ValueError, match="min_floor"):
        FlooredPowerLaw(min_floor=-1.0)


def test_inversion_is_the_inverse_and_stops_at_the_floor():
    law = FlooredPowerLaw()
    params = np.array([[0.08, 4.0, 0.25], [0.3, 4.0, 0.25]])
    x = law.invert(params, 0.2)
    assert law.evaluate(params[:1], x[:1, None])[0, 0] == pytest.approx(0.2)
    assert np.isinf(x[1])
    assert np.isinf(law.invert(params[:1], 0.08)).all()


def test_notes_tell_what_the_data_say_about_the_floor():
    codes = {note.code for note in FlooredPowerLaw(replicates=100).fit(noisy()).warnings}
    assert not codes & {"floor_at_bound", "floor_not_identified"}
    vague = FlooredPowerLaw(replicates=200).fit(
        noisy(n=14, floor=0.0, exponent=0.05, sd=0.08, seed=1)
    )
    assert "floor_not_identified" in {note.code for note in vague.warnings}
    x = np.geomspace(1e10, 1e14, 12)
    bent = pd.DataFrame({"compute": x, "error": np.exp(-0.02 * np.log(x / 1e10) ** 1.5)})
    assert "floor_at_bound" in {n.code for n in FlooredPowerLaw(replicates=20).fit(bent).warnings}


def test_bootstrap_intervals_cover_the_truth():
    """Of 40 samples, about 38 of the 95% intervals of the exponent should hold it."""
    covered = 0
    for seed in range(40):
        result = FlooredPowerLaw(replicates=10).fit(noisy(n=40, seed=seed, sd=0.03))
        bounds = result.conf_int().loc["exponent"]
        covered += bounds["lower"] <= 0.25 <= bounds["upper"]
    assert covered >= 34


@pytest.mark.parametrize("residuals", ["log", "linear"])
def test_nearly_all_starts_reach_the_minimum(residuals):
    data = noisy(n=35, seed=203, sd=0.1)
    weights = drawn(35, 6)
    found = solve(FlooredPowerLaw(estimator=Huber(0.01), residuals=residuals), data, weights)
    assert found.starts == 20
    assert (found.agree >= 17).all()
