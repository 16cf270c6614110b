"""The choices, their combinations, and the named rules that exclude some of these."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

FORMS: Mapping[str, str] = {
    "power": "power law",
    "exponential": "exponential",
    "floored": "power law above a fitted floor",
    "broken": "power law with a break",
}
DIRECTIONS: Mapping[str, str] = {
    "compute_on_error": "compute on error",
    "error_on_compute": "error on compute",
    "york": "York",
}
ESTIMATORS: Mapping[str, str] = {
    "least_squares": "least squares",
    "least_absolute": "least absolute deviations",
    "huber": "Huber",
    "frontier": "frontier (10% quantile)",
}
TRANSFORMS: Mapping[str, str] = {
    "complement": "1 − metric",
    "log_odds": "odds, error / metric",
    "minus_floor": "less the share of wrong labels",
}
BASES: Mapping[str, str] = {
    "hardware": "hardware",
    "hardware_fp32": "hardware, all at the FP32 peak",
    "operations": "operations",
    "reported": "reported",
    "best": "best available",
}
SAMPLES: Mapping[str, str] = {
    "all": "all records",
    "best_per_paper": "best record of each paper",
    "state_of_the_art": "records that led at their date",
    "no_extra_data": "without extra training data",
    "year_control": "all records, with the year as a covariate",
    "confident": "compute known at least as likely",
    "unwaived": "without records that have a waived warning",
    "nothing_left_out": "compute with nothing left out",
    "format_stated": "number format stated",
}
"""Samples of every benchmark; ``until_YEAR`` and ``without:PAPER`` come on top."""

CHOICES: Mapping[str, str] = {
    "basis": "basis of compute",
    "sample": "records",
    "error_transform": "measure of error",
    "form": "form of the law",
    "direction": "direction of the fit",
    "estimator": "estimator",
}
"""The choices that are made for one benchmark, in the order of columns."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "basis": BASES,
    "sample": SAMPLES,
    "error_transform": TRANSFORMS,
    "form": FORMS,
    "direction": DIRECTIONS,
    "estimator": ESTIMATORS,
}
"""The options of each choice, with words for them."""

UNTIL, WITHOUT = "until_", "without:"
"""How the names of samples begin that depend on settings and data."""


def in_words(choice: str, option: str) -> str:
    """Return an option of a choice as a reader wants to see it."""
    if option.startswith(UNTIL):
        return f"records up to {option.removeprefix(UNTIL)}"
    if option.startswith(WITHOUT):
        return f"without {option.removeprefix(WITHOUT) or 'one of the largest papers'}"
    return OPTIONS[choice][option]


@dataclass(frozen=True)
class Specification:
    """One combination of choices.

    Parameters
    ----------
    benchmark : str
        Key of the benchmark.
    basis : str
        One of `BASES`.
    sample : str
        One of `SAMPLES`, ``until_YEAR`` or ``without:PAPER``.
    error_transform, form, direction, estimator : str
        One of `TRANSFORMS`, `FORMS`, `DIRECTIONS` and `ESTIMATORS`.
    """

    benchmark: str
    basis: str
    sample: str
    error_transform: str
    form: str
    direction: str
    estimator: str


@dataclass(frozen=True)
class Rule:
    """A reason for which combinations are left out.

    Parameters
    ----------
    name, reason : str
        As listed in the results.
    excludes : function
        Takes a specification and whether the benchmark has a published label floor.
    """

    name: str
    reason: str
    excludes: Callable[[Specification, bool], bool]


_CURVED = ("floored", "broken")

RULES: tuple[Rule, ...] = (
    Rule(
        "no-published-floor",
        "no share of wrong labels is published for the benchmark",
        lambda s, floor: s.error_transform == "minus_floor" and not floor,
    ),
    Rule(
        "floor-once",
        "the floor is either fitted or taken from the labels, not both",
        lambda s, _: s.error_transform == "minus_floor" and s.form == "floored",
    ),
    Rule(
        "exponential-in-odds",
        "metric / error is 1/error less 1, so the exponential is the same line as without odds",
        lambda s, _: s.error_transform == "log_odds" and s.form == "exponential",
    ),
    Rule(
        "york-power",
        "York's method needs the error of the regressor, which is stated for log(1/error) only",
        lambda s, _: s.direction == "york" and s.form != "power",
    ),
    Rule(
        "york-least-squares",
        "York's method is one of least squares",
        lambda s, _: s.direction == "york" and s.estimator != "least_squares",
    ),
    Rule(
        "york-no-covariate",
        "York's method has no place for the year",
        lambda s, _: s.direction == "york" and s.sample == "year_control",
    ),
    Rule(
        "curved-least-squares",
        "a floor or break is found by the variance left over; under other losses only local minima "
        "would be found",
        lambda s, _: s.form in _CURVED and s.estimator != "least_squares",
    ),
    Rule(
        "frontier-of-leaders",
        "records that led at their date are a frontier already",
        lambda s, _: s.estimator == "frontier" and s.sample == "state_of_the_art",
    ),
    Rule(
        "format-of-hardware",
        "the number format decides the peak rate of the hardware basis only",
        lambda s, _: s.sample == "format_stated" and s.basis != "hardware",
    ),
)


@dataclass(frozen=True)
class Grid:
    """The options of each choice that are combined.

    Parameters
    ----------
    benchmarks, bases, samples, error_transforms, forms, directions, estimators : tuple of str
        Options, in the order of the results.
    until : tuple of int
        Further samples: records up to the end of each of these years.
    leave_out : int
        Further samples: without each of the papers with the most records, this many of them.
    """

    benchmarks: tuple[str, ...]
    bases: tuple[str, ...] = tuple(BASES)
    samples: tuple[str, ...] = tuple(SAMPLES)
    error_transforms: tuple[str, ...] = tuple(TRANSFORMS)
    forms: tuple[str, ...] = tuple(FORMS)
    directions: tuple[str, ...] = tuple(DIRECTIONS)
    estimators: tuple[str, ...] = tuple(ESTIMATORS)
    until: tuple[int, ...] = ()
    leave_out: int = 0

    def specifications(self, benchmark: str, basis: str, sample: str) -> Iterator[Specification]:
        """Yield every combination on one sample, those that a rule excludes among them."""
        for transform, form, direction, estimator in product(
            self.error_transforms, self.forms, self.directions, self.estimators
        ):
            yield Specification(benchmark, basis, sample, transform, form, direction, estimator)


def excluded_by(specification: Specification, has_floor: bool) -> Rule | None:
    """Return the first rule that excludes a combination, or None."""
    return next((rule for rule in RULES if rule.excludes(specification, has_floor)), None)
