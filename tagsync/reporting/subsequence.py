"""Parts of long sequences by the positions of their items, without copying them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from tagsync.spool import LazySequence

S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)

_STRIDE = 4
"""If fewer than one item in so many is selected, each is looked up by itself."""


class Subsequence(LazySequence[T_co], Generic[S, T_co]):
    """Items of a sequence, each made when it is asked for.

    Args:
        items: the sequence.
        positions: which of its items, in ascending order.
        make: makes an item of this sequence from an item of that one and its position.
    """

    def __init__(self, items: Sequence[S], positions: Sequence[int], make: Callable[[S, int], T_co]) -> None:
        self._items, self._positions, self._make = items, positions, make

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[T_co]:
        if len(self._positions) * _STRIDE < len(self._items):
            return super().__iter__()
        return map(self._make, self._in_a_row(), self._positions)

    def _at(self, index: int) -> T_co:
        position = self._positions[index]
        return self._make(self._items[position], position)

    def _in_a_row(self) -> Iterator[S]:
        """Yield the selected items while passing all of them: what lies outside of memory is read fastest in a row."""
        selected = iter(self._positions)
        following = next(selected, None)
        for position, item in enumerate(self._items):
            if position == following:
                yield item
                following = next(selected, None)
                if following is None:
                    return
