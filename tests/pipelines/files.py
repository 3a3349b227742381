"""Parse the files that users copy, and run their scripts as CI systems do."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import jq
import yaml

from tagsync.cli.main import cli

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"
LIBRARY = ROOT / "examples" / "library.jsonl"
MANIFESTS = ROOT / "examples" / "manifests"
TAGSYNC = Path(sys.executable).parent / "tagsync"
SECONDS = 60
"""The time limit of a script; only one that hangs reaches it."""


def parsed(path: Path) -> Any:
    """Parse a YAML file. YAML reads GitHub's key `on` as `true`; this restores it."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(document, dict) and True in document:
        document["on"] = document.pop(True)
    return document


ACTION = parsed(ROOT / "action.yml")
WORKFLOW = parsed(CI / "github" / "tagsync.yml")
MATRIX = parsed(CI / "github" / "matrix.yml")
DRIFT = parsed(CI / "github" / "drift.yml")


def steps(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all steps of a workflow or an action."""
    yield from document.get("runs", {}).get("steps", ())
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


def step(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the step with a name or ID."""
    (found,) = (item for item in steps(document) if name in (item.get("name"), item.get("id")))
    return found


class Ran(NamedTuple):
    """The result of a script."""

    code: int
    out: str
    err: str


def run(script: str, env: Mapping[str, str], *, program: tuple[str, ...] = ("bash",), cwd: Path | None = None) -> Ran:
    """Run a script in a separate process, with only the PATH of this environment."""
    ran = subprocess.run(  # noqa: S603 - our own
        [*program, "-c", script],
        check=False,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd or Path.cwd())} | dict(env),
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""How GitHub starts `shell: bash`."""


def put_out(path: Path) -> dict[str, str]:
    """Parse a file of GitHub's outputs; the last value of a name counts."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines)


def holds(expression: str, values: Mapping[str, Any]) -> bool:
    """Evaluate a condition of GitHub or GitLab: translate its operators and names, and let jq evaluate it."""
    text = expression.replace("&&", " and ").replace("||", " or ").replace("'", '"')
    text = re.sub(r"\$([A-Z_]+)", r"ci.\1", text)
    text = re.sub(r"(?<![\w.\"])((?:github|inputs|ci)\.[\w.]+)", r".\1", text)
    text = re.sub(r"!(\.[\w.]+)", r"(\1 | not)", text)
    return bool(jq.compile(text).input_value(json.loads(json.dumps(values))).first())


def check_command(line: str) -> str:
    """Check a command line, from the word tagsync on, against the real options, and return the name of the command.

    Raises:
        click.UsageError: there is no such option, or it does not take that.
    """
    words = shlex.split(line)
    words = words[words.index("tagsync") + 1 :]
    with cli.make_context("tagsync", list(words)) as context:
        name, command, rest = cli.resolve_command(context, words)
        assert name
        assert isinstance(command, click.Command)
        command.make_context(name, rest, parent=context).close()
    return name
