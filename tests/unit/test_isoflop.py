"""Iso-FLOP profiles against polynomials fitted otherwise, planted valleys and simulations."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scalelaw.errors import (
    InvalidValueError,
    MissingColumnError,
    NotIdentifiedError,
    TooFewGroupsError,
    TooFewRecordsError,
)
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.surface import LossSurface, optimal_loss, optimal_size, size_exponent
from scalelaw.plan import PerExampleCost, PowerCost, fit_isoflop, isoflop_grid
from scalelaw.plan.isoflop import Sweeps, find_sweeps, interval, line_through

TRUTH = np.array([1.7, 400.0, 0.34, 410.0, 0.28])
BUDGETS = np.geomspace(1e18, 1e21, 4)
LAW = LossSurface(estimator=LeastSquares(), replicates=200)


def runs(noise=0.003, seed=0, truth=TRUTH, budgets=BUDGETS, **grid):
    table = isoflop_grid(budgets, **grid)
    error = noise * np.random.default_rng(seed).standard_normal(len(table))
    return table.assign(loss=LAW.evaluate(truth, table[["params", "tokens"]]) * np.exp(error))


def valleys(coefficients, minimum=lambda c: 1e9 * (c / 1e20) ** 0.5, budgets=BUDGETS, shift=0.3):
    """Runs whose ln loss is exactly a polynomial of ln N about a planted minimum."""
    table = isoflop_grid(budgets, centre=[minimum(c) * 10**shift for c in budgets])
    off = np.log(table["params"] / minimum(table["budget"]))
    loss = 1.0 - 0.05 * np.log10(table["budget"] / 1e20)
    return table.assign(loss=np.exp(loss + sum(c * off**p for p, c in coefficients.items())))


def codes(result):
    return [note.code for note in result.warnings]


@pytest.mark.parametrize(
    ("degree", "coefficients"), [(2, {2: 0.01}), (3, {2: 0.01}), (3, {2: 0.02, 3: 0.0015})]
)
def test_planted_valleys_are_found(degree, coefficients):
    found = fit_isoflop(valleys(coefficients), compute="budget", degree=degree, replicates=50)
    assert found.profiles["params"].to_numpy() == pytest.approx(1e9 * (BUDGETS / 1e20) ** 0.5)
    assert found.exponent.value == pytest.approx(0.5)
    assert found.residual_sd < 1e-12
    assert found.warnings == ()
    ahead = found.predict([1e19, 1e23]).iloc[1]
    assert ahead["params"] == pytest.approx(1e9 * 1e3**0.5)
    assert ahead["tokens"] == pytest.approx(1e23 / 6 / (1e9 * 1e3**0.5))
    assert np.log(ahead["loss"]) == pytest.approx(1.0 - 0.15)


@pytest.mark.parametrize("degree", [2, 3])
def test_minima_are_those_of_polynomials_fitted_by_numpy(degree):
    table = runs(0.004)
    found = fit_isoflop(table, compute="budget", degree=degree, replicates=50).profiles
    for row, (_, sweep) in zip(found.to_dict("records"), table.groupby("budget"), strict=True):
        x = np.log(sweep["params"]) - np.log(sweep["params"]).mean()
        law = np.polynomial.Polynomial.fit(x, np.log(sweep["loss"]), degree)
        roots = law.deriv().roots()
        best = roots[law.deriv(2)(roots) > 0][0]
        assert np.log(row["params"]) == pytest.approx(best + np.log(sweep["params"]).mean())
        assert row["loss"] == pytest.approx(np.exp(law(best)))
        assert (row["runs"], row["sizes"]) == (6, 6)
        assert (row["smallest"], row["largest"]) == (sweep["params"].min(), sweep["params"].max())


def test_exponent_of_the_surface():
    for alpha, beta in [(0.34, 0.28), (0.3, 0.4)]:
        truth = np.array([1.7, 400.0, alpha, 400.0, beta])
        centre = list(optimal_size(truth, BUDGETS))
        found = fit_isoflop(runs(0.0, truth=truth, centre=centre), compute="budget", replicates=20)
        assert found.exponent.value == pytest.approx(beta / (alpha + beta), abs=0.005)
        assert found.profiles["params"].to_numpy() == pytest.approx(centre, rel=0.02)
        assert found.profiles["loss"].to_numpy() == pytest.approx(
            optimal_loss(truth, BUDGETS), rel=1e-3
        )


def test_parabola_is_biased_where_the_valley_is_lopsided():
    true = float(np.log10(optimal_size(TRUTH, 1e20)))
    error = {2: [], 3: []}
    covered = {2: 0, 3: 0}
    for seed in range(40):
        table = runs(0.002, seed)
        for degree in (2, 3):
            found = fit_isoflop(table, compute="budget", degree=degree, replicates=200, seed=seed)
            row = found.profiles.iloc[2]
            error[degree].append(np.log10(row["params"]) - true)
            covered[degree] += row["params_lower"] <= 10**true <= row["params_upper"]
    assert abs(np.mean(error[3])) < 0.006
    # The shallow side of this valley is that of the larger models, as alpha exceeds beta.
    assert np.mean(error[2]) > 0.015
    assert covered[2] < 15
    assert covered[3] >= 34


def test_intervals_cover_the_truth():
    exponent, ahead = float(size_exponent(TRUTH)), float(optimal_size(TRUTH, 1e23))
    hits = np.zeros(3)
    for seed in range(60):
        found = fit_isoflop(runs(0.005, seed), compute="budget", replicates=300, seed=seed)
        row = found.predict([1e23, 1e20]).to_dict("records")
        hits += (
            found.exponent.lower <= exponent <= found.exponent.upper,
            row[0]["params_lower"] <= ahead <= row[0]["params_upper"],
            row[1]["loss_lower"] <= float(optimal_loss(TRUTH, 1e20)) <= row[1]["loss_upper"],
        )
    assert (hits >= 51).all(), hits


def test_groups_widen_intervals_where_their_runs_err_together():
    # Six seeds, each a whole set of sweeps, whose valleys are tilted by a random slope.
    rng = np.random.default_rng(1)
    exponent = float(size_exponent(TRUTH))
    hits = {"alone": 0, "grouped": 0}
    for seed in range(40):
        table = runs(0.001, seed, points=16, runs=6)
        table["seed"] = np.arange(len(table)) % 6
        tilt = rng.normal(0, 0.003, 6)[table["seed"]]
        table["loss"] *= np.exp(
            tilt * np.log(table["params"] / 1e9) * np.log10(table["budget"] / 3e19)
        )
        for name, groups in (("alone", None), ("grouped", "seed")):
            found = fit_isoflop(table, compute="budget", groups=groups, replicates=300, seed=seed)
            hits[name] += found.exponent.lower <= exponent <= found.exponent.upper
    assert hits["grouped"] >= 33
    assert hits["alone"] < 25


def test_interval_of_a_linear_function_is_students():
    # The residual bootstrap of the mean of a profile's fitted values, with 8 degrees of freedom.
    rng = np.random.default_rng(0)
    log_n = np.tile(np.linspace(0, 3, 6), 4)
    log_c = np.repeat(np.arange(4.0), 6)
    y = rng.normal(0, 1, 24)
    sweeps, _ = find_sweeps(log_n, log_c, 3)
    errors = sweeps.resampled(y, None, 20000, np.random.SeedSequence(1))
    means = errors[:, :6].mean(axis=1)
    low, high = interval(means, 0.95)
    half = 2.306 * sweeps.residual_sd(y) / 6**0.5
    assert sweeps.df == 8
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)


def test_groups_err_by_their_residuals_about_the_fit_without_them():
    rng = np.random.default_rng(0)
    log_n, log_c = np.tile(np.linspace(0, 3, 6), 2), np.zeros(12)
    y, index = rng.normal(0, 1, 12), np.arange(12) // 2
    sweeps, _ = find_sweeps(log_n, log_c, 2)
    errors = sweeps.resampled(y, index, 20000, np.random.SeedSequence(1))
    for group in range(6):
        mine = index == group
        without = np.polyfit(log_n[~mine], y[~mine], 2)
        outside = y[mine] - np.polyval(without, log_n[mine])
        # Student's t with one degree of freedom less than groups has the variance 5/3.
        assert errors[:, mine].std(axis=0) == pytest.approx(abs(outside) * (5 / 3) ** 0.5, rel=0.05)
        drawn = errors[:, mine] / outside
        assert drawn[:, 0] == pytest.approx(drawn[:, 1])


def test_minima_that_are_none():
    x = np.linspace(-1, 1, 9)
    sweeps, _ = find_sweeps(x, np.zeros(9), 3)
    y = np.stack(
        [
            (x - 2.5) ** 2,
            (x + 2.5) ** 2,
            (x - 5) ** 2,
            (x + 5) ** 2,
            0.9 * (x + 0.5) ** 2 - (x + 0.5) ** 3,  # A dent above the end on the right.
            0.9 * (x - 0.5) ** 2 + (x - 0.5) ** 3,
            -(x**2) - 0.1 * x,
            x + x**3,
        ]
    )
    log_n, value = sweeps.minima(y)
    expected = [2.5, -2.5, np.inf, -np.inf, np.inf, -np.inf, np.inf, -np.inf]
    assert log_n[:, 0] == pytest.approx(expected)
    assert np.isnan(value[2:]).all()
    assert value[:2, 0] == pytest.approx([0, 0], abs=1e-12)


def test_two_stages_agree_with_the_delta_method():
    table = runs(0.0005)
    found = fit_isoflop(table, compute="budget", replicates=4000)
    sweeps, _ = find_sweeps(
        np.log(table["params"]).to_numpy(), np.log(table["budget"]).to_numpy(), 3
    )
    y = np.log(table["loss"]).to_numpy()
    weights = sweeps.weights(sweeps.minima(y[None])[0][0], y)
    expected = found.residual_sd / np.sqrt(weights)
    expected *= np.sqrt(sweeps.df / (sweeps.df - 2))
    assert found.log_size_draws.std(axis=0) == pytest.approx(expected, rel=0.12)


def test_better_profiles_count_for_more_in_the_line():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([[0.0, 1.1, 1.9, 4.0], [0.0, 1.0, np.inf, 3.0]])
    weights = np.array([1.0, 2.0, 3.0, 0.5])
    found = line_through(x, y, weights)
    slope, start = np.polyfit(x, y[0], 1, w=np.sqrt(weights))
    assert found[0] == pytest.approx([start + 1.5 * slope, slope])
    assert found[1] == pytest.approx([1.5, 1.0])
    assert np.isnan(line_through(x, np.where(x == 1, 1.0, np.inf)[None], weights)).all()


def test_weights_follow_the_number_of_runs():
    log_n, log_c = np.tile(np.linspace(0, 3, 6), 2), np.repeat([0.0, 1.0], 6)
    y = 0.1 * (log_n - 1.4) ** 2
    twice = [np.concatenate([v, v[6:]]) for v in (log_n, log_c, y)]
    sweeps, _ = find_sweeps(*twice[:2], 3)
    first, second = sweeps.weights(np.array([1.4, 1.4]), twice[2])
    assert second == pytest.approx(2 * first)


def test_order_units_and_tokens_make_no_difference():
    table = runs()
    found = fit_isoflop(table, compute="budget", replicates=100)
    shuffled = fit_isoflop(table.sample(frac=1, random_state=1), d="tokens", replicates=100)
    assert shuffled.profiles["params"].to_numpy() == pytest.approx(
        found.profiles["params"].to_numpy()
    )
    assert shuffled.exponent.value == pytest.approx(found.exponent.value)
    scaled = table.assign(loss=3 * table["loss"], params=table["params"] / 1e6)
    other = fit_isoflop(scaled, compute="budget", replicates=100)
    assert other.exponent.value == pytest.approx(found.exponent.value)
    assert other.exponent.lower == pytest.approx(found.exponent.lower)
    row, base = other.predict([1e23]).iloc[0], found.predict([1e23]).iloc[0]
    assert row["params"] * 1e6 == pytest.approx(base["params"])
    assert row["loss"] == pytest.approx(3 * base["loss"])


def test_seed_decides():
    table = runs()
    first, again, other = (fit_isoflop(table, d="tokens", seed=s, replicates=80) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first.profiles, again.profiles)
    assert first.exponent == again.exponent
    assert first.exponent.value == other.exponent.value
    assert first.exponent.lower != other.exponent.lower


def test_near_equal_costs_make_one_profile():
    table = runs(0.0)
    rng = np.random.default_rng(0)
    table["spent"] = table["budget"] * rng.uniform(1.0, 1.045, len(table))
    found = fit_isoflop(table, compute="spent", replicates=20)
    assert len(found.profiles) == 4
    assert found.profiles["budget"].to_numpy() == pytest.approx(1.02 * BUDGETS, rel=0.02)
    with pytest.raises(TooFewRecordsError, match="tolerance"):
        fit_isoflop(table, compute="spent", replicates=20, tolerance=0.0005)
    assert len(fit_isoflop(table, compute="spent", replicates=20, tolerance=20.0).profiles) == 2


def test_other_laws_of_cost():
    cost = PerExampleCost(6.0, 1.0, 1e8)
    table = runs(cost=cost)
    found = fit_isoflop(table, d="tokens", cost=cost, replicates=100)
    assert found.profiles["budget"].to_numpy() == pytest.approx(BUDGETS)
    row = found.predict([1e22]).iloc[0]
    assert float(cost.cost(row["params"], row["tokens"])) == pytest.approx(1e22)
    assert row["tokens_lower"] < row["tokens"] < row["tokens_upper"]
    wrong = fit_isoflop(table, d="tokens", cost=PowerCost(), replicates=100)
    assert len(wrong.profiles) < 4


def test_prediction_says_how_far_it_reaches():
    found = fit_isoflop(runs(), d="tokens", replicates=100).predict([1e17, 1e18, 1e20, 1e21, 1e24])
    assert found["extrapolated"].tolist() == [True, False, False, False, True]
    assert found["decades_beyond"].to_numpy() == pytest.approx([1, 0, 0, 0, 3], abs=1e-6)


def test_loss_is_interpolated_with_its_curvature():
    found = fit_isoflop(runs(0.0), d="tokens", replicates=20).predict([1e18, 3e19, 5e20])
    expected = optimal_loss(TRUTH, found["budget"].to_numpy())
    assert found["loss"].to_numpy() == pytest.approx(expected, rel=2e-3)


def test_no_notes_without_cause():
    assert fit_isoflop(runs(), d="tokens", replicates=200).warnings == ()


def test_too_few_points():
    table = runs()
    fewer = table[(table["budget"] > 2e18) | (table.groupby("budget").cumcount() < 3)]
    found = fit_isoflop(fewer, d="tokens", replicates=100)
    assert [(n.code, n.severity, n.details["sizes"]) for n in found.warnings] == [
        ("isoflop_too_few_points", "error", 3)
    ]
    assert len(found.profiles) == 3
    fewer = table[(table["budget"] > 2e18) | (table.groupby("budget").cumcount() > 1)]
    found = fit_isoflop(fewer, d="tokens", replicates=100)
    assert ("isoflop_too_few_points", "warning") in [(n.code, n.severity) for n in found.warnings]
    assert len(found.profiles) == 4
    assert "isoflop_too_few_points" not in codes(
        fit_isoflop(fewer, d="tokens", degree=2, replicates=100)
    )


def test_repeated_runs_are_no_more_sizes():
    table = runs(points=3, runs=4)
    with pytest.raises(TooFewRecordsError, match="4 sizes"):
        fit_isoflop(table, d="tokens")
    assert len(fit_isoflop(table, d="tokens", degree=2, replicates=50).profiles) == 4


def test_profiles_through_every_run_have_no_interval():
    found = fit_isoflop(runs(points=4), d="tokens", replicates=100)
    assert codes(found) == ["isoflop_too_few_points"] * 4
    assert (found.exponent.lower, found.exponent.upper) == (-np.inf, np.inf)
    row = found.predict([1e22]).iloc[0]
    assert (row["params_lower"], row["params_upper"]) == (0.0, np.inf)
    assert np.isfinite(row["params"])


@pytest.mark.parametrize(("shift", "side"), [(1.4, "smaller"), (-1.4, "larger")])
def test_minimum_outside_the_sweep(shift, side):
    found = fit_isoflop(valleys({2: 0.01}, shift=shift), d="tokens", replicates=100)
    assert codes(found) == ["isoflop_minimum_not_bracketed"] * 4
    assert side in found.warnings[0].message
    assert not found.profiles["bracketed"].any()
    assert found.profiles["params"].to_numpy() == pytest.approx(1e9 * (BUDGETS / 1e20) ** 0.5)


def test_profiles_without_a_valley():
    # A ridge at one budget, and a slope at another.
    table = valleys({2: 0.01}, budgets=np.geomspace(1e17, 1e21, 5))
    size = np.log(table["params"])
    table.loc[table["budget"] < 2e17, "loss"] = np.exp(-0.01 * (size - size[:6].mean()) ** 2)
    table.loc[table["budget"] > 5e20, "loss"] = np.exp(-0.02 * size)
    found = fit_isoflop(table, compute="budget", replicates=100)
    assert codes(found) == ["isoflop_not_convex"] * 2
    assert "larger sizes" in found.warnings[1].message
    assert found.profiles["params"].isna().tolist() == [True, False, False, False, True]
    assert found.exponent.value == pytest.approx(0.5, abs=1e-6)


def test_shallow_valley_is_unstable_and_its_interval_open():
    found = fit_isoflop(runs(0.1, 3), d="tokens", replicates=300)
    assert "isoflop_unstable_minimum" in codes(found)
    lost = found.profiles["no_minimum"] > 0.05
    assert lost.any()
    bounds = found.profiles.loc[lost, ["params_lower", "params_upper"]]
    assert ((bounds["params_lower"] == 0) | np.isinf(bounds["params_upper"])).all()


def test_too_few_budgets():
    two = fit_isoflop(runs(budgets=BUDGETS[:2]), d="tokens", replicates=100)
    assert [(n.code, n.severity) for n in two.warnings] == [("isoflop_too_few_budgets", "warning")]
    assert np.isfinite(two.exponent.value)
    assert two.predict([1e20])["loss"].notna().all()
    one = fit_isoflop(runs(budgets=BUDGETS[:1]), d="tokens", replicates=100)
    assert [(n.code, n.severity) for n in one.warnings] == [("isoflop_too_few_budgets", "error")]
    assert np.isnan(one.exponent.value)
    with pytest.raises(NotIdentifiedError, match="line"):
        one.predict([1e20])


def test_few_groups_are_told():
    table = runs(runs=3)
    table["seed"] = np.arange(len(table)) % 3
    found = fit_isoflop(table, d="tokens", groups="seed", replicates=50)
    assert codes(found) == ["few_groups"]
    assert found.method == "wild cluster bootstrap"
    with pytest.raises(TooFewGroupsError):
        fit_isoflop(table.assign(seed=1), d="tokens", groups="seed")
    with pytest.raises(NotIdentifiedError, match="hangs on one group"):
        fit_isoflop(table.assign(seed=np.arange(len(table)) // 18), d="tokens", groups="seed")


def test_comparison_with_a_law():
    table = runs(0.002)
    profiles = fit_isoflop(table, d="tokens")
    law = LAW.fit(table)
    same = profiles.compare(law, [1e19, 1e21])
    assert same.table["agree"].all()
    assert same.warnings == ()
    row = same.table.iloc[1]
    assert row["law"] == pytest.approx(float(optimal_size(law.estimates, 1e21)), rel=1e-3)
    assert row["isoflop"] == pytest.approx(profiles.predict([1e21])["params"][0])
    assert row["gap"] == pytest.approx(np.log10(row["isoflop"] / row["law"]))
    assert row["gap_lower"] < row["gap"] < row["gap_upper"]
    widths = [np.log10(row[f"{k}_upper"] / row[f"{k}_lower"]) for k in ("law", "isoflop")]
    assert max(widths) < row["gap_upper"] - row["gap_lower"] < sum(widths)

    row = profiles.compare(law, [1e22], method="percentile").table.iloc[0]
    down = np.log10(row["isoflop"] / row["isoflop_lower"]), np.log10(row["law_upper"] / row["law"])
    up = np.log10(row["isoflop_upper"] / row["isoflop"]), np.log10(row["law"] / row["law_lower"])
    assert row["gap"] - row["gap_lower"] == pytest.approx(np.hypot(*down))
    assert row["gap_upper"] - row["gap"] == pytest.approx(np.hypot(*up))

    estimates, left_out = law.estimates.copy(), law.left_out.copy()
    estimates[1] *= 1.3
    left_out[:, 1] *= 1.3
    wrong = replace(law, estimates=estimates, left_out=left_out)
    other = profiles.compare(wrong, [1e19, 1e20])
    assert not other.table["agree"].any()
    assert other.warnings[0].code == "isoflop_disagreement"
    assert other.warnings[0].details["budgets"] == [1e19, 1e20]
    assert other.warnings[0].details["decades"] == pytest.approx(np.log10(1.3) / (0.62), rel=0.25)


def test_summary_shows_exponent_and_warnings():
    found = fit_isoflop(runs(points=4), d="tokens", replicates=50)
    text = found.summary()
    assert "exponent of params" in text
    assert found.warnings[0].message in text


def test_wrong_input():
    table = runs()
    with pytest.raises(ValueError, match="degree"):
        fit_isoflop(table, d="tokens", degree=4)
    with pytest.raises(ValueError, match="compute"):
        fit_isoflop(table)
    with pytest.raises(ValueError, match="level"):
        fit_isoflop(table, d="tokens", level=1.0)
    with pytest.raises(MissingColumnError, match="flops"):
        fit_isoflop(table, compute="flops")
    with pytest.raises(InvalidValueError, match='"loss"'):
        fit_isoflop(table.assign(loss=table["loss"] - 2.5), d="tokens")
    with pytest.raises(ValueError, match="positive"):
        fit_isoflop(table, d="tokens", replicates=10).predict([0.0])
    with pytest.raises(ValueError, match="finite"):
        fit_isoflop(table, d="tokens", replicates=10).predict([1e20, np.nan])


def test_sweeps_leave_other_runs_alone():
    log_n = np.concatenate([np.linspace(0, 3, 6), [1.0, 2.0]])
    log_c = np.concatenate([np.zeros(6), [5.0, 5.0]])
    sweeps, notes = find_sweeps(log_n, log_c, 3)
    assert isinstance(sweeps, Sweeps)
    assert len(sweeps.members) == len(notes) == 1
    y = np.sin(log_n)
    assert sweeps.fitted(y)[6:].tolist() == y[6:].tolist()
