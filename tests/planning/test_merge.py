from typing import Any

import pytest
from builders import AWS, GOOGLE, ai, current_file, manifest, unpack
from conftest import Declare
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentFile, DesiredState
from tagsync.planning.merge import merge

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def merged(declare: Declare, file: CurrentFile, entries: str) -> Any:
    return merge(file, tuple(declare(entries).entries))


def changes(declare: Declare, file: CurrentFile, entries: str) -> list[str]:
    return unpack(merged(declare, file, entries).changes)


def test_merge_adds_only_missing_tags(declare: Declare) -> None:
    assert changes(declare, current_file("/a", ["x"]), "- {path: /a, tags: [w, x, z]}") == ["+w", "+z"]


def test_merge_removes_only_present_tags(declare: Declare) -> None:
    assert changes(declare, current_file("/a", ["x"]), "- {path: /a, absent: [x, w]}") == ["-x"]


def test_merge_removes_nothing_without_a_rule(declare: Declare) -> None:
    file = current_file("/a", ["other"], [ai("Dog", 1)])
    assert changes(declare, file, "- {path: /a, tags: [x]}") == ["+x"]


def test_exclusive_removes_undeclared_tags(declare: Declare) -> None:
    file = current_file("/a", ["x", "old", "shoe-red"])
    assert changes(declare, file, "- {path: /a, tags: [x], exclusive: true}") == ["-old", "-shoe-red"]
    assert changes(declare, file, "- {path: /a, tags: [x], exclusive: {only: [shoe*]}}") == ["-shoe-red"]


def test_exclusive_keeps_tags_of_other_entries(declare: Declare) -> None:
    entries = "- {path: /a, exclusive: true}\n- {match: /**, tags: [x]}"
    assert changes(declare, current_file("/a", ["x", "old"]), entries) == ["-old"]


def test_exclusive_rules_add_up(declare: Declare) -> None:
    entries = "- {path: /a, exclusive: {only: [a*]}}\n- {path: /a, exclusive: {only: [b*]}}"
    assert changes(declare, current_file("/a", ["a1", "b1", "c1"]), entries) == ["-a1", "-b1"]


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ("{remove: [Dog]}", ["Dog"]),
        ("{remove: all}", ["Cat", "Dog", "Sky"]),
        ("{minConfidence: 70}", ["Cat"]),
        ("{minConfidence: 90}", ["Cat", "Dog"]),
        ("{minConfidence: 70, remove: [Sky]}", ["Cat", "Sky"]),
        ("{remove: all, keep: [Cat]}", ["Dog", "Sky"]),
        ("{remove: [Dog, Cat], keep: [Cat]}", ["Dog"]),
        (f"{{remove: all, source: {AWS}}}", ["Sky"]),
        (f"{{minConfidence: 90, source: {GOOGLE}}}", ["Cat", "Dog"]),
        ("{keep: [Dog]}", []),
    ],
)
def test_ai_rule_removes(declare: Declare, rule: str, gone: list[str]) -> None:
    file = current_file("/a", [], [ai("Dog", 80), ai("Cat", 69.99), ai("Sky", 95, AWS)])
    assert changes(declare, file, f"- {{path: /a, aiTags: {rule}}}") == [f"~{name}" for name in gone]


def test_min_confidence_keeps_equal_and_unknown_confidence(declare: Declare) -> None:
    file = current_file("/a", [], [ai("Dog", 70), ai("Cat", None)])
    assert changes(declare, file, "- {path: /a, aiTags: {minConfidence: 70}}") == []


def test_ai_rules_add_up_and_keep_wins(declare: Declare) -> None:
    file = current_file("/a", [], [ai("Dog", 80), ai("Cat", 60), ai("Sky", 50), ai("Tree", 99)])
    entries = """
- {path: /a, aiTags: {minConfidence: 70}}
- {match: /**, aiTags: {minConfidence: 90}}
- {match: /*, aiTags: {remove: [Tree], keep: [Sky]}}
"""
    assert changes(declare, file, entries) == ["~Cat", "~Dog", "~Tree"]


def test_ai_tag_stays_unless_every_source_is_removed(declare: Declare) -> None:
    file = current_file("/a", [], [ai("Tire", 60, GOOGLE), ai("Tire", 80, AWS), ai("Car", 60), ai("Car", 61, AWS)])
    result = merged(declare, file, "- {path: /a, aiTags: {minConfidence: 70}}")
    assert unpack(result.changes) == ["~Car"]
    assert [(item.level, item.code) for item in result.diagnostics] == [("info", "ai-tag-stays")]
    assert "'Tire' stays" in result.diagnostics[0].message
    assert AWS in result.diagnostics[0].message


def test_ai_rules_for_both_sources_remove_name_together(declare: Declare) -> None:
    file = current_file("/a", [], [ai("Tire", 60, GOOGLE), ai("Tire", 80, AWS)])
    entries = "\n".join(f"- {{path: /a, aiTags: {{remove: [Tire], source: {source}}}}}" for source in (GOOGLE, AWS))
    assert changes(declare, file, entries) == ["~Tire"]


def test_merge_compares_under_nfc_and_adds_as_written(declare: Declare) -> None:
    assert changes(declare, current_file("/a", [DECOMPOSED]), f"- {{path: /a, tags: [{COMPOSED}]}}") == []
    assert changes(declare, current_file("/a"), f"- {{path: /a, tags: [{DECOMPOSED}]}}") == [f"+{DECOMPOSED}"]


def test_merge_removes_each_spelling_in_library(declare: Declare) -> None:
    file = current_file("/a", [COMPOSED, DECOMPOSED])
    assert changes(declare, file, f"- {{path: /a, absent: [{COMPOSED}]}}") == [f"-{DECOMPOSED}", f"-{COMPOSED}"]


def test_ai_keep_and_remove_compare_under_nfc(declare: Declare) -> None:
    file = current_file("/a", [], [ai(DECOMPOSED), ai("x")])
    assert changes(declare, file, f"- {{path: /a, aiTags: {{remove: all, keep: [{COMPOSED}]}}}}") == ["~x"]
    assert changes(declare, file, f"- {{path: /a, aiTags: {{remove: [{COMPOSED}]}}}}") == [f"~{DECOMPOSED}"]


def test_merge_is_case_sensitive(declare: Declare) -> None:
    assert changes(declare, current_file("/a", ["Red"]), "- {path: /a, tags: [red], absent: [RED]}") == ["+red"]


def test_conflict_present_and_absent_names_both_places(declare: Declare) -> None:
    result = merged(declare, current_file("/a"), "- {path: /a, tags: [x]}\n- {match: /**, absent: [x]}")
    assert result.changes == ()
    (conflict,) = [clash.finding("/a") for clash in result.clashes]
    assert (conflict.level, conflict.code, str(conflict.origin)) == ("error", "conflict", "tags.yaml:6:29")
    assert "tags.yaml:5:25" in conflict.message


def test_conflict_of_two_spellings_names_both_places(declare: Declare) -> None:
    entries = f"- {{path: /a, tags: [{COMPOSED}]}}\n- {{match: /**, tags: [{DECOMPOSED}]}}"
    result = merged(declare, current_file("/a"), entries)
    (conflict,) = [clash.finding("/a") for clash in result.clashes]
    assert (conflict.level, conflict.code, str(conflict.origin)) == ("error", "two-spellings", "tags.yaml:6:27")
    assert "tags.yaml:5:25" in conflict.message


def test_merge_gives_every_reason_with_its_rule(declare: Declare) -> None:
    file = current_file("/a", ["old"], [ai("Dog", 10)])
    entries = """
- {path: /a, tags: [x], aiTags: {remove: [Dog]}}
- match: /**
  tags: [x]
  exclusive: true
  absent: [old]
  aiTags: {minConfidence: 50}
"""
    result = merged(declare, file, entries)
    told = [(c.tag, [f"{reason.origin} {reason.rule}" for reason in c.because]) for c in result.changes]
    assert told == [
        ("x", ["tags.yaml:5:25 tags", "tags.yaml:7:14 tags"]),
        ("old", ["tags.yaml:8:18 exclusive", "tags.yaml:9:16 absent"]),
        ("Dog", ["tags.yaml:5:47 aiTags.remove", "tags.yaml:10:15 aiTags.minConfidence"]),
    ]


FILES = st.builds(
    current_file,
    st.just("/a"),
    st.lists(st.sampled_from("abcd"), unique=True),
    st.lists(
        st.builds(ai, st.sampled_from("PQR"), st.floats(0, 100), st.sampled_from([GOOGLE, AWS])),
        unique_by=lambda tag: (tag.name, tag.source),
    ),
)


@settings(max_examples=200, deadline=None)
@given(file=FILES, order=st.permutations(range(4)))
def test_merge_ignores_order_of_entries(desired_four: DesiredState, file: CurrentFile, order: list[int]) -> None:
    entries = tuple(desired_four.entries)
    assert merge(file, [entries[number] for number in order]) == merge(file, entries)


@pytest.fixture(scope="module")
def desired_four(tmp_path_factory: pytest.TempPathFactory) -> DesiredState:
    path = tmp_path_factory.mktemp("manifests") / "tags.yaml"
    entries = """
- {path: /a, tags: [a, b], aiTags: {minConfidence: 60}}
- {match: /**, exclusive: {only: [c, d]}}
- {match: /*, aiTags: {remove: [P], keep: [R]}}
- {match: /?, tags: [b], aiTags: {remove: all, source: aws-auto-tagging}}
"""
    path.write_text(manifest(entries), encoding="utf-8")
    return read_manifests([str(path)])


def test_merge_lists_present_declared_tags_with_additions(declare: Declare) -> None:
    file = current_file("/a", ["here", "other", DECOMPOSED])
    result = merged(declare, file, f"- {{path: /a, tags: [here, new]}}\n- {{match: /**, tags: [{COMPOSED}]}}")
    assert unpack(result.changes) == ["+new"]
    assert result.desired == ("here",)


def test_merge_lists_kept_names_with_ai_removals(declare: Declare) -> None:
    entries = "- {path: /a, aiTags: {remove: [Dog], keep: [Sky, Cat]}}\n- {match: /**, aiTags: {keep: [Cat, Elk]}}"
    assert merged(declare, current_file("/a", [], [ai("Dog")]), entries).spared == ("Cat", "Elk", "Sky")
    assert merged(declare, current_file("/a", [], [ai("Cat")]), entries).spared == ()
