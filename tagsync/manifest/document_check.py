"""Check the entries of a document; `checks` has the checks of one entry.

Equal declarations are checked once, because most documents repeat a few.
"""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches

from tagsync.escape import shown
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.manifest.checks import NEAR_LIMIT, UNBOUND, check
from tagsync.manifest.entries import with_defaults
from tagsync.manifest.entry_store import MATCH, PATH, EntryRow, decode_declaration, selector_of
from tagsync.manifest.yaml import ReportError
from tagsync.model import (
    Declaration,
    Diagnostic,
    Entry,
    Origin,
    joined_length,
    packed,
    unpacked,
)
from tagsync.model.templates import (
    placeholders,
)

_REMEMBERED = 50_000
"""The most declarations without an error that are remembered."""


Warnings = dict[Hashable, Diagnostic]
"""Warnings and notices. One that many entries share is reported once, at the first; NEAR_LIMIT is reported at each."""


def add_warning(warnings: Warnings, diagnostic: Diagnostic) -> None:
    """Add a warning or notice unless it is there already."""
    warnings.setdefault(diagnostic if diagnostic.code == NEAR_LIMIT else diagnostic[:3], diagnostic)


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
                message = "a path names one file, so * in it is not a wildcard: to select files by a pattern, use match"
                origin = Origin(self._manifest, line + 1, decode_declaration(data).column + 1)
                add_warning(self._warnings, Diagnostic("warning", "wildcard", message, origin))
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
