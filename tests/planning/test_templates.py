from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from builders import ai, current_file, current_state, manifest, plan_for, unpack
from conftest import Declare
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentFile, DesiredState, Plan
from tagsync.planning import bounded
from tagsync.planning import templates as templates_module
from tagsync.planning.changed_since import Revision, changed_entries
from tagsync.planning.explain import explained
from tagsync.planning.read_scope import needs

VOCABULARY = "---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {%s}\n"
TEES = "/shop/tees/A1-front.jpg"
HATS = "/shop/hats/B2-front.jpg"


def plan(desired: DesiredState, *files: CurrentFile) -> Plan:
    return plan_for(desired, current_state(*files))


def changes(made: Plan) -> dict[str, list[str]]:
    return {change.path: unpack(change.changes) for change in made.changes}


def with_fields(file: CurrentFile, created_at: str = "", **fields: str) -> CurrentFile:
    return replace(file, created_at=created_at, fields=tuple(fields.items()))


def with_values(file: CurrentFile, **fields: list[str]) -> CurrentFile:
    return replace(file, fields=tuple((name, value) for name, values in fields.items() for value in values))


def test_captured_text_becomes_tags_per_file(declare: Declare) -> None:
    desired = declare('- {match: "/shop/{category}/{sku}-*.jpg", tags: ["{category}", "sku-{sku:lower}", shop]}')
    made = plan(desired, current_file(TEES), current_file(HATS, ["hats"]), current_file("/shop/x.jpg"))
    assert changes(made) == {TEES: ["+shop", "+sku-a1", "+tees"], HATS: ["+shop", "+sku-b2"]}


def test_reasons_have_the_place_of_the_template(declare: Declare) -> None:
    made = plan(declare('- {match: "/shop/{a}/*", tags: [x, "{a}"]}'), current_file(TEES))
    because = {change.tag: change.because for file in made.changes for change in file.changes}
    assert [(str(reason.origin), reason.rule) for reason in because["tees"]] == [("tags.yaml:5:40", "tags")]


def test_captured_text_becomes_absent_and_ai_tags(declare: Declare) -> None:
    entry = """
- match: /shop/{category}/*
  absent: ["draft-{category}"]
  aiTags: {remove: ["{category:upper}"], keep: ["{category}"], minConfidence: 99}
"""
    made = plan(declare(entry), current_file(TEES, ["draft-tees"], [ai("TEES", 100), ai("tees", 1), ai("Dog", 100)]))
    assert changes(made) == {TEES: ["-draft-tees", "~TEES"]}


def test_exclusive_keeps_tags_of_templates(declare: Declare) -> None:
    entry = '- {match: "/shop/{category}/*", tags: ["{category}"], exclusive: true}'
    assert changes(plan(declare(entry), current_file(TEES, ["tees", "hats"]))) == {TEES: ["-hats"]}


def test_tags_of_templates_expire_with_until(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest('- {match: "/shop/{a}/*", tags: ["{a}"], until: 2026-01-01}'), "utf-8")
    desired = read_manifests([str(path)], as_of=date(2026, 1, 1))
    assert changes(plan(desired, current_file(TEES, ["tees"]))) == {TEES: ["-tees"]}


def test_values_map_captured_text_before_formats(declare: Declare) -> None:
    spec = "values: {category: {tees: T Shirts, else: keep}}"
    desired = declare('- {match: "/shop/{category}/*", tags: ["{category:slug}"]}', spec=spec)
    assert changes(plan(desired, current_file(TEES), current_file(HATS))) == {TEES: ["+t-shirts"], HATS: ["+hats"]}


def test_values_with_else_skip_leave_other_tags_out(declare: Declare) -> None:
    spec = "values: {category: {tees: t-shirts, else: skip}}"
    desired = declare('- {match: "/shop/{category}/*", tags: ["{category}", x]}', spec=spec)
    made = plan(desired, current_file(TEES), current_file(HATS))
    assert changes(made) == {TEES: ["+t-shirts", "+x"], HATS: ["+x"]}
    assert made.diagnostics == ()


def test_values_without_else_refuse_other_text(declare: Declare) -> None:
    spec = "values: {category: {tees: t-shirts}}"
    entry = '- {match: "/shop/{category}/*", tags: ["{category}"], ifInvalid: skip}'
    made = plan(declare(entry, spec=spec), current_file(TEES), current_file(HATS), current_file(f"{HATS}2"))
    (error,) = made.errors
    assert (error.code, str(error.origin)) == ("value", "tags.yaml:6:44")
    assert error.message == (
        "{category} is 'hats' for '/shop/hats/B2-front.jpg' and 1 other file: spec.values does not map it; add it "
        "there, or set else: keep or else: skip"
    )
    assert made.changes == ()


@pytest.mark.parametrize(("leniency", "level"), [("error", "error"), ("warn", "warning"), ("skip", None)])
def test_invalid_values_follow_if_invalid(declare: Declare, leniency: str, level: str | None) -> None:
    desired = declare('- {match: "/shop/{a}/*", tags: ["{a}", x]}', spec=f"defaults: {{ifInvalid: {leniency}}}")
    made = plan(desired, current_file("/shop/50%/a.jpg"), current_file(TEES))
    assert [item.level for item in made.diagnostics] == ([level] if level else [])
    left = {"/shop/50%/a.jpg": ["+x"], TEES: ["+tees", "+x"]}
    assert changes(made) == ({} if level == "error" else left)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/shop/50%/a.jpg", "'{a}' gives '50%' for '/shop/50%/a.jpg': ImageKit does not allow % in tags"),
        ("/shop/ x/a.jpg", "a tag cannot start or end with white space"),
        ("/shop/\u202ex/a.jpg", "a tag cannot contain invisible control characters"),
        ("/shop/x\u200b/a.jpg", "the tag ends with an invisible character (U+200B)"),
        (f"/shop/{'x' * 501}/a.jpg", "it has 501 characters, and ImageKit allows 500"),
        (f"/shop/x{chr(0x301) * 40}/a.jpg", "more than 30 combining marks in a row"),
    ],
)
def test_values_that_cannot_be_tags_name_file_rule_and_value(declare: Declare, path: str, words: str) -> None:
    (error,) = plan(declare('- {match: "/shop/{a}/*", tags: ["{a}"]}'), current_file(path)).errors
    assert words in error.message
    assert "map it in spec.values, or set ifInvalid" in error.message
    assert error.message.isprintable()
    assert str(error.origin) == "tags.yaml:5:37"


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ("allowed: [hats]", "that tag is not in the vocabulary; allow it there"),
        ("forbidden: [tees]", "that tag is forbidden at tags.yaml:9:20"),
        ("renames: {tees: t-shirts}", "that tag is renamed to 't-shirts' at tags.yaml:9:18"),
    ],
)
def test_values_outside_the_vocabulary_are_invalid(tmp_path: Path, vocabulary: str, words: str) -> None:
    path = tmp_path / "tags.yaml"
    text = manifest('- {match: "/shop/{a}/*", tags: ["{a}"]}') + VOCABULARY % vocabulary
    path.write_text(text, "utf-8")
    made = plan(read_manifests([str(path)]), current_file(TEES))
    assert [item.code for item in made.errors] == ["value"]
    assert words in made.errors[0].message


def test_values_that_a_format_empties_are_invalid(declare: Declare) -> None:
    (error,) = plan(declare('- {match: "/shop/{a}/*", tags: ["{a:slug}"]}'), current_file("/shop/---/a.jpg")).errors
    assert "{a:slug} of '---' is empty for '/shop/---/a.jpg'" in error.message


def test_captured_text_is_compared_and_added_in_nfc(declare: Declare) -> None:
    spec = "values: {a: {caf\u00e9: coffee, else: keep}}"
    desired = declare('- {match: "/{a}/{b}", tags: ["{a}", "{b}"]}\n- {match: /*/*, tags: [the\u0301]}', spec=spec)
    made = plan(desired, current_file("/cafe\u0301/the\u0301"))
    assert [item.code for item in made.errors] == ["two-spellings"]
    desired = declare('- {match: "/{a}/{b}", tags: ["{a}", "{b}"]}\n- {match: /*/*, tags: [th\u00e9]}', spec=spec)
    assert changes(plan(desired, current_file("/cafe\u0301/the\u0301"))) == {
        "/cafe\u0301/the\u0301": ["+coffee", "+th\u00e9"]
    }


def test_library_data_fills_in_templates_of_every_selector(declare: Declare) -> None:
    file = with_fields(
        current_file("/a"), "2024-05-06T07:08:09.000Z", fileType="image", **{"customMetadata.season": "Spring 24"}
    )
    texts = '["{fileType}", "y{createdAt:year}", "{customMetadata.season:slug}"]'
    expected = {"/a": ["+image", "+spring-24", "+y2024"]}
    for selector in ("path: /a", f"fileId: {file.file_id}", 'match: "/*"'):
        assert changes(plan(declare(f"- {{{selector}, tags: {texts}}}"), file)) == expected


def test_rules_of_single_files_with_one_declaration_keep_their_places(declare: Declare) -> None:
    desired = declare('- {path: /a, tags: ["{fileType}"]}\n- {path: /b, tags: ["{fileType}"]}')
    files = [with_fields(current_file(path), fileType=path[1:]) for path in ("/a", "/b")]
    made = plan(desired, *files)
    assert [(unpack(each.changes), str(each.changes[0].because[0].origin)) for each in made.changes] == [
        (["+a"], "tags.yaml:5:25"),
        (["+b"], "tags.yaml:6:25"),
    ]


def test_field_with_several_values_gives_a_tag_for_each(declare: Declare) -> None:
    spec = "values: {customMetadata.color: {sand: beige, else: keep}}"
    texts = '["{customMetadata.color:lower}", "{customMetadata.size}-{customMetadata.color}", "{customMetadata.size}"]'
    desired = declare(f"- {{path: /a, tags: {texts}, ifInvalid: warn}}", spec=spec)
    file = with_values(
        current_file("/a"),
        **{"customMetadata.color": ["Red", "red", "sand", "50%"], "customMetadata.size": ["L", "XL"]},
    )
    made = plan(desired, file)
    colors = ["Red", "red", "beige"]
    pairs = [f"+{size}-{color}" for size in ("L", "XL") for color in colors]
    assert sorted(changes(made)["/a"]) == sorted(["+red", "+beige", "+L", "+XL", *pairs])
    assert [item.message.partition(" for")[0] for item in made.diagnostics] == [
        "'{customMetadata.color:lower}' gives '50%'",
        "'{customMetadata.size}-{customMetadata.color}' gives 'L-50%'",
        "'{customMetadata.size}-{customMetadata.color}' gives 'XL-50%'",
    ]


def test_fields_with_several_values_are_added_in_nfc_once(declare: Declare) -> None:
    file = with_values(current_file("/a"), **{"customMetadata.x": ["caf\u00e9", "cafe\u0301"]})
    made = plan(declare('- {path: /a, tags: ["{customMetadata.x}"], absent: ["no-{customMetadata.x}"]}'), file)
    assert (changes(made), made.diagnostics) == ({"/a": ["+caf\u00e9"]}, ())


@pytest.mark.parametrize(("leniency", "level"), [("error", "error"), ("warn", "warning"), ("skip", None)])
def test_fields_with_too_many_combinations_are_invalid(declare: Declare, leniency: str, level: str | None) -> None:
    names = [f"customMetadata.{letter}" for letter in "abcdef"]
    file = with_values(current_file("/a"), **{name: [str(number) for number in range(1_000)] for name in names})
    template = "-".join(f"{{{name}}}" for name in names)
    made = plan(declare(f'- {{path: /a, tags: ["{template}", x], ifInvalid: {leniency}}}'), file)
    assert [item.level for item in made.diagnostics] == ([level] if level else [])
    for item in made.diagnostics:
        assert "gives 1,000,000,000,000,000,000 texts for '/a': the limit is 500" in item.message


def test_filled_in_tags_with_a_comma_are_a_warning(declare: Declare) -> None:
    spec = "values: {b: {x: 'p,q', else: keep}}"
    entry = '- {match: "/{a}/{b}.jpg", tags: ["{a}", "{b}"], absent: ["{a}!"], ifInvalid: skip}'
    made = plan(declare(entry, spec=spec), *map(current_file, ("/m,n/x.jpg", "/m,n/y.jpg", "/o/y.jpg")))
    assert changes(made) == {"/m,n/x.jpg": ["+m,n", "+p,q"], "/m,n/y.jpg": ["+m,n", "+y"], "/o/y.jpg": ["+o", "+y"]}
    why = "contains a comma, at which upload forms split tags, and ImageKit may refuse it: map the value in spec.values"
    assert [(item.level, item.code, item.message, str(item.origin)) for item in made.diagnostics] == [
        ("warning", "comma", f"the tag 'm,n' {why}", "tags.yaml:6:38"),
        ("warning", "comma", f"the tag 'p,q' {why}", "tags.yaml:6:45"),
    ]


def test_missing_library_data_says_where_to_set_it(declare: Declare) -> None:
    (error,) = plan(declare('- {path: /a, tags: ["{customMetadata.season}"]}'), current_file("/a")).errors
    assert "{customMetadata.season} has no value for '/a': set it in ImageKit, or set ifInvalid" in error.message


def test_template_only_rule_for_a_missing_file_is_no_error_if_it_only_removes(declare: Declare) -> None:
    made = plan(declare('- {path: /gone, absent: ["{fileType}"]}'), current_file("/a"))
    assert [item.level for item in made.diagnostics] == ["info"]
    assert plan(declare('- {path: /gone, tags: ["{fileType}"]}'), current_file("/a")).errors


def test_one_invalid_value_on_many_files_is_one_diagnostic(declare: Declare) -> None:
    files = [current_file(f"/50%/{number:03}.jpg") for number in range(300)]
    made = plan(declare('- {match: "/{a}/*", tags: ["{a}"], ifInvalid: warn}'), *files)
    (warning,) = made.diagnostics
    assert "for '/50%/000.jpg' and 299 other files" in warning.message


def test_many_invalid_values_are_listed_up_to_a_limit(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bounded, templates_module):
        monkeypatch.setattr(module, "MOST_LISTED", 10)
    files = [current_file(f"/{number:03}%") for number in range(25)]
    made = plan(declare('- {match: "/{a}", tags: ["{a}"], ifInvalid: warn}'), *files)
    assert len(made.diagnostics) == 10
    assert made.unlisted == (("warning", "value", 15),)


def test_values_that_are_remembered_stay_right_when_there_are_many(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates_module, "_REMEMBERED", 4)
    paths = [f"/{number % 7}/{number:03}" for number in range(50)]
    made = plan(declare('- {match: "/{a}/{b}", tags: ["{a}", "x{b}"]}'), *map(current_file, paths))
    assert changes(made) == {path: [f"+{path[1]}", f"+x{path[3:]}"] for path in paths}


def test_captures_need_the_folder_that_the_literal_text_names(declare: Declare) -> None:
    assert needs(declare('- {match: "/shop/{a}.jpg", tags: ["{a}"]}')).flat == ("/shop/",)
    found = needs(declare('- {match: "/shop/{a}/*", tags: ["{a}", "{fileType}"]}'))
    assert (found.folders, found.flat, found.fields) == (("/shop/",), (), frozenset(["fileType"]))


def test_explanation_shows_bound_values_and_problems(declare: Declare) -> None:
    desired = declare('- {match: "/shop/{a}/{b}.jpg", tags: ["{a}", "{fileType}"], ifInvalid: warn}')
    (found,) = explained(TEES, desired, current_state(current_file(TEES)))
    assert found.contributions[0].values == (("a", "tees"), ("b", "A1-front"), ("fileType", ""))
    assert [item.code for item in found.diagnostics] == ["value"]


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ('tags: ["{a}"]', 'tags: ["{a:lower}"]', 2),
        ('tags: ["{a}"]', 'tags: ["{a}"], ifInvalid: warn', 2),
        ('tags: ["{a}"]', 'absent: ["{a}"]', 2),
        ('tags: ["{a}"]', 'tags: [  "{a}"]', 0),
    ],
)
def test_rules_with_other_templates_have_changed(tmp_path: Path, before: str, now: str, count: int) -> None:
    def read(name: str, text: str) -> DesiredState:
        path = tmp_path / name
        path.write_text(manifest(f'- {{match: "/{{a}}", {text}}}'), "utf-8")
        return read_manifests([str(path)])

    revision = Revision("main", "0" * 40, read("tags.yaml", before))
    assert len(changed_entries(revision, read("tags.yaml", now))) == count


def test_rules_with_another_table_of_values_have_changed(declare: Declare) -> None:
    entry = '- {match: "/{a}", tags: ["{a}"]}\n- {match: /x, tags: [z]}'
    then, now = (declare(entry, spec=f"values: {{a: {{x: {tag}}}}}") for tag in "bc")
    assert len(changed_entries(Revision("main", "0" * 40, then), now)) == 2


NAMES = st.sampled_from(["tees", "hats", "Tees", "50%", "\u00e9", "e\u0301", "a b", "-"])


@settings(max_examples=100, deadline=None)
@given(folders=st.lists(NAMES, min_size=1, max_size=6, unique=True))
def test_plan_with_captures_equals_a_plan_with_one_rule_per_folder(
    tmp_path_factory: pytest.TempPathFactory, folders: list[str]
) -> None:
    files = [current_file(f"/{folder}/{number}.jpg", [folder][number:]) for folder in folders for number in range(2)]
    captured = '- {match: "/{a}/*", tags: ["{a}", "x-{a:lower}"], ifInvalid: skip}'
    assert _changes_of(tmp_path_factory, captured, files) == _changes_of(
        tmp_path_factory, "\n".join(map(_one_rule, folders)), files
    )


def _one_rule(folder: str) -> str:
    tag = {"e\u0301": "\u00e9"}.get(folder, folder)
    tags = [] if "%" in tag else [f'"{tag}"', f'"x-{tag.lower()}"']
    return f'- {{match: "/{folder}/*", tags: [{", ".join(tags)}], absent: [unused]}}'


def _changes_of(folders: pytest.TempPathFactory, entries: str, files: Iterable[CurrentFile]) -> dict[str, list[str]]:
    path = folders.mktemp("captures") / "tags.yaml"
    path.write_text(manifest(entries), "utf-8")
    return changes(plan(read_manifests([str(path)]), *files))
