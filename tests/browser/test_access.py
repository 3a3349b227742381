"""Pages are accessible: contrast, names, headings, keyboard and announcements."""

import re
from typing import Any

import pytest
from browser.conftest import Open, expect
from builders import ordinary_plan, ordinary_report, rendered

pytestmark = pytest.mark.browser

CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const [red, green, blue] = [...channels(colour)].slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const backdrop = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || !element.checkVisibility() || ["SCRIPT", "OPTION"].includes(element.tagName)) continue;
    const pair = [getComputedStyle(element).color, backdrop(element)].map(luminance);
    found.push([(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), element.className || element.tagName, text]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["plan", "report"])
def test_text_contrast_is_at_least_4_5(opened: Open, scheme: str, kind: str) -> None:
    pieces = rendered(ordinary_plan(), "html") if kind == "plan" else rendered(ordinary_report(), "html")
    page = opened(pieces, color_scheme=scheme).page
    page.locator("summary").evaluate_all("all => all.forEach(one => one.parentElement.open = true)")
    page.locator(".open-row").last.click()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 100
    assert [text for text in found if text[0] < 4.5] == []


def names(page: Any, role: str) -> list[str]:
    """Return the accessible names of all elements with a role."""
    lines = page.locator("body").aria_snapshot().splitlines()
    matches = (re.match(rf'\s*- {role}(?: "((?:[^"\\]|\\.)*)")?', line) for line in lines)
    return [match[1] or "" for match in matches if match]


def test_controls_have_accessible_names(opened: Open) -> None:
    page = opened(rendered(ordinary_report(), "html")).page
    page.locator(".open-row").last.click()
    for role in ("button", "searchbox", "combobox", "table", "region", "complementary", "link"):
        found = names(page, role)
        assert found
        assert "" not in found, role
    assert {"Search"} == set(names(page, "searchbox"))
    assert {"Changes", "Changed tag", "Status"} <= {name.partition(":")[0] for name in names(page, "combobox")}


def test_headings_and_landmarks_structure_the_page(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    headings = page.get_by_role("heading")
    levels = [int(name[1]) for name in headings.evaluate_all("all => all.map(one => one.tagName)")]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.get_by_role("contentinfo").count() == 1


def test_rows_have_their_index_and_count(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    table = page.get_by_role("table", name="Changed files")
    assert table.get_attribute("aria-rowcount") == "5"
    rows = table.get_by_role("row")
    assert rows.evaluate_all("all => all.map(one => one.getAttribute('aria-rowindex'))") == ["1", "2", "3", "4", "5"]
    page.get_by_label("Search").fill("hero")
    assert table.get_attribute("aria-rowcount") == "2"


def test_number_of_matching_files_is_announced(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    page.get_by_label("Search").fill("bags")
    expect(page.get_by_role("status")).to_have_text("2 of 4 files")


def test_sorted_column_is_announced(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    page.locator("#table").get_by_role("button", name="Changes", exact=True).click()
    head = page.locator("#table").get_by_role("columnheader", name="Changes")
    assert head.get_attribute("aria-sort") == "descending"


def test_signs_have_words_for_screen_readers(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    told = page.locator("#table").aria_snapshot()
    for words in ("removed draft", "AI tag removed Person", "added catalog", "promoted from AI tag Sandal"):
        assert words in told


def test_chart_is_a_table_without_its_bars_for_screen_readers(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    chart = page.get_by_role("table", name="Changes by tag")
    assert chart.get_by_role("rowheader").count() == 7
    assert "img" not in chart.aria_snapshot()


def test_page_has_language_and_title(opened: Open) -> None:
    page = opened(rendered(ordinary_plan(), "html")).page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == "Plan blocked by guard removedTags: 4 files to change · shop · tagsync plan"


def test_policy_refuses_everything_it_does_not_name(opened: Open) -> None:
    found = opened(rendered(ordinary_plan(), "html"))
    refused = found.page.evaluate(
        """async () => {
          const refused = [];
          document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "planted = 1";
          const image = document.createElement("img");
          image.src = "https://evil.example/x.png";
          const style = document.createElement("style");
          style.textContent = "body { display: none }";
          document.body.append(script, image, style);
          await new Promise((done) => image.addEventListener("error", done));
          return refused.sort();
        }"""
    )
    assert refused == ["img-src", "script-src-elem", "style-src-elem"]
    assert found.page.evaluate("typeof planted") == "undefined"
    found.forget()
