"""Workspaces in Python: what a plan and an apply keep, for which library and shard."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import Sandbox, ai, file_object, id_of, manifest, run

import tagsync
from tagsync.errors import LockedError, RefusedError, UsageError
from tagsync.sandbox.store import File

FILES = [file_object(f"/{number}.jpg") for number in range(9)]


def named(library: Sandbox, name: str = "shop") -> tagsync.Target:
    return replace(library.target, library=name)


def test_workspace_gives_undo_and_the_next_plan_the_previous_report(
    sandbox: Callable[..., Sandbox], tags: str, tmp_path: Path
) -> None:
    library = sandbox(*FILES)
    target = named(library)
    workspace = tagsync.Workspace(target, tmp_path / "state")
    plan = tagsync.plan(tags, target=target, workspace=workspace)
    report = tagsync.apply(plan, target=target, workspace=workspace)
    path, kept = workspace.newest_change()
    assert path.is_relative_to(tmp_path / "state")
    assert (kept.outcome, kept.plan.digest) == (report.outcome, plan.digest)
    for file in library.store.files([change.file_id for change in plan.changes]).values():
        library.store.save([file._replace(tags=["other"])])
    again = tagsync.plan(tags, target=target, workspace=workspace)
    assert {item.cause for item in again.drift} == {"removed in the library"}
    assert tagsync.plan(tags, target=target).drift == ()
    alone = tagsync.PlanOptions(last=None)
    assert tagsync.plan(tags, target=target, options=alone, workspace=workspace).drift == ()


def test_workspace_of_a_shard_respects_the_lock_of_another_shard(
    sandbox: Callable[..., Sandbox], tags: str, tmp_path: Path
) -> None:
    library = sandbox(*FILES)
    target = named(library)
    workspace = tagsync.Workspace(target, tmp_path / "state", tagsync.Part(1, 2))
    plan = tagsync.plan(tags, target=target, workspace=workspace)
    with tagsync.Workspace(target, part=tagsync.Part(2, 2)).lock(), pytest.raises(LockedError):
        tagsync.apply(plan, target=target, workspace=workspace)
    assert library.writes == []


def test_workspace_keeps_a_report_for_the_changed_library(
    sandbox: Callable[..., Sandbox], tags: str, tmp_path: Path
) -> None:
    target = named(sandbox(*FILES))
    other = tagsync.Workspace(replace(target, library="other"), tmp_path / "state")
    with tagsync.Workspace(target).lock(), pytest.raises(LockedError):
        tagsync.apply(tagsync.plan(tags, target=target), target=target, workspace=other)
    tagsync.apply(tagsync.plan(tags, target=target), target=target, workspace=other)
    assert tagsync.Workspace(target, tmp_path / "state").newest_change()[1].converged
    with pytest.raises(tagsync.TagsyncError, match="no report of an apply that changed something"):
        other.newest_change()


def test_workspace_ignores_a_plan_that_a_guard_refused(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    library = sandbox(*(file_object(f"/{n}.jpg", [], [ai("Dog", 40)]) for n in range(9)))
    target = named(library)
    path = tmp_path / "tags.yaml"
    text = manifest("- {match: /*, aiTags: {minConfidence: 70}}")
    policy = "---\napiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {removedAiTags: {above: 1, percent: 0}}}\n"
    path.write_text(text + policy, encoding="utf-8")
    workspace = tagsync.Workspace(target, tmp_path / "state")
    plan = tagsync.plan(path, target=target, workspace=workspace)
    with pytest.raises(RefusedError, match="removedAiTags"):
        tagsync.apply(plan, target=target, workspace=workspace)
    assert workspace.unfinished(plan) is None


def test_workspace_of_an_app_without_a_name_is_refused(
    sandbox: Callable[..., Sandbox], tags: str, tmp_path: Path
) -> None:
    target = replace(sandbox(*FILES).target, library=None)
    plan = tagsync.plan(tags, target=target)
    with pytest.raises(UsageError, match="set `library` of the target"):
        tagsync.apply(plan, target=target, workspace=tagsync.Workspace(target, tmp_path / "state"))


def test_plan_option_last_accepts_a_report_kept_or_none() -> None:
    with pytest.raises(UsageError, match="last is 'none'"):
        tagsync.PlanOptions(last="none")  # type: ignore[arg-type]


def test_target_from_env_prefers_arguments_to_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_x")
    monkeypatch.setenv("TAGSYNC_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("TAGSYNC_ACCOUNT", "shop")
    named_by_variables = tagsync.Target.from_env()
    assert (named_by_variables.endpoint, named_by_variables.account) == ("http://127.0.0.1:1", "shop")
    given = tagsync.Target.from_env(endpoint="http://127.0.0.1:2", account="other")
    assert (given.endpoint, given.account) == ("http://127.0.0.1:2", "other")


def test_undo_of_a_killed_apply_leaves_tags_that_somebody_else_added(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    library = sandbox(file_object("/a.jpg"), file_object("/b.jpg"))
    (tmp_path / "tags.yaml").write_text(manifest("- {match: /*, tags: [x, z]}"), encoding="utf-8")
    killed = tmp_path / "killed"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("addTags") and not killed.exists():
            shutil.copytree(tmp_path / "state", killed)
        await library.app(scope, receive, send)

    target = replace(library.target, app=app, library="shop")
    workspace = tagsync.Workspace(target, tmp_path / "state")

    async def scenario() -> tagsync.Plan:
        plan = await tagsync.plan_async([tmp_path / "tags.yaml"], target=target)
        library.store.save([File(id_of("/a.jpg"), ["x"], [])])
        await tagsync.apply_async(plan, target=target, workspace=workspace)
        _, report = replace(workspace, path=killed).newest_change()
        assert report.was_killed
        return await tagsync.undo_async(report, target=target)

    undo = run(scenario())
    assert library.tags("/a.jpg") == library.tags("/b.jpg") == {"x", "z"}
    assert [(change.path, change.remove) for change in undo.changes] == [("/a.jpg", ("z",)), ("/b.jpg", ("x", "z"))]
