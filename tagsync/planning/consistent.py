"""Whether a plan that was read back could be one that tagsync made; damage and digests are judged elsewhere."""

from collections.abc import Iterator

from tagsync.model import FileChange, GuardId, Op, Plan, is_declarable
from tagsync.printable import quoted


def contradiction(plan: Plan) -> str | None:
    """Return the first thing in a plan that no plan of tagsync holds; None if there is none."""
    if [guard.id for guard in plan.guards] != list(GuardId):
        return "it does not hold each guard once"
    for guard in plan.guards:
        if guard.blocked != guard.limit.is_exceeded(guard.observed, guard.of):
            return f"guard {guard.id} is said to judge otherwise than its figures"
    seen: set[str] = set()
    last = ""
    for change in plan.changes:
        file = change.file
        if file.file_id in seen:
            return f"{quoted(file.path, 200)} is in it twice"
        if file.path < last:
            return f"{quoted(file.path, 200)} is not in its place"
        seen.add(file.file_id)
        last = file.path
        words = next(_contradictions(change), None)
        if words:
            return f"{quoted(file.path, 200)} {words}"
    return None


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
