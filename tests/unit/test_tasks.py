"""What the tables of results say, row by row."""

import numpy as np
import pytest

from scalelaw import tasks
from scalelaw.streams import stream
from scalelaw.tables import read_records, read_result
from small_corpus import planted_rows

CHECKED = ("records", "parquet", "excluded", "problems", "waived")
CHOSEN = {"analyse": ["imagenet"], "bases": ["hardware"], "exclude_scopes": []}


@pytest.fixture
def tables(corpus_files, tmp_path):
    """Run checks, fits and decomposition on a planted law with one paper off it."""
    rows = planted_rows(papers=10)
    for row in rows[:2]:
        row["training_hours"] = repr(30 * float(row["training_hours"]))
    out = {name: tmp_path / f"{name}.csv" for name in CHECKED}
    assert tasks.run("check_corpus", None, **corpus_files(*rows), **CHOSEN, **out) == 0
    common = {
        "records": out["records"],
        "benchmarks": ["imagenet"],
        "min_papers": 5,
        "replicates": 200,
        "level": 0.95,
        "seed": 1,
    }
    fits = {name: tmp_path / f"{name}.csv" for name in ("exponents", "left_out", "sensitivity")}
    models = tmp_path / "models"
    models.mkdir()
    (models / "stale.hardware.york.json").write_text("{}")
    settings = {**common, "bases": ["hardware"], "error_sd_decades": 0.02, "fits": models}
    assert tasks.run("fit_power_laws", None, **settings, **fits) == 0
    split = {"pair_table": tmp_path / "pairs.csv", "trend_table": tmp_path / "trends.csv"}
    assert tasks.run("decompose_compute", None, **common, pairs=[], **split) == 0
    return {**out, **fits, **split, "models": models}


def test_the_paper_that_decides_is_named(tables):
    row = read_result(tables["exponents"]).iloc[0]
    assert row["most_influential_paper"] == "author2012word"
    assert row["left_out_max"] == pytest.approx(8.0, abs=1e-9)
    assert row["largest_paper_share"] == pytest.approx(0.1)
    assert row["halving_factor"] == pytest.approx(2 ** row["exponent"])
    assert row["halving_upper"] == pytest.approx(2 ** row["ci_upper"])


def test_stored_fits_of_an_earlier_run_are_gone(tables):
    assert sorted(path.name for path in tables["models"].iterdir()) == [
        f"imagenet.hardware.{d}.json" for d in ("compute_on_error", "error_on_compute", "york")
    ]


def test_doubling_times_are_given_where_growth_is_certain(tables):
    trends = read_result(tables["trend_table"])
    yearly = trends[(trends["regressor"] == "year") & (trends["status"] == "fitted")]
    certain = yearly[yearly["lower"] > 0]
    assert len(certain) > 0
    expected = (np.log10(2) / certain["slope"]).tolist()
    assert certain["doubling_years"].tolist() == pytest.approx(expected)
    assert yearly[yearly["lower"] <= 0]["doubling_years"].isna().all()


def test_the_choice_of_the_peak_rate_has_a_row_each(tables):
    choices = read_result(tables["sensitivity"]).set_index("sample")
    assert choices.loc["number format stated", "n_records"] == 0
    exponent = choices["exponent"]
    assert exponent["all, as used"] == exponent["number format not stated"]
    assert choices.loc["all at the FP32 peak", "n_records"] == 20


def test_dates_become_decimal_years(corpus_files, tmp_path):
    rows = planted_rows(papers=1)
    rows[0]["date"], rows[1]["date"] = "2012-12", "2020-07-02"
    out = {name: tmp_path / f"{name}.csv" for name in CHECKED}
    assert tasks.run("check_corpus", None, **corpus_files(*rows), **CHOSEN, **out) == 0
    assert read_records(out["records"])["year"].tolist() == pytest.approx([2012.954, 2020.5])


def test_each_fit_draws_from_a_stream_of_its_own():
    first = stream(1, "imagenet", "hardware").generate_state(4).tolist()
    assert first == stream(1, "imagenet", "hardware").generate_state(4).tolist()
    assert first != stream(1, "imagenet", "reported").generate_state(4).tolist()
    assert first != stream(2, "imagenet", "hardware").generate_state(4).tolist()
