"""Warn of new tags that look like a mistake for a tag of the library."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from tagsync.escape import quoted
from tagsync.model import Change, Diagnostic, Op, Origin, folded, normalized
from tagsync.planning.removals import MOST_TYPOS, did_you_mean
from tagsync.planning.typos import SeenNames


class SimilarTags:
    """Compares the tags that a plan adds with those of the library."""

    def __init__(self) -> None:
        self._added: dict[str, Origin] = {}
        self._removed = set[str]()

    def note(self, changes: Iterable[Change]) -> None:
        """Remember what a file gains and loses."""
        for item in changes:
            if item.op == Op.REMOVE:
                self._removed.add(normalized(item.tag))
            elif item.op == Op.ADD and (tag := normalized(item.tag)) not in self._added:
                self._added[tag] = item.because[0].origin

    def diagnostics(self, known_tags: Iterable[str]) -> Iterator[Diagnostic]:
        """Yield a warning for each added tag that no file has, if files have a similar one and keep it.

        Args:
            known_tags: all ordinary tags in the library, each once.
        """
        new, forms = dict(self._added), {folded(tag) for tag in self._added}
        found, seen = defaultdict[str, list[str]](list), SeenNames()
        for known in known_tags if new else ():
            new.pop(normalized(known), None)
            if not new:
                return
            if normalized(known) not in self._removed and (form := seen.fold(known)) in forms:
                found[form].append(known)
        for tag, origin in new.items():
            if others := found.get(folded(tag)):
                words = (
                    f"the tag {quoted(tag)} is new, but files have {quoted(min(others), 200)}, which differs only in "
                    "case or Unicode form: write it as in the library"
                )
                yield Diagnostic("warning", "similar-tag", words, origin)
        for tag, origin in islice(new.items(), MOST_TYPOS):
            if meant := seen.meant_by(tag, tuple):
                words = f"the tag {quoted(tag)} is new in the library: {did_you_mean(meant)}"
                yield Diagnostic("warning", "similar-tag", words, origin)
