"""Define every error that tagsync raises on purpose; the results of single API calls are values (`model.requests`).

TagsyncError
├── UsageError                 the command or function was used wrongly
├── ManifestError              manifests cannot be read or are invalid (lists all errors)
├── UnknownPathError           neither the library nor a manifest has the path to explain
├── DocumentError              a saved plan or report cannot be read
│   └── DamagedError           it was changed after it was written
├── CredentialsError           no private key, or an impossible one
├── InterruptedRunError        a signal ended the run
├── StateError                 the state directory or a sandbox library cannot be used
├── RefusedError               refused on purpose, nothing written
│   └── LockedError            another apply holds the lock
└── LibraryError               the library could not be read or written
    ├── AuthorisationError     the key: 401, 403 to a read, 403 with a message about the key
    ├── EndpointError          TLS, unknown host or proxy
    ├── RejectedError          400 and other final responses, with the server's message
    ├── StoppedError           not sent, or not sent again, because the run is ending
    ├── NeedlessError          not sent, or not sent again, because it is no longer needed
    ├── OutOfTimeError         not read completely within --max-duration
    ├── UnreadableError        a file object that cannot be read
    ├── UnstableListingError   pages that may not be the whole listing
    └── TransientError         worth another attempt; after the last one the result is unknown
        ├── TimedOutError
        ├── ConnectionFailedError
        ├── ServerFaultError   5xx
        └── ProtocolError      an unusable response
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagsync.model import Diagnostic, Unreadable


class TagsyncError(Exception):
    """The base class: its message says what went wrong, where, and how to fix it."""

    exit_code = 1


class UsageError(TagsyncError):
    """The command or function was used wrongly; nothing was read or written."""

    exit_code = 64


class ManifestError(TagsyncError):
    """Manifests are invalid.

    Attributes:
        diagnostics: the errors, sorted by place.
        more: the number of further errors that were counted but not kept.
    """

    def __init__(self, diagnostics: "tuple[Diagnostic, ...]", more: int = 0) -> None:
        first = diagnostics[0]
        where = f"{first.where}: " if first.origin else ""
        super().__init__(f"the manifests have errors, the first is: {where}{first.message}")
        self.diagnostics = diagnostics
        self.more = more


class UnknownPathError(TagsyncError):
    """Neither the library nor a manifest has the path to explain."""


class DocumentError(TagsyncError):
    """A saved plan or report cannot be read."""


class DamagedError(DocumentError):
    """A saved plan or report was changed after it was written."""

    exit_code = 4


class CredentialsError(TagsyncError):
    """There is no private key, or it cannot be one."""


class InterruptedRunError(TagsyncError):
    """A signal ended the run.

    Attributes:
        exit_code: 128 plus the signal's number, as in shells.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signal_number


class StateError(TagsyncError):
    """The state directory or its contents cannot be used."""


class RefusedError(TagsyncError):
    """Refused on purpose; nothing was written."""

    exit_code = 4


class LockedError(RefusedError):
    """Another apply to the same library is running on this machine."""


class LibraryError(TagsyncError):
    """The library could not be read or written.

    Attributes:
        request_id: the server's ID of the call, if it gave one.
        attempts: how often the call was sent.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.attempts = 1

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} (request {self.request_id})" if self.request_id else message


class AuthorisationError(LibraryError):
    """The library does not accept the key."""


class EndpointError(LibraryError):
    """The endpoint cannot be reached as configured, because of TLS, the host name or a proxy."""


class RejectedError(LibraryError):
    """The library refused the call for good."""


class StoppedError(LibraryError):
    """The run is ending, so the call was not sent, or not sent again; `attempts` counts those that may have worked."""


class NeedlessError(LibraryError):
    """The call was not sent, or not sent again, because the library already shows its changes."""


class OutOfTimeError(LibraryError):
    """The library was not read completely in the given time; nothing was written."""


class UnreadableError(LibraryError):
    """The library returned a file object that cannot be read.

    Attributes:
        what: what is known of the object, and why it cannot be read.
    """

    def __init__(self, what: "Unreadable", request_id: str | None = None) -> None:
        super().__init__(f"the library sent a file that cannot be read: {what.why}", request_id=request_id)
        self.what = what


class UnstableListingError(LibraryError):
    """The pages of a listing may not be complete, even after reading them again."""


class TransientError(LibraryError):
    """Worth another attempt. If the call writes, it is unknown whether it took effect."""


class TimedOutError(TransientError):
    """There was no complete response within the call's deadline."""


class ConnectionFailedError(TransientError):
    """The connection was refused, reset or lost."""


class ServerFaultError(TransientError):
    """The server responded with 5xx."""


class ProtocolError(TransientError):
    """The response is not what the API promises: a redirect, HTML, broken JSON, or too large."""


def code_of(error: BaseException) -> str:
    """Return an error's kind as diagnostics and logs name it: AuthorisationError is `authorisation`."""
    match error:
        case TagsyncError():
            words = re.findall("[A-Z][a-z]+", type(error).__name__.removesuffix("Error"))
            return "-".join(words).lower()
        case OSError() | MemoryError():
            return "system"
    return "internal"


def message_of(error: BaseException) -> str:
    """Return the message of an error that ended a run, in one line; an unexpected error asks the user to report it."""
    match error:
        case TagsyncError():
            return str(error)
        case MemoryError():
            return "there is not enough memory (MemoryError)"
        case OSError():
            reason = error.strerror or str(error) or type(error).__name__
            return f"{reason}{f': {error.filename}' if error.filename else ''}"
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
    return f"this is a bug in tagsync: {type(error).__name__}{where}. Please report it with this line."
