"""Name the kinds of rules that plans and reports give as reasons."""

from enum import StrEnum


class RuleName(StrEnum):
    """The field of a manifest that asks for a change; `prune` stands for a tag that is no longer declared."""

    TAGS = "tags"
    ABSENT = "absent"
    UNTIL = "until"
    EXCLUSIVE = "exclusive"
    PRUNE = "prune"
    RENAMES = "renames"
    REMOVE_FORBIDDEN = "removeForbidden"
    AI_REMOVE = "aiTags.remove"
    AI_MIN_CONFIDENCE = "aiTags.minConfidence"
    AI_KEEP = "aiTags.keep"
    AI_PROMOTE = "aiTags.promote"
