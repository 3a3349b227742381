from collections.abc import Iterable

import pytest
from builders import changed, current_file, plan_of, report_of

from tagsync.model import Cause, Change, Diagnostic, Drift, FileChange, FileOutcome, Op, Origin, Reason, Refusal, Status
from tagsync.planning.refusals import not_applied, refusals

PLACE = Origin("tags.yaml", 6, 15)


def wants(path: str, *tags: str, op: Op = Op.ADD, rule: str = "tags") -> FileChange:
    because = (Reason(PLACE, rule),)
    return FileChange(current_file(path), tuple(Change(op, tag, because) for tag in tags))


def refused(*tags: str, op: Op = Op.ADD, status: int = 400, message: str = "No.") -> tuple[Refusal, ...]:
    return tuple(Refusal(op, tag, status, message) for tag in tags)


def words(found: Iterable[Diagnostic]) -> list[str]:
    return [f"{item.level} {item.origin or ''} {item.message}" for item in found]


def test_refusals_name_each_tag_once_with_its_rule_and_files() -> None:
    found = [(wants(f"/{name}", "a", "b"), refused("a", "b")) for name in "xy"]
    found += [(wants("/z", "b", "fine"), refused("b")), (wants("/w", "fine"), ())]
    end = "No. Another attempt fails too. To leave it out, change this rule"
    assert words(refusals(found, "error")) == [
        f"error tags.yaml:6:15 ImageKit refused the tag 'b' on 3 files: {end}",
        f"error tags.yaml:6:15 ImageKit refused the tag 'a' on 2 files: {end}",
    ]


@pytest.mark.parametrize(
    ("op", "rule", "way_out"),
    [
        (Op.ADD, "aiTags.promote", "To leave it out, add it to aiTags.keep"),
        (Op.REMOVE_AI, "aiTags.remove", "To leave it out, add it to aiTags.keep"),
        (Op.REMOVE, "absent", "To leave it out, change this rule"),
        (Op.ADD, "undo", "To undo the rest, apply the plan with --select"),
    ],
)
def test_refusals_say_how_to_leave_out_a_change(op: Op, rule: str, way_out: str) -> None:
    (found,) = refusals([(wants("/x", "a,b", op=op, rule=rule), refused("a,b", op=op))], "error")
    assert found.message.endswith(f" Another attempt fails too. {way_out}")
    assert ("the AI tag 'a,b'" in found.message) == (op is Op.REMOVE_AI)


def test_refusals_name_the_first_files_that_the_key_may_not_change() -> None:
    found = [(wants(f"/{name}", "a", "b"), refused("a", "b", status=403)) for name in "abcde"]
    (only,) = refusals(found, "error")
    assert only.origin is None
    assert only.message.startswith("ImageKit refused to change '/a', '/b', '/c' and 2 more files: No. Another attempt ")
    assert "read and write permission" in only.message
    assert "leave them out of the rules" in only.message


def test_refusals_list_the_first_tags_and_count_the_others() -> None:
    tags = [f"t{number:02}" for number in range(12)]
    found = [*refusals([(wants("/x", *tags), refused(*tags))], "error")]
    assert len(found) == 11
    assert found[-1].message == "ImageKit refused 2 more tags"


def test_reasons_of_the_previous_run_are_warnings_of_refused_changes_and_notices_of_others() -> None:
    planned = [wants("/x", "a", "b"), wants("/y", "b"), wants("/z", "b"), wants("/new", "b")]
    last = report_of(
        plan_of(*planned[:3]),
        FileOutcome(Status.FAILED, 1, "No. (tag 'a')", refused=refused("a", "gone")),
        FileOutcome(Status.FAILED, 1, "Locked (request r1)", "r1"),
        FileOutcome(Status.FAILED, 1, "Locked (request r2)", "r2"),
    )
    drift = [
        Drift(change.file_id, item.op, item.tag, Cause.PENDING) for change in planned[:3] for item in change.changes
    ]
    end = "No. Another attempt fails too. To leave it out, change this rule"
    assert words(not_applied(planned, drift, last)) == [
        f"warning tags.yaml:6:15 in the previous apply, ImageKit refused the tag 'a' on 1 file: {end}",
        "info  the previous apply did not make 2 changes on 2 files: Locked",
        "info  the previous apply did not make 1 change on 1 file: No. (tag 'a')",
    ]


def test_reasons_of_the_previous_run_are_only_those_of_changes_that_it_did_not_make() -> None:
    planned = changed(current_file("/x"), (Op.ADD, "a"))
    last = report_of(plan_of(planned), FileOutcome(Status.CONFIRMED, 1))
    drift = [Drift(planned.file_id, Op.ADD, "a", Cause.REMOVED)]
    assert [*not_applied([planned], drift, last)] == []
    assert [*not_applied([planned], (), None)] == []
