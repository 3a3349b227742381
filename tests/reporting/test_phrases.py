from dataclasses import replace

import pytest
from builders import changed, current_file, plan_of, rendered, report_of

from tagsync.model import Estimate, Op, RequestCounts, Summary, Timing, counted

PLAN = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "x")))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (
            Estimate(45, 8, 330, 97, 46, 9.0),
            "45 API calls, about 9.0 s (at least 8 are needed; 330 without batching)",
        ),
        (
            Estimate(1, 1, 1_000, 1, 1, 0.0),
            "1 API call (the fewest possible; 1,000 without batching)",
        ),
    ],
)
def test_estimate_compares_calls_with_the_bound_and_single_calls(estimate: Estimate, words: str) -> None:
    assert words in rendered(replace(PLAN, estimate=estimate)).splitlines()


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 files"),
        (1, "1 file"),
        (1234, "1,234 files"),
    ],
)
def test_counted_number_has_its_noun(count: int, words: str) -> None:
    assert counted(count, "file") == words


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
def test_duration_has_a_readable_unit(seconds: float, words: str) -> None:
    report = replace(report_of(PLAN), requests=RequestCounts(sent=7), timing=Timing(seconds))
    assert f" · 7 API calls in {words}\n" in rendered(report)


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
    plan = replace(PLAN, summary=Summary(184, *counts), estimate=Estimate(26, seconds=6.0))
    assert f"184 files: {words} · 26 API calls, about 6.0 s" in rendered(plan).splitlines()
    assert f"184 files: {words}" in rendered(replace(plan, estimate=Estimate())).splitlines()


@pytest.mark.parametrize(
    ("losing", "words"),
    [
        (None, ""),
        (0, ""),
        (1, " · 1 file loses tags"),
        (2, " · 2 files lose tags"),
        (184, " · all 184 files lose tags"),
    ],
)
def test_plan_summary_counts_files_that_lose_tags(losing: int | None, words: str) -> None:
    plan = replace(PLAN, summary=Summary(184, 390, files_losing=losing), estimate=Estimate(26))
    for kind in ("text", "markdown"):
        assert f"+390 tags{words} · 26 API calls" in rendered(plan, kind)
        assert "lose" not in rendered(replace(plan, summary=plan.summary._replace(add_tags=0)), kind)
    assert (f"{losing} lose tags, " in rendered(plan, "html")) is bool(losing)


def test_plan_summary_of_two_files_that_lose_tags_says_both() -> None:
    plan = replace(PLAN, summary=Summary(2, 3, files_losing=2), estimate=Estimate())
    assert "2 files: +3 tags · both files lose tags" in rendered(plan).splitlines()


def test_sent_sentence_leaves_out_zeros() -> None:
    report = report_of(PLAN)
    assert " · 7 API calls in 1.5 s (1 retried, 3 rate-limited, 0.2 s waiting)\n" in rendered(report)
    quiet = replace(report, requests=RequestCounts(sent=1), timing=Timing(1.5, 0.04))
    assert " · 1 API call in 1.5 s\n" in rendered(quiet)


def test_cause_sentence_is_empty_without_a_previous_report() -> None:
    assert "Causes" not in rendered(PLAN)
