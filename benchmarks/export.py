"""How short an export is beside one entry for each file, and how long it takes: on the real library, or a made one.

usage: python benchmarks/export.py [LIBRARY.jsonl.gz]
"""

import gzip
import json
import sys
import time
from pathlib import Path

from tagsync.exporting.export import export
from tagsync.exporting.manifest_text import RuleDraft, entry_length, manifest_text
from tagsync.library.imagekit.files import FileReader
from tagsync.model import CurrentFile

TATE = Path(__file__).parents[2] / "shared" / "tate" / "library.jsonl.gz"


def made(count: int) -> list[CurrentFile]:
    """Return a library of folders that share tags, with tags of their own on each third file."""
    return [
        CurrentFile(
            f"{number:024x}",
            f"/shop/{number % 40:02d}/{number % 400:03d}/{number:06d}.jpg",
            tuple(sorted({"catalog", f"department-{number % 40}", *([f"theme-{number % 97}"] if number % 3 else [])})),
            (),
        )
        for number in range(count)
    ]


def read(path: Path) -> list[CurrentFile]:
    """Return the files of a library, one list-API object a line."""
    reader = FileReader()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [reader.file(json.loads(line)) for line in lines]


def main() -> None:
    """Print the table."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else TATE
    rows = [(path.parent.name, read(path))] if path.exists() else []
    rows.append(("made", made(50_000)))
    print(f"{'library':10} {'files':>8} {'manifests':>9} {'plain':>12} {'exported':>12} {'ratio':>7} {'CPU s':>7}")
    for name, files in rows:
        began = time.process_time()
        found = export(files)
        drafts = [draft for drafts in found.manifests.values() for draft in drafts]
        length = sum(len(text) for draft in drafts for text in manifest_text(draft, name))
        seconds = time.process_time() - began
        plain = sum(entry_length(RuleDraft("path", file.path, file.tags)) for file in files if file.tags)
        row = f"{name:10} {found.files:8,} {len(drafts):9,} {plain:12,} {length:12,}"
        print(f"{row} {length / plain:7.3f} {seconds:7.2f}")


if __name__ == "__main__":
    main()
