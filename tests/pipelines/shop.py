"""A repository of manifests, and its library."""

import shutil

from builders import manifest
from pipelines.files import TAGSYNC, Ran, run
from pipelines.jobs import KEY, Job, Remote

CONFIG = """apiVersion: tagsync/v1
kind: Config
manifests: [manifests]
environments: {staging: {account: shop}, production: {account: shop-production}}
"""


class Shop:
    """A repository whose manifests declare tags for all files, and its library."""

    def __init__(self, remote: Remote, url: str, environment: str = "staging") -> None:
        self.remote, self.url, self._environment = remote, url, environment
        (remote.work / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")

    def declare(self, *tags: str, branch: str = "main") -> str:
        """Push manifests that declare these tags for all files, and return the commit."""
        folder = self.remote.work / "manifests"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        rules = "".join(f'- match: "/shop/*"\n  tags: ["{tag}"]\n' for tag in tags)
        (folder / "tags.yaml").write_text(manifest(rules), encoding="utf-8")
        return self.remote.push(branch)

    def plan(self, branch: str = "main") -> tuple[Ran, str]:
        """Run the job of a pull request; return its result and the digest of the plan."""
        job = Job("plan", self.remote, self.url, branch=branch)
        ran = job.attempt()
        return ran, job.runner.put_out().get("digest", "")

    def apply(self, digest: str) -> Job:
        return Job("apply", self.remote, self.url, digest)

    @property
    def tags(self) -> set[str]:
        """All tags of the library."""
        env = {"IMAGEKIT_PRIVATE_KEY": KEY, "TAGSYNC_ENDPOINT": self.url}
        ran = run(
            f"{TAGSYNC} export --no-color -o out --env {self._environment} && cat out/*", env, cwd=self.remote.work
        )
        assert ran.code == 0, ran.err
        shutil.rmtree(self.remote.work / "out")
        return {tag for tag in ("alpha", "beta", "gamma", "delta", "by-hand") if tag in ran.out}
