"""All fitted specifications as data that the report's script reads."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalelaw.claims.ledger import Claim
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.multiverse.grid import CHOICES, OPTIONS, WITHOUT, in_words
from scalelaw.multiverse.table import fitted_columns
from scalelaw.report.arrays import packed

OF_UNIT = ("basis", "sample")
OF_LAW = ("error_transform", "form", "direction", "estimator")
SIZES = ("n_records", "n_papers")
NUMBERS = (
    "exponent", "exponent_lower", "exponent_upper",
    "log10_flop", "log10_flop_lower", "log10_flop_upper",
)  # fmt: skip


def explorer_data(
    specifications: Path, benchmarks: Mapping[str, Benchmark], claims: Sequence[Claim]
) -> dict[str, Any]:
    """Return all fitted specifications for the script, which can be written as JSON.

    Most of a specification is shared with others, so it is told by two numbers: its *unit* (basis,
    records and their counts) and its *law* (the other choices). Columns of numbers are
    little-endian arrays in base64: float32 for figures, uint16 for units and laws.

    Parameters
    ----------
    specifications : path
        Table of specifications.
    benchmarks : mapping of str to Benchmark
        Benchmarks shown, in order; those without a fitted specification are left out.
    claims : sequence of Claim
        The ledger's claims, of which those about a benchmark's exponent are told.
    """
    columns = ["benchmark", *CHOICES, *SIZES, *NUMBERS]
    found = fitted_columns(specifications, columns)
    return {
        "choices": [{"key": key, "label": label} for key, label in CHOICES.items()],
        "benchmarks": [
            _of_benchmark(found[found["benchmark"] == key], benchmark)
            | {"claims": list(_bands(claims, key))}
            for key, benchmark in benchmarks.items()
            if (found["benchmark"] == key).any()
        ],
    }


def _of_benchmark(mine: "pd.DataFrame", benchmark: Benchmark) -> dict[str, Any]:
    options = {choice: _options(choice, mine[choice]) for choice in CHOICES}
    codes = {
        choice: mine[choice].map({option: n for n, option in enumerate(options[choice])})
        for choice in CHOICES
    }
    coded = mine.assign(**{choice: code.astype(np.int64) for choice, code in codes.items()})
    unit, units = _distinct(coded[[*OF_UNIT, *SIZES]])
    law, laws = _distinct(coded[list(OF_LAW)])
    with np.errstate(over="ignore"):
        figures = {name: packed(mine[name], "<f4") for name in NUMBERS}
    return {
        "key": benchmark.key,
        "name": benchmark.name,
        "error_label": benchmark.error_label,
        "target": benchmark.targets[0] if benchmark.targets else None,
        "options": [
            [{"key": option, "label": _label(choice, option)} for option in options[choice]]
            for choice in CHOICES
        ],
        "units": units,
        "laws": laws,
        "columns": {"unit": packed(unit, "<u2"), "law": packed(law, "<u2"), **figures},
    }


def _options(choice: str, values: "pd.Series") -> list[str]:
    """Return the options that occur: the known ones in their order, then the others in theirs."""
    known = list(OPTIONS[choice])
    seen = [str(value) for value in values.unique()]
    return sorted(seen, key=lambda option: known.index(option) if option in known else len(known))


def _label(choice: str, option: str) -> str:
    """Return an option in words, the key of a paper as its author, year and word."""
    words = in_words(choice, option)
    return re.sub(r"(\d{4})", r" \1 ", words).rstrip() if option.startswith(WITHOUT) else words


def _distinct(rows: "pd.DataFrame") -> tuple["pd.Series", list[list[int]]]:
    """Return the number of each row among the distinct ones, and these."""
    number = rows.groupby(list(rows.columns), sort=False).ngroup()
    return number, [[int(v) for v in row] for row in rows.drop_duplicates().to_numpy()]


def _bands(claims: Sequence[Claim], benchmark: str) -> Iterator[dict[str, Any]]:
    """Yield the claims about the exponent of a benchmark, and the exponents that agree."""
    for claim in claims:
        if claim.of.get("benchmark") != benchmark:
            continue
        band: NDArray[np.float64] = np.array(claim.band)
        if claim.quantity == "halving_factor":
            with np.errstate(divide="ignore"):
                band = np.log2(np.maximum(band, 0))
        elif claim.quantity != "exponent":
            continue
        low, high = (float(end) if math.isfinite(end) else None for end in band)
        yield {"key": claim.key, "claim": claim.claim, "low": low, "high": high}
