"""Render one self-contained HTML page that loads nothing; `page` decides what it shows.

The template escapes all text. The page's one style and one script are constant, and its policy allows only these two,
by their hashes: text from a manifest or a library can neither run nor load anything.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from tagsync.escape import shown
from tagsync.reporting.guard_view import GuardView
from tagsync.reporting.html.charts import Chart, TagTable, middle
from tagsync.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


_NUMBERS = re.compile(r"(:\d+){1,2}$")
_SCRIPTS = ("page.js", "data.js", "chips.js", "table.js", "detail.js", "controls.js")


class Card(NamedTuple):
    """One number at the top of the page, and how it looks."""

    number: str
    label: str
    note: str = ""
    tone: str = ""


class Notice(NamedTuple):
    """A diagnostic in words; the place is empty if it concerns no manifest."""

    level: str
    word: str
    place: str
    message: str


class NotMadeRow(NamedTuple):
    """How many files were not changed as planned for one reason, and how their status looks."""

    files: str
    left: str
    status: str
    tone: str
    reason: str


class Uncovered(NamedTuple):
    """What no rule selects, in words: a total, folders, rules that select no file, and what has no line."""

    total: str
    folders: tuple[tuple[str, str], ...]
    idle: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """The content of a page.

    Attributes:
        kind: what it shows, in a word.
        title: the verdict.
        tone: how that looks: good, warn, bad, or empty for neither.
        advice: sentences below it.
        facts: names and values below these.
        blocking: guards that have to be acknowledged.
        cards: numbers.
        causes: why changes are necessary again.
        diagnostics: errors, warnings and notices, the worst first.
        counts: how many of each level there are.
        more: how many others there are.
        not_made: why files were not changed as planned.
        tags: what changes by tag.
        folders: what changes by folder.
        calls: how many API calls there are, compared with the usual ways.
        guards: all guards.
        uncovered: what no rule selects, if `--coverage` asks for it.
        files: how many rows the table of files has; without any there is no table.
        data: the rows, as `embedded` yields them.
        then: the title of the column of the tags after the changes.
        state: the title of the column of the statuses.
        images: whether the page may load thumbnails.
    """

    kind: str
    title: str
    tone: str = ""
    advice: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    blocking: Sequence[GuardView] = ()
    cards: Sequence[Card] = ()
    causes: str = ""
    diagnostics: Sequence[Notice] = ()
    counts: str = ""
    more: int = 0
    not_made: Sequence[NotMadeRow] = ()
    tags: TagTable | None = None
    folders: Chart | None = None
    calls: Chart | None = None
    guards: Sequence[GuardView] = ()
    uncovered: Uncovered | None = None
    files: int = 0
    data: Iterator[str] = field(default_factory=lambda: iter(["{}"]))
    then: str = "After"
    state: str = "Status"
    images: bool = False


def rendered(page: PageContent) -> Iterator[str]:
    """Yield a page's text, piece by piece."""
    members = {member.name: getattr(page, member.name) for member in fields(page)}
    style, script = _text("page.css"), _script()
    policy = _policy(style, script, images=page.images)
    template = _environment().get_template("page.html.j2")
    return template.generate(**members, style=style, script=script, policy=policy, version=__version__)


def rendered_inventory(
    *, kind: str, title: str, facts: Sequence[tuple[str, str]], placeholder: str, data: Iterator[str]
) -> Iterator[str]:
    """Yield the text of a page with tables to search, piece by piece.

    Args:
        kind: the command.
        title: what the page shows.
        facts: names and values below the title.
        placeholder: what can be searched for.
        data: the tables as JSON that is harmless in HTML.
    """
    style = _text("page.css") + _text("inventory.css")
    script = f'"use strict";\n{_text("page.js")}{_text("inventory.js")}'
    return (
        _environment()
        .get_template("inventory.html.j2")
        .generate(
            kind=kind,
            title=title,
            facts=facts,
            placeholder=placeholder,
            data=data,
            style=style,
            script=script,
            policy=_policy(style, script, images=False),
            version=__version__,
        )
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - start-up: few runs make a page

    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    environment.filters["middle"] = middle
    environment.filters["place"] = _place
    return environment


def _place(text: str) -> "Markup":
    """Return a place that does not break within its line and column."""
    from markupsafe import Markup  # noqa: PLC0415 - start-up: as above

    text = shown(text)
    name = _NUMBERS.sub("", text)
    return Markup('<span class="code">{}<span class="at">{}</span></span>').format(name, text[len(name) :])


def _script() -> str:
    """Return all scripts as one; all but the first need the table of files."""
    always, *parts = map(_text, _SCRIPTS)
    return f'"use strict";\n{always}if (byId("explorer")) {{\n{"".join(parts)}}}\n'


def _text(name: str) -> str:
    return files("tagsync.reporting").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str, *, images: bool) -> str:
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    parts = "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*hashes)
    return f"{parts}{'; img-src https:' if images else ''}; base-uri 'none'; form-action 'none'"
