from dataclasses import replace

import pytest
from builders import ai, current_file

from tagsync.model import (
    DEFAULT_POLICY,
    Cause,
    Change,
    CurrentFile,
    Diagnostic,
    Drift,
    FileChange,
    GuardId,
    Inputs,
    Limit,
    NotFound,
    Op,
    Origin,
    Part,
    Plan,
    Reason,
    TargetName,
    Unlisted,
)
from tagsync.planning.assembly import Collected, assemble_plan
from tagsync.planning.digest import digest_of
from tagsync.planning.filter import filter_plan
from tagsync.planning.guards import GuardCounts
from tagsync.planning.plan_validation import contradiction

FILE = current_file("/b", ["x"], [ai("Dog")])


def plan(*changes: FileChange, undoes: str | None = None) -> Plan:
    tally = GuardCounts.of(changes)
    exempt = [guard._replace(observed=0, of=0, files=(), tags=()) for guard in GuardCounts().guards(DEFAULT_POLICY, ())]
    return assemble_plan(
        Collected(changes),
        target=TargetName("", ""),
        created_at="",
        inputs=Inputs((), 0, 0),
        guards=tuple(exempt) if undoes else tally.guards(DEFAULT_POLICY, ()),
        diagnostics=[Diagnostic("warning", "odd", "look")],
        bulk_rate=None,
        undoes=undoes,
    )


def changed(file: CurrentFile, *items: tuple[Op, str]) -> FileChange:
    return FileChange(file, tuple(Change(op, tag, ()) for op, tag in items))


GOOD = changed(FILE, (Op.ADD, "new"), (Op.REMOVE, "x"), (Op.REMOVE_AI, "Dog"))


def test_validation_accepts_plan_made_by_tagsync() -> None:
    assert contradiction(plan(GOOD, changed(current_file("/c"), (Op.ADD, "y")))) is None
    assert contradiction(plan()) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((GOOD, GOOD), "'/b' is in it twice"),
        ((GOOD, changed(current_file("/a"), (Op.ADD, "y"))), "'/a' is out of order"),
        ((changed(FILE),), "'/b' has no changes"),
        ((changed(FILE, (Op.ADD, "y"), (Op.ADD, "y")),), "'/b' has the same change twice"),
        ((changed(FILE, (Op.ADD, "50%")),), "'/b' would get '50%', which cannot be a tag"),
        ((changed(FILE, (Op.ADD, "a\x1b")),), "'/b' would get 'a\\x1b', which cannot be a tag"),
        ((changed(FILE, (Op.ADD, "x")),), "'/b' would get 'x', which it already has"),
        ((changed(FILE, (Op.REMOVE, "y")),), "'/b' would lose 'y', which it does not have"),
        ((changed(FILE, (Op.REMOVE_AI, "x")),), "'/b' would lose 'x', which it does not have"),
        ((replace(GOOD, desired=("y",)),), "'/b' lists declared tags that it does not have"),
    ],
)
def test_validation_names_impossible_changes(changes: tuple[FileChange, ...], words: str) -> None:
    assert contradiction(plan(*changes)) == words


def test_validation_checks_each_guard_once() -> None:
    good = plan(GOOD)
    for guards in ((), good.guards[1:], (*good.guards[:4], good.guards[0])):
        assert contradiction(replace(good, guards=guards)) == "it does not list each guard exactly once"
    beyond = good.guards[0]._replace(observed=101, of=101)
    words = "the result of guard removedTags contradicts its figures"
    assert contradiction(replace(good, guards=(beyond, *good.guards[1:]))) == words
    assert contradiction(replace(good, guards=(beyond._replace(blocked=True), *good.guards[1:]))) is None


@pytest.mark.parametrize("guard", [guard for guard in GuardId if guard is not GuardId.NEW_TAGS])
def test_validation_compares_guards_with_changes(guard: GuardId) -> None:
    emptied = changed(FILE, (Op.REMOVE, "x"), (Op.REMOVE_AI, "Dog"))
    good = plan(emptied)
    edited = [item._replace(observed=0, blocked=False) if item.id == guard else item for item in good.guards]
    assert contradiction(good) is None
    assert contradiction(replace(good, guards=tuple(edited))) == f"guard {guard} counts 0, but the changes add up to 1"
    more = [item._replace(observed=2, blocked=item.limit.is_exceeded(2, item.of)) for item in good.guards]
    assert contradiction(replace(good, guards=tuple(more))) is None, "of a part of a plan, guards count the whole"


@pytest.mark.parametrize(
    "name", ["files_changed", "add_tags", "remove_tags", "remove_ai_tags", "warnings", "files_losing"]
)
@pytest.mark.parametrize("count", [0, 7])
def test_validation_compares_summary_with_changes(name: str, count: int) -> None:
    good = plan(GOOD)
    edited = replace(good, summary=good.summary._replace(**{name: count}))
    assert contradiction(edited) == f"its summary says {count} for {name}, but the plan has 1"


def test_validation_counts_unlisted_warnings() -> None:
    good = plan(GOOD)
    more = replace(good, unlisted=(Unlisted("warning", "odd", 6), Unlisted("info", "odd", 9)))
    assert contradiction(more) == "its summary says 1 for warnings, but the plan has 7"
    assert contradiction(replace(more, summary=good.summary._replace(warnings=7))) is None


def test_validation_limits_missing_files_to_count() -> None:
    missing = (NotFound("/gone", None, Origin("a", 1, 1)),)
    assert contradiction(replace(plan(GOOD), missing=missing)) is not None
    assert contradiction(replace(plan(GOOD), missing=missing, summary=plan(GOOD).summary._replace(missing=2))) is None


def test_validation_compares_causes_and_thumbnails_with_changes() -> None:
    good = replace(
        plan(GOOD),
        drift=(Drift(FILE.file_id, Op.ADD, "new", Cause.MANIFEST),),
        thumbnails={FILE.file_id: "https://x/"},
    )
    assert contradiction(good) is None
    words = "it has causes or thumbnails for changes that it does not make"
    for drift in (Drift("other", Op.ADD, "new", Cause.MANIFEST), Drift(FILE.file_id, Op.ADD, "x", Cause.MANIFEST)):
        assert contradiction(replace(good, drift=(drift,))) == words
    assert contradiction(replace(good, thumbnails={"other": "https://x/"})) == words


def test_validation_refuses_changes_with_errors() -> None:
    errors = (Diagnostic("error", "odd", "look"), *plan(GOOD).diagnostics)
    assert contradiction(replace(plan(GOOD), diagnostics=errors)) == "it has errors and changes"
    unlisted = (Unlisted("error", "odd", 1),)
    assert contradiction(replace(plan(GOOD), unlisted=unlisted)) == "it has errors and changes"


def test_validation_compares_api_calls_with_changes() -> None:
    good = plan(GOOD, changed(current_file("/c"), (Op.ADD, "new")))
    first, *rest = good.requests
    edits = {
        "its estimate is 3 API calls, but it lists 2": rest,
        "its API calls change 'other', but its changes do not": [first._replace(tags=("other",)), *rest],
        "its API calls include files that its changes do not": [first._replace(file_ids=("other",) * 2), *rest],
        "its API calls do not make all of its changes": [first._replace(file_ids=first.file_ids[:1]), *rest],
    }
    assert contradiction(good) is None
    for words, requests in edits.items():
        assert contradiction(replace(good, requests=tuple(requests))) == words


def test_validation_compares_estimate_with_calls() -> None:
    good = plan(GOOD)
    for name in ("write_requests", "lower_bound", "per_file"):
        edited = replace(good, estimate=good.estimate._replace(**{name: 99}))
        assert str(contradiction(edited)).startswith("its estimate")


def test_validation_compares_changes_with_filter() -> None:
    good = plan(GOOD)
    other, mine = sorted((Part(1, 2), Part(2, 2)), key=lambda part: len(filter_plan(good, only=(), part=part).changes))
    words = "'/b' does not match the plan's filter"
    assert contradiction(replace(good, inputs=good.inputs._replace(part=mine, select=("/*",)))) is None
    assert contradiction(replace(good, inputs=good.inputs._replace(part=other))) == words
    assert contradiction(replace(good, inputs=good.inputs._replace(select=("/other/*",)))) == words
    assert "is not a glob" in str(contradiction(replace(good, inputs=good.inputs._replace(select=("/b\\",)))))


def test_validation_exempts_only_undo_from_guards() -> None:
    because = (Reason(Origin("a", 1, 1), "undo"),)
    back = FileChange(FILE, (Change(Op.ADD, "y", because), Change(Op.REMOVE, "x", because)))
    assert contradiction(plan(back, undoes="sha256:0")) is None
    words = "'/b' has a change that reverts nothing, in an undo plan"
    ai_tag = FileChange(FILE, (Change(Op.REMOVE_AI, "Dog", because),))
    absent = FileChange(FILE, (Change(Op.REMOVE, "x", (Reason(Origin("a", 1, 1), "absent"),)),))
    for change in (ai_tag, absent):
        assert contradiction(plan(change, undoes="sha256:0")) == words


def test_digest_covers_blocking_guards() -> None:
    good = plan(GOOD)
    passed = good.guards
    blocked = tuple(guard._replace(limit=Limit(0), observed=1, of=1, blocked=True) for guard in passed)
    assert digest_of(good) == good.digest
    stopped = replace(good, guards=blocked)
    digests = {digest_of(stopped)}
    for number in range(len(blocked)):
        let_through = [*blocked]
        let_through[number] = blocked[number]._replace(blocked=False, of=10**9)
        digests.add(digest_of(replace(stopped, guards=tuple(let_through))))
    assert len(digests) == len(blocked) + 1
    grown = tuple(guard._replace(observed=5, of=10) for guard in blocked)
    assert digest_of(replace(stopped, guards=grown)) == digest_of(stopped), "the library's size does not count"
