"""Parts of long sequences, by the places of their items; nothing of them is copied."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")

_STRIDE = 4
"""Where fewer than one item in so many is wanted, each is looked up by itself."""


class View(Sequence[T_co], Generic[S, T_co]):
    """Items of a sequence, each made when it is asked for.

    Args:
        items: the sequence.
        places: which of its items, in ascending order.
        make: what is made of an item.
    """

    def __init__(self, items: Sequence[S], places: Sequence[int], make: Callable[[S], T_co]) -> None:
        self._items, self._places, self._make = items, places, make

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[T_co]:
        if len(self._places) * _STRIDE < len(self._items):
            return map(self._make, map(self._items.__getitem__, self._places))
        return map(self._make, self._gone_through())

    def _gone_through(self) -> Iterator[S]:
        """Yield the items while all are gone through: what is kept outside of memory is quickest to read in a row."""
        wanted = iter(self._places)
        following = next(wanted, None)
        for place, item in enumerate(self._items):
            if place == following:
                yield item
                following = next(wanted, None)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, index: int | slice) -> T_co | tuple[T_co, ...]:
        if isinstance(index, slice):
            return tuple([self._make(self._items[place]) for place in self._places[index]])
        return self._make(self._items[self._places[index]])

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


class Pairs(Sequence[tuple[A, B]], Generic[A, B]):
    """Two sequences of the same length, side by side."""

    def __init__(self, left: Sequence[A], right: Sequence[B]) -> None:
        self._left, self._right = left, right

    def __len__(self) -> int:
        return len(self._right)

    def __iter__(self) -> Iterator[tuple[A, B]]:
        return zip(self._left, self._right, strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[A, B]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[A, B], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[A, B] | tuple[tuple[A, B], ...]:
        if isinstance(index, slice):
            return tuple(zip(self._left[index], self._right[index], strict=True))
        return self._left[index], self._right[index]
