import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, write_library
from canary import KEY, leaks
from cli.command import Command, Recorder, Result, write_manifest

from tagsync.api.keep import Workspace
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings
from tagsync.errors import StateError
from tagsync.library.target import Target
from tagsync.model import Part
from tagsync.sandbox.faults import Fault, FaultScript


@pytest.fixture(autouse=True)
def _manifest() -> None:
    write_manifest("- match: /**\n  tags: [a]")


def use_key(monkeypatch: pytest.MonkeyPatch, key: str = KEY) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", key)


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_missing_key_error_says_how_to_set_it_or_use_the_sandbox(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    use_key(monkeypatch, key)
    result = tagsync("plan", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: no private key: set IMAGEKIT_PRIVATE_KEY, or set IMAGEKIT_PRIVATE_KEY_FILE to the file with the key; "
        "to try tagsync without an account, use --sandbox LIBRARY.jsonl\n"
    )


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"  {KEY}\r\n"], ids=["bare", "line", "padded"])
def test_key_file_may_have_white_space_around_the_key(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str], text: str
) -> None:
    Path("key").write_text(text, encoding="ascii", newline="")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_FILE", "key")
    assert tagsync("plan", "--endpoint", served(key=KEY), "tags.yaml").code == 0


def test_key_variable_overrides_the_key_file(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    use_key(monkeypatch)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_FILE", "nowhere")
    assert tagsync("plan", "--endpoint", served(key=KEY), "tags.yaml").code == 0


def test_key_file_may_be_a_pipe(tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]) -> None:
    reading, writing = os.pipe()
    os.write(writing, KEY.encode())
    os.close(writing)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_FILE", f"/dev/fd/{reading}")
    result = tagsync("apply", "--yes", "--endpoint", served(file_object("/b.jpg"), key=KEY), "tags.yaml")
    os.close(reading)
    assert "Apply complete: 1 file verified" in result.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "IMAGEKIT_PRIVATE_KEY_FILE: cannot read key: No such file or directory"),
        ("folder", "IMAGEKIT_PRIVATE_KEY_FILE: cannot read key: Is a directory"),
        (b"\xff\xfe\x00", "IMAGEKIT_PRIVATE_KEY_FILE: cannot read key: not a key"),
        (b"", "no private key"),
        (b"private_\x1b[31m", "the private key contains invalid characters: check its source"),
        (b"private_a\nprivate_b\n", "the private key contains invalid characters"),
    ],
)
def test_key_file_without_a_key_is_an_error(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, words: str
) -> None:
    if isinstance(content, bytes):
        Path("key").write_bytes(content)
    elif content:
        Path("key").mkdir()
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_FILE", "key")
    result = tagsync("plan", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert words in result.err


def test_key_with_invalid_characters_is_not_shown(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch, f"{KEY}\nä")
    result = tagsync("plan", "--verbose", "tags.yaml")
    assert (result.code, KEY in result.err) == (1, False)


def test_wrong_key_error_quotes_the_server_and_says_what_to_check(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    use_key(monkeypatch)
    result = tagsync("plan", "--endpoint", served(key="private_other"), "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert "ImageKit does not accept the key: Your account cannot be authenticated." in result.err
    assert "Check that it is the private key of this endpoint's account. It comes from IMAGEKIT_PRIVATE" in result.err


def test_wrong_key_error_asks_for_the_key_before_the_endpoint(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    use_key(monkeypatch)
    url = served(key="private_other")
    monkeypatch.setenv("TAGSYNC_ENDPOINT", url)
    error, hint = tagsync("plan", "tags.yaml").err.splitlines()[-2:]
    assert "It comes from IMAGEKIT_PRIVATE_KEY" in error
    assert hint == f"  If that key is right, check TAGSYNC_ENDPOINT: it is set to '{url}'"


def test_wrong_key_error_names_the_variable_environment_and_endpoint(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    Path("tagsync.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: Config\nmanifests: [tags.yaml]\n"
        "environments: {staging: {key: IMAGEKIT_STAGING}, production: {}}\n",
        encoding="utf-8",
    )
    Path("key").write_text("private_wrong", encoding="utf-8")
    monkeypatch.setenv("IMAGEKIT_STAGING_FILE", "key")
    use_key(monkeypatch)
    url = served(key="private_other")
    for environment, variable in (("staging", "IMAGEKIT_STAGING_FILE"), ("production", "IMAGEKIT_PRIVATE_KEY")):
        for command in (["plan"], ["apply", "--yes"], ["export"], ["doctor"], ["ls"]):
            result = tagsync(*command, "--endpoint", url, "--env", environment)
            words = f"It comes from {variable} (environment {environment}), and tagsync sent it to {url}."
            assert (result.code, words in result.err) == (1, True), (command, result.err)


@pytest.mark.parametrize(
    ("key", "words"), [("public_abc", "this is a public key"), ("private_...", "the private key is a placeholder")]
)
def test_wrong_kind_of_key_is_an_error_before_any_call(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, key: str, words: str
) -> None:
    use_key(monkeypatch, key)
    result = tagsync("plan", "--endpoint", "http://127.0.0.1:9", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert words in result.err
    assert key not in result.err


def test_empty_library_is_a_warning(tagsync: Command, library: Callable[..., Path]) -> None:
    library(name="empty.jsonl")
    result = tagsync("plan", "--sandbox=empty.jsonl", "tags.yaml")
    assert result.code == 0
    assert "warning: the library has no files: check that the key belongs to the right account\n" in result.err


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://api.imagekit.io", "would send the key unencrypted: use https"),
        ("http://192.168.0.1:8787", "would send the key unencrypted: use https"),
        ("http://localhost.example.com", "would send the key unencrypted: use https"),
        ("api.imagekit.io", "is not an http(s) URL: use one like https://api.imagekit.io"),
        ("ftp://api.imagekit.io", "is not an http(s) URL"),
        (f"https://{KEY}@api.imagekit.io", "has a user, query or fragment"),
        (f"https://api.imagekit.io/{KEY}", "the endpoint contains the private key"),
        (f"http://api.imagekit.io/{KEY}", "the endpoint 'http://api.imagekit.io/[the key]' would send the key"),
        (f"{KEY}", "the endpoint '[the key]' is not an http(s) URL"),
        (f"https://x:{KEY}/", "is not a URL"),
    ],
)
def test_unsafe_endpoint_is_a_usage_error(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, endpoint: str, words: str
) -> None:
    use_key(monkeypatch)
    result = tagsync("plan", "--endpoint", endpoint, "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert words in result.err
    assert KEY not in result.err


def test_key_as_account_is_a_usage_error(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch)
    outputs = ("--report", "json=plan.json", "--report", "prometheus=tagsync.prom")
    result = tagsync("plan", "--endpoint", "http://127.0.0.1:9", "--account", f"x-{KEY}", *outputs, "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert "the account contains the private key" in result.err
    assert KEY not in result.err
    assert all(KEY not in path.read_text("utf-8") for path in Path().glob("*.*") if path.is_file())


@pytest.mark.parametrize("name", ["TAGSYNC_ENDPOINT", "IMAGE_KIT_BASE_URL"])
def test_endpoint_error_names_its_variable(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, library: Callable[..., Path], name: str
) -> None:
    use_key(monkeypatch)
    monkeypatch.setenv(name, "ftp://api.imagekit.io\n")
    result = tagsync("plan", "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert result.err == (
        f"error: {name}: the endpoint 'ftp://api.imagekit.io' is not an http(s) URL: use one like "
        "https://api.imagekit.io\n"
    )
    assert tagsync("plan", "--sandbox", library(file_object("/b.jpg")), "tags.yaml").code == 0


@pytest.mark.parametrize("padding", ["\n", "\r\n", " ", "\t"])
def test_environment_values_may_have_white_space_around_them(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str], padding: str
) -> None:
    Path("key").write_text(KEY, encoding="ascii")
    monkeypatch.setenv("TAGSYNC_ENDPOINT", padding)
    for name, value in {
        "IMAGEKIT_PRIVATE_KEY": "",
        "IMAGEKIT_PRIVATE_KEY_FILE": "key",
        "IMAGE_KIT_BASE_URL": served(file_object("/b.jpg"), key=KEY).removeprefix("http://"),
        "TAGSYNC_CONCURRENCY": "2",
        "TAGSYNC_FORMAT": "json",
        "TAGSYNC_ACCOUNT": "shop",
    }.items():
        monkeypatch.setenv(name, f"{padding}{value}{padding}")
    assert tagsync("plan", "tags.yaml").document["target"]["account"] == "shop"


@pytest.mark.parametrize(
    ("name", "value"), [("CONCURRENCY", "many"), ("FORMAT", "xml"), ("SHARD", "3/2"), ("RATE", "0"), ("LINK", "x")]
)
def test_option_error_names_its_variable(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TAGSYNC_{name}", f"{value}\n")
    result = tagsync("plan", "tags.yaml")
    assert result.code == 64
    assert result.err.splitlines()[-1].startswith(f"error: Invalid value for TAGSYNC_{name}: ")
    typed = tagsync("plan", f"--{name.lower()}", value, "tags.yaml").err
    assert typed.splitlines()[-1].startswith(f"error: Invalid value for '--{name.lower()}': ")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("HTTPS_PROXY", "socks5://127.0.0.1:9", 64), ("all_proxy", "[::1", 64), ("SSL_CERT_FILE", "none.pem", 1)],
)
def test_network_setting_error_is_one_line_that_names_it(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: int
) -> None:
    use_key(monkeypatch)
    monkeypatch.setenv(name, value)
    result = tagsync("plan", "--quiet", "tags.yaml")
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert result.err.startswith((f"error: {name} ", f"error: {name}: "))


def test_account_without_a_name_is_a_hash_of_its_key(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    url = served()
    names = []
    for key in (KEY, KEY + "x"):
        use_key(monkeypatch, key)
        names.append(tagsync("plan", "--format", "json", "--endpoint", url, "tags.yaml").document["target"]["account"])
    assert len(set(names)) == 2
    assert all(name.startswith("key-") and KEY not in name for name in names)


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({}, 0),
        ({"key": "private_other"}, 1),
        ({"faults": [Fault(on="addTags", status=400)]}, 3),
        ({"faults": [Fault(on="list", call=1, status=400)]}, 1),
    ],
)
def test_key_never_appears_in_output(
    tagsync: Command,
    monkeypatch: pytest.MonkeyPatch,
    served: Callable[..., str],
    *,
    settings: dict[str, object],
    code: int,
    output: str,
) -> None:
    use_key(monkeypatch)
    if "faults" in settings:
        settings = {"faults": FaultScript(settings["faults"])}  # type: ignore[arg-type]
    result = tagsync(
        "apply",
        "--yes",
        "--verbose",
        f"--format={output}",
        "--report=json=a.json",
        "--report=text=a.txt",
        "--endpoint",
        served(file_object("/b.jpg"), **settings),
        "tags.yaml",
    )
    assert result.code == code
    everything = [result.out, result.err, Path("a.json").read_text("utf-8"), Path("a.txt").read_text("utf-8")]
    assert all(everything[2:])
    assert not any(map(leaks, everything))


def test_sandbox_needs_no_key_and_keeps_its_state(tagsync: Command, library: Callable[..., Path]) -> None:
    path = library(file_object("/b.jpg"))
    assert tagsync("apply", "--yes", "--sandbox", path, "tags.yaml").code == 0
    assert "Nothing to do" in tagsync("plan", "--sandbox", path, "tags.yaml").out
    assert json.loads(path.read_text("utf-8"))["tags"] is None


def test_sandbox_state_is_private_and_separate_for_each_library(tagsync: Command, library: Callable[..., Path]) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        tagsync("plan", "--sandbox", library(name=name), "tags.yaml")
    assert Path(".tagsync").stat().st_mode & 0o777 == 0o700
    assert [path.name.partition("-")[0] for path in sorted(Path(".tagsync/sandbox").glob("*.sqlite"))] == [
        "a.jsonl",
        "b.jsonl",
    ]


@pytest.mark.parametrize("quiet", [False, True])
def test_sandbox_warns_once_of_a_changed_library_file(
    tagsync: Command,
    library: Callable[..., Path],
    *,
    quiet: bool,
) -> None:
    tagsync("plan", "--sandbox", library(file_object("/b.jpg")), "tags.yaml")
    path = library(file_object("/b.jpg"), file_object("/c.jpg"))
    result = tagsync("apply", "--yes", *(["--quiet"] if quiet else []), "--sandbox", path, "tags.yaml")
    words = (
        "warning: library.jsonl has changed since the sandbox was filled from it: to use the new version, run "
        "tagsync sandbox reset library.jsonl\n"
    )
    assert result.err.count(words) == (0 if quiet else 1)
    assert "1 file verified" in result.out


def refusal(tagsync: Command, library: Callable[..., Path]) -> Result:
    result = tagsync("plan", "--sandbox", library(file_object("/b.jpg")), "tags.yaml")
    assert (result.code, result.out) == (1, "")
    return result


def test_state_directory_that_is_a_link_is_refused(tagsync: Command, library: Callable[..., Path]) -> None:
    Path("real").mkdir()
    Path(".tagsync").symlink_to("real")
    assert "the state directory .tagsync is a symbolic link: use the folder itself" in refusal(tagsync, library).err
    assert list(Path("real").iterdir()) == []


def test_state_directory_that_is_a_file_is_refused(tagsync: Command, library: Callable[..., Path]) -> None:
    Path(".tagsync").touch()
    words = "the state directory .tagsync is not a folder: use another --state-dir"
    assert words in refusal(tagsync, library).err


def test_sandbox_folder_that_is_a_file_is_an_error(tagsync: Command, library: Callable[..., Path]) -> None:
    Path(".tagsync").mkdir()
    Path(".tagsync/sandbox").touch()
    words = "the folder .tagsync/sandbox cannot be created (File exists): remove what is in its place, or use another"
    assert words in refusal(tagsync, library).err


def test_damaged_sandbox_error_says_how_to_start_over(tagsync: Command, library: Callable[..., Path]) -> None:
    path = library(file_object("/b.jpg"))
    tagsync("plan", "--sandbox", path, "tags.yaml")
    (database,) = Path(".tagsync/sandbox").glob("*.sqlite")
    database.write_bytes(b"no database at all, but long enough to be read as the header of one" * 50)
    assert "cannot be used (file is not a database): try sandbox reset" in refusal(tagsync, library).err
    assert tagsync("sandbox", "reset", path).code == 0
    assert tagsync("plan", "--sandbox", path, "tags.yaml").code == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF\x00\xff\xfe", "library.jsonl is not text in UTF-8: write one file object of the list API per line"),
        (b'{"fileId": "1"}\n', "library.jsonl:1 is not a file object as the list API returns it: filePath is missing"),
        (b'{"fileId": "1", "filePath": "/a", "tags": [1]}', "returns it: tags must be a list of strings"),
        (b"\n[1]\n", "library.jsonl: object 1 of the array is not a file object as the list API returns it"),
    ],
)
def test_invalid_library_file_error_names_its_line(tagsync: Command, data: bytes, words: str) -> None:
    Path("library.jsonl").write_bytes(data)
    result = tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert words in result.err


def test_unsupported_query_error_names_the_sandbox(tagsync: Command, library: Callable[..., Path]) -> None:
    write_manifest("- query: 'AITags IN [\"x\"]'\n  tags: [a]")
    result = tagsync("plan", "--sandbox", str(library()), "tags.yaml")
    assert result.code == 1
    assert "The sandbox does not support the field AITags in searchQuery (ImageKit may); supported: name," in result.err


def test_folders_found_by_a_query_are_ignored(tagsync: Command, library: Callable[..., Path]) -> None:
    write_manifest('- query: \'type IN ["file", "folder"]\'\n  tags: [a]\n- query: type = "folder"\n  tags: [b]')
    library(file_object("/shop/shoes/1.jpg"), file_object("/2.jpg"), name="deep.jsonl")
    result = tagsync("plan", "--sandbox", "deep.jsonl", "--format=json", "tags.yaml")
    assert result.code == 0
    assert [(item["path"], item["add"]) for item in result.document["changes"]] == [
        ("/2.jpg", ["a"]),
        ("/shop/shoes/1.jpg", ["a"]),
    ]


def test_sandbox_overrides_the_endpoint_and_sends_no_call(
    tagsync: Command, library: Callable[..., Path], served: Callable[..., str]
) -> None:
    calls = Recorder()
    url = served(faults=calls)
    result = tagsync("plan", "--endpoint", url, "--sandbox", library(file_object("/b.jpg")), "tags.yaml")
    assert "Plan: sandbox library.jsonl\n" in result.out
    assert calls.calls == []


def test_sandbox_state_is_in_the_current_folder_for_any_library_file(tagsync: Command, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = write_library(folder / "library.jsonl", [file_object("/b.jpg")])
    assert "Plan: sandbox library.jsonl\n" in (tagsync("plan", "--sandbox", path, "tags.yaml").out)
    assert Path(".tagsync").is_dir()


def test_sandbox_is_named_in_the_command_that_applies_a_saved_plan(tagsync: Command) -> None:
    write_library(Path("my library.jsonl"), [file_object("/b.jpg")])
    said = tagsync("plan", "--sandbox", "my library.jsonl", "--out=plan.json", "tags.yaml").err
    assert "Saved as plan.json. To apply it: tagsync apply plan.json --sandbox 'my library.jsonl'\n" in said


def settings(**given: Any) -> LibrarySettings:
    usual = {"endpoint": None, "account": None, "sandbox": None, "shard": None, "state_dir": Path("s")}
    return LibrarySettings(**{**usual, "concurrency": 1, "rate": None, **given})


def keys(*, key: str = "private_one", **given: Any) -> set[str]:
    return set(Target(key=key, account=given.get("account")).identities)


def test_account_lock_covers_its_key_and_its_name() -> None:
    assert keys() & keys(account="shop")
    assert keys(account="shop") & keys(account="shop", key="private_two")
    assert not keys() & keys(key="private_two")


def places(tagsync: Command) -> list[Path]:
    """Return the files of an apply and a plan in the state directory."""
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert tagsync("plan", "tags.yaml").code == 0
    return sorted(path for path in Path(".tagsync").rglob("*") if path.is_file() and path.name != ".gitignore")


def test_state_directory_holds_a_journal_and_reports(tagsync: Command, world: Callable[..., Any]) -> None:
    world(file_object("/b.jpg"))
    assert {path.parts[1] for path in places(tagsync)} == {"journal", "last"}


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_state_directory_with_a_link_or_pipe_is_not_followed(
    tagsync: Command, world: Callable[..., Any], kind: str
) -> None:
    now = world(file_object("/b.jpg"))
    victim = Path("victim")
    for path in places(tagsync):
        if path.suffix in (".jsonl", ".json"):
            victim.write_text("precious")
            path.unlink()
            path.symlink_to(victim.resolve()) if kind == "link" else os.mkfifo(path)
            now.edit("/b.jpg", tags=[])
            words = tagsync("plan", "tags.yaml").err + tagsync("apply", "--yes", "tags.yaml").err
            assert str(path) in words
            assert victim.read_text() == "precious", path
            path.unlink()


@pytest.mark.parametrize("name", ["journal", "last"])
def test_state_directory_with_a_linked_folder_is_not_followed(
    tagsync: Command, world: Callable[..., Any], name: str
) -> None:
    world(file_object("/b.jpg"))
    Path(".tagsync").mkdir(mode=0o700)
    Path("elsewhere").mkdir()
    Path(".tagsync", name).symlink_to("../elsewhere")
    words = tagsync("plan", "tags.yaml").err + tagsync("apply", "--yes", "tags.yaml").err
    assert f"the folder .tagsync/{name} is a symbolic link: remove it and run again" in words
    assert list(Path("elsewhere").iterdir()) == []


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_sandbox_library_that_is_a_link_is_not_followed(
    tagsync: Command, library: Callable[..., Path], suffix: str
) -> None:
    path = library(file_object("/b.jpg"))
    tagsync("plan", "--sandbox", path, "tags.yaml")
    (database,) = Path(".tagsync/sandbox").glob("*.sqlite")
    database.with_name(database.name + suffix).unlink(missing_ok=True)
    database.with_name(database.name + suffix).symlink_to(Path("victim").absolute())
    assert "it is a symbolic link: remove it and run again" in refusal(tagsync, library).err
    assert not Path("victim").exists()


SAME = ["http://localhost:8787", "http://127.0.0.1:8787/", "HTTP://LocalHost:8787", "http://[::1]:8787"]


@pytest.mark.parametrize("endpoint", SAME)
def test_lock_and_journal_are_the_same_for_any_spelling_of_the_endpoint(tmp_path: Path, endpoint: str) -> None:
    usual, other = (Target(key="any", endpoint=given) for given in ("http://127.0.0.1:8787", endpoint))
    assert usual.identities == other.identities
    assert Workspace(usual, tmp_path / "s").journal == Workspace(other, tmp_path / "s").journal
    assert usual.identities != Target(key="any", endpoint="http://127.0.0.1:8788").identities


def test_lock_of_the_usual_endpoint_keeps_its_name() -> None:
    where = Target(key="any")
    assert where.identities == (f"https://api.imagekit.io\n{where.name.account}",)


@pytest.mark.parametrize("endpoint", SAME)
def test_plan_and_previous_report_are_the_same_for_any_spelling_of_the_endpoint(endpoint: str) -> None:
    where = Target(key="any", endpoint="http://127.0.0.1:8787")
    named = Target(key="any", endpoint=endpoint).name
    assert where.is_named(named)
    assert not where.is_named(named._replace(account="other"))
    assert not where.is_named(named._replace(endpoint="http://127.0.0.1:8788"))


def test_sandbox_lock_is_that_of_its_database(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library.jsonl", [])

    def identities(name: str) -> tuple[str, ...]:
        with workspace_of(settings(sandbox=library, state_dir=tmp_path / name), print) as workspace:
            return workspace.target.identities

    assert identities("s") == identities("s") != identities("t")
    assert identities("s")


def test_journal_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(Target(key="any"), tmp_path / "s")
    path = workspace.journal
    assert path.parent == tmp_path / "s" / "journal"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert replace(workspace, part=Part(1, 2)).journal.name == f"{path.stem}-1-of-2.jsonl"
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    with pytest.raises(StateError, match="is a symbolic link: remove it and run again"):
        _ = workspace.journal
