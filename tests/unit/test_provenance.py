"""Which library files a rule depends on."""

import os
import subprocess
import sys

from scalelaw.provenance import PACKAGE, _closure, code_fingerprint, versions


def files(task):
    return {p.relative_to(PACKAGE).as_posix() for p in _closure(f"scalelaw.tasks.{task}")}


def test_a_fit_depends_on_its_room_but_not_on_figures():
    found = files("fit_power_laws")
    assert {"fit/linear.py", "fit/line_result.py", "tables.py", "streams.py"} <= found
    # Laws that the pipeline does not fit make none of its results out of date.
    others = ("plotting", "report", "corpus/checks", "fit/joint", "fit/broken", "plan")
    assert not any(name.startswith(others) for name in found)


def test_the_report_depends_on_its_template_and_on_no_fit():
    found = files("write_report")
    assert {"report/report.html.j2", "report/report.css", "report/render.py"} <= found
    assert {"report/explorer.js", "report/sections/explorer.html.j2"} <= found
    assert "fit/power_law.py" not in found
    assert not any(name.startswith("plotting") for name in found)


def test_checks_reach_every_check():
    assert {
        "corpus/checks/rows.py",
        "corpus/checks/devices.py",
        "corpus/schema.py",
        "compute.py",
    } <= files("check_corpus")


def test_the_fingerprint_is_stable_and_differs_between_tasks():
    task = "scalelaw.tasks.check_corpus"
    assert code_fingerprint(task) == code_fingerprint(task)
    assert code_fingerprint(task) != code_fingerprint("scalelaw.tasks.draw_figures")


def test_versions_name_what_shapes_results():
    assert {"scalelaw", "python", "numpy", "statsmodels"} <= set(versions())


def test_importing_the_library_loads_no_heavy_one():
    heavy = ["statsmodels", "pandas", "matplotlib", "scipy", "numpy"]
    code = f"import sys, scalelaw; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
