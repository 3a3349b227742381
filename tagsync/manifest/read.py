"""Read manifests into the desired state, and report all errors in one run."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from tagsync.errors import ManifestError
from tagsync.escape import shown
from tagsync.manifest.checks import NEAR_LIMIT
from tagsync.manifest.csv_rows import CsvReader
from tagsync.manifest.document_check import Warnings, add_warning
from tagsync.manifest.document_reader import CsvSource, DocumentReader, FileContents
from tagsync.manifest.entry_store import EntryRow, EntryStore
from tagsync.manifest.error_list import ErrorList
from tagsync.manifest.fastpath import read_plain
from tagsync.manifest.files import Located, locate, locate_csv, locate_library, read, why_unreadable
from tagsync.manifest.vocabularies import Vocabularies, check_entries
from tagsync.manifest.yaml import PARSER, EventSource
from tagsync.model import (
    NO_VOCABULARY,
    Declaration,
    DesiredState,
    Diagnostic,
    GuardRule,
    ManifestRef,
    Origin,
    TestSpec,
    unpacked,
)
from tagsync.model.templates import is_field


def read_manifests(
    paths: Sequence[str],
    *,
    as_of: date | None = None,
    config: str | None = None,
    fetch_csv: Callable[[Path], None] | None = None,
    with_tests: bool = False,
    parser: Callable[[bytes], EventSource] = PARSER,
    plain: bool = True,
) -> DesiredState:
    """Read all manifests at the given paths.

    Args:
        paths: files, folders, or `-` for standard input.
        as_of: the day on which `until` is evaluated; None if nothing expires.
        config: the resolved path of the tagsync.yaml in use, which is not a manifest; None if there is none.
        fetch_csv: called with the path of a CSV file before it is read; None if all files are there.
        with_tests: whether to return the tests too; otherwise they are only checked.
        parser: the YAML parser; tests compare libyaml with PyYAML's own.
        plain: whether to use the fast path; tests compare with and without.

    Raises:
        ManifestError: with all errors in the manifests.
        UsageError: no paths.
    """
    run = _ManifestRun(parser, as_of, fetch_csv, with_tests=with_tests, plain=plain)
    for located in locate(paths, run.report_file, skip=config):
        run.read_file(located)
    vocabulary = run.vocabularies.combined()
    if vocabulary != NO_VOCABULARY:
        check_entries(run.entries, vocabulary, run.report)
    run.check()
    return DesiredState(
        entries=run.entries,
        manifests=tuple(run.manifests),
        accounts=tuple(run.accounts),
        diagnostics=tuple(run.warnings.values()),
        policy=tuple(run.policy),
        vocabulary=vocabulary,
        fields=frozenset(filter(is_field, run.names)),
        tests=tuple(run.tests),
    )


def read_policy(path: str, *, parser: Callable[[bytes], EventSource] = PARSER) -> DesiredState:
    """Read a file that contains only policies.

    Raises:
        ManifestError: it cannot be read, or contains something else.
    """
    found = read_manifests([path], parser=parser)
    if found.entries or found.vocabulary != NO_VOCABULARY or not found.policy:
        message = "this file must contain kind: Policy and nothing else: pass --policy a file with only policies"
        raise ManifestError((Diagnostic("error", "policy", message, Origin(path, 1, 1)),))
    return replace(
        found,
        policy=tuple(rule._replace(origin=rule.origin._replace(file=path)) for rule in found.policy),
        accounts=tuple((account, origin._replace(file=path)) for account, origin in found.accounts),
    )


class _ManifestRun:
    """The state of one run."""

    def __init__(
        self,
        parser: Callable[[bytes], EventSource],
        as_of: date | None,
        fetch_csv: Callable[[Path], None] | None,
        *,
        with_tests: bool,
        plain: bool,
    ) -> None:
        self.errors = ErrorList()
        self.entries = EntryStore(None if as_of is None else as_of.isoformat())
        self.manifests: list[ManifestRef] = []
        self.accounts: list[tuple[str, Origin]] = []
        self.policy: list[GuardRule] = []
        self.vocabularies = Vocabularies(self.report)
        self.warnings: Warnings = {}
        self.names = set[str]()
        self.tests: list[TestSpec] = []
        self._parser = parser
        self._fetch_csv = fetch_csv
        self._with_tests = with_tests
        self._plain = plain
        self._shown_as: dict[str, str] = {}

    def report_file(self, file: str, code: str, message: str) -> None:
        """Report an error about a file as a whole."""
        self.errors.add(Origin(file, 1, 1), code, message)

    def report(self, origin: Origin, code: str, message: str) -> None:
        """Report an error at a place in a manifest, with the file name that the user gave."""
        self.errors.add(origin._replace(file=self._shown_as[origin.file]), code, message)

    def check(self) -> None:
        """Check that there are no errors, as `ErrorList.check` does."""
        self.errors.check(self._shown_as)

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
            at = len(self.manifests)
            contents = self._read(located, data)
            # A test changes no plan, so it has no part in a plan's digest. CSV files come after their manifest.
            if not contents.is_only_tests:
                ref = ManifestRef(located.name, hashlib.sha256(data).hexdigest(), located.shown_as)
                self.manifests.insert(at, ref)
            self.accounts += contents.accounts
            self.names |= contents.names
            self.policy += contents.policy
            for spec in contents.vocabularies:
                self.vocabularies.add(spec, located.name)
            for diagnostic in sorted(contents.warnings.values(), key=lambda each: each.code == NEAR_LIMIT):
                add_warning(self.warnings, diagnostic)
            if self._with_tests:
                self.tests += (self._with_library(located, test) for test in contents.tests)

    def _read(self, located: Located, data: bytes) -> FileContents:
        """Read a file's entries into `entries`, and return its other contents."""
        if self._plain:
            contents = read_plain(located, data, parser=self._parser, entries=self.entries)
            if contents:
                return contents

        def take(defaults: Declaration, rows: list[EntryRow]) -> None:
            self.entries.extend(self.entries.add_document(located.name, defaults), rows)

        reader = DocumentReader(
            located, data, parser=self._parser, take=take, read_csv=partial(self._read_csv, located)
        )
        reader.read()
        self.errors.absorb(reader.errors)
        return reader.contents

    def _with_library(self, manifest: Located, test: TestSpec) -> TestSpec:
        """Return a test with the resolved path of its library, or report why it cannot be read."""
        if test.library is None:
            return test
        try:
            located = locate_library(manifest, test.library)
            read(located)
        except OSError as error:
            message = why_unreadable(error)
        except ValueError as error:
            message = str(error)
        else:
            return replace(test, library=str(located.path))
        self.report(unpacked(manifest.name, test.library_place), "library-file", f"{shown(test.library)}: {message}")
        return test

    def _read_csv(self, manifest: Located, source: CsvSource) -> None:
        """Read a CSV file that a manifest names."""
        try:
            located = locate_csv(manifest, source.path)
            assert located.path  # noqa: S101 - only standard input has none
            if self._fetch_csv:
                self._fetch_csv(located.path)
            data = read(located)
        except OSError as error:
            source.report("csv-file", f"{shown(source.path)}: {why_unreadable(error)}")
        except ValueError as error:
            source.report("csv-file", f"{shown(source.path)}: {error}")
        else:
            if located.name not in self._shown_as:
                self._shown_as[located.name] = located.shown_as
                self.manifests.append(ManifestRef(located.name, hashlib.sha256(data).hexdigest(), located.shown_as))
            document = self.entries.add_document(located.name, source.defaults, manifest.name)
            reader = CsvReader(located, data, separator=source.separator, check=source.check)
            for rows in reader.batches():
                self.entries.extend(document, rows)
            for warning in reader.warnings:
                add_warning(self.warnings, warning)
            self.errors.absorb(reader.errors)
