"""An answer to "can I pay?" for people and for programs."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from scalelaw.cost.project import Estimate
from scalelaw.cost.wording import say
from scalelaw.typography import number

SMALLEST_EQUIVALENT = 0.01
"""An equivalent whose median is less says nothing to people."""


@dataclass(frozen=True)
class Row:
    """One line of an answer.

    Parameters
    ----------
    name, unit : str
        Name for programs, and unit for people.
    estimate : Estimate
        Figure with its interval.
    equivalent : bool
        Whether it only tells another quantity in everyday measures.
    """

    name: str
    unit: str
    estimate: Estimate
    equivalent: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Parameters
    ----------
    heading : tuple of str
        What was asked and under which assumptions.
    training, running : list of Row
        Estimates of training the model, and of a day of its predictions.
    warnings : list of str
        What a reader must know.
    level : float
        Level of the intervals.
    """

    heading: tuple[str, ...]
    training: list[Row]
    running: list[Row]
    warnings: list[str]
    level: float

    def to_json(self) -> str:
        """Return the answer for programs; infinite values are null."""

        def rows(items: Iterable[Row]) -> list[dict[str, Any]]:
            return [
                {"quantity": row.name, "unit": row.unit}
                | {k: v if math.isfinite(v) else None for k, v in asdict(row.estimate).items()}
                for row in items
            ]

        content = {
            "heading": self.heading,
            "level": self.level,
            "training": rows(self.training),
            "running_per_day": rows(self.running),
            "warnings": self.warnings,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)

    def to_text(self) -> str:
        """Return the answer as a table for people."""
        parts = [
            (title, [row for row in rows if not _too_small(row)])
            for title, rows in (("to train", self.training), ("a day of predictions", self.running))
        ]
        shown = [row for _, rows in parts for row in rows]
        wide = max((len(row.unit) for row in shown), default=0) + 4
        high = max((len(self._quantile(row, 0.5)) for row in shown), default=0)
        lines = [*self.heading, ""]
        for title, rows in parts:
            if not rows:
                continue
            exact = all(row.estimate.lower == row.estimate.upper for row in rows)
            columns = "" if exact else f"{'median':>{high}}   {self.level:.0%} interval"
            lines.append(f"{title:<{wide}}{columns}".rstrip())
            for row in rows:
                span = "" if exact else f"   {self._interval(row)}"
                lines.append(f"{'  ' + row.unit:<{wide}}{self._quantile(row, 0.5):>{high}}{span}")
            lines.append("")
        lines += [f"! {warning}" for warning in self.warnings]
        return "\n".join(lines).rstrip()

    def _interval(self, row: Row) -> str:
        tail = (1 - self.level) / 2
        return f"{self._quantile(row, tail)} to {self._quantile(row, 1 - tail)}"

    def _quantile(self, row: Row, share: float) -> str:
        """Return the median or an end of the interval in words."""
        estimate = row.estimate
        by_side = (estimate.lower, estimate.median, estimate.upper)
        value = by_side[1 + (share > 0.5) - (share < 0.5)]
        if row.name == "error":
            return say("over_all") if math.isinf(value) else f"{number(100 * value)}%"
        if math.isinf(value):
            return say("never" if estimate.never(share) else "no_number")
        return number(value)


def _too_small(row: Row) -> bool:
    return row.equivalent and row.estimate.median < SMALLEST_EQUIVALENT


def share_in_words(share: float) -> str:
    """Return a share of draws as a percentage that is never 0% or 100% where it is not exactly."""
    if 0 < share < 0.01:
        return say("few")
    return say("nearly_all") if 0.99 < share < 1 else f"{share:.0%}"


def money(usd: float) -> str:
    """Return an amount as somebody would write it, with every digit up to fifteen."""
    plain = 1e-4 <= usd < 1e15
    return f"US$ {f'{usd:,.15g}' if plain else number(usd, 3)}"
