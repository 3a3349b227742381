import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from builders import AWS, ai, file_object, write_library
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.sandbox.search import compile_query
from tagsync.sandbox.store import Store
from tagsync.sandbox.tokens import QueryError

MAX_QUERY = 20_000

NOW = datetime(2024, 6, 15, 12, 30, tzinfo=UTC)

Search = Callable[[str], str]


def item(letter: str, path: str, *tags: str, ai_tags: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    judged = [ai(name, source=AWS) for name in ai_tags]
    return {**file_object(path, tags, judged, **members), "fileId": f"id-{letter}", "letter": letter}


LIBRARY = [
    item(
        "a",
        "/shop/Red.jpg",
        "shoes",
        "red",
        ai_tags=("Shoe", "Sports Car"),
        size=1000,
        width=100,
        height=50,
        isPrivateFile=True,
        isPublished=True,
        createdAt="2024-01-01T00:00:00.000Z",
        updatedAt="2024-06-15T12:00:00.000Z",
        customMetadata={"brand": "Nike", "price": 10, "sizes": ["s", "m"], "sale": True, "a b": "x", "none": None},
        createdBy="ann@example.org",
        hasAlpha=True,
        embeddedMetadata={"Keywords": ["Red Dress", "coat"], "DateTimeOriginal": "2024-06-01T00:00:00.000Z"},
    ),
    item(
        "b",
        "/shop/sub/blue.PNG",
        "shoes",
        ai_tags=("red",),
        size=10_000,
        width=200,
        height=200,
        isPrivateFile=False,
        isPublished=False,
        createdAt="2024-06-08T12:30:00.000Z",
        updatedAt="2024-06-08T12:30:00.000Z",
        customMetadata={
            "brand": "nikelodeon",
            "price": 10.5,
            "sizes": ["m"],
            "sale": False,
            "größe": "XL",
            "note": "Blue, warm COAT",
        },
        createdBy="ben@example.org",
        hasAlpha=False,
        embeddedMetadata={"Keywords": ["hat"]},
    ),
    item(
        "c",
        '/shop/sub/deep/it\'s 100%_"q"\\.gif',
        "Shoes",
        "é",
        "💚",
        size=1_500_000,
        width=300,
        height=10,
        createdAt="2024-06-14T12:30:00.000Z",
        updatedAt="2024-06-14T12:30:00.000Z",
        customMetadata={"brand": "Puma", "price": "10"},
    ),
    item("d", "/notes", createdAt="0999-12-31T00:00:00.000Z", updatedAt="0999-12-31T00:00:00.000Z", size=0),
    item(
        "e", "/shop-two/red.jpg.txt", "Red", createdAt="2023-05-01T12:30:00.000Z", updatedAt="2024-05-20T12:30:00.000Z"
    ),
    {**item("v", "/shop/Red.jpg", "shoes", size=900, createdAt="2023-01-01T00:00:00.000Z"), "type": "file-version"},
    {
        "type": "folder",
        "folderId": "id-f",
        "folderPath": "/shop/sub",
        "name": "sub",
        "letter": "f",
        "createdAt": "2024-06-08T00:00:00.000Z",
        "updatedAt": "2024-06-08T00:00:00.000Z",
    },
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(":memory:", write_library(tmp_path_factory.mktemp("search") / "library.jsonl", LIBRARY))
    yield opened
    opened.close()


def found(store: Store, query: str) -> str:
    """Return the letters of what a query finds, sorted."""
    condition = compile_query(query, NOW)
    answer = store.list(
        kind="file", condition=condition, path=None, file_type="all", sort="ASC_CREATED", limit=1000, skip=0
    )
    return "".join(sorted(item.get("letter", "") for item in json.loads(answer)))


def outcome(store: Store, query: str) -> tuple[str, str]:
    """Return the letters of what a query finds, or the words that refuse it."""
    try:
        return found(store, query), ""
    except QueryError as error:
        return "", str(error)


@pytest.fixture(scope="module")
def search(store: Store) -> Search:
    return lambda query: found(store, query)


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('name = "Red.jpg"', "a"),
        ('name = "red.jpg"', ""),
        ('name = "Red"', ""),
        ('name : "Red"', "a"),
        ('name:"red"', "e"),
        ('name : ""', "abcde"),
        ('name : "%ed"', ""),
        ('name : "_ed"', ""),
        ('name IN ["Red.jpg", "notes", "none"]', "ad"),
        ('name NOT IN ["Red.jpg", "notes"]', "bce"),
        ('name NOT = "Red.jpg"', "bcde"),
        ('name = "it\'s 100%_\\"q\\"\\\\.gif"', "c"),
    ],
)
def test_search_name_matches_exactly_or_by_prefix(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('path = "/shop"', "a"),
        ('path = "/shop/"', "a"),
        ('path = "/"', "d"),
        ('path = "/SHOP/"', ""),
        ('path : "/shop"', "abc"),
        ('path:"/shop/sub/"', "bc"),
        ('path : "/"', "abcde"),
        ('path : "/sho"', ""),
        ('path IN ["/shop/", "/shop/sub"]', "ab"),
        ('path NOT IN ["/shop/", "/shop/sub"]', "cde"),
        ('path NOT = "/shop"', "bcde"),
    ],
)
def test_search_path_matches_a_folder_or_with_colon_all_below(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('tags IN ["shoes"]', "ab"),
        ('tags IN ["red"]', "ab"),
        ('tags IN ["Shoe"]', "a"),
        ('tags IN ["Sports Car"]', "a"),
        ('tags IN ["Shoes", "Red"]', "ce"),
        ('tags IN ["é"]', "c"),
        ('tags IN ["💚"]', "c"),
        ('tags IN ["sho"]', ""),
        ('tags NOT IN ["red"]', "cde"),
        ('tags NOT IN ["shoes", "Shoes"]', "de"),
        ('tags NOT IN ["none"]', "abcde"),
        (f'tags IN ["{AWS}"]', ""),
    ],
)
def test_search_tags_includes_ai_tags(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('tags HAS "SHOES"', "abc"),
        ('tags HAS "sho"', "abc"),
        ('tags HAS "hoes"', ""),
        ('tags HAS "car sports"', "a"),
        ('tags HAS "car spo"', "a"),
        ('tags HAS "sports car"', "a"),
        ('tags HAS "shoes red"', ""),
        ('tags HAS "É"', "c"),
        ('tags HAS "-"', ""),
        ('name HAS "red"', "ae"),
        ('name HAS "RED.JPG"', "ae"),
        ('name HAS "red txt"', "e"),
        ('name HAS "jpg re"', "ae"),
        ('name HAS "100% Q"', "c"),
        ('"customMetadata.note" HAS "coat blue"', "b"),
        ('"customMetadata.note" HAS "blue co"', "b"),
        ('"customMetadata.sizes" HAS "M"', "ab"),
        ('"customMetadata.price" HAS "10"', "c"),
        ('"embeddedMetadata.Keywords" HAS "dress"', "a"),
        ('NOT tags HAS "shoes"', "de"),
    ],
)
def test_search_has_ignores_case_and_accepts_a_prefix(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ("tags EXISTS", "abce"),
        ("tags NOT EXISTS", "d"),
        ("tags exists", "abce"),
        ('type = "folder" AND tags NOT EXISTS', "f"),
        ('"customMetadata.sizes" EXISTS', "ab"),
        ('"customMetadata.sizes" NOT EXISTS', "cde"),
        ('"customMetadata.none" EXISTS', ""),
        ('"embeddedMetadata.Keywords" EXISTS', "ab"),
        ('"embeddedMetadata.DateTimeOriginal" NOT EXISTS', "bcde"),
        ("NOT tags NOT EXISTS", "abce"),
        ('tags EXISTS AND ("customMetadata.sizes" NOT EXISTS OR width > 100)', "bce"),
    ],
)
def test_search_exists_finds_any_tag(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


def test_search_tags_exists_finds_files_with_ai_tags_only(tmp_path: Path) -> None:
    store = Store(":memory:", write_library(tmp_path / "library.jsonl", [item("x", "/x.jpg", ai_tags=("Dog",))]))
    assert (found(store, "tags EXISTS"), found(store, "tags NOT EXISTS")) == ("x", "")
    store.close()


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('createdBy = "ann@example.org"', "a"),
        ('createdBy IN ["ann@example.org", "ben@example.org"]', "ab"),
        ('createdBy NOT = "ann@example.org"', "bcde"),
        ('createdBy NOT IN ["ann@example.org", "ben@example.org"]', "cde"),
        ("transparency = true", "a"),
        ("transparency = false", "b"),
        ('"embeddedMetadata.Keywords" IN ["coat", "hat"]', "ab"),
        ('"embeddedMetadata.Keywords" NOT IN ["coat"]', "bcde"),
        ('"embeddedMetadata.DateTimeOriginal" > "2w"', ""),
        ('"embeddedMetadata.DateTimeOriginal" > "3w"', "a"),
        ('"embeddedMetadata.DateTimeOriginal" = 2024-06-01', "a"),
    ],
)
def test_search_matches_uploader_transparency_and_metadata(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("quoted", "bare"),
    [
        ('"name" : "Red"', 'name : "Red"'),
        ('"tags" IN ["red"]', 'tags IN ["red"]'),
        ('"tags" NOT EXISTS', "tags NOT EXISTS"),
        ('"createdAt" > "1w"', 'createdAt > "1w"'),
        ('"width" > 100 AND ("path" : "/shop/")', 'width > 100 AND (path : "/shop/")'),
        ('"type" = "folder"', 'type = "folder"'),
    ],
)
def test_search_field_may_be_quoted(search: Search, quoted: str, bare: str) -> None:
    assert search(quoted) == search(bare) != ""


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('type = "file"', "abcde"),
        ('type = "folder"', "f"),
        ('type = "file-version"', "v"),
        ('type IN ["file", "folder"]', "abcdef"),
        ('type NOT = "file"', "fv"),
        ('type NOT IN ["file", "folder"]', "v"),
        ('size > 800 AND type IN ["file", "file-version"]', "abcv"),
        ("size > 800", "abc"),
        ('NOT (size > 800 AND type = "file")', "defv"),
    ],
)
def test_search_without_a_type_finds_files_only(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('id = "id-a"', "a"),
        ('id = "ID-A"', ""),
        ('id IN ["id-a", "id-b", "id-f"]', "ab"),
        ('id NOT = "id-a"', "bcde"),
        ('id NOT IN ["id-a", "id-b"]', "cde"),
        ('id = "id-f" AND type = "folder"', "f"),
    ],
)
def test_search_id_finds_a_file_or_folder(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ("createdAt = 2024-01-01", "a"),
        ('createdAt = "2024-01-01"', "a"),
        ("createdAt > 2024-01-01", "bc"),
        ("createdAt >= 2024-01-01", "abc"),
        ("createdAt < 2024-01-01", "de"),
        ("createdAt <= 2024-01-01", "ade"),
        ("createdAt NOT = 2024-01-01", "bcde"),
        ("createdAt IN [2024-01-01, 2024-06-08T12:30:00]", "ab"),
        ("createdAt NOT IN [2024-01-01, 2024-06-08T12:30:00]", "cde"),
        ("createdAt = 2024-06-08T12:30:00", "b"),
        ('createdAt > "2024-06-08T12:29:59"', "bc"),
        ("createdAt > 2024-06-08T12:30:00", "c"),
        ("createdAt = 2024-06-08T12:30:00.000Z", "b"),
        ("createdAt > 24h", ""),
        ("createdAt >= 24h", "c"),
        ("createdAt > 25h", "c"),
        ('createdAt > "1d"', ""),
        ('createdAt > "2d"', "c"),
        ("createdAt >= 1w", "bc"),
        ("createdAt > 1w", "c"),
        ("updatedAt > 1m", "abce"),
        ("updatedAt > 3w", "abc"),
        ("createdAt < 1y", "de"),
        ("createdAt < 2y", "d"),
        ("createdAt > 1000y", "abce"),
        ("createdAt > 2000y", "abcde"),
        ("createdAt > 0001-01-01", "abcde"),
        ("createdAt < 9999-12-31", "abcde"),
        ("createdAt > 0h", ""),
        ("updatedAt > 1h", "a"),
    ],
)
def test_search_dates_may_be_days_times_or_ages(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ("size = 1000", "a"),
        ('size = "1kb"', "a"),
        ("size = 1KB", "a"),
        ("size > 1kb", "bc"),
        ('size >= "10kb"', "bc"),
        ("size = 1.5mb", "c"),
        ('size < "1.5MB"', "abd"),
        ("size <= 1.5mb", "abcd"),
        ("size IN [1000, 10kb]", "ab"),
        ("size NOT IN [1000, 10kb]", "cde"),
        ("size NOT = 1000", "bcde"),
        ("width = 100", "a"),
        ("width = 100.0", "a"),
        ("width > 100", "bc"),
        ("width >= 100", "abc"),
        ("width < 200", "a"),
        ("width <= 200", "ab"),
        ("width > -1", "abc"),
        ("width IN [100, 300]", "ac"),
        ("width NOT IN [100, 300]", "bde"),
        ("width NOT = 100", "bcde"),
        ("height < 50", "c"),
        ("height <= 50.5", "ac"),
        (f"width < {'9' * 400}", "abc"),
    ],
)
def test_search_measures_compare_as_numbers(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('format = "jpg"', "a"),
        ('format = "png"', "b"),
        ('format IN ["jpg", "gif"]', "ac"),
        ('format = "notes"', ""),
        ('format = "sub" AND type = "folder"', ""),
        ("private = true", "a"),
        ("private = false", "bcde"),
        ("published = TRUE", "acde"),
        ("published = false", "b"),
    ],
)
def test_search_matches_format_private_and_published(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('"customMetadata.brand" = "Nike"', "a"),
        ('"customMetadata.brand" = "nike"', ""),
        ('"customMetadata.brand" : "nike"', "b"),
        ('"customMetadata.brand" IN ["Nike", "Puma"]', "ac"),
        ('"customMetadata.brand" NOT = "Nike"', "bcde"),
        ('"customMetadata.brand" NOT IN ["Nike", "Puma"]', "bde"),
        ('"customMetadata.price" = 10', "a"),
        ('"customMetadata.price" = "10"', "c"),
        ('"customMetadata.price" IN [10, 10.5]', "ab"),
        ('"customMetadata.price" < 10.5', "a"),
        ('"customMetadata.price" <= 10.5', "ab"),
        ('"customMetadata.price" >= 10 AND "customMetadata.price" < 11', "ab"),
        ('"customMetadata.sale" = true', "a"),
        ('"customMetadata.sale" = false', "b"),
        ('"customMetadata.sizes" IN ["s", "x"]', "a"),
        ('"customMetadata.sizes" IN ["m"]', "ab"),
        ('"customMetadata.sizes" NOT IN ["s"]', "bcde"),
        ('"customMetadata.a b" = "x"', "a"),
        ('"customMetadata.größe" = "XL"', "b"),
        ('"customMetadata.none" = "x"', ""),
        ('"customMetadata.none" NOT = "x"', "abcde"),
    ],
)
def test_search_custom_metadata_compares_by_type_and_item(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ('id = "id-a" OR id = "id-b" AND id = "id-c"', "a"),
        ('(id = "id-a" OR id = "id-b") AND id = "id-b"', "b"),
        ('id = "id-c" AND id = "id-b" OR id = "id-a"', "a"),
        ('NOT id = "id-a" AND width > 0', "bc"),
        ('NOT (id = "id-a" AND width > 0)', "bcde"),
        ('NOT id = "id-a" OR id = "id-a"', "abcde"),
        ('NOT NOT id = "id-a"', "a"),
        ('NOT tags NOT IN ["red"]', "ab"),
        ("NOT width > 100", "ade"),
        ("NOT width NOT = 100", "a"),
        ('not id = "id-a" and (width > 0 or id in ["id-d"])', "bcd"),
        ('((id = "id-a"))', "a"),
        ('\n\tid="id-a"OR(id="id-b")\n', "ab"),
    ],
)
def test_search_not_binds_tighter_than_and_than_or(search: Search, query: str, letters: str) -> None:
    assert search(query) == letters


class Expression(NamedTuple):
    """A query, how closely its outermost operator binds, and the files that it is true of."""

    text: str
    binding: int
    letters: frozenset[str]


FILES = frozenset("abcde")
LEAVES = [
    Expression('tags IN ["red"]', 3, frozenset("ab")),
    Expression('tags NOT IN ["shoes"]', 3, frozenset("cde")),
    Expression("width > 100", 3, frozenset("bc")),
    Expression('name:"Red"', 3, frozenset("a")),
    Expression('"customMetadata.price" < 11', 3, frozenset("ab")),
    Expression("createdAt < 2024-01-01", 3, frozenset("de")),
]


def within(inner: Expression, binding: int) -> str:
    return inner.text if inner.binding >= binding else f"({inner.text})"


def negated(inner: Expression) -> Expression:
    return Expression(f"NOT {within(inner, 2)}", 2, FILES - inner.letters)


def both(pair: tuple[Expression, Expression]) -> Expression:
    left, right = pair
    return Expression(f"{within(left, 1)} AND {within(right, 1)}", 1, left.letters & right.letters)


def either(pair: tuple[Expression, Expression]) -> Expression:
    left, right = pair
    return Expression(f"{within(left, 0)} OR {within(right, 0)}", 0, left.letters | right.letters)


def expressions() -> st.SearchStrategy[Expression]:
    inner: st.SearchStrategy[Expression] = st.sampled_from(LEAVES)
    for _ in range(4):
        pairs = st.tuples(inner, inner)
        inner = st.one_of(inner, inner.map(negated), pairs.map(both), pairs.map(either))
    return inner


@given(expression=expressions())
@settings(deadline=None, max_examples=200)
def test_search_combinations_follow_their_logic(store: Store, expression: Expression) -> None:
    assert found(store, expression.text) == "".join(sorted(expression.letters))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "The sandbox cannot read the searchQuery: expected a field instead of the end."),
        ("  ", "The sandbox cannot read the searchQuery: expected a field instead of the end."),
        ("name", "The sandbox cannot read the searchQuery: expected an operator instead of the end."),
        ("name =", "The sandbox cannot read the searchQuery: expected a text in quotation marks instead of the end."),
        ("name = Red", 'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "Red".'),
        ("name = 5", 'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "5".'),
        ('name = "Red', "The sandbox cannot read the searchQuery at character 7."),
        (r'name = "a\d"', "The sandbox cannot read the searchQuery at character 7."),
        ("name = 'Red'", "The sandbox cannot read the searchQuery at character 7."),
        ('name = "a"; id = "b"', "The sandbox cannot read the searchQuery at character 11."),
        (
            'name = "a" id = "b"',
            'The sandbox cannot read the searchQuery: expected AND, OR or the end instead of "id".',
        ),
        ('name = "a" AND', "The sandbox cannot read the searchQuery: expected a field instead of the end."),
        ('AND name = "a"', "The sandbox does not support the field AND in searchQuery (ImageKit may)"),
        ('name == "a"', 'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "=".'),
        ('name != "a"', "The sandbox cannot read the searchQuery at character 5."),
        ('name LIKE "a"', 'The sandbox cannot read the searchQuery: expected an operator instead of "LIKE".'),
        ('name < "a"', "The sandbox does not support the operator < for the field name in searchQuery (ImageKit may)"),
        ('tags = "a"', "The sandbox does not support the operator = for the field tags in searchQuery (ImageKit may)"),
        ('tags : "a"', "The sandbox does not support the operator : for the field tags in searchQuery (ImageKit may)"),
        (
            'tags NOT = "a"',
            "The sandbox does not support the operator NOT = for the field tags in searchQuery (ImageKit may)",
        ),
        (
            'type : "file"',
            "The sandbox does not support the operator : for the field type in searchQuery (ImageKit may)",
        ),
        ('id > "a"', "The sandbox does not support the operator > for the field id in searchQuery (ImageKit may)"),
        (
            "createdAt : 2024-01-01",
            "The sandbox does not support the operator : for the field createdAt in searchQuery (ImageKit may)",
        ),
        ("size : 5", "The sandbox does not support the operator : for the field size in searchQuery (ImageKit may)"),
        (
            'format NOT = "jpg"',
            "The sandbox does not support the operator NOT = for the field format in searchQuery (ImageKit may)",
        ),
        (
            'format NOT IN ["jpg"]',
            "The sandbox does not support the operator NOT IN for the field format in searchQuery (ImageKit may)",
        ),
        (
            "private IN [true]",
            "The sandbox does not support the operator IN for the field private in searchQuery (ImageKit may)",
        ),
        (
            "published NOT = true",
            "The sandbox does not support the operator NOT = for the field published in searchQuery (ImageKit may)",
        ),
        ('AITags IN ["a"]', "The sandbox does not support the field AITags in searchQuery (ImageKit may)"),
        ('Name = "a"', "The sandbox does not support the field Name in searchQuery (ImageKit may)"),
        ('folder = "a"', "The sandbox does not support the field folder in searchQuery (ImageKit may)"),
        ('file_id = "a"', "The sandbox does not support the field file_id in searchQuery (ImageKit may)"),
        (
            '"embeddedMetadata.Title" = "a"',
            "The sandbox does not support the field embeddedMetadata.Title in searchQuery (ImageKit may)",
        ),
        (
            '"embeddedMetadata.LocationTaken" = "40,100 5km"',
            "The sandbox does not support the field embeddedMetadata.LocationTaken in searchQuery (ImageKit may)",
        ),
        (
            '"embeddedMetadata.Keywords" = "a"',
            (
                "The sandbox does not support the operator = for the field embeddedMetadata.Keywords in searchQuery "
                "(ImageKit may)"
            ),
        ),
        (
            'tags NOT HAS "a"',
            "The sandbox does not support the operator NOT HAS for the field tags in searchQuery (ImageKit may)",
        ),
        (
            "width EXISTS",
            "The sandbox does not support the operator EXISTS for the field width in searchQuery (ImageKit may)",
        ),
        (f"tags {'NOT ' * 4000}IN", 'The sandbox cannot read the searchQuery: expected an operator instead of "NOT".'),
        ('tags EXISTS "a"', 'The sandbox cannot read the searchQuery: expected AND, OR or the end instead of "a".'),
        (
            'embeddedMetadata.Keywords IN ["a"]',
            'The sandbox reads this field of a searchQuery only in quotes: "embeddedMetadata.field".',
        ),
        (
            'customMetadata.brand = "a"',
            'The sandbox reads this field of a searchQuery only in quotes: "customMetadata.field".',
        ),
        ('"customMetadata." = "a"', "The sandbox does not support the customMetadata field name '' in searchQuery."),
        (
            r'"customMetadata.a\"b" = "a"',
            "The sandbox does not support the customMetadata field name 'a\"b' in searchQuery.",
        ),
        (
            '"customMetadata.a\0b" = 1',
            r"The sandbox does not support the customMetadata field name 'a\x00b' in searchQuery.",
        ),
        ('"customMetadata.a" = b', 'The sandbox cannot read the searchQuery: expected a value instead of "b".'),
        (
            '"customMetadata.a" : 5',
            "The sandbox supports : for customMetadata.a in searchQuery only with a text in quotes.",
        ),
        (
            '"customMetadata.a" HAS 5',
            "The sandbox supports HAS for customMetadata.a in searchQuery only with a text in quotes.",
        ),
        ('tags IN "a"', 'The sandbox cannot read the searchQuery: expected [ instead of "a".'),
        ("tags IN []", 'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "]".'),
        ('tags IN ["a"', "The sandbox cannot read the searchQuery: expected ] instead of the end."),
        (
            'tags IN ["a",]',
            'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "]".',
        ),
        ('tags IN ["a" "b"]', 'The sandbox cannot read the searchQuery: expected ] instead of "b".'),
        ('tags NOT ["a"]', 'The sandbox cannot read the searchQuery: expected an operator instead of "[".'),
        ("tags IN [5]", 'The sandbox cannot read the searchQuery: expected a text in quotation marks instead of "5".'),
        ('(name = "a"', "The sandbox cannot read the searchQuery: expected ) instead of the end."),
        ('name = "a")', 'The sandbox cannot read the searchQuery: expected AND, OR or the end instead of ")".'),
        ("()", 'The sandbox cannot read the searchQuery: expected a field instead of ")".'),
        ('(name) = "a"', 'The sandbox cannot read the searchQuery: expected an operator instead of ")".'),
        ('width = "100"', 'The sandbox cannot read the searchQuery: expected a number instead of "100".'),
        ("width = 1kb", 'The sandbox cannot read the searchQuery: expected a number instead of "1kb".'),
        ("width = 1.2.3", 'The sandbox cannot read the searchQuery: expected a number instead of "1.2.3".'),
        ("width = 1e3", 'The sandbox cannot read the searchQuery: expected a number instead of "1e3".'),
        ("width = NaN", 'The sandbox cannot read the searchQuery: expected a number instead of "NaN".'),
        ('size = "1gb"', 'The sandbox cannot read the searchQuery: expected a number instead of "1gb".'),
        ('size = "100"', 'The sandbox cannot read the searchQuery: expected a number instead of "100".'),
        ("size = -1kb", 'The sandbox cannot read the searchQuery: expected a number instead of "-1kb".'),
        ("private = 1", 'The sandbox cannot read the searchQuery: expected true or false instead of "1".'),
        ('private = "true"', 'The sandbox cannot read the searchQuery: expected true or false instead of "true".'),
    ],
)
def test_search_refuses_undocumented_syntax_with_the_reason(query: str, words: str) -> None:
    with pytest.raises(QueryError) as refused:
        compile_query(query, NOW)
    assert str(refused.value).partition("; supported: ")[0] == words


@pytest.mark.parametrize(
    "date",
    [
        "2024",
        "20240101",
        "2024-1-1",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29",
        "0000-01-01",
        "2024-01-01T24:00:01",
        "2024-01-01T00:00",
        "2024-01-01T00:00:00.1234567",
        "2024-W01-1",
        "10000-01-01",
        "-2024-01-01",
        "now",
        "7",
        "7D",
        "7s",
        "-7d",
        "1.5d",
        "3000y",
        "999999y",
        "9999999h",
    ],
)
def test_search_refuses_an_absurd_date(date: str) -> None:
    with pytest.raises(QueryError) as refused:
        compile_query(f"createdAt > {date}", NOW)
    assert str(refused.value) == f'The sandbox cannot read the searchQuery: expected a date instead of "{date}".'
    with pytest.raises(QueryError, match="expected a date instead of"):
        compile_query(f'updatedAt IN [2024-01-01, "{date}"]', NOW)


@pytest.mark.parametrize("date", ['"2024-01-01T00:00:00+05:00"', '""', '" 2024-01-01"', '"2024-01-01 00:00:00"'])
def test_search_refuses_quoted_text_as_a_date(date: str) -> None:
    with pytest.raises(QueryError, match=re.escape(f"expected a date instead of {date}.")):
        compile_query(f"createdAt > {date}", NOW)


@pytest.mark.parametrize("step", ["(", "NOT ", "NOT (", "width = 1 AND (", "width = 1 OR width = 2 AND NOT ("])
def test_search_evaluates_or_refuses_any_nesting(store: Store, step: str) -> None:
    queries = [step * depth + 'tags NOT IN ["a"]' + ")" * depth * step.count("(") for depth in range(1, 30)]
    outcomes = [outcome(store, query)[1] for query in queries]
    allowed = outcomes.count("")
    assert allowed >= 5
    assert outcomes == [""] * allowed + ["The sandbox does not support a searchQuery with more than 12 levels."] * (
        29 - allowed
    )


def test_search_closed_nesting_does_not_count(search: Search) -> None:
    assert search(" OR ".join(['((NOT id = "id-a"))'] * 20)) == "bcde"


@pytest.mark.parametrize(
    ("joint", "letters"), [(" OR ", "bc"), (" AND ", "bc"), (" OR NOT ", "abcde"), (" AND NOT ", "")]
)
def test_search_limits_the_number_of_conditions(search: Search, joint: str, letters: str) -> None:
    assert search(joint.join(["width > 100"] * 500)) == letters
    with pytest.raises(QueryError) as refused:
        compile_query(joint.join(["width > 100"] * 501), NOW)
    assert str(refused.value) == "The sandbox does not support a searchQuery of more than 500 conditions."


def test_search_evaluates_a_list_of_many_values(search: Search) -> None:
    values = ", ".join(['"x"'] * 3000)
    assert search(f'tags IN [{values}, "red"]') == "ab"


def test_search_limits_the_length_of_a_query() -> None:
    text = 'name = "a"'
    compile_query(text.ljust(MAX_QUERY), NOW)
    with pytest.raises(QueryError) as refused:
        compile_query(text.ljust(MAX_QUERY + 1), NOW)
    assert str(refused.value) == "The sandbox does not support a searchQuery of more than 20000 characters."


INJECTIONS = [
    "' OR 1=1 --",
    "' OR ''='",
    "x') OR 1=1 --",
    "'; DROP TABLE files; --",
    "' UNION SELECT name FROM sqlite_master --",
    '") OR 1=1 --',
    "%",
    "?",
    "\0",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "query",
    [
        "name = {}",
        "name : {}",
        "name IN [{}]",
        "path = {}",
        "path : {}",
        "tags IN [{}]",
        "type = {}",
        "id IN [{}]",
        "format = {}",
        '"customMetadata.brand" = {}',
        '"customMetadata.brand" : {}',
        '"customMetadata.brand" IN [{}]',
    ],
)
def test_search_treats_sql_in_a_value_as_text(search: Search, query: str, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert search(query.format(quoted)) == ""
    assert search('name : ""') == "abcde"


@pytest.mark.parametrize("text", INJECTIONS)
def test_search_treats_sql_in_a_custom_field_as_text(store: Store, text: str) -> None:
    quoted = text.replace('"', '\\"')
    letters, words = outcome(store, f'"customMetadata.{quoted}" = "Nike"')
    assert letters == ""
    assert words in ("", f"The sandbox does not support the customMetadata field name {text!a} in searchQuery.")


@pytest.mark.parametrize(
    "query",
    [
        'name; DROP TABLE files; -- = "a"',
        "1=1",
        "1 = 1 OR name = 1",
        'name = "a" UNION SELECT 1',
        'name = "a" OR 1=1',
        'name = (SELECT "a")',
        "size = 5--",
        "width = 0x10",
        'id = "a" /* */',
    ],
)
def test_search_refuses_sql_outside_a_value(query: str) -> None:
    with pytest.raises(QueryError, match="searchQuery"):
        compile_query(query, NOW)


PIECES = [
    *("name", "path", "tags", "type", "id", "createdAt", "size", "width", "format", "private", "customMetadata.x"),
    *(
        '"customMetadata.brand"',
        '"customMetadata.$[0]"',
        "embeddedMetadata.x",
        "AND",
        "OR",
        "NOT",
        "IN",
        "HAS",
        "EXISTS",
    ),
    *("=", ":", "<", "<=", ">", ">=", "(", ")", "[", "]", ",", "!", "'", '"', "\\", ";", "--", "%", "\0"),
    *('"file"', '"é"', "true", "false", "5", "-1", "1.5mb", '"10kb"', "2024-01-01", "7d", "999999y", "9" * 30),
]


@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25), joint=st.sampled_from(["", " "]))
@settings(deadline=None, max_examples=200)
def test_search_evaluates_or_refuses_any_tokens(store: Store, pieces: list[str], joint: str) -> None:
    letters, words = outcome(store, joint.join(pieces))
    assert (words == "" and set(letters) <= set("abcdefv")) or "searchQuery" in words


COMPARISONS = st.tuples(
    st.sampled_from(["name", "path", "tags", "type", "id", "createdAt", "size", "private", '"customMetadata.price"']),
    st.sampled_from(["=", ":", "<", ">=", "NOT ="]),
    st.sampled_from(['"a"', '""', "5", "-0.5", "true", "2024-01-01", "0001-01-01", "1h", '"1mb"', '"\0"', '"$"']),
).map(" ".join)


@given(parts=st.lists(COMPARISONS, min_size=1, max_size=4), joint=st.sampled_from([" AND ", " OR ", " AND NOT "]))
@settings(deadline=None, max_examples=200)
def test_search_evaluates_or_refuses_any_comparison(store: Store, parts: list[str], joint: str) -> None:
    letters, words = outcome(store, joint.join(parts))
    assert (words == "" and set(letters) <= set("abcdefv")) or "searchQuery" in words


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ('path : "/shop/"', "files_by_folder (folder>? AND folder<?)"),
        ('path = "/shop/"', "files_by_folder (folder=?)"),
        ('path IN ["/shop/", "/b/"]', "files_by_folder (folder=?)"),
        ('id IN ["id-a", "id-b"]', "sqlite_autoindex_files_1 (file_id=?)"),
        ('name IN ["b.jpg", "c.jpg"]', "files_by_name (name=?)"),
        ('name : "a"', "files_by_name (name>? AND name<?)"),
        ('updatedAt > "2024-01-01"', "files_by_update (updated_at>?)"),
        ('path : "/shop/" AND tags IN ["red"]', "files_by_folder (folder>? AND folder<?)"),
        ('id = "id-a" OR name = "b.jpg"', "files_by_name (name=?)"),
        ('createdAt > "2024-01-01"', "files_by_creation (type=? AND created_at>?)"),
    ],
)
@pytest.mark.parametrize("skip", [0, 1])
def test_search_by_folder_name_id_or_time_uses_an_index(tmp_path: Path, query: str, index: str, skip: int) -> None:
    many = [file_object(f"/many/{number:03d}/a.jpg") for number in range(500)]
    store = Store(":memory:", write_library(tmp_path / "library.jsonl", [*LIBRARY, *many]))
    ran: list[str] = []
    store._db.set_trace_callback(ran.append)  # what is not looked at cannot be told from the answer
    condition = compile_query(query, NOW)
    store.list(kind="file", condition=condition, path=None, file_type="all", sort="ASC_CREATED", limit=9, skip=skip)
    (statement,) = [line for line in ran if "ORDER BY" in line]
    store._db.set_trace_callback(None)
    plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    store.close()
    assert any(index in line for line in plan), plan
    assert not any(line.startswith("SCAN files") for line in plan), plan


@given(text=st.text("ab\ud7ff\ue000\U0010ffff/", max_size=3), prefix=st.text("ab\ud7ff\ue000\U0010ffff/", max_size=3))
def test_search_by_prefix_finds_exactly_matching_names(text: str, prefix: str) -> None:
    condition = compile_query(f'name : "{prefix}"', NOW)
    sql = f"SELECT {condition.sql} FROM (SELECT ? AS name)"  # noqa: S608 - our own words
    with closing(sqlite3.connect(":memory:")) as database:
        found = database.execute(sql, (*condition.parameters, text)).fetchone()
    assert bool(found[0]) == text.startswith(prefix)
