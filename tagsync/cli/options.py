"""Options that several commands share; each is also an environment variable, TAGSYNC_ and its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource

from tagsync.cli import parameter_types
from tagsync.environment import setting
from tagsync.errors import UsageError
from tagsync.model import Part
from tagsync.planning.guards import Ack
from tagsync.reporting import FORMATS, Format
from tagsync.reporting.markdown import LEAST_BYTES, MAX_BYTES

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """Where results go, and how much is said on the way."""

    format: Format = "text"
    report: Sequence[tuple[Format, Path]] = ()
    max_bytes: int = MAX_BYTES
    link: str | None = None
    quiet: bool
    verbose: bool
    no_color: bool
    thumbnails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarySettings:
    """Which library, how fast, and for how long."""

    endpoint: str | None
    account: str | None
    sandbox: Path | None
    select: Sequence[str] = ()
    shard: Part | None = None
    concurrency: int = 4
    rate: float | None = None
    max_duration: float | None = None
    state_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings:
    """How a plan is carried out."""

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
    """What a plan is made with, whether it is shown or applied at once."""

    policy: str | None
    as_of: date | None
    last: str | None


class _Option(click.Option):
    """An option whose environment variables are read without white space around their values."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's signature
        """Return the value of the first variable that is set."""
        found = setting(*self.envvar or ())
        return found.value if found else None

    def variable(self, ctx: click.Context | None) -> str | None:
        """Return the variable that the value comes from; None if it comes from elsewhere."""
        is_set = ctx and ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT
        found = setting(*self.envvar or ()) if is_set else None
        return found.variable if found else None

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the name under which an error mentions the value."""
        return self.variable(ctx) or super().get_error_hint(ctx)


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Return a click option that is also read from the environment."""
    long = next(name for name in names if name.startswith("--"))
    variable = "TAGSYNC_" + long.removeprefix("--").replace("-", "_").upper()
    more = settings.pop("more_variables", ())
    return click.option(*names, cls=_Option, envvar=[variable, *more], show_envvar=False, **settings)


_SPEECH = (
    option("--quiet", "-q", is_flag=True, help="No progress and no warnings on standard error."),
    option("--verbose", "-v", is_flag=True, help="Show everything, however long."),
    option("--no-color", is_flag=True, help="No colours (NO_COLOR is honoured too)."),
)

_OUTPUT = (
    option(
        "--format",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="What standard output carries; github also writes the step's summary and outputs.",
    ),
    option(
        "--report",
        metavar="FORMAT=FILE",
        callback=parameter_types.reports,
        multiple=True,
        help="Also write a file; may be given again.",
    ),
    option(
        "--max-bytes",
        type=click.IntRange(LEAST_BYTES),
        default=MAX_BYTES,
        show_default=True,
        help="How long Markdown may be.",
    ),
    option(
        "--link",
        metavar="URL",
        callback=parameter_types.link,
        help="What Markdown links to for all details. [default: the CI run's page]",
    ),
    *_SPEECH,
)

_THUMBNAILS = option(
    "--thumbnails", is_flag=True, help="Keep the changed files' thumbnails in plans, and let HTML pages load them."
)

_WHICH = (
    option(
        "--endpoint",
        more_variables=["IMAGE_KIT_BASE_URL"],
        metavar="URL",
        callback=parameter_types.endpoint,
        help="The API's base URL.",
    ),
    option("--account", metavar="NAME", help="A name for the account; manifests may insist on one."),
    option(
        "--sandbox",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="LIBRARY.jsonl",
        help="Use a library in this process, seeded from a file: no key, no network.",
    ),
)

_DURATION = option(
    "--max-duration",
    metavar="D",
    callback=parameter_types.duration,
    help="End after this time, like 90s, 15m or 1h30m. Reading ends with an error; apply reports what it has written.",
)

_PACE = (
    _DURATION,
    option("--concurrency", type=click.IntRange(1, 8), default=4, show_default=True, help="Calls in flight."),
    option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most so many bulk calls a second."),
)

_LIBRARY = (
    *_WHICH,
    option(
        "--select",
        metavar="GLOB",
        type=parameter_types.LINES,
        callback=parameter_types.select,
        multiple=True,
        help="Leave out changes of files whose path does not match; repeat it to keep those that match any GLOB. "
        "TAGSYNC_SELECT has one a line.",
    ),
    option(
        "--shard",
        metavar="I/N",
        callback=parameter_types.shard,
        help="Leave out changes of files of other shards than this.",
    ),
    *_PACE,
)

_STATE = option(
    "--state-dir",
    type=click.Path(path_type=Path),
    default=Path(".tagsync"),
    show_default=True,
    help="Where the journal, reports, unfinished plans, facts about libraries and a sandbox's library are kept.",
)


_APPLY = (
    option(
        "--on-error",
        type=click.Choice(["continue", "stop"]),
        default="continue",
        show_default=True,
        help="What the first failure means for the rest.",
    ),
    option("--no-verify", is_flag=True, help="Do not read the changed files back."),
    option(
        "--batching",
        type=click.Choice(["merge", "exact"]),
        default="merge",
        show_default=True,
        help="Whether calls may also set what is set already, to be fewer.",
    ),
    option("--max-requests", type=click.IntRange(1), metavar="N", help="Stop after so many bulk calls."),
    option(
        "--lock-timeout",
        metavar="D",
        default="0",
        callback=parameter_types.duration,
        help="Wait so long for another apply of this library to end.",
    ),
    option(
        "--on-stale",
        type=click.Choice(["skip", "fail"]),
        default="skip",
        show_default=True,
        help="What a file that changed since the plan, in a way that matters, means for the rest.",
    ),
    option(
        "--ack",
        metavar="GUARD@DIGEST",
        callback=parameter_types.acks,
        multiple=True,
        help="Let a guard pass for this very plan, as the plan prints it; may be given again.",
    ),
    option(
        "--expect-digest",
        metavar="DIGEST",
        callback=parameter_types.digest,
        help="Refuse any plan but the one of this digest.",
    ),
)

_LAST = option(
    "--last",
    metavar="REPORT",
    help="The last apply's report, to tell why changes are necessary again; none for no report. [default: the state "
    "directory's]",
)

_PLAN = (
    _LAST,
    option("--policy", metavar="FILE", help="Policies that hold instead of those among the PATHs."),
    option(
        "--as-of",
        metavar="DATE",
        callback=parameter_types.day,
        help="Judge entries with until as on this day, not today (UTC).",
    ),
)


def output_options(command: Command) -> Command:
    """Add the options of `OutputSettings`."""
    return _with(_OUTPUT, command)


def pictured_options(command: Command) -> Command:
    """Add those of `OutputSettings` that results with changed files have."""
    return _with((*_OUTPUT, _THUMBNAILS), command)


def target_options(command: Command) -> Command:
    """Add those of `LibrarySettings` that leave nothing out."""
    return _with((*_WHICH, *_PACE, _STATE), command)


def library_options(command: Command) -> Command:
    """Add the options of `LibrarySettings`."""
    return _with((*_LIBRARY, _STATE), command)


def reading_options(command: Command) -> Command:
    """Add what a command needs that reads a library and makes no plan, of `LibrarySettings` and `OutputSettings`."""
    return _with((*_WHICH, _DURATION, _STATE, *_SPEECH), command)


def apply_options(command: Command) -> Command:
    """Add the options of `ApplySettings`."""
    return _with(_APPLY, command)


def plan_options(command: Command) -> Command:
    """Add those options of `PlanSettings` that hold for plans that are applied at once, too."""
    return _with(_PLAN, command)


def manifest_options(command: Command) -> Command:
    """Add those options of a plan that need no library."""
    return _with(_PLAN[1:], command)


def state_options(command: Command) -> Command:
    """Add the state directory alone."""
    return _with((_STATE,), command)


def _with(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    for decorate in reversed(options):
        command = decorate(command)
    return command


Settings = TypeVar("Settings", OutputSettings, LibrarySettings, ApplySettings, PlanSettings)


def settings(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Take a settings object's values out of a command's; those that it has no option for are the defaults.

    Raises:
        click.UsageError: the command line names an endpoint, and the environment a sandbox.
        UsageError: the endpoint cannot be used.
    """
    taken = {field.name: values.pop(field.name) for field in fields(kind) if field.name in values}
    if taken.get("endpoint") and taken.get("sandbox"):
        source = click.get_current_context().get_parameter_source
        if source("endpoint") is ParameterSource.COMMANDLINE is not source("sandbox"):
            raise click.UsageError("TAGSYNC_SANDBOX would win over this --endpoint: take one of them out.")
    elif taken.get("endpoint"):
        _check_endpoint(taken["endpoint"])
    return kind(**taken)


def _check_endpoint(endpoint: str) -> None:
    """Check an endpoint while it is known where it comes from."""
    from tagsync.library.http.endpoint import checked_endpoint  # noqa: PLC0415 - start-up

    context = click.get_current_context()
    names = (
        each.variable(context)
        for each in context.command.params
        if isinstance(each, _Option) and each.name == "endpoint"
    )
    try:
        checked_endpoint(endpoint)
    except UsageError as error:
        variable = next(names)
        raise UsageError(f"{variable}: {error}" if variable else str(error)) from error
