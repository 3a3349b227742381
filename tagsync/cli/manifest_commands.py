"""Define the commands about manifests, plans and reports. Bodies import what they need, so that help starts fast."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tagsync.cli import parameter_types
from tagsync.cli.groups import Command
from tagsync.cli.options import (
    AS_OF,
    ENVIRONMENT,
    ApplySettings,
    LibrarySettings,
    OutputSettings,
    PlanSettings,
    apply_options,
    connection_options,
    library_options,
    manifest_options,
    option,
    output_options,
    pictured_options,
    plan_options,
    settings,
    target_options,
)
from tagsync.cli.parameter_types import complete_paths

_PATHS = click.argument("paths", nargs=-1, metavar="[PATH...]", shell_complete=complete_paths)
_SAVED = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = option(
    "--out", group="Output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Save the plan."
)


@click.command(cls=Command, examples=("tagsync init manifests", "tagsync init tags/shop", "tagsync init ."))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> int:
    """Write the first files of a repository.

    You get a commented manifest, a policy, a test, a tagsync.yaml, their schemas for editors, a GitHub workflow, and a
    small library to try them with. tagsync.yaml and the workflow go to the root of the git repository that contains
    DIR, or to the current folder. Existing files are kept as they are.
    """
    from tagsync.cli.init import start as run_init  # noqa: PLC0415 - start-up

    return run_init(folder)


@click.command(
    cls=Command,
    examples=(
        "tagsync validate manifests/",
        "tagsync validate manifests/ --format github",
        "tagsync validate - < tags.yaml",
    ),
)
@_PATHS
@ENVIRONMENT
@option("--account", group="Library", metavar="NAME", help="Require that the manifests are for this account.")
@output_options
@manifest_options
def validate(paths: tuple[str, ...], **values: Any) -> int:
    """Check manifests offline, without a key.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.validate(paths, settings(OutputSettings, values), **values)


@click.command(
    cls=Command,
    examples=(
        "tagsync plan manifests/",
        "tagsync plan manifests/ --out plan.json --report plan.html",
        "tagsync plan manifests/ --explain /shop/red.jpg",
    ),
)
@_PATHS
@_OUT
@option(
    "--explain",
    group="Output",
    metavar="PATH",
    callback=parameter_types.file_path,
    help="Explain which rules apply to the file with this path, and exit.",
)
@option("--coverage", group="Output", is_flag=True, help="List files without a rule, and rules without a file.")
@option("--detailed-exitcode", group="Output", is_flag=True, help="Exit with 2 if changes are pending.")
@option("--strict", group="Safety", is_flag=True, help="Treat warnings as errors.")
@pictured_options
@library_options
@option(
    "--changed-since",
    group="Selection",
    metavar="REF",
    help="Only files of rules that changed since this git revision. A...B starts at the merge base of both.",
)
@plan_options
def plan(paths: tuple[str, ...], **values: Any) -> int:
    """Show what apply would change, without writing.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.

    The exit code is 0 with and without changes, unless you pass --detailed-exitcode. It is 4 if a guard blocks the
    plan.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.plan(paths, library, output, settings(PlanSettings, values), **values)


@click.command(
    cls=Command,
    examples=(
        "tagsync apply manifests/",
        "tagsync apply plan.json --report report.json",
        "tagsync apply manifests/ --yes --max-duration 15m",
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH...|PLANFILE]", shell_complete=complete_paths)
@option(
    "--yes",
    group="Safety",
    from_environment=False,
    is_flag=True,
    help="Apply without a prompt. Required unless you run it in a terminal.",
)
@pictured_options
@library_options
@apply_options
@plan_options
@click.pass_context
def apply(context: click.Context, /, paths: tuple[str, ...], *, yes: bool, **values: Any) -> int:
    """Apply the manifests, then verify the changed files.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests.
    You see the plan and confirm it.

    PLANFILE is a plan that you saved with plan --out. You have reviewed it, so tagsync applies it without a prompt. If
    its name ends in .yaml or .yml, tagsync asks first; in a terminal, also if its folder contains such files.

    The exit code is 3 if the apply is incomplete: run it again. It is 4 if tagsync changed nothing because a guard
    blocks the plan, a saved plan no longer fits, or you answered n.
    """
    from tagsync.cli.apply import apply as run_apply  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    typed = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    planned = settings(PlanSettings, values)
    how = settings(ApplySettings, values)
    return run_apply(paths, library, output, how, planned, yes=yes, typed=typed)


@click.command(
    cls=Command,
    examples=(
        "tagsync show plan.json",
        "tagsync show report.json --format html > report.html",
        "tagsync show report-1.json report-2.json --format markdown",
    ),
)
@click.argument("files", type=_SAVED, nargs=-1, required=True, metavar="PLANFILE|REPORTFILE...")
@pictured_options
def show(files: tuple[Path, ...], **values: Any) -> int:
    """Show saved plans or reports in any format.

    If you name several files, one for each shard, you see them as one. They must be for the same library and manifests,
    and must not overlap.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    return run.show(files, settings(OutputSettings, values))


@click.command(
    cls=Command,
    examples=(
        "tagsync diff before.json after.json",
        "tagsync diff before.json after.json --format json",
        "tagsync diff before.json after.json --report diff.html",
    ),
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


@click.command(
    cls=Command,
    examples=(
        "tagsync undo",
        "tagsync undo --out undo.json    # then: tagsync apply undo.json",
        "tagsync undo report.json --ai-as-tags",
    ),
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
@output_options
@target_options
def undo(file: Path | None, *, out: Path | None, ai_as_tags: bool, **values: Any) -> int:
    """Make a plan that reverts an apply.

    REPORTFILE is a report that you saved with apply --report FILE.json. Without it, undo uses the newest apply on this
    machine that changed something. The plan reverts each change of that apply that is still in the library.

    undo itself changes nothing: save the plan with --out and apply that file. To undo only some files, apply it with
    --select GLOB.

    The exit code is 3 if the plan leaves something out.
    """
    from tagsync.cli import run  # noqa: PLC0415 - start-up

    output, library = settings(OutputSettings, values), settings(LibrarySettings, values)
    return run.undo(file, library, output, out=out, ai_as_tags=ai_as_tags)


@click.command(
    cls=Command,
    examples=(
        "tagsync test manifests/",
        "tagsync test manifests/ --report tests.xml",
        "tagsync test manifests/ --write manifests/shoes.test.yaml",
    ),
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
@output_options
@connection_options
@AS_OF
def test(paths: tuple[str, ...], **values: Any) -> int:
    """Run the tests of manifests offline, without a key.

    A test is a manifest with kind: Test. It lists files, and the tags that they must have after an apply.

    PATH is a manifest, a folder, or - for standard input. Without PATH, tagsync.yaml names the manifests. Without
    tagsync.yaml, tagsync uses the current folder.

    The exit code is 1 if a test fails, or if there is none.
    """
    from tagsync.cli.test import test as run_test  # noqa: PLC0415 - start-up

    library = settings(LibrarySettings, values)
    return run_test(paths, library, settings(OutputSettings, values), **values)
