"""Text for users keeps to plain English: short sentences, and one standard term for each thing."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from pages import DOCS, ROOT

import tagsync
from tagsync.cli.main import cli

PACKAGE = Path(tagsync.__file__).parent
MOST_WORDS = 30

TERMS = {
    "fault, complaint": ("error, warning or notice", r"faults?|complaints?"),
    "mend": ("fix", r"mend(?:s|ed|ing)?"),
    "judge": ("check, evaluate", r"judg(?:e|es|ed|ing|ement)"),
    "bulk call": ("API call, batch", r"bulk calls?"),
    "narrowed": ("filtered", r"narrow(?:s|ed|ing)?"),
    "is gone": ("was deleted, not found", r"(?:is|are) gone"),
    "holds": ("applies, contains", r"holds|held"),
    "free cell": ("no-op change", r"free cells?"),
    "gate, pace, blot": ("rate limit, redact", r"gated?|paced?|blot(?:s|ted)?"),
    "so many": ("a plain number", r"so (?:many|much|long a)"),
    "reading key": ("read-only key", r"(?:reading|writing) key"),
    "last report": ("previous report", r"last reports?"),
    "take for": ("treat as errors", r"tak(?:e|es|en) \w+ for errors"),
    "nobody": ("name the actor", r"nobody can be asked"),
    "nothing to revert": ("nothing to undo", r"nothing to revert"),
    "smallest": ("the strictest limit applies", r"smallest of each"),
    "beside": ("next to, compared with", r"besides?"),
    "told": ("reported, shown", r"told"),
    "of its own": ("its own", r"of (?:its|their) own"),
    "this lacks": ("missing key", r"this lacks"),
    "note, info": ("warning, notice", r"notes?|infos?"),
    "document": ("report, output file", r"documents?"),
    "request": ("API call", r"requests?"),
    "entry": ("rule", r"entry|entries"),
    "stands": ("is, means", r"stands?"),
    "walk": ("pagination", r"walk(?:s|ed|ing)?"),
}
"""For each term to avoid: what to write instead, and what finds it."""

FINDS = [(better, re.compile(rf"\b(?:{found})\b", re.IGNORECASE)) for better, found in TERMS.values()]

RIGHT = re.compile(
    r"(?:pull|merge) requests?"  # GitHub's and GitLab's own term
    r"|YAML documents?"  # what a line --- separates, in YAML's own terms
    r"|fault scripts?"  # fault injection in the sandbox
    r"|max-requests"  # an option
    r"|\(request \S+\)|your request",  # ImageKit's ID of a call, and its own error messages
    re.IGNORECASE,
)
"""Where a term is the right one."""

OTHERS = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / f"{name}.md" for name in OTHERS)]


COPIED = [
    *sorted((ROOT / "examples").rglob("*.y*ml")),
    *sorted((PACKAGE / "templates").glob("*.y*ml")),
    ROOT / "action.yml",
    ROOT / ".pre-commit-hooks.yaml",
]


class Text(NamedTuple):
    """A piece of text for users, and where it is."""

    place: str
    text: str


def wrong_terms(text: Text) -> Iterator[str]:
    """Yield each term to avoid in a text, with what to write instead."""
    words = RIGHT.sub("", text.text)
    for better, pattern in FINDS:
        for found in pattern.finditer(words):
            yield f"{text.place}: {found[0]!r}: write {better}: {words[:80]!r}"


def long_sentences(text: Text) -> Iterator[str]:
    """Yield each sentence of a text that has too many words."""
    for sentence in re.split(r"(?<=[.!?])[\"')]*\s+", text.text):
        words = [word for word in sentence.split() if re.search(r"\w", word)]
        if len(words) > MOST_WORDS:
            yield f"{text.place}: {len(words)} words: {sentence[:100]!r}"


def problems(text: Text) -> Iterator[str]:
    """Yield everything that is wrong with a text."""
    yield from wrong_terms(text)
    yield from long_sentences(text)


# Pages

FENCED = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"`+[^`]*`+")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) |#|\|)")


def page_texts(page: Path) -> Iterator[Text]:
    """Yield the paragraphs, list items, headings and table cells of a page, each without code and links."""
    text = COMMENT.sub("", FENCED.sub("\n", page.read_text("utf-8")))
    for block in BLOCK.split(text):
        words = LINK.sub(r"\1", CODE.sub("CODE", block)).replace("**", "").replace("<br>", "\n\n")
        cells = words.split("|") if block.lstrip().startswith("|") else re.split(r"\n\s*\n", words)
        yield from (Text(page.name, " ".join(cell.split())) for cell in cells if cell.strip())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_words_of_pages_are_standard_terms(page: Path) -> None:
    assert [found for text in page_texts(page) for found in wrong_terms(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_words_of_pages_make_short_sentences(page: Path) -> None:
    assert [found for text in page_texts(page) for found in long_sentences(text)] == []


# Help


def help_texts(command: click.Command, name: str) -> Iterator[Text]:
    """Yield the paragraphs of a command's help, and the help of each option, of it and all commands below it."""
    for paragraph in re.split(r"\n\s*\n", command.help or ""):
        if "\b" not in paragraph:
            yield Text(name, " ".join(paragraph.split()))
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            yield Text(f"{name} {option.opts[0]}", " ".join(option.help.split()))
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            yield from help_texts(found, f"{name} {inner}")


HELP = list(help_texts(cli, "tagsync"))


def test_words_of_help_are_standard_terms() -> None:
    assert [found for text in HELP for found in wrong_terms(text)] == []


def test_words_of_help_make_short_sentences() -> None:
    assert len(HELP) > len(cli.params)
    assert [found for text in HELP for found in long_sentences(text)] == []


# Messages and schemas


SQL = re.compile(r"\s*(?:PRAGMA|CREATE|SELECT|INSERT|DELETE|UPDATE|WITH|FROM|WHERE|UNION|ORDER) ")


def messages(path: Path) -> Iterator[Text]:
    """Yield the string literals of a module that may be shown to users: those of several words, and counted nouns."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = "" if id(node) in skipped else " ".join(literal(node).split())
        if (" " in text or is_counted(node)) and not SQL.match(text):
            yield Text(f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", text)


def literal(node: ast.AST) -> str:
    """Return the text of a string literal, with X for inserted values, or of the nouns in `counted(3, "file")`."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)
        case ast.Call(args=[_, *nouns]) if is_counted(node):
            return " ".join(map(literal, nouns))
    return ""


def is_counted(node: ast.AST) -> bool:
    """Return whether this is a call of `counted`, which puts a number before a noun."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "counted"


def descriptions(value: Any, place: str) -> Iterator[Text]:
    """Yield the descriptions in a schema, at any depth; editors show them."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield Text(place, value["description"])
        for inner in value.values():
            yield from descriptions(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptions(inner, place)


MODULES = sorted(PACKAGE.rglob("*.py"))
SCHEMAS = sorted(PACKAGE.glob("schemas/*.json"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_words_of_messages_are_standard_terms(module: Path) -> None:
    assert [found for text in messages(module) for found in problems(text)] == []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_words_of_schemas_are_standard_terms(schema: Path) -> None:
    texts = descriptions(json.loads(schema.read_text("utf-8")), schema.name)
    assert [found for text in texts for found in problems(text)] == []


# Files to copy


def comments(path: Path) -> Iterator[Text]:
    """Yield the comments of a YAML file: each line of text after `#`, joined with those right below it."""
    block = ""
    for line in [*path.read_text("utf-8").splitlines(), ""]:
        code, mark, comment = line.partition("# ")
        if block and (code.strip() or not mark):
            yield Text(path.name, CODE.sub("CODE", block))
            block = ""
        block = f"{block} {comment}".strip() if mark else block


@pytest.mark.parametrize("path", COPIED, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_of_files_to_copy_are_standard_terms(path: Path) -> None:
    assert [found for text in comments(path) for found in wrong_terms(text)] == []


# The check itself

LONG = "You " + "really " * 29 + "do."


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (f"A short one. {LONG}", "31 words"),
        (f"| a | {LONG} |", "31 words"),
        (f"- {LONG}\n- b", "31 words"),
        ("# Many faults", "faults"),
        ("Read the\nlast report.", "last report"),
        ("A `TagSet` is a document.", "document"),
        ("[Bulk calls](x.md) are sent.", "Bulk calls"),
    ],
)
def test_words_of_a_bad_page_are_found(tmp_path: Path, written: str, found: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(written, encoding="utf-8")
    assert [found in problem for text in page_texts(page) for problem in problems(text)] == [True]


def test_words_of_code_links_and_blocks_are_not_checked(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Set `--faults`, see [this](faults.md), in a pull request.\n\n```\nfaults\n```\n", encoding="utf-8")
    assert [line for text in page_texts(page) for line in wrong_terms(text)] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('raise ValueError(f"{x} is gone")', "is gone"),
        ('y = counted(3, "fault")', "fault"),
    ],
)
def test_words_of_a_bad_message_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: str
) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(f'"""A fault."""\nx = "fault"\n{code}\n', encoding="utf-8")
    assert [found in problem for text in messages(module) for problem in problems(text)] == [True]


def test_words_of_help_are_found() -> None:
    @click.command(help="Judge it.")
    @click.option("--x", help=LONG)
    def command() -> None: ...

    texts = list(help_texts(command, "tagsync"))
    assert len([line for text in texts for line in problems(text)]) == 2
