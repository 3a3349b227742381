import re
from functools import cache

import pytest
from builders import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.globs import capture_fault, capture_glob, escaped, glob_fault, literal_prefix, path_glob, tag_glob


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/shop/**", "/shop/a.jpg"),
        ("/shop/**", "/shop/a/b/c.jpg"),
        ("/shop/*", "/shop/a.jpg"),
        ("/shop/**/red.jpg", "/shop/red.jpg"),
        ("/shop/**/red.jpg", "/shop/a/b/red.jpg"),
        ("/**/a/**/b", "/a/b"),
        ("/**/a/**/b", "/x/a/y/z/b"),
        ("/shop**", "/shopping/a.jpg"),
        ("/a?c", "/abc"),
        (r"/what\?", "/what?"),
        (r"/a\*b", "/a*b"),
        ("/a[1].jpg", "/a[1].jpg"),
        ("/{a,b}", "/{a,b}"),
        ("/a\nb*", "/a\nbc"),
    ],
)
def test_glob_matches(pattern: str, path: str) -> None:
    assert path_glob(pattern).fullmatch(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/shop/*", "/shop/a/b.jpg"),
        ("/shop/*", "/shop"),
        ("/shop/**", "/shopping/a.jpg"),
        ("/a?c", "/a/c"),
        ("/Shop/*", "/shop/a.jpg"),
        (r"/a\*b", "/axb"),
        ("/a[1].jpg", "/a1.jpg"),
        ("/**/red.jpg", "/darkred.jpg"),
    ],
)
def test_glob_does_not_match(pattern: str, path: str) -> None:
    assert not path_glob(pattern).fullmatch(path)


@settings(max_examples=examples(400), deadline=None)
@given(
    pattern=st.lists(st.sampled_from(["a", "b", "/", "*", "**", "/**/", "?", r"\*"]), max_size=8).map("".join),
    path=st.text("ab/*", max_size=9),
)
def test_glob_agrees_with_its_definition(pattern: str, path: str) -> None:
    by_definition = matches_by_definition("/" + pattern, "/" + path)
    assert bool(path_glob("/" + pattern).fullmatch("/" + path)) is by_definition
    if by_definition:
        assert ("/" + path).startswith(literal_prefix("/" + pattern))


def matches_by_definition(pattern: str, path: str) -> bool:
    """Try everything that a wildcard may match: slow, but short and easy to check."""

    @cache
    def match(at: int, seen: int) -> bool:  # noqa: PLR0911 - one line for each kind of token
        if at == len(pattern):
            return seen == len(path)
        if pattern.startswith("/**/", at) and seen < len(path) and path[seen] == "/":
            folder_ends = [place for place in range(seen, len(path)) if path[place] == "/"]
            # `/**/` is one slash, or a slash, any folders and a slash; `**/` may follow again.
            return any(match(at + 4, end + 1) or match(at + 3, end) for end in folder_ends)
        if pattern.startswith("/**/", at):
            return False
        if pattern.startswith("**", at):
            return any(match(at + 2, end) for end in range(seen, len(path) + 1))
        if pattern[at] == "*":
            end = path.find("/", seen)
            return any(match(at + 1, stop) for stop in range(seen, (len(path) if end < 0 else end) + 1))
        if seen == len(path):
            return False
        if pattern[at] == "?":
            return path[seen] != "/" and match(at + 1, seen + 1)
        if pattern[at] == "\\":
            return pattern[at + 1] == path[seen] and match(at + 2, seen + 1)
        return pattern[at] == path[seen] and match(at + 1, seen + 1)

    return match(0, 0)


@pytest.mark.parametrize("pattern", ["/" + "*a" * 40 + "b", "/" + "**a" * 40 + "b", "/" + "**/*a" * 20 + "b"])
def test_glob_that_is_hostile_takes_bounded_time(pattern: str) -> None:
    assert not path_glob(pattern).fullmatch("/" + "a" * 3000)


def test_tag_glob_wildcards_match_any_character() -> None:
    assert tag_glob("arm*").fullmatch("arm/arms raised")
    assert tag_glob("a?b").fullmatch("a/b")
    assert not tag_glob("shoe*").fullmatch("ashoe")
    assert tag_glob(r"50\*").fullmatch("50*")


def test_glob_fault_names_trailing_backslash() -> None:
    assert glob_fault("/a\\")
    assert glob_fault("/a\\\\") is None
    assert glob_fault("/a*") is None


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("/shop/**", "/shop/"),
        ("/shop/**/a", "/shop/"),
        ("/shop/re*", "/shop/re"),
        (r"/a\*b?", "/a*b"),
        ("/a", "/a"),
        ("/a/{b}c", "/a/"),
    ],
)
def test_literal_prefix_starts_every_match(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix


NAMES = ("a1", "b_2", "c-3", "Dd", "e", "f", "g", "h")


def naive(pattern: str) -> re.Pattern[str]:
    """Return a glob with captures as a regular expression with lazy groups, without any care for backtracking."""
    tokens = re.compile(r"/(?:\*\*/)+|\*\*|\*|\?|\{[^}]*\}|\\?.", re.DOTALL)
    return re.compile("".join(_naive(token) for token in tokens.findall(pattern)), re.DOTALL)


def _naive(token: str) -> str:
    if token.startswith("/**/"):
        return "/(?:.*?/)??"
    if token.startswith("{"):
        return "([^/]+?)"
    return {"**": ".*?", "*": "[^/]*?", "?": "[^/]"}.get(token) or re.escape(token[-1])


TOKENS = ["a", "b", "/", "*", "**", "/**/", "?", "{}", "{}", "{}-", r"\{"]
TEXTS = st.text("ab/-{", max_size=3)


@st.composite
def patterns_and_paths(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a glob with captures, and a path that it is likely to match."""
    tokens = draw(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8))
    names = iter(NAMES)
    pattern = "".join(token.replace("{}", f"{{{next(names)}}}") if "{}" in token else token for token in tokens)
    path = "".join(re.sub(r"\{\}|\*+|\?", lambda _: draw(TEXTS), token).removeprefix("\\") for token in tokens)
    return "/" + pattern, "/" + path


@settings(max_examples=examples(600), deadline=None)
@given(patterns_and_paths())
def test_captures_bind_as_lazy_groups_of_a_naive_expression_do(drawn: tuple[str, str]) -> None:
    pattern, path = drawn
    assert capture_fault(pattern) is None
    captures = capture_glob(pattern)
    found, expected = captures.match(path), naive(pattern).fullmatch(path)
    assert (found and found.groups()) == (expected and expected.groups())
    assert captures.names == NAMES[: len(captures.names)]
    assert found is None or path.startswith(literal_prefix(pattern))


@pytest.mark.parametrize(
    ("pattern", "path", "bound"),
    [
        ("/shop/{category}/{sku}-*.jpg", "/shop/tees/A1-front.jpg", ("tees", "A1")),
        ("/shop/{category}/{sku}-*.jpg", "/shop/tees/A1-front-2.jpg", ("tees", "A1")),
        ("/shop/{category}/{sku}-*.jpg", "/shop/tees/-front.jpg", None),
        ("/shop/{category}/**", "/shop/tees/summer/a.jpg", ("tees",)),
        ("/**/{folder}/{name}.jpg", "/a/b/c.jpg", ("b", "c")),
        ("/**{name}", "/a/bcd", ("bcd",)),
        (r"/\{a}/{b}", "/{a}/c", ("c",)),
        ("/{a}", "/a/b", None),
    ],
)
def test_captures_bind_text_of_one_folder_level(pattern: str, path: str, bound: tuple[str, ...] | None) -> None:
    found = capture_glob(pattern).match(path)
    assert (found and found.groups()) == bound


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/{a", "not closed"),
        ("/{a{b}}", "nested"),
        ("/{{a}}", "nested"),
        ("/{a,b}", "no alternatives in braces; write one rule for each"),
        ("/{}", "starts with a letter"),
        ("/{1}", "starts with a letter"),
        ("/{a/b}", "starts with a letter"),
        ("/{a:lower}", "no format"),
        ("/{a}/{a}", "captures {a} twice"),
    ],
)
def test_capture_faults_say_how_to_write_a_brace(pattern: str, words: str) -> None:
    assert words in (capture_fault(pattern) or "")


def test_capture_fault_accepts_names_and_escaped_braces() -> None:
    assert capture_fault(r"/{a}/{b-c}_\{d}/**/{e_1}}") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "/" + "-".join(f"{{c{number}}}" for number in range(60)) + "-x",
        "/" + "-".join(f"{{c{number}}}*" for number in range(40)) + "-x",
        "/**/" + "/**/".join(f"{{c{number}}}-" for number in range(20)) + "x",
        "/**" + "**".join(f"{{c{number}}}" for number in range(20)) + "x",
    ],
)
def test_captures_cannot_backtrack_for_ever(pattern: str) -> None:
    assert not capture_glob(pattern).match("/" + "-" * 3000)
    assert not capture_glob(pattern).match("/" + "a-/" * 1000)


def test_braces_are_literal_without_captures() -> None:
    assert path_glob("/{a}/*").fullmatch("/{a}/b")
    assert not path_glob("/{a}/*").fullmatch("/x/b")


def test_escaped_braces_match_only_themselves() -> None:
    assert capture_glob(escaped("/{a}*") + "/{b}").match("/{a}*/c")
    assert path_glob(escaped("/{a}/")).fullmatch("/{a}/")
