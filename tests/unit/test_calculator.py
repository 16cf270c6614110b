"""The data behind the report's calculator are enough to answer as `scalelaw afford` does."""

import base64
import json
import re

import jinja2
import numpy as np
import pytest
import test_afford

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.cost.afford import Desk
from scalelaw.cost.question import Question
from scalelaw.cost.wording import WORDS, say
from scalelaw.forecast.ensemble import FORWARD
from scalelaw.report.calculator import calculator_data
from scalelaw.report.render import page_scripts

folder = test_afford.folder

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("scalelaw.report", "."), autoescape=True, trim_blocks=True
)
PEAK = 1.25e14
"""FLOP a second of the device of these results."""


@pytest.fixture(scope="module")
def desk(folder):
    return Desk(folder / "results")


@pytest.fixture(scope="module")
def data(folder):
    """Return the data as the page reads them."""
    return json.loads(json.dumps(made(folder), allow_nan=False), parse_constant=pytest.fail)


def made(folder, benchmarks=("imagenet", "floored", "scattered", "few")):
    known = read_benchmarks([folder / "data/benchmarks.yaml"])
    at = folder / "results/projections"
    shown = {key: known[key] for key in benchmarks}
    return calculator_data(at / "curves.csv", at / "draws.parquet", at / "scenario.json", shown)


def unpack(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype).astype(np.float64)


def of(data, key):
    return next(b for b in data["benchmarks"] if b["key"] == key)


def log_compute(form, lines, error):
    """Return log10 FLOP from the data of a form alone."""
    height, slope, scatter = (unpack(lines[name], "<f8") for name in ("height", "slope", "scatter"))
    above = np.full(len(height), error)
    if form == "floored":
        above = error - np.array(lines["floors"])[unpack(lines["floor"], "<u2").astype(int)]
    with np.errstate(invalid="ignore", divide="ignore"):
        at = 1 / above if form == "exponential" else -np.log10(above)
        logs = height + slope * (at - lines["pivot"]) + scatter
    return np.where((slope > 0) & (above > 0), logs, np.inf)


def quantiles(logs, level):
    tail = (1 - level) / 2
    with np.errstate(over="ignore"):
        return 10 ** np.quantile(logs, [0.5, tail, 1 - tail], method="inverted_cdf")


def rows(answer):
    return {row.name: row.estimate for row in answer.training}


@pytest.mark.parametrize("form", ["all", "power", "exponential", "floored"])
@pytest.mark.parametrize(
    ("key", "error"), [("imagenet", 0.05), ("floored", 0.13), ("floored", 0.11)]
)
def test_an_answer_follows_from_the_data_alone(data, desk, key, error, form):
    own = of(data, key)["training"]
    forms = (
        [form]
        if form != "all"
        else [f for f in own["forms"] if f != "floored" or error > own["floor"]]
    )
    flop = [log_compute(f, own["forms"][f], error) for f in forms]
    links = data["links"]
    device = next(d for d in data["devices"] if d["name"] == data["device"])
    rents = np.array(device["quotes"][str(data["year"])])
    picked = rents[(unpack(links["rent"], "<u4") * len(rents) // 2**32).astype(int)]
    usd = np.concatenate([f - np.log10(device["peak"] * 3600) + np.log10(picked) for f in flop])
    found = rows(desk.answer(Question(key, error, form=form, ignore_floor=True)))
    for name, logs in (("flop", np.concatenate(flop)), ("usd", usd)):
        theirs = found[name]
        expected = [theirs.median, theirs.lower, theirs.upper]
        assert list(quantiles(logs, data["level"])) == pytest.approx(expected, rel=1e-9), name
        assert np.isinf(logs).mean() == theirs.share_unreachable


def test_draws_are_kept_to_the_last_digits_but_rounding(data, desk):
    for key, basis in (("imagenet", "hardware"), ("floored", "hardware"), ("imagenet", FORWARD)):
        theirs = desk.ensembles[key, basis]
        mine = of(data, key)["forward" if basis == FORWARD else "training"]
        assert list(mine["error_range"]) == list(theirs.error_range)
        assert set(mine["forms"]) == set(theirs.draws)
        for form in theirs.draws:
            for error in (0.3, 0.12, 0.01):
                logs = log_compute(form, mine["forms"][form], error)
                assert np.allclose(logs, theirs.log_compute(error, form), rtol=1e-12, atol=1e-9)


def test_floors_are_exact(data, desk):
    lines = of(data, "floored")["training"]["forms"]["floored"]
    floors = np.array(lines["floors"])[unpack(lines["floor"], "<u2").astype(int)]
    assert list(floors) == list(desk.ensembles["floored", "hardware"].draws["floored"][:, 2])
    curves = read_result_of(desk, "floored")
    assert of(data, "floored")["fitted_floor"] == curves["floor"].iloc[0]


def read_result_of(desk, key):
    curves = desk.curves
    return curves[(curves["benchmark"] == key) & (curves["form"] == "floored")]


def test_only_what_was_fitted_and_can_be_priced_is_offered(data, desk):
    assert [b["key"] for b in data["benchmarks"]] == [
        key
        for key in ("imagenet", "floored", "scattered", "few")
        if (key, "hardware") in desk.ensembles
    ]
    assert "few" not in {b["key"] for b in data["benchmarks"]}
    # The other device has neither a price nor a rent.
    assert [d["name"] for d in data["devices"]] == ["NVIDIA V100"]
    assert data["devices"][0]["peak"] == PEAK


def test_where_nothing_was_fitted_the_section_says_so(folder):
    data = made(folder, ("few",))
    assert data == {"benchmarks": []}
    html = section(data)
    assert "No benchmark was fitted" in html
    assert "<script" not in html


def section(data):
    return ENVIRONMENT.get_template("sections/calculator.html.j2").render(
        calculator=data, scripts=page_scripts()
    )


def test_the_page_needs_no_policy_but_for_its_scripts(data):
    html = section(data)
    assert html.count("<script>") == 1
    for name in ("calculator.js", "arrays.js"):
        script, _, _ = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)
        for banned in ("<!--", "eval(", "Function(", "innerHTML", "fetch(", 'setAttribute("style'):
            assert banned not in script
    assert not re.search(r"\s(on\w+|style|src)=", html.split("<script")[0])
    start = html.index(">", html.index('<script type="application/json"')) + 1
    assert json.loads(html[start : html.index("</script>", start)]) == data


def test_every_text_of_the_script_is_one_of_the_command():
    script, _, _ = ENVIRONMENT.loader.get_source(ENVIRONMENT, "calculator.js")
    used = set(re.findall(r'say\(source, "(\w+)"', script))
    assert {"floor", "never_reach", "no_rent", "utilisation_idle"} <= used
    assert used <= set(WORDS)


def test_texts_have_the_places_that_are_filled():
    assert say("few_quotes", n=2) == "only 2 quote(s) of its rent"
    with pytest.raises(KeyError):
        say("few_quotes")
