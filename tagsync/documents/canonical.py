"""Encode values as canonical JSON: equal values give equal bytes, which harm no terminal and no CI log.

Keys are sorted, nothing is spaced out, and everything outside ASCII is escaped.
"""

import json
import re
from typing import Any


def canonical(value: Any) -> str:
    """Return canonical JSON text."""
    text = _ENCODER.encode(value)
    return _CI_COMMAND.sub(r"\\u0023", text) if "##" in text else text


_CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")
"""What GitHub and Azure act on anywhere in a line of a job's output; it can only stand inside of strings."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
