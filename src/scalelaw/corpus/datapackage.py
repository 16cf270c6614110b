"""A Frictionless data package that describes the corpus tables to other tools."""

import json
from collections.abc import Sequence
from typing import Any

from scalelaw import __version__
from scalelaw.corpus.schema import GRID, HARDWARE, PAPERS, PRICES, Column

_TYPES = {
    "slug": "string",
    "text": "string",
    "url": "string",
    "date": "string",
    "choice": "string",
    "number": "number",
    "count": "integer",
}


def datapackage() -> str:
    """Return ``data/datapackage.json``: tables, columns, types, units, keys and licences.

    The form is that of Data Package version 1 with Table Schema (https://specs.frictionlessdata.io).
    """
    content = {
        "profile": "tabular-data-package",
        "name": "scalelaw-corpus",
        "title": "Published deep-learning results with their training compute",
        "version": __version__,
        "licenses": [
            {
                "name": "CC-BY-4.0",
                "path": "https://creativecommons.org/licenses/by/4.0/",
                "title": "Creative Commons Attribution 4.0",
            }
        ],
        "sources": [
            {"title": "Papers, model zoos and result logs named in each row"},
            {"title": "Epoch AI, Data on AI Models (CC BY 4.0)", "path": "https://epoch.ai/data"},
            {
                "title": "Our World in Data, from Ember (CC BY 4.0)",
                "path": "https://ourworldindata.org/grapher/carbon-intensity-electricity",
            },
        ],
        "resources": [
            _resource(
                "papers", PAPERS, ["record_id"], "One trained model's result on a benchmark."
            ),
            _resource("hardware", HARDWARE, ["device"], "One device with its peak rates."),
            _resource("prices", PRICES, [], "One quote of the rent or price of a device."),
            _resource("grid", GRID, ["place", "year"], "Carbon intensity of electricity."),
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _resource(
    name: str, columns: Sequence[Column], key: list[str], description: str
) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": f"{name}.csv",
        "description": description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {
            "fields": [_field(column) for column in columns],
            "missingValues": [""],
            **({"primaryKey": key} if key else {}),
        },
    }


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES[column.kind],
        "description": column.description,
    }
    if column.unit:
        field["unit"] = column.unit
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.choices:
        constraints["enum"] = list(column.choices)
    if column.kind == "date":
        constraints["pattern"] = "[0-9]{4}-[0-9]{2}(-[0-9]{2})?"
    if column.kind == "url":
        field["format"] = "uri"
    if constraints:
        field["constraints"] = constraints
    return field


if __name__ == "__main__":
    print(datapackage(), end="")
