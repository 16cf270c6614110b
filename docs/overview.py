"""Draw ImageNet's compute against error for the README and the first page of the site.

Usage: ``python docs/overview.py docs/overview.svg``, which is part of ``make generated``.
"""

import sys
from pathlib import Path

import yaml

from scalelaw import PowerLaw, load_corpus
from scalelaw.corpus.records import Selection
from scalelaw.fit.curves import DIRECTIONS
from scalelaw.plotting import draw_compute_against_error, save, style
from scalelaw.plotting.figures import Panel

ROOT = Path(__file__).resolve().parents[1]


def draw(path: Path) -> None:
    """Fit the corpus as the workflow does and write the figure."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    data = ROOT / "data"
    corpus = load_corpus(
        [data / "papers.csv"],
        [data / "hardware.csv"],
        [data / "benchmarks.yaml"],
        Selection(exclude_scopes=tuple(config["corpus"]["exclude_scopes"])),
    )
    records = corpus.records
    mine = (records["benchmark"] == "imagenet") & (records["excluded"] == "")
    records = records[mine & records["flop_hardware"].notna()]
    fits = {
        name: PowerLaw(
            "flop_hardware",
            "error",
            direction,
            x_sd="compute_sd_decades",
            y_sd=config["fit"]["error_sd_decades"],
            replicates=0,
        ).fit(records, "paper")
        for name, direction in DIRECTIONS.items()
    }
    shown = records.rename(columns={"flop_hardware": "compute"})
    panel = Panel("ImageNet", "top-1 error", "hardware", shown, fits)
    with style():
        figure = draw_compute_against_error(panel, config["fit"]["level"])
        # Outlined letters are most of the file; plain ones on white read as well.
        for text in figure.axes[0].texts:
            text.set_path_effects([])
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})
        save(figure, path)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
