"""Run git on a repository that may come from anyone: none of its hooks run, and no variable names another one."""

import os
from pathlib import Path

_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=true")

_OURS = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""Variables that hooks set, and that would name another repository than the one at hand."""


def git_command(folder: Path, *arguments: str) -> list[str]:
    """Return the command line that runs git in a folder."""
    return ["git", "-C", str(folder), *_OPTIONS, *arguments]


def git_environment() -> dict[str, str]:
    """Return the environment to run it in."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}
