"""Find the entries that changed since an earlier revision; `api.revision` reads that revision."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tagsync.errors import RefusedError
from tagsync.escape import shown
from tagsync.model import Declaration, DesiredState, Entry, Templating, Vocabulary


@dataclass(frozen=True, slots=True)
class Revision:
    """Manifests at an earlier revision.

    Attributes:
        ref: the revision that the user gave.
        commit: its full hash.
        desired: what its manifests declare.
        policy_counts: whether its policies apply, because no `--policy` replaces them.
        names: the path of each manifest from the top of the repository, by its name in `desired`.
        day: the day of the commit (YYYY-MM-DD, UTC); None if it is not known.
    """

    ref: str
    commit: str
    desired: DesiredState
    policy_counts: bool = True
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    day: str | None = None


def changed_entries(revision: Revision, desired: DesiredState) -> tuple[Entry, ...]:
    """Return the entries that are new or changed since a revision, then those that were deleted.

    An entry that only moved has not changed.

    Raises:
        RefusedError: a Policy or Vocabulary changed, which affects more than the files of changed entries.
    """
    old = revision.desired
    for change in _shared_changes(revision, desired):
        raise RefusedError(
            f"--changed-since {shown(revision.ref, 100)} cannot filter this plan: {change}, which affects files that "
            "no changed rule selects; plan without --changed-since"
        )
    return (*_more(desired.entries, old.entries), *_more(old.entries, desired.entries))


def _more(entries: Iterable[Entry], than: Iterable[Entry]) -> list[Entry]:
    """Return the entries that have no counterpart among others."""
    left = Counter(map(content_of, than))  # the same entry may occur several times
    found = []
    for entry in entries:
        key = content_of(entry)
        if left[key]:
            left[key] -= 1
        else:
            found.append(entry)
    return found


def content_of(entry: Entry) -> Hashable:
    """Return what an entry selects and declares, without places: equal if it only moved."""
    expect = entry.declaration.expect
    return type(entry.selector), entry.selector, _declared(entry.declaration), expect and expect[1:]


def _declared(declared: Declaration) -> tuple[Any, ...]:
    """Return what is declared, without places."""
    exclusive, rule, templating = declared.exclusive, declared.ai_rule, declared.templating
    return (
        *(texts.values for texts in (declared.tags, declared.absent, declared.expired)),
        exclusive and (exclusive.only and exclusive.only.values,),
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
        templating and _templates(templating),
    )


def _templates(templating: Templating) -> Hashable:
    texts = tuple((template.key, template.text) for template in templating.templates)
    return texts, templating.if_invalid, tuple(table._replace(place=0) for table in templating.tables)


def _shared_changes(revision: Revision, desired: DesiredState) -> Iterable[str]:
    """Yield changes that affect all files. A change of defaults is a change of each entry of the document."""
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
