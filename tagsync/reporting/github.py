"""A sheet as GitHub Actions take it: annotations on the manifests' lines, and outputs; the summary is Markdown."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from tagsync.escape import shown
from tagsync.model import Level, Origin
from tagsync.reporting.guard_view import blocking
from tagsync.reporting.rows import StatusRow, counted, named
from tagsync.reporting.sheet import Sheet

SHOWN_OF_A_KIND = 10
"""GitHub shows so many errors, warnings and notices of a step each, and drops the others without a word."""


class _Annotation(NamedTuple):
    """One annotation; `origin` names its file as GitHub knows it, from the top of the repository."""

    kind: Level
    title: str
    message: str
    origin: Origin | None = None


def annotations(sheet: Sheet) -> Iterator[str]:
    """Yield workflow commands, a line each, at most ten of a kind; the tenth counts what is left out.

    The names of manifests in the sheet are those in the repository.
    """
    kinds: dict[Level, list[_Annotation]] = {"error": [], "warning": []}
    for found in chain(_guards(sheet), _said(sheet), map(_missed, sheet.missed[:SHOWN_OF_A_KIND])):
        kinds[found.kind].append(found)
    unseen = max(0, len(sheet.missed) - SHOWN_OF_A_KIND)
    for kind, members in kinds.items():
        count = len(members) + sheet.more_of(kind) + (unseen if kind == "error" else 0)
        kept = members if count <= SHOWN_OF_A_KIND else members[: SHOWN_OF_A_KIND - 1]
        yield from map(_command, kept)
        if len(kept) < count:
            words = f"and {counted(count - len(kept), f'more {kind}')}: the step's summary has more"
            yield _command(_Annotation(kind, "tagsync", words))


def outputs(sheet: Sheet, exit_code: int) -> str:
    """Return what a step puts out: `changes` is the number of files to change, or changed."""
    return f"changes={sheet.files_changed}\ndigest={sheet.digest or ''}\nexitcode={exit_code}\n"


def _guards(sheet: Sheet) -> Iterator[_Annotation]:
    for item in blocking(sheet.judgements):
        words = f"{item.counts} blocks: {item.limit}: {item.ack} ({', '.join(map(shown, item.examples))})"
        origin = item.origin if item.origin and item.origin.file in sheet.names else None
        yield _Annotation("error", f"guard {item.guard}", words, origin and named(origin, sheet.names))


def _said(sheet: Sheet) -> Iterator[_Annotation]:
    """Yield what somebody should do something about: notes are left to the summary.

    A place in a manifest that the repository is not known to have stands in the message.
    """
    for item in sheet.diagnostics:
        if item.level == "info":
            continue
        origin, message = item.origin, shown(item.message)
        if origin and origin.file not in sheet.names:
            origin, message = None, f"{shown(str(origin))}: {message}"
        yield _Annotation(item.level, item.code, message, origin and named(origin, sheet.names))


def _missed(row: StatusRow) -> _Annotation:
    return _Annotation("error", row.outcome.status, f"{shown(row.path)}: {shown(row.outcome.error or '')}")


def _command(found: _Annotation) -> str:
    place = {}
    if found.origin:
        place = {"file": found.origin.file, "line": str(found.origin.line), "col": str(found.origin.column)}
    properties = ",".join(f"{key}={_property(value)}" for key, value in (place | {"title": found.title}).items())
    return f"::{found.kind} {properties}::{_message(found.message)}\n"


def _message(text: str) -> str:
    """Return text that cannot end a command's line: as the toolkit of GitHub Actions escapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(shown(text)).replace(":", "%3A").replace(",", "%2C")
