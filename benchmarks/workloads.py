"""Changes to measure covering on: invented ones of several shapes, and the Tate library's where it is."""

import gzip
import json
import random
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from measure import TATE

from tagsync.model import AITag, Change, CurrentFile, FileChange, Op

MIN_CONFIDENCE = 70

Draw = random.Random


def catalogue(files: int = 100_000) -> Iterator[FileChange]:
    """W1: tags inherited from three levels of folders and a long tail of 3,000, 70 % there already."""
    draw = random.Random(1)  # noqa: S311 - invented files
    tail = zipf([f"tail-{number:04d}" for number in range(files * 3 // 100)], 0.8)
    leaves = files * 2 // 100
    for number in range(files):
        leaf = draw.randrange(leaves)
        folders = [f"department-{leaf % 20:02d}", f"family-{leaf % 300:03d}", f"series-{leaf:05d}"]
        yield lacking(number, draw, {*folders, *(tail(draw) for _ in range(draw.randrange(3)))}, there=0.7)


def scattered(files: int = 20_000) -> Iterator[FileChange]:
    """W2: 5 of 200 tags, drawn evenly, none there."""
    draw = random.Random(2)  # noqa: S311 - invented files
    words = [f"word-{number:03d}" for number in range(200)]
    for number in range(files):
        yield lacking(number, draw, draw.sample(words, 5), there=0.0)


def campaign(files: int = 50_000) -> Iterator[FileChange]:
    """W3: 25 selectors that overlap, each with a few tags of its own, 30 % there already."""
    draw = random.Random(3)  # noqa: S311 - invented files
    kinds = [(20, 10), (12, 8), (6, 7)]
    selectors = []
    for kind, (values, count) in enumerate(kinds):
        for number in range(count):
            chosen = {(draw.randrange(values) + step) % values for step in range(draw.randint(1, values // 3))}
            tags = [f"campaign-{kind}{number}-{word}" for word in range(draw.randint(2, 4))]
            selectors.append((kind, chosen, tags))
    for number in range(files):
        place = [draw.randrange(values) for values, _ in kinds]
        wished = {tag for kind, chosen, own in selectors if place[kind] in chosen for tag in own}
        yield lacking(number, draw, wished, there=0.3)


def drift(files: int = 10_000) -> Iterator[FileChange]:
    """W4: of a million files, the hundredth that lost 1 to 3 of its tags; the others need no call."""
    draw = random.Random(4)  # noqa: S311 - invented files
    theme = zipf([f"theme-{number:03d}" for number in range(400)], 0.7)
    for number in range(files):
        family = draw.randrange(200)
        tags = sorted({f"department-{family % 20:02d}", f"family-{family:03d}", *(theme(draw) for _ in range(4))})
        lost = draw.sample(tags, min(draw.randint(1, 3), len(tags)))
        yield additions(number, lost, [tag for tag in tags if tag not in lost])


def clean_up(files: int = 100_000) -> Iterator[FileChange]:
    """W5: 12 AI tags a file of 3,000, drawn unevenly; all go but 30 that a rule keeps."""
    draw = random.Random(5)  # noqa: S311 - invented files
    names = [f"seen-{number:04d}" for number in range(3000)]
    name, spared = zipf(names, 0.65), tuple(names[:30])
    for number in range(files):
        seen: set[str] = set()
        while len(seen) < 12:  # noqa: PLR2004 - as the docstring says
            seen.add(name(draw))
        yield ai_removals(f"/f/{number:07d}.jpg", seen, seen.difference(spared), spared)


def adversary(files: int = 20_000) -> Iterator[FileChange]:
    """W6: no two files with the same tags: 10 to 14 of 1,000, some a little more usual."""
    draw = random.Random(6)  # noqa: S311 - invented files
    word = zipf([f"word-{number:04d}" for number in range(1000)], 0.1)
    seen = set()
    for number in range(files):
        tags = frozenset(word(draw) for _ in range(draw.randint(10, 14)))
        while tags in seen:
            tags |= {word(draw)}
        seen.add(tags)
        yield lacking(number, draw, tags, there=0.0)


def tate_additions() -> Iterator[FileChange]:
    """Yield the tags that the Tate library's files lack."""
    with gzip.open(TATE / "desired.tsv.gz", "rt", encoding="utf-8") as lines:
        desired = {path: tags.split() for path, tags in (line.rstrip("\n").split("\t") for line in lines)}
    for item in tate_files():
        tags = desired[item["filePath"]]
        held = set(item["tags"] or ())
        file = CurrentFile(item["fileId"], item["filePath"], tuple(item["tags"] or ()), ())
        changes = tuple(Change(Op.ADD, tag, ()) for tag in sorted(set(tags) - held))
        if changes:
            yield FileChange(file, changes, desired=tuple(tag for tag in file.tags if tag in tags))


def tate_removals() -> Iterator[FileChange]:
    """Yield the AI tags of the Tate library that are nowhere on their file at a confidence of 70 or more."""
    for item in tate_files():
        found = item["AITags"] or ()
        kept = {tag["name"] for tag in found if tag["confidence"] >= MIN_CONFIDENCE}
        names = {tag["name"] for tag in found}
        if names - kept:
            yield ai_removals(item["filePath"], names, names - kept, (), item["fileId"])


def tate_files() -> Iterator[dict[str, Any]]:
    """Yield the Tate library's files as the list API gives them."""
    with gzip.open(TATE / "library.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def lacking(number: int, draw: Draw, tags: Iterable[str], *, there: float) -> FileChange:
    """Return a file that should have tags and has each of them with the probability `there`."""
    ordered = sorted(tags)
    lost = [tag for tag in ordered if draw.random() >= there]
    return additions(number, lost, [tag for tag in ordered if tag not in lost])


def additions(number: int, lost: Sequence[str], held: Sequence[str]) -> FileChange:
    """Return a file that lacks some tags and has others, all of them declared."""
    file = CurrentFile(f"{number:024x}", f"/f/{number:07d}.jpg", tuple(held), ())
    return FileChange(file, tuple(Change(Op.ADD, tag, ()) for tag in sorted(lost)), desired=tuple(held))


def ai_removals(
    path: str, names: Collection[str], gone: Collection[str], spared: tuple[str, ...], file_id: str = ""
) -> FileChange:
    """Return a file with AI tags of which some go."""
    tags = tuple(AITag(name, 50.0 if name in gone else 90.0, "google-auto-tagging") for name in sorted(names))
    file = CurrentFile(file_id or f"{int(path[3:10]):024x}", path, (), tags)
    return FileChange(file, tuple(Change(Op.REMOVE_AI, name, ()) for name in sorted(gone)), spared=spared)


def zipf(words: Sequence[str], power: float) -> Callable[[Draw], str]:
    """Return what draws words, the nth as often as 1 / n ** power."""
    sums = list(accumulate((rank + 1) ** -power for rank in range(len(words))))
    return lambda draw: words[bisect(sums, draw.random() * sums[-1])]
