"""The lowest versions that pyproject.toml allows, and a newer Python; the lock has the highest."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import debian_root
from small_corpus import ROOT
from small_project import Project, make_project

VERSIONED = {".svg", ".png", ".pdf", ".parquet", ".html"}
"""Files that hold the versions of what wrote them."""

DEBIAN = "trixie"
"""A stable Debian, so that its Python stays what it is."""


def test_the_lowest_versions_give_the_same_tables(finished, tmp_path):
    python = tmp_path / "venv/bin/python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True
    )
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", str(python), "--resolution", "lowest-direct",
         "-r", str(ROOT / "pyproject.toml")],
        check=True, timeout=300, env={**os.environ, "UV_SYSTEM_CERTS": "1"},
    )  # fmt: skip
    (tmp_path / "project").mkdir()
    project: Project = make_project(tmp_path / "project")
    done = subprocess.run(
        [str(python), "-m", "snakemake", "--cores", "2"],
        cwd=project.path,
        env={"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout

    def tables(results):
        return {
            name: digest
            for name, digest in results.hashes().items()
            if not any(name.endswith(kind) for kind in VERSIONED) and name != "manifest.json"
        }

    assert tables(project) == tables(finished)
    assert len(tables(finished)) > 20


@pytest.fixture
def debian(tmp_path):
    """Return a folder with a newer Debian."""
    root = tmp_path / "debian"
    debian_root.make(root, DEBIAN)
    yield root
    shutil.rmtree(root)


@pytest.mark.skipif(debian_root.obstacle() is not None, reason=debian_root.obstacle() or "")
def test_a_newer_python_gives_the_same_bytes(finished, debian, tmp_path):
    path = tmp_path / "project"
    path.mkdir()
    project = make_project(path)
    shutil.copy(ROOT / "requirements.lock", path)

    def run(*command, **environment):
        return debian_root.run_in(debian, path, *command, **environment)

    uv = ["/usr/local/bin/uv", "--quiet"]
    run(*uv, "venv", "/opt/venv")
    run(
        *uv,
        "pip",
        "install",
        "--python",
        "/opt/venv",
        "--require-hashes",
        "-r",
        "requirements.lock",
        SSL_CERT_FILE=f"/{debian_root.CERTIFICATES}",
    )
    run("/opt/venv/bin/python", "-m", "snakemake", "--cores", "2")
    versions = json.loads((path / "results/manifest.json").read_text())["versions"]
    assert tuple(map(int, versions["python"].split(".")[:2])) > sys.version_info[:2]
    told = ("manifest.json", "report.html")  # which say the version of Python
    assert project.hashes() | dict.fromkeys(told) == finished.hashes() | dict.fromkeys(told)
