"""Find the part of a library that manifests need; `library.reading` decides how to read it."""

from collections.abc import Collection, Iterator
from itertools import chain

from tagsync.globs import escaped, literal_prefix
from tagsync.model import ById, ByMatch, ByPath, DesiredState, Entry, Needs

MAX_NAMED = 20_000
"""With more entries than this, all files are read, because searches would hardly take fewer calls."""


def needs(
    desired: DesiredState,
    *others: Collection[Entry],
    everything: str | None = None,
    fields: frozenset[str] = frozenset(),
) -> Needs:
    """Return the part of a library that entries need.

    Args:
        desired: what manifests declare.
        others: more entries, of an earlier revision.
        everything: why all files are needed anyway.
        fields: the library's data that templates of those entries use.
    """
    queries = set(desired.queries())
    if everything is None and max(map(len, (desired.entries, *others))) > MAX_NAMED:
        everything = f"there are more than {MAX_NAMED:,} rules"
    paths, file_ids, required = set[str](), set[str](), set[str]()
    folders, flat = set[str](), set[str]()
    for entry in chain(desired.entries if everything is None else (), *others):
        match entry.selector:
            case ByPath(path):
                paths.add(path)
                required |= _required(entry, path)
            case ById(file_id):
                file_ids.add(file_id)
                required |= _required(entry, file_id)
            case ByMatch(_, str(query)):
                queries.add(query)
            case match:
                assert match.glob is not None  # noqa: S101 - where there is no query there is a glob; tells mypy
                (flat if _is_flat(match.glob) else folders).add(_folder(match.glob))
    if "/" in folders and everything is None:
        everything = "a glob may match in any folder"
    return Needs(
        frozenset(paths),
        frozenset(file_ids),
        tuple(sorted(_outermost(folders))),
        tuple(sorted(flat)),
        tuple(sorted(queries)),
        frozenset(paths | file_ids) - required,
        everything,
        desired.fields | fields,
    )


def needs_of(glob: str | None, folder: str, query: str | None, tag: str | None = None) -> Needs:
    """Return the part of a library with the files that a glob, a folder, a query and a tag all select.

    Args:
        glob: a glob; None for any path.
        folder: a folder, with a slash at its end.
        query: a searchQuery; None for none.
        tag: an ordinary tag or an AI tag; None for none.
    """
    if query is not None:
        return Needs(queries=(query,))
    if glob is not None and escaped(path := literal_prefix(glob)) == glob:
        return Needs(frozenset((path,)), optional=frozenset((path,)))
    inner = folder if glob is None else max(folder, _folder(glob), key=len)
    if glob is not None and inner == _folder(glob) and _is_flat(glob):
        return Needs(flat=(inner,))
    if inner != "/":
        return Needs(folders=(inner,))
    return Needs(everything="all folders were requested") if tag is None else Needs(tag=tag)


def named(desired: DesiredState) -> Iterator[ByPath | ById]:
    """Yield the selectors of files that entries name by path or ID, except those with `ifMissing: skip`."""
    for entry in desired.entries:
        if isinstance(entry.selector, ByPath | ById) and entry.declaration.if_missing != "skip":
            yield entry.selector


def _required(entry: Entry, name: str) -> set[str]:
    """Return a file's name unless it may be missing."""
    return set() if entry.declaration.if_missing == "skip" else {name}


def _folder(glob: str) -> str:
    """Return the deepest folder that contains all paths matched by a glob."""
    return literal_prefix(glob).rpartition("/")[0] + "/"


def _is_flat(glob: str) -> bool:
    """Return whether a glob matches only files directly in its folder."""
    # A glob with an escape counts as deep. That may read too much, but never too little.
    rest = glob[len(_folder(glob)) :]
    return "/" not in rest and "**" not in rest and "\\" not in glob


def _outermost(folders: Collection[str]) -> list[str]:
    """Remove folders that are inside another one."""
    found: list[str] = []
    for folder in sorted(folders):
        if not found or not folder.startswith(found[-1]):
            found.append(folder)
    return found
