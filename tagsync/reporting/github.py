"""Write a view for GitHub Actions: annotations on lines of manifests, and outputs; `markdown` writes the summary."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from tagsync.escape import shown
from tagsync.model import Level, Origin, as_shown, counted
from tagsync.reporting.phrases import IN_PART, Names, named
from tagsync.reporting.view import StatusRow, View

SHOWN_OF_A_KIND = 10
"""How many errors, and how many warnings, GitHub shows of a step; it silently drops the others."""


class _Annotation(NamedTuple):
    """One annotation; the file of its origin is a path from the top of the repository."""

    kind: Level
    title: str
    message: str
    origin: Origin | None = None


def annotations(view: View, names: Names | None = None) -> Iterator[str]:
    """Yield workflow commands, one a line, at most ten of a kind; the tenth counts what is left out.

    Args:
        view: what to show.
        names: the names of manifests in the repository; the view's own if None.
    """
    names = view.names if names is None else names
    kinds: dict[Level, list[_Annotation]] = {"error": [], "warning": []}
    for found in chain(_guards(view, names), _said(view, names), map(_missed, view.missed[:SHOWN_OF_A_KIND])):
        kinds[found.kind].append(found)
    unseen = max(0, len(view.missed) - SHOWN_OF_A_KIND)
    for kind, members in kinds.items():
        count = len(members) + view.more_of(kind) + (unseen if kind == "error" else 0)
        kept = members if count <= SHOWN_OF_A_KIND else members[: SHOWN_OF_A_KIND - 1]
        yield from map(_command, kept)
        if len(kept) < count:
            words = f"and {counted(count - len(kept), f'more {kind}')}: see the step's summary"
            yield _command(_Annotation(kind, "tagsync", words))


def outputs(view: View, exit_code: int) -> str:
    """Return the outputs of a step.

    `changes` is the number of files that the plan changes, or the apply changed. `commit` is the commit that the apply
    completed, if it did.
    """
    commit = f"commit={view.applied_commit}\n" if view.applied_commit else ""
    return f"changes={view.files_changed}\n{commit}digest={view.digest or ''}\nexitcode={exit_code}\n"


def _guards(view: View, names: Names) -> Iterator[_Annotation]:
    for item in view.blocking:
        origin = item.origin if item.origin and item.origin.file in names else None
        yield _Annotation("error", f"guard {item.guard}", item.objection, origin and named(origin, names))


def _said(view: View, names: Names) -> Iterator[_Annotation]:
    """Yield errors and warnings; notices are in the summary.

    If the manifest is not in the repository, the message starts with its name.
    """
    for item in view.diagnostics:
        if item.level == "info":
            continue
        origin, message = item.origin, shown(as_shown(item, names).message)
        if origin and origin.file not in names:
            origin, message = None, f"{shown(item.where)}: {message}"
        yield _Annotation(item.level, item.code, message, origin and named(origin, names))


def _missed(row: StatusRow) -> _Annotation:
    start = f"{IN_PART}: " if row.outcome.in_part else ""
    return _Annotation("error", row.outcome.status, f"{shown(row.path)}: {start}{shown(row.outcome.error or '')}")


def _command(found: _Annotation) -> str:
    place = {}
    if found.origin:
        place = {"file": found.origin.file, "line": str(found.origin.line), "col": str(found.origin.column)}
    properties = ",".join(f"{key}={_property(value)}" for key, value in (place | {"title": found.title}).items())
    return f"::{found.kind} {properties}::{_message(found.message)}\n"


def _message(text: str) -> str:
    """Return text that cannot end a command's line, escaped as the toolkit of GitHub Actions does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(shown(text)).replace(":", "%3A").replace(",", "%2C")
