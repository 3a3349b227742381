"""Select files by glob, folder and tags."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass

from tagsync.globs import capture_glob, path_matcher
from tagsync.model import CurrentFile, all_normalized, normalized


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilter:
    """Which files to list; a file has to meet all conditions.

    Attributes:
        glob: a glob over paths; None for any path.
        folder: a folder, with a slash at its end, that contains the file.
        tags: ordinary tags that the file has; spellings that are equal under NFC are the same tag.
        ai_tags: names of AI tags that it has, from any source.
        query: a searchQuery that finds it; None for no query.
    """

    glob: str | None = None
    folder: str = "/"
    tags: Collection[str] = ()
    ai_tags: Collection[str] = ()
    query: str | None = None


def selected(files: Iterable[CurrentFile], wanted: FileFilter, found: Container[str] | None) -> Iterator[CurrentFile]:
    """Yield the files that meet all conditions, in their order.

    Args:
        files: the files.
        wanted: the conditions.
        found: the IDs of the files that the query finds; None if there is no query.
    """
    matches = _matcher(wanted.glob) if wanted.glob is not None else None
    folder = "" if wanted.folder == "/" else wanted.folder
    tags, ai_tags = (frozenset(map(normalized, names)) for names in (wanted.tags, wanted.ai_tags))
    for file in files:
        if (
            file.path.startswith(folder)
            and (matches is None or matches(file.path))
            and (not tags or tags.issubset(all_normalized(file.tags)))
            and (not ai_tags or ai_tags.issubset(normalized(tag.name) for tag in file.ai_tags))
            and (found is None or file.file_id in found)
        ):
            yield file


def _matcher(glob: str) -> Callable[[str], object]:
    """Return a function that returns a true value for matching paths; a glob may have the captures of a rule."""
    return capture_glob(glob).match if "{" in glob else path_matcher(glob)
