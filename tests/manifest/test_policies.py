from datetime import date
from pathlib import Path

import pytest
from builders import manifest

from tagsync.errors import ManifestError
from tagsync.manifest.read import read_manifests, read_policy
from tagsync.model import DesiredState

POLICY = """\
apiVersion: tagsync/v1
kind: Policy
spec:
  guards:
    removedTags: {percent: 12.5, above: 3}
    newTags: {above: 0}
"""


def written(folder: Path, text: str, name: str = "policy.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_what_a_policy_says_of_guards_is_read_with_its_places(tmp_path: Path) -> None:
    rules = read_manifests([written(tmp_path, POLICY)]).policy
    assert [(rule.guard, rule.above, rule.percent, str(rule.origin)) for rule in rules] == [
        ("removedTags", 3, 12.5, "policy.yaml:5:5"),
        ("newTags", 0, None, "policy.yaml:6:5"),
    ]


def test_a_file_of_policies_alone_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = written(tmp_path, f"{POLICY}---\n{POLICY}")
    assert [str(rule.origin) for rule in read_policy(path).policy][2:] == [f"{path}:12:5", f"{path}:13:5"]


@pytest.mark.parametrize(
    "text",
    [
        manifest("- {path: /a, tags: [x]}"),
        f"{POLICY}---\n{manifest('- {path: /a, tags: [x]}')}",
        "apiVersion: tagsync/v1\nkind: Vocabulary\nspec: {allowed: [x]}\n",
        f"{POLICY}---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {{forbidden: [x]}}\n",
    ],
)
def test_a_file_for_policies_holds_nothing_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"policy\.yaml:1:1: this holds something other than kind: Policy"):
        read_policy(written(tmp_path, text))


def test_equal_figures_are_equal_however_they_are_written(tmp_path: Path) -> None:
    [rule, _] = read_manifests([written(tmp_path, POLICY.replace("above: 3", "above: 3.0"))]).policy
    assert str(rule.above) == "3"


# entries that end


def expired(folder: Path, entries: str, day: str, spec: str = "") -> DesiredState:
    return read_manifests([written(folder, manifest(entries, spec=spec))], as_of=date.fromisoformat(day))


@pytest.mark.parametrize("written_as", ["2026-12-31", "'2026-12-31'", '"2026-12-31"'])
def test_from_its_day_on_an_entrys_tags_are_to_be_absent(tmp_path: Path, written_as: str) -> None:
    entries = f"- path: /a\n  tags: [sale]\n  until: {written_as}"
    [before] = expired(tmp_path, entries, "2026-12-30").entries
    [after] = expired(tmp_path, entries, "2026-12-31").entries
    assert (before.wishes.tags.values, before.wishes.expired.values) == (("sale",), ())
    assert (after.wishes.tags.values, after.wishes.expired.values) == ((), ("sale",))
    assert str(after.origin(after.wishes.expired.places[0])) == "policy.yaml:6:14"


def test_the_defaults_of_an_entry_that_ends_do_not_end(tmp_path: Path) -> None:
    entries = "- path: /a\n  tags: [sale]\n  until: 2026-01-01"
    [entry] = expired(tmp_path, entries, "2026-06-01", "defaults: {tags: [catalog]}").entries
    assert (entry.wishes.tags.values, entry.wishes.expired.values) == (("catalog",), ("sale",))


def test_an_unquoted_day_is_text_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="2026-12-31 may be read as something other than text"):
        expired(tmp_path, "- path: /a\n  tags: [2026-12-31]\n  until: 2026-12-31", "2026-06-01")


def test_without_a_day_to_judge_by_no_entry_ends(tmp_path: Path) -> None:
    path = written(tmp_path, manifest("- path: /a\n  tags: [sale]\n  until: 2000-01-01"))
    assert next(iter(read_manifests([path]).entries)).wishes.tags.values == ("sale",)
