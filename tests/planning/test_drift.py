from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import ai, current_file, current_state, manifest

from tagsync.manifest.read import read_manifests
from tagsync.model import (
    AITag,
    CurrentFile,
    FileOutcome,
    OutcomeName,
    Plan,
    Report,
    RequestCounts,
    Status,
    TargetName,
    Timing,
)
from tagsync.planning.plan import make_plan

TARGET = TargetName("https://api.imagekit.io", "shop")
CONFIRMED = FileOutcome(Status.CONFIRMED, 1)
BEFORE, AFTER = "2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"
RAN_AT = "2026-02-01T00:00:00Z"
ENTRIES = "- {match: /*, tags: [new], absent: [old], aiTags: {remove: [Dog]}}"

Runs = Callable[..., Plan]


class Life:
    """One library, planned for again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.last: Report | None = None

    def plan(self, *files: CurrentFile, entries: str = ENTRIES, only: str | None = None) -> Plan:
        path = self._folder / "tags.yaml"
        path.write_text(manifest(entries), encoding="utf-8")
        desired = read_manifests([str(path)])
        return make_plan(
            desired,
            current_state(*files),
            TARGET,
            created_at="2026-01-01",
            bulk_rate=5,
            last=self.last,
            only=only,
        )

    def applied(self, plan: Plan, status: Status = Status.CONFIRMED, outcome: OutcomeName = "converged") -> None:
        """Remember that a plan was applied."""
        outcomes = (FileOutcome(status, 1),) * len(plan.changes)
        self.last = Report(plan, outcome, outcomes, RequestCounts(), Timing(), finished_at=RAN_AT)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def file(tags: list[str], ai_tags: list[AITag] | None = None, *, created: str = BEFORE) -> CurrentFile:
    return replace(current_file("/a", tags, ai_tags or []), created_at=created)


def causes(plan: Plan) -> dict[str, str]:
    return {item.tag: str(item.cause) for item in plan.drift}


def test_without_a_report_nothing_is_known(life: Life) -> None:
    assert life.plan(file([])).drift == ()


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (file(["x"]), {"new": "removed in the library"}),
        (file([]), {"new": "all tags gone after an upload"}),
        (file(["new", "old", "x"]), {"old": "added in the library"}),
        (file(["new", "x"], [ai("Dog", 5)]), {"Dog": "AI tag came back"}),
        (file(["new", "x", "other"], [ai("Cat")]), {}),
    ],
)
def test_what_became_of_a_file_that_the_last_run_changed(life: Life, now: CurrentFile, found: dict[str, str]) -> None:
    life.applied(life.plan(file(["old", "x"], [ai("Dog", 10)])))
    assert causes(life.plan(now)) == found


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (file(["x"]), {"new": "removed in the library"}),
        (file([]), {"new": "all tags gone after an upload"}),
        (file(["new", "old"]), {"old": "added in the library"}),
        (file(["new"], [ai("Dog")]), {"Dog": "added in the library"}),
        (file([], created=AFTER), {"new": "added in the library"}),
        (file(["old"], created=""), {"old": "added in the library"}),
    ],
)
def test_what_became_of_a_file_that_was_as_declared_when_the_last_run_ended(
    life: Life, now: CurrentFile, found: dict[str, str]
) -> None:
    life.applied(life.plan(file(["new", "x"])))
    assert {tag: cause for tag, cause in causes(life.plan(now)).items() if tag in found} == found


def test_of_a_file_whose_age_is_not_known_nothing_is_said_of_what_it_lacks(life: Life) -> None:
    life.applied(life.plan(file(["new"])))
    assert causes(life.plan(file(["x"], created=""))) == {}


def test_a_manifest_that_asks_for_something_else_is_the_cause(life: Life) -> None:
    life.applied(life.plan(file(["old"])))
    entries = "- {match: /*, tags: [newer], absent: [x], aiTags: {remove: [Cat]}}"
    now = file(["new", "x"], [ai("Cat")])
    life.last = life.last and replace(
        life.last, plan=replace(life.last.plan, changes=(), canonical_changes=()), outcomes=()
    )
    assert causes(life.plan(now, entries=entries)) == dict.fromkeys(("newer", "x", "Cat"), "manifest changed")


def test_what_the_last_run_did_not_bring_about_is_told_as_such(life: Life) -> None:
    life.applied(life.plan(file(["old"])), Status.FAILED, "incomplete")
    assert causes(life.plan(file(["old"]))) == dict.fromkeys(("new", "old"), "not applied by the last run")


@pytest.mark.parametrize("outcome", ["interrupted", "refused"])
def test_a_run_that_did_not_look_at_all_files_tells_nothing_of_the_others(life: Life, outcome: OutcomeName) -> None:
    life.applied(life.plan(file(["new"])), outcome=outcome)
    assert causes(life.plan(file(["x"]))) == {}


def test_a_run_over_a_part_tells_nothing_of_the_rest(life: Life) -> None:
    life.applied(life.plan(file(["new"]), only="/other/**"))
    assert causes(life.plan(file(["x"]))) == {}


def test_causes_are_no_part_of_the_digest(life: Life) -> None:
    plain = life.plan(file(["x"]))
    life.applied(life.plan(file(["new"])))
    told = life.plan(file(["x"]))
    assert told.drift
    assert told.digest == plain.digest


# AI tags that come back


def back(life: Life) -> Plan:
    return life.plan(file(["new", "x"], [ai("Dog", 10)]))


def test_an_ai_tag_that_three_runs_in_a_row_have_removed_is_left_alone(life: Life) -> None:
    for runs in (0, 1, 2):
        plan = back(life)
        assert [change.tags(op) for change in plan.changes for op in ("removeAITags",)] == [("Dog",)]  # type: ignore[arg-type]
        assert [item.runs for item in plan.returning] == ([runs] if runs else [])
        life.applied(plan)
    for _ in range(2):
        plan = back(life)
        assert plan.changes == ()
        assert [(item.tag, item.runs) for item in plan.returning] == [("Dog", 3)]
        [told] = [item for item in plan.diagnostics if item.code == "ai-tag-returns"]
        assert told.level == "warning"
        assert told.message.startswith(
            "AI tag 'Dog' was removed from 1 file (as /a) in 3 runs in a row and is back: an auto-tagging extension"
        )
        assert "--last none" in told.message
        life.applied(plan)
    life.last = None
    assert len(back(life).changes) == 1


def test_a_run_after_which_it_stayed_away_begins_the_count_anew(life: Life) -> None:
    for _ in range(2):
        life.applied(back(life))
    life.applied(life.plan(file(["new", "x"])))
    for _ in range(3):
        plan = back(life)
        assert len(plan.changes) == 1
        life.applied(plan)
    assert back(life).changes == ()


def test_a_manifest_that_somebody_has_looked_at_begins_the_count_anew(life: Life) -> None:
    for _ in range(3):
        life.applied(back(life))
    assert back(life).changes == ()
    entries = f"{ENTRIES}\n# looked at"
    assert len(life.plan(file(["new", "x"], [ai("Dog", 10)]), entries=entries).changes) == 1


def test_what_is_left_alone_trips_no_guard_and_is_in_no_call(life: Life) -> None:
    for _ in range(3):
        life.applied(back(life))
    plan = back(life)
    assert plan.requests == ()
    assert not any(guard.observed for guard in plan.guards)
    assert plan.summary.remove_ai_tags == 0
