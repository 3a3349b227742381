from dataclasses import replace

import pytest
from support import ai, current_file

from tagsync.model import (
    DEFAULT_POLICY,
    Change,
    CurrentFile,
    Estimate,
    FileChange,
    Guard,
    Inputs,
    Op,
    Plan,
    Summary,
    TargetName,
)
from tagsync.planning.consistent import contradiction

FILE = current_file("/b", ["x"], [ai("Dog")])


def plan(*changes: FileChange) -> Plan:
    return Plan(
        target=TargetName("", ""),
        created_at="",
        digest="",
        inputs=Inputs((), 0, 0),
        summary=Summary(),
        estimate=Estimate(),
        changes=changes,
        canonical_changes=(),
        requests=(),
        diagnostics=(),
        guards=tuple(Guard(guard, 0, 0, limit, blocked=False) for guard, limit in DEFAULT_POLICY.items()),
    )


def changed(file: CurrentFile, *items: tuple[Op, str]) -> FileChange:
    return FileChange(file, tuple(Change(op, tag, ()) for op, tag in items))


GOOD = changed(FILE, (Op.ADD, "new"), (Op.REMOVE, "x"), (Op.REMOVE_AI, "Dog"))


def test_a_plan_as_tagsync_makes_it_contradicts_nothing() -> None:
    assert contradiction(plan(GOOD, changed(current_file("/c"), (Op.ADD, "y")))) is None
    assert contradiction(plan()) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((GOOD, GOOD), "'/b' is in it twice"),
        ((GOOD, changed(current_file("/a"), (Op.ADD, "y"))), "'/a' is not in its place"),
        ((changed(FILE),), "'/b' does not change"),
        ((changed(FILE, (Op.ADD, "y"), (Op.ADD, "y")),), "'/b' changes in the same way twice"),
        ((changed(FILE, (Op.ADD, "50%")),), "'/b' would get '50%', which cannot be a tag"),
        ((changed(FILE, (Op.ADD, "a\x1b")),), "'/b' would get 'a\\x1b', which cannot be a tag"),
        ((changed(FILE, (Op.ADD, "x")),), "'/b' would get 'x', which it has"),
        ((changed(FILE, (Op.REMOVE, "y")),), "'/b' would lose 'y', which it does not have"),
        ((changed(FILE, (Op.REMOVE_AI, "x")),), "'/b' would lose 'x', which it does not have"),
        ((replace(GOOD, desired=("y",)),), "'/b' is said to have tags that it does not have"),
    ],
)
def test_what_no_plan_of_tagsync_holds_is_named(changes: tuple[FileChange, ...], words: str) -> None:
    assert contradiction(plan(*changes)) == words


def test_a_plan_has_each_guard_once_and_each_judges_by_its_figures() -> None:
    good = plan(GOOD)
    for guards in ((), good.guards[1:], (*good.guards[:4], good.guards[0])):
        assert contradiction(replace(good, guards=guards)) == "it does not hold each guard once"
    beyond = good.guards[0]._replace(observed=101, of=101)
    words = "guard removedTags is said to judge otherwise than its figures"
    assert contradiction(replace(good, guards=(beyond, *good.guards[1:]))) == words
    assert contradiction(replace(good, guards=(beyond._replace(blocked=True), *good.guards[1:]))) is None
