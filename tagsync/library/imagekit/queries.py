"""Write unambiguous searchQuery parameters; this module implements `protocol.Queries`.

The documentation does not say how to escape quotation marks and backslashes, or whether AND binds more tightly than
OR. So text that needs escaping is never searched for, and each query has one condition.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from tagsync.library.protocol import Listing, Search

MAX_QUERY_BYTES = 6_000
"""The maximum length of a URL-encoded searchQuery, because many servers and proxies limit a URL to 8 KiB."""


def by_ids(file_ids: Iterable[str]) -> Iterator[Search]:
    """Yield the fewest searches that find files by ID, without IDs that are unsafe in a query."""
    return _any_of("id", filter(is_id, file_ids), None)


def by_names(names: Iterable[str], folder: str | None = None) -> Iterator[Search]:
    """Yield the fewest searches that find files by name, without names that are unsafe in a query."""
    return _any_of("name", filter(is_askable, names), folder)


def is_id(text: str) -> bool:
    """Return whether a file ID is safe in a search: 24 hexadecimal digits, like all of ImageKit's IDs.

    ImageKit may refuse a whole search because of one other ID.
    """
    return _ID.fullmatch(text) is not None


_ID = re.compile("[0-9a-f]{24}")


def is_askable(text: str) -> bool:
    """Return whether a text is safe in a query, without escaping."""
    return text.isprintable() and '"' not in text and "\\" not in text and len(quote(text)) < MAX_QUERY_BYTES // 2


def below(folder: str) -> Listing:
    """Return the search for the files in a folder, given with a trailing slash, and all its subfolders."""
    return Listing(f'path : "{folder}"')


def tagged(tags: Iterable[str]) -> Listing:
    """Return the search for files that have any of these tags, as an ordinary tag or as an AI tag."""
    return Listing(f"tags IN [{','.join(f'{chr(34)}{tag}{chr(34)}' for tag in tags)}]")


def created_since(listing: Listing, second: str) -> Listing:
    """Return a listing of the files created at or after a time such as `2024-01-31T23:59:59` (UTC)."""
    # With a searchQuery, ImageKit ignores the parameter `type` (OpenAPI), so the query contains it.
    query = 'type = "file"' if listing.query is None else f"({listing.query})"
    return listing._replace(query=f'{query} AND createdAt >= "{second}"')


def nothing(name: str) -> Listing:
    """Return a search by a name that no file has: a library that finds files anyway ignores queries."""
    return Listing(f'name = "{name}"')


def _any_of(field: str, texts: Iterable[str], folder: str | None) -> Iterator[Search]:
    room = MAX_QUERY_BYTES - len(quote(f"{field} IN []"))
    group: list[str] = []
    length = 0
    for text in texts:
        size = len(quote(f'"{text}",'))
        if group and length + size > room:
            yield _search(field, group, folder)
            group, length = [], 0
        group.append(text)
        length += size
    if group:
        yield _search(field, group, folder)


def _search(field: str, texts: list[str], folder: str | None) -> Search:
    listed = ",".join(f'"{text}"' for text in texts)
    return Search(Listing(f"{field} IN [{listed}]", folder), tuple(texts))
