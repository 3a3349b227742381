import json
import resource
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import file_object, id_of
from canary import KEY
from cli.command import SECONDS, Command, started, write_manifest


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path]) -> None:
    library(*(file_object(f"/{name}.jpg") for name in "abc"))
    write_manifest("- match: /**\n  tags: [t]")


def test_sandbox_serve_prints_its_address_and_returns_scripted_errors(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest("\n".join(f"- path: /{name}.jpg\n  tags: [tag-{name}]" for name in "abc"))
    fault = {"on": "addTags", "fileId": id_of("/a.jpg"), "failFiles": [id_of("/a.jpg")], "error": "##[error]Locked\n"}
    Path("faults.json").write_text(json.dumps([fault]), encoding="utf-8")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    options = ("--port=0", f"--key={KEY}", "--faults=faults.json", "--latency-ms=1", "--limit=100/1")
    with started("sandbox", "serve", "library.jsonl", *options) as serving:
        assert serving.stdout
        url = serving.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        result = tagsync("apply", "--yes", "--rate=1000", "--endpoint", url, "--report=json=a.json", "tags.yaml")
        monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_wrong")
        assert tagsync("plan", "--endpoint", url, "tags.yaml").code == 1
        serving.send_signal(signal.SIGINT)
        rest, err = serving.communicate(timeout=SECONDS)
    assert (serving.returncode, rest) == (130, "")
    assert err.splitlines()[1:] == [f"  export TAGSYNC_ENDPOINT={url} IMAGEKIT_PRIVATE_KEY=KEY"]
    assert result.code == 3
    assert "  1 file (+1 tag): failed: \\x23#[error]Locked\\x0a\n      /a.jpg\n" in result.out
    changes = json.loads(Path("a.json").read_text("utf-8"))["changes"]
    assert [(change["path"], change["status"], change["error"]) for change in changes] == [
        ("/a.jpg", "failed", r"\x23#[error]Locked\x0a"),
        ("/b.jpg", "confirmed", None),
        ("/c.jpg", "confirmed", None),
    ]


def test_sandbox_serve_prints_how_to_make_it_the_target(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with started("sandbox", "serve", "library.jsonl", "--port=0") as serving:
        assert serving.stderr
        lines = [serving.stderr.readline(), serving.stderr.readline()]
        assert "in another terminal" in lines[0]
        for variable in lines[1].removeprefix("  export ").split():
            monkeypatch.setenv(*variable.split("="))
        result = tagsync("plan", "tags.yaml")
    assert result.code == 0
    assert "3 files: +3 tags" in result.out


def test_sandbox_serve_answers_any_http_client_and_keeps_its_state(tagsync: Command) -> None:
    with started("sandbox", "serve", "library.jsonl", "--port=0") as serving:
        assert serving.stdout
        url = serving.stdout.readline().strip()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{url}/v1/files/addTags",
            data=json.dumps({"fileIds": [id_of(f"/{name}.jpg") for name in "abc"], "tags": ["t"]}).encode(),
            headers={"Authorization": "Basic YW55Og==", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - likewise
            assert answer.status == 200
        taken = tagsync("sandbox", "serve", "library.jsonl", "--port", url.rpartition(":")[2])
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=SECONDS)
    assert serving.returncode in (143, -signal.SIGTERM)
    assert (taken.code, taken.out) == (1, "")
    assert "is not available (Address already in use): choose another with --port" in taken.err
    assert "Nothing to do" in tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").out


def test_sandbox_reset_starts_over_from_the_file(tagsync: Command) -> None:
    tagsync("apply", "--yes", "--sandbox", "library.jsonl", "tags.yaml")
    assert "Nothing to do" in tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").out
    words = "the next command fills the sandbox from library.jsonl\n"
    assert tagsync("sandbox", "reset", "library.jsonl") == (0, "", f"Reset: {words}")
    assert "3 files: +" in tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").out
    assert tagsync("sandbox", "reset", "library.jsonl").err == f"Reset: {words}"
    assert tagsync("sandbox", "reset", "library.jsonl").err == f"Nothing to reset: {words}"


def test_sandbox_reset_does_not_follow_links(tagsync: Command) -> None:
    tagsync("apply", "--yes", "--sandbox", "library.jsonl", "tags.yaml")
    Path(".tagsync/sandbox").rename("elsewhere")
    Path(".tagsync/sandbox").symlink_to(Path("elsewhere").absolute())
    before = sorted(Path("elsewhere").iterdir())
    done = tagsync("sandbox", "reset", "library.jsonl")
    assert (done.code, done.err) == (
        1,
        "error: the folder .tagsync/sandbox is a symbolic link: remove it and run again\n",
    )
    assert sorted(Path("elsewhere").iterdir()) == before


def test_sandbox_reset_names_what_it_cannot_remove(tagsync: Command) -> None:
    tagsync("apply", "--yes", "--sandbox", "library.jsonl", "tags.yaml")
    (database,) = Path(".tagsync/sandbox").glob("*.sqlite")
    database.unlink()
    database.mkdir()
    done = tagsync("sandbox", "reset", "library.jsonl")
    assert done.code == 1
    assert f"{database} cannot be removed: Is a directory: remove it yourself" in done.err


def test_sandbox_reset_affects_only_one_library(tagsync: Command, library: Callable[..., Path]) -> None:
    other = library(file_object("/a.jpg"), name="other.jsonl")
    for path in ("library.jsonl", other):
        tagsync("apply", "--yes", "--sandbox", path, "tags.yaml")
    tagsync("sandbox", "reset", "library.jsonl")
    assert "Nothing to do" in tagsync("plan", "--sandbox", other, "tags.yaml").out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--limit", "many"], 64, "'many' is not a limit: use CALLS/SECONDS, such as 40/1"),
        (["--faults", "tags.yaml"], 64, "tags.yaml is not JSON: write a list of rules"),
        (["--faults", "odd.json"], 64, 'odd.json, rule 1: "on" must be one of list, details'),
        (["--faults", "nowhere.json"], 64, "'nowhere.json' does not exist"),
        (["--port", "70000"], 64, "70000 is not in the range 0<=x<=65535"),
        (["--latency-ms", "-1"], 64, "-1 is not in the range"),
        (["--state-dir", "tags.yaml"], 1, "the state directory tags.yaml is not a folder"),
    ],
)
def test_sandbox_serve_reports_errors_at_once(tagsync: Command, *, options: list[str], code: int, words: str) -> None:
    Path("odd.json").write_text('[{"on": "nothing"}]', encoding="ascii")
    result = tagsync("sandbox", "serve", "library.jsonl", "--port=0", *options)
    assert (result.code, result.out) == (code, "")
    assert words in result.err


@pytest.mark.parametrize("command", ["serve", "reset"])
@pytest.mark.parametrize(("path", "words"), [("nowhere.jsonl", "does not exist"), (".", "is a directory")])
def test_sandbox_library_that_does_not_exist_is_a_usage_error(
    tagsync: Command, command: str, path: str, words: str
) -> None:
    result = tagsync("sandbox", command, path)
    assert result.code == 64
    assert words in result.err


HARDEST = resource.getrlimit(resource.RLIMIT_CORE)[1]


@pytest.fixture
def _cores_are_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (HARDEST, HARDEST))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux tells the limits of another process")
@pytest.mark.skipif(HARDEST == 0, reason="no process of this machine may leave its memory behind anyway")
@pytest.mark.usefixtures("_cores_are_left")
def test_crash_leaves_no_core_dump() -> None:
    with started("sandbox", "serve", "library.jsonl", "--port=0") as serving:
        assert serving.stdout
        assert serving.stdout.readline()
        assert resource.prlimit(serving.pid, resource.RLIMIT_CORE) == (1, 1)
