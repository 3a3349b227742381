from collections.abc import Mapping, Sequence

import pytest
from builders import ai, current_file, id_of, now, run, unpack

from tagsync.applying.journal_records import NOTHING, Recovered
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.preflight import look_again, still_needed
from tagsync.model import Change, CurrentFile, FileChange, FileOutcome, Op, Request, Status

Shown = Mapping[str, CurrentFile | None]


def adding(path: str, tags: str = "new more") -> FileChange:
    return FileChange(current_file(path, ["here"]), tuple(Change(Op.ADD, tag, ()) for tag in tags.split()))


def looked_at(
    changes: Sequence[FileChange],
    shown: Shown,
    *,
    details: Shown | None = None,
    done: Mapping[str, Sequence[Request]] | None = None,
    unknown: Mapping[str, Sequence[Request]] | None = None,
) -> tuple[list[FileChange], Outcomes, list[str]]:
    """Return the changes that are left, the outcomes, and the files whose details were read."""
    outcomes, asked = Outcomes(), list[str]()

    async def reread(_file_ids: Sequence[str]) -> dict[str, CurrentFile | None]:
        return dict(shown)

    async def read_details(file_ids: Sequence[str]) -> dict[str, CurrentFile | None]:
        asked.extend(file_ids)
        return {file_id: {**shown, **(details or {})}.get(file_id) for file_id in file_ids}

    recovered = Recovered(unknown or {}, done or {})
    planned = {change.file_id: change for change in changes}
    now_shown = run(look_again(planned, reread=reread, read_details=read_details, recovered=recovered))
    return list(still_needed(planned, now_shown, outcomes, recovered)), outcomes, asked


A, B = adding("/a"), adding("/b")
AS_IT_WAS: Shown = {change.file.file_id: change.file for change in (A, B)}


def test_preflight_keeps_planned_changes_of_unchanged_files() -> None:
    left, outcomes, asked = looked_at([A, B], AS_IT_WAS)
    assert left == [A, B]
    assert ([*outcomes.touched()], asked) == ([], [])


def test_preflight_checks_by_details_what_the_index_shows_as_done() -> None:
    done = current_file("/a", ["here", "new", "more"])
    shown, details = {**AS_IT_WAS, id_of("/a"): done}, {id_of("/a"): A.file}
    left, _, asked = looked_at([A, B], shown, details=details)
    assert (left, asked) == ([A, B], [id_of("/a")])
    left, outcomes, _ = looked_at([A, B], shown, details={id_of("/a"): done})
    assert (left, outcomes.outcome(id_of("/a")).status) == ([B], Status.CONFIRMED)


def test_preflight_completes_a_file_changed_in_part() -> None:
    half = current_file("/a", ["here", "new"])
    left, outcomes, _ = looked_at([A, B], {**AS_IT_WAS, id_of("/a"): half})
    assert [unpack(change.changes) for change in left] == [["+more"], ["+new", "+more"]]
    assert left[0].file == half
    assert outcomes.outcome(id_of("/a")).already == ((Op.ADD, "new"),)
    assert outcomes.outcome(id_of("/b")).already == ()


SENT = {id_of("/a"): [Request(Op.ADD, ("new", "x"), (id_of("/a"),))]}


@pytest.mark.parametrize(
    ("done", "unknown"),
    [(SENT, {}), ({}, SENT)],
    ids=["answered", "without an answer"],
)
def test_preflight_counts_changes_of_a_killed_apply_as_its_own(
    done: Mapping[str, Sequence[Request]], unknown: Mapping[str, Sequence[Request]]
) -> None:
    half = current_file("/a", ["here", "new"])
    shown = {**AS_IT_WAS, id_of("/a"): half}
    left, outcomes, _ = looked_at([A, B], shown, details={id_of("/a"): half}, done=done, unknown=unknown)
    assert unpack(left[0].changes) == ["+more"]
    assert outcomes.outcome(id_of("/a")).already == ()


def test_preflight_counts_no_changes_that_a_killed_apply_did_not_send() -> None:
    done = current_file("/a", ["here", "new", "more"])
    _, outcomes, _ = looked_at([A], {id_of("/a"): done}, unknown=SENT)
    assert outcomes.outcome(id_of("/a")).already == ((Op.ADD, "more"),)


def test_preflight_confirms_a_finished_file_without_a_call() -> None:
    done = current_file("/a", ["here", "more", "new"])
    left, outcomes, _ = looked_at([A, B], {**AS_IT_WAS, id_of("/a"): done})
    assert left == [B]
    already = ((Op.ADD, "new"), (Op.ADD, "more"))
    assert outcomes.outcome(id_of("/a")) == FileOutcome(Status.CONFIRMED, already=already)
    assert id_of("/a") not in outcomes.held_back()


def test_preflight_skips_a_stale_file_with_its_reason() -> None:
    left, outcomes, _ = looked_at([A, B], {**AS_IT_WAS, id_of("/a"): None})
    assert left == [B]
    assert outcomes.outcome(id_of("/a")) == FileOutcome(
        Status.STALE, error="the file was deleted after the plan was made"
    )


def test_preflight_does_not_write_to_an_unreadable_file() -> None:
    left, outcomes, _ = looked_at([A, B], {B.file.file_id: B.file})
    assert left == [B]
    assert outcomes.outcome(id_of("/a")).status is Status.SKIPPED


ADDED = Request(Op.ADD, ("more", "new"), (id_of("/a"), id_of("/b")))


def test_preflight_checks_a_lagging_index_by_details() -> None:
    done = current_file("/a", ["here", "more", "new"])
    left, outcomes, asked = looked_at([A, B], AS_IT_WAS, details={id_of("/a"): done}, done={id_of("/a"): [ADDED]})
    assert asked == [id_of("/a")]
    assert left == [B]
    assert outcomes.outcome(id_of("/a")).status is Status.CONFIRMED


@pytest.mark.parametrize(
    ("call", "tags", "names", "asks"),
    [
        (ADDED, ["more", "new"], [], False),
        (ADDED, ["more"], [], True),
        (Request(Op.REMOVE, ("old", "worn"), ()), ["here"], [], False),
        (Request(Op.REMOVE, ("old", "worn"), ()), ["worn"], [], True),
        (Request(Op.REMOVE_AI, ("Cat", "Dog"), ()), ["Cat"], ["Elk"], False),
        (Request(Op.REMOVE_AI, ("Cat", "Dog"), ()), [], ["Dog"], True),
    ],
)
def test_preflight_reads_details_only_if_the_index_lags(
    call: Request, tags: list[str], names: list[str], *, asks: bool
) -> None:
    shown = {id_of("/a"): current_file("/a", tags, map(ai, names)), id_of("/b"): B.file}
    _, _, asked = looked_at([A, B], shown, done={id_of("/a"): [call], id_of("/elsewhere"): [ADDED]})
    assert asked == ([id_of("/a")] if asks else [])


RENAMED = FileChange(current_file("/a", ["old", "new"]), (Change(Op.REMOVE, "old", ()),), relies=("new",))


@pytest.mark.parametrize(("appears_after", "stale"), [(0.0, False), (20.0, False), (1000.0, True)])
def test_preflight_waits_for_a_new_name_of_an_earlier_run(*, appears_after: float, stale: bool) -> None:
    outcomes = Outcomes()

    async def scenario() -> tuple[list[FileChange], float]:
        began = now()

        async def reread(_file_ids: Sequence[str]) -> dict[str, CurrentFile | None]:
            return {id_of("/a"): current_file("/a", ["old"])}

        async def read_details(file_ids: Sequence[str]) -> dict[str, CurrentFile | None]:
            return {id_of("/a"): RENAMED.file} if now() - began >= appears_after else await reread(file_ids)

        planned = {RENAMED.file_id: RENAMED}
        shown = await look_again(planned, reread=reread, read_details=read_details, recovered=NOTHING)
        return list(still_needed(planned, shown, outcomes, NOTHING)), now() - began

    left, waited = run(scenario())
    assert left == ([] if stale else [RENAMED])
    assert (outcomes.outcome(id_of("/a")).status is Status.STALE) == stale
    assert waited <= 30
