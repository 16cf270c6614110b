"""Rows of specifications, against the same figures by hand, and the files they are written to."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from multiverse_corpus import draw_records
from scalelaw import PowerLaw, tasks
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.errors import ScalelawError
from scalelaw.fit.resample import percentile_interval, resampled_groups
from scalelaw.multiverse.grid import Grid, excluded_by
from scalelaw.multiverse.run import MIN_LATER_PAPERS, Scale, Settings, fit_unit
from scalelaw.multiverse.samples import Unit, count_excluded, units
from scalelaw.multiverse.table import SCHEMA, batches, join_chunks, write_units
from scalelaw.tables import read_result, write_table
from small_corpus import BENCHMARKS

SETTINGS = Settings(replicates=40, level=0.9, min_papers=5, error_sd_decades=0.02)
SEED = np.random.SeedSequence(5)
FLOOR = 0.02
SMALL = {
    "bases": ("hardware",), "error_transforms": ("complement",), "forms": ("power",),
    "directions": ("compute_on_error",), "estimators": ("least_squares",),
}  # fmt: skip


def scale_of(records, targets=(0.05, 0.01), floor=FLOOR):
    plain = Benchmark("imagenet", "I", "t", "v", "top1", "e", {}, None, floor, "", targets)
    return Scale.of(records, plain)


def rows_of(records, sample="all", scale=None, settings=SETTINGS, **options):
    """Return the rows of a sample on the hardware basis."""
    grid = Grid(("imagenet",), samples=(sample,), **(SMALL | options))
    unit = next(units(records, grid))
    found = fit_unit(unit, grid, scale or scale_of(records), settings, SEED)
    return unit.records, pd.DataFrame(list(found))


def line(x, y):
    """Return intercept and slope."""
    return np.linalg.lstsq(np.column_stack([np.ones_like(x), x]), y, rcond=None)[0]


@pytest.fixture(scope="module")
def records():
    return draw_records(papers=16, n=60, seed=4)


def test_the_scale_is_that_of_the_records(records):
    scale = scale_of(records)
    error = np.sort(records["error"])
    assert (scale.low_error, scale.high_error) == (error[5], error[53])
    assert (scale.target_error, scale.label_floor, scale.has_floor) == (0.05, FLOOR, True)
    assert scale.last_year == records["year"].max()
    first = np.sort(records.groupby("paper")["year"].min())
    assert scale.split_year == first[7]
    bare = scale_of(records, (), None)
    assert np.isnan(bare.target_error)
    assert np.isnan(bare.label_floor)
    assert not bare.has_floor


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("complement", lambda e: e),
        ("log_odds", lambda e: e / (1 - e)),
        ("minus_floor", lambda e: e - FLOOR),
    ],
)
def test_errors_are_measured_as_named(records, name, measured):
    scale, error = scale_of(records), np.array([0.05, 0.2, 0.7])
    assert scale.transform(name, error) == pytest.approx(measured(error), rel=1e-14)
    step = 1e-6
    decades = np.log10(measured(error * 10**step)) - np.log10(measured(error))
    assert scale.slope(name, error) == pytest.approx(decades / step, rel=1e-5)


@pytest.mark.parametrize("transform", ["complement", "log_odds", "minus_floor"])
@pytest.mark.parametrize("direction", ["compute_on_error", "error_on_compute"])
def test_a_row_has_the_figures_of_its_line(records, transform, direction):
    used, found = rows_of(records, error_transforms=(transform,), directions=(direction,))
    row, scale = found.iloc[0], scale_of(records)
    value = -np.log10(scale.transform(transform, used["error"].to_numpy()))
    log_flop = used["log_flop"].to_numpy()
    at = -np.log10(scale.transform(transform, [scale.low_error, scale.high_error, 0.05]))
    papers = used["paper"].drop_duplicates().tolist()
    drawn = resampled_groups(len(papers), 40, SEED)

    def figures(rows):
        if direction == "compute_on_error":
            a, b = line(value[rows], log_flop[rows])
        else:
            c, d = line(log_flop[rows], value[rows])
            a, b = -c / d, 1 / d
        low, high, target = a + b * at
        decades = np.log10(scale.high_error / scale.low_error)
        return (low - high) / decades, target, np.corrcoef(value[rows], log_flop[rows])[0, 1] ** 2

    number = used["paper"].map(papers.index).to_numpy()
    draws = np.array(
        [figures(np.repeat(np.arange(len(used)), w[number].astype(int))) for w in drawn]
    )
    whole = figures(np.arange(len(used)))
    for name, point, drawn_ in zip(
        ("exponent", "log10_flop", "r_squared"), whole, draws.T, strict=True
    ):
        assert row[name] == pytest.approx(point, rel=1e-9)
        ends = np.quantile(drawn_, [0.05, 0.95])
        assert (row[f"{name}_lower"], row[f"{name}_upper"]) == pytest.approx(tuple(ends), rel=1e-8)
    assert row["status"] == "fitted"
    assert row["replicates"] == 40
    assert (row["n_records"], row["n_papers"]) == (len(used), len(papers))
    assert row["target_error"] == 0.05
    assert row["decades_compute"] == pytest.approx(log_flop.max() - log_flop.min())
    assert row["decades_beyond"] == pytest.approx(whole[1] - log_flop.max())
    assert {*row.index} <= set(SCHEMA.names)


@pytest.mark.parametrize("transform", ["complement", "log_odds", "minus_floor"])
def test_york_weighs_by_the_errors_of_what_is_measured(records, transform):
    used, found = rows_of(records, error_transforms=(transform,), directions=("york",))
    row, scale = found.iloc[0], scale_of(records)
    error = used["error"].to_numpy()
    per_decade = {
        "complement": 1.0,
        "log_odds": 1 / (1 - error),
        "minus_floor": error / (error - FLOOR),
    }
    data = pd.DataFrame(
        {
            "flop": used["flop_hardware"].to_numpy(),
            "error": scale.transform(transform, error),
            "paper": used["paper"].to_numpy(),
            "flop_sd": used["compute_sd_decades"].to_numpy(),
            "error_sd": 0.02 * per_decade[transform] * np.ones(len(used)),
        }
    )
    law = PowerLaw("flop", "error", "york", x_sd="flop_sd", y_sd="error_sd", replicates=40)
    result = law.fit(data, "paper", seed=SEED)
    low, high = scale.transform(transform, [scale.low_error, scale.high_error])
    stretch = np.log10(high / low) / np.log10(scale.high_error / scale.low_error)
    assert row["exponent"] == pytest.approx(result.cost_exponent().value * stretch, rel=1e-8)
    ends = percentile_interval(stretch / result.draws[:, 1], 0.9)
    assert (row["exponent_lower"], row["exponent_upper"]) == pytest.approx(ends, rel=1e-7)
    assert np.isnan(row["r_squared"])


@pytest.mark.parametrize("direction", ["compute_on_error", "error_on_compute"])
def test_with_the_year_laws_are_read_at_the_newest_record(records, direction):
    used, found = rows_of(records, "year_control", directions=(direction,))
    scale = scale_of(records)
    value, log_flop = -np.log10(used["error"].to_numpy()), used["log_flop"].to_numpy()
    x, y = (value, log_flop) if direction == "compute_on_error" else (log_flop, value)
    design = np.column_stack([np.ones_like(x), x, used["year"]])
    a, b, c = np.linalg.lstsq(design, y, rcond=None)[0]
    a += c * scale.last_year
    asked = -np.log10(0.05)
    expected = a + b * asked if direction == "compute_on_error" else (asked - a) / b
    assert found["log10_flop"][0] == pytest.approx(expected, rel=1e-8)
    assert found["exponent"][0] == pytest.approx(b if direction == "compute_on_error" else 1 / b)


def halves(used, scale):
    first = used.groupby("paper")["year"].transform("min")
    return used[first <= scale.split_year], used[first > scale.split_year]


@pytest.mark.parametrize("form", ["power", "floored"])
def test_laws_of_earlier_papers_are_scored_by_later_ones(records, form):
    used, found = rows_of(records, forms=(form,))
    past, later = halves(used, scale_of(records))
    best = np.inf
    # Floors are those below the lowest error of the earlier papers.
    for share in [0.0, *np.linspace(0.02, 0.98, 25)] if form == "floored" else [0.0]:
        tried = share * past["error"].min()
        x, y = -np.log10(past["error"] - tried), past["log_flop"]
        a, b = line(x, y)
        if ((y - a - b * x) ** 2).sum() < best:
            best, law, floor = ((y - a - b * x) ** 2).sum(), (a, b), tried
    above = later["error"] - floor
    with np.errstate(invalid="ignore"):
        reached = law[0] - law[1] * np.log10(above)
    missed = np.abs(reached.where(above > 0, np.inf) - later["log_flop"])
    expected = np.median(missed.groupby(later["paper"]).mean())
    assert found["extrapolation_loss"][0] == pytest.approx(expected, rel=1e-9)
    assert found["n_later_papers"][0] == later["paper"].nunique()


def test_later_records_do_not_move_the_earlier_law(records):
    scale = scale_of(records)
    used, _ = rows_of(records)
    _, later = halves(used, scale)
    moved = records.copy()
    chosen = moved["record_id"].isin(later["record_id"])
    # Every later record needs 100 decades more: the loss grows by exactly that.
    moved.loc[chosen, "flop_hardware"] *= 1e100
    for options in ({}, {"estimators": ("huber",)}, {"forms": ("broken",)}):
        before = rows_of(records, **options)[1]["log10_flop"][0]
        _, found = rows_of(moved, scale=scale, **options)
        loss = found["extrapolation_loss"][0]
        assert loss == pytest.approx(100, abs=3)
        assert found["log10_flop"][0] != before


def test_a_covariate_extrapolates_with_the_year_of_the_record(records):
    used, found = rows_of(records, "year_control")
    past, later = halves(used, scale_of(records))
    design = np.column_stack([np.ones(len(past)), -np.log10(past["error"]), past["year"]])
    law = np.linalg.lstsq(design, past["log_flop"], rcond=None)[0]
    reached = law[0] - law[1] * np.log10(later["error"]) + law[2] * later["year"]
    missed = np.abs(reached - later["log_flop"]).groupby(later["paper"]).mean()
    assert found["extrapolation_loss"][0] == pytest.approx(np.median(missed), rel=1e-7)


def test_a_paper_belongs_to_the_year_of_its_first_record(records):
    spread_out = records.copy()
    # Of a paper of several records, the first in the table is dated after all others.
    known = rows_of(records)[0]
    mine = known.index[known["paper"] == known["paper"].value_counts().index[0]]
    scale = scale_of(records)
    spread_out.loc[mine, "year"] = scale.split_year + 1
    spread_out.loc[mine[1], "year"] = scale.split_year - 1
    used, found = rows_of(spread_out, scale=scale)
    past, later = halves(used, scale)
    assert set(mine) <= set(past.index)
    assert found["n_later_papers"][0] == later["paper"].nunique()
    a, b = line(-np.log10(past["error"]), past["log_flop"])
    missed = np.abs(a - b * np.log10(later["error"]) - later["log_flop"])
    expected = np.median(missed.groupby(later["paper"]).mean())
    assert found["extrapolation_loss"][0] == pytest.approx(expected, rel=1e-9)


def test_too_few_later_papers_give_no_loss(records):
    scale = scale_of(records)
    first = np.sort(rows_of(records)[0].groupby("paper")["year"].min())
    for later, expected in ((MIN_LATER_PAPERS, True), (MIN_LATER_PAPERS - 1, False)):
        _, found = rows_of(records, scale=replace(scale, split_year=first[-later - 1]))
        assert ("extrapolation_loss" in found) == expected
    for earlier, expected in ((5, True), (4, False)):
        _, found = rows_of(records, scale=replace(scale, split_year=first[earlier - 1]))
        assert ("extrapolation_loss" in found) == expected


@pytest.mark.filterwarnings("error")
def test_what_is_not_fitted_says_why(records):
    papers = rows_of(records)[0]["paper"].unique()
    _, found = rows_of(records[records["paper"].isin(papers[:4])], scale=scale_of(records))
    assert found["status"].tolist() == ["not fitted: 4 paper(s), at least 5 are needed"]
    assert "exponent" not in found
    assert found["n_papers"].tolist() == [4]
    low = records.copy()
    low.loc[low["flop_hardware"].first_valid_index(), "error"] = FLOOR
    _, found = rows_of(low, error_transforms=("complement", "minus_floor"))
    assert found["status"].tolist() == [
        "fitted", "not fitted: an error lies at or below the label floor"
    ]  # fmt: skip
    for wrong in (1.0, 1.5):
        low.loc[low["flop_hardware"].first_valid_index(), "error"] = wrong
        _, found = rows_of(low, error_transforms=("complement", "log_odds"))
        assert found["status"].tolist() == [
            "fitted", "not fitted: an error is not between 0 and 1"
        ]  # fmt: skip
    same = low.assign(error=0.3)
    _, found = rows_of(same)
    assert found["status"].tolist() == ["not fitted: the records do not identify the law"]
    assert "replicates" not in found
    unit = Unit("imagenet", "hardware", "all", records.assign(log_flop=20.0), "best, all")
    grid = Grid(("imagenet",), samples=("all",), **SMALL)
    (row,) = fit_unit(unit, grid, scale_of(records), SETTINGS, SEED)
    assert row["status"] == "not fitted: the same records and compute as best, all"


@pytest.mark.parametrize(
    ("papers", "sample", "fitted"),
    [
        (5, "all", {"power"}),
        (6, "all", {"power", "floored"}),
        (7, "all", {"power", "floored", "broken"}),
        (6, "year_control", {"power"}),
        (7, "year_control", {"power", "floored"}),
    ],
)
def test_each_parameter_takes_one_more_paper(records, papers, sample, fitted):
    keys = rows_of(records)[0]["paper"].unique()[:papers]
    forms = ("power", "floored", "broken")
    straight = {"error_transforms": ("complement",), "directions": ("compute_on_error",)}
    straight["estimators"] = ("least_squares",)
    grid = Grid(("imagenet",), ("hardware",), (sample,), forms=forms, **straight)
    (unit,) = units(records[records["paper"].isin(keys)], grid)
    rows = fit_unit(unit, grid, scale_of(records), SETTINGS, SEED)
    assert {row["form"] for row in rows if row["status"] == "fitted"} == fitted


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("papers", [5, 6])
def test_few_papers_raise_no_warnings_and_no_false_figures(papers):
    for seed in range(3):
        few = draw_records(papers=papers, n=papers, seed=seed).assign(
            flop_hardware=lambda r: r["flop_best"].fillna(1e20)
        )
        few.loc[:1, "error"] = 0.2
        for sample in ("all", "year_control"):
            grid = Grid(("imagenet",), ("hardware",), (sample,))
            unit = next(units(few, grid))
            for row in fit_unit(unit, grid, scale_of(few), SETTINGS, SEED):
                assert row["status"] == "fitted" or row["status"].startswith("not fitted: ")
                if row["status"] == "fitted":
                    assert row["exponent_lower"] <= row["exponent_upper"]
                    assert 0 < row["replicates"] <= 40
                    # A slope of rounding errors would show as 1e14 or so.
                    assert abs(row["exponent"]) < 1e6 or np.isposinf(row["exponent"])


def test_every_specification_is_a_row_or_is_counted_as_excluded(records):
    grid = Grid(("imagenet",), until=(2016,), leave_out=1)
    scale, settings = scale_of(records), replace(SETTINGS, replicates=2)
    plain = {"imagenet": Benchmark("i", "I", "t", "v", "e", "e", {}, None, FLOOR)}
    n, whole = 0, 0
    for unit in units(records, grid):
        n += sum(1 for _ in fit_unit(replace(unit, same_as="x"), grid, scale, settings, SEED))
        whole += 3 * 4 * 3 * 4
    assert whole == 5 * 11 * 144
    assert n + count_excluded(records, grid, plain)["n_excluded"].sum() == whole
    unit = next(units(records, grid))
    rows = list(fit_unit(unit, grid, scale, settings, SEED))
    names = ("benchmark", "basis", "sample", "error_transform", "form", "direction", "estimator")
    expected = [
        s for s in grid.specifications(unit.benchmark, unit.basis, unit.sample)
        if excluded_by(s, True) is None
    ]  # fmt: skip
    assert [tuple(row[k] for k in names) for row in rows] == [
        tuple(getattr(s, k) for k in names) for s in expected
    ]
    assert {row["status"] for row in rows} == {"fitted"}


OPTIONS = {
    "bases": ["hardware", "best"],
    "samples": ["all", "year_control", "confident"],
    "error_transforms": ["complement", "minus_floor"],
    "forms": ["power", "broken"],
    "directions": ["compute_on_error", "york"],
    "estimators": ["least_squares", "frontier"],
    "until": [2018],
    "leave_out": 1,
}
CLAIM = {
    "claim": "A claim that is long enough.", "group": "study", "date": "2020-01",
    "quantity": "exponent", "of": {"benchmark": "imagenet"}, "relation": "at_least",
    "figure": 4, "source": "a study", "url": "https://example.org",
}  # fmt: skip
TABLES = ("exclusions", "spread", "choices", "options", "polled")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return the inputs of the tasks: two benchmarks, the second without a label floor."""
    folder = tmp_path_factory.mktemp("multiverse")
    both = pd.concat([draw_records(seed=1), draw_records(benchmark="other", seed=2, papers=8)])
    write_table(both, folder / "records.csv")
    (folder / "benchmarks.yaml").write_text(BENCHMARKS)
    (folder / "claims.yaml").write_text(yaml.safe_dump({"first": CLAIM}))
    return {
        "records": folder / "records.csv",
        "benchmark_files": [folder / "benchmarks.yaml"],
        "benchmarks": ["imagenet", "other"],
        **OPTIONS,
    }, folder / "claims.yaml"


def chunks_of(corpus, folder, count, **changes):
    fits = {"replicates": 20, "level": 0.9, "min_papers": 5, "error_sd_decades": 0.02, "seed": 3}
    paths = [folder / f"{i}-of-{count}.parquet" for i in range(1, count + 1)]
    for path in paths:
        settings = corpus[0] | fits | changes | {"part": path.stem, "chunk": path}
        assert tasks.run("fit_multiverse", None, **settings) == 0
    return paths


def gathered(corpus, folder, chunks):
    out = {name: folder / f"{name}.csv" for name in TABLES}
    out["specifications"] = folder / "specifications.parquet"
    settings = {**corpus[0], "claims": corpus[1], "chunks": chunks}
    assert tasks.run("gather_multiverse", None, **settings, **out) == 0
    return {name: path.read_bytes() for name, path in out.items()}


def test_results_do_not_depend_on_how_the_work_is_dealt_out(corpus, tmp_path, capsys):
    found = {}
    for count in (1, 3, 25):
        folder = tmp_path / str(count)
        folder.mkdir()
        chunks = chunks_of(corpus, folder, count)
        # There are 20 units, so that the last of 25 parts have none.
        empty = [pq.read_metadata(path).num_rows == 0 for path in chunks]
        assert sum(empty) == (5 if count == 25 else 0)
        found[count] = gathered(corpus, folder, chunks[::-1])
    assert found[1] == found[3] == found[25]
    table = pd.read_parquet(tmp_path / "1" / "specifications.parquet")
    assert list(table.columns) == SCHEMA.names
    assert set(table["benchmark"]) == {"imagenet", "other"}
    assert table["benchmark"].is_monotonic_increasing
    excluded = read_result(tmp_path / "1" / "exclusions.csv")["n_excluded"].sum()
    assert len(table) + excluded == 20 * 2 * 2 * 2 * 2
    assert "minus_floor" not in set(table.loc[table["benchmark"] == "other", "error_transform"])
    polled = read_result(tmp_path / "1" / "polled.csv").iloc[0]
    fitted = table[(table["benchmark"] == "imagenet") & (table["status"] == "fitted")]
    assert polled["n_specifications"] == len(fitted)
    assert polled["supported"] == pytest.approx((fitted["exponent_lower"] >= 4).mean())


def test_another_seed_moves_intervals_only(corpus, tmp_path):
    tables = []
    for seed in (3, 4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (chunk,) = chunks_of(corpus, folder, 1, seed=seed)
        tables.append(pd.read_parquet(chunk))
    first, second = tables
    same = ["exponent", "log10_flop", "r_squared", "extrapolation_loss", "status", "n_papers"]
    pd.testing.assert_frame_equal(first[same], second[same])
    fitted = first["status"] == "fitted"
    assert (first["exponent_lower"] != second["exponent_lower"])[fitted].mean() > 0.9


@pytest.mark.parametrize("part", ["0-of-3", "4-of-3", "1", "a-of-b", "1-of-", "-1-of-3"])
def test_a_part_that_is_none_is_refused(corpus, tmp_path, part):
    from scalelaw.tasks.fit_multiverse import fit_multiverse

    with pytest.raises(ScalelawError, match=r"not of the form i-of-N, such as 1-of-4"):
        fit_multiverse(
            **corpus[0], replicates=1, level=0.9, min_papers=5, error_sd_decades=0.02, seed=1,
            part=part, chunk=tmp_path / "x.parquet",
        )  # fmt: skip


def rows(unit, count):
    return [
        {"benchmark": "b", "status": "fitted", "n_records": unit, "exponent": unit + i / 1000}
        for i in range(count)
    ]


def test_units_are_joined_in_order_whatever_their_sizes(tmp_path):
    sizes = [3, 9000, 0, 1, 17000, 5, 8192, 4]
    numbered = [(i, rows(i, n)) for i, n in enumerate(sizes)]
    expected = [row["exponent"] for _, unit in numbered for row in unit]
    files = []
    for count in (1, 2, 3):
        parts = [tmp_path / f"{i}-{count}" for i in range(count)]
        for i, part in enumerate(parts):
            mine = numbered[i::count]
            assert write_units(mine, part) == sum(len(unit) for _, unit in mine)
        joined = tmp_path / f"joined-{count}"
        assert join_chunks(parts[::-1], joined) == len(expected)
        files.append(joined.read_bytes())
    assert files[0] == files[1] == files[2]
    assert pq.read_table(tmp_path / "joined-3")["exponent"].to_pylist() == expected
    about = pq.read_metadata(tmp_path / "joined-3")
    groups = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    assert set(groups[:-1]) == {8192}
    assert 0 < groups[-1] <= 8192
    parts = list(batches(tmp_path / "joined-3", ["exponent", "n_records"]))
    assert max(map(len, parts)) <= 8192
    assert pd.concat(parts)["exponent"].tolist() == expected


def test_no_units_make_an_empty_table(tmp_path):
    assert write_units([], tmp_path / "chunk") == 0
    assert join_chunks([tmp_path / "chunk"], tmp_path / "whole") == 0
    assert pq.read_table(tmp_path / "whole").schema.names == SCHEMA.names


MEMORY = """
import sys, tracemalloc
from pathlib import Path
import pyarrow as pa
from scalelaw.multiverse.table import join_chunks, write_units

def rows(unit, count):
    for i in range(count):
        yield {"benchmark": "b", "sample": f"s{unit}", "status": "fitted", "exponent": unit + i / 7,
               "log10_flop": unit * i / 3, "n_records": i}

def units(first, count):
    return ((i, rows(i, 400)) for i in range(first, count, 2))

folder = Path(sys.argv[1])
tracemalloc.start()
parts = [folder / "first", folder / "second"]
for first, part in enumerate(parts):
    write_units(units(first, 500), part)
join_chunks(parts, folder / "whole")
print(tracemalloc.get_traced_memory()[1] / 2**20, pa.default_memory_pool().max_memory() / 2**20)
"""


def test_memory_does_not_grow_with_the_grid(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    in_python, in_arrow = map(float, done.stdout.split())
    assert pq.read_metadata(tmp_path / "whole").num_rows == 200_000
    # With all rows at once it is 84, or 71 in columns.
    assert in_python < 50
    assert in_arrow < 20
