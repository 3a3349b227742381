"""Explain one file's tags: what each entry demands (`votes`), and what wins (`merge`)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from tagsync.model import (
    NO_VOCABULARY,
    ById,
    ByPath,
    Contribution,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Entry,
    Explanation,
    Op,
    RuleName,
    Verdict,
    Vote,
    all_normalized,
    normalized,
)
from tagsync.planning.comma_tags import CommaTags
from tagsync.planning.length_limit import Fit, excess, fit
from tagsync.planning.merge import Merged, merge
from tagsync.planning.missing import missing_hint
from tagsync.planning.prune import prune_votes
from tagsync.planning.select import Selection
from tagsync.planning.templates import bound_values
from tagsync.planning.votes import ai_tag_votes, tag_votes, vocabulary_votes


def explained(
    path: str, desired: DesiredState, current: CurrentState, dropped: Collection[Entry] = ()
) -> tuple[Explanation, ...]:
    """Explain each file at a path; if there is none, say so.

    Args:
        path: the path.
        desired: what manifests declare.
        current: a complete read of the library.
        dropped: entries of earlier revisions.
    """
    files = [file for file in current.files if file.path == path]
    if not files:
        return (Explanation(path, None, missing_hint(path, current)),)
    return tuple(_explained(file, desired, current, dropped) for file in files)


def _explained(
    file: CurrentFile, desired: DesiredState, current: CurrentState, dropped: Collection[Entry]
) -> Explanation:
    selection = Selection(desired.entries, (file,), current.answers, vocabulary=desired.vocabulary)
    entries = [entry for selected in selection for entry in selected.entries]
    earlier = [entry for selected in Selection(dropped, (file,), current.answers) for entry in selected.entries]
    if not (entries or earlier):
        return Explanation(file.path, file, diagnostics=tuple(selection.exceptions(file)))
    vocabulary = desired.vocabulary if entries else NO_VOCABULARY
    there = frozenset(all_normalized(file.tags))
    pruned = [vote for vote in prune_votes(entries, earlier) if normalized(vote.tag) in there]
    merged = _fitted(file, merge(file, entries, vocabulary, pruned))
    contributions = tuple(
        Contribution(
            entry.origin(),
            _selector(entry),
            tuple(_votes(entry, file)),
            tuple(_rules(entry)),
            bound_values(entry, file),
        )
        for entry in entries
    )
    contributions += tuple(_of_dropped(earlier, file, pruned))
    votes = [vote for contribution in contributions for vote in contribution.votes]
    votes += [*vocabulary_votes(vocabulary, file), *_of_promotions(merged)]
    clashes = (clash.finding(file.path) for clash in merged.clashes)
    noted = (*merged.diagnostics, *CommaTags().check(merged.changes), *selection.invalid.diagnostics())
    diagnostics = (*clashes, *noted, *selection.exceptions(file))
    return Explanation(file.path, file, None, contributions, tuple(_verdicts(file, merged, votes)), diagnostics)


def _of_dropped(earlier: Iterable[Entry], file: CurrentFile, pruned: Sequence[Vote]) -> Iterator[Contribution]:
    """Yield the entries of earlier revisions that declared tags which are removed."""
    for entry in earlier:
        origins = {entry.origin(place) for place in entry.declaration.tags.places}
        votes = tuple(vote for vote in pruned if vote.reason.origin in origins)
        if votes:
            yield Contribution(entry.origin(), _selector(entry), votes, (), bound_values(entry, file))


def _fitted(file: CurrentFile, merged: Merged) -> Merged:
    """Remove the changes of a file whose tags would be too long."""
    if fit(file, merged.changes) is not Fit.OVER:
        return merged
    message = f"it is not changed: {excess(file, merged.changes)}"
    return merged._replace(changes=(), diagnostics=(*merged.diagnostics, Diagnostic("warning", "over-limit", message)))


def _selector(entry: Entry) -> str:
    match entry.selector:
        case ByPath(path):
            return f"path: {path}"
        case ById(file_id):
            return f"fileId: {file_id}"
        case _ as found:
            parts = (("match", found.glob), ("query", found.query))
            return ", ".join(f"{key}: {text}" for key, text in parts if text is not None)


def _rules(entry: Entry) -> Iterator[str]:
    """Yield the rules of an entry that name no tag."""
    exclusive, rule = entry.declaration.exclusive, entry.declaration.ai_rule
    if exclusive:
        yield "exclusive" if exclusive.only is None else f"exclusive: only {', '.join(exclusive.only.values)}"
    if rule is None:
        return
    if rule.remove_all:
        yield "aiTags.remove: all"
    for name, figure in (("minConfidence", rule.min_confidence), ("promote.minConfidence", rule.promote)):
        if figure is not None:
            yield f"aiTags.{name}: {figure:g}"
    if rule.source is not None:
        yield f"aiTags.source: {rule.source}"


def _votes(entry: Entry, file: CurrentFile) -> Iterator[Vote]:
    yield from tag_votes(entry, file)
    for tag in file.ai_tags:
        yield from ai_tag_votes(entry, tag)


def _of_promotions(merged: Merged) -> Iterator[Vote]:
    """Yield the votes of promotions that were made; diagnostics cover the others."""
    for change in merged.changes:
        for reason in change.because:
            if reason.rule == RuleName.AI_PROMOTE:
                yield Vote("tag", change.tag, present=True, reason=reason)
                if change.op == Op.REMOVE_AI:
                    yield Vote("AI tag", change.tag, present=False, reason=reason)


def _verdicts(file: CurrentFile, merged: Merged, votes: Iterable[Vote]) -> Iterator[Verdict]:
    """Yield the result for each tag that the file has or that a rule mentions."""
    added = {normalized(change.tag) for change in merged.changes if change.op == Op.ADD}
    removed = {change.tag for change in merged.changes if change.op == Op.REMOVE}
    ai_removed = {change.tag for change in merged.changes if change.op == Op.REMOVE_AI}
    by_tag: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        # Ordinary tags are compared under NFC. ImageKit removes AI tags by their exact names.
        by_tag[vote.kind, normalized(vote.tag) if vote.kind == "tag" else vote.tag].append(vote)
    present = {normalized(tag): tag for tag in file.tags}
    keys = {key for kind, key in by_tag if kind == "tag"}
    for key in sorted(keys | present.keys()):
        found = by_tag["tag", key]
        tag = present.get(key) or found[0].tag
        yield _verdict(
            "tag", tag, now=key in present, then=(key in present and tag not in removed) or key in added, votes=found
        )
    for name in sorted({tag.name for tag in file.ai_tags}):
        yield _verdict("AI tag", name, now=True, then=name not in ai_removed, votes=by_tag["AI tag", name])


def _verdict(kind: str, tag: str, *, now: bool, then: bool, votes: Iterable[Vote]) -> Verdict:
    won = tuple(dict.fromkeys(vote.reason for vote in votes if vote.present == then))
    lost = tuple(dict.fromkeys(vote.reason for vote in votes if vote.present != then))
    return Verdict("tag" if kind == "tag" else "AI tag", tag, now, then, won, lost)
