"""Notice files that ImageKit's index may still show as they were before the previous apply."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from tagsync.api.gather import MOMENT
from tagsync.applying.preflight import LAG_WAITS
from tagsync.applying.readback import differences
from tagsync.model import CurrentFile, FileChange, Report, Status

LAG = sum(LAG_WAITS) + 1.0
"""Seconds after which listings and searches show an apply, whose end is known to the second.

ImageKit documents no figure.
"""


def lag_left(report: Report | None) -> float:
    """Return for how many more seconds listings may not show an apply."""
    with suppress(ValueError):  # the times of a report are not checked when it is read
        if report:
            ended = datetime.strptime(report.finished_at, MOMENT).replace(tzinfo=UTC)
            age = (datetime.now(UTC) - ended).total_seconds()
            return LAG - age if 0 <= age < LAG else 0.0
    return 0.0


def written(report: Report, *, verified: bool = True) -> Iterator[tuple[str, Callable[[CurrentFile], bool]]]:
    """Yield the ID of each file that an apply changed, and a function that tells whether a reading shows that.

    Args:
        report: the report of the apply.
        verified: whether to include files whose details showed the changes.
    """
    for change, outcome in zip(report.plan.changes, report.outcomes, strict=True):
        if not verified and outcome.status is Status.CONFIRMED:
            continue
        if made := outcome.made(change.changes):
            yield change.file_id, partial(_shows, FileChange(change.file, made))


def _shows(made: FileChange, file: CurrentFile) -> bool:
    return not differences(made, file)
