"""Encode values as canonical JSON: equal values give equal bytes, which are safe in terminals and CI logs.

Keys are sorted, there is no white space between tokens, and everything outside ASCII is escaped.
"""

import json
from typing import Any

from tagsync.escape import CI_COMMAND


def canonical(value: Any) -> str:
    """Return canonical JSON text."""
    text = _ENCODER.encode(value)
    # In JSON, the start of a command can only be inside a string.
    return CI_COMMAND.sub(r"\\u0023", text) if "##" in text else text


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
