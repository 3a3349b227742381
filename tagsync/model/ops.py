"""What one change does to a tag."""

from enum import StrEnum


class Op(StrEnum):
    """What one change does, named as the API names its calls."""

    ADD = "addTags"
    REMOVE = "removeTags"
    REMOVE_AI = "removeAITags"
