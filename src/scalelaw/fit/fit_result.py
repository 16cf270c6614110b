"""What a fit of a nonlinear law gives: labelled, immutable, and stored as JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

import scalelaw.fit.losses as losses
from scalelaw.errors import NotIdentifiedError
from scalelaw.fit.model import Curve, Model, Solutions
from scalelaw.fit.resample import bca_interval, jackknife_covariance, percentile_interval
from scalelaw.fit.sample import Array, Sample, numeric_column

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

FORMAT = 1

METHODS = ("jackknife", "percentile", "bca", "delta")
"""Methods of intervals: ``jackknife`` is the spread of the estimates without each group (CR3 for
least squares), with t; ``delta`` is :attr:`FitResult.covariance` carried by a gradient, with t."""

FEW_GROUPS = 10
WEAK_CONDITION = 1e5


@dataclass(frozen=True)
class Note:
    """One warning about a fit.

    Parameters
    ----------
    code : str
        Short name, stable between versions.
    severity : {"info", "warning", "error"}
        Whether it qualifies, weakens or forbids conclusions.
    message : str
        What is the matter and what to do, in a sentence.
    details : mapping
        Figures behind it.
    """

    code: str
    severity: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A derived quantity with its interval.

    Parameters
    ----------
    name : str
        What it is.
    value, lower, upper : float
        Estimate and bounds; infinite where the data set none.
    level : float
        Level of the interval.
    method : str
        How the interval was found, one of `METHODS` or the name of an analytic one.
    """

    name: str
    value: float
    lower: float
    upper: float
    level: float
    method: str

    def __str__(self) -> str:
        return (
            f"{self.name} {self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}] "
            f"({100 * self.level:.4g}%, {self.method})"
        )


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted law.

    Parameters
    ----------
    model : Model
        Its specification.
    estimates : array, shape (p,)
        Parameters, in the order of ``model.param_names``.
    left_out : array, shape (G, p)
        Estimates without each group (without each of 500 blocks of groups where there are more).
    draws : array, shape (B, p)
        Pairs-cluster bootstrap; NaN where a draw does not identify the law.
    groups : tuple of str
        Names of the groups.
    records_by_group : tuple of int
        Records of each.
    x_range : tuple of pairs
        Smallest and largest of each predictor.
    y_range : pair of float
        Smallest and largest response.
    loss : float
        Weighted sum of the loss.
    residual_sd : float
        Weighted root mean square of the residuals over n - p (and entities beyond the first), on
        the scale that was fitted.
    gradient_norm : float
        See :class:`scalelaw.fit.model.Solutions`.
    starts, agree : int
        Starting points, and how many reached this minimum.
    warnings : tuple of Note
        What weakens the fit.
    sample : Sample or None
        The data; None in a result that was stored without.
    """

    model: Model
    estimates: Array
    left_out: Array
    draws: Array
    groups: tuple[str, ...]
    records_by_group: tuple[int, ...]
    x_range: tuple[tuple[float, float], ...]
    y_range: tuple[float, float]
    loss: float
    residual_sd: float
    gradient_norm: float
    starts: int
    agree: int
    warnings: tuple[Note, ...] = ()
    sample: Sample | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for array in (self.estimates, self.left_out, self.draws):
            array.flags.writeable = False
        if self.sample is not None:
            for name in ("x", "y", "weights", "index"):
                getattr(self.sample, name).flags.writeable = False
            for array in self.sample.extra.values():
                array.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FitResult) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def build(
        cls, model: Model, sample: Sample, best: Solutions, left_out: Array, draws: Array
    ) -> "FitResult":
        """Assemble the result of a fit."""
        point = best.params[0]
        residual = model.sample_residual(sample, point)
        square = float(sample.weights @ residual**2) / float(sample.weights.mean())
        fitted = len(point) + model.n_effects(sample)
        result = cls(
            model=model,
            estimates=point,
            left_out=left_out,
            draws=draws,
            groups=sample.groups,
            records_by_group=tuple(int(n) for n in np.bincount(sample.index)),
            x_range=tuple((float(v.min()), float(v.max())) for v in sample.x.T),
            y_range=(float(sample.y.min()), float(sample.y.max())),
            loss=float(best.loss[0]),
            residual_sd=float(np.sqrt(square / max(1, sample.n_records - fitted))),
            gradient_norm=float(best.gradient_norm[0]),
            starts=best.starts,
            agree=int(best.agree[0]),
            sample=sample,
        )
        object.__setattr__(result, "warnings", tuple(_notes(result) + model.notes(result)))
        return result

    @property
    def n_records(self) -> int:
        """Number of records."""
        return sum(self.records_by_group)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.groups)

    @property
    def df(self) -> int:
        """Degrees of freedom of intervals: groups less one."""
        return len(self.left_out) - 1

    @property
    def new_record_sd(self) -> float:
        """Spread of new records about the law; NaN for a quantile, about which none is meant."""
        quantile = isinstance(self.model.estimator, losses.Pinball)
        return float("nan") if quantile else self.residual_sd

    @property
    def default_method(self) -> str:
        """Method of intervals: the jackknife for least squares, else the bootstrap's percentiles.

        Leaving out one group moves absolute, pinball and narrow Huber losses too little, or by
        jumps, to tell their spread.
        """
        smooth = isinstance(self.model.estimator, losses.LeastSquares)
        return "jackknife" if smooth else "percentile"

    @property
    def params(self) -> "pd.Series[float]":
        """Estimates by name."""
        import pandas as pd

        return pd.Series(self.estimates, index=list(self.model.param_names))

    @property
    def covariance(self) -> "pd.DataFrame":
        """Covariance of the working parameters: of the logarithm where ``model.log_scale``.

        From leaving out groups for least squares, else from the bootstrap, as `default_method`.
        """
        import pandas as pd

        names = list(self.model.param_names)
        working = self.model.working
        if self.default_method == "jackknife":
            matrix = jackknife_covariance(working(self.estimates), working(self.left_out))
        else:
            draws = working(self.draws)
            draws = draws[np.isfinite(draws).all(axis=1)]
            enough = len(draws) > 1
            matrix = np.cov(draws, rowvar=False) if enough else np.full((len(names),) * 2, np.nan)
        return pd.DataFrame(matrix, index=names, columns=names)

    @property
    def steps(self) -> Array:
        """Steps of working parameters for differences, shape (p,).

        In units of the standard errors, so that the unit of the response does not matter.
        """
        size = np.abs(self.model.working(self.estimates))
        errors = np.sqrt(np.diag(self.covariance.to_numpy()))
        steps = np.minimum(1e-4 * errors, 1e-3 * np.maximum(1.0, size))
        steps = np.maximum(steps, 1e-7 * size)
        return np.where(steps > 0, steps, 1e-6)

    @property
    def std_errors(self) -> "pd.Series[float]":
        """Standard errors of `params`, by the delta method where the scale is logarithmic."""
        errors = np.sqrt(np.diag(self.covariance.to_numpy()))
        factor = np.where(self.model.log_scale, self.estimates, 1.0)
        return self.params * 0 + errors * factor

    def conf_int(self, level: float = 0.95, method: str | None = None) -> "pd.DataFrame":
        """Return intervals of `params`, columns ``lower`` and ``upper``; see :meth:`param`."""
        import pandas as pd

        found = [self.param(name, level, method) for name in self.model.param_names]
        return pd.DataFrame(
            [(e.lower, e.upper) for e in found],
            index=list(self.model.param_names),
            columns=["lower", "upper"],
        )

    def param(self, name: str, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return one parameter with its interval.

        Parameters
        ----------
        name : str
            One of ``model.param_names``.
        level : float
            Level of the interval.
        method : str, optional
            One of `METHODS`, or ``score`` or ``likelihood`` of
            :func:`scalelaw.fit.profile.profile_interval`. By default the score for floors and
            breaks fitted by least squares (``model.profiled``), which no standard error describes,
            else `default_method`.
        """
        if name not in self.model.param_names:
            raise ValueError(f"name must be one of {', '.join(self.model.param_names)}")
        position = self.model.param_names.index(name)
        if method is None and name in self.model.profiled and self.default_method == "jackknife":
            method = "score" if self.sample is not None else "percentile"
        if method in ("score", "likelihood"):
            from scalelaw.fit.profile import profile_interval

            return profile_interval(self, name, level, method)
        log = self.model.log_scale[position]
        return self.derive(name, lambda params: params[:, position], level, method, log=log)

    def derive(
        self,
        name: str,
        quantity: Callable[[Array], Array],
        level: float = 0.95,
        method: str | None = None,
        log: bool = True,
    ) -> Estimate:
        """Return any quantity that follows from the parameters, with its interval.

        Parameters
        ----------
        name : str
            Its name.
        quantity : callable
            From parameters of shape (B, p) to values of shape (B,).
        level : float
            Level of the interval.
        method : {"jackknife", "percentile", "bca", "delta"}, optional
            How the interval is found; `default_method` without.
        log : bool
            Whether the quantity is positive and its interval built on the logarithm.
        """
        method = method or self.default_method
        if not 0 < level < 1:
            raise ValueError("level must lie between 0 and 1")
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}")
        point = float(quantity(self.estimates[None, :])[0])

        def scaled(params: Array) -> Array:
            with np.errstate(all="ignore"):
                values = np.asarray(quantity(params), dtype=np.float64)
                return np.log(values) if log else values

        centre = float(scaled(self.estimates[None, :])[0])
        if not np.isfinite(centre):
            return Estimate(name, point, -np.inf if not log else 0.0, np.inf, level, method)
        if method == "percentile":
            low, high = percentile_interval(scaled(self.draws), level)
        elif method == "bca":
            draws, left_out = scaled(self.draws), scaled(self.left_out)
            low, high = bca_interval(centre, draws, left_out, level)
        else:
            half = self._half_width(scaled, centre, level, method)
            low, high = centre - half, centre + half
        if log:
            with np.errstate(over="ignore"):
                low, high = float(np.exp(low)), float(np.exp(high))
        return Estimate(name, point, low, high, level, method)

    def predict(
        self, x: "ArrayLike | pd.DataFrame", level: float = 0.95, method: str | None = None
    ) -> "pd.DataFrame":
        """Return the response that the law gives at predictors.

        Parameters
        ----------
        x : array or DataFrame
            Predictors: shape (m,) for one, (m, q) for several, or a table with their columns.
        level : float
            Level of both intervals.
        method : str
            One of `METHODS`, for the law itself; `default_method` without.

        Returns
        -------
        pandas.DataFrame
            The predictors; ``predicted``; ``lower``, ``upper`` (of the law);
            ``prediction_lower``, ``prediction_upper`` (of a new record: the variance of the law
            and that of the residuals added, t with `df`; NaN for quantiles); ``extrapolated``;
            ``decades_beyond`` (how far outside its data the farthest predictor lies).
        """
        import pandas as pd

        names = list(self.model.x_names)
        if isinstance(x, pd.DataFrame):
            at = np.stack([numeric_column(x, name) for name in names], axis=1)
        else:
            at = np.asarray(x, dtype=np.float64).reshape(-1, len(names))
        positive = np.array(self.model.positive_x)
        if not (np.isfinite(at).all() and (at[:, positive] > 0).all()):
            raise ValueError("predictors must be positive and finite")
        log = self.model.residuals == "log"
        rows = []
        for point in at:

            def response(params: Array, point: Array = point) -> Array:
                return self.model.evaluate(params, point[None, :])[:, 0]

            found = self.derive("predicted", response, level, method, log=log)
            rows.append((found.value, found.lower, found.upper))
        centre, lower, upper = np.array(rows).T.reshape(3, -1)
        extra = self._t(level) * self.new_record_sd
        with np.errstate(all="ignore"):
            if log:
                down = np.hypot(np.log(centre / lower), extra)
                up = np.hypot(np.log(upper / centre), extra)
                new = centre * np.exp(-down), centre * np.exp(up)
            else:
                new = (
                    centre - np.hypot(centre - lower, extra),
                    centre + np.hypot(upper - centre, extra),
                )
        low, high = np.log10(np.array(self.x_range)[positive]).T
        log_at = np.log10(at[:, positive])
        beyond = np.maximum(log_at - high, low - log_at).max(axis=1)
        return pd.DataFrame(
            {
                **dict(zip(names, at.T, strict=True)),
                "predicted": centre,
                "lower": lower,
                "upper": upper,
                "prediction_lower": new[0],
                "prediction_upper": new[1],
                "extrapolated": beyond > 0,
                "decades_beyond": np.maximum(beyond, 0.0),
            }
        )

    def x_for(self, y: float, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return the predictor at which the law reaches a response, such as compute for an error.

        Raises
        ------
        NotIdentifiedError
            If the law never reaches it, or has more than one predictor.
        """
        model = self._curve()
        if not np.isfinite(model.invert(self.estimates[None, :], y)[0]):
            raise NotIdentifiedError(
                f"the fitted law never reaches {model.y} = {y:g}; ask for a value above its floor"
            )
        name = f"{model.x} for {model.y} = {y:g}"
        return self.derive(name, lambda params: model.invert(params, y), level, method)

    def gain_per_decade(self, x: float, level: float = 0.95, method: str | None = None) -> Estimate:
        """Return the factor by which the response changes from x to 10 x."""
        model = self._curve()
        if len(model.x_names) > 1:
            raise NotIdentifiedError(
                "the gain depends on the covariates; divide two rows of predict instead"
            )
        ends = np.array([[x], [10 * x]])

        def gain(params: Array) -> Array:
            first, last = model.evaluate(params, ends).T
            return np.asarray(last / first)

        return self.derive(f"{model.y} per decade of {model.x} at {x:g}", gain, level, method)

    def left_out_params(self) -> "pd.DataFrame":
        """Return the estimates without each group, one row per group."""
        import pandas as pd

        frame = pd.DataFrame(self.left_out, columns=list(self.model.param_names))
        if len(self.left_out) == self.n_groups:
            frame.insert(0, "group", self.groups)
        return frame

    def cooks_distance(self) -> "pd.Series[float]":
        """Return how far each group moves the estimates, in their own covariance.

        The squared Mahalanobis length of the change when the group is left out, divided by the
        number of parameters (Cook 1977, by group, with the cluster-robust covariance).
        """
        import pandas as pd

        change = self.model.working(self.left_out) - self.model.working(self.estimates)
        precision = np.linalg.pinv(self.covariance.to_numpy())
        distance = np.einsum("gi,ij,gj->g", change, precision, change) / len(self.estimates)
        whole = len(distance) == self.n_groups
        return pd.Series(distance, index=list(self.groups) if whole else None)

    def summary(self, level: float = 0.95) -> str:
        """Return a short text table of the fit."""
        bounds = self.conf_int(level)
        lines = [
            f"{type(self.model).__name__}: {self.model.y_name} on {', '.join(self.model.x_names)}",
            f"  records {self.n_records}, groups {self.n_groups}, "
            f"{self.model.estimator.name} of {self.model.residuals} residuals, "
            f"{self.agree} of {self.starts} starts agree",
        ]
        for name, value in self.params.items():
            low, high = bounds.loc[name]
            lines.append(
                f"  {name:<14} {value:>11.4g}  {100 * level:.4g}% interval [{low:.4g}, {high:.4g}]"
            )
        lines += [f"  {note.severity}: {note.message}" for note in self.warnings]
        return "\n".join(lines)

    def plot(self, ax: "Axes | None" = None, level: float = 0.95) -> "Axes":
        """Draw the data, the law and its band on logarithmic axes; for one predictor."""
        # Not an import statement: a change of the figures must not make fits out of date.
        axes: Axes = import_module("scalelaw.plotting").draw_curve(self, ax, level)
        return axes

    def to_json(self, draws: bool = True, data: bool = True) -> str:
        """Return the result as JSON that any later version can read.

        Parameters
        ----------
        draws : bool
            Whether to keep the bootstrap draws, which are most of the text; intervals that need
            them are NaN in a result read from JSON without.
        data : bool
            Whether to keep the data, without which no value of a parameter can be tested.
        """
        content: dict[str, Any] = {"format": FORMAT, "model": type(self.model).__name__}
        content["settings"] = {
            f.name: _plain(getattr(self.model, f.name)) for f in fields(self.model)
        }
        dropped: dict[str, Any] = {} if draws else {"draws": []}
        dropped |= {} if data else {"sample": None}
        for f in fields(self):
            if f.name != "model":
                kept = dropped.get(f.name, getattr(self, f.name))
                content[f.name] = _plain(kept)
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "FitResult":
        """Return the result stored by :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is not such a result, or comes from a newer version.
        """
        content: dict[str, Any] = json.loads(text)
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise ValueError(f"not a stored fit of format {FORMAT}")
        kind = getattr(import_module("scalelaw.fit"), str(content.pop("model", "")), None)
        if not (isinstance(kind, type) and issubclass(kind, Model)):
            raise ValueError("not a stored fit: its model is not known")
        result_type = kind.result_type()
        names = {f.name for f in fields(result_type)} - {"model"} | {"settings"}
        if set(content) != names:
            raise ValueError(f"not a stored fit: {sorted(set(content) ^ names)} differ")
        settings = {key: _revive(value) for key, value in content.pop("settings").items()}
        content["warnings"] = tuple(Note(**note) for note in content["warnings"])
        p = len(content["estimates"])
        for name in ("estimates", "left_out", "draws"):
            content[name] = np.array(content[name], dtype=np.float64)
        content["left_out"] = content["left_out"].reshape(-1, p)
        content["draws"] = content["draws"].reshape(-1, p)
        for f in fields(result_type):
            if f.type in (float, "float"):
                content[f.name] = float(np.array(content[f.name], dtype=np.float64))
        for name in ("groups", "records_by_group", "y_range"):
            content[name] = tuple(content[name])
        content["x_range"] = tuple(tuple(pair) for pair in content["x_range"])
        if content["sample"] is not None:
            content["sample"] = _sample(content["sample"], kind(**settings), content["groups"])
        return result_type(model=kind(**settings), **content)

    def _curve(self) -> Curve:
        if not isinstance(self.model, Curve):
            raise NotIdentifiedError("only a law of one predictor can be inverted")
        return self.model

    def _half_width(
        self, scaled: Callable[[Array], Array], centre: float, level: float, method: str
    ) -> float:
        if method == "jackknife":
            change = scaled(self.left_out) - centre
            return self._t(level) * float(np.sqrt((change**2).sum()))
        working, covariance = self.model.working(self.estimates), self.covariance.to_numpy()
        step = self.steps
        shifts = np.diag(step)
        ends = self.model.natural(np.concatenate([working + shifts, working - shifts]))
        values = scaled(ends).reshape(2, -1)
        gradient = (values[0] - values[1]) / (2 * step)
        variance = float(gradient @ covariance @ gradient)
        return self._t(level) * float(np.sqrt(variance))

    def _t(self, level: float) -> float:
        from scipy.special import stdtrit

        if not 0 < level < 1:
            raise ValueError("level must lie between 0 and 1")
        return float(stdtrit(self.df, (1 + level) / 2))


def _notes(result: FitResult) -> list[Note]:
    """Return the warnings that every model can give."""
    found = []
    if result.n_groups < FEW_GROUPS:
        found.append(
            Note(
                "few_groups",
                "warning",
                f"only {result.n_groups} groups: intervals rest on few independent results",
                {"groups": result.n_groups},
            )
        )
    if len(result.draws) < 2 and result.default_method == "percentile":
        found.append(
            Note(
                "no_draws",
                "warning",
                "intervals of this loss come from the bootstrap: set replicates to have any",
                {"replicates": len(result.draws)},
            )
        )
    failed = int(np.isnan(result.draws).any(axis=1).sum())
    if failed > 0.01 * len(result.draws):
        found.append(
            Note(
                "failed_replicates",
                "warning",
                f"{failed} of {len(result.draws)} resamplings do not identify the law; bootstrap "
                "intervals leave them out and are too narrow",
                {"failed": failed, "replicates": len(result.draws)},
            )
        )
    if not np.isfinite(result.left_out).all():
        missing = np.flatnonzero(~np.isfinite(result.left_out).all(axis=1))
        found.append(
            Note(
                "rests_on_one_group",
                "error",
                "without one of the groups the law is not identified: it rests on it alone",
                {"positions": [int(i) for i in missing]},
            )
        )
    if result.starts > 1 and result.agree < 2:
        found.append(
            Note(
                "starts_disagree",
                "warning",
                f"only {result.agree} of {result.starts} starting points reached this minimum",
                {"starts": result.starts, "agree": result.agree},
            )
        )
    at = np.array(result.x_range)
    positive = np.array(result.model.positive_x)
    middle = np.where(positive, np.sqrt(np.abs(at.prod(axis=1))), at.mean(axis=1))
    good = result.model.centred(result.draws[np.isfinite(result.draws).all(axis=1)], middle)
    good = good[np.isfinite(good).all(axis=1)]
    if len(good) > 1:
        spread = good.std(axis=0)
        vary = spread > 1e-12 * (1 + np.abs(good.mean(axis=0)))
        condition = float(np.linalg.cond(np.corrcoef(good[:, vary].T))) if vary.sum() > 1 else 1.0
        if condition > WEAK_CONDITION:
            found.append(
                Note(
                    "weakly_identified",
                    "warning",
                    "parameters trade off against each other with almost no change of the curve "
                    f"(condition number {condition:.1g}); read none of them alone, or fit a model "
                    "with fewer",
                    {"condition": condition},
                )
            )
    largest = max(result.records_by_group) / result.n_records
    if largest > 0.5 and result.n_groups > 2:
        found.append(
            Note(
                "one_large_group",
                "warning",
                f"one group has {largest:.0%} of the records",
                {"share": largest},
            )
        )
    return found


def _sample(stored: dict[str, Any], model: Model, groups: tuple[str, ...]) -> Sample:
    arrays = {key: np.array(stored[key], dtype=np.float64) for key in ("x", "y", "weights")}
    extra = {key: np.array(column) for key, column in stored["extra"].items()}
    index = np.array(stored["index"], dtype=np.intp)
    return Sample(
        **arrays,
        index=index,
        groups=groups,
        x_names=model.x_names,
        y_name=model.y_name,
        extra=extra,
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; NaN as null."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, np.ndarray):
        return value.tolist() if np.isfinite(value).all() else _plain(value.tolist())
    if isinstance(value, Sample):
        kept = ("x", "y", "weights", "index", "extra")
        return {name: _plain(getattr(value, name)) for name in kept}
    if isinstance(value, Note):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, losses.Loss):
        return {"loss": type(value).__name__} | {
            f.name: getattr(value, f.name) for f in fields(value)
        }
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _revive(value: Any) -> Any:
    if isinstance(value, dict) and "loss" in value:
        settings = dict(value)
        kind: Any = getattr(losses, settings.pop("loss"))
        return kind(**settings)
    return tuple(map(_revive, value)) if isinstance(value, list) else value
