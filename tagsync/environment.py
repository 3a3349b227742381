"""Read environment variables: white space around a value is stripped, and a blank value counts as unset."""

import os
from typing import NamedTuple


class Setting(NamedTuple):
    """The name and the value of an environment variable."""

    variable: str
    value: str


def setting(*variables: str) -> Setting | None:
    """Return the first of some environment variables that is set; None if there is none."""
    for variable in variables:
        if value := os.environ.get(variable, "").strip():
            return Setting(variable, value)
    return None
