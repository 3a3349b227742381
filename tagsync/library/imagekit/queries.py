"""Write searchQuery parameters that can be read in one way only.

The documentation does not say how a query escapes quotation marks and backslashes, nor which of AND and OR binds
closer: texts that would need the one are not asked for, and queries hold one condition each.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from tagsync.library.protocol import Listing

MAX_QUERY_BYTES = 6_000
"""A longer searchQuery, as it stands in a URL, is not sent: servers and proxies refuse lines of more than 8 KiB."""


class Search(NamedTuple):
    """A searchQuery, and the ids or names that it asks for."""

    query: str
    texts: tuple[str, ...]


def by_ids(file_ids: Iterable[str]) -> Iterator[Search]:
    """Yield as few searches as files need; ids that no query can hold safely are in none."""
    return _any_of("id", filter(is_id, file_ids))


def by_names(names: Iterable[str]) -> Iterator[Search]:
    """Yield as few searches as files of some names need; names that no query can hold safely are in none."""
    return _any_of("name", filter(is_askable, names))


def is_id(text: str) -> bool:
    """Tell whether a file ID may stand in a search: 24 hexadecimal digits, as ImageKit makes them.

    A single other one may make the library refuse the whole search.
    """
    return _ID.fullmatch(text) is not None


_ID = re.compile("[0-9a-f]{24}")


def is_askable(text: str) -> bool:
    """Tell whether a query can hold a text so that it can be read in one way only."""
    return text.isprintable() and '"' not in text and "\\" not in text and len(quote(text)) < MAX_QUERY_BYTES // 2


def below(folder: str) -> str:
    """Return the query for a folder, with a slash at its end, and all its subfolders."""
    return f'path : "{folder}"'


def created_since(listing: Listing, second: str) -> Listing:
    """Return a listing without the files that were created before a second, like `2024-01-31T23:59:59` (UTC).

    A searchQuery makes the parameter `type` void (OpenAPI), so the query names the type.
    """
    query = 'type = "file"' if listing.query is None else f"({listing.query})"
    return listing._replace(query=f'{query} AND createdAt >= "{second}"')


def nothing(name: str) -> Listing:
    """Return a search that can find nothing: by a name that no file has.

    A library that finds something ignores queries.
    """
    return Listing(f'name = "{name}"')


def _any_of(field: str, texts: Iterable[str]) -> Iterator[Search]:
    room = MAX_QUERY_BYTES - len(quote(f"{field} IN []"))
    group: list[str] = []
    length = 0
    for text in texts:
        size = len(quote(f'"{text}",'))
        if group and length + size > room:
            yield _search(field, group)
            group, length = [], 0
        group.append(text)
        length += size
    if group:
        yield _search(field, group)


def _search(field: str, texts: list[str]) -> Search:
    listed = ",".join(f'"{text}"' for text in texts)
    return Search(f"{field} IN [{listed}]", tuple(texts))
