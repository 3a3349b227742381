"""Define the commands. Bodies import what they need when they run, so that help starts fast."""

import sys
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from tagsync.cli.completion import SHELLS, script
from tagsync.cli.completion import paths as complete_paths
from tagsync.cli.groups import Group
from tagsync.cli.options import (
    AS_OF,
    BELOW,
    ENVIRONMENT,
    ApplySettings,
    InventorySettings,
    LibrarySettings,
    OutputSettings,
    PlanSettings,
    account_options,
    apply_options,
    connection_options,
    inventory_options,
    library_options,
    manifest_options,
    option,
    output_options,
    pictured_options,
    plan_options,
    reading_options,
    settings,
    target_options,
)
from tagsync.cli.sandbox import need_command, sandbox
from tagsync.exporting import ExportFormat
from tagsync.schemas import SchemaName
from tagsync.version import __version__

_PATHS = click.argument("paths", nargs=-1, metavar="[PATH...]", shell_complete=complete_paths)
_SAVED = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = option(
    "--out", group="Output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Save the plan."
)


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

    You declare tags in YAML manifests. `plan` shows what differs in the library. `apply` changes it and then re-reads
    every changed file.

    A tagsync.yaml names manifests, policy and environments, so that plan and apply need no arguments.

    Set your private key in IMAGEKIT_PRIVATE_KEY, or the name of a file with the key in IMAGEKIT_PRIVATE_KEY_FILE.
    Most options are also environment variables, such as TAGSYNC_FORMAT for --format.

    \b
    Exit codes:
      0         success; plan: with or without changes
      1         error, nothing was written
      2         changes are pending (plan --detailed-exitcode)
      3         incomplete: apply again; undo: something is left out
      4         refused, nothing was written
      64        usage error
      130, 143  interrupted
    """  # noqa: D301 - the backslash is click's mark for lines that stay as they are
    need_command(context)


@cli.command(examples=("tagsync init manifests", "tagsync init tags/shop", "tagsync init ."))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> int:
    """Write the first files of a repository.

    You get a commented manifest, a policy, a test, a tagsync.yaml, their schemas for editors, a GitHub workflow, and a
    small library to try them with.
    tagsync.yaml and the workflow go to the root of the git repository around DIR, or to the current folder. Existing
    files stay unchanged.
    """
    from tagsync.cli.init import start as run_init  # noqa: PLC0415 - start-up

    return run_init(folder)


@cli.command(
    examples=(
        "tagsync validate manifests/",
        "tagsync validate manifests/ --format github",
        "tagsync validate - < tags.yaml",
    )
)
@_PATHS
@ENVIRONMENT
@option("--account", group="Library", metavar="NAME", help="Require that the manifests are for this account.")
@manifest_options
@output_options
def validate(paths: tuple[str, ...], **values: Any) -> int:
    """Check manifests offline, without a key.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.validate(paths, settings(OutputSettings, values), **values)


@cli.command(
    examples=(
        "tagsync plan manifests/",
        "tagsync plan manifests/ --out plan.json --report plan.html",
        "tagsync plan manifests/ --explain /shop/red.jpg",
    )
)
@_PATHS
@option("--detailed-exitcode", group="Output", is_flag=True, help="Exit with 2 if changes are pending.")
@option("--strict", group="Safety", is_flag=True, help="Treat warnings as errors.")
@_OUT
@option(
    "--explain", group="Output", metavar="PATH", help="Explain which rules apply to the file with this path, and exit."
)
@option(
    "--changed-since",
    group="Selection",
    metavar="REF",
    help="Plan only files of rules that changed since this git revision. A...B starts at the merge base of both.",
)
@option("--coverage", group="Output", is_flag=True, help="List files without a rule, and rules without a file.")
@plan_options
@library_options
@pictured_options
def plan(paths: tuple[str, ...], **values: Any) -> int:
    """Show what apply would change, without writing.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.

    The exit code is 4 if a guard blocks the plan.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.plan(paths, library, output, settings(PlanSettings, values), **values)


@cli.command(
    examples=(
        "tagsync apply manifests/",
        "tagsync apply plan.json --report report.html",
        "tagsync apply manifests/ --yes --max-duration 15m",
    )
)
@click.argument("paths", nargs=-1, metavar="[PATH...|PLANFILE]", shell_complete=complete_paths)
@option(
    "--yes",
    group="Safety",
    from_environment=False,
    is_flag=True,
    help="Apply without a prompt. Required unless you run it in a terminal.",
)
@apply_options
@plan_options
@library_options
@pictured_options
@click.pass_context
def apply(context: click.Context, /, paths: tuple[str, ...], *, yes: bool, **values: Any) -> int:
    """Apply the manifests, then verify the changed files.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.
    You see the plan and confirm it.

    PLANFILE is a plan that you saved with plan --out. You have reviewed it, so tagsync applies it without a prompt. If
    its name ends in .yaml or .yml, tagsync asks first; in a terminal, also if its folder contains such files.
    """
    from tagsync.cli.apply import apply as run_apply  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    typed = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    planned = settings(PlanSettings, values)
    how = settings(ApplySettings, values)
    return run_apply(paths, library, output, how, planned, yes=yes, typed=typed)


@cli.command(
    examples=(
        "tagsync show plan.json",
        "tagsync show report.json --format html > report.html",
        "tagsync show report-1.json report-2.json --format markdown",
    )
)
@click.argument("files", type=_SAVED, nargs=-1, required=True, metavar="PLANFILE|REPORTFILE...")
@pictured_options
def show(files: tuple[Path, ...], **values: Any) -> int:
    """Show saved plans or reports in any format.

    Several files, one for each shard, are merged. They need the same target and manifests, and no file in common.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.show(files, settings(OutputSettings, values))


@cli.command(
    examples=(
        "tagsync diff before.json after.json",
        "tagsync diff before.json after.json --format json",
        "tagsync diff before.json after.json --report diff.html",
    )
)
@click.argument("old", type=_SAVED, metavar="OLDPLAN")
@click.argument("new", type=_SAVED, metavar="NEWPLAN")
@output_options
def diff(old: Path, new: Path, **values: Any) -> int:
    """Compare two saved plans.

    To compare manifests with the library, run tagsync plan.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.diff(old, new, settings(OutputSettings, values))


@cli.command(
    examples=(
        "tagsync undo",
        "tagsync undo --out undo.json    # then: tagsync apply undo.json",
        "tagsync undo report.json --ai-as-tags",
    )
)
@click.argument("file", type=_SAVED, required=False, metavar="[REPORTFILE]")
@_OUT
@option(
    "--ai-as-tags",
    group="Selection",
    from_environment=False,
    is_flag=True,
    help="Restore removed AI tags as ordinary tags. Without this, the plan leaves them out.",
)
@target_options
@output_options
def undo(file: Path | None, *, out: Path | None, ai_as_tags: bool, **values: Any) -> int:
    """Plan to revert an apply, without writing.

    REPORTFILE is a report that you saved with apply --report FILE.json. Without it, undo uses the newest kept report
    that changed something. The plan reverts each change of that apply that is still in the library.

    To carry it out, save the plan with --out and apply that file. The exit code is 3 if the plan leaves something out.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.undo(file, library, output, out=out, ai_as_tags=ai_as_tags)


@cli.command(
    examples=(
        "tagsync test manifests/",
        "tagsync test manifests/ --report tests.xml",
        "tagsync test manifests/ --write manifests/shoes.test.yaml",
    )
)
@_PATHS
@option(
    "--write",
    group="Output",
    from_environment=False,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a new test from a plan, with some of the changed files. Needs a library, as plan does.",
)
@AS_OF
@connection_options
@output_options
def test(paths: tuple[str, ...], **values: Any) -> int:
    """Run the tests of manifests offline, without a key.

    A test is a manifest with kind: Test. It gives files, and the tags that they must have after an apply.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests; if there is
    none, they are in the current folder.

    The exit code is 1 if a test fails, or if there is none.
    """
    from tagsync.cli.test import test as run_test  # noqa: PLC0415 - start-up

    library = settings(LibrarySettings, values)
    return run_test(paths, library, settings(OutputSettings, values), **values)


@cli.command(
    examples=(
        "tagsync export -o manifests/",
        "tagsync export --path /shop/ --format csv > shop.csv",
        "tagsync export --format library -o library.jsonl.gz --redact",
    )
)
@option(
    "--path", "folder", group="Selection", default="/", metavar="/FOLDER/", help="Export only files below this folder."
)
@option(
    "-o",
    "--output",
    group="Output",
    from_environment=False,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Write into this new folder, or with --format library to this new file; .gz compresses it.",
    show_default="one manifest, or the rows, on standard output",
)
@option(
    "--format",
    "kind",
    group="Output",
    from_environment=False,
    type=click.Choice([*get_args(ExportFormat), "library"]),
    default="manifests",
    show_default=True,
    help="Write manifests, a CSV file with one row per file, or all data of the files for the sandbox.",
)
@option(
    "--redact",
    group="Output",
    from_environment=False,
    is_flag=True,
    help="With --format library: replace names, tags, IDs, URLs and custom metadata.",
)
@reading_options
def export(folder: str, output: Path | None, kind: Any, *, redact: bool, **values: Any) -> int:
    """Write the library as manifests or CSV, or record it.

    A plan of the manifests or rows has no changes.

    --format library records a library: --sandbox and sandbox serve then simulate it without a key. If you interrupt
    it, run the same command again to go on.
    """
    library, output_settings = settings(LibrarySettings, values), settings(OutputSettings, values)
    if kind == "library":
        from tagsync.cli.record import record  # noqa: PLC0415 - start-up

        return record(folder, output, library, output_settings, redact=redact)
    if redact:
        raise click.UsageError("--redact needs --format library")
    from tagsync.cli.export import export as run_export  # noqa: PLC0415 - start-up

    return run_export(folder, output, library, output_settings, kind=kind)


@cli.command(
    examples=(
        "tagsync tags --path /shop/ --report tags.csv",
        "tagsync tags --suggest > vocabulary.yaml",
        "tagsync tags --ai > ai-tags.yaml",
    )
)
@option(
    "--suggest",
    group="Output",
    from_environment=False,
    is_flag=True,
    help="Find near-duplicate tags, and print a Vocabulary that renames them.",
)
@option(
    "--ai",
    group="Output",
    from_environment=False,
    is_flag=True,
    help="Compare AI tags with ordinary tags, and print rules with the confidence from which they agree.",
)
@BELOW
@inventory_options
def tags(folder: str, *, suggest: bool, ai: bool, **values: Any) -> int:
    """Show which tags are in the library.

    For each tag, you see the number of files and the folders with most of them; for AI tags also the source and the
    lowest, median and highest confidence.
    """
    from tagsync.cli import inventory  # noqa: PLC0415 - start-up

    if suggest and ai:
        raise click.UsageError("--suggest and --ai print different manifests: use one of them.")
    show = inventory.suggest if suggest else inventory.compare_ai if ai else inventory.tags
    return show(folder, settings(LibrarySettings, values), settings(InventorySettings, values))


@cli.command(
    examples=(
        "tagsync ls '/shop/**' --tag sale",
        "tagsync ls --tag sale --tag draft --format csv > files.csv",
        """tagsync ls --query 'format = "webp"' --format json | jq -r '.files[].path'""",
    )
)
@click.argument("glob", required=False, metavar="[GLOB]")
@option(
    "--tag",
    group="Selection",
    from_environment=False,
    multiple=True,
    metavar="TAG",
    help="List only files with this tag. Repeatable: files need all of them.",
)
@option(
    "--ai-tag",
    group="Selection",
    from_environment=False,
    multiple=True,
    metavar="NAME",
    help="List only files with this AI tag. Repeatable: files need all of them.",
)
@option(
    "--query",
    group="Selection",
    from_environment=False,
    metavar="QUERY",
    help="List only files that this ImageKit searchQuery finds.",
)
@BELOW
@inventory_options
def ls(glob: str | None, **values: Any) -> int:
    """List files and their tags.

    Without conditions, you get all files. GLOB matches paths, as in rules; put it in quotation marks. If it ends with
    /, it matches all files below that folder.
    """
    from tagsync.cli import inventory  # noqa: PLC0415 - start-up

    library, output = settings(LibrarySettings, values), settings(InventorySettings, values)
    return inventory.ls(glob, library, output, **values)


@cli.command(
    examples=(
        "tagsync doctor",
        "tagsync doctor --out profile.json",
        "tagsync doctor --write-on /test/example.jpg",
    )
)
@option(
    "--format",
    group="Output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="Format of standard output: text, or json for the profile.",
)
@option(
    "--out",
    group="Output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save a profile: the results without key, host, paths, tags and IDs.",
)
@option(
    "--write-on",
    group="Selection",
    from_environment=False,
    metavar="PATH",
    help="Also test writes: change tags of this file, and restore them afterwards.",
)
@account_options
def doctor(out: Path | None, write_on: str | None, **values: Any) -> int:
    """Check how your ImageKit account behaves.

    Compares the account with what tagsync expects where ImageKit's documentation is silent. Sends at most 60 API calls,
    which only read, unless you name a file with --write-on.

    --write-on adds tags that start with tagsync-doctor- to the file, and removes them again. If doctor is killed, its
    next run restores the file. Choose a file that does not matter: its updatedAt may change.

    The exit code is 3 if something differs. The output says what tagsync does about it.
    """
    from tagsync.cli.doctor import doctor as run_doctor  # noqa: PLC0415 - start-up

    library = settings(LibrarySettings, values)
    return run_doctor(library, settings(OutputSettings, values), out=out, write_on=write_on)


@cli.command(
    examples=("tagsync schema > manifest.schema.json", "tagsync schema plan", "tagsync schema report | jq .properties")
)
@click.argument("kind", type=click.Choice(get_args(SchemaName)), default="manifest", metavar="[KIND]")
def schema(kind: Any) -> int:
    """Print a JSON Schema.

    KIND is manifest (the default), config, plan, report, difference, explanation, diagnostics, tests, tags, files,
    log or profile.
    """
    from tagsync import schemas  # noqa: PLC0415 - start-up

    sys.stdout.write(schemas.text(kind))
    return 0


@cli.command(
    examples=(
        "source <(tagsync completion bash)",
        "tagsync completion zsh > ~/.zfunc/_tagsync",
        "tagsync completion fish > ~/.config/fish/completions/tagsync.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print a shell completion script.

    Write it to a file that your shell reads at start. For zsh, that is a file in a folder of your fpath.
    """
    sys.stdout.write(f"{script(cli, shell)}\n")
    return 0


cli.add_command(sandbox)
