"""Warnings about protective parts of rules that match nothing although something similar exists."""

from dataclasses import replace

import pytest
from builders import ai, current_file, current_state, plan_for
from conftest import Declare

from tagsync.model import CurrentFile, Diagnostic, Origin, Vocabulary
from tagsync.model.vocabulary import Rename


def warnings(declare: Declare, entries: str, *files: CurrentFile) -> list[Diagnostic]:
    plan = plan_for(declare(entries), current_state(*files))
    return [item for item in plan.diagnostics if item.code == "protects-nothing"]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/shop/archive/**", "/shop/Archive/b.jpg"),
        ("/shop/caf\\u00e9/**", "/shop/cafe\u0301/a.jpg"),
        ("/shop/*/KEEP-?.jpg", "/shop/x/keep-1.jpg"),
        ("/shop/stra\\u00dfe/*", "/shop/STRASSE/a.jpg"),
    ],
)
def test_except_that_matches_nothing_suggests_similar_path(declare: Declare, pattern: str, path: str) -> None:
    entries = f'- match: /shop/**\n  except: ["{pattern}"]\n  absent: [x]'
    [found] = warnings(declare, entries, current_file(path), current_file("/shop/other.jpg"))
    assert (found.level, str(found.origin)) == ("warning", "tags.yaml:5:7")
    assert found.message.startswith("except '/shop/")
    assert repr(path) in found.message


@pytest.mark.parametrize(
    ("excepts", "paths"),
    [
        ("[/shop/archive/**]", ["/shop/Archive/b.jpg", "/shop/archive/a.jpg"]),
        ("[/shop/archive/**, /shop/Archive/**]", ["/shop/Archive/b.jpg"]),
        ("[/shop/**/b.jpg, /shop/archive/**]", ["/shop/archive/b.jpg", "/shop/Archive/c.jpg"]),
        ("[/team/**]", ["/shop/a.jpg", "/team/ada.png"]),
    ],
)
def test_except_is_quiet_if_it_matches_a_file(declare: Declare, excepts: str, paths: list[str]) -> None:
    entries = f"- match: /shop/**\n  except: {excepts}\n  absent: [x]"
    assert warnings(declare, entries, *map(current_file, paths)) == []


@pytest.mark.parametrize(
    ("excepts", "hint"),
    [
        ("/tam/**", "the library has no folder '/tam/'; did you mean '/team/**'?"),
        ("/team", "to select the files of a folder, write '/team/**'"),
        ("/team/", "to select the files of a folder, write '/team/**'"),
        (
            "/team/faecs/*.png",
            "the library has no folder '/team/faecs/'; did you mean '/team/faces/*.png'?",
        ),
    ],
)
def test_except_that_matches_no_file_suggests_similar_folder(declare: Declare, excepts: str, hint: str) -> None:
    files = map(current_file, ("/shop/a.jpg", "/team/ada.png", "/team/faces/ben.png"))
    [found] = warnings(declare, f"- match: /**\n  except: [{excepts}]\n  absent: [x]", *files)
    assert (found.level, str(found.origin)) == ("warning", "tags.yaml:5:7")
    assert found.message == f"except '{excepts}' matches no file: {hint}"


@pytest.mark.parametrize("excepts", ["[/archive/**]", "[/**/*.tif]", "[/team/**, /teams/**]"])
def test_except_without_similar_folder_is_a_notice(declare: Declare, excepts: str) -> None:
    files = map(current_file, ("/shop/a.jpg", "/team/ada.png"))
    [found] = warnings(declare, f"- match: /**\n  except: {excepts}\n  absent: [x]", *files)
    assert found.level == "info"
    assert found.message.endswith("' matches no file: check it, or remove it")


def test_except_of_query_suggests_similar_path(declare: Declare) -> None:
    entries = "- query: size > 1\n  except: [/shop/archive/**]\n  absent: [x]"
    state = current_state(current_file("/shop/Archive/b.jpg"), answers={"size > 1": ["/shop/Archive/b.jpg"]})
    plan = plan_for(declare(entries), state)
    assert [item.code for item in plan.diagnostics] == ["protects-nothing"]


def test_keep_that_matches_nothing_suggests_similar_name(declare: Declare) -> None:
    entries = "- match: /**\n  aiTags: {remove: all, keep: [Shoe]}"
    [found] = warnings(declare, entries, current_file("/a", [], [ai("shoe"), ai("Dog")]))
    assert str(found.origin) == "tags.yaml:6:36"
    assert "keep 'Shoe' matches nothing, but 'shoe' exists" in found.message


@pytest.mark.parametrize(
    "entries",
    [
        "- match: /**\n  aiTags: {remove: all, keep: [Shoe, shoe]}",
        "- match: /**\n  aiTags: {remove: all, keep: [Shoe]}\n- match: /*\n  aiTags: {keep: [shoe]}",
        "- match: /**\n  aiTags: {remove: all, keep: [Boot]}",
    ],
)
def test_keep_is_quiet_if_another_name_keeps_similar_one(declare: Declare, entries: str) -> None:
    assert warnings(declare, entries, current_file("/a", [], [ai("shoe")])) == []


def test_keep_is_quiet_if_it_matches_on_another_file(declare: Declare) -> None:
    entries = "- match: /**\n  aiTags: {remove: all, keep: [Shoe]}"
    files = current_file("/a", [], [ai("shoe")]), current_file("/b", [], [ai("Shoe")])
    assert warnings(declare, entries, *files) == []


def test_exclusive_only_that_matches_nothing_suggests_similar_tag(declare: Declare) -> None:
    entries = "- match: /**\n  tags: [x]\n  exclusive: {only: [Season-*]}"
    [found] = warnings(declare, entries, current_file("/a", ["season-1"]))
    assert str(found.origin) == "tags.yaml:7:26"
    assert "only 'Season-*' matches nothing, but 'season-1' exists" in found.message
    assert warnings(declare, entries, current_file("/a", ["Season-1", "season-1"])) == []


@pytest.mark.parametrize(
    ("rule", "had", "meant"),
    [
        ("{remove: all, keep: [Sneakers]}", "Sneaker", "Sneaker"),
        ("{remove: all, keep: [Hat]}", "Hats", "Hats"),
        ("{minConfidence: 70, keep: [Persn]}", "Person", "Person"),
        ("{remove: all, keep: [acessory]}", "Accessory", "Accessory"),
        ("{remove: all, keep: [Car]}", "Card", None),
        ("{remove: all, keep: [Boot]}", "Book", None),
        ("{remove: all, keep: [Aerson]}", "Person", None),
        ("{remove: [Sneaker], keep: [Sneakers]}", "Sneaker", None),
        ("{remove: all, keep: [Sneakers, Sneaker]}", "Sneaker", None),
    ],
)
def test_keep_that_matches_nothing_suggests_probable_typo(
    declare: Declare, rule: str, had: str, meant: str | None
) -> None:
    found = warnings(declare, f"- match: /**\n  aiTags: {rule}", current_file("/a", [], [ai(had, 60)]))
    assert [item.level for item in found] == ["warning"] * (meant is not None)
    assert all(item.message.endswith(f"' matches no AI tag of these files: did you mean '{meant}'?") for item in found)


@pytest.mark.parametrize(
    ("only", "had", "meant"),
    [
        ("[seasn-*]", "season-1", "season-*"),
        ("[saeson-*]", "season-1", "season-*"),
        ("[seasson-?]", "Season-1", "Season-?"),
        ("[sumer]", "summer", "summer"),
        ("[seasn-*, se*]", "season-1", None),
        ("[winter-*]", "season-1", None),
        ("[season-2*]", "season-1", None),
    ],
)
def test_only_that_matches_nothing_suggests_probable_typo(
    declare: Declare, only: str, had: str, meant: str | None
) -> None:
    entries = f"- match: /**\n  tags: [x]\n  exclusive: {{only: {only}}}"
    found = warnings(declare, entries, current_file("/a", [had]))
    assert [item.level for item in found] == ["warning"] * (meant is not None)
    assert all(item.message.endswith(f"' matches no tag of these files: did you mean '{meant}'?") for item in found)


def test_protection_in_defaults_is_reported_once(declare: Declare) -> None:
    entries = "- {path: /a, tags: [x]}\n- {path: /b, tags: [x]}"
    files = [current_file(path, [], [ai("shoe")]) for path in ("/a", "/b")]
    found = plan_for(declare(entries, spec="defaults: {aiTags: {remove: all, keep: [Shoe]}}"), current_state(*files))
    assert [item.code for item in found.diagnostics] == ["protects-nothing"]


def removals(declare: Declare, entries: str, *files: CurrentFile) -> list[tuple[str, str]]:
    plan = plan_for(declare(entries), current_state(*files))
    return [(str(item.origin), item.message) for item in plan.diagnostics if item.code == "removes-nothing"]


def test_removal_that_matches_nothing_suggests_similar_tag(declare: Declare) -> None:
    entries = "- match: /**\n  absent: [Draft, new]\n  aiTags: {remove: [person]}"
    found = removals(declare, entries, current_file("/a", ["draft", "new"], [ai("Person")]))
    assert found == [
        (
            "tags.yaml:6:16",
            "absent 'Draft' matches no tag of these files: did you mean 'draft'? Tags are case-sensitive",
        ),
        (
            "tags.yaml:7:25",
            "aiTags.remove 'person' matches no tag of these files: did you mean 'Person'? Tags are case-sensitive",
        ),
    ]


@pytest.mark.parametrize(
    ("entries", "tags"),
    [
        ("- {match: /**, absent: [Draft]}", [["draft"], ["Draft"]]),
        ("- {match: /**, absent: [Draft], tags: [draft]}", [["draft"], []]),
        ("- {match: /**, absent: [Draft]}\n- {match: /**, tags: [draft]}", [["draft"], []]),
        ("- {match: /**, absent: [Draft]}", [["drafts"], []]),
        ('- {match: /**, absent: ["caf\\u00e9"]}', [["cafe\u0301"], []]),
    ],
)
def test_removal_is_quiet_if_it_matches_or_the_other_case_is_declared(
    declare: Declare, entries: str, tags: list[list[str]]
) -> None:
    files = [current_file(f"/{number}", found) for number, found in enumerate(tags)]
    assert removals(declare, entries, *files) == []


@pytest.mark.parametrize(
    ("written", "had", "is_typo"),
    [
        ("needs-reveiw", "needs-review", True),
        ("Needs-reveiw", "needs-review", True),
        ("accesories", "accessories", True),
        ("accesssories", "accessories", True),
        ("seperate", "separate", True),
        ("drafts", "draft", False),
        ("draft", "drafts", False),
        ("boots", "books", False),
        ("season-1", "season-2", False),
        ("season-12", "season-21", False),
        ("review", "preview", False),
        ("summer", "winter", False),
    ],
)
@pytest.mark.parametrize("what", ["absent", "aiTags.remove"])
def test_removal_that_matches_nothing_suggests_probable_typo(
    declare: Declare, what: str, written: str, had: str, *, is_typo: bool
) -> None:
    rule = f"absent: [{written}]" if what == "absent" else f"aiTags: {{remove: [{written}]}}"
    file = current_file("/a", [had]) if what == "absent" else current_file("/a", [], [ai(had)])
    found = removals(declare, f"- match: /**\n  {rule}", file)
    message = f"{what} '{written}' matches no tag of these files: did you mean '{had}'?"
    assert [text for _, text in found] == ([message] if is_typo else [])


@pytest.mark.parametrize(
    "entries",
    [
        "- {match: /**, absent: [needs-reveiw], tags: [needs-review]}",
        "- {match: /**, absent: [needs-reveiw, needs-review]}",
        "- {match: /**, absent: [needs-reveiw]}\n- {path: /b, tags: [needs-review]}",
    ],
)
def test_removal_is_quiet_about_a_similar_tag_that_rules_name(declare: Declare, entries: str) -> None:
    assert removals(declare, entries, current_file("/a", ["needs-review"]), current_file("/b")) == []


def test_removal_is_quiet_if_any_managed_file_has_the_tag(declare: Declare) -> None:
    files = current_file("/a", ["needs-review"]), current_file("/b", ["needs-reveiw"])
    assert removals(declare, "- {match: /**, absent: [needs-reveiw]}", *files) == []


def test_absent_that_names_only_an_ai_tag_suggests_ai_tags_remove(declare: Declare) -> None:
    entries = "- {match: /**, absent: [Person, x]}"
    found = removals(declare, entries, current_file("/a", ["x"], [ai("Person")]), current_file("/b", [], [ai("x")]))
    message = "absent 'Person' matches no tag of these files: it is an AI tag here. To remove that, use aiTags.remove"
    assert found == [("tags.yaml:5:29", message)]


def test_ai_removal_that_names_only_an_ordinary_tag_suggests_absent(declare: Declare) -> None:
    plan = plan_for(
        declare("- {match: /**, aiTags: {remove: [Person]}}"), current_state(current_file("/a", ["Person"]))
    )
    [found] = plan.diagnostics
    message = (
        "aiTags.remove 'Person' matches no tag of these files: it is an ordinary tag here. To remove that, use absent"
    )
    assert (found.level, str(found.origin), found.message) == ("info", "tags.yaml:5:38", message)


@pytest.mark.parametrize(
    "entries",
    [
        "- {match: /**, absent: [Person], aiTags: {remove: [Person]}}",
        "- {match: /**, absent: [Person], aiTags: {remove: all}}",
        "- {match: /**, absent: [Person]}\n- {match: /**, aiTags: {keep: [Person]}}",
        "- {match: /**, absent: [Dog]}",
        "- {match: /**, tags: [old], aiTags: {remove: [old]}}",
        "- {match: /**, absent: [old], aiTags: {remove: [old]}}",
        "- {match: /**, aiTags: {remove: [old], promote: {minConfidence: 95}}}",
        "- {match: /**, aiTags: {remove: [older]}}",
    ],
)
def test_removal_is_quiet_if_rules_name_the_tag_of_the_other_kind_too(declare: Declare, entries: str) -> None:
    assert removals(declare, entries, current_file("/a", ["old"], [ai("Person")])) == []


def test_removal_in_defaults_of_a_tag_of_the_other_kind_is_reported_once(declare: Declare) -> None:
    desired = declare("- {path: /a, tags: [x]}\n- {path: /b, tags: [x]}", spec="defaults: {absent: [Person]}")
    files = [current_file(path, ["x"], [ai("Person")]) for path in ("/a", "/b")]
    assert [item.code for item in plan_for(desired, current_state(*files)).diagnostics] == ["removes-nothing"]


@pytest.mark.parametrize(
    ("renames", "warns"), [({"needs-reveiw": "check"}, True), ({"needs-reveiw": "needs-review"}, False)]
)
def test_rename_of_a_tag_that_no_file_has_suggests_probable_typo(
    declare: Declare, renames: dict[str, str], *, warns: bool
) -> None:
    place = Origin("words.yaml", 5, 3)
    vocabulary = Vocabulary(renames={old: Rename(old, new, place) for old, new in renames.items()})
    desired = replace(declare("- {match: /**, tags: [x]}"), vocabulary=vocabulary)
    found = plan_for(desired, current_state(current_file("/a", ["needs-review", "x"]))).diagnostics
    message = "rename of 'needs-reveiw' matches no tag of these files: did you mean 'needs-review'?"
    assert [(str(item.origin), item.message) for item in found] == ([("words.yaml:5:3", message)] if warns else [])
