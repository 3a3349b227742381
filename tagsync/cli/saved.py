"""Saved documents read from files, their digests checked; what is in them is for others to judge."""

from pathlib import Path

from tagsync.errors import DamagedError, DocumentError
from tagsync.model import Plan, Report
from tagsync.planning.digest import digest_of
from tagsync.reporting.saved import MAX_DOCUMENT_BYTES, read_document


def read_saved(file: Path) -> Plan | Report:
    """Return the plan or report that a file holds.

    Raises:
        DamagedError: it is not as it was written.
        DocumentError: it cannot be read, or is neither.
    """
    try:
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise DocumentError(f"{file} is larger than {MAX_DOCUMENT_BYTES >> 20} MiB, which no plan or report is")
        with file.open("rb") as stream:
            document = read_document(stream if stream.seekable() else stream.read(), str(file))
    except OSError as error:
        raise DocumentError(f"{file} cannot be read: {error.strerror}") from error
    if isinstance(document, Plan) and digest_of(document) != document.digest:
        raise DamagedError(f"{file} is not as it was written (its digest does not fit): plan again")
    return document
