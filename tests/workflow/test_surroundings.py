"""The same bytes in other surroundings: places, names, languages, clocks, and users."""

import os
import shutil
import subprocess
import sys

import pytest

from memory_limit import POSSIBLE, limit
from scalelaw.provenance import file_hash
from small_project import Project, make_project


def run(project, environment, *arguments, before=()):
    return subprocess.run(
        [*before, sys.executable, "-m", "snakemake", *arguments],
        cwd=project.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300,
    )


def bare(**variables):
    """Return an environment without HOME, locale and terminal."""
    return {"PATH": os.environ["PATH"], **variables}


@pytest.fixture
def unforked(tmp_path):
    """Return a folder with which Python starts processes as on macOS, and from 3.14 on."""
    (tmp_path / "sitecustomize.py").write_text(
        "import multiprocessing\nmultiprocessing.set_start_method('forkserver')\n"
    )
    return str(tmp_path)


def test_name_language_hash_seed_and_start_of_processes_change_no_byte(
    finished, unforked, tmp_path
):
    path = tmp_path / "Grüße (an 東京) & co"
    path.mkdir()
    project = make_project(path)
    surroundings = bare(
        LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7", TZ="Asia/Kathmandu", PYTHONPATH=unforked
    )
    done = run(project, surroundings, "--cores", "2")
    assert done.returncode == 0, done.stdout
    assert project.hashes() == finished.hashes()


def test_locale_time_zone_one_core_and_a_home_that_is_not_there_change_no_byte(finished, tmp_path):
    project = make_project(tmp_path)
    surroundings = bare(
        LC_ALL="C", PYTHONHASHSEED="1", TZ="America/St_Johns", PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0", MPLCONFIGDIR="/nonexistent", HOME="/nonexistent",
    )  # fmt: skip
    done = run(project, surroundings, "--cores", "1")
    assert done.returncode == 0, done.stdout
    assert project.hashes() == finished.hashes()


@pytest.fixture
def read_only(finished):
    """Return words before a command that let it see the finished project as read-only.

    Permissions do that for anybody but root; for root the folder is mounted again, in a space of
    mounts that ends with the command.
    """
    path = finished.path
    if os.getuid() == 0:
        mount = f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"
        yield ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
        return
    places = [path, *path.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(modes[place] & ~0o222)
    yield []
    for place, mode in modes.items():
        place.chmod(mode)


def test_a_source_tree_that_cannot_be_written_will_do(finished, read_only, tmp_path):
    (tmp_path / "mine.yaml").write_text((finished.path / "config/local.yaml").read_text())
    shutil.copytree(finished.path / "data", tmp_path / "data")
    assert subprocess.run([*read_only, "touch", str(finished.path / "new")]).returncode
    snakefile = str(finished.path / "Snakefile")
    command = ["--cores", "2", "--snakefile", snakefile, "--configfile", "mine.yaml"]
    mine = Project(tmp_path)
    done = run(mine, bare(), *command, before=read_only)
    assert done.returncode == 0, done.stdout
    for name in ("fits/exponents.csv", "multiverse/specifications.parquet"):
        assert file_hash(tmp_path / "results" / name) == finished.hashes()[name]


@pytest.mark.skipif(not POSSIBLE, reason="needs root and control groups of version 1")
def test_512_mib_of_memory_are_enough_on_one_core(finished, tmp_path):
    project = make_project(tmp_path)
    with limit(512) as group:
        done = run(project, bare(), "--cores", "1", before=group.before)
        assert done.returncode == 0, done.stdout
        assert group.kills() == 0
        assert group.peak_mib() > 100  # or else the limit was not on it
    assert project.hashes() == finished.hashes()
