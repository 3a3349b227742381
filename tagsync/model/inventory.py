"""Define what an inventory shows: the tags of a library, and how many files and which folders have them."""

from dataclasses import dataclass
from typing import NamedTuple

from tagsync.model.origins import Diagnostic


class FolderCount(NamedTuple):
    """A folder, with a slash at its end, and how many files in it have a tag."""

    path: str
    files: int


class Places(NamedTuple):
    """Where the files with a tag are.

    Attributes:
        folder: the deepest folder that contains all of them.
        folders: the parts of that folder with the most files, at most ten; one if the files are together.
        more: how many other parts there are.
    """

    folder: str
    folders: tuple[FolderCount, ...]
    more: int = 0


class Confidences(NamedTuple):
    """The lowest, middle and highest confidence. Of an even number, the lower of the two in the middle counts."""

    min: float
    median: float
    max: float


class TagUse(NamedTuple):
    """An ordinary tag, as it is written, and the files that have it."""

    name: str
    files: int
    places: Places


class AITagUse(NamedTuple):
    """An AI tag of one source, and the files that have it; `confidence` is None if the library gives none."""

    name: str
    source: str
    files: int
    confidence: Confidences | None
    places: Places


@dataclass(frozen=True, slots=True)
class Inventory:
    """The tags of a library, or of a folder of it.

    Attributes:
        tags: the ordinary tags, those of the most files first.
        ai_tags: the AI tags, those of the most files first.
        files: the number of files.
        tagged: how many of them have an ordinary tag.
        diagnostics: what else was noticed.
    """

    tags: tuple[TagUse, ...] = ()
    ai_tags: tuple[AITagUse, ...] = ()
    files: int = 0
    tagged: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
