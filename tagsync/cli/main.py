"""Commands and exit codes. Bodies load what they need when they run, so that help costs nothing."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, get_args

import click
from click.core import ParameterSource

from tagsync.cli.completion import SHELLS, script
from tagsync.cli.completion import paths as complete_paths
from tagsync.cli.options import (
    ApplySettings,
    LibrarySettings,
    OutputSettings,
    PlanSettings,
    apply_options,
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
from tagsync.cli.signals import kept
from tagsync.errors import ManifestError, TagsyncError, UsageError, message_of
from tagsync.escape import shown
from tagsync.schemas import SchemaName
from tagsync.version import __version__

PATHS = click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=complete_paths)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account: tagsync plan --sandbox LIBRARY.jsonl MANIFESTS",
)
@click.version_option(__version__, message="tagsync %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Tags as code for ImageKit.

    Manifests declare the tags that files should have. `plan` shows what differs in the library, `apply` changes it
    and reports what the library shows afterwards.

    The private key comes from IMAGEKIT_PRIVATE_KEY, or the file that IMAGEKIT_PRIVATE_KEY_FILE names. Options are
    also environment variables: --format is TAGSYNC_FORMAT.

    Exit codes: 0 as asked, 1 error, 2 changes pending (plan --detailed-exitcode), 3 apply incomplete, 4 refused and
    nothing written, 64 called wrongly, 130 or 143 interrupted.
    """
    need_command(context)


@cli.command()
@PATHS
@option("--account", metavar="NAME", help="Check that the manifests are for this account.")
@manifest_options
@output_options
def validate(paths: tuple[str, ...], account: str | None, **values: Any) -> int:
    """Check manifests, offline and without a key.

    PATH is a file, a folder, or - for standard input.

    Example: tagsync validate manifests/
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.validate(paths, account, settings(OutputSettings, values), **values)


@cli.command()
@PATHS
@option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
@option("--strict", is_flag=True, help="Take warnings for errors.")
@option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan, for show, diff and apply.",
)
@option("--explain", metavar="PATH", help="Tell instead what each entry says of the file with this path, and what won.")
@option(
    "--changed-since",
    metavar="REF",
    help="Plan only files selected by rules that changed since a git revision, now or then; A...B is the merge base of "
    "both.",
)
@option("--coverage", is_flag=True, help="Tell which files no entry selects, and which entries select no file.")
@plan_options
@library_options
@pictured_options
def plan(paths: tuple[str, ...], **values: Any) -> int:
    """Show what apply would change. Only reads.

    PATH is a file, a folder, or - for standard input. Exits with 4 if a guard is against the plan.

    Example: tagsync plan --out plan.json manifests/
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.plan(paths, library, output, settings(PlanSettings, values), **values)


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...|PLANFILE", shell_complete=complete_paths)
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
@apply_options
@plan_options
@library_options
@pictured_options
@click.pass_context
def apply(context: click.Context, /, paths: tuple[str, ...], *, yes: bool, **values: Any) -> int:
    """Make the library as declared, and read it back.

    PATH is a file, a folder, or - for standard input. The plan is shown first; on a terminal you are asked. PLANFILE is
    what plan --out has saved. It is applied at once, unless it is named .yaml or .yml or, on a terminal, lies in a
    folder with such files.

    Example: tagsync apply --yes manifests/
    """
    from tagsync.cli.apply import apply as run_apply  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    typed = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    planned = settings(PlanSettings, values)
    how = settings(ApplySettings, values)
    return run_apply(paths, library, output, how, planned, yes=yes, typed=typed)


@cli.command()
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="OLDPLAN")
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="NEWPLAN")
@output_options
def diff(old: Path, new: Path, **values: Any) -> int:
    """Show what changed between two saved plans.

    Example: tagsync diff before.json after.json
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.diff(old, new, settings(OutputSettings, values))


@cli.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False, metavar="[REPORTFILE]"
)
@option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Save the plan, for apply.")
@click.option("--ai-as-tags", is_flag=True, help="Restore removed AI tags as ordinary tags; else they are left out.")
@target_options
@output_options
def undo(file: Path | None, *, out: Path | None, ai_as_tags: bool, **values: Any) -> int:
    """Plan to undo an apply. Only reads.

    REPORTFILE is what apply --report json=FILE has written. Without it, undo takes the newest report in the state
    directory of an apply that changed something. The plan reverts what that apply asked for, was not so before, and is
    so now. Apply it to carry it out. Exits with 3 if it leaves something out, and names what.

    Example: tagsync undo report.json --out undo.json && tagsync apply undo.json
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.undo(file, library, output, out=out, ai_as_tags=ai_as_tags)


@cli.command()
@click.argument(
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    nargs=-1,
    required=True,
    metavar="PLANFILE|REPORTFILE...",
)
@pictured_options
def show(files: tuple[Path, ...], **values: Any) -> int:
    """Render saved plans or reports again.

    Those of several shards become one: they have to be of one target and the same manifests, no file in two of them.

    Example: tagsync show --format markdown report-1.json report-2.json
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.show(files, settings(OutputSettings, values))


@cli.command()
@option("--path", "folder", default="/", metavar="/FOLDER/", help="Export what is below this folder alone.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write files into it."
)
@reading_options
def export(folder: str, output: Path | None, **values: Any) -> int:
    """Write the library as manifests.

    Planning them changes nothing. Without -o they go to standard output as one manifest.

    Example: tagsync export --path /shop/ -o manifests/
    """
    from tagsync.cli.export import export as run_export  # noqa: PLC0415 - start-up

    library = settings(LibrarySettings, values)
    return run_export(folder, output, library, settings(OutputSettings, values))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> int:
    """Write the first files of a repository.

    A commented manifest, its schema for editors, a policy, and a workflow for GitHub. The workflow goes below the root
    of the git repository that DIR is in, else below the current folder. What is there already is left as it is.

    Example: tagsync init manifests
    """
    from tagsync.cli.init import start as run_init  # noqa: PLC0415 - start-up

    return run_init(folder)


@cli.command()
@click.argument("kind", type=click.Choice(get_args(SchemaName)), default="manifest", metavar="[KIND]")
def schema(kind: Any) -> int:
    """Print the JSON Schema of a kind of document.

    KIND is manifest (the default), plan, report, difference, explanation or diagnostics.

    Example: tagsync schema > manifest.schema.json
    """
    from tagsync import schemas  # noqa: PLC0415 - start-up

    sys.stdout.write(schemas.text(kind))
    return 0


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print what a shell needs to complete tagsync.

    \b
    bash: tagsync completion bash > ~/.local/share/bash-completion/completions/tagsync
    zsh:  tagsync completion zsh > ~/.zfunc/_tagsync     (a folder of your fpath)
    fish: tagsync completion fish > ~/.config/fish/completions/tagsync.fish

    Example: source <(tagsync completion bash)
    """  # noqa: D301 - the backslash is click's mark for lines that stay as they are
    sys.stdout.write(f"{script(cli, shell)}\n")
    return 0


cli.add_command(sandbox)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Whatever goes wrong ends in a message, never a traceback."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or locale that lacks a character gets its escape, not an error.
            stream.reconfigure(errors="backslashreplace")
    with kept():
        try:
            code = cli.main(args=list(arguments), prog_name="tagsync", standalone_mode=False)
            if not code:  # what has failed by now keeps its own code
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop: all are told apart there
            code = _told(error)
        for stream in (sys.stdout, sys.stderr):
            _settle(stream)
    return code if isinstance(code, int) else 0


def _told(error: BaseException) -> int:
    """Tell what ended the run, and return its exit code."""
    code = 1
    match error:
        case click.UsageError():
            _say_usage(error)
            code = UsageError.exit_code
        case ManifestError():
            pass  # its faults were shown where the output's settings are known
        case TagsyncError():
            _say(str(error), *getattr(error, "__notes__", ()))
            code = error.exit_code
        case click.Abort() | KeyboardInterrupt():
            _say("interrupted")
            code = 128 + signal.SIGINT
        case BrokenPipeError():
            pass  # the reader has gone, and with it whoever a message would be for
        case _:
            _say(message_of(error))
    return code


def _settle(stream: TextIO) -> None:
    """Leave nothing behind that Python would fail to flush at exit, with words and an exit code of its own."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(message: str, *notes: str) -> None:
    """Write an error, and what belongs to it on lines of its own: others' words, which may hold a command to copy."""
    with suppress(OSError):
        sys.stderr.write(f"error: {shown(message)}\n")
        sys.stderr.writelines(f"  {shown(note)}\n" for note in notes)


def _say_usage(error: click.UsageError) -> None:
    """Say what is wrong with a command line. What it repeats may come from anyone: shells expand file names."""
    message, context = error.format_message(), error.ctx
    with suppress(OSError):
        if context and message == context.get_help():
            sys.stderr.write(f"{message}\n")
            return
        if context:
            sys.stderr.write(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n")
        _say(" ".join(message.split()) if isinstance(error, click.MissingParameter) else message)
