"""Read the columns of a fit from a table, or say what is wrong with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelaw.errors import (
    InvalidValueError,
    MissingColumnError,
    NoVariationError,
    TooFewGroupsError,
    TooFewRecordsError,
    did_you_mean,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The data of a fit.

    Parameters
    ----------
    x : array, shape (n, q)
        Predictors, one column for each of `x_names`.
    y : array, shape (n,)
        Response.
    weights : array, shape (n,)
        Weight of each record in the sum that is minimised.
    index : array of int, shape (n,)
        Number of each record's group.
    groups : tuple of str
        Names of the groups, in order of appearance.
    x_names : tuple of str
        Columns of the predictors.
    y_name : str
        Column of the response.
    extra : mapping of str to array
        Further columns that a model needs, such as standard deviations of the errors.
    """

    x: Array
    y: Array
    weights: Array
    index: NDArray[np.intp]
    groups: tuple[str, ...]
    x_names: tuple[str, ...]
    y_name: str
    extra: Mapping[str, Array] = field(default_factory=dict)

    @property
    def n_records(self) -> int:
        """Number of records."""
        return len(self.y)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.groups)


def group_index(groups: Iterable[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return each record's group number, and the group names in order of first appearance."""
    if getattr(groups, "dtype", None) == "str":
        # A column of text, as tables that were read have: many times faster.
        codes, found = groups.factorize()  # type: ignore[attr-defined]
        return codes.astype(np.intp), found.tolist()
    number: dict[str, int] = {}
    index = np.array([number.setdefault(str(g), len(number)) for g in groups], dtype=np.intp)
    return index, list(number)


def read_sample(
    data: "pd.DataFrame",
    x: Sequence[str],
    y: str,
    groups: str | None = None,
    weights: str | None = None,
    min_groups: int = 2,
    min_records: int = 3,
) -> Sample:
    """Return the positive predictors and response of a fit with their groups.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per record.
    x : sequence of str
        Columns of the predictors; positive and finite.
    y : str
        Column of the response; positive and finite.
    groups : str, optional
        Column with the unit that is independent of the others, such as the paper or the run;
        without it every record is its own group.
    weights : str, optional
        Column of positive weights.
    min_groups, min_records : int
        Fewest groups and records.

    Raises
    ------
    MissingColumnError, InvalidValueError, NoVariationError, TooFewGroupsError, TooFewRecordsError
        With the column, the first offending row and what to do.
    """
    refuse_twice((*x, y))
    columns = [positive_column(data, name) for name in (*x, y)]
    n = len(columns[-1])
    need_records(n, min_records)
    index, names = read_groups(data, groups)
    need_groups(len(names), min_groups)
    for name, values in zip((*x, y), columns, strict=True):
        need_variation(name, np.log(values))
    weight = np.ones(n) if weights is None else positive_column(data, weights)
    return Sample(
        np.stack(columns[:-1], axis=1), columns[-1], weight, index, tuple(names), tuple(x), y
    )


def refuse_twice(names: Sequence[str]) -> None:
    """Raise if two variables of a law are one column."""
    for name in names:
        if list(names).count(name) > 1:
            raise InvalidValueError(
                f'the column "{name}" is named twice; each variable needs its own'
            )


def read_groups(data: "pd.DataFrame", groups: str | None) -> tuple[NDArray[np.intp], list[str]]:
    """Return the group number of each record and the names; each record alone without `groups`."""
    if groups is None:
        return np.arange(len(data)), [str(label) for label in data.index]
    column = _column(data, groups)
    empty = np.flatnonzero(column.isna())
    if len(empty):
        raise InvalidValueError(
            f'column "{groups}" is empty in {_place(data, empty[0])}; each record needs one'
        )
    return group_index(column)


def numeric_column(data: "pd.DataFrame", name: str) -> Array:
    """Return a column of finite numbers."""
    column = _column(data, name)
    if column.dtype.kind in "mM":
        raise InvalidValueError(f'column "{name}" holds dates; turn them into years or days')
    try:
        # A copy, so that what is done to the table later does not change a result.
        values = np.array(column, dtype=np.float64)
    except (TypeError, ValueError):
        for position, cell in enumerate(column):
            try:
                float(cell)
            except (TypeError, ValueError):
                raise InvalidValueError(
                    f'column "{name}" must hold numbers, but is {cell!r} in '
                    f"{_place(data, position)}"
                ) from None
        raise
    _refuse(data, name, values, ~np.isfinite(values), "remove or mend it")
    return values


def positive_column(data: "pd.DataFrame", name: str) -> Array:
    """Return a column of positive finite numbers."""
    values = numeric_column(data, name)
    _refuse(data, name, values, values <= 0, "it must be positive, for its logarithm is taken")
    return values


def need_records(n: int, least: int) -> None:
    """Raise unless there are enough records."""
    if n < least:
        raise TooFewRecordsError(
            f"{n} record(s), at least {least} are needed: add records, or fit a law with fewer "
            "parameters"
        )


def need_groups(n: int, least: int) -> None:
    """Raise unless there are enough groups."""
    if n < least:
        raise TooFewGroupsError(
            f"{n} group(s), at least {least} are needed: add records of other groups, or fit a "
            "model with fewer parameters"
        )


def need_variation(name: str, values: Array) -> None:
    """Raise if a variable is the same in all records."""
    if np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
        raise NoVariationError(
            f'"{name}" is the same in all records; add records in which it differs'
        )


def _column(data: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    if not hasattr(data, "columns"):
        raise InvalidValueError(
            f"the data must be a pandas.DataFrame, not {type(data).__name__}; make one of them"
        )
    if name not in data:
        known = [str(column) for column in data.columns]
        hint = did_you_mean(name, known) or f"they have {', '.join(known)}"
        raise MissingColumnError(f'the data have no column "{name}" ({hint})')
    if list(data.columns).count(name) > 1:
        raise InvalidValueError(f'the data have several columns "{name}"; rename all but one')
    return data[name]


def _refuse(
    data: "pd.DataFrame", name: str, values: Array, bad: "NDArray[np.bool_]", remedy: str
) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        value = values[rows[0]]
        shown = "empty or not a number" if np.isnan(value) else f"{value:g}"
        more = f", and in {len(rows) - 1} more" if len(rows) > 1 else ""
        raise InvalidValueError(
            f'column "{name}" is {shown} in {_place(data, rows[0])}{more}; {remedy}'
        )


def _place(data: "pd.DataFrame", position: int) -> str:
    """Return how a record is found again: by the table's own index, such as the line of a file."""
    return f"{data.index.name or 'row'} {data.index[position]}"
