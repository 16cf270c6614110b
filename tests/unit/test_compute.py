"""Training compute of records, against published figures."""

from datetime import date

import pytest

from scalelaw.compute import training_flop
from scalelaw.corpus import load_corpus
from small_corpus import ROW

EMPTY = dict.fromkeys(
    ["n_devices", "training_hours", "device_hours", "forward_flop", "train_examples", "epochs",
     "reported_flop"]
)  # fmt: skip


def test_alexnet_has_the_burden_that_the_study_gives():
    """Thompson et al. (arXiv:2007.05558): 2 GTX 580 for 6 days are 1.6e18 FLOP."""
    flop = training_flop(EMPTY | {"n_devices": 2.0, "training_hours": 144.0}, 1.581e12)
    assert flop.hardware == pytest.approx(1.6e18, rel=0.03)
    assert flop.operations is None


def test_operations_count_three_passes():
    """ResNet-50: 8.2 GFLOP forward, 90 epochs of ImageNet, about 2.8e18 FLOP."""
    record = EMPTY | {"forward_flop": 8.2e9, "train_examples": 1281167.0, "epochs": 90.0}
    assert training_flop(record, None).operations == 3 * 8.2e9 * 1281167 * 90


def test_device_hours_serve_where_the_split_is_unknown():
    flop = training_flop(EMPTY | {"device_hours": 288.0}, 1.581e12)
    assert flop.hardware == pytest.approx(2 * 144 * 3600 * 1.581e12)


def test_nothing_is_made_up_from_half_the_figures():
    record = EMPTY | {"n_devices": 8.0, "forward_flop": 1e9, "epochs": 90.0}
    flop = training_flop(record, 1e13)
    assert (flop.hardware, flop.operations, flop.reported) == (None, None, None)
    assert flop.best() == (None, None)


def test_best_prefers_hardware_then_operations():
    full = EMPTY | {
        "n_devices": 1.0, "training_hours": 1.0, "forward_flop": 1e9, "train_examples": 1e6,
        "epochs": 1.0, "reported_flop": 7e17,
    }  # fmt: skip
    assert training_flop(full, 1e13).best() == (3.6e16, "hardware")
    assert training_flop(full, None).best() == (3e15, "operations")
    assert training_flop(full | {"epochs": None}, None).best() == (7e17, "reported")


@pytest.mark.parametrize(
    ("precision", "peak", "basis"),
    [("", 1.567e13, "default"), ("tensor", 1.25e14, "stated"), ("fp16", 3.133e13, "stated")],
)
def test_precision_selects_the_peak_rate(corpus_files, precision, peak, basis):
    row = ROW | {"hardware": "v100", "date": "2018-01", "precision": precision}
    record = load_corpus(**corpus_files(row), today=date(2026, 1, 1)).records.iloc[0]
    assert record["device"] == "NVIDIA V100"
    assert record["peak_flop_per_s"] == peak
    assert record["peak_precision_basis"] == basis
    assert record["flop_hardware"] == pytest.approx(2 * 144 * 3600 * peak)
