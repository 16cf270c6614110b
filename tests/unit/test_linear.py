"""The linear core against certified values, refits of each weighting, and what it must refuse."""

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from scalelaw.errors import (
    InvalidValueError,
    NotIdentifiedError,
    TooFewGroupsError,
    TooFewRecordsError,
)
from scalelaw.fit.linear import GroupedLeastSquares, fit_linear, weighted_sums
from scalelaw.fit.resample import resampled_blocks

DATA = Path(__file__).parents[1] / "data" / "nist_linear.txt"

DIGITS = {
    "Norris": (12, 12),
    "Pontius": (11, 12),
    "NoInt1": (13, 13),
    "NoInt2": (13, 13),
    "Filip": (7, 7),
    "Longley": (10, 11),
    "Wampler1": (9, 9),
    "Wampler2": (11, 12),
    "Wampler3": (8, 12),
    "Wampler4": (7, 12),
    "Wampler5": (5.5, 12),
}
"""Digits of the estimates and of their standard deviations that must agree.

Wampler4 and Wampler5 have estimates of 1 beside residuals of 1e5 and 1e7, of which rounding of the
fit takes its share; numpy and statsmodels reach 7.9 and 5.9 digits.
"""


def nist():
    """Return the design, response, certified estimates and standard deviations of each set."""
    sets = {}
    for line in DATA.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name, model = line[1:-1].split(": ")
            rows, certified = [], {}
            sets[name] = model, rows, certified
        elif line.startswith(("estimates", "sds")):
            word, *values = line.split()
            certified[word] = np.array(values, dtype=float)
        elif not line.startswith("#"):
            rows.append([float(value) for value in line.split()])
    for name, (model, rows, certified) in sets.items():
        y, x = np.array(rows)[:, 0], np.array(rows)[:, 1:]
        if model == "columns":
            design = np.column_stack([np.ones(len(y)), x])
        elif model == "through origin":
            design = x
        else:
            design = x ** np.arange(int(model.split()[1]) + 1)
        yield name, design, y, certified["estimates"], certified["sds"]


def agreeing_digits(found, certified):
    error = np.abs(found - certified)
    relative = np.where(certified == 0, error, error / np.where(certified == 0, 1, abs(certified)))
    return -np.log10(max(relative.max(), 1e-16))


@pytest.mark.parametrize(
    ("name", "design", "y", "estimates", "sds"), list(nist()), ids=list(DIGITS)
)
def test_certified_values_of_nist_are_reached(name, design, y, estimates, sds):
    fit = fit_linear(design, y)
    assert agreeing_digits(fit.estimates, estimates) > DIGITS[name][0]
    found = np.sqrt(np.diag(fit.classical_covariance))
    assert agreeing_digits(found, sds) > DIGITS[name][1]


def planted(n=60, groups=12, seed=0, weighted=False):
    """Records of a law in two covariates whose error is partly the group's."""
    rng = np.random.default_rng(seed)
    index = rng.integers(groups, size=n)
    index[:groups] = np.arange(groups)
    x, year = rng.normal(50, 4, n), 2012 + rng.integers(12, size=n)
    design = np.column_stack([np.ones(n), x, year])
    y = 3 - 0.1 * x - 0.05 * year + rng.normal(size=groups)[index] + rng.normal(size=n)
    weights = rng.uniform(0.2, 5, n) if weighted else np.ones(n)
    return design, y, weights, index


@pytest.mark.parametrize("weighted", [False, True])
def test_statsmodels_agrees(weighted):
    design, y, weights, index = planted(weighted=weighted)
    fit = fit_linear(design, y, weights, index)
    peer = sm.WLS(y, design, weights).fit()
    assert fit.estimates == pytest.approx(peer.params, rel=1e-9)
    assert fit.classical_covariance == pytest.approx(peer.cov_params(), rel=1e-8)
    assert fit.residuals == pytest.approx(peer.resid, rel=1e-8, abs=1e-10)
    influence = sm.OLS(peer.model.wendog, peer.model.wexog).fit().get_influence()
    assert fit.leverages == pytest.approx(influence.hat_matrix_diag, rel=1e-8)
    assert fit.residual_variance == pytest.approx(peer.scale, rel=1e-10)
    assert fit.df_residual == 57
    assert fit.n_groups == 12


def test_condition_is_that_of_columns_of_one_length():
    fit = fit_linear(np.diag([1e6, 1.0, 1e-6]), np.ones(3))
    assert fit.condition == pytest.approx(1.0)
    angled = fit_linear(np.array([[5.0, 3.0], [0.0, 4.0]]), np.ones(2))
    assert angled.condition == pytest.approx(np.sqrt(1.6 / 0.4))


def test_weights_count_as_repeated_records():
    design, y, _, index = planted()
    times = 1 + np.arange(len(y)) % 4
    repeated = [np.repeat(part, times, axis=0) for part in (design, y, index)]
    once = fit_linear(design, y, times.astype(float), index)
    again = fit_linear(repeated[0], repeated[1], None, repeated[2])
    assert once.estimates == pytest.approx(again.estimates, rel=1e-10)


@given(
    st.floats(1e-20, 1e20), st.floats(1e-20, 1e20), st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1)
)
def test_units_shifts_and_order_only_change_what_they_must(x_unit, y_unit, shift, seed):
    design, y, weights, index = planted(weighted=True)
    order = np.random.default_rng(seed).permutation(len(y))
    moved = design * np.array([1.0, x_unit, 1.0])
    moved[:, 2] += shift
    fit = fit_linear(design, y, weights, index)
    other = fit_linear(moved[order], y[order] * y_unit, weights[order], index[order])
    rate = fit.estimates[2]
    expected = [fit.estimates[0] - rate * shift, fit.estimates[1] / x_unit, rate]
    assert other.estimates / y_unit == pytest.approx(np.array(expected), rel=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_every_weighting_equals_a_refit(weighted):
    design, y, weights, index = planted(n=300, groups=40, weighted=weighted)
    lines = GroupedLeastSquares(design, y, weights, index)
    drawn = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=70).astype(float)
    found = lines.estimate(drawn)
    for row, line in zip(drawn, found, strict=True):
        again = weights * row[index]
        keep = again > 0
        expected = fit_linear(design[keep], y[keep], again[keep]).estimates
        assert line == pytest.approx(expected, rel=1e-11)


def test_singletons_and_extreme_units_equal_a_refit():
    """Natural logs of compute up to 1e26 beside a year, each record its own group."""
    rng = np.random.default_rng(4)
    x = np.log(10) * rng.uniform(18, 26, 80)
    design = np.column_stack([np.ones(80), x, x**2])
    y = 2 - 0.07 * x + 1e-3 * rng.normal(size=80)
    seed = np.random.SeedSequence(5)
    found = GroupedLeastSquares(design, y).bootstrap(50, seed)
    (_, drawn), *_ = resampled_blocks(80, 50, seed)
    for row, line in zip(drawn, found, strict=True):
        keep = row > 0
        assert line == pytest.approx(
            fit_linear(design[keep], y[keep], row[keep]).estimates, rel=1e-8
        )
    # About the fit, where nothing cancels, the agreement is that of the arithmetic.
    at = np.array([1.0, x.mean(), x.mean() ** 2])
    expected = [fit_linear(design[r > 0], y[r > 0], r[r > 0]).estimates @ at for r in drawn]
    assert found @ at == pytest.approx(np.array(expected), rel=1e-12)


def test_leaving_out_is_a_weight_of_zero():
    design, y, weights, index = planted(weighted=True)
    lines = fit_linear(design, y, weights, index).grouped
    assert lines.leave_one_group_out() == pytest.approx(lines.estimate(1 - np.eye(12)), rel=1e-10)


@pytest.mark.parametrize("groups", [7, 300, 5000])
def test_bits_do_not_depend_on_the_batch(groups):
    rng = np.random.default_rng(2)
    index = np.concatenate([np.arange(groups), rng.integers(groups, size=500)])
    x = rng.normal(size=len(index))
    lines = GroupedLeastSquares(
        np.column_stack([np.ones(len(x)), x, x**2]), rng.normal(size=len(x)), None, index
    )
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=75).astype(float)
    whole = lines.estimate(drawn)
    parts = np.concatenate([lines.estimate(drawn[i : i + 7]) for i in range(0, 75, 7)])
    alone = np.concatenate([lines.estimate(row[None, :]) for row in drawn])
    assert np.array_equal(whole, parts, equal_nan=True)
    assert np.array_equal(whole, alone, equal_nan=True)


def test_sums_over_many_groups_and_columns_are_products_of_matrices():
    rng = np.random.default_rng(3)
    weights, sums = rng.normal(size=(33, 700)), rng.normal(size=(700, 71))
    assert weighted_sums(weights, sums) == pytest.approx(weights @ sums, rel=1e-10, abs=1e-12)


def test_parameters_that_a_weighting_does_not_identify_are_nan():
    """An effect of a task whose records are all left out is unknown; the slope is not."""
    rng = np.random.default_rng(6)
    index = np.repeat(np.arange(4), 5)
    x = rng.normal(size=20)
    design = np.column_stack([np.ones(20), x, index == 2, index == 3]).astype(float)
    y = 1 + 2 * x + (index == 2) * 3 + (index == 3) * 4 + rng.normal(size=20)
    lines = GroupedLeastSquares(design, y, None, index)
    weights = np.array([[1, 1, 0, 1], [2, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0.0]])
    with np.errstate(all="raise"):
        found = lines.estimate(weights)
    assert np.isnan(found).tolist() == [
        [False, False, True, False],
        [False, False, False, True],
        [True, False, True, True],
        [True, True, True, True],
    ]
    keep = index != 2
    expected = fit_linear(design[keep][:, [0, 1, 3]], y[keep]).estimates
    assert found[0, [0, 1, 3]] == pytest.approx(expected, rel=1e-11)
    alone = index == 2
    slope = np.polyfit(x[alone], y[alone], 1)[0]
    assert found[2, 1] == pytest.approx(slope, rel=1e-10)


def test_one_predictor_value_identifies_no_line():
    x = np.array([1.0, 1.0, 2.0, 3.0])
    lines = GroupedLeastSquares(np.column_stack([np.ones(4), x]), np.array([1.0, 2.0, 3.0, 5.0]))
    with np.errstate(all="raise"):
        found = lines.estimate(np.array([[2.0, 2, 0, 0], [0, 0, 4, 0], [1, 1, 1, 1]]))
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2]).all()


def test_many_parameters_are_solved_as_few():
    rng = np.random.default_rng(8)
    design = rng.normal(size=(400, 45))
    y = rng.normal(size=400)
    drawn = rng.integers(1, 4, size=(3, 400)).astype(float)
    lines = GroupedLeastSquares(design, y)
    found = lines.estimate(drawn)
    assert np.array_equal(found, np.concatenate([lines.estimate(row[None, :]) for row in drawn]))
    expected = [fit_linear(design, y, row).estimates for row in drawn]
    assert found == pytest.approx(np.array(expected), rel=1e-9)


@pytest.mark.parametrize("groups", [5, 1000, 5000])
def test_drawn_groups_have_the_counts_of_a_bootstrap(groups):
    replicates = 200_000 // groups
    blocks = list(resampled_blocks(groups, replicates, np.random.SeedSequence(1)))
    drawn = np.concatenate([block for _, block in blocks])
    assert [start for start, _ in blocks] == np.cumsum([0, *map(len, (b for _, b in blocks))])[
        :-1
    ].tolist()
    assert drawn.shape == (replicates, groups)
    assert (drawn.sum(axis=1) == groups).all()
    # A count is binomial; its variance over all cells has a relative error of about a percent.
    assert drawn.var() == pytest.approx(1 - 1 / groups, rel=0.03)
    assert drawn.mean(axis=0) == pytest.approx(np.ones(groups), abs=5.5 / np.sqrt(replicates))


def test_replicates_are_the_same_however_many_follow():
    seed = np.random.SeedSequence(9)
    design, y, weights, index = planted()
    lines = GroupedLeastSquares(design, y, weights, index)
    few, many = lines.bootstrap(33, seed), lines.bootstrap(20_000, seed)
    assert np.array_equal(few, many[:33])
    slopes = many[:, 1]
    # The pairs bootstrap spreads about as the clustered standard error.
    robust = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": index})
    assert np.nanstd(slopes) == pytest.approx(robust.bse[1], rel=0.35)


def test_nearly_collinear_is_not_collinear():
    """A column, or a weighting, that leaves a billionth of its information is still identified."""
    rng = np.random.default_rng(10)
    x, other = rng.normal(size=(2, 40))
    fit = fit_linear(np.column_stack([x, x + 1e-9 * other]), 2 * x + 1e-9 * 3 * other)
    assert fit.estimates == pytest.approx([-1, 3], rel=1e-5)
    close = np.concatenate([[0.0, 1e-4, 3e-4], np.linspace(3, 4, 20)])
    y = 5 + 2 * close
    lines = GroupedLeastSquares(np.column_stack([np.ones(23), close]), y + close**2)
    found = lines.estimate((np.arange(23) < 3)[None, :].astype(float))[0]
    assert found == pytest.approx(np.polyfit(close[:3], (y + close**2)[:3], 1)[::-1], rel=1e-5)


def test_collinear_columns_are_named():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    design = np.column_stack([np.ones(30), x, 2 * x[:, 0] - x[:, 2]])
    names = ["constant", "params", "tokens", "year", "compute"]
    with pytest.raises(NotIdentifiedError, match=r'"compute".*of "params" and "year"'):
        fit_linear(design, x[:, 0], names=names)
    task = np.arange(30) % 3
    effects = (task[:, None] == np.arange(3)).astype(float)
    with pytest.raises(NotIdentifiedError, match='"c" is a linear combination of "one", "a" and'):
        fit_linear(np.column_stack([np.ones(30), effects]), x[:, 0], names=["one", "a", "b", "c"])
    with pytest.raises(NotIdentifiedError, match='"b" is zero in all records'):
        fit_linear(np.column_stack([np.ones(30), np.zeros(30)]), x[:, 0], names=["a", "b"])


def test_too_few_records_or_groups_are_refused():
    design, y, weights, index = planted()
    with pytest.raises(TooFewRecordsError, match="2 record"):
        fit_linear(design[:2], y[:2])
    with pytest.raises(TooFewGroupsError, match=r"2 group\(s\), at least 3"):
        fit_linear(design, y, weights, index % 2)
    fit_linear(design, y, weights, index % 2, min_groups=2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused_with_their_place(bad):
    design, y, weights, _ = planted()
    design[7, 1] = bad
    with pytest.raises(InvalidValueError, match='"compute" is not a finite number in record 7'):
        fit_linear(design, y, weights, names=["constant", "compute", "year"])
    design, y, weights, _ = planted()
    with pytest.raises(InvalidValueError, match="weights must be positive"):
        fit_linear(design, y, weights - 1)
