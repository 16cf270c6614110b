"""Devices by name or alias, with their peak rates."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scalelaw.corpus.problems import CorpusError
from scalelaw.corpus.schema import HARDWARE
from scalelaw.corpus.table import Row, read_table

if TYPE_CHECKING:
    import pandas as pd

PEAK_COLUMNS = {
    "fp32": "peak_fp32_flop_per_s",
    "fp16": "peak_fp16_flop_per_s",
    "tf32": "peak_tf32_flop_per_s",
    "tensor": "peak_tensor_flop_per_s",
}

_NEEDED = {"aliases", *(column.name for column in HARDWARE if column.required)}


@dataclass(frozen=True)
class Device:
    """One device: name, release date, and dense peak rates in FLOP/s by precision.

    Parameters
    ----------
    name, release_date, kind : str
        As in the hardware table.
    peaks : dict of str to float
        Dense peak rates in FLOP/s by precision, None where not known.
    tdp_w, price_usd : float or None
        Thermal design power in W and price of one device in US$.
    """

    name: str
    release_date: str
    peaks: dict[str, float | None]
    kind: str = "GPU"
    tdp_w: float | None = None
    price_usd: float | None = None

    def peak(self, precision: str) -> float | None:
        """Return the peak rate at a precision, None where it is not known."""
        return self.peaks.get(precision)

    def default_precision(self) -> str | None:
        """Return the precision used where a record states none: FP32, else the matrix units'.

        The rate of FP32 is the basis of the study that this project follows; devices without one
        (TPUs) are taken at their 16-bit matrix rate.
        """
        return next((p for p in ("fp32", "tensor", "fp16") if self.peaks.get(p)), None)

    def fastest_rate(self) -> float:
        """Return the highest peak rate of any format, 0 if none is known."""
        return max((rate for rate in self.peaks.values() if rate), default=0.0)


class Hardware:
    """Devices that can be found by name or alias, ignoring case and spaces.

    Parameters
    ----------
    rows : list of Row
        Rows of the hardware table. One without a readable name, alias or other required cell gives
        no device; `complete` is False then.
    """

    def __init__(self, rows: list[Row]):
        self._rows = rows
        usable = [row for row in rows if row.broken.isdisjoint(_NEEDED)]
        self.complete = len(usable) == len(rows)
        self._by_name: dict[str, Device] = {}
        self._devices: list[Device] = []
        # Few names stand in many records.
        self._containing: dict[str, list[Device]] = {}
        for row in usable:
            device = Device(
                row["device"],
                row["release_date"],
                {precision: row[column] for precision, column in PEAK_COLUMNS.items()},
                row["kind"],
                row["tdp_w"],
                row["price_usd"],
            )
            self._devices.append(device)
            for name in device_names(row):
                self._by_name.setdefault(fold_name(name), device)
        self._names = [name for row in usable for name in device_names(row)]

    def find(self, name: str) -> Device | None:
        """Return the device of that name or alias, None if there is none."""
        return self._by_name.get(fold_name(name))

    def containing(self, name: str) -> list[Device]:
        """Return the devices whose full name contains the words of a name, its maker left out."""
        if name not in self._containing:
            words = f" {name.casefold().removeprefix('nvidia ')} "
            found = [d for d in self._devices if words in f" {d.name.casefold()} "]
            self._containing[name] = found
        return self._containing[name]

    def table(self) -> "pd.DataFrame":
        """Return the rows as written, numbers as floats."""
        import pandas as pd

        frame = pd.DataFrame([row.values for row in self._rows])
        for column in HARDWARE:
            if column.kind == "number":
                frame[column.name] = frame[column.name].astype("float64")
        return frame

    def devices(self) -> list[Device]:
        """Return all devices in the order of the table."""
        return self._devices

    def names(self) -> list[str]:
        """Return all names and aliases as written."""
        return self._names


def read_hardware(paths: Sequence[Path]) -> Hardware:
    """Read hardware tables.

    Raises
    ------
    CorpusError
        If a cell or file cannot be read; it lists every problem.
    """
    tables = [read_table(path, HARDWARE) for path in paths]
    problems = sorted(problem for table in tables for problem in table.problems)
    if problems:
        raise CorpusError(problems)
    return Hardware([row for table in tables for row in table.rows])


def device_names(row: Row) -> list[str]:
    """Return a hardware row's name and aliases."""
    aliases = [alias.strip() for alias in (row["aliases"] or "").split(";")]
    return [row["device"], *filter(None, aliases)]


def fold_name(name: str) -> str:
    """Return a device name without case, spaces and differences that cannot be seen."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
