import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.conftest import Open, expect
from builders import (
    EVIL,
    changed,
    current_file,
    diagnostics_as,
    hostile_plan,
    hostile_report,
    large_plan,
    ordinary_plan,
    ordinary_report,
    plan_of,
    rendered,
    report_of,
)

from tagsync.escape import shown
from tagsync.model import (
    Change,
    FileChange,
    FileOutcome,
    Op,
    Origin,
    PartialOutcome,
    Plan,
    Reason,
    Status,
)

pytestmark = pytest.mark.browser

NO_CLIPBOARD = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no permission')); }"
OPS = [Op.REMOVE] * 4 + [Op.ADD] * 4
ALL = ["Grün.jpg", "blue.jpg", "hero.jpg", "red.jpg"]


@pytest.fixture(scope="module")
def large() -> Plan:
    return large_plan()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ALL),
        ("HERO", ["hero.jpg"]),
        ("/shop/bags/", ["Grün.jpg", "blue.jpg"]),
        ("grün", ["Grün.jpg"]),
        ("gru\u0308n", ["Grün.jpg"]),
        ("catal", ["blue.jpg", "red.jpg"]),
        ("person", ["red.jpg"]),
        ("sandal", ["hero.jpg"]),
        ("shoes", ["hero.jpg", "red.jpg"]),
        ("catalog shoes", ["red.jpg"]),
        ("nothing", []),
    ],
)
def test_search_finds_paths_folders_and_tags(opened: Open, words: str, names: list[str]) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    found.page.get_by_label("Search").fill(words)
    assert found.names() == names
    assert found.count() == ("4 files" if names == ALL else f"{len(names)} of 4 files")
    assert found.page.get_by_text("No file matches").is_visible() == (not names)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("Any", ALL),
        ("Tags added", ["blue.jpg", "hero.jpg", "red.jpg"]),
        ("Tags removed", ["Grün.jpg", "red.jpg"]),
        ("All tags removed", ["Grün.jpg"]),
        ("AI tags removed", ["hero.jpg", "red.jpg"]),
    ],
)
def test_files_are_filtered_by_what_changes(opened: Open, label: str, names: list[str]) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    found.page.get_by_role("combobox", name="Changes", exact=True).select_option(label)
    assert found.names() == names


@pytest.mark.parametrize(
    ("words", "names"),
    [("catalog", ["blue.jpg", "red.jpg"]), ("shoes", []), ("SAND", ["hero.jpg"]), ("old", ["Grün.jpg"])],
)
def test_files_are_filtered_by_a_tag_that_changes(opened: Open, words: str, names: list[str]) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    found.page.get_by_label("Changed tag").fill(words)
    assert found.names() == names


def test_changed_tags_are_suggested(opened: Open) -> None:
    options = opened(rendered(ordinary_plan(), "html")).page.locator("#tags option")
    values = options.evaluate_all("all => all.map(one => one.value)")
    assert sorted(values) == ["Person", "Sandal", "bags", "catalog", "draft", "old"]


def test_filters_combine_and_clear_resets_them(opened: Open) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    found.page.get_by_label("Search").fill("shoes")
    found.page.get_by_role("combobox", name="Changes", exact=True).select_option("Tags removed")
    found.page.get_by_label("Changed tag").fill("draft")
    assert found.names() == ["red.jpg"]
    found.page.get_by_role("button", name="Clear").click()
    expect(found.page.locator("#count")).to_have_text("4 files")
    assert found.names() == ALL


def test_columns_sort_both_ways(opened: Open) -> None:
    found = opened(rendered(ordinary_plan(), "html"))

    def directions() -> list[str | None]:
        heads = found.page.locator("#table").get_by_role("columnheader")
        return [heads.nth(index).get_attribute("aria-sort") for index in (0, 3)]

    assert directions() == ["ascending", "none"]
    found.sort("Path")
    assert (found.names(), directions()) == (ALL[::-1], ["descending", "none"])
    found.sort("Changes")
    assert found.names() == ["red.jpg", "blue.jpg", "hero.jpg", "Grün.jpg"]
    assert directions() == ["none", "descending"]
    found.sort("Changes")
    assert found.names() == ["Grün.jpg", "blue.jpg", "hero.jpg", "red.jpg"]


def test_row_shows_tags_before_and_after_with_signs(opened: Open) -> None:
    row = opened(rendered(ordinary_plan(), "html")).page.get_by_role("row").filter(has_text="red.jpg")
    cells = row.get_by_role("cell")
    before, after = (cells.nth(index).locator(".chip").all_inner_texts() for index in (1, 2))
    assert [" ".join(chip.split()) for chip in before] == [
        "AI tag removed −AI Person",  # noqa: RUF001 - the sign that is shown
        "removed − draft",  # noqa: RUF001 - likewise
        "shoes",
        "AI tag AI Shoe",
    ]
    assert [" ".join(chip.split()) for chip in after] == ["added + catalog", "shoes", "AI tag AI Shoe"]


def test_opened_row_shows_rule_of_each_change(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    page.get_by_text("red.jpg").last.click()
    detail = page.get_by_role("complementary", name="/shop/shoes/red.jpg")
    (added, removed, ai_removed) = detail.get_by_role("listitem").all_inner_texts()
    assert "catalog" in added
    assert "removed in the library" in added
    assert "tags.yaml:6:14 tags" in added
    assert "cannot be undone" not in added + removed
    assert "cannot be undone" in ai_removed
    assert "61.5 % google-auto-tagging" not in detail.inner_text()
    assert "98.25 % google-auto-tagging" in detail.inner_text()
    page.get_by_text("hero.jpg").last.click()
    assert "promoted from AI tag" in page.get_by_role("complementary", name="/shop/hero.jpg").inner_text()


def test_report_files_are_filtered_and_sorted_by_status(opened: Open) -> None:
    found = opened(rendered(ordinary_report(), "html"))
    assert found.page.locator("td.status").all_inner_texts() == ["verified", "stale", "verified", "failed"]
    found.page.get_by_role("combobox", name="Status", exact=True).select_option("failed (1)")
    assert found.names() == ["red.jpg"]
    found.page.get_by_text("red.jpg").last.click()
    detail = found.page.get_by_role("complementary").inner_text()
    assert "failed after 5 attempts" in detail
    assert "file is locked" in detail
    assert "request req-1" in detail
    found.page.get_by_role("button", name="Clear").click()
    expect(found.page.locator("#count")).to_have_text("4 files")
    found.sort("Status")
    assert found.page.locator("td.status").all_inner_texts() == ["verified", "verified", "stale", "failed"]


def test_plan_has_no_status_column(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    assert page.locator("#table").get_by_role("columnheader").all_inner_texts() == [
        "Path",
        "Before",
        "After",
        "Changes",
    ]
    assert not page.get_by_role("combobox", name="Status", exact=True).is_visible()


def test_tag_or_folder_selects_its_files(opened: Open) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    found.page.get_by_role("button", name="catalog", exact=True).click()
    assert found.names() == ["blue.jpg", "red.jpg"]
    found.page.get_by_role("button", name="/shop/shoes/", exact=True).click()
    assert found.names() == ["red.jpg"]


def test_tag_selects_its_operation_too(opened: Open) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    row = found.page.get_by_role("row").filter(has_text="AI tag removed").filter(has_text="Sandal").first
    row.get_by_role("button").click()
    assert found.names() == ["hero.jpg"]
    assert found.page.get_by_role("combobox", name="Changes", exact=True).input_value() == "2"
    found.page.get_by_role("button", name="/shop/shoes/", exact=True).click()
    assert found.page.get_by_role("combobox", name="Changes", exact=True).input_value() == ""


@pytest.mark.parametrize("width", [390, 900])
def test_opened_file_leaves_its_row_in_view(opened: Open, width: int) -> None:
    plan = plan_of(*(changed(current_file(f"/{n:02}.jpg"), (Op.ADD, "x")) for n in range(30)))
    page = opened(rendered(plan, "html"), width=width).page
    page.locator(".open-row").nth(7).click()
    page.get_by_role("complementary", name="/07.jpg").wait_for()
    edges = page.evaluate(
        """() => [document.querySelector(".chosen"), document.getElementById("detail")].map((one) => {
          const { top, bottom } = one.getBoundingClientRect();
          return [top, bottom];
        })"""
    )
    assert 0 <= edges[0][0] < edges[0][1] <= edges[1][0]


@pytest.mark.parametrize("width", [390, 1360])
def test_places_break_in_front_of_their_line_and_column(opened: Open, width: int) -> None:
    because = (Reason(Origin("manifests/marketing/campaigns.yaml", 12345, 123), "tags"),)
    change = FileChange(current_file("/a.jpg"), (Change(Op.ADD, "x", because),))
    page = opened(rendered(plan_of(change), "html"), width=width).page
    page.locator(".open-row").click()
    numbers = page.locator(".at")
    assert numbers.all_inner_texts() == [":12345:123", ":12345:123"]
    assert numbers.evaluate_all("all => all.map((one) => one.getClientRects().length)") == [1, 1]


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_filters_show_their_choices_in_full_on_a_phone(opened: Open, kind: str) -> None:
    document = ordinary_plan() if kind == "plan" else ordinary_report()
    page = opened(rendered(document, "html"), width=390).page
    page.get_by_role("combobox", name="Changes", exact=True).select_option("All tags removed")
    widths = page.locator("#filters select:visible").evaluate_all("all => all.map((one) => one.clientWidth)")
    assert len(widths) == (1 if kind == "plan" else 2)
    assert min(widths) > 180


@pytest.mark.parametrize("width", [390, 1360])
def test_heads_and_their_arrows_stay_in_their_columns(opened: Open, width: int) -> None:
    page = opened(rendered(ordinary_plan(), "html"), width=width).page
    head = page.locator("#table").get_by_role("button", name="Changes", exact=True)
    head.click()
    ends = page.locator("#table").evaluate(
        """table => [table.querySelector(".number button"), table.querySelector("td.number")].map((one) => {
          const range = new Range();
          range.selectNodeContents(one);
          return one.closest("td") ? range.getBoundingClientRect().right : one.getBoundingClientRect().right;
        })"""
    )
    assert ends[0] == pytest.approx(ends[1], abs=1)


def test_opened_row_shows_only_the_kind_it_is_filtered_by(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    kinds = page.get_by_role("combobox", name="Changes", exact=True)
    kinds.select_option("AI tags removed")
    page.get_by_text("red.jpg").last.click()
    detail = page.get_by_role("complementary", name="/shop/shoes/red.jpg")
    assert [text.split("\n")[0].strip() for text in detail.get_by_role("heading", level=4).all_inner_texts()] == [
        "AI tags removed"
    ]
    (only,) = detail.get_by_role("listitem").all_inner_texts()
    assert "Person" in only
    assert "draft" not in detail.inner_text()
    row = page.locator("#table").get_by_role("row").filter(has_text="red.jpg")
    assert row.locator(".chip").all_inner_texts()[0].endswith("Person")
    kinds.select_option("Tags added")
    assert row.locator(".chip").all_inner_texts()[0].endswith("catalog")
    (only,) = detail.get_by_role("listitem").all_inner_texts()
    assert "catalog" in only
    detail.get_by_role("button", name="Show all changes and tags").click()
    assert detail.get_by_role("listitem").count() == 3
    assert "draft" in detail.inner_text()
    assert detail.get_by_role("button", name="Show all").count() == 0


def test_changes_by_tag_expand_to_all(opened: Open) -> None:
    items = [(Op.ADD, f"tag-{number:02}") for number in range(30)]
    page = opened(rendered(plan_of(changed(current_file("/a.jpg"), *items)), "html")).page
    last = page.get_by_role("button", name="tag-29", exact=True)
    assert not last.is_visible()
    page.get_by_text("18 more changes", exact=True).click()
    assert last.is_visible()


def test_comparison_of_calls_is_collapsed(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    assert not page.get_by_text("without batching").is_visible()
    page.locator("summary").filter(has_text="API calls").click()
    assert page.get_by_text("without batching").is_visible()


@pytest.mark.parametrize("is_allowed", [True, False])
def test_copy_button_copies_digest_and_ack_and_says_so(opened: Open, *, is_allowed: bool) -> None:
    permissions = ["clipboard-read", "clipboard-write"] if is_allowed else []
    page = opened(rendered(ordinary_plan(), "html"), permissions=permissions).page
    if not is_allowed:
        page.evaluate(NO_CLIPBOARD)
    page.evaluate("() => document.addEventListener('copy', () => { window.pasted = getSelection().toString(); })")
    digest = "sha256:" + "0" * 64
    for name, text in (("Copy digest", digest), ("Copy option for guard removedTags", f"--ack removedTags@{digest}")):
        button = page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_text("Copied")
        expect(page.locator("[aria-live=polite]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()" if is_allowed else "pasted") == text


def test_copy_button_selects_the_text_if_it_cannot_copy(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    page.evaluate(NO_CLIPBOARD)
    page.evaluate("() => { document.execCommand = () => false; }")
    button = page.get_by_role("button", name="Copy digest")
    button.click()
    expect(button).to_have_text("Selected: press Ctrl+C")
    assert page.evaluate("getSelection().toString()") == "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "pieces", [rendered(hostile_plan(), "html"), rendered(hostile_report(), "html")], ids=["plan", "report"]
)
def test_hostile_text_is_shown_and_inert(opened: Open, pieces: Any) -> None:
    page = opened(pieces).page
    row = page.locator("#table .open-row")
    assert row.get_attribute("title") == shown(f"/{EVIL}/{EVIL}.jpg")
    row.click()
    detail = page.get_by_role("complementary")
    for tag in (f"{EVIL}1", f"{EVIL}2", f"{EVIL}3"):
        assert shown(tag) in detail.inner_text()
    assert page.evaluate("typeof planted") == "undefined"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert not re.search("[\u202a-\u202e\x1b]", page.locator("body").inner_text())


def test_table_of_fifty_thousand_rows_draws_few_and_reaches_the_last(opened: Open, large: Plan, pictures: Path) -> None:
    found = opened(rendered(large, "html"))
    assert found.count() == "50,000 files"
    assert len(found.names()) < 60
    found.page.screenshot(path=pictures / "large.png", full_page=True)
    found.page.locator("#view").evaluate("view => view.scrollTop = view.scrollHeight")
    last = found.page.get_by_text("picture-49999.jpg")
    expect(last).to_be_visible()
    assert len(found.names()) < 60
    assert found.page.locator("tr[aria-rowindex='50001']").get_by_text("picture-49999.jpg").count() == 1
    assert found.page.get_by_role("table", name="Changed files").get_attribute("aria-rowcount") == "50001"
    found.page.get_by_label("Search").fill("picture-49998")
    assert found.names() == ["picture-49998.jpg"]


def test_a_row_that_stays_in_view_stays_the_same_element(opened: Open, large: Plan) -> None:
    page = opened(rendered(large, "html")).page
    row = page.locator("tr[aria-rowindex='12']")
    row.evaluate("row => row.kept = true")
    page.locator("#view").evaluate("view => view.scrollTop = 200")
    expect(page.locator("tr[aria-rowindex='30']")).to_be_attached()
    assert row.evaluate("row => row.kept") is True


def test_keyboard_goes_through_the_files(opened: Open, large: Plan) -> None:
    page = opened(rendered(large, "html")).page
    press = page.keyboard.press

    def focused() -> str:
        return str(page.evaluate("document.activeElement.title || document.activeElement.textContent.trim()"))

    press("Tab")
    assert focused() == "Skip to the files"
    press("Enter")
    page.locator("#files").evaluate("files => { if (document.activeElement !== files) throw Error('not there'); }")
    for _ in range(4):
        press("Tab")
    assert focused() == "Clear"
    for _ in range(2 + 2):  # the region of the table, its two heads, and its first row
        press("Tab")
    assert focused() == "/folder-000/picture-00000.jpg"
    press("ArrowDown")
    press("ArrowDown")
    press("ArrowUp")
    assert focused() == "/folder-000/picture-00001.jpg"
    press("End")
    assert focused() == "/folder-199/picture-49999.jpg"
    press("PageUp")
    assert focused().startswith("/folder-199/picture-499")
    press("Home")
    assert focused() == "/folder-000/picture-00000.jpg"
    press("ArrowDown")
    press("Enter")
    assert page.get_by_role("complementary", name="/folder-000/picture-00001.jpg").is_visible()
    assert focused() == "/folder-000/picture-00001.jpg"
    assert page.locator("[aria-expanded=true]").count() == 1
    press("Escape")
    assert not page.get_by_role("complementary").is_visible()
    assert focused() == "/folder-000/picture-00001.jpg"
    press("Tab")
    assert page.evaluate("!document.querySelector('#table').contains(document.activeElement)")


@pytest.mark.parametrize("width", [390, 1024, 1360])
def test_keyboard_keeps_the_row_in_view_if_files_failed_in_part(opened: Open, width: int) -> None:
    outcome = FileOutcome(Status.FAILED, 1, "file is locked", parts=PartialOutcome(made=((Op.ADD, "x"),)))
    changes = [changed(current_file(f"/{n:04}.jpg"), (Op.ADD, "x"), (Op.ADD, "y")) for n in range(1000)]
    page = opened(rendered(report_of(plan_of(*changes), *[outcome] * 1000), "html"), width=width).page
    page.locator(".open-row").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(
        """() => {
          const [row, view] = [document.activeElement.closest("tr"), document.getElementById("view")];
          const [inner, outer] = [row, view].map((one) => one.getBoundingClientRect());
          return row.ariaRowIndex === "1000" && outer.top <= inner.top && inner.bottom <= outer.bottom;
        }"""
    )
    assert page.locator("td.status").first.inner_text().replace("\n", " ") == "failed, in part"


def test_focus_is_visible(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    seen = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        widths = page.evaluate(
            "document.activeElement === document.body ? null : getComputedStyle(document.activeElement).outlineWidth"
        )
        if widths is None:
            break
        assert widths != "0px", page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        seen += 1
    assert seen > 15


def test_focus_moves_to_table_when_its_row_is_scrolled_away(opened: Open, large: Plan) -> None:
    page = opened(rendered(large, "html")).page
    page.locator(".open-row").first.focus()
    page.locator("#view").evaluate("view => view.scrollTop = 100000")
    expect(page.locator("#view")).to_be_focused()


def test_theme_follows_the_system_until_chosen(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html"), color_scheme="dark").page

    def backdrop() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = backdrop()
    page.get_by_role("button", name="Theme: automatic").click()
    light = backdrop()
    page.get_by_role("button", name="Theme: light").click()
    assert (backdrop(), light != dark) == (dark, True)
    page.get_by_role("button", name="Theme: dark").click()
    page.emulate_media(color_scheme="light")
    assert backdrop() == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("wide", 1280), ("middle", 900), ("narrow", 500), ("phone", 390)])
def test_page_fits_its_width(opened: Open, pictures: Path, scheme: str, name: str, width: int) -> None:
    for kind, pieces in (
        ("plan", rendered(ordinary_plan(), "html")),
        ("report", rendered(ordinary_report(), "html")),
    ):
        page = opened(pieces, width=width, color_scheme=scheme).page
        page.screenshot(path=pictures / f"{kind}-{name}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.locator(".open-row").last.click()
        page.screenshot(path=pictures / f"{kind}-{name}-{scheme}-detail.png", full_page=name == "wide")
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [1360, 400])
def test_paths_that_fit_are_not_cut(opened: Open, width: int) -> None:
    names = opened(rendered(ordinary_plan(), "html"), width=width).page.locator(".folder, .name")
    assert names.evaluate_all("all => all.filter((one) => one.scrollWidth > one.clientWidth).length") == 0


def test_long_path_is_cut_in_the_middle_of_its_folder(opened: Open) -> None:
    folders = ["/" + "folder/" * 40 + end for end in ("east/", "west/")]
    plan = plan_of(*(changed(current_file(f"{folder}name.jpg"), (Op.ADD, "x")) for folder in folders))
    page = opened(rendered(plan, "html"), width=400).page
    for selector in (".name", ".folder .end"):
        assert page.locator(selector).first.evaluate("part => part.scrollWidth <= part.clientWidth")
        assert page.locator(selector).first.is_visible()
    assert page.locator(".folder .start").first.evaluate("part => part.scrollWidth > part.clientWidth")
    assert page.locator(".folder .end").all_inner_texts() == ["east/", "west/"]


@pytest.mark.parametrize("width", [390, 901, 1360])
def test_long_name_and_folder_keep_their_ends(opened: Open, width: int) -> None:
    folders = [
        f"/archive/campaigns/spring-summer-collection/deliverables-retouched-final-version-0{n}/" for n in (1, 2)
    ]
    paths = [
        f"{folder}photographer-deliverable-approved-for-print-and-web-000{n}.jpg" for folder in folders for n in (1, 2)
    ]
    page = opened(
        rendered(plan_of(*(changed(current_file(path), (Op.ADD, "x")) for path in paths)), "html"), width=width
    ).page
    ends = page.locator(".open-row .tail")
    assert ends.all_inner_texts() == [part for f in (1, 2) for n in (1, 2) for part in (f"sion-0{f}/", f"b-000{n}.jpg")]
    assert (
        ends.evaluate_all(
            "ends => ends.filter((end) => { const [one, cell] = [end, end.closest('td')].map((e) => "
            "e.getBoundingClientRect()); return one.right > cell.right || end.scrollWidth > end.clientWidth; }).length"
        )
        == 0
    )
    assert [row.get_attribute("aria-label") for row in page.locator(".open-row").all()] == paths


def test_a_narrow_window_shows_the_changes_below_the_path(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html"), width=400).page
    assert page.locator("#table").get_by_role("columnheader").all_inner_texts() == ["Path", "Changes"]
    assert "old" in page.get_by_role("row").filter(has_text="Grün.jpg").inner_text()


def test_phone_shows_removals_first_and_counts_those_without_room(opened: Open) -> None:
    added = [(Op.ADD, f"a-rather-long-tag-{number}") for number in range(3)]
    removed = [(Op.REMOVE, f"some-other-long-tag-{number}") for number in range(2)]
    few = changed(current_file("/a/few.jpg"), *added, *removed, (Op.REMOVE_AI, "Lipstick"))
    many = changed(current_file("/b/many.jpg"), *[(Op.REMOVE, f"tag-{number:02}") for number in range(40)])
    page = opened(rendered(plan_of(few, many), "html"), width=390).page
    first, second = (page.locator("tr").filter(has_text=name).locator(".small") for name in ("few.jpg", "many.jpg"))
    chips = first.locator(".chip")
    assert [text.split()[-1] for text in chips.all_inner_texts()] == ["Lipstick", *(tag for _, tag in removed)]
    assert first.locator(".rest").inner_text() == "3 more"
    drawn = second.locator(".chip").count()
    assert second.locator(".rest").inner_text() == f"{40 - drawn} more ({40 - drawn} removed)"
    for box in (first, second):
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


NARROW_CHIPS = """() => [...document.querySelectorAll("#table .chips")].filter((box) => {
  if (!box.checkVisibility()) return false;
  const edges = [...box.children].map((chip) => {
    const [sign, name] = [chip.querySelector("b"), chip.querySelector(".tag")];
    if (name && name.scrollWidth > name.clientWidth && name.clientWidth < 20) return [0, Infinity];
    const { left, right } = chip.getBoundingClientRect();
    return [left, Math.max(right, sign ? sign.getBoundingClientRect().right : 0)];
  });
  const starts = [...edges.slice(1).map(([left]) => left), box.closest("td").getBoundingClientRect().right];
  return edges.some(([, right], number) => right > starts[number]);
}).map((box) => box.innerText)"""


@pytest.mark.parametrize("width", [390, 768, 900, 901, 1024, 1101])
@pytest.mark.parametrize("kind", ["plan", "report"])
def test_chips_neither_overlap_nor_lose_their_tag(opened: Open, kind: str, width: int) -> None:
    tags = [f"a-rather-long-tag-{number}" for number in range(8)]
    changes = [
        changed(
            current_file(f"/{count}.jpg", tags[:4]), *[(op, tag) for op, tag in zip(OPS, tags, strict=True)][:count]
        )
        for count in range(1, 9)
    ]
    plan = plan_of(*changes)
    report = report_of(plan, *[FileOutcome(Status.CONFIRMED, 1)] * 8)
    page = opened(rendered(plan if kind == "plan" else report, "html"), width=width).page
    assert page.locator("#table .chip").count() >= 8
    assert page.evaluate(NARROW_CHIPS) == []
    page.locator(".open-row").first.click()
    assert page.evaluate(NARROW_CHIPS) == []


def test_short_folder_is_not_followed_by_a_gap(opened: Open) -> None:
    page = opened(rendered(plan_of(changed(current_file("/shoes/a.jpg"), (Op.ADD, "red"))), "html")).page
    assert page.locator(".folder .end").inner_text() == "/shoes/"


def test_page_without_scripts_has_totals_and_a_note(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html"), java_script_enabled=False).page
    text = page.locator("body").inner_text()
    assert "4 files to change" in text
    assert "needs JavaScript" in text
    assert not page.get_by_label("Search").is_visible()
    assert not page.get_by_role("button", name="Theme").is_visible()


def test_print_shows_the_first_rows_and_a_note(opened: Open, large: Plan) -> None:
    found = opened(rendered(large, "html"))
    page = found.page
    page.emulate_media(media="print")
    expect(page.locator(".open-row")).to_have_count(300)
    assert "The first 300 of 50,000 files" in page.locator("body").inner_text()
    assert not page.get_by_label("Search").is_visible()
    page.emulate_media(media="screen")
    expect(page.locator("tr[aria-rowindex='300']")).to_have_count(0)
    assert len(found.names()) < 60


def test_printing_a_large_plan_takes_few_pages(opened: Open, large: Plan) -> None:
    printed = opened(rendered(large, "html")).page.pdf(format="A4")
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", printed)) < 30


def test_thumbnails_load_lazily_without_referrer(opened: Open, large: Plan) -> None:
    urls = {change.file.file_id: f"https://ik.example/{number}" for number, change in enumerate(large.changes)}
    found = opened(rendered(replace(large, thumbnails=urls), "html", thumbnails=True))
    images = found.page.locator("img")
    assert 0 < images.count() < 60
    first = images.first
    attributes = ("src", "alt", "loading", "referrerpolicy")
    assert [first.get_attribute(name) for name in attributes] == [
        "https://ik.example/0",
        "Thumbnail of picture-00000.jpg",
        "lazy",
        "no-referrer",
    ]
    assert all(address.startswith("https://ik.example/") for address in found.asked[1:])
    assert len(found.asked) > 1
    found.forget()


def test_thumbnail_address_must_be_https(opened: Open) -> None:
    plan = ordinary_plan()
    urls = {change.file.file_id: "http://ik.example/a.jpg" for change in plan.changes}
    assert opened(rendered(replace(plan, thumbnails=urls), "html", thumbnails=True)).page.locator("img").count() == 0


@pytest.mark.parametrize(
    "pieces",
    [rendered(plan_of(), "html"), diagnostics_as("html", "Valid: 1 manifest", [])],
    ids=["nothing to do", "no plan"],
)
def test_pages_without_files_work_too(opened: Open, pieces: Any) -> None:
    page = opened(pieces).page
    assert page.get_by_role("button", name="Theme: automatic").is_visible()
    assert page.get_by_role("heading", level=1).inner_text() in {"Nothing to do", "Valid: 1 manifest"}
