"""Hold a complete HTTP response; `imagekit.wire` interprets it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tagsync.escape import shown

SERVER_WORDS = 300
"""The maximum length of a server's message in our own messages, in characters."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response with a decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The server's ID of the call (documentation: every response has `x-ik-requestId`)."""
        found = self.headers.get("x-ik-requestid")
        return shown(found, 100) if found else None
