"""A promoted AI tag is removed only after the library shows the ordinary tag."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import Sandbox, ai, applied, file_object, id_of, statuses
from conftest import EXTREMES, Declare

from tagsync.model import Op, PartialOutcome, Status
from tagsync.sandbox.faults import Fault

Make = Callable[..., Sandbox]
A, B = "/a.jpg", "/b.jpg"
PROMOTE = "- {match: /*, aiTags: {promote: {minConfidence: 90}, minConfidence: 50}}"


@EXTREMES
def test_promotion_adds_reads_then_removes(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A, [], [ai("Dog", 95), ai("Cat", 40)]), file_object(B, ["Dog"], [ai("Dog", 99)]))
    declare(PROMOTE)
    assert applied(library, tmp_path, past_guards=True).converged
    assert (library.tags(A), library.ai_tags(A)) == ({"Dog"}, set())
    assert (library.tags(B), library.ai_tags(B)) == ({"Dog"}, set())
    after_the_addition = library.calls[library.calls.index("addTags") + 1 :]
    assert set(after_the_addition[: after_the_addition.index("removeAITags")]) <= {"list", "details"}
    assert after_the_addition[0] != "removeAITags"


@EXTREMES
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("fault", ["ignore", "lose"])
def test_promotion_keeps_the_ai_tag_if_the_addition_is_not_shown(
    sandbox: Make, declare: Declare, tmp_path: Any, fault: str, *, verify: bool
) -> None:
    """Every response is 200, but with `ignore` nothing was done."""
    library = sandbox(
        file_object(A, [], [ai("Dog", 95), ai("Cat", 40)]),
        faults=[Fault(on="addTags", ignore=True) if fault == "ignore" else Fault(on="addTags", status=503)],
    )
    declare(PROMOTE)
    report = applied(library, tmp_path, past_guards=True, verify=verify)
    assert report.outcome == "incomplete"
    assert "Dog" in library.ai_tags(A)
    assert "removeAITags" not in library.writes


@EXTREMES
def test_promotion_names_files_whose_addition_is_not_shown(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(
        *(file_object(f"/{number}.jpg", [], [ai("Dog", 95)]) for number in range(9)),
        file_object(A, [], [ai("Dog", 95)]),
        faults=[Fault(on="addTags", failFiles=(id_of(A),), error="no")],
    )
    declare(PROMOTE)
    report = applied(library, tmp_path, past_guards=True)
    assert statuses(report) == {**{f"/{number}.jpg": Status.CONFIRMED for number in range(9)}, A: Status.FAILED}
    assert library.ai_tags(A) == {"Dog"}
    assert not any(library.ai_tags(f"/{number}.jpg") for number in range(9))


@EXTREMES
def test_promotion_left_half_done_is_completed_by_the_next_run(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A, [], [ai("Dog", 95)]), faults=[Fault(on="addTags", ignore=True, times=1)])
    declare(PROMOTE)
    first = applied(library, tmp_path, past_guards=True)
    assert first.outcomes[0].error == "not removed: ImageKit does not show the new tag 'Dog' yet; run again"
    assert first.outcomes[0].parts == PartialOutcome(tried=((Op.ADD, "Dog"),))
    assert applied(library, tmp_path, past_guards=True).converged
    assert (library.tags(A), library.ai_tags(A)) == ({"Dog"}, set())
