"""Find out from the previous report why planned changes are necessary again.

If the report contains a file, its tags after that run are known: those before it, plus what the run changed. If the run
compared a file but did not change it, the file was as the manifests of that run declare it. Anything else is unknown,
and the change gets no cause.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from tagsync.model import (
    Cause,
    Change,
    CurrentFile,
    Drift,
    FileChange,
    FileOutcome,
    ManifestRef,
    Op,
    Report,
    Returning,
    RuleName,
    normalized,
)

SETTLED = (RuleName.TAGS, RuleName.ABSENT)
"""Rules that no other manifest can override. If one asked for a change then, the file was like that after the run."""

DERIVED = (RuleName.AI_PROMOTE, RuleName.RENAMES)
"""Rules that add a tag because of another one that the file has got since."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_TO_THE_SECOND = len("2026-01-01T00:00:00")


def find_causes(
    changes: Iterable[FileChange],
    last: Report | None,
    manifests: Sequence[ManifestRef],
    *,
    covered: Callable[[str], bool] = lambda _path: True,
    unsure: Collection[str] = (),
    returning: Iterable[Returning] = (),
) -> tuple[Drift, ...]:
    """Return the causes of changes, in their order, as far as they are known.

    Args:
        changes: the planned changes.
        last: the previous apply's report; without one no cause is known.
        manifests: the manifests of the plan.
        covered: returns whether a path was in the scope of the previous run.
        unsure: IDs of files that the same manifests may treat differently from run to run.
        returning: AI tags that are known to come back.
    """
    if last is None:
        return ()
    past = _Past(last, manifests, covered, unsure, returning)
    return tuple(
        Drift(file_change.file.file_id, change.op, change.tag, cause)
        for file_change in changes
        for change in file_change.changes
        if (cause := past.cause(file_change.file, change))
    )


class _Then(NamedTuple):
    """A file in the previous run."""

    change: FileChange
    outcome: FileOutcome

    def planned(self, op: Op, tag: str) -> bool:
        return _has(((change.op, change.tag) for change in self.change.changes), op, tag)

    def made(self, op: Op, tag: str) -> bool:
        """Return whether the file showed a planned change after the run, whoever made it."""
        outcome = self.outcome
        return outcome.arrived or _has((*outcome.already, *(outcome.parts.made if outcome.parts else ())), op, tag)

    def had(self, op: Op, tag: str) -> bool | None:
        """Return whether the file had a tag, or an AI tag, after the run; None if unknown."""
        removal = Op.REMOVE if op == Op.ADD else op
        added = op != Op.REMOVE_AI and self.planned(Op.ADD, tag)
        if added or self.planned(removal, tag):
            return added if self.made(Op.ADD if added else removal, tag) else None
        if op == Op.REMOVE_AI:
            return any(item.name == tag for item in self.change.file.ai_tags)
        return normalized(tag) in map(normalized, self.change.file.tags)


def _has(items: Iterable[tuple[Op, str]], op: Op, tag: str) -> bool:
    key = normalized(tag)
    return any(found == op and normalized(name) == key for found, name in items)


class _Past:
    """The previous report, indexed by file."""

    def __init__(
        self,
        last: Report,
        manifests: Sequence[ManifestRef],
        covered: Callable[[str], bool],
        unsure: Collection[str],
        returning: Iterable[Returning],
    ) -> None:
        self._changes, self._outcomes = last.plan.changes, last.outcomes
        self._places = {change.file.file_id: place for place, change in enumerate(self._changes)}
        self._latest: tuple[str, _Then | None] = ("", None)
        """The file that was last looked up: the changes of a file come in a row."""
        self._finished_at = last.finished_at
        # An undo has no manifests, so nothing is known of the files that it did not change.
        self._has_manifests = last.plan.undoes is None
        self._compared_all = self._has_manifests and last.outcome in ("converged", "incomplete")
        self._unchanged = _unchanged(last, manifests)
        # If that run read none of these manifests, then they are not changed but new.
        names = {manifest.path for manifest in last.plan.inputs.manifests}
        self._were_read = any(manifest.path in names for manifest in manifests)
        self._all_unchanged = len(self._unchanged) == len(manifests) == len(last.plan.inputs.manifests)
        self._covered = covered
        self._unsure = unsure
        self._returning = {(item.file_id, item.tag) for item in returning}

    def cause(self, file: CurrentFile, change: Change) -> Cause | None:
        """Return what made a change necessary; None if unknown."""
        then = self._then(file.file_id)
        # A change that failed the last time needs no other cause.
        if then and then.planned(change.op, change.tag) and not then.made(change.op, change.tag):
            return Cause.PENDING
        if change.op == Op.REMOVE_AI and (file.file_id, change.tag) in self._returning:
            return Cause.CAME_BACK
        if then:
            return self._since_reported(file, change, then)
        return self._since_declared(file, change)

    def _then(self, file_id: str) -> _Then | None:
        if self._latest[0] != file_id:
            place = self._places.get(file_id)
            found = None if place is None else _Then(self._changes[place], self._outcomes[place])
            self._latest = file_id, found
        return self._latest[1]

    def _since_reported(self, file: CurrentFile, change: Change, then: _Then) -> Cause | None:
        """Return the cause of a change on a file that the previous report contains."""
        had = then.had(change.op, change.tag)
        if had is None:
            return None
        if change.op == Op.ADD and had:
            return _lost(file)
        if change.op != Op.ADD and not had:
            came_back = change.op == Op.REMOVE_AI and then.planned(change.op, change.tag)
            return Cause.CAME_BACK if came_back else Cause.ADDED
        if self._is_derived(change) and self._all_unchanged:
            return Cause.ADDED
        return self._declared(change)

    def _since_declared(self, file: CurrentFile, change: Change) -> Cause | None:
        """Return the cause of a change on a file that the previous run did not change."""
        is_new = _is_later(file.created_at, self._finished_at)
        if is_new:
            return Cause.ADDED
        if not self._compared_all or not self._covered(file.path):
            return None
        if self._was_asked(change):
            # A file of unknown age may have been uploaded since: then nobody removed the tag that it lacks.
            if file.file_id in self._unsure or (change.op == Op.ADD and is_new is None):
                return None
            return _lost(file) if change.op == Op.ADD and not self._is_derived(change) else Cause.ADDED
        return self._declared(change)

    def _declared(self, change: Change) -> Cause | None:
        """Return the cause of a change that comes from the manifests, if it does."""
        if self._is_asked_anew(change):
            return Cause.MANIFEST
        return Cause.EXPIRED if _has_rule(change, RuleName.UNTIL) else None

    def _was_asked(self, change: Change) -> bool:
        """Return whether the manifests of the previous run asked for the same change."""
        if any(reason.rule in SETTLED and reason.origin.file in self._unchanged for reason in change.because):
            return True
        return self._all_unchanged and not (_has_rule(change, RuleName.UNTIL) or _has_rule(change, RuleName.PRUNE))

    def _is_asked_anew(self, change: Change) -> bool:
        """Return whether a manifest that asks for a change differs from what the previous run read, if it read any."""
        is_known = self._has_manifests and self._were_read
        return is_known and any(reason.origin.file not in self._unchanged for reason in change.because)

    def _is_derived(self, change: Change) -> bool:
        return change.op == Op.ADD and all(reason.rule in DERIVED for reason in change.because)


def _unchanged(last: Report, manifests: Iterable[ManifestRef]) -> set[str]:
    """Return the names of manifests whose bytes are the same as in the previous run."""
    then = {manifest.path: manifest.sha256 for manifest in last.plan.inputs.manifests}
    return {manifest.path for manifest in manifests if then.get(manifest.path) == manifest.sha256}


def _has_rule(change: Change, rule: str) -> bool:
    return any(reason.rule == rule for reason in change.because)


def _lost(file: CurrentFile) -> Cause:
    """Return what removed a tag from a file: an upload removes all tags, a person hardly ever does."""
    return Cause.REMOVED if file.tags else Cause.UPLOADED


def _is_later(moment: str, than: str) -> bool | None:
    """Compare two moments in UTC to the second; None if one has another format."""
    if not _MOMENT.fullmatch(moment) or not _MOMENT.fullmatch(than):
        return None
    return moment[:_TO_THE_SECOND] > than[:_TO_THE_SECOND]
