"""A fast yes for plainly valid entries; never a no: what it does not accept, the schema judges.

A schema validator takes about a millisecond an entry, which is a minute for a large library. A property test holds
that everything accepted here is valid by the schema.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from tagsync.manifest.tree import Map, Seq
from tagsync.model import is_declarable

_AUTO_TAGGERS = {"google-auto-tagging", "aws-auto-tagging"}
_LENIENCIES = {"error", "warn", "skip"}
_ONLY_BESIDE_MATCH = ("except", "expect")
_MAX_CONFIDENCE = 100
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class FastAccept:
    """Tells plainly valid entries, remembering the tags that it has found valid."""

    def __init__(self) -> None:
        self._valid_tags: set[str] = set()
        self._checks: dict[str, Callable[[Any], bool]] = {
            "path": _is_path,
            "fileId": _is_text,
            "match": _is_path,
            "query": _is_text,
            "except": lambda value: value.__class__ is Seq and all(map(_is_path, value)),
            "tags": self._are_tags,
            "absent": _are_texts,
            "exclusive": _is_exclusive,
            "aiTags": _is_ai_rule,
            "expect": _is_expectation,
            "ifMissing": _is_leniency,
            "ifOverLimit": _is_leniency,
            "until": _is_day,
        }

    def __call__(self, entry: Any) -> bool:
        """Tell whether an entry is plainly valid."""
        if entry.__class__ is not Map:
            return False
        checks = self._checks
        for key, value in entry.items():
            check = checks.get(key)
            if check is None or not check(value):
                return False
        if "until" in entry and "tags" not in entry:
            return False
        if "match" in entry or "query" in entry:
            return "path" not in entry and "fileId" not in entry
        return ("path" in entry) != ("fileId" in entry) and not any(key in entry for key in _ONLY_BESIDE_MATCH)

    def _are_tags(self, value: Any) -> bool:
        return value.__class__ is Seq and self.tags(value)

    def tags(self, values: Iterable[Any]) -> bool:
        """Tell whether all of some values are plainly valid tags."""
        try:
            new = set(values).difference(self._valid_tags)
        except TypeError:  # a list or a mapping among them
            return False
        if not all(map(_is_plain_tag, new)):
            return False
        self._valid_tags |= new
        return True


def _is_plain_tag(value: Any) -> bool:
    """Printable text holds no control, bidi or white-space character but the space."""
    return value.__class__ is str and value.isprintable() and is_declarable(value)


def _is_text(value: Any) -> bool:
    return value.__class__ is str and value != ""


def _are_texts(value: Any) -> bool:
    return value.__class__ is Seq and all(map(_is_text, value))


def _is_path(value: Any) -> bool:
    return value.__class__ is str and value[:1] == "/"


def _is_leniency(value: Any) -> bool:
    return value.__class__ is str and value in _LENIENCIES


def _is_day(value: Any) -> bool:
    return value.__class__ is str and _DAY.fullmatch(value) is not None


def _is_exclusive(value: Any) -> bool:
    if value.__class__ is bool:
        return True
    return value.__class__ is Map and value.keys() == {"only"} and bool(value["only"]) and _are_texts(value["only"])


def _is_expectation(value: Any) -> bool:
    if value.__class__ is not Map or not value:
        return False
    return all(key in ("min", "max") and item.__class__ is int and item >= 0 for key, item in value.items())


def _is_ai_rule(value: Any) -> bool:
    if value.__class__ is not Map or not value:
        return False
    return all(key in _AI_CHECKS and _AI_CHECKS[key](item) for key, item in value.items()) and not (
        value.get("remove") == "all" and "minConfidence" in value
    )


def _is_confidence(value: Any) -> bool:
    return value.__class__ in (int, float) and 0 <= value <= _MAX_CONFIDENCE


_AI_CHECKS: dict[str, Callable[[Any], bool]] = {
    "remove": lambda value: value == "all" or _are_texts(value),
    "minConfidence": _is_confidence,
    "keep": _are_texts,
    "source": lambda value: value.__class__ is str and value in _AUTO_TAGGERS,
    "promote": lambda value: (
        value.__class__ is Map and value.keys() == {"minConfidence"} and _is_confidence(value["minConfidence"])
    ),
}
