"""Write suggested renames as a Vocabulary, with the reason of each in a comment."""

from collections.abc import Iterator

from tagsync.escape import shown
from tagsync.exporting.manifest_text import scalar
from tagsync.model import SuggestedRename, Suggestions, counted

_HEAD = """\
# Check each line before you use it. The API calls of several renames are batched together.
# Renames apply to files that a rule selects. For the whole library, add a rule with match: /** and absent: [OLD, ...].
apiVersion: tagsync/v1
kind: Vocabulary
spec:
  renames:
"""


def vocabulary_text(suggestions: Suggestions) -> Iterator[str]:
    """Yield a Vocabulary with the certain renames; the others are comments in it."""
    certain = [rename for rename in suggestions.renames if rename.is_certain]
    others = [rename for rename in suggestions.renames if not rename.is_certain]
    yield _HEAD if certain else _HEAD.replace("renames:", "renames: {}")
    yield from (f"    {_line(rename)}\n" for rename in certain)
    if others:
        marks = "the #" if certain else "{} above, and the #"
        yield f"    # These may be different tags. Remove {marks} from those that are the same.\n"
        yield from (f"    # {_line(rename)}\n" for rename in others)


def _line(rename: SuggestedRename) -> str:
    size = f"{counted(rename.files, 'file')}, {counted(rename.batches, 'API call')}"
    about = f"{rename.reason}; {size}; {rename.new_files:,} have the new name"
    return f"{scalar(rename.old)}: {scalar(rename.new)}  # {shown(about)}"
