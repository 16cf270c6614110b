"""The same bytes in other surroundings: places, names, languages, clocks, and users."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scalelaw.provenance import file_hash
from small_project import Project, make_project

NOBODY = 65534


def run(project, environment, **settings):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300,
        **settings,
    )


def bare(**variables):
    """Return an environment without HOME, locale and terminal."""
    return {"PATH": os.environ["PATH"], **variables}


@pytest.mark.parametrize(
    ("folder", "environment"),
    [
        pytest.param(
            "Grüße (an 東京) & co",
            bare(LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7", TZ="Asia/Kathmandu"),
            id="a name with spaces, Turkish, another hash seed and time zone, no HOME",
        ),
        pytest.param(
            "plain",
            bare(LC_ALL="C", PYTHONHASHSEED="1", TZ="America/St_Johns", PYTHONUTF8="0",
                 PYTHONCOERCECLOCALE="0", MPLCONFIGDIR="/nonexistent", HOME="/nonexistent"),
            id="locale C without UTF-8, a HOME that is not there, no fonts remembered",
        ),
    ],
)  # fmt: skip
def test_surroundings_change_no_byte(finished, tmp_path, folder, environment):
    (tmp_path / folder).mkdir()
    project = make_project(tmp_path / folder)
    done = run(project, environment)
    assert done.returncode == 0, done.stdout
    assert project.hashes() == finished.hashes()


@pytest.fixture
def readable(finished, tmp_path_factory):
    """Return a copy of the project that nobody may write to."""
    path = tmp_path_factory.mktemp("read-only") / "project"
    project = make_project(path_made(path))
    for place in [path, *path.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
    # Folders of pytest are its user's alone.
    for above in path.parents:
        if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
    yield project
    for place in [path, *path.rglob("*")]:
        place.chmod(0o755 if place.is_dir() else 0o644)


def path_made(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_source_tree_that_cannot_be_written_will_do(finished, readable, tmp_path):
    """Run in a folder of one's own; as nobody where root, whom no permission stops, runs tests."""
    place = tmp_path / "mine"
    place.mkdir()
    shutil.copytree(readable.path / "data", place / "data")
    overlay = place / "mine.yaml"
    shutil.copy(readable.path / "config/local.yaml", overlay)
    mine = Project(place)
    command = ["--snakefile", str(readable.path / "Snakefile"), "--configfile", str(overlay)]
    settings = {}
    if os.getuid() == 0:
        settings = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for file in [place, *place.rglob("*")]:
            os.chown(file, NOBODY, NOBODY)
        for above in place.parents:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *command],
        cwd=place, env=bare(HOME=str(place)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, **settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for name in ("fits/exponents.csv", "multiverse/specifications.parquet"):
        assert file_hash(mine.path / "results" / name) == finished.hashes()[name]
    assert not list(readable.path.rglob("__pycache__"))
