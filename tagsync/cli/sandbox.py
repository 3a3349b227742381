"""Define the commands of the sandbox. Bodies import what they need when they run."""

from pathlib import Path
from typing import Any

import click

from tagsync.cli.groups import Group
from tagsync.cli.options import PROFILE, STATE, option

LIBRARY = click.argument(
    "library", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="LIBRARY.jsonl"
)


def need_command(context: click.Context) -> None:
    """Show the commands if none was given; only some versions of click treat that as an error."""
    if context.invoked_subcommand is None:
        raise click.UsageError(context.get_help(), context)


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "tagsync sandbox serve library.jsonl",
        "tagsync sandbox serve library.jsonl --limit 40/1",
        "tagsync sandbox reset library.jsonl",
    ),
)
@click.pass_context
def sandbox(context: click.Context) -> None:
    """Run a simulated ImageKit library on this machine."""
    need_command(context)


@sandbox.command(
    examples=(
        "tagsync sandbox serve library.jsonl",
        "tagsync sandbox serve library.jsonl --port 9000 --profile strict",
        "tagsync sandbox serve library.jsonl --limit 40/1 --latency-ms 80",
    )
)
@LIBRARY
@option(
    "--port",
    group="Library",
    from_environment=False,
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 picks a free one.",
)
@PROFILE
@option(
    "--key",
    group="Library",
    from_environment=False,
    metavar="KEY",
    help="Accept only this key.",
    show_default="any key",
)
@option(
    "--faults",
    group="Library",
    from_environment=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Let API calls fail as this fault script says.",
)
@STATE
@option(
    "--limit",
    group="Limits",
    from_environment=False,
    metavar="N/SECONDS[,...]",
    help="Return 429 after N calls of an endpoint in this time. Several limits apply together.",
)
@option(
    "--latency-ms",
    group="Limits",
    from_environment=False,
    type=click.IntRange(0, 60_000),
    default=0,
    metavar="N",
    help="Delay each response by this many milliseconds.",
)
def serve(library: Path, state_dir: Path, **values: Any) -> int:
    """Serve a library on 127.0.0.1, for tagsync, SDKs or curl.

    The sandbox keeps changes from run to run. To start over, run tagsync sandbox reset.
    """
    from tagsync.cli import sandbox_server  # noqa: PLC0415 - start-up

    return sandbox_server.serve(library, state_dir, **values)


@sandbox.command(
    examples=(
        "tagsync sandbox reset library.jsonl",
        "tagsync sandbox reset examples/library.jsonl",
        "tagsync sandbox reset library.jsonl --state-dir /tmp/state",
    )
)
@LIBRARY
@STATE
def reset(library: Path, state_dir: Path) -> int:
    """Discard all changes to a library.

    The next command fills the sandbox from LIBRARY.jsonl again.
    """
    from tagsync.cli import sandbox_server  # noqa: PLC0415 - start-up

    return sandbox_server.reset(library, state_dir)
