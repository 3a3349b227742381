"""What a benchmark is given, what it yields, and how processes are run and measured."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple, Self

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


def cost(command: Sequence[str], *, out: Path | None = None, log: Path | None = None) -> Cost:
    """Run a command to its end and return what the operating system says of it.

    Linux also counts the peak of the starting process, up to that moment, as the started one's: keep this one small.

    Args:
        command: the command.
        out: where its standard output goes; it is dropped otherwise.
        log: where its standard error goes; to this process's otherwise.
    """
    with (out or Path(os.devnull)).open("w") as stdout, (log or Path(os.devnull)).open("w") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=stdout, stderr=stderr if log else None, env=environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def repeated(runs: int, measure: Callable[[], Cost]) -> Cost:
    """Return the median of some runs."""
    return Cost.median([measure() for _ in range(runs)])


def printed(command: Sequence[str]) -> str:
    """Run a command and return its standard output."""
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout  # noqa: S603 - our own command


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
