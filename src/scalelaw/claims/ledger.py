"""Claims as data, and the rules by which they are judged; no verdict is written by hand."""

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalelaw.errors import ScalelawError, did_you_mean, visible
from scalelaw.inputs import read_valid_yaml

if TYPE_CHECKING:
    from scalelaw.claims.quantities import Answer

RELATIONS = ("at_least", "at_most", "about", "between")

SUPPORTED = "supported"
NOT_SUPPORTED = "not supported"
CANNOT_BE_TOLD = "cannot be told"
SUPERSEDED = "superseded"
Verdict = str

GROUPS = {"study": "the study and its article", "anchor": "published by others"}

EVIDENCE = {
    "own": "from this corpus",
    "recomputed": "from the source's own figures",
    "design": "by the design of the simulation",
}
"""Where the answer comes from; agreement of the last two is no evidence of ours."""

_SOURCE = {
    "source": {"type": "string", "minLength": 1},
    "url": {"type": "string", "pattern": "^https?://"},
    "where": {"type": "string"},
}
_DATE = {"type": "string", "pattern": "^[0-9]{4}(-[0-9]{2})?$"}
_NUMBER = {"type": "number"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["claim", "group", "date", "quantity", "relation", "source", "url"],
        "properties": {
            **_SOURCE,
            "claim": {"type": "string", "minLength": 10},
            "group": {"enum": list(GROUPS)},
            "date": _DATE,
            "quantity": {"type": "string"},
            "of": {"type": "object"},
            "unit": {"type": "string"},
            "relation": {"enum": list(RELATIONS)},
            "figure": _NUMBER,
            "lower": _NUMBER,
            "upper": _NUMBER,
            "tolerance": {"type": "number", "minimum": 1},
            "note": {"type": "string"},
            "evidence": {"enum": list(EVIDENCE)},
            "later": {
                "type": "object",
                "additionalProperties": False,
                "required": ["figure", "date", "what", "source", "url"],
                "properties": {
                    **_SOURCE, "figure": _NUMBER, "date": _DATE, "what": {"type": "string"}
                },
            },
        },
        "dependentRequired": {"lower": ["upper"], "upper": ["lower"]},
        "allOf": [
            {
                "if": {"properties": {"relation": {"const": "between"}}},
                "then": {"required": ["lower", "upper"]},
                "else": {"required": ["figure"]},
            }
        ],
    },
}  # fmt: skip


@dataclass(frozen=True)
class Later:
    """A newer published figure of the same kind."""

    figure: float
    date: str
    what: str
    source: str
    url: str


@dataclass(frozen=True)
class Claim:
    """A published claim and the quantity that answers it.

    Parameters
    ----------
    key, claim, group, date, source, url, where, unit, note : str
        What was claimed, in our words, by whom, when and where.
    evidence : str
        One of `EVIDENCE`.
    quantity : str
        Name of a quantity of :mod:`scalelaw.claims.quantities`.
    of : dict
        Its arguments.
    relation : {"at_least", "at_most", "about", "between"}
        How the quantity should stand to the figure.
    figure, lower, upper : float
        The claimed figure, and the published interval or range; NaN where there is none.
    tolerance : float
        Factor by which a figure may be off, for the rounding of the claim; 1 for none.
    later : Later or None
        A newer figure, which makes a claim that held superseded if it breaks the relation.
    """

    key: str
    claim: str
    group: str
    date: str
    quantity: str
    of: dict[str, Any]
    relation: str
    figure: float
    lower: float
    upper: float
    tolerance: float
    source: str
    url: str
    where: str = ""
    unit: str = ""
    note: str = ""
    evidence: str = "own"
    later: Later | None = None

    @property
    def band(self) -> tuple[float, float]:
        """The values that agree with the claim."""
        if self.relation == "at_least":
            return self.figure / self.tolerance, math.inf
        if self.relation == "at_most":
            return -math.inf, self.figure * self.tolerance
        if not math.isnan(self.lower):
            return self.lower, self.upper
        return self.figure / self.tolerance, self.figure * self.tolerance


def read_claims(
    path: Path, quantities: Mapping[str, Callable[..., Any]], benchmarks: Collection[str]
) -> list[Claim]:
    """Read ``claims.yaml``.

    Parameters
    ----------
    path : path
        The file.
    quantities : mapping of str to function
        Known quantities; each takes the results, then the arguments that a claim names.
    benchmarks : collection of str
        Benchmarks that are defined.

    Raises
    ------
    ScalelawError
        If the file cannot be read, does not fit its schema, names an unknown quantity or benchmark,
        or gives a quantity other arguments than it takes; lists every fault.
    """
    content = read_valid_yaml(path, SCHEMA)
    faults = []
    for key, entry in content.items():
        if "lower" in entry and entry["lower"] > entry["upper"]:
            faults.append(f"{path}: {key}: lower lies above upper")
        if (name := entry["quantity"]) not in quantities:
            near = did_you_mean(name, list(quantities)) or f"known: {', '.join(quantities)}"
            faults.append(f'{path}: {key}.quantity: no quantity "{name}" ({near})')
            continue
        of = entry.get("of", {})
        faults += [f"{path}: {key}.of: {fault}" for fault in _wrong_arguments(quantities[name], of)]
        if "benchmark" in of and (benchmark := str(of["benchmark"])) not in benchmarks:
            near = did_you_mean(benchmark, list(benchmarks)) or "see data/benchmarks.yaml"
            faults.append(f'{path}: {key}.of.benchmark: no benchmark "{benchmark}" ({near})')
    if faults:
        raise ScalelawError("\n".join(map(visible, sorted(faults))))
    return [_claim(key, dict(entry)) for key, entry in content.items()]


def _wrong_arguments(quantity: Callable[..., Any], of: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the arguments that a claim gives a quantity."""
    _, *parameters = inspect.signature(quantity).parameters.values()
    known = [parameter.name for parameter in parameters]
    for name in of:
        if name not in known:
            near = did_you_mean(str(name), known) or f"known: {', '.join(known) or 'none'}"
            yield f'no argument "{name}" ({near})'
    for parameter in parameters:
        if parameter.name not in of and parameter.default is parameter.empty:
            yield f"{parameter.name} is missing"


def _claim(key: str, entry: dict[str, Any]) -> Claim:
    later = entry.pop("later", None)
    if later:
        later.pop("where", None)
    defaults: dict[str, Any] = {"of": {}, "tolerance": 1.0}
    defaults |= dict.fromkeys(("figure", "lower", "upper"), math.nan)
    return Claim(key=key, later=Later(**later) if later else None, **(defaults | entry))


def decide(claim: Claim, answer: "Answer") -> Verdict:
    """Judge a claim by one answer.

    The claim is supported if the answer's whole interval agrees with it, not supported if none of
    it does, and cannot be told otherwise.
    """
    if answer.refused:
        return CANNOT_BE_TOLD
    return str(judge(claim, answer.value, answer.lower, answer.upper))


def judge(claim: Claim, value: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> "NDArray[np.str_]":
    """Judge a claim by many figures at once, as :func:`decide` does by one.

    Parameters
    ----------
    claim : Claim
        The claim.
    value, lower, upper : array of float
        Figures and their intervals, of one shape; where the figure is NaN nothing can be told.

    Returns
    -------
    array of str
        Verdicts, of the same shape.
    """
    value, lower, upper = (np.asarray(v, dtype=np.float64) for v in (value, lower, upper))
    low, high = claim.band
    return np.select(
        [np.isnan(value), (low <= lower) & (upper <= high), (upper < low) | (lower > high)],
        [CANNOT_BE_TOLD, SUPPORTED, NOT_SUPPORTED],
        CANNOT_BE_TOLD,
    )


def overall(claim: Claim, answers: Sequence["Answer"]) -> tuple[Verdict, str]:
    """Return the verdict on a claim from all its answers, and why.

    Every choice with a figure has a voice: only where all agree is there a verdict. A claim that is
    supported but broken by a newer published figure is superseded.

    Parameters
    ----------
    claim : Claim
        The claim.
    answers : sequence of Answer
        Answers under each choice; the first is the headline.
    """
    figures = [answer for answer in answers if not answer.refused]
    refusals = list(dict.fromkeys(answer.refused for answer in answers if answer.refused))
    if not figures:
        return CANNOT_BE_TOLD, "; ".join(refusals) or "nothing in the corpus answers it"
    verdict, why = _of_figures(claim, figures)
    return verdict, "; ".join([why, *refusals])


def _of_figures(claim: Claim, answers: Sequence["Answer"]) -> tuple[Verdict, str]:
    verdicts = [decide(claim, answer) for answer in answers]
    if len(set(verdicts)) > 1:
        by_verdict: dict[str, list[str]] = {}
        for verdict, answer in zip(verdicts, answers, strict=True):
            by_verdict.setdefault(verdict, []).append(answer.choice)
        parts = [f"{verdict}: {' / '.join(choices)}" for verdict, choices in by_verdict.items()]
        return CANNOT_BE_TOLD, "it depends on the choice; " + "; ".join(parts)
    verdict = verdicts[0]
    low, high = claim.band
    if verdict == SUPPORTED and claim.later and not low <= claim.later.figure <= high:
        return SUPERSEDED, f"it held, but by {claim.later.date} {claim.later.what}"
    if verdict != CANNOT_BE_TOLD:
        agrees = "our whole interval agrees"
        disagrees = "no value of our interval agrees"
        counted = "both choices" if len(answers) == 2 else f"all {len(answers)} choices"
        one = agrees if verdict == SUPPORTED else disagrees
        return verdict, one if len(answers) == 1 else f"{counted} agree on this"
    if all(answer.lower <= low and high <= answer.upper for answer in answers):
        return verdict, "our interval holds every figure that would agree, and others"
    return verdict, "only a part of our interval agrees"
