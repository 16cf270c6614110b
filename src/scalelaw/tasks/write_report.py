"""Write the HTML report."""

from pathlib import Path

from scalelaw.claims import QUANTITIES, read_claims
from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.corpus.hardware import read_hardware
from scalelaw.corpus.records import decimal_year
from scalelaw.files import writing
from scalelaw.provenance import file_hash, versions
from scalelaw.report import render_report
from scalelaw.report.calculator import calculator_data
from scalelaw.report.charts import build_charts
from scalelaw.report.explorer import explorer_data
from scalelaw.report.render import read_citation
from scalelaw.tables import read_records, read_result


def write_report(
    *,
    records: Path,
    excluded: Path,
    problems: Path,
    waived: Path,
    exponents: Path,
    fits: Path,
    left_out: Path,
    sensitivity: Path,
    pairs: Path,
    trends: Path,
    projections: Path,
    running: Path,
    claims: Path,
    answers: Path,
    gains: Path,
    gain_pairs: Path,
    hardware_trends: Path,
    efficiency: Path,
    scores: Path,
    scores_by_year: Path,
    published_scores: Path,
    published_dates: Path,
    learning_curves: Path,
    overtaking: Path,
    theory_exponents: Path,
    spread: Path,
    choices: Path,
    options: Path,
    polled: Path,
    exclusions: Path,
    counts: Path,
    changed_records: Path,
    moved_exponents: Path,
    specifications: Path,
    stated: Path,
    curves: Path,
    draws: Path,
    scenario: Path,
    figures: list[Path],
    hardware: list[Path],
    benchmark_files: list[Path],
    sources: list[Path],
    citation: Path,
    benchmarks: list[str],
    basis: str,
    level: float,
    replicates: int,
    min_papers: int,
    seed: int,
    html: Path,
) -> str:
    """Write one HTML file that holds tables, figures and provenance.

    Parameters
    ----------
    records, excluded, problems, waived : path
        Tables of ``check_corpus``.
    exponents, left_out, sensitivity, pairs, trends, projections, running, claims, answers : path
        Tables of fits, decomposition, projections and claims.
    gains, gain_pairs, hardware_trends, efficiency, scores, scores_by_year : path
        Tables of gains, trends and backtest.
    published_scores, published_dates, learning_curves, overtaking, theory_exponents : path
        Tables of published forecasts and of the simulation.
    spread, choices, options, polled, exclusions : path
        Tables of ``gather_multiverse``.
    counts, changed_records, moved_exponents : path
        Tables of ``compare_runs``.
    fits : path
        Folder of stored fits.
    specifications : path
        Its table of all specifications.
    stated : path
        ``claims.yaml``.
    curves, draws, scenario : path
        Tables of ``fit_curves`` and settings of ``project_costs``, for the calculator.
    figures : list of path
        SVG figures, which the report names.
    hardware : list of path
        Tables of devices.
    benchmark_files : list of path
        Files that name the benchmarks.
    sources : list of path
        All input files, whose hashes are shown.
    citation : path
        ``CITATION.cff``.
    benchmarks : list of str
        Benchmarks to show, in order.
    basis, level, replicates, min_papers, seed
        Settings of the run, as shown.
    html : path
        File to write.
    """
    defined = read_benchmarks(benchmark_files)
    order = [path for path in figures if path.stem == "overview"]
    order += [path for path in figures if path not in order]
    tables = {
        "excluded": excluded,
        "problems": problems,
        "waived": waived,
        "exponents": exponents,
        "left_out": left_out,
        "sensitivity": sensitivity,
        "pairs": pairs,
        "trends": trends,
        "projections": projections,
        "running": running,
        "claims": claims,
        "answers": answers,
        "gains": gains,
        "gain_pairs": gain_pairs,
        "hardware_trends": hardware_trends,
        "efficiency": efficiency,
        "scores": scores,
        "scores_by_year": scores_by_year,
        "published_scores": published_scores,
        "published_dates": published_dates,
        "learning_curves": learning_curves,
        "overtaking": overtaking,
        "theory_exponents": theory_exponents,
        "spread": spread,
        "choices": choices,
        "options": options,
        "polled": polled,
        "exclusions": exclusions,
        "counts": counts,
        "changed_records": changed_records,
        "moved_exponents": moved_exponents,
    }
    shown = {key: defined[key] for key in benchmarks}
    corpus = read_records(records, prose=True)
    results = {name: read_result(path) for name, path in tables.items()}
    devices = read_hardware(hardware).table()
    devices = devices.assign(year=devices["release_date"].map(decimal_year))
    text = render_report(
        records=corpus,
        tables=results,
        charts=build_charts(corpus, fits, devices, results, shown, basis, level),
        explorer=explorer_data(specifications, shown, read_claims(stated, QUANTITIES, defined)),
        calculator=calculator_data(curves, draws, scenario, shown),
        figures=order,
        benchmarks=shown,
        settings={
            "basis": basis,
            "level": level,
            "replicates": replicates,
            "min_papers": min_papers,
            "seed": seed,
        },
        inputs={path.as_posix(): file_hash(path) for path in sources},
        versions=versions(),
        citation=read_citation(citation),
    )
    with writing(html) as part:
        part.write_text(text, encoding="utf-8")
    return f"{html}: {html.stat().st_size / 1e6:.1f} MB"
