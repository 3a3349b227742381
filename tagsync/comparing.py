"""Read a library as far as manifests need it, and compare them with it; read further where that proves too little."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace

from tagsync.library.reading.reader import LibraryReader
from tagsync.model import ById, ByPath, CurrentState, GuardId, Needs, Plan

Compare = Callable[[CurrentState], Plan]
"""Makes the plan of what was read; called again with more."""


async def compared(
    reader: LibraryReader, needs: Needs, compare: Compare, declared: Callable[[], Iterable[ByPath | ById]]
) -> Plan:
    """Return the plan of a library that is read in as few calls as show all that the plan depends on.

    Args:
        reader: reads the library; closed at the end.
        needs: what of it has to be read.
        compare: makes the plan.
        declared: returns what manifests name and somebody is told of if it does not exist.

    Raises:
        LibraryError: it could not be read completely.
        StateError: there is no room for what was read.
    """
    with closing(reader):
        current = await reader.read(needs)
        plan = compare(current)
        if not current.reading.is_complete and _seems_to_add_too_many(plan):
            current = await reader.read(needs._replace(everything="new tags may be there on other files"))
            plan = compare(current)
        if plan.summary.missing:
            return await _looked_up(reader, current, plan, compare, declared())
        return plan


async def _looked_up(
    reader: LibraryReader, current: CurrentState, plan: Plan, compare: Compare, declared: Iterable[ByPath | ById]
) -> Plan:
    """Return the plan with the declared files that exist although they were not listed."""
    looked = await reader.looked_up(current, declared)
    said = tuple(item for item in looked.diagnostics if item not in current.diagnostics)
    if looked.unreadable != current.unreadable or any(item.level != "info" for item in said):
        return compare(looked)
    # Nothing was found: to compare hundreds of thousands of missing files again would change nothing.
    inputs = plan.inputs._replace(read_requests=looked.read_requests)
    return replace(plan, inputs=inputs, diagnostics=(*said, *plan.diagnostics))


def _seems_to_add_too_many(plan: Plan) -> bool:
    """Tell whether a guard blocks because tags are new to the files that were read; others may have them."""
    return any(guard.id is GuardId.NEW_TAGS and guard.blocked for guard in plan.guards)
