"""Forecasts: draws of all forms, backtests without hindsight, and what others have published."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import t as student

from scalelaw.errors import FitError, ScalelawError
from scalelaw.fit.curves import CURVE_DIRECTIONS, FORMS, Curves, fit_curves
from scalelaw.forecast import ALL_FORMS, Ensemble, fit_ensemble, read_ensembles
from scalelaw.forecast.backtest import (
    _QUANTILES,
    BASELINES,
    MODELS,
    _of_forms,
    _score,
    backtest,
    summarise,
)
from scalelaw.forecast.ensemble import _mix, draws_table
from scalelaw.forecast.published import PublishedForecast, read_forecasts, score_published
from small_corpus import ROOT

SEED = np.random.SeedSequence(7)


def planted(n=40, papers=10, sd=0.5, seed=0, low=0.05, high=0.5):
    """Records of C = 1e15 / e^8, half of whose scatter is shared within a paper."""
    rng = np.random.default_rng(seed)
    error = 10 ** rng.uniform(np.log10(low), np.log10(high), n)
    paper = rng.integers(0, papers, n)
    paper[:papers] = np.arange(papers)
    scatter = sd * (rng.normal(size=papers)[paper] + rng.normal(size=n)) / np.sqrt(2)
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(n)],
            "error": error,
            "compute": 10 ** (15 - 8 * np.log10(error) + scatter),
            "paper": [f"p{i}" for i in paper],
            "compute_sd_decades": 0.3,
        }
    )


def over_years(first=2010, last=2021, sd=0.4, seed=0):
    """Two papers a year with two records each, of errors that fall by 0.08 decades a year."""
    rng = np.random.default_rng(seed)
    year = np.repeat(np.arange(first, last + 1), 4) + np.tile(
        [0.2, 0.2, 0.7, 0.7], last + 1 - first
    )
    error = 10 ** -(0.3 + 0.08 * (year - first) + 0.05 * rng.normal(size=len(year)))
    compute = 10 ** (15 - 8 * np.log10(error) + sd * rng.normal(size=len(year)))
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(len(year))],
            "paper": [f"p{i // 2}" for i in range(len(year))],
            "year": year,
            "error": error,
            "compute": compute,
            "compute_sd_decades": 0.3,
        }
    )


# Ensembles


@pytest.mark.parametrize("form", FORMS)
def test_each_direction_has_an_equal_share_of_the_draws_in_turn(form):
    data = planted()
    ensemble, fitted = fit_ensemble(data, "compute", 300, SEED, [form])
    ways = CURVE_DIRECTIONS[form]
    assert [curve.direction for curve in fitted] == list(ways)
    lines = ensemble.draws[form][:, :3]
    origin = [(lines == curve.draws).all(axis=1) for curve in fitted]
    assert [int(mine.sum()) for mine in origin] == [300 // len(ways)] * len(ways)
    assert (np.sum(origin, axis=0) == 1).all()


def test_without_the_scatter_of_compute_there_is_no_york_fit():
    _, fitted = fit_ensemble(planted().drop(columns="compute_sd_decades"), "compute", 60, SEED)
    assert "york" not in {curve.direction for curve in fitted}
    assert {curve.form for curve in fitted} == set(FORMS)


def test_scatter_is_students_t_of_the_spread_with_papers_less_one():
    data = planted(papers=6)
    ensemble, fitted = fit_ensemble(data, "compute", 40_000, SEED, ["exponential"])
    for i, curve in enumerate(fitted):
        scatter = ensemble.draws["exponential"][i :: len(fitted), 3] / curve.spread
        for share in (0.05, 0.25, 0.75, 0.95):
            expected = student.ppf(share, 5)
            assert np.quantile(scatter, share) == pytest.approx(expected, abs=0.06)


def curves_with(draws, direction="york"):
    lines = np.vstack([[15.0, 8.0, 0.0], draws])
    return Curves("power", direction, lines, 0.5, np.ones(len(lines)), 10, 5)


def test_draws_that_identify_no_line_are_replaced_by_others_of_the_same_fit():
    rng = np.random.default_rng(0)
    first, second = rng.normal(5, 1, (20, 3)), rng.normal(50, 1, (20, 3))
    first[4], second[[1, 3, 19]] = np.nan, np.nan
    mixed = _mix([curves_with(first), curves_with(second, "other")], rng.normal(size=20))
    assert np.isfinite(mixed).all()
    for offset, own in ((0, first), (1, second)):
        good = {tuple(row) for row in own if np.isfinite(row).all()}
        assert {tuple(row) for row in mixed[offset::2, :3]} <= good
        kept = np.isfinite(own[offset::2]).all(axis=1)
        assert (mixed[offset::2, :3][kept] == own[offset::2][kept]).all()


def test_no_draw_is_empty_where_few_papers_share_few_errors():
    data = pd.DataFrame({"error": [0.4] * 3 + [0.1] * 3, "paper": list("abcdef")})
    noise = 0.1 * np.random.default_rng(0).normal(size=6)
    data["compute"] = 10 ** (15 - 8 * np.log10(data["error"]) + noise)
    alone = fit_curves(data, "compute", "power", "error_on_compute", 500, SEED).draws
    assert np.isnan(alone).any()
    ensemble, _ = fit_ensemble(data, "compute", 500, SEED, ["power"])
    assert np.isfinite(ensemble.draws["power"]).all()
    assert (ensemble.draws["power"][:, 1] > 0).all()


def test_equal_seeds_give_equal_ensembles_and_the_seed_is_not_used_up():
    data, seed = planted(), np.random.SeedSequence(11)
    first, again = (fit_ensemble(data, "compute", 60, seed)[0] for _ in range(2))
    other, _ = fit_ensemble(data, "compute", 60, np.random.SeedSequence(12))
    for form in FORMS:
        assert (first.draws[form] == again.draws[form]).all()
        assert (first.draws[form] != other.draws[form]).any()


def test_all_forms_have_equal_weight():
    data = planted()
    ensemble, _ = fit_ensemble(data, "compute", 90, SEED)
    every = ensemble.log_compute(0.1)
    parts = [ensemble.log_compute(0.1, form) for form in FORMS]
    assert [len(part) for part in parts] == [90, 90, 90]
    assert np.sort(every) == pytest.approx(np.sort(np.concatenate(parts)))
    assert ensemble.error_range == (data["error"].min(), data["error"].max())
    assert ensemble.compute_range == (data["compute"].min(), data["compute"].max())


def test_scatter_enters_compute_and_error_the_same_way():
    lines = np.array([[15.0, 8.0, 0.0, 1.0], [15.0, 8.0, 0.0, -1.0], [15.0, 8.0, 0.0, 0.0]])
    ensemble = Ensemble({"power": lines}, (0.05, 0.5), (1e17, 1e25))
    flop = ensemble.log_compute(0.1)
    assert flop.tolist() == pytest.approx([24.0, 22.0, 23.0])
    assert 10 ** ensemble.log_error(flop) == pytest.approx([0.1, 0.1, 0.1])
    same = 10 ** ensemble.log_error(np.full(3, 23.0), "power")
    assert same[0] > same[2] > same[1]


def test_nothing_to_fit_is_refused_with_the_reason():
    with pytest.raises(FitError, match=r"3 paper\(s\) with compute, at least 5"):
        fit_ensemble(planted(papers=3), "compute", 10, SEED)
    with pytest.raises(FitError, match="no longer falls"):
        fit_ensemble(
            planted(sd=0.0).assign(compute=lambda d: d["error"] * 1e20), "compute", 9, SEED
        )


def test_stored_draws_are_read_back_as_they_were(tmp_path):
    small = {"power", "floored"}
    made = {
        ("a", "hardware"): fit_ensemble(planted(), "compute", 30, SEED)[0],
        ("a", "forward"): fit_ensemble(planted(seed=2), "compute", 20, SEED, sorted(small))[0],
        ("b", "hardware"): fit_ensemble(planted(seed=3), "compute", 10, SEED)[0],
    }
    draws_table(made).to_parquet(tmp_path / "draws.parquet", index=False)
    curves = pd.DataFrame(
        [
            {"benchmark": key[0], "basis": key[1], "error_min": e.error_range[0],
             "error_max": e.error_range[1], "compute_min": e.compute_range[0],
             "compute_max": e.compute_range[1], "floor": e.floor or np.nan}
            for key, e in made.items()
        ]
    )  # fmt: skip
    read = read_ensembles(pd.read_parquet(tmp_path / "draws.parquet"), curves)
    assert list(read) == list(made)
    for key, ensemble in made.items():
        assert list(read[key].draws) == list(ensemble.draws)
        assert read[key].error_range == ensemble.error_range
        assert read[key].compute_range == ensemble.compute_range
        assert read[key].floor == ensemble.floor
        for form, draws in ensemble.draws.items():
            assert (read[key].draws[form] == draws).all()
    assert read_ensembles(draws_table({}), curves) == {}


def test_prediction_intervals_cover_new_papers():
    """Planted law, 400 data sets of 15 papers, 30 new papers each; intervals of 50, 80 and 95%.

    The hits of one data set depend on each other, so the error is that of 400 means, below 1%.
    """
    hits = {0.5: [], 0.8: [], 0.95: []}
    for seed in range(400):
        data = planted(n=45, papers=15, seed=seed)
        ensemble, _ = fit_ensemble(data, "compute", 400, np.random.SeedSequence(seed), ["power"])
        new = planted(n=30, papers=30, seed=10_000 + seed)
        drawn = np.stack([ensemble.log_compute(float(e)) for e in new["error"]])
        actual = np.log10(new["compute"])
        for level, covered in hits.items():
            low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
            covered.append(((low < actual) & (actual < high)).mean())
    for level, covered in hits.items():
        assert np.mean(covered) == pytest.approx(level, abs=0.03)


# Backtests


@pytest.fixture(scope="module")
def tested():
    return backtest(over_years(), "compute", 60, SEED)


def test_a_backtest_predicts_the_later_papers_of_each_year_with_every_model(tested):
    data = over_years()
    assert set(tested["model"]) == set(MODELS)
    # Eight papers are there by the end of 2013; after 2019 two years of two papers are left,
    # after 2020 only two papers, fewer than three.
    assert sorted(tested["fitted_to"].unique()) == list(range(2013, 2020))
    for year, part in tested.groupby("fitted_to"):
        later = data[data["year"] >= year + 1]
        for _, rows in part.groupby("model"):
            assert rows["record_id"].tolist() == later["record_id"].tolist()
            assert rows["actual"].to_numpy() == pytest.approx(np.log10(later["compute"].to_numpy()))
    assert (tested["error_decades"] == tested["predicted"] - tested["actual"]).all()


def test_predictions_know_nothing_of_what_comes_later(tested):
    data = over_years()
    late = data["year"] >= 2017
    shift = np.random.default_rng(5).normal(0, 3, late.sum())
    data.loc[late, "compute"] *= 10**shift
    data.loc[late, "compute_sd_decades"] = 0.1
    changed = backtest(data, "compute", 60, SEED)
    keys = ["fitted_to", "model", "record_id", "paper"]
    assert (changed[keys] == tested[keys]).all(axis=None)
    early = tested["fitted_to"] < 2017
    assert (changed["predicted"][early] == tested["predicted"][early]).all()
    assert (changed["predicted"][~early] != tested["predicted"][~early]).any()
    whole = changed["actual"] - tested["actual"]
    moved = changed["record_id"].isin(data.loc[late, "record_id"])
    assert (whole[moved] != 0).all()
    assert (whole[~moved] == 0).all()


def test_a_year_is_predicted_alike_whatever_years_come_before_or_after(tested):
    data = over_years()
    until = backtest(data[data["year"] < 2018], "compute", 60, SEED)
    both = until.merge(tested, on=["fitted_to", "model", "record_id"], how="left")
    assert (both["predicted_x"] == both["predicted_y"]).all()
    assert (both["pinball_x"] == both["pinball_y"]).all()


def test_papers_already_seen_are_not_predicted():
    data = over_years()
    data.loc[data["record_id"] == "r40", "paper"] = "p0"  # a record of 2020 by a paper of 2010
    table = backtest(data, "compute", 60, SEED)
    assert "r40" not in set(table["record_id"])
    assert "r41" in set(table["record_id"])
    assert "p0" not in set(table["paper"])


def test_equal_seeds_give_equal_backtests_and_others_do_not(tested):
    again = backtest(over_years(), "compute", 60, np.random.SeedSequence(7))
    pd.testing.assert_frame_equal(again, tested)
    children = np.random.SeedSequence(7).spawn(2)
    one, other = (backtest(over_years(), "compute", 60, child) for child in children)
    assert (one["predicted"] != other["predicted"]).any()


def test_too_few_papers_give_an_empty_table_with_its_columns(tested):
    table = backtest(over_years(2010, 2012), "compute", 10, SEED)
    assert table.empty
    assert list(table.columns) == list(tested.columns)
    assert list(summarise(table, ["model"]).columns)[:3] == ["model", "n_records", "n_papers"]


def one_paper_a_year(compute):
    year = np.arange(2005, 2005 + len(compute))
    error = 10 ** -(0.3 + 0.05 * (year - 2005) + 0.02 * (year % 3))
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in range(len(year))],
            "paper": [f"p{i}" for i in range(len(year))],
            "year": year + 0.5,
            "error": error,
            "compute": compute,
            "compute_sd_decades": 0.3,
        }
    )


def test_baselines_on_steady_growth():
    """Half a decade a year: the trend is exact, the last value is behind by the years between."""
    table = backtest(one_paper_a_year(10 ** (15 + 0.5 * np.arange(14))), "compute", 4000, SEED)
    trend = table[table["model"] == "trend in year"]
    assert trend["error_decades"].to_numpy() == pytest.approx(np.zeros(len(trend)), abs=1e-6)
    assert trend["pinball"].to_numpy() == pytest.approx(np.zeros(len(trend)), abs=1e-6)
    last = table[(table["model"] == "last value") & (table["fitted_to"] == 2013)]
    assert last["error_decades"].tolist() == pytest.approx([-0.5, -1.0, -1.5, -2.0, -2.5], abs=0.05)
    # Changes of 0.5 and nine papers: half of Student's t with 8 degrees of freedom.
    for level in (50, 80, 95):
        reach = 0.5 * student.ppf((1 + level / 100) / 2, 8)
        expected = [float(miss < reach) for miss in (0.5, 1.0, 1.5, 2.0, 2.5)]
        assert last[f"covered_{level}"].tolist() == expected
    assert set(BASELINES) <= set(table["model"])


def test_the_last_value_is_that_of_the_newest_paper_not_of_the_last_row():
    data = one_paper_a_year(10 ** (15 + 0.5 * np.arange(14)))
    tables = [
        backtest(order, "compute", 2000, SEED).query("model == 'last value' and fitted_to == 2013")
        for order in (data, data[::-1])
    ]
    for table in tables:
        assert (table["predicted"] - 19.0).abs().max() < 0.05


def test_scores_by_hand():
    """Draws 0, 1, ... 40: the quantiles are 1, 4, 10, 20, 30, 36 and 39."""
    drawn = np.repeat(np.arange(41.0)[:, None], 5, axis=1)
    scores = _score(
        np.quantile(drawn, _QUANTILES, axis=0), np.array([20.0, 40.0, 37.0, 34.0, 25.0])
    )
    assert scores["predicted"].tolist() == [20.0] * 5
    assert scores["error_decades"].tolist() == [0.0, -20.0, -17.0, -14.0, -5.0]
    assert scores["covered_50"].tolist() == [1, 0, 0, 0, 1]
    assert scores["covered_80"].tolist() == [1, 0, 0, 1, 1]
    assert scores["covered_95"].tolist() == [1, 0, 1, 1, 1]
    # 0.025 x 19 + 0.1 x 16 + 0.25 x 10 + 0 + 0.25 x 10 + 0.1 x 16 + 0.025 x 19
    assert scores["pinball"][0] == pytest.approx(9.15 / 7)
    # 0.025 x 39 + 0.1 x 36 + 0.25 x 30 + 0.5 x 20 + 0.75 x 10 + 0.9 x 4 + 0.975 x 1
    assert scores["pinball"][1] == pytest.approx(34.15 / 7)


def test_summaries_give_each_paper_of_each_year_equal_weight():
    zero = {"predicted": 0.0, "actual": 0.0, "covered_80": 0.0, "covered_95": 1.0}
    rows = [
        # fitted to, paper, record, error in decades, covered, pinball
        (2015, "p", "r1", 1.0, 1.0, 0.1),
        (2015, "p", "r2", -1.0, 1.0, 0.1),
        (2015, "p", "r3", 3.0, 1.0, 0.4),
        (2015, "q", "r4", -4.0, 0.0, 1.0),
        (2016, "q", "r4", -2.0, 0.0, 0.6),
    ]
    names = ["fitted_to", "paper", "record_id", "error_decades", "covered_50", "pinball"]
    frame = pd.DataFrame(rows, columns=names).assign(model="m", **zero)
    whole = summarise(frame, ["model"]).iloc[0]
    assert (whole["n_records"], whole["n_papers"]) == (4, 2)
    # Papers of years: errors 1, -4, -2; sizes 5/3, 4, 2.
    assert whole["median_error_decades"] == pytest.approx(-2.0)
    assert whole["median_abs_error_decades"] == pytest.approx(2.0)
    assert whole["mean_abs_error_decades"] == pytest.approx((5 / 3 + 4 + 2) / 3)
    assert whole["covered_50"] == pytest.approx(1 / 3)
    assert whole["pinball"] == pytest.approx((0.2 + 1.0 + 0.6) / 3)
    by_year = summarise(frame, ["fitted_to", "model"]).set_index("fitted_to")
    assert by_year.loc[2015, "mean_abs_error_decades"] == pytest.approx((5 / 3 + 4) / 2)
    assert by_year.loc[2016, "mean_abs_error_decades"] == pytest.approx(2.0)
    assert by_year["n_records"].tolist() == [4, 1]


# Published forecasts


def thompson():
    forecasts = {f.key: f for f in read_forecasts(ROOT / "data/forecasts.yaml")}
    return forecasts["thompson2020"], forecasts["computerprogress2023"]


def test_the_study_forecast_passes_through_its_table():
    """Table of implications of arXiv:2007.05558v1: 11.5% at 1e23, 5% at 1e28, 1% at 1e37."""
    study, _ = thompson()
    assert study.log_flop(np.array([0.115, 0.05, 0.01])) == pytest.approx([23, 28, 37], rel=1e-12)
    # The last piece gains 9 decades for a factor of 5, so 9 more at 0.2%.
    assert study.log_flop(np.array([0.002])) == pytest.approx([46])
    # The first gains 5 decades for a factor of 2.3, so 5 fewer at 26.45%.
    assert study.log_flop(np.array([0.115 * 2.3])) == pytest.approx([18])
    # Half way in the logarithm of the error is half way in that of compute.
    assert study.log_flop(np.array([np.sqrt(0.05 * 0.01)])) == pytest.approx([32.5])


def test_the_study_site_forecast_is_its_line():
    _, site = thompson()
    for error in (0.5, 0.1, 0.05, 0.001):
        flop = site.log_flop(np.array([error]))[0]
        assert 0.0922 * flop - 1.097 == pytest.approx(np.log10(1 / error))


ENTRY = """
{key}:
  name: A forecast
  benchmark: imagenet
  published: "2020-07"
  source: a paper
  url: https://example.org
"""


def write(tmp_path, text):
    path = tmp_path / "forecasts.yaml"
    path.write_text(text)
    return path


def test_points_may_stand_in_any_order(tmp_path):
    points = "  points: [{error: 0.01, flop: 1.0e+26}, {error: 0.1, flop: 1.0e+20}]\n"
    forecast = read_forecasts(write(tmp_path, ENTRY.format(key="a") + points))[0]
    errors = np.array([1.0, 0.1, 10**-1.5, 0.01, 0.001])
    assert forecast.log_flop(errors) == pytest.approx([14, 20, 23, 26, 32])
    assert 2020.5 <= forecast.published <= 2020.6


def test_every_fault_of_a_file_is_told(tmp_path):
    text = ENTRY.format(key="a") + "  points: [{error: 5, flop: 1.0e+20}]\n  colour: red\n"
    text += ENTRY.format(key="b").replace('"2020-07"', '"July"').replace("https:", "ftp:")
    text += "  line: {slope: -1}\n"
    path = write(tmp_path, text)
    with pytest.raises(ScalelawError) as caught:
        read_forecasts(path)
    faults = str(caught.value).splitlines()
    assert all(fault.startswith(f"{path}: ") for fault in faults)
    assert len(faults) == 7
    for words in (
        "a: Additional properties are not allowed ('colour' was unexpected)",
        "a.points: ",
        "a.points.0.error: 5",
        "b.published: 'July'",
        "b.url: ",
        "b.line: 'intercept' is a required property",
        "b.line.slope: -1",
    ):
        assert any(words in fault for fault in faults), words


@pytest.mark.parametrize("text", ["a: [", "", "- a", "\ufffe: 1"])
def test_files_that_are_no_forecasts_are_refused(tmp_path, text):
    with pytest.raises(ScalelawError, match=r"forecasts\.yaml:"):
        read_forecasts(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ScalelawError, match=r"nowhere\.yaml: cannot be read"):
        read_forecasts(tmp_path / "nowhere.yaml")


def test_the_forecasts_of_the_project_can_be_read():
    forecasts = read_forecasts(ROOT / "data/forecasts.yaml")
    assert len(forecasts) >= 3
    for forecast in forecasts:
        assert forecast.knots or forecast.dated
        at, flop = np.array(forecast.knots or [(0, 0), (1, 1)]).T
        assert (np.diff(at) > 0).all()
        assert (np.diff(flop) > 0).all()
        assert all(year > forecast.published for _, year in forecast.dated)


FORECAST = PublishedForecast(
    "a", "A", "imagenet", "a paper", 2020.5, ((1.0, 20.0), (2.0, 26.0)), ()
)


def records(*rows):
    names = ["benchmark", "paper", "model", "year", "error", "flop"]
    return pd.DataFrame(rows, columns=names)


def test_published_compute_is_scored_on_what_came_after_by_paper():
    table = records(
        ("imagenet", "old", "M", 2020.4, 0.1, 1e10),
        ("other", "q", "M", 2021.0, 0.1, 1e10),
        ("imagenet", "none", "M", 2021.0, 0.1, np.nan),
        ("imagenet", "p", "M", 2021.0, 0.1, 1e19),  # forecast 20: one too many
        ("imagenet", "p", "M", 2021.0, 0.01, 1e29),  # forecast 26: three too few
        ("imagenet", "q", "M", 2022.0, 0.001, 1e28),  # forecast 32: four too many
        ("imagenet", "r", "M", 2022.0, 0.1, 1e18),  # forecast 20: two too many
    )
    scores, dates = score_published([FORECAST], table, table, "flop")
    row = scores.iloc[0]
    assert (row["n_records"], row["n_papers"]) == (4, 3)
    # Papers: p at -1 and 2 in size, q at 4, r at 2.
    assert row["median_error_decades"] == pytest.approx(2.0)
    assert row["median_abs_error_decades"] == pytest.approx(2.0)
    assert row["mean_abs_error_decades"] == pytest.approx(8 / 3)
    assert dates.empty


def dated(*dates):
    return dataclasses.replace(FORECAST, knots=(), dated=dates)


def test_dated_forecasts_are_reached_missed_or_not_due():
    table = records(
        ("imagenet", "p", "Early", 2019.0, 0.10, 1e20),
        ("imagenet", "q", "Better", 2023.4, 0.08, np.nan),
        ("other", "q", "Elsewhere", 2021.0, 0.001, 1e20),
        ("imagenet", "r", "Best", 2026.2, 0.04, np.nan),
    )
    forecast = dated((0.08, 2023.5), (0.08, 2023), (0.05, 2025), (0.05, 2025.9), (0.03, 2030))
    scores, outcomes = score_published([forecast], table, table, "flop")
    assert scores.empty
    # A whole year means by its end.
    assert outcomes["outcome"].tolist() == [
        "reached", "reached", "not reached", "not reached", "not yet reached",
    ]  # fmt: skip
    assert outcomes["lowest_error"].tolist() == [0.08, 0.08, 0.08, 0.08, 0.04]
    assert outcomes["lowest_model"].tolist() == ["Better"] * 4 + ["Best"]
    assert (outcomes["corpus_until"] == 2026.2).all()


def test_what_has_been_reached_need_not_be_due():
    table = records(("imagenet", "p", "Early", 2021.0, 0.02, 1e20))
    _, outcomes = score_published([dated((0.05, 2030), (0.01, 2030))], table, table, "flop")
    assert outcomes["outcome"].tolist() == ["reached", "not yet reached"]


def test_a_benchmark_without_records_decides_nothing():
    nothing = records()
    forecasts = [FORECAST, dated((0.05, 2021))]
    scores, outcomes = score_published(forecasts, nothing, nothing, "flop")
    assert scores["n_records"].tolist() == [0]
    assert scores["median_error_decades"].isna().all()
    assert outcomes["outcome"].tolist() == ["not yet reached"]


def test_all_forms_is_the_name_of_no_form():
    assert ALL_FORMS not in FORMS


def test_predictions_do_not_depend_on_how_many_records_are_taken_at_once(monkeypatch):
    rng = np.random.default_rng(8)
    data = planted(n=80, papers=40).assign(year=rng.uniform(2014, 2022, 80).round(1))
    # Printed to a few digits, so that records share errors.
    data["error"] = data["error"].round(2)
    whole = backtest(data, "compute", 60, SEED, 8, 3)
    assert (whole.groupby(["fitted_to", "model"]).size() > 1).all()
    monkeypatch.setattr("scalelaw.forecast.backtest._CHUNK", 1)
    assert_frame_equal(backtest(data, "compute", 60, SEED, 8, 3), whole)


def test_forms_that_take_part_have_equal_shares_at_each_error():
    rng = np.random.default_rng(9)

    def lines(floor):
        return np.stack(
            [rng.normal(15, 1, 50), rng.uniform(5, 9, 50), np.full(50, floor), rng.normal(size=50)],
            axis=1,
        )

    ensemble = Ensemble(
        {"power": lines(0.0), "floored": lines(0.1)}, (0.05, 0.5), (1e15, 1e22), floor=0.1
    )
    errors = np.array([0.3, 0.05, 0.2, 0.08])
    for form in ("power", "floored", ALL_FORMS):
        drawn = _of_forms(ensemble, form, 50, errors)
        for column, error in zip(drawn.T, errors, strict=True):
            one = np.sort(ensemble.log_compute(float(error), form))
            # The inverse of the distribution at 1/100, 3/100, ..., in whole numbers.
            at = [-(-len(one) * (2 * i + 1) // 100) - 1 for i in range(50)]
            expected = one[at]
            assert column == pytest.approx(expected, rel=1e-12)
