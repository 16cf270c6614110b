"""A question of the kind "can I pay?", with what may be asked at all."""

import math
import re
from dataclasses import dataclass

from scalelaw.cost.wording import say
from scalelaw.errors import ScalelawError
from scalelaw.typography import number

YEARS = (1990, 2100)
"""Years for which costs may be asked."""

MOST_PREDICTIONS = 1e15
"""More predictions a day than anybody makes."""

_COUNT = (
    r"([0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?:e([+-]?[0-9]{1,4})|[ \u00a0]?(million|billion))?"
)

PATTERNS = {
    "count": _COUNT,
    "money": r"(?:(?:US)?\$[ \u00a0]?)?" + _COUNT,
    "share": r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:e([+-]?[0-9]{1,4}))?[ \u00a0]?(%)?",
}
"""How numbers may be written: digits, exponent and what it is counted in; any case.

The calculator of the report reads the same patterns, so they must mean the same in JavaScript.
"""

POWERS = {"million": 6, "billion": 9, "%": -2}
"""Powers of ten by which a number is counted."""


@dataclass(frozen=True)
class Question:
    """What somebody wants to know; None takes the setting of the last run.

    Parameters
    ----------
    benchmark : str
        Benchmark.
    error : float or None
        Target as a fraction.
    budget : float or None
        US$ to spend, instead of an error.
    device, year, places, own
        Scenario, see :class:`scalelaw.cost.Scenario`.
    form : str or None
        A form; None or ``all`` for all of them.
    ignore_floor : bool
        Whether a target below the known floor is projected all the same.
    preset : str or None
        Another study's constants instead of ours.
    predictions_per_day : float or None
        For running costs.
    utilisation : float or None
        Share of the peak rate that is reached; None draws it from the published distribution.

    Raises
    ------
    ScalelawError
        If a number is out of range, or settings are combined that exclude each other.
    """

    benchmark: str
    error: float | None = None
    budget: float | None = None
    device: str | None = None
    year: int | None = None
    places: tuple[str, ...] = ()
    own: bool = False
    form: str | None = None
    ignore_floor: bool = False
    preset: str | None = None
    predictions_per_day: float | None = None
    utilisation: float | None = None

    def __post_init__(self) -> None:
        for option, value in (
            ("--budget", self.budget),
            ("--predictions-per-day", self.predictions_per_day),
        ):
            if value is not None and not 0 < value < math.inf:
                raise ScalelawError(say("not_positive", field=option, value=f"{value:g}"))
        if (self.predictions_per_day or 0) > MOST_PREDICTIONS:
            most, many = number(MOST_PREDICTIONS), number(self.predictions_per_day or 0)
            raise ScalelawError(
                say("many_predictions", field="--predictions-per-day", most=most, value=many)
            )
        if self.year is not None and not YEARS[0] <= self.year <= YEARS[1]:
            first, last = YEARS
            raise ScalelawError(
                say("year_range", field="--year", first=first, last=last, value=self.year)
            )
        if self.utilisation is not None:
            _check_utilisation(self.utilisation, f"{self.utilisation:g}")
        given = {
            "--budget": self.budget is not None,
            "--device": self.device is not None,
            "--year": self.year is not None,
            "--place": bool(self.places),
            "--own": self.own,
            "--form": self.form is not None,
            "--ignore-floor": self.ignore_floor,
            "--predictions-per-day": self.predictions_per_day is not None,
            "--utilisation": self.utilisation is not None,
        }
        if self.preset is not None:
            # No study with a preset knows a floor, so that ignoring floors is what it does.
            wrong = [option for option in given if given[option] and option != "--ignore-floor"]
            rule, why = "--preset", "it has its own constants: give only --error"
        elif self.budget is not None:
            wrong = [o for o in ("--ignore-floor", "--predictions-per-day") if given[o]]
            rule, why = "--budget", "they go with --error: leave them out"
        else:
            wrong, rule, why = [], "", ""
        if wrong:
            raise ScalelawError(f"{rule} cannot be combined with {', '.join(wrong)} ({why})")


def parse_error(text: str) -> float:
    """Return an error written as ``5%`` or ``0.05``.

    Raises
    ------
    ScalelawError
        If it is neither, or not between 0 and 100%.
    """
    value = _parse("share", text)
    if not 0 < value < 1:
        raise ScalelawError(say("bad_error", text=text, hint=_hint(text, value, "write_error")))
    return value


def parse_budget(text: str) -> float:
    """Return US$ written as ``1000``, ``$1,000``, ``US$ 1e3`` or ``2.5 million``.

    Raises
    ------
    ScalelawError
        If it is none of these, or not above 0.
    """
    return _positive("money", "--budget", text)


def parse_predictions(text: str) -> float:
    """Return predictions a day written as ``1000``, ``1,000``, ``1e3`` or ``2.5 million``.

    Raises
    ------
    ScalelawError
        If it is none of these, or not above 0.
    """
    return _positive("count", "--predictions-per-day", text)


def parse_utilisation(text: str) -> float:
    """Return a share of the peak rate written as ``40%`` or ``0.4``.

    Raises
    ------
    ScalelawError
        If it is neither, or not above 0 and at most 1.
    """
    value = _parse("share", text)
    _check_utilisation(value, text)
    return value


def _parse(kind: str, text: str) -> float:
    """Return the number that a text is by a pattern, NaN if it is none."""
    found = re.fullmatch(PATTERNS[kind], text.strip(), re.ASCII | re.IGNORECASE)
    if not found:
        return math.nan
    digits, exponent, counted = found.groups()
    power = int(exponent or 0) + POWERS.get((counted or "").lower(), 0)
    # The decimal point is moved in the text, so that 5.9% is 0.059 exactly, which may be a floor.
    return float(f"{digits.replace(',', '')}e{power}")


def _positive(kind: str, option: str, text: str) -> float:
    value = _parse(kind, text)
    if not 0 < value < math.inf:
        raise ScalelawError(say("not_positive", field=option, value=f'"{text}"'))
    return value


def _check_utilisation(value: float, text: str) -> None:
    if not 0 < value <= 1:
        hint = _hint(text, value, "write_share")
        words = say("utilisation_range", field="--utilisation", value=f'"{text}"', hint=hint)
        raise ScalelawError(words)


def _hint(text: str, value: float, otherwise: str) -> str:
    """Return how to write a share that may lack its percent sign."""
    lacks_sign = 1 <= value < 100 and "%" not in text
    return say("meant_percent", text=text.strip()) if lacks_sign else say(otherwise)
