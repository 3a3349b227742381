"""The pages of `tags` and `ls` in a real browser."""

import pytest
from browser.conftest import Open, Opened
from browser.test_access import CONTRASTS
from builders import ai, current_file

from tagsync.inventory.count import count
from tagsync.reporting.html.inventory import files_html, tags_html

pytestmark = pytest.mark.browser

FILES = [
    current_file("/press/Gr\u00fcn.jpg", ["press"], [ai("Dog", 90.5)]),
    *(current_file(f"/shop/{number}.jpg", ["catalog", "red"], [ai("Shoe", 60)]) for number in range(12)),
]


def cells(found: Opened, table: int = 0) -> list[str]:
    """Return the first cell of each row of a table."""
    texts: list[str] = found.page.locator(".list").nth(table).locator("tbody th").all_inner_texts()
    return texts


def test_inventory_search_filters_all_tables(opened: Open) -> None:
    found = opened(tags_html(count(FILES)))
    assert (cells(found), cells(found, 1)) == (["catalog", "red", "press"], ["Shoe", "Dog"])
    found.page.get_by_label("Search").fill("PRESS")
    assert (cells(found), cells(found, 1)) == (["press"], ["Dog"])
    assert found.page.locator(".list .count").first.inner_text() == "1 of 3"
    found.page.get_by_label("Search").fill("nothing")
    assert (cells(found), cells(found, 1)) == ([], [])


def test_inventory_columns_sort_numbers_as_numbers(opened: Open) -> None:
    found = opened(tags_html(count(FILES)))
    files = found.page.get_by_role("button", name="Files", exact=True).first
    files.click()
    assert cells(found) == ["catalog", "red", "press"]
    files.click()
    assert cells(found) == ["press", "catalog", "red"]
    found.page.get_by_role("button", name="Tag", exact=True).click()
    assert cells(found) == ["catalog", "press", "red"]


def test_inventory_search_ignores_case_and_unicode_form(opened: Open) -> None:
    found = opened(files_html(FILES))
    found.page.get_by_label("Search").fill("gru\u0308n dog")
    assert cells(found) == ["/press/Gr\u00fcn.jpg"]


def test_inventory_says_that_nothing_matches(opened: Open) -> None:
    page = opened(files_html([])).page
    assert page.get_by_text("No file matches.").is_visible()
    page = opened(tags_html(count(FILES))).page
    page.get_by_label("Search").fill("press")
    assert [text for text in page.locator(".list .note").all_inner_texts() if text] == []
    page.get_by_label("Search").fill("nothing")
    assert page.locator(".list .note").all_inner_texts() == ["No tag matches.", "No AI tag matches."]


def test_inventory_confidences_have_a_unit_and_equal_decimals(opened: Open) -> None:
    page = opened(tags_html(count(FILES))).page
    table = page.locator(".list table").nth(1)
    assert "Lowest confidence, %" in table.locator("thead").inner_text()
    assert table.locator("tbody tr").first.locator("td.number").all_inner_texts() == ["12", "60.00", "60.00", "60.00"]


def test_inventory_says_what_it_leaves_out(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagsync.reporting.html.inventory.MAX_ROWS", 10)
    found = opened(files_html(FILES))
    assert found.page.locator(".list .note").inner_text().startswith("The page leaves out 3 more.")


def test_inventory_of_many_files_shows_more_on_demand(opened: Open) -> None:
    many = [current_file(f"/{number:05}.jpg", ["x"]) for number in range(30_000)]
    found = opened(files_html(many))
    assert len(cells(found)) == 500
    found.page.get_by_role("button", name="Show 500 more").click()
    assert len(cells(found)) == 1000
    found.page.get_by_label("Search").fill("29999")
    assert cells(found) == ["/29999.jpg"]


WIDEST = "() => Math.max(...[...document.querySelectorAll('.list')].map((list) => list.scrollWidth - list.clientWidth))"


@pytest.mark.parametrize("width", [390, 800, 1360])
def test_inventory_list_of_files_fits_and_shows_ids_in_one_line(opened: Open, width: int) -> None:
    names = [f"{word} and more" for word in ("red", "catalog", "w" * 60)]
    long = current_file(f"/{'folder-' * 20}/1.jpg", names, [ai(f"AI {name}") for name in names])
    page = opened(files_html([long, *FILES]), width=width).page
    assert page.evaluate(WIDEST) == 0
    assert page.locator("td.id").first.is_visible() == (width > 760)
    if width > 760:
        ids = page.locator("td.id").evaluate_all(
            "cells => cells.map((cell) => { const range = new Range(); "
            "range.selectNodeContents(cell); return range.getClientRects().length; })"
        )
        assert set(ids) == {1}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_inventory_contrast_is_at_least_4_5(opened: Open, scheme: str) -> None:
    page = opened(tags_html(count(FILES)), color_scheme=scheme).page
    assert [text for text in page.evaluate(CONTRASTS) if text[0] < 4.5] == []


def test_inventory_page_runs_no_text_of_a_library(opened: Open) -> None:
    evil = "</script><img src=x onerror=alert(1)><script>alert(1)</script>"
    file = current_file(f"/{evil}", [evil], [ai(evil)])
    assert cells(opened(files_html([file]))) == [f"/{evil}"]
    assert cells(opened(tags_html(count([file])))) == [evil]
