"""Tags as text: when two are the same, and how long they are together."""

import unicodedata

MAX_FILES_PER_REQUEST = 50
"""Bulk tag calls take at most 50 file ids (API: "A maximum of 50 files can be edited at a time.")."""

MAX_TAG_CHARACTERS = 500
"""A file's tags, and those of one addTags or removeTags call, joined by commas (API: "Combined length of all tags")."""


def normalized(text: str) -> str:
    """Return text in Unicode NFC: two tags are the same if these are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def all_normalized(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return each text in Unicode NFC; quick for the usual case that nothing changes."""
    return texts if all(map(str.isascii, texts)) else tuple(map(normalized, texts))


def joined_length(count: int, characters: int) -> int:
    """Return the length of `count` tags of `characters` in all, joined by commas."""
    return characters + max(0, count - 1)
