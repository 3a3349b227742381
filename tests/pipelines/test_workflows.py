"""The permissions, events and secrets of the workflows that users copy."""

import itertools
import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from pipelines.conftest import GitHub
from pipelines.files import ACTION, CI, DRIFT, MATRIX, ROOT, WORKFLOW, check_command, holds, step, steps

OWN, FORK = "owner/repository", "mallory/repository"
TEXTS = {path.name: path.read_text("utf-8") for path in (ROOT / "action.yml", *(CI / "github").iterdir())}
PLACEHOLDER = f"your-organisation/tagsync@{'0' * 40}"


def event(name: str, *, head: str | None = None, digest: str = "", sandbox: bool | None = None) -> dict[str, Any]:
    pull_request = {"head": {"repo": {"full_name": head}}} if head else None
    return {
        "github": {"event_name": name, "repository": OWN, "event": {"pull_request": pull_request}},
        "inputs": {"digest": digest, "sandbox": sandbox},
    }


def secrets_of(job: dict[str, Any]) -> set[str]:
    return set(re.findall(r"secrets\.(\w+)", json.dumps(job)))


@pytest.mark.parametrize(
    ("happened", "jobs"),
    [
        (event("pull_request", head=FORK), {"validate"}),
        (event("pull_request", head=OWN), {"validate", "plan"}),
        (event("push"), {"apply"}),
        (event("workflow_dispatch"), {"look"}),
        (event("workflow_dispatch", digest="sha256:1"), {"apply"}),
        (event("workflow_dispatch", sandbox=False), {"look"}),
        (event("workflow_dispatch", sandbox=True), {"try"}),
        (event("workflow_dispatch", sandbox=True, digest="sha256:1"), {"try"}),
    ],
)
def test_event_runs_only_its_jobs(happened: dict[str, Any], jobs: set[str]) -> None:
    assert {name for name, job in WORKFLOW["jobs"].items() if holds(job["if"], happened)} == jobs


def not_cancelled(condition: str) -> str:
    assert condition.count("!cancelled()") == 1, "else a step that failed would end it"
    return re.sub(r"^\$\{\{ (.*) \}\}$", r"\1", condition.replace("!cancelled()", "true"))


@pytest.mark.parametrize(
    ("command", "comment", "number", "written"),
    [
        ("plan", "true", 7, True),
        ("plan", "false", 7, False),
        ("validate", "true", 7, False),
        ("apply", "true", 7, False),
        ("plan", "true", None, False),
    ],
)
def test_comment_is_written_on_pull_requests_even_if_the_plan_failed(
    command: str, comment: str, number: int | None, *, written: bool
) -> None:
    condition = not_cancelled(step(ACTION, "Comment the plan")["if"])
    happened = {"inputs": {"command": command, "comment": comment}, "github": {"event": {"pull_request": None}}}
    if number:
        happened["github"] = {"event": {"pull_request": {"number": number}}}
    assert holds(condition, happened) is written


def test_artifacts_and_merged_report_exist_after_a_failure() -> None:
    (upload,) = (item for item in steps(ACTION) if "upload-artifact" in item.get("uses", ""))
    assert not_cancelled(upload["if"]) == "true"
    assert not_cancelled(MATRIX["jobs"]["report"]["if"]) == "true && needs.shard.result != 'skipped'"


def test_private_key_is_only_for_apply_and_from_the_environment() -> None:
    assert {name: secrets_of(job) for name, job in WORKFLOW["jobs"].items()} == {
        "validate": set(),
        "plan": {"IMAGEKIT_READ_KEY"},
        "try": set(),
        "look": {"IMAGEKIT_READ_KEY"},
        "apply": {"IMAGEKIT_PRIVATE_KEY"},
    }
    assert {name for name, job in WORKFLOW["jobs"].items() if "environment" in job} == {"apply"}
    assert {name: secrets_of(job) for name, job in MATRIX["jobs"].items()} == {
        "plan": {"IMAGEKIT_READ_KEY"},
        "shard": {"IMAGEKIT_PRIVATE_KEY"},
        "report": set(),
    }
    assert MATRIX["jobs"]["shard"]["environment"] == "production"
    assert WORKFLOW["jobs"]["apply"]["environment"] == "${{ matrix.environment }}"


def test_workflow_covers_each_environment_and_the_selected_one_by_hand() -> None:
    environments = {
        name: job["strategy"]["matrix"]["environment"] for name, job in WORKFLOW["jobs"].items() if name != "try"
    }
    selected = "fromJSON(inputs.environment && format('[\"{0}\"]', inputs.environment) || '[\"production\"]')"
    assert environments == {
        "validate": ["production"],
        "plan": ["production"],
        "look": ["${{ inputs.environment }}"],
        "apply": f"${{{{ {selected} }}}}",
    }
    (given,) = (value for name, value in WORKFLOW["on"]["workflow_dispatch"]["inputs"].items() if name == "environment")
    assert (given["type"], given["options"], given["default"]) == ("choice", ["production"], "production")
    calls = [
        item["with"]
        for job in environments
        for item in WORKFLOW["jobs"][job]["steps"]
        if item.get("uses") == PLACEHOLDER
    ]
    assert {call["environment"] for call in calls} == {"${{ matrix.environment }}"}
    for call in calls:
        # Each attempt of an apply has changed something else, so no attempt may overwrite the report of another.
        attempt = "-${{ github.run_attempt }}" if call["command"] == "apply" else ""
        assert call["artifact"].endswith(f"-${{{{ matrix.environment }}}}{attempt}")


def test_jobs_have_minimal_permissions() -> None:
    assert WORKFLOW["permissions"] == MATRIX["permissions"] == {}
    assert {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()} == {
        "validate": {"contents": "read"},
        "plan": {"contents": "read", "pull-requests": "write"},
        "try": {"contents": "read"},
        "look": {"contents": "read"},
        "apply": {"contents": "write", "pull-requests": "read"},
    }
    assert {name: job["permissions"] for name, job in MATRIX["jobs"].items()} == {
        "plan": {"contents": "read"},
        "shard": {},
        "report": {},
    }


def test_workflows_never_give_secrets_to_forks() -> None:
    assert set(WORKFLOW["on"]) == {"pull_request", "push", "workflow_dispatch"}
    assert set(MATRIX["on"]) == {"workflow_dispatch"}
    assert (
        WORKFLOW["on"]["push"]["paths"] == WORKFLOW["on"]["pull_request"]["paths"] == ["manifests/**", "tagsync.yaml"]
    )


def test_newer_plans_cancel_older_ones_and_applies_wait() -> None:
    groups = {name: job["concurrency"] for name, job in WORKFLOW["jobs"].items() if "concurrency" in job}
    assert {name: group["cancel-in-progress"] for name, group in groups.items()} == {
        "validate": True,
        "plan": True,
        "apply": False,
    }
    assert len({group["group"] for group in groups.values()}) == 3
    assert "github.event.pull_request.number" in groups["plan"]["group"]
    assert all("matrix.environment" in group["group"] for group in groups.values())
    group = groups["apply"]["group"].replace("${{ matrix.environment }}", "production")
    assert MATRIX["concurrency"] == {**groups["apply"], "group": group}


@pytest.mark.parametrize("workflow", [WORKFLOW, MATRIX, DRIFT], ids=["tagsync", "matrix", "drift"])
def test_jobs_have_a_timeout_and_checkouts_keep_no_token(workflow: dict[str, Any]) -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    checkouts = [item for item in steps(workflow) if item.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(item["with"]["persist-credentials"] is False for item in checkouts)


def test_actions_are_pinned_to_one_commit_with_their_version() -> None:
    pins: dict[str, set[str]] = {}
    for text in TEXTS.values():
        for line in re.findall(r"(?m)^ *(?:- )?uses: (.*)$", text):
            if line.startswith(PLACEHOLDER):
                assert line == f"{PLACEHOLDER} # put its commit here"
                continue
            found = re.fullmatch(r"([\w/-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line)
            assert found, line
            pins.setdefault(found[1], set()).add(found[2])
    assert {name: len(commits) for name, commits in pins.items()} == {
        "actions/checkout": 1,
        "actions/setup-python": 1,
        "actions/upload-artifact": 1,
        "actions/download-artifact": 1,
    }


@pytest.mark.parametrize("document", [ACTION, WORKFLOW, MATRIX, DRIFT], ids=["action", "tagsync", "matrix", "drift"])
def test_scripts_contain_no_expressions(document: dict[str, Any]) -> None:
    scripts = [item["run"] for item in steps(document) if "run" in item]
    assert scripts or document is MATRIX
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("document", [WORKFLOW, MATRIX, DRIFT], ids=["tagsync", "matrix", "drift"])
def test_workflows_use_existing_inputs_and_options(document: dict[str, Any]) -> None:
    calls = [item["with"] for item in steps(document) if item.get("uses") == PLACEHOLDER]
    assert len(calls) >= (1 if document is DRIFT else 3)
    for given in calls:
        assert set(given) <= set(ACTION["inputs"])
        args = given.get("args", "").replace("${{ matrix.shard }}", "1")
        assert "${{" not in args
        # Only show needs an existing file; any will do.
        assert check_command(f"tagsync {given['command']} {args} -- {ROOT / 'README.md'}") == given["command"]


@pytest.mark.parametrize("workflow", [WORKFLOW, MATRIX, DRIFT], ids=["tagsync", "matrix", "drift"])
def test_workflow_inputs_never_reach_args_or_paths(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        for item in job["steps"]:
            given = item.get("with", {})
            named = {name for name, value in given.items() if re.search(r"\b(inputs|github\.event)\b", str(value))}
            assert named <= {"ack", "expect-digest"}


def test_workflow_line_for_a_protected_policy_works() -> None:
    (args,) = re.findall(r"# args: (.*)", TEXTS["tagsync.yml"])
    assert check_command(f"tagsync plan {args} manifests") == "plan"


def test_matrix_has_all_shards() -> None:
    job = MATRIX["jobs"]["shard"]
    numbers = job["strategy"]["matrix"]["shard"]
    assert numbers == list(range(1, len(numbers) + 1))
    given = job["steps"][-1]["with"]
    assert given["args"] == f"--shard=${{{{ matrix.shard }}}}/{len(numbers)}"
    assert job["strategy"]["fail-fast"] is False
    shown = MATRIX["jobs"]["report"]["steps"][-1]["with"]["paths"].split()
    assert shown == [f"reports/{given['artifact'].replace('${{ matrix.shard }}', str(n))}/report.json" for n in numbers]
    wanted = MATRIX["jobs"]["report"]["steps"][0]["with"]["pattern"]
    assert all(fnmatchcase(path.split("/")[1], wanted) for path in shown)


DIGESTS = [f"sha256:{letter * 64}" for letter in "abc"]
MERGED = {"number": 7, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": "c" * 40}
BOT = "github-actions[bot]"


def said(*bodies: str | None, by: str = BOT) -> list[dict[str, Any]]:
    return [{"id": number, "user": {"login": by}, "body": body} for number, body in enumerate(bodies, 1)]


def plan_of(digest: str, end: str = "\n") -> str:
    return f"<!-- tagsync plan {digest} staging -->{end}### a plan\n<!-- tagsync plan {DIGESTS[2]} staging -->\n"


class TestTheApprovedDigest:
    SCRIPT = step(WORKFLOW, "Find the approved digest")["run"]

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_is_the_one_of_the_merged_pull_requests_comment(self, github: GitHub, end: str) -> None:
        other = {**MERGED, "number": 6, "merge_commit_sha": "d" * 40}
        elsewhere = plan_of(DIGESTS[1]).replace("staging", "production")
        github.set(pulls=[other, MERGED], comments=said("hello", None, elsewhere, plan_of(DIGESTS[0], end)))
        ran = github.script(self.SCRIPT, ENVIRONMENT="staging", GIVEN="")
        assert (ran.code, github.put_out()) == (0, {"digest": DIGESTS[0]})

    def test_is_that_of_the_comment_that_the_action_keeps(self, github: GitHub) -> None:
        github.out.mkdir(parents=True)
        github.set(pulls=[MERGED], comments=[*said(plan_of(DIGESTS[1]), by="mallory"), *said(*["hello"] * 120)])
        for digest in DIGESTS[:2]:
            (github.out / "report.md").write_text(plan_of(digest), encoding="utf-8")
            assert github.comment("staging").code == 0
            assert github.script(self.SCRIPT, ENVIRONMENT="staging", GIVEN="").code == 0
            assert github.put_out() == {"digest": digest}

    @pytest.mark.parametrize(
        ("pulls", "comments", "words"),
        [
            ([], [], "No pull request was merged with this commit"),
            ([{**MERGED, "merged_at": None}], said(plan_of(DIGESTS[0])), "No pull request was merged"),
            ([{**MERGED, "merge_commit_sha": "d" * 40}], said(plan_of(DIGESTS[0])), "No pull request was merged"),
            ([MERGED], [], "Pull request 7 has no comment by github-actions[bot]"),
            ([MERGED], said(plan_of(DIGESTS[0]), by="mallory"), "Pull request 7 has no comment"),
            ([MERGED], said(plan_of(DIGESTS[0]), by="github-actions"), "Pull request 7 has no comment"),
            ([MERGED], said("<!-- tagsync plan none staging -->\n"), "Pull request 7 has no comment"),
            ([MERGED], said("<!-- tagsync plan sha256:abc staging -->"), "Pull request 7 has no comment"),
            ([MERGED], said(f"<!-- tagsync plan {DIGESTS[0]} staging --> x"), "Pull request 7 has no comment"),
            ([MERGED], said(f"look\n{plan_of(DIGESTS[0])}"), "Pull request 7 has no comment"),
            ([MERGED], said(plan_of(DIGESTS[0]).replace("staging", "production")), "Pull request 7 has no comment"),
            ([MERGED], said(f"<!-- tagsync plan {DIGESTS[0]} -->\n"), "Pull request 7 has no comment"),
            (
                [MERGED],
                said("<!-- tagsync plan none staging -->", plan_of(DIGESTS[0])),
                "Pull request 7 has no comment",
            ),
        ],
    )
    def test_that_nobody_can_have_approved_fails_with_a_helpful_word(
        self, github: GitHub, pulls: list[Any], comments: list[Any], words: str
    ) -> None:
        github.set(pulls=pulls, comments=comments)
        ran = github.script(self.SCRIPT, ENVIRONMENT="staging", GIVEN="")
        assert (ran.code, github.put_out()) == (1, {})
        assert ran.out.startswith(f"::error::{words}")
        assert "Nothing was applied. Run this workflow by hand, review the plan, run it with its digest." in ran.out

    def test_may_be_given_by_hand_as_one_line(self, github: GitHub) -> None:
        ran = github.script(self.SCRIPT, ENVIRONMENT="staging", GIVEN=f"{DIGESTS[0]}\nexitcode=0")
        assert (ran.code, github.put_out()) == (0, {"digest": DIGESTS[0]})
        assert github.state["calls"] == []

    def test_is_not_guessed_when_github_does_not_answer(self, github: GitHub) -> None:
        github.env["GH_TOKEN"] = ""
        assert github.script(self.SCRIPT, ENVIRONMENT="staging", GIVEN="").code != 0
        assert github.put_out() == {}


def test_comment_and_digest_scripts_use_the_same_marker() -> None:
    texts = [step(ACTION, "Comment the plan")["run"], TestTheApprovedDigest.SCRIPT]
    filters = [re.findall(r"select\((\.user\.login.*)\)", text) for text in texts]
    assert filters[0] == filters[1]
    assert len(filters[0]) == 1


def test_workflow_decisions_are_explained() -> None:
    lines = TEXTS["tagsync.yml"].splitlines()
    explained = [
        after.strip()
        for before, after in itertools.pairwise(lines)
        if before.lstrip().startswith("#") and not after.lstrip().startswith("#")
    ]
    for decision in (
        "pull_request:",
        "push:",
        "permissions: {}",
        "timeout-minutes: 60",
        "environment: ${{ matrix.environment }}",
    ):
        assert decision in explained


def test_paths_in_comments_exist() -> None:
    named = re.findall(r"examples/[\w/.-]+", "".join(TEXTS.values()))
    assert named
    assert [name for name in named if not Path(ROOT, name).exists()] == []


def test_scripts_of_all_files_are_checked_by_shellcheck(tmp_path: Path) -> None:
    files = [ROOT / "action.yml", *sorted(CI.glob("*/*.y*ml"))]
    subprocess.run([sys.executable, ROOT / ".ci" / "scripts.py", tmp_path / "scripts", *files], check=True)  # noqa: S603 - our own
    found = [path.read_text("utf-8").partition("\n") for path in (tmp_path / "scripts").iterdir()]
    assert sorted(script for shell, _, script in found if shell == "#!/usr/bin/env bash") == sorted(
        item["run"] for document in (ACTION, WORKFLOW, MATRIX, DRIFT) for item in steps(document) if "run" in item
    )
    # Five jobs of GitLab, and the shell that computes the number of a shard.
    assert [shell for shell, _, _ in found].count("#!/bin/sh") == 6


def test_scripts_of_files_with_the_same_name_are_all_checked(tmp_path: Path) -> None:
    files = [tmp_path / "ci.yml", tmp_path / "ci.yaml"]
    for file in files:
        file.write_text(f"run: echo {file.suffix}", "utf-8")
    subprocess.run([sys.executable, ROOT / ".ci" / "scripts.py", tmp_path / "scripts", *files], check=True)  # noqa: S603 - our own
    assert len(list((tmp_path / "scripts").iterdir())) == 2
