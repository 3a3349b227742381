"""Write a test of manifests as YAML text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tagsync.exporting.manifest_text import scalar, text_list
from tagsync.model import AITag, CurrentFile
from tagsync.model.templates import CREATED_AT, FILE_TYPE

_NAME = "files of a plan"
_CUSTOM = "customMetadata."
_DEFAULT_SOURCE = "google-auto-tagging"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{0,4}[1-9])?")


class FileDraft(NamedTuple):
    """A given file, and what it has after an apply.

    Attributes:
        file: the file before.
        tags: its ordinary tags after.
        ai_tags: the names of its AI tags after.
        by_id: whether a rule selects it by its ID.
    """

    file: CurrentFile
    tags: Sequence[str]
    ai_tags: Sequence[str]
    by_id: bool


def text_of_test(files: Iterable[FileDraft], *, as_of: str | None) -> Iterator[str]:
    """Yield the text of a test in pieces.

    Args:
        files: its files.
        as_of: the day on which rules are evaluated; None for the day of the run.
    """
    drafts = list(files)
    yield f"apiVersion: tagsync/v1\nkind: Test\nmetadata: {{name: {_NAME}}}\nspec:\n"
    if as_of:
        yield f"  asOf: {scalar(as_of)}\n"
    yield "  given:\n"
    yield from (_given(draft) for draft in drafts)
    yield "  expect:\n"
    yield from (_expected(draft) for draft in drafts)


def _given(draft: FileDraft) -> str:
    file, fields = draft.file, dict(draft.file.fields)
    lines = [f"    - path: {scalar(file.path)}\n"]
    if draft.by_id:
        lines.append(f"      fileId: {scalar(file.file_id)}\n")
    if file.tags:
        lines.append(f"      tags: {text_list(file.tags)}\n")
    if file.ai_tags:
        lines.append(f"      aiTags: [{', '.join(map(_ai_tag, file.ai_tags))}]\n")
    if FILE_TYPE in fields:
        lines.append(f"      fileType: {scalar(fields[FILE_TYPE])}\n")
    if file.created_at:
        lines.append(f"      {CREATED_AT}: {scalar(file.created_at)}\n")
    custom = {key.removeprefix(_CUSTOM): value for key, value in fields.items() if key.startswith(_CUSTOM)}
    if custom:
        pairs = ", ".join(f"{scalar(key)}: {_value(value)}" for key, value in custom.items())
        lines.append(f"      customMetadata: {{{pairs}}}\n")
    return "".join(lines)


def _value(text: str) -> str:
    """Return custom metadata: as a number if it is written like one, because queries compare numbers and texts."""
    return text if _NUMBER.fullmatch(text) else scalar(text)


def _ai_tag(tag: AITag) -> str:
    members = {
        "name": scalar(tag.name),
        **({"confidence": f"{tag.confidence:.15g}"} if tag.confidence is not None else {}),
        **({"source": scalar(tag.source)} if tag.source != _DEFAULT_SOURCE else {}),
    }
    return f"{{{', '.join(f'{key}: {value}' for key, value in members.items())}}}"


def _expected(draft: FileDraft) -> str:
    text = f"    {scalar(draft.file.path)}:\n      exact: {text_list(draft.tags)}\n"
    if draft.file.ai_tags:
        text += f"      aiTags: {{exact: {text_list(draft.ai_tags)}}}\n"
    return text
