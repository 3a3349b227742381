import pytest
from support import current_file

from tagsync.model import Change, Op
from tagsync.planning.limits import Fit, fit, length_after

FULL = [f"{n:099d}" for n in range(5)]
"""Five tags that are 499 characters when joined by commas."""


def changes(add: list[str], remove: list[str]) -> list[Change]:
    return [Change(Op.ADD, tag, ()) for tag in add] + [Change(Op.REMOVE, tag, ()) for tag in remove]


@pytest.mark.parametrize(
    ("tags", "add", "remove", "verdict"),
    [
        ([], ["x" * 500], [], Fit.FITS),
        ([], ["x" * 501], [], Fit.OVER),
        (FULL[:4], ["x" * 100], [], Fit.FITS),
        (FULL[:4], ["x" * 101], [], Fit.OVER),
        (FULL, ["x"], [], Fit.OVER),
        (FULL, ["x"], [FULL[0]], Fit.REMOVE_FIRST),
        (FULL, ["x" * 100], [FULL[0]], Fit.REMOVE_FIRST),
        (FULL, ["x" * 101], [FULL[0]], Fit.OVER),
        (["x" * 600], [], ["y"], Fit.FITS),
    ],
)
def test_a_file_that_gains_a_tag_must_have_room(
    tags: list[str], add: list[str], remove: list[str], verdict: Fit
) -> None:
    assert fit(current_file("/a", tags), changes(add, remove)) is verdict


def test_the_length_after_counts_commas_between_tags() -> None:
    assert length_after(current_file("/a", ["aa", "bb"]), changes(["cc"], ["bb"])) == 5
