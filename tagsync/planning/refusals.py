"""Say which changes ImageKit refused and what to do, because another attempt does not help; and why others failed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from tagsync.documents.changes import file_ids_of
from tagsync.escape import quoted
from tagsync.model import (
    REFUSED_CHANGE,
    Cause,
    Change,
    Diagnostic,
    Drift,
    FileChange,
    FileOutcome,
    Level,
    Op,
    Refusal,
    Report,
    RuleName,
    counted,
)
from tagsync.planning.undo import UNDO

SHOWN_FILES = 3
SHOWN_TAGS = 10
SHOWN_REASONS = 10


class _RefusedTag(NamedTuple):
    """A tag that ImageKit refused, the first change with it, ImageKit's message, and the number of files."""

    change: Change
    message: str
    files: int = 0


def refusals(
    found: Iterable[tuple[FileChange, Iterable[Refusal]]], level: Level, *, start: str = ""
) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each of the first refused tags, and one for the files that the key may not change.

    Args:
        found: planned changes of files, each with those that ImageKit refused.
        level: the level of the diagnostics.
        start: how their messages start.
    """
    tags: dict[tuple[Op, str], _RefusedTag] = {}
    protected, why = list[str](), ""
    for change, refused in found:
        items = {(item.op, item.tag): item for item in change.changes} if refused else {}
        planned = [refusal for refusal in refused if (refusal.op, refusal.tag) in items]
        of_file = next((refusal for refusal in planned if refusal.is_of_file), None)
        if of_file:
            protected.append(change.path)
            why = why or of_file.message
            continue
        for op, tag, _, message in planned:
            known = tags.get((op, tag)) or _RefusedTag(items[op, tag], message)
            tags[op, tag] = known._replace(files=known.files + 1)
    if protected:
        yield Diagnostic(level, REFUSED_CHANGE, f"{start}{_of_files(protected, why)}")
    for item in sorted(tags.values(), key=lambda item: (-item.files, item.change.tag))[:SHOWN_TAGS]:
        because = item.change.because
        yield Diagnostic(level, REFUSED_CHANGE, f"{start}{_of_tag(item)}", because[0].origin if because else None)
    if len(tags) > SHOWN_TAGS:
        more = counted(len(tags) - SHOWN_TAGS, "more tag")
        yield Diagnostic(level, REFUSED_CHANGE, f"{start}ImageKit refused {more}")


def _of_files(paths: Sequence[str], message: str) -> str:
    more = len(paths) - SHOWN_FILES
    names = ", ".join(quoted(path, 200) for path in paths[:SHOWN_FILES])
    others = f" and {counted(more, 'more file')}" if more > 0 else ""
    return (
        f"ImageKit refused to change {names}{others}: {message.rstrip('.')}. Another attempt fails too. If the key is "
        "read-only, use one with read and write permission for media. If a path policy or a restricted user protects "
        "these files, leave them out of the rules"
    )


def _of_tag(item: _RefusedTag) -> str:
    kind = "AI tag" if item.change.op is Op.REMOVE_AI else "tag"
    words = f"ImageKit refused the {kind} {quoted(item.change.tag)} on {counted(item.files, 'file')}"
    return f"{words}: {item.message.rstrip('.')}. Another attempt fails too. {_way_out(item.change)}"


def _way_out(change: Change) -> str:
    """Return how to leave out a change."""
    rules = {reason.rule for reason in change.because}
    if UNDO in rules:
        return "To undo the rest, apply the plan with --select"
    if change.op is Op.REMOVE_AI or rules == {RuleName.AI_PROMOTE}:
        return "To leave it out, add it to aiTags.keep"
    return "To leave it out, change this rule"


def not_applied(changes: Iterable[FileChange], drift: Iterable[Drift], last: Report | None) -> Iterator[Diagnostic]:
    """Yield why the previous run did not make changes that are planned again.

    Args:
        changes: the planned changes.
        drift: the causes of changes, in the order of the changes.
        last: the report of the previous run.
    """
    pending = [item for item in drift if item.cause is Cause.PENDING]
    if last is None or not pending:
        return
    wanted = {item.file_id for item in pending}
    ids = file_ids_of(last.plan.changes)
    outcomes = {file_id: outcome for file_id, outcome in zip(ids, last.outcomes, strict=True) if file_id in wanted}
    again = ((change, outcomes[change.file_id].refused) for change in changes if change.file_id in outcomes)
    yield from refusals(again, "warning", start="in the previous apply, ")
    yield from _other_reasons(pending, outcomes)


def _other_reasons(pending: Iterable[Drift], outcomes: dict[str, FileOutcome]) -> Iterator[Diagnostic]:
    """Yield a notice for each of the most frequent reasons, without those of refused changes."""
    files, totals = Counter[str](), Counter[str]()
    for file_id, items in groupby(pending, key=lambda item: item.file_id):
        outcome = outcomes[file_id]
        refused = {(refusal.op, refusal.tag) for refusal in outcome.refused}
        count = sum((item.op, item.tag) not in refused for item in items)
        if count:
            reason = outcome.reason or str(outcome.status)
            files[reason] += 1
            totals[reason] += count
    for reason, count in files.most_common(SHOWN_REASONS):
        what = f"{counted(totals[reason], 'change')} on {counted(count, 'file')}"
        yield Diagnostic("info", "not-applied", f"the previous apply did not make {what}: {reason}")
