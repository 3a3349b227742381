"""Which changes an apply reports of files that it changed in part."""

from typing import Any

from builders import applied, file_object
from conftest import Declare

from tagsync.model import Op, PartialOutcome, Status
from tagsync.sandbox.faults import Fault

RULE = "- {path: /a, tags: [new], absent: [old]}"
ADDED, REMOVED = (Op.ADD, "new"), (Op.REMOVE, "old")


def test_parts_have_additions_if_the_removal_was_not_sent(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    outcome = applied(sandbox(file_object("/a", ["old"])), tmp_path, past_guards=True, max_requests=1).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.SKIPPED, PartialOutcome(made=(ADDED,)))


def test_parts_have_a_refused_removal_as_tried(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    library = sandbox(file_object("/a", ["old"]), faults=[Fault(on="removeTags", status=400, times=9)])
    outcome = applied(library, tmp_path, past_guards=True).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.FAILED, PartialOutcome(made=(ADDED,), tried=(REMOVED,)))


def test_parts_follow_what_the_library_shows(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    library = sandbox(file_object("/a", ["old"]), faults=[Fault(on="removeTags", ignore=True, times=9)])
    outcome = applied(library, tmp_path, past_guards=True).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.FAILED, PartialOutcome(made=(ADDED,), tried=(REMOVED,)))


def test_parts_are_left_out_if_all_changes_were_made(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    outcome = applied(sandbox(file_object("/a", ["old"])), tmp_path, past_guards=True).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.CONFIRMED, None)
