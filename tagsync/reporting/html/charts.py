"""Prepare the tables and bar charts of pages: labels, words and widths; the template draws them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tagsync.escape import shown, without_middle
from tagsync.model import Op, Plan, counted
from tagsync.reporting.counts import MAX_PLACES, FolderCount, TagCount
from tagsync.reporting.phrases import Names, shown_origin, usual_calls, why_words

SHOWN_TAGS = 12
"""Rows of the table of tags before it is expanded."""

MAX_TAGS = 1000
"""Rows when it is expanded: a browser draws that many quickly, and the table of files knows all tags."""

SHOWN_FOLDERS = 12
MAX_LABEL = 32
"""Characters of a label; longer text is shortened in the middle."""

MAX_NAME = 160
"""Characters of a path or tag among others that are examples."""

_LOOKS: Mapping[Op, tuple[str, str, str]] = {
    Op.REMOVE_AI: ("remove-ai", "\N{MINUS SIGN}AI", "AI tag removed"),
    Op.REMOVE: ("remove", "\N{MINUS SIGN}", "removed"),
    Op.ADD: ("add", "+", "added"),
}
"""The class, the sign and the words for an operation."""

_NUMBERS = {op: number for number, op in enumerate(Op)}


class TagRow(NamedTuple):
    """One operation on one tag.

    Attributes:
        kind: the class of its bar.
        sign: what stands for the operation.
        words: the operation in words.
        op: its number in the page's data.
        label: the tag, shortened.
        tag: the tag.
        width: the width of its bar in percent.
        files: the number of files.
        place: the first place in the manifests that asks for it.
        more: how many other places there are, and the cause, in words.
    """

    kind: str
    sign: str
    words: str
    op: int
    label: str
    tag: str
    width: float
    files: str
    place: str
    more: str


class TagTable(NamedTuple):
    """What changes by tag: the first rows, the rows that open on demand, and what is left out."""

    title: str
    note: str
    first: Sequence[TagRow]
    others: Sequence[TagRow]
    more: str


class Bar(NamedTuple):
    """One row of a chart: the widths of its parts in percent of the longest bar, and what they stand for."""

    label: str
    parts: tuple[tuple[str, float, float], ...]
    words: str
    value: str = ""


class Chart(NamedTuple):
    """Bars under a title; `more` says what has no bar."""

    title: str
    column: str
    unit: str
    bars: tuple[Bar, ...]
    more: str = ""


def tag_table(operations: Sequence[TagCount], names: Names, *, is_past: bool) -> TagTable | None:
    """Return what changes or has changed by tag, the riskiest first; None if nothing does."""
    if not operations:
        return None
    kept = operations[:MAX_TAGS]
    # Each operation has a scale of its own: next to many additions, other bars would vanish.
    longest = {item.op: item.files for item in reversed(kept)}
    labels = shortened(item.tag for item in kept)
    # A cause that is the same for all is said once, elsewhere.
    with_causes = len({item.cause for item in operations}) > 1
    rows = [_tag_row(item, longest[item.op], labels, names, with_cause=with_causes) for item in kept]
    left = len(operations) - len(kept)
    return TagTable(
        "Changed tags" if is_past else "Changes by tag",
        "" if is_past or operations[0].op is not Op.REMOVE_AI else "Removing an AI tag cannot be undone.",
        rows[:SHOWN_TAGS],
        rows[SHOWN_TAGS:],
        f"This page lists the first {MAX_TAGS:,} of {counted(len(operations), 'change')} by tag. Filter the files "
        "below, or use the JSON report (--report json=FILE), which has all."
        if left
        else "",
    )


def _tag_row(item: TagCount, longest: int, labels: Mapping[str, str], names: Names, *, with_cause: bool) -> TagRow:
    kind, sign, words = _LOOKS[item.op]
    others = f"+{item.more:,}{' or' if item.more == MAX_PLACES else ''} more" if item.more else ""
    why = why_words(item.cause if with_cause else None, item.commit)
    return TagRow(
        kind,
        sign,
        words,
        _NUMBERS[item.op],
        labels[item.tag],
        shown(item.tag),
        round(100 * item.files / longest, 2),
        f"{item.files:,}",
        shown_origin(item.origin, names) if item.origin else "",
        " · ".join(filter(None, (others, *why))),
    )


def folder_chart(folders: Sequence[FolderCount], *, is_past: bool) -> Chart | None:
    """Return how much changes or has changed in each folder; None if nothing does."""
    kept = folders[:SHOWN_FOLDERS]
    if not kept:
        return None
    longest = max(count.total for count in kept)
    labels = shortened(count.folder for count in kept)
    bars = tuple(
        Bar(labels[count.folder], _parts(count, longest), _bar_words(count), shown(count.folder)) for count in kept
    )
    left = len(folders) - len(kept)
    rest = sum(count.total for count in folders[SHOWN_FOLDERS:])
    more = f"and {counted(rest, 'change')} in {counted(left, 'more folder')}" if left else ""
    return Chart("Changed folders" if is_past else "Changes by folder", "Folder", "Changes", bars, more)


def shortened(texts: Iterable[str], limit: int = MAX_LABEL) -> dict[str, str]:
    """Return labels for distinct texts, safe to print: long ones shortened in the middle, and no two the same."""
    full = {text: shown(text) for text in texts}
    labels = {text: without_middle(words, limit) for text, words in full.items()}
    while True:
        counts = Counter(labels.values())
        alike = [text for text, label in labels.items() if counts[label] > 1 and len(label) < len(full[text])]
        if not alike:
            return labels
        # What makes these texts differ is in their middle: show more of it until it shows.
        labels |= {text: without_middle(full[text], len(labels[text]) + 8) for text in alike}


def middle(text: str, limit: int = MAX_NAME) -> str:
    """Return text, safe to print, without its middle if it is longer than a limit."""
    return without_middle(shown(text), limit)


def _parts(count: FolderCount, longest: int) -> tuple[tuple[str, float, float], ...]:
    """Return where each part of a bar starts, and how wide it is, in percent."""
    parts, start = [], 0.0
    for name, number in (("remove-ai", count.remove_ai), ("remove", count.remove), ("add", count.add)):
        width = round(100 * number / longest, 2)
        if number:
            parts.append((name, round(start, 2), width))
        start += width
    return tuple(parts)


def _bar_words(count: FolderCount) -> str:
    signs = (("\N{MINUS SIGN}", count.remove_ai, " AI"), ("\N{MINUS SIGN}", count.remove, ""), ("+", count.add, ""))
    return " ".join(f"{sign}{number:,}{kind}" for sign, number, kind in signs if number)


def call_chart(plan: Plan) -> Chart | None:
    """Return a plan's API calls, compared with the usual ways; None if they are not known."""
    calls = usual_calls(plan)
    longest = max(count for _, count in calls)
    if not longest:
        return None
    looks = ("this", *["usual"] * (len(calls) - 1))
    bars = tuple(
        Bar(label, ((look, 0.0, round(100 * count / longest, 2)),), f"{count:,}")
        for look, (label, count) in zip(looks, calls, strict=True)
    )
    return Chart("API calls", "Method", "API calls", bars)
