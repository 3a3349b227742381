"""Bulk calls, and what a library answers to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Op(StrEnum):
    """What one change does, named as the API names its calls."""

    ADD = "addTags"
    REMOVE = "removeTags"
    REMOVE_AI = "removeAITags"


class Request(NamedTuple):
    """One bulk call: every tag on every file, at most 50 files."""

    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The call was carried out: the files that were updated, and the library's messages for those that were not."""

    updated: frozenset[str]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The library accepted the call, but does not say which files it has updated."""

    status: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing was applied: the IDs that do not exist, empty if the library names none of those in the call."""

    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was applied: the HTTP status and the library's message."""

    status: int
    words: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The answer contradicts itself or the call: what was applied is unknown."""

    why: str


BulkResult = Done | Accepted | Gone | Refused | Unclear
