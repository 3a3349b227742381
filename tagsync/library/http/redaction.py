"""Redact the key in responses and logs, because a server may repeat what it was sent.

Finds the key as plain text and in base64, the form that a call sends. In both forms, any character may be escaped as
in JSON, URLs or HTML.
"""

import logging
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from html.entities import html5
from itertools import product
from string import ascii_letters, digits

from tagsync.library.http.response import Response

REDACTED = "[the key]"
"""The replacement for the key."""

LEAST_LENGTH = 16
"""The shortest key to redact everywhere: a shorter text may be part of a tag or path. ImageKit's keys are longer."""

_ERRORS = 400

_LEAST_ENCODED = 8
"""The shortest piece of base64 to redact: a shorter one may be part of any word."""

_NAMES: dict[str, list[str]] = {}
"""The HTML names of a character; only names that end with a semicolon are valid everywhere."""
for _name, _meant in html5.items():
    if _name.endswith(";"):
        _NAMES.setdefault(_meant, []).append(_name)

_LOGGERS = ("httpx", *(f"httpcore.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))
"""The loggers of httpx and httpcore. Child loggers do not inherit filters, so each one is named."""


class _Redaction:
    """Replaces a key in bytes. Being an object of its own, it keeps the key out of a client's `repr` and `vars`."""

    def __init__(self, key: str) -> None:
        self._forms = _forms(key)
        self._plain = [form.encode() for form in self._forms]
        self._escapes = [re.compile(escape.encode()) for escape in _escapes(set().union(*self._forms))]

    @cached_property
    def _patterns(self) -> list[re.Pattern[bytes]]:
        key, *encoded = map(_pattern, self._forms)
        # After the key, the base64 goes on with the password, and its first character has some bits of the key.
        rest = f"(?:[A-Za-z0-9+/=_-]|{'|'.join(_escapes(ascii_letters + digits + '+/=_-'))})*"
        return [re.compile(pattern.encode()) for pattern in (key, *(each + rest for each in encoded))]

    def __call__(self, data: bytes) -> bytes:
        """Return data without the key."""
        # The full patterns take longer than parsing the response, so a quick search decides whether they are needed.
        if any(form in data for form in self._plain) or any(escape.search(data) for escape in self._escapes):
            for pattern in self._patterns:
                data = pattern.sub(REDACTED.encode(), data)
        return data

    def text(self, text: str) -> str:
        """Return text without the key."""
        return self(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def redacting(key: str) -> Callable[[Response], Response]:
    """Return a function that redacts a key in responses.

    A key below 16 characters, which only a sandbox accepts, is redacted in error responses only.
    """
    redact = _Redaction(key)

    def without_key(response: Response) -> Response:
        if len(key) < LEAST_LENGTH and response.status < _ERRORS:
            return response
        headers = {name: redact.text(value) for name, value in response.headers.items()}
        return Response(response.status, headers, redact(response.body))

    return without_key


@contextmanager
def unlogged(key: str) -> Iterator[None]:
    """Redact a key in the logs of httpx and httpcore, at any level, for the duration of a `with` block.

    They log response headers, in which a server may repeat the key.
    """
    redact = _Redaction(key)

    def redact_record(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        record.msg, record.args = redact.text(message), None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(redact_record)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redact_record)


def _forms(key: str) -> list[str]:
    """Return a key as plain text and in base64, at each of the three positions that it can have in a group."""
    found = [key]
    for before, encode in product(range(3), (b64encode, urlsafe_b64encode)):
        encoded = encode(bytes(before) + key.encode() + bytes(3)).decode()
        # Cut off the characters at both ends that also depend on neighbouring bytes.
        form = encoded[-(-8 * before // 6) : 8 * (before + len(key)) // 6]
        if len(form) >= _LEAST_ENCODED:
            found.append(form)
    return list(dict.fromkeys(found))


def _pattern(form: str) -> str:
    """Return a pattern that matches a form with any of its characters escaped."""
    return "".join(f"(?:{'|'.join((re.escape(character), *_escapes(character)))})" for character in form)


def _escapes(characters: Iterable[str]) -> tuple[str, str, str]:
    """Return patterns that match all escapes of some characters: for JSON, for URLs, for HTML.

    Escapes may be escaped again, as in JSON in JSON, up to a limit that bounds the search time. Each pattern starts
    with a literal character, which Python finds quickly.
    """
    codes = sorted(map(ord, characters))
    hexadecimals = "|".join(
        re.sub("[a-f]", lambda digit: f"[{digit[0]}{digit[0].upper()}]", f"{code:02x}") for code in codes
    )
    decimals = "|".join(map(str, codes))
    names = "".join(f"|{name}" for character in characters for name in _NAMES.get(character, ()))
    punctuation = "".join(f"|{re.escape(character)}" for character in characters if not character.isalnum())
    return (
        rf"\\(?<!\\\\)\\{{0,14}}(?:u(?:00|\{{0{{0,6}})(?:{hexadecimals})\}}?|x(?:{hexadecimals}){punctuation})",
        rf"%(?:25){{0,3}}(?:{hexadecimals})",
        rf"&(?:amp;){{0,3}}(?:#0{{0,6}}(?:{decimals});?|#[xX]0{{0,6}}(?:{hexadecimals});?{names})",
    )
