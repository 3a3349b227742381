"""The undo of any apply restores the ordinary tags of every file, except those that replaced an AI tag."""

from typing import Any

import pytest
from builders import AWS, GOOGLE, Sandbox, acks, ai, examples, file_object, id_of, manifest, run
from hypothesis import given, settings
from hypothesis import strategies as st

import tagsync
from tagsync.model import Plan, Report, Status
from tagsync.sandbox.store import File

PATHS = ["/a.jpg", "/b.jpg", "/shop/c.jpg", "/shop/d.jpg"]
TAGS = ["red", "old", "shoe-a", "caf\u00e9", "cafe\u0301", "x" * 160, "Dog"]
libraries = st.dictionaries(
    st.sampled_from(PATHS),
    st.tuples(
        st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
        st.lists(st.builds(ai, st.sampled_from(["Dog", "Cat"]), st.integers(1, 99), st.sampled_from([GOOGLE, AWS]))),
    ),
    min_size=1,
)
rules = st.sampled_from(
    [
        "absent: [old]",
        "exclusive: true",
        "exclusive: {only: [shoe*]}",
        "aiTags: {promote: {minConfidence: 60}}",
        "aiTags: {remove: all, promote: {minConfidence: 60}}",
    ]
)
entries = st.builds(
    lambda selector, wanted, rule: f"- {{{selector}, tags: [{', '.join(wanted)}], {rule}, ifMissing: skip}}",
    st.sampled_from(["match: /**", "match: /shop/*", "path: /a.jpg", "path: /shop/d.jpg"]),
    st.lists(st.sampled_from(["red", "blue", "shoe-b", "caf\u00e9", "z" * 200]), max_size=3, unique=True),
    rules,
)


@settings(max_examples=examples(40), deadline=None)
@given(held=libraries, declared=st.lists(entries, min_size=1, max_size=3))
def test_undo_of_an_apply_restores_ordinary_tags_and_keeps_promoted_ones(
    tmp_path_factory: pytest.TempPathFactory, held: dict[str, tuple[list[str], list[Any]]], declared: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    (folder / "tags.yaml").write_text(manifest("\n".join(declared)), encoding="utf-8")
    library = Sandbox(folder, (file_object(path, *holding) for path, holding in held.items()))
    before = {path: library.tags(path) for path in held}

    async def applied(plan: Plan) -> Report:
        return await tagsync.apply_async(plan, target=library.target, options=tagsync.ApplyOptions(acks=acks(plan)))

    async def there_and_back() -> tuple[Report, Report] | None:
        plan = await tagsync.plan_async([str(folder / "tags.yaml")], target=library.target)
        if plan.errors:
            return None
        report = await applied(plan)
        return report, await applied(await tagsync.undo_async(report, target=library.target))

    reports = run(there_and_back())
    if reports is not None:
        assert all(report.converged for report in reports)
        promoted = {change.path: {*change.add}.intersection(change.remove_ai) for change in reports[0].plan.changes}
        assert {path: library.tags(path) for path in held} == {
            path: tags | promoted.get(path, set()) for path, tags in before.items()
        }
    library.close()


def test_undo_keeps_a_tag_added_while_the_plan_waited(sandbox: Any, declare: Any, tmp_path: Any) -> None:
    library = sandbox(file_object("/a.jpg"), file_object("/b.jpg"))
    declare("- {match: /*, tags: [x, w]}")

    async def scenario() -> list[Status]:
        plan = await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target)
        library.store.save([File(id_of("/a.jpg"), ["x"], [])])
        report = await tagsync.apply_async(plan, target=library.target)
        back = await tagsync.undo_async(report, target=library.target)
        undone = await tagsync.apply_async(back, target=library.target)
        return [outcome.status for outcome in undone.outcomes]

    assert run(scenario()) == [Status.CONFIRMED] * 2
    assert (library.tags("/a.jpg"), library.tags("/b.jpg")) == ({"x"}, set())
