"""A confirmed run turned round: what it did to ordinary tags, the other way; AI tags cannot be put back."""

from collections.abc import Iterator, Mapping, Sequence

from tagsync.model import (
    Change,
    CurrentFile,
    Diagnostic,
    FileChange,
    Guard,
    Inputs,
    Op,
    Plan,
    Reason,
    Report,
    Status,
    is_declarable,
    normalized,
)
from tagsync.planning.limits import Fit, excess, fit
from tagsync.planning.plan import assembled
from tagsync.printable import quoted

UNDO = "undo"
"""The rule of every change that turns another one round; its place is that of the other one."""


def touched(report: Report) -> list[str]:
    """Return the ids of the files on which a run is known to have changed something."""
    return [change.file.file_id for change, _ in _confirmed(report)]


def make_undo(
    report: Report,
    files: Mapping[str, CurrentFile | None],
    *,
    created_at: str,
    read_requests: int,
    bulk_rate: float | None,
    ai_as_tags: bool = False,
) -> Plan:
    """Return the plan that reverts what a run confirmed, as far as it is still there.

    A tag that was on the file before the run is not taken away, nor put on it again if it is there. No guard is against
    it: all that it changes the run itself had changed.

    Args:
        report: what the run did.
        files: its files as they are now, by id; None for one that is gone.
        created_at: ISO 8601, UTC.
        read_requests: the calls that read them.
        bulk_rate: bulk calls a second to estimate with; None where nothing limits them.
        ai_as_tags: whether AI tags that were removed come back as ordinary tags.
    """
    diagnostics: list[Diagnostic] = []
    changes = []
    for change, made in _confirmed(report):
        file = files.get(change.file.file_id)
        if file is None:
            message = f"{quoted(change.file.path, 200)} is gone or cannot be read: nothing of it is reverted"
            diagnostics.append(Diagnostic("warning", "missing", message))
        else:
            changes += list(_reverted(file, change, made, diagnostics, ai_as_tags=ai_as_tags))
    diagnostics += [*_undeclarable(report), *_lost(report, ai_as_tags=ai_as_tags)]
    plan = report.plan
    return assembled(
        tuple(sorted(changes, key=lambda change: (change.file.path, change.file.file_id))),
        target=plan.target,
        created_at=created_at,
        inputs=Inputs((), plan.inputs.files, read_requests),
        guards=tuple(Guard(guard.id, 0, 0, guard.limit, blocked=False) for guard in plan.guards),
        diagnostics=diagnostics,
        missing=sum(file is None for file in files.values()),
        bulk_rate=bulk_rate,
        undoes=plan.digest,
    )


def _confirmed(report: Report) -> Iterator[tuple[FileChange, Sequence[Change]]]:
    """Yield the files that a run changed and read back, with the changes that were its own."""
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=True):
        if outcome.status is Status.CONFIRMED:
            made = [item for item in change.changes if (item.op, item.tag) not in outcome.already]
            if made:
                yield change, made


def _reverted(
    file: CurrentFile,
    change: FileChange,
    made: Sequence[Change],
    diagnostics: list[Diagnostic],
    *,
    ai_as_tags: bool,
) -> Iterator[FileChange]:
    back = tuple(sorted(_back(file, change, made, ai_as_tags=ai_as_tags), key=_by_op_and_tag))
    if not back:
        return
    if fit(file, back) is Fit.OVER:
        message = f"nothing of {quoted(file.path, 200)} is reverted: {excess(file, back)}"
        diagnostics.append(Diagnostic("warning", "over-limit", message))
        return
    yield FileChange(file, back)


def _back(file: CurrentFile, change: FileChange, made: Sequence[Change], *, ai_as_tags: bool) -> Iterator[Change]:
    """Yield what turns a file's changes round, as far as the file still shows them."""
    before = set(map(normalized, change.file.tags))
    offered = {normalized(item.tag): item for item in made if item.op == Op.REMOVE_AI and is_declarable(item.tag)}
    for item in made:
        because = tuple(Reason(reason.origin, UNDO) for reason in item.because)
        key = normalized(item.tag)
        if item.op == Op.REMOVE and item.tag not in file.tags and is_declarable(item.tag):
            yield Change(Op.ADD, item.tag, because)
        elif item.op == Op.ADD and key not in before and not (ai_as_tags and key in offered):
            yield from (Change(Op.REMOVE, tag, because) for tag in file.tags if normalized(tag) == key)
    held = before.union(map(normalized, file.tags))
    for key, item in offered.items() if ai_as_tags else ():
        if key not in held:
            yield Change(Op.ADD, item.tag, tuple(Reason(reason.origin, UNDO) for reason in item.because))


def _by_op_and_tag(change: Change) -> tuple[int, str]:
    return list(Op).index(change.op), change.tag


def _undeclarable(report: Report) -> Iterator[Diagnostic]:
    """Say of each tag that ImageKit takes no more that it stays gone."""
    for change, made in _confirmed(report):
        for item in made:
            if item.op == Op.REMOVE and not is_declarable(item.tag):
                message = f"{quoted(item.tag)} cannot be put back on {quoted(change.file.path, 200)}: no tag may be so"
                yield Diagnostic("warning", "undeclarable", message)


def _lost(report: Report, *, ai_as_tags: bool) -> Iterator[Diagnostic]:
    """Say once how many AI tags stay gone, and what may be done about it."""
    gone = [[item.tag for item in made if item.op == Op.REMOVE_AI] for _, made in _confirmed(report)]
    count = sum(map(len, gone))
    if count:
        files = sum(map(bool, gone))
        words = f"{count:,} AI tags of {files:,} files cannot be put back with their confidence and source"
        offer = "they come back as ordinary tags" if ai_as_tags else "--ai-as-tags puts them back as ordinary tags"
        odd = sum(not is_declarable(tag) for tags in gone for tag in tags)
        but = f", but for {odd:,} whose names no tag may have" if odd else ""
        yield Diagnostic("warning", "irreversible", f"{words}: {offer}{but}")
