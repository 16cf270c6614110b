"""What each section of the report tells, taken from result tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scalelaw.claims.ledger import EVIDENCE, GROUPS, SUPPORTED
from scalelaw.corpus.benchmarks import Benchmark
from scalelaw.multiverse.grid import CHOICES, in_words
from scalelaw.multiverse.summary import EVERY, REST

Tables = Mapping[str, pd.DataFrame]
Benchmarks = Mapping[str, Benchmark]

_SHOWN_COSTS = ("flop", "device_hours", "usd", "kwh", "t_co2", "home_years")


MOST_ROWS = 1000
"""Rows of a table that grows with the corpus that the report shows; the file holds all."""


@dataclass(frozen=True)
class Shown:
    """The rows of a long table that the report shows, and of how many they are."""

    rows: list[dict[str, Any]]
    n: int


def shown_of(frame: pd.DataFrame) -> Shown:
    """Return the first `MOST_ROWS` rows of a table."""
    return Shown(rows_of(frame.head(MOST_ROWS)), len(frame))


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as a list of rows."""
    rows: list[dict[str, Any]] = frame.to_dict(orient="records")
    return rows


def claims_summary(tables: Tables) -> dict[str, Any]:
    """Return the ledger by group, its counts of verdicts, and the answers behind each claim."""
    ledger = tables["claims"]
    answers = {key: rows_of(part) for key, part in tables["answers"].groupby("claim_id")}
    counts = ledger["verdict"].value_counts()
    return {
        "groups": [
            (words, rows_of(ledger[ledger["group"] == group])) for group, words in GROUPS.items()
        ],
        "counts": [(verdict, int(n)) for verdict, n in counts.items()],
        "n": len(ledger),
        "borrowed": int(((ledger["verdict"] == SUPPORTED) & (ledger["evidence"] != "own")).sum()),
        "answers": answers,
        "evidence": EVIDENCE,
    }


def changes_summary(tables: Tables) -> dict[str, Any]:
    """Return what changed since the last run, and whether there was one."""
    counts = tables["counts"]
    return {
        "first": bool(counts["n_before"].isna().all()),
        "counts": rows_of(counts),
        "records": shown_of(tables["changed_records"]),
        "exponents": rows_of(tables["moved_exponents"]),
    }


def costs_summary(tables: Tables, benchmarks: Benchmarks) -> dict[str, Any]:
    """Return projections by case, the first target of the first benchmark, and running costs."""
    projections = tables["projections"]
    cases = []
    keys = ["benchmark", "error", "form", "known_floor", "status"]
    for (benchmark, error, form, floor, status), part in projections.groupby(
        keys, sort=False, dropna=False
    ):
        by_name = part.set_index("quantity")
        case = {
            "benchmark": benchmark,
            "error": error,
            "form": form,
            "floor": floor,
            "status": status,
            "beyond": part["decades_beyond"].iloc[0],
            "lowest_error": part["lowest_error"].iloc[0],
            "unreachable": part["share_unreachable"].iloc[0],
        }
        if status == "projected":
            case |= {name: by_name.loc[name].to_dict() for name in by_name.index}
        cases.append(case)
    projected = [case for case in cases if case["status"] == "projected"]
    lead = next((c for c in projected if c["form"] == "all"), None)
    same = [c for c in projected if lead and (c["benchmark"], c["error"]) == _place(lead)]
    refused = [c for c in cases if lead and c["benchmark"] == lead["benchmark"]
               and c["status"].startswith("refused") and c["form"] == "all"]  # fmt: skip
    scenario = next(iter(rows_of(projections[["device", "year", "places"]])), None)
    running = _running(tables["running"])
    return {
        "cases": cases,
        "lead": lead,
        "forms": {c["form"]: c for c in same if c["form"] != "all"},
        "floored": next(
            (
                c
                for c in cases
                if lead
                and _place(c) == _place(lead)
                and c["form"] == "floored"
                and c["status"] != "projected"
            ),
            None,
        ),
        "refused": refused,
        "scenario": scenario,
        "running": running,
        "first_running": next((c for c in running if c["status"] == "projected"), None),
        "equivalents": _equivalents(projections),
    }


def _place(case: Mapping[str, Any]) -> tuple[str, float]:
    return case["benchmark"], case["error"]


def _equivalents(projections: pd.DataFrame) -> list[tuple[str, str]]:
    """Return name and unit of each equivalent."""
    known = projections[~projections["quantity"].isin(["", *_SHOWN_COSTS])]
    pairs = known.drop_duplicates("quantity")[["quantity", "unit"]].itertuples(index=False)
    return [(str(name), str(unit)) for name, unit in pairs]


def _running(running: pd.DataFrame) -> list[dict[str, Any]]:
    cases = []
    for (benchmark, error, per_day, status), part in running.groupby(
        ["benchmark", "error", "predictions_per_day", "status"], sort=False
    ):
        case = {"benchmark": benchmark, "error": error, "per_day": per_day, "status": status}
        case["lowest_error"] = part["lowest_error"].iloc[0]
        if status == "projected":
            by_name = part.set_index("quantity")
            case |= {name: by_name.loc[name].to_dict() for name in by_name.index}
        cases.append(case)
    return cases


def gains_summary(tables: Tables, benchmarks: Benchmarks, records: pd.DataFrame) -> dict[str, Any]:
    """Return the split of gains, that of the lead benchmark's leading records, and of pairs."""
    gains = tables["gains"]
    told = gains[(gains["status"] == "fitted") & gains["share"].notna()]
    lead = None
    for key in benchmarks:
        mine = told[(told["benchmark"] == key) & (told["sample"] == "state of the art")]
        if (mine["effect"] == "error_on_compute").any():
            lead = {"name": benchmarks[key].name, "error_label": benchmarks[key].error_label}
            lead |= {
                effect: part.set_index("component").to_dict(orient="index")
                for effect, part in mine.groupby("effect")
            }
            break
    by_id = records.set_index("record_id")
    split = tables["gain_pairs"]
    split = split[split["component"] != ""]
    pairs = [
        {
            "before": by_id.loc[before].to_dict(),
            "after": by_id.loc[after].to_dict(),
            "effect": effect,
            "parts": part.set_index("component").to_dict(orient="index"),
        }
        for (before, after, effect), part in split.groupby(
            ["before", "after", "effect"], sort=False
        )
    ]
    hardware = tables["hardware_trends"]
    efficiency = tables["efficiency"]
    return {
        "rows": rows_of(gains),
        "lead": lead,
        "pairs": pairs,
        "hardware": rows_of(hardware),
        "rate": _first(hardware, quantity="FP32 rate", kind="GPU", status="fitted"),
        "per_dollar": _first(
            hardware, quantity="FP32 rate per dollar", kind="GeForce", status="fitted"
        ),
        "efficiency": shown_of(efficiency[efficiency["status"] == "fitted"]),
        "unfitted": int((efficiency["status"] != "fitted").sum()),
    }


def backtest_summary(tables: Tables, benchmarks: Benchmarks) -> dict[str, Any]:
    """Return scores, those of the lead benchmark by model, and those of published forecasts."""
    scores = tables["scores"]
    lead = None
    for key in benchmarks:
        mine = scores[scores["benchmark"] == key]
        if len(mine):
            by_year = tables["scores_by_year"]
            years = by_year.loc[by_year["benchmark"] == key, "fitted_to"]
            lead = {
                "name": benchmarks[key].name,
                "models": mine.set_index("model").to_dict(orient="index"),
                "first": int(years.min()),
                "last": int(years.max()),
            }
            break
    return {
        "rows": rows_of(scores),
        "lead": lead,
        "published": rows_of(tables["published_scores"]),
        "dates": rows_of(tables["published_dates"]),
    }


def theory_summary(tables: Tables) -> dict[str, Any]:
    """Return overtaking points and exponents, and those of the middle level of noise."""
    overtaking, exponents = tables["overtaking"], tables["theory_exponents"]
    levels = sorted(overtaking["noise_sd"].unique())
    middle = levels[len(levels) // 2]
    mine = overtaking[overtaking["noise_sd"] == middle].set_index("challenger")
    growing = exponents[(exponents["design"] == "growing") & (exponents["status"] == "fitted")]
    fixed = exponents[(exponents["design"] == "fixed") & (exponents["status"] == "fitted")]
    return {
        "overtaking": rows_of(overtaking),
        "exponents": rows_of(exponents),
        "noise": middle,
        "flexible": mine.loc["flexible"].to_dict(),
        "regularised": mine.loc["regularised"].to_dict(),
        "growing": _first(growing, quantity="compute", noise_sd=middle)
        or _first(growing, quantity="compute"),
        "fixed": _first(fixed, model="regularised", quantity="data", noise_sd=middle),
        "settings": _first(tables["learning_curves"], design="fixed", model="flexible"),
    }


def multiverse_summary(tables: Tables, benchmarks: Benchmarks) -> dict[str, Any]:
    """Return the spread over specifications, what moves the exponent, and how claims fare."""
    spread, choices, options = tables["spread"], tables["choices"], tables["options"]
    fitted = spread[spread["n_fitted"] > 0]
    lead = None
    for key in benchmarks:
        if (fitted["benchmark"] == key).any():
            mine = choices[(choices["benchmark"] == key) & (choices["choice"] != REST)]
            first = mine.sort_values("share", ascending=False, kind="stable")
            lead = {
                **rows_of(fitted[fitted["benchmark"] == key])[0],
                "key": key,
                "name": benchmarks[key].name,
                "first": rows_of(first)[0] if len(first) else None,
                "second": rows_of(first)[1] if len(first) > 1 else None,
                "options": rows_of(options[options["benchmark"] == key]),
            }
            break
    # There is one of each, and the mean, the default, fails where there is none.
    shares = choices.pivot_table(
        index="benchmark", columns="choice", values="share", sort=False, aggfunc="first"
    )
    return {
        "n": int(spread["n_specifications"].sum()),
        "n_fitted": int(spread["n_fitted"].sum()),
        "excluded": int(tables["exclusions"]["n_excluded"].sum()),
        "rows": rows_of(spread),
        "lead": lead,
        "choices": {**CHOICES, REST: "combinations of these"},
        "shares": shares.to_dict(orient="index"),
        "polled": rows_of(tables["polled"][tables["polled"]["n_specifications"] > 0]),
        "not_asked": int((tables["polled"]["n_specifications"] == 0).sum()),
        "rules": rows_of(tables["exclusions"]),
        "in_words": in_words,
        "every": EVERY,
    }


def _first(frame: pd.DataFrame, **wanted: Any) -> dict[str, Any] | None:
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return rows_of(frame)[0] if len(frame) else None
