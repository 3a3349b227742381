import hashlib
import io
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import manifest, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.errors import ManifestError, UsageError
from tagsync.escape import shown
from tagsync.manifest.read import read_manifests
from tagsync.manifest.yaml import PureParser
from tagsync.model import ByPath, Declaration, DesiredState, Entry, Exclusive, ManifestRef, Origin, Texts

Faults = Callable[..., list[tuple[str, str, str]]]
ReadText = Callable[..., DesiredState]
Parser = Callable[[bytes], Any]

MIB = 1 << 20
GOOD = manifest("- path: /a.jpg\n  tags: [red]")
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "manifests").iterdir())

BOTH = pytest.mark.parametrize("parser", [yaml.CSafeLoader, PureParser])


def paths_of(state: DesiredState) -> list[str]:
    return [entry.selector.path for entry in state.entries if isinstance(entry.selector, ByPath)]


def tags_of(state: DesiredState) -> list[tuple[str, ...]]:
    return [entry.declaration.tags.values for entry in state.entries]


def codes(found: list[tuple[str, str, str]]) -> list[str]:
    return [f"{place} {code}" for place, code, _ in found]


def error_of(*paths: str | Path) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        read_manifests([str(path) for path in paths])
    return caught.value


# Results


def test_manifests_are_read_in_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "c/d.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest(f"- path: /{name}\n  tags: [red]\n- path: /{name}/2\n  tags: [red]"))

    state = read_manifests([str(tmp_path)])

    assert paths_of(state) == ["/a.yaml", "/a.yaml/2", "/b.yaml", "/b.yaml/2", "/c/d.json", "/c/d.json/2"]
    assert [entry.manifest for entry in state.entries][::2] == ["a.yaml", "b.yaml", "c/d.json"]
    assert state.manifests == tuple(
        ManifestRef(name, hashlib.sha256((tmp_path / name).read_bytes()).hexdigest(), f"{tmp_path}/{name}")
        for name in ("a.yaml", "b.yaml", "c/d.json")
    )
    assert state.diagnostics == ()


def test_manifest_given_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)

    assert paths_of(read_manifests([str(path), str(tmp_path), str(path)])) == ["/a.jpg"]


def test_manifests_need_a_path() -> None:
    with pytest.raises(UsageError):
        read_manifests([])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
@BOTH
def test_manifests_in_examples_are_valid(path: Path, parser: Parser) -> None:
    state = read_manifests([str(path)], parser=parser, with_tests=True)

    assert state.entries or state.policy or state.tests
    assert state.diagnostics == ()


@pytest.mark.parametrize(
    "text",
    [
        "kind: Policy\nspec:\n  guards: *a\n",
        "kind: Vocabulary\nspec:\n  allowed: *a\n",
        "kind: Vocabulary\nspec: *a\n",
        "kind: Test\nspec: *a\n",
        "kind: Test\nspec: {given: *a, expectErrors: [x]}\n",
        "kind: Test\nspec: {given: [*a], expect: *a, properties: [*a]}\n",
        "kind: Test\nspec: {given: [{path: *a, tags: [*a], aiTags: [*a, {name: *a}]}], asOf: *a, expectErrors: [*a]}\n",
        "kind: Test\nspec: {given: [], expect: {/a: *a, /b: {exact: [*a]}}, properties: [{match: *a, lacks: *a}]}\n",
    ],
)
def test_aliases_in_any_place_are_errors(read_text: ReadText, text: str) -> None:
    with pytest.raises(ManifestError) as refused:
        read_text(f"apiVersion: tagsync/v1\n{text}")
    assert {error.code for error in refused.value.diagnostics} == {"alias"}


def test_accounts_are_read_with_places(read_text: ReadText) -> None:
    text = GOOD + "metadata: {account: shop}\n---\n" + GOOD + "metadata: {name: x}\n---\n" + GOOD
    state = read_text(text + "metadata:\n  account: 'other'\n")

    assert state.accounts == (("shop", Origin("tags.yaml", 7, 21)), ("other", Origin("tags.yaml", 24, 12)))


def test_defaults_may_follow_the_entries(read_text: ReadText) -> None:
    state = read_text(f"{GOOD}  defaults: {{tags: [catalog]}}\n")

    assert tags_of(state) == [("catalog", "red")]


def test_entry_may_declare_only_defaults(read_text: ReadText) -> None:
    assert tags_of(read_text(manifest("- path: /a", spec="defaults: {tags: [catalog]}"))) == [("catalog",)]


def test_manifest_may_have_no_entries(read_text: ReadText) -> None:
    assert len(read_text("apiVersion: tagsync/v1\nkind: TagSet\nspec: {files: []}").entries) == 0


# Documents


def test_manifest_may_have_several_documents(read_text: ReadText) -> None:
    second = manifest("- path: /b.jpg\n  tags: [blue]")
    state = read_text(f"---\n{GOOD}...\n---\n# nothing here\n---\n{second}---\n")

    assert paths_of(state) == ["/a.jpg", "/b.jpg"]
    assert list(state.entries)[1].origin() == Origin("tags.yaml", 16, 7)


def test_documents_are_all_checked(faults: Faults) -> None:
    strange, faulty = "kind: Other\n", manifest("- path: /b\n  tags: [no]")

    assert codes(faults(f"{strange}---\n{faulty}---\n{GOOD}---\n- a list\n")) == [
        "1:1 not-a-manifest",
        "8:14 quote",
        "17:1 not-a-manifest",
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("kind: TagSet\nspec: {files: []}", "1:1", "no apiVersion: a manifest starts with apiVersion: tagsync/v1"),
        ("apiVersion: v1\nkind: ConfigMap", "1:1", "has apiVersion 'v1'"),
        ("apiVersion: tagsync/v2\nkind: TagSet", "1:1", "has apiVersion 'tagsync/v2'"),
        ("apiVersion: 1\nkind: TagSet", "1:1", "an apiVersion that is not text"),
        ("apiVersion: [tagsync/v1]\nkind: TagSet", "1:1", "an apiVersion that is not text"),
        ("apiVersion: *v\nkind: TagSet", "1:1", "an apiVersion that is not text"),
        ("apiVersion: tagsync/v1\nspec: {files: []}", "1:1", "no kind: write TagSet, Policy, Vocabulary or Test"),
        ("apiVersion: tagsync/v1\nkind: Tagset", "1:1", "kind 'Tagset': did you mean TagSet?"),
        (
            "apiVersion: tagsync/v1\nkind: Deployment",
            "1:1",
            "kind 'Deployment': write TagSet, Policy",
        ),
        ("apiVersion: tagsync/v1\nkind: tagset", "1:1", "has kind 'tagset'"),
        ("apiVersion: tagsync/v1\nkind: no", "1:1", "a kind that is not text"),
        ("apiVersion: tagsync/v1\nkind: {a: b}", "1:1", "a kind that is not text"),
        ("# comment\n- path: /a", "2:1", "this is not a manifest"),
        ("just text", "1:1", "this is not a manifest"),
        ("1944", "1:1", "this is not a manifest"),
        ("no", "1:1", "this is not a manifest"),
        ('{"formatVersion": "1.0", "changes": []}', "1:1", "a saved plan or report, not a manifest"),
        ("{}", "1:1", "no apiVersion"),
    ],
)
def test_document_that_is_no_manifest_is_explained(faults: Faults, text: str, place: str, words: str) -> None:
    [found] = faults(text)

    assert found[:2] == (place, "not-a-manifest")
    assert words in found[2]


def test_document_that_is_no_manifest_has_one_error(faults: Faults) -> None:
    text = "kind: Other\na: &x 1\nb: *x\na: 2\nspec: {files: [{path: no}, 5]}\n"

    assert codes(faults(text)) == ["1:1 not-a-manifest"]


def test_document_that_is_no_manifest_adds_no_entries(read_text: ReadText, faults: Faults) -> None:
    stranger = GOOD.replace("TagSet", "Other").replace("red", "no")

    assert codes(faults(f"{stranger}---\n{GOOD}")) == ["1:1 not-a-manifest"]
    assert paths_of(read_text(GOOD)) == ["/a.jpg"]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n---\n", "~", "null", "---\n...\n", "\ufeff"])
def test_manifest_without_document_is_an_error(faults: Faults, text: str) -> None:
    [found] = faults(text)

    assert found[:2] == ("1:1", "empty")
    assert "this file is empty" in found[2]


# Structure


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("- path: /a\n  tags: [x]\n  tags: [z]", ["7:7 duplicate-key"]),
        ("- path: /a\n  path: /b\n  tags: [x]", ["6:7 duplicate-key"]),
        ("- path: /a\n  aiTags: {keep: [a], keep: [b]}", ["6:27 duplicate-key"]),
        ("- &x path: /a\n  tags: [x]", ["5:7 anchor"]),
        ("- &x\n  path: /a\n  tags: [x]", ["5:7 anchor"]),
        ("- path: /a\n  tags: &x [x]\n- path: /b\n  tags: *x", ["6:13 anchor", "8:13 alias"]),
        ("- *x", ["5:7 alias"]),
        ("- path: /a\n  <<: {tags: [x]}", ["6:7 merge-key"]),
        ("- path: /a\n  <<: *x", ["6:7 merge-key", "6:11 alias"]),
        ("- path: /a\n  tags: !!python/tuple [x]", ["6:13 explicit-tag"]),
        ("- path: !!str /a\n  tags: [!!str no]", ["5:13 explicit-tag", "6:14 explicit-tag"]),
        ("- path: /a\n  tags: " + "[" * 21 + "]" * 21, ["6:14 type", "6:29 nesting"]),
        ("- path: /a\n  ? [tags]\n  : [x]", ["6:9 key"]),
    ],
)
def test_unsupported_structure_is_an_error(faults: Faults, entry: str, found: list[str]) -> None:
    assert sorted(codes(faults(manifest(entry)))) == sorted(found)


def test_ambiguous_unquoted_tag_must_be_quoted(faults: Faults, read_text: ReadText) -> None:
    scalars = [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "N",
        "true",
        "FALSE",
        "1944",
        "007",
        "1.10",
        "1e3",
        "1_000",
        "0x1F",
        "0o17",
    ]
    scalars += ["0b1", "12:30:45", "2024-01-01", "2024-01-01 10:00:00", ".inf", "-.INF", ".nan", "~", "null", "=", "<<"]
    bare = manifest("- path: /a\n  tags:\n" + "\n".join(f"    - {text}" for text in scalars))
    written_right = manifest("- path: /a\n  tags:\n" + "\n".join(f"    - '{text}'" for text in scalars))

    found = faults(bare)

    assert codes(found) == [f"{line}:11 quote" for line in range(7, 7 + len(scalars))]
    assert all(f'quote it, "{text}"' in fault[2] for text, fault in zip(scalars, found, strict=True))
    assert tags_of(read_text(written_right)) == [tuple(scalars)]


def test_unambiguous_unquoted_tag_is_accepted(read_text: ReadText) -> None:
    scalars = [
        "red",
        "v1.2.3",
        "a-1",
        "10km",
        "5e21880d5efe355febd4bccd",
        "nope",
        "season-2026",
        "2024-01",
        "No 5",
        "ß",
    ]
    bare = manifest("- path: /a\n  tags:\n" + "\n".join(f"    - {text}" for text in scalars))

    assert tags_of(read_text(bare)) == [tuple(scalars)]


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: "])
def test_nesting_of_twenty_thousand_levels_is_one_error(faults: Faults, opening: str) -> None:
    text = f"apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  {opening * 20_000}"

    # Each parser by itself: libyaml may give up at another place, a thousand levels later.
    for parser in (yaml.CSafeLoader, PureParser):
        assert [code for _, code, _ in faults(text, parsers=(parser,))] == ["nesting"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: b: c", "1:5"),
        ("a: [b\n", "1:4"),
        ('a: "b', "1:4"),
        ("a:\n\tb: c", "2:1"),
        ("a: @b", "1:4"),
        ("a: `b`", "1:4"),
        ("%YAML 3.0\n--- a", "1:1"),
    ],
)
def test_invalid_yaml_is_an_error_with_its_place(faults: Faults, text: str, place: str) -> None:
    [found] = faults(text)

    assert found[:2] == (place, "yaml")
    assert ": " in found[2]  # a fix follows the colon


def test_errors_before_invalid_yaml_are_reported_too(faults: Faults) -> None:
    text = manifest("- path: /a\n  tags: [no]\n- path: b\n  tags: [x]")

    assert codes(faults(f"{text}}}")) == ["6:14 quote", "7:13 path", "9:1 yaml"]


# Bytes


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_encoding_accepts_bom_and_any_line_ends(read_text: ReadText, newline: str, bom: str, end: str) -> None:
    text = bom + GOOD.rstrip().replace("\n", newline) + end.replace("\n", newline)

    for parser in (yaml.CSafeLoader, PureParser):
        assert tuple(read_text(text, parser=parser).entries) == tuple(read_text(GOOD).entries)


def test_encoding_bom_does_not_shift_places(faults: Faults) -> None:
    assert codes(faults("\ufeff{apiVersion: tagsync/v1, kind: TagSet, spec: {zzz: []}}")) == [
        "1:46 missing-key",
        "1:47 unknown-key",
    ]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xff", "1:1"),
        (b"a: \xe9", "1:4"),
        (b"a: b\nc: d\xc3", "2:5"),
        (b"a: b\n\xc3", "2:1"),
        ("ü: 日本\n日: x".encode() + b"\x80", "2:5"),
        (b"a: \xc0\x80", "1:4"),
        (b"a: \xed\xa0\x80", "1:4"),
        (b"a: \xf4\x90\x80\x80", "1:4"),
        (b"\xef\xbb\xbfab\xff", "1:3"),
        (b"\xef\xbb\xbfa: b\n\xff", "2:1"),
        (b"\xef\xbb", "1:1"),
        ("a: b".encode("utf-16"), "1:1"),
        ("a: é".encode("latin-1") + b"\nb: c", "1:4"),
    ],
)
def test_encoding_error_has_place_of_bad_bytes(faults: Faults, data: bytes, place: str) -> None:
    [found] = faults(data)

    assert found[:2] == (place, "encoding")
    assert "save the file as UTF-8" in found[2]


@pytest.mark.parametrize("position", [-4, -3, -2, -1, 0, 1, 2])
@pytest.mark.parametrize("bad", [b"\xff", b"\xf0\x9f\x98", b"\xe6\x97"])
def test_encoding_error_is_found_around_chunk_end(faults: Faults, position: int, bad: bytes) -> None:
    size = MIB + position
    data = b"# " + b"x" * (size - 6) + b"\n# " + "ä".encode()[:0] + bad + b" end"

    [found] = faults(data)

    assert len(data[: data.index(bad)]) == size - 1
    assert found[:2] == ("2:3", "encoding")


@pytest.mark.parametrize("position", range(-4, 3))
def test_encoding_accepts_character_across_chunk_end(read_text: ReadText, position: int) -> None:
    comment = "# " + "x" * (MIB + position - len(GOOD) - 2) + "😀日ü\n"

    assert paths_of(read_text(GOOD + comment)) == ["/a.jpg"]


@pytest.mark.parametrize("size", [MIB, 2 * MIB])
def test_encoding_accepts_file_of_whole_chunks(read_text: ReadText, faults: Faults, size: int) -> None:
    start = GOOD.encode() + b"# "
    good = start + b"x" * (size - len(start))
    cut = start + b"x" * (size - len(start) - 1) + b"\xc3"

    assert paths_of(read_text(good)) == ["/a.jpg"]
    assert codes(faults(cut)) == [f"7:{size - len(GOOD)} encoding"]


@pytest.mark.parametrize("character", ["\0", "\a", "\x1b", "\x7f", "\x80", "\x9f", "\ufffe", "\uffff"])
def test_control_character_is_an_error_with_its_place(faults: Faults, character: str) -> None:
    found = faults(manifest(f"- path: /ü\n  tags: [ü{character}]").replace("\n", "\r\n"))

    assert codes(found) == ["6:15 yaml"]
    assert f"YAML does not allow the character U+{ord(character):04X}: remove it" in found[0][2]


def test_control_character_is_found_in_large_file(faults: Faults) -> None:
    text = GOOD + "# filler\n" * 200_000 + "# \x01\n"

    assert codes(faults(text)) == ["200007:3 yaml"]


def test_manifest_over_64_mib_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.touch()
    os.truncate(path, 64 * MIB + 1)

    [fault] = error_of(path).diagnostics

    assert (fault.code, fault.origin) == ("unreadable", Origin(str(path), 1, 1))
    assert "is larger than 64 MiB: split it" in fault.message


def test_manifest_that_is_a_pipe_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    [fault] = error_of(tmp_path).diagnostics

    assert (fault.code, fault.origin) == ("unreadable", Origin(f"{tmp_path}/a.yaml", 1, 1))
    assert "is not a regular file" in fault.message


def test_manifest_that_is_a_dangling_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("missing.yaml")

    [fault] = error_of(tmp_path).diagnostics

    assert fault.code == "unreadable"
    assert "No such file or directory: check the file" in fault.message


# JSON


def json_of(*entries: dict[str, Any], **settings: Any) -> str:
    document = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": entries}}
    return json.dumps(document, **settings)


JSON_ENTRY: dict[str, Any] = {
    "match": "/a/**",
    "tags": ["red", "no", "1944", "größe", "😀", "a\\b", '"', "/", "\\ud83d\\ude00"],
    "absent": ["tab\there", "\x7f", "😀😀"],
    "aiTags": {"minConfidence": 70.5, "keep": ["x"]},
    "expect": {"min": 0, "max": 10},
    "exclusive": True,
}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2, "\t"])
@BOTH
def test_json_manifest_is_read(
    read_text: ReadText,
    ascii_only: bool,  # noqa: FBT001 - a table's column
    indent: int | str | None,
    parser: Parser,
) -> None:
    entry = JSON_ENTRY if ascii_only else {**JSON_ENTRY, "absent": ["tab\there", "😀😀"]}
    text = json_of(entry, indent=indent, ensure_ascii=ascii_only).replace("/", "\\/")

    [found] = read_text(text.replace("\x7f", "\\u007f"), name="tags.json", parser=parser).entries

    assert list(found.declaration.tags.values) == entry["tags"]
    assert list(found.declaration.absent.values) == entry["absent"]
    assert found.declaration.ai_rule
    assert found.declaration.ai_rule.min_confidence == 70.5
    assert found.declaration.expect
    assert found.declaration.expect[1:] == (0, 10)


@pytest.mark.parametrize("space", ["", "\t", " \t\r\n\t ", "\ufeff", "\ufeff\t\n"])
@BOTH
def test_json_manifest_may_have_white_space_around(read_text: ReadText, space: str, parser: Parser) -> None:
    text = space + json_of({"path": "/a.jpg", "tags": ["red"]}) + space.strip("\ufeff")

    assert paths_of(read_text(text, name="tags.json", parser=parser)) == ["/a.jpg"]


def test_json_escapes_do_not_shift_places(faults: Faults) -> None:
    text = json_of({"path": "/😀", "tags": ["😀", "x"], "absent": ["ü😀 \\ 😀", ""], "😀": 1, "ab": []})
    plain = text.replace("\\ud83d\\ude00", "x" * 12).replace("\\u00fc", "x" * 6)
    found = faults(text, name="tags.json")

    places = [f"1:{plain.index(text) + 1}" for text in ('""', '"xxxxxxxxxxxx": 1', '"ab"')]
    assert [place for place, _, _ in found] == places
    assert [code for _, code, _ in found] == ["empty", "unknown-key", "unknown-key"]


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\ud83dx\\ude00", "\\ud83d\\u0041"])
def test_json_half_surrogate_pair_is_an_error(faults: Faults, half: str) -> None:
    text = json_of({"path": "/a", "tags": ["?"]}).replace("?", half)

    assert [code for _, code, _ in faults(text, name="tags.json")] == ["yaml"]


def test_json_keeps_tab_in_string(faults: Faults) -> None:
    text = json_of({"path": "/a", "tags": ["a?b"]}).replace("?", "\t")

    assert [code for _, code, _ in faults(text, name="tags.json")] == ["tag-text"]


def test_yaml_keeps_text_like_a_surrogate_pair(read_text: ReadText) -> None:
    state = read_text(manifest("- path: /a\n  tags: ['\\ud83d\\ude00', \\ud83d\\ude00]"))

    assert tags_of(state) == [("\\ud83d\\ude00",) * 2]


# Standard input


def feed(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode())))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, GOOD)

    state = read_manifests(["-"])

    assert paths_of(state) == ["/a.jpg"]
    assert next(iter(state.entries)).origin() == Origin("<stdin>", 5, 7)
    assert state.manifests == (ManifestRef("<stdin>", hashlib.sha256(GOOD.encode()).hexdigest(), "<stdin>"),)


def test_standard_input_may_be_combined_with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(manifest("- path: /b.jpg\n  tags: [blue]"))
    feed(monkeypatch, GOOD)

    assert paths_of(read_manifests([str(tmp_path), "-", "-"])) == ["/a.jpg", "/b.jpg"]


def test_standard_input_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "\t" + json_of({"path": "/😀.jpg", "tags": ["😀"]}, indent="\t"))

    assert paths_of(read_manifests(["-"])) == ["/😀.jpg"]


def test_standard_input_errors_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, manifest("- path: /a\n  tags: [no]"))

    [fault] = error_of("-").diagnostics

    assert fault.origin == Origin("<stdin>", 6, 14)


# Errors of a whole run


def test_errors_are_all_found_and_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/b.yaml").write_text(manifest("- path: /b\n  tags: [no, ' x']\n- path: c\n  tags: [a]"))
    (tmp_path / "m/a.yaml").write_text(manifest("- path: /a\n  tag: [a]\n  tags: [a]\n  absent: [a]"))
    (tmp_path / "m/link.yaml").symlink_to("/dev/null")
    (tmp_path / "n.yaml").write_bytes(b"\xff")
    (tmp_path / "good.yaml").write_text(GOOD)

    error = error_of("n.yaml", "missing.yaml", "good.yaml", "m")

    assert [f"{fault.origin} {fault.code}" for fault in error.diagnostics] == [
        "m/a.yaml:6:7 unknown-key",
        "m/b.yaml:6:14 quote",
        "m/b.yaml:6:18 tag-text",
        "m/b.yaml:7:13 path",
        "m/link.yaml:1:1 symlink",
        "missing.yaml:1:1 no-such-file",
        "n.yaml:1:1 encoding",
    ]
    assert {fault.level for fault in error.diagnostics} == {"error"}


def test_errors_are_sorted_by_name_of_file_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("a.yaml", "here/b.yaml"):
        (tmp_path / name).write_text("~")

    assert [str(fault.origin) for fault in error_of("b.yaml", "../a.yaml", "a.yaml").diagnostics] == [
        "../a.yaml:1:1",
        "a.yaml:1:1",
        "b.yaml:1:1",
    ]
    # Names are relative to tmp_path, where a.yaml is ../a.yaml. The missing file keeps its name and its message.
    assert "does not exist" in error_of("../a.yaml", "a.yaml").diagnostics[1].message


def test_errors_beyond_fifty_are_counted(tmp_path: Path) -> None:
    entries = "\n".join(f"- path: /{number}\n  tags: [no]" for number in range(130))
    (tmp_path / "b.yaml").write_text(manifest(entries))
    (tmp_path / "a.yaml").write_text(manifest("- path: /a\n  tags: [~]"))

    error = error_of(tmp_path)

    assert len(error.diagnostics) == 50
    assert error.more == 81
    assert [str(fault.origin) for fault in error.diagnostics[:2]] == [
        f"{tmp_path}/a.yaml:6:14",
        f"{tmp_path}/b.yaml:6:14",
    ]
    assert str(error.diagnostics[-1].origin) == f"{tmp_path}/b.yaml:{6 + 48 * 2}:14"


def test_errors_beyond_ten_thousand_end_reading(tmp_path: Path) -> None:
    entries = "\n".join(f"- path: /{number}\n  tags: [no]" for number in range(10_500))
    (tmp_path / "a.yaml").write_text(manifest(entries) + "...\n@ no YAML at all")
    (tmp_path / "b.yaml").write_text(manifest("- path: /b\n  tags: [~]"))

    error = error_of(tmp_path)

    assert len(error.diagnostics) + error.more == 10_000 + 1 + 1
    assert str(error.diagnostics[-1].origin) == f"{tmp_path}/a.yaml:{6 + 49 * 2}:14"


def test_errors_elsewhere_do_not_hide_those_of_entries(faults: Faults) -> None:
    text = manifest("- path: /a\n  tags: [x]\n  absent: [x]\n- path: /b\n  tags: [x]\n  absent: [x]", spec="other: 1")

    assert codes(faults("metadata: {name: &a x}\n" + text)) == [
        "1:18 anchor",
        "5:3 unknown-key",
        "9:16 conflict",
        "12:16 conflict",
    ]


def test_errors_of_one_entry_do_not_hide_those_of_next(faults: Faults) -> None:
    text = manifest("- path: /a\n  tags: [no]\n- path: /b\n  tags: [x]\n  absent: [x]\n- path: /c")

    assert codes(faults(text)) == ["6:14 quote", "9:16 conflict", "10:7 declares-nothing"]


def test_errors_of_defaults_do_not_hide_those_of_entries(faults: Faults) -> None:
    too_long = f"[{'a' * 501}]"
    text = manifest(
        f"- path: /a\n- path: /b\n  tags: {too_long}\n- match: /c\\\n  tags: [x]", spec="defaults: {tags: no}"
    )

    # Errors that valid defaults may fix are not reported, such as an entry that declares nothing.
    assert codes(faults(text)) == ["4:20 type", "9:7 glob"]


# Warnings


@pytest.mark.parametrize(
    ("length", "leniency", "level"),
    [
        (250, "", "warning"),
        (249, "", None),
        (251, "", "error"),
        (250, ", ifOverLimit: warn", "warning"),
        (251, ", ifOverLimit: warn", None),
    ],
)
@pytest.mark.parametrize("entry", ["- {{path: /a, tags: [{}]{}}}", "- {{match: '/*', tags: [{}]{}}}"])
def test_validate_warns_of_tags_that_fit_only_without_commas(
    tmp_path: Path, entry: str, length: int, leniency: str, level: str | None
) -> None:
    text = manifest(entry.format(f"{'a' * length}, {'b' * 250}", leniency))
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    if level == "error":
        with pytest.raises(ManifestError, match="have 501 characters"):
            read_manifests([str(tmp_path)])
        return
    told = read_manifests([str(tmp_path)]).diagnostics
    assert [(item.level, item.code, str(item.origin)) for item in told] == (
        [("warning", "near-limit", "a.yaml:5:7")] if level else []
    )


def test_comma_in_tag_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        manifest("- path: /a\n  tags: ['red, blue', x]\n- path: /b\n  tags: ['red, blue', 'c,d']\n  absent: ['e,f']")
    )
    (tmp_path / "b.yaml").write_text(manifest("- path: /c", spec="defaults: {tags: ['red, blue', 'g,h']}"))

    warnings = read_manifests([str(tmp_path)]).diagnostics

    assert [(warning.level, warning.code, str(warning.origin)) for warning in warnings] == [
        ("warning", "comma", "a.yaml:6:14"),
        ("warning", "comma", "a.yaml:8:27"),
        ("warning", "comma", "b.yaml:4:34"),
    ]
    assert "the tag 'red, blue' contains a comma" in warnings[0].message


# Properties


def without_places(entry: Entry) -> Entry:
    declared = entry.declaration
    rule, exclusive = declared.ai_rule, declared.exclusive

    def texts(found: Texts) -> Texts:
        return Texts(found.values)

    return Entry(
        manifest="",
        line=0,
        selector=entry.selector,
        declaration=Declaration(
            0,
            texts(declared.tags),
            texts(declared.absent),
            exclusive and Exclusive(0, exclusive.only and texts(exclusive.only)),
            rule and rule._replace(place=0, remove=texts(rule.remove), keep=texts(rule.keep)),
            declared.if_missing,
            declared.if_over_limit,
        ),
    )


def unshared(value: Any) -> Any:
    """Return a copy without shared parts, which PyYAML would write as aliases."""
    return json.loads(json.dumps(value))


FILES = st.fixed_dictionaries(
    {"path": st.sampled_from(["/a", "/b", "/c"]), "tags": st.lists(st.sampled_from(["r", "g", "b"]), max_size=2)},
    optional={
        "absent": st.just(["z"]),
        "exclusive": st.sampled_from([True, False, {"only": ["q*"]}]),
        "aiTags": st.sampled_from([{"remove": "all"}, {"remove": ["x"]}, {"minConfidence": 50, "keep": ["k"]}]),
    },
)
DEFAULTS = st.fixed_dictionaries(
    {"tags": st.just(["d"])},
    optional={"aiTags": st.just({"minConfidence": 70}), "exclusive": st.just({"only": ["p*"]})},
)
DOCUMENTS = st.lists(st.tuples(DEFAULTS, st.lists(FILES, max_size=3)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(documents=DOCUMENTS, data=st.data())
def test_manifests_are_independent_of_order(
    tmp_path_factory: pytest.TempPathFactory, documents: list[tuple[Any, Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("order")

    def entries(arrangement: list[tuple[Any, Any]], files: list[int], paths: list[str]) -> list[str]:
        texts = {f"{number}.yaml": "" for number in range(3)}
        for (defaults, items), number in zip(arrangement, files, strict=True):
            document = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"defaults": defaults, "files": items}}
            texts[f"{number}.yaml"] += f"---\n{yaml.safe_dump(unshared(document))}"
        for name, text in texts.items():
            (folder / name).write_text(text or "---\napiVersion: tagsync/v1\nkind: TagSet\nspec: {files: []}")
        state = read_manifests([str(folder / path) for path in paths])
        return sorted(repr(without_places(entry)) for entry in state.entries)

    numbers = st.lists(st.integers(0, 2), min_size=len(documents), max_size=len(documents))
    names = ["0.yaml", "1.yaml", "2.yaml"]
    other = entries(
        data.draw(st.permutations(documents)), data.draw(numbers), data.draw(st.permutations([*names, ".", "1.yaml"]))
    )

    assert other == entries(documents, [0] * len(documents), names)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.booleans(), st.booleans())
def test_parsers_read_the_same_entries(
    read_text: ReadText,
    documents: list[tuple[Any, Any]],
    flow: bool,  # noqa: FBT001 - hypothesis gives it
    as_json: bool,  # noqa: FBT001 - as above
) -> None:
    each = [
        {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": files, "defaults": defaults}}
        for defaults, files in documents
    ]
    text = json.dumps(each[0], indent="\t") if as_json else yaml.safe_dump_all(unshared(each), default_flow_style=flow)
    name = "tags.json" if as_json else "tags.yaml"

    found = [whole(read_text(text, name=name, parser=parser)) for parser in (yaml.CSafeLoader, PureParser)]
    assert found[0] == found[1]


PIECES = [
    *("apiVersion: tagsync/v1\n", "kind: TagSet\n", "spec:\n", "  files:\n", "  - path: /a\n", "    tags: [red]\n"),
    *("    - ", "defaults: ", "aiTags: ", "exclusive: ", "expect: ", "only", "remove", "minConfidence", "all", "tags"),
    *("[", "]", "{", "}", ", ", ": ", "? ", "- ", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! a\n", "!!str ", "!", "! "),
    *("&a ", "*a ", "<<: ", "|\n", ">-\n", "'", '"', "\\", "\\ud83d", "\\U00110000", "\\x0", "#", " ", "\t", "\n"),
    *("\r", "\x85", "\u2028", "\ufeff", "\0", "\x1b", "😀", "é", "no", "1e3", "~", "2024-01-01", "@", "`", "%", "="),
]
MANIFESTS = [GOOD, json_of(JSON_ENTRY), *(path.read_text() for path in EXAMPLES)]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw a valid manifest with pieces inserted or overwritten."""
    text = draw(st.sampled_from(MANIFESTS))
    for _ in range(draw(st.integers(1, 4))):
        at, over = draw(st.integers(0, len(text))), draw(st.integers(0, 20))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + over :]
    return text


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["only", "min", "max", "remove", "keep", "minConfidence", "x"]), inner),
    ),
    max_leaves=5,
)
KEYS = ["path", "fileId", "match", "query", "except", "tags", "absent", "exclusive", "aiTags", "expect", "ifMissing"]


@st.composite
def odd(draw: st.DrawFn) -> str:
    """Draw a manifest whose entries contain anything."""
    entries = draw(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), max_size=3))
    defaults = draw(st.one_of(VALUES, st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)))
    spec = {"files": entries, "defaults": defaults}
    return yaml.safe_dump({"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": spec}, sort_keys=False)


def refusal(reading: Callable[[], DesiredState]) -> ManifestError | None:
    try:
        reading()
    except ManifestError as error:
        return error
    return None


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from(PIECES), max_size=30).map(lambda pieces: "".join(pieces).encode()),
        damaged().map(str.encode),
        odd().map(str.encode),
    ),
    st.sampled_from(["tags.yaml", "tags.json"]),
)
def test_any_bytes_are_read_or_refused_with_places(read_text: ReadText, data: bytes, name: str) -> None:
    for parser in (yaml.CSafeLoader, PureParser):
        error = refusal(partial(read_text, data, name=name, parser=parser))
        assert error is None or all(
            fault.origin and fault.message == shown(fault.message) for fault in error.diagnostics
        )
