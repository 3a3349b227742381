"""What a benchmark is given, what it yields, and how processes are run and measured."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile
from typing import IO, NamedTuple, Self

TAGSYNC = [sys.executable, "-m", "tagsync"]
KEY = "private_benchmark"

ROOT = Path(__file__).parents[1]
TATE = ROOT.parent / "shared" / "tate"
"""A real library of 69,202 files, if it is next to the checkout."""


class Options(NamedTuple):
    """What a benchmark is to do.

    Attributes:
        work: a folder for libraries and whatever else it makes.
        runs: how often it measures what has a median.
        sizes: of how many files the libraries are that it plans.
        long: whether it also measures what takes a quarter of an hour or longer.
    """

    work: Path
    runs: int
    sizes: tuple[int, ...]
    long: bool


class Figure(NamedTuple):
    """One measured figure.

    Attributes:
        name: what was measured.
        figure: the figure; None if it was not measured.
        unit: its unit; of what was not measured, why.
        target: the most that it may be, if there is a limit.
    """

    name: str
    figure: float | None
    unit: str
    target: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a figure or a target."""
        return None if self.figure is None or self.target is None else self.figure <= self.target


Benchmark = Callable[[Options], Iterator[Figure]]


class Cost(NamedTuple):
    """What a process took.

    Attributes:
        seconds: time on the clock.
        cpu: seconds of the processor, those of its children included.
        peak_mb: the most memory of the process that had most.
    """

    seconds: float
    cpu: float
    peak_mb: float

    @classmethod
    def median(cls, costs: Sequence[Self]) -> "Cost":
        """Return the median of each figure by itself."""
        return Cost(*map(statistics.median, zip(*costs, strict=True)))

    def figures(self, name: str, *, cpu: float | None = None, peak_mb: float | None = None) -> Iterator[Figure]:
        """Yield CPU and memory with their targets."""
        yield Figure(name, self.cpu, "s CPU", cpu)
        yield Figure(name, self.peak_mb, "MB", peak_mb)


def empty(folder: Path) -> Path:
    """Return a folder with nothing in it: a library that an earlier run has changed would leave nothing to do."""
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a measured process."""
    return {**os.environ, "IMAGEKIT_PRIVATE_KEY": KEY, **(more or {})}


STARTER = """
import json, os, sys, time
began = time.perf_counter()
started = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(started, 0)
figures = time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
os.write(int(sys.argv[1]), json.dumps([os.waitstatus_to_exitcode(status), *figures]).encode())
"""
"""Runs a command and reports its exit code, its seconds, its CPU seconds and its peak of memory in MB."""


def cost(command: Sequence[str], *, out: Path | None = None, log: Path | None = None) -> Cost:
    """Run a command to its end and return what the operating system says of it.

    Args:
        command: the command.
        out: where its standard output goes; it is dropped otherwise.
        log: where its standard error goes; to this process's otherwise.
    """
    with (out or Path(os.devnull)).open("w") as stdout, (log or Path(os.devnull)).open("w") as stderr:
        return _run(command, stdout, stderr if log else None)


def _run(command: Sequence[str], stdout: IO[str], stderr: IO[str] | None) -> Cost:
    """Run a command; a small process starts it, for Linux counts the starter's peak of memory as the command's."""
    receiving, sending = os.pipe()
    starter = [sys.executable, "-S", "-c", STARTER, str(sending), *command]
    subprocess.run(starter, stdout=stdout, stderr=stderr, env=environment(), pass_fds=[sending], check=True)  # noqa: S603 - our own command
    os.close(sending)
    with os.fdopen(receiving) as answer:
        code, *figures = json.load(answer)
    if code:
        sys.exit(f"{' '.join(command)} ended with {code}")
    return Cost(*figures)


def repeated(runs: int, measure: Callable[[], Cost]) -> Cost:
    """Return the median of some runs."""
    return Cost.median([measure() for _ in range(runs)])


def printed(command: Sequence[str]) -> str:
    """Run a command and return its standard output."""
    with TemporaryFile("w+", encoding="utf-8") as stdout:
        _run(command, stdout, None)
        stdout.seek(0)
        return stdout.read()


@contextmanager
def served(library: Path, state_dir: Path, *options: str) -> Iterator[str]:
    """Serve a library in another process; yield its address once it is seeded."""
    command = [*TAGSYNC, "sandbox", "serve", str(library), "--port=0", f"--state-dir={state_dir}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:  # noqa: S603 - our own command
        try:
            assert serving.stdout  # noqa: S101 - asked for above
            yield serving.stdout.readline().strip()
        finally:
            serving.terminate()
