"""A tag is replaced only after the file's details show the new one."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from builders import GOOGLE, Sandbox, acks, ai, file_object, id_of, run
from conftest import EXTREMES
from simulated_library import AITags, Caller, SimulatedLibrary, State, Trouble

import tagsync
from tagsync.applying.apply_options import ApplyOptions
from tagsync.model import Report, Status
from tagsync.sandbox.faults import Fault

Make = Callable[..., Sandbox]
PATHS = [f"/{number}.jpg" for number in range(9)]

HEADS = "apiVersion: tagsync/v1\nkind: {}\nspec: "
VOCABULARY = HEADS.format("Vocabulary") + "{renames: {old: new}}\n"
RENAME = HEADS.format("TagSet") + "{files: [{match: /**, aiTags: {remove: [Dog]}}]}\n---\n" + VOCABULARY
WAYS = {
    "vocabulary": RENAME,
    "absent": HEADS.format("TagSet") + "{files: [{match: /**, tags: [new], absent: [old], aiTags: {remove: [Dog]}}]}\n",
    "exclusive": HEADS.format("TagSet") + "{files: [{match: /**, tags: [new], exclusive: {only: [o*]}}]}\n",
    "query": HEADS.format("TagSet") + "{files: [{query: 'tags IN [\"old\"]', tags: [new], absent: [old]}]}\n",
}


async def applied(target: tagsync.Target, manifest: Any, **options: Any) -> Report:
    """Plan and apply as on a machine without files of earlier runs."""
    plan = await tagsync.plan_async([str(manifest)], target=target)
    settings = ApplyOptions(acks=acks(plan), **options)
    return await tagsync.apply_async(plan, target=target, options=settings)


@pytest.fixture(params=WAYS)
def manifest(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    path = tmp_path / "tags.yaml"
    path.write_text(WAYS[request.param], "utf-8")
    return path


@EXTREMES
def test_rename_keeps_the_old_name_if_the_new_one_is_not_shown(sandbox: Make, manifest: Any) -> None:
    library = sandbox(
        *(file_object(path, ["old"]) for path in PATHS), faults=[Fault(on="addTags", ignore=True, times=1)]
    )
    first = run(applied(library.target, manifest))
    assert first.outcome == "incomplete"
    assert [library.tags(path) for path in PATHS] == [{"old"}] * 9
    assert all("does not show the new tag 'new'" in (outcome.error or "") for outcome in first.outcomes)
    assert run(applied(library.target, manifest)).converged
    assert [library.tags(path) for path in PATHS] == [{"new"}] * 9


@EXTREMES
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_rename_cut_off_after_any_call_loses_no_name(sandbox: Make, manifest: Any, calls: int, *, verify: bool) -> None:
    library = sandbox(*(file_object(path, ["old"], [ai("Dog")]) for path in PATHS))
    run(applied(library.target, manifest, max_requests=calls, verify=verify, concurrency=1))
    assert all({"old", "new"} & library.tags(path) for path in PATHS)
    assert run(applied(library.target, manifest)).converged
    assert [library.tags(path) for path in PATHS] == [{"new"}] * 9


@EXTREMES
@pytest.mark.parametrize("crowded", [["x" * 250, "y" * 244], [f"{n}" * 98 for n in range(5)] + ["xxxxx"]])
def test_rename_whose_names_do_not_fit_together_is_over_the_limit(
    sandbox: Make, tmp_path: Any, crowded: list[str]
) -> None:
    library = sandbox(file_object("/a.jpg", ["old", *crowded]))
    (tmp_path / "tags.yaml").write_text(WAYS["vocabulary"].replace("old: new", "old: news"), "utf-8")
    with pytest.raises(tagsync.TagsyncError, match="old and new tags together"):
        run(applied(library.target, tmp_path / "tags.yaml"))
    lenient = WAYS["vocabulary"].replace("old: new", "old: news").replace("match: /**", "match: /**, ifOverLimit: warn")
    (tmp_path / "tags.yaml").write_text(lenient, "utf-8")
    assert run(applied(library.target, tmp_path / "tags.yaml")).converged
    assert library.writes == []


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(on="any", delayMs=300)],
        [Fault(on="removeTags", status=503, times=1)],
        [Fault(on="removeAITags", status=503, times=1)],
        [Fault(on="removeTags", delayMs=5000), Fault(on="removeAITags", status=503, times=2)],
        [Fault(on="removeAITags", delayMs=5000), Fault(on="removeTags", status=503, times=2)],
    ],
)
def test_stale_ignores_changes_made_by_this_run(sandbox: Make, manifest: Any, faults: list[Fault]) -> None:
    """A rename and a removal of AI tags on the same file, in a library that is slow or sometimes fails."""
    library = sandbox(*(file_object(path, ["old"], [ai("Dog"), ai("Elk")]) for path in PATHS), faults=faults)
    report = run(applied(library.target, manifest))
    assert {outcome.status for outcome in report.outcomes} == {Status.CONFIRMED}
    assert run(tagsync.plan_async([str(manifest)], target=library.target)).changes == ()


def lagging(
    tags: str = "", names: AITags | None = None, lag: float = 0.0, details_lag: float = 0.0
) -> SimulatedLibrary:
    files = {id_of(path): State(path, frozenset(tags.split()), names or {}) for path in PATHS}
    library = SimulatedLibrary(Random(1), files)
    library.trouble = Trouble(lag=lag, details_lag=details_lag)
    return library


def change_all(library: SimulatedLibrary, tags: str = "", names: AITags | None = None) -> None:
    for path in PATHS:
        library.put(id_of(path), State(path, frozenset(tags.split()), names or {}))


def target_of(library: SimulatedLibrary) -> tagsync.Target:
    return tagsync.Target(app=Caller(library, lambda _call: None), endpoint="sandbox:library.jsonl")


@pytest.mark.parametrize(
    ("manifest_text", "before", "after"),
    [
        (RENAME, ("old new", {}), ("old", {})),
        (
            HEADS.format("TagSet") + "{files: [{match: /**, aiTags: {minConfidence: 70}}]}\n",
            ("", {"Dog": (40.0, GOOGLE)}),
            ("", {"Dog": (95.0, GOOGLE)}),
        ),
        (
            HEADS.format("TagSet") + "{files: [{match: /**, aiTags: {promote: {minConfidence: 90}}}]}\n",
            ("Dog", {"Dog": (95.0, GOOGLE)}),
            ("", {"Dog": (95.0, GOOGLE)}),
        ),
    ],
)
def test_removal_trusts_details_and_not_a_lagging_index(
    tmp_path: Any, manifest_text: str, before: tuple[str, AITags], after: tuple[str, AITags]
) -> None:
    """Ten seconds before an apply, somebody removes what a removal relies on; the index lags by 20 s."""
    (tmp_path / "tags.yaml").write_text(manifest_text, "utf-8")

    async def scenario() -> tuple[Report, SimulatedLibrary]:
        library = lagging(*before, lag=20.0)
        change_all(library, *after)
        return await applied(target_of(library), tmp_path / "tags.yaml"), library

    report, library = run(scenario())
    assert (report.outcome, library.calls) == ("incomplete", [])


@pytest.mark.parametrize(("lag", "details_lag"), [(0.0, 10.0), (20.0, 25.0), (28.0, 0.0)])
def test_apply_waits_for_lagging_details(tmp_path: Any, lag: float, details_lag: float) -> None:
    (tmp_path / "tags.yaml").write_text(RENAME, "utf-8")

    async def scenario() -> tuple[Report, SimulatedLibrary]:
        library = lagging("old", {"Dog": (90.0, GOOGLE)}, lag=lag, details_lag=details_lag)
        return await applied(target_of(library), tmp_path / "tags.yaml"), library

    report, library = run(scenario())
    assert report.converged
    states = [history.now for history in library.files.values()]
    assert [state and (sorted(state.tags), dict(state.ai_tags)) for state in states] == [(["new"], {})] * 9
    assert sorted(call.op for call in library.calls) == ["addTags", "removeAITags", "removeTags"]
