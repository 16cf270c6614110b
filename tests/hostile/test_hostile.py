"""Every malformed or hostile file ends in a clear message, in bounded time and memory."""

import ast
import copy
import os
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from files import CASES, Case, limits, listing

from scalelaw.cli import main
from scalelaw.config import check_config, read_config
from scalelaw.errors import ScalelawError
from small_corpus import BENCHMARKS, DEVICES, ROOT, ROW, write_hardware, write_papers
from small_project import make_project

LIGHT = [case for case in CASES if not case.heavy]
HEAVY = [case for case in CASES if case.heavy]
MEMORY = 300 * 2**20
"""What a process may hold that reads a heavy file; 60 MB of it are libraries, 200 with records."""
SECONDS = 60
"""After these a file counts as one that never ends; the slowest takes a few."""
# What Python reports when code would start a program, a connection or another object's code.
DANGER = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
          "socket.connect", "pickle.find_class"}  # fmt: skip
seen: list[str] = []
watching = False


def watch(event: str, _: tuple[Any, ...]) -> None:
    if watching and event in DANGER:
        seen.append(event)


sys.addaudithook(watch)


@pytest.fixture(autouse=True)
def bounded(tmp_path, monkeypatch) -> Iterator[None]:
    """Run in a folder of its own, and end what hangs."""
    global watching

    def stop(*_: object) -> None:
        raise TimeoutError("the file is read for ever")

    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    seen.clear()
    watching = True
    yield
    watching = False
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def command(case: Case, folder: Path) -> list[str]:
    """Make the file and the good ones beside it, and return the command that reads it."""
    files = {
        "papers": write_papers(folder / "good.csv", [ROW]),
        "hardware": write_hardware(folder / "good_hardware.csv", DEVICES),
        "benchmarks": folder / "good.yaml",
    }
    files["benchmarks"].write_text(BENCHMARKS)
    bad = folder / ("bad.yaml" if case.kind in ("benchmarks", "config") else "bad.csv")
    case.make(bad)
    if case.kind == "import":
        return ["import", "epoch", str(bad), "--hardware", str(files["hardware"])]
    if case.kind == "fit":
        return ["fit", str(bad), "--x", "flop", "--y", "error"]
    files[case.kind] = bad
    tables = ["--hardware", str(files["hardware"]), "--benchmarks", str(files["benchmarks"])]
    return ["validate", str(files["papers"]), *tables]


def check_said(case: Case, said: str) -> None:
    assert case.says in said
    assert "Traceback" not in said
    assert len(said) < 1_000_000
    raw = {c for c in said if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"}
    assert raw == set(), "control characters reach the terminal"
    if case.name == "link to passwords":
        assert "root:" not in said


@pytest.mark.parametrize(
    "case", [c for c in LIGHT if c.kind != "config"], ids=lambda case: f"{case.kind}-{case.name}"
)
def test_a_bad_file_ends_in_a_clear_message(case, tmp_path, capsys):
    arguments = command(case, tmp_path)
    before = set(tmp_path.iterdir())
    status = main(arguments)
    printed = capsys.readouterr()
    said = printed.out + printed.err
    check_said(case, said)
    assert status == case.status, said
    if status:
        # The file that is wrong is named.
        assert "bad." in said
        assert set(tmp_path.iterdir()) == before
    assert seen == []


@pytest.mark.parametrize("case", HEAVY, ids=lambda case: case.name)
def test_a_heavy_file_takes_bounded_memory(case, tmp_path):
    arguments = command(case, tmp_path)
    # What the kernel tells of a child counts what its parent held when it was forked, so the
    # command runs under a small process of its own.
    program = (
        "import resource, sys; "
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30)); "
        "from scalelaw.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    watch = (
        "import resource, subprocess, sys; status = subprocess.call(sys.argv[2:]); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; "
        "open(sys.argv[1], 'w').write(str(used)); sys.exit(status)"
    )
    peak = tmp_path / "peak.txt"
    command_line = [sys.executable, "-c", program, *arguments]
    child = subprocess.run(
        [sys.executable, "-c", watch, str(peak), *command_line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        text=True,
        timeout=60,
    )
    (tmp_path / "bad.csv").unlink()  # up to 300 MB
    check_said(case, child.stdout)
    assert child.returncode == case.status
    assert 20_000 < int(peak.read_text()) < MEMORY / 1024


def settings(path: Path) -> None:
    """Do with a file of settings what the workflow does."""
    changes = read_config(path)
    config = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    for key, value in changes.items():
        old = config.get(key)
        config[key] = {**old, **value} if isinstance(old, dict) else value
    check_config(config, ROOT / "workflow/schemas/config.schema.yaml")


@pytest.mark.parametrize(
    "case", [c for c in LIGHT if c.kind == "config"], ids=lambda case: case.name
)
def test_a_bad_configuration_is_refused(case, tmp_path):
    path = tmp_path / "local.yaml"
    case.make(path)
    if case.status == 0:
        settings(path)
        return
    with pytest.raises(ScalelawError) as caught:
        settings(path)
    check_said(case, str(caught.value))
    assert [entry.name for entry in tmp_path.iterdir()] == ["local.yaml"]
    assert seen == []


@pytest.mark.parametrize("name", ["code in a template", "billion laughs", "unknown keys"])
def test_the_workflow_refuses_a_bad_configuration(name, tmp_path):
    global watching
    watching = False  # this test starts a program itself
    project = make_project(tmp_path)
    case = next(case for case in CASES if case.name == f"config: {name}")
    case.make(project.path / "config/local.yaml")
    run = project.snakemake("--dry-run")
    assert run.returncode == 1
    assert case.says in run.stdout
    assert "Traceback" not in run.stdout
    assert not (project.path / "owned").exists()


def test_there_are_enough_files_and_their_names_differ():
    assert len(CASES) >= 80
    assert len({(case.kind, case.name) for case in CASES}) == len(CASES)


def test_the_documentation_lists_every_file():
    page = (ROOT / "docs/hostile.md").read_text(encoding="utf-8")
    remedy = "write the output of tests/hostile/files.py into docs/hostile.md"
    assert listing() in page, remedy
    assert limits() in page, remedy


BANNED_CALLS = {"eval", "exec", "compile", "__import__", "input_eval"}
BANNED_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "runpy", "code"}
UNSAFE_YAML = {"load", "load_all", "full_load", "unsafe_load", "full_load_all", "unsafe_load_all"}


def unsafe_uses(tree: ast.AST) -> Iterator[str]:
    """Yield what could run a text as code."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(name)) if name in BANNED_CALLS:
                yield name
            case ast.Import(names=names):
                yield from {a.name for a in names if a.name.split(".")[0] in BANNED_MODULES}
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in BANNED_MODULES:
                yield module
            case ast.Attribute(value=ast.Name("yaml"), attr=attribute) if attribute in UNSAFE_YAML:
                yield f"yaml.{attribute}"
            case ast.Attribute(attr="eval" | "query" | "read_pickle" | "to_pickle" as attribute):
                yield attribute
            case ast.keyword(arg="shell" | "allow_pickle", value=ast.Constant(True)):
                yield str(node.arg)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval('1')", ["eval"]),
        ("import pickle", ["pickle"]),
        ("from joblib import load", ["joblib"]),
        ("yaml.load(text, Loader=yaml.Loader)", ["yaml.load"]),
        ("frame.eval('a + b')", ["eval"]),
        ("run(x, shell=True)", ["shell"]),
        ("yaml.safe_load(text); re.compile('a')", []),
    ],
)
def test_code_that_runs_texts_would_be_seen(source, found):
    assert list(unsafe_uses(ast.parse(source))) == found


def test_no_text_is_run_as_code():
    """There are no formulas in configurations or tables, and nothing that could run one."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py")]
    assert len(paths) > 100
    found = {
        f"{path.relative_to(ROOT)}: {use}"
        for path in paths
        for use in unsafe_uses(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()
