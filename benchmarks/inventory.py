"""What tags and ls take, and how many suggested renames are right.

python benchmarks/inventory.py count|suggest     # the CPU and memory of one of them on a million files, as JSON
"""

import gzip
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from string import ascii_lowercase

from measure import TAGSYNC, TATE, Figure, Options, cost, printed, repeated

from tagsync.inventory.count import count
from tagsync.inventory.suggest import suggest
from tagsync.library.protocol import Page
from tagsync.library.reading.snapshot import Snapshot
from tagsync.model import AITag, CurrentFile

FILES = 1_000_000
VARIANTS = 1_000


def figures(options: Options) -> Iterator[Figure]:
    """Yield the figures of a million files and of the Tate library."""
    for name, cpu in (("count", 30), ("suggest", 60)):
        seconds, megabytes = json.loads(printed([sys.executable, __file__, name]))
        yield Figure(f"{name}, a million files, beyond the listing", seconds, "s CPU", cpu)
        yield Figure(f"{name}, a million files, beyond the listing", megabytes, "MB", 300)
    if not TATE.is_dir():
        yield Figure("tags of Tate", None, "skipped: no ../shared/tate")
        return
    for option in ([], ["--suggest"], ["--ai"]):
        command = [*TAGSYNC, "tags", "--quiet", "--sandbox", str(TATE / "library.jsonl.gz"), *option]
        command.append(f"--state-dir={options.work / 'inventory-state'}")
        cost(command)  # seeds the sandbox
        yield from repeated(options.runs, lambda: cost(command)).figures(" ".join(["tags", *option, "of Tate"]))  # noqa: B023 - run at once
    yield from suggestions()


def suggestions() -> Iterator[Figure]:
    """Yield how many variants of Tate's AI names are found; the names are taken as ordinary tags."""
    draw = random.Random(20261129)  # noqa: S311 - a sample
    with gzip.open(TATE / "library.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [{tag["name"] for tag in json.loads(line)["AITags"] or ()} for line in lines]
    planted = plant(rows, draw)
    found = suggest([CurrentFile(str(n), f"/{n}", tuple(sorted(names)), ()) for n, names in enumerate(rows)])
    certain = [item for item in found.renames if item.is_certain]
    right = Counter(planted[item.old][1] for item in certain if planted.get(item.old, ("",))[0] == item.new)
    for kind, number in sorted(Counter(kind for _, kind in planted.values()).items()):
        yield Figure(f"suggested of {number} variants: {kind}", right[kind], "")
    yield Figure("suggested and not planted", len(certain) - right.total(), "")
    yield Figure("in comments", len(found.renames) - len(certain), "")


def plant(rows: list[set[str]], draw: random.Random) -> dict[str, tuple[str, str]]:
    """Give one to three files of some names a variant instead; return the name and the kind of each variant."""
    files = defaultdict[str, list[int]](list)
    for number, names in enumerate(rows):
        for name in names:
            files[name].append(number)
    frequent = [name for name in sorted(files) if re.fullmatch("[a-z][a-z -]+[a-z]", name) and len(files[name]) >= 20]  # noqa: PLR2004 - a typo is rarer
    planted: dict[str, tuple[str, str]] = {}
    for name in draw.sample(frequent, min(VARIANTS, len(frequent))):
        kind = draw.choice(list(KINDS))
        changed = KINDS[kind](name, draw.randrange(1, len(name) - 1), draw.choice(ascii_lowercase))
        if changed != name and changed not in files and changed not in planted:
            planted[changed] = name, kind
            for number in draw.sample(files[name], draw.randint(1, 3)):
                rows[number] = rows[number] - {name} | {changed}
    return planted


KINDS: dict[str, Callable[[str, int, str], str]] = {
    "plural": lambda name, _n, _letter: name[:-1] if name.endswith("s") else f"{name}s",
    "spacing": lambda name, _n, _letter: name.replace(" ", "-") if " " in name else name.replace("-", " "),
    "letter doubled": lambda name, n, _letter: name[:n] + name[n] + name[n:],
    "letter missing": lambda name, n, _letter: name[:n] + name[n + 1 :],
    "letters swapped": lambda name, n, _letter: name[:n] + name[n + 1] + name[n] + name[n + 2 :],
    "letter wrong": lambda name, n, letter: name[:n] + letter + name[n + 1 :],
}
"""Functions that change a name, at a place inside it, with a letter."""


def million() -> Snapshot:
    """Return a million files in 20,000 folders, with up to six of 20,000 tags and five of 2,000 AI tags each."""
    draw = random.Random(5)  # noqa: S311 - an invented library
    syllables = [consonant + vowel for consonant in "bcdfghklmnprst" for vowel in "aeiou"]
    words = sorted({"".join(draw.choices(syllables, k=draw.randint(2, 5))) for _ in range(20_000)})
    draw.shuffle(words)
    words += [f"{word}s" for word in words[:500]] + [word.title() for word in words[500:1000]]
    sets = [
        tuple(sorted({words[int(draw.expovariate(1 / 3000)) % len(words)] for _ in range(6)})) for _ in range(300_000)
    ]
    files = Snapshot()
    files.begin()
    for start in range(0, FILES, 1000):
        page = [
            CurrentFile(
                f"{n:024x}",
                f"/top{n % 37}/d{n % 19_980}/{n}.jpg",
                draw.choice(sets),
                tuple(ai_tag(words, draw) for _ in range(5)),
            )
            for n in range(start, start + 1000)
        ]
        files.add_page(Page(tuple(page), ()))
    files.finish()
    return files


def ai_tag(words: list[str], draw: random.Random) -> AITag:
    """Return one of 2,000 AI tags with any confidence."""
    return AITag(words[int(draw.expovariate(1 / 300)) % 2000], draw.randint(4500, 9990) / 100, "google-auto-tagging")


def memory(name: str) -> float:
    """Return a line of this process's memory in MB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(rf"{name}:\s+(\d+)", text)[0]) / 1024


def main() -> None:
    """Print the CPU seconds and the MB that one task adds to a library that is read already."""
    files = million()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak of memory
    before, began = memory("VmRSS"), time.process_time()
    (count if sys.argv[1] == "count" else suggest)(files)
    print(json.dumps([time.process_time() - began, memory("VmHWM") - before]))


if __name__ == "__main__":
    main()
