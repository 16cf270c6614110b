"""The simulated theory has known answers."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LassoCV

from scalelaw.errors import ConfigError
from scalelaw.plotting import style
from scalelaw.plotting.theory import draw_theory
from scalelaw.tasks.simulate_theory import simulate_theory
from scalelaw.theory import (
    MODELS,
    Simulation,
    find_overtaking,
    fit_exponents,
    summarise_curves,
)
from scalelaw.theory.estimators import (
    Statistics,
    cross_validated_lasso,
    draw_sample,
    lasso,
    least_squares,
    merge,
    observe,
)
from scalelaw.theory.simulation import least_squares_flop

SMALL = {
    "variables": 40,
    "relevant": 5,
    "noise_sds": [0.5, 2.0],
    "sample_sizes": [10, 30, 100, 300, 1000, 3000, 10000, 100000],
    "replicates": 12,
    "folds": 3,
    "growing_ratio": 0.5,
    "growing_sizes": [100, 200, 400],
    "seed": 1,
}


@pytest.fixture(scope="module")
def runs():
    return Simulation(**SMALL).run()


def errors(runs, model, noise_sd=0.5, design="fixed"):
    mine = runs[(runs["model"] == model) & (runs["noise_sd"] == noise_sd)]
    mine = mine[mine["design"] == design]
    return (10 ** -mine["performance"]).groupby(mine["sample_size"])


def test_least_squares_has_the_error_of_the_textbook():
    """The mean of |b - beta|^2 is p sd^2 / (n - p - 1) for standard normal variables."""
    n, p, sd = 40, 10, 0.7
    beta = np.zeros(15)
    beta[:p] = p**-0.5
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        signal, noise = least_squares(draw_sample(n, 15, rng), beta, range(p))
        found.append(((signal + sd * noise - beta) ** 2).sum())
    expected = p * sd**2 / (n - p - 1)
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 4000**0.5)


@pytest.mark.parametrize(("model", "p"), [("oracle", 5), ("flexible", 40)])
def test_simulated_models_have_the_error_of_the_textbook(runs, model, p):
    for noise_sd in (0.5, 2.0):
        groups = errors(runs, model, noise_sd)
        for n in (1000, 10000, 100000):
            expected = p * noise_sd**2 / (n - p - 1)
            mean, sem = groups.mean()[n], groups.sem()[n]
            assert mean == pytest.approx(expected, abs=5 * sem)


def test_the_expert_keeps_the_share_of_the_variable_it_misses(runs):
    assert errors(runs, "expert").mean()[100000] == pytest.approx(1 / 5, rel=1e-3)
    assert errors(runs, "expert").mean()[30] > 1 / 5


def test_minimum_norm_keeps_the_seen_part_of_the_signal():
    """Without noise n of p directions are seen, so the mean error is 1 - n / p."""
    n, p = 20, 50
    beta = np.full(p, p**-0.5)
    rng = np.random.default_rng(3)
    found = []
    for _ in range(500):
        sample = draw_sample(n, p, rng)
        b, _ = least_squares(sample, beta, range(p))
        assert sample.rows[0] @ b == pytest.approx(sample.rows[0] @ beta)
        found.append(((b - beta) ** 2).sum())
    assert np.mean(found) == pytest.approx(1 - n / p, abs=4 * np.std(found) / 500**0.5)


def moments(n, p, draws, draw):
    """Means of statistics of samples and of their products, with standard errors."""
    values = []
    for _ in range(draws):
        s = draw()
        off = s.gram[np.tril_indices(p, -1)]
        explained = np.linalg.solve(s.gram, s.noise_xy) @ s.noise_xy
        row = [*np.diag(s.gram), *off, *s.noise_xy, s.noise_square, np.linalg.det(s.gram)]
        row += [off[0] ** 2, s.gram[0, 0] * s.gram[1, 1], s.noise_xy[1] ** 2]
        row += [s.noise_xy[0] ** 2 * s.gram[0, 0], explained, explained / s.noise_square]
        values.append(row)
    values = np.array(values)
    return values.mean(axis=0), values.std(axis=0) / draws**0.5


def test_drawn_statistics_have_the_moments_of_raw_samples():
    n, p, draws = 9, 3, 20_000
    rng = np.random.default_rng(5)

    def raw():
        blocks = [draw_sample(3, p, rng) for _ in range(3)]
        assert all(block.rows for block in blocks)
        return merge(blocks)

    def bartlett():
        sample = draw_sample(n, p, rng)
        assert sample.rows is None
        return sample

    mean, sem = moments(n, p, draws, bartlett)
    other, other_sem = moments(n, p, draws, raw)
    assert (np.abs(mean - other) < 4.5 * np.hypot(sem, other_sem)).all()


def test_merged_samples_are_the_statistics_of_all_rows():
    rng = np.random.default_rng(6)
    merged = merge([draw_sample(n, 8, rng) for n in (3, 5, 8)])
    x, e = merged.rows
    assert merged.n == len(x) == 16
    assert merged.gram == pytest.approx(x.T @ x)
    assert merged.noise_xy == pytest.approx(x.T @ e)
    assert merge([draw_sample(3, 8, rng), draw_sample(20, 8, rng)]).rows is None


@pytest.fixture
def regression():
    """Rows in three folds, and their statistics."""
    rng = np.random.default_rng(7)
    beta = np.r_[np.ones(4) / 2, np.zeros(26)]
    folds = [draw_sample(n, 30, rng) for n in (25, 25, 25)]
    x, e = merge(folds).rows
    y = x @ beta + 0.8 * e
    return x, y, [observe(f, beta, 0.8) for f in folds], observe(merge(folds), beta, 0.8)


@pytest.mark.parametrize("penalty", [0.3, 0.1, 0.02])
def test_the_lasso_of_statistics_is_that_of_the_rows(regression, penalty):
    x, y, _, whole = regression
    assert whole.xy == pytest.approx(x.T @ y)
    assert whole.yy == pytest.approx(y @ y)
    expected = Lasso(penalty, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(x, y).coef_
    cold, passes = lasso(whole, np.array([penalty]))
    warm, _ = lasso(whole, np.array([2 * penalty, penalty]), start=np.ones(30))
    assert passes > 1
    assert cold[:, -1] == pytest.approx(expected, abs=2e-3)
    assert warm[:, -1] == pytest.approx(expected, abs=2e-3)


def test_cross_validation_chooses_as_scikit_learn_does(regression):
    x, y, folds, whole = regression
    rests = [
        Statistics(whole.n - f.n, whole.gram - f.gram, whole.xy - f.xy, whole.yy - f.yy)
        for f in folds
    ]
    b, penalty, passes = cross_validated_lasso(whole, folds, rests)
    grid = np.abs(x.T @ y).max() / len(y) * 10 ** (-np.arange(25) / 6)
    rows = np.array_split(np.arange(75), 3)
    splits = [(np.setdiff1d(np.arange(75), part), part) for part in rows]
    expected = LassoCV(alphas=grid, cv=splits, fit_intercept=False, tol=1e-8, max_iter=100_000)
    expected.fit(x, y)
    assert penalty == pytest.approx(expected.alpha_)
    assert b == pytest.approx(expected.coef_, abs=2e-3)
    assert passes > 10


def test_computation_follows_its_formulas(runs):
    assert least_squares_flop(1000, 10) == pytest.approx(2 * 1000 * 100 + 2 / 3 * 1000)
    assert least_squares_flop(10, 1000) == pytest.approx(2 * 1000 * 100 + 2 / 3 * 1000)
    assert runs[runs["model"] == "flexible"]["variables"].unique().tolist() == [40]
    penalised = runs[runs["model"] == "regularised"]
    once = 4 * penalised["sample_size"] * penalised["variables"]
    assert penalised["flop"].to_numpy() == pytest.approx((once * penalised["passes"]).to_numpy())
    assert (penalised["passes"] >= 2).all()


def test_only_the_growing_design_has_more_variables_with_more_data(runs):
    candidates = runs[runs["model"] == "regularised"].groupby("design")[
        ["sample_size", "variables"]
    ]
    sizes = {design: part.drop_duplicates() for design, part in candidates}
    assert sizes["fixed"]["variables"].unique().tolist() == [40]
    growing = sizes["growing"]
    assert (growing["variables"] * 2 == growing["sample_size"]).all()
    assert runs[runs["design"] == "growing"]["model"].unique().tolist() == ["regularised"]


def test_curves_are_means_with_t_intervals(runs):
    curves = summarise_curves(runs, level=0.9)
    key = ["design", "noise_sd", "model", "sample_size"]
    row = curves.set_index(key).loc[("fixed", 2.0, "oracle", 100)]
    values = runs.set_index(key).loc[("fixed", 2.0, "oracle", 100), "performance"]
    half = 1.7958848 * values.std() / 12**0.5  # t quantile 0.95 with 11 degrees of freedom
    assert row["performance"] == pytest.approx(values.mean())
    assert row["upper"] - row["performance"] == pytest.approx(half, rel=1e-6)
    assert row["replicates"] == 12


def test_flexible_models_overtake_where_their_error_falls_below_the_experts():
    sizes = [60, 80, 100, 130, 500, 700, 900, 1100]
    settings = SMALL | {"sample_sizes": sizes, "growing_sizes": [], "replicates": 40}
    found = find_overtaking(Simulation(**settings).run(), 200, seed=1)
    assert set(found["status"]) <= {"overtaken", "ahead from the smallest sample size"}
    found = found.set_index(["noise_sd", "challenger"])
    for sd in (0.5, 2.0):
        flexible, regularised = found.loc[(sd, "flexible")], found.loc[(sd, "regularised")]
        # The variable that the expert misses, 1/5 of the signal, is noise to it.
        n = np.linspace(50, 2000, 100_000)
        behind = 40 * sd**2 / (n - 41) > 1 / 5 + 5 * (sd**2 + 1 / 5) / (n - 6)
        assert flexible["sample_size"] == pytest.approx(n[behind][-1], rel=0.05)
        assert regularised["sample_size"] < flexible["sample_size"]
        assert flexible["sample_size_lower"] < flexible["sample_size"]
        assert flexible["sample_size"] < flexible["sample_size_upper"]
        assert flexible["flop_lower"] < flexible["flop"] < flexible["flop_upper"]


def test_a_model_that_stays_behind_has_a_reason_and_no_point(runs):
    found = find_overtaking(runs[runs["sample_size"] <= 30], 100)
    behind = found[found["challenger"] == "flexible"]
    assert behind["status"].str.startswith("not overtaken").all()
    assert behind.loc[:, "sample_size":].isna().all(axis=None)


def planted(slope, cost, design="growing", model="regularised"):
    """Runs whose error is n^(-1/slope) and whose computation is n^cost, without scatter."""
    n = np.repeat([100.0, 1000.0, 10000.0, 1e5], 3)
    return pd.DataFrame(
        {
            "design": design, "noise_sd": 1.0, "model": model, "sample_size": n, "variables": 20,
            "replicate": np.tile([0, 1, 2], 4), "performance": 2 * np.log10(n) / slope,
            "flop": n**cost, "passes": 1.0,
        }
    )  # fmt: skip


def test_planted_exponents_are_recovered():
    table = fit_exponents(planted(2, 2), 100).set_index("quantity")
    assert table["exponent"].to_dict() == pytest.approx({"data": 2, "compute": 4})
    assert table["reference"].to_dict() == {"data": 2, "compute": 4}
    assert table["lower"].tolist() == pytest.approx(table["exponent"].tolist())


def test_sizes_of_the_slope_follow_the_rule():
    data = planted(4, 1, "fixed", "flexible")
    row = fit_exponents(data, 100).iloc[0]
    # Ten samples per variable and performance 1 leave out the smallest only.
    assert (row["smallest_size"], row["largest_size"], row["n_sizes"]) == (1000, 1e5, 3)
    row = fit_exponents(data.assign(performance=data["performance"] - 1), 100).iloc[0]
    assert row["status"] == "not fitted: 2 size(s) qualify, 3 are needed"
    assert np.isnan(row["exponent"])


def test_exponents_of_the_oracle_are_two(runs):
    table = fit_exponents(runs, 200).set_index(["design", "noise_sd", "model", "quantity"])
    assert "expert" not in table.index.get_level_values("model")
    row = table.loc[("fixed", 0.5, "oracle", "data")]
    assert row["exponent"] == pytest.approx(2, abs=0.25)
    assert row["lower"] < row["exponent"] < row["upper"]


def write(path, threads, **changes):
    names = ("learning_curves", "overtaking", "exponents")
    files = {name: path / f"{name}.csv" for name in names}
    settings = SMALL | {"replicates": 3, "level": 0.95, "bootstrap_replicates": 100} | changes
    message = simulate_theory(**settings, **files, threads=threads)
    return message, {name: file.read_bytes() for name, file in files.items()}


def test_files_are_the_same_bytes_with_two_processes(tmp_path):
    # Large enough that threads of linear algebra would change the last digits.
    sizes = {"variables": 300, "sample_sizes": [100, 1000, 3000], "noise_sds": [1.0]}
    message, one = write(tmp_path / "one", 1, **sizes)
    assert write(tmp_path / "two", 2, **sizes) == (message, one)
    assert write(tmp_path / "seed", 2, **sizes, seed=2)[1] != one


def test_a_data_set_does_not_depend_on_the_others(runs):
    alone = Simulation(**SMALL | {"sample_sizes": [300], "growing_sizes": []}).run()
    same = runs[(runs["design"] == "fixed") & (runs["sample_size"] == 300)]
    pd.testing.assert_frame_equal(alone, same.reset_index(drop=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relevant": 40}, "40 candidates must be more than the 40 relevant"),
        ({"relevant": 1}, "relevant: 1, at least 2"),
        ({"folds": 1}, "folds: 1, at least 2"),
        ({"replicates": 1}, "replicates: 1, at least 2"),
        ({"noise_sds": []}, "noise_sds: at least one"),
        ({"noise_sds": [0.0]}, "noise_sds: each must be above 0"),
        ({"noise_sds": [1.0, 1.0]}, "noise_sds: a value occurs twice"),
        ({"sample_sizes": []}, "sample_sizes: at least one"),
        ({"sample_sizes": [4]}, "sample size 4: 3 folds need at least 6"),
        ({"growing_sizes": [10]}, "10 samples have 5 candidates at growing_ratio 0.5"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Simulation(**SMALL | changes)


def test_the_figure_names_every_model_and_point_without_overlap(runs):
    with style():
        figure = draw_theory(summarise_curves(runs), find_overtaking(runs, 100))
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        assert len(figure.axes) == 4
        for ax in figure.axes:
            assert {text.get_text() for text in ax.texts} > set(MODELS)
            boxes = [text.get_window_extent(renderer) for text in ax.texts]
            assert len(boxes) == 6
            assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        plt.close(figure)
