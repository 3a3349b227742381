"""Run the real command, in this process or in a separate one, and return its result."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from builders import check_document, manifest

from tagsync.documents.checksum import with_checksum
from tagsync.sandbox.faults import Fault, FaultScript

SECONDS = 30
"""The time limit of a command; only one that hangs reaches it."""


class Result(NamedTuple):
    """An exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON on standard output, which must contain nothing else."""
        return json.loads(self.out)


class Command(Protocol):
    """Runs the command in this process."""

    def __call__(self, *arguments: str | Path) -> Result: ...


class Recorder(FaultScript):
    """A script of failures, which records the endpoints that were called."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults)
        self.calls: list[str] = []

    def next(self, endpoint: str, file_ids: Iterable[str]) -> Fault | None:
        self.calls.append(endpoint)
        return super().next(endpoint, file_ids)

    def heal(self) -> None:
        """Stop failing."""
        self._faults.clear()

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if call not in ("list", "details")]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment as users have it, with buffered output."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | dict(more or {})


def words(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tagsync", *map(str, arguments)]


def process(
    *arguments: str | Path, env: Mapping[str, str] | None = None, wrapped_by: Iterable[str] = (), **streams: Any
) -> Result:
    """Run the command in a separate process; capture its streams unless `streams` says otherwise."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    ran = subprocess.run(  # noqa: S603 - our own
        [*wrapped_by, *words(*arguments)],
        check=False,
        encoding="utf-8",
        env=environment(env),
        timeout=SECONDS,
        **streams,
    )
    result = Result(ran.returncode, ran.stdout or "", ran.stderr or "")
    if result.out.startswith("{\n") and result.out.endswith("\n}\n") and "schema" not in arguments:
        check_document(result.out)
    return result


@contextmanager
def started(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start the command in a separate process; kill it at the end if it still runs."""
    with subprocess.Popen(  # noqa: S603 - our own
        words(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def write_manifest(files: str, name: str = "tags.yaml", *, spec: str = "") -> Path:
    path = Path(name)
    path.write_text(manifest(files, spec=spec), encoding="utf-8")
    return path


def resealed(document: str) -> str:
    """Return an edited plan or report with a valid checksum."""
    return "".join(with_checksum([document[: document.rindex(',\n"checksum":')]]))
