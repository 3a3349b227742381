"""Define simulated lives, and shrink a failing one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from simulated_library import READ_FAULTS, WRITE_FAULTS

KINDS = frozenset({*READ_FAULTS, *WRITE_FAULTS})


@dataclass(frozen=True)
class Life:
    """A seed, which decides everything, and the events that it may contain."""

    seed: int
    files: int = 60
    applies: int = 3
    kinds: frozenset[str] = KINDS
    edits: bool = True
    crashes: bool = True
    interrupts: bool = True
    two_machines: bool = True


def shrunk(life: Life, fails: Callable[[Life], bool]) -> Life:
    """Shrink a failing life until it passes if any one more thing is left out."""
    while (less := next(filter(fails, _smaller(life)), None)) is not None:
        life = less
    return life


def _smaller(life: Life) -> Iterator[Life]:
    yield from (less for less in _with_less(life) if less != life)


def _with_less(life: Life) -> Iterator[Life]:
    yield from (replace(life, files=files) for files in (1, 3, 10, 30) if files < life.files)
    yield from (replace(life, applies=applies) for applies in (1, 2) if applies < life.applies)
    yield replace(life, edits=False)
    yield replace(life, crashes=False)
    yield replace(life, interrupts=False)
    yield replace(life, two_machines=False)
    yield from (replace(life, kinds=life.kinds - {kind}) for kind in sorted(life.kinds))
