"""The grown corpus of the scale benchmark: valid, like what it grew from, and repeatable."""

import importlib.util

import pandas as pd
import pytest

from scalelaw import load_corpus
from small_corpus import ROOT

DATA = ROOT / "data"


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale", ROOT / "benchmarks/scale.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("printed", "share", "moved"),
    [("40.7", 0.5, "40.75"), ("144", -0.5, "143.5"), ("0.25", 0.24, "0.252"), ("", 0.3, "")],
)
def test_a_number_moves_within_half_a_unit_of_its_last_digit(scale, printed, share, moved):
    assert scale.move(printed, share) == moved


def test_a_grown_corpus_passes_the_checks_and_begins_with_the_corpus(scale, tmp_path):
    n_papers = scale.grow(DATA / "papers.csv", tmp_path / "papers.csv", 4000)
    corpus = load_corpus(
        [tmp_path / "papers.csv"], [DATA / "hardware.csv"], [DATA / "benchmarks.yaml"]
    )
    records = corpus.records
    assert len(records) == records["record_id"].nunique() == 4000
    assert records["paper"].nunique() == n_papers
    assert len(corpus.problems) < 0.05 * len(records)
    first, grown = (
        pd.read_csv(path, dtype=str) for path in (DATA / "papers.csv", tmp_path / "papers.csv")
    )
    assert grown.head(len(first)).equals(first)
    drawn = grown.iloc[len(first) :]
    assert not set(drawn["paper"]) & set(first["paper"])
    scale.grow(DATA / "papers.csv", tmp_path / "again.csv", 4000)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "papers.csv").read_bytes()
