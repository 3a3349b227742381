import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command import Command, Recorder, write_manifest
from cli.conftest import Server
from support import ai, file_object, id_of, write_library

from tagsync.sandbox.app import make_app
from tagsync.sandbox.store import File, Store

TAGS = "- {match: /*, tags: [new], aiTags: {remove: [Dog]}}"


@pytest.fixture
def store(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A library that every command speaks to, and that somebody else may change."""
    files = (file_object("/a.jpg", ["x"], [ai("Dog", 10)]), file_object("/b.jpg", ["x"]))
    made = Store(":memory:", write_library(tmp_path / "served.jsonl", files))
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_any")
    monkeypatch.setenv("TAGSYNC_ENDPOINT", server.add(make_app(made, faults=Recorder())))
    write_manifest(TAGS)
    return made


def put(store: Store, path: str, tags: list[str], *ai_tags: str) -> None:
    store.save([File(id_of(path), tags, [ai(name, 10)._asdict() for name in ai_tags])])


def causes(tagsync: Command, *options: str) -> dict[tuple[str, str], str]:
    document = tagsync("plan", "--format=json", *options, "tags.yaml").document
    return {(item["fileId"], item["tag"]): item["cause"] for item in document.get("drift", ())}


def test_the_report_of_an_apply_is_kept_for_the_next_plan(tagsync: Command, store: Store) -> None:
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    [kept] = Path(".tagsync/last").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    put(store, "/a.jpg", ["x"], "Dog")
    put(store, "/b.jpg", [])
    assert causes(tagsync) == {
        (id_of("/a.jpg"), "new"): "removed in the library",
        (id_of("/a.jpg"), "Dog"): "AI tag came back",
        (id_of("/b.jpg"), "new"): "all tags gone after an upload",
    }
    text = tagsync("plan", "tags.yaml").out
    line = (
        "  since the last apply: 1 removed in the library, 1 AI tag came back, "
        "1 where all tags are gone after an upload"
    )
    assert line in text.splitlines()


def test_a_runner_that_keeps_nothing_may_name_the_report(tagsync: Command, store: Store) -> None:
    tagsync("apply", "--yes", "--report=json=report.json", "tags.yaml")
    shutil.rmtree(".tagsync")
    put(store, "/b.jpg", ["x"])
    assert causes(tagsync) == {}
    assert causes(tagsync, "--last=report.json") == {(id_of("/b.jpg"), "new"): "removed in the library"}
    assert causes(tagsync, "--last=none") == {}


def test_an_ai_tag_that_comes_back_for_ever_is_not_fought_for_ever(tagsync: Command, store: Store) -> None:
    for _ in range(3):
        put(store, "/a.jpg", ["new", "x"], "Dog")
        assert tagsync("apply", "--yes", "tags.yaml").code == 0
        assert store.files([id_of("/a.jpg")])[id_of("/a.jpg")].ai_tags == []
    for _ in range(2):
        put(store, "/a.jpg", ["new", "x"], "Dog")
        result = tagsync("apply", "--yes", "tags.yaml")
        assert (result.code, "Nothing to do" in result.out) == (0, True)
        assert "warning: tags.yaml:5:50: AI tag 'Dog' was removed from 1 file (as /a.jpg) in 3 runs in a" in result.err
    assert "AI tag to remove" in tagsync("plan", "--last=none", "tags.yaml").out


def test_a_report_in_the_state_directory_that_is_of_no_use_is_told_and_counts_as_none(
    tagsync: Command, store: Store
) -> None:
    tagsync("apply", "--yes", "tags.yaml")
    put(store, "/b.jpg", ["x"])
    [kept] = Path(".tagsync/last").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"confirmed", b"confirmee", 1))
    result = tagsync("plan", "--format=json", "tags.yaml")
    assert (result.code, "drift" in result.document) == (0, False)
    assert "warning: the last report tells nothing: " in result.err
    assert "is not byte for byte as tagsync wrote it" in result.err


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        (lambda text: text.replace("confirmed", "confirmee", 1), 4, "is not byte for byte as tagsync wrote it"),
        (lambda _: "{}", 1, "is neither a plan nor a report"),
        (lambda _: None, 1, "report.json cannot be read: No such file or directory"),
    ],
)
def test_a_report_that_was_named_has_to_be_sound(
    tagsync: Command, store: Store, edit: Callable[[str], str | None], code: int, words: str
) -> None:
    tagsync("apply", "--yes", "--report=json=report.json", "tags.yaml")
    assert store.files([id_of("/a.jpg")])
    edited = edit(Path("report.json").read_text("utf-8"))
    Path("report.json").unlink()
    if edited is not None:
        Path("report.json").write_text(edited, encoding="utf-8")
    result = tagsync("plan", "--last=report.json", "tags.yaml")
    assert (result.code, result.out) == (code, "")
    assert words in result.err


@pytest.mark.usefixtures("store")
def test_the_report_of_another_account_is_refused(tagsync: Command) -> None:
    tagsync("apply", "--yes", "--account=shop", "--report=json=report.json", "tags.yaml")
    result = tagsync("plan", "--last=report.json", "tags.yaml")
    assert result.code == 4
    assert "the last report is of shop at http" in result.err


@pytest.mark.usefixtures("store")
def test_a_report_that_cannot_be_kept_costs_the_apply_nothing(tagsync: Command) -> None:
    Path(".tagsync").mkdir(mode=0o700)
    Path(".tagsync/last").write_text("in the way", encoding="utf-8")
    result = tagsync("apply", "--yes", "tags.yaml")
    assert result.code == 0
    assert "warning: the report could not be kept for the next plan: " in result.err


@pytest.mark.usefixtures("store")
def test_a_refused_apply_leaves_the_last_report_as_it_is(tagsync: Command) -> None:
    tagsync("apply", "--yes", "tags.yaml")
    [kept] = Path(".tagsync/last").iterdir()
    before = json.loads(kept.read_bytes())["digest"]
    write_manifest("- {match: /*, absent: [new, x]}")
    assert tagsync("apply", "--yes", "tags.yaml").code == 4
    assert json.loads(kept.read_bytes())["digest"] == before
