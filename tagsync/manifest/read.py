"""Manifests to the desired state: every document of every file, all faults in one run."""

import codecs
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tagsync.errors import ManifestError
from tagsync.manifest import rules, schema
from tagsync.manifest.accept import FastAccept
from tagsync.manifest.entries import NO_WISHES, entry_of, settled, wishes_of, with_defaults
from tagsync.manifest.faults import Faults
from tagsync.manifest.sources import Located, locate, read
from tagsync.manifest.tree import PARSER, EventSource, Map, TooDeepError, TreeReader
from tagsync.model import DesiredState, Diagnostic, Entry, ManifestRef, Origin, packed, unpacked
from tagsync.printable import quoted, shown

API_VERSION = "tagsync/v1"
LATER_KINDS = ("Policy", "Vocabulary")
_CHUNK = 1 << 20

_SURROGATE_PAIR = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def read_manifests(paths: Sequence[str], *, parser: Callable[[bytes], EventSource] = PARSER) -> DesiredState:
    """Read all manifests that `paths` stand for.

    Args:
        paths: files, folders, or `-` for standard input.
        parser: the YAML parser; a parameter so that libyaml and PyYAML's own can be held against each other.

    Raises:
        ManifestError: with every fault there is.
        UsageError: no paths.
    """
    run = _Run(parser)
    for located in locate(paths, run.report_file):
        run.read_file(located)
    if run.faults.count:
        kept = run.faults.first()
        raise ManifestError(tuple(map(run.shown, kept)), run.faults.count - len(kept))
    return DesiredState(
        entries=tuple(run.entries),
        manifests=tuple(run.manifests),
        accounts=tuple(run.accounts),
        diagnostics=tuple(run.warnings),
    )


class _Run:
    """What one run has read so far."""

    def __init__(self, parser: Callable[[bytes], EventSource]) -> None:
        self.parser = parser
        self.accepts = FastAccept()
        self.faults = Faults()
        self.entries: list[Entry] = []
        self.manifests: list[ManifestRef] = []
        self.accounts: list[tuple[str, Origin]] = []
        self.warnings: list[Diagnostic] = []
        self._shown_as: dict[str, str] = {}
        self._seen_tags: set[str] = set()

    def shown(self, fault: Diagnostic) -> Diagnostic:
        """Return a fault that names its file as the user did: no document tells a reader where names start."""
        origin = fault.origin
        return fault._replace(origin=origin and origin._replace(file=self._shown_as.get(origin.file, origin.file)))

    def report_file(self, file: str, code: str, message: str) -> None:
        self.faults.add(Origin(file, 1, 1), code, message)

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
    """Reads one file into a run."""

    def __init__(self, run: _Run, located: Located, data: bytes) -> None:
        self._run = run
        self._name = located.name
        self._data = data
        self._faults = Faults()
        """The faults of the current document: dropped if it turns out to be no manifest at all."""
        self._faults_before_item = 0
        self._entries: list[Entry] = []

    def read(self) -> None:
        if self._is_utf8():
            try:
                self._read_documents()
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark or error.context_mark
                words = " ".join(filter(None, (error.context, error.problem)))
                self._fault(packed(mark.line, mark.column) if mark else 0, "yaml", f"not YAML: {shown(words, 200)}")
            except yaml.reader.ReaderError as error:
                words = f"{shown(str(error.reason), 200)} at position {error.position}"
                self._fault(0, "yaml", f"not YAML: {words}: remove the character there")
            except TooDeepError:
                pass  # reported where it began; the rest of the file is not read
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
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        start = 0
        for start in range(0, len(self._data) + 1, _CHUNK):
            pending = len(decoder.getstate()[0])
            chunk = self._data[start : start + _CHUNK]
            try:
                decoder.decode(chunk, final=len(chunk) < _CHUNK)
            except UnicodeDecodeError as error:
                bad = start - pending + error.start
                line_start = self._data.rfind(b"\n", 0, bad) + 1
                column = len(self._data[line_start:bad].decode("utf-8", "replace"))
                place = packed(self._data.count(b"\n", 0, bad), column)
                self._fault(place, "encoding", "there are bytes here that are not UTF-8: save the file as UTF-8")
                return False
        return True

    def _yaml(self) -> bytes:
        """Return the bytes to parse: JSON's surrogate pairs, which YAML does not know, each put as one escape."""
        if not self._name.endswith(".json"):
            return self._data
        return _SURROGATE_PAIR.sub(_joined_surrogates, self._data.replace(b"\t", b" "))

    def _fault(self, place: int, code: str, message: str) -> None:
        self._faults.add(unpacked(self._name, place), code, message)

    def _entry(self, tree: Any, place: int) -> None:
        """Take one entry; one whose structure was already found faulty is only checked for more faults."""
        broken = self._faults.count > self._faults_before_item
        if not self._run.accepts(tree):
            before = self._faults.count
            for verdict in schema.verdicts("entry", tree, place, self._reader.written):
                self._fault(*verdict)
            broken = broken or self._faults.count > before
        if not broken:
            self._entries.append(entry_of(tree, self._name, place))
        self._faults_before_item = self._faults.count

    def _document(self, tree: Any, place: int) -> None:
        """Finish a document: its entries have been read, its defaults may have stood behind them."""
        entries, self._entries = self._entries, []
        stranger = _stranger(tree)
        if stranger:
            self._faults = Faults()
            self._fault(place, "not-a-manifest", stranger)
        else:
            for verdict in schema.verdicts("document", tree, place, self._reader.written):
                self._fault(*verdict)
            self._take(tree, entries)
        self._run.faults.absorb(self._faults)
        self._faults = Faults()
        self._faults_before_item = 0

    def _take(self, tree: Map, entries: list[Entry]) -> None:
        spec = tree.get("spec")
        defaults = spec.get("defaults", Map()) if isinstance(spec, Map) else None
        if not schema.is_valid("defaults", defaults):
            return
        wishes = wishes_of(defaults) if defaults else NO_WISHES
        for bare in entries:
            entry = settled(with_defaults(bare, wishes))
            for fault in rules.faults_of(entry):
                self._faults.add(*fault)
            self._run.warn_of_commas(entry)
            self._run.entries.append(entry)
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
        had = "no apiVersion" if version is None else f"apiVersion {quoted(str(version))}"
        return f"this document has {had}: a manifest starts with apiVersion: {API_VERSION}"
    if kind in LATER_KINDS:
        return f"kind {kind} comes in a later version of tagsync: take this document out for now"
    if kind != "TagSet":
        had = "no kind" if kind is None else f"kind {quoted(str(kind))}"
        return f"this document has {had}: this version reads kind: TagSet"
    return None


def _joined_surrogates(match: re.Match[bytes]) -> bytes:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + b"\\U%08x" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
