"""What holds for any input: reading, compute, and what is written and read again."""

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scalelaw import PowerLaw
from scalelaw.compute import training_flop
from scalelaw.corpus import CorpusError, load_corpus
from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.importers import Unmapped, import_epoch, import_timm, write_for_review
from scalelaw.corpus.problems import FORMATS
from scalelaw.corpus.schema import PAPERS
from scalelaw.errors import ScalelawError, visible
from scalelaw.fit.fit_result import FitResult
from scalelaw.fit.line_result import LineResult
from scalelaw.inputs import read_yaml
from scalelaw.tables import read_records, read_result, write_table
from small_corpus import BENCHMARKS, DEVICES, ROW, write_hardware

# Where other work has the processor, an example may take long.
patient = settings(deadline=None, max_examples=30)

TODAY = date(2026, 1, 1)
NAMES = [column.name for column in PAPERS]
EPOCH = [
    "Model", "Authors", "Reference", "Link", "Publication date", "Parameters",
    "Training compute (FLOP)", "Training compute estimation method", "Training hardware",
    "Hardware quantity", "Training time (hours)", "Training chip-hours", "Epochs",
    "Training dataset", "Base model", "Confidence",
]  # fmt: skip

TIMM = ["model", "img_size", "top1", "param_count"]

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
text = st.text(characters, max_size=30)
formulas = st.builds("{}{}{}".format, st.sampled_from(["", "'", "''"]), st.sampled_from(
    [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]), text)  # fmt: skip
cells = text | formulas
numbers = st.from_regex(r"[0-9.eE+-]{1,12}", fullmatch=True)
figure = st.floats(1e-6, 1e12)


def every(names, cell):
    return st.fixed_dictionaries(dict.fromkeys(names, cell))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the good files that a corpus needs, and a place for papers."""
    folder = tmp_path_factory.mktemp("properties")
    (folder / "benchmarks.yaml").write_text(BENCHMARKS)
    return {
        "papers": [folder / "papers.csv"],
        "hardware": [write_hardware(folder / "hardware.csv", DEVICES)],
        "benchmarks": [folder / "benchmarks.yaml"],
    }


def write(path: Path, names: list[str], rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, names, restval="", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return path


def load(files):
    """Return records, None if there are errors, and problems."""
    try:
        corpus = load_corpus(**files, today=TODAY)
    except CorpusError as error:
        return None, error.problems
    return corpus.records, corpus.problems


def shown(problems):
    """Return the problems in every format."""
    return "\n".join(form(problems) for form in FORMATS.values())


@patient
@given(st.lists(every(NAMES, cells), min_size=1, max_size=3))
def test_any_text_in_cells_gives_records_or_problems(files, rows):
    write(files["papers"][0], NAMES, rows)
    records, problems = load(files)
    assert records is None
    assert {p.line for p in problems} >= {2}
    assert shown(problems).replace("\n", "").isprintable()


@patient
@given(st.dictionaries(st.sampled_from(NAMES), cells | numbers, min_size=1, max_size=6))
@example({"method_date": "9999-12"})
@example({"n_devices": "1e20"})
@example({"params": "1e-200", "train_examples": "1e-200", "epochs": "1", "reported_flop": "1"})
@example({"compute_source": "v3-" + "9" * 5000, "hardware": "TPU"})
def test_a_good_row_with_any_other_cells_gives_records_or_problems(files, changed):
    write(files["papers"][0], NAMES, [ROW, ROW | {"record_id": "b"} | changed])
    records, problems = load(files)
    assert shown(problems).replace("\n", "").isprintable()
    assert any(p.severity == "error" for p in problems) == (records is None)
    if records is not None:
        assert len(records) == 2
        assert np.isfinite(records["flop_best"].dropna()).all()


PROSE = ("title", "model", "value_source", "compute_source", "note")


@patient
@given(
    every(PROSE, cells.filter(str.strip)),
    every(("value",), st.floats(0.1, 99.9)),
    every(("training_hours", "params", "forward_flop"), figure),
    st.integers(1, 100_000),
    st.sampled_from(["GTX 580", "gtx580", "V100"]),
)
def test_a_good_row_comes_back_from_the_table_of_records(files, prose, value, figures, n, device):
    figures = {name: repr(number) for name, number in (value | figures).items()}
    row = ROW | {"date": "2019-06"} | prose | figures | {"n_devices": str(n), "hardware": device}
    write(files["papers"][0], NAMES, [row])
    records = load_corpus(**files, today=TODAY).records
    assert {name: records[name].iloc[0] for name in PROSE} == {
        name: cell.strip() for name, cell in prose.items()
    }
    path = files["papers"][0].with_name("records.csv")
    write_table(records, path)
    again = read_records(path, prose=True)
    for name in NAMES:
        if isinstance(records[name].iloc[0], str):
            assert again[name].iloc[0] == records[name].iloc[0], name
    for name in figures:
        assert again[name].iloc[0] == float(figures[name])


RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How cells begin that spreadsheets run as a formula; OWASP, "CSV injection"."""


@pytest.mark.parametrize("sign", RISKY)
def test_each_sign_of_a_formula_gets_an_apostrophe(tmp_path, sign):
    write_table(pd.DataFrame({"note": [f"{sign}1+1", "fine"]}), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as handle:
        assert [row["note"] for row in csv.DictReader(handle)] == [f"'{sign}1+1", "fine"]


@patient
@given(st.lists(st.tuples(cells, st.floats(allow_nan=False)), min_size=1, max_size=5))
def test_texts_are_neutral_in_a_spreadsheet_and_come_back(files, rows):
    path = files["papers"][0].with_name("texts.csv")
    frame = pd.DataFrame({"note": [t for t, _ in rows], "figure": [x for _, x in rows]})
    write_table(frame, path)
    with path.open(newline="", encoding="utf-8") as handle:
        written = list(csv.DictReader(handle))
    assert not any(row["note"].startswith(RISKY) for row in written)
    assert [float(row["figure"]) for row in written] == frame["figure"].tolist()
    again = read_result(path)
    assert again["note"].tolist() == frame["note"].tolist()
    assert again["figure"].tolist() == frame["figure"].tolist()


def test_numbers_among_texts_stay_numbers(tmp_path):
    frame = pd.DataFrame({"note": ["=1", "x"], "mixed": [-1.5, "-a"], "low": [-1.0, -2.0]})
    write_table(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "note,mixed,low\n'=1,-1.5,-1.0\nx,'-a,-2.0\n"


@patient
@given(st.lists(every(EPOCH, cells | numbers), min_size=1, max_size=3))
@example([dict.fromkeys(EPOCH, "1") | {"Training chip-hours": "0", "Training time (hours)": "0"}])
def test_any_text_in_another_database_is_mapped_or_listed(files, rows):
    path = write(files["papers"][0].with_name("epoch.csv"), EPOCH, rows)
    imported = import_epoch(path, read_hardware(files["hardware"]))
    assert len(imported.rows) == len(rows)
    review, unmapped = path.with_name("review.csv"), path.with_name("unmapped.csv")
    write_for_review(imported, review, unmapped)
    again = read_result(unmapped, Unmapped._fields)
    assert list(again.itertuples(index=False, name=None)) == list(imported.unmapped)


@patient
@given(st.lists(every(TIMM, cells | numbers), min_size=1, max_size=3))
@example([dict.fromkeys(TIMM, "1e999999")])
@example([dict.fromkeys(TIMM, "1e-999999")])
@example([dict.fromkeys(TIMM, "1e9999999999")])
def test_any_text_in_timms_results_is_mapped_or_listed(files, rows):
    path = write(files["papers"][0].with_name("timm.csv"), TIMM, rows)
    imported = import_timm(path)
    assert len(imported.rows) == len(rows)
    assert max(len(row["params"]) for row in imported.rows) < 100


@patient
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
@example(b"a: !!int ''\n")
@example(b"a: !!timestamp x\n")
@example(b"<<: x\n")
@example(b"? !!set {a}\n: b\n")
def test_any_yaml_is_data_or_an_error_with_its_file(files, content):
    path = files["papers"][0].with_name("any.yaml")
    path.write_bytes(content)
    try:
        read_yaml(path)
        said = str(path)
    except ScalelawError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert said.isprintable()


@patient
@given(st.text(st.characters()), st.integers(0, 50))
def test_what_is_visible_is_printable_and_short(words, most):
    assert visible(words, most).isprintable()
    assert len(visible(words, most)) <= 10 * most + len(f"... ({len(words):,} characters)")
    if words.isprintable() and len(words) <= most:
        assert visible(words, most) == words


records_of_compute = st.fixed_dictionaries(
    {
        "n_devices": figure,
        "training_hours": figure,
        "device_hours": st.none(),
        "forward_flop": figure,
        "train_examples": figure,
        "epochs": figure,
        "reported_flop": st.none() | figure,
    }
)


@patient
@given(records_of_compute, figure, st.sampled_from([2.0, 4.0, 0.5]))
def test_burden_and_operations_are_products(record, peak, factor):
    """Powers of two, by which floating-point numbers scale without rounding."""
    whole = training_flop(record, peak)
    for column in ("n_devices", "training_hours"):
        scaled = training_flop(record | {column: record[column] * factor}, peak)
        assert scaled.hardware == whole.hardware * factor
        assert (scaled.operations, scaled.reported) == (whole.operations, whole.reported)
    for column in ("forward_flop", "train_examples", "epochs"):
        scaled = training_flop(record | {column: record[column] * factor}, peak)
        assert scaled.operations == whole.operations * factor
        assert scaled.hardware == whole.hardware
    assert training_flop(record, peak * factor).hardware == whole.hardware * factor


@patient
@given(records_of_compute, figure)
def test_device_hours_and_units_of_time_change_nothing(record, peak):
    whole = training_flop(record, peak)
    hours = record["n_devices"] * record["training_hours"]
    joined = record | {"n_devices": None, "training_hours": None, "device_hours": hours}
    assert training_flop(joined, peak).hardware == whole.hardware
    days = training_flop(record | {"training_hours": record["training_hours"] / 24 * 24}, peak)
    assert days.hardware == pytest.approx(whole.hardware, rel=1e-12)
    tera = training_flop(record, peak / 1e12)
    assert tera.hardware * 1e12 == pytest.approx(whole.hardware, rel=1e-12)
    assert whole.hardware == pytest.approx(peak * hours * 3600, rel=1e-12)


curves = st.lists(
    st.tuples(st.floats(10, 30), st.floats(-3, -0.01), st.integers(0, 5)), min_size=8, max_size=20
)


@given(curves, st.sampled_from(["x_on_y", "y_on_x"]), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_fit_comes_back_from_json(points, direction, seed):
    table = pd.DataFrame(points, columns=["log_flop", "log_error", "paper"])
    table["flop"], table["error"] = 10 ** table["log_flop"], 10 ** table["log_error"]
    try:
        fit = PowerLaw("flop", "error", direction, replicates=20).fit(table, "paper", seed=seed)
    except ScalelawError:
        return
    stored = fit.to_json()
    for kind in (FitResult, LineResult):
        again = kind.from_json(stored)
        assert again.to_json() == stored
        assert again == fit
        assert again.cost_exponent() == fit.cost_exponent()
