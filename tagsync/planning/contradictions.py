"""Find manifests and rules that contradict each other in any library; `merge` finds contradictions on single files."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from tagsync.escape import quoted, shown
from tagsync.model import (
    ById,
    ByMatch,
    CurrentFile,
    DesiredState,
    Diagnostic,
    Entry,
    IndexedEntries,
    normalized,
)
from tagsync.planning.clashes import Clash, Clashes
from tagsync.planning.entry_index import indexed
from tagsync.planning.merge import merge
from tagsync.planning.select import Selection


def account_faults(desired: DesiredState, account: str | None, setting: str = "") -> Iterator[Diagnostic]:
    """Yield an error for each manifest of another account than this run, or than another manifest.

    Args:
        desired: what manifests declare.
        account: the account of the run; None for that of the first manifest that names one.
        setting: what sets the account of the run, as the start of a clause: "tagsync.yaml:3:10 sets".
    """
    if account is None and desired.accounts:
        account, origin = desired.accounts[0]
        setting = f"{shown(str(origin))} is for"
    for name, origin in desired.accounts:
        if name != account:
            run = f"{setting or '--account or TAGSYNC_ACCOUNT sets'} account {quoted(account or '')}"
            fix = f"pass --account {shown(shlex.quote(name), 60)}, or leave this manifest out"
            yield Diagnostic(
                "error", "account", f"this manifest is for account {quoted(name)}, but {run}: {fix}", origin
            )


def contradictions(entries: Collection[Entry]) -> Clashes:
    """Return the tags on which entries with the same path, file ID or selector contradict each other.

    A path is also compared with the globs that match it. Entries that meet only on some file of a library, and queries,
    are left to the plan.

    Args:
        entries: as declared.
    """
    index, found = indexed(entries), Clashes()
    # Most manifests contradict themselves nowhere. Looking at the declarations alone settles these quickly, because
    # many entries share one.
    contested = _contested(index)
    if not contested:
        return found
    for selected in Selection(index, _named_files(index), {}):
        found.add(_clashes(selected.entries, contested), selected.file.path)
    for file_id, group in _by_id(index, contested):
        found.add(_clashes(group, contested), file_id)
    same: dict[ByMatch, list[Entry]] = defaultdict(list)
    for _, entry in index.matching():
        if isinstance(entry.selector, ByMatch):
            same[entry.selector].append(entry)
    for selector, group in same.items():
        found.add_new(_clashes(group, contested), selector.glob or selector.query or "")
    return found


def _contested(index: IndexedEntries) -> set[str]:
    """Return the tags, in NFC, that one entry wants present and another absent, or that are spelled in two ways."""
    tags, absent = set[str](), set[str]()
    for declared in index.declarations():
        tags.update(declared.tags.values)
        absent.update(declared.absent.values)
    spellings = Counter(map(normalized, tags))
    return {key for key, count in spellings.items() if count > 1} | spellings.keys() & set(map(normalized, absent))


def _by_id(index: IndexedEntries, contested: set[str]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the entries for each file ID that have a contested tag."""
    done: set[str] = set()
    for _, entry in index.by_id():
        selector = entry.selector
        if isinstance(selector, ById) and selector.file_id not in done and _touches(entry, contested):
            done.add(selector.file_id)
            yield selector.file_id, [same for _, same in index.with_id(selector.file_id)]


def _clashes(entries: Sequence[Entry], contested: set[str]) -> tuple[Clash, ...]:
    """Return the contradictions between entries on a file without tags."""
    if len(entries) > 1 and any(_touches(entry, contested) for entry in entries):
        return merge(CurrentFile("", "", (), ()), entries).clashes
    return ()


def _touches(entry: Entry, contested: set[str]) -> bool:
    declared = entry.declaration
    return any(normalized(tag) in contested for tag in (*declared.tags.values, *declared.absent.values))


def _named_files(index: IndexedEntries) -> Iterator[CurrentFile]:
    """Yield the files that entries select by path, as if they existed without tags."""
    for path, _ in groupby(index.by_path(), key=itemgetter(0)):
        yield CurrentFile("", path, (), ())
