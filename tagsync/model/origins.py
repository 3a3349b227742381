"""Define places in manifests, and diagnostics about them."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "info"]


class Origin(NamedTuple):
    """A place in a manifest; line and column (in characters) count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class RuleName(StrEnum):
    """The field of a manifest that asks for a change; `prune` stands for a tag that is no longer declared."""

    TAGS = "tags"
    ABSENT = "absent"
    UNTIL = "until"
    EXCLUSIVE = "exclusive"
    PRUNE = "prune"
    RENAMES = "renames"
    REMOVE_FORBIDDEN = "removeForbidden"
    AI_REMOVE = "aiTags.remove"
    AI_MIN_CONFIDENCE = "aiTags.minConfidence"
    AI_KEEP = "aiTags.keep"
    AI_PROMOTE = "aiTags.promote"


class Reason(NamedTuple):
    """A place that asks for a change, and the kind of rule."""

    origin: Origin
    rule: str


class Diagnostic(NamedTuple):
    """An error, warning or notice; `origin` is None if it is not about a manifest."""

    level: Level
    code: str
    message: str
    origin: Origin | None = None

    @property
    def where(self) -> str:
        """The place as people need it: without line and column if they say nothing; "" if there is no place."""
        if self.origin and self.code in _ABOUT_FILES:
            return self.origin.file
        return str(self.origin or "")


_FILE = re.compile(r"(?<![^ (])[^ (:]++(?=:[0-9]+:[0-9])")
"""The file of a place in a message."""

_ABOUT_FILES = frozenset({"no-such-file", "no-manifests", "unreadable", "symlink"})
"""The codes of errors about a whole file or folder. JSON has line 1 and column 1 for them."""

NO_LONGER_DECLARED = "no-longer-declared"
"""The code of the notice about tags that pruning would remove. Formats show it like a warning."""


class Unlisted(NamedTuple):
    """The number of diagnostics of a level and code that a plan does not list."""

    level: Level
    code: str
    more: int


def as_shown(diagnostic: Diagnostic, names: Mapping[str, str]) -> Diagnostic:
    """Replace the names of manifests by those that the user gave, in a diagnostic's origin and in its message."""
    origin = diagnostic.origin
    return diagnostic._replace(
        origin=origin and origin._replace(file=names.get(origin.file, origin.file)),
        message=message_as_shown(diagnostic.message, names),
    )


def message_as_shown(message: str, names: Mapping[str, str]) -> str:
    """Replace the names of manifests in the places that a message names by those that the user gave."""
    return _FILE.sub(lambda found: names.get(found[0], found[0]), message) if names else message


def commit_of(origin: Origin) -> str:
    """Return the commit in the place of a rule of an earlier revision, whose file is `COMMIT:PATH`."""
    return origin.file.partition(":")[0]


def packed(line: int, column: int) -> int:
    """Pack a place into one number; line and column count from 0."""
    return line << 32 | column


def unpacked(manifest: str, place: int) -> Origin:
    """Return the origin of a packed place."""
    return Origin(manifest, (place >> 32) + 1, (place & 0xFFFFFFFF) + 1)


class Texts(NamedTuple):
    """Texts as written, each with its place (see `Declaration` for the format of places)."""

    values: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def followed_by(self, other: "Texts") -> "Texts":
        """Concatenate both; if one is empty, return the other itself, so that entries share it."""
        if not other.values:
            return self
        if not self.values:
            return other
        return Texts(self.values + other.values, self.places + other.places)

    def pairs(self) -> Iterator[tuple[str, int]]:
        """Yield each text with its place."""
        return zip(self.values, self.places, strict=True)


NO_TEXTS = Texts()


class ManifestRef(NamedTuple):
    """A manifest that was read: its name (relative, with `/`), the SHA-256 of its bytes, and the name to show."""

    path: str
    sha256: str
    shown_as: str
