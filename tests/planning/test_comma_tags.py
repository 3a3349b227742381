from dataclasses import replace
from pathlib import Path

import pytest
from builders import ai, current_file, current_state, manifest, plan_for
from conftest import Declare

from tagsync.manifest.read import read_manifests
from tagsync.model import DesiredState, Plan, Report, RequestCounts, Status, Timing
from tagsync.model.report import FileOutcome
from tagsync.planning.undo import make_undo

WHY = "contains a comma, at which upload forms split tags, and ImageKit may refuse it"
TWO = "to declare two tags, list them separately"
VALUE = "map the value in spec.values"
NAME = "choose a new name without a comma"


def with_vocabulary(folder: Path, entries: str, renames: str) -> DesiredState:
    path = folder / "tags.yaml"
    vocabulary = f"---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {{renames: {{{renames}}}}}\n"
    path.write_text(manifest(entries) + vocabulary, encoding="utf-8")
    return read_manifests([str(path)])


def commas(made: Plan) -> list[tuple[str, str]]:
    """Return the warnings about commas with their places."""
    return [(item.message, str(item.origin)) for item in made.diagnostics if item.code == "comma"]


def test_comma_in_declared_tag_is_one_warning_of_manifest_and_plan(declare: Declare) -> None:
    desired = declare("- {match: /*, tags: ['a,b']}\n- {path: /b, tags: ['a,b']}")
    made = plan_for(desired, current_state(current_file("/a"), current_file("/b")))
    assert commas(made) == [(f"the tag 'a,b' {WHY}: {TWO}", "tags.yaml:5:26")]
    assert [*made.diagnostics] == [*desired.diagnostics]


def test_comma_in_promoted_tag_is_a_warning_that_names_keep(declare: Declare) -> None:
    desired = declare("- {match: /*, aiTags: {promote: {minConfidence: 90}}}")
    tags = [ai("boat, rowing", 95), ai("sea, sky", 10), ai("lake", 95)]
    made = plan_for(desired, current_state(current_file("/a", [], tags), current_file("/b", [], tags)))
    fix = "to leave it out, add it to aiTags.keep"
    assert commas(made) == [(f"the tag 'boat, rowing' {WHY}: {fix}", "tags.yaml:5:27")]
    assert made.summary.warnings == 1


def test_comma_in_new_name_is_a_warning_of_manifest_and_plan(tmp_path: Path) -> None:
    desired = with_vocabulary(tmp_path, "- {match: /*, tags: [x]}", "old: 'n,m', unused: 'p,q'")
    made = plan_for(desired, current_state(current_file("/a", ["old"])))
    assert [message for message, _ in commas(made)] == [f"the tag 'n,m' {WHY}: {NAME}", f"the tag 'p,q' {WHY}: {NAME}"]
    assert [item.message for item in desired.diagnostics] == [message for message, _ in commas(made)]


@pytest.mark.parametrize(("cells", "fix"), [('/a,"x,y"', TWO), ('/a,"{customMetadata.name}"', VALUE)])
def test_comma_in_csv_tag_is_a_warning(tmp_path: Path, cells: str, fix: str) -> None:
    (tmp_path / "tags.csv").write_text(f"path,tags\n{cells}\n", encoding="utf-8")
    path = tmp_path / "tags.yaml"
    path.write_text("apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n", encoding="utf-8")
    file = replace(current_file("/a"), fields=(("customMetadata.name", "x,y"),))
    made = plan_for(read_manifests([str(path)]), current_state(file))
    assert commas(made) == [(f"the tag 'x,y' {WHY}: {fix}", "tags.csv:2:5")]


def test_comma_is_no_warning_if_the_plan_does_not_add_the_tag(declare: Declare) -> None:
    desired = declare("- {match: '/{name}', tags: ['{name}']}")
    library = current_state(current_file("/a,b", ["a,b"]), current_file("/c,d"), current_file("/e,f"))
    made = plan_for(desired, library, only=["/c*"])
    assert [message for message, _ in commas(made)] == [f"the tag 'c,d' {WHY}: {VALUE}"]


def test_comma_in_tag_that_undo_restores_is_a_warning(declare: Declare) -> None:
    desired = declare("- {path: /a, absent: ['a,b']}")
    done = plan_for(desired, current_state(current_file("/a", ["a,b"])))
    outcomes = (FileOutcome(Status.CONFIRMED, 1),)
    report = Report(done, "converged", outcomes, RequestCounts(), Timing(), finished_at="2026-01-01")
    now = {change.file.file_id: current_file("/a") for change in done.changes}
    undo = make_undo(report, now, created_at="2026-01-02", read_requests=1, bulk_rate=5)
    assert commas(done) == []
    assert [message for message, _ in commas(undo)] == [
        f"the tag 'a,b' {WHY}: to leave it out, apply the plan with --select"
    ]
