"""Turn a library's files into short manifests that declare exactly the tags that the files have.

Tags that all files below a folder have become one `match` rule if that is shorter. `exceptions` does the same for tags
that nearly all files have. `shared_defaults` groups the remaining tags of single files. A `match` covers at least five
files, and never one that lacks its tags. `manifest_text` writes the result as YAML. `csv_text` writes a row for each
file instead.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.exporting import ExportFormat
from tagsync.exporting.csv_text import Row, fits_in_row
from tagsync.exporting.exceptions import MIN_FILES, matches_with_exceptions
from tagsync.exporting.folder_tree import tree
from tagsync.exporting.manifest_text import ManifestDraft, RuleDraft, entry_length, tag_scalar
from tagsync.exporting.shared_defaults import share_defaults
from tagsync.globs import escaped
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.model import (
    CurrentFile,
    Diagnostic,
    is_declarable,
    normalized,
)


class Exported(NamedTuple):
    """The result of an export.

    Attributes:
        manifests: manifests by folder; with the format `csv`, only `library`, for files that cannot be rows.
        files: the number of files.
        tags: the number of their tags.
        diagnostics: warnings of what is left out.
        rows: the rows of the format `csv`.
        kind: the format.
        about: a comment for the manifests, which names the library and the folder.
    """

    manifests: dict[str, tuple[ManifestDraft, ...]]
    files: int
    tags: int
    diagnostics: tuple[Diagnostic, ...]
    rows: tuple[Row, ...] = ()
    kind: ExportFormat = "manifests"
    about: str = ""


class _Tagged:
    """A file, its entry, and those of its tags that no other entry declares yet."""

    __slots__ = ("entry", "left", "path", "tags")

    def __init__(self, file: CurrentFile, tags: tuple[str, ...], *, by_path: bool) -> None:
        self.path = file.path
        self.tags = frozenset(tags)
        self.left = set(tags)
        self.entry = RuleDraft("path", file.path, tags) if by_path else RuleDraft("fileId", file.file_id, tags)

    @property
    def is_long(self) -> bool:
        return passes_limit(self.tags)


def passes_limit(tags: Collection[str]) -> bool:
    """Return whether tags exceed what a file may gain; files in a library may have more."""
    return sum(map(len, tags)) > MAX_TAG_CHARACTERS


def export(files: Iterable[CurrentFile], folder: str = "/") -> Exported:
    """Return the manifests of all files below a folder.

    Args:
        files: the whole library, in any order.
        folder: a path that starts and ends with `/`.
    """
    diagnostics: list[Diagnostic] = []
    tagged = [
        _Tagged(file, tags, by_path=by_path) for file, tags, by_path in _declarable_files(files, folder, diagnostics)
    ]
    declared = [item for item in tagged if item.tags]
    return Exported(
        {part.strip("/"): tuple(_drafts(*rules)) for part, rules in sorted(_parts(tagged, folder).items())},
        len(declared),
        sum(len(item.tags) for item in declared),
        tuple(diagnostics),
    )


_Part = tuple[list[RuleDraft], list["_Tagged"]]
"""The matches of one manifest, and its files that have more tags than these declare."""


def _parts(files: Sequence[_Tagged], folder: str) -> dict[str, _Part]:
    """Divide the rules into a part for each folder directly below the root, or one part for another folder."""
    parts: dict[str, _Part] = defaultdict(lambda: ([], []))
    for above, rule in _matches(files, folder):
        parts[next(_folders(above, folder))][0].append(rule)
    for item in files:
        if item.left:
            parts[next(_folders(item.path, folder), "/")][1].append(item)
    return parts


def export_rows(files: Iterable[CurrentFile], folder: str = "/") -> Exported:
    """Return a row for each tagged file below a folder, and a manifest for files that cannot be rows.

    Args:
        files: the whole library, in any order.
        folder: a path that starts and ends with `/`.
    """
    diagnostics: list[Diagnostic] = []
    rows: list[Row] = []
    others: list[RuleDraft] = []
    for file, tags, by_path in _declarable_files(files, folder, diagnostics):
        lenient = passes_limit(tags)
        if tags and by_path and fits_in_row(file.path, tags):
            rows.append(Row(file.path, tags, lenient))
        elif tags:
            rule = RuleDraft("path", file.path, tags) if by_path else RuleDraft("fileId", file.file_id, tags)
            others.append(rule._replace(lenient=lenient))
    return Exported(
        {"library": (ManifestDraft((), tuple(others)),)},
        len(rows) + len(others),
        sum(len(row.tags) for row in rows) + sum(len(rule.tags) for rule in others),
        tuple(diagnostics),
        tuple(rows),
        "csv",
    )


_DeclarableFile = tuple[CurrentFile, tuple[str, ...], bool]
"""A file, its tags that a manifest may declare, and whether its path selects only this file."""


def _declarable_files(
    files: Iterable[CurrentFile], folder: str, diagnostics: list[Diagnostic]
) -> Iterator[_DeclarableFile]:
    """Yield the files below a folder, sorted, and warn of tags that are left out."""
    inside = (file for file in files if folder == "/" or file.path.startswith(folder))
    chosen = sorted(inside, key=lambda file: (file.path, file.file_id))
    names = Counter(file.path for file in chosen)
    for file in chosen:
        # A path that several files share selects all of them.
        by_path = names[file.path] == 1 and file.path.startswith("/")
        yield file, tuple(_declarable(file, diagnostics)), by_path


def _declarable(file: CurrentFile, diagnostics: list[Diagnostic]) -> Iterator[str]:
    """Yield the tags that a manifest may declare, and warn of those that are left out."""
    seen: set[str] = set()
    for tag in file.tags:
        key = normalized(tag)
        if is_declarable(tag) and key not in seen:
            seen.add(key)
            yield tag
            continue
        why = "the file has it in two spellings" if key in seen else "a manifest cannot declare it"
        message = f"the tag {quoted(tag)} of {quoted(file.path, 200)} is left out: {why}"
        diagnostics.append(Diagnostic("warning", "not-exported", message))


def _drafts(matches: Sequence[RuleDraft], files: Sequence[_Tagged]) -> Iterator[ManifestDraft]:
    """Yield the documents of one part: matches and single files first, then files that share defaults."""
    alone = [_entry(item, tuple(sorted(item.left)), lenient=True) for item in files if item.is_long]
    groups = share_defaults([(item, item.left) for item in files if not item.is_long])
    bare = [_entry(item, tags) for item, tags in groups.pop(0).members] if groups and not groups[0].defaults else []
    first = (*matches, *sorted([*alone, *bare], key=lambda entry: entry.selector))
    if first:
        yield ManifestDraft((), first)
    for group in groups:
        yield ManifestDraft(tuple(sorted(group.defaults)), tuple(_entry(item, tags) for item, tags in group.members))


def _entry(item: _Tagged, tags: tuple[str, ...], *, lenient: bool = False) -> RuleDraft:
    return item.entry._replace(tags=tags, lenient=lenient)


_Found = dict[tuple[str, tuple[str, ...]], set[str]]
"""Tags by (folder, excepts). The folder has a slash at its end."""


def _matches(files: Sequence[_Tagged], root: str) -> Iterator[tuple[str, RuleDraft]]:
    """Yield folders and entries for tags that their files have in common; remove these tags from `left` of the files.

    No entry matches the whole library: a later upload may belong to none of today's folders.
    """
    found: _Found = defaultdict(set)
    _match_with_exceptions(files, root, found)
    _match_without_exceptions(files, root, found)
    for (folder, excepts), tags in sorted(found.items()):
        yield folder, RuleDraft("match", f"{escaped(folder)}**", tuple(sorted(tags)), passes_limit(tags), excepts)


def _match_with_exceptions(files: Sequence[_Tagged], root: str, found: _Found) -> None:
    """Find tags for which a match with a few exceptions is clearly shorter.

    Globs see only paths. So files that share a path count as one file with the tags that all of them have.
    """
    inside = [item for item in files if item.path.startswith(root)]
    tags: dict[str, frozenset[str]] = {}
    for item in inside:
        tags[item.path] = item.tags & tags.get(item.path, item.tags)
    matched: dict[str, set[str]] = defaultdict(set)
    for match in matches_with_exceptions(tree(tags, root.removesuffix("/")), tags):
        found[f"{match.folder.path}/", match.excepts].add(match.tag)
        for path in match.folder.all_files():
            matched[path] |= {match.tag} & tags[path]
    for item in inside:
        item.left -= matched[item.path]


def _match_without_exceptions(files: Sequence[_Tagged], root: str, found: _Found) -> None:
    """Find tags that all files below a folder still have in common, where a match is shorter."""
    members: dict[str, list[_Tagged]] = defaultdict(list)
    for item in files:
        for above in _folders(item.path, root):
            members[above].append(item)
    # Outer folders come first: what they declare is no longer left for the folders in them.
    for above in sorted(members):
        common = set.intersection(*(item.left for item in members[above]))
        if not common or len({item.path for item in members[above]}) < MIN_FILES:
            continue
        tags = tuple(sorted(common))
        if entry_length(RuleDraft("match", f"{escaped(above)}**", tags)) < sum(
            _saved(item, tags) for item in members[above]
        ):
            for item in members[above]:
                item.left -= common
            found[above, ()] |= common


def _folders(path: str, within: str) -> Iterator[str]:
    """Yield the folders of a file, each with a slash at its end, from the outermost to the innermost."""
    at = len(within) - 1 if path.startswith(within) else -1
    while at >= 0:
        if at:
            yield path[: at + 1]
        at = path.find("/", at + 1)


def _saved(item: _Tagged, tags: tuple[str, ...]) -> int:
    """Return how many characters a file's own entry loses if these tags are declared elsewhere."""
    if len(item.left) == len(tags):
        return entry_length(_entry(item, tags))
    return sum(len(tag_scalar(tag)) + 2 for tag in tags)
