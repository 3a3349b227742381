"""Define the options that several commands share, and the settings that they fill."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource

from tagsync.cli import parameter_types
from tagsync.cli.groups import Option
from tagsync.errors import UsageError
from tagsync.model import Config, Part
from tagsync.planning.guards import Ack
from tagsync.reporting import FORMATS, INVENTORY_FORMATS, Format, InventoryFormat
from tagsync.reporting.markdown import LEAST_BYTES, MAX_BYTES

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """Where results go, and how detailed they are; `command` is the name of the command."""

    format: Format = "text"
    report: Sequence[tuple[Format, Path]] = ()
    max_bytes: int = MAX_BYTES
    link: str | None = None
    quiet: bool
    verbose: bool
    no_color: bool
    thumbnails: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySettings:
    """Where an inventory goes, and how detailed messages are."""

    format: InventoryFormat = "text"
    report: Sequence[tuple[InventoryFormat, Path]] = ()
    quiet: bool
    verbose: bool
    no_color: bool

    @property
    def messages(self) -> OutputSettings:
        """Where errors go: CSV has no place for them."""
        files = [(kind, path) for kind, path in self.report if kind != "csv"]
        kind = "text" if self.format == "csv" else self.format
        return OutputSettings(format=kind, report=files, quiet=self.quiet, verbose=self.verbose, no_color=self.no_color)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarySettings:
    """Which library and which of its files, how fast, and for how long."""

    endpoint: str | None
    account: str | None
    sandbox: Path | None
    profile: str | None = None
    env: str | None = None
    config: Config | None = None
    select: Sequence[str] = ()
    shard: Part | None = None
    concurrency: int = 4
    rate: float | None = None
    max_duration: float | None = None
    state_dir: Path

    @property
    def reads(self) -> tuple[str | Path | None, ...]:
        """The files that the run reads, and must not write over."""
        return self.sandbox, self.profile, self.config.file if self.config else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings:
    """How a plan is applied."""

    on_error: Literal["continue", "stop"]
    no_verify: bool
    batching: Literal["merge", "exact"]
    max_requests: int | None
    lock_timeout: float
    on_stale: Literal["skip", "fail"]
    ack: Sequence[Ack]
    expect_digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What a plan is made with, by plan and by apply."""

    policy: str | None
    as_of: date | None
    last: str | None
    prune_since: str | None = None


def option(*names: str, group: str, from_environment: bool = True, **settings: Any) -> Callable[[Command], Command]:
    """Return a click option of a group of options.

    Args:
        names: its names.
        group: one of `GROUPS`.
        from_environment: whether TAGSYNC_NAME sets it too.
        settings: what `click.option` takes, and `more_variables`, further environment variables.
    """
    long = next(name for name in names if name.startswith("--"))
    variables = ["TAGSYNC_" + long.removeprefix("--").replace("-", "_").upper(), *settings.pop("more_variables", ())]
    return click.option(*names, cls=Option, group=group, envvar=variables if from_environment else None, **settings)


_LOG = option(
    "--log-format",
    group="Output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    expose_value=False,
    help="Format of progress, warnings and errors on standard error.",
)

_VERBOSITY = (
    option("--verbose", "-v", group="Output", is_flag=True, help="Show all details."),
    option("--quiet", "-q", group="Output", is_flag=True, help="Hide progress and warnings."),
    option(
        "--no-color",
        group="Output",
        is_flag=True,
        help="Disable colors. NO_COLOR works too; FORCE_COLOR keeps colors in a pipe.",
    ),
    _LOG,
)


def _destinations(
    formats: Sequence[parameter_types.F], suffixes: Mapping[str, parameter_types.F], words: str
) -> tuple[Callable[[Command], Command], Callable[[Command], Command]]:
    return (
        option(
            "--report",
            group="Output",
            metavar="[FORMAT=]FILE",
            callback=parameter_types.reports(formats, suffixes),
            multiple=True,
            help=f"Also write the output to this file. The suffix sets the format: {words}. Repeatable.",
        ),
        option(
            "--format",
            group="Output",
            type=parameter_types.FormatChoice(formats, suffixes),
            default="text",
            show_default=True,
            metavar="FORMAT",
            help=f"Format of standard output: {', '.join(formats[:-1])} or {formats[-1]}.",
        ),
    )


_OUTPUT = (
    *_destinations(FORMATS, parameter_types.SUFFIXES, ".html, .json, .md, .prom, .txt, .xml (JUnit)"),
    *_VERBOSITY,
    option(
        "--link",
        group="Output",
        metavar="URL",
        callback=parameter_types.link,
        help="Page with all details, for Markdown output to link to.",
        show_default="the CI run",
    ),
    option(
        "--max-bytes",
        group="Output",
        type=parameter_types.integer(LEAST_BYTES),
        default=MAX_BYTES,
        show_default=True,
        metavar="N",
        help="Maximum size of Markdown output, in bytes.",
    ),
)

_INVENTORY = (
    *_destinations(INVENTORY_FORMATS, parameter_types.INVENTORY_SUFFIXES, ".csv, .html, .json, .txt"),
    *_VERBOSITY,
)

BELOW = option(
    "--path",
    "folder",
    group="Selection",
    default="/",
    metavar="/FOLDER/",
    callback=parameter_types.folder,
    help="Show only files below this folder.",
)

_THUMBNAILS = option(
    "--thumbnails",
    group="Output",
    is_flag=True,
    help="Keep thumbnail URLs of changed files in plans, and show the images in HTML.",
)

ENVIRONMENT = option("--env", group="Library", metavar="NAME", help="Environment from tagsync.yaml.")

PROFILE = option(
    "--profile",
    group="Library",
    metavar="PROFILE",
    help="How the sandbox behaves: strict, lenient, or a file from tagsync doctor --out.",
)

ACCOUNT = option(
    "--account",
    group="Library",
    metavar="NAME",
    help="Name of the account. Manifests for another account are an error.",
)

_TARGET = (
    ENVIRONMENT,
    option(
        "--sandbox",
        group="Library",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="LIBRARY.jsonl",
        help="Use a simulated library, filled from this file. Needs no key and no network.",
    ),
    PROFILE,
    ACCOUNT,
    option(
        "--endpoint",
        group="Library",
        more_variables=["IMAGE_KIT_BASE_URL"],
        metavar="URL",
        callback=parameter_types.endpoint,
        help="Base URL of the API, such as that of a served sandbox.",
        show_default="ImageKit",
    ),
)

_DURATION = option(
    "--max-duration",
    group="Limits",
    metavar="D",
    callback=parameter_types.duration,
    help="Stop after this time, such as 90s, 15m or 1h30m.",
)

_SPEED = (
    _DURATION,
    option(
        "--rate",
        group="Limits",
        type=parameter_types.POSITIVE,
        metavar="N",
        help="Maximum number of API calls per second that change files.",
    ),
    option(
        "--concurrency",
        group="Limits",
        type=parameter_types.integer(1, 8),
        default=4,
        show_default=True,
        metavar="N",
        help="Maximum number of simultaneous API calls.",
    ),
)

_LIBRARY = (
    *_TARGET,
    option(
        "--select",
        group="Selection",
        metavar="GLOB",
        type=parameter_types.LINES,
        callback=parameter_types.select,
        multiple=True,
        help="Only files whose path matches. Repeatable; the variable has one GLOB per line.",
    ),
    option(
        "--shard",
        group="Selection",
        metavar="I/N",
        callback=parameter_types.shard,
        help="Only shard I of N, such as 1/4. Each file belongs to one shard.",
    ),
    *_SPEED,
)

STATE = option(
    "--state-dir",
    group="Library",
    type=click.Path(path_type=Path),
    callback=parameter_types.state_dir,
    show_default=".tagsync next to tagsync.yaml, or in the current folder",
    metavar="DIR",
    help="Folder in which tagsync keeps reports for undo, interrupted applies and sandbox libraries.",
)

_APPLY = (
    option(
        "--ack",
        group="Safety",
        metavar="GUARD@DIGEST",
        callback=parameter_types.acks,
        multiple=True,
        help="Let a plan pass a guard. Copy the value from the error; 12 digits of the digest are enough. Repeatable.",
    ),
    option(
        "--expect-digest",
        group="Safety",
        metavar="DIGEST",
        callback=parameter_types.digest,
        help="Refuse to apply a plan with another digest. The first 12 digits are enough.",
    ),
    option(
        "--on-error",
        group="Safety",
        type=click.Choice(["continue", "stop"]),
        default="continue",
        show_default=True,
        help="Continue or stop after the first failed API call.",
    ),
    option(
        "--on-stale",
        group="Safety",
        type=click.Choice(["skip", "fail"]),
        default="skip",
        show_default=True,
        help="Skip files whose change no longer applies, or fail before the first change.",
    ),
    option("--no-verify", group="Safety", is_flag=True, help="Do not re-read the changed files."),
    option(
        "--max-requests",
        group="Limits",
        type=parameter_types.integer(1),
        metavar="N",
        help="Stop after this many API calls that change files.",
    ),
    option(
        "--lock-timeout",
        group="Limits",
        metavar="D",
        default="0",
        callback=parameter_types.duration,
        help="How long to wait for another apply of this library.",
        show_default=True,
    ),
    option(
        "--batching",
        group="Limits",
        type=click.Choice(["merge", "exact"]),
        default="merge",
        show_default=True,
        help="merge makes fewer API calls, which may set tags that files have already. exact sends only the changes.",
    ),
)

_LAST = option(
    "--last",
    group="Output",
    metavar="REPORT|none",
    help="Compare with the apply of this report, to show what caused each change since. none shows no causes.",
    show_default="the previous apply",
)

_PRUNE = option(
    "--prune-since",
    group="Selection",
    metavar="REF",
    help="Also remove tags that no rule declares now, but the manifests did at this git revision or later.",
)

AS_OF = option(
    "--as-of",
    group="Selection",
    metavar="DATE",
    callback=parameter_types.day,
    help="Evaluate `until` as of this date.",
    show_default="today, UTC",
)

_POLICY = option(
    "--policy", group="Safety", metavar="FILE", help="Use the policies in this file instead of those in PATH."
)


def _all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command."""

    def decorate(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


output_options = _all_of(*_OUTPUT)
"""The options of `OutputSettings`."""

pictured_options = _all_of(*_OUTPUT, _THUMBNAILS)
"""The options of `OutputSettings` for results with changed files."""

target_options = _all_of(*_TARGET, *_SPEED, STATE)
"""The options of `LibrarySettings` that do not select files."""

connection_options = _all_of(*_TARGET, STATE)
"""Only the options of `LibrarySettings` that name a library."""

library_options = _all_of(*_LIBRARY, STATE)
"""The options of `LibrarySettings`."""

reading_options = _all_of(*_TARGET, _DURATION, STATE, *_VERBOSITY)
"""The options of a command that reads a library but makes no plan."""

inventory_options = _all_of(*_TARGET, _DURATION, STATE, *_INVENTORY)
"""The options of `InventorySettings`, and those of a command that reads a library but makes no plan."""

account_options = _all_of(*_TARGET, STATE, *_VERBOSITY)
"""The options of a command that examines an account as a whole."""

apply_options = _all_of(*_APPLY)
"""The options of `ApplySettings`."""

plan_options = _all_of(_PRUNE, AS_OF, _POLICY, _LAST)
"""The options of `PlanSettings`."""

manifest_options = _all_of(AS_OF, _POLICY)
"""The options of `PlanSettings` that need no library."""


Settings = TypeVar("Settings", OutputSettings, InventorySettings, LibrarySettings, ApplySettings, PlanSettings)


def settings(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Remove the values of one kind of settings from a command's values, and return them with defaults for the rest.

    Raises:
        click.UsageError: the command line sets an endpoint, and the environment a sandbox.
        UsageError: the endpoint is not valid.
    """
    taken = {field.name: values.pop(field.name) for field in fields(kind) if field.name in values}
    if kind is OutputSettings:
        taken["command"] = click.get_current_context().command.name or ""
    if taken.get("endpoint") and taken.get("sandbox"):
        source = click.get_current_context().get_parameter_source
        if source("endpoint") is ParameterSource.COMMANDLINE is not source("sandbox"):
            raise click.UsageError("TAGSYNC_SANDBOX overrides this --endpoint: remove one of them.")
    elif taken.get("endpoint"):
        _check_endpoint(taken["endpoint"])
    return kind(**taken)


def _check_endpoint(endpoint: str) -> None:
    """Check an endpoint here, where an error can name the environment variable that sets it."""
    from tagsync.library.http.endpoint import checked_endpoint  # noqa: PLC0415 - start-up

    context = click.get_current_context()
    names = (
        each.variable(context)
        for each in context.command.params
        if isinstance(each, Option) and each.name == "endpoint"
    )
    try:
        checked_endpoint(endpoint)
    except UsageError as error:
        variable = next(names)
        raise UsageError(f"{variable}: {error}" if variable else str(error)) from error
