"""Plant each class of defect into random good rows of the corpus and count what the checks find.

``./run exec python benchmarks/check_rates.py`` prints the Markdown table of the documentation.
A good row is one without any warning, waived or not. Defects go into twenty rows at a time, so
that the rest of the corpus stays as it is.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.corpus.checks import Context, make_entry, run_checks
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.schema import HARDWARE, PAPERS
from scalelaw.corpus.table import Row, read_table

DATA = Path(__file__).resolve().parents[1] / "data"
ROWS, BATCH, SEED = 200, 20, 20261122
NEIGHBOUR_ID = "imagenet-pycls2020zoo-regnetx-200mf"

Values = dict[str, Any]
Plant = Callable[[Values], Values | None]


def times(column: str, factor: float) -> Plant:
    """Return a defect that multiplies a column; it needs the cell."""
    return lambda v: {column: v[column] * factor} if v[column] else None


def device_days(v: Values) -> Values | None:
    """Multiply the wall-clock time by the number of devices."""
    split = v["n_devices"] and v["training_hours"] and v["n_devices"] > 1
    return {"training_hours": v["training_hours"] * v["n_devices"]} if split else None


def samples(v: Values) -> Values | None:
    """Report six FLOP per parameter and example."""
    counts = [v[c] for c in ("params", "train_examples", "epochs")]
    if not all(counts):
        return None
    flop = 6 * counts[0] * counts[1] * counts[2]
    return {"reported_flop": flop, "reported_flop_method": "paper"}


def disagree(v: Values) -> Values | None:
    """Report five times the counted operations."""
    counts = [v[c] for c in ("forward_flop", "train_examples", "epochs")]
    if not all(counts):
        return None
    flop = 15 * counts[0] * counts[1] * counts[2]
    return {"reported_flop": flop, "reported_flop_method": "paper"}


def total(v: Values) -> Values | None:
    """Call the compute total although a pretrained start is not counted."""
    return {"compute_scope": "total"} if v["base_model"] else None


def copy_of(other: Values) -> Values:
    """Return all cells of another record but its name."""
    return {column: cell for column, cell in other.items() if column != "record_id"}


def burden_of(other: Values) -> Plant:
    """Return a defect that takes another model's devices and time; for its own paper only."""
    columns = ("hardware", "n_devices", "training_hours", "device_hours", "precision", "paper")

    def plant(v: Values) -> Values | None:
        size = v["params"] or v["forward_flop"]
        differs = size and size != (other["params"] or other["forward_flop"])
        return {c: other[c] for c in columns} if differs else None

    return plant


def when_split(change: Values) -> Plant:
    """Return a defect of rows that state device, number and hours."""
    return lambda v: change if v["hardware"] and v["n_devices"] and v["training_hours"] else None


# A good record of the corpus whose cells other rows take over.
NEIGHBOUR: Values = {}

PAPER_DEFECTS: dict[str, tuple[str, Plant]] = {
    "forward FLOP in multiply-adds (halved)": ("multiply-adds", times("forward_flop", 0.5)),
    "forward FLOP in GFLOP": ("forward-flop-below-params", times("forward_flop", 1e-9)),
    "device newer than the paper": ("device-newer-than-result", when_split({"date": "2009-01"})),
    "device-days as days": ("device-days-as-days", device_days),
    "time over a year": ("training-over-a-year", when_split({"training_hours": 10_000.0})),
    "search cost as training (500 devices, 4 days)": (
        "compute-off-its-year",
        when_split({"n_devices": 500.0, "training_hours": 96.0}),
    ),
    "samples taken for tokens": ("samples-as-tokens", samples),
    "share instead of percent": ("percent-for-share", times("value", 0.01)),
    "pretraining left out": ("pretraining-left-out", total),
    "two sources fivefold apart": ("reported-flop-disagrees", disagree),
    "ambiguous device name": ("ambiguous-device", when_split({"hardware": "Titan X"})),
    "value above its range": ("value-out-of-range", lambda v: {"value": 140.0}),
    "entered twice": ("duplicate-result", lambda v: copy_of(NEIGHBOUR)),
    "one burden for several models": ("shared-burden", lambda v: burden_of(NEIGHBOUR)(v)),
    "child cheaper than its base": (
        "child-below-base",
        when_split(
            {
                "base_model": "CoCa (fine-tuned encoder)",
                "compute_scope": "total",
                "training_hours": 1.0,
            }
        ),
    ),
    "hours 1,000 times too long": ("compute-off-its-year", times("training_hours", 1000)),
}

HARDWARE_DEFECTS: dict[str, tuple[str, Plant]] = {
    "sparse for dense peak": ("sparse-peak", times("peak_tensor_flop_per_s", 2)),
    "board for chip (power of a chip)": ("board-for-chip", times("tdp_w", 1 / 4)),
    "price of something else (tenth)": ("price-off-trend", times("price_usd", 0.1)),
}


def main() -> None:
    """Measure and print."""
    papers = read_table(DATA / "papers.csv", PAPERS).rows
    devices = read_table(DATA / "hardware.csv", HARDWARE).rows
    hardware = Hardware(devices)
    context = Context(read_benchmarks([DATA / "benchmarks.yaml"]), hardware, date.today())

    def checks_by_place(rows: list[Row], table: list[Row]) -> dict[tuple[str, int], set[str]]:
        entries = [make_entry(row, context) for row in rows]
        found: dict[tuple[str, int], set[str]] = {}
        for problem in [p for group in run_checks(entries, table, context) for p in group]:
            found.setdefault((problem.file, problem.line), set()).add(problem.check)
        return found

    clean = checks_by_place(papers, devices)
    NEIGHBOUR.update(next(r.values for r in papers if r["record_id"] == NEIGHBOUR_ID))
    print("| defect | check | rows | found by it | found by any | false alarms of the check |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rows, defects in ((papers, PAPER_DEFECTS), (devices, HARDWARE_DEFECTS)):
        good = [row for row in rows if row.place not in clean]
        for defect, (check, plant) in defects.items():
            rng = random.Random(f"{SEED} {defect}")
            able = [row for row in good if plant(row.values)]
            chosen = rng.sample(able, min(ROWS, len(able)))
            named = seen = 0
            for start in range(0, len(chosen), BATCH):
                batch = {row.place: row for row in chosen[start : start + BATCH]}
                planted = [
                    replace(row, values={**row.values, **(plant(row.values) or {})})
                    if row.place in batch
                    else row
                    for row in rows
                ]
                found = (
                    checks_by_place(planted, devices)
                    if rows is papers
                    else checks_by_place([], planted)
                )
                named += sum(check in found.get(place, set()) for place in batch)
                seen += sum(place in found for place in batch)
            alarms = sum(
                check in names for place, names in clean.items() if place[0] == rows[0].file
            )
            print(
                f"| {defect} | {check} | {len(chosen)} | {named / len(chosen):.0%} "
                f"| {seen / len(chosen):.0%} | {alarms / len(rows):.1%} |"
            )


if __name__ == "__main__":
    main()
