"""Captures from manifest to library: the same changes as rules without them, with fewer rules."""

from collections.abc import Callable
from pathlib import Path

from builders import Sandbox, acks, current_file, current_state, file_object, id_of, manifest, plan_for, run, unpack

import tagsync
from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentState

WITHOUT_CAPTURES = """
- {match: /shop/tees/**, tags: [catalog, t-shirts]}
- {match: /shop/hats/**, tags: [catalog, hats]}
- {match: /shop/shoes/**, tags: [catalog, shoes]}
- {match: /shop/bags/**, tags: [catalog, bags]}
- {match: /shop/scarves/**, tags: [catalog, scarves]}
- {match: /shop/*/women/*, tags: [women]}
- {match: /shop/*/men/*, tags: [men]}
- {match: /shop/*/kids/*, tags: [kids]}
- {match: /campaigns/Spring 2026/**, tags: [campaign, spring-2026], absent: [draft]}
- {match: /campaigns/Summer 2026/**, tags: [campaign, summer-2026], absent: [draft]}
- {match: /campaigns/Winter 2025/**, tags: [campaign, winter-2025], absent: [draft]}
- {match: /team/berlin/*, tags: [team, office-berlin]}
- {match: /team/paris/*, tags: [team, office-paris]}
- {match: /team/tokyo/*, tags: [team, office-tokyo]}
"""
WITH_CAPTURES = """
- {match: "/shop/{category}/**", tags: [catalog, "{category}"]}
- {match: "/shop/*/{audience}/*", tags: ["{audience}"]}
- {match: "/campaigns/{campaign}/**", tags: [campaign, "{campaign:slug}"], absent: [draft]}
- {match: "/team/{city}/*", tags: [team, "office-{city}"]}
"""
VALUES = "values: {category: {tees: t-shirts, else: keep}}"
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


def test_captures_plan_the_changes_of_fourteen_rules_with_four(tmp_path: Path) -> None:
    current = library(3_000)
    plans = []
    for name, entries, spec in (("long", WITHOUT_CAPTURES, ""), ("short", WITH_CAPTURES, VALUES)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(manifest(entries, spec=spec), "utf-8")
        plans.append(plan_for(read_manifests([str(path)]), current))
    long, short = ([(change.path, unpack(change.changes)) for change in plan.changes] for plan in plans)
    assert len(WITHOUT_CAPTURES.strip().split("\n")) == 14
    assert len(WITH_CAPTURES.strip().split("\n")) <= 6
    assert len(long) > 2_000
    assert long == short
    assert [plan.errors for plan in plans] == [(), ()]
    assert [request._replace(file_ids=()) for request in plans[0].requests] == [
        request._replace(file_ids=()) for request in plans[1].requests
    ]


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
