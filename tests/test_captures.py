"""Captures from manifest to library: the same changes as rules without them, with fewer rules."""

from collections.abc import Callable
from pathlib import Path

from builders import Sandbox, acks, current_file, current_state, file_object, id_of, manifest, plan_for, run, unpack

import tagsync
from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentState

EXAMPLE = Path(__file__).parents[1] / "examples" / "captures"
FOLDERS = [
    *(
        f"/shop/{kind}/{who}"
        for kind in ("tees", "hats", "shoes", "bags", "scarves")
        for who in ("women", "men", "kids")
    ),
    *(
        f"/campaigns/{name}/{part}"
        for name in ("Spring 2026", "Summer 2026", "Winter 2025")
        for part in ("web", "print")
    ),
    *(f"/team/{city}" for city in ("berlin", "paris", "tokyo")),
]


def library(count: int) -> CurrentState:
    """Return files in all folders, some of which have tags already."""
    states: tuple[list[str], ...] = ([], ["draft"], ["catalog", "women"], ["campaign", "t-shirts", "draft"])
    paths = [f"{FOLDERS[number % len(FOLDERS)]}/{number:04}.jpg" for number in range(count)]
    return current_state(*(current_file(path, states[number % 4]) for number, path in enumerate(paths)))


def test_captures_plan_the_changes_of_fourteen_rules_with_four() -> None:
    current = library(3_000)
    long, short = (read_manifests([str(EXAMPLE / name)]) for name in ("long.yaml", "short.yaml"))
    assert [len(desired.entries) for desired in (long, short)] == [14, 4]
    plans = [plan_for(desired, current) for desired in (long, short)]
    changes, same = ([(change.path, unpack(change.changes)) for change in plan.changes] for plan in plans)
    assert len(changes) > 2_000
    assert changes == same
    assert [plan.errors for plan in plans] == [(), ()]
    assert [request._replace(file_ids=()) for request in plans[0].requests] == [
        request._replace(file_ids=()) for request in plans[1].requests
    ]


def test_captures_example_tests_pass_with_both_manifests() -> None:
    for name in ("long.yaml", "short.yaml"):
        ran = tagsync.run_tests([EXAMPLE / name, EXAMPLE / "tests.yaml"])
        assert [result.failures for result in ran.results] == [()]


def test_library_data_reaches_templates_and_the_apply_converges(
    tmp_path: Path, sandbox: Callable[..., Sandbox]
) -> None:
    box = sandbox(
        file_object("/shop/tees/1.jpg", ["old"], fileType="image", customMetadata={"season": "Spring 24", "price": 49}),
        file_object("/shop/tees/2.mp4", fileType="non-image", customMetadata={"season": None}),
        file_object("/other/3.jpg", fileType="image"),
    )
    entries = f"""
- match: "/shop/{{category}}/*"
  tags: ["{{category}}", "{{fileType}}", "{{customMetadata.season:slug}}", "y{{createdAt:year}}"]
  absent: ["old"]
  ifInvalid: skip
- {{fileId: {id_of("/other/3.jpg")}, tags: ["{{fileType}}"]}}
"""
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(entries), "utf-8")

    async def converge() -> tuple[tagsync.Plan, tagsync.Plan]:
        made = await tagsync.plan_async(str(path), target=box.target)
        await tagsync.apply_async(made, target=box.target, options=tagsync.ApplyOptions(acks=acks(made)))
        return made, await tagsync.plan_async(str(path), target=box.target)

    first, second = run(converge())
    assert first.errors == ()
    assert box.tags("/shop/tees/1.jpg") == {"tees", "image", "spring-24", "y2024"}
    assert box.tags("/shop/tees/2.mp4") == {"tees", "non-image", "y2024"}
    assert box.tags("/other/3.jpg") == {"image"}
    assert second.changes == ()
