"""Fill in the templates of entries for the files they select; `model.templates` parses and formats templates."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.globs import capture_glob
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.model import (
    NO_TEMPLATES,
    NO_TEXTS,
    ByMatch,
    CurrentFile,
    Declaration,
    Diagnostic,
    Entry,
    Level,
    NumberedEntry,
    Origin,
    Templating,
    Texts,
    Vocabulary,
    counted,
    invisible_fault,
    is_declarable,
    is_stream_safe,
    normalized,
)
from tagsync.model.templates import (
    CREATED_AT,
    Placeholder,
    Template,
    TemplateKey,
    filled,
    formatted,
    is_field,
    placeholders,
    year_of,
)
from tagsync.model.texts import MAX_MARKS
from tagsync.planning.bounded import LEVEL_OF, MOST_LISTED

CODE = "value"
"""The code of diagnostics about values that give no valid tag."""

_REMEMBERED = 10_000
"""The maximum number of filled-in texts in the cache of one entry."""

_MOST_COMBINATIONS = MAX_TAG_CHARACTERS
"""The maximum number of texts that one template gives for a file; more tags than that cannot fit."""

_PREPARED = 1_000
"""The maximum number of declarations of named files in the cache."""


class _Problem(NamedTuple):
    """What is wrong with a filled-in template: the diagnostic's level, place, and words before and after the file."""

    level: Level
    place: int
    what: str
    why: str


_Values = tuple[str | tuple[str, ...], ...]
"""Captured texts, then the values of each field of the library's data."""

_Filled = tuple[str | _Problem, ...]
"""The texts that a template gives, and what is wrong with them."""


class _InvalidValueError(Exception):
    """A value that gives no valid tag, as in `_Problem`; no words for a tag that is left out silently."""

    def __init__(self, what: str = "", why: str = "", *, always: bool = False) -> None:
        super().__init__(what, why)
        self.what, self.why, self.always = what, why, always


@dataclass(slots=True)
class _Files:
    """The files with one problem: the first one, and how many there are."""

    first: str
    count: int = 0


class InvalidValues:
    """Collects the values that give no valid tag: each problem once, with its first file and the number of files."""

    def __init__(self) -> None:
        self._files: dict[Level, dict[tuple[Origin, str, str], _Files]] = defaultdict(dict)
        self._unlisted = Counter[tuple[Level, str]]()

    def add(self, origin: Origin, problem: _Problem, path: str) -> None:
        """Note a problem of one file."""
        files, key = self._files[problem.level], (origin, problem.what, problem.why)
        if key not in files and len(files) >= MOST_LISTED:
            self._unlisted[problem.level, CODE] += 1
            return
        files.setdefault(key, _Files(path)).count += 1

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a diagnostic for each of the first problems."""
        for level, problems in self._files.items():
            for (origin, what, why), files in problems.items():
                others = files.count - 1
                more = f" and {counted(others, 'other file')}" if others else ""
                yield Diagnostic(level, CODE, f"{what} for {quoted(files.first, 200)}{more}: {why}", origin)

    def unlisted(self) -> Counter[tuple[Level, str]]:
        """Return how many more files have other problems, by level and code."""
        return self._unlisted


class EntryTemplates:
    """Fills in the templates of one declaration.

    Args:
        declaration: has templates.
        captures: the names that the entry's match captures, in order.
        vocabulary: which tags are allowed.
        invalid: where values that give no valid tag are added.
    """

    def __init__(
        self, declaration: Declaration, captures: tuple[str, ...], vocabulary: Vocabulary, invalid: InvalidValues
    ) -> None:
        templating = declaration.templating or NO_TEMPLATES
        self._declaration = declaration
        self._templating = templating
        self._vocabulary = vocabulary
        self._invalid = invalid
        self._tables = {table.name: (dict(table.pairs), table.otherwise) for table in templating.tables}
        self._templates = [(template, placeholders(template.text)) for template in templating.templates]
        names = _names_in(templating)
        self._captured = [captures.index(name) for name in names if name in captures]
        self._fields = [name for name in names if name not in captures]
        self._names = [*(captures[number] for number in self._captured), *self._fields]
        self._known: dict[_Values, tuple[Declaration, tuple[_Problem, ...]]] = {}
        self._remembered = 0
        """The number of filled-in texts in `_known`."""

    def filled_in(self, entry: Entry, file: CurrentFile, captured: tuple[str, ...] = ()) -> Entry:
        """Return an entry with what it declares for a file that it selects.

        Args:
            entry: has the declaration.
            file: the file.
            captured: the texts that the entry's match captures in its path.
        """
        key: _Values = tuple([captured[number] for number in self._captured])
        if self._fields:
            key += tuple([library_values(name, file) for name in self._fields])
        found = self._known.get(key)
        if found is None:
            found = self._fill(key)
        declaration, problems = found
        for problem in problems:
            self._invalid.add(entry.origin(problem.place), problem, file.path)
        return Entry(entry.manifest, entry.line, entry.selector, declaration, entry.defaults_in)

    def _fill(self, key: _Values) -> tuple[Declaration, tuple[_Problem, ...]]:
        """Return and remember the declaration for files with these values, and the problems of the values."""
        # ImageKit keeps two spellings of a tag that are equal under NFC apart, so values must not bring several.
        values, several = dict[str, str](), dict[str, tuple[str, ...]]()
        for name, each in zip(self._names, key, strict=True):
            if isinstance(each, str):
                values[name] = normalized(each)
                continue
            distinct = tuple(dict.fromkeys(map(normalized, each)))
            values[name] = distinct[0] if distinct else ""
            if len(distinct) > 1:
                several[name] = distinct
        added = dict[TemplateKey, Texts]()
        problems = list[_Problem]()
        for template, used in self._templates:
            found = self._combined(template, used, values, several) if several else self._filled(template, used, values)
            texts = tuple([each for each in found if isinstance(each, str)])
            if len(texts) < len(found):
                problems += [each for each in found if isinstance(each, _Problem)]
            more = Texts(texts, (template.place,) * len(texts))
            added[template.key] = added.get(template.key, NO_TEXTS).followed_by(more)
            self._remembered += len(found)
        if self._remembered > _REMEMBERED:
            self._known.clear()
            self._remembered = 0
        self._known[key] = _with_texts(self._declaration, added), tuple(problems)
        return self._known[key]

    def _combined(
        self,
        template: Template,
        used: Sequence[Placeholder],
        values: Mapping[str, str],
        several: Mapping[str, tuple[str, ...]],
    ) -> _Filled:
        """Fill in a template with each combination of values; return each text and problem once.

        Args:
            template: the template.
            used: its placeholders.
            values: the first value of each name.
            several: all values of the names that have several.
        """
        names = tuple(dict.fromkeys(each.name for each in used if each.name in several))
        count = prod(len(several[name]) for name in names)
        if count > _MOST_COMBINATIONS:
            what = f"{quoted(template.text)} gives {count:,} texts"
            why = f"the limit is {_MOST_COMBINATIONS}; use fewer fields with several values in it"
            return self._problem(template, _InvalidValueError(what, why))
        chosen = product(*(several[name] for name in names))
        filled = (self._filled(template, used, {**values, **dict(zip(names, each, strict=True))}) for each in chosen)
        return tuple(dict.fromkeys(chain.from_iterable(filled)))

    def _filled(self, template: Template, used: Sequence[Placeholder], values: Mapping[str, str]) -> _Filled:
        """Fill in a template, and return its text and what is wrong with it."""
        try:
            return (self._text(template, {each: self._value(each, values[each.name]) for each in used}),)
        except _InvalidValueError as error:
            return self._problem(template, error)

    def _problem(self, template: Template, error: _InvalidValueError) -> tuple[_Problem, ...]:
        """Return the problem of a template; none if the rule leaves it out silently."""
        level = "error" if error.always else LEVEL_OF[self._templating.if_invalid or "error"]
        return (_Problem(level, template.place, error.what, error.why),) if level and error.what else ()

    def _text(self, template: Template, values: dict[Placeholder, str]) -> str:
        """Return a template filled in with formatted values.

        Raises:
            _InvalidValueError: it gives no valid text.
        """
        text = filled(template.text, values)
        why = _fault(text, self._vocabulary) if template.key == "tags" else None
        if why:
            raise _InvalidValueError(f"{quoted(template.text)} gives {quoted(text)}", why)
        return text

    def _value(self, placeholder: Placeholder, value: str) -> str:
        """Return what a value becomes for a placeholder: mapped, then formatted.

        Raises:
            _InvalidValueError: it becomes nothing.
        """
        if not value:
            why = "set it in ImageKit, or set ifInvalid: skip in this rule"
            raise _InvalidValueError(f"{placeholder} has no value", why)
        pairs, otherwise = self._tables.get(placeholder.name, ({}, "keep"))
        if value not in pairs and otherwise == "skip":
            raise _InvalidValueError
        if value not in pairs and otherwise == "error":
            why = "spec.values does not map it; add it there, or set else: keep or else: skip"
            raise _InvalidValueError(f"{{{placeholder.name}}} is {quoted(value)}", why, always=True)
        text = formatted(pairs.get(value, value), placeholder.format)
        if not text:
            why = "map it in spec.values, or set ifInvalid: skip in this rule"
            raise _InvalidValueError(f"{placeholder} of {quoted(value)} is empty", why)
        return text


class NamedFileTemplates:
    """Fills in the templates of entries that select by path or file ID.

    Args:
        vocabulary: which tags are allowed.
        invalid: where values that give no valid tag are added.
    """

    def __init__(self, vocabulary: Vocabulary, invalid: InvalidValues) -> None:
        self._vocabulary = vocabulary
        self._invalid = invalid
        self._prepared: dict[int, tuple[Declaration, EntryTemplates]] = {}

    def filled_in(self, entries: Iterable[NumberedEntry], file: CurrentFile) -> list[NumberedEntry]:
        """Return the entries of a file with their templates filled in."""
        return [
            (number, entry if entry.declaration.templating is None else self._templates(entry).filled_in(entry, file))
            for number, entry in entries
        ]

    def _templates(self, entry: Entry) -> EntryTemplates:
        declared = entry.declaration
        found = self._prepared.get(id(declared))
        if found is None:
            if len(self._prepared) >= _PREPARED:
                self._prepared.clear()
            # Keep the declaration, too: no other object can have its `id` meanwhile.
            found = declared, EntryTemplates(declared, (), self._vocabulary, self._invalid)
            self._prepared[id(declared)] = found
        return found[1]


def bound_values(entry: Entry, file: CurrentFile) -> tuple[tuple[str, str], ...]:
    """Return what an entry's match captures in a file's path, then the library's data that its templates use."""
    glob = entry.selector.glob if isinstance(entry.selector, ByMatch) else None
    bound = list[tuple[str, str]]()
    if glob:
        names, match = capture_glob(glob)
        found = match(file.path)
        bound += zip(names, found.groups(), strict=True) if found else ()
    used = _names_in(entry.declaration.templating or NO_TEMPLATES)
    return (*bound, *((name, ", ".join(library_values(name, file))) for name in used if is_field(name)))


def uses_library_data(declared: Declaration) -> bool:
    """Return whether templates use data that may change in the library while the path stays the same."""
    return declared.templating is not None and any(map(is_field, _names_in(declared.templating)))


def library_values(name: str, file: CurrentFile) -> tuple[str, ...]:
    """Return a file's values of a name that is not captured."""
    if name == CREATED_AT:
        return (year_of(file.created_at),)
    return tuple([value for field, value in file.fields if field == name])


def _names_in(templating: Templating) -> tuple[str, ...]:
    """Return the names that templates use, each once."""
    return tuple(dict.fromkeys(each.name for item in templating.templates for each in placeholders(item.text)))


def _with_texts(declared: Declaration, added: dict[TemplateKey, Texts]) -> Declaration:
    """Return a declaration with more texts at the end of its lists."""
    rule, remove, keep = declared.ai_rule, added.get("aiTags.remove"), added.get("aiTags.keep")
    if rule and (remove or keep):
        rule = rule._replace(
            remove=rule.remove.followed_by(remove or NO_TEXTS), keep=rule.keep.followed_by(keep or NO_TEXTS)
        )
    return declared._replace(
        tags=declared.tags.followed_by(added.get("tags", NO_TEXTS)),
        absent=declared.absent.followed_by(added.get("absent", NO_TEXTS)),
        expired=declared.expired.followed_by(added.get("expired", NO_TEXTS)),
        ai_rule=rule,
    )


def _fault(text: str, vocabulary: Vocabulary) -> str | None:
    """Return why a text cannot be a tag, and what to do; None if it can."""
    fix = "map it in spec.values, or set ifInvalid"
    if len(text) > MAX_TAG_CHARACTERS:
        return f"it has {len(text):,} characters, and ImageKit allows {MAX_TAG_CHARACTERS} in all tags of a file; {fix}"
    if not is_declarable(text):
        return f"{_text_fault(text)}; {fix}"
    key = normalized(text)
    rename = vocabulary.renames.get(key)
    if rename is not None:
        return f"that tag is renamed to {quoted(rename.new)} at {rename.origin}; {fix}"
    if key in vocabulary.forbidden:
        return f"that tag is forbidden at {vocabulary.forbidden[key]}; {fix}"
    if vocabulary.allowed is not None and key not in vocabulary.allowed:
        return f"that tag is not in the vocabulary; allow it there, {fix}"
    return None


def _text_fault(text: str) -> str:
    if text != text.strip():
        return "a tag cannot start or end with white space"
    if "%" in text:
        return "ImageKit does not allow % in tags"
    if not is_stream_safe(text):
        return f"a tag cannot have more than {MAX_MARKS} combining marks in a row"
    fault = invisible_fault(text)
    return f"the tag {fault}" if fault else "a tag cannot contain invisible control characters"
