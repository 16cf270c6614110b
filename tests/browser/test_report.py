"""The report in a real browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe


def test_the_report_needs_nothing_else(open_page, report):
    opened = open_page(report)
    assert opened.page.title().startswith("scalelaw")
    assert opened.errors == []
    assert opened.requests == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(open_page, report, scheme):
    opened = open_page(report, color_scheme=scheme)
    found = Axe().run(opened.page).response["violations"]
    serious = [
        f"{rule['id']}: {rule['help']}: {node['target']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize("width", [375, 768, 1440])
def test_no_width_scrolls_sideways(open_page, report, width):
    page = open_page(report, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
