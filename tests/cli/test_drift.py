"""How the next plan uses the report of the previous apply: kept, named, missing, damaged, or of another library."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import ai, file_object, id_of
from cli.command import Command, resealed, write_manifest
from cli.conftest import Build, World

from tagsync.sandbox.faults import Fault


def shop(world: Build, **settings: Any) -> World:
    write_manifest("- {match: /*, tags: [shoes, new], absent: [draft], aiTags: {remove: [Person]}}")
    return world(*(file_object(f"/{name}.jpg", ["draft"], [ai("Person")]) for name in "abcd"), **settings)


def causes(document: Any) -> dict[tuple[str, str], str]:
    """Return the causes in a plan, by path and tag."""
    paths = {change["fileId"]: change["path"] for change in document["changes"]}
    return {(paths[item["fileId"]], item["tag"]): item["cause"] for item in document.get("drift", ())}


def kept() -> list[Path]:
    return sorted(Path(".tagsync/last").iterdir())


# Reports in the state directory


def test_plan_shows_what_happened_to_each_tag_since_the_previous_apply(tagsync: Command, world: Build) -> None:
    library = shop(world)
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    library.edit("/a.jpg", tags=["new"])
    library.edit("/b.jpg", tags=["new", "shoes", "draft"])
    library.upload("/c.jpg", "Person")
    assert causes(tagsync("plan", "--format=json", "tags.yaml").document) == {
        ("/a.jpg", "shoes"): "removed in the library",
        ("/b.jpg", "draft"): "added in the library",
        ("/c.jpg", "new"): "all tags lost in an upload",
        ("/c.jpg", "shoes"): "all tags lost in an upload",
        ("/c.jpg", "Person"): "AI tag came back",
    }


def test_plan_text_names_causes_per_tag_and_counts_them(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    library.edit("/a.jpg", tags=["new"])
    library.edit("/b.jpg", tags=["new"])
    library.upload("/c.jpg", "Person")
    lines = tagsync("plan", "tags.yaml").out.splitlines()
    assert lines[2:5] == [
        "  - AI Person  1 file   cannot be undone  tags.yaml:5:74  AI tag came back",
        "  + shoes      3 files  tags.yaml:5:26",
        "  + new        1 file   tags.yaml:5:33  all tags lost in an upload",
    ]
    assert lines[-1] == "Causes: removed in the library (2), AI tag came back (1), all tags lost in an upload (2)"


def test_plan_text_names_no_cause_if_files_differ(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    library.edit("/a.jpg", tags=["other"])
    library.upload("/b.jpg")
    lines = tagsync("plan", "tags.yaml").out.splitlines()
    assert lines[2:4] == ["  + new    2 files  tags.yaml:5:33", "  + shoes  2 files  tags.yaml:5:26"]
    assert lines[-1] == "Causes: removed in the library (2), all tags lost in an upload (2)"


def test_drift_distinguishes_what_the_previous_apply_left_undone(tagsync: Command, world: Build) -> None:
    fault = Fault(on="addTags", fileId=id_of("/a.jpg"), failFiles=(id_of("/a.jpg"),), error="Too bad", times=9)
    shop(world, faults=(fault,))
    assert tagsync("apply", "--yes", "--rate=1000", "tags.yaml").code == 3
    assert set(causes(tagsync("plan", "--format=json", "tags.yaml").document).values()) == {
        "not applied by the previous run"
    }


def test_drift_distinguishes_a_changed_manifest_and_a_new_file(tagsync: Command, world: Build) -> None:
    write_manifest("- {match: /old/*, tags: [shoes]}")
    world(file_object("/old/a.jpg"), file_object("/new/b.jpg", createdAt="2999-01-01T00:00:00.000Z"))
    tagsync("apply", "--yes", "tags.yaml")
    write_manifest("- {match: /**, tags: [shoes, sale]}")
    assert causes(tagsync("plan", "--format=json", "tags.yaml").document) == {
        ("/new/b.jpg", "sale"): "added in the library",
        ("/new/b.jpg", "shoes"): "added in the library",
        ("/old/a.jpg", "sale"): "manifest changed",
    }


def changes_in(path: Path) -> int:
    return len(json.loads(path.read_text("utf-8"))["changes"])


def test_kept_report_survives_an_apply_without_changes(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    for _ in range(2):
        assert tagsync("apply", "--yes", "tags.yaml").out.startswith("Nothing to do")
        assert [changes_in(path) for path in kept()] == [4, 0]
    library.edit("/a.jpg", tags=["new"])
    result = tagsync("apply", "--yes", "--format=json", "tags.yaml")
    assert causes(result.document) == {("/a.jpg", "shoes"): "removed in the library"}
    assert [changes_in(path) for path in kept()] == [4, 1]


def test_kept_reports_are_the_ten_newest_with_changes(tagsync: Command, world: Build) -> None:
    library = shop(world)
    for number in range(12):
        library.edit("/a.jpg", tags=[])
        write_manifest(f"- {{path: /a.jpg, tags: [t{number}]}}")
        assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert tagsync("apply", "--yes", "tags.yaml").out.startswith("Nothing to do")
    added = [json.loads(path.read_text("utf-8"))["changes"][0]["add"] for path in kept()[:10]]
    assert added == [[f"t{number}"] for number in range(2, 12)]
    assert [changes_in(path) for path in kept()[10:]] == [0]


def test_kept_report_survives_an_apply_whose_calls_all_failed(tagsync: Command, world: Build) -> None:
    faults = (Fault(on="addTags", call=2, status=400),)
    library = shop(world, faults=faults)
    tagsync("apply", "--yes", "tags.yaml")
    library.edit("/a.jpg", tags=["new"])
    assert tagsync("apply", "--yes", "tags.yaml").code == 3
    assert [path.name[17:] for path in kept()] == ["000001.json", "unchanged.json"]
    found = causes(tagsync("plan", "--format=json", "tags.yaml").document)
    assert found == {("/a.jpg", "shoes"): "not applied by the previous run"}


def test_kept_report_is_private_and_separate_for_each_shard(tagsync: Command, world: Build) -> None:
    shop(world)
    for shard in ("1/2", "2/2"):
        tagsync("apply", "--yes", f"--shard={shard}", "tags.yaml")
    assert [path.name[16:] for path in kept()] == ["-1-of-2.000001.json", "-2-of-2.000002.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept()} == {0o600}
    assert stat.S_IMODE(Path(".tagsync/last").stat().st_mode) == 0o700


def test_kept_report_of_a_saved_plan(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    tagsync("apply", "plan.json")
    library.edit("/a.jpg", tags=["new"])
    found = causes(tagsync("plan", "--format=json", "tags.yaml").document)
    assert found == {("/a.jpg", "shoes"): "removed in the library"}


def test_kept_report_survives_a_refused_apply(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    before = kept()[0].read_bytes()
    library.edit("/a.jpg", tags=["new"])
    tagsync("plan", "--out=plan.json", "tags.yaml")
    library.move("/a.jpg", "/moved.jpg")
    assert tagsync("apply", "--on-stale=fail", "plan.json").code == 4
    assert kept()[0].read_bytes() == before


def test_plan_creates_no_folder_when_it_looks_for_a_report(tagsync: Command, world: Build) -> None:
    shop(world)
    assert tagsync("plan", "tags.yaml").code == 0
    assert not Path(".tagsync").exists()


# AI tags that come back


def test_returning_ai_tag_is_removed_each_time(tagsync: Command, world: Build) -> None:
    library = shop(world)
    for runs in range(1, 6):
        result = tagsync("apply", "--yes", "--format=json", "tags.yaml")
        assert (result.code, result.document["outcome"]) == (0, "converged")
        assert library.ai_tags("/a.jpg") == set()
        # A run without changes and a run with other changes both keep the count.
        tagsync("apply", "--yes", "tags.yaml")
        library.edit("/b.jpg", tags=["new"])
        tagsync("apply", "--yes", "tags.yaml")
        library.edit("/a.jpg", ai_tags=[ai("Person")])
        times = "1 apply" if runs == 1 else f"{runs} applies"
        words = f"warning: tags.yaml:5:74: AI tag 'Person' came back on /a.jpg after {times} removed it"
        assert words in tagsync("plan", "tags.yaml").err


def test_returning_ai_tag_counts_from_a_named_report(tagsync: Command, world: Build) -> None:
    library = shop(world)
    for runs in (1, 2):
        tagsync(
            "apply",
            "--yes",
            "--last=report.json" if runs > 1 else "--last=none",
            "--report=json=next.json",
            "tags.yaml",
        )
        Path("next.json").replace("report.json")
        library.edit("/a.jpg", ai_tags=[ai("Person")])
        result = tagsync("plan", "--state-dir=elsewhere", "--last=report.json", "--format=json", "tags.yaml")
        assert [(item["path"], item["runs"]) for item in result.document["returning"]] == [("/a.jpg", runs)]


def test_damaged_kept_report_is_a_warning(tagsync: Command, world: Build) -> None:
    library = shop(world)
    for name in "ab":
        tagsync("apply", "--yes", "tags.yaml")
        library.edit(f"/{name}.jpg", tags=["new"])
    kept()[0].write_text("{", encoding="utf-8")
    library.edit("/a.jpg", ai_tags=[ai("Person")])
    result = tagsync("plan", "tags.yaml")
    assert result.code == 0
    assert "warning: an earlier report is ignored: " in result.err


def test_sandbox_reset_removes_the_kept_report(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg", [], [ai("Person")]))
    write_manifest("- {match: /*, tags: [a], aiTags: {remove: [Person]}}")
    sandbox = ("--sandbox", "library.jsonl")
    for shard in ("--shard=1/1", "--account=shop"):
        tagsync("apply", "--yes", *sandbox, shard, "tags.yaml")
    assert len(kept()) == 2
    assert tagsync("sandbox", "reset", "library.jsonl").code == 0
    assert kept() == []


# Reports from elsewhere, or none


def test_last_option_accepts_a_report_of_another_machine(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "--report=json=report.json", "--state-dir=there", "tags.yaml")
    library.edit("/a.jpg", tags=["new"])
    there = ("--state-dir=here", "--format=json", "tags.yaml")
    assert causes(tagsync("plan", "--last=report.json", *there).document) == {
        ("/a.jpg", "shoes"): "removed in the library"
    }
    assert "drift" not in tagsync("plan", *there).document


def test_last_option_none_ignores_kept_reports(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    library.edit("/a.jpg", tags=["new"])

    def members(*options: str) -> dict[str, Any]:
        document: dict[str, Any] = tagsync("plan", "--format=json", *options, "tags.yaml").document
        return {key: value for key, value in document.items() if key not in ("createdAt", "checksum")}

    forgetful, knowing = members("--last=none"), members()
    assert forgetful == members("--state-dir=elsewhere")
    assert knowing.pop("drift")
    assert knowing == forgetful


DAMAGES: list[tuple[Callable[[str], str], str, int]] = [
    (lambda text: text[: len(text) // 2], "was changed after tagsync wrote it", 4),
    (lambda text: text.replace('"converged"', '"incomplete"'), "was changed after tagsync wrote it", 4),
    (lambda text: resealed(text.replace('"endpoint":"http://', '"endpoint":"http://other-')), "at http://other-", 4),
    (lambda text: text.replace('"1.0"', '"2.0"'), "has format version '2.0'", 1),
]


@pytest.mark.parametrize(("edit", "words", "code"), DAMAGES)
def test_useless_report_is_a_warning_if_kept_and_an_error_if_named(
    tagsync: Command, world: Build, edit: Callable[[str], str], words: str, code: int
) -> None:
    library = shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    library.edit("/a.jpg", tags=["new"])
    (path,) = kept()
    path.write_text(edit(path.read_text("utf-8")), encoding="utf-8")
    found = tagsync("plan", "--format=json", "tags.yaml")
    assert (found.code, "drift" in found.document, len(found.document["changes"])) == (0, False, 1)
    assert "warning: the previous report is ignored: " in found.err
    assert words in found.err
    named = tagsync("plan", f"--last={path}", "tags.yaml")
    assert (named.code, named.out) == (code, "")
    assert words in named.err
    # The next apply writes a good one.
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert "warning" not in tagsync("plan", "tags.yaml").err


@pytest.mark.parametrize(("applied", "planned", "is_used"), [("x", "", 1), ("", "x", 1), ("x", "x", 1), ("x", "y", 0)])
def test_kept_report_is_used_unless_the_account_name_differs(
    tagsync: Command, world: Build, applied: str, planned: str, is_used: int
) -> None:
    library = shop(world)
    assert tagsync("apply", "--yes", *([f"--account={applied}"] if applied else []), "tags.yaml").code == 0
    library.edit("/a.jpg", tags=["new"])
    result = tagsync("plan", "--format=json", *([f"--account={planned}"] if planned else []), "tags.yaml")
    assert ("drift" in result.document) is bool(is_used)
    assert ("the previous report is ignored" in result.err) is not bool(is_used)


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
def test_last_option_needs_an_existing_report(tagsync: Command, world: Build, command: list[str]) -> None:
    library = shop(world)
    missing = tagsync(*command, "--last=gone.json", "tags.yaml")
    assert (missing.code, missing.err) == (1, "error: gone.json cannot be read: No such file or directory\n")
    tagsync("plan", "--out=plan.json", "tags.yaml")
    plan = tagsync(*command, "--last=plan.json", "tags.yaml")
    assert (plan.code, plan.out) == (64, "")
    assert "plan.json is a plan: --last needs the report of an apply (--report json=FILE)" in plan.err
    assert library.calls.writes == []


def test_last_option_is_refused_with_a_saved_plan(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    result = tagsync("apply", "--last=none", "plan.json")
    assert (result.code, library.calls.writes) == (64, [])
    assert "a saved plan already contains the effects of --policy, --as-of, --last and --prune-since" in result.err


@pytest.mark.parametrize("obstacle", ["a file", "a link"])
def test_apply_succeeds_if_its_report_cannot_be_kept(tagsync: Command, world: Build, obstacle: str) -> None:
    shop(world)
    Path(".tagsync").mkdir(mode=0o700)
    if obstacle == "a file":
        Path(".tagsync/last").touch()
    else:
        Path("elsewhere").mkdir()
        Path(".tagsync/last").symlink_to("../elsewhere")
    result = tagsync("apply", "--yes", "tags.yaml")
    assert result.code == 0
    assert "Apply complete: 4 files verified" in result.out
    assert "warning: the report could not be kept for the next plan: " in result.err


def test_kept_report_that_cannot_be_replaced_is_a_warning(tagsync: Command, world: Build) -> None:
    shop(world)
    tagsync("apply", "--yes", "tags.yaml")
    tagsync("apply", "--yes", "tags.yaml")
    path = kept()[-1]
    path.unlink()
    path.mkdir()
    result = tagsync("apply", "--yes", "tags.yaml")
    assert result.code == 0
    assert "warning: the previous report is ignored: " in result.err
    assert "warning: the report could not be kept for the next plan: " in result.err
    assert kept()[-1] == path
