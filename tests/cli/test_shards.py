"""Shards at the same time: disjoint, complete, with reports that merge."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from builders import ai, file_object, manifest, saved
from cli.command import SECONDS, Command, started
from cli.conftest import Build

SHARDS = 4


@pytest.fixture
def manifests() -> str:
    entries = """
- match: /shop/**
  tags: [catalog]
  absent: [old]
  aiTags: {minConfidence: 70}
- path: /nowhere.jpg
  ifMissing: warn
  tags: [x]
"""
    Path("tags.yaml").write_text(manifest(entries), encoding="utf-8")
    policy = "apiVersion: tagsync/v1\nkind: Policy\nspec:\n  guards:\n    emptiedFiles: {above: 50}\n"
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    return "tags.yaml"


def files() -> Iterator[dict[str, Any]]:
    for number in range(60):
        tags = ["catalog"] if number % 3 == 0 else ["old", "other"]
        yield file_object(f"/shop/{number:02}.jpg", tags, [ai("Person", 50 if number % 2 else 90)])


def read(path: str) -> Any:
    return json.loads(Path(path).read_text("utf-8"))


def reports(count: int = SHARDS) -> list[str]:
    return [f"report-{index}.json" for index in range(1, count + 1)]


def test_shard_reports_of_separate_plans_have_the_totals_of_one_run(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    library(*files(), name="other.jsonl")
    whole = tagsync("apply", "--yes", "--sandbox=other.jsonl", "--account=shop", "--format=json", manifests).document
    for index, report in enumerate(reports(), 1):
        options = (f"--shard={index}/{SHARDS}", f"--report=json={report}", "--account=shop")
        assert tagsync("apply", "--yes", "--sandbox=library.jsonl", *options, manifests).code == 0
    merged = tagsync("show", "--format=json", *reports()).document
    assert merged["outcome"] == "converged"
    assert merged["summary"] == whole["summary"]
    assert [change["path"] for change in merged["changes"]] == [change["path"] for change in whole["changes"]]
    assert {change["status"] for change in merged["changes"]} == {"confirmed"}
    parts = [read(report) for report in reports()]
    assert sum(len(part["changes"]) for part in parts) == len(whole["changes"])
    assert merged["requests"]["sent"] == sum(part["requests"]["sent"] for part in parts)
    seconds = max(part["timing"]["seconds"] for part in parts)
    waited = max(part["timing"]["waited"] for part in parts)
    pace = round(merged["requests"]["sent"] / seconds, 2)
    assert merged["timing"] == {"seconds": seconds, "waited": waited, "requestsPerSecond": pace}
    assert "shard" not in merged["inputs"]
    assert [item["code"] for item in merged["diagnostics"]] == [item["code"] for item in whole["diagnostics"]]


def test_shard_plans_merge_to_the_whole_plan_with_its_digest(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    whole = tagsync("plan", "--sandbox=library.jsonl", "--format=json", manifests).document
    names = [f"plan-{index}.json" for index in range(1, SHARDS + 1)]
    for index, name in enumerate(names, 1):
        tagsync("plan", "--sandbox=library.jsonl", f"--shard={index}/{SHARDS}", f"--out={name}", manifests)
    merged = tagsync("show", "--format=json", *reversed(names)).document
    assert (merged["digest"], merged["summary"], merged["changes"]) == (
        whole["digest"],
        whole["summary"],
        whole["changes"],
    )
    assert merged["guards"] == whole["guards"]


def test_shard_reports_of_one_saved_plan_keep_its_digest(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    plan = tagsync("plan", "--sandbox=library.jsonl", "--format=json", "--out=plan.json", manifests).document
    for index, report in enumerate(reports(), 1):
        options = (f"--shard={index}/{SHARDS}", f"--report=json={report}")
        assert tagsync("apply", "--sandbox=library.jsonl", *options, "plan.json").code == 0
    merged = tagsync("show", "--format=json", *reports()).document
    assert (merged["digest"], merged["summary"]) == (plan["digest"], plan["summary"])


def test_shard_that_is_missing_is_named(tagsync: Command, library: Callable[..., Path], manifests: str) -> None:
    library(*files())
    for index, report in enumerate(reports(), 1):
        options = (f"--shard={index}/{SHARDS}", f"--report=json={report}")
        tagsync("apply", "--yes", "--sandbox=library.jsonl", *options, manifests)
    ran = tagsync("show", "report-1.json", "report-3.json")
    assert ran.code == 0
    assert "warning: shards are missing: 2/4, 4/4; their changes are not included" in ran.err
    [told] = tagsync("show", "--format=json", "report-2.json", "report-3.json").document["diagnostics"][-1:]
    assert (told["code"], told["message"][:31]) == ("missing-shards", "shards are missing: 1/4, 4/4; t")
    assert "missing" not in tagsync("show", *reports()).err


def test_shard_reports_merge_to_the_worst_outcome(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--shard=1/2", "--report=json=report-1.json", manifests)
    options = ("--shard=2/2", "--max-requests=1", "--report=json=report-2.json")
    assert tagsync("apply", "--yes", "--sandbox=library.jsonl", *options, manifests).code == 3
    merged = tagsync("show", "--format=json", *reports(2)).document
    assert merged["outcome"] == "incomplete"
    assert {change["status"] for change in merged["changes"]} >= {"confirmed", "skipped"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": {"account": "other", "endpoint": "https://api.imagekit.io"}}, "they are for different libraries"),
        ({"inputs": {"files": 1, "manifests": [], "readRequests": 1}}, "they come from different manifests"),
        ({"inputs": {"librarySha256": "0" * 64}}, "they are for different libraries"),
        ({"undoes": "sha256:" + "1" * 64}, "they revert different runs"),
        ({"guards": []}, "they have different policies"),
        ({"inputs": {"changedSince": "0" * 40}}, "they are filtered differently"),
        ({"inputs": {"select": "/**"}}, "they are filtered differently"),
        ({"inputs": {"shard": "2/3"}}, "they have different numbers of shards"),
        ({}, "report-1.json and report-2.json are both shard 1 of 2: pass each shard once"),
        ({"inputs": {"shard": "2/2"}}, "report-1.json and report-2.json both contain '/shop/"),
    ],
)
def test_shard_files_of_different_plans_are_not_merged(
    tagsync: Command, library: Callable[..., Path], manifests: str, change: dict[str, Any], words: str
) -> None:
    library(*files())
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--shard=1/2", "--report=json=report-1.json", manifests)
    members = read("report-1.json")
    merged = {
        name: members[name] | value if name == "inputs" and "manifests" not in value else value
        for name, value in change.items()
    }
    Path("report-2.json").write_text(saved(members | merged), encoding="utf-8")
    ran = tagsync("show", *reports(2))
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err


def test_shard_without_changes_is_not_counted_twice(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    tagsync("apply", "--yes", "--sandbox=library.jsonl", manifests)
    for shard, name in (("1/2", "one.json"), ("2/2", "two.json"), ("1/1", "all.json")):
        tagsync("plan", "--sandbox=library.jsonl", f"--shard={shard}", f"--out={name}", manifests)
    tagsync("plan", "--sandbox=library.jsonl", "--out=whole.json", manifests)
    assert "pass each shard once" in tagsync("show", "one.json", "one.json").err
    assert "whole.json is not a shard: pass it alone" in tagsync("show", "whole.json", "whole.json").err
    assert "different numbers of shards" in tagsync("show", "one.json", "all.json").err
    assert "different numbers of shards" in tagsync("show", "whole.json", "one.json").err
    assert tagsync("show", "--format=json", "one.json", "two.json").document["summary"]["unchanged"] == 60


def test_show_does_not_merge_plans_with_reports(tagsync: Command, library: Callable[..., Path], manifests: str) -> None:
    library(*files())
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", manifests)
    tagsync("apply", "--sandbox=library.jsonl", "--report=json=report.json", "plan.json")
    ran = tagsync("show", "plan.json", "report.json")
    assert ran.code == 64
    assert "show needs only plans or only reports" in ran.err


def test_shards_at_the_same_time_converge(world: Build, tagsync: Command, manifests: str) -> None:
    served = world(*files())
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                started("apply", "--yes", f"--shard={index}/{SHARDS}", f"--report=json={report}", manifests)
            )
            for index, report in enumerate(reports(), 1)
        ]
        codes = [process.wait(timeout=SECONDS) for process in running]
    assert codes == [0] * SHARDS
    merged = tagsync("show", "--format=json", *reports()).document
    assert (merged["outcome"], merged["summary"]["filesChanged"]) == ("converged", 50)
    assert {tag for number in range(60) for tag in served.tags(f"/shop/{number:02}.jpg")} == {"catalog", "other"}
    assert "Nothing to do" in tagsync("plan", manifests).out


def test_shard_that_is_missing_causes_no_drift(tagsync: Command, library: Callable[..., Path], manifests: str) -> None:
    library(*files())
    for index, report in enumerate(reports(2), 1):
        options = (f"--shard={index}/3", f"--report=json={report}", "--last=none")
        tagsync("apply", "--yes", "--sandbox=library.jsonl", *options, manifests)
    ran = tagsync("show", "--format=json", *reports(2))
    Path("part.json").write_text(ran.out, encoding="utf-8")
    assert ran.document["inputs"]["partial"] is True
    plan = tagsync("plan", "--sandbox=library.jsonl", "--format=json", "--last=part.json", manifests).document
    assert plan["changes"]
    assert "drift" not in plan
    assert "Filtered by missing shards" in tagsync("show", "part.json", "--format=markdown").out


def test_shard_plans_of_a_filtered_plan_merge_to_a_filtered_plan(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    for index in (1, 2):
        options = (f"--shard={index}/2", "--select=/shop/0*", f"--out=plan-{index}.json")
        tagsync("plan", "--sandbox=library.jsonl", *options, manifests)
    merged = tagsync("show", "--format=json", "plan-1.json", "plan-2.json").document
    assert merged["inputs"]["select"] == "/shop/0*"
    assert {change["path"][:7] for change in merged["changes"]} == {"/shop/0"}


def test_shard_calls_drift_and_thumbnails_add_up(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*(item | {"thumbnail": f"https://ik.example{item['filePath']}"} for item in files()))
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--report=json=last.json", manifests)
    Path("tags.yaml").write_text(manifest("- match: /shop/**\n  tags: [catalog, fresh]"), encoding="utf-8")
    names = ["plan-1.json", "plan-2.json"]
    for index, name in enumerate(names, 1):
        options = ("--thumbnails", "--last=last.json", f"--shard={index}/2", f"--out={name}")
        tagsync("plan", "--sandbox=library.jsonl", *options, manifests)
    parts, merged = list(map(read, names)), tagsync("show", "--format=json", *names).document
    for member in ("drift", "requests"):
        assert len(merged[member]) == sum(len(part[member]) for part in parts) > 0
    assert merged["thumbnails"] == parts[0]["thumbnails"] | parts[1]["thumbnails"]
    assert len(merged["thumbnails"]) == 60
    for name, value in merged["estimate"].items():
        assert value == sum(part["estimate"][name] for part in parts)


def test_shard_of_a_saved_plan_has_only_its_thumbnails(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*(item | {"thumbnail": f"https://ik.example{item['filePath']}"} for item in files()))
    tagsync("plan", "--sandbox=library.jsonl", "--thumbnails", "--out=plan.json", manifests)
    report = tagsync("apply", "--sandbox=library.jsonl", "--shard=1/2", "--format=json", "plan.json").document
    assert set(report["thumbnails"]) == {change["fileId"] for change in report["changes"]}


def test_shard_guards_and_outcomes_merge_to_the_worst(
    tagsync: Command, library: Callable[..., Path], manifests: str
) -> None:
    library(*files())
    for index, report in enumerate(reports(2), 1):
        options = (f"--shard={index}/2", f"--report=json={report}")
        tagsync("apply", "--yes", "--sandbox=library.jsonl", *options, manifests)
    members = read("report-2.json")
    members["guards"][0] |= {"observed": 10**6, "blocked": True}
    members["outcome"] = "interrupted"
    Path("report-2.json").write_text(saved(members), encoding="utf-8")
    for order in (reports(2), reports(2)[::-1]):
        merged = tagsync("show", "--format=json", *order).document
        assert merged["outcome"] == "interrupted"
        assert merged["guards"][0]["observed"] == 10**6
