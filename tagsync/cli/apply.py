"""The apply command: a plan made now or saved before, looked at by whoever may refuse it, carried out, reported."""

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tagsync.api.act import apply_locked, check_target, refusals, refused
from tagsync.api.belonging import account_name
from tagsync.api.keep import Workspace
from tagsync.api.saved import read_saved
from tagsync.applying.apply_options import ApplyOptions
from tagsync.cli.configuration import for_plan, library_arguments
from tagsync.cli.connection import workspace_of
from tagsync.cli.digests import with_full_digests
from tagsync.cli.log import is_json
from tagsync.cli.options import ApplySettings, LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.run import INCOMPLETE, MANIFESTS, REFUSED, declared, plan_options, planned, pruned
from tagsync.cli.signals import Deferred
from tagsync.documents.loader import is_saved
from tagsync.errors import RefusedError, UsageError, message_of
from tagsync.escape import quoted, shown
from tagsync.manifest.files import YAML_SUFFIXES, check_paths
from tagsync.model import DesiredState, Plan, Report
from tagsync.planning.filter import SELECT_NOTHING, SHARD_NOTHING, filter_plan
from tagsync.planning.guards import Ack


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
    chosen, library, planning = for_plan(paths, library, planning, settings)
    paths = chosen.paths
    reads = [*chosen.reads, *library.reads]
    output = Output(settings, reads=reads, library=library_arguments(library), writes=True)
    with Deferred() as signals:
        with output.failures_written():
            file = _plan_file(paths)
            asks = not yes and _must_ask(file, paths)
            whole = _saved_plan(file, library, typed) if file else None
            saved = _narrowed(whole, file, library) if whole and file else None
            if saved:
                _warn_if_empty(saved, output)
                library = replace(library, shard=saved.inputs.part)
            prune = () if saved else pruned(chosen.manifests, planning)
            subject = saved or declared(chosen.manifests, library, planning)
            with _locked_workspace(subject, library, how, output) as workspace:
                began = time.monotonic()
                if isinstance(subject, Plan):
                    made, spent = subject, 0.0
                else:
                    exact, thumbnails = how.batching == "exact", settings.thumbnails
                    options = plan_options(
                        library,
                        planning,
                        exact=exact,
                        thumbnails=thumbnails,
                        prune=prune,
                        manifests=chosen.manifests,
                    )
                    made = planned(subject, workspace, options, output)
                    spent = time.monotonic() - began
                if made.errors:
                    output.plan(made, 1)
                    return 1
                if not saved or asks:
                    output.plan_before_apply(made, asks=asks)
                begun = workspace.unfinished(made)
                how = with_full_digests(how, [made, begun] if begun else [made])
                _check(made, workspace, how, begun)
                if saved:
                    _warn_if_old(saved, workspace, output)
                how = replace(how, ack=_acks(made, how, begun))
                if not _is_agreed(made, how, output, asks=asks):
                    return REFUSED
                # The digest of a filtered plan is that of the whole, so the whole is kept.
                with workspace.applying(whole or made, continues=None if how.expect_digest == made.digest else begun):
                    report = _carried_out(
                        made, workspace, _options(library, how, spent), output=output, signals=signals
                    )
                workspace.record(report)
        return _reported(report, signals.number, output, plan_shown=not saved or asks)


def _warn_if_empty(saved: Plan, output: Output) -> None:
    """Repeat what a saved plan, which is not shown, says of a selection or shard that keeps nothing of it."""
    for found in saved.diagnostics:
        if found.code in (SELECT_NOTHING, SHARD_NOTHING):
            output.warn(found.message)


def _warn_if_old(saved: Plan, workspace: Workspace, output: Output) -> None:
    """Warn if a saved plan was undone, or another commit was applied since, so that it may restore an older state."""
    if undone_at := workspace.undone_at(saved):
        output.warn(f"this plan was undone at {undone_at}: this apply makes its changes again")
    newer = workspace.applied_since(saved)
    if newer and saved.inputs.commit and newer.plan.inputs.commit:
        output.warn(
            f"this plan is of commit {saved.inputs.commit[:12]}, but commit {newer.plan.inputs.commit[:12]} was "
            f"applied at {newer.finished_at}, after this plan was made: plan again, unless you want to go back"
        )


def _is_agreed(plan: Plan, how: ApplySettings, output: Output, *, asks: bool) -> bool:
    """Tell whether guards, and the user if asked, let a plan through; if not, report it as refused."""
    why = refusals(plan, how.ack)
    for ack in how.ack:
        if why and ack.digest != plan.digest:
            output.warn(f"the --ack given for {ack.guard} is for another plan, {ack.digest}")
    if not why and (not plan.changes or not asks or output.confirmed(plan)):
        return True
    output.report(refused(plan, why), REFUSED, plan_shown=True)
    return False


def _must_ask(file: Path | None, paths: Sequence[str]) -> bool:
    """Tell whether somebody has to agree to the plan first.

    A saved plan was reviewed already. One that may have been taken for a manifest is shown all the same: one that is
    named like a manifest or, at a terminal, lies beside manifests.

    Raises:
        UsageError: there is no terminal, and no --yes.
    """
    if sys.stdin.isatty() and sys.stderr.isatty():
        return file is None or any(map(_is_named_like_manifest, (file, *file.parent.iterdir())))
    if file is None:
        check_paths(paths)  # whoever mistyped the name of a saved plan has nothing to say yes to
        why = "--log-format json leaves no room for a question" if is_json() else "not running in a terminal"
        raise UsageError(f"{why}: pass --yes to apply without a question")
    if _is_named_like_manifest(file):
        raise UsageError(
            f"{shown(str(file))} is a saved plan that is named like a manifest: look at it with tagsync show, and pass "
            "--yes to apply it without a question"
        )
    return False


def _is_named_like_manifest(path: Path) -> bool:
    return path.suffix.lower() in YAML_SUFFIXES


@contextmanager
def _locked_workspace(
    subject: Plan | DesiredState, library: LibrarySettings, how: ApplySettings, output: Output
) -> Iterator[Workspace]:
    """Hold the lock of the library, under the account that a saved plan or the manifests name."""
    if isinstance(subject, Plan):
        account, source = account_name(subject.target), "the plan is for the account"
    else:
        account, source = subject.account, MANIFESTS
    with workspace_of(library, output.warn) as unnamed:
        workspace = unnamed.for_account(account, source)
        with workspace.lock(how.lock_timeout):
            yield workspace


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
            return is_saved(file)
    except OSError:
        return False


def _saved_plan(file: Path, library: LibrarySettings, typed: Collection[str]) -> Plan:
    """Return a saved plan.

    Raises:
        DamagedError: it is not as tagsync wrote it.
        DocumentError: it cannot be read.
        RefusedError: it is for a sandbox.
        UsageError: it is a report, or is given with options that only make a plan.
    """
    # The environment of a pipeline may name these once for all of its commands.
    if not {"policy", "as_of", "last", "prune_since"}.isdisjoint(typed):
        raise UsageError(
            "a saved plan already contains the effects of --policy, --as-of, --last and --prune-since: leave them out, "
            "or plan again with them"
        )
    plan = read_saved(file, Plan, "apply takes manifests, or a plan that plan --out has saved")
    if plan.target.sandbox is not None and library.sandbox is None:
        name = shown(plan.target.sandbox)
        raise RefusedError(f"this plan is for the sandbox of {name}: give --sandbox and the path of that file")
    return plan


def _narrowed(plan: Plan, file: Path, library: LibrarySettings) -> Plan:
    """Return a saved plan with the changes alone that --select and --shard name.

    Raises:
        RefusedError: the plan was made for another shard, or holds nothing of the selection because it was made with
            another one.
    """
    made_for = plan.inputs
    if made_for.part and library.shard and made_for.part != library.shard:
        mine, other = (f"{part.index}/{part.of}" for part in (made_for.part, library.shard))
        raise RefusedError(
            f"{shown(str(file))} is the plan of shard {mine} and has nothing of shard {other}: apply it with --shard "
            f"{mine}, or without --shard"
        )
    if not library.select and library.shard is None:
        return plan
    part = filter_plan(plan, only=library.select, part=library.shard)
    if plan.changes and not part.changes and made_for.select not in ((), tuple(library.select)):
        mine, other = (" or ".join(quoted(glob, 200) for glob in globs) for globs in (made_for.select, library.select))
        raise RefusedError(
            f"{shown(str(file))} is a plan made with --select {mine} and has nothing of {other or 'this shard'}: plan "
            "again with that selection"
        )
    return part


def _check(plan: Plan, workspace: Workspace, how: ApplySettings, begun: Plan | None) -> None:
    """Refuse a plan that is for another target, or not the expected one.

    The rest of the expected plan, which an earlier apply has begun, is as good, and so is a plan without changes.

    Raises:
        RefusedError: it is refused.
    """
    check_target(plan, workspace.target)
    expected = how.expect_digest
    if expected is None or not plan.changes or expected in (plan.digest, begun.digest if begun else None):
        return
    environment = "for another environment or " if plan.target.environment else ""
    raise RefusedError(
        f"this plan is {plan.digest}, not {expected}: the manifests, policy or library changed after that plan, or it "
        f"was made {environment}with other options (--changed-since, --select, --shard, --prune-since). Review this "
        "plan, and pass its digest"
    )


def _acks(plan: Plan, how: ApplySettings, begun: Plan | None) -> tuple[Ack, ...]:
    """Return the acknowledgements for a plan: those of the plan that it is the rest of are for it as well."""
    if begun is None:
        return tuple(how.ack)
    return tuple(ack._replace(digest=plan.digest) if ack.digest == begun.digest else ack for ack in how.ack)


def _carried_out(
    made: Plan, workspace: Workspace, options: ApplyOptions, *, output: Output, signals: Deferred
) -> Report:
    with output.progress() as listener:
        return signals.run(
            lambda stop, abort: apply_locked(
                made,
                target=workspace.target,
                options=options,
                journal=workspace.journal if made.changes else None,
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
