"""Check a configuration against its schema, and describe the schema as a reference."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from scalelaw.errors import ConfigError, did_you_mean


def check_config(config: Mapping[str, Any], schema_file: Path | str) -> None:
    """Check a configuration.

    Parameters
    ----------
    config : mapping
        The configuration.
    schema_file : path
        Its JSON Schema, written in YAML.

    Raises
    ------
    ConfigError
        If a key is unknown, missing or of the wrong kind; the message lists all such keys and the
        nearest known one.
    """
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    problems = [
        line
        for error in Draft202012Validator(schema).iter_errors(dict(config))
        for line in _describe(error)
    ]
    headline, bases = config.get("headline_basis"), config.get("bases")
    if not problems and bases is not None and headline not in bases:
        problems.append(f'headline_basis: "{headline}" is not among bases ({", ".join(bases)})')
    if problems:
        raise ConfigError("the configuration has errors:\n  " + "\n  ".join(sorted(problems)))


def _describe(error: Any) -> Iterator[str]:
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in sorted(set(error.instance) - set(known)):
            near = did_you_mean(str(key), known) or f"known keys: {', '.join(known)}"
            yield f"{where + '.' if where else ''}{key}: unknown key ({near})"
    elif error.validator == "enum":
        known = [str(value) for value in error.validator_value]
        near = did_you_mean(str(error.instance), known)
        yield f"{where}: {error.instance!r} is not one of {', '.join(known)}" + (
            f" ({near})" if near else ""
        )
    else:
        yield f"{where or '-'}: {error.message}"


def reference(schema_file: Path | str, defaults_file: Path | str) -> str:
    """Return a Markdown table of every key with its default and description."""
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    defaults = yaml.safe_load(Path(defaults_file).read_text(encoding="utf-8"))
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, entry, value in _walk(schema, defaults):
        shown = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
        shown = shown.removesuffix("\n...")
        lines.append(f"| `{name}` | `{shown}` | {entry['description']} |")
    return "\n".join(lines) + "\n"


def _walk(
    schema: Mapping[str, Any], values: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    for key, entry in schema["properties"].items():
        if "properties" in entry:
            yield from _walk(entry, values[key], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry, values[key]
