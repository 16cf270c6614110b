"""What a corpus file may look like, and what is said when it does not."""

from datetime import date

import pytest

from scalelaw.corpus import CorpusError, load_corpus
from scalelaw.corpus.hardware import Device
from scalelaw.corpus.problems import Problem, as_github
from scalelaw.corpus.records import Selection
from scalelaw.corpus.schema import HARDWARE, PAPERS
from scalelaw.corpus.table import parse_date
from small_corpus import DEVICES, ROW, write_hardware

TODAY = date(2026, 1, 1)


def problems_of(files, **kwargs):
    """Load and return the problems, as errors or as warnings."""
    try:
        return load_corpus(**files, today=TODAY, **kwargs).problems
    except CorpusError as error:
        return error.problems


def text_of(files):
    return "\n".join(map(str, problems_of(files)))


def test_a_file_of_another_table_is_one_problem(corpus_files):
    files = corpus_files()
    files["papers"] = files["hardware"]
    (problem,) = problems_of(files)
    assert "the header is not that of this table, which begins with record_id" in problem.message


def test_a_good_row_gives_no_problem(corpus_files):
    assert problems_of(corpus_files()) == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"value": "forty"}, 'value: error: "forty" is not a positive number (write digits'),
        ({"training_hours": "6 days"}, 'training_hours: error: "6 days" is not a positive'),
        ({"training_hours": "1,5"}, 'training_hours: error: "1,5" is not a positive'),
        ({"training_hours": "nan"}, 'training_hours: error: "nan" is not a positive'),
        ({"training_hours": "-3"}, 'training_hours: error: "-3" is not a positive'),
        ({"training_hours": "1e999"}, '"1e999" is not a positive finite number'),
        ({"training_hours": "٣"}, '"٣" is not a positive number'),
        ({"n_devices": "2.5"}, 'n_devices: error: "2.5" is not a whole number'),
        ({"hardware": "GTX 850"}, 'unknown hardware "GTX 850" (did you mean "GTX 580"?)'),
        ({"hardware": "abacus"}, 'unknown hardware "abacus" (add the device'),
        ({"date": "2031-01"}, "date: error: 2031-01 is in the future"),
        ({"date": "2012-02-30"}, '"2012-02-30" is not a date (write YYYY-MM or YYYY-MM-DD)'),
        ({"date": "2012"}, '"2012" is not a date'),
        ({"value": "140.7"}, "gives an error of 1.407, outside 0 to 1"),
        ({"metric": "top1_accuracy", "value": "100"}, "gives an error of 0, outside 0 to 1"),
        ({"metric": "top1"}, '"top1" is not a metric of imagenet (use one of'),
        ({"benchmark": "imagnet"}, 'unknown benchmark "imagnet" (did you mean "imagenet"?)'),
        ({"confidence": "sure"}, '"sure" is not one of confident, likely, speculative'),
        ({"url": "javascript:alert(1)"}, "is not a web address"),
        ({"record_id": "Alex Net"}, '"Alex Net" is not a name (write "alex-net")'),
        ({"record_id": "Alex/Net"}, '"Alex/Net" is not a name (use small letters, digits'),
        ({"title": ""}, "title: error: the cell is empty (this column is required)"),
        ({"reported_flop": "1e18"}, "reported_flop has no method"),
        ({"compute_source": ""}, "compute figures without a source"),
        ({"device_hours": "288"}, "device_hours: error: given besides n_devices"),
    ],
)
def test_a_bad_cell_is_an_error_with_place_and_remedy(corpus_files, cells, expected):
    files = corpus_files(ROW | {"record_id": "good"}, ROW | {"model": "other"} | cells)
    found = problems_of(files)
    assert [p.severity for p in found] == ["error"]
    assert expected in str(found[0])
    assert str(found[0]).startswith(f"{files['papers'][0]}:3: ")


def test_all_problems_are_reported_at_once(corpus_files):
    files = corpus_files(
        ROW | {"value": "x", "date": "y"},
        ROW | {"record_id": "b", "hardware": "abacus"},
        ROW | {"record_id": "c", "value": "200"},
    )
    lines = [p.line for p in problems_of(files)]
    assert lines == [2, 2, 3, 4]


def test_duplicate_ids_name_the_first_place(corpus_files):
    files = corpus_files(ROW, ROW | {"model": "another"})
    assert '"alexnet" is already used at' in text_of(files)
    assert "papers.csv:2 (give each row" in text_of(files)


def test_ids_are_unique_over_all_files(corpus_files, tmp_path):
    files = corpus_files(ROW)
    copy = tmp_path / "mine.csv"
    copy.write_bytes(files["papers"][0].read_bytes())
    files["papers"].append(copy)
    assert "mine.csv:2: record_id: error" in text_of(files)


def test_the_same_result_twice_is_a_warning(corpus_files):
    found = problems_of(corpus_files(ROW, ROW | {"record_id": "again", "model": "Alex-Net"}))
    assert [p.check for p in found] == ["duplicate-result"]


def test_an_alias_may_not_name_two_devices(corpus_files):
    files = corpus_files()
    write_hardware(files["hardware"][0], [DEVICES[0], DEVICES[1] | {"aliases": "V100; gtx580"}])
    assert '"gtx580" already names "NVIDIA GeForce GTX 580"' in text_of(files)


@pytest.mark.parametrize("column", [column.name for column in HARDWARE])
def test_a_device_with_a_broken_cell_is_one_problem(corpus_files, column):
    """The record that names it is not blamed as well, and nothing fails at what is missing."""
    files = corpus_files()
    long = "x" * 10_001
    write_hardware(files["hardware"][0], [DEVICES[0] | {column: long}, DEVICES[1]])
    assert [(p.line, p.column, p.check) for p in problems_of(files)] == [(2, column, "bad-cell")]


@pytest.mark.parametrize("column", [column.name for column in PAPERS])
def test_a_record_with_a_broken_cell_is_one_problem(corpus_files, column):
    files = corpus_files(ROW | {column: "x" * 10_001})
    assert [(p.line, p.column, p.check) for p in problems_of(files)] == [(2, column, "bad-cell")]


def test_missing_required_column(corpus_files):
    files = corpus_files()
    path = files["papers"][0]
    header, row = path.read_text().splitlines()
    path.write_text(header.replace("confidence", "confidance") + "\n" + row + "\n")
    text = text_of(files)
    assert "papers.csv:1: confidence: error: a required column is missing" in text
    assert 'confidance: error: the schema has no such column (did you mean "confidence"?)' in text


def test_optional_columns_may_be_left_out(corpus_files):
    files = corpus_files()
    path = files["papers"][0]
    keep = [name for name, cell in ROW.items() if cell]
    path.write_text(",".join(keep) + "\n" + ",".join(f'"{ROW[k]}"' for k in keep) + "\n")
    assert problems_of(files) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ":1: -: error: the file is empty"),
        (b" \n\n", ":1: -: error: the file is empty"),
        ("record_id,t\u00edtle\nx,\u00e9\n".encode("latin-1"), ":1: -: error: byte 0xed is not"),
        ("a\nb\n".encode("utf-16"), ":1: -: error: byte 0xff is not UTF-8 (save the file as"),
        (b"date,date\n1,2\n", ":1: date: error: the column stands twice"),
    ],
)
def test_unreadable_files(corpus_files, content, expected):
    files = corpus_files()
    files["papers"][0].write_bytes(content)
    assert expected in text_of(files)


def test_wrong_encoding_names_the_line(corpus_files):
    files = corpus_files()
    path = files["papers"][0]
    path.write_bytes(path.read_bytes() + "caf\u00e9\n".encode("latin-1"))
    assert "papers.csv:3: -: error: byte 0xe9 is not UTF-8" in text_of(files)


def test_missing_file_and_header_only(corpus_files, tmp_path):
    files = corpus_files()
    path = files["papers"][0]
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "the file has a header but no rows (add a row)" in text_of(files)
    files["papers"] = [tmp_path / "nowhere.csv"]
    assert "nowhere.csv:1: -: error: No such file or directory (check the path)" in text_of(files)


def test_ragged_rows_and_quotes_keep_line_numbers(corpus_files):
    files = corpus_files(ROW, ROW | {"record_id": "two", "note": "first\nsecond"})
    path = files["papers"][0]
    path.write_text(path.read_text() + "one,cell\n")
    # The quoted note takes two lines, so the short row is line 5.
    assert "papers.csv:5: -: error: 2 cells, but the header has" in text_of(files)
    path.write_text(path.read_text() + '"open quote\n')
    assert "unexpected end of data (check the quotes" in text_of(files)


def test_byte_order_mark_and_carriage_returns_are_tolerated(corpus_files):
    files = corpus_files()
    path = files["papers"][0]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert problems_of(files) == []


def test_nul_bytes_are_an_error_not_a_crash(corpus_files):
    files = corpus_files()
    path = files["papers"][0]
    path.write_bytes(path.read_bytes().replace(b"AlexNet", b"Alex\x00Net"))
    assert "papers.csv:2: -: error: the line holds a NUL byte" in text_of(files)


def test_exclusions_are_listed_with_their_reasons(corpus_files):
    rows = [
        ROW,
        ROW | {"record_id": "b", "model": "b", "training_hours": ""},
        ROW | {"record_id": "c", "model": "c", "metric": "top5_error", "value": "18.2"},
        ROW | {"record_id": "d", "model": "d", "fixed_target": "top1_error<=25"},
        ROW | {"record_id": "e", "model": "e", "compute_scope": "search"},
    ]
    selection = Selection(exclude_scopes=("search",))
    corpus = load_corpus(**corpus_files(*rows), selection=selection, today=TODAY)
    assert corpus.records["excluded"].tolist() == [
        "",
        "no computable compute",
        "measures top5, the fit uses top1",
        "timed to a fixed target (top1_error<=25)",
        "compute scope search",
    ]


def test_records_outside_the_analysis_are_excluded_too(corpus_files):
    reported = {"training_hours": "", "reported_flop": "1e18", "reported_flop_method": "paper"}
    files = corpus_files(ROW, ROW | {"record_id": "b", "model": "b", **reported})
    narrow = Selection(benchmarks=("other",), bases=("hardware",))
    corpus = load_corpus(**files, selection=narrow, today=TODAY)
    assert corpus.records["excluded"].tolist() == [
        "benchmark not analysed",
        "no compute on the bases fitted (hardware); benchmark not analysed",
    ]


def test_a_row_with_a_bad_cell_is_checked_in_its_other_cells(corpus_files):
    files = corpus_files(
        ROW | {"value": "x", "hardware": "abacus", "date": "2031-01", "benchmark": "imagnet"},
        ROW | {"model": "another"},
    )
    found = problems_of(files)
    assert [(p.line, p.column) for p in found] == [
        (2, "benchmark"), (2, "date"), (2, "hardware"), (2, "value"), (3, "record_id"),
    ]  # fmt: skip


def test_a_bad_cell_of_a_device_makes_no_record_wrong(corpus_files):
    files = corpus_files(ROW)
    write_hardware(files["hardware"][0], [DEVICES[0] | {"tdp_w": "300 W"}])
    assert [(p.column, p.check) for p in problems_of(files)] == [("tdp_w", "bad-cell")]
    files["hardware"][0].write_text("nonsense\n1\n")
    assert "unknown-hardware" not in {p.check for p in problems_of(files)}


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_real_line_ends_end_a_line(corpus_files, character):
    files = corpus_files(ROW | {"note": f"a{character}b"}, ROW | {"record_id": "b", "value": "x"})
    assert [p.line for p in problems_of(files)] == [3]


def test_a_cell_that_is_wrong_in_many_rows_is_reported_in_each(corpus_files):
    rows = [ROW | {"record_id": f"r{i}", "value": "40,7"} for i in range(4)]
    assert [(p.line, p.check) for p in problems_of(corpus_files(*rows))] == [
        (line, "bad-cell") for line in (2, 3, 4, 5)
    ]


def test_a_month_is_its_first_day():
    assert parse_date("2019-05") == date(2019, 5, 1)
    assert parse_date("2019-05-17") == date(2019, 5, 17)


def test_a_device_without_known_rates_has_none():
    assert Device("d", "2019-05", {"fp32": None}).fastest_rate() == 0.0
    assert Device("d", "2019-05", {"fp32": 1e12, "fp16": 3e12}).fastest_rate() == 3e12


def test_a_problem_is_one_command_of_github():
    problem = Problem("p.csv", 3, "note", "error", "bad-cell", "50%\r\n::error::more", "mend it")
    (line,) = as_github([problem]).splitlines()
    assert "50%25\\r\\n::error::more" in line
