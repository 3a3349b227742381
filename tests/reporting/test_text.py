import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import ai, current_file, current_state, on_terminal, plan_for, written

from tagsync.model import (
    Cause,
    Change,
    CurrentFile,
    DesiredState,
    Diagnostic,
    Drift,
    FileChange,
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
from tagsync.reporting.console import columns
from tagsync.reporting.formats import plan_layouts, report_layouts
from tagsync.reporting.log import TextLog
from tagsync.reporting.plan_view import PlanView
from tagsync.reporting.report_view import ReportView
from tagsync.reporting.text import diagnostics_text, plan_text, report_text

SHOWN_LINES = 60
SHOWN_REASONS = 20


def planned(desired: DesiredState, *files: CurrentFile) -> Plan:
    return plan_for(desired, current_state(*files))


def plan_lines(plan: Plan, *, everything: bool = False) -> list[str]:
    return written(plan_layouts(plan, everything=everything), is_file=False).splitlines()


def report_of(plan: Plan, *outcomes: FileOutcome, outcome: Any = "incomplete", sent: int = 2) -> Report:
    return Report(
        plan=plan,
        outcome=outcome,
        outcomes=outcomes,
        requests=RequestCounts(sent=sent, retried=1, throttled=3),
        timing=Timing(seconds=1.5, waited=0.25),
        finished_at="2026-01-01T00:00:00Z",
    )


def report_lines(report: Report, *, everything: bool = False, plan_shown: bool = False) -> list[str]:
    layouts = report_layouts(report, everything=everything, plan_shown=plan_shown)
    return written(layouts, is_file=False).removeprefix("\n").splitlines()  # a line apart from the plan above


def test_plan_has_one_line_per_operation_and_tag_and_a_summary(declare: Callable[..., DesiredState]) -> None:
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
        "Plan: shop at https://api.imagekit.io",
        "",
        f"  - AI Person  1 file   cannot be undone  {name}:9:25",
        f"  - draft      2 files  {name}:7:16",
        f"  + catalog    2 files  {name}:6:14",
        "",
        "3 files: +2 -2 tags, -1 AI tag · all 3 files lose tags · 3 API calls, about 0.6 s",
        "  /shop/a.jpg     - draft  + catalog",
        "  /shop/b.jpg     - draft  + catalog",
        "  /shop/hero.jpg  - AI Person",
    ]
    assert plan_lines(plan, everything=True)[6:] == [
        "Files",
        "  /shop/a.jpg",
        "  /shop/b.jpg",
        f"      - draft    {name}:7:16",
        f"      + catalog  {name}:6:14",
        "",
        "  /shop/hero.jpg",
        f"      - AI Person  cannot be undone  {name}:9:25",
        "",
        "3 files: +2 -2 tags, -1 AI tag · all 3 files lose tags · 3 API calls, about 0.6 s",
        "1 managed file unchanged",
        "3 API calls, about 0.6 s (the fewest possible; 5 without batching)",
        "Read 5 files in 0 API calls",
        f"Digest {plan.digest}",
    ]


def test_plan_line_counts_other_places_that_ask_for_the_change(declare: Callable[..., DesiredState]) -> None:
    desired = declare("- match: /**\n  tags: [a]\n- path: /x.jpg\n  tags: [a]")
    plan = planned(desired, current_file("/x.jpg"))
    assert plan_lines(plan)[2].endswith("tags.yaml:6:14 +1 more")
    assert plan_lines(plan, everything=True)[6].endswith("tags.yaml:6:14 +1 more")


def test_plan_names_for_each_file_only_the_rules_that_apply_to_it(declare: Callable[..., DesiredState]) -> None:
    desired = declare("- {path: /a.jpg, absent: [x]}\n- {path: /b.jpg, absent: [x]}")
    plan = planned(desired, current_file("/a.jpg", ["x"]), current_file("/b.jpg", ["x"]))
    name = desired.manifests[0].shown_as
    assert plan_lines(plan, everything=True)[4:10] == [
        "Files",
        "  /a.jpg",
        f"      - x  {name}:5:31",
        "",
        "  /b.jpg",
        f"      - x  {name}:6:31",
    ]


def test_plan_lists_each_file_only_if_everything_is_wanted(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]"), *(current_file(f"/{number:04}.jpg") for number in range(1500)))
    assert len(plan_lines(plan)) == 5
    assert sum(line.endswith(".jpg") for line in plan_lines(plan, everything=True)) == 1500


def test_plan_lists_files_left_without_tags(declare: Callable[..., DesiredState]) -> None:
    files = {"/all": ["old"], "/both": ["old", "older"], "/kept": ["old", "x"], "/moved": ["older"], "/none": []}
    desired = declare("- {match: /*, absent: [old, older]}\n- {path: /moved, tags: [new]}")
    lines = plan_lines(planned(desired, *(current_file(*file) for file in files.items())), everything=True)
    start = lines.index("Files left without ordinary tags")
    assert lines[start - 1 : start + 4] == ["", "Files left without ordinary tags", "  /all", "  /both", ""]
    assert lines.index("Files") < start


def many_tags(declare: Callable[..., DesiredState], *, add: int, remove: int) -> Plan:
    """Return a plan that adds and removes tags; the tag with the least number has the most files."""
    entries = [f"- match: /*.jpg\n  absent: [r{number:02}]" for number in range(remove)]
    entries += [f"- match: '/{'?' * (2 + number // 30)}*.jpg'\n  tags: [t{number:02}]" for number in range(add)]
    files = [
        current_file(f"/{'x' * length}.jpg", [f"r{number:02}" for number in range(remove)]) for length in (2, 3, 4)
    ]
    return planned(declare("\n".join(entries)), *files)


def test_plan_beyond_sixty_lines_counts_the_rarest_additions(declare: Callable[..., DesiredState]) -> None:
    lines = plan_lines(many_tags(declare, add=70, remove=4))
    assert len(lines) == SHOWN_LINES
    assert sum(line.startswith("  - r") for line in lines) == 4
    assert (
        next(line for line in lines if "more tags" in line) == "  + 22 more tags, each on up to 2 files (-v lists them)"
    )
    assert (
        sum(line.startswith("  + t") for line in plan_lines(many_tags(declare, add=70, remove=4), everything=True))
        == 70
    )


def test_plan_of_exactly_sixty_lines_is_complete(declare: Callable[..., DesiredState]) -> None:
    plan = many_tags(declare, add=49, remove=4)
    assert len(plan_lines(plan)) == SHOWN_LINES
    assert "(-v lists them)" not in "".join(plan_lines(plan))


def test_plan_shows_every_removal_and_the_largest_additions(declare: Callable[..., DesiredState]) -> None:
    lines = plan_lines(many_tags(declare, add=12, remove=80))
    assert sum(line.startswith("  - r") for line in lines) == 80
    assert [line.split()[1] for line in lines if line.startswith("  + t")] == [f"t{n:02}" for n in range(10)]
    assert "  + 2 more tags, each on up to 3 files (-v lists them)" in lines


def plan_on_terminal(plan: Plan, width: int, **environment: str) -> list[str]:
    return on_terminal(lambda lines: plan_text(PlanView(plan), lines), width, **environment)


def test_plan_line_shortens_the_place_on_a_narrow_terminal(declare: Callable[..., DesiredState]) -> None:
    desired = declare("- match: /**\n  aiTags: {remove: [Person]}\n  tags: [a]")
    plan = planned(desired, current_file("/x.jpg", [], [ai("Person")]))
    assert plan_on_terminal(plan, 58)[2:4] == [
        "  - AI Person  1 file   cannot be undone  …/tags.yaml:6:25",
        "  + a          1 file   …/tags.yaml:7:14",
    ]
    assert plan_on_terminal(plan, 57)[2:5] == [
        "  - AI Person  1 file   cannot be undone",
        "      …/tags.yaml:6:25",
        "  + a          1 file   …/tags.yaml:7:14",
    ]
    assert plan_on_terminal(plan, 39)[2:5] == [
        "  - AI Person  1 file",
        "      cannot be undone",
        "      …/tags.yaml:6:25",
    ]
    assert plan_on_terminal(plan, 400) == plan_lines(plan)


def test_plan_tag_that_is_too_wide_for_a_terminal_moves_only_its_own_line(
    declare: Callable[..., DesiredState],
) -> None:
    desired = declare("- match: /**\n  aiTags: {remove: [Person, 夏の終わりの海岸の風景写真集]}")
    plan = planned(desired, current_file("/x.jpg", [], [ai("Person"), ai("夏の終わりの海岸の風景写真集")]))
    lines = plan_on_terminal(plan, 60)
    assert lines[2:6] == [
        "  - AI Person  1 file   cannot be undone  …/tags.yaml:6:25",
        "  - AI 夏の終わりの海岸の風景写真集  1 file",
        "      cannot be undone  …/tags.yaml:6:33",
        "",
    ]
    assert max(map(columns, lines)) <= 60


def test_plan_groups_on_a_narrow_terminal_break_between_their_parts(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  aiTags: {remove: [Person]}"), current_file("/x.jpg", [], [ai("Person")]))
    lines = on_terminal(lambda lines: plan_text(PlanView(plan), lines, everything=True), 44)
    assert lines[lines.index("  /x.jpg") :][:3] == [
        "  /x.jpg",
        "      - AI Person  cannot be undone",
        "          …/tags.yaml:6:25",
    ]


def test_plan_lines_align_for_wide_characters(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /x.jpg\n  tags: [靴, '👟', ab, abcd]"), current_file("/x.jpg"))
    assert [line.partition(" 1 file")[0] for line in plan_lines(plan)[2:6]] == [
        "  + ab   ",
        "  + abcd ",
        "  + 靴   ",
        "  + 👟   ",
    ]
    assert any(line.startswith("      + 靴    /") for line in plan_lines(plan, everything=True))


def with_causes(plan: Plan, *causes: Cause) -> Plan:
    changes = [(change.file_id, item) for change in plan.changes for item in change.changes]
    drift = tuple(
        Drift(file_id, item.op, item.tag, cause) for (file_id, item), cause in zip(changes, causes, strict=False)
    )
    return replace(plan, drift=drift)


def test_plan_states_a_common_cause_once(declare: Callable[..., DesiredState]) -> None:
    plan = with_causes(two_files(declare), Cause.REMOVED, Cause.REMOVED)
    assert [line for line in plan_lines(plan) if "removed in" in line] == [
        "Cause of all changes: removed in the library"
    ]


def test_plan_states_different_causes_per_tag_and_counts_them(declare: Callable[..., DesiredState]) -> None:
    desired = declare("- match: /**\n  tags: [a, b, c]")
    plan = with_causes(planned(desired, current_file("/x.jpg")), Cause.MANIFEST, Cause.UPLOADED)
    name = desired.manifests[0].shown_as
    assert plan_lines(plan)[2:5] == [
        f"  + a  1 file   {name}:6:14  manifest changed",
        f"  + b  1 file   {name}:6:17  all tags lost in an upload",
        f"  + c  1 file   {name}:6:20",
    ]
    assert plan_lines(plan)[-1] == "Causes: manifest changed (1), all tags lost in an upload (1), unknown (1)"


def guarded(declare: Callable[..., DesiredState], observed: int, *, blocked: bool = False) -> Plan:
    guards = (
        Guard(GuardId.REMOVED_TAGS, observed, 400, Limit(100, 30), blocked=blocked, files=("/x.jpg",)),
        Guard(GuardId.NEW_TAGS, 3, 0, Limit(500), blocked=False, tags=("a",)),
    )
    return replace(two_files(declare), guards=guards)


@pytest.mark.parametrize(("observed", "is_shown"), [(60, False), (61, True), (120, True)])
def test_plan_shows_a_guard_above_half_of_both_its_limits(
    declare: Callable[..., DesiredState], observed: int, *, is_shown: bool
) -> None:
    shown = [line for line in plan_lines(guarded(declare, observed)) if "of guard" in line]
    share = round(observed / 4)
    words = (
        f"Close to the limit of guard removedTags: the plan removes {observed} of 400 tags ({share} %). "
        "Only plans that exceed both 30 % and 100 tags are blocked."
    )
    assert shown == ([words] if is_shown else [])


def test_plan_breaks_sentences_between_words_on_a_narrow_terminal(declare: Callable[..., DesiredState]) -> None:
    assert plan_on_terminal(guarded(declare, 120), 60)[-3:] == [
        "Close to the limit of guard removedTags: the plan removes",
        "  120 of 400 tags (30 %). Only plans that exceed both 30 %",
        "  and 100 tags are blocked.",
    ]
    coloured = plan_on_terminal(guarded(declare, 120), 60, NO_COLOR="", TERM="xterm-256color")
    assert coloured[-3] == "\x1b[33mClose to the limit of guard removedTags:\x1b[0m the plan removes"
    assert coloured[-2:] == [
        "  120 of 400 tags (30 %). Only plans that exceed both 30 %",
        "  and 100 tags are blocked.",
    ]
    blocked = plan_on_terminal(guarded(declare, 200, blocked=True), 60)
    assert blocked[-1] == f"  --ack removedTags@{two_files(declare).digest}"


def test_report_breaks_sentences_between_words_on_a_narrow_terminal(declare: Callable[..., DesiredState]) -> None:
    report = report_of(two_files(declare), FileOutcome(Status.FAILED, error="ImageKit says: the file is locked"))
    lines = on_terminal(lambda lines: report_text(ReportView(report), lines), 40)
    assert lines[:3] == [
        "No files changed · 2 API calls in 1.5 s",
        "  (1 retried, 3 rate-limited, 0.2 s",
        "  waiting)",
    ]
    failed = next(at for at, line in enumerate(lines) if "failed" in line)
    assert lines[failed : failed + 2] == ["  1 file (+1 tag): failed: ImageKit", "    says: the file is locked"]


def test_diagnostics_break_between_words_on_a_narrow_terminal() -> None:
    found = [
        Diagnostic("warning", "x", "no file has the path '/shop/a red shoe.jpg': check it", Origin("t.yaml", 1, 2))
    ]
    assert on_terminal(lambda lines: diagnostics_text(found, lines, names={}, limit=1), 34) == [
        "warning: t.yaml:1:2: no file has",
        "  the path '/shop/a red shoe.jpg':",
        "  check it",
    ]


def test_plan_names_a_blocking_guard_once_unless_the_caller_does(declare: Callable[..., DesiredState]) -> None:
    plan = guarded(declare, 200, blocked=True)
    words = (
        "Blocked by guard removedTags: the plan removes 200 of 400 tags (50 %); the limit is 30 % and 100 tags. "
        f"Examples: '/x.jpg'. If this is intended, apply it with: --ack removedTags@{plan.digest}"
    )
    assert [line for line in plan_lines(plan) if "guard removed" in line] == [words]
    text = written(plan_layouts(plan, with_blocks=False), is_file=False)
    assert "\nAbove the limit of guard removedTags\n" in text
    assert "--ack" not in text
    lines = on_terminal(lambda lines: plan_text(PlanView(plan), lines, with_blocks=False), 80)
    assert "guard" not in "".join(lines)  # the error below it says so


def test_plan_without_changes_has_nothing_to_do(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert plan_lines(plan) == [
        "Nothing to do: shop at https://api.imagekit.io matches the manifests (1 managed file)."
    ]


def test_plan_of_rules_without_files_says_so(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /y/**\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert "Nothing to do: no rule selects a file of shop at https://api.imagekit.io (1 warning)." in plan_lines(plan)


def test_plan_without_changes_counts_warnings(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- match: /**\n  tags: [a]\n- match: /y/**\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert plan_lines(plan) == [
        "Nothing to do: shop at https://api.imagekit.io matches the manifests (1 managed file, 1 warning)."
    ]


def test_plan_with_errors_is_no_plan(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /gone.jpg\n  tags: [a]"), current_file("/x.jpg"))
    assert plan_lines(plan) == ["No plan: 1 error for shop at https://api.imagekit.io."]


def test_plan_lines_stay_aligned_and_narrow_beside_a_long_tag(declare: Callable[..., DesiredState]) -> None:
    long = "l" * 300
    lines = plan_lines(planned(declare(f"- path: /x.jpg\n  tags: [{long}, b]"), current_file("/x.jpg")))
    assert lines[2].startswith("  + b  1 file")
    assert lines[3].startswith(f"  + {long}  1 file")


def test_plan_shows_a_damaged_file_without_changes(declare: Callable[..., DesiredState]) -> None:
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
    assert plan_lines(empty)[2] == "  + a  1 file"
    assert plan_lines(empty, everything=True)[5:10] == ["  /x.jpg", "", "  /y.jpg", "      + a", ""]


def two_files(declare: Callable[..., DesiredState]) -> Plan:
    return planned(declare("- match: /**\n  tags: [a]"), current_file("/x.jpg"), current_file("/y.jpg"))


def test_report_shows_changes_in_the_form_of_a_plan(declare: Callable[..., DesiredState]) -> None:
    plan = two_files(declare)
    confirmed = FileOutcome(Status.CONFIRMED, 1)
    report = report_of(plan, confirmed, confirmed, outcome="converged")
    place = f"{plan.inputs.manifests[0].shown_as}:6:14"
    summary = [
        "2 files changed: +2 tags · 2 API calls in 1.5 s (1 retried, 3 rate-limited, 0.2 s waiting)",
        "Apply complete: 2 files verified",
    ]
    assert report_lines(report) == [
        "Changed in shop at https://api.imagekit.io",
        "",
        f"  + a  2 files  {place}",
        "",
        *summary,
    ]
    assert report_lines(report, plan_shown=True) == summary
    assert report_lines(report, everything=True)[3:] == [
        "",
        "Files changed",
        "  /x.jpg",
        "  /y.jpg",
        f"      + a  {place}",
        "",
        *summary,
    ]


def test_report_counts_only_changes_that_were_made(declare: Callable[..., DesiredState]) -> None:
    plan = two_files(declare)
    report = report_of(
        plan,
        FileOutcome(Status.FAILED, 2, "Error in adding tags", "req-1"),
        FileOutcome(Status.ACCEPTED, 1),
    )
    place = f"{plan.inputs.manifests[0].shown_as}:6:14"
    short = [
        "Changed in shop at https://api.imagekit.io",
        "",
        f"  + a  1 file   {place}",
        "",
        "1 file changed: +1 tag · 2 API calls in 1.5 s (1 retried, 3 rate-limited, 0.2 s waiting)",
        "",
        "Not changed as planned",
        "  1 file (+1 tag): failed: Error in adding tags",
        "      /x.jpg",
        "",
        "Apply incomplete: 1 file unverified, 1 failed",
        "Run the same command again: it sends only what is missing.",
    ]
    assert report_lines(report) == report_lines(report, plan_shown=True) == short
    assert report_lines(report, everything=True) == [
        *short[:4],
        "Files changed",
        "  /y.jpg",
        f"      + a  {place}",
        "",
        "Files not changed as planned",
        "  /x.jpg  failed: Error in adding tags (request req-1)",
        "",
        *short[4:],
    ]


def test_report_without_changes_has_nothing_to_do(declare: Callable[..., DesiredState]) -> None:
    plan = planned(declare("- path: /x.jpg\n  tags: [a]"), current_file("/x.jpg", ["a"]))
    assert report_lines(report_of(plan, outcome="converged", sent=0)) == ["Apply complete: nothing to do"]


def test_report_groups_files_by_the_reason_that_they_were_not_changed(declare: Callable[..., DesiredState]) -> None:
    paths = [f"/{number:02}.jpg" for number in range(53)]
    plan = planned(declare("- match: /**\n  tags: [a]"), *map(current_file, paths))
    skipped = FileOutcome(Status.SKIPPED, error="not sent: the run was interrupted")
    stale = FileOutcome(Status.STALE, error="the file was moved")
    report = report_of(plan, *[skipped] * 50, stale, stale, FileOutcome(Status.MISSING), outcome="interrupted")
    lines = report_lines(report)
    assert lines[2:] == [
        "Not changed as planned",
        "  50 files (+50 tags): not sent, the run was interrupted",
        "      /00.jpg",
        "      /01.jpg",
        "      /02.jpg",
        "      and 47 more files",
        "  2 files (+2 tags): stale: the file was moved",
        "      /50.jpg",
        "      /51.jpg",
        "  1 file (+1 tag): not found",
        "      /52.jpg",
        "",
        "Apply interrupted: 50 files skipped, 2 stale, 1 not found",
        "Run the same command again: it sends only what is missing.",
        "Plan again to change the stale files.",
    ]
    assert lines[0].startswith("No files changed · 2 API calls in ")
    everything = report_lines(report, everything=True)
    assert sum(line.startswith("  /") for line in everything) == 53
    assert "  /49.jpg  not sent, the run was interrupted" in everything


def test_report_counts_rare_reasons_together(declare: Callable[..., DesiredState]) -> None:
    paths = [f"/{number:02}.jpg" for number in range(SHOWN_REASONS + 3)]
    plan = planned(declare("- match: /**\n  tags: [a]"), *map(current_file, paths))
    lines = report_lines(report_of(plan, *(FileOutcome(Status.FAILED, error=f"error {path}") for path in paths)))
    assert "  … and 3 files for other reasons (--report text=FILE lists them)" in lines
    assert sum(line.startswith("  1 file (+1 tag): failed: error") for line in lines) == SHOWN_REASONS


def diagnostic_lines(*diagnostics: Diagnostic, limit: int = 50, more: int = 0) -> list[str]:
    names = {"a.yaml": "given/a.yaml"}
    stream = io.StringIO()
    TextLog(stream).diagnostics(diagnostics, names, limit=limit, more=more)
    return stream.getvalue().splitlines()


def test_diagnostics_text_has_errors_first_with_places() -> None:
    assert diagnostic_lines(
        Diagnostic("info", "kept", "stays"),
        Diagnostic("warning", "comma", "a comma", Origin("a.yaml", 2, 3)),
        Diagnostic("error", "missing", "not there", Origin("b.yaml", 1, 1)),
    ) == ["error: b.yaml:1:1: not there", "warning: given/a.yaml:2:3: a comma", "notice: stays"]


def test_diagnostics_text_counts_those_beyond_its_limit() -> None:
    found = [Diagnostic("warning", "comma", f"number {number}") for number in range(4)]
    assert diagnostic_lines(*found, limit=2, more=1000) == [
        "warning: number 0",
        "warning: number 1",
        "… and 1,002 more",
    ]


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u202e", "##[error]", "a\r::error::b"])
def test_diagnostics_text_escapes_hostile_text(text: str) -> None:
    (line,) = diagnostic_lines(Diagnostic("error", "code", text, Origin(text, 1, 1)))
    assert not set(line) & set("\n\r\x1b\u202e")
    assert "##[" not in line


def test_plan_counts_files_not_found_and_names_them_if_everything_is_wanted(
    declare: Callable[..., DesiredState],
) -> None:
    gone = '- {path: "/gone\\e.jpg", tags: [a], ifMissing: skip}\n- {fileId: nope, tags: [a], ifMissing: skip}\n'
    for there in ("", "- {path: /x.jpg, tags: [a]}"):
        plan = planned(declare(gone + there), current_file("/x.jpg"))
        assert "2 declared files not found in the library (-v lists them)" in plan_lines(plan)
        lines = plan_lines(plan, everything=True)
        assert "2 declared files not found in the library" in lines
        place = lines.index("Files not found")
        manifest = plan.inputs.manifests[0].shown_as
        assert lines[place + 1 : place + 3] == [
            f"  /gone\\x1b.jpg  {manifest}:5:7",
            f"  the file with ID nope  {manifest}:6:7",
        ]
        many = replace(plan, summary=plan.summary._replace(missing=1002))
        assert "  … and 1,000 more files" in plan_lines(many, everything=True)
