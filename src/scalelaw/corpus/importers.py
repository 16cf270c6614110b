"""Draft corpus rows from other databases, for review, with a list of all that found no place."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from scalelaw.corpus.hardware import Hardware
from scalelaw.corpus.schema import PAPERS
from scalelaw.corpus.table import is_readable
from scalelaw.errors import ScalelawError, UnreadableError
from scalelaw.inputs import bounded_lines, check_input
from scalelaw.tables import write_table

WHOLE_FILE = ""
"""Stands for the record where a reason holds for every row of the file."""

_COLUMNS = {column.name: column for column in PAPERS}
_EMPTY = "the cell is empty, but the corpus needs it"
_NO_COLUMN = "the corpus has no such column"

_EPOCH_PAPER = ("Reference", "Link", "Publication date")
_EPOCH_METHOD = "Training compute estimation method"
_EPOCH_COLUMNS = (
    "Model", "Authors", *_EPOCH_PAPER, "Parameters", "Training compute (FLOP)", _EPOCH_METHOD,
    "Training hardware", "Hardware quantity", "Training time (hours)", "Training chip-hours",
    "Epochs", "Training dataset", "Base model", "Confidence",
)  # fmt: skip
_EPOCH_REMEDY = 'download the "All ML Systems" CSV again from https://epoch.ai/data'
_EPOCH_METHODS = {
    "Hardware": "hardware",
    "Operation counting": "operations",
    "Comparison with other models": "comparison",
    "Reported": "paper",
}
_EPOCH_CONFIDENCES = {
    "Confident": "confident",
    "Likely": "likely",
    "Speculative": "speculative",
}
_EPOCH_WHOLE_FILE = {
    "benchmark, metric, value, value_source": "the database has no benchmark results",
    "Training dataset": "not split into the benchmark's own training set and data beyond it: "
    "extra_data holds all of it",
}
_EPOCH_REASONS = {
    "Numerical format": "does not say whether a 16-bit format ran on matrix units",
    "Training dataset size (datapoints)": "datapoints are tokens, words, images or others",
    "Finetune compute (FLOP)": "the reviewer decides what compute_scope covers",
}

_TIMM_URL = (
    "https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv"
)
_TIMM_COLUMNS = ("model", "img_size", "top1", "param_count")
_TIMM_REMEDY = f"download it again from {_TIMM_URL}"
_TIMM_DATA = {
    "ig1b": "Instagram-1B",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "jft": "JFT",
    "laion2b": "LAION-2B",
    "webli": "WebLI",
    "yfcc100m": "YFCC100M",
}
_TIMM_WHOLE_FILE = {
    "date": "the file has no dates",
    "compute_scope, confidence": "the file has no training compute",
}
_TIMM_REASONS = {
    "top1_err": "the same result as top1",
    "top5": "one metric a row: top1 is kept",
    "top5_err": "one metric a row: top1 is kept",
}

_URL = re.compile(r"https?://[^\s<>\"']+")
# Keys of the corpus leave such words out: liu2022convnet is "A ConvNet for the 2020s".
_LEADING_WORDS = ("a", "an", "on", "the")
_NAME_SUFFIXES = ("ii", "iii", "jr", "sr")
_NO_SURNAMES = ("author", "authors", "team")


class Unmapped(NamedTuple):
    """One thing that could not be mapped.

    Parameters
    ----------
    record : str
        ``record_id`` of the row, empty where the reason holds for every row.
    column : str
        Column of the imported file; of the corpus, where the file has nothing for it.
    value : str
        Cell of the imported file.
    reason : str
        Why it found no place.
    """

    record: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """What an import gave.

    Parameters
    ----------
    rows : list of dict of str to str
        Rows in the schema of ``papers.csv``, cells as text, empty where unknown.
    unmapped : list of Unmapped
        All that could not be mapped, and why.
    """

    rows: list[dict[str, str]]
    unmapped: list[Unmapped]


class _Draft:
    """One row under way: takes the cells that the schema can read, and lists the others."""

    def __init__(self, record_id: str, unmapped: list[Unmapped]):
        self.row = dict.fromkeys(_COLUMNS, "") | {"record_id": record_id}
        self._unmapped = unmapped

    def leave(self, column: str, value: str, reason: str) -> None:
        self._unmapped.append(Unmapped(self.row["record_id"], column, value, reason))

    def fill(self, target: str, text: str, column: str) -> None:
        known = _COLUMNS[target]
        if text and is_readable(text, known):
            self.row[target] = text
        elif text:
            self.leave(column, text, f"not a {known.kind} that the corpus can read")
        elif known.required:
            self.leave(column, "", _EMPTY)


def import_epoch(file: Path, hardware: Hardware) -> Imported:
    """Draft rows from Epoch AI's "All ML Systems" CSV.

    The database has no benchmark results, so every row lacks its benchmark, metric and value.

    Parameters
    ----------
    file : Path
        CSV as downloaded.
    hardware : Hardware
        Devices that a row may name.

    Returns
    -------
    Imported

    Raises
    ------
    ScalelawError
        If the file cannot be read or lacks a column.
    """
    header, systems = _read(file, _EPOCH_COLUMNS, _EPOCH_REMEDY)
    unmapped = _whole_file(header, _EPOCH_COLUMNS, _EPOCH_WHOLE_FILE, _EPOCH_REASONS)
    taken: set[str] = set()
    titles: dict[str, str] = {}
    rows = []
    for system in systems:
        cells = {column: _tidy(cell) for column, cell in system.items()}
        name = _unique(_slug(f"epoch-{cells['Model']}"), taken)
        draft = _Draft(name, unmapped)
        draft.fill("model", cells["Model"], "Model")
        _epoch_paper(draft, cells, system["Authors"], titles)
        _epoch_compute(draft, cells, hardware)
        _epoch_data(draft, cells)
        rows.append(draft.row)
    return Imported(rows, unmapped)


def _epoch_paper(
    draft: _Draft, cells: dict[str, str], authors: str, titles: dict[str, str]
) -> None:
    draft.fill("title", cells["Reference"], "Reference")
    draft.fill("date", cells["Publication date"], "Publication date")
    first, *others = [url.rstrip(",;") for url in _URL.findall(cells["Link"])] or [cells["Link"]]
    draft.fill("url", first, "Link")
    if others:
        draft.leave("Link", " ".join(others), "only the first address is kept")
    title = cells["Reference"]
    author, word = _surname(authors), _first_word(title)
    if author and word and draft.row["date"]:
        key = draft.row["paper"] = f"{author}{draft.row['date'][:4]}{word}"
        if titles.setdefault(key, title.casefold()) != title.casefold():
            draft.leave("Reference", title, "another title has the same key: one publication?")
    elif author:
        draft.leave("paper", "", "no key without a date and a title")
    else:
        reason = "no key: the cell does not begin with a name" if _tidy(authors) else _EMPTY
        draft.leave("Authors", _tidy(authors), reason)


def _epoch_compute(draft: _Draft, cells: dict[str, str], hardware: Hardware) -> None:
    row = draft.row
    row["compute_source"] = f"Epoch AI, All ML Systems (CC BY 4.0), {row['model']} row"
    for target, column in (
        ("params", "Parameters"),
        ("epochs", "Epochs"),
        ("reported_flop", "Training compute (FLOP)"),
        ("n_devices", "Hardware quantity"),
        ("training_hours", "Training time (hours)"),
    ):
        draft.fill(target, _plain(cells[column]), column)

    method = cells[_EPOCH_METHOD]
    known = "mixed" if len(_parts(method)) > 1 else _EPOCH_METHODS.get(method)
    if row["reported_flop"] and known:
        row["reported_flop_method"] = known
    elif row["reported_flop"]:
        reason = "no such method in the corpus" if method else "training compute without a method"
        draft.leave(_EPOCH_METHOD, method, reason)
    elif method:
        draft.leave(_EPOCH_METHOD, method, "method without training compute")

    device = cells["Training hardware"]
    if len(_parts(device)) > 1:
        draft.leave("Training hardware", device, "several devices, but a row has one")
    elif hardware.find(device):
        row["hardware"] = device
    elif device:
        draft.leave("Training hardware", device, "the hardware table has no such device")

    chip_hours = _plain(cells["Training chip-hours"])
    if not (row["n_devices"] and row["training_hours"]):
        draft.fill("device_hours", chip_hours, "Training chip-hours")
    elif chip_hours and not _agree(chip_hours, row["n_devices"], row["training_hours"]):
        reason = "differs from quantity x time by over 1 %; those two are kept"
        draft.leave("Training chip-hours", chip_hours, reason)

    confidence = cells["Confidence"]
    row["confidence"] = _EPOCH_CONFIDENCES.get(confidence, "")
    if not row["confidence"]:
        reason = "no such confidence in the corpus" if confidence else _EMPTY
        draft.leave("Confidence", confidence, reason)


def _epoch_data(draft: _Draft, cells: dict[str, str]) -> None:
    data = cells["Training dataset"]
    named = [part for part in _parts(data) if not part.startswith("Unspecified")]
    draft.row["extra_data"] = "; ".join(named)
    if len(named) < len(_parts(data)):
        draft.leave("Training dataset", data, "names no data set, or not all")
    base = cells["Base model"]
    draft.row["base_model"] = "; ".join(_parts(base))
    if base:
        reason = "compute_scope left empty: does the compute include the base model's training?"
        draft.leave("Base model", base, reason)
    else:
        draft.row["compute_scope"] = "total"


def import_timm(file: Path) -> Imported:
    """Draft ImageNet rows from timm's ``results-imagenet.csv``.

    The file has neither dates nor training compute.

    Parameters
    ----------
    file : Path
        CSV as it stands in the repository of timm.

    Returns
    -------
    Imported

    Raises
    ------
    ScalelawError
        If the file cannot be read or lacks a column.
    """
    header, results = _read(file, _TIMM_COLUMNS, _TIMM_REMEDY)
    unmapped = _whole_file(header, _TIMM_COLUMNS, _TIMM_WHOLE_FILE, _TIMM_REASONS)
    taken: set[str] = set()
    models: set[str] = set()
    rows = []
    for result in results:
        cells = {column: _tidy(cell) for column, cell in result.items()}
        model, size = cells["model"], cells["img_size"]
        name = f"imagenet-timm2021results-{model}"
        again = model in models
        models.add(model)
        draft = _Draft(_unique(_slug(f"{name}-{size}" if again else name), taken), unmapped)
        draft.fill("model", model, "model")
        draft.fill("value", cells["top1"], "top1")
        draft.fill("params", _millions(cells["param_count"]), "param_count")
        draft.row |= {
            "paper": "timm2021results",
            "title": "timm results on ImageNet",
            "url": _TIMM_URL,
            "benchmark": "imagenet",
            "metric": "top1_accuracy",
            "value_source": f"results-imagenet.csv, row {model}, column top1",
            "note": f"tested at {size} x {size} pixels" if size else "",
        }
        if again:
            draft.leave("img_size", size, "the model stands there before at another size: keep one")
        _timm_data(draft, model)
        rows.append(draft.row)
    return Imported(rows, unmapped)


def _timm_data(draft: _Draft, model: str) -> None:
    tag = model.partition(".")[2]
    words = tag.split("_")
    named = dict.fromkeys(_TIMM_DATA[word] for word in words if word in _TIMM_DATA)
    draft.row["extra_data"] = "; ".join(named)
    if not tag:
        draft.leave("model", model, "no pretrained tag, so training data unknown")
    elif set(words) - {*_TIMM_DATA, "ft", "in1k"}:
        reason = "the tag has words that name a recipe, or data that is not in the list"
        draft.leave("model", tag, reason)


def write_for_review(imported: Imported, rows_path: Path, unmapped_path: Path) -> None:
    """Write drafted rows, and all that could not be mapped, as two CSV files.

    Parameters
    ----------
    imported : Imported
        Result of an import.
    rows_path, unmapped_path : Path
        Files to write; what stands there is overwritten.
    """
    import pandas as pd

    write_table(pd.DataFrame(imported.rows, columns=list(_COLUMNS)), rows_path)
    write_table(pd.DataFrame(imported.unmapped, columns=list(Unmapped._fields)), unmapped_path)


def summarise(imported: Imported) -> str:
    """Return how many rows were mapped, and how many cells were not, by reason."""
    counts = Counter(item.reason for item in imported.unmapped).most_common()
    return "\n".join(
        [
            f"{len(imported.rows)} rows mapped",
            f"{len(imported.unmapped)} cells or columns not mapped:",
            *(f"{count:8}  {reason}" for reason, count in counts),
        ]
    )


def _read(
    file: Path, needed: Collection[str], remedy: str
) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of a CSV file that has the columns needed."""
    check_input(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(bounded_lines(handle), strict=True)
            header = list(reader.fieldnames or [])
            missing = [column for column in needed if column not in header]
            if missing:
                names = ", ".join(f'"{column}"' for column in missing)
                raise ScalelawError(f"{file}: no column {names} ({remedy})")
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise ScalelawError(
                        f"{file}:{reader.line_num}: more or fewer cells than the header has "
                        f"({remedy})"
                    )
                rows.append(row)
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror} (check the path)") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScalelawError(f"{file}: not a CSV file in UTF-8: {error} ({remedy})") from None
    return header, rows


def _whole_file(
    header: Iterable[str], used: Collection[str], absent: dict[str, str], reasons: dict[str, str]
) -> list[Unmapped]:
    """Return what holds for every row: what the file lacks, and columns without a place."""
    unused = {column: reasons.get(column, _NO_COLUMN) for column in header if column not in used}
    return [
        Unmapped(WHOLE_FILE, column, "", reason) for column, reason in (absent | unused).items()
    ]


def _tidy(cell: str) -> str:
    return " ".join(cell.split())


def _parts(cell: str) -> list[str]:
    """Return the items of a cell that is itself a line of CSV."""
    parts = next(csv.reader([cell], skipinitialspace=True), [])
    return [part.strip() for part in parts if part.strip()]


def _plain(number: str) -> str:
    return re.sub(r"\.0+$", "", number)


def _agree(product: str, *factors: str) -> bool:
    expected = 1.0
    for factor in factors:
        expected *= float(factor)
    try:
        return abs(float(product) / expected - 1) <= 0.01
    except ValueError:
        return False


def _millions(text: str) -> str:
    """Return a count given in millions, such as 1,014.45, in full digits."""
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return text
    # Of 1e999999 the digits would be a million.
    if not number.is_finite() or not -15 < number.adjusted() < 15:
        return text
    return _plain(f"{number * 1_000_000:f}")


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", _ascii(text)).strip("-")


def _unique(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it was taken before, and take it."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    taken.add(candidate)
    return candidate


def _surname(authors: str) -> str:
    """Return the first author's surname for a key, empty where no plain name comes first."""
    first = re.split(r"[,;&]| and ", authors.strip())[0].strip()
    words = [word for word in first.split() if _ascii(word).strip(".") not in _NAME_SUFFIXES]
    # Longer beginnings and headings ("Core contributors: ...") are not one person's name.
    if not 1 <= len(words) <= 4 or re.search(r"[:/()\n]", first):
        return ""
    surname = re.sub(r"[^a-z0-9]", "", _ascii(words[-1]))
    return "" if surname in _NO_SURNAMES else surname


def _first_word(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", _ascii(title))
    return next((word for word in words if word not in _LEADING_WORDS), "")
