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
}
"""For each term to avoid: what to write instead, and what finds it in any text for users."""

IN_PROSE = {
    "note, info": ("warning, notice", r"notes?|infos?"),
    "document": ("report, output file", r"documents?"),
    "request": ("API call", r"requests?"),
    "entry": ("rule", r"entry|entries"),
    "stands": ("is, means", r"stands?"),
    "walk": ("pagination", r"walk(?:s|ed|ing)?"),
}
"""Terms that are checked in README, documentation and help only: code has other uses for these words."""

RIGHT = re.compile(r"(?:pull|merge) requests?|YAML documents?|fault scripts?", re.IGNORECASE)
"""Where a term is the right one: a pull request, what YAML calls a document, and the sandbox's fault injection."""

PENDING = {
    "docs/reference/commands.md",
    "help",
    "api/decide.py",
    "api/keep.py",
    "api/revision.py",
    "applying/journal.py",
    "applying/splitting.py",
    "cli/main.py",
    "cli/options.py",
    "cli/output_files.py",
    "cli/run.py",
    "cli/sandbox.py",
    "errors.py",
    "library/imagekit/file_objects.py",
    "library/imagekit/wire.py",
    "library/target.py",
    "manifest/checks.py",
    "manifest/document_reader.py",
    "manifest/entries.py",
    "manifest/files.py",
    "manifest/read.py",
    "manifest/schema.py",
    "planning/changed_since.py",
    "planning/filter.py",
    "planning/merge.py",
    "planning/plan_validation.py",
    "planning/shards.py",
    "planning/staleness.py",
    "reporting/html/charts.py",
    "reporting/html/page.py",
    "reporting/phrases.py",
    "sandbox/faults.py",
    "sandbox/seed.py",
    "workspace/git.py",
    "diagnostics.schema.json",
    "manifest.schema.json",
    "plan.schema.json",
    "report.schema.json",
}
"""Where the words are still to be changed: this list only gets shorter."""


def settled(paths: list[Path], folder: Path) -> list[Path]:
    """Return the files of a folder whose words have been changed."""
    return [path for path in paths if str(path.relative_to(folder)) not in PENDING]


OTHERS = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / f"{name}.md" for name in OTHERS)]


class Text(NamedTuple):
    """A piece of text for users, and where it is."""

    place: str
    text: str


def rules(*, prose: bool) -> dict[str, tuple[str, re.Pattern[str]]]:
    """Return what finds each term, with what to write instead."""
    terms = TERMS | (IN_PROSE if prose else {})
    return {name: (better, re.compile(rf"\b(?:{found})\b", re.IGNORECASE)) for name, (better, found) in terms.items()}


PROSE, MESSAGES = rules(prose=True), rules(prose=False)


def wrong_terms(text: Text, terms: dict[str, tuple[str, re.Pattern[str]]]) -> Iterator[str]:
    """Yield each term to avoid in a text, with what to write instead."""
    words = RIGHT.sub("", text.text)
    for better, pattern in terms.values():
        for found in pattern.finditer(words):
            yield f"{text.place}: {found[0]!r}: write {better}: {words[:80]!r}"


def long_sentences(text: Text) -> Iterator[str]:
    """Yield each sentence of a text that has too many words."""
    for sentence in re.split(r"(?<=[.!?])[\"')]*\s+", text.text):
        words = [word for word in sentence.split() if re.search(r"\w", word)]
        if len(words) > MOST_WORDS:
            yield f"{text.place}: {len(words)} words: {sentence[:100]!r}"


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


@pytest.mark.parametrize("page", settled(PAGES, ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_words_of_pages_are_standard_terms(page: Path) -> None:
    assert [found for text in page_texts(page) for found in wrong_terms(text, PROSE)] == []


@pytest.mark.parametrize("page", settled(PAGES, ROOT), ids=lambda page: str(page.relative_to(ROOT)))
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


@pytest.mark.skipif("help" in PENDING, reason="to be changed")
def test_words_of_help_are_standard_terms() -> None:
    assert [found for text in HELP for found in wrong_terms(text, PROSE)] == []


def test_words_of_help_make_short_sentences() -> None:
    assert len(HELP) > len(cli.params)
    assert [found for text in HELP for found in long_sentences(text)] == []


# Messages and schemas


def messages(path: Path) -> Iterator[Text]:
    """Yield the string literals of a module that may be sentences: of several words, and no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in alone or id(node) in inner:
            continue
        match node:
            case ast.Constant(value=str(text)):
                pass
            case ast.JoinedStr(values=parts):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)
            case _:
                continue
        if " " in text.strip():
            yield Text(f"{path.relative_to(PACKAGE)}:{node.lineno}", " ".join(text.split()))


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


@pytest.mark.parametrize("module", settled(MODULES, PACKAGE), ids=lambda module: str(module.relative_to(PACKAGE)))
def test_words_of_messages_are_standard_terms(module: Path) -> None:
    assert [found for text in messages(module) for found in wrong_terms(text, MESSAGES)] == []


@pytest.mark.parametrize("schema", settled(SCHEMAS, PACKAGE / "schemas"), ids=lambda schema: schema.name)
def test_words_of_schemas_are_standard_terms(schema: Path) -> None:
    texts = descriptions(json.loads(schema.read_text("utf-8")), schema.name)
    assert [found for text in texts for found in wrong_terms(text, MESSAGES)] == []


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
    problems = [line for text in page_texts(page) for line in (*wrong_terms(text, PROSE), *long_sentences(text))]
    assert [found in problem for problem in problems] == [True]


def test_words_of_code_links_and_blocks_are_not_checked(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Set `--faults`, see [this](faults.md), in a pull request.\n\n```\nfaults\n```\n", encoding="utf-8")
    assert [line for text in page_texts(page) for line in wrong_terms(text, PROSE)] == []


def test_words_of_a_bad_message_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    module = tmp_path / "module.py"
    module.write_text('"""A fault."""\nx = "fault"\nraise ValueError(f"{x} is gone")\n', encoding="utf-8")
    problems = [line for text in messages(module) for line in wrong_terms(text, MESSAGES)]
    assert ["is gone" in problem for problem in problems] == [True]


def test_words_of_help_are_found() -> None:
    @click.command(help="Judge it.")
    @click.option("--x", help=LONG)
    def command() -> None: ...

    texts = list(help_texts(command, "tagsync"))
    assert len([line for text in texts for line in (*wrong_terms(text, PROSE), *long_sentences(text))]) == 2
