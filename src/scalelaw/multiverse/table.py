"""The table of specifications in Parquet, written and joined a unit at a time."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scalelaw.files import writing

if TYPE_CHECKING:
    import pandas as pd

FITTED = "fitted"
"""Status of a specification that has an exponent; any other says why it has none."""

_TEXT = (
    "benchmark", "basis", "sample", "error_transform", "form", "direction", "estimator", "status",
)  # fmt: skip
_COUNTS = ("n_records", "n_papers", "replicates", "n_later_papers")
_NUMBERS = (
    "decades_compute", "exponent", "exponent_lower", "exponent_upper", "r_squared",
    "r_squared_lower", "r_squared_upper", "target_error", "log10_flop", "log10_flop_lower",
    "log10_flop_upper", "decades_beyond", "extrapolation_loss",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.int32()) for name in _COUNTS),
        *((name, pa.float64()) for name in _NUMBERS),
    ]
)
"""Columns of the table of specifications."""
_NUMBERED = pa.schema([pa.field("unit", pa.int64()), *SCHEMA])

_ROWS = 8192
"""Rows of a group of the joined file, and of what is held in memory."""


def write_units(units: Iterable[tuple[int, Iterable[dict[str, Any]]]], path: Path) -> int:
    """Write the rows of units, with the number of each unit, and return the number of rows.

    Parameters
    ----------
    units : iterable of int and rows
        Numbers, rising, and rows.
    path : path
        File to write.
    """
    rows = ({"unit": number} | row for number, unit in units for row in unit)
    return _write(_tables(rows, _NUMBERED), _NUMBERED, path)


def join_chunks(chunks: Sequence[Path], path: Path) -> int:
    """Join files of :func:`write_units` and return the number of rows.

    Parameters
    ----------
    chunks : sequence of path
        Files, in any order; each holds whole units.
    path : path
        File to write: all rows in the order of the units, however they are spread over files.
    """
    units = heapq.merge(*map(_units_of, chunks), key=itemgetter(0))
    return _write((table for _, table in units), SCHEMA, path)


def _units_of(chunk: Path) -> Iterator[tuple[int, pa.Table]]:
    """Yield the units of a file with their numbers; a long one may come in pieces."""
    for batch in pq.ParquetFile(chunk).iter_batches(_ROWS):
        number = batch.column("unit").to_numpy()
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        table = pa.Table.from_batches([batch]).drop_columns("unit")
        for start, end in pairwise([*starts, len(number)]):
            yield int(number[start]), table.slice(start, end - start)


def _tables(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    remaining = iter(rows)
    while part := list(islice(remaining, _ROWS)):
        yield pa.Table.from_pylist(part, schema)


def _write(tables: Iterable[pa.Table], schema: pa.Schema, path: Path) -> int:
    """Write tables in row groups of one size, which the sizes of the tables do not change."""
    n, waiting = 0, schema.empty_table()
    with writing(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for table in tables:
            n += len(table)
            waiting = pa.concat_tables([waiting, table])
            while len(waiting) >= _ROWS:
                writer.write_table(waiting.slice(0, _ROWS).combine_chunks())
                waiting = waiting.slice(_ROWS)
        if len(waiting):
            writer.write_table(waiting.combine_chunks())
    return n


def batches(path: Path, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """Yield some columns of a table of specifications a part at a time."""
    for batch in pq.ParquetFile(path).iter_batches(_ROWS, columns=list(columns)):
        yield batch.to_pandas()


def fitted_columns(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return columns of the fitted specifications, text as categories."""
    table = pq.read_table(
        path,
        columns=list(columns),
        filters=[("status", "==", FITTED)],
        read_dictionary=[name for name in columns if name in _TEXT],
    )
    return table.to_pandas()
