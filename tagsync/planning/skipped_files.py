"""Describe files that are skipped because they share a path or cannot be read."""

from collections.abc import Sequence

from tagsync.escape import quoted
from tagsync.model import ById, CurrentFile, Diagnostic, Entry, Origin, Unreadable

_NAMED = 5
"""The most IDs in a message."""


def names_one(entries: Sequence[Entry]) -> bool:
    """Return whether an entry names a file by its ID, which tells it from files with the same path."""
    return any(isinstance(entry.selector, ById) for entry in entries)


def twins_finding(file: CurrentFile, file_ids: Sequence[str], origin: Origin) -> Diagnostic:
    """Return the warning about a file that is skipped because others share its path."""
    ids = ", ".join(quoted(file_id, 40) for file_id in file_ids[:_NAMED])
    more = f" and {len(file_ids) - _NAMED:,} more" if len(file_ids) > _NAMED else ""
    message = (
        f"{len(file_ids):,} files have the same path {quoted(file.path, 200)}, or one equal under Unicode NFC "
        f"(IDs {ids}{more}), and are not changed: select the one that you mean by fileId"
    )
    return Diagnostic("warning", "twins", message, origin)


def unreadable_finding(unreadable: Unreadable, entry: Entry | None = None) -> Diagnostic:
    """Return the warning about an unreadable file object, at the entry that selects it, if any."""
    names = [f"the ID {quoted(unreadable.file_id)}"] if unreadable.file_id else []
    names += [f"the path {quoted(unreadable.path, 200)}"] if unreadable.path else []
    message = (
        f"ImageKit lists a file with {' and '.join(names) or 'neither an ID nor a path'} that tagsync cannot read: "
        f"{unreadable.why}; it is not changed; correct it in ImageKit"
    )
    return Diagnostic("warning", "unreadable", message, entry.origin() if entry else None)
