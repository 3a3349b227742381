"""Shell completion of commands, options and paths."""

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")


def script(command: click.Command, shell: str) -> str:
    """Return the completion script of a shell, which calls the command to complete its command line."""
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - click knows all SHELLS
    return kind(command, {}, "tagsync", "_TAGSYNC_COMPLETE").source()


def paths(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a path."""
    return [CompletionItem(incomplete, type="file")]
