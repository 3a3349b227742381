"""A library read in the fewest calls that show all that is needed; what that is, and what it comes to, is said above.

Listing all takes a call for each thousand files. Searches for what manifests name take fewer in a large library, and a
snapshot of an earlier run needs only what has changed since. Whatever does not prove exact gives way to listing all.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from tagsync.errors import RejectedError
from tagsync.events import FilesRead, Listener, ignore
from tagsync.library.client import Client
from tagsync.library.fileobjects import Page
from tagsync.library.refresh import Refresh
from tagsync.library.searches import EVERYTHING, Listing
from tagsync.library.searching import Searching, UnprovenError
from tagsync.library.snapshot import Answer, Snapshot
from tagsync.library.walk import walk
from tagsync.model import CurrentFile, CurrentState, Needs, Reading

_BEGAN = "began"
"""The fact that tells when the kept listing was begun; it is there if there is one, and it is whole."""

_THUMBNAILS = "thumbnails"
"""The fact that is there if the kept listing has the files' thumbnails."""

ALL = Needs(everything="all files were asked for")


class Kept(NamedTuple):
    """Where a snapshot is kept from run to run.

    Attributes:
        place: the file, in a folder that is there; None keeps nothing.
        reuse: whether a listing of an earlier run may be brought up to date instead of reading all again.
    """

    place: Path | None = None
    reuse: bool = False


NOWHERE = Kept()
"""Nothing is kept."""


class LibraryReader:
    """Reads one library; what was read stays open until the reader is closed.

    Args:
        client: the library.
        now: returns the moment, UTC, in ISO 8601.
        kept: where its snapshot is kept.
        concurrency: calls in flight at most.
        random: which pages of an earlier snapshot are compared.
        listener: told of progress.

    Raises:
        StateError: there is no room for the snapshot.
    """

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], str],
        kept: Kept = NOWHERE,
        concurrency: int = 1,
        random: Random | None = None,
        listener: Listener = ignore,
    ) -> None:
        self._client = client
        self._now = now
        self._reuse = kept.reuse
        self._concurrency = concurrency
        self._random = random or Random()  # noqa: S311 - samples, not a secret
        self._listener = listener
        self._reads = client.traffic.reads
        self._whole = Snapshot(kept.place)
        self._some: Snapshot | None = None

    def close(self) -> None:
        """Let go of what was read."""
        self._whole.close()
        if self._some is not None:
            self._some.close()

    async def read(self, needs: Needs = ALL, *, fresh: bool = False) -> CurrentState:
        """Return the library, or as much of it as is needed, and which files each query finds.

        A query may be refused without harm to the others.

        Args:
            needs: what is needed.
            fresh: whether no earlier snapshot will do.

        Raises:
            LibraryError: it could not be read completely.
            StateError: there is no room for the snapshot.
        """
        snapshot, reading = await self._files(needs, reuse=self._reuse and not fresh)
        answers: dict[str, Answer] = {}
        refused: dict[str, str] = {}
        for query in needs.queries:
            try:
                answers[query] = await self._answer(snapshot, query, adding=not reading.is_complete)
            except RejectedError as error:
                refused[query] = str(error)
        return CurrentState(snapshot, answers, refused, self._client.traffic.reads - self._reads, reading)

    def keep(self) -> None:
        """Keep what a refresh has brought for later runs."""
        self._whole.keep()

    def corrected(self, state: CurrentState, files: Mapping[str, CurrentFile | None]) -> CurrentState:
        """Return what was refreshed with other readings of some files; None for one that is gone."""
        self._whole.replace(file for file in files.values() if file is not None)
        self._whole.remove(file_id for file_id, file in files.items() if file is None)
        self.keep()
        return replace(state, read_requests=self._client.traffic.reads - self._reads)

    async def _files(self, needs: Needs, *, reuse: bool) -> tuple[Snapshot, Reading]:
        why, first = needs.everything, None
        if reuse and await self._refreshed():
            return self._whole, Reading("refresh", "only what has changed since an earlier run was asked for")
        if why is None:
            try:
                return await self._searched(needs), Reading("searches", "they take fewer calls than listing all files")
            except UnprovenError as error:
                why, first = str(error), error.first
        await self._list_all(first)
        return self._whole, Reading("listing", why)

    async def _searched(self, needs: Needs) -> Snapshot:
        """Return what searches find.

        Raises:
            UnprovenError: listing all is better.
        """
        self._some = some = Snapshot()
        take = self._taking(some)
        try:
            await Searching(self._client, needs, self._whole, take, concurrency=self._concurrency).run()
        finally:
            self._whole.keep()  # what was learnt of the library on the way
        some.finish()
        return some

    async def _refreshed(self) -> bool:
        """Bring the snapshot of an earlier run up to date, and tell whether that went well."""
        began, now = self._whole.fact(_BEGAN), self._now()
        if began is None or (self._client.thumbnails and self._whole.fact(_THUMBNAILS) is None):
            return False
        refresh = Refresh(self._client, self._whole, began=began, random=self._random, listener=self._listener)
        if not await refresh.run():
            return False
        self._whole.note(_BEGAN, now)
        return True

    async def _list_all(self, first: Page | None) -> None:
        snapshot, now = self._whole, self._now()
        await self._walk(EVERYTHING, snapshot.begin, self._taking(snapshot), first)
        snapshot.finish()
        snapshot.note(_BEGAN, now)
        if self._client.thumbnails:
            snapshot.note(_THUMBNAILS, "")
        snapshot.keep()

    async def _walk(
        self, listing: Listing, begin: Callable[[], None], take: Callable[[Page], None], first: Page | None = None
    ) -> None:
        await walk(self._client, listing, begin=begin, take=take, first=first, concurrency=self._concurrency)

    def _taking(self, snapshot: Snapshot) -> Callable[[Page], None]:
        """Return what takes pages into a snapshot and tells of them."""

        def take(page: Page) -> None:
            snapshot.take(page)
            self._listener(FilesRead(snapshot.rows))

        return take

    async def _answer(self, snapshot: Snapshot, query: str, *, adding: bool) -> Answer:
        """Return what a query finds; its files are added to what was read if all may not be there."""
        answer = snapshot.answer()

        def take(page: Page) -> None:
            answer.take(file.file_id for file in page.files)
            if adding:
                snapshot.replace(page.files)
            self._listener(FilesRead(len(answer), query))

        await self._walk(Listing(query), answer.clear, take)
        return answer
