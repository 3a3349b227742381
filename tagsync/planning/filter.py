"""Filter a plan's changes by path, shard or revision, after everything was compared."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from tagsync.documents.changes import file_ids_of
from tagsync.errors import UsageError
from tagsync.escape import quoted
from tagsync.globs import glob_fault, path_glob
from tagsync.model import Diagnostic, Part, Plan, folded
from tagsync.planning.assembly import Collected
from tagsync.planning.folder_hint import FolderHint, Folders

SELECT_NOTHING = "select-nothing"
SHARD_NOTHING = "shard-nothing"


def select_fault(glob: str) -> str | None:
    """Return why a glob cannot match any file; None if it can."""
    if not glob.startswith("/"):
        return f"{quoted(glob, 200)} matches no file: paths start with /, as in /shop/**"
    fault = glob_fault(glob)
    return f"{quoted(glob, 200)} is not a valid glob: {fault}" if fault else None


def folder_fault(path: str) -> str | None:
    """Return why a text is not the path of a folder; None if it is."""
    if path.startswith("/") and path.endswith("/") and "//" not in path:
        return None
    meant = quoted("/" + "".join(f"{part}/" for part in path.split("/") if part), 200)
    return f"{quoted(path, 200)} does not start and end with a slash, as folders do: use {meant}"


def checked_select(select: str | Iterable[str] | None) -> tuple[str, ...]:
    """Check the globs of `select` and return them as a tuple.

    Args:
        select: one glob over paths, several, or None for no filter.

    Raises:
        UsageError: one of them cannot match any path.
    """
    globs = () if select is None else (select,) if isinstance(select, str) else tuple(select)
    for glob in globs:
        fault = select_fault(glob) if isinstance(glob, str) else f"{glob!r} is not a glob: pass text like /shop/**"
        if fault:
            raise UsageError(f"select: {fault}")
    return globs


class Scope:
    """Decides which files' changes are in a plan: those that satisfy every argument given.

    Args:
        only: globs over paths, one of which must match; none for all paths.
        part: a shard.
        numbers: positions in the library's files.
    """

    def __init__(self, only: Collection[str], part: Part | None, numbers: Collection[int] | None = None) -> None:
        self._globs = {glob: path_glob(glob) for glob in only}
        self._part = part
        self._numbers = numbers
        self._idle = {glob: FolderHint(glob) for glob in only}
        self._folders = Folders()
        self._is_part_idle = part is not None

    def includes(self, path: str) -> bool:
        """Return whether the globs and the shard include a path."""
        part = self._part
        matches = not self._globs or any(glob.fullmatch(path) for glob in self._globs.values())
        return matches and (part is None or in_part(path, part))

    def includes_file(self, number: int, path: str) -> bool:
        """Return whether a file's changes are included, and note what includes it."""
        if self._idle or self._is_part_idle:  # usually only for the first files
            self.note(path)
        return (self._numbers is None or number in self._numbers) and self.includes(path)

    def note(self, path: str) -> None:
        """Note which globs match a path, and whether it is in the shard."""
        if self._idle:
            self._folders.note(path)
        for glob, hint in list(self._idle.items()):
            hint.note(path, folded(path))
            if self._globs[glob].fullmatch(path):
                del self._idle[glob]
        if self._is_part_idle and self._part and in_part(path, self._part):
            self._is_part_idle = False

    def diagnostics(self, among: str) -> Iterator[Diagnostic]:
        """Yield a warning for each glob, and the shard, that included none of the noted paths.

        Args:
            among: what was noted, as the end of a message.
        """
        for glob, hint in self._idle.items():
            message = (
                f"--select {quoted(glob, 200)} matches no {among}: {hint.words(self._folders) or 'check the glob'}"
            )
            yield Diagnostic("warning", SELECT_NOTHING, message)
        if self._is_part_idle and self._part:
            shard = f"{self._part.index}/{self._part.of}"
            message = f"--shard {shard} contains no {among}: use fewer shards, or leave this one out"
            yield Diagnostic("warning", SHARD_NOTHING, message)


def filter_plan(plan: Plan, *, only: Collection[str], part: Part | None) -> Plan:
    """Return a plan with the changes of some files only; digest and guards still cover the whole."""
    scope = Scope(only, part)
    for change in plan.changes:
        scope.note(change.file.path)
    warnings = tuple(scope.diagnostics("file that this plan changes")) if plan.changes else ()
    collected = Collected(change for change in plan.changes if scope.includes(change.path))
    kept = set(file_ids_of(collected.changes))
    return replace(
        plan,
        changes=collected.changes,
        drift=tuple(item for item in plan.drift if item.file_id in kept),
        thumbnails={file_id: url for file_id, url in plan.thumbnails.items() if file_id in kept},
        summary=collected.summary(plan.summary._replace(warnings=plan.summary.warnings + len(warnings))),
        diagnostics=(*plan.diagnostics, *warnings),
        inputs=plan.inputs._replace(select=tuple(only) or plan.inputs.select, part=part or plan.inputs.part),
    )


def in_part(path: str, part: Part) -> bool:
    """Return whether a path is in a shard; every path is in exactly one, the same on every machine."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]) % part.of == part.index - 1
