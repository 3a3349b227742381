"""Answers and logs without the key: a server may repeat what it was sent; what it means by that is not looked at."""

import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagsync.library.wire import Answer

BLOT = "[the key]"
"""What stands in place of the key."""

LEAST_LENGTH = 16
"""A shorter text may well be a part of some tag or path, which has to be read as it is; ImageKit's keys are longer."""

_ERRORS = 400

_LOGGERS = ("httpx", *(f"httpcore.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))
"""What the libraries that carry calls log to. Filters are not inherited, so that each has to be named."""


def blotting(key: str) -> Callable[[Answer], Answer]:
    """Return a function that blots a key out of answers, plain or as it is sent.

    A key so short that a sandbox alone takes it is blotted out of errors only. The key is kept where neither `repr` nor
    `vars` of a client shows it.
    """
    secrets = _forms(key)

    def without_key(answer: Answer) -> Answer:
        if len(key) < LEAST_LENGTH and answer.status < _ERRORS:
            return answer
        if not any(secret.encode() in answer.body or secret in str(answer.headers) for secret in secrets):
            return answer
        body, headers = answer.body, dict(answer.headers)
        for secret in secrets:
            body = body.replace(secret.encode(), BLOT.encode())
            headers = {name: value.replace(secret, BLOT) for name, value in headers.items()}
        return Answer(answer.status, headers, body)

    return without_key


@contextmanager
def unlogged(key: str) -> Iterator[None]:
    """Blot a key out of what the libraries that carry calls log, at whatever level, as long as this is open.

    They log the headers of answers, in which a server may repeat the key.
    """
    secrets = _forms(key)

    def blot(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if any(secret in message for secret in secrets):
            for secret in secrets:
                message = message.replace(secret, BLOT)
            record.msg, record.args = message, None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(blot)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(blot)


def _forms(key: str) -> tuple[str, str]:
    """Return a key as it is and as it is sent."""
    return key, b64encode(f"{key}:".encode()).decode()
