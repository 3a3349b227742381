"""Applies end well whether the library behaves as strictly or as leniently as the documentation allows."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from builders import Sandbox, acks, ai, file_object, manifest, now, run

import tagsync
from tagsync.model import Report
from tagsync.sandbox.profile import built_in

Make = Callable[..., Sandbox]

EXTREMES = ("strict", "lenient")
SINGLES = sorted(
    name
    for name in built_in()
    # These break what tagsync needs: the right to write, additions that keep the other tags, and a whole listing.
    if name not in ("writes-refused", "added-tags-replaced", "listing-scope-root-only")
)


def files() -> list[dict[str, object]]:
    return [
        file_object(f"/{folder}/{n}.jpg", tags, [ai("Dog", 90.0), ai("Cat", 20.0)])
        for folder in ("a", "b", "b/c")
        for n, tags in enumerate([[], ["red"], ["red", "old"], ["x" * 160, "y" * 160], ["old", "draft"]] * 4)
    ]


RULES = {
    "add": "- {match: /**, tags: [new, red]}",
    "remove": "- {match: /b/**, absent: [old]}",
    "both": "- {match: /**, tags: [new], absent: [old, draft], aiTags: {minConfidence: 50}}",
    "one file": "- {path: /b/c/2.jpg, tags: [hero]}",
    "exclusive": "- {match: /a/**, tags: [only], exclusive: true}",
    "promote": "- {match: /**, aiTags: {remove: all, promote: {minConfidence: 50}}}",
    "missing": "- {path: /gone.jpg, tags: [new], ifMissing: skip}\n- {match: /a/*, tags: [new]}",
}


Tags = dict[str, tuple[set[str], set[str]]]


async def once(library: Sandbox, path: Path) -> Report:
    plan = await tagsync.plan_async([path], target=library.target)
    return await tagsync.apply_async(plan, target=library.target, options=tagsync.ApplyOptions(acks=acks(plan)))


def applied(library: Sandbox, path: Path) -> Report:
    return run(once(library, path))


def tags_of(library: Sandbox) -> Tags:
    paths = [str(file["filePath"]) for file in files()]
    return {path: (library.tags(path), library.ai_tags(path)) for path in paths}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tags]:
    """Return a function that applies rules to a library with the usual profile, and returns the tags."""

    @cache
    def tags(rules: str) -> Tags:
        folder = tmp_path_factory.mktemp("usual")
        path = folder / "tags.yaml"
        path.write_text(manifest(rules), encoding="utf-8")
        library = Sandbox(folder, files())
        report = applied(library, path)
        assert report.converged
        assert "lost-tags" not in [item.code for item in report.diagnostics]
        found = tags_of(library)
        library.close()
        return found

    return tags


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("profile", EXTREMES)
def test_apply_converges_in_both_extremes(
    sandbox: Make, tmp_path: Path, usual: Callable[[str], Tags], profile: str, rules: str
) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(rules), encoding="utf-8")
    extreme = sandbox(*files(), profile=profile, clock=now)
    report = applied(extreme, path)
    assert report.converged, [outcome.error for outcome in report.outcomes if outcome.error]
    assert tags_of(extreme) == usual(rules)


@pytest.mark.parametrize("profile", SINGLES)
def test_apply_converges_with_each_reading(
    sandbox: Make, tmp_path: Path, usual: Callable[[str], Tags], profile: str
) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(RULES["both"]), encoding="utf-8")
    single = sandbox(*files(), profile=profile, clock=now)
    assert applied(single, path).converged
    assert tags_of(single) == usual(RULES["both"])


@pytest.mark.parametrize("profile", EXTREMES)
def test_undo_restores_tags_in_both_extremes(sandbox: Make, tmp_path: Path, profile: str) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {match: /**, tags: [new], absent: [old]}"), encoding="utf-8")
    library = sandbox(*files(), profile=profile, clock=now)
    before = tags_of(library)

    async def undone() -> Report:
        plan = await tagsync.undo_async(await once(library, path), target=library.target)
        return await tagsync.apply_async(plan, target=library.target)

    assert run(undone()).converged
    assert tags_of(library) == before


def test_apply_reports_a_key_that_cannot_write(sandbox: Make, tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(RULES["one file"]), encoding="utf-8")
    report = applied(sandbox(*files(), profile="writes-refused"), path)
    assert report.outcome == "incomplete"
    assert report.outcomes[0].error is not None
    assert "You do not have permission" in report.outcomes[0].error


def test_apply_warns_if_adding_tags_replaces_others(sandbox: Make, tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(RULES["add"]), encoding="utf-8")
    report = applied(sandbox(*files(), profile="added-tags-replaced"), path)
    [message] = [item.message for item in report.diagnostics if item.code == "lost-tags"]
    assert message.startswith("48 files lost tags during the apply that the plan does not remove, such as 'red' on ")
    assert "tagsync doctor --write-on PATH" in message


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_apply_warns_of_no_lost_tags_if_only_planned_tags_change(usual: Callable[[str], Tags], rules: str) -> None:
    assert usual(rules)  # checks the warnings of this apply
