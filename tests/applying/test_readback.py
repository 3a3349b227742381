from collections.abc import Sequence

import pytest
from builders import ai, current_file, id_of, now, run

from tagsync.applying.outcomes import Outcomes
from tagsync.applying.readback import differences, verify
from tagsync.errors import RejectedError
from tagsync.model import Change, CurrentFile, FileChange, FileOutcome, Op, Status

CHANGE = FileChange(
    current_file("/a", ["old"], [ai("Dog")]),
    (Change(Op.ADD, "caf\u00e9", ()), Change(Op.REMOVE, "old", ()), Change(Op.REMOVE_AI, "Dog", ())),
)
DONE = current_file("/a", ["cafe\u0301"])
UNTOUCHED = CHANGE.file
FILE = CHANGE.file.file_id

Shown = dict[str, CurrentFile | None]


def settled(status: Status, *, listed: Shown, details: Shown | None = None) -> tuple[FileOutcome, list[str]]:
    """Return the outcome after reading back, and the IDs of files whose details were read."""
    outcomes, asked = Outcomes(), list[str]()
    outcomes.note([FILE], status, attempts=1, error=None if status is Status.ACCEPTED else "earlier words")

    async def reread(_file_ids: Sequence[str]) -> Shown:
        return listed

    async def read_details(file_ids: Sequence[str]) -> Shown:
        asked.extend(file_ids)
        return listed if details is None else details

    run(verify({FILE: CHANGE}, outcomes, reread=reread, read_details=read_details))
    return outcomes.outcome(FILE), asked


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.UNKNOWN, Status.FAILED, Status.SKIPPED])
def test_readback_confirms_what_the_library_shows(status: Status) -> None:
    outcome, asked = settled(status, listed={FILE: DONE})
    assert (outcome.status, outcome.error) == (Status.CONFIRMED, None)
    assert asked == []


def test_readback_fails_an_accepted_change_that_is_not_shown() -> None:
    outcome, asked = settled(Status.ACCEPTED, listed={FILE: UNTOUCHED})
    assert outcome.status is Status.FAILED
    why = "ImageKit accepted the change, but does not show it; when read back, the file lacks the tag 'caf\u00e9'"
    assert outcome.error == why
    assert set(asked) == {FILE}


def test_readback_uses_details_if_the_listing_lags() -> None:
    outcome, _ = settled(Status.ACCEPTED, listed={FILE: UNTOUCHED}, details={FILE: DONE})
    assert outcome.status is Status.CONFIRMED


def test_readback_fails_an_unknown_change_that_is_not_shown() -> None:
    outcome, _ = settled(Status.UNKNOWN, listed={FILE: UNTOUCHED})
    assert outcome.status is Status.FAILED
    assert outcome.error == "earlier words; when read back, the file lacks the tag 'caf\u00e9'"


def test_readback_keeps_the_message_of_a_failed_change() -> None:
    outcome, _ = settled(Status.FAILED, listed={FILE: UNTOUCHED})
    assert (outcome.status, outcome.error) == (Status.FAILED, "earlier words")


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.UNKNOWN, Status.FAILED])
def test_readback_reports_a_deleted_file_as_missing(status: Status) -> None:
    outcome, _ = settled(status, listed={FILE: None})
    assert outcome.status is Status.MISSING


def test_readback_reports_a_late_deletion_as_missing() -> None:
    outcomes, readings = Outcomes(), list[CurrentFile | None]([UNTOUCHED] * 6 + [None])
    outcomes.note([FILE], Status.ACCEPTED, attempts=1, error=None)

    async def reread(_file_ids: Sequence[str]) -> Shown:
        return {FILE: UNTOUCHED}

    async def read_details(_file_ids: Sequence[str]) -> Shown:
        return {FILE: readings.pop(0)}

    run(verify({FILE: CHANGE}, outcomes, reread=reread, read_details=read_details))
    assert outcomes.outcome(FILE).status is Status.MISSING
    assert readings == []


def test_readback_reports_an_unreadable_file_as_unknown() -> None:
    outcome, _ = settled(Status.ACCEPTED, listed={})
    assert outcome.status is Status.UNKNOWN
    assert "could not be read back" in (outcome.error or "")


def test_readback_failed_listing_leaves_accepted_files_unknown() -> None:
    outcomes = Outcomes()
    outcomes.note([FILE], Status.ACCEPTED, attempts=1)

    async def refused(_file_ids: Sequence[str]) -> Shown:
        raise RejectedError("no more listings")

    run(verify({FILE: CHANGE}, outcomes, reread=refused, read_details=refused))
    assert outcomes.outcome(FILE)[0] is Status.UNKNOWN
    assert outcomes.outcome(FILE).error == "could not be read back: no more listings"


def test_readback_skips_files_without_a_call() -> None:
    outcomes = Outcomes()

    async def reread(_file_ids: Sequence[str]) -> Shown:
        raise AssertionError

    run(verify({FILE: CHANGE}, outcomes, reread=reread, read_details=reread))
    assert outcomes.outcome(FILE).status is Status.SKIPPED


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (DONE, []),
        (current_file("/a", ["caf\u00e9", "other"], [ai("Cat")]), []),
        (current_file("/a", []), ["the file lacks the tag 'caf\u00e9'"]),
        (current_file("/a", ["caf\u00e9", "old"]), ["the file still has the tag 'old'"]),
        (current_file("/a", ["caf\u00e9"], [ai("Dog")]), ["the file still has the AI tag 'Dog'"]),
    ],
)
def test_readback_differences_are_messages(shown: CurrentFile, words: list[str]) -> None:
    assert differences(CHANGE, shown) == words


def test_readback_change_id_is_that_of_its_file() -> None:
    assert id_of("/a") == FILE


class Lagging:
    """A library of many changed files whose index and details lag by some seconds."""

    def __init__(
        self,
        count: int,
        *,
        seconds: float,
        applied: bool = True,
        details_seconds: float = 0.0,
        status: Status = Status.ACCEPTED,
    ) -> None:
        self.changes = [FileChange(current_file(f"/{n}"), (Change(Op.ADD, "t", ()),)) for n in range(count)]
        self.outcomes = Outcomes()
        self.outcomes.note([change.file.file_id for change in self.changes], status, attempts=1, error="words")
        self._seconds, self._details_seconds = seconds, details_seconds
        self.deleted = False
        self._applied = applied
        self.searches = 0
        self.details = 0

    def _shown(self, *, done: bool) -> dict[str, CurrentFile | None]:
        if self.deleted:
            return dict.fromkeys(change.file.file_id for change in self.changes)
        return {c.file.file_id: current_file(c.file.path, ["t"] if done else []) for c in self.changes}

    async def reread(self, file_ids: Sequence[str]) -> Shown:
        self.searches += 1
        shown = self._shown(done=self._applied and now() >= self._began + self._seconds)
        return {file_id: shown[file_id] for file_id in file_ids}

    async def read_details(self, file_ids: Sequence[str]) -> Shown:
        self.details += len(file_ids)
        shown = self._shown(done=self._applied and now() >= self._began + self._details_seconds)
        return {file_id: shown[file_id] for file_id in file_ids}

    def read_back(self) -> tuple[set[str], float]:
        """Return the statuses, and the time that it took."""

        async def scenario() -> float:
            self._began = began = now()
            planned = {change.file_id: change for change in self.changes}
            await verify(planned, self.outcomes, reread=self.reread, read_details=self.read_details)
            return now() - began

        seconds = run(scenario())
        return {self.outcomes.outcome(change.file.file_id).status for change in self.changes}, seconds


def test_readback_waits_for_a_lagging_index() -> None:
    library = Lagging(1000, seconds=6)
    assert library.read_back() == ({"confirmed"}, 7)
    assert library.details < 100


def test_readback_waits_at_most_half_a_minute_for_the_index() -> None:
    library = Lagging(1000, seconds=1e9)
    statuses, seconds = library.read_back()
    assert statuses == {"confirmed"}
    assert seconds <= 30
    assert library.details == 1000


def test_readback_reports_failure_only_after_half_a_minute() -> None:
    library = Lagging(1000, seconds=0, applied=False)
    assert library.read_back() == ({"failed"}, 30)
    assert library.details < 1200


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.UNKNOWN])
@pytest.mark.parametrize("count", [1, 1000])
def test_readback_waits_for_lagging_details(count: int, status: Status) -> None:
    library = Lagging(count, seconds=25, details_seconds=20, status=status)
    statuses, seconds = library.read_back()
    assert statuses == {"confirmed"}
    assert seconds <= 30


def test_readback_does_not_wait_for_a_deleted_file() -> None:
    library = Lagging(3, seconds=0)
    library.deleted = True
    assert library.read_back() == ({"missing"}, 0)


def test_readback_of_a_few_files_uses_details_at_once() -> None:
    library = Lagging(10, seconds=1e9)
    assert library.read_back() == ({"confirmed"}, 0)


def test_readback_checks_removals_in_their_exact_spelling() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    change = FileChange(
        current_file("/a", [composed, decomposed], [ai(composed), ai(decomposed)]),
        (Change(Op.REMOVE, composed, ()), Change(Op.REMOVE_AI, composed, ())),
    )
    assert differences(change, current_file("/a", [decomposed], [ai(decomposed)])) == []
    assert len(differences(change, current_file("/a", [composed], [ai(composed)]))) == 2


def test_readback_does_not_reread_files_sent_in_part() -> None:
    library = Lagging(500, seconds=1e9)
    library.outcomes.note([change.file.file_id for change in library.changes], Status.SKIPPED, error="not sent")
    assert library.read_back() == ({"skipped"}, 0)
    assert (library.searches, library.details) == (1, 0)
