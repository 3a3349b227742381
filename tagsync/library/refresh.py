"""A snapshot of an earlier run brought up to date by what has changed since; what does not fit calls for a listing.

Files are listed in the order of their creation, which nothing changes: the last file that the snapshot knows stands
where it stood if none before it has gone, and new ones stand behind it. That the moment of a change moves with every
change is not documented; so some pages are read again and compared.
"""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from random import Random

from tagsync.errors import RejectedError
from tagsync.events import FilesRead, Listener
from tagsync.library.client import Client
from tagsync.library.searches import Listing, changed_since
from tagsync.library.snapshot import Snapshot
from tagsync.library.walk import MisfitError, pages
from tagsync.model import CurrentFile

OVERLAP = timedelta(hours=1)
"""So much before the snapshot was begun, changes are looked for again: clocks differ, and indexes lag."""

SAMPLES = 2
"""So many pages are read again to see whether the snapshot shows what the library shows."""

_WORTHWHILE = 0.5
"""Where more of the library than this has changed, all is listed."""


class Refresh:
    """Brings a snapshot up to date.

    Args:
        client: the library.
        snapshot: one of an earlier run; it is written to, and must not be kept unless `run` says that it is whole.
        began: when that read began, as the library writes moments.
        random: which pages are compared.
        listener: told of progress.
    """

    def __init__(self, client: Client, snapshot: Snapshot, *, began: str, random: Random, listener: Listener) -> None:
        self._client = client
        self._snapshot = snapshot
        self._began = began
        self._random = random
        self._listener = listener

    async def run(self) -> bool:
        """Return whether the snapshot now is what a listing would show, as far as can be told without one."""
        snapshot, size = self._snapshot, len(self._snapshot)
        since = _before(self._began, snapshot.newest)
        if since is None or not size or not snapshot.is_numbered:
            return False
        try:
            changed = await self._changed(since)
        except (RejectedError, MisfitError):
            return False
        if changed is None:
            return False
        snapshot.replace(changed)
        return await self._has_same_end(size) and await self._shows_the_same(size)

    async def _changed(self, since: str) -> list[CurrentFile] | None:
        """Return the files that have changed since a moment; None if the library found others, or too many."""
        found: list[CurrentFile] = []
        async with aclosing(pages(self._client, Listing(changed_since(since)))) as read:
            async for page in read:
                if any(file.updated_at < since for file in page.files):
                    return None
                found += page.files
                if len(found) > len(self._snapshot) * _WORTHWHILE:
                    return None
                self._listener(FilesRead(len(found)))
        return found

    async def _has_same_end(self, size: int) -> bool:
        """Tell whether the listing still has the last file that was known in its place, and behind it just the new."""
        page = await self._client.page(skip=size - 1)
        known = self._snapshot.slice(size - 1, self._client.page_limit)
        return len(page.rows) < self._client.page_limit and _ids(page.files) == _ids(known)

    async def _shows_the_same(self, size: int) -> bool:
        """Tell whether some pages, any of them, show what the snapshot holds."""
        length = self._client.page_limit
        starts = range(0, size, length)
        for start in self._random.sample(starts, min(SAMPLES, len(starts))):
            page = await self._client.page(skip=start)
            if list(page.files) != list(self._snapshot.slice(start, length)):
                return False
        return True


def _before(began: str, newest: str | None) -> str | None:
    """Return the moment from which on changes count as new; None if that cannot be told."""
    try:
        moments = [datetime.fromisoformat(text) for text in (began, newest or "")]
        since = min(moment.astimezone(UTC) for moment in moments) - OVERLAP
    except (ValueError, OverflowError):
        return None
    return since.strftime("%Y-%m-%dT%H:%M:%S")


def _ids(files: Sequence[CurrentFile]) -> list[str]:
    return [file.file_id for file in files]
