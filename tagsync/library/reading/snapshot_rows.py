"""Convert files to rows of a snapshot and back; tags are stored as numbers, because few sets of tags repeat often."""

import json
from array import array
from collections.abc import Iterable, Iterator

import msgspec

from tagsync.model import AITag, CurrentFile

COLUMNS = "file_id, path, tags, ai_tags, created_at, updated_at, thumbnail, fields"
"""The columns of a row, in order."""

SnapshotRow = tuple[str, str, bytes, bytes, str, str, str, str]

_KEPT_SETS = 50_000
"""The maximum number of sets of tags in the cache; most files share their set with others."""


class _Numbers(dict[str, int]):
    """The numbers of texts; an unknown text gets the next number."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__((text, number) for number, text in enumerate(texts))
        self._texts = texts

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self._texts)
        self._texts.append(text)
        return number


class RowCodec:
    """Converts files to rows and back.

    Args:
        texts: the tags known so far, in the order of their numbers.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = list(texts)
        self._numbers = _Numbers(self._texts)
        self._sets: dict[bytes, tuple[str, ...]] = {b"": ()}
        self._new = len(self._texts)
        self._pack = msgspec.msgpack.Encoder().encode
        self._unpack = msgspec.msgpack.Decoder(tuple[AITag, ...]).decode

    def row(self, file: CurrentFile) -> SnapshotRow:
        """Return a file as a row."""
        numbers = self._numbers
        return (
            file.file_id,
            file.path,
            array("I", map(numbers.__getitem__, file.tags)).tobytes() if file.tags else b"",
            self._pack(file.ai_tags) if file.ai_tags else b"",
            file.created_at,
            file.updated_at,
            file.thumbnail,
            # Unlike msgpack, JSON keeps text with half a surrogate pair, which no tag may have.
            json.dumps(file.fields) if file.fields else "",
        )

    def file(self, row: SnapshotRow) -> CurrentFile:
        """Return the file of a row."""
        file_id, path, tags, ai_tags, created_at, updated_at, thumbnail, fields = row
        return CurrentFile(
            file_id,
            path,
            self._set(tags),
            self._unpack(ai_tags) if ai_tags else (),
            created_at,
            updated_at,
            thumbnail,
            tuple(map(tuple, json.loads(fields))) if fields else (),
        )

    def new_texts(self) -> Iterator[tuple[int, str]]:
        """Yield the texts that are new since the last call, with their numbers."""
        first, self._new = self._new, len(self._texts)
        return ((number, self._texts[number]) for number in range(first, self._new))

    def numbers_of(self, packed: bytes) -> set[int]:
        """Return the numbers of the tags in a row's `tags` column."""
        return set(memoryview(packed).cast("I"))

    def text(self, number: int) -> str:
        """Return the text of a number."""
        return self._texts[number]

    def _set(self, packed: bytes) -> tuple[str, ...]:
        found = self._sets.get(packed)
        if found is None:
            if len(self._sets) >= _KEPT_SETS:
                self._sets.clear()
            found = self._sets[packed] = tuple(map(self._texts.__getitem__, memoryview(packed).cast("I")))
        return found
