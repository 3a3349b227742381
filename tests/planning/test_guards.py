import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from builders import ai, current_file, current_state, manifest, plan_for, plan_of, rendered

from tagsync.manifest.read import read_manifests
from tagsync.model import (
    CurrentFile,
    DesiredState,
    Guard,
    GuardId,
    Limit,
    Part,
    Plan,
)
from tagsync.planning.guards import GuardCounts, recheck_guards


def policy(guards: str) -> str:
    return f"---\napiVersion: tagsync/v1\nkind: Policy\nspec: {{guards: {{{guards}}}}}\n"


def declared(folder: Path, entries: str, guards: str = "") -> DesiredState:
    text = manifest(entries) + (policy(guards) if guards else "")
    (folder / "tags.yaml").write_text(text, encoding="utf-8")
    return read_manifests([str(folder / "tags.yaml")])


def planned(desired: DesiredState, *files: CurrentFile, only: Sequence[str] = (), part: Part | None = None) -> Plan:
    return plan_for(desired, current_state(*files), only=only, part=part)


def observed(plan: Plan) -> dict[str, tuple[int, int]]:
    return {guard.id: (guard.observed, guard.of) for guard in plan.guards if guard.observed}


FILES = (
    current_file("/a", ["old", "x"], [ai("Dog", 10), ai("Cat", 90)]),
    current_file("/b", ["old"]),
    current_file("/c", ["x"]),
    current_file("/unmanaged/d", ["w"] * 3),
)


def test_guards_count_whole_plan(tmp_path: Path) -> None:
    desired = declared(tmp_path, "- {match: /*, absent: [old], tags: [new, w], aiTags: {minConfidence: 50}}")
    found = {"removedTags": (2, 4), "removedAiTags": (1, 2), "changedFiles": (3, 3), "newTags": (1, 0)}
    assert observed(planned(desired, *FILES)) == found
    # Filtering a plan does not relax its guards.
    assert observed(planned(desired, *FILES, only=["/a"])) == found
    assert observed(planned(desired, *FILES, part=Part(1, 1000))) == found


def test_guards_count_file_that_loses_last_tag_as_emptied(tmp_path: Path) -> None:
    assert observed(planned(declared(tmp_path, "- {match: /*, absent: [old]}"), *FILES))["emptiedFiles"] == (1, 3)
    assert "emptiedFiles" not in observed(
        planned(declared(tmp_path, "- {match: /*, absent: [old], tags: [new]}"), *FILES)
    )


def test_guards_count_tag_as_new_in_no_spelling(tmp_path: Path) -> None:
    desired = declared(tmp_path, "- {path: /c, tags: [w, \u00e9, z]}")
    plan = planned(desired, *FILES, current_file("/e", ["e\u0301"]))
    assert observed(plan)["newTags"] == (1, 0)
    assert [guard.tags for guard in plan.guards if guard.tags] == [("z",)]


@pytest.mark.parametrize(
    ("observed", "of", "limit", "blocks"),
    [
        (100, 100, Limit(100, 30), False),
        (101, 400, Limit(100, 30), False),
        (101, 300, Limit(100, 30), True),
        (30, 100, Limit(0, 30), False),
        (31, 100, Limit(0, 30), True),
        (1, 0, Limit(0), True),
        (0, 0, Limit(0), False),
        (1, 0, Limit(0, 100), True),
    ],
)
def test_guard_blocks_if_both_figures_are_exceeded(observed: int, of: int, limit: Limit, *, blocks: bool) -> None:
    assert limit.is_exceeded(observed, of) is blocks


def limits(plan: Plan) -> dict[str, Limit]:
    return {guard.id: guard.limit for guard in plan.guards}


def test_guard_defaults_are_documented(tmp_path: Path) -> None:
    assert limits(planned(declared(tmp_path, "- {match: /*, tags: [x]}"), *FILES)) == {
        "removedTags": (100, 30),
        "removedAiTags": (500, 50),
        "changedFiles": (5000, 90),
        "emptiedFiles": (0, None),
        "newTags": (500, None),
    }


def test_policy_uses_strictest_of_each_figure(tmp_path: Path) -> None:
    text = manifest("- {match: /*, tags: [x]}")
    text += policy("removedTags: {above: 5}") + policy("removedTags: {above: 9, percent: 10}, newTags: {above: 9999}")
    (tmp_path / "tags.yaml").write_text(text, encoding="utf-8")
    found = limits(planned(read_manifests([str(tmp_path / "tags.yaml")]), *FILES))
    assert found["removedTags"] == Limit(5, 10)
    assert found["newTags"] == Limit(9999)
    assert found["changedFiles"] == Limit(5000, 90)


def test_policy_warns_of_limit_looser_than_default(tmp_path: Path) -> None:
    as_default = "emptiedFiles: {above: 0}, changedFiles: {above: 5000, percent: 90}"
    guards = f"removedTags: {{above: 101, percent: 31}}, {as_default}"
    plan = planned(declared(tmp_path, "- {match: /*, tags: [x]}", guards), *FILES)
    assert [(item.level, item.code, item.message, str(item.origin)) for item in plan.diagnostics] == [
        (
            "warning",
            "loose-guard",
            "removedTags allows 101, more than the default of 100: check that you intend this",
            "tags.yaml:9:17",
        ),
        (
            "warning",
            "loose-guard",
            "removedTags allows 31 percent, more than the default of 30 percent: check that you intend this",
            "tags.yaml:9:17",
        ),
    ]


def test_policy_is_part_of_digest(tmp_path: Path) -> None:
    entries = "- {match: /*, absent: [old], tags: [x]}"
    plans = [
        planned(declared(tmp_path, entries, guards), *FILES)
        for guards in ("removedTags: {above: 0, percent: 0}", "removedTags: {above: 0, percent: 1}")
    ]
    assert [guard.id for guard in plans[0].blocked] == ["removedTags"]
    assert plans[0].digest != plans[1].digest


def test_objection_names_numbers_files_and_ack(tmp_path: Path) -> None:
    plan = planned(declared(tmp_path, "- {match: /*, absent: [old, x]}"), *FILES)
    assert (
        "Blocked by guard emptiedFiles: the plan leaves 3 of 3 files (100 %) without ordinary tags; "
        "the limit is 0 files. Files: '/a', '/b', '/c'. "
        f"If this is intended, apply it with: --ack emptiedFiles@{plan.digest}\n"
    ) in rendered(plan, "github")


def test_objection_says_how_to_list_all_files_without_tags(tmp_path: Path) -> None:
    files = [current_file(f"/{n}", ["old"]) for n in range(4)]
    plan = planned(declared(tmp_path, "- {match: /*, absent: [old]}"), *files)
    assert "the limit is 0 files. Examples (-v lists all): '/0', '/1', '/2'. If" in rendered(plan, "github")


@pytest.mark.parametrize(
    ("guard", "finding", "limit"),
    [
        (
            Guard(GuardId.REMOVED_TAGS, 5327, 6501, Limit(100, 30), blocked=True),
            "removes 5,327 of 6,501 tags (82 %)",
            "30 % and 100 tags",
        ),
        (
            Guard(GuardId.REMOVED_AI_TAGS, 1, 3, Limit(1, 2.5), blocked=False),
            "removes 1 of 3 AI tags (33 %)",
            "2.5 % and 1 AI tag",
        ),
        (Guard(GuardId.REMOVED_TAGS, 1, 3, Limit(0, 1), blocked=True), "removes 1 of 3 tags (33 %)", "1 %. "),
        (Guard(GuardId.CHANGED_FILES, 0, 0, Limit(1), blocked=False), "changes 0 files", "1 file"),
        (
            Guard(GuardId.EMPTIED_FILES, 1, 1, Limit(0), blocked=True),
            "leaves 1 of 1 file (100 %) without ordinary tags",
            "0 files",
        ),
        (
            Guard(GuardId.NEW_TAGS, 1, 0, Limit(500), blocked=False),
            "adds 1 tag that the library does not have yet",
            "500 tags",
        ),
    ],
)
def test_guard_words_give_figures_and_limits(guard: Guard, finding: str, limit: str) -> None:
    assert f"the plan {finding}; the limit is {limit}" in rendered(plan_of(guards=[guard]), "junit")


@pytest.mark.parametrize(
    ("guard", "excess"),
    [
        (Guard(GuardId.REMOVED_TAGS, 80, 0, Limit(100), blocked=False), "remove more than 100 tags"),
        (Guard(GuardId.REMOVED_AI_TAGS, 1, 0, Limit(1), blocked=False), "remove more than 1 AI tag"),
        (Guard(GuardId.CHANGED_FILES, 9, 9, Limit(10), blocked=False), "change more than 10 files"),
        (
            Guard(GuardId.EMPTIED_FILES, 9, 9, Limit(10), blocked=False),
            "leave more than 10 files without ordinary tags",
        ),
        (Guard(GuardId.NEW_TAGS, 12, 0, Limit(20), blocked=False), "add more than 20 new tags"),
        (Guard(GuardId.CHANGED_FILES, 9, 9, Limit(10, 90), blocked=False), "exceed both 90 % and 10 files"),
        (Guard(GuardId.REMOVED_TAGS, 2, 9, Limit(0, 30), blocked=False), "exceed 30 %"),
    ],
)
def test_guard_near_its_limit_says_which_plans_it_blocks(guard: Guard, excess: str) -> None:
    text = rendered(plan_of(guards=[guard]), "markdown")
    assert f"- Close to the limit of guard {guard.id}: the plan " in text
    assert f". Only plans that {excess} are blocked.\n" in text


def test_objection_keeps_the_end_of_long_tags_and_lists_them_apart_from_files() -> None:
    tags = tuple(f"{'x' * 200}-{season}" for season in ("spring", "summer"))
    guard = Guard(GuardId.NEW_TAGS, 2, 0, Limit(0), blocked=True, files=("/a.jpg",), tags=tags)
    text = rendered(plan_of(guards=[guard]), "junit")
    assert re.search(r" New tags: 'x+…x+-spring', 'x+…x+-summer'\. Example files: '/a.jpg'\. If", text)


@pytest.mark.parametrize(
    ("observed", "of", "limit", "near"),
    [
        (51, 300, Limit(100, 30), True),
        (50, 300, Limit(100, 30), False),
        (60, 400, Limit(100, 30), False),
        (11, 0, Limit(20), True),
        (10, 0, Limit(20), False),
        (0, 9, Limit(0), False),
    ],
)
def test_guard_is_near_its_limit_above_half_of_each_figure(observed: int, of: int, limit: Limit, *, near: bool) -> None:
    plan = plan_of(guards=[Guard(GuardId.REMOVED_TAGS, observed, of, limit, blocked=False)])
    assert ("are blocked" in rendered(plan, "markdown")) is near


def test_recheck_guards_only_gets_stricter(tmp_path: Path) -> None:
    plan = planned(declared(tmp_path, "- {path: /a, absent: [old]}\n- {path: /b, tags: [x], absent: [old]}"), *FILES)
    assert plan.blocked == ()
    [change] = [change for change in plan.changes if change.file.path == "/a"]
    lonely = type(change)(current_file("/a", ["old"]), change.changes)
    [guard] = [guard for guard in recheck_guards(plan.guards, GuardCounts.of([lonely])) if guard.blocked]
    assert (guard.id, guard.observed, guard.files) == ("emptiedFiles", 1, ("/a",))
    blocked = planned(declared(tmp_path, "- {match: /*, absent: [old, x]}"), *FILES)
    assert [guard.id for guard in recheck_guards(blocked.guards, GuardCounts()) if guard.blocked] == ["emptiedFiles"]


def test_guards_block_nothing_in_plan_with_errors(tmp_path: Path) -> None:
    plan = planned(declared(tmp_path, "- {match: /*, absent: [old, x]}\n- {path: /gone, tags: [x]}"), *FILES)
    assert plan.errors
    assert observed(plan) == {}
