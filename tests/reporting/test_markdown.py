import re

import pytest
from builders import ai, current_file
from reporting.pages import changed, plan_of

from tagsync.model import (
    Diagnostic,
    FileOutcome,
    Guard,
    GuardId,
    Limit,
    Op,
    Origin,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.planning.difference import difference
from tagsync.reporting.markdown import LEAST_BYTES, MAX_BYTES, markdown
from tagsync.reporting.view import DiagnosticsView, DifferenceView, PlanView, ReportView

DIGEST = "sha256:" + "0" * 64


def many(count: int) -> Plan:
    """Return a plan of files that all change in ways of their own."""
    return plan_of(
        *(
            changed(current_file(f"/shop/{n:05}.jpg", ["old"]), (Op.ADD, f"tag-{n}"), (Op.REMOVE, "old"))
            for n in range(count)
        )
    )


def test_a_plan_tells_its_totals_then_groups_with_removals_first() -> None:
    added = [changed(current_file(f"/{name}.jpg"), (Op.ADD, "red")) for name in "abcd"]
    renamed = changed(current_file("/z.jpg", ["old"], [ai("Person")]), (Op.ADD, "new"), (Op.REMOVE_AI, "Person"))
    assert (
        markdown(PlanView(plan_of(*added, renamed)))
        == f"""<!-- tagsync plan {DIGEST} -->
### Plan: 5 files to change

`shop` at `https://api.imagekit.io`

- 5 files to change, 3 unchanged
- 1 AI tag to remove, which cannot be undone
- 5 tags to add
- 2 API calls, about 0.4 s (lower bound 1; one per file 9, one per tag set 5, one per tag 4)

`/z.jpg`
```diff
- AI Person  cannot be undone  tags.yaml:6:14
+ new        tags.yaml:6:14
```

`/a.jpg`, `/b.jpg`, `/c.jpg` and 1 more file
```diff
+ red  tags.yaml:6:14
```

digest `{DIGEST}`
"""
    )


@pytest.mark.parametrize("max_bytes", [LEAST_BYTES, 20_000, MAX_BYTES])
def test_whatever_there_is_room_for_totals_are_exact_and_what_is_left_out_is_counted(max_bytes: int) -> None:
    count = 3000
    text = markdown(PlanView(many(count)), max_bytes=max_bytes)
    assert max_bytes * 0.9 < len(text.encode()) <= max_bytes
    assert f"- {count:,} tags to remove\n- {count:,} tags to add\n" in text
    left = re.search(r"\n… and ([\d,]+) more kinds of change on ([\d,]+) files\n", text)
    assert left
    assert [int(number.replace(",", "")) for number in left.groups()] == [count - text.count("```diff")] * 2


def test_a_plan_that_fits_leaves_nothing_out() -> None:
    text = markdown(PlanView(many(100)))
    assert text.count("```diff") == 100
    assert "…" not in text


@pytest.mark.parametrize("letter", ["x", "\U0001f980", "\U000e0041", "`"])
def test_the_least_room_holds_totals_and_every_guard_whatever_they_name(letter: str) -> None:
    long = letter * 500
    guards = [
        Guard(guard, 10**6, 10**7, Limit(10**5, 12.5), blocked=True, files=(long,) * 3, tags=(long,) * 3)
        for guard in GuardId
    ]
    told = tuple(Diagnostic("error", "x", long, Origin(long, 1, 1)) for _ in range(60))
    plan = plan_of(changed(current_file(f"/{long}"), (Op.ADD, long)), diagnostics=told, guards=tuple(guards))
    text = markdown(PlanView(plan), max_bytes=LEAST_BYTES)
    assert len(text.encode()) <= LEAST_BYTES
    assert [f"--ack {guard}@{DIGEST}" in text for guard in GuardId] == [True] * 5
    assert re.search(r"… and \d+ more\n", text)


def test_a_guard_that_blocks_says_why_and_how_to_let_this_plan_through() -> None:
    guard = Guard(GuardId.EMPTIED_FILES, 2, 10, Limit(0), blocked=True, files=("/a.jpg", "/b.jpg"))
    text = markdown(PlanView(plan_of(changed(current_file("/a.jpg", ["x"]), (Op.REMOVE, "x")), guards=(guard,))))
    assert "### Plan: 1 file to change, 1 guard against it\n" in text
    assert "- guards: emptiedFiles 2 of 10\n" in text
    assert "> **emptiedFiles 2 of 10 blocks: more than 0**: `/a.jpg`, `/b.jpg`\n" in text
    assert f"> Once somebody has looked at it: `--ack emptiedFiles@{DIGEST}`\n" in text


def test_a_report_tells_what_did_not_arrive_before_what_did() -> None:
    plan = plan_of(*(changed(current_file(f"/{name}.jpg"), (Op.ADD, "red")) for name in "ab"))
    outcomes = (FileOutcome(Status.CONFIRMED, 1), FileOutcome(Status.FAILED, 3, "Locked", "req-1"))
    requests = RequestCounts(sent=3, retried=1, throttled=2)
    timing = Timing(seconds=1.5, waited=0.5)
    text = markdown(ReportView(Report(plan, "incomplete", outcomes, requests, timing, "2026")))
    assert text.startswith(f"<!-- tagsync report {DIGEST} -->\n### Apply incomplete: 1 confirmed, 1 failed\n")
    assert "- 3 API calls in 1.5 s (1 retried, 2 rate-limited, 0.5 s waiting)\n" in text
    missed = "#### 1 file not as planned\n\n- **failed** `/b.jpg`: `Locked` (request `req-1`)\n"
    assert missed in text
    assert text.index(missed) < text.index("`/a.jpg`\n```diff\n+ red")


def test_faults_are_listed_with_their_places_and_those_not_kept_are_counted() -> None:
    told = (Diagnostic("warning", "x", "careful"), Diagnostic("error", "y", "wrong", Origin("a.yaml", 3, 1)))
    text = markdown(DiagnosticsView("2 faults", told, names={"a.yaml": "in/a.yaml"}, more=4))
    assert text == "### 2 faults\n\n- **error** `in/a.yaml:3:1` `wrong`\n- **warning** `careful`\n\n… and 4 more\n"


def test_notes_come_last() -> None:
    told = (Diagnostic("info", "x", "a note"), Diagnostic("warning", "y", "careful"))
    text = markdown(PlanView(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red")), diagnostics=told)))
    assert text.index("careful") < text.index("+ red") < text.index("#### 1 note") < text.index("a note")


def test_a_difference_has_both_its_sides() -> None:
    old = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red")))
    new = plan_of(changed(current_file("/b.jpg"), (Op.ADD, "blue")))
    text = markdown(DifferenceView(difference(old, new)))
    now, before = text.index("#### Planned now and not before"), text.index("#### Planned before and not any more")
    assert now < text.index("+ blue") < before < text.index("+ red")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://ci.example/run/1?x=(a)&y=<b>", "(https://ci.example/run/1?x=%28a%29&y=%3Cb%3E)"),
        ("javascript:alert(1)", None),
        ("https://ci.example/" + "x" * 600, None),
        ("", None),
    ],
)
def test_a_link_to_everything_is_there_if_it_is_one(link: str, shown: str | None) -> None:
    text = markdown(PlanView(plan_of()), link=link)
    assert ("[Everything in full]" in text) is (shown is not None)
    if shown:
        assert f"[Everything in full]{shown}\n" in text


def test_many_tags_of_a_file_are_cut_and_counted() -> None:
    plan = plan_of(changed(current_file("/a.jpg"), *((Op.ADD, f"t{n:02}") for n in range(50))))
    text = markdown(PlanView(plan))
    assert text.count("\n+ t") == 40
    assert "\n  … and 10 more tags\n" in text


def test_a_plan_with_errors_has_no_digest_that_anybody_could_approve() -> None:
    text = markdown(PlanView(plan_of(diagnostics=(Diagnostic("error", "x", "wrong"),))))
    assert text.startswith("### No plan: 1 error\n")
    assert "sha256" not in text
