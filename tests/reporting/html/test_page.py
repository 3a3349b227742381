import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from builders import (
    EVIL,
    ai,
    changed,
    current_file,
    diagnostics_as,
    hostile_plan,
    hostile_report,
    ordinary_plan,
    ordinary_report,
    plan_of,
    promoted,
    rendered,
    report_of,
)

from tagsync.escape import shown
from tagsync.model import (
    Cause,
    Coverage,
    Diagnostic,
    Drift,
    FileOutcome,
    Guard,
    GuardId,
    Limit,
    ManifestRef,
    NotFound,
    Op,
    Origin,
    Plan,
    Status,
)
from tagsync.planning.difference import difference
from tagsync.reporting.html.charts import shortened

MAX_TAGS = 1000
SHOWN_TAGS = 12
SHOWN_DIAGNOSTICS = 200


class Page(HTMLParser):
    """A page as a browser parses it: its elements, their attributes and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.parts: dict[str, list[str]] = {"style": [], "script": [], "json": [], "text": []}
        self._open = "text"
        self._continues = False
        """Whether the next text stands right after the last."""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._continues = attributes.get("class") == "at"
        self.elements.append((tag, attributes))
        if tag in ("style", "script"):
            self._open = "json" if "type" in attributes else tag
            self.parts[self._open].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._open = "text"

    def handle_data(self, data: str) -> None:
        if self._open == "text" and not self._continues:
            self.parts["text"].append(data)
        else:
            self.parts[self._open][-1] += data
        self._continues = False

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.parts["text"]).split())

    @property
    def data(self) -> Any:
        (text,) = self.parts["json"]
        return json.loads(text)

    @property
    def policy(self) -> str:
        found = [a["content"] for tag, a in self.elements if tag == "meta" and "http-equiv" in a]
        assert len(found) == 1
        return found[0] or ""


PAGES: dict[str, Callable[[], str]] = {
    "plan": lambda: rendered(ordinary_plan(), "html"),
    "report": lambda: rendered(ordinary_report(), "html"),
    "diagnostics": lambda: diagnostics_as("html", "3 faults", [Diagnostic("error", "code", "a fault")], more=2),
    "hostile plan": lambda: rendered(hostile_plan(), "html"),
    "hostile plan without errors": lambda: rendered(replace(hostile_plan(), diagnostics=()), "html"),
    "hostile report": lambda: rendered(hostile_report(), "html"),
    "hostile diagnostics": lambda: diagnostics_as("html", "1 fault", hostile_plan().diagnostics),
}


@pytest.fixture(params=PAGES)
def text(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


def test_page_policy_allows_only_its_own_style_and_script(text: str) -> None:
    page = Page(text)
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() + "'"
        for kind in ("style", "script")
        for part in page.parts[kind]
    ]
    style, script = hashes
    assert page.policy == (
        f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    )


def test_page_loads_nothing_and_links_nowhere(text: str) -> None:
    for tag, attributes in Page(text).elements:
        assert tag not in {"img", "iframe", "link", "object", "embed", "base", "audio", "video", "source"}
        assert not attributes.keys() & {"src", "srcset", "style", "action", "formaction", "data", "poster"}
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#files") == "#files"


def test_page_style_has_no_address_and_script_makes_no_markup() -> None:
    page = Page(PAGES["plan"]())
    (style,), (script,) = page.parts["style"], page.parts["script"]
    assert not re.search(r"url\(|@import|//", style)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(|fetch|XMLHttp", script
    )


def test_page_bytes_are_equal_for_equal_inputs() -> None:
    for build in PAGES.values():
        assert build() == build()


def test_page_is_well_formed(text: str) -> None:
    assert text.startswith("<!doctype html>\n")
    assert text.count("<h1") == 1
    assert text.endswith("</html>")
    ids = [attributes["id"] for _, attributes in Page(text).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("hostile")])
def test_page_keeps_hostile_text_as_text(name: str) -> None:
    text = PAGES[name]()
    outside_script = text[: text.index("<style>")] + text[text.index("</style>") : text.rindex("<script>")]
    assert "<script>planted" not in outside_script
    assert "<img" not in outside_script
    assert "49" not in Page(text).words  # what {{7*7}} would be
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\u202e\\x1b[31m" in Page(text).words


def test_page_shows_all_hostile_text() -> None:
    page = Page(rendered(hostile_report(), "html"))
    data = page.data
    assert data["folders"] == [shown(f"/{EVIL}/{EVIL}"[: f"/{EVIL}/{EVIL}.jpg".rindex("/") + 1])]
    assert shown(f"{EVIL}3") in data["tags"]
    assert data["files"][0][6][1:] == [shown(EVIL), shown(EVIL)]
    assert shown(EVIL) in page.words


def test_page_data_has_no_invisible_characters() -> None:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    data = Page(rendered(hostile_report(), "html")).data
    found = [text for table in data.values() for text in texts(table)]
    assert sum("\\u202e" in text for text in found) > 8
    assert [text for text in found if text != shown(text)] == []


def test_page_data_has_no_markup_or_line_separators() -> None:
    text = rendered(hostile_report(), "html")
    start = text.index('<script id="data"')
    island = text[text.index(">", start) + 1 : text.index("</script>", start)]
    assert json.loads(island)
    assert not set("<>&\u2028\u2029") & set(island)
    assert island.isascii()


def test_page_of_plan_starts_with_its_totals() -> None:
    words = Page(rendered(ordinary_plan(), "html")).words
    for part in (
        "Plan blocked by guard removedTags: 4 files to change",
        "Account shop",
        "Endpoint https://api.imagekit.io",
        "Digest sha256:" + "0" * 64,
        "4 tags to add",
        "2 tags to remove",
        "2 AI tags to remove cannot be undone",
        "2 API calls about 0.4 s",
        "Causes: removed in the library (1), unknown (7).",
        "1 warning, 1 notice",
        "warning tags.yaml:20:7 the selector selects nothing",
        "JavaScript, which is off",
    ):
        assert part in words


def test_page_of_blocked_plan_has_reason_examples_and_ack() -> None:
    words = Page(rendered(ordinary_plan(), "html")).words
    assert (
        "Guard removedTags blocks this plan The plan removes 2 of 4 tags (50 %); the limit is 30 % and 1 tag." in words
    )
    assert "Examples: /shop/shoes/red.jpg" in words
    assert f"--ack removedTags@sha256:{'0' * 64}" in words
    assert "Guards 1 of 2 blocks this plan" in words
    assert "--ack newTags" not in words


def test_page_says_how_many_guards_are_close_to_their_limits() -> None:
    near = Guard(GuardId.NEW_TAGS, 12, 0, Limit(20), blocked=False)
    far = Guard(GuardId.REMOVED_TAGS, 1, 100, Limit(20, 30.0), blocked=False)
    blocked = Guard(GuardId.CHANGED_FILES, 5, 0, Limit(1), blocked=True)
    plan = ordinary_plan()
    for guards, words in (
        ([far], "all passed Guards"),
        ([near, far], "all passed, 1 close to its limit Guards"),
        ([near, near, blocked], "1 of 3 blocks this plan, 2 close to their limits Guards"),
    ):
        page = Page(rendered(replace(plan, guards=tuple(guards)), "html"))
        assert words in page.words.replace(" , ", ", ")
        assert ("passed, close to its limit" in page.words) == (near in guards)


def test_page_shortens_examples_of_a_guard_in_their_middle() -> None:
    paths = tuple(f"/{'folder/' * 60}name-{number}.jpg" for number in (1, 2))
    guard = Guard(GuardId.CHANGED_FILES, 5, 0, Limit(1), blocked=True, files=paths)
    words = Page(rendered(plan_of(changed(current_file("/a"), (Op.ADD, "x")), guards=[guard]), "html")).words
    for number in (1, 2):
        assert re.search(rf" /folder/[^ ]{{,80}}…[^ ]{{,120}}/name-{number}\.jpg ", words)


def test_page_names_the_first_files_not_found() -> None:
    missing = tuple(NotFound(f"/gone-{n}.jpg", None, Origin("tags.yaml", n, 5)) for n in range(1, 5))
    by_id = NotFound(None, "id-1", Origin("tags.yaml", 9, 5))
    plan = plan_of()
    for found, words in (
        (
            missing,
            f"4 declared files: {', '.join(f'/gone-{n}.jpg (tags.yaml:{n}:5)' for n in (1, 2, 3))} and 1 more",
        ),
        ((by_id,), "1 declared file: ID id-1 (tags.yaml:9:5)"),
    ):
        counted = replace(plan, missing=found, summary=plan.summary._replace(missing=len(found)))
        assert f"Not found {words} " in Page(rendered(counted, "html")).words


def test_page_of_report_has_no_ack() -> None:
    assert "--ack" not in Page(rendered(ordinary_report(), "html")).words


def test_page_of_blocked_plan_says_so_in_title_and_colour() -> None:
    page = Page(rendered(ordinary_plan(), "html"))
    assert page.words.startswith("Plan blocked by guard removedTags: 4 files to change · shop · tagsync plan")
    assert ("h1", {"class": "bad"}) in page.elements
    assert ("body", {"class": "bad"}) in page.elements
    free = Page(rendered(replace(ordinary_plan(), guards=()), "html"))
    assert free.words.startswith("4 files to change · shop")
    assert {("h1", "bad"), ("body", "bad")}.isdisjoint((tag, a.get("class")) for tag, a in free.elements)


def test_page_lists_changes_by_tag_with_riskiest_first() -> None:
    words = Page(rendered(ordinary_plan(), "html")).words.replace("\N{MINUS SIGN}", "-")
    assert (
        "Changes by tag Removing an AI tag cannot be undone. Change Tag Files Rule "
        "AI tag removed -AI Person 1 tags.yaml:6:14 AI tag removed -AI Sandal 1 tags.yaml:6:14 "
        "removed - draft 1 tags.yaml:6:14 removed - old 1 tags.yaml:12:14 "
        "added + catalog 2 tags.yaml:6:14 +1 more added + Sandal 1 tags.yaml:6:14 added + bags 1 tags.yaml:9:14"
    ) in words
    assert (
        "Changes by folder Folder Changes /shop/bags/ -1 +2 /shop/shoes/ -1 AI -1 +1 /shop/ -1 AI +1 Guards"
    ) in words
    assert "this plan 2 one call per tag 4 one call per tag set 5 without batching 9" in words


def test_page_bars_have_a_scale_for_each_operation() -> None:
    files = [current_file(f"/{number}.jpg", ["old"]) for number in range(4)]
    changes = [changed(file, (Op.ADD, "new")) for file in files[1:]]
    page = Page(rendered(plan_of(changed(files[0], (Op.REMOVE, "old"), (Op.ADD, "x")), *changes), "html"))
    bars = [(a["class"], a["width"]) for tag, a in page.elements if tag == "rect"]
    assert bars[:3] == [("remove", "100.0"), ("add", "100.0"), ("add", "33.33")]


def test_page_expands_to_all_tags_and_counts_those_beyond_its_limit() -> None:
    items = [(Op.ADD, f"tag-{number:04}") for number in range(MAX_TAGS + 5)]
    words = Page(rendered(plan_of(changed(current_file("/a.jpg"), *items)), "html")).words
    assert f"tag-{SHOWN_TAGS - 1:04} 1 tags.yaml:6:14 {MAX_TAGS - SHOWN_TAGS} more changes More changes by tag" in words
    assert f"tag-{MAX_TAGS - 1:04} 1 tags.yaml:6:14 This page lists the first 1,000 of 1,005 changes by tag" in words


def test_page_names_causes_of_tags_if_they_differ() -> None:
    words = Page(rendered(ordinary_plan(), "html")).words
    assert "Causes: removed in the library (1), unknown (7)." in words
    drift = [Drift(current_file("/a.jpg").file_id, Op.ADD, tag, cause) for tag, cause in zip("xy", Cause, strict=False)]
    plan = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "x"), (Op.ADD, "y")), drift=drift)
    assert "x 1 tags.yaml:6:14 manifest changed " in Page(rendered(plan, "html")).words


def test_labels_are_shortened_in_the_middle_and_never_identical() -> None:
    folders = [f"/campaigns/summer-2026/{name}/landing-page/hero-images/" for name in ("north", "south", "south-east")]
    labels = shortened([*folders, "/shop/"])
    assert labels["/shop/"] == "/shop/"
    assert len(set(labels.values())) == 4
    for folder in folders:
        start, _, end = labels[folder].partition("…")
        assert folder.startswith(start)
        assert folder.endswith(end)
    assert shortened(["/a/" + "b" * 99 + "/c/"]) == {"/a/" + "b" * 99 + "/c/": "/a/bbbbbbbbb…bbbbbbbbbbbbbbbb/c/"}
    alike = ["/" + "x" * 300 + f"{n}" + "x" * 300 for n in range(3)]
    assert len(set(shortened(alike).values())) == 3


def test_page_of_report_groups_reasons_of_failures_before_changed_tags() -> None:
    words = Page(rendered(ordinary_report(), "html")).words.replace("\N{MINUS SIGN}", "-")
    assert "2 files changed: -1 tag, -1 AI tag · 7 API calls in 1.5 s (1 retried, 3 rate-limited" in words
    assert (
        "Not changed as planned Files that were not changed as planned, by reason Files Not applied Status Reason "
        "1 file +1 -1 tags, -1 AI tag failed file is locked 1 file +2 tags stale the AI tag was judged anew" in words
    )
    assert "Changed tags Change Tag Files Rule AI tag removed -AI Sandal 1" in words
    assert words.index("Not changed") < words.index("Changed tags")
    assert "cannot be undone" not in words


def test_page_of_report_starts_with_its_totals() -> None:
    words = Page(rendered(ordinary_report(), "html")).words
    for part in (
        "Apply incomplete",
        "Run the same command again: it sends only what is missing.",
        "Plan again to change the stale files.",
        "2 files changed: \N{MINUS SIGN}1 tag, \N{MINUS SIGN}1 AI tag · 7 API calls",
        "2 files verified",
        "1 file failed",
        "1 file stale",
        "7 API calls 1 retried, 3 rate-limited",
        "1.5 s to write and verify 0.2 s of it waiting",
        "error 3 calls in a row were refused for the same reason",
        "Applied 2026-01-01 00:01:00 UTC",
    ):
        assert part in words


def test_page_rows_refer_to_repeated_values_by_number() -> None:
    data = Page(rendered(ordinary_plan(), "html")).data
    assert data["folders"] == ["/shop/bags/", "/shop/", "/shop/shoes/"]
    assert [file[1] for file in data["files"]] == ["Grün.jpg", "blue.jpg", "hero.jpg", "red.jpg"]
    red = data["files"][3]
    assert [data["tags"][number] for number in data["lists"][red[2]]] == ["draft", "shoes"]
    person, confidence, source = red[3][:3]
    assert (data["tags"][person], confidence, data["sources"][source]) == ("Person", 61.5, "google-auto-tagging")
    (op, tag, marks, cause, reason), removal, ai_removal = data["changes"][red[4]]
    assert (op, data["tags"][tag], marks, data["causes"][cause]) == (0, "catalog", 0, "removed in the library")
    assert data["reasons"][reason] == ["tags", "tags.yaml:6:14"]
    assert (removal[0], removal[3], ai_removal[0]) == (1, -1, 2)
    assert data["statuses"] == []


def test_page_marks_both_changes_of_a_promotion() -> None:
    plan = plan_of(promoted(current_file("/a.jpg", [], [ai("Dog", 99)]), "Dog"))
    (changes,) = Page(rendered(plan, "html")).data["changes"]
    assert [(op, marks) for op, _, marks, *_ in changes] == [(0, 1), (2, 1)]


def test_page_rows_with_different_causes_share_no_changes() -> None:
    files = current_file("/a.jpg"), current_file("/b.jpg")
    drift = [Drift(files[0].file_id, Op.ADD, "x", Cause.MANIFEST)]
    data = Page(rendered(plan_of(*(changed(file, (Op.ADD, "x")) for file in files), drift=drift), "html")).data
    assert data["changes"] == [[[0, 0, 0, 0, 0]], [[0, 0, 0, -1, 0]]]


def test_page_rows_of_report_have_status_and_outcome() -> None:
    data = Page(rendered(ordinary_report(), "html")).data
    assert [data["statuses"][file[5]][0] for file in data["files"]] == ["verified", "stale", "verified", "failed"]
    assert data["files"][3][6] == [5, "file is locked", "req-1"]
    assert [marks for _, _, marks, *_ in data["changes"][data["files"][2][4]]] == [1 + 2, 1]


def test_page_names_manifests_as_the_user_gave_them() -> None:
    plan = ordinary_plan()
    manifests = (ManifestRef("tags.yaml", "0" * 64, "../m/tags.yaml"),)
    page = Page(rendered(replace(plan, inputs=plan.inputs._replace(manifests=manifests)), "html"))
    assert "../m/tags.yaml:20:7" in page.words
    assert ["tags", "../m/tags.yaml:6:14"] in page.data["reasons"]


def test_page_of_empty_plan_has_no_table() -> None:
    page = Page(rendered(plan_of(), "html"))
    assert "Nothing to do" in page.words
    assert page.data["files"] == []
    assert "Search" not in page.words
    assert "Changes by tag" not in page.words
    assert "Nothing to undo" in Page(rendered(replace(plan_of(), undoes="sha256:1"), "html")).words


def test_page_of_plan_with_errors_has_no_totals() -> None:
    page = Page(rendered(plan_of(diagnostics=[Diagnostic("error", "code", "a fault")]), "html"))
    assert "No plan: 1 error" in page.words
    assert "tags to add" not in page.words


def test_page_of_diagnostics_lists_errors_first() -> None:
    found = [Diagnostic("warning", "w", "a warning"), Diagnostic("error", "e", "an error", Origin("m.yaml", 3, 4))]
    words = Page(diagnostics_as("html", "3 faults", found, names={"m.yaml": "in/m.yaml"}, more=2)).words
    assert "3 faults" in words
    assert words.index("error in/m.yaml:3:4 an error") < words.index("warning a warning")
    assert "… and 2 more" in words


def test_page_cuts_and_counts_very_many_diagnostics() -> None:
    found = [Diagnostic("warning", "w", f"number {number}") for number in range(SHOWN_DIAGNOSTICS + 5)]
    words = Page(rendered(plan_of(diagnostics=found), "html")).words
    assert f"number {SHOWN_DIAGNOSTICS - 1} " in words
    assert f"number {SHOWN_DIAGNOSTICS} " not in words
    assert "… and 5 more" in words


def test_page_row_of_file_never_sent_has_no_outcome() -> None:
    plan = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "x")))
    (file,) = Page(rendered(report_of(plan, FileOutcome(Status.SKIPPED)), "html")).data["files"]
    assert len(file) == 6


def test_page_escapes_text_in_attributes() -> None:
    plan = plan_of(changed(current_file('/"><i>/a.jpg'), (Op.ADD, '"><i>')))
    text = rendered(plan, "html")
    assert '"><i>' not in text
    assert html.escape('"><i>') in text or "&#34;&gt;&lt;i&gt;" in text


def test_page_shows_coverage_if_asked_for() -> None:
    coverage = Coverage(("/a/1.jpg", "/a/2.jpg", "/b/1.jpg"), (Origin("tags.yaml", 7, 3),))
    words = Page(rendered(replace(plan_of(), coverage=coverage), "html")).words
    assert "Coverage 7 of 10 files selected, 3 without a rule" in words
    assert "/a/ 2 /b/ 1 tags.yaml:7:3 selects no file" in words
    assert "Coverage" not in Page(rendered(plan_of(), "html")).words


def test_page_cuts_and_counts_very_long_coverage() -> None:
    numbers = range(60)
    coverage = Coverage(tuple(f"/{n:02}/a.jpg" for n in numbers), tuple(Origin("tags.yaml", n + 1, 3) for n in numbers))
    words = Page(rendered(replace(plan_of(), coverage=coverage), "html")).words
    assert "/09/ 1 tags.yaml:1:3" in words
    assert "… and 50 files in 50 more folders … and 10 more rules" in words


def difference_of(old: Plan, new: Plan) -> Page:
    return Page(rendered(difference(old, new), "html"))


def test_page_of_difference_has_both_sides_in_one_table() -> None:
    old = plan_of(*(changed(current_file(path), (Op.ADD, "x")) for path in ("/a.jpg", "/b.jpg")))
    new = plan_of(*(changed(current_file(path), (Op.ADD, "x")) for path in ("/b.jpg", "/c.jpg")))
    page = difference_of(old, replace(new, digest="sha256:" + "1" * 64))
    assert "Difference: 2 files" in page.words
    assert "1 change only in the new plan 1 change only in the old plan" in page.words
    rows = [(file[1], page.data["statuses"][file[5]][0]) for file in page.data["files"]]
    assert rows == [("a.jpg", "old plan"), ("c.jpg", "new plan")]


def test_page_of_difference_has_targets_and_guards() -> None:
    guard = Guard(GuardId.NEW_TAGS, 1, 0, Limit(0), blocked=True)
    old = plan_of(guards=[guard])
    new = replace(plan_of(guards=[guard._replace(observed=2)], account="other"), digest="sha256:1")
    words = difference_of(old, new).words
    assert "The plans are for different targets." in words
    assert "Old target shop at https://api.imagekit.io New target other at https://api.imagekit.io" in words
    assert (
        "Guards that differ Guards Guard The plan Limit Result "
        "newTags (old plan) adds 1 tag that the library does not have yet limit: 0 tags blocked "
        "newTags (new plan) adds 2 tags that the library does not have yet limit: 0 tags blocked"
    ) in words


def test_page_of_difference_between_equal_plans_is_empty() -> None:
    page = difference_of(ordinary_plan(), ordinary_plan())
    assert "The same plan" in page.words
    assert "only in" not in page.words
