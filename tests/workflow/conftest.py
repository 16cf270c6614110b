"""A copy of the project with a small corpus, run once for all tests that only look."""

import shutil
from pathlib import Path

import pytest

from small_project import Project, make_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project after a full run; tests may not change it."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    run = project.snakemake()
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """Return a copy of the finished project that a test may change."""
    path = tmp_path / "copy"
    shutil.copytree(finished.path, path, symlinks=True)
    return Project(path)
