"""What commands do once their options are read: gather, decide, act, and write what came of it."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tagsync import api
from tagsync.applying.apply import ApplyOptions
from tagsync.cli.options import ApplySettings, LibrarySettings, OutputSettings
from tagsync.cli.output import Output
from tagsync.cli.targets import journal_path, locked, target
from tagsync.errors import DamagedError, DocumentError, InterruptedRunError, RefusedError, UsageError
from tagsync.model import Plan, Report
from tagsync.planning.digest import digest_of
from tagsync.reporting.rows import counted
from tagsync.reporting.saved import MAX_DOCUMENT_BYTES, read_document

REFUSED = RefusedError.exit_code
INCOMPLETE = 3
CHANGES_PENDING = 2

T = TypeVar("T")


def validate(paths: Sequence[str], account: str | None, settings: OutputSettings) -> int:
    """Check manifests."""
    output = Output(settings)
    with output.failures_written():
        desired = api.validate(paths, account=account)
    output.diagnostics(desired.diagnostics, {ref.path: ref.shown_as for ref in desired.manifests})
    files, entries = len(desired.manifests), len(desired.entries)
    output.valid(
        f"Valid: {counted(files, 'manifest')} with {counted(entries, 'entry', 'entries')}",
        desired.diagnostics,
    )
    return 0


def plan(
    paths: Sequence[str],
    library: LibrarySettings,
    settings: OutputSettings,
    *,
    detailed_exitcode: bool,
    strict: bool,
) -> int:
    """Plan and show the plan."""
    output = Output(settings)
    with output.failures_written(), target(library, output.warn) as where:
        made = _plan(paths, where, library, output)
    output.plan(made)
    warnings = made.summary.warnings
    if strict and warnings and not made.errors:
        output.error(f"{counted(warnings, 'warning')}, and --strict takes warnings for errors")
    if made.errors or (strict and warnings):
        return 1
    return CHANGES_PENDING if detailed_exitcode and made.changes else 0


def apply(
    paths: Sequence[str],
    library: LibrarySettings,
    settings: OutputSettings,
    how: ApplySettings,
    *,
    yes: bool,
) -> int:
    """Plan, ask, apply, report."""
    _refuse_plan_files(paths)
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nobody can be asked here: give --yes to apply without asking")
    output = Output(settings)
    with (
        output.failures_written(),
        target(library, output.warn) as where,
        locked(library, where, how.lock_timeout),
    ):
        made = _plan(paths, where, library, output, exact=how.batching == "exact")
        if made.errors:
            output.plan(made)
            return 1
        output.plan_before_apply(made)
        if made.changes and not yes and not output.confirmed(made):
            output.report(api.refused(made), plan_shown=True)
            return REFUSED
        with output.progress() as listener:
            report, interrupted = _until_signal(
                lambda stop, abort: api.apply_async(
                    made,
                    target=where,
                    options=_apply_options(library, how),
                    journal=journal_path(library, where) if made.changes else None,
                    stop=stop,
                    abort=abort,
                    listener=listener,
                )
            )
    try:
        output.report(report, plan_shown=True)
    except OSError as error:
        if not made.changes:
            raise
        # The library was written to: that is what the exit code has to tell.
        output.error(f"{error.filename} could not be written ({error.strerror}); the apply itself: {report.outcome}")
        return INCOMPLETE
    return _exit_code(report, interrupted)


def show(file: Path, settings: OutputSettings) -> int:
    """Render a saved document again."""
    output = Output(settings)
    with output.failures_written():
        document = _read(file)
    if isinstance(document, Plan):
        output.plan(document)
    else:
        output.report(document)
    return 0


def _read(file: Path) -> Plan | Report:
    try:
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise DocumentError(f"{file} is larger than {MAX_DOCUMENT_BYTES >> 20} MiB, which no plan or report is")
        data = file.read_bytes()
    except OSError as error:
        raise DocumentError(f"{file} cannot be read: {error.strerror}") from error
    document = read_document(data, str(file))
    if isinstance(document, Plan) and digest_of(document) != document.digest:
        raise DamagedError(f"{file} is not as it was written (its digest does not fit): plan again")
    return document


def _apply_options(library: LibrarySettings, how: ApplySettings) -> ApplyOptions:
    return ApplyOptions(
        concurrency=library.concurrency,
        on_error=how.on_error,
        verify=not how.no_verify,
        exact=how.batching == "exact",
        max_requests=how.max_requests,
        max_duration=how.max_duration,
    )


def _plan(
    paths: Sequence[str], where: api.Target, library: LibrarySettings, output: Output, *, exact: bool = False
) -> Plan:
    with output.progress() as listener:
        plan, _ = _until_signal(
            lambda _stop, _abort: api.plan_async(
                paths, target=where, select=library.select, part=library.shard, exact=exact, listener=listener
            ),
            graceful=False,
        )
        return plan


def _refuse_plan_files(paths: Sequence[str]) -> None:
    """Saved plans are not applied yet; say so instead of calling one a bad manifest."""
    for path in map(Path, paths):
        if path.suffix == ".json" and path.is_file():
            start = b""
            # One that cannot be read is among the faults of the manifests.
            with suppress(OSError), path.open("rb") as file:
                start = file.read(200)
            if b'"formatVersion"' in start:
                raise UsageError(f"{path} is a saved plan: applying those comes later, give the manifests for now")


def _exit_code(report: Report, interrupted: int | None) -> int:
    if report.outcome == "interrupted" and interrupted is not None:
        return 128 + interrupted
    return 0 if report.converged else INCOMPLETE


def _until_signal(
    start: Callable[[asyncio.Event, asyncio.Event], Awaitable[T]], *, graceful: bool = True
) -> tuple[T, int | None]:
    """Run to the end, or to what a signal makes of it.

    Args:
        start: what to run, given one event that the first SIGINT or SIGTERM sets, and one that the second sets.
        graceful: whether the run ends by itself once those are set; else the first signal ends it.

    Returns:
        The result, and the number of the first signal that came, if any.

    Raises:
        InterruptedRunError: a signal ended the run.
    """
    received: list[tuple[int, float]] = []

    async def main() -> T:
        loop, stop, abort = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def on_signal(number: int, _frame: object) -> None:
            received.append((number, loop.time()))
            # What computes hears of no event. Where nothing can be lost it is broken off wherever it is; else by
            # another signal, if the first was not heard of for a second.
            deaf = not stop.is_set() and loop.time() - received[0][1] > 1
            if deaf or not graceful:
                raise KeyboardInterrupt
            loop.call_soon_threadsafe((abort if len(received) > 1 else stop).set)

        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, on_signal)
        return await start(stop, abort)

    before: dict[int, Any] = {}
    try:
        result = asyncio.run(main())
    except KeyboardInterrupt:
        raise InterruptedRunError(received[0][0] if received else signal.SIGINT) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return result, received[0][0] if received else None
