"""Build plans and reports for tests of formats, including hostile ones."""

from collections.abc import Iterable

from builders import ai, current_file

from tagsync.model import (
    Cause,
    Change,
    CurrentFile,
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Inputs,
    Limit,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    RequestCounts,
    RuleName,
    Status,
    Summary,
    TargetName,
    Timing,
)

MANIFEST = "tags.yaml"
EVIL = (
    '</script><script>planted=1</script><img src="https://evil.example/x" onerror="planted=1">'
    "&amp;{{7*7}}\u202e\x1b[31m"
)
"""Text that, unless escaped, runs a script, loads an image, ends an element or reverses the line."""


def changed(file: CurrentFile, *items: tuple[Op, str], rule: str = "tags", line: int = 6) -> FileChange:
    """Return a file's changes, all with one place in the manifest."""
    because = (Reason(Origin(MANIFEST, line, 14), rule),)
    return FileChange(file, tuple(Change(op, tag, because) for op, tag in items))


def promoted(file: CurrentFile, tag: str) -> FileChange:
    """Return the changes of a file whose AI tag becomes an ordinary tag."""
    return changed(file, (Op.ADD, tag), (Op.REMOVE_AI, tag), rule=RuleName.AI_PROMOTE)


def plan_of(
    *changes: FileChange,
    diagnostics: Iterable[Diagnostic] = (),
    guards: Iterable[Guard] = (),
    drift: Iterable[Drift] = (),
    account: str = "shop",
) -> Plan:
    add, remove, remove_ai = (sum(len(change.tags(op)) for change in changes) for op in Op)
    return Plan(
        target=TargetName("https://api.imagekit.io", account),
        created_at="2026-01-01T00:00:00Z",
        digest="sha256:" + "0" * 64,
        inputs=Inputs((), 10, 1),
        summary=Summary(len(changes), add, remove, remove_ai, unchanged=3),
        estimate=Estimate(2, 1, 9, 5, 4, 0.4) if changes else Estimate(),
        changes=tuple(sorted(changes, key=lambda change: change.file.path)),
        requests=(),
        diagnostics=tuple(diagnostics),
        guards=tuple(guards),
        drift=tuple(drift),
    )


def report_of(plan: Plan, *outcomes: FileOutcome) -> Report:
    return Report(
        plan=plan,
        outcome="incomplete",
        outcomes=outcomes,
        requests=RequestCounts(sent=7, retried=1, throttled=3),
        timing=Timing(1.5, 0.25, 5.0),
        finished_at="2026-01-01T00:01:00Z",
        diagnostics=(Diagnostic("error", "halted", "3 calls in a row were refused for the same reason"),),
    )


def ordinary_plan() -> Plan:
    """Return a plan with every kind of change, a guard that blocks, causes and diagnostics."""
    red = current_file("/shop/shoes/red.jpg", ["draft", "shoes"], [ai("Person", 61.5), ai("Shoe", 98.25)])
    hero = current_file("/shop/hero.jpg", ["shoes"], [ai("Sandal", 97.0)])
    return plan_of(
        changed(red, (Op.ADD, "catalog"), (Op.REMOVE, "draft"), (Op.REMOVE_AI, "Person")),
        promoted(hero, "Sandal"),
        changed(current_file("/shop/bags/blue.jpg"), (Op.ADD, "catalog"), (Op.ADD, "bags"), line=9),
        changed(current_file("/shop/bags/Grün.jpg", ["old"]), (Op.REMOVE, "old"), line=12),
        diagnostics=[
            Diagnostic("warning", "selects-nothing", "the selector selects nothing", Origin(MANIFEST, 20, 7)),
            Diagnostic("info", "note", "a note"),
        ],
        guards=[
            Guard(GuardId.REMOVED_TAGS, 2, 4, Limit(1, 30), blocked=True, files=("/shop/shoes/red.jpg",)),
            Guard(GuardId.NEW_TAGS, 1, 0, Limit(500), blocked=False, tags=("bags",)),
        ],
        drift=[Drift(red.file_id, Op.ADD, "catalog", Cause.REMOVED)],
    )


def ordinary_report() -> Report:
    """Return a report of the ordinary plan with a different outcome for each file, in order of paths."""
    return report_of(
        ordinary_plan(),
        FileOutcome(Status.CONFIRMED, 1),
        FileOutcome(Status.STALE, 0, "the AI tag was judged anew"),
        FileOutcome(Status.CONFIRMED, 1, already=((Op.ADD, "Sandal"),)),
        FileOutcome(Status.FAILED, 5, "file is locked", "req-1"),
    )


def hostile_plan() -> Plan:
    """Return a plan in which all text from outside is hostile."""
    file = current_file(f"/{EVIL}/{EVIL}.jpg", [EVIL, f"{EVIL}1"], [ai(f"{EVIL}2", source=EVIL), ai(EVIL)])
    origin = Origin(EVIL, 1, 2)
    changes = [(Op.ADD, f"{EVIL}3"), (Op.REMOVE, f"{EVIL}1"), (Op.REMOVE_AI, f"{EVIL}2")]
    because = (Reason(origin, EVIL),)
    return plan_of(
        FileChange(file, tuple(Change(op, tag, because) for op, tag in changes)),
        diagnostics=[Diagnostic("error", EVIL, EVIL, origin)],
        guards=[Guard(GuardId.NEW_TAGS, 1, 0, Limit(0), blocked=True, files=(EVIL,), tags=(EVIL,))],
        account=EVIL,
    )


def hostile_report() -> Report:
    return report_of(hostile_plan(), FileOutcome(Status.FAILED, 1, EVIL, EVIL))


def large_plan(files: int = 50_000) -> Plan:
    """Return a plan of many files in order of paths."""
    words = [f"tag-{number:03}" for number in range(400)]

    def change(number: int) -> FileChange:
        held = [words[(number * step) % 400] for step in (3, 7, 11, 13)]
        file = current_file(
            f"/folder-{number // 250:03}/picture-{number:05}.jpg", dict.fromkeys(held), [ai(f"Thing {number % 97}", 60)]
        )
        items = [(Op.ADD, f"new-{number % 50:02}"), (Op.REMOVE, held[0])]
        if number % 3 == 0:
            items.append((Op.REMOVE_AI, f"Thing {number % 97}"))
        return changed(file, *items, line=6 + number % 40)

    return plan_of(*map(change, range(files)))
