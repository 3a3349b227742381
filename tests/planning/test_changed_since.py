"""Which entries count as changed since a revision; `tests/cli` tests the option."""

from pathlib import Path

import pytest
from builders import manifest

from tagsync.errors import RefusedError
from tagsync.manifest.read import read_manifests
from tagsync.model import DesiredState, Entry
from tagsync.planning.changed_since import Revision, changed_entries

VOCABULARY = "---\napiVersion: tagsync/v1\nkind: Vocabulary\nspec: {%s}\n"


def read(folder: Path, text: str) -> DesiredState:
    folder.mkdir(exist_ok=True)
    (folder / "tags.yaml").write_text(text, encoding="utf-8")
    return read_manifests([str(folder / "tags.yaml")])


def changed(tmp_path: Path, before: str, now: str) -> list[Entry]:
    revision = Revision("main", "0" * 40, read(tmp_path / "before", before))
    return list(changed_entries(revision, read(tmp_path / "now", now)))


@pytest.mark.parametrize(("before", "now", "count"), [(1, 3, 2), (3, 1, 2), (2, 2, 0)])
def test_changed_since_counts_equal_entries(tmp_path: Path, before: int, now: int, count: int) -> None:
    entry = "- {match: /a/*, tags: [x]}\n"
    assert len(changed(tmp_path, manifest(entry * before), manifest(entry * now))) == count


def test_changed_since_tells_path_from_equal_id(tmp_path: Path) -> None:
    before, now = "- {path: /a, tags: [x]}", "- {fileId: /a, tags: [x]}"
    assert len(changed(tmp_path, manifest(before), manifest(now))) == 2


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("allowed: [x]", "allowed: [x, w]"),
        ("forbidden: [v]", "allowed: [x], forbidden: [v]"),
        ("renames: {old: new}", "renames: {old: newer}"),
        ("forbidden: [v]", "forbidden: [v], removeForbidden: true"),
    ],
)
def test_changed_since_refuses_changed_vocabulary(tmp_path: Path, before: str, now: str) -> None:
    entries = manifest("- {path: /a, tags: [x]}")
    with pytest.raises(RefusedError, match="a Vocabulary changed"):
        changed(tmp_path, entries + VOCABULARY % before, entries + VOCABULARY % now)
    assert changed(tmp_path, entries + VOCABULARY % now, entries + VOCABULARY % now) == []
