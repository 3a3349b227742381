"""Read environment variables: white space around a value is removed, and a blank value counts as unset."""

import os
from typing import NamedTuple


class Setting(NamedTuple):
    """An environment variable that is set."""

    variable: str
    value: str


def setting(*variables: str) -> Setting | None:
    """Return the first variable that is set; None if none is."""
    for variable in variables:
        if value := os.environ.get(variable, "").strip():
            return Setting(variable, value)
    return None
