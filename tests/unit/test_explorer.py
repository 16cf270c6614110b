"""The data behind the report's tick boxes are those of the table of specifications."""

import base64
import json
import math
import re
from dataclasses import replace

import jinja2
import numpy as np
import pytest

from scalelaw.claims.ledger import CANNOT_BE_TOLD, NOT_SUPPORTED, SUPPORTED, Claim, judge
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.multiverse.grid import CHOICES, in_words
from scalelaw.multiverse.summary import poll_claims
from scalelaw.multiverse.table import join_chunks, write_units
from scalelaw.report.explorer import NUMBERS, explorer_data
from scalelaw.report.render import page_scripts

CLAIM = Claim(
    "key", "words of a claim", "study", "2021-09", "exponent", {}, "at_least", 7,
    math.nan, math.nan, 1.0, "a source", "https://example.org",
)  # fmt: skip


def benchmark(key, **changes):
    given = {"name": key.title(), "task": "", "test_set": "", "fitted": "top1", "metrics": {}}
    return Benchmark(key=key, error_label="error", **(given | changes))


BENCHMARKS = {
    "first": benchmark("first", targets=(0.07,)),
    "empty": benchmark("empty"),
    "second": benchmark("second"),
}
SAMPLES = ("until_2020", "without:smith2020zoo", "best_per_paper", "all")


def rows_of(key, n):
    """Return fitted specifications on several samples, and one that is not fitted on each."""
    rng = np.random.default_rng(1)
    for number, sample in enumerate(SAMPLES):
        made = {"benchmark": key, "basis": "operations" if number % 2 else "hardware"}
        made |= {"sample": sample, "n_records": 10 + number, "n_papers": 5 + number}
        for form in ("floored", "power")[:n]:
            for direction in ("error_on_compute", "compute_on_error"):
                value = rng.normal(8, 4)
                low, high = value - rng.uniform(0.1, 2), value + rng.uniform(0.1, 2)
                yield made | {
                    "error_transform": "complement", "form": form, "direction": direction,
                    "estimator": "least_squares", "status": "fitted",
                    "exponent": value, "exponent_lower": low, "exponent_upper": high,
                    "log10_flop": 20 + value, "log10_flop_lower": 20 + low,
                    "log10_flop_upper": math.inf,
                }  # fmt: skip
        yield made | {
            "error_transform": "log_odds", "form": "broken", "direction": "york",
            "estimator": "huber", "status": "not fitted: too few",
        }  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    rows = [list(rows_of("first", 2)), list(rows_of("second", 1))]
    write_units(enumerate(rows), folder / "chunk.parquet")
    join_chunks([folder / "chunk.parquet"], folder / "all.parquet")
    fitted = [row for unit in rows for row in unit if row["status"] == "fitted"]
    return folder / "all.parquet", fitted


def column(told, name):
    dtype = "<u2" if name in ("unit", "law") else "<f4"
    return np.frombuffer(base64.b64decode(told["columns"][name]), dtype)


def decoded(told):
    """Return the specifications as the script reads them."""
    options = [[option["key"] for option in of] for of in told["options"]]
    figures = {name: column(told, name) for name in NUMBERS}
    for n, (u, law) in enumerate(zip(column(told, "unit"), column(told, "law"), strict=True)):
        basis, sample, n_records, n_papers = told["units"][u]
        codes = (basis, sample, *told["laws"][law])
        chosen = zip(CHOICES, options, codes, strict=True)
        yield (
            {choice: of[code] for choice, of, code in chosen}
            | {"n_records": n_records, "n_papers": n_papers}
            | {name: float(values[n]) for name, values in figures.items()}
        )


def test_the_embedded_data_are_those_of_the_table(table):
    path, fitted = table
    told = explorer_data(path, BENCHMARKS, [])["benchmarks"]
    assert [of["key"] for of in told] == ["first", "second"]
    for of in told:
        expected = [row for row in fitted if row["benchmark"] == of["key"]]
        found = list(decoded(of))
        assert len(found) == len(expected)
        for one, row in zip(found, expected, strict=True):
            names = [*CHOICES, "n_records", "n_papers"]
            assert {name: one[name] for name in names} == {name: row[name] for name in names}
            assert [one[name] for name in NUMBERS] == pytest.approx(
                [row[name] for name in NUMBERS], rel=1e-6
            )


def test_options_are_those_that_occur_known_ones_first(table):
    path, _ = table
    first, second = explorer_data(path, BENCHMARKS, [])["benchmarks"]
    samples = [option["key"] for option in first["options"][list(CHOICES).index("sample")]]
    assert samples == ["all", "best_per_paper", "until_2020", "without:smith2020zoo"]
    forms = list(CHOICES).index("form")
    assert [option["key"] for option in first["options"][forms]] == ["power", "floored"]
    assert [option["key"] for option in second["options"][forms]] == ["floored"]
    for choice, options in zip(CHOICES, first["options"], strict=True):
        known = [o for o in options if o["key"] != "without:smith2020zoo"]
        assert all(o["label"] == in_words(choice, o["key"]) for o in known)


def test_the_key_of_a_paper_that_is_left_out_is_told_in_words(table):
    first, _ = explorer_data(table[0], BENCHMARKS, [])["benchmarks"]
    labels = [option["label"] for option in first["options"][list(CHOICES).index("sample")]]
    assert labels[-1] == "without smith 2020 zoo"


def test_a_benchmark_without_a_target_says_so(table):
    first, second = explorer_data(table[0], BENCHMARKS, [])["benchmarks"]
    assert (first["target"], second["target"]) == (0.07, None)


@pytest.mark.parametrize(
    ("quantity", "relation", "figure"),
    [("exponent", "at_least", 7), ("exponent", "at_most", 9), ("halving_factor", "at_least", 150)],
)
def test_claims_fare_as_in_the_table_of_support(table, quantity, relation, figure):
    path, _ = table
    claim = replace(
        CLAIM, quantity=quantity, relation=relation, figure=figure, of={"benchmark": "first"}
    )
    first, second = explorer_data(path, BENCHMARKS, [claim])["benchmarks"]
    assert second["claims"] == []
    (told,) = first["claims"]
    low = -math.inf if told["low"] is None else told["low"]
    high = math.inf if told["high"] is None else told["high"]
    band = replace(claim, quantity="exponent", relation="between", lower=low, upper=high)
    verdicts = judge(band, *(column(first, name) for name in NUMBERS[:3]))
    (polled,) = poll_claims(path, [claim]).to_dict("records")
    shares = [(verdicts == v).mean() for v in (SUPPORTED, NOT_SUPPORTED, CANNOT_BE_TOLD)]
    expected = [polled[name] for name in ("supported", "not_supported", "cannot_be_told")]
    assert shares == expected
    assert min(shares) > 0


def test_a_claim_about_something_else_is_not_told(table):
    claim = replace(CLAIM, quantity="r_squared", of={"benchmark": "first"})
    assert explorer_data(table[0], BENCHMARKS, [claim])["benchmarks"][0]["claims"] == []


def test_nothing_fitted_gives_no_benchmark(tmp_path):
    unfitted = [row for row in rows_of("first", 1) if row["status"] != "fitted"]
    write_units([(0, unfitted)], tmp_path / "chunk.parquet")
    join_chunks([tmp_path / "chunk.parquet"], tmp_path / "all.parquet")
    assert explorer_data(tmp_path / "all.parquet", BENCHMARKS, [])["benchmarks"] == []


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("scalelaw.report", "."), autoescape=True
)
ENVIRONMENT.filters["percent"] = str


def section(data):
    template = ENVIRONMENT.get_template("sections/explorer.html.j2")
    return template.render(explorer=data, settings={"level": "95%"}, scripts=page_scripts())


def test_no_name_can_end_the_data_early(table):
    nasty = "</script><!--<script>&'\"\u2028"
    claim = replace(CLAIM, of={"benchmark": "first"}, claim=nasty)
    named = {**BENCHMARKS, "first": benchmark("first", name=nasty)}
    data = explorer_data(table[0], named, [claim])
    html = section(data)
    assert html.count("</script>") == 2
    start = html.index(">", html.index('<script type="application/json"')) + 1
    told = html[start : html.index("</script>", start)]
    assert json.loads(told, parse_constant=pytest.fail) == data
    assert data["benchmarks"][0]["name"] == data["benchmarks"][0]["claims"][0]["claim"] == nasty


def test_a_policy_that_allows_one_script_is_enough():
    script, _, _ = ENVIRONMENT.loader.get_source(ENVIRONMENT, "explorer.js")
    html = section({"benchmarks": [{}], "choices": []})
    assert html.count("<script>") == 1
    assert html.split("<script>")[1].split("</script>")[0].strip() == script.strip()
    for banned in ("<!--", "eval(", "Function(", "innerHTML", "fetch(", 'setAttribute("style'):
        assert banned not in script
    assert not re.search(r"\s(on\w+|style|src)=", html.split("<script")[0])


def test_where_nothing_was_fitted_there_is_no_script():
    html = section({"benchmarks": [], "choices": []})
    assert "No combination" in html
    assert "<script" not in html
