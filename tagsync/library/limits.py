"""Choose whose limits apply when tagsync checks manifests, makes plans and exports files; `target` chooses the library.

These are constants, because `validate` and saved plans need them without a connection. As a parameter they would pass
through more than forty functions, always with the same value.
"""

from tagsync.library.imagekit.limits import FILES_A_SEARCH, MAX_FILES_PER_REQUEST, MAX_TAG_CHARACTERS, PAGE_LIMIT

__all__ = ["FILES_A_SEARCH", "MAX_FILES_PER_REQUEST", "MAX_TAG_CHARACTERS", "PAGE_LIMIT"]
