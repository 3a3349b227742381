"""Explain errors of the JSON Schema in plain words, each with a fix."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.escape import quoted, shown
from tagsync.globs import rooted
from tagsync.manifest.hints import (
    boolean_hint,
    list_hint,
    listed,
    mapping_hint,
    not_text,
    number_hint,
    text_hint,
    unquoted_text,
)
from tagsync.manifest.yaml import Map
from tagsync.manifest.yaml_errors import hidden_words
from tagsync.model import invisible_fault

SELECTORS = ("path", "fileId", "match", "query")

_SHORT = 60
"""Characters of a text that a message repeats."""

_TYPES = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true, false",
}


SchemaError = tuple[int, str, str]
"""A packed place, a code and a message."""


@cache
def _definitions(document: schemas.SchemaName) -> Any:
    return schemas.load(document)["$defs"]


class Finding(NamedTuple):
    """An error of the validator with its place in the manifest."""

    keyword: str
    value: Any
    instance: Any
    schema: Any
    at: int
    name: str
    is_item: bool
    written: Mapping[int, str]
    document: schemas.SchemaName

    @property
    def subject(self) -> str:
        """What a message calls the value."""
        return f"an item of {self.name}" if self.is_item else self.name

    def picture(self) -> str:
        """Return the value as the manifest has it, short and safe to print."""
        if isinstance(self.instance, dict):
            return "a mapping"
        if isinstance(self.instance, list):
            return "a list"
        if isinstance(self.instance, str):
            return quoted(self.instance)
        return shown(self.written.get(self.at, ""), 60) or "empty"

    def accepts(self, value: Any) -> bool:
        """Return whether the schema would accept another value."""
        return Draft202012Validator({**self.schema, "$defs": _definitions(self.document)}).is_valid(value)


def _wrong_names(finding: Finding) -> Iterator[SchemaError]:
    for key in finding.instance:
        if any(re.search(pattern, key) for pattern in finding.schema["patternProperties"]):
            continue
        if finding.name == "environments":
            words = f"{quoted(key)} cannot name an environment: use letters, digits, dots, dashes and underscores"
            yield (finding.instance.key_places[key], "name", words)
        else:
            yield (finding.instance.key_places[key], "path", _not_a_path(key))


def _wrong_type(finding: Finding) -> Iterator[SchemaError]:
    at, subject, value = finding.at, finding.subject, finding.instance
    wanted = [finding.value] if isinstance(finding.value, str) else finding.value
    written = finding.written.get(at, "")
    is_scalar = at in finding.written and wanted == ["string"]
    if written.startswith("#"):
        yield (at, "empty" if is_scalar else "type", f"{subject} is empty: {hidden_words(written)}")
    elif "string" in wanted and (meant := unquoted_text(value, at, finding.written)):
        yield (at, "quote", f'{meant} without quotation marks is a YAML mapping: write "{meant}"')
    elif not is_scalar:
        kinds = listed(", ".join(_TYPES[kind] for kind in wanted).split(", "))
        yield (at, "type", f"{subject} is {finding.picture()}: it must be {kinds}{_form_hint(wanted, finding)}")
    elif written and "pattern" in finding.schema:
        yield from _wrong_form(finding._replace(instance=written))
    elif written:
        yield (at, "quote", not_text(written))
    else:
        yield (at, "empty", f"{subject} has no value: write one")


def _form_hint(wanted: list[str], finding: Finding) -> str:
    name, value, at = finding.name, finding.instance, finding.at
    written = finding.written.get(at)
    if "boolean" in wanted and (hint := boolean_hint(name, value if isinstance(value, str) else written or "")):
        return hint
    if "array" in wanted:
        return list_hint(name, value, at, finding.written)
    if "object" in wanted:
        return mapping_hint(name, value, finding.schema, written, finding.accepts)
    if wanted == ["string"]:
        return text_hint(name, value, is_item=finding.is_item)
    return number_hint(name, value)


def _selector(finding: Finding) -> Iterator[SchemaError]:
    entry = finding.instance
    if not isinstance(entry, Map):
        return  # its type is an error of its own
    chosen = [key for key in SELECTORS if key in entry]
    rest = [key for key in ("except", "expect") if key in entry]
    if not chosen:
        message = "this rule has no selector: add path, fileId, match or query"
    elif len(chosen) > 1:
        fix = "keep one of them" + (", as only match and query go together" if chosen[-1] == "query" else "")
        message = f"this rule has {', '.join(chosen[:-1])} and {chosen[-1]}: {fix}"
    else:
        extra = " and ".join(rest)
        message = f"{extra} cannot be combined with {chosen[0]}: remove {extra}, or select files with match or query"
    yield (finding.at, "selector", message)


def _missing_keys(finding: Finding) -> Iterator[SchemaError]:
    for key in finding.value:
        if key not in finding.instance:
            where = "" if finding.name.startswith("this") else f" in {finding.name}"
            yield (finding.at, "missing-key", f"missing key {quoted(key)}{where}")


def _none_of_keys(finding: Finding) -> Iterator[SchemaError]:
    keys = [each["required"][0] for each in finding.value]
    yield (finding.at, "missing-key", f"missing key {quoted(keys[0])} in {finding.name}: add {listed(keys)}")


def _forbidden(finding: Finding) -> Iterator[SchemaError]:
    tree = finding.instance
    if isinstance(tree, str):
        yield (finding.at, "tag-text", _tag_fault(tree))
    elif isinstance(tree, Map) and "library" in tree:
        message = "library cannot be combined with given: keep one of the two"
        yield (tree.key_places["library"], "contradiction", message)
    elif isinstance(tree, Map):
        message = "minConfidence cannot be combined with remove: all, which removes every AI tag: remove one of the two"
        yield (tree.places["minConfidence"], "contradiction", message)
    # The type of anything else is an error of its own.


def _wrong_value(finding: Finding) -> Iterator[SchemaError]:
    if finding.keyword == "enum":
        fix = f"use {listed(finding.value)}"
    elif finding.name == "remove":
        hint = list_hint("remove", finding.instance, finding.at, finding.written)
        fix = f"use all or a list of names{hint}"
    else:
        fix = f"use {finding.value}"
    yield (finding.at, "value", f"{finding.name} is {finding.picture()}: {fix}")


def _wrong_form(finding: Finding) -> Iterator[SchemaError]:
    if finding.name in ("until", "asOf", "createdAt", "updatedAt"):
        time = " or YYYY-MM-DDThh:mm:ssZ" if finding.name.endswith("At") else ""
        yield (finding.at, "day", f"{finding.name} is {finding.picture()}: write a day as YYYY-MM-DD{time}")
        return
    if finding.name == "key":
        # Do not show the value: it may be the private key itself, written here by mistake.
        message = (
            "key must name an environment variable that begins with IMAGEKIT_ and does not end in _FILE, such as "
            "IMAGEKIT_PRIVATE_KEY_STAGING: set the private key in that variable"
        )
        yield (finding.at, "key", message)
        return
    if finding.name == "listSeparator":
        message = f"listSeparator is {finding.picture()}: use one punctuation mark such as ; or |"
        yield (finding.at, "value", message)
        return
    yield (finding.at, "path", _not_a_path(finding.instance))


def _not_a_path(text: str) -> str:
    if not text:
        return "this path is empty: write one that starts with /"
    if "://" in text:
        return f"{quoted(text, 120)} is a URL: write the file's path in the library, as in /shop/shoes/red.jpg"
    if text.startswith("!"):
        rest = text[1:] if text.startswith("!/") else rooted(text[1:])
        return f"{quoted(text, 120)} starts with !: to leave files out, list {quoted(rest, 120)} in except"
    fix = f"write {quoted(rooted(text))}" if len(text) < _SHORT else "put / in front of it"
    return f"{quoted(text, 120)} does not start with /: {fix}"


def _lacks_tags(finding: Finding) -> Iterator[SchemaError]:
    at = finding.instance.places["until"]
    yield (at, "missing-key", "until applies to the tags of the same rule, which has none: add tags")


def _out_of_range(finding: Finding) -> Iterator[SchemaError]:
    bound = "at least" if finding.keyword == "minimum" else "at most"
    message = f"{finding.name} is {finding.instance}: it must be {bound} {finding.value}"
    yield (finding.at, "range", message)


def _empty(finding: Finding) -> Iterator[SchemaError]:
    subject = "this tag" if finding.is_item and finding.name in ("tags", "absent") else finding.subject
    keys = sorted(finding.schema.get("properties", ()))
    fix = f"add {listed(keys)}" if keys else "add a value"
    yield (finding.at, "empty", f"{subject} is empty: {fix}, or remove it")


def _too_long(finding: Finding) -> Iterator[SchemaError]:
    yield (finding.at, "too-long", f"{finding.subject} is too long: shorten it to {finding.value} characters")


EXPLANATIONS: dict[str, Callable[[Finding], Iterator[SchemaError]]] = {
    "additionalProperties": _wrong_names,
    "type": _wrong_type,
    "oneOf": _selector,
    "required": _missing_keys,
    "anyOf": _none_of_keys,
    "not": _forbidden,
    "format": _forbidden,
    "enum": _wrong_value,
    "const": _wrong_value,
    "pattern": _wrong_form,
    "dependentRequired": _lacks_tags,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _empty,
    "maxLength": _too_long,
    "minItems": _empty,
    "minProperties": _empty,
}


def _tag_fault(text: str) -> str:
    """Return what is wrong with a tag that the schema refuses."""
    if text != text.strip():
        return f"the tag {quoted(text)} starts or ends with white space: remove that"
    if "%" in text:
        return f"the tag {quoted(text)} contains %, which ImageKit does not allow in tags: remove the %"
    fault = invisible_fault(text)
    if fault:
        return f"the tag {quoted(text)} {fault}: use only visible characters"
    return f"the tag {quoted(text)} contains an invisible control character: remove it"
