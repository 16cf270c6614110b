"""Ask for a new record, show what follows from it, and append it if the checks pass."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from scalelaw.compute import BASES
from scalelaw.corpus.benchmarks import Benchmark, read_benchmarks
from scalelaw.corpus.checks import Context, Entry, make_entry, run_checks
from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.problems import Problem, describe
from scalelaw.corpus.schema import HARDWARE, PAPERS, Column
from scalelaw.corpus.table import Row, Table, read_cell, read_table
from scalelaw.errors import ScalelawError, UnreadableError, did_you_mean
from scalelaw.files import writing

Ask = Callable[[str], str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Corpus:
    """The corpus to which a record is added."""

    papers: Path
    columns: list[Column]
    """Those that its file has, or is to have."""
    rows: list[Row]
    devices: list[Row]
    context: Context


def open_corpus(papers: Path, hardware: Sequence[Path], benchmarks: Sequence[Path]) -> Corpus:
    """Read the corpus that a record joins; a file of papers that is not there has no rows.

    Raises
    ------
    ScalelawError
        If one of its files cannot be read or has errors in its cells.
    """
    first = read_table(papers, PAPERS) if papers.exists() else Table()
    tables = [first, *(read_table(path, HARDWARE) for path in hardware)]
    problems = [problem for table in tables for problem in table.problems]
    if problems:
        unreadable = any(problem.check == "unreadable-file" for problem in problems)
        kind = UnreadableError if unreadable else ScalelawError
        raise kind(f"mend these first:\n{describe(problems)}")
    header = _header(papers) if papers.exists() else [column.name for column in PAPERS]
    columns = [column for column in PAPERS if column.name in header]
    devices = [row for table in tables[1:] for row in table.rows]
    context = Context(read_benchmarks(list(benchmarks)), Hardware(devices), date.today())
    return Corpus(papers, columns, tables[0].rows, devices, context)


def add_record(corpus: Corpus, fits: Path, ask: Ask = input, say: Say = print) -> bool:
    """Ask for every cell of a record and append it to the corpus.

    Parameters
    ----------
    corpus : Corpus
        From :func:`open_corpus`.
    fits : path
        Folder of stored fits, to show where the record falls; it need not exist.
    ask, say : callable
        Put a question and return the answer; show a line.

    Returns
    -------
    bool
        Whether the record was appended. If not, its cells are shown as a line of CSV.
    """
    say("Enter leaves an optional cell empty; Ctrl-C stops and changes nothing.")
    asked = [column for column in PAPERS if column.name != "waived"]
    lacking = [column.name for column in asked if column not in corpus.columns]
    if lacking:
        say(f"{corpus.papers} has no column for these (add it to be asked): {', '.join(lacking)}")
    cells = {
        column.name: _ask_cell(column, corpus.context, ask, say)
        for column in asked
        if column in corpus.columns
    }
    row = Row(
        str(corpus.papers),
        corpus.rows[-1].line + 1 if corpus.rows else 2,
        {c.name: read_cell(cells.get(c.name, ""), c) for c in PAPERS},
    )
    entry = make_entry(row, corpus.context)
    for line in _describe(entry, fits):
        say(line)
    problems = [p for p in _check(corpus, row) if (p.file, p.line) == row.place]
    if problems:
        say(describe(problems))
    if any(problem.severity == "error" for problem in problems):
        say(f"Not added. The row was:\n{_line(cells, list(cells))}")
        return False
    doubt = "Append it in spite of the warnings" if problems else "Append it"
    new = "" if corpus.papers.exists() else ", a new file"
    if ask(f"{doubt} to {corpus.papers}{new}? [y/N] ").strip().casefold() not in ("y", "yes"):
        say(f"Not added. The row was:\n{_line(cells, list(cells))}")
        return False
    try:
        _append(corpus.papers, cells)
    except (OSError, ScalelawError):
        say(f"Not added. The row was:\n{_line(cells, list(cells))}")
        raise
    say(f"Added as {corpus.papers}:{row.line}.")
    return True


def _ask_cell(column: Column, context: Context, ask: Ask, say: Say) -> str:
    choices = " | ".join(column.choices)
    unit = f" [{column.unit}]" if column.unit else ""
    say(f"\n{column.description}{f' ({choices})' if choices else ''}")
    while True:
        answer = ask(f"{column.name}{unit}{'' if column.required else ', optional'}: ").strip()
        try:
            value = read_cell(answer, column)
        except ValueError as error:
            say(f"  {error}")
            continue
        if column.name == "hardware" and value:
            device = context.hardware.find(answer)
            if device is None:
                near = did_you_mean(answer, context.hardware.names())
                say(f'  unknown device "{answer}" ({near or "add it to the hardware table"})')
                continue
            rates = [f"{name} {rate:.3g}" for name, rate in device.peaks.items() if rate]
            say(f"  {device.name}, {device.release_date}, FLOP/s: {', '.join(rates)}")
        if column.name == "benchmark":
            known: dict[str, Benchmark] = context.benchmarks
            if answer not in known:
                near = did_you_mean(answer, sorted(known)) or f"known: {', '.join(known)}"
                say(f'  unknown benchmark "{answer}" ({near})')
                continue
            say(f"  metrics: {', '.join(known[answer].metrics)}")
        return answer


def _describe(entry: Entry, fits: Path) -> list[str]:
    from scalelaw.fit.line_result import LineResult

    lines = [""]
    if entry.error is not None:
        lines.append(f"error {entry.error:.4g}")
    for basis in BASES:
        flop = getattr(entry.flop, basis)
        if flop is None:
            continue
        lines.append(f"{basis} basis: {flop:.3g} FLOP")
        stored = fits / f"{entry['benchmark']}.{basis}.compute_on_error.json"
        if entry.error and 0 < entry.error < 1 and stored.is_file():
            law = LineResult.from_json(stored.read_text(encoding="utf-8"))
            point = law.predict_x(entry.error).iloc[0]
            inside = point["prediction_lower"] <= flop <= point["prediction_upper"]
            lines.append(
                f"  the fit expects {point[law.law.x]:.3g} at this error, 95% of records from "
                f"{point['prediction_lower']:.2g} to {point['prediction_upper']:.2g}: this one is "
                f"{'inside' if inside else 'outside'}"
            )
    if entry.flop.best()[0] is None:
        lines.append("no basis is complete: the record will enter no fit")
    return lines


def _check(corpus: Corpus, row: Row) -> list[Problem]:
    entries = [make_entry(r, corpus.context) for r in [*corpus.rows, row]]
    return run_checks(entries, corpus.devices, corpus.context)[0]


def _append(path: Path, cells: dict[str, str]) -> None:
    if not path.exists():
        names = [column.name for column in PAPERS]
        lines = [_line(dict(zip(names, names, strict=True)), names), _line(cells, names)]
        with writing(path) as part:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    header = _header(path)
    # Somebody may have taken a column away meanwhile.
    missing = [name for name, cell in cells.items() if cell and name not in header]
    if missing:
        raise ScalelawError(f"{path}:1: {missing[0]}: the file has no such column (add it)")
    end = b"" if path.read_bytes().endswith(b"\n") else b"\n"
    # One write at the end: an interruption leaves the old file or the new one.
    with path.open("ab") as handle:
        handle.write(end + _line(cells, header).encode("utf-8") + b"\n")


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return [name.strip() for name in next(csv.reader(handle))]


def _line(cells: dict[str, str], header: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([cells.get(name, "") for name in header])
    return text.getvalue()
