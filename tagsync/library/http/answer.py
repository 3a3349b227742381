"""A complete HTTP answer; what it means is in `imagekit.wire`."""

from collections.abc import Mapping
from dataclasses import dataclass

from tagsync.escape import shown

SERVER_WORDS = 300
"""The most characters of a server's message that are repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The server's name for the call (documentation: every response has `x-ik-requestId`)."""
        found = self.headers.get("x-ik-requestid")
        return shown(found, 100) if found else None
