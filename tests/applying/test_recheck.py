import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from builders import ai, current_file, id_of, now, run

from tagsync.applying.recheck import Proof, Prover
from tagsync.errors import AuthorisationError, LibraryError, ServerFaultError
from tagsync.model import Change, CurrentFile, FileChange, Op, Origin, Reason, Request

MAX_AGE = 30.0
READY_AGE = 20.0


class Library:
    """Shows the details of files, and records when each was read."""

    def __init__(self, *files: CurrentFile, seconds: float = 0.0) -> None:
        self.files: dict[str, CurrentFile | None] = {file.file_id: file for file in files}
        self.asked: list[tuple[float, str]] = []
        self.fault: LibraryError | None = None
        self._seconds = seconds

    async def details(self, file_ids: Sequence[str]) -> dict[str, CurrentFile | None]:
        self.asked += [(now(), file_id) for file_id in file_ids]
        await asyncio.sleep(self._seconds)
        if self.fault:
            raise self.fault
        return {file_id: self.files.get(file_id) for file_id in file_ids}


def removing(path: str, names: str, *, others: str = "", spared: tuple[str, ...] = ()) -> FileChange:
    file = current_file(path, (), [ai(name) for name in (names + " " + others).split()])
    return FileChange(file, tuple(Change(Op.REMOVE_AI, name, ()) for name in names.split()), spared=spared)


def renaming(path: str, *, add: str = "new", relies: tuple[str, ...] = ()) -> FileChange:
    changes = [*(Change(Op.ADD, tag, ()) for tag in add.split()), Change(Op.REMOVE, "old", ())]
    return FileChange(current_file(path, ["old"]), tuple(changes), relies=relies)


def request(paths: Iterable[str], names: str, op: Op = Op.REMOVE_AI) -> Request:
    return Request(op, tuple(names.split()), tuple(map(id_of, paths)))


def prover(
    library: Library, changes: Iterable[FileChange], clock: Callable[[], float] = now, *, concurrency: int = 4
) -> Prover:
    by_id = {change.file.file_id: change for change in changes}
    return Prover(by_id, by_id, library.details, clock, concurrency=concurrency)


def proven(library: Library, changes: Sequence[FileChange], call: Request, *, done: Sequence[FileChange] = ()) -> Proof:
    """Return the proof of a call after some changes are done."""

    async def scenario() -> Proof:
        by_id = {change.file.file_id: change for change in changes}
        made = Prover(dict(by_id), by_id, library.details, now, concurrency=4)
        by_id.update((change.file.file_id, change) for change in done)
        await made.read_ahead(call)
        await made.refresh(call)
        return made.checked(call)

    return run(scenario())


TWO = [removing("/a", "Dog"), removing("/b", "Cat")]
BOTH = request(["/a", "/b"], "Cat Dog")


def test_prover_reads_each_file_of_a_call_once() -> None:
    library = Library(*(change.file for change in TWO))
    assert proven(library, TWO, BOTH).sound == list(BOTH.file_ids)
    assert [file_id for _, file_id in library.asked] == list(BOTH.file_ids)


def test_prover_reads_several_files_at_once() -> None:
    changes = [removing(f"/{n}", "Dog") for n in range(8)]
    library = Library(*(change.file for change in changes), seconds=1)
    proven(library, changes, request([change.file.path for change in changes], "Dog"))
    began = library.asked[0][0]
    assert [at - began for at, _ in library.asked] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_prover_accepts_names_that_a_file_lacks() -> None:
    proof = proven(Library(*(change.file for change in TWO)), TWO, BOTH)
    assert proof.sound == list(BOTH.file_ids)


def test_prover_refuses_a_no_op_name_that_a_file_has_gained() -> None:
    library = Library(TWO[0].file, current_file("/b", (), [ai("Cat"), ai("Dog")]))
    proof = proven(library, TWO, BOTH)
    assert (proof.sound, proof.unsound) == ([id_of("/a")], [id_of("/b")])


def test_prover_ignores_other_names_that_a_file_has_gained() -> None:
    library = Library(TWO[0].file, current_file("/b", (), [ai("Cat"), ai("Elk")]))
    assert proven(library, TWO, BOTH).unsound == []


def test_prover_reports_a_deleted_or_changed_file_as_stale() -> None:
    library = Library(current_file("/a", (), [ai("Dog", 99)]))
    proof = proven(library, TWO, BOTH)
    assert list(proof.stale) == list(BOTH.file_ids)
    assert proof.stale[id_of("/b")] == "the file was deleted after the plan was made"


def test_prover_needs_no_call_if_the_removal_is_shown() -> None:
    library = Library(current_file("/a"), TWO[1].file)
    assert proven(library, TWO, BOTH).needless == [id_of("/a")]


@pytest.mark.parametrize(("confidence", "is_sound"), [(90.0, True), (10.0, False)])
def test_prover_allows_for_earlier_removals_of_this_run(confidence: float, *, is_sound: bool) -> None:
    """Lagging details may still show an AI tag that another call removed; with another confidence, it must stay."""
    planned = removing("/a", "Cat Dog")
    left = replace(planned, changes=planned.changes[1:])
    library = Library(current_file("/a", (), [ai("Cat", confidence), ai("Dog")]))
    proof = proven(library, [planned], request(["/a"], "Cat Dog"), done=[left])
    assert (proof.sound, proof.unsound) == (([id_of("/a")], []) if is_sound else ([], [id_of("/a")]))


def test_prover_reads_again_what_is_too_old() -> None:
    library = Library(*(change.file for change in TWO))

    async def scenario() -> Proof:
        made = prover(library, TWO)
        await made.read_ahead(BOTH)
        await asyncio.sleep(READY_AGE)
        await made.read_ahead(BOTH)
        assert len(library.asked) == 2
        await asyncio.sleep(MAX_AGE - READY_AGE)
        await made.refresh(BOTH)
        assert len(library.asked) == 2
        await asyncio.sleep(1)
        library.files[id_of("/b")] = current_file("/b", (), [ai("Cat"), ai("Dog")])
        await made.refresh(BOTH)
        return made.checked(BOTH)

    assert run(scenario()).unsound == [id_of("/b")]
    assert len(library.asked) == 4


def test_prover_reads_nearly_old_files_together_with_old_ones() -> None:
    """Reading takes time, and a reading that is nearly too old must not expire meanwhile."""
    library = Library(*(change.file for change in TWO), seconds=1)

    async def scenario() -> Proof:
        made = prover(library, TWO)
        await made.refresh(request(["/a"], "Dog"))
        await asyncio.sleep(2)
        await made.refresh(request(["/b"], "Cat"))
        await asyncio.sleep(MAX_AGE - 1.5)
        await made.refresh(BOTH)
        return made.checked(BOTH)

    assert run(scenario()).sound == list(BOTH.file_ids)


def test_prover_counts_a_suspension_as_age() -> None:
    library = Library(*(change.file for change in TWO))

    async def scenario() -> Proof:
        asleep = [0.0]
        made = prover(library, TWO, lambda: now() + asleep[0])
        await made.read_ahead(BOTH)
        asleep[0] = 600.0
        library.files[id_of("/a")] = current_file("/a", (), [ai("Dog", 99)])
        await made.refresh(BOTH)
        return made.checked(BOTH)

    assert list(run(scenario()).stale) == [id_of("/a")]


def test_prover_removes_nothing_without_a_reading() -> None:
    library = Library(*(change.file for change in TWO))
    library.fault = ServerFaultError("no")
    proof = proven(library, TWO, BOTH)
    assert list(proof.unproven) == list(BOTH.file_ids)
    assert proof.unproven[id_of("/a")] == (
        "not removed: the file could not be read right before the removal; run again"
    )


def test_prover_leaves_slowly_read_files_to_a_later_call() -> None:
    """At about one read per second, reading 50 files takes longer than readings stay valid."""
    changes = [removing(f"/{n}", "Dog") for n in range(50)]
    library = Library(*(change.file for change in changes), seconds=1)

    async def scenario() -> list[int]:
        made = prover(library, changes, concurrency=1)
        left, sent = request([change.file.path for change in changes], "Dog"), []
        while left.file_ids:
            await made.read_ahead(left)
            await made.refresh(left)
            proof = made.checked(left)
            sent.append(len(proof.sound))
            assert proof.unproven == {}
            left = left._replace(file_ids=tuple(proof.late))
        return sent

    sent = run(scenario())
    assert sum(sent) == 50
    assert len(sent) <= 4


def test_prover_reads_late_files_again() -> None:
    library = Library(TWO[0].file, current_file("/b"), seconds=20)
    library.files[id_of("/c")] = None
    changes = [*TWO, removing("/c", "Dog")]

    async def scenario() -> Proof:
        made = prover(library, changes, concurrency=1)
        await made.refresh(request(["/a", "/b", "/c"], "Cat Dog"))
        return made.checked(request(["/a", "/b", "/c"], "Cat Dog"))

    proof = run(scenario())
    assert (proof.late, proof.needless, list(proof.stale), proof.unproven) == (
        [id_of("/a"), id_of("/b")],
        [],
        [id_of("/c")],
        {},
    )


def test_prover_gives_up_a_file_always_read_too_slowly() -> None:
    library = Library(TWO[0].file, seconds=MAX_AGE + 1)
    proof = proven(library, TWO[:1], request(["/a"], "Dog"))
    assert (list(proof.unproven), proof.late) == ([id_of("/a")], [])


@pytest.mark.parametrize("change", [*TWO[:1], renaming("/a")])
def test_prover_ends_if_the_key_is_refused(change: FileChange) -> None:
    library = Library()
    library.fault = AuthorisationError("no")
    with pytest.raises(AuthorisationError):
        proven(library, [change], request(["/a"], "Dog old", change.changes[-1].op))


OLD = request(["/a"], "old", Op.REMOVE)
LACKS_NEW = "not removed: ImageKit does not show the new tag 'new' yet; run again"


def left_of(planned: FileChange) -> FileChange:
    """Return what is left of a change whose additions were accepted."""
    return replace(planned, changes=tuple(item for item in planned.changes if item.op != Op.ADD))


@pytest.mark.parametrize("relies", [(), ("new",)])
def test_prover_keeps_the_old_name_until_details_show_the_new_one(relies: tuple[str, ...]) -> None:
    planned = renaming("/a", relies=relies)
    there = Library(current_file("/a", ["old", "new"]))
    assert proven(there, [planned], OLD, done=[left_of(planned)]).sound == [id_of("/a")]
    lacking = Library(current_file("/a", ["old"]))
    proof = proven(lacking, [planned], OLD, done=[left_of(planned)])
    assert proof.unproven == {id_of("/a"): LACKS_NEW}


def test_prover_waits_for_every_tag_that_a_file_gains() -> None:
    planned = renaming("/a", add="more new")
    library = Library(current_file("/a", ["old", "more"]))
    assert proven(library, [planned], OLD, done=[left_of(planned)]).unproven == {id_of("/a"): LACKS_NEW}


def test_prover_keeps_ai_tags_until_details_show_the_additions() -> None:
    file = current_file("/a", (), [ai("Dog")])
    planned = FileChange(file, (Change(Op.ADD, "new", ()), Change(Op.REMOVE_AI, "Dog", ())))
    proof = proven(Library(file), [planned], request(["/a"], "Dog"), done=[left_of(planned)])
    assert proof.unproven == {id_of("/a"): LACKS_NEW}


def test_prover_accepts_an_addition_in_any_spelling_equal_under_nfc() -> None:
    planned = renaming("/a", add="caf\u00e9")
    library = Library(current_file("/a", ["old", "cafe\u0301"]))
    assert proven(library, [planned], OLD, done=[left_of(planned)]).sound == [id_of("/a")]


def test_prover_keeps_the_old_name_if_the_new_one_was_removed() -> None:
    planned = replace(renaming("/a", add="", relies=("new",)), file=current_file("/a", ["old", "new"]))
    proof = proven(Library(current_file("/a", ["old"])), [planned], OLD)
    assert proof.unproven == {id_of("/a"): LACKS_NEW}


def test_prover_reads_nothing_for_removals_of_ordinary_tags_alone() -> None:
    library = Library()
    assert proven(library, [renaming("/a", add="")], OLD).sound == [id_of("/a")]
    assert library.asked == []


def test_prover_reads_lagging_details_again_for_half_a_minute() -> None:
    planned = renaming("/a")

    async def scenario(appears_after: float) -> tuple[Proof, float]:
        library, began = Library(current_file("/a", ["old"])), now()
        made = prover(library, [planned])

        async def appear() -> None:
            await asyncio.sleep(appears_after)
            library.files[id_of("/a")] = current_file("/a", ["old", "new"])

        appearing = asyncio.create_task(appear())
        await made.read_ahead(OLD)
        waited = now() - began
        await made.refresh(OLD)
        appearing.cancel()
        return made.checked(OLD), waited

    for seconds in (0.5, 20, 29):
        proof, waited = run(scenario(seconds))
        assert proof.sound == [id_of("/a")]
        assert seconds <= waited <= 30
    proof, waited = run(scenario(1000))
    assert (list(proof.unproven), waited) == ([id_of("/a")], 30)


def test_prover_waits_once_a_run_for_additions_that_do_not_appear() -> None:
    changes = [renaming(f"/{n}") for n in range(20)]
    library = Library(*(change.file for change in changes))

    async def scenario() -> float:
        made, began = prover(library, changes), now()
        for change in changes:
            await made.read_ahead(request([change.file.path], "old", Op.REMOVE))
        return now() - began

    assert run(scenario()) == 30


PROMOTED = FileChange(
    current_file("/a", ["Dog"], [ai("Dog")]),
    (Change(Op.REMOVE_AI, "Dog", (Reason(Origin("tags.yaml", 5, 3), "aiTags.promote"),)),),
)


def test_prover_keeps_an_ai_tag_whose_promoted_tag_was_removed() -> None:
    assert proven(Library(PROMOTED.file), [PROMOTED], request(["/a"], "Dog")).sound == [id_of("/a")]
    proof = proven(Library(current_file("/a", (), [ai("Dog")])), [PROMOTED], request(["/a"], "Dog"))
    assert list(proof.unproven) == [id_of("/a")]
