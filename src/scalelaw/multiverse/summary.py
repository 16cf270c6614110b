"""What a table of specifications says: which choice matters, and which claims survive."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelaw.claims.ledger import CANNOT_BE_TOLD, NOT_SUPPORTED, SUPPORTED, Claim, judge
from scalelaw.decompose.gains import shapley
from scalelaw.fit.sample import Array
from scalelaw.multiverse.grid import CHOICES, WITHOUT
from scalelaw.multiverse.samples import WITH_YEAR
from scalelaw.multiverse.table import FITTED, batches, fitted_columns

if TYPE_CHECKING:
    import pandas as pd

EVERY = "all"
"""All benchmarks together, in tables by benchmark."""

REST = "combinations"
"""What no choice explains alone, in the table of choices."""

_BLOCK = 8192
_SPREAD = (0.05, 0.25, 0.5, 0.75, 0.95)
_ASKED: Mapping[str, str] = {
    "exponent": "exponent",
    "halving_factor": "exponent",
    "r_squared": "r_squared",
}
"""Quantities of claims that a specification answers, and the column that does."""


def spread_by_benchmark(path: Path, benchmarks: Sequence[str]) -> "pd.DataFrame":
    """Return how far the exponents of a benchmark lie apart, and how wide their intervals are.

    Parameters
    ----------
    path : path
        Table of specifications.
    benchmarks : sequence of str
        Rows of the result.

    Returns
    -------
    DataFrame
        ``benchmark``, numbers of specifications (``n_specifications``), of those fitted
        (``n_fitted``), of those whose exponent is negative, because compute falls as error does
        (``n_rising``), or infinite, because no compute reaches one of the errors between which it
        is taken (``n_never``), and quantiles ``p5`` to ``p95`` of the exponent over specifications.
        ``choices_factor`` is p95 over p5, ``sampling_factor`` the median over specifications of the
        upper end of the interval over the lower; both are infinite where the lower is not positive
        or the upper not finite.
    """
    import pandas as pd

    total: dict[str, int] = dict.fromkeys(benchmarks, 0)
    for part in batches(path, ["benchmark"]):
        for key, n in part["benchmark"].value_counts().items():
            total[str(key)] += int(n)
    found = fitted_columns(path, ["benchmark", "exponent", "exponent_lower", "exponent_upper"])
    rows: list[dict[str, Any]] = []
    for key in benchmarks:
        mine = found[found["benchmark"] == key]
        value = mine["exponent"].to_numpy(dtype=np.float64)
        low, high = (mine[f"exponent_{end}"].to_numpy(np.float64) for end in ("lower", "upper"))
        row: dict[str, Any] = {
            "benchmark": key,
            "n_specifications": total[key],
            "n_fitted": len(mine),
            "n_rising": int((value <= 0).sum()),
            "n_never": int(np.isposinf(value).sum()),
        }
        if len(mine):
            points = np.quantile(value, _SPREAD, method="inverted_cdf")
            row |= {f"p{100 * q:.0f}": v for q, v in zip(_SPREAD, points, strict=True)}
            with np.errstate(divide="ignore", invalid="ignore"):
                width = np.where((low > 0) & np.isfinite(high), high / low, np.inf)
            bounded = points[0] > 0 and points[-1] < math.inf
            row["choices_factor"] = points[-1] / points[0] if bounded else math.inf
            row["sampling_factor"] = float(np.quantile(width, 0.5, method="inverted_cdf"))
        rows.append(row)
    columns = [
        "benchmark", "n_specifications", "n_fitted", "n_rising", "n_never",
        *(f"p{100 * q:.0f}" for q in _SPREAD), "choices_factor", "sampling_factor",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def weigh_choices(path: Path, benchmarks: Sequence[str]) -> "pd.DataFrame":
    """Return the share of the variance of log exponent that each choice explains.

    Each option of each choice has an effect of its own, without interactions; the share of a choice
    is what it adds to R2, averaged over all orders in which choices may be added. What their sum
    leaves of the variance are combinations of choices. Specifications whose exponent is not
    positive and finite have no logarithm and are left out.

    Parameters
    ----------
    path : path
        Table of specifications.
    benchmarks : sequence of str
        Benchmarks, each analysed alone, then together, about the mean of each.

    Returns
    -------
    DataFrame
        ``benchmark`` (`EVERY` for all together), ``choice``, ``share``, ``n_specifications`` and
        ``sd_decades``, the standard deviation of log10 exponent that is explained.

    References
    ----------
    Lindeman, Merenda and Gold, "Introduction to bivariate and multivariate analysis" (1980);
    Groemping, "Relative importance for linear regression in R", Journal of Statistical Software 17
    (2006).
    """
    import pandas as pd

    found = fitted_columns(path, ["benchmark", *CHOICES, "exponent"])
    found = found[(found["exponent"] > 0) & np.isfinite(found["exponent"])]
    sample = found["sample"].astype("str")
    found["sample"] = sample.where(~sample.str.startswith(WITHOUT), WITHOUT).astype("category")
    places, width = [], 0
    for choice in CHOICES:
        options = len(found[choice].cat.categories)
        places.append(np.arange(width, width + options))
        width += options
    rows: list[dict[str, Any]] = []
    n_all, products_all = 0, np.zeros((width + 1, width + 1))
    for key in (*benchmarks, EVERY):
        if key == EVERY:
            n, products = n_all, products_all
        else:
            n, products = _products(found[found["benchmark"] == key], places, width)
            # Sums about the means of each benchmark add up to those within benchmarks.
            n_all, products_all = n_all + n, products_all + products
        if not n:
            continue
        total = products[-1, -1]
        shares = _shares(products, places) if total > 0 else dict.fromkeys(CHOICES, 0.0)
        shares[REST] = 1 - np.sum(list(shares.values()))
        rows += [
            {
                "benchmark": key,
                "choice": choice,
                "share": share,
                "n_specifications": n,
                "sd_decades": math.sqrt(max(share, 0.0) * total / n),
            }
            for choice, share in shares.items()
        ]
    columns = ["benchmark", "choice", "share", "n_specifications", "sd_decades"]
    return pd.DataFrame(rows, columns=columns)


def _products(
    found: "pd.DataFrame", places: Sequence[NDArray[np.intp]], width: int
) -> tuple[int, Array]:
    """Return the number of rows, and sums of products of options and log exponent about means."""
    first, second = np.zeros(width + 1), np.zeros((width + 1, width + 1))
    for start in range(0, len(found), _BLOCK):
        part = found.iloc[start : start + _BLOCK]
        columns = np.zeros((len(part), width + 1))
        for choice, place in zip(CHOICES, places, strict=True):
            columns[np.arange(len(part)), place[part[choice].cat.codes.to_numpy()]] = 1.0
        columns[:, -1] = np.log10(part["exponent"].to_numpy(dtype=np.float64))
        first += columns.sum(axis=0)
        second += np.einsum("ni,nj->ij", columns, columns)
    n = len(found)
    return n, second - np.outer(first, first) / max(n, 1)


def _shares(products: Array, places: Sequence[NDArray[np.intp]]) -> dict[str, float]:
    @cache
    def explained(chosen: frozenset[str]) -> float:
        if not chosen:
            return 0.0
        of = dict(zip(CHOICES, places, strict=True))
        columns = np.concatenate([of[choice] for choice in sorted(chosen)])
        inner = products[columns, -1]
        matrix = products[np.ix_(columns, columns)]
        return float(np.linalg.lstsq(matrix, inner, rcond=1e-10)[0] @ inner / products[-1, -1])

    return shapley(tuple(CHOICES), explained)


def by_option(path: Path, benchmarks: Sequence[str]) -> "pd.DataFrame":
    """Return the median and quartiles of the exponent under each option of each choice.

    Returns
    -------
    DataFrame
        ``benchmark``, ``choice``, ``option``, ``n_specifications``, ``lower_quartile``, ``median``,
        ``upper_quartile`` of the exponent and ``median_loss``, the median extrapolation loss in
        decades.
    """
    import pandas as pd

    found = fitted_columns(path, ["benchmark", *CHOICES, "exponent", "extrapolation_loss"])
    rows: list[dict[str, Any]] = []
    for key in benchmarks:
        mine = found[found["benchmark"] == key]
        for choice in CHOICES:
            for option, part in mine.groupby(choice, sort=False, observed=True):
                quartiles = np.quantile(part["exponent"], [0.25, 0.5, 0.75], method="inverted_cdf")
                loss = part["extrapolation_loss"].dropna()
                rows.append(
                    {
                        "benchmark": key,
                        "choice": choice,
                        "option": option,
                        "n_specifications": len(part),
                        "lower_quartile": quartiles[0],
                        "median": quartiles[1],
                        "upper_quartile": quartiles[2],
                        "median_loss": np.quantile(loss, 0.5, method="inverted_cdf")
                        if len(loss)
                        else math.nan,
                    }
                )
    columns = [
        "benchmark", "choice", "option", "n_specifications", "lower_quartile", "median",
        "upper_quartile", "median_loss",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def poll_claims(path: Path, claims: Sequence[Claim]) -> "pd.DataFrame":
    """Return the share of specifications under which each claim is supported.

    A specification judges a claim by its own figure and interval, as the ledger does. R2 with the
    year as a covariate is not that of compute, so claims of R2 are not held against it.

    Parameters
    ----------
    path : path
        Table of specifications.
    claims : sequence of Claim
        The ledger's claims; those that no exponent answers get a row without shares.

    Returns
    -------
    DataFrame
        ``claim_id``, ``claim``, ``n_specifications`` that answer it, and the shares ``supported``,
        ``not_supported`` and ``cannot_be_told``, NaN where there are none.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for claim in claims:
        counts = np.zeros(3)
        if claim.quantity in _ASKED:
            for verdicts in _verdicts(path, claim):
                counts += [
                    (verdicts == v).sum() for v in (SUPPORTED, NOT_SUPPORTED, CANNOT_BE_TOLD)
                ]
        n = int(counts.sum())
        with np.errstate(invalid="ignore"):
            shares = counts / n if n else np.full(3, np.nan)
        rows.append(
            {
                "claim_id": claim.key,
                "claim": claim.claim,
                "n_specifications": n,
                "supported": shares[0],
                "not_supported": shares[1],
                "cannot_be_told": shares[2],
            }
        )
    columns = [
        "claim_id", "claim", "n_specifications", "supported", "not_supported", "cannot_be_told",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _verdicts(path: Path, claim: Claim) -> Iterator[NDArray[np.str_]]:
    name = _ASKED[claim.quantity]
    ends = [name, f"{name}_lower", f"{name}_upper"]
    benchmark = claim.of.get("benchmark", "")
    for part in batches(path, ["benchmark", "sample", "status", *ends]):
        mine = part[(part["status"] == FITTED) & part[name].notna()]
        if name == "r_squared":
            mine = mine[mine["sample"] != WITH_YEAR]
        if benchmark:
            mine = mine[mine["benchmark"] == benchmark]
        figures = [mine[end].to_numpy(dtype=np.float64) for end in ends]
        if claim.quantity == "halving_factor":
            with np.errstate(over="ignore"):
                figures = [np.exp2(figure) for figure in figures]
        yield judge(claim, *figures)
