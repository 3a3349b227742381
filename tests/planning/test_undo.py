from collections.abc import Iterable
from dataclasses import replace

import pytest
from builders import ai, current_file, current_state, id_of, plan_for, unpack
from conftest import Declare

from tagsync.model import (
    CurrentFile,
    DesiredState,
    FileOutcome,
    Op,
    PartialOutcome,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.planning.undo import make_undo, touched, unsettled

LEFT_OUT = "left-out"

CONFIRMED = FileOutcome(Status.CONFIRMED, 1)


def report(desired: DesiredState, files: Iterable[CurrentFile], *outcomes: FileOutcome) -> Report:
    """Return the report of an apply to files, sorted by path; by default everything was confirmed."""
    plan = plan_for(desired, current_state(*files))
    assert not plan.errors
    found = outcomes or (CONFIRMED,) * len(plan.changes)
    return Report(plan, "converged", found, RequestCounts(), Timing(), finished_at="2026-01-01")


def undone(done: Report, *files: CurrentFile | None, ai_as_tags: bool = False) -> Plan:
    """Return the undo of a run, with its files as they are now, in the order of the report."""
    now = dict(zip([change.file.file_id for change in done.plan.changes], files, strict=True))
    return make_undo(done, now, created_at="2026-01-02", read_requests=1, bulk_rate=5, ai_as_tags=ai_as_tags)


def changes(plan: Plan) -> list[list[str]]:
    return [unpack(change.changes) for change in plan.changes]


def test_undo_reverts_additions_and_removals(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new], absent: [old]}"), [current_file("/a", ["old", "x"])])
    plan = undone(done, current_file("/a", ["new", "x"]))
    assert changes(plan) == [["+old", "-new"]]
    assert {reason.rule for change in plan.changes[0].changes for reason in change.because} == {"undo"}
    assert [str(change.because[0].origin) for change in plan.changes[0].changes] == ["tags.yaml:5:40", "tags.yaml:5:25"]
    assert plan.undoes == done.plan.digest
    assert plan.digest != undone(done, current_file("/a", ["x"])).digest


def test_undo_skips_what_others_reverted_already(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new], absent: [old]}"), [current_file("/a", ["old"])])
    assert changes(undone(done, current_file("/a", ["old", "other"]))) == []
    assert changes(undone(done, current_file("/a", ["new", "old"]))) == [["-new"]]


def test_undo_names_tag_whose_other_spelling_is_there(declare: Declare) -> None:
    done = report(declare('- {path: /a, absent: ["caf\u00e9"]}'), [current_file("/a", ["caf\u00e9", "cafe\u0301"])])
    assert changes(undone(done, current_file("/a"))) == [["+cafe\u0301", "+caf\u00e9"]]
    plan = undone(done, current_file("/a", ["caf\u00e9"]))
    assert changes(plan) == []
    assert [item.code for item in plan.diagnostics] == [LEFT_OUT, "spelling"]
    assert plan.diagnostics[1].message.endswith("the file has it in another spelling, equal under Unicode NFC")


def test_undo_keeps_tag_that_run_found_present(declare: Declare) -> None:
    found = FileOutcome(Status.CONFIRMED, 1, already=((Op.ADD, "b"),))
    done = report(declare("- {path: /a, tags: [a, b]}"), [current_file("/a")], found)
    assert changes(undone(done, current_file("/a", ["a", "b"]))) == [["-a"]]
    all_found = replace(done, outcomes=(FileOutcome(Status.CONFIRMED, already=((Op.ADD, "a"), (Op.ADD, "b"))),))
    assert touched(all_found) == []
    assert changes(undone(all_found, current_file("/a", ["a", "b"]))) == []


def test_undo_counts_changes_that_an_earlier_attempt_made(declare: Declare) -> None:
    files = [current_file(path) for path in ("/a", "/b", "/c")]
    whole = FileOutcome(Status.CONFIRMED, already=((Op.ADD, "a"), (Op.ADD, "b")))
    part = FileOutcome(Status.CONFIRMED, 1, already=((Op.ADD, "b"),))
    done = report(declare("- {match: /*, tags: [a, b]}"), files, whole, part, CONFIRMED)
    plan = undone(done, *(current_file(path, ["a", "b"]) for path in ("/a", "/b", "/c")))
    assert changes(plan) == [["-a"], ["-a", "-b"]]
    (warning,) = plan.diagnostics
    assert (warning.level, warning.code) == ("warning", "made-before")
    assert warning.message.startswith("3 changes on 2 files had been made before this apply sent anything")
    assert undone(replace(done, outcome="refused"), *files).diagnostics == ()


@pytest.mark.parametrize("status", Status)
def test_undo_ignores_status_in_report(declare: Declare, status: Status) -> None:
    files = [current_file("/a", ["old"]), current_file("/b", ["old"])]
    done = report(declare("- {match: /*, tags: [new], absent: [old]}"), files, *[FileOutcome(status, 1)] * 2)
    plan = undone(done, current_file("/a", ["new", "old"]), current_file("/b", ["old"]))
    assert changes(plan) == [["-new"]]
    assert plan.diagnostics == ()


def test_undo_of_refused_run_is_empty(declare: Declare) -> None:
    done = report(declare("- {match: /*, tags: [new]}"), [current_file("/a")], FileOutcome(Status.SKIPPED))
    refused = replace(done, outcome="refused")
    assert touched(refused) == []
    assert undone(refused, current_file("/a", ["new"])).changes == ()


def test_undo_counts_and_names_ai_tags_left_out(declare: Declare) -> None:
    files = [current_file(f"/{name}", [], [ai("Dog", 10), ai("Cat", 10)]) for name in "abcde"]
    done = report(declare("- {match: /*, aiTags: {remove: all}}"), files)
    now = [current_file("/a"), current_file("/b", [], [ai("Cat")]), *(current_file(f"/{name}") for name in "cde")]
    plan = undone(done, *now)
    assert changes(plan) == []
    why = "confidence and source are lost; --ai-as-tags restores them as ordinary tags"
    assert [(item.level, item.code, item.message) for item in plan.diagnostics] == [
        (
            "warning",
            "irreversible",
            f"9 AI tags (2 names) are not restored ('Dog' on 5 files, 'Cat' on 4 files): {why}",
        ),
        ("warning", LEFT_OUT, "this undo leaves out 9 changes on 5 files"),
    ]


def test_undo_restores_ai_tags_as_ordinary_tags_on_request(declare: Declare) -> None:
    files = [current_file(path, [], [ai("Dog", 10), ai("Cat", 10), ai("50%", 10)]) for path in ("/a", "/b")]
    done = report(declare("- {match: /*, aiTags: {remove: all}}"), files)
    plan = undone(done, current_file("/a", ["Cat"]), current_file("/b", [], [ai("Cat")]), ai_as_tags=True)
    assert changes(plan) == [["+Dog"], ["+Dog"]]
    assert [item.message for item in plan.diagnostics] == [
        "AI tag '50%' is not restored on /a, /b: ImageKit no longer accepts such a tag",
        "this undo leaves out 2 changes on 2 files",
    ]


def test_undo_leaves_nothing_out_if_nothing_took_effect(declare: Declare) -> None:
    files = [current_file("/a", ["old"], [ai("Dog", 10)]), current_file("/b", ["old"], [ai("Dog", 10)])]
    outcomes = (FileOutcome(Status.FAILED, 3), FileOutcome(Status.SKIPPED))
    done = report(declare("- {match: /*, tags: [new], absent: [old], aiTags: {remove: all}}"), files, *outcomes)
    plan = undone(done, *files)
    assert (plan.changes, plan.diagnostics) == ((), ())


@pytest.mark.parametrize(
    ("outcome", "is_named"),
    [
        (FileOutcome(Status.CONFIRMED, 1), True),
        (FileOutcome(Status.UNKNOWN, 2), True),
        (FileOutcome(Status.FAILED, 1), True),
        (FileOutcome(Status.SKIPPED), False),
        (FileOutcome(Status.STALE), False),
        (FileOutcome(Status.MISSING, 1), False),
    ],
)
def test_undo_names_deleted_file_that_run_may_have_changed(
    declare: Declare, outcome: FileOutcome, *, is_named: bool
) -> None:
    done = report(declare("- {path: /a, tags: [new, more]}"), [current_file("/a")], outcome)
    found = [item.message for item in undone(done, None).diagnostics]
    named = ["this undo leaves out 2 changes on 1 file", "no change is undone on /a: no longer in the library"]
    assert found == (named if is_named else [])


def test_undo_groups_deleted_files(declare: Declare) -> None:
    files = [current_file(f"/{name}") for name in "abcde"]
    done = report(declare("- {match: /*, tags: [new]}"), files)
    plan = make_undo(done, {file.file_id: None for file in files}, created_at="", read_requests=1, bulk_rate=5)
    assert {item.message for item in plan.diagnostics} == {
        "no change is undone on /a, /b, /c and 2 more: no longer in the library",
        "this undo leaves out 5 changes on 5 files",
    }


def test_undo_names_unreadable_file(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new]}"), [current_file("/a")])
    plan = make_undo(done, {}, created_at="2026-01-02", read_requests=1, bulk_rate=5)
    assert [item.message for item in plan.diagnostics] == [
        "this undo leaves out 1 change on 1 file",
        "no change is undone on /a: reading failed; run undo again",
    ]


def test_undo_reads_details_of_files_that_lag_behind(declare: Declare) -> None:
    files = [current_file(path) for path in ("/a", "/b", "/c", "/d")]
    outcomes = (CONFIRMED, CONFIRMED, FileOutcome(Status.SKIPPED), CONFIRMED)
    done = report(declare("- {match: /*, tags: [new]}"), files, *outcomes)
    now = [current_file("/a", ["new"]), current_file("/b"), current_file("/c"), None]
    shown = {file.file_id: found for file, found in zip(files, now, strict=True)}
    assert unsettled(done, shown) == [id_of("/b")]


def test_undo_keeps_promoted_tags_and_says_so_once(declare: Declare) -> None:
    files = [current_file(path, [], [ai("Dog", 95), ai("Cat", 95), ai("Bird", 10)]) for path in ("/a", "/b")]
    rule = "- {match: /*, tags: [new], aiTags: {minConfidence: 20, promote: {minConfidence: 90}}}"
    done = report(declare(rule), files)
    # On /b, somebody has removed one of the promoted tags since.
    now = [current_file("/a", ["new", "Dog", "Cat"]), current_file("/b", ["new", "Dog"])]
    plan = undone(done, *now)
    assert changes(plan) == [["-new"], ["-new"]]
    assert [item.message for item in plan.diagnostics if item.code in ("promoted", LEFT_OUT)] == [
        "this undo leaves out 9 changes on 2 files",
        "3 promoted tags stay on 2 files, because their AI tags cannot be restored",
    ]
    named = [item.message for item in plan.diagnostics if item.code == "irreversible"]
    assert [words.split(":")[0] for words in named] == [
        "3 AI tags (2 names) are not restored ('Bird' on 2 files, 'Cat' on 1 file)"
    ]
    as_tags = undone(done, *now, ai_as_tags=True)
    assert changes(as_tags) == [["+Bird", "-new"], ["+Bird", "+Cat", "-new"]]
    assert as_tags.diagnostics == ()


def test_undo_keeps_declared_tag_that_replaced_an_ai_tag(declare: Declare) -> None:
    rule = declare("- {path: /a, tags: [Dog], aiTags: {remove: [Dog]}}")
    done = report(rule, [current_file("/a", [], [ai("Dog")])])
    plan = undone(done, current_file("/a", ["Dog"]))
    assert changes(plan) == []
    assert [item.message for item in plan.diagnostics] == [
        "this undo leaves out 2 changes on 1 file",
        "1 promoted tag stays on 1 file, because its AI tag cannot be restored",
    ]


def test_undo_removes_promoted_tag_if_its_ai_tag_is_there(declare: Declare) -> None:
    rule = declare("- {path: /a, aiTags: {promote: {minConfidence: 90}}}")
    done = report(rule, [current_file("/a", [], [ai("Dog", 95)])])
    plan = undone(done, current_file("/a", ["Dog"], [ai("Dog", 95)]))
    assert (changes(plan), plan.diagnostics) == ([["-Dog"]], ())


@pytest.mark.parametrize("ai_as_tags", [False, True])
def test_undo_keeps_promoted_tag_whose_ai_tag_another_run_removed(declare: Declare, *, ai_as_tags: bool) -> None:
    rule = declare("- {path: /a, aiTags: {promote: {minConfidence: 90}}}")
    parts = PartialOutcome(made=((Op.ADD, "Dog"),))
    stopped = FileOutcome(Status.SKIPPED, 1, parts=parts)
    done = report(rule, [current_file("/a", [], [ai("Dog", 95)])], stopped)
    assert changes(undone(done, current_file("/a", ["Dog"]), ai_as_tags=ai_as_tags)) == []


def test_undo_names_deleted_or_full_file(declare: Declare) -> None:
    files = [current_file("/a", ["o" * 300]), current_file("/b", ["o" * 300])]
    done = report(declare(f"- {{match: /*, absent: [{'o' * 300}], tags: [m]}}"), files)
    plan = undone(done, None, current_file("/b", ["m", "p" * 250]))
    assert changes(plan) == []
    assert [item.code for item in plan.diagnostics] == [LEFT_OUT, "missing", "over-limit"]


def test_undo_is_exempt_from_guards(declare: Declare) -> None:
    done = report(declare("- {match: /*, tags: [new]}"), [current_file("/a")])
    plan = undone(done, current_file("/a", ["new"]))
    assert changes(plan) == [["-new"]]
    assert plan.blocked == ()
    assert plan.policy == done.plan.policy


def test_undo_reverts_only_changes_that_the_run_sent(declare: Declare) -> None:
    rule = declare("- {path: /a, tags: [made, tried, unsent], absent: [old]}")
    parts = PartialOutcome(made=((Op.ADD, "made"),), tried=((Op.ADD, "tried"),))
    done = report(rule, [current_file("/a", ["old"])], FileOutcome(Status.SKIPPED, 1, parts=parts))
    # Somebody else has added "unsent" and removed "old" since.
    assert changes(undone(done, current_file("/a", ["made", "tried", "unsent"]))) == [["-made", "-tried"]]


def test_undo_ignores_files_without_a_call(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new]}"), [current_file("/a")], FileOutcome(Status.SKIPPED))
    assert touched(done) == []
    assert changes(undone(done, current_file("/a", ["new"]))) == []
