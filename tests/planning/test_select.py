from dataclasses import replace

import pytest
from builders import current_file, current_state, id_of
from conftest import Declare

from tagsync.model import CurrentState
from tagsync.planning.select import Selection

SHOP = current_state(
    current_file("/shop/shoes/red.jpg"),
    current_file("/shop/shoes/archive/old.jpg"),
    current_file("/shop/bags/tote.jpg"),
    current_file("/team/chloé.png"),
    answers={"size > 5": ["/shop/shoes/red.jpg", "/team/chloé.png"]},
)


def selected(declare: Declare, entry: str, current: CurrentState = SHOP) -> tuple[list[str], Selection]:
    selection = Selection(declare(entry).entries, current.files, current.answers)
    return [found.file.path for found in selection], selection


@pytest.mark.parametrize(
    ("entry", "paths"),
    [
        ("- {path: /shop/bags/tote.jpg, tags: [x]}", ["/shop/bags/tote.jpg"]),
        (f"- {{fileId: '{id_of('/shop/bags/tote.jpg')}', tags: [x]}}", ["/shop/bags/tote.jpg"]),
        ("- {match: /shop/shoes/*, tags: [x]}", ["/shop/shoes/red.jpg"]),
        ("- {match: /shop/shoes/**, tags: [x]}", ["/shop/shoes/archive/old.jpg", "/shop/shoes/red.jpg"]),
        ("- {match: /shop/shoes/**, except: [/**/archive/**], tags: [x]}", ["/shop/shoes/red.jpg"]),
        ("- {query: size > 5, tags: [x]}", ["/shop/shoes/red.jpg", "/team/chloé.png"]),
        ("- {query: size > 5, match: /shop/**, tags: [x]}", ["/shop/shoes/red.jpg"]),
        ("- {query: size > 5, except: [/shop/**], tags: [x]}", ["/team/chloé.png"]),
    ],
)
def test_selector_selects(declare: Declare, entry: str, paths: list[str]) -> None:
    assert selected(declare, entry)[0] == paths


def test_select_collects_all_entries_of_a_file(declare: Declare) -> None:
    entries = declare("- {match: /shop/bags/*, tags: [x]}\n- {path: /shop/bags/tote.jpg, tags: [w]}").entries
    assert [found.entries for found in Selection(entries, SHOP.files, SHOP.answers)] == [list(entries)]


def test_select_finds_both_files_with_one_path(declare: Declare) -> None:
    twins = (current_file("/a"), replace(current_file("/a"), file_id="another"))
    assert selected(declare, "- {path: /a, tags: [x]}", current_state(*twins))[0] == ["/a", "/a"]


@pytest.mark.parametrize(
    ("leniency", "levels"), [("", ["error"]), (", ifMissing: warn", ["warning"]), (", ifMissing: skip", [])]
)
def test_missing_file_has_level_of_if_missing(declare: Declare, leniency: str, levels: list[str]) -> None:
    _, selection = selected(declare, f"- {{path: /gone.jpg, tags: [x]{leniency}}}")
    assert [diagnostic.level for diagnostic in selection.diagnostics(SHOP)] == levels
    assert selection.missing.count == 1


@pytest.mark.parametrize(
    "wishes",
    [
        "absent: [draft]",
        "exclusive: true",
        "aiTags: {remove: [Dog]}",
        "aiTags: {remove: all, keep: [Cat]}",
        "aiTags: {minConfidence: 70}",
    ],
)
@pytest.mark.parametrize("selector", ["path: /nope.jpg", "fileId: nope"])
def test_missing_file_is_a_notice_if_entry_only_removes(declare: Declare, selector: str, wishes: str) -> None:
    _, selection = selected(declare, f"- {{{selector}, {wishes}}}")
    [found] = selection.diagnostics(SHOP)
    assert (found.level, found.code) == ("info", "missing")
    assert "only removes" in found.message
    _, strict = selected(declare, f"- {{{selector}, {wishes}, ifMissing: error}}")
    assert [item.level for item in strict.diagnostics(SHOP)] == ["error"]


@pytest.mark.parametrize(
    "wishes",
    [
        "absent: [draft], tags: [x]",
        "aiTags: {keep: [Cat]}",
        "aiTags: {promote: {minConfidence: 90}}",
        "absent: [draft], aiTags: {promote: {minConfidence: 90}}",
    ],
)
def test_missing_file_is_an_error_if_entry_adds_or_protects(declare: Declare, wishes: str) -> None:
    _, selection = selected(declare, f"- {{path: /nope.jpg, {wishes}}}")
    assert [item.level for item in selection.diagnostics(SHOP)] == ["error"]


def test_missing_file_to_remove_from_is_a_warning_with_similar_path(declare: Declare) -> None:
    _, selection = selected(declare, "- {path: /Shop/shoes/Red.jpg, absent: [x]}")
    [found] = selection.diagnostics(SHOP)
    assert found.level == "warning"
    assert "did you mean '/shop/shoes/red.jpg'?" in found.message


def test_missing_file_is_reported_with_its_place(declare: Declare) -> None:
    _, selection = selected(declare, "- {fileId: nope, tags: [x]}")
    assert str(next(selection.diagnostics(SHOP)).origin) == "tags.yaml:5:7"
    assert "no file has the ID 'nope'" in next(selection.diagnostics(SHOP)).message


def test_select_finds_ids_in_any_order(declare: Declare) -> None:
    ids = [id_of("/shop/shoes/red.jpg"), id_of("/shop/bags/tote.jpg")]
    paths, selection = selected(declare, "".join(f"- {{fileId: '{file_id}', tags: [x]}}\n" for file_id in ids))
    assert paths == ["/shop/bags/tote.jpg", "/shop/shoes/red.jpg"]
    assert (selection.missing.count, selection.missing.first(), selection.coverage().idle) == (0, (), ())


def test_missing_path_suggests_other_case(declare: Declare) -> None:
    _, selection = selected(declare, "- {path: /Shop/shoes/Red.jpg, tags: [x]}")
    assert "did you mean '/shop/shoes/red.jpg'?" in next(selection.diagnostics(SHOP)).message


def test_missing_path_hints_at_path_equal_under_nfc(declare: Declare) -> None:
    paths, selection = selected(declare, '- {path: "/team/chloe\\u0301.png", tags: [x]}')
    assert paths == []
    assert "equal under Unicode NFC" in next(selection.diagnostics(SHOP)).message


def test_selector_that_selects_nothing_is_a_warning(declare: Declare) -> None:
    _, selection = selected(declare, "- {match: /shop/hats/**, tags: [x]}")
    assert [(item.level, item.code) for item in selection.diagnostics(SHOP)] == [("warning", "selects-nothing")]
    assert selection.missing.count == 0


def test_selector_may_select_nothing_if_expect_says_so(declare: Declare) -> None:
    _, selection = selected(
        declare,
        "- {match: /shop/hats/**, tags: [x], expect: {min: 0}}\n- {match: /shop/caps/**, tags: [x], expect: {max: 9}}\n"
        "- {match: /shop/bows/**, tags: [x], expect: {max: 0}}",
    )
    assert [item.origin.line for item in selection.diagnostics(SHOP) if item.origin] == [6]


@pytest.mark.parametrize(
    ("expect", "codes"),
    [
        ("{min: 1, max: 2}", []),
        ("{min: 2}", []),
        ("{max: 2}", []),
        ("{min: 3}", ["expect"]),
        ("{max: 1}", ["expect"]),
    ],
)
def test_expect_limits_number_of_selected_files(declare: Declare, expect: str, codes: list[str]) -> None:
    _, selection = selected(declare, f"- {{match: /shop/shoes/**, tags: [x], expect: {expect}}}")
    assert [diagnostic.code for diagnostic in selection.diagnostics(SHOP)] == codes
    assert all(diagnostic.level == "error" for diagnostic in selection.diagnostics(SHOP))


def test_expect_error_names_both_numbers(declare: Declare) -> None:
    _, selection = selected(declare, "- {match: /shop/**, tags: [x], expect: {min: 5, max: 9}}")
    (found,) = selection.diagnostics(SHOP)
    assert "selects 3 files, expected 5 to 9" in found.message
    assert str(found.origin) == "tags.yaml:5:44"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{match: /shop/**, tags: [x], expect: {min: 5}}", "selects 3 files, expected at least 5"),
        ("{match: /shop/bags/*, tags: [x], expect: {min: 5}}", "selects 1 file, expected at least 5"),
        ("{match: /shop/shoes/*, tags: [x], expect: {max: 0}}", "selects 1 file, expected 0 to 0"),
        ("{match: /hats/*, tags: [x]}", "this rule selects no file: check the glob '/hats/*', or remove the rule"),
        ("{match: /hats/, tags: [x]}", "this rule selects no file: to select the files of a folder, write '/hats/**'"),
        ("{match: '/SHOP/{kind}/*', tags: ['{kind}']}", "this rule selects no file: the library has '/shop/', and"),
        ("{match: /Shop/bags/*, tags: [x]}", "the library has '/shop/bags/', and globs are case-sensitive"),
        ("{match: /Shop/bags/*.png, tags: [x]}", "the library has '/shop/bags/', and globs are case-sensitive"),
        ("{match: '/shop/{kind}/*.JPG', tags: ['{kind}']}", "this rule selects no file: its glob matches '/shop/bags/"),
        ("{match: /shopp/**, tags: [x]}", "the library has no folder '/shopp/'; did you mean '/shop/**'?"),
        ("{match: /shop/bag/*.jpg, tags: [x]}", "no folder '/shop/bag/'; did you mean '/shop/bags/*.jpg'?"),
        ("{match: '/shopp/{kind}/*', tags: ['{kind}']}", "did you mean '/shop/{kind}/*'?"),
        ("{match: /shopp, tags: [x]}", "the library has no folder '/shopp/'; did you mean '/shop/**'?"),
        ("{match: /shop2/**, tags: [x]}", "check the glob '/shop2/**', or remove the rule"),
        ("{path: /shop/bag/tote.jpg, tags: [x]}", "no folder '/shop/bag/'; did you mean '/shop/bags/tote.jpg'?"),
        ("{match: /shop/*.jpg, tags: [x]}", "its glob leaves out folders below, such as that of '/shop/bags/"),
        ("{match: /shop/*.jpg, tags: [x]}", "did you mean '/shop/**/*.jpg'?"),
        ("{match: /shop/*, tags: [x]}", "of '/shop/bags/tote.jpg'; did you mean '/shop/**'?"),
        ("{match: /shop, tags: [x]}", "to select the files of a folder, write '/shop/**'"),
        ("{match: /Shop/BAGS, tags: [x]}", "to select the files of a folder, write '/shop/bags/**'"),
        (
            "{path: /shop/bags, tags: [x]}",
            "'/shop/bags' is a folder: to select its files, write match: '/shop/bags/**'",
        ),
        ("{path: /Shop/, tags: [x]}", "'/Shop/' is a folder: to select its files, write match: '/shop/**'"),
        ("{path: /shop/shoes/reed.jpg, tags: [x]}", "is not in the library: did you mean '/shop/shoes/red.jpg'?"),
        ("{match: '/shop/shoes/[rb]*.jpg', tags: [x]}", "no file: [ ] is literal in globs; write ? for one character"),
        ("{path: /shop/bag, tags: [x]}", "'/shop/bag' is not in the library: check the path, or set ifMissing"),
        ("{path: /shop/*, tags: [x]}", "'/shop/*' is not in the library: a path names one file, and * is"),
        ("{path: /shop/x.jpg, tags: [x]}", "'/shop/x.jpg' is not in the library: check the path, or set ifMissing"),
    ],
)
def test_select_messages(declare: Declare, entry: str, words: str) -> None:
    (found,) = selected(declare, f"- {entry}")[1].diagnostics(SHOP)
    assert words in found.message


def test_select_numbers_files_by_position(declare: Declare) -> None:
    selection = Selection(declare("- {match: /shop/**, tags: [x]}").entries, SHOP.files, SHOP.answers)
    places = {found.file.path: found.number for found in selection}
    assert places == {file.path: number for number, file in enumerate(SHOP.files) if file.path in places}
    assert len(places) == 3


def test_refused_query_is_an_error_at_its_entry_only(declare: Declare) -> None:
    entries = "- {query: foo ~~ 3, tags: [x]}\n- {path: /gone.jpg, tags: [x]}\n- {match: /shop/bags/*, tags: [x]}"
    current = CurrentState(SHOP.files, refused={"foo ~~ 3": "cannot read it at character 5"})
    paths, selection = selected(declare, entries, current)
    assert [(item.level, item.code, str(item.origin)) for item in selection.diagnostics(current)] == [
        ("error", "query", "tags.yaml:5:7"),
        ("error", "missing", "tags.yaml:6:7"),
    ]
    assert "cannot read it at character 5" in next(selection.diagnostics(current)).message
    assert len(paths) == 1
