"""Places in manifests, and diagnostics about them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "info"]


class Origin(NamedTuple):
    """A place in a manifest; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(NamedTuple):
    """Something a person should know; `origin` is None where no manifest is to blame."""

    level: Level
    code: str
    message: str
    origin: Origin | None = None


class Unlisted(NamedTuple):
    """How many more diagnostics of a level and code there are than a plan lists."""

    level: Level
    code: str
    more: int


def as_shown(diagnostic: Diagnostic, names: Mapping[str, str]) -> Diagnostic:
    """Return a diagnostic that names its file as `names` do: as the user gave it, not as documents call it."""
    origin = diagnostic.origin
    return diagnostic._replace(origin=origin and origin._replace(file=names.get(origin.file, origin.file)))


def packed(line: int, column: int) -> int:
    """Return a place as one number; line and column count from 0."""
    return line << 32 | column


def unpacked(manifest: str, place: int) -> Origin:
    """Return the origin that a packed place stands for."""
    return Origin(manifest, (place >> 32) + 1, (place & 0xFFFFFFFF) + 1)


class ManifestRef(NamedTuple):
    """A manifest that was read: its name (relative, with `/`), the sha256 of its bytes, and how to show it."""

    path: str
    sha256: str
    shown_as: str
