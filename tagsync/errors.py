"""Every error that tagsync raises on purpose; not the outcomes of single calls, which are values.

TagsyncError
├── UsageError                 the call itself is wrong
├── ManifestError              manifests cannot be read, or ask for what cannot be (carries all faults)
├── UnknownPathError           neither the library nor a manifest has the path to explain
├── DocumentError              a saved plan or report cannot be read
│   └── DamagedError           it is not as it was written
├── CredentialsError           no private key, or none that could be one
├── InterruptedRunError        a signal ended the run
├── StateError                 the state directory or a sandbox library cannot be used
├── RefusedError               refused on purpose, nothing written
│   └── LockedError            another apply holds the lock
└── LibraryError               the library could not be read or written
    ├── AuthorisationError     the key: 401, 403 to a read, 403 with words about the key
    ├── EndpointError          TLS, unknown host, proxy: the way there
    ├── RejectedError          400 and other final answers, with the server's words
    ├── StoppedError           not sent, or not again: the run is ending
    ├── NeedlessError          not sent, or not again: nothing of it is needed any more
    ├── OutOfTimeError         not read completely within the time that the run was given
    ├── UnreadableError        a file object that cannot be read
    ├── UnstableListingError   pages that do not show that they are all of a listing
    └── TransientError         worth another attempt; after the last one the outcome is unknown
        ├── TimedOutError
        ├── ConnectionFailedError
        ├── ServerFaultError   5xx
        └── ProtocolError      an answer that is no answer
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagsync.model import Diagnostic, Unreadable


class TagsyncError(Exception):
    """What went wrong, where, and how to mend it, in one message for a person."""

    exit_code = 1


class UsageError(TagsyncError):
    """The command or call was used wrongly; nothing was read or written."""

    exit_code = 64


class ManifestError(TagsyncError):
    """Manifests are invalid.

    Attributes:
        diagnostics: the faults, sorted by place.
        more: how many further faults were counted but not kept.
    """

    def __init__(self, diagnostics: "tuple[Diagnostic, ...]", more: int = 0) -> None:
        first = diagnostics[0]
        where = f"{first.origin}: " if first.origin else ""
        super().__init__(f"the manifests have faults, the first: {where}{first.message}")
        self.diagnostics = diagnostics
        self.more = more


class UnknownPathError(TagsyncError):
    """Neither the library nor a manifest has the path to explain."""


class DocumentError(TagsyncError):
    """A saved plan or report is not one, or is damaged."""


class DamagedError(DocumentError):
    """A saved plan or report is not as it was written."""

    exit_code = 4


class CredentialsError(TagsyncError):
    """There is no private key, or it cannot be one."""


class InterruptedRunError(TagsyncError):
    """A signal ended the run before its end.

    Attributes:
        exit_code: 128 and the signal's number, as shells have it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signal_number


class StateError(TagsyncError):
    """The state directory or what it holds cannot be used."""


class RefusedError(TagsyncError):
    """Refused on purpose; nothing was written."""

    exit_code = 4


class LockedError(RefusedError):
    """Another apply of the same library runs on this machine."""


class LibraryError(TagsyncError):
    """The library could not be read or written.

    Attributes:
        request_id: the server's name for the call, where it gave one.
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
    """The library does not accept the key: 401, 403 to a read, or 403 with words about the key."""


class EndpointError(LibraryError):
    """The endpoint cannot be reached as configured: TLS, host name or proxy."""


class RejectedError(LibraryError):
    """The library refused the call for good, with its reason."""


class StoppedError(LibraryError):
    """The call was not sent, or not again, because the run is ending; `attempts` counts those that may have worked."""


class NeedlessError(LibraryError):
    """The call was not sent, or not again, because the library shows all that it was to do."""


class OutOfTimeError(LibraryError):
    """The library was not read completely within the time that the run was given; nothing was written."""


class UnreadableError(LibraryError):
    """The library sent a file object that cannot be read.

    Attributes:
        what: what the object says of itself, and why it cannot be read.
    """

    def __init__(self, what: "Unreadable", request_id: str | None = None) -> None:
        super().__init__(f"the library sent a file that cannot be read: {what.why}", request_id=request_id)
        self.what = what


class UnstableListingError(LibraryError):
    """The pages of a listing do not show that they are all of it, however often they are read."""


class TransientError(LibraryError):
    """Worth another attempt. If the call writes, whether it took effect is not known."""


class TimedOutError(TransientError):
    """No complete answer within the call's deadline."""


class ConnectionFailedError(TransientError):
    """The connection was refused, reset or lost."""


class ServerFaultError(TransientError):
    """The server answered 5xx."""


class ProtocolError(TransientError):
    """The answer was not what the API promises: a redirect, HTML, broken JSON, too much of it."""


def message_of(error: BaseException) -> str:
    """Return in one line what ended a run; for an error that nobody foresaw, ask to report it."""
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
    return f"this is a defect of tagsync: {type(error).__name__}{where}. Please report it with this line."
