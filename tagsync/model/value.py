"""A decorator for value classes with millions of instances."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass with slots, but for making its instances: that takes a seventh of the time.

    That nothing is assigned to a value once it is made is checked by type checkers alone.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
