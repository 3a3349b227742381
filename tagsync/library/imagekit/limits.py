"""State the limits of ImageKit's calls that change tags."""

MAX_FILES_PER_REQUEST = 50
"""The most file IDs in one call (API: "A maximum of 50 files can be edited at a time.")."""

MAX_TAG_CHARACTERS = 500
"""The most characters in a file's tags, and in one addTags or removeTags call (API: "Combined length of all tags").

ImageKit does not document whether commas between tags count. Calls count them, to be on the safe side. Files do not,
because a plan must not refuse what ImageKit may accept.
"""
