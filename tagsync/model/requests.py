"""Define the API calls that change tags, and their results."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

WITHOUT_NO_OPS = (
    "tagsync sends a refused call again without no-op changes, in more calls. To send none from the start, use "
    "--batching exact."
)
"""What follows if a library refuses no-op changes, for reports and for `doctor`."""


class Op(StrEnum):
    """What a change does, by the name of its API call."""

    ADD = "addTags"
    REMOVE = "removeTags"
    REMOVE_AI = "removeAITags"


class Request(NamedTuple):
    """One API call: every tag on every file, at most 50 files."""

    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The call was made: which files were updated, and the library's messages for the others."""

    updated: frozenset[str]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The library accepted the call without saying which files it updated."""

    status: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing was changed, because files do not exist: their IDs, or none if the library does not name them."""

    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed: the HTTP status and the library's message."""

    status: int
    words: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The response contradicts itself or the call, so that it is unknown what was changed."""

    why: str


BulkResult = Done | Accepted | Gone | Refused | Unclear
