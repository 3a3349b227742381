"""The permissions of this project's workflows, and the contents of a release."""

import re
from typing import Any

import pytest
from pipelines.files import ROOT, parsed, steps

FOLDER = ROOT / ".github" / "workflows"
CI, RELEASE = parsed(FOLDER / "ci.yml"), parsed(FOLDER / "release.yml")
NOXFILE = (ROOT / "noxfile.py").read_text("utf-8")
FILES = [*FOLDER.glob("*.yml"), *(ROOT / "examples" / "ci" / "github").glob("*.yml"), ROOT / "action.yml"]


def actions(job: Any) -> list[str]:
    return [item["uses"].partition("@")[0] for item in job["steps"] if "uses" in item]


def test_actions_are_pinned_to_one_commit_with_their_version() -> None:
    lines = [line for path in FILES for line in path.read_text("utf-8").splitlines() if " uses: " in line]
    pins = [
        re.search(r"uses: ([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+|put its commit here)$", line) for line in lines
    ]
    assert [line for line, pin in zip(lines, pins, strict=True) if not pin] == []
    by_action: dict[str, set[tuple[str, str]]] = {}
    for pin in pins:
        if pin:
            by_action.setdefault(pin[1], set()).add((pin[2], pin[3]))
    assert {action: found for action, found in by_action.items() if len(found) > 1} == {}


def test_jobs_only_read_except_to_attest_and_publish() -> None:
    assert CI["permissions"] == RELEASE["permissions"] == {}
    assert {tuple(job["permissions"].items()) for job in CI["jobs"].values()} == {(("contents", "read"),)}
    assert {name: job["permissions"] for name, job in RELEASE["jobs"].items()} == {
        "check": {"contents": "read"},
        "build": {"contents": "read"},
        "attest": {"attestations": "write", "id-token": "write"},
        "publish": {"id-token": "write"},
    }


@pytest.mark.parametrize("workflow", [CI, RELEASE], ids=["ci", "release"])
def test_workflows_have_no_secret(workflow: Any) -> None:
    assert "secrets." not in str(workflow)
    assert all(
        item["with"]["persist-credentials"] is False for item in steps(workflow) if "checkout" in item.get("uses", "")
    )


def test_release_is_checked_attested_and_approved() -> None:
    jobs = RELEASE["jobs"]
    assert [jobs[name].get("needs") for name in ("check", "build", "attest", "publish")] == [
        None,
        "check",
        "build",
        "attest",
    ]
    assert actions(jobs["publish"]) == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert jobs["publish"]["environment"] == "release"
    assert not [item for name in ("attest", "publish") for item in jobs[name]["steps"] if "run" in item]
    attested = [item["with"] for item in jobs["attest"]["steps"] if item["uses"].startswith("actions/attest@")]
    assert attested == [{"subject-path": "dist/*"}, {"subject-path": "dist/*", "sbom-path": "sbom.cdx.json"}]


def test_vulnerabilities_are_checked_only_with_a_network() -> None:
    commands = [
        item["run"] for workflow in (CI, RELEASE) for item in steps(workflow) if "pip_audit" in item.get("run", "")
    ]
    assert (
        commands == ["python -m pip_audit --strict --require-hashes --disable-pip --requirement requirements.lock"] * 2
    )
    assert "pip_audit" not in (ROOT / ".ci" / "run").read_text("utf-8") + NOXFILE


def test_the_lock_has_a_hash_for_each_version() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]
    assert len(pins) > 50
    assert [pin.split(" ")[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_scripts_are_all_checked_by_shellcheck() -> None:
    assert ".github/workflows/*.yml" in NOXFILE
    assert '"shellcheck", ".ci/run", ".ci/build", ".ci/coverage"' in NOXFILE
