"""Examples of the documentation and of docstrings give what they say."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml

import scalelaw.fit
import scalelaw.plan
from scalelaw import PowerLaw, errors, load_corpus
from scalelaw.cli import main
from scalelaw.corpus.records import Selection
from scalelaw.fit.curves import DIRECTIONS
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


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_scripts_of_a_page_run(page, monkeypatch, tmp_path, capsys):
    text = (ROOT / page).read_text(encoding="utf-8")
    (script,) = re.findall(r"^```python\n([\s\S]*?)^```$", text, re.MULTILINE)
    rows = [f"{10.0 ** (16 + i)},{0.4 * 0.7**i * (1 + i % 2 / 10)},p{i}" for i in range(8)]
    (tmp_path / "runs.csv").write_text("\n".join(["flop,error,paper", *rows]))
    monkeypatch.chdir(tmp_path)
    exec(compile(script, page, "exec"), {})
    assert "exponent" in capsys.readouterr().out


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


DATA = ROOT / "data"
LINKED = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / name for name in ("data/README.md", "data/SOURCES.md", "config/README.md")),
]
CODE = re.compile(r"^(`{3,})(?!\{).*?^\1$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)|<(https?://[^>\s]*)>")
DOC = re.compile(r"\{doc\}`(?:[^`<]*<)?([^`<>]+)>?`")
INCLUDE = re.compile(r"^```\{include\} (\S+)", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the names under which the headings of a page can be linked to."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def dead_links(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere; outside addresses need only be well formed."""
    whole = page.read_text(encoding="utf-8")
    for link in INCLUDE.findall(whole):
        if not (page.parent / link).is_file():
            yield link
    for link in DOC.findall(whole):
        if not (page.parent / f"{link}.md").is_file():
            yield link
    for link in (a or b for a, b in LINK.findall(CODE.sub("", whole))):
        parts = urlsplit(link)
        target = page.parent / parts.path if parts.path else page
        if parts.scheme or parts.netloc:
            good = parts.scheme in ("http", "https") and re.fullmatch(
                r"[\w-]+(\.[\w-]+)+", parts.netloc
            )
        elif parts.fragment:
            good = target.is_file() and parts.fragment in anchors(target)
        else:
            good = target.exists()
        if not good:
            yield link


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert list(dead_links(page)) == []


def test_dead_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[a](gone.md) [b](#a-page) [c](#no-page) {doc}`page` {doc}`x <none>` "
        "[d](https://nowhere) <https://example.org/a> `[e](in-code.md)`\n"
    )
    assert list(dead_links(page)) == ["none", "gone.md", "#no-page", "https://nowhere"]


@pytest.mark.parametrize("name", ["methods", "inference"])
def test_every_reference_can_be_opened(name):
    page = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    entries = re.split(r"^- ", page.split("## References")[1], flags=re.MULTILINE)[1:]
    assert len(entries) > 5
    assert [entry for entry in entries if "](https://" not in entry] == []


def test_every_page_is_in_the_contents():
    listed = set()
    for name in ("index", "models/index"):
        page = ROOT / f"docs/{name}.md"
        for block in re.findall(
            r"^```\{toctree\}\n([\s\S]*?)^```$", page.read_text(), re.MULTILINE
        ):
            entries = [line for line in block.split() if not line.startswith(":")]
            listed |= {page.parent / f"{entry}.md" for entry in entries}
    assert {p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts} - listed == {
        ROOT / "docs/index.md"
    }


def test_the_api_page_has_every_public_name():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    shown = {
        name.split(".")[-1] for name in re.findall(r"^\.\. auto\w+:: (\S+)", page, re.MULTILINE)
    }
    assert set(scalelaw.__all__) - {"__version__"} - shown == set()


def test_each_section_of_the_report_is_explained():
    templates = (ROOT / "src/scalelaw/report").rglob("*.j2")
    sections = {
        re.sub(r", \{\{.*|\s*\(\{\{.*", "", title)
        for path in templates
        for title in re.findall(r"<h2[^>]*>(.+?)</h2>", path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs/reading.md").read_text(encoding="utf-8")
    headings = {title.split(",")[0] for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert len(sections) > 10
    assert {title for title in sections if title.split(",")[0] not in headings} == set()


def test_each_result_is_described():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    results = set(re.findall(r"[a-z]+/[a-z_]+\.(?:csv|parquet|json)", rules))
    table = (ROOT / "docs/outputs.md").read_text(encoding="utf-8").split("\n## ")[0]
    described = set()
    for line in table.splitlines():
        folder = ""
        for name in re.findall(r"`([^`]+)`", line.split("|")[1] if line.startswith("|") else ""):
            folder = name.rpartition("/")[0] if "/" in name else folder
            described.add(f"{folder}/{name.rpartition('/')[2]}")
    assert len(results) > 30
    assert results - described == set()


def test_what_the_developing_page_points_to_is_there():
    page = (ROOT / "docs/developing.md").read_text(encoding="utf-8")
    table = page.split("## What a workflow should offer")[1].split("\n## ")[0]
    assert [int(n) for n in re.findall(r"^\| (\d+)\.", table, re.MULTILINE)] == [*range(1, 29)]
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    named = re.findall(r"`([^`]+)`", table)
    points = [name for name in named if name.startswith("test_") and not name.endswith(".py")]
    paths = [name for name in named if "/" in name or Path(name).suffix in (".md", ".yml", ".cff")]
    assert len(points) > 10
    assert [name for name in points if f"def {name}(" not in tests] == []
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def records():
    """Return the records that enter fits, as the workflow takes them."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    corpus = load_corpus(
        [DATA / "papers.csv"], [DATA / "hardware.csv"], [DATA / "benchmarks.yaml"],
        Selection(exclude_scopes=tuple(config["corpus"]["exclude_scopes"])),
    )  # fmt: skip
    return corpus.records[corpus.records["excluded"] == ""]


def exponent(data, direction="compute_on_error", groups="paper"):
    law = PowerLaw("flop_hardware", "error", DIRECTIONS[direction], x_sd="compute_sd_decades",
        y_sd=0.02, replicates=0)  # fmt: skip
    return law.fit(data, groups).cost_exponent()


def test_numbers_of_the_questions_are_those_of_the_corpus(records):
    page = " ".join((ROOT / "docs/faq.md").read_text(encoding="utf-8").split())
    data = {
        name: records[(records["benchmark"] == name) & records["flop_hardware"].notna()]
        for name in ("imagenet", "ms_coco")
    }
    image, coco = data["imagenet"], data["ms_coco"]
    r2 = {
        name: np.corrcoef(np.log(d["flop_hardware"]), np.log(d["error"]))[0, 1] ** 2
        for name, d in data.items()
    }
    forward, reverse, york = (exponent(image, direction) for direction in DIRECTIONS)
    said = "gives {:.1f} (95% interval {:.1f} to {:.1f}), "
    assert said.format(forward.value, forward.lower, forward.upper) in page
    said = "error regressed on compute {:.1f} ({:.1f} to {:.1f}), "
    assert said.format(reverse.value, reverse.lower, reverse.upper) in page
    said = "errors in both variables {:.1f} ({:.1f} to {:.1f})."
    assert said.format(york.value, york.lower, york.upper) in page
    assert f"$R^2$, which is {r2['imagenet']:.2f} on ImageNet" in page
    said = f"has {len(image)} records, but they come from {image['paper'].nunique()} papers"
    assert said in page
    alone = exponent(image, groups=None)
    said = "would be {:.1f} to {:.1f}; with papers as clusters it is {:.1f} to {:.1f}."
    assert said.format(alone.lower, alone.upper, forward.lower, forward.upper) in page
    assert f"Why does half the error cost {2**forward.value:.0f} times" in page
    both = records["flop_hardware"] / records["flop_operations"]
    assert f"a median ratio of {both.median():.1f}." in page
    said = "The three directions give {:.1f}, {:.1f} and {:.1f},"
    assert said.format(*(exponent(coco, direction).value for direction in DIRECTIONS)) in page
    assert f"$R^2$ is {r2['ms_coco']:.2f}." in page
    stated, default = (
        exponent(coco[coco["peak_precision_basis"] == basis]).value
        for basis in ("stated", "default")
    )
    assert f"number format give {stated:.1f}, those whose source does not {default:.1f}." in page
    whole = exponent(coco[coco["compute_scope"] == "total"])
    said = f"nothing left out give {whole.value:.1f} ({whole.lower:.1f} to {whole.upper:.1f})."
    assert said in page


def test_the_example_of_adding_a_paper_works(monkeypatch, tmp_path, capsys):
    page = (ROOT / "docs/add-a-paper.md").read_text(encoding="utf-8")
    rows, warning = re.findall(r"^```text\n([\s\S]*?)^```$", page, re.MULTILINE)
    (tmp_path / "data").symlink_to(DATA)
    (tmp_path / "my").mkdir()
    (tmp_path / "my/papers.csv").write_text(rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^\./run exec scalelaw (validate .+)$", page, re.MULTILINE)
    assert main(shlex.split(command)) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "warning:" in line] == [warning.strip()]


def marks(svg: str) -> tuple[list[str], np.ndarray]:
    """Return the words of a figure and where its points are."""
    words = re.findall(r"<!-- (.+?) -->", svg)
    points = re.findall(r'<use xlink:href="#C\w+" x="([\d.]+)" y="([\d.]+)"', svg)
    return words, np.array(points, dtype=float)


def test_the_first_figure_is_that_of_the_corpus(tmp_path, records):
    spec = importlib.util.spec_from_file_location("overview", ROOT / "docs/overview.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.draw(tmp_path / "overview.svg")
    words, points = marks((tmp_path / "overview.svg").read_text(encoding="utf-8"))
    committed = ROOT / "docs/overview.svg"
    assert committed.stat().st_size < 200_000
    shown_words, shown_points = marks(committed.read_text(encoding="utf-8"))
    on_imagenet = (records["benchmark"] == "imagenet") & records["flop_hardware"].notna()
    assert len(points) == on_imagenet.sum()
    assert shown_words == words, "run `make generated`"
    # Versions of matplotlib lay out a little differently.
    np.testing.assert_allclose(shown_points, points, atol=3, err_msg="run `make generated`")
