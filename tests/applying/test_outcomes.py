import pytest

from tagsync.applying.outcomes import Outcomes
from tagsync.model import FileOutcome, Op, PartialOutcome, Status


def test_outcomes_status_is_the_worst_of_its_calls() -> None:
    outcomes = Outcomes()
    outcomes.note(["a"], Status.ACCEPTED, attempts=3)
    outcomes.note(["a"], Status.FAILED, attempts=1, error="no", request_id="r")
    outcomes.note(["a"], Status.ACCEPTED, attempts=2)
    assert outcomes.outcome("a") == FileOutcome(Status.FAILED, 3, "no", "r")


@pytest.mark.parametrize(
    ("first", "second", "worst"),
    [
        (Status.ACCEPTED, Status.SKIPPED, Status.SKIPPED),
        (Status.UNKNOWN, Status.SKIPPED, Status.UNKNOWN),
        (Status.UNKNOWN, Status.FAILED, Status.FAILED),
        (Status.ACCEPTED, Status.STALE, Status.STALE),
        (Status.CONFIRMED, Status.ACCEPTED, Status.ACCEPTED),
        (Status.FAILED, Status.MISSING, Status.MISSING),
        (Status.MISSING, Status.ACCEPTED, Status.MISSING),
    ],
)
def test_outcomes_statuses_have_an_order(first: Status, second: Status, worst: Status) -> None:
    outcomes = Outcomes()
    outcomes.note(["a"], first, attempts=1)
    outcomes.note(["a"], second, attempts=1)
    assert outcomes.outcome("a").status is worst


def test_outcomes_file_without_a_call_is_skipped() -> None:
    assert Outcomes().outcome("a").status is Status.SKIPPED


def test_outcomes_touched_includes_files_of_needless_calls() -> None:
    outcomes = Outcomes()
    outcomes.note(["a"], Status.SKIPPED)
    outcomes.note(["b"], Status.ACCEPTED, attempts=1)
    outcomes.note(["c"], Status.ACCEPTED)
    outcomes.note(["d"], Status.CONFIRMED)
    assert list(outcomes.touched()) == ["b", "c"]


def test_outcomes_are_settled_unless_a_file_is_unknown() -> None:
    outcomes = Outcomes()
    outcomes.note(["a", "b"], Status.FAILED, attempts=1)
    assert outcomes.is_settled()
    outcomes.note(["c"], Status.UNKNOWN, attempts=1)
    assert not outcomes.is_settled()


def test_outcomes_of_readback_replace_earlier_ones() -> None:
    outcomes = Outcomes()
    outcomes.note(["a"], Status.UNKNOWN, attempts=5, error="timed out", request_id="r")
    outcomes.settle("a", Status.CONFIRMED)
    assert outcomes.outcome("a") == FileOutcome(Status.CONFIRMED, 5, None, "r")


def test_outcomes_hold_back_later_stages_after_failures() -> None:
    outcomes = Outcomes()
    outcomes.note(["a", "b"], Status.ACCEPTED, attempts=1)
    outcomes.note(["c"], Status.CONFIRMED)
    outcomes.note(["b"], Status.UNKNOWN, attempts=1)
    held = outcomes.held_back()
    assert "a" not in held
    assert "c" not in held
    assert "b" in held


def test_outcomes_give_parts_only_of_files_changed_in_part() -> None:
    outcomes = Outcomes()
    outcomes.note(["a", "b", "c"], Status.ACCEPTED, attempts=1)
    outcomes.note(["a", "d"], Status.SKIPPED, error="not sent: the run was interrupted")
    outcomes.note(["b"], Status.MISSING, attempts=1)
    assert outcomes.in_part() == ["a"]
    for file_id in "abc":
        outcomes.record(file_id, PartialOutcome(made=((Op.ADD, "x"),)))
    assert outcomes.outcome("a").parts == PartialOutcome(made=((Op.ADD, "x"),))
    assert [outcomes.outcome(file_id).parts for file_id in "bcd"] == [None, None, None]
