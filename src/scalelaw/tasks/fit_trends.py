"""Fit how fast hardware and algorithms have become better."""

from pathlib import Path

from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.records import decimal_year
from scalelaw.decompose.trends import efficiency_points, efficiency_trends, hardware_trends
from scalelaw.tables import read_records, write_table


def fit_trends(
    *,
    records: Path,
    hardware: list[Path],
    bases: list[str],
    level: float,
    hardware_table: Path,
    efficiency_table: Path,
    efficiency_series: Path,
) -> str:
    """Write the trends of devices, and of the compute that reaches a fixed level.

    Parameters
    ----------
    records : path
        Table of ``check_corpus``.
    hardware : list of path
        Tables of devices.
    bases : list of str
        Bases of compute, each on its own.
    level : float
        Level of the intervals.
    hardware_table, efficiency_table, efficiency_series : path
        CSV files to write; the last holds the points behind the trends of efficiency.
    """
    devices = read_hardware(hardware).table()
    devices["year"] = devices["release_date"].map(decimal_year)
    trends = hardware_trends(devices, level)
    write_table(trends, hardware_table)
    table = read_records(records)
    points = efficiency_points(table[table["fixed_target"] != ""], tuple(bases))
    write_table(points, efficiency_series)
    efficiency = efficiency_trends(points, level)
    write_table(efficiency, efficiency_table)
    fitted = [(t["status"] == "fitted").sum() for t in (trends, efficiency)]
    return (
        f"{fitted[0]} of {len(trends)} trends of hardware, "
        f"{fitted[1]} of {len(efficiency)} series of efficiency fitted"
    )
