"""Assemble a plan from its changes: count them, group them into API calls, and compute the digest.

`plan` and `undo` decide which changes these are.
"""

from collections.abc import Iterable
from math import ceil, inf

from tagsync.documents.changes import keep
from tagsync.library.limits import FILES_A_SEARCH, PAGE_LIMIT
from tagsync.model import Diagnostic, Estimate, FileChange, Guard, Inputs, Op, Plan, Summary, TargetName
from tagsync.planning.bounded import DiagnosticLog
from tagsync.planning.covering import Staging
from tagsync.planning.digest import digest


class Collected:
    """Changes in the order of their paths, kept in a temporary file.

    They are counted and prepared for covering while they are written, so that one pass is enough.
    """

    def __init__(self, changes: Iterable[FileChange]) -> None:
        self.staging = Staging()
        self._counts = dict.fromkeys(Op, 0)
        self._losing = 0
        self.proofs = 0
        """How often apply reads a file's details before a removal, if no removal has to wait for long."""
        self.changes = keep(map(self._noted, changes))

    def _noted(self, change: FileChange) -> FileChange:
        self.staging.add(change)
        for item in change.changes:
            self._counts[item.op] += 1
        self._losing += change.loses
        ops = {item.op for item in change.changes}
        self.proofs += (Op.REMOVE_AI in ops) + (Op.REMOVE in ops and bool(change.awaited()))
        return change

    def summary(self, summary: Summary) -> Summary:
        """Replace the counts of a summary by those of these changes."""
        return summary._replace(
            files_changed=len(self.changes),
            add_tags=self._counts[Op.ADD],
            remove_tags=self._counts[Op.REMOVE],
            remove_ai_tags=self._counts[Op.REMOVE_AI],
            files_losing=self._losing,
        )


def assemble_plan(
    collected: Collected,
    *,
    target: TargetName,
    created_at: str,
    inputs: Inputs,
    guards: tuple[Guard, ...],
    diagnostics: Iterable[Diagnostic] | DiagnosticLog,
    bulk_rate: float | None,
    read_rate: float | None = None,
    unchanged: int = 0,
    missing: int = 0,
    exact: bool = False,
    undoes: str | None = None,
) -> Plan:
    """Return the plan of some changes."""
    stages = collected.staging.stages(exact=exact)
    requests = stages.requests()
    log = diagnostics if isinstance(diagnostics, DiagnosticLog) else DiagnosticLog(diagnostics)
    return Plan(
        target=target,
        created_at=created_at,
        digest=digest(target, inputs.manifests, guards, collected.changes.lines(), undoes=undoes),
        inputs=inputs,
        summary=collected.summary(Summary(unchanged=unchanged, missing=missing, warnings=log.total("warning"))),
        estimate=Estimate(
            len(requests),
            *stages.costs,
            seconds=round(_seconds(len(requests), bulk_rate) + _seconds(_reads(collected, inputs), read_rate), 1),
        ),
        changes=collected.changes,
        requests=requests,
        diagnostics=log.listed(),
        unlisted=log.unlisted(),
        guards=guards,
        undoes=undoes,
    )


def _seconds(calls: int, rate: float | None) -> float:
    return calls / rate if rate else 0.0


def _reads(collected: Collected, inputs: Inputs) -> int:
    """Return about how many calls read the changed files before the first write, before removals, and at the end."""
    files, size = len(collected.changes), inputs.library_size
    once = min(files, ceil(files / FILES_A_SEARCH if size == inf else size / PAGE_LIMIT))
    return 2 * once + collected.proofs
