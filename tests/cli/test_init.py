import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from builders import file_object
from cli.command import Command
from jsonschema import Draft202012Validator

from tagsync import schemas, templates

ROOT = Path(__file__).parents[2]
COMMIT = "a" * 40
LIBRARY = ROOT / "examples" / "library.jsonl"
WORKFLOW = Path(".github/workflows/tagsync.yml")
WRITTEN = ["tags.yaml", "policy.yaml", "tests.yaml", "manifest.schema.json", "config.schema.json", "library.jsonl"]


def repository(path: str) -> Path:
    folder = Path(path)
    (folder / ".git").mkdir(parents=True)
    return folder


def in_it(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_init_writes_valid_manifests_that_change_no_other_library(tagsync: Command) -> None:
    assert tagsync("init", "manifests").code == 0
    assert tagsync("validate", "manifests").out == "Valid: 2 manifests with 1 rule\n"
    planned = tagsync("plan", "--sandbox", LIBRARY, "manifests")
    assert planned.code == 0
    assert planned.out.startswith("Nothing to do")
    assert planned.err.count("warning: ") == 1
    assert re.search(r"warning: manifests/tags\.yaml:\d+:7: this rule selects no file", planned.err)


def test_init_manifests_plan_without_error_on_an_empty_library(tagsync: Command, library: Callable[..., Path]) -> None:
    library()
    tagsync("init", "manifests")
    planned = tagsync("plan", "--sandbox", "library.jsonl", "manifests")
    assert (planned.code, planned.err.count("error: ")) == (0, 0)
    assert "this rule selects no file" in planned.err


def test_init_lists_its_files_and_the_next_commands(tagsync: Command) -> None:
    result = tagsync("init", "my manifests")
    assert result.err == ""
    assert result.out == (
        "written: my manifests/tags.yaml\n"
        "written: my manifests/policy.yaml\n"
        "written: my manifests/tests.yaml\n"
        "written: my manifests/manifest.schema.json\n"
        "written: my manifests/config.schema.json\n"
        "written: my manifests/library.jsonl\n"
        "written: tagsync.yaml\n"
        "written: .github/workflows/tagsync.yml\n"
        "\n"
        "Try it without an account:\n"
        "  tagsync test 'my manifests'\n"
        "  tagsync plan 'my manifests' --sandbox 'my manifests/library.jsonl'\n"
        "\n"
        "Then edit my manifests/tags.yaml, set the key of your account in IMAGEKIT_PRIVATE_KEY, and run:\n"
        "  tagsync plan 'my manifests'\n"
        "  tagsync apply 'my manifests'\n"
        "\n"
        "tagsync.yaml has one environment, production, which commands use. If you add another one, such as staging,\n"
        "pass --env NAME to each command, or set defaultEnvironment to a harmless one.\n"
        "The workflow lists its set-up steps in its first lines.\n"
    )


def test_init_tests_pass_after_the_first_edits(tagsync: Command) -> None:
    tagsync("init", "manifests")
    rules = Path("manifests/tags.yaml")
    shipped = rules.read_text("utf-8")
    for old, new in (
        ("/tagsync-example/**", "/products/**"),
        ("tags: [example]", "tags: [mine]"),
        ("# - path: /shop/shoes/red.jpg\n    #   tags", "- path: /shop/shoes/red.jpg\n      tags"),
        ('# - fileId: "5e21880d5efe355febd4bccd"\n    #   tags', '- fileId: "5e21880d5efe355febd4bccd"\n      tags'),
    ):
        assert old in shipped
        rules.write_text(shipped.replace(old, new), encoding="utf-8")
        assert tagsync("test").code == 0
        assert tagsync("plan", "--sandbox", "manifests/library.jsonl").code == 0


def test_init_test_with_expectation_passes(tagsync: Command) -> None:
    tagsync("init", "manifests")
    tests = Path("manifests/tests.yaml")
    text, changed = re.subn(r"(?m)^  # (expect:$|  /)", r"  \1", tests.read_text("utf-8"))
    tests.write_text(text, encoding="utf-8")
    assert (changed, tagsync("test").code) == (2, 0)


def test_init_files_have_mode_644(tagsync: Command) -> None:
    before = os.umask(0o077)
    try:
        tagsync("init", "manifests")
    finally:
        os.umask(before)
    found = [*Path("manifests").iterdir(), WORKFLOW]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o644}
    assert in_it(Path("manifests")) == sorted(WRITTEN)


def test_init_manifests_name_the_schema_in_their_first_line(tagsync: Command) -> None:
    tagsync("init", "manifests")
    assert Path("manifests/manifest.schema.json").read_text("utf-8") == tagsync("schema").out
    for name in ("tags.yaml", "policy.yaml", "tests.yaml"):
        first = Path("manifests", name).read_text("utf-8").partition("\n")[0]
        assert first == "# yaml-language-server: $schema=./manifest.schema.json"


@pytest.mark.parametrize(
    ("name", "holds"), [("tags.yaml", "1 manifest with 8 rules"), ("policy.yaml", "1 manifest with 0 rules")]
)
def test_init_manifests_are_valid_with_all_comments_removed(
    tagsync: Command, name: templates.TemplateName, holds: str
) -> None:
    text, changed = re.subn(r"(?m)^( *)# ((?:- |  +)*(?:[a-z]\w+:( |$)|---$))", r"\1\2", templates.text(name))
    assert changed > 5
    Path(name).write_text(text, encoding="utf-8")
    assert tagsync("validate", name).out == f"Valid: {holds}\n"
    assert not re.search(r"(?m)^ *# *[a-z-]+:", text.partition("\n")[2])


def test_init_manifest_shows_every_key_of_a_rule(tagsync: Command) -> None:
    schema = json.loads(tagsync("schema").out)["$defs"]
    keys = {*schema["entry"]["properties"], *schema["defaults"]["properties"], *schema["aiTags"]["properties"]}
    text = templates.text("tags.yaml")
    assert {key for key in keys if f" {key}:" not in text and f"{{{key}:" not in text} == set()


@pytest.mark.parametrize("folder", ["manifests", "media/my tags", "."])
def test_init_config_names_the_folder_and_its_schema(tagsync: Command, folder: str) -> None:
    tagsync("init", folder)
    text = Path("tagsync.yaml").read_text("utf-8")
    schema = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads(Path(unquote(schema)).read_text("utf-8"))["title"] == "tagsync.yaml"
    assert tagsync("validate").out == "Valid: 2 manifests with 1 rule\n"
    planned = tagsync("plan", "--sandbox", Path(folder, "library.jsonl"), "--format", "json")
    assert planned.document["target"]["environment"] == "production"
    whole, changed = re.subn(r"(?m)^( *)# ((?:  )?[a-z]\w+:( |$))", r"\1\2", text)
    assert changed == 7
    Draft202012Validator(schemas.load("config")).validate(yaml.safe_load(whole))


def test_init_policy_has_the_default_limits(tagsync: Command) -> None:
    Path("policy.yaml").write_text(templates.text("policy.yaml"), encoding="utf-8")
    shipped = yaml.safe_load(templates.text("policy.yaml"))["spec"]["guards"]
    assert len(shipped) == 5
    assert "warning" not in tagsync("validate", "policy.yaml").err
    assert str(shipped["removedTags"]) == "{'percent': 30, 'above': 100}"


def test_init_workflow_equals_the_example_except_for_the_folder(tagsync: Command) -> None:
    example = (ROOT / "examples/ci/github/tagsync.yml").read_text("utf-8")
    tagsync("init", "manifests")
    assert WORKFLOW.read_text("utf-8") == example
    WORKFLOW.unlink()
    tagsync("init", "media/tags")
    assert WORKFLOW.read_text("utf-8") == example.replace('"manifests', '"media/tags')
    assert example.count('"manifests') == 3


def test_init_workflow_is_below_the_root_and_names_the_folder_from_there(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository("repository").absolute()
    (root / "media").mkdir()
    monkeypatch.chdir(root / "media")
    result = tagsync("init", "tags")
    assert "written: ../.github/workflows/tagsync.yml\n" in result.out
    workflow = yaml.safe_load((root / WORKFLOW).read_text("utf-8"))
    assert workflow["env"]["MANIFESTS"] == "media/tags"
    assert (
        workflow[True]["push"]["paths"] == workflow[True]["pull_request"]["paths"] == ["media/tags/**", "tagsync.yaml"]
    )


def test_init_writes_the_workflow_into_another_repository(tagsync: Command) -> None:
    root = repository("elsewhere")
    assert tagsync("init", root / "tags").code == 0
    assert in_it(root) == [str(WORKFLOW), *sorted(f"tags/{name}" for name in WRITTEN), "tagsync.yaml"]
    assert not WORKFLOW.exists()


def test_init_accepts_the_root_as_folder(tagsync: Command) -> None:
    repository(".")
    assert tagsync("init", ".").code == 0
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert (workflow["env"]["MANIFESTS"], workflow[True]["push"]["paths"]) == (".", ["**", "tagsync.yaml"])
    assert tagsync("validate", ".").code == 0


def test_init_keeps_and_lists_existing_files(tagsync: Command) -> None:
    Path("manifests").mkdir()
    Path("manifests/policy.yaml").write_text("mine", encoding="utf-8")
    WORKFLOW.parent.mkdir(parents=True)
    WORKFLOW.write_text("mine too", encoding="utf-8")
    Path("tagsync.yaml").write_text("mine as well", encoding="utf-8")
    result = tagsync("init", "manifests")
    assert result.code == 0
    assert result.out.splitlines()[:8] == [
        "written: manifests/tags.yaml",
        "kept: manifests/policy.yaml",
        "written: manifests/tests.yaml",
        "written: manifests/manifest.schema.json",
        "written: manifests/config.schema.json",
        "written: manifests/library.jsonl",
        "kept: tagsync.yaml (check that it names manifests)",
        "kept: .github/workflows/tagsync.yml (check that it names manifests)",
    ]
    assert Path("manifests/policy.yaml").read_text("utf-8") == "mine"
    assert WORKFLOW.read_text("utf-8") == "mine too"
    again = [line.partition(" (")[0] for line in tagsync("init", "manifests").out.splitlines()[:8]]
    assert again == [line.replace("written", "kept").partition(" (")[0] for line in result.out.splitlines()[:8]]


def test_init_writes_no_test_for_existing_rules(tagsync: Command) -> None:
    Path("manifests").mkdir()
    Path("manifests/tags.yaml").write_text("mine", encoding="utf-8")
    assert "tests.yaml" not in tagsync("init", "manifests").out
    assert not Path("manifests/tests.yaml").exists()


@pytest.mark.parametrize("link", ["manifests", "manifests/tags.yaml", ".github", str(WORKFLOW.parent), str(WORKFLOW)])
def test_init_refuses_links(tagsync: Command, link: str) -> None:
    Path("elsewhere").mkdir()
    Path(link).parent.mkdir(parents=True, exist_ok=True)
    Path(link).symlink_to(Path("elsewhere").absolute())
    result = tagsync("init", "manifests")
    assert (result.code, result.out) == (64, "")
    assert f"{link} is a symbolic link: init does not write through links" in result.err
    assert in_it(Path()) == []


def test_init_follows_a_link_to_a_repository(tagsync: Command) -> None:
    root = repository("repository")
    Path("short").symlink_to(root.absolute())
    assert tagsync("init", "short/tags").code == 0
    assert yaml.safe_load((root / WORKFLOW).read_text("utf-8"))["env"]["MANIFESTS"] == "tags"


@pytest.mark.parametrize(
    "name", ["${{ secrets.KEY }}", 'a"b', "a*", "!a", "-a", "a\nb", "\x1b[31m", "a'b", "a\\b", "a#b"]
)
def test_init_refuses_folder_names_with_a_meaning_in_workflows(tagsync: Command, name: str) -> None:
    result = tagsync("init", "--", name)
    assert (result.code, result.out) == (64, "")
    assert "cannot be named in a workflow: use only letters, digits" in result.err
    assert "\x1b" not in result.err
    assert in_it(Path()) == []


def test_init_accepts_folder_names_in_any_script(tagsync: Command) -> None:
    assert tagsync("init", "m\u00e9dias/\u5199\u771f 1").code == 0
    assert yaml.safe_load(WORKFLOW.read_text("utf-8"))["env"]["MANIFESTS"] == "m\u00e9dias/\u5199\u771f 1"


def test_init_refuses_a_folder_outside_of_repository_and_current_folder(tagsync: Command, tmp_path: Path) -> None:
    result = tagsync("init", tmp_path / "apart")
    assert (result.code, result.out) == (64, "")
    assert "is in no git repository and not below the current folder" in result.err
    assert not (tmp_path / "apart").exists()


def test_init_refuses_a_file_as_folder(tagsync: Command) -> None:
    Path("manifests").write_text("mine", encoding="utf-8")
    result = tagsync("init", "manifests")
    assert (result.code, result.out) == (64, "")
    assert "manifests is a file: choose another folder" in result.err


def test_init_writes_files_completely_or_not_at_all(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fchmod", full)
    result = tagsync("init", "manifests")
    assert (result.code, result.out) == (1, "")
    assert "No space left on device" in result.err
    assert in_it(Path("manifests")) == []


def test_init_keeps_a_file_created_at_the_same_time(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    fchmod = os.fchmod

    def quicker(descriptor: int, mode: int) -> None:
        fchmod(descriptor, mode)
        if not Path("manifests/tags.yaml").exists():
            Path("manifests/tags.yaml").write_text("quicker", encoding="utf-8")

    monkeypatch.setattr("os.fchmod", quicker)
    result = tagsync("init", "manifests")
    assert (result.code, result.out.splitlines()[0]) == (0, "kept: manifests/tags.yaml")
    assert Path("manifests/tags.yaml").read_text("utf-8") == "quicker"
    assert in_it(Path("manifests")) == sorted(WRITTEN)


def test_init_example_rule_works_if_its_folder_exists(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/tagsync-example/1.jpg"))
    tagsync("init", "manifests")
    planned = tagsync("plan", "--sandbox", "library.jsonl", "--format", "json", "manifests")
    assert [change["add"] for change in planned.document["changes"]] == [["example"]]


@pytest.mark.parametrize("folder", [".hidden", "a/.b", ".github/workflows"])
def test_init_refuses_a_hidden_folder(tagsync: Command, folder: str) -> None:
    result = tagsync("init", folder)
    assert (result.code, result.out) == (64, "")
    assert f"{folder} is hidden, and tagsync skips hidden folders" in result.err
    assert list(Path.cwd().iterdir()) == []


def test_init_accepts_a_repository_in_a_hidden_folder(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".home/repository").mkdir(parents=True)
    monkeypatch.chdir(".home/repository")
    assert tagsync("init", Path("manifests").resolve()).code == 0
    assert tagsync("validate", "manifests").code == 0


def test_init_writes_a_library_to_try_its_manifest_with(tagsync: Command) -> None:
    tagsync("init", "manifests")
    planned = tagsync("plan", "manifests", "--sandbox", "manifests/library.jsonl", "--format", "json")
    assert (planned.code, planned.err.count("warning: ")) == (0, 0)
    assert [change["add"] for change in planned.document["changes"]] == [["example"]] * 2
    assert tagsync("validate", *sorted(Path("manifests").iterdir())).code == 0


@pytest.mark.parametrize(
    ("origin", "action"),
    [
        (
            {"url": "https://github.com/shop/tagsync.git", "vcs_info": {"commit_id": "a" * 40}},
            "shop/tagsync",
        ),
        (
            {"url": "ssh://git@github.com/shop/tagsync", "vcs_info": {"commit_id": "a" * 40}},
            "shop/tagsync",
        ),
        ({"url": "https://github.com/shop/tagsync", "vcs_info": {"commit_id": "main"}}, None),
        ({"url": "https://example.com/shop/tagsync", "vcs_info": {"commit_id": COMMIT}}, None),
        ({"url": "https://github.com/${{x}}/tagsync", "vcs_info": {"commit_id": COMMIT}}, None),
        ({"url": "file:///home/me/tagsync", "dir_info": {"editable": True}}, None),
        (None, None),
    ],
)
def test_init_workflow_names_the_commit_that_tagsync_was_installed_from(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, origin: object, action: str | None
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(origin) if origin else None

    monkeypatch.setattr("tagsync.cli.init.distribution", lambda _name: Installed())
    tagsync("init", "manifests")
    uses = [line for line in WORKFLOW.read_text("utf-8").splitlines() if "uses:" in line and "actions/" not in line]
    wanted = f"{action}@{COMMIT}" if action else f"your-organisation/tagsync@{'0' * 40} # put its commit here"
    assert {line.partition("uses: ")[2] for line in uses} == {wanted}
