from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from builders import manifest
from conftest import Declare

from tagsync.manifest.read import read_manifests
from tagsync.model import Declaration, DesiredState, Texts

Found = tuple[str, str, str]
Faults = Callable[..., list[Found]]


def declaration(desired: DesiredState) -> Declaration:
    return next(iter(desired.entries)).declaration


def templates(desired: DesiredState) -> list[tuple[str, str]]:
    templating = declaration(desired).templating
    return [(template.key, template.text) for template in templating.templates] if templating else []


def test_texts_with_placeholders_become_templates_and_others_stay(declare: Declare) -> None:
    found = declaration(declare('- {match: "/{a}/*", tags: [x, "{a}", "b\\\\{"], absent: ["no-{a}"]}'))
    assert found.tags.values == ("x", "b{")
    assert found.absent == Texts()
    assert found.templating
    assert [(each.key, each.text) for each in found.templating.templates] == [("tags", "{a}"), ("absent", "no-{a}")]


def test_templates_of_defaults_come_first_and_ai_lists_have_them_too(declare: Declare) -> None:
    spec = 'defaults: {tags: ["{a}"], aiTags: {keep: ["{a}"], minConfidence: 5}}'
    desired = declare('- {match: "/{a}", tags: ["x-{a}"], aiTags: {remove: ["{a:lower}"]}}', spec=spec)
    assert templates(desired) == [
        ("aiTags.keep", "{a}"),
        ("tags", "{a}"),
        ("aiTags.remove", "{a:lower}"),
        ("tags", "x-{a}"),
    ]


def test_remove_all_replaces_templates_of_defaults_and_the_other_way_round(declare: Declare) -> None:
    spec = 'defaults: {aiTags: {remove: ["{a}"]}}'
    assert templates(declare('- {match: "/{a}", aiTags: {remove: all}}', spec=spec)) == []
    desired = declare('- {match: "/{a}", aiTags: {remove: ["{a}"]}}', spec="defaults: {aiTags: {remove: all}}")
    rule = declaration(desired).ai_rule
    assert rule
    assert not rule.remove_all


def test_templates_expire_with_until(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(
        manifest('- {match: "/{a}", tags: ["{a}", x], until: 2026-01-01}', spec='defaults: {tags: ["d-{a}"]}'), "utf-8"
    )
    before, after = (read_manifests([str(path)], as_of=date(2025 + year, 6, 1)) for year in (0, 1))
    assert templates(before) == [("tags", "d-{a}"), ("tags", "{a}")]
    assert templates(after) == [("tags", "d-{a}"), ("expired", "{a}")]


def test_braces_stay_literal_in_except_and_only(declare: Declare) -> None:
    found = next(iter(declare('- {match: /*, except: ["/{a}"], exclusive: {only: ["{b}*"]}}').entries))
    assert found.declaration.exclusive
    assert found.declaration.exclusive.only
    assert found.declaration.exclusive.only.values == ("{b}*",)
    assert found.declaration.templating is None


def test_entries_without_templates_drop_the_tables_of_values(declare: Declare) -> None:
    spec = "values: {a: {x: z}}"
    desired = declare('- {match: "/{a}", tags: ["{a}"]}\n- {match: /b, tags: [c]}', spec=spec)
    assert [entry.declaration.templating is None for entry in desired.entries] == [False, True]


def test_library_data_that_templates_use_is_noted(declare: Declare) -> None:
    desired = declare(
        '- {path: /a, tags: ["{fileType}", "{customMetadata.season:slug}"], absent: ["{createdAt:year}"]}'
    )
    assert desired.fields == {"fileType", "customMetadata.season", "createdAt"}


def test_plainly_written_files_find_templates_too(declare: Declare) -> None:
    rows = "\n".join(f"- path: /{number}\n  tags: [a, b]" for number in range(5))
    desired = declare(f'{rows}\n- path: /z\n  tags: ["a\\\\{{", b]\n- path: /y\n  tags: ["{{fileType}}"]')
    *_, last, template = desired.entries
    assert last.declaration.tags.values == ("a{", "b")
    assert template.declaration.templating
    assert desired.fields == {"fileType"}


@pytest.mark.parametrize(
    ("entry", "place", "code", "words"),
    [
        ('- {match: "/{a", tags: [x]}', "5:7", "glob", "a brace is not closed"),
        ('- {match: "/{a{b}}", tags: [x]}', "5:7", "glob", "nested"),
        ('- {match: "/{a:lower}", tags: [x]}', "5:7", "glob", "no format"),
        ('- {match: "/{a}/{a}", tags: [x]}', "5:7", "glob", "captures {a} twice"),
        ('- {match: "/{fileType}", tags: [x]}', "5:7", "glob", "{fileType} is the name of data from ImageKit"),
        ('- {match: "/{a}", tags: ["{b"]}', "5:30", "template", "'{b' cannot be read: its braces are not closed"),
        ('- {match: "/{a}", tags: ["{a:title}"]}', "5:30", "template", "use lower, slug or upper"),
        ('- {match: "/{a}", absent: ["{}"]}', "5:32", "template", "is not a name"),
        ('- {match: "/{category}", tags: ["{categry}"]}', "5:37", "unbound", "did you mean {category}?"),
        ('- {path: /x, tags: ["{created_at}"]}', "5:25", "unbound", "did you mean {createdAt:year}?"),
        ('- {match: "/{a}/{b}", tags: ["{zebra}"]}', "5:34", "unbound", "use {a} or {b}, or write {zebra} in match"),
        ('- {match: /*, tags: ["{a}"]}', "5:26", "unbound", "write match with {a} in place of a *"),
        ('- {path: /x, tags: ["{a}"]}', "5:25", "unbound", "nothing captures {a}"),
        ('- {query: size > 5, tags: ["{a}"]}', "5:32", "unbound", "nothing captures {a}"),
        ('- {match: "/{a}", aiTags: {remove: ["{a}*"]}}', "5:41", "wildcard", "write it without *"),
        ('- {match: "/{a}", tags: ["50%-{a}"]}', "5:30", "tag-text", "contains %"),
        ('- {match: "/{a}", tags: ["{a}"], ifInvalid: ignore}', "5:49", "value", "error, warn or skip"),
    ],
)
def test_templates_and_captures_are_checked_offline(
    faults: Faults, entry: str, place: str, code: str, words: str
) -> None:
    ((at, found, message),) = faults(manifest(entry))
    assert (at, found) == (place, code)
    assert words in message


def test_unbound_name_of_defaults_is_reported_once_with_the_first_rule(faults: Faults) -> None:
    entries = '- {match: "/{a}/*", tags: [x]}\n- {path: /x, tags: [b]}\n- {path: /y, tags: [c]}'
    ((at, code, message),) = faults(manifest(entries, spec='defaults: {tags: ["{a}"]}'))
    assert (at, code) == ("4:21", "unbound")
    assert "nothing captures {a} in the rule at tags.yaml:7:7" in message


@pytest.mark.parametrize(
    ("values", "place", "code"),
    [
        ("[a]", "4:11", "type"),
        ("{a: x}", "4:15", "type"),
        ("{a: {x: [y]}}", "4:19", "type"),
        ('{a: {x: ""}}', "4:19", "empty"),
        ("{a: {else: ignore}}", "4:22", "value"),
        ("{a: {1944: x}}", "4:16", "quote"),
        ("{a: {x: 1944}}", "4:19", "quote"),
    ],
)
def test_values_are_checked(faults: Faults, values: str, place: str, code: str) -> None:
    text = manifest('- {match: "/{a}", tags: ["{a}"]}', spec=f"values: {values}")
    assert [found[:2] for found in faults(text)] == [(place, code)]


def test_values_that_no_rule_uses_are_a_warning(declare: Declare) -> None:
    desired = declare('- {match: "/{category}", tags: ["{category}"]}', spec="values: {categry: {x: z}}")
    (warning,) = desired.diagnostics
    assert (warning.level, warning.code, str(warning.origin)) == ("warning", "unused-values", "tags.yaml:4:12")
    assert "did you mean category?" in warning.message


def test_hostile_names_do_not_reach_messages_unescaped(faults: Faults) -> None:
    found = faults(manifest('- {match: "/{\\e[31m}", tags: ["{\\e[31m}", "{a:\\e[31m}"]}'))
    assert found
    assert all(message.isprintable() for _, _, message in found)


def test_deep_or_many_braces_are_refused_quickly(faults: Faults) -> None:
    braces = "{" * 50_000
    found = faults(manifest(f'- {{match: "/{braces}", tags: ["{braces[:400]}", "{"{a}" * 20_000}"]}}'))
    assert [code for _, code, _ in found] == ["glob", "template", "template"]
    assert "shorten it to 500" in found[-1][2]


def test_template_place_is_that_of_its_text(declare: Declare) -> None:
    entry = next(iter(declare('- {match: "/{a}", tags: [x, "{a}"]}').entries))
    assert entry.declaration.templating
    (template,) = entry.declaration.templating.templates
    assert str(entry.origin(template.place)) == "tags.yaml:5:33"
