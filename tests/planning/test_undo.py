from collections.abc import Iterable
from dataclasses import replace

from conftest import Declare
from support import ai, current_file, current_state, id_of, unpack

from tagsync.model import (
    CurrentFile,
    DesiredState,
    FileOutcome,
    Op,
    Plan,
    Report,
    RequestCounts,
    Status,
    TargetName,
    Timing,
)
from tagsync.planning.plan import make_plan
from tagsync.planning.undo import make_undo, touched

TARGET = TargetName("https://api.imagekit.io", "shop")
CONFIRMED = FileOutcome(Status.CONFIRMED, 1)


def report(desired: DesiredState, files: Iterable[CurrentFile], *outcomes: FileOutcome) -> Report:
    """Return the report of an apply to files, sorted by path: by default everything was confirmed."""
    plan = make_plan(desired, current_state(*files), TARGET, created_at="2026-01-01", bulk_rate=5)
    assert not plan.errors
    found = outcomes or (CONFIRMED,) * len(plan.changes)
    return Report(plan, "converged", found, RequestCounts(), Timing(), finished_at="2026-01-01")


def undone(done: Report, *files: CurrentFile | None, ai_as_tags: bool = False) -> Plan:
    """Return the plan that turns a run round, beside its files as they are now, in the order of the report."""
    now = dict(zip([change.file.file_id for change in done.plan.changes], files, strict=True))
    return make_undo(done, now, created_at="2026-01-02", read_requests=1, bulk_rate=5, ai_as_tags=ai_as_tags)


def changes(plan: Plan) -> list[list[str]]:
    return [unpack(change.changes) for change in plan.changes]


def test_additions_go_and_removals_come_back(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new], absent: [old]}"), [current_file("/a", ["old", "x"])])
    plan = undone(done, current_file("/a", ["new", "x"]))
    assert changes(plan) == [["+old", "-new"]]
    assert {reason.rule for change in plan.changes[0].changes for reason in change.because} == {"undo"}
    assert [str(change.because[0].origin) for change in plan.changes[0].changes] == ["tags.yaml:5:40", "tags.yaml:5:25"]
    assert plan.undoes == done.plan.digest
    assert plan.digest != undone(done, current_file("/a", ["x"])).digest


def test_what_others_have_done_since_is_not_done_again(declare: Declare) -> None:
    done = report(declare("- {path: /a, tags: [new], absent: [old]}"), [current_file("/a", ["old"])])
    assert changes(undone(done, current_file("/a", ["old", "other"]))) == []
    assert changes(undone(done, current_file("/a", ["new", "old"]))) == [["-new"]]


def test_a_tag_that_the_run_found_there_is_not_taken_away(declare: Declare) -> None:
    found = FileOutcome(Status.CONFIRMED, 1, already=((Op.ADD, "b"),))
    done = report(declare("- {path: /a, tags: [a, b]}"), [current_file("/a")], found)
    assert changes(undone(done, current_file("/a", ["a", "b"]))) == [["-a"]]
    all_found = replace(done, outcomes=(FileOutcome(Status.CONFIRMED, already=((Op.ADD, "a"), (Op.ADD, "b"))),))
    assert touched(all_found) == []
    assert changes(undone(all_found, current_file("/a", ["a", "b"]))) == []


def test_only_what_was_confirmed_is_turned_round(declare: Declare) -> None:
    outcomes = (CONFIRMED, *(FileOutcome(status, 1) for status in Status if status is not Status.CONFIRMED))
    files = [current_file(f"/{number}") for number in range(len(outcomes))]
    done = report(declare("- {match: /*, tags: [new]}"), files, *outcomes)
    assert touched(done) == [id_of("/0")]
    assert len(undone(done, *(current_file(file.path, ["new"]) for file in files)).changes) == 1


def test_ai_tags_stay_gone_and_that_is_said_once(declare: Declare) -> None:
    files = [current_file(path, [], [ai("Dog", 10), ai("Cat", 10)]) for path in ("/a", "/b")]
    done = report(declare("- {match: /*, aiTags: {remove: all}}"), files)
    plan = undone(done, current_file("/a"), current_file("/b"))
    assert changes(plan) == []
    [item] = plan.diagnostics
    assert item.level == "warning"
    assert item.message == (
        "4 AI tags of 2 files cannot be put back with their confidence and source: --ai-as-tags puts them back as "
        "ordinary tags"
    )
    as_tags = undone(done, current_file("/a", ["Cat"]), current_file("/b"), ai_as_tags=True)
    assert changes(as_tags) == [["+Dog"], ["+Cat", "+Dog"]]


def test_a_promoted_ai_tag_stays_an_ordinary_tag_if_ai_tags_come_back_as_such(declare: Declare) -> None:
    done = report(
        declare("- {path: /a, aiTags: {promote: {minConfidence: 90}}}"), [current_file("/a", [], [ai("Dog", 95)])]
    )
    now = current_file("/a", ["Dog"])
    assert changes(undone(done, now)) == [["-Dog"]]
    assert changes(undone(done, now, ai_as_tags=True)) == []


def test_a_file_that_is_gone_or_has_no_room_is_left_out_and_named(declare: Declare) -> None:
    files = [current_file("/a", ["o" * 300]), current_file("/b", ["o" * 300])]
    done = report(declare(f"- {{match: /*, absent: [{'o' * 300}], tags: [m]}}"), files)
    plan = undone(done, None, current_file("/b", ["m", "p" * 250]))
    assert changes(plan) == []
    assert [item.code for item in plan.diagnostics] == ["missing", "over-limit"]


def test_no_guard_is_against_turning_a_run_round(declare: Declare) -> None:
    done = report(declare("- {match: /*, tags: [new]}"), [current_file("/a")])
    plan = undone(done, current_file("/a", ["new"]))
    assert changes(plan) == [["-new"]]
    assert plan.blocked == ()
    assert plan.policy == done.plan.policy
