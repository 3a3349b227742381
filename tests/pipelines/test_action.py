"""Run the scripts of the action as GitHub does."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from builders import file_object, manifest
from canary import KEY
from pipelines.conftest import GitHub
from pipelines.files import ACTION, MANIFESTS, ROOT, Ran, step

Sandboxed = Callable[..., Ran]
MARKER = re.compile(r"<!-- tagsync plan (sha256:[0-9a-f]{64}) -->")


def declare(github: GitHub, files: str, folder: str = "manifests") -> None:
    (github.workspace / folder).mkdir(parents=True, exist_ok=True)
    (github.workspace / folder / "tags.yaml").write_text(manifest(files), encoding="utf-8")


def examples(github: GitHub) -> None:
    shutil.copytree(MANIFESTS, github.workspace / "manifests")


def test_action_outputs_of_plan_are_changes_digest_exit_code_and_path(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    ran = sandboxed("plan", PATHS="manifests", ACCOUNT="example-shop")
    assert ran.code == 0, ran.err
    document = json.loads((github.out / "plan.json").read_text("utf-8"))
    assert document["target"]["account"] == "example-shop"
    assert github.put_out() == {
        "changes": str(len(document["changes"])),
        "digest": document["digest"],
        "exitcode": "0",
        "plan": str(github.out / "plan.json"),
    }
    report = (github.out / "report.md").read_text("utf-8")
    found = MARKER.match(report)
    assert found
    assert found[1] == document["digest"]
    assert document["digest"] in github.summary.read_text("utf-8")
    assert json.loads((github.out / "report.json").read_text("utf-8"))["digest"] == document["digest"]


def test_action_applies_only_the_approved_plan(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    sandboxed("plan", PATHS="manifests")
    digest = github.put_out()["digest"]
    refused = sandboxed("apply", PATHS="manifests", EXPECT_DIGEST=f"sha256:{'0' * 64}")
    assert (refused.code, github.put_out()["exitcode"]) == (4, "4")
    assert sandboxed("plan", "--detailed-exitcode", PATHS="manifests").code == 2
    applied = sandboxed("apply", PATHS="manifests", EXPECT_DIGEST=digest)
    assert (applied.code, github.put_out()["exitcode"]) == (0, "0")
    assert "plan" not in github.put_out()
    assert sandboxed("plan", "--detailed-exitcode", PATHS="manifests").code == 0


def test_action_applies_a_saved_plan_in_shards_and_merges_reports(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    sandboxed("plan", PATHS="manifests")
    whole = int(github.put_out()["changes"])
    shutil.copy(github.out / "plan.json", github.workspace)
    for shard in (1, 2, 3, 4):
        assert sandboxed("apply", f"--shard={shard}/4", PATHS="plan.json").code == 0
        shutil.copy(github.out / "report.json", github.workspace / f"report-{shard}.json")
    shown = github.action(COMMAND="show", PATHS="\n".join(f"report-{shard}.json" for shard in (1, 2, 3, 4)))
    assert shown.code == 0, shown.err
    assert (github.put_out()["changes"], whole) == (
        str(whole),
        len(json.loads((github.out / "report.json").read_text("utf-8"))["changes"]),
    )
    assert sandboxed("plan", "--detailed-exitcode", PATHS="manifests").code == 0


def test_action_fails_on_manifest_errors_with_an_annotation(github: GitHub) -> None:
    declare(github, "- path: /a.jpg\n  tags: [no]")
    ran = github.action(COMMAND="validate", PATHS="manifests")
    assert (ran.code, github.put_out()["exitcode"]) == (1, "1")
    assert re.search(r"(?m)^::error file=manifests/tags\.yaml,line=6,col=\d+,", ran.out)
    assert (github.out / "report.md").exists()


def test_action_runs_tests_without_a_key_and_annotates_failures(github: GitHub) -> None:
    declare(github, "- {match: /**, tags: [red]}")
    test = "apiVersion: tagsync/v1\nkind: Test\nspec:\n  given: [{path: /a}]\n  expect: {/a: {exact: [red]}}\n"
    (github.workspace / "manifests" / "tests.yaml").write_text(test, encoding="utf-8")
    ran = github.action(COMMAND="test", PATHS="manifests")
    assert (ran.code, github.put_out()["exitcode"]) == (0, "0"), ran.err
    declare(github, "- {match: /**, tags: [blue]}")
    ran = github.action(COMMAND="test", PATHS="manifests")
    assert (ran.code, github.put_out()["exitcode"]) == (1, "1")
    assert "::error file=manifests/tests.yaml,line=5,col=12,title=test::'/a' has other tags than expected" in ran.out
    assert (github.out / "report.md").exists()


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"COMMAND": "destroy", "PATHS": "manifests"}, 64),
        ({"COMMAND": "validate", "PATHS": ""}, 64),
        ({"COMMAND": "validate", "PATHS": "manifests", "ARGS": "--no-such-option"}, 64),
        ({"COMMAND": "plan", "PATHS": "manifests", "EXPECT_DIGEST": f"sha256:{'0' * 64}"}, 64),
        ({"COMMAND": "plan", "PATHS": "manifests"}, 1),
    ],
)
def test_action_fails_on_a_usage_error_with_its_code(github: GitHub, inputs: dict[str, str], code: int) -> None:
    declare(github, "- path: /a.jpg\n  tags: [red]")
    assert github.action(**inputs).code == code


def test_action_fails_on_an_incomplete_apply_with_its_code(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    assert sandboxed("apply", "--max-requests=1", PATHS="manifests").code == 3
    assert github.put_out()["exitcode"] == "3"


def test_action_inputs_are_lines_and_never_shell(github: GitHub) -> None:
    hostile = ["$(touch pwned)", "`touch pwned`", "; touch pwned", 'a b\'s "c"', "*", "--help", "-x"]
    for name in hostile:
        declare(github, "- path: /a.jpg\n  tags: [red]", folder=name)
    ran = github.action(COMMAND="validate", PATHS="\n".join(hostile), ACCOUNT="$(touch pwned)", ARGS="\n\n--verbose\n")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in github.workspace.iterdir()) == sorted(hostile)
    assert "7 manifests" in (github.out / "report.md").read_text("utf-8")


def test_action_passes_the_key_and_never_shows_it(github: GitHub, served: Callable[..., str]) -> None:
    declare(github, "- path: /a.jpg\n  tags: [red]")
    url = served(file_object("/a.jpg"), key=KEY)
    wrong = github.action(COMMAND="plan", PATHS="manifests", ENDPOINT=url, PRIVATE_KEY="private_wrong")
    right = github.action(COMMAND="plan", PATHS="manifests", ENDPOINT=url, PRIVATE_KEY=KEY)
    assert (wrong.code, right.code) == (1, 0)
    written = [*github.out.iterdir(), github.summary, github.outputs]
    said = "".join([*(path.read_text("utf-8") for path in written), *wrong[1:], *right[1:]])
    assert KEY not in said
    assert "private_wrong" not in said


def test_action_uses_the_key_of_the_job_if_the_input_is_empty(github: GitHub, served: Callable[..., str]) -> None:
    declare(github, "- path: /a.jpg\n  tags: [red]")
    github.env["IMAGEKIT_PRIVATE_KEY"] = KEY
    url = served(file_object("/a.jpg"), key=KEY)
    assert github.action(COMMAND="plan", PATHS="manifests", ENDPOINT=url).code == 0


def test_action_removes_output_of_an_earlier_run(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    sandboxed("plan", PATHS="manifests")
    assert sandboxed("plan", PATHS="nowhere").code == 1
    assert "plan" not in github.put_out()
    assert not (github.out / "plan.json").exists()


def test_action_inputs_all_reach_the_script() -> None:
    env = step(ACTION, "Run tagsync")["env"]
    assert env == {
        name.upper().replace("-", "_"): f"${{{{ inputs.{name} }}}}"
        for name in (
            "command",
            "paths",
            "args",
            "private-key",
            "environment",
            "account",
            "endpoint",
            "ack",
            "expect-digest",
        )
    } | {"PRUNE_SINCE": "${{ steps.applied.outputs.ref }}"}


def test_action_outputs_are_all_set_by_the_script(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    sandboxed("plan", PATHS="manifests")
    # The examples are not in a git repository here.
    values = {name: f"${{{{ steps.run.outputs.{name} }}}}" for name in (*github.put_out(), "commit")}
    assert {name: output["value"] for name, output in ACTION["outputs"].items()} == values


def test_action_uploads_the_folder_of_the_script(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    sandboxed("plan", PATHS="manifests")
    (upload,) = (item for item in ACTION["runs"]["steps"] if "upload-artifact" in item.get("uses", ""))
    assert Path(upload["with"]["path"].replace("${{ runner.temp }}", github.env["RUNNER_TEMP"])) == github.out
    assert sorted(path.name for path in github.out.iterdir()) == ["plan.json", "report.json", "report.md"]


def test_install_uses_only_hashed_packages_and_build_backend() -> None:
    texts = [step(ACTION, "Install tagsync")["run"], (ROOT / "Dockerfile").read_text("utf-8")]
    for text in (re.sub(r"\\\n *", "", text) for text in texts):
        assert len(re.findall(r"(?m)--requirement \S*requirements-install\.lock\"? *(&&.*)?$", text)) == 1
        assert text.count("--require-hashes --only-binary :all: --requirement") == 1
        assert len(re.findall(r"(?m)--no-build-isolation --no-deps (?:\.|\"\$GITHUB_ACTION_PATH\")(?: |$)", text)) == 1
        assert len(re.findall(r"pip install|\"\$\{install\[@\]\}\"", text)) == 2 + text.count("install=(")
    assert "!requirements-install.lock" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()


def test_install_lock_pins_the_build_backend_and_matches_the_other_lock() -> None:
    whole, install = (
        dict(re.findall(r"(?m)^([a-z][\w.-]*==\S+).*((?:\n    --hash.*)+)", (ROOT / name).read_text("utf-8")))
        for name in ("requirements.lock", "requirements-install.lock")
    )
    names = {pin.partition("==")[0] for pin in install}
    assert names >= {"hatchling", "click", "httpx", "jinja2", "jsonschema", "msgspec", "pyyaml", "rich", "tenacity"}
    assert "starlette" in names  # the workflow can be tried against the sandbox
    assert not names & {"pytest", "mypy", "playwright"}
    assert {name: whole[name] for name in install} == install


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "ack",
    [
        f"removedTags@{DIGEST}\n--endpoint=http://127.0.0.1:9",
        f"removedTags@{DIGEST} --endpoint=http://127.0.0.1:9",
        f"removedTags@{DIGEST}\r--verbose",
        f"--verbose\nremovedTags@{DIGEST}",
        f"removedTags@{DIGEST}x",
        "--",
        "*",
        "$(touch pwned)",
        "-",
        "removedTags@sha256:\n" + "0" * 64,
    ],
)
def test_action_input_ack_accepts_only_guards(github: GitHub, sandboxed: Sandboxed, ack: str) -> None:
    examples(github)
    ran = sandboxed("apply", PATHS="manifests", ACK=ack)
    assert (ran.code, github.put_out()) == (64, {})
    assert ran.out == (
        "::error::The input ack must be GUARD@sha256:..., as the plan prints it; separate several by spaces.\n"
    )
    assert not (github.workspace / "pwned").exists()


@pytest.mark.parametrize("form", ["{0} newTags@{1}", " \n{0}\r\n\tnewTags@{1} \n", "{0}"])
def test_action_input_ack_accepts_one_or_several_guards(github: GitHub, served: Callable[..., str], form: str) -> None:
    declare(github, "- path: /a.jpg\n  absent: [old]")
    url = served(file_object("/a.jpg", ["old"]))
    call = {"PATHS": "manifests", "ENDPOINT": url, "PRIVATE_KEY": KEY}
    assert github.action(COMMAND="apply", **call).code == 4
    digest = json.loads((github.out / "report.json").read_text("utf-8"))["digest"]
    ran = github.action(COMMAND="apply", ACK=form.format(f"emptiedFiles@{digest}", digest), **call)
    assert (ran.code, github.put_out()["exitcode"]) == (0, "0")


@pytest.mark.parametrize("name", ["ACCOUNT", "ENDPOINT", "EXPECT_DIGEST"])
def test_action_input_that_looks_like_an_option_is_a_value(github: GitHub, sandboxed: Sandboxed, name: str) -> None:
    examples(github)
    ran = sandboxed("apply", PATHS="manifests", **{name: "--help"})
    assert "Usage:" not in ran.out


def test_action_path_that_looks_like_an_option_is_a_path(github: GitHub, sandboxed: Sandboxed) -> None:
    examples(github)
    assert sandboxed("plan", PATHS="manifests\n--help").code == 1


class TestComment:
    def test_is_created_once_and_then_updated(self, github: GitHub, sandboxed: Sandboxed) -> None:
        examples(github)
        sandboxed("plan", PATHS="manifests")
        assert github.comment().code == 0
        first = github.comments
        assert first == [(github.out / "report.md").read_text("utf-8")]
        (github.workspace / "manifests" / "shoes.yaml").unlink()
        sandboxed("plan", PATHS="manifests")
        assert github.comment().code == 0
        assert github.comments == [(github.out / "report.md").read_text("utf-8")]
        assert github.comments != first
        assert [call.partition(" ")[0] for call in github.state["calls"]] == ["GET", "POST", "GET", "PATCH"]

    def test_is_one_for_each_environment(self, github: GitHub, sandboxed: Sandboxed) -> None:
        shutil.copytree(MANIFESTS, github.workspace / "manifests", dirs_exist_ok=True)
        environments = "environments: {staging: {}, production: {}}\n"
        (github.workspace / "tagsync.yaml").write_text(
            f"apiVersion: tagsync/v1\nkind: Config\nmanifests: [manifests]\n{environments}", encoding="utf-8"
        )
        for _ in range(2):
            for environment in ("staging", "production"):
                assert sandboxed("plan", ENVIRONMENT=environment).code == 0
                assert github.comment(environment).code == 0
        assert sandboxed("plan", ENVIRONMENT="nowhere").code == 64
        assert github.comment("staging").code == 0
        assert len(github.comments) == 2
        assert re.match("<!-- tagsync plan sha256:[0-9a-f]{64} production -->\n", github.comments[1])
        assert github.comments[0].startswith("<!-- tagsync plan none staging -->\n")

    def test_never_touches_comments_of_others(self, github: GitHub, sandboxed: Sandboxed) -> None:
        examples(github)
        marker = f"<!-- tagsync plan sha256:{'0' * 64} -->"
        others = [
            {"id": 1, "user": {"login": "mallory"}, "body": f"{marker}\nlooks fine"},
            {"id": 2, "user": {"login": "github-actions[bot]"}, "body": f"of another workflow, quoting {marker}"},
            {"id": 3, "user": {"login": "github-actions[bot]"}, "body": None},
        ]
        github.set(comments=others)
        sandboxed("plan", PATHS="manifests")
        assert github.comment().code == 0
        assert github.state["comments"][:3] == others
        assert len(github.comments) == 4

    def test_is_found_on_a_later_page(self, github: GitHub, sandboxed: Sandboxed) -> None:
        examples(github)
        chatter = [{"id": number, "user": {"login": "ann"}, "body": "hello"} for number in range(1, 151)]
        mine = {"id": 151, "user": {"login": "github-actions[bot]"}, "body": "<!-- tagsync plan none -->"}
        github.set(comments=[*chatter, mine])
        sandboxed("plan", PATHS="manifests")
        assert github.comment().code == 0
        assert len(github.comments) == 151
        assert MARKER.match(github.comments[-1])

    @pytest.mark.parametrize("paths", ["nowhere", "manifests\n--\nx", ""])
    def test_of_a_plan_that_failed_names_no_digest(self, github: GitHub, sandboxed: Sandboxed, paths: str) -> None:
        examples(github)
        sandboxed("plan", PATHS="manifests")
        github.comment()
        assert sandboxed("plan", PATHS=paths).code in (1, 64)
        assert github.comment().code == 0
        (body,) = github.comments
        assert body.startswith(
            "<!-- tagsync plan none -->\n\n**tagsync made no plan:** see "
            "[this run](https://github.example/owner/repository/actions/runs/42).\n"
        )

    def test_is_passed_on_as_it_is(self, github: GitHub) -> None:
        github.out.mkdir(parents=True)
        text = f"<!-- tagsync plan sha256:{'a' * 64} -->\n$(touch pwned) `id` @/etc/passwd \\n %0A \u202e\n"
        (github.out / "report.md").write_text(text, encoding="utf-8")
        assert github.comment().code == 0
        assert github.comments == [text]

    def test_that_github_refuses_fails_the_step(self, github: GitHub) -> None:
        github.env["GH_TOKEN"] = ""
        assert github.comment().code != 0


def test_action_runs_the_try_job_of_the_workflow_that_init_writes(github: GitHub) -> None:
    (github.workspace / ".git").mkdir()
    github.script(f"{github.env['RUNNER_TEMP']}/tagsync/venv/bin/tagsync init manifests")
    workflow = yaml.safe_load((github.workspace / ".github/workflows/tagsync.yml").read_text("utf-8"))
    call = workflow["jobs"]["try"]["steps"][-1]
    values = {f"${{{{ env.{name} }}}}": value for name, value in workflow["env"].items()}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ env\.\w+ \}\}", lambda found: str(values[found[0]]), text)

    given = {name.upper(): filled(value) for name, value in (call["with"] | call["env"]).items()}
    ran = github.action(**given)
    assert (ran.code, github.put_out()["exitcode"], github.put_out()["changes"]) == (0, "0", "2")
