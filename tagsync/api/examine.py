"""Examine an account: compare how its API behaves with what tagsync expects."""

from tagsync.api.gather import now
from tagsync.api.inventory import ls_async
from tagsync.api.keep import Workspace
from tagsync.concurrency import blocking
from tagsync.errors import LibraryError, UsageError
from tagsync.events import ApiCalls, Event, Listener, ignore
from tagsync.examining.chosen_file import chosen_file
from tagsync.examining.examination import examine
from tagsync.examining.note import read_note, remove_note, write_note
from tagsync.examining.restoring import restore
from tagsync.examining.writes import Trial, note_of
from tagsync.library.imagekit.probe import Probe
from tagsync.library.target import Target, probing
from tagsync.model import Diagnosis, Finding
from tagsync.planning.filter import folder_fault


async def doctor_async(
    target: Target, *, workspace: Workspace | None = None, write_on: str | None = None, listener: Listener = ignore
) -> Diagnosis:
    """Examine an account with at most 60 API calls that only read.

    If an earlier run was killed while it wrote on a file, restore that file first.

    Args:
        target: the library.
        workspace: keeps a note of the file that is written on; needed for `write_on`.
        write_on: the path of a file to test writes on; it is restored afterwards. None to only read.
        listener: receives progress events.

    Raises:
        LibraryError: the library cannot be read, or the file cannot be restored.
        UnknownPathError: there is no such file.
        RefusedError: the file is not suitable, or an apply of this library is running.
        StateError: the state directory cannot be used.
        UsageError: `write_on` is given without a workspace.
    """
    if write_on is not None and workspace is None:
        raise UsageError("write_on needs a workspace, which saves the file's tags until they are restored")
    reads = 0
    async with probing(target, listener) as probe:
        restored = await _restored(probe, workspace) if workspace else ""
        try:
            found = await examine(probe, target.name, listener)
        except LibraryError as error:
            if restored:
                error.add_note(f"restored after an interrupted run: {restored}")
            raise
        if workspace and write_on is not None:
            search = _Search(target, write_on, listener)
            found |= await _written(probe, workspace, write_on, search, listener)
            reads = search.reads
        reads += probe.traffic.reads
        return Diagnosis(tuple(found.values()), now(), reads, probe.traffic.bulk_calls, restored)


doctor = blocking(doctor_async)


async def _restored(probe: Probe, workspace: Workspace) -> str:
    """Restore the file of an interrupted run; return the result, empty if there was none."""
    place = workspace.examined
    if place is None or not place.exists():
        return ""
    with workspace.lock():
        note = read_note(place)
        if note is None:
            return ""
        result = await restore(probe, note, None)
        remove_note(place)
    return result


class _Search:
    """Looks for a file in the whole library, as `ls` does.

    Attributes:
        reads: the number of API calls.
    """

    def __init__(self, target: Target, path: str, listener: Listener) -> None:
        self._target = target
        self._path = path
        self._listener = listener
        self.reads = 0

    async def __call__(self) -> set[str]:
        """Return the IDs of the files at the path."""
        folder = self._path.rpartition("/")[0] + "/"
        if folder_fault(folder):
            return set()
        found = await ls_async(self._target, folder=folder, listener=self._heard)
        return {file.file_id for file in found if file.path == self._path}

    def _heard(self, event: Event) -> None:
        if isinstance(event, ApiCalls):
            self.reads += event.reads
        self._listener(event)


async def _written(
    probe: Probe, workspace: Workspace, path: str, search: _Search, listener: Listener
) -> dict[str, Finding]:
    """Test writes on a file, and restore it whatever happens."""
    with workspace.lock():
        file, listing = await chosen_file(probe, path, search)
        place = workspace.note_of_examination()
        note = note_of(file)
        write_note(note, place)
        trial = Trial(probe, file, listing, listener)
        try:
            await trial.run()
        finally:
            await restore(probe, note, trial.lag, listener)
            remove_note(place)
    return trial.findings
