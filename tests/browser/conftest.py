"""A headless browser that may not reach any network, and pages that it has opened."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from small_project import Project

NAMED = os.environ.get("SCALELAW_CHROMIUM")
CHROMIUM = Path(NAMED or "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out where there is no browser, unless one was named."""
    if NAMED or CHROMIUM.is_file():
        return
    why = f"no browser at {CHROMIUM}: install Chromium, or name one in SCALELAW_CHROMIUM"
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, what it wrote to the console as an error, and what it asked of any network."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens a file in a page of its own.

    Its arguments besides the path are those of Playwright's contexts, such as ``color_scheme``.
    """
    with ExitStack() as stack:

        def open_page(
            path: Path, *, width: int = 1280, height: int = 900, **context: object
        ) -> Opened:
            new = browser.new_context(viewport={"width": width, "height": height}, **context)
            stack.callback(new.close)
            opened = Opened(new.new_page())
            opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
            opened.page.on(
                "console",
                lambda said: opened.errors.append(said.text) if said.type == "error" else None,
            )
            own = path.resolve().as_uri()
            opened.page.on(
                "request",
                lambda request: (
                    opened.requests.append(request.url)
                    if not request.url.startswith((own, "data:", "blob:"))
                    else None
                ),
            )
            opened.page.goto(own)
            return opened

        yield open_page


@pytest.fixture(scope="session")
def report(finished: Project) -> Path:
    """Return the report of a full run on the small corpus."""
    return finished.path / "results/report.html"
