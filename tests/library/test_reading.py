"""A library read in fewer calls than listing it takes, held against listing it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from support import Sandbox, file_object, id_of, manifest, run

from tagsync.comparing import compared
from tagsync.errors import LibraryError
from tagsync.events import FilesRead
from tagsync.library.client import Client, Gates
from tagsync.library.gate import Gate
from tagsync.library.reading import ALL, NOWHERE, Kept, LibraryReader
from tagsync.library.snapshot import Snapshot
from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentState, DesiredState, GuardId, Needs, Plan, TargetName
from tagsync.planning.needs import needs
from tagsync.planning.plan import make_plan
from tagsync.sandbox.seed import row_of

Make = Callable[..., Sandbox]
Look = Callable[[CurrentState], Any]

NOW = "2024-06-01T00:00:00Z"


def opened(app: ASGIApp, page_limit: int = 1000) -> Client:
    gates = Gates(Gate(None), Gate(None))
    return Client("http://library.localhost", "k", gates=gates, app=app, random=Random(1), page_limit=page_limit)


def listed(state: CurrentState) -> list[str]:
    return [file.path for file in state.files]


def read(
    app: ASGIApp,
    wanted: Needs = ALL,
    look: Look = listed,
    kept: Kept = NOWHERE,
    *,
    page_limit: int = 1000,
    listener: Callable[[Any], None] = lambda _event: None,
) -> Any:
    """Return what `look` sees in a library that is read as needed."""

    async def scenario() -> Any:
        async with opened(app, page_limit) as client:
            reader = LibraryReader(
                client, now=lambda: NOW, kept=kept, concurrency=4, random=Random(1), listener=listener
            )
            try:
                return look(await reader.read(wanted))
            finally:
                reader.close()

    return run(scenario())


def with_queries(*queries: str) -> Needs:
    return ALL._replace(queries=queries)


def test_files_come_in_the_order_of_their_paths(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/a", ["x"]), file_object("/c", size=5))
    assert read(library.app) == ["/a", "/b", "/c"]


def test_a_state_counts_its_calls(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))
    assert read(library.app, with_queries("size = 5"), lambda state: state.read_requests) == len(library.calls)


def test_queries_are_answered(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))

    def look(state: CurrentState) -> list[bool]:
        return [id_of(path) in state.answers["size = 5"] for path in ("/b", "/c")]

    assert read(library.app, with_queries("size = 5"), look) == [False, True]


def test_a_refused_query_is_told_and_costs_no_other(sandbox: Make) -> None:
    library = sandbox(file_object("/a", size=5))
    wanted = with_queries("foo ~~ 3", "size = 5")
    answers, refused = read(library.app, wanted, lambda state: (list(state.answers), dict(state.refused)))
    assert answers == ["size = 5"]
    assert "the listing was refused" in refused["foo ~~ 3"]


def test_each_page_is_told(sandbox: Make) -> None:
    events: list[Any] = []
    library = sandbox(*(file_object(f"/{n:04d}") for n in range(1500)))
    read(library.app, listener=events.append)
    assert events == [FilesRead(1000), FilesRead(1500)]


class Odd:
    """A library whose searches are not what is documented."""

    def __init__(self, app: ASGIApp, ways: str) -> None:
        self._app = app
        self._ways = ways
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        asked = dict(parse_qsl(scope["query_string"].decode()))
        query = asked.get("searchQuery")
        if query is not None and "size" not in query:
            if self._ways == "refuses":
                asked["searchQuery"] = "no ~~ query"
            elif self._ways == "ignores":
                del asked["searchQuery"]
            elif self._ways == "finds nothing":
                asked["searchQuery"] = 'name = "/"'
            elif self._ways == "is flat":
                asked["searchQuery"] = query.replace("path :", "path =")
        await self._app({**scope, "query_string": urlencode(asked).encode()}, receive, send)


WAYS = ("as documented", "refuses", "ignores", "finds nothing", "is flat")

FOLDERS = ("/", "/a/", "/a/b/", "/c/", '/q"/')
NAMES = ("x.jpg", "y.jpg", "é.jpg", 'q".jpg')
PATHS = [folder + name for folder in FOLDERS for name in NAMES]
BULK = [f"/lots/{n % 7}/{n:03d}.jpg" for n in range(60)]
GLOBS = ("/a/**", "/a/*", "/c/x*", "/a/b/**", "/**/y.jpg", "/lots/3/*", "/nothing/**")


@st.composite
def entries(draw: st.DrawFn) -> str:
    path = st.builds(lambda path: f"path: {json.dumps(path)}", st.sampled_from([*PATHS, "/X.jpg", *BULK[:3]]))
    file_id = st.builds(lambda path: f"fileId: {json.dumps(id_of(path))}", st.sampled_from([*PATHS, "/gone"]))
    glob = st.builds(lambda glob: f"match: {json.dumps(glob)}", st.sampled_from(GLOBS))
    query = st.sampled_from(["query: size > 5", "match: /a/**, query: size > 5"])
    selector = draw(st.one_of(path, path, path, file_id, glob, query))
    lenient = "" if "match" in selector or "query" in selector else draw(st.sampled_from(["", ", ifMissing: skip"]))
    return f"- {{{selector}{lenient}, tags: [t], absent: [old]}}"


def plan_of(app: ASGIApp, desired: DesiredState, wanted: Needs, kept: Kept = NOWHERE) -> Plan:
    def compare(current: CurrentState) -> Plan:
        return make_plan(desired, current, TargetName("sandbox:x", "x"), created_at="2026", bulk_rate=None)

    async def scenario() -> Plan:
        async with opened(app, page_limit=5) as client:
            reader = LibraryReader(client, now=lambda: NOW, kept=kept, concurrency=2, random=Random(1))
            return await compared(reader, client, wanted, compare, concurrency=2)

    return run(scenario())


@contextmanager
def library_of(files: list[dict[str, Any]]) -> Iterator[Sandbox]:
    with TemporaryDirectory() as folder:
        library = Sandbox(Path(folder), files)
        yield library
        library.close()


def judged(plan: Plan) -> Any:
    """Return all that a plan says but for what reading it took; of new tags, whether they block."""
    guards = [(g.id, g.blocked, None if g.id is GuardId.NEW_TAGS else (g.observed, g.of)) for g in plan.guards]
    return plan.digest, plan.changes, plan.summary, plan.diagnostics, plan.requests, guards


@settings(max_examples=150, deadline=None)
@given(
    there=st.sets(st.sampled_from(PATHS)),
    bulk=st.integers(0, len(BULK)),
    manifests=st.lists(entries(), min_size=1, max_size=4),
    ways=st.sampled_from(WAYS),
    seed=st.integers(0, 100),
)
def test_whatever_way_a_library_is_read_its_plan_is_that_of_listing_it(
    there: set[str], bulk: int, manifests: list[str], ways: str, seed: int
) -> None:
    random = Random(seed)
    paths = [*sorted(there), *BULK[:bulk]]
    random.shuffle(paths)
    files = [
        file_object(path, random.choice([[], ["t"], ["old"]]), size=n, createdAt=f"2024-01-01T00:00:00.{n:03d}Z")
        for n, path in enumerate(paths)
    ]
    with library_of(files) as library, TemporaryDirectory() as folder:
        (Path(folder) / "tags.yaml").write_text(manifest("\n".join(manifests)), encoding="utf-8")
        desired = read_manifests([folder])
        wanted = needs(desired)
        app = Odd(library.app, ways)
        everything = plan_of(app, desired, wanted._replace(everything="to compare"))
        assert judged(plan_of(app, desired, wanted)) == judged(everything)


def moment(number: int) -> str:
    return f"2024-01-{1 + number // 20:02d}T00:00:{number % 20:02d}.000Z"


LARGE = [
    file_object(f"/d{n % 10}/s/{n // 10:03d}.jpg", ["old"], createdAt=moment(n), updatedAt=moment(n))
    for n in range(400)
]
"""Listing them in pages of 5 takes 102 calls: the last looks behind the end."""


def planned(app: ASGIApp, folder: Path, text: str, kept: Kept = NOWHERE) -> Plan:
    (folder / "tags.yaml").write_text(manifest(text), encoding="utf-8")
    desired = read_manifests([str(folder / "tags.yaml")])
    return plan_of(app, desired, needs(desired), kept)


ONE = "- {path: /d3/s/031.jpg, tags: [t]}"


@pytest.mark.parametrize(
    ("entries", "calls", "changed"),
    [
        (ONE, 4, 1),
        ("\n".join(f"- {{path: /d{n}/s/03{n}.jpg, tags: [t]}}" for n in range(3)), 12, 3),
        (f"- {{fileId: {id_of('/d3/s/031.jpg')}, tags: [t]}}", 4, 1),
        ("- {match: /d3/s/00*, tags: [t]}", 14, 10),
        ("- {match: /d3/**, tags: [t]}", 14, 40),
        ("- {query: size > 398, tags: [t]}", 3, 1),
    ],
    ids=["a path", "three paths", "an id", "a flat folder", "a folder", "a query"],
)
def test_few_files_of_a_large_library_cost_a_handful_of_calls(
    sandbox: Make, tmp_path: Path, entries: str, calls: int, changed: int
) -> None:
    """The listing's first page, a look how long it is, and the searches, each with a call that finds its end."""
    library = sandbox(*(item | {"size": number} for number, item in enumerate(LARGE)))
    plan = planned(library.app, tmp_path, entries)
    assert (plan.inputs.reading.way, plan.inputs.read_requests) == ("searches", len(library.calls))
    assert len(library.calls) == calls
    assert plan.summary.files_changed == changed


def test_a_library_that_fits_into_a_page_costs_no_more_than_listing_it(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE[:4])
    assert planned(library.app, tmp_path, "- {path: /d3/s/000.jpg, tags: [t]}")
    assert len(library.calls) == 2


def test_manifests_that_select_much_of_a_library_have_it_listed(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    entries = "\n".join(f"- {{match: /d{n}/**, tags: [t]}}" for n in range(8))
    assert planned(library.app, tmp_path, entries).inputs.reading.why == "manifests select much of the library"
    assert len(library.calls) == 102


def test_a_declared_file_that_searches_do_not_find_has_all_files_listed(sandbox: Make, tmp_path: Path) -> None:
    """Only so can it be said what may be meant."""
    library = sandbox(*LARGE)
    plan = planned(library.app, tmp_path, "- {path: /D3/s/031.jpg, tags: [t]}")
    assert plan.inputs.reading.why == "searches did not find '/D3/s/031.jpg'"
    assert "did you mean '/d3/s/031.jpg'?" in plan.errors[0].message


def test_an_id_that_no_search_can_hold_has_all_files_listed(sandbox: Make, tmp_path: Path) -> None:
    """Nobody would be told if it were taken for missing."""
    library = sandbox(*LARGE, file_object("/odd.jpg", fileId="an-odd-id", createdAt="2025-01-01T00:00:00.000Z"))
    plan = planned(library.app, tmp_path, "- {fileId: an-odd-id, ifMissing: skip, tags: [t]}")
    assert plan.inputs.reading.why == "no search can hold 'an-odd-id'"
    assert plan.summary.files_changed == 1


def test_what_a_library_does_not_answer_is_not_asked_again(sandbox: Make, tmp_path: Path) -> None:
    library = Odd(sandbox(*LARGE).app, "refuses")
    kept = Kept(tmp_path / "kept.sqlite")
    first = planned(library, tmp_path, ONE, kept)
    second = planned(library, tmp_path, ONE, kept)
    words = "this library does not answer searches by name as it should"
    assert [plan.inputs.reading.why for plan in (first, second)] == [words, words]
    assert [plan.inputs.read_requests for plan in (first, second)] == [104, 102]


def test_new_tags_that_other_files_may_have_are_looked_for_before_a_guard_blocks(sandbox: Make, tmp_path: Path) -> None:
    tags = [f"tag-{n:03d}" for n in range(501)]
    held = [
        file_object(f"/held/{n}.jpg", tags[n * 40 : n * 40 + 40], createdAt=f"2025-01-01T00:00:{n:02d}Z")
        for n in range(13)
    ]
    library = sandbox(*LARGE, *held)
    entries = "\n".join(
        f"- {{path: /d{n % 10}/s/03{n // 10}.jpg, tags: [{', '.join(tags[n * 40 : n * 40 + 40])}]}}" for n in range(13)
    )
    plan = planned(library.app, tmp_path, entries)
    assert plan.inputs.reading == ("listing", "new tags may be there on other files")
    assert plan.blocked == ()


NEW = file_object("/new.jpg", createdAt="2026-01-01T00:00:00.000Z", updatedAt="2026-01-01T00:00:00.000Z")


def refreshed(app: ASGIApp, folder: Path, text: str = "- {match: /**, tags: [t]}") -> Plan:
    return planned(app, folder, text, Kept(folder / "kept.sqlite", reuse=True))


def edit(library: Sandbox, path: str, tags: list[str]) -> None:
    """Change a file as somebody else would: the library notes the moment."""
    library.store.save([library.store.files([id_of(path)])[id_of(path)]._replace(tags=tags)])


def test_a_snapshot_is_brought_up_to_date_by_what_has_changed(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    first = refreshed(library.app, tmp_path)
    edit(library, "/d3/s/031.jpg", ["t"])
    second = refreshed(library.app, tmp_path)
    assert [plan.inputs.reading.way for plan in (first, second)] == ["listing", "refresh"]
    assert [plan.summary.files_changed for plan in (first, second)] == [400, 399]
    assert (first.inputs.read_requests, second.inputs.read_requests) == (102, 9)


def test_what_a_refresh_has_brought_is_kept_for_the_next_one(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    edit(library, "/d3/s/031.jpg", ["t"])
    refreshed(library.app, tmp_path)
    with Snapshot(tmp_path / "kept.sqlite") as snapshot:
        assert [file.tags for file in snapshot if file.path == "/d3/s/031.jpg"] == [("t",)]


def test_a_file_that_came_is_seen(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    add(library, NEW)
    plan = refreshed(library.app, tmp_path)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("refresh", 401)


@pytest.mark.parametrize("gone", ["/d0/s/000.jpg", "/d5/s/020.jpg", "/d9/s/039.jpg"])
@pytest.mark.parametrize("came", [False, True])
def test_a_file_that_is_gone_has_all_read_again(sandbox: Make, tmp_path: Path, gone: str, came: bool) -> None:  # noqa: FBT001
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    delete(library, gone)
    if came:
        add(library, NEW)
    plan = refreshed(library.app, tmp_path)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("listing", 399 + came)


def add(library: Sandbox, item: dict[str, Any]) -> None:
    """Upload a file: the sandbox has no such call, so it goes into its table and the known order is dropped."""
    library.store._db.execute(f"INSERT INTO files VALUES ({', '.join('?' * 18)})", row_of(9_999, dict(item)))  # noqa: S608 - only marks
    library.store._orders._remembered.clear()


def delete(library: Sandbox, path: str) -> None:
    """Delete a file, in the same way."""
    library.store._db.execute("DELETE FROM files WHERE file_id = ?", (id_of(path),))
    library.store._orders._remembered.clear()


def test_a_library_whose_moments_do_not_move_with_tags_is_found_out_by_samples(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    library.store._db.execute("UPDATE files SET tags = ?", (json.dumps(["t"]),))
    plan = refreshed(library.app, tmp_path)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("listing", 0)


@pytest.mark.parametrize("ways", ["refuses", "ignores"])
def test_a_library_that_does_not_say_what_has_changed_is_listed(sandbox: Make, tmp_path: Path, ways: str) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    edit(library, "/d3/s/031.jpg", ["t"])
    plan = refreshed(Odd(library.app, ways), tmp_path)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("listing", 399)


def test_a_library_of_which_much_has_changed_is_listed(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    for number in range(40):
        for folder in range(10):
            edit(library, f"/d{folder}/s/{number:03}.jpg", ["t"])
    plan = refreshed(library.app, tmp_path)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("listing", 0)


def test_a_library_whose_moments_are_none_is_listed(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE, NEW | {"updatedAt": "soon"})
    assert [refreshed(library.app, tmp_path).inputs.reading.way for _ in range(2)] == ["listing", "listing"]


def test_nothing_is_removed_on_an_earlier_snapshots_word(sandbox: Make, tmp_path: Path) -> None:
    """The library hides that a file has changed, and no sample happens to show it."""
    library = sandbox(*(item if number % 10 == 3 else item | {"tags": ["x"]} for number, item in enumerate(LARGE)))
    text = "- {match: /d3/s/00*, absent: [old]}"
    refreshed(library.app, tmp_path)
    library.store._db.execute("UPDATE files SET tags = 'null' WHERE file_id = ?", (id_of("/d3/s/005.jpg"),))
    plan = refreshed(library.app, tmp_path, text)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("refresh", 9)


def test_a_listing_that_fails_leaves_the_earlier_snapshot_as_it_was(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    refreshed(library.app, tmp_path)
    broken = Broken(library.app)
    with pytest.raises(LibraryError):
        planned(broken, tmp_path, "- {match: /**, tags: [t]}", Kept(tmp_path / "kept.sqlite"))
    assert refreshed(library.app, tmp_path).inputs.reading.way == "refresh"


class Broken:
    """A library whose listing breaks off after some pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._left = 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._left -= 1
        app: ASGIApp = self._app if self._left > 0 else JSONResponse([{"type": "file"}])
        await app(scope, receive, send)


@pytest.mark.parametrize("bytes_", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_snapshot_is_made_anew(sandbox: Make, tmp_path: Path, bytes_: bytes) -> None:
    library = sandbox(*LARGE)
    (tmp_path / "kept.sqlite").write_bytes(bytes_)
    assert [refreshed(library.app, tmp_path).inputs.reading.way for _ in range(2)] == ["listing", "refresh"]


def test_a_snapshot_that_another_process_writes_is_left_to_it(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    with Snapshot(tmp_path / "kept.sqlite"):
        assert refreshed(library.app, tmp_path).inputs.reading.way == "listing"
    assert refreshed(library.app, tmp_path).inputs.reading.way == "listing"
    assert refreshed(library.app, tmp_path).inputs.reading.way == "refresh"


def test_a_snapshot_is_for_its_owner_alone(sandbox: Make, tmp_path: Path) -> None:
    refreshed(sandbox(*LARGE).app, tmp_path)
    assert (tmp_path / "kept.sqlite").stat().st_mode & 0o777 == 0o600
