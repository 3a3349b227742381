from pathlib import Path

import pytest
from builders import manifest

from tagsync.errors import ManifestError
from tagsync.manifest.read import read_manifests, read_policy

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


def test_policy_is_read_with_places(tmp_path: Path) -> None:
    rules = read_manifests([written(tmp_path, POLICY)]).policy
    assert [(rule.guard, rule.above, rule.percent, str(rule.origin)) for rule in rules] == [
        ("removedTags", 3, 12.5, "policy.yaml:5:5"),
        ("newTags", 0, None, "policy.yaml:6:5"),
    ]


def test_policy_file_keeps_name_given_by_user(tmp_path: Path) -> None:
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
def test_policy_file_refuses_other_documents(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"policy\.yaml:1:1: this file must contain kind: Policy and nothing else"):
        read_policy(written(tmp_path, text))


def test_policy_figures_are_equal_however_written(tmp_path: Path) -> None:
    [rule, _] = read_manifests([written(tmp_path, POLICY.replace("above: 3", "above: 3.0"))]).policy
    assert str(rule.above) == "3"
