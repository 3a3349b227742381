"""Write a text file whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = True, mode: int = 0o600) -> Iterator[TextIO]:
    """Yield a stream, and put its text in place of a file once the block ends without an error.

    Args:
        path: the file; its folder exists.
        overwrite: whether a file that is already there is replaced.
        mode: the permissions of the file.

    Raises:
        FileExistsError: there is a file, and `overwrite` is false.
        OSError: the file cannot be written; an old one is as it was.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".tagsync-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
            os.fchmod(descriptor, mode)
        if overwrite:
            temporary.replace(path)
        else:
            # Unlike a rename, a link never replaces a file that somebody else has just made.
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
