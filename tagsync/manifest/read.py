"""Manifests to the desired state: every document of every file, all faults in one run."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from tagsync.errors import ManifestError
from tagsync.manifest.accept import FastAccept
from tagsync.manifest.contents import Contents
from tagsync.manifest.document_reader import FileReader
from tagsync.manifest.entry_store import Rows
from tagsync.manifest.fastpath import read_plain
from tagsync.manifest.faults import Faults
from tagsync.manifest.files import Located, locate, read
from tagsync.manifest.notes import Note
from tagsync.manifest.parsers import PARSER, EventSource
from tagsync.manifest.rows import Document, Row, Unfolding
from tagsync.manifest.vocabularies import Vocabularies, check_entries
from tagsync.model import (
    NO_VOCABULARY,
    DesiredState,
    Diagnostic,
    GuardRule,
    ManifestRef,
    Origin,
    unpacked,
)


def read_manifests(
    paths: Sequence[str],
    *,
    as_of: date | None = None,
    parser: Callable[[bytes], EventSource] = PARSER,
    plain: bool = True,
    in_memory: int | None = None,
) -> DesiredState:
    """Read all manifests that `paths` stand for.

    Args:
        paths: files, folders, or `-` for standard input.
        as_of: the day on which entries that end are judged; None to let none end.
        parser: the YAML parser; a parameter so that libyaml and PyYAML's own can be held against each other.
        plain: whether plainly written files are read without it; a parameter for the same reason.
        in_memory: up to so many entries are kept in memory, more in a temporary file; `store.IN_MEMORY` if None.

    Raises:
        ManifestError: with every fault there is.
        UsageError: no paths.
    """
    run = _Run(parser, plain=plain, in_memory=in_memory)
    for located in locate(paths, run.report_file):
        run.read_file(located)
    entries = run.rows.entries(Unfolding(run.documents, as_of))
    vocabulary = run.vocabularies.combined()
    if vocabulary != NO_VOCABULARY:
        check_entries(entries, vocabulary, run.report)
    if run.faults.count:
        kept = run.faults.first()
        raise ManifestError(kept, run.faults.count - len(kept))
    return DesiredState(
        entries=entries,
        manifests=tuple(run.manifests),
        accounts=tuple(run.accounts),
        diagnostics=tuple(run.warnings),
        policy=tuple(run.policy),
        vocabulary=vocabulary,
    )


def read_policy(path: str, *, parser: Callable[[bytes], EventSource] = PARSER) -> DesiredState:
    """Read a file that holds policies and nothing else; their places name it as it was given.

    Raises:
        ManifestError: it cannot be read, or holds something else.
    """
    found = read_manifests([path], parser=parser)
    if found.entries or found.vocabulary != NO_VOCABULARY or not found.policy:
        message = "this holds something other than kind: Policy: name a file of policies alone with --policy"
        raise ManifestError((Diagnostic("error", "policy", message, Origin(path, 1, 1)),))
    return replace(
        found,
        policy=tuple(rule._replace(origin=rule.origin._replace(file=path)) for rule in found.policy),
        accounts=tuple((account, origin._replace(file=path)) for account, origin in found.accounts),
    )


class _Run:
    """What one run has read so far."""

    def __init__(self, parser: Callable[[bytes], EventSource], *, plain: bool, in_memory: int | None) -> None:
        self.accepts = FastAccept()
        self.faults = Faults()
        self.rows = Rows(in_memory)
        self.documents: dict[int, Document] = {}
        self.manifests: list[ManifestRef] = []
        self.accounts: list[tuple[str, Origin]] = []
        self.policy: list[GuardRule] = []
        self.vocabularies = Vocabularies(self.report)
        self.warnings: list[Diagnostic] = []
        self._parser = parser
        self._plain = plain
        self._shown_as: dict[str, str] = {}
        self._noted = set[Note]()

    def report_file(self, file: str, code: str, message: str) -> None:
        """Report a fault of a file as a whole."""
        self.faults.add(Origin(file, 1, 1), code, message)

    def report(self, origin: Origin, code: str, message: str) -> None:
        """Report a fault at the place of an entry or a word, the file named as the user did."""
        self.faults.add(origin._replace(file=self._shown_as[origin.file]), code, message)

    def read_file(self, located: Located) -> None:
        """Read one file, or report why it cannot be read."""
        self._shown_as[located.name] = located.shown_as
        try:
            data = read(located)
        except OSError as error:
            self.report_file(located.shown_as, "unreadable", f"{error.strerror}: check the file and its permissions")
        except ValueError as error:
            self.report_file(located.shown_as, "unreadable", str(error))
        else:
            self.manifests.append(ManifestRef(located.name, hashlib.sha256(data).hexdigest(), located.shown_as))
            self._take(located.name, self._contents(located, data))

    def _contents(self, located: Located, data: bytes) -> Contents:
        """Read a file's entries into `rows`, and return the rest of it."""
        length = len(self.rows)
        if self._plain:
            found = read_plain(located, data, parser=self._parser, accepts=self.accepts, take=self._take_rows)
            if found:
                return found
            self.rows.cut(length)
        reader = FileReader(located, data, parser=self._parser, accepts=self.accepts, take=self._take_rows)
        reader.read()
        self.faults.absorb(reader.faults)
        return reader.contents

    def _take_rows(self, rows: list[Row]) -> None:
        """Take rows of the file that is being read, whose documents come behind those of the files before."""
        before = len(self.documents)
        self.rows.extend([(kind, key, before + n, line, shape) for kind, key, n, line, shape in rows])

    def _take(self, name: str, contents: Contents) -> None:
        for sheet in contents.sheets:
            self.documents[len(self.documents)] = name, sheet.defaults
        self.accounts += [(account, unpacked(name, place)) for account, place in contents.accounts]
        self.policy += contents.policy
        for spec in contents.vocabularies:
            self.vocabularies.take(spec, name)
        for note, place in contents.notes.items():
            if note not in self._noted:
                self.warnings.append(Diagnostic(*note, unpacked(name, place)))
        self._noted.update(contents.notes)
        for place in contents.near_limit:
            message = (
                "its tags keep within 500 characters only if ImageKit does not count the commas between them: they are "
                "sent, and may be refused"
            )
            self.warnings.append(Diagnostic("warning", "near-limit", message, unpacked(name, place)))
