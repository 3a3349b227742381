"""The doctor command, as users run it."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ai, file_object, validator_of
from canary import KEY
from cli.command import Command, started
from cli.conftest import Build

from tagsync.sandbox.faults import Fault

Library = Callable[..., Path]

SECRET = "confidential"
FILES = [
    file_object(f"/{SECRET}-folder/deep/{SECRET}-{n}.jpg", [f"{SECRET}-tag-{n}"], [ai(f"{SECRET} Name {n}")])
    for n in range(5)
]


def without_progress(err: str) -> str:
    """Return standard error without the checks that took a second on a busy machine."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("tagsync: checking "))


def test_doctor_command_shows_a_table(tagsync: Command, library: Library) -> None:
    code, out, err = tagsync("doctor", "--sandbox", library(*FILES))
    assert (code, without_progress(err)) == (0, "")
    lines = [line.split("  ") for line in out.splitlines()]
    rows = {parts[1]: [part.strip() for part in parts[2:] if part.strip()] for parts in lines if len(parts) > 2}
    assert rows["search by tag"][0] == "as expected"
    assert rows["private key"][1] == "can read (sandbox)"
    assert out.splitlines()[-2].startswith("Checks: 14 as expected, 0 different, 8 not observed, 18 not tried · ")
    assert out.splitlines()[-1] == (
        "tagsync works with this account. Writes were not tested. A plan for few files searches for them; other plans "
        "read the whole listing, one API call per 1,000 files."
    )


def test_doctor_command_examines_a_server(tagsync: Command, world: Build) -> None:
    made = world(*FILES)
    code, out, _ = tagsync("doctor")
    assert code == 0
    assert made.calls.writes == []
    assert "clocks of ImageKit and this machine   as expected" in out
    assert made.url in out


def test_doctor_command_writes_a_profile_without_anything_private(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(*FILES)
    monkeypatch.setenv("TAGSYNC_ACCOUNT", f"{SECRET}-account")
    code, out, err = tagsync("doctor", "--format", "json", "--out", "profile.json")
    assert (code, without_progress(err)) == (0, "Saved as profile.json. It has no key, host, path, tag or ID.\n")
    text = Path("profile.json").read_text("utf-8")
    assert json.loads(out)["settings"] == json.loads(text)["settings"]
    validator_of("profile").validate(json.loads(text))
    assert len(text) < 8_000
    private = [SECRET, KEY, made.url.partition("//")[2], "127.0.0.1", *(file["fileId"] for file in FILES), "key-"]
    assert [word for word in private if word in text] == []


def test_doctor_command_exits_with_3_if_something_differs(tagsync: Command, world: Build) -> None:
    world(*FILES, faults=(Fault(on="details", body=json.dumps(FILES[0] | {"tags": None})),))
    code, out, _ = tagsync("doctor")
    assert code == 3
    assert "different     0 of 3 files are the same (" in out
    assert "    → Plans may start from old tags." in out


PATH = str(FILES[0]["filePath"])


def test_doctor_command_tests_writes_on_a_file(tagsync: Command, world: Build) -> None:
    made = world(*FILES)
    code, out, err = tagsync("doctor", "--write-on", PATH, "--out", "profile.json")
    assert code == 0
    assert err.splitlines()[0] == f"Testing writes on {PATH}, for up to two minutes"
    assert "calls that change tags                        as expected   accepted: status 200" in out
    text = Path("profile.json").read_text("utf-8")
    validator_of("profile").validate(json.loads(text))
    assert len(text) < 8_000
    assert [word for word in (SECRET, KEY, "127.0.0.1", "tagsync-doctor", *ids()) if word in text] == []
    assert made.tags(PATH) == {f"{SECRET}-tag-0"}


def test_doctor_command_finds_again_what_a_profile_says(tagsync: Command, library: Library) -> None:
    sandbox = ("doctor", "--sandbox", library(*FILES))
    first = tagsync(*sandbox, "--profile", "strict", "--out", "profile.json")
    second = tagsync(*sandbox, "--profile", "profile.json", "--format", "json")
    assert (first.code, second.code) == (3, 3)
    assert second.document["settings"] == json.loads(Path("profile.json").read_text("utf-8"))["settings"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "strict"], "--profile needs --sandbox"),
        (["--sandbox", "library.jsonl", "--profile", "nonsense"], "neither a file nor a built-in profile"),
        (["--sandbox", "library.jsonl", "--profile", "library.jsonl"], "is not JSON"),
    ],
)
def test_doctor_command_refuses_a_profile_that_cannot_be_used(
    tagsync: Command, library: Library, arguments: list[str], words: str
) -> None:
    library(*FILES)
    code, out, err = tagsync("doctor", *arguments)
    assert (code, out) == (64, "")
    assert words in err


def ids() -> list[str]:
    return [str(file["fileId"]) for file in FILES]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_doctor_command_restores_the_file_after_a_signal(
    tagsync: Command, world: Build, number: signal.Signals, code: int
) -> None:
    made = world(*FILES, faults=(Fault(on="addTags", call=4, delayMs=1000),))
    with started("doctor", "--write-on", PATH) as running:
        wait_until(lambda: made.calls.calls.count("addTags") == 4)
        running.send_signal(number)
        assert running.wait(timeout=30) == code
    was_killed = number is signal.SIGKILL
    assert bool(list(Path(".tagsync/doctor").iterdir())) is was_killed
    if was_killed:
        assert f"{SECRET}-tag-0" in made.tags(PATH) != {f"{SECRET}-tag-0"}
        time.sleep(1.2)  # the call in flight takes effect after the kill
        _, _, err = tagsync("doctor")
        assert without_progress(err) == f"Restored after an interrupted run: '{PATH}' has the tags that it had before\n"
    assert made.tags(PATH) == {f"{SECRET}-tag-0"}
    assert tagsync("doctor")[2] == ""


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(2000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen in 20 seconds")


def test_doctor_command_refuses_files_that_are_not_there(tagsync: Command, library: Library) -> None:
    code, out, err = tagsync("doctor", "--sandbox", library(*FILES), "--write-on", "/gone\x1b[31m.jpg")
    assert (code, out) == (1, "")
    assert "error: the library has no file '/gone\\x1b[31m.jpg': give the whole path" in err


def test_doctor_command_reports_a_missing_key(tagsync: Command, served: Callable[..., str]) -> None:
    url = served(*FILES, key="private_other")
    code, out, err = tagsync("doctor", "--endpoint", url)
    assert (code, out) == (1, "")
    assert "no private key: set IMAGEKIT_PRIVATE_KEY" in err


def test_doctor_command_reports_a_refused_key(
    tagsync: Command, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    code, out, err = tagsync("doctor", "--endpoint", served(*FILES, key="private_other"), "--out", "profile.json")
    assert (code, out) == (1, "")
    assert err.startswith("error: ImageKit does not accept the key: Your account cannot be authenticated.")
    assert not Path("profile.json").exists()
