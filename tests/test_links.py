"""Every link in the documentation leads to an existing file and heading."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import DOCS, ROOT

PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)


def prose(page: Path) -> str:
    """Return a page's text without its blocks."""
    return FENCED.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of a page's links, without those to other sites."""
    found = LINK.findall(CODE.sub("`x`", prose(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def on_github(heading: str) -> str:
    """Return a heading's anchor on GitHub."""
    return re.sub(r"[^\w\- ]", "", plain(heading).lower()).replace(" ", "-")


def on_the_site(heading: str) -> str:
    """Return a heading's anchor in Python-Markdown, which builds the site."""
    ascii_only = unicodedata.normalize("NFKD", plain(heading)).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def plain(heading: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("**", "")


def faults(page: Path) -> Iterator[str]:
    """Yield the broken links of a page."""
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if file.startswith("/"):
            yield f"{link} starts at no root that GitHub and the site share"
        elif not target.exists():
            yield f"{link}: no such file"
        elif page.is_relative_to(DOCS) and not target.is_relative_to(DOCS):
            yield f"{link} leads out of docs, where the site cannot follow"
        elif anchor:
            headings = HEADING.findall(prose(target))
            if anchor not in map(on_github, headings) or anchor not in map(on_the_site, headings):
                yield f"{link}: no such heading, or one that GitHub and the site call differently"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_existing_files_and_headings(page: Path) -> None:
    assert list(faults(page)) == []


API_VERSION = "tagsync/v1"
FOLDERS = ("docs", "examples", "tagsync", "tests", "benchmarks", ".ci")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_paths_on_pages_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]+)`", prose(page))
    assert [path for path in named if path != API_VERSION and not (ROOT / path).exists()] == []


def test_links_are_all_written_in_the_checked_form() -> None:
    assert [page for page in PAGES if REFERENCE.search(prose(page))] == []
    assert sum(len(links(page)) for page in PAGES) > len(PAGES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("[a](#nothing)", "no such heading"),
        ("[a](other.md#nothing)", "no such heading"),
        ("![a](picture.svg)", "no such file"),
        ("[`a`](nowhere.md)", "no such file"),
        ("[a [b] c](nowhere.md)", "no such file"),
        ("[a](/other.md)", "no root"),
        ("# One - two\n[a](#one---two)", "call differently"),
        ("```\n# nothing\n```\n[a](#nothing)", "no such heading"),
    ],
)
def test_links_that_are_broken_are_found(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "other.md").write_text("# Other", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert [words in fault for fault in faults(page)] == [True]


def test_links_to_headings_and_files_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("## Plan, and `apply` it\n", encoding="utf-8")
    page = tmp_path / "page.md"
    text = "# A\n[a](#a) [b](other.md) [c](other.md#plan-and-apply-it) [d](https://example.com/) `[e](nowhere)`\n"
    page.write_text(text, encoding="utf-8")
    assert len(links(page)) == 3
    assert list(faults(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_pages_have_a_head_and_equal_rows(page: Path) -> None:
    for table in re.findall(r"(?:^[ ]*\|.*\n)+", prose(page), re.MULTILINE):
        rows = [re.sub(r"\\\||`[^`]*`", "", row).strip() for row in table.splitlines()]
        assert len(rows) > 2, rows
        assert re.fullmatch(r"\|(?: ?:?-+:? ?\|)+", rows[1]), rows
        assert {row.count("|") for row in rows} == {rows[0].count("|")}, table
