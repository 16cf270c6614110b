"""Regressions from sufficient statistics, so that their cost does not grow with the sample.

Candidates are independent standard normal variables. Everything a regression needs of n samples is
X'X, X'y and y'y, and these can be drawn without drawing the samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import fsum
from operator import add

import numpy as np

from scalelaw.fit.sample import Array

PENALTIES_PER_DECADE = 6
PENALTY_DECADES = 4
_CHUNK = 3
_MAX_PASSES = 20_000


@dataclass(frozen=True)
class Sample:
    """Sufficient statistics of n samples of the candidates X and of noise e of variance 1.

    Parameters
    ----------
    n : int
        Samples.
    gram : array, shape (p, p)
        X'X.
    noise_xy : array, shape (p,)
        X'e.
    noise_square : float
        e'e.
    rows : tuple of array, optional
        X, shape (n, p), and e, shape (n,), where they were drawn themselves.
    """

    n: int
    gram: Array
    noise_xy: Array
    noise_square: float
    rows: tuple[Array, Array] | None = None


def draw_sample(n: int, p: int, rng: np.random.Generator) -> Sample:
    """Draw the statistics of n samples of p independent standard normal variables and noise.

    With more samples than variables X'X = LL' comes from the Bartlett decomposition: L is lower
    triangular with the square roots of chi-square variables of n, n - 1, ... degrees of freedom on
    its diagonal and standard normal variables below it. Given X, X'e has the distribution of Lz
    with z standard normal, and e'e that of z'z plus a chi-square of n - p degrees of freedom, the
    part of the noise that no candidate can explain. Otherwise X and e are drawn themselves.

    References
    ----------
    Bartlett, "On the theory of statistical regression", Proceedings of the Royal Society of
    Edinburgh 53 (1933), 260-283.
    """
    if n <= p:
        x, e = rng.standard_normal((n, p)), rng.standard_normal(n)
        return Sample(n, x.T @ x, x.T @ e, float(e @ e), (x, e))
    factor = np.zeros((p, p))
    factor[np.tri(p, k=-1, dtype=bool)] = rng.standard_normal(p * (p - 1) // 2)
    np.fill_diagonal(factor, np.sqrt(rng.chisquare(n - np.arange(p))))
    z = rng.standard_normal(p)
    return Sample(n, factor @ factor.T, factor @ z, float(z @ z + rng.chisquare(n - p)))


def merge(samples: Sequence[Sample]) -> Sample:
    """Return the statistics of several samples together."""
    rows = [s.rows for s in samples if s.rows is not None]
    together = len(rows) == len(samples)
    return Sample(
        sum(s.n for s in samples),
        reduce(add, [s.gram for s in samples]),
        reduce(add, [s.noise_xy for s in samples]),
        fsum(s.noise_square for s in samples),
        (np.concatenate([x for x, _ in rows]), np.concatenate([e for _, e in rows]))
        if together
        else None,
    )


def least_squares(sample: Sample, beta: Array, columns: Sequence[int]) -> tuple[Array, Array]:
    """Fit some of the variables by least squares, of minimum norm where they outnumber samples.

    The fit is linear in y = X beta + sd e, so it is returned in two parts and serves every sd.

    Parameters
    ----------
    sample : Sample
        The data.
    beta : array, shape (p,)
        True coefficients of all candidates.
    columns : sequence of int
        The variables in the model.

    Returns
    -------
    tuple of array, each of shape (p,)
        Coefficients a and b, zero outside the model, of which the fit is a + sd b.
    """
    from scipy.linalg import cho_factor, cho_solve

    found = np.zeros((len(beta), 2))
    inside = np.asarray(columns)
    if len(inside) > sample.n:
        if sample.rows is None:
            raise ValueError("more variables than samples need the samples themselves")
        x, e = sample.rows
        chosen = x[:, inside]
        dual = cho_solve(cho_factor(chosen @ chosen.T), np.stack([x @ beta, e], axis=1))
        found[inside] = chosen.T @ dual
    else:
        right = np.stack([sample.gram @ beta, sample.noise_xy], axis=1)[inside]
        found[inside] = cho_solve(cho_factor(sample.gram[np.ix_(inside, inside)]), right)
    return found[:, 0], found[:, 1]


@dataclass(frozen=True)
class Statistics:
    """What a regression of y on X needs: n, X'X, X'y and y'y."""

    n: int
    gram: Array
    xy: Array
    yy: float


def observe(sample: Sample, beta: Array, noise_sd: float) -> Statistics:
    """Return the statistics of y = X beta + noise_sd e."""
    signal = sample.gram @ beta
    yy = beta @ signal + 2 * noise_sd * (beta @ sample.noise_xy)
    return Statistics(
        sample.n,
        sample.gram,
        signal + noise_sd * sample.noise_xy,
        float(yy + noise_sd**2 * sample.noise_square),
    )


def lasso(data: Statistics, penalties: Array, start: Array | None = None) -> tuple[Array, int]:
    """Minimise |y - Xb|^2 / 2n + penalty |b|_1 by coordinate descent, for falling penalties.

    Parameters
    ----------
    data : Statistics
        The data.
    penalties : array, shape (m,)
        Penalties, falling; each fit starts from the one before.
    start : array, shape (p,), optional
        Coefficients to start from; zero by default.

    Returns
    -------
    coefficients : array, shape (p, m)
    passes : int
        Passes over all coordinates, of all penalties together.
    """
    from sklearn.linear_model import lasso_path

    p = len(data.xy)
    # With X'X and X'y given, lasso_path takes the number of samples from X, by which it multiplies
    # penalties, and y'y from y; one row that has them stands for all.
    _, coefficients, _, passes = lasso_path(
        np.zeros((1, p), order="F"),
        np.array([np.sqrt(data.yy)]),
        alphas=data.n * penalties,
        precompute=data.gram,
        Xy=data.xy,
        coef_init=None if start is None else start.copy(),
        check_input=False,
        return_n_iter=True,
        # Relative to y'y; a hundredth of what one coefficient's sampling error costs.
        tol=min(1e-4, 0.01 / data.n),
        max_iter=_MAX_PASSES,
    )
    return coefficients, int(np.sum(passes))


def cross_validated_lasso(
    whole: Statistics, folds: Sequence[Statistics], rests: Sequence[Statistics]
) -> tuple[Array, float, float]:
    """Fit a lasso whose penalty has the least squared error in cross-validation.

    Penalties fall from the smallest that leaves no variable, six per decade over at most four
    decades, and end early once the least error lies half a decade back.

    Parameters
    ----------
    whole : Statistics
        All data.
    folds, rests : sequence of Statistics
        The parts held out in turn, and all data without each.

    Returns
    -------
    coefficients : array, shape (p,)
    penalty : float
        The penalty chosen.
    passes : float
        Passes over all the data: those of each fold count by their share of the samples.
    """
    largest = float(np.abs(whole.xy).max()) / whole.n
    decades = np.arange(PENALTIES_PER_DECADE * PENALTY_DECADES + 1) / PENALTIES_PER_DECADE
    penalties = largest * 10**-decades
    starts: list[Array | None] = [None] * len(folds)
    losses: list[float] = []
    spent = 0.0
    while len(losses) < len(penalties) and len(losses) - np.argmin([*losses, np.inf]) <= _CHUNK:
        chunk = penalties[len(losses) : len(losses) + _CHUNK]
        loss = np.zeros(len(chunk))
        for i, (held_out, rest) in enumerate(zip(folds, rests, strict=True)):
            b, passes = lasso(rest, chunk, starts[i])
            starts[i] = b[:, -1]
            spent += passes * rest.n / whole.n
            loss += ((held_out.gram @ b - 2 * held_out.xy[:, None]) * b).sum(axis=0)
        losses += loss.tolist()
    best = int(np.argmin(losses))
    b, passes = lasso(whole, penalties[: best + 1])
    return b[:, -1], float(penalties[best]), spent + passes
