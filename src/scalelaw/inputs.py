"""Open files that anybody may have written: of bounded size, and never a pipe or a device."""

import csv
import math
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import yaml
from jsonschema import Draft202012Validator

from scalelaw.errors import ScalelawError, UnreadableError, visible

MAX_TABLE_BYTES = 2**30
"""A million records take 0.7 GB."""

MAX_LINE = 1_000_000
"""Characters of a line: all cells of a row at their longest stay below."""

MAX_YAML_BYTES = 2**20
"""The largest file of the project has 16 kB."""

MAX_YAML_NODES = 20_000
"""Values, lists and groups of one file; the largest file of the project has 1,000."""

MAX_YAML_DEPTH = 30
"""Lists and groups within each other; the files of the project have six at most."""

MAX_INTEGER = 2**63 - 1
MAX_FLOAT = 1e100

MAX_FAULTS = 1_000
"""Faults of one file that are listed."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def refusal(path: Path, most: int) -> tuple[str, str] | None:
    """Return why a file is not opened and what to do, None if it can be.

    A link is followed. Opening a pipe might wait for ever, so the kind is looked at before.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "not a path", "check the path"
    if not stat.S_ISREG(found.st_mode):
        if stat.S_ISDIR(found.st_mode):
            return "Is a directory", "check the path"
        kind = next((name for fits, name in _KINDS if fits(found.st_mode)), "something else")
        return f"{kind}, not a file", "write it to a file first"
    if found.st_size > most:
        return f"{found.st_size:,} bytes, at most {most:,} are read", "split the file"
    return None


def check_input(path: Path, most: int = MAX_TABLE_BYTES) -> None:
    """Raise UnreadableError unless a path leads to a regular file of at most so many bytes."""
    if refused := refusal(path, most):
        reason, remedy = refused
        raise UnreadableError(f"{visible(str(path))}: cannot be read ({reason}); {remedy}")


def bounded_lines(text: TextIO) -> Iterator[str]:
    """Yield the lines of an open text with their ends, without holding one of any length.

    Raises
    ------
    csv.Error
        At a line of more than `MAX_LINE` characters.
    """
    while line := text.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise csv.Error(f"a line has more than {MAX_LINE:,} characters")
        yield line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without what makes a small file large, or says a thing twice."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = self._nodes = 0
        self._sizes: dict[yaml.Node | None, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        place: Any = event.start_mark
        self._depth += 1
        if self._depth > MAX_YAML_DEPTH:
            problem = f"more than {MAX_YAML_DEPTH} lists or groups within each other"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=place)
        before = self._nodes
        node: yaml.Node | None = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent):
            if node not in self._sizes:
                problem = "an alias within what it stands for"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=place)
            # What stands twice counts twice: a few aliases of aliases would be billions.
            self._nodes += self._sizes[node]
        else:
            self._nodes += 1
            self._sizes[node] = self._nodes - before
        if self._nodes > MAX_YAML_NODES:
            problem = f"more than {MAX_YAML_NODES:,} values"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=place)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        met = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if (key_node.tag, key_node.value) in met:
                problem = f'the key "{visible(key_node.value, 60)}" stands twice'
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            met.add((key_node.tag, key_node.value))
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep)
        # What PyYAML's constructors raise at 30 February, at 5,000 digits, and at tags that lie.
        except (ValueError, OverflowError, LookupError, AttributeError):
            made = math.nan
        most = MAX_INTEGER if isinstance(made, int) else MAX_FLOAT
        if isinstance(made, int | float) and not abs(made) <= most:
            problem = f"{visible(str(node.value), 60)} is not a value that can be used"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return made


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data.

    Tags that would make objects, keys that stand twice and numbers that are not finite are
    refused.

    Raises
    ------
    UnreadableError
        If there is no such file, or it is too large or of another kind.
    ScalelawError
        If it is no such YAML, with line and column.
    """
    check_input(path, MAX_YAML_BYTES)
    name = visible(str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        raise UnreadableError(
            f"{name}: cannot be read ({error.strerror}); check the path"
        ) from None
    try:
        return _Loader(raw.decode("utf-8-sig")).get_single_data()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ScalelawError(f"{name}:{line}: cannot be read as YAML: {byte}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        why = visible(str(error.problem or error.context))
        raise ScalelawError(f"{name}{place}: cannot be read as YAML: {why}") from None
    except yaml.YAMLError as error:
        why = visible(" ".join(str(error).split()))
        raise ScalelawError(f"{name}: cannot be read as YAML: {why}") from None


def read_valid_yaml(path: Path, schema: Mapping[str, Any]) -> Any:
    """Read a YAML file that must fit a JSON Schema.

    Raises
    ------
    UnreadableError
        If there is no such file, or it is too large or of another kind.
    ScalelawError
        If it is no YAML or does not fit the schema; lists every fault with file and key.
    """
    content = read_yaml(path)
    faults = [
        visible(f"{path}: {'.'.join(map(str, fault.absolute_path)) or '-'}: {fault.message}", 500)
        for fault in Draft202012Validator(schema).iter_errors(content)
    ]
    if faults:
        raise ScalelawError("\n".join(sorted(faults)[:MAX_FAULTS]))
    return content
