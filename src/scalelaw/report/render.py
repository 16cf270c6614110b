"""Gather result files into the report's template."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.report import summaries, words
from scalelaw.report.charts import Charts
from scalelaw.report.summaries import Shown, rows_of, shown_of
from scalelaw.typography import fixed, fixed_interval, interval, number

_FOLDER = Path(__file__).parent
_OWN = ("arrays.js", "calculator.js", "charts.js", "explorer.js")


def render_report(
    *,
    records: pd.DataFrame,
    tables: summaries.Tables,
    explorer: Mapping[str, Any],
    calculator: Mapping[str, Any],
    charts: Charts,
    figures: Sequence[Path],
    benchmarks: Mapping[str, Benchmark],
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    versions: Mapping[str, str],
    citation: Mapping[str, Any],
) -> str:
    """Return the report as one HTML document that needs nothing else.

    Parameters
    ----------
    records : pandas.DataFrame
        Records of the corpus.
    tables : mapping of str to DataFrame
        Every other result table by the name of its argument of the task ``write_report``.
    explorer : mapping
        Data of :func:`scalelaw.report.explorer.explorer_data`.
    calculator : mapping
        Data of :func:`scalelaw.report.calculator.calculator_data`.
    charts : Charts
        Of :func:`scalelaw.report.charts.build_charts`.
    figures : sequence of Path
        Files of figures, which are named in this order.
    benchmarks : mapping of str to Benchmark
        Benchmarks shown, in order.
    settings : mapping
        ``basis``, ``level``, ``replicates``, ``min_papers`` and ``seed`` of the run.
    inputs : mapping of str to str
        SHA-256 of each input file.
    versions : mapping of str to str
        Versions of libraries.
    citation : mapping
        Content of ``CITATION.cff``.
    """
    environment = Environment(
        loader=PackageLoader("scalelaw.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = (words.percent, words.p_value, words.bound, words.bounds, words.plain, words.spoken)
    for show in (number, interval, fixed, fixed_interval, *shown):
        environment.filters[show.__name__] = show
    basis = settings["basis"]
    exponents, excluded = tables["exponents"], tables["excluded"]
    headline = exponents[exponents["basis"] == basis]
    template = environment.get_template("report.html.j2")
    scripts = page_scripts()
    return template.render(
        benchmarks=benchmarks,
        settings=settings,
        data=_data_summary(records, benchmarks),
        years=_cross(records, benchmarks, _calendar_year(records)),
        confidence=_cross(records, benchmarks, records["confidence"]),
        costs=summaries.costs_summary(tables, benchmarks),
        claims=summaries.claims_summary(tables),
        gains=summaries.gains_summary(tables, benchmarks, records),
        backtest=summaries.backtest_summary(tables, benchmarks),
        multiverse=summaries.multiverse_summary(tables, benchmarks),
        explorer=explorer,
        calculator=calculator,
        theory=summaries.theory_summary(tables),
        changes=summaries.changes_summary(tables),
        headline=rows_of(headline),
        lead=_lead(headline, benchmarks),
        others=rows_of(exponents[exponents["basis"] != basis]),
        sensitivity=rows_of(tables["sensitivity"]),
        influence=_influence(tables["left_out"], basis),
        figures=[path.name for path in figures],
        charts=charts,
        scripts=scripts,
        hashes=Markup(" ".join(map(_hash, scripts.values()))),
        pairs=_pairs(tables["pairs"], records),
        trends=rows_of(tables["trends"]),
        problems=shown_of(tables["problems"]),
        waived=shown_of(tables["waived"]),
        excluded=shown_of(excluded),
        excluded_by_reason=_count(excluded, "excluded"),
        scopes=_count(records[records["excluded"] == ""], "compute_scope"),
        confidences=_count(records[records["excluded"] == ""], "confidence"),
        precisions=_count(_in_fits(records, "hardware"), "peak_precision"),
        defaults=int((_in_fits(records, "hardware")["peak_precision_basis"] == "default").sum()),
        inputs=inputs,
        versions=versions,
        citation=citation,
        authors=", ".join(_author(a) for a in citation["authors"]),
        words=words,
    )


def page_scripts() -> dict[str, Markup]:
    """Return the scripts of the page: its own by file name, and ``vega``, which draws charts."""
    from vl_convert import javascript_bundle

    own = {name: _FOLDER.joinpath(name).read_text(encoding="utf-8") for name in _OWN}
    vega = javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return {name: Markup(script) for name, script in (own | {"vega": vega}).items()}


def _hash(script: str) -> str:
    """Return a source of a content security policy that allows this script and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def read_citation(path: Path) -> dict[str, Any]:
    """Read ``CITATION.cff``."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _calendar_year(records: pd.DataFrame) -> pd.Series:
    return records["date"].str[:4]


def _cross(
    records: pd.DataFrame, benchmarks: Mapping[str, Benchmark], by: pd.Series
) -> dict[str, Any]:
    """Count the records in fits by benchmark and another property."""
    used = records["excluded"] == ""
    counts = pd.crosstab(records["benchmark"][used], by[used])
    columns = [str(column) for column in sorted(counts.columns)]
    rows = [
        (benchmark.name, [int(n) for n in counts.loc[key, columns]])
        for key, benchmark in benchmarks.items()
        if key in counts.index
    ]
    return {"columns": columns, "rows": rows}


def _in_fits(records: pd.DataFrame, basis: str) -> pd.DataFrame:
    return records[(records["excluded"] == "") & records[f"flop_{basis}"].notna()]


def _count(frame: pd.DataFrame, column: str) -> list[tuple[str, int]]:
    counts = frame[column].value_counts()
    return sorted(((str(k), int(n)) for k, n in counts.items()), key=lambda kn: (-kn[1], kn[0]))


def _data_summary(
    records: pd.DataFrame, benchmarks: Mapping[str, Benchmark]
) -> list[dict[str, Any]]:
    rows = []
    for key, benchmark in benchmarks.items():
        mine = records[records["benchmark"] == key]
        used = mine[mine["excluded"] == ""]
        label, scale = benchmark.shown_error()
        rows.append(
            {
                "name": benchmark.name,
                "error_label": label,
                "records": len(mine),
                "with_compute": int(mine["flop_best"].notna().sum()),
                "used": len(used),
                "papers": used["paper"].nunique(),
                "by_basis": [int(used[f"flop_{b}"].notna().sum())
                             for b in ("hardware", "operations", "reported")],
                "years": f"{int(used['year'].min())} to {int(used['year'].max())}"
                if len(used) else "–",
                "lowest": scale * used["error"].min() if len(used) else float("nan"),
                "unit": "%" if scale == 100 and len(used) else "",
            }
        )  # fmt: skip
    return rows


def _lead(headline: pd.DataFrame, benchmarks: Mapping[str, Benchmark]) -> dict[str, Any] | None:
    """Return the fit that the first sentence tells: the first benchmark that has one."""
    fitted = headline[headline["status"] == "fitted"]
    for key, benchmark in benchmarks.items():
        mine = fitted[fitted["benchmark"] == key].set_index("direction")
        if len(mine):
            first = mine.loc["compute_on_error"].to_dict()
            return {
                **first,
                "name": benchmark.name,
                "error_label": benchmark.error_label,
                "turned": mine["exponent"].get("error_on_compute"),
                "york": mine["exponent"].get("york"),
            }
    return None


MOST_LEFT_OUT = 100
"""Papers of a benchmark whose leaving out is shown: those at both ends, which decide."""


def _influence(left_out: pd.DataFrame, basis: str) -> Shown:
    mine = left_out[(left_out["basis"] == basis) & (left_out["direction"] == "compute_on_error")]
    ordered = mine.sort_values(["benchmark", "exponent"], kind="stable")
    papers = ordered.groupby("benchmark", sort=False)
    half = MOST_LEFT_OUT // 2
    at_end = (papers.cumcount() < half) | (papers.cumcount(ascending=False) < half)
    return Shown(rows_of(ordered[at_end]), len(ordered))


def _pairs(pairs: pd.DataFrame, records: pd.DataFrame) -> list[dict[str, Any]]:
    by_id = records.set_index("record_id")
    found = []
    for (before, after), table in pairs.groupby(["before", "after"], sort=False):
        parts = table.set_index("component")
        found.append(
            {
                "before": by_id.loc[before].to_dict(),
                "after": by_id.loc[after].to_dict(),
                "ratio": parts["ratio"].to_dict(),
                "share": parts["share"].to_dict(),
            }
        )
    return found


def _author(entry: Mapping[str, str]) -> str:
    return entry.get("name") or f"{entry['family-names']}, {entry['given-names']}"
