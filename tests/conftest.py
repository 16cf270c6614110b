"""Fixtures of all tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_corpus import BENCHMARKS, DEVICES, ROW, write_hardware, write_papers
from small_project import Project, make_project

LONGEST_FIRST = ("cluster", "workflow", "browser", "honesty", "hostile")
"""Folders in the order in which they run, so that workers side by side end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests by the time that their folders take."""
    last = len(LONGEST_FIRST)
    order = {folder: rank for rank, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, last))


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project after a full run; tests may not change it."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    run = project.snakemake()
    assert run.returncode == 0, run.stdout
    return project
