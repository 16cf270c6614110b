"""Write and read result tables in one way."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def write_table(frame: "pd.DataFrame", path: Path | str) -> None:
    """Write a table as UTF-8 CSV with full digits, so that reading it gives the same numbers."""
    frame.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def read_result(path: Path | str) -> "pd.DataFrame":
    """Read a table written by :func:`write_table`; empty text stays empty, numbers may be NaN."""
    import pandas as pd

    frame = pd.read_csv(path, float_precision="round_trip", dtype_backend="numpy_nullable")
    for column in frame.columns:
        if pd.api.types.is_string_dtype(frame[column].dtype):
            frame[column] = frame[column].fillna("").astype("str")
        elif pd.api.types.is_numeric_dtype(frame[column].dtype):
            frame[column] = frame[column].astype("float64")
    return frame
