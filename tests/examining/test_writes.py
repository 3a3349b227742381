"""Doctor names how a library writes, and leaves the file of --write-on as it was, also when it is killed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import Sandbox, ai, file_object, id_of, now, run
from examining.test_examination import FILES
from starlette.types import Receive, Scope, Send

import tagsync
from tagsync.errors import LibraryError, LockedError, RefusedError, StateError, UnknownPathError, UsageError
from tagsync.events import Event, Examining
from tagsync.examining.checks import CHECKS
from tagsync.examining.note import PREFIX, Note, read_note, write_note
from tagsync.library.target import locked
from tagsync.model import CheckVerdict, Diagnosis, Finding
from tagsync.sandbox.profile import built_in

Make = Callable[..., Sandbox]

PATH = "/d/e/written.jpg"
TAGS = {"red", "Rot", "a,b", "x" * 100}
WRITTEN = file_object(PATH, sorted(TAGS), [ai("Dog"), ai("Cat")])


def workspace_of(library: Sandbox, folder: Path) -> tagsync.Workspace:
    return tagsync.Workspace(replace(library.target, library=str(folder)), folder / "state")


def examined(library: Sandbox, folder: Path, path: str | None = PATH) -> Diagnosis:
    workspace = workspace_of(library, folder)
    return run(tagsync.doctor_async(workspace.target, workspace=workspace, write_on=path))


def test_doctor_announces_each_check(sandbox: Make, tmp_path: Path) -> None:
    workspace, events = workspace_of(sandbox(*FILES, WRITTEN), tmp_path), list[Event]()
    run(tagsync.doctor_async(workspace.target, workspace=workspace, write_on=PATH, listener=events.append))
    checks = [event.check for event in events if isinstance(event, Examining)]
    assert {"proxy and TLS", "search by id", "limits for reads"} < set(checks)
    # A few checks share their calls with another one.
    shared = {"indexLag", "writeLimits", "updatedAt", "missingFileAi", "malformedId", "overLimit"}
    assert {CHECKS[name].title for name in WRITES if name not in shared} < set(checks)
    assert checks[-1] == "whether the file has its tags again"


def is_as_before(library: Sandbox) -> bool:
    return library.tags(PATH) == TAGS and library.ai_tags(PATH) == {"Dog", "Cat"}


def notes(folder: Path) -> list[Path]:
    return [path for path in (folder / "state").rglob("*") if path.is_file() and path.name != ".gitignore"]


def findings(diagnosis: Diagnosis) -> dict[str, Finding]:
    return {finding.check: finding for finding in diagnosis.findings}


WRITES = [name for name, check in CHECKS.items() if check.topic == "Writes"]


def test_doctor_writes_as_expected_in_a_sandbox(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*FILES, WRITTEN)
    found = examined(library, tmp_path)
    assert not found.differs
    assert {name for name in WRITES if findings(found)[name].reading is None} == {"writeLimits"}
    assert is_as_before(library)
    assert notes(tmp_path) == []
    assert found.restored == ""
    assert found.writes == len(library.writes) < 40


SINGLES = sorted(
    name
    for name, settings in built_in().items()
    if len(settings) == 1 and next(iter(settings)) in WRITES and not name.startswith("over-limit")
)
UNDER_ANOTHER: dict[str, set[str]] = {
    "absent-tag-refused": {"callLength"},  # it is tried by removing tags that are not there
    "added-tags-replaced": {
        name for name in WRITES if name not in ("writes", "addedTags", "updatedAt", "detailsLag", "indexLag")
    },
    "writes-refused": set(WRITES) - {"writes"},
    "file-length-unchecked": {"overLimit"},
    "missing-file-207": {"malformedId"},
}
"""The checks that cannot be made with a profile."""


@pytest.mark.parametrize("name", [*SINGLES, "details-lag"])
def test_doctor_names_the_reading_of_writes(sandbox: Make, tmp_path: Path, name: str) -> None:
    settings = built_in()[name]
    library = sandbox(*FILES, WRITTEN, profile=name, clock=now)
    found = findings(examined(library, tmp_path))
    for setting, value in settings.items():
        assert found[setting].reading == (tuple(value) if isinstance(value, list) else value), setting
    differing = {check for check, finding in found.items() if finding.verdict is CheckVerdict.DIFFERENT}
    assert differing <= set(settings)
    unobserved = {check for check in WRITES if found[check].verdict is CheckVerdict.NOT_OBSERVED} - {"writeLimits"}
    assert unobserved == UNDER_ANOTHER.get(name, set()) - {"writeLimits"}
    assert is_as_before(library)
    assert notes(tmp_path) == []


@pytest.mark.parametrize("name", ["strict", "lenient", "over-limit-400"])
def test_doctor_names_readings_of_several_settings(sandbox: Make, tmp_path: Path, name: str) -> None:
    library = sandbox(*FILES, WRITTEN, profile=name, clock=now)
    found = findings(examined(library, tmp_path))
    observed = {check: found[check].reading for check in WRITES if found[check].reading is not None}
    wanted = {check: value for check, value in built_in()[name].items() if check in observed}
    wanted |= {"writeLimits": tuple(wanted["writeLimits"])} if "writeLimits" in wanted else {}
    assert {check: observed[check] for check in wanted} == wanted
    assert len(observed) >= 14
    assert is_as_before(library)


SEARCHES_REFUSED = {"searchName": "refused", "searchNameInFolder": "refused", "folderListing": "refused"}
MANY = [
    file_object(f"/many/{n}.jpg", createdAt=f"2020-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z")
    for n in range(1001)
]


@pytest.mark.parametrize("tags", ["works", "refused", "ignored"])
def test_doctor_finds_a_file_that_only_the_whole_listing_shows(sandbox: Make, tmp_path: Path, tags: str) -> None:
    library = sandbox(*MANY, WRITTEN, profile=SEARCHES_REFUSED | {"searchTag": tags})
    found = examined(library, tmp_path)
    assert findings(found)["writes"].reading == "accepted"
    assert findings(found)["indexLag"].reading == (0 if tags == "works" else None)
    assert found.reads == len(library.calls) - len(library.writes)
    assert is_as_before(library)


def test_doctor_searches_the_whole_listing_before_it_reports_a_missing_file(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*MANY, WRITTEN, profile=SEARCHES_REFUSED)
    for path in ("/d/e/other.jpg", "written.jpg", "/d//written.jpg"):
        with pytest.raises(UnknownPathError, match="the library has no file"):
            examined(library, tmp_path, path)
    assert library.writes == []


class KilledError(BaseException):
    """Stands for the end of the process."""


def dying(library: Sandbox, after: int, *, applies: bool) -> tagsync.Target:
    """Return a target whose calls all fail from one call on; that call itself may take effect before."""
    calls = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        if calls < after or (calls == after and applies):
            await library.app(scope, receive, send)
        if calls >= after:
            raise KilledError

    return replace(library.target, app=app)


@pytest.mark.parametrize("applies", [False, True])
@pytest.mark.parametrize("profile", ["", "added-tags-replaced"])
def test_doctor_restores_the_file_after_a_kill_at_any_call(
    sandbox: Make, tmp_path: Path, profile: str, *, applies: bool
) -> None:
    few = (FILES[0], FILES[1], WRITTEN)
    whole = sandbox(*few, profile=profile)
    examined(whole, tmp_path)
    first = whole.calls.index("addTags") + 1
    assert len(whole.calls) > first + 3
    library = sandbox(*few, profile=profile)
    for number in range(first - 1, len(whole.calls) + 1):
        workspace = workspace_of(library, tmp_path)
        target = replace(dying(library, number, applies=applies), library=workspace.target.library)
        with pytest.raises(KilledError):
            run(tagsync.doctor_async(target, workspace=replace(workspace, target=target), write_on=PATH))
        has_note = bool(notes(tmp_path))
        assert has_note or is_as_before(library)
        restored = examined(library, tmp_path, None).restored
        assert is_as_before(library), number
        assert notes(tmp_path) == []
        assert restored == (f"'{PATH}' has the tags that it had before" if has_note else "")


def test_doctor_killed_while_restoring_restores_in_the_next_run(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(WRITTEN)
    workspace = workspace_of(library, tmp_path)
    note = Note(id_of(PATH), PATH, tuple(sorted(TAGS)), (f"{PREFIX}a", f"{PREFIX}50%"))
    library.store.save([library.store.files([id_of(PATH)])[id_of(PATH)]._replace(tags=["red", f"{PREFIX}A"])])
    for number in range(1, 6):
        write_note(note, workspace.note_of_examination())
        target = replace(dying(library, number, applies=True), library=workspace.target.library)
        with pytest.raises(KilledError):
            run(tagsync.doctor_async(target, workspace=replace(workspace, target=target)))
    examined(library, tmp_path, None)
    assert is_as_before(library)


def test_doctor_restores_what_details_do_not_show_yet(sandbox: Make, tmp_path: Path) -> None:
    lagging = {"addedTags": "replaced", "detailsLag": 5}
    library = sandbox(WRITTEN, profile=lagging, clock=now)
    workspace = workspace_of(library, tmp_path)

    usual = sandbox(WRITTEN)
    examined(usual, tmp_path)
    first = usual.calls.index("addTags") + 1

    async def killed_and_run_again() -> None:
        target = replace(dying(library, first, applies=True), library=workspace.target.library)
        with pytest.raises(KilledError):
            await tagsync.doctor_async(target, workspace=replace(workspace, target=target), write_on=PATH)
        assert library.tags(PATH) == {f"{PREFIX}a"}
        await tagsync.doctor_async(workspace.target, workspace=workspace)

    run(killed_and_run_again())
    assert is_as_before(library)
    assert notes(tmp_path) == []


def test_doctor_restores_the_file_after_an_error(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*FILES, WRITTEN)
    adding = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal adding
        adding += scope["path"].endswith("addTags")
        if scope["path"].endswith("addTags") and 2 < adding < 9:
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": b"<html>"})
            return
        await library.app(scope, receive, send)

    workspace = workspace_of(library, tmp_path)
    target = replace(workspace.target, app=app)
    found = run(tagsync.doctor_async(target, workspace=replace(workspace, target=target), write_on=PATH))
    assert findings(found)["tagCase"].seen == "no usable response"
    assert is_as_before(library)
    assert notes(tmp_path) == []


def test_doctor_keeps_the_note_if_it_cannot_restore(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(file_object(PATH, ["red", f"{PREFIX}a"]), profile="writes-refused")
    place = workspace_of(library, tmp_path).note_of_examination()
    write_note(Note(id_of(PATH), PATH, ("red",), (f"{PREFIX}a",)), place)
    with pytest.raises(LibraryError, match=r"restored: You do not have permission.* Use a key that can write"):
        examined(library, tmp_path, None)
    assert read_note(place)


def test_doctor_restores_nothing_of_a_deleted_file(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*FILES)
    write_note(
        Note(id_of(PATH), PATH, ("red",), (f"{PREFIX}a",)), workspace_of(library, tmp_path).note_of_examination()
    )
    assert examined(library, tmp_path, None).restored == f"'{PATH}' was deleted meanwhile"
    assert notes(tmp_path) == []


def test_doctor_keeps_tags_that_others_add_meanwhile(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(WRITTEN)
    workspace = workspace_of(library, tmp_path)
    target = replace(dying(library, 30, applies=True), library=workspace.target.library)
    with pytest.raises(KilledError):
        run(tagsync.doctor_async(target, workspace=replace(workspace, target=target), write_on=PATH))
    file = library.store.files([id_of(PATH)])[id_of(PATH)]
    library.store.save([file._replace(tags=[*file.tags, "theirs"])])
    examined(library, tmp_path, None)
    assert library.tags(PATH) == TAGS | {"theirs"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"fileId": 1, "path": "/a", "tags": [], "ours": []}', "[" * 9999]
)
def test_doctor_reports_a_damaged_note(sandbox: Make, tmp_path: Path, text: str) -> None:
    library = sandbox(WRITTEN)
    workspace_of(library, tmp_path).note_of_examination().write_text(text, encoding="utf-8")
    with pytest.raises(StateError, match=rf"is damaged\. .* tags that start with {PREFIX}"):
        examined(library, tmp_path)
    assert library.writes == []


def test_doctor_removes_only_its_tags_whatever_a_note_says(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(WRITTEN)
    place = workspace_of(library, tmp_path).note_of_examination()
    members = {"fileId": id_of(PATH), "path": PATH, "tags": sorted(TAGS), "ours": ["red", f"{PREFIX}a"]}
    place.write_text(json.dumps(members), encoding="utf-8")
    examined(library, tmp_path, None)
    assert library.writes == ["removeTags"]
    assert is_as_before(library)


@pytest.mark.parametrize(
    ("files", "path", "error"),
    [
        ([WRITTEN], "/gone.jpg", (UnknownPathError, "the library has no file '/gone.jpg'")),
        ([WRITTEN], "written.jpg", (UnknownPathError, "give the whole path")),
        ([WRITTEN], PATH.upper(), (UnknownPathError, "has no file")),
        ([file_object(PATH, ["x" * 200, "y" * 201])], PATH, (RefusedError, "have 401 characters")),
        ([file_object(PATH, [f"{PREFIX}a"])], PATH, (RefusedError, "from a run elsewhere")),
        ([WRITTEN, WRITTEN | {"fileId": "a" * 24}], PATH, (RefusedError, "2 files have the path")),
    ],
)
def test_doctor_refuses_an_unsuitable_file(
    sandbox: Make, tmp_path: Path, files: list[Any], path: str, error: tuple[type[Exception], str]
) -> None:
    library = sandbox(*files)
    with pytest.raises(error[0], match=error[1]):
        examined(library, tmp_path, path)
    assert library.writes == []
    assert notes(tmp_path) == []


def test_doctor_needs_a_workspace_and_a_lock_to_write(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(WRITTEN)
    with pytest.raises(UsageError, match="needs a workspace"):
        run(tagsync.doctor_async(library.target, write_on=PATH))
    with locked(workspace_of(library, tmp_path).target), pytest.raises(LockedError):
        examined(library, tmp_path)
    assert library.writes == []


def test_doctor_never_sends_tags_without_its_prefix_or_ai_tags_of_the_file(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*FILES, WRITTEN)
    sent: list[dict[str, list[str]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted() -> Any:
            message = await receive()
            if scope["method"] == "POST" and message.get("body"):
                sent.append(json.loads(message["body"]))
            return message

        await library.app(scope, noted, send)

    workspace = workspace_of(library, tmp_path)
    target = replace(workspace.target, app=app)
    run(tagsync.doctor_async(target, workspace=replace(workspace, target=target), write_on=PATH))
    assert {tag[: len(PREFIX)] for body in sent for tag in (*body.get("tags", ()), *body.get("AITags", ()))} == {PREFIX}
    assert [body["fileIds"] for body in sent if "AITags" in body] == [["0" * 24]]
    assert {file for body in sent for file in body["fileIds"]} == {id_of(PATH), "0" * 24, "tagsync-doctor"}
