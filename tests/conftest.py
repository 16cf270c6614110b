"""Fixtures of all tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_corpus import BENCHMARKS, DEVICES, ROW, write_hardware, write_papers


@pytest.fixture
def corpus_files(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that writes a corpus with given rows and gives the paths to load it."""

    def write(*rows: dict[str, str]) -> dict[str, Any]:
        papers = write_papers(tmp_path / "papers.csv", list(rows) or [ROW])
        hardware = write_hardware(tmp_path / "hardware.csv", DEVICES)
        benchmarks = tmp_path / "benchmarks.yaml"
        benchmarks.write_text(BENCHMARKS)
        return {"papers": [papers], "hardware": [hardware], "benchmarks": [benchmarks]}

    return write
