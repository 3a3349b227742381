from collections.abc import Sequence
from dataclasses import replace

import pytest
from conftest import Declare
from support import ai, current_file, current_state, id_of, unpack

from tagsync.model import (
    Cause,
    CurrentFile,
    DesiredState,
    FileOutcome,
    GuardId,
    Op,
    Plan,
    Report,
    RequestCounts,
    Status,
    TargetName,
    Timing,
)
from tagsync.planning.digest import digest_of
from tagsync.planning.plan import make_plan, narrowed
from tagsync.planning.returning import MOST_RUNS

TARGET = TargetName("https://api.imagekit.io", "shop")
NO_PERSON = "- {match: /*, aiTags: {remove: [Person]}}"
SHOP = (current_file("/a", ["x"], [ai("Person")]), current_file("/b", ["x"], [ai("Person"), ai("Dog")]))


def planned(desired: DesiredState, *files: CurrentFile, last: Report | None = None, only: Sequence[str] = ()) -> Plan:
    state = current_state(*(files or SHOP))
    return make_plan(desired, state, TARGET, created_at="2026", bulk_rate=None, only=only, last=last)


def applied(plan: Plan, outcome: FileOutcome = FileOutcome(Status.CONFIRMED)) -> Report:  # noqa: B008 - a frozen value
    outcomes = (outcome,) * len(plan.changes)
    return Report(plan, "converged", outcomes, RequestCounts(), Timing(), "2026-03-01T12:00:00Z")


def after(desired: DesiredState, runs: int) -> Report:
    """Return the report of the last of some runs that removed what came back each time."""
    last = None
    for _ in range(runs):
        last = applied(planned(desired, last=last))
    assert last
    return last


def runs_of(plan: Plan) -> list[tuple[str, str, int]]:
    return [(item.path, item.tag, item.runs) for item in plan.returning]


def test_what_comes_back_is_counted_and_removed_again_until_three_runs_have_removed_it(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    for runs in range(1, MOST_RUNS):
        plan = planned(desired, last=after(desired, runs))
        assert runs_of(plan) == [("/a", "Person", runs), ("/b", "Person", runs)]
        assert [unpack(change.changes) for change in plan.changes] == [["~Person"], ["~Person"]]
        assert [item.cause for item in plan.drift] == [Cause.CAME_BACK, Cause.CAME_BACK]
        assert plan.diagnostics == ()


def test_after_three_runs_in_a_row_it_is_left_alone_with_one_warning_for_all_files(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired, last=after(desired, MOST_RUNS))
    assert (plan.changes, plan.requests, plan.drift) == ((), (), ())
    assert runs_of(plan) == [("/a", "Person", 3), ("/b", "Person", 3)]
    assert (plan.summary.remove_ai_tags, plan.summary.unchanged, plan.summary.warnings) == (0, 2, 1)
    (warning,) = plan.diagnostics
    assert (warning.level, warning.code, str(warning.origin)) == ("warning", "ai-tag-returns", "tags.yaml:5:37")
    assert warning.message == (
        "AI tag 'Person' was removed from 2 files (as /a) in 3 runs in a row and is back: an auto-tagging extension "
        "probably adds it at each upload or update; switch that off or keep the tag; it is left alone until then: "
        "plan with --last none to remove it once more"
    )


def test_guards_digest_and_calls_are_those_of_what_is_left(declare: Declare) -> None:
    desired = declare(NO_PERSON + "\n- {path: /b, absent: [x], aiTags: {remove: [Dog], keep: [Cat]}}")
    last = after(desired, MOST_RUNS)
    plan = planned(desired, current_file("/a", ["x"], [ai("Person")]), SHOP[1], last=last)
    assert [unpack(change.changes) for change in plan.changes] == [["-x"]]
    assert plan.changes[0].spared == ()
    assert [guard.observed for guard in plan.guards if guard.id is GuardId.REMOVED_AI_TAGS] == [0]
    assert {request.op for request in plan.requests} == {Op.REMOVE}
    assert digest_of(plan) == plan.digest != planned(desired).digest


def test_what_is_left_alone_is_remembered_from_run_to_run_until_it_is_gone(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    last = after(desired, MOST_RUNS)
    for _ in range(3):
        last = applied(planned(desired, last=last))
        assert runs_of(last.plan) == [("/a", "Person", 3), ("/b", "Person", 3)]
    plan = planned(desired, current_file("/a", ["x"]), SHOP[1], last=last)
    assert runs_of(plan) == [("/b", "Person", 3)]
    again = planned(desired, last=applied(plan))
    assert [(change.file.path, unpack(change.changes)) for change in again.changes] == [("/a", ["~Person"])]


def test_once_the_manifest_that_asks_has_changed_it_is_removed_again(declare: Declare) -> None:
    last = after(declare(NO_PERSON), MOST_RUNS)
    left = applied(planned(declare(NO_PERSON), last=last))
    plan = planned(declare(NO_PERSON + " # switched off"), last=left)
    assert [unpack(change.changes) for change in plan.changes] == [["~Person"], ["~Person"]]
    assert plan.returning == ()


def test_once_no_rule_asks_for_it_it_is_forgotten(declare: Declare) -> None:
    last = after(declare(NO_PERSON), MOST_RUNS)
    assert planned(declare("- {match: /*, aiTags: {remove: [Person], keep: [Person]}}"), last=last).returning == ()


def test_a_plan_with_errors_tells_nothing_of_it(declare: Declare) -> None:
    last = after(declare(NO_PERSON), 1)
    plan = planned(declare(NO_PERSON + "\n- {path: /gone, tags: [t]}"), last=last)
    assert plan.errors
    assert (plan.drift, plan.returning) == ((), ())


def test_without_a_last_report_it_is_removed_once_more(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired)
    assert [unpack(change.changes) for change in plan.changes] == [["~Person"], ["~Person"]]
    assert runs_of(planned(desired, last=applied(plan))) == [("/a", "Person", 1), ("/b", "Person", 1)]


@pytest.mark.parametrize(
    "outcome",
    [
        FileOutcome(Status.FAILED),
        FileOutcome(Status.UNKNOWN),
        FileOutcome(Status.CONFIRMED, already=((Op.REMOVE_AI, "Person"),)),
    ],
)
def test_a_run_that_did_not_remove_it_does_not_count_and_does_not_begin_anew(
    declare: Declare, outcome: FileOutcome
) -> None:
    desired = declare(NO_PERSON)
    assert planned(desired, last=applied(planned(desired), outcome)).returning == ()
    third = planned(desired, last=after(desired, 2))
    assert runs_of(planned(desired, last=applied(third, outcome))) == [("/a", "Person", 2), ("/b", "Person", 2)]


def test_what_a_selection_leaves_out_is_not_forgotten(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    part = planned(desired, last=after(desired, 2), only=["/a"])
    assert [change.file.path for change in part.changes] == ["/a"]
    assert runs_of(planned(desired, last=applied(part))) == [("/a", "Person", 3), ("/b", "Person", 2)]


def test_causes_of_changes_that_a_selection_leaves_out_are_left_out(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired, last=after(desired, 1))
    assert [item.file_id for item in narrowed(plan, only=["/b"], part=None).drift] == [id_of("/b")]


def test_what_the_last_report_tells_changes_nothing_else(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [t], absent: [x], aiTags: {remove: all}}")
    last = applied(planned(desired, current_file("/a", ["x"]), current_file("/b")))
    plan = planned(desired, last=last)
    assert plan.drift
    assert replace(plan, drift=(), returning=()) == planned(desired)


@pytest.mark.parametrize(
    ("entry", "before", "now"),
    [
        ("- {match: /*, query: 'size > 1', tags: [t]}", current_file("/a"), current_file("/a", ["x"])),
        ("- {match: /*, tags: [t], ifOverLimit: skip}", current_file("/a", ["x" * 500]), current_file("/a", ["x"])),
    ],
)
def test_a_file_that_the_same_manifests_left_alone_has_lost_nothing(
    declare: Declare, entry: str, before: CurrentFile, now: CurrentFile
) -> None:
    desired = declare(entry)

    def plan(file: CurrentFile, *found: str, last: Report | None = None) -> Plan:
        files = current_state(replace(file, created_at="2026-01-01T00:00:00Z"), answers={"size > 1": found})
        return make_plan(desired, files, TARGET, created_at="2026", bulk_rate=None, last=last)

    first = plan(before)
    assert first.changes == ()
    second = plan(now, "/a", last=applied(first))
    assert [unpack(change.changes) for change in second.changes] == [["+t"]]
    assert second.drift == ()


@pytest.mark.parametrize(("only", "causes"), [((), [Cause.REMOVED]), (["/a"], [Cause.REMOVED]), (["/b"], [])])
def test_a_run_with_a_selection_tells_of_what_it_selected(
    declare: Declare, only: Sequence[str], causes: list[Cause]
) -> None:
    desired = declare("- {match: /*, tags: [t]}")
    file = replace(current_file("/a", ["t", "x"]), created_at="2026-01-01T00:00:00Z")
    last = applied(planned(desired, file, only=only))
    plan = planned(desired, replace(file, tags=("x",)), last=last)
    assert [item.cause for item in plan.drift] == causes
