"""The notice that counts tags which no entry declares any more."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import current_file, current_state, manifest, plan_for

from tagsync.manifest.read import read_manifests
from tagsync.model import CurrentState, DesiredState, Reading
from tagsync.planning.changed_since import Revision

STATE = current_state(
    *(current_file(f"/{name}.jpg", ["old", "kept"]) for name in "abc"), answers={'name = "a.jpg"': ["/a.jpg"]}
)
READ_BY_SEARCHES = replace(STATE, reading=Reading("searches", "few files"))
ALL = "- match: /**\n  tags: [old, kept]\n"


@pytest.fixture
def declared(tmp_path: Path) -> "Declared":
    return Declared(tmp_path)


class Declared:
    """Reads rules as manifests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, rules: str) -> DesiredState:
        path = self._folder / "tags.yaml"
        path.write_text(manifest(rules), encoding="utf-8")
        return read_manifests([str(path)])

    def notices(self, old: str, new: str, state: CurrentState, *, is_filtered: bool = False) -> list[str]:
        base, desired = Revision("v1", "c" * 40, self(old)), self(new)
        since = base if is_filtered else None
        plan = plan_for(desired, state, base=base, since=since)
        return [item.message for item in plan.diagnostics if item.code == "no-longer-declared"]


def test_notice_counts_different_tags_and_files(declared: Declared) -> None:
    words = "2 tags on 3 files are no longer declared; --prune-since v1 removes them"
    assert declared.notices(ALL, "- path: /a.jpg\n  tags: [kept]\n", STATE) == [words]


def test_notice_says_at_least_if_files_may_not_have_been_read(declared: Declared) -> None:
    new = "- match: /**\n  tags: [kept]\n"
    words = "1 tag on 3 files is no longer declared; --prune-since v1 removes it"
    assert declared.notices(ALL, new, READ_BY_SEARCHES) == [f"at least {words}"]
    assert declared.notices(ALL, new, READ_BY_SEARCHES, is_filtered=True) == [words]


def test_notice_says_at_least_if_a_query_was_not_run(declared: Declared) -> None:
    new = "- match: /**\n  tags: [kept]\n"
    answered, other = (f"- query: 'name = \"{name}.jpg\"'\n  tags: [old]\n" for name in "ab")
    words = "1 tag on 1 file is no longer declared; --prune-since v1 removes it"
    assert declared.notices(answered, new, STATE) == [words]
    assert declared.notices(other, new, STATE) == []
    assert declared.notices(answered + other, new, STATE) == [f"at least {words}"]
