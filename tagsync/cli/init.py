"""The init command: write the first files of a repository of manifests, and never overwrite any."""

import json
import os
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tagsync import schemas, templates
from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.workspace.atomic import atomic_write

_WORKFLOW = Path(".github", "workflows", "tagsync.yml")
_TEMPLATE_FOLDER = "manifests"
_RULES: Final = "tags.yaml"
_LIBRARY: Final = "library.jsonl"
_CONFIG: Final = "tagsync.yaml"
_CONFIG_SCHEMA = "config.schema.json"
_MODE = 0o644
_PLACEHOLDER = f"your-organisation/tagsync@{'0' * 40} # put its commit here"
_GITHUB = re.compile(r"(?:https|ssh)://(?:git@)?github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def start(folder: Path) -> int:
    """Write those files that do not exist yet, and print the next commands to run.

    Raises:
        UsageError: a link or a file is in the place of a folder, or a workflow cannot name the folder.
        OSError: a file cannot be written; those before it are complete.
    """
    root = _root(folder)
    named = _seen_from(root, folder)
    # A command that reads its parent folder skips a hidden folder, and some belong to git or GitHub.
    if any(part.startswith(".") for part in Path(named).parts):
        raise UsageError(f"{shown(named)} is hidden, and tagsync skips hidden folders: choose another name")
    rules = folder / _RULES
    files = {
        rules: templates.text(_RULES),
        folder / "policy.yaml": templates.text("policy.yaml"),
        folder / "tests.yaml": templates.text("tests.yaml"),
        folder / "manifest.schema.json": schemas.text("manifest"),
        folder / _CONFIG_SCHEMA: schemas.text("config"),
        folder / _LIBRARY: templates.text(_LIBRARY),
        root / _CONFIG: config(named),
        root / _WORKFLOW: workflow(named),
    }
    tests = folder / "tests.yaml"
    if rules.exists() and not tests.exists():
        del files[tests]  # the test is about the rules that init writes
    _refuse_links(folder, root / ".github", (root / _WORKFLOW).parent, *files)
    for path, text in files.items():
        done, more = ("written", "") if _write(path, text) else ("kept", _to_check(path, named))
        sys.stdout.write(f"{done}: {shown(os.path.relpath(path))}{more}\n")
    sys.stdout.write(_next_steps(folder))
    return 0


def config(folder: str) -> str:
    """Return the tagsync.yaml for a folder of manifests, given by its path below the root of the repository."""
    text = templates.text(_CONFIG).replace(f'"{_TEMPLATE_FOLDER}"', _quoted(folder))
    return text.replace(f"./{_TEMPLATE_FOLDER}/", "./" if folder == "." else f"./{quote(folder)}/")


def workflow(folder: str) -> str:
    """Return the workflow for a folder of manifests.

    Args:
        folder: the folder's path below the root of the repository.
    """
    inside = "**" if folder == "." else f"{folder}/**"
    text = templates.text("workflow.yml").replace(f'"{_TEMPLATE_FOLDER}/**"', _quoted(inside))
    text = text.replace(f'"{_TEMPLATE_FOLDER}"', _quoted(folder))
    action = _action()
    return text.replace(_PLACEHOLDER, action) if action else text


def _action() -> str | None:
    """Return OWNER/REPOSITORY@COMMIT of the action if this tagsync was installed from a commit on GitHub."""
    try:
        # PEP 610: the installer records where a package came from.
        origin = json.loads(distribution("tagsync").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    repository = _GITHUB.fullmatch(str(origin.get("url")))
    commit = str(origin.get("vcs_info", {}).get("commit_id"))
    return f"{repository[1]}@{commit}" if repository and _COMMIT.fullmatch(commit) else None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _root(folder: Path) -> Path:
    """Return the root of the git repository that a folder is or will be in; without one, the current folder."""
    here = folder.resolve()
    found = (path for path in (here, *here.parents) if os.path.lexists(path / ".git"))
    return next(found, Path.cwd().resolve())


def _seen_from(root: Path, folder: Path) -> str:
    """Return a folder's path below the root, as a workflow names it.

    Raises:
        UsageError: it is not below the root, or its name has a special meaning in a workflow.
    """
    try:
        name = folder.resolve().relative_to(root).as_posix()
    except ValueError:
        raise UsageError(
            f"{shown(str(folder))} is in no git repository and not below the current folder: run init in the root "
            "folder of your repository"
        ) from None
    if name.startswith("-") or not all(letter.isalnum() or letter in "._- /" for letter in name):
        raise UsageError(
            f"{shown(str(folder))} cannot be named in a workflow: use only letters, digits, dots, dashes, underscores "
            "and spaces in its name"
        )
    return name


def _refuse_links(folder: Path, *more: Path) -> None:
    """Refuse to write through symbolic links, which may lead anywhere.

    Raises:
        UsageError: one of the paths is a link, or the folder is a file.
    """
    for path in (folder, *more):
        if path.is_symlink():
            raise UsageError(f"{shown(os.path.relpath(path))} is a symbolic link: init does not write through links")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{shown(str(folder))} is a file: choose another folder")


def _write(path: Path, text: str) -> bool:
    """Write a file atomically unless it exists, and return whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_write(path, overwrite=False, mode=_MODE) as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True


def _to_check(path: Path, folder: str) -> str:
    """Return what the user has to check in a file that existed before."""
    return f" (check that it names {shown(folder)})" if path.name in (_WORKFLOW.name, _CONFIG) else ""


def _next_steps(folder: Path) -> str:
    name, library = (shown(shlex.quote(str(path))) for path in (folder, folder / _LIBRARY))
    rules = shown(str(folder / _RULES))
    trial = f"\nTry it without an account:\n  tagsync test {name}\n  tagsync plan {name} --sandbox {library}\n"
    real = (
        f"\nThen edit {rules}, set the key of your account in IMAGEKIT_PRIVATE_KEY, and run:\n"
        f"  tagsync plan {name}\n"
        f"  tagsync apply {name}\n"
    )
    more = (
        f"\n{_CONFIG} has one environment, production, which commands use. If you add another one, such as staging,\n"
        "pass --env NAME to each command, or set defaultEnvironment to a harmless one.\n"
        "The workflow lists its set-up steps in its first lines.\n"
    )
    return f"{trial}{real}{more}"
