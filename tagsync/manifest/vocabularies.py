"""Combine Vocabulary documents, and check declared tags against them; `planning.merge` checks the tags of files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.manifest.yaml import Map, Seq
from tagsync.model import Entry, Origin, Rename, RuleName, Vocabulary, normalized, unpacked

ReportAt = Callable[[Origin, str, str], None]
"""Called with (origin, code, message) for each error."""

_COMPARISONS = 200_000
"""The most pairs of tags compared to suggest the nearest one: a few seconds of work."""


class _Word(NamedTuple):
    """A tag as a vocabulary spells it."""

    text: str
    origin: Origin


class Vocabularies:
    """Combine the vocabularies of one run.

    Args:
        report: called for each error.
    """

    def __init__(self, report: ReportAt) -> None:
        self._report = report
        self._allowed: dict[str, _Word] | None = None
        self._forbidden: dict[str, _Word] = {}
        self._removed: dict[str, Origin] = {}
        self._renames: dict[str, Rename] = {}

    def add(self, spec: Map, manifest: str) -> None:
        """Add the tags of a valid document."""
        if "allowed" in spec:
            self._allowed = self._allowed or {}
            for word in _words(spec["allowed"], manifest):
                assert self._allowed is not None  # noqa: S101 - made by `add`; tells mypy
                first = self._allowed.setdefault(normalized(word.text), word)
                if first.text != word.text:
                    message = (
                        f"{quoted(word.text)} is also allowed at {first.origin}, in another spelling: keep one of them"
                    )
                    self._report(word.origin, "two-spellings", message)
        for word in _words(spec.get("forbidden", Seq()), manifest):
            self._forbidden.setdefault(normalized(word.text), word)
            if spec.get(RuleName.REMOVE_FORBIDDEN):
                self._removed.setdefault(normalized(word.text), word.origin)
        renames = spec.get(RuleName.RENAMES, Map())
        for old, new in renames.items():
            self._rename(Rename(old, new, unpacked(manifest, renames.key_places[old])))

    def _rename(self, rename: Rename) -> None:
        first = self._renames.setdefault(normalized(rename.old), rename)
        if first.new != rename.new:
            message = f"{quoted(rename.old)} is renamed to {quoted(first.new)} at {first.origin}: keep one of the two"
            self._report(rename.origin, "rename", message)

    def combined(self) -> Vocabulary:
        """Combine all documents, and report where they contradict each other."""
        allowed = self._allowed
        for key, word in self._forbidden.items():
            if allowed is not None and key in allowed:
                origin = allowed[key].origin
                message = f"{quoted(word.text)} is forbidden here but allowed at {origin}: remove one of the two"
                self._report(word.origin, "conflict", message)
        for key, rename in self._renames.items():
            for code, message in self._rename_faults(key, rename):
                self._report(rename.origin, code, message)
        return Vocabulary(
            None if allowed is None else {key: word.text for key, word in allowed.items()},
            {key: word.origin for key, word in self._forbidden.items()},
            self._removed,
            self._renames,
        )

    def _rename_faults(self, key: str, rename: Rename) -> Iterator[tuple[str, str]]:
        old, new, _ = rename
        target = normalized(new)
        after = self._renames.get(target)
        if target == key:
            yield "rename", f"{quoted(old)} is renamed to itself: remove this line"
            return
        if after is not None:
            cycle = normalized(after.new) == key
            yield (
                "rename",
                f"{quoted(old)} is renamed to {quoted(new)}, which is itself renamed at {after.origin}: "
                + ("remove one of the two" if cycle else f"write {quoted(after.new)} here"),
            )
        if self._allowed is not None and key in self._allowed:
            origin = self._allowed[key].origin
            yield "conflict", f"{quoted(old)} is renamed here but allowed at {origin}: remove one of the two"
        if self._allowed is not None and target not in self._allowed:
            yield (
                "vocabulary",
                f"{quoted(old)} is renamed to {quoted(new)}, which is not allowed: add {quoted(new)} to allowed",
            )
        if target in self._forbidden:
            where = self._forbidden[target].origin
            yield (
                "vocabulary",
                f"{quoted(old)} is renamed to {quoted(new)}, which is forbidden at {where}: use another name",
            )


def _words(seq: Seq, manifest: str) -> Iterator[_Word]:
    for text, place in zip(seq, seq.places, strict=True):
        yield _Word(text, unpacked(manifest, place))


def check_entries(entries: Iterable[Entry], vocabulary: Vocabulary, report: ReportAt) -> None:
    """Report each place where an entry declares a tag that the vocabulary does not allow, forbids or renames."""
    good: set[str] = set()
    reported: set[Origin] = set()
    nearest = _Nearest(vocabulary.allowed or {})
    for entry in entries:
        tags = entry.declaration.tags
        if good.issuperset(tags.values):
            continue
        for tag, place in zip(*tags, strict=True):
            origin = entry.origin(place)
            if tag in good or origin in reported:
                continue
            fault = _fault(tag, vocabulary, nearest)
            if fault is None:
                good.add(tag)
            else:
                reported.add(origin)  # a tag in a document's defaults comes up in every entry
                report(origin, "vocabulary", fault)


def _fault(tag: str, vocabulary: Vocabulary, nearest: "_Nearest") -> str | None:
    key = normalized(tag)
    rename = vocabulary.renames.get(key)
    if rename is not None:
        return f"the tag {quoted(tag)} is renamed at {rename.origin}: write {quoted(rename.new)}"
    if key in vocabulary.forbidden:
        return f"the tag {quoted(tag)} is forbidden at {vocabulary.forbidden[key]}: remove it"
    if vocabulary.allowed is not None and key not in vocabulary.allowed:
        return f"the tag {quoted(tag)} is not in the vocabulary: {nearest.hint(tag)}"
    return None


class _Nearest:
    """Find the allowed tag nearest to another one, with a bounded number of comparisons."""

    def __init__(self, allowed: Mapping[str, str]) -> None:
        self._allowed = tuple(allowed.values())
        self._left = _COMPARISONS

    def hint(self, tag: str) -> str:
        """Suggest a fix for a tag that is not allowed."""
        if not self._allowed:
            return "no tag is allowed, so add it to the allowed tags"
        if self._left < len(self._allowed):
            return "add it to the allowed tags, or use another"
        self._left -= len(self._allowed)
        matcher = SequenceMatcher(autojunk=False)
        matcher.set_seq2(tag.casefold())  # difflib indexes the second text, so that many first ones are cheap

        def likeness(text: str) -> float:
            matcher.set_seq1(text.casefold())
            return matcher.ratio()

        return f"the nearest allowed tag is {quoted(max(self._allowed, key=likeness))}"
