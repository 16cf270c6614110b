"""Fits of anybody's CSV file from the command line, end to end."""

import json

import numpy as np
import pandas as pd
import pytest

from scalelaw.cli import main
from scalelaw.fit import (
    ExponentialLaw,
    FlooredPowerLaw,
    Huber,
    LeastAbsolute,
    LossSurface,
    Pinball,
    PowerLaw,
    surface,
)


def runs(n=36, groups=12):
    rng = np.random.default_rng(0)
    group = np.arange(n) % groups
    x = 10 ** rng.uniform(16, 22, n)
    noise = np.exp(0.02 * (rng.normal(size=groups)[group] + rng.normal(size=n)))
    return pd.DataFrame(
        {
            "flop": x,
            "loss": 30 * x**-0.06 * noise,
            "run": [f"r{i}" for i in group],
            "year": 2010 + rng.integers(0, 9, n),
            "lab": rng.choice(["a", "b", "c"], n),
            "w": rng.uniform(0.5, 2, n),
            "sx": rng.uniform(0.1, 0.4, n),
        }
    )


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "runs.csv"
    runs().to_csv(path, index=False)
    return path


@pytest.fixture
def fit(capsys):
    """Run the command and return its status, output and errors."""

    def run(path, *options, command="fit", columns=("--x", "flop", "--y", "loss")):
        words = [command, str(path), *columns, "--replicates", "60", *map(str, options)]
        status = main(words)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def answer(fit, *arguments, **settings):
    """Return the parsed JSON, which holds no NaN and no infinity."""

    def refuse(literal):
        raise AssertionError(f"{literal} is no JSON")

    status, out, err = fit(*arguments, "--json", **settings)
    assert (status, err) == (0, "")
    return json.loads(out, parse_constant=refuse)


def same(block, expected):
    """Compare estimates with those of the library, infinite bounds as null."""
    found = {e["name"]: e for e in block["estimates"]}
    for estimate in expected:
        entry = found[estimate.name]
        for key in ("value", "lower", "upper"):
            value = getattr(estimate, key)
            assert entry[key] == (value if np.isfinite(value) else None), (estimate.name, key)
        assert (entry["level"], entry["method"]) == (estimate.level, estimate.method)


def test_the_table_has_all_directions(fit, file):
    status, out, err = fit(file, "--group", "run", "--target", 1.5)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    for title in ("loss on flop", "flop on loss", "errors in both (York), in proportion to"):
        assert sum(line.startswith(title) for line in lines) == 1
    assert out.count("exponent of flop in 1/loss") == 3
    assert out.count("flop for loss = 1.5") == 3
    assert '36 records in 12 groups of "run"' in out
    assert lines[-1] == "Intervals: 95%."
    assert "Intervals: 99.9%." in fit(file, "--level", 0.999)[1]
    assert "each its own group; name --group" in fit(file)[1]
    york = fit(file, "--x-sd", "sx", "--y-sd", 0.02)[1]
    assert "errors in both (York)" in york
    assert "reduced chi square" in york
    assert "reduced major axis" not in york


def test_values_are_those_of_the_library_and_nothing_is_rescaled(fit, file):
    options = ("--group", "run", "--weights", "w", "--seed", 3, "--level", 0.9, "--target", 1.5)
    content = answer(fit, file, *options)
    assert content["level"] == 0.9
    for block, direction in zip(content["fits"], ("y_on_x", "x_on_y", "rma"), strict=True):
        law = PowerLaw("flop", "loss", direction, replicates=60)
        result = law.fit(runs(), "run", "w", seed=3)
        expected = [result.param(name, 0.9) for name in law.param_names]
        same(block, [*expected, result.cost_exponent(0.9), result.x_for(1.5, 0.9)])
        assert block["facts"]["residual sd"] == result.residual_sd
        assert block["facts"].get("p", np.nan) == pytest.approx(result.p_value, nan_ok=True)
        assert [note["code"] for note in block["notes"]] == [n.code for n in result.warnings]
    # Percent are not turned into shares.
    percent = file.with_name("percent.csv")
    runs().assign(loss=lambda d: 100 * d["loss"]).to_csv(percent, index=False)
    scaled = answer(fit, percent, "--target", 150)["fits"][0]["estimates"]
    plain = answer(fit, file, "--target", 1.5)["fits"][0]["estimates"]
    assert scaled[0]["value"] == pytest.approx(plain[0]["value"] + 2)
    assert scaled[-1]["value"] == pytest.approx(plain[-1]["value"])


@pytest.mark.parametrize(
    ("options", "law"),
    [
        (("--form", "exponential"), ExponentialLaw("flop", "loss")),
        (("--form", "floor"), FlooredPowerLaw("flop", "loss")),
        (("--covariate", "year"), PowerLaw("flop", "loss", covariates=("year",))),
        (("--effects", "lab"), PowerLaw("flop", "loss", effects="lab")),
        (("--estimator", "lad"), PowerLaw("flop", "loss", estimator=LeastAbsolute())),
        (
            ("--estimator", "huber", "--delta", "0.02"),
            PowerLaw("flop", "loss", estimator=Huber(0.02)),
        ),
        (
            ("--estimator", "pinball", "--tau", "0.1"),
            PowerLaw("flop", "loss", estimator=Pinball(0.1)),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_reach_the_law(fit, file, options, law):
    block = answer(fit, file, "--group", "run", *options)["fits"][0]
    result = type(law)(**{**vars(law), "replicates": 60}).fit(runs(), "run")
    same(block, [result.param(name) for name in law.param_names])


def test_york_takes_a_number_and_a_column(fit, file):
    block = answer(fit, file, "--group", "run", "--x-sd", "sx", "--y-sd", 0.02)["fits"][2]
    law = PowerLaw("flop", "loss", "york", x_sd="sx", y_sd=0.02, replicates=60)
    result = law.fit(runs(), "run")
    same(block, [result.cost_exponent()])
    assert block["facts"]["reduced chi square"] == result.reduced_chi_square


def test_a_surface_is_allocated(fit, tmp_path):
    rng = np.random.default_rng(1)
    n, d = 10 ** rng.uniform(7, 10, 40), 10 ** rng.uniform(9, 12, 40)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.002 * rng.normal(size=40))
    data = pd.DataFrame({"n": n, "d": d, "loss": loss})
    path = tmp_path / "surface.csv"
    data.to_csv(path, index=False)
    given = {"command": "fit-surface", "columns": ("--n", "n", "--d", "d", "--y", "loss")}
    content = answer(fit, path, "--budget", "1e24", "--budget", "1e20", **given)
    fitted, growth, far, near = content["fits"]
    result = LossSurface("n", "d", "loss", estimator=Huber(1e-3), replicates=60).fit(data)
    same(fitted, [result.param(name) for name in result.model.param_names])
    same(growth, [result.derive("exponent of n in compute", surface.size_exponent)])
    e = {entry["name"]: entry["value"] for entry in far["estimates"]}
    assert 6 * e["n"] * e["d"] == pytest.approx(1e24)
    assert e["d per n"] == pytest.approx(e["d"] / e["n"])
    notes = {note["code"]: note for note in far["notes"]}
    assert set(notes) == {"beyond_the_data", "optimum_outside_data"}
    note = notes["beyond_the_data"]
    assert note["details"]["decades"] == pytest.approx(np.log10(1e24 / (6 * (n * d).max())))
    assert near["notes"] == []
    for option in (("--budget", -1), ("--budget", "inf"), ("--flop-per-param-token", 0)):
        status, out, err = fit(path, *option, **given)
        assert (status, out) == (2, "")
        assert f"{option[0]} " in err
        assert "is out of range: it must be above 0 and finite" in err


def test_a_budget_far_below_the_runs_is_warned_of(fit, tmp_path):
    rng = np.random.default_rng(1)
    n, d = 10 ** rng.uniform(7, 10, 40), 10 ** rng.uniform(9, 12, 40)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.002 * rng.normal(size=40))
    path = tmp_path / "surface.csv"
    pd.DataFrame({"n": n, "d": d, "loss": loss}).to_csv(path, index=False)
    given = {"command": "fit-surface", "columns": ("--n", "n", "--d", "d", "--y", "loss")}
    (note,) = answer(fit, path, "--budget", 1e6, **given)["fits"][-1]["notes"]
    assert note["code"] == "optimum_outside_data"


def test_a_response_that_rises_is_told(fit, tmp_path):
    path = tmp_path / "accuracy.csv"
    runs().assign(loss=lambda r: r["flop"] ** 0.05).to_csv(path, index=False)
    assert "loss rises with flop: of an accuracy fit 1 - loss" in fit(path)[1]


def test_unbounded_intervals_are_null(fit, tmp_path):
    rng = np.random.default_rng(5)
    x = 10 ** rng.uniform(16, 22, 12)
    path = tmp_path / "noise.csv"
    pd.DataFrame({"flop": x, "loss": rng.uniform(1, 2, 12)}).to_csv(path, index=False)
    first = {e["name"]: e for e in answer(fit, path)["fits"][0]["estimates"]}
    assert first["exponent of flop in 1/loss"]["lower"] is None
    assert "[-inf, inf]" in fit(path)[1]


def test_a_direction_that_cannot_be_fitted_does_not_hide_the_others(fit, tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "noise.csv"
    x = 10 ** rng.uniform(19, 20, 14)
    pd.DataFrame({"flop": x, "loss": rng.uniform(1, 3, 14)}).to_csv(path, index=False)
    status, out, _ = fit(path)
    assert status == 0
    assert "not fitted: the errors-in-variables line is not identified" in out
    assert out.count("exponent of flop in 1/loss") == 2


def test_a_target_beyond_the_data_is_answered_with_a_warning(fit, file):
    def notes(*targets):
        asked = [word for target in targets for word in ("--target", target)]
        block = answer(fit, file, "--group", "run", *asked)["fits"][0]
        return [n for n in block["notes"] if n["code"] == "beyond_the_data"]

    table = pd.read_csv(file)
    (far,) = notes(table["loss"].median(), table["loss"].min() / 2)
    estimates = answer(fit, file, "--target", table["loss"].min() / 2)["fits"][0]["estimates"]
    found = estimates[-1]["value"]
    assert far["details"]["decades"] == pytest.approx(np.log10(found / table["flop"].max()))
    assert "decades beyond the data" in far["message"]
    (_, out, _) = fit(file, "--target", table["loss"].min() / 2)
    assert "decades beyond the data" in out


def test_a_target_below_the_floor_is_answered_in_words(fit, tmp_path):
    path = tmp_path / "floor.csv"
    x = np.logspace(16, 24, 30)
    y = 0.5 + (x / 1e17) ** -0.3
    y *= np.exp(0.005 * np.random.default_rng(0).normal(size=30))
    pd.DataFrame({"flop": x, "loss": y}).to_csv(path, index=False)
    block = answer(fit, path, "--form", "floor", "--target", 0.3, "--target", 0.7)["fits"][0]
    (note,) = (n for n in block["notes"] if n["code"] == "target_not_reached")
    assert "never reaches loss = 0.3" in note["message"]
    assert block["estimates"][-1]["name"] == "flop for loss = 0.7"


def change(**columns):
    """Return a table with some cells of the sixth record changed; on line 7 of its file."""

    def changed():
        data = runs().astype(object)
        for name, value in columns.items():
            data.loc[5, name] = value
        return data.to_csv(index=False)

    return changed


GROUPED = ("--group", "run")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (lambda: "", (), "the file is empty"),
        (lambda: b"\x89PNG\r\n\x1a\n\xff\xfe\x00", (), "not a CSV file"),
        (lambda: b"\0" * 99, (), "not a CSV file"),
        (lambda: "flop,loss\n", (), "0 record(s), at least 4 are needed"),
        (lambda: "flop;loss\n1;2\n", (), ":1: one column only; separate cells with commas"),
        (lambda: "flop\tloss\n1\t2\n", (), ":1: one column only; separate cells with commas"),
        (lambda: " flop ,loss\n1,2\n", (), 'the file has flop , loss (did you mean "flop "?)'),
        (lambda: "flop,flop,loss\n1,2,3\n", (), ':1: there are two columns "flop"; rename one'),
        (change(), ("--group", "paper"), ':1: there is no column "paper"; the file has flop, loss'),
        (change(), ("--covariate", "gpus"), ':1: there is no column "gpus"'),
        (change(flop="1e2o"), (), "column \"flop\" must hold numbers, but is '1e2o' in line 7"),
        (change(flop="1,000"), (), "must hold numbers, but is '1,000' in line 7"),
        (change(loss=""), (), 'column "loss" is empty or not a number in line 7; remove or mend'),
        (change(loss=0), (), 'column "loss" is 0 in line 7; it must be positive'),
        (change(flop=-2), (), 'column "flop" is -2 in line 7; it must be positive'),
        (change(flop="inf"), (), 'column "flop" is inf in line 7; remove or mend'),
        (change(w=0), ("--weights", "w"), 'column "w" is 0 in line 7'),
        (change(sx=0), ("--x-sd", "sx", "--y-sd", "sx"), None),
        (change(run=""), GROUPED, 'column "run" is empty in line 7; each record needs one'),
        (change(year="late"), ("--covariate", "year"), "but is 'late' in line 7"),
        (
            lambda: runs().assign(run="a").to_csv(),
            GROUPED,
            "1 group(s), at least 3 are needed: add",
        ),
        (lambda: runs().assign(flop=1e20).to_csv(), (), '"flop" is the same in all records; add'),
        (lambda: runs().assign(loss=1.5).to_csv(), (), '"loss" is the same in all records; add'),
        (lambda: runs()[:3].to_csv(), (), "3 record(s), at least 4 are needed"),
        (lambda: "flop,loss\n1,2,3\n2,3,4\n", (), "rows have more cells than the header"),
        (lambda: "flop,loss\n1,2\n2,3,4\n", (), ":3: 3 cells, but rows above have 2; quote"),
    ],
)
def test_mistakes_are_named_with_file_line_and_remedy(fit, tmp_path, text, options, message):
    path = tmp_path / "mine.csv"
    content = text()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, err = fit(path, *options)
    if message is None:
        # Only York's line needs that column.
        assert status == 0
        assert 'not fitted: column "sx" is 0 in line 7; it must be positive' in out
        return
    assert (status, out) == (1, "")
    assert err.startswith(f"scalelaw stopped:\n{path}:")
    assert message in err
    assert "Traceback" not in err


def test_files_that_cannot_be_read_are_named(fit, tmp_path):
    status, _, err = fit(tmp_path / "none.csv")
    assert status == 2
    assert f"{tmp_path / 'none.csv'}: cannot be read (No such file or directory)" in err
    status, _, err = fit(tmp_path)
    assert status == 2
    assert "cannot be read (Is a directory); check the path" in err
    for name in ("runs.zip", "runs.csv.gz", "runs.csv.xz"):
        (tmp_path / name).write_text("flop,loss\nhigh,low\n")
        assert fit(tmp_path / name)[0] == 1


def test_lines_are_counted_as_an_editor_does(fit, tmp_path):
    rows = runs(12).to_csv(index=False).splitlines()
    bad = rows[9].split(",")
    bad[0] = "-5"
    path = tmp_path / "blank.csv"
    # Blank lines, one of spaces, and a cell that spans two lines.
    cut = rows[3].replace(rows[3].split(",")[2], '"r\n3"')
    path.write_text("\n".join([*rows[:3], "", cut, "  ", *rows[4:9], ",".join(bad)]) + "\n\n")
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.startswith("-5"))
    assert f'column "flop" is -5 in line {number}; ' in fit(path)[2]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*rows[:9], ",".join(bad)]).encode())
    assert "is -5 in line 10; " in fit(path)[2]


def test_a_comma_at_the_end_of_each_row_moves_nothing(fit, tmp_path, file):
    path = tmp_path / "comma.csv"
    head, *rows = file.read_text().splitlines()
    path.write_text("\n".join([head, *(f"{row}," for row in rows)]))
    assert answer(fit, path)["fits"] == answer(fit, file)["fits"]


def test_groups_are_taken_as_text(fit, tmp_path):
    path = tmp_path / "labels.csv"
    names = np.array(["1", "01", "1.0", "12345678901234567890", "12345678901234567891"])
    runs(20).assign(run=np.tile(names, 4)).to_csv(path, index=False)
    assert '20 records in 5 groups of "run"' in fit(path, *GROUPED)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--level", 1), "--level 1.0 is out of range: it must lie between 0 and 1, such as 0.95"),
        (("--level", 0), "--level 0.0 is out of range"),
        (("--estimator", "pinball", "--tau", 1), "--tau 1.0 is out of range"),
        (("--estimator", "huber", "--delta", 0), "--delta 0.0 is out of range"),
        (("--estimator", "huber", "--delta", "nan"), "--delta nan is out of range"),
        (("--replicates", -1), "--replicates -1 is out of range"),
        (("--seed", -1), "--seed -1 is out of range"),
        (("--level", 95), "--level 95.0 is out of range: it must lie between 0 and 1"),
        (("--y", "flop"), "one column is named twice"),
        (("--covariate", "flop"), "one column is named twice"),
        (("--tau", 0.1), "--tau is for --estimator pinball, not lsq"),
        (("--delta", 0.1), "--delta is for --estimator huber, not lsq"),
        (("--target", -1), "--target -1.0 is out of range"),
        (("--target", "nan"), "--target nan is out of range"),
        (("--target", "inf"), "--target inf is out of range"),
        (("--x-sd", -1, "--y-sd", 1), "--x-sd -1.0 is out of range"),
        (("--x-sd", 0.1), "York's line needs both standard deviations"),
        (("--x-sd", 0.1, "--y-sd", 0.1, "--form", "exponential"), "are for the power law"),
        (("--x-sd", 0.1, "--y-sd", 0.1, "--estimator", "lad"), "are for the power law"),
        (("--effects", "lab", "--estimator", "huber"), "effects are fitted by least squares only"),
        (("--covariate", "year", "--target", 1.5), "depends on the covariates"),
        (("--covariate", "year", "--form", "floor"), "covariates and effects are for the power"),
        (("--effects", "lab", "--form", "broken"), "covariates and effects are for the power"),
    ],
    ids=str,
)
def test_bad_options_are_refused_in_words(fit, file, options, message):
    status, out, err = fit(file, *options)
    assert (status, out) == (2, "")
    assert err.startswith("scalelaw stopped:\n")
    assert message in err


@pytest.mark.parametrize(
    "options", [("--form", "cubic"), ("--estimator", "l3"), ("--level", "high"), ("--frobnicate",)]
)
def test_usage_errors_have_status_2(fit, file, options, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit(file, *options)
    assert stopped.value.code == 2
    assert "usage: scalelaw" in capsys.readouterr().err


def test_intervals_of_robust_lines_without_a_bootstrap_are_said_to_be_missing(fit, file):
    status, out, err = fit(file, "--estimator", "lad", "--replicates", 0)
    assert (status, err) == (0, "")
    assert "intervals of this loss come from the bootstrap: set replicates" in out
