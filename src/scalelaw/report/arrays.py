"""Arrays of numbers as text that ``arrays.js`` unpacks in the report."""

import base64

import numpy as np
from numpy.typing import ArrayLike, NDArray


def packed(values: ArrayLike, dtype: str) -> str:
    """Return numbers as base64 of an array of that (little-endian) type."""
    array: NDArray[np.generic] = np.asarray(values).astype(dtype)
    return base64.b64encode(array.tobytes()).decode("ascii")
