"""Gather the commands in the order in which people use them."""

import sys
from typing import Any, get_args

import click
from click.shell_completion import get_completion_class

from tagsync.cli.groups import Command, Group
from tagsync.cli.library_commands import doctor, export, ls, tags
from tagsync.cli.manifest_commands import apply, diff, init, plan, show, test, undo, validate
from tagsync.cli.sandbox import need_command, sandbox
from tagsync.schemas import SchemaName
from tagsync.version import __version__


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=(
        "tagsync init manifests",
        "tagsync plan manifests/ --sandbox library.jsonl    # without an account",
        "tagsync apply manifests/",
    ),
)
@click.version_option(__version__, message="tagsync %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Manage ImageKit tags as code.

    You declare tags in YAML manifests. `plan` shows how the library differs from them. `apply` makes the changes, then
    re-reads every changed file.

    With a tagsync.yaml that names manifests, policy and environments, plan and apply need no arguments.

    Set IMAGEKIT_PRIVATE_KEY to your private key, or IMAGEKIT_PRIVATE_KEY_FILE to the name of a file that contains it.
    Most options are also environment variables, such as TAGSYNC_FORMAT for --format.

    \b
    Exit codes:
      0         success
      1         error, or a failed test; nothing was changed
      2         plan --detailed-exitcode: changes are pending
      3         apply: incomplete, run it again; undo: incomplete plan; doctor: differences
      4         refused: a guard blocks the plan, or you answered n; nothing was changed
      64        usage error
      130, 143  interrupted; apply still reports what it changed
    """  # noqa: D301 - the backslash is click's mark for lines that stay as they are
    need_command(context)


@click.command(
    cls=Command,
    examples=("tagsync schema > manifest.schema.json", "tagsync schema plan", "tagsync schema report | jq .properties"),
)
@click.argument("kind", type=click.Choice(get_args(SchemaName)), default="manifest", metavar="[KIND]")
def schema(kind: Any) -> int:
    """Print a JSON Schema.

    KIND is manifest (the default), config, plan, report, difference, explanation, diagnostics, tests, tags, files,
    renames, agreement, log or profile.
    """
    from tagsync import schemas  # noqa: PLC0415 - start-up

    sys.stdout.write(schemas.text(kind))
    return 0


@click.command(
    cls=Command,
    examples=(
        "source <(tagsync completion bash)",
        "tagsync completion zsh > ~/.zfunc/_tagsync",
        "tagsync completion fish > ~/.config/fish/completions/tagsync.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a shell completion script.

    Save it in a file that your shell reads at startup. For zsh, use a file in a folder of your fpath.
    """
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - click knows these shells
    sys.stdout.write(f"{kind(cli, {}, 'tagsync', '_TAGSYNC_COMPLETE').source()}\n")
    return 0


for each in (
    init,
    validate,
    plan,
    apply,
    show,
    diff,
    undo,
    test,
    export,
    tags,
    ls,
    doctor,
    sandbox,
    schema,
    completion,
):
    cli.add_command(each)
