import json

import pytest
from builders import current_file, current_state, plan_for
from conftest import Declare

from tagsync.model import Plan

Verdict = tuple[list[str], int]
"""The codes of the warnings about a file, and the number of files to change."""

FITS: Verdict = ([], 1)
TIGHT: Verdict = (["near-limit"], 1)
OVER: Verdict = (["over-limit"], 0)

FULL = [f"{n:099d}" for n in range(5)]
"""Five tags with 495 characters in total, and 499 when joined by commas."""


def planned(declare: Declare, tags: list[str], add: list[str], remove: list[str]) -> Plan:
    """Return the plan for one file that has some tags, with a rule that adds and removes tags."""
    desired = declare(f"- {{path: /a, tags: {json.dumps(add)}, absent: {json.dumps(remove)}, ifOverLimit: warn}}")
    return plan_for(desired, current_state(current_file("/a", tags)))


@pytest.mark.parametrize(
    ("tags", "add", "remove", "verdict"),
    [
        ([], ["x" * 500], [], FITS),
        ([], ["x" * 501], [], OVER),
        (FULL[:4], ["x" * 100], [], FITS),
        (FULL[:4], ["x" * 101], [], TIGHT),
        (FULL[:4], ["x" * 104], [], TIGHT),
        (FULL[:4], ["x" * 105], [], OVER),
        (FULL, ["x"], [], TIGHT),
        (FULL, ["x" * 5], [FULL[0]], TIGHT),
        (FULL, ["x" * 6], [FULL[0]], OVER),
        (["x" * 600, "y"], [], ["y"], FITS),
    ],
)
def test_length_limit_applies_to_file_that_gains_a_tag(
    declare: Declare, tags: list[str], add: list[str], remove: list[str], verdict: Verdict
) -> None:
    plan = planned(declare, tags, add, remove)
    found = [item.code for item in plan.diagnostics if item.message.startswith(("the tags of '/a'", "'/a' is not"))]
    assert (found, len(plan.changes)) == verdict


@pytest.mark.parametrize(
    ("add", "remove", "words"),
    [
        (["x" * 6], [], "its tags would have 501 characters; ImageKit allows 500"),
        (["x" * 105], [FULL[0]], "its tags would have 501 characters; ImageKit allows 500"),
        (
            ["x" * 104],
            [FULL[0]],
            "its old and new tags together have 599 characters; ImageKit allows 500, and old tags",
        ),
    ],
)
def test_length_limit_says_whether_old_tags_are_in_the_way(
    declare: Declare, add: list[str], remove: list[str], words: str
) -> None:
    assert f"'/a' is not changed: {words}" in planned(declare, FULL, add, remove).diagnostics[0].message
