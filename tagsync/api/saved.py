"""Read and write plans and reports as files."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TypeVar, cast

from tagsync.documents.loader import MAX_DOCUMENT_BYTES, load_document
from tagsync.documents.writer import plan_document, report_document
from tagsync.errors import DamagedError, DocumentError, UsageError
from tagsync.escape import shown
from tagsync.model import Plan, Report
from tagsync.planning.digest import digest_of
from tagsync.planning.plan_validation import contradiction
from tagsync.workspace.atomic import atomic_write

D = TypeVar("D", Plan, Report)


def write_document(document: Plan | Report, path: str | PathLike[str]) -> None:
    """Write a plan or a report to a file, completely or not at all (mode 0600).

    Raises:
        OSError: the file cannot be written.
    """
    pieces = plan_document(document) if isinstance(document, Plan) else report_document(document)
    with atomic_write(Path(path).resolve()) as stream:
        stream.writelines(pieces)


def read_document(path: str | PathLike[str]) -> Plan | Report:
    """Read a plan or report from a file.

    Raises:
        DamagedError: the file was changed since it was written, or its plan contradicts itself.
        DocumentError: the file cannot be read, or is not a plan or report.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise _too_large(file)
        with file.open("rb") as stream, _seekable(stream, file) as readable:
            document = load_document(readable, str(file))
    except OSError as error:
        raise DocumentError(f"{shown(str(file))} cannot be read: {error.strerror}") from error
    if isinstance(document, Plan):
        if digest_of(document) != document.digest:
            raise DamagedError(f"{shown(str(file))} was changed after tagsync wrote it (wrong digest): plan again")
        if words := contradiction(document):
            raise DamagedError(f"{shown(str(file))} was not made by tagsync: {words}; plan again")
    return document


def read_saved(path: str | PathLike[str], kind: type[D], advice: str) -> D:
    """Read a document of one kind from a file; see `read_document`.

    Raises:
        UsageError: the file has the other kind; the message ends with the advice.
    """
    found = read_document(path)
    if isinstance(found, kind):
        return found
    raise UsageError(f"{shown(str(path))} is a {'report' if kind is Plan else 'plan'}: {advice}")


@contextmanager
def _seekable(stream: BinaryIO, file: Path) -> Iterator[BinaryIO]:
    """Yield a stream that can be read twice: a temporary copy if the stream is a pipe."""
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
        f"{shown(str(file))} is larger than {MAX_DOCUMENT_BYTES >> 20} MiB: it is not a plan or report"
    )
