"""How long an export is compared with an entry for each file, and how long it takes."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import TAGSYNC, TATE, Figure, Options, cost, repeated

INVENTED_FILES = 50_000


def figures(options: Options) -> Iterator[Figure]:
    """Yield the figures of the Tate library, and of an invented one."""
    yield from of_library("export of an invented library", invented(options.work / "export.jsonl"), options)
    if TATE.is_dir():
        library = options.work / "tate.jsonl"
        library.write_bytes(gzip.decompress((TATE / "library.jsonl.gz").read_bytes()))
        yield from of_library("export of Tate", library, options)
    else:
        yield Figure("export of Tate", None, "skipped: no ../shared/tate")


def of_library(name: str, library: Path, options: Options) -> Iterator[Figure]:
    """Yield the figures of one library."""
    out = options.work / "export.yaml"
    command = [*TAGSYNC, "export", "--quiet", "--sandbox", str(library), f"--state-dir={options.work / 'export-state'}"]
    cost(command)  # seeds the sandbox
    exported = repeated(options.runs, lambda: cost(command, out=out))
    with library.open(encoding="utf-8") as lines:
        plain = sum(len(entry(json.loads(line))) for line in lines)
    yield Figure(f"{name}: length", out.stat().st_size / plain, "of one rule per file")
    yield from exported.figures(name)


def entry(item: dict[str, Any]) -> str:
    """Return the entry of one file; no text if it has no tags."""
    if not item["tags"]:
        return ""
    return f"    - path: {item['filePath']}\n      tags: [{', '.join(sorted(item['tags']))}]\n"


def invented(path: Path) -> Path:
    """Write a library of folders that share tags, with one more tag on two files of three."""
    draw = random.Random(1)  # noqa: S311 - an invented library
    with path.open("w", encoding="utf-8") as lines:
        for number in range(INVENTED_FILES):
            tags = ["catalog", f"department-{number % 40}", *([f"theme-{number % 97}"] if number % 3 else [])]
            item = {"type": "file", "fileId": f"{number:024x}", "createdAt": "2024-01-01T00:00:00.000Z"}
            item["createdAt"] = f"2024-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
            item |= {"filePath": f"/shop/{number % 40:02d}/{number % 400:03d}/{number:06d}.jpg"}
            lines.write(json.dumps({**item, "tags": draw.sample(tags, len(tags))}) + "\n")
    return path
