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
    """The lowest, median and highest confidence, in percent."""

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


class SuggestedRename(NamedTuple):
    """A tag that is probably another spelling of a more frequent one.

    Attributes:
        old: the tag to rename.
        new: its new name.
        reason: how the two differ, or that they are on the same files.
        files: how many files have the old tag.
        new_files: how many files have the new one already.
        batches: the most API calls that the rename takes.
        is_certain: whether the spelling alone suggests it; otherwise a person has to decide.
    """

    old: str
    new: str
    reason: str
    files: int
    new_files: int
    batches: int
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Renames that would unite near-duplicate tags.

    Attributes:
        renames: the suggestions, the certain ones first, each kind by files. No new name is itself renamed.
        tags: how many tags were compared.
        files: how many files have them.
        diagnostics: what else was noticed.
    """

    renames: tuple[SuggestedRename, ...] = ()
    tags: int = 0
    files: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


MIN_COMPARED = 30
"""Fewer AI tags say nothing about an auto-tagger."""


class Agreement(NamedTuple):
    """How often AI tags agree with the ordinary tags of their files.

    Attributes:
        files: how many AI tags were compared.
        agreeing: how many of them are also ordinary tags of their file.
        min_confidence: the lowest confidence from which at least 95 % agree; None if there is none.
        files_from: how many of them have at least this confidence.
        agreeing_from: how many of these agree.
        always: whether at least 95 % agree at any confidence.
        never: whether at least 95 % do not agree.
    """

    files: int
    agreeing: int
    min_confidence: float | None = None
    files_from: int = 0
    agreeing_from: int = 0
    always: bool = False
    never: bool = False


class SourceAgreement(NamedTuple):
    """The agreement of one auto-tagger: in all, and for each name that is also an ordinary tag somewhere.

    Attributes:
        source: the auto-tagger.
        total: the agreement of all names together.
        names: the agreement of each name, those of the most files first.
        unknown: how many other names there are; about these, ordinary tags say nothing.
    """

    source: str
    total: Agreement
    names: tuple[tuple[str, Agreement], ...]
    unknown: int


@dataclass(frozen=True, slots=True)
class AIComparison:
    """AI tags compared with the ordinary tags that people gave.

    Attributes:
        sources: the auto-taggers, by name.
        files: how many files have both kinds of tags.
        folder: the folder that was compared.
        diagnostics: what else was noticed.
    """

    sources: tuple[SourceAgreement, ...] = ()
    files: int = 0
    folder: str = "/"
    diagnostics: tuple[Diagnostic, ...] = ()
