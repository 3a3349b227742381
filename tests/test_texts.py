"""Text is compared under Unicode NFC, in linear time."""

import time
import unicodedata

import pytest

from tagsync.model import is_declarable, normalized

MARKS = "\u0301\u0316"


@pytest.mark.parametrize("before", range(32))
@pytest.mark.parametrize(("count", "is_safe"), [(1, True), (30, True), (31, False), (70, False)])
def test_stream_safe_counts_marks_anywhere(before: int, count: int, *, is_safe: bool) -> None:
    for after in ("", "b" * 40):
        text = "a" * before + (MARKS * 40)[:count] + after
        assert is_declarable(text) == is_safe
        assert normalized(text) == (unicodedata.normalize("NFC", text) if is_safe else text)


def test_stream_safe_accepts_many_separate_marks() -> None:
    assert is_declarable(("e" + MARKS * 15) * 100)


def test_normalized_takes_linear_time_for_many_marks() -> None:
    text = MARKS * 250_000
    began = time.process_time()
    assert normalized(text) == text
    assert time.process_time() - began < 1  # normalizing so many marks would take minutes
