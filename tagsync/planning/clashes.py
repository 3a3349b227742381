"""Contradictions between two rules about one tag: each is one error, however many files both rules select."""

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import Diagnostic, Origin
from tagsync.planning.bounded import First


class Clash(NamedTuple):
    """A contradiction: its code, where it is reported, the tag as written there, and where the other rule is."""

    origin: Origin
    code: str
    tag: str
    other: Origin

    def finding(self, example: str, files: int = 1) -> Diagnostic:
        """Return the error.

        Args:
            example: the path of a file that both rules select, or what else names it.
            files: the number of files that both select.
        """
        file = quoted(example, 200)
        if files > 1:
            file += f" and {files - 1:,} more file{'s' * (files > 2)}"  # noqa: PLR2004 - one more or several
        if self.code == "conflict":
            words = f"must be absent from {file}, but {self.other} adds it there: remove one of the two"
        else:
            words = (
                f"is also declared for {file} at {self.other}, in another spelling (equal under Unicode NFC): write "
                "both the same way"
            )
        return Diagnostic("error", self.code, f"{quoted(self.tag)} {words}", self.origin)


class Clashes:
    """Collect the contradictions of many files: list the first by place, and count the others."""

    def __init__(self) -> None:
        self._first = First[tuple[Clash, str]](itemgetter(0))
        self._files = Counter[int]()
        """The number of files by the hash of the contradiction."""
        self._codes = Counter[str]()

    def add(self, clashes: Iterable[Clash], name: str) -> None:
        """Add the contradictions of one file."""
        for clash in clashes:
            key = hash(clash)
            if key not in self._files:
                self._first.add((clash, name))
                self._codes[clash.code] += 1
            self._files[key] += 1

    def add_new(self, clashes: Iterable[Clash], name: str) -> None:
        """Add the contradictions of equal selectors, unless files that both select were found before."""
        self.add([clash for clash in clashes if hash(clash) not in self._files], name)

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield an error for each of the first contradictions."""
        for clash, name in self._first.items():
            yield clash.finding(name, self._files[hash(clash)])

    def unlisted(self) -> Counter[str]:
        """Return the number of contradictions beyond the first, by code."""
        return self._codes - Counter(clash.code for clash, _ in self._first.items())
