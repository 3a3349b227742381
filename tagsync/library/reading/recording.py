"""Record the file objects of a library in a partial file, which a later run can go on with after an interruption."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

from tagsync.errors import RefusedError, StateError
from tagsync.escape import quoted, shown
from tagsync.library.protocol import EVERYTHING, Library, Page
from tagsync.library.reading.pagination import MAX_READINGS, MisfitError, Place, places, unstable
from tagsync.library.reading.reader import MAX_UNREADABLE, check_readable
from tagsync.model import Unreadable
from tagsync.spool import SelfClosingDatabase
from tagsync.workspace.state_dir import check_database

_TABLES = (
    "create table files (id text primary key, object blob not null)",
    "create table unreadable (id text, path text, why text, unique (id, path, why))",
    "create table recording (about text, place text)",
)


class Recording:
    """The files that were read so far, in an SQLite database. Its transactions survive a kill at any moment.

    Args:
        path: the partial file, which no other user can write.
        about: what is recorded, in the words of messages; an existing file must be about the same.

    Raises:
        RefusedError: the file is about something else, or another process is writing it.
        StateError: the file cannot be used.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path = path
        try:
            check_database(path)
        except StateError as error:
            raise StateError(f"{shown(str(path))} is not a private file of yours: remove it and run again") from error
        with self._errors_named():
            if is_new := not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._database = SelfClosingDatabase(path)
        try:
            with self._errors_named():
                self._seen, self._place = self._begun(about, is_new=is_new)
        except BaseException:
            self._database.close()  # its lock would stay as long as a traceback refers to it
            raise

    def _begun(self, about: Mapping[str, str], *, is_new: bool) -> tuple[int, Place | None]:
        """Lock the file, and return how many files it has seen, and the last page."""
        # The lock is held until the database is closed, so that two runs do not write one file.
        self._database.execute("pragma locking_mode = exclusive")
        self._database.execute("begin immediate")
        if is_new or not self._database.execute("select 1 from sqlite_master").fetchone():
            for statement in _TABLES:
                self._database.execute(statement)
            self._database.execute("insert into recording values (null, null)")
        found, place = self._database.execute("select about, place from recording").fetchone()
        if place is None:
            self._database.execute("update recording set about = ?", (json.dumps(dict(about)),))
        self._database.execute("commit")
        if place is None:
            return 0, None
        self._check(json.loads(found), about)
        return _place_of(json.loads(place))

    def _check(self, found: Mapping[str, str], about: Mapping[str, str]) -> None:
        for name, value in about.items():
            if found.get(name) != value:
                raise RefusedError(
                    f"{shown(str(self._path))} is the beginning of a recording of {name} "
                    f"{quoted(str(found.get(name)), 200)}, not {quoted(value, 200)}: repeat that command to finish it, "
                    "or remove the file to start again"
                )

    def __len__(self) -> int:
        with self._errors_named():
            # Rows get their numbers in order, and finding the last one is faster than counting all.
            count: int = self._database.execute("select coalesce(max(rowid), 0) from files").fetchone()[0]
            return count

    def add(self, place: Place, is_wanted: Callable[[str], bool]) -> None:
        """Add the files of a page whose path is wanted, and keep its place for going on after it."""
        page = place.page
        objects = [
            (file.file_id, item) for file, item in zip(page.files, page.objects, strict=True) if is_wanted(file.path)
        ]
        seen = self._seen + len(set(page.rows) - set(self._place.page.rows if self._place else ()))
        kept = {"seen": seen, "since": place.since, "skip": place.skip, "rows": page.rows, "moments": page.moments}
        with self._errors_named():
            self._database.execute("begin")
            # Pages overlap. The later one is newer, and the order is that of the first time.
            self._database.executemany(
                "insert into files values (?, ?) on conflict (id) do update set object = excluded.object", objects
            )
            self._database.executemany("insert or ignore into unreadable values (?, ?, ?)", page.unreadable)
            self._database.execute("update recording set place = ?", (json.dumps(kept),))
            self._database.execute("commit")
        self._place, self._seen = place, seen

    def clear(self) -> None:
        """Forget all files, to read them again."""
        with self._errors_named():
            self._database.execute("begin")
            for statement in ("delete from files", "delete from unreadable", "update recording set place = null"):
                self._database.execute(statement)
            self._database.execute("commit")
        self._place, self._seen = None, 0

    @property
    def place(self) -> Place | None:
        """The last page that was added."""
        return self._place

    @property
    def seen(self) -> int:
        """How many files were read, including those that are not wanted."""
        return self._seen

    def objects(self) -> Iterator[bytes]:
        """Yield the files' JSON, oldest first."""
        with self._errors_named():
            for (item,) in self._database.execute("select object from files order by rowid"):
                yield item

    def unreadable(self) -> tuple[Unreadable, ...]:
        """Return the objects that could not be read."""
        with self._errors_named():
            return tuple(
                [
                    Unreadable(*row)
                    for row in self._database.execute("select * from unreadable limit ?", (MAX_UNREADABLE + 1,))
                ]
            )

    def close(self) -> None:
        """Close the file, and keep it if it has a page."""
        self._database.close()
        if self._place is None:
            self._path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close and remove the file."""
        self._place = None
        self.close()

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        name = shown(str(self._path))
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise RefusedError(f"{name} is in use: another export is writing it") from error
            raise StateError(f"{name} cannot be used: {error}: free some space, or use another folder") from error
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            raise StateError(f"{name} is damaged, or is no partial recording: remove it and run again") from error
        except OSError as error:
            raise StateError(f"{name} cannot be used ({error.strerror}): choose another folder") from error


async def record(
    library: Library,
    recording: Recording,
    *,
    is_wanted: Callable[[str], bool],
    concurrency: int,
    on_page: Callable[[int], None],
) -> bool:
    """Read the whole library into a recording, after the last page that it has.

    Args:
        library: a library that keeps the files' JSON objects.
        recording: where to.
        is_wanted: returns whether to record the file with a path.
        concurrency: the maximum number of concurrent calls.
        on_page: called after each page with the number of files read so far.

    Returns:
        Whether the recording was gone on with; False if it began, or had to begin again because files were deleted.

    Raises:
        LibraryError: a page could not be read, or the pages do not join.
        StateError: the recording cannot be written.
    """
    continued = recording.place is not None
    if continued:
        on_page(recording.seen)
    for _ in range(MAX_READINGS):
        try:
            async with aclosing(places(library, EVERYTHING, after=recording.place, concurrency=concurrency)) as found:
                async for place in found:
                    recording.add(place, is_wanted)
                    check_readable(recording.unreadable() if place.page.unreadable else ())
                    on_page(recording.seen)
        except MisfitError:
            recording.clear()
            continued = False
            continue
        return continued
    raise unstable()


def _place_of(kept: Any) -> tuple[int, Place]:
    rows, moments = (tuple(map(str, kept[name])) for name in ("rows", "moments"))
    return int(kept["seen"]), Place(int(kept["skip"]), Page((), rows, moments), str(kept["since"]))
