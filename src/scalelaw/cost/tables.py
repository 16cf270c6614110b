"""Prices by device and year, and carbon intensity of electricity by place and year."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scalelaw.corpus.hardware import Device, Hardware, read_hardware
from scalelaw.corpus.problems import CorpusError, Problem
from scalelaw.corpus.schema import GRID, PRICES, Column
from scalelaw.corpus.table import Row, read_table
from scalelaw.cost.parameters import Constants, read_constants
from scalelaw.errors import ScalelawError, did_you_mean


@dataclass(frozen=True)
class Quotes:
    """Prices of a device in US$ per hour, and the year in which they were asked."""

    year: int
    prices: tuple[float, ...]


@dataclass(frozen=True)
class CostTables:
    """What the cost chain looks up.

    Parameters
    ----------
    hardware : Hardware
        Devices.
    quotes : dict
        Rental prices in US$ per device-hour by device name, then year.
    grid : dict
        g CO2e per kWh by place, then year.
    constants : Constants
        Parameters, equivalents and presets.
    """

    hardware: Hardware
    quotes: dict[str, dict[int, tuple[float, ...]]]
    grid: dict[str, dict[int, float]]
    constants: Constants

    def device(self, name: str) -> Device:
        """Return a device by name or alias.

        Raises
        ------
        ScalelawError
            If there is none, with the nearest name.
        """
        found = self.hardware.find(name)
        if found is None:
            near = did_you_mean(name, self.hardware.names()) or "see data/hardware.csv"
            raise ScalelawError(f'no device "{name}" ({near})')
        return found

    def rental(self, device: Device, year: int) -> Quotes | None:
        """Return the rental quotes of a year, else of the nearest one, None without any."""
        by_year = self.quotes.get(device.name, {})
        if not by_year:
            return None
        nearest = min(by_year, key=lambda y: (abs(y - year), y))
        return Quotes(nearest, by_year[nearest])

    def place(self, name: str) -> str:
        """Return a place as the table writes it.

        Raises
        ------
        ScalelawError
            If there is none, with the nearest name.
        """
        folded = {place.casefold(): place for place in self.grid}
        found = folded.get(name.casefold())
        if found is None:
            near = did_you_mean(name, list(self.grid)) or "see data/grid.csv"
            raise ScalelawError(f'no place "{name}" ({near})')
        return found

    def intensity(self, place: str, year: int) -> tuple[int, float]:
        """Return year and g CO2e per kWh of a place: the newest up to that year, else the oldest.

        Raises
        ------
        ScalelawError
            If the place is not known, with the nearest name.
        """
        by_year = self.grid[self.place(place)]
        past = [y for y in by_year if y <= year]
        chosen = max(past) if past else min(by_year)
        return chosen, by_year[chosen]


def read_cost_tables(hardware: Sequence[Path], prices: Path, grid: Path, costs: Path) -> CostTables:
    """Read devices, prices, grid and constants.

    Raises
    ------
    CorpusError
        If a table has errors: unreadable cells, an unknown device, a place and year that stand
        twice. It lists every one.
    ScalelawError
        If ``costs.yaml`` is not valid.
    """
    devices = read_hardware(hardware)
    price_rows, price_problems = _read(prices, PRICES)
    grid_rows, grid_problems = _read(grid, GRID)
    quotes: dict[str, dict[int, tuple[float, ...]]] = {}
    for row in price_rows:
        if "device" in row.broken:
            continue
        device = devices.find(row["device"])
        if device is None:
            near = did_you_mean(row["device"], devices.names()) or "add it to hardware.csv"
            message = f'no device "{row["device"]}"'
            price_problems.append(row.problem("device", "error", "unknown-device", message, near))
        elif not row.broken and row["kind"] == "on_demand":
            by_year = quotes.setdefault(device.name, {})
            year = int(row["date"][:4])
            by_year[year] = (*by_year.get(year, ()), row["price_usd"])
    intensities: dict[str, dict[int, float]] = {}
    spelt: dict[str, str] = {}
    for row in grid_rows:
        if row.broken & {"place", "year"}:
            continue
        # Questions name places in any case, so places that differ in it alone are one.
        place = spelt.setdefault(row["place"].casefold(), row["place"])
        by_place = intensities.setdefault(place, {})
        year = int(row["year"])
        if year in by_place:
            message = f"{row['place']} in {year} stands twice"
            grid_problems.append(
                row.problem("place", "error", "duplicate-row", message, "keep one row")
            )
        by_place[year] = row["g_co2e_per_kwh"]
    problems = sorted([*price_problems, *grid_problems])
    if problems:
        raise CorpusError(problems)
    return CostTables(devices, quotes, intensities, read_constants(costs))


def _read(path: Path, columns: Sequence[Column]) -> tuple[list[Row], list[Problem]]:
    table = read_table(path, columns)
    return table.rows, list(table.problems)
