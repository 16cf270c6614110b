"""What a run changed: its records and exponents beside those of the run before it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scalelaw.errors import ScalelawError
from scalelaw.tables import write_parquet

if TYPE_CHECKING:
    import pandas as pd

NOW, BEFORE = 0, 1

RECORD, EXPONENT = "record", "exponent"

KEYS = ["benchmark", "basis", "direction"]
"""What tells one exponent from another."""

_ENDS = ["exponent", "ci_lower", "ci_upper"]
_COLUMNS = ["kind", "record_id", "model", "used", *KEYS, "fingerprint", *_ENDS]


def state_of(records: "pd.DataFrame", exponents: "pd.DataFrame") -> "pd.DataFrame":
    """Return what a later run compares itself with.

    Parameters
    ----------
    records : DataFrame
        Table of ``check_corpus``.
    exponents : DataFrame
        Table of ``fit_power_laws``.

    Returns
    -------
    DataFrame
        A row for each record, with a fingerprint of all it says, and one for each fitted
        exponent.
    """
    import pandas as pd

    # A row above that comes or goes moves a record to another line and changes nothing else.
    of_itself = records.drop(columns=["file", "line"])
    prints = pd.util.hash_pandas_object(of_itself, index=False).map("{:016x}".format)
    of_records = records[["record_id", "model", "benchmark"]].assign(
        kind=RECORD, used=records["excluded"] == "", fingerprint=prints
    )
    fitted = exponents[exponents["status"] == "fitted"]
    of_exponents = fitted[[*KEYS, *_ENDS]].assign(kind=EXPONENT, used=True)
    both = pd.concat([of_records, of_exponents], ignore_index=True).reindex(columns=_COLUMNS)
    text = [c for c in _COLUMNS if c not in (*_ENDS, "used")]
    return both.assign(**{c: both[c].fillna("").astype("str") for c in text})


def remember(state: "pd.DataFrame", path: Path) -> "tuple[pd.DataFrame, pd.DataFrame | None]":
    """Put a state on top of a history of two, and return it with the one before.

    A state that equals the newest of the history changes nothing, so that a run that is repeated
    tells the same.

    Parameters
    ----------
    state : DataFrame
        Of :func:`state_of`.
    path : path
        File of the history; made if it is not there.

    Returns
    -------
    now, before : DataFrame
        The second is None if there was none.

    Raises
    ------
    ScalelawError
        If the history cannot be read.
    """
    import pandas as pd

    before: pd.DataFrame | None = None
    if path.is_file():
        try:
            history = pd.read_parquet(path)
            newest, older = (
                history[history["generation"] == age][_COLUMNS].reset_index(drop=True)
                for age in (NOW, BEFORE)
            )
        except (OSError, ValueError, KeyError) as error:
            raise ScalelawError(
                f"{path}: damaged, or written by another version: {error} (delete it; the next "
                "run then counts as the first)"
            ) from None
        same = state.equals(newest)
        before = older if same else newest
        before = before if len(before) else None
        if same:
            return state, before
    ages = [state.assign(generation=NOW)]
    ages += [] if before is None else [before.assign(generation=BEFORE)]
    write_parquet(pd.concat(ages, ignore_index=True), path)
    return state, before


@dataclass(frozen=True)
class Changes:
    """What differs between two states.

    Parameters
    ----------
    counts : DataFrame
        ``what``, ``n_before`` (NaN for a first run) and ``n_now``.
    records : DataFrame
        ``change`` (added, removed, changed), ``record_id``, ``benchmark`` and ``model``.
    exponents : DataFrame
        ``benchmark``, ``basis``, ``direction``, then ``exponent``, ``ci_lower`` and ``ci_upper``
        ``_before`` and ``_now``; NaN where there is none.
    """

    counts: "pd.DataFrame"
    records: "pd.DataFrame"
    exponents: "pd.DataFrame"


def compare(now: "pd.DataFrame", before: "pd.DataFrame | None") -> Changes:
    """Return what differs between a state and the one before; nothing, if there was none."""
    import pandas as pd

    old = now if before is None else before
    new, known = _count(now), {} if before is None else _count(before)
    counts = pd.DataFrame(
        [{"what": what, "n_before": known.get(what, np.nan), "n_now": n} for what, n in new.items()]
    )
    columns = ["record_id", "benchmark", "model", "fingerprint"]
    joined = _part(now, RECORD, columns).merge(
        _part(old, RECORD, columns), on="record_id", how="outer", suffixes=("", "_before"),
        indicator=True,
    )  # fmt: skip
    side = joined["_merge"].astype("str")
    change = side.map({"left_only": "added", "right_only": "removed", "both": ""})
    change[(side == "both") & (joined["fingerprint"] != joined["fingerprint_before"])] = "changed"
    for name in ("benchmark", "model"):
        joined[name] = joined[name].fillna(joined[f"{name}_before"])
    records = joined.assign(change=change)[["change", *columns[:3]]]
    records = records[records["change"] != ""].sort_values(["change", "record_id"])
    order = _part(now, EXPONENT, KEYS)
    found = _part(now, EXPONENT, [*KEYS, *_ENDS]).merge(
        _part(old, EXPONENT, [*KEYS, *_ENDS]), on=KEYS, how="outer", suffixes=("_now", "_before")
    )
    # In the order of the exponents' table; those that are gone come last.
    place = {key: n for n, key in enumerate(order.itertuples(index=False, name=None))}
    keys = found[KEYS].itertuples(index=False, name=None)
    found = found.iloc[np.argsort([place.get(key, len(place)) for key in keys], kind="stable")]
    ends = [f"{end}_{age}" for age in ("before", "now") for end in _ENDS]
    moved = ~np.isclose(
        found["exponent_before"], found["exponent_now"], rtol=1e-9, atol=0.0, equal_nan=True
    )
    return Changes(counts, records, found[moved][[*KEYS, *ends]])


def _part(state: "pd.DataFrame", kind: str, columns: list[str]) -> "pd.DataFrame":
    return state.loc[state["kind"] == kind, columns]


def _count(state: "pd.DataFrame") -> dict[str, int]:
    records = state[state["kind"] == RECORD]
    return {
        "records": len(records),
        "records in fits": int(records["used"].sum()),
        "benchmarks": records["benchmark"].nunique(),
        "fitted exponents": int((state["kind"] == EXPONENT).sum()),
    }
