"""Read profiles: how an account behaves where ImageKit's documentation is silent; `variations` and `app` apply them."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from tagsync.sandbox.limits import CallLimit, parse_limits

_SEARCH = ("works", "refused", "ignored", "misses")

CHOICES: Mapping[str, tuple[str, ...]] = {
    "rateHeaders": ("every-response", "not-on-success"),
    "tieOrder": ("same", "varies"),
    "deepestSkip": ("unlimited", "refused", "empty"),
    "listingScope": ("whole-library", "root-only"),
    "folderListing": _SEARCH,
    "rowTypes": ("files-only", "mixed"),
    "searchId": _SEARCH,
    "searchName": _SEARCH,
    "searchNameInFolder": _SEARCH,
    "searchFolder": _SEARCH,
    "searchTag": _SEARCH,
    "searchAiTag": _SEARCH,
    "searchCreatedAt": _SEARCH,
    "searchUpdatedAt": _SEARCH,
    "absentFile": ("404", "other"),
    "malformedFile": ("400", "404"),
    "writes": ("accepted", "refused"),
    "addedTags": ("merged", "replaced"),
    "repeatedTag": ("succeeds", "refused", "error"),
    "absentTag": ("succeeds", "refused", "error"),
    "missingFile": ("404-with-ids", "404-without-ids", "207"),
    "missingFileAi": ("404-with-ids", "404-without-ids", "207"),
    "malformedId": ("404", "400"),
    "tagCase": ("distinct", "merged"),
    "tagSpace": ("kept", "trimmed", "refused"),
    "commaTag": ("kept", "split", "refused"),
    "percentTag": ("accepted", "refused"),
    "callLength": ("sum", "joined", "unchecked"),
    "fileLength": ("sum", "joined", "unchecked"),
    "overLimit": ("207", "400"),
    "updatedAt": ("moves", "stays"),
}
"""The settings with fixed values; the first one is the default."""

LAGS = ("indexLag", "detailsLag")
LIMITS = ("readLimits", "writeLimits")
_LONGEST_LAG = 3600
_MAX_BYTES = 100_000


class ProfileError(Exception):
    """A profile cannot be used; the message is for users."""


class Profile:
    """How the sandbox behaves.

    Args:
        settings: checked settings; those that are absent have their defaults.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = dict(settings or {})

    def __getitem__(self, name: str) -> str:
        """Return the value of a setting with fixed values."""
        return str(self._settings.get(name, CHOICES[name][0]))

    def lag(self, name: str) -> int:
        """Return a lag in seconds."""
        return int(self._settings.get(name, 0))

    def limits(self, name: str) -> tuple[CallLimit, ...]:
        """Return rate limits; none if the profile has none."""
        return parse_limits(",".join(self._settings[name])) if self._settings.get(name) else ()


def read_profile(place: str) -> Profile:
    """Read a profile from a file, or return a built-in one.

    Args:
        place: a path, or the name of a built-in profile if there is no such file.

    Raises:
        ProfileError: it cannot be read, or is not a profile.
    """
    try:
        with Path(place).open("rb") as file:
            document = json.loads(file.read(_MAX_BYTES))
    except FileNotFoundError as error:
        if (settings := built_in().get(place)) is not None:
            return Profile(settings)
        raise ProfileError(
            f"{place} is neither a file nor a built-in profile: use strict, lenient, or a setting with its value, such "
            "as deepest-skip-refused"
        ) from error
    except OSError as error:
        raise ProfileError(f"the profile {place} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"the profile {place} is not JSON: use a file that tagsync doctor --out wrote") from error
    settings = document.get("settings") if isinstance(document, dict) else None
    if not isinstance(settings, dict) or not str(document.get("profileVersion")).startswith("1."):
        raise ProfileError(f"{place} is not a profile: use a file that tagsync doctor --out wrote")
    for name, value in settings.items():
        if problem := _problem(name, value):
            raise ProfileError(f"the profile {place}: settings.{name} {problem}")
    return Profile(settings)


def built_in() -> dict[str, dict[str, Any]]:
    """Return the settings of each built-in profile, by its name: one for each reading, and the two extremes."""
    found: dict[str, dict[str, Any]] = json.loads(files("tagsync.sandbox").joinpath("profiles.json").read_text("utf-8"))
    return found


def _problem(name: str, value: Any) -> str:
    """Return what is wrong with a setting; empty if nothing is."""
    if name in CHOICES:
        return "" if value in CHOICES[name] else f"must be one of {', '.join(CHOICES[name])}"
    if name in LAGS:
        is_valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST_LAG
        return "" if is_valid else f"must be a number of seconds up to {_LONGEST_LAG}"
    if name in LIMITS:
        try:
            parse_limits(",".join(value)) if value else ()
        except (ValueError, TypeError):
            return "must be a list of limits such as 40/1"
        return ""
    return f"is unknown; known are {', '.join((*CHOICES, *LAGS, *LIMITS))}"
