"""Notice tags that disappear during an apply although the plan keeps them."""

from collections.abc import Iterator, Mapping

from tagsync.escape import quoted
from tagsync.model import CurrentFile, Diagnostic, FileChange, Op, counted, normalized


class LostTags:
    """The files that lost tags which the plan does not remove.

    People may have removed them meanwhile. But if ImageKit replaced the tags of a file instead of adding to them, which
    contradicts its documentation, every change would be confirmed, and nothing else would show the loss.
    """

    def __init__(self) -> None:
        self._before: Mapping[str, CurrentFile | None] = {}
        self._files = 0
        self._example = ("", "")

    def begin(self, shown: Mapping[str, CurrentFile | None]) -> None:
        """Remember the files as they were before the first call."""
        self._before = shown

    def check(self, change: FileChange, file: CurrentFile) -> None:
        """Count a file that was read back if it lost a tag."""
        there = set(map(normalized, file.tags))
        lost = [tag for tag in change.file.tags if normalized(tag) not in there and tag not in change.tags(Op.REMOVE)]
        # Look at the file before the first call only if needed, because that reads from disk. A tag that was removed
        # between the plan and the apply is none of the apply's business.
        before = self._before.get(file.file_id) if lost else None
        lost = [tag for tag in lost if before and tag in before.tags]
        if lost:
            self._example = self._example if self._files else (lost[0], file.path)
            self._files += 1

    def warnings(self) -> Iterator[Diagnostic]:
        """Yield a warning if any file lost a tag."""
        if self._files:
            tag, path = map(quoted, self._example)
            words = (
                f"{counted(self._files, 'file')} lost tags during the apply that the plan does not remove, such as "
                f"{tag} on {path}. Somebody may have removed them. If not, ImageKit replaces tags instead of adding "
                "them: run tagsync doctor --write-on PATH before the next apply"
            )
            yield Diagnostic("warning", "lost-tags", words)
