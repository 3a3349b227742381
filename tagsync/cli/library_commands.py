"""Define the commands that show a library or try an account. Bodies import what they need, so that help starts fast."""

from pathlib import Path
from typing import Any, get_args

import click

from tagsync.cli import parameter_types
from tagsync.cli.groups import Command
from tagsync.cli.options import (
    BELOW,
    InventorySettings,
    LibrarySettings,
    OutputSettings,
    account_options,
    inventory_options,
    option,
    reading_options,
    settings,
)
from tagsync.exporting import ExportFormat


@click.command(
    cls=Command,
    examples=(
        "tagsync export -o manifests/",
        "tagsync export --path /shop/ --format csv > shop.csv",
        "tagsync export --format library -o library.jsonl.gz --redact",
    ),
)
@option(
    "-o",
    "--output",
    group="Output",
    from_environment=False,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Write to this new folder, or with --format library to this new file. The suffix .gz compresses it.",
    show_default="standard output",
)
@option(
    "--format",
    "kind",
    group="Output",
    from_environment=False,
    type=click.Choice([*get_args(ExportFormat), "library"]),
    default="manifests",
    show_default=True,
    help="Manifests, CSV rows with one file each, or a recorded library for the sandbox.",
)
@option(
    "--redact",
    group="Output",
    from_environment=False,
    is_flag=True,
    help="With --format library: replace names, tags, IDs, URLs and custom metadata.",
)
@option(
    "--path",
    "folder",
    group="Selection",
    default="/",
    metavar="/FOLDER/",
    callback=parameter_types.folder,
    help="Export only files below this folder.",
)
@reading_options
def export(folder: str, output: Path | None, kind: Any, *, redact: bool, **values: Any) -> int:
    """Write the library as manifests or CSV, or record it.

    If you plan what you exported, there is nothing to do.

    --format library records the library, so that --sandbox and sandbox serve can simulate it without a key. After an
    interruption, run the same command again to continue.
    """
    library, output_settings = settings(LibrarySettings, values), settings(OutputSettings, values)
    if kind == "library":
        from tagsync.cli.record import record  # noqa: PLC0415 - start-up

        return record(folder, output, library, output_settings, redact=redact)
    if redact:
        raise click.UsageError("--redact needs --format library")
    from tagsync.cli.export import export as run_export  # noqa: PLC0415 - start-up

    return run_export(folder, output, library, output_settings, kind=kind)


@click.command(
    cls=Command,
    examples=(
        "tagsync tags --path /shop/ --report tags.csv",
        "tagsync tags --suggest > vocabulary.yaml",
        "tagsync tags --ai > ai-tags.yaml",
    ),
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
    help="Print rules for AI tags, with the confidence from which each agrees with an ordinary tag.",
)
@BELOW
@inventory_options
def tags(folder: str, *, suggest: bool, ai: bool, **values: Any) -> int:
    """Show which tags are in the library.

    For each tag, you see the number of files, and the folders with most of them. For each AI tag, you also see its
    source and its lowest, median and highest confidence.
    """
    from tagsync.cli import inventory  # noqa: PLC0415 - start-up

    if suggest and ai:
        raise click.UsageError("--suggest and --ai print different manifests: use one of them.")
    show = inventory.suggest if suggest else inventory.compare_ai if ai else inventory.tags
    return show(folder, settings(LibrarySettings, values), settings(InventorySettings, values))


@click.command(
    cls=Command,
    examples=(
        "tagsync ls '/shop/**' --tag sale",
        "tagsync ls --tag sale --tag draft --format csv > files.csv",
        """tagsync ls --query 'format = "webp"' --format json | jq -r '.files[].path'""",
    ),
)
@click.argument("glob", required=False, metavar="[GLOB]", callback=parameter_types.glob)
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

    Without GLOB and options, you get all files. GLOB matches paths, as in rules. Quote it, so that the shell does not
    expand it. If it ends with /, it matches all files below that folder.
    """
    from tagsync.cli import inventory  # noqa: PLC0415 - start-up

    library, output = settings(LibrarySettings, values), settings(InventorySettings, values)
    return inventory.ls(glob, library, output, **values)


@click.command(
    cls=Command,
    examples=(
        "tagsync doctor",
        "tagsync doctor --out profile.json",
        "tagsync doctor --write-on /test/example.jpg",
    ),
)
@option(
    "--write-on",
    group="Selection",
    from_environment=False,
    metavar="PATH",
    callback=parameter_types.file_path,
    help="Also test writes: change tags of this file, and restore them afterwards.",
)
@option(
    "--out",
    group="Output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save a profile: the results without key, host, paths, tags and IDs.",
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
@account_options
def doctor(out: Path | None, write_on: str | None, **values: Any) -> int:
    """Check how your ImageKit account behaves.

    doctor tries what ImageKit's documentation leaves open, and compares it with what tagsync expects. It makes at most
    60 API calls. They only read, unless you name a file with --write-on.

    --write-on adds tags that start with tagsync-doctor- to the file, and removes them again. If doctor is killed, its
    next run restores the file. Choose an unimportant file: its updatedAt may change.

    The exit code is 3 if something differs from what tagsync expects. The output says what tagsync does about it.
    """
    from tagsync.cli.doctor import doctor as run_doctor  # noqa: PLC0415 - start-up

    library = settings(LibrarySettings, values)
    return run_doctor(library, settings(OutputSettings, values), out=out, write_on=write_on)
