"""Find the entries that select each file, in one pass over the library in path order; `merge` combines them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import (
    NO_VOCABULARY,
    Coverage,
    CurrentFile,
    CurrentState,
    Diagnostic,
    Entry,
    IndexedEntries,
    Origin,
    Unreadable,
    Vocabulary,
    folded,
    folder_of,
)
from tagsync.planning.bounded import First, first_of
from tagsync.planning.entry_index import IdEntries, PathEntries, indexed
from tagsync.planning.folder_hint import Folders
from tagsync.planning.matching import Answers, EntryMatch, PrefixStack
from tagsync.planning.missing import MissingFiles, named
from tagsync.planning.skipped_files import unreadable_finding
from tagsync.planning.templates import InvalidValues, NamedFileTemplates

_MOST_COMPARED = 40
"""The most rules without files whose globs are compared with every path."""


class Selected(NamedTuple):
    """A file, its position in the library, and the entries that select it in the order of the manifests.

    `dropped` are those of earlier revisions; see `prune`.
    """

    number: int
    file: CurrentFile
    entries: Sequence[Entry]
    dropped: Sequence[Entry] = ()


class Selection:
    """One pass over a library. Its diagnostics are complete after the last file.

    Files and entries are both read in path order, so neither has to fit into memory.

    Args:
        entries: as declared, or indexed.
        files: sorted by path; read once.
        answers: the answer to each query of an entry.
        unreadable: file objects that could not be read.
        coverage: whether to note what manifests leave alone.
        vocabulary: which tags templates may give.
    """

    def __init__(
        self,
        entries: Collection[Entry] | IndexedEntries,
        files: Iterable[CurrentFile],
        answers: Answers,
        *,
        unreadable: Collection[Unreadable] = (),
        coverage: bool = False,
        vocabulary: Vocabulary = NO_VOCABULARY,
    ) -> None:
        self.missing = MissingFiles(unreadable)
        self._index = indexed(entries)
        self._files = files
        self._unreadable = unreadable
        self._coverage = coverage
        self.invalid = InvalidValues()
        self._templates = NamedFileTemplates(vocabulary, self.invalid)
        self._matches = [
            EntryMatch(number, entry, answers, vocabulary, self.invalid) for number, entry in self._index.matching()
        ]
        self._unreadable_findings: list[Diagnostic] = []
        self._idle = First[Origin](_itself)
        self._unselected = First[str](str)
        self._folders = Counter[str]()

    def __iter__(self) -> Iterator[Selected]:
        """Yield each file that an entry selects."""
        by_path, by_id, by_match = (
            PathEntries(self._index, self._miss),
            IdEntries(self._index),
            PrefixStack(self._matches),
        )
        for number, file in enumerate(self._files):
            found = [*by_path.at(file.path), *by_id.of(file.file_id)]
            if found:
                found = self._templates.filled_in(found, file)
            found += by_match.matching(file)
            if found:
                if len(found) > 1:
                    found.sort(key=itemgetter(0))  # reasons and errors name the first entry first
                yield Selected(number, file, [entry for _, entry in found])
            elif self._coverage:
                self._unselected.add(file.path)
                self._folders[folder_of(file.path)] += 1
        by_path.finish()
        for entry in by_id.missed():
            self._miss(entry)
        for match in self._matches:
            if not match.count:
                self._idle.add(match.entry.origin())
        self._unreadable_findings = list(self._find_unreadable())

    def _miss(self, entry: Entry) -> None:
        if self.missing.add(entry):
            self._idle.add(entry.origin())

    def _find_unreadable(self) -> Iterator[Diagnostic]:
        """Yield a warning for each unreadable file object and each entry that selects it."""
        for unreadable in self._unreadable:
            file = CurrentFile(unreadable.file_id, unreadable.path, (), ())
            entries: list[Entry | None] = [
                entry for entry in self.missing.unreadable if named(entry) in (unreadable.file_id, unreadable.path)
            ]
            entries += [match.entry for match in self._matches if match.captured(file) is not None]
            yield from (unreadable_finding(unreadable, entry) for entry in entries or [None])

    def exceptions(self, file: CurrentFile) -> Iterator[Diagnostic]:
        """Yield a notice for each rule that would select a file without its exceptions."""
        for match in self._matches:
            pattern = match.leaves_out(file)
            if pattern is not None:
                message = f"except {quoted(pattern, 200)} of this rule leaves the file out"
                yield Diagnostic("info", "left-out", message, match.entry.origin())

    def coverage(self) -> Coverage:
        """Return what manifests leave alone."""
        idle, unselected = self._idle, self._unselected
        folders = sorted(self._folders.items(), key=lambda item: (-item[1], item[0])) if unselected.more else ()
        listed = tuple(first_of(folders))
        return Coverage(tuple(unselected.items()), tuple(idle.items()), unselected.more, idle.more, listed)

    def diagnostics(self, current: CurrentState) -> Iterator[Diagnostic]:
        """Yield what was noticed in one pass over the current state."""
        yield from self._unreadable_findings
        folders = _find_twins(self._matches, current.files)
        for match in self._matches:
            yield from match.findings(current.refused.get(match.query or ""), folders)
        yield from self.missing.findings(current.files)
        yield from self.invalid.diagnostics()


def _find_twins(matches: Collection[EntryMatch], files: Iterable[CurrentFile]) -> Folders:
    """Find for each of the first rules that select nothing a file that its glob almost matches.

    Returns:
        The folders of the files, for rules without such a file, and for exceptions that leave out nothing.
    """
    pending = [(match, alike) for match in matches if (alike := match.alike())][:_MOST_COMPARED]
    excepts = [unused for match in matches for unused in match.unused_excepts()][:_MOST_COMPARED]
    folders = Folders()
    if not (pending or excepts):
        return folders
    for file in files:
        folders.note(file.path)
        key = folded(file.path)
        for unused in excepts:
            unused.note(file.path, key)
        for match, _ in pending:
            if match.folder:
                match.folder.note(file.path, key)
        for item in [item for item in pending if item[1](key)]:
            item[0].twin = file.path
            pending.remove(item)
        if not (pending or excepts):
            break
    return folders


def _itself(origin: Origin) -> Origin:
    return origin
