"""A question of the kind "can I pay?", with what may be asked at all."""

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from scalelaw.cost.wording import say
from scalelaw.errors import ScalelawError
from scalelaw.typography import number

YEARS = (1990, 2100)
"""Years for which costs may be asked."""

MOST_PREDICTIONS = 1e15
"""More predictions a day than anybody makes."""


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
                raise ScalelawError(say("not_positive", option=option, value=f"{value:g}"))
        if (self.predictions_per_day or 0) > MOST_PREDICTIONS:
            most, many = number(MOST_PREDICTIONS), number(self.predictions_per_day or 0)
            raise ScalelawError(say("many_predictions", most=most, value=many))
        if self.year is not None and not YEARS[0] <= self.year <= YEARS[1]:
            first, last = YEARS
            raise ScalelawError(say("year_range", first=first, last=last, value=self.year))
        if self.utilisation is not None and not 0 < self.utilisation <= 1:
            raise ScalelawError(say("utilisation_range", value=f"{self.utilisation:g}"))
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
    bare = text.strip()
    try:
        # Decimal, so that 5.9% is 0.059 exactly, which may be a floor.
        value = float(Decimal(bare.removesuffix("%").strip()) / (100 if bare.endswith("%") else 1))
    except (InvalidOperation, ValueError):
        value = math.nan
    if not 0 < value < 1:
        raise ScalelawError(say("bad_error", text=text))
    return value
