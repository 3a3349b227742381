"""The current state: what the library holds."""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from tagsync.model.origins import Diagnostic
from tagsync.model.value import value


class AITag(NamedTuple):
    """A tag that auto-tagging added; the confidence is 0 to 100, None where the library names none."""

    name: str
    confidence: int | float | None
    source: str


@value
class CurrentFile:
    """A file's current version as the library shows it.

    `created_at` is the library's text, empty where it gave none: it tells new files from old ones, and is no part of
    what a plan is made of. Nor are `updated_at`, by which a later read tells what has changed since, and `thumbnail`,
    the address of a small picture for looking at, empty where none was asked for.
    """

    file_id: str
    path: str
    tags: tuple[str, ...]
    ai_tags: tuple[AITag, ...]
    created_at: str = field(default="", compare=False, repr=False)
    updated_at: str = field(default="", compare=False, repr=False)
    thumbnail: str = field(default="", compare=False, repr=False)


class Unreadable(NamedTuple):
    """A file object that cannot be read: its ID and path, escaped where they are not sound, and the reason."""

    file_id: str
    path: str
    why: str


@runtime_checkable
class TagIndex(Protocol):
    """Files that know which ordinary tags they have without being looked through."""

    def all_tags(self) -> Iterable[str]:
        """Return each tag that a file has."""


@runtime_checkable
class TwinIndex(Protocol):
    """Files that know which of them share a path without being looked through."""

    def twins(self) -> Mapping[str, tuple[str, ...]]:
        """Return the IDs of the files that share a path, equal under NFC included, by the ID of each of them."""


Way = Literal["listing", "searches"]


class Reading(NamedTuple):
    """How a library was read, and why: all of it listed, or searched.

    Only searches leave files out: those that no entry selects.
    """

    way: Way = "listing"
    why: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all files of the library were read."""
        return self.way != "searches"


class Needs(NamedTuple):
    """What of a library a comparison has to see.

    Attributes:
        paths: files by path.
        file_ids: files by id.
        folders: folders of which all files have to be seen, those of subfolders too; each with a slash at its end.
        flat: folders of which the files right in them have to be seen.
        queries: searchQuery texts whose files have to be seen.
        optional: those of the paths and ids that nobody asks after if they are missing.
        everything: why all files have to be seen; None if they need not.
    """

    paths: frozenset[str] = frozenset()
    file_ids: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    everything: str | None = None


LISTED = Reading()
"""All files were listed."""


@dataclass(frozen=True, slots=True)
class CurrentState:
    """One read of the library: its files by path and id, and the file ids that each searchQuery found.

    Files are gone through in order, again and again, and need not be in memory (see `TagIndex` for what such files may
    offer besides).

    `refused` holds, in the library's words, why it does not answer a query; such a query has no answer. `unreadable`
    are objects that stand for no file here, and `diagnostics` what else was noticed while the library was read.
    """

    files: Collection[CurrentFile] = field(repr=False)
    answers: Mapping[str, Container[str]] = field(default_factory=dict, repr=False)
    refused: Mapping[str, str] = field(default_factory=dict)
    read_requests: int = 0
    reading: Reading = LISTED
    unreadable: tuple[Unreadable, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
