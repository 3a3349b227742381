"""The steps that pull-request.md gives for any CI service, run as they are on the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import file_object, write_library
from cli.command import started
from pages import DOCS, blocks
from pipelines.files import TAGSYNC, Ran, check_command, run
from pipelines.jobs import KEY, Remote
from pipelines.shop import Shop
from repository import git

PAGE = DOCS / "how-to" / "pull-request.md"
REF = "refs/tagsync/production"
START, PLAN, APPLY, RECORD = (block.text for block in blocks(PAGE, "sh")[:4])


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    library = write_library(tmp_path / "library.jsonl", [file_object("/shop/a.jpg", ["by-hand"])])
    with started("sandbox", "serve", library, "--port", "0", "--key", KEY, "--state-dir", tmp_path / "s") as process:
        assert process.stdout
        yield process.stdout.readline().strip()


class Service:
    """A CI service with a fresh clone for each job."""

    def __init__(self, folder: Path, url: str) -> None:
        self.shop = Shop(Remote(folder), url, "production")
        self._folder, self._jobs = folder, 0

    def job(self, *scripts: str, branch: str = "main", **env: str) -> tuple[Ran, Path]:
        """Run scripts in a clone of a branch; return the result and the clone."""
        self._jobs += 1
        work = self._folder / f"clone-{self._jobs}"
        git("clone", "--quiet", "--branch", branch, str(self.shop.remote.path), str(work))
        path = f"{TAGSYNC.parent}:/usr/bin:/bin"
        given = {"PATH": path, "IMAGEKIT_PRIVATE_KEY": KEY, "TAGSYNC_ENDPOINT": self.shop.url, "CI": "true"}
        return run("\n".join((START, *scripts)), given | env, cwd=work), work

    def approved(self, branch: str) -> str:
        """Return the digest in the comment on a pull request."""
        ran, work = self.job(PLAN.replace("tagsync test", "#"), branch=branch)
        assert ran.code == 0, ran.err
        found = re.search(r"sha256:[0-9a-f]{64}", (work / "comment.md").read_text("utf-8"))
        assert found
        return found[0]


@pytest.fixture
def service(tmp_path: Path, url: str) -> Service:
    return Service(tmp_path, url)


@pytest.mark.slow
def test_steps_by_hand_prune_through_pull_requests(service: Service) -> None:
    shop = service.shop
    first = shop.declare("alpha", "beta")
    ran, _ = service.job(APPLY, RECORD, digest=service.approved("main"))
    assert (ran.code, shop.remote.ref(REF), shop.tags) == (0, first, {"alpha", "beta", "by-hand"}), ran.err
    shop.declare("beta", "gamma", branch="change")
    digest = service.approved("change")
    merged = shop.remote.push()
    assert service.job(APPLY, RECORD, digest=f"sha256:{'0' * 64}")[0].code == 4
    assert shop.remote.ref(REF) == first
    ran, interrupted = service.job(APPLY, RECORD, digest=digest, TAGSYNC_MAX_REQUESTS="1")
    assert (ran.code, shop.remote.ref(REF)) == (3, first)
    plan = (interrupted / "plan.json").read_text("utf-8")
    later = shop.declare("gamma")
    apply = f"cat > plan.json <<'END'\n{plan}END\n{APPLY.splitlines()[-1]}"
    ran, _ = service.job(apply, RECORD, digest=digest)
    # The clone is of a newer commit than the plan.
    assert (ran.code, shop.remote.ref(REF), shop.tags) == (0, merged, {"beta", "gamma", "by-hand"}), ran.err
    assert service.job(APPLY, RECORD, digest=service.approved("main"))[0].code == 0
    assert (shop.remote.ref(REF), shop.tags) == (later, {"gamma", "by-hand"})


@pytest.mark.slow
def test_steps_by_hand_refuse_an_older_commit_and_a_lost_remote(service: Service) -> None:
    shop = service.shop
    older = shop.declare("alpha")
    git("push", "--quiet", "origin", f"{older}:refs/heads/older", folder=shop.remote.work)
    shop.declare("beta")
    assert service.job(APPLY, RECORD, digest=service.approved("main"))[0].code == 0
    assert service.job("touch reached", branch="older")[0].code == 1
    ran, work = service.job("touch reached", GIT_ALLOW_PROTOCOL="none")
    assert (ran.code != 0, (work / "reached").exists()) == (True, False)


def test_steps_by_hand_move_no_ref_after_a_filtered_apply(service: Service) -> None:
    service.shop.declare("alpha")
    ran, _ = service.job(APPLY, RECORD, digest=service.approved("main"), TAGSYNC_SELECT="/shop/a*")
    assert (ran.code, service.shop.remote.ref(REF)) == (1, None)


def test_steps_by_hand_are_valid_commands() -> None:
    lines = [line for text in (PLAN, APPLY) for line in text.splitlines()]
    names = [check_command(line.partition(" #")[0].replace('"$digest"', "sha256:" + "0" * 64)) for line in lines]
    assert names == ["validate", "test", "plan", "plan", "apply"]
