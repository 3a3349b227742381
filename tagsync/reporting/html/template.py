"""One self-contained HTML page that loads nothing; `page` decides what it shows.

The template escapes whatever it is given. The page's one style and one script are constant, and its policy admits
nothing but these two, by their hashes: what a manifest or a library may say can neither run nor load anything.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from tagsync.escape import shown
from tagsync.reporting.guard_view import GuardView
from tagsync.reporting.html.charts import Chart
from tagsync.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


_SCRIPTS = ("page.js", "data.js", "chips.js", "table.js", "detail.js", "controls.js")


class Card(NamedTuple):
    """One number of the page's head, and how it looks."""

    number: str
    label: str
    note: str = ""
    tone: str = ""


class Notice(NamedTuple):
    """A diagnostic in words; the place is empty where no manifest is to blame."""

    level: str
    place: str
    message: str


class Uncovered(NamedTuple):
    """What manifests leave alone, in words: a total, folders, entries that select nothing, and what has no line."""

    total: str
    folders: tuple[tuple[str, str], ...]
    idle: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What stands on a page.

    Attributes:
        kind: what it shows, in a word.
        title: what it comes to.
        tone: how that looks: good, warn, bad, or empty for neither.
        advice: sentences below it.
        facts: what is said by name below these.
        blocking: guards that have to be acknowledged.
        cards: numbers.
        since: what has become necessary since the last apply.
        diagnostics: what a person should know, the worst first.
        counts: how many of each level there are.
        more: how many others there are.
        charts: bars.
        guards: all guards.
        uncovered: what manifests leave alone, where that was asked for.
        files: how many rows the table has; without any there is none.
        data: the rows, as `embedded` yields them.
        then: how the column of the tags after the changes is called.
        state: how the column of the statuses is called.
        images: whether the page may load thumbnails.
    """

    kind: str
    title: str
    tone: str = ""
    advice: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    blocking: Sequence[GuardView] = ()
    cards: Sequence[Card] = ()
    since: str = ""
    diagnostics: Sequence[Notice] = ()
    counts: str = ""
    more: int = 0
    charts: Sequence[Chart] = ()
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


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - start-up: few runs make a page

    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    return environment


def _script() -> str:
    """Return all scripts as one; but for the first they are about the table of files."""
    always, *parts = map(_text, _SCRIPTS)
    return f'"use strict";\n{always}if (byId("explorer")) {{\n{"".join(parts)}}}\n'


def _text(name: str) -> str:
    return files("tagsync.reporting").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str, *, images: bool) -> str:
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    parts = "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*hashes)
    return f"{parts}{'; img-src https:' if images else ''}; base-uri 'none'; form-action 'none'"
