"""Find the tags that manifests declared at earlier revisions and no entry declares now.

`merge` removes them. Without pruning, a notice counts them.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge as in_order
from itertools import groupby, repeat

from tagsync.model import (
    NO_LONGER_DECLARED,
    NO_TEXTS,
    NO_VOCABULARY,
    ByMatch,
    CurrentFile,
    CurrentState,
    Declaration,
    DesiredState,
    Diagnostic,
    Entry,
    Op,
    Reason,
    RuleName,
    Vocabulary,
    Vote,
    all_normalized,
    commit_of,
    counted,
    normalized,
)
from tagsync.planning.changed_since import Revision, content_of
from tagsync.planning.merge import merge
from tagsync.planning.select import Selected, Selection

_COMMIT_DIGITS = 7


def _at_commit(revision: Revision, manifest: str) -> str:
    return f"{revision.commit[:_COMMIT_DIGITS]}:{revision.names.get(manifest, manifest)}"


def dropped_entries(revisions: Sequence[Revision], desired: DesiredState) -> tuple[Entry, ...]:
    """Return the entries of earlier revisions that are no longer among those of now, each once.

    The manifest of each is `COMMIT:PATH`, as `git show` takes it.

    Args:
        revisions: the oldest first. An entry of several revisions is that of the first.
        desired: what manifests declare now. Its entries need no look at what they declared before.
    """
    if not revisions:
        return ()
    seen = set(map(content_of, desired.entries))
    found = []
    for revision in revisions:
        for entry in revision.desired.entries:
            content = content_of(entry)
            if content not in seen:
                seen.add(content)
                manifest = _at_commit(revision, entry.manifest)
                defaults_in = entry.defaults_in and _at_commit(revision, entry.defaults_in)
                declared = _declared_on(revision.day, entry.declaration)
                found.append(Entry(manifest, entry.line, entry.selector, declared, defaults_in))
    return tuple(found)


def _declared_on(day: str | None, declared: Declaration) -> Declaration:
    """Return a declaration with the tags that have expired, if their `until` had not come on a day.

    Otherwise, a rule that is deleted after its `until`, but before the next apply, would leave its tags behind.
    """
    if day is None or declared.until is None or declared.until <= day:
        return declared
    templating = declared.templating
    if templating:
        templates = [each._replace(key="tags") if each.key == "expired" else each for each in templating.templates]
        templating = templating._replace(templates=tuple(templates))
    tags = declared.tags.followed_by(declared.expired)
    return declared._replace(tags=tags, expired=NO_TEXTS, templating=templating)


def with_dropped(
    selection: Iterable[Selected], dropped: Collection[Entry], current: CurrentState
) -> Iterator[Selected]:
    """Yield each file that entries select, and each that only dropped entries select, in the order of the library.

    Args:
        selection: the files that entries of now select.
        dropped: entries of earlier revisions.
        current: the library.
    """
    # Both passes go through the library in the same order, so neither has to be kept in memory. What a vocabulary
    # allowed at an earlier revision does not matter: a tag that it refused was never added.
    earlier = Selection(dropped, current.files, current.answers)
    both = in_order(zip(repeat(0), selection), zip(repeat(1), earlier), key=lambda item: item[1].number)
    for _, same in groupby(both, key=lambda item: item[1].number):
        first, *rest = same
        is_earlier, selected = first
        if is_earlier:
            yield Selected(selected.number, selected.file, (), selected.entries)
        else:
            yield selected._replace(dropped=rest[0][1].entries) if rest else selected


def prune_votes(entries: Iterable[Entry], dropped: Iterable[Entry]) -> tuple[Vote, ...]:
    """Return the votes against the tags that dropped entries declared for a file and no entry declares now.

    AI-tag rules, `absent`, `exclusive` and tags that had expired by then have no say: they declared no tag.
    """
    declared = {key for entry in entries for key in all_normalized(entry.declaration.tags.values)}
    commits: dict[str, str] = {}
    votes = []
    for entry in dropped:
        commit, tags = commit_of(entry.origin()), entry.declaration.tags
        for tag, key, place in zip(tags.values, all_normalized(tags.values), tags.places, strict=True):
            # The first revision is the reason, so that later commits do not change the digest of a plan.
            if key not in declared and commits.setdefault(key, commit) == commit:
                votes.append(Vote("tag", tag, present=False, reason=Reason(entry.origin(place), RuleName.PRUNE)))
    return tuple(votes)


class Undeclared:
    """Counts the tags that pruning would remove.

    Args:
        base: an earlier revision.
        desired: what manifests declare now.
        current: the library. Tags of files that were not read are not counted.
    """

    def __init__(self, base: Revision, desired: DesiredState, current: CurrentState) -> None:
        self._base, self._vocabulary, self._current = base, desired.vocabulary, current
        self._tags = set[str]()
        self._files = 0
        # Most plans have the manifests of their base. Then nothing else has to be compared.
        is_same = Counter(ref.sha256 for ref in base.desired.manifests) == Counter(
            ref.sha256 for ref in desired.manifests
        )
        self._dropped = () if is_same else dropped_entries((base,), desired)
        queries = {entry.selector.query for entry in self._dropped if isinstance(entry.selector, ByMatch)}
        self._is_answered = queries <= {None, *current.answers}

    def counted(self, selection: Iterable[Selected]) -> Iterable[Selected]:
        """Return the files that entries of now select, and count the tags of these and other files on the way."""
        return self._count(with_dropped(selection, self._dropped, self._current)) if self._dropped else selection

    def _count(self, selection: Iterable[Selected]) -> Iterator[Selected]:
        for selected in selection:
            number, file, entries, dropped = selected
            if dropped and (tags := self._removed(file, entries, prune_votes(entries, dropped))):
                self._tags.update(tags)
                self._files += 1
            if entries:
                yield Selected(number, file, entries)

    def _removed(self, file: CurrentFile, entries: Sequence[Entry], votes: Sequence[Vote]) -> set[str]:
        """Return the tags that only pruning removes from a file."""
        if {normalized(vote.tag) for vote in votes}.isdisjoint(all_normalized(file.tags)):
            return set()
        vocabulary = self._vocabulary if entries else NO_VOCABULARY
        return _removed(file, entries, vocabulary, votes) - _removed(file, entries, vocabulary, ())

    def diagnostics(self, *, is_complete: bool) -> Iterator[Diagnostic]:
        """Yield a notice, if there are such tags.

        Args:
            is_complete: whether all files were read that the earlier entries select.
        """
        if not self._tags:
            return
        # Users copy this option, so it must not contain anything that a shell interprets.
        base = self._base
        ref = base.ref if shlex.quote(base.ref) == base.ref else base.commit[:12]
        tags, files = len(self._tags), self._files
        count = f"{counted(tags, 'tag')} on {counted(files, 'file')}"
        are, them = ("is", "it") if tags == 1 else ("are", "them")
        words = f"{count} {are} no longer declared; --prune-since {ref} removes {them}"
        message = words if is_complete and self._is_answered else f"at least {words}"
        yield Diagnostic("info", NO_LONGER_DECLARED, message)


def _removed(file: CurrentFile, entries: Sequence[Entry], vocabulary: Vocabulary, votes: Sequence[Vote]) -> set[str]:
    changes = merge(file, entries, vocabulary, votes).changes
    return {normalized(change.tag) for change in changes if change.op == Op.REMOVE}
