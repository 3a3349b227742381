"""The reference names all keys, members, codes and events."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from pages import DOCS, ROOT, blocks

import tagsync
from tagsync import errors, events, schemas
from tagsync.globs import path_glob
from tagsync.model import DEFAULT_POLICY, Cause, Status
from tagsync.reporting import FORMATS
from tagsync.reporting.prometheus import METRICS
from tagsync.sandbox.faults import Fault

REFERENCE = DOCS / "reference"


def named(page: str) -> set[str]:
    """Return all words in back-ticks on a page."""
    text = (REFERENCE / page).read_text("utf-8")
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in [code, *re.findall(r"\w+", code)]}


def properties(schema: Any) -> Iterator[str]:
    """Yield the names of all members in a schema, at any depth."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "properties":
                yield from value
                yield from properties(list(value.values()))  # a member may be called like a keyword
            else:
                yield from properties(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from properties(item)


def test_reference_names_each_manifest_key() -> None:
    assert set(properties(schemas.load("manifest"))) - named("manifest.md") == set()


def test_reference_names_each_config_key() -> None:
    [example] = blocks(REFERENCE / "config.md", "yaml")
    Draft202012Validator(schemas.load("config")).validate(yaml.safe_load(example.text))
    assert set(properties(schemas.load("config"))) - named("config.md") == set()


@pytest.mark.parametrize("kind", [name for name in schemas.NAMES if name not in ("manifest", "config", "log")])
def test_reference_names_each_member_of_output(kind: schemas.SchemaName) -> None:
    assert set(properties(schemas.load(kind))) - named("documents.md") == set()


def test_reference_names_each_field_of_logs() -> None:
    log = schemas.load("log")["properties"]
    assert {*log, *log["event"]["enum"]} - named("events.md") == set()


def test_reference_log_lines_follow_the_schema() -> None:
    [example] = blocks(REFERENCE / "events.md", "json")
    for line in example.text.splitlines():
        Draft202012Validator(schemas.load("log")).validate(json.loads(line))


def test_reference_names_formats_statuses_and_causes() -> None:
    assert {*FORMATS, *Status, *Cause, *schemas.NAMES} - named("documents.md") == set()


def test_reference_describes_each_metric() -> None:
    text = (REFERENCE / "documents.md").read_text("utf-8")
    for name, (kind, words) in METRICS.items():
        assert f"\n| `{name}` | {kind} | {words} |" in text
    assert set(re.findall(r"tagsync_\w+", (DOCS / "how-to" / "monitoring.md").read_text("utf-8"))) <= METRICS.keys()


def test_reference_names_each_guard_with_its_defaults() -> None:
    text = (REFERENCE / "manifest.md").read_text("utf-8")
    for guard, limit in DEFAULT_POLICY.items():
        percent = "" if limit.percent is None else f"percent: {limit.percent}, "
        assert re.search(rf"{guard}: +{{{percent}above: {limit.above}}}", text), guard


def test_reference_names_each_event_and_its_fields() -> None:
    found = named("events.md")
    for event in get_args(events.Event):
        assert {event.__name__, *event._fields} - found == set()


def test_reference_lists_the_exit_code_of_each_error() -> None:
    text = (REFERENCE / "exit-codes.md").read_text("utf-8")
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "exit_code")]
    listed = set(re.findall(r"^\| (\d+)", text, re.MULTILINE))
    assert {str(kind.exit_code) for kind in kinds} - listed == set()


def test_reference_names_each_key_of_a_fault_script() -> None:
    assert {field.name for field in fields(Fault)} - named("sandbox.md") == set()


def test_reference_pre_commit_settings_name_the_hook() -> None:
    [block] = blocks(DOCS / "how-to" / "pull-request.md", "yml")
    [repository] = yaml.safe_load(block.text)["repos"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert repository["hooks"] == [{"id": hook["id"]} for hook in hooks]


@pytest.mark.parametrize(
    ("glob", "matched", "not_matched"),
    [
        ("/shop/*", ["/shop/a.jpg"], ["/shop/hats/a.jpg", "/shop", "/Shop/a.jpg"]),
        ("/shop/**", ["/shop/a.jpg", "/shop/hats/a.jpg"], ["/shops/a.jpg"]),
        ("/a/**/b.jpg", ["/a/b.jpg", "/a/x/y/b.jpg"], ["/a/xb.jpg"]),
        ("/a?.jpg", ["/ab.jpg"], ["/a.jpg", "/a/.jpg"]),
        (r"/\*.jpg", ["/*.jpg"], ["/a.jpg"]),
        ("/[ab]{c,d}", ["/[ab]{c,d}"], ["/ac"]),
    ],
)
def test_reference_globs_match_as_shown(glob: str, matched: list[str], not_matched: list[str]) -> None:
    found = [path for path in (*matched, *not_matched) if path_glob(glob).fullmatch(path)]
    assert found == matched


MANIFESTS = [
    pytest.param(block.text, id=f"{page.stem}-{block.line}")
    for page in sorted(DOCS.rglob("*.md"))
    if page.stem != "troubleshooting"
    for block in blocks(page, "yaml")
    if "kind: Config" not in block.text
]


@pytest.mark.parametrize("text", MANIFESTS)
def test_reference_manifests_are_valid(tmp_path: Path, text: str) -> None:
    (tmp_path / "tags.yaml").write_text(text, encoding="utf-8")
    tagsync.validate([str(tmp_path)])
