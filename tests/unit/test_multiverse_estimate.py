"""Fits of specifications, against the laws of the library, numpy, HiGHS and statsmodels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog

from scalelaw import ExponentialLaw, PowerLaw
from scalelaw.fit import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.resample import percentile_interval, resampled_groups
from scalelaw.multiverse.estimate import Laws, Sample, fit_laws, regressor
from scalelaw.multiverse.grid import Specification

FORWARD, REVERSE = "compute_on_error", "error_on_compute"
FLOORS = [0.0, *np.linspace(0.02, 0.98, 25)]
BREAKS = np.linspace(0.2, 0.8, 13)
SIZES = {"compute_sd": 0.3, "error_sd": 0.02}


def spec(form="power", direction=FORWARD, estimator="least_squares"):
    return Specification("imagenet", "hardware", "all", "complement", form, direction, estimator)


def sample(papers=14, per=3, seed=0, sd=0.08, year=False):
    """Return records of log10 C = 14 + 8 log10(1/e) - 0.2 year, with effects of papers."""
    rng = np.random.default_rng(seed)
    n = papers * per
    index = np.concatenate([np.arange(papers), rng.integers(papers, size=n - papers)])
    log_error = rng.uniform(-1.3, -0.4, n)
    years = rng.uniform(-8, 0, n)
    log_flop = 14 - 8 * log_error - 0.2 * years * year
    scatter = sd * (rng.normal(size=papers)[index] + rng.normal(size=n))
    return Sample(
        error=10 ** (log_error + scatter),
        log_flop=log_flop + 3 * sd * rng.normal(size=n),
        year=years if year else None,
        index=index,
        error_sd=rng.choice([0.01, 0.02, 0.05], n),
        compute_sd=rng.choice([0.1, 0.3], n),
    )


def table(s):
    columns = {"flop": 10**s.log_flop, "error": s.error, "paper": s.index, **SIZES}
    columns |= {"compute_sd": s.compute_sd, "error_sd": s.error_sd}
    return pd.DataFrame(columns | ({} if s.year is None else {"year": s.year}))


def weights_of(s, count=60, seed=1):
    drawn = resampled_groups(s.n_groups, count, np.random.SeedSequence(seed))
    return np.concatenate([np.ones((1, s.n_groups)), drawn])


def losses(direction, form, delta):
    """Return the losses; the frontier is low compute, low error and high 1/error."""
    high = direction == REVERSE and form == "exponential"
    return {
        "least_squares": LeastSquares(),
        "least_absolute": LeastAbsolute(),
        "huber": Huber(delta),
        "frontier": Pinball(0.9 if high else 0.1),
    }


def huber_delta(s, form, direction):
    """Return 1.345 robust standard deviations about the line of least absolute residuals."""
    value = 1 / s.error if form == "exponential" else -np.log10(s.error)
    x, y = (value, s.log_flop) if direction == FORWARD else (s.log_flop, value)
    design = np.column_stack([np.ones_like(x), x, *([] if s.year is None else [s.year])])
    n, k = design.shape
    cost = np.concatenate([np.zeros(k), np.ones(2 * n)])
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    equal = np.column_stack([design, np.eye(n), -np.eye(n)])
    found = linprog(cost, A_eq=equal, b_eq=y, bounds=bounds).x[:k]
    return 1.345 * 1.4826 * np.median(np.abs(y - design @ found))


@pytest.mark.parametrize("estimator", ["least_squares", "least_absolute", "huber", "frontier"])
@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
@pytest.mark.parametrize("form", ["power", "exponential"])
@pytest.mark.parametrize("year", [False, True])
def test_lines_and_their_bootstrap_are_those_of_the_library(estimator, direction, form, year):
    s = sample(year=year)
    loss = losses(direction, form, huber_delta(s, form, direction))[estimator]
    law = {"power": PowerLaw, "exponential": ExponentialLaw}[form](
        "flop", "error", "x_on_y" if direction == FORWARD else "y_on_x",
        covariates=("year",) if year else (), estimator=loss, replicates=60,
    )  # fmt: skip
    result = law.fit(table(s), "paper", seed=1)
    laws = fit_laws(spec(form, direction, estimator), s, weights_of(s))
    expected = np.concatenate([result.line[None], law.to_line(result.draws)])
    if form == "power":
        # Theirs is a line of log10 e, ours of log10(1/e).
        expected *= [1, -1, 1][: 2 + year] if direction == FORWARD else -1
    assert laws.lines[:, : 2 + year] == pytest.approx(expected, rel=1e-7, abs=1e-8)
    assert (laws.lines[:, 2 + year :] == 0).all()
    if estimator == "least_squares" and not year:
        assert laws.r_squared[0] == pytest.approx(result.r_squared, rel=1e-10)
    elif estimator != "least_squares":
        assert np.isnan(laws.r_squared).all()
    if form == "power":
        slopes = laws.exponent(0.07, 0.3, np.log10(0.3 / 0.07))
        assert slopes[0] == pytest.approx(result.cost_exponent().value, rel=1e-8)
        assert slopes[1:] == pytest.approx(1 / result.draws[:, 1], rel=1e-6)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
@pytest.mark.parametrize("year", [False, True])
def test_lines_are_those_of_statsmodels(direction, year):
    s = sample(seed=2, year=year)
    w = weights_of(s, 5)
    value = -np.log10(s.error)
    x, y = (value, s.log_flop) if direction == FORWARD else (s.log_flop, value)
    design = np.column_stack([np.ones_like(x), x, *([s.year] if year else [])])
    found = fit_laws(spec(direction=direction), s, w)
    absolute = fit_laws(spec(direction=direction, estimator="least_absolute"), s, w)
    frontier = fit_laws(spec(direction=direction, estimator="frontier"), s, w)
    tau = 0.1 if direction == FORWARD else 0.9
    for b, group_weights in enumerate(w):
        repeats = group_weights[s.index].astype(int)
        rows, response = np.repeat(design, repeats, axis=0), np.repeat(y, repeats)
        ols = sm.OLS(response, rows).fit()
        assert found.lines[b, : 2 + year] == pytest.approx(ols.params, rel=1e-8)
        assert found.r_squared[b] == pytest.approx(ols.rsquared, rel=1e-8)
        for laws, share in ((absolute, 0.5), (frontier, tau)):
            other = sm.QuantReg(response, rows).fit(share, max_iter=5000).params

            def lost(params, share=share, response=response, rows=rows):
                residual = response - rows @ params
                return np.maximum(share * residual, (share - 1) * residual).sum()

            # Theirs ends near the optimum, ours at it.
            assert lost(laws.lines[b, : 2 + year]) <= lost(other) * (1 + 1e-9)
            assert lost(laws.lines[b, : 2 + year]) == pytest.approx(lost(other), rel=5e-3)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
@pytest.mark.parametrize("year", [False, True])
def test_hubers_forces_balance_under_one_scale(direction, year):
    s = sample(seed=3, year=year, sd=0.15)
    delta = huber_delta(s, "power", direction)
    w = weights_of(s, 30)
    laws = fit_laws(spec(direction=direction, estimator="huber"), s, w)
    value = -np.log10(s.error)
    x, y = (value, s.log_flop) if direction == FORWARD else (s.log_flop, value)
    design = np.column_stack([np.ones_like(x), x, *([s.year] if year else [])])
    residual = y - laws.lines[:, : 2 + year] @ design.T
    force = w[:, s.index] * np.clip(residual, -delta, delta)
    assert (np.abs(residual) > delta).any(axis=1).all()
    assert np.abs(force @ design).max() < 1e-9 * np.abs(force).sum(axis=1).min()
    # Their scale is that of their first residuals, by which the threshold is divided.
    scale = sm.RLM(y, design).fit(update_scale=False).scale
    rlm = sm.RLM(y, design, M=sm.robust.norms.HuberT(delta / scale))
    theirs = rlm.fit(update_scale=False, tol=1e-13, maxiter=5000)
    assert laws.lines[0, : 2 + year] == pytest.approx(theirs.params, rel=1e-6)


def test_huber_on_a_perfect_line_returns_it():
    s = sample(sd=0.0)
    laws = fit_laws(spec(estimator="huber"), s, weights_of(s, 10))
    assert laws.lines[:, 1] == pytest.approx(8, rel=1e-9)


def test_york_is_that_of_the_library():
    s = sample(seed=4, sd=0.05)
    law = PowerLaw("flop", "error", "york", x_sd="compute_sd", y_sd="error_sd", replicates=60)
    result = law.fit(table(s), "paper", seed=1)
    laws = fit_laws(spec(direction="york"), s, weights_of(s))
    expected = np.concatenate([result.line[None], law.to_line(result.draws)])
    assert laws.lines[:, 0] == pytest.approx(expected[:, 0], rel=1e-8)
    assert laws.lines[:, 1] == pytest.approx(-expected[:, 1], rel=1e-8)
    assert np.isnan(laws.r_squared).all()
    # With all of the error in compute it is the weighted regression.
    exact = replace(s, error_sd=s.error_sd / 1000)
    slope = fit_laws(spec(direction="york"), exact, np.ones((1, s.n_groups))).lines[0, 1]
    weighted = np.polyfit(-np.log10(s.error), s.log_flop, 1, w=1 / s.compute_sd)
    assert slope == pytest.approx(weighted[0], rel=1e-4)


def test_york_past_the_vertical_never_reaches_an_error():
    rng = np.random.default_rng(11)
    value, log_flop = rng.normal(0.7, 0.1, 16), rng.normal(20, 2, 16)
    s = Sample(
        10**-value, log_flop, None, np.arange(16), rng.choice([0.01, 0.3], 16),
        rng.choice([0.05, 3.0], 16),
    )  # fmt: skip
    w = weights_of(s, 400)
    laws = fit_laws(spec(direction="york"), s, w)
    table_ = table(s)
    slopes = []
    for row in w:
        rows = np.repeat(np.arange(16), row.astype(int))
        u, v = value[rows], log_flop[rows]
        slopes.append(((u - u.mean()) * (v - v.mean())).sum())
    steep = np.isposinf(laws.lines[:, 1])
    assert 5 < steep.sum() < 395
    law = PowerLaw("flop", "error", "york", x_sd="compute_sd", y_sd="error_sd")
    theirs = -law.york(law.read(table_, "paper", None)).estimate(w)[:, 1]
    turned = theirs * np.array(slopes) < 0
    known = np.isfinite(theirs)
    assert (steep[known] == turned[known]).all()
    assert laws.lines[known & ~steep, 1] == pytest.approx(theirs[known & ~steep], rel=1e-8)
    assert np.isposinf(laws.log_compute(np.array([0.05, 0.2]))[steep]).all()
    assert np.isposinf(laws.exponent(0.05, 0.2, 0.6)[steep]).all()


def squares(columns, y):
    design = np.column_stack([np.ones(len(y)), *columns])
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    return found, ((y - design @ found) ** 2).sum()


def brute(form, direction, s, group_weights):
    """Return the line, and R2, of the best floor or break, every one tried on repeated rows."""
    rows = np.repeat(np.arange(len(s.error)), group_weights[s.index].astype(int))
    year = [] if s.year is None else [s.year[rows]]
    tried = []
    if form == "floored":
        for special in np.array(FLOORS) * s.error.min():
            value, log_flop = -np.log10(s.error[rows] - special), s.log_flop[rows]
            x, y = (value, log_flop) if direction == FORWARD else (log_flop, value)
            found, left = squares([x, *year], y)
            without = squares(year, y)[1]
            # R2 beyond that of the year: comparable although the response may change.
            tried.append((1 - left / without, [*found[:2], *found[2:], 0.0], special, y, left))
    else:
        value = -np.log10(s.error)
        x, y = (value, s.log_flop) if direction == FORWARD else (s.log_flop, value)
        for special in np.quantile(x, BREAKS):
            at = x[rows]
            found, left = squares([at, *year, np.maximum(at - special, 0)], y[rows])
            total = squares([at, *year], y[rows])[1]
            tried.append((1 - left / total, [*found[:2], *found[2:]], special, y[rows], left))
    best = max(score for score, *_ in tried)
    _, line, special, y, left = next(t for t in tried if t[0] > best - 1e-9)
    if not year:
        line = [*line[:2], 0.0, *line[2:]]
    return [*line, special], 1 - left / ((y - y.mean()) ** 2).sum()


@pytest.mark.parametrize("year", [False, True])
@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
@pytest.mark.parametrize("form", ["floored", "broken"])
def test_floors_and_breaks_are_those_that_explain_most(form, direction, year):
    s = sample(papers=12, per=4, seed=5, year=year)
    # Something to find: a floor of 0.6 of the lowest error bends the line.
    s = replace(s, error=s.error + 0.02)
    w = weights_of(s, 40)
    laws = fit_laws(spec(form, direction), s, w)
    for b, group_weights in enumerate(w):
        line, r_squared = brute(form, direction, s, group_weights)
        assert laws.lines[b] == pytest.approx(line, rel=1e-6, abs=1e-8)
        assert laws.r_squared[b] == pytest.approx(r_squared, rel=1e-8)
    assert len(np.unique(laws.lines[:, 4])) > 3


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_a_planted_floor_is_found(direction):
    log_flop = np.linspace(16, 22, 30)
    least = 10 ** -((22 - 14) / 8)
    share = FLOORS[13]
    floor = share * least / (1 - share)
    s = replace(
        sample(papers=10, per=3), log_flop=log_flop, error=floor + 10 ** -((log_flop - 14) / 8)
    )
    laws = fit_laws(spec("floored", direction), s, weights_of(s, 20))
    assert laws.lines[:, 4] == pytest.approx(floor, rel=1e-9)
    assert laws.r_squared == pytest.approx(1, abs=1e-9)
    slope = laws.lines[:, 1]
    assert (slope if direction == FORWARD else 1 / slope) == pytest.approx(8, rel=1e-6)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_a_planted_break_is_found(direction):
    x = np.linspace(0, 1, 41) if direction == FORWARD else np.linspace(16, 22, 41)
    at = np.quantile(x, BREAKS[6])
    first, change = (4.0, 6.0) if direction == FORWARD else (0.2, -0.12)
    y = 0.1 + first * x + change * np.maximum(x - at, 0)
    log_flop, value = (y, x) if direction == FORWARD else (x, y)
    s = replace(
        sample(), log_flop=log_flop, error=10**-value, index=np.arange(41) % 14,
    )  # fmt: skip
    laws = fit_laws(spec("broken", direction), s, weights_of(s, 20))
    expected = np.array([0.1, first, 0, change, at])
    assert laws.lines == pytest.approx(np.broadcast_to(expected, laws.lines.shape), abs=1e-7)
    # Read back at every record, on both sides of the break.
    back = laws.log_compute(s.error)
    assert back == pytest.approx(np.broadcast_to(log_flop, back.shape), abs=1e-6)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE, "york"])
@pytest.mark.parametrize("form", ["power", "exponential", "floored", "broken"])
def test_compute_at_an_error_inverts_the_law(form, direction):
    year = np.array([-3.0, 0.0, 2.0, 1.5])
    error = np.array([0.6, 0.3, 0.12, 0.08])
    floor, at = 0.05, 0.7 if direction != REVERSE else 3.0
    special = {"floored": floor, "broken": at}.get(form, 0.0)
    value = 1 / error if form == "exponential" else -np.log10(error - floor * (form == "floored"))
    a, b, per_year, change = 0.1, 0.3, 0.02, -0.1 if form == "broken" else 0.0
    laws = Laws(form, direction, np.array([[a, b, per_year, change, special]]), np.array([1.0]))
    got = laws.log_compute(error, year)[0]
    if direction == REVERSE:
        again = a + b * got + per_year * year + change * np.maximum(got - at, 0)
        assert again == pytest.approx(value, rel=1e-12)
        if form == "broken":
            assert (got < at).any()
            assert (got > at).any()
    else:
        bend = change * np.maximum(value - at, 0) if form == "broken" else 0
        assert got == pytest.approx(a + b * value + per_year * year + bend, rel=1e-12)
    secant = laws.exponent(0.08, 0.6, np.log10(0.6 / 0.08))
    ends = laws.log_compute(np.array([0.08, 0.6]))[0]
    assert secant == pytest.approx((ends[0] - ends[1]) / np.log10(0.6 / 0.08), rel=1e-12)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_the_exponent_of_a_power_law_does_not_depend_on_the_errors(direction):
    s = sample(seed=6)
    laws = fit_laws(spec(direction=direction), s, weights_of(s, 10))
    slope = laws.lines[:, 1] if direction == FORWARD else 1 / laws.lines[:, 1]
    for low, high in ((0.01, 0.02), (0.05, 0.9)):
        assert laws.exponent(low, high, np.log10(high / low)) == pytest.approx(slope, rel=1e-9)


def one(form, direction, *line):
    return Laws(form, direction, np.array([line], dtype=float), np.array([1.0]))


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_no_compute_reaches_a_floor(direction):
    law = one("floored", direction, 1, 0.5, 0, 0, 0.1)
    got = law.log_compute(np.array([0.2, 0.1, 0.05, -0.1]))[0]
    assert np.isfinite(got[0])
    assert np.isposinf(got[1:]).all()
    assert np.isposinf(law.exponent(0.1, 0.5, 0.7)).all()
    assert np.isfinite(law.exponent(0.11, 0.5, 0.7)).all()


def test_a_vertical_line_reaches_no_error_of_any_size():
    # Odds above one, of which the regressor is negative, are among them.
    got = one("power", "york", 20, np.inf, 0, 0, 0).log_compute(np.array([0.1, 1.0, 4.0]))
    assert np.isposinf(got).all()


@pytest.mark.parametrize("form", ["power", "exponential", "broken"])
@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_errors_at_zero_or_below_are_never_reached(form, direction):
    got = one(form, direction, 1, 0.5, 0, 0.1, 2).log_compute(np.array([0.0, -0.2, 0.3, np.nan]))
    assert np.isposinf(got[0, :2]).all()
    assert np.isfinite(got[0, 2])
    assert np.isnan(got[0, 3])


@pytest.mark.parametrize("slope", [0.0, -0.3])
def test_a_law_of_error_that_does_not_fall_reaches_nothing(slope):
    for form in ("power", "exponential", "floored"):
        law = one(form, REVERSE, 1, slope, 0, 0, 0.01)
        assert np.isposinf(law.log_compute(np.array([0.5, 0.05]))).all()
        assert np.isposinf(law.exponent(0.05, 0.5, 1)).all()


def test_a_law_of_compute_that_falls_has_a_negative_exponent():
    assert one("power", FORWARD, 20, -3, 0, 0, 0).exponent(0.05, 0.5, 1.0) == pytest.approx(-3)


def test_a_broken_law_of_error_is_read_where_it_falls():
    errors = 10 ** -np.array([0.5, 1.5])
    # Up to log10 C = 10 it falls, then it rises: only the first error is reached.
    got = one("broken", REVERSE, 0, 0.1, 0, -0.2, 10).log_compute(errors)[0]
    assert got[0] == pytest.approx(5)
    assert np.isposinf(got[1])
    # It rises from 1 to 0.1 decades, then falls: the second error is reached beyond the break.
    law = one("broken", REVERSE, 2, -0.1, 0, 0.3, 10)
    got = law.log_compute(errors)[0]
    assert np.isposinf(got[0])
    assert got[1] == pytest.approx(10 + 0.5 / 0.2)
    # Between an error that is reached and one that is not there is no finite exponent.
    assert np.isposinf(law.exponent(errors[1], errors[0], 1.0)).all()
    assert law.exponent(10**-2, 10**-1.5, 0.5) == pytest.approx(5)


@pytest.mark.parametrize("direction", [FORWARD, REVERSE, "york"])
def test_where_there_is_no_law_there_is_no_compute(direction):
    for form in ("power", "floored", "broken"):
        law = one(form, direction, *[np.nan] * 4, 0.1)
        assert np.isnan(law.log_compute(np.array([0.5, 0.05, -1]))).all()
        assert np.isnan(law.exponent(0.05, 0.5, 1)).all()


def test_the_regressor_of_each_form():
    error = np.array([0.5, 0.1, 0.0, -1.0, np.nan])
    assert regressor("power", error)[:2] == pytest.approx([np.log10(2), 1])
    assert regressor("exponential", error)[:2] == pytest.approx([2, 10])
    assert regressor("floored", error, 0.09)[:2] == pytest.approx([-np.log10(0.41), 2])
    assert regressor("broken", error, 0.3)[:2] == pytest.approx([np.log10(2), 1])
    for form in ("power", "exponential", "floored", "broken"):
        assert np.isposinf(regressor(form, error, 0.1)[2:4]).all()
        assert np.isnan(regressor(form, error, 0.1)[4])


ALL = [
    *(("power", d, e) for d in (FORWARD, REVERSE)
      for e in ("least_squares", "least_absolute", "huber", "frontier")),
    ("power", "york", "least_squares"),
    *((f, d, "least_squares") for f in ("floored", "broken") for d in (FORWARD, REVERSE)),
]  # fmt: skip


@pytest.mark.parametrize(("form", "direction", "estimator"), ALL)
def test_a_row_does_not_depend_on_the_others(form, direction, estimator):
    s = sample(seed=7, year=direction != "york")
    w = weights_of(s, 80)
    whole = fit_laws(spec(form, direction, estimator), s, w)
    for rows in ([0], [80], [5, 17], list(range(30, 70))):
        part = fit_laws(spec(form, direction, estimator), s, w[rows])
        assert np.array_equal(part.lines, whole.lines[rows], equal_nan=True)
        assert np.array_equal(part.r_squared, whole.r_squared[rows], equal_nan=True)


@pytest.mark.parametrize(("form", "direction", "estimator"), ALL)
def test_one_paper_alone_identifies_no_law(form, direction, estimator):
    s = sample(papers=12, per=1, seed=8)
    laws = fit_laws(spec(form, direction, estimator), s, 12.0 * np.eye(12))
    assert np.isnan(laws.lines[:, 1]).all()
    assert np.isnan(laws.exponent(0.05, 0.4, 0.9)).all()
    assert np.isnan(laws.r_squared).all()


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_values_that_repeat_are_no_obstacle_to_a_break(direction):
    s = sample(papers=10, per=4, seed=9)
    # Half of the records share the lowest value, so that several breaks fall on it.
    error, log_flop = s.error.copy(), s.log_flop.copy()
    (error if direction == FORWARD else log_flop)[:20] = (
        error.max() if direction == FORWARD else log_flop.min()
    )
    s = replace(s, error=error, log_flop=log_flop)
    laws = fit_laws(spec("broken", direction), s, weights_of(s, 20))
    x = -np.log10(error) if direction == FORWARD else log_flop
    assert np.isfinite(laws.lines[0]).all()
    # At the lowest value the law would be the straight line again.
    assert (laws.lines[:, 4] > x.min()).all()
    constant = replace(s, error=np.full(40, 0.2), log_flop=np.full(40, 20.0))
    assert np.isnan(
        fit_laws(spec("broken", direction), constant, weights_of(s, 3)).lines[:, 1]
    ).all()


@pytest.mark.parametrize("direction", [FORWARD, REVERSE])
def test_percentile_intervals_cover(direction):
    rng = np.random.default_rng(10)
    papers, inside, sets = 30, 0, 300
    for i in range(sets):
        index = np.repeat(np.arange(papers), 2)
        log_error = rng.uniform(-1.3, -0.4, papers)[index] + 0.05 * rng.normal(size=60)
        noise = 0.5 * (rng.normal(size=papers)[index] + rng.normal(size=60))
        log_flop = 14 - 8 * log_error + noise
        if direction == REVERSE:
            log_flop = rng.uniform(16, 22, papers)[index]
            log_error = -(log_flop - 14 + noise) / 8
        s = Sample(10**log_error, log_flop, None, index, log_error, log_error)
        drawn = resampled_groups(papers, 200, np.random.SeedSequence(i))
        slopes = fit_laws(spec(direction=direction), s, drawn).exponent(0.05, 0.4, np.log10(8))
        low, high = percentile_interval(slopes, 0.95)
        inside += low <= 8 <= high
    assert 0.88 < inside / sets < 0.975
