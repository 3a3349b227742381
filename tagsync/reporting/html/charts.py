"""Bar charts of plans: the label, words and width of each bar; the template draws them."""

from collections.abc import Sequence
from typing import NamedTuple

from tagsync.escape import shown
from tagsync.model import Plan
from tagsync.reporting.counts import ChangeCount, ChangeCounts
from tagsync.reporting.phrases import counted, usual_calls

SHOWN_BARS = 8
"""Tags and folders that a chart shows, those with the most changes."""


class Bar(NamedTuple):
    """One row of a chart: the widths of its parts in percent of the longest bar, and what they stand for."""

    label: str
    parts: tuple[tuple[str, float, float], ...]
    words: str
    selects: str = ""


class Chart(NamedTuple):
    """Bars under a title; `more` says what has no bar."""

    title: str
    column: str
    unit: str
    bars: tuple[Bar, ...]
    more: str = ""


def change_charts(counts: ChangeCounts) -> list[Chart]:
    """Return how often each tag changes, and how much in each folder."""
    if not counts.by_tag:
        return []
    return [
        _count_chart("Changes by tag", "Tag", counts.by_tag, selects="tag"),
        _count_chart("Changes by folder", "Folder", counts.by_folder, selects="folder"),
    ]


def _count_chart(title: str, column: str, counts: Sequence[ChangeCount], *, selects: str) -> Chart:
    kept = counts[:SHOWN_BARS]
    longest = max((count.total for count in kept), default=1)
    bars = tuple(Bar(shown(count.name), _parts(count, longest), _bar_words(count), selects) for count in kept)
    left = len(counts) - len(kept)
    rest = sum(count.total for count in counts[SHOWN_BARS:])
    more = f"and {counted(rest, 'change')} of {counted(left, f'more {column.lower()}')}" if left else ""
    return Chart(title, column, "Changes", bars, more)


def _parts(count: ChangeCount, longest: int) -> tuple[tuple[str, float, float], ...]:
    """Return where each part of a bar starts, and how wide it is, in percent."""
    parts, start = [], 0.0
    for name, number in (("add", count.add), ("remove", count.remove), ("remove-ai", count.remove_ai)):
        width = round(100 * number / longest, 2)
        if number:
            parts.append((name, round(start, 2), width))
        start += width
    return tuple(parts)


def _bar_words(count: ChangeCount) -> str:
    signs = (("+", count.add), ("\N{MINUS SIGN}", count.remove), ("\N{MINUS SIGN}AI ", count.remove_ai))
    return " ".join(f"{sign}{number:,}" for sign, number in signs if number)


def call_charts(plan: Plan) -> list[Chart]:
    """Return a chart of the plan's calls and those of the usual ways, if they are known."""
    calls = usual_calls(plan)
    longest = max(count for _, count in calls)
    if not longest:
        return []
    looks = ("this", *["usual"] * (len(calls) - 1))
    bars = tuple(
        Bar(label, ((look, 0.0, round(100 * count / longest, 2)),), f"{count:,}")
        for look, (label, count) in zip(looks, calls, strict=True)
    )
    return [Chart("Bulk calls, beside the usual ways", "Way", "Calls", bars)]
