"""Every check of the catalogue finds its minimal bad row, and can be waived if it is a warning."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelaw.corpus import CorpusError, load_corpus
from scalelaw.corpus.checks import CATALOGUE, Context, make_entry
from scalelaw.corpus.codebook import codebook
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.schema import PAPERS
from scalelaw.corpus.table import Row
from small_corpus import DEVICES, ROW, write_hardware

TODAY = date(2026, 1, 1)
EMPTY = Context({}, Hardware([]), TODAY)
GTX, V100 = DEVICES
COUNTED = {"forward_flop": "1e9", "train_examples": "1e6", "epochs": "90"}
REPORTED = {"reported_flop_method": "paper"}

BAD_RECORDS = {
    "unknown-benchmark": [{"benchmark": "imagnet"}],
    "unknown-metric": [{"metric": "top1"}],
    "value-out-of-range": [{"value": "140"}],
    "percent-for-share": [{"value": "0.407"}],
    "unknown-hardware": [{"hardware": "abacus"}],
    "ambiguous-device": [{"hardware": "NVIDIA Titan X", "date": "2017-01"}],
    "no-peak-rate": [{"precision": "tensor"}],
    "format-slower-than-fp32": [{"hardware": "P40", "date": "2017-01", "precision": "fp16"}],
    "future-date": [{"date": "2031-01"}],
    "device-newer-than-result": [{"hardware": "V100"}],
    "hours-without-device": [{"hardware": ""}],
    "device-hours-given-twice": [{"device_hours": "288"}],
    "training-over-a-year": [{"training_hours": "9000"}],
    "device-days-as-days": [
        {"n_devices": "1000", **COUNTED, "forward_flop": "1.5e9", "params": "6e7"}
    ],
    "more-operations-than-peak": [{**COUNTED, "forward_flop": "1e12"}],
    "cores-as-chips": [
        {"hardware": "TPU v3", "date": "2019-01", "n_devices": "8", "compute_source": "on a v3-8"}
    ],
    "reported-flop-without-method": [{"reported_flop": "1e18"}],
    "compute-without-source": [{"compute_source": ""}],
    "reported-flop-disagrees": [{**COUNTED, **REPORTED, "reported_flop": "9e17"}],
    "reported-flop-above-peak": [{**REPORTED, "reported_flop": "4e18"}],
    "samples-as-tokens": [
        {**REPORTED, "params": "6e7", "train_examples": "1e6", "epochs": "90",
         "reported_flop": "3.3e16"}
    ],
    "forward-flop-below-params": [{"forward_flop": "1.4"}],
    "search-booked-as-training": [{"note": "500 GPUs searched for four days"}],
    "pretraining-left-out": [{"base_model": "ResNet-50"}],
    "formula-in-cell": [{"note": "=HYPERLINK(A1)"}],
    "invisible-characters": [{"title": "Image\u202eNet"}],
    "duplicate-id": [{}, {"model": "another"}],
    "duplicate-result": [{}, {"record_id": "b", "paper": "another2013copy"}],
    "shared-burden": [{"params": "6e7"}, {"record_id": "b", "model": "Other", "params": "9e7"}],
    "child-below-base": [
        {"model": "Base", "training_hours": "200"},
        {"record_id": "b", "base_model": "Base", "training_hours": "150", "value": "35"},
    ],
    "multiply-adds": [
        {"forward_flop": "1.4e9"},
        {"record_id": "b", "paper": "other2014word", "title": "Other", "forward_flop": "7e8"},
    ],
    "sources-disagree": [
        {}, {"record_id": "b", "title": "Other", "paper": "other", "training_hours": "20"}
    ],
    "compute-off-its-year": [
        {"record_id": f"r{i}", "model": f"m{i}", "training_hours": str(10000 if i == 0 else 10 + i),
         "n_devices": "1"}
        for i in range(12)
    ],
}  # fmt: skip

BAD_DEVICES = {
    "alias-of-two-devices": [GTX, V100 | {"aliases": "gtx580"}],
    "sparse-peak": [V100 | {"peak_tf32_flop_per_s": "3e13"}],
    "rates-out-of-order": [V100 | {"peak_tensor_flop_per_s": "1e13"}],
    "board-for-chip": [
        GTX | {"device": f"d{i}", "aliases": "", "tdp_w": "5" if i == 0 else str(200 + 10 * i)}
        for i in range(12)
    ],
    "price-off-trend": [
        GTX | {"device": f"d{i}", "aliases": "", "price_usd": "9" if i == 0 else str(500 + 9 * i)}
        for i in range(12)
    ],
}

MORE_DEVICES = [
    GTX | {"device": "NVIDIA GTX TITAN X", "aliases": "NVIDIA Titan X", "release_date": "2015-03",
           "peak_fp32_flop_per_s": "6.7e12"},
    GTX | {"device": "NVIDIA Titan X Pascal", "aliases": "", "release_date": "2016-08",
           "peak_fp32_flop_per_s": "1.1e13"},
    GTX | {"device": "P40", "aliases": "", "release_date": "2016-09",
           "peak_fp32_flop_per_s": "1.18e13", "peak_fp16_flop_per_s": "1.8e11"},
    GTX | {"device": "Google TPU v3", "aliases": "TPU v3", "release_date": "2018-05",
           "kind": "TPU", "peak_fp32_flop_per_s": "", "peak_tensor_flop_per_s": "1.23e14"},
]  # fmt: skip


def load(files):
    """Return what stands and what is waived."""
    try:
        corpus = load_corpus(**files, today=TODAY)
    except CorpusError as error:
        return error.problems, []
    return corpus.problems, corpus.waived


def names(problems):
    return {problem.check for problem in problems}


def test_every_check_has_a_bad_example():
    assert set(BAD_RECORDS) | set(BAD_DEVICES) == set(CATALOGUE)


def test_every_check_has_a_reason_in_the_code_book():
    text = codebook()
    for name, check in CATALOGUE.items():
        assert len(check.reason) > 20
        assert f"| {name} | {check.table} | {check.severity} | {check.reason} |" in text


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_is_found_by_its_check(corpus_files, name):
    files = corpus_files(*(ROW | cells for cells in BAD_RECORDS[name]))
    write_hardware(files["hardware"][0], [*DEVICES, *MORE_DEVICES])
    problems, _ = load(files)
    assert name in names(problems)
    assert {p.severity for p in problems if p.check == name} == {CATALOGUE[name].severity}


@pytest.mark.parametrize("name", BAD_DEVICES)
def test_a_bad_device_is_found_by_its_check(corpus_files, name):
    files = corpus_files(ROW | {"hardware": ""})
    write_hardware(files["hardware"][0], BAD_DEVICES[name])
    assert name in names(load(files)[0])


def test_a_device_off_a_steep_trend_is_found_and_no_other(corpus_files):
    """Rates per watt that double each year, one of them eight times the trend."""
    devices = [
        GTX
        | {
            "device": f"d{i}",
            "aliases": "",
            "release_date": f"{2006 + i}-06",
            "tdp_w": "200",
            "peak_fp32_flop_per_s": str(2.0**i * 1e12 * (8 if i == 7 else 1)),
        }
        for i in range(12)
    ]
    files = corpus_files(ROW | {"hardware": ""})
    write_hardware(files["hardware"][0], devices)
    (found,) = (p for p in load(files)[0] if p.check == "board-for-chip")
    assert found.line == 2 + 7
    assert found.column == "tdp_w"
    # log10(8) over the least scale of 0.1, but for the small slope of a month's days.
    assert "+9.0 robust sigmas" in found.message


@pytest.mark.parametrize("name", [n for n in BAD_RECORDS if CATALOGUE[n].severity == "warning"])
def test_a_warning_can_be_waived_with_a_reason(corpus_files, name):
    waiver = {"waived": f"{name}: looked at and right"}
    files = corpus_files(*(ROW | cells | waiver for cells in BAD_RECORDS[name]))
    write_hardware(files["hardware"][0], [*DEVICES, *MORE_DEVICES])
    problems, waived = load(files)
    assert name not in names(problems)
    assert {p.remedy for p in waived if p.check == name} == {"looked at and right"}


@pytest.mark.parametrize(
    ("waiver", "expected"),
    [
        ("training-over-year: yes", 'did you mean "training-over-a-year"?'),
        ("future-date: soon", '"future-date" is not a check that can be waived'),
        ("training-over-a-year", "gives no reason"),
        ("training-over-a-year: it was", 'the waiver of "training-over-a-year" is not needed'),
    ],
)
def test_a_useless_waiver_is_reported(corpus_files, waiver, expected):
    problems, _ = load(corpus_files(ROW | {"waived": waiver}))
    assert expected in "\n".join(map(str, problems))


@given(st.lists(st.floats(1, 4), min_size=1, max_size=12))
def test_multiply_adds_are_found_among_any_figures(figures):
    """As by comparing all pairs."""
    row = Row("papers.csv", 2, {c.name: None for c in PAPERS} | {"model": "M", "benchmark": "b"})
    entries = [
        make_entry(replace(row, line=i, values=row.values | {"forward_flop": figure}), EMPTY)
        for i, figure in enumerate(figures)
    ]
    found = {finding.row.line for finding in CATALOGUE["multiply-adds"].find(entries, EMPTY)}
    pairs = enumerate(figures)
    assert found == {i for i, own in pairs if any(1.9 < other / own < 2.1 for other in figures)}
