"""A view as Markdown for pull-request comments: totals exact, then as much detail as there is room for.

Text from outside stands in code alone, where Markdown takes nothing for markup, mentions or HTML.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tagsync.escape import shown
from tagsync.model import Diagnostic, Op
from tagsync.reporting.groups import ChangeGroup, GroupLine
from tagsync.reporting.guard_view import GuardView
from tagsync.reporting.phrases import Names, counted, shown_origin, target_words
from tagsync.reporting.view import Section, StatusRow, View

MAX_BYTES = 60_000
"""What fits a comment: GitHub takes 65,536 characters."""

LEAST_BYTES = 8_000
"""The totals and everything that blocks fit into this, whatever they name."""

SHOWN_PATHS = 3
SHOWN_LINES = 40
_MAX_TEXT = 200
_MAX_NAME = 40
"""Characters of a name in the part that is never left out."""

_MAX_LINK = 500
_ROOM_FOR_REST = 120
"""Bytes kept for the line that counts what was left out."""

_SIGNS = {Op.ADD: "+ ", Op.REMOVE: "- ", Op.REMOVE_AI: "- AI "}


class _Block(NamedTuple):
    """Pieces of Markdown under a title; `rest` counts what is left out after the given number of pieces."""

    title: str
    pieces: Iterator[str]
    total: int
    rest: Callable[[int], str]
    share: float = 1.0


def markdown(view: View, *, max_bytes: int = MAX_BYTES, link: str | None = None) -> str:
    """Return Markdown of at most `max_bytes` bytes in UTF-8.

    Args:
        view: what to show.
        max_bytes: at least LEAST_BYTES.
        link: where everything can be seen; left out if it is no http(s) address.
    """
    head, foot = "".join(_head(view)), "".join(f"\n{line}\n" for line in _foot(view, link))
    left = max_bytes - _size(head) - _size(foot)
    body = []
    for block in _blocks(view):
        body.append(_fitted(block, int(left * block.share)))
        left -= _size(body[-1])
    return "".join((head, *body, foot))


def _size(text: str) -> int:
    return len(text.encode())


def _fitted(block: _Block, room: int) -> str:
    """Return as many pieces of a block as fit into `room` bytes, and how many do not."""
    kept, left = [], room - _size(block.title) - _ROOM_FOR_REST
    for piece in block.pieces:
        left -= _size(piece)
        if left < 0:
            break
        kept.append(piece)
    rest = f"\n… and {block.rest(len(kept))}\n" if len(kept) < block.total else ""
    return "".join((block.title, *kept, rest))


def _head(view: View) -> Iterator[str]:
    environment = view.target.environment if view.target else None
    if view.digest:
        # A pull request has one comment for each environment, which pipelines find by this line.
        yield f"<!-- tagsync {view.kind} {view.digest} {f'{environment} ' if environment else ''}-->\n"
    yield f"### {view.title}\n"
    if view.target:
        yield f"\n{target_words(view.target, _name)}\n"
    if view.totals or view.guards:
        yield "\n"
    for sentence in view.totals:
        yield f"- {sentence}\n"
    if view.guards:
        yield f"- guards: {', '.join(guard.counts for guard in view.guards)}\n"
    yield from map(_blocked, view.blocking)


def _blocked(guard: GuardView) -> str:
    examples = f": {', '.join(map(_name, guard.examples))}" if guard.examples else ""
    return f"\n> **{guard.counts} blocks: {guard.limit}**{examples}\n> Once somebody has looked at it: `{guard.ack}`\n"


def _foot(view: View, link: str | None) -> Iterator[str]:
    if link and (address := safe_address(link)):
        yield f"[Everything in full]({address})"
    if view.digest:
        yield f"digest `{view.digest}`"


def safe_address(link: str) -> str | None:
    """Return a link in a form that cannot end its brackets; None if it is no address of a web page, or a long one."""
    try:
        parts = urlsplit(link)
        address = quote(link, safe=":/?#[]@!$&'*+,;=%~")
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc and len(address) <= _MAX_LINK else None


def _blocks(view: View) -> Iterator[_Block]:
    """Yield details, the most important first; each leaves room for those after it."""
    notes = [item for item in view.diagnostics if item.level == "info"]
    loud = view.diagnostics[: len(view.diagnostics) - len(notes)]
    if loud:
        yield _diagnostics("", loud, view, 0.4, more=view.more_of("error") + view.more_of("warning"))
    missed = view.missed
    if missed:
        yield _Block(
            f"\n#### {counted(len(missed), 'file')} not as planned\n\n",
            map(_missed, missed),
            len(missed),
            lambda written: counted(len(missed) - written, "more file"),
            0.5,
        )
    for number, section in enumerate(view.sections, 1):
        yield _changes(section, view.names, (0.9 if notes else 1) / (len(view.sections) - number + 1))
    if notes:
        yield _diagnostics(f"\n#### {counted(len(notes), 'note')}\n", notes, view, 1)


def _diagnostics(title: str, found: Sequence[Diagnostic], view: View, share: float, *, more: int = 0) -> _Block:
    total = len(found) + more
    pieces = (_said(item, view.names) for item in found)
    return _Block(f"{title}\n", pieces, total, lambda written: f"{total - written:,} more", share)


def _said(diagnostic: Diagnostic, names: Names) -> str:
    where = f"{code(shown_origin(diagnostic.origin, names))} " if diagnostic.origin else ""
    return f"- **{diagnostic.level}** {where}{code(diagnostic.message, 1000)}\n"


def _missed(row: StatusRow) -> str:
    outcome = row.outcome
    words = f": {code(outcome.error)}" if outcome.error else ""
    request = f" (request {code(outcome.request_id)})" if outcome.request_id else ""
    return f"- **{outcome.status}** {code(row.path)}{words}{request}\n"


def _changes(section: Section, names: Names, share: float) -> _Block:
    def rest(written: int) -> str:
        left = len(section.groups) - written
        return f"{counted(left, 'more kind')} of change on {counted(section.groups.files(written), 'file')}"

    title = f"\n#### {section.title}\n" if section.title else ""
    return _Block(title, (_group(group, names) for group in section.groups), len(section.groups), rest, share)


def _group(group: ChangeGroup, names: Names) -> str:
    paths = ", ".join(map(code, group.paths[:SHOWN_PATHS]))
    more = len(group.paths) - SHOWN_PATHS
    files = f"{paths} and {counted(more, 'more file')}" if more > 0 else paths
    return f"\n{files}\n{_diff(list(_lines(group, names)))}"


def _lines(group: ChangeGroup, names: Names) -> Iterator[str]:
    kept = [(line, _SIGNS[line.op] + _cut(shown(line.tag), _MAX_TEXT)) for line in group.lines[:SHOWN_LINES]]
    width = min(40, max(len(text) for _line, text in kept))
    for line, text in kept:
        yield f"{text.ljust(width)}{_beside(line, names)}".rstrip()
    if len(kept) < len(group.lines):
        yield f"  … and {counted(len(group.lines) - len(kept), 'more tag')}"


def _beside(line: GroupLine, names: Names) -> str:
    undone = "  cannot be undone" if line.op is Op.REMOVE_AI else ""
    elsewhere = " and elsewhere" if line.more else ""
    origin = f"  {_cut(shown_origin(line.origin, names), _MAX_TEXT)}{elsewhere}" if line.origin else ""
    return f"{undone}{origin}{f'  {line.cause}' if line.cause else ''}"


def _diff(lines: Iterable[str]) -> str:
    """Return lines as a block whose fence none of them can close."""
    text = "\n".join(lines)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}diff\n{text}\n{fence}\n"


def code(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text as a code span that it cannot leave."""
    text = _cut(shown(text), limit) or "(empty)"
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _name(text: str) -> str:
    return code(text, _MAX_NAME)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
