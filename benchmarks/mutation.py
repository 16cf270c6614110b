"""Change a random sample of the library's expressions, and count the changes that tests notice.

Needs mutmut 3 beside the dependencies, and Linux or macOS:
``./run exec uv pip install mutmut==3.8.1; ./run exec python benchmarks/mutation.py [MUTANTS]``
draws so many mutants of each room (100 if not said), with a seed, from those that mutmut makes of
the lines that tests reach, and runs the tests that reach each of them. Messages of errors are left
as they are. Prints a Markdown table, and below it what survived. The checkout is copied.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline import LEAVE_OUT, ROOT
from statsmodels.stats.proportion import proportion_confint

ROOMS = {
    "fit": ["src/scalelaw/fit/*"],
    "compute": ["src/scalelaw/compute.py"],
    "corpus": ["src/scalelaw/corpus/*"],
}
SEED = 2026
MUTANTS = 100
TESTS = """
    add allocation broken checks compare compute corpus covariance curves decompose design fit
    fit_csv fit_result floored importers isoflop joint line_law linear moments newton profile
    properties resample robust scale sigmoid surface
"""
"""The tests of these rooms that start no processes."""

UNNOTICED = {0, 5, 33}
"""Exit statuses of mutants that survive or that no test reaches."""

SELECTED = [f"tests/unit/test_{name}.py" for name in TESTS.split()]
SETTINGS = f"""
[tool.mutmut]
source_paths = ["src/"]
only_mutate = {json.dumps([path for paths in ROOMS.values() for path in paths])}
also_copy = {json.dumps(["data", "config", "workflow", "docs", "benchmarks", "profiles"])}
pytest_add_cli_args_test_selection = {json.dumps(SELECTED)}
do_not_mutate_patterns = ["raise ", "warn", "Error\\\\("]
"""


def mutmut(folder: Path, *names: str) -> None:
    """Run these mutants."""
    subprocess.run([sys.executable, "-m", "mutmut", "run", *names], cwd=folder, check=True)


def results(folder: Path) -> dict[str, int | None]:
    """Return the exit status of the tests for each mutant, None where they were not run."""
    found: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def room_of(name: str) -> str:
    """Return the room of a mutant such as ``scalelaw.fit.linear.x_solve__mutmut_1``."""
    return name.split(".")[1]


def line(room: str, ended: Sequence[int | None]) -> str:
    """Return a row of the table."""
    killed = sum(status not in UNNOTICED for status in ended)
    low, high = proportion_confint(killed, len(ended), method="wilson")
    return (
        f"| {room} | {len(ended)} | {killed} | {len(ended) - killed} | "
        f"{100 * killed / len(ended):.0f} ({100 * low:.0f} to {100 * high:.0f}) |"
    )


def main() -> None:
    """Draw, run and print."""
    each = int(sys.argv[1]) if len(sys.argv) > 1 else MUTANTS
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "checkout")
        shutil.copytree(ROOT, folder, ignore=LEAVE_OUT)
        with (folder / "pyproject.toml").open("a", encoding="utf-8") as handle:
            handle.write(SETTINGS)
        mutmut(folder, "scalelaw.compute.*")
        chance = random.Random(SEED)
        drawn: list[str] = []
        for room in ROOMS:
            names = [name for name in results(folder) if room_of(name) == room]
            drawn += chance.sample(names, min(each, len(names)))
        mutmut(folder, *drawn)
        ended = results(folder)
        print("| room | mutants | noticed | not noticed | noticed, of 100 |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for room in ROOMS:
            print(line(room, [ended[name] for name in drawn if room_of(name) == room]))
        for name in drawn:
            if ended[name] in UNNOTICED:
                shown = subprocess.run(
                    [sys.executable, "-m", "mutmut", "show", name],
                    cwd=folder, capture_output=True, text=True, check=True,
                ).stdout  # fmt: skip
                print(f"\n{name}\n{shown}")


if __name__ == "__main__":
    main()
