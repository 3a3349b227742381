"""Hostile text in every place of every format stays text."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from builders import GOOGLE, rendered, written
from exposition import samples
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tagsync.escape import shown
from tagsync.events import ApiCalls
from tagsync.model import (
    AITag,
    Change,
    CurrentFile,
    Diagnostic,
    Estimate,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Inputs,
    Limit,
    ManifestRef,
    NotFound,
    Op,
    Origin,
    Plan,
    Reason,
    Refusal,
    Report,
    RequestCounts,
    Status,
    Summary,
    TargetName,
    Timing,
)
from tagsync.planning.difference import difference
from tagsync.reporting.formats import Layouts, diagnostics_layouts, difference_layouts, plan_layouts, report_layouts
from tagsync.reporting.github import outputs
from tagsync.reporting.log import TextLog
from tagsync.reporting.prometheus import Run, prometheus

HOSTILE = {
    "escape codes": "\x1b]0;owned\x07\x1b[31mred",
    "bidi": "a\u202egpj.exe",
    "a workflow command": "::error::boom",
    "a workflow command in a line of its own": "a\n::error::boom",
    "an old workflow command": "##[error]boom",
    "script": "<script>alert(1)</script>",
    "an image": "\"><img src=x onerror='alert(1)'>",
    "a fence": "```\n# owned\n~~~",
    "back-ticks at both ends": "`a``b`",
    "pipes": "a|b|c",
    "a mention": "@everyone",
    "a formula": "=cmd|'/c calc'!A0",
    "the end of a comment": "--> ]]> */",
    "a link": "[owned](javascript:alert(1))",
    "an address": "https://example.com/owned",
    "an entity": "&lt;owned&gt;",
    "expressions": "${{ github.token }} {{ 7*7 }}",
    "percent signs": "100%0A::error::boom",
    "what XML cannot hold": "a\x00b\ufffe\ud800c",
    "spaces": "  a  ",
    "a quick action": "/close",
}


def hostile_plan(text: str) -> Plan:
    """Return a plan with a given text in every place for text from outside."""
    origin = Origin(f"{text}.yaml", 3, 5)
    file = CurrentFile(text, f"/{text}", (f"old {text}", text), (AITag(text, 50.0, GOOGLE),))
    changes = tuple(Change(op, text, (Reason(origin, "tags"),)) for op in Op)
    change = FileChange(file, changes)
    return Plan(
        target=TargetName(text, text),
        created_at="2026-01-01T00:00:00Z",
        digest="sha256:" + "0" * 64,
        inputs=Inputs((ManifestRef(origin.file, "0" * 64, f"manifests/{text}.yaml"),), 1, 1),
        summary=Summary(files_changed=1, add_tags=1, remove_tags=1, remove_ai_tags=1, warnings=1, missing=2),
        estimate=Estimate(1, 1, 1, 1, 1),
        changes=(change,),
        requests=(),
        diagnostics=(Diagnostic("warning", "comma", text, origin), Diagnostic("info", "note", text)),
        guards=(Guard(GuardId.NEW_TAGS, 9, 0, Limit(1), blocked=True, files=(text,), tags=(text,)),),
        missing=(NotFound(text, None, origin), NotFound(None, text, origin)),
    )


def hostile_report(text: str) -> Report:
    refused = (Refusal(Op.ADD, text, 400, text),)
    outcome = FileOutcome(Status.FAILED, 1, error=text, request_id=text, refused=refused)
    told = (Diagnostic("error", "guard", text),)
    return Report(hostile_plan(text), "incomplete", (outcome,), RequestCounts(1), Timing(), "2026", told)


def results(text: str) -> list[Layouts[Any]]:
    """Return every result that formats for CI systems write; their text, which some add, is left out."""
    plan = hostile_plan(text)
    nothing = replace(plan, digest="sha256:" + "1" * 64, changes=(), target=TargetName("other", "other"))
    names = {f"{text}.yaml": f"in/{text}"}
    found: list[Layouts[Any]] = [
        plan_layouts(plan),
        report_layouts(hostile_report(text)),
        difference_layouts(difference(nothing, plan)),
        diagnostics_layouts("faults", plan.diagnostics, text=no_text, names=names, manifests=[text]),
    ]
    for each in found:
        each.text = no_text
    return found


def no_text(*_: object) -> None:
    """Write nothing."""


def as_text(text: str) -> str:
    stream = io.StringIO()
    plan, report = hostile_plan(text), hostile_report(text)
    TextLog(stream).diagnostics((*plan.diagnostics, *report.diagnostics), {}, limit=10)
    return rendered(plan) + rendered(report) + stream.getvalue()


def as_json(text: str) -> str:
    return f"[{rendered(hostile_plan(text), 'json')},{rendered(hostile_report(text), 'json')}]"


def as_markdown(text: str) -> str:
    plan = hostile_plan(text)
    plan = replace(plan, inputs=plan.inputs._replace(uncommitted=text))
    done = Report(plan, "converged", (FileOutcome(Status.CONFIRMED, 1),), RequestCounts(1), Timing(), "2026")
    return "\n\n".join(written(each, "markdown", link=text) for each in [*results(text), report_layouts(done)])


def as_html(text: str) -> str:
    return rendered(hostile_plan(text), "html") + rendered(hostile_report(text), "html")


def as_junit(text: str) -> str:
    suites = (written(each, "junit").partition("?>")[2] for each in results(text))
    return f"<all>{''.join(suites)}</all>"


def as_github(text: str) -> str:
    found = results(text)
    return "".join(written(each, "github") for each in found) + outputs(found[0].view, 3)


def as_prometheus(text: str) -> str:
    return "".join(prometheus(report_layouts(hostile_report(text)).view, Run(text, 3, 1.0, 1.0, ApiCalls())))


FORMATS: dict[str, Callable[[str], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "html": as_html,
    "junit": as_junit,
    "github": as_github,
    "prometheus": as_prometheus,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("form", FORMATS)
def test_text_from_outside_stays_text(form: str, kind: str) -> None:
    text = HOSTILE[kind]
    written = FORMATS[form](text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", written)
    assert commands(written) == (COMMANDS if form == "github" else [])
    CHECKS[form](written, text)


COMMANDS = [*["error"] * 3, *["warning"] * 3]
"""The plan's guard, an error and a file of the report, and a warning in each of three views."""


def commands(written: str) -> list[str]:
    """Return the workflow commands that GitHub or Azure would find, sorted."""
    found = re.findall(r"^\s*::(\w+)", written, re.MULTILINE) + re.findall(r"##(?:\[|vso\[)", written)
    return sorted(found)


def check_text(written: str, text: str) -> None:
    assert written.count(shown(text)) > 10
    assert len(written.splitlines()) == len(as_text("plain").splitlines())


def check_json(written: str, text: str) -> None:
    assert written.isascii()
    plan, report = json.loads(written)
    assert plan["target"]["account"] == report["changes"][0]["error"] == text


def check_markdown(written: str, text: str) -> None:
    """Check that all text from outside is in code, and that the rest is the same as for harmless text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    outside, code = told_apart(parser.parse(written))
    usual, _ = told_apart(parser.parse(as_markdown("plain")))
    if kind_of_link(text):
        usual = [*usual, *["All details", text] * 5]
    assert sorted(outside) == sorted(usual)
    assert sum(shown(text).strip() in item for item in code) > 10


def kind_of_link(text: str) -> bool:
    return text.startswith("https://")


def told_apart(tokens: list[Token]) -> tuple[list[str], list[str]]:
    """Return texts outside of code, including links and HTML, and texts in code."""
    outside, code = [], []
    for token in tokens:
        if token.type in ("code_inline", "fence", "code_block"):
            code.append(token.content)
        elif token.children is not None:
            more, inside = told_apart(token.children)
            outside += more
            code += inside
        elif token.content.strip():
            outside.append(token.content)
        if token.type == "link_open":
            outside.append(str(token.attrs["href"]))
    return outside, code


class Elements(HTMLParser):
    """Collect a page's elements with the names of their attributes, and all its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check_html(written: str, text: str) -> None:
    """Check that the page has the same elements, attributes and scripts as for harmless text."""
    page, usual = Elements(written), Elements(as_html("plain"))
    assert page.found == usual.found
    assert sum(shown(text) in found for found in page.texts) > 5
    scripts = [found for found in page.texts if found in usual.texts and len(found) > 1000]
    assert len(scripts) == 2 * 2, "each page has one style and one script"


def check_junit(written: str, text: str) -> None:
    usual = ET.fromstring(as_junit("plain"))  # noqa: S314 - our own
    root = ET.fromstring(written)  # noqa: S314 - likewise
    assert [item.tag for item in root.iter()] == [item.tag for item in usual.iter()]
    values = [value for item in root.iter() for value in (*item.attrib.values(), item.text or "")]
    assert sum(shown(text) in value for value in values) > 5


def check_github(written: str, _text: str) -> None:
    assert len(written.splitlines()) == len(as_github("plain").splitlines())
    assert written.splitlines()[-3:] == ["changes=1", "digest=sha256:" + "0" * 64, "exitcode=3"]
    for line in written.splitlines()[:-3]:
        assert re.fullmatch(r"::(error|warning) (\w+=[^:,]*)(,\w+=[^:,]*)*::.*", line)


def check_prometheus(written: str, text: str) -> None:
    """Check that text from outside is in the values of labels, which end where they should."""
    found = samples(written)
    assert [sample.name for sample in found] == [sample.name for sample in samples(as_prometheus("plain"))]
    assert {(sample.labels["command"], sample.labels["account"]) for sample in found} == {(shown(text), shown(text))}


CHECKS: dict[str, Callable[[str, str], None]] = {
    "text": check_text,
    "json": check_json,
    "markdown": check_markdown,
    "html": check_html,
    "junit": check_junit,
    "github": check_github,
    "prometheus": check_prometheus,
}
