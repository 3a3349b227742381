"""The current state: what the library holds."""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable


class AITag(NamedTuple):
    """A tag that auto-tagging added; the confidence is 0 to 100, None where the library names none."""

    name: str
    confidence: float | None
    source: str


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """A file's current version as the library shows it.

    `created_at` is the library's text, empty where it gave none: it tells new files from old ones, and is no part of
    what a plan is made of. Nor is `updated_at`, by which a later read tells what has changed since.
    """

    file_id: str
    path: str
    tags: tuple[str, ...]
    ai_tags: tuple[AITag, ...]
    created_at: str = field(default="", compare=False, repr=False)
    updated_at: str = field(default="", compare=False, repr=False)


@runtime_checkable
class TagIndex(Protocol):
    """Files that know which ordinary tags they have without being looked through."""

    def all_tags(self) -> Iterable[str]:
        """Return each tag that a file has."""


@dataclass(frozen=True, slots=True)
class CurrentState:
    """One complete read of the library: its files by path and id, and the file ids that each searchQuery found.

    Files are gone through in order, again and again, and need not be in memory (see `TagIndex` for what such files may
    offer besides).

    `refused` holds, in the library's words, why it does not answer a query; such a query has no answer. `thumbnails`
    are addresses of small pictures by file id, where they were asked for: for looking at, and no part of what a plan is
    made of.
    """

    files: Collection[CurrentFile] = field(repr=False)
    answers: Mapping[str, Container[str]] = field(default_factory=dict, repr=False)
    refused: Mapping[str, str] = field(default_factory=dict)
    read_requests: int = 0
    thumbnails: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
