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
START, PLAN, APPLY, RECORD, CONTINUE = (block.text for block in blocks(PAGE, "sh")[:5])


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

    def job(self, *scripts: str, branch: str = "main", depth: int | None = None, **env: str) -> tuple[Ran, Path]:
        """Run scripts in a clone of a branch; return the result and the folder of the output files."""
        self._jobs += 1
        work = self._folder / f"job-{self._jobs}" / "clone"
        depths = [f"--depth={depth}"] if depth else []
        git("clone", "--quiet", *depths, "--branch", branch, f"file://{self.shop.remote.path}", str(work))
        path = f"{TAGSYNC.parent}:/usr/bin:/bin"
        given = {"PATH": path, "IMAGEKIT_PRIVATE_KEY": KEY, "TAGSYNC_ENDPOINT": self.shop.url, "CI": "true"}
        return run("\n".join((START, *scripts)), given | env, cwd=work), work.parent / "tagsync-production"

    def approved(self, branch: str) -> str:
        """Return the digest in the comment on a pull request."""
        ran, out = self.job(PLAN.replace("tagsync test", "#"), 'echo "approved $digest"', branch=branch)
        assert ran.code == 0, ran.err
        found = re.search(r"sha256:[0-9a-f]{64}", (out / "comment.md").read_text("utf-8"))
        assert found
        assert ran.out.endswith(f"approved {found[0]}\n")
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
    later = shop.declare("gamma")
    ran, _ = service.job(f'cp {interrupted}/plan.json "$out"', CONTINUE, RECORD)
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
    ran, _ = service.job("echo reached", branch="older")
    assert (ran.code, ran.out) == (1, "")
    assert f"error: A newer commit was applied: {REF} is" in ran.err
    ran, _ = service.job("echo reached", GIT_ALLOW_PROTOCOL="none")
    assert (ran.code != 0, ran.out) == (True, "")
    ran, _ = service.job("echo reached", depth=1)
    assert (ran.code, ran.out) == (1, "")
    assert "error: This clone does not have the whole history. Run: git fetch --unshallow origin" in ran.err


def test_steps_by_hand_say_in_the_comment_that_there_is_no_ref(service: Service) -> None:
    service.shop.declare("alpha")
    ran, out = service.job(PLAN.replace("tagsync test", "#"))
    words = f"The remote has no {REF} yet, so this plan removes no tags that are no longer declared.\n"
    assert ran.out.startswith(words)
    assert (out / "comment.md").read_text("utf-8").endswith(f"\n\n{words}")


def test_steps_by_hand_show_the_comment_of_a_plan_that_fails(service: Service) -> None:
    service.shop.declare("alpha")
    ran, out = service.job(PLAN.replace("tagsync test", "#"), "echo reached", IMAGEKIT_PRIVATE_KEY="private_wrong")
    assert (ran.code, "reached" in ran.out) == (1, False)
    assert "does not accept the key" in (out / "comment.md").read_text("utf-8")


@pytest.mark.parametrize(("step", "name"), [(PLAN, "comment.md"), (APPLY, "report.json"), (CONTINUE, "report.json")])
def test_steps_by_hand_leave_no_output_of_an_earlier_job(service: Service, step: str, name: str) -> None:
    service.shop.declare("alpha")
    # The step fails before tagsync writes this file.
    ran, out = service.job(f'echo old > "$out/{name}"', "tagsync() { return 1; }", step)
    assert (ran.code != 0, (out / name).exists()) == (True, False)


def test_steps_by_hand_continue_no_plan_older_than_the_ref(service: Service) -> None:
    shop = service.shop
    shop.declare("alpha")
    ran, older = service.job(APPLY, RECORD, digest=service.approved("main"))
    newer = shop.declare("beta")
    assert service.job(APPLY, RECORD, digest=service.approved("main"))[0].code == 0
    ran, _ = service.job(f'cp {older}/plan.json "$out"', CONTINUE, RECORD)
    assert (ran.code, shop.remote.ref(REF), shop.tags) == (1, newer, {"beta", "by-hand"})
    assert "error: A newer commit than that of this plan was applied" in ran.err
    # Without the check, the older plan adds tags again, and the ref moves back. So the next plan removes them.
    apply = CONTINUE.splitlines()[-1]
    assert service.job(f'cp {older}/plan.json "$out"', apply, RECORD)[0].code == 0
    assert shop.tags == {"alpha", "beta", "by-hand"}
    assert service.job(APPLY, RECORD, digest=service.approved("main"))[0].code == 0
    assert (shop.remote.ref(REF), shop.tags) == (newer, {"beta", "by-hand"})


def test_steps_by_hand_move_no_ref_after_a_filtered_apply(service: Service) -> None:
    service.shop.declare("alpha")
    ran, _ = service.job(APPLY, RECORD, digest=service.approved("main"), TAGSYNC_SELECT="/shop/a*")
    assert (ran.code, service.shop.remote.ref(REF)) == (1, None)
    assert "No applied commit: the plan leaves out changes\n" in ran.out
    assert f"error: {REF} stays. The apply says why: No applied commit." in ran.err


def test_steps_by_hand_are_valid_commands() -> None:
    lines = [line for text in (PLAN, APPLY, CONTINUE) for line in text.splitlines() if line.startswith("tagsync ")]
    names = [check_command(re.split(r" #| \|\|", line)[0].replace('"$digest"', "sha256:" + "0" * 64)) for line in lines]
    assert names == ["validate", "test", "plan", "plan", "apply", "apply"]
