"""How a budget is divided, against closed forms, a scalar minimiser and planted truths."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.joint import SeparablePowerLaw
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.surface import (
    LossSurface,
    optimal_loss,
    optimal_size,
    optimal_tokens,
    size_exponent,
    token_exponent,
    tokens_per_parameter,
)
from scalelaw.plan import PerExampleCost, PowerCost, allocate, isoflop_grid
from scalelaw.plan.allocation import best_size, optimum

TRUTH = np.array([1.7, 400.0, 0.34, 410.0, 0.28])
LAW = LossSurface(estimator=LeastSquares(), replicates=200)


def runs(noise=0.005, seed=0):
    table = isoflop_grid(np.geomspace(1e18, 1e21, 4))
    error = np.random.default_rng(seed).normal(0, noise, len(table))
    return table.assign(loss=LAW.evaluate(TRUTH, table[["params", "tokens"]]) * np.exp(error))


@pytest.fixture(scope="module")
def result():
    return LAW.fit(runs())


def value(allocation, quantity, budget=None):
    table = allocation.table[allocation.table["quantity"] == quantity]
    return float((table if budget is None else table[table["budget"] == budget])["value"].iloc[0])


def test_closed_forms_of_the_surface(result):
    budgets = [1e19, 1e21, 1e24]
    found = allocate(result, budgets)
    forms = {
        "params": optimal_size,
        "tokens": optimal_tokens,
        "tokens per params": tokens_per_parameter,
        "loss": optimal_loss,
    }
    for quantity, form in forms.items():
        for budget in budgets:
            expected = float(form(result.estimates, budget))
            assert value(found, quantity, budget) == pytest.approx(expected, rel=1e-4)
    grows = found.exponents.set_index("quantity")["value"]
    assert grows["params"] == pytest.approx(float(size_exponent(result.estimates)), abs=1e-5)
    assert grows["tokens"] == pytest.approx(float(token_exponent(result.estimates)), abs=1e-5)


def test_intervals_are_those_of_the_closed_form(result):
    row = allocate(result, [1e22], method="percentile").table.iloc[0]
    closed = np.log(optimal_size(result.draws, 1e22))
    assert np.log([row["lower"], row["upper"]]) == pytest.approx(
        np.nanquantile(closed, [0.025, 0.975]), abs=1e-3
    )
    row = allocate(result, [1e22], level=0.9).table.iloc[0]
    estimate = result.derive("N*", lambda p: optimal_size(p, 1e22), level=0.9)
    assert (row["lower"], row["upper"]) == pytest.approx((estimate.lower, estimate.upper), rel=1e-3)


@pytest.mark.parametrize("method", ["jackknife", "percentile", "bca", "delta"])
def test_budgets_do_not_depend_on_each_other(result, method):
    budgets = [1e19, 1e21, 1e24]
    together = allocate(result, budgets, method=method).table
    alone = pd.concat([allocate(result, [b], method=method).table for b in budgets])
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True))
    widths = np.log(together["upper"] / together["lower"]).to_numpy().reshape(3, 4)
    assert widths[2, 0] > 1.5 * widths[1, 0]


def test_first_order_condition_of_any_powers(result):
    # With C = k N^a D^b the optimum has a beta B / D^beta = b alpha A / N^alpha.
    cost = PowerCost(3.0, 0.8, 1.3)
    _, a, alpha, b, beta = result.estimates
    found = allocate(result, [1e24], cost)
    n, d = value(found, "params"), value(found, "tokens")
    assert float(cost.cost(n, d)) == pytest.approx(1e24)
    assert 0.8 * beta * b / d**beta == pytest.approx(1.3 * alpha * a / n**alpha, rel=1e-9)


@pytest.mark.parametrize("floor", [0.0, 1e9, 1e11])
def test_scalar_minimiser_with_a_cost_of_examples(result, floor):
    cost = PerExampleCost(6.0, 1.0, floor)

    def loss(log_n):
        n = np.exp(log_n)
        return float(LAW.evaluate(result.estimates, [[n, float(cost.d_for(1e22, n))]])[0])

    best = minimize_scalar(
        loss, bounds=np.log([1e6, 1e13]), method="bounded", options={"xatol": 1e-9}
    )
    found = allocate(result, [1e22], cost)
    assert np.log(value(found, "params")) == pytest.approx(best.x, abs=1e-3)
    assert value(found, "loss") == pytest.approx(best.fun, rel=1e-8)


def test_cost_of_examples_favours_larger_models(result):
    sizes = [
        value(allocate(result, [1e21], PerExampleCost(c=c)), "params") for c in (0.0, 1e9, 1e10)
    ]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.2 * sizes[0]


@pytest.mark.parametrize("budget", [1e4, 1e13, 1e30, 1e40])
def test_search_reaches_as_far_as_the_budget(result, budget):
    log_n, interior, _ = optimum(result, result.estimates[None], budget, PowerCost())
    assert interior[0]
    assert log_n[0] == pytest.approx(np.log(optimal_size(result.estimates, budget)), abs=1e-3)


def test_budgets_that_allow_no_tokens_are_no_obstacle(result):
    @dataclass(frozen=True)
    class UpTo:
        largest: float

        def cost(self, n, d):
            return PowerCost().cost(n, d)

        def d_for(self, budget, n):
            return np.where(np.asarray(n) <= self.largest, PowerCost().d_for(budget, n), np.nan)

    free = optimum(result, result.estimates[None], 1e21, PowerCost())
    wide = optimum(result, result.estimates[None], 1e21, UpTo(1e11))
    assert wide[1][0]
    # One by the closed form, the other by search.
    assert wide[0][0] == pytest.approx(free[0][0], abs=1e-5)
    assert wide[2][0] == pytest.approx(free[2][0], rel=1e-8)
    best = float(np.exp(free[0][0]))
    narrow = optimum(result, result.estimates[None], 1e21, UpTo(best / 10))
    assert np.exp(narrow[0][0]) == pytest.approx(best / 10, rel=0.3)


def test_interval_covers_the_planted_size():
    truth = float(optimal_size(TRUTH, 1e23))
    quick = replace(LAW, replicates=2)
    hits = 0
    for seed in range(40):
        row = allocate(quick.fit(runs(seed=seed + 1)), [1e23]).table.iloc[0]
        hits += row["lower"] <= truth <= row["upper"]
    assert hits >= 34


def test_notes_only_where_due(result):
    assert allocate(result, [1e19, 1e20]).warnings == ()
    notes = allocate(result, [1e26]).warnings
    assert [note.code for note in notes] == ["optimum_outside_data"]
    _, high = result.x_range[1]
    beyond = np.log10(float(optimal_tokens(result.estimates, 1e26)) / high)
    assert notes[0].details["decades"] == pytest.approx(beyond, abs=1e-3)


def test_resampled_laws_without_an_optimum_are_told(result):
    draws = result.draws.copy()
    draws[::4, 4] = -0.1
    found = allocate(replace(result, draws=draws), [1e20])
    assert [note.code for note in found.warnings] == ["no_interior_optimum"]
    assert found.warnings[0].details["share"] == pytest.approx(0.25)
    assert found.warnings[0].details["left_out"] == 0


@pytest.mark.parametrize(("term", "side"), [(2, "lower"), (4, "upper")])
def test_laws_without_an_optimum_leave_the_interval_open(result, term, side):
    # Without gain from parameters none is best, without gain from tokens all are parameters.
    closed = allocate(result, [1e20], method="percentile").table.set_index("quantity")
    draws = result.draws.copy()
    draws[::10, term] = -0.1
    found = allocate(replace(result, draws=draws), [1e20], method="percentile")
    table = found.table.set_index("quantity")
    other = "upper" if side == "lower" else "lower"
    ends = {"lower": 0.0, "upper": np.inf}
    assert table.loc["params", side] == ends[side]
    assert table.loc["tokens", other] == ends[other]
    assert table.loc["tokens per params", other] == ends[other]
    assert table.loc["params", other] == pytest.approx(closed.loc["params", other], rel=0.1)
    # A tenth of the draws does not reach the ends of an 80% interval.
    narrow = allocate(replace(result, draws=draws), [1e20], level=0.7, method="percentile")
    assert np.isfinite(narrow.table["upper"]).all()
    assert (narrow.table["lower"] > 0).all()
    assert narrow.warnings == ()


def test_an_optimum_that_rests_on_one_group_is_told(result):
    left_out = result.left_out.copy()
    left_out[3, 4] = -0.1
    found = allocate(replace(result, left_out=left_out), [1e20], method="jackknife")
    assert [note.code for note in found.warnings] == ["no_interior_optimum"]
    assert found.warnings[0].details["left_out"] == 1
    row = found.table.iloc[0]
    assert (row["lower"], row["upper"]) == (0.0, np.inf)


def test_closed_form_is_that_of_any_form_of_the_same_law(result):
    same = SeparablePowerLaw(x=("params", "tokens"), y="loss")
    assert same.param_names == ("E", "A_params", "alpha_params", "A_tokens", "alpha_tokens")
    draws = result.draws.copy()
    draws[::7, 0] = 0.0
    x = np.array(result.x_range).T
    for budget, cost in [(1e19, PowerCost()), (1e24, PowerCost(3.0, 0.8, 1.3))]:
        closed, searched = (best_size(model, draws, x, budget, cost) for model in (LAW, same))
        assert closed[1].all()
        assert closed[0] == pytest.approx(searched[0], abs=1e-5)
        assert closed[2] == pytest.approx(searched[2], rel=1e-8)


def test_a_law_without_an_optimum_is_refused(result):
    estimates = result.estimates.copy()
    estimates[4] = -0.1
    with pytest.raises(NotIdentifiedError, match="still falls"):
        allocate(replace(result, estimates=estimates), [1e20])


def test_wrong_input(result):
    for budgets in ([], [1e20, -1.0], [1e20, np.nan], [np.inf]):
        with pytest.raises(ValueError, match="positive"):
            allocate(result, budgets)
    for level in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="level"):
            allocate(result, [1e20], level=level)
    with pytest.raises(ValueError, match="method"):
        allocate(result, [1e20], method="magic")


def test_one_budget_has_no_exponent(result):
    found = allocate(result, [1e20])
    assert len(found.table) == 4
    assert found.exponents.empty
    assert list(found.exponents.columns) == ["quantity", "value", "lower", "upper", "method"]


def test_a_law_of_one_predictor_is_refused(result):
    from scalelaw.fit.floored import FlooredPowerLaw

    x = np.geomspace(1, 1e4, 12)
    table = pd.DataFrame({"compute": x, "error": 0.1 + x**-0.5})
    with pytest.raises(ValueError, match="two predictors"):
        allocate(FlooredPowerLaw(replicates=10).fit(table), [10.0])
