"""export --format library records a library, so that the sandbox can simulate it."""

import gzip
import json
import os
import re
import signal
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from builders import ai, file_object, id_of, read_library
from canary import KEY, leaks
from cli.command import Command, started, write_manifest
from cli.conftest import Build

import tagsync
from tagsync.exporting.redaction import Redactor
from tagsync.sandbox.faults import Fault

RECORD = ("export", "--format", "library", "-o", "library.jsonl")
PARTIAL = Path("library.jsonl.partial")


def many(count: int) -> list[dict[str, Any]]:
    """Return files in the order of a listing, some of them of the same time."""
    return [
        file_object(
            f"/{'shop' if number % 3 else 'press'}/{number:05d}.jpg",
            [f"tag-{number % 7}"],
            [ai("Dog", number % 100)],
            createdAt=f"2024-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number // 2 * 2 % 60:02d}:00.000Z",
            customMetadata={"price": number},
        )
        for number in range(count)
    ]


def by_id(objects: list[dict[str, Any]]) -> dict[str, Any]:
    assert len({item["fileId"] for item in objects}) == len(objects)
    return {
        item["fileId"]: (item["filePath"], item["tags"], item["AITags"], item["customMetadata"]) for item in objects
    }


def recorded(name: str = "library.jsonl") -> list[dict[str, Any]]:
    return read_library(Path(name))


def test_record_has_every_file_as_the_library_lists_it(tagsync: Command, world: Build) -> None:
    files = many(2500)
    library = world(*files)
    ran = tagsync(*RECORD)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("Recorded 2,500 files to library.jsonl\n")
    assert by_id(recorded()) == by_id(files)
    assert set(library.calls.calls) == {"list"}
    assert not list(Path().glob("*.partial*"))


def test_record_simulates_the_library(tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    world(*many(300), file_object("/logo.png", ["brand"], customMetadata={"season": "summer"}))
    rules = [
        "- match: /shop/**\n  tags: [shop]\n  aiTags: {minConfidence: 50}",
        '- query: name = "logo.png"\n  tags: ["{customMetadata.season}"]',
    ]
    write_manifest("\n".join(rules))
    assert tagsync(*RECORD).code == 0
    real = tagsync("plan", "--format", "json", "tags.yaml").document["changes"]
    monkeypatch.delenv("TAGSYNC_ENDPOINT")
    assert tagsync("plan", "--format", "json", "--sandbox", "library.jsonl", "tags.yaml").document["changes"] == real
    assert len(real) == 201


def test_record_of_a_folder_has_only_its_files(tagsync: Command, world: Build) -> None:
    world(*many(30))
    assert tagsync(*RECORD, "--path", "/press/").code == 0
    assert {item["filePath"].split("/")[1] for item in recorded()} == {"press"}
    ran = tagsync("export", "--format", "library", "-o", "none.jsonl", "--path", "/nowhere/")
    assert "warning: nothing was recorded: there is no file below /nowhere/; check the path" in ran.err
    assert tagsync("export", "--format", "library", "-o", "a.jsonl", "--path", "shop").code == 64


def test_record_is_compressed_by_its_suffix(tagsync: Command, world: Build) -> None:
    world(*many(30))
    before = os.umask(0o022)
    try:
        for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.GZ"):
            assert tagsync("export", "--format", "library", "-o", name).code == 0
            assert stat.S_IMODE(Path(name).stat().st_mode) == 0o644
    finally:
        os.umask(before)
    text = Path("a.jsonl").read_bytes()
    assert gzip.decompress(Path("b.jsonl.gz").read_bytes()) == text
    assert Path("b.jsonl.gz").read_bytes() == Path("c.jsonl.GZ").read_bytes()


def test_record_keeps_no_partial_file_before_the_first_page(tagsync: Command, world: Build) -> None:
    library = world(*many(3), faults=(Fault(on="list", status=401),))
    failed = tagsync(*RECORD, "--account", "wrong")
    assert (failed.code, "run the same command again" in failed.err, PARTIAL.exists()) == (1, False, False)
    library.calls.heal()
    assert tagsync(*RECORD, "--account", "right").code == 0


@pytest.mark.parametrize("call", [2, 3])
def test_record_goes_on_after_an_interruption(tagsync: Command, world: Build, call: int) -> None:
    files = many(2500)
    library = world(*files, faults=(Fault(on="list", call=call, status=401),))
    failed = tagsync(*RECORD)
    assert failed.code == 1
    assert "  library.jsonl.partial keeps what was read: run the same command again to go on\n" in failed.err
    assert not Path("library.jsonl").exists()
    assert stat.S_IMODE(PARTIAL.stat().st_mode) == 0o600
    assert not leaks(PARTIAL.read_bytes())
    library.calls.heal()
    library.calls.calls.clear()
    ran = tagsync(*RECORD)
    assert ran.code == 0
    assert by_id(recorded()) == by_id(files)
    pages = 4  # three and one that confirms the end
    assert len(library.calls.calls) == pages - (call - 1)
    assert "of them by an earlier run" in ran.err
    assert not list(Path().glob("*.partial*"))


def test_record_reads_the_last_page_again_after_an_interruption(tagsync: Command, world: Build) -> None:
    files = many(1500)
    served = world(*files, faults=(Fault(on="list", call=2, status=401),))
    assert tagsync(*RECORD).code == 1
    served.calls.heal()
    served.edit(files[1499]["filePath"], tags=["new"])
    assert tagsync(*RECORD).code == 0
    assert next(item for item in recorded() if item["fileId"] == files[1499]["fileId"])["tags"] == ["new"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--account", "other"], "is the beginning of a recording of account 'shop', not 'other'"),
        (["--path", "/shop/"], "is the beginning of a recording of folder '/', not '/shop/'"),
    ],
)
def test_record_refuses_a_partial_file_of_another_run(
    tagsync: Command, world: Build, change: list[str], words: str
) -> None:
    library = world(*many(1500), faults=(Fault(on="list", call=2, status=401),))
    assert tagsync(*RECORD, "--account", "shop").code == 1
    library.calls.heal()
    before = PARTIAL.read_bytes()
    ran = tagsync(*RECORD, *(["--account", "shop"] if "--path" in change else []), *change)
    assert ran.code == 4
    assert f"error: library.jsonl.partial {words}: repeat that command" in ran.err
    assert PARTIAL.read_bytes() == before


def test_record_survives_a_kill(tagsync: Command, world: Build) -> None:
    files = many(2500)
    library = world(*files, faults=(Fault(on="list", call=3, delayMs=20_000),))
    with started(*RECORD, env={"TAGSYNC_ENDPOINT": library.url, "IMAGEKIT_PRIVATE_KEY": KEY}) as running:
        for _ in range(300):
            time.sleep(0.1)
            if len(library.calls.calls) >= 3:
                break
        time.sleep(0.3)
        running.send_signal(signal.SIGKILL)
    library.calls.heal()
    ran = tagsync(*RECORD)
    assert ran.code == 0
    assert "of them by an earlier run" in ran.err
    assert by_id(recorded()) == by_id(files)


def test_record_interrupted_by_a_signal_says_how_to_go_on(world: Build) -> None:
    library = world(*many(2500), faults=(Fault(on="list", call=2, delayMs=20_000),))
    with started(*RECORD, env={"TAGSYNC_ENDPOINT": library.url, "IMAGEKIT_PRIVATE_KEY": KEY}) as running:
        for _ in range(300):
            time.sleep(0.1)
            if len(library.calls.calls) >= 2:
                break
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "run the same command again to go on" in err


def test_record_takes_no_partial_file_of_others(tagsync: Command, world: Build) -> None:
    world(*many(3))
    Path("elsewhere").write_text("mine", encoding="utf-8")
    planted: list[tuple[Path, Callable[[Path], None]]] = [
        (PARTIAL, lambda path: path.symlink_to("elsewhere")),
        (PARTIAL, os.mkfifo),
        (PARTIAL, lambda path: os.close(os.open(path, os.O_CREAT, 0o666))),
        (PARTIAL.with_name(f"{PARTIAL}-journal"), lambda path: path.symlink_to("elsewhere")),
    ]
    for path, plant in planted:
        before = os.umask(0)
        plant(path)
        os.umask(before)
        ran = tagsync(*RECORD)
        assert (ran.code, "is not a private file of yours: remove it and run again" in ran.err) == (1, True)
        path.unlink()
    assert Path("elsewhere").read_text("utf-8") == "mine"
    PARTIAL.write_text("no database" * 1000, encoding="utf-8")
    ran = tagsync(*RECORD)
    assert (ran.code, "is damaged, or is no partial recording: remove it and run again" in ran.err) == (1, True)
    PARTIAL.unlink()
    with closing(sqlite3.connect(PARTIAL)) as database, database:
        database.execute("create table files (id text)")
    assert tagsync(*RECORD).code == 1


def test_record_is_written_by_one_run_at_a_time(tagsync: Command, world: Build) -> None:
    world(*many(3))
    with closing(sqlite3.connect(PARTIAL)) as database, database:
        database.execute("pragma locking_mode = exclusive")
        database.execute("begin immediate")
        ran = tagsync(*RECORD)
    assert (ran.code, "is in use: another export is writing it" in ran.err) == (4, True)


def test_record_overwrites_nothing(tagsync: Command, world: Build) -> None:
    world(*many(3))
    Path("library.jsonl").write_text("mine", encoding="utf-8")
    for arguments in (RECORD, ("export", "--format", "library", "-o", "."), RECORD[:3], ("export", "--redact")):
        assert tagsync(*arguments).code == 64
    assert tagsync("export", "--format", "library", "-o", "nowhere/a.jsonl").code == 64
    assert Path("library.jsonl").read_text("utf-8") == "mine"
    assert not PARTIAL.exists()


NAMES = {
    "folder": "SecretFolder", "inner": "Päris Plans", "file": "Anna-Portrait", "extension": "annasmith",
    "tag": "unreleased-model", "ai": "Zoe Lovelace", "source": "my-own-tagger", "field": "codename",
    "value": "Bluebird", "number": 7_654_321, "user": "anna@example.com", "url": "zzcdn.example/annasmith",
    "id": "5e21880d5efe355febd4bccd", "mark": "signature-abc",
}  # fmt: skip


def private_files() -> Iterator[dict[str, Any]]:
    folder, inner, file = NAMES["folder"], NAMES["inner"], NAMES["file"]
    for path in (
        f"/{folder}/{inner}/{file}.JPG",
        f"/{folder}/{inner}/{file}.{NAMES['extension']}",
        f"/{folder}/{file}.tar.gz",
        f"/{folder}/.{file}",
        f"/{inner}\u202e\x1b[31m/{file}",
    ):
        yield file_object(
            path,
            [str(NAMES["tag"]), f"{NAMES['tag']}-2", "a,b%"],
            [ai(str(NAMES["ai"]), 87.25), ai(str(NAMES["tag"]), 12.5, str(NAMES["source"]))],
            url=f"https://{NAMES['url']}/{path}?ik-s={NAMES['mark']}",
            thumbnail=f"https://{NAMES['url']}/tr:n/{path}",
            customMetadata={
                NAMES["field"]: NAMES["value"], "price": NAMES["number"], "sold": True, "empty": None,
                "list": [NAMES["value"], {NAMES["field"]: NAMES["value"]}], "deep": [[[[[[[NAMES["value"]]]]]]]],
            },
            embeddedMetadata={"Artist": NAMES["user"], "Keywords": [NAMES["tag"]]},
            createdBy={"email": NAMES["user"]}, description=NAMES["value"],
            versionInfo={"id": NAMES["id"], "name": NAMES["value"]}, customCoordinates=NAMES["mark"],
            size=NAMES["number"], width=7321, height=0, isPrivateFile=True, fileType=NAMES["value"],
            mime=f"image/{NAMES['mark']}", updatedAt=NAMES["value"], unknown={NAMES["mark"]: NAMES["mark"]},
        )  # fmt: skip


def redacted(files: list[dict[str, Any]], key: bytes = b"k" * 32) -> list[dict[str, Any]]:
    return [Redactor(key)(item) for item in files]


def test_redaction_leaves_no_original_name() -> None:
    files = list(private_files())
    text = json.dumps(redacted(files), ensure_ascii=False).casefold()
    words = {word for value in NAMES.values() for word in (str(value), *re.split(r"[^\w]+", str(value)))}
    originals = {*words, *(id_of(item["filePath"]) for item in files), "price", "sold", "list", "artist", "tar", "7321"}
    assert [word for word in originals if len(word) > 2 and word.casefold() in text] == []
    assert text.isprintable()


def test_redaction_keeps_the_structure() -> None:
    files = list(private_files())
    first, second, third, *_ = kept = redacted(files)
    assert [item["filePath"].count("/") for item in kept] == [item["filePath"].count("/") for item in files]
    assert first["filePath"].rpartition("/")[0] == second["filePath"].rpartition("/")[0]
    assert third["filePath"].split("/")[1] == first["filePath"].split("/")[1]
    assert [Path(item["filePath"]).suffix for item in kept] == [".jpg", "", "", "", ""]
    assert [Path(item["filePath"]).name for item in kept] == [item["name"] for item in kept]
    assert [len(item["tags"]) for item in kept] == [3] * 5
    assert len({tuple(item["tags"]) for item in kept}) == 1
    assert first["AITags"][1]["name"] == first["tags"][0]
    assert [tag["confidence"] for tag in first["AITags"]] == [87.25, 12.5]
    assert first["AITags"][0]["source"] == files[0]["AITags"][0]["source"]
    assert (first["createdAt"], first["size"], first["width"], first["height"]) == (
        "2024-01-01T00:00:00.000Z", 8_000_000, 7000, 0,
    )  # fmt: skip
    types = Counter(type(value).__name__ for value in first["customMetadata"].values())
    assert types == Counter(str=1, int=1, bool=1, NoneType=1, list=2)


def test_redaction_needs_its_key_to_be_repeated() -> None:
    files = list(private_files())
    assert redacted(files) == redacted(files)
    one, other = (set(re.findall(r"[0-9a-f]{12}", json.dumps(redacted(files, bytes([key] * 32))))) for key in (1, 2))
    assert one.isdisjoint(other)


def test_record_redacts_with_a_new_key_for_each_run(
    tagsync: Command, world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world(*private_files(), *many(30))
    for name in ("a.jsonl", "b.jsonl"):
        assert tagsync("export", "--format", "library", "--redact", "-o", name).code == 0
        assert str(NAMES["tag"]) not in Path(name).read_text("utf-8")
    one, other = (recorded(name) for name in ("a.jsonl", "b.jsonl"))
    assert {item["fileId"] for item in one}.isdisjoint({item["fileId"] for item in other})
    write_manifest("- match: /**\n  tags: [x]")
    monkeypatch.delenv("TAGSYNC_ENDPOINT")
    assert tagsync("plan", "--sandbox", "a.jsonl", "--format", "json", "tags.yaml").document["summary"]["addTags"] == 35


def test_record_leaves_out_objects_that_cannot_be_read(tagsync: Command, world: Build) -> None:
    pretty = json.dumps(
        [
            file_object("/a.jpg", customMetadata={"x": "\ud800", "line": "a\nb"}),
            file_object("/b.jpg", fileId=None),
            {"type": "folder", "folderId": "1", "folderPath": "/f"},
        ],
        indent=2,
    )
    world(file_object("/a.jpg"), faults=(Fault(on="list", body=pretty),))
    ran = tagsync(*RECORD)
    assert ran.code == 0
    [item] = recorded()
    assert item["customMetadata"] == {"x": "?", "line": "a\nb"}
    assert "warning: ImageKit lists a file with the path '/b.jpg' that tagsync cannot read" in ran.err


def test_record_works_from_python(world: Build) -> None:
    library = world(*many(30))
    target = tagsync.Target(key=KEY, endpoint=library.url)
    found = tagsync.record(target, "a.jsonl", folder="/shop/", redact=True)
    assert (found.files, found.continued, found.diagnostics) == (20, 0, ())
    assert len(recorded("a.jsonl")) == 20
