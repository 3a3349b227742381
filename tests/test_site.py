import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pages import DOCS, ROOT


def check(site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, DOCS / "outside.py", site], check=False, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://example.com/a.js"></script>',
        '<script src="//example.com/a.js"></script>',
        '<link rel="stylesheet" href="https://example.com/a.css">',
        '<link rel="preconnect" href="https://example.com">',
        '<img src="HTTPS://example.com/a.png">',
        '<img srcset="a.png 1x, https://example.com/a.png 2x">',
        "<style>@import 'https://example.com/a.css';</style>",
        "<style>@font-face { src: url(https://example.com/a.woff2) }</style>",
        '<p style="background: url(//example.com/a.png)">',
        '<form action="https://example.com/">',
        '<svg><use xlink:href="https://example.com/a.svg#b"></use></svg>',
    ],
)
def test_site_notices_external_resources_of_a_page(tmp_path: Path, page: str) -> None:
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    ran = check(tmp_path)
    assert (ran.returncode, "//example.com" in ran.stderr) == (1, True)


def test_site_notices_external_resources_of_a_style_sheet(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("", encoding="utf-8")
    (tmp_path / "a.css").write_text("a { background: url('https://example.com/a.png') }", encoding="utf-8")
    assert check(tmp_path).returncode == 1


def test_site_accepts_links_and_local_files(tmp_path: Path) -> None:
    text = '<a href="https://example.com">a</a><script src="a.js"></script><img src="data:image/png;base64,AA==">'
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    ran = check(tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_site_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert check(tmp_path).returncode == 1


def test_site_navigation_has_each_page_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = [page for entry in settings["nav"] for page in flat(entry)]
    assert sorted(pages) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def flat(entry: object) -> list[str]:
    if isinstance(entry, dict):
        return [page for value in entry.values() for page in flat(value)]
    return [page for item in entry for page in flat(item)] if isinstance(entry, list) else [str(entry)]


def test_site_has_no_external_fonts_and_only_the_search_plugin() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert settings["theme"]["font"] is False
    assert settings["plugins"] == ["search"]
