"""The best size at each of a few budgets, found from sweeps of equal cost without a law of loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import NotIdentifiedError, TooFewRecordsError
from scalelaw.fit.fit_result import FEW_GROUPS, Estimate, FitResult, Note
from scalelaw.fit.resample import WEBB, wild_weights
from scalelaw.fit.sample import Array, need_groups, positive_column, read_groups
from scalelaw.plan.allocation import allocate
from scalelaw.plan.run_cost import PowerCost, RunCost

if TYPE_CHECKING:
    import pandas as pd

_FEW_BUDGETS = 3
"""Profiles from which the line has a residual."""

_REACH = 3.0
"""Half widths of a sweep from its middle, beyond which a minimum counts as none."""


@dataclass(frozen=True)
class IsoFlopComparison:
    """The best sizes by iso-FLOP profiles and by a fitted law.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per budget: ``budget``; ``isoflop``, ``isoflop_lower``, ``isoflop_upper``, ``law``,
        ``law_lower``, ``law_upper`` (N*); ``gap`` (iso-FLOP over law, in decades), ``gap_lower``,
        ``gap_upper``; ``agree`` (whether the interval of the gap has zero).
    warnings : tuple of Note
        ``isoflop_disagreement``, and those of the law's allocation.
    """

    table: "pd.DataFrame"
    warnings: tuple[Note, ...]


@dataclass(frozen=True, eq=False)
class IsoFlopResult:
    """Iso-FLOP profiles and the line through their minima.

    Made by :func:`fit_isoflop`.

    Parameters
    ----------
    profiles : pandas.DataFrame
        One row per budget: ``budget``, ``runs``, ``sizes`` (distinct ones), ``smallest`` and
        ``largest`` of them; the size of least loss and that loss with intervals, such as
        ``params``, ``params_lower``, ``params_upper``, ``loss``, ``loss_lower``, ``loss_upper``;
        ``bracketed`` (whether it lies inside the sweep); ``no_minimum`` (share of the replicates
        without one).
    exponent : Estimate
        With which N* grows with the budget.
    residual_sd : float
        Standard deviation of ln loss about the profiles; NaN where they pass through every run.
    log_size_draws : array, shape (B, K)
        Bootstrap of ln N* at each budget; infinite, on the side to which the loss falls, where a
        replicate has no minimum.
    log_loss_draws : array, shape (B, K)
        Of the logarithm of the loss there; NaN without a minimum.
    degree : int
        Degree of the profiles.
    level : float
        Level of all intervals.
    cost : RunCost
        Law of the cost.
    names : tuple of str
        Columns of N, D and loss.
    method : str
        How intervals were found.
    warnings : tuple of Note
        What weakens the result.
    """

    profiles: "pd.DataFrame"
    exponent: Estimate
    residual_sd: float
    log_size_draws: Array
    log_loss_draws: Array
    degree: int
    level: float
    cost: RunCost
    names: tuple[str, str, str]
    method: str
    warnings: tuple[Note, ...]
    _lines: "_Lines"

    def predict(self, budgets: Sequence[float]) -> "pd.DataFrame":
        """Return the best size, its tokens and its loss for budgets.

        The loss follows a parabola of ln loss on ln budget (a line for two profiles)
        and beyond the profiles its tangent, a power law without a floor: far beyond them it is too
        low.

        Parameters
        ----------
        budgets : sequence of float
            Costs, in the unit of those that were profiled.

        Returns
        -------
        pandas.DataFrame
            ``budget``; N*, D* and loss, each with ``_lower`` and ``_upper``, by the names of their
            columns; ``extrapolated``; ``decades_beyond`` the profiled budgets.

        Raises
        ------
        NotIdentifiedError
            If fewer than two profiles have a minimum.
        """
        import pandas as pd

        if not len(budgets) or not all(0 < budget < np.inf for budget in budgets):
            raise ValueError("budgets must be positive and finite")
        if not np.isfinite(self.exponent.value):
            raise NotIdentifiedError(
                "no line through the minima: fewer than two profiles have one; see the warnings"
            )
        ends = np.log10(self.profiles["budget"].iloc[[0, -1]].to_numpy())
        rows = []
        for budget in budgets:
            sizes, losses = (np.exp(values) for values in self._lines.at(float(np.log(budget))))
            tokens = self.cost.d_for(budget, sizes)
            row: dict[str, object] = {"budget": float(budget)}
            for name, values in zip(self.names, (sizes, tokens, losses), strict=True):
                row |= _named(name, values[0], values[1:], self.level)
            beyond = max(np.log10(budget) - ends[1], ends[0] - np.log10(budget))
            # A budget at the edge, such as one that was profiled, is not beyond it by rounding.
            row["extrapolated"] = bool(beyond > 1e-9)
            row["decades_beyond"] = max(0.0, float(beyond))
            rows.append(row)
        return pd.DataFrame(rows)

    def compare(
        self,
        result: FitResult,
        budgets: Sequence[float],
        cost: RunCost | None = None,
        method: str | None = None,
    ) -> IsoFlopComparison:
        """Compare the best sizes with those of a fitted law.

        The interval of the gap joins the two, facing ends in quadrature, as if the estimates were
        independent; of the same runs they are less so, and a gap is then surer than it says. Where
        they disagree at least one is wrong: a law is often wrong beyond its data, a profile where
        its minimum is not bracketed.

        Parameters
        ----------
        result : FitResult
            Fit of a law of parameters and tokens, such as :class:`scalelaw.fit.LossSurface`.
        budgets : sequence of float
            Where they are compared.
        cost : RunCost, optional
            Law of the cost; the one of this result by default.
        method : str
            Of the law's intervals, see :func:`scalelaw.plan.allocate`.

        Returns
        -------
        IsoFlopComparison

        Raises
        ------
        NotIdentifiedError
            If one of the two has no best size for a budget.
        """
        import pandas as pd

        ours = self.predict(budgets)
        theirs = allocate(result, budgets, self.cost if cost is None else cost, self.level, method)
        sizes = theirs.table[theirs.table["quantity"] == result.model.x_names[0]]
        n = self.names[0]
        iso = ours[[n, f"{n}_lower", f"{n}_upper"]].to_numpy(dtype=np.float64).T
        law = sizes[["value", "lower", "upper"]].to_numpy(dtype=np.float64).T
        with np.errstate(divide="ignore"):
            (i, i_low, i_high), (f, f_low, f_high) = np.log10(iso), np.log10(law)
        gap = i - f
        low = gap - np.hypot(i - i_low, f_high - f)
        high = gap + np.hypot(i_high - i, f - f_low)
        agree = (low <= 0) & (high >= 0)
        table = pd.DataFrame(
            {
                "budget": ours["budget"],
                **dict(zip(("isoflop", "isoflop_lower", "isoflop_upper"), iso, strict=True)),
                **dict(zip(("law", "law_lower", "law_upper"), law, strict=True)),
                "gap": gap,
                "gap_lower": low,
                "gap_upper": high,
                "agree": agree,
            }
        )
        notes = list(theirs.warnings)
        if not agree.all():
            where = table.loc[~agree, "budget"].tolist()
            worst = float(np.abs(gap[~agree]).max())
            notes.insert(
                0,
                Note(
                    "isoflop_disagreement",
                    "warning",
                    f"at {len(where)} of {len(gap)} budgets the profiles and the law differ in N* "
                    f"by more than their intervals allow, by up to {worst:.2f} decades: at least "
                    "one is wrong there; report both",
                    {"budgets": where, "decades": worst},
                ),
            )
        return IsoFlopComparison(table, tuple(notes))

    def summary(self) -> str:
        """Return the exponent, the profiles and the warnings as text."""
        n = self.names[0]
        shown = ["budget", "sizes", n, f"{n}_lower", f"{n}_upper", "bracketed"]
        lines = [
            f"iso-FLOP profiles of degree {self.degree} at {len(self.profiles)} budgets",
            f"{self.exponent}",
            self.profiles[shown].to_string(index=False, float_format=lambda v: f"{v:.4g}"),
        ]
        lines += [f"{note.severity}: {note.message}" for note in self.warnings]
        return "\n".join(lines)


def fit_isoflop(
    data: "pd.DataFrame",
    n: str = "params",
    y: str = "loss",
    compute: str | None = None,
    d: str | None = None,
    cost: RunCost | None = None,
    groups: str | None = None,
    degree: int = 3,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int | np.random.SeedSequence = 0,
    tolerance: float = 0.05,
) -> IsoFlopResult:
    """Fit a profile of ln loss on ln N at each budget, and a line through their minima.

    Every run has to be trained to its own budget; checkpoints of a longer one will not do. Each
    profile is a polynomial, by least squares. Along a curve of equal cost the valley is lopsided
    unless the loss falls as steeply with N as with D, and the minimum of a parabola is then biased
    towards the shallow side, which no interval shows; a cubic removes most of that for one more
    size per budget. In the line, a minimum has the weight that the shape and the number of runs of
    its profile give it (the inverse of its variance by the delta method).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per run.
    n, y : str
        Columns of parameters and loss, positive.
    compute : str, optional
        Column of what each run cost.
    d : str, optional
        Column of tokens, from which the cost follows by `cost` without `compute`.
    cost : RunCost, optional
        Law of the cost, 6 N D by default. It also turns N* into D*.
    groups : str, optional
        Column of the unit that is independent of the others, such as the seed; each run without.
    degree : {3, 2}
        Of the profiles; 2 is the parabola of Hoffmann et al. (2022).
    replicates : int
        Bootstrap replicates.
    level : float
        Level of the intervals.
    seed : int or SeedSequence
        Seed of the bootstrap.
    tolerance : float
        Runs whose cost exceeds the least of a profile by no more than this share belong to it.

    Returns
    -------
    IsoFlopResult

    Raises
    ------
    TooFewRecordsError
        If no budget has as many sizes as a profile has coefficients.
    TooFewGroupsError
        If there is only one group.
    NotIdentifiedError
        If a profile hangs on one group.
    MissingColumnError, InvalidValueError
        If a column is not there, or a value not positive.

    Notes
    -----
    Runs stay where they were planned and their errors are resampled. Without groups, those are the
    residuals of ln loss of all profiles, each over the root of one less its leverage and their mean
    square that of the residuals over the degrees of freedom, so the error of ln loss is taken to be
    as large at all budgets. With groups it is the wild cluster bootstrap with Webb's weights of the
    residuals that each group has about the fit without it, whatever their variances. Every
    replicate of the errors is divided by the root of a chi-squared draw over its degrees of freedom
    (with groups, their number less one), which makes intervals of a linear function those of
    Student's t, and goes through both stages. One whose profile has no minimum (none that is below
    both ends of the sweep and no farther outside than it is wide) counts as infinitely far on the
    side to which the loss falls, and is left out of the line of that replicate.

    In simulations of four budgets with six or seven sizes, 95% intervals of the exponent and of N*
    by the line covered the truth in 90% to 98% of the cases without groups, in 88% to 99% where the
    errors of one budget were four times those of another, and in 98% or more with each run named as
    a group of its own, which is thus the careful choice where errors are unequal.

    References
    ----------
    Hoffmann et al., "Training compute-optimal large language models", arXiv:2203.15556 (2022),
    approach 2; Czech et al., "Problems with Chinchilla Approach 2: systematic biases in IsoFLOP
    parabola fits", arXiv:2603.22339 (2026); Davison and Hinkley, "Bootstrap methods and their
    application" (1997), section 6.3.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalelaw.plan import isoflop_grid
    >>> runs = isoflop_grid([1e18, 1e19, 1e20, 1e21])
    >>> runs["loss"] = 1.7 + 400 / runs["params"] ** 0.34 + 410 / runs["tokens"] ** 0.28
    >>> fit = fit_isoflop(runs, compute="budget")
    >>> round(fit.exponent.value, 2)
    0.45
    """
    if degree not in (2, 3):
        raise ValueError("degree must be 3 or 2")
    if compute is None and d is None:
        raise ValueError("name the column of what a run cost (compute) or of its tokens (d)")
    if not 0 < level < 1 or replicates < 1 or not tolerance >= 0:
        raise ValueError("level must lie between 0 and 1, replicates and tolerance be positive")
    law: RunCost = PowerCost() if cost is None else cost
    size, loss = positive_column(data, n), positive_column(data, y)
    if compute is not None:
        spent = positive_column(data, compute)
    else:
        spent = np.asarray(law.cost(size, positive_column(data, str(d))))
    index, labels = read_groups(data, groups)
    if groups is not None:
        need_groups(len(labels), 2)
    sweeps, notes = find_sweeps(np.log(size), np.log(spent), degree, tolerance)
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    log_loss = np.log(loss)
    errors = sweeps.resampled(log_loss, None if groups is None else index, replicates, seed)
    point = sweeps.minima(log_loss[None, :])
    draws = sweeps.minima(sweeps.fitted(log_loss) + errors)
    lines = _Lines(
        sweeps.log_budgets,
        sweeps.weights(point[0][0], log_loss),
        np.concatenate([point[0], draws[0]]),
        np.concatenate([point[1], draws[1]]),
    )
    table = _profiles(sweeps, point, draws, (n, y), level)
    method = "residual bootstrap" if groups is None else "wild cluster bootstrap"
    slopes = lines.coefficients[:, 1]
    exponent = Estimate(
        f"exponent of {n}", float(slopes[0]), *interval(slopes[1:], level), level, method
    )
    usable = int(np.isfinite(point[0]).sum())
    notes += _notes(sweeps, point[0][0], table, level)
    if usable < _FEW_BUDGETS:
        notes.append(_few_budgets(usable))
    if groups is not None and len(labels) < FEW_GROUPS:
        notes.append(
            Note(
                "few_groups",
                "warning",
                f"only {len(labels)} groups: intervals rest on few independent results",
                {"groups": len(labels)},
            )
        )
    names = (n, "tokens" if d is None else d, y)
    return IsoFlopResult(
        table, exponent, sweeps.residual_sd(log_loss), draws[0], draws[1],
        degree, level, law, names, method, tuple(notes), lines,
    )  # fmt: skip


def interval(draws: Array, level: float) -> tuple[float, float]:
    """Return the percentile interval of draws that may be infinite; NaN ones are left out."""
    # Between two order statistics the outer one, as infinite ones have no mean.
    ordered = np.sort(draws)
    last = len(ordered) - int(np.isnan(ordered).sum()) - 1
    if last < 0:
        return -np.inf, np.inf
    rank = int((1 - level) / 2 * last)
    return float(ordered[rank]), float(ordered[last - rank])


def find_sweeps(
    log_n: Array, log_c: Array, degree: int, tolerance: float = 0.05
) -> tuple["Sweeps", list[Note]]:
    """Return the profiles that runs allow, and notes on budgets with too few sizes.

    Parameters
    ----------
    log_n, log_c : array, shape (n,)
        Natural logarithms of parameters and cost.
    degree : int
        Degree of the profiles.
    tolerance : float
        See :func:`fit_isoflop`.

    Raises
    ------
    TooFewRecordsError
        If no budget has `degree` + 1 sizes.
    """
    order = np.argsort(log_c, kind="stable")
    band = np.log1p(tolerance) + 1e-12
    members: list[NDArray[np.intp]] = []
    while len(order):
        inside = log_c[order] <= log_c[order[0]] + band
        members.append(np.sort(order[inside]))
        order = order[~inside]
    kept, notes = [], []
    for rows in members:
        sizes = _distinct(log_n[rows])
        if sizes > degree:
            kept.append(rows)
        if sizes < degree + 2:
            budget = float(np.exp(log_c[rows].mean()))
            left = sizes <= degree
            fate = "it is left out" if left else "its profile passes through every one"
            notes.append(
                Note(
                    "isoflop_too_few_points",
                    "error" if left else "warning",
                    f"the budget {budget:.3g} has {sizes} size(s), fewer than the {degree + 2} "
                    f"that judge a profile of degree {degree}: {fate}; train more sizes there"
                    + ("" if degree == 2 else " or fit parabolas"),
                    {"budget": budget, "sizes": sizes, "needed": degree + 2},
                )
            )
    if not kept:
        raise TooFewRecordsError(
            f"no budget has runs of {degree + 1} sizes, the fewest for a profile of degree "
            f"{degree}: train more sizes at each budget, or raise the tolerance if runs of one "
            f"budget differ in cost by more than {tolerance:.0%}"
        )
    return Sweeps(log_n, log_c, tuple(kept), degree), notes


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Runs of several sizes at each of K budgets, ready to be profiled under many responses.

    Parameters
    ----------
    log_n, log_c : array, shape (n,)
        Natural logarithms of parameters and cost.
    members : tuple of array of int
        Runs of each profile.
    degree : int
        Degree of the profiles.
    """

    log_n: Array
    log_c: Array
    members: tuple[NDArray[np.intp], ...]
    degree: int

    @cached_property
    def log_budgets(self) -> Array:
        """Natural logarithm of each budget, the mean of its runs; shape (K,)."""
        return np.array([self.log_c[rows].mean() for rows in self.members])

    @cached_property
    def ends(self) -> Array:
        """Natural logarithm of the smallest and largest size of each profile, shape (K, 2)."""
        return np.array([(v.min(), v.max()) for v in (self.log_n[rows] for rows in self.members)])

    @cached_property
    def df(self) -> int:
        """Degrees of freedom of the residuals of all profiles."""
        return sum(map(len, self.members)) - (self.degree + 1) * len(self.members)

    @cached_property
    def _middle(self) -> Array:
        return np.asarray(self.ends.mean(axis=1))

    @cached_property
    def _half(self) -> Array:
        return np.asarray(np.diff(self.ends, axis=1)[:, 0] / 2)

    @cached_property
    def _bases(self) -> list[tuple[Array, Array]]:
        """For each profile an orthonormal basis and the matrix from it to coefficients.

        Those of powers of (ln N - middle) / half, so that the sweep is from -1 to 1.
        """
        found = []
        for rows, middle, half in zip(self.members, self._middle, self._half, strict=True):
            at = (self.log_n[rows] - middle) / half
            basis, upper = np.linalg.qr(at[:, None] ** np.arange(self.degree + 1))
            found.append((basis, np.linalg.inv(upper)))
        return found

    def fitted(self, y: Array) -> Array:
        """Return the profiles at the runs, shape (n,); the response where there is none."""
        out = y.copy()
        for rows, (basis, _) in zip(self.members, self._bases, strict=True):
            out[rows] = np.einsum("ik,jk,j->i", basis, basis, y[rows])
        return out

    def residual_sd(self, y: Array) -> float:
        """Return the standard deviation of the residuals; NaN without degrees of freedom."""
        squares = float(((y - self.fitted(y)) ** 2).sum())
        return float(np.sqrt(squares / self.df)) if self.df else float("nan")

    def resampled(
        self,
        y: Array,
        index: NDArray[np.intp] | None,
        replicates: int,
        seed: np.random.SeedSequence,
    ) -> Array:
        """Return resampled errors, shape (replicates, n); see the notes of :func:`fit_isoflop`.

        They are NaN where the profiles pass through every run.
        """
        residual = y - self.fitted(y)
        if not self.df:
            return np.full((replicates, len(y)), np.nan)
        if index is not None:
            outside = self._left_out_residuals(residual, index)
            n_groups = int(index.max()) + 1
            signs, scale = seed.spawn(2)
            drawn = wild_weights(n_groups, replicates, signs, WEBB)[:, index] * outside
            return drawn * _t_scale(n_groups - 1, replicates, scale)
        free = np.zeros(len(y))
        for rows, (basis, _) in zip(self.members, self._bases, strict=True):
            free[rows] = 1 - (basis * basis).sum(axis=1)
        # A run that its profile passes through anyway tells nothing of the errors.
        told = free > 1e-6
        pool = residual[told] / np.sqrt(free[told])
        pool -= pool.mean()
        size = float(np.sqrt((pool**2).mean()))
        if size > 0:
            pool *= np.sqrt((residual**2).sum() / self.df) / size
        chosen, scale = seed.spawn(2)
        errors = pool[np.random.default_rng(chosen).integers(len(pool), size=(replicates, len(y)))]
        return np.asarray(errors * _t_scale(self.df, replicates, scale))

    def _left_out_residuals(self, residual: Array, index: NDArray[np.intp]) -> Array:
        """Return the residuals of each group about the profiles without it."""
        outside = residual.copy()
        for rows, (basis, _) in zip(self.members, self._bases, strict=True):
            mine = index[rows]
            for group in np.unique(mine):
                at = mine == group
                rest = np.eye(int(at.sum())) - basis[at] @ basis[at].T
                if np.linalg.eigvalsh(rest)[0] < 1e-6:
                    budget = float(np.exp(self.log_c[rows].mean()))
                    raise NotIdentifiedError(
                        f"the profile of the budget {budget:.3g} hangs on one group, without which "
                        "it has too few sizes: add runs of other groups, lower the degree or leave "
                        "groups out"
                    )
                outside[rows[at]] = np.linalg.solve(rest, residual[rows[at]])
        return outside

    def minima(self, y: Array) -> tuple[Array, Array]:
        """Return where profiles are lowest and how low.

        Parameters
        ----------
        y : array, shape (B, n)
            Responses.

        Returns
        -------
        log_n : array, shape (B, K)
            Natural logarithm of the size; infinite, on the side to which the profile falls,
            without a minimum.
        value : array, shape (B, K)
            Response there; NaN without a minimum.
        """
        log_n = np.empty((len(y), len(self.members)))
        value = np.empty_like(log_n)
        for j, (rows, (basis, to_coefficients)) in enumerate(
            zip(self.members, self._bases, strict=True)
        ):
            mapped = np.einsum("pk,ik->pi", to_coefficients, basis)
            c = np.einsum("pi,bi->pb", mapped, y[:, rows])
            at, found = _lowest(c)
            log_n[:, j] = self._middle[j] + self._half[j] * at
            value[:, j] = found
        return log_n, value

    def weights(self, log_n: Array, y: Array) -> Array:
        """Return the inverse variance of each minimum for errors of variance one, shape (K,)."""
        out = np.zeros(len(self.members))
        power = np.arange(1, self.degree + 1)
        for j in np.flatnonzero(np.isfinite(log_n)):
            basis, to_coefficients = self._bases[j]
            c = to_coefficients @ (basis.T @ y[self.members[j]])
            at = (log_n[j] - self._middle[j]) / self._half[j]
            slope = power * at ** (power - 1)
            bend = float((power * (power - 1) * c[1:] * at ** np.maximum(power - 2, 0)).sum())
            change = slope @ to_coefficients[1:] / bend
            out[j] = 1 / float((change**2).sum()) / self._half[j] ** 2
        return out


@dataclass(frozen=True, eq=False)
class _Lines:
    """Lines of ln N* and curves of ln loss on ln budget, of the estimate and of each replicate.

    Parameters
    ----------
    log_budgets : array, shape (K,)
        Where there are minima.
    weights : array, shape (K,)
        Of each in the line.
    log_n, log_loss : array, shape (1 + B, K)
        Minima, the estimate first; not finite where there is none.
    """

    log_budgets: Array
    weights: Array
    log_n: Array
    log_loss: Array

    @cached_property
    def coefficients(self) -> Array:
        """Of the line in ln N at the mean of the budgets and its slope, shape (1 + B, 2)."""
        return line_through(self.log_budgets, self.log_n, self.weights)

    @cached_property
    def _scale(self) -> tuple[float, float]:
        low, high = self.log_budgets[[0, -1]]
        return float(low + high) / 2, float(high - low) / 2 or 1.0

    @cached_property
    def _curves(self) -> Array:
        """Coefficients of ln loss on the budget from -1 to 1, shape (1 + B, q)."""
        usable = np.isfinite(self.log_loss)
        terms = min(3, int(usable[0].sum()))
        middle, half = self._scale
        powers = ((self.log_budgets - middle) / half)[:, None] ** np.arange(terms)
        out = np.full((len(usable), terms), np.nan)
        # Replicates that lack the same minima share a projection.
        kinds, which = np.unique(usable, axis=0, return_inverse=True)
        for kind, mask in enumerate(kinds):
            if mask.sum() >= terms:
                rows = np.flatnonzero(which.reshape(-1) == kind)
                values = self.log_loss[rows][:, mask]
                out[rows] = np.einsum("qk,bk->bq", np.linalg.pinv(powers[mask]), values)
        return out

    def at(self, log_budget: float) -> tuple[Array, Array]:
        """Return ln N* and ln loss at a budget, each of shape (1 + B,)."""
        line = self.coefficients
        log_n = line[:, 0] + line[:, 1] * (log_budget - self.log_budgets.mean())
        middle, half = self._scale
        where = (log_budget - middle) / half
        inside = min(max(where, -1.0), 1.0)
        power = np.arange(self._curves.shape[1])
        value = self._curves @ inside**power
        slope = self._curves[:, 1:] @ (power[1:] * inside ** (power[1:] - 1))
        return log_n, value + slope * (where - inside)


def line_through(log_budgets: Array, log_n: Array, weights: Array) -> Array:
    """Return weighted lines of ln N* on ln budget.

    Parameters
    ----------
    log_budgets : array, shape (K,)
        Natural logarithms of budgets.
    log_n : array, shape (B, K)
        Of sizes; those that are not finite are left out.
    weights : array, shape (K,)
        Weights.

    Returns
    -------
    array, shape (B, 2)
        ln N* at the mean of the budgets, and the slope; NaN for fewer than two sizes.
    """
    usable = np.isfinite(log_n) & (weights > 0)
    w = np.where(usable, weights, 0.0)
    x = log_budgets - log_budgets.mean()
    y = np.where(usable, log_n, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = w.sum(axis=1)
        mean_x, mean_y = (w * x).sum(axis=1) / total, (w * y).sum(axis=1) / total
        off = x - mean_x[:, None]
        slope = (w * off * y).sum(axis=1) / (w * off**2).sum(axis=1)
        slope = np.where(usable.sum(axis=1) > 1, slope, np.nan)
        return np.stack([mean_y - slope * mean_x, slope], axis=1)


def _t_scale(df: int, replicates: int, seed: np.random.SeedSequence) -> Array:
    """Return factors, shape (replicates, 1), that turn normal draws into Student's t."""
    return np.asarray(np.sqrt(df / np.random.default_rng(seed).chisquare(df, (replicates, 1))))


def _lowest(c: Array) -> tuple[Array, Array]:
    """Return where polynomials are lowest amid a sweep from -1 to 1, and how low.

    Parameters
    ----------
    c : array, shape (3 or 4, B)
        Coefficients of rising powers.

    Returns
    -------
    at, value : array, shape (B,)
        Infinite and NaN without a minimum.
    """
    cubic = c[3] if len(c) > 3 else np.zeros_like(c[0])
    with np.errstate(all="ignore"):
        root = np.sqrt(c[2] ** 2 - 3 * c[1] * cubic)
        # The same root of the derivative, by whichever form loses no digits.
        at = np.where(c[2] > 0, -c[1] / (c[2] + root), (root - c[2]) / (3 * cubic))
        value = ((cubic * at + c[2]) * at + c[1]) * at + c[0]
        left, right = c[0] - c[1] + c[2] - cubic, c[0] + c[1] + c[2] + cubic
        good = (root > 0) & (np.abs(at) <= _REACH) & (value <= np.minimum(left, right))
    none = np.where(np.isfinite(left), np.where(left < right, -np.inf, np.inf), np.nan)
    return np.where(good, at, none), np.where(good, value, np.nan)


def _named(name: str, value: float, draws: Array, level: float) -> dict[str, float]:
    """Return a row's columns of a positive quantity and its interval."""
    low, high = interval(draws, level)
    return {name: float(value), f"{name}_lower": max(low, 0.0), f"{name}_upper": high}


def _profiles(
    sweeps: Sweeps,
    point: tuple[Array, Array],
    draws: tuple[Array, Array],
    names: tuple[str, str],
    level: float,
) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for j, members in enumerate(sweeps.members):
        low, high = sweeps.ends[j]
        best = point[0][0, j]
        row: dict[str, object] = {
            "budget": float(np.exp(sweeps.log_budgets[j])),
            "runs": len(members),
            "sizes": _distinct(sweeps.log_n[members]),
            "smallest": float(np.exp(low)),
            "largest": float(np.exp(high)),
        }
        found = best if np.isfinite(best) else np.nan
        for name, value, drawn in zip(
            names, (found, point[1][0, j]), (draws[0][:, j], draws[1][:, j]), strict=True
        ):
            row |= _named(name, np.exp(value), np.exp(drawn), level)
        row["bracketed"] = bool(low <= best <= high)
        known = ~np.isnan(draws[0][:, j])
        lost = np.isinf(draws[0][known, j])
        row["no_minimum"] = float(lost.mean()) if len(lost) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _notes(sweeps: Sweeps, log_n: Array, table: "pd.DataFrame", level: float) -> list[Note]:
    """Return what is the matter with single profiles."""
    found = []
    for j, (low, high) in enumerate(sweeps.ends):
        budget = float(table["budget"][j])
        lost = float(table["no_minimum"][j])
        figures = {"budget": budget, "smallest": float(np.exp(low)), "largest": float(np.exp(high))}
        if not np.isfinite(log_n[j]):
            side = "larger" if log_n[j] > 0 else "smaller"
            found.append(
                Note(
                    "isoflop_not_convex",
                    "warning",
                    f"the profile of the budget {budget:.3g} has no valley amid its sizes, and is "
                    f"left out of the line; train {side} sizes there, or more of them",
                    figures,
                )
            )
            continue
        if not low <= log_n[j] <= high:
            side = "larger" if log_n[j] > high else "smaller"
            best = float(np.exp(log_n[j]))
            found.append(
                Note(
                    "isoflop_minimum_not_bracketed",
                    "warning",
                    f"the profile of the budget {budget:.3g} is lowest at {best:.3g}, outside the "
                    f"sizes that were trained: train {side} ones",
                    figures | {"minimum": best},
                )
            )
        if lost > (1 - level) / 2:
            found.append(
                Note(
                    "isoflop_unstable_minimum",
                    "warning",
                    f"{lost:.0%} of the replicates of the profile of the budget {budget:.3g} have "
                    "no minimum: its valley is shallow for the noise; train more runs there, or "
                    "over a wider range of sizes",
                    {"budget": budget, "share": lost},
                )
            )
    return found


def _few_budgets(usable: int) -> Note:
    fate = "there is no line" if usable < 2 else "the line has no residual to be judged by"
    return Note(
        "isoflop_too_few_budgets",
        "error" if usable < 2 else "warning",
        f"{usable} profile(s) with a minimum: {fate}; train sweeps at {_FEW_BUDGETS} budgets or "
        "more",
        {"budgets": usable, "needed": _FEW_BUDGETS},
    )


def _distinct(log_n: Array) -> int:
    return 1 + int((np.diff(np.sort(log_n)) > 1e-9).sum())
