"""The chain from FLOP to device-hours, dollars, energy and carbon, drawn many times."""

from dataclasses import dataclass

import numpy as np

from scalelaw.corpus.hardware import Device
from scalelaw.cost.tables import CostTables
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
    """

    device: str
    year: int
    places: tuple[str, ...]
    own: bool = False


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
            Each link draws from a stream of its own, so that changing one leaves the others.

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
        constants = tables.constants.parameters
        streams = [np.random.default_rng(s) for s in seed.spawn(6)]
        notes: list[str] = []
        family = "tpu" if device.kind == "TPU" else "gpu"
        watts = device.tdp_w * constants[f"mean_load_{family}"].draw(n, streams[0])
        watts *= constants[f"server_power_over_tdp_{family}"].draw(n, streams[1])
        # A machine at home has no data centre around it.
        watts *= 1.0 if scenario.own else constants["pue"].draw(n, streams[2])
        kwh = watts / 1000
        if scenario.own:
            usd = _owning(device, tables, kwh)
            notes.append("owned: value lost in use and electricity, no labour and no rent")
        else:
            quotes = tables.rental(device, scenario.year)
            if quotes is None:
                raise ScalelawError(
                    f"no rent of {device.name} in prices.csv (choose a device with quotes, such as "
                    f"{', '.join(sorted(tables.quotes)[:3])}, or reckon with owning it)"
                )
            if quotes.year != scenario.year:
                notes.append(f"rents are of {quotes.year}, the nearest year with quotes")
            if len(quotes.prices) < 3:
                notes.append(f"only {len(quotes.prices)} quote(s) of its rent")
            usd = streams[3].choice(np.array(quotes.prices), n)
        places = tuple(dict.fromkeys(tables.place(name) for name in scenario.places))
        found = [tables.intensity(place, scenario.year) for place in places]
        for old in sorted({year for year, _ in found} - {scenario.year}):
            mine = [place for place, (year, _) in zip(places, found, strict=True) if year == old]
            notes.append(f"electricity of {', '.join(mine)} is that of {old}")
        intensities = [intensity for _, intensity in found]
        return cls(
            device,
            peak,
            places,
            np.log10(constants["utilisation"].draw(n, streams[4])),
            usd,
            kwh,
            streams[5].choice(np.array(intensities), n),
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
        raise ScalelawError(f"{device.name} has no price in hardware.csv (add price_usd, or rent)")
    constants = tables.constants.parameters
    lost = device.price_usd * constants["hardware_replacement_per_year"].central / HOURS_PER_YEAR
    electricity = constants["home_electricity_usd_per_kwh"].central
    return np.asarray(lost + kwh_per_hour * electricity)
