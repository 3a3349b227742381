"""What commands do once their options are read: gather, decide, act, and write what came of it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from tagsync.api.act import refusals
from tagsync.api.decide import PlanOptions, plan_async, undo_async
from tagsync.api.gather import Paths
from tagsync.api.gather import validate as validate_manifests
from tagsync.api.keep import Workspace, account_name, read_report
from tagsync.api.revision import revision_of
from tagsync.api.saved import read_document
from tagsync.cli.configuration import choose, for_library, for_plan, need_paths
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.signals import until_signal
from tagsync.errors import RefusedError, UsageError
from tagsync.escape import shown
from tagsync.model import DesiredState, Plan, Report
from tagsync.planning.changed_since import Revision
from tagsync.planning.difference import difference
from tagsync.planning.shards import merge_plans, merge_reports
from tagsync.planning.undo import LEFT_OUT
from tagsync.reporting.phrases import counted

REFUSED = RefusedError.exit_code
CHANGES_PENDING = 2
INCOMPLETE = 3

MANIFESTS = "the manifests are for the account"
NO_REPORT = "none"
"""The value of --last that stands for no earlier report."""


def validate(
    paths: Sequence[str],
    settings: OutputSettings,
    *,
    env: str | None,
    account: str | None,
    policy: str | None,
    as_of: date | None,
) -> int:
    """Check manifests, and the policies that are to hold instead of theirs."""
    chosen = choose(settings, env=env, account=account, paths=paths, policy=policy)
    need_paths(chosen)
    output = Output(settings, reads=chosen.reads)
    with output.failures_written():
        desired = validate_manifests(chosen.manifests, account=chosen.account, policy=chosen.policy, as_of=as_of)
    names = {ref.path: ref.shown_as for ref in desired.manifests}
    output.diagnostics(desired.diagnostics, names, with_notices=True)
    files, entries = len(desired.manifests), len(desired.entries)
    output.valid(
        f"Valid: {counted(files, 'manifest')} with {counted(entries, 'entry', 'entries')}",
        desired.diagnostics,
        names,
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
    changed_since: str | None,
) -> int:
    """Plan, show the plan or explain one of its files, and save it."""
    if explain is not None and settings.format not in ("text", "json"):
        raise UsageError("--explain is told as text or json: give one of these to --format")
    chosen, library, how = for_plan(paths, library, how, settings)
    output = Output(settings, reads=[*chosen.reads, library.sandbox], saved_as=out, explains=explain is not None)
    with output.failures_written(), workspace_of(library, output.warn) as unnamed:
        since = None
        if changed_since is not None:
            since = revision_of(changed_since, chosen.manifests, as_of=how.as_of, policy_counts=how.policy is None)
        desired = declared(chosen.manifests, library, how)
        workspace = unnamed.for_account(desired.account, MANIFESTS)
        options = plan_options(
            library, how, coverage=coverage, thumbnails=settings.thumbnails, explain=explain, since=since
        )
        made = planned(desired, workspace, options, output)
    warnings = made.summary.warnings if strict else 0
    objections = refusals(made)
    if made.errors or warnings:
        code = 1
    elif objections:
        code = REFUSED
    else:
        code = CHANGES_PENDING if detailed_exitcode and made.changes else 0
    output.plan(made, code, refused=bool(warnings))
    if warnings and not made.errors:
        output.error(f"{counted(warnings, 'warning')}, and --strict takes warnings for errors")
    if code == REFUSED:
        output.refusals(objections)
    return code


def undo(
    file: Path | None, library: LibrarySettings, settings: OutputSettings, *, out: Path | None, ai_as_tags: bool
) -> int:
    """Plan to undo a run, show the plan, and save it. Without a file it is the last run that changed something."""
    library = for_library(library, settings)
    output = Output(settings, reads=[file, library.sandbox], saved_as=out)
    with output.failures_written(), workspace_of(library, output.warn) as unnamed:
        if file is None:
            path, report = unnamed.newest_change()
            output.say(f"Undoing the apply that ended at {report.finished_at}: {path}")
        else:
            report = _saved_report(file)
        workspace = unnamed.for_account(account_name(report.plan.target), "the report is of the account")
        with output.progress() as listener:
            made = until_signal(
                lambda: undo_async(
                    report,
                    target=workspace.target,
                    ai_as_tags=ai_as_tags,
                    max_duration=library.max_duration,
                    listener=listener,
                )
            )
    codes = {item.code for item in made.diagnostics} | {item.code for item in made.unlisted}
    code = INCOMPLETE if LEFT_OUT in codes else 0
    output.plan(made, code)
    return code


def _saved_report(file: Path) -> Report:
    found = read_document(file)
    if isinstance(found, Report):
        return found
    raise UsageError(f"{shown(str(file))} is a plan: undo takes the report of an apply (--report json=FILE)")


def diff(old: Path, new: Path, settings: OutputSettings) -> int:
    """Show what a newer plan does otherwise."""
    output = Output(settings, reads=[old, new])
    with output.failures_written():
        plans = [_saved_plan(file) for file in (old, new)]
    output.difference(difference(*plans))
    return 0


def _saved_plan(file: Path) -> Plan:
    plan = read_document(file)
    if isinstance(plan, Plan):
        return plan
    raise UsageError(f"{shown(str(file))} is a report: diff compares two plans that plan --out has saved")


def show(files: Sequence[Path], settings: OutputSettings) -> int:
    """Render saved documents again, several shards as one."""
    output = Output(settings, reads=files)
    names = [str(file) for file in files]
    with output.failures_written():
        documents = [read_document(file) for file in files]
        plans = [document for document in documents if isinstance(document, Plan)]
        reports = [document for document in documents if isinstance(document, Report)]
        if plans and reports:
            raise UsageError("show takes plans or reports, not both at once")
        merged = merge_plans(plans, names) if plans else merge_reports(reports, names)
    if isinstance(merged, Plan):
        output.plan(merged, 0)
    else:
        output.report(merged, 0)
    return 0


def declared(paths: Paths, library: LibrarySettings, how: PlanSettings) -> DesiredState:
    """Read manifests, until it is done or a signal ends it."""

    async def read() -> DesiredState:
        return validate_manifests(paths, account=library.account, policy=how.policy, as_of=how.as_of)

    return until_signal(read)


def plan_options(
    library: LibrarySettings,
    how: PlanSettings,
    *,
    exact: bool = False,
    coverage: bool = False,
    thumbnails: bool = False,
    explain: str | None = None,
    since: Revision | None = None,
) -> PlanOptions:
    """Return the options of a plan; the report that --last names is read and checked."""
    last: Report | Literal["kept"] | None = "kept"
    if how.last is not None:
        last = None if how.last == NO_REPORT else read_report(Path(how.last))
    return PlanOptions(
        select=library.select,
        part=library.shard,
        exact=exact,
        last=last,
        changed_since=since,
        coverage=coverage,
        explain=explain,
        thumbnails=thumbnails,
        max_duration=library.max_duration,
    )


def planned(desired: DesiredState, workspace: Workspace, options: PlanOptions, output: Output) -> Plan:
    """Plan, showing progress, until it is done or a signal ends it."""
    with output.progress() as listener:
        return until_signal(
            lambda: plan_async(
                desired, target=workspace.target, options=options, workspace=workspace, listener=listener
            )
        )
