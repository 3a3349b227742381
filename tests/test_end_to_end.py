from typing import Any

import pytest
from builders import AWS, GOOGLE, Sandbox, acks, ai, examples, file_object, manifest, run
from hypothesis import given, settings
from hypothesis import strategies as st

import tagsync
from tagsync.model import Op, Plan, Report

PATHS = ["/a/1.jpg", "/a/2.jpg", "/a/b/3.jpg", "/c/4.jpg", "/c/é.jpg"]
TAGS = ["red", "blue", "shoe-a", "shoe-b", "caf\u00e9", "cafe\u0301", "x" * 160, "z" * 160]
NAMES = ["Dog", "Cat", "Sports Car", "women's wear"]

tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True)
ai_tags = st.lists(
    st.builds(ai, st.sampled_from(NAMES), st.one_of(st.none(), st.floats(0, 100)), st.sampled_from([GOOGLE, AWS])),
    max_size=4,
    unique_by=lambda tag: (tag.name, tag.source),
)
libraries = st.fixed_dictionaries({path: st.tuples(tags, ai_tags) for path in PATHS})


def quoted(items: list[str]) -> str:
    return "[" + ", ".join('"' + item.replace("\u0301", "\\u0301") + '"' for item in items) + "]"


selectors = st.sampled_from(
    [
        "path: /a/1.jpg",
        "path: /gone.jpg, ifMissing: skip",
        "match: /a/**",
        "match: /**, except: [/c/**]",
        "match: /c/*",
        'query: \'tags IN ["red", "Dog"]\'',
        "match: /a/*, query: 'name : \"1\"'",
    ]
)
rules = st.sampled_from(
    [
        "aiTags: {remove: all}",
        "aiTags: {minConfidence: 60, keep: [Dog]}",
        f"aiTags: {{remove: [Cat, Dog], source: {AWS}}}",
        "exclusive: true",
        "exclusive: {only: [shoe*]}",
        'absent: ["red"]',
        "aiTags: {promote: {minConfidence: 50}}",
        "aiTags: {remove: all, promote: {minConfidence: 50}, keep: [Cat]}",
        "exclusive: true, aiTags: {promote: {minConfidence: 50}}",
        "exclusive: {only: [D*]}, aiTags: {minConfidence: 30, promote: {minConfidence: 50}}",
        "absent: [Dog], aiTags: {promote: {minConfidence: 50}}",
        "until: 2000-01-01, aiTags: {remove: [Dog]}",
    ]
)
vocabularies = st.sampled_from(
    [
        "",
        "forbidden: [shoe-b]",
        "forbidden: [shoe-b, Dog], removeForbidden: true",
        "renames: {shoe-b: blue}",
        "renames: {red: Dog, shoe-b: scarlet, Dog2: Cat}",
        'renames: {Dog: dog, "women\'s wear": wear}',
        f"allowed: [blue, shoe-a, caf\u00e9, {'x' * 160}, {'y' * 160}, Cat]",
    ]
)
entries = st.builds(
    lambda selector, wanted, rule: f"- {{{selector}, tags: {quoted(wanted)}, {rule}, ifOverLimit: skip}}",
    selectors,
    st.lists(st.sampled_from(["blue", "shoe-a", "caf\u00e9", "x" * 160, "y" * 160]), max_size=3, unique=True),
    rules,
)


@settings(max_examples=examples(50), deadline=None)
@given(held=libraries, declared=st.lists(entries, min_size=1, max_size=4), vocabulary=vocabularies)
def test_apply_of_any_plan_leaves_nothing_to_do(
    tmp_path_factory: pytest.TempPathFactory,
    held: dict[str, tuple[list[str], list[Any]]],
    declared: list[str],
    vocabulary: str,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    text = manifest("\n".join(declared))
    if vocabulary:
        text += f"---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {{{vocabulary}}}\n"
    (folder / "tags.yaml").write_text(text, encoding="utf-8")
    library = Sandbox(folder, (file_object(path, *holding) for path, holding in held.items()))

    async def once() -> tuple[Plan, Report | None]:
        plan = await tagsync.plan_async([str(folder / "tags.yaml")], target=library.target)
        options = tagsync.ApplyOptions(acks=acks(plan))
        report = None if plan.errors else await tagsync.apply_async(plan, target=library.target, options=options)
        return plan, report

    plan, report = run(once())
    before = {path: set(holding[0]) for path, holding in held.items()}
    if report is None:
        assert library.writes == []
    else:
        assert report.converged
        assert not expected_to_differ(plan, library, before)
        writes = len(library.writes)
        again, _ = run(once())
        # A query may find other files after tags have changed; everything else must be settled.
        if not any("query" in entry for entry in declared):
            assert again.changes == ()
            assert len(library.writes) == writes
    library.close()


def expected_to_differ(plan: Plan, library: Sandbox, before: dict[str, set[str]]) -> list[str]:
    """Return the files whose tags are not those before with the plan's changes."""
    differing = []
    changed = {change.file.path: change for change in plan.changes}
    for path, held in before.items():
        change = changed.get(path)
        wanted = (held - set(change.tags(Op.REMOVE))) | set(change.tags(Op.ADD)) if change else held
        if library.tags(path) != wanted:
            differing.append(path)
    return differing
