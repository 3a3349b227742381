"""Write text files atomically."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

PRIVATE = 0o600


def umask_mode() -> int:
    """Return the permissions that the umask of this process gives a new file."""
    mask = os.umask(0o077)  # the only way to read the mask is to set it
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = True, mode: int = PRIVATE) -> Iterator[TextIO]:
    """Yield a stream; replace the file with its text when the block ends without an error.

    Args:
        path: the file, in an existing folder.
        overwrite: whether to replace an existing file.
        mode: the permissions of the file, `PRIVATE` or those of the umask (`umask_mode`).

    Raises:
        FileExistsError: the file exists, and `overwrite` is false.
        OSError: the file cannot be written; an existing one is unchanged.
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
            # Unlike a rename, a hard link never replaces a file that another process has just created.
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
