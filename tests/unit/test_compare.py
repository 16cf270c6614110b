"""Comparison of forms and of systems: definitions by explicit refits, and planted truths."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from scalelaw.errors import FitError, NotIdentifiedError, TooFewGroupsError
from scalelaw.fit import (
    ExponentialLaw,
    FlooredPowerLaw,
    Huber,
    LeastSquares,
    LossSurface,
    MultiplicativePowerLaw,
    PowerLaw,
)
from scalelaw.fit.form_comparison import compare_forms
from scalelaw.fit.system_comparison import compare_systems, fit_paired


def runs(law, n=40, groups=10, sd=0.02, seed=0):
    rng = np.random.default_rng(seed)
    x = 10 ** rng.uniform(16, 22, n)
    group = np.arange(n) % groups
    scatter = sd * (rng.normal(size=groups)[group] + rng.normal(size=n))
    return pd.DataFrame(
        {"flop": x, "loss": law(x) * np.exp(scatter), "run": group, "year": 2010 + group}
    )


def power(x):
    return 30 * x**-0.06


FORMS = {"power": PowerLaw("flop", "loss"), "exponential": ExponentialLaw("flop", "loss")}


def test_the_group_loss_is_that_of_refits_without_each_group():
    data = runs(power)
    losses = []
    for run in data["run"].unique():
        own, rest = data[data["run"] == run], data[data["run"] != run]
        slope, intercept = np.polyfit(np.log(rest["flop"]), np.log(rest["loss"]), 1)
        residual = np.log(own["loss"]) - intercept - slope * np.log(own["flop"])
        losses.append((residual**2).mean())
    row = compare_forms(FORMS, data, "run").table.set_index("form").loc["power"]
    assert row["group_loss"] == pytest.approx(np.mean(losses))
    assert row["group_loss_se"] == pytest.approx(np.std(losses, ddof=1) / np.sqrt(10))


def test_the_later_loss_is_that_of_fits_to_the_years_before():
    data = runs(power)
    losses, fits = [], 0
    for last in range(2010, 2019):
        past, later = data[data["year"] <= last], data[data["year"] > last]
        if past["run"].nunique() < 3:
            continue
        fits += 1
        slope, intercept = np.polyfit(np.log(past["flop"]), np.log(past["loss"]), 1)
        square = (np.log(later["loss"]) - intercept - slope * np.log(later["flop"])) ** 2
        losses += square.groupby(later["run"]).mean().tolist()
    row = compare_forms(FORMS, data, "run", years="year").table.set_index("form").loc["power"]
    assert row["later_loss"] == pytest.approx(np.mean(losses))
    assert row["later_fits"] == fits


def test_weights_go_to_the_law_that_made_the_data():
    floored = runs(lambda x: 0.5 + 1e5 * x**-0.3, sd=0.003)
    forms = {**FORMS, "floor": FlooredPowerLaw("flop", "loss", replicates=200)}
    table = compare_forms(forms, floored, "run").table.set_index("form")
    assert table["group_loss"].idxmin() == "floor"
    assert table.loc["floor", "akaike"] > 0.99
    assert table.loc["floor", "stacking"] > 0.8
    assert table["stacking"].sum() == pytest.approx(1)
    # Least squares of 1/y have no likelihood of ln y.
    assert np.isnan(table.loc["exponential", "aicc"])


def test_stacking_weights_are_the_best_of_all_convex_ones():
    data = runs(lambda x: 1 / (0.2 + 0.05 * np.log10(x)) * x**-0.02, sd=0.01)
    comparison = compare_forms(FORMS, data, "run")
    held = []
    for result in comparison.results.values():
        fitted = result.model.evaluate(result.left_out, result.sample.x)
        own = fitted[result.sample.index, np.arange(len(data))]
        held.append(np.log(data["loss"]) - np.log(own))
    held = np.stack(held, axis=1)
    best = minimize(lambda w: ((held @ [w[0], 1 - w[0]]) ** 2).sum(), [0.5], bounds=[(0, 1)])
    share = comparison.table.set_index("form")["stacking"]
    assert share["power"] == pytest.approx(best.x[0], abs=1e-4)


def test_averages_lie_between_the_laws_and_one_law_alone_is_itself():
    data = runs(power)
    comparison = compare_forms(FORMS, data, "run")
    each = [
        r.model.evaluate(r.estimates, np.array([[1e24]]))[0] for r in comparison.results.values()
    ]
    for weights in ("stacking", "equal"):
        found = comparison.predict(1e24, weights)
        assert min(each) - 1e-9 <= found.value <= max(each) + 1e-9
        assert found.lower < found.value < found.upper
    alone = compare_forms({"power": FORMS["power"]}, data, "run")
    law = alone.results["power"]
    assert alone.x_for(0.6).value == pytest.approx(law.x_for(0.6).value)
    low, high = np.quantile(law.model.invert(law.draws, 0.6), [0.025, 0.975])
    found = alone.x_for(0.6)
    assert (found.lower, found.upper) == pytest.approx((low, high), rel=0.05)


def test_a_response_below_the_floor_of_most_laws_is_never_reached():
    floored = runs(lambda x: 0.5 + 1e5 * x**-0.3, sd=0.003)
    forms = {"power": PowerLaw("flop", "loss"), "floor": FlooredPowerLaw("flop", "loss")}
    found = compare_forms(forms, floored, "run").x_for(0.3, "akaike")
    assert found.value == np.inf


def test_laws_that_cannot_be_fitted_are_named():
    data = runs(power, groups=2)
    with pytest.raises(FitError, match="power: not fitted: 2 group"):
        compare_forms({"power": PowerLaw("flop", "loss", replicates=10)}, data, "run")
    huber = compare_forms({"huber": PowerLaw("flop", "loss", estimator=Huber(0.01))}, runs(power))
    with pytest.raises(NotIdentifiedError, match="no law has akaike weights"):
        huber.predict(1e20, "akaike")
    with pytest.raises(ValueError, match="weights must be one of"):
        huber.predict(1e20, "votes")


def systems(shared_sd, seed=0, groups=14):
    """Two recipes at the same scales; the second needs half the compute of the first."""
    rng = np.random.default_rng(seed)
    rows = []
    for scale in range(groups):
        x, shared = 10 ** rng.uniform(16, 22), shared_sd * rng.normal()
        for name, factor in (("old", 1.0), ("new", 2.0)):
            noise = shared + 0.005 * rng.normal()
            rows.append((name, scale, x, power(factor * x) * np.exp(noise)))
    return pd.DataFrame(rows, columns=["system", "scale", "flop", "loss"])


def test_shared_noise_cancels_in_a_paired_comparison():
    data = systems(shared_sd=0.1)
    law = PowerLaw("flop", "loss", replicates=500)
    paired = fit_paired(law, data, "system", "scale")
    assert paired.paired
    assert not paired.warnings
    each = {name: law.fit(part, "scale") for name, part in data.groupby("system", sort=False)}
    apart = compare_systems(each)
    assert [note.code for note in apart.warnings] == ["not_paired"]
    for method in ("jackknife", "percentile"):
        together = paired.efficiency(0.6, "old", method=method).iloc[0]
        alone = apart.efficiency(0.6, "old", method=method).iloc[0]
        assert together["lower"] < 0.5 < together["upper"]
        assert together["ratio"] == pytest.approx(alone["ratio"])
        width = np.log(together["upper"] / together["lower"])
        assert 4 * width < np.log(alone["upper"] / alone["lower"])
    row = paired.responses(1e20, "old").iloc[0]
    assert row["ratio"] == pytest.approx(2**-0.06, rel=0.01)
    assert row["probability"] == 1.0


def test_paired_intervals_cover_the_planted_efficiency():
    hits = 0
    for seed in range(200):
        comparison = fit_paired(
            PowerLaw("flop", "loss", replicates=2), systems(0.1, seed), "system", "scale"
        )
        row = comparison.efficiency(0.6, "old").iloc[0]
        hits += row["lower"] <= 0.5 <= row["upper"]
    assert 0.91 <= hits / 200 <= 0.985


def test_crossing_laws_cross_where_they_were_planted():
    rng = np.random.default_rng(1)
    rows = []
    for scale in range(12):
        x = 10 ** rng.uniform(16, 22)
        for name, exponent in (("flat", 0.05), ("steep", 0.09)):
            rows.append((name, scale, x, (x / 1e19) ** -exponent * np.exp(0.01 * rng.normal())))
    data = pd.DataFrame(rows, columns=["system", "scale", "flop", "loss"])
    found = fit_paired(PowerLaw("flop", "loss"), data, "system", "scale").crossing("steep", "flat")
    assert found["lower"] < 1e19 < found["upper"]
    assert found["value"] == pytest.approx(1e19, rel=0.3)
    assert found["share"] == 1.0


def test_comparisons_refuse_what_they_cannot_compare():
    data = systems(0.1)
    with pytest.raises(TooFewGroupsError, match="1 system"):
        fit_paired(PowerLaw("flop", "loss"), data[data["system"] == "old"], "system", "scale")
    with pytest.raises(FitError, match="new: "):
        fit_paired(
            PowerLaw("flop", "loss"),
            data[(data["system"] == "old") | (data["scale"] < 2)],
            "system",
            "scale",
        )
    paired = fit_paired(PowerLaw("flop", "loss", replicates=10), data, "system", "scale")
    with pytest.raises(ValueError, match="no system 'older'; there are old, new"):
        paired.responses(1e20, "older")
    disjoint = data.assign(scale=data["system"] + data["scale"].astype(str))
    apart = fit_paired(PowerLaw("flop", "loss", replicates=10), disjoint, "system", "scale")
    assert not apart.paired


def test_systems_that_share_no_group_have_the_freedom_of_the_smaller():
    data = systems(0.1)
    few = data[(data["system"] == "old") | (data["scale"] < 4)]
    few = few.assign(scale=few["system"] + few["scale"].astype(str))
    law = PowerLaw("flop", "loss", replicates=10)
    found = fit_paired(law, few, "system", "scale").responses(1e20, "old").iloc[0]
    each = compare_systems({k: law.fit(v, "scale") for k, v in few.groupby("system", sort=False)})
    other = each.responses(1e20, "old").iloc[0]
    # 4 groups of one system, not the 18 of both.
    assert [found["lower"], found["upper"]] == pytest.approx([other["lower"], other["upper"]])


def test_an_average_needs_draws():
    comparison = compare_forms({"power": PowerLaw("flop", "loss", replicates=0)}, runs(power))
    with pytest.raises(NotIdentifiedError, match="no bootstrap draws; set their replicates"):
        comparison.predict(1e20, "equal")


def test_averages_of_laws_of_parameters_and_tokens():
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(7, 9, 30), 10 ** rng.uniform(9, 11, 30)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.005 * rng.normal(size=30))
    data = pd.DataFrame({"params": n, "tokens": d, "loss": loss})
    laws = {
        "surface": LossSurface(estimator=LeastSquares(), replicates=100),
        "product": MultiplicativePowerLaw(x=("params", "tokens"), y="loss", replicates=100),
    }
    comparison = compare_forms(laws, data)
    found = comparison.predict([1e9, 1e11])
    assert found.value == pytest.approx(1.7 + 400 / 1e9**0.34 + 410 / 1e11**0.28, rel=0.01)
    assert found.lower < found.value < found.upper
    for wrong in (1e9, [1e9, 1e11, 1e20], [[1e9, 1e11], [1e9, 1e11]]):
        with pytest.raises(ValueError, match="one value each of params, tokens"):
            comparison.predict(wrong)


def test_laws_of_different_responses_are_refused():
    laws = {"a": PowerLaw("flop", "loss"), "b": PowerLaw("flop", "error")}
    with pytest.raises(ValueError, match="laws of error and loss"):
        compare_forms(laws, runs(power))


def test_ranking_counts_the_draws_in_which_a_system_is_lowest():
    data = systems(0.1)
    twin = data[data["system"] == "new"].assign(system="twin")
    twin["loss"] *= np.exp(0.005 * np.random.default_rng(5).normal(size=len(twin)))
    law = PowerLaw("flop", "loss", replicates=400)
    comparison = fit_paired(law, pd.concat([data, twin]), "system", "scale")
    table = comparison.ranking(1e23).set_index("system")
    at = np.array([[1e23]])
    drawn = {
        name: result.model.evaluate(comparison.draws[name], at)[:, 0]
        for name, result in comparison.results.items()
    }
    shares = pd.DataFrame(drawn).idxmin(axis=1).value_counts(normalize=True)
    expected = shares.reindex(table.index, fill_value=0.0)
    assert table["probability_best"].to_numpy() == pytest.approx(expected.to_numpy())
    assert 0.02 < table.loc["twin", "probability_best"] < 0.98
    assert table.index[-1] == "old"
    assert table["decades_beyond"].to_numpy() == pytest.approx(
        np.full(3, 23 - np.log10(data["flop"].max()))
    )
    assert table["paired"].all()
    own = comparison.results["old"].predict([1e23]).iloc[0]
    row = table.loc["old"]
    assert (row["lower"], row["upper"]) == (own["lower"], own["upper"])


def test_a_single_new_run_is_less_sure_to_be_best():
    comparison = fit_paired(PowerLaw("flop", "loss"), systems(0.06), "system", "scale")
    laws, single = comparison.ranking(1e20), comparison.ranking(1e20, new_run=True)
    assert laws["system"].tolist() == single["system"].tolist() == ["new", "old"]
    assert laws["probability_best"][0] == 1.0
    gap = np.log(laws["predicted"][1] / laws["predicted"][0])
    sd = np.hypot(*(r.residual_sd for r in comparison.results.values()))
    assert single["probability_best"][0] == pytest.approx(norm.cdf(gap / sd), abs=0.05)
    assert (np.log(single["upper"] / single["lower"]) > np.log(laws["upper"] / laws["lower"])).all()
    again = comparison.ranking(1e20, new_run=True)
    pd.testing.assert_frame_equal(single, again)


def test_systems_that_tie_share_the_credit():
    data = systems(0.1)
    same = pd.concat([data, data[data["system"] == "new"].assign(system="copy")])
    law = PowerLaw("flop", "loss", replicates=50)
    table = fit_paired(law, same, "system", "scale").ranking(1e20).set_index("system")
    assert table["probability_best"].to_dict() == {"new": 0.5, "copy": 0.5, "old": 0.0}


def test_limits_of_a_comparison_are_told():
    assert compare_forms({"power": FORMS["power"]}, runs(power), "run", years="year").warnings == ()
    laws = {
        "power": FORMS["power"],
        "huber": PowerLaw("flop", "loss", estimator=Huber(0.01), replicates=20),
        "floor": FlooredPowerLaw("flop", "loss", replicates=20),
    }
    data = runs(power, groups=4)
    found = {note.code: note for note in compare_forms(laws, data, "run", years="year").warnings}
    assert found["akaike_of_some"].details == {"forms": ["huber"]}
    # Three parameters need more groups than two.
    assert found["unequal_later_fits"].details == {"forms": ["floor"]}
    few = compare_forms(laws, runs(power, groups=3), "run")
    assert [(n.code, n.details["forms"]) for n in few.warnings if n.code == "not_fitted"] == [
        ("not_fitted", ["floor"])
    ]


@pytest.mark.parametrize(("seed", "told"), [(0, []), (2, [["power", "exponential"]])])
def test_it_is_told_where_later_years_speak_for_another_law(seed, told):
    # Compute and years rise together, as they do; the error that runs share decides.
    rng = np.random.default_rng(seed)
    run = np.arange(40) % 10
    data = pd.DataFrame({"flop": 10 ** (16 + 0.6 * run + 0.02 * (np.arange(40) % 4)), "run": run})
    error = 0.03 * rng.normal(size=10)[run] + 0.01 * rng.normal(size=40)
    data = data.assign(loss=(0.3 + 60 * data["flop"] ** -0.1) * np.exp(error), year=2010 + run)
    comparison = compare_forms(FORMS, data, "run", years="year")
    table = comparison.table.set_index("form")
    assert table["group_loss"].idxmin() == "power"
    assert table["later_loss"].idxmin() == ("exponential" if told else "power")
    notes = [note for note in comparison.warnings if note.code == "later_years_differ"]
    assert [note.details["forms"] for note in notes] == told
