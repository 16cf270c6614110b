"""Linear laws under robust losses, against linear programs, scipy, statsmodels and Koenker."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from scalelaw.fit import quantile
from scalelaw.fit.losses import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.quantile import linear_program
from scalelaw.fit.robust import estimate_linear

KINDS = ("normal", "heavy", "grid", "repeated", "exact", "offset", "leverage")
LAD = LeastAbsolute()
WEIGHTINGS = ("bootstrap", "clusters", "jackknife", "continuous", "wide", "sparse")


def made(kind, n, k, rng):
    """A design with an intercept, and a response."""
    x, noise = rng.normal(size=(n, k - 1)), rng.normal(size=n)
    if kind == "heavy":
        noise = rng.standard_cauchy(n)
    elif kind == "grid":
        x, noise = rng.integers(0, 4, x.shape).astype(float), rng.integers(-2, 3, n).astype(float)
    elif kind == "repeated":
        drawn = rng.integers(0, max(1, n // 3), n)
        x, noise = x[drawn], noise[drawn]
    elif kind == "exact":
        noise = np.where(rng.random(n) < 0.8, 0.0, noise)
    elif kind == "offset":
        x = x + 1e4
    elif kind == "leverage":
        x = np.exp(2 * x)
    design = np.column_stack([np.ones(n), x])
    return design, design.sum(axis=1) + noise


def weighted(kind, n, rows, rng):
    if kind == "bootstrap":
        return rng.multinomial(n, np.full(n, 1 / n), size=rows).astype(float)
    if kind == "clusters":
        groups = max(2, n // 8)
        drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=rows).astype(float)
        return drawn[:, rng.integers(0, groups, n)]
    if kind == "jackknife":
        return 1.0 - np.eye(n)[:rows]
    if kind == "continuous":
        return rng.exponential(size=(rows, n))
    if kind == "wide":
        return np.exp(3 * rng.normal(size=(rows, n)))
    return np.where(rng.random((rows, n)) < 0.15, rng.integers(1, 4, (rows, n)), 0).astype(float)


def total(loss, design, y, weights, params):
    return (weights * loss.value(y - params @ design.T)).sum(axis=1)


def scattered(n, k=2, seed=0, heavy=False):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, (n, k - 1))
    noise = rng.standard_t(2, n) if heavy else rng.normal(size=n)
    design = np.column_stack([np.ones(n), x])
    return design, design @ np.arange(1.0, k + 1) + noise * (1 + 0.2 * x[:, 0])


def draws(n, rows, seed=1):
    return weighted("bootstrap", n, rows, np.random.default_rng(seed))


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.83])
@pytest.mark.parametrize(("n", "k"), [(6, 2), (40, 3), (100, 2)])
def test_linear_program_equals_its_primal_form(n, k, tau):
    design, y = scattered(n, k)
    weights = np.random.default_rng(2).exponential(size=n)
    params, value = linear_program(design, y, weights, tau)
    free, positive = (None, None), (0, None)
    primal = linprog(
        np.concatenate([np.zeros(k), tau * weights, (1 - tau) * weights]),
        A_eq=np.hstack([design, np.eye(n), -np.eye(n)]),
        b_eq=y,
        bounds=[free] * k + [positive] * (2 * n),
    )
    assert value == pytest.approx(primal.fun, rel=1e-10)
    assert params == pytest.approx(primal.x[:k], rel=1e-8)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_reach_the_optimum_of_the_linear_program(kind, weighting):
    rng = np.random.default_rng([KINDS.index(kind), WEIGHTINGS.index(weighting)])
    for n, k, tau in ((5, 2, 0.5), (20, 2, 0.1), (60, 3, 0.9), (150, 2, 0.05)):
        design, y = made(kind, n, k, rng)
        weights = weighted(weighting, n, 3, rng)
        start, _ = linear_program(design, y, np.ones(n), tau)
        # Where the law passes through all records the loss is rounding.
        rounding = 1e-14 * np.abs(y).max() * weights.sum(axis=1)
        firsts = [None, start] if np.isfinite(start).all() else [None]
        params = [estimate_linear(design, y, weights, Pinball(tau), first) for first in firsts]
        for row, weight in enumerate(weights):
            kept = weight > 0
            rank = np.linalg.matrix_rank(design[kept]) if kept.any() else 0
            assert all(np.isfinite(found[row]).all() == (rank == k) for found in params)
            if rank == k:
                _, least = linear_program(design, y, weight, tau)
                for found in params:
                    reached = total(Pinball(tau), design, y, weight[None], found[row][None])[0]
                    assert reached == pytest.approx(least, rel=1e-10, abs=rounding[row])


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    weighting=st.sampled_from(WEIGHTINGS),
    n=st.integers(2, 40),
    k=st.integers(1, 5),
    tau=st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.777, 0.99]),
)
@settings(max_examples=40, deadline=None)
def test_no_small_sample_ends_above_the_optimum(seed, kind, weighting, n, k, tau):
    rng = np.random.default_rng(seed)
    design, y = made(kind, max(n, k), k, rng)
    weights = weighted(weighting, len(y), 3, rng)
    params = estimate_linear(design, y, weights, Pinball(tau))
    for weight, found in zip(weights, params, strict=True):
        _, least = linear_program(design, y, weight, tau)
        if np.isfinite(found).all() and np.isfinite(least):
            reached = total(Pinball(tau), design, y, weight[None], found[None])[0]
            assert reached <= least * (1 + 1e-10) + 1e-13 * np.abs(y).max() * weight.sum()


@pytest.mark.parametrize("k", [2, 4])
def test_many_records_are_right_although_most_are_set_aside(k, monkeypatch):
    design, y = scattered(3000, k, heavy=True)
    weights = draws(3000, 25)
    weights[:5] *= np.where(design[:, 1] > 5, 30.0, 1.0)
    expected = [linear_program(design, y, w, 0.1) for w in weights]
    # The optimum comes from the search, not from the linear program behind it.
    monkeypatch.setattr(quantile, "linear_program", None)
    params = estimate_linear(design, y, weights, Pinball(0.1))
    assert params == pytest.approx(np.array([p for p, _ in expected]), rel=1e-9)
    reached = total(Pinball(0.1), design, y, weights, params)
    assert reached == pytest.approx(np.array([v for _, v in expected]), rel=1e-12)


@pytest.mark.parametrize("kind", ["grid", "repeated", "exact"])
@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_ties_do_not_stop_the_search(kind, tau, monkeypatch):
    rng = np.random.default_rng(7)
    design, y = made(kind, 90, 2, rng)
    weights = weighted("bootstrap", 90, 40, rng)
    expected = np.array([linear_program(design, y, w, tau)[1] for w in weights])
    monkeypatch.setattr(quantile, "linear_program", None)
    params = estimate_linear(design, y, weights, Pinball(tau))
    assert total(Pinball(tau), design, y, weights, params) == pytest.approx(expected, rel=1e-10)


def test_the_choice_between_equal_laws_depends_on_the_data_alone():
    rng = np.random.default_rng(8)
    design, y = made("grid", 40, 2, rng)
    weights = np.concatenate([np.ones((1, 40)), weighted("bootstrap", 40, 60, rng)])
    least = total(LAD, design, y, weights, estimate_linear(design, y, weights, LAD))
    start = np.array([0.3, 0.9])
    chosen = estimate_linear(design, y, weights, LAD, start)
    assert total(LAD, design, y, weights, chosen) == pytest.approx(least, rel=1e-12)
    for other in (None, np.array([2.0, 0.0]), np.array([-1.0, 3.0])):
        assert estimate_linear(design, y, weights, LAD, other) == pytest.approx(chosen, abs=1e-12)
    even = np.ones((1, 6))
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    middle = estimate_linear(np.ones((6, 1)), values, even, LAD)[0, 0]
    assert middle in (3.0, 4.0)
    for turned in ([5, 3, 1, 0, 2, 4], [2, 3, 0, 1, 4, 5]):
        assert estimate_linear(np.ones((6, 1)), values[turned], even, LAD)[0, 0] == middle


def test_the_least_difference_of_weights_decides():
    weights = np.ones((2, 8))
    weights[0, 3] += 1e-9
    weights[1, 4] += 1e-9
    for seed in range(4):
        y = np.sort(np.random.default_rng(seed).normal(size=8))
        found = estimate_linear(np.ones((8, 1)), y, weights, LAD)
        assert found.ravel().tolist() == [y[3], y[4]]


def test_a_start_far_from_the_law_does_not_matter():
    design, y = scattered(800)
    weights = draws(800, 10)
    near = estimate_linear(design, y, weights, Pinball(0.2))
    for start in (np.zeros(2), np.array([1e3, -70.0])):
        assert estimate_linear(design, y, weights, Pinball(0.2), start) == pytest.approx(
            near, rel=1e-12
        )


def test_rows_that_the_search_cannot_certify_go_to_the_linear_program(monkeypatch):
    design, y = scattered(50)
    weights = draws(50, 6)
    expected = estimate_linear(design, y, weights, Pinball(0.3))
    monkeypatch.setattr(quantile, "_MAX_EXCHANGES", 1)
    assert estimate_linear(design, y, weights, Pinball(0.3), np.zeros(2)) == pytest.approx(
        expected, rel=1e-10
    )


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.9])
def test_quantiles_are_at_most_those_of_statsmodels(tau):
    design, y = scattered(120, 3)
    weights = draws(120, 12)
    loss = Pinball(tau)
    ours = total(loss, design, y, weights, estimate_linear(design, y, weights, loss))
    near = 0
    for weight, least in zip(weights, ours, strict=True):
        rows = np.repeat(np.arange(120), weight.astype(int))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            params = sm.QuantReg(y[rows], design[rows]).fit(q=tau, max_iter=5000).params
        theirs = loss.value(y[rows] - design[rows] @ params).sum()
        assert least <= theirs * (1 + 1e-12)
        near += theirs <= least * (1 + 1e-4)
    assert near == 12


def test_engel_quantiles_are_those_published():
    data = sm.datasets.engel.load_pandas().data
    design = sm.add_constant(data["income"].to_numpy())
    y = data["foodexp"].to_numpy()
    # Stata 12's qreg, as statsmodels' tests hold it (results_quantile_regression.py).
    published = {0.50: (81.48233, 0.5601805), 0.75: (62.39648, 0.6440143)}
    for tau, expected in published.items():
        found = estimate_linear(design, y, np.ones((1, 235)), Pinball(tau))[0]
        assert found == pytest.approx(expected, rel=3e-6)  # Stata's data are in single precision.
    middle = estimate_linear(design, y, np.ones((1, 235)), LAD)[0]
    assert middle == pytest.approx(published[0.50], rel=3e-6)


def test_weighted_quantile_of_a_sample_without_predictors():
    y = np.array([3.0, 1.0, 2.0, 10.0])
    weights = np.array([[1.0, 1.0, 1.0, 5.0], [1.0, 5.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])
    found = estimate_linear(np.ones((4, 1)), y, weights, LAD)
    assert found.ravel().tolist() == [10.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "loss", [LeastSquares(), LeastAbsolute(), Huber(0.3), Huber(1e-3), Pinball(0.1)], ids=repr
)
class TestEveryLoss:
    def test_multiplicities_are_repeated_records(self, loss):
        design, y = scattered(60)
        weights = draws(60, 5)
        params = estimate_linear(design, y, weights, loss)
        for weight, found in zip(weights, params, strict=True):
            rows = np.repeat(np.arange(60), weight.astype(int))
            alone = estimate_linear(design[rows], y[rows], np.ones((1, len(rows))), loss)[0]
            assert alone == pytest.approx(found, rel=1e-9)

    def test_equivariance(self, loss):
        design, y = scattered(80, 3)
        weights = draws(80, 5)
        params = estimate_linear(design, y, weights, loss)
        shift = np.array([100.0, -3.0, 0.5])
        moved = estimate_linear(design, y + design @ shift, weights, loss)
        assert moved == pytest.approx(params + shift, rel=1e-9)
        change = np.array([[1.0, 5.0, 0.0], [0.0, 1e-3, 2.0], [0.0, 0.0, 7.0]])
        other = estimate_linear(design @ change, y, weights, loss)
        assert other @ change.T == pytest.approx(params, rel=1e-8)
        wider = Huber(loss.delta * 1e6) if isinstance(loss, Huber) else loss
        scaled = estimate_linear(design, 1e6 * y, 3.0 * weights, wider)
        assert scaled == pytest.approx(1e6 * params, rel=1e-8)
        mirrored = Pinball(1 - loss.tau) if isinstance(loss, Pinball) else loss
        assert estimate_linear(design, -y, weights, mirrored) == pytest.approx(-params, rel=1e-8)

    def test_rows_and_order_of_records_do_not_matter(self, loss):
        design, y = scattered(300)
        weights = draws(300, 400)
        start = estimate_linear(design, y, np.ones((1, 300)), loss)[0]
        params = estimate_linear(design, y, weights, loss, start)
        for row in (0, 117, 399):
            alone = estimate_linear(design, y, weights[row : row + 1], loss, start)[0]
            assert alone.tolist() == params[row].tolist()
        columns = np.asfortranarray(weights)
        assert estimate_linear(design, y, columns, loss, start).tolist() == params.tolist()
        turned = np.random.default_rng(3).permutation(300)
        again = estimate_linear(design[turned], y[turned], weights[:, turned], loss, start)
        assert again == pytest.approx(params, rel=1e-9)

    def test_weights_that_do_not_identify_the_law_give_nan(self, loss):
        design, y = scattered(30)
        design[:10, 1] = 4.0
        weights = np.zeros((4, 30))
        weights[1, :10] = 1.0
        weights[2, 3] = 2.0
        weights[3] = 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = estimate_linear(design, y, weights, loss)
            flat = estimate_linear(design[:10], y[:10], weights[:, :10], loss)
            few = estimate_linear(design[:1], y[:1], weights[:, :1], loss)
        assert np.isnan(found).all(axis=1).tolist() == [True, True, True, False]
        assert np.isnan(flat).all()
        assert np.isnan(few).all()

    def test_long_rows_do_not_depend_on_each_other(self, loss):
        design, y = scattered(20_000)
        weights = draws(20_000, 4)
        params = estimate_linear(design, y, weights, loss)
        assert estimate_linear(design, y, weights[2:3], loss)[0].tolist() == params[2].tolist()

    def test_records_without_any_predictor_change_nothing(self, loss):
        design, y = scattered(40, 3)
        design, weights = design[:, 1:], draws(40, 5)
        more = np.vstack([design, np.zeros((2, 2))]), np.append(y, [5.0, -1e3])
        params = estimate_linear(*more, np.hstack([weights, np.ones((5, 2))]), loss)
        assert params == pytest.approx(estimate_linear(design, y, weights, loss), rel=1e-9)

    def test_two_records_give_the_line_through_them(self, loss):
        design = np.array([[1.0, 2.0], [1.0, 5.0], [1.0, 7.0]])
        y = np.array([1.0, 7.0, -30.0])
        found = estimate_linear(design, y, np.array([[1.0, 3.0, 0.0]]), loss)
        assert found[0] == pytest.approx([-3.0, 2.0], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delta", [30.0, 1.0, 0.1, 1e-3])
def test_huber_is_stationary_to_rounding(kind, delta):
    rng = np.random.default_rng([KINDS.index(kind), int(delta * 1000)])
    for n, k in ((8, 2), (50, 1), (150, 3)):
        design, y = made(kind, n, k, rng)
        for weighting in WEIGHTINGS:
            weights = weighted(weighting, n, 3, rng)
            params = estimate_linear(design, y, weights, Huber(delta))
            for weight, found in zip(weights, params, strict=True):
                kept = weight > 0
                rank = np.linalg.matrix_rank(design[kept]) if kept.any() else 0
                assert np.isfinite(found).all() == (rank == k)
                if rank == k:
                    force = weight * np.clip(y - design @ found, -delta, delta)
                    size = np.abs(y) + np.abs(design) @ np.abs(found)
                    rounding = (weight * size) @ np.abs(design)
                    assert (np.abs(force @ design) <= 1e-13 * rounding).all()


@pytest.mark.parametrize("delta", [2.0, 0.5, 0.05])
def test_huber_against_scipy(delta):
    design, y = scattered(90, 3, heavy=True)
    weights = draws(90, 4)
    loss = Huber(delta)
    params = estimate_linear(design, y, weights, loss)
    for weight, found in zip(weights, params, strict=True):

        def value(b, weight=weight):
            residual = y - design @ b
            slope = -(weight * np.clip(residual, -delta, delta)) @ design
            return (weight * loss.value(residual)).sum(), slope

        other = minimize(value, found + 0.1, jac=True, method="BFGS", options={"gtol": 1e-9})
        assert value(found)[0] <= other.fun * (1 + 1e-13)
        assert other.x == pytest.approx(found, rel=1e-4)


def test_huber_lies_between_least_squares_and_least_absolute_residuals():
    design, y = scattered(100, 3)
    weights = draws(100, 10)
    square = np.array(
        [
            np.linalg.lstsq(design * np.sqrt(w)[:, None], y * np.sqrt(w), rcond=None)[0]
            for w in weights
        ]
    )
    assert estimate_linear(design, y, weights, LeastSquares()) == pytest.approx(square, rel=1e-10)
    assert estimate_linear(design, y, weights, Huber(1e4)) == pytest.approx(square, rel=1e-10)
    absolute = np.array([linear_program(design, y, w, 0.5)[0] for w in weights])
    gaps = [
        np.abs(estimate_linear(design, y, weights, Huber(delta)) - absolute).max()
        for delta in (1e-3, 1e-6, 1e-9)
    ]
    assert gaps[0] < 1e-2
    assert gaps[1] < 1e-5
    assert gaps[2] < 1e-8


def test_planted_quantile_lines_are_recovered():
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 10, 40_000)
    y = 3.0 + 0.5 * x + (1 + 0.3 * x) * rng.uniform(size=len(x))
    design = np.column_stack([np.ones_like(x), x])
    found = estimate_linear(design, y, np.ones((1, len(x))), Pinball(0.2))[0]
    assert found == pytest.approx([3.2, 0.56], abs=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(4)}, "disagree"),
        ({"weights": np.ones(5)}, "disagree"),
        ({"start": np.zeros(3)}, "start has shape"),
        ({"y": np.array([0.0, np.nan, 0.0, 0.0, 0.0])}, "finite"),
        ({"weights": np.full((1, 5), -1.0)}, "negative"),
        ({"weights": np.full((1, 5), np.nan)}, "negative"),
    ],
)
def test_wrong_input_is_refused(change, message):
    given = {"design": np.ones((5, 2)), "y": np.zeros(5), "weights": np.ones((1, 5))}
    with pytest.raises(ValueError, match=message):
        estimate_linear(**(given | {"loss": Huber()} | change))
