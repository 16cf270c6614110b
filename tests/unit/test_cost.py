"""The chain from FLOP to dollars and carbon against reckoning by hand and published numbers."""

import csv

import numpy as np
import pytest
import yaml

from scalelaw.corpus import CorpusError
from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.corpus.schema import GRID as GRID_COLUMNS
from scalelaw.corpus.schema import PRICES as PRICE_COLUMNS
from scalelaw.cost import QUANTITIES, Chain, Scenario, read_cost_tables
from scalelaw.cost.chain import pick
from scalelaw.cost.parameters import PARAMETERS, Equivalent, read_constants
from scalelaw.cost.project import (
    Estimate,
    HomeDevice,
    RefusedTargetError,
    decades_beyond,
    home_device,
    project,
    reachable_error,
    refuse,
    running_costs,
)
from scalelaw.errors import ScalelawError
from scalelaw.forecast.ensemble import Ensemble
from scalelaw.streams import stream
from small_corpus import BENCHMARKS, DEVICES, GRID, PRICES, ROOT, write_costs, write_csv
from small_corpus import write_hardware as write_devices

# A V100 draws 300 W: 300 x 0.75 x 2 = 450 W with its server, 540 W with its data centre. A year of
# owning one loses 8,000 x 0.8766 US$, which are 0.80 US$ an hour.
FIXED = {
    "utilisation": 0.4,
    "server_power_over_tdp_gpu": 2.0,
    "server_power_over_tdp_tpu": 1.5,
    "mean_load_gpu": 0.75,
    "mean_load_tpu": 0.5,
    "pue": 1.2,
    "hardware_replacement_per_year": 0.8766,
    "home_electricity_usd_per_kwh": 0.2,
}
TPU = {
    "device": "Google TPU v3 (chip)",
    "aliases": "TPU v3",
    "manufacturer": "Google",
    "kind": "TPU",
    "release_date": "2018-05-18",
    "peak_tensor_flop_per_s": "1.25e14",
    "tdp_w": "400",
    "source": "documentation",
}
BARE = DEVICES[0] | {"device": "Bare", "aliases": "", "tdp_w": ""}
RATELESS = TPU | {"device": "Rateless", "aliases": "", "peak_tensor_flop_per_s": ""}
THOUSAND_HOURS = np.log10(1000 * 3600 * 1.25e14)
"""log10 FLOP of a V100's matrix units in a thousand hours at peak."""


def quote(device="V100", date="2020-03", price="2", kind="on_demand"):
    return PRICES[0] | {"device": device, "date": date, "price_usd": price, "kind": kind}


@pytest.fixture
def data(tmp_path):
    """Return a folder of cost tables with the project's constants."""
    write_costs(tmp_path)
    write_devices(tmp_path / "hardware.csv", [*DEVICES, TPU, BARE, RATELESS])
    return tmp_path


def read(data):
    return read_cost_tables(
        [data / "hardware.csv"], data / "prices.csv", data / "grid.csv", data / "costs.yaml"
    )


def write_prices(data, *rows):
    write_csv(data / "prices.csv", [c.name for c in PRICE_COLUMNS], list(rows))


def edit_constants(data, change):
    path = data / "costs.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def fixed(data):
    """Return tables in which nothing is uncertain: one rent of each device, fixed constants."""

    def fix(content):
        for name, value in FIXED.items():
            kept = {k: content["parameters"][name][k] for k in ("what", "source", "url")}
            content["parameters"][name] = kept | {"low": value, "high": value}

    edit_constants(data, fix)
    write_prices(data, quote(), quote("TPU v3", price="3"))
    return read(data)


def chain_of(tables, device="V100", year=2020, places=("France",), n=7, **kwargs):
    return Chain.draw(tables, Scenario(device, year, places, **kwargs), n, stream(1, "cost"))


def test_picks_are_even_and_the_same_as_whole_numbers_give():
    integers = np.random.default_rng(3).integers(0, 2**32, 30_000, dtype=np.uint32)
    ends = np.array([0, 2**32 - 1], dtype=np.uint32)
    options = [5.0, 1.0, 1.0, 7.0, 2.0, 9.0, 3.0]
    picked = pick(options, np.concatenate([ends, integers]))
    assert list(picked[:2]) == [5.0, 3.0]
    assert [options[int(u) * 7 // 2**32] for u in integers[:200]] == list(picked[2:202])
    shares = np.bincount(picked.astype(int), minlength=10)[[5, 7, 2, 9, 3]] / 30_000
    assert np.allclose(shares, 1 / 7, atol=0.01)


def test_a_fixed_utilisation_divides_operations_alone(fixed):
    chain = chain_of(fixed, utilisation=0.2)
    assert costs_of(chain, THOUSAND_HOURS, "operations")["usd"] == pytest.approx(10_000)
    assert costs_of(chain, THOUSAND_HOURS, "hardware")["usd"] == pytest.approx(2000)


def costs_of(chain, log_flop, basis):
    """Return the costs of so many FLOP, which must be the same in every draw."""
    logs = chain.log_costs(np.full(len(chain.usd_per_hour), log_flop), basis)
    assert all(np.ptp(values) == 0 for values in logs.values())
    return {name: 10 ** values[0] for name, values in logs.items()}


@pytest.mark.parametrize(
    ("scenario", "basis", "expected"),
    [
        ({}, "hardware", (1000, 2000, 540, 0.027)),
        ({"places": ("World",)}, "hardware", (1000, 2000, 540, 0.27)),
        # A utilisation of 0.4 makes 2.5 times the hours of whatever counts operations.
        ({}, "operations", (2500, 5000, 1350, 0.0675)),
        ({}, "reported", (2500, 5000, 1350, 0.0675)),
        ({}, "best", (2500, 5000, 1350, 0.0675)),
        # At home there is no data centre: 450 W, and 0.80 + 0.45 x 0.20 US$ an hour.
        ({"own": True}, "hardware", (1000, 890, 450, 0.0225)),
        ({"own": True}, "operations", (2500, 2225, 1125, 0.05625)),
        # A TPU: 400 W x 0.5 x 1.5 x 1.2.
        ({"device": "TPU v3"}, "hardware", (1000, 3000, 360, 0.018)),
    ],
)
def test_the_chain_by_hand(fixed, scenario, basis, expected):
    found = costs_of(chain_of(fixed, **scenario), THOUSAND_HOURS, basis)
    names = ("device_hours", "usd", "kwh", "t_co2")
    assert [found[name] for name in names] == pytest.approx(expected, rel=1e-8)
    assert found["flop"] == pytest.approx(4.5e20)
    assert set(found) == set(QUANTITIES)


def test_a_device_without_matrix_units_counts_its_fp32_rate(fixed, data):
    write_prices(data, quote("GTX 580"))
    assert chain_of(read(data), "GTX580").peak_flop_per_s == 1.581e12
    assert chain_of(fixed).peak_flop_per_s == 1.25e14


@pytest.mark.parametrize("basis", ["hardware", "operations"])
@pytest.mark.parametrize("own", [False, True])
def test_what_a_budget_buys_costs_that_budget(data, basis, own):
    chain = chain_of(read(data), n=50, own=own)
    bought = chain.log_flop_for(12345.0, basis)
    assert 10 ** chain.log_costs(bought, basis)["usd"] == pytest.approx([12345.0] * 50)


def test_utilisation_has_its_quartiles_and_no_more_than_all(data):
    draws = 10 ** chain_of(read(data), n=200_000).log_utilisation
    quartiles = np.quantile(draws, [0.25, 0.5, 0.75])
    assert quartiles == pytest.approx([0.30, 0.38, 0.49], rel=0.015)
    assert draws.max() == 1.0


def test_uniform_parameters_fill_their_range(data):
    tables = read(data)
    power = chain_of(tables, n=20_000).kwh_per_hour / 0.3
    # Load 0.75, server 1.67 to 2.03, data centre 1.1 to 1.56.
    assert 0.75 * 1.67 * 1.1 < power.min() < 0.75 * 1.68 * 1.12
    assert 0.75 * 2.01 * 1.54 < power.max() < 0.75 * 2.03 * 1.56
    assert power.mean() == pytest.approx(0.75 * 1.85 * 1.33, rel=0.005)


def test_places_are_drawn_equally(data):
    drawn = chain_of(read(data), places=("World", "France", "United States"), n=9000).g_per_kwh
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [50, 400, 500]
    assert counts == pytest.approx([3000] * 3, rel=0.06)


def test_quotes_of_the_year_are_drawn_equally(data):
    drawn = chain_of(read(data), n=9000).usd_per_hour
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [2, 4]
    assert counts == pytest.approx([4500] * 2, rel=0.05)


def links(chain):
    return {
        "utilisation": chain.log_utilisation,
        "usd": chain.usd_per_hour,
        "kwh": chain.kwh_per_hour,
        "grid": chain.g_per_kwh,
    }


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"places": ("World", "United States")}, {"grid"}),
        ({"year": 2023}, {"usd"}),
        # The owner pays no rent, and has no data centre.
        ({"own": True}, {"usd", "kwh"}),
        ({"device": "TPU v3"}, {"usd", "kwh"}),
    ],
)
def test_changing_one_link_leaves_the_draws_of_the_others(data, change, changed):
    write_prices(data, *PRICES, quote("TPU v3", price="1"), quote("TPU v3", price="3"))
    tables = read(data)
    start = {"places": ("World", "France"), "n": 200}
    before = links(chain_of(tables, **start))
    after = links(chain_of(tables, **(start | change)))
    assert {name for name in before if not np.array_equal(before[name], after[name])} == changed


def test_the_links_are_independent(data):
    chain = chain_of(read(data), places=("World", "France"), n=20_000)
    correlations = np.corrcoef(list(links(chain).values()))
    assert np.abs(correlations - np.eye(4)).max() < 0.03


@pytest.mark.parametrize(
    ("asked", "year", "prices"),
    [(2018, 2020, (2, 4)), (2021, 2020, (2, 4)), (2022, 2023, (1,)), (2030, 2023, (1,))],
)
def test_rents_of_the_nearest_year_are_taken_and_that_is_said(data, asked, year, prices):
    tables = read(data)
    quotes = tables.rental(tables.device("v100"), asked)
    assert (quotes.year, quotes.prices) == (year, prices)
    notes = " ".join(chain_of(tables, year=asked).notes)
    assert f"rents are of {year}" in notes
    assert f"only {len(prices)} quote(s)" in notes


def test_two_years_as_near_take_the_earlier(data):
    write_prices(data, quote(date="2022-01", price="1"), quote(date="2020-12", price="9"))
    tables = read(data)
    assert tables.rental(tables.device("V100"), 2021).year == 2020


def test_nothing_is_noted_where_everything_is_as_asked(data):
    write_prices(data, *(quote(price=str(price)) for price in (1, 2, 3)))
    assert chain_of(read(data)).notes == ()
    (note,) = chain_of(read(data), own=True).notes
    assert "owned" in note


def test_only_rents_on_demand_are_rents(data):
    kinds = ("purchase", "one_year", "three_year")
    write_prices(data, quote(), *(quote(kind=kind, price="7777") for kind in kinds))
    tables = read(data)
    assert tables.quotes == {"NVIDIA V100": {2020: (2.0,)}}


@pytest.mark.parametrize(
    ("year", "expected"), [(2024, (2024, 450)), (2023, (2020, 500)), (2010, (2020, 500))]
)
def test_electricity_is_the_newest_up_to_the_year(data, year, expected):
    tables = read(data)
    assert tables.intensity("world", year) == expected
    noted = (
        "electricity of World is that of 2020"
        in chain_of(tables, year=year, places=("world",)).notes
    )
    assert noted == (expected[0] != year)


def test_places_of_one_year_are_noted_together_and_each_place_once(data):
    places = ("france", "World", "France", "united states")
    chain = chain_of(read(data), year=2024, places=places, n=9000)
    assert chain.places == ("France", "World", "United States")
    notes = [note for note in chain.notes if "electricity" in note]
    assert notes == ["electricity of France, United States is that of 2020"]
    assert np.unique(chain.g_per_kwh, return_counts=True)[1] == pytest.approx([3000] * 3, rel=0.06)


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ({"device": "V10O"}, 'no device "V10O" (did you mean "V100"?)'),
        ({"device": "Abacus 3"}, 'no device "Abacus 3" (see data/hardware.csv)'),
        ({"places": ("Fransce",)}, 'no place "Fransce" (did you mean "France"?)'),
        ({"places": ("World", "Mars")}, 'no place "Mars" (see data/grid.csv)'),
        ({"device": "Rateless"}, "Rateless has no peak rate in hardware.csv (add one, or choose a"),
        ({"device": "GTX 580"}, "no rent of NVIDIA GeForce GTX 580 in prices.csv (choose a dev"),
        ({"device": "GTX 580", "own": True}, "has no price in hardware.csv (add price_usd, or r"),
        ({"device": "Bare"}, "Bare has no power in hardware.csv (add tdp_w, or choose another"),
    ],
)
def test_what_is_not_known_is_named_with_a_remedy(data, scenario, expected):
    with pytest.raises(ScalelawError) as stopped:
        chain_of(read(data), **scenario)
    assert expected in str(stopped.value)


def test_every_bad_row_is_listed_with_its_place(data):
    write_prices(
        data,
        quote("V10O"),
        quote(price="-2"),
        quote(date="March 2020"),
        quote("V10O", price="0", kind="on demand"),
        quote(),
    )
    grid = [
        *GRID,
        GRID[0] | {"g_co2e_per_kwh": "1"},
        GRID[1] | {"g_co2e_per_kwh": "-5"},
        GRID[2] | {"year": "20.5"},
        GRID[2] | {"url": "nowhere"},
    ]
    write_csv(data / "grid.csv", [column.name for column in GRID_COLUMNS], grid)
    with pytest.raises(CorpusError) as stopped:
        read(data)
    found = {(p.file.rsplit("/", 1)[1], p.line, p.column) for p in stopped.value.problems}
    assert found == {
        ("prices.csv", 2, "device"),
        ("prices.csv", 3, "price_usd"),
        ("prices.csv", 4, "date"),
        ("prices.csv", 5, "device"),
        ("prices.csv", 5, "kind"),
        ("prices.csv", 5, "price_usd"),
        ("grid.csv", 6, "place"),
        ("grid.csv", 7, "place"),
        ("grid.csv", 7, "g_co2e_per_kwh"),
        ("grid.csv", 8, "year"),
        ("grid.csv", 9, "place"),
        ("grid.csv", 9, "url"),
    }
    text = str(stopped.value)
    assert 'prices.csv:2: device: error: no device "V10O" (did you mean "V100"?)' in text
    assert "grid.csv:6: place: error: World in 2020 stands twice (keep one row)" in text
    assert "12 error(s), 0 warning(s)" in text


def test_places_that_differ_in_case_alone_are_one(data):
    columns = [column.name for column in GRID_COLUMNS]
    again = [*GRID, GRID[0] | {"place": "WORLD"}]
    write_csv(data / "grid.csv", columns, again)
    with pytest.raises(CorpusError) as stopped:
        read(data)
    (problem,) = stopped.value.problems
    assert problem.check == "duplicate-row"
    assert "grid.csv:6: place: error: WORLD in 2020 stands twice" in str(stopped.value)
    write_csv(data / "grid.csv", columns, [*GRID, GRID[0] | {"place": "WORLD", "year": "2025"}])
    assert read(data).intensity("world", 2025) == (2025, 500)
    assert read(data).intensity("world", 2024) == (2024, 450)


def break_constants(content):
    parameters = content["parameters"]
    del parameters["pue"]
    parameters["utilisation"]["median"] = -0.38
    parameters["mean_load_tpu"]["low"] = 0.1
    parameters["mean_load_tpu"]["high"] = 0.2
    del parameters["mean_load_gpu"]["url"]
    content["equivalents"]["car_year_t_co2"]["quantity"] = "miles"
    del content["presets"]["study"]["nyc_t_co2_per_year"]
    del content["presets"]["study"]["what"]
    content["preset"] = {}


def test_every_fault_of_the_constants_is_listed(data):
    edit_constants(data, break_constants)
    with pytest.raises(ScalelawError) as stopped:
        read_constants(data / "costs.yaml")
    lines = str(stopped.value).splitlines()
    assert len(lines) == 8
    assert all(line.startswith(f"{data / 'costs.yaml'}: ") for line in lines)
    text = str(stopped.value)
    for expected in (
        "parameters: 'pue' is a required property",
        "parameters.utilisation.median: -0.38 is less than or equal to the minimum of 0",
        "parameters.mean_load_tpu: ",
        "parameters.mean_load_gpu: 'url' is a required property",
        "equivalents.car_year_t_co2.quantity: 'miles' is not one of",
        "presets.study: 'nyc_t_co2_per_year' is a required property",
        "presets.study: 'what' is a required property",
        "'preset' was unexpected",
    ):
        assert expected in text


def test_bounds_in_the_wrong_order_are_faults(data):
    def swap(content):
        content["parameters"]["pue"] |= {"low": 2.0}
        content["parameters"]["utilisation"] |= {"lower_quartile": 0.6}

    edit_constants(data, swap)
    with pytest.raises(ScalelawError) as stopped:
        read_constants(data / "costs.yaml")
    assert [line.split(": ", 1)[1] for line in str(stopped.value).splitlines()] == [
        "parameters.pue: low lies above high",
        "parameters.utilisation: lower_quartile lies above median",
    ]


@pytest.mark.parametrize("content", [": :", "- a list", "\xe9".encode("latin-1")])
def test_constants_that_are_no_constants(data, content):
    path = data / "costs.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ScalelawError, match=r"costs\.yaml:"):
        read_constants(path)
    path.unlink()
    with pytest.raises(ScalelawError, match=r"costs\.yaml: cannot be read"):
        read_constants(path)


# Draws of fits that are known: log10 C = 12 + 8 log10(1/e), without scatter unless said.


def ensemble_of(**lines):
    return Ensemble(
        {form: np.array(rows, dtype=float) for form, rows in lines.items()},
        (0.1, 0.4),
        (1e15, 1e20),
    )


HOME = HomeDevice("a slow card", 1.25e12)
EQUIVALENTS = {
    "cars": Equivalent("years of driving a car", "t_co2", 0.0027),
    "homes": Equivalent("years of a household", "kwh", 5.4),
}


def test_a_projection_by_hand(fixed):
    # At an error of 1/45: not a round number of FLOP, but of hours.
    error = (1e12 / 4.5e20) ** (1 / 8)
    line = ensemble_of(power=[[12, 8, 0, 0]] * 7)
    found = project(line, chain_of(fixed), error, "hardware", "all", 0.95, EQUIVALENTS, HOME)
    expected = {
        "flop": 4.5e20, "device_hours": 1000, "usd": 2000, "kwh": 540, "t_co2": 0.027,
        # A hundredth of the rate takes 100,000 hours, and a year has 8,766.
        "home_years": 1e5 / 8766, "cars": 10, "homes": 100,
    }  # fmt: skip
    assert {name: e.median for name, e in found.items()} == pytest.approx(expected)
    for estimate in found.values():
        assert estimate.lower == estimate.median == estimate.upper
        assert estimate.share_unreachable == 0


def test_a_budget_reaches_the_error_that_costs_it(fixed):
    line = ensemble_of(power=[[12, 8, 0, 0]] * 7)
    found = reachable_error(line, chain_of(fixed), 2000, "hardware", "power", 0.95)
    assert found["flop"].median == pytest.approx(4.5e20)
    assert found["device_hours"].median == pytest.approx(1000)
    assert found["error"].median == pytest.approx((1e12 / 4.5e20) ** (1 / 8))


def test_running_costs_by_hand(fixed):
    # 1e9 FLOP a prediction at an error of 10%, and 1.8e14 predictions: 1.8e23 operations, which
    # take 400,000 hours at peak and a million at a utilisation of 0.4.
    line = ensemble_of(power=[[6, 3, 0, 0]] * 7)
    found = running_costs(line, chain_of(fixed), 0.1, 1.8e14, 0.95)
    assert {name: e.median for name, e in found.items()} == pytest.approx(
        {"flop": 1e9, "device_hours": 1e6, "usd": 2e6, "kwh": 540e3, "t_co2": 27}
    )


def test_running_costs_of_one_form(fixed):
    lines = ensemble_of(power=[[6, 3, 0, 0]] * 7, exponential=[[6, 1, 0, 0]] * 7)
    chain = chain_of(fixed)
    for form, low, high in (("power", 1e9, 1e9), ("exponential", 1e16, 1e16), ("all", 1e9, 1e16)):
        found = running_costs(lines, chain, 0.1, 1e6, 0.95, form)["flop"]
        assert (found.lower, found.upper) == pytest.approx((low, high))


def test_forms_have_equal_weight(fixed):
    # A new paper's scatter adds to the compute: 10^20, 10^21 and never.
    chain = chain_of(fixed, n=2)
    mixed = ensemble_of(
        power=[[12, 8, 0, 0]] * 2, exponential=[[11, 1, 0, 0]] * 2, floored=[[12, 8, 0.2, 0]] * 2
    )
    found = project(mixed, chain, 0.1, "hardware", "all", 0.5, {}, HOME)["flop"]
    assert (found.median, found.lower) == pytest.approx((1e21, 1e20))
    assert np.isinf(found.upper)
    assert found.share_unreachable == pytest.approx(1 / 3)
    scattered = ensemble_of(power=[[12, 8, 0, 1]] * 2)
    alone = project(scattered, chain, 0.1, "hardware", "power", 0.5, {}, HOME)["flop"]
    assert alone.median == pytest.approx(1e21)


@pytest.mark.parametrize(
    ("never", "expected"),
    [
        (0, (3, 1, 5, 0)),
        (10, (3, 1, 5, 0.01)),
        # Draws that never get there are beyond every figure, not left out.
        (100, (3, 1, np.inf, 0.1)),
        (600, (np.inf, 1, np.inf, 0.6)),
        (1000, (np.inf, np.inf, np.inf, 1)),
    ],
)
@pytest.mark.parametrize("as_what", [np.inf, np.nan])
def test_an_estimate_counts_draws_that_never_get_there(never, expected, as_what):
    logs = np.repeat([1.0, 3.0, 5.0], [100, 500, 400])
    logs[len(logs) - never :] = as_what
    found = Estimate.of(logs, 0.95)
    assert (found.median, found.lower, found.upper) == pytest.approx(
        tuple(10.0**x for x in expected[:3])
    )
    assert found.share_unreachable == expected[3]


def test_an_infinite_quantity_is_not_always_never():
    huge = Estimate.of(np.repeat([1.0, 400.0, np.inf], [300, 600, 100]), 0.9)
    assert huge.median == huge.upper == np.inf
    assert not huge.never(0.5)
    assert huge.never(0.95)
    assert not huge.never(0.05)


def test_an_interval_holds_its_level_of_the_draws():
    logs = np.random.default_rng(1).normal(20, 2, 100_001)
    found = Estimate.of(logs, 0.9)
    assert np.log10([found.lower, found.median, found.upper]) == pytest.approx(
        [20 - 2 * 1.6449, 20, 20 + 2 * 1.6449], abs=0.05
    )
    assert ((10**logs >= found.lower) & (10**logs <= found.upper)).mean() == pytest.approx(
        0.9, abs=1e-4
    )


@pytest.mark.parametrize(
    ("flop", "decades"), [(1e22, 2), (1e20, 0), (1e18, 0), (1e3, 0), (0, 0), (np.inf, np.inf)]
)
def test_decades_beyond_the_data(flop, decades):
    assert decades_beyond(ensemble_of(power=[[12, 8, 0, 0]]), flop) == pytest.approx(decades)


def test_a_target_under_a_floor_is_refused_with_the_reason(tmp_path):
    (tmp_path / "benchmarks.yaml").write_text(BENCHMARKS)
    benchmarks = read_benchmarks([tmp_path / "benchmarks.yaml"])
    known, unknown = benchmarks["imagenet"], benchmarks["other"]
    for error, where in ((0.02, "at"), (0.0199, "under"), (0.001, "under")):
        with pytest.raises(RefusedTargetError, match=rf"{where} the known floor of 2%.*an audit"):
            refuse(known, error)
    with pytest.raises(RefusedTargetError, match=r"3% lies under the fitted floor of 4\.0%"):
        refuse(known, 0.03, 0.04)
    with pytest.raises(RefusedTargetError, match=r"4% lies at the fitted floor of 4\.0%$"):
        refuse(known, 0.04, 0.04)
    refuse(known, 0.03, np.nan)
    refuse(known, 0.021)
    refuse(known, 0.03, 0.0)
    refuse(unknown, 1e-9)
    refuse(unknown, 0.05, 0.04)


def test_the_device_at_home_counts_its_matrix_rate(data):
    tables = read(data)
    assert home_device(tables, "V100") == HomeDevice("NVIDIA V100", 1.25e14)
    assert home_device(tables, "GTX 580").peak_flop_per_s == 1.581e12
    with pytest.raises(ScalelawError, match='no device "V10O"'):
        home_device(tables, "V10O")


# The data that come with the project.


@pytest.fixture(scope="module")
def shipped():
    return read(ROOT / "data")


def test_the_study_is_recomputed_from_its_constants(shipped):
    study = shipped.constants.presets["study"]
    # Table of implications, version 1: 10^14 Gflop are about a million dollars, 10^28 Gflop 10^20.
    assert study.costs(23)["usd"] == pytest.approx(1e6, rel=0.5)
    assert study.costs(37)["usd"] == pytest.approx(1.45e20, rel=0.005)
    # The article's 100 billion dollars are 10^5 times those of the first line.
    assert study.costs(28)["usd"] == pytest.approx(145e9, rel=0.005)
    # Its site, January 2023: 5% at 10^26.1 FLOP, 3% at 10^28.5, C ~ (1/e)^10.85.
    assert study.log_flop(0.05) == pytest.approx(26.0, abs=0.05)
    assert study.log_flop(0.05) == pytest.approx(26.1, abs=0.1)
    assert study.log_flop(0.03) == pytest.approx(28.5, abs=0.1)
    assert study.log_flop(0.05) - study.log_flop(0.5) == pytest.approx(10.85, abs=0.005)


def test_the_studys_dollars_and_carbon_follow_from_its_rates(shipped):
    study = shipped.constants.presets["study"]
    assert study.flop_per_usd == pytest.approx(14.13e12 * 3600 / 0.74, rel=1e-3)
    # 3.4976e17 FLOP a pound: 2.859e9 pounds are 1.297e6 tonnes, of 56.5 million a year.
    found = study.costs(27)
    assert found["t_co2"] == pytest.approx(1.297e6, rel=1e-3)
    assert found["nyc_months"] == pytest.approx(1.297e6 / 56.5e6 * 12, rel=1e-3)


@pytest.mark.parametrize(
    ("place", "published"),
    [("World", 471), ("United States", 384), ("European Union (27)", 211), ("China", 555),
     ("India", 705), ("France", 40)],
)  # fmt: skip
def test_the_grid_agrees_with_published_figures_of_2024(shipped, place, published):
    assert shipped.intensity(place, 2024) == (2024, pytest.approx(published, rel=0.03))


def test_constants_agree_with_what_is_known_of_their_sources(shipped):
    parameters = shipped.constants.parameters
    assert set(parameters) == set(PARAMETERS)
    server = parameters["server_power_over_tdp_gpu"]
    assert all(server.low <= ratio <= server.high for ratio in (1.7, 1.82, 2.03))
    assert (parameters["pue"].low, parameters["pue"].high) == (1.1, 1.56)
    assert parameters["mean_load_gpu"].central == 0.75
    assert parameters["mean_load_tpu"].central == 0.43
    nyc = shipped.constants.equivalents["nyc_month_t_co2e"]
    assert nyc.value == pytest.approx(48.4e6 / 12, rel=1e-4)


def test_every_price_shipped_is_one_of_a_known_device(shipped):
    rows = csv.DictReader((ROOT / "data/prices.csv").open(encoding="utf-8"))
    unknown = {row["device"] for row in rows if shipped.hardware.find(row["device"]) is None}
    assert unknown == set()


def test_every_rent_shipped_can_be_reckoned_with(shipped):
    powered = [name for name in shipped.quotes if shipped.device(name).tdp_w]
    assert len(powered) > 10
    for name in powered:
        chain = chain_of(shipped, name, max(shipped.quotes[name]))
        cost = 10 ** chain.log_costs(np.full(7, 18.0), "operations")["usd"]
        assert np.isfinite(cost).all()
        assert (cost > 0).all()
    # No chip has been rented for less than a cent or more than a hundred dollars an hour.
    prices = [p for years in shipped.quotes.values() for year in years.values() for p in year]
    assert 0.01 < min(prices) <= max(prices) < 100


def test_settings_shipped_can_be_reckoned_with(shipped):
    cost = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["cost"]
    chain = chain_of(shipped, cost["device"], cost["year"], tuple(cost["places"]))
    assert chain.notes == ()
    assert home_device(shipped, cost["home_device"]).peak_flop_per_s > 0
