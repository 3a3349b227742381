"""The apply command: a plan made now or saved before, looked at by whoever may refuse it, carried out, reported."""

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tagsync import api
from tagsync.applying.apply import ApplyOptions
from tagsync.cli.last import keep_report
from tagsync.cli.options import ApplySettings, LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.run import REFUSED, planned
from tagsync.cli.saved import read_saved
from tagsync.cli.signals import Deferred
from tagsync.cli.targets import SANDBOX, journal_path, locked, target
from tagsync.errors import DamagedError, RefusedError, UsageError, message_of
from tagsync.model import Plan, Report
from tagsync.planning.consistent import contradiction
from tagsync.planning.plan import narrowed
from tagsync.printable import shown
from tagsync.reporting.kept import kept_changes
from tagsync.reporting.seal import SEAL_BYTES, looks_saved
from tagsync.target import Target

INCOMPLETE = 3


def apply(
    paths: Sequence[str],
    library: LibrarySettings,
    settings: OutputSettings,
    how: ApplySettings,
    planning: PlanSettings,
    *,
    yes: bool,
    typed: Collection[str],
) -> int:
    """Plan or take a saved plan, ask, apply, report; `typed` are the options that the command line itself names."""
    file = _plan_file(paths)
    if file is None and not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nobody can be asked here: give --yes to apply without asking")
    output = Output(settings, reads=[*paths, planning.policy, library.sandbox])
    with Deferred() as signals:
        with output.failures_written():
            saved = _saved_plan(file, library, typed) if file else None
            if saved:
                library = replace(library, shard=saved.inputs.part)
            with _locked_target(library, how, output) as where:
                exact, pictures = how.batching == "exact", settings.thumbnails
                began = time.monotonic()
                made = saved or planned(paths, where, library, planning, output, exact=exact, thumbnails=pictures)
                spent = 0.0 if saved else time.monotonic() - began
                if made.errors:
                    output.plan(made, 1)
                    return 1
                if not saved:
                    output.plan_before_apply(made)
                _check(made, where, how)
                why = api.refusals(made, how.ack)
                for ack in how.ack:
                    if why and ack.digest != made.digest:
                        output.warn(f"the --ack given for {ack.guard} is for another plan, {ack.digest}")
                if why or (made.changes and not saved and not yes and not output.confirmed(made)):
                    output.report(api.refused(made, why), REFUSED, plan_shown=True)
                    return REFUSED
                options = _options(library, how, spent)
                report = _carried_out(made, where, library, options, output=output, signals=signals)
                keep_report(report, library, where, output.warn)
        return _reported(report, signals.number, output, plan_shown=not saved)


@contextmanager
def _locked_target(library: LibrarySettings, how: ApplySettings, output: Output) -> Iterator[Target]:
    with target(library, output.warn) as where, locked(library, where, how.lock_timeout):
        yield where


def _plan_file(paths: Sequence[str]) -> Path | None:
    """Return the saved plan among PATHs, which has to stand alone; None if there is none.

    Raises:
        UsageError: it does not stand alone.
    """
    found = [path for path in paths if path != "-" and _is_saved(Path(path))]
    if found and len(paths) > 1:
        raise UsageError(f"{shown(found[0])} is a saved plan: apply it alone, without manifests or other plans")
    return Path(found[0]) if found else None


def _is_saved(path: Path) -> bool:
    """Tell a saved plan, damaged or not, from a manifest; what cannot be read is left to who reads manifests."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(SEAL_BYTES * 2)
            file.seek(max(0, path.stat().st_size - SEAL_BYTES))
            return looks_saved(start, file.read(SEAL_BYTES))
    except OSError:
        return False


def _saved_plan(file: Path, library: LibrarySettings, typed: Collection[str]) -> Plan:
    """Return a saved plan, or of it what this run is to apply.

    Raises:
        DamagedError: it is not as tagsync wrote it.
        DocumentError: it cannot be read.
        UsageError: it is a report, or is given with options that only make a plan.
    """
    # The environment of a pipeline may name these once for all of its commands.
    if not {"policy", "as_of", "last"}.isdisjoint(typed):
        raise UsageError("--policy, --as-of and --last are for making a plan, and this one is made: plan again")
    plan = read_saved(file)
    if isinstance(plan, Report):
        raise UsageError(f"{shown(str(file))} is a report: apply takes manifests, or a plan that plan --out has saved")
    if plan.target.endpoint.startswith(SANDBOX) and library.sandbox is None:
        name = shown(plan.target.endpoint.removeprefix(SANDBOX))
        raise RefusedError(f"this plan is for the sandbox of {name}: give --sandbox and the path of that file")
    words = contradiction(plan)
    if words:
        raise DamagedError(f"{shown(str(file))} is not a plan that tagsync made: {words}; plan again")
    if library.select is None and library.shard is None:
        return plan
    return narrowed(plan, only=library.select, part=library.shard, keep=kept_changes)


def _check(plan: Plan, where: Target, how: ApplySettings) -> None:
    """Refuse a plan that is for another target, or not the expected one.

    Raises:
        RefusedError: it is.
    """
    api.check_target(plan, where)
    if how.expect_digest is not None and plan.digest != how.expect_digest:
        raise RefusedError(
            f"this plan is {plan.digest}, not {how.expect_digest}: manifests, policy or library have changed since "
            "that one was looked at; look at this one, and expect its digest"
        )


def _carried_out(
    made: Plan, where: Target, library: LibrarySettings, options: ApplyOptions, *, output: Output, signals: Deferred
) -> Report:
    with output.progress() as listener:
        return signals.run(
            lambda stop, abort: api.apply_async(
                made,
                target=where,
                options=options,
                journal=journal_path(library, where) if made.changes else None,
                stop=stop,
                abort=abort,
                listener=listener,
            )
        )


def _options(library: LibrarySettings, how: ApplySettings, spent: float) -> ApplyOptions:
    return ApplyOptions(
        concurrency=library.concurrency,
        on_error=how.on_error,
        verify=not how.no_verify,
        exact=how.batching == "exact",
        max_requests=how.max_requests,
        max_duration=library.max_duration,
        spent=spent,
        on_stale=how.on_stale,
        acks=frozenset(how.ack),
    )


def _reported(report: Report, interrupted: int | None, output: Output, *, plan_shown: bool) -> int:
    code = _code(report, interrupted)
    try:
        output.report(report, code, failing_code=INCOMPLETE if report.plan.changes else 1, plan_shown=plan_shown)
    except Exception as error:
        if not report.plan.changes:
            raise
        # The library was written to: that is what the exit code has to tell.
        words = f"{error.filename} could not be written ({error.strerror})" if isinstance(error, OSError) else ""
        output.error(f"{words or message_of(error)}; the apply itself: {report.outcome}")
        return INCOMPLETE
    return code


def _code(report: Report, interrupted: int | None) -> int:
    if report.outcome == "refused":
        return REFUSED
    if report.outcome == "interrupted" and interrupted is not None:
        return 128 + interrupted
    return 0 if report.converged else INCOMPLETE
