"""Open pages in a real Chromium: no request may leave, and the console must stay empty."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # what these tests need is no part of what all tests need
    from playwright.sync_api import Browser, Locator, Page, Playwright

# Read before the tests clear the environment.
CHROMIUM = Path(os.environ.get("TAGSYNC_CHROMIUM", "/usr/bin/chromium"))
SCREENSHOTS = os.environ.get("TAGSYNC_SCREENSHOTS")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="session")
def _playwright() -> Iterator["Playwright"]:
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - said in words where it is missing
    except ImportError:
        pytest.fail("there is no Playwright: pip install -e '.[dev,browser]'")
    if not CHROMIUM.exists():
        pytest.fail(f"there is no Chromium at {CHROMIUM}: install it, or name one in TAGSYNC_CHROMIUM")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(_playwright: "Playwright") -> Iterator["Browser"]:
    running = _playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield running
    running.close()


class Opened:
    """A page in the browser, with its console messages and requests."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        page.set_default_timeout(10_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))

    def forget(self) -> None:
        """Forget the messages and requests that a test provokes."""
        self.said.clear()
        del self.asked[1:]

    def names(self) -> list[str]:
        """Return the file names of the rows in the document, from top to bottom."""
        found: list[str] = self.page.locator("#table .name").all_text_contents()
        return found

    def count(self) -> str:
        return str(self.page.locator("#count").inner_text())

    def sort(self, head: str) -> None:
        self.page.get_by_role("button", name=head, exact=True).click()


Open = Callable[..., Opened]


def expect(locator: "Locator") -> Any:
    """Return an assertion that waits until an element fulfils it."""
    from playwright.sync_api import expect as waiting  # noqa: PLC0415 - as above

    return waiting(locator)


@pytest.fixture
def opened(browser: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a page in its own window; at the end no page may have messages or requests."""
    contexts = []
    pages: list[tuple[Opened, str]] = []

    def build(pieces: Iterable[str], *, width: int = 1360, height: int = 900, **settings: Any) -> Opened:
        path = tmp_path / f"page-{len(pages)}.html"
        path.write_text("".join(pieces), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.goto(path.as_uri())
        pages.append((found, path.as_uri()))
        return found

    yield build
    for found, address in pages:
        assert found.said == []
        assert found.asked == [address]
    for context in contexts:
        context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return the folder that screenshots go to."""
    folder = Path(SCREENSHOTS or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
