"""Read the documents of one manifest with the YAML parser, and report every error."""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

import yaml

from tagsync.escape import quoted
from tagsync.manifest import schema
from tagsync.manifest.checks import check_vocabulary
from tagsync.manifest.document_check import DocumentCheck, Warnings, add_warning
from tagsync.manifest.encoding import NOT_UTF8, json_as_yaml, no_yaml_character, not_utf8_at, starts_as_json
from tagsync.manifest.entries import defaults_of
from tagsync.manifest.entry_rows import read_row
from tagsync.manifest.entry_store import EntryRow
from tagsync.manifest.error_list import MAX_ERRORS, SHOWN_ERRORS, ErrorList
from tagsync.manifest.files import CONFIG_NAME, STDIN, Located
from tagsync.manifest.hints import listed, not_text, similar_key
from tagsync.manifest.tests import check_test, take_dates, test_of
from tagsync.manifest.yaml import EventSource, GivenUpError, Map, Seq, TreeReader
from tagsync.manifest.yaml_errors import comment_after, explain
from tagsync.model import Declaration, Diagnostic, GuardId, GuardRule, Origin, TestSpec, unpacked
from tagsync.model.cells import DEFAULT_SEPARATOR

API_VERSION = "tagsync/v1"

_FIXED_BY_DEFAULTS = frozenset({"declares-nothing", "over-limit"})
"""Errors that an entry may no longer have once its document's defaults, or keys at the wrong level, are fixed."""


class CsvSource(NamedTuple):
    """A CSV file that a TagSet names in `filesFrom`, and what its rows share."""

    path: str
    separator: str
    defaults: Declaration
    check: DocumentCheck
    report: Callable[[str, str], None]
    """Report an error (code and message) at the place of the name."""


@dataclass(slots=True)
class FileContents:
    """The contents of a manifest apart from its entries, in their order.

    Attributes:
        files_at: the place of the key `files` in each TagSet; None if it is missing.
        csv_at: the place of each CSV file's name in a TagSet.
        accounts: the accounts that documents name, with their places.
        warnings: warnings and notices.
        policy: the limits that policies set.
        vocabularies: the `spec` of each vocabulary.
        configs: each `kind: Config` document, and where it starts.
        tests: the tests.
        names: the names that templates use.
    """

    files_at: list[int | None] = field(default_factory=list)
    csv_at: list[int] = field(default_factory=list)
    accounts: list[tuple[str, Origin]] = field(default_factory=list)
    warnings: Warnings = field(default_factory=dict)
    policy: list[GuardRule] = field(default_factory=list)
    vocabularies: list[Map] = field(default_factory=list)
    configs: list[tuple[Map, int]] = field(default_factory=list)
    tests: list[TestSpec] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    @property
    def is_only_tests(self) -> bool:
        """Whether all documents are tests."""
        return bool(self.tests) and not (self.files_at or self.policy or self.vocabularies)


class DocumentReader:
    """Read the documents of one file into `contents` and `errors`.

    Args:
        located: the file, for its names.
        data: its bytes.
        parser: the YAML parser.
        take: called with the defaults and the entries of each TagSet.
        read_csv: called for each CSV file that a TagSet names, after `take`.
        is_config: whether the file must contain `kind: Config` instead of what manifests contain.
    """

    def __init__(
        self,
        located: Located,
        data: bytes,
        *,
        parser: Callable[[bytes], EventSource],
        take: Callable[[Declaration, list[EntryRow]], None],
        read_csv: Callable[[CsvSource], None] = lambda _: None,
        is_config: bool = False,
    ) -> None:
        self.contents = FileContents()
        self.errors = ErrorList()
        self._name = located.name
        self._shown_as = located.shown_as
        self._data = data
        self._parser = parser
        self._take = take
        self._read_csv = read_csv
        self._is_config = is_config
        self._found = ErrorList()
        """The errors of the current document: replaced by one if it turns out not to be a manifest."""
        self._last_error_at = -1
        self._rows: list[EntryRow] = []
        self._empty = 0
        """The number of empty values."""

    def read(self) -> None:
        """Read the file."""
        if self._is_utf8():
            try:
                self._read_documents()
            except yaml.MarkedYAMLError as error:
                place, message = explain(error, self._data)
                self._found.forget(unpacked("", place).line)
                self._report(place, "yaml", message)
            except yaml.reader.ReaderError:
                self._report(*no_yaml_character(self._data))
            except GivenUpError:
                pass  # why was reported; the rest of the file is not read
        self.errors.absorb(self._found)

    def _read_documents(self) -> None:
        self._reader = TreeReader(
            self._parser(self._yaml()),
            self._report,
            stream_at=("spec", "files"),
            item=self._entry,
            comment_at=self._comment_at,
        )
        found = False
        for tree, place in self._reader.documents():
            if tree is not None:
                found = True
                self._document(tree, place)
        if not found:
            subject = "settings" if self._is_config else "a manifest"
            self._report(0, "empty", f"this file is empty: add {subject}, or delete the file")

    def _comment_at(self, line: int, column: int) -> str:
        # Most empty values are errors, and finding a line in a large file takes time.
        self._empty += 1
        return comment_after(self._data, line, column) if self._empty <= SHOWN_ERRORS else ""

    def _is_utf8(self) -> bool:
        place = not_utf8_at(self._data)
        if place is not None:
            self._report(place, "encoding", NOT_UTF8)
        return place is None

    def _yaml(self) -> bytes:
        is_json = self._name.endswith(".json") or (self._name == STDIN and starts_as_json(self._data))
        return json_as_yaml(self._data) if is_json else self._data

    def _report(self, place: int, code: str, message: str) -> None:
        self._found.add(unpacked(self._shown_as, place), code, message)
        self._last_error_at = max(self._last_error_at, place)
        if self._found.count == MAX_ERRORS:
            message = f"{MAX_ERRORS:,} errors: the rest of this file was not read"
            self._found.add(unpacked(self._shown_as, self._last_error_at), "too-many", message)
            raise GivenUpError

    def _entry(self, tree: Any, place: int) -> None:
        """Read one entry. If its structure has errors, only check it for more."""
        row = read_row(tree, place, self._reader.written, self._report)
        if self._last_error_at < place:  # else the entry has an error
            assert row, "the schema must explain why the rule was refused"  # noqa: S101 - checked by a property test
            self._rows.append(row)

    def _document(self, tree: Any, place: int) -> None:
        """Finish a document after its entries were read: its defaults may come after them."""
        rows, self._rows = self._rows, []
        stranger = _stranger(tree, is_config=self._is_config)
        if stranger:
            # Other errors would be about something that was never meant as a manifest.
            self._found = ErrorList()
            self._report(place, "not-a-manifest", stranger)
        else:
            kind: schema.Definition = tree["kind"]
            if kind == "Test":
                take_dates(tree, self._reader.written)
            errors = list(schema.errors(kind, tree, place, self._reader.written))
            for error in errors:
                self._report(*error)
            if kind == "TagSet":
                self._finish_entries(tree, rows, may_lack_keys=any(code == "unknown-key" for _, code, _ in errors))
            # After another error, a value may be `REFUSED`, about which `schema.errors` says nothing more.
            elif not self._found.count or schema.is_valid(kind, tree):
                self._finish(kind, tree, place)
            account = tree["metadata"].get("account") if isinstance(tree.get("metadata"), Map) else None
            if isinstance(account, str):
                origin = unpacked(self._name, tree["metadata"].places["account"])
                self.contents.accounts.append((account, origin))
        self.errors.absorb(self._found)
        self._found = ErrorList()

    def _finish(self, kind: schema.Definition, tree: Map, place: int) -> None:
        """Take the contents of a valid document without entries."""
        if kind == "Policy":
            self._add_policy(tree["spec"]["guards"])
        elif kind == "Config":
            self._check_names(tree.get("environments", Map()), "name of the environment")
            self.contents.configs.append((tree, place))
        elif kind == "Test":
            for _, code, message, at in check_test(tree):
                self._report(at, code, message)
            self.contents.tests.append(test_of(tree, place, self._shown_as))
        else:
            self._add_vocabulary(tree["spec"])

    def _finish_entries(self, tree: Map, rows: list[EntryRow], *, may_lack_keys: bool) -> None:
        spec = tree.get("spec")
        spec = spec if isinstance(spec, Map) else Map()
        tree, values = spec.get("defaults", Map()), spec.get("values", Map())
        is_valid, values_are_valid = schema.is_valid("defaults", tree), schema.is_valid("values", values)
        for table in values.values() if values_are_valid else ():
            self._check_names(table, "value")
        defaults = defaults_of(tree if is_valid else Map(), values if values_are_valid else Map())

        def report(place: int, code: str, message: str) -> None:
            if code not in _FIXED_BY_DEFAULTS or (is_valid and not may_lack_keys):
                self._report(place, code, message)

        self.contents.files_at.append(spec.key_places.get("files"))
        check = DocumentCheck(self._name, defaults, self.contents.warnings, report)
        check(rows)
        self._take(defaults, rows)
        self._read_csv_files(spec, defaults, check)
        self.contents.names |= check.finish()

    def _read_csv_files(self, spec: Map, defaults: Declaration, check: DocumentCheck) -> None:
        paths, separator = spec.get("filesFrom", Seq()), spec.get("listSeparator", DEFAULT_SEPARATOR)
        if (
            not isinstance(paths, Seq)
            or not schema.is_valid("filesFrom", paths)
            or not schema.is_valid("listSeparator", separator)
        ):
            return  # missing, or reported as an error
        for path, place in zip(paths, paths.places, strict=True):
            self.contents.csv_at.append(place)
            report = partial(self._report, place)
            self._read_csv(CsvSource(path, separator, defaults, check, report))

    def _add_policy(self, guards: Map) -> None:
        for name, figures in guards.items():
            origin = unpacked(self._name, guards.key_places[name])
            above = figures.get("above")
            # JSON Schema accepts 1.0 as a whole number, but equal policies must have equal digests.
            above = None if above is None else int(above)
            self.contents.policy.append(GuardRule(GuardId(name), above, figures.get("percent"), origin))

    def _add_vocabulary(self, spec: Map) -> None:
        self._check_names(spec.get("renames", Map()), "old name")
        self.contents.vocabularies.append(spec)
        for finding in check_vocabulary(spec):
            diagnostic = Diagnostic(*finding[:3], unpacked(self._name, finding.place))
            add_warning(self.contents.warnings, diagnostic)

    def _check_names(self, names: Map, what: str) -> None:
        """Check keys that are texts like other texts; the parser returns keys as written."""
        for name, place in names.key_places.items():
            if place in self._reader.ambiguous_keys:
                self._report(place, "quote", not_text(name))
            elif not name:
                self._report(place, "empty", f"the {what} is empty: write one, or remove this line")


def _stranger(tree: Any, *, is_config: bool) -> str | None:
    """Return why a document does not belong in the file; None if it does."""
    subject, kinds = (CONFIG_NAME, ("Config",)) if is_config else ("a manifest", schema.KINDS)
    starts = f"{subject} starts with apiVersion: {API_VERSION}"
    if not isinstance(tree, Map):
        return f"this is not {'a configuration' if is_config else subject}: {starts} and kind: {kinds[0]}"
    if "formatVersion" in tree:
        return "this is a saved plan or report, not a manifest: move it to another folder, or view it with tagsync show"
    version, kind = tree.get("apiVersion"), tree.get("kind")
    if version != API_VERSION:
        return _renamed(tree, "apiVersion") or f"this YAML document has {_had('apiVersion', version)}: {starts}"
    return None if kind in kinds else _renamed(tree, "kind") or _wrong_kind(kind, is_config=is_config)


def _renamed(tree: Map, key: str) -> str | None:
    """Return which key is probably a misspelling of a missing one."""
    similar = [] if key in tree else [each for each in tree if similar_key(each, [key])]
    return f"this YAML document has {quoted(similar[0])} instead of {key}: rename the key" if similar else None


def _wrong_kind(kind: Any, *, is_config: bool) -> str:
    if is_config:
        return f"this YAML document has {_had('kind', kind)}: write kind: Config, and put manifests in other files"
    if kind == "Config":
        return (
            "kind: Config belongs in tagsync.yaml, in the folder where you run tagsync or above it in the same git "
            "repository: move it there, or leave this file out"
        )
    known = {name.lower(): name for name in schema.KINDS}
    close = get_close_matches(kind.lower(), known, n=1) if isinstance(kind, str) else []
    hint = f"did you mean {known[close[0]]}?" if close else f"write {listed(schema.KINDS)}"
    return f"this YAML document has {_had('kind', kind)}: {hint}"


def _had(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    article = "an" if key == "apiVersion" else "a"
    return f"{key} {quoted(value)}" if isinstance(value, str) else f"{article} {key} that is not text"
