"""Covariances of a linear fit that stay honest when records depend on each other, and tests.

The residuals of a group enter a covariance multiplied by a symmetric function of the group's block
of the hat matrix, which has the eigenvalues of a k x k matrix. So no matrix is larger than the
smaller of the group's size and the number of parameters, and none is ever n x n.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NotIdentifiedError, TooFewGroupsError
from scalelaw.fit.linear import LinearFit, weighted_sums
from scalelaw.fit.resample import RADEMACHER, wild_weights
from scalelaw.fit.sample import Array

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR2", "CR3")
WORKING = ("inverse", "equal")

_ABSORBED = 1e-9
"""A direction in which a group has less than this left after the fit counts as fitted exactly."""

_CHUNK = 2_000_000
_TIE = 1e-9


@dataclass(frozen=True)
class Sandwich:
    """A heteroskedasticity- or cluster-robust covariance of a linear fit.

    Made by :func:`sandwich`.

    Parameters
    ----------
    fit : LinearFit
        The fit.
    kind : str
        One of `KINDS`.
    working : str
        One of `WORKING`.
    covariance : array, shape (k, k)
        Covariance of the estimates.
    regressors : array, shape (n, k)
        Basis of the design after the adjustment of each group: their products with the scaled
        residuals are summed by group.
    """

    fit: LinearFit
    kind: str
    working: str
    covariance: Array
    regressors: Array

    @property
    def std_errors(self) -> Array:
        """Standard errors, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))

    def std_error(self, contrast: Array) -> float:
        """Return the standard error of a linear combination of the parameters."""
        c = np.asarray(contrast, dtype=np.float64)
        return float(np.sqrt(c @ self.covariance @ c))

    def df(self, contrast: Array, satterthwaite: bool | None = None) -> float:
        """Return the degrees of freedom of the t statistic of a contrast.

        Parameters
        ----------
        contrast : array, shape (k,)
            Coefficients of the linear combination of the parameters.
        satterthwaite : bool, optional
            Whether they are those of the chi-square with the mean and variance that the estimated
            variance has under the working model. Without it they are for CR2 (Bell and
            McCaffrey), else groups less one (CR), or records less parameters (HC).

        References
        ----------
        Bell and McCaffrey, "Bias reduction in standard errors for linear regression with
        multi-stage samples", Survey Methodology 28 (2002); Imbens and Kolesar, "Robust standard
        errors in small samples", Review of Economics and Statistics 98 (2016).
        """
        if not (self.kind == "CR2" if satterthwaite is None else satterthwaite):
            fit = self.fit
            return float(fit.n_groups - 1 if self.kind.startswith("CR") else fit.df_residual)
        fit, index, groups = self.fit, *_groups(self.fit, self.kind)
        direction = fit.to_params.T @ np.asarray(contrast, dtype=np.float64)
        # The estimated variance is a sum of squares of one combination of the errors a group, whose
        # covariance is a diagonal less a product of thin matrices.
        a = self.regressors @ direction
        variance = fit.weights if self.working == "equal" else np.ones(fit.n_records)
        diagonal = np.bincount(index, weights=variance * a * a, minlength=groups)
        b = _group_sums(index, groups, a[:, None] * fit.basis)
        if self.working == "equal":
            d = _group_sums(index, groups, (variance * a)[:, None] * fit.basis)
            thin, middle = np.concatenate([b, d], axis=1), -_residual_change(fit)
        else:
            thin, middle = b, np.eye(fit.n_params)
        inner = np.einsum("gi,ij->gj", thin, middle)
        removed = (inner * thin).sum(axis=1)
        trace = float((diagonal - removed).sum())
        product = _products(thin, inner)
        squares = (diagonal**2).sum() - 2 * (diagonal * removed).sum() + (product * product.T).sum()
        return trace**2 / float(squares) if squares > 0 else float("nan")

    def interval(
        self, contrast: Array, level: float = 0.95, satterthwaite: bool | None = None
    ) -> tuple[float, float]:
        """Return the t interval of a linear combination of the parameters."""
        from scipy.special import stdtrit

        half = self.std_error(contrast)
        half *= float(stdtrit(self.df(contrast, satterthwaite), (1 + level) / 2))
        centre = float(np.asarray(contrast) @ self.fit.estimates)
        return centre - half, centre + half

    def p_value(
        self, contrast: Array, null: float = 0.0, satterthwaite: bool | None = None
    ) -> float:
        """Return the two-sided p value of the t test that a combination equals `null`."""
        from scipy.special import stdtr

        t = (float(np.asarray(contrast) @ self.fit.estimates) - null) / self.std_error(contrast)
        return 2 * float(stdtr(self.df(contrast, satterthwaite), -abs(t)))


def sandwich(fit: LinearFit, kind: str = "CR2", working: str = "inverse") -> Sandwich:
    """Return a robust covariance of a linear fit.

    Parameters
    ----------
    fit : LinearFit
        The fit.
    kind : {"HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR2", "CR3"}
        HC takes each record as independent, CR each group. 0 is the plain sandwich; 1 multiplies
        it for the degrees of freedom used, as statsmodels does; 2 multiplies residuals by the
        symmetric root of ``(I - H_gg)^-1``, which makes it unbiased under the working model; 3 by
        ``(I - H_gg)^-1``, which makes it the spread of the estimates without each group. Where a
        group is fitted exactly in some direction, such as by an effect of its own, the inverse is
        the pseudo-inverse.
    working : {"inverse", "equal"}
        Errors for which CR2, HC2 and degrees of freedom are exact: independent, with a variance
        inversely proportional to the weights (Bell and McCaffrey's definition for the regression
        scaled by the roots of the weights, as in statsmodels' HC2), or equal (as in clubSandwich
        for a weighted ``lm``).

    Returns
    -------
    Sandwich

    Raises
    ------
    TooFewGroupsError
        If there is one group only.

    References
    ----------
    MacKinnon and White, "Some heteroskedasticity-consistent covariance matrix estimators with
    improved finite sample properties", Journal of Econometrics 29 (1985); Bell and McCaffrey (2002,
    see :meth:`Sandwich.df`); Pustejovsky and Tipton, "Small-sample methods for cluster-robust
    variance estimation and hypothesis testing in fixed effects models", Journal of Business &
    Economic Statistics 36 (2018); Niccodemi, Alessie, Angelini, Mierau and Wansbeek, "Refining
    clustered standard errors with few clusters", University of Groningen (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from scalelaw.fit.linear import fit_linear
    >>> from scalelaw.fit.covariance import sandwich
    >>> x = np.arange(6.0)
    >>> design = np.stack([np.ones(6), x], axis=1)
    >>> fit = fit_linear(design, x + x % 2, index=np.array([0, 0, 1, 1, 2, 2]))
    >>> cr2 = sandwich(fit)
    >>> round(cr2.std_error(np.array([0.0, 1.0])), 4), round(cr2.df(np.array([0.0, 1.0])), 2)
    (0.0675, 1.24)
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    if working not in WORKING:
        raise ValueError(f"working must be one of {', '.join(WORKING)}")
    index, groups = _groups(fit, kind)
    if groups < 2:
        raise TooFewGroupsError("one group: its records may all depend on each other; add others")
    n = fit.n_records
    factor = 1.0
    if kind == "HC1":
        factor = n / fit.df_residual if fit.df_residual else np.nan
    elif kind == "CR1":
        factor = groups / (groups - 1) * ((n - 1) / fit.df_residual if fit.df_residual else np.nan)
    regressors = fit.basis
    if kind[-1] == "2" and working == "equal" and np.ptp(fit.weights) > 0:
        regressors = _equal_variance_regressors(fit, index)
    elif kind[-1] in "23":
        power = -0.5 if kind[-1] == "2" else -1.0
        regressors = _adjusted(fit, index, power)
    scores = _group_sums(index, groups, regressors * fit.scaled_residuals[:, None])
    root = np.einsum("pi,gi->gp", fit.to_params, scores)
    return Sandwich(fit, kind, working, factor * _products(root, root), regressors)


@dataclass(frozen=True)
class WildTest:
    """A wild cluster bootstrap test of a linear combination of the parameters.

    Made by :func:`wild_bootstrap`.

    Parameters
    ----------
    estimate, null : float
        The combination, and its value under the null hypothesis.
    statistic : float
        Its t statistic.
    p_value : float
        Share of replicates whose statistic is at least as far from zero.
    level : float
        Level of the interval.
    lower, upper : float
        Values that the test does not reject, as far as they lie together about the estimate;
        infinite where it never rejects.
    replicates : int
        Replicates used.
    enumerated : bool
        Whether they are all there are, so that the test has no noise of simulation.
    """

    estimate: float
    null: float
    statistic: float
    p_value: float
    level: float
    lower: float
    upper: float
    replicates: int
    enumerated: bool


def wild_bootstrap(
    fit: LinearFit,
    contrast: Array,
    null: float = 0.0,
    *,
    restricted: bool = True,
    multipliers: str = RADEMACHER,
    covariance: str = "CR1",
    replicates: int = 9999,
    level: float = 0.95,
    seed: int | np.random.SeedSequence = 0,
) -> WildTest:
    """Test a linear combination of the parameters by the wild cluster bootstrap of its t statistic.

    Everything comes from the cross products of each group, so the cost does not grow with records,
    and the test is inverted exactly: every replicate is a polynomial in the null value.

    Parameters
    ----------
    fit : LinearFit
        The fit; its groups are the clusters.
    contrast : array, shape (k,)
        Coefficients of the combination.
    null : float
        Value under the null hypothesis.
    restricted : bool
        Whether residuals are those of the fit under the null hypothesis (WCR, which keeps the size
        of the test best) or of the unrestricted one (WCU).
    multipliers : {"rademacher", "webb"}
        See :func:`scalelaw.fit.resample.wild_weights`. All combinations of signs are used instead
        of draws if there are no more of them than `replicates`.
    covariance : {"CR0", "CR1", "CR2", "CR3"}
        Kind of the standard error in the statistic.
    replicates : int
        Draws.
    level : float
        Level of the interval.
    seed : int or SeedSequence
        Seed of the draws.

    Raises
    ------
    NotIdentifiedError
        If the standard error of the combination is zero.

    References
    ----------
    Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors",
    Review of Economics and Statistics 90 (2008); MacKinnon, Nielsen and Webb, "Cluster-robust
    inference: a guide to empirical practice", Journal of Econometrics 232 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from scalelaw.fit.linear import fit_linear
    >>> from scalelaw.fit.covariance import wild_bootstrap
    >>> x = np.arange(12.0)
    >>> design = np.stack([np.ones(12), x], axis=1)
    >>> fit = fit_linear(design, x + np.cos(x), index=np.repeat(np.arange(6), 2))
    >>> test = wild_bootstrap(fit, np.array([0.0, 1.0]))
    >>> test.replicates, test.enumerated, round(test.p_value, 3)
    (64, True, 0.031)
    """
    if covariance not in ("CR0", "CR1", "CR2", "CR3"):
        raise ValueError("covariance must be one of CR0, CR1, CR2, CR3")
    c = np.asarray(contrast, dtype=np.float64)
    robust = sandwich(fit, covariance)
    estimate, se = float(c @ fit.estimates), robust.std_error(c)
    if not se > 0:
        raise NotIdentifiedError(
            "the combination has a standard error of zero: nothing to resample"
        )
    groups = _Wild.of(robust, c, se)
    every = multipliers == RADEMACHER and fit.n_groups < 62 and 2**fit.n_groups <= replicates
    seed = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    draws = (
        _all_signs(fit.n_groups)
        if every
        else _wild_blocks(fit.n_groups, replicates, seed, multipliers)
    )
    parts = [groups.statistics(v, restricted) for v in draws]
    numerator, variance = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))

    def p_value(shift: float) -> float:
        """Return the p value of the null hypothesis that lies `shift` below the estimate."""
        top = numerator[0] + shift * numerator[1]
        bottom = variance[0] + shift * (variance[1] + shift * variance[2])
        # Compared without division, for the standard error of a replicate may be zero.
        return float(np.mean((top * se) ** 2 >= shift**2 * bottom * (1 - _TIE)))

    shift = estimate - null
    return WildTest(
        estimate=estimate,
        null=null,
        statistic=shift / se,
        p_value=p_value(shift),
        level=level,
        lower=estimate - _bound(p_value, se, 1 - level),
        upper=estimate - _bound(p_value, -se, 1 - level),
        replicates=numerator.shape[1],
        enumerated=every,
    )


def diagnose(fit: LinearFit) -> "pd.DataFrame":
    """Return tests of what the classical regression assumes.

    Parameters
    ----------
    fit : LinearFit
        The fit; its design has a constant column.

    Returns
    -------
    pandas.DataFrame
        One row per test (``breusch_pagan``: does the variance of the errors follow the predictors;
        ``reset``: do squares and cubes of the fitted values add anything, as they do where the law
        bends), with ``statistic``, ``df``, ``df_denominator``, ``p_value``, ``question``, and
        ``ignores_groups``: both take records as independent, so with groups of many records they
        reject too often.

    References
    ----------
    Breusch and Pagan, Econometrica 47 (1979), in Koenker's form (1981); Ramsey, Journal of the
    Royal Statistical Society B 31 (1969).
    """
    import pandas as pd
    from statsmodels.api import WLS
    from statsmodels.stats.diagnostic import het_breuschpagan, linear_reset

    lagrange, p_lagrange, _, _ = het_breuschpagan(fit.scaled_residuals, fit.design)
    reset = linear_reset(WLS(fit.y, fit.design, fit.weights).fit(), power=3, use_f=True)
    clustered = fit.n_groups < fit.n_records
    rows = [
        (
            float(lagrange),
            fit.n_params - 1.0,
            np.nan,
            float(p_lagrange),
            "does the variance of the errors follow the predictors?",
            clustered,
        ),
        (
            float(np.squeeze(reset.fvalue)),
            float(reset.df_num),
            float(reset.df_denom),
            float(reset.pvalue),
            "do squares and cubes of the fitted values add anything?",
            clustered,
        ),
    ]
    columns = ["statistic", "df", "df_denominator", "p_value", "question", "ignores_groups"]
    return pd.DataFrame(rows, index=["breusch_pagan", "reset"], columns=columns)


@dataclass(frozen=True)
class _Wild:
    """Cross products of each group along a contrast, of which all replicates are made."""

    scores: Array
    restriction: Array
    direction: Array
    own: Array
    own_restriction: Array
    spread: Array
    factor: float

    @classmethod
    def of(cls, robust: Sandwich, contrast: Array, se: float) -> "_Wild":
        fit, index, groups = robust.fit, robust.fit.index, robust.fit.n_groups
        direction = fit.to_params.T @ contrast
        # Restricting the fit moves its coordinates by this for each unit of the combination.
        move = direction / float(direction @ direction)
        a, along = robust.regressors @ direction, fit.basis @ move
        residuals = fit.scaled_residuals
        owns = _group_sums(index, groups, np.stack([a * residuals, a * along], axis=1))
        return cls(
            scores=_group_sums(index, groups, fit.basis * residuals[:, None]),
            restriction=_group_sums(index, groups, fit.basis * along[:, None]),
            direction=direction,
            own=owns[:, 0],
            own_restriction=owns[:, 1],
            spread=_group_sums(index, groups, fit.basis * a[:, None]),
            factor=se**2 / float((owns[:, 0] ** 2).sum()),
        )

    def statistics(self, v: Array, restricted: bool) -> tuple[Array, Array]:
        """Return polynomials in the estimate less null: numerators (2, B), variances (3, B)."""
        moves, owns = [self.scores], [self.own]
        if restricted:
            moves.append(self.restriction)
            owns.append(self.own_restriction)
        crossed = [own[:, None] * self.spread for own in owns]
        sums = weighted_sums(v, np.concatenate([*moves, *crossed], axis=1))
        moved, crossings = np.split(sums.reshape(len(v), 2 * len(owns), -1), 2, axis=1)
        pairs = [(i, j) for i in range(len(owns)) for j in range(len(owns))]
        squares = weighted_sums(v * v, np.stack([owns[i] * owns[j] for i, j in pairs], axis=1))
        spreads = _products(self.spread, self.spread)
        numerator, variance = np.zeros((2, len(v))), np.zeros((3, len(v)))
        numerator[: len(owns)] = np.einsum("bmi,i->mb", moved, self.direction)
        for pair, (i, j) in enumerate(pairs):
            linear = np.einsum("bi,bi->b", crossings[:, i], moved[:, j])
            turned = np.einsum("bi,ij->bj", moved[:, i], spreads)
            square = np.einsum("bi,bi->b", turned, moved[:, j])
            variance[i + j] += self.factor * (squares[:, pair] - 2 * linear + square)
        return numerator, variance


def _all_signs(n_groups: int) -> Iterator[Array]:
    """Yield all combinations of signs, a few at a time."""
    rows = max(1, _CHUNK // n_groups)
    for start in range(0, 2**n_groups, rows):
        number = np.arange(start, min(start + rows, 2**n_groups))
        yield np.where(number[:, None] >> np.arange(n_groups) & 1, -1.0, 1.0)


def _wild_blocks(
    n_groups: int, replicates: int, seed: np.random.SeedSequence, kind: str
) -> Iterator[Array]:
    """Yield the multipliers of the bootstrap, a few replicates at a time."""
    rows = max(1, _CHUNK // n_groups)
    for number, start in enumerate(range(0, replicates, rows)):
        child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
        yield wild_weights(n_groups, min(rows, replicates - start), child, kind)


def _bound(p_value: Callable[[float], float], step: float, size: float) -> float:
    """Return the shift, in the direction of a step, at which the p value falls to a size."""
    near, far = 0.0, step / 8
    while p_value(far) > size:
        near, far = far, 1.25 * far
        if abs(far) > 1e8 * abs(step):
            return float(np.copysign(np.inf, step))
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if p_value(middle) > size else (near, middle)
    return far


def _groups(fit: LinearFit, kind: str) -> tuple[NDArray[np.intp], int]:
    """Return the independent unit of each record and the number of them."""
    if kind.startswith("CR"):
        return fit.index, fit.n_groups
    return np.arange(fit.n_records), fit.n_records


def _group_sums(index: NDArray[np.intp], groups: int, values: Array) -> Array:
    """Return the sums by group of values of shape (n, m), shape (groups, m)."""
    return np.stack(
        [np.bincount(index, weights=column, minlength=groups) for column in values.T], axis=1
    )


def _products(left: Array, right: Array) -> Array:
    """Return the sum over rows of the outer products of two matrices, in a fixed order."""
    across = np.ascontiguousarray(right.T)
    return np.array([(across * column).sum(axis=1) for column in np.ascontiguousarray(left.T)])


def _batches(index: NDArray[np.intp], width: int) -> Iterator[NDArray[np.intp]]:
    """Yield the records of groups of equal size, shape (groups, size), a few groups at a time."""
    order = np.argsort(index, kind="stable")
    sizes = np.bincount(index)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 0]):
        some = starts[sizes == size]
        count = max(1, _CHUNK // (int(size) * width))
        for first in range(0, len(some), count):
            yield order[some[first : first + count, None] + np.arange(size)]


def _power(values: Array, power: float) -> Array:
    """Return powers of eigenvalues, zero for those that are."""
    kept = values > _ABSORBED
    return np.where(kept, np.where(kept, values, 1.0) ** power, 0.0)


def _adjusted(fit: LinearFit, index: NDArray[np.intp], power: float) -> Array:
    """Return the basis with each group's block times a power of ``I - H_gg``.

    ``H_gg`` is ``U U'`` for the group's rows U of the basis, so that
    ``(I - U U')^p U = U (I - U'U)^p`` and the smaller of the two matrices is decomposed.
    """
    n, k = fit.basis.shape
    out = np.empty((n, k))
    for records in _batches(index, k):
        u = fit.basis[records]
        size = records.shape[1]
        if size == 1:
            left = 1.0 - (u * u).sum(axis=2)
            out[records] = u * _power(left, power)[:, :, None]
        elif size < k:
            values, vectors = np.linalg.eigh(np.einsum("gik,gjk->gij", u, u))
            inside = np.einsum("gij,gik->gjk", vectors, u)
            inside *= _power(1 - values, power)[:, :, None]
            out[records] = np.einsum("gij,gjk->gik", vectors, inside)
        else:
            values, vectors = np.linalg.eigh(np.einsum("gik,gil->gkl", u, u))
            inside = np.einsum("gik,gkl->gil", u, vectors) * _power(1 - values, power)[:, None, :]
            out[records] = np.einsum("gil,gkl->gik", inside, vectors)
    return out


def _residual_change(fit: LinearFit) -> Array:
    """Return what the fit adds to errors of equal variance, shape (2k, 2k).

    The covariance of the residuals is the identity plus ``S C S'`` for this C, where S is the basis
    divided, and beside it multiplied, by the roots of the weights.
    """
    k = fit.n_params
    eye, zero = np.eye(k), np.zeros((k, k))
    return np.block([[_products(fit.basis, fit.basis * fit.weights[:, None]), -eye], [-eye, zero]])


def _equal_variance_regressors(fit: LinearFit, index: NDArray[np.intp]) -> Array:
    """Return the adjusted basis of CR2 for errors of equal variance where weights differ.

    The covariance of a group's residuals is the identity but for a few directions, among which its
    inverse root is found.
    """
    n, k = fit.basis.shape
    root, change = np.sqrt(fit.weights), _residual_change(fit)
    out = np.empty((n, k))
    for records in _batches(index, 2 * k):
        u, r = fit.basis[records], root[records][:, :, None]
        within, size = np.concatenate([u / r, u * r], axis=2), records.shape[1]
        if size > 2 * k:
            directions, within = np.linalg.qr(within)
        else:
            directions = np.broadcast_to(np.eye(size), (len(u), size, size))
        turned = np.einsum("gia,ab->gib", within, change)
        values, vectors = np.linalg.eigh(np.einsum("gib,gjb->gij", turned, within))
        directions = np.einsum("gij,gjl->gil", directions, vectors)
        weighted = u * r
        inside = np.einsum("gil,gik->glk", directions, weighted)
        inside *= (_power(1 + values, -0.5) - 1)[:, :, None]
        out[records] = (weighted + np.einsum("gil,glk->gik", directions, inside)) / r
    return out
