"""A key in a response is redacted completely, whatever its form."""

import json
import logging
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from urllib.parse import quote

import pytest
from canary import KEY, leaks
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.library.http.redaction import redacting, unlogged
from tagsync.library.http.response import Response

REDACTED = "[the key]"

ODD = "private_/+=&%\\\"'<>~abcXYZ?>?>019"
"""A key with characters that are often escaped."""


without = cache(redacting)


def redacted(body: str | bytes, key: str = KEY, status: int = 400) -> str:
    data = body.encode() if isinstance(body, str) else body
    response = without(key)(Response(status, {"x-echo": data.decode("latin-1")}, data))
    assert response.headers["x-echo"].encode("latin-1") == response.body
    return response.body.decode()


ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": lambda character: character,
    "json": lambda character: json.dumps(character)[1:-1],
    "slash": lambda character: f"\\{character}" if character in "/=_+" else character,
    "unicode": lambda character: f"\\u{ord(character):04x}",
    "UNICODE": lambda character: f"\\u{ord(character):04X}",
    "json in json": lambda character: f"\\\\u{ord(character):04x}",
    "json in json in json": lambda character: f"\\\\\\\\u{ord(character):04x}",
    "braces": lambda character: f"\\u{{{ord(character):x}}}",
    "hex": lambda character: f"\\x{ord(character):02x}",
    "percent": lambda character: f"%{ord(character):02x}",
    "PERCENT": lambda character: f"%{ord(character):02X}",
    "percent twice": lambda character: f"%25{ord(character):02X}",
    "url": lambda character: quote(character, safe=""),
    "decimal": lambda character: f"&#{ord(character)};",
    "decimal with zeros": lambda character: f"&#0{ord(character)};",
    "hexadecimal": lambda character: f"&#x{ord(character):x};",
    "HEXADECIMAL": lambda character: f"&#X{ord(character):X};",
    "html twice": lambda character: f"&amp;#{ord(character)};",
    "named": lambda character: {"/": "&sol;", "=": "&equals;", "_": "&lowbar;", "+": "&plus;"}.get(
        character, character
    ),
}


def sent(key: str, before: str, after: str) -> str:
    """Return text with the key in it, up to the last character that depends on the key."""
    return b64encode(f"{before}{key}{after}".encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "key": lambda key: key,
    "basic": lambda key: sent(key, "", ":"),
    "password": lambda key: sent(key, "", ":do_not_set"),
    "one before": lambda key: sent(key, "x", ":"),
    "two before": lambda key: sent(key, "xy", ":secret"),
    "for URLs": lambda key: urlsafe_b64encode(f"{key}:".encode()).decode(),
    "three before": lambda key: sent(key, "xyz", ""),
}


@pytest.mark.parametrize("key", [KEY, ODD], ids=["usual", "odd"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("escape", ESCAPES)
def test_redaction_covers_each_form_of_the_key_however_escaped(key: str, form: str, escape: str) -> None:
    text = "".join(map(ESCAPES[escape], FORMS[form](key)))
    left = redacted(f'{{"message": "before {text} after"}}', key)
    found = re.fullmatch(rf'{{"message": "before (.*?){re.escape(REDACTED)} after"}}', left)
    assert found
    # Base64 before the key stays; its last character may have some bits of the key.
    assert len(found[1]) <= (0 if form in ("key", "basic", "password", "for URLs") else 5 * len(r"\\\\u0000"))


@settings(deadline=None)
@given(st.data())
def test_redaction_covers_keys_with_mixed_escapes(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([KEY, sent(KEY, "", ":x")[: 8 * len(KEY) // 6]]))
    text = "".join(ESCAPES[data.draw(st.sampled_from(sorted(ESCAPES)))](character) for character in form)
    assert redacted(f"<{text}>") in (f"<{REDACTED}>", f"<{REDACTED};>")


def test_redaction_keeps_json_valid() -> None:
    body = {"a": f"\\{KEY}\\", "b": "\\u0070 %2F &amp; C:\\private_", "c": [KEY] * 2, "d": "ünï"}
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False)):
        assert json.loads(redacted(text)) == {**body, "a": f"\\{REDACTED}\\", "c": [REDACTED] * 2}


@pytest.mark.parametrize("body", ["", "private_", KEY[:-1], KEY[1:], KEY.upper(), "\\u0070%70&#112;" * 9])
def test_redaction_leaves_other_text_alone(body: str) -> None:
    assert redacted(body) == body


def test_redaction_of_a_short_key_leaves_files_alone() -> None:
    assert redacted('["tag", "%74ag"]', "tag", status=200) == '["tag", "%74ag"]'
    assert redacted('["tag", "%74ag"]', "tag", status=400) == f'["{REDACTED}", "{REDACTED}"]'
    assert redacted("a b", "a", status=400) == f"{REDACTED} b"


@pytest.mark.parametrize(
    "piece", ["\\", "\\u0070", "\\\\\\\\\\\\u0070", "%25252570", "&amp;amp;#", KEY[:-1], "private_"]
)
def test_redaction_takes_linear_time_on_hostile_responses(piece: str) -> None:
    body = piece * (2_000_000 // len(piece))
    began = time.process_time()
    redacted(body)
    assert time.process_time() - began < 10  # it takes one second; what grows with the square would take an hour


def test_redaction_covers_logs() -> None:
    logger = logging.getLogger("httpcore.http11")
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment,method-assign]
    logger.addHandler(handler)
    try:
        with unlogged(KEY):
            logger.warning("%s and %s", "".join(map(ESCAPES["unicode"], KEY)), urlsafe_b64encode(f"{KEY}:x".encode()))
    finally:
        logger.removeHandler(handler)
    assert [leaks(record.getMessage()) for record in records] == [False]
    assert records[0].getMessage().count(REDACTED) == 2
