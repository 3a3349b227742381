"""Define the causes of changes that are necessary again after the previous apply."""

from enum import StrEnum
from typing import NamedTuple

from tagsync.model.requests import Op


class Cause(StrEnum):
    """What made a change necessary again, according to the previous report."""

    MANIFEST = "manifest changed"
    ADDED = "added in the library"
    REMOVED = "removed in the library"
    CAME_BACK = "AI tag came back"
    UPLOADED = "all tags lost in an upload"
    EXPIRED = "until date reached"
    PENDING = "not applied by the previous run"


class Drift(NamedTuple):
    """One planned change and its cause."""

    file_id: str
    op: Op
    tag: str
    cause: Cause


class Returning(NamedTuple):
    """An AI tag that came back after `runs` applies removed it."""

    file_id: str
    path: str
    tag: str
    runs: int
