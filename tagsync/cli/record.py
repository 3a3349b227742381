"""The export command with --format library: record a library for the sandbox."""

from pathlib import Path

from tagsync.api.record import check_new, partial_of, record_async
from tagsync.cli.configuration import for_library
from tagsync.cli.connection import read_library
from tagsync.cli.options import LibrarySettings, OutputSettings
from tagsync.cli.output import Output
from tagsync.errors import RefusedError, TagsyncError, UsageError
from tagsync.model import counted


def record(folder: str, path: Path | None, library: LibrarySettings, settings: OutputSettings, *, redact: bool) -> int:
    """Read the library, and write its file objects to a new file."""
    if path is None:
        raise UsageError("--format library needs a file: add -o FILE.jsonl")
    check_new(path)
    library = for_library(library, settings)
    output = Output(settings)
    try:
        found = read_library(record_async, library, output, path=path, folder=folder, redact=redact)
    except TagsyncError as error:
        if partial_of(path).exists() and not isinstance(error, UsageError | RefusedError):
            error.add_note(f"{partial_of(path)} keeps what was read: run the same command again to go on")
        raise
    output.diagnostics(found.diagnostics, {}, with_notices=True)
    if not found.files:
        output.warn(f"nothing was recorded: there is no file below {folder}; check the path")
    earlier = f", {found.continued:,} of them by an earlier run" if found.continued else ""
    output.say(f"Recorded {counted(found.files, 'file')} to {path}{earlier}")
    return 0
