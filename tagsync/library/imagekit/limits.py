"""State the limits of ImageKit's calls."""

MAX_FILES_PER_REQUEST = 50
"""The most file IDs in one call (API: "A maximum of 50 files can be edited at a time.")."""

MAX_TAG_CHARACTERS = 500
"""The most characters in a file's tags, and in one addTags or removeTags call (API: "Combined length of all tags").

ImageKit does not document whether commas between tags count. Calls count them, to be on the safe side. Files do not,
because a plan must not refuse what ImageKit may accept.
"""

PAGE_LIMIT = 1000
"""The maximum number of files that one listing call returns (OpenAPI: `limit`, maximum 1000)."""

FILES_A_SEARCH = 150
"""About how many files one search by ID finds. The length of its URL limits them."""
