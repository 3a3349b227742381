"""Find AI tags that came back after earlier applies removed them, and count how often."""

from collections.abc import Iterable, Iterator

from tagsync.escape import quoted, shown
from tagsync.model import Change, Diagnostic, FileChange, Op, Origin, Report, Returning


def came_back(changes: Iterable[FileChange], reports: Iterable[Report]) -> tuple[Returning, ...]:
    """Return the AI tags to remove that earlier applies had already removed, in the order of the changes.

    Each report carries how often its AI tags had come back by then. So the newest report that removed an AI tag is
    enough, and older ones are not read.

    Args:
        changes: the planned changes.
        reports: those of earlier applies, newest first.
    """
    wanted: set[tuple[str, str]] | None = None
    runs: dict[tuple[str, str], int] = {}
    for report in reports:
        if wanted is None:  # the changes are on disk, and read only if there is a report
            wanted = {(change.file.file_id, tag) for change in changes for tag in change.remove_ai}
        removed = wanted.intersection(_removed(report))
        carried = {(item.file_id, item.tag): item.runs for item in report.plan.returning}
        runs.update((key, carried.get(key, 0) + 1) for key in removed)
        wanted -= removed
        if not wanted:
            break
    if not runs:
        return ()
    return tuple(
        Returning(change.file.file_id, change.file.path, tag, runs[change.file.file_id, tag])
        for change in changes
        for tag in change.remove_ai
        if (change.file.file_id, tag) in runs
    )


def return_warnings(returning: Iterable[Returning], changes: Iterable[FileChange]) -> Iterator[Diagnostic]:
    """Yield one warning for each AI tag that came back, on however many files.

    Args:
        returning: what came back.
        changes: the planned changes; the first rule that removes an AI tag is the origin of its warning.
    """
    found: dict[str, list[Returning]] = {}
    for item in returning:
        found.setdefault(item.tag, []).append(item)
    origins: dict[str, Origin] = {}
    for change in _removals(changes if found else ()):
        origin = min(reason.origin for reason in change.because)
        origins[change.tag] = min(origins.get(change.tag, origin), origin)
    for tag, items in sorted(found.items()):
        first = shown(items[0].path, 200)
        files = first if len(items) == 1 else f"{len(items):,} files (for example {first})"
        most = max(item.runs for item in items)
        times = "1 apply" if most == 1 else f"{most:,} applies"
        message = (
            f"AI tag {quoted(tag)} came back on {files} after {times} removed it, and is removed again: turn off the "
            "auto-tagging extension or upload default that adds it, or keep it (aiTags.keep)"
        )
        yield Diagnostic("warning", "ai-tag-returns", message, origins[tag])


def _removals(changes: Iterable[FileChange]) -> Iterator[Change]:
    for file_change in changes:
        yield from (change for change in file_change.changes if change.op == Op.REMOVE_AI)


def _removed(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the file ID and name of each AI tag that a run removed itself."""
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=True):
        for item in outcome.made(change.changes):
            if item.op == Op.REMOVE_AI:
                yield change.file.file_id, item.tag
