"""Look through a built site for what a browser would load from elsewhere; links that people follow are fine.

python docs/outside.py SITE
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADED = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping"}
"""Attributes whose addresses are loaded, or sent to, whatever element has them; `href` is one on some elements only."""

ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:[a-z]+:)?//[^\"')\s]+)", re.IGNORECASE)


class Page(HTMLParser):
    """Collects what one page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses that are loaded by an element or its style."""
        self._in_style = tag == "style"
        for name, value in attrs:
            loads = name in LOADED or (name in ("href", "xlink:href") and tag not in ("a", "area"))
            if value and loads and ELSEWHERE.search(value):
                self.found.append(f"<{tag} {name}={value}>")
            if value and name == "style":
                self.found += STYLE.findall(value)

    def handle_data(self, data: str) -> None:
        """Note addresses in style sheets within the page."""
        if self._in_style:
            self.found += STYLE.findall(data)

    def handle_endtag(self, tag: str) -> None:
        """Leave a style sheet."""
        if tag == "style":
            self._in_style = False


def outside(site: Path) -> Iterator[str]:
    """Yield each address that a page or style sheet of a site loads from elsewhere, with its file."""
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            page = Page()
            page.feed(path.read_text(encoding="utf-8"))
            yield from (f"{path}: {address}" for address in page.found)
        elif path.suffix == ".css":
            yield from (f"{path}: {address}" for address in STYLE.findall(path.read_text(encoding="utf-8")))


def main(site: Path) -> int:
    """Print what is loaded from elsewhere; 1 if anything is, or if there is no site."""
    found = list(outside(site)) if (site / "index.html").exists() else [f"{site}: no site here"]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
