"""Compare the laws of several systems, such as two recipes trained at the same scales."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import FitError, NotIdentifiedError, TooFewGroupsError
from scalelaw.fit.fit_result import FitResult, Note
from scalelaw.fit.model import Curve, Model
from scalelaw.fit.resample import leave_out_weights, percentile_interval, resampled_groups
from scalelaw.fit.sample import Array, read_groups

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_SEARCH = 30.0
"""Decades beyond the data within which two laws are searched for a crossing."""


@dataclass(frozen=True)
class SystemComparison:
    """Fitted laws of several systems whose resamplings belong together.

    Parameters
    ----------
    results : mapping of str to FitResult
        Fit of each system.
    draws, left_out : mapping of str to array, shape (B, p) and (G, p)
        Estimates of each system under the same resamplings, and without the same groups.
    paired : bool
        Whether the systems share groups, so that what a group does to both cancels.
    warnings : tuple of Note
        ``not_paired`` where they do not.
    """

    results: Mapping[str, FitResult]
    draws: Mapping[str, Array]
    left_out: Mapping[str, Array]
    paired: bool
    warnings: tuple[Note, ...]

    def ranking(
        self,
        x: "ArrayLike",
        level: float = 0.95,
        method: str | None = None,
        new_run: bool = False,
        seed: int = 0,
    ) -> "pd.DataFrame":
        """Return the response of each system at a predictor, and how likely it is the lowest.

        Parameters
        ----------
        x : float or array, shape (q,)
            Predictors.
        level : float
            Level of the intervals.
        method : {"jackknife", "percentile", "bca", "delta"}, optional
            Of the intervals, see :meth:`FitResult.derive`.
        new_run : bool
            Whether one new run of each system is asked for, with its own error, and not the law.
        seed : int
            Seed of those errors.

        Returns
        -------
        pandas.DataFrame
            One row per system, the likeliest first: ``system``, ``predicted``, ``lower``,
            ``upper``, ``probability_best`` (share of the draws in which it is the lowest),
            ``extrapolated``, ``decades_beyond`` its data, ``method``, ``paired``.
        """
        import pandas as pd

        at = np.atleast_2d(np.asarray(x, dtype=np.float64))
        rng = np.random.default_rng(seed)
        rows, drawn = [], []
        for name, result in self.results.items():
            row = result.predict(at, level, method).iloc[0]
            kind = "prediction_" if new_run else ""
            rows.append(
                {
                    "system": name,
                    "predicted": row["predicted"],
                    "lower": row[f"{kind}lower"],
                    "upper": row[f"{kind}upper"],
                    "probability_best": np.nan,
                    "extrapolated": bool(row["extrapolated"]),
                    "decades_beyond": row["decades_beyond"],
                    "method": method or result.default_method,
                    "paired": self.paired,
                }
            )
            values = result.model.evaluate(self.draws[name], at)[:, 0]
            if new_run:
                error = result.residual_sd * rng.standard_normal(len(values))
                logs = result.model.residuals == "log"
                values = values * np.exp(error) if logs else values + error
            drawn.append(values)
        table = pd.DataFrame(rows)
        each = np.stack(drawn)
        each = each[:, np.isfinite(each).all(axis=0)]
        if each.shape[1]:
            # Systems that tie share the credit.
            lowest = each == each.min(axis=0)
            table["probability_best"] = (lowest / lowest.sum(axis=0)).mean(axis=1)
        return table.sort_values(
            ["probability_best", "predicted"], ascending=[False, True], ignore_index=True
        )

    def responses(
        self, x: float | Array, reference: str, level: float = 0.95, method: str = "jackknife"
    ) -> "pd.DataFrame":
        """Return the response of each system at a predictor, over that of the reference.

        Parameters
        ----------
        x : float or array, shape (q,)
            Predictors.
        reference : str
            System that the others are compared with.
        level : float
            Level of the intervals.
        method : {"jackknife", "percentile"}
            Of the logarithm of the ratio.

        Returns
        -------
        pandas.DataFrame
            One row per other system: ``system``, ``reference``, ``ratio``, ``lower``, ``upper``,
            ``probability`` (share of the draws in which the system's response is lower),
            ``method``, ``paired``.
        """
        at = np.atleast_2d(np.asarray(x, dtype=np.float64))
        return self._table(
            lambda model, params: model.evaluate(params, at)[:, 0], reference, level, method
        )

    def efficiency(
        self, y: float, reference: str, level: float = 0.95, method: str = "jackknife"
    ) -> "pd.DataFrame":
        """Return the predictor that each system needs for a response, over the reference's.

        A ratio of 0.5 means that half the compute is enough. Columns as of :meth:`responses`;
        ``probability`` is the share of the draws in which the system needs less.
        """

        def needed(model: Model, params: Array) -> Array:
            if not isinstance(model, Curve):
                raise NotIdentifiedError("only laws of one predictor can be inverted")
            return model.invert(params, y)

        return self._table(needed, reference, level, method)

    def crossing(self, system: str, reference: str, level: float = 0.95) -> dict[str, float]:
        """Return the predictor at which two laws cross, with its percentile interval.

        Returns
        -------
        dict
            ``value``, ``lower``, ``upper`` (NaN where the laws as fitted do not cross within 30
            decades of the data, or the interval is not bounded) and ``share``, of the draws that
            cross at all.
        """
        first, second = self._result(system), self._result(reference)
        if len(first.x_range) != 1:
            raise NotIdentifiedError("laws of several predictors cross along a curve")
        ends = np.log10(
            [
                min(first.x_range[0][0], second.x_range[0][0]),
                max(first.x_range[0][1], second.x_range[0][1]),
            ]
        )
        grid = np.linspace(ends[0] - _SEARCH, ends[1] + _SEARCH, 2001)
        # The crossing nearest to the middle of the data.
        middle = ends.mean()

        def find(a: Array, b: Array) -> Array:
            at = 10.0 ** grid[:, None]
            with np.errstate(all="ignore"):
                gap = np.log(first.model.evaluate(a, at)) - np.log(second.model.evaluate(b, at))
            turns = np.sign(gap[:, 1:]) * np.sign(gap[:, :-1]) < 0
            with np.errstate(all="ignore"):
                where = grid[:-1] + np.diff(grid) * gap[:, :-1] / (gap[:, :-1] - gap[:, 1:])
            distance = np.where(turns, np.abs(where - middle), np.inf)
            best = distance.argmin(axis=1)
            rows = np.arange(len(a))
            return np.where(np.isfinite(distance[rows, best]), where[rows, best], np.nan)

        point = find(first.estimates[None, :], second.estimates[None, :])[0]
        drawn = find(self.draws[system], self.draws[reference])
        known = np.isfinite(self.draws[system]).all(axis=1)
        known &= np.isfinite(self.draws[reference]).all(axis=1)
        share = float(np.isfinite(drawn[known]).mean()) if known.any() else np.nan
        low = high = np.nan
        if share > (1 + level) / 2:
            low, high = percentile_interval(drawn[known], level)
        return {
            "value": float(10**point),
            "lower": float(10**low),
            "upper": float(10**high),
            "share": share,
        }

    def _table(
        self,
        quantity: Callable[[Model, Array], Array],
        reference: str,
        level: float,
        method: str,
    ) -> "pd.DataFrame":
        import pandas as pd
        from scipy.special import stdtrit

        if method not in ("jackknife", "percentile"):
            raise ValueError("method must be jackknife or percentile")
        base = self._result(reference)

        def log(result: FitResult, params: Array) -> Array:
            with np.errstate(all="ignore"):
                return np.log(quantity(result.model, params))

        rows = []
        for name, result in self.results.items():
            if name == reference:
                continue
            with np.errstate(invalid="ignore"):
                # Two infinities, where neither law reaches the response.
                point = float(
                    (log(result, result.estimates[None]) - log(base, base.estimates[None]))[0]
                )
                drawn = log(result, self.draws[name]) - log(base, self.draws[reference])
            drawn = drawn[~np.isnan(drawn)]
            if method == "percentile":
                low, high = percentile_interval(drawn, level)
            else:
                variance, df = self._variance(name, reference, log)
                half = float(stdtrit(df, (1 + level) / 2)) * np.sqrt(variance)
                low, high = point - half, point + half
            rows.append(
                {
                    "system": name,
                    "reference": reference,
                    "ratio": float(np.exp(point)),
                    "lower": float(np.exp(low)),
                    "upper": float(np.exp(high)),
                    "probability": float((drawn < 0).mean()) if len(drawn) else np.nan,
                    "method": method,
                    "paired": self.paired,
                }
            )
        return pd.DataFrame(rows)

    def _variance(
        self, name: str, reference: str, log: Callable[[FitResult, Array], Array]
    ) -> tuple[float, int]:
        """Return the jackknife variance of the log ratio, and its degrees of freedom."""
        changes = [
            log(self.results[key], self.left_out[key])
            - log(self.results[key], self.results[key].estimates[None])
            for key in (name, reference)
        ]
        if self.paired:
            return float(((changes[0] - changes[1]) ** 2).sum()), len(changes[0]) - 1
        return (
            float((changes[0] ** 2).sum() + (changes[1] ** 2).sum()),
            min(self.results[key].df for key in (name, reference)),
        )

    def _result(self, name: str) -> FitResult:
        if name not in self.results:
            raise ValueError(f"no system {name!r}; there are {', '.join(self.results)}")
        return self.results[name]


def fit_paired(
    model: Model,
    data: "pd.DataFrame",
    system: str,
    groups: str,
    weights: str | None = None,
    seed: int | np.random.SeedSequence = 0,
) -> SystemComparison:
    """Fit one law to each system of a table, under the same resamplings of the groups they share.

    What happens to both systems in a group (a hard split, a scale that the law misfits) then
    cancels in their difference, which is known far better than either level: common random
    numbers, or a paired test.

    Parameters
    ----------
    model : Model
        The law.
    data : pandas.DataFrame
        One row per record.
    system, groups : str
        Columns of the system, and of what the systems share, such as scale, seed or data split.
    weights : str, optional
        Column of positive weights.
    seed : int or SeedSequence
        Seed of the resampling.

    Returns
    -------
    SystemComparison

    Raises
    ------
    FitError
        If there are fewer than two systems, or the law of one cannot be fitted; its name is given.
    """
    names = read_groups(data, groups)[1]
    label, systems = read_groups(data, system)
    if len(systems) < 2:
        raise TooFewGroupsError(
            f'"{system}" names {len(systems)} system(s), two are needed: name the column that '
            "tells them apart"
        )
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    drawn = resampled_groups(len(names), model.replicates, seed)
    without = leave_out_weights(len(names))
    position = {name: i for i, name in enumerate(names)}
    results, draws, left_out = {}, {}, {}
    shared = set(range(len(names)))
    for number, name in enumerate(systems):
        mine = label == number
        try:
            result = model.fit(data[mine], groups, weights, seed)
        except FitError as error:
            raise type(error)(f"{name}: {error}") from None
        sample = result.sample
        assert sample is not None
        own = [position[group] for group in sample.groups]
        shared &= set(own)
        results[name] = result
        draws[name] = model.resolve(sample, drawn[:, own], result.estimates)
        left_out[name] = model.resolve(sample, without[:, own], result.estimates)
    if shared:
        return SystemComparison(results, draws, left_out, True, ())
    return SystemComparison(results, draws, left_out, False, (_not_paired("share no group"),))


def compare_systems(results: Mapping[str, FitResult]) -> SystemComparison:
    """Compare laws that were fitted separately, as independent of each other.

    Use :func:`fit_paired` where systems were run at the same scales, seeds or splits: intervals of
    their difference are then narrower, often by several times.
    """
    if len(results) < 2:
        raise ValueError("a comparison needs two systems")
    count = min(len(result.draws) for result in results.values())
    # Fits of one seed resample alike; a shift breaks what would only look like pairing.
    draws = {
        name: np.roll(result.draws[:count], i, axis=0)
        for i, (name, result) in enumerate(results.items())
    }
    left_out = {name: result.left_out for name, result in results.items()}
    note = _not_paired("were fitted separately")
    return SystemComparison(results, draws, left_out, False, (note,))


def _not_paired(why: str) -> Note:
    return Note(
        "not_paired",
        "warning",
        f"the systems {why}, so what happens to both does not cancel in their difference",
    )
