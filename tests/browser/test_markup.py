"""A corpus full of markup in a real browser: all of it is text."""

import pytest

PAYLOAD = """<img src=x onerror="hacked=1"></script><script>hacked=1</script><b id=planted>{{7}}"""


@pytest.fixture(scope="module")
def marked(finished, tmp_path_factory):
    """Return the report of a corpus with markup in every text that goes into a page."""
    project = finished.copy(tmp_path_factory.mktemp("marked") / "project")
    cell = PAYLOAD.replace('"', '""')

    def spoil(text):
        head, *rows = text.splitlines()
        names = head.split(",")
        spoiled = []
        for row in rows:
            cells = row.split(",")
            for name in ("title", "model", "value_source", "compute_source"):
                at = names.index(name)
                cells[at] = f'"{cells[at]}{cell}"'
            spoiled.append(",".join(cells))
        return "\n".join([head, *spoiled]) + "\n"

    project.edit("data/papers.csv", spoil)
    project.edit(
        "data/benchmarks.yaml", lambda text: text.replace("name: ImageNet", f"name: '{PAYLOAD}'")
    )
    run = project.snakemake("results/report.html")
    assert run.returncode == 0, run.stdout
    return project.path / "results/report.html"


def test_markup_runs_nowhere_and_is_shown(open_page, marked):
    opened = open_page(marked)
    page = opened.page
    page.wait_for_selector("svg.marks, .vega-embed svg")
    for summary in page.locator("details:not([open]) > summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("#planted").count() == 0
    assert page.locator("img[src=x]").count() == 0
    assert "<img src=x onerror=" in page.inner_text("main")
    assert "{{7}}" in page.locator("select option").first.inner_text()
    assert opened.errors == []
    assert opened.requests == []
