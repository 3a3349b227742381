"""Cover removals of AI tags by first fit.

Removing a tag that a file does not have is a no-op. So most cells are free, and a call can take any files as long as
none of them keeps a tag of the call. ImageKit documents no limit on the length of names in such a call.
"""

from collections import Counter
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Row, Rows


def first_fit(needed: Rows, forbidden: Rows, limits: Limits) -> list[Call]:
    """Put each file into the first call where nothing clashes, starting with the files that clash with most others.

    Placing difficult files first leaves the easy ones to fill the gaps.

    Args:
        needed: the tags to remove from each file.
        forbidden: the tags that each file keeps; all others are free.
        limits: the maximum number of files in a call.

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

    Each tag has two integers whose bit *i* stands for call *i*: one for the calls that remove the tag, one for those
    with a file that keeps it. So finding all calls that clash with a file takes a few operations, whatever their
    number.
    """

    def __init__(self, needed: Rows, forbidden: Rows, size: int) -> None:
        self.files: list[list[int]] = []
        """The files of each call."""
        self._needed, self._forbidden, self._size = needed, forbidden, size
        self._dropped = Counter(chain.from_iterable(needed))
        self._kept = Counter(chain.from_iterable(forbidden))
        contested = self._dropped.keys() & self._kept.keys()
        """Tags that one file keeps and another removes: only these can clash."""
        self._dropping = dict.fromkeys(contested, 0)
        self._sparing = dict.fromkeys(contested, 0)
        self._open = 0

    def order(self) -> list[int]:
        """Return the files by their number of clashes, highest first."""
        kept, dropped = self._kept, self._dropped
        clashes = [
            sum([kept[tag] for tag in drops]) + sum([dropped[tag] for tag in keeps])
            for drops, keeps in zip(self._needed, self._forbidden, strict=True)
        ]
        # The sort is stable: ties stay in the order of paths, where neighbours often lose the same tags.
        return sorted(range(len(clashes)), key=lambda file: -clashes[file])

    def place(self, file: int) -> None:
        """Put a file into the first call that can take it, or into a new one."""
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
        """Add a file to the first of the fitting calls, or to a new one, and return that call's bit."""
        bit = fitting & -fitting if fitting else 1 << len(self.files)  # the lowest bit is the first call
        if not fitting:
            self.files.append([])
            self._open |= bit
        files = self.files[bit.bit_length() - 1]
        files.append(file)
        if len(files) == self._size:
            # A full call stays in the masks of tags: clearing its bit there would touch every tag.
            self._open ^= bit
        return bit
