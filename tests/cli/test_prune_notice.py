"""The notice about tags that no rule declares any more, of plans without --prune-since."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, manifest
from cli.command import Command
from cli.shop import PLAN, PRUNE, SHOP, removals, rules
from repository import commit, git, write

pytestmark = pytest.mark.usefixtures("shop")


def notices(document: Any) -> list[str]:
    return [item["message"] for item in document["diagnostics"] if item["code"] == "no-longer-declared"]


SINCE = (*PLAN, "--changed-since=HEAD")
APPLY = ("apply", "--sandbox=library.jsonl", "--yes", "--format=json", "in")


def test_notice_counts_tags_that_are_no_longer_declared(tagsync: Command) -> None:
    rules("- path: /shop/b.jpg\n  tags: [shop]\n")
    ran = tagsync(*SINCE, "in")
    words = "3 tags on 2 files are no longer declared; --prune-since HEAD removes them"
    assert notices(ran.document) == [words]
    assert f"notice: {words}" in ran.err
    assert ran.document["changes"] == []
    assert sum(map(len, removals(tagsync(*PRUNE, "in").document).values())) == 3


def test_notice_counts_tags_from_metadata_that_no_rule_uses_now(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/shop/a.jpg", ["shop"], customMetadata={"season": "spring"}))
    rules('- match: /shop/*\n  tags: [shop, "{customMetadata.season}"]\n')
    commit()
    tagsync(*APPLY)
    rules("- match: /shop/*\n  tags: [shop]\n")
    for since in (("--changed-since=HEAD",), ()):
        (words,) = notices(tagsync(*PLAN, *since, "in").document)
        assert words.startswith("1 tag on 1 file is no longer declared")


def test_notice_does_not_change_the_plan(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", "new, "))
    with_notice = tagsync(*SINCE, "in").document
    assert notices(with_notice) == ["1 tag on 1 file is no longer declared; --prune-since HEAD removes it"]
    commit()
    without = tagsync(*PLAN, "in").document
    same = ("digest", "changes", "guards", "requests", "estimate")
    assert [with_notice[member] for member in same] == [without[member] for member in same]
    assert tagsync(*PLAN, "--changed-since=HEAD~", "--strict", "in").code == 0


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (SHOP, "nothing changed"),
        (SHOP + "- path: /shop/a.jpg\n  tags: [more]\n", "a rule was added"),
        (SHOP.replace("sale, shop", "shop, sale"), "a rule was rewritten"),
        (SHOP.replace("[sale, shop]", "[shop]\n  absent: [sale]"), "the plan removes the tag"),
        (SHOP.replace("[sale, shop]", "[shop]\n  exclusive: true"), "the plan removes the tag"),
        ("- match: /**\n  tags: [sale, shop, hero]\n", "another rule declares it"),
    ],
)
def test_notice_is_not_given_without_reason(tagsync: Command, new: str, reason: str) -> None:
    rules(new)
    assert notices(tagsync(*SINCE, "in").document) == [], reason


def test_notice_is_not_given_with_the_option_or_errors(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    assert notices(tagsync(*SINCE, "--prune-since=HEAD", "in").document) == []
    rules(SHOP.replace("sale, ", "") + "- path: /none.jpg\n  tags: [x]\n")
    assert notices(tagsync(*SINCE, "in").document) == []


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_notice_is_shown_in_every_format(tagsync: Command, format_: str) -> None:
    rules(SHOP.replace("sale, ", ""))
    words = "1 tag on 1 file is no longer declared; --prune-since HEAD removes it"
    since = ("plan", "--sandbox=library.jsonl", "--changed-since=HEAD", f"--report={format_}=out.txt", "in")
    ran = tagsync(*since)
    assert f"notice: {words}\n" in ran.err
    assert words not in tagsync(*since, "--quiet").err
    if format_ != "text":
        before, found, _ = Path("out.txt").read_text(encoding="utf-8").partition(words)
        assert found
        assert "<details>" not in before


@pytest.mark.parametrize("ref", ["x$(touch${IFS}pwned)", "a;b", "a'b"])
def test_notice_names_a_revision_that_a_shell_leaves_alone(tagsync: Command, ref: str) -> None:
    git("update-ref", f"refs/heads/{ref}", "HEAD")
    rules(SHOP.replace("sale, ", ""))
    short = git("rev-parse", "--short=12", "HEAD")
    (words,) = notices(tagsync(*PLAN, f"--changed-since={ref}", "in").document)
    assert words.endswith(f"--prune-since {short} removes it")


def test_notice_uses_the_commit_of_the_previous_report(tagsync: Command) -> None:
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n")
    commit()
    assert tagsync(*APPLY).document["inputs"]["commit"] == git("rev-parse", "HEAD")
    short = git("rev-parse", "--short=12", "HEAD")
    rules(SHOP.replace("sale, ", ""))
    words = f"2 tags on 2 files are no longer declared; --prune-since {short} removes them"
    for _ in range(2):
        assert notices(tagsync(*PLAN, "in").document) == [words]
        commit()
    assert removals(tagsync(*PLAN, f"--prune-since={short}", "in").document).keys() == {"/shop/a.jpg", "/shop/b.jpg"}
    assert notices(tagsync(*PLAN, "--last=none", "in").document) == []


def test_notice_makes_no_more_api_calls(tagsync: Command) -> None:
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n")
    commit()
    tagsync(*APPLY, "--report=json=report.json")
    rules("- path: /other.jpg\n  tags: [hero]\n")
    counts = [
        tagsync(*PLAN, f"--last={last}", "in").document["inputs"]["readRequests"] for last in ("report.json", "none")
    ]
    assert counts[0] == counts[1]


def test_plan_records_the_commit_only_of_committed_manifests(tagsync: Command) -> None:
    head = git("rev-parse", "HEAD")
    write("in/README.md", "not a manifest")
    write("elsewhere.yaml", "not below the path")
    assert tagsync(*PLAN, "in").document["inputs"]["commit"] == head
    for name in ("in/new.yaml", "in/sub/new.CSV"):
        write(name, manifest("- path: /other.jpg\n  tags: [hero]\n"))
        assert "commit" not in tagsync(*PLAN, "in").document["inputs"]
        Path(name).unlink()
    Path("in/tags.yaml").rename("in/moved.yaml")
    assert "commit" not in tagsync(*PLAN, "in").document["inputs"]
    before = Path(".git/index").read_bytes()
    tagsync(*PLAN, "in")
    assert Path(".git/index").read_bytes() == before


def test_report_names_the_applied_commit_only_if_all_was_applied(tagsync: Command) -> None:
    head = git("rev-parse", "HEAD")
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "in")
    assert "appliedCommit" not in tagsync(*APPLY, "--select=/shop/a.jpg").document
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n")
    assert "appliedCommit" not in tagsync(*APPLY).document
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [newer]\n  absent: [new]\n")
    later = commit()
    incomplete = tagsync(*APPLY, "--max-requests=1").document
    assert (incomplete["outcome"], incomplete["inputs"]["commit"]) == ("incomplete", later)
    assert "appliedCommit" not in incomplete
    assert tagsync(*APPLY).document["appliedCommit"] == later
    saved = tagsync("apply", "--sandbox=library.jsonl", "--report=json=report.json", "plan.json")
    assert f"\nApplied commit: {head}\n" in saved.out
    assert f"\nApplied commit: {head}\n" in tagsync("show", "report.json").out
    again = tagsync("apply", "--sandbox=library.jsonl", "--yes", "in")
    assert f"\nApplied commit: {later}\n" in again.out


def test_report_says_why_it_names_no_applied_commit(tagsync: Command) -> None:
    apply = ("apply", "--sandbox=library.jsonl", "--yes", "--report=json=report.json")
    assert "\nNo applied commit: the plan leaves out changes\n" in tagsync(*apply, "--select=/shop/a.jpg", "in").out
    for name in ("in/new one.yaml", "in/tags.yaml"):
        write("in/config.schema.json", "{}")
        write(name, manifest("- path: /shop/b.jpg\n  tags: [new]\n"))
        words = f"\nNo applied commit: {name} is not committed\n"
        tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "in")
        assert words in tagsync(*apply, "in").out
        assert words in tagsync("show", "report.json").out
        assert words in tagsync(*apply, "plan.json").out
        assert json.loads(Path("report.json").read_text("utf-8"))["inputs"]["uncommitted"] == name
        if name != "in/tags.yaml":
            Path(name).unlink()


def test_plan_records_the_commit_only_of_committed_csv_files(tagsync: Command) -> None:
    write("in/tags.yaml", "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n")
    write("in/tags.csv", "path,tags\n/other.jpg,hero\n")
    head = commit()
    for path in ("in", "in/tags.yaml"):
        write("in/tags.csv", "path,tags\n/other.jpg,hero\n")
        assert tagsync(*PLAN, path).document["inputs"]["commit"] == head
        write("in/tags.csv", "path,tags\n/other.jpg,new\n")
        assert "commit" not in tagsync(*PLAN, path).document["inputs"]


def test_plan_records_no_commit_if_a_path_looks_like_a_pattern(tagsync: Command) -> None:
    rules(SHOP, "in[1]/tags.yaml")
    commit()
    assert "commit" in tagsync(*PLAN, "in[1]").document["inputs"]
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n", "in[1]/tags.yaml")
    assert "commit" not in tagsync(*PLAN, "in[1]").document["inputs"]


def test_notice_is_left_out_if_git_cannot_read_the_previous_commit(tagsync: Command) -> None:
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n")
    commit()
    tagsync(*APPLY)
    rules("- match: /**\n  tags: [hero]\n")
    assert notices(tagsync(*PLAN, "in").document)
    Path(".git").rename("no-git")
    ran = tagsync(*PLAN, "in")
    assert (ran.code, notices(ran.document)) == (0, [])


def test_notice_is_left_out_for_very_many_rules(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n")
    commit()
    tagsync(*APPLY)
    rules("- match: /**\n  tags: [hero]\n")
    monkeypatch.setattr("tagsync.api.revision._MAX_RULES", 0)
    assert notices(tagsync(*PLAN, "in").document) == []
    assert notices(tagsync(*PLAN, "--changed-since=HEAD", "in").document)


def test_apply_warns_if_a_saved_plan_is_older_than_another_apply(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = ("apply", "--sandbox=library.jsonl", "--yes")
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [old]\n")
    older = commit()
    monkeypatch.setattr("tagsync.api.decide.now", lambda: "2020-01-01T00:00:00Z")
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "in")
    assert "after this plan was made" not in tagsync(*apply, "plan.json").err
    assert "after this plan was made" not in tagsync(*apply, "plan.json").err
    rules(SHOP + "- path: /shop/b.jpg\n  tags: [new]\n  absent: [old]\n")
    newer = commit()
    assert "after this plan was made" not in tagsync(*apply, "in").err
    ran = tagsync(*apply, "plan.json")
    assert f"warning: this plan is of commit {older[:12]}, but commit {newer[:12]} was applied at 20" in ran.err
    assert "after this plan was made: plan again, unless you want to go back\n" in ran.err
    tagsync("undo", "--sandbox=library.jsonl", "--out=undo.json")
    assert "after this plan was made" not in tagsync(*apply, "undo.json").err
