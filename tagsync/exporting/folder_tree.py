"""Arrange paths as a tree of folders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tagsync.globs import escaped


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: its path without a trailing slash, its subfolders, and the paths of its direct files."""

    path: str
    folders: list["Folder"] = field(default_factory=list, repr=False)
    files: list[str] = field(default_factory=list, repr=False)

    @property
    def glob(self) -> str:
        """The glob for all files below it."""
        return f"{escaped(self.path)}/**"

    def all_files(self) -> Iterator[str]:
        """Yield the paths of all files below it."""
        stack = [self]
        while stack:
            folder = stack.pop()
            yield from folder.files
            stack += folder.folders


def tree(paths: Iterable[str], root: str) -> list[Folder]:
    """Return the folders of files below `root`, sorted, so that each folder comes before those in it."""
    folders = {root: Folder(root)}
    for path in sorted(paths):
        name = path.rpartition("/")[0]
        missing = []
        while name not in folders:
            missing.append(name)
            name = name.rpartition("/")[0]
        for new in reversed(missing):
            folders[new] = Folder(new)
            folders[name].folders.append(folders[new])
            name = new
        folders[name].files.append(path)
    return [folders[name] for name in sorted(folders)]
