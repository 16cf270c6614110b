"""A short run of the fuzzer finds nothing, and the fuzzer finds what is there."""

import os
import platform
import subprocess
import sys

import pytest

from small_corpus import ROOT

# As the marker of the dependency in pyproject.toml.
built = (
    sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info[:2] < (3, 14)
)
pytestmark = pytest.mark.skipif(not built, reason="atheris is not built for this system")


def fuzz(keep, seconds, *options, **environment):
    return subprocess.run(
        [
            sys.executable, ROOT / "benchmarks/fuzz.py", "--keep", keep,
            "--seconds", str(seconds), *options,
        ],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_a_short_run_finds_nothing(tmp_path):
    run = fuzz(tmp_path / "kept", 15)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing broke" in run.stdout
    assert not (tmp_path / "kept").exists()


def test_a_reader_that_breaks_is_found_and_its_input_kept(tmp_path):
    """Python loads a module first that makes the reader of YAML break at a tag."""
    (tmp_path / "sitecustomize.py").write_text(
        "import scalelaw.inputs as inputs\n"
        "def broken(path, most=0):\n"
        "    if b'!!' in path.read_bytes():\n"
        "        raise ZeroDivisionError\n"
        "inputs.check_input = broken\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    run = fuzz(tmp_path / "kept", 30, "--only", "benchmarks", PYTHONPATH=path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "ZeroDivisionError" in run.stdout
    assert len(list((tmp_path / "kept").iterdir())) == 1
