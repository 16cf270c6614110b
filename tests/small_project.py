"""A copy of the project with a small corpus, and what a run of it gave."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scalelaw.provenance import file_hash
from small_corpus import (
    BENCHMARKS,
    DEVICES,
    ROOT,
    ROW,
    planted_rows,
    write_costs,
    write_hardware,
    write_papers,
)

PARTS = ["Snakefile", "workflow", "src", "config", "profiles", "environment.yml", "CITATION.cff"]


@dataclass
class Project:
    """A checkout with results."""

    path: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake there and return what it said, both streams in ``stdout``."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    def copy(self, path: Path) -> "Project":
        """Return a copy in a folder that is not there yet."""
        shutil.copytree(self.path, path, symlinks=True)
        return Project(path)

    def hashes(self, folder: str = "") -> dict[str, str]:
        """Return a hash of each result but logs and timings."""
        root = self.path / "results"
        return {
            path.relative_to(root).as_posix(): file_hash(path)
            for path in sorted((root / folder).rglob("*"))
            if path.is_file() and path.relative_to(root).parts[0] not in ("logs", "benchmarks")
        }

    def planned(self) -> set[str]:
        """Return the rules that a run would execute, apart from those that only collect files."""
        said = self.snakemake("--dry-run", "--quiet", "host").stdout
        rules = {
            words[0]
            for line in said.splitlines()
            if line[-1:].isdigit() and (words := line.split())
        }
        return {rule for rule in rules if (self.path / f"workflow/scripts/{rule}.py").exists()}

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change a file's text."""
        path = self.path / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def other_rows(n: int = 10) -> list[dict[str, str]]:
    """Records of a second benchmark, too few papers of which have compute."""
    return [
        ROW
        | {
            "record_id": f"other-{i}",
            "paper": f"paper{i % 4}",
            "model": f"Detector {i}",
            "benchmark": "other",
            "metric": "ap",
            "value": str(30 + i),
            "date": f"201{3 + i % 7}-05",
            "training_hours": str(10 * (i + 1)),
        }
        for i in range(n)
    ]


def make_project(path: Path) -> Project:
    """Copy the project, replace its corpus, and set a configuration for it."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "local.yaml")
            shutil.copytree(source, path / part, ignore=ignore)
        else:
            shutil.copy(source, path / part)
    data = path / "data"
    data.mkdir()
    write_papers(data / "papers.csv", planted_rows())
    write_papers(data / "mine.csv", other_rows())
    write_hardware(data / "hardware.csv", DEVICES)
    (data / "benchmarks.yaml").write_text(BENCHMARKS)
    write_costs(data)
    for name in ("claims.yaml", "forecasts.yaml"):
        shutil.copy(ROOT / "data" / name, data / name)
    overlay: dict[str, dict[str, Any]] = {
        "corpus": {"extra": ["data/mine.csv"]},
        "benchmarks": ["imagenet", "other"],
        "fit": {"bootstrap_replicates": 200},
        "decompose": {"pairs": [["planted-0", "planted-15"]]},
        "theory": {
            "variables": 40,
            "relevant": 5,
            "noise_sds": [0.5],
            "sample_sizes": [30, 100, 1000, 10000],
            "replicates": 3,
            "growing_sizes": [],
        },
        "forecast": {"draws": 200, "backtest_draws": 100, "min_papers": 4},
        "cost": {"device": "V100", "home_device": "V100", "year": 2020, "places": ["World"]},
    }
    overlay["multiverse"] = {
        "bases": ["hardware", "best"],
        "samples": ["all", "best_per_paper", "confident"],
        "until": [2016],
        "leave_out": 1,
        "replicates": 100,
        "chunks": 2,
    }
    (path / "config/local.yaml").write_text(yaml.safe_dump(overlay))
    return Project(path)
