"""Large libraries to measure on, with manifests for them: the Tate library over and over, or an invented one like it.

Each is made once and kept. The same size and share give the same bytes; nothing is measured here.

    python benchmarks/libraries.py DIR FILES SHARE
"""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from hashlib import blake2s
from itertools import count, groupby, islice
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple, TextIO

from measure import TATE

INVENTED_FILES = 70_000
"""How many files an invented library has below each of its roots."""

ROOTS_IN_DETAIL = 12
"""So many roots get a glob for each shelf of theirs (15 in the Tate library), each further one a glob for all of it."""

ENDINGS = tuple(f"{number:02d}" for number in range(17))
"""Globs of a million files look at the ends of names, too: 12 * 15 shelves, 3 roots and these are 200."""

HEAD = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files:\n"

Original = tuple[dict[str, Any], list[str]]
"""A list-API file object, and the tags that its file should have."""


class Made(NamedTuple):
    """A library, and manifests for it.

    Attributes:
        library: one list-API file object a line.
        entries: a folder of manifests that declare each file's tags by its path.
        globs: a manifest that selects all files.
        twenty: a manifest that declares the tags of twenty files by their paths.
    """

    library: Path
    entries: Path
    globs: Path
    twenty: Path


def made(work: Path, files: int, share: float) -> Made:
    """Return a library, made if it is not in a folder already.

    Args:
        work: the folder.
        files: how many files the library has.
        share: of so many files, from 0 to 1, the library lacks two tags: the last that its entry declares, and its
            shelf's, which a glob declares.
    """
    folder = work / f"{source_name()}-{files}-{share:g}"
    if not folder.is_dir():
        # In a process of its own: what is measured later would have this one's memory counted for its own.
        subprocess.run([sys.executable, __file__, str(folder), str(files), str(share)], check=True)  # noqa: S603 - this script
    return Made(folder / "library.jsonl", folder / "entries", folder / "globs.yaml", folder / "twenty.yaml")


def main() -> None:
    """Make one library."""
    folder, files, share = sys.argv[1:]
    unfinished = Path(f"{folder}.unfinished")
    rmtree(unfinished, ignore_errors=True)
    (unfinished / "entries").mkdir(parents=True)
    _make(unfinished, int(files), float(share))
    unfinished.rename(folder)


def source_name() -> str:
    """Return what the files are copies of."""
    return "tate" if TATE.is_dir() else "invented"


def _make(folder: Path, files: int, share: float) -> None:
    draw = random.Random(files)  # noqa: S311 - an invented state
    shelves: dict[str, str] = {}
    twenty: list[str] = []
    numbered = enumerate(islice(_copies(), files))
    with (folder / "library.jsonl").open("w", encoding="utf-8") as library:
        for root, below in groupby(numbered, key=lambda pair: pair[1][0]["filePath"].split("/")[1]):
            with (folder / "entries" / f"{root}.yaml").open("w", encoding="utf-8") as entries:
                entries.write(HEAD)
                for number, (item, tags) in below:
                    entry = _entry("path", item["filePath"], tags)
                    entries.write(entry)
                    if number % max(1, files // 20) == 0 and len(twenty) < 20:  # noqa: PLR2004 - as its name says
                        twenty.append(entry)
                    shelf = shelves.setdefault(_glob(item["filePath"]), f"shelf-{len(shelves):03d}")
                    _write_held(library, item, tags, shelf, differs=draw.random() < share)
    globs = [_entry("match", glob, [shelf]) for glob, shelf in shelves.items()]
    globs += [_entry("match", f"/**/*{ending}.jpg", [f"ends-in-{ending}"]) for ending in ENDINGS]
    (folder / "globs.yaml").write_text(HEAD + "".join(globs), encoding="utf-8")
    (folder / "twenty.yaml").write_text(HEAD + "".join(twenty), encoding="utf-8")


def _entry(selector: str, value: str, tags: list[str]) -> str:
    return f"    - {selector}: {json.dumps(value)}\n      tags: {json.dumps(tags)}\n"


def _write_held(library: TextIO, item: dict[str, Any], tags: list[str], shelf: str, *, differs: bool) -> None:
    """Write a file with the tags that it has."""
    ending = item["filePath"].removesuffix(".jpg")[-2:]
    held = tags[:-1] if differs else [*tags, shelf]
    item["tags"] = [*held, *([f"ends-in-{ending}"] if ending in ENDINGS else [])] or None
    library.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")


def _glob(path: str) -> str:
    """Return the glob that selects a file together with others of its shelf, or of its root."""
    _, root, collection, folder, *_ = path.split("/")
    return f"/{root}/{collection}/{folder[0]}*/**" if int(root[1:]) < ROOTS_IN_DETAIL else f"/{root}/**"


def _copies() -> Iterator[Original]:
    """Yield the files of the original library again and again, each time below another root and with fresh ids."""
    originals = list(_tate() if TATE.is_dir() else _invented())
    for copy in count():
        root = f"r{copy:02d}"
        for item, tags in originals:
            below = item["filePath"].split("/", 2)[2]
            file_id = blake2s(f"{copy}/{item['fileId']}".encode(), digest_size=12).hexdigest()
            fresh = {
                "fileId": file_id,
                "filePath": f"/{root}/{below}",
                "url": f"https://ik.imagekit.io/example/{root}/{below}",
                "thumbnail": f"https://ik.imagekit.io/example/tr:n-ik_ml_thumbnail/{root}/{below}",
                "versionInfo": {"id": file_id, "name": "Version 1"},
            }
            yield item | fresh, tags


def _tate() -> Iterator[Original]:
    with gzip.open(TATE / "desired.tsv.gz", "rt", encoding="utf-8") as lines:
        desired = {path: tags.split() for path, tags in (line.rstrip("\n").split("\t") for line in lines)}
    with gzip.open(TATE / "library.jsonl.gz", "rt", encoding="utf-8") as lines:
        for item in map(json.loads, lines):
            yield item, desired[item["filePath"]] or ["unsorted"]


def _invented() -> Iterator[Original]:
    draw = random.Random(1)  # noqa: S311 - an invented library
    words = [f"subject-{number:03d}" for number in range(400)]
    seen = [f"seen {number:04d}" for number in range(3000)]
    for number in range(INVENTED_FILES):
        folder = f"{'abc'[number % 3]}/{number * 50 // INVENTED_FILES:02d}{number % 20:02d}"
        name = f"{number:06d}.jpg"
        time = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        when = f"20{number % 20:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{time}.000Z"
        ai_tags = [
            {"name": name, "confidence": draw.randrange(5000, 10_000) / 100, "source": "google-auto-tagging"}
            for name in draw.sample(seen, 5)
        ]
        item = {
            "type": "file",
            "name": name,
            "createdAt": when,
            "updatedAt": when,
            "fileId": f"{number:024x}",
            "AITags": ai_tags,
            "embeddedMetadata": None,
            "isPublished": True,
            "customCoordinates": None,
            "customMetadata": {"artist": f"Artist {number % 900}", "title": f"An invented title, {number}"},
            "isPrivateFile": False,
            "fileType": "image",
            "filePath": f"/invented/{folder}/{name}",
            "height": 800 + number % 400,
            "width": 800 + number % 500,
            "size": 400_000 + number,
            "mime": "image/jpeg",
        }
        yield item, draw.sample(words, 7)


if __name__ == "__main__":
    main()
