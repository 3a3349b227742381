from dataclasses import replace

import pytest
from builders import TARGET, ai, current_file, current_state, plan_for, unpack
from conftest import Declare

from tagsync.model import CurrentFile, DesiredState, Plan, TargetName
from tagsync.planning.difference import difference, is_remainder

FILES = (current_file("/a", ["old", "x"], [ai("Dog", 10)]), current_file("/b", ["old"]), current_file("/c"))


def plan(desired: DesiredState, *, target: TargetName = TARGET) -> Plan:
    return plan_for(desired, current_state(*FILES), target)


def test_difference_of_plan_with_itself_is_empty(declare: Declare) -> None:
    made = plan(declare("- {match: /*, tags: [new]}"))
    found = difference(made, made)
    assert (found.old, found.more, found.fewer, found.guards, found.targets) == (found.new, (), (), (), None)


def test_difference_lists_changes_of_one_plan_by_tag(declare: Declare) -> None:
    old = plan(declare("- {match: /*, tags: [new, gone]}\n- {path: /b, absent: [old]}"))
    new = plan(declare("- {match: /*, tags: [new]}\n- {path: /a, tags: [more]}"))
    found = difference(old, new)
    assert [(change.file.path, unpack(change.changes)) for change in found.more] == [("/a", ["+more"])]
    assert [(change.file.path, unpack(change.changes)) for change in found.fewer] == [
        ("/a", ["+gone"]),
        ("/b", ["+gone", "-old"]),
        ("/c", ["+gone"]),
    ]
    assert found.files == 3


def test_difference_lists_guards_with_other_figures(declare: Declare) -> None:
    old = plan(declare("- {path: /a, tags: [new]}"))
    new = plan(declare("- {match: /*, absent: [old]}"))
    judged = {was.id: (was.observed, guard.observed, guard.blocked) for was, guard in difference(old, new).guards}
    assert judged == {
        "removedTags": (0, 2, False),
        "changedFiles": (1, 2, False),
        "emptiedFiles": (0, 1, True),
        "newTags": (1, 0, False),
    }


def test_difference_names_two_targets(declare: Declare) -> None:
    desired, other = declare("- {path: /a, tags: [new]}"), TargetName("https://api.imagekit.io", "other")
    assert difference(plan(desired), plan(desired, target=other)).targets == (TARGET, other)


# The rest of an interrupted apply

RULES = "- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}"
A, B = (current_file(path, ["old"], [ai("Dog", 10)]) for path in ("/a", "/b"))


def plan_of(desired: DesiredState, *files: CurrentFile, target: TargetName = TARGET) -> Plan:
    return plan_for(desired, current_state(*files), target)


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
def test_remainder_has_only_approved_changes(declare: Declare, left: tuple[CurrentFile, ...]) -> None:
    desired = declare(RULES)
    assert is_remainder(plan_of(desired, *left), plan_of(desired, A, B))


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
def test_remainder_refuses_change_that_was_not_approved(declare: Declare, now: CurrentFile) -> None:
    desired = declare(RULES)
    assert not is_remainder(plan_of(desired, now, B), plan_of(desired, A, B))


def test_remainder_needs_same_manifests_policy_and_target(declare: Declare) -> None:
    desired = declare(RULES)
    approved = plan_of(desired, A, B)
    assert not is_remainder(plan_of(declare(f"{RULES} # changed"), A), approved)
    assert not is_remainder(plan_of(desired, A, target=TARGET._replace(account="other")), approved)
    assert not is_remainder(replace(plan_of(desired, A), undoes="sha256:1"), approved)
    loose = replace(
        approved, guards=tuple(guard._replace(limit=guard.limit._replace(above=9)) for guard in approved.guards)
    )
    assert not is_remainder(plan_of(desired, A), loose)
