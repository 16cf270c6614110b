"""Feed mutated files to the readers of tables, YAML and settings, and report what breaks them.

Run it in an environment that has the development dependencies, on Linux x86_64:
``./run exec python benchmarks/fuzz.py --seconds 600``. It starts from the files of
``tests/hostile/files.py``, lets atheris (libFuzzer) mutate them along the branches that they reach,
and passes if every input ends in records, in problems or in a ScalelawError, and no message holds a
character that a terminal would obey. Exit status: 0 if so; otherwise the input that broke it lies
in the folder given with ``--keep``.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("papers", "hardware", "benchmarks", "costs", "claims", "forecasts", "config", "import")
SECONDS_EACH = 10
"""One input that takes longer counts as a hang."""


def seeds(folder: Path) -> int:
    """Write the hostile files and the project's own YAML, each after the byte of its target."""
    from files import CASES

    count = 0
    for case in CASES:
        made = folder / "made"
        if case.heavy or case.kind == "fit":
            continue
        case.make(made)
        if made.is_file() and not made.is_symlink() and made.stat().st_size < 20_000:
            content = bytes([TARGETS.index(case.kind)]) + made.read_bytes()
            (folder / f"{count:04}").write_bytes(content)
            count += 1
        if made.is_dir():
            made.rmdir()
        else:
            made.unlink(missing_ok=True)
    for name in ("benchmarks", "costs", "claims", "forecasts"):
        content = (ROOT / f"data/{name}.yaml").read_bytes()[:3_000]
        (folder / name).write_bytes(bytes([TARGETS.index(name)]) + content)
        count += 1
    return count


def readers(path: Path) -> list[Callable[[], Any]]:
    """Return a function for each of `TARGETS` that reads the file at a path."""
    import copy
    from datetime import date

    import yaml

    from scalelaw.claims.ledger import read_claims
    from scalelaw.claims.quantities import QUANTITIES
    from scalelaw.config import check_config, read_config
    from scalelaw.corpus.benchmarks import read_benchmarks
    from scalelaw.corpus.checks import Context, make_entry, run_checks
    from scalelaw.corpus.hardware import Hardware
    from scalelaw.corpus.importers import import_epoch, import_timm
    from scalelaw.corpus.problems import FORMATS
    from scalelaw.corpus.records import Selection, _derive
    from scalelaw.corpus.schema import HARDWARE, PAPERS
    from scalelaw.corpus.table import Row, read_table
    from scalelaw.cost.parameters import read_constants
    from scalelaw.forecast.published import read_forecasts
    from small_corpus import BENCHMARKS, DEVICES, ROW, write_hardware, write_papers

    good = path.with_name("good.yaml")
    good.write_text(BENCHMARKS)
    known = read_benchmarks([good])
    devices = read_table(write_hardware(path.with_name("good.csv"), DEVICES), HARDWARE).rows
    context = Context(known, Hardware(devices), date(2026, 1, 1))
    records = read_table(write_papers(path.with_name("papers.csv"), [ROW]), PAPERS).rows
    defaults = yaml.safe_load((ROOT / "config/config.yaml").read_text())

    def checked(rows: list[Row], hardware: list[Row], problems: list[Any]) -> None:
        against = Context(known, Hardware(hardware), date(2026, 1, 1))
        entries = [make_entry(row, against) for row in rows]
        found, _ = run_checks(entries, hardware, against)
        everything = sorted([*problems, *found])
        for show in FORMATS.values():
            check_visible(show(everything))
        if not any(problem.severity == "error" for problem in everything):
            for entry in entries:
                _derive(entry, Selection())

    def papers() -> None:
        table = read_table(path, PAPERS)
        checked(table.rows, devices, table.problems)

    def hardware() -> None:
        table = read_table(path, HARDWARE)
        checked(records, table.rows, table.problems)

    def config() -> None:
        merged = copy.deepcopy(defaults)
        for key, value in read_config(path).items():
            old = merged.get(key)
            merged[key] = (
                old | value if isinstance(old, dict) and isinstance(value, dict) else value
            )
        check_config(merged, ROOT / "workflow/schemas/config.schema.yaml")

    def imports() -> None:
        import_epoch(path, context.hardware)
        import_timm(path)

    return [
        papers,
        hardware,
        lambda: read_benchmarks([path]),
        lambda: read_constants(path),
        lambda: read_claims(path, QUANTITIES, known),
        lambda: read_forecasts(path),
        config,
        imports,
    ]


def check_visible(text: str) -> None:
    """Raise if a text holds a character that a terminal would obey."""
    for character in text:
        if not (character.isprintable() or character in "\n"):
            raise AssertionError(f"a message holds {character!r}")


def fuzz(arguments: list[str], folder: Path, only: str | None) -> None:
    """Run atheris in this process, which it ends."""
    import atheris

    path = folder / "input"
    with atheris.instrument_imports(include=["scalelaw"]):
        targets = readers(path)
        if only:
            targets = [targets[TARGETS.index(only)]]
        from scalelaw.errors import ScalelawError

    def one(data: bytes) -> None:
        if not data:
            return
        path.write_bytes(data[1:])
        try:
            targets[data[0] % len(targets)]()
        except ScalelawError as error:
            check_visible(str(error))

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def main() -> int:
    """Run the fuzzer in a child process and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--only", choices=TARGETS, help="one reader instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="for inputs that break it")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parsed, rest = parser.parse_known_args()
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests/hostile")]
    if parsed.child:
        fuzz(rest, parsed.child, parsed.only)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        corpus = folder / "seeds"
        corpus.mkdir()
        count = seeds(corpus)
        parsed.keep.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            [
                sys.executable, __file__, "--child", scratch, str(corpus),
                *(["--only", parsed.only] if parsed.only else []),
                f"-max_total_time={parsed.seconds}", f"-seed={parsed.seed}",
                f"-timeout={SECONDS_EACH}", "-max_len=6000", "-rss_limit_mb=2048",
                f"-artifact_prefix={parsed.keep.resolve()}/", "-print_final_stats=1",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            timeout=parsed.seconds + 120,
        )  # fmt: skip
        if run.returncode:
            print(run.stdout[-6_000:])
            return 1
        figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", run.stdout))
        reached = re.findall(r"cov: (\d+)", run.stdout)
        with contextlib.suppress(OSError):
            parsed.keep.rmdir()
        print(
            f"{count} seeds, {int(figures['number_of_executed_units']):,} inputs in "
            f"{parsed.seconds} s, {figures['new_units_added']} that reached new branches "
            f"({reached[0]} to {reached[-1]}), peak {figures['peak_rss_mb']} MB, nothing broke"
        )
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
