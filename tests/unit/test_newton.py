"""The minimisers against certified values, other solvers and first-order conditions."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from scalelaw.fit import Huber, LeastAbsolute, LeastSquares, Pinball
from scalelaw.fit.newton import Evaluation, minimise, minimise_squares

NIST = json.loads((Path(__file__).parents[1] / "data" / "nist_nonlinear.json").read_text())["sets"]


def gauss(b, x):
    peaks = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
    return b[0] * np.exp(-b[1] * x) + peaks + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)


def lanczos(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def cubics(b, x):
    top = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return top / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def enso(b, x):
    turns = [2 * np.pi * x / period for period in (12, b[3], b[6])]
    return b[0] + sum(
        b[i] * np.cos(turn) + b[i + 1] * np.sin(turn)
        for i, turn in zip((1, 4, 7), turns, strict=True)
    )


def chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


MODELS = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": enso,
    "Eckerle4": lambda b, x: b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": cubics,
    "Kirby2": lambda b, x: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4]),
    "Misra1a": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2.0),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x, x2: b[0] - b[1] * x * np.exp(-b[2] * x2),
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "Thurber": cubics,
}

# Power laws with or without a shift of x, and growth to a ceiling.
OF_OUR_KIND = (
    "Bennett5",
    "DanWood",
    "Misra1b",
    "Misra1c",
    "Misra1d",
    "Rat42",
    "Rat43",
)


def problem(name):
    data = NIST[name]
    x = [np.array(column) for column in data["x"]]
    y = np.array(data["y"])
    if name == "Nelson":
        y = np.log(y)

    def residual(b):
        return MODELS[name](b, *x) - y

    def jacobian(b):
        """Differentiate by a complex step, which is exact to rounding."""
        steps = 1e-30 * np.eye(len(b))
        return np.stack([residual(b + 1j * h).imag / 1e-30 for h in steps], axis=1)

    return residual, jacobian


def digits(found, certified):
    """Return the digits that agree, of the worst parameter; NIST gives eleven."""
    error = np.max(np.abs(found - certified) / np.abs(certified))
    return float(-np.log10(max(error, 1e-11)))


@pytest.mark.parametrize("name", sorted(NIST))
@pytest.mark.parametrize("start", [0, 1])
def test_certified_values_are_reached_from_both_published_starts(name, start):
    certified = np.array(NIST[name]["certified"])
    found = minimise_squares(*problem(name), NIST[name]["starts"][start])
    least = 8 if name in OF_OUR_KIND else 7
    assert digits(found.params, certified) >= least
    if name != "Lanczos1":
        assert digits(found.sum_of_squares, NIST[name]["sum_of_squares"]) >= least


def test_differences_serve_where_no_jacobian_is_given():
    for name in ("Rat43", "MGH09", "Thurber"):
        residual, _ = problem(name)
        found = minimise_squares(residual, None, NIST[name]["starts"][1])
        assert digits(found.params, np.array(NIST[name]["certified"])) >= 6


def line(x, y):
    """Return a linear law, whose least loss other solvers know."""

    def evaluate(params, rows):
        columns = (-np.ones_like(x), -x)
        return Evaluation(y - params[:, :1] - params[:, 1:] * x, columns)

    return evaluate


def decay(x, y):
    """Return a law with curvature, ``exp(a - b x)``."""

    def evaluate(params, rows):
        fitted = np.exp(params[:, :1] - params[:, 1:] * x)

        def curvature(pull):
            terms = [-(pull * fitted * factor).sum(axis=1) for factor in (1.0, -x, x * x)]
            return np.stack([terms[:2], terms[1:]]).transpose(2, 0, 1)

        return Evaluation(y - fitted, (-fitted, fitted * x), curvature)

    return evaluate


@pytest.fixture
def records():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 2, 25)
    y = np.exp(0.5 - 0.7 * x) + 0.1 * rng.standard_t(2, 25)
    return x, y, rng.multinomial(25, np.full(25, 1 / 25), size=6).astype(float)


@pytest.mark.parametrize("tau", [0.5, 0.1])
def test_linear_quantiles_are_those_of_linear_programs(records, tau):
    x, y, weights = records
    found = minimise(line(x, y), np.zeros((6, 2)), weights, Pinball(tau))
    assert found.converged.all()
    a_eq = np.column_stack([np.ones(25), x, np.eye(25), -np.eye(25)])
    for w, loss in zip(weights, found.loss, strict=True):
        cost = np.concatenate([[0, 0], tau * w, (1 - tau) * w])
        bounds = [(None, None)] * 2 + [(0, None)] * 50
        best = linprog(cost, A_eq=a_eq, b_eq=y, bounds=bounds, method="highs").fun
        assert loss == pytest.approx(best, rel=1e-10)


@pytest.mark.parametrize("loss", [LeastSquares(), Huber(0.05), LeastAbsolute(), Pinball(0.8)])
def test_minima_of_a_curved_law_are_those_of_a_simplex_search(records, loss):
    x, y, weights = records
    found = minimise(decay(x, y), np.tile([0.0, 0.1], (6, 1)), weights, loss)
    assert found.converged.all()
    options = {"xatol": 1e-11, "fatol": 1e-13}
    for w, least in zip(weights, found.loss, strict=True):

        def total(theta, w=w):
            return w @ loss.value(y - np.exp(theta[0] - theta[1] * x))

        best = min(
            minimize(total, start, method="Nelder-Mead", options=options).fun
            for start in ([0.0, 0.1], [0.5, 0.7], [0.3, 1.5])
        )
        assert least == pytest.approx(best, rel=1e-7)
        assert least <= best * (1 + 1e-10)


@pytest.mark.parametrize("loss", [LeastSquares(), Huber(0.05), LeastAbsolute()])
def test_a_parameter_at_its_bound_stays_while_the_loss_falls_beyond_it(records, loss):
    x, y, weights = records
    free = minimise(decay(x, y), np.tile([0.0, 0.1], (6, 1)), weights, loss)
    cap = float(free.params[:, 1].min()) - 0.1
    bound = minimise(decay(x, y), np.tile([0.0, 0.1], (6, 1)), weights, loss, upper=(np.inf, cap))
    assert bound.params[:, 1] == pytest.approx(np.full(6, cap), abs=1e-12)
    for w, least, a in zip(weights, bound.loss, bound.params[:, 0], strict=True):
        for shift in (-1e-3, 1e-3):
            moved = w @ loss.value(y - np.exp(a + shift - cap * x))
            assert moved > least


def test_absolute_losses_find_minima_on_edges():
    """One parameter, y = b^2 + x: with few residuals at zero the curvature fixes the minimum."""

    def evaluate(params, rows):
        b = params[:, :1]
        x = np.array([0.0, 0.0])
        residual = np.array([1.0, -2.0]) - b * b + 3 * b + x
        return Evaluation(
            residual,
            (3 - 2 * b + 0 * x,),
            lambda pull: -2.0 * pull.sum(axis=1)[:, None, None],
        )

    # Below both lines the loss is smooth: |1 + 3b - b^2| + 3 |-2 + 3b - b^2| with a bend inside.
    weights = np.array([[1.0, 3.0]])
    found = minimise(evaluate, np.array([[1.4]]), weights, LeastAbsolute())

    def total(b):
        return abs(1 + 3 * b - b * b) + 3 * abs(-2 + 3 * b - b * b)

    near = np.linspace(found.params[0, 0] - 0.2, found.params[0, 0] + 0.2, 4001)
    assert found.converged[0]
    assert total(found.params[0, 0]) <= total(near).min() + 1e-9


def test_tied_records_do_no_harm():
    x = np.repeat(np.arange(6.0), 4)
    y = np.repeat([5.0, 3.0, 2.2, 1.4, 1.1, 0.6], 4)
    found = minimise(decay(x / 3, y), np.array([[1.0, 1.0]]), np.ones((1, 24)), LeastAbsolute())
    options = {"xatol": 1e-11, "fatol": 1e-13}
    best = min(
        minimize(
            lambda t: np.abs(y - np.exp(t[0] - t[1] * x / 3)).sum(),
            start,
            method="Nelder-Mead",
            options=options,
        ).fun
        for start in ([1.0, 1.0], [1.6, 1.2], [1.5, 0.9])
    )
    assert found.loss[0] <= best * (1 + 1e-9)


def test_a_start_without_a_loss_is_infinite():
    with np.errstate(all="ignore"):
        found = minimise(
            decay(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, np.nan])),
            np.array([[0.0, 0.1]]),
            np.ones((1, 3)),
            LeastSquares(),
        )
    assert np.isinf(found.loss[0])
    assert not found.converged[0]
