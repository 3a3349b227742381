from dataclasses import replace

import pytest
from builders import plan_of, report_of

from tagsync.model import Estimate, Op, RequestCounts, Summary, Timing
from tagsync.reporting.phrases import (
    call_sentence,
    cause_sentence,
    change_counts,
    counted,
    duration,
    plan_summary,
    sent_sentence,
    total_sentences,
)


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
            "45 API calls, about 9.0 s (lower bound 8; one per file 330, one per tag set 97, one per tag 46)",
        ),
        (
            Estimate(1, 1, 1_000, 1, 1, 0.0),
            "1 API call (lower bound 1; one per file 1,000, one per tag set 1, one per tag 1)",
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


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((390, 47, 219), "+390 -47 tags, -219 AI tags"),
        ((1, 0, 0), "+1 tag"),
        ((0, 1000, 1), "-1,000 tags, -1 AI tag"),
        ((0, 0, 2), "-2 AI tags"),
        ((1, 1, 0), "+1 -1 tags"),
    ],
)
def test_change_counts_leave_out_zeros(counts: tuple[int, int, int], words: str) -> None:
    assert change_counts(*counts) == words


def test_plan_summary_is_one_line() -> None:
    summary, estimate = Summary(184, 390, 47, 219), Estimate(26, 20, 330, 97, 45, 6.0)
    plan = replace(plan_of(), summary=summary, estimate=estimate)
    assert plan_summary(plan) == "184 files: +390 -47 tags, -219 AI tags · 26 API calls, about 6.0 s"
    assert plan_summary(replace(plan, estimate=Estimate())) == "184 files: +390 -47 tags, -219 AI tags"


def test_sent_sentence_leaves_out_zeros() -> None:
    report = report_of(plan_of())
    assert sent_sentence(report) == "7 API calls in 1.5 s (1 retried, 3 rate-limited, 0.2 s waiting)"
    quiet = replace(report, requests=RequestCounts(sent=1), timing=Timing(1.5, 0.04))
    assert sent_sentence(quiet) == "1 API call in 1.5 s"


def test_cause_sentence_is_empty_without_a_previous_report() -> None:
    assert cause_sentence(plan_of()) is None
