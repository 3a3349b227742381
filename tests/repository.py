"""A git repository of manifests in the current folder."""

import subprocess
from pathlib import Path

import pytest

_SETTINGS = ("user.name=someone", "user.email=someone@example.com", "protocol.file.allow=always")


def git(*arguments: str, folder: Path | str = ".") -> str:
    """Run git and return what it prints."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    command = ["git", "-C", str(folder), *settings, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own


def start_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the current folder a repository that ignores the library and the state directory."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git("init", "--quiet")
    write(".gitignore", "/library.jsonl\n/.tagsync\n")


def write(name: str, text: str) -> None:
    """Write a file, and create its folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def commit() -> str:
    """Commit everything, and return the commit."""
    git("add", "--all", ".")
    git("commit", "--quiet", "--allow-empty", "--message", "a state")
    return git("rev-parse", "HEAD")
