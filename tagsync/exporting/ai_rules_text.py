"""Write rules for AI tags, with the figures that they follow from in comments."""

from collections.abc import Iterator
from typing import get_args

from tagsync.escape import shown
from tagsync.exporting.manifest_text import scalar, tag_scalar
from tagsync.globs import escaped
from tagsync.model import MIN_COMPARED, Agreement, AIComparison, AutoTagger, SourceAgreement, counted

_HEAD = """\
# An AI tag agrees if its file has an ordinary tag of the same name. tagsync compared {files} with both.
# Removed AI tags cannot be restored: review the plan before you apply it.
apiVersion: tagsync/v1
kind: TagSet
spec:
"""


def ai_rules_text(found: AIComparison) -> Iterator[str]:
    """Yield a manifest with a rule for each auto-tagger whose AI tags agree from some confidence on."""
    yield _HEAD.format(files=counted(found.files, "file"))
    has_rules = any(map(_has_rule, found.sources))
    yield "  files:\n" if has_rules else "  files: []\n"
    for item in found.sources:
        head = [f"- match: {scalar(f'{escaped(found.folder)}**')}", "  aiTags:", f"    source: {item.source}"]
        if _has_rule(item):
            yield from (f"    {line}\n" for line in head)
            yield from (f"        {line}\n" for line in (*_rule(item), *_comments(item)))
        else:
            known = item.total.min_confidence is not None
            why = "a rule cannot name this source" if known else "at no confidence 95 % agree"
            yield f"    # {shown(item.source)}: no rule, because {why}.\n"
            yield from (f"    {line}\n" for line in _comments(item))
        if removals := list(_removals(item)):
            yield f"    # If these AI tags are wrong, remove the #{'' if has_rules else ', and the [] above'}.\n"
            yield from (f"    # {line}\n" for line in (*head, *removals))


def _has_rule(item: SourceAgreement) -> bool:
    return _can_be_named(item) and item.total.min_confidence is not None


def _can_be_named(item: SourceAgreement) -> bool:
    return item.source in get_args(AutoTagger)


def _rule(item: SourceAgreement) -> Iterator[str]:
    yield f"minConfidence: {item.total.min_confidence:.15g}  # {_from(item.total)}"
    always = [(name, own) for name, own in item.names if own.always]
    if always:
        yield "keep:  # at least 95 % agree at any confidence"
        yield from (f"  - {tag_scalar(name)}  # {_share(own.files, own.agreeing)}" for name, own in always)


def _removals(item: SourceAgreement) -> Iterator[str]:
    """Yield the part of a rule that removes the names of which nearly none agree."""
    never = [(name, own) for name, own in item.names if own.never]
    if never and _can_be_named(item):
        yield "    remove:  # at least 95 % do not agree"
        yield from (f"      - {tag_scalar(name)}  # {_share(own.files, own.agreeing)}" for name, own in never)


def _comments(item: SourceAgreement) -> Iterator[str]:
    """Yield what no rule can say, because minConfidence applies to all names."""
    yield f"# At any confidence, {_share(item.total.files, item.total.agreeing)}."
    for name, own in item.names:
        if own.files >= MIN_COMPARED and not own.always:
            words = "at no confidence 95 %" if own.min_confidence is None else _from(own)
            yield f"#   {shown(scalar(name))}: {_share(own.files, own.agreeing)}; {words}"
    rare = sum(own.files < MIN_COMPARED for _, own in item.names)
    if rare:
        yield f"# {counted(rare, 'name')} on fewer than {MIN_COMPARED} files"
    if item.unknown:
        yield f"# {counted(item.unknown, 'name')} without an ordinary tag to compare with"


def _from(own: Agreement) -> str:
    return f"from {own.min_confidence:.15g} on, {_share(own.files_from, own.agreeing_from)}"


def _share(files: int, agreeing: int) -> str:
    return f"{agreeing:,} of {files:,} agree" + (f" ({agreeing / files:.0%})" if files else "")
