"""What a target error costs, what a budget buys, and what running the model costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.cost.chain import HOURS_PER_YEAR, QUANTITIES, Chain, peak_rate
from scalelaw.cost.parameters import Equivalent
from scalelaw.cost.tables import CostTables
from scalelaw.cost.wording import say
from scalelaw.errors import ScalelawError
from scalelaw.fit.curves import FORMS
from scalelaw.fit.sample import Array
from scalelaw.forecast.ensemble import ALL_FORMS, Ensemble
from scalelaw.typography import number, percent

RESPECTED, IGNORED = "respected", "ignored"
"""Whether a known floor of the error refuses a target."""


class RefusedTargetError(ScalelawError):
    """A target that cannot be projected, with the reason."""


@dataclass(frozen=True)
class Estimate:
    """Median and intervals of a quantity over its draws.

    Parameters
    ----------
    median, lower, upper : float
        In the unit of the quantity; infinite where so many draws never reach the target.
    lower_quartile, upper_quartile : float
        Between them lies half of the draws.
    share_unreachable : float
        Share of the draws that never reach it.
    """

    median: float
    lower: float
    upper: float
    lower_quartile: float
    upper_quartile: float
    share_unreachable: float

    @classmethod
    def of(cls, logs: Array, level: float) -> "Estimate":
        """Return the estimate from draws of log10 of a quantity; NaN counts as never."""
        logs = np.where(np.isnan(logs), np.inf, logs)
        tail = (1 - level) / 2
        # Interpolation between a number and infinity has no meaning, so draws are taken as such.
        places = [0.5, tail, 1 - tail, 0.25, 0.75]
        points = np.quantile(logs, places, method="inverted_cdf")
        with np.errstate(over="ignore"):
            median, lower, upper, first, third = (float(p) for p in 10.0**points)
        return cls(median, lower, upper, first, third, float(np.isinf(logs).mean()))

    def never(self, quantile: float) -> bool:
        """Return whether a quantile is infinite because its draws never reach the target.

        Infinity may also stand for a finite quantity that no number can hold.
        """
        return self.share_unreachable > 1 - quantile


@dataclass(frozen=True)
class HomeDevice:
    """The device of the equivalent "years of one at home"."""

    name: str
    peak_flop_per_s: float


def home_device(tables: CostTables, name: str) -> HomeDevice:
    """Return a device at the peak rate that the chain counts."""
    device = tables.device(name)
    return HomeDevice(device.name, peak_rate(device))


def refuse(benchmark: Benchmark, error: float, floor: float | None = None) -> None:
    """Refuse a target at or below a floor.

    Parameters
    ----------
    benchmark : Benchmark
        Benchmark with its known floor.
    error : float
        Target as a fraction.
    floor : float, optional
        A fitted floor to hold the target against, instead of the known one.

    Raises
    ------
    RefusedTargetError
        With the floor and its source.
    """
    limit = benchmark.label_floor if floor is None else floor
    if limit is None or not error <= limit:  # a fitted floor may be NaN
        return
    kind, told, source = "fitted", number(100 * limit), ""
    if floor is None:
        kind, told = "known", percent(limit)
        source = say("label_floor", source=benchmark.label_floor_source)
    side = "at" if error == limit else "under"
    values = {"error": percent(error), "side": side, "kind": kind, "floor": told, "source": source}
    raise RefusedTargetError(say("floor", **values))


def project(
    ensemble: Ensemble,
    chain: Chain,
    error: float,
    basis: str,
    form: str,
    level: float,
    equivalents: Mapping[str, Equivalent],
    home: HomeDevice,
) -> dict[str, Estimate]:
    """Return every quantity and equivalent for a target error.

    Parameters
    ----------
    ensemble : Ensemble
        Draws of the fits.
    chain : Chain
        As many draws of the chain as the ensemble has of each form.
    error : float
        Target as a fraction.
    basis : str
        Basis of the ensemble's compute.
    form : str
        A form, or all of them.
    level : float
        Level of the intervals.
    equivalents : mapping of str to Equivalent
        Equivalents in energy or carbon.
    home : HomeDevice
        Device of the equivalent ``home_years``.

    Returns
    -------
    dict of str to Estimate
        By the names of `QUANTITIES`, of the equivalents, and ``home_years``.
    """
    forms = ensemble.forms(form, error)
    parts = [chain.log_costs(ensemble.log_compute(error, f), basis) for f in forms]
    logs = {name: np.concatenate([part[name] for part in parts]) for name in QUANTITIES}
    # One device instead of another at the same share of its peak.
    ratio = np.log10(chain.peak_flop_per_s / home.peak_flop_per_s / HOURS_PER_YEAR)
    logs["home_years"] = logs["device_hours"] + ratio
    for name, equivalent in equivalents.items():
        logs[name] = logs[equivalent.quantity] - np.log10(equivalent.value)
    return {name: Estimate.of(values, level) for name, values in logs.items()}


def reachable_error(
    ensemble: Ensemble, chain: Chain, usd: float, basis: str, form: str, level: float
) -> dict[str, Estimate]:
    """Return the compute that a budget buys and the error that a new model reaches with it.

    Returns
    -------
    dict of str to Estimate
        ``error`` (a fraction; the share of draws that give no error below 1 counts as unreachable),
        ``device_hours`` and ``flop``.
    """
    log_flop = chain.log_flop_for(usd, basis)
    errors = ensemble.log_error(log_flop, form)
    return {
        "error": Estimate.of(errors, level),
        "device_hours": Estimate.of(np.log10(usd / chain.usd_per_hour), level),
        "flop": Estimate.of(log_flop, level),
    }


def running_costs(
    forward: Ensemble,
    chain: Chain,
    error: float,
    predictions_per_day: float,
    level: float,
    form: str = ALL_FORMS,
) -> dict[str, Estimate]:
    """Return the forward FLOP of a prediction and what a day of predictions costs.

    Parameters
    ----------
    forward : Ensemble
        Draws of forward FLOP against error.
    chain : Chain
        Draws of the chain; forward FLOP are divided by utilisation.
    error : float
        Error of the model as a fraction.
    predictions_per_day : float
        Predictions a day.
    level : float
        Level of the intervals.
    form : str
        A form of the forward FLOP, or all of them.
    """
    day = np.log10(predictions_per_day)
    parts = [
        chain.log_costs(forward.log_compute(error, f) + day, "operations")
        for f in forward.forms(form, error)
    ]
    logs = {name: np.concatenate([part[name] for part in parts]) for name in QUANTITIES}
    logs["flop"] -= day
    return {name: Estimate.of(values, level) for name, values in logs.items()}


def decades_beyond(ensemble: Ensemble, median_flop: float) -> float:
    """Return how far a compute lies above the largest in the data, in decades; 0 within them."""
    if median_flop <= 0:
        return 0.0
    return max(0.0, float(np.log10(median_flop / ensemble.compute_range[1])))


def forms_of(ensemble: Ensemble) -> tuple[str, ...]:
    """Return the forms an ensemble has, then all of them together."""
    return (*(f for f in FORMS if f in ensemble.draws), ALL_FORMS)
