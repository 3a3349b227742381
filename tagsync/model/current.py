"""Define the current state: the files of the library and their tags."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from tagsync.model.origins import Diagnostic
from tagsync.model.value import value


class AITag(NamedTuple):
    """A tag that auto-tagging added; the confidence is 0 to 100, or None if the library gives none."""

    name: str
    confidence: int | float | None
    source: str


@value
class CurrentFile:
    """A file's current version as the library shows it.

    Times and thumbnail do not affect what a plan changes, so comparisons ignore them.

    Attributes:
        file_id: the file's ID.
        path: its filePath.
        tags: its ordinary tags.
        ai_tags: its AI tags.
        created_at: the library's text, or empty; tells new files from old ones.
        updated_at: the library's text, or empty; tells a later read what has changed since.
        thumbnail: the address of a small picture, or empty.
        fields: the library's data that templates use, as pairs of name and text, one for each of several values; empty
            if no template uses any.
    """

    file_id: str
    path: str
    tags: tuple[str, ...]
    ai_tags: tuple[AITag, ...]
    created_at: str = field(default="", compare=False, repr=False)
    updated_at: str = field(default="", compare=False, repr=False)
    thumbnail: str = field(default="", compare=False, repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def data(self) -> Iterator[tuple[str, str]]:
        """Yield the time of creation, if known, and all fields, as pairs of name and text."""
        if self.created_at:
            yield "createdAt", self.created_at
        yield from self.fields


class Unreadable(NamedTuple):
    """A file object that tagsync cannot read: its ID and path, escaped if malformed, and the reason."""

    file_id: str
    path: str
    why: str


class LibraryFiles(Protocol):
    """The files of a library, sorted by path; they may be kept on disk, and are iterated several times."""

    def __iter__(self) -> Iterator[CurrentFile]: ...

    def __len__(self) -> int: ...

    def all_tags(self) -> Iterable[str]:
        """Return each ordinary tag that any file has."""

    def twins(self) -> Mapping[str, tuple[str, ...]]:
        """Map the ID of each file that shares its path (after NFC) to the IDs of all files with that path."""


Way = Literal["listing", "searches"]


class Reading(NamedTuple):
    """How a library was read, and why.

    A listing returns all files. Searches leave out files that no entry selects.
    """

    way: Way = "listing"
    why: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all files of the library were read."""
        return self.way != "searches"


class Needs(NamedTuple):
    """The part of a library that a comparison needs.

    Attributes:
        paths: files by path.
        file_ids: files by ID.
        folders: folders whose files are needed, including those in subfolders; each ends with a slash.
        flat: folders whose direct files are needed.
        queries: searchQuery texts whose files are needed.
        optional: those of the paths and IDs that need no look-up if they are missing.
        everything: why all files are needed, or None.
        fields: the library's data that templates need of each file.
        tag: a tag whose files are needed, those with an AI tag of this name included.
    """

    paths: frozenset[str] = frozenset()
    file_ids: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    everything: str | None = None
    fields: frozenset[str] = frozenset()
    tag: str | None = None


LISTED = Reading()
"""All files were listed."""


@dataclass(frozen=True, slots=True)
class CurrentState:
    """One read of the library.

    Attributes:
        files: the files, sorted by path.
        answers: the IDs of the files that each searchQuery found.
        refused: the library's message for each query that it refused; such a query has no answer.
        read_requests: the number of API calls.
        reading: how the library was read.
        unreadable: file objects that could not be read; they are not among `files`.
        diagnostics: what else was noticed.
    """

    files: LibraryFiles = field(repr=False)
    answers: Mapping[str, Container[str]] = field(default_factory=dict, repr=False)
    refused: Mapping[str, str] = field(default_factory=dict)
    read_requests: int = 0
    reading: Reading = LISTED
    unreadable: tuple[Unreadable, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
