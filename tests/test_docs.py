"""Examples of the documentation and of docstrings give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import scalelaw.fit
import scalelaw.plan
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_a_page(page, monkeypatch, tmp_path):
    # Pages write files beside them and read the corpus as from a checkout.
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=OPTIONS).failed == 0


def test_there_are_pages_with_examples():
    assert ROOT / "docs/fit-your-runs.md" in PAGES
    assert len(PAGES) > 3
