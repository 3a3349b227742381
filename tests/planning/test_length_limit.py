import pytest
from builders import current_file

from tagsync.model import Change, Op
from tagsync.planning.length_limit import Fit, excess, fit

FULL = [f"{n:099d}" for n in range(5)]
"""Five tags with 495 characters in total, and 499 when joined by commas."""


def changes(add: list[str], remove: list[str]) -> list[Change]:
    return [Change(Op.ADD, tag, ()) for tag in add] + [Change(Op.REMOVE, tag, ()) for tag in remove]


@pytest.mark.parametrize(
    ("tags", "add", "remove", "verdict"),
    [
        ([], ["x" * 500], [], Fit.FITS),
        ([], ["x" * 501], [], Fit.OVER),
        (FULL[:4], ["x" * 100], [], Fit.FITS),
        (FULL[:4], ["x" * 101], [], Fit.TIGHT),
        (FULL[:4], ["x" * 104], [], Fit.TIGHT),
        (FULL[:4], ["x" * 105], [], Fit.OVER),
        (FULL, ["x"], [], Fit.TIGHT),
        (FULL, ["x" * 5], [FULL[0]], Fit.TIGHT),
        (FULL, ["x" * 6], [FULL[0]], Fit.OVER),
        (["x" * 600], [], ["y"], Fit.FITS),
    ],
)
def test_length_limit_applies_to_file_that_gains_a_tag(
    tags: list[str], add: list[str], remove: list[str], verdict: Fit
) -> None:
    assert fit(current_file("/a", tags), changes(add, remove)) is verdict


@pytest.mark.parametrize(
    ("add", "remove", "words"),
    [
        (["x" * 6], [], "its tags would have 501 characters; ImageKit allows 500"),
        (["x" * 105], [FULL[0]], "its tags would have 501 characters; ImageKit allows 500"),
        (
            ["x" * 104],
            [FULL[0]],
            "its old and new tags together have 599 characters; ImageKit allows 500, and old tags",
        ),
    ],
)
def test_length_limit_says_whether_old_tags_are_in_the_way(add: list[str], remove: list[str], words: str) -> None:
    assert excess(current_file("/a", FULL), changes(add, remove)).startswith(words)
