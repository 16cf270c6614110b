"""Which runs to train: sweeps before any exist, scores of a plan, and the next runs after some."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import NotIdentifiedError, TooFewRecordsError
from scalelaw.fit.fit_result import FitResult
from scalelaw.fit.model import Model
from scalelaw.fit.resample import leave_out_weights
from scalelaw.fit.sample import Array, Sample, positive_column
from scalelaw.fit.surface import LossSurface
from scalelaw.plan.allocation import best_size, optimum
from scalelaw.plan.isoflop import IsoFlopResult, find_sweeps, interval, line_through
from scalelaw.plan.run_cost import PowerCost, RunCost

if TYPE_CHECKING:
    import pandas as pd

_DECADE = float(np.log(10))

_FEW_DRAWS = 50
"""Draws from which a covariance is worth anything."""

_REPLICATES = 200
"""Bootstrap replicates of each simulated set of profiles."""


def isoflop_grid(
    budgets: Sequence[float],
    cost: RunCost | None = None,
    centre: float | Sequence[float] | FitResult | IsoFlopResult = 20.0,
    points: int = 6,
    half_width: float | tuple[float, float] = 1.2,
    runs: int = 1,
    names: tuple[str, str] = ("params", "tokens"),
) -> "pd.DataFrame":
    """Lay out sweeps of model sizes at equal cost.

    Along each curve of equal cost they make a profile (:func:`fit_isoflop`), and together a grid of
    N and D that a law can be fitted to. All runs of a sweep cost the same, so a wider one costs no
    more: it protects from a centre that is guessed wrong, and tells the law's two terms apart.

    Parameters
    ----------
    budgets : sequence of float
        Cost of each run of a sweep.
    cost : RunCost, optional
        Law of the cost; 6 N D by default.
    centre : float, sequence of float, FitResult or IsoFlopResult
        Middle of each sweep: tokens per parameter (20 is that of Hoffmann et al. 2022), a size for
        each budget, or a fit of earlier runs that tells the best sizes.
    points : int
        Sizes in a sweep.
    half_width : float or pair of float
        Decades of size on each side of the middle; of a pair, for the smallest and the largest
        budget, and in proportion to the logarithm of the budget between.
    runs : int
        Runs of each size.
    names : pair of str
        Columns for N and D.

    Returns
    -------
    pandas.DataFrame
        One row per run, by budget and size: ``budget``, N, D, ``cost``.

    Raises
    ------
    NotIdentifiedError
        If the fit has no best size for a budget, or no size has the tokens per parameter.

    Examples
    --------
    >>> grid = isoflop_grid([1e18, 1e20], points=5)
    >>> grid[grid["budget"] == 1e18]["params"].map("{:.1e}".format).tolist()
    ['5.8e+06', '2.3e+07', '9.1e+07', '3.6e+08', '1.4e+09']
    """
    import pandas as pd

    law: RunCost = PowerCost() if cost is None else cost
    spent = np.asarray(budgets, dtype=np.float64)
    _check_budgets("budgets", spent)
    if points < 2 or runs < 1:
        raise ValueError("points must be at least 2 and runs at least 1")
    widths = np.broadcast_to(np.asarray(half_width, dtype=np.float64), (2,))
    if not (widths > 0).all():
        raise ValueError("half_width must be positive")
    middle = _centres(spent, law, centre)
    log_c = np.log(spent)
    share = (log_c - log_c.min()) / (np.ptp(log_c) or 1.0)
    half = widths[0] + (widths[1] - widths[0]) * share
    log_n = np.log(middle)[:, None] + _DECADE * half[:, None] * np.linspace(-1, 1, points)
    order = np.argsort(spent, kind="stable")
    n = np.repeat(np.exp(log_n[order]).ravel(), runs)
    budget = np.repeat(spent[order], points * runs)
    d = law.d_for(budget, n)
    return pd.DataFrame({"budget": budget, names[0]: n, names[1]: d, "cost": law.cost(n, d)})


def score_design(
    design: "pd.DataFrame",
    truth_params: Mapping[str, float] | Sequence[Mapping[str, float]],
    target_budgets: Sequence[float],
    noise_sd: float,
    model: Model | None = None,
    cost: RunCost | None = None,
    simulations: int = 100,
    level: float = 0.95,
    degree: int = 3,
    seed: int = 0,
) -> "pd.DataFrame":
    """Tell by simulation how well planned runs would find the best sizes, before they are paid for.

    The losses of the runs are drawn from a law with Gaussian errors of ln loss, and both the law
    and, if the runs allow profiles, iso-FLOP profiles are fitted to each set. Compare plans under
    the same truths, noise and seed.

    Parameters
    ----------
    design : pandas.DataFrame
        One row per run with the predictors of `model`, as from :func:`isoflop_grid`.
    truth_params : mapping or sequence of mappings
        Parameters of `model` that are taken for true, one set or several.
    target_budgets : sequence of float
        Where N* is asked for.
    noise_sd : float
        Standard deviation of ln loss from run to run.
    model : Model, optional
        The law, of parameters and tokens; :class:`scalelaw.fit.LossSurface` by default.
    cost : RunCost, optional
        Law of the cost; 6 N D by default.
    simulations : int
        Sets of losses for each truth.
    level : float
        Level of the intervals: by the jackknife for the law, by the bootstrap for profiles.
    degree : int
        Of the profiles.
    seed : int
        Seed of all errors.

    Returns
    -------
    pandas.DataFrame
        One row per truth, method (``law``, ``isoflop``), quantity and budget: ``truth`` (number),
        ``method``, ``quantity`` (``log10`` of N, or ``exponent`` between the smallest and largest
        target or, for one target, over the decade below it), ``budget`` (NaN for the exponent),
        ``true``, ``bias``, ``sd``, ``rmse``, ``coverage`` and median ``width`` of the intervals,
        ``failed`` (share of the sets without an estimate; the other columns are of the rest),
        ``total_cost`` of the plan, and ``correlation`` of the logarithms of its predictors, which
        near one leaves the terms of the law hard to tell apart.

    Raises
    ------
    NotIdentifiedError
        If a truth has no best size for a target.

    Notes
    -----
    Refits start from the truth, and from other minima, as resamplings of a fit do from its
    estimate; a search afresh for every set could now and then end elsewhere.

    Examples
    --------
    >>> truth = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
    >>> plan = isoflop_grid([1e18, 1e19, 1e20])
    >>> scores = score_design(plan, truth, [1e22], noise_sd=0.002, simulations=20)
    >>> scores["method"].unique().tolist()
    ['law', 'isoflop']
    """
    import pandas as pd

    law: RunCost = PowerCost() if cost is None else cost
    spec: Model = LossSurface() if model is None else model
    if len(spec.x_names) != 2:
        raise ValueError("a design needs a law of two predictors, parameters and tokens")
    targets = np.asarray(target_budgets, dtype=np.float64)
    _check_budgets("target_budgets", targets)
    if not noise_sd > 0 or simulations < 2:
        raise ValueError("noise_sd must be positive and simulations at least 2")
    truths = [truth_params] if isinstance(truth_params, Mapping) else list(truth_params)
    x = np.stack([positive_column(design, name) for name in spec.x_names], axis=1)
    at = np.append(targets, _slope_ends(targets))
    rows: list[dict[str, object]] = []
    for number, truth in enumerate(truths):
        if set(truth) != set(spec.param_names):
            raise ValueError(f"truth_params must give {', '.join(spec.param_names)}")
        params = np.array([truth[name] for name in spec.param_names], dtype=np.float64)
        true = _quantities(_sizes(spec, params[None, :], x, at, law), at)[0]
        if not np.isfinite(true).all():
            raise NotIdentifiedError(
                f"truth {number} has no best size at a target budget: its loss does not fall with "
                "both predictors"
            )
        rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
        errors = noise_sd * rng.standard_normal((simulations, len(x)))
        losses = spec.evaluate(params, x) * np.exp(errors)
        scored = {"law": _score_law(spec, x, params, losses, at, law, level)}
        profiled = _score_profiles(x, losses, at, law, level, degree, seed)
        if profiled is not None:
            scored["isoflop"] = profiled
        for method, found in scored.items():
            rows += _scores(number, method, spec.x_names[0], targets, true, *found)
    correlation = float(np.corrcoef(np.log(x).T)[0, 1]) if np.ptp(x, axis=0).all() else np.nan
    return pd.DataFrame(rows).assign(
        total_cost=float(np.sum(law.cost(x[:, 0], x[:, 1]))), correlation=correlation
    )


def suggest_runs(
    result: FitResult,
    target_budgets: Sequence[float],
    cost: RunCost | None = None,
    n: int = 5,
    candidate_budgets: Sequence[float] | None = None,
    noise_sd: float | None = None,
    max_per_point: int | None = None,
    points: int = 25,
    half_width: float = 1.0,
    per_cost: bool = True,
) -> "pd.DataFrame":
    """Choose the next runs so that the best sizes at target budgets become known best for the cost.

    The bootstrap draws stand for what is believed of the law. Over them, ln loss at each candidate
    and ln N* at each target have a joint covariance. One more run at a candidate, with Gaussian
    error, lowers the variance of a target by ``cov(target, candidate)^2 / (var(candidate) +
    error variance)`` if they are jointly Gaussian. The candidate with the largest sum of these over
    the targets, each as a share of the variance at first, per unit of cost is taken, the covariance
    is conditioned on it, and so on. A candidate may be taken again, which is a repeated run. For
    one target the best design often has one or two points (Elfving 1952); `max_per_point` spreads
    it.

    The criterion knows nothing but the law. Fit again after each batch, and start from
    :func:`isoflop_grid` so that profiles can check the law.

    In 150 simulations of a pilot at two budgets, with errors of 0.5% or 2%, three such batches left
    a fifth less error of N* a hundred times farther than sweeps of the same cost, by three times as
    many and mostly cheaper runs; without `per_cost` they left a tenth more. Intervals of 95%
    covered N* in 93% to 95%.

    Parameters
    ----------
    result : FitResult
        Fit of a law of parameters and tokens.
    target_budgets : sequence of float
        Where N* should become known.
    cost : RunCost, optional
        Law of the cost; 6 N D by default.
    n : int
        Runs.
    candidate_budgets : sequence of float, optional
        Costs that a run may have; by default five from a tenth of the costliest run to it.
    noise_sd : float, optional
        Standard deviation of ln loss from run to run; by default that of the residuals.
    max_per_point : int, optional
        Most runs at one candidate.
    points : int
        Candidates along each curve of equal cost.
    half_width : float
        Decades that they reach below and above the best sizes of 98% of the draws. The last of them
        is often the choice, so this says how lopsided a run may be.
    per_cost : bool
        Whether the gain is divided by the cost of the run; else a run is as dear as any other.

    Returns
    -------
    pandas.DataFrame
        One row per run in the order of choice: ``budget``, N, D, ``cost``, ``expected_sd`` (of
        log10 N* after it and those before, root mean square over the targets),
        ``variance_left`` (mean over the targets of the share of the variance at first) and
        ``draws_used`` (share of the resampled laws that have a best size at every target; the
        others, which say most of what is not known, are left out). Fewer rows than `n` where
        `max_per_point` leaves no candidates.

    Raises
    ------
    NotIdentifiedError
        If the law has no best size for a budget in most draws.
    TooFewRecordsError
        If fewer than 50 draws are usable.

    References
    ----------
    Chaloner and Verdinelli, "Bayesian experimental design: a review", Statistical Science 10
    (1995); Krause, Singh and Guestrin, "Near-optimal sensor placements in Gaussian processes",
    Journal of Machine Learning Research 9 (2008); Elfving, "Optimum allocation in linear regression
    theory", Annals of Mathematical Statistics 23 (1952); on draws as beliefs, Efron, "Bayesian
    inference and the parametric bootstrap", Annals of Applied Statistics 6 (2012).

    Examples
    --------
    >>> runs = isoflop_grid([1e17, 1e18])
    >>> errors = 0.01 * np.random.default_rng(0).standard_normal(len(runs))
    >>> runs["loss"] = 1.7 + 400 / runs["params"] ** 0.34 + 410 / runs["tokens"] ** 0.28
    >>> runs["loss"] *= np.exp(errors)
    >>> law = LossSurface(replicates=200).fit(runs)
    >>> plan = suggest_runs(law, [1e20], n=3, candidate_budgets=[1e18, 1e19])
    >>> list(plan.columns)
    ['budget', 'params', 'tokens', 'cost', 'expected_sd', 'variance_left', 'draws_used']
    """
    import pandas as pd

    law: RunCost = PowerCost() if cost is None else cost
    targets = np.asarray(target_budgets, dtype=np.float64)
    _check_budgets("target_budgets", targets)
    if n < 1 or points < 2 or (max_per_point is not None and max_per_point < 1):
        raise ValueError("n and max_per_point must be at least 1 and points at least 2")
    if not half_width >= 0:
        raise ValueError("half_width must be at least zero")
    if candidate_budgets is None:
        spent = _costliest(result, law) * np.geomspace(0.1, 1.0, 5)
    else:
        spent = np.asarray(candidate_budgets, dtype=np.float64)
    _check_budgets("candidate_budgets", spent)

    draws = result.draws[np.isfinite(result.draws).all(axis=1)]
    sizes = np.stack([_interior(result, draws, b, law) for b in targets], axis=1)
    known = np.isfinite(sizes).all(axis=1)
    if 2 * known.sum() < len(draws):
        raise NotIdentifiedError(
            f"only {known.mean():.0%} of the resampled laws have a best size at the targets: first "
            "train sweeps of size at a few budgets (isoflop_grid)"
        )
    if known.sum() < _FEW_DRAWS:
        raise TooFewRecordsError(
            f"{known.sum()} usable draws, at least {_FEW_DRAWS} are needed: fit with more "
            "replicates"
        )
    draws, sizes = draws[known], sizes[known]
    budget, at = _candidates(result, draws, spent, law, points, half_width)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_loss = np.log(result.model.evaluate(draws, at))
    usable = np.isfinite(log_loss).all(axis=0)
    budget, at, log_loss = budget[usable], at[usable], log_loss[:, usable]
    if not len(at):
        raise NotIdentifiedError("no candidate has a finite loss in all draws; lower the budgets")
    variance = _error_variance(result, at, noise_sd)

    t = len(targets)
    joint = np.concatenate([sizes, log_loss], axis=1)
    joint -= joint.mean(axis=0)
    covariance = np.einsum("bi,bj->ij", joint, joint) / (len(joint) - 1)
    first = np.diag(covariance)[:t].copy()
    price = law.cost(at[:, 0], at[:, 1]) if per_cost else np.ones(len(at))
    taken = np.zeros(len(at), dtype=int)
    rows = []
    for _ in range(n):
        total = np.diag(covariance)[t:] + variance
        gain = (covariance[:t, t:] ** 2 / first[:, None]).sum(axis=0) / total / price
        if max_per_point is not None:
            gain = np.where(taken < max_per_point, gain, -np.inf)
        best = int(np.argmax(gain))
        if not np.isfinite(gain[best]):
            break
        taken[best] += 1
        column = covariance[:, t + best]
        covariance = covariance - np.outer(column, column) / total[best]
        left = np.maximum(np.diag(covariance)[:t], 0.0)
        rows.append(
            {
                "budget": float(budget[best]),
                result.model.x_names[0]: float(at[best, 0]),
                result.model.x_names[1]: float(at[best, 1]),
                "cost": float(law.cost(at[best, 0], at[best, 1])),
                "expected_sd": float(np.sqrt(left.mean())) / _DECADE,
                "variance_left": float((left / first).mean()),
                "draws_used": float(known.mean()),
            }
        )
    return pd.DataFrame(rows)


def _check_budgets(name: str, budgets: Array) -> None:
    if not (budgets.ndim == 1 and len(budgets) and (budgets > 0).all()) or np.isinf(budgets).any():
        raise ValueError(f"{name} must be a sequence of positive numbers")


def _centres(
    budgets: Array, cost: RunCost, centre: float | Sequence[float] | FitResult | IsoFlopResult
) -> Array:
    if isinstance(centre, IsoFlopResult):
        return np.asarray(centre.predict(list(budgets))[centre.names[0]], dtype=np.float64)
    if isinstance(centre, FitResult):
        point = centre.estimates[None, :]
        log_n = np.array([_interior(centre, point, budget, cost)[0] for budget in budgets])
        if not np.isfinite(log_n).all():
            raise NotIdentifiedError(
                "the fitted law has no best size for every budget; centre the sweeps on tokens per "
                "parameter or on sizes"
            )
        return np.asarray(np.exp(log_n))
    middle = np.asarray(centre, dtype=np.float64)
    if not (middle > 0).all() or middle.shape not in ((), budgets.shape):
        raise ValueError("centre must be positive: one ratio, or a size for each budget")
    return _at_ratio(budgets, cost, float(middle)) if middle.ndim == 0 else middle


def _at_ratio(budgets: Array, cost: RunCost, ratio: float) -> Array:
    """Return the sizes that have a ratio of tokens to parameters, by bisection."""
    low, high = np.full(len(budgets), np.log(1e-9)), np.full(len(budgets), np.log(1e40))
    for _ in range(80):
        middle = 0.5 * (low + high)
        n = np.exp(middle)
        with np.errstate(all="ignore"):
            more = cost.d_for(budgets, n) > ratio * n
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    found: Array = np.exp(0.5 * (low + high))
    if not np.allclose(cost.d_for(budgets, found), ratio * found, rtol=1e-6):
        raise NotIdentifiedError(f"no size has {ratio:g} tokens per parameter at these budgets")
    return found


def _interior(result: FitResult, params: Array, budget: float, cost: RunCost) -> Array:
    """Return ln N*, NaN where the law has none."""
    log_n, interior, _ = optimum(result, params, float(budget), cost)
    return np.where(interior, log_n, np.nan)


def _costliest(result: FitResult, cost: RunCost) -> float:
    if result.sample is not None:
        return float(cost.cost(result.sample.x[:, 0], result.sample.x[:, 1]).max())
    # Without the runs, between one that is largest in both and one that is smallest.
    (n_low, n_high), (d_low, d_high) = result.x_range
    return float(np.sqrt(cost.cost(n_high, d_high) * cost.cost(n_low, d_low)))


def _candidates(
    result: FitResult, draws: Array, budgets: Array, cost: RunCost, points: int, half_width: float
) -> tuple[Array, Array]:
    """Return the budget, and N and D, of points around the best sizes of each budget."""
    spent, found = [], []
    for budget in budgets:
        log_n = _interior(result, draws, float(budget), cost)
        log_n = log_n[np.isfinite(log_n)]
        ends = (
            np.quantile(log_n, [0.01, 0.99]) if len(log_n) else np.log(np.array(result.x_range[0]))
        )
        margin = half_width * _DECADE
        n = np.exp(np.linspace(ends[0] - margin, ends[1] + margin, points))
        d = cost.d_for(budget, n)
        good = np.isfinite(d) & (d > 0)
        spent.append(np.full(int(good.sum()), budget))
        found.append(np.stack([n[good], d[good]], axis=1))
    return np.concatenate(spent), np.concatenate(found)


def _error_variance(result: FitResult, at: Array, noise_sd: float | None) -> Array:
    """Return the variance of ln loss of a run at each candidate, shape (m,)."""
    if noise_sd is not None:
        if not noise_sd > 0:
            raise ValueError("noise_sd must be positive")
        return np.full(len(at), noise_sd**2)
    sd = max(result.residual_sd, 1e-9)
    if result.model.residuals == "log":
        return np.full(len(at), sd**2)
    return np.asarray((sd / result.model.evaluate(result.estimates, at)) ** 2)


def _slope_ends(targets: Array) -> Array:
    low, high = targets.min(), targets.max()
    return np.array([low, high]) if high > low else np.array([low / 10, high])


def _sizes(model: Model, params: Array, x: Array, budgets: Array, cost: RunCost) -> Array:
    """Return ln N* at budgets, shape (B, budgets); NaN where there is none."""
    found = []
    for budget in budgets:
        log_n, interior, _ = best_size(model, params, x, float(budget), cost)
        found.append(np.where(interior, log_n, np.nan))
    return np.stack(found, axis=1)


def _quantities(log_n: Array, at: Array) -> Array:
    """Return log10 N* at the targets and, last, the exponent between the two last budgets."""
    slope = (log_n[:, -1] - log_n[:, -2]) / np.log(at[-1] / at[-2])
    return np.concatenate([log_n[:, :-2] / _DECADE, slope[:, None]], axis=1)


def _score_law(
    model: Model, x: Array, truth: Array, losses: Array, at: Array, cost: RunCost, level: float
) -> tuple[Array, Array, Array]:
    """Return estimates and jackknife bounds, each of shape (simulations, targets + 1)."""
    from scipy.special import stdtrit

    runs = len(x)
    sample = Sample(
        x, losses[0], np.ones(runs), np.arange(runs), tuple(map(str, range(runs))),
        model.x_names, model.y_name,
    )  # fmt: skip

    def refit(y: Array, weights: Array) -> Array:
        params = model.solve(sample, y, weights, truth).params
        out = np.full((len(y), len(at) - 1), np.nan)
        good = np.isfinite(params).all(axis=1)
        out[good] = _quantities(_sizes(model, params[good], x, at, cost), at)
        return out

    point = refit(losses, np.ones_like(losses))
    left = leave_out_weights(runs)
    half = np.empty_like(point)
    block = max(1, 2_000_000 // (len(left) * runs))
    for start in range(0, len(losses), block):
        y = np.repeat(losses[start : start + block], len(left), axis=0)
        found = refit(y, np.tile(left, (len(y) // len(left), 1)))
        change = found.reshape(-1, len(left), found.shape[1]) - point[start : start + block, None]
        half[start : start + block] = np.sqrt((change**2).sum(axis=1))
    half *= float(stdtrit(len(left) - 1, (1 + level) / 2))
    return point, point - half, point + half


def _score_profiles(
    x: Array, losses: Array, at: Array, cost: RunCost, level: float, degree: int, seed: int
) -> tuple[Array, Array, Array] | None:
    """Return the same for iso-FLOP profiles; None where the runs do not allow them."""
    try:
        sweeps, _ = find_sweeps(np.log(x[:, 0]), np.log(cost.cost(x[:, 0], x[:, 1])), degree)
    except TooFewRecordsError:
        return None
    if len(sweeps.members) < 2 or not sweeps.df:
        return None
    log_losses = np.log(losses)
    points = sweeps.minima(log_losses)[0]
    seeds = np.random.SeedSequence([seed, 1]).spawn(len(losses))
    found = np.empty((3, len(losses), len(at) - 1))
    for i, (y, log_n) in enumerate(zip(log_losses, points, strict=True)):
        errors = sweeps.resampled(y, None, _REPLICATES, seeds[i])
        drawn = sweeps.minima(sweeps.fitted(y) + errors)[0]
        lines = line_through(
            sweeps.log_budgets, np.concatenate([log_n[None], drawn]), sweeps.weights(log_n, y)
        )
        ahead = np.log(at) - sweeps.log_budgets.mean()
        values = _quantities(lines[:, :1] + lines[:, 1:] * ahead, at)
        found[0, i] = values[0]
        found[1:, i] = np.array([interval(column, level) for column in values[1:].T]).T
    return found[0], found[1], found[2]


def _scores(
    number: int,
    method: str,
    name: str,
    targets: Array,
    true: Array,
    point: Array,
    lower: Array,
    upper: Array,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for j, value in enumerate(true):
        good = np.isfinite(point[:, j])
        error, low, high = (part[good, j] for part in (point - true, lower, upper))
        # A jackknife without some refits has no interval, which covers nothing.
        row: dict[str, object] = {
            "truth": number,
            "method": method,
            "quantity": f"log10 {name}" if j < len(targets) else "exponent",
            "budget": float(targets[j]) if j < len(targets) else np.nan,
            "true": float(value),
        }
        some = len(error) > 1
        row |= {
            "bias": float(error.mean()) if some else np.nan,
            "sd": float(error.std(ddof=1)) if some else np.nan,
            "rmse": float(np.sqrt((error**2).mean())) if some else np.nan,
            "coverage": float(((low <= value) & (value <= high)).mean()) if some else np.nan,
            "width": float(np.nanmedian(high - low)) if (~np.isnan(high - low)).any() else np.nan,
            "failed": 1 - float(good.mean()),
        }
        rows.append(row)
    return rows
