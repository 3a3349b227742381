import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import Sandbox, file_object, id_of, manifest
from canary import KEY, leaks

import tagsync
from tagsync import model
from tagsync.errors import LockedError, UsageError
from tagsync.events import ApiCalls, Event, FilesRead, LookingAgain, ManifestsRead, ReadingBack, RequestDone


def test_api_plan_and_apply_work_as_documented(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(file_object("/a.jpg"))
    plan = tagsync.plan([tags], target=library.target)
    assert [(change.file.path, str(change.changes[0].because[0].origin)) for change in plan.changes] == [
        ("/a.jpg", "tags.yaml:5:26")
    ]
    assert library.writes == []
    report = tagsync.apply(plan, target=library.target)
    assert report.outcome == "converged"
    assert library.tags("/a.jpg") == {"new"}


def test_api_exports_the_types_of_all_fields_of_plans_and_reports() -> None:
    public = {getattr(tagsync, name) for name in tagsync.__all__}
    found, todo = set[type](), [tagsync.Plan, tagsync.Report, tagsync.Difference]
    while todo:
        kind = todo.pop()
        found.add(kind)
        named = set(re.findall(r"\w+", " ".join(map(str, annotations(kind)))))
        used = {value for name, value in vars(model).items() if name in named and isinstance(value, type)}
        todo += [each for each in used - found if each.__module__.startswith("tagsync.")]
    assert len(found) > 20
    assert sorted(kind.__name__ for kind in found - public) == []


def annotations(kind: type) -> Iterator[object]:
    """Yield the annotations of a class and of the values of its properties."""
    yield from getattr(kind, "__annotations__", {}).values()
    for value in vars(kind).values():
        if isinstance(value, property):
            yield value.fget.__annotations__["return"]


@pytest.mark.parametrize("kind", ["manifests", "csv"])
def test_api_write_export_gives_manifests_that_plan_no_change(
    sandbox: Callable[..., Sandbox], tmp_path: Path, kind: Any
) -> None:
    target = sandbox(*(file_object(f"/shop/{n}.jpg", ["shop", f"n{n}"]) for n in range(9))).target
    exported = tagsync.export(target, kind=kind)
    size = tagsync.write_export(exported, tmp_path / "out")
    written = {path.name: path for path in (tmp_path / "out").iterdir()}
    assert "manifest.schema.json" in written
    assert size == sum(path.stat().st_size for name, path in written.items() if name != "manifest.schema.json")
    plan = tagsync.plan(tmp_path / "out", target=target)
    assert (plan.summary.unchanged, len(plan.changes)) == (9, 0)
    with pytest.raises(UsageError, match="out is not empty, and export overwrites nothing"):
        tagsync.write_export(exported, tmp_path / "out")


def test_api_listener_receives_events_in_order(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(file_object("/a.jpg"))
    events: list[Event] = []
    plan = tagsync.plan([tags], target=library.target, listener=events.append)
    tagsync.apply(plan, target=library.target, listener=events.append)
    kinds = [type(event) for event in events]
    # Each phase that reads files begins with an event, and has one for each file.
    looks, reads_back = [LookingAgain] * 2, [ReadingBack] * 2
    assert kinds == [ManifestsRead, FilesRead, ApiCalls, *looks, RequestDone, *reads_back, ApiCalls]
    assert [event[:2] for event in events if isinstance(event, RequestDone)] == [(1, 1)]


def test_api_takes_config_instead_of_paths(
    sandbox: Callable[..., Sandbox], tags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy").mkdir()
    text = "apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {newTags: {above: 0}}}\n"
    (tmp_path / "policy" / "strict.yaml").write_text(text, encoding="utf-8")
    text = f"manifests: [{Path(tags).name}]\npolicy: policy/strict.yaml\nenvironments: {{staging: {{account: shop}}}}\n"
    (tmp_path / "tagsync.yaml").write_text(f"apiVersion: tagsync/v1\nkind: Config\n{text}", encoding="utf-8")
    config = tagsync.read_config("staging")
    target = replace(sandbox(file_object("/a.jpg")).target, account=config.account, environment=config.environment)
    plan = tagsync.plan(config, target=target)
    assert ([guard.id for guard in plan.blocked], plan.target[1:]) == (["newTags"], ("shop", "staging"))
    assert tagsync.validate(config).policy == tagsync.validate(tags, policy=config.policy).policy
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    assert tagsync.Target.from_env(config=config).name[1:] == ("shop", "staging")
    with pytest.raises(UsageError, match="environment is 'a b': use letters"):
        replace(target, environment="a b")


def test_api_validate_reads_manifests_only(tags: str) -> None:
    assert len(tagsync.validate([tags]).entries) == 1


def test_target_never_shows_its_key() -> None:
    target = tagsync.Target(key=KEY)
    assert not leaks(repr(target) + str(target) + str(target.name))
    assert not leaks(repr(replace(target, account="shop")))


def test_target_account_is_a_name_or_a_hash_of_the_key() -> None:
    assert tagsync.Target(key=KEY, account="shop").name.account == "shop"
    assert tagsync.Target(key=KEY).name.account.startswith("key-")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"key": ""}, "IMAGEKIT_PRIVATE_KEY"),
        ({"key": "private_\u00e9"}, "contains invalid characters"),
        ({"key": "private_\nx"}, "contains invalid characters"),
        ({"key": KEY, "endpoint": "http://api.imagekit.io"}, "unencrypted"),
        ({"key": KEY, "concurrency": 0}, "use 1 to 8"),
        ({"key": KEY, "concurrency": 9}, "use 1 to 8"),
        ({"key": KEY, "concurrency": "4"}, "use 1 to 8"),
        ({"key": KEY, "rate": 0}, "above 0"),
        ({"key": KEY, "rate": "5"}, "above 0"),
    ],
)
def test_target_refuses_invalid_values(settings: dict[str, object], words: str) -> None:
    with pytest.raises(tagsync.TagsyncError, match=words) as raised:
        tagsync.Target(**settings)  # type: ignore[arg-type]  # wrong values are the point
    assert KEY not in str(raised.value)


def test_target_limits_the_bulk_rate_except_in_process() -> None:
    assert tagsync.Target(key=KEY).bulk_rate == 5
    assert tagsync.Target(key=KEY, rate=12).bulk_rate == 12
    assert tagsync.Target(app=lambda: None).bulk_rate is None
    assert tagsync.Target(app=lambda: None, rate=3).bulk_rate == 3


def test_api_refuses_a_select_that_is_not_a_glob(sandbox: Callable[..., Sandbox], tags: str) -> None:
    with pytest.raises(tagsync.TagsyncError, match="lone backslash"):
        tagsync.plan([tags], target=sandbox(file_object("/a")).target, options=tagsync.PlanOptions(select="/a\\"))


def test_api_refuses_manifests_of_another_account(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    text = manifest("- {match: /*, tags: [new]}").replace("spec:", "metadata: {account: shop}\nspec:")
    path.write_text(text, encoding="utf-8")
    library = sandbox(file_object("/a"))
    target = tagsync.Target(app=library.app, endpoint="sandbox:library.jsonl", account="other")
    with pytest.raises(tagsync.TagsyncError, match="'shop'"):
        tagsync.plan([str(path)], target=target)
    assert library.calls == []


def test_api_last_report_must_be_of_the_same_library(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(file_object("/a.jpg"))
    last = tagsync.apply(tagsync.plan([tags], target=library.target), target=library.target)
    library.store.save([library.store.files([id_of("/a.jpg")])[id_of("/a.jpg")]._replace(tags=["other"])])
    plan = tagsync.plan([tags], target=library.target, options=tagsync.PlanOptions(last=last))
    assert [item.cause for item in plan.drift] == ["removed in the library"]
    library.calls.clear()
    elsewhere = tagsync.Target(app=library.app, endpoint="sandbox:library.jsonl", account="other")
    with pytest.raises(
        tagsync.TagsyncError, match=r"the report is of sandbox library.jsonl, not of .* \(account other\)"
    ):
        tagsync.plan([tags], target=elsewhere, options=tagsync.PlanOptions(last=last))
    assert library.calls == []


def test_api_paths_may_have_any_form(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(file_object("/a.jpg"))
    for paths in (tags, Path(tags), [Path(tags)], (path for path in [tags])):
        assert len(tagsync.validate(paths).entries) == 1
    assert len(tagsync.plan(tags, target=library.target).changes) == 1


@pytest.mark.parametrize("paths", [3, [3], b"tags.yaml", [b"tags.yaml"], [], None])
def test_api_paths_that_are_invalid_are_a_usage_error(paths: object) -> None:
    with pytest.raises(UsageError, match=r"paths|no manifests given"):
        tagsync.validate(paths)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"select": "shop/**"}, "'shop/\\*\\*' matches no file: paths start with /"),
        ({"select": ["/a*", "b"]}, "'b' matches no file"),
        ({"select": [3]}, "3 is not a glob"),
        ({"part": tagsync.Part(3, 2)}, "part is 3 of 2"),
        ({"part": tagsync.Part(0, 2)}, "part is 0 of 2"),
        ({"as_of": datetime(2026, 1, 1, tzinfo=UTC)}, "as_of is a date with a time"),
    ],
)
def test_api_plan_refuses_invalid_options(
    sandbox: Callable[..., Sandbox], tags: str, options: dict[str, Any], words: str
) -> None:
    library = sandbox(file_object("/a.jpg"))
    with pytest.raises(UsageError, match=words):
        tagsync.plan([tags], target=library.target, options=tagsync.PlanOptions(**options))
    assert library.calls == []


def test_api_plan_keeps_what_any_selected_glob_matches(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(*map(file_object, ("/a", "/b", "/c")))
    plan = tagsync.plan(tags, target=library.target, options=tagsync.PlanOptions(select=["/a", "/c"]))
    assert [change.file.path for change in plan.changes] == ["/a", "/c"]


def test_api_apply_takes_the_lock_of_its_target(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(file_object("/a.jpg"))
    target = replace(library.target, library="shared")
    plan = tagsync.plan(tags, target=target)
    with tagsync.Workspace(target).lock(), pytest.raises(LockedError):
        tagsync.apply(plan, target=target)
    assert library.writes == []
    assert tagsync.apply(plan, target=target).converged


def test_api_apply_is_locked_by_the_same_key(sandbox: Callable[..., Sandbox], tags: str) -> None:
    plan = tagsync.plan(tags, target=sandbox(file_object("/a.jpg")).target)
    with tagsync.Workspace(tagsync.Target(key=KEY)).lock(), pytest.raises(LockedError):
        tagsync.apply(plan, target=tagsync.Target(key=KEY, account="shop"))


def test_api_apply_of_a_shard_runs_with_another_shard(sandbox: Callable[..., Sandbox], tags: str) -> None:
    library = sandbox(*(file_object(f"/{n}") for n in range(9)))
    target = replace(library.target, library="shards")
    plan = tagsync.plan(tags, target=target, options=tagsync.PlanOptions(part=tagsync.Part(1, 2)))
    with tagsync.Workspace(target, part=tagsync.Part(2, 2)).lock():
        assert tagsync.apply(plan, target=target).converged
    with tagsync.Workspace(target, part=tagsync.Part(1, 2)).lock(), pytest.raises(LockedError):
        tagsync.apply(plan, target=target)
