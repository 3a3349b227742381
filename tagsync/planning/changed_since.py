"""Find what manifests declare differently than at an earlier revision; `workspace.revision` reads that revision."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from tagsync.errors import RefusedError
from tagsync.escape import shown
from tagsync.model import Declaration, DesiredState, Entry, Texts, Vocabulary


@dataclass(frozen=True, slots=True)
class Revision:
    """Manifests at an earlier revision.

    Attributes:
        ref: the revision as it was asked for.
        commit: its full hash.
        desired: what they declared.
        policy_counts: whether the policies among them are those that hold.
    """

    ref: str
    commit: str
    desired: DesiredState
    policy_counts: bool = True


def changed_entries(revision: Revision, desired: DesiredState) -> tuple[Entry, ...]:
    """Return the entries that are new or changed since a revision, then those that it had and that are gone.

    An entry that only moved has not changed.

    Raises:
        RefusedError: what bears on more than the files that changed entries select has changed, too.
    """
    old = revision.desired
    for change in _shared_changes(revision, desired):
        raise RefusedError(
            f"--changed-since {shown(revision.ref, 100)} cannot narrow this plan: {change}, which bears on files that "
            "no changed entry selects; plan without it"
        )
    return (*_more(desired.entries, old.entries), *_more(old.entries, desired.entries))


def _more(entries: Iterable[Entry], than: Iterable[Entry]) -> list[Entry]:
    """Return those of some entries that have no counterpart among others."""
    left = Counter(map(_content, than))
    found = []
    for entry in entries:
        key = _content(entry)
        if left[key]:
            left[key] -= 1
        else:
            found.append(entry)
    return found


def _content(entry: Entry) -> Hashable:
    expect = entry.declaration.expect
    return type(entry.selector), entry.selector, _declared(entry.declaration), expect and expect[1:]


def _declared(declared: Declaration) -> Hashable:
    """Return what is declared, without places."""
    exclusive, rule = declared.exclusive, declared.ai_rule
    return (
        *(texts.values for texts in (declared.tags, declared.absent, declared.expired)),
        exclusive and (_values(exclusive.only),),
        rule
        and (
            rule.remove.values,
            rule.remove_all,
            rule.min_confidence,
            rule.keep.values,
            rule.source,
            rule.promote,
        ),
        declared.if_missing,
        declared.if_over_limit,
    )


def _values(texts: Texts | None) -> Any:
    return texts and texts.values


def _shared_changes(revision: Revision, desired: DesiredState) -> Iterable[str]:
    """Yield changes that bear on all files; those of defaults are changes of each of their document's entries."""
    old = revision.desired
    if revision.policy_counts and _limits(old) != _limits(desired):
        yield "a Policy changed"
    if _vocabulary_content(old.vocabulary) != _vocabulary_content(desired.vocabulary):
        yield "a Vocabulary changed"


def _limits(desired: DesiredState) -> Counter[Hashable]:
    return Counter((rule.guard, rule.above, rule.percent) for rule in desired.policy)


def _vocabulary_content(vocabulary: Vocabulary) -> Hashable:
    allowed = None if vocabulary.allowed is None else frozenset(vocabulary.allowed.values())
    renames = frozenset((rename.old, rename.new) for rename in vocabulary.renames.values())
    return allowed, frozenset(vocabulary.forbidden), frozenset(vocabulary.removed), renames
