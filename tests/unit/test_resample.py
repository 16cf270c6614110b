"""Resampling weights by their moments, and the intervals that are read from draws."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from scalelaw.fit import resample
from scalelaw.fit.resample import (
    RADEMACHER,
    WEBB,
    bca_interval,
    jackknife_covariance,
    leave_out_weights,
    percentile_interval,
    resampled_blocks,
    resampled_groups,
    wild_weights,
)


def seed(number=0):
    return np.random.SeedSequence(number)


@pytest.mark.parametrize("kind", [RADEMACHER, WEBB])
def test_wild_multipliers_have_mean_0_variance_1_and_no_skew(kind):
    values = wild_weights(40, 5000, seed(1), kind)
    points, counts = np.unique(values, return_counts=True)
    # The moments of the points themselves are exact; each is as likely as the others.
    assert points.mean() == pytest.approx(0, abs=1e-15)
    assert (points**2).mean() == pytest.approx(1)
    assert (points**3).mean() == pytest.approx(0, abs=1e-15)
    assert np.abs(counts / counts.mean() - 1).max() < 6 / np.sqrt(counts.mean())
    # Groups and replicates are independent of each other.
    assert np.abs(np.corrcoef(values.T) - np.eye(40)).max() < 6 / np.sqrt(5000)
    assert np.abs(values.mean(axis=1)).max() < 6 / np.sqrt(40)


def test_webb_has_the_published_six_points():
    points = np.unique(wild_weights(10, 500, seed(), WEBB))
    expected = np.sqrt([1.5, 1.0, 0.5])
    assert points == pytest.approx([*-expected, *expected[::-1]])
    assert np.unique(wild_weights(10, 500, seed())).tolist() == [-1.0, 1.0]
    with pytest.raises(ValueError, match="one of rademacher, webb"):
        wild_weights(3, 3, seed(), "mammen")


@pytest.mark.parametrize("groups", [1, 7, 5000])
def test_each_draw_has_as_many_groups_as_the_data(groups):
    drawn = resampled_groups(groups, 60, seed(2))
    assert drawn.shape == (60, groups)
    assert (drawn.sum(axis=1) == groups).all()
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()


def test_counts_of_a_group_are_binomial():
    groups = 12
    drawn = resampled_groups(groups, 20000, seed(3))
    assert drawn.mean(axis=0) == pytest.approx(np.ones(groups), abs=0.04)
    assert drawn.var(axis=0) == pytest.approx(np.full(groups, 1 - 1 / groups), abs=0.06)
    covariance = np.cov(drawn.T)[~np.eye(groups, dtype=bool)]
    assert covariance.mean() == pytest.approx(-1 / groups, abs=0.005)
    assert (drawn == 0).mean() == pytest.approx((1 - 1 / groups) ** groups, abs=0.005)


@pytest.mark.parametrize("groups", [3, 50, 4500])
def test_a_replicate_is_the_same_however_many_follow_it(groups):
    many = 45 if groups > 1000 else 3000
    whole = resampled_groups(groups, many, seed(4))
    for fewer in (1, 31, 33, many - 1):
        assert (resampled_groups(groups, fewer, seed(4)) == whole[:fewer]).all()
    assert (resampled_groups(groups, many, seed(5)) != whole).any()
    assert resampled_groups(groups, 0, seed(4)).shape == (0, groups)
    signs = wild_weights(groups, many, seed(4))
    assert (wild_weights(groups, 20, seed(4)) == signs[:20]).all()


def test_blocks_join_to_the_whole_in_order(monkeypatch):
    monkeypatch.setattr(resample, "_DRAWS", 640)
    blocks = list(resampled_blocks(20, 100, seed(6)))
    assert [start for start, _ in blocks] == [0, 32, 64, 96]
    assert [len(weights) for _, weights in blocks] == [32, 32, 32, 4]
    monkeypatch.undo()
    assert (np.concatenate([w for _, w in blocks]) == resampled_groups(20, 100, seed(6))).all()


def test_each_group_is_left_out_once():
    weights = leave_out_weights(9)
    assert (weights == 1 - np.eye(9)).all()
    blocks = leave_out_weights(1203)
    assert blocks.shape == (500, 1203)
    assert ((1 - blocks).sum(axis=0) == 1).all()
    assert set((1 - blocks).sum(axis=1)) == {2, 3}


def test_the_jackknife_of_a_mean_is_its_standard_error():
    rng = np.random.default_rng(7)
    x = rng.normal(size=30)
    left_out = ((x.sum() - x) / 29)[:, None]
    variance = jackknife_covariance(np.array([x.mean()]), left_out)[0, 0]
    # HC3 of a mean: the usual variance times n / (n - 1).
    assert variance == pytest.approx(x.var(ddof=1) / 30 * 30 / 29)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("statistic", [np.mean, np.var])
def test_bca_is_that_of_scipy(statistic, level):
    rng = np.random.default_rng(8)
    x = rng.exponential(size=25)
    expected = bootstrap(
        (x,), statistic, n_resamples=1999, confidence_level=level, method="BCa", rng=rng
    )
    left_out = np.array([statistic(np.delete(x, i)) for i in range(25)])
    found = bca_interval(statistic(x), expected.bootstrap_distribution, left_out, level)
    assert found == pytest.approx(tuple(expected.confidence_interval), rel=1e-12)
    plain = percentile_interval(expected.bootstrap_distribution, level)
    # A skewed statistic, so that the correction is seen.
    assert found[1] > plain[1]


def test_bca_shares_ties_between_both_sides():
    draws = np.array([0.0, 1, 1, 1, 2, 3])
    left_out = np.array([0.9, 1.0, 1.1])
    low, high = bca_interval(1.0, draws, left_out, 0.8)
    # 1 + 3 / 2 of 6 lie below: nearly no bias.
    from scipy.stats import norm

    bias = norm.ppf(2.5 / 6)
    shares = norm.cdf(2 * bias + norm.ppf([0.1, 0.9]))
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, shares)))


def test_nan_draws_are_left_out_and_all_nan_is_nan():
    draws = np.array([1.0, np.nan, 2, 3, 4, 5, np.nan])
    good = draws[~np.isnan(draws)]
    assert percentile_interval(draws, 0.8) == pytest.approx(tuple(np.quantile(good, [0.1, 0.9])))
    left_out = np.array([2.9, 3.0, 3.2, np.nan])
    assert bca_interval(3.0, draws, left_out, 0.8) == bca_interval(3.0, good, left_out[:3], 0.8)
    for found in (
        percentile_interval(np.full(4, np.nan), 0.95),
        percentile_interval(np.empty(0), 0.95),
        bca_interval(1.0, np.full(4, np.nan), np.ones(3), 0.95),
    ):
        assert np.isnan(found).all()


def test_infinite_draws_give_infinite_bounds_and_no_nan():
    draws = np.append(np.arange(90.0), np.full(10, np.inf))
    low, high = percentile_interval(draws, 0.95)
    assert 1 <= low <= 3
    assert high == np.inf
    low, high = percentile_interval(draws, 0.5)
    assert np.isfinite([low, high]).all()
    assert percentile_interval(np.full(5, np.inf), 0.9) == (np.inf, np.inf)
    low, high = percentile_interval(np.append(np.full(10, -np.inf), np.arange(90.0)), 0.95)
    assert (low, np.isfinite(high)) == (-np.inf, True)
    low, high = bca_interval(45.0, draws, np.array([44.0, 45.0, np.inf]), 0.95)
    assert np.isfinite(low)
    assert high == np.inf


def test_a_point_beyond_all_draws_leaves_the_percentiles():
    draws = np.arange(10.0)
    assert bca_interval(20.0, draws, np.arange(3.0), 0.9) == percentile_interval(draws, 0.9)
