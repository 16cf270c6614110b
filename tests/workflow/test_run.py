"""The workflow as its users meet it: a run, a second one, and one after each kind of change."""

import re
import shlex

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scalelaw.cli import main
from scalelaw.fit import LineResult
from scalelaw.fit.curves import DIRECTIONS
from scalelaw.manifest import Differences, Manifest, verify
from scalelaw.provenance import file_hash
from scalelaw.tables import read_records, read_result

OF_RECORDS = {
    "check_corpus",
    "fit_power_laws",
    "decompose_compute",
    "decompose_gains",
    "fit_trends",
    "fit_curves",
    "backtest_forecasts",
    "project_costs",
    "check_claims",
    "fit_multiverse",
    "gather_multiverse",
    "compare_runs",
    "draw_figures",
    "write_report",
    "write_manifest",
}
"""Rules that depend on the corpus."""

EVERYTHING = OF_RECORDS | {"simulate_theory"}
OF_FITS = OF_RECORDS - {"check_corpus", "fit_trends"}
LAST = {"draw_figures", "write_report", "write_manifest"}
REPORT = {"write_report", "write_manifest"}
OF_CLAIMS = {"check_claims", "gather_multiverse", *LAST}
OF_CHUNKS = {"fit_multiverse"}
"""Rules of several jobs, whose logs lie in a folder of their own."""


def rows_of(project, name):
    return read_result(project.path / "results" / name)


def test_the_report_of_a_first_run_says_that_there_is_nothing_to_compare(finished):
    report = (finished.path / "results/report.html").read_text(encoding="utf-8")
    assert "This is the first run in this folder." in report
    assert "Compared with the last run in this folder" not in report


def test_the_planted_exponent_comes_out(finished):
    table = rows_of(finished, "fits/exponents.csv")
    table = table[(table["benchmark"] == "imagenet") & (table["basis"] == "hardware")]
    assert table["exponent"].tolist() == pytest.approx([8.0] * 3, abs=1e-9)
    assert table["n_records"].tolist() == [16.0] * 3
    assert table["n_papers"].tolist() == [8.0] * 3
    for direction in DIRECTIONS:
        path = finished.path / f"results/fits/models/imagenet.hardware.{direction}.json"
        stored = LineResult.from_json(path.read_text())
        assert (
            stored.cost_exponent().value == table.set_index("direction").loc[direction, "exponent"]
        )


def test_a_corpus_too_small_for_any_fit_gets_its_report(project):
    def only_other(text):
        settings = yaml.safe_load(text) | {"benchmarks": ["other"], "decompose": {"pairs": []}}
        return yaml.safe_dump(settings)

    project.edit("config/local.yaml", only_other)
    done = project.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout
    report = (project.path / "results/report.html").read_text(encoding="utf-8")
    assert "No benchmark has enough papers to project from." in report
    for undefined in ("None", "nan", "NaN"):
        assert f">{undefined}<" not in report


def test_too_few_papers_are_reported_not_fitted(finished):
    table = rows_of(finished, "fits/exponents.csv")
    other = table[(table["benchmark"] == "other") & (table["basis"] == "hardware")]
    assert set(other["status"]) == {"not fitted: 4 paper(s) with compute, at least 5 are needed"}
    assert other["exponent"].isna().all()
    assert not list(finished.path.glob("results/fits/models/other.*"))
    assert "4 paper(s) with compute" in (finished.path / "results/report.html").read_text()


def test_a_corpus_of_the_users_own_is_merged(finished):
    records = read_records(finished.path / "results/corpus/records.csv")
    assert records.groupby("file").size().to_dict() == {"data/mine.csv": 10, "data/papers.csv": 16}


def test_parts_of_the_decomposition_add_up_in_the_tables(finished):
    pair = rows_of(finished, "decomposition/pairs.csv").set_index("component")["ratio"]
    product = pair["peak_rate"] * pair["devices"] * pair["hours"]
    assert product == pytest.approx(pair["total"], rel=1e-9)
    assert pair["total"] == pytest.approx((0.92**-15) ** 8, rel=1e-9)
    trends = rows_of(finished, "decomposition/trends.csv")
    fitted = trends[trends["status"] == "fitted"]
    for _, part in fitted.groupby(["benchmark", "regressor", "rates"]):
        slope = part.set_index("component")["slope"]
        assert slope["hardware"] + slope["scale"] == pytest.approx(slope["total"], abs=1e-9)


def test_figures_come_in_three_formats(finished):
    found = {p.suffix for p in finished.path.glob("results/figures/compute_error_imagenet.*")}
    assert found == {".svg", ".png", ".pdf"}
    assert len(list(finished.path.glob("results/figures/*"))) == 3 * 14


def test_the_report_is_one_file_that_needs_no_network(finished):
    html = (finished.path / "results/report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    page = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(src|srcset)=|<(link|iframe)|@import", page)
    scripts = {"afford-data", "explorer-data", "charts-data"}
    assert set(re.findall(r'<script type="application/json" id="([^"]*)">', html)) == scripts
    assert "8.0" in html
    assert file_hash(finished.path / "data/papers.csv") in html
    assert "undefined" not in page.lower()


def test_the_manifest_lists_every_result_as_it_is(finished):
    found = verify(finished.path / "results", finished.path)
    assert found == Differences()
    listed = Manifest.read(finished.path / "results")
    assert listed.outputs == {n: h for n, h in finished.hashes().items() if n != "manifest.json"}
    assert "data/mine.csv" in listed.inputs
    assert listed.settings["cost"]["device"] == "V100"


def test_logs_start_with_the_equivalent_command(finished):
    logs = list((finished.path / "results/logs").rglob("*.log"))
    assert len(logs) > len(EVERYTHING)
    for path in logs:
        rule = path.parent.name if path.parent.name in OF_CHUNKS else path.stem
        log = path.read_text()
        assert log.startswith(f"$ scalelaw task {rule.replace('_', '-')} --")


def test_a_second_run_does_nothing_and_says_so(finished):
    again = finished.snakemake()
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_one_added_row_redoes_what_depends_on_it(project):
    before = project.hashes()
    project.edit(
        "data/papers.csv",
        lambda text: text + text.splitlines()[-1].replace("planted-15", "planted-16") + "\n",
    )
    assert project.planned() == OF_RECORDS
    assert project.snakemake().returncode == 0
    after = project.hashes()
    changed = {name for name in before if before[name] != after[name]}
    assert {"corpus/records.csv", "fits/exponents.csv", "report.html"} <= changed
    assert "fits/models/imagenet.hardware.york.json" in changed
    # Nothing of the other benchmark moved.
    assert not any("other" in name for name in changed)
    told = rows_of(project, "changes/records.csv")
    assert told[["change", "record_id"]].to_numpy().tolist() == [["added", "planted-16"]]
    report = (project.path / "results/report.html").read_text(encoding="utf-8")
    assert "planted-16" in report.split('id="changes"')[1].split("</section>")[0]
    assert project.planned() == set()


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ("src/scalelaw/corpus/checks/rows.py", OF_RECORDS),
        ("src/scalelaw/fit/linear.py", EVERYTHING - {"check_corpus", "simulate_theory"}),
        # A law that the pipeline does not fit.
        ("src/scalelaw/fit/joint.py", set()),
        ("src/scalelaw/cost/chain.py", {"project_costs", *OF_CLAIMS}),
        ("src/scalelaw/claims/ledger.py", OF_CLAIMS),
        ("src/scalelaw/multiverse/summary.py", {"gather_multiverse", *LAST}),
        ("data/claims.yaml", OF_CLAIMS),
        ("data/prices.csv", {"project_costs", "check_claims", *LAST}),
        ("src/scalelaw/plotting/figures.py", LAST),
        ("src/scalelaw/report/words.py", REPORT),
        ("src/scalelaw/report/sections/claims.html.j2", REPORT),
        ("src/scalelaw/report/explorer.js", REPORT),
        ("src/scalelaw/report/calculator.js", REPORT),
        ("src/scalelaw/__init__.py", REPORT),
        ("src/scalelaw/tasks/__init__.py", EVERYTHING),
        ("src/scalelaw/cli/__init__.py", set()),
        ("CITATION.cff", REPORT),
    ],
)
def test_an_edit_reruns_what_uses_it(project, edited, expected):
    project.edit(edited, lambda text: text + "\n# edited\n")
    assert project.planned() == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("seed: 1", OF_FITS | {"simulate_theory"}),
        ("multiverse: {chunks: 3}", {"fit_multiverse", "gather_multiverse", *LAST}),
        ("decompose: {pairs: []}", {"decompose_compute", "decompose_gains", "check_claims", *LAST}),
        (
            "headline_basis: best",
            {"fit_curves", "backtest_forecasts", "project_costs", "check_claims", *LAST},
        ),
    ],
)
def test_a_changed_setting_reruns_what_uses_it(project, change, expected):
    overlay = yaml.safe_load((project.path / "config/local.yaml").read_text())
    for key, value in yaml.safe_load(change).items():
        overlay[key] = {**overlay.get(key, {}), **value} if isinstance(value, dict) else value
    project.edit("config/local.yaml", lambda _: yaml.safe_dump(overlay))
    assert project.planned() == expected


def test_jobs_use_the_library_of_the_checkout(project):
    project.edit("src/scalelaw/report/report.css", lambda text: text + "/* of this checkout */\n")
    assert project.snakemake().returncode == 0
    assert "of this checkout" in (project.path / "results/report.html").read_text()


def test_a_broken_row_stops_the_run_with_its_place_and_no_traceback(project):
    project.edit(
        "data/mine.csv",
        lambda text: text + text.splitlines()[-1].replace("GTX 580", "GTX 850") + "\n",
    )
    run = project.snakemake()
    assert run.returncode != 0
    assert 'data/mine.csv:12: hardware: error: unknown hardware "GTX 850"' in run.stdout
    assert 'data/mine.csv:12: record_id: error: "other-9" is already used' in run.stdout
    assert "Traceback" not in run.stdout
    assert (project.path / "results/fits/exponents.csv").is_file()
    log = (project.path / "results/logs/check_corpus.log").read_text()
    assert "2 error(s), 1 warning(s)" in log


NEWER = "device-newer-than-result"
NASTY = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def doubtful(finished, tmp_path_factory):
    """Return a project whose own records give warnings, half of them waived, and hold markup."""
    project = finished.copy(tmp_path_factory.mktemp("doubtful") / "copy")

    def spoil(text):
        header, *rows = text.replace("GTX 580", "V100").splitlines()
        width = header.count(",")
        for i in range(0, len(rows), 2):
            row = rows[i].rstrip(",")
            rows[i] = row + "," * (width - row.count(",")) + f"{NEWER}: a test of the waiver"
        # A record of this scope enters no fit, and the report lists it with its model.
        rows = [
            row.replace("Detector 3", NASTY).replace(",total,", ",search,")
            if "Detector 3" in row
            else row
            for row in rows
        ]
        return "\n".join([header, *rows]) + "\n"

    project.edit("data/mine.csv", spoil)
    run = project.snakemake()
    assert run.returncode == 0, run.stdout
    return project


def test_warnings_reach_the_table_and_the_report(doubtful):
    problems = rows_of(doubtful, "corpus/problems.csv")
    assert NEWER in set(problems["check"])
    assert NEWER in (doubtful.path / "results/report.html").read_text()


def test_a_waived_warning_moves_to_its_own_table(doubtful):
    waived = rows_of(doubtful, "corpus/waived.csv")
    assert set(waived["remedy"]) == {"a test of the waiver"}
    problems = rows_of(doubtful, "corpus/problems.csv")
    newer = problems[problems["check"] == NEWER]
    assert len(waived) > 0
    assert not set(waived["line"]) & set(newer["line"])
    assert "a test of the waiver" in (doubtful.path / "results/report.html").read_text()


def test_markup_in_the_corpus_is_shown_as_text(doubtful):
    report = (doubtful.path / "results/report.html").read_text()
    assert NASTY not in report
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in report


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("benchmark: [imagenet]", 'benchmark: unknown key (did you mean "benchmarks"?)'),
        ("seed: lucky", "seed: 'lucky' is not of type integer"),
    ],
)
def test_a_mistyped_setting_is_refused(project, setting, expected):
    project.edit("config/local.yaml", lambda text: text + "\n" + setting + "\n")
    run = project.snakemake("--dry-run")
    assert run.returncode != 0
    assert expected in run.stdout
    assert "read from: config/local.yaml" in run.stdout
    assert "Traceback" not in run.stdout


def test_a_benchmark_that_is_in_no_file_is_refused_before_anything_runs(project):
    project.edit("config/local.yaml", lambda text: text.replace("- imagenet\n", "- imagnet\n"))
    run = project.snakemake("--dry-run")
    assert run.returncode != 0
    assert 'benchmarks: no benchmark "imagnet" (did you mean "imagenet"?)' in run.stdout
    assert "Traceback" not in run.stdout


def test_snakemakes_own_report_can_be_built(project):
    run = project.snakemake("--report", "report.html")
    assert run.returncode == 0, run.stdout
    html = (project.path / "report.html").read_text(encoding="utf-8")
    assert "Exponents" in html
    assert "compute error imagenet" in html


def test_captions_name_nothing_undefined(finished):
    folder = finished.path / "workflow/report"
    environment = Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined)
    rules = "".join(path.read_text() for path in finished.path.glob("workflow/rules/*.smk"))
    # Of parameters alone: the configuration is that of another workflow where this is its module.
    params = {
        rule: dict(re.findall(r"^ {8}(\w+)=(.*),$", lines, re.MULTILINE))
        for rule, lines in re.findall(
            r"^rule (\w+):$.*?^    params:\n(.*?)^    script:", rules, re.DOTALL | re.MULTILINE
        )
    }
    captions = sorted(folder.glob("*.rst"))
    assert {c.stem for c in captions} == EVERYTHING | {"workflow"} == {*params, "workflow"}
    for caption in captions:
        snakemake = {"params": params.get(caption.stem)}
        text = environment.get_template(caption.name).render(snakemake=snakemake)
        assert len(text.split()) > 8


def test_rules_scripts_logs_and_tasks_share_their_names(finished):
    from scalelaw import tasks

    scripts = {p.stem for p in (finished.path / "workflow/scripts").glob("*.py")}
    logs, measured = (
        {p.stem for p in (finished.path / "results" / folder).iterdir()}
        for folder in ("logs", "benchmarks")
    )
    assert scripts == logs == measured == set(tasks.NAMES) == EVERYTHING


def test_an_input_that_is_gone_is_an_error_even_with_finished_results(project):
    overlay = yaml.safe_load((project.path / "config/local.yaml").read_text())
    overlay["corpus"]["extra"] = ["my/typo.csv"]
    project.edit("config/local.yaml", lambda _: yaml.safe_dump(overlay))
    run = project.snakemake()
    assert run.returncode != 0
    assert '"my/typo.csv", named in the configuration, is not in' in run.stdout
    assert "Traceback" not in run.stdout


def test_settings_that_are_all_comments_are_no_settings(project):
    project.edit("config/local.yaml", lambda _: "# nothing yet\n")
    assert "config" not in project.snakemake("--dry-run").stdout.lower()


def test_every_input_is_in_the_report_by_its_path(finished):
    html = (finished.path / "results/report.html").read_text()
    for name in ("data/papers.csv", "data/mine.csv"):
        assert f"<td>{name}</td><td><code>{file_hash(finished.path / name)}" in html


def test_long_tables_of_the_report_are_cut_and_say_so(project, monkeypatch):
    monkeypatch.chdir(project.path)
    monkeypatch.setattr("scalelaw.report.summaries.MOST_ROWS", 3)
    monkeypatch.setattr("scalelaw.report.render.MOST_LEFT_OUT", 4)
    with (project.path / "results/corpus/excluded.csv").open("a") as table:
        table.writelines(f"x{i},imagenet,p,m,papers.csv,{i},a test of length\n" for i in range(5))
    log = (project.path / "results/logs/write_report.log").read_text()
    assert main(shlex.split(log.splitlines()[0])[2:]) == 0
    html = (project.path / "results/report.html").read_text()
    assert "Records outside the fits (5)" in html
    assert "<li>a test of length: 5</li>" in html
    assert "The first 3 of 5; all stand in <code>corpus/excluded.csv</code>" in html
    section = html[html.index('<section id="excluded">') : html.index('<section id="methods">')]
    assert section.count("<td>x") == 3
    influence = rows_of(project, "fits/leave_one_paper_out.csv")
    mine = influence[
        (influence["basis"] == "hardware") & (influence["direction"] == "compute_on_error")
    ].sort_values("exponent", kind="stable")
    assert f"all {len(mine)}" in html
    shown = [f"<td>{paper}</td>" in html for paper in mine["paper_left_out"]]
    assert shown == [True] * 2 + [False] * (len(mine) - 4) + [True] * 2
