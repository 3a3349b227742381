"""Simulated machines of CI systems, as scripts see them."""

import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pipelines.files import ACTION, BASH, LIBRARY, TAGSYNC, Ran, holds, put_out, run, step
from pipelines.gitlab import GitLab

INPUTS = (
    "COMMAND",
    "PATHS",
    "ARGS",
    "PRIVATE_KEY",
    "ENVIRONMENT",
    "ACCOUNT",
    "ENDPOINT",
    "ACK",
    "EXPECT_DIGEST",
    "PRUNE_SINCE",
)


class GitHub:
    """A fresh runner in a separate folder, with tagsync installed as by the action; simulates GitHub behind `gh`."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.out = folder / "temp" / "tagsync" / "out"
        self.outputs, self.summary = folder / "outputs", folder / "summary"
        self._state = folder / "state.json"
        self.note = ""
        programs = folder / "temp" / "tagsync" / "venv" / "bin"
        for made in (self.workspace, programs, folder / "bin"):
            made.mkdir(parents=True)
        (programs / "tagsync").symlink_to(TAGSYNC)
        gh = folder / "bin" / "gh"
        gh.write_text(f'#!/bin/sh\nexec {sys.executable} {shlex.quote(str(Path(__file__).parent))}/gh.py "$@"\n')
        gh.chmod(0o700)
        self.set(comments=[], pulls=[], issues=[])
        self.env = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.outputs),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SHA": "c" * 40,
            "GH_STATE": str(self._state),
            "GH_TOKEN": "token",
            "CI": "true",
            "TAGSYNC_RATE": "1000",
            "XDG_STATE_HOME": str(folder / "state-home"),
        }

    @property
    def state(self) -> Any:
        return json.loads(self._state.read_text(encoding="utf-8"))

    @property
    def comments(self) -> list[str]:
        return [comment["body"] for comment in self.state["comments"]]

    def set(self, **members: Any) -> None:
        """Set the state of GitHub, and clear its recorded calls."""
        old = self.state if self._state.exists() else {}
        self._state.write_text(json.dumps({**old, **members, "calls": []}), encoding="utf-8")

    def script(self, text: str, **env: str) -> Ran:
        """Run the script of a step; its outputs replace earlier ones."""
        self.outputs.unlink(missing_ok=True)
        return run(text, self.env | env, program=BASH, cwd=self.workspace)

    def action(self, **inputs: str) -> Ran:
        """Run tagsync as the action does, with these inputs."""
        script: str = step(ACTION, "Run tagsync")["run"]
        return self.script(script, **(dict.fromkeys(INPUTS, "") | inputs))

    def uses(self, **inputs: str) -> Ran:
        """Run the steps of the action that need git too; return the result of the first that failed, or of tagsync."""
        ref, command = inputs.pop("APPLIED_REF", ""), inputs["COMMAND"]

        def run_step(name: str, **env: str) -> Ran:
            item = step(ACTION, name)
            given = {"inputs": {"applied_ref": ref or None, "command": command}}
            if not holds(item["if"].replace("applied-ref", "applied_ref"), given):
                return Ran(0, "", "")
            inputs_used = {"COMMAND": command, "PATHS": inputs.get("PATHS", "")}
            return self.script(item["run"], REF=ref, TOKEN="token", **inputs_used, **env)

        fetched = run_step("Fetch the last applied commit")
        if fetched.code:
            return fetched
        self.note = self.put_out().get("note", "")
        ran = self.action(PRUNE_SINCE=self.put_out().get("ref", ""), **inputs)
        applied = self.put_out().get("commit", "")
        recorded = Ran(0, "", "") if ran.code else run_step("Record the applied commit", COMMIT=applied)
        return recorded if recorded.code else Ran(ran.code, fetched.out + ran.out, fetched.err + ran.err)

    def comment(self, environment: str = "") -> Ran:
        """Write the comment as the action does."""
        script: str = step(ACTION, "Comment the plan")["run"]
        return self.script(script, NUMBER="7", ENVIRONMENT=environment, NOTE=self.note)

    def put_out(self) -> dict[str, str]:
        return put_out(self.outputs)


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path)


@pytest.fixture
def sandboxed(github: GitHub) -> Callable[..., Ran]:
    """Return a function that runs the action against a sandbox of the example library."""

    def call(command: str, *args: str, **inputs: str) -> Ran:
        return github.action(COMMAND=command, ARGS="\n".join((f"--sandbox={LIBRARY}", *args)), **inputs)

    return call


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=10)
