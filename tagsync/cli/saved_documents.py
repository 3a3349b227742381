"""Read saved plans and reports from files; a plan also has to fit its digest and its own changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from tagsync.documents.loader import MAX_DOCUMENT_BYTES, read_document
from tagsync.errors import DamagedError, DocumentError
from tagsync.escape import shown
from tagsync.model import Plan, Report
from tagsync.planning.digest import digest_of
from tagsync.planning.plan_validation import contradiction


def read_saved(file: Path) -> Plan | Report:
    """Return the plan or report that a file holds.

    Raises:
        DamagedError: it is not as it was written, or no plan that tagsync makes.
        DocumentError: it cannot be read, or is neither.
    """
    try:
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise _too_large(file)
        with file.open("rb") as stream, _repeatable(stream, file) as readable:
            document = read_document(readable, str(file))
    except OSError as error:
        raise DocumentError(f"{shown(str(file))} cannot be read: {error.strerror}") from error
    if isinstance(document, Plan):
        if digest_of(document) != document.digest:
            raise DamagedError(f"{shown(str(file))} is not as it was written (its digest does not fit): plan again")
        if words := contradiction(document):
            raise DamagedError(f"{shown(str(file))} is not a plan that tagsync made: {words}; plan again")
    return document


@contextmanager
def _repeatable(stream: BinaryIO, file: Path) -> Iterator[BinaryIO]:
    """Yield a stream that can be read again from its start: a copy of one that cannot, like a pipe."""
    if stream.seekable():
        yield stream
        return
    with TemporaryFile() as copy:
        while piece := stream.read(1 << 20):
            if copy.tell() + len(piece) > MAX_DOCUMENT_BYTES:
                raise _too_large(file)
            copy.write(piece)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def _too_large(file: Path) -> DocumentError:
    return DocumentError(
        f"{shown(str(file))} is larger than {MAX_DOCUMENT_BYTES >> 20} MiB, which no plan or report is"
    )
