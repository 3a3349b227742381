from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import TARGET, ai, changed, current_file, current_state, id_of, manifest, plan_for, plan_of, unpack
from conftest import Declare
from hypothesis import given, settings
from hypothesis import strategies as st

import tagsync
from tagsync.documents.changes import lines_of
from tagsync.errors import ManifestError
from tagsync.manifest.read import read_manifests
from tagsync.model import (
    Cause,
    CurrentState,
    DesiredState,
    Diagnostic,
    Drift,
    Inputs,
    Op,
    Part,
    Plan,
    Reading,
)
from tagsync.planning.changed_since import Revision
from tagsync.planning.filter import filter_plan


def plan(
    desired: DesiredState, current: CurrentState, only: Sequence[str] = (), created_at: str = "2026-01-01"
) -> Plan:
    return plan_for(desired, current, created_at=created_at, only=only)


SHOP = current_state(
    current_file("/a", ["old"], [ai("Dog", 10), ai("Cat", 90)]), current_file("/b", ["x"]), current_file("/c")
)


def test_plan_counts_pairs_and_files(declare: Declare) -> None:
    entries = """
- {match: /*, tags: [x, w], aiTags: {minConfidence: 50}}
- {path: /a, absent: [old]}
- {path: /gone, tags: [x], ifMissing: warn}
- {path: /b, tags: [x]}
"""
    summary = plan(declare(entries), SHOP).summary
    assert summary == (3, 5, 1, 1, 0, 1, 1, 1)


def test_plan_sorts_changes_by_path_with_file_before(declare: Declare) -> None:
    made = plan(declare("- {path: /c, tags: [z]}\n- {path: /a, tags: [z]}"), SHOP)
    assert [(change.file, unpack(change.changes)) for change in made.changes] == [
        (next(iter(SHOP.files)), ["+z"]),
        (list(SHOP.files)[2], ["+z"]),
    ]


def test_plan_never_touches_unselected_files(declare: Declare) -> None:
    made = plan(declare("- {path: /c, tags: [z], exclusive: true}"), SHOP)
    assert [change.file.path for change in made.changes] == ["/c"]


def test_plan_counts_unchanged_files(declare: Declare) -> None:
    made = plan(declare("- {path: /b, tags: [x]}"), SHOP)
    assert (made.summary.unchanged, made.changes, made.requests) == (1, (), ())


def test_plan_with_one_error_has_no_changes(declare: Declare) -> None:
    made = plan(declare("- {path: /a, tags: [z]}\n- {path: /gone, tags: [x]}"), SHOP)
    assert made.changes == ()
    assert made.requests == ()
    assert [error.code for error in made.errors] == ["missing"]


LONG = [f"{n:099d}" for n in range(5)]
CROWDED = current_state(current_file("/a", LONG), current_file("/b"))


@pytest.mark.parametrize(
    ("leniencies", "level"),
    [
        ([""], "error"),
        ([", ifOverLimit: error"], "error"),
        ([", ifOverLimit: warn"], "warning"),
        ([", ifOverLimit: skip"], None),
        ([", ifOverLimit: skip", ", ifOverLimit: warn"], "warning"),
        ([", ifOverLimit: skip", ""], "error"),
    ],
)
def test_plan_leaves_file_over_limit_unchanged(declare: Declare, leniencies: list[str], level: str | None) -> None:
    entries = "\n".join(f"- {{match: '/*', tags: [newest]{leniency}}}" for leniency in leniencies)
    made = plan(declare(entries), CROWDED)
    assert [item.level for item in made.diagnostics] == ([level] if level else [])
    if level != "error":
        assert [change.file.path for change in made.changes] == ["/b"]
        assert made.summary.unchanged == 0
    for told in made.diagnostics:
        assert "'/a' is not changed: its tags would have 501 characters" in told.message
        assert (told.code, str(told.origin).rpartition(":")[0]) == ("over-limit", "tags.yaml:5")


@pytest.mark.parametrize("leniency", ["", ", ifOverLimit: skip"])
def test_plan_limits_old_and_new_tags_together(declare: Declare, leniency: str) -> None:
    made = plan(declare(f"- {{path: /a, tags: [newest], absent: ['{LONG[0]}']{leniency}}}"), CROWDED)
    assert (made.changes, [item.code for item in made.diagnostics]) == ((), [] if leniency else ["over-limit"])
    for told in made.diagnostics:
        assert "its old and new tags together have 501 characters" in told.message
        assert "remove old tags in an earlier apply" in told.message


def test_plan_warns_of_file_within_limit_without_commas(declare: Declare) -> None:
    made = plan(declare("- {match: '/*', tags: [new]}"), CROWDED)
    assert [change.file.path for change in made.changes] == ["/a", "/b"]
    [told] = made.diagnostics
    assert (told.level, told.code, str(told.origin)) == ("warning", "near-limit", "tags.yaml:5:28")
    assert "'/a'" in told.message


def test_select_filters_after_comparing_everything(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [z], expect: {min: 3, max: 3}}")
    made = plan(desired, SHOP, only=("/[a]",))
    assert made.changes == ()
    made = plan(desired, SHOP, only=("/a",))
    assert [change.file.path for change in made.changes] == ["/a"]
    assert made.diagnostics == ()
    broken = plan(declare("- {match: /*, tags: [z]}\n- {path: /gone, tags: [z]}"), SHOP, only=("/a",))
    assert [error.code for error in broken.errors] == ["missing"]


def test_estimate_includes_reads_at_their_own_rate(declare: Declare) -> None:
    library = current_state(*(current_file(f"/{n}", ["old"], [ai("Dog", 50)]) for n in range(10)))
    added = declare("- {match: /*, tags: [w]}")
    # Ten files of a library with one page: read once before the call, and once after it.
    assert plan_for(added, library, read_rate=20.0).estimate.seconds == pytest.approx(1 / 5 + 2 / 20)
    # Their details are read before each kind of removal, too.
    changed = declare("- {match: /*, tags: [w], absent: [old], aiTags: {remove: all}}")
    assert plan_for(changed, library, read_rate=20.0).estimate.seconds == pytest.approx(3 / 5 + (2 + 20) / 20)
    # Removals of ordinary tags that nothing replaces need no proof.
    removed = declare("- {match: /*, absent: [old]}")
    assert plan_for(removed, library, read_rate=20.0).estimate.seconds == pytest.approx(1 / 5 + 2 / 20)


def test_estimate_compares_with_usual_ways(declare: Declare) -> None:
    estimate = plan(declare("- {match: /*, tags: [w, z]}"), SHOP).estimate
    assert estimate == (1, 1, 3, 1, 2, 0.2)


def test_plan_sorts_diagnostics_by_place(declare: Declare) -> None:
    made = plan(declare("- {path: /z, tags: [x]}\n- {match: /none, tags: [x]}\n- {path: /y, tags: [x]}"), SHOP)
    assert [item.origin.line for item in made.diagnostics if item.origin] == [5, 6, 7]


def test_plan_warns_of_empty_library_first(declare: Declare) -> None:
    made = plan(declare("- {path: /z, tags: [x], ifMissing: warn}"), current_state())
    assert [(item.level, item.code) for item in made.diagnostics] == [
        ("warning", "empty-library"),
        ("warning", "missing"),
    ]
    assert made.diagnostics[0].message == "the library has no files: check that the key belongs to the right account"


def test_plan_removes_forbidden_tags_of_vocabulary(tmp_path: Path) -> None:
    vocabulary = "---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {forbidden: [old], removeForbidden: true}\n"
    (tmp_path / "tags.yaml").write_text(manifest("- {path: /a, tags: [x]}") + vocabulary, encoding="utf-8")
    [change] = plan(read_manifests([str(tmp_path)]), SHOP).changes
    assert unpack(change.changes) == ["+x", "-old"]


def test_plan_lists_its_inputs(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [z]}")
    reading, part = Reading("searches", "few files"), Part(1, 1)
    current = replace(SHOP, read_requests=7, reading=reading)
    made = plan_for(desired, current, created_at="2026", only=["/a"], part=part)
    assert made.inputs == Inputs(desired.manifests, 3, 7, ("/a",), part, None, reading=reading)
    assert (made.created_at, made.target) == ("2026", TARGET)


def test_coverage_is_reported_on_request(declare: Declare) -> None:
    desired = declare("- {path: /a, tags: [z]}\n- {match: /none, tags: [z]}\n- {path: /no, tags: [z], ifMissing: skip}")
    made = plan_for(desired, SHOP, coverage=True)
    assert made.coverage is not None
    assert made.coverage.unselected == ("/b", "/c")
    assert [str(origin) for origin in made.coverage.idle] == ["tags.yaml:6:7", "tags.yaml:7:7"]
    assert plan(desired, SHOP).coverage is None


def test_plan_exact_has_no_no_op_changes(declare: Declare) -> None:
    ten = [f"t{n}" for n in range(10)]
    state = current_state(*(current_file(f"/{n}", [tag for tag in ten if tag != f"t{n}"]) for n in range(10)))
    desired = declare(f"- {{match: /*, tags: [{', '.join(ten)}]}}")
    assert len(plan(desired, state).requests) == 1
    assert len(plan_for(desired, state, exact=True).requests) == 10


def test_changed_since_plans_files_of_changed_entries(tmp_path: Path, declare: Declare) -> None:
    (tmp_path / "earlier").mkdir()
    path = tmp_path / "earlier" / "tags.yaml"
    path.write_text(manifest("- {path: /a, tags: [z]}\n- {path: /b, tags: [z]}"), encoding="utf-8")
    earlier = read_manifests([str(path)])
    desired = declare("- {path: /a, tags: [z]}\n- {path: /b, tags: [new]}\n- {path: /c, tags: [new]}")
    revision = Revision("main", "0" * 40, earlier)
    made = plan_for(desired, SHOP, since=revision)
    assert [change.file.path for change in made.changes] == ["/b", "/c"]
    assert made.inputs.changed_since == "0" * 40


PICTURED = current_state(
    *(replace(current_file(path, ["old"]), thumbnail=f"https://example.com{path}") for path in ("/a", "/b", "/c"))
)


def test_thumbnails_are_kept_for_changed_files(declare: Declare) -> None:
    entries = "- {path: /a, tags: [z]}\n- {path: /b, tags: [old]}"
    assert plan(declare(entries), PICTURED).thumbnails == {id_of("/a"): "https://example.com/a"}
    assert plan(declare(f"{entries}\n- {{path: /gone, tags: [x]}}"), PICTURED).thumbnails == {}


def test_filter_keeps_data_of_its_files_and_of_the_whole(declare: Declare) -> None:
    whole = plan(declare("- {match: /*, tags: [z], absent: [old]}"), PICTURED)
    drift = tuple(Drift(id_of(path), Op.ADD, "z", Cause.ADDED) for path in ("/a", "/b"))
    made = filter_plan(replace(whole, drift=drift), only=["/a"], part=None)
    assert [change.file.path for change in made.changes] == ["/a"]
    assert (made.drift, made.thumbnails) == (drift[:1], {id_of("/a"): "https://example.com/a"})
    assert (made.summary.files_changed, made.summary.add_tags, made.summary.remove_tags) == (1, 1, 1)
    assert (made.inputs.select, made.inputs.part) == (("/a",), None)
    assert (made.digest, made.guards) == (whole.digest, whole.guards)
    again = filter_plan(made, only=(), part=Part(1, 1))
    assert (again.inputs.select, again.inputs.part) == (("/a",), Part(1, 1))
    assert filter_plan(again, only=(), part=None).inputs == again.inputs
    shards = [filter_plan(whole, only=(), part=Part(index, 5)).changes for index in range(1, 6)]
    assert sorted(change.file.path for changes in shards for change in changes) == ["/a", "/b", "/c"]
    assert all(len(changes) < len(whole.changes) for changes in shards)


def test_plan_is_deterministic(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [x, w], aiTags: {remove: all}}")
    assert plan(desired, SHOP) == plan(desired, SHOP)


def test_digest_covers_changes_without_time(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [w]}")
    digest = plan(desired, SHOP).digest
    assert plan(desired, SHOP, created_at="2030-01-01").digest == digest
    assert plan(desired, CurrentState(SHOP.files, SHOP.answers, {}, 99)).digest == digest
    assert plan_for(desired, SHOP, created_at="", bulk_rate=None).digest == digest
    assert plan(desired, current_state(*list(SHOP.files)[:2])).digest != digest
    assert plan(desired, SHOP, only=("/a",)).digest != digest
    elsewhere = plan_for(desired, SHOP, TARGET._replace(account="other"))
    assert elsewhere.digest != digest


def test_digest_covers_manifest_bytes(declare: Declare) -> None:
    before = plan(declare("- {match: /*, tags: [w]}"), SHOP).digest
    assert plan(declare("- {match: /*, tags: [w]} # a comment"), SHOP).digest != before


def test_digest_does_not_depend_on_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "manifests"
    folder.mkdir(parents=True)
    (folder / "tags.yaml").write_text(manifest("- {match: /*, tags: [w]}"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    far = plan(read_manifests(["deep/manifests"]), SHOP)
    monkeypatch.chdir(folder)
    near = plan(read_manifests(["."]), SHOP)
    assert far.digest == near.digest
    assert list(lines_of(far.changes)) == list(lines_of(near.changes))


ENTRIES = [
    "- {match: /*, tags: [x, w]}",
    "- {path: /a, absent: [old]}",
    "- {path: /a, aiTags: {minConfidence: 50, keep: [Cow]}}",
    "- {match: /**, exclusive: {only: [o*]}}",
]


@settings(max_examples=24, deadline=None)
@given(order=st.permutations(ENTRIES))
def test_digest_does_not_depend_on_order_of_manifests(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    def changes(entries: list[str]) -> list[tuple[str, list[str]]]:
        folder = tmp_path_factory.mktemp("manifests")
        for number, entry in enumerate(entries):
            (folder / f"{number}.yaml").write_text(manifest(entry), encoding="utf-8")
        made = plan(read_manifests([str(folder)]), SHOP)
        return [(change.file.path, unpack(change.changes)) for change in made.changes]

    assert changes(order) == changes(ENTRIES)


def test_account_of_manifest_must_match_run(tmp_path: Path) -> None:
    text = manifest("- {path: /a, tags: [x]}").replace("spec:", "metadata: {account: shop}\nspec:")
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert tagsync.validate(tmp_path, account="shop").manifests == tagsync.validate(tmp_path).manifests
    with pytest.raises(ManifestError) as caught:
        tagsync.validate(tmp_path, account="other")
    (fault,) = caught.value.diagnostics
    words = (
        "this manifest is for account 'shop', but --account or TAGSYNC_ACCOUNT sets account 'other': "
        "pass --account shop, or leave this manifest out"
    )
    assert fault == Diagnostic("error", "account", words, fault.origin)
    assert str(fault.origin) == f"{tmp_path}/a.yaml:3:21"


def test_accounts_of_manifests_must_agree(tmp_path: Path) -> None:
    text = manifest("- {path: /a, tags: [x]}")
    for name in ("one", "two"):
        named = text.replace("spec:", f"metadata: {{account: {name}}}\nspec:")
        (tmp_path / f"{name}.yaml").write_text(named, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        tagsync.validate(tmp_path)
    assert [item.code for item in caught.value.diagnostics] == ["account"]


def test_plan_requests_use_file_ids(declare: Declare) -> None:
    made = plan(declare("- {path: /a, tags: [z]}"), SHOP)
    assert made.requests[0].file_ids == (id_of("/a"),)


@given(st.lists(st.text(min_size=1).map("/".__add__), unique=True), st.integers(1, 9))
def test_shards_contain_every_path_once(paths: list[str], count: int) -> None:
    whole = plan_of(*(changed(current_file(path), (Op.ADD, "x")) for path in paths))
    shards = [filter_plan(whole, only=(), part=Part(index, count)) for index in range(1, count + 1)]
    assert sorted(change.path for shard in shards for change in shard.changes) == sorted(paths)


def test_shards_are_equal_and_stable() -> None:
    whole = plan_of(*(changed(current_file(f"/shop/{n}.jpg"), (Op.ADD, "x")) for n in range(4000)))
    shares = [len(filter_plan(whole, only=(), part=Part(index, 4)).changes) for index in (1, 2, 3, 4)]
    assert shares == [1051, 988, 1009, 952]
    assert all(900 < share < 1100 for share in shares)


def test_shard_filters_after_comparing_everything(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: [z]}")
    parts = [plan_for(desired, SHOP, part=Part(index, 2)) for index in (1, 2)]
    paths = sorted(change.file.path for made in parts for change in made.changes)
    assert paths == ["/a", "/b", "/c"]
    assert parts[0].digest != parts[1].digest
    broken = declare("- {match: /*, tags: [z]}\n- {path: /gone, tags: [z]}")
    assert all(plan_for(broken, SHOP, part=Part(index, 2)).errors for index in (1, 2))


def test_plan_says_once_that_a_path_is_no_pattern(declare: Declare) -> None:
    plan = plan_for(declare("- {path: /shop/*, tags: [x]}"), current_state(current_file("/shop/a")))
    assert [(item.level, item.code) for item in plan.diagnostics] == [("error", "missing")]


@pytest.mark.parametrize(
    ("rules", "codes"),
    [("", ["selects-nothing"]), (manifest("- {match: /**, absent: [old]}"), [])],
    ids=["none", "one"],
)
def test_plan_warns_of_renames_without_a_rule(tmp_path: Path, rules: str, codes: list[str]) -> None:
    path = tmp_path / "tags.yaml"
    vocabulary = "apiVersion: tagsync/v1\nkind: Vocabulary\nspec: {renames: {old: new}}\n"
    path.write_text(f"{vocabulary}---\n{rules}", encoding="utf-8")
    made = plan(read_manifests([str(path)]), SHOP)
    assert [item.code for item in made.diagnostics if item.level == "warning"] == codes
    assert [unpack(change.changes) for change in made.changes] == ([] if codes else [["+new", "-old"]])
