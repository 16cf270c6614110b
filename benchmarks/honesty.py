"""Long forms of the tests in tests/honesty, as Markdown.

``./run exec python benchmarks/honesty.py [WORLDS [PERMUTATIONS [SPOILED]]]``, by default 600
corpora with planted truth, 20 permutations of all errors, and 100 corpora with unit errors.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "src")]

from honest import (  # noqa: E402
    CORPUS,
    check_corpus,
    compute_claims,
    draw_world,
    exponent_of,
    judge,
    permute_errors,
    recover,
    simulate,
    spoil,
)
from scalelaw import load_corpus  # noqa: E402
from scalelaw.corpus import CorpusError  # noqa: E402
from scalelaw.tables import read_records  # noqa: E402

COUNTS = (600, 20, 100)


def worlds(number: int) -> None:
    """Tell how often intervals hold what was planted."""
    held: Counter[str] = Counter()
    for seed in range(number):
        with tempfile.TemporaryDirectory() as folder:
            held.update(recover(draw_world(Path(folder), seed), seed))
    print("| planted | held, of 100 | corpora |\n| --- | ---: | ---: |")
    for name, count in held.items():
        print(f"| {name} | {100 * count / number:.1f} | {number} |", flush=True)


def permutations(folder: Path, number: int) -> None:
    """Tell what verdicts claims about compute get from shuffled errors."""
    verdicts: Counter[str] = Counter()
    for seed in range(number):
        out = folder / str(seed)
        out.mkdir()
        permute_errors(folder / "records.csv", out / "records.csv", seed)
        ledger = judge(out, out / "records.csv", folder, replicates=100, draws=300)
        verdicts.update(ledger.loc[compute_claims(), "verdict"])
    print(f"\n{number} permutations, {len(compute_claims())} claims about compute:", end=" ")
    print(", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common()), flush=True)


def unit_errors(folder: Path, number: int) -> None:
    """Tell how many corpora with unit errors are flagged, and how many exponents they move."""
    records = read_records(folder / "records.csv")
    _, lower, upper = exponent_of(records)
    rows = flagged = corpora = moved = unnoticed = 0
    for seed in range(number):
        lines = spoil(folder / "papers.csv", seed)
        files = [[CORPUS / "hardware.csv"], [CORPUS / "benchmarks.yaml"]]
        try:
            problems = load_corpus([folder / "papers.csv"], *files).problems
        except CorpusError as refusal:
            problems = refusal.problems
        found = {problem.line for problem in problems} & set(lines.values())
        times = np.where(records["record_id"].isin(list(lines)), 1000.0, 1.0)
        off = exponent_of(records.assign(flop_hardware=records["flop_hardware"] * times))[0]
        rows, flagged, corpora = rows + len(lines), flagged + len(found), corpora + bool(found)
        moved += not lower <= off <= upper
        unnoticed += not found and not lower <= off <= upper
    print(
        f"\n{number} corpora with hours x 1,000 in 1% of the timed rows: {corpora} flagged "
        f"({flagged} of {rows} rows); unflagged, they would move the exponent on ImageNet out of "
        f"its interval in {moved}, and in {unnoticed} without any row flagged"
    )


def main() -> None:
    """Measure and print."""
    given = [int(word) for word in sys.argv[1:]]
    n_worlds, n_permutations, n_spoiled = (*given, *COUNTS[len(given) :])
    worlds(n_worlds)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        check_corpus(folder)
        simulate(folder)
        permutations(folder, n_permutations)
        unit_errors(folder, n_spoiled)


if __name__ == "__main__":
    main()
