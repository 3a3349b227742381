from dataclasses import replace

import pytest
from reporting.pages import plan_of

from tagsync.model import Estimate, Op, Summary
from tagsync.reporting.phrases import call_sentence, counted, duration, total_sentences


def test_totals_leave_out_what_does_not_occur_and_say_what_cannot_be_undone() -> None:
    assert total_sentences(replace(plan_of(), summary=Summary(add_tags=1200, remove_ai_tags=1))) == [
        (Op.ADD, "1,200 tags to add"),
        (Op.REMOVE_AI, "1 AI tag to remove, which cannot be undone"),
    ]
    assert total_sentences(replace(plan_of(), summary=Summary(remove_tags=2))) == [(Op.REMOVE, "2 tags to remove")]
    assert total_sentences(plan_of()) == []


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (
            Estimate(45, 8, 330, 97, 46, 9.0),
            "45 calls, about 9.0 s (never fewer than 8; one per file would be 330, one per tag set 97, one per tag 46)",
        ),
        (
            Estimate(1, 1, 1_000, 1, 1, 0.0),
            "1 call (never fewer than 1; one per file would be 1,000, one per tag set 1, one per tag 1)",
        ),
    ],
)
def test_calls_stand_beside_the_three_usual_ways(estimate: Estimate, words: str) -> None:
    assert call_sentence(replace(plan_of(), estimate=estimate)) == words


@pytest.mark.parametrize(
    ("count", "plural", "words"),
    [
        (0, None, "0 files"),
        (1, None, "1 file"),
        (1234, None, "1,234 files"),
        (1, "filia", "1 file"),
        (2, "filia", "2 filia"),
    ],
)
def test_a_number_has_its_noun(count: int, plural: str | None, words: str) -> None:
    assert counted(count, "file", plural) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (1.23, "1.2 s"),
        (10.4, "10 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1800, "30 min"),
        (7080, "118 min"),
        (7200, "2.0 h"),
        (9000, "2.5 h"),
    ],
)
def test_a_duration_is_in_a_unit_that_a_person_would_choose(seconds: float, words: str) -> None:
    assert duration(seconds) == words
