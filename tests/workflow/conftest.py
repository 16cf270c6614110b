"""What tests of the workflow have beside a finished run."""

from pathlib import Path

import pytest

from small_project import Project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """Return a copy of the finished project that a test may change."""
    return finished.copy(tmp_path / "copy")
