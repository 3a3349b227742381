from dataclasses import replace

import pytest
from builders import ai, current_file, current_state
from conftest import Declare

from tagsync.model import CurrentFile, DesiredState, Plan, TargetName
from tagsync.planning.plan import make_plan
from tagsync.planning.rest import is_rest

TARGET = TargetName("https://api.imagekit.io", "shop")
RULES = "- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}"
A, B = (current_file(path, ["old"], [ai("Dog", 10)]) for path in ("/a", "/b"))


def plan(desired: DesiredState, *files: CurrentFile, target: TargetName = TARGET) -> Plan:
    return make_plan(desired, current_state(*files), target, created_at="2026", bulk_rate=None)


@pytest.mark.parametrize(
    "left",
    [
        (A, B),
        (A,),
        (current_file("/a", ["new", "old"], [ai("Dog", 10)]), B),
        (current_file("/a", ["new"], [ai("Dog", 10)]), current_file("/b", ["new"])),
        (current_file("/a", ["old", "somebody else's"], [ai("Cat", 90)]),),
        (current_file("/a", ["new"]), current_file("/b", ["new"])),
    ],
)
def test_rest_is_a_plan_with_nothing_but_approved_changes(declare: Declare, left: tuple[CurrentFile, ...]) -> None:
    desired = declare(RULES)
    assert is_rest(plan(desired, *left), plan(desired, A, B))


@pytest.mark.parametrize(
    "now",
    [
        current_file("/c"),
        replace(A, path="/moved"),
        replace(A, ai_tags=(ai("Dog", 20),)),
        replace(A, ai_tags=(ai("Dog", 10), ai("Dog", 10, "aws-auto-tagging"))),
        replace(A, ai_tags=(ai("Cat", 10),)),
    ],
    ids=["another file", "moved", "another confidence", "another source", "another AI tag"],
)
def test_rest_holds_no_change_that_was_not_approved(declare: Declare, now: CurrentFile) -> None:
    desired = declare(RULES)
    assert not is_rest(plan(desired, now, B), plan(desired, A, B))


def test_rest_is_made_from_the_same_manifests_policy_and_target(declare: Declare) -> None:
    desired = declare(RULES)
    approved = plan(desired, A, B)
    assert not is_rest(plan(declare(f"{RULES} # changed"), A), approved)
    assert not is_rest(plan(desired, A, target=TARGET._replace(account="other")), approved)
    assert not is_rest(replace(plan(desired, A), undoes="sha256:1"), approved)
    loose = replace(
        approved, guards=tuple(guard._replace(limit=guard.limit._replace(above=9)) for guard in approved.guards)
    )
    assert not is_rest(plan(desired, A), loose)
