"""Regressions from moments, against numpy on the same rows."""

import numpy as np
import pytest

from scalelaw.fit.moments import GroupMoments
from scalelaw.multiverse.moments import Profile, sweep


def covariances(k, seed=0, count=20):
    """Return sums of squares and products of random variables, whose scales differ by 1e6."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3 * k, k)) @ rng.normal(size=(k, k))
    x *= 10 ** rng.uniform(-3, 3, k)
    x -= x.mean(axis=1, keepdims=True)
    return np.einsum("bni,bnj->bij", x, x)


def spread_of(products):
    return np.einsum("bii->bi", products)


def by_rows(columns, target, repeats):
    """Return intercept, slopes, squares left and in all, of least squares on repeated rows."""
    design = np.column_stack([np.ones(len(target)), *columns])
    repeats = np.asarray(repeats, dtype=int)
    rows, y = np.repeat(design, repeats, axis=0), np.repeat(target, repeats)
    found = np.linalg.lstsq(rows, y, rcond=None)[0]
    return found, ((y - rows @ found) ** 2).sum(), ((y - y.mean()) ** 2).sum()


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_sweeping_solves_the_normal_equations(k):
    p = covariances(k)
    for count in range(1, k):
        slopes, r_squared = sweep(p, count, spread_of(p))
        assert slopes.shape == (len(p), count)
        for matrix, slope, share in zip(p, slopes, r_squared, strict=True):
            inner = matrix[:count, -1]
            expected = np.linalg.solve(matrix[:count, :count], inner)
            assert slope == pytest.approx(expected, rel=1e-8)
            assert share == pytest.approx(expected @ inner / matrix[-1, -1], rel=1e-8)


def test_sweeping_leaves_its_argument_alone():
    p = covariances(4)
    before = p.copy()
    sweep(p, 3, spread_of(p))
    assert (p == before).all()


def test_units_do_not_matter():
    p, units = covariances(4), np.array([1e-4, 1.0, 1e5, 30.0])
    slopes, r_squared = sweep(p, 3, spread_of(p))
    scaled = p * units[:, None] * units
    other, same = sweep(scaled, 3, spread_of(scaled))
    assert other == pytest.approx(slopes * units[-1] / units[:3], rel=1e-9)
    assert same == pytest.approx(r_squared, rel=1e-9)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_what_does_not_vary_on_its_own_gets_no_coefficients(lost):
    p = covariances(4)
    p[3, lost], p[3, :, lost] = 0, 0
    # The third is the sum of the two before it in one matrix.
    add = np.eye(4)
    add[2] = [1, 1, 0, 0]
    p[5] = add @ p[5] @ add.T
    slopes, r_squared = sweep(p, 3, spread_of(covariances(4)))
    bad = np.isin(np.arange(len(p)), [3, 5])
    assert np.isnan(slopes[bad]).all()
    assert np.isnan(r_squared[bad]).all()
    assert np.isfinite(slopes[~bad]).all()
    assert np.isfinite(r_squared[~bad]).all()


def test_nothing_is_read_from_rounding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 60)) * [[0.05], [2]] + [[0.5], [20]]
    spread = x.shape[1] * x.var(axis=1)
    _, _, p = GroupMoments(x, np.arange(60)).moments(60.0 * np.eye(60))
    # Some of the products are not exactly zero, though a single record is drawn.
    assert (p[:, 0, 0] > 0).any()
    slopes, r_squared = sweep(p, 1, spread)
    assert np.isnan(slopes).all()
    assert np.isnan(r_squared).all()


def test_a_constant_response_has_no_slope_and_no_share_explained():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=40), np.repeat(rng.normal(size=20), 2)
    # Each weighting draws both records of a pair, which have the same response.
    weights = np.kron(np.eye(20), np.ones((1, 2))) * 7.0
    _, _, p = GroupMoments(np.stack([x, y]), np.arange(40)).moments(weights)
    slopes, r_squared = sweep(p, 1, np.array([40 * x.var(), 40 * y.var()]))
    assert (slopes == 0).all()
    assert np.isnan(r_squared).all()


@pytest.mark.parametrize("m", [0, 1, 2])
def test_the_form_that_explains_most_is_chosen_for_each_weighting(m):
    rng = np.random.default_rng(m)
    n, groups, forms = 40, 9, 7
    index = np.concatenate([np.arange(groups), rng.integers(groups, size=n - groups)])
    common = rng.normal(size=(m, n)) + 3
    varying = rng.normal(size=(forms, n)) * 10 ** rng.uniform(-2, 2, (forms, 1)) + 50
    target = 0.2 * varying[2] / varying[2].std() + common.sum(axis=0) + rng.normal(size=n)
    weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=30).astype(float)
    chosen, means, products, spread = Profile(common, target, varying, index).best(weights)
    slopes, r_squared = sweep(products, m + 1, spread)
    for b, w in enumerate(weights):
        repeats = w[index].astype(int)
        fits = [by_rows([*common, v], target, repeats) for v in varying]
        best = int(np.argmin([left for _, left, _ in fits]))
        found, left, total = fits[best]
        assert chosen[b] == best
        assert slopes[b] == pytest.approx(found[1:], rel=1e-7, abs=1e-9)
        assert r_squared[b] == pytest.approx(1 - left / total, rel=1e-8)
        rows = np.repeat(np.stack([*common, varying[best], target]), repeats, axis=1)
        assert means[b] == pytest.approx(rows.mean(axis=1), rel=1e-10)
        about = rows - rows.mean(axis=1)[:, None]
        assert products[b] == pytest.approx(about @ about.T, rel=1e-7, abs=1e-7)
    assert len(set(chosen.tolist())) > 1


def test_forms_that_do_not_vary_are_passed_over():
    rng = np.random.default_rng(3)
    first, target = rng.normal(size=(2, 20))
    varying = np.stack([np.full(20, 4.0), 2 * first + 1, rng.normal(size=20)])
    chosen, _, products, spread = Profile(first[None], target, varying, np.arange(20)).best(
        np.ones((1, 20))
    )
    assert chosen.tolist() == [2]
    assert np.isfinite(sweep(products, 2, spread)[0]).all()
    chosen, _, products, spread = Profile(first[None], target, varying[:2], np.arange(20)).best(
        np.ones((1, 20))
    )
    assert np.isnan(sweep(products, 2, spread)[0]).all()


def test_a_row_of_a_profile_does_not_depend_on_the_others():
    rng = np.random.default_rng(4)
    common, target = rng.normal(size=(1, 50)), rng.normal(size=50)
    profile = Profile(common, target, rng.normal(size=(26, 50)), np.arange(50) // 2)
    weights = rng.multinomial(25, np.full(25, 0.04), size=70).astype(float)
    together = profile.best(weights)
    for rows in ([0], [69], [3, 40], list(range(33, 70))):
        for one, whole in zip(profile.best(weights[rows]), together, strict=True):
            assert (one == whole[rows]).all()


def test_a_form_that_hardly_differs_from_another_variable_is_passed_over():
    rng = np.random.default_rng(5)
    first, other = rng.normal(size=(2, 20))
    one = np.eye(20)[0]
    # A break next to the lowest value is a dummy of one record, of which only rounding is left.
    target = 5 * one + 0.1 * rng.normal(size=20)
    near = first + 1e-6 * one
    profile = Profile(first[None], target, np.stack([near, other]), np.arange(20))
    chosen, _, products, spread = profile.best(np.ones((1, 20)))
    assert chosen.tolist() == [1]
    assert np.isfinite(sweep(products, 2, spread)[0]).all()
