"""Check that tagsync could have made a saved plan: compare its figures and API calls with its changes.

The digest covers only the changes. Everything else that a plan says about them is computed again here, so that nobody
can edit what reviewers see. `documents` detects damaged bytes, and `digest` edited changes.
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
    """Count the changes of a plan, one file after the other."""

    def __init__(self, plan: Plan) -> None:
        self._scope = Scope(plan.inputs.select, plan.inputs.part)
        self._is_undo = plan.undoes is not None
        self._tally = GuardCounts()
        self._last = ""
        self.file_ids: set[str] = set()
        self.pairs = Counter[tuple[Op, str]]()
        """The number of files that each tag is added to or removed from."""
        self.calls_per_file = 0
        self.losing = 0

    def add(self, change: FileChange) -> Iterator[str]:
        """Count one file's changes, and yield what is impossible."""
        file = change.file
        if file.file_id in self.file_ids:
            yield "is in it twice"
        if file.path < self._last:
            yield "is out of order"
        if not self._scope.includes(file.path):
            yield "does not match the plan's filter"
        yield from _contradictions(change)
        if self._is_undo and not _reverts(change):
            yield "has a change that reverts nothing, in an undo plan"
        self._last = file.path
        self.file_ids.add(file.file_id)
        self.pairs.update((item.op, item.tag) for item in change.changes)
        self.calls_per_file += len({item.op for item in change.changes})
        self.losing += change.loses
        self._tally.add(file, change)

    def guards(self) -> dict[GuardId, Guard]:
        """Return each guard, evaluated on these changes only."""
        return {guard.id: guard for guard in self._tally.guards(DEFAULT_POLICY, ())}

    def count(self, op: Op) -> int:
        """Return the number of changes of a kind."""
        return sum(count for (other, _), count in self.pairs.items() if other == op)


def _contradictions(change: FileChange) -> Iterator[str]:
    if not change.changes:
        yield "has no changes"
    pairs = [(item.op, item.tag) for item in change.changes]
    if len(set(pairs)) < len(pairs):
        yield "has the same change twice"
    present = set(change.file.tags)
    ai_names = {tag.name for tag in change.file.ai_tags}
    for op, tag in pairs:
        if op == Op.ADD and not is_declarable(tag):
            yield f"would get {quoted(tag)}, which cannot be a tag"
        elif op == Op.ADD and tag in present:
            yield f"would get {quoted(tag)}, which it already has"
        elif (op == Op.REMOVE and tag not in present) or (op == Op.REMOVE_AI and tag not in ai_names):
            yield f"would lose {quoted(tag)}, which it does not have"
    if not present.issuperset(change.desired):
        yield "lists declared tags that it does not have"


def _reverts(change: FileChange) -> bool:
    """Return whether an undo could make these changes; it never adds or removes AI tags."""
    return all(
        item.op != Op.REMOVE_AI and all(reason.rule == UNDO for reason in item.because) for item in change.changes
    )


def _guards(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    if [guard.id for guard in plan.guards] != list(GuardId):
        yield "it does not list each guard exactly once"
    computed = counts.guards()
    for guard in plan.guards:
        least = computed[guard.id].observed
        if guard.blocked != guard.limit.is_exceeded(guard.observed, guard.of):
            yield f"the result of guard {guard.id} contradicts its figures"
        # Guards count the whole plan, so in a filtered plan they may count more than its changes. A plan does not show
        # which tags are new to the library, and undo plans are exempt from guards.
        if guard.observed < least and guard.id != GuardId.NEW_TAGS and plan.undoes is None:
            yield f"guard {guard.id} counts {guard.observed:,}, but the changes add up to {least:,}"


def _figures(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    counted: Summary = plan.summary._replace(
        files_changed=len(counts.file_ids),
        add_tags=counts.count(Op.ADD),
        remove_tags=counts.count(Op.REMOVE),
        remove_ai_tags=counts.count(Op.REMOVE_AI),
        warnings=plan.count("warning"),
        files_losing=None if plan.summary.files_losing is None else counts.losing,
    )
    for name, stated, actual in zip(Summary._fields, plan.summary, counted, strict=True):
        if stated != actual:
            yield f"its summary says {stated:,} for {name}, but the plan has {actual:,}"
    if plan.count("error") and counts.file_ids:
        yield "it has errors and changes"
    causes = ((item.op, item.tag) in counts.pairs and item.file_id in counts.file_ids for item in plan.drift)
    if not all(causes) or not counts.file_ids.issuperset(plan.thumbnails):
        yield "it has causes or thumbnails for changes that it does not make"
    if len(plan.missing) > plan.summary.missing:
        yield "it names more files that were not found than it counts"


def _requests(plan: Plan, counts: _ChangeCounts) -> Iterator[str]:
    estimate = plan.estimate
    if estimate.write_requests != len(plan.requests) or estimate.lower_bound > len(plan.requests):
        yield f"its estimate is {estimate.write_requests:,} API calls, but it lists {len(plan.requests):,}"
    if estimate.per_file != counts.calls_per_file:
        stated, actual = estimate.per_file, counts.calls_per_file
        yield f"its estimate without batching is {stated:,} API calls, but its changes take {actual:,}"
    # Comparing each file would need the changes of all files in memory. Sums by tag are enough to show that calls make
    # all changes, as calls may set a tag on a file that already has it.
    left = counts.pairs.copy()
    for request in plan.requests:
        for tag in request.tags:
            if (request.op, tag) not in left:
                yield f"its API calls change {quoted(tag)}, but its changes do not"
            left[request.op, tag] -= len(request.file_ids)
        if not counts.file_ids.issuperset(request.file_ids):
            yield "its API calls include files that its changes do not"
    if any(count > 0 for count in left.values()):
        yield "its API calls do not make all of its changes"
