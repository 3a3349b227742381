"""Tags as text: when two are the same, and how long they are together."""

import re
import unicodedata

MAX_FILES_PER_REQUEST = 50
"""Bulk tag calls take at most 50 file ids (API: "A maximum of 50 files can be edited at a time.")."""

MAX_TAG_CHARACTERS = 500
"""Most characters of a file's tags, and of one addTags or removeTags call (API: "Combined length of all tags").

Nothing says whether commas between tags count. So a call keeps within it with them, and a file without them.
"""


MAX_MARKS = 30
"""Most combining marks in a row; no language needs nearly as many."""

_NO_TAG = re.compile(
    r"[%\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^\s|\s$|^$|[\ud800-\udfff]"
)


def is_declarable(text: str) -> bool:
    """Tell whether text may be a tag that is added, as the schema of manifests has it.

    Not empty, no `%` (OpenAPI), no control or bidi-control character, no white space at its ends, and
    stream-safe.
    """
    return not _NO_TAG.search(text) and is_stream_safe(text)


def normalized(text: str) -> str:
    """Return text in Unicode NFC: two tags are the same if these are equal.

    A text that is not stream-safe stays as it is: to normalise it takes time in proportion to the square of its length.
    """
    return text if text.isascii() or not is_stream_safe(text) else unicodedata.normalize("NFC", text)


def is_stream_safe(text: str) -> bool:
    """Tell whether no more than 30 combining marks follow each other (Unicode Annex 15, Stream-Safe Text Format)."""
    # A longer run of marks has one at one of these places, whatever its start.
    if text.isascii() or not any(map(unicodedata.combining, text[MAX_MARKS :: MAX_MARKS + 1])):
        return True
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            return False
    return True


def all_normalized(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return each text in Unicode NFC; quick for the usual case that nothing changes."""
    return texts if all(map(str.isascii, texts)) else tuple(map(normalized, texts))


def joined_length(count: int, characters: int) -> int:
    """Return the length of `count` tags of `characters` in all, joined by commas."""
    return characters + max(0, count - 1)
