"""Define controlled vocabularies: allowed, forbidden and renamed tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tagsync.model.origins import Origin


class Rename(NamedTuple):
    """A tag to replace by a new name on every managed file."""

    old: str
    new: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All vocabularies of one run, combined. Keys are tags in Unicode NFC.

    Attributes:
        allowed: the only tags that may be declared, as written; None if all may.
        forbidden: tags that must not be declared, with their origin.
        removed: forbidden tags to remove from managed files, with their origin.
        renames: by old name.
    """

    allowed: Mapping[str, str] | None = field(default=None, repr=False)
    forbidden: Mapping[str, Origin] = field(default_factory=dict, repr=False)
    removed: Mapping[str, Origin] = field(default_factory=dict, repr=False)
    renames: Mapping[str, Rename] = field(default_factory=dict, repr=False)


NO_VOCABULARY = Vocabulary()
