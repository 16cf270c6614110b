"""Which records, and which combinations of choices, make up the multiverse."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from multiverse_corpus import BASES, draw_records
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.multiverse import grid as choices
from scalelaw.multiverse.grid import RULES, Grid, Specification, excluded_by
from scalelaw.multiverse.samples import count_excluded, units

PLAIN = Specification(
    "imagenet", "hardware", "all", "complement", "power", "compute_on_error", "least_squares"
)


def selected(records, sample, **settings):
    grid = Grid(("imagenet",), ("hardware",), (sample,), **settings)
    found = next(units(records, grid))
    assert found.sample == sample
    return found.records


def ids(frame):
    return set(frame["record_id"])


@pytest.mark.parametrize(
    ("sample", "keeps"),
    [
        ("all", lambda r: True),
        ("year_control", lambda r: True),
        ("no_extra_data", lambda r: r["extra_data"] == ""),
        ("confident", lambda r: r["confidence"] != "speculative"),
        ("unwaived", lambda r: r["waived"] == ""),
        ("nothing_left_out", lambda r: r["compute_scope"] == "total"),
        ("format_stated", lambda r: r["peak_precision_basis"] == "stated"),
    ],
)
def test_a_sample_keeps_what_it_says(sample, keeps):
    records = draw_records()
    known = records[records["flop_hardware"].notna()]
    expected = {r["record_id"] for _, r in known.iterrows() if keeps(r)}
    assert len(expected) > 0
    assert (sample in ("all", "year_control")) == (len(expected) == len(known))
    assert ids(selected(records, sample)) == expected


def test_the_best_record_of_each_paper_is_taken_and_of_ties_the_cheapest():
    records = draw_records(seed=1)
    first = records[records["paper"] == "paper00"].index
    records.loc[first, "error"] = 0.2
    records.loc[first, "flop_hardware"] = [3e20, 1e20, *[2e20] * (len(first) - 2)]
    found = selected(records, "best_per_paper").set_index("paper")
    known = records[records["flop_hardware"].notna()]
    assert found.index.is_unique
    assert found["error"].to_dict() == known.groupby("paper")["error"].min().to_dict()
    assert found.loc["paper00", "record_id"] == records.loc[first[1], "record_id"]


def test_leaders_have_the_lowest_error_so_far():
    records = draw_records(seed=2)
    found = selected(records, "state_of_the_art")
    known = records[records["flop_hardware"].notna()]
    expected = set()
    for _, r in known.iterrows():
        before = known[
            (known["year"] < r["year"])
            | ((known["year"] == r["year"]) & (known["error"] < r["error"]))
        ]
        if not len(before) or r["error"] <= before["error"].min():
            expected.add(r["record_id"])
    assert ids(found) == expected
    assert 1 < len(expected) < len(known)


def test_samples_up_to_a_year_hold_all_of_that_year():
    records = draw_records()
    records.loc[:2, "year"] = [2017.999, 2018.0, 2018.999]
    records.loc[:2, "flop_hardware"] = 1e20
    grid = Grid(("imagenet",), ("hardware",), ("all",), until=(2017, 2018))
    whole, first, second = units(records, grid)
    assert [whole.sample, first.sample, second.sample] == ["all", "until_2017", "until_2018"]
    assert {f"imagenet-00{i}" for i in range(3)} & ids(first.records) == {"imagenet-000"}
    assert {f"imagenet-00{i}" for i in range(3)} <= ids(second.records)
    assert (second.records["year"] < 2019).all()
    assert (whole.records["year"] >= 2019).any()


def test_the_papers_with_the_most_records_are_left_out_one_by_one():
    records = draw_records(seed=3, n=60)
    # A paper whose records lack the basis is not among them.
    most = records["paper"].value_counts().index[0]
    records.loc[records["paper"] == most, "flop_hardware"] = np.nan
    known = records[records["flop_hardware"].notna()]
    counts = Counter(known["paper"])
    expected = sorted(counts, key=lambda p: (-counts[p], p))[:4]
    grid = Grid(("imagenet",), ("hardware",), (), leave_out=4)
    found = list(units(records, grid))
    assert [u.sample for u in found] == [f"without:{p}" for p in expected]
    for unit, paper in zip(found, expected, strict=True):
        assert ids(unit.records) == ids(known[known["paper"] != paper])


def test_compute_is_that_of_the_basis():
    records = draw_records()
    records.loc[5, "excluded"] = "compute scope search"
    grid = Grid(("imagenet",), samples=("all",))
    for unit in units(records, grid):
        known = records[records[f"flop_{unit.basis}"].notna() & (records["excluded"] == "")]
        assert ids(unit.records) == ids(known)
        assert "imagenet-005" not in ids(unit.records)
        expected = np.log10(known.set_index("record_id")[f"flop_{unit.basis}"])
        got = unit.records.set_index("record_id")["log_flop"]
        assert got.to_dict() == pytest.approx(expected.to_dict(), rel=1e-14)


def test_units_are_in_the_order_of_the_grid_and_of_their_benchmark():
    records = pd.concat([draw_records(), draw_records(benchmark="other", seed=1)])
    grid = Grid(("other", "imagenet"), ("best", "hardware"), ("unwaived", "all"), until=(2018,))
    found = [(u.benchmark, u.basis, u.sample) for u in units(records, grid)]
    assert found == list(product(grid.benchmarks, grid.bases, ("unwaived", "all", "until_2018")))
    assert all((u.records["benchmark"] == u.benchmark).all() for u in units(records, grid))


def test_units_of_the_same_records_and_compute_are_named():
    records = draw_records()
    records["waived"] = ""
    records["flop_best"] = records["flop_hardware"]
    records["flop_reported"] = records["flop_hardware"] * 2
    grid = Grid(
        ("imagenet",), ("hardware", "best", "reported"), ("all", "year_control", "unwaived"),
        until=(2030,),
    )  # fmt: skip
    same = {(u.basis, u.sample): u.same_as for u in units(records, grid)}
    year = "hardware, year_control"
    assert same == {
        ("hardware", "all"): "",
        ("hardware", "year_control"): "",
        ("hardware", "unwaived"): "hardware, all",
        ("hardware", "until_2030"): "hardware, all",
        ("best", "all"): "hardware, all",
        ("best", "year_control"): year,
        ("best", "unwaived"): "hardware, all",
        ("best", "until_2030"): "hardware, all",
        ("reported", "all"): "",
        ("reported", "year_control"): "",
        ("reported", "unwaived"): "reported, all",
        ("reported", "until_2030"): "reported, all",
    }


def test_records_in_another_order_are_the_same_records():
    records = draw_records().assign(waived="")
    # Each record leads: the sample is sorted by date, and holds all.
    records["year"] = np.linspace(2012, 2023, len(records))
    records["error"] = np.linspace(0.4, 0.1, len(records))
    records = records.sample(frac=1, random_state=0)
    grid = Grid(("imagenet",), ("hardware",), ("all", "state_of_the_art"))
    whole, leaders = units(records, grid)
    assert whole.records["record_id"].tolist() != leaders.records["record_id"].tolist()
    assert leaders.same_as == "hardware, all"


def test_other_benchmarks_do_not_count_as_the_same():
    first = draw_records()
    second = first.assign(benchmark="other")
    grid = Grid(("imagenet", "other"), ("hardware",), ("all",))
    assert [u.same_as for u in units(pd.concat([first, second]), grid)] == ["", ""]


FLOORED = "no-published-floor"


@pytest.mark.parametrize(
    ("rule", "changes", "floor"),
    [
        (FLOORED, {"error_transform": "minus_floor"}, False),
        (FLOORED, {"error_transform": "minus_floor", "form": "floored"}, False),
        ("floor-once", {"error_transform": "minus_floor", "form": "floored"}, True),
        ("exponential-in-odds", {"error_transform": "log_odds", "form": "exponential"}, True),
        ("york-power", {"direction": "york", "form": "exponential"}, True),
        ("york-power", {"direction": "york", "form": "floored"}, True),
        ("york-power", {"direction": "york", "form": "broken"}, True),
        ("york-least-squares", {"direction": "york", "estimator": "huber"}, True),
        ("york-no-covariate", {"direction": "york", "sample": "year_control"}, True),
        ("curved-least-squares", {"form": "floored", "estimator": "huber"}, True),
        ("curved-least-squares", {"form": "broken", "estimator": "frontier"}, True),
        ("frontier-of-leaders", {"estimator": "frontier", "sample": "state_of_the_art"}, True),
        ("format-of-hardware", {"sample": "format_stated", "basis": "reported"}, True),
        ("format-of-hardware", {"sample": "format_stated", "basis": "hardware_fp32"}, True),
    ],
)
def test_each_rule_excludes_what_it_names(rule, changes, floor):
    found = excluded_by(replace(PLAIN, **changes), floor)
    assert found is not None
    assert found.name == rule


@pytest.mark.parametrize(
    ("changes", "floor"),
    [
        ({}, False),
        ({"error_transform": "minus_floor"}, True),
        ({"error_transform": "minus_floor", "form": "broken"}, True),
        ({"form": "floored"}, False),
        ({"error_transform": "log_odds", "form": "floored"}, False),
        ({"error_transform": "log_odds", "estimator": "huber"}, False),
        ({"form": "exponential", "estimator": "frontier"}, False),
        ({"direction": "york", "error_transform": "log_odds"}, False),
        ({"direction": "york", "sample": "state_of_the_art"}, False),
        ({"sample": "year_control", "form": "broken"}, False),
        ({"sample": "state_of_the_art", "estimator": "huber"}, False),
        ({"sample": "format_stated"}, False),
        ({"direction": "error_on_compute", "estimator": "frontier"}, False),
    ],
)
def test_what_no_rule_names_is_fitted(changes, floor):
    assert excluded_by(replace(PLAIN, **changes), floor) is None


def permitted(s, floor):
    """Return whether a combination is fitted, said the other way round."""
    curved = s.form in ("floored", "broken")
    if s.direction == "york":
        line = s.form == "power" and s.estimator == "least_squares"
        direction = line and s.sample != "year_control"
    else:
        direction = s.estimator == "least_squares" or not curved
    transform = {
        "complement": True,
        "log_odds": s.form != "exponential",
        "minus_floor": floor and s.form != "floored",
    }[s.error_transform]
    leaders = s.sample != "state_of_the_art" or s.estimator != "frontier"
    stated = s.sample != "format_stated" or s.basis == "hardware"
    return direction and transform and leaders and stated


def benchmark(floor):
    return Benchmark("b", "B", "task", "test", None, "top1", "error", {}, floor, (0.05,))


def test_combinations_are_fitted_or_counted_under_the_first_rule_that_excludes_them():
    records = pd.concat([draw_records(), draw_records(benchmark="other", seed=1)])
    grid = Grid(("imagenet", "other"), until=(2018,), leave_out=2)
    benchmarks = {"imagenet": benchmark(0.02), "other": benchmark(None)}
    counts, kept, whole = Counter(), 0, 0
    for unit in units(records, grid):
        floor = unit.benchmark == "imagenet"
        for rest in product(
            choices.TRANSFORMS, choices.FORMS, choices.DIRECTIONS, choices.ESTIMATORS
        ):
            s = Specification(unit.benchmark, unit.basis, unit.sample, *rest)
            whole += 1
            kept += permitted(s, floor)
            assert (excluded_by(s, floor) is None) == permitted(s, floor)
            named = [rule.name for rule in RULES if rule.excludes(s, floor)]
            counts.update(named[:1])
    table = count_excluded(records, grid, benchmarks)
    assert table["rule"].tolist() == [rule.name for rule in RULES]
    assert dict(zip(table["rule"], table["n_excluded"], strict=True)) == counts
    assert (table["n_excluded"] > 0).all()
    assert (table["reason"].str.len() > 10).all()
    units_ = 2 * len(BASES) * (len(choices.SAMPLES) + 1 + 2)
    assert whole == units_ * 3 * 4 * 3 * 4
    assert kept + table["n_excluded"].sum() == whole


def test_specifications_are_the_product_of_the_choices():
    grid = Grid(("b",), error_transforms=("log_odds",), forms=("power", "broken"))
    found = list(grid.specifications("b", "best", "until_2018"))
    expected = product(("log_odds",), ("power", "broken"), choices.DIRECTIONS, choices.ESTIMATORS)
    assert found == [Specification("b", "best", "until_2018", *rest) for rest in expected]
    assert len(set(found)) == 2 * 3 * 4
