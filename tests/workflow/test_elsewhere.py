"""The workflow as a part of another one, and run in another folder than its own."""

import shlex
import subprocess
import sys

import yaml

from scalelaw.provenance import file_hash
from scalelaw.tables import read_result
from small_corpus import ROOT

OTHER = """
module scaling:
    snakefile:
        "{checkout}/workflow/Snakefile"
    config:
        config["scaling"]


use rule * from scaling as scaling_*


rule largest:
    default_target: True
    input:
        rules.scaling_fit_power_laws.output.exponents,
    output:
        "largest.txt",
    shell:
        "cut -d, -f1 {{input}} | sort -u > {{output}}"
"""


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout


def files_of(folder):
    """Return a hash of each file but the bytecode that importing the library leaves."""
    return {
        path: file_hash(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_another_workflow_uses_this_one_as_a_module(project, finished, tmp_path):
    local = yaml.safe_load((project.path / "config/local.yaml").read_text())
    before = files_of(project.path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "Snakefile").write_text(OTHER.format(checkout=project.path))
    settings = local | {"results": "out/scaling"}
    (other / "config.yaml").write_text(yaml.safe_dump({"scaling": settings, "mine": 1}))
    status, said = run(other, "--configfile", "config.yaml")
    assert status == 0, said
    exponents = read_result(other / "out/scaling/fits/exponents.csv")
    assert exponents.equals(read_result(finished.path / "results/fits/exponents.csv"))
    assert "imagenet" in (other / "largest.txt").read_text()
    assert files_of(project.path) == before
    status, said = run(other, "--configfile", "config.yaml", "--report", "report.html")
    assert status == 0, said
    assert "fits need at least\\n5 papers" in (other / "report.html").read_text()
    (other / "config.yaml").write_text(yaml.safe_dump({"scaling": {"benchmark": ["imagenet"]}}))
    status, said = run(other, "--configfile", "config.yaml")
    assert status != 0
    assert "benchmark: unknown key (did you mean" in said
    assert "Traceback" not in said


def test_a_run_in_another_folder_leaves_the_checkout_as_it_is(project, finished, tmp_path):
    local = project.path / "config/local.yaml"
    (tmp_path / "mine.yaml").write_text(local.read_text())
    local.unlink()
    before, folder = files_of(project.path), tmp_path / "elsewhere"
    snakefile = str(project.path / "Snakefile")
    names = ("fits/exponents.csv", "decomposition/gain_pairs.csv")
    status, said = run(
        tmp_path, *(f"results/{name}" for name in names), "--snakefile", snakefile,
        "--directory", str(folder), "--configfile", "mine.yaml",
    )  # fmt: skip
    assert status == 0, said
    assert files_of(project.path) == before
    for name in names:
        there = finished.path / "results" / name
        assert file_hash(folder / "results" / name) == file_hash(there), name


def test_pull_requests_get_problems_at_their_lines(project):
    """The command of the workflow for GitHub, with a broken row."""
    steps = yaml.safe_load((ROOT / ".github/workflows/validate.yml").read_text())
    (command,) = [
        step["run"] for step in steps["jobs"]["validate"]["steps"] if step.get("name") == "Validate"
    ]
    setup, separator, words = command.partition("./run exec scalelaw ")
    assert (setup, bool(separator)) == ("", True)
    project.edit("data/papers.csv", lambda text: text.replace("planted-3,", "planted-2,", 1))
    done = subprocess.run(
        [sys.executable, "-c", "from scalelaw.cli import main; main()", *shlex.split(words)],
        cwd=project.path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lines = (project.path / "data/papers.csv").read_text().splitlines()
    (second,) = [n for n, line in enumerate(lines, 1) if line.startswith("planted-2,")][1:]
    assert f"::error file=data/papers.csv,line={second}" in done.stdout
