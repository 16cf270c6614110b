"""The chain from FLOP to device-hours, dollars, energy and carbon, drawn many times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scalelaw.corpus.hardware import Device
from scalelaw.cost.parameters import Constants
from scalelaw.cost.tables import CostTables
from scalelaw.cost.wording import say
from scalelaw.errors import ScalelawError
from scalelaw.fit.sample import Array

QUANTITIES = {
    "usd": "US$",
    "device_hours": "device-hours",
    "flop": "FLOP",
    "kwh": "kWh",
    "t_co2": "t CO2",
}
"""What is projected, and its unit, in the order in which it is told."""

HOURS_PER_YEAR = 8766.0

FAMILIES = ("gpu", "tpu")
"""Kinds of devices whose servers draw different power."""

PEAK_BASES = frozenset({"hardware"})
"""Bases that count FLOP at peak rate, which are never divided by utilisation."""


@dataclass(frozen=True)
class Scenario:
    """Where, when and on what a model would be trained or run.

    Parameters
    ----------
    device : str
        Name or alias of a device.
    year : int
        Year of the prices and of the grid.
    places : tuple of str
        Places of ``grid.csv``; with several, each draw takes one of them.
    own : bool
        Whether the device is owned rather than rented: its value lost and its electricity are paid.
    utilisation : float or None
        Share of the peak rate that is reached, instead of the published distribution.
    """

    device: str
    year: int
    places: tuple[str, ...]
    own: bool = False
    utilisation: float | None = None


@dataclass(frozen=True)
class Links:
    """Draws of the links of the chain, which are the same in every scenario.

    Parameters
    ----------
    power_over_tdp : mapping of str to array, shape (N,)
        Mean power of a server per chip over the chip's thermal design power, by `family`.
    pue : array, shape (N,)
        Power of a data centre over that of its computers.
    utilisation : array, shape (N,)
        Share of the peak rate that is reached.
    rent, place : array of uint32, shape (N,)
        Which of the quotes and of the places a draw takes, see `pick`.
    """

    power_over_tdp: Mapping[str, Array]
    pue: Array
    utilisation: Array
    rent: NDArray[np.uint32]
    place: NDArray[np.uint32]

    @classmethod
    def draw(cls, constants: Constants, n: int, seed: np.random.SeedSequence) -> "Links":
        """Draw each link from a stream of its own, so that changing one leaves the others."""
        children = seed.spawn(6)

        def drawn(name: str, link: int) -> Array:
            return constants.parameters[name].draw(n, np.random.default_rng(children[link]))

        def integers(link: int) -> NDArray[np.uint32]:
            return np.random.default_rng(children[link]).integers(0, 2**32, n, dtype=np.uint32)

        return cls(
            {
                kind: drawn(f"mean_load_{kind}", 0) * drawn(f"server_power_over_tdp_{kind}", 1)
                for kind in FAMILIES
            },
            drawn("pue", 2),
            drawn("utilisation", 4),
            integers(3),
            integers(5),
        )


def pick(options: Sequence[float], integers: NDArray[np.uint32]) -> Array:
    """Return the option that each 32-bit integer picks, all with equal chance.

    Anything that can multiply whole numbers repeats this, which NumPy's own choice does not allow.
    """
    places = (integers.astype(np.uint64) * np.uint64(len(options))) >> np.uint64(32)
    return np.asarray(np.array(options, dtype=np.float64)[places])


@dataclass(frozen=True)
class Chain:
    """Draws of what one FLOP costs in a scenario.

    Parameters
    ----------
    device : Device
        The device.
    peak_flop_per_s : float
        Peak rate that counts.
    places : tuple of str
        Places of the electricity as the table writes them, each once.
    log_utilisation : array, shape (N,)
        log10 of the share of the peak that is reached.
    usd_per_hour, kwh_per_hour, g_per_kwh : array, shape (N,)
        Per device-hour, and per kWh.
    notes : tuple of str
        What a reader must know: other years than asked for, prices that are not rents.
    """

    device: Device
    peak_flop_per_s: float
    places: tuple[str, ...]
    log_utilisation: Array
    usd_per_hour: Array
    kwh_per_hour: Array
    g_per_kwh: Array
    notes: tuple[str, ...]

    @classmethod
    def draw(
        cls, tables: CostTables, scenario: Scenario, n: int, seed: np.random.SeedSequence
    ) -> "Chain":
        """Draw the chain.

        Parameters
        ----------
        tables : CostTables
            Devices, prices, grid and constants.
        scenario : Scenario
            Device, year and place.
        n : int
            Draws.
        seed : SeedSequence
            Seed of the links.

        Raises
        ------
        ScalelawError
            If device or place is not known, or the device has no peak rate, no power, or neither a
            rent nor a price.
        """
        device = tables.device(scenario.device)
        peak = peak_rate(device)
        if device.tdp_w is None:
            raise ScalelawError(
                f"{device.name} has no power in hardware.csv (add tdp_w, or choose another device)"
            )
        links = Links.draw(tables.constants, n, seed)
        notes: list[str] = []
        watts = device.tdp_w * links.power_over_tdp[family(device)]
        # A machine at home has no data centre around it.
        kwh = watts * (1.0 if scenario.own else links.pue) / 1000
        if scenario.own:
            usd = _owning(device, tables, kwh)
            notes.append(say("owned"))
        else:
            quotes = tables.rental(device, scenario.year)
            if quotes is None:
                raise ScalelawError(say("no_rent", device=device.name, such=with_rent(tables)))
            if quotes.year != scenario.year:
                notes.append(say("rent_year", year=quotes.year))
            if len(quotes.prices) < 3:
                notes.append(say("few_quotes", n=len(quotes.prices)))
            usd = pick(quotes.prices, links.rent)
        places = tuple(dict.fromkeys(tables.place(name) for name in scenario.places))
        found = [tables.intensity(place, scenario.year) for place in places]
        for old in sorted({year for year, _ in found} - {scenario.year}):
            mine = [place for place, (year, _) in zip(places, found, strict=True) if year == old]
            notes.append(say("grid_year", places=", ".join(mine), year=old))
        utilisation = links.utilisation
        if scenario.utilisation is not None:
            utilisation = np.full(n, scenario.utilisation)
        return cls(
            device,
            peak,
            places,
            np.log10(utilisation),
            usd,
            kwh,
            pick([intensity for _, intensity in found], links.place),
            tuple(notes),
        )

    def log_costs(self, log_flop: Array, basis: str) -> dict[str, Array]:
        """Return log10 of each of `QUANTITIES` for draws of log10 FLOP.

        FLOP on the hardware basis are already counted at the peak rate, so that their hours are
        FLOP over peak; on the other bases they are divided by utilisation.
        """
        hours = log_flop - np.log10(self.peak_flop_per_s * 3600.0)
        if basis not in PEAK_BASES:
            hours = hours - self.log_utilisation
        return {
            "flop": log_flop,
            "device_hours": hours,
            "usd": hours + np.log10(self.usd_per_hour),
            "kwh": hours + np.log10(self.kwh_per_hour),
            "t_co2": hours + np.log10(self.kwh_per_hour * self.g_per_kwh / 1e6),
        }

    def log_flop_for(self, usd: float, basis: str) -> Array:
        """Return log10 of the FLOP that a budget in US$ buys, one value a draw."""
        hours = np.log10(usd / self.usd_per_hour)
        flop = np.asarray(hours + np.log10(self.peak_flop_per_s * 3600.0))
        return flop if basis in PEAK_BASES else flop + self.log_utilisation


def family(device: Device) -> str:
    """Return the one of `FAMILIES` that a device belongs to."""
    return "tpu" if device.kind == "TPU" else "gpu"


def with_rent(tables: CostTables) -> str:
    """Return some devices that can be rented, in words."""
    return ", ".join(sorted(tables.quotes)[:3])


def peak_rate(device: Device) -> float:
    """Return the 16-bit matrix rate of a device, else its default one, in FLOP/s.

    Raises
    ------
    ScalelawError
        If no rate of it is known.
    """
    peak = device.peak("tensor") or device.peak(device.default_precision() or "fp32")
    if peak is None:
        raise ScalelawError(
            f"{device.name} has no peak rate in hardware.csv (add one, or choose another device)"
        )
    return peak


def _owning(device: Device, tables: CostTables, kwh_per_hour: Array) -> Array:
    """Return the US$ per hour of a device that its owner keeps busy."""
    if device.price_usd is None:
        raise ScalelawError(say("no_price", device=device.name))
    lost, electricity = owning_rates(tables.constants)
    return np.asarray(device.price_usd * lost + kwh_per_hour * electricity)


def owning_rates(constants: Constants) -> tuple[float, float]:
    """Return the share of its price that a device loses in an hour, and US$ per kWh at home."""
    lost = constants.parameters["hardware_replacement_per_year"].central / HOURS_PER_YEAR
    return lost, constants.parameters["home_electricity_usd_per_kwh"].central
