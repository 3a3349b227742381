"""Vary what a listing shows and what a call changes, as a profile says; `app` does the rest."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tagsync.sandbox.payload_checks import MAX_CHARACTERS, TAGS_ADVICE, Failure
from tagsync.sandbox.profile import Profile
from tagsync.sandbox.store import File

DEEPEST = 10_000
"""The number of files that a listing shows if it is not unlimited."""

_KINDS = (
    ("searchId", re.compile(r"id\b")),
    ("searchName", re.compile(r"name\b")),
    ("searchFolder", re.compile(r"path\b")),
    ("searchTag", re.compile(r"tags\b")),
    ("searchCreatedAt", re.compile(r".*createdAt\b")),
    ("searchUpdatedAt", re.compile(r".*updatedAt\b")),
)
_TAG = re.compile(r'tags IN \["([^"]*)"\]')


class Asked(NamedTuple):
    """The parameters of a listing."""

    query: str | None
    path: str | None
    skip: int
    limit: int


def varied(asked: Asked, profile: Profile, has_tag: Callable[[str], bool]) -> Asked:
    """Return the listing to show instead of the one that a call asks for.

    Args:
        asked: what the call asks for.
        profile: how to behave.
        has_tag: returns whether any file has an ordinary tag.

    Raises:
        Failure: the library refuses it.
    """
    kind = _kind(asked, has_tag)
    way = profile[kind] if kind else "works"
    if way == "refused":
        raise Failure(400, "Your request contains invalid value for searchQuery parameter.")
    if way == "misses":
        return asked._replace(limit=0)
    if way == "ignored":
        is_path = kind in ("searchNameInFolder", "folderListing")
        asked = asked._replace(path=None) if is_path else asked._replace(query=None)
    if asked.query is None and asked.path is None and profile["listingScope"] == "root-only":
        asked = asked._replace(path="/")
    if profile["deepestSkip"] == "refused" and asked.skip >= DEEPEST:
        raise Failure(400, f"The value of skip parameter should be less than {DEEPEST}. Value sent is {asked.skip}.")
    if profile["deepestSkip"] == "empty":
        asked = asked._replace(limit=max(0, min(asked.limit, DEEPEST - asked.skip)))
    return asked


def _kind(asked: Asked, has_tag: Callable[[str], bool]) -> str | None:
    """Return the setting that a listing depends on."""
    if asked.query is None:
        return "folderListing" if asked.path is not None else None
    kind = next((kind for kind, pattern in _KINDS if pattern.match(asked.query.lstrip('("'))), None)
    if kind == "searchName" and asked.path is not None:
        return "searchNameInFolder"
    tag = _TAG.fullmatch(asked.query)
    return "searchAiTag" if tag and not has_tag(tag[1]) else kind


def checked(tags: Sequence[str], profile: Profile) -> list[str]:
    """Return the tags of a call as the library stores them.

    Raises:
        Failure: the library refuses one.
    """
    if any(
        profile[setting] == "refused" and any(map(test, tags))
        for setting, test in (
            ("tagSpace", lambda tag: tag != tag.strip()),
            ("commaTag", lambda tag: "," in tag),
            ("percentTag", lambda tag: "%" in tag),
        )
    ):
        raise Failure(400, "Your request contains invalid value for tags parameter.")
    if is_too_long(tags, profile["callLength"]):
        raise Failure(400, TAGS_ADVICE)
    if profile["commaTag"] == "split":
        tags = [part for tag in tags for part in tag.split(",")]
    return [tag.strip() for tag in tags] if profile["tagSpace"] == "trimmed" else list(tags)


def is_too_long(tags: Sequence[str], counting: str) -> bool:
    """Return whether tags have more than 500 characters, given how they are counted."""
    separators = max(0, len(tags) - 1) if counting == "joined" else 0
    return counting != "unchecked" and sum(map(len, tags)) + separators > MAX_CHARACTERS


def add_tags(file: File, tags: Sequence[str], profile: Profile) -> None:
    """Add tags to a file."""
    if profile["addedTags"] == "replaced":
        file.tags.clear()
    form = str.casefold if profile["tagCase"] == "merged" else str
    known = set(map(form, file.tags))
    for tag in tags:
        if form(tag) not in known:
            known.add(form(tag))
            file.tags.append(tag)


def no_op_error(present: Sequence[str], tags: Sequence[str], *, adds: bool, profile: Profile) -> bool:
    """Return whether the library reports an error for a file, because a tag is there already or is not there.

    Raises:
        Failure: the library refuses the whole call for it.
    """
    way = profile["repeatedTag" if adds else "absentTag"]
    needless = [(tag in present) == adds for tag in tags]
    if way == "refused" and any(needless):
        raise Failure(400, "Your request contains invalid value for tags parameter.")
    return way == "error" and all(needless)
