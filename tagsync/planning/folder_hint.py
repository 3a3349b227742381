"""Suggest the folder that a glob or path without files may mean: itself, or one with another case."""

from tagsync.escape import quoted
from tagsync.globs import escaped, literal_prefix
from tagsync.model import folded


class FolderHint:
    """Look among files for the folder that a glob or path means.

    Args:
        glob: a glob or path that selects no file.
    """

    def __init__(self, glob: str) -> None:
        prefix = literal_prefix(glob)
        self._names_folder = escaped(prefix) == glob
        """Whether the whole glob may be the name of a folder; otherwise its start is."""
        self._folder = (prefix.rstrip("/") if self._names_folder else prefix.rpartition("/")[0]) + "/"
        self._key = folded(self._folder)
        self._found = ""

    def note(self, path: str, key: str) -> None:
        """Look at a file.

        Args:
            path: its path.
            key: the folded path.
        """
        if not self._found and key.startswith(self._key):
            self._found = "/".join(path.split("/")[: self._key.count("/")]) + "/"

    @property
    def glob(self) -> str | None:
        """The glob over the files of the folder that the whole glob names; None if it names none."""
        return f"{self._found}**" if self._found and self._names_folder else None

    def words(self) -> str:
        """Return what to write instead; "" if no folder is similar."""
        if self.glob:
            return f"to select the files of a folder, write {quoted(self.glob, 200)}"
        if self._found and self._found != self._folder:
            return (
                f"the library has {quoted(self._found, 200)}, and globs are case-sensitive: write the folder like that"
            )
        return ""
