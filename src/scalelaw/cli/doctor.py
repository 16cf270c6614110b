"""The command doctor, which looks whether all is there that scalelaw needs."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from scalelaw import __version__
from scalelaw.cli.common import Commands, default_results, results_in
from scalelaw.provenance import PACKAGE
from scalelaw.shipped import shipped

OK, MISSING, OPTIONAL = "ok", "missing", "optional"
_PYTHON = (3, 11)
_DATA = (
    "Snakefile",
    "config/config.yaml",
    "workflow/schemas/config.schema.yaml",
    "data/papers.csv",
    "data/hardware.csv",
    "data/benchmarks.yaml",
    "data/prices.csv",
    "data/grid.csv",
    "data/costs.yaml",
    "data/claims.yaml",
    "data/forecasts.yaml",
    "data/references.bib",
    "environment.yml",
    "CITATION.cff",
)
_RESULTS = (
    "corpus/records.csv",
    "fits/exponents.csv",
    "decomposition/trends.csv",
    "decomposition/gains.csv",
    "projections/draws.parquet",
    "projections/curves.csv",
    "projections/scenario.json",
    "report.html",
)
_GIB = 2**30
_MEMORY_GIB = 2
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Parameters
    ----------
    what : str
        The thing.
    state : {"ok", "missing", "optional"}
        Whether it is there; "optional" if it is not and need not be.
    found : str
        Version, place or amount.
    remedy : str
        What to do where it is missing or wanted.
    """

    what: str
    state: str
    found: str
    remedy: str = ""


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    doctor = commands.add_parser(
        "doctor",
        help="check the installation, and say what is missing",
        description="Check Python, the libraries, the data, the results of the last run, folders, "
        "fonts, cores and memory. Exit status 1 if something that is needed is missing.",
        example="scalelaw doctor --json",
    )
    doctor.add_argument(
        "--results", type=Path, default=default_results(), metavar="FOLDER", help="results of a run"
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    findings = list(examine(results_in(parsed.results)))
    missing = [finding for finding in findings if finding.state == MISSING]
    if parsed.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
        return 1 if missing else 0
    wide = max(len(finding.what) for finding in findings)
    for finding in missing if parsed.quiet else findings:
        state = {OK: "ok", MISSING: "MISSING", OPTIONAL: "-"}[finding.state]
        print(f"{state:<7}  {finding.what:<{wide}}  {finding.found}".rstrip())
        if finding.remedy:
            print(f"{'':<7}  {'':<{wide}}  -> {finding.remedy}")
    if not parsed.quiet:
        print()
        print(f"{len(missing)} thing(s) missing" if missing else "all that is needed is there")
    return 1 if missing else 0


def examine(results: Path) -> Iterator[Finding]:
    """Yield what is there and what is missing.

    Parameters
    ----------
    results : path
        Folder of results of a run.
    """
    yield Finding("scalelaw", OK, f"{__version__} in {PACKAGE}")
    yield _python()
    yield from _libraries()
    yield _snakemake()
    yield _data()
    yield _results(results)
    yield _writable("this folder", Path.cwd())
    yield _writable("temporary files", Path(tempfile.gettempdir()))
    yield _fonts()
    yield Finding("cores", OK, str(_cores()))
    yield _memory()
    yield from _extras()


def issue_page() -> str:
    """Return the address at which bugs are told, if the project names one."""
    try:
        lines = metadata("scalelaw").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    pages = dict(line.split(", ", 1) for line in lines)
    return next((pages[name] for name in pages if name.casefold() in ("issues", "tracker")), "")


def _python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info >= _PYTHON:
        return Finding("python", OK, found)
    return Finding("python", MISSING, found, "install Python 3.11 or newer")


def requirements() -> list[str]:
    """Return what the installed package, or the checkout that is run, asks for."""
    project = PACKAGE.parents[1] / "pyproject.toml"
    if project.is_file() and (PACKAGE.parent.name == "src"):
        content = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return list(content["dependencies"])
    return [text for text in requires("scalelaw") or [] if "extra ==" not in text]


def _libraries() -> Iterator[Finding]:
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Finding("packaging", MISSING, "not installed", "pip install packaging")
        return
    try:
        wanted = [Requirement(text) for text in requirements()]
    except PackageNotFoundError:
        yield Finding("metadata", MISSING, "scalelaw is not installed", "pip install scalelaw")
        return
    for requirement in sorted(wanted, key=lambda one: one.name):
        remedy = f"pip install '{requirement.name}{requirement.specifier}'"
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, MISSING, "not installed", remedy)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield Finding(requirement.name, OK, found)
        else:
            asked = f"{found}, {requirement.specifier} is needed"
            yield Finding(requirement.name, MISSING, asked, remedy)


def _snakemake() -> Finding:
    place = shutil.which("snakemake")
    if place:
        return Finding("snakemake command", OK, place)
    return Finding(
        "snakemake command", OPTIONAL, "not on the PATH",
        "`scalelaw report` works without; for `snakemake` itself add "
        f"{Path(sys.executable).parent} to PATH",
    )  # fmt: skip


def _data() -> Finding:
    lacking = []
    try:
        root = shipped()
        lacking = [name for name in _DATA if not (root / name).is_file()]
        if not lacking:
            return Finding("workflow and data", OK, str(root))
    except Exception as error:
        return Finding("workflow and data", MISSING, "not found", str(error))
    return Finding(
        "workflow and data",
        MISSING,
        f"{', '.join(lacking)} not in {root}",
        "install scalelaw again",
    )


def _results(folder: Path) -> Finding:
    name = "results"
    if not folder.is_dir():
        return Finding(name, OPTIONAL, f"none in {folder}", "scalelaw report makes them")
    lacking = [path for path in _RESULTS if not (folder / path).is_file()]
    empty = [path for path in _RESULTS if path not in lacking and not _size(folder / path)]
    if lacking or empty:
        what = f"{folder} lacks {', '.join(lacking + empty)}"
        return Finding(name, OPTIONAL, what, "the last run did not end: give its command again")
    return Finding(name, OK, f"whole in {folder}")


def _size(path: Path) -> int:
    return path.stat().st_size


def _writable(what: str, folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "work in a folder in which files can be written"
        return Finding(what, MISSING, f"{folder}: {error.strerror}", remedy)
    free = shutil.disk_usage(folder).free / _GIB
    return Finding(what, OK, f"{folder}, {free:.0f} GiB free")


def _fonts() -> Finding:
    try:
        from matplotlib.font_manager import findfont

        place = findfont("DejaVu Sans", fallback_to_default=False)
    except (ImportError, ValueError):
        return Finding("font DejaVu Sans", MISSING, "not found", "pip install --force matplotlib")
    return Finding("font DejaVu Sans", OK, str(place))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> Finding:
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    except (AttributeError, ValueError, OSError):
        return Finding("memory", OPTIONAL, "not known", f"{_MEMORY_GIB} GiB are enough")
    if whole < _MEMORY_GIB:
        return Finding("memory", OPTIONAL, f"{whole:.1f} GiB", "use `scalelaw report --cores 1`")
    return Finding("memory", OK, f"{whole:.1f} GiB")


def _extras() -> Iterator[Finding]:
    try:
        yield Finding("slurm plugin", OK, version("snakemake-executor-plugin-slurm"))
    except PackageNotFoundError:
        remedy = "only for clusters: pip install 'scalelaw[slurm]'"
        yield Finding("slurm plugin", OPTIONAL, "not installed", remedy)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser:
        yield Finding("browser", OK, browser)
    else:
        remedy = "only for the project's own tests of the report: install chromium"
        yield Finding("browser", OPTIONAL, "no chromium on the PATH", remedy)
