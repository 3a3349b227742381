"""A library read as far as manifests need it, and compared with them; read further where that proves too little."""

from collections.abc import Callable
from contextlib import closing

from tagsync.library.client import Client
from tagsync.library.reading import LibraryReader
from tagsync.library.reread import Rereader
from tagsync.model import CurrentState, GuardId, Needs, Op, Plan

_WORTHWHILE = 0.1
"""Where more of the library than this would have to be read again, all of it is."""

Compare = Callable[[CurrentState], Plan]
"""Makes the plan of what was read; called again with more."""


async def compared(reader: LibraryReader, client: Client, needs: Needs, compare: Compare, *, concurrency: int) -> Plan:
    """Return the plan of a library that is read in as few calls as show all that the plan depends on.

    Args:
        reader: reads the library; closed at the end.
        client: the library.
        needs: what of it has to be read.
        compare: makes the plan.
        concurrency: calls in flight at most.

    Raises:
        LibraryError: it could not be read completely.
        StateError: there is no room for what was read.
    """
    with closing(reader):
        current = await reader.read(needs)
        plan = compare(current)
        if current.reading.way == "refresh":
            touched = _loses(plan)
            if not touched:
                reader.keep()
                return plan
            # What others did to a file may show in no list of changes: nothing is removed on its word alone.
            size = len(current.files)
            if len(touched) <= size * _WORTHWHILE:
                found = await Rereader(client, library_size=size, concurrency=concurrency).many(touched)
                if found.keys() >= set(touched):
                    return compare(reader.corrected(current, found))
        elif current.reading.is_complete or not _seems_to_add_too_many(plan):
            return plan
        why = "files could not be read again" if current.reading.is_complete else "new tags may be there on other files"
        return compare(await reader.read(needs._replace(everything=why), fresh=True))


def _loses(plan: Plan) -> list[str]:
    """Return the ids of the files that are to lose a tag."""
    return [change.file.file_id for change in plan.changes if any(item.op is not Op.ADD for item in change.changes)]


def _seems_to_add_too_many(plan: Plan) -> bool:
    """Tell whether a guard blocks because tags are new to the files that were read; others may have them."""
    return any(guard.id is GuardId.NEW_TAGS and guard.blocked for guard in plan.guards)
