import errno
import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_disk import CrashError, SimulatedDisk

from tagsync.applying import journal as journal_module
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.journal_records import (
    NOTHING,
    Began,
    Ended,
    Intent,
    Outcome,
    Recovered,
    decoded,
    encoded,
)
from tagsync.errors import StateError
from tagsync.model import Op, Request

MAX_LINE = 1 << 20

PATH = Path("/state/journal.jsonl")

texts = st.text(max_size=5)
few_ids = st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple)
numbers = st.integers(1, 4)
Record = Began | Intent | Outcome | Ended
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Began, texts, texts, texts),
    st.builds(
        Intent,
        numbers,
        st.builds(Request, st.sampled_from(Op), st.tuples(texts), st.tuples(st.sampled_from("abcdef"))),
        st.dictionaries(st.sampled_from("abcdef"), st.lists(texts, max_size=3).map(tuple), max_size=2),
    ),
    st.builds(Outcome, numbers, st.sampled_from(("done", "refused", "unknown")), few_ids),
    st.builds(Ended, texts),
)


def request(*file_ids: str) -> Request:
    return Request(Op.ADD, ("t",), file_ids)


def ordered(found: Recovered) -> Recovered:
    """Return what is left with the calls of each file in one order."""
    return Recovered({file_id: sorted(calls) for file_id, calls in found.unknown.items()}, found.done)


def left_by(noted: Sequence[Record]) -> Recovered:
    """Return what records leave to check, by the contract: each call after the last end, without what was there."""
    ends = [place for place, record in enumerate(noted) if isinstance(record, Ended)]
    rest = noted[ends[-1] + 1 :] if ends else noted
    unknown: dict[str, list[Request]] = {}
    done: dict[str, list[Request]] = {}
    for place, record in enumerate(rest):
        if isinstance(record, Outcome):
            sent = next((earlier for earlier in reversed(rest[:place]) if _number(earlier) == record.number), None)
            if isinstance(sent, Intent):
                for file_id in record.updated:
                    done.setdefault(file_id, []).append(_new_in(sent, file_id))
        if isinstance(record, Intent):
            fate = next((later for later in rest[place + 1 :] if _number(later) == record.number), None)
            if not isinstance(fate, Outcome) or fate.kind == "unknown":
                for file_id in record.request.file_ids:
                    unknown.setdefault(file_id, []).append(_new_in(record, file_id))
    return ordered(Recovered(unknown, done))


def _new_in(intent: Intent, file_id: str) -> Request:
    tags = [tag for tag in intent.request.tags if tag not in intent.already.get(file_id, ())]
    return intent.request._replace(tags=tuple(tags))


def _number(record: Record) -> int | None:
    return record.number if isinstance(record, Intent | Outcome) else None


def disk_with(data: bytes) -> SimulatedDisk:
    disk = SimulatedDisk(Random(0))
    disk.put(PATH, data)
    return disk


def recovered(disk: SimulatedDisk) -> Recovered:
    with closing(Journal(PATH, disk)) as journal:
        return ordered(journal.recovered)


class Life:
    """A process that applies repeatedly, and the records that it knows to be on disk."""

    def __init__(self, disk: SimulatedDisk, random: Random, before: Sequence[Record] = ()) -> None:
        self.noted = list(before)
        self.being_noted: list[Record] = []
        self.journal = Journal(PATH, disk)
        self._random = random

    def apply(self) -> None:
        with self._noting(Began("", "sha256:1", "now")):
            self.journal.began("sha256:1", "now")
        for _ in range(3):
            sent = request(*self._random.sample("abcdefgh", 2))
            with self._noting(Intent(0, sent)):
                number = self.journal.intent(sent)
            self.noted[-1] = Intent(number, sent)
            kind: Any = self._random.choice(("done", "refused", "unknown"))
            outcome = Outcome(number, kind, sent.file_ids[:1] if kind == "done" else ())
            with self._noting(outcome):
                self.journal.outcome(*outcome)
        if self._random.random() < 0.7:
            with self._noting(Ended("")):
                self.journal.ended()

    @contextmanager
    def _noting(self, record: Record) -> Iterator[None]:
        self.being_noted = [record]
        yield
        self.noted.append(record)
        self.being_noted = []

    def known_by(self, found: Recovered) -> list[Record]:
        """Return what must be on disk: all finished records, and perhaps the last one."""
        for known in (self.noted, self.noted + self.being_noted):
            if left_by(known) == ordered(found):
                return known
        raise AssertionError(f"{found} is neither what was noted nor that and {self.being_noted}")


def lives(disk: SimulatedDisk, random: Random, *, applies: int = 3) -> Life:
    """Apply until the disk crashes or fails."""
    life = Life(disk, random)
    with suppress(CrashError, StateError):
        for _ in range(applies):
            life.apply()
    return life


def test_journal_is_created_empty() -> None:
    disk = SimulatedDisk(Random(0))
    assert recovered(disk) == NOTHING
    assert disk.paths() == {PATH}


def test_journal_recovers_what_an_apply_left_open() -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    journal.began("sha256:1", "2026-01-01T00:00:00Z")
    journal.outcome(journal.intent(request("a", "b")), "done", ("a",))
    journal.outcome(journal.intent(request("c")), "refused", ())
    journal.outcome(journal.intent(request("d", "e")), "unknown", ())
    journal.intent(request("a", "f"))
    journal.close()
    unclear, open_call = request("d", "e"), request("a", "f")
    unknown = {"d": [unclear], "e": [unclear], "a": [open_call], "f": [open_call]}
    assert recovered(disk) == Recovered(unknown, {"a": [request("a", "b")]})


@pytest.mark.parametrize("kind", ["done", "unknown", None])
def test_journal_keeps_calls_without_what_a_file_showed_before(kind: Any) -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    number = journal.intent(Request(Op.ADD, ("t", "u"), ("a", "b")), {"a": ("t",)})
    if kind:
        journal.outcome(number, kind, ("a", "b") if kind == "done" else ())
    found = recovered(disk)
    left = found.done if kind == "done" else found.unknown
    assert {file_id: [call.tags for call in calls] for file_id, calls in left.items()} == {
        "a": [("u",)],
        "b": [("t", "u")],
    }


def test_journal_of_an_apply_without_calls_recovers_nothing() -> None:
    disk = SimulatedDisk(Random(0))
    Journal(PATH, disk).began("sha256:1", "now")
    assert recovered(disk) == NOTHING


def test_journal_end_counts_if_the_file_cannot_be_emptied() -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    journal.began("sha256:1", "now")
    journal.intent(request("a"))
    disk.crash_at = disk.operations + 3  # a line is written, then flushed
    with pytest.raises(CrashError):
        journal.ended()
    left = disk.after_power_loss()
    assert encoded(Intent(1, request("a"))) in left.data(PATH)
    assert recovered(left) == NOTHING


def test_journal_end_empties_the_file() -> None:
    disk = SimulatedDisk(Random(0))
    for _ in range(2):
        journal = Journal(PATH, disk)
        journal.began("sha256:1", "now")
        journal.intent(request("a"))
    journal.ended()
    assert disk.paths() == {PATH}
    assert disk.data(PATH) == b""
    assert recovered(disk) == NOTHING


def test_journal_goes_on_after_an_end() -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    for file_id in "abc":
        journal.began("sha256:1", "now")
        journal.intent(request(file_id))
        if file_id != "c":
            journal.ended()
    assert recovered(disk) == Recovered({"c": [request("c")]}, {})


def test_journal_separates_calls_of_later_applies() -> None:
    disk = SimulatedDisk(Random(0))
    Journal(PATH, disk).intent(request("a"))
    later = Journal(PATH, disk)
    number = later.intent(request("b"))
    assert number == 2
    later.outcome(number, "refused", ())
    assert recovered(disk).unknown.keys() == {"a"}


def test_journal_number_that_repeats_hides_no_call() -> None:
    noted: list[Record] = [Intent(1, request("a")), Intent(1, request("b")), Outcome(1, "refused", ())]
    assert recovered(disk_with(b"".join(map(encoded, noted)))).unknown.keys() == {"a"}


def test_journal_names_each_apply_by_plan_and_time() -> None:
    disk = SimulatedDisk(Random(0))
    Journal(PATH, disk).began("sha256:1", "2026-01-01T00:00:00Z")
    began = decoded(disk.data(PATH))
    assert isinstance(began, Began)
    assert (began.digest, began.at, len(began.run)) == ("sha256:1", "2026-01-01T00:00:00Z", 16)


def test_journal_has_one_line_for_each_record() -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    number = journal.intent(request("a"))
    journal.outcome(number, "done", ("a",))
    assert disk.data(PATH) == encoded(Intent(1, request("a"))) + encoded(Outcome(1, "done", ("a",)))


def test_journal_lines_have_the_documented_form() -> None:
    body = b'{"fileIds":["a","\\u00e4"],"kind":"intent","number":7,"op":"removeAITags","tags":["\\u202e"]}'
    intent = Intent(7, Request(Op.REMOVE_AI, ("\u202e",), ("a", "ä")))
    assert encoded(intent) == b"%08x " % crc32(body) + body + b"\n"
    assert decoded(encoded(intent)) == intent


@given(records)
def test_journal_records_round_trip(record: Record) -> None:
    read = decoded(encoded(record))
    assert read == record
    assert type(read) is type(record)


@settings(deadline=None)
@given(st.lists(records, max_size=6), st.data())
def test_journal_cut_at_any_byte_keeps_all_whole_records(noted: list[Record], data: st.DataObject) -> None:
    lines = [encoded(record) for record in noted]
    cut = data.draw(st.integers(0, len(b"".join(lines))))
    # The line feed of the last line may be missing, because its checksum proves that it is complete.
    whole = noted[: sum(len(b"".join(lines[: place + 1])) - 1 <= cut for place in range(len(lines)))]
    disk = disk_with(b"".join(lines)[:cut])
    journal = Journal(PATH, disk)
    assert ordered(journal.recovered) == left_by(whole)
    later = request("z")
    number = journal.intent(later)
    assert recovered(disk) == left_by([*whole, Intent(number, later)])


@settings(deadline=None)
@given(st.lists(st.tuples(records, st.binary(max_size=40)), max_size=6))
def test_journal_rubbish_between_lines_hides_none(noted: list[tuple[Record, bytes]]) -> None:
    disk = disk_with(b"".join(rubbish + b"\n" + encoded(record) for record, rubbish in noted))
    assert recovered(disk) == left_by([record for record, _ in noted])


def test_journal_damaged_byte_costs_only_its_line() -> None:
    noted: list[Record] = [Began("r", "d", "t"), *(Intent(number, request(f"file-{number}")) for number in range(1, 5))]
    lines = [encoded(record) for record in noted]
    whole = b"".join(lines)
    place = 0
    for index, line in enumerate(lines):
        for offset in range(len(line)):
            damaged = bytearray(whole)
            damaged[place + offset] ^= 0x20
            # Without its line feed, a line is joined to the next, and both are lost.
            lost = {index, index + 1} if offset == len(line) - 1 else {index}
            left = [record for number, record in enumerate(noted) if number not in lost]
            assert recovered(disk_with(bytes(damaged))) == left_by(left)
        place += len(line)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"[" * 100_000,
        b"1" * 5000,
        b"\xff",
        b'{"kind":"checkpoint","number":1}',
        b'{"kind":["ended"],"run":"r"}',
        b'{"kind":"ended"}',
        b'{"kind":"ended","run":1}',
        b'{"at":"t","digest":null,"kind":"began","run":"r"}',
        b'{"fileIds":["x"],"kind":"intent","number":"9","op":"addTags","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":0,"op":"addTags","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":true,"op":"addTags","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":9.0,"op":"addTags","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":9007199254740992,"op":"addTags","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":9,"op":"deleteFiles","tags":["t"]}',
        b'{"fileIds":["x"],"kind":"intent","number":9,"op":"addTags","tags":[1]}',
        b'{"fileIds":["x"],"kind":"intent","number":9,"op":"addTags","tags":[]}',
        b'{"fileIds":["x",null],"kind":"intent","number":9,"op":"addTags","tags":["t"]}',
        b'{"fileIds":[],"kind":"intent","number":9,"op":"addTags","tags":["t"]}',
        b'{"fileIds":"x","kind":"intent","number":9,"op":"addTags","tags":["t"]}',
        b'{"already":["x"],"fileIds":["x"],"kind":"intent","number":9,"op":"addTags","tags":["t"]}',
        b'{"already":{"x":"t"},"fileIds":["x"],"kind":"intent","number":9,"op":"addTags","tags":["t"]}',
        b'{"kind":"outcome","number":1,"outcome":"perhaps","updated":[]}',
        b'{"kind":"outcome","number":1,"outcome":"done","updated":"x"}',
        b'{"kind":"outcome","number":1,"outcome":"done","updated":[1]}',
        b'{"kind":"outcome","number":1,"outcome":"done"}',
    ],
)
def test_journal_ignores_invalid_and_unknown_records(body: bytes) -> None:
    line = b"%08x %b\n" % (crc32(body), body)
    known = encoded(Intent(1, request("a")))
    assert decoded(line) is None
    assert recovered(disk_with(known + line + known)) == left_by([Intent(1, request("a"))] * 2)
    assert recovered(disk_with(line)) == NOTHING


def test_journal_ignores_members_of_later_versions() -> None:
    body = b'{"kind":"ended","run":"r","since":"1.7"}'
    assert decoded(b"%08x %b\n" % (crc32(body), body)) == Ended("r")


@pytest.mark.parametrize("power_lost", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_journal_keeps_all_records_after_a_crash_at_any_operation(seed: int, *, power_lost: bool) -> None:
    for crash_at in count(3):
        random = Random(seed)
        disk = SimulatedDisk(random, crash_at=crash_at)
        life = lives(disk, random)
        life.known_by(recovered(disk.after_power_loss() if power_lost else disk.after_kill()))
        if disk.operations < crash_at:
            break
    assert crash_at > 40


@pytest.mark.parametrize("crash_at", [1, 2])
def test_journal_is_empty_after_a_crash_during_its_creation(crash_at: int) -> None:
    disk = SimulatedDisk(Random(0), crash_at=crash_at)
    with pytest.raises(CrashError):
        Journal(PATH, disk)
    assert recovered(disk.after_power_loss()) == NOTHING


def test_journal_loses_nothing_over_many_crashes() -> None:
    for seed in range(300):
        random = Random(seed)
        disk = SimulatedDisk(random)
        known: list[Record] = []
        for _ in range(6):
            life = Life(disk, random, known)
            assert ordered(life.journal.recovered) == left_by(known)
            disk.crash_at = disk.operations + random.randint(1, 30)
            with suppress(CrashError):
                while True:
                    life.apply()
            disk = disk.after_power_loss() if random.random() < 0.5 else disk.after_kill()
            known = life.known_by(recovered(disk))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device: free some disk space and run again; earlier records are intact"),
        (errno.EDQUOT, "Disk quota exceeded: free some disk space and run again"),
        (errno.EMFILE, "Too many open files: allow more open files (ulimit -n) and run again"),
        (errno.EROFS, "Read-only file system: fix this or use another --state-dir, and run again"),
        (errno.EIO, "Input/output error: fix this or use another --state-dir, and run again"),
    ],
)
def test_journal_disk_error_ends_recording_but_loses_nothing(number: int, words: str) -> None:
    for fault_at in count(3):
        random = Random(fault_at)
        disk = SimulatedDisk(random, faults={fault_at: number})
        life = lives(disk, random)
        if disk.operations < fault_at:
            break
        operations = disk.operations
        for note in (
            lambda life=life: life.journal.began("sha256:2", "later"),
            lambda life=life: life.journal.intent(request("z")),
            lambda life=life: life.journal.outcome(1, "done", ()),
            life.journal.ended,
        ):
            with pytest.raises(StateError) as raised:
                note()
            assert str(raised.value).startswith(f"the journal {PATH} cannot be ")
            assert words in str(raised.value)
        assert disk.operations == operations
        life.journal.close()
        life.known_by(recovered(disk.after_kill()))
    assert fault_at > 40


@pytest.mark.parametrize("fault_at", [1, 2])
def test_journal_that_cannot_be_opened_is_an_error(fault_at: int) -> None:
    disk = SimulatedDisk(Random(0), faults={fault_at: errno.EROFS})
    with pytest.raises(StateError, match="cannot be opened: Read-only file system"):
        Journal(PATH, disk)


def test_journal_interrupted_write_does_not_damage_the_next_line() -> None:
    disk = SimulatedDisk(Random(1))
    journal = Journal(PATH, disk)
    disk.crash_at = disk.operations + 1
    with pytest.raises(CrashError):
        journal.intent(request("a"))
    assert 0 < len(disk.data(PATH)) < len(encoded(Intent(1, request("a"))))
    disk.crash_at = None
    journal.intent(request("b"))
    assert recovered(disk).unknown.keys() == {"b"}


def test_journal_refuses_a_call_too_long_to_read_again() -> None:
    disk = SimulatedDisk(Random(0))
    journal = Journal(PATH, disk)
    with pytest.raises(StateError, match="does not fit into the journal: use fewer or shorter tags"):
        journal.intent(request("x" * MAX_LINE))
    journal.intent(request("y" * (MAX_LINE - 200)))
    assert recovered(disk).unknown.keys() == {"y" * (MAX_LINE - 200)}


def test_journal_line_without_end_is_skipped_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + encoded(Intent(1, request("a"))))
    tracemalloc.start()
    try:
        with closing(Journal(path)) as journal:
            assert journal.recovered.unknown.keys() == {"a"}
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_journal_too_large_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_BYTES", 200)
    path = tmp_path / "journal"
    path.write_bytes(b"".join(encoded(Intent(number, request(f"f{number}"))) for number in range(1, 100)))
    with closing(Journal(path)) as journal:
        assert {"f1"} <= journal.recovered.unknown.keys() <= {"f1", "f2", "f3"}
        journal.ended()
    assert path.stat().st_size == 0


def test_journal_with_too_many_files_keeps_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_FILES", 5)
    five: list[Record] = [Intent(1, request("a", "b", "c")), Outcome(1, "unknown", ("a", "b"))]
    over: list[Record] = [Intent(9, request("a")), Ended("r"), Intent(2, request("x", "y")), Outcome(2, "refused", ())]
    one_more, beyond = Intent(3, request("e")), Intent(7, request("z"))
    found = recovered(disk_with(b"".join(map(encoded, [*over, *five, one_more, beyond]))))
    assert found.unknown.keys() == {"a", "b", "c", "e"}
    assert found.done.keys() == {"a", "b"}


def test_journal_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with closing(Journal(path)) as journal:
        assert path.stat().st_mode & 0o777 == 0o600
        before = path.stat().st_ino
        journal.began("sha256:1", "now")
        journal.ended()
        assert path.stat().st_ino != before
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == [path]
        journal.intent(request("a"))
    with closing(Journal(path)) as journal:
        assert journal.recovered.unknown.keys() == {"a"}


def test_journal_syncs_each_record_and_each_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flushed, flush = tmp_path / "journal", list[tuple[int, int]](), os.fsync

    def recording(descriptor: int) -> None:
        flush(descriptor)
        found = os.fstat(descriptor)
        flushed.append((found.st_ino, -1 if found.st_ino == folder else found.st_size))

    folder = tmp_path.stat().st_ino
    monkeypatch.setattr(os, "fsync", recording)
    with closing(Journal(path)) as journal:
        assert flushed == [(folder, -1)]
        journal.intent(request("a"))
        assert flushed[1:] == [(path.stat().st_ino, path.stat().st_size)]
        journal.ended()
        assert flushed[3:] == [(path.stat().st_ino, 0), (folder, -1)]


def test_journal_replaces_remains_of_a_crash_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="ascii")
    (tmp_path / "journal.new").symlink_to("precious")
    with closing(Journal(tmp_path / "journal")) as journal:
        journal.intent(request("a"))
        journal.ended()
    assert (tmp_path / "precious").read_text("ascii") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "precious"]


def link(path: Path) -> None:
    (path.parent / "precious").touch()
    path.symlink_to("precious")


def foreign(path: Path) -> None:
    path.touch()
    os.chown(path, 1, -1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (link, "it is a symbolic link, remove it and run again"),
        (Path.mkdir, "it is a folder, remove it and run again"),
        (os.mkfifo, "is not a regular file of yours: remove it, or use another --state-dir"),
        pytest.param(
            foreign,
            "is not a regular file of yours: remove it, or use another --state-dir",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away"),
        ),
    ],
)
def test_journal_refuses_a_file_that_is_not_ours(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    path = tmp_path / "journal\x1b"
    make(path)
    with pytest.raises(StateError) as refused:
        Journal(path)
    assert rf"{tmp_path}/journal\x1b" in str(refused.value)
    assert words in str(refused.value)
    assert all(item.stat().st_size == 0 for item in tmp_path.iterdir() if item.is_file())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list open files so")
def test_journal_leaves_no_file_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("fifo", "nowhere/journal"):
        with pytest.raises(StateError):
            Journal(tmp_path / name)
    with closing(Journal(tmp_path / "journal")) as journal:
        journal.intent(request("a"))
        journal.ended()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_journal_concurrent_writers_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with closing(Journal(path)) as one, closing(Journal(path)) as other:
        one.intent(request("a"))
        other.intent(request("b"))
    with closing(Journal(path)) as journal:
        assert journal.recovered.unknown.keys() == {"a", "b"}


def test_journal_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened: No such file or directory"):
        Journal(tmp_path / "nowhere" / "journal")


def test_journal_half_written_line_is_reported_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with closing(Journal(path)) as journal:
        journal.intent(request("a"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            with pytest.raises(StateError, match="cannot be written: File too large"):
                journal.intent(request("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with pytest.raises(StateError, match="cannot be written: File too large"):
            journal.intent(request("c"))
    with closing(Journal(path)) as journal:
        assert journal.recovered.unknown.keys() == {"a"}
        journal.intent(request("d"))
    with closing(Journal(path)) as journal:
        assert journal.recovered.unknown.keys() == {"a", "d"}


WRITER = """
import sys
from pathlib import Path
from tagsync.applying.journal import Journal
from tagsync.model import Op, Request

journal = Journal(Path(sys.argv[1]))
for count in range(1_000_000):
    file_id = f"{sys.argv[2]}-{count}"
    journal.intent(Request(Op.ADD, ("t" * 400,), (file_id,)))
    print(file_id, flush=True)
"""


def test_journal_of_a_killed_process_has_all_sent_calls(tmp_path: Path) -> None:
    path, random = tmp_path / "journal", Random(7)
    said: set[str] = set()
    for life in range(5):
        with subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", WRITER, str(path), str(life)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            for _ in range(random.randint(1, 300)):
                said.add(process.stdout.readline().strip())
            process.kill()
            # Through the same buffer as the lines before: communicate would pass over what lies in it.
            said.update(line.strip() for line in process.stdout)
        with closing(Journal(path)) as journal:
            noted = journal.recovered.unknown.keys()
        assert said <= noted
        assert len(noted) <= len(said) + 1
        # Records from now on may not have been printed.
        said = set(noted)
    assert "" not in said


def test_journal_none_has_the_same_interface() -> None:
    nothing = NoJournal()
    nothing.began("sha256:1", "now")
    number = nothing.intent(request("a"))
    nothing.outcome(number, "unknown", ())
    assert nothing.intent(request("a")) != number
    nothing.ended()
    nothing.close()
    assert nothing.recovered == NOTHING
