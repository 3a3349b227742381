from collections.abc import Callable

import pytest
from builders import manifest

from tagsync.manifest import vocabularies
from tagsync.model import DesiredState

Faults = Callable[..., list[tuple[str, str, str]]]
ReadText = Callable[..., DesiredState]

ENTRY = manifest("- path: /a\n  tags: [red]")


def vocabulary(spec: str) -> str:
    return f"---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {{{spec}}}\n"


def test_vocabularies_add_up(read_text: ReadText) -> None:
    text = "".join(
        [
            ENTRY,
            vocabulary("allowed: [red], forbidden: [draft], removeForbidden: true"),
            vocabulary("allowed: [blue], forbidden: [tmp], renames: {rot: red}"),
        ]
    )
    found = read_text(text).vocabulary
    assert found.allowed == {"red": "red", "blue": "blue"}
    assert set(found.forbidden) == {"draft", "tmp"}
    assert {key: str(origin) for key, origin in found.removed.items()} == {"draft": "tags.yaml:10:36"}
    assert [(rename.new, str(rename.origin)) for rename in found.renames.values()] == [("red", "tags.yaml:14:53")]


def test_vocabulary_is_optional(read_text: ReadText) -> None:
    assert read_text(ENTRY).vocabulary.allowed is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            "allowed: [rod, bread, blue]",
            "the tag 'red' is not in the vocabulary: the nearest allowed tag is 'bread'",
        ),
        ("allowed: [RED]", "the tag 'red' is not in the vocabulary: the nearest allowed tag is 'RED'"),
        ("allowed: [zz]", "the tag 'red' is not in the vocabulary: the nearest allowed tag is 'zz'"),
        ("allowed: []", "the tag 'red' is not in the vocabulary: no tag is allowed, so add it to the allowed tags"),
        ("forbidden: [red]", "the tag 'red' is forbidden at tags.yaml:10:20: remove it"),
        ("renames: {red: rot}", "the tag 'red' is renamed at tags.yaml:10:18: write 'rot'"),
    ],
)
def test_vocabulary_checks_declared_tags(faults: Faults, spec: str, words: str) -> None:
    assert faults(ENTRY + vocabulary(spec)) == [("6:14", "vocabulary", words)]


def test_vocabulary_reports_tag_of_defaults_once(faults: Faults) -> None:
    text = manifest("- path: /a\n- path: /b", spec="defaults: {tags: [red]}") + vocabulary("allowed: [blue]")
    assert [found[:2] for found in faults(text)] == [("4:21", "vocabulary")]


def test_vocabulary_compares_under_nfc_and_ignores_absent_tags(faults: Faults) -> None:
    text = manifest("- path: /a\n  tags: [cafe\u0301]\n  absent: [anything]")
    assert faults(text + vocabulary("allowed: [caf\u00e9]")) == []


@pytest.mark.parametrize(
    ("spec", "place", "words"),
    [
        ("renames: {a: a}", "10:18", "'a' is renamed to itself: remove this line"),
        ("renames: {a: b, b: c}", "10:18", "to 'b', which is itself renamed at tags.yaml:10:24: write 'c' here"),
        ("allowed: [red, a], renames: {a: red}", "10:37", "'a' is renamed here but allowed at tags.yaml:10:23"),
        ("allowed: [red], renames: {a: b}", "10:34", "'a' is renamed to 'b', which is not allowed: add 'b' to allowed"),
        ("forbidden: [b], renames: {a: b}", "10:34", "to 'b', which is forbidden at tags.yaml:10:20: use"),
        ("allowed: [red, b], forbidden: [b]", "10:39", "'b' is forbidden here but allowed at tags.yaml:10:23"),
        ("allowed: [red, caf\u00e9, cafe\u0301]", "10:29", "is also allowed at tags.yaml:10:23, in another spelling"),
    ],
)  # fmt: skip
def test_vocabulary_contradiction_names_places(faults: Faults, spec: str, place: str, words: str) -> None:
    [(at, _, message)] = faults(ENTRY + vocabulary(spec))
    assert at == place
    assert words in message


def test_vocabulary_reports_rename_cycle_at_each_end(faults: Faults) -> None:
    found = faults(ENTRY + vocabulary("renames: {a: b, b: a}"))
    assert [(at, "remove one of the two" in message) for at, _, message in found] == [
        ("10:18", True),
        ("10:24", True),
    ]


def test_vocabulary_refuses_two_new_names(faults: Faults) -> None:
    [(at, code, message)] = faults(ENTRY + vocabulary("renames: {a: b}") + vocabulary("renames: {a: c}"))
    assert (at, code) == ("14:18", "rename")
    assert message == "'a' is renamed to 'b' at tags.yaml:10:18: keep one of the two"


def test_vocabulary_limits_search_for_nearest_tag(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabularies, "_COMPARISONS", 3)
    text = manifest("- path: /a\n  tags: [x1, x2]") + vocabulary("allowed: [y1, y2]")
    assert [message.partition(": ")[2] for _, _, message in faults(text)] == [
        "the nearest allowed tag is 'y1'",
        "add it to the allowed tags, or use another",
    ]


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("no", "false"),
        ("On", "true"),
        ("1944", "a number"),
        ("1.10", "a number"),
        ("2024-01-01", "a date"),
        ("~", "an empty value"),
        ("=", "a special key"),
    ],
)
def test_vocabulary_ambiguous_old_name_must_be_quoted(faults: Faults, name: str, reading: str) -> None:
    [(place, code, words)] = faults(ENTRY + vocabulary(f"renames: {{{name}: b}}"))
    assert (place, code) == ("10:18", "quote")
    assert words == f'YAML reads {name} as {reading}, not as text: quote it, "{name}"'
    assert faults(ENTRY + vocabulary(f"renames: {{'{name}': b}}")) == []


def test_vocabulary_old_name_must_not_be_empty(faults: Faults) -> None:
    assert [found[:2] for found in faults(ENTRY + vocabulary("renames: {'': b}"))] == [("10:18", "empty")]


@pytest.mark.parametrize("spec", ['allowed: [red, "hats\\u200b"]', 'renames: {hat: "\\u3164"}'])
def test_vocabulary_refuses_invisible_characters_in_tags_to_add(faults: Faults, spec: str) -> None:
    [found] = faults(ENTRY + vocabulary(spec))
    assert found[1] == "tag-text"
    assert "visible" in found[2]


def test_vocabulary_accepts_invisible_tags_to_remove(read_text: ReadText) -> None:
    spec = 'forbidden: ["hats\\u200b"], removeForbidden: true, renames: {"\\u3164": red}'
    found = read_text(ENTRY + vocabulary(spec)).vocabulary
    assert set(found.removed) == {"hats\u200b"}
    assert set(found.renames) == {"\u3164"}
