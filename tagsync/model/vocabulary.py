"""Controlled vocabularies: allowed, forbidden and renamed tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tagsync.model.origins import Origin


class Rename(NamedTuple):
    """A tag that has a new name on every managed file."""

    old: str
    new: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What all vocabularies of one run say together. Keys are tags in Unicode NFC.

    Attributes:
        allowed: the only tags that may be declared, as they are written; None where any may be.
        forbidden: tags that must not be declared, and where that is said.
        removed: forbidden tags that also go from managed files, likewise.
        renames: by their old names.
    """

    allowed: Mapping[str, str] | None = field(default=None, repr=False)
    forbidden: Mapping[str, Origin] = field(default_factory=dict, repr=False)
    removed: Mapping[str, Origin] = field(default_factory=dict, repr=False)
    renames: Mapping[str, Rename] = field(default_factory=dict, repr=False)


NO_VOCABULARY = Vocabulary()
