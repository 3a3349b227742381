"""Shell completion of commands, options and paths."""

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")


def script(command: click.Command, shell: str) -> str:
    """Return what a shell has to read in order to complete a command's line: it asks the command itself."""
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - SHELLS are shells that click knows
    return kind(command, {}, "tagsync", "_TAGSYNC_COMPLETE").source()


def paths(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave a path to the shell, which knows files best."""
    return [CompletionItem(incomplete, type="file")]
