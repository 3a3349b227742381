"""Compare desired with current state, file by file, and collect changes and diagnostics."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from tagsync.model import (
    NO_VOCABULARY,
    ByMatch,
    Coverage,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Entry,
    FileChange,
)
from tagsync.planning.assembly import Collected
from tagsync.planning.bounded import DiagnosticLog, is_full
from tagsync.planning.clashes import Clashes
from tagsync.planning.comma_tags import CommaTags
from tagsync.planning.filter import Scope
from tagsync.planning.guards import GuardCounts
from tagsync.planning.length_limit import Fit, fit, limit_finding
from tagsync.planning.merge import Merged, merge
from tagsync.planning.protections import Protections
from tagsync.planning.prune import Undeclared, prune_votes, with_dropped
from tagsync.planning.select import Selected, Selection
from tagsync.planning.similar_tags import SimilarTags
from tagsync.planning.skipped_files import names_one, twins_finding
from tagsync.planning.templates import uses_library_data

EMPTY_LIBRARY = "the library has no files: check that the key belongs to the right account"


class Comparison:
    """The comparison of all files that entries select, or that dropped ones selected.

    Attributes:
        collected: the changes of the files in scope.
        tally: counts of all managed files, in scope or not.
        similar_tags: compares the added tags with those of the library.
        diagnostics: what was noticed.
        unchanged: the number of files in scope that need no change.
        missing: the declared files that the library does not have.
        unsure: IDs of changed files that the same manifests may have left unchanged before.
        thumbnails: addresses of small pictures of changed files, by file ID.
        coverage: what manifests leave alone, if requested.
    """

    def __init__(
        self,
        desired: DesiredState,
        current: CurrentState,
        scope: Scope,
        *,
        coverage: bool,
        dropped: Collection[Entry] = (),
        undeclared: Undeclared | None = None,
    ) -> None:
        self.tally = GuardCounts()
        self.similar_tags = SimilarTags()
        self.diagnostics = DiagnosticLog(current.diagnostics)
        self.unchanged = 0
        self.unsure: set[str] = set()
        self.thumbnails: dict[str, str] = {}
        self._twins = current.files.twins()
        self._comma_tags = CommaTags(desired.diagnostics)
        if not len(current.files) and current.reading.is_complete:
            self.diagnostics.extend([Diagnostic("warning", "empty-library", EMPTY_LIBRARY)])
        protections, clashes = Protections(desired.entries, desired.vocabulary), Clashes()
        selection = Selection(
            desired.entries,
            current.files,
            current.answers,
            unreadable=current.unreadable,
            coverage=coverage,
            vocabulary=desired.vocabulary,
        )
        managed: Iterable[Selected] = with_dropped(selection, dropped, current) if dropped else selection
        if undeclared:
            managed = undeclared.counted(managed)
        self.collected = Collected(self._changes(managed, protections, clashes, desired, scope))
        self.missing = selection.missing
        self.coverage: Coverage | None = selection.coverage() if coverage else None
        found = [*selection.diagnostics(current), *protections.diagnostics(), *clashes.diagnostics()]
        self.diagnostics.extend([*_without_doubles(desired.diagnostics, found), *found])
        for level, count in self.missing.unlisted().items():
            self.diagnostics.count(level, "missing", count)
        for code, count in clashes.unlisted().items():
            self.diagnostics.count("error", code, count)
        for (level, code), count in selection.invalid.unlisted().items():
            self.diagnostics.count(level, code, count)
        self.diagnostics.extend(scope.diagnostics("file that a rule selects"))
        # With an error somewhere, what the manifests mean is in doubt everywhere.
        if self.diagnostics.total("error"):
            self.collected, self.tally, self.thumbnails = Collected(()), GuardCounts(), {}

    def _changes(
        self,
        managed: Iterable[Selected],
        protections: Protections,
        clashes: Clashes,
        desired: DesiredState,
        scope: Scope,
    ) -> Iterator[FileChange]:
        """Yield the changes of the files in scope, and note everything else."""
        for number, file, entries, dropped in managed:
            protections.check(file, entries)
            votes = prune_votes(entries, dropped) if dropped else ()
            # The vocabulary is for files that a rule selects now.
            merged = merge(file, entries, desired.vocabulary if entries else NO_VOCABULARY, votes)
            self.diagnostics.extend(merged.diagnostics)
            clashes.add(merged.clashes, file.path)
            change = self._change(file, merged, entries or dropped) if merged.changes else None
            # Guards count the whole plan. Otherwise a plan could pass them in small parts.
            self.tally.add(file, change)
            if not scope.includes_file(number, file.path):
                continue
            if change:
                if file.thumbnail and not is_full(self.thumbnails):
                    self.thumbnails[file.file_id] = file.thumbnail
                if _is_unsure(entries):
                    self.unsure.add(file.file_id)
                self.diagnostics.extend(self._comma_tags.check(merged.changes))
                self.similar_tags.note(merged.changes)
                yield change
            elif entries and not merged.changes:
                self.unchanged += 1

    def _change(self, file: CurrentFile, merged: Merged, entries: Sequence[Entry]) -> FileChange | None:
        """Return a file's changes, or None and a diagnostic if it shares its path or its tags would be too long."""
        twins = self._twins.get(file.file_id, ())
        if twins and not names_one(entries):
            self.diagnostics.extend([twins_finding(file, twins, merged.changes[0].because[0].origin)])
            return None
        verdict = fit(file, merged.changes)
        if verdict is not Fit.FITS:
            finding = limit_finding(file, merged.changes, entries, verdict)
            self.diagnostics.extend([finding] if finding else [])
        if verdict is Fit.OVER:
            return None
        return FileChange(file, merged.changes, merged.desired, merged.spared, merged.relies)


def _without_doubles(early: Iterable[Diagnostic], found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of manifests, without the warning of a * in a path that turned out to be no file."""
    missing = {item.origin for item in found if item.code == "missing"}
    return (item for item in early if item.code != "wildcard" or item.origin not in missing)


def _is_unsure(entries: Sequence[Entry]) -> bool:
    """Return whether the same entries may have left a file unchanged before.

    Queries and templates depend on data of the library that may change, and a file may have been over the length limit.
    """
    has_query = any(isinstance(entry.selector, ByMatch) and entry.selector.query is not None for entry in entries)
    has_data = any(uses_library_data(entry.declaration) for entry in entries)
    return has_query or has_data or all(entry.declaration.if_over_limit in ("warn", "skip") for entry in entries)
