"""The commands of the sandbox. Bodies load what they need when they run."""

from pathlib import Path
from typing import Any

import click

from tagsync.cli.options import state_options

LIBRARY = click.argument(
    "library", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="LIBRARY.jsonl"
)


def need_command(context: click.Context) -> None:
    """Say what commands there are if none was given; not all versions of click take that for an error."""
    if context.invoked_subcommand is None:
        raise click.UsageError(context.get_help(), context)


@click.group(invoke_without_command=True)
@click.pass_context
def sandbox(context: click.Context) -> None:
    """An ImageKit-compatible library on this machine."""
    need_command(context)


@sandbox.command()
@LIBRARY
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 for any free one.")
@click.option(
    "--limit",
    metavar="N/SECONDS[,...]",
    help="Calls an interval for each endpoint, or several such limits at once; the rest get 429.",
)
@click.option("--latency-ms", type=click.IntRange(0, 60_000), default=0, help="Milliseconds before each answer.")
@click.option("--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A script of faults.")
@click.option("--key", help="The one key to accept; any will do without it.")
@state_options
def serve(library: Path, state_dir: Path, **values: Any) -> int:
    """Serve a library on 127.0.0.1, for tagsync, the official SDKs or curl.

    Its state is kept from run to run; sandbox reset starts over.

    Example: tagsync sandbox serve examples/library.jsonl --limit 40/1
    """
    from tagsync.cli import sandbox_server  # noqa: PLC0415 - start-up

    return sandbox_server.serve(library, state_dir, **values)


@sandbox.command()
@LIBRARY
@state_options
def reset(library: Path, state_dir: Path) -> int:
    """Forget what became of a library: the next use seeds it from its file.

    Example: tagsync sandbox reset examples/library.jsonl
    """
    from tagsync.cli import sandbox_server  # noqa: PLC0415 - start-up

    return sandbox_server.reset(library, state_dir)
