"""Fit the specifications of a unit and tell each in one row."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.fit.resample import percentile_interval, resampled_groups
from scalelaw.fit.sample import Array, group_index
from scalelaw.multiverse.estimate import Laws, Sample, fit_laws
from scalelaw.multiverse.grid import Grid, Specification, excluded_by
from scalelaw.multiverse.samples import WITH_YEAR, Unit
from scalelaw.multiverse.table import FITTED

if TYPE_CHECKING:
    import pandas as pd

MIN_LATER_PAPERS = 3

Numbers = NDArray[np.intp]
Mask = NDArray[np.bool_]

_MIDDLE = (0.1, 0.9)
_FURTHER = {"floored": 1, "broken": 2}
"""Parameters of a form beyond those of a straight line, each of which takes one more paper."""


_UNDEFINED = {
    "complement": "an error is not positive",
    "log_odds": "an error is not between 0 and 1",
    "minus_floor": "an error lies at or below the label floor",
}
"""What is wrong where a measure of error cannot be had."""


@dataclass(frozen=True)
class Scale:
    """What all specifications of a benchmark are measured by.

    Parameters
    ----------
    low_error, high_error : float
        Errors between which the exponent is taken: the tenth and ninetieth percentile of the
        benchmark's records.
    target_error : float
        Error whose compute is asked for; NaN for none.
    label_floor : float
        Published share of wrong labels; NaN for none.
    last_year : float
        Date of the newest record, at which laws with the year as a covariate are read.
    split_year : float
        Year at which the benchmark has half of its papers; earlier records predict later ones.
    """

    low_error: float
    high_error: float
    target_error: float
    label_floor: float
    last_year: float
    split_year: float

    @classmethod
    def of(cls, records: "pd.DataFrame", benchmark: Benchmark) -> "Scale":
        """Return the scale of a benchmark from its records in fits."""
        error = records["error"].to_numpy(dtype=np.float64)
        nan = float("nan")
        if not len(error):  # nothing will be fitted
            return cls(nan, nan, nan, benchmark.label_floor or nan, nan, nan)
        low, high = np.quantile(error, _MIDDLE, method="inverted_cdf")
        first = records.groupby("paper")["year"].min().to_numpy(dtype=np.float64)
        return cls(
            low_error=float(low),
            high_error=float(high),
            target_error=benchmark.targets[0] if benchmark.targets else nan,
            label_floor=benchmark.label_floor or nan,
            last_year=float(records["year"].max()),
            split_year=float(np.quantile(first, 0.5, method="inverted_cdf")),
        )

    @property
    def has_floor(self) -> bool:
        """Whether a share of wrong labels is published."""
        return not np.isnan(self.label_floor)

    def transform(self, name: str, error: Array | float) -> Array:
        """Return errors as a specification measures them."""
        error = np.asarray(error, dtype=np.float64)
        match name:
            case "log_odds":
                with np.errstate(divide="ignore"):
                    return error / (1 - error)
            case "minus_floor":
                return error - self.label_floor
        return error

    def slope(self, name: str, error: Array) -> Array:
        """Return decades of the transformed error for a decade of the error."""
        match name:
            case "log_odds":
                with np.errstate(divide="ignore"):
                    return 1 / (1 - error)
            case "minus_floor":
                with np.errstate(divide="ignore"):
                    return error / (error - self.label_floor)
        return np.ones_like(error)


@dataclass(frozen=True)
class Settings:
    """Settings of all fits.

    Parameters
    ----------
    replicates : int
        Replicates of the pairs-cluster bootstrap.
    level : float
        Level of intervals.
    min_papers : int
        Fewest papers for a straight line; each further parameter takes one more.
    error_sd_decades : float
        Standard deviation of log10(1/error), for York.
    """

    replicates: int
    level: float
    min_papers: int
    error_sd_decades: float


def fit_unit(
    unit: Unit, grid: Grid, scale: Scale, settings: Settings, seed: np.random.SeedSequence
) -> Iterator[dict[str, Any]]:
    """Yield a row for each specification of a unit that no rule excludes.

    Parameters
    ----------
    unit : Unit
        Records of a benchmark, basis and sample.
    grid : Grid
        The choices.
    scale : Scale
        Of the benchmark.
    settings : Settings
        Of the fits.
    seed : SeedSequence
        Of the unit: all its specifications resample the same papers.
    """
    wanted = [
        s
        for s in grid.specifications(unit.benchmark, unit.basis, unit.sample)
        if excluded_by(s, scale.has_floor) is None
    ]
    records = unit.records
    index, papers = group_index(records["paper"])
    size: dict[str, float] = {"n_records": len(records), "n_papers": len(papers)}
    unfit = ""
    if len(papers) < settings.min_papers:
        unfit = _too_few(len(papers), settings.min_papers)
    elif unit.same_as:
        unfit = f"not fitted: the same records and compute as {unit.same_as}"
    if unfit:
        yield from (asdict(s) | {"status": unfit} | size for s in wanted)
        return
    weights = resampled_groups(len(papers), settings.replicates, seed)
    weights = np.concatenate([np.ones((1, len(papers))), weights])
    error = records["error"].to_numpy(dtype=np.float64)
    log_flop = records["log_flop"].to_numpy(dtype=np.float64)
    year = records["year"].to_numpy(dtype=np.float64)
    size["decades_compute"] = float(np.ptp(log_flop))
    covariate = year - scale.last_year if unit.sample == WITH_YEAR else None
    compute_sd = records["compute_sd_decades"].to_numpy(dtype=np.float64)
    transformed = ""
    for s in wanted:
        if s.error_transform != transformed:
            transformed = s.error_transform
            sd = settings.error_sd_decades * scale.slope(transformed, error)
            measured = scale.transform(transformed, error)
            sample = Sample(measured, log_flop, covariate, index, sd, compute_sd)
        row = asdict(s) | {"status": FITTED} | size
        needed = settings.min_papers + _FURTHER.get(s.form, 0) + (covariate is not None)
        if len(papers) < needed:
            yield row | {"status": _too_few(len(papers), needed)}
            continue
        if not ((sample.error > 0) & np.isfinite(sample.error)).all():
            yield row | {"status": f"not fitted: {_UNDEFINED[s.error_transform]}"}
            continue
        figures = _figures(s, fit_laws(s, sample, weights), scale, settings.level)
        if np.isnan(figures["exponent"]):
            yield row | {"status": "not fitted: the records do not identify the law"}
            continue
        figures["decades_beyond"] = figures["log10_flop"] - log_flop.max()
        past, later = _apart(index, year, scale.split_year, needed)
        yield row | figures | _extrapolate(s, sample, past, later)


def _too_few(n_papers: int, needed: int) -> str:
    return f"not fitted: {n_papers} paper(s), at least {needed} are needed"


def _figures(s: Specification, laws: Laws, scale: Scale, level: float) -> dict[str, Any]:
    low, high, target = (
        float(scale.transform(s.error_transform, e))
        for e in (scale.low_error, scale.high_error, scale.target_error)
    )
    exponent = laws.exponent(low, high, float(np.log10(scale.high_error / scale.low_error)))
    flop = laws.log_compute(np.array([target]))[:, 0]
    found: dict[str, Any] = {"replicates": int((~np.isnan(exponent[1:])).sum())}
    for name, values in (
        ("exponent", exponent), ("r_squared", laws.r_squared), ("log10_flop", flop),
    ):  # fmt: skip
        ends = percentile_interval(values[1:], level)
        found |= {name: values[0], f"{name}_lower": ends[0], f"{name}_upper": ends[1]}
    return found | {"target_error": scale.target_error}


def _apart(index: Numbers, year: Array, split: float, min_papers: int) -> tuple[Mask, Mask]:
    """Return which records are of papers up to a year, and which of papers after it."""
    first = np.full(int(index.max()) + 1, np.inf)
    np.minimum.at(first, index, year)
    early = first <= split
    enough = early.sum() >= min_papers and (~early).sum() >= MIN_LATER_PAPERS
    nobody = np.zeros(0, dtype=np.bool_)
    return (early[index], ~early[index]) if enough else (nobody, nobody)


def _extrapolate(s: Specification, sample: Sample, past: Mask, later: Mask) -> dict[str, Any]:
    """Return by how much the law of earlier papers misses the compute of later ones."""
    if not len(past):
        return {}
    known, held = _part(sample, past), _part(sample, later)
    law = fit_laws(s, known, np.ones((1, known.n_groups)))
    year = 0.0 if held.year is None else held.year
    missed = np.abs(law.log_compute(held.error, year)[0] - held.log_flop)
    by_paper = np.bincount(held.index, missed) / np.bincount(held.index)
    return {"n_later_papers": held.n_groups, "extrapolation_loss": float(np.median(by_paper))}


def _part(sample: Sample, chosen: Mask) -> Sample:
    return replace(
        sample,
        error=sample.error[chosen],
        log_flop=sample.log_flop[chosen],
        year=None if sample.year is None else sample.year[chosen],
        index=np.unique(sample.index[chosen], return_inverse=True)[1],
        error_sd=sample.error_sd[chosen],
        compute_sd=sample.compute_sd[chosen],
    )
