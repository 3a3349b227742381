"""Encode values as canonical JSON: equal values give equal bytes, which are safe in terminals and CI logs.

Keys are sorted, there is no white space between tokens, and everything outside ASCII is escaped.
"""

import json
import re
from typing import Any


def canonical(value: Any) -> str:
    """Return canonical JSON text."""
    text = _ENCODER.encode(value)
    return _CI_COMMAND.sub(r"\\u0023", text) if "##" in text else text


_CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")
"""The start of commands that GitHub and Azure run from a job's output. In JSON it can only be inside a string."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
