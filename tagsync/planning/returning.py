"""AI tags that are back after they were removed, and the removals that have proved futile; not why anything changed.

How often a tag has come back is carried from report to report, for one report only tells of one run.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tagsync.model import (
    Change,
    CurrentFile,
    Diagnostic,
    ManifestRef,
    Op,
    Origin,
    Report,
    Returning,
    Status,
)
from tagsync.planning.merge import Merged
from tagsync.printable import quoted, shown

MOST_RUNS = 3
"""So many applies in a row remove an AI tag; if it is there again, the next plan leaves it alone."""

DONE = (Status.CONFIRMED, Status.ACCEPTED)
"""What becomes of changes that the library shows, or has said that it made."""


class _LeftAlone(NamedTuple):
    """One AI tag that stays: on how many files, the first of them, and the first place that asks for its removal."""

    files: int
    path: str
    origin: Origin


class Returns:
    """Finds the AI tags that are back, file by file, and takes futile removals out of what is to change.

    Args:
        last: the last apply's report; without one nothing is known to be back.
        manifests: those of this run. Where one that asks for a removal is not the one it was then, counting begins
            anew: somebody has looked at it.
    """

    def __init__(self, last: Report | None, manifests: Iterable[ManifestRef]) -> None:
        self.found: list[Returning] = []
        self._left: dict[str, _LeftAlone] = {}
        self._removed: dict[str, tuple[str, ...]] = {}
        self._carried: dict[tuple[str, str], int] = {}
        self._unchanged: set[str] = set()
        if last is not None:
            self._removed.update(_removed(last))
            self._carried.update({(item.file_id, item.tag): item.runs for item in last.plan.returning})
            self._unchanged.update(unchanged(last, manifests))

    def left(self, file: CurrentFile, merged: Merged) -> Merged:
        """Return what is left to change on a file once futile removals are taken out."""
        if not self._removed and not self._carried:
            return merged
        kept = tuple(change for change in merged.changes if not self._is_futile(file, change))
        if len(kept) == len(merged.changes):
            return merged
        removes = any(change.op == Op.REMOVE_AI for change in kept)
        return merged._replace(changes=kept, spared=merged.spared if removes else ())

    def _is_futile(self, file: CurrentFile, change: Change) -> bool:
        """Note an AI tag that is back, and tell whether it was removed often enough."""
        runs = self._runs(file, change) if change.op == Op.REMOVE_AI else 0
        if not runs:
            return False
        self.found.append(Returning(file.file_id, file.path, change.tag, runs))
        if runs < MOST_RUNS:
            return False
        origin = min(reason.origin for reason in change.because)
        left = self._left.get(change.tag, _LeftAlone(0, file.path, origin))
        self._left[change.tag] = left._replace(files=left.files + 1, origin=min(left.origin, origin))
        return True

    def _runs(self, file: CurrentFile, change: Change) -> int:
        """Return how many applies in a row have removed an AI tag that is there again."""
        key = file.file_id, change.tag
        is_asked_alike = all(reason.origin.file in self._unchanged for reason in change.because)
        return (self._carried.get(key, 0) if is_asked_alike else 0) + (
            change.tag in self._removed.get(file.file_id, ())
        )

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a warning for each AI tag that is left alone, however many files have it."""
        for tag, left in sorted(self._left.items()):
            files = "1 file" if left.files == 1 else f"{left.files:,} files"
            message = (
                f"AI tag {quoted(tag)} was removed from {files} (as {shown(left.path, 200)}) in {MOST_RUNS} runs in a "
                "row and is back: an auto-tagging extension probably adds it at each upload or update; switch that off "
                "or keep the tag; it is left alone until then: plan with --last none to remove it once more"
            )
            yield Diagnostic("warning", "ai-tag-returns", message, left.origin)


def unchanged(last: Report, manifests: Iterable[ManifestRef]) -> set[str]:
    """Return the names of the manifests that are byte for byte as the last run read them."""
    then = {manifest.path: manifest.sha256 for manifest in last.plan.inputs.manifests}
    return {manifest.path for manifest in manifests if then.get(manifest.path) == manifest.sha256}


def _removed(last: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the files of which the last run removed AI tags itself, and these; equal ones are one and the same."""
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    for change, outcome in zip(last.plan.changes, last.outcomes, strict=True):
        if outcome.status in DONE:
            tags = tuple([tag for tag in change.tags(Op.REMOVE_AI) if (Op.REMOVE_AI, tag) not in outcome.already])
            if tags:
                yield change.file.file_id, same.setdefault(tags, tags)
