"""The question "can I pay?", asked of a small run whose answers are known."""

import json
import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from scalelaw import tasks
from scalelaw.cli import main
from scalelaw.corpus.schema import PRICES as PRICE_COLUMNS
from scalelaw.cost.afford import Desk
from scalelaw.cost.answer import Answer, Row, money, share_in_words
from scalelaw.cost.project import Estimate
from scalelaw.cost.question import (
    Question,
    parse_budget,
    parse_error,
    parse_predictions,
    parse_utilisation,
)
from scalelaw.cost.run import Run
from scalelaw.errors import ScalelawError
from scalelaw.forecast.ensemble import FORWARD, Ensemble
from scalelaw.tables import read_result
from small_corpus import (
    BENCHMARKS,
    DEVICES,
    PRICES,
    ROW,
    planted_rows,
    write_costs,
    write_csv,
    write_hardware,
    write_papers,
)

# Rents of 2023 are one dollar, so that only fits, electricity and utilisation are uncertain.
SETTINGS = {"basis": "hardware", "level": 0.9, "seed": 5}
YEAR = 2023
PEAK = 1.25e14 * 3600
"""FLOP that a V100 does in an hour at its peak."""


def training_hours(burden):
    return repr(burden / 1.581e12 / 3600)


def imagenet_rows():
    """Rows whose burden is 1e12 x (1/e)^8, and whose forward FLOP are 1e6 x (1/e)^3."""
    return [
        row | {"forward_flop": repr(1e6 * (100 / float(row["value"])) ** 3)}
        for row in planted_rows()
    ]


def detection_rows(key, papers, error_of):
    """Rows of a benchmark of average precision, two a paper, tenfold compute each time."""
    return [
        ROW
        | {
            "record_id": f"{key}-{i}",
            "paper": f"author20{12 + i // 2}{key}",
            "model": f"{key} {i}",
            "benchmark": key,
            "metric": "ap",
            "value": repr(100 * (1 - error_of(i))),
            "date": f"20{12 + i // 2}-06",
            "n_devices": "1",
            "training_hours": training_hours(10.0 ** (16 + 0.5 * i)),
        }
        for i in range(2 * papers)
    ]


def above_floor(i):
    """Errors 0.1 + 0.4 / 16^(i/15): a floor of 0.1, and 0.125 at the last of sixteen."""
    return 0.1 + 0.4 * 16 ** (-i / 15)


def scattered(i):
    """Errors that fall with compute, but not on a line."""
    return 0.5 * 0.93**i * (1.1 if i % 3 else 0.9)


def define(data):
    """Write benchmarks: ImageNet, one with a floor, one that scatters, small and unused ones."""
    content = yaml.safe_load(BENCHMARKS)
    content["imagenet"]["targets"] = [0.1, 0.05, 0.01]
    for key in ("floored", "scattered", "few", "unused"):
        content[key] = content["other"] | {"name": key.title(), "targets": [0.11, 0.05]}
    (data / "benchmarks.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with data and the results that answers need."""
    root = tmp_path_factory.mktemp("afford")
    data, results = root / "data", root / "results"
    data.mkdir()
    write_papers(
        data / "papers.csv",
        [
            *imagenet_rows(),
            *detection_rows("floored", 8, above_floor),
            *detection_rows("scattered", 8, scattered),
            *detection_rows("few", 3, scattered),
        ],
    )
    write_hardware(data / "hardware.csv", DEVICES)
    define(data)
    write_costs(data)
    benchmarks = ["imagenet", "floored", "scattered", "few"]
    shared = {"benchmark_files": [data / "benchmarks.yaml"], "benchmarks": benchmarks, **SETTINGS}
    checked = {
        name: results / f"{name}.csv"
        for name in ("records", "parquet", "excluded", "problems", "waived")
    }
    status = tasks.run(
        "check_corpus",
        papers=[data / "papers.csv"],
        hardware=[data / "hardware.csv"],
        benchmarks=[data / "benchmarks.yaml"],
        analyse=benchmarks,
        bases=["hardware"],
        exclude_scopes=[],
        **checked,
    )
    assert status == 0
    made = results / "projections"
    fits = {"curves": made / "curves.csv", "draws": made / "draws.parquet"}
    tasks.get("fit_curves")(
        records=checked["records"], min_papers=5, error_sd_decades=0.02, n_draws=300,
        **shared, **fits,
    )  # fmt: skip
    tasks.get("project_costs")(
        hardware=[data / "hardware.csv"], prices=data / "prices.csv", grid=data / "grid.csv",
        constants=data / "costs.yaml", device="V100", year=YEAR, places=["World", "France"],
        home="V100", predictions_per_day=1e6, projections=made / "projections.csv",
        running=made / "running.csv", scenario=made / "scenario.json", **shared, **fits,
    )  # fmt: skip
    return root


@pytest.fixture
def ask(folder, capsys):
    """Return a function that asks on the command line and gives status, output and errors."""

    def run(*words, benchmark="imagenet", root=folder):
        at = ["--results", str(root / "results")]
        status = main(["afford", "--benchmark", benchmark, *map(str, words), *at])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def ask_json(ask):
    """Return a function that asks for JSON and gives it with its rows by quantity."""

    def run(*words, **kwargs):
        status, out, err = ask("--json", *words, **kwargs)
        assert (status, err) == (0, "")
        found = json.loads(out, parse_constant=pytest.fail)
        for part in ("training", "running_per_day"):
            found[part] = {row.pop("quantity"): row for row in found[part]}
        return found

    return run


@pytest.fixture
def copy(folder, tmp_path):
    """Return a copy of data and results that a test may change."""
    root = shutil.copytree(folder, tmp_path / "copy")
    path = root / "results/projections/scenario.json"
    path.write_text(path.read_text().replace(str(folder), str(root)))
    return root


def rows_of(folder, name, **wanted):
    table = read_result(folder / "results/projections" / name)
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table.set_index("quantity")


FIGURES = ("median", "lower", "upper", "lower_quartile", "upper_quartile", "share_unreachable")


def as_table(rows, quantity):
    """Return the figures of a quantity, with infinity where JSON has none."""
    return [math.inf if rows[quantity][name] is None else rows[quantity][name] for name in FIGURES]


@pytest.mark.parametrize(
    ("benchmark", "error", "form", "options"),
    [
        ("imagenet", 0.1, "all", ()),
        ("imagenet", 0.05, "power", ()),
        ("imagenet", 0.01, "exponential", ("--ignore-floor",)),
        ("scattered", 0.05, "all", ()),
        ("scattered", 0.11, "exponential", ()),
        ("floored", 0.11, "floored", ()),
        ("floored", 0.05, "all", ()),
    ],
)
def test_an_answer_is_that_of_the_pipeline_to_all_digits(
    ask_json, folder, benchmark, error, form, options
):
    found = ask_json("--error", error, "--form", form, *options, benchmark=benchmark)
    stored = rows_of(folder, "projections.csv", benchmark=benchmark, error=error, form=form)
    assert set(found["training"]) == set(stored.index)
    for quantity, row in stored.iterrows():
        assert as_table(found["training"], quantity) == row[list(FIGURES)].tolist()


def test_running_costs_are_those_of_the_pipeline_to_all_digits(ask_json, folder):
    found = ask_json("--error", "5%")["running_per_day"]
    stored = rows_of(folder, "running.csv", benchmark="imagenet", error=0.05)
    assert set(found) == set(stored.index)
    for quantity, row in stored.iterrows():
        assert as_table(found, quantity) == row[list(FIGURES)].tolist()


def test_the_answer_on_planted_data_is_known(ask_json):
    # 1e12 x 10^8 FLOP at an error of 10%; a V100 takes 222 hours, at a dollar each.
    found = ask_json("--error", "10%", "--form", "power")
    training = found["training"]
    for quantity, value in (("flop", 1e20), ("device_hours", 1e20 / PEAK), ("usd", 1e20 / PEAK)):
        row = training[quantity]
        assert [row[name] for name in FIGURES] == pytest.approx([*[value] * 5, 0], rel=1e-6)
    assert training["home_years"]["median"] == pytest.approx(1e20 / PEAK / 8766, rel=1e-6)
    # Of 300 W: load 0.75, server 1.67 to 2.03, data centre 1.1 to 1.56.
    kwh = training["kwh"]["lower"], training["kwh"]["upper"]
    assert 0.225 * 1.67 * 1.1 < min(kwh) / (1e20 / PEAK) < max(kwh) / (1e20 / PEAK) < 0.225 * 3.167
    assert found["level"] == 0.9


def test_a_prediction_costs_its_forward_flop_over_utilisation(ask_json):
    found = ask_json("--error", "10%", "--predictions-per-day", "1e6")["running_per_day"]
    more = ask_json("--error", "10%", "--predictions-per-day", "5e6")["running_per_day"]
    # Power law and floor agree on 1e6 x 10^3, and are two of three forms.
    assert found["flop"]["median"] == pytest.approx(1e9, rel=1e-6)
    assert more["flop"] == found["flop"]
    for quantity in ("device_hours", "usd", "kwh", "t_co2"):
        assert more[quantity]["median"] == pytest.approx(5 * found[quantity]["median"])
    # Hours at peak over utilisation, whose median is 0.38.
    median = found["device_hours"]["median"]
    assert 1e6 * found["flop"]["median"] / PEAK / 0.49 < median
    assert median < 1e6 * found["flop"]["median"] / PEAK / 0.30


@pytest.mark.parametrize("options", [(), ("--own",), ("--year", "2020", "--place", "France")])
@pytest.mark.parametrize("error", [0.3, 0.1, 0.05])
def test_an_errors_price_buys_that_error(ask_json, error, options):
    options = ("--form", "power", *options)
    usd = ask_json("--error", error, *options)["training"]["usd"]
    back = ask_json("--budget", repr(usd["median"]), *options)["training"]["error"]
    # Rents of 2020 are two or four dollars, which is a factor of 2^(1/8) of the error.
    assert back["lower"] <= error * (1 + 1e-6)
    assert back["upper"] >= error * (1 - 1e-6)
    assert back["median"] == pytest.approx(error, rel=0.01)
    if not options[2:]:
        assert back["median"] == pytest.approx(error, rel=1e-6)


def test_more_money_buys_a_lower_error_and_a_lower_error_costs_more(ask_json):
    budgets = [
        ask_json("--budget", usd, benchmark="scattered")["training"]["error"]["median"]
        for usd in (1, 100, 10_000)
    ]
    prices = [
        ask_json("--error", error, benchmark="scattered")["training"]["usd"]["median"]
        for error in (0.2, 0.1, 0.05)
    ]
    assert budgets == sorted(budgets, reverse=True)
    assert prices == sorted(prices)
    assert len(set(budgets)) == len(set(prices)) == 3


def test_owning_has_no_rent_and_no_data_centre(ask_json):
    rented = ask_json("--error", "10%", "--form", "power")
    owned = ask_json("--error", "10%", "--form", "power", "--own")
    assert owned["training"]["flop"] == rented["training"]["flop"]
    assert owned["training"]["kwh"]["upper"] < rented["training"]["kwh"]["upper"]
    # 8,000 US$ lose 0.32 a year, and 0.4 kW cost 0.16 US$ a kWh.
    hours = 1e20 / PEAK
    low, high = ((8000 * 0.32 / 8766 + kw * 0.1648) * hours for kw in (0.225 * 1.67, 0.225 * 2.03))
    assert low < owned["training"]["usd"]["median"] < high
    assert any(w.startswith("owned: value lost") for w in owned["warnings"])
    assert "V100, owned, 2023" in owned["heading"][1]
    assert "V100, rented, 2023" in rented["heading"][1]


def test_the_place_changes_only_the_carbon(ask_json):
    world = ask_json("--error", "10%", "--place", "World")["training"]
    france = ask_json("--error", "10%", "--place", "france")["training"]
    assert world.keys() == france.keys()
    changed = {name for name in world if world[name] != france[name]}
    assert changed == {"t_co2", "nyc_month_t_co2e", "car_year_t_co2", "person_year_t_co2"}
    assert world["t_co2"]["median"] == pytest.approx(10 * france["t_co2"]["median"])


def test_a_form_whose_floor_lies_above_the_error_is_left_out_and_named(ask_json):
    found = ask_json("--error", "5%", benchmark="floored")
    assert found["training"]["flop"]["upper"] is not None
    assert found["training"]["flop"]["share_unreachable"] == 0
    assert any(w.startswith("the power law above a floor is left out") for w in found["warnings"])
    above = ask_json("--error", "15%", benchmark="floored")
    assert not any("left out" in warning for warning in above["warnings"])


def test_never_is_null_in_json_and_a_word_in_text():
    row = Row("usd", "US$", Estimate(5.0, 1.0, math.inf, 2.0, 9.0, 0.1))
    answer = Answer(("heading",), [row], [], [], 0.95)
    assert json.loads(answer.to_json())["training"][0]["upper"] is None
    assert "1.0 to never" in answer.to_text()


def test_json_has_no_value_that_is_no_json(ask, ask_json):
    for words in (
        ("--error", "9%", "--form", "floored", "--ignore-floor"),
        ("--error", "0.001%"),
        ("--budget", "1e-9"),
        ("--budget", "1e300"),
    ):
        ask_json(*words, benchmark="floored")
        _, out, _ = ask(*words, benchmark="floored")
        assert "nan" not in out.lower()


def test_text_says_what_was_asked_with_interval_and_warnings(ask):
    status, out, err = ask("--error", "5%")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "ImageNet, top-1 error of 5%"
    assert lines[1] == (
        "NVIDIA V100, rented, 2023; electricity of one of World, France, drawn equally"
    )
    assert lines[2] == (
        "hardware basis (compute at peak rate, no utilisation); all forms and directions; "
        "90% prediction intervals; 1,000,000 predictions a day"
    )
    assert re.search(r"to train +median +90% interval", out)
    assert re.search(r"US\$ +[\d.,× ⁰¹²³⁴⁵⁶⁷⁸⁹]+ to ", out)
    warnings = [line for line in lines if line.startswith("! ")]
    assert any("only 1 quote(s) of its rent" in w for w in warnings)
    assert "! electricity of World, France is that of 2020" in warnings
    # 0.4 x 0.92^15 is 11.45%, at which 1e12 x (1/e)^8 is 3.4e19.
    assert "! no record of the data has an error under 11%" in warnings
    assert any("decades beyond the data, which reach 3.4 × 10¹⁹ FLOP" in w for w in warnings)
    assert any("running costs are extrapolated" in w for w in warnings)


def test_what_lies_within_the_data_warns_of_no_extrapolation(ask):
    _, out, _ = ask("--error", "20%")
    assert "beyond the data" not in out
    assert "no record" not in out
    assert "extrapolated" not in out


def test_decades_beyond_the_data_are_those_of_the_median(ask, ask_json):
    flop = ask_json("--error", "5%", "--form", "power")["training"]["flop"]["median"]
    _, out, _ = ask("--error", "5%", "--form", "power")
    # 2.56e22 FLOP at 5%, and 3.36e19 at the most in the data.
    assert math.log10(flop / 3.36e19) == pytest.approx(2.88, abs=0.01)
    assert "! the compute lies 2.9 decades beyond the data, which reach 3.4 × 10¹⁹ FLOP" in out


def test_a_benchmark_without_forward_flop_has_no_running_costs(ask_json):
    found = ask_json("--error", "20%", benchmark="scattered")
    assert found["running_per_day"] == {}
    assert "no running costs: too few papers state forward FLOP" in found["warnings"]


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        ("0.0001", "are less than any run in the data (1.5 × 10¹⁵)"),
        ("1e9", "the compute lies 7.1 decades beyond the data, which reach 3.4 × 10¹⁹ FLOP"),
        ("1e300", "the compute is beyond any number (the data reach 3.4 × 10¹⁹ FLOP)"),
        ("1e9", "no record of the data has an error under 11%"),
        (
            "1e9",
            "errors under 2.0% cannot be told from wrong labels: so many of the test set are wrong",
        ),
    ],
)
def test_a_budget_beyond_the_data_says_so(ask_json, usd, expected):
    found = ask_json("--budget", usd, "--form", "power")
    assert any(expected in warning for warning in found["warnings"])


def test_a_budget_within_the_data_warns_of_nothing_but_its_quotes(ask_json):
    # At 50 US$ a V100 does 2.25e19 FLOP.
    found = ask_json("--budget", "50", "--form", "power")
    assert found["training"]["flop"]["median"] == pytest.approx(50 * PEAK)
    assert not any("data" in w for w in found["warnings"])


# What is refused.

FLOOR = "lies under the known floor of 2%, the share of wrong labels in the test set (an audit)"


@pytest.mark.parametrize(
    ("words", "benchmark", "expected"),
    [
        (["--error", "5%"], "imagnet", 'no benchmark "imagnet" (did you mean "imagenet"?)'),
        (["--error", "5%"], "xyz", 'no benchmark "xyz" (known: imagenet, other, floored, '),
        (["--error", "5%", "--device", "V10"], "imagenet", 'device "V10" (did you mean "V100"?)'),
        (["--error", "5%", "--place", "Frence"], "imagenet", '"Frence" (did you mean "France"?)'),
        (["--error", "5%", "--preset", "studdy"], "imagenet", '"studdy" (did you mean "study"?)'),
        (["--error", "5%", "--preset", "mine"], "imagenet", 'no preset "mine" (known: study)'),
        (["--error", "5%", "--preset", "study"], "floored", '"study" knows only imagenet'),
        (["--error", "1e-40", "--preset", "study"], "imagenet", "(ask for a higher error)"),
        (["--error", "5"], "imagenet", '"5" is not an error between 0 and 100% (did you mean 5%?)'),
        (["--error", "150%"], "imagenet", '"150%" is not an error between 0 and 100%'),
        (["--error", "0"], "imagenet", '"0" is not an error between 0 and 100%'),
        (["--error=-5%"], "imagenet", '"-5%" is not an error between 0 and 100%'),
        (["--error", "five"], "imagenet", '"five" is not an error between 0 and 100%'),
        (["--error", ""], "imagenet", '"" is not an error between 0 and 100%'),
        (["--error", "nan"], "imagenet", '"nan" is not an error between 0 and 100%'),
        (["--budget=-9"], "imagenet", '--budget must be a positive number, not "-9" (write 1000'),
        (["--budget", "0"], "imagenet", "--budget must be a positive number"),
        (["--budget", "nan"], "imagenet", "--budget must be a positive number"),
        (["--budget", "inf"], "imagenet", "--budget must be a positive number"),
        (["--budget", "lots"], "imagenet", '--budget must be a positive number, not "lots"'),
        (["--error", "5%", "--utilisation", "40"], "imagenet", 'at most 1, not "40" (did you mean'),
        (["--error", "5%", "--predictions-per-day", "0"], "imagenet", "--predictions-per-day must"),
        (
            ["--error", "5%", "--predictions-per-day", "2e15"],
            "imagenet",
            "--predictions-per-day must be 1.0 × 10¹⁵ or fewer, not 2.0 × 10¹⁵",
        ),
        (
            ["--error", "5%", "--year", "1989"],
            "imagenet",
            "from 1990 to 2100, not 1989",
        ),
        (
            ["--error", "5%", "--year", "2101"],
            "imagenet",
            "from 1990 to 2100, not 2101",
        ),
        (["--error", "5%", "--year", "0"], "imagenet", "from 1990 to 2100, not 0"),
        (["--error", "5%", "--device", ""], "imagenet", 'no device ""'),
        (["--error", "20%"], "few", "Few: not fitted: 3 paper(s) with compute, at least 5"),
        (["--error", "20%"], "few", "(fitted are floored, imagenet, scattered)"),
        (["--error", "20%"], "unused", "Unused: not among the benchmarks of the run"),
        (["--error", "1.5%"], "imagenet", FLOOR),
        (["--error", "2%"], "imagenet", "2% lies at the known floor of 2%"),
        (["--error", "1.5%"], "imagenet", "(ask for a higher error, or add --ignore-floor"),
        (["--error", "9%", "--form", "floored"], "floored", "lies under the fitted floor of 10%"),
        (["--error", "9%", "--form", "floored"], "floored", "higher error, or for another --form)"),
        (["--error", "9%", "--device", "GTX 580"], "imagenet", "no rent of NVIDIA GeForce GTX 58"),
        (["--error", "9%", "--device", "GTX 580", "--own"], "imagenet", "has no price in hardwar"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_remedy(ask, words, benchmark, expected):
    status, out, err = ask(*words, benchmark=benchmark)
    assert status == 1
    assert out == ""
    assert err.startswith("scalelaw stopped:\n")
    assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [[], ["--error", "5%", "--budget", "9"], ["--error", "5%", "--form", "linear"]]
)
def test_a_question_that_is_none_is_wrong_usage(ask, words):
    with pytest.raises(SystemExit) as stopped:
        ask(*words)
    assert stopped.value.code == 2


def test_without_results_there_is_a_remedy(ask, copy):
    (copy / "results/projections/scenario.json").unlink()
    status, out, err = ask("--error", "5%", root=copy)
    assert (status, out) == (2, "")
    assert (
        "scenario.json is not there: run `snakemake` or `scalelaw report` first, or name the folder"
        in err
    )
    shutil.rmtree(copy / "results")
    assert "draws.parquet is not there: run `snakemake` or" in ask("--error", "5%", root=copy)[2]


@pytest.mark.parametrize("name", ["benchmarks.yaml", "hardware.csv", "grid.csv", "costs.yaml"])
def test_a_missing_table_is_named(ask, copy, name):
    (copy / "data" / name).unlink()
    status, _, err = ask("--error", "5%", root=copy)
    assert status == 2
    assert f"{copy / 'data' / name}, an input of the run that wrote " in err
    assert "is not there (ask from the folder of that run, or run `snakemake` again)" in err


def test_the_input_is_that_of_the_run(ask_json, folder, copy, tmp_path):
    path = copy / "results/projections/scenario.json"
    run = Run.read(folder / "results/projections/scenario.json")
    assert run.prices == folder / "data/prices.csv"
    assert run.benchmark_files == [folder / "data/benchmarks.yaml"]
    before = ask_json("--error", "10%", "--form", "power", root=copy)["training"]["usd"]
    rows = [*PRICES[:-1], PRICES[-1] | {"price_usd": "3"}]
    mine = write_csv(tmp_path / "mine.csv", [column.name for column in PRICE_COLUMNS], rows)
    more = write_hardware(
        tmp_path / "more.csv", [DEVICES[1] | {"device": "My V100", "aliases": ""}]
    )
    replace(run, prices=mine, hardware=[*run.hardware, more]).write(path)
    after = ask_json("--error", "10%", "--form", "power", root=copy)["training"]["usd"]
    assert after["median"] == pytest.approx(3 * before["median"])
    found = ask_json("--error", "10%", "--device", "My V100", "--own", root=copy)
    assert found["heading"][1].startswith("My V100, owned, 2023")


def edit_scenario(**changes):
    def change(path):
        content = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return change


def edit_table(change):
    """Return a function that changes a stored table."""

    def edit(path):
        if path.suffix == ".csv":
            change(pd.read_csv(path)).to_csv(path, index=False)
        else:
            change(pd.read_parquet(path)).to_parquet(path)

    return edit


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("scenario.json", lambda path: path.write_text("{")),
        ("scenario.json", lambda path: path.write_text("[]")),
        ("scenario.json", lambda path: path.write_bytes(b"\xff\xfe\x00")),
        ("scenario.json", edit_scenario(prices=None)),
        ("scenario.json", edit_scenario(year="2023")),
        ("scenario.json", edit_scenario(hardware="data/hardware.csv")),
        ("scenario.json", edit_scenario(places=[])),
        ("scenario.json", edit_scenario(level=95)),
        ("curves.csv", lambda path: path.write_text("")),
        ("curves.csv", lambda path: path.write_bytes(b"\xff\xfe\x00")),
        ("curves.csv", edit_table(lambda table: table.drop(columns="floor"))),
        ("curves.csv", edit_table(lambda table: table.drop(columns="status"))),
        ("curves.csv", edit_table(lambda table: table.assign(compute_max="much"))),
        ("draws.parquet", lambda path: path.write_bytes(b"PAR1")),
        ("draws.parquet", lambda path: path.write_bytes(path.read_bytes()[:-50])),
        ("draws.parquet", edit_table(lambda table: table.drop(columns="scatter"))),
        ("draws.parquet", edit_table(lambda table: table.iloc[:-7])),
        ("draws.parquet", edit_table(lambda table: table.assign(benchmark="another"))),
    ],
)
def test_damaged_or_old_results_have_a_remedy(ask, copy, name, damage):
    path = copy / "results/projections" / name
    damage(path)
    status, out, err = ask("--error", "5%", root=copy)
    assert (status, out) == (1, "")
    assert err.startswith(f"scalelaw stopped:\n{path}: damaged, or written by another version: ")
    assert err.endswith("(run `snakemake` again)\n")


def test_a_new_price_is_in_the_next_answer(ask_json, copy):
    before = ask_json("--error", "10%", "--form", "power", root=copy)["training"]["usd"]
    rows = [*PRICES[:-1], PRICES[-1] | {"price_usd": "3"}]
    write_csv(copy / "data/prices.csv", [column.name for column in PRICE_COLUMNS], rows)
    after = ask_json("--error", "10%", "--form", "power", root=copy)["training"]["usd"]
    assert after["median"] == pytest.approx(3 * before["median"])


# Floors and the study's constants.


def test_a_known_floor_can_be_ignored(ask_json):
    # Exactly 1e12 x 100^8 FLOP at one percent.
    found = ask_json("--error", "1%", "--form", "power", "--ignore-floor")["training"]
    assert found["flop"]["median"] == pytest.approx(1e28, rel=1e-5)


def test_ignoring_floors_leaves_other_answers_as_they_are(ask):
    assert ask("--error", "10%", "--ignore-floor") == ask("--error", "10%")


def test_the_study_answers_with_its_own_constants(ask, ask_json):
    found = ask_json("--error", "5%", "--preset", "study")["training"]
    # 10^26.0 FLOP; at 6.874e16 FLOP a dollar and 3.4976e17 FLOP a pound.
    assert math.log10(found["flop"]["median"]) == pytest.approx(26.0, abs=0.02)
    assert found["usd"]["median"] == pytest.approx(1.485e9, rel=0.01)
    assert found["t_co2"]["median"] == pytest.approx(1.324e5, rel=0.01)
    assert found["nyc_months"]["median"] == pytest.approx(0.0281, rel=0.01)
    for row in found.values():
        assert row["lower"] == row["median"] == row["upper"]
    _, out, _ = ask("--error", "5%", "--preset", "study")
    lines = out.splitlines()
    assert lines[1] == 'preset "study", which knows no uncertainty'
    assert lines[2].startswith("Constants ")
    assert "January 2023" in lines[2]
    assert "interval" not in out


def test_the_study_knows_no_floor_but_a_reader_is_told_of_it(ask_json):
    answer = ask_json("--error", "1%", "--preset", "study")
    flop = answer["training"]["flop"]["median"]
    assert math.log10(flop) == pytest.approx(3.097 / 0.0922, abs=0.001)
    (warning,) = answer["warnings"]
    assert warning.startswith("errors under 2.0% cannot be told from wrong labels")
    assert ask_json("--error", "3%", "--preset", "study")["warnings"] == []


def test_a_benchmark_may_be_called_by_its_name(ask):
    assert ask("--error", "10%", benchmark="ImageNet") == ask("--error", "10%")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--budget", "9", "--preset", "study"], "--preset cannot be combined with --budget (it"),
        (
            ["--error", "5%", "--preset", "study", "--device", "V100", "--year", "2020", "--place",
             "World", "--own", "--form", "all"],
            "combined with --device, --year, --place, --own, --form (it has its own constants: ",
        ),
        (
            ["--error", "5%", "--preset", "study", "--predictions-per-day", "9"],
            "--preset cannot be combined with --predictions-per-day",
        ),
        (["--budget", "9", "--ignore-floor"], "--budget cannot be combined with --ignore-floor (t"),
        (
            ["--budget", "9", "--ignore-floor", "--predictions-per-day", "9"],
            "combined with --ignore-floor, --predictions-per-day (they go with --error: leave",
        ),
    ],
)  # fmt: skip
def test_settings_that_exclude_each_other_are_refused(ask, words, expected):
    status, out, err = ask(*words)
    assert (status, out) == (1, "")
    assert expected in err


def test_a_preset_ignores_floors_by_itself(ask):
    words = ("--error", "1%", "--preset", "study")
    assert ask(*words) == ask(*words, "--ignore-floor")


# Words.


def test_the_training_table_is_told_in_dollars_first(ask_json):
    found = ask_json("--error", "10%")
    first = ["usd", "device_hours", "flop", "kwh", "t_co2", "home_years"]
    assert list(found["training"])[:6] == first
    assert list(found["running_per_day"]) == first[:5]
    assert list(ask_json("--budget", "9")["training"]) == ["error", "device_hours", "flop"]


def test_small_equivalents_are_only_for_programs(ask, ask_json):
    # 222 hours of a V100 are a few hundredths of a year of one, and nothing of a month of New York.
    training = ask_json("--error", "10%", "--form", "power")["training"]
    assert training["nyc_month_t_co2e"]["median"] < 0.01 < training["home_years"]["median"]
    _, out, _ = ask("--error", "10%", "--form", "power")
    assert "New York" not in out
    assert "years of one NVIDIA V100 at full load" in out


def test_only_equivalents_are_left_out_for_being_small(ask):
    _, out, _ = ask("--error", "39%", "--form", "power")
    assert re.search(r"t CO2 +\S+ × 10⁻", out)


def answer_of(name, *figures, level=0.9):
    median, lower, upper, never = figures
    estimate = Estimate(median, lower, upper, lower, upper, never)
    return Answer(("a heading",), [Row(name, "a unit", estimate)], [], [], level)


@pytest.mark.parametrize(
    ("name", "figures", "expected"),
    [
        ("usd", (2, 1, 3, 0), "2.0   1.0 to 3.0"),
        ("usd", (2, 1, math.inf, 0.2), "2.0   1.0 to never"),
        ("usd", (math.inf, 1, math.inf, 0.6), "never   1.0 to never"),
        # Infinite because no number holds it, not because draws never get there.
        ("usd", (2, 1, math.inf, 0.01), "2.0   1.0 to beyond any number"),
        ("usd", (math.inf, 1, math.inf, 0.2), "beyond any number   1.0 to never"),
        ("error", (0.05, 0.01, math.inf, 0.2), "5.0%   1.0% to over 100%"),
        ("error", (math.inf, 0.01, math.inf, 0.6), "over 100%   1.0% to over 100%"),
    ],
)
def test_infinity_in_words(name, figures, expected):
    assert answer_of(name, *figures).to_text().splitlines()[-1].split(maxsplit=2)[2] == expected


def test_draws_that_give_no_error_are_over_100_percent(ask):
    _, out, _ = ask("--budget", "1e-11", "--form", "power", benchmark="scattered")
    assert "over 100%" in out
    assert "never" not in out


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.001, "fewer than 1%"), (0.0099, "fewer than 1%"), (0.01, "1%"), (0.333, "33%"),
     (0.996, "more than 99%"), (1, "100%")],
)  # fmt: skip
def test_shares_of_draws_in_words(share, words):
    assert share_in_words(share) == words


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (1e6, "US$ 1,000,000"), (1234.5, "US$ 1,234.5"), (9, "US$ 9"), (0.5, "US$ 0.5"),
        (123456789012345, "US$ 123,456,789,012,345"), (1e15, "US$ 1.00 × 10¹⁵"),
        (1e-9, "US$ 1.00 × 10⁻⁹"),
    ],
)  # fmt: skip
def test_money_is_told_with_all_its_digits(usd, words):
    assert money(usd) == words


def test_a_budget_is_told_with_all_its_digits(ask):
    _, out, _ = ask("--budget", "1e6")
    assert out.startswith("ImageNet with US$ 1,000,000\n")


@pytest.mark.parametrize(
    ("slope", "floor", "expected"),
    [
        # A few of the draws, most of them, and all of them beyond 10^308.
        (8, [0.2] + [0.0] * 299, "fewer than 1% of the draws never reach this error"),
        (8, [0.2] * 200 + [0.0] * 100, "most draws never get there (the data reach 3.4 × 10¹⁹"),
        (1000, [0.0] * 300, "the compute is beyond any number (the data reach 3.4 × 10¹⁹ FLOP)"),
    ],
)
def test_what_is_said_of_draws_without_a_number(folder, slope, floor, expected):
    desk = Desk(folder / "results")
    draws = np.column_stack([np.full(300, 12.0), np.full(300, slope), floor, np.zeros(300)])
    there = desk.ensembles["imagenet", "hardware"]
    desk.ensembles["imagenet", "hardware"] = replace(there, draws={"floored": draws})
    found = desk.answer(Question("imagenet", error=0.15))
    assert any(expected in warning for warning in found.warnings)
    assert ("most draws" in " ".join(found.warnings)) == expected.startswith("most")


def test_electricity_of_one_place_is_drawn_from_no_others(ask_json):
    one = ask_json("--error", "10%", "--place", "France", "--place", "france")
    assert one["heading"][1] == "NVIDIA V100, rented, 2023; electricity of France"
    assert one["training"] == ask_json("--error", "10%", "--place", "France")["training"]


def test_the_form_asked_for_is_told(ask_json):
    found = ask_json("--budget", "50", "--form", "power")
    assert found["heading"][2].endswith("; power form, all directions; 90% prediction intervals")


def test_running_costs_are_of_the_form_asked_for(folder):
    desk = Desk(folder / "results")
    lines = {"power": [6.0, 3.0, 0, 0], "exponential": [6.0, 1.0, 0, 0]}
    forward = Ensemble({k: np.tile(v, (300, 1)) for k, v in lines.items()}, (0.1, 0.4), (1, 1e9))
    desk.ensembles["imagenet", FORWARD] = forward

    def flop(form):
        found = desk.answer(Question("imagenet", error=0.1, form=form))
        (row,) = (row for row in found.running if row.name == "flop")
        return row.estimate, " ".join(found.warnings)

    for form, value in (("power", 1e9), ("exponential", 1e16)):
        estimate, warnings = flop(form)
        assert (estimate.lower, estimate.upper) == pytest.approx((value, value))
        assert "all forms" not in warnings
    estimate, warnings = flop("floored")
    assert (estimate.lower, estimate.upper) == pytest.approx((1e9, 1e16))
    assert "running costs are of all forms: floored could not be fitted to them" in warnings
    assert flop(None)[0] == flop("all")[0] == estimate


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("5.9%", 0.059),
        ("5%", 0.05),
        ("0.05", 0.05),
        (" 5 % ", 0.05),
        ("99.9%", 0.999),
        (".5", 0.5),
        ("1e-3", 1e-3),
    ],
)
def test_an_error_is_a_percentage_or_a_fraction(text, error):
    assert parse_error(text) == error


@pytest.mark.parametrize(
    "text",
    ["100", "0", "100%", "0%", "-1%", "5%%", "", "inf", "nan%", "5 percent", "0,05", "0.0_5"],
)
def test_an_error_that_is_none(text):
    with pytest.raises(ScalelawError, match="write 5% or"):
        parse_error(text)


@pytest.mark.parametrize("text", ["1", "7", " 7.5 ", "99"])
def test_a_percent_sign_that_may_be_missing_is_asked_for(text):
    with pytest.raises(ScalelawError, match=rf"did you mean {text.strip()}%\?"):
        parse_error(text)


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("1000", 1000),
        ("$1,000", 1000),
        ("1,000", 1000),
        ("US$ 1000", 1000),
        ("US$\u00a01,234,567.89", 1234567.89),
        (" 1 million ", 1e6),
        ("$2.5 Billion", 2.5e9),
        ("1e6", 1e6),
        ("1E-2", 0.01),
        (".5", 0.5),
    ],
)
def test_a_budget_may_be_written_as_people_write_money(text, usd):
    assert parse_budget(text) == usd
    if "$" not in text:
        assert parse_predictions(text) == usd


@pytest.mark.parametrize(
    "text",
    ["1,00", "1,0000", "10,00,000", "1.000,5", "1 000", "1_000", "€5", "5 $", "1e3 million", "0",
     "two million", "1 millions", "-1", "+1", "nan", "inf", "1e400", "", "٥"],
)  # fmt: skip
def test_what_is_no_amount(text):
    for parse in (parse_budget, parse_predictions):
        with pytest.raises(ScalelawError, match="must be a positive number, not "):
            parse(text)


def test_predictions_are_no_money():
    with pytest.raises(ScalelawError, match="--predictions-per-day must be a positive number"):
        parse_predictions("$1,000")


@pytest.mark.parametrize(
    ("text", "share"), [("40%", 0.4), ("0.4", 0.4), ("100%", 1), ("1", 1), (" 12.5 % ", 0.125)]
)
def test_a_utilisation_is_a_percentage_or_a_share(text, share):
    assert parse_utilisation(text) == share


@pytest.mark.parametrize("words", [("--budget", "1e40"), ("--budget", "1e40", "--form", "power")])
def test_a_budget_beyond_all_money_warns_of_data_and_of_labels(ask_json, words):
    found = ask_json(*words)
    assert found["training"]["error"]["lower"] < 0.02
    said = "\n".join(found["warnings"])
    assert "decades beyond the data, which reach" in said
    assert "errors under 2.0% cannot be told from wrong labels" in said


def test_an_error_that_is_easier_than_any_record_warns(ask_json):
    easy, known = (ask_json("--error", error)["warnings"] for error in ("99%", "20%"))
    assert "no record of the data has an error over 40%" in easy
    assert any("states forward FLOP has an error over 40%" in w for w in easy)
    assert not any("over" in w for w in known)


def test_a_fixed_utilisation_moves_running_costs_alone(ask_json):
    half, whole, drawn = (
        ask_json("--error", "10%", *words)
        for words in (("--utilisation", 0.5), ("--utilisation", 1), ())
    )
    assert half["training"] == whole["training"] == drawn["training"]
    for quantity in ("usd", "device_hours", "kwh", "t_co2"):
        theirs, mine = (a["running_per_day"][quantity] for a in (half, whole))
        for name in ("median", "lower", "upper"):
            assert theirs[name] == pytest.approx(2 * mine[name])
    assert half["running_per_day"]["flop"] == drawn["running_per_day"]["flop"]
    said = [w for w in half["warnings"] if w not in drawn["warnings"]]
    assert said == [
        "the utilisation given does not enter the training compute: the hardware basis already "
        "counts it at peak rate"
    ]


@pytest.mark.parametrize("share", [0, 1.01, -0.5, "nan"])
def test_a_utilisation_is_a_share(ask, share):
    status, _, err = ask("--error", "10%", f"--utilisation={share}")
    assert status == 1
    assert "--utilisation must lie above 0 and be at most 1" in err


def test_half_of_the_draws_lie_between_the_quartiles():
    logs = np.append(np.linspace(1, 2, 800), np.full(200, np.nan))  # a fifth never gets there
    found = Estimate.of(logs, 0.9)
    values = np.where(np.isnan(logs), math.inf, 10.0**logs)
    inside = (values > found.lower_quartile) & (values <= found.upper_quartile)
    assert inside.mean() == 0.5
    assert Estimate.of(logs[400:], 0.9).upper_quartile == math.inf
