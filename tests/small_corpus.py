"""A small valid corpus that tests break, extend or run."""

import csv
import shutil
from pathlib import Path

from scalelaw.corpus.schema import GRID as GRID_COLUMNS
from scalelaw.corpus.schema import HARDWARE, PAPERS
from scalelaw.corpus.schema import PRICES as PRICE_COLUMNS

ROOT = Path(__file__).parents[1]

ROW = {
    "record_id": "alexnet",
    "paper": "krizhevsky2012imagenet",
    "title": "ImageNet Classification with Deep Convolutional Neural Networks",
    "url": "https://example.org/alexnet",
    "benchmark": "imagenet",
    "model": "AlexNet",
    "date": "2012-12",
    "metric": "top1_error",
    "value": "40.7",
    "hardware": "GTX 580",
    "n_devices": "2",
    "training_hours": "144",
    "compute_scope": "total",
    "confidence": "confident",
    "value_source": "Table 1",
    "compute_source": "Section 5",
}

DEVICES = [
    {
        "device": "NVIDIA GeForce GTX 580",
        "aliases": "GTX 580; GTX580",
        "manufacturer": "NVIDIA",
        "kind": "GPU",
        "release_date": "2010-11-09",
        "peak_fp32_flop_per_s": "1.581e12",
        "tdp_w": "244",
        "source": "datasheet",
    },
    {
        "device": "NVIDIA V100",
        "aliases": "V100",
        "manufacturer": "NVIDIA",
        "kind": "GPU",
        "release_date": "2017-07-01",
        "peak_fp32_flop_per_s": "1.567e13",
        "peak_fp16_flop_per_s": "3.133e13",
        "peak_tensor_flop_per_s": "1.25e14",
        "tdp_w": "300",
        "price_usd": "8000",
        "source": "datasheet",
    },
]

PRICES = [
    {
        "device": "V100",
        "date": date,
        "kind": "on_demand",
        "price_usd": price,
        "source": "a price list",
        "url": "https://example.org/prices",
    }
    for date, price in (("2020-03", "2"), ("2020-06", "4"), ("2023-01", "1"))
]

GRID = [
    {
        "place": place,
        "year": year,
        "g_co2e_per_kwh": value,
        "source": "a statistic",
        "url": "https://example.org/grid",
    }
    for place, year, value in (
        ("World", "2020", "500"),
        ("World", "2024", "450"),
        ("France", "2020", "50"),
        ("United States", "2020", "400"),
    )
]

BENCHMARKS = """
imagenet:
  name: ImageNet
  task: image classification
  test_set: validation set
  fitted: top1
  error_label: top-1 error
  metrics:
    top1_error: {label: top-1 error, error: top1, transform: identity, scale: 100}
    top1_accuracy: {label: top-1 accuracy, error: top1, transform: complement, scale: 100}
    top5_error: {label: top-5 error, error: top5, transform: identity, scale: 100}
  label_floor: {error: 0.02, source: "an audit"}
  targets: [0.05, 0.01]
other:
  name: Other
  task: detection
  test_set: test set
  fitted: ap
  error_label: 1 - AP
  metrics:
    ap: {label: AP, error: ap, transform: complement, scale: 100}
"""


def write_csv(path: Path, columns: list[str], rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_papers(path: Path, rows: list[dict[str, str]]) -> Path:
    return write_csv(path, [column.name for column in PAPERS], rows)


def write_hardware(path: Path, rows: list[dict[str, str]]) -> Path:
    return write_csv(path, [column.name for column in HARDWARE], rows)


def write_costs(folder: Path) -> None:
    """Write prices and grid of these devices; the constants are the project's."""
    write_csv(folder / "prices.csv", [column.name for column in PRICE_COLUMNS], PRICES)
    write_csv(folder / "grid.csv", [column.name for column in GRID_COLUMNS], GRID)
    shutil.copy(ROOT / "data/costs.yaml", folder / "costs.yaml")


def planted_rows(exponent: float = 8.0, papers: int = 8) -> list[dict[str, str]]:
    """Rows whose hardware burden is exactly 1e12 x (1/e)^exponent, two a paper."""
    rows = []
    for i in range(2 * papers):
        error = 0.4 * 0.92**i
        burden = 1e12 * (1 / error) ** exponent
        n_devices = 2 ** (i % 4)
        rows.append(
            {
                **ROW,
                "record_id": f"planted-{i}",
                "paper": f"author20{12 + i // 2}word",
                "model": f"Model {i}",
                "date": f"20{12 + i // 2}-06",
                "value": repr(100 * error),
                "n_devices": str(n_devices),
                "training_hours": repr(burden / n_devices / 1.581e12 / 3600),
            }
        )
    return rows
