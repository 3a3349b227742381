"""Run the same apply again: after part of an approved plan, after all of it, and with a saved plan."""

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from builders import ai, file_object
from cli.command import SECONDS, Command, Result, process, started, write_manifest
from cli.conftest import Build, World

from tagsync.api.keep import Workspace
from tagsync.sandbox.faults import Fault
from tagsync.workspace.durable_file import make_durable

NAMES = "abcdef"


def shop(world: Build, *faults: Fault) -> World:
    """Return a library in which each file needs separate calls."""
    files = "\n".join(f"- {{path: /{name}.jpg, tags: [{name}], absent: [old-{name}]}}" for name in NAMES)
    write_manifest(files)
    return world(*(file_object(f"/{name}.jpg", ["keep", f"old-{name}"]) for name in NAMES), faults=faults)


def is_done(library: World) -> bool:
    return all(library.tags(f"/{name}.jpg") == {"keep", name} for name in NAMES)


def approved(tagsync: Command, *options: str) -> str:
    """Return the digest of the plan of all manifests."""
    digest: str = tagsync("plan", "--format=json", *options, "tags.yaml").document["digest"]
    return digest


def test_expect_digest_accepts_the_rest_of_an_incomplete_apply(tagsync: Command, world: Build) -> None:
    library = shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}")
    assert tagsync(*again, "--max-requests=2", "tags.yaml").code == 3
    assert tagsync(*again, "--max-requests=3", "tags.yaml").code == 3
    assert not is_done(library)
    assert tagsync(*again, "tags.yaml").code == 0
    assert is_done(library)
    library.calls.calls.clear()
    done = tagsync(*again, "tags.yaml")
    assert (done.code, done.out.startswith("Nothing to do"), library.calls.writes) == (0, True, [])


def test_expect_digest_accepts_the_rest_after_an_apply_without_it(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    digest = json.loads(Path("plan.json").read_text("utf-8"))["digest"]
    assert tagsync("apply", "--max-requests=2", "plan.json").code == 3
    assert tagsync("apply", "--yes", "--max-requests=2", "tags.yaml").code == 3
    assert tagsync("apply", "--yes", f"--expect-digest={digest}", "tags.yaml").code == 0
    assert is_done(library)


def kill_when_it_removes(library: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run a command in a separate process, and kill it once its first removal is sent."""
    removes = threading.Event()
    following = library.calls.next

    def next_fault(endpoint: str, file_ids: Iterable[str]) -> Fault | None:
        found = following(endpoint, file_ids)
        if endpoint == "removeTags":
            removes.set()
            return Fault(on="removeTags", delayMs=2000, status=500)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(library.calls, "next", next_fault)
        with started(*arguments) as running:
            assert removes.wait(SECONDS)
            running.kill()
            running.communicate()


def test_expect_digest_accepts_the_rest_of_a_killed_apply(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}", "tags.yaml")
    kill_when_it_removes(library, monkeypatch, *again)
    assert not is_done(library)
    result = tagsync(*again)
    assert (result.code, is_done(library)) == (0, True)


def test_undo_reverts_what_a_killed_apply_of_the_saved_plan_wrote(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    before = tags(library)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    kill_when_it_removes(library, monkeypatch, "apply", "plan.json")
    assert tagsync("apply", "plan.json").code == 0
    assert is_done(library)
    assert "also undo" not in undone(tagsync)
    assert tags(library) == before


def tags(library: World) -> dict[str, set[str]]:
    return {name: library.tags(f"/{name}.jpg") for name in NAMES}


def an_older_apply(tagsync: Command, library: World) -> dict[str, set[str]]:
    """Apply another manifest first, which no undo of later applies may revert; return the tags."""
    before = Path("tags.yaml").read_text("utf-8")
    write_manifest("- {match: /*, tags: [older]}")
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    Path("tags.yaml").write_text(before, encoding="utf-8")
    return tags(library)


def undone(tagsync: Command, *arguments: str, code: int = 0) -> str:
    """Undo an apply, and return what undo says."""
    made = tagsync("undo", "--out=undo.json", *arguments)
    assert (made.code, tagsync("apply", "undo.json").code) == (code, 0)
    return made.err


def test_undo_after_a_kill_reverts_the_killed_apply(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    before = an_older_apply(tagsync, library)
    kill_when_it_removes(library, monkeypatch, "apply", "--yes", "tags.yaml")
    assert tags(library) != before
    library.edit("/a.jpg", tags=[*library.tags("/a.jpg"), "by-hand"])
    assert "Undo of the apply that began and was killed at" in undone(tagsync)
    assert tags(library) == {**before, "a": before["a"] | {"by-hand"}}


def test_undo_after_a_kill_leaves_a_change_that_somebody_else_made(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest("- {path: /a.jpg, tags: [first], absent: [old]}\n- {path: /b.jpg, absent: [other]}")
    library = world(file_object("/a.jpg", ["keep", "old"]), file_object("/b.jpg", ["keep", "other"]))
    kill_when_it_removes(library, monkeypatch, "apply", "--yes", "--concurrency=1", "tags.yaml")
    # Only one of the removals was sent.
    sent = {call for call in ("old", "other") if call in Path(next(Path(".tagsync/journal").iterdir())).read_text()}
    assert len(sent) == 1
    library.edit("/a.jpg", tags=["keep", "first"])
    library.edit("/b.jpg", tags=["keep"])
    undone(tagsync)
    assert {*library.tags("/a.jpg"), *library.tags("/b.jpg")} == {"keep", *sent}


def test_undo_of_the_run_after_a_kill_names_the_killed_one(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    before = an_older_apply(tagsync, library)
    kill_when_it_removes(library, monkeypatch, "apply", "--yes", "tags.yaml")
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    said = undone(tagsync, code=3)
    assert "that apply continued an incomplete one, whose changes this undo leaves out" in said
    assert tags(library) != before
    undone(tagsync, said.rpartition("also undo ")[2].split("\n")[0])
    assert tags(library) == before


def test_undo_of_the_run_after_an_incomplete_one_names_all_of_them(tagsync: Command, world: Build) -> None:
    library = shop(world)
    before = an_older_apply(tagsync, library)
    for limit in ("--max-requests=2", "--max-requests=3"):
        assert tagsync("apply", "--yes", limit, "tags.yaml").code == 3
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    names = undone(tagsync, code=3).rpartition("also undo ")[2].split("\n")[0].split(", ")
    assert len(names) == 2
    for name in names:
        undone(tagsync, name)
    assert tags(library) == before


@pytest.mark.parametrize("state", [".tagsync", "fresh"])
def test_undo_of_a_saved_plan_that_continued_an_incomplete_one_leaves_out_what_that_one_made(
    tagsync: Command, world: Build, state: str
) -> None:
    library = shop(world)
    before = tags(library)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    assert tagsync("apply", "--max-requests=2", "--report=json=first.json", "plan.json").code == 3
    assert tagsync("apply", f"--state-dir={state}", "plan.json").code == 0
    said = undone(tagsync, f"--state-dir={state}", code=3)
    assert "2 changes on 2 files had been made before this apply sent anything" in said
    assert ("also undo .tagsync" in said) == (state == ".tagsync")
    assert tags(library) != before
    undone(tagsync, "first.json")
    assert tags(library) == before


@pytest.mark.parametrize("again", [False, True])
def test_undo_reverts_an_apply_that_was_killed_just_before_its_report(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    library = shop(world)
    before = an_older_apply(tagsync, library)
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "record", lambda *_: None)
        assert tagsync("apply", "--yes", "tags.yaml").code == 0
    if again:
        assert tagsync("apply", "--yes", "tags.yaml").out.startswith("Nothing to do")
    assert "Undo of the apply that began and was killed at" in undone(tagsync)
    assert tags(library) == before


def test_apply_writes_mark_and_report_to_the_disk_in_time(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    synced: list[tuple[str, bool, bool]] = []

    def note(path: Path) -> None:
        make_durable(path)
        is_marked = any(Path(".tagsync/unfinished").glob("*.running"))
        synced.append((path.suffix, is_marked, bool(library.calls.writes)))

    for module in ("begun", "kept_reports"):
        monkeypatch.setattr(f"tagsync.api.{module}.make_durable", note)
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    # The plan and the mark before the first call, and the report before the mark is removed.
    assert synced == [(".json", False, False), (".running", True, False), (".json", True, True)]
    assert not any(Path(".tagsync/unfinished").iterdir())


def test_undo_reverts_a_killed_apply_of_a_shard(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    before = an_older_apply(tagsync, library)
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "record", lambda *_: None)
        for shard in ("1/2", "2/2"):
            assert tagsync("apply", "--yes", f"--shard={shard}", "tags.yaml").code == 0
    assert is_done(library) is False  # the tag of the older apply is still there
    undone(tagsync)
    assert tags(library) != before
    reports = sorted(Path(".tagsync/last").glob("*-of-2.*.json"))
    assert len(reports) == 2
    for report in reports:
        undone(tagsync, str(report))
    assert tags(library) == before


def test_undo_ignores_a_damaged_report_before_the_newest(tagsync: Command, world: Build) -> None:
    library = shop(world)
    an_older_apply(tagsync, library)
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    oldest = min(Path(".tagsync/last").iterdir())
    oldest.write_bytes(oldest.read_bytes().replace(b"older", b"other"))
    assert "an earlier report is ignored" in undone(tagsync)


@pytest.mark.parametrize("end", ["apply", "undo"])
def test_undo_without_the_plan_of_a_killed_apply_is_refused(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    library = shop(world)
    an_older_apply(tagsync, library)
    kill_when_it_removes(library, monkeypatch, "apply", "--yes", "tags.yaml")
    for path in Path(".tagsync/unfinished").glob("*.json"):
        path.unlink()
    if end == "undo":
        result = tagsync("undo")
        assert (result.code, "what it changed is unknown: its plan was not kept" in result.err) == (1, True)
    else:
        result = tagsync("apply", "--yes", "tags.yaml")
        assert result.code == 0
        assert "the report of an apply that was killed could not be kept, so undo leaves it out" in result.err


def test_undo_while_an_apply_is_running_is_refused(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    an_older_apply(tagsync, library)
    following = library.calls.next
    results: list[Result] = []

    def next_fault(endpoint: str, file_ids: Iterable[str]) -> Fault | None:
        if endpoint == "removeTags" and not results:
            results.append(process("undo"))
        return following(endpoint, file_ids)

    monkeypatch.setattr(library.calls, "next", next_fault)
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert (results[0].code, "apply" in results[0].err) == (4, True)


def test_undo_after_an_apply_that_sent_nothing_reverts_the_one_before(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    before = tags(library)
    an_older_apply(tagsync, library)
    tagsync("plan", "--out=plan.json", "tags.yaml")
    with monkeypatch.context() as patch:
        patch.setattr(library.calls, "next", lambda *_: Fault(on="list", status=401))
        assert tagsync("apply", "plan.json").code == 1
    assert "killed" not in undone(tagsync)
    assert tags(library) == before


def test_plan_after_a_kill_says_that_changes_were_not_applied(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shop(world)
    an_older_apply(tagsync, library)
    kill_when_it_removes(library, monkeypatch, "apply", "--yes", "tags.yaml")
    assert "Cause of all changes: not applied by the previous run" in tagsync("plan", "tags.yaml").out


def a_manifest_changes(_: World) -> None:
    path = Path("tags.yaml")
    path.write_text(f"{path.read_text('utf-8')}# changed", encoding="utf-8")


def another_tag_has_to_go(library: World) -> None:
    library.edit("/z.jpg", tags=["keep", "old-z"])


def a_tag_was_lost_that_was_there(library: World) -> None:
    library.edit("/y.jpg", tags=[])


@pytest.mark.parametrize("change", [a_manifest_changes, another_tag_has_to_go, a_tag_was_lost_that_was_there])
def test_expect_digest_refuses_more_than_the_rest(
    tagsync: Command, world: Build, change: Callable[[World], None]
) -> None:
    write_manifest("- {match: /*, tags: [new], absent: [old-z]}\n- {path: /b.jpg, tags: [b]}")
    library = world(*(file_object(f"/{name}.jpg", ["new"] if name in "yz" else []) for name in "abyz"))
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}")
    assert tagsync(*again, "--max-requests=1", "tags.yaml").code == 3
    change(library)
    library.calls.calls.clear()
    result = tagsync(*again, "tags.yaml")
    assert (result.code, library.calls.writes) == (4, [])
    assert "the manifests, policy or library changed after that plan" in result.err


def test_expect_digest_refuses_the_rest_without_the_state_directory(tagsync: Command, world: Build) -> None:
    shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}")
    assert tagsync(*again, "--max-requests=2", "tags.yaml").code == 3
    assert tagsync(*again, "--state-dir=elsewhere", "tags.yaml").code == 4


def test_expect_digest_accepts_an_empty_plan(tagsync: Command, world: Build) -> None:
    library = shop(world)
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    library.calls.calls.clear()
    result = tagsync("apply", "--yes", f"--expect-digest=sha256:{'0' * 64}", "--state-dir=elsewhere", "tags.yaml")
    assert (result.code, library.calls.writes) == (0, [])


def test_expect_digest_refuses_a_new_plan_after_all_was_applied(tagsync: Command, world: Build) -> None:
    library = shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}", "tags.yaml")
    assert tagsync(*again).code == 0
    library.edit("/a.jpg", tags=["keep", "old-a"])
    assert tagsync(*again).code == 4


def test_expect_digest_accepts_the_rest_after_an_apply_of_some_files(tagsync: Command, world: Build) -> None:
    library = shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}")
    assert tagsync(*again, "--max-requests=2", "tags.yaml").code == 3
    assert tagsync("apply", "--yes", "--select=/a.jpg", "tags.yaml").code == 0
    assert tagsync(*again, "tags.yaml").code == 0
    assert is_done(library)


@pytest.mark.parametrize("option", ["--select=/a.jpg", "--shard=1/2"])
def test_expect_digest_accepts_the_rest_of_a_filtered_saved_plan(tagsync: Command, world: Build, option: str) -> None:
    library = shop(world)
    digest = tagsync("plan", "--format=json", "--out=plan.json", "tags.yaml").document["digest"]
    assert tagsync("apply", option, "--max-requests=1", "plan.json").code == 3
    result = tagsync("apply", "--yes", f"--expect-digest={digest}", option, "tags.yaml")
    assert (result.code, "is ignored" in result.err) == (0, False)
    assert tagsync("apply", "plan.json").code == 0
    assert is_done(library)


def test_expect_digest_of_the_rest_accepts_its_rest(tagsync: Command, world: Build) -> None:
    library = shop(world)
    assert tagsync("apply", "--yes", "--max-requests=2", "tags.yaml").code == 3
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}", "tags.yaml")
    assert tagsync(*again, "--max-requests=2").code == 3
    assert tagsync(*again).code == 0
    assert is_done(library)


def test_damaged_plan_of_an_earlier_apply_is_a_warning(tagsync: Command, world: Build) -> None:
    shop(world)
    again = ("apply", "--yes", f"--expect-digest={approved(tagsync)}")
    assert tagsync(*again, "--max-requests=2", "tags.yaml").code == 3
    (path,) = Path(".tagsync/unfinished").iterdir()
    path.write_text(path.read_text("utf-8").replace("keep", "kept"), encoding="utf-8")
    result = tagsync(*again, "tags.yaml")
    assert result.code == 4
    assert "warning: the plan of an earlier apply is ignored: " in result.err
    assert tagsync("apply", "--yes", "tags.yaml").code == 0


def test_ack_of_a_plan_applies_to_its_rest(tagsync: Command, world: Build) -> None:
    write_manifest(
        "- {match: '/*', absent: [old]}\n" + "\n".join(f"- {{path: /{n}.jpg, tags: [t{n}]}}" for n in range(60))
    )
    library = world(*(file_object(f"/{number}.jpg", ["old"]) for number in range(120)))
    Path("policy.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {removedTags: {percent: 10, above: 10}}}\n",
        encoding="utf-8",
    )
    planned = tagsync("plan", "--format=json", "--policy=policy.yaml", "tags.yaml")
    digest = planned.document["digest"]
    acks = [f"--ack={guard['id']}@{digest}" for guard in planned.document["guards"] if guard["blocked"]]
    assert (planned.code, bool(acks)) == (4, True)
    again = ("apply", "--yes", *acks, "--policy=policy.yaml", "tags.yaml")
    assert tagsync(*again, "--max-requests=5").code == 3
    result = tagsync(*again)
    assert (result.code, result.err.count("is for another plan")) == (0, 0)
    assert library.tags("/100.jpg") == set()


def test_saved_plan_can_be_applied_again(tagsync: Command, world: Build) -> None:
    write_manifest("- {match: '/*', tags: [new], absent: [old], aiTags: {remove: [Dog], promote: {minConfidence: 90}}}")
    with Path("tags.yaml").open("a", encoding="utf-8") as file:
        file.write("---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {renames: {shoe: shoes}}\n")
    library = world(*(file_object(f"/{n}.jpg", ["old", "shoe"], [ai("Dog", 50), ai("Cat", 95)]) for n in range(45)))
    digest = tagsync("plan", "--format=json", "--out=plan.json", "tags.yaml").document["digest"]
    again = ("apply", f"--expect-digest={digest}", "plan.json")
    assert tagsync(*again, "--max-requests=1").code == 3
    assert tagsync(*again, "--max-requests=1").code == 3
    for state in ("fresh", "fresh", ".tagsync"):
        assert tagsync(*again, f"--state-dir={state}").code == 0
    assert (library.tags("/42.jpg"), library.ai_tags("/42.jpg")) == ({"new", "shoes", "Cat"}, set())
    library.calls.calls.clear()
    assert (tagsync(*again).code, library.calls.writes) == (0, [])


# Parts


def test_saved_plan_of_a_shard_is_refused_for_another_shard(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("plan", "--shard=1/3", "--out=plan.json", "tags.yaml")
    library.calls.calls.clear()
    for other in ("2/3", "1/2", "1/1"):
        result = tagsync("apply", f"--shard={other}", "plan.json")
        assert (result.code, result.out, library.calls.writes) == (4, "", [])
        assert f"plan.json is the plan of shard 1/3 and has nothing of shard {other}" in result.err
    assert tagsync("apply", "--shard=1/3", "plan.json").code == 0
    assert tagsync("apply", "plan.json").code == 0
    for other in ("2/3", "3/3"):
        assert tagsync("apply", "--yes", f"--shard={other}", "tags.yaml").code == 0
    assert is_done(library)


def test_saved_plan_of_a_selection_is_refused_for_other_files(tagsync: Command, world: Build) -> None:
    library = shop(world)
    tagsync("plan", "--select=/a*", "--out=plan.json", "tags.yaml")
    library.calls.calls.clear()
    result = tagsync("apply", "--select=/f.jpg", "plan.json")
    assert (result.code, result.out, library.calls.writes) == (4, "", [])
    assert "plan.json is a plan made with --select '/a*' and has nothing of '/f.jpg'" in result.err
    assert tagsync("apply", "--select=/a.jpg", "plan.json").code == 0
    assert library.tags("/a.jpg") == {"keep", "a"}
