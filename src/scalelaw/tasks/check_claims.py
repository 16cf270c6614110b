"""Hold published claims against our results."""

from pathlib import Path
from typing import Any

import pandas as pd

from scalelaw.claims import QUANTITIES, Results, decide, overall, read_claims
from scalelaw.corpus.benchmarks import read_benchmarks
from scalelaw.cost import read_cost_tables
from scalelaw.tables import read_records, read_result, write_table


def check_claims(
    *,
    claims: Path,
    records: Path,
    exponents: Path,
    sensitivity: Path,
    curves: Path,
    pairs: Path,
    trends: Path,
    gains: Path,
    hardware_trends: Path,
    efficiency: Path,
    projections: Path,
    theory_exponents: Path,
    overtaking: Path,
    benchmark_files: list[Path],
    hardware: list[Path],
    prices: Path,
    grid: Path,
    constants: Path,
    basis: str,
    level: float,
    seed: int,
    ledger: Path,
    answers: Path,
) -> str:
    """Write the ledger of claims with verdicts, and every answer behind them.

    Parameters
    ----------
    claims : path
        ``claims.yaml``.
    records, exponents, sensitivity, curves, pairs, trends, gains, hardware_trends, efficiency, \
projections, theory_exponents, overtaking : path
        Result tables that answer them.
    benchmark_files, hardware, prices, grid, constants : path
        Input files that answer them.
    basis, level, seed
        Settings of the run.
    ledger, answers : path
        CSV files to write: one row for each claim, and for each choice under which it is answered.
    """
    tables = {
        "exponents": exponents, "sensitivity": sensitivity, "curves": curves, "pairs": pairs,
        "trends": trends, "gains": gains, "hardware_trends": hardware_trends,
        "efficiency": efficiency, "projections": projections,
        "theory_exponents": theory_exponents, "overtaking": overtaking,
    }  # fmt: skip
    benchmarks = read_benchmarks(benchmark_files)
    stated = read_claims(claims, QUANTITIES, benchmarks)
    results = Results(
        {"records": read_records(records), **{k: read_result(v) for k, v in tables.items()}},
        benchmarks,
        read_cost_tables(hardware, prices, grid, constants),
        basis,
        level,
        seed,
    )
    rows: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for claim in stated:
        answered = list(QUANTITIES[claim.quantity](results, **claim.of))
        verdict, why = overall(claim, answered)
        figures = [a for a in answered if not a.refused]
        first = figures[0] if figures else None
        low, high = claim.band
        rows.append(
            {
                "claim_id": claim.key,
                "group": claim.group,
                "claim": claim.claim,
                "date": claim.date,
                "relation": claim.relation,
                "figure": claim.figure,
                "tolerance": claim.tolerance,
                "agrees_from": low,
                "agrees_to": high,
                "unit": claim.unit,
                "value": first.value if first else None,
                "lower": first.lower if first else None,
                "upper": first.upper if first else None,
                "choice": first.choice if first else "",
                "how": first.how if first else "",
                "verdict": verdict,
                "why": why,
                "evidence": claim.evidence,
                "note": claim.note,
                "source": claim.source,
                "url": claim.url,
            }
        )
        for answer in answered:
            found.append(
                {
                    "claim_id": claim.key,
                    "choice": answer.choice,
                    "value": answer.value,
                    "lower": answer.lower,
                    "upper": answer.upper,
                    "verdict": decide(claim, answer),
                    "how": answer.how,
                    "refused": answer.refused,
                }
            )
    frame = pd.DataFrame(rows)
    write_table(frame, ledger)
    columns = ["claim_id", "choice", "value", "lower", "upper", "verdict", "how", "refused"]
    write_table(pd.DataFrame(found, columns=columns), answers)
    counts = frame["verdict"].value_counts()
    return ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
