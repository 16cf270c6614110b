"""Examples of the documentation and of docstrings give what they say."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import shlex

import pytest

import scalelaw.fit
import scalelaw.plan
from scalelaw import errors
from scalelaw.cli import main
from small_corpus import ROOT

PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if ">>> " in page.read_text(encoding="utf-8")
]
MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (scalelaw.fit, scalelaw.plan)
    for module in pkgutil.iter_modules(package.__path__)
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
COMMAND = re.compile(r"^```console\n\$ scalelaw (.+)\n([\s\S]*?)^```$", re.MULTILINE)
INFERENCE = (ROOT / "docs/inference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_a_page(page, monkeypatch, tmp_path, capsys):
    # Pages write files beside them and read the corpus as from a checkout.
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert found.attempted > 0
    assert found.failed == 0, capsys.readouterr().out
    capsys.readouterr()
    for command, shown in COMMAND.findall(page.read_text(encoding="utf-8")):
        assert main(shlex.split(command)) == 0
        printed = capsys.readouterr().out
        assert doctest.OutputChecker().check_output(shown, printed, OPTIONS), printed


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=OPTIONS).failed == 0


def test_there_are_pages_with_examples():
    assert ROOT / "docs/fit-your-runs.md" in PAGES
    assert len(PAGES) > 3


def test_the_tutorial_shows_the_command_line():
    page = (ROOT / "docs/fit-your-runs.md").read_text(encoding="utf-8")
    assert [command.split()[0] for command, _ in COMMAND.findall(page)] == ["fit", "fit-surface"]


def codes_of_notes():
    """Yield the codes in calls of Note, and of local functions that make one."""
    for path in (ROOT / "src/scalelaw").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "Note(" in source else ():
            match node:
                case ast.Call(
                    func=ast.Name("Note" | "note" | "add"), args=[ast.Constant(str(code)), *_]
                ):
                    yield code


def test_each_code_of_a_warning_is_explained():
    codes = set(codes_of_notes())
    assert len(codes) > 25
    assert {code for code in codes if f"`{code}`" not in INFERENCE} == set()
    table = INFERENCE.split("## Warnings")[1].split("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == codes


def test_each_refusal_is_explained():
    kinds = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.FitError)
    }
    assert {name for name in kinds if f"{name}`" not in INFERENCE} == set()
