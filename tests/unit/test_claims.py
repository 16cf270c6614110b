"""Verdicts follow from claim and result alone, and quantities read what their claims speak of."""

import csv
import math
import re

import pandas as pd
import pytest
import yaml

from scalelaw.claims import QUANTITIES, Answer, Claim, Results, decide, overall, read_claims
from scalelaw.claims.ledger import Later
from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.cost import QUANTITIES as COSTS
from scalelaw.cost import read_cost_tables
from scalelaw.decompose.gains import GAIN_SUMS
from scalelaw.errors import ScalelawError
from small_corpus import BENCHMARKS, DEVICES, ROOT, write_costs, write_hardware

INF, NAN = math.inf, math.nan
YES, NO, OPEN, OLD = "supported", "not supported", "cannot be told", "superseded"


def claim(relation="at_least", figure=NAN, lower=NAN, upper=NAN, tolerance=1.0, later=None):
    return Claim(
        "key", "words of a claim", "study", "2021-09", "exponent", {}, relation,
        figure, lower, upper, tolerance, "a source", "https://example.org", later=later,
    )  # fmt: skip


def answer(lower, upper=None, choice="a choice"):
    upper = lower if upper is None else upper
    return Answer(choice, (lower + upper) / 2, lower, upper)


def later(figure):
    return Later(figure, "2024-03", "somebody did better", "a source", "https://example.org")


AT_LEAST = claim("at_least", 9)
AT_MOST = claim("at_most", 0.05)
ROUNDED = claim("at_least", 1000, tolerance=1.25)
ROUNDED_DOWN = claim("at_most", 100, tolerance=1.25)
ABOUT = claim("about", 12, tolerance=1.5)
PUBLISHED = claim("about", 9, lower=4, upper=25)
BETWEEN = claim("between", lower=29, upper=68)


@pytest.mark.parametrize(
    ("stated", "answered", "verdict"),
    [
        (AT_LEAST, (9, 12), YES), (AT_LEAST, (8.99, 12), OPEN), (AT_LEAST, (5, 8.99), NO),
        (AT_LEAST, (9, INF), YES), (AT_LEAST, (5, 9), OPEN), (AT_LEAST, (-INF, INF), OPEN),
        (AT_MOST, (0.01, 0.05), YES), (AT_MOST, (0.04, 0.06), OPEN), (AT_MOST, (0.06, 0.09), NO),
        (ROUNDED, (800, 900), YES), (ROUNDED, (799, 900), OPEN), (ROUNDED, (1, 799), NO),
        (ROUNDED_DOWN, (1, 125), YES), (ROUNDED_DOWN, (126, 200), NO),
        (ABOUT, (8, 18), YES), (ABOUT, (7.9, 18), OPEN), (ABOUT, (8, 18.1), OPEN),
        (ABOUT, (1, 7.9), NO), (ABOUT, (18.1, 30), NO), (ABOUT, (1, 100), OPEN),
        # The published interval counts, not a factor about the figure.
        (PUBLISHED, (4, 25), YES), (PUBLISHED, (24, 26), OPEN), (PUBLISHED, (26, 40), NO),
        (PUBLISHED, (1, 3.9), NO),
        (BETWEEN, (29, 68), YES), (BETWEEN, (28, 68), OPEN), (BETWEEN, (69, 70), NO),
        (BETWEEN, (1, 28), NO),
    ],
)  # fmt: skip
def test_a_verdict_needs_the_whole_interval(stated, answered, verdict):
    assert decide(stated, answer(*answered)) == verdict
    assert overall(stated, [answer(*answered)])[0] == verdict


@pytest.mark.parametrize("stated", [AT_LEAST, AT_MOST, ABOUT, PUBLISHED, BETWEEN])
def test_no_figure_no_verdict(stated):
    refused = Answer("a choice", refused="4 papers are too few")
    assert decide(stated, refused) == OPEN
    assert overall(stated, [refused]) == (OPEN, "4 papers are too few")
    assert decide(stated, Answer("a choice")) == OPEN
    assert overall(stated, []) == (OPEN, "nothing in the corpus answers it")


def test_a_refusal_is_never_a_verdict_whatever_figure_comes_with_it():
    assert decide(AT_LEAST, Answer("a choice", 10, 9, 11, refused="under a floor")) == OPEN


@pytest.mark.parametrize(
    ("answers", "verdict", "why"),
    [
        ([(10, 12), (9, 20)], YES, "choices agree"),
        ([(1, 2), (3, 4), (5, 6)], NO, "all 3 choices agree"),
        ([(10, 12)], YES, "our whole interval agrees"),
        ([(1, 2)], NO, "no value of our interval agrees"),
        ([(8, 10)], OPEN, "only a part of our interval agrees"),
        ([(-INF, INF)], OPEN, "our interval holds every figure that would agree, and others"),
        ([(8, 10), (-INF, INF)], OPEN, "only a part of our interval agrees"),
    ],
)
def test_choices_that_agree_give_a_verdict(answers, verdict, why):
    found, reason = overall(AT_LEAST, [answer(*bounds) for bounds in answers])
    assert found == verdict
    assert why in reason


@pytest.mark.parametrize("other", [(1, 2), (8, 10)])
def test_one_choice_that_differs_is_enough_for_no_verdict(other):
    answers = [answer(10, 12, "first"), answer(*other, "second"), answer(11, 12, "third")]
    for order in (answers, answers[::-1]):
        verdict, why = overall(AT_LEAST, order)
        assert verdict == OPEN
        assert why.startswith("it depends on the choice; ")
        named = dict(part.split(": ") for part in why.split("; ")[1:])
        assert set(named[YES].split(" / ")) == {"first", "third"}
        assert set(named) == {YES, NO if other == (1, 2) else OPEN}


def test_a_refused_choice_is_told_but_has_no_voice():
    refused = Answer("with floor", refused="under the floor")
    verdict, why = overall(AT_LEAST, [refused, answer(10, 12, "power")])
    assert verdict == YES
    assert "under the floor" in why
    assert overall(AT_LEAST, [refused, answer(1, 2, "power")])[0] == NO
    assert overall(AT_LEAST, [refused]) == (OPEN, "under the floor")


@pytest.mark.parametrize(
    ("bounds", "newer", "verdict"),
    [
        ((10, 12), 3, OLD),
        ((10, 12), 9, YES),
        # What never held, or is open, is not superseded.
        ((1, 2), 3, NO),
        ((8, 10), 3, OPEN),
    ],
)
def test_only_what_held_can_be_superseded(bounds, newer, verdict):
    found, why = overall(claim("at_least", 9, later=later(newer)), [answer(*bounds)])
    assert found == verdict
    assert ("by 2024-03 somebody did better" in why) == (verdict == OLD)


def test_a_newer_figure_within_the_published_interval_supersedes_nothing():
    stated = claim("about", 9, 4, 25, later=later(20))
    assert overall(stated, [answer(8, 10)])[0] == YES
    stated = claim("about", 9, 4, 25, later=later(26))
    assert overall(stated, [answer(8, 10)])[0] == OLD


# The file.

ENTRY = {
    "group": "study",
    "date": "2021-09",
    "claim": "In practice it is the ninth power.",
    "figure": 9,
    "relation": "at_least",
    "quantity": "exponent",
    "of": {"benchmark": "imagenet"},
    "source": "an article",
    "url": "https://example.org",
}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes claims and gives their path."""

    def write_claims(content):
        path = tmp_path / "claims.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write_claims


def faults_of(path):
    with pytest.raises(ScalelawError) as stopped:
        read_claims(path, QUANTITIES, ["imagenet", "other"])
    return [line.removeprefix(f"{path}: ") for line in str(stopped.value).splitlines()]


def test_a_claim_is_read_with_its_defaults(write):
    newer = {"figure": 3, "date": "2024", "what": "somebody", "source": "a", "url": "https://b"}
    path = write({"one": ENTRY, "two": ENTRY | {"later": newer | {"where": "Table 1"}}})
    one, two = read_claims(path, QUANTITIES, ["imagenet", "other"])
    assert (one.key, one.figure, one.tolerance, one.later) == ("one", 9, 1.0, None)
    assert one.band == (9, INF)
    assert two.later.figure == 3


def test_an_unknown_quantity_gives_the_nearest_name(write):
    path = write({"a": ENTRY | {"quantity": "exponant"}, "b": ENTRY | {"quantity": "zzz"}})
    near, far = faults_of(path)
    assert near == 'a.quantity: no quantity "exponant" (did you mean "exponent"?)'
    assert far.startswith('b.quantity: no quantity "zzz" (known: ')
    assert all(name in far for name in QUANTITIES)


def test_arguments_that_a_quantity_does_not_take_are_faults(write):
    faults = faults_of(
        write(
            {
                "typo": ENTRY | {"of": {"benchmrk": "imagenet"}},
                "missing": ENTRY | {"of": {}},
                "more": ENTRY | {"of": {"benchmark": "imagenet", "results": 1, 7: 2}},
                "none": ENTRY | {"quantity": "overtaking"},
                "half": ENTRY | {"quantity": "pair_ratio", "of": {"after": "b"}},
                "optional": ENTRY | {"quantity": "r_squared", "of": {}},
                "quantity": ENTRY | {"quantity": "exponant", "of": {"noise": 1}},
            }
        )
    )
    assert faults == [
        "half.of: before is missing",
        "half.of: component is missing",
        "missing.of: benchmark is missing",
        'more.of: no argument "7" (known: benchmark)',
        'more.of: no argument "results" (known: benchmark)',
        'none.of: no argument "benchmark" (known: none)',
        'quantity.quantity: no quantity "exponant" (did you mean "exponent"?)',
        "typo.of: benchmark is missing",
        'typo.of: no argument "benchmrk" (did you mean "benchmark"?)',
    ]


def test_a_benchmark_that_is_not_defined_is_a_fault(write):
    faults = faults_of(
        write(
            {
                "near": ENTRY | {"of": {"benchmark": "imagnet"}},
                "far": ENTRY | {"of": {"benchmark": "xyz"}},
                "list": ENTRY | {"of": {"benchmark": ["imagenet"]}},
                "right": ENTRY | {"of": {"benchmark": "other"}},
            }
        )
    )
    assert [fault.split(" (")[0] for fault in faults] == [
        'far.of.benchmark: no benchmark "xyz"',
        "list.of.benchmark: no benchmark \"['imagenet']\"",
        'near.of.benchmark: no benchmark "imagnet"',
    ]
    assert faults[0].endswith("(see data/benchmarks.yaml)")
    assert faults[2].endswith('(did you mean "imagenet"?)')


def test_every_fault_is_listed(write):
    without = {key: value for key, value in ENTRY.items() if key != "figure"}
    faults = faults_of(
        write(
            {
                "group": ENTRY | {"group": "mine"},
                "verdict": ENTRY | {"verdict": "supported"},
                "date": ENTRY | {"date": "September"},
                "url": ENTRY | {"url": "example.org"},
                "tolerance": ENTRY | {"tolerance": 0.5},
                "figure": without,
                "between": without | {"relation": "between", "lower": 1},
                "half": ENTRY | {"relation": "about", "lower": 4},
                "relation": ENTRY | {"relation": "over"},
                "later": ENTRY | {"later": {"figure": 3}},
            }
        )
    )
    assert {fault.split(":")[0].split(".")[0] for fault in faults} == {
        "group", "verdict", "date", "url", "tolerance", "figure", "between", "half", "relation",
        "later",
    }  # fmt: skip
    assert any("'verdict' was unexpected" in fault for fault in faults)


def test_a_range_the_wrong_way_round_is_a_fault(write):
    path = write({"a": ENTRY | {"relation": "between", "lower": 68, "upper": 29}})
    assert faults_of(path) == ["a: lower lies above upper"]


@pytest.mark.parametrize("content", ["", "- a list", "a: [", "{}"])
def test_no_claims_is_a_fault(write, content):
    assert faults_of(write(content))


# The claims that come with the project.

CLAIMS = ROOT / "data/claims.yaml"


@pytest.fixture(scope="module")
def shipped():
    return read_claims(CLAIMS, QUANTITIES, read_benchmarks([ROOT / "data/benchmarks.yaml"]))


def test_every_quantity_answers_a_claim(shipped):
    assert {c.quantity for c in shipped} == set(QUANTITIES)


def test_no_verdict_stands_in_the_claims():
    text = "\n".join(
        line for line in CLAIMS.read_text(encoding="utf-8").splitlines() if line[:1] != "#"
    )
    assert not re.search(r"\b(supported|superseded|verdict|cannot be told)\b", text)


def test_what_claims_name_is_there(shipped):
    benchmarks = read_benchmarks([ROOT / "data/benchmarks.yaml"])
    with (ROOT / "data/papers.csv").open(encoding="utf-8", newline="") as handle:
        records = {row["record_id"]: row for row in csv.DictReader(handle)}
    data = ROOT / "data"
    tables = read_cost_tables(
        [data / "hardware.csv"], data / "prices.csv", data / "grid.csv", data / "costs.yaml"
    )
    targets = {(key, error) for key, b in benchmarks.items() for error in b.targets}
    projected = {*COSTS, *tables.constants.equivalents, "home_years"}
    for stated in shipped:
        of = stated.of
        assert {of[k] for k in ("before", "after", "record") if k in of} <= set(records), stated.key
        if stated.quantity == "projection":
            assert (of["benchmark"], of["error"]) in targets, stated.key
            assert of["quantity"] in projected, stated.key
        if stated.quantity == "gain_share":
            assert of["component"] in GAIN_SUMS, stated.key
        if stated.quantity == "cost_of_flop":
            assert tables.rental(tables.device(of["device"]), of["year"]).year == of["year"]
        if "fixed_target" in of:
            mine = [r for r in records.values() if r["fixed_target"] == of["fixed_target"]]
            assert mine, stated.key


NASNET = {
    "before": "imagenet-krizhevsky2012imagenet-alexnet",
    "after": "imagenet-zoph2018learning-nasnet-a-6-4032.search",
}
IMAGENET = {"benchmark": "imagenet"}
# What the study and its article say, as read in them: relation, figure or range, what answers it.
DEMANDED = [
    ("at_least", 2, "theoretical_exponent", {"quantity": "data"}),
    ("at_least", 4, "theoretical_exponent", {"quantity": "compute"}),
    ("at_least", 9, "exponent", IMAGENET),
    ("at_least", 500, "halving_factor", IMAGENET),
    ("about", 2, "pair_error_ratio", NASNET),
    ("at_least", 1000, "pair_ratio", NASNET | {"component": "total"}),
    ("about", 6, "pair_ratio", NASNET | {"component": "peak_rate"}),
    ("about", 167, "pair_ratio", NASNET | {"component": "scale"}),
    ("about", 1e7, "hardware_ratio", {}),
    ("about", 480e6 / 1.2e6, "parameters_per_example", {"examples": 1.2e6}),
    ("about", 1e11, "projection", IMAGENET | {"error": 0.05, "quantity": "usd"}),
    ("about", 1, "projection", IMAGENET | {"error": 0.05, "quantity": "nyc_month_t_co2e"}),
    ("at_most", 0.05, "lowest_error", IMAGENET | {"until": "2026-01"}),
    ("about", 1e37, "projection", IMAGENET | {"error": 0.01, "quantity": "flop"}),
    ("about", 1e20, "projection", IMAGENET | {"error": 0.01, "quantity": "usd"}),
    ("at_least", 4e6, "cost_of_flop", {"flop": 3.14e23, "device": "V100", "year": 2020}),
    ("at_least", 0, "form_preference", {}),
    ("between", (0.29, 0.68), "r_squared", {}),
    ("about", 0.43, "r_squared", IMAGENET),
    ("about", 12, "r_squared_added_by_year", IMAGENET),
    ("about", 10, "algorithmic_factor", IMAGENET | {"years": 3}),
    ("at_least", 1, "overtaking", {}),
    # Anchors: 44 times and 16 months; 9 months, 4 to 25; shares; 2.46 years, 2.24 to 2.72.
    ("about", 44, "efficiency_gain", {}),
    ("about", 16, "efficiency_halving_months", {}),
    ("about", (4, 25), "algorithmic_halving_months", IMAGENET),
    ("between", (25, 70), "gain_share", {"component": "algorithms"}),
    ("between", (30, 55), "gain_share", {"component": "compute"}),
    ("about", (2.24, 2.72), "hardware_doubling_years", {"trend": "FP32 rate per dollar"}),
    ("about", (3.7, 4.6), "compute_growth_per_year", {}),
]


@pytest.mark.parametrize(("relation", "figure", "quantity", "of"), DEMANDED)
def test_the_studys_claims_are_all_there(shipped, relation, figure, quantity, of):
    matching = [
        c
        for c in shipped
        if (c.relation, c.quantity) == (relation, quantity) and of.items() <= c.of.items()
    ]
    figures = [(c.lower, c.upper) if isinstance(figure, tuple) else c.figure for c in matching]
    assert figure in [pytest.approx(f) for f in figures]


def test_halving_is_the_ninth_power_of_two(shipped):
    by_key = {c.key: c for c in shipped}
    assert by_key["halving"].figure < 2 ** by_key["practice_exponent"].figure == 512


# Quantities on tables made by hand.

SIZE = {"n_records": 20, "n_papers": 8}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a function that makes results of tables given as lists of rows."""
    folder = tmp_path_factory.mktemp("data")
    write_costs(folder)
    write_hardware(folder / "hardware.csv", DEVICES)
    (folder / "benchmarks.yaml").write_text(BENCHMARKS)
    costs = read_cost_tables(
        [folder / "hardware.csv"], folder / "prices.csv", folder / "grid.csv", folder / "costs.yaml"
    )
    benchmarks = read_benchmarks([folder / "benchmarks.yaml"])

    def make(**tables):
        frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
        return Results(frames, benchmarks, costs, "hardware", 0.95, 1)

    return make


def ask(quantity, found, /, **of):
    """Return value and interval by choice."""
    answers = QUANTITIES[quantity](found, **of)
    return {a.choice: a.refused or (a.value, a.lower, a.upper) for a in answers}


def exponent_row(direction, value, status="fitted", benchmark="imagenet", basis="hardware", **more):
    row = {"benchmark": benchmark, "basis": basis, "direction": direction, "status": status, **SIZE}
    bounds = (value, value - 1, value + 1)
    return row | dict(zip(("exponent", "ci_lower", "ci_upper"), bounds, strict=True)) | more


def sensitivity_row(sample, value, status="fitted", benchmark="imagenet"):
    row = exponent_row("compute_on_error", value, status, benchmark)
    return row | {"sample": sample}


FITTED = [
    exponent_row("compute_on_error", 6),
    exponent_row("error_on_compute", 12),
    exponent_row("york", NAN, "not fitted: it did not converge"),
    exponent_row("compute_on_error", 99, benchmark="other"),
    exponent_row("compute_on_error", 98, basis="operations"),
]
CHOICES = [
    sensitivity_row("all, as used", 6),
    sensitivity_row("confident only", 7),
    sensitivity_row("few", NAN, "not fitted: 2 papers"),
    sensitivity_row("all, at FP32", 97, benchmark="other"),
]


def test_exponents_are_those_of_every_choice_that_could_be_fitted(results):
    found = results(exponents=FITTED, sensitivity=CHOICES)
    assert ask("exponent", found, benchmark="imagenet") == {
        "compute on error": (6, 5, 7),
        "error on compute": (12, 11, 13),
        "confident only": (7, 6, 8),
    }


def test_an_exponent_that_nobody_could_fit_is_refused_with_the_reason(results):
    rows = [exponent_row(d, NAN, "not fitted: 3 papers") for d in ("york", "compute_on_error")]
    found = results(exponents=rows, sensitivity=[sensitivity_row("few", NAN, "not fitted")])
    assert ask("exponent", found, benchmark="imagenet") == {"York": "not fitted: 3 papers"}
    assert ask("halving_factor", found, benchmark="imagenet") == {"York": "not fitted: 3 papers"}


def test_halving_takes_two_to_the_power_of_the_exponent(results):
    rows = [
        exponent_row("compute_on_error", 9),
        exponent_row("york", 5) | {"ci_lower": -INF, "ci_upper": INF},
    ]
    found = results(exponents=rows, sensitivity=CHOICES[:1])
    assert ask("halving_factor", found, benchmark="imagenet") == {
        "compute on error": (512, 256, 1024),
        "York": (32, 0, INF),
    }


def test_theory_answers_for_every_noise(results):
    def row(noise, value, model="regularised", status="fitted"):
        return {
            "design": "growing", "quantity": "compute", "model": model, "noise_sd": noise,
            "status": status, "exponent": value, "lower": value - 1, "upper": value + 1,
            "n_sizes": 7,
        }  # fmt: skip

    of = {"design": "growing", "quantity": "compute", "model": "regularised"}
    rows = [row(0.3, 4), row(1, 5), row(3, NAN, status="not fitted: flat"), row(1, 9, "oracle")]
    found = results(theory_exponents=rows)
    assert ask("theoretical_exponent", found, **of) == {
        "noise 0.3": (4, 3, 5),
        "noise 1": (5, 4, 6),
    }


def test_overtaking_is_one_where_it_happens(results):
    rows = [
        {"challenger": "flexible", "noise_sd": 1.0, "sample_size": 2e3, "flop": 1e9, "status": "y"},
        {"challenger": "flexible", "noise_sd": 3.0, "sample_size": NAN, "flop": 1e9, "status": "n"},
        # At equal data but not at equal compute.
        {"challenger": "flexible", "noise_sd": 5.0, "sample_size": 9e3, "flop": NAN, "status": "n"},
    ]
    found = results(overtaking=rows)
    assert ask("overtaking", found) == {
        "flexible, noise 1": (1, 1, 1),
        "flexible, noise 3": (0, 0, 0),
        "flexible, noise 5": (0, 0, 0),
    }  # fmt: skip
    stated = claim("at_least", 1)
    assert overall(stated, list(QUANTITIES["overtaking"](found)))[0] == OPEN


def record(name, error, year, **more):
    row = {
        "record_id": name, "model": name, "benchmark": "imagenet", "error_kind": "top1",
        "error": error, "year": year, "date": f"{int(year)}-01", "fixed_target": "", "params": 1e6,
    }  # fmt: skip
    return row | more


RECORDS = [
    record("early", 0.4, 2012.5),
    record("best", 0.1, 2021.5, params=480e6),
    record("later", 0.05, 2026.04),
    record("timed", 0.01, 2019.0, fixed_target="top1_error<=25"),
    record("top5", 0.02, 2020.0, error_kind="top5"),
    record("detector", 0.03, 2020.0, benchmark="other", error_kind="ap"),
]


@pytest.mark.parametrize(("until", "lowest"), [("2026-01", 0.1), ("2020-06", 0.4)])
def test_the_lowest_error_is_that_of_its_time_and_kind(results, until, lowest):
    found = ask("lowest_error", results(records=RECORDS), benchmark="imagenet", until=until)
    assert list(found.values()) == [(lowest, lowest, lowest)]


def test_what_comes_after_the_corpus_ends_may_be_lower(results):
    found = ask("lowest_error", results(records=RECORDS), benchmark="imagenet", until="2027-01")
    assert list(found.values()) == [(0.05, 0.0, 0.05)]


def test_no_error_before_the_first_record(results):
    assert (
        ask("lowest_error", results(records=RECORDS), benchmark="imagenet", until="2012-01") == {}
    )


def test_errors_and_parameters_of_records(results):
    found = results(records=RECORDS)
    assert ask("pair_error_ratio", found, before="early", after="best") == {
        "the two records": pytest.approx((4, 4, 4))
    }
    assert ask("pair_error_ratio", found, before="early", after="nobody") == {}
    of = {"benchmark": "imagenet", "examples": 1.2e6}
    assert ask("parameters_per_example", found, record="best", **of) == {"best": (400, 400, 400)}
    assert ask("parameters_per_example", found, record="nobody", **of) == {}


def test_parts_of_a_pair(results):
    pair = {"before": "a", "after": "b"}
    rows = [pair | {"component": c, "ratio": r} for c, r in (("total", 1000), ("scale", 167))]
    rows.append({"before": "a", "after": "c", "component": "total", "ratio": 5})
    runs = [record("a", 0.4, 2012.5, training_hours=144), record("b", 0.1, 2018)]
    found = results(pairs=rows, records=runs)
    of = pair | {"component": "total"}
    assert ask("pair_ratio", found, **of) == {"the two records": (1000, 1000, 1000)}
    ranged = ask("pair_ratio", found, **of, shortest_hours=120)
    assert ranged == {"the two records": (1000, 1000, pytest.approx(1200))}


def test_hardware_is_that_of_the_years_asked(results):
    of = {"reference_flop_per_s": 1e5, "reference": "machine"}
    # The GTX 580 is of November 2010, the V100 of July 2017.
    early = ask("hardware_ratio", results(), **of, from_year=2008, to_year=2010)
    assert list(early.values()) == [pytest.approx((1.581e7,) * 3)]
    both = ask("hardware_ratio", results(), **of, from_year=2010, to_year=2017)
    assert list(both.values()) == [pytest.approx(((1.581e7 + 1.567e8) / 2, 1.581e7, 1.567e8))]
    assert ask("hardware_ratio", results(), **of, from_year=2011, to_year=2016) == {}


def projected(form, quantity="usd", status="projected", floor="respected", error=0.05, value=1e9):
    return {
        "benchmark": "imagenet", "error": error, "form": form, "known_floor": floor,
        "status": status, "quantity": quantity, "median": value, "lower": value / 10,
        "upper": INF, "decades_beyond": 3.0, "device": "V100",
    }  # fmt: skip


def test_a_projection_under_a_floor_is_refused_beside_the_forms_that_know_none(results):
    rows = [
        projected("all", "", "refused: under the floor", value=NAN),
        projected("power", floor="ignored"),
        projected("power", "flop", floor="ignored", value=7),
        projected("exponential", floor="ignored", value=1e15),
        projected("power", error=0.01, value=5),
    ]
    found = results(projections=rows)
    of = {"benchmark": "imagenet", "error": 0.05, "quantity": "usd"}
    assert ask("projection", found, **of) == {
        "with the known floor": "refused: under the floor",
        "power form, as if there were no floor": (1e9, 1e8, INF),
        "exponential form, as if there were no floor": (1e15, 1e14, INF),
    }
    # The forms without a floor have the voice, as in the claims; the refusal is told.
    answers = list(QUANTITIES["projection"](found, **of))
    verdict, why = overall(claim("at_least", 1), answers)
    assert verdict == YES
    assert "refused: under the floor" in why


def test_a_projection_above_the_floor_needs_no_such_words(results):
    rows = [projected("power"), projected("all", value=3)]
    found = ask("projection", results(projections=rows), benchmark="imagenet", error=0.05,
                quantity="usd")  # fmt: skip
    assert found["power form"] == (1e9, 1e8, INF)


def test_a_projection_tells_the_floored_form_or_why_it_is_refused(results):
    of = {"benchmark": "imagenet", "error": 0.05, "quantity": "usd"}
    rows = [projected("power"), projected("floored", value=7), projected("all", value=3)]
    found = ask("projection", results(projections=rows), **of)
    assert found == {"power form": (1e9, 1e8, INF), "floored form": (7, 0.7, INF)}
    refused = projected("floored", "", "refused: under the fitted floor", value=NAN)
    found = ask("projection", results(projections=[projected("power"), refused]), **of)
    assert found == {
        "power form": (1e9, 1e8, INF), "floored form": "refused: under the fitted floor"
    }  # fmt: skip
    nothing = projected("", "", "not fitted: 3 papers", value=NAN)
    found = ask("projection", results(projections=[nothing]), **of)
    assert found == {"every form": "not fitted: 3 papers"}


def test_operations_cost_what_their_hours_cost(results):
    # 4.5e23 FLOP are a million hours of a V100 at peak, 2.63 million at a utilisation of 0.38; the
    # rents of 2023 are one dollar.
    of = {"device": "V100", "year": 2023, "places": ["World"]}
    (found,) = ask("cost_of_flop", results(), flop=4.5e23, **of).values()
    assert found[0] == pytest.approx(1e6 / 0.38, rel=0.03)
    assert 1e6 < found[1] < 1e6 / 0.49 < found[0] < 1e6 / 0.30 < found[2]
    (tenfold,) = ask("cost_of_flop", results(), flop=4.5e24, **of).values()
    assert tenfold == pytest.approx([10 * figure for figure in found])


def test_the_form_of_lower_aicc_is_preferred_by_more_than_two(results):
    def row(benchmark, gain, low, high, form="exponential"):
        return {
            "benchmark": benchmark, "basis": "hardware", "form": form, "aicc_over_power": gain,
            "aicc_over_power_lower": low, "aicc_over_power_upper": high,
            "n_records": 9.0, "n_papers": 5.0,
        }  # fmt: skip

    rows = [
        row("imagenet", 20, 5, 40),
        row("other", -1, -1.5, -0.5),
        row("other", 9, 8, 10, "power"),
    ]
    rows.append(row("other", NAN, NAN, NAN))
    found = results(curves=rows)
    assert ask("form_preference", found) == {"ImageNet": (20, 5, 40), "Other": (-1, -3, 1)}
    by_name = {
        a.choice: decide(claim("at_least", 0), a) for a in QUANTITIES["form_preference"](found)
    }
    assert by_name == {"ImageNet": YES, "Other": OPEN}


def test_r_squared_of_one_benchmark_or_all(results):
    def row(benchmark, value, **more):
        row = exponent_row(
            "compute_on_error", 5, benchmark=benchmark, form="power", r_squared=value
        )
        return row | {"r_squared_lower": value - 0.1, "r_squared_upper": value + 0.1} | more

    rows = [
        row("imagenet", 0.5),
        row("other", 0.3),
        row("other", 0.9, form="floored"),
        row("other", 0.9, direction="york"),
        row("other", 0.9, basis="forward"),
        row("other", NAN, status="not fitted"),
    ]
    found = results(curves=rows)
    both = ask("r_squared", found)
    assert both == {"ImageNet": (0.5, 0.4, 0.6), "Other": pytest.approx((0.3, 0.2, 0.4))}
    assert set(ask("r_squared", found, benchmark="other")) == {"Other"}


def gain(component, sample="all", effect="error_on_compute", **more):
    columns = dict.fromkeys(("share", "share_lower", "share_upper"), NAN)
    row = {"benchmark": "imagenet", "component": component, "sample": sample, "effect": effect}
    return row | columns | SIZE | more


def halving(years, lower, upper):
    return {"halving_years": years, "halving_lower": lower, "halving_upper": upper}


def test_gains_are_read_by_sample_and_direction(results):
    added = {"r_squared_added": 0.12, "r_squared_added_lower": 0.1, "r_squared_added_upper": 0.2}
    rows = [
        gain("total", **added),
        gain("total", "state of the art", **added | {"r_squared_added": 0.5}),
        gain("algorithms", **halving(0.75, 0.5, 1.0)),
        gain("algorithms", "state of the art", "compute_on_error", **halving(INF, 1.0, INF)),
    ]
    found = results(gains=rows)
    of = {"benchmark": "imagenet"}
    assert ask("r_squared_added_by_year", found, **of) == {
        "all records": pytest.approx((12, 10, 20))
    }
    assert ask("algorithmic_halving_months", found, **of) == {
        "all records, error on compute": (9, 6, 12),
        "leading records, compute on error": (INF, 12, INF),
    }
    # Three years hold four halvings of nine months; of six months six, of a year three.
    assert ask("algorithmic_factor", found, **of, years=3) == {
        "all records, error on compute": pytest.approx((16, 8, 64)),
        "leading records, compute on error": pytest.approx((1, 1, 8)),
    }


def test_shares_are_those_of_the_state_of_the_art_in_percent(results):
    share = {"share": 0.4, "share_lower": 0.3, "share_upper": 0.5}
    rows = [
        gain("compute", "state of the art", **share),
        gain("compute", "state of the art", "compute_on_error"),
        gain("compute", **share | {"share": 0.9}),
        gain("algorithms", "state of the art", **share),
    ]
    found = ask("gain_share", results(gains=rows), benchmark="imagenet", component="compute")
    assert found == {"error on compute": pytest.approx((40, 30, 50))}


def trend(slope, lower, upper, **more):
    """Return a row of a trend, with doubling times as the tables write them."""
    two = math.log10(2)
    flat = lower <= 0 <= upper
    ends = (upper, lower) if slope > 0 else (lower, upper)
    return {
        "slope": slope, "lower": lower, "upper": upper, "status": "fitted",
        "doubling_years": two / slope if slope else INF,
        "doubling_lower": INF if flat else two / ends[0],
        "doubling_upper": INF if flat else two / ends[1],
    } | more  # fmt: skip


TWO = math.log10(2)


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ((TWO / 2, TWO / 4, TWO), (2, 1, 4)),
        # A trend that may be flat doubles in a year at the soonest, or never.
        ((TWO / 4, -TWO, TWO), (4, 1, INF)),
        ((-TWO / 4, -TWO, TWO), (INF, 1, INF)),
    ],
)
def test_doubling_times_of_devices(results, slopes, expected):
    row = trend(*slopes, quantity="FP32 rate", kind="GPU", n_devices=9)
    rows = [row, row | {"kind": "GeForce"}, row | {"kind": "TPU"}, row | {"quantity": "price"}]
    found = ask("hardware_doubling_years", results(hardware_trends=rows), trend="FP32 rate",
                kinds=["GeForce", "GPU"])  # fmt: skip
    assert found == {"GeForce": pytest.approx(expected), "GPU": pytest.approx(expected)}


def test_a_trend_that_may_be_flat_refutes_no_doubling_time(results):
    row = trend(TWO / 3, -TWO, TWO, quantity="FP32 rate", kind="GPU", n_devices=9)
    of = {"trend": "FP32 rate", "kinds": ["GPU"]}
    (found,) = QUANTITIES["hardware_doubling_years"](results(hardware_trends=[row]), **of)
    assert decide(claim("about", 2.3, tolerance=1.25), found) == OPEN
    assert decide(claim("about", 0.5, tolerance=1.25), found) == NO


EFFICIENCY = {"benchmark": "imagenet", "fixed_target": "top5_accuracy>=79.1", "series": "a paper"}


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        # Compute that falls by half in 16 months, or 12 to 24.
        ((-TWO / 16 * 12, -TWO, -TWO / 2), (16, 12, 24)),
        ((-TWO / 2, -TWO, TWO), (24, 12, INF)),
    ],
)
def test_efficiency_at_a_fixed_level(results, slopes, expected):
    row = trend(*slopes, **EFFICIENCY, n_records=9, frontier_halving_years=1.25, gain=44)
    rows = [row, row | {"series": "another"}, row | {"status": "not fitted: 3 points"}]
    found = results(efficiency=rows)
    assert ask("efficiency_halving_months", found, **EFFICIENCY) == {
        "trend through all records": pytest.approx(expected),
        "first to best record": (15, 15, 15),
    }
    assert ask("efficiency_gain", found, **EFFICIENCY) == {"first to best record": (44, 44, 44)}


def test_growth_is_a_factor_a_year(results):
    row = {
        "benchmark": "imagenet", "regressor": "year", "component": "total", "status": "fitted",
        "rates": "as used", "slope": 0.5, "lower": 0.0, "upper": 1.0, **SIZE,
    }  # fmt: skip
    rows = [row, row | {"regressor": "gain"}, row | {"component": "scale"}]
    found = ask("compute_growth_per_year", results(trends=rows), benchmark="imagenet")
    assert found == {"rates as used": pytest.approx((10**0.5, 1, 10))}
