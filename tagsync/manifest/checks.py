"""Check what a JSON Schema cannot: globs, spellings, contradictions, lengths, and what is easily misread."""

import re
from collections.abc import Collection, Hashable, Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import NamedTuple

from tagsync.escape import quoted, shown
from tagsync.globs import capture_fault, capture_glob, glob_fault
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.manifest.entries import with_defaults
from tagsync.manifest.entry_store import MATCH, PATH, EntryRow, decode_declaration, selector_of
from tagsync.manifest.yaml import Map, ReportError, Seq
from tagsync.model import (
    AIRule,
    ByMatch,
    Declaration,
    Diagnostic,
    Entry,
    Level,
    Origin,
    RuleName,
    Templating,
    Texts,
    is_stream_safe,
    joined_length,
    normalized,
    packed,
    unpacked,
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

_REMEMBERED = 50_000
"""The most declarations without an error that are remembered."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_ASKS_FOR_TAGS = re.compile(r"(?<![\w.])tags\b\s*(?:NOT\s+)?(?:IN|HAS|EXISTS)\b|\bEXISTS\s+tags\b", re.IGNORECASE)


Warnings = dict[Hashable, Diagnostic]
"""Warnings and notices. One that many entries share is reported once, at the first; NEAR_LIMIT is reported at each."""


def add_warning(warnings: Warnings, diagnostic: Diagnostic) -> None:
    """Add a warning or notice unless it is there already."""
    warnings.setdefault(diagnostic if diagnostic.code == NEAR_LIMIT else diagnostic[:3], diagnostic)


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
    if not _declares_something(declared):
        message = "this rule declares nothing: add tags, absent, exclusive or aiTags"
        yield Finding("error", "declares-nothing", message, declared.column)
    yield from _check_marks(declared.tags)
    yield from _check_marks(declared.absent)
    yield from _check_spellings(entry)
    yield from _check_contradictions(entry)
    yield from _check_length(declared)
    for tag, place in _containing(",", declared.tags):
        message = f"the tag {quoted(tag)} contains a comma: upload forms cannot set it, as they split tags at commas"
        yield Finding("warning", "comma", message, place)
    fix = "to remove tags by a glob, use exclusive: {only: [...]}"
    yield from _check_wildcards(RuleName.ABSENT, declared.absent, fix)
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
    old_names = Texts(tuple(renames), tuple(renames.key_places.values()))
    yield from _check_wildcards(RuleName.RENAMES, old_names, "write out each tag")


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
    if expect and expect.max is not None and expect.min > expect.max:
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
            message = f"{quoted(template.text)} in {key} means an AI tag of exactly this name: write it without *"
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
        return f"its match captures {', '.join(f'{{{each}}}' for each in names)}"
    return f"write match with {{{name}}} in place of a *, as in /shop/{{{name}}}/**"


def _check_ai_names(rule: AIRule) -> Iterator[Finding]:
    """Check names of AI tags: a wildcard or `all` is a mistake, and removing AI tags cannot be undone."""
    for key, texts, fix in (
        ("remove", rule.remove, "write remove: all to remove every AI tag, or name each one"),
        ("keep", rule.keep, "name each AI tag that stays"),
    ):
        for name, place in zip(*texts, strict=True):
            if name.casefold() == "all" or "*" in name:
                message = f"{quoted(name)} in {key} means an AI tag of exactly this name: {fix}"
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
        message = f"{quoted(name)} in {key} means a tag of exactly this name (* is not a wildcard there): {fix}"
        yield Finding("warning", "wildcard", message, place)


def _containing(character: str, texts: Texts) -> Iterator[tuple[str, int]]:
    if character in "".join(texts.values):
        for text, place in zip(*texts, strict=True):
            if character in text:
                yield text, place


class DocumentCheck:
    """Check the entries of one document; equal declarations are checked once.

    Args:
        manifest: the document's manifest.
        defaults: the document's defaults.
        warnings: where warnings and notices are added.
        report: called for each error; an error in the defaults is reported once.
        of: for the rows of a CSV file, the manifest and the state of the document that names the file.
    """

    def __init__(
        self,
        manifest: str,
        defaults: Declaration,
        warnings: Warnings,
        report: ReportError,
        *,
        of: tuple[str, ReportError, set[Hashable], set[str]] | None = None,
    ) -> None:
        self._manifest = manifest
        self._defaults_in: str | None = None
        self._report_default = report
        self._reported: set[Hashable] = set()
        self._names: set[str] = set()
        if of:
            self._defaults_in, self._report_default, self._reported, self._names = of
        self._defaults = defaults
        has_templates = defaults.templating is not None and bool(defaults.templating.templates)
        self._may_be_plain = not (defaults.absent.values or defaults.exclusive or defaults.ai_rule or has_templates)
        self._warnings = warnings
        self._report = report
        self._good: set[bytes] = set()

    def for_rows(self, manifest: str, report: ReportError) -> "DocumentCheck":
        """Return the check of a CSV file that has the defaults of this document."""
        of = self._manifest, self._report, self._reported, self._names
        return DocumentCheck(manifest, self._defaults, self._warnings, report, of=of)

    def __call__(self, rows: Iterable[EntryRow]) -> None:
        """Check entries."""
        for kind, key, line, data in rows:
            if kind == PATH and "*" in key:
                self._warn_of_glob(line, data)
            if data in self._good:
                continue
            own = decode_declaration(data)
            if kind != MATCH and self.is_plain(own):
                continue
            merged = with_defaults(own, self._defaults)
            entry = Entry(self._manifest, line, selector_of(kind, key), merged, self._defaults_in)
            # The errors of a match also depend on its globs and query, so it is checked each time.
            if self._check(entry) and kind != MATCH:
                if len(self._good) >= _REMEMBERED:
                    self._good.clear()
                self._good.add(data)

    def _warn_of_glob(self, line: int, data: bytes) -> None:
        message = "a path with * is the name of one file, not a pattern: to select files by a pattern, use match"
        origin = Origin(self._manifest, line + 1, decode_declaration(data).column + 1)
        add_warning(self._warnings, Diagnostic("warning", "wildcard", message, origin))

    def is_plain(self, own: Declaration) -> bool:
        """Return whether an entry certainly has no findings, as most entries; False if that takes a closer look."""
        tags = self._defaults.tags.values + own.tags.values
        text = "".join(tags)
        return (
            self._may_be_plain
            and text != ""
            and text.isascii()
            and "," not in text
            and joined_length(len(tags), len(text)) <= MAX_TAG_CHARACTERS
            and not (own.absent.values or own.exclusive or own.ai_rule or own.templating)
        )

    def finish(self) -> set[str]:
        """Return the names that the entries' templates use, and warn of tables for other names."""
        tables = self._defaults.templating.tables if self._defaults.templating else ()
        for table in tables:
            if table.name not in self._names:
                name, close = shown(table.name, 60), get_close_matches(table.name, self._names, n=1)
                hint = f"did you mean {close[0]}?" if close else f"remove the table, or use {{{name}}} in tags"
                message = f"values has a table for {name}, but no rule uses this name: {hint}"
                add_warning(
                    self._warnings,
                    Diagnostic("warning", "unused-values", message, unpacked(self._manifest, ~table.place)),
                )
        return self._names

    def _check(self, entry: Entry) -> bool:
        """Report the findings about an entry, and return whether none is an error."""
        is_good = True
        self._names.update(_names_in(entry.declaration))
        for finding in check(entry):
            origin = entry.origin(finding.place)
            if finding.level != "error":
                add_warning(self._warnings, Diagnostic(*finding[:3], origin))
                continue
            is_good = False
            # A negative place is in the defaults, where each entry of the document finds the same error. Of a name that
            # several rules do not capture, the messages differ; the first is enough.
            key = (finding.code, finding.place) if finding.code == UNBOUND else finding
            if key not in self._reported:
                report = self._report_default if finding.place < 0 else self._report
                report(packed(origin.line - 1, origin.column - 1), finding.code, finding.message)
            if finding.place < 0:
                self._reported.add(key)
        return is_good


def _names_in(declared: Declaration) -> Iterator[str]:
    """Yield the names that an entry's valid templates use."""
    for template in declared.templating.templates if declared.templating else ():
        with suppress(ValueError):
            yield from (placeholder.name for placeholder in placeholders(template.text))
