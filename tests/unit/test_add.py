"""Adding a record by answering questions."""

import pytest

from scalelaw.cli import main
from scalelaw.corpus import load_corpus
from scalelaw.corpus.add import add_record, open_corpus
from scalelaw.corpus.schema import PAPERS
from scalelaw.errors import ScalelawError
from scalelaw.fit import PowerLaw
from small_corpus import ROW, write_csv

NEW = ROW | {"record_id": "new", "model": "New, improved", "value": "30.1", "note": 'a "quote"'}


@pytest.fixture
def corpus(corpus_files):
    files = corpus_files(ROW)
    return open_corpus(files["papers"][0], files["hardware"], files["benchmarks"]), files


def answering(cells, last="y"):
    """Return an `ask` that answers each question by its column, several answers in turn."""
    waiting = {
        name: list(cell) if isinstance(cell, list) else [cell] for name, cell in cells.items()
    }

    def ask(question):
        name = question.split(":")[0].split(",")[0].split(" ")[0]
        if name not in {column.name for column in PAPERS}:
            return last
        return waiting[name].pop(0) if waiting.get(name) else ""

    return ask


def test_a_good_record_is_appended_and_loads(corpus, tmp_path):
    opened, files = corpus
    said = []
    assert add_record(opened, tmp_path, answering(NEW), said.append)
    records = load_corpus(**files).records
    assert records["record_id"].tolist() == ["alexnet", "new"]
    assert records["model"].tolist()[1] == "New, improved"
    assert records["note"].tolist()[1] == 'a "quote"'
    assert "hardware basis: 1.64e+18 FLOP" in said
    assert said[-1] == f"Added as {opened.papers}:3."


def test_a_file_that_is_not_there_is_made_with_its_header(corpus, tmp_path):
    _, files = corpus
    mine = tmp_path / "mine.csv"
    opened = open_corpus(mine, files["hardware"], files["benchmarks"])
    said = []
    assert add_record(opened, tmp_path, answering(NEW), said.append)
    assert said[-1] == f"Added as {mine}:2."
    assert mine.read_text().splitlines()[0] == ",".join(column.name for column in PAPERS)
    alone = load_corpus(**files | {"papers": [mine]}).records
    assert alone["record_id"].tolist() == ["new"]
    # Nothing is made of a record that is not wanted.
    mine.unlink()
    opened = open_corpus(mine, files["hardware"], files["benchmarks"])
    assert not add_record(opened, tmp_path, answering(NEW, last="n"), said.append)
    assert not mine.exists()


def test_a_bad_answer_is_asked_again(corpus, tmp_path):
    opened, _ = corpus
    said = []
    answers = NEW | {
        "value": ["thirty", "30.1"],
        "hardware": ["GTX 850", "GTX 580"],
        "benchmark": ["imagnet", "imagenet"],
        "title": ["", "A title"],
    }
    assert add_record(opened, tmp_path, answering(answers), said.append)
    text = "\n".join(said)
    assert '"thirty" is not a positive number (write digits' in text
    assert 'unknown device "GTX 850" (did you mean "GTX 580"?)' in text
    assert 'unknown benchmark "imagnet" (did you mean "imagenet"?)' in text
    assert "the cell is empty (this column is required)" in text


@pytest.mark.parametrize(
    ("cells", "last", "expected"),
    [
        ({"record_id": "alexnet"}, "y", '"alexnet" is already used'),
        ({"value": "140"}, "y", "outside 0 to 1"),
        ({}, "n", "Not added. The row was:\nnew,"),
        ({"training_hours": "9000"}, "", "more than a year"),
    ],
)
def test_nothing_is_appended_but_shown(corpus, tmp_path, cells, last, expected):
    opened, _ = corpus
    before = opened.papers.read_bytes()
    said = []
    assert not add_record(opened, tmp_path, answering(NEW | cells, last), said.append)
    assert opened.papers.read_bytes() == before
    assert expected in "\n".join(said)


def test_only_columns_that_the_file_has_are_asked_for(corpus, tmp_path):
    opened, files = corpus
    asked = []

    def ask(question):
        asked.append(question.split(",")[0].split(":")[0].split(" ")[0])
        return answering(NEW | {"params": "6e7"})(question)

    lines = opened.papers.read_text().splitlines()
    names = lines[0].split(",")
    write_csv(opened.papers, [name for name in names if name not in ("params", "waived")], [ROW])
    opened = open_corpus(opened.papers, files["hardware"], files["benchmarks"])
    said = []
    assert add_record(opened, tmp_path, ask, said.append)
    assert "params" not in asked
    assert "epochs" in asked
    assert f"{opened.papers} has no column for these (add it to be asked): params" in said
    assert load_corpus(**files).records["record_id"].tolist() == ["alexnet", "new"]


def test_what_was_typed_is_shown_where_it_cannot_be_written(corpus, tmp_path):
    opened, _ = corpus
    said = []

    def ask(question):
        if question.startswith("Append"):
            opened.papers.write_text("record_id\n")
        return answering(NEW)(question)

    with pytest.raises(ScalelawError, match="no such column"):
        add_record(opened, tmp_path, ask, said.append)
    assert said[-1].startswith("Not added. The row was:\nnew,")


def test_a_warning_can_be_overruled(corpus, tmp_path):
    opened, _ = corpus
    assert add_record(opened, tmp_path, answering(NEW | {"training_hours": "9000"}), lambda _: None)


def test_the_place_against_the_fit_is_shown(corpus, tmp_path):
    opened, _ = corpus
    import pandas as pd

    data = pd.DataFrame(
        {"compute": [1e16, 3e17, 1e19, 4e19, 1e21, 3e22], "error": [0.4, 0.3, 0.2, 0.15, 0.1, 0.06],
         "paper": list("abcdef")}
    )  # fmt: skip
    law = PowerLaw("compute", "error", "x_on_y", replicates=0).fit(data, "paper")
    (tmp_path / "imagenet.hardware.compute_on_error.json").write_text(law.to_json())
    said = []
    add_record(opened, tmp_path, answering(NEW), said.append)
    expected = law.predict_x(0.301)["compute"][0]
    assert any(f"the fit expects {expected:.3g} at this error" in line for line in said)


def test_a_corpus_with_errors_is_to_be_mended_first(corpus):
    opened, files = corpus
    opened.papers.write_text(opened.papers.read_text() + "half,a row\n")
    with pytest.raises(ScalelawError, match="mend these first"):
        open_corpus(opened.papers, files["hardware"], files["benchmarks"])


def test_leaving_changes_nothing(corpus, monkeypatch, capsys):
    opened, files = corpus
    before = opened.papers.read_bytes()

    def leave(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", leave)
    words = ["add", "--papers", str(opened.papers), "--hardware", str(files["hardware"][0])]
    assert main([*words, "--benchmarks", str(files["benchmarks"][0])]) == 1
    assert opened.papers.read_bytes() == before
    assert "nothing was changed" in capsys.readouterr().err
