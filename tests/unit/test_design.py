"""Plans of runs: their costs, scores by simulation, and next runs that narrow a target."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scalelaw.errors import (
    MissingColumnError,
    NotIdentifiedError,
    TooFewRecordsError,
)
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.sample import Sample
from scalelaw.fit.surface import LossSurface, optimal_size, size_exponent
from scalelaw.plan import (
    PerExampleCost,
    PowerCost,
    fit_isoflop,
    isoflop_grid,
    score_design,
    suggest_runs,
)

NAMES = ("E", "A", "alpha", "B", "beta")
TRUTH = np.array([1.7, 400.0, 0.34, 410.0, 0.28])
TRUE = dict(zip(NAMES, TRUTH.tolist(), strict=True))
LAW = LossSurface(estimator=LeastSquares(), replicates=300)
COSTS = [PowerCost(), PowerCost(3.0, 0.8, 1.2), PerExampleCost(6.0, 1.0, 1e9)]


def trained(table, noise=0.003, seed=0):
    error = noise * np.random.default_rng(seed).standard_normal(len(table))
    return table.assign(loss=LAW.evaluate(TRUTH, table[["params", "tokens"]]) * np.exp(error))


@pytest.fixture(scope="module")
def pilot():
    return LAW.fit(trained(isoflop_grid([1e17, 1e18]), 0.004))


@pytest.mark.parametrize("cost", COSTS)
def test_sweeps_spend_their_budget_around_the_ratio(cost):
    grid = isoflop_grid([1e18, 1e20, 1e22], cost, centre=20.0, points=5, half_width=1.0)
    assert list(grid.columns) == ["budget", "params", "tokens", "cost"]
    assert grid["cost"].to_numpy() == pytest.approx(grid["budget"].to_numpy())
    assert cost.cost(grid["params"], grid["tokens"]) == pytest.approx(grid["cost"].to_numpy())
    middle = grid.iloc[[2, 7, 12]]
    assert (middle["tokens"] / middle["params"]).to_numpy() == pytest.approx(20.0)
    for _, sweep in grid.groupby("budget"):
        assert np.diff(np.log10(sweep["params"])) == pytest.approx(np.full(4, 0.5))


def test_centres_and_widths():
    grid = isoflop_grid([1e20, 1e18, 1e19], centre=[3e8, 1e8, 2e8], points=3, half_width=(1.5, 0.5))
    assert grid["budget"].tolist() == [1e18] * 3 + [1e19] * 3 + [1e20] * 3
    assert grid["params"].to_numpy()[[1, 4, 7]] == pytest.approx([1e8, 2e8, 3e8])
    ends = np.log10(grid["params"]).to_numpy().reshape(3, 3)
    assert np.ptp(ends, axis=1) == pytest.approx([3.0, 2.0, 1.0])


def test_repeated_runs_and_names():
    grid = isoflop_grid([1e18], points=4, runs=3, names=("n", "d"))
    assert len(grid) == 12
    assert grid.duplicated().sum() == 8
    assert list(grid.columns) == ["budget", "n", "d", "cost"]


def test_fits_are_centres(pilot):
    grid = isoflop_grid([1e19, 1e20], centre=pilot, points=3)
    expected = optimal_size(pilot.estimates, np.array([1e19, 1e20]))
    assert grid["params"].to_numpy()[[1, 4]] == pytest.approx(expected, rel=1e-3)
    profiles = fit_isoflop(
        trained(isoflop_grid([1e17, 1e18, 1e19])), compute="budget", replicates=20
    )
    grid = isoflop_grid([1e20], centre=profiles, points=3)
    assert grid["params"][1] == pytest.approx(profiles.predict([1e20])["params"][0])


def test_grid_refuses_wrong_input(pilot):
    for wrong in ([], [1e18, -1.0], [np.inf]):
        with pytest.raises(ValueError, match="budgets"):
            isoflop_grid(wrong)
    with pytest.raises(ValueError, match="centre"):
        isoflop_grid([1e18, 1e19], centre=[1e8])
    with pytest.raises(ValueError, match="centre"):
        isoflop_grid([1e18], centre=-20.0)
    with pytest.raises(ValueError, match="points"):
        isoflop_grid([1e18], points=1)
    with pytest.raises(ValueError, match="half_width"):
        isoflop_grid([1e18], half_width=0.0)
    estimates = pilot.estimates.copy()
    estimates[4] = -0.1
    with pytest.raises(NotIdentifiedError, match="best size"):
        isoflop_grid([1e18], centre=replace(pilot, estimates=estimates))


def test_scores_are_those_of_fits_one_by_one():
    grid = isoflop_grid([1e18, 1e19, 1e20, 1e21])
    scores = score_design(grid, TRUE, [1e23], 0.003, LAW, simulations=30, seed=4)
    law = scores[scores["method"] == "law"].set_index("quantity")
    assert law.loc["log10 params", "true"] == pytest.approx(
        np.log10(optimal_size(TRUTH, 1e23)), abs=1e-4
    )
    assert law.loc["exponent", "true"] == pytest.approx(float(size_exponent(TRUTH)), abs=1e-4)

    rng = np.random.default_rng(np.random.SeedSequence([4, 0]))
    errors = 0.003 * rng.standard_normal((30, len(grid)))
    quick = replace(LAW, replicates=1)
    found, width, iso = [], [], []
    for error in errors:
        table = grid.assign(loss=LAW.evaluate(TRUTH, grid[["params", "tokens"]]) * np.exp(error))
        fit = quick.fit(table)
        estimate = fit.derive("N*", lambda p: optimal_size(p, 1e23))
        found.append(np.log10(estimate.value))
        width.append(np.log10(estimate.upper / estimate.lower))
        profiles = fit_isoflop(table, compute="budget", replicates=1)
        iso.append(np.log10(profiles.predict([1e23])["params"][0]))
    row = law.loc["log10 params"]
    assert row["sd"] == pytest.approx(np.std(found, ddof=1), rel=1e-3)
    assert row["bias"] == pytest.approx(np.mean(found) - row["true"], abs=1e-4)
    assert row["rmse"] == pytest.approx(np.hypot(row["sd"] * (29 / 30) ** 0.5, row["bias"]))
    assert row["width"] == pytest.approx(np.median(width), rel=1e-3)
    other = scores[(scores["method"] == "isoflop") & (scores["quantity"] == "log10 params")].iloc[0]
    assert other["sd"] == pytest.approx(np.std(iso, ddof=1), rel=1e-6)


def test_scores_tell_designs_apart():
    budgets, target = [1e18, 1e19, 1e20], [1e22]
    wide, narrow, many = (
        score_design(isoflop_grid(budgets, **grid), TRUE, target, 0.003, LAW, simulations=60)
        for grid in ({}, {"half_width": 0.4}, {"runs": 4})
    )
    # Law, then profiles; N* and the exponent of each.
    assert (narrow["sd"] > 1.5 * wide["sd"]).all()
    assert (many["sd"] / wide["sd"]).to_numpy() == pytest.approx(np.full(4, 0.5), abs=0.2)
    assert (wide["coverage"] > 0.85).all()
    assert (wide["failed"] == 0).all()


def test_scores_come_with_what_the_plan_costs():
    def both(**grid):
        scores = score_design(
            isoflop_grid([1e15, 1e17, 1e19], **grid), TRUE, [1e20], 0.003, LAW, simulations=2
        )
        return scores[["total_cost", "correlation"]].drop_duplicates().to_numpy()

    [[cost, wide]], [[twice, narrow]] = both(), both(half_width=0.1, runs=2)
    assert cost == pytest.approx(6 * (1e15 + 1e17 + 1e19))
    assert twice == pytest.approx(2 * cost)
    # ln N = (ln C - u) / 2 and ln D = (ln C + u) / 2 but for constants, with u = ln D/N.
    spent, ratio = np.var([0, 2, 4]), np.var(np.linspace(-2.4, 2.4, 6))
    assert wide == pytest.approx((spent - ratio) / (spent + ratio))
    assert narrow > 0.95


def test_scores_of_several_truths_and_targets():
    second = TRUE | {"alpha": 0.3}
    grid = isoflop_grid([1e18, 1e19, 1e20])
    scores = score_design(grid, [TRUE, second], [1e21, 1e22], 0.003, LAW, simulations=5)
    assert len(scores) == 2 * 2 * 3
    assert scores["truth"].tolist() == [0] * 6 + [1] * 6
    alone = score_design(grid, TRUE, [1e21, 1e22], 0.003, LAW, simulations=5)
    pd.testing.assert_frame_equal(scores.head(6), alone)
    other = score_design(grid, TRUE, [1e21, 1e22], 0.003, LAW, simulations=5, seed=1)
    assert (other["bias"] != alone["bias"]).all()


def test_runs_without_sweeps_are_scored_by_the_law_alone():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"params": 10 ** rng.uniform(7, 9, 20), "tokens": 10 ** rng.uniform(9, 11, 20)}
    )
    scores = score_design(table, TRUE, [1e21], 0.003, LAW, simulations=5)
    assert scores["method"].unique().tolist() == ["law"]


def test_scores_refuse_wrong_input():
    grid = isoflop_grid([1e18, 1e19])
    with pytest.raises(ValueError, match="E, A, alpha, B, beta"):
        score_design(grid, {"E": 1.0}, [1e20], 0.003)
    with pytest.raises(ValueError, match="noise_sd"):
        score_design(grid, TRUE, [1e20], 0.0)
    with pytest.raises(ValueError, match="target_budgets"):
        score_design(grid, TRUE, [], 0.01)
    with pytest.raises(MissingColumnError, match="tokens"):
        score_design(grid.drop(columns="tokens"), TRUE, [1e20], 0.01)
    with pytest.raises(NotIdentifiedError, match="truth 0"):
        score_design(grid, TRUE | {"beta": -0.1}, [1e20], 0.01)


def test_suggestions_spend_their_budgets_and_narrow_the_target(pilot):
    found = suggest_runs(pilot, [1e21], n=8, candidate_budgets=[1e18, 1e19])
    assert list(found.columns) == [
        "budget",
        "params",
        "tokens",
        "cost",
        "expected_sd",
        "variance_left",
        "draws_used",
    ]
    assert (found["draws_used"] == 1.0).all()
    assert len(found) == 8
    assert set(found["budget"]) <= {1e18, 1e19}
    assert found["cost"].to_numpy() == pytest.approx(found["budget"].to_numpy())
    left = found["variance_left"].to_numpy()
    assert 0 < left[-1] < left[0] < 1
    assert (np.diff(left) < 0).all()
    before = np.nanstd(np.log10(optimal_size(pilot.draws, 1e21)), ddof=1)
    assert found["expected_sd"].to_numpy() == pytest.approx(before * np.sqrt(left), rel=1e-3)


def test_first_choice_is_that_of_a_regression_on_the_draws(pilot):
    # Observing f with noise leaves the variance of the residual of a ridge regression on f.
    target = np.log(optimal_size(pilot.draws, 1e21))
    best = suggest_runs(pilot, [1e21], n=1, candidate_budgets=[1e19], noise_sd=0.01).iloc[0]
    log_loss = np.log(pilot.model.evaluate(pilot.draws, [[best["params"], best["tokens"]]]))[:, 0]
    joint = np.cov(target, log_loss)
    left = 1 - joint[0, 1] ** 2 / (joint[1, 1] + 0.01**2) / joint[0, 0]
    assert best["variance_left"] == pytest.approx(left, rel=1e-3)
    for n in np.geomspace(best["params"] / 30, best["params"] * 30, 41):
        other = np.log(pilot.model.evaluate(pilot.draws, [[n, 1e19 / 6 / n]]))[:, 0]
        joint = np.cov(target, other)
        assert 1 - joint[0, 1] ** 2 / (joint[1, 1] + 0.01**2) / joint[0, 0] > left - 0.02


def test_conditioning_is_that_of_all_runs_at_once(pilot):
    found = suggest_runs(pilot, [1e21, 1e22], n=6, candidate_budgets=[1e18, 1e19], noise_sd=0.005)
    targets = np.log(optimal_size(pilot.draws[:, None], np.array([1e21, 1e22])))
    at = found[["params", "tokens"]].to_numpy()
    log_loss = np.log(pilot.model.evaluate(pilot.draws, at))
    joint = np.cov(np.concatenate([targets, log_loss], axis=1).T)
    cross, seen = joint[:2, 2:], joint[2:, 2:] + 0.005**2 * np.eye(6)
    after = np.diag(joint[:2, :2] - cross @ np.linalg.solve(seen, cross.T))
    share = after / np.diag(joint)[:2]
    assert found["variance_left"].iloc[-1] == pytest.approx(share.mean(), rel=5e-3)


def test_suggested_runs_narrow_more_than_random_ones(pilot):
    """Refit many simulated sets of the pilot's runs with more runs of the same total cost."""
    base = isoflop_grid([1e17, 1e18])[["params", "tokens"]].to_numpy()
    best = suggest_runs(pilot, [1e21], n=4, candidate_budgets=[1e18], noise_sd=0.004)
    rng = np.random.default_rng(2)

    def spread(extra):
        x = np.concatenate([base, extra])
        error = 0.004 * np.random.default_rng(3).standard_normal((150, len(x)))
        y = LAW.evaluate(TRUTH, x) * np.exp(error)
        sample = Sample(
            x, y[0], np.ones(len(x)), np.arange(len(x)), tuple(map(str, range(len(x)))),
            LAW.x_names, LAW.y_name,
        )  # fmt: skip
        params = LAW.solve(sample, y, np.ones_like(y), TRUTH).params
        return np.nanstd(np.log10(optimal_size(params, 1e21)))

    suggested = spread(best[["params", "tokens"]].to_numpy())
    nothing = spread(base[:0])
    at_random = []
    for _ in range(6):
        n = optimal_size(TRUTH, 1e18) * 10 ** rng.uniform(-1.2, 1.2, 4)
        at_random.append(spread(np.stack([n, 1e18 / 6 / n], axis=1)))
    assert suggested < 0.8 * nothing
    assert suggested < np.mean(at_random)
    assert suggested == pytest.approx(best["expected_sd"].iloc[-1], rel=0.5)


def test_cap_spreads_the_runs(pilot):
    def most(found):
        return found.groupby(["budget", "params"]).size().max()

    free = suggest_runs(pilot, [1e21], n=8, candidate_budgets=[1e18])
    capped = suggest_runs(pilot, [1e21], n=8, candidate_budgets=[1e18], max_per_point=1)
    assert most(capped) == 1
    assert most(free) > 1
    assert capped["variance_left"].iloc[-1] >= free["variance_left"].iloc[-1] - 1e-9
    few = suggest_runs(pilot, [1e21], n=8, candidate_budgets=[1e18], max_per_point=1, points=3)
    assert len(few) == 3


def test_cost_steers_to_cheap_runs(pilot):
    cheap = suggest_runs(pilot, [1e21], n=3, candidate_budgets=[1e17, 1e20])
    dear = suggest_runs(pilot, [1e21], n=3, candidate_budgets=[1e17, 1e20], per_cost=False)
    assert (cheap["budget"] == 1e17).all()
    assert (dear["budget"] == 1e20).all()
    assert dear["variance_left"].iloc[-1] < cheap["variance_left"].iloc[-1]


def test_more_noise_narrows_less_and_residuals_are_the_default(pilot):
    def left(noise):
        return suggest_runs(pilot, [1e21], n=2, noise_sd=noise)["variance_left"].iloc[-1]

    assert left(0.001) < left(0.01) < left(0.1)
    assert left(None) == left(pilot.residual_sd)


def test_noise_of_linear_residuals_is_a_share_of_the_loss():
    linear = replace(LAW, residuals="linear").fit(trained(isoflop_grid([1e17, 1e18]), 0.004))
    best = suggest_runs(linear, [1e21], n=1, candidate_budgets=[1e18]).iloc[0]
    at = [[best["params"], best["tokens"]]]
    noise = linear.residual_sd / float(linear.model.evaluate(linear.estimates, at)[0])
    same = suggest_runs(linear, [1e21], n=1, candidate_budgets=[1e18], noise_sd=noise).iloc[0]
    target = np.log(optimal_size(linear.draws, 1e21))
    joint = np.cov(target, np.log(linear.model.evaluate(linear.draws, at))[:, 0])
    left = 1 - joint[0, 1] ** 2 / (joint[1, 1] + noise**2) / joint[0, 0]
    assert best["variance_left"] == pytest.approx(left, rel=1e-3)
    assert same["variance_left"] <= left + 1e-6


def test_targets_count_by_the_share_of_their_variance(pilot):
    targets = [2e17, 1e25]
    best = suggest_runs(pilot, targets, n=1, candidate_budgets=[1e18], noise_sd=0.002).iloc[0]
    logs = np.log(optimal_size(pilot.draws[:, None], np.array(targets)))

    def left(n):
        log_loss = np.log(pilot.model.evaluate(pilot.draws, [[n, 1e18 / 6 / n]]))[:, 0]
        joint = np.cov(np.column_stack([logs, log_loss]).T)
        gain = joint[:2, 2] ** 2 / (joint[2, 2] + 0.002**2)
        return 1 - (gain / np.diag(joint)[:2]).mean()

    n = np.exp(np.log(best["params"]) + np.linspace(-1.5, 1.5, 31))
    assert best["variance_left"] == pytest.approx(left(best["params"]), rel=1e-3)
    assert best["variance_left"] < min(left(size) for size in n) + 0.01


def test_default_candidates_are_affordable(pilot):
    found = suggest_runs(pilot, [1e21], n=5, per_cost=False)
    assert found["budget"].max() == pytest.approx(1e18)
    assert suggest_runs(pilot, [1e21], n=5)["budget"].min() >= 1e17 * (1 - 1e-9)
    stored = replace(pilot, sample=None)
    assert suggest_runs(stored, [1e21], n=5, per_cost=False)["budget"].max() < 1e19


def test_suggestions_are_determined(pilot):
    first, second = (suggest_runs(pilot, [1e21, 1e22], n=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    again = LAW.fit(trained(isoflop_grid([1e17, 1e18]), 0.004), seed=0)
    pd.testing.assert_frame_equal(suggest_runs(again, [1e21, 1e22], n=5), first)


def test_suggestions_with_a_cost_of_examples(pilot):
    cost = PerExampleCost(6.0, 1.0, 1e9)
    found = suggest_runs(pilot, [1e21], cost, n=3, candidate_budgets=[1e18])
    assert cost.cost(found["params"], found["tokens"]) == pytest.approx(np.full(3, 1e18))


def test_suggestions_refuse_what_they_cannot_answer(pilot):
    with pytest.raises(ValueError, match="target_budgets"):
        suggest_runs(pilot, [])
    with pytest.raises(ValueError, match="candidate_budgets"):
        suggest_runs(pilot, [1e21], candidate_budgets=[-1.0])
    with pytest.raises(ValueError, match="at least 1"):
        suggest_runs(pilot, [1e21], n=0)
    with pytest.raises(ValueError, match="noise_sd"):
        suggest_runs(pilot, [1e21], noise_sd=-0.1)
    with pytest.raises(TooFewRecordsError, match="replicates"):
        suggest_runs(replace(pilot, draws=pilot.draws[:20].copy()), [1e21])
    draws = pilot.draws.copy()
    draws[:60, 4] = -0.1
    found = suggest_runs(replace(pilot, draws=draws), [1e21])
    assert found["draws_used"].unique() == pytest.approx([0.8])
    draws = draws.copy()
    draws[:200, 4] = -0.1
    with pytest.raises(NotIdentifiedError, match="33%"):
        suggest_runs(replace(pilot, draws=draws), [1e21])
