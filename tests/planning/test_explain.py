from datetime import date
from pathlib import Path

import pytest
from builders import AWS, ai, current_file, current_state, manifest

from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentFile, Explanation
from tagsync.planning.explain import explained
from tagsync.planning.merge import merge

VOCABULARY = "---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {%s}\n"


class Explain:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "tags.yaml"

    def __call__(self, file: CurrentFile, entries: str, vocabulary: str = "", path: str = "/a") -> Explanation:
        text = manifest(entries) + (VOCABULARY % vocabulary if vocabulary else "")
        self._path.write_text(text, encoding="utf-8")
        desired = read_manifests([str(self._path)], as_of=date(2026, 6, 1))
        state = current_state(file, current_file("/b", ["y"]))
        [found] = explained(path, desired, state)
        return found


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    return Explain(tmp_path)


def verdicts(found: Explanation) -> dict[str, tuple[str, list[str], list[str]]]:
    words = {(False, True): "added", (True, False): "removed", (True, True): "stays", (False, False): "absent"}
    return {
        ("AI " if item.kind == "AI tag" else "") + item.tag: (
            words[item.now, item.then],
            [reason.rule for reason in item.won],
            [reason.rule for reason in item.lost],
        )
        for item in found.verdicts
    }


def test_explain_lists_selector_and_votes_of_each_entry(explain: Explain) -> None:
    entries = "- {path: /a, tags: [new]}\n- {match: /*, absent: [old]}\n- {match: /b, tags: [z]}"
    found = explain(current_file("/a", ["old"]), entries)
    assert [(str(item.origin), item.selector) for item in found.contributions] == [
        ("tags.yaml:5:7", "path: /a"),
        ("tags.yaml:6:7", "match: /*"),
    ]
    assert [
        (vote.tag, vote.present, str(vote.reason.origin)) for item in found.contributions for vote in item.votes
    ] == [("new", True, "tags.yaml:5:25"), ("old", False, "tags.yaml:6:28")]


def test_explain_shows_id_selector_and_source(explain: Explain) -> None:
    file = current_file("/a", [], [ai("Dog", 90, AWS)])
    found = explain(file, f"- {{fileId: {file.file_id}, aiTags: {{remove: all, source: {AWS}}}}}")
    assert [item.selector for item in found.contributions] == [f"fileId: {file.file_id}"]
    assert [item.rules for item in found.contributions] == [("aiTags.remove: all", f"aiTags.source: {AWS}")]


def test_explain_includes_present_and_unmentioned_tags(explain: Explain) -> None:
    found = explain(current_file("/a", ["new", "other"]), "- {path: /a, tags: [new], absent: [old]}")
    assert verdicts(found) == {
        "new": ("stays", ["tags"], []),
        "old": ("absent", ["absent"], []),
        "other": ("stays", [], []),
    }


def test_explain_shows_declared_tag_winning_over_exclusive(explain: Explain) -> None:
    found = explain(current_file("/a", ["x", "z"]), "- {path: /a, exclusive: true}\n- {match: /*, tags: [x]}")
    assert verdicts(found) == {"x": ("stays", ["tags"], ["exclusive"]), "z": ("removed", ["exclusive"], [])}


def test_explain_shows_keep_winning_over_ai_rules(explain: Explain) -> None:
    entries = "- {path: /a, aiTags: {remove: all}}\n- {match: /*, aiTags: {keep: [Dog]}}"
    found = explain(current_file("/a", [], [ai("Dog"), ai("Cat")]), entries)
    assert verdicts(found) == {
        "AI Cat": ("removed", ["aiTags.remove"], []),
        "AI Dog": ("stays", ["aiTags.keep"], ["aiTags.remove"]),
    }


def test_explain_says_why_ai_tag_of_two_sources_stays(explain: Explain) -> None:
    entries = "- {path: /a, aiTags: {minConfidence: 50}}"
    found = explain(current_file("/a", [], [ai("Dog", 10), ai("Dog", 90, AWS)]), entries)
    assert verdicts(found) == {"AI Dog": ("stays", [], ["aiTags.minConfidence"])}
    assert [item.code for item in found.diagnostics] == ["ai-tag-stays"]


def test_explain_includes_until_promotions_and_vocabulary(explain: Explain) -> None:
    entries = "- {path: /a, tags: [sale], until: 2026-06-01, aiTags: {promote: {minConfidence: 90}}}"
    file = current_file("/a", ["sale", "rot", "tmp"], [ai("Dog", 95)])
    found = explain(file, entries, "renames: {rot: red}, forbidden: [tmp], removeForbidden: true")
    assert verdicts(found) == {
        "sale": ("removed", ["until"], []),
        "rot": ("removed", ["renames"], []),
        "red": ("added", ["renames"], []),
        "tmp": ("removed", ["removeForbidden"], []),
        "Dog": ("added", ["aiTags.promote"], []),
        "AI Dog": ("removed", ["aiTags.promote"], []),
    }


def test_explain_shows_contradiction_without_change(explain: Explain) -> None:
    found = explain(current_file("/a"), "- {path: /a, tags: [x]}\n- {match: /*, absent: [x]}")
    assert verdicts(found) == {"x": ("absent", ["absent"], ["tags"])}
    assert [item.level for item in found.diagnostics] == ["error"]


def test_explain_leaves_file_over_limit_unchanged(explain: Explain) -> None:
    found = explain(current_file("/a", ["o" * 300]), f"- {{path: /a, tags: [{'n' * 300}]}}")
    assert [(item.now, item.then) for item in found.verdicts] == [(False, False), (True, True)]
    assert [item.code for item in found.diagnostics] == ["over-limit"]


def test_explain_hints_at_unknown_path_and_unselected_file(explain: Explain) -> None:
    assert explain(current_file("/a"), "- {path: /a, tags: [x]}", path="/A").hint == "did you mean '/a'?"
    found = explain(current_file("/a"), "- {path: /a, tags: [x]}", path="/b")
    assert (found.file is not None, found.contributions, found.verdicts) == (True, (), ())


@pytest.mark.parametrize(("path", "hint"), [("a", "a path starts with /"), ("/else", "check the path")])
def test_explain_hints_at_path_without_similar_one(explain: Explain, path: str, hint: str) -> None:
    assert explain(current_file("/a"), "- {match: /*, tags: [x]}", path=path).hint == hint


def test_explain_verdicts_agree_with_plan(explain: Explain, tmp_path: Path) -> None:
    entries = "- {match: /*, tags: [a, b], exclusive: {only: [o*]}}\n- {path: /a, absent: [x], aiTags: {remove: all}}"
    file = current_file("/a", ["a", "old", "x"], [ai("Dog")])
    found = explain(file, entries)
    changed = {(item.tag, item.then) for item in found.verdicts if item.now != item.then}
    merged = merge(file, tuple(read_manifests([str(tmp_path / "tags.yaml")]).entries))
    assert changed == {(change.tag, change.op == "addTags") for change in merged.changes}


@pytest.mark.parametrize("other", ["", "- {path: /a, tags: [x]}\n"])
def test_explain_names_exception_that_leaves_the_file_out(explain: Explain, other: str) -> None:
    rule = '- {match: /*, except: [/z, "/a*"], tags: [new]}\n- {match: /c*, except: ["/a*"], tags: [new]}'
    found = explain(current_file("/a"), other + rule)
    line = 6 if other else 5
    assert [(str(item.origin), item.level, item.message) for item in found.diagnostics] == [
        (f"tags.yaml:{line}:7", "info", "except '/a*' of this rule leaves the file out")
    ]
