"""Tasks from the command line: the same work, errors without tracebacks."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from pandas.testing import assert_frame_equal

from scalelaw import load_corpus, tasks
from scalelaw.cli import command_names, main, make_parser
from scalelaw.corpus.records import Selection
from scalelaw.decompose import decompose_gains, decompose_pair, gains_of_pair, splittable
from scalelaw.progress import bar, tell, watching
from scalelaw.tables import PROSE, read_records
from small_corpus import ROOT, ROW, planted_rows

CHILD = os.environ | {"PYTHONPATH": str(ROOT / "src")}

CHECKED = ("records", "parquet", "excluded", "problems", "waived")


@pytest.fixture
def settings(corpus_files, tmp_path):
    files = corpus_files(*planted_rows())
    out = {name: tmp_path / f"{name}.csv" for name in CHECKED}
    return {
        **files,
        "analyse": ["imagenet"],
        "bases": ["best"],
        "exclude_scopes": ["search"],
        **out,
    }


def test_the_log_starts_with_a_command_that_does_the_same(settings, tmp_path):
    log = tmp_path / "log.txt"
    assert tasks.run("check_corpus", log, **settings) == 0
    first = settings["records"].read_bytes()
    command = shlex.split(log.read_text().splitlines()[0].removeprefix("$ "))
    settings["records"].unlink()
    assert command[0] == "scalelaw"
    assert main(command[1:]) == 0
    assert settings["records"].read_bytes() == first


@pytest.mark.parametrize("name", tasks.NAMES)
def test_every_task_has_a_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["task", name.replace("_", "-"), "--help"])
    assert stopped.value.code == 0
    assert "--" in capsys.readouterr().out


def test_a_users_mistake_ends_in_a_message_and_status_1(settings, corpus_files, tmp_path, capsys):
    corpus_files(ROW | {"value": "x"})
    log = tmp_path / "log.txt"
    assert tasks.run("check_corpus", log, **settings) == 1
    shown = capsys.readouterr().err
    assert "papers.csv:2: value: error" in shown
    assert "1 error(s), 0 warning(s)" in shown
    assert "Traceback" not in shown
    assert shown.strip().splitlines()[-1] in log.read_text()


def test_a_benchmark_that_nobody_defined_is_a_clear_error(settings, capsys):
    assert tasks.run("check_corpus", None, **settings | {"analyse": ["imagent"]}) == 1
    assert '"imagent" is not defined (did you mean "imagenet"?)' in capsys.readouterr().err


def test_any_other_error_leaves_its_traceback_in_the_log(settings, tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(ValueError, match="isoformat"):
        tasks.run("check_corpus", log, **settings | {"today": "soon"})
    assert "Traceback" in log.read_text()


def test_a_task_makes_the_folders_it_writes_to(settings, tmp_path):
    records = tmp_path / "no/folder/yet.csv"
    assert tasks.run("check_corpus", None, **settings | {"records": records}) == 0
    assert records.is_file()


@pytest.fixture
def validate(settings, capsys):
    """Return a function that validates the corpus file and gives status and output."""
    papers, hardware, benchmarks = (
        str(settings[kind][0]) for kind in ("papers", "hardware", "benchmarks")
    )

    def run(*arguments, file=papers):
        words = ["validate", file, "--hardware", hardware, "--benchmarks", benchmarks, *arguments]
        return main(words), capsys.readouterr().out

    return run


def test_a_good_file_validates(validate):
    status, out = validate()
    assert (status, out) == (0, "0 error(s), 0 warning(s)\n16 record(s), 0 warning(s) waived\n")


def test_errors_are_status_1_and_unreadable_files_2(validate, corpus_files):
    corpus_files(ROW | {"hardware": "abacus"})
    status, out = validate()
    assert status == 1
    assert 'papers.csv:2: hardware: error: unknown hardware "abacus"' in out
    assert validate(file="nowhere.csv")[0] == 2


def test_warnings_fail_only_if_asked(validate, corpus_files):
    corpus_files(ROW | {"training_hours": "9000"})
    assert validate()[0] == 0
    assert validate("--strict")[0] == 1


def test_problems_come_as_json(validate, corpus_files):
    corpus_files(ROW | {"hardware": "abacus"})
    status, out = validate("--format", "json")
    (problem,) = json.loads(out)
    assert status == 1
    assert (problem["line"], problem["column"], problem["check"]) == (
        2,
        "hardware",
        "unknown-hardware",
    )


def test_problems_come_as_annotations(validate, corpus_files):
    corpus_files(ROW | {"training_hours": "50%\nof"})
    status, out = validate("--format", "github")
    assert status == 1
    (line,) = out.splitlines()
    assert line.startswith("::error file=")
    assert ",line=2,title=bad-cell::training_hours: " in line
    assert "50%25\\nof" in line


def test_parquet_holds_the_same_records_with_types(settings):
    tasks.run("check_corpus", None, **settings)
    stored = pd.read_parquet(settings["parquet"])
    assert_frame_equal(stored, read_records(settings["records"], prose=True), check_dtype=False)
    assert stored["flop_hardware"].dtype == "float64"


def test_tables_come_back_as_they_were_written(settings):
    tasks.run("check_corpus", None, **settings)
    records = read_records(settings["records"])
    assert records["flop_hardware"].tolist() == pytest.approx(
        [1e12 / (0.4 * 0.92**i) ** 8 for i in range(16)], rel=1e-12
    )
    assert records["excluded"].tolist() == [""] * 16
    assert records["flop_operations"].isna().all()


def test_prose_is_read_only_if_wanted(settings):
    tasks.run("check_corpus", None, **settings)
    whole, short = (read_records(settings["records"], prose) for prose in (True, False))
    assert set(whole) - set(short) == PROSE
    assert_frame_equal(whole[list(short)], short)


COMMANDS = ["validate", "add", "import", "fit", "fit-surface", "report", "afford", "decompose",
            "verify", "doctor", "completion"]  # fmt: skip


def run(*words, expected=0):
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "scalelaw", *map(str, words)],
        capture_output=True, text=True, timeout=120, env=CHILD,
    )  # fmt: skip
    assert done.returncode == expected, done.stderr
    return done


def test_the_first_screen_tells_the_whole_story(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert set(COMMANDS) | {"task"} == set(command_names(make_parser()))
    assert all(re.search(rf"^  (.* )?{name}  ", shown, re.MULTILINE) for name in COMMANDS)
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", [*COMMANDS, "task", "import epoch", "import timm"])
def test_the_help_of_a_command_ends_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), "--help"])
    assert stopped.value.code == 0
    *_, head, example = capsys.readouterr().out.splitlines()
    assert head == "Example:"
    assert name.split()[0] in example


@pytest.mark.parametrize("name", ["fit", "fit-surface", "report", "decompose", "import epoch"])
def test_examples_are_commands_that_there_are(name, capsys):
    with pytest.raises(SystemExit):
        main([*name.split(), "--help"])
    example = capsys.readouterr().out.splitlines()[-1]
    parsed = make_parser().parse_args(shlex.split(example)[1:])
    assert parsed.command == name.split()[0]


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["valdate", "x.csv"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        'scalelaw: there is no command "valdate"; did you mean "validate"?\n'
    )


@pytest.mark.parametrize("name", ["fit-surface runs.csv --n n --d d --y l", "import timm x.csv"])
def test_an_unknown_option_shows_the_usage_of_its_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), "--plto", "x.png"])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"usage: scalelaw {name.split()[0]}")
    assert err.splitlines()[-1].endswith("error: unrecognized arguments: --plto x.png")


@pytest.fixture
def broken(tmp_path):
    """Return files of every kind of trouble."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    (tmp_path / "folder.csv").mkdir()
    return [tmp_path / f"{name}.csv" for name in ("none", "folder", "empty", "binary")]


BAD_INPUT = [
    "validate {bad}",
    "validate data/papers.csv --hardware {bad}",
    "validate data/papers.csv --benchmarks {bad}",
    "add --papers {bad}",
    "import epoch {bad}",
    "import timm {bad}",
    "fit {bad} --x flop --y error",
    "fit-surface {bad} --n n --d d --y loss",
    "report --corpus {bad}",
    "report --config {bad}",
    "report --corpus {bad} --only",
    "report --hardware {bad}",
    "report --benchmarks {bad}",
    "afford --benchmark imagenet --error 5% --results {bad}",
    "decompose --results {bad}",
    "decompose a b --papers {bad}",
    "task fit-multiverse --records {bad} --out out.parquet",
]


@pytest.mark.parametrize("command", BAD_INPUT)
def test_bad_input_ends_in_words(command, broken, monkeypatch, tmp_path, capsys):
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    for bad in broken:
        if "--config" in command and bad.stem == "empty":
            continue  # no settings are fine
        if "add" in command and bad.stem == "none":
            continue  # a new file
        try:
            status = main(command.format(bad=bad).split())
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        assert status in ((2,) if bad.stem in ("none", "folder") else (1, 2)), (bad, err)
        assert len(out + err) > 20
        assert "Traceback" not in out + err
    assert sorted(tmp_path.iterdir()) == before


def test_permission_denied_is_said(tmp_path, monkeypatch, capsys):
    path = tmp_path / "closed.csv"
    path.write_text("flop,error\n1,2\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    # Not by its mode: root reads all.
    monkeypatch.setattr("pandas.read_csv", refuse)
    assert main(["fit", str(path), "--x", "flop", "--y", "error"]) == 2
    shown = capsys.readouterr().err
    assert (
        shown == f"scalelaw stopped:\n{path}: cannot be read (Permission denied); check the path\n"
    )


def test_a_bug_is_one_line_and_status_3(monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("two and two are five")

    monkeypatch.setattr("scalelaw.fit_csv.fit_curve_file", fail)
    words = ["fit", "runs.csv", "--x", "flop", "--y", "error"]
    assert main(words) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scalelaw failed: RuntimeError: two and two are five (a bug,")
    assert main([*words, "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_status_130(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("scalelaw.fit_csv.fit_curve_file", interrupt)
    assert main(["fit", "runs.csv", "--x", "flop", "--y", "error"]) == 130
    assert capsys.readouterr().err == "\nscalelaw: interrupted\n"


@pytest.fixture
def interruptible():
    """Heed interruptions, which a shell turns off for what it starts in the background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_report_alone_stops_its_jobs(number):
    from scalelaw.cli.report import _stopping_with

    command = ["bash", "-c", "echo started; sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as child:
        child.stdout.readline()
        with pytest.raises(KeyboardInterrupt), _stopping_with(child.pid):
            os.kill(os.getpid(), number)
        assert child.wait(timeout=20) == -signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_reader_that_has_had_enough_is_no_error():
    command = f"{shlex.quote(sys.executable)} -m scalelaw completion bash | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=CHILD
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def in_shell(words):
    """Run the command line from a shell, with what the words redirect."""
    return subprocess.run(
        ["bash", "-c", f"{shlex.quote(sys.executable)} -m scalelaw {words}"],
        capture_output=True, text=True, env=CHILD,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_said():
    done = in_shell("completion bash > /dev/full")
    assert (done.returncode, done.stderr) == (
        2,
        "scalelaw stopped:\nthe output: cannot be written: No space left on device (make room "
        "there, then give the same command again)\n",
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_closed_outputs_are_no_error(closed):
    done = in_shell(f"completion bash {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert ("fit-surface" in done.stdout) == (closed == "2>&-")


def test_what_the_encoding_lacks_is_replaced(tmp_path):
    file = tmp_path / "läufe.csv"
    runs_file(file)
    environment = CHILD | {"PYTHONIOENCODING": "ascii"}
    words = ["fit", str(file), "--x", "flop", "--y", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "scalelaw", *words], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "l?ufe.csv: power law" in done.stdout


def test_an_interruption_of_the_first_imports_is_status_130():
    code = (
        "import scalelaw.cli, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('scalelaw.'): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.exit(scalelaw.cli.main(['doctor']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=CHILD)
    assert (done.returncode, done.stderr) == (130, "\nscalelaw: interrupted\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_the_commands(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "fit-surface" in script
    assert "check-corpus" in script


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("dec", ["decompose"]),
        ("validate so", ["some.csv"]),
        ("fit-surface so", ["some.csv"]),
        ("report --config so", ["some.csv"]),
        ("import epoch so", ["some.csv"]),
        ("verify fo", ["folder"]),
    ],
)
def test_bash_takes_the_completion(words, completed, tmp_path, capsys):
    (tmp_path / "some.csv").touch()
    (tmp_path / "folder").mkdir()
    main(["completion", "bash"])
    *before, word = words.split()
    script = f"{capsys.readouterr().out}\nCOMP_WORDS=(scalelaw {words}); "
    script += f"COMP_CWORD={len(before) + 1}\n"
    script += '"$(complete -p scalelaw | sed "s/.*-F \\([^ ]*\\).*/\\1/")" scalelaw '
    script += f"{word} {before[-1] if before else 'scalelaw'}\n"
    done = subprocess.run(["bash", "-c", script + "echo ${COMPREPLY[@]}"],
                          capture_output=True, text=True, cwd=tmp_path)  # fmt: skip
    assert done.stdout.split() == completed


def runs_file(path):
    rows = [f"{1e16 * 10**i},{0.4 * 0.8**i + 0.004 * (i % 3)},{'abcdef'[i // 2]}" for i in range(8)]
    path.write_text("\n".join(["flop,error,paper", *rows]) + "\n")
    return path


def test_output_into_a_pipe_has_no_bars_and_no_colours(tmp_path):
    file = runs_file(tmp_path / "runs.csv")
    done = run("fit", file, "--x", "flop", "--y", "error", "--form", "floor")
    assert done.stderr == ""
    assert "\033" not in done.stdout
    assert "\r" not in done.stdout


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_a_bar_is_shown_on_a_terminal_unless_quiet(monkeypatch, quiet, shown):
    monkeypatch.setattr("scalelaw.progress._WAIT_S", 0)
    monkeypatch.setattr("scalelaw.progress._EVERY_S", 0)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with bar("fitting", quiet, stream):
        tell(1, 4)
        tell(4, 4)
    text = stream.getvalue()
    assert ("fitting [#######                       ]  25%" in text) == shown
    assert "\033" not in text
    # The line is empty again.
    assert text.split("\r")[-2:] == (["".ljust(len("fitting") + 38), ""] if shown else [""])


def test_long_fits_tell_how_far_they_are(tmp_path):
    file = runs_file(tmp_path / "runs.csv")
    told = []
    with watching(lambda done, total: told.append((done, total))):
        assert main(["fit", str(file), "--x", "flop", "--y", "error", "--form", "floor"]) == 0
    assert max(total for _, total in told) >= 1000
    assert any(done == 0 for done, _ in told)
    assert all(0 <= done <= total for done, total in told)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_plot_is_drawn_in_the_format_of_its_suffix(tmp_path, suffix, capsys):
    file = runs_file(tmp_path / "runs.csv")
    plot = tmp_path / f"law.{suffix}"
    words = ["fit", str(file), "--x", "flop", "--y", "error", "--plot", str(plot)]
    assert main([*words, "--x-unit", "FLOP"]) == 0
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert plot.read_bytes().startswith(head)
    assert f"Drawn: {plot}" in capsys.readouterr().out


def test_the_plot_shows_every_direction_with_units(tmp_path, monkeypatch):
    from scalelaw.plotting import laws

    file = runs_file(tmp_path / "runs.csv")
    seen = {}

    def look(figure, path):
        (ax,) = figure.axes
        seen["labels"] = ax.get_legend_handles_labels()[1]
        seen["axes"] = (ax.get_xlabel(), ax.get_ylabel())
        figure.draw_without_rendering()
        seen["ticks"] = [tick.get_text() for tick in ax.get_xticklabels()]
        seen["bands"] = len(ax.collections)

    monkeypatch.setattr(laws, "save", look)
    words = ["fit", str(file), "--x", "flop", "--y", "error", "--plot", str(tmp_path / "l.png")]
    assert main([*words, "--x-unit", "FLOP"]) == 0
    assert seen["labels"][:3] == ["data", "error on flop", "flop on error"]
    assert seen["labels"][3].startswith("errors in both (York)")
    assert seen["bands"] == 3
    assert seen["axes"] == ("flop (FLOP)", "error")
    assert "10¹⁸" in seen["ticks"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "law.gif"), "name a file that ends in .png, .svg, .pdf"),
        (("--plot", "law.png", "--covariate", "year"), "no single curve"),
        (("--x-unit", "FLOP"), "is for --plot"),
    ],
)
def test_plots_that_cannot_be_are_refused_before_the_work(options, message, capsys):
    assert main(["fit", "none.csv", "--x", "flop", "--y", "error", *options]) == 2
    assert message in capsys.readouterr().err


PAIR = ("imagenet-krizhevsky2012imagenet-alexnet", "imagenet-yu2022coca-coca")


@pytest.fixture
def in_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_checkout")
def test_a_pair_is_split_as_by_the_library(capsys):
    assert main(["decompose", *PAIR, "--papers", "data/papers.csv", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    data = ROOT / "data"
    corpus = load_corpus(
        [data / "papers.csv"], [data / "hardware.csv"], [data / "benchmarks.yaml"],
        Selection(exclude_scopes=("fine_tune_only", "search")),
    )  # fmt: skip
    expected = decompose_pair(corpus.records, *PAIR).set_index("component")
    for name, part in answer["compute"].items():
        assert part["ratio"] == pytest.approx(expected.loc[name, "ratio"])
    used = splittable(corpus.records[corpus.records["excluded"] == ""])
    used = used[used["benchmark"] == "imagenet"]
    for effect, parts in answer["gain"].items():
        worth = decompose_gains(used, effect, replicates=100)["effect_per_decade"].iloc[0]
        gains = gains_of_pair(corpus.records, *PAIR, worth).set_index("component")
        for name in ("hardware", "scale", "algorithms"):
            assert parts[name]["share"] == pytest.approx(gains.loc[name, "share"])
        assert parts["total"]["share"] == pytest.approx(1)


@pytest.mark.usefixtures("in_checkout")
def test_a_model_is_found_by_its_name_if_it_is_one(capsys):
    at = ["--papers", "data/papers.csv"]
    assert main(["decompose", PAIR[0], "coca", *at]) == 0
    told = capsys.readouterr().out
    assert f"CoCa (fine-tuned encoder) ({PAIR[1]})" in told
    older = "the second model is the older one"
    assert older not in told
    assert main(["decompose", "coca", PAIR[0], *at]) == 0
    assert older in capsys.readouterr().out
    assert main(["decompose", "AlexNet", "coca", *at]) == 1
    assert f'"AlexNet" is 4 records; name one by its id:\n  {PAIR[0]}\n' in capsys.readouterr().err
    assert main(["decompose", PAIR[0], "imagenet-yu2022coca-cocoa", *at]) == 1
    assert f'did you mean "{PAIR[1]}"?' in capsys.readouterr().err


@pytest.mark.parametrize("words", [["one"], ["--papers", "x.csv"]])
def test_half_a_question_to_decompose_is_wrong_usage(words, capsys):
    assert main(["decompose", *words]) == 2
    assert "two models" in capsys.readouterr().err


def test_a_model_is_not_split_from_itself(capsys):
    assert main(["decompose", PAIR[1], "coca", "--papers", "data/papers.csv"]) == 2
    assert f"{PAIR[1]} is both models; name two different ones" in capsys.readouterr().err


def test_the_doctor_finds_nothing_missing(capsys):
    assert main(["doctor", "--json"]) == 0
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["numpy"]["found"] == np.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {Requirement(text).name for text in project["dependencies"]}
    assert names < set(found)


def test_the_doctor_names_what_is_missing_and_the_remedy(monkeypatch, tmp_path, capsys):
    from scalelaw.cli import doctor

    wanted = ["numpy>=99", "no-such-library>=1", "pandas>=3"]
    monkeypatch.setattr(doctor, "requirements", lambda: wanted)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/report.html").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 1
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["numpy"] == {
        "what": "numpy", "state": "missing", "found": f"{np.__version__}, >=99 is needed",
        "remedy": "pip install 'numpy>=99'",
    }  # fmt: skip
    assert found["no-such-library"]["state"] == "missing"
    assert found["pandas"]["state"] == "ok"
    assert found["results"]["state"] == "optional"
    assert "projections/draws.parquet" in found["results"]["found"]
    assert main(["doctor", "--quiet"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["MISSING", "->", "MISSING", "->"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only"], "--only needs --corpus"),
        (["--cores", "0"], "--cores 0 is out of range"),
        (["--output", str(ROOT)], "this is a checkout"),
    ],
)
def test_a_report_that_cannot_be_is_refused(words, message, capsys):
    assert main(["report", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_report_stops_at_faults_before_it_writes(corpus_files, tmp_path, monkeypatch, capsys):
    files = corpus_files(ROW | {"hardware": "abacus"}, ROW | {"record_id": "b", "value": "x"})
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--corpus", str(files["papers"][0])]) == 1
    err = capsys.readouterr().err
    assert "papers.csv:2: hardware: error" in err
    assert "papers.csv:3: value: error" in err
    assert not (tmp_path / "scalelaw-report").exists()


def test_a_mistyped_setting_of_a_report_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("fit: {levle: 0.9}\n")
    assert main(["report", "--config", "mine.yaml"]) == 1
    assert 'fit.levle: unknown key (did you mean "level"?)' in capsys.readouterr().err
    assert not (tmp_path / "scalelaw-report").exists()
