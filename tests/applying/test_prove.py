import asyncio
from collections.abc import Iterable, Mapping, Sequence

import pytest
from support import ai, current_file, id_of, now, run

from tagsync.applying.prove import MAX_AGE, Proof, Prover
from tagsync.errors import AuthorisationError, LibraryError, ServerFaultError
from tagsync.model import Change, CurrentFile, FileChange, Op, Origin, Reason, Request
from tagsync.model.plan import PROMOTE


class Library:
    """Shows files, and remembers when it was asked for which."""

    def __init__(self, *files: CurrentFile, searchable: bool = True, listing_seconds: float = 1.0) -> None:
        self.files: dict[str, CurrentFile | None] = {file.file_id: file for file in files}
        self.searchable = searchable
        self.listing_seconds = listing_seconds
        self.asked: list[list[str]] = []
        self.fault: LibraryError | None = None
        self.fault_of_details: LibraryError | None = None

    async def many(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        self.asked.append(list(file_ids))
        if self.fault:
            raise self.fault
        return {file_id: self.files.get(file_id) for file_id in file_ids}

    async def singly(self, file_ids: Iterable[str]) -> Mapping[str, CurrentFile | None]:
        if self.fault_of_details:
            raise self.fault_of_details
        return await self.many(list(file_ids))


def removing(path: str, names: str, *, beside: str = "", spared: tuple[str, ...] = ()) -> FileChange:
    file = current_file(path, (), [ai(name) for name in (names + " " + beside).split()])
    return FileChange(file, tuple(Change(Op.REMOVE_AI, name, ()) for name in names.split()), spared=spared)


def request(paths: Iterable[str], names: str) -> Request:
    return Request(Op.REMOVE_AI, tuple(names.split()), tuple(map(id_of, paths)))


def proven(
    library: Library, changes: Sequence[FileChange], call: Request, *, upcoming: Iterable[Request] = ()
) -> Proof:
    async def scenario() -> Proof:
        prover = Prover({change.file.file_id: change for change in changes}, library, now, seen_at=LONG_AGO)
        await prover.read_ahead(call, upcoming)
        await prover.refresh(call, upcoming)
        return prover.judged(call)

    return run(scenario())


LONG_AGO = 0.0
TWO = [removing("/a", "Dog"), removing("/b", "Cat")]
BOTH = request(["/a", "/b"], "Cat Dog")


def test_what_was_read_a_moment_ago_need_not_be_read_again() -> None:
    library = Library(current_file("/a"))

    async def scenario() -> Proof:
        prover = Prover({change.file.file_id: change for change in TWO}, library, now, seen_at=now() - MAX_AGE)
        await prover.refresh(BOTH, ())
        return prover.judged(BOTH)

    assert run(scenario()).sound == list(BOTH.file_ids)
    assert library.asked == []


def test_names_that_a_file_does_not_have_are_free() -> None:
    proof = proven(Library(*(change.file for change in TWO)), TWO, BOTH)
    assert proof.sound == list(BOTH.file_ids)


def test_a_name_that_has_come_to_a_file_since_is_not_free_any_more() -> None:
    library = Library(TWO[0].file, current_file("/b", (), [ai("Cat"), ai("Dog")]))
    proof = proven(library, TWO, BOTH)
    assert (proof.sound, proof.unsound) == ([id_of("/a")], [id_of("/b")])


def test_other_names_that_have_come_do_no_harm() -> None:
    library = Library(TWO[0].file, current_file("/b", (), [ai("Cat"), ai("Elk")]))
    assert proven(library, TWO, BOTH).unsound == []


def test_a_file_that_is_gone_or_judged_anew_is_stale() -> None:
    library = Library(current_file("/a", (), [ai("Dog", 99)]))
    proof = proven(library, TWO, BOTH)
    assert list(proof.stale) == list(BOTH.file_ids)
    assert proof.stale[id_of("/b")] == "the file is gone since the plan"


def test_a_file_that_shows_the_removal_already_needs_no_call() -> None:
    library = Library(current_file("/a"), TWO[1].file)
    assert proven(library, TWO, BOTH).needless == [id_of("/a")]


def test_calls_to_come_are_read_ahead_together_and_once() -> None:
    changes = [removing(f"/{n:04d}", "Dog" if n % 2 else "Cat") for n in range(2000)]
    calls = [request([f"/{n:04d}" for n in range(start, start + 50)], "Cat Dog") for start in range(0, 2000, 50)]
    library = Library(*(change.file for change in changes))

    async def scenario() -> None:
        prover = Prover({change.file.file_id: change for change in changes}, library, now, seen_at=LONG_AGO)
        for number, call in enumerate(calls):
            await prover.read_ahead(call, calls[number + 1 :])
            await prover.refresh(call, calls[number + 1 :])
            assert prover.judged(call).sound == list(call.file_ids)

    run(scenario())
    asked = [file_id for batch in library.asked for file_id in batch]
    assert len(library.asked) == 3
    assert sorted(asked) == sorted(set(asked))


def test_a_library_that_cannot_be_searched_is_read_for_all_that_is_to_come() -> None:
    changes = [removing(f"/{n:03d}", "Dog" if n % 2 else "Cat") for n in range(400)]
    paths = [f"/{n:03d}" for n in range(400)]
    library = Library(*(change.file for change in changes), searchable=False)
    proven(library, changes, request(paths[:50], "Cat Dog"), upcoming=[request(paths[50:], "Cat Dog")])
    assert list(map(len, library.asked)) == [400]


def test_a_library_too_large_to_be_listed_in_time_is_read_call_by_call() -> None:
    changes = [removing(f"/{n:03d}", "Dog" if n % 2 else "Cat") for n in range(400)]
    paths = [f"/{n:03d}" for n in range(400)]
    library = Library(*(change.file for change in changes), searchable=False, listing_seconds=60)
    proof = proven(library, changes, request(paths[:50], "Cat Dog"), upcoming=[request(paths[50:], "Cat Dog")])
    assert len(proof.sound) == 50
    assert list(map(len, library.asked)) == [50]


def test_what_was_read_too_long_ago_is_read_again_right_before_the_call() -> None:
    library = Library(*(change.file for change in TWO))

    async def scenario() -> Proof:
        prover = Prover({change.file.file_id: change for change in TWO}, library, now, seen_at=LONG_AGO)
        await prover.read_ahead(BOTH, ())
        await asyncio.sleep(MAX_AGE + 1)
        library.files[id_of("/b")] = current_file("/b", (), [ai("Cat"), ai("Dog")])
        await prover.refresh(BOTH, ())
        return prover.judged(BOTH)

    assert run(scenario()).unsound == [id_of("/b")]
    assert len(library.asked) == 2


def test_without_a_fresh_reading_no_free_cell_is_proven() -> None:
    changes = [*TWO, removing("/c", "Cat Dog")]
    library = Library(*(change.file for change in changes))
    library.fault = ServerFaultError("no")
    proof = proven(library, changes, request(["/a", "/b", "/c"], "Cat Dog"))
    assert (proof.sound, proof.unsound) == ([id_of("/c")], list(BOTH.file_ids))


def test_a_key_that_is_not_accepted_any_more_ends_the_reading() -> None:
    library = Library()
    library.fault = AuthorisationError("no")
    with pytest.raises(AuthorisationError):
        proven(library, TWO, BOTH)


PROMOTED = FileChange(
    current_file("/a", (), [ai("Dog")]),
    (Change(Op.ADD, "Dog", ()), Change(Op.REMOVE_AI, "Dog", (Reason(Origin("tags.yaml", 5, 3), PROMOTE),))),
)


def confirming(library: Library) -> Proof:
    """Judge a removal that may go only once its tag was added."""

    async def scenario() -> Proof:
        prover = Prover({id_of("/a"): PROMOTED}, library, now, seen_at=now())
        await prover.refresh(request(["/a"], "Dog"), ())
        return prover.judged(request(["/a"], "Dog"))

    return run(scenario())


def test_what_cannot_be_read_once_more_is_not_confirmed_and_not_removed() -> None:
    assert confirming(Library(current_file("/a", ["Dog"], [ai("Dog")]))).sound == [id_of("/a")]
    library = Library(PROMOTED.file)
    library.fault_of_details = ServerFaultError("no")
    assert confirming(library).sound == []


def test_a_key_that_is_not_accepted_any_more_ends_the_confirming_too() -> None:
    library = Library(PROMOTED.file)
    library.fault_of_details = AuthorisationError("no")
    with pytest.raises(AuthorisationError):
        confirming(library)
