"""Cause each error of the troubleshooting page, and compare the message with the page."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, id_of, write_library
from cli.command import Command, Result, environment, write_manifest
from cli.conftest import Build, World
from pages import DOCS, Block, blocks, settled

from tagsync.applying import preflight
from tagsync.library.http import retry
from tagsync.library.protocol import MAX_LOOKUPS
from tagsync.sandbox.faults import Fault
from tagsync.sandbox.profile import Profile
from tagsync.workspace.lock import held

PAGE = DOCS / "how-to" / "troubleshooting.md"
NO_DIGEST = "sha256:" + "0" * 64
NO_PORT = "http://127.0.0.1:1"
HATS = "- {match: /shop/hats/*, tags: [hats, new]}"

_VARYING = re.compile(r"\(request [0-9a-f-]{36}\)|process \d+ on \S+ since|sent it to \S+\. ")
"""Parts that may differ between the page and a run: the ID of a call, a process and its machine, an endpoint."""


def sections() -> dict[str, list[Block]]:
    """Return the errors of the page by heading, each with its blocks."""
    lines = PAGE.read_text("utf-8").splitlines()
    starts = {number: line for number, line in enumerate(lines, start=1) if line.startswith("### ")}
    found: dict[str, list[Block]] = {line.removeprefix("### ").strip("`"): [] for line in starts.values()}
    for block in sorted([*blocks(PAGE, "yaml"), *blocks(PAGE, "text")], key=lambda block: block.line):
        above = [line for number, line in starts.items() if number < block.line]
        if above:
            found[above[-1].removeprefix("### ").strip("`")].append(block)
    return found


ERRORS = sections()
FROM_MANIFESTS = [words for words, found in ERRORS.items() if found[0].language == "yaml"]


def messages(words: str) -> list[str]:
    return next(block for block in ERRORS[words] if block.language == "text").text.splitlines()


def check_shown(words: str, result: Result) -> None:
    """Check that a run has printed the words of a heading and the message below it."""
    printed = plain(result.err + result.out)
    assert words in printed
    for line in plain("\n".join(messages(words))).splitlines():
        assert line in printed.splitlines(), printed


def plain(text: str) -> str:
    return "\n".join(settled(_VARYING.sub("*", line)) for line in text.splitlines())


def shop(world: Build, **settings: Any) -> World:
    return world(
        file_object("/shop/hats/cap-black.jpg", ["hats"]), file_object("/shop/hats/beret-red.jpg", ["hats"]), **settings
    )


@pytest.mark.parametrize("words", FROM_MANIFESTS)
def test_troubleshooting_shows_the_errors_of_its_manifests(tagsync: Command, world: Build, words: str) -> None:
    shop(world)
    cause, *mends = [block.text for block in ERRORS[words] if block.language == "yaml"]
    write(cause)
    check_shown(words, tagsync("plan", "--account=shop-staging", "tags.yaml"))
    for mend in mends:
        write(mend)
        assert tagsync("plan", "tags.yaml").code == 0


def write(text: str) -> None:
    """Write a manifest from the page, which shows all of it or only its rules."""
    if text.startswith("- "):
        write_manifest(text)
    else:
        Path("tags.yaml").write_text(f"{text}\n", encoding="utf-8")


@dataclass(frozen=True)
class Stage:
    """Everything that an error may need."""

    tagsync: Command
    world: Build
    served: Callable[..., str]
    environ: pytest.MonkeyPatch


Happens = Callable[[Stage], Result]
HAPPENS: dict[str, Happens] = {}


def error(words: str) -> Callable[[Happens], Happens]:
    def keep(happens: Happens) -> Happens:
        HAPPENS[words] = happens
        return happens

    return keep


def test_troubleshooting_errors_are_all_tested() -> None:
    assert set(ERRORS) == {*FROM_MANIFESTS, *HAPPENS}


@pytest.mark.usefixtures("no_lag")
@pytest.mark.parametrize("words", HAPPENS)
def test_troubleshooting_errors_are_those_of_the_command(
    tagsync: Command, world: Build, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    write_manifest(HATS)
    check_shown(words, HAPPENS[words](Stage(tagsync, world, served, monkeypatch)))


# tagsync.yaml


def configure(default: str = "") -> None:
    text = "apiVersion: tagsync/v1\nkind: Config\nmanifests: [tags.yaml]\nenvironments: {staging: {}, production: {}}\n"
    Path("tagsync.yaml").write_text(text + default, encoding="utf-8")


@error("Missing argument")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan")


@error("select an environment")
def _(stage: Stage) -> Result:
    configure()
    return stage.tagsync("plan")


@error("select the right environment")
def _(stage: Stage) -> Result:
    shop(stage.world)
    configure("defaultEnvironment: production\n")
    stage.tagsync("plan", "--env=staging", "--out=plan.json")
    return stage.tagsync("apply", "plan.json")


# Key and endpoint


@error("no private key")
def _(stage: Stage) -> Result:
    stage.environ.delenv("IMAGEKIT_PRIVATE_KEY")
    return stage.tagsync("plan", "tags.yaml")


@error("IMAGEKIT_PRIVATE_KEY_FILE: cannot read")
def _(stage: Stage) -> Result:
    stage.environ.delenv("IMAGEKIT_PRIVATE_KEY")
    stage.environ.setenv("IMAGEKIT_PRIVATE_KEY_FILE", "/run/secrets/imagekit")
    return stage.tagsync("plan", "tags.yaml")


@error("ImageKit does not accept the key")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan", "--endpoint", stage.served(key="private_right"), "tags.yaml")


@error("this is a public key")
def _(stage: Stage) -> Result:
    stage.environ.setenv("IMAGEKIT_PRIVATE_KEY", "public_wrong")
    return stage.tagsync("plan", "tags.yaml")


@error("the library has no files")
def _(stage: Stage) -> Result:
    stage.world()
    return stage.tagsync("plan", "tags.yaml")


@error("check the endpoint; it must not include /v1")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan", "--endpoint", f"{stage.served()}/v1", "tags.yaml")


@error("cannot connect to")
def _(stage: Stage) -> Result:
    # The message is the same after one attempt as after five with real waits.
    stage.environ.setattr(retry, "MAX_ATTEMPTS", 1)
    return stage.tagsync("plan", "--endpoint", NO_PORT, "tags.yaml")


@error("cannot be resolved: check the endpoint and the network")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan", "--endpoint=https://api.imagekit.invalid", "tags.yaml")


@error("would send the key unencrypted")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan", "--endpoint=http://api.imagekit.io", "tags.yaml")


@error("the sandbox needs")
def _(_stage: Stage) -> Result:
    write_library(Path("library.jsonl"), [])
    missing = (
        "import sys; sys.modules['starlette'] = None; from tagsync.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    ran = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", missing, "plan", "--sandbox=library.jsonl", "tags.yaml"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=30,
    )
    return Result(ran.returncode, ran.stdout, ran.stderr)


@error("TAGSYNC_SANDBOX overrides this --endpoint")
def _(stage: Stage) -> Result:
    stage.environ.setenv("TAGSYNC_SANDBOX", str(write_library(Path("library.jsonl"), [])))
    return stage.tagsync("plan", "--endpoint", NO_PORT, "tags.yaml")


# Paths and files


@error("this file or folder does not exist")
def _(stage: Stage) -> Result:
    return stage.tagsync("validate", "manifest")


@error("no manifest in this folder")
def _(stage: Stage) -> Result:
    Path("manifests").mkdir()
    return stage.tagsync("validate", "manifests")


@error("cannot be written: choose a file in an existing folder that you can write to")
def _(stage: Stage) -> Result:
    shop(stage.world)
    return stage.tagsync("plan", "--out=reports/plan.json", "tags.yaml")


# Apply


@error("not running in a terminal")
def _(stage: Stage) -> Result:
    return stage.tagsync("apply", "tags.yaml")


@error("another apply of this library is running on this machine")
def _(stage: Stage) -> Result:
    url = shop(stage.world).url
    with held(f"{url}\nshop", part=None, timeout=0):
        return stage.tagsync("apply", "--yes", "--account=shop", "tags.yaml")


@error("stale")
def _(stage: Stage) -> Result:
    library = shop(stage.world)
    write_manifest("- {path: /shop/hats/cap-black.jpg, tags: [new]}")
    stage.tagsync("plan", "--out=plan.json", "tags.yaml")
    library.move("/shop/hats/cap-black.jpg", "/shop/caps/cap-black.jpg")
    return stage.tagsync("apply", "plan.json")


@error("were refused with 403")
def _(stage: Stage) -> Result:
    refused = '{"message": "You may not change this file."}'
    files = [file_object(f"/shop/hats/{n}.jpg", ["hats"]) for n in range(3)]
    stage.world(*files, faults=[Fault(on="addTags", status=403, body=refused)])
    result = stage.tagsync("apply", "--yes", "tags.yaml")
    assert result.code == 3
    return result


@error("max-duration reached: the library could not be read")
def _(stage: Stage) -> Result:
    shop(stage.world, faults=[Fault(on="list", status=429, headers={"X-RateLimit-Reset": "900000"})])
    return stage.tagsync("plan", "--max-duration=0.1", "tags.yaml")


@error("Apply incomplete")
def _(stage: Stage) -> Result:
    ids = tuple(id_of(f"/shop/hats/{name}.jpg") for name in ("beret-red", "cap-black"))
    shop(stage.world, faults=[Fault(on="addTags", failFiles=ids, error="Error in adding tags")])
    return stage.tagsync("apply", "--yes", "tags.yaml")


@error("ImageKit refused API calls that add tags which a file already has")
def _(stage: Stage) -> Result:
    files = [file_object(f"/shop/hats/{n}.jpg", ["hats"] * (n < 3)) for n in range(6)]
    url = stage.served(*files, profile=Profile({"repeatedTag": "refused"}))
    result = stage.tagsync("apply", "--yes", "--endpoint", url, "tags.yaml")
    assert result.code == 0
    return result


@error("rate-limited")
def _(stage: Stage) -> Result:
    shop(stage.world, faults=[Fault(on="addTags", status=429, times=1, headers={"X-RateLimit-Reset": "100"})])
    result = stage.tagsync("apply", "--yes", "tags.yaml")
    assert result.code == 0
    return result


@error("waiting for the listing to show recent changes")
def _(stage: Stage) -> Result:
    write_manifest("- {match: /*, tags: [new]}")
    paths = [f"/{number}.jpg" for number in range(MAX_LOOKUPS + 1)]
    library = stage.world(*(file_object(path) for path in paths))
    stage.tagsync("plan", "--out=plan.json", "tags.yaml")
    for path in paths:
        library.edit(path, tags=["new"])  # a lagging index shows this too, if somebody has just reverted the change
    sleep = asyncio.sleep
    stage.environ.setattr(preflight, "LAG_WAITS", (30.0,))
    stage.environ.setattr(asyncio, "sleep", lambda _seconds: sleep(0))
    return stage.tagsync("apply", "plan.json")


@error("Another attempt fails too")
def _(stage: Stage) -> Result:
    refused = '{"message": "Your request contains invalid value for tags parameter."}'
    shop(stage.world, faults=[Fault(on="addTags", status=400, body=refused)])
    write_manifest("- {match: /shop/**, tags: ['boat, rowing']}")
    assert stage.tagsync("apply", "--yes", "tags.yaml").code == 3
    again = stage.tagsync("apply", "--yes", "tags.yaml")
    assert "warning: tags.yaml:5:32: in the previous apply, ImageKit refused the tag 'boat, rowing'" in again.err
    assert again.out.splitlines()[-1] == "Fix what ImageKit refused: the same command fails again."
    return again


@error("does not show the new tag")
def _(stage: Stage) -> Result:
    stage.world(file_object("/shop/hats/beret-red.jpg", ["hat"]), faults=[Fault(on="addTags", ignore=True)])
    write_manifest("- {match: /shop/hats/*, tags: [hats], absent: [hat]}")
    return stage.tagsync("apply", "--yes", "tags.yaml")


# Part of a plan


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
    subprocess.run(["git", *identity, *arguments], check=True)  # noqa: S603, S607 - our own


@error("git knows no revision")
def _(stage: Stage) -> Result:
    shop(stage.world)
    git("init", "-q")
    return stage.tagsync("plan", "--changed-since=origin/main", "tags.yaml")


@error("cannot filter this plan")
def _(stage: Stage) -> Result:
    shop(stage.world)
    git("init", "-q")
    git("add", "tags.yaml")
    git("commit", "-q", "-m", "before")
    with Path("tags.yaml").open("a") as stream:
        stream.write("---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {forbidden: [tmp]}\n")
    return stage.tagsync("plan", "--changed-since=HEAD", "tags.yaml")


@error("matches no file: paths start with /")
def _(stage: Stage) -> Result:
    return stage.tagsync("plan", "--select=shop/hats/*", "tags.yaml")


# Saved plans


def planned(stage: Stage, *options: str) -> Path:
    assert stage.tagsync("plan", "--out=plan.json", *options, "tags.yaml").code == 0
    return Path("plan.json")


@error("this plan is for the sandbox of")
def _(stage: Stage) -> Result:
    stage.environ.delenv("TAGSYNC_ENDPOINT", raising=False)
    planned(stage, f"--sandbox={write_library(Path('library.jsonl'), [])}")
    return stage.tagsync("apply", "plan.json")


@error("plan again for this target")
def _(stage: Stage) -> Result:
    shop(stage.world)
    planned(stage, "--account=shop-production")
    result = stage.tagsync("apply", "--account=shop-staging", "plan.json")
    return result._replace(err=result.err.replace(os.environ["TAGSYNC_ENDPOINT"], "https://api.imagekit.io"))


@error("was changed after tagsync wrote it")
def _(stage: Stage) -> Result:
    shop(stage.world)
    plan = planned(stage)
    plan.write_text(plan.read_text("utf-8").replace('"new"', '"old"'), encoding="utf-8")
    return stage.tagsync("apply", "plan.json")


@error("the manifests, policy or library changed after that plan")
def _(stage: Stage) -> Result:
    shop(stage.world)
    return stage.tagsync("apply", "--yes", f"--expect-digest={NO_DIGEST}", "tags.yaml")


@error("is a saved plan: apply it alone")
def _(stage: Stage) -> Result:
    shop(stage.world)
    planned(stage)
    return stage.tagsync("apply", "plan.json", "tags.yaml")


@error("the --ack given for")
def _(stage: Stage) -> Result:
    shop(stage.world)
    write_manifest("- {match: /shop/hats/*, absent: [hats]}")
    return stage.tagsync("apply", "--yes", f"--ack=emptiedFiles@{NO_DIGEST}", "tags.yaml")


# State directory


@error("is a symbolic link: use the folder itself")
def _(stage: Stage) -> Result:
    Path("elsewhere").mkdir()
    Path(".tagsync").symlink_to("elsewhere")
    return stage.tagsync("plan", f"--sandbox={write_library(Path('library.jsonl'), [])}", "tags.yaml")


@error("is tracked by git")
def _(stage: Stage) -> Result:
    sandbox = f"--sandbox={write_library(Path('library.jsonl'), [])}"
    stage.tagsync("plan", sandbox, "tags.yaml")
    git("init", "-q")
    git("add", "-f", ".tagsync")
    return stage.tagsync("plan", sandbox, "tags.yaml")


@error("has changed since the sandbox was filled from it")
def _(stage: Stage) -> Result:
    sandbox = f"--sandbox={write_library(Path('library.jsonl'), [])}"
    stage.tagsync("plan", sandbox, "tags.yaml")
    write_library(Path("library.jsonl"), [file_object("/shop/hats/cap-black.jpg")])
    return stage.tagsync("plan", sandbox, "tags.yaml")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_wrong")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
