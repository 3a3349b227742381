"""Find bytes and characters that a manifest cannot have, and rewrite what only JSON allows as YAML."""

import codecs
import re

from tagsync.model import packed

_CHUNK = 1 << 20

NOT_UTF8 = "these bytes are not UTF-8: save the file as UTF-8"

# All characters that YAML 1.1 does not allow in a file.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_JSON_SPACE = b" \t\r\n"

# JSON escapes characters above U+FFFF as two surrogates, which YAML refuses.
_SURROGATE_PAIR = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_FROM_PAIR_TO_QUOTE = re.compile(_SURROGATE_PAIR.pattern + rb'(?:[^"\\]|\\.)*+"?', re.DOTALL)


def not_utf8_at(data: bytes) -> int | None:
    """Return the place of the first bytes that are not UTF-8; None if there are none.

    This checks in chunks, because a decoded copy may take four times the size of the data.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    # The range ends after the data, so that there is a final chunk, even if it is empty.
    for start in range(0, len(data) + 1, _CHUNK):
        pending = len(decoder.getstate()[0])
        chunk = data[start : start + _CHUNK]
        try:
            decoder.decode(chunk, final=len(chunk) < _CHUNK)
        except UnicodeDecodeError as error:
            return place_of_byte(data, start - pending + error.start)
    return None


def place_of_byte(data: bytes, at: int) -> int:
    """Return the packed place of a byte."""
    line_start = data.rfind(b"\n", 0, at) + 1
    return packed(data.count(b"\n", 0, at), len(data[line_start:at].decode("utf-8-sig", "replace")))


def no_yaml_character(data: bytes) -> tuple[int, str, str]:
    """Return the error of the first character that YAML does not allow; the parsers disagree on its place."""
    text = data.decode("utf-8-sig")
    found = _NO_CHARACTER.search(text)
    at = found.start() if found else 0
    place = packed(text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1)
    return place, "yaml", f"YAML does not allow the character U+{ord(text[at]):04X}: remove it"


def starts_as_json(data: bytes) -> bool:
    """Return whether data starts with a JSON object."""
    return _without_start(data).startswith(b"{")


def json_as_yaml(data: bytes) -> bytes:
    """Rewrite JSON-only syntax as YAML so that all places stay the same."""
    body = _without_start(data)
    start = data[: len(data) - len(body)].replace(b"\t", b" ")
    return _FROM_PAIR_TO_QUOTE.sub(_joined_surrogates, start + body.rstrip(_JSON_SPACE))


def _without_start(data: bytes) -> bytes:
    return data.removeprefix(codecs.BOM_UTF8).lstrip(_JSON_SPACE)


def _joined_surrogates(match: re.Match[bytes]) -> bytes:
    """Replace surrogate pairs up to the closing quote by one escape each; spaces after the quote keep later columns."""
    text = _SURROGATE_PAIR.sub(_joined_pair, match[0])
    return text + b" " * (len(match[0]) - len(text))


def _joined_pair(match: re.Match[bytes]) -> bytes:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + b"\\U%08x" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
