"""Robust covariances against published values, definitions written out, and statsmodels."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.diagnostic import het_breuschpagan, linear_reset

from scalelaw.errors import NotIdentifiedError, TooFewGroupsError
from scalelaw.fit.covariance import KINDS, diagnose, sandwich, wild_bootstrap
from scalelaw.fit.linear import fit_linear

# Values "dfadjust" are from the tests and the vignette of the R package dfadjust 1.0.4 by Kolesar,
# which has those of HC1, HC2 and CR1 from Stata; degrees of freedom of the vignette depend on the
# design alone, so its random responses are not needed.
ONE_TO_TEN = np.arange(1.0, 11.0)


def constant_and(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns])


def planted(n=48, groups=9, seed=0, weighted=False):
    """Records of a law with an error of the group's, in groups of one to many records."""
    rng = np.random.default_rng(seed)
    index = np.concatenate([np.arange(groups), rng.integers(2, groups, size=n - groups)])
    x, year = rng.normal(50, 4, n) + index, 2012.0 + rng.integers(12, size=n)
    y = 3 - 0.1 * x - 0.05 * year + rng.normal(size=groups)[index] + rng.normal(size=n)
    weights = rng.uniform(0.2, 5, n) if weighted else np.ones(n)
    return constant_and(x, year), y, weights, index


def test_published_values_of_independent_records():
    """Dfadjust: cos and tan on sin; Stata's robust and hc2, and Bell and McCaffrey's df."""
    y = np.concatenate([np.cos(np.arange(10)), np.tan(ONE_TO_TEN)])
    x = np.concatenate([np.sin(ONE_TO_TEN), np.sin(ONE_TO_TEN + 1)])
    fit = fit_linear(constant_and(x), y)
    assert fit.estimates == pytest.approx([-0.4456202905, 0.3241183110], abs=1e-10)
    hc1, hc2 = sandwich(fit, "HC1"), sandwich(fit, "HC2")
    assert hc1.std_errors == pytest.approx([0.4278077455, 0.4392155956], abs=1e-10)
    assert hc2.std_errors == pytest.approx([0.4227339762, 0.4421048122], abs=1e-10)
    found = [hc2.df(c, satterthwaite=True) for c in np.eye(2)]
    assert found == pytest.approx([17.6142349, 12.10389102], abs=1e-7)
    assert hc2.df([0, 1]) == 18
    three = fit_linear(constant_and(np.sin(ONE_TO_TEN), np.sin(ONE_TO_TEN + 1)), ONE_TO_TEN)
    found = [sandwich(three).df(c) for c in np.eye(3)]
    assert found == pytest.approx([4.94624731, 3.90754737, 4.77265484], abs=1e-8)


def test_published_values_of_few_clusters():
    """Dfadjust: three clusters (Stata), and five on a parabola."""
    y = np.concatenate([np.cos(np.arange(10)), np.tan(ONE_TO_TEN)])
    x = np.concatenate([np.sin(ONE_TO_TEN), np.sin(ONE_TO_TEN + 1)])
    index = np.tile([1, 0, 2, 1, 1, 2, 2, 0, 0, 1], 2)
    fit = fit_linear(constant_and(x), y, index=index)
    found = sandwich(fit, "CR1").std_errors
    assert found == pytest.approx([0.4827602183, 0.1814501834], abs=1e-10)
    # The package prints standard errors times t over z quantiles at df of another method.
    adjusted, df = np.array([1.053441197, 0.533126248]), np.array([2.001430933, 1.783242385])
    published = adjusted * stats.norm.ppf(0.975) / stats.t.ppf(0.975, df)
    assert sandwich(fit, "CR2").std_errors == pytest.approx(published, abs=1e-9)

    x = np.sin(np.arange(1, 101))
    index = np.repeat([0, 1, 2, 3, 4], [40, 20, 20, 10, 10])
    fit = fit_linear(constant_and(x, x**2), np.arange(1.0, 101.0), index=index)
    assert fit.estimates[1] == pytest.approx(-1.955355241, abs=1e-8)
    assert sandwich(fit, "CR1").std_errors[1] == pytest.approx(2.344474843, abs=1e-8)
    assert sandwich(fit, "CR2").std_errors[1] == pytest.approx(2.460094992, abs=1e-8)


@pytest.mark.parametrize("copies", [1, 20])
def test_published_degrees_of_freedom_of_a_treatment_of_three_clusters(copies):
    """Vignette of dfadjust: 2.42 and 2.70, in clusters of 50 and 500 and many times that."""
    index = np.tile(np.repeat(np.arange(11), [50] * 10 + [500]), copies)
    treated = np.tile((np.arange(1000) < 150).astype(float), copies)
    fit = fit_linear(constant_and(treated), np.arange(len(index)) % 7.0, index=index)
    found = [sandwich(fit).df(c) for c in np.eye(2)]
    assert np.round(found, 2).tolist() == [2.42, 2.70]


def test_published_example_with_effects_of_clusters():
    """Table 1 of Pustejovsky and Tipton's correction (2022): blocks of I - H are singular."""
    index = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
    t = np.concatenate([np.arange(1.0, n + 1) for n in (2, 3, 5)])
    design = np.column_stack([t, index[:, None] == np.arange(3)])
    y = np.array([1.6, 4.1, 2.6, 1.0, 7.6, 6.7, 5.0, 3.1, 3.7, 5.8])
    fit = fit_linear(design, y, None, index, min_groups=1)
    robust = sandwich(fit)
    assert round(robust.covariance[0, 0], 3) == 1.173
    published = [-0.510, 0.510, -1.091, 0, 1.091, -4.472, -2.236, 0, 2.236, 4.472]
    slope = fit.to_params[0]
    found = robust.regressors @ slope / (slope @ slope)
    assert np.round(found, 3) == pytest.approx(published, abs=1e-9)


def written_out(design, y, weights, index, variance, kind, contrast):
    """Return covariance and degrees of freedom from n x n matrices, for working variances.

    Pustejovsky and Tipton (2018), equations 6 to 9 and 12, with D the root of the variances.
    """
    n = len(y)
    bread = np.linalg.inv(design.T @ (weights[:, None] * design))
    hat = design @ bread @ (design.T * weights)
    annihilator = np.eye(n) - hat
    e = annihilator @ y
    groups = [np.flatnonzero(index == g) for g in range(index.max() + 1)]
    covariance, rows = np.zeros(2 * bread.shape[:1]), []
    for i in groups:
        m = annihilator[i]
        if kind == "CR2":
            root = np.diag(np.sqrt(variance[i]))
            inner = root @ (m * variance) @ m.T @ root
            values, vectors = np.linalg.eigh(inner)
            kept = values > 1e-9
            powers = np.where(kept, np.where(kept, values, 1) ** -0.5, 0)
            adjustment = root @ (vectors * powers) @ vectors.T @ root
        elif kind == "CR3":
            adjustment = np.linalg.inv(annihilator[np.ix_(i, i)])
        else:
            adjustment = np.eye(len(i))
        pull = bread @ (design[i].T * weights[i]) @ adjustment
        score = pull @ e[i]
        covariance += np.outer(score, score)
        rows.append(contrast @ pull @ m)
    form = np.array(rows)
    spread = (form * variance) @ form.T
    return covariance, np.trace(spread) ** 2 / (spread**2).sum()


@pytest.mark.parametrize("kind", ["CR0", "CR2", "CR3"])
@pytest.mark.parametrize(("n", "groups"), [(48, 9), (14, 9), (200, 6)])
@pytest.mark.parametrize("case", ["plain", "equal", "scaled"])
def test_definitions_written_out_agree(kind, n, groups, case):
    """Groups smaller and larger than the number of parameters; variances equal or as 1/weights.

    With variances of 1/weights the definition is that of the regression scaled by their roots.
    """
    design, y, weights, index = planted(n, groups, seed=1, weighted=case != "plain")
    fit = fit_linear(design, y, weights, index)
    robust = sandwich(fit, kind, working="equal" if case == "equal" else "inverse")
    contrast = np.array([1.0, 50.0, 2020.0])
    data = design, y, weights
    if case == "scaled":
        root = np.sqrt(weights)
        data = design * root[:, None], y * root, np.ones(n)
    expected, df = written_out(*data, index, np.ones(n), kind, contrast)
    for c in (contrast, np.array([0.0, 1.0, 0.0])):
        assert robust.std_error(c) ** 2 == pytest.approx(c @ expected @ c, rel=1e-7)
    assert robust.df(contrast, satterthwaite=True) == pytest.approx(df, rel=1e-7)


def test_weights_that_are_a_groups_own_make_no_difference_between_definitions():
    """Then the regression scaled by roots is Pustejovsky and Tipton's for variances of 1/weight."""
    design, y, _, index = planted()
    weights = np.random.default_rng(2).uniform(0.2, 5, 9)[index]
    robust = sandwich(fit_linear(design, y, weights, index))
    c = np.array([0.0, 1.0, 0.0])
    expected, df = written_out(design, y, weights, index, 1 / weights, "CR2", c)
    assert robust.std_errors[1] ** 2 == pytest.approx(expected[1, 1], rel=1e-7)
    assert robust.df(c) == pytest.approx(df, rel=1e-7)


@pytest.mark.parametrize("working", ["inverse", "equal"])
def test_cr2_is_unbiased_under_its_working_model(working):
    """Its mean over errors, found exactly from an error in one record at a time."""
    design, y, weights, index = planted(n=20, groups=8, weighted=True)
    variance = 1 / weights if working == "inverse" else np.ones(20)
    mean = np.zeros((3, 3))
    for i in range(20):
        error = np.zeros(20)
        error[i] = np.sqrt(variance[i])
        mean += sandwich(fit_linear(design, error, weights, index), "CR2", working).covariance
    fit = fit_linear(design, y, weights)
    pull = fit.to_params @ (fit.basis * np.sqrt(weights)[:, None]).T
    assert mean == pytest.approx((pull * variance) @ pull.T, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3", "CR0", "CR1"])
def test_statsmodels_agrees(kind, weighted):
    design, y, weights, index = planted(weighted=weighted)
    peer = sm.WLS(y, design, weights).fit()
    if kind.startswith("CR"):
        words = {"groups": index, "use_correction": kind == "CR1"}
        expected = peer.get_robustcov_results("cluster", **words).cov_params()
    else:
        expected = peer.get_robustcov_results(kind).cov_params()
    found = sandwich(fit_linear(design, y, weights, index), kind).covariance
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_cr3_is_the_spread_of_estimates_without_each_group(weighted):
    design, y, weights, index = planted(weighted=weighted)
    fit = fit_linear(design, y, weights, index)
    keep = [index != g for g in range(9)]
    left_out = np.array([fit_linear(design[i], y[i], weights[i]).estimates for i in keep])
    change = left_out - fit.estimates
    robust = sandwich(fit, "CR3")
    assert robust.covariance == pytest.approx(change.T @ change, rel=1e-8)
    assert fit.grouped.leave_one_group_out() == pytest.approx(left_out, rel=1e-9)
    assert robust.df([0, 1, 0]) == 8
    assert 0 < robust.df([0, 1, 0], satterthwaite=True) < 8


@pytest.mark.parametrize("number", range(4))
def test_groups_of_one_record_are_independent_records(number):
    design, y, weights, _ = planted(weighted=True)
    fit = fit_linear(design, y, weights)
    by_group, by_record = sandwich(fit, f"CR{number}"), sandwich(fit, f"HC{number}")
    # The factor of CR1, (n - 1) G / (n - k) / (G - 1), is then the n / (n - k) of HC1.
    assert by_group.covariance == pytest.approx(by_record.covariance, rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_names_of_groups_make_no_difference(kind):
    design, y, weights, index = planted(weighted=True)
    order = np.random.default_rng(3).permutation(len(y))
    unit = np.array([1.0, 1e12, 1e-12])
    relabelled = (8 - index)[order]
    for working in ("inverse", "equal"):
        robust = sandwich(fit_linear(design, y, weights, index), kind, working)
        other = sandwich(
            fit_linear(design[order] * unit, y[order], weights[order] * 1e9, relabelled),
            kind,
            working,
        )
        expected = robust.std_errors / unit
        assert other.std_errors == pytest.approx(expected, rel=1e-6)
        c = np.array([0.0, 1.0, 0.0])
        for rule in (None, True):
            assert other.df(c, rule) == pytest.approx(robust.df(c, rule), rel=1e-6)


def test_interval_and_p_value_agree_with_each_other():
    design, y, weights, index = planted()
    robust = sandwich(fit_linear(design, y, weights, index))
    c = np.array([0.0, 1.0, 0.0])
    low, high = robust.interval(c, level=0.9)
    assert robust.p_value(c, null=low) == pytest.approx(0.1)
    assert robust.p_value(c, null=high) == pytest.approx(0.1)
    t = stats.t.ppf(0.95, robust.df(c))
    assert high - low == pytest.approx(2 * t * robust.std_errors[1])


def test_effect_of_a_covariate_within_groups_is_that_of_deviations():
    """Pustejovsky and Tipton's theorem: effects of clusters may be taken out beforehand."""
    design, y, _, index = planted(n=60, groups=6)
    x = design[:, 1]
    effects = (index[:, None] == np.arange(6)).astype(float)
    whole = sandwich(fit_linear(np.column_stack([x, effects]), y, None, index, min_groups=2))
    sizes = np.bincount(index)
    x_in = x - (np.bincount(index, x) / sizes)[index]
    y_in = y - (np.bincount(index, y) / sizes)[index]
    within = sandwich(fit_linear(x_in[:, None], y_in, None, index))
    first = np.eye(7)[0]
    assert whole.std_error(first) == pytest.approx(within.std_errors[0], rel=1e-8)
    assert whole.df(first) == pytest.approx(within.df([1.0]), rel=1e-8)
    cr3 = sandwich(whole.fit, "CR3").std_error(first)
    assert cr3 == pytest.approx(sandwich(within.fit, "CR3").std_errors[0], rel=1e-8)


def test_one_group_is_refused():
    design, y, weights, index = planted()
    fit = fit_linear(design, y, weights, index * 0, min_groups=1)
    with pytest.raises(TooFewGroupsError, match="one group"):
        sandwich(fit)
    assert np.isfinite(sandwich(fit, "HC3").covariance).all()


def resampled_statistics(design, y, weights, index, c, null, signs, restricted, kind):
    """Return the t statistic of the data and of each row of signs, each fitted anew."""

    def t(response, value):
        fit = fit_linear(design, response, weights, index)
        return (c @ fit.estimates - value) / sandwich(fit, kind).std_error(c)

    fit = fit_linear(design, y, weights, index)
    if restricted:
        inverse = fit.to_params @ fit.to_params.T
        gap = (c @ fit.estimates - null) / (c @ inverse @ c)
        centre, value = fit.estimates - inverse @ c * gap, null
    else:
        centre, value = fit.estimates, c @ fit.estimates
    fitted = design @ centre
    return t(y, null), np.array([t(fitted + v[index] * (y - fitted), value) for v in signs])


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("kind", ["CR1", "CR2", "CR3"])
@pytest.mark.parametrize("weighted", [True, False])
def test_enumerated_wild_bootstrap_equals_refits(restricted, kind, weighted):
    design, y, weights, index = planted(n=30, groups=7, weighted=weighted)
    c, null = np.array([0.0, 1.0, -0.5]), 0.1
    signs = np.array(list(product([-1.0, 1.0], repeat=7)))
    t, drawn = resampled_statistics(design, y, weights, index, c, null, signs, restricted, kind)
    fit = fit_linear(design, y, weights, index)
    words = {"restricted": restricted, "covariance": kind, "replicates": 200}
    test = wild_bootstrap(fit, c, null, **words)
    assert (test.enumerated, test.replicates) == (True, 128)
    assert test.statistic == pytest.approx(t, rel=1e-9)
    assert test.p_value == np.mean(np.abs(drawn) >= abs(t) * (1 - 1e-6))
    # The ends of the interval are where the p value crosses.
    for end in (test.lower, test.upper):
        inside, outside = (end + 0.01 * way * (test.estimate - end) for way in (1, -1))
        assert wild_bootstrap(fit, c, inside, **words).p_value > 0.05
        assert wild_bootstrap(fit, c, outside, **words).p_value <= 0.05


def test_unrestricted_interval_is_that_of_the_studentised_bootstrap():
    design, y, weights, index = planted(n=30, groups=8)
    c = np.array([0.0, 1.0, 0.0])
    signs = np.array(list(product([-1.0, 1.0], repeat=8)))
    _, drawn = resampled_statistics(design, y, weights, index, c, 0, signs, False, "CR1")
    fit = fit_linear(design, y, weights, index)
    test = wild_bootstrap(fit, c, restricted=False, level=0.9)
    se = sandwich(fit, "CR1").std_error(c)
    # Signs come in pairs of equal size; the largest value not rejected is at the 26th of 256.
    half = np.sort(np.abs(drawn))[::-1][25] * se
    assert [test.lower, test.upper] == pytest.approx([test.estimate - half, test.estimate + half])


@pytest.mark.parametrize("multipliers", ["rademacher", "webb"])
def test_drawn_wild_bootstrap_approaches_all_signs_or_refits(multipliers):
    design, y, weights, index = planted(n=60, groups=14, seed=3)
    fit = fit_linear(design, y, weights, index)
    c = np.array([0.0, 1.0, 0.0])
    first = wild_bootstrap(fit, c, 0.02, multipliers=multipliers, seed=1)
    again = wild_bootstrap(fit, c, 0.02, multipliers=multipliers, seed=1)
    other = wild_bootstrap(fit, c, 0.02, multipliers=multipliers, seed=2)
    assert first == again
    assert first != other
    every = wild_bootstrap(fit, c, 0.02, replicates=2**14)
    assert (first.enumerated, every.enumerated) == (False, True)
    assert first.p_value == pytest.approx(every.p_value, abs=0.03)
    assert first.lower < first.estimate < first.upper


def test_replicates_that_are_drawn_later_are_new():
    """With 2,000 groups a thousand replicates are made at a time."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=2000)
    fit = fit_linear(constant_and(x), x + rng.normal(size=2000))
    c = np.array([0.0, 1.0])
    half, whole = (wild_bootstrap(fit, c, replicates=count) for count in (1000, 2000))
    assert half.upper != whole.upper
    assert half.upper - half.lower == pytest.approx(whole.upper - whole.lower, rel=0.15)


def test_few_groups_never_reject():
    """With four groups the data themselves and their mirror image are 2 of 16 samples."""
    design, y, weights, index = planted(n=20, groups=4)
    test = wild_bootstrap(fit_linear(design, y, weights, index), np.array([0.0, 1.0, 0.0]), 1e6)
    assert test.p_value >= 2 / 16
    assert (test.lower, test.upper) == (-np.inf, np.inf)


def test_size_under_the_null():
    """Twelve unequal groups with effects of their own: the wild test keeps its size, CR1 not."""
    rng = np.random.default_rng(11)
    sizes = np.array([2, 2, 3, 3, 4, 4, 5, 6, 8, 12, 20, 31])
    index = np.repeat(np.arange(12), sizes)
    design = constant_and(rng.normal(size=12)[index] ** 2)
    c = np.array([0.0, 1.0])
    wild, normal = [], []
    for _ in range(300):
        y = rng.normal(size=12)[index] + rng.normal(size=len(index))
        fit = fit_linear(design, y, index=index)
        test = wild_bootstrap(fit, c, replicates=1023)
        wild.append(test.p_value <= 0.05)
        normal.append(abs(test.statistic) > 1.96)
    # Standard error of a rate of 0.05: 0.013.
    assert 0.015 < np.mean(wild) < 0.09
    assert np.mean(normal) > np.mean(wild) + 0.05


def test_nothing_to_resample_is_refused():
    design, _, weights, index = planted()
    fit = fit_linear(design, np.zeros(len(index)), weights, index)
    with pytest.raises(NotIdentifiedError, match="standard error of zero"):
        wild_bootstrap(fit, np.array([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("weighted", [False, True])
def test_diagnoses_are_those_of_statsmodels(weighted):
    design, y, weights, index = planted(weighted=weighted)
    found = diagnose(fit_linear(design, y, weights, index))
    peer = sm.WLS(y, design, weights).fit()
    statistic, p_value, _, _ = het_breuschpagan(peer.wresid, design)
    reset = linear_reset(peer, power=3, use_f=True)
    assert isinstance(found, pd.DataFrame)
    assert found["statistic"].tolist() == pytest.approx([statistic, float(reset.statistic)])
    assert found["p_value"].tolist() == pytest.approx([p_value, float(reset.pvalue)])
    assert found["df"].tolist() == [2, 2]
    assert found["ignores_groups"].all()
    assert not diagnose(fit_linear(design, y, weights))["ignores_groups"].any()


def test_a_bend_and_a_spread_are_found():
    rng = np.random.default_rng(4)
    x = np.linspace(1, 5, 200)
    bent = diagnose(fit_linear(constant_and(x), x**2 + 0.3 * rng.normal(size=200)))
    assert bent.loc["reset", "p_value"] < 1e-6
    fanned = diagnose(fit_linear(constant_and(x), x + x**2 * rng.normal(size=200)))
    assert fanned.loc["breusch_pagan", "p_value"] < 1e-4
    assert fanned.loc["reset", "p_value"] > 1e-4
