"""Write and read result tables in one way."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scalelaw.corpus.schema import DERIVED, PAPERS
from scalelaw.files import writing

if TYPE_CHECKING:
    import pandas as pd


TEXT = frozenset(
    {
        "after", "basis", "before", "benchmark", "challenger", "change", "check", "choice", "claim",
        "claim_id", "column", "component", "date", "design", "device", "direction", "effect",
        "evidence", "excluded", "file", "fixed_target", "forecast", "form", "group", "how",
        "kind", "known_floor", "lowest_model", "message", "model", "most_influential_paper",
        "note", "option", "outcome", "paper", "paper_left_out", "places", "quantity", "rates",
        "reason", "record_id", "refused", "regressor", "relation", "remedy", "rule", "sample",
        "series", "severity", "source", "status", "unit", "url", "verdict", "what", "why",
    }
)  # fmt: skip
"""Columns of result tables that hold text, even where it looks like a number or is empty."""


PROSE = frozenset(
    {
        "title", "url", "base_model", "value_source", "compute_source", "note", "basis_reason",
    }
)  # fmt: skip
"""Columns of records that are there to be read by people: most of the file."""


FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""How cells begin that spreadsheets run as a formula; the last four are wide forms."""


def write_table(frame: "pd.DataFrame", path: Path | str) -> None:
    """Write a table as UTF-8 CSV with full digits, so that reading it gives the same numbers.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, and so does one
    that begins with apostrophes and then such a text; :func:`read_result` takes it away again.
    Numbers stay as they are.
    """
    import pandas as pd

    changed: dict[Any, pd.Series[Any]] = {}
    quoting: Literal[0, 2] = csv.QUOTE_MINIMAL
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        if isinstance(column.dtype, pd.StringDtype):
            text = column.fillna("")
        else:
            text = column.where(column.map(lambda cell: isinstance(cell, str)), "").astype("str")
        if text.str.contains("\r", regex=False).any():
            # A lone return ends a line for readers, and the writer does not quote it by itself.
            quoting = csv.QUOTE_NONNUMERIC
        risky = text.str.match(f"'*{FORMULA}")
        if risky.any():
            changed[name] = column.astype("object").mask(risky, "'" + text)
    with writing(path) as part:
        frame.assign(**changed).to_csv(
            part, index=False, encoding="utf-8", lineterminator="\n", quoting=quoting
        )


def write_parquet(frame: "pd.DataFrame", path: Path | str) -> None:
    """Write a table as Parquet."""
    with writing(path) as part:
        frame.to_parquet(part, index=False)


def read_result(
    path: Path | str, text: Collection[str] = TEXT, leave_out: Collection[str] = ()
) -> "pd.DataFrame":
    """Read a table written by :func:`write_table`.

    Parameters
    ----------
    path : path
        CSV file.
    text : collection of str
        Columns that are text whatever their cells look like; by default those that are text in
        every result table.
    leave_out : collection of str
        Columns that are not read.

    Returns
    -------
    pandas.DataFrame
        Text columns with empty cells as empty strings, all others as floats with NaN.
    """
    import pandas as pd

    frame = pd.read_csv(
        path,
        usecols=lambda name: name not in leave_out,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values="",
    )
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column].dtype):
            frame[column] = frame[column].astype("float64")
        else:
            cells = frame[column].astype("str").fillna("")
            frame[column] = cells.mask(cells.str.match(f"'+{FORMULA}"), cells.str[1:])
    return frame


def read_records(path: Path | str, prose: bool = False) -> "pd.DataFrame":
    """Read the table of records that ``check_corpus`` has written, with its `PROSE` or without."""
    text = [c.name for c in (*PAPERS, *DERIVED) if c.kind not in ("number", "count")]
    return read_result(path, text, () if prose else PROSE)
