"""Manifests of results, and results held against them."""

import json

import pytest

from scalelaw.cli import main
from scalelaw.errors import ScalelawError
from scalelaw.manifest import NAME, Manifest, verify


@pytest.fixture
def run(tmp_path):
    """Return a folder with an input and results, whose manifest is written."""
    results = tmp_path / "results"
    for name in ("a.csv", "deep/b.json", "logs/a.log"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(name)
    (tmp_path / "papers.csv").write_text("rows")
    outputs = [results / "a.csv", results / "deep"]
    made = Manifest.of(results, outputs, [tmp_path / "papers.csv"], {"seed": 1})
    made.write(results / NAME)
    return results


def test_a_manifest_holds_hashes_of_inputs_and_of_every_file_in_folders(run):
    manifest = Manifest.read(run)
    assert manifest.settings == {"seed": 1}
    # sha256 of "a.csv", by the command of that name.
    assert manifest.outputs == {
        "a.csv": "32f29f33d51165a6808e62cc3dfe85d090bc7521591fa6b6f829f061402704dc",
        "deep/b.json": manifest.outputs["deep/b.json"],
    }
    assert [path.rpartition("/")[2] for path in manifest.inputs] == ["papers.csv"]
    assert {"python", "numpy", "scalelaw"} <= set(manifest.versions)


def test_results_as_they_were_are_whole(run):
    assert verify(run).whole
    assert verify(run).inputs_changed == []


def test_what_differs_is_named(run, tmp_path):
    (run / "a.csv").write_text("b.csv")
    (run / "deep/b.json").unlink()
    (run / "deep/c.json").write_text("")
    (run / "logs/other.log").write_text("")
    (tmp_path / "papers.csv").write_text("other rows")
    found = verify(run)
    assert (found.changed, found.missing, found.unknown) == (
        ["a.csv"], ["deep/b.json"], ["deep/c.json"]
    )  # fmt: skip
    assert not found.whole
    assert [path.rpartition("/")[2] for path in found.inputs_changed] == ["papers.csv"]
    (tmp_path / "papers.csv").unlink()
    assert len(verify(run).inputs_missing) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "Expecting value"),
        ("[]", "indices must be"),
        ('{"outputs": {}}', "it has no 'settings'"),
        ('{"settings": 1}', "not iterable"),
    ],
)
def test_a_damaged_manifest_says_so(run, content, why):
    (run / NAME).write_text(content)
    with pytest.raises(
        ScalelawError, match=rf"manifest\.json: damaged: .*{why}.* \(run `snakemake` or"
    ):
        verify(run)
    (run / NAME).unlink()
    with pytest.raises(ScalelawError, match="is not there"):
        verify(run)


def test_the_same_results_give_the_same_bytes(run):
    before = (run / NAME).read_bytes()
    Manifest.read(run).write(run / NAME)
    assert (run / NAME).read_bytes() == before
    assert json.loads(before)["settings"] == {"seed": 1}


def test_the_command_says_what_differs(run, tmp_path, capsys):
    assert main(["verify", str(run)]) == 0
    assert capsys.readouterr().out == "2 results are as the run left them\n"
    (tmp_path / "papers.csv").write_text("other rows")
    assert main(["verify", str(run)]) == 0
    assert "papers.csv: this input has changed since" in capsys.readouterr().out
    (run / "a.csv").write_text("")
    assert main(["verify", str(run), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["changed"] == ["a.csv"]
    # The folder around it, as of a report, will do.
    assert main(["verify", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["changed"] == ["a.csv"]
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert "is not there (run `snakemake` or" in capsys.readouterr().err
