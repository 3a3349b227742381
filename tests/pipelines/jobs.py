"""Run jobs of the GitHub and GitLab pipelines, each time on a fresh runner, with a real git remote."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.conftest import GitHub
from pipelines.files import CI, TAGSYNC, WORKFLOW, Ran, holds, parsed, run
from repository import git

KEY = "private_right"
GITLAB = parsed(CI / "gitlab" / "tagsync.gitlab-ci.yml")

Outputs = dict[str, dict[str, str]]


class Remote:
    """A bare repository, and the clone of somebody who works on it."""

    def __init__(self, folder: Path) -> None:
        self.path, self.work = folder / "remote.git", folder / "work"
        git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path))
        self.work.mkdir()
        git("init", "--quiet", "--initial-branch=main", folder=self.work)
        git("remote", "add", "origin", str(self.path), folder=self.work)

    def push(self, branch: str = "main") -> str:
        """Commit everything in the clone, push it to a branch, and return the commit."""
        git("add", "--all", folder=self.work)
        git("commit", "--quiet", "--allow-empty", "--message", "a state", folder=self.work)
        git("push", "--quiet", "origin", f"+HEAD:refs/heads/{branch}", folder=self.work)
        return git("rev-parse", "HEAD", folder=self.work)

    def ref(self, name: str) -> str | None:
        """Return the commit of a ref; None if there is no such ref."""
        return git("ls-remote", str(self.path), name, folder=self.work).partition("\t")[0] or None


def gitlab_job(
    name: str, remote: Remote, url: str, branch: str = "main", *, depth: int | None = None, **env: str
) -> Ran:
    """Run a job of GitLab on a fresh runner; later jobs get its artifacts."""
    folder = remote.path.parent
    work, artifacts = folder / f"gitlab-{len(list(folder.glob('gitlab-*')))}", folder / "artifacts"
    depths = [f"--depth={depth}"] if depth else []
    git("clone", "--quiet", *depths, "--branch", branch, f"file://{remote.path}", str(work))
    artifacts.mkdir(exist_ok=True)
    shutil.copytree(artifacts, work, dirs_exist_ok=True)
    given = {
        "PATH": f"{TAGSYNC.parent}:/usr/bin:/bin",
        "CI": "true",
        "CI_REPOSITORY_URL": str(remote.path),
        "CI_PROJECT_URL": str(remote.path.with_suffix("")),
        "IMAGEKIT_PRIVATE_KEY": KEY,
        "IMAGEKIT_READ_KEY": KEY,
        "PUSH_TOKEN": "token",
        "TAGSYNC_ENDPOINT": url,
        "TAGSYNC_ENV": "staging",
        "TAGSYNC_RATE": "1000",
    }
    settings = {name: value.replace("$CI_PROJECT_DIR", str(work)) for name, value in GITLAB["variables"].items()}
    script = "\n".join(GITLAB[f"tagsync:{name}"]["script"])
    ran = run(script, settings | given | env, program=("/bin/sh", "-e"), cwd=work)
    for path in GITLAB[f"tagsync:{name}"]["artifacts"]["paths"]:
        made = work / path.replace("$TAGSYNC_ENV", "staging")
        if made.exists():
            shutil.copy(made, artifacts)
    return ran


class Job:
    """A job of the GitHub workflow, attempt by attempt. It checks out the newest commit of a branch."""

    def __init__(self, name: str, remote: Remote, url: str, digest: str = "", *, branch: str = "main") -> None:
        self.name, self._remote, self._url, self._digest, self._branch = name, remote, url, digest, branch
        self._folder = remote.path.parent
        self.artifacts = self._folder / "artifacts"
        self.environment = "staging"
        self.attempts = 0
        self.planned = 0

    def attempt(self, *, depth: int | None = None, **env: str) -> Ran:
        """Run all steps on a fresh runner, and return the result of the last one, or of the first that failed.

        Args:
            depth: the depth of the clone instead of that of the workflow.
            env: more variables of the runner.
        """
        self.attempts += 1
        self._depth = depth
        self.runner = GitHub(self._folder / f"runner-{len(list(self._folder.glob('runner-*')))}")
        self.runner.env |= {"TAGSYNC_ENDPOINT": self._url} | env
        outputs: Outputs = {}
        ran = Ran(0, "", "")
        for item in WORKFLOW["jobs"][self.name]["steps"]:
            if not self._is_run(item, outputs):
                continue
            ran = self._step(item, outputs)
            outputs[item.get("id", "")] = self.runner.put_out()
            if ran.code and not item.get("continue-on-error"):
                break
        return ran

    def _is_run(self, item: Mapping[str, Any], outputs: Outputs) -> bool:
        found = outputs.get("earlier", {}).get("found", "")
        condition = item.get("if", "true").replace("steps.earlier.outputs.found", f"'{found}'")
        return holds(condition, {"github": {"run_attempt": self.attempts}})

    def _step(self, item: Mapping[str, Any], outputs: Outputs) -> Ran:
        given = {name: self._value(value, outputs) for name, value in item.get("with", {}).items()}
        uses = item.get("uses", "").partition("@")[0]
        if "run" in item:
            env = {name: self._value(value, outputs) for name, value in item.get("env", {}).items()}
            return self.runner.script(item["run"], **env)
        if uses == "actions/checkout":
            self._check_out(self._depth or int(given["fetch-depth"]))
        elif uses == "actions/download-artifact":
            if not (self.artifacts / given["name"]).exists():
                return Ran(1, "", "no such artifact")
            shutil.copytree(self.artifacts / given["name"], given["path"])
        else:
            return self._action(given)
        return Ran(0, "", "")

    def _check_out(self, depth: int) -> None:
        """Clone as actions/checkout does: branches, but no other refs."""
        depths = [f"--depth={depth}"] if depth else []
        source = f"file://{self._remote.path}"
        git("clone", "--quiet", *depths, "--branch", self._branch, source, str(self.runner.workspace))

    def _action(self, given: dict[str, str]) -> Ran:
        self.planned += given["command"] == "plan"
        artifact = self.artifacts / given.pop("artifact")
        given.pop("comment", None)
        ran = self.runner.uses(**{name.upper().replace("-", "_"): value for name, value in given.items()})
        if self.runner.out.exists():
            shutil.rmtree(artifact, ignore_errors=True)
            shutil.copytree(self.runner.out, artifact)
        return ran

    def _value(self, text: object, outputs: Outputs) -> str:
        known = {
            "matrix.environment": self.environment,
            "runner.temp": self.runner.env["RUNNER_TEMP"],
            "github.token": "token",
            "github.run_attempt": str(self.attempts),
            "inputs.digest": self._digest,
            "secrets.IMAGEKIT_PRIVATE_KEY": KEY,
            "secrets.IMAGEKIT_READ_KEY": KEY,
            "steps.approved.outputs.digest": outputs.get("approved", {}).get("digest", ""),
        }
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known.get(match[1], ""), str(text))
