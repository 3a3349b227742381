"""Write a view as Markdown for pull-request comments: the verdict, a table of tags, then details as far as they fit.

All text from outside is in code spans, in which Markdown finds no markup, mentions or HTML.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import islice
from urllib.parse import quote, urlsplit

from tagsync.escape import shown, without_middle
from tagsync.model import NO_LONGER_DECLARED, Diagnostic, Op, as_shown, counted
from tagsync.reporting.blocks import Block, fitted
from tagsync.reporting.counts import MAX_PLACES, FolderCount, TagCount
from tagsync.reporting.groups import ChangeGroup, Groups
from tagsync.reporting.guard_view import GuardView
from tagsync.reporting.phrases import (
    LEVEL_WORDS,
    Names,
    outcome_words,
    shown_origin,
    target_words,
    why_words,
)
from tagsync.reporting.view import NotMade, Section, StatusRow, View

MAX_BYTES = 60_000
"""A comment's size by default: GitHub takes 65,536 characters."""

LEAST_BYTES = 8_000
"""The smallest size to ask for: the verdict and every guard that blocks always fit."""

SHOWN_TAGS = 40
"""Rows of the table; the rest is in a second table that opens on demand."""

SHOWN_WARNINGS = 10
SHOWN_REASONS = 10
SHOWN_MISSED = 10
SHOWN_FOLDERS = 5
SHOWN_KINDS = 5
"""Groups of files that are always listed, if there is room."""

SHOWN_KINDS_BYTES = 2_000
"""The size up to which further groups that remove anything are listed, so that the comment stays short."""

SHOWN_PATHS = 3
SHOWN_TAGS_OF_KIND = 20
_MAX_TEXT = 200
_MAX_NAME = 40
"""Characters of a name in the part that always fits."""

_MAX_LINK = 500

_TAGS = "\n| Change | Tag | Files | Rule |\n|:--|:--|--:|:--|\n"
_PLANNED = {Op.REMOVE_AI: "remove AI", Op.REMOVE: "remove", Op.ADD: "add"}
_MADE = {Op.REMOVE_AI: "removed AI", Op.REMOVE: "removed", Op.ADD: "added"}


def markdown(view: View, *, max_bytes: int = MAX_BYTES, link: str | None = None) -> str:
    """Return Markdown of at most `max_bytes` bytes in UTF-8.

    Args:
        view: what to show.
        max_bytes: at least LEAST_BYTES.
        link: where all details are; left out if it is no http(s) address.
    """
    head, foot = "".join(_head(view)), "".join(f"\n{line}\n" for line in _foot(view, link))
    room = max_bytes - len(f"{head}{foot}".encode())
    return "".join((head, *fitted(_blocks(view), room), foot))


def _head(view: View) -> Iterator[str]:
    """Yield what always fits: the verdict, what is counted, and the guards that block or nearly do."""
    environment = view.target.environment if view.target else None
    if view.digest:
        # Workflows find the comment of an environment, and the digest to expect, by this line.
        yield f"<!-- tagsync {view.kind} {view.digest} {f'{environment} ' if environment else ''}-->\n"
    yield f"### {view.title}\n"
    target = target_words(view.target, _name) if view.target else ""
    # The verdict already counts the files of a plan.
    headline = view.headline.partition(": ")[2] if view.kind == "plan" and view.files_changed else view.headline
    if counts := " · ".join(filter(None, [headline, target])):
        yield f"\n{counts}\n"
    if remarks := _remarks(view):
        yield "\n"
    for sentence in remarks:
        yield f"- {sentence}\n"
    yield from map(_blocked, view.blocking)


def _remarks(view: View) -> list[str]:
    near = [guard.below for guard in view.guards if guard.below] if view.kind == "plan" else []
    return [*view.named_remarks(_name), *view.remarks, *near]


def _blocked(guard: GuardView) -> str:
    examples = "".join(f" {label}: {', '.join(map(_name, texts))}." for label, texts in guard.examples)
    return (
        f"\n> **Blocked by guard {guard.guard}**: {guard.reason}.{examples}\n>\n"
        f"> If this is intended, apply it with: `{guard.ack}`\n"
    )


def _foot(view: View, link: str | None) -> Iterator[str]:
    if link and (address := safe_address(link)):
        yield f"[All details]({address})"
    if view.digest and view.is_filtered:
        yield "This plan is filtered. To approve a digest, use that of the whole plan."
    elif view.digest:
        yield f"Digest `{view.digest}`"


def safe_address(link: str) -> str | None:
    """Return a link in a form that cannot end its brackets; None if it is no address of a web page, or a long one."""
    try:
        parts = urlsplit(link)
        address = quote(link, safe=":/?#[]@!$&'*+,;=%~")
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc and len(address) <= _MAX_LINK else None


def _blocks(view: View) -> Iterator[Block]:
    """Yield details, the most important first; each leaves room for those after it."""
    notices = [item for item in view.diagnostics if item.level == "info" and item.code != NO_LONGER_DECLARED]
    loud = [item for item in view.diagnostics if item.level != "info" or item.code == NO_LONGER_DECLARED]
    more = view.more_of("error") + view.more_of("warning")
    if loud or more:
        # Right below the remarks, both are one list.
        start = "" if _remarks(view) and not view.blocking else "\n"
        yield _diagnostics(loud, view.names, more, start)
    if view.missed:
        yield _not_made(view.not_made)
        yield _missed(view.missed)
    for number, section in enumerate(view.sections, 1):
        yield from _section(section, view, share=1 / (len(view.sections) - number + 1))
    if notices:
        pieces = (_diagnostic(item, view.names) for item in notices)
        yield _on_demand(counted(len(notices), "notice"), pieces, len(notices), _more(len(notices), "notice"))


def _more(total: int, noun: str) -> Callable[[int], str]:
    """Return what counts pieces that are left out."""
    return lambda written: counted(total - written, f"more {noun}")


def _on_demand(
    summary: str, pieces: Iterable[str], total: int, rest: Callable[[int], str], *, share: float = 1.0, start: str = ""
) -> Block:
    """Return a block that opens on a click."""
    opening = f"\n<details><summary>{summary}</summary>\n{start or chr(10)}"
    return Block(opening, pieces, total, rest, share, "\n</details>\n")


def _diagnostics(found: Sequence[Diagnostic], names: Names, more: int, start: str) -> Block:
    errors = sum(item.level == "error" for item in found)
    kept = found[: errors + SHOWN_WARNINGS]
    total = len(found) + more
    return Block(start, (_diagnostic(item, names) for item in kept), total, lambda n: f"{total - n:,} more", 0.4)


def _diagnostic(diagnostic: Diagnostic, names: Names) -> str:
    item = as_shown(diagnostic, names)
    where = f"{code(shown(item.where))} " if item.origin else ""
    return f"- **{LEVEL_WORDS[item.level]}** {where}{code(item.message, 1000)}\n"


def _not_made(reasons: Sequence[NotMade]) -> Block:
    start = "\n#### Not changed as planned\n\n| Files | Not applied | Status | Reason |\n|--:|:--|:--|:--|\n"
    rows = (
        f"| {item.files:,} | {item.left} | {outcome_words(item.status, in_part=item.in_part)} "
        f"| {_cell(item.error) if item.error else ''} |\n"
        for item in reasons
    )
    return Block(start, islice(rows, SHOWN_REASONS), len(reasons), _more(len(reasons), "reason"), 0.3)


def _missed(rows: Sequence[StatusRow]) -> Block:
    total = len(rows)
    title = f"{counted(total, 'file')} not changed as planned"
    return _on_demand(title, map(_missed_row, rows[:SHOWN_MISSED]), total, _more(total, "file"), share=0.3)


def _missed_row(row: StatusRow) -> str:
    outcome = row.outcome
    words = f": {code(outcome.error)}" if outcome.error else ""
    is_new = outcome.request_id and outcome.request_id not in (outcome.error or "")
    request = f" (request {code(outcome.request_id)})" if outcome.request_id and is_new else ""
    return f"- **{outcome_words(outcome.status, in_part=row.outcome.in_part)}** {code(row.path)}{words}{request}\n"


def _section(section: Section, view: View, share: float) -> Iterator[Block]:
    if title := section.title or ("Changed" if view.missed else ""):
        yield Block("", [f"\n#### {title}\n"], 1, lambda _written: "", share)
    yield _tags(section.counts.operations, view, 0.6 * share)
    yield _folders(section.counts.folders, 0.5 * share)
    yield _kinds(section.groups, view, 0.9 * share)


def _tags(operations: Sequence[TagCount], view: View, share: float) -> Block:
    """Return a table of what changes, with the rows beyond the first ones on demand."""
    lost = sum(item.files for item in operations if item.op is Op.REMOVE_AI)
    is_past = view.kind == "report"
    warning = "" if is_past or not lost else f"\n**Removing {counted(lost, 'AI tag')} cannot be undone.**\n"
    causes = {item.cause for item in operations} if len(operations) > 1 else set()
    rows = (_tag(item, view.names, is_past=is_past, with_cause=len(causes) > 1) for item in operations)

    def rest(written: int) -> str:
        words = {Op.REMOVE_AI: "more AI tag", Op.REMOVE: "more removed tag", Op.ADD: "more added tag"}
        left = Counter(item.op for item in operations[written:])
        return ", ".join(counted(left[op], words[op]) for op in words if left[op])

    following = len(operations) - SHOWN_TAGS
    then = None
    if following > 0:
        summary = counted(following, "more change")
        then = _on_demand(summary, rows, following, lambda n: rest(SHOWN_TAGS + n), share=share, start=_TAGS)
    return Block(warning + _TAGS, islice(rows, SHOWN_TAGS), min(len(operations), SHOWN_TAGS), rest, share, then=then)


def _tag(item: TagCount, names: Names, *, is_past: bool, with_cause: bool) -> str:
    verb = (_MADE if is_past else _PLANNED)[item.op]
    # On a phone, a column of two words would otherwise take two lines.
    words = f"**{verb}**".replace(" ", "&nbsp;") if item.op is Op.REMOVE_AI else verb
    origin = _cell(shown_origin(item.origin, names)) if item.origin else ""
    others = f" +{item.more:,}{' or' if item.more == MAX_PLACES else ''} more" if item.more else ""
    why = ", ".join(why_words(item.cause if with_cause else None, item.commit))
    cause = f" ({why})" if why else ""
    return f"| {words} | {_cell(item.tag)} | {item.files:,} | {origin}{others}{cause} |\n"


def _folders(folders: Sequence[FolderCount], share: float) -> Block:
    largest = nsmallest(SHOWN_FOLDERS, folders, key=lambda item: (-item.files, item.folder))
    most = ", ".join(f"{code(item.folder)} ({counted(item.files, 'file')})" for item in largest)
    more = len(folders) - SHOWN_FOLDERS
    others = f" and {counted(more, 'more folder')}" if more > 0 else ""
    return Block("", [f"\nFolders: {most}{others}\n"], 1, lambda _written: "", share)


def _kinds(groups: Groups, view: View, share: float) -> Block:
    """Return files by what changes on them, those that change in the same way together."""

    def rest(written: int) -> str:
        return f"{counted(len(groups) - written, 'more group')} with {counted(groups.files(written), 'file')}"

    verbs = _MADE if view.kind == "report" else _PLANNED
    pieces = _kind_lines(groups, verbs)
    title = f"{counted(groups.files(0), 'file')}, grouped by what changes"
    return _on_demand(title, pieces, len(groups), rest, share=share)


def _kind_lines(groups: Groups, verbs: Mapping[Op, str]) -> Iterator[str]:
    """Yield the first groups, and those after them that remove anything as long as all are short."""
    size = 0
    for number, group in enumerate(groups):
        line = _kind(group, verbs)
        size += len(line.encode())
        if number >= SHOWN_KINDS and (size > SHOWN_KINDS_BYTES or all(item.op is Op.ADD for item in group.lines)):
            return
        yield line


def _kind(group: ChangeGroup, verbs: Mapping[Op, str]) -> str:
    paths = ", ".join(map(code, group.paths[:SHOWN_PATHS]))
    more = len(group.paths) - SHOWN_PATHS
    files = f"{paths} and {counted(more, 'more file')}" if more > 0 else paths
    kept = group.lines[:SHOWN_TAGS_OF_KIND]
    tags = {op: ", ".join(code(line.tag) for line in kept if line.op is op) for op in verbs}
    changes = "; ".join(f"{verbs[op]} {tags[op]}" for op in verbs if tags[op])
    left = len(group.lines) - len(kept)
    others = f" and {counted(left, 'more tag')}" if left else ""
    return f"- {files}: {changes}{others}\n"


def code(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text as a code span that it cannot leave."""
    text = _cut(shown(text), limit) or "(empty)"
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _cell(text: str) -> str:
    """Return text as a code span in a table, where a pipe ends a cell even within code."""
    return code(text).replace("|", "\\|")


def _name(text: str) -> str:
    return code(without_middle(shown(text), _MAX_NAME), _MAX_NAME)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
