"""Check what a JSON Schema cannot in one entry: globs, spellings, contradictions, lengths, and what is easily misread.

`document_check` applies it to the entries of a document.
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.globs import capture_fault, capture_glob, glob_fault
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.manifest.yaml import Map, Seq
from tagsync.model import (
    COMMA,
    OTHER_NAME,
    TWO_TAGS,
    AIRule,
    ByMatch,
    Declaration,
    Entry,
    Level,
    RuleName,
    Templating,
    Texts,
    comma_words,
    is_stream_safe,
    joined_length,
    normalized,
)
from tagsync.model.templates import (
    CREATED_AT,
    FILE_TYPE,
    YEAR,
    Placeholder,
    Template,
    is_capture_name,
    is_field,
    placeholders,
)
from tagsync.model.texts import MAX_MARKS

NEAR_LIMIT = "near-limit"
UNBOUND = "unbound"

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_ASKS_FOR_TAGS = re.compile(r"(?<![\w.])tags\b\s*(?:NOT\s+)?(?:IN|HAS|EXISTS)\b|\bEXISTS\s+tags\b", re.IGNORECASE)


class Finding(NamedTuple):
    """An error, warning or notice; `place` is as in the entry's declaration, or absolute in a vocabulary."""

    level: Level
    code: str
    message: str
    place: int


def check(entry: Entry) -> Iterator[Finding]:
    """Yield the findings about an entry merged with its defaults."""
    declared = entry.declaration
    if declared.exclusive and declared.exclusive.only:
        for pattern, place in zip(*declared.exclusive.only, strict=True):
            yield from _check_glob(pattern, place)
    if declared.ai_rule:
        yield from _check_ai_names(declared.ai_rule)
        yield from _check_confidence(declared.ai_rule)
    if not _declares_something(declared):
        message = "this rule declares nothing: add tags, absent, exclusive or aiTags"
        yield Finding("error", "declares-nothing", message, declared.column)
    yield from _check_marks(declared.tags)
    yield from _check_marks(declared.absent)
    yield from _check_spellings(entry)
    yield from _check_contradictions(entry)
    yield from _check_length(declared)
    for tag, place in _containing(",", declared.tags):
        yield Finding("warning", COMMA, comma_words(tag, TWO_TAGS), place)
    yield from _check_wildcards(RuleName.ABSENT, declared.absent, "to remove tags by a glob, use exclusive.only")
    if isinstance(entry.selector, ByMatch):
        yield from _check_selector(entry.selector, declared)
    if declared.templating:
        yield from _check_templates(entry, declared.templating)


def check_vocabulary(spec: Map) -> Iterator[Finding]:
    """Yield warnings about a valid vocabulary."""
    for key in ("allowed", "forbidden"):
        tags = spec.get(key, Seq())
        yield from _check_wildcards(key, Texts(tuple(tags), tuple(tags.places)), "write out each tag")
    renames = spec.get(RuleName.RENAMES, Map())
    places = tuple(renames.key_places.values())
    old_names, new_names = Texts(tuple(renames), places), Texts(tuple(renames.values()), places)
    yield from _check_wildcards(RuleName.RENAMES, old_names, "write out each tag")
    for tag, place in _containing(",", new_names):
        yield Finding("warning", COMMA, comma_words(tag, OTHER_NAME), place)


def _declares_something(declared: Declaration) -> bool:
    rule = declared.ai_rule
    if declared.tags.values or declared.absent.values or declared.exclusive:
        return True
    if declared.templating and declared.templating.templates:
        return True
    if rule is None:
        return False
    has_figure = rule.min_confidence is not None or rule.promote is not None
    return has_figure or rule.remove_all or bool(rule.remove.values or rule.keep.values)


def _check_selector(selector: ByMatch, declared: Declaration) -> Iterator[Finding]:
    for pattern in (*([selector.glob] if selector.glob else []), *selector.excepts):
        yield from _check_glob(pattern, declared.column)
    yield from _check_captures(selector.glob or "", declared.column)
    expect = declared.expect
    if expect and expect.max is not None and (expect.min or 0) > expect.max:
        message = f"min {expect.min} is more than max {expect.max}: swap them"
        yield Finding("error", "range", message, expect.place)
    if selector.query and _asks_for_tags(selector.query):
        message = (
            "a condition on tags also matches AI tags: check whether this query should select files that have the tag "
            "only as an AI tag"
        )
        yield Finding("info", "query-tags", message, declared.column)


def _asks_for_tags(query: str) -> bool:
    """Return whether a query has a condition on `tags`, quoted or not."""
    return _ASKS_FOR_TAGS.search(_STRING.sub(lambda found: "tags" if found[0] == '"tags"' else '""', query)) is not None


def _check_glob(pattern: str, place: int) -> Iterator[Finding]:
    if fault := glob_fault(pattern):
        yield Finding("error", "glob", f"the glob {quoted(pattern)} is not valid: {fault}", place)


def _check_captures(glob: str, place: int) -> Iterator[Finding]:
    fault = capture_fault(glob)
    if fault:
        yield Finding("error", "glob", f"the glob {quoted(glob)} cannot be read: {fault}", place)
        return
    for name in capture_glob(glob).names:
        if not is_capture_name(name):
            message = f"{{{name}}} is the name of data from ImageKit: use another name in match"
            yield Finding("error", "glob", message, place)


def _check_templates(entry: Entry, templating: Templating) -> Iterator[Finding]:
    """Find braces that are no placeholder, and names that have no value in this rule."""
    for template in templating.templates:
        if len(template.text) > MAX_TAG_CHARACTERS:
            message = f"this text has {len(template.text):,} characters: shorten it to {MAX_TAG_CHARACTERS}"
            yield Finding("error", "template", message, template.place)
            continue
        try:
            found = placeholders(template.text)
        except ValueError as error:
            yield Finding("error", "template", f"{quoted(template.text)} cannot be read: {error}", template.place)
            continue
        for placeholder in found:
            if not is_field(placeholder.name):
                yield from _check_binding(entry, template, placeholder)
    # A star in an AI tag's name is an error with and without placeholders.
    for key in ("remove", "keep"):
        texts = [each for each in templating.templates if each.key == f"aiTags.{key}" and "*" in each.text]
        for template in texts:
            message = (
                f"{quoted(template.text)} in the list {key} means an AI tag with exactly this name: write it without *"
            )
            yield Finding("error", "wildcard", message, template.place)


def _check_binding(entry: Entry, template: Template, placeholder: Placeholder) -> Iterator[Finding]:
    """Find a name that the rule's match does not capture."""
    glob = entry.selector.glob if isinstance(entry.selector, ByMatch) else None
    if glob and capture_fault(glob):
        return  # an error of its own
    names = capture_glob(glob).names if glob else ()
    if placeholder.name in names:
        return
    where = f" in the rule at {entry.origin()}" if template.place < 0 else ""
    message = f"nothing captures {{{placeholder.name}}}{where}: {_binding_hint(placeholder.name, names)}"
    yield Finding("error", UNBOUND, message, template.place)


def _binding_hint(name: str, names: Collection[str]) -> str:
    """Return which name may be meant, or how to capture it."""
    known = {each: each for each in (*names, FILE_TYPE)} | {CREATED_AT: f"{CREATED_AT}:{YEAR}"}
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {{{known[close[0]]}}}?"
    if names:
        return f"use {' or '.join(f'{{{each}}}' for each in names)}, or write {{{name}}} in match"
    return f"write match with {{{name}}} in place of a *, as in /shop/{{{name}}}/**"


def _check_confidence(rule: AIRule) -> Iterator[Finding]:
    """Find a confidence that is probably meant as a fraction."""
    for name, figure, effect in (
        ("minConfidence", rule.min_confidence, "this rule removes almost no AI tags"),
        ("promote.minConfidence", rule.promote, "this rule promotes almost all AI tags"),
    ):
        if figure is not None and 0 < figure <= 1:
            message = (
                f"aiTags.{name}: {figure:g} means {figure:g} %, and {effect}: confidence in ImageKit goes from 0 to "
                f"100, so for {100 * figure:g} %, write {100 * figure:g}"
            )
            yield Finding("warning", "confidence", message, rule.place)


def _check_ai_names(rule: AIRule) -> Iterator[Finding]:
    """Check names of AI tags: a wildcard or `all` is a mistake, and removing AI tags cannot be undone."""
    for key, texts, fix in (
        ("remove", rule.remove, "name each AI tag, or write remove: all without brackets for every one"),
        ("keep", rule.keep, "name each AI tag that stays"),
    ):
        for name, place in zip(*texts, strict=True):
            if name.casefold() == "all" or "*" in name:
                message = f"{quoted(name)} in the list {key} means an AI tag with exactly this name: {fix}"
                yield Finding("error", "wildcard", message, place)


def _check_marks(tags: Texts) -> Iterator[Finding]:
    for tag, place in zip(*tags, strict=True):
        if not is_stream_safe(tag):
            message = f"the tag {quoted(tag)} has more than {MAX_MARKS} combining marks in a row: remove some of them"
            yield Finding("error", "marks", message, place)


def _check_spellings(entry: Entry) -> Iterator[Finding]:
    """Find two spellings of one tag, equal only under NFC."""
    tags = entry.declaration.tags
    if all(map(str.isascii, tags.values)):
        return
    first: dict[str, tuple[str, int]] = {}
    for tag, place in zip(*tags, strict=True):
        seen, at = first.setdefault(normalized(tag), (tag, place))
        if seen != tag:
            message = (
                f"the tag {quoted(tag)} is also declared at {entry.origin(at)}, in another spelling (equal under "
                "Unicode NFC): write both the same way"
            )
            yield Finding("error", "two-spellings", message, place)


def _check_contradictions(entry: Entry) -> Iterator[Finding]:
    tags, absent = entry.declaration.tags, entry.declaration.absent
    if not tags.values or not absent.values:
        return
    present = {normalized(tag): place for tag, place in zip(*tags, strict=True)}
    for tag, place in zip(*absent, strict=True):
        at = present.get(normalized(tag))
        if at is not None:
            message = f"{quoted(tag)} must be absent here, but present at {entry.origin(at)}: remove one of the two"
            yield Finding("error", "conflict", message, place)


def _check_length(declared: Declaration) -> Iterator[Finding]:
    tags = set(declared.tags.values)
    length = sum(map(len, tags))
    if length > MAX_TAG_CHARACTERS and declared.if_over_limit in (None, "error"):
        message = (
            f"the tags of this rule have {length} characters; ImageKit allows {MAX_TAG_CHARACTERS} on a file: "
            "declare fewer or shorter tags, or set ifOverLimit"
        )
        yield Finding("error", "over-limit", message, declared.column)
    if length <= MAX_TAG_CHARACTERS < joined_length(len(tags), length):
        message = (
            f"the tags of this rule fit into {MAX_TAG_CHARACTERS} characters only if ImageKit does not count the "
            "commas between them: tagsync sends them, but ImageKit may refuse them"
        )
        yield Finding("warning", NEAR_LIMIT, message, declared.column)


def _check_wildcards(key: str, texts: Texts, fix: str) -> Iterator[Finding]:
    for name, place in _containing("*", texts):
        message = f"{quoted(name)} in {key} means a tag with exactly this name, as * is not a wildcard there: {fix}"
        yield Finding("warning", "wildcard", message, place)


def _containing(character: str, texts: Texts) -> Iterator[tuple[str, int]]:
    if character in "".join(texts.values):
        for text, place in zip(*texts, strict=True):
            if character in text:
                yield text, place
