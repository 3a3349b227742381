"""A plan right after an apply sees what the apply did, although listings do not show it yet."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import Sandbox, acks, file_object, id_of, manifest, now, run

import tagsync
from tagsync.api.lag import LAG, lag_left
from tagsync.events import AwaitingIndex, Event
from tagsync.library.protocol import MAX_LOOKUPS
from tagsync.model import Plan, Report

Make = Callable[..., Sandbox]

LAGGING = {"indexLag": 30, "detailsLag": 0}


def elapsed() -> float:
    """Return the clock of the lagging index: real time, which reports state, plus the virtual time of waits."""
    return time.monotonic() + now()


def nothing(_: Sandbox) -> None:
    """Leave the library alone."""


def planned_after_apply(
    sandbox: Make, tmp_path: Path, count: int, *, verify: bool = True, meanwhile: Callable[[Sandbox], None] = nothing
) -> tuple[Plan, list[type[Event]], Report]:
    """Apply manifests, and plan them again at once; return the second plan, its events and the report."""
    files = [file_object(f"/{n:03d}.jpg", ["old"], createdAt=f"2024-01-01T00:00:00.{n:03d}Z") for n in range(count)]
    library = sandbox(*files, profile=LAGGING, clock=elapsed)
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {match: /*, tags: [new], absent: [old]}"), encoding="utf-8")
    events: list[type[Event]] = []

    def seen(event: Event) -> None:
        events.append(type(event))

    async def scenario() -> tuple[Plan, Report]:
        plan = await tagsync.plan_async([path], target=library.target)
        options = tagsync.ApplyOptions(acks=acks(plan), verify=verify)
        report = await tagsync.apply_async(plan, target=library.target, options=options)
        assert report.converged
        meanwhile(library)
        again = tagsync.PlanOptions(last=report)
        plan = await tagsync.plan_async([path], target=library.target, options=again, listener=seen)
        return plan, report

    plan, report = run(scenario())
    return plan, events, report


def test_plan_after_apply_ignores_a_lagging_index(sandbox: Make, tmp_path: Path) -> None:
    plan, events, _ = planned_after_apply(sandbox, tmp_path, 20)
    assert plan.summary.files_changed == 0
    assert AwaitingIndex not in events


def test_plan_after_large_apply_waits_for_the_index(sandbox: Make, tmp_path: Path) -> None:
    plan, events, _ = planned_after_apply(sandbox, tmp_path, MAX_LOOKUPS + 1, verify=False)
    assert plan.summary.files_changed == 0
    assert events.count(AwaitingIndex) == 1


def test_plan_after_apply_shows_what_somebody_else_has_changed_since(sandbox: Make, tmp_path: Path) -> None:
    def restore(library: Sandbox) -> None:
        file_id = id_of("/003.jpg")
        library.store.save([library.store.files([file_id])[file_id]._replace(tags=["old"])])

    plan, _, _ = planned_after_apply(sandbox, tmp_path, 20, meanwhile=restore)
    assert [change.path for change in plan.changes] == ["/003.jpg"]


def test_lag_ends_half_a_minute_after_the_apply(sandbox: Make, tmp_path: Path) -> None:
    _, _, report = planned_after_apply(sandbox, tmp_path, 1)
    assert LAG - 10 < lag_left(report) <= LAG
    assert lag_left(None) == 0
    for moment in ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday"):
        assert lag_left(replace(report, finished_at=moment)) == 0


@pytest.mark.parametrize("count", [20, MAX_LOOKUPS + 1])
def test_saved_plan_applied_again_after_its_undo_ignores_a_lagging_index(
    sandbox: Make, tmp_path: Path, count: int
) -> None:
    files = [file_object(f"/{n:03d}.jpg", ["old"], createdAt=f"2024-01-01T00:00:00.{n:03d}Z") for n in range(count)]
    library = sandbox(*files, profile=LAGGING, clock=elapsed)
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {match: /*, tags: [new], absent: [old]}"), encoding="utf-8")
    events: list[type[Event]] = []

    async def applied(plan: Plan) -> Report:
        options = tagsync.ApplyOptions(acks=acks(plan), verify=False)  # verifying would wait for the index
        return await tagsync.apply_async(
            plan, target=library.target, options=options, listener=lambda event: events.append(type(event))
        )

    async def scenario() -> Report:
        plan = await tagsync.plan_async([path], target=library.target)
        report = await applied(plan)
        await asyncio.sleep(LAG)
        assert (await applied(await tagsync.undo_async(report, target=library.target))).converged
        assert library.tags("/003.jpg") == {"old"}
        return await applied(plan)

    assert run(scenario()).converged
    assert [library.tags(item["filePath"]) for item in files] == [{"new"}] * count
    assert events.count(AwaitingIndex) == (count > MAX_LOOKUPS)


def test_undo_right_after_an_unverified_apply_waits_for_lagging_details(sandbox: Make, tmp_path: Path) -> None:
    files = [file_object(f"/{n}.jpg", ["old"]) for n in range(6)]
    library = sandbox(*files, profile={"indexLag": 20, "detailsLag": 10}, clock=elapsed)
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {match: /*, tags: [new]}"), encoding="utf-8")

    async def scenario() -> Plan:
        plan = await tagsync.plan_async([path], target=library.target)
        report = await tagsync.apply_async(plan, target=library.target, options=tagsync.ApplyOptions(verify=False))
        return await tagsync.undo_async(report, target=library.target)

    assert [change.remove for change in run(scenario()).changes] == [("new",)] * 6
