"""What commands do once their options are read: gather, decide, act, and write what came of it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tagsync import api
from tagsync.cli.last import last_report
from tagsync.cli.options import LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.saved import read_saved
from tagsync.cli.signals import until_signal
from tagsync.cli.targets import target
from tagsync.errors import RefusedError, UsageError
from tagsync.model import Plan
from tagsync.planning.difference import difference
from tagsync.printable import shown
from tagsync.reporting.rows import counted
from tagsync.target import Target

REFUSED = RefusedError.exit_code
CHANGES_PENDING = 2


def validate(
    paths: Sequence[str],
    account: str | None,
    settings: OutputSettings,
    *,
    policy: str | None,
    as_of: date | None,
) -> int:
    """Check manifests, and the policies that are to hold instead of theirs."""
    output = Output(settings)
    with output.failures_written():
        desired = api.validate(paths, account=account, policy=policy, as_of=as_of)
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
    how: PlanSettings,
    *,
    detailed_exitcode: bool,
    strict: bool,
    out: Path | None,
    coverage: bool,
    explain: str | None,
) -> int:
    """Plan, show the plan or explain one of its files, and save it."""
    output = Output(settings, saved_as=out, explains=explain is not None)
    with output.failures_written(), target(library, output.warn) as where:
        made = planned(
            paths, where, library, how, output, coverage=coverage, thumbnails=settings.thumbnails, explain=explain
        )
    warnings = made.summary.warnings
    output.plan(made, refused=strict and bool(warnings))
    if strict and warnings and not made.errors:
        output.error(f"{counted(warnings, 'warning')}, and --strict takes warnings for errors")
    if made.errors or (strict and warnings):
        return 1
    if objections := api.refusals(made):
        output.refusals(objections)
        return REFUSED
    return CHANGES_PENDING if detailed_exitcode and made.changes else 0


def undo(file: Path, library: LibrarySettings, settings: OutputSettings, *, out: Path, ai_as_tags: bool) -> int:
    """Plan to revert what a run confirmed, and save the plan."""
    output = Output(settings, saved_as=out)
    with output.failures_written():
        report = read_saved(file)
        if isinstance(report, Plan):
            raise UsageError(f"{shown(str(file))} is a plan: undo takes the report of an apply (--report json=FILE)")
        with target(library, output.warn) as where, output.progress() as listener:
            made, _ = until_signal(
                lambda _stop, _abort: api.undo_async(report, target=where, ai_as_tags=ai_as_tags, listener=listener),
                graceful=False,
            )
    output.plan(made)
    return 0


def diff(old: Path, new: Path, settings: OutputSettings) -> int:
    """Show what a newer plan does otherwise."""
    output = Output(settings)
    with output.failures_written():
        plans = [_saved_plan(file) for file in (old, new)]
    output.difference(difference(*plans))
    return 0


def _saved_plan(file: Path) -> Plan:
    plan = read_saved(file)
    if isinstance(plan, Plan):
        return plan
    raise UsageError(f"{shown(str(file))} is a report: diff compares two plans that plan --out has saved")


def show(file: Path, settings: OutputSettings) -> int:
    """Render a saved document again."""
    output = Output(settings)
    with output.failures_written():
        document = read_saved(file)
    if isinstance(document, Plan):
        output.plan(document)
    else:
        output.report(document)
    return 0


def planned(
    paths: Sequence[str],
    where: Target,
    library: LibrarySettings,
    how: PlanSettings,
    output: Output,
    *,
    exact: bool = False,
    coverage: bool = False,
    thumbnails: bool = False,
    explain: str | None = None,
) -> Plan:
    """Plan, showing progress, until it is done or a signal ends it."""
    last = last_report(how.last, library, where, output.warn)
    with output.progress() as listener:
        plan, _ = until_signal(
            lambda _stop, _abort: api.plan_async(
                paths,
                target=where,
                select=library.select,
                part=library.shard,
                exact=exact,
                policy=how.policy,
                as_of=how.as_of,
                last=last,
                coverage=coverage,
                thumbnails=thumbnails,
                explain=None if explain is None else api.Explain(explain, output.take_explanations),
                listener=listener,
            ),
            graceful=False,
        )
        return plan
