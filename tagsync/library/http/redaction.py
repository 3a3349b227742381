"""Redact the key in answers and logs: a server may repeat what it was sent, in whatever form.

The key is found as it is and in base64, as a call carries it; and each of these also with any of its characters escaped
as JSON, URLs and HTML escape them.
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

from tagsync.library.http.answer import Answer

REDACTED = "[the key]"
"""What stands in place of the key."""

LEAST_LENGTH = 16
"""A shorter text may well be a part of some tag or path, which has to be read as it is; ImageKit's keys are longer."""

_ERRORS = 400

_LEAST_ENCODED = 8
"""A shorter piece of base64 may be a part of any word."""

_NAMES: dict[str, list[str]] = {}
"""What HTML calls a character; only names with a semicolon at their end are read everywhere."""
for _name, _meant in html5.items():
    if _name.endswith(";"):
        _NAMES.setdefault(_meant, []).append(_name)

_LOGGERS = ("httpx", *(f"httpcore.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))
"""What the libraries that carry calls log to. Filters are not inherited, so that each has to be named."""


class _Redaction:
    """Replaces a key in bytes. The key is kept where neither `repr` nor `vars` of a client shows it."""

    def __init__(self, key: str) -> None:
        self._forms = _forms(key)
        self._plain = [form.encode() for form in self._forms]
        self._escapes = [re.compile(escape.encode()) for escape in _escapes(set().union(*self._forms))]

    @cached_property
    def _patterns(self) -> list[re.Pattern[bytes]]:
        key, *encoded = map(_pattern, self._forms)
        # The rest of the base64 is a password, and its first character has some bits of the key.
        rest = f"(?:[A-Za-z0-9+/=_-]|{'|'.join(_escapes(ascii_letters + digits + '+/=_-'))})*"
        return [re.compile(pattern.encode()) for pattern in (key, *(each + rest for each in encoded))]

    def __call__(self, data: bytes) -> bytes:
        """Return data without the key."""
        # Compiling and running the patterns takes longer than parsing the answer; hardly any comes to that.
        if any(form in data for form in self._plain) or any(escape.search(data) for escape in self._escapes):
            for pattern in self._patterns:
                data = pattern.sub(REDACTED.encode(), data)
        return data

    def text(self, text: str) -> str:
        """Return text without the key."""
        return self(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def redacting(key: str) -> Callable[[Answer], Answer]:
    """Return a function that redacts a key in answers.

    A key so short that a sandbox alone takes it is redacted in errors only.
    """
    redact = _Redaction(key)

    def without_key(answer: Answer) -> Answer:
        if len(key) < LEAST_LENGTH and answer.status < _ERRORS:
            return answer
        headers = {name: redact.text(value) for name, value in answer.headers.items()}
        return Answer(answer.status, headers, redact(answer.body))

    return without_key


@contextmanager
def unlogged(key: str) -> Iterator[None]:
    """Redact a key in what the libraries that carry calls log, at whatever level, as long as this is open.

    They log the headers of answers, in which a server may repeat the key.
    """
    redact = _Redaction(key)

    def blot(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        record.msg, record.args = redact.text(message), None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(blot)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(blot)


def _forms(key: str) -> list[str]:
    """Return a key as it is, and what of it is in its base64 wherever it stands in the encoded text."""
    found = [key]
    for before, encode in product(range(3), (b64encode, urlsafe_b64encode)):
        encoded = encode(bytes(before) + key.encode() + bytes(3)).decode()
        # The characters at both ends that also depend on other bytes are left out.
        form = encoded[-(-8 * before // 6) : 8 * (before + len(key)) // 6]
        if len(form) >= _LEAST_ENCODED:
            found.append(form)
    return list(dict.fromkeys(found))


def _pattern(form: str) -> str:
    """Return a pattern of a form, each of its characters escaped or not."""
    return "".join(f"(?:{'|'.join((re.escape(character), *_escapes(character)))})" for character in form)


def _escapes(characters: Iterable[str]) -> tuple[str, str, str]:
    """Return patterns of all escapes of some characters: of JSON, of URLs, of HTML.

    Escapes may be escaped again, as in JSON in JSON; how often is bounded, and with it the time to search.
    Each pattern starts with the one character that Python searches for quickly.
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
