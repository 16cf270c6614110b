"""The command decompose."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelaw.cli.common import Commands, add_corpus_options, default_results, results_in
from scalelaw.errors import FitError, ScalelawError, UnreadableError, UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

LABELS = {
    "peak_rate": "peak rate",
    "devices": "devices",
    "hours": "hours",
    "hardware": "hardware",
    "scale": "scale",
    "algorithms": "algorithms",
    "compute": "all compute",
    "total": "total",
}
_OF_COMPUTE = ("hardware", "scale", "devices", "hours", "total")
_OF_GAIN = ("hardware", "scale", "algorithms", "total")


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    decompose = commands.add_parser(
        "decompose",
        help="split progress into hardware, scale and algorithms",
        description="Split what lies between two models: training compute into hardware (peak "
        "rate) and scale (devices, hours), the gain in error into these and algorithms. Without "
        "models, print the shares of the trends of the last run.",
        example="scalelaw decompose imagenet-krizhevsky2012imagenet-alexnet CoCa",
    )
    for name, what in (("before", "the earlier model"), ("after", "the later one")):
        decompose.add_argument(
            name, nargs="?", metavar=name.upper(), help=f"{what}: a record id, or its name"
        )
    where = decompose.add_mutually_exclusive_group()
    where.add_argument(
        "--results", type=Path, default=default_results(), metavar="FOLDER", help="results of a run"
    )
    where.add_argument(
        "--papers", nargs="+", type=Path, metavar="FILE", help="corpus files instead of a run"
    )
    add_corpus_options(decompose)
    decompose.add_argument("--json", action="store_true", help="for programs")
    decompose.set_defaults(run=_decompose)


def _decompose(parsed: argparse.Namespace) -> int:
    if parsed.before is None:
        if parsed.papers:
            raise UsageError("--papers needs two models, BEFORE and AFTER, written in front of it")
        answer = _trends(parsed.results)
        print(_as_json(answer) if parsed.json else _trends_text(answer))
        return 0
    if parsed.after is None:
        raise UsageError("name two models, BEFORE and AFTER, or none")
    answer = _pair(parsed)
    print(_as_json(answer) if parsed.json else _pair_text(answer))
    return 0


def _pair(parsed: argparse.Namespace) -> dict[str, Any]:
    """Split compute and error between two records."""
    from scalelaw.decompose import decompose_pair, gains_of_pair_with_bounds
    from scalelaw.decompose.gains import EFFECTS

    table = _records(parsed)
    ids = [_find(table, name) for name in (parsed.before, parsed.after)]
    if ids[0] == ids[1]:
        raise UsageError(f"{ids[0]} is both models; name two different ones")
    compute = decompose_pair(table, ids[0], ids[1]).set_index("component")[["ratio", "share"]]
    rows = table.set_index("record_id").loc[ids]
    answer: dict[str, Any] = {
        side: {
            "record_id": record_id,
            **{key: row[key] for key in ("model", "benchmark", "error", "excluded")},
            "date": str(row["date"]),
            "flop_hardware": float(row["flop_hardware"]),
        }
        for side, (record_id, row) in zip(("before", "after"), rows.iterrows(), strict=True)
    }
    answer["compute"] = {name: dict(compute.loc[name]) for name in compute.index}
    answer["gain"], answer["no_gain"] = {}, ""
    first, second = rows["benchmark"]
    if first != second:
        answer["no_gain"] = f"errors of {first} and {second} are not comparable"
        return answer
    for effect in EFFECTS:
        try:
            split = _split(parsed, table, first, effect)
        except FitError as error:
            answer["no_gain"] = f"what compute is worth on {first} is not known: {error}"
            continue
        parts = gains_of_pair_with_bounds(table, ids[0], ids[1], split).set_index("component")
        answer["gain"][effect] = {name: dict(parts.loc[name]) for name in parts.index}
    return answer


def _records(parsed: argparse.Namespace) -> "pd.DataFrame":
    if parsed.papers:
        from scalelaw.cli.report import default_settings
        from scalelaw.corpus import CorpusError, load_corpus
        from scalelaw.corpus.records import Selection

        scopes = default_settings()["corpus"]["exclude_scopes"]
        chosen = Selection(exclude_scopes=tuple(scopes))
        try:
            corpus = load_corpus(parsed.papers, parsed.hardware, parsed.benchmarks, chosen)
        except CorpusError as error:
            if any(problem.check == "unreadable-file" for problem in error.problems):
                raise UnreadableError(str(error)) from None
            raise
        return corpus.records
    from scalelaw.tables import read_records

    return read_records(_there(results_in(parsed.results) / "corpus/records.csv"))


def _find(table: "pd.DataFrame", name: str) -> str:
    """Return the id of the one record with compute that splits and that name or id."""
    from scalelaw.decompose import splittable

    if (table["record_id"] == name).any():
        return name
    known = splittable(table)
    models = known["model"].str.casefold()
    # Names carry variants in brackets, as in "AlexNet (1 CNN)".
    short = models.str.partition(" (")[0]
    chosen = models == name.casefold()
    ids = known["record_id"][chosen if chosen.any() else short == name.casefold()].tolist()
    if len(ids) == 1:
        return str(ids[0])
    if ids:
        some = "".join(f"\n  {one}" for one in ids[:10])
        more = f"\n  and {len(ids) - 10} more" if len(ids) > 10 else ""
        raise ScalelawError(f'"{name}" is {len(ids)} records; name one by its id:{some}{more}')
    near = did_you_mean(name, [*known["record_id"], *known["model"].unique()], most=20_000)
    raise ScalelawError(
        f'there is no record "{name}" with devices and hours ({near or "see data/papers.csv"})'
    )


def _split(
    parsed: argparse.Namespace, table: "pd.DataFrame", benchmark: str, effect: str
) -> "pd.DataFrame":
    """Return the split of a benchmark's gains: that of the run, or one made from the files."""
    from scalelaw.cli.report import default_settings
    from scalelaw.decompose import decompose_gains, splittable
    from scalelaw.streams import stream

    if parsed.papers:
        used = splittable(table[(table["excluded"] == "") & (table["benchmark"] == benchmark)])
        settings = default_settings()
        fit = settings["fit"]
        # The draws of a run with the default settings.
        own = stream(settings["seed"], benchmark, "all", "gains")
        return decompose_gains(
            used, effect, fit["min_papers"], fit["bootstrap_replicates"], fit["level"], own
        )
    gains = _result(parsed.results, "gains")
    mine = gains[
        (gains["benchmark"] == benchmark)
        & (gains["sample"] == "all")
        & (gains["effect"] == effect)
        & (gains["status"] == "fitted")
    ]
    if mine.empty:
        raise FitError("the run has no split of its gains")
    return mine


def _trends(results: Path) -> dict[str, Any]:
    """Return the shares of the trends of a run, by benchmark."""
    trends, gains = _result(results, "trends"), _result(results, "gains")
    trends = trends[(trends["regressor"] == "year") & (trends["rates"] == "as used")]
    gains = gains[(gains["sample"] == "all") & (gains["effect"] == "error_on_compute")]
    answer: dict[str, Any] = {}
    for benchmark in trends["benchmark"].unique():
        entry: dict[str, Any] = {}
        for key, table, parts in (
            ("compute", trends, _OF_COMPUTE),
            ("gain", gains, _OF_GAIN),
        ):
            mine = table[table["benchmark"] == benchmark]
            entry[key] = {"status": str(mine["status"].iloc[0]) if len(mine) else "not split"}
            by_part = mine.dropna(subset="component").set_index("component")
            columns = ["share", "share_lower", "share_upper"]
            entry[key] |= {part: dict(by_part.loc[part, columns]) for part in parts
                           if part in by_part.index}  # fmt: skip
        answer[str(benchmark)] = entry
    return answer


def _result(results: Path, name: str) -> "pd.DataFrame":
    from scalelaw.tables import read_result

    return read_result(_there(results_in(results) / f"decomposition/{name}.csv"))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UnreadableError(
            f"{path} is not there: run `scalelaw report` first, or name the folder of its results "
            "with --results, or corpus files with --papers"
        )
    return path


def _pair_text(answer: dict[str, Any]) -> str:
    from scalelaw.decompose.gains import EFFECTS

    before, after = answer["before"], answer["after"]
    lines = []
    for word, one in (("from", before), ("to", after)):
        lines.append(
            f"{word:<4}  {one['model']} ({one['record_id']}), {one['date']}: "
            f"error {100 * one['error']:.3g}%, {one['flop_hardware']:.3g} FLOP"
        )
        if one["excluded"]:
            lines.append(f"      outside the fits: {one['excluded']}")
    if after["date"] < before["date"]:
        lines.append("      the second model is the older one")
    lines += ["", f"{'Compute':<12}  {'times':>9}  {'share':>7}"]
    for name in ("hardware", "scale", "devices", "hours", "total"):
        part = answer["compute"][name]
        label = f"  of it {LABELS[name]}" if name in ("devices", "hours") else LABELS[name]
        lines.append(f"{label:<15} {_times(part['ratio']):>7} {_percent(part['share']):>8}")
    for effect, parts in answer["gain"].items():
        lines += ["", f"Gain in error, by {EFFECTS[effect]}",
                  f"{'':<12}  {'share':>7}  {'interval':>14}  {'points of error':>15}"]  # fmt: skip
        for name in _OF_GAIN:
            part = parts[name]
            span = f"{_percent(part['share_lower'])} to {_percent(part['share_upper'])}"
            span = "" if name == "total" else span
            lines.append(
                f"{LABELS[name]:<12}  {_percent(part['share']):>7}  {span:>14}  "
                f"{part['points']:>15.1f}"
            )
    if answer["no_gain"]:
        lines += ["", f"The gain in error is not split: {answer['no_gain']}"]
    return "\n".join(lines)


def _trends_text(answer: dict[str, Any]) -> str:
    lines = ["Shares of the yearly growth of compute, and of the yearly gain in error", ""]
    wide = max(map(len, answer), default=0)
    heads = ("hardware", "scale", "hardware", "scale", "algorithms")
    lines.append(f"{'':<{wide}}  {'of compute':^18}  {'of the gain':^30}".rstrip())
    lines.append(f"{'':<{wide}}  " + "  ".join(f"{head:>{max(8, len(head))}}" for head in heads))
    unknown = False
    for benchmark, entry in answer.items():
        cells = []
        for key, parts in (("compute", heads[:2]), ("gain", heads[2:])):
            for part in parts:
                share = entry[key].get(part, {}).get("share", math.nan)
                unknown |= math.isnan(share)
                cells.append(f"{_percent(share):>{max(8, len(part))}}")
        lines.append(f"{benchmark:<{wide}}  " + "  ".join(cells))
    if unknown:
        lines += ["", "–: too few papers, or no growth that could be shared out"]
    return "\n".join(lines)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if 100 <= ratio < 1e6 else f"{ratio:.3g}"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{round(100 * share)}%"


def _as_json(answer: Any) -> str:
    return json.dumps(_finite(answer), indent=1, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, str):
        return value
    return float(value) if math.isfinite(value) else None
