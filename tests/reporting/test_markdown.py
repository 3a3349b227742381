import re
from dataclasses import replace
from typing import Any

import pytest
from builders import ai, changed, current_file, diagnostics_as, plan_of, rendered
from markdown_it import MarkdownIt

from tagsync.model import (
    Cause,
    Diagnostic,
    Drift,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Limit,
    Op,
    Origin,
    Part,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.planning.difference import difference

GROUPS = 5
LEAST_BYTES = 8000
MAX_BYTES = 60_000

DIGEST = "sha256:" + "0" * 64


def many(count: int) -> Plan:
    """Return a plan of files each of which changes in its own way."""
    return plan_of(
        *(
            changed(current_file(f"/shop/{n:05}.jpg", ["old"]), (Op.ADD, f"tag-{n}"), (Op.REMOVE, "old"))
            for n in range(count)
        )
    )


def test_comment_has_verdict_then_tags_with_removals_first_then_files_on_demand() -> None:
    added = [changed(current_file(f"/x/{name}.jpg"), (Op.ADD, "red")) for name in "abcd"]
    renamed = changed(current_file("/z.jpg", ["old"], [ai("Person")]), (Op.ADD, "new"), (Op.REMOVE_AI, "Person"))
    assert (
        rendered(plan_of(*added, renamed), "markdown", link="https://ci.example/1")
        == f"""<!-- tagsync plan {DIGEST} -->
### Plan: 5 files to change

+5 tags, -1 AI tag · 1 file loses tags · 2 API calls, about 0.4 s · `shop` at `https://api.imagekit.io`

**Removing 1 AI tag cannot be undone.**

| Change | Tag | Files | Rule |
|:--|:--|--:|:--|
| **remove&nbsp;AI** | `Person` | 1 | `tags.yaml:6:14` |
| add | `red` | 4 | `tags.yaml:6:14` |
| add | `new` | 1 | `tags.yaml:6:14` |

Folders: `/x/` (4 files), `/` (1 file)

<details><summary>5 files, grouped by what changes</summary>

- `/z.jpg`: remove AI `Person`; add `new`
- `/x/a.jpg`, `/x/b.jpg`, `/x/c.jpg` and 1 more file: add `red`

</details>

[All details](https://ci.example/1)

Digest `{DIGEST}`
"""
    )


def test_comment_of_empty_plan_is_short() -> None:
    assert (
        rendered(plan_of(), "markdown")
        == f"""<!-- tagsync plan {DIGEST} -->
### Nothing to do

3 managed files unchanged · `shop` at `https://api.imagekit.io`

Digest `{DIGEST}`
"""
    )


@pytest.mark.parametrize("filters", [{"select": ("/x/*",)}, {"changed_since": "0" * 40}, {"part": Part(1, 2)}])
def test_comment_of_filtered_plan_shows_no_digest_to_approve(filters: dict[str, Any]) -> None:
    plan = plan_of()
    text = rendered(replace(plan, inputs=plan.inputs._replace(**filters)), "markdown")
    assert text.endswith("\nThis plan is filtered. To approve a digest, use that of the whole plan.\n")
    assert f"Digest `{DIGEST}`" not in text


def large() -> Plan:
    """Return a plan of 3,000 files in 14 folders, each with a rule of its own."""

    def change(number: int) -> FileChange:
        rule = number % 14
        items = [(Op.ADD, f"collection-{rule}"), (Op.ADD, f"season-{rule}")]
        items += [(Op.REMOVE, f"draft-{rule}")] if number % 3 == 0 else []
        items += [(Op.REMOVE_AI, "Person")] if number % 5 == 0 else []
        return changed(current_file(f"/shop/folder-{rule}/picture-{number:04}.jpg"), *items, line=10 * rule)

    return plan_of(*map(change, range(3000)))


def test_comment_of_large_plan_is_small_and_complete() -> None:
    text = rendered(large(), "markdown", link="https://ci.example/1")
    assert 2_000 < len(text.encode()) < 5_000
    rows = re.findall(r"^\| (\S+) \| `(\S+)` \|", text, re.MULTILINE)
    assert [change for change, _tag in rows[:40]] == ["**remove&nbsp;AI**", *["remove"] * 14, *["add"] * 25]
    (rest,) = re.findall(r"<summary>3 more changes</summary>\n\n(.*?)\n\n</details>", text, re.DOTALL)
    assert rest.count("\n| add | ") == 3


@pytest.mark.parametrize("max_bytes", [LEAST_BYTES, 20_000, MAX_BYTES])
def test_comment_fits_max_bytes_and_counts_what_it_leaves_out(max_bytes: int) -> None:
    count = 3000
    text = rendered(many(count), "markdown", max_bytes=max_bytes)
    assert max_bytes * 0.5 < len(text.encode()) <= max_bytes
    assert f"\n+{count:,} -{count:,} tags · all {count:,} files lose tags · 2 API calls" in text
    (left,) = re.findall(r"\n… and ([\d,]+) more added tags\n\n</details>", text)
    assert int(left.replace(",", "")) == count - text.count("\n| add | ")
    listed = len(re.findall("^- `/shop/", text, re.MULTILINE))
    assert listed > GROUPS
    assert f"\n… and {count - listed:,} more groups with {count - listed:,} files\n" in text


def test_comment_lists_groups_that_remove_beyond_the_first_while_it_is_short() -> None:
    removed = [changed(current_file(f"/old/{n}.jpg"), (Op.REMOVE, f"old-{n}")) for n in range(GROUPS + 3)]
    added = [changed(current_file(f"/new/{n}.jpg"), (Op.ADD, f"new-{n}")) for n in range(4)]
    text = rendered(plan_of(*removed, *added), "markdown")
    assert re.findall("^- `/(.*?)`", text, re.MULTILINE) == [f"old/{n}.jpg" for n in range(GROUPS + 3)]
    assert "\n… and 4 more groups with 4 files\n" in text


def test_comment_leaves_out_additions_before_removals() -> None:
    items = [(Op.REMOVE, f"old-{n:03}") for n in range(100)] + [(Op.ADD, f"new-{n:03}") for n in range(100)]
    text = rendered(plan_of(changed(current_file("/a.jpg"), *items)), "markdown", max_bytes=LEAST_BYTES)
    assert text.count("| remove | ") == 100
    assert 0 < text.count("| add | ") < 100
    text = rendered(plan_of(*(changed(current_file(f"/{tag}.jpg"), (op, tag * 15)) for op, tag in items)), "markdown")
    assert text.count("| remove | ") == text.count("| add | ") == 100
    text = rendered(
        plan_of(*(changed(current_file(f"/{tag}.jpg"), (op, tag * 15)) for op, tag in items)),
        "markdown",
        max_bytes=LEAST_BYTES,
    )
    assert 0 < text.count("| remove | ") < 100
    assert "| add | " not in text
    assert re.search(r"… and \d+ more removed tags?, 100 more added tags\n", text)


def test_comment_is_never_cut_within_a_construct() -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    plan = many(300)
    whole = set(re.findall("<tr>.*?</tr>", parser.render(rendered(plan, "markdown")), re.DOTALL))
    for size in range(LEAST_BYTES, 14_000, 97):
        page = parser.render(rendered(plan, "markdown", max_bytes=size))
        assert page.count("<details>") == page.count("</details>")
        assert set(re.findall("<tr>.*?</tr>", page, re.DOTALL)) <= whole
        assert page.rstrip().endswith(f"<p>Digest <code>{DIGEST}</code></p>")


@pytest.mark.parametrize("letter", ["x", "\U0001f980", "\U000e0041", "`"])
def test_least_bytes_fit_every_guard_whatever_its_examples(letter: str) -> None:
    long = letter * 500
    guards = [
        Guard(guard, 10**6, 10**7, Limit(10**5, 12.5), blocked=True, files=(long,) * 3, tags=(long,) * 3)
        for guard in GuardId
    ]
    told = tuple(Diagnostic("error", "x", long, Origin(long, 1, 1)) for _ in range(60))
    plan = plan_of(changed(current_file(f"/{long}"), (Op.ADD, long)), diagnostics=told, guards=tuple(guards))
    text = rendered(plan, "markdown", max_bytes=LEAST_BYTES)
    assert len(text.encode()) <= LEAST_BYTES
    assert [f"`--ack {guard}@{DIGEST}`" in text for guard in GuardId] == [True] * 5
    assert re.search(r"… and \d+ more\n", text)


def test_comment_of_blocked_plan_names_guard_reason_and_ack() -> None:
    guard = Guard(GuardId.EMPTIED_FILES, 2, 10, Limit(0), blocked=True, files=("/a.jpg", "/b.jpg"))
    text = rendered(plan_of(changed(current_file("/a.jpg", ["x"]), (Op.REMOVE, "x")), guards=(guard,)), "markdown")
    assert "### Plan blocked by guard emptiedFiles: 1 file to change\n" in text
    assert (
        "> **Blocked by guard emptiedFiles**: the plan leaves 2 of 10 files (20 %) without ordinary tags; "
        "the limit is 0 files. Files: `/a.jpg`, `/b.jpg`."
        f"\n>\n> If this is intended, apply it with: `--ack emptiedFiles@{DIGEST}`\n"
    ) in text


def test_comment_keeps_the_end_of_long_examples_and_tags_apart_from_files() -> None:
    tags = tuple(f"{'a-long-name-of-a-collection-' * 3}{season}" for season in ("spring", "summer"))
    guard = Guard(GuardId.NEW_TAGS, 600, 0, Limit(500), blocked=True, files=("/a.jpg",), tags=tags)
    text = rendered(plan_of(guards=(guard,)), "markdown")
    assert (
        " Example tags: `a-long-name-of-…e-of-a-collection-spring`, `a-long-name-of-…e-of-a-collection-summer`. "
        "Example files: `/a.jpg`.\n"
    ) in text


def test_comment_names_guards_only_past_half_their_limit() -> None:
    guards = [
        Guard(GuardId.NEW_TAGS, 251, 0, Limit(500), blocked=False),
        Guard(GuardId.CHANGED_FILES, 9, 9, Limit(99), blocked=False),
    ]
    text = rendered(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "x")), guards=guards), "markdown")
    assert (
        "- Close to the limit of guard newTags: the plan adds 251 tags that the library does not have yet. "
        "Only plans that add more than 500 new tags are blocked.\n" in text
    )
    assert "changedFiles" not in text


def test_comment_of_report_is_in_past_tense_with_failures_first() -> None:
    plan = plan_of(
        *(changed(current_file(f"/{name}.jpg", ["x"]), (Op.ADD, "red"), (Op.REMOVE, "x")) for name in "abcde")
    )
    outcomes = (
        FileOutcome(Status.CONFIRMED, 1),
        FileOutcome(Status.FAILED, 3, "Locked (request req-1)", "req-1"),
        FileOutcome(Status.FAILED, 3, "Locked (request req-2)", "req-2"),
        FileOutcome(Status.SKIPPED, 0, "not sent, the run was interrupted"),
        FileOutcome(Status.FAILED, 3, "Moved", "req-3"),
    )
    requests = RequestCounts(sent=3, retried=1, throttled=2)
    timing = Timing(seconds=1.5, waited=0.5)
    text = rendered(Report(plan, "incomplete", outcomes, requests, timing, "2026"), "markdown")
    assert text.startswith(f"<!-- tagsync report {DIGEST} -->\n### Apply incomplete: ")
    assert "\n1 file changed: +1 -1 tags · 3 API calls in 1.5 s (1 retried, 2 rate-limited, 0.5 s waiting) · " in text
    missed = """#### Not changed as planned

| Files | Not applied | Status | Reason |
|--:|:--|:--|:--|
| 2 | +2 -2 tags | failed | `Locked` |
| 1 | +1 -1 tags | failed | `Moved` |
| 1 | +1 -1 tags | skipped | `not sent, the run was interrupted` |

<details><summary>4 files not changed as planned</summary>

- **failed** `/b.jpg`: `Locked (request req-1)`
- **failed** `/c.jpg`: `Locked (request req-2)`
- **skipped** `/d.jpg`: `not sent, the run was interrupted`
- **failed** `/e.jpg`: `Moved` (request `req-3`)

</details>

#### Changed

| Change | Tag | Files | Rule |
|:--|:--|--:|:--|
| removed | `x` | 1 | `tags.yaml:6:14` |
| added | `red` | 1 | `tags.yaml:6:14` |
"""
    assert missed in text
    assert "- `/a.jpg`: removed `x`; added `red`\n" in text


def test_comment_of_converged_report_has_no_warning_about_removals() -> None:
    plan = plan_of(changed(current_file("/a.jpg", [], [ai("Dog")]), (Op.REMOVE_AI, "Dog")))
    report = Report(plan, "converged", (FileOutcome(Status.CONFIRMED, 1),), RequestCounts(sent=1), Timing(1), "2026")
    text = rendered(report, "markdown")
    assert "| **removed&nbsp;AI** | `Dog` | 1 |" in text
    assert "cannot be undone" not in text
    assert "completed" not in text.lower()


def test_comment_names_causes_if_they_differ() -> None:
    files = current_file("/a.jpg"), current_file("/b.jpg")
    changes = [changed(files[0], (Op.ADD, "x")), changed(files[1], (Op.ADD, "y"))]
    drift = [Drift(files[0].file_id, Op.ADD, "x", Cause.REMOVED), Drift(files[1].file_id, Op.ADD, "y", Cause.MANIFEST)]
    text = rendered(plan_of(*changes, drift=drift), "markdown")
    assert "| add | `x` | 1 | `tags.yaml:6:14` (removed in the library) |\n" in text
    alike = rendered(plan_of(*changes, drift=[item._replace(cause=Cause.REMOVED) for item in drift]), "markdown")
    assert alike.count("removed in the library") == 1


@pytest.mark.parametrize("tag", ["a|b", "|", "a\\|b", "a\\\\|b\\", "`|`"])
def test_comment_keeps_pipes_of_tags_within_their_cells(tag: str) -> None:
    plan = plan_of(changed(current_file("/a.jpg"), (Op.ADD, tag)))
    tokens = MarkdownIt("commonmark").enable("table").parse(rendered(plan, "markdown"))
    cells = [token.children or [] for token in tokens if token.type == "inline"]
    assert next(cell[0].content for cell in cells if cell and cell[0].type == "code_inline") == tag


def test_comment_lists_diagnostics_with_places_and_counts_others() -> None:
    told = (Diagnostic("warning", "x", "careful"), Diagnostic("error", "y", "wrong", Origin("a.yaml", 3, 1)))
    text = diagnostics_as("markdown", "2 faults", told, names={"a.yaml": "in/a.yaml"}, more=4)
    assert text == "### 2 faults\n\n- **error** `in/a.yaml:3:1` `wrong`\n- **warning** `careful`\n\n… and 4 more\n"


def test_comment_shows_first_warnings_and_counts_others() -> None:
    told = tuple(Diagnostic("warning", "x", f"careful {n}") for n in range(12))
    text = rendered(plan_of(diagnostics=told), "markdown")
    assert text.count("**warning**") == 10
    assert "\n… and 2 more\n" in text


def test_comment_has_notices_last() -> None:
    told = (Diagnostic("info", "x", "a note"), Diagnostic("warning", "y", "careful"))
    text = rendered(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red")), diagnostics=told), "markdown")
    assert text.index("careful") < text.index("`red`") < text.index("<summary>1 notice<") < text.index("a note")


def test_comment_of_difference_has_both_sides() -> None:
    old = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red")))
    new = plan_of(changed(current_file("/b.jpg"), (Op.ADD, "blue")))
    text = rendered(difference(old, new), "markdown")
    now, before = text.index("#### Only in the new plan"), text.index("#### Only in the old plan")
    assert now < text.index("| add | `blue`") < before < text.index("| add | `red`")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://ci.example/run/1?x=(a)&y=<b>", "(https://ci.example/run/1?x=%28a%29&y=%3Cb%3E)"),
        ("javascript:alert(1)", None),
        ("https://ci.example/" + "x" * 600, None),
        ("", None),
    ],
)
def test_comment_links_only_to_web_addresses(link: str, shown: str | None) -> None:
    text = rendered(plan_of(), "markdown", link=link)
    assert ("[All details]" in text) is (shown is not None)
    if shown:
        assert f"[All details]{shown}\n" in text


def test_comment_cuts_and_counts_many_tags_of_a_file() -> None:
    plan = plan_of(changed(current_file("/a.jpg"), *((Op.ADD, f"t{n:02}") for n in range(50))))
    assert "`t19` and 30 more tags\n" in rendered(plan, "markdown")


def test_comment_of_plan_with_errors_has_no_digest_to_approve() -> None:
    text = rendered(plan_of(diagnostics=(Diagnostic("error", "x", "wrong"),)), "markdown")
    assert text.startswith("### No plan: 1 error\n")
    assert "sha256" not in text
