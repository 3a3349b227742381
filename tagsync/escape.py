"""Text from manifests, files and servers, made harmless for a terminal and a CI log; not for HTML or Markdown."""

import re

# Controls, line and paragraph separators, surrogates, and every invisible format character but the two joiners
# that emoji and some scripts need. Among them are the escape character and all bidi controls.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")
"""The first character of what GitHub and Azure act on anywhere in a line of a job's output."""
# GitHub acts on a line whose first word starts so.
_CI_LINE = re.compile(r"^(\s*):(?=:)")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of Python's own escapes


def shown(text: str, limit: int | None = None) -> str:
    """Return text that is safe to print inside a line.

    Control, escape, bidi and invisible characters appear as backslash escapes; nothing can end the line or start a
    CI command. With a limit, longer text is cut to that many characters, the last one an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isalnum() and text.isascii():
        return text
    text = _UNSAFE.sub(_escape, text)
    return _CI_LINE.sub(r"\1\\x3a", CI_COMMAND.sub(r"\\x23", text))


def quoted(text: str, limit: int = 60) -> str:
    """Return text between quotation marks, safe to print and cut to `limit` characters."""
    return f"'{shown(text, limit)}'"
