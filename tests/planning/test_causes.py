from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import ai, id_of

from tagsync.model import (
    Cause,
    Change,
    CurrentFile,
    Drift,
    FileChange,
    FileOutcome,
    Inputs,
    ManifestRef,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    RequestCounts,
    Returning,
    Status,
    TargetName,
    Timing,
)
from tagsync.planning.assembly import Collected, assemble_plan
from tagsync.planning.causes import find_causes

PATH = "/shop/a.jpg"
OLD, FINISHED, NEW = "2026-02-01T00:00:00.000Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:01.000Z"


def ref(name: str, version: int = 1) -> ManifestRef:
    return ManifestRef(name, f"{version:064d}", name)


A, B = ref("a.yaml"), ref("b.yaml")
A2, B2 = ref("a.yaml", 2), ref("b.yaml", 2)


def a_file(*tags: str, ai_tags: Sequence[str] = (), created_at: str = OLD, path: str = PATH) -> CurrentFile:
    return CurrentFile(id_of(path), path, tags, tuple(map(ai, ai_tags)), created_at)


def change(op: Op, tag: str, *asked: str) -> Change:
    """Return a change with reasons like `a.yaml tags`; by default, an entry's own tags in a.yaml."""
    usual = {Op.ADD: "tags", Op.REMOVE: "absent", Op.REMOVE_AI: "aiTags.remove"}
    places = [place.split() for place in asked or [f"a.yaml {usual[op]}"]]
    return Change(op, tag, tuple(Reason(Origin(name, 6, 14), rule) for name, rule in places))


def report(
    *changes: FileChange,
    status: Status = Status.CONFIRMED,
    manifests: tuple[ManifestRef, ...] = (A, B),
    outcome: Any = "converged",
    already: tuple[tuple[Op, str], ...] = (),
    undoes: str | None = None,
) -> Report:
    plan: Plan = assemble_plan(
        Collected(sorted(changes, key=lambda change: change.path)),
        target=TargetName("https://api.imagekit.io", "shop"),
        created_at="",
        inputs=Inputs(manifests, 9, 1),
        guards=(),
        diagnostics=(),
        bulk_rate=None,
        undoes=undoes,
    )
    outcomes = (FileOutcome(status, already=already),) * len(changes)
    return Report(plan, outcome, outcomes, RequestCounts(), Timing(), FINISHED)


def of(file: CurrentFile, *changes: Change) -> FileChange:
    return FileChange(file, changes)


def cause(
    planned: FileChange, last: Report | None, manifests: tuple[ManifestRef, ...] = (A, B), **settings: Any
) -> Cause | None:
    found = find_causes([planned], last, manifests, **settings)
    return found[0].cause if found else None


ADD, REMOVE, REMOVE_AI = (change(op, "t") for op in Op)


def test_causes_are_unknown_without_previous_report() -> None:
    assert find_causes([of(a_file(), ADD)], None, (A, B)) == ()


# Files in the previous report


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.CONFIRMED, Status.ACCEPTED)])
@pytest.mark.parametrize("asked", [ADD, REMOVE, REMOVE_AI])
def test_causes_name_change_that_was_not_applied(status: Status, asked: Change) -> None:
    file = a_file("t", ai_tags=["t"])
    assert cause(of(file, asked), report(of(file, asked), status=status)) is Cause.PENDING


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.ACCEPTED])
@pytest.mark.parametrize(
    ("before", "then", "now", "expected"),
    [
        # The previous run added it or left it: it was present.
        (a_file("x"), ADD, of(a_file("x"), ADD), Cause.REMOVED),
        (a_file("x"), ADD, of(a_file(), ADD), Cause.UPLOADED),
        (a_file("t"), change(Op.ADD, "x"), of(a_file("x"), ADD), Cause.REMOVED),
        (a_file("t"), change(Op.ADD, "x"), of(a_file(), ADD), Cause.UPLOADED),
        # The previous run removed it, or it was absent.
        (a_file("t"), REMOVE, of(a_file("t"), REMOVE), Cause.ADDED),
        (a_file(), change(Op.ADD, "x"), of(a_file("x", "t"), REMOVE), Cause.ADDED),
        (a_file(), change(Op.ADD, "x"), of(a_file("x", "t"), change(Op.REMOVE, "t", "a.yaml until")), Cause.ADDED),
        (a_file(), change(Op.ADD, "x"), of(a_file("x", ai_tags=["t"]), REMOVE_AI), Cause.ADDED),
        (a_file(ai_tags=["t"]), REMOVE_AI, of(a_file(ai_tags=["t"]), REMOVE_AI), Cause.CAME_BACK),
        # Its `until` has passed.
        (
            a_file("t"),
            change(Op.ADD, "x"),
            of(a_file("x", "t"), change(Op.REMOVE, "t", "a.yaml until")),
            Cause.EXPIRED,
        ),
        # A tag derived from another one that was absent before.
        (
            a_file(),
            change(Op.ADD, "x"),
            of(a_file("x"), change(Op.ADD, "t", "a.yaml aiTags.promote")),
            Cause.ADDED,
        ),
        (a_file(), change(Op.ADD, "x"), of(a_file("x"), change(Op.ADD, "t", "a.yaml renames")), Cause.ADDED),
        # Unknown.
        (a_file(), change(Op.ADD, "x"), of(a_file("x"), ADD), None),
        (a_file("t"), change(Op.ADD, "x"), of(a_file("t", "x"), REMOVE), None),
        (a_file(ai_tags=["t"]), change(Op.ADD, "x"), of(a_file("x", ai_tags=["t"]), REMOVE_AI), None),
    ],
)
def test_causes_follow_from_state_after_previous_run(
    status: Status, before: CurrentFile, then: Change, now: FileChange, expected: Cause | None
) -> None:
    assert cause(now, report(of(before, then), status=status)) is expected


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (a_file(), of(a_file("x"), ADD)),
        (a_file("t"), of(a_file("x", "t"), REMOVE)),
        (a_file(ai_tags=["t"]), of(a_file("x", ai_tags=["t"]), REMOVE_AI)),
    ],
)
@pytest.mark.parametrize("then", [(A2, B), (B,)])
def test_causes_name_changed_manifest(before: CurrentFile, now: FileChange, then: tuple[ManifestRef, ...]) -> None:
    last = report(of(before, change(Op.ADD, "x")), manifests=then)
    assert cause(now, last) is Cause.MANIFEST


def test_causes_name_drift_although_manifest_changed() -> None:
    assert cause(of(a_file("x"), ADD), report(of(a_file("x"), ADD)), (A2, B)) is Cause.REMOVED
    assert cause(of(a_file("t"), REMOVE), report(of(a_file("t"), REMOVE)), (A2, B)) is Cause.ADDED


def test_causes_compare_spellings_under_nfc() -> None:
    composed, decomposed = change(Op.ADD, "caf\u00e9"), change(Op.ADD, "cafe\u0301")
    assert cause(of(a_file("x"), composed), report(of(a_file(), decomposed))) is Cause.REMOVED
    kept = report(of(a_file("cafe\u0301"), change(Op.ADD, "x")))
    assert cause(of(a_file("x"), composed), kept) is Cause.REMOVED
    assert cause(of(a_file("x"), decomposed), kept) is Cause.REMOVED


def test_causes_know_untouched_tags_of_failed_file() -> None:
    last = report(of(a_file("t"), change(Op.ADD, "x")), status=Status.FAILED)
    assert cause(of(a_file("y"), ADD), last) is Cause.REMOVED
    assert cause(of(a_file("t", "u"), change(Op.REMOVE, "u")), last) is Cause.ADDED


def test_causes_are_unknown_for_reversal_of_failed_change() -> None:
    for manifests in ((A, B), (A2, B)):
        removed = report(of(a_file("t"), REMOVE), status=Status.UNKNOWN)
        assert cause(of(a_file("x"), ADD), removed, manifests) is None
        added = report(of(a_file("x"), ADD), status=Status.UNKNOWN)
        assert cause(of(a_file("x", "t"), REMOVE), added, manifests) is None


def test_causes_name_returning_ai_tag_from_older_reports() -> None:
    file = a_file(ai_tags=["t"])
    returning = [Returning(file.file_id, file.path, "t", 2)]
    assert cause(of(file, REMOVE_AI), report(), returning=returning) is Cause.CAME_BACK
    failed = report(of(file, REMOVE_AI), status=Status.FAILED)
    assert cause(of(file, REMOVE_AI), failed, returning=returning) is Cause.PENDING


# Files that the previous report does not contain


@pytest.mark.parametrize("outcome", ["converged", "incomplete"])
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (of(a_file("x"), ADD), Cause.REMOVED),
        (of(a_file(), ADD), Cause.UPLOADED),
        (of(a_file("t"), REMOVE), Cause.ADDED),
        (of(a_file("t"), change(Op.REMOVE, "t", "a.yaml exclusive")), Cause.ADDED),
        (of(a_file("t"), change(Op.REMOVE, "t", "a.yaml until")), Cause.EXPIRED),
        (of(a_file("t"), change(Op.REMOVE, "t", "a.yaml absent", "b.yaml until")), Cause.ADDED),
        (of(a_file(ai_tags=["t"]), REMOVE_AI), Cause.ADDED),
        (of(a_file(), change(Op.ADD, "t", "a.yaml aiTags.promote")), Cause.ADDED),
        (of(a_file("old"), change(Op.ADD, "t", "a.yaml renames")), Cause.ADDED),
    ],
)
def test_causes_take_unchanged_file_as_declared(outcome: Any, now: FileChange, expected: Cause) -> None:
    elsewhere = of(a_file(path="/other.jpg"), ADD)
    assert cause(now, report(elsewhere, outcome=outcome)) is expected


EACH = [of(a_file("x"), ADD), of(a_file("t"), REMOVE), of(a_file(ai_tags=["t"]), REMOVE_AI)]


@pytest.mark.parametrize("now", EACH)
@pytest.mark.parametrize("manifests", [(A2, B), (ref("a.yaml", 3),)])
def test_causes_name_manifest_that_changed_or_is_new(now: FileChange, manifests: tuple[ManifestRef, ...]) -> None:
    assert cause(now, report(), manifests) is Cause.MANIFEST


@pytest.mark.parametrize("now", EACH)
def test_causes_name_new_manifest_only_beside_an_applied_one(now: FileChange) -> None:
    assert cause(now, report(manifests=(B,)), (A, B)) is Cause.MANIFEST
    assert cause(now, report(manifests=(B,)), (A,)) is None


def test_causes_rely_on_unchanged_manifest_with_settled_rule() -> None:
    now = of(a_file("x"), change(Op.ADD, "t", "a.yaml tags", "b.yaml tags"))
    assert cause(now, report(), (A, B2)) is Cause.REMOVED
    assert cause(now, report(manifests=(A,))) is Cause.REMOVED


@pytest.mark.parametrize(
    "now",
    [
        of(a_file("t"), change(Op.REMOVE, "t", "a.yaml exclusive")),
        of(a_file("t"), change(Op.REMOVE, "t", "a.yaml removeForbidden")),
        of(a_file(ai_tags=["t"]), REMOVE_AI),
        of(a_file("x"), change(Op.ADD, "t", "a.yaml aiTags.promote")),
    ],
)
@pytest.mark.parametrize("then", [(A, B2), (A,), (A, B, ref("gone.yaml"))])
def test_causes_do_not_rely_on_rule_that_others_override(now: FileChange, then: tuple[ManifestRef, ...]) -> None:
    assert cause(now, report(manifests=then)) is None


@pytest.mark.parametrize("manifests", [(A, B), (A2, B)])
@pytest.mark.parametrize("now", EACH)
def test_causes_name_new_file_as_added(manifests: tuple[ManifestRef, ...], now: FileChange) -> None:
    young = replace(now, file=replace(now.file, created_at=NEW))
    assert cause(young, report(), manifests) is Cause.ADDED


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [
        ("2026-03-01T12:00:00.999Z", Cause.REMOVED),
        ("2026-03-01T12:00:01Z", Cause.ADDED),
        ("", None),
        ("yesterday", None),
        ("2027-01-01", None),
        ("2027-01-01T00:00:00+01:00", None),
    ],
)
def test_causes_are_unknown_with_malformed_timestamp(created_at: str, expected: Cause | None) -> None:
    assert cause(of(a_file("x", created_at=created_at), ADD), report()) is expected


@pytest.mark.parametrize("now", EACH)
@pytest.mark.parametrize("manifests", [(A, B), (A2, B)])
@pytest.mark.parametrize(
    ("last", "settings"),
    [
        (report(outcome="interrupted"), {}),
        (report(outcome="refused"), {}),
        (report(undoes="sha256:" + "0" * 64, manifests=()), {}),
        (report(), {"covered": lambda path: path != PATH}),
    ],
)
def test_causes_are_unknown_if_run_did_not_compare_file(
    now: FileChange, manifests: tuple[ManifestRef, ...], last: Report, settings: dict[str, Callable[[str], bool]]
) -> None:
    assert cause(now, last, manifests, **settings) is None


def test_causes_after_undo_name_no_manifest() -> None:
    undone = report(of(a_file("t"), change(Op.REMOVE, "t", "a.yaml undo")), undoes="sha256:" + "0" * 64, manifests=())
    assert cause(of(a_file("x"), ADD), undone) is None


@pytest.mark.parametrize("now", EACH)
def test_causes_are_unknown_for_unsure_files(now: FileChange) -> None:
    unsure: Collection[str] = {now.file.file_id}
    assert cause(now, report(), unsure=unsure) is None
    assert cause(now, report(), (A2, B), unsure=unsure) is Cause.MANIFEST


# All files


def test_causes_keep_order_and_omit_unknown_ones() -> None:
    one, two, three = (a_file("x", path=path) for path in ("/1", "/2", "/3"))
    last = report(of(one, ADD, change(Op.REMOVE, "x")), of(two, REMOVE), status=Status.CONFIRMED)
    asked = change(Op.REMOVE, "y", "b.yaml absent")
    changes: Iterable[FileChange] = [
        of(one, ADD, change(Op.REMOVE, "x")),
        of(two, ADD),
        of(three, change(Op.ADD, "t"), asked),
    ]
    assert find_causes(changes, last, (A, B2)) == (
        Drift(one.file_id, Op.ADD, "t", Cause.REMOVED),
        Drift(one.file_id, Op.REMOVE, "x", Cause.ADDED),
        Drift(three.file_id, Op.ADD, "t", Cause.REMOVED),
        Drift(three.file_id, Op.REMOVE, "y", Cause.MANIFEST),
    )
