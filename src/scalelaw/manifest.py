"""What a folder of results was made from and holds, and whether it still does."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scalelaw.errors import ScalelawError, UnreadableError
from scalelaw.files import writing
from scalelaw.provenance import file_hash, versions

NAME = "manifest.json"

UNLISTED = frozenset({"logs", "benchmarks"})
"""Folders of results that tell of times and machines, and differ from run to run."""


@dataclass(frozen=True)
class Manifest:
    """Hashes of a run's inputs and results, and what else it depends on.

    Parameters
    ----------
    settings : mapping
        The configuration.
    versions : mapping of str to str
        Versions of Python and of the libraries whose code shapes results.
    inputs : mapping of str to str
        SHA-256 of each input file by its path.
    outputs : mapping of str to str
        SHA-256 of each result by its path within the folder of results.
    """

    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def of(
        cls, results: Path, outputs: Iterable[Path], inputs: Iterable[Path], settings: Any
    ) -> "Manifest":
        """Return the manifest of results and inputs as they are.

        Parameters
        ----------
        results : path
            Folder of results.
        outputs : iterable of path
            Files in it, or folders of files.
        inputs : iterable of path
            Input files.
        settings : mapping
            The configuration.
        """
        listed = (f for path in outputs for f in (_files(path) if path.is_dir() else [path]))
        return cls(
            settings,
            versions(),
            {path.as_posix(): file_hash(path) for path in sorted(inputs)},
            {path.relative_to(results).as_posix(): file_hash(path) for path in sorted(listed)},
        )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True)
        with writing(path) as part:
            part.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, results: Path) -> "Manifest":
        """Read the manifest of a folder of results.

        Raises
        ------
        ScalelawError
            If there is none, or if it is damaged.
        """
        path = results / NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            parts = [dict(content[name]) for name in cls.__dataclass_fields__]
        except FileNotFoundError:
            raise UnreadableError(
                f"{path} is not there (run `snakemake` or `scalelaw report` first, or name a "
                "folder of results)"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ScalelawError(
                f"{path}: damaged: {what} (run `snakemake` or `scalelaw report` again)"
            ) from None
        return cls(*parts)


@dataclass(frozen=True)
class Differences:
    """How results and inputs differ from their manifest.

    Parameters
    ----------
    changed, missing, unknown : list of str
        Results with other content, results that are gone, and files that the manifest lacks.
    inputs_changed, inputs_missing : list of str
        The same of input files; these say that results are out of date, not that they are wrong.
    """

    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inputs_changed: list[str] = field(default_factory=list)
    inputs_missing: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every result is what the manifest says."""
        return not (self.changed or self.missing or self.unknown)


def verify(results: Path, inputs_from: Path = Path()) -> Differences:
    """Hold a folder of results against its manifest.

    Parameters
    ----------
    results : path
        The folder.
    inputs_from : path
        Folder that relative paths of inputs start from, that of the run.

    Raises
    ------
    ScalelawError
        If there is no manifest, or if it is damaged.
    """
    manifest = Manifest.read(results)
    found = Differences()
    for name, digest in manifest.outputs.items():
        _hold(results / name, name, digest, found.changed, found.missing)
    for name, digest in manifest.inputs.items():
        _hold(inputs_from / name, name, digest, found.inputs_changed, found.inputs_missing)
    known = {*manifest.outputs, NAME}
    there = (path.relative_to(results) for path in _files(results))
    found.unknown.extend(
        path.as_posix()
        for path in there
        if path.parts[0] not in UNLISTED and path.as_posix() not in known
    )
    return found


def _hold(path: Path, name: str, digest: str, changed: list[str], missing: list[str]) -> None:
    if not path.is_file():
        missing.append(name)
    elif file_hash(path) != digest:
        changed.append(name)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
