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


def test_parts_made_exclude_what_the_listing_does_not_show_if_details_are_unreadable(
    sandbox: Any, declare: Declare, tmp_path: Any
) -> None:
    declare("- {match: /*, tags: [new], absent: [old]}")
    faults = [Fault(on="addTags", ignore=True), Fault(on="details", status=502)]
    library = sandbox(*(file_object(f"/{name}", ["old"]) for name in "abcdef"), faults=faults)
    report = applied(library, tmp_path, past_guards=True)
    assert library.tags("/a") == {"old"}
    assert {(item.status, item.parts) for item in report.outcomes} == {(Status.SKIPPED, PartialOutcome(tried=(ADDED,)))}


def test_parts_are_left_out_if_the_file_was_deleted_meanwhile(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    library = sandbox(file_object("/a", ["old"]), faults=[Fault(on="removeTags", status=400, times=9)])
    app, calls = library.app, library.calls

    async def deleting(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if calls[-1] == "removeTags":
            library.delete("/a")

    library.app = deleting
    outcome = applied(library, tmp_path, past_guards=True).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.MISSING, None)


def test_parts_are_left_out_if_all_changes_were_made(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare(RULE)
    outcome = applied(sandbox(file_object("/a", ["old"])), tmp_path, past_guards=True).outcomes[0]
    assert (outcome.status, outcome.parts) == (Status.CONFIRMED, None)
