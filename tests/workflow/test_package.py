"""The wheel outside the repository, as its users have it, and questions to a finished run."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from scalelaw.cli import main
from scalelaw.provenance import file_hash
from small_corpus import ROOT, ROW, planted_rows, write_papers

SMALL = {
    "fit": {"bootstrap_replicates": 100},
    "theory": {
        "variables": 40,
        "relevant": 5,
        "noise_sds": [0.5],
        "sample_sizes": [30, 100, 1000],
        "replicates": 2,
        "growing_sizes": [],
    },
    "forecast": {"draws": 200, "backtest_draws": 100, "min_papers": 4},
    "multiverse": {
        "bases": ["hardware"],
        "samples": ["all"],
        "until": [],
        "leave_out": 1,
        "replicates": 100,
        "chunks": 1,
    },
}


def hashes(folder: Path) -> dict[str, str]:
    """Return a hash of each file but compiled ones."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return a wheel that was built by way of a source distribution from a copy."""
    copy = tmp_path_factory.mktemp("copy")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        # Not a clone: all but what an unpacked archive cannot hold.
        skipped = shutil.ignore_patterns("results", ".snakemake", ".venv", "__pycache__", "dist")
        shutil.copytree(ROOT, copy, dirs_exist_ok=True, ignore=skipped)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    # What is somebody's own stays out.
    (copy / "config/local.yaml").write_text("seed: 1\n")
    (copy / "mine.csv").write_text("flop,error\n")
    run = subprocess.run(
        ["uv", "build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable],
        cwd=copy, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a folder with the installed package."""
    target = tmp_path_factory.mktemp("installed")
    run = subprocess.run(
        ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", sys.executable,
         "--target", str(target), str(wheel)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return target


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """Return a folder outside the repository."""
    folder = tmp_path_factory.mktemp("away")
    write_papers(folder / "mine.csv", planted_rows())
    write_papers(folder / "bad.csv", [ROW | {"hardware": "abacus"}])
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    rows = [f"{10.0 ** (16 + i)},{0.4 * 0.8**i + 0.004 * (i % 3)},{i // 2}" for i in range(10)]
    (folder / "runs.csv").write_text("\n".join(["flop,error,paper", *rows]) + "\n")
    return folder


@pytest.fixture
def scalelaw(installed, away):
    """Return a function that runs the installed command there."""

    def run(*words, expected=0):
        done = subprocess.run(
            [sys.executable, "-m", "scalelaw", *words],
            cwd=away,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run


def test_the_wheel_holds_workflow_data_and_licences(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    within = {
        name.removeprefix("scalelaw/project/")
        for name in names
        if name.startswith("scalelaw/project/")
    }
    wanted = {
        path.relative_to(ROOT).as_posix()
        for part in ("workflow", "data", "profiles")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {"Snakefile", "LICENSE", "CITATION.cff", "environment.yml", "config/config.yaml"}
    assert within == wanted | {"config/README.md"}
    assert "data/SOURCES.md" in within
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert {"scalelaw/report/explorer.js", "scalelaw/__main__.py"} <= names
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"scalelaw"}


def test_the_source_distribution_holds_the_project_and_nothing_else(wheel):
    (path,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "config/local.yaml" not in names
    assert "mine.csv" not in names
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\0")
    assert set(filter(None, tracked)) <= names
    assert {"PKG-INFO", "src/scalelaw/__init__.py", "tests/workflow/test_package.py"} <= names


def test_commands_work_from_the_wheel(scalelaw, installed):
    assert scalelaw("--version").startswith("scalelaw ")
    found = {one["what"]: one for one in json.loads(scalelaw("doctor", "--json"))}
    assert found["scalelaw"]["found"].endswith(str(installed / "scalelaw"))
    assert found["workflow and data"]["found"] == str(installed / "scalelaw/project")
    assert found["results"]["state"] == "optional"
    assert "errors in both" in scalelaw("fit", "runs.csv", "--x", "flop", "--y", "error")
    assert "16 record(s)" in scalelaw("validate", "mine.csv")
    assert 'unknown hardware "abacus"' in scalelaw("validate", "bad.csv", expected=1)


def test_a_report_is_made_outside_the_repository(scalelaw, installed, away):
    before, data = hashes(installed), hashes(ROOT / "data")
    scalelaw("report", "--corpus", "bad.csv", "--only", expected=1)
    assert not (away / "scalelaw-report").exists()
    words = ["report", "--corpus", "mine.csv", "--only", "--config", "small.yaml"]
    said = scalelaw(*words)
    report = away / "scalelaw-report/results/report.html"
    assert said.splitlines()[-1] == "scalelaw-report/results/report.html"
    table = pd.read_csv(away / "scalelaw-report/results/fits/exponents.csv")
    mine = table[(table["benchmark"] == "imagenet") & (table["basis"] == "hardware")]
    assert mine["exponent"].tolist() == pytest.approx([8.0] * 3, abs=1e-9)
    assert mine["n_records"].tolist() == [16.0] * 3

    # A second run redoes nothing, and says so.
    written = report.stat().st_mtime_ns
    assert scalelaw(*words).splitlines()[1:] == [
        "nothing had changed: the results are those of the last run",
        "scalelaw-report/results/report.html",
    ]
    assert scalelaw(*words, "--quiet") == "scalelaw-report/results/report.html\n"
    assert report.stat().st_mtime_ns == written
    log = (away / "scalelaw-report/snakemake.log").read_text()
    assert "Nothing to be done" in log

    answer = scalelaw("decompose", "planted-0", "planted-15")
    assert re.search(r"^total +[\d,.e+]+ +100%$", answer, re.MULTILINE)
    question = ["afford", "--benchmark", "imagenet", "--error", "9%"]
    assert "US$" in (said := scalelaw(*question))
    assert scalelaw(*question, "--results", "scalelaw-report") == said
    assert "results are as the run left them" in scalelaw("verify", "scalelaw-report")
    assert hashes(installed) == before
    assert hashes(ROOT / "data") == data


def test_a_run_that_fails_says_why(scalelaw, away):
    settings = SMALL | {"decompose": {"pairs": [["planted-0", "nobody"]]}}
    (away / "failing.yaml").write_text(yaml.safe_dump(settings))
    done = scalelaw("report", "--corpus", "mine.csv", "--only", "--config", "failing.yaml",
                    "--output", "failing", expected=1)  # fmt: skip
    assert done == "16 records are fine; making the results in failing\n"
    assert '"nobody"' in (away / "failing/snakemake.log").read_text()


def test_a_pair_and_the_trends_of_a_run(finished, capsys):
    at = ["--results", str(finished.path / "results")]
    assert main(["decompose", "planted-0", "Model 15", *at, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    table = pd.read_csv(finished.path / "results/decomposition/gain_pairs.csv")
    for effect, parts in answer["gain"].items():
        mine = table[table["effect"] == effect].set_index("component")
        for name in ("hardware", "scale", "algorithms"):
            for key in ("share", "share_lower", "share_upper", "points"):
                assert parts[name][key] == pytest.approx(mine.loc[name, key], rel=1e-9)
    assert len(answer["gain"]) == table["effect"].nunique()
    assert main(["decompose", *at, "--json"]) == 0
    trends = json.loads(capsys.readouterr().out)
    assert set(trends) == {"imagenet", "other"}
    parts = trends["imagenet"]["compute"]
    assert parts["hardware"]["share"] + parts["scale"]["share"] == pytest.approx(1)
    assert main(["decompose", *at]) == 0
    assert re.search(r"^imagenet .*%", capsys.readouterr().out, re.MULTILINE)


def test_the_doctor_looks_at_the_results(finished, capsys):
    assert main(["doctor", "--json", "--results", str(finished.path / "results")]) == 0
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["results"]["state"] == "ok"
