"""The lowest versions that pyproject.toml allows; the lock has the highest."""

import os
import subprocess
import sys

from small_corpus import ROOT
from small_project import Project, make_project

VERSIONED = {".svg", ".png", ".pdf", ".parquet", ".html"}
"""Files that hold the versions of what wrote them."""


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
