"""Suggest the folder that a glob or path without files may mean: itself, or one with another case or a similar name."""

from difflib import get_close_matches

from tagsync.escape import quoted
from tagsync.globs import escaped, literal_prefix
from tagsync.model import folded

_MOST_FOLDERS = 5_000
"""The most folders that are remembered."""

_MOST_COMPARED = 40
"""The most folders that are compared with those: a comparison takes up to a tenth of a second."""

_LEAST_SIMILARITY = 0.75


class Folders:
    """The folders of a library, to find the one that a misspelled folder may mean."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._last = ""
        self._nearest: dict[str, tuple[str, str] | None] = {}

    def note(self, path: str) -> None:
        """Remember the folder of a file."""
        folder = path[: path.rfind("/") + 1]
        # Files come in the order of their paths, so most are in the folder of the one before.
        if folder != self._last and len(self._known) < _MOST_FOLDERS:
            self._known.add(folder)
            self._last = folder

    def nearest(self, folder: str) -> tuple[str, str] | None:
        """Return the part of a folder's path that does not exist, and the folder that it may mean; None if none is.

        Names that differ in digits are no typos.
        """
        if folder not in self._nearest and len(self._nearest) < _MOST_COMPARED:
            self._nearest[folder] = self._compared(folder)
        return self._nearest.get(folder)

    def _compared(self, folder: str) -> tuple[str, str] | None:
        above = "/"
        for name in folder.strip("/").split("/"):
            size = len(above)
            names = {known[size:].partition("/")[0] for known in self._known if known.startswith(above)}
            if name not in names:
                similar = get_close_matches(name, names, cutoff=_LEAST_SIMILARITY)
                found = next((each for each in similar if digits(each) == digits(name)), None)
                return (f"{above}{name}/", f"{above}{found}/") if found else None
            above += f"{name}/"
        return None

    def words(self, glob: str, folder: str) -> str:
        """Return what to write instead of a glob; "" if no folder is similar to the one that it starts with."""
        near = self.nearest(folder)
        if near is None:
            return ""
        wrong, right = map(escaped, near)
        meant = right + glob[len(wrong) :] if glob.startswith(wrong) else f"{right}**"
        return f"the library has no folder {quoted(near[0], 200)}; did you mean {quoted(meant, 200)}?"


def digits(text: str) -> str:
    """Return the digits of a name: names that differ in them are no typos."""
    return "".join(filter(str.isdigit, text))


class FolderHint:
    """Look among files for the folder that a glob or path means.

    Args:
        glob: a glob or path that selects no file.
    """

    def __init__(self, glob: str) -> None:
        prefix = literal_prefix(glob)
        self._glob = glob
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

    def meant(self, folders: Folders) -> str:
        """Return the folder that may be meant; "" if there is none."""
        near = None if self._found else folders.nearest(self._folder)
        return near[1] if near else self._found

    def words(self, folders: Folders) -> str:
        """Return what to write instead; "" if no folder is similar.

        Args:
            folders: those of the files.
        """
        if self.glob:
            return f"to select the files of a folder, write {quoted(self.glob, 200)}"
        if self._found and self._found != self._folder:
            return (
                f"the library has {quoted(self._found, 200)}, and globs are case-sensitive: write the folder like that"
            )
        return "" if self._found else folders.words(self._glob, self._folder)
