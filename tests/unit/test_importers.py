"""Rows drafted from other databases: what is mapped, and that nothing is lost in silence."""

import csv

import pytest

from scalelaw.cli import main
from scalelaw.corpus import load_corpus
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.importers import WHOLE_FILE, import_epoch, import_timm, write_for_review
from scalelaw.corpus.schema import HARDWARE, PAPERS
from scalelaw.corpus.table import read_table
from scalelaw.errors import ScalelawError
from small_corpus import DEVICES, write_csv, write_hardware

SYSTEM = {
    "Model": "Foonet-B (large)",
    "Domain": "Vision",
    "Authors": "Ana Müller, Bob\nStone",
    "Publication date": "2021-03-04",
    "Reference": "A Foonet for\nEveryone: Deeper Still",
    "Link": "https://example.org/foonet",
    "Parameters": "24000000.0",
    "Training compute (FLOP)": "6.12e+20",
    "Training compute notes": 'from the paper:\n\n"three days"',
    "Training compute estimation method": "Hardware",
    "Training dataset": 'ImageNet,"BookCorpus (BooksCorpus, Toronto Book Corpus)"',
    "Training time (hours)": "60.0",
    "Training hardware": "NVIDIA V100",
    "Hardware quantity": "16.0",
    "Training chip-hours": "",
    "Confidence": "Likely",
    "Epochs": "1.93",
    "Base model": "",
    "Numerical format": "FP16",
}
RESULT = {
    "model": "foonet_tiny.lab_in22k_ft_in1k",
    "img_size": "224",
    "top1": "80.120",
    "top1_err": "19.880",
    "top5": "95.000",
    "top5_err": "5.000",
    "param_count": "1,014.45",
    "crop_pct": "1.000",
    "interpolation": "bicubic",
}


@pytest.fixture
def hardware(tmp_path):
    path = write_hardware(tmp_path / "hardware.csv", DEVICES)
    return Hardware(read_table(path, HARDWARE).rows)


@pytest.fixture
def epoch(tmp_path, hardware):
    """Return a function that imports systems with given cells changed."""

    def run(*changes):
        rows = [SYSTEM | change for change in changes or ({},)]
        return import_epoch(write_csv(tmp_path / "systems.csv", list(SYSTEM), rows), hardware)

    return run


@pytest.fixture
def timm(tmp_path):
    """Return a function that imports results with given cells changed."""

    def run(*changes):
        rows = [RESULT | change for change in changes or ({},)]
        return import_timm(write_csv(tmp_path / "results.csv", list(RESULT), rows))

    return run


def of_rows(imported):
    return [item for item in imported.unmapped if item.record != WHOLE_FILE]


def test_an_epoch_row_is_mapped_cell_by_cell(epoch):
    imported = epoch()
    (row,) = imported.rows
    assert list(row) == [column.name for column in PAPERS]
    assert {column: cell for column, cell in row.items() if cell} == {
        "record_id": "epoch-foonet-b-large",
        "paper": "muller2021foonet",
        "title": "A Foonet for Everyone: Deeper Still",
        "url": "https://example.org/foonet",
        "model": "Foonet-B (large)",
        "date": "2021-03-04",
        "params": "24000000",
        "epochs": "1.93",
        "hardware": "NVIDIA V100",
        "n_devices": "16",
        "training_hours": "60",
        "reported_flop": "6.12e+20",
        "reported_flop_method": "hardware",
        "extra_data": "ImageNet; BookCorpus (BooksCorpus, Toronto Book Corpus)",
        "compute_scope": "total",
        "confidence": "likely",
        "compute_source": "Epoch AI, All ML Systems (CC BY 4.0), Foonet-B (large) row",
    }
    assert of_rows(imported) == []


def test_what_the_database_lacks_and_what_the_corpus_lacks_is_said_once(epoch):
    imported = epoch({}, {"Model": "Barnet"})
    reasons = {item.column: item.reason for item in imported.unmapped}
    assert len(reasons) == len(imported.unmapped)
    assert reasons["benchmark, metric, value, value_source"].endswith("no benchmark results")
    assert reasons["Domain"] == "the corpus has no such column"
    assert "matrix units" in reasons["Numerical format"]


@pytest.mark.parametrize(
    ("cells", "expected", "reasons"),
    [
        ({"Training compute estimation method": "Operation counting"},
         {"reported_flop_method": "operations"}, []),
        ({"Training compute estimation method": "Comparison with other models"},
         {"reported_flop_method": "comparison"}, []),
        ({"Training compute estimation method": "Reported"}, {"reported_flop_method": "paper"}, []),
        ({"Training compute estimation method": "Reported,Hardware"},
         {"reported_flop_method": "mixed"}, []),
        ({"Training compute estimation method": "Cost"},
         {"reported_flop_method": ""}, ["no such method in the corpus"]),
        ({"Training compute estimation method": ""},
         {"reported_flop_method": ""}, ["training compute without a method"]),
        ({"Training compute (FLOP)": ""},
         {"reported_flop_method": ""}, ["method without training compute"]),
        ({"Training hardware": "NVIDIA V100,Abacus"},
         {"hardware": ""}, ["several devices, but a row has one"]),
        ({"Training hardware": "Abacus"},
         {"hardware": ""}, ["the hardware table has no such device"]),
        ({"Training hardware": ""}, {"hardware": ""}, []),
        ({"Training chip-hours": "960.0"}, {"device_hours": ""}, []),
        ({"Training chip-hours": "7680.0"}, {"device_hours": ""},
         ["differs from quantity x time by over 1 %; those two are kept"]),
        ({"Training chip-hours": "7680.0", "Training time (hours)": ""},
         {"device_hours": "7680", "n_devices": "16", "training_hours": ""}, []),
        ({"Training chip-hours": "7680.0", "Hardware quantity": "two"},
         {"device_hours": "7680", "n_devices": ""}, ["not a count that the corpus can read"]),
        ({"Parameters": "0"}, {"params": ""}, ["not a number that the corpus can read"]),
        ({"Epochs": "1,000"}, {"epochs": ""}, ["not a number that the corpus can read"]),
        ({"Confidence": "Confident"}, {"confidence": "confident"}, []),
        ({"Confidence": "Speculative"}, {"confidence": "speculative"}, []),
        ({"Confidence": "Unknown"}, {"confidence": ""}, ["no such confidence in the corpus"]),
        ({"Base model": "Foonet,Barnet"}, {"base_model": "Foonet; Barnet", "compute_scope": ""},
         ["compute_scope left empty: does the compute include the base model's training?"]),
        ({"Training dataset": "Unspecified unreleased"},
         {"extra_data": ""}, ["names no data set, or not all"]),
        ({"Link": "\nhttps://a.org/x, https://b.org "},
         {"url": "https://a.org/x"}, ["only the first address is kept"]),
        ({"Link": "a.org/x"}, {"url": ""}, ["not a url that the corpus can read"]),
        ({"Link": ""}, {"url": ""}, ["the cell is empty, but the corpus needs it"]),
        ({"Publication date": "2021"}, {"date": "", "paper": ""},
         ["not a date that the corpus can read", "no key without a date and a title"]),
    ],
)  # fmt: skip
def test_an_epoch_cell_is_mapped_or_listed(epoch, cells, expected, reasons):
    imported = epoch(cells)
    assert {column: imported.rows[0][column] for column in expected} == expected
    assert [item.reason for item in of_rows(imported)] == reasons


def test_an_unmapped_cell_is_listed_with_its_record_and_value(epoch):
    (item,) = of_rows(epoch({"Training hardware": "Abacus"}))
    assert item[:3] == ("epoch-foonet-b-large", "Training hardware", "Abacus")


@pytest.mark.parametrize(
    ("authors", "title", "key"),
    [
        ("Stone, B., Hill, C.", "On the Use of Foo", "stone2021use"),
        ("Jo Stone and Al Hill", "Self-Foo Learning", "stone2021self"),
        ("Jo van der Hill Jr.", "FooNet: Bar", "hill2021foonet"),
        ("Jo Stone; Al Hill", '"Foo" Bar', "stone2021foo"),
        ("Core contributors: Jo Stone", "Foo", ""),
        ("Leads\nJo Stone, Al Hill", "Foo", ""),
        ("The work was led by Jo Stone", "Foo", ""),
        ("Foo Team", "Foo", ""),
        ("", "Foo", ""),
    ],
)
def test_the_key_of_a_publication(epoch, authors, title, key):
    imported = epoch({"Authors": authors, "Reference": title})
    assert imported.rows[0]["paper"] == key
    assert [item.column for item in of_rows(imported)] == ([] if key else ["Authors"])


def test_two_titles_with_one_key_are_listed(epoch):
    other = "Foonet, Once More"
    imported = epoch({}, {"Model": "Barnet"}, {"Model": "Bar", "Reference": other})
    assert [(item.record, item.value) for item in of_rows(imported)] == [("epoch-bar", other)]


def test_record_ids_are_unique_and_plain(epoch):
    names = ["Foo", "foo ", "Foo-2", "π-Föö\n(x)", "Foo"]
    rows = epoch(*({"Model": name} for name in names)).rows
    assert [row["record_id"] for row in rows] == [
        "epoch-foo", "epoch-foo-2", "epoch-foo-2-2", "epoch-foo-x", "epoch-foo-3",
    ]  # fmt: skip


def test_a_byte_order_mark_is_tolerated(tmp_path, hardware, epoch):
    plain = epoch()
    path = tmp_path / "systems.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert import_epoch(path, hardware) == plain


def test_a_timm_row_is_mapped_cell_by_cell(timm):
    imported = timm({"model": "foonet_tiny.in22k_ft_in1k"})
    (row,) = imported.rows
    assert list(row) == [column.name for column in PAPERS]
    assert {column: cell for column, cell in row.items() if cell} == {
        "record_id": "imagenet-timm2021results-foonet_tiny.in22k_ft_in1k",
        "paper": "timm2021results",
        "title": "timm results on ImageNet",
        "url": "https://github.com/huggingface/pytorch-image-models/blob/main/results/"
        "results-imagenet.csv",
        "benchmark": "imagenet",
        "model": "foonet_tiny.in22k_ft_in1k",
        "metric": "top1_accuracy",
        "value": "80.120",
        "params": "1014450000",
        "extra_data": "ImageNet-22k",
        "value_source": "results-imagenet.csv, row foonet_tiny.in22k_ft_in1k, column top1",
        "note": "tested at 224 x 224 pixels",
    }
    assert of_rows(imported) == []
    lacking = {item.column: item.reason for item in imported.unmapped}
    assert lacking["date"] == "the file has no dates"
    assert lacking["compute_scope, confidence"] == "the file has no training compute"
    assert "top5" in lacking


@pytest.mark.parametrize(
    ("model", "extra_data", "listed"),
    [
        ("foo.in1k", "", []),
        ("foo.laion2b_ft_in12k_in1k", "LAION-2B; ImageNet-12k", []),
        ("foo.in22k_ft_in22k_in1k", "ImageNet-22k", []),
        ("foo.lab_in22k_ft_in1k", "ImageNet-22k", ["lab_in22k_ft_in1k"]),
        ("foo.a1_in1k", "", ["a1_in1k"]),
        ("foo", "", ["foo"]),
    ],
)
def test_training_data_is_taken_from_the_tag(timm, model, extra_data, listed):
    imported = timm({"model": model})
    assert imported.rows[0]["extra_data"] == extra_data
    assert [item.value for item in of_rows(imported)] == listed


@pytest.mark.parametrize(("count", "params"), [("0.37", "370000"), ("1e-2", "10000"), ("n/a", "")])
def test_parameters_are_written_in_full(timm, count, params):
    imported = timm({"model": "foo.in1k", "param_count": count})
    assert imported.rows[0]["params"] == params
    assert [item.value for item in of_rows(imported)] == ([] if params else [count])


def test_one_model_tested_at_two_sizes_is_listed(timm):
    imported = timm({"model": "foo.in1k"}, {"model": "foo.in1k", "img_size": "288"})
    assert imported.rows[1]["record_id"] == "imagenet-timm2021results-foo.in1k-288"
    assert [(item.column, item.value) for item in of_rows(imported)] == [("img_size", "288")]


def test_the_wrong_file_names_the_missing_columns_and_the_remedy(tmp_path, hardware):
    path = write_csv(tmp_path / "wrong.csv", ["Model", "top1"], [])
    with pytest.raises(ScalelawError, match=r'wrong\.csv: no column "Authors", .*epoch\.ai/data'):
        import_epoch(path, hardware)
    with pytest.raises(ScalelawError, match=r'no column "model", "img_size", "param_count" \(down'):
        import_timm(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 'no column "model"'),
        (b"model,img_size,top1,param_count\na,b\n", ":2: more or fewer cells"),
        (b"model,img_size,top1,param_count\na,b,c,d,e\n", ":2: more or fewer cells"),
        (b"model,img_size,top1,param_count\n\xe9,1,1,1\n", "not a CSV file in UTF-8"),
        (b'model,img_size,top1,param_count\n"a,1,1,1\n', "not a CSV file in UTF-8"),
    ],
)
def test_a_broken_file_is_an_error_with_a_remedy(tmp_path, content, expected):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(ScalelawError, match="download it again") as raised:
        import_timm(path)
    assert expected in str(raised.value)
    with pytest.raises(ScalelawError, match="check the path"):
        import_timm(tmp_path / "nowhere.csv")


def test_a_reviewed_row_is_a_valid_row(epoch, corpus_files, tmp_path):
    files = corpus_files()
    imported = epoch()
    imported.rows[0] |= {
        "benchmark": "imagenet", "metric": "top1_error", "value": "20", "value_source": "Table 1",
        "extra_data": "",
    }  # fmt: skip
    write_for_review(imported, files["papers"][0], tmp_path / "unmapped.csv")
    (record,) = load_corpus(**files).records.to_dict("records")
    assert record["flop_hardware"] == pytest.approx(16 * 60 * 3600 * 1.567e13, rel=1e-12)
    assert record["flop_reported"] == 6.12e20


@pytest.fixture
def command(epoch, tmp_path):
    epoch({}, {"Model": "Barnet", "Confidence": "Unknown"})
    return [
        "import", "epoch", str(tmp_path / "systems.csv"),
        "--output", str(tmp_path / "review.csv"),
        "--unmapped", str(tmp_path / "unmapped.csv"),
        "--hardware", str(tmp_path / "hardware.csv"),
    ]  # fmt: skip


def test_import_from_the_command_line(command, tmp_path, capsys):
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("2 rows mapped\n6 cells or columns not mapped:\n       2  the corpus")
    assert "       1  no such confidence in the corpus\n" in shown
    assert str(tmp_path / "review.csv") in shown
    assert str(tmp_path / "unmapped.csv") in shown
    assert "for review and never go straight into the corpus" in shown
    with (tmp_path / "review.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["model"] for row in rows] == ["Foonet-B (large)", "Barnet"]
    assert rows[0]["params"] == "24000000"
    with (tmp_path / "unmapped.csv").open(newline="") as handle:
        _, first, *_, last = csv.reader(handle)
    assert first[:2] == ["", "benchmark, metric, value, value_source"]
    assert last == ["epoch-barnet", "Confidence", "Unknown", "no such confidence in the corpus"]


def test_import_of_timm_from_the_command_line(timm, tmp_path, monkeypatch):
    timm()
    monkeypatch.chdir(tmp_path)
    assert main(["import", "timm", "results.csv"]) == 0
    assert "ImageNet-22k" in (tmp_path / "review.csv").read_text()
    assert (tmp_path / "unmapped.csv").is_file()


@pytest.mark.parametrize("name", ["review.csv", "unmapped.csv"])
def test_no_file_is_overwritten_unless_told(command, tmp_path, capsys, name):
    (tmp_path / name).write_text("precious")
    assert main(command) == 1
    assert f"{name}: exists already (name another file, or add --force)" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "precious"
    assert len(list(tmp_path.glob("*.csv"))) == 3
    assert main([*command, "--force"]) == 0
    assert (tmp_path / name).read_text() != "precious"


def test_an_input_that_is_not_there_is_told_before_outputs_that_are(command, tmp_path, capsys):
    (tmp_path / "systems.csv").unlink()
    (tmp_path / "review.csv").write_text("precious")
    assert main(command) == 2
    assert "systems.csv: cannot be read (No such file" in capsys.readouterr().err


def test_the_three_files_must_differ(command, tmp_path, capsys):
    source = tmp_path / "systems.csv"
    before = source.read_bytes()
    assert main([*command, "--force", "--output", str(source)]) == 2
    assert "three different files" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_a_broken_hardware_table_is_told(command, tmp_path, capsys):
    (tmp_path / "hardware.csv").write_text("device\nAbacus\n")
    assert main(command) == 1
    assert "hardware.csv:1: manufacturer: error: a required column" in capsys.readouterr().err
