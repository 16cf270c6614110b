"""Tasks from the command line: the same work, errors without tracebacks."""

import json
import shlex

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from scalelaw import tasks
from scalelaw.cli import main
from scalelaw.tables import PROSE, read_records
from small_corpus import ROW, planted_rows

CHECKED = ("records", "parquet", "excluded", "problems", "waived")


@pytest.fixture
def settings(corpus_files, tmp_path):
    files = corpus_files(*planted_rows())
    out = {name: tmp_path / f"{name}.csv" for name in CHECKED}
    return {
        **files,
        "analyse": ["imagenet"],
        "bases": ["best"],
        "exclude_scopes": ["search"],
        **out,
    }


def test_the_log_starts_with_a_command_that_does_the_same(settings, tmp_path):
    log = tmp_path / "log.txt"
    assert tasks.run("check_corpus", log, **settings) == 0
    first = settings["records"].read_bytes()
    command = shlex.split(log.read_text().splitlines()[0].removeprefix("$ "))
    settings["records"].unlink()
    assert command[0] == "scalelaw"
    assert main(command[1:]) == 0
    assert settings["records"].read_bytes() == first


@pytest.mark.parametrize("name", tasks.NAMES)
def test_every_task_has_a_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["task", name.replace("_", "-"), "--help"])
    assert stopped.value.code == 0
    assert "--" in capsys.readouterr().out


def test_a_users_mistake_ends_in_a_message_and_status_1(settings, corpus_files, tmp_path, capsys):
    corpus_files(ROW | {"value": "x"})
    log = tmp_path / "log.txt"
    assert tasks.run("check_corpus", log, **settings) == 1
    shown = capsys.readouterr().err
    assert "papers.csv:2: value: error" in shown
    assert "1 error(s), 0 warning(s)" in shown
    assert "Traceback" not in shown
    assert shown.strip().splitlines()[-1] in log.read_text()


def test_a_benchmark_that_nobody_defined_is_a_clear_error(settings, capsys):
    assert tasks.run("check_corpus", None, **settings | {"analyse": ["imagent"]}) == 1
    assert '"imagent" is not defined (did you mean "imagenet"?)' in capsys.readouterr().err


def test_any_other_error_leaves_its_traceback_in_the_log(settings, tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(ValueError, match="isoformat"):
        tasks.run("check_corpus", log, **settings | {"today": "soon"})
    assert "Traceback" in log.read_text()


def test_a_task_makes_the_folders_it_writes_to(settings, tmp_path):
    records = tmp_path / "no/folder/yet.csv"
    assert tasks.run("check_corpus", None, **settings | {"records": records}) == 0
    assert records.is_file()


@pytest.fixture
def validate(settings, capsys):
    """Return a function that validates the corpus file and gives status and output."""
    papers, hardware, benchmarks = (
        str(settings[kind][0]) for kind in ("papers", "hardware", "benchmarks")
    )

    def run(*arguments, file=papers):
        words = ["validate", file, "--hardware", hardware, "--benchmarks", benchmarks, *arguments]
        return main(words), capsys.readouterr().out

    return run


def test_a_good_file_validates(validate):
    status, out = validate()
    assert (status, out) == (0, "0 error(s), 0 warning(s)\n16 records, 0 warning(s) waived\n")


def test_errors_are_status_1_and_unreadable_files_2(validate, corpus_files):
    corpus_files(ROW | {"hardware": "abacus"})
    status, out = validate()
    assert status == 1
    assert 'papers.csv:2: hardware: error: unknown hardware "abacus"' in out
    assert validate(file="nowhere.csv")[0] == 2


def test_warnings_fail_only_if_asked(validate, corpus_files):
    corpus_files(ROW | {"training_hours": "9000"})
    assert validate()[0] == 0
    assert validate("--strict")[0] == 1


def test_problems_come_as_json(validate, corpus_files):
    corpus_files(ROW | {"hardware": "abacus"})
    status, out = validate("--format", "json")
    (problem,) = json.loads(out)
    assert status == 1
    assert (problem["line"], problem["column"], problem["check"]) == (
        2,
        "hardware",
        "unknown-hardware",
    )


def test_problems_come_as_annotations(validate, corpus_files):
    corpus_files(ROW | {"training_hours": "50%\nof"})
    status, out = validate("--format", "github")
    assert status == 1
    (line,) = out.splitlines()
    assert line.startswith("::error file=")
    assert ",line=2,title=bad-cell::training_hours: " in line
    assert "50%25\\nof" in line


def test_parquet_holds_the_same_records_with_types(settings):
    tasks.run("check_corpus", None, **settings)
    stored = pd.read_parquet(settings["parquet"])
    assert_frame_equal(stored, read_records(settings["records"], prose=True), check_dtype=False)
    assert stored["flop_hardware"].dtype == "float64"


def test_tables_come_back_as_they_were_written(settings):
    tasks.run("check_corpus", None, **settings)
    records = read_records(settings["records"])
    assert records["flop_hardware"].tolist() == pytest.approx(
        [1e12 / (0.4 * 0.92**i) ** 8 for i in range(16)], rel=1e-12
    )
    assert records["excluded"].tolist() == [""] * 16
    assert records["flop_operations"].isna().all()


def test_prose_is_read_only_if_wanted(settings):
    tasks.run("check_corpus", None, **settings)
    whole, short = (read_records(settings["records"], prose) for prose in (True, False))
    assert set(whole) - set(short) == PROSE
    assert_frame_equal(whole[list(short)], short)
