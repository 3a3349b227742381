import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import ai, current_file, current_state

from tagsync.model import (
    Change,
    CurrentFile,
    DesiredState,
    Diagnostic,
    FileChange,
    FileOutcome,
    Op,
    Origin,
    OutcomeName,
    Plan,
    Report,
    RequestCounts,
    Status,
    TargetName,
    Timing,
)
from tagsync.planning.plan import make_plan
from tagsync.reporting.console import Lines
from tagsync.reporting.phrases import shown_origin
from tagsync.reporting.text import SHOWN_FILES, SHOWN_GROUPS, diagnostics_text, plan_text, report_text
from tagsync.reporting.view import PlanView, ReportView

TARGET = TargetName("https://api.imagekit.io", "shop")


def planned(desired: DesiredState, *files: CurrentFile) -> Plan:
    return make_plan(desired, current_state(*files), TARGET, created_at="2026-01-01T00:00:00Z", bulk_rate=5.0)


def text_of(write: Callable[[Lines], None]) -> str:
    stream = io.StringIO()
    write(Lines(stream, environment={}))
    return stream.getvalue()


def plan_lines(plan: Plan, *, everything: bool = False) -> list[str]:
    return text_of(lambda lines: plan_text(PlanView(plan), lines, everything=everything)).splitlines()


def report_of(plan: Plan, *outcomes: FileOutcome, outcome: OutcomeName = "incomplete", sent: int = 2) -> Report:
    return Report(
        plan=plan,
        outcome=outcome,
        outcomes=outcomes,
        requests=RequestCounts(sent=sent, retried=1, throttled=3),
        timing=Timing(seconds=1.5, waited=0.25),
        finished_at="2026-01-01T00:00:00Z",
    )


def report_lines(report: Report) -> list[str]:
    return text_of(lambda lines: report_text(ReportView(report), lines)).splitlines()


def test_a_plan_shows_groups_of_alike_changes_where_they_come_from_and_totals(
    declare: Callable[..., DesiredState],
) -> None:
    desired = declare(
        """
- match: /shop/**
  tags: [catalog]
  absent: [draft]
- path: /shop/hero.jpg
  aiTags: {remove: [Person]}
"""
    )
    plan = planned(
        desired,
        current_file("/shop/a.jpg", ["draft"]),
        current_file("/shop/b.jpg", ["draft"]),
        current_file("/shop/done.jpg", ["catalog"]),
        current_file("/shop/hero.jpg", ["catalog"], [ai("Person")]),
        current_file("/other.jpg"),
    )
    name = desired.manifests[0].shown_as
    assert plan_lines(plan) == [
        "  /shop/a.jpg",
        "  /shop/b.jpg",
        f"      + catalog  {name}:6:14",
        f"      - draft    {name}:7:16",
        "",
        "  /shop/hero.jpg",
        f"      - AI Person  cannot be undone  {name}:9:25",
        "",
        "Plan: 3 files to change, 1 unchanged, for shop at https://api.imagekit.io",
        "  + 2 tags to add",
        "  - 2 tags to remove",
        "  - 1 AI tag to remove, which cannot be undone",
        "  3 calls, about 0.6 s (never fewer than 3; one per file would be 5, one per tag set 3, one per tag 3)",
        "  guards: removedTags 2 of 4, removedAiTags 1 of 1, changedFiles 3 of 4, emptiedFiles 0, newTags 0",
        f"  digest {plan.digest}",
    ]


def test_a_change_that_several_places_ask_for_says_so(declare: Callable[..., DesiredState]) -> None:
    desired = declare("- match: /**\n  tags: [a]\n- path: /x.jpg\n  tags: [a]")
    (_, change, *_) = plan_lines(planned(desired, current_file("/x.jpg")))
    assert change.endswith("tags.yaml:6:14 and elsewhere")


def test_of_a_large_group_three_paths_are_shown_unless_everything_is_asked_for(
    declare: Callable[..., DesiredState],
) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]"), *(current_file(f"/{number:04}.jpg") for number in range(1500)))
    assert plan_lines(plan)[:4] == ["  /0000.jpg", "  /0001.jpg", "  /0002.jpg", "  and 1,497 more files"]
    assert sum(line.endswith(".jpg") for line in plan_lines(plan, everything=True)) == 1500


def test_of_four_files_the_fourth_is_one_more_file(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]"), *(current_file(f"/{number}.jpg") for number in range(4)))
    assert plan_lines(plan)[3] == "  and 1 more file"


def test_many_kinds_of_change_are_cut_and_the_rest_is_counted(declare: Callable[..., DesiredState]) -> None:
    numbers = range(SHOWN_GROUPS + 2)
    desired = declare("\n".join(f"- path: /{number:02}.jpg\n  tags: [t{number:02}]" for number in numbers))
    plan = planned(desired, *(current_file(f"/{number:02}.jpg") for number in numbers))
    lines = plan_lines(plan)
    assert "… and 2 more kinds of change on 2 files: --verbose shows them" in lines
    assert f"  /{SHOWN_GROUPS - 1:02}.jpg" in lines
    assert f"  /{SHOWN_GROUPS:02}.jpg" not in lines
    assert f"  /{SHOWN_GROUPS + 1:02}.jpg" in plan_lines(plan, everything=True)


def test_a_plan_without_changes_says_that_there_is_nothing_to_do(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert plan_lines(plan) == ["Nothing to do: shop at https://api.imagekit.io is as declared (1 managed file)."]


def test_a_plan_with_errors_is_none(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /gone.jpg\n  tags: [a]"), current_file("/x.jpg"))
    assert plan_lines(plan) == ["No plan: 1 error for shop at https://api.imagekit.io, nothing is changed."]


def test_long_tags_do_not_push_the_places_of_short_ones_away(declare: Callable[..., DesiredState]) -> None:
    long = "l" * 300
    lines = plan_lines(planned(declare(f"- path: /x.jpg\n  tags: [{long}, b]"), current_file("/x.jpg")))
    assert lines[1].startswith("      + b" + " " * 37 + "  ")
    assert lines[2].startswith(f"      + {long}  ")


def test_a_file_of_a_damaged_plan_may_change_nothing(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /x.jpg\n  tags: [a]"), current_file("/x.jpg"))
    empty = Plan(
        target=plan.target,
        created_at=plan.created_at,
        digest=plan.digest,
        inputs=plan.inputs,
        summary=plan.summary,
        estimate=plan.estimate,
        changes=(
            FileChange(current_file("/x.jpg"), ()),
            FileChange(current_file("/y.jpg"), (Change(Op.ADD, "a", ()),)),
        ),
        requests=(),
        diagnostics=(),
    )
    assert plan_lines(empty)[:4] == ["  /x.jpg", "", "  /y.jpg", "      + a"]


def two_files(declare: Callable[..., DesiredState]) -> Plan:
    return planned(declare("- match: /**\n  tags: [a]"), current_file("/x.jpg"), current_file("/y.jpg"))


def test_a_converged_report_is_two_lines(declare: Callable[..., DesiredState]) -> None:
    confirmed = FileOutcome(Status.CONFIRMED, 1)
    assert report_lines(report_of(two_files(declare), confirmed, confirmed, outcome="converged")) == [
        "Apply converged: 2 confirmed",
        "  2 calls in 1.5 s (1 retried, 3 throttled, 0.2 s waited)",
    ]


def test_a_report_shows_each_file_that_did_not_arrive_with_the_last_words_about_it(
    declare: Callable[..., DesiredState],
) -> None:
    report = report_of(
        two_files(declare),
        FileOutcome(Status.FAILED, 2, "Error in adding tags", "req-1"),
        FileOutcome(Status.CONFIRMED, 1),
    )
    assert report_lines(report) == [
        "  failed    /x.jpg  Error in adding tags (request req-1)",
        "Apply incomplete: 1 confirmed, 1 failed",
        "  2 calls in 1.5 s (1 retried, 3 throttled, 0.2 s waited)",
        "  Running the same command again is safe: only what is still missing is sent.",
    ]


def test_a_report_of_nothing_says_so(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /x.jpg\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert report_lines(report_of(plan, outcome="converged", sent=0)) == ["Apply converged: nothing to do"]


def test_of_many_files_that_did_not_arrive_fifty_are_shown(declare: Callable[..., DesiredState]) -> None:
    paths = [f"/{number:02}.jpg" for number in range(SHOWN_FILES + 3)]
    plan = planned(declare("- match: /**\n  tags: [a]"), *map(current_file, paths))
    lines = report_lines(report_of(plan, *(FileOutcome(Status.SKIPPED, error="not sent") for _ in paths)))
    assert lines[49] == "  skipped   /49.jpg  not sent"
    assert lines[50] == "  … and 3 more files: --report json=FILE has all"


def diagnostic_lines(*diagnostics: Diagnostic, limit: int = 50, more: int = 0) -> list[str]:
    names = {"a.yaml": "given/a.yaml"}
    return text_of(lambda lines: diagnostics_text(diagnostics, lines, names=names, limit=limit, more=more)).splitlines()


def test_diagnostics_come_errors_first_each_with_its_place_as_the_user_gave_it() -> None:
    assert diagnostic_lines(
        Diagnostic("info", "kept", "stays"),
        Diagnostic("warning", "comma", "a comma", Origin("a.yaml", 2, 3)),
        Diagnostic("error", "missing", "not there", Origin("b.yaml", 1, 1)),
    ) == ["error: b.yaml:1:1: not there", "warning: given/a.yaml:2:3: a comma", "info: stays"]


def test_diagnostics_beyond_the_limit_are_counted_with_those_that_were_not_kept() -> None:
    found = [Diagnostic("warning", "comma", f"number {number}") for number in range(4)]
    assert diagnostic_lines(*found, limit=2, more=1000) == [
        "warning: number 0",
        "warning: number 1",
        "… and 1,002 more",
    ]


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u202e", "##[error]", "a\r::error::b"])
def test_a_diagnostic_stays_harmless_in_its_line(text: str) -> None:
    (line,) = diagnostic_lines(Diagnostic("error", "code", text, Origin(text, 1, 1)))
    assert not set(line) & set("\n\r\x1b\u202e")
    assert "##[" not in line


def test_an_origin_is_shown_as_the_path_that_the_user_gave() -> None:
    origin = Origin("shoes.yaml", 4, 7)
    assert shown_origin(origin, {"shoes.yaml": "manifests/shoes.yaml"}) == "manifests/shoes.yaml:4:7"
    assert shown_origin(origin, {}) == "shoes.yaml:4:7"


def test_files_that_were_not_found_are_counted_and_named_if_everything_is_to_be_shown(
    declare: Callable[..., DesiredState],
) -> None:
    gone = '- {path: "/gone\\e.jpg", tags: [a], ifMissing: skip}\n- {fileId: nope, tags: [a], ifMissing: skip}\n'
    for there in ("", "- {path: /x.jpg, tags: [a]}"):
        plan = planned(declare(gone + there), current_file("/x.jpg"))
        assert "  2 declared files not in the library: --verbose names them" in plan_lines(plan)
        lines = plan_lines(plan, everything=True)
        place = lines.index("  2 declared files not in the library")
        manifest = plan.inputs.manifests[0].shown_as
        assert lines[place + 1 : place + 3] == [
            f"      /gone\\x1b.jpg  {manifest}:5:7",
            f"      the file with ID nope  {manifest}:6:7",
        ]
        many = replace(plan, summary=plan.summary._replace(missing=1002))
        assert "      … and 1,000 more files" in plan_lines(many, everything=True)
