"""Compare, check and measure tags as text; count and shorten in messages."""

import re
import unicodedata

from tagsync.escape import quoted

COMMA = "comma"
"""The code of the warning about a tag with a comma."""

TWO_TAGS = "to declare two tags, list them separately"
OTHER_NAME = "choose a new name without a comma"
"""What to do about a comma in a declared tag, and in the new name of a renamed one."""

MAX_MARKS = 30
"""The most combining marks in a row; no language needs nearly as many."""

_NO_TAG = re.compile(
    r"[%\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^\s|\s$|^$|[\ud800-\udfff]"
)

# Unicode's default ignorable characters, and blank letters and symbols: Hangul fillers, the empty braille cell.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_NOTHING_VISIBLE = re.compile(rf"[{_INVISIBLE}\s]*")
_INVISIBLE_START = re.compile(f"[{_INVISIBLE}]")
_INVISIBLE_END = re.compile(rf"[{_INVISIBLE}]\Z")

# Sequences that change how the visible character before them looks. A tag may end in one of these.
_VISIBLE_END = re.compile(
    "(?:"
    # Emoji and symbols: selectors for text, colour or another form.
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff][\ufe00-\ufe0f]"
    # Han: variants of one character, as in names.
    "|[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff][\ufe00-\ufe02\U000e0100-\U000e01ef]"
    # Mongolian: forms of one letter.
    "|[\u1820-\u18aa][\u180b-\u180d\u180f]"
    # Flags of regions: a black flag, invisible letters, and a terminator.
    "|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
    # Indic scripts: a joiner after a virama selects the form of the consonant before it.
    "|[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca][\u200c\u200d]"
    r")\Z"
)


def is_declarable(text: str) -> bool:
    """Return whether text may be added as a tag; the schema of manifests has the same rule.

    A tag is not empty and stream-safe. It has no `%` (ImageKit refuses it), no control or bidi-control character, and
    no white space or invisible character at its ends.
    """
    return not _NO_TAG.search(text) and is_stream_safe(text) and invisible_fault(text) is None


def invisible_fault(text: str) -> str | None:
    """Describe the invisible characters that keep text from being a tag; None if there are none, or another fault.

    Joiners inside words and emoji are allowed, and so is a selector that changes the character before it.
    """
    if text.isascii() or _NO_TAG.search(text):
        return None
    if _NOTHING_VISIBLE.fullmatch(text):
        return "has no visible character"
    if _INVISIBLE_START.match(text):
        return f"starts with an invisible character (U+{ord(text[0]):04X})"
    if _INVISIBLE_END.search(text) and not _VISIBLE_END.search(text):
        return f"ends with an invisible character (U+{ord(text[-1]):04X})"
    return None


def normalized(text: str) -> str:
    """Return text in Unicode NFC; two tags are the same if these are equal.

    Text that is not stream-safe is returned unchanged, because normalizing it takes quadratic time.
    """
    return text if text.isascii() or not is_stream_safe(text) else unicodedata.normalize("NFC", text)


def is_stream_safe(text: str) -> bool:
    """Return whether text has at most 30 combining marks in a row (Unicode Annex 15, Stream-Safe Text Format)."""
    # A run of 31 marks covers at least one of every 31 positions. So most text needs a look at very few characters.
    if text.isascii() or not any(map(unicodedata.combining, text[MAX_MARKS :: MAX_MARKS + 1])):
        return True
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            return False
    return True


def comma_words(tag: str, fix: str) -> str:
    """Return the warning about a tag with a comma; its code is `COMMA`."""
    what = "contains a comma, at which upload forms split tags, and ImageKit may refuse it"
    return f"the tag {quoted(tag)} {what}: {fix}"


def folded(text: str) -> str:
    """Fold case and Unicode form, for finding similar names; a glob remains a glob."""
    return normalized(normalized(text).casefold())


def all_normalized(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return each text in Unicode NFC; ASCII tuples are returned as they are."""
    return texts if all(map(str.isascii, texts)) else tuple(map(normalized, texts))


def counted(count: int, noun: str) -> str:
    """Return a number and its noun, with an s unless it is one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def folder_of(path: str) -> str:
    """Return the folder part of a path, its slash at the end included."""
    return path[: path.rfind("/") + 1]


def joined_length(count: int, characters: int) -> int:
    """Return the length of `count` tags with `characters` in total, joined by commas."""
    return characters + max(0, count - 1)
