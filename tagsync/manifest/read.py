"""Manifests to the desired state: every document of every file, all faults in one run."""

import codecs
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import yaml

from tagsync.errors import ManifestError
from tagsync.manifest import rules, schema
from tagsync.manifest.accept import FastAccept
from tagsync.manifest.entries import NO_WISHES, entry_of, expired, places_of, settled, wishes_of, with_defaults
from tagsync.manifest.faults import Faults
from tagsync.manifest.parsers import PARSER, EventSource
from tagsync.manifest.policies import guard_rules
from tagsync.manifest.scalars import AMBIGUOUS
from tagsync.manifest.sources import STDIN, Located, locate, read
from tagsync.manifest.tree import GivenUpError, Map, TreeReader
from tagsync.manifest.vocabularies import Vocabularies, check_entries
from tagsync.model import (
    NO_VOCABULARY,
    DesiredState,
    Diagnostic,
    Entry,
    GuardRule,
    ManifestRef,
    Origin,
    Wishes,
    packed,
    unpacked,
)
from tagsync.printable import quoted, shown

API_VERSION = "tagsync/v1"

MAX_FAULTS = 10_000
"""Of a document with more faults nothing more is read: nobody needs to be told more, and finding them takes minutes."""

_CHUNK = 1 << 20

# All but what YAML 1.1 allows in a file.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

_JSON_SPACE = b" \t\r\n"
_SURROGATE_PAIR = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_FROM_PAIR_TO_QUOTE = re.compile(_SURROGATE_PAIR.pattern + rb'(?:[^"\\]|\\.)*+"?', re.DOTALL)

_MENDED_BY_DEFAULTS = frozenset({"declares-nothing", "over-limit"})
"""What cannot be said of an entry whose document's defaults cannot be read."""


def read_manifests(
    paths: Sequence[str], *, as_of: date | None = None, parser: Callable[[bytes], EventSource] = PARSER
) -> DesiredState:
    """Read all manifests that `paths` stand for.

    Args:
        paths: files, folders, or `-` for standard input.
        as_of: the day on which entries that end are judged; None to let none end.
        parser: the YAML parser; a parameter so that libyaml and PyYAML's own can be held against each other.

    Raises:
        ManifestError: with every fault there is.
        UsageError: no paths.
    """
    run = _Run(parser, as_of)
    for located in locate(paths, run.report_file):
        run.read_file(located)
    vocabulary = run.vocabularies.combined()
    check_entries(run.entries, vocabulary, run.report)
    if run.faults.count:
        kept = run.faults.first()
        raise ManifestError(kept, run.faults.count - len(kept))
    return DesiredState(
        entries=tuple(run.entries),
        manifests=tuple(run.manifests),
        accounts=tuple(run.accounts),
        diagnostics=tuple(run.warnings),
        policy=tuple(run.policy),
        vocabulary=vocabulary,
        defaults=tuple(run.defaults),
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

    def __init__(self, parser: Callable[[bytes], EventSource], as_of: date | None) -> None:
        self.parser = parser
        self.as_of = as_of
        self.accepts = FastAccept()
        self.faults = Faults()
        self.entries: list[Entry] = []
        self.manifests: list[ManifestRef] = []
        self.accounts: list[tuple[str, Origin]] = []
        self.policy: list[GuardRule] = []
        self.defaults: list[tuple[str, Wishes]] = []
        self.vocabularies = Vocabularies(self.report)
        self.warnings: list[Diagnostic] = []
        self._shown_as: dict[str, str] = {}
        self._seen_tags: set[str] = set()

    def report_file(self, file: str, code: str, message: str) -> None:
        self.faults.add(Origin(file, 1, 1), code, message)

    def report(self, origin: Origin, code: str, message: str) -> None:
        """Report a fault at the place of an entry or a word, the file named as the user did."""
        self.faults.add(origin._replace(file=self._shown_as[origin.file]), code, message)

    def read_file(self, located: Located) -> None:
        self._shown_as[located.name] = located.shown_as
        try:
            data = read(located)
        except OSError as error:
            self.report_file(located.shown_as, "unreadable", f"{error.strerror}: check the file and its permissions")
        except ValueError as error:
            self.report_file(located.shown_as, "unreadable", str(error))
        else:
            self.manifests.append(ManifestRef(located.name, hashlib.sha256(data).hexdigest(), located.shown_as))
            _File(self, located, data).read()

    def warn_of_commas(self, entry: Entry) -> None:
        """Warn once of each tag that an upload form or a tag filter would split."""
        tags = entry.wishes.tags
        if self._seen_tags.issuperset(tags.values):
            return
        for tag, place in zip(tags.values, tags.places, strict=True):
            if "," in tag and tag not in self._seen_tags:
                message = (
                    f"the tag {quoted(tag)} holds a comma: it cannot be set through upload forms, which split there"
                )
                self.warnings.append(Diagnostic("warning", "comma", message, entry.origin(place)))
        self._seen_tags.update(tags.values)


class _File:
    """Reads one file into a run.

    Faults name the file as the user did: no document tells a reader where the names of entries start.
    """

    def __init__(self, run: _Run, located: Located, data: bytes) -> None:
        self._run = run
        self._name = located.name
        self._shown_as = located.shown_as
        self._data = data
        self._faults = Faults()
        """The faults of the current document: dropped if it turns out to be no manifest at all."""
        self._last_fault_at = -1
        self._entries: list[Entry] = []
        self._days: dict[int, date] = {}
        """The days from which entries' tags are to be absent, by the entries' places."""

    def read(self) -> None:
        if self._is_utf8():
            try:
                self._read_documents()
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark or error.context_mark
                words = " ".join(filter(None, (error.context, error.problem)))
                self._fault(packed(mark.line, mark.column) if mark else 0, "yaml", f"not YAML: {shown(words, 200)}")
            except yaml.reader.ReaderError:
                self._report_no_character()
            except GivenUpError:
                pass  # why was reported; the rest of the file is not read
        self._run.faults.absorb(self._faults)

    def _read_documents(self) -> None:
        self._reader = TreeReader(
            self._run.parser(self._yaml()), self._fault, stream_at=("spec", "files"), item=self._entry
        )
        found = False
        for tree, place in self._reader.documents():
            if tree is not None:
                found = True
                self._document(tree, place)
        if not found:
            self._fault(0, "empty", "there is no document in this file: declare something or delete it")

    def _is_utf8(self) -> bool:
        """Check the encoding piece by piece: a whole decoded copy may take four times the file's size."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(self._data) + 1, _CHUNK):
            pending = len(decoder.getstate()[0])
            chunk = self._data[start : start + _CHUNK]
            try:
                decoder.decode(chunk, final=len(chunk) < _CHUNK)
            except UnicodeDecodeError as error:
                bad = start - pending + error.start
                line_start = self._data.rfind(b"\n", 0, bad) + 1
                column = len(self._data[line_start:bad].decode("utf-8-sig", "replace"))
                place = packed(self._data.count(b"\n", 0, bad), column)
                self._fault(place, "encoding", "there are bytes here that are not UTF-8: save the file as UTF-8")
                return False
        return True

    def _report_no_character(self) -> None:
        """Report the first character that YAML does not allow; its parsers say where that is each in its own way."""
        text = self._data.decode("utf-8-sig")
        found = _NO_CHARACTER.search(text)
        at = found.start() if found else 0
        place = packed(text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1)
        self._fault(place, "yaml", f"not YAML: the character U+{ord(text[at]):04X} is not allowed: remove it")

    def _yaml(self) -> bytes:
        """Return the bytes to parse: what JSON allows and YAML does not is put in YAML's way, in the same place."""
        body = self._data.removeprefix(codecs.BOM_UTF8).lstrip(_JSON_SPACE)
        if not (self._name.endswith(".json") or (self._name == STDIN and body.startswith(b"{"))):
            return self._data
        start = self._data[: len(self._data) - len(body)].replace(b"\t", b" ")
        return _FROM_PAIR_TO_QUOTE.sub(_joined_surrogates, start + body.rstrip(_JSON_SPACE))

    def _fault(self, place: int, code: str, message: str) -> None:
        self._faults.add(unpacked(self._shown_as, place), code, message)
        self._last_fault_at = max(self._last_fault_at, place)
        if self._faults.count == MAX_FAULTS:
            words = f"{MAX_FAULTS:,} faults: the rest of this file was not read"
            self._faults.add(unpacked(self._shown_as, self._last_fault_at), "too-many", words)
            raise GivenUpError

    def _entry(self, tree: Any, place: int) -> None:
        """Take one entry; one whose structure was already found faulty is only checked for more faults."""
        if isinstance(tree, Map) and "until" in tree:
            self._take_day(tree, place)
        if not self._run.accepts(tree):
            for verdict in schema.verdicts("entry", tree, place, self._reader.written):
                self._fault(*verdict)
        if self._last_fault_at < place:
            self._entries.append(entry_of(tree, self._name, place))

    def _take_day(self, tree: Map, place: int) -> None:
        """Take an entry's last day; unquoted it is no ambiguity here, where nothing but a day may stand."""
        at = tree.places["until"]
        if tree["until"] is AMBIGUOUS and _DAY.fullmatch(self._reader.written[at]):
            tree["until"] = self._reader.written.pop(at)
        text = tree["until"]
        if isinstance(text, str) and _DAY.fullmatch(text):
            try:
                self._days[place] = date.fromisoformat(text)
            except ValueError:
                self._fault(at, "day", f"{text} is no day of the calendar: write one as YYYY-MM-DD")

    def _document(self, tree: Any, place: int) -> None:
        """Finish a document: its entries have been read, its defaults may have stood behind them."""
        entries, self._entries = self._entries, []
        stranger = _stranger(tree)
        if stranger:
            self._faults = Faults()
            self._fault(place, "not-a-manifest", stranger)
        else:
            kind: schema.Kind = tree["kind"]
            found = list(schema.verdicts(kind, tree, place, self._reader.written))
            for verdict in found:
                self._fault(*verdict)
            if kind == "TagSet":
                self._take(tree, entries)
            elif not found and kind == "Policy":
                self._run.policy.extend(guard_rules(tree["spec"], self._name))
            elif not found:
                self._check_names(tree["spec"].get("renames", Map()))
                self._run.vocabularies.take(tree["spec"], self._name)
            self._take_account(tree)
        self._days.clear()
        self._run.faults.absorb(self._faults)
        self._faults = Faults()

    def _take(self, tree: Map, entries: list[Entry]) -> None:
        spec = tree.get("spec")
        defaults = spec.get("defaults", Map()) if isinstance(spec, Map) else None
        is_valid = schema.is_valid("defaults", defaults)
        wishes = wishes_of(defaults) if defaults and is_valid else NO_WISHES
        self._run.defaults.append((self._name, wishes))
        # What is wrong in the defaults themselves comes up in every entry, and is said once.
        shared = places_of(wishes)
        reported: set[rules.Fault] = set()
        for bare in entries:
            entry = settled(with_defaults(bare, wishes))
            for fault in rules.faults_of(entry):
                if fault in reported or (not is_valid and fault.code in _MENDED_BY_DEFAULTS):
                    continue
                self._fault(*fault)
                if fault.place in shared:
                    reported.add(fault)
            self._run.warn_of_commas(entry)
            day = self._days.get(bare.place)
            if day and self._run.as_of and self._run.as_of >= day:
                entry = expired(entry, bare.wishes.tags)
            self._run.entries.append(entry)

    def _check_names(self, renames: Map) -> None:
        """Hold old names to what holds for every text: keys are read as they are written."""
        for name, place in renames.key_places.items():
            if place in self._reader.ambiguous_keys:
                words = f'{shown(name, 60)} may be read as something other than text: quote it, "{shown(name, 60)}"'
                self._fault(place, "quote", words)
            elif not name:
                self._fault(place, "empty", "the old name is empty: write one, or take this out")

    def _take_account(self, tree: Map) -> None:
        account = tree["metadata"].get("account") if isinstance(tree.get("metadata"), Map) else None
        if isinstance(account, str):
            self._run.accounts.append((account, unpacked(self._name, tree["metadata"].places["account"])))


def _stranger(tree: Any) -> str | None:
    """Say why a document is none of tagsync's; None if it is one."""
    if not isinstance(tree, Map):
        return f"a manifest is a mapping that starts with apiVersion: {API_VERSION} and kind: TagSet; this is not one"
    if "formatVersion" in tree:
        return "this is a saved plan or report, not a manifest: look at it with tagsync show"
    version, kind = tree.get("apiVersion"), tree.get("kind")
    if version != API_VERSION:
        return f"this document has {_had('apiVersion', version)}: a manifest starts with apiVersion: {API_VERSION}"
    if kind not in schema.KINDS:
        return f"this document has {_had('kind', kind)}: kinds are {', '.join(schema.KINDS)}"
    return None


def _had(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    return f"{key} {quoted(value)}" if isinstance(value, str) else f"no {key} that is text"


def _joined_surrogates(match: re.Match[bytes]) -> bytes:
    """Put each pair up to the closing quote as one escape; spaces behind the quote keep the columns after it."""
    text = _SURROGATE_PAIR.sub(_joined_pair, match[0])
    return text + b" " * (len(match[0]) - len(text))


def _joined_pair(match: re.Match[bytes]) -> bytes:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + b"\\U%08x" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
