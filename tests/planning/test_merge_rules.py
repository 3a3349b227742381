"""How vocabularies, `until` and promotions change a file; test_merge has the other rules."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from builders import AWS, GOOGLE, ai, current_file, examples, manifest, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.read import read_manifests
from tagsync.model import (
    AIRule,
    ByPath,
    CurrentFile,
    Declaration,
    Entry,
    Exclusive,
    Origin,
    Rename,
    Texts,
    Vocabulary,
)
from tagsync.planning import merge as merging
from tagsync.planning.merge import merge


@pytest.fixture
def merged(tmp_path: Path) -> "type[Merge]":
    Merge.folder = tmp_path
    return Merge


class Merge:
    folder: Path

    @classmethod
    def of(cls, file: CurrentFile, entries: str, vocabulary: str = "") -> Any:
        text = manifest(entries)
        if vocabulary:
            text += f"---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {{{vocabulary}}}\n"
        (cls.folder / "tags.yaml").write_text(text, encoding="utf-8")
        desired = read_manifests([str(cls.folder / "tags.yaml")], as_of=date(2026, 6, 1))
        return merge(file, tuple(desired.entries), desired.vocabulary)

    @classmethod
    def changes(cls, file: CurrentFile, entries: str, vocabulary: str = "") -> list[str]:
        found = cls.of(file, entries, vocabulary)
        assert not [item for item in found.diagnostics if item.level == "error"], found.diagnostics
        return unpack(found.changes)


def reasons(found: Any) -> set[tuple[str, str, str]]:
    return {(change.op, change.tag, reason.rule) for change in found.changes for reason in change.because}


def test_rename_applies_to_every_managed_file(merged: type[Merge]) -> None:
    file = current_file("/a", ["rot", "x"])
    found = merged.of(file, "- {path: /a, tags: [x]}", "renames: {rot: red}")
    assert unpack(found.changes) == ["+red", "-rot"]
    assert reasons(found) == {("addTags", "red", "renames"), ("removeTags", "rot", "renames")}
    assert merged.changes(
        current_file("/a", ["red", "rot", "x"]), "- {path: /a, tags: [x]}", "renames: {rot: red}"
    ) == ["-rot"]
    assert merged.changes(current_file("/a", ["x"]), "- {path: /a, tags: [x]}", "renames: {rot: red}") == []


def test_rename_adds_nothing_that_exclusive_would_remove(merged: type[Merge]) -> None:
    file = current_file("/a", ["rot", "x"])
    entries = "- {path: /a, tags: [x], exclusive: true}"
    found = merged.of(file, entries, "renames: {rot: red}")
    assert unpack(found.changes) == ["-rot"]
    [told] = found.diagnostics
    assert (told.level, told.code) == ("warning", "rename")
    assert "'red' is not added to files where exclusive (at tags.yaml:5:40) would remove it again" in told.message
    assert merged.changes(file, entries.replace("[x]", "[x, red]"), "renames: {rot: red}") == ["+red", "-rot"]


def test_rename_to_absent_tag_is_a_conflict(merged: type[Merge]) -> None:
    found = merged.of(current_file("/a", ["rot"]), "- {path: /a, absent: [red]}", "renames: {rot: red}")
    assert found.changes == ()
    assert [clash.code for clash in found.clashes] == ["conflict"]


def test_forbidden_tags_are_removed_only_on_request(merged: type[Merge]) -> None:
    file = current_file("/a", ["draft", "x"])
    assert merged.changes(file, "- {path: /a, tags: [x]}", "forbidden: [draft]") == []
    found = merged.of(file, "- {path: /a, tags: [x]}", "forbidden: [draft], removeForbidden: true")
    assert reasons(found) == {("removeTags", "draft", "removeForbidden")}


def test_expired_until_removes_tags(merged: type[Merge]) -> None:
    found = merged.of(current_file("/a", ["sale", "x"]), "- {path: /a, tags: [sale], until: 2026-06-01}")
    assert reasons(found) == {("removeTags", "sale", "until")}
    assert merged.changes(current_file("/a"), "- {path: /a, tags: [sale], until: 2026-06-02}") == ["+sale"]


def test_expired_until_leaves_a_tag_that_another_entry_still_declares(merged: type[Merge]) -> None:
    entries = "- {path: /a, tags: [sale], until: 2026-06-01}\n- {match: /*, tags: [sale]%s}"
    file = current_file("/a", ["sale"])
    for other in ("", ", until: 2026-06-02"):
        found = merged.of(file, entries % other)
        assert (found.changes, found.diagnostics) == ((), ())
    assert merged.changes(current_file("/a"), entries % "") == ["+sale"]
    assert merged.changes(file, entries % ", until: 2026-05-01") == ["-sale"]


def test_expired_until_compares_spellings_under_nfc(merged: type[Merge]) -> None:
    entries = '- {path: /a, tags: ["caf\\u00e9"], until: 2026-06-01}\n- {match: /*, tags: ["cafe\\u0301"]}'
    assert merged.changes(current_file("/a", ["caf\u00e9"]), entries) == []


def test_expired_until_keeps_defaults_that_declare_the_same_tag(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {path: /a, tags: [sale], until: 2026-06-01}", spec="defaults: {tags: [sale]}"))
    entries = tuple(read_manifests([str(path)], as_of=date(2026, 6, 1)).entries)
    assert merge(current_file("/a", ["sale"]), entries).changes == ()


def test_expired_until_keeps_a_rename_from_bringing_its_tag_back(merged: type[Merge]) -> None:
    entries = "- {path: /a, tags: [sale], until: 2026-06-01}"
    found = merged.of(current_file("/a", ["offer", "x"]), entries, "renames: {offer: sale}")
    assert unpack(found.changes) == ["-offer"]
    assert found.diagnostics == ()


# Promotion

PROMOTE = "- {path: /a, aiTags: {promote: {minConfidence: 95}}}"


def test_promotion_makes_ai_tag_ordinary(merged: type[Merge]) -> None:
    file = current_file("/a", [], [ai("Dog", 95), ai("Cat", 94.9), ai("Sky", None)])
    found = merged.of(file, PROMOTE)
    assert unpack(found.changes) == ["+Dog", "~Dog"]
    assert reasons(found) == {("addTags", "Dog", "aiTags.promote"), ("removeAITags", "Dog", "aiTags.promote")}


def test_promotion_only_removes_ai_tag_that_is_ordinary_already(merged: type[Merge]) -> None:
    assert merged.changes(current_file("/a", ["Dog"], [ai("Dog", 99)]), PROMOTE) == ["~Dog"]
    entries = "- {path: /a, tags: [Dog], aiTags: {promote: {minConfidence: 95}}}"
    assert merged.changes(current_file("/a", [], [ai("Dog", 99)]), entries) == ["+Dog", "~Dog"]


def test_promotion_makes_two_spellings_one_tag(merged: type[Merge]) -> None:
    file = current_file("/a", [], [ai("Caf\u00e9", 99), ai("Cafe\u0301", 99)])
    found = merged.of(file, PROMOTE)
    assert [change.tag for change in found.changes if change.op == "addTags"] == ["Caf\u00e9"]
    assert len([change for change in found.changes if change.op == "removeAITags"]) == 2


def test_promotion_combines_with_other_rules_and_keep_wins(merged: type[Merge]) -> None:
    file = current_file("/a", [], [ai("Dog", 99), ai("Cat", 40), ai("Sky", 80)])
    rule = "- {path: /a, aiTags: {promote: {minConfidence: 95}, %s}}"
    assert merged.changes(file, rule % "minConfidence: 50") == ["+Dog", "~Cat", "~Dog"]
    assert merged.changes(file, rule % "remove: all") == ["+Dog", "~Cat", "~Dog", "~Sky"]
    assert merged.changes(file, rule % "remove: all, keep: [Dog]") == ["~Cat", "~Sky"]
    assert merged.changes(file, rule % f"source: {AWS}") == []
    assert merged.changes(file, rule % f"source: {GOOGLE}") == ["+Dog", "~Dog"]


def test_promotion_with_one_unsure_source_keeps_ai_tag(merged: type[Merge]) -> None:
    found = merged.of(current_file("/a", [], [ai("Dog", 99), ai("Dog", 50, AWS)]), PROMOTE)
    assert unpack(found.changes) == ["+Dog"]
    assert [item.code for item in found.diagnostics] == ["ai-tag-stays"]


@pytest.mark.parametrize(
    ("entries", "vocabulary", "words"),
    [
        (PROMOTE.replace("aiTags", "absent: [Dog], aiTags"), "", "tags.yaml:5:27 declares the tag absent"),
        (PROMOTE.replace("aiTags", "exclusive: true, aiTags"), "", "exclusive would remove the tag again"),
        (PROMOTE.replace("aiTags", "exclusive: {only: [D*]}, aiTags"), "", "exclusive would remove the tag again"),
        (PROMOTE, "allowed: [dog]", "the vocabulary does not allow the tag"),
        (PROMOTE, "forbidden: [Dog]", "the vocabulary forbids or renames the tag"),
        (PROMOTE, "renames: {Dog: dog}", "the vocabulary forbids or renames the tag"),
    ],
)
def test_promotion_skips_tag_that_could_not_last(
    merged: type[Merge], entries: str, vocabulary: str, words: str
) -> None:
    found = merged.of(current_file("/a", [], [ai("Dog", 99)]), entries, vocabulary)
    assert found.changes == ()
    [item] = found.diagnostics
    assert (item.level, item.code) == ("info", "not-promoted")
    assert item.message == f"AI tag 'Dog' of '/a' is not promoted: {words}"


@pytest.mark.parametrize("name", ["50%", " Dog", "a\u202eb", "a\tb", "Dog\u200b", "\u3164"])
def test_promotion_skips_name_that_cannot_be_a_tag(merged: type[Merge], name: str) -> None:
    found = merged.of(current_file("/a", [], [ai(name, 99)]), PROMOTE)
    assert found.changes == ()
    assert "its name cannot be a tag" in found.diagnostics[0].message


TAGS = st.lists(st.sampled_from(["a", "b", "\u00e9", "e\u0301"]), max_size=4).map(tuple)


def texts(tags: tuple[str, ...]) -> Texts:
    return Texts(tags, tuple(range(len(tags))))


RULES = st.builds(
    AIRule,
    place=st.just(0),
    remove=TAGS.map(texts),
    remove_all=st.booleans(),
    min_confidence=st.sampled_from([None, 70]),
    keep=TAGS.map(texts),
    source=st.just(None),
    promote=st.sampled_from([None, 80]),
)
DECLARATIONS = st.builds(
    lambda tags, absent, rule, more: Declaration(
        0,
        texts(tags),
        texts(absent if more == 1 else ()),
        Exclusive(0) if more == 2 else None,
        rule if more == 3 else None,
        expired=texts(absent if more == 4 else ()),
    ),
    TAGS,
    TAGS,
    RULES,
    st.integers(0, 9),
)
VOCABULARIES = st.sampled_from(
    [
        Vocabulary(),
        Vocabulary(renames={"a": Rename("a", "b", Origin("v", 1, 1))}),
        Vocabulary(forbidden={"b": Origin("v", 1, 1)}, removed={"b": Origin("v", 1, 1)}),
        Vocabulary(allowed={"a": "a"}, forbidden={"b": Origin("v", 1, 1)}),
    ]
)


@settings(max_examples=examples(200), deadline=None)
@given(
    tags=st.lists(st.sampled_from(["a", "b", "c", "\u00e9", "e\u0301"]), unique=True),
    ai_names=st.lists(st.sampled_from(["a", "b"]), max_size=2),
    declarations=st.lists(DECLARATIONS, min_size=1, max_size=3),
    vocabulary=VOCABULARIES,
)
def test_merge_shortcut_agrees_with_full_merge(
    tags: list[str], ai_names: list[str], declarations: list[Declaration], vocabulary: Vocabulary
) -> None:
    file = current_file("/a", tags, [ai(name) for name in ai_names])
    entries = [Entry("m.yaml", line, ByPath("/a"), each) for line, each in enumerate(declarations)]
    found = merge(file, entries, vocabulary)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(merging, "_is_settled", lambda *_: False)
        assert merge(file, entries, vocabulary) == found
