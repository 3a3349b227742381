from builders import ai, current_file, current_state, unpack
from conftest import Declare

from tagsync.model import DesiredState, Plan, TargetName
from tagsync.planning.difference import difference
from tagsync.planning.plan import make_plan

TARGET = TargetName("https://api.imagekit.io", "shop")
FILES = (current_file("/a", ["old", "x"], [ai("Dog", 10)]), current_file("/b", ["old"]), current_file("/c"))


def plan(desired: DesiredState, *, target: TargetName = TARGET) -> Plan:
    return make_plan(desired, current_state(*FILES), target, created_at="2026-01-01", bulk_rate=5)


def test_a_plan_does_nothing_otherwise_than_itself(declare: Declare) -> None:
    made = plan(declare("- {match: /*, tags: [new]}"))
    found = difference(made, made)
    assert (found.old, found.more, found.fewer, found.guards, found.targets) == (found.new, (), (), (), None)


def test_what_only_one_of_two_plans_changes_is_told_tag_by_tag(declare: Declare) -> None:
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


def test_guards_that_count_otherwise_are_told(declare: Declare) -> None:
    old = plan(declare("- {path: /a, tags: [new]}"))
    new = plan(declare("- {match: /*, absent: [old]}"))
    judged = {was.id: (was.observed, guard.observed, guard.blocked) for was, guard in difference(old, new).guards}
    assert judged == {
        "removedTags": (0, 2, False),
        "changedFiles": (1, 2, False),
        "emptiedFiles": (0, 1, True),
        "newTags": (1, 0, False),
    }


def test_two_targets_are_told(declare: Declare) -> None:
    desired, other = declare("- {path: /a, tags: [new]}"), TargetName("https://api.imagekit.io", "other")
    assert difference(plan(desired), plan(desired, target=other)).targets == (TARGET, other)
