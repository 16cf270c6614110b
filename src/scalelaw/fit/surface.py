"""Loss as a function of parameters and tokens, and the allocation of compute that follows."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.losses import Huber, LeastSquares, Loss, Pinball
from scalelaw.fit.model import Model, Solutions
from scalelaw.fit.sample import Array, Sample

if TYPE_CHECKING:
    from scalelaw.fit.fit_result import FitResult, Note

Indices = NDArray[np.intp]

_HUBER = Huber(1e-3)

_CHUNK = 24_000
"""Records times rows that are worked on at once, so that they stay in the processor's cache."""

_STEEP = 1e9
"""One over the half width, relative to the response, to which corners are rounded in a descent."""

_EXPONENTS = np.concatenate([[-1.0, -0.3], np.geomspace(0.05, 8.0, 14)])
"""Exponents of the seeds, over the standard deviation of the logarithm of their predictor."""

_BLOCK = 2
"""The seed of least loss is polished in each block of so many exponents squared."""

_SUBSETS = np.array([[i >> j & 1 for j in range(3)] for i in range(1, 8)], dtype=np.float64)

_SEEDING = 2000
"""Records from which seeds are found, drawn at random where there are more."""

_FIRST_STEPS = 8
"""Steps that all seeds take before the best are chosen."""

_POLISHED = 16
"""Seeds that are polished to convergence."""

_SAMPLED = 48
"""Resampled estimates from which the second start of other resamplings is chosen."""

_SETTLED = 1e-3
_SHARPEN = 4.0
_HALVINGS = 10
"""Factor by which the rounding of the loss is narrowed in one step."""

_SINGULAR = 1e-13
"""Pivot of the scaled sum of squared derivatives below which parameters are undetermined."""

_APART = 0.95
"""Correlation of ln N and ln D above which their terms are hardly told apart."""


@dataclass(frozen=True)
class LossSurface(Model):
    """Loss of a model of N parameters trained on D tokens, ``E + A / N^alpha + B / D^beta``.

    The parameters are ``E``, ``A``, ``alpha``, ``B`` and ``beta``. The default, Huber's loss with
    delta 1e-3 of the residuals of ln loss, is that of Hoffmann et al. (2022); the sum over the
    records is minimised, not their mean. E is at least zero and may end at exactly zero, which
    gives the note ``floor_at_bound``; its intervals are therefore not built on its logarithm. The
    exponents are not bounded; a negative one gives the note ``not_falling``.

    Parameters
    ----------
    n, d, y : str
        Columns of parameters, tokens and loss, all positive; any units.
    estimator, residuals, replicates
        See :class:`scalelaw.fit.model.Model`.

    Notes
    -----
    Given the exponents the law is linear in E, A and B. Nonnegative least squares on a grid of
    exponents, reweighted for logarithms and robust losses (variable projection, Golub and Pereyra
    1973), therefore gives seeds. The best in each of 64 cells of the grid, and after a few steps
    the best 16 of those, are polished by Newton's method with exact second derivatives, the kink of
    the loss sharpened by degrees. Minima
    at which the data do not determine all five parameters are left out as long as there are others.
    With absolute or pinball loss the last step puts the fit exactly through the records that
    determine it, and the gradient norm is that of the least subgradient, up to 1e-6.

    References
    ----------
    Hoffmann et al., "Training compute-optimal large language models", arXiv:2203.15556 (2022);
    Besiroglu et al., "Chinchilla scaling: a replication attempt", arXiv:2404.10102 (2024).

    Examples
    --------
    >>> import pandas as pd
    >>> sizes = [1e8, 4e8, 1e9, 4e9]
    >>> data = pd.DataFrame(
    ...     [(n, d) for n in sizes for d in (2e9, 1e10, 5e10, 3e11)], columns=["params", "tokens"]
    ... )
    >>> data["loss"] = 1.8 + 480 / data["params"] ** 0.35 + 2100 / data["tokens"] ** 0.37
    >>> law = LossSurface(replicates=100).fit(data)
    >>> [round(float(value), 3) for value in law.params]
    [1.8, 480.0, 0.35, 2100.0, 0.37]
    >>> round(law.derive("N*", lambda p: optimal_size(p, 1e23)).value / 1e9, 1)
    31.3
    """

    n: str = "params"
    d: str = "tokens"
    y: str = "loss"
    estimator: Loss = field(default=_HUBER, kw_only=True)

    @property
    def x_names(self) -> tuple[str, ...]:
        """Columns of parameters and tokens."""
        return (self.n, self.d)

    @property
    def y_name(self) -> str:
        """Column of the loss."""
        return self.y

    @property
    def param_names(self) -> tuple[str, ...]:
        """``E``, ``A``, ``alpha``, ``B``, ``beta``."""
        return ("E", "A", "alpha", "B", "beta")

    @property
    def log_scale(self) -> tuple[bool, ...]:
        """Of A and B."""
        return (False, True, False, True, False)

    @property
    def profiled(self) -> tuple[str, ...]:
        """The irreducible loss."""
        return ("E",)

    def bounds(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        """Return the bounds of the working parameters: E is at least zero."""
        return ((0.0, np.inf), *super().bounds(sample)[1:])

    def centred(self, params: Array, x: Array) -> Array:
        """Return the parameters with both terms, in place of A and B, at a point amid the data."""
        working = self.working(params)
        working[:, 1] -= working[:, 2] * np.log(x[0])
        working[:, 3] -= working[:, 4] * np.log(x[1])
        return working

    def check(self, sample: Sample) -> None:
        """Raise unless N and D take three values each and vary apart.

        Raises
        ------
        NotIdentifiedError
            If one takes fewer values, or N is a power of D in all records, so that their terms can
            be exchanged.
        """
        for name, values in zip(self.x_names, np.log(sample.x).T, strict=True):
            distinct = 1 + int((np.diff(np.sort(values)) > 1e-9).sum())
            if distinct < 3:
                raise NotIdentifiedError(
                    f'"{name}" takes only {distinct} values, which leave its exponent open; add '
                    "records with a third"
                )
        if abs(_log_correlation(sample)) > 1 - 1e-9:
            raise NotIdentifiedError(
                f'"{self.n}" is a power of "{self.d}" in all records, so that their terms cannot '
                "be told apart; add records in which one varies without the other, or fit a law of "
                "compute"
            )

    def notes(self, result: "FitResult") -> list["Note"]:
        """Return warnings of terms that are hardly told apart, of E at zero, of rising terms."""
        from scalelaw.fit.fit_result import Note

        found = []
        if result.sample is not None:
            correlation = _log_correlation(result.sample)
            if abs(correlation) > _APART:
                found.append(
                    Note(
                        "no_variation_apart",
                        "warning",
                        f"ln {self.n} and ln {self.d} are correlated {correlation:.3f}: their "
                        "terms are hardly told apart; add records in which one varies alone",
                        {"correlation": correlation},
                    )
                )
        floor, _, alpha, _, beta = (float(value) for value in result.estimates)
        if floor == 0:
            found.append(
                Note(
                    "floor_at_bound",
                    "warning",
                    "the irreducible loss E is at its bound, zero: these data show no floor",
                )
            )
        rising = [name for name, value in ((self.n, alpha), (self.d, beta)) if value <= 0]
        if rising:
            found.append(
                Note(
                    "not_falling",
                    "error",
                    f"the loss does not fall with {' and '.join(rising)}: no allocation of compute "
                    "follows",
                    {"columns": rising},
                )
            )
        return found

    def evaluate(self, params: Array, x: Array) -> Array:
        """Return the loss, shape (..., m), at N and D, shape (m, 2); infinite where too large."""
        params = np.asarray(params, dtype=np.float64)
        ln_n, ln_d = np.log(np.asarray(x, dtype=np.float64)).T
        with np.errstate(all="ignore"):
            e, a, alpha, b, beta = np.moveaxis(params[..., None], -2, 0)
            return np.asarray(
                e + np.exp(np.log(a) - alpha * ln_n) + np.exp(np.log(b) - beta * ln_d)
            )

    def solve(
        self, sample: Sample, y: Array, weights: Array, start: Array | None = None
    ) -> Solutions:
        """Minimise the loss for each row of weights, see :meth:`scalelaw.fit.model.Model.solve`.

        Each row also descends from whichever fits it best of the other minima for all records and
        48 resampled estimates.
        """
        weights = np.asarray(weights, dtype=np.float64)
        problem = _Problem.of(sample, np.asarray(y), self.estimator, self.residuals == "log")
        usable = np.flatnonzero((weights > 0).sum(axis=1) >= 5)
        if start is None:
            theta, rows, slope = _global_starts(problem, weights, usable)
        else:
            whole = replace(problem, target=problem.of_response(sample.y))
            theta, rows, slope = _local_starts(
                problem, whole, sample.weights, problem.to_working(start), weights, usable
            )
        theta, _ = _descend(problem, theta, weights, rows, slope)
        gradient, identified = problem.diagnose(theta, weights, rows)
        if problem.kinked:
            theta = _through_records(problem, theta, weights, rows)
        loss = problem.loss(theta, weights, rows)
        perfect = weights.sum(axis=1) * problem.rounding(1e-12)
        return _best(problem, theta, loss, gradient, identified, rows, perfect)


def optimal_size(params: Array, flop: ArrayLike, *, flop_per_param_token: float = 6.0) -> Array:
    """Return the number of parameters N* that minimises the loss for a compute C = k N D.

    ``N* = (alpha A / (beta B))^(1/(alpha+beta)) (C/k)^(beta/(alpha+beta))``, as in Hoffmann et al.
    (2022), equation 4.

    Parameters
    ----------
    params : array, shape (..., 5)
        E, A, alpha, B and beta of :class:`LossSurface`.
    flop : float or array
        Training compute C in FLOP; broadcast against the leading axes of `params`.
    flop_per_param_token : float
        The factor k.

    Returns
    -------
    array
        NaN where an exponent or amplitude is not positive.
    """
    _, a, alpha, b, beta = _positive(params)
    log_product = np.log(np.asarray(flop, dtype=np.float64) / flop_per_param_token)
    log_ratio = np.log(alpha) + np.log(a) - np.log(beta) - np.log(b)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp((log_ratio + beta * log_product) / (alpha + beta)))


def optimal_tokens(params: Array, flop: ArrayLike, *, flop_per_param_token: float = 6.0) -> Array:
    """Return the number of tokens D* = C / (k N*) that minimises the loss for a compute.

    Parameters and result as in :func:`optimal_size`.
    """
    _, a, alpha, b, beta = _positive(params)
    log_product = np.log(np.asarray(flop, dtype=np.float64) / flop_per_param_token)
    log_ratio = np.log(alpha) + np.log(a) - np.log(beta) - np.log(b)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp((alpha * log_product - log_ratio) / (alpha + beta)))


def optimal_loss(params: Array, flop: ArrayLike, *, flop_per_param_token: float = 6.0) -> Array:
    """Return the least loss that a compute allows, at N* and D*.

    Parameters and result as in :func:`optimal_size`.
    """
    e, a, alpha, b, beta = _positive(params)
    k = flop_per_param_token
    log_n = np.log(optimal_size(params, flop, flop_per_param_token=k))
    log_d = np.log(optimal_tokens(params, flop, flop_per_param_token=k))
    with np.errstate(over="ignore"):
        return np.asarray(e + np.exp(np.log(a) - alpha * log_n) + np.exp(np.log(b) - beta * log_d))


def tokens_per_parameter(
    params: Array, flop: ArrayLike, *, flop_per_param_token: float = 6.0
) -> Array:
    """Return D* / N*, the tokens for each parameter at the optimum.

    Parameters and result as in :func:`optimal_size`.
    """
    k = flop_per_param_token
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(
            optimal_tokens(params, flop, flop_per_param_token=k)
            / optimal_size(params, flop, flop_per_param_token=k)
        )


def size_exponent(params: Array) -> Array:
    """Return a = beta / (alpha + beta), with which N* grows as C^a; NaN as in `optimal_size`."""
    _, _, alpha, _, beta = _positive(params)
    return np.asarray(beta / (alpha + beta))


def token_exponent(params: Array) -> Array:
    """Return b = alpha / (alpha + beta), with which D* grows as C^b; NaN as in `optimal_size`."""
    _, _, alpha, _, beta = _positive(params)
    return np.asarray(alpha / (alpha + beta))


def _positive(params: Array) -> Array:
    """Return the parameters along the first axis, NaN where an optimum does not exist."""
    split = np.moveaxis(np.asarray(params, dtype=np.float64), -1, 0)
    return np.where((split[1:] > 0).all(axis=0), split, np.nan)


def _log_correlation(sample: Sample) -> float:
    return float(np.corrcoef(np.log(sample.x).T)[0, 1])


@dataclass(frozen=True)
class _Problem:
    """The loss and its derivatives in working units.

    The working parameters are E / scale, ln(A / scale) - alpha mean(ln N), alpha sd(ln N) and the
    same two for D, all of order one whatever the units. Arrays of them have shape (5, m), each
    column with its row of weights. The loss of a residual r has the derivative clip(k r, low,
    high), with k = `slope`, or with k infinite where it has a kink.
    """

    u: Array
    v: Array
    monomials: Array
    target: Array
    log: bool
    low: float
    high: float
    slope: float
    kinked: bool
    scale: float
    centre: Array
    spread: Array

    @classmethod
    def of(cls, sample: Sample, y: Array, estimator: Loss, log: bool) -> "_Problem":
        """Return the problem of a sample with a response."""
        logs = np.log(sample.x)
        centre, spread = logs.mean(axis=0), logs.std(axis=0)
        u, v = ((logs - centre) / spread).T
        monomials = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], axis=1)
        scale = float(np.exp(np.log(sample.y).mean()))
        kinked = False
        if isinstance(estimator, LeastSquares):
            low, high, slope = -np.inf, np.inf, 2.0
        elif isinstance(estimator, Huber):
            high = estimator.delta / (1.0 if log else scale)
            low, slope = -high, 1.0
        else:
            high = estimator.tau if isinstance(estimator, Pinball) else 1.0
            low = high - 1 if isinstance(estimator, Pinball) else -1.0
            slope, kinked = _STEEP, True
        problem = cls(u, v, monomials, y, log, low, high, slope, kinked, scale, centre, spread)
        return replace(problem, target=problem.of_response(y))

    def of_response(self, y: Array) -> Array:
        """Return what is compared with the law, shape (1 or B, n)."""
        with np.errstate(invalid="ignore"):
            return np.atleast_2d(np.log(y / self.scale) if self.log else y / self.scale)

    def to_working(self, params: Array) -> Array:
        """Return working parameters, shape (5, 1), of parameters of shape (5,)."""
        e, a, alpha, b, beta = params
        with np.errstate(divide="ignore"):
            heights = np.log(np.array([a, b]) / self.scale) - np.array([alpha, beta]) * self.centre
        exponents = np.array([alpha, beta]) * self.spread
        return np.array(
            [[e / self.scale], [heights[0]], [exponents[0]], [heights[1]], [exponents[1]]]
        )

    def to_params(self, theta: Array) -> Array:
        """Return parameters, shape (m, 5)."""
        alpha, beta = theta[2] / self.spread[0], theta[4] / self.spread[1]
        with np.errstate(over="ignore"):
            a = np.exp(theta[1] + alpha * self.centre[0] + np.log(self.scale))
            b = np.exp(theta[3] + beta * self.centre[1] + np.log(self.scale))
        return np.stack([theta[0] * self.scale, a, alpha, b, beta], axis=1)

    def targets(self, rows: Indices) -> Array:
        """Return the response of some rows."""
        return self.target if len(self.target) == 1 else self.target[rows]

    def slopes(self, width: Array) -> Array:
        """Return the k at which residuals up to a width are on the rounded part of the loss."""
        if not np.isfinite(self.high):
            return np.full(np.shape(width), self.slope)
        with np.errstate(divide="ignore"):
            return np.minimum(self.slope, max(self.high, -self.low) / width)

    def terms(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return both terms of the law and its value, shape (m, n)."""
        first = np.exp(theta[1, :, None] - theta[2, :, None] * self.u)
        second = np.exp(theta[3, :, None] - theta[4, :, None] * self.v)
        return first, second, theta[0, :, None] + first + second

    def loss_of(self, residual: Array) -> Array:
        """Return the loss of residuals in working units."""
        if self.kinked:
            return np.maximum(self.low * residual, self.high * residual)
        psi = np.clip(self.slope * residual, self.low, self.high)
        return np.asarray(psi * (residual - psi / (2 * self.slope)))

    def rounding(self, relative: float) -> float:
        """Return the loss of one residual that is this small."""
        return float(self.loss_of(np.array([relative, -relative])).max())

    def residuals(self, theta: Array, rows: Indices) -> Array:
        """Return the residuals, shape (m, n)."""
        total = self.terms(theta)[2]
        return self.targets(rows) - (np.log(total) if self.log else total)

    def loss(self, theta: Array, weights: Array, rows: Indices) -> Array:
        """Return the weighted sum of the loss, infinite where it cannot be computed."""
        found = np.empty(len(rows))
        for part in self.chunks(len(rows)):
            with np.errstate(all="ignore"):
                each = self.loss_of(self.residuals(theta[:, part], rows[part]))
                found[part] = np.einsum("mn,mn->m", weights[rows[part]], each)
        return np.where(np.isfinite(found), found, np.inf)

    def chunks(self, m: int) -> list[slice]:
        """Return slices of m rows."""
        size = max(1, _CHUNK // len(self.u))
        return [slice(i, i + size) for i in range(0, m, size)]

    def jacobian(self, theta: Array) -> Array:
        """Return the derivatives of what is compared with the response, shape (m, 5, n)."""
        first, second, total = self.terms(theta)
        rows = np.stack([np.ones_like(first), first, -first * self.u, second, -second * self.v], 1)
        return rows / total[:, None] if self.log else rows

    def diagnose(self, theta: Array, weights: Array, rows: Indices) -> tuple[Array, "Array"]:
        """Return the relative gradient norm, and whether all parameters are determined."""
        norm, determined = np.empty(len(rows)), np.empty(len(rows), dtype=bool)
        for part in self.chunks(len(rows)):
            with np.errstate(all="ignore"):
                slope = self.jacobian(theta[:, part])
                residual = self.residuals(theta[:, part], rows[part])
                psi = np.clip(self.slope * residual, self.low, self.high)
                share = weights[rows[part]]
                pull = (share * psi)[:, None] * slope
                gradient, size = -pull.sum(axis=2), np.abs(pull).sum(axis=2)
                gradient[(theta[0, part] == 0) & (gradient[:, 0] > 0), 0] = 0.0
                relative = np.where(size > 0, np.abs(gradient) / size, 0.0)
                norm[part] = relative.max(axis=1)
                gram = np.moveaxis((slope * share[:, None]) @ slope.transpose(0, 2, 1), 0, -1)
                diagonal = gram[np.arange(5), np.arange(5)]
                pivots = _newton_step(np.zeros_like(diagonal), gram, 0.0)[1]
                visible = diagonal[1:] > 1e-16 * diagonal[0]
                determined[part] = (pivots > _SINGULAR) & visible.all(axis=0)
        return norm, determined

    def step_length(
        self, theta: Array, step: Array, weights: Array, rows: Indices, slope: Array
    ) -> Array:
        """Return the share of each step at which the loss of linearised residuals is least."""
        share = np.empty(len(rows))
        for part in self.chunks(len(rows)):
            with np.errstate(all="ignore"):
                residual = self.residuals(theta[:, part], rows[part])
                change = np.einsum("mpn,pm->mn", self.jacobian(theta[:, part]), step[:, part])
                pull = weights[rows[part]] * change
                k = slope[part, None]
                low, high = np.zeros(len(residual)), np.ones(len(residual))
                at_low, at_high = np.full(len(residual), np.inf), np.full(len(residual), -np.inf)
                for _ in range(_HALVINGS):
                    middle = 0.5 * (low + high)
                    psi = np.clip(k * (residual - middle[:, None] * change), self.low, self.high)
                    fall = np.einsum("mn,mn->m", pull, psi)
                    on = fall > 0
                    low, at_low = np.where(on, middle, low), np.where(on, fall, at_low)
                    high, at_high = np.where(on, high, middle), np.where(on, at_high, fall)
                inside = at_low / (at_low - at_high)
                share[part] = low + (high - low) * np.where(np.isfinite(inside), inside, 0.5)
        return share

    def derivatives(
        self, theta: Array, weights: Array, rows: Indices, slope: Array, band: Array
    ) -> tuple[Array, Array, Array]:
        """Return the loss, shape (m,), its gradient (5, m) and Hessian (5, 5, m).

        The loss is rounded to `slope`. Where `band` is less, residuals count as on the rounded part
        as though it were `band`: Newton's step then leads from the minimum of a loss rounded to
        `band` to near that of one rounded to `slope`, with the same records on the rounded part.
        """
        m = len(rows)
        value, gradient, hessian = np.empty(m), np.empty((5, m)), np.empty((5, 5, m))
        for part in self.chunks(m):
            chunk = rows[part]
            with np.errstate(all="ignore"):
                found = self._derivatives(
                    theta[:, part, None],
                    self.targets(chunk),
                    weights[chunk],
                    slope[part, None],
                    band[part, None],
                )
            value[part], gradient[:, part], hessian[:, :, part] = found
        return value, gradient, hessian

    def _derivatives(
        self, theta: Array, target: Array, weights: Array, slope: Array, band: Array
    ) -> tuple[Array, Array, Array]:
        first = np.exp(theta[1] - theta[2] * self.u)
        second = np.exp(theta[3] - theta[4] * self.v)
        total = first + second
        total += theta[0]
        # With f what is compared with the response, its gradient is (p0, p1, -p1 u, p2, -p2 v), and
        # its Hessian that of the terms, p1 and p2 times (1, u, u^2), less for logarithms the square
        # of the gradient. Sums over records of products of two p with powers of u and v give all.
        if self.log:
            residual = target - np.log(total)
            zeroth = 1 / total
            first *= zeroth
            second *= zeroth
        else:
            residual = target - total
            zeroth = np.ones_like(total)
        raw = band * residual
        psi = np.clip(raw, self.low, self.high)
        bend = np.where(psi == raw, weights * slope, 0.0)
        if (band < slope).any():
            true = np.clip(slope * residual, self.low, self.high)
            value = np.einsum("mn,mn->m", weights * true, residual - true / (2 * slope))
            pull = weights * np.where(psi == raw, slope * residual, psi)
        else:
            pull = weights * psi
            value = np.einsum("mn,mn->m", pull, residual - psi / (2 * slope))
        if self.log:
            bend += pull
        products = np.empty((len(weights), 9, len(self.u)))
        np.multiply(pull, zeroth, out=products[:, 6])
        np.multiply(pull, first, out=products[:, 7])
        np.multiply(pull, second, out=products[:, 8])
        part = bend * zeroth
        np.multiply(part, zeroth, out=products[:, 0])
        np.multiply(part, first, out=products[:, 1])
        np.multiply(part, second, out=products[:, 2])
        np.multiply(bend, first, out=part)
        np.multiply(part, second, out=products[:, 4])
        part *= first
        np.subtract(part, products[:, 7], out=products[:, 3])
        bend *= second
        bend *= second
        np.subtract(bend, products[:, 8], out=products[:, 5])
        # One small product for each row, so that no row depends on how many there are.
        s = np.moveaxis(products @ self.monomials, 0, -1)
        one, u, v, uu, vv, uv = range(6)
        gradient = np.stack([-s[6, one], -s[7, one], s[7, u], -s[8, one], s[8, v]])
        upper = [
            [s[0, one], s[1, one], -s[1, u], s[2, one], -s[2, v]],
            [s[3, one], -s[3, u], s[4, one], -s[4, v]],
            [s[3, uu], -s[4, u], s[4, uv]],
            [s[5, one], -s[5, v]],
            [s[5, vv]],
        ]
        hessian = np.empty((5, 5, len(weights)))
        for i, entries in enumerate(upper):
            for j, entry in enumerate(entries):
                hessian[i, i + j] = hessian[i + j, i] = entry
        return value, gradient, hessian


def _newton_step(gradient: Array, hessian: Array, damping: Array | float) -> tuple[Array, Array]:
    """Return damped Newton steps and the least pivot, from factors with pivots kept positive."""
    p = len(gradient)
    entry = np.arange(p)
    diagonal = np.abs(hessian[entry, entry])
    scale = np.sqrt(np.maximum(diagonal, 1e-14 * diagonal.max(axis=0)) + 1e-300)
    matrix = hessian / (scale[:, None] * scale[None])
    matrix[entry, entry] += damping
    step = -gradient / scale
    pivots, ratios = [], []
    least = np.full(gradient.shape[1], np.inf)
    for j in range(p):
        least = np.minimum(least, matrix[j, j])
        pivot = np.maximum(np.abs(matrix[j, j]), 1e-14)
        column = matrix[j + 1 :, j].copy()
        ratio = column / pivot
        matrix[j + 1 :, j + 1 :] -= ratio[:, None] * column[None]
        step[j + 1 :] -= ratio * step[j]
        pivots.append(pivot)
        ratios.append(ratio)
    for j in range(p - 1, -1, -1):
        step[j] /= pivots[j]
        if j < p - 1:
            step[j] -= (ratios[j] * step[j + 1 :]).sum(axis=0)
    return step / scale, least


def _bounded_step(theta: Array, gradient: Array, hessian: Array, damping: Array) -> Array:
    """Return damped Newton steps that keep E at least zero, no parameter moved by more than 2."""
    step = _newton_step(gradient, hessian, damping)[0]
    beyond = np.flatnonzero(theta[0] + step[0] < 0)
    if len(beyond):
        # The quadratic model's minimum under E >= 0 then has E = 0.
        fixed = -theta[0, beyond]
        step[0, beyond] = fixed
        step[1:, beyond] = _newton_step(
            gradient[1:, beyond] + hessian[1:, 0, beyond] * fixed,
            hessian[1:, 1:, beyond],
            damping[beyond],
        )[0]
    freed = np.flatnonzero((theta[0] <= 0) & (gradient[0] < 0) & (step[0] <= 0))
    if len(freed):
        # Only an indefinite matrix keeps E at zero though the loss falls with it: move it alone.
        step[:, freed] = 0.0
        curvature = np.abs(hessian[0, 0, freed]) * (1 + damping[freed])
        step[0, freed] = -gradient[0, freed] / curvature
    step /= np.maximum(1.0, np.abs(step).max(axis=0) / 2.0)
    step[0] = np.maximum(step[0], -theta[0])
    return step


def _free_gradient(theta: Array, gradient: Array) -> Array:
    """Return the largest component of the gradient that no bound holds."""
    size = np.abs(gradient)
    size[0, (theta[0] <= 0) & (gradient[0] > 0)] = 0.0
    return np.asarray(size.max(axis=0))


def _descend(
    problem: _Problem,
    theta: Array,
    weights: Array,
    rows: Indices,
    slope: Array,
    most: int = 200,
) -> tuple[Array, Array]:
    """Minimise from starting points, each under its row of weights, by damped Newton steps.

    The loss is first rounded, to `slope`, and sharpened as a row settles. Where a step does not
    lower the loss, its best share with linearised residuals is tried, then more damping. Each row
    takes its own steps: none depends on which others there are.

    Returns
    -------
    theta : array, shape (5, m)
        Working parameters.
    slope : array, shape (m,)
        How far the loss was sharpened.
    """
    theta, slope = theta.copy(), slope.copy()
    value, gradient, hessian = problem.derivatives(theta, weights, rows, slope, slope)
    damping = np.zeros(len(rows))
    band = slope.copy()
    lost = np.zeros(len(rows), dtype=bool)
    sums = weights.sum(axis=1)[rows]
    allowance = _SETTLED * sums / len(problem.u)
    perfect = sums * problem.rounding(1e-14)
    if np.isfinite(problem.high):
        allowance *= max(problem.high, -problem.low) ** 2
    active = np.flatnonzero(np.isfinite(value) & np.isfinite(hessian).all(axis=(0, 1)))
    for _ in range(most):
        if not len(active):
            break
        here, g = theta[:, active], gradient[:, active]
        before, old, k = damping[active], value[active], slope[active]
        with np.errstate(all="ignore"):
            step = _bounded_step(here, g, hessian[:, :, active], before)
        step[:, lost[active]] = 0.0
        expected = -(g * step).sum(axis=0)
        ordinary = (band[active] == k) & ~lost[active]
        settled = ordinary & (expected >= 0) & (expected <= 1e-11 * old)
        sharpen = ordinary & (k < problem.slope) & (np.abs(expected) <= allowance[active] / k)
        trial = here + step
        next_k = np.where(sharpen, np.minimum(k * _SHARPEN, problem.slope), k)
        v, new_g, new_h = problem.derivatives(trial, weights, rows[active], next_k, k)
        flatter = _free_gradient(trial, new_g) < _free_gradient(here, g)
        good = (v < old) | (settled & flatter & (v <= old * (1 + 1e-12))) | sharpen | lost[active]
        good &= np.isfinite(v) & np.isfinite(new_h).all(axis=(0, 1))
        short = np.flatnonzero(~good & ~settled & np.isfinite(step).all(axis=0))
        if len(short):
            chosen = rows[active[short]]
            share = problem.step_length(here[:, short], step[:, short], weights, chosen, k[short])
            trial[:, short] = here[:, short] + share * step[:, short]
            found = problem.derivatives(trial[:, short], weights, chosen, k[short], k[short])
            v[short], new_g[:, short], new_h[:, :, short] = found
            good[short] = (v[short] < old[short]) & np.isfinite(new_h[:, :, short]).all(axis=(0, 1))
        # A leap to a sharper loss that did not lower it is taken back.
        lost[active] = ~good & (band[active] < k)
        band[active] = k
        taken = active[good]
        theta[:, taken], slope[taken], value[taken] = trial[:, good], next_k[good], v[good]
        gradient[:, taken], hessian[:, :, taken] = new_g[:, good], new_h[:, :, good]
        damping[active] = np.where(
            good | lost[active],
            np.where(before < 1e-6, 0.0, before / 10),
            np.maximum(before * 6, 1e-3),
        )
        done = (k >= problem.slope) & settled & (~good | (expected <= 1e-26 * old))
        done |= (k >= problem.slope) & (value[active] <= perfect[active])
        active = active[~done & (before < 1e8)]
    return theta, slope


def _through_records(problem: _Problem, theta: Array, weights: Array, rows: Indices) -> Array:
    """Move fits by absolute or pinball loss exactly through the records that they all but pass.

    The least change of the parameters that makes those residuals zero; it leaves the other
    directions, in which the loss is smooth and at its minimum, alone.
    """
    found = theta.copy()
    # Five records determine the law; some more, and copies of the same record, may be as near.
    records = np.stack([problem.u, problem.v, problem.target[0]])
    copies = int(np.unique(records, axis=1, return_counts=True)[1].max())
    count = min(5 * copies + 3, len(problem.u))
    for part in problem.chunks(len(rows)):
        chunk, here = rows[part], theta[:, part]
        with np.errstate(all="ignore"):
            size = np.abs(problem.residuals(here, chunk))
            size[weights[chunk] <= 0] = np.inf
            near = np.argsort(size, axis=1, kind="stable")[:, :count]
            kept = np.take_along_axis(size, near, axis=1) <= 2 / _STEEP
            for _ in range(3):
                residual = np.take_along_axis(problem.residuals(here, chunk), near, axis=1)
                slope = np.take_along_axis(problem.jacobian(here), near[:, None], axis=2)
                slope = np.where(kept[:, None], slope, 0.0)
                slope[here[0] <= 0, 0] = 0.0
                usable = np.isfinite(slope).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1)
                slope[~usable], residual[~usable] = 0.0, 0.0
                inverse = np.linalg.pinv(slope.transpose(0, 2, 1), rcond=1e-11)
                change = np.einsum("mpk,mk->pm", inverse, np.where(kept, residual, 0.0))
                here = here + change
                here[0] = np.maximum(here[0], 0.0)
        found[:, part] = here
    better = problem.loss(found, weights, rows) <= problem.loss(theta, weights, rows)
    return np.where(better, found, theta)


def _global_starts(
    problem: _Problem, weights: Array, usable: Indices
) -> tuple[Array, Indices, Array]:
    """Return working parameters to descend from, the row of each, and how far to round the loss.

    They are the best of the seeds of each row after a few steps.
    """
    thetas, slopes = [np.empty((5, 0))], [np.empty(0)]
    for row in usable:
        theta, width = _seeds(problem, problem.targets(np.array([row]))[0], weights[row])
        thetas.append(theta)
        slopes.append(problem.slopes(3 * width))
    seeds = (len(_EXPONENTS) // _BLOCK) ** 2
    rows = np.repeat(usable, seeds)
    theta, slope = _descend(
        problem, np.concatenate(thetas, axis=1), weights, rows, np.concatenate(slopes), _FIRST_STEPS
    )
    loss = problem.loss(theta, weights, rows).reshape(-1, seeds)
    best = np.argsort(loss, axis=1, kind="stable")[:, :_POLISHED]
    kept = (best + seeds * np.arange(len(usable))[:, None]).ravel()
    return theta[:, kept], rows[kept], slope[kept]


def _local_starts(
    problem: _Problem, whole: _Problem, base: Array, start: Array, weights: Array, usable: Indices
) -> tuple[Array, Indices, Array]:
    """Return the same for resamplings: the estimate for all records and another that fits well.

    The latter comes from a list that depends on the records alone, not on the resamplings.
    """
    zero = np.zeros(1, dtype=np.intp)
    near = problem.slopes(0.3 * np.median(np.abs(whole.residuals(start, zero))))
    theta, rows, slope = _global_starts(whole, base[None], zero)
    minima, _ = _descend(whole, theta, base[None], rows, slope)
    n = len(base)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_SAMPLED) * base
    sampled, _ = _descend(
        whole,
        np.repeat(start, _SAMPLED, axis=1),
        drawn,
        np.arange(_SAMPLED),
        np.full(_SAMPLED, near),
    )
    listed = np.concatenate([minima, sampled], axis=1)
    # What is the same minimum as the first start would make the second one idle.
    first = whole.loss(start, base[None], zero)
    again = whole.loss(listed, np.broadcast_to(base, (1, n)), np.zeros(listed.shape[1], np.intp))
    listed = listed[:, np.abs(again - first) > 1e-6 * first]
    starts = [np.repeat(start, len(usable), axis=1)]
    if listed.shape[1]:
        starts.append(_fittest(problem, listed, weights, usable))
    m = len(starts) * len(usable)
    return np.concatenate(starts, axis=1), np.tile(usable, len(starts)), np.full(m, near)


def _fittest(problem: _Problem, candidates: Array, weights: Array, usable: Indices) -> Array:
    """Return for each row the candidate with the least loss."""
    with np.errstate(all="ignore"):
        total = problem.terms(candidates)[2]
        fitted = np.log(total) if problem.log else total
        chosen = []
        shared = problem.loss_of(problem.target - fitted).T if len(problem.target) == 1 else None
        for part in problem.chunks(len(usable)):
            chunk = usable[part]
            if shared is not None:
                loss = (weights[chunk][:, None] @ shared)[:, 0]
            else:
                each = problem.loss_of(problem.target[chunk][:, None] - fitted)
                loss = np.einsum("mn,mkn->mk", weights[chunk], each)
            chosen.append(np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=1))
    picks = np.concatenate(chosen) if chosen else usable[:0]
    return candidates[:, picks]


def _seeds(problem: _Problem, target: Array, weights: Array) -> tuple[Array, Array]:
    """Return working parameters from a grid of exponents, shape (5, m), and residual widths."""
    few = np.flatnonzero(weights > 0)
    if len(few) > _SEEDING:
        few = np.sort(np.random.default_rng(0).permutation(few)[:_SEEDING])
    target, weights = target[few], weights[few]
    g, n = len(_EXPONENTS), len(few)
    y = np.exp(target) if problem.log else target
    columns = np.empty((g, g, 4, n))
    columns[:, :, 0] = 1.0
    columns[:, :, 1] = np.exp(-_EXPONENTS[:, None] * problem.u[few])[:, None]
    columns[:, :, 2] = np.exp(-_EXPONENTS[:, None] * problem.v[few])
    columns[:, :, 3] = y
    basis = columns.reshape(g * g, 4, n)
    size = np.abs(basis).max(axis=2)
    basis /= size[:, :, None]
    # To first order, a difference of logarithms is one of values over y.
    share = weights / y**2 if problem.log else weights
    weighting = np.broadcast_to(share, (g * g, n))
    robust = np.isfinite(problem.high)
    with np.errstate(all="ignore"):
        for _ in range(4 if robust else 2):
            gram = (basis * weighting[:, None]) @ basis.transpose(0, 2, 1)
            solution = _nonnegative(gram[:, :3, :3], gram[:, :3, 3])
            fitted = np.einsum("gj,gjn->gn", solution, basis[:, :3]) * size[:, 3, None]
            residual = target - (np.log(fitted) if problem.log else fitted)
            width = np.median(np.abs(residual), axis=1)
            if robust:
                k = problem.slopes(width / 3)[:, None]
                psi = np.clip(k * residual, problem.low, problem.high)
                weighting = share * np.where(residual == 0, k, psi / residual)
            elif problem.log:
                weighting = weights / fitted**2
            weighting = np.where(np.isfinite(weighting), weighting, share)
        loss = (weights * problem.loss_of(residual)).sum(axis=1)
        linear = solution * size[:, 3, None] / size[:, :3]
    heights = np.log(np.maximum(linear[:, 1:], 1e-12)).T
    theta = np.stack(
        [linear[:, 0], heights[0], np.repeat(_EXPONENTS, g), heights[1], np.tile(_EXPONENTS, g)]
    )
    side = g // _BLOCK
    grid = np.arange(g * g).reshape(side, _BLOCK, side, _BLOCK)
    cells = grid.transpose(0, 2, 1, 3).reshape(side * side, -1)
    lowest = np.argmin(np.nan_to_num(loss, nan=np.inf)[cells], axis=1)
    best = cells[np.arange(len(cells)), lowest]
    return theta[:, best], width[best]


def _nonnegative(gram: Array, moment: Array) -> Array:
    """Solve nonnegative least squares in three unknowns by trying each set of positive ones."""
    kept = _SUBSETS[:, None, :, None] * _SUBSETS[:, None, None, :]
    ridge = 1e-13 * np.einsum("gjj->g", gram)[:, None, None] * np.eye(3)
    matrix = kept * (gram + ridge) + np.eye(3) * (1 - _SUBSETS[:, None, None, :])
    right = _SUBSETS[:, None] * moment
    solution = np.linalg.solve(matrix, right[..., None])[..., 0]
    gain = np.where((solution >= 0).all(axis=2), (solution * right).sum(axis=2), -np.inf)
    return np.asarray(solution[gain.argmax(axis=0), np.arange(len(gram))])


def _best(
    problem: _Problem,
    theta: Array,
    loss: Array,
    gradient: Array,
    identified: Array,
    rows: Indices,
    perfect: Array,
) -> Solutions:
    """Return the lowest identified minimum of each row.

    Losses up to `perfect` are those of data without errors, and count as the same minimum.
    """
    n_rows = len(perfect)
    usable = identified & np.isfinite(loss) & np.isfinite(theta).all(axis=0)
    order = np.lexsort((loss, ~usable, rows))
    first = np.flatnonzero(np.diff(rows[order], prepend=-1))
    best = order[first]
    best = best[usable[best]]
    where = rows[best]
    params = np.full((n_rows, 5), np.nan)
    least = np.full(n_rows, np.nan)
    norm = np.full(n_rows, np.nan)
    params[where] = problem.to_params(theta[:, best])
    least[where], norm[where] = loss[best], gradient[best]
    with np.errstate(invalid="ignore"):
        close = usable & (loss <= least[rows] * (1 + 1e-6) + perfect[rows])
    agree = np.bincount(rows[close], minlength=n_rows).astype(np.float64)
    starts = len(rows) // max(1, len(first))
    if not problem.log:
        power = 1 if problem.kinked else 2
        least = least * problem.scale**power
    infinite = ~np.isfinite(params).all(axis=1)
    params[infinite], least[infinite], norm[infinite] = np.nan, np.nan, np.nan
    return Solutions(params, least, norm, starts, agree)
