"""Write the HTML report."""

from pathlib import Path

from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.provenance import file_hash, versions
from scalelaw.report import render_report
from scalelaw.report.render import read_citation
from scalelaw.tables import read_records, read_result


def write_report(
    *,
    records: Path,
    excluded: Path,
    problems: Path,
    waived: Path,
    exponents: Path,
    left_out: Path,
    sensitivity: Path,
    pair_table: Path,
    trend_table: Path,
    figures: list[Path],
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
    exponents, left_out, sensitivity, pair_table, trend_table : path
        Tables of ``fit_power_laws`` and ``decompose_compute``.
    figures : list of path
        SVG figures.
    benchmark_files, sources : list of path
        Input files, whose hashes are shown.
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
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(
        render_report(
            records=read_records(records),
            excluded=read_result(excluded),
            problems=read_result(problems),
            waived=read_result(waived),
            exponents=read_result(exponents),
            left_out=read_result(left_out),
            sensitivity=read_result(sensitivity),
            pairs=read_result(pair_table),
            trends=read_result(trend_table),
            figures=order,
            benchmarks={key: defined[key] for key in benchmarks},
            settings={
                "basis": basis,
                "level": level,
                "replicates": replicates,
                "min_papers": min_papers,
                "seed": seed,
            },
            inputs={path.as_posix(): file_hash(path) for path in [*sources, *benchmark_files]},
            versions=versions(),
            citation=read_citation(citation),
        ),
        encoding="utf-8",
    )
    return f"{html}: {html.stat().st_size / 1e6:.1f} MB"
