from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest
from builders import ai, current_file, current_state, id_of, plan_for, unpack
from conftest import Declare

from tagsync.model import (
    Cause,
    CurrentFile,
    DesiredState,
    FileOutcome,
    Op,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.planning.digest import digest_of
from tagsync.planning.filter import filter_plan

NO_PERSON = "- {match: /*, aiTags: {remove: [Person]}}"
SHOP = (current_file("/a", ["x"], [ai("Person")]), current_file("/b", ["x"], [ai("Person"), ai("Dog")]))


def planned(
    desired: DesiredState,
    *files: CurrentFile,
    last: Report | None = None,
    earlier: Iterable[Report] = (),
    only: Sequence[str] = (),
) -> Plan:
    state = current_state(*(files or SHOP))
    return plan_for(desired, state, only=only, last=last, earlier=earlier)


def applied(plan: Plan, outcome: FileOutcome = FileOutcome(Status.CONFIRMED)) -> Report:  # noqa: B008 - a frozen value
    outcomes = (outcome,) * len(plan.changes)
    return Report(plan, "converged", outcomes, RequestCounts(), Timing(), "2026-03-01T12:00:00Z")


def after(desired: DesiredState, runs: int) -> Report:
    """Return the report of the last of several runs that each removed what had come back."""
    last = None
    for _ in range(runs):
        last = applied(planned(desired, last=last))
    assert last
    return last


def runs_of(plan: Plan) -> list[tuple[str, str, int]]:
    return [(item.path, item.tag, item.runs) for item in plan.returning]


REMOVED = [["~Person"], ["~Person"]]


@pytest.mark.parametrize("runs", [1, 2, 3, 12])
def test_returning_ai_tag_is_removed_with_counting_warning(declare: Declare, runs: int) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired, last=after(desired, runs))
    assert [unpack(change.changes) for change in plan.changes] == REMOVED
    assert runs_of(plan) == [("/a", "Person", runs), ("/b", "Person", runs)]
    assert [item.cause for item in plan.drift] == [Cause.CAME_BACK, Cause.CAME_BACK]
    assert plan.summary.warnings == 1
    (warning,) = plan.diagnostics
    assert (warning.level, warning.code, str(warning.origin)) == ("warning", "ai-tag-returns", "tags.yaml:5:37")
    times = "1 apply" if runs == 1 else f"{runs} applies"
    assert warning.message == (
        f"AI tag 'Person' came back on 2 files (for example /a) after {times} removed it, and is removed again: turn "
        "off the auto-tagging extension or upload default that adds it, or keep it (aiTags.keep)"
    )


def test_returning_ai_tag_is_found_in_older_reports(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    removed = after(desired, 2)
    unrelated = applied(planned(declare("- {match: /*, tags: [t]}")))
    assert runs_of(planned(desired, last=unrelated)) == []
    plan = planned(desired, last=unrelated, earlier=[unrelated, removed])
    assert runs_of(plan) == [("/a", "Person", 2), ("/b", "Person", 2)]


def test_returning_reads_no_more_reports_than_it_needs(declare: Declare) -> None:
    desired = declare(NO_PERSON)

    def never() -> Iterator[Report]:
        yield after(desired, 1)
        raise AssertionError("a report was read for nothing")

    assert len(runs_of(planned(desired, earlier=never()))) == 2
    assert planned(declare("- {match: /*, tags: [t]}"), last=after(desired, 1), earlier=never()).returning == ()


def test_returning_changes_neither_digest_nor_calls(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired, last=after(desired, 5))
    assert digest_of(plan) == plan.digest == planned(desired).digest
    assert plan.requests == planned(desired).requests


def test_returning_ignores_ai_tag_that_no_rule_removes(declare: Declare) -> None:
    last = after(declare(NO_PERSON), 3)
    assert planned(declare("- {match: /*, aiTags: {remove: [Person], keep: [Person]}}"), last=last).returning == ()


def test_returning_is_omitted_from_plan_with_errors(declare: Declare) -> None:
    last = after(declare(NO_PERSON), 1)
    plan = planned(declare(NO_PERSON + "\n- {path: /gone, tags: [t]}"), last=last)
    assert plan.errors
    assert (plan.drift, plan.returning) == ((), ())


@pytest.mark.parametrize(
    "outcome",
    [
        FileOutcome(Status.FAILED),
        FileOutcome(Status.UNKNOWN),
        FileOutcome(Status.CONFIRMED, already=((Op.REMOVE_AI, "Person"),)),
    ],
)
def test_returning_ignores_run_that_did_not_remove_tag(declare: Declare, outcome: FileOutcome) -> None:
    desired = declare(NO_PERSON)
    assert planned(desired, last=applied(planned(desired), outcome)).returning == ()
    second = after(desired, 2)
    third = applied(planned(desired, last=second), outcome)
    assert runs_of(planned(desired, last=third, earlier=[second])) == [("/a", "Person", 2), ("/b", "Person", 2)]


def test_returning_counts_each_file_separately(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    second = after(desired, 2)
    part = planned(desired, last=second, only=["/a"])
    assert [change.file.path for change in part.changes] == ["/a"]
    plan = planned(desired, last=applied(part), earlier=[second])
    assert runs_of(plan) == [("/a", "Person", 3), ("/b", "Person", 2)]
    assert "after 3 applies removed it" in plan.diagnostics[0].message


def test_select_filters_causes_too(declare: Declare) -> None:
    desired = declare(NO_PERSON)
    plan = planned(desired, last=after(desired, 1))
    assert [item.file_id for item in filter_plan(plan, only=["/b"], part=None).drift] == [id_of("/b")]


def test_causes_change_nothing_else_in_plan(declare: Declare) -> None:
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
def test_causes_ignore_file_left_alone_by_same_manifests(
    declare: Declare, entry: str, before: CurrentFile, now: CurrentFile
) -> None:
    desired = declare(entry)

    def plan(file: CurrentFile, *found: str, last: Report | None = None) -> Plan:
        files = current_state(replace(file, created_at="2026-01-01T00:00:00Z"), answers={"size > 1": found})
        return plan_for(desired, files, last=last)

    first = plan(before)
    assert first.changes == ()
    second = plan(now, "/a", last=applied(first))
    assert [unpack(change.changes) for change in second.changes] == [["+t"]]
    assert second.drift == ()


@pytest.mark.parametrize(("only", "causes"), [((), [Cause.REMOVED]), (["/a"], [Cause.REMOVED]), (["/b"], [])])
def test_causes_after_filtered_run_cover_its_files_only(
    declare: Declare, only: Sequence[str], causes: list[Cause]
) -> None:
    desired = declare("- {match: /*, tags: [t]}")
    file = replace(current_file("/a", ["t", "x"]), created_at="2026-01-01T00:00:00Z")
    last = applied(planned(desired, file, only=only))
    plan = planned(desired, replace(file, tags=("x",)), last=last)
    assert [item.cause for item in plan.drift] == causes
