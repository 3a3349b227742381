"""The init command: the first files of a repository of manifests. What is there already is never written over."""

import json
import os
import shlex
import sys
from pathlib import Path

from tagsync import schemas, templates
from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.workspace.atomic import atomic_write

_WORKFLOW = Path(".github", "workflows", "tagsync.yml")
_TEMPLATE_FOLDER = "manifests"
_MODE = 0o644


def start(folder: Path) -> int:
    """Write what is missing of a manifest, its schema, a policy and a CI workflow, and say what to type next.

    Raises:
        UsageError: a link or a file stands where a folder has to be, or a workflow cannot name the folder.
        OSError: something cannot be written; what was written before is whole.
    """
    root = _root(folder)
    named = _seen_from(root, folder)
    _refuse_hidden(named)
    files = {
        folder / "tags.yaml": templates.text("tags.yaml"),
        folder / "policy.yaml": templates.text("policy.yaml"),
        folder / "manifest.schema.json": schemas.text("manifest"),
        root / _WORKFLOW: workflow(named),
    }
    _refuse_links(folder, root / ".github", (root / _WORKFLOW).parent, *files)
    for path, text in files.items():
        done, more = ("written", "") if _write(path, text) else ("left as it is", _beside(path, named))
        sys.stdout.write(f"{done}: {shown(os.path.relpath(path))}{more}\n")
    sys.stdout.write(_next_steps(folder))
    return 0


def _refuse_hidden(folder: str) -> None:
    """Refuse a folder that is skipped wherever a folder around it is named, or that belongs to git or GitHub.

    Raises:
        UsageError: a part of its name, as seen from the root, starts with a dot.
    """
    if any(part.startswith(".") for part in Path(folder).parts):
        raise UsageError(f"{shown(folder)} is hidden, and skipped with the folders around it: choose another name")


def workflow(folder: str) -> str:
    """Return the workflow to copy for a folder of manifests, named as the repository's root sees it."""
    inside = "**" if folder == "." else f"{folder}/**"
    text = templates.text("workflow.yml").replace(f'"{_TEMPLATE_FOLDER}/**"', _quoted(inside))
    return text.replace(f'"{_TEMPLATE_FOLDER}"', _quoted(folder))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _root(folder: Path) -> Path:
    """Return the root of the git repository that a folder is in, or is going to be in; else the current folder."""
    here = folder.resolve()
    found = (path for path in (here, *here.parents) if os.path.lexists(path / ".git"))
    return next(found, Path.cwd().resolve())


def _seen_from(root: Path, folder: Path) -> str:
    """Return a folder's path as a workflow names it.

    Raises:
        UsageError: it is not below the root, or a workflow would read its name as something else than a name.
    """
    try:
        name = folder.resolve().relative_to(root).as_posix()
    except ValueError:
        raise UsageError(
            f"{shown(str(folder))} is in no git repository and not below the current folder: run this in the folder "
            "that is to be the repository"
        ) from None
    if name.startswith("-") or not all(letter.isalnum() or letter in "._- /" for letter in name):
        raise UsageError(
            f"{shown(str(folder))} cannot be named in a workflow: choose a folder of letters, digits, dots, dashes, "
            "underscores and spaces"
        )
    return name


def _refuse_links(folder: Path, *more: Path) -> None:
    """Refuse to write through links, which may lead anywhere.

    Raises:
        UsageError: one of the paths is a link, or the folder is a file.
    """
    for path in (folder, *more):
        if path.is_symlink():
            raise UsageError(f"{shown(os.path.relpath(path))} is a symbolic link: nothing is written through it")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{shown(str(folder))} is not a folder: name another")


def _write(path: Path, text: str) -> bool:
    """Write a file where none is, whole or not at all, and tell whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_write(path, overwrite=False, mode=_MODE) as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True


def _beside(path: Path, folder: str) -> str:
    """Return what to look after in a file that was there already."""
    return f" (see that it names {shown(folder)})" if path.name == _WORKFLOW.name else ""


def _next_steps(folder: Path) -> str:
    name = shown(shlex.quote(str(folder)))
    return (
        "\nNext, with your key in IMAGEKIT_PRIVATE_KEY for the last two:\n"
        f"  tagsync validate {name}\n"
        f"  tagsync plan {name}\n"
        f"  tagsync apply {name}\n"
        "What to set up for the workflow stands at its top.\n"
    )
