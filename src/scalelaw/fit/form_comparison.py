"""Compare forms of law on the same data, and average over them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelaw.errors import FitError, NotIdentifiedError
from scalelaw.fit.fit_result import Estimate, FitResult, Note
from scalelaw.fit.line_law import LineLaw
from scalelaw.fit.line_result import gaussian_aicc
from scalelaw.fit.losses import LeastSquares
from scalelaw.fit.model import Curve, Model
from scalelaw.fit.sample import Array, numeric_column

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

WEIGHTS = ("stacking", "akaike", "equal")


@dataclass(frozen=True)
class FormComparison:
    """Several laws of one response, fitted to the same data.

    Parameters
    ----------
    results : mapping of str to FitResult
        The laws that could be fitted, all with the same resampled groups.
    table : pandas.DataFrame
        One row per law: ``form``, ``status``, ``n_params``, ``aicc``, ``group_loss`` (mean over
        groups of the mean squared residual of ln y under the law fitted without the group) with its
        standard error ``group_loss_se``, ``later_loss`` and ``later_fits`` (the same for groups of
        later years under the law fitted to the years before, and how many such fits), and the
        weights ``akaike`` and ``stacking``.
    warnings : tuple of Note
        ``not_fitted``, ``akaike_of_some``, ``not_stacked``, ``unequal_later_fits``,
        ``later_years_differ``.
    """

    results: Mapping[str, FitResult]
    table: "pd.DataFrame"
    warnings: tuple[Note, ...] = ()

    def predict(self, x: "ArrayLike", weights: str = "stacking", level: float = 0.95) -> Estimate:
        """Return the response at a predictor, averaged over the laws.

        Parameters
        ----------
        x : float or array, shape (q,)
            Predictor, or all of them in the order of the laws.
        weights : {"stacking", "akaike", "equal"}
            Weights of the laws.
        level : float
            Level of the interval: quantiles of the mixture of the laws' bootstrap draws.
        """
        at = np.atleast_2d(np.asarray(x, dtype=np.float64))
        for result in self.results.values():
            if at.shape != (1, len(result.model.x_names)):
                raise ValueError(f"one value each of {', '.join(result.model.x_names)} is needed")
        values = {
            name: (
                result.model.evaluate(result.estimates, at)[0],
                result.model.evaluate(result.draws, at)[:, 0],
            )
            for name, result in self.results.items()
        }
        return self._average("averaged response", values, weights, level)

    def x_for(self, y: float, weights: str = "stacking", level: float = 0.95) -> Estimate:
        """Return the predictor that a response needs, averaged over the laws of one predictor.

        Laws whose floor lies above the response say infinity; if they have more than half of the
        weight, so does the average.
        """
        values = {}
        for name, result in self.results.items():
            if not isinstance(result.model, Curve):
                raise NotIdentifiedError("only laws of one predictor can be inverted")
            params = np.vstack([result.estimates, result.draws])
            reached = result.model.invert(params, y)
            values[name] = reached[0], reached[1:]
        return self._average(f"averaged predictor for {y:g}", values, weights, level)

    def _average(
        self, name: str, values: dict[str, tuple[float, Array]], weights: str, level: float
    ) -> Estimate:
        share = self._weights(weights)
        points = np.array([point for point, _ in values.values()])
        own = np.array([share[form] for form in values])
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = [np.log(draws[~np.isnan(draws)]) for _, draws in values.values()]
            finite = np.isfinite(np.log(points))
            if own[finite].sum() < 0.5:
                value = np.inf
            else:
                value = float(np.exp(own[finite] @ np.log(points[finite]) / own[finite].sum()))
        every = np.concatenate(logs)
        mass = np.concatenate(
            [np.full(len(v), w / max(1, len(v))) for v, w in zip(logs, own, strict=True)]
        )
        if not len(every):
            raise NotIdentifiedError("the laws have no bootstrap draws; set their replicates")
        tail = (1 - level) / 2
        low, high = _weighted_quantiles(every, mass, (tail, 1 - tail))
        with np.errstate(over="ignore"):
            ends = float(np.exp(low)), float(np.exp(high))
        return Estimate(name, value, *ends, level, f"{weights} mixture of draws")

    def _weights(self, weights: str) -> dict[str, float]:
        if weights not in WEIGHTS:
            raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}")
        fitted = self.table.set_index("form").loc[list(self.results)]
        if weights == "equal":
            return dict.fromkeys(self.results, 1 / len(self.results))
        column = fitted[weights].fillna(0.0)
        if not column.sum() > 0:
            raise NotIdentifiedError(
                f"no law has {weights} weights: fit by least squares of logarithms, or use others"
            )
        return {str(form): float(w) for form, w in (column / column.sum()).items()}


def compare_forms(
    models: Mapping[str, Model],
    data: "pd.DataFrame",
    groups: str | None = None,
    weights: str | None = None,
    years: str | None = None,
    seed: int = 0,
) -> FormComparison:
    """Fit several laws to the same data and score them.

    Parameters
    ----------
    models : mapping of str to Model
        Laws of the same response and predictors, by the name they are to have.
    data : pandas.DataFrame
        One row per record.
    groups, weights : str, optional
        See :meth:`Model.fit`.
    years : str, optional
        Column of the time of a record; with it, laws fitted to all years up to one are scored on
        the groups that appear only later.
    seed : int
        All laws resample the same groups.

    Returns
    -------
    FormComparison

    Raises
    ------
    FitError
        If no law can be fitted.
    ValueError
        If the laws are of different responses.

    Notes
    -----
    AICc counts the residual variance as a parameter and is given only to laws fitted by least
    squares of ln y, whose likelihoods are of the same variable. Losses are of ln y for all.
    Stacking weights minimise the squared error of the weighted mean of the predictions of ln y
    without each group (Breiman 1996; Yao, Vehtari, Simpson and Gelman 2018).

    References
    ----------
    Burnham and Anderson, "Model selection and multimodel inference" (2002). Breiman, "Stacked
    regressions", Machine Learning 24 (1996). Yao, Vehtari, Simpson and Gelman, "Using stacking to
    average Bayesian predictive distributions", Bayesian Analysis 13 (2018).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from scalelaw import ExponentialLaw, PowerLaw
    >>> rng = np.random.default_rng(0)
    >>> x = 10 ** rng.uniform(16, 22, 40)
    >>> data = pd.DataFrame({"flop": x, "error": 3 * x**-0.05 * np.exp(0.01 * rng.normal(size=40))})
    >>> forms = {"power": PowerLaw("flop", "error"), "exponential": ExponentialLaw("flop", "error")}
    >>> table = compare_forms(forms, data).table.set_index("form")
    >>> bool(table.loc["power", "group_loss"] < table.loc["exponential", "group_loss"])
    True
    """
    import pandas as pd

    responses = {model.y_name for model in models.values()}
    if len(responses) > 1:
        raise ValueError(f"laws of {' and '.join(sorted(responses))} cannot be compared")
    results: dict[str, FitResult] = {}
    rows: list[dict[str, Any]] = []
    held: list[Array] = []
    for name, model in models.items():
        row: dict[str, Any] = {"form": name, "status": "fitted"}
        row["n_params"] = len(model.param_names)
        try:
            result = model.fit(data, groups, weights, seed)
        except FitError as error:
            rows.append(row | {"status": f"not fitted: {error}"})
            continue
        results[name] = result
        residual = _held_out(result)
        held.append(residual)
        by_group = _group_means(result, residual**2)
        row |= {
            "aicc": _aicc(result),
            "group_loss": by_group.mean(),
            "group_loss_se": by_group.std(ddof=1) / np.sqrt(len(by_group)),
        }
        if years is not None:
            row |= _later(model, result, data, groups, weights, years)
        rows.append(row)
    if not rows:
        raise FitError("no form to compare: name one at least")
    if not results:
        raise FitError("; ".join(f"{row['form']}: {row['status']}" for row in rows))
    table = pd.DataFrame(rows)
    fitted = table["status"] == "fitted"
    best = table["aicc"].min()
    relative = np.exp(-0.5 * (table["aicc"] - best))
    table["akaike"] = relative / relative.sum()
    sample = next(iter(results.values())).sample
    assert sample is not None
    table.loc[fitted, "stacking"] = _stack(np.stack(held, axis=1), sample.weights)
    return FormComparison(results, table, tuple(_notes(table)))


def _notes(table: "pd.DataFrame") -> list[Note]:
    """Return what limits the comparison."""
    found = []

    def note(code: str, severity: str, message: str, forms: "pd.Series[Any]") -> None:
        names = [str(name) for name in forms]
        found.append(Note(code, severity, message.format(", ".join(names)), {"forms": names}))

    fitted = table["status"] == "fitted"
    if not fitted.all():
        note("not_fitted", "warning", "not fitted, see their status: {}", table["form"][~fitted])
    some = fitted & table["aicc"].isna()
    if some.any() and table["aicc"].notna().any():
        note(
            "akaike_of_some",
            "warning",
            "Akaike weights leave out {}, not fitted by least squares of logarithms; compare by "
            "group_loss, or fit all in that way",
            table["form"][some],
        )
    alone = fitted & table["group_loss"].isna()
    if alone.any():
        note(
            "not_stacked",
            "warning",
            "without one of the groups {} cannot be fitted or foretells nothing, and has no "
            "stacking weight",
            table["form"][alone],
        )
    if "later_fits" in table:
        fits = table.loc[fitted, "later_fits"]
        if fits.min() < fits.max():
            note(
                "unequal_later_fits",
                "warning",
                "the losses on later years are of different years: {} could be fitted to fewer of "
                "them",
                table["form"][fitted & (table["later_fits"] < fits.max())],
            )
        scored = table[fitted & table["later_loss"].notna() & table["group_loss"].notna()]
        if len(scored) > 1:
            best, later = (scored[kind].idxmin() for kind in ("group_loss", "later_loss"))
            if best != later:
                note(
                    "later_years_differ",
                    "info",
                    "of these, the first foretells groups left out best and the second later "
                    "years, which is what an extrapolation rests on: {}",
                    table["form"][[best, later]],
                )
    return found


def _held_out(result: FitResult) -> Array:
    """Return each record's residual of ln y under the law fitted without its group."""
    sample = result.sample
    assert sample is not None
    own = sample.index % len(result.left_out)
    residual = np.empty(sample.n_records)
    with np.errstate(divide="ignore", invalid="ignore"):
        for number, params in enumerate(result.left_out):
            mine = own == number
            fitted = result.model.evaluate(params, sample.x[mine])
            residual[mine] = np.log(sample.y[mine]) - np.log(fitted)
    return np.where(np.isfinite(residual), residual, np.nan)


def _group_means(result: FitResult, values: Array) -> Array:
    sample = result.sample
    assert sample is not None
    total = np.bincount(sample.index, sample.weights * values, sample.n_groups)
    return np.asarray(total / np.bincount(sample.index, sample.weights, sample.n_groups))


def _aicc(result: FitResult) -> float:
    """Return AICc of ln y, NaN for a law that was not fitted by least squares of it."""
    model, sample = result.model, result.sample
    assert sample is not None
    of_logs = isinstance(model.estimator, LeastSquares) and model.residuals == "log"
    if isinstance(model, LineLaw):
        of_logs = of_logs and model.minimises_log_y
    if not of_logs:
        return float("nan")
    residual = np.log(sample.y) - np.log(model.evaluate(result.estimates, sample.x))
    return gaussian_aicc(residual, sample.weights, len(result.estimates) + 1)


def _later(
    model: Model,
    whole: FitResult,
    data: "pd.DataFrame",
    groups: str | None,
    weights: str | None,
    years: str,
) -> dict[str, float]:
    """Return the loss on groups of later years of laws fitted to the years up to each."""
    sample = whole.sample
    assert sample is not None
    year, index = np.floor(numeric_column(data, years)), sample.index
    light = replace(model, replicates=0)
    losses = []
    fits = 0
    for last in np.unique(year)[:-1]:
        past = year <= last
        later = ~past & ~np.isin(index, index[past])
        if not later.any():
            continue
        try:
            result = light.fit(data[past], groups, weights)
        except FitError:
            continue
        fits += 1
        with np.errstate(divide="ignore", invalid="ignore"):
            fitted = model.evaluate(result.estimates, sample.x[later])
            square = (np.log(sample.y[later]) - np.log(fitted)) ** 2
        own = index[later]
        losses += [float(square[own == number].mean()) for number in np.unique(own)]
    return {"later_loss": float(np.mean(losses)) if losses else np.nan, "later_fits": fits}


def _stack(residuals: Array, weights: Array) -> Array:
    """Return the nonnegative weights, which sum to one, of the least squared mean residual."""
    from scipy.optimize import nnls

    usable = np.isfinite(residuals).all(axis=0)
    share = np.zeros(residuals.shape[1])
    if not usable.any():
        return np.asarray(share + np.nan)
    own = residuals[:, usable] * np.sqrt(weights)[:, None]
    # The last row holds the sum at one.
    heavy = 1e6 * float(np.abs(own).max() + 1e-300)
    matrix = np.vstack([own, np.full(own.shape[1], heavy)])
    found, _ = nnls(matrix, np.append(np.zeros(len(own)), heavy))
    share[usable] = found / found.sum()
    return share


def _weighted_quantiles(values: Array, mass: Array, shares: tuple[float, ...]) -> list[float]:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(mass[order])
    at = np.searchsorted(total, np.array(shares) * total[-1])
    return [float(values[order[min(i, len(order) - 1)]]) for i in at]
