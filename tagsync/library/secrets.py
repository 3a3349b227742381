"""Answers without the key: a server may repeat what it was sent; what it means by that is not looked at."""

from base64 import b64encode
from collections.abc import Callable

from tagsync.library.wire import Answer

BLOT = "[the key]"
"""What stands in place of the key."""

LEAST_LENGTH = 16
"""A shorter text may well be a part of some tag or path, which has to be read as it is; ImageKit's keys are longer."""

_ERRORS = 400


def blotting(key: str) -> Callable[[Answer], Answer]:
    """Return a function that blots a key out of answers, plain or as it is sent.

    A key so short that a sandbox alone takes it is blotted out of errors only. The key is kept where neither `repr` nor
    `vars` of a client shows it.
    """
    secrets = (key, b64encode(f"{key}:".encode()).decode())

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
