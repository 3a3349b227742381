"""Escape text from manifests, files and servers for terminals and CI logs; HTML and Markdown have their own escapes."""

import re

# Controls, line and paragraph separators, surrogates, and every invisible format character except the two joiners that
# emoji and some scripts need. This includes the escape character and all bidi controls.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")
"""The first character of commands that GitHub and Azure run wherever they occur in a job's output."""
# GitHub runs a command at the start of a line.
_CI_LINE = re.compile(r"^(\s*):(?=:)")


def escaped_character(character: str) -> str:
    """Return the escape of a character, in a form that Python and YAML share."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of Python's own escapes


def shown(text: str, limit: int | None = None) -> str:
    """Return text that is safe to print within a line.

    Control, escape, bidi and invisible characters become backslash escapes. The result cannot end the line or start a
    CI command.

    Args:
        text: from anywhere.
        limit: longer text is cut to this many characters, of which the last is an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isalnum() and text.isascii():
        return text
    text = _UNSAFE.sub(lambda found: escaped_character(found[0]), text)
    return _CI_LINE.sub(r"\1\\x3a", CI_COMMAND.sub(r"\\x23", text))


def without_middle(text: str, limit: int) -> str:
    """Return text with an ellipsis in its middle if it is longer than a limit; its end says more than its start."""
    if len(text) <= limit:
        return text
    start = (limit - 1) * 2 // 5
    return f"{text[:start]}…{text[start + 1 - limit :]}"


def quoted(text: str, limit: int = 60) -> str:
    """Return text in quotation marks, safe to print and cut to `limit` characters."""
    return f"'{shown(text, limit)}'"


def shown_tag(tag: str) -> str:
    """Return a tag that is safe to print, in quotation marks where lists and signs would make it ambiguous.

    Lists separate tags with commas, and "AI " before a tag means an AI tag.
    """
    is_ambiguous = "," in tag or "  " in tag or tag != tag.strip() or tag.startswith(("AI ", "'", "+ ", "- "))
    return f"'{shown(tag)}'" if is_ambiguous else shown(tag)
