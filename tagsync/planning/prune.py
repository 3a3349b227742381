"""Find the tags that manifests declared at earlier revisions and no entry declares now; `merge` removes them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge as in_order
from itertools import groupby, repeat

from tagsync.model import CurrentState, DesiredState, Entry, Reason, RuleName, Vote, all_normalized, commit_of
from tagsync.planning.changed_since import Revision, content_of
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
                found.append(Entry(manifest, entry.line, entry.selector, entry.declaration, defaults_in))
    return tuple(found)


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

    AI-tag rules, `absent`, `exclusive` and expired tags of dropped entries have no say: they declared no tag.
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
