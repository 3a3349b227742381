"""One manifest to rows by the YAML parser, with every fault that it has; not how files come together."""

import codecs
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import yaml

from tagsync.escape import quoted, shown
from tagsync.manifest import schema
from tagsync.manifest.accept import FastAccept
from tagsync.manifest.contents import Check, Contents, Sheet
from tagsync.manifest.entries import NO_WISHES, entry_of, wishes_of
from tagsync.manifest.faults import Faults
from tagsync.manifest.files import STDIN, Located
from tagsync.manifest.notes import notes_of_vocabulary
from tagsync.manifest.parsers import EventSource
from tagsync.manifest.policies import guard_rules
from tagsync.manifest.rows import Row, Unfolding, row_of
from tagsync.manifest.rules import Fault
from tagsync.manifest.scalars import AMBIGUOUS
from tagsync.manifest.tree import GivenUpError, Map, TreeReader
from tagsync.model import packed, unpacked

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


class FileReader:
    """Reads one file into a run.

    Faults name the file as the user did: no document tells a reader where the names of entries start.

    Args:
        located: the file, for its names.
        data: its bytes.
        parser: the YAML parser.
        accepts: tells plainly valid entries.
        take: takes the rows of each document; they number its documents from 0.
    """

    def __init__(
        self,
        located: Located,
        data: bytes,
        *,
        parser: Callable[[bytes], EventSource],
        accepts: FastAccept,
        take: Callable[[list[Row]], None],
    ) -> None:
        self.contents = Contents()
        self.faults = Faults()
        self._name = located.name
        self._shown_as = located.shown_as
        self._data = data
        self._parser = parser
        self._accepts = accepts
        self._take_rows = take
        self._found = Faults()
        """The faults of the current document: dropped if it turns out to be no manifest at all."""
        self._last_fault_at = -1
        self._rows: list[Row] = []
        self._days: dict[int, date] = {}
        """The days from which entries' tags are to be absent, by the entries' places."""

    def read(self) -> None:
        """Read the file into `contents` and `faults`."""
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
        self.faults.absorb(self._found)

    def _read_documents(self) -> None:
        self._reader = TreeReader(
            self._parser(self._yaml()), self._fault, stream_at=("spec", "files"), item=self._entry
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
        self._found.add(unpacked(self._shown_as, place), code, message)
        self._last_fault_at = max(self._last_fault_at, place)
        if self._found.count == MAX_FAULTS:
            words = f"{MAX_FAULTS:,} faults: the rest of this file was not read"
            self._found.add(unpacked(self._shown_as, self._last_fault_at), "too-many", words)
            raise GivenUpError

    def _entry(self, tree: Any, place: int) -> None:
        """Take one entry; one whose structure was already found faulty is only checked for more faults."""
        until = self._day(tree) if isinstance(tree, Map) and "until" in tree else None
        if not self._accepts(tree):
            for verdict in schema.verdicts("entry", tree, place, self._reader.written):
                self._fault(*verdict)
        if self._last_fault_at < place:
            self._rows.append(row_of(entry_of(tree, self._name, place), len(self.contents.sheets), until))

    def _day(self, tree: Map) -> date | None:
        """Return an entry's last day; unquoted it is no ambiguity here, where nothing but a day may stand."""
        at = tree.places["until"]
        if tree["until"] is AMBIGUOUS and _DAY.fullmatch(self._reader.written[at]):
            tree["until"] = self._reader.written.pop(at)
        text = tree["until"]
        if isinstance(text, str) and _DAY.fullmatch(text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self._fault(at, "day", f"{text} is no day of the calendar: write one as YYYY-MM-DD")
        return None

    def _document(self, tree: Any, place: int) -> None:
        """Finish a document: its entries have been read, its defaults may have stood behind them."""
        rows, self._rows = self._rows, []
        stranger = _stranger(tree)
        if stranger:
            self._found = Faults()
            self._fault(place, "not-a-manifest", stranger)
        else:
            kind: schema.Kind = tree["kind"]
            found = list(schema.verdicts(kind, tree, place, self._reader.written))
            for verdict in found:
                self._fault(*verdict)
            if kind == "TagSet":
                self._take(tree, rows)
            elif not found and kind == "Policy":
                self.contents.policy.extend(guard_rules(tree["spec"], self._name))
            elif not found:
                self._check_names(tree["spec"].get("renames", Map()))
                self.contents.vocabularies.append(tree["spec"])
                for note, at in notes_of_vocabulary(tree["spec"]):
                    self.contents.notes.setdefault(note, at)
            self._take_account(tree)
        self.faults.absorb(self._found)
        self._found = Faults()

    def _take(self, tree: Map, rows: list[Row]) -> None:
        spec = tree.get("spec")
        spec = spec if isinstance(spec, Map) else Map()
        defaults = spec.get("defaults", Map())
        is_valid = schema.is_valid("defaults", defaults)
        wishes = wishes_of(defaults) if defaults and is_valid else NO_WISHES

        def report(fault: Fault) -> None:
            if is_valid or fault.code not in _MENDED_BY_DEFAULTS:
                self._fault(*fault)

        unfold = Unfolding({len(self.contents.sheets): (self._name, wishes)})
        self.contents.sheets.append(Sheet(wishes, spec.key_places.get("files")))
        Check(unfold, wishes, self.contents, report)(rows)
        self._take_rows(rows)

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
            self.contents.accounts.append((account, tree["metadata"].places["account"]))


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
