"""First fit, for AI tags to remove.

Removing an absent tag does nothing, so a call fits all files that keep none of its tags. ImageKit documents no limit
on the names of one such call.
"""

from collections import Counter
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Row, Rows


def first_fit(needed: Rows, forbidden: Rows, limits: Limits) -> list[Call]:
    """Put file after file into the first call in which nothing clashes; the files that clash with most others go first.

    Args:
        needed: the tags that must go from each file.
        forbidden: the tags that must not go; every other tag may be taken from the file without harm.
        limits: how many files one call takes.

    Returns:
        Calls that together cover all that is needed, and nothing that is forbidden.
    """
    packing = _Packing(needed, forbidden, limits.files)
    for file in packing.order():
        packing.place(file)
    return [
        Call(tuple(sorted(files)), Row(chain.from_iterable([needed[file] for file in files])))
        for files in packing.files
    ]


class _Packing:
    """Calls being filled.

    One integer for each tag holds, bit by bit, the calls that drop it, another those that spare it: which calls clash
    with a file is a few operations on integers, however many calls there are.
    """

    def __init__(self, needed: Rows, forbidden: Rows, size: int) -> None:
        self.files: list[list[int]] = []
        """The files of each call."""
        self._needed, self._forbidden, self._size = needed, forbidden, size
        self._dropped = Counter(chain.from_iterable(needed))
        self._kept = Counter(chain.from_iterable(forbidden))
        contested = self._dropped.keys() & self._kept.keys()
        """Tags that one file keeps and another drops: no other tag can clash."""
        self._dropping = dict.fromkeys(contested, 0)
        self._sparing = dict.fromkeys(contested, 0)
        self._open = 0

    def order(self) -> list[int]:
        """Return the files, those first of which others keep what they drop, and drop what they keep, most often."""
        kept, dropped = self._kept, self._dropped
        clashes = [
            sum([kept[tag] for tag in drops]) + sum([dropped[tag] for tag in keeps])
            for drops, keeps in zip(self._needed, self._forbidden, strict=True)
        ]
        return sorted(range(len(clashes)), key=lambda file: -clashes[file])

    def place(self, file: int) -> None:
        """Put a file into the first call that takes it, or into a new one."""
        dropping, sparing = self._dropping, self._sparing
        drops = [tag for tag in self._needed[file] if tag in dropping]
        keeps = [tag for tag in self._forbidden[file] if tag in sparing]
        clashing = 0
        for tag in drops:
            clashing |= sparing[tag]
        for tag in keeps:
            clashing |= dropping[tag]
        bit = self._add(file, self._open & ~clashing)
        for tag in drops:
            dropping[tag] |= bit
        for tag in keeps:
            sparing[tag] |= bit

    def _add(self, file: int, fitting: int) -> int:
        """Add a file to the first of the calls that fit, or to a new one; return that call's bit."""
        bit = fitting & -fitting if fitting else 1 << len(self.files)
        if not fitting:
            self.files.append([])
            self._open |= bit
        files = self.files[bit.bit_length() - 1]
        files.append(file)
        if len(files) == self._size:
            self._open ^= bit
        return bit
