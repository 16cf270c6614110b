"""Moments from sums of groups against numpy's from the records themselves."""

import numpy as np
import pytest

from scalelaw.fit.moments import GroupMoments, LineMoments
from scalelaw.fit.resample import resampled_groups

SEED = np.random.SeedSequence(2)


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(3, 50)) * [[1.0], [20.0], [0.1]] + 7, rng.permutation(np.arange(50) % 9)


def test_moments_without_each_group_are_those_of_the_other_records(data):
    variables, index = data
    n, means, products = GroupMoments(variables, index).leave_one_group_out()
    for group in range(9):
        kept = variables[:, index != group]
        assert n[group] == kept.shape[1]
        assert means[group] == pytest.approx(kept.mean(axis=1))
        assert products[group] == pytest.approx(np.cov(kept) * (kept.shape[1] - 1))


def test_a_bootstrap_is_that_of_its_weights(data):
    moments = GroupMoments(*data)
    weights = resampled_groups(9, 70, SEED)
    for drawn, whole in zip(moments.bootstrap(70, SEED), moments.moments(weights), strict=True):
        assert (drawn == whole).all()
    assert moments.bootstrap(0, SEED)[2].shape == (0, 3, 3)


def test_each_regressor_has_the_moments_that_it_has_alone(data):
    (*regressors, y), index = data
    lines = LineMoments(iter(regressors), y, index)
    weights = resampled_groups(9, 40, SEED)
    ones = np.ones((1, 9))
    for k, x in enumerate(regressors):
        alone = GroupMoments(np.stack([x, y]), index)
        for found, (_, means, products) in (
            (lines.whole(), alone.moments(ones)),
            (lines.weighted(weights), alone.moments(weights)),
            (lines.leave_one_group_out(), alone.leave_one_group_out()),
        ):
            assert found.x_mean[:, k] == pytest.approx(means[:, 0])
            assert found.y_mean[:, 0] == pytest.approx(means[:, 1])
            assert found.sxx[:, k] == pytest.approx(products[:, 0, 0])
            assert found.sxy[:, k] == pytest.approx(products[:, 0, 1])
            assert found.syy[:, 0] == pytest.approx(products[:, 1, 1])
