"""The command report: the whole workflow from anywhere, with the user's papers."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from scalelaw.cli.common import Commands
from scalelaw.errors import ScalelawError, UnreadableError, UsageError
from scalelaw.progress import bar
from scalelaw.shipped import shipped

CLAIMS = "claims.yaml"
SETTINGS = "settings.yaml"
LOG = "snakemake.log"
_STEPS = re.compile(r"^(\d+) of (\d+) steps \(")
_PATHS = {
    "corpus": ("papers", "hardware", "benchmarks", "extra", "extra_hardware", "extra_benchmarks"),
    "cost": ("prices", "grid", "constants"),
    "forecast": ("published",),
    "": ("claims",),
}
"""Settings that name files, by group."""


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    report = commands.add_parser(
        "report",
        help="make every result and the report, with your papers if you like",
        description="Check the corpus, run the whole workflow and write a report, in a folder of "
        "its own. Your papers are added to the corpus that comes with scalelaw. A second run "
        "redoes only what changed.",
        example="scalelaw report --corpus mine.csv --output mine",
    )
    for option, what in (
        ("--corpus", "papers of your own"),
        ("--hardware", "devices of your own"),
        ("--benchmarks", "benchmarks of your own"),
    ):
        report.add_argument(option, nargs="+", type=Path, default=[], metavar="FILE", help=what)
    report.add_argument(
        "--only",
        action="store_true",
        help="take these files instead of those that come with scalelaw, kind by kind",
    )
    report.add_argument(
        "--output", type=Path, default=Path("scalelaw-report"), metavar="FOLDER",
        help="scalelaw-report by default",
    )  # fmt: skip
    report.add_argument("--cores", type=int, metavar="N", help="all by default")
    report.add_argument(
        "--config", type=Path, metavar="FILE", help="settings in YAML, such as fit: {level: 0.9}"
    )
    report.set_defaults(run=_report)


@dataclass
class _Case:
    """What is run: settings that differ from the defaults, all of them, and claims if not all."""

    own: dict[str, Any]
    whole: dict[str, Any]
    claims: dict[str, Any] | None = None


def _report(parsed: argparse.Namespace) -> int:
    if parsed.cores is not None and parsed.cores < 1:
        raise UsageError(f"--cores {parsed.cores} is out of range")
    if parsed.only and not parsed.corpus:
        raise UsageError("--only needs --corpus: the papers to take instead")
    case = _settle(parsed)
    records = _check(case, parsed)
    folder: Path = parsed.output
    _prepare(folder, case)
    if not parsed.quiet:
        print(f"{records} records are fine; making the results in {folder}", flush=True)
    status = _run(folder, parsed.cores, parsed.quiet)
    if status:
        return status
    print(f"{folder / case.whole['results'] / 'report.html'}")
    return 0


def _settle(parsed: argparse.Namespace) -> _Case:
    """Join the user's settings and files."""
    from scalelaw.config import check_config, read_config

    defaults = default_settings()
    own: dict[str, Any] = {} if parsed.config is None else read_config(parsed.config)
    try:
        check_config(_merged(defaults, own), shipped("workflow/schemas/config.schema.yaml"))
    except ScalelawError as error:
        raise ScalelawError(f"{parsed.config}: {error}") from None
    _find_files(own)
    corpus = own.setdefault("corpus", {})
    for kind, files in (
        ("papers", parsed.corpus),
        ("hardware", parsed.hardware),
        ("benchmarks", parsed.benchmarks),
    ):
        for file in files:
            _text(file)
        paths = [str(file.resolve()) for file in files]
        extra = "extra" if kind == "papers" else f"extra_{kind}"
        if parsed.only and paths:
            corpus[kind] = paths.pop(0)
        if paths:
            corpus[extra] = [*corpus.get(extra, []), *paths]
    if parsed.only and "decompose" not in own:
        own["decompose"] = {"pairs": []}
    return _Case(own, _merged(defaults, own))


def default_settings() -> dict[str, Any]:
    """Return the settings that come with the workflow."""
    import yaml

    text = shipped("config/config.yaml").read_text(encoding="utf-8")
    settings: dict[str, Any] = yaml.safe_load(text)
    return settings


def _check(case: _Case, parsed: argparse.Namespace) -> int:
    """Check the corpus as the workflow will see it, and return how many records it has."""
    from scalelaw.config import check_benchmarks
    from scalelaw.corpus import CorpusError, load_corpus

    corpus = case.whole["corpus"]
    papers, hardware, benchmarks = (
        [_locate(path) for path in [corpus[kind], *corpus[extra]]]
        for kind, extra in (
            ("papers", "extra"),
            ("hardware", "extra_hardware"),
            ("benchmarks", "extra_benchmarks"),
        )
    )
    try:
        if "benchmarks" in case.own or not parsed.only:
            check_benchmarks(case.whole["benchmarks"], benchmarks)
        loaded = load_corpus(papers, hardware, benchmarks)
    except CorpusError as error:
        unreadable = any(problem.check == "unreadable-file" for problem in error.problems)
        kind = UnreadableError if unreadable else ScalelawError
        raise kind(f"{error}\nnothing was run: mend these first") from None
    if "claims" not in case.own:
        case.claims = _answerable(case.whole["claims"], benchmarks)
    if parsed.only and "benchmarks" not in case.own:
        present = set(loaded.records["benchmark"])
        order = [name for name in case.whole["benchmarks"] if name in present]
        order += sorted(present - set(order))
        case.own["benchmarks"] = case.whole["benchmarks"] = order
    return len(loaded.records)


def _answerable(claims: str, benchmarks: list[Path]) -> dict[str, Any] | None:
    """Return the shipped claims without those of benchmarks that are not here, if there are any."""
    import yaml

    from scalelaw.corpus.benchmarks import read_benchmarks

    shipped_claims = yaml.safe_load(_locate(claims).read_text(encoding="utf-8"))
    known = read_benchmarks(benchmarks)
    kept = {
        key: claim
        for key, claim in shipped_claims.items()
        if claim.get("of", {}).get("benchmark", next(iter(known))) in known
    }
    return None if len(kept) == len(shipped_claims) else kept


def _prepare(folder: Path, case: _Case) -> None:
    """Write the settings of the run into its folder, if they are not there already."""
    from scalelaw.files import check_folder

    check_folder(folder)
    if (folder / "workflow/Snakefile").is_file():
        raise UsageError(
            f"{folder}: this is a checkout; run `snakemake` in it, or name another --output"
        )
    if case.claims is not None:
        path = folder / CLAIMS
        what = "Published claims, without those of benchmarks that are not here"
        _keep(path, what, case.claims)
        case.own["claims"] = str(path.resolve())
    _keep(folder / SETTINGS, "Settings of this report", case.own)


def _keep(path: Path, what: str, content: dict[str, Any]) -> None:
    """Write a YAML file, unless it says the same already, so that nothing is run again for it."""
    import yaml

    from scalelaw.files import writing

    text = f"# {what}; written by `scalelaw report`.\n"
    text += yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with writing(path) as part:
            part.write_text(text, encoding="utf-8")


def _run(folder: Path, cores: int | None, quiet: bool) -> int:
    """Run Snakemake in a folder with the shipped workflow; show its words only where it fails."""
    command = [
        # Not with modules of the folder in which the user happens to be.
        sys.executable, "-P", "-m", "snakemake",
        "--snakefile", str(shipped("Snakefile").resolve()),
        "--directory", str(folder.resolve()),
        "--configfile", str((folder / SETTINGS).resolve()),
        "--workflow-profile", "none",
        "--cores", str(cores or "all"),
        "--rerun-incomplete", "--nocolor",
        "--quiet", "host", "reason", "rules",
    ]  # fmt: skip
    said: list[str] = []
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (
        bar("making results", quiet) as move,
        (folder / LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process,
        _stopping_with(process.pid),
    ):
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            said.append(line)
            if steps := _STEPS.match(line):
                move(int(steps[1]), int(steps[2]))
    if process.returncode:
        print(_why(said), file=sys.stderr)
        print(f"scalelaw report stopped; all that was said: {folder / LOG}", file=sys.stderr)
        return 1
    if not quiet and any(line.startswith("Nothing to be done") for line in said):
        print("nothing had changed: the results are those of the last run")
    return 0


@contextmanager
def _stopping_with(group: int) -> Iterator[None]:
    """Pass the first signal to stop on to a group of processes, and stop after the block.

    Snakemake alone would wait for its jobs, so they are told too; told twice, it might leave its
    lock behind.
    """
    told: list[int] = []

    def tell(number: int, _: object) -> None:
        if not told:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGINT)
        told.append(number)

    # What is ignored, as under nohup, stays so.
    former = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in former:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if told:
        raise KeyboardInterrupt


def _why(said: Sequence[str]) -> str:
    """Return what a failed run said of its failure.

    That is the message of the task that stopped, or all from the first error on.
    """
    first = next(
        (
            i
            for i, line in enumerate(said)
            if re.match(r"scalelaw \w+ stopped:|\w*(Error|Exception)\b", line)
        ),
        max(0, len(said) - 20),
    )
    lines = list(said[first : first + 40])
    if lines and lines[0].startswith("scalelaw "):
        lines = list(takewhile(lambda line: not line.startswith(("RuleException", "[")), lines))
    return "".join(lines).rstrip()


def _merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the user's on top, group by group as Snakemake does it."""
    merged = dict(defaults)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def _find_files(settings: dict[str, Any]) -> None:
    """Make paths absolute that name files of the working directory: the run is in another."""
    for group, names in _PATHS.items():
        section = settings.get(group, {}) if group else settings
        for name in names:
            value = section.get(name)
            if isinstance(value, str):
                section[name] = _absolute(value)
            elif isinstance(value, list):
                section[name] = [_absolute(path) for path in value]


def _absolute(path: str) -> str:
    return str(Path(path).resolve()) if Path(path).exists() else path


def _locate(path: str) -> Path:
    return Path(path) if Path(path).is_absolute() else shipped(path)


def _text(path: Path) -> str:
    """Return a file's text, or say that it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path}: not text in UTF-8 ({error.reason})") from None
