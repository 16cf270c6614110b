"""Where a result comes from: hashes of inputs and code, versions of libraries."""

import ast
import hashlib
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent
LIBRARIES = (
    "numpy", "pandas", "scipy", "statsmodels", "matplotlib", "snakemake", "jinja2", "jsonschema",
    "scikit-learn",
)  # fmt: skip
_BESIDE = {".j2", ".css", ".js", ".yaml"}
"""Files beside modules that results depend on."""


def file_hash(path: Path | str) -> str:
    """Return the SHA-256 of a file."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of scalelaw, Python and the libraries whose code shapes results."""
    from scalelaw import __version__

    found = {"scalelaw": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def code_fingerprint(module: str) -> str:
    """Return a hash over a module of this package and all it imports from the package.

    Parameters
    ----------
    module : str
        Dotted name, such as ``scalelaw.tasks.check_corpus``.

    Returns
    -------
    str
        Sixteen hexadecimal digits that change when any of these files changes, templates that lie
        beside a module and the module's own package included, or a library's version.
    """
    digest = hashlib.sha256(repr(sorted(versions().items())).encode())
    for path in sorted(_closure(module)):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _closure(module: str) -> set[Path]:
    found: set[Path] = set()
    waiting: list[str] = [module, module.rpartition(".")[0]]
    while waiting:
        path = _locate(waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        if path == PACKAGE / "__init__.py":  # it loads the rest on demand only
            continue
        if path.name == "__init__.py":
            found |= {p for p in path.parent.rglob("*") if p.suffix in _BESIDE}
        waiting += _imports(path.read_bytes())
    return found


@cache
def _imports(source: bytes) -> Sequence[str]:
    """Return the modules of this package that a source imports; rules share most of them."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == PACKAGE.name]


@cache
def _locate(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
