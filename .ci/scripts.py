"""Write every shell script in pipeline files into a folder, one file each, for shellcheck.

python .ci/scripts.py FOLDER FILE...: workflows, actions, GitLab's templates and Kubernetes' manifests.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

BASH, SH = "#!/usr/bin/env bash", "#!/bin/sh"


def scripts(document: Any) -> Iterator[str]:
    """Yield the scripts of a parsed file, each after a line that names its shell."""
    match document:
        case {"run": str(script)}:
            yield f"{BASH}\n{script}"
        case {"command": ["/bin/sh", "-c", str(script)]}:
            yield f"{SH}\n{script}\n"
        case {"script": [*lines]}:
            yield "\n".join([SH, *lines, ""])
        case _:
            parts = document.values() if isinstance(document, dict) else document
            for part in parts if isinstance(document, (dict, list)) else ():
                yield from scripts(part)


def main(folder: Path, files: list[Path]) -> None:
    """Write the scripts of some files into a folder, numbered through all files: `action-0`, `tagsync-1` and so on.

    Raises:
        SystemExit: no file contains a script, so the files or this program changed.
    """
    folder.mkdir()
    found = [
        (file.stem, script) for file in files for script in scripts(yaml.safe_load(file.read_text(encoding="utf-8")))
    ]
    for number, (stem, script) in enumerate(found):
        (folder / f"{stem}-{number}").write_text(script, encoding="utf-8")
    if not found:
        raise SystemExit("no script was found")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
