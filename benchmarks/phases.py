"""Run tagsync as its command does, and write what each phase of a plan took: seconds, CPU, and the peak at its end.

    python benchmarks/phases.py OUT.json plan [OPTIONS] PATH...

Each phase is one function; what a phase calls of another one does not count for both. A phase whose function has moved
is written as null.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from pkgutil import resolve_name
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

from tagsync.__main__ import main as tagsync

PHASES = {
    "manifest reading": ("tagsync.cli.run", "validate_manifests"),
    "snapshot": ("tagsync.library.reading.reader:LibraryReader", "read"),
    "diff": ("tagsync.api.decide", "make_plan"),
    "covering": ("tagsync.planning.covering:Staging", "stages"),
    "plan written": ("tagsync.cli.output:Output", "plan"),
}
"""Where the function of each phase is looked up."""

figures: dict[str, list[float]] = {name: [0.0, 0.0, 0.0] for name in PHASES}
running: list[str] = []


def main() -> None:
    """Run what the arguments ask for."""
    out, leave = Path(sys.argv[1]), os._exit

    def told(code: int) -> None:
        out.write_text(json.dumps({name: figures.get(name) for name in PHASES}), encoding="utf-8")
        leave(code)

    os._exit = told  # type: ignore[assignment] # the way in leaves by it
    for name, (home, function) in PHASES.items():
        try:
            place = resolve_name(home)
            setattr(place, function, measured(name, getattr(place, function)))
        except (AttributeError, ImportError):
            del figures[name]
    sys.argv[:2] = ["tagsync"]
    tagsync()


def measured(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that measures another one."""

    @wraps(function)
    async def awaited(*args: Any, **named: Any) -> Any:
        with phase(name):
            return await function(*args, **named)

    @wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        with phase(name):
            return function(*args, **named)

    return awaited if iscoroutinefunction(function) else called


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Count what happens meanwhile for a phase, and for no other."""
    began = now()
    running.append(name)
    try:
        yield
    finally:
        running.pop()
        spent = [after - before for after, before in zip(now(), began, strict=True)]
        for index, amount in enumerate(spent):
            figures[name][index] += amount
            if running:
                figures[running[-1]][index] -= amount
        figures[name][2] = max(getrusage(who).ru_maxrss / 1024 for who in (RUSAGE_SELF, RUSAGE_CHILDREN))


def now() -> tuple[float, float]:
    """Return the clock, and the CPU seconds so far, those of children that have ended included."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
