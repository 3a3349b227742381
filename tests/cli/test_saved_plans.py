"""Saved plans, reviewed and applied later; guards and acknowledgements; undo."""

import json
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from builders import ai, file_object, id_of, saved
from cli.command import Command, resealed, write_manifest
from cli.conftest import Build, World

from tagsync.api import saved as cli_saved
from tagsync.sandbox.faults import Fault


def hundred(world: Build) -> World:
    write_manifest("- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}")
    return world(*(file_object(f"/{n:03d}.jpg", ["old", "x"], [ai("Dog", 10), ai("Cat", 90)]) for n in range(100)))


def planned(tagsync: Command, *options: str) -> str:
    """Save a plan of all manifests and return its digest."""
    result = tagsync("plan", "--format=json", "--out=plan.json", *options, "tags.yaml")
    assert result.code in (0, 4), result.err
    digest: str = result.document["digest"]
    return digest


# Apply later


def test_saved_plan_is_private_and_applied_without_a_prompt(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    planned(tagsync)
    assert stat.S_IMODE(Path("plan.json").stat().st_mode) == 0o600
    Path("tags.yaml").unlink()
    result = tagsync("apply", "plan.json")
    assert (result.code, result.out.splitlines()[-1]) == (0, "Apply complete: 100 files verified")
    assert library.tags("/042.jpg") == {"new", "x"}
    assert library.ai_tags("/042.jpg") == {"Cat"}
    again = tagsync("apply", "plan.json")
    assert (again.code, again.out) == (0, "Nothing to do: this plan is already applied (100 files verified)\n")


@pytest.mark.parametrize("change", ["renamed", "judged anew"])
def test_stale_file_does_not_affect_other_files(tagsync: Command, world: Build, change: str) -> None:
    library = hundred(world)
    digest = planned(tagsync)
    if change == "renamed":
        library.move("/042.jpg", "/other.jpg")
    else:
        library.edit("/042.jpg", ai_tags=[ai("Dog", 11), ai("Cat", 90)])
    result = tagsync("apply", "--format=json", "plan.json")
    statuses = [item["status"] for item in result.document["changes"]]
    assert (result.code, statuses.count("confirmed"), statuses[42]) == (3, 99, "stale")
    assert result.document["digest"] == digest
    assert (library.tags("/042.jpg"), library.ai_tags("/042.jpg")) == ({"old", "x"}, {"Dog", "Cat"})


def test_saved_plan_survives_unrelated_changes(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    planned(tagsync)
    library.edit("/042.jpg", tags=["old", "unrelated"], ai_tags=[ai("Dog", 10), ai("Cat", 91), ai("Sky", 99)])
    library.edit("/043.jpg", tags=["new", "x"])
    assert tagsync("apply", "plan.json").out.endswith("Apply complete: 100 files verified\n")
    assert library.tags("/042.jpg") == {"new", "unrelated"}
    assert library.ai_tags("/042.jpg") == {"Cat", "Sky"}


def test_on_stale_fail_applies_a_plan_without_stale_files(tagsync: Command, world: Build) -> None:
    hundred(world)
    planned(tagsync)
    assert tagsync("apply", "--on-stale=fail", "plan.json").code == 0


def test_on_stale_fail_refuses_despite_an_acknowledged_guard(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["old"]), file_object("/b.jpg", ["old"]))
    write_manifest("- match: /**\n  absent: [old]")
    digest = planned(tagsync)
    library.move("/a.jpg", "/moved.jpg")
    result = tagsync("apply", "--on-stale=fail", f"--ack=emptiedFiles@{digest}", "plan.json")
    assert (result.code, library.calls.writes) == (4, [])
    assert "the plan is stale for" in result.err
    assert "acknowledged" not in result.err


def test_on_stale_fail_refuses_the_plan_before_the_first_write(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    planned(tagsync)
    library.move("/042.jpg", "/other.jpg")
    result = tagsync("apply", "--on-stale=fail", "--format=json", "plan.json")
    assert (result.code, result.document["outcome"]) == (4, "refused")
    assert library.calls.writes == []
    assert "error: the plan is stale for 1 of 100 files, which changed since the plan: plan again, or" in result.err
    text = tagsync("apply", "--on-stale=fail", "plan.json")
    assert text.out.splitlines() == [
        "",
        "Not changed as planned",
        "  1 file (+1 -1 tags, -1 AI tag): stale: the file was moved to '/other.jpg' after the plan was made",
        "      /042.jpg",
        "",
        "Apply refused: nothing was changed",
        "Plan again to change the stale files.",
    ]


def test_stale_files_alone_are_no_reason_to_repeat_the_command(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [new]}")
    planned(tagsync)
    library.move("/a.jpg", "/b.jpg")
    result = tagsync("apply", "plan.json")
    assert result.code == 3
    assert result.out.endswith("Plan again to change the stale files.\n")
    assert "Run the same command again" not in result.out


def test_saved_plan_with_a_flipped_byte_is_refused_before_any_call(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["old"]))
    write_manifest("- {path: /a.jpg, tags: [new], absent: [old]}")
    planned(tagsync)
    data = Path("plan.json").read_bytes()
    library.calls.calls.clear()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        Path("plan.json").write_bytes(flipped)
        assert tagsync("apply", "plan.json").code in (1, 4), place
    assert library.calls.calls == []


def test_saved_plan_with_a_valid_checksum_is_checked_for_contradictions(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["old"]))
    write_manifest("- {path: /a.jpg, tags: [new], absent: [old]}")
    planned(tagsync)
    text = Path("plan.json").read_text("utf-8")
    library.calls.calls.clear()
    Path("plan.json").write_text(resealed(text.replace('"remove":["old"]', '"remove":["other"]')), encoding="utf-8")
    result = tagsync("apply", "plan.json")
    assert (result.code, library.calls.calls) == (4, [])
    assert "wrong digest" in result.err


@pytest.mark.parametrize("options", [["--account=other"], ["--endpoint=http://127.0.0.1:9"]])
def test_saved_plan_is_for_one_account_and_endpoint(tagsync: Command, world: Build, options: list[str]) -> None:
    library = hundred(world)
    planned(tagsync)
    library.calls.calls.clear()
    result = tagsync("apply", *options, "plan.json")
    assert (result.code, library.calls.calls) == (4, [])
    assert "error: this plan is for key-" in result.err
    assert "plan again for this target" in result.err


def test_saved_plan_of_a_later_format_is_refused(tagsync: Command, world: Build) -> None:
    hundred(world)
    planned(tagsync)
    Path("plan.json").write_text(Path("plan.json").read_text("utf-8").replace('"1.0"', '"2.0"', 1), encoding="utf-8")
    assert "has format version '2.0', this tagsync reads 1.x" in tagsync("apply", "plan.json").err


def test_expect_digest_refuses_another_plan(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    digest = planned(tagsync)
    other = "sha256:" + "0" * 64
    for path in ("plan.json", "tags.yaml"):
        result = tagsync("apply", "--yes", f"--expect-digest={other}", path)
        assert (result.code, library.calls.writes) == (4, [])
        assert f"error: this plan is {digest}, not {other}: " in result.err
    assert tagsync("apply", "--yes", f"--expect-digest={digest}", "tags.yaml").code == 0


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_expect_digest_accepts_twelve_digits(tagsync: Command, world: Build, prefix: str) -> None:
    library = hundred(world)
    digits = planned(tagsync).removeprefix("sha256:")[:12]
    other = ("1" if digits[0] == "0" else "0") + digits[1:]
    assert tagsync("apply", f"--expect-digest={prefix}{other}", "plan.json").code == 4
    assert tagsync("apply", f"--expect-digest={prefix}{digits[:11]}", "plan.json").code == 64
    assert library.calls.writes == []
    assert tagsync("apply", f"--expect-digest={prefix}{digits}", "plan.json").code == 0


def test_ack_accepts_twelve_digits(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["old"]))
    write_manifest("- {path: /a.jpg, absent: [old]}")
    digits = planned(tagsync).removeprefix("sha256:")[:12]
    other = ("1" if digits[0] == "0" else "0") + digits[1:]
    result = tagsync("apply", f"--ack=emptiedFiles@{other}", "plan.json")
    assert (result.code, library.calls.writes) == (4, [])
    assert f"is for another plan, sha256:{other}" in result.err
    assert tagsync("apply", f"--ack=newTags@{digits}", "plan.json").code == 4
    assert tagsync("apply", f"--ack=emptiedFiles@{digits}", "plan.json").code == 0


def test_saved_plan_is_applied_alone_and_refuses_options_of_plan(tagsync: Command, world: Build) -> None:
    hundred(world)
    planned(tagsync)
    for words in (["plan.json", "tags.yaml"], ["--as-of=2026-01-01", "plan.json"], ["--policy=tags.yaml", "plan.json"]):
        assert tagsync("apply", *words).code == 64
    tagsync("apply", "--report=json=report.json", "plan.json")
    result = tagsync("apply", "report.json")
    assert (result.code, "report.json is a report: apply takes manifests, or a plan" in result.err) == (64, True)


def test_plan_with_errors_is_not_saved(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    write_manifest("- {path: /gone.jpg, tags: [x]}")
    result = tagsync("plan", "--out=plan.json", "tags.yaml")
    assert result.code == 1
    assert "warning: no plan was saved as plan.json\n" in result.err
    assert not Path("plan.json").exists()
    Path("plan.json").write_text("older", encoding="utf-8")
    assert (
        "no plan was saved as plan.json, what is there is an older one"
        in tagsync("plan", "--out=plan.json", "x.yaml").err
    )
    assert Path("plan.json").read_text("utf-8") == "older"


def test_plan_refused_by_strict_is_not_saved(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [x]}\n- {match: /nothing/**, tags: [x]}")
    assert tagsync("plan", "--strict", "--out=plan.json", "tags.yaml").code == 1
    assert not Path("plan.json").exists()
    assert (
        "Saved as plan.json. To apply it: tagsync apply plan.json\n"
        in tagsync("plan", "--out=plan.json", "tags.yaml").err
    )


def test_file_named_dash_is_refused(tagsync: Command, world: Build) -> None:
    hundred(world)
    for option in ("--out=-", "--report=text=-"):
        result = tagsync("plan", option, "tags.yaml")
        assert (result.code, "- is not a file name: for standard output, use --format" in result.err) == (64, True)


def test_saved_plan_ignores_variables_of_plan(tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    hundred(world)
    planned(tagsync)
    for name, value in (("POLICY", "policy.yaml"), ("AS_OF", "2026-01-01"), ("LAST", "none")):
        monkeypatch.setenv(f"TAGSYNC_{name}", value)
    assert tagsync("apply", "plan.json").code == 0


def test_ack_for_another_plan_is_a_warning_and_the_guard_one_error(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg", ["old"]))
    write_manifest("- {path: /a.jpg, absent: [old]}")
    planned(tagsync)
    result = tagsync("apply", f"--ack=emptiedFiles@sha256:{'0' * 64}", "plan.json")
    assert result.code == 4
    assert result.err.count("Blocked by guard emptiedFiles") == 1
    assert "warning: the --ack given for emptiedFiles is for another plan, sha256:0000" in result.err


def test_saved_plan_for_a_sandbox_needs_the_sandbox(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [x]}")
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "tags.yaml")
    result = tagsync("apply", "plan.json")
    assert (result.code, result.err) == (
        4,
        "error: this plan is for the sandbox of library.jsonl: give --sandbox and the path of that file\n",
    )


@pytest.mark.usefixtures("two_files")
def test_saved_plan_is_refused_for_another_library_file_of_the_same_name(
    tagsync: Command, library: Callable[..., Path]
) -> None:
    Path("other").mkdir()
    library(file_object("/c.jpg"), name="other/library.jsonl")
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "tags.yaml")
    result = tagsync("apply", "--sandbox=other/library.jsonl", "plan.json")
    assert (result.code, result.err) == (
        4,
        (
            "error: this plan is for another library than sandbox library.jsonl: its library file has the same name, "
            "but other content. Use --sandbox with the path of that file, or plan again for this library\n"
        ),
    )
    tagsync("apply", "--sandbox=library.jsonl", "--report=report.json", "plan.json")
    undo = tagsync("undo", "--sandbox=other/library.jsonl", "report.json")
    assert (undo.code, "the report is of another library than sandbox library.jsonl" in undo.err) == (4, True)


@pytest.mark.usefixtures("two_files")
def test_saved_plan_applies_to_a_copy_of_its_library_file_in_another_folder(tagsync: Command) -> None:
    tagsync("plan", "--sandbox=library.jsonl", "--out=plan.json", "tags.yaml")
    Path("copy").mkdir()
    shutil.copy("library.jsonl", "copy")
    result = tagsync("apply", "--sandbox=copy/library.jsonl", "plan.json")
    assert (result.code, result.out.endswith("Apply complete: 1 file verified\n")) == (0, True)


@pytest.mark.usefixtures("no_lag")
def test_rename_keeps_the_old_tag_until_the_new_one_exists(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["footwear", "shoes"]), file_object("/b.jpg", ["footwear"]))
    text = "---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {renames: {footwear: shoes}}\n"
    write_manifest("- {match: /*, tags: [cat]}")
    Path("tags.yaml").write_text(Path("tags.yaml").read_text("utf-8") + text, encoding="utf-8")
    planned(tagsync)
    library.edit("/a.jpg", tags=["footwear"])
    result = tagsync("apply", "plan.json")
    assert result.code == 3
    assert "the tag 'shoes', the new name of a renamed tag, was removed after the plan was made" in result.out
    assert "Plan again to change the stale files." in result.out
    assert (library.tags("/a.jpg"), library.tags("/b.jpg")) == ({"footwear"}, {"cat", "shoes"})
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert library.tags("/a.jpg") == {"cat", "shoes"}


def test_undo_leaves_out_tags_that_are_no_longer_allowed(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["50%", "b"]), file_object("/b.jpg", ["old"]))
    write_manifest("- {match: /*, tags: [k], absent: ['50%', b, old]}")
    tagsync("apply", "--yes", "--report=json=report.json", "tags.yaml")
    result = tagsync("undo", "report.json", "--out=undo.json")
    assert result.code == 3
    assert "warning: tag '50%' is not restored on /a.jpg: ImageKit no longer accepts such a tag" in result.err
    assert tagsync("apply", "undo.json").code == 0
    assert (library.tags("/a.jpg"), library.tags("/b.jpg")) == ({"b"}, {"old"})


def test_saved_plan_can_be_applied_in_parts(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    digest = planned(tagsync)
    files = 0
    for index in (1, 2):
        result = tagsync("apply", "--format=json", f"--shard={index}/2", "plan.json")
        assert (result.code, result.document["digest"]) == (0, digest)
        assert result.document["summary"]["filesChanged"] == len(result.document["changes"])
        files += len(result.document["changes"])
    assert files == 100
    library.calls.calls.clear()
    assert tagsync("apply", "--select=/04*", "--format=json", "plan.json").document["summary"]["filesChanged"] == 10
    assert library.calls.writes == []


def test_digest_is_the_same_on_any_machine(tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    hundred(world)
    digest = planned(tagsync)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert tagsync("plan", "--format=json", "../tags.yaml").document["digest"] == digest
    for size in (1, 5):
        assert tagsync("plan", f"--concurrency={size}", "--format=json", "../tags.yaml").document["digest"] == digest


# Guards


GUARDED = {
    "removedTags": ("- {match: /*, absent: [old], tags: [new]}", "removedTags: {above: 4, percent: 10}"),
    "removedAiTags": ("- {match: /*, aiTags: {minConfidence: 50}}", "removedAiTags: {above: 4, percent: 10}"),
    "changedFiles": ("- {match: /*, tags: [new]}", "changedFiles: {above: 4, percent: 10}"),
    "emptiedFiles": ("- {match: /*, absent: [old, x]}", "emptiedFiles: {above: 4}"),
    "newTags": ("- {match: /*, tags: [t1, t2, t3, t4, t5]}", "newTags: {above: 4}"),
}


@pytest.mark.parametrize("guard", GUARDED)
def test_guard_is_acknowledged_for_this_plan_and_not_for_the_next(tagsync: Command, world: Build, guard: str) -> None:
    entries, limits = GUARDED[guard]
    library = world(*(file_object(f"/{n}.jpg", ["old", "x"], [ai("Dog", 10)]) for n in range(8)))
    policy = f"---\napiVersion: tagsync/v1\nkind: Policy\nspec: {{guards: {{{limits}}}}}\n"
    lax = "---\napiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {emptiedFiles: {above: 99}}}\n"
    others = "" if guard == "emptiedFiles" else lax
    write_manifest(entries)
    Path("tags.yaml").write_text(Path("tags.yaml").read_text("utf-8") + policy + others, encoding="utf-8")
    result = tagsync("plan", "--out=plan.json", "--report=json=again.json", "tags.yaml")
    assert result.code == 4
    digest = json.loads(Path("plan.json").read_text("utf-8"))["digest"]
    ack = f"--ack={guard}@{digest}"
    assert f"error: Blocked by guard {guard}: the plan " in result.err
    assert "'/0.jpg'" in result.err
    assert f"apply it with: {ack.replace('=', ' ')}" in result.err
    assert f"\nAbove the limit of guard {guard}\n" in result.out
    assert "Blocked by" not in result.out, "standard error says it"

    for arguments in (["plan.json"], ["--yes", "tags.yaml"]):
        refused = tagsync("apply", "--format=json", *arguments)
        assert (refused.code, refused.document["outcome"], library.calls.writes) == (4, "refused", [])
        assert [item["code"] for item in refused.document["diagnostics"] if item["level"] == "error"] == ["guard"]
    other = f"--ack={guard}@sha256:{'0' * 64}"
    assert tagsync("apply", other, "plan.json").code == 4
    assert library.calls.writes == []

    applied = tagsync("apply", ack, "plan.json")
    assert applied.code == 0
    assert f"warning: guard {guard} would have blocked this plan, but was acknowledged" in applied.err

    # The same guard blocks the next plan: the library drifted, or the manifests declare other new tags.
    for number in range(8):
        library.edit(f"/{number}.jpg", tags=["old", "other", "x"], ai_tags=[ai("Dog", 11)])
    text = Path("tags.yaml").read_text("utf-8").replace("t1, t2, t3, t4, t5", "u1, u2, u3, u4, u5")
    Path("tags.yaml").write_text(text.replace("absent: [old, x]", "exclusive: true"), encoding="utf-8")
    library.calls.calls.clear()
    result = tagsync("apply", "--yes", ack, "--format=json", "--last=none", "tags.yaml")
    assert (result.code, result.document["outcome"], library.calls.writes) == (4, "refused", [])
    assert f"error: Blocked by guard {guard}: the plan " in result.err
    assert result.document["digest"] != digest


def test_policy_option_replaces_policies_of_the_manifests(tagsync: Command, world: Build) -> None:
    hundred(world)
    entries = Path("tags.yaml").read_text("utf-8")
    head = "apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {%s}}\n"
    Path("tags.yaml").write_text(f"{entries}---\n{head % 'removedTags: {above: 1000}'}", encoding="utf-8")
    Path("policy.yaml").write_text(head % "removedTags: {above: 50}", encoding="utf-8")
    loose = tagsync("plan", "tags.yaml")
    assert loose.code == 0
    assert "warning: tags.yaml:9:17: removedTags allows 1000, more than the default of 100" in loose.err
    assert tagsync("plan", "--policy=policy.yaml", "tags.yaml").code == 4
    assert tagsync("validate", "--policy=tags.yaml", "tags.yaml").code == 1


def test_saved_plan_can_come_through_a_pipe(tagsync: Command, world: Build) -> None:
    hundred(world)
    planned(tagsync)
    os.mkfifo("pipe")
    writing = threading.Thread(target=lambda: Path("pipe").write_bytes(Path("plan.json").read_bytes()))
    writing.start()
    result = tagsync("show", "pipe")
    writing.join()
    assert (result.code, result.out) == (0, tagsync("show", "plan.json").out)


def test_saved_plan_from_an_endless_pipe_is_refused(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_saved, "MAX_DOCUMENT_BYTES", 3 << 20)
    os.mkfifo("pipe")

    def write() -> None:
        with suppress(BrokenPipeError), Path("pipe").open("wb") as pipe:
            while True:
                pipe.write(b"x" * 65536)

    writing = threading.Thread(target=write)
    writing.start()
    result = tagsync("show", "pipe")
    writing.join()
    assert (result.code, result.err) == (1, "error: pipe is larger than 3 MiB: it is not a plan or report\n")


def test_guards_are_evaluated_again_before_the_first_write(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["old", "x"]))
    write_manifest("- {path: /a.jpg, absent: [old]}")
    planned(tagsync)
    library.edit("/a.jpg", tags=["old"])
    result = tagsync("apply", "plan.json")
    assert (result.code, library.calls.writes) == (4, [])
    assert "Blocked by guard emptiedFiles: the plan leaves 1 of 1 file (100 %) without ordinary tags" in result.err
    assert tagsync("show", "plan.json").code == 0


@pytest.mark.parametrize(
    "value",
    ["removedTags", "removedTags@", "typo@sha256:" + "0" * 64, "removedTags@sha256:xyz", "removedTags@0123456789a"],
)
def test_ack_without_guard_or_digest_is_a_usage_error(tagsync: Command, value: str) -> None:
    result = tagsync("apply", f"--ack={value}", "plan.json")
    assert result.code == 64
    assert "is not GUARD@DIGEST" in result.err or "copy at least 12 hex digits" in result.err


# Dates


def test_as_of_is_the_only_influence_of_time(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg", ["sale", "x"]))
    write_manifest("- path: /a.jpg\n  tags: [sale]\n  until: 2026-12-31")
    before = tagsync("plan", "--as-of=2026-12-30", "--format=json", "tags.yaml").document
    after = tagsync("plan", "--as-of=2026-12-31", "--format=json", "tags.yaml").document
    assert before["changes"] == []
    assert [(change["remove"], change["because"][0]["rule"]) for change in after["changes"]] == [(["sale"], "until")]
    assert tagsync("plan", "--as-of=soon", "tags.yaml").code == 64


# Undo


def test_undo_plan_reverts_an_apply(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    tagsync("apply", "--yes", "--report=json=report.json", "tags.yaml")
    result = tagsync("undo", "report.json", "--out=undo.json")
    assert result.code == 3
    assert "warning: AI tag 'Dog' is not restored on /000.jpg, /001.jpg, /002.jpg and 97 more: " in result.err
    assert "warning: this undo leaves out 100 changes on 100 files" in result.err
    assert stat.S_IMODE(Path("undo.json").stat().st_mode) == 0o600
    assert tagsync("apply", "undo.json").out.endswith("Apply complete: 100 files verified\n")
    assert library.tags("/042.jpg") == {"old", "x"}
    again = tagsync("undo", "report.json", "--out=undo.json")
    assert (again.out.startswith("Nothing to undo: "), "To apply it: " in again.err) == (True, False)


def test_undo_restores_ai_tags_as_ordinary_tags_on_request(tagsync: Command, world: Build) -> None:
    library = hundred(world)
    tagsync("apply", "--yes", "--report=json=report.json", "tags.yaml")
    assert tagsync("undo", "--ai-as-tags", "report.json", "--out=undo.json").code == 0
    assert tagsync("apply", "undo.json").code == 0
    assert library.tags("/042.jpg") == {"old", "x", "Dog"}


def test_saved_plan_that_was_undone_warns_that_it_makes_the_changes_again(tagsync: Command, world: Build) -> None:
    hundred(world)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    warning = "warning: this plan was undone at "
    assert warning not in tagsync("apply", "plan.json").err
    tagsync("undo", "--out=undo.json")
    assert warning not in tagsync("apply", "undo.json").err
    assert warning in tagsync("apply", "--select=/00*", "plan.json").err
    # The newest apply is no undo now.
    assert warning not in tagsync("apply", "plan.json").err


def test_undo_of_an_undo_warns_that_it_makes_the_changes_again(tagsync: Command, world: Build) -> None:
    hundred(world)
    tagsync("apply", "--yes", "tags.yaml")
    first = tagsync("undo", "--out=undo.json")
    tagsync("apply", "undo.json")
    again = "this undoes an undo"
    asks = "The manifests still ask for the reverted changes. Update them, or the next apply makes the changes again."
    assert (again in first.err, asks in first.err) == (False, True)
    second = tagsync("undo").err
    assert (again in second, asks in second) == (True, False)


def test_undo_needs_a_report_of_this_target(tagsync: Command, world: Build) -> None:
    hundred(world)
    planned(tagsync)
    tagsync("apply", "--report=json=report.json", "plan.json")
    result = tagsync("undo", "plan.json", "--out=undo.json")
    assert (result.code, "plan.json is a plan: undo needs the report of an apply" in result.err) == (64, True)
    assert tagsync("undo", "report.json", "--account=other", "--out=undo.json").code == 4
    assert not Path("undo.json").exists()


def test_undo_without_a_file_uses_the_newest_kept_report_with_changes(tagsync: Command, world: Build) -> None:
    library = world(file_object("/a.jpg", ["x"]))
    for tag in ("first", "second"):
        write_manifest(f"- {{path: /a.jpg, tags: [{tag}]}}")
        tagsync("apply", "--yes", "tags.yaml")
    assert tagsync("apply", "--yes", "tags.yaml").out.startswith("Nothing to do")
    result = tagsync("undo")
    assert result.code == 0
    assert "  - second  1 file   tags.yaml:5:29" in result.out
    assert "first" not in result.out
    assert re.search(r"Undo of the apply that ended at \S+: \.tagsync/last/\w+\.000002\.json\n", result.err)
    assert tagsync("undo", "--out=undo.json").code == 0
    assert tagsync("apply", "undo.json").code == 0
    assert library.tags("/a.jpg") == {"x", "first"}


def test_undo_without_a_file_ignores_reports_of_other_accounts(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [new]}")
    nothing = tagsync("undo")
    assert (nothing.code, nothing.out) == (1, "")
    assert "/work/.tagsync has no report of an apply that changed something in key-" in nothing.err
    assert not Path(".tagsync").exists()
    tagsync("apply", "--yes", "--account=shop", "tags.yaml")
    assert tagsync("undo", "--account=shop").code == 0
    assert tagsync("undo").code == 0  # tagsync remembers the account of this key
    assert tagsync("undo", "--account=other").code == 1


def test_undo_without_a_file_stops_at_a_damaged_report(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    for tag in ("first", "second"):
        write_manifest(f"- {{path: /a.jpg, tags: [{tag}]}}")
        tagsync("apply", "--yes", "tags.yaml")
    newest = max(Path(".tagsync/last").iterdir())
    newest.write_text(newest.read_text("utf-8").replace("second", "secone"), encoding="utf-8")
    result = tagsync("undo")
    assert (result.code, result.out) == (4, "")
    assert "was changed after tagsync wrote it" in result.err


def test_undo_without_a_file_finds_the_report_of_a_shard(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [new]}")
    tagsync("apply", "--yes", "--shard=1/1", "tags.yaml")
    assert "- new" in tagsync("undo").out


PART = '- {match: "/*", tags: [new], absent: [old]}'


@pytest.mark.usefixtures("no_lag")
@pytest.mark.parametrize(
    "how", ["--no-verify", "--max-requests=1", "--on-error=stop", "--batching=exact", "--concurrency=1"]
)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="removeTags", status=400),
        Fault(on="addTags", lose=True, times=1),
        Fault(on="addTags", call=1, failFiles=(id_of("/a.jpg"),)),
        Fault(on="any", call=99),
    ],
    ids=["refused", "lost", "partial", "none"],
)
def test_undo_restores_the_library_after_any_end_of_the_apply(
    tagsync: Command, world: Build, how: str, fault: Fault
) -> None:
    before = {f"/{name}.jpg": {"keep", "old"} if name < "c" else {"new"} for name in "abcd"}
    library = world(*(file_object(path, sorted(tags)) for path, tags in before.items()), faults=(fault,))
    write_manifest(PART)
    tagsync("apply", "--yes", how, "--report=json=report.json", "tags.yaml")
    library.calls.heal()
    result = tagsync("undo", "report.json", "--out=undo.json")
    assert result.code == 0, result.err
    assert tagsync("apply", "undo.json").code == 0
    assert {path: library.tags(path) for path in before} == before


# Edited, with a new checksum


def edited(edit: Callable[[Any], None], name: str = "edited.json") -> str:
    """Save plan.json again with some members replaced and a valid checksum."""
    members = json.loads(Path("plan.json").read_text("utf-8"))
    edit(members)
    Path(name).write_text(saved(members), encoding="utf-8")
    return name


def lets_through(document: Any) -> None:
    for guard in document["guards"]:
        guard.update(blocked=False, of=10**9)


def counts_nothing(document: Any) -> None:
    for guard in document["guards"]:
        guard.update(blocked=False, observed=0, files=[])


def sums_up_to_nothing(document: Any) -> None:
    document["summary"].update(removeTags=0, filesChanged=1)


def undoes_something(document: Any) -> None:
    document["undoes"] = document["digest"]
    counts_nothing(document)


def lists_no_calls(document: Any) -> None:
    document["requests"] = document["requests"][:1]
    document["estimate"]["writeRequests"] = 1


EDITS = [lets_through, counts_nothing, sums_up_to_nothing, undoes_something, lists_no_calls]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("shard", [(), ("--shard=1/2",)])
def test_saved_plan_edited_outside_its_digest_is_refused_everywhere(
    tagsync: Command, world: Build, edit: Callable[[Any], None], shard: tuple[str, ...]
) -> None:
    tags = ["a", "b", "c", "keep"]
    library = world(*(file_object(f"/{n:03d}.jpg", tags) for n in range(120)))
    write_manifest("- {match: /*, absent: [a, b, c], tags: [new]}")
    digest = planned(tagsync, *shard)
    library.calls.calls.clear()
    assert tagsync("apply", f"--expect-digest={digest}", "plan.json").code == 4
    name = edited(edit)
    for command in (["apply", f"--expect-digest={digest}"], ["apply"], ["show"], ["diff", "plan.json"]):
        result = tagsync(*command, name)
        assert (result.code, result.out) == (4, ""), command
        assert "edited.json was " in result.err
    assert library.calls.writes == []


# Distinguished from manifests

CHECKSUM = '"checksum":"sha256:' + "0" * 64 + '"'
HEAD = "apiVersion: tagsync/v1\nkind: TagSet\n"
ENTRY = "spec:\n  files:\n    - {path: /a.jpg, tags: [new]}\n"
IN_JSON = '"spec": {"files": [{"path": "/a.jpg", "tags": ["formatVersion", "new"]}]}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a comment at its end", f"{HEAD}{ENTRY}# ,\n# {CHECKSUM}\n# }}\n"),
        ("a comment on one line", f"{HEAD}{ENTRY}# {CHECKSUM}"),
        ("a tag", f"{HEAD}{ENTRY}    - path: /a.jpg\n      tags: ['{CHECKSUM}']\n"),
        (
            "a tag over many lines",
            f"{HEAD}{ENTRY}    - path: /a.jpg\n      tags:\n        - |-\n          {CHECKSUM}\n",
        ),
        ("a comment at its start", f'# {{"formatVersion": "1.0"}}\n{HEAD}{ENTRY}'),
        ("a tag at its start", "{apiVersion: tagsync/v1, kind: TagSet, " + IN_JSON.replace('"spec"', "spec") + "}"),
        ("JSON", '{"apiVersion": "tagsync/v1", "kind": "TagSet", ' + IN_JSON + "}"),
        ("JSON with a byte order mark", '\ufeff{"apiVersion": "tagsync/v1", "kind": "TagSet", ' + IN_JSON + "}"),
    ],
)
def test_manifest_with_the_keys_of_a_plan_is_a_manifest(tagsync: Command, world: Build, name: str, text: str) -> None:
    library = world(file_object("/a.jpg"))
    Path("tags.json" if "JSON" in name else "tags.yaml").write_text(text, encoding="utf-8")
    result = tagsync("apply", "--yes", "tags.json" if "JSON" in name else "tags.yaml")
    assert result.code == 0, result.err
    assert "new" in library.tags("/a.jpg")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text[1:],
        lambda text: text[50:],
        lambda text: text[:-3],
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: json.dumps(json.loads(text), indent=2),
        lambda text: json.dumps(json.loads(text), sort_keys=True),
        lambda text: " " * 500 + text,
    ],
)
def test_damaged_plan_is_not_read_as_a_manifest(tagsync: Command, world: Build, change: Callable[[str], str]) -> None:
    library = hundred(world)
    planned(tagsync)
    Path("plan.json").write_text(change(Path("plan.json").read_text("utf-8")), encoding="utf-8", newline="")
    library.calls.calls.clear()
    result = tagsync("apply", "--yes", "plan.json")
    assert (result.code, library.calls.calls) == (4, []), result.err
    assert "was changed after tagsync wrote it" in result.err


# Missing files


@pytest.mark.parametrize("name", ["nope.json", "nope.yaml", "no/pe.json", "link.json"])
@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_path_that_does_not_exist_is_an_error(tagsync: Command, world: Build, name: str, yes: tuple[str, ...]) -> None:
    world()
    Path("link.json").symlink_to("nowhere.json")
    for command in (["apply", *yes], ["plan"], ["validate"], ["show"], ["undo", "--out=o.json"], ["diff", "link.json"]):
        result = tagsync(*command, name)
        assert result.code in (1, 64)
        assert "does not exist" in result.err
        assert "--yes" not in result.err


def test_missing_files_are_listed_in_plan_and_report(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"))
    write_manifest("- {path: /a.jpg, tags: [new]}\n- {path: /gone.jpg, tags: [new], ifMissing: skip}")
    planned(tagsync)
    missing = [{"path": "/gone.jpg", "source": "tags.yaml:6:7"}]
    assert json.loads(Path("plan.json").read_text("utf-8"))["missing"] == missing
    assert "1 declared file not found in the library (-v lists it)" in tagsync("show", "plan.json").out
    assert "\n  /gone.jpg  tags.yaml:6:7\n" in tagsync("show", "--verbose", "plan.json").out
    assert "\n  /gone.jpg  tags.yaml:6:7\n" in tagsync("plan", "--verbose", "tags.yaml").out
    assert tagsync("apply", "--format=json", "plan.json").document["missing"] == missing


def test_guard_of_a_filtered_plan_counts_what_is_outside_the_selection(tagsync: Command, world: Build) -> None:
    world(*(file_object(f"/{'ab'[n % 2]}/{n}.jpg", ["old"]) for n in range(5)))
    write_manifest("- {match: /**, absent: [old]}")
    whole = tagsync("plan", "tags.yaml")
    assert "outside the selection" not in whole.err
    part = tagsync("plan", "tags.yaml", "--select", "/b/**")
    assert (
        "the limit is 0 files. Of these, 3 files are outside the selection: guards check the whole plan. " in part.err
    )
