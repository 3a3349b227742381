"""Find `tagsync.yaml`, read it and select one of its environments.

Anyone who opens a pull request can edit this file, and the next plan runs with a key. So it names nothing outside the
repository, no endpoint, and no environment variable but those that begin with `IMAGEKIT_`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from tagsync.environment import setting
from tagsync.errors import UsageError
from tagsync.escape import quoted, shown
from tagsync.manifest.document_reader import DocumentReader
from tagsync.manifest.error_list import ErrorList
from tagsync.manifest.files import CONFIG_NAME, Located, read
from tagsync.manifest.yaml import PARSER, Map, Seq
from tagsync.model import Config, Origin, unpacked
from tagsync.workspace.git import top_of

_MAX_BYTES = 1 << 20

_NOT_FOUND = f"no {CONFIG_NAME} in this folder, or above it up to the top of the git repository"

_SETTINGS = ("manifests", "policy", "account", "key")


class ConfigPlace(NamedTuple):
    """A `tagsync.yaml`, and the resolved top of the repository that its paths must not leave."""

    file: Path
    top: Path


def find_config(folder: str | os.PathLike[str] = ".") -> ConfigPlace | None:
    """Return the nearest `tagsync.yaml` in a folder or above it; None if there is none.

    Outside a git repository only the folder itself counts: above it may be folders that anyone can write to.
    """
    here = Path(os.path.realpath(folder))
    found = next((above for above in (here, *here.parents) if os.path.lexists(above / CONFIG_NAME)), None)
    if found is None:
        return None
    # Git is asked only now, so that runs without such a file do not pay for it.
    top = top_of(here)
    if top is not None and found.is_relative_to(top):
        return ConfigPlace(found / CONFIG_NAME, top)
    return ConfigPlace(found / CONFIG_NAME, here) if found == here else None


def read_config(environment: str | None = None, *, folder: str | os.PathLike[str] = ".") -> Config:
    """Read the nearest `tagsync.yaml`, and select an environment.

    Args:
        environment: the name of the environment; if None, `TAGSYNC_ENV` or the file names it.
        folder: where to search; then above it, up to the top of its git repository.

    Raises:
        ManifestError: the file has errors.
        UsageError: there is no such file or environment, or none is selected.
    """
    if environment is None and (named := setting("TAGSYNC_ENV")):
        environment = named.value
    place = find_config(folder)
    if place is None:
        wanted = "" if environment is None else f"environment {quoted(environment)}: "
        instead = "" if environment is None else ", or leave the environment out"
        raise UsageError(f"{wanted}there is {_NOT_FOUND}: create one{instead}")
    reader = _ConfigReader(place)
    tree = reader.read()
    name, origin = reader.select(tree, environment)
    environments: Map = tree.get("environments", Map())
    chosen = Map() if name is None else environments[name]
    reader.check_files(tree, chosen)
    return reader.config(tree, chosen, name, origin)


def manifests_at(file: Path, top: Path, environment: str | None) -> list[Path] | None:
    """Return the manifests that an earlier `tagsync.yaml` names for an environment, relative to the top.

    Args:
        file: the file in a copy of the repository.
        top: the resolved top of the copy.
        environment: the environment's name. If the file has no environments, its settings are for all.

    Returns:
        The paths of files and folders, which may not exist; None if the file does not name any for this environment.

    Raises:
        ManifestError: the file has errors.
    """
    tree = _ConfigReader(ConfigPlace(file, top)).read()
    environments: Map = tree.get("environments", Map())
    if environments and environment not in environments:
        return None
    chosen = (tree, environments.get(environment or "", Map()))
    named = [path for settings in chosen for path, _ in _manifests(settings)]
    return [Path(os.path.realpath(file.parent / path)).relative_to(top) for path in dict.fromkeys(named)] or None


class _ConfigReader:
    """Reads one file.

    Args:
        place: the file.
    """

    def __init__(self, place: ConfigPlace) -> None:
        self._place = place
        self._shown_as = os.path.relpath(place.file)
        self._errors = ErrorList()

    def read(self) -> Map:
        """Return the document.

        Raises:
            ManifestError: with every error in the file.
        """
        tree = self._document()
        if tree is not None:
            self._check(tree)
        self._errors.check()
        assert tree is not None, "a file without settings is an error"  # noqa: S101 - the reader reports it
        return tree

    def _document(self) -> Map | None:
        located = Located(CONFIG_NAME, self._shown_as, self._place.file)
        if not Path(os.path.realpath(self._place.file)).is_relative_to(self._place.top):
            self._report(0, "symlink", "this link leads out of the repository: put the file itself here")
            return None
        try:
            data = read(located, limit=_MAX_BYTES)
        except OSError as error:
            self._report(0, "unreadable", f"{error.strerror}: check the file and its permissions")
            return None
        except ValueError:
            self._report(0, "unreadable", f"{CONFIG_NAME} must be a regular file of at most 1 MiB: replace it")
            return None
        reader = DocumentReader(located, data, parser=PARSER, take=lambda *_: None, is_config=True)
        reader.read()
        self._errors.absorb(reader.errors)
        for _tree, place in reader.contents.configs[1:]:
            self._report(place, "too-many", "settings start here for a second time: move them into those above")
        # A tree with errors has values that stand for nothing.
        return None if self._errors.count else reader.contents.configs[0][0]

    def _check(self, tree: Map) -> None:
        """Report what no schema can say: names of no environment, and paths that leave the repository."""
        environments: Map = tree.get("environments", Map())
        default = tree.get("defaultEnvironment")
        if default is not None and default not in environments:
            words = f"no environment {quoted(default)} ({_hint(default, environments)})"
            self._report(tree.places["defaultEnvironment"], "environment", words)
        for settings in (tree, *environments.values()):
            for path, place in _paths(settings):
                if fault := self._path_fault(path):
                    self._report(place, "path", fault)

    def _path_fault(self, path: str) -> str | None:
        """Return why a path cannot be used; None if it can."""
        if "\0" in path or os.path.isabs(path):  # noqa: PTH117 - a null character, which Path refuses
            return f"{quoted(path, 200)} is not a relative path: write it relative to this file"
        here = os.path.realpath(self._place.file.parent / path)
        if not Path(here).is_relative_to(self._place.top):
            return (
                f"{quoted(path, 200)} leads out of {shown(str(self._place.top))}: name a path in the repository, or "
                "pass it on the command line"
            )
        return None

    def check_files(self, *used: Map) -> None:
        """Check that the files and folders in these settings exist.

        Another environment may name files that are not in this checkout.

        Raises:
            ManifestError: with each path that does not exist.
        """
        for path, place in (found for settings in used for found in _paths(settings)):
            if not (self._place.file.parent / path).exists():
                words = f"{quoted(path, 200)} does not exist: check the path, which is relative to this file"
                self._report(place, "path", words)
        self._errors.check()

    def select(self, tree: Map, wanted: str | None) -> tuple[str | None, Origin | None]:
        """Return the environment to use, and where the file says so.

        Raises:
            UsageError: there is no such environment, or none is selected.
        """
        environments: Map = tree.get("environments", Map())
        if wanted is not None:
            if wanted not in environments:
                raise UsageError(
                    f"{shown(self._shown_as)} has no environment {quoted(wanted)} ({_hint(wanted, environments)})"
                )
            return wanted, None
        default: str | None = tree.get("defaultEnvironment")
        if default is None and len(environments) == 1:
            [(only, place)] = environments.key_places.items()
            return only, self._origin(place)
        if environments and default is None:
            raise UsageError(
                f"select an environment of {shown(self._shown_as)} with --env or TAGSYNC_ENV: "
                f"{', '.join(environments)}; or set defaultEnvironment there"
            )
        return default, self._origin(tree.places["defaultEnvironment"]) if default else None

    def config(self, tree: Map, chosen: Map, name: str | None, origin: Origin | None) -> Config:
        """Return the settings for an environment: its own before those for all; its manifests are additional."""
        values: dict[str, Any] = {}
        origins = {} if origin is None else {"environment": (origin,)}
        for settings in (tree, chosen):
            for key in _SETTINGS:
                if key in settings:
                    values[key] = settings[key]
                    earlier = origins.get(key, ()) if key == "manifests" else ()
                    origins[key] = (*earlier, self._origin(settings.places[key]))
        both = [path for settings in (tree, chosen) for path in settings.get("manifests", Seq())]
        values["manifests"] = tuple(dict.fromkeys(map(self._from_here, both)))
        if "policy" in values:
            values["policy"] = self._from_here(values["policy"])
        return Config(file=os.path.realpath(self._place.file), environment=name, origins=origins, **values)

    def _from_here(self, path: str) -> str:
        """Return a path as the current folder sees it; `-` alone would be standard input."""
        found = os.path.relpath(self._place.file.parent / path)
        return os.path.join(".", found) if found.startswith("-") else found  # noqa: PTH118 - Path drops the dot

    def _origin(self, place: int) -> Origin:
        return unpacked(self._shown_as, place)

    def _report(self, place: int, code: str, message: str) -> None:
        self._errors.add(self._origin(place), code, message)


def _manifests(settings: Map) -> Iterator[tuple[str, int]]:
    manifests: Seq = settings.get("manifests", Seq())
    yield from zip(manifests, manifests.places, strict=True)


def _paths(settings: Map) -> Iterator[tuple[str, int]]:
    yield from _manifests(settings)
    if "policy" in settings:
        yield settings["policy"], settings.places["policy"]


def _hint(name: str, environments: Mapping[str, Any] | Iterable[str]) -> str:
    known = list(environments)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"it has {', '.join(known)}" if known else "it has no environments"
