"""What a table of specifications says, against statsmodels and pandas."""

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from scalelaw.claims import Answer, Claim, decide
from scalelaw.multiverse.grid import CHOICES
from scalelaw.multiverse.summary import (
    EVERY,
    REST,
    by_option,
    fitted_columns,
    poll_claims,
    spread_by_benchmark,
    weigh_choices,
)
from scalelaw.multiverse.table import join_chunks, write_units

OPTIONS = {
    "basis": ["hardware", "operations"],
    "sample": ["all", "until_2018", "without:one", "without:two"],
    "error_transform": ["complement", "log_odds"],
    "form": ["power", "exponential", "broken"],
    "direction": ["compute_on_error", "error_on_compute", "york"],
    "estimator": ["least_squares", "huber"],
}


def specifications(seed=0, keep=0.6, benchmarks=("imagenet", "other"), effects=None, noise=0.2):
    """Return rows of random exponents, some of them infinite, negative or not fitted."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(list(product(benchmarks, *OPTIONS.values())))
    frame.columns = ["benchmark", *OPTIONS]
    # Unbalanced, so that the order in which choices are added matters.
    frame = frame[rng.uniform(size=len(frame)) < keep].reset_index(drop=True)
    log = 0.8 + noise * rng.normal(size=len(frame))
    for choice, by_name in (effects or {}).items():
        log += frame[choice].map(by_name).fillna(0.0)
    frame["exponent"] = 10**log
    width = 10 ** rng.uniform(0, 0.3, (2, len(frame)))
    frame["exponent_lower"] = frame["exponent"] / width[0]
    frame["exponent_upper"] = frame["exponent"] * width[1]
    frame["r_squared"] = np.where(
        frame["estimator"] == "huber", np.nan, rng.uniform(size=len(frame))
    )
    frame["r_squared_lower"] = frame["r_squared"] * 0.8
    frame["r_squared_upper"] = frame["r_squared"] * 0.5 + 0.5
    frame["extrapolation_loss"] = rng.choice([0.3, 1.0, np.inf, np.nan, 0.5], len(frame))
    frame["status"] = np.where(rng.uniform(size=len(frame)) < 0.1, "not fitted: no", "fitted")
    return frame


def odd(frame, seed=1):
    """Put in exponents without a logarithm."""
    rng = np.random.default_rng(seed)
    frame.loc[rng.choice(len(frame), 12, replace=False), "exponent_upper"] = np.inf
    some = rng.choice(len(frame), 30, replace=False)
    frame.loc[some[:10], ["exponent", "exponent_upper"]] = np.inf
    frame.loc[some[10:20], ["exponent", "exponent_lower"]] = [-2.0, -7.0]
    frame.loc[some[20:], "exponent_lower"] = -np.inf
    return frame


def written(frame, folder):
    rows = frame.where(frame.notna(), None).to_dict("records")
    for row in rows:
        for key, value in row.items():
            if value is None:
                row[key] = math.nan
    write_units([(0, rows)], folder / "chunk.parquet")
    join_chunks([folder / "chunk.parquet"], folder / "table.parquet")
    return folder / "table.parquet"


def regressed(frame, chosen, y):
    """Return R2 of dummies of some choices."""
    if not chosen:
        return 0.0
    dummies = pd.get_dummies(frame[list(chosen)], drop_first=True, dtype=float)
    return sm.OLS(y, sm.add_constant(dummies.to_numpy())).fit().rsquared


def lindeman_merenda_gold(frame, y):
    """Return shares by the definition with weights of subsets, from statsmodels."""
    frame = frame.assign(sample=frame["sample"].str.replace(":.*", ":", regex=True))
    p, names = len(OPTIONS), set(OPTIONS)
    r2 = {
        frozenset(chosen): regressed(frame, chosen, y)
        for k in range(p + 1)
        for chosen in combinations(OPTIONS, k)
    }
    shares = {}
    for name in OPTIONS:
        added = [
            [r2[frozenset({*before, name})] - r2[frozenset(before)]
             for before in combinations(names - {name}, k)]
            for k in range(p)
        ]  # fmt: skip
        shares[name] = np.mean([np.mean(gains) for gains in added])
    return shares


def test_shares_of_choices_are_those_of_lindeman_merenda_and_gold(tmp_path):
    frame = odd(specifications(effects={"direction": {"york": 0.3}, "form": {"broken": -0.1}}))
    found = weigh_choices(written(frame, tmp_path), ["imagenet", "other"])
    known = frame[(frame["status"] == "fitted") & (frame["exponent"] > 0)]
    known = known[np.isfinite(known["exponent"])].reset_index(drop=True)
    assert found["benchmark"].unique().tolist() == ["imagenet", "other", EVERY]
    mean = np.log10(known["exponent"]).groupby(known["benchmark"]).transform("mean")
    for key, part in [*known.groupby("benchmark"), (EVERY, known)]:
        mine = found[found["benchmark"] == key].set_index("choice")
        assert mine.index.tolist() == [*CHOICES, REST]
        y = np.log10(part["exponent"])
        if key == EVERY:
            continue
        expected = lindeman_merenda_gold(part, y)
        assert mine["share"][list(expected)].to_dict() == pytest.approx(expected, abs=1e-9)
        assert mine["share"].sum() == pytest.approx(1, abs=1e-12)
        assert mine["share"][REST] == pytest.approx(
            1 - regressed(part.assign(sample=part["sample"].str[:8]), OPTIONS, y), abs=1e-9
        )
        assert (mine["n_specifications"] == len(part)).all()
        sd = np.sqrt(mine["share"].clip(0) * y.var(ddof=0))
        assert mine["sd_decades"].to_numpy() == pytest.approx(sd.to_numpy(), abs=1e-9)
    pooled = found[found["benchmark"] == EVERY].set_index("choice")
    within = np.log10(known["exponent"]) - mean
    assert pooled["share"].sum() == pytest.approx(1, abs=1e-12)
    assert (pooled["n_specifications"] == len(known)).all()
    # All together: options about the mean of each benchmark, too.
    options = known.assign(sample=known["sample"].str.replace(":.*", ":", regex=True))
    dummies = pd.get_dummies(options[list(OPTIONS)], dtype=float)
    centred = dummies - dummies.groupby(known["benchmark"]).transform("mean")
    left = within - centred.to_numpy() @ np.linalg.lstsq(centred.to_numpy(), within, rcond=None)[0]
    assert pooled["share"][REST] == pytest.approx((left**2).sum() / (within**2).sum(), abs=1e-9)
    total = pooled["sd_decades"].to_numpy() ** 2
    assert total.sum() == pytest.approx((within**2).mean(), rel=1e-9)


def test_a_planted_choice_explains_its_share(tmp_path):
    effects = {"direction": {"york": 0.5, "error_on_compute": 1.0}, "basis": {"operations": 0.2}}
    frame = specifications(keep=2.0, effects=effects, noise=0.0)
    frame["status"] = "fitted"
    found = weigh_choices(written(frame, tmp_path), ["imagenet"]).set_index(["benchmark", "choice"])
    share = found["share"]["imagenet"]
    # Effects 0, 0.5, 1 have the variance 1/6, effects 0, 0.2 one of 0.01; the design is balanced.
    assert share["direction"] == pytest.approx((1 / 6) / (1 / 6 + 0.01), abs=1e-9)
    assert share["basis"] == pytest.approx(0.01 / (1 / 6 + 0.01), abs=1e-9)
    others = share.drop(["direction", "basis"])
    assert others.to_numpy() == pytest.approx(np.zeros(len(others)), abs=1e-9)
    sd = found["sd_decades"]["imagenet"]
    assert (sd["direction"], sd["basis"]) == pytest.approx((6**-0.5, 0.1), abs=1e-9)


def test_an_interaction_is_left_to_combinations(tmp_path):
    frame = specifications(keep=2.0, noise=0.0, benchmarks=("imagenet",)).assign(status="fitted")
    signs = [np.where(frame[c] == OPTIONS[c][0], 1, -1) for c in ("basis", "estimator")]
    frame["exponent"] = 10 ** (0.5 + 0.1 * signs[0] * signs[1])
    found = weigh_choices(written(frame, tmp_path), ["imagenet"]).set_index("choice")
    only = found[found["benchmark"] == "imagenet"]
    assert only["share"][REST] == pytest.approx(1, abs=1e-9)
    assert only["sd_decades"][REST] == pytest.approx(0.1, abs=1e-9)


def test_papers_left_out_are_one_option(tmp_path):
    effects = {"sample": {"without:one": 0.3, "without:two": -0.3}}
    frame = specifications(keep=2.0, effects=effects, noise=0.0, benchmarks=("imagenet",))
    found = weigh_choices(written(frame.assign(status="fitted"), tmp_path), ["imagenet"])
    share = found[found["benchmark"] == "imagenet"].set_index("choice")["share"]
    assert share["sample"] == pytest.approx(0, abs=1e-9)
    assert share[REST] == pytest.approx(1, abs=1e-9)


def test_benchmarks_of_different_levels_do_not_explain_each_other(tmp_path):
    effects = {"benchmark": {"other": 2.0}, "form": {"broken": 0.2}}
    frame = specifications(keep=2.0, effects=effects, noise=0.0).assign(status="fitted")
    path = written(frame, tmp_path)
    found = weigh_choices(path, ["imagenet", "other"])
    pooled = found[found["benchmark"] == EVERY].set_index("choice")["share"]
    assert pooled["form"] == pytest.approx(1, abs=1e-9)
    # One benchmark alone is the same table as all of them.
    alone = weigh_choices(path, ["imagenet"])
    a, b = (alone[alone["benchmark"] == key]["share"].to_numpy() for key in ("imagenet", EVERY))
    assert (a == b).all()


def test_without_variance_no_choice_has_a_share(tmp_path):
    frame = specifications(benchmarks=("imagenet",)).assign(exponent=7.0, status="fitted")
    found = weigh_choices(written(frame, tmp_path), ["imagenet", "missing"])
    assert found["benchmark"].unique().tolist() == ["imagenet", EVERY]
    assert found["sd_decades"].to_numpy() == pytest.approx(np.zeros(len(found)), abs=1e-7)
    assert (found.set_index("choice")["share"][list(CHOICES)].abs() < 1e-9).all()


def test_the_spread_is_that_of_pandas(tmp_path):
    frame = odd(specifications(seed=3))
    frame.loc[frame["benchmark"] == "other", "exponent_upper"] = np.inf
    found = spread_by_benchmark(written(frame, tmp_path), ["other", "imagenet", "missing"])
    assert found["benchmark"].tolist() == ["other", "imagenet", "missing"]
    found = found.set_index("benchmark")
    for key in ("imagenet", "other"):
        row, every = found.loc[key], frame[frame["benchmark"] == key]
        mine = every[every["status"] == "fitted"].sort_values("exponent")
        assert (row["n_specifications"], row["n_fitted"]) == (len(every), len(mine))
        assert row["n_rising"] == (mine["exponent"] < 0).sum() > 0
        assert row["n_never"] == np.isinf(mine["exponent"]).sum() > 0
        for q in (5, 25, 50, 75, 95):
            at = math.ceil(q / 100 * len(mine)) - 1
            assert row[f"p{q}"] == mine["exponent"].iloc[at]
        ratio = mine["exponent_upper"] / mine["exponent_lower"]
        ratio = np.sort(ratio.where(mine["exponent_lower"] > 0, np.inf))
        assert row["sampling_factor"] == ratio[math.ceil(len(ratio) / 2) - 1]
        expected = row["p95"] / row["p5"] if row["p5"] > 0 else np.inf
        assert row["choices_factor"] == expected
    assert found["sampling_factor"]["other"] == np.inf
    assert 1 < found["sampling_factor"]["imagenet"] < 5
    missing = found.loc["missing"]
    assert (missing["n_specifications"], missing["n_fitted"]) == (0, 0)
    assert np.isnan(missing["p50"])
    assert np.isnan(missing["choices_factor"])


@pytest.mark.parametrize("lowest", [-2.0, 0.0])
def test_choices_that_may_turn_the_sign_have_no_finite_factor(lowest, tmp_path):
    frame = specifications(benchmarks=("imagenet",)).assign(status="fitted")
    frame.loc[: len(frame) // 10, "exponent"] = lowest
    row = spread_by_benchmark(written(frame, tmp_path), ["imagenet"]).iloc[0]
    assert row["p5"] == lowest
    assert row["choices_factor"] == np.inf


@pytest.mark.filterwarnings("error")
def test_a_benchmark_of_infinite_exponents_has_no_finite_factor(tmp_path):
    frame = specifications(benchmarks=("imagenet",)).assign(
        status="fitted", exponent=np.inf, exponent_lower=np.inf, exponent_upper=np.inf
    )
    row = spread_by_benchmark(written(frame, tmp_path), ["imagenet"]).iloc[0]
    assert row["n_never"] == len(frame)
    assert row["choices_factor"] == np.inf
    assert row["sampling_factor"] == np.inf
    assert len(weigh_choices(tmp_path / "table.parquet", ["imagenet"])) == 0
    options = by_option(tmp_path / "table.parquet", ["imagenet"])
    assert (options["median"] == np.inf).all()


def test_options_are_those_of_pandas(tmp_path):
    frame = odd(specifications(seed=4))
    found = by_option(written(frame, tmp_path), ["other", "imagenet"])
    fitted = frame[frame["status"] == "fitted"]
    assert found["benchmark"].unique().tolist() == ["other", "imagenet"]
    assert found["choice"].unique().tolist() == list(CHOICES)
    sizes = fitted.groupby("benchmark").size()
    for _, row in found.iterrows():
        mine = fitted[fitted["benchmark"] == row["benchmark"]]
        mine = mine[mine[row["choice"]] == row["option"]]
        assert row["n_specifications"] == len(mine)
        ordered = np.sort(mine["exponent"])
        for name, q in (("lower_quartile", 1), ("median", 2), ("upper_quartile", 3)):
            assert row[name] == ordered[math.ceil(q * len(mine) / 4) - 1]
        losses = np.sort(mine["extrapolation_loss"].dropna())
        assert row["median_loss"] == losses[math.ceil(len(losses) / 2) - 1]
    for (key, _), part in found.groupby(["benchmark", "choice"]):
        assert part["n_specifications"].sum() == sizes[key]
    samples = found[(found["choice"] == "sample") & (found["benchmark"] == "imagenet")]
    assert set(samples["option"]) == set(OPTIONS["sample"])


def test_an_option_without_losses_has_none(tmp_path):
    frame = specifications(benchmarks=("imagenet",)).assign(extrapolation_loss=np.nan)
    assert by_option(written(frame, tmp_path), ["imagenet"])["median_loss"].isna().all()


def claim(quantity="exponent", relation="at_least", figure=9.0, benchmark="imagenet", **more):
    of = {"benchmark": benchmark} if benchmark else {}
    given = {"lower": math.nan, "upper": math.nan, "tolerance": 1.0} | more
    return Claim(
        f"{quantity}-{relation}", "A claim.", "study", "2020", quantity, of, relation, figure,
        source="s", url="u", **given,
    )  # fmt: skip


CLAIMS = [
    claim(),
    claim(figure=4.0),
    claim(relation="at_most", figure=7.0, benchmark="other"),
    claim(relation="about", figure=7.0, tolerance=1.5),
    claim(relation="between", figure=math.nan, lower=3.0, upper=12.0, benchmark=""),
    claim("halving_factor", figure=500.0),
    claim("r_squared", "about", 0.43, tolerance=1.25),
    claim("r_squared", "between", math.nan, benchmark="", lower=0.29, upper=0.68),
    claim("theoretical_exponent", figure=4.0),
]


@pytest.mark.parametrize("number", range(len(CLAIMS)))
def test_a_poll_is_the_ledgers_verdict_on_each_specification(number, tmp_path):
    asked = CLAIMS[number]
    frame = odd(specifications(seed=5))
    frame.loc[frame.index[:3], ["exponent_lower", "exponent_upper"]] = np.nan
    (row,) = poll_claims(written(frame, tmp_path), [asked]).to_dict("records")
    verdicts = []
    name = "exponent" if asked.quantity == "halving_factor" else asked.quantity
    if name != "theoretical_exponent":
        for _, found in frame[frame["status"] == "fitted"].iterrows():
            if asked.of and found["benchmark"] != asked.of["benchmark"]:
                continue
            figures = [float(found[name + end]) for end in ("", "_lower", "_upper")]
            if math.isnan(figures[0]):
                continue
            if asked.quantity == "halving_factor":
                figures = [float(np.exp2(v)) for v in figures]
            verdicts.append(decide(asked, Answer("one", *figures)))
    assert row["claim_id"] == asked.key
    assert row["claim"] == asked.claim
    assert row["n_specifications"] == len(verdicts)
    for column in ("supported", "not supported", "cannot be told"):
        share = row[column.replace(" ", "_")]
        if verdicts:
            assert share == pytest.approx(verdicts.count(column) / len(verdicts), rel=1e-12)
        else:
            assert math.isnan(share)


def test_compute_alone_is_not_asked_of_laws_with_the_year(tmp_path):
    frame = specifications(benchmarks=("imagenet",)).assign(status="fitted", r_squared=0.5)
    frame.loc[frame["form"] == "broken", "sample"] = "year_control"
    path = written(frame, tmp_path)
    about = claim("r_squared", "about", 0.43)
    found = poll_claims(path, [about, claim()])["n_specifications"].tolist()
    assert found == [(frame["sample"] != "year_control").sum(), len(frame)]


def test_only_fitted_rows_are_read(tmp_path):
    frame = specifications(seed=6)
    found = fitted_columns(written(frame, tmp_path), ["benchmark", "sample", "exponent"])
    fitted = frame[frame["status"] == "fitted"]
    assert found["exponent"].tolist() == fitted["exponent"].tolist()
    assert found["sample"].astype(str).tolist() == fitted["sample"].tolist()
    assert isinstance(found["benchmark"].dtype, pd.CategoricalDtype)
