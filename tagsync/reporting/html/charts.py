"""Bar charts of plans: what their bars stand for in words, and how wide they are; drawing them is the page's."""

from collections.abc import Sequence
from typing import NamedTuple

from tagsync.escape import shown
from tagsync.model import FileChange, Plan
from tagsync.reporting.counts import Tally, changes_by_folder, changes_by_tag
from tagsync.reporting.rows import counted, usual_calls

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


def change_charts(changes: Sequence[FileChange]) -> list[Chart]:
    """Return how often each tag changes, and how much in each folder."""
    if not changes:
        return []
    return [
        _tally_chart("Changes by tag", "Tag", changes_by_tag(changes), selects="tag"),
        _tally_chart("Changes by folder", "Folder", changes_by_folder(changes), selects="folder"),
    ]


def _tally_chart(title: str, column: str, tallies: Sequence[Tally], *, selects: str) -> Chart:
    kept = tallies[:SHOWN_BARS]
    longest = max((tally.total for tally in kept), default=1)
    bars = tuple(Bar(shown(tally.name), _parts(tally, longest), _tally_words(tally), selects) for tally in kept)
    left = len(tallies) - len(kept)
    rest = sum(tally.total for tally in tallies[SHOWN_BARS:])
    more = f"and {counted(rest, 'change')} of {counted(left, f'more {column.lower()}')}" if left else ""
    return Chart(title, column, "Changes", bars, more)


def _parts(tally: Tally, longest: int) -> tuple[tuple[str, float, float], ...]:
    """Return where each part of a bar starts, and how wide it is, in percent."""
    parts, start = [], 0.0
    for name, count in (("add", tally.add), ("remove", tally.remove), ("remove-ai", tally.remove_ai)):
        width = round(100 * count / longest, 2)
        if count:
            parts.append((name, round(start, 2), width))
        start += width
    return tuple(parts)


def _tally_words(tally: Tally) -> str:
    signs = (("+", tally.add), ("\N{MINUS SIGN}", tally.remove), ("\N{MINUS SIGN}AI ", tally.remove_ai))
    return " ".join(f"{sign}{count:,}" for sign, count in signs if count)


def call_charts(plan: Plan) -> list[Chart]:
    """Return the plan's calls beside those of the usual ways, where it is known."""
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
