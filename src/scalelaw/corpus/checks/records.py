"""Checks of records against each other."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scalelaw.corpus.checks.catalogue import Context, Entry, Finding, check
from scalelaw.corpus.table import Row

ROBUST_SIGMAS = 3.0
LEAST_SPREAD_DECADES = 0.3
"""A year whose records agree closely does not make one that is twofold off an outlier."""


def fold(text: str) -> str:
    """Return a name without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


@check("error", "record_id", each=False)
def duplicate_id(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """A record is cited by its name, which must be its own."""
    seen: dict[str, Row] = {}
    for entry in entries:
        first = seen.setdefault(entry["record_id"], entry.row)
        if first is not entry.row:
            yield Finding(
                entry.row,
                "record_id",
                f'"{entry["record_id"]}" is already used at {first.file}:{first.line}',
                "give each row a name of its own",
            )


@check("warning", "title", "model", "metric", "value", each=False)
def duplicate_result(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """The same title, model, metric, value and cost twice is one result, entered twice."""

    def key(entry: Entry) -> tuple[Any, ...]:
        cost = ("n_devices", "training_hours", "device_hours", "reported_flop", "epochs")
        names = fold(entry["title"]), entry["benchmark"], fold(entry["model"]), entry["metric"]
        return (*names, entry["value"], *(entry[c] for c in cost))

    seen: dict[tuple[Any, ...], Row] = {}
    for entry in entries:
        first = seen.setdefault(key(entry), entry.row)
        if first is not entry.row:
            yield Finding(
                entry.row,
                "model",
                f"the same result as {first.file}:{first.line}",
                "remove one of the two, or say in the model name what differs",
            )


@check("warning", "paper", "model", each=False)
def shared_burden(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """One time printed for a paper as a whole is not the time of each of its models."""
    groups: dict[tuple[Any, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.flop.hardware and not entry["fixed_target"]:
            burden = round(float(np.log10(entry.flop.hardware)), 6)
            groups[entry["paper"], entry["benchmark"], burden].append(entry)
    for shared in groups.values():
        models = {fold(e["model"]) for e in shared}
        sizes = {e["params"] or e["forward_flop"] for e in shared} - {None}
        if len(models) > 1 and len(sizes) > 1:
            for entry in shared:
                yield Finding(
                    entry.row,
                    "training_hours",
                    f"{len(models)} models of different size share one burden",
                    "keep the time only with the model that it was printed for",
                )


@check("warning", "model", "compute_scope", each=False)
def child_below_base(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """A model built on another has cost at least as much, if its compute is the total."""
    totals: dict[str, float] = {}
    for entry in entries:
        flop = entry.flop.best()[0]
        if flop and entry["compute_scope"] == "total":
            name = fold(entry["model"])
            totals[name] = min(flop, totals.get(name, flop))
    for entry in entries:
        flop, base = entry.flop.best()[0], totals.get(fold(entry["base_model"] or ""))
        if flop and base and entry["compute_scope"] == "total" and flop < base:
            yield Finding(
                entry.row,
                "base_model",
                f"{flop:.3g} FLOP in total is less than its base model's {base:.3g}",
                "add the base model's compute, or write pretraining_missing",
            )


@check("warning", "model", each=False)
def multiply_adds(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """Half the forward FLOP of the same model elsewhere: multiply-adds taken for FLOP."""
    by_model: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry["forward_flop"]:
            by_model[entry["benchmark"], fold(entry["model"])].append(entry)
    for same in by_model.values():
        figures = sorted({entry["forward_flop"] for entry in same})
        for entry in same:
            own = entry["forward_flop"]
            above = bisect_right(figures, 1.9, key=lambda other: other / own)
            if above < len(figures) and figures[above] / own < 2.1:
                yield Finding(
                    entry.row,
                    "forward_flop",
                    f"{entry['forward_flop']:.3g} is half of what another record of this model has",
                    "a multiply-add counts 2 FLOP",
                )


@check("warning", "model", "value", each=False)
def sources_disagree(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """Two records of one model with one value whose compute differs more than threefold."""
    same: dict[tuple[Any, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        flop, basis = entry.flop.best()
        if flop and not entry["fixed_target"]:
            key = entry["benchmark"], fold(entry["model"]), entry["metric"], entry["value"]
            same[(*key, basis)].append(entry)
    for records in same.values():
        figures = [entry.flop.best()[0] or 1.0 for entry in records]
        if max(figures) > 3 * min(figures):
            for entry in records:
                yield Finding(
                    entry.row,
                    "compute_source",
                    "records of this model and value differ "
                    f"{max(figures) / min(figures):.2g}-fold in compute",
                    "read both sources again",
                )


@check("warning", "date", "compute_scope", each=False)
def compute_off_its_year(entries: Sequence[Entry], context: Context) -> Iterator[Finding]:
    """Compute more than three robust sigmas from that of the same benchmark and year."""
    years: dict[tuple[Any, ...], list[tuple[float, Entry]]] = defaultdict(list)
    for entry in entries:
        flop, basis = entry.flop.best()
        if flop and not entry["fixed_target"]:
            key = entry["benchmark"], entry["date"][:4], basis, entry["compute_scope"]
            years[key].append((float(np.log10(flop)), entry))
    for records in years.values():
        if len(records) < 10:
            continue
        logs = np.array([log for log, _ in records])
        centre = np.median(logs)
        sigma = max(1.4826 * float(np.median(np.abs(logs - centre))), LEAST_SPREAD_DECADES)
        for log, entry in records:
            off = (log - centre) / sigma
            if abs(off) > ROBUST_SIGMAS:
                yield Finding(
                    entry.row,
                    "compute_source",
                    f"10^{log:.1f} FLOP is {off:+.1f} robust sigmas from the 10^{centre:.1f} of "
                    "its year",
                    "check units, devices and time; waive it if the model is simply that large "
                    "or small",
                )
