"""Check the corpus and derive error and compute of each record."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

from scalelaw.corpus import load_corpus
from scalelaw.corpus.problems import describe
from scalelaw.corpus.records import Selection
from scalelaw.errors import ConfigError, did_you_mean
from scalelaw.tables import write_parquet, write_table


def check_corpus(
    *,
    papers: list[Path],
    hardware: list[Path],
    benchmarks: list[Path],
    analyse: list[str],
    bases: list[str],
    exclude_scopes: list[str],
    records: Path,
    parquet: Path,
    excluded: Path,
    problems: Path,
    waived: Path,
    today: str | None = None,
) -> str:
    """Write the checked records, those that no fit uses and why, and the warnings.

    Parameters
    ----------
    papers, hardware, benchmarks : list of path
        Corpus files, each kind merged.
    analyse : list of str
        Benchmarks that later steps analyse; each must be defined.
    bases : list of str
        Bases of compute that later steps fit.
    exclude_scopes : list of str
        Compute scopes that keep a record out of fits.
    records, excluded, problems, waived : path
        CSV files to write; the last holds the warnings that their rows waive, with the reason.
    parquet : path
        The records once more, with types, for other tools.
    today : str, optional
        Date after which a record counts as future, YYYY-MM-DD.
    """
    import pandas as pd

    corpus = load_corpus(
        papers,
        hardware,
        benchmarks,
        Selection(tuple(analyse), tuple(bases), tuple(exclude_scopes)),
        date.fromisoformat(today) if today else None,
    )
    for benchmark in analyse:
        if benchmark not in corpus.benchmarks:
            known = sorted(corpus.benchmarks)
            near = did_you_mean(benchmark, known) or f"defined are {', '.join(known)}"
            raise ConfigError(f'benchmarks: "{benchmark}" is not defined ({near})')
    frame = corpus.records
    write_table(frame, records)
    write_parquet(frame, parquet)
    columns = ["record_id", "benchmark", "paper", "model", "file", "line", "excluded"]
    write_table(frame.loc[frame["excluded"] != "", columns], excluded)
    fields = ["file", "line", "column", "severity", "check", "message", "remedy"]
    for found, path in ((corpus.problems, problems), (corpus.waived, waived)):
        write_table(pd.DataFrame([asdict(p) for p in found], columns=fields), path)
    used = (frame["excluded"] == "").sum()
    return f"{describe(corpus.problems)}\n{len(frame)} records, {used} enter fits"
