"""Write a test of manifests from a plan: a few changed files, and the tags that they have after an apply."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from math import inf
from operator import attrgetter
from typing import NamedTuple

from tagsync.api.testing import evaluated
from tagsync.concurrency import blocking
from tagsync.events import Listener, ignore
from tagsync.exporting.drafted_test_text import FileDraft, text_of_test
from tagsync.library.target import Target, connect
from tagsync.manifest.document_reader import DocumentReader
from tagsync.manifest.files import STDIN, Located
from tagsync.manifest.yaml import PARSER
from tagsync.model import CurrentFile, DesiredState, FileChange, Op, Origin, Plan, TestSpec
from tagsync.model.templates import CREATED_AT
from tagsync.planning.entry_index import indexed
from tagsync.planning.expectations import After

MOST_FILES = 20
"""The most files of a test: few enough to read."""

_MOST_SEARCHED = 100_000
"""The most changed files to choose from."""

_METADATA = re.compile(r'"(customMetadata\.[^"\\]+)"')
"""A field in a query."""


class DraftedTest(NamedTuple):
    """A test as YAML text.

    Attributes:
        text: the text; empty if no file could be used.
        files: the number of files in it.
        left_out: the paths of chosen files that the test cannot reproduce.
    """

    text: str
    files: int
    left_out: tuple[str, ...]


async def draft_test_async(
    desired: DesiredState, plan: Plan, *, target: Target, as_of: date | None = None, listener: Listener = ignore
) -> DraftedTest:
    """Write a test that gives some of the changed files, and expects what the plan makes of them.

    The files are spread over the rules. A file is left out if the test would fail for it, for example because a query
    uses data that the test does not have.

    Args:
        desired: what the manifests declare.
        plan: a plan of these manifests, without errors.
        target: the library, to read the data of the files that rules use.
        as_of: the date (UTC) that the plan was made for; today if None.
        listener: receives progress events.

    Raises:
        LibraryError: the files could not be read.
    """
    day = (as_of or datetime.now(UTC).date()).isoformat() if _depends_on_time(desired) else None
    index = indexed(desired.entries)
    has_times = bool(desired.queries()) or CREATED_AT in desired.fields
    drafts = list[FileDraft]()
    chosen = _spread(plan.changes)
    for change, file in await _read(chosen, desired, target, listener):
        if file is not None and _is_same(file, change.file):
            after = After(file, change, {})
            given = file if has_times else replace(file, created_at="")
            tags, ai_tags = sorted(after.tags), sorted(set(after.ai_tags))
            drafts.append(FileDraft(given, tags, ai_tags, by_id=bool(index.with_id(file.file_id))))
    passing = _passing(drafts, desired, day)
    paths = {draft.file.path for draft in passing}
    left_out = tuple(change.path for change in chosen if change.path not in paths)
    return DraftedTest(_text(passing, day) if passing else "", len(passing), left_out)


draft_test = blocking(draft_test_async)


def _spread(changes: Iterable[FileChange]) -> list[FileChange]:
    """Return changed files so that each rule changes one of them, or two if there is room."""
    counts = Counter[tuple[Op, Origin]]()
    chosen: dict[str, FileChange] = {}
    for wanted in (1, 2):
        for change in islice(changes, _MOST_SEARCHED):
            reasons = {(reason.op, reason.origin) for reason in change.reasons}
            is_new = change.path not in chosen and any(counts[reason] < wanted for reason in reasons)
            if is_new and len(chosen) < MOST_FILES:
                chosen[change.path] = change
                counts.update(reasons)
    return sorted(chosen.values(), key=attrgetter("path"))


async def _read(
    changes: Sequence[FileChange], desired: DesiredState, target: Target, listener: Listener
) -> list[tuple[FileChange, CurrentFile | None]]:
    """Read the data of files that templates and queries use; a plan does not have it."""
    if not changes:
        return []
    fields = desired.fields.union(*(_METADATA.findall(query) for query in desired.queries()))
    async with connect(target, listener, fields=fields) as client:
        reader = client.file_reads(library_size=inf, concurrency=target.concurrency)
        files = await reader.singly([change.file_id for change in changes])
    return [(change, files.get(change.file_id)) for change in changes]


def _is_same(now: CurrentFile, planned: CurrentFile) -> bool:
    return (now.path, now.tags, now.ai_tags) == (planned.path, planned.tags, planned.ai_tags)


def _depends_on_time(desired: DesiredState) -> bool:
    return bool(desired.queries()) or any(each.until for each in indexed(desired.entries).declarations())


def _text(drafts: Sequence[FileDraft], day: str | None) -> str:
    return "".join(text_of_test(drafts, as_of=day))


def _passing(drafts: Sequence[FileDraft], desired: DesiredState, day: str | None) -> list[FileDraft]:
    """Return the files whose tests can be read, and pass."""
    tests = [(draft, _test_of(draft, day)) for draft in drafts]
    readable = [(draft, test) for draft, test in tests if test]
    results = evaluated(desired, [test for _, test in readable])
    return [draft for (draft, _), result in zip(readable, results, strict=True) if not result.failures]


def _test_of(draft: FileDraft, day: str | None) -> TestSpec | None:
    """Return the test of one file as it is read from its text; None if it has errors."""
    data = _text([draft], day).encode("utf-8")
    reader = DocumentReader(Located(STDIN, STDIN, None), data, parser=PARSER, take=lambda *_: None)
    reader.read()
    return None if reader.errors.count else reader.contents.tests[0]
