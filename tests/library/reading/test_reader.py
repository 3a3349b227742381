"""Reading a library by searches gives the same result as listing it, in fewer calls."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from builders import Sandbox, ai, examples, file_object, id_of, manifest, plan_for, run, unlimited
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tagsync.api.decide import read_and_compare
from tagsync.errors import ProtocolError
from tagsync.events import FilesRead
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.reading.reader import LibraryReader
from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentState, DesiredState, GuardId, Needs, Op, Plan
from tagsync.planning.read_scope import named, needs

MAX_LOOKUPS = 200
MAX_UNREADABLE = 1000

Make = Callable[..., Sandbox]
ALL = Needs(everything="all files were requested")
Look = Callable[[CurrentState], Any]

NOW = "2024-06-01T00:00:00Z"


def opened(app: ASGIApp, page_limit: int = 1000) -> ImageKitLibrary:
    rate_limiters = unlimited()
    return ImageKitLibrary(
        "http://library.localhost", "k", limiters=rate_limiters, app=app, random=Random(1), page_limit=page_limit
    )


def listed(state: CurrentState) -> list[str]:
    return [file.path for file in state.files]


def read(
    app: ASGIApp,
    wanted: Needs = ALL,
    look: Look = listed,
    *,
    page_limit: int = 1000,
    listener: Callable[[Any], None] = lambda _event: None,
) -> Any:
    """Return what `look` sees in a library that is read as needed."""

    async def scenario() -> Any:
        async with opened(app, page_limit) as client:
            reader = LibraryReader(client, now=lambda: NOW, concurrency=4, listener=listener)
            try:
                return look(await reader.read(wanted))
            finally:
                reader.close()

    return run(scenario())


def with_queries(*queries: str) -> Needs:
    return ALL._replace(queries=queries)


def test_reader_sorts_files_by_path(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/a", ["x"]), file_object("/c", size=5))
    assert read(library.app) == ["/a", "/b", "/c"]


def test_reader_counts_its_calls(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))
    assert read(library.app, with_queries("size = 5"), lambda state: state.read_requests) == len(library.calls)


def test_reader_evaluates_queries(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))

    def look(state: CurrentState) -> list[bool]:
        return [id_of(path) in state.answers["size = 5"] for path in ("/b", "/c")]

    assert read(library.app, with_queries("size = 5"), look) == [False, True]


def test_reader_reports_a_refused_query_without_losing_others(sandbox: Make) -> None:
    library = sandbox(file_object("/a", size=5))
    wanted = with_queries("foo ~~ 3", "size = 5")
    answers, refused = read(library.app, wanted, lambda state: (list(state.answers), dict(state.refused)))
    assert answers == ["size = 5"]
    assert "ImageKit refused the listing" in refused["foo ~~ 3"]


def test_reader_reports_each_page(sandbox: Make) -> None:
    events: list[Any] = []
    library = sandbox(
        *(file_object(f"/{n:04d}", createdAt=f"2024-01-01T00:{n // 60:02d}:{n % 60:02d}.000Z") for n in range(1500))
    )
    read(library.app, listener=events.append)
    assert events == [FilesRead(1000), FilesRead(1500)]


class Odd:
    """A library whose searches differ from the documentation."""

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


def plan_of(
    app: ASGIApp,
    desired: DesiredState,
    wanted: Needs,
    facts: Path | None = None,
    *,
    now: str = NOW,
    page_limit: int = 5,
) -> Plan:
    def compare(current: CurrentState) -> Plan:
        return plan_for(desired, current)

    async def scenario() -> Plan:
        async with opened(app, page_limit) as client:
            reader = LibraryReader(client, now=lambda: now, facts=facts, concurrency=2)
            return await read_and_compare(reader, wanted, compare, lambda: named(desired), None)

    return run(scenario())


@contextmanager
def library_of(files: list[dict[str, Any]]) -> Iterator[Sandbox]:
    with TemporaryDirectory() as folder:
        library = Sandbox(Path(folder), files)
        yield library
        library.close()


def comparable(plan: Plan) -> Any:
    """Return a plan without what depends on the way of reading; of new tags, whether they block."""
    guards = [(g.id, g.blocked, None if g.id is GuardId.NEW_TAGS else (g.observed, g.of)) for g in plan.guards]
    return plan.digest, plan.changes, plan.summary, plan.diagnostics, plan.requests, guards


@settings(max_examples=examples(15), deadline=None)
@given(
    there=st.sets(st.sampled_from(PATHS)),
    bulk=st.integers(0, len(BULK)),
    manifests=st.lists(entries(), min_size=1, max_size=4),
    ways=st.sampled_from(WAYS),
    seed=st.integers(0, 100),
)
def test_reader_gives_the_same_plan_by_searches_and_listing(
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
        assert comparable(plan_of(app, desired, wanted)) == comparable(everything)


def moment(number: int) -> str:
    return f"2024-01-{1 + number // 20:02d}T00:00:{number % 20:02d}.000Z"


LARGE = [
    file_object(f"/d{n % 10}/s/{n // 10:03d}.jpg", ["old"], createdAt=moment(n), updatedAt=moment(n))
    for n in range(400)
]
"""The calls to list them in pages of 5 with an overlap of 2, including the call that finds the end."""


def planned(app: ASGIApp, folder: Path, text: str, facts: Path | None = None, **more: Any) -> Plan:
    (folder / "tags.yaml").write_text(manifest(text), encoding="utf-8")
    desired = read_manifests([str(folder / "tags.yaml")])
    return plan_of(app, desired, needs(desired), facts, **more)


ONE = "- {path: /d3/s/031.jpg, tags: [t]}"


@pytest.mark.parametrize(
    ("entries", "calls", "changed"),
    [
        (ONE, 4, 1),
        ("\n".join(f"- {{path: /d{n}/s/03{n}.jpg, tags: [t]}}" for n in range(3)), 14, 3),
        (f"- {{fileId: {id_of('/d3/s/031.jpg')}, tags: [t]}}", 4, 1),
        ("- {match: /d3/s/00*, tags: [t]}", 18, 10),
        ("- {match: /d3/**, tags: [t]}", 18, 40),
        ("- {query: size > 398, tags: [t]}", 4, 1),
    ],
    ids=["a path", "three paths", "an id", "a flat folder", "a folder", "a query"],
)
def test_reader_reads_few_files_of_a_large_library_in_few_calls(
    sandbox: Make, tmp_path: Path, entries: str, calls: int, changed: int
) -> None:
    """The first page of the listing, a probe of its length, and the searches, each with a call that finds its end."""
    library = sandbox(*(item | {"size": number} for number, item in enumerate(LARGE)))
    plan = planned(library.app, tmp_path, entries)
    assert (plan.inputs.reading.way, plan.inputs.read_requests) == ("searches", len(library.calls))
    assert len(library.calls) == calls
    assert plan.summary.files_changed == changed


def test_reader_lists_a_library_of_one_page(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE[:4])
    assert planned(library.app, tmp_path, "- {path: /d3/s/000.jpg, tags: [t]}")
    assert len(library.calls) == 2


def test_reader_lists_if_manifests_select_much(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*LARGE)
    entries = "\n".join(f"- {{match: /d{n}/**, tags: [t]}}" for n in range(8))
    assert planned(library.app, tmp_path, entries).inputs.reading.why == "manifests select a large part of the library"
    assert len(library.calls) == 135


def test_reader_lists_if_searches_miss_a_declared_file(sandbox: Make, tmp_path: Path) -> None:
    """Only a listing can show files with similar paths, for hints."""
    library = sandbox(*LARGE)
    plan = planned(library.app, tmp_path, "- {path: /D3/s/031.jpg, tags: [t]}")
    assert plan.inputs.reading.why == "searches did not find '/D3/s/031.jpg'"
    assert "did you mean '/d3/s/031.jpg'?" in plan.errors[0].message


def test_reader_lists_if_a_search_cannot_contain_an_id(sandbox: Make, tmp_path: Path) -> None:
    """An unreadable file that is treated as missing would be skipped silently."""
    library = sandbox(*LARGE, file_object("/odd.jpg", fileId="an-odd-id", createdAt="2025-01-01T00:00:00.000Z"))
    plan = planned(library.app, tmp_path, "- {fileId: an-odd-id, ifMissing: skip, tags: [t]}")
    assert plan.inputs.reading.why == "a search cannot contain 'an-odd-id'"
    assert plan.summary.files_changed == 1


def test_reader_skips_unsupported_searches_for_30_days(sandbox: Make, tmp_path: Path) -> None:
    library = Odd(sandbox(*LARGE).app, "refuses")
    facts = tmp_path / "facts.json"
    days = ("2024-06-01", "2024-07-01", "2024-07-02")
    plans = [planned(library, tmp_path, ONE, facts, now=f"{day}T00:00:00Z") for day in days]
    words = "this library does not support searches by name"
    assert [plan.inputs.reading.why for plan in plans] == [words] * 3
    listing = plans[1].inputs.read_requests
    # First come a probe of the listing's length, the search, and a search for a known file.
    assert [plan.inputs.read_requests - listing for plan in plans] == [3, 0, 3]


class Once:
    """A library that refuses its first search."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refused = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if b"searchQuery" in scope["query_string"] and not self._refused:
            self._refused = True
            app = JSONResponse({"message": "a bad moment"}, 400)
        await app(scope, receive, send)


@pytest.mark.parametrize(
    "entry", [ONE, f"- {{fileId: {id_of('/d3/s/031.jpg')}, tags: [t]}}", "- {match: /d3/**, tags: [t]}"]
)
def test_reader_learns_nothing_if_a_control_search_works(sandbox: Make, tmp_path: Path, entry: str) -> None:
    library, facts = sandbox(*LARGE), tmp_path / "facts.json"
    first = planned(Once(library.app), tmp_path, entry, facts)
    second = planned(library.app, tmp_path, entry, facts)
    assert "returned a wrong result" in first.inputs.reading.why
    assert [plan.inputs.reading.way for plan in (first, second)] == ["listing", "searches"]
    assert first.digest == second.digest


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"answers searches by name": 5}', '{"answers searches by name": {"at": 1}}']
)
def test_facts_that_are_damaged_are_learned_again(sandbox: Make, tmp_path: Path, text: str) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(text, encoding="utf-8")
    assert planned(sandbox(*LARGE).app, tmp_path, ONE, facts).inputs.reading.way == "searches"
    assert json.loads(facts.read_bytes())["answers searches by name"] == {"value": "yes", "at": NOW}
    assert facts.stat().st_mode & 0o777 == 0o600


def test_facts_are_not_written_through_a_link(sandbox: Make, tmp_path: Path) -> None:
    (tmp_path / "facts.json").symlink_to(tmp_path / "elsewhere")
    planned(sandbox(*LARGE).app, tmp_path, ONE, tmp_path / "facts.json")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("size", [400, 3])
def test_reader_query_that_the_library_ignores_is_an_error(sandbox: Make, tmp_path: Path, size: int) -> None:
    class Ignoring:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            asked = dict(parse_qsl(scope["query_string"].decode()))
            asked.pop("searchQuery", None)
            await library.app({**scope, "query_string": urlencode(asked).encode()}, receive, send)

    library = sandbox(*LARGE[:size])
    plan = planned(Ignoring(), tmp_path, "- {query: size > 398, tags: [t]}")
    assert [item.code for item in plan.errors] == ["query"]
    assert "the library ignores searchQuery" in plan.errors[0].message


def test_reader_searches_a_folder_without_subfolders(sandbox: Make, tmp_path: Path) -> None:
    flat = [file_object(f"/d{n % 40}/{n:03d}.jpg", createdAt=moment(n)) for n in range(400)]
    plan = planned(sandbox(*flat).app, tmp_path, "- {match: /d33/**, tags: [t]}")
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("searches", 10)


def test_reader_searches_find_paths_equal_under_nfc(sandbox: Make, tmp_path: Path) -> None:
    twins = [
        file_object(path, createdAt=f"2025-01-0{n}T00:00:00.000Z") for n, path in ((1, "/d/e\u0301"), (2, "/d/\u00e9"))
    ]
    plan = planned(sandbox(*LARGE, *twins).app, tmp_path, '- {path: "/d/\u00e9", tags: [t]}')
    assert (plan.inputs.reading.way, [item.code for item in plan.diagnostics]) == ("searches", ["twins"])


class Changed:
    """A library whose listing and searches are changed in transit."""

    def __init__(self, app: ASGIApp, change: Callable[[dict[str, str], list[Any]], list[Any] | None]) -> None:
        self._app = app
        self._change = change
        self.calls: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(scope["path"].rpartition("/")[2])
        if not scope["path"].endswith("/files"):
            await self._app(scope, receive, send)
            return
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        asked = dict(parse_qsl(scope["query_string"].decode()))
        rows = json.loads(b"".join(message.get("body", b"") for message in sent))
        changed = self._change(asked, rows) if isinstance(rows, list) else rows
        answer = (
            JSONResponse({"message": "refused"}, 400)
            if changed is None
            else Response(json.dumps(changed), media_type="application/json")
        )
        await answer(scope, receive, send)


def test_reader_accepts_a_depth_probe_that_is_refused(sandbox: Make, tmp_path: Path) -> None:
    def shallow(asked: dict[str, str], rows: list[Any]) -> list[Any] | None:
        return None if int(asked["skip"]) + int(asked["limit"]) > 15 else rows

    library = Changed(sandbox(*LARGE).app, shallow)
    plan = planned(library, tmp_path, ONE)
    assert (plan.inputs.reading.way, plan.summary.files_changed) == ("searches", 1)


HIDDEN = "/d3/s/031.jpg"


def hiding(*paths: str) -> Callable[[dict[str, str], list[Any]], list[Any]]:
    """Return a change that omits files from listings, but not from searches by name and folder."""

    def change(asked: dict[str, str], rows: list[Any]) -> list[Any]:
        looked_up = asked.get("searchQuery", "").startswith("name IN") and "path" in asked
        return rows if looked_up else [row for row in rows if row["filePath"] not in paths]

    return change


@pytest.mark.parametrize("entry", [f"path: {HIDDEN}", f"fileId: {id_of(HIDDEN)}"])
@pytest.mark.parametrize("if_missing", ["error", "warn"])
def test_reader_looks_up_a_file_that_the_listing_omits(
    sandbox: Make, tmp_path: Path, entry: str, if_missing: str
) -> None:
    library = Changed(sandbox(*LARGE).app, hiding(HIDDEN))
    text = f"- {{{entry}, ifMissing: {if_missing}, tags: [t]}}\n- {{match: /d*/**, tags: [u]}}"
    plan = planned(library, tmp_path, text)
    assert plan.errors == ()
    assert [change.file.path for change in plan.changes if "t" in change.tags(Op.ADD)] == [HIDDEN]
    assert plan.summary.files_changed == 400
    assert [item.code for item in plan.diagnostics] == ["listing"]
    assert "leaves out a file that exists, such as '/d3/s/031.jpg'" in plan.diagnostics[0].message
    assert plan.inputs.read_requests == len(library.calls)


def test_reader_looks_up_a_missing_file_before_reporting_it(sandbox: Make, tmp_path: Path) -> None:
    library = Changed(sandbox(*LARGE[:3]).app, hiding())
    text = f"- {{path: /d3/gone.jpg, tags: [t]}}\n- {{fileId: {'f' * 24}, tags: [t]}}"
    plan = planned(library, tmp_path, text)
    assert [item.code for item in plan.errors] == ["missing", "missing"]
    assert library.calls == ["files", "files", "files", "details"]
    assert plan.inputs.read_requests == 4


def test_reader_looks_up_at_most_200_files_and_says_so(sandbox: Make, tmp_path: Path) -> None:
    library = Changed(sandbox(*LARGE[:3]).app, hiding())
    entries = "\n".join(f"- {{fileId: '{n:024x}', tags: [t]}}" for n in range(MAX_LOOKUPS + 1))
    plan = planned(library, tmp_path, entries)
    assert library.calls.count("details") == MAX_LOOKUPS
    assert plan.summary.missing == MAX_LOOKUPS + 1
    (said,) = [item for item in plan.diagnostics if item.code == "lookups"]
    assert said.message == "the listing lacks more than 200 declared files; tagsync looked up the first 200 only"


def spoiling(**members: Any) -> Callable[[dict[str, str], list[Any]], list[Any]]:
    """Return a change of one file's members."""

    def change(_asked: dict[str, str], rows: list[Any]) -> list[Any]:
        return [{**row, **members} if row["filePath"] == HIDDEN else row for row in rows]

    return change


UNREADABLE = [
    {"tags": "red"},
    {"tags": ["\ud800"]},
    {"tags": [5]},
    {"AITags": [{"confidence": 5}]},
    {"AITags": [{"name": "x", "confidence": "high"}]},
    {"fileId": None},
    {"filePath": 5},
]


@pytest.mark.parametrize("members", UNREADABLE, ids=str)
@pytest.mark.parametrize("size", [400, 32])
def test_reader_names_an_unreadable_file_without_losing_others(
    sandbox: Make, tmp_path: Path, members: dict[str, Any], size: int
) -> None:
    others = [item for item in LARGE if item["filePath"] != HIDDEN]
    files = [*others[: size - 1], file_object(HIDDEN, createdAt=moment(399))]
    library = Changed(sandbox(*files).app, spoiling(**members))
    plan = planned(library, tmp_path, "- {match: /d*/**, tags: [t]}", page_limit=1000)
    assert plan.errors == ()
    assert plan.summary.files_changed == size - 1
    (said,) = [item for item in plan.diagnostics if item.code == "unreadable"]
    named = HIDDEN if members.get("fileId", "") is None else id_of(HIDDEN)
    assert named in said.message
    assert bool(plan.left_out) == ("filePath" not in members)


@pytest.mark.parametrize("entry", [f"path: {HIDDEN}", f"fileId: {id_of(HIDDEN)}"])
def test_reader_does_not_report_an_unreadable_file_as_missing(sandbox: Make, tmp_path: Path, entry: str) -> None:
    library = Changed(sandbox(*LARGE).app, spoiling(tags="red"))
    plan = planned(library, tmp_path, f"- {{{entry}, tags: [t]}}\n- {{path: /d1/s/000.jpg, tags: [t]}}")
    assert (plan.errors, plan.summary.missing, plan.summary.files_changed) == ((), 0, 1)
    (said,) = plan.diagnostics
    assert (said.code, said.origin and said.origin.line) == ("unreadable", 5)
    assert "tags is not a list of strings" in said.message
    assert plan.left_out


def test_reader_fails_if_no_file_is_readable(sandbox: Make, tmp_path: Path) -> None:
    library = sandbox(*(file_object(f"/{n}", createdAt=moment(n)) for n in range(MAX_UNREADABLE + 1)))
    odd = Changed(library.app, lambda _asked, rows: [{**row, "tags": "red"} for row in rows])
    with pytest.raises(ProtocolError, match="more than 1,000 file objects are invalid"):
        planned(odd, tmp_path, "- {match: /**, tags: [t]}", page_limit=1000)


@pytest.mark.parametrize(("folder", "said"), [("/", True), ("/d/", False)])
def test_reader_warns_if_only_the_top_folder_is_listed(
    sandbox: Make,
    tmp_path: Path,
    folder: str,
    said: bool,  # noqa: FBT001 - a parameter
) -> None:
    files = [file_object(f"{folder if n == 13 else '/'}{n}", createdAt=moment(n)) for n in range(20)]
    plan = planned(sandbox(*files).app, tmp_path, "- {match: /**, tags: [t]}")
    assert [item.code for item in plan.diagnostics] == ["top-folder"] * said


def test_reader_leaves_files_with_the_same_path_alone(sandbox: Make, tmp_path: Path) -> None:
    twin = file_object("/d3/s/031.jpg", fileId="f" * 24, createdAt="2025-01-01T00:00:00.000Z")
    library = sandbox(*LARGE, twin)
    plan = planned(library.app, tmp_path, ONE + "\n- {path: /d1/s/000.jpg, tags: [t]}")
    assert [change.file.path for change in plan.changes] == ["/d1/s/000.jpg"]
    (said,) = plan.diagnostics
    assert (said.level, said.code) == ("warning", "twins")
    assert (
        f"2 files have the same path '/d3/s/031.jpg', or one equal under Unicode NFC (IDs '{id_of(HIDDEN)}'"
        in said.message
    )
    assert plan.left_out


def test_reader_changes_a_duplicate_path_selected_by_id(sandbox: Make, tmp_path: Path) -> None:
    twin = file_object("/d3/s/031.jpg", fileId="f" * 24, createdAt="2025-01-01T00:00:00.000Z")
    plan = planned(sandbox(*LARGE, twin).app, tmp_path, f"- {{fileId: {'f' * 24}, tags: [t]}}")
    assert [change.file.file_id for change in plan.changes] == ["f" * 24]
    assert not plan.left_out


def test_reader_lists_before_the_guard_new_tags_blocks(sandbox: Make, tmp_path: Path) -> None:
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
    assert plan.inputs.reading == ("listing", "other files may have the new tags")
    assert plan.blocked == ()


TAGGED = [
    file_object(
        f"/d{n % 40}/{n:03d}.jpg",
        ["rare" if n % 50 == 7 else "common"],
        [ai("Owl")] if n % 100 == 3 else [],
        createdAt=moment(n),
    )
    for n in range(400)
]


def with_tag(tag: str) -> Needs:
    return Needs(tag=tag)


def read_tagged(app: ASGIApp, tag: str) -> tuple[str, int]:
    """Return how the files with a tag are read, and how many of them the state has."""

    def look(state: CurrentState) -> tuple[str, int]:
        names = ([*file.tags, *(found.name for found in file.ai_tags)] for file in state.files)
        return state.reading.way, sum(tag in each for each in names)

    found: tuple[str, int] = read(app, with_tag(tag), look, page_limit=10)
    return found


@pytest.mark.parametrize(("tag", "count"), [("rare", 8), ("Owl", 4), ("none", 0)])
def test_reader_searches_for_files_with_a_rare_tag(sandbox: Make, tag: str, count: int) -> None:
    library = sandbox(*TAGGED)
    assert read_tagged(library.app, tag) == ("searches", count)
    assert len(library.calls) < 10


@pytest.mark.parametrize("tag", ["common", 'a"b', "a\\b"])
def test_reader_lists_files_with_a_common_or_unsafe_tag(sandbox: Make, tag: str) -> None:
    assert read_tagged(sandbox(*TAGGED).app, tag) == ("listing", 392 if tag == "common" else 0)


def test_reader_lists_if_the_library_searches_tags_in_another_way(sandbox: Make) -> None:
    def is_search(asked: dict[str, str]) -> bool:
        return "tags IN" in asked.get("searchQuery", "")

    def losing(asked: dict[str, str], rows: list[Any]) -> list[Any]:
        return [] if is_search(asked) else rows

    def refusing(asked: dict[str, str], rows: list[Any]) -> list[Any] | None:
        return None if is_search(asked) else rows

    def finding_others(asked: dict[str, str], rows: list[Any]) -> list[Any]:
        return [{**row, "tags": ["Rare"]} for row in rows] if is_search(asked) else rows

    for change in (losing, refusing, finding_others):
        assert read_tagged(Changed(sandbox(*TAGGED).app, change), "rare") == ("listing", 8)
