"""Check that a saved plan could be one that tagsync made: compare its figures and calls with its changes.

The digest covers the changes. All else that a plan says about them is computed again here, so that nobody can edit it.
`documents` finds damaged bytes, `digest` changes that were edited.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from tagsync.escape import quoted
from tagsync.globs import glob_fault
from tagsync.model import DEFAULT_POLICY, FileChange, Guard, GuardId, Op, Plan, Summary, is_declarable
from tagsync.planning.filter import Scope
from tagsync.planning.guards import GuardCounts
from tagsync.planning.undo import UNDO


def contradiction(plan: Plan) -> str | None:
    """Return the first thing in a plan that tagsync would not have written; None if there is none."""
    for glob in plan.inputs.select:
        if glob_fault(glob):
            return f"it is filtered by {quoted(glob, 200)}, which is not a glob"
    counts = _ChangeCounts(plan)
    for change in plan.changes:
        fault = next(counts.add(change), None)
        if fault:
            return f"{quoted(change.file.path, 200)} {fault}"
    return next(chain(_guards(plan, counts), _figures(plan, counts), _requests(plan, counts)), None)


class _ChangeCounts:
    """Counts the changes of a plan, one file after the other."""

    def __init__(self, plan: Plan) -> None:
        self._scope = Scope(plan.inputs.select, plan.inputs.part)
        self._is_undo = plan.undoes is not None
        self._tally = GuardCounts()
        self._last = ""
        self.file_ids: set[str] = set()
        self.pairs = Counter[tuple[Op, str]]()
        """How many files each tag is added to or removed from."""
        self.calls_per_file = 0

    def add(self, change: FileChange) -> Iterator[str]:
        """Count one file's changes, and yield what cannot be."""
        file = change.file
        if file.file_id in self.file_ids:
            yield "is in it twice"
        if file.path < self._last:
            yield "is not in its place"
        if not self._scope.includes(file.path):
            yield "is not of the files that the plan is filtered by"
        yield from _contradictions(change)
        if self._is_undo and not _reverts(change):
            yield "has a change that reverts nothing, in a plan that undoes a run"
        self._last = file.path
        self.file_ids.add(file.file_id)
        self.pairs.update((item.op, item.tag) for item in change.changes)
        self.calls_per_file += len({item.op for item in change.changes})
        self._tally.add(file, change)

    def guards(self) -> dict[GuardId, Guard]:
        """Return what each guard counts in these changes alone."""
        return {guard.id: guard for guard in self._tally.guards(DEFAULT_POLICY, ())}

    def count(self, op: Op) -> int:
        """Return how many changes of a kind there are."""
        return sum(count for (other, _), count in self.pairs.items() if other == op)


def _contradictions(change: FileChange) -> Iterator[str]:
    if not change.changes:
        yield "does not change"
    pairs = [(item.op, item.tag) for item in change.changes]
    if len(set(pairs)) < len(pairs):
        yield "changes in the same way twice"
    held = set(change.file.tags)
    ai_names = {tag.name for tag in change.file.ai_tags}
    for op, tag in pairs:
        if op == Op.ADD and not is_declarable(tag):
            yield f"would get {quoted(tag)}, which cannot be a tag"
        elif op == Op.ADD and tag in held:
            yield f"would get {quoted(tag)}, which it has"
        elif (op == Op.REMOVE and tag not in held) or (op == Op.REMOVE_AI and tag not in ai_names):
            yield f"would lose {quoted(tag)}, which it does not have"
    if not held.issuperset(change.desired):
        yield "is said to have tags that it does not have"


def _reverts(change: FileChange) -> bool:
    """Tell whether all changes of a file are such as an undo makes: AI tags cannot be put back, and never go."""
    return all(
        item.op != Op.REMOVE_AI and all(reason.rule == UNDO for reason in item.because) for item in change.changes
    )


def _guards(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    if [guard.id for guard in plan.guards] != list(GuardId):
        yield "it does not hold each guard once"
    computed = counts.guards()
    for guard in plan.guards:
        least = computed[guard.id].observed
        if guard.blocked != guard.limit.is_exceeded(guard.observed, guard.of):
            yield f"guard {guard.id} is said to judge otherwise than its figures"
        # Guards count the whole of which a filtered plan is a part, so they may count more. Which tags are new to the
        # library cannot be told from a plan, and an undo is exempt.
        if guard.observed < least and guard.id != GuardId.NEW_TAGS and plan.undoes is None:
            yield f"guard {guard.id} counts {guard.observed:,}, its changes come to {least:,}"


def _figures(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    counted: Summary = plan.summary._replace(
        files_changed=len(counts.file_ids),
        add_tags=counts.count(Op.ADD),
        remove_tags=counts.count(Op.REMOVE),
        remove_ai_tags=counts.count(Op.REMOVE_AI),
        warnings=plan.count("warning"),
    )
    for name, stated, is_so in zip(Summary._fields, plan.summary, counted, strict=True):
        if stated != is_so:
            yield f"its summary has {stated:,} for {name}, it comes to {is_so:,}"
    if plan.count("error") and counts.file_ids:
        yield "it has errors and changes"
    causes = ((item.op, item.tag) in counts.pairs and item.file_id in counts.file_ids for item in plan.drift)
    if not all(causes) or not counts.file_ids.issuperset(plan.thumbnails):
        yield "it has causes or thumbnails of other changes than its own"
    if len(plan.missing) > plan.summary.missing:
        yield "it names more files that were not found than it counts"


def _requests(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    estimate = plan.estimate
    if estimate.write_requests != len(plan.requests) or estimate.lower_bound > len(plan.requests):
        yield f"its estimate is {estimate.write_requests:,} API calls, it lists {len(plan.requests):,}"
    if estimate.per_file != counts.calls_per_file:
        yield f"its estimate without batching is {estimate.per_file:,} API calls, it comes to {counts.calls_per_file:,}"
    left = counts.pairs.copy()
    for request in plan.requests:
        for tag in request.tags:
            if (request.op, tag) not in left:
                yield f"its API calls change {quoted(tag)}, its changes do not"
            left[request.op, tag] -= len(request.file_ids)
        if not counts.file_ids.issuperset(request.file_ids):
            yield "its API calls change files that its changes do not"
    if any(count > 0 for count in left.values()):
        yield "its API calls do not make all of its changes"
