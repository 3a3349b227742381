"""The rules of manifests, named as reasons in plans and reports name them."""

from enum import StrEnum


class RuleName(StrEnum):
    """What in a manifest asks for a change."""

    TAGS = "tags"
    ABSENT = "absent"
    UNTIL = "until"
    EXCLUSIVE = "exclusive"
    RENAMES = "renames"
    REMOVE_FORBIDDEN = "removeForbidden"
    AI_REMOVE = "aiTags.remove"
    AI_MIN_CONFIDENCE = "aiTags.minConfidence"
    AI_KEEP = "aiTags.keep"
    AI_PROMOTE = "aiTags.promote"
