"""The fast path reads the same as the parser, or declines without side effects."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import examples, whole
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagsync.errors import ManifestError
from tagsync.exporting.manifest_text import ManifestDraft, RuleDraft, manifest_text
from tagsync.manifest.document_reader import DocumentReader
from tagsync.manifest.entry_store import EntryStore
from tagsync.manifest.fastpath import read_plain
from tagsync.manifest.files import Located
from tagsync.manifest.read import read_manifests
from tagsync.manifest.yaml import PARSER
from tagsync.model import ByPath, Declaration, Origin

HEAD = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n"
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "manifests").iterdir())


LOCATED = Located("a.yaml", "a.yaml", None)


def by_parser(data: bytes) -> Any:
    """Return a file's entries, other contents and errors, read by the parser."""
    entries = EntryStore()

    def take(defaults: Declaration, rows: list[Any]) -> None:
        entries.extend(entries.add_document("a.yaml", defaults), rows)

    reader = DocumentReader(LOCATED, data, parser=PARSER, take=take)
    reader.read()
    return list(entries), reader.contents, reader.errors.first()


def plainly(data: bytes) -> Any:
    """Return the same, read by the fast path; None if it declines."""
    entries = EntryStore()
    contents = read_plain(LOCATED, data, parser=PARSER, entries=entries)
    return None if contents is None else (list(entries), contents, ())


def manifest(items: str, head: str = HEAD) -> bytes:
    return f"{head}  files:\n{items}".encode()


PLAIN = [
    pytest.param("  - path: /a.jpg\n    tags: [red, blue]\n  - path: /b.jpg\n    tags: [red]\n", id="flow lists"),
    pytest.param('    - path: "/a b.jpg"\n      tags: ["red", "blue, or so"]\n', id="double quotes"),
    pytest.param("    - path: '/a.jpg'\n      tags: ['red', \"blue\", green]\n", id="all quotes at once"),
    pytest.param("  - path: /a.jpg\n    tags:\n    - red\n    - '1944'\n", id="as yaml.dump writes lists"),
    pytest.param("    - path: /a.jpg\n      tags:\n        - red\n        - blue\n", id="indented lists"),
    pytest.param("  - {path: /a.jpg, tags: [red, blue]}\n  - {path: /bb.jpg, tags: [red, blue]}\n", id="on one line"),
    pytest.param("  - fileId: 5e21880d5efe355febd4bccd\n    tags: [hero]\n    absent: [draft]\n", id="ids"),
    pytest.param("  - path: /a.jpg\n    tags: [red]  # why\n    ifMissing: skip\n", id="comments in an entry"),
    pytest.param(
        "  - path: /a.jpg\n    aiTags: {remove: all, keep: [Shoe]}\n    exclusive: {only: [s*]}\n", id="rules"
    ),
    pytest.param("  - path: /a.jpg\n    tags: [red]\n    until: 2026-12-31\n", id="a last day"),
    pytest.param('  - path: /ä/日本.jpg\n    tags: [größe, "日本", "🙂"]\n', id="beyond ASCII"),
]

DECLINED = [
    pytest.param("  - path: /a.jpg\n    tags: [no]\n", id="an ambiguous tag"),
    pytest.param('  - path: /a.jpg\n    tags: ["a%"]\n', id="a faulty tag"),
    pytest.param("  - path: /a.jpg\n", id="nothing declared"),
    pytest.param("  - path: /a.jpg\n      more\n    tags: [red]\n", id="a path of two lines"),
    pytest.param("  - path: /a.jpg\n    tags: [red]\n\n  - path: /b.jpg\n    tags: [red]\n", id="a blank line"),
    pytest.param("  - path: /a.jpg\n    tags: [red]\n  defaults: {tags: [x]}\n", id="defaults behind the entries"),
    pytest.param('  - path: "/a\\x41.jpg"\n    tags: [red]\n', id="an escape"),
    pytest.param("  - path: /a.jpg\r\n    tags: [red]\r\n", id="CRLF"),
    pytest.param("  - path: /a.jpg\n    tags: [red]", id="no line end at the end"),
    pytest.param("  - path: /a.jpg\n    tags: &x [red]\n", id="an anchor"),
    pytest.param(
        '  - path: /a.jpg\n    tags: ["red\n  - path: /b.jpg\n    tags: [blue"]\n', id="a quote across entries"
    ),
    pytest.param("  - tags: [red]\n    path: /a.jpg\n", id="the path not first"),
]


@pytest.mark.parametrize("items", PLAIN)
def test_fastpath_reads_like_the_parser(items: str) -> None:
    found = plainly(manifest(items))

    assert found is not None
    assert found == by_parser(manifest(items))
    assert found[0]


@pytest.mark.parametrize("items", DECLINED)
def test_fastpath_declines_what_is_not_plain(items: str) -> None:
    assert plainly(manifest(items)) is None


@pytest.mark.parametrize("defaults", ["{tags: [x, 'y,z']}", "{aiTags: {minConfidence: 70}, ifMissing: warn}", "{}"])
def test_fastpath_merges_defaults(defaults: str) -> None:
    data = manifest(
        "  - path: /a.jpg\n    tags: [red]\n  - path: /b.jpg\n    tags: [red, green]\n",
        f"{HEAD}  defaults: {defaults}\n",
    )

    assert plainly(data) == by_parser(data)


@pytest.mark.parametrize(
    ("defaults", "tag"),
    [
        ("{absent: [red]}", "red"),
        ("{tags: [re\u0301d]}", "r\u00e9d"),
        ("{exclusive: {only: ['a\\']}}", "red"),
        (f"{{tags: [{'x' * 498}]}}", "red"),
    ],
)
def test_fastpath_declines_conflict_with_defaults(defaults: str, tag: str) -> None:
    items = f"  - path: /a.jpg\n    tags: [a]\n  - path: /b.jpg\n    tags: [{tag}]\n"
    data = manifest(items, f"{HEAD}  defaults: {defaults}\n")

    assert by_parser(data)[2]
    assert plainly(data) is None


def test_fastpath_keeps_lines_and_defaults_of_documents() -> None:
    one = manifest("  - path: /a.jpg\n    tags: [red]\n", f"{HEAD}  defaults: {{tags: [x]}}\n")
    two = manifest("  - path: /b.jpg\n    tags: [red]\n", "# more\nmetadata: {account: shop}\n" + HEAD)
    data = one + b"---\n" + two

    found = plainly(data)

    assert found == by_parser(data)
    assert [entry.declaration.tags.values for entry in found[0]] == [("x", "red"), ("red",)]
    assert found[1].files_at == [4 << 32 | 2, 13 << 32 | 2]
    assert found[1].accounts == [("shop", Origin("a.yaml", 10, 21))]


@pytest.mark.parametrize("head", ["%YAML 1.1\n" + HEAD, "kind: Policy\n---\n" + HEAD, "...\n---\n" + HEAD])
def test_fastpath_declines_directive_in_second_document(head: str) -> None:
    assert (
        plainly(manifest("  - path: /a\n    tags: [x]\n") + b"---\n" + manifest("  - path: /a\n    tags: [x]\n", head))
        is None
    )


def test_fastpath_keeps_places_in_long_file() -> None:
    lines = [f'    - path: "/f/{n:06}é.jpg"\n      tags: ["t{n % 700}", "ü"]\n' for n in range(12_000)]
    data = manifest("".join(lines))

    found = plainly(data)

    assert found == by_parser(data)
    assert len(found[0]) == 12_000


def test_fastpath_declines_many_parsed_entries() -> None:
    data = manifest("".join(f"  - path: /{n}\n    absent: [t{n}]\n" for n in range(1_000)))

    assert plainly(data) is None


def test_fastpath_leaves_nothing_of_declined_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(manifest("  - path: /a.jpg\n    tags: ['x,y']\n"))
    late = "".join(f"  - path: /{n:05}.jpg\n    tags: ['p,q']\n" for n in range(9_000))
    (tmp_path / "b.yaml").write_bytes(manifest(late + "  # a comment here is not plain\n"))

    with_plain = read_manifests([str(tmp_path)])
    without = read_manifests([str(tmp_path)], plain=False)
    assert tuple(with_plain.entries) == tuple(without.entries)
    assert with_plain.diagnostics == without.diagnostics
    assert len(with_plain.entries) == 9_001


@pytest.mark.parametrize("defaults", [("all",), ()])
def test_fastpath_accepts_export(defaults: tuple[str, ...]) -> None:
    exported = tuple(RuleDraft("path", f"/{n}/été .jpg", ("red", "no", "a'b")) for n in range(6))
    data = "".join(manifest_text(ManifestDraft(defaults, exported), "a library")).encode()

    found = plainly(data)

    assert found == by_parser(data)
    assert len(found[0]) == 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_fastpath_reads_examples_like_the_parser(path: Path) -> None:
    assert whole(read_manifests([str(path)])) == whole(read_manifests([str(path)], plain=False))


def test_fastpath_accepts_output_of_yaml_dump() -> None:
    files = [{"path": f"/{n}.jpg", "tags": ["red", "1944", "größe"]} for n in range(5)]
    tree = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": files}}
    data = yaml.safe_dump(tree, allow_unicode=True).encode()

    assert plainly(data) == by_parser(data)
    assert [entry.selector for entry in plainly(data)[0]] == [ByPath(f"/{n}.jpg") for n in range(5)]


TEXTS = st.sampled_from(
    ["red", "no", "1944", "1e3", "a b", "é", "e\u0301", "日本", "x,y", "a:b", "a: b", "#x", "a #b", "-", "- a",
     "'", '"', "\\", "", " ", "%", "[", "]", "{", "}", "&a", "*a", "!x", "?", "|", ">", "=", "~", "<<",
     "\u2028", "\x85", "\ufeff", "\xa0", "🙂", "{fileType}", "{a}", "\\{"]
)  # fmt: skip
GOOD = st.sampled_from(["red", "a b", "é", "日本", "x-1", "a.b", "größe"])
SCALARS = st.integers(0, 40).flatmap(
    lambda odd: (
        st.one_of(TEXTS, TEXTS.map(lambda text: f'"{text}"'), TEXTS.map(lambda text: f"'{text}'"))
        if odd == 0
        else st.one_of(GOOD, GOOD.map(lambda text: f'"{text}"'), GOOD.map(lambda text: f"'{text}'"))
    )
)
LISTS = st.lists(SCALARS, min_size=1, max_size=4)
GOOD_REST = st.one_of(
    LISTS.map(lambda items: f"{{0}}  tags: [{', '.join(items)}]\n"),
    LISTS.map(lambda items: "{0}  tags:\n" + "".join(f"{{0}}    - {item}\n" for item in items)),
    LISTS.map(lambda items: "{0}  tags:\n" + "".join(f"{{0}}  - {item}\n" for item in items)),
    LISTS.map(lambda items: f"{{0}}  tags: [{', '.join(items)}]\n{{0}}  ifMissing: skip\n{{0}}  # why\n"),
)
REST = st.one_of(
    st.sampled_from(
        [
            "",
            "{0}  absent: [{{}}]\n",
            "{0}    more\n",
            "{0}  absent: [x]\n",
            "{0}  text: |\n",
            "\n",
            "{0}  path: /b\n",
            "{0}  until: 2020-01-01\n",
            "{0}  expect: {{min: 1}}\n",
            "{0}  tags: &a [x]\n",
            "---\n",
            "...\n",
        ]
    ),
)
FIRST = st.one_of(
    GOOD.map(lambda text: f"{{0}}- path: /{text}\n"),
    GOOD.map(lambda text: f'{{0}}- path: "/{text}"\n'),
    GOOD.map(lambda text: f"{{0}}- path: '/{text}'\n"),
    SCALARS.map(lambda text: f"{{0}}- fileId: {text}\n"),
    st.tuples(GOOD, LISTS).map(lambda found: f"{{0}}- {{{{path: /{found[0]}, tags: [{', '.join(found[1])}]}}}}\n"),
    st.just("{0}- match: /a/**\n"),
)
HEADS = st.sampled_from(
    [
        *[""] * 5,
        *["  defaults: {tags: [all]}\n"] * 3,
        "  defaults: {absent: [red]}\n",
        "  defaults: {exclusive: true}\n",
        '  defaults: {tags: ["{createdAt:year}"], ifInvalid: skip}\n',
        "  values: {fileType: {image: picture, else: keep}}\n",
        "  x: |\n",
        "  x: '\n",
    ]
)


def filled(text: str, indent: str) -> str:
    return text.replace("{0}", indent).replace("{{", "{").replace("}}", "}")


@st.composite
def manifests(draw: st.DrawFn) -> bytes:
    indent = " " * draw(st.integers(1, 6))
    text = ""
    for _ in range(draw(st.integers(1, 2))):
        text += ("---\n" if text else "") + HEAD + draw(HEADS) + "  files:\n"
        for _ in range(draw(st.integers(1, 4))):
            text += filled(draw(FIRST), indent)
            if not text.endswith("}\n"):
                text += filled(draw(GOOD_REST), indent)
            if draw(st.integers(0, 9)) == 0:
                text += filled(draw(REST), indent)
    data = bytearray(text.encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b" ", b"\n", b'"', b"'", b"\t", b"-", b"\xff", b"#", b"["])
        )
    return bytes(data)


@settings(max_examples=examples(300), deadline=None)
@given(manifests())
@example(manifest('  - path: /a\n    tags: ["red", red]\n'))
@example(manifest('  - path: /a\n    tags: ["{fileType}"]\n', f"{HEAD}  values: {{fileType: {{image: picture}}}}\n"))
@example(manifest("  - path: /a\n    tags: [x]\n", f'{HEAD}  defaults: {{tags: ["{{fileType}}"]}}\n'))
@example(manifest("  - path: /a\n    tags: [x]\n    text: |+\n  - path: /b\n    tags: [y]\n"))
def test_fastpath_agrees_with_parser_or_declines(data: bytes) -> None:
    found = plainly(data)

    if found is not None:
        assert found == by_parser(data)


def test_fastpath_accepts_many_entries_with_different_tags() -> None:
    words = random.Random(7)
    tags = [f"tag-{n}" for n in range(50)]
    items = "".join(
        f'    - path: "/p/{n}.jpg"\n      tags: [{", ".join(words.sample(tags, 3))}]\n' for n in range(2_000)
    )

    assert plainly(manifest(items)) == by_parser(manifest(items))


def test_fastpath_reports_errors_like_the_parser(faults: Callable[..., list[Any]], tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_bytes(manifest("  - path: /a.jpg\n    tags: [red]\n  - path: /b.jpg\n    tags: [no]\n"))

    with pytest.raises(ManifestError) as caught:
        read_manifests([str(path)])

    [fault] = caught.value.diagnostics
    assert (str(fault.origin), fault.code) == (f"{path}:8:12", "quote")
    assert [code for _, code, _ in faults(path.read_bytes())] == ["quote"]
