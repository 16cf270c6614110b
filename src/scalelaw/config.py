"""Check a configuration against its schema, and describe the schema as a reference."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from scalelaw.errors import ConfigError, did_you_mean, visible
from scalelaw.inputs import MAX_FLOAT, MAX_INTEGER, MAX_YAML_DEPTH, MAX_YAML_NODES, read_yaml


def read_config(path: Path) -> dict[str, Any]:
    """Read a file of settings before Snakemake does.

    Snakemake also runs templates: expressions of Python in a file with the key ``__use_yte__``.

    Parameters
    ----------
    path : path
        YAML file; an empty one has no settings.

    Raises
    ------
    UnreadableError
        If there is no such file, or it is too large or of another kind.
    ScalelawError
        If it is no YAML, with line and column.
    ConfigError
        If it holds no settings by name, or is a template.
    """
    content = read_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: no settings by name (write key: value)")
    if "__use_yte__" in content:
        raise ConfigError(f"{path}: __use_yte__: templates run code (write the values out)")
    return content


def check_benchmarks(names: Iterable[str], files: Iterable[Path | str]) -> None:
    """Check that the benchmarks to analyse are in their files.

    Raises
    ------
    ConfigError
        If one is not, with the nearest that is.
    ScalelawError
        If a file cannot be read.
    """
    known: list[str] = []
    for path in files:
        content = read_yaml(Path(path))
        known += content if isinstance(content, dict) else []
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise ConfigError(visible(f'benchmarks: no benchmark "{name}" ({near})'))


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
    _measure(config)
    problems = [
        line
        for error in Draft202012Validator(_schema(schema_file)).iter_errors(dict(config))
        for line in map(visible, _describe(error))
    ]
    headline, bases = config.get("headline_basis"), config.get("bases")
    if not problems and bases is not None and headline not in bases:
        problems.append(f'headline_basis: "{headline}" is not among bases ({", ".join(bases)})')
    if problems:
        raise ConfigError("the configuration has errors:\n  " + "\n  ".join(sorted(problems)))


@cache
def _schema(file: Path | str) -> Any:
    return yaml.safe_load(Path(file).read_text(encoding="utf-8"))


def _measure(config: Mapping[str, Any]) -> None:
    """Raise ConfigError where checking might not end, or a number passes any bound."""
    left: list[tuple[Any, list[str]]] = [(config, [])]
    met = 0
    while left:
        value, where = left.pop()
        met += 1
        if met > MAX_YAML_NODES or len(where) > MAX_YAML_DEPTH:
            raise ConfigError("the configuration is too large or too deep (remove aliases)")
        most = MAX_INTEGER if isinstance(value, int) else MAX_FLOAT
        if isinstance(value, int | float) and not abs(value) <= most:
            raise ConfigError(f"{visible('.'.join(where))}: not a number that can be used")
        if isinstance(value, Mapping):
            left += [(item, [*where, str(key)]) for key, item in value.items()]
        elif isinstance(value, list):
            left += [(item, [*where, str(i)]) for i, item in enumerate(value)]


def _describe(error: Any) -> Iterator[str]:
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in sorted(set(error.instance) - set(known), key=str):
            near = did_you_mean(str(key), known) or f"known keys: {', '.join(known)}"
            group, dot, rest = str(key).partition(".")
            if dot and group in known:
                near = f"write {group}: on a line and {rest}: on the next one, indented"
            yield f"{where + '.' if where else ''}{key}: unknown key ({near})"
    elif error.validator == "enum":
        known = [str(value) for value in error.validator_value]
        near = did_you_mean(str(error.instance), known)
        yield f"{where}: {error.instance!r} is not one of {', '.join(known)}" + (
            f" ({near})" if near else ""
        )
    elif error.validator == "type":
        kinds = {"array": "a list, such as [a, b]", "object": "a group of keys"}
        wanted = kinds.get(error.validator_value, f"of type {error.validator_value}")
        yield f"{where or '-'}: {error.instance!r} is not {wanted}"
    else:
        yield f"{where or '-'}: {error.message}"


_README = """# Configuration

<!-- Generated by `python -m scalelaw.config > config/README.md`. -->

`config.yaml` holds the defaults. To change a setting, write only its key into `config/local.yaml`,
which is read on top if it exists and which git ignores, or into a file given with
`snakemake --configfile mine.yaml`. A key that the schema does not know is refused with the nearest
known one. A list replaces the default list as a whole.

To add your own results without touching the project's files:

```yaml
corpus:
  extra: [my/papers.csv]
```

## All keys

{table}"""


def reference(schema_file: Path | str, defaults_file: Path | str) -> str:
    """Return the configuration's reference as Markdown: every key, its default and its meaning."""
    defaults = yaml.safe_load(Path(defaults_file).read_text(encoding="utf-8"))
    lines = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, entry, value in _walk(_schema(schema_file), defaults):
        shown = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
        shown = shown.removesuffix("\n...")
        lines.append(f"| `{name}` | `{shown}` | {entry['description']} |")
    return _README.format(table="\n".join(lines) + "\n")


def _walk(
    schema: Mapping[str, Any], values: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    for key, entry in schema["properties"].items():
        if "properties" in entry:
            yield from _walk(entry, values[key], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry, values[key]


if __name__ == "__main__":
    print(reference("workflow/schemas/config.schema.yaml", "config/config.yaml"), end="")
