"""Processes and what they cost; what is measured is the benchmarks' business."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

TAGSYNC = [sys.executable, "-m", "tagsync"]
KEY = "private_benchmark"


class Cost(NamedTuple):
    """What something took: CPU of a process and its children together, memory of the one that had most."""

    seconds: float
    cpu: float
    peak_mb: float

    @classmethod
    def median(cls, costs: Sequence[Self]) -> "Cost":
        """Return the median of each figure by itself."""
        return Cost(*map(statistics.median, zip(*costs, strict=True)))


def cost(command: Sequence[str], *, log: Path | None = None) -> Cost:
    """Run a command to its end and return what the operating system says of it.

    Standard output is dropped; standard error goes to a log, if there is one. Linux counts the peak of the process that
    starts another one as that one's, too: keep this one small.
    """
    environment = {**os.environ, "IMAGEKIT_PRIVATE_KEY": KEY}
    with (log or Path(os.devnull)).open("w") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.DEVNULL, stderr=errors if log else None, env=environment
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


@contextmanager
def served(library: Path, state_dir: Path) -> Iterator[str]:
    """Serve a library in another process; yield its address once it is seeded."""
    command = [*TAGSYNC, "sandbox", "serve", str(library), "--port=0", f"--state-dir={state_dir}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:  # noqa: S603 - our own command
        try:
            assert serving.stdout  # noqa: S101 - asked for above
            yield serving.stdout.readline().strip()
        finally:
            serving.terminate()
