"""Plan to revert a run; an ordinary apply carries the plan out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tagsync.escape import quoted, shown
from tagsync.model import (
    Change,
    CurrentFile,
    Diagnostic,
    FileChange,
    FileOutcome,
    Guard,
    Inputs,
    Op,
    Plan,
    Reason,
    Report,
    Status,
    counted,
    is_declarable,
    normalized,
)
from tagsync.planning.assembly import Collected, assemble_plan
from tagsync.planning.comma_tags import CommaTags
from tagsync.planning.length_limit import Fit, excess, fit
from tagsync.planning.staleness import refresh

UNDO = "undo"
"""The rule of every change of an undo; its origin is that of the change it reverts."""

LEFT_OUT = "left-out"
"""The code of the warning that counts what an undo leaves out; other warnings give the details."""

MADE_BEFORE = "made-before"
"""The code of the warning that counts the changes that the run found made, which an undo leaves out."""

NO_TAG = "ImageKit no longer accepts such a tag"

OTHER_SPELLING = "the file has it in another spelling, equal under Unicode NFC"

SHOWN = 3
"""The files, or tags, that a warning names."""


class _Asked(NamedTuple):
    """A file of a report with the changes that the run made or may have made."""

    change: FileChange
    outcome: FileOutcome
    items: tuple[Change, ...]

    @property
    def may_have_written(self) -> bool:
        """Whether the run may have changed the file."""
        if self.outcome.status is Status.MISSING:  # the calls failed, however many there were
            return False
        return self.outcome.attempts > 0 or self.outcome.arrived


class _LeftOut:
    """Counts what an undo leaves out and why, and names the first files."""

    def __init__(self) -> None:
        self._changes = 0
        self._files: set[str] = set()
        self._paths: dict[tuple[str, str], dict[str, list[str]]] = {}
        """The first files for each code and reason, by tag; the tag is "" if it concerns the whole file."""
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._promoted: Counter[str] = Counter()

    def file(self, code: str, file: CurrentFile, count: int, why: str) -> None:
        """Note a file on which nothing is undone."""
        self._note(file, count, code, why, "")

    def tag(self, code: str, file: CurrentFile, tag: str, why: str) -> None:
        """Note a tag that is not restored on a file."""
        self._note(file, 1, code, why, tag)

    def promoted(self, file: CurrentFile, tags: int, changes: int) -> None:
        """Note tags that stay on a file in place of AI tags, and the number of changes that are not undone for it."""
        if tags:
            self._changes += changes
            self._files.add(file.file_id)
            self._promoted[file.file_id] += tags

    def _note(self, file: CurrentFile, changes: int, code: str, why: str, tag: str) -> None:
        self._changes += changes
        self._files.add(file.file_id)
        self._counts[code, why, tag] += 1
        paths = self._paths.setdefault((code, why), {}).setdefault(tag, [])
        if len(paths) < SHOWN:
            paths.append(file.path)

    def warnings(self) -> Iterator[Diagnostic]:
        """Yield a warning for each reason, and one with the total."""
        for (code, why), by_tag in self._paths.items():
            counts = {tag: self._counts[code, why, tag] for tag in by_tag}
            if len(by_tag) == 1:
                (tag, paths), (files,) = next(iter(by_tag.items())), counts.values()
                names = _first(map(_path, paths), files)
                what = f"{_KINDS[code]} {quoted(tag)} is not restored on" if tag else "no change is undone on"
                yield Diagnostic("warning", code, f"{what} {names}: {why}")
                continue
            most = sorted(counts, key=lambda tag: (-counts[tag], tag))[:SHOWN]
            names = _first((f"{quoted(tag)} on {counted(counts[tag], 'file')}" for tag in most), len(counts))
            what = f"{sum(counts.values()):,} {_KINDS[code]}s ({len(counts):,} names) are not restored"
            yield Diagnostic("warning", code, f"{what} ({names}): {why}")
        if self._promoted:
            total, on = self._promoted.total(), counted(len(self._promoted), "file")
            stay, their = ("stays", "its AI tag") if total == 1 else ("stay", "their AI tags")
            words = f"{counted(total, 'promoted tag')} {stay} on {on}, because {their} cannot be restored"
            yield Diagnostic("warning", "promoted", words)
        if self._changes:
            words = f"this undo leaves out {counted(self._changes, 'change')} on {counted(len(self._files), 'file')}"
            yield Diagnostic("warning", LEFT_OUT, words)


def _first(names: Iterable[str], total: int) -> str:
    """Return the first names, and how many more there are."""
    shown_names = [*names]
    more = total - len(shown_names)
    return ", ".join(shown_names) + (f" and {more:,} more" if more else "")


def _path(path: str) -> str:
    return shown(path, 200)


_KINDS = {"undeclarable": "tag", "spelling": "tag", "irreversible": "AI tag"}


def is_partial(plan: Plan) -> bool:
    """Return whether an undo leaves out anything that its warnings count."""
    codes = {item.code for item in plan.diagnostics} | {item.code for item in plan.unlisted}
    return not codes.isdisjoint((LEFT_OUT, MADE_BEFORE))


def includes(report: Report, older: Report) -> bool:
    """Return whether the undo of a report also covers all changes of an older report."""
    # Many files change alike. Sharing their sets keeps the memory for a million files small.
    same: dict[frozenset[tuple[str, str]], frozenset[tuple[str, str]]] = {}
    covered: dict[str, frozenset[tuple[str, str]]] = {}
    for asked in _asked(report):
        pairs = frozenset([(item.op, item.tag) for item in asked.items])
        covered[asked.change.file.file_id] = same.setdefault(pairs, pairs)
    return all(
        (item.op, item.tag) in covered.get(asked.change.file.file_id, frozenset())
        for asked in _asked(older)
        for item in asked.items
    )


def touched(report: Report) -> list[str]:
    """Return the IDs of the files that a run may have changed."""
    return [asked.change.file.file_id for asked in _asked(report)]


def unsettled(report: Report, files: Mapping[str, CurrentFile | None]) -> list[str]:
    """Return the IDs of files that do not show all that a run wrote to them, perhaps because the index lags behind.

    Args:
        report: what the run did.
        files: the files as the index shows them, by ID.
    """
    return [
        file.file_id
        for asked in _asked(report)
        if asked.may_have_written
        and (file := files.get(asked.change.file.file_id)) is not None
        and refresh(asked.change, file) != (None, None)
    ]


def make_undo(
    report: Report,
    files: Mapping[str, CurrentFile | None],
    *,
    created_at: str,
    read_requests: int,
    bulk_rate: float | None,
    read_rate: float | None = None,
    ai_as_tags: bool = False,
) -> Plan:
    """Return the plan that reverts what a run changed and the files still show.

    A change is reverted if the run made it or sent it, and the file shows it now. The status of the file does not
    matter: a call that failed may have changed it.
    Guards do not apply, as the plan reverts only the run's own changes. Warnings name what cannot be undone, and one
    with the code `LEFT_OUT` counts it.

    Args:
        report: what the run did.
        files: its files as they are now, by ID; None for a deleted file, no item for one that could not be read.
        created_at: ISO 8601, UTC.
        read_requests: the API calls that read them.
        bulk_rate: API calls a second for the estimate; None for no limit.
        read_rate: reads a second for the estimate; None for no limit.
        ai_as_tags: whether removed AI tags come back as ordinary tags.
    """
    left_out = _LeftOut()
    found = (_undone(asked, files, left_out, ai_as_tags=ai_as_tags) for asked in _asked(report))
    changes = sorted((change for change in found if change), key=lambda change: (change.file.path, change.file.file_id))
    plan, comma_tags = report.plan, CommaTags(otherwise="to leave it out, apply the plan with --select")
    commas = [warning for change in changes for warning in comma_tags.check(change.changes)]
    return assemble_plan(
        Collected(changes),
        target=plan.target,
        created_at=created_at,
        inputs=Inputs((), plan.inputs.files, read_requests, library_sha256=plan.inputs.library_sha256),
        # The limits are kept for the digest; without counts, nothing blocks.
        guards=tuple(Guard(guard.id, 0, 0, guard.limit, blocked=False) for guard in plan.guards),
        diagnostics=[*left_out.warnings(), *_made_before(report), *commas],
        missing=sum(file is None for file in files.values()),
        bulk_rate=bulk_rate,
        read_rate=read_rate,
        undoes=plan.digest,
    )


def _made_before(report: Report) -> Iterator[Diagnostic]:
    """Yield a warning about planned changes that the run found made.

    They may be those of an attempt whose runner and state directory are lost, or of somebody whose work must stay.
    """
    found = [len(outcome.already) for outcome in report.outcomes if outcome.already]
    if found and report.outcome != "refused":
        message = (
            f"{counted(sum(found), 'change')} on {counted(len(found), 'file')} had been made before this apply sent "
            "anything, so this undo leaves them out: if an earlier attempt made them, also undo the report of that "
            "attempt"
        )
        yield Diagnostic("warning", MADE_BEFORE, message)


def _asked(report: Report) -> Iterator[_Asked]:
    """Yield the files that a run changed or may have changed; none if the run was refused."""
    if report.outcome == "refused":
        return
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=True):
        before = set(map(normalized, change.file.tags))
        items = tuple(
            item
            for item in change.changes
            if _may_be_made(item, outcome) and not (item.op == Op.ADD and normalized(item.tag) in before)
        )
        if items:
            yield _Asked(change, outcome, items)


def _may_be_made(item: Change, outcome: FileOutcome) -> bool:
    """Return whether the run made a change, or may have."""
    key = item.op, item.tag
    if key in outcome.already:
        return False
    if outcome.parts is not None:
        # A call without a clear response may have changed the file. A change that was not sent is somebody else's.
        return key in outcome.parts.made or key in outcome.parts.tried
    return outcome.attempts > 0 or outcome.arrived


def _undone(
    asked: _Asked, files: Mapping[str, CurrentFile | None], left_out: _LeftOut, *, ai_as_tags: bool
) -> FileChange | None:
    """Return the change that reverts a run on one file, or None; note what is left out."""
    planned = asked.change.file
    file = files.get(planned.file_id)
    if file is None:
        if planned.file_id not in files:
            left_out.file("unread", planned, len(asked.items), "reading failed; run undo again")
        elif asked.may_have_written:
            left_out.file("missing", planned, len(asked.items), "no longer in the library")
        return None
    changes = tuple(sorted(_reverted(asked, file, left_out, ai_as_tags=ai_as_tags), key=_by_op_and_tag))
    if not changes:
        return None
    if fit(file, changes) is Fit.OVER:
        left_out.file("over-limit", file, len(changes), f"{excess(file, changes)}; remove other tags first")
        return None
    return FileChange(file, changes)


def _reverted(asked: _Asked, file: CurrentFile, left_out: _LeftOut, *, ai_as_tags: bool) -> Iterator[Change]:
    """Yield the changes that revert what a file shows now; note what cannot be reverted."""
    ai_names, there_now = {tag.name for tag in file.ai_tags}, set(map(normalized, file.tags))
    removed_ai = [item for item in asked.items if item.op == Op.REMOVE_AI and item.tag not in ai_names]
    restored = {normalized(item.tag): item for item in removed_ai if ai_as_tags and is_declarable(item.tag)}
    staying = _staying(asked, file)
    for item in asked.items:
        key = normalized(item.tag)
        if item.op == Op.ADD and key not in staying:
            yield from (Change(Op.REMOVE, tag, _undoing(item)) for tag in file.tags if normalized(tag) == key)
        elif item.op == Op.REMOVE and item.tag not in file.tags:
            if key in there_now:
                left_out.tag("spelling", file, item.tag, OTHER_SPELLING)
            elif is_declarable(item.tag):
                yield Change(Op.ADD, item.tag, _undoing(item))
            else:
                left_out.tag("undeclarable", file, item.tag, NO_TAG)
    # If the file had the ordinary tag before the run, or has it now, nothing has to stand in for the AI tag.
    there = there_now.union(map(normalized, asked.change.file.tags))
    yield from (Change(Op.ADD, item.tag, _undoing(item)) for key, item in restored.items() if key not in there)
    lost = [item.tag for item in removed_ai if normalized(item.tag) not in {*restored, *staying}]
    why = NO_TAG if ai_as_tags else "confidence and source are lost; --ai-as-tags restores them as ordinary tags"
    for tag in lost:
        left_out.tag("irreversible", file, tag, why)
    if not ai_as_tags:
        left_out.promoted(file, len(staying), len(staying) + len(removed_ai) - len(lost))


def _staying(asked: _Asked, file: CurrentFile) -> set[str]:
    """Return the tags (NFC) that a run added and whose AI tags it removed, or was to remove, and that are gone now.

    Without the tag, the file would lose the last trace of the AI tag, which cannot be restored.
    """
    ai_names = {tag.name for tag in file.ai_tags}
    gone = {
        normalized(item.tag) for item in asked.change.changes if item.op == Op.REMOVE_AI and item.tag not in ai_names
    }
    added = {normalized(item.tag) for item in asked.items if item.op == Op.ADD}
    return gone.intersection(added, map(normalized, file.tags))


def _undoing(item: Change) -> tuple[Reason, ...]:
    return tuple(Reason(reason.origin, UNDO) for reason in item.because)


def _by_op_and_tag(change: Change) -> tuple[int, str]:
    return list(Op).index(change.op), change.tag
