"""Match files with the entries that select by glob or query; `entry_index` finds the others."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from tagsync.escape import quoted
from tagsync.globs import capture_glob, literal_prefix, path_matcher
from tagsync.model import ByMatch, CurrentFile, Diagnostic, Entry, Level, NumberedEntry, Vocabulary, counted, folded
from tagsync.planning.folder_hint import FolderHint, Folders
from tagsync.planning.protections import Matches, finding, is_protected, watched_path
from tagsync.planning.templates import EntryTemplates, InvalidValues

Answers = Mapping[str, Container[str]]
"""The IDs of the files that each searchQuery found."""


class UnusedExcept:
    """An exception that left out no file of its rule: whether it matches any other, and if not, what it may mean.

    Attributes:
        pattern: its glob.
        folder: what finds the folder that it may mean.
        is_found: whether it matches a file; None before the first one.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.folder = FolderHint(pattern)
        self.is_found: bool | None = None
        self._matches = path_matcher(pattern)

    def note(self, path: str, key: str) -> None:
        """Look at a file; `key` is its folded path."""
        if not self.is_found:
            self.is_found = bool(self._matches(path))
            self.folder.note(path, key)


class EntryMatch:
    """An entry that selects by glob, query or both, and the number of files that it selected."""

    __slots__ = (
        "_answer",
        "_captures",
        "_excepts",
        "_matches",
        "_templates",
        "_unused",
        "count",
        "entry",
        "folder",
        "number",
        "prefix",
        "query",
        "twin",
    )

    def __init__(
        self, number: int, entry: Entry, answers: Answers, vocabulary: Vocabulary, invalid: InvalidValues
    ) -> None:
        selector = entry.selector
        assert isinstance(selector, ByMatch)  # noqa: S101 - the index keeps kinds apart; tells mypy
        self.number = number
        self.entry = entry
        self.count = 0
        self.twin: str | None = None
        """A path that the glob would match if case and Unicode form were ignored, if the rule selects nothing."""
        self.folder: FolderHint | None = None
        """What to write instead of the glob, likewise."""
        self.query = selector.query
        self.prefix = literal_prefix(selector.glob) if selector.glob is not None else ""
        captures = capture_glob(selector.glob) if selector.glob is not None and "{" in selector.glob else None
        # A glob without captures may be matched without an expression.
        self._captures = captures.match if captures and captures.names else None
        self._matches = path_matcher(selector.glob) if selector.glob is not None and not self._captures else None
        self._templates = (
            None
            if entry.declaration.templating is None
            else EntryTemplates(entry.declaration, captures.names if captures else (), vocabulary, invalid)
        )
        self._excepts = {pattern: watched_path(pattern) for pattern in selector.excepts}
        self._unused: list[UnusedExcept] = []
        self._answer = None if selector.query is None else answers.get(selector.query, frozenset[str]())

    def captured(self, file: CurrentFile) -> tuple[str, ...] | None:
        """Return what is captured in the path of a file that starts with the prefix; None if it is not selected.

        A selected file is counted.
        """
        path = file.path
        texts: tuple[str, ...] = ()
        if self._captures is not None:
            found = self._captures(path)
            if found is None:
                return None
            texts = found.groups()
        elif self._matches is not None and not self._matches(path):
            return None
        if self._answer is not None and file.file_id not in self._answer:
            return None
        if self._excepts and is_protected(path, self._excepts.values()):
            return None
        self.count += 1
        return texts

    def filled_in(self, file: CurrentFile, captured: tuple[str, ...]) -> Entry:
        """Return the entry with its templates filled in for a selected file."""
        return self.entry if self._templates is None else self._templates.filled_in(self.entry, file, captured)

    def leaves_out(self, file: CurrentFile) -> str | None:
        """Return the exception that leaves out a file which the rule would select without it; None if none does."""
        path, matches = file.path, self._captures or self._matches
        if (matches and not matches(path)) or (self._answer is not None and file.file_id not in self._answer):
            return None
        return next((pattern for pattern in self._excepts if path_matcher(pattern)(path)), None)

    def findings(self, refusal: str | None, folders: Folders) -> Iterator[Diagnostic]:
        """Yield problems with the entry's query, count and exceptions, after the last file.

        Args:
            refusal: ImageKit's message if it refused the query.
            folders: those of the library, if any rule selects nothing.
        """
        if refusal:
            message = f"the query of this rule failed, so correct it. {refusal}"
            yield Diagnostic("error", "query", message, self.entry.origin())
        else:
            count, expect = self.count, self.entry.declaration.expect
            least = expect.min if expect else None
            if expect and not ((least or 0) <= count and (expect.max is None or count <= expect.max)):
                found = counted(count, "file")
                wanted = f"at least {least}" if expect.max is None else f"{least or 0} to {expect.max}"
                message = f"this rule selects {found}, expected {wanted}: check the selector, or change expect"
                yield Diagnostic("error", "expect", message, self.entry.origin(expect.place))
            elif count == 0 and not (expect and 0 in (expect.min, expect.max)):
                folder = self.folder.words(folders) if self.folder else ""
                message = f"this rule selects no file: {folder or self._twin_words() or self._what_to_do()}"
                yield Diagnostic("warning", "selects-nothing", message, self.entry.origin())
        for pattern, watch in self._excepts.items():
            if watch.twin is not None:
                yield finding("except", pattern, watch.twin, self.entry.origin())
        yield from (self._unused_finding(unused, folders) for unused in self._unused if unused.is_found is False)

    def _unused_finding(self, unused: "UnusedExcept", folders: Folders) -> Diagnostic:
        inside = f"{unused.folder.meant(folders)}x"
        is_left_out = any(watch.is_used and watch.matches(inside) for watch in self._excepts.values())
        hint = "" if is_left_out else unused.folder.words(folders)
        level: Level = "warning" if hint else "info"
        message = f"except {quoted(unused.pattern, 200)} matches no file: {hint or 'check it, or remove it'}"
        return Diagnostic(level, "protects-nothing", message, self.entry.origin())

    def unused_excepts(self) -> Sequence["UnusedExcept"]:
        """Return the exceptions that have left out no file, to compare them with all files; none if idle."""
        unused = (pattern for pattern, watch in self._excepts.items() if not watch.is_used and watch.twin is None)
        self._unused = list(map(UnusedExcept, unused)) if self.count else []
        return self._unused

    def alike(self) -> Matches | None:
        """Return what matches folded paths, to find out whether only the case is wrong; None if the rule needs none."""
        selector = self.entry.selector
        assert isinstance(selector, ByMatch)  # noqa: S101 - as in __init__
        if self.count or selector.glob is None or selector.query is not None:
            return None
        self.folder = FolderHint(selector.glob)
        return self._matcher(folded(_across_folders(selector.glob)))

    def _matcher(self, glob: str) -> Matches:
        return path_matcher(glob) if self._captures is None else capture_glob(glob).match

    def _twin_words(self) -> str:
        selector = self.entry.selector
        if self.twin is None or not isinstance(selector, ByMatch) or not selector.glob:
            return ""
        if not self._matcher(folded(selector.glob))(folded(self.twin)):
            wider = quoted(_across_folders(selector.glob), 200)
            return f"its glob leaves out folders below, such as that of {quoted(self.twin, 200)}; did you mean {wider}?"
        return f"its glob matches {quoted(self.twin, 200)} only if case is ignored. Write it as in the library"

    def _what_to_do(self) -> str:
        """Return how to fix a rule that selects no file."""
        selector = self.entry.selector
        assert isinstance(selector, ByMatch)  # noqa: S101 - as in __init__
        glob = selector.glob
        if glob is None:
            return "check its query, or remove the rule; if it may select none, add expect: {min: 0}"
        if glob.endswith("/"):
            return f"to select the files of a folder, write {quoted(glob + '**', 200)}"
        if "]" in glob.partition("[")[2]:
            return "[ ] is literal in globs; write ? for one character, or one rule for each"
        what = f"the glob {quoted(glob, 200)}"
        return f"check {what if selector.query is None else f'{what} and the query'}, or remove the rule"


def _across_folders(glob: str) -> str:
    """Return a glob that also matches in folders below; the same one if its last part has no star or it has **."""
    folder, _, name = glob.rpartition("/")
    if "*" not in name or "**" in glob:
        return glob
    return f"{folder}/**" if name == "*" else f"{folder}/**/{name}"


class PrefixStack:
    """Keep the globs whose literal prefix the current path starts with, while paths pass in order.

    All prefixes of one path are prefixes of each other, and paths with a common prefix are adjacent. So these globs
    form a stack, and each file is compared with few of them.
    """

    def __init__(self, matches: Iterable[EntryMatch]) -> None:
        self._coming = sorted(matches, key=lambda match: match.prefix, reverse=True)
        self._stack: list[EntryMatch] = []

    def matching(self, file: CurrentFile) -> list[NumberedEntry]:
        """Return the entries that select a file."""
        path, stack, coming = file.path, self._stack, self._coming
        while stack and not path.startswith(stack[-1].prefix):
            stack.pop()
        while coming and coming[-1].prefix <= path:
            match = coming.pop()
            if path.startswith(match.prefix):
                stack.append(match)
        return [
            (match.number, match.filled_in(file, captured))
            for match in stack
            if (captured := match.captured(file)) is not None
        ]
