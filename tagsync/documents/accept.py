"""A fast yes for plainly valid items of a document's long lists; never a no: the schema judges what it does not accept.

A schema validator takes a millisecond an item, which is minutes for a large plan. A property test holds that everything
accepted here is valid by the schema.
"""

import re
from typing import Any

_SOURCE = re.compile(r".*:[0-9]{1,9}:[0-9]{1,9}", re.DOTALL)
_OPS = {"addTags", "removeTags", "removeAITags"}
_STATUSES = {"confirmed", "accepted", "failed", "skipped", "unknown", "stale", "missing"}
_MAX_FILES = 50


def is_plain_item(kind: str, key: str, item: Any) -> bool:
    """Tell whether an item is plainly valid.

    Args:
        kind: `plan` or `report`.
        key: the list that it is in, `changes` or `requests`.
        item: the item.
    """
    if item.__class__ is not dict:
        return False
    try:
        if key == "requests":
            return _is_request(item)
        return _is_change(item) and (kind == "plan" or _is_outcome(item))
    except (KeyError, TypeError):  # a member is missing, or a list where a text is wanted
        return False


def _is_request(item: dict[str, Any]) -> bool:
    ids = item["fileIds"]
    return item["op"] in _OPS and _are_texts(item["tags"]) and _are_texts(ids) and 0 < len(ids) <= _MAX_FILES


def _is_change(item: dict[str, Any]) -> bool:
    before = item["before"]
    return (
        item["fileId"].__class__ is str
        and item["path"].__class__ is str
        and before.__class__ is dict
        and all(map(_are_texts, (before["tags"], item["add"], item["remove"], item["removeAI"])))
        and _are_texts(item.get("desired", []))
        and _are_texts(item.get("spared", []))
        and _are_texts(item.get("relies", []))
        and before["aiTags"].__class__ is list
        and all(map(_is_ai_tag, before["aiTags"]))
        and item["because"].__class__ is list
        and all(map(_is_reason, item["because"]))
    )


def _is_outcome(item: dict[str, Any]) -> bool:
    return (
        item["status"] in _STATUSES
        and item["attempts"].__class__ is int
        and item["attempts"] >= 0
        and item["error"].__class__ in _TEXT_OR_NONE
        and item["requestId"].__class__ in _TEXT_OR_NONE
        and "already" not in item
    )


def _are_texts(value: Any) -> bool:
    return value.__class__ is list and {text.__class__ for text in value} <= _TEXT


def _is_ai_tag(item: Any) -> bool:
    return (
        item.__class__ is dict
        and item["name"].__class__ is str
        and item["confidence"].__class__ in _NUMBER_OR_NONE
        and item["source"].__class__ is str
    )


def _is_reason(item: Any) -> bool:
    return (
        item.__class__ is dict
        and item["op"] in _OPS
        and item["tag"].__class__ is str
        and item["source"].__class__ is str
        and _SOURCE.fullmatch(item["source"]) is not None
        and item["rule"].__class__ is str
    )


_TEXT = {str}
_TEXT_OR_NONE = (str, type(None))
_NUMBER_OR_NONE = (float, int, type(None))
