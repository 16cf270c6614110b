"""What a run costs: laws that can be turned round, and fits to recorded costs."""

import numpy as np
import pandas as pd
import pytest

from scalelaw.errors import (
    InvalidValueError,
    MissingColumnError,
    NotIdentifiedError,
    TooFewRecordsError,
)
from scalelaw.plan import PerExampleCost, PowerCost, fit_per_example_cost, fit_power_cost

LAWS = [PowerCost(), PowerCost(11.0, 0.9, 1.2), PerExampleCost(6.0, 1.0, 1e9)]


def runs(seed=0, n=30):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"params": 10 ** rng.uniform(6, 11, n), "tokens": 10 ** rng.uniform(8, 13, n)}
    )


def recorded(law, noise=0.0, seed=0, n=30):
    table = runs(seed, n)
    error = np.random.default_rng(seed + 1).normal(0, noise, n) if noise else 0.0
    return table.assign(compute=law.cost(table["params"], table["tokens"]) * np.exp(error))


@pytest.mark.parametrize("law", LAWS)
def test_tokens_spend_the_budget(law):
    n = np.geomspace(1e5, 1e12, 9)
    budgets = np.array([1e15, 1e20, 1e26])[:, None]
    assert law.cost(n, law.d_for(budgets, n)) == pytest.approx(np.broadcast_to(budgets, (3, 9)))


@pytest.mark.parametrize("law", LAWS)
def test_parameters_spend_the_budget(law):
    d = np.geomspace(1e5, 1e9, 9)
    budgets = np.array([1e20, 1e26])[:, None]
    assert law.cost(law.n_for(budgets, d), d) == pytest.approx(np.broadcast_to(budgets, (2, 9)))


def test_no_size_is_small_enough_where_examples_alone_cost_the_budget():
    law = PerExampleCost(6.0, 1.0, 1e9)
    found = law.n_for(1e18, [1e8, 1e9, 1e10])
    assert found[0] == pytest.approx((1e10 - 1e9) / 6)
    assert np.isnan(found[1:]).all()


def test_gpt3_cost_in_flop():
    # Brown et al. (2020), table D.1: 3.14e23 FLOP for 174.6e9 parameters and 300e9 tokens.
    assert float(PowerCost().cost(174.6e9, 300e9)) == pytest.approx(3.14e23, rel=2e-3)


def test_fixed_cost_of_an_example_dominates_small_models():
    law = PerExampleCost(6.0, 1.0, 6e9)
    assert float(law.cost(1e9, 10)) == pytest.approx(2 * 6e10)
    assert float(law.cost(1.0, 10)) == pytest.approx(6e10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PowerCost(k=0),
        lambda: PowerCost(a=-1),
        lambda: PowerCost(b=float("nan")),
        lambda: PerExampleCost(k=-6),
        lambda: PerExampleCost(c=-1),
    ],
)
def test_laws_refuse_impossible_parameters(make):
    with pytest.raises(ValueError, match="positive"):
        make()


@pytest.mark.parametrize(
    "fixed", [{}, {"k": 8.0}, {"a": 0.95}, {"a": 0.95, "b": 1.1}, {"k": 8.0, "a": 0.95, "b": 1.1}]
)
def test_power_cost_is_recovered_whatever_is_fixed(fixed):
    fit = fit_power_cost(recorded(PowerCost(8.0, 0.95, 1.1)), fixed=fixed)
    assert (fit.law.k, fit.law.a, fit.law.b) == pytest.approx((8.0, 0.95, 1.1), rel=1e-9)
    assert fit.residual_sd < 1e-10
    assert fit.n_records == 30
    assert fit.warnings == ()


def test_power_cost_with_noise():
    fit = fit_power_cost(recorded(PowerCost(8.0, 0.95, 1.1), noise=0.1, n=4000))
    assert (fit.law.a, fit.law.b) == pytest.approx((0.95, 1.1), abs=5 * 0.1 / 1.4 / 4000**0.5)
    assert fit.residual_sd == pytest.approx(0.1, rel=0.05)


def test_residual_sd_counts_the_fitted_parameters():
    table = recorded(PowerCost(), noise=0.3, n=4)
    ratio = np.log(table["compute"] / table["params"] / table["tokens"])
    fit = fit_power_cost(table, fixed={"a": 1.0, "b": 1.0})
    assert np.log(fit.law.k) == pytest.approx(ratio.mean())
    assert fit.residual_sd == pytest.approx(ratio.std(ddof=1))
    fit = fit_per_example_cost(table, fixed={"a": 1.0, "c": 0.0})
    assert fit.residual_sd == pytest.approx(ratio.std(ddof=1))
    fit = fit_power_cost(table, fixed={"k": 6.0, "a": 1.0, "b": 1.0})
    assert fit.residual_sd == pytest.approx(np.sqrt(((ratio - np.log(6)) ** 2).mean()))


def test_wrong_fixed_exponent_shows_in_the_residuals():
    fit = fit_power_cost(recorded(PowerCost()), fixed={"a": 0.5, "b": 1.0})
    assert fit.residual_sd > 1
    assert [note.code for note in fit.warnings] == ["poor_cost_fit"]
    assert fit.warnings[0].details["residual_sd"] == fit.residual_sd
    assert not fit_power_cost(recorded(PowerCost(), noise=0.07)).warnings


@pytest.mark.parametrize(
    "fixed", [{}, {"k": 8.0}, {"a": 0.9}, {"c": 3e8}, {"a": 0.9, "c": 3e8}, {"k": 8.0, "a": 0.9}]
)
def test_cost_of_examples_is_recovered_whatever_is_fixed(fixed):
    fit = fit_per_example_cost(recorded(PerExampleCost(8.0, 0.9, 3e8)), fixed=fixed)
    assert (fit.law.k, fit.law.a, fit.law.c) == pytest.approx((8.0, 0.9, 3e8), rel=1e-4)
    assert fit.residual_sd < 1e-5


def test_no_floor_is_found_where_there_is_none():
    fit = fit_per_example_cost(recorded(PerExampleCost(6.0, 1.0, 0.0)))
    assert fit.law.a == pytest.approx(1.0, abs=1e-4)
    assert fit.law.c < 1e-3 * 6e6


def test_units_of_cost_only_scale_the_law():
    table = recorded(PerExampleCost(8.0, 0.9, 3e8), noise=0.02)
    fit = fit_per_example_cost(table)
    scaled = fit_per_example_cost(table.assign(compute=table["compute"] * 1e-15))
    assert scaled.law.a == pytest.approx(fit.law.a, rel=1e-4)
    assert scaled.law.k == pytest.approx(fit.law.k * 1e-15, rel=1e-2)
    assert scaled.law.c == pytest.approx(fit.law.c * 1e-15, rel=1e-3)
    assert scaled.residual_sd == pytest.approx(fit.residual_sd, rel=1e-6)


@pytest.mark.parametrize("fit", [fit_power_cost, fit_per_example_cost])
def test_wrong_input_is_named(fit):
    table = recorded(PowerCost())
    with pytest.raises(MissingColumnError, match='"compute"'):
        fit(table.drop(columns="compute"))
    with pytest.raises(InvalidValueError, match='"tokens"'):
        fit(table.assign(tokens=table["tokens"].where(table.index != 3, -1)))
    with pytest.raises(ValueError, match="no parameter q"):
        fit(table, fixed={"q": 1.0})
    with pytest.raises(ValueError, match="k must be positive"):
        fit(table, fixed={"k": 0.0})
    with pytest.raises(TooFewRecordsError):
        fit(table.head(2))


def test_power_cost_needs_sizes_and_tokens_that_vary_apart():
    table = runs()
    table = table.assign(tokens=20 * table["params"])
    with pytest.raises(NotIdentifiedError):
        fit_power_cost(table.assign(compute=6 * table["params"] * table["tokens"]))


def test_costs_that_fall_are_refused():
    table = runs()
    with pytest.raises(NotIdentifiedError, match="fixed"):
        fit_power_cost(table.assign(compute=table["tokens"] / table["params"]))
    with pytest.raises(NotIdentifiedError, match="fixed"):
        fit_per_example_cost(table.assign(compute=table["tokens"] / table["params"]))


def test_one_size_does_not_tell_the_floor():
    table = recorded(PerExampleCost(6.0, 1.0, 1e8)).assign(params=1e8)
    table["compute"] = 7e8 * table["tokens"]
    with pytest.raises(NotIdentifiedError, match="sizes"):
        fit_per_example_cost(table)
    assert fit_per_example_cost(table, fixed={"k": 6.0, "a": 1.0}).law.c == pytest.approx(1e8)
